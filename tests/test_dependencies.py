"""Which tool call waited for which: by what the model had seen when it asked."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Store, VirtualClock
from obs_helpers.agent.errors import StepLimitReached
from obs_helpers.insight.dependencies import tool_dependencies
from obs_helpers.insight.traces import SpanNode, Trace
from obs_helpers.views.dependency_view import dependency_chart

START = datetime(2026, 1, 5, 8, tzinfo=UTC).replace(tzinfo=None)
PNG = b"\x89PNG"


def span(
    operation: str, name: str, start_s: float, end_s: float | None, *children: SpanNode
) -> SpanNode:
    """Return a span of a run; without an end it still runs."""
    return SpanNode(
        span_id=name,
        parent_id=None,
        name=name,
        start_time=START + timedelta(seconds=start_s),
        duration_s=None if end_s is None else end_s - start_s,
        status="RUNNING" if end_s is None else "UNSET",
        status_message=None,
        attributes={"gen_ai.operation.name": operation, "gen_ai.tool.name": name},
        children=list(children),
    )


def chat(start_s: float, end_s: float | None) -> SpanNode:
    return span("chat", f"chat at {start_s}", start_s, end_s)


def tool(name: str, start_s: float, end_s: float | None, *children: SpanNode) -> SpanNode:
    return span("execute_tool", name, start_s, end_s, *children)


def run(*children: SpanNode) -> Trace:
    return Trace("t" * 32, [span("invoke_agent", "run", 0, 99, *children)])


def waits(trace: Trace) -> dict[str, list[str]]:
    """Return by tool the tools it waited for."""
    table = tool_dependencies(trace)
    names = dict(zip(table["step"], table["tool"], strict=True))
    return {
        row.tool: [names[step] for step in row.waited_for]  # type: ignore[attr-defined]
        for row in table.itertuples()
    }


def test_a_tool_waited_for_what_had_ended_before_its_model_call_began() -> None:
    """And what was asked for in one go ran side by side, whichever ended first."""
    trace = run(
        *(chat(0, 1), tool("flights", 1, 4), tool("weather", 1, 2)),
        *(chat(4, 5), tool("book", 5, 6)),
    )
    table = tool_dependencies(trace)
    assert table["tool"].tolist() == ["flights", "weather", "book"]
    assert table["waited_for"].tolist() == [[], [], [1, 2]]
    assert table["ran_beside"].tolist() == [[2], [1], []]
    assert table["start_s"].tolist() == [1.0, 1.0, 5.0]
    assert table["duration_s"].tolist() == [3.0, 1.0, 1.0]
    assert table.attrs["left_out"] == 0


def test_one_after_the_other_without_a_model_call_in_between_is_no_waiting() -> None:
    """The same answer of the model asked for both."""
    assert waits(run(chat(0, 1), tool("a", 1, 2), tool("b", 2, 3))) == {"a": [], "b": []}


def test_what_the_model_had_not_seen_was_not_waited_for() -> None:
    """A slow tool of the first round that ends during the second model call."""
    trace = run(
        *(chat(0, 1), tool("slow", 1, 4.5), tool("quick", 1, 2)),
        *(chat(4, 5), tool("after", 5, 6)),
    )
    assert waits(trace)["after"] == ["quick"]


def test_only_the_nearest_are_named() -> None:
    """What these had waited for themselves is in their own rows."""
    trace = run(
        *(chat(0, 1), tool("a", 1, 2), chat(2, 3), tool("b", 3, 4), chat(4, 5), tool("c", 5, 6))
    )
    assert waits(trace) == {"a": [], "b": ["a"], "c": ["b"]}


def test_the_tools_of_another_run_in_the_same_trace_are_none_of_its_business() -> None:
    """Two agents that one tool call started."""
    first = span("invoke_agent", "one", 1, 9, chat(1, 2), tool("a", 2, 3))
    second = span("invoke_agent", "two", 4, 9, chat(4, 5), tool("b", 5, 6))
    assert waits(run(first, second)) == {"a": [], "b": []}


def test_a_tool_that_nobody_asked_for_and_one_that_still_runs() -> None:
    """Neither waited; nobody waited for what has not ended."""
    trace = run(tool("first", 0, 1), tool("hangs", 0, None), chat(5, 6), tool("last", 6, 7))
    assert waits(trace) == {"first": [], "hangs": [], "last": ["first"]}
    table = tool_dependencies(trace)
    assert table["ran_beside"].tolist() == [[2], [1, 3], [2]]
    assert table["duration_s"].isna().tolist() == [False, True, False]


def test_a_trace_without_tools_has_an_empty_table_with_all_columns() -> None:
    """So that what is written for the table still works."""
    table = tool_dependencies(run(chat(0, 1)))
    assert table.empty
    assert {"step", "tool", "waited_for", "ran_beside"} <= set(table.columns)


def test_of_very_many_calls_the_first_five_hundred_are_compared() -> None:
    """The table says how many are left out."""
    rounds: list[SpanNode] = []
    for n in range(1500):
        rounds += [chat(2 * n, 2 * n + 1), tool(f"{n}", 2 * n + 1, 2 * n + 2)]
    table = tool_dependencies(run(*rounds))
    assert len(table) == 500
    assert table["waited_for"].tolist() == [[], *([n] for n in range(1, 500))]
    assert table.attrs["left_out"] == 1000


MOMENTS = st.integers(0, 12)
STEPS = st.tuples(st.sampled_from(["chat", "execute_tool"]), MOMENTS, st.none() | MOMENTS)


@given(st.lists(STEPS, max_size=14))
def test_no_tool_waits_for_itself_for_a_later_one_or_for_one_beside_it(
    drawn: list[tuple[str, int, int | None]],
) -> None:
    """And who runs beside whom is the same from both sides."""
    steps = [
        span(operation, f"{n}", start, None if took is None else start + took)
        for n, (operation, start, took) in enumerate(drawn)
    ]
    table = tool_dependencies(run(*steps))
    beside = dict(zip(table["step"], table["ran_beside"], strict=True))
    for row in table.to_dict("records"):
        assert all(step < row["step"] for step in row["waited_for"])
        assert not set(row["waited_for"]) & set(row["ran_beside"])
        assert all(row["step"] in beside[other] for other in row["ran_beside"])


# -- From the store, and as a picture --------------------------------------------------------


def desk(**rates: float) -> tuple[str, Store]:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    faults.rates = rates

    async def ask() -> None:
        with contextlib.suppress(StepLimitReached):
            await agent.process("I need a flight from Rome to Oslo, and the weather in Oslo.")

    asyncio.run(ask())
    return str(obs.store.value("SELECT trace_id FROM spans")), obs.store


def test_a_real_run_in_a_loop_waits_round_by_round() -> None:
    """Two tools in each round; virtual time makes them begin together."""
    trace_id, store = desk(loop=1.0)
    table = tool_dependencies(trace_id[:8], store)
    assert table["waited_for"].tolist()[:6] == [[], [], [1, 2], [1, 2], [3, 4], [3, 4]]
    with pytest.raises(LookupError, match="no trace"):
        tool_dependencies("nothing", store)


def test_the_chart_says_in_words_who_waited_for_whom() -> None:
    """Who cannot see the arrows reads them."""
    chart = dependency_chart(run(chat(0, 1), tool("a", 1, 2), chat(2, 3), tool("b", 3, 5)))
    assert chart.png.startswith(PNG)
    assert chart.alt == (
        "Tool calls of one trace, 2 drawn: 2 b waited for 1 a; the longest is 2 b, 2.000 s."
    )


def test_the_chart_of_no_tools_and_of_too_many() -> None:
    """Neither is an error; what is not drawn is counted."""
    assert "none waited" in dependency_chart(run()).alt
    many = dependency_chart(run(*(tool(f"{n}", n, n + 1) for n in range(700))))
    assert "670 more calls not drawn" in many.alt


@pytest.mark.parametrize("hostile", ["$\\frac{", "two\nlines", "\x1b[2J", "日本語", "x" * 9999])
def test_no_name_of_a_tool_breaks_the_chart(hostile: Any) -> None:
    """No formula is read, no letter without a font warns."""
    chart = dependency_chart(run(chat(0, 1), tool(hostile, 1, 2)))
    assert chart.png.startswith(PNG)
    assert chart.alt.isprintable()
