"""One trace, fetched and printed: exact for a good one, safe for a broken one."""

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Store, VirtualClock, get_trace, print_trace_tree
from obs_helpers import conventions as c
from obs_helpers.insight.debugging import failure_report, trace_tree
from obs_helpers.insight.traces import SpanNode, Trace, _link
from obs_helpers.schema import TABLES

START_US = 1_767_600_000_000_000
TRACE = "ab" * 16


def span(span_id: str, parent_id: str | None = None, **values: Any) -> tuple[Any, ...]:
    columns: dict[str, Any] = dict.fromkeys(TABLES["spans"])
    columns |= {"trace_id": TRACE, "span_id": span_id, "parent_id": parent_id}
    columns |= {"name": f"<{span_id}>", "status": "UNSET", "attributes": "{}"}
    columns |= {"start_time": START_US, "end_time": START_US + 250_000, "duration_s": 0.25}
    return tuple({**columns, **values}.values())


def trace_of(*spans: tuple[Any, ...]) -> Trace:
    store = Store()
    store.append("spans", spans)
    trace = get_trace(TRACE, store)
    store.close()
    return trace


def printed(trace: Trace, span_id: str) -> int:
    return sum(f"<{span_id}>" in line for line in trace_tree(trace))


# -- Finding a trace -----------------------------------------------------------------------


def test_a_trace_is_found_by_its_id_and_by_the_first_digits_of_it() -> None:
    store = Store()
    other = "ac" + "0" * 30
    store.append("spans", [span("one"), span("two", "one"), span("three", trace_id=other)])
    for wanted in (TRACE, TRACE[:6], "ab"):
        trace = get_trace(wanted, store)
        assert trace.trace_id == TRACE
        assert [node.span_id for node in trace.walk()] == ["one", "two"]
    assert [node.span_id for node in get_trace("ac", store).walk()] == ["three"]


def test_an_unknown_trace_is_an_error_that_says_where_to_look() -> None:
    with pytest.raises(LookupError, match=r"no trace .* 'ffff'; SELECT trace_id FROM spans"):
        get_trace("ffff", Store())


@pytest.mark.parametrize("wanted", ["a", ""])
def test_too_few_digits_are_an_error_that_says_where_to_look(wanted: str) -> None:
    store = Store()
    store.append("spans", [span("one"), span("two", trace_id="ac" * 16)])
    with pytest.raises(LookupError, match=rf"more than one .* '{wanted}'; SELECT trace_id FROM"):
        get_trace(wanted, store)


def test_wildcards_of_sql_are_no_wildcards_here() -> None:
    store = Store()
    store.append("spans", [span("one")])
    for wanted in ("%", "a%", "__", "' OR true --"):
        with pytest.raises(LookupError, match="no trace"):
            get_trace(wanted, store)


def test_without_telemetry_and_without_a_store_there_is_a_clear_error() -> None:
    with pytest.raises(RuntimeError, match=r"call obs_helpers\.start\(\) first"):
        print_trace_tree(TRACE)


# -- The tree ------------------------------------------------------------------------------


def test_the_tree_of_a_known_run_is_exactly_this(capsys: pytest.CaptureFixture[str]) -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)

    async def runs() -> None:
        await agent.process("I need a flight from Rome to Oslo, and the weather in Oslo.")
        faults.set("tool_error", 1)
        await agent.process("Is there a flight from Rome to Oslo?")

    asyncio.run(runs())
    good, bad = obs.store.rows(
        "SELECT trace_id FROM spans WHERE operation = 'invoke_agent' ORDER BY start_time"
    )
    print_trace_tree(good[0])
    print_trace_tree(get_trace(bad[0][:12]))
    assert capsys.readouterr().out == GOLDEN


GOLDEN = """\
invoke_agent travel-desk        1.507 s
├─ chat scripted-1              0.560 s  298 tokens in, 39 out
├─ execute_tool get_weather     0.196 s
├─ execute_tool find_flights    0.554 s
└─ chat scripted-1              0.394 s  332 tokens in, 14 out
invoke_agent travel-desk        1.881 s
├─ chat scripted-1              0.710 s  293 tokens in, 69 out
├─ execute_tool find_flights    0.801 s  ERROR ToolError: the service behind \
find_flights answered 503
└─ chat scripted-1              0.370 s  315 tokens in, 10 out
"""


def test_children_stand_in_the_order_they_started() -> None:
    spans = [
        span("root", start_time=START_US - 1),
        span("third", "root", start_time=START_US + 3),
        span("first", "root", start_time=START_US + 1),
        span("below", "first", start_time=START_US + 4),
        span("second", "root", start_time=START_US + 2),
    ]
    assert trace_tree(trace_of(*spans)) == [
        "<root>           0.250 s",
        "├─ <first>       0.250 s",
        "│  └─ <below>    0.250 s",
        "├─ <second>      0.250 s",
        "└─ <third>       0.250 s",
    ]


def test_what_became_of_a_span_stands_beside_it() -> None:
    trace = trace_of(
        span("a", attributes='{"gen_ai.usage.input_tokens":300,"gen_ai.usage.output_tokens":9}'),
        span("b", status="ERROR", status_message="ToolError: 503"),
        span("c", attributes='{"agent.tool.result_size":2}'),
        span("d", duration_s=1234.5678),
        span("e", end_time=None, duration_s=None, status="RUNNING"),
    )
    assert trace_tree(trace) == [
        "<a>    0.250 s  300 tokens in, 9 out",
        "<b>    0.250 s  ERROR ToolError: 503",
        "<c>    0.250 s  empty result",
        "<d>  1234.568 s",
        "<e>    running",
    ]


def test_a_trace_without_spans_prints_nothing() -> None:
    assert trace_tree(Trace(TRACE, [])) == []


# -- Broken data ---------------------------------------------------------------------------


def test_a_span_whose_parent_is_missing_is_a_root_of_its_own() -> None:
    trace = trace_of(span("root"), span("child", "root"), span("orphan", "nobody"))
    assert [node.span_id for node in trace.roots] == ["root", "orphan"]
    assert [printed(trace, name) for name in ("root", "child", "orphan")] == [1, 1, 1]


def test_a_span_that_is_its_own_parent_is_printed_once() -> None:
    trace = trace_of(span("self", "self"), span("child", "self"))
    assert trace_tree(trace) == ["<self>        0.250 s", "└─ <child>    0.250 s"]


def test_a_circle_of_parents_is_cut_and_each_span_is_printed_once() -> None:
    names = ["a", "b", "c", "d"]
    circle = [span(name, names[n - 1]) for n, name in enumerate(names)]
    trace = trace_of(*circle, span("below", "c"))
    assert [printed(trace, name) for name in [*names, "below"]] == [1] * 5
    assert len(trace_tree(trace)) == 5


def test_spans_of_the_same_id_are_printed_once() -> None:
    trace = trace_of(span("root"), *[span("twice", "root")] * 2, span("child", "twice"))
    assert [printed(trace, name) for name in ("root", "twice", "child")] == [1, 1, 1]
    assert len(trace_tree(trace)) == 3


def test_a_chain_of_five_thousand_spans_is_followed_to_its_end() -> None:
    ids = [f"{n:05}" for n in range(5000)]
    pairs = list(zip(ids, [None, *ids], strict=False))
    # The deepest one first: parents are looked up, not met on the way.
    trace = trace_of(*[span(i, p, start_time=START_US - n) for n, (i, p) in enumerate(pairs)])
    assert [node.span_id for node in trace.walk()] == ids
    lines = trace_tree(trace)
    assert len(lines) == 5000
    assert all(f"<{i}>" in line for i, line in zip(ids, lines, strict=True))


def test_a_span_with_twenty_thousand_children_shows_each_of_them() -> None:
    ids = [f"{n:05}" for n in range(20_000)]
    lines = trace_tree(trace_of(span("root"), *(span(i, "root") for i in ids)))
    assert lines[0].split() == ["<root>", "0.250", "s"]
    assert [line.split()[1] for line in lines[1:]] == [f"<{i}>" for i in ids]
    assert lines[-1].startswith("└─ ")


@pytest.mark.parametrize(
    "hostile",
    ["two\nlines", "\x1b[2Jcleared", "tab\tnul\0", "left\u202etfel", "\r", "\x85", "\u2028"],
)
def test_no_name_or_message_can_break_the_line_or_the_terminal(hostile: str) -> None:
    failed = span("b", "a", name=hostile, status="ERROR", status_message=hostile)
    lines = trace_tree(trace_of(span("a", name=hostile), failed))
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert "\ufffd" in lines[0]
    assert lines[1].count("\ufffd") >= 2


def test_a_very_long_name_is_cut_with_a_mark() -> None:
    (line,) = trace_tree(trace_of(span("a", name="n" * 5000)))
    assert line == "n" * 79 + "…" + "    0.250 s"


@pytest.mark.parametrize(
    "values",
    [{"attributes": None}, {"name": None}, {"start_time": None}, {"status": None}],
    ids=str,
)
def test_a_span_with_holes_is_shown_all_the_same(values: dict[str, Any]) -> None:
    trace = trace_of(span("holes", **values), span("child", "holes"))
    assert [node.span_id for node in trace.walk()] == ["holes", "child"]
    assert len(trace_tree(trace)) == 2


_ids = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(_ids, st.none() | _ids | st.just("nobody")), max_size=12))
def test_whatever_the_parents_are_each_span_is_shown_once(
    edges: list[tuple[str, str | None]],
) -> None:
    rows = [(i, p, f"<{i}>", None, 0.25, "UNSET", None, "{}", *[None] * 4) for i, p in edges]
    trace = Trace(TRACE, _link(rows))
    walked = [node.span_id for node in trace.walk()]
    assert sorted(walked) == sorted({i for i, _ in edges})
    assert len(trace_tree(trace)) == len(walked)
    parents = {i: p for i, p in edges}
    for node in trace.walk():
        assert all(parents[child.span_id] == node.span_id for child in node.children)


# -- Why a request failed ------------------------------------------------------------------


def report(*spans: tuple[Any, ...]) -> list[str]:
    store = Store()
    store.append("spans", spans)
    lines = failure_report(get_trace(TRACE, store), store)
    store.close()
    return lines


def error(message: str = "E: broken", **more: Any) -> dict[str, Any]:
    return {"status": "ERROR", "status_message": message, **more}


def at(second: float, duration_s: float = 1.0) -> dict[str, Any]:
    start = START_US + round(second * 1e6)
    end = start + round(duration_s * 1e6)
    return {"start_time": start, "end_time": end, "duration_s": duration_s}


def test_an_error_is_followed_down_to_where_it_came_from() -> None:
    trace = trace_of(
        span("root", **error(), **at(0, 9)),
        span("first", "root", **at(1)),
        span("middle", "root", **error(), **at(2, 5)),
        span("deep", "middle", **error(), **at(3, 2)),
        span("good", "middle", **at(2)),
    )
    assert trace.failure_point == "<root> > <middle> > <deep>"
    assert trace.error == "E: broken"
    assert trace.last_success is not None
    assert trace.last_success.span_id == "good"


def test_an_error_that_was_mended_is_not_the_reason_of_a_later_failure() -> None:
    trace = trace_of(
        span("root", **error("StepLimitReached: enough"), **at(0, 9)),
        span("tool", "root", **error("ToolError: 503"), **at(1)),
        span("model", "root", **at(3)),
    )
    assert (trace.failure_point, trace.error) == ("<root>", "StepLimitReached: enough")
    assert [node.span_id for node in trace.mended] == ["tool"]


def test_an_error_that_was_wrapped_on_its_way_is_found_as_the_last_thing_that_happened() -> None:
    trace = trace_of(
        span("root", **error("RuntimeError: wrapped"), **at(0, 9)),
        span("good", "root", **at(1)),
        span("bad", "root", **error("OSError: cause"), **at(3)),
    )
    assert (trace.failure_point, trace.error) == ("<root> > <bad>", "OSError: cause")


def test_a_run_that_ended_well_has_no_failure_point() -> None:
    trace = trace_of(span("root", **at(0, 9)), span("tool", "root", **error(), **at(1)))
    assert (trace.failure_point, trace.error, trace.failure_path) == (None, None, [])
    assert [node.span_id for node in trace.mended] == ["tool"]


def test_a_running_trace_has_no_failure_yet() -> None:
    running = {"status": "RUNNING", "end_time": None, "duration_s": None}
    trace = trace_of(span("root", **running), span("a", "root", **running))
    assert (trace.failure_point, trace.last_success) == (None, None)
    assert "running" in "\n".join(trace_tree(trace))


@given(
    st.recursive(st.booleans(), lambda kids: st.tuples(st.booleans(), st.lists(kids, max_size=3)))
)
def test_a_failure_path_goes_down_through_failed_spans_only(shape: Any) -> None:
    rows: list[tuple[Any, ...]] = []

    def build(node: Any, parent: str | None) -> None:
        failed, children = node if isinstance(node, tuple) else (node, [])
        name = f"s{len(rows)}"
        rows.append(span(name, parent, **(error() if failed else {}), **at(len(rows))))
        for child in children:
            build(child, name)

    build(shape, None)
    trace = trace_of(*rows)
    path = trace.failure_path
    assert all(node.failed for node in path)
    assert all(below in above.children for above, below in itertools.pairwise(path))
    assert bool(path) == trace.roots[0].failed


def test_a_report_says_what_failed_what_worked_and_what_it_cost() -> None:
    chat = {"operation": "chat", "attributes": '{"gen_ai.operation.name": "chat", '
            '"gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 100, '
            '"gen_ai.usage.cost.amount": 0.1}'}  # fmt: skip
    tool = {"attributes": '{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find"}'}
    assert report(
        span("root", **error("ToolError: 503"), **at(0, 9)),
        span("model", "root", **chat, **at(1)),
        span("tool", "root", **tool, **error("ToolError: 503"), **at(3, 0.5)),
    ) == [
        "Request failed at: <root> > <tool>",
        "Error: ToolError: 503",
        "Tool calls made: find FAILED (0.500 s)",
        "Last successful step: <model> (1.000 s)",
        "Spent: 1,000 tokens, $0.1, 1 model calls",
    ]


def test_a_model_call_that_told_no_usage_is_not_counted_as_free() -> None:
    chat = {"attributes": '{"gen_ai.operation.name": "chat"}'}
    lines = report(span("root", **error(), **at(0)), span("m", "root", **chat, **error(), **at(0)))
    assert "Spent: 1 model calls without a word on usage" in lines


def test_a_real_failure_is_analysed_with_its_log_lines(capsys: Any) -> None:
    obs = obs_helpers.start(clock=VirtualClock(), seed=4)
    agent, faults = obs_helpers.travel_desk(obs.clock)
    obs_helpers.instrument(agent, obs)
    faults.set("timeout", 1.0)
    with pytest.raises(TimeoutError):
        asyncio.run(agent.process("What is the weather in Oslo?"))
    trace_id = obs.store.value("SELECT trace_id FROM spans")
    obs_helpers.analyze_failed_request(trace_id[:8])
    assert capsys.readouterr().out.splitlines() == [
        "Request failed at: invoke_agent travel-desk > chat scripted-1",
        "Error: ModelTimeout: no answer from scripted-1 within 30 s",
        "Tool calls made: none",
        "Last successful step: none",
        "Spent: 1 model calls without a word on usage",
        "Logged: warning: model call failed: ModelTimeout: no answer from scripted-1 within 30 s",
        "Logged: error: run failed",
    ]


def test_a_message_with_line_breaks_and_escape_codes_stays_on_its_line() -> None:
    lines = report(span("root", **error("E: one\ntwo\x1b[31m" + "x" * 999), **at(0)))
    assert len(lines) == 5
    assert all(line.isprintable() and len(line) <= 200 for line in lines)


def test_tokens_that_are_no_number_are_no_usage() -> None:
    """Whoever wrote the span: the report of a failure must not fail."""
    obs = obs_helpers.start(clock=VirtualClock(), seed=4)
    odd = {c.OPERATION: c.CHAT, c.INPUT_TOKENS: "many", c.OUTPUT_TOKENS: 3}
    with obs.tracer.trace_request("odd") as trace_id, obs.tracer.span("chat x", odd):
        pass
    report = failure_report(get_trace(trace_id, obs.store), obs.store)
    assert "Spent: 1 model calls without a word on usage" in report


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300])
def test_an_impossible_duration_has_no_end(seconds: float) -> None:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    node = SpanNode("a", None, "a", moment, seconds, "UNSET", None, {})
    assert node.end_time is None
    assert Trace(TRACE, [node]).last_success is None
