"""Comparisons: two runs step by step, and bad runs with all the others."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Chance, Faults, Store, StoreError, VirtualClock
from obs_helpers.agent.core import Agent
from obs_helpers.agent.models import ScriptedModel
from obs_helpers.agent.tools import TravelTools
from obs_helpers.insight.compare import diff_traces, what_is_different
from obs_helpers.insight.traces import SpanNode, Trace
from obs_helpers.schema import TABLES

START = datetime(2026, 1, 5, 8, tzinfo=UTC).replace(tzinfo=None)
START_US = 1_767_600_000_000_000
"""8 o'clock, UTC."""
HOUR_US = 3_600_000_000


# -- One run and another -------------------------------------------------------------------


def node(name: str, *children: SpanNode, **values: Any) -> SpanNode:
    """Return a span of one second; siblings start in the order they are given."""
    for n, child in enumerate(children):
        child.start_time = values.get("together", START + timedelta(seconds=n))
    values.pop("together", None)
    known: dict[str, Any] = {"duration_s": 1.0, "status": "UNSET", "status_message": None}
    known |= {"attributes": {}, **values}
    return SpanNode(name, None, name, START, children=list(children), **known)


def trace(*roots: SpanNode) -> Trace:
    return Trace("t", list(roots))


def marked(good: Trace, bad: Trace) -> list[str]:
    """Return the steps, those of one run with a sign."""
    sign = {"only in good": "-", "only in bad": "+"}
    table = diff_traces(good, bad)
    return [
        sign.get(differs, "") + step
        for step, differs in zip(table["step"], table["differs"], strict=True)
    ]


def siblings(names: str) -> Trace:
    return trace(node("r", *map(node, names)))


ALIGNED: dict[tuple[str, str], list[str]] = {
    ("abc", "abc"): ["a", "b", "c"],
    ("abc", "axbc"): ["a", "+x", "b", "c"],
    ("abc", "bc"): ["-a", "b", "c"],
    ("abc", "abcd"): ["a", "b", "c", "+d"],
    ("abc", "axc"): ["a", "-b", "+x", "c"],
    ("", "a"): ["+a"],
    ("a", ""): ["-a"],
    ("ctc", "ctctc"): ["c", "t", "c #2", "+t #2", "+c #3"],
    ("ctac", "ctc"): ["c", "t", "-a", "c #2"],
    ("aaa", "aa"): ["a", "a #2", "-a #3"],
}


@pytest.mark.parametrize(("good", "bad"), ALIGNED)
def test_a_step_of_one_run_does_not_shift_those_after_it(good: str, bad: str) -> None:
    """Siblings are paired by name, in their order; a name's second row has a number."""
    wanted = [f"{step[: step[0] in '+-']}r > {step.lstrip('+-')}" for step in ALIGNED[good, bad]]
    assert marked(siblings(good), siblings(bad)) == ["r", *wanted]


def test_a_long_run_of_few_tools_is_aligned_like_a_short_one() -> None:
    """Names that come up again and again are no noise here."""
    steps = marked(siblings("ab" * 150), siblings("ab" * 75 + "x" + "ab" * 75))
    assert len(steps) == 302
    assert [step for step in steps if step[0] in "+-"] == ["+r > x"]


def test_all_that_is_below_a_step_of_one_run_is_of_that_run_alone() -> None:
    """Parents come before their children, and siblings after those of the one before."""
    good = trace(node("r", node("a", node("aa", node("aaa")), node("ab")), node("b")))
    bad = trace(node("r", node("b", node("ba"))))
    assert marked(good, bad) == [
        *("r", "-r > a", "-r > a > aa", "-r > a > aa > aaa", "-r > a > ab"),
        *("r > b", "+r > b > ba"),
    ]


def test_roots_are_aligned_like_siblings() -> None:
    """A trace whose context got lost has several."""
    assert marked(trace(node("a"), node("b")), trace(node("b"))) == ["-a", "b"]
    assert marked(trace(), trace()) == []


def test_calls_that_start_at_one_moment_are_paired_whichever_ended_first() -> None:
    """Parallel tools come in the order of their ends, and that is chance."""
    good = trace(node("r", node("weather"), node("flights"), together=START))
    bad = trace(node("r", node("flights"), node("weather"), together=START))
    assert marked(good, bad) == ["r", "r > flights", "r > weather"]


def test_times_and_outcomes_stand_side_by_side() -> None:
    """Seconds of a span that runs, or is not there, are no value: not 0."""
    good = trace(node("r", node("a", duration_s=0.1), node("b"), node("c"), duration_s=2.5))
    failed = {"status": "ERROR", "status_message": "ToolError: 503"}
    running = {"status": "RUNNING", "duration_s": None}
    bad = trace(node("r", node("a", duration_s=0.3, **failed), node("b", **running)))
    table = diff_traces(good, bad).set_index("step")
    assert table.columns.tolist() == [
        *("good_s", "bad_s", "difference_s", "good_status", "bad_status", "differs")
    ]
    assert table.loc["r"].tolist() == [2.5, 1.0, -1.5, "UNSET", "UNSET", ""]
    assert table.loc["r > a"].tolist() == [
        *(0.1, 0.3, 0.2, "UNSET", "ERROR", "status_message: none → ToolError: 503")
    ]
    assert table.loc["r > b", "bad_status"] == "RUNNING"
    assert table.loc["r > b", ["bad_s", "difference_s"]].isna().all()
    assert table.loc["r > c", ["bad_s", "difference_s", "bad_status"]].isna().all()
    assert table.loc["r > c", "good_s"] == 1.0


DIFFERENCES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"a": 1}, {"a": 1}, ""),
    ({"a": 1}, {"a": 2}, "a: 1 → 2"),
    ({"a": 1}, {}, "a: 1 → none"),
    ({}, {"a": 0}, "a: none → 0"),
    ({"a": 1, "b": 2}, {"a": 2, "b": 3}, "a: 1 → 2, b: 2 → 3"),
    ({"a": ["stop"]}, {"a": ["length"]}, "a: ['stop'] → ['length']"),
    ({"gen_ai.tool.call.id": "x"}, {"gen_ai.tool.call.id": "y"}, ""),
    ({"gen_ai.conversation.id": "x"}, {}, ""),
    ({"a": "two\nlines"}, {"a": "x"}, "a: two lines → x"),
    ({"a": "l" * 41}, {"a": "l" * 40}, f"a: {'l' * 39}… → {'l' * 40}"),
]


@pytest.mark.parametrize(("good", "bad", "wanted"), DIFFERENCES)
def test_attributes_that_differ_are_told_in_short(
    good: dict[str, Any], bad: dict[str, Any], wanted: str
) -> None:
    """All but ids, which always differ."""
    table = diff_traces(trace(node("r", attributes=good)), trace(node("r", attributes=bad)))
    assert table["differs"].tolist() == [wanted]


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_each_step_of_each_run_stands_in_the_table_once(good: str, bad: str) -> None:
    """In its own order, and under a name of its own."""
    steps = marked(siblings(good), siblings(bad))
    assert len({step.lstrip("+-") for step in steps}) == len(steps)

    def of(other: str) -> str:
        return "".join(s.split(" > ")[1][0] for s in steps[1:] if not s.startswith(other))

    assert (of("+"), of("-")) == (good, bad)


@given(st.text("abc", max_size=8))
def test_a_run_does_not_differ_from_itself(names: str) -> None:
    """Nothing is marked, and no second is gained or lost."""
    table = diff_traces(siblings(names), siblings(names))
    assert table["differs"].eq("").all()
    assert table["difference_s"].eq(0).all()


def test_a_chain_of_a_thousand_spans_is_followed_to_its_end() -> None:
    """One more on one side is one row more."""

    def chain(length: int) -> Trace:
        here = node("s")
        for _ in range(length - 1):
            here = node("s", here)
        return trace(here)

    table = diff_traces(chain(1500), chain(1501))
    assert len(table) == 1501
    assert table["differs"].tolist()[-2:] == ["", "only in bad"]


def test_traces_are_also_found_by_their_ids() -> None:
    """In the store that is given, or in that of the current telemetry."""
    store = Store()
    store.append("spans", [span(1, name="r"), span(2, name="r", duration_s=1.75)])
    assert diff_traces("0" * 31 + "1", "0" * 31 + "2", store)["difference_s"].tolist() == [0.75]
    with pytest.raises(LookupError, match=r"no trace .* 'ffff'"):
        diff_traces("0" * 31 + "1", "ffff", store)
    with pytest.raises(RuntimeError, match=r"call obs_helpers\.start\(\) first"):
        diff_traces("1", "2")


def test_a_real_run_and_one_with_a_slow_tool_differ_in_that_tool() -> None:
    """The largest difference below the root is the fault."""
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)

    async def runs() -> None:
        await agent.process("I need a flight from Rome to Oslo, and the weather in Oslo.")
        faults.set("slow_tool", 1)
        await agent.process("What is the weather in Lima?")

    asyncio.run(runs())
    ids = obs.store.rows(
        "SELECT trace_id FROM spans WHERE operation = 'invoke_agent' ORDER BY start_time"
    )
    table = diff_traces(ids[0][0], ids[1][0])
    root = "invoke_agent travel-desk"
    assert table["step"].tolist() == [
        root,
        f"{root} > chat scripted-1",
        f"{root} > execute_tool find_flights",
        f"{root} > execute_tool get_weather",
        f"{root} > chat scripted-1 #2",
    ]
    assert table["differs"][2] == "only in good"
    assert table["difference_s"][1:].idxmax() == 3
    assert 7.5 < table["difference_s"][3] < 8.5
    assert "gen_ai.usage.input_tokens: " in table["differs"][1]
    assert ".id" not in " ".join(table["differs"])


# -- All bad runs and all the others -------------------------------------------------------


def span(number: int, operation: str = "invoke_agent", **values: Any) -> tuple[Any, ...]:
    columns: dict[str, Any] = dict.fromkeys(TABLES["spans"])
    columns |= {"trace_id": f"{number:032x}", "span_id": f"{number:016x}", "attributes": "{}"}
    columns |= {"name": operation, "operation": operation, "status": "UNSET"}
    columns |= {"start_time": START_US, "end_time": START_US + 1, "duration_s": 1.0}
    return tuple({**columns, **values}.values())


def runs_of(bad: int, good: int, bad_is: dict[str, Any], good_is: dict[str, Any]) -> Store:
    """Return a store of slow runs and quick ones; `attributes` may be given as a dict."""
    store, spans = Store(), []
    for number in range(bad + good):
        values = dict(bad_is if number < bad else good_is)
        values["attributes"] = json.dumps(values.get("attributes", {}))
        spans.append(span(number, **{"duration_s": 9.0 if number < bad else 1.0, **values}))
    store.append("spans", spans)
    return store


SLOW = "duration_s > 5"


def facts(store: Store, bad: str = SLOW, **options: Any) -> list[tuple[Any, ...]]:
    """Return attribute, value, and the counts on both sides."""
    table = what_is_different(bad, store, **options)
    return list(table[["attribute", "value", "bad", "good"]].itertuples(index=False, name=None))


FACTS: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "the same on both sides": ({"agent": "x"}, {"agent": "x"}, []),
    "agent": ({"agent": "x"}, {"agent": "y"}, [("agent", "x")]),
    "service": ({"service": "x"}, {}, [("service", "x")]),
    "session": ({"session_id": "x"}, {"session_id": "y"}, [("session_id", "x")]),
    "model": ({"model": "x"}, {"model": "y"}, [("model", "x")]),
    "outcome": (
        {"status": "ERROR", "error_type": "T"}, {},
        [("error_type", "T"), ("status", "ERROR")],
    ),
    "hour": ({"start_time": START_US + 3 * HOUR_US}, {}, [("hour", "11:00")]),
    "text": ({"attributes": {"city": "Oslo"}}, {"attributes": {"city": "Rome"}},
             [("city", "Oslo")]),
    "number": ({"attributes": {"n": 7}}, {"attributes": {"n": 8}}, [("n", "7")]),
    "truth": ({"attributes": {"cache.hit": False}}, {}, [("cache.hit", "false")]),
    "list": ({"attributes": {"a": ["x", "y"]}}, {}, [("a", '["x","y"]')]),
    "null is no value": ({"attributes": {"a": None}}, {"attributes": {"a": 1}}, []),
    "odd names": ({"attributes": {'$."x y': 1, "": 2}}, {}, [("", "2"), ('$."x y', "1")]),
    "not twice": (
        {"agent": "x", "attributes": {"gen_ai.agent.name": "x", "agent": "x"}}, {},
        [("agent", "x")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FACTS)
def test_what_the_bad_runs_have_and_the_others_have_not_is_found(name: str) -> None:
    """Columns, the hour, and every attribute of the run, each once."""
    bad_is, good_is, wanted = FACTS[name]
    found = facts(runs_of(6, 7, bad_is, good_is))
    assert found == [(attribute, value, 6, 0) for attribute, value in wanted]


def test_shares_are_of_each_side_and_the_largest_difference_comes_first() -> None:
    """A value that most of the bad have is no finding if most of the others have it too."""
    store, number = Store(), iter(range(1000))
    for count, slow, region, plan in [
        *[(8, 1, "north", "free"), (2, 1, "south", "free")],
        *[(10, 0, "north", "free"), (40, 0, "south", "free"), (50, 0, "south", "paid")],
    ]:
        attributes = json.dumps({"region": region, "plan": plan})
        store.append("spans", [
            span(next(number), duration_s=1.0 + 8 * slow, attributes=attributes)
            for _ in range(count)
        ])  # fmt: skip
    table = what_is_different(SLOW, store)
    assert table.columns.tolist() == [
        *("attribute", "value", "bad_share", "good_share", "difference", "bad", "good")
    ]
    assert table.values.tolist() == [
        ["region", "north", 0.8, 0.1, pytest.approx(0.7), 8, 10],
        ["plan", "free", 1.0, 0.5, pytest.approx(0.5), 10, 50],
    ]
    assert facts(store, limit=1) == [("region", "north", 8, 10)]


def test_a_tool_counts_once_for_each_run_whose_trace_called_it() -> None:
    """Three calls of one run are no three runs; a tool that nobody called counts nowhere."""
    store = runs_of(6, 10, {}, {})
    for number in range(16):
        tools = ["search", "search", *["pay" if number < 6 else "mail"] * 3]
        store.append("spans", [span(number, "execute_tool", tool=tool) for tool in tools])
        store.append("spans", [span(number, "chat", model="large" if number < 6 else "small")])
    store.append("spans", [span(999, "execute_tool", tool="pay")])
    assert facts(store) == [("model", "large", 6, 0), ("tool", "pay", 6, 0)]


def test_a_value_must_be_seen_in_enough_bad_runs_so_ids_drop_out() -> None:
    """By default in five."""
    store = Store()
    store.append("spans", [
        span(n, duration_s=9.0 if n < 20 else 1.0,
             attributes=json.dumps({"request": n, "few": n < 4, "some": 4 <= n < 9}))
        for n in range(100)
    ])  # fmt: skip
    assert facts(store) == [("some", "true", 5, 0)]
    assert facts(store, min_count=4) == [("some", "true", 5, 0), ("few", "true", 4, 0)]
    assert len(facts(store, min_count=1, limit=100)) == 22


@pytest.mark.parametrize(
    ("bad", "wanted"),
    [
        ("status = 'ERROR'", {"plan"}),
        ("error_type IS NOT NULL", {"plan"}),
        ("(attributes->>'plan') = 'free'", {"status", "error_type"}),
        ("""(attributes->>'$."plan"') = 'free'""", {"status", "error_type"}),
        ("duration_s > 5", {"plan", "status", "error_type"}),
        ("duration_s > 5 -- seconds", {"plan", "status", "error_type"}),
    ],
)
def test_what_the_condition_names_is_not_told_back(bad: str, wanted: set[str]) -> None:
    """A failed run has the status of a failed run and an error type: that is no news."""
    failed = {"status": "ERROR", "error_type": "T", "attributes": {"plan": "free"}}
    store = runs_of(5, 5, failed, {"attributes": {"plan": "paid"}})
    assert {fact[0] for fact in facts(store, bad)} == wanted


def test_a_run_of_which_the_condition_says_nothing_is_on_neither_side() -> None:
    """One that still runs is not known to be quick."""
    store = runs_of(5, 5, {"agent": "x"}, {"agent": "y"})
    running = {"duration_s": None, "end_time": None, "status": "RUNNING", "agent": "x"}
    store.append("spans", [span(n, **running) for n in range(50, 90)])
    assert facts(store) == [("agent", "x", 5, 0)]


def test_other_spans_than_runs_can_be_compared() -> None:
    """Then it is their attributes that count."""
    store = Store()
    store.append("spans", [span(n) for n in range(20)])
    store.append("spans", [
        span(n, "execute_tool", tool="a" if n < 8 else "b", duration_s=9.0 if n < 8 else 1.0)
        for n in range(20)
    ])  # fmt: skip
    assert facts(store, among="operation = 'execute_tool' -- all") == [("tool", "a", 8, 0)]


@pytest.mark.parametrize(
    ("bad", "counts"),
    [
        ("duration_s > 99", "0 spans are bad and 10 are not"),
        ("duration_s > 0", "10 spans are bad and 0 are not"),
        ("input_tokens > 0", "0 spans are bad and 0 are not"),
    ],
)
def test_an_empty_side_is_an_error_that_says_how_many_are_on_each(bad: str, counts: str) -> None:
    """There is nothing to compare."""
    with pytest.raises(ValueError, match=f"{counts}, by '{bad}' among .*; choose conditions"):
        what_is_different(bad, runs_of(5, 5, {}, {}))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("durations > 5", 'column "durations" not found'),
        ("duration_s >", "syntax error"),
        ("duration_s > 5; DROP TABLE spans", "syntax error"),
        ("'slow'", "Could not convert string 'slow'"),
        ("count(*) > 5", "aggregates"),
    ],
)
def test_a_wrong_condition_is_an_error_in_the_words_of_the_database(bad: str, message: str) -> None:
    """And nothing has changed."""
    store = runs_of(5, 5, {}, {})
    with pytest.raises(StoreError, match=message):
        what_is_different(bad, store)
    with pytest.raises(StoreError):
        what_is_different(SLOW, store, among=bad.replace("'slow'", "'among'"))
    assert store.value("SELECT count(*) FROM spans") == 10


def test_without_a_store_it_is_the_current_telemetrys() -> None:
    """And without telemetry there is a clear error."""
    with pytest.raises(RuntimeError, match=r"call obs_helpers\.start\(\) first"):
        what_is_different(SLOW)
    obs = obs_helpers.start()
    obs.store.append("spans", [span(n, duration_s=9.0 * (n < 5)) for n in range(9)])
    assert what_is_different(SLOW).empty


@pytest.mark.parametrize("broken", [None, "[1]", '"text"', "null"])
def test_a_run_whose_attributes_are_no_object_costs_no_other_its_facts(broken: Any) -> None:
    """Broken data is no reason to fail."""
    store = runs_of(5, 5, {"attributes": {"plan": "free"}}, {})
    store.append("spans", [span(n, attributes=broken) for n in range(50, 60)])
    assert facts(store) == [("plan", "free", 5, 0)]


# -- Real traffic --------------------------------------------------------------------------


class OneToolFaults(Faults):
    """Faults of the tools that strike one of them alone."""

    def strikes(self, name: str, *case: object) -> bool:
        return case[0] == "search_policy" and super().strikes(name, *case)


def replayed(faults: Faults, hours: float, **options: Any) -> Store:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    chance = Chance(4)
    model = ScriptedModel(clock, chance, Faults(chance))
    agent = Agent(model, TravelTools(clock, chance, faults).all(), name="travel-desk")
    obs_helpers.instrument(agent)
    asyncio.run(obs_helpers.replay(agent, faults, clock, hours=hours, progress=False, **options))
    return obs.store


def test_a_fault_of_one_tool_points_to_that_tool() -> None:
    """Two hours of real runs; one tool is slow in one call of three."""
    faults = OneToolFaults(Chance(4))
    faults.set("slow_tool", 0.33)
    table = what_is_different(SLOW, replayed(faults, hours=2))
    first = table.iloc[0]
    assert (first["attribute"], first["value"]) == ("tool", "search_policy")
    assert first["bad_share"] == 1.0
    assert first["good_share"] < 0.2


def test_a_fault_of_one_hour_points_to_that_hour() -> None:
    """All tools are slow from nine to ten: no tool stands out, the hour does."""
    incident = obs_helpers.Incident("slow_tool", 0.35, 1, 2)
    store = replayed(Faults(Chance(4)), hours=2.5, incidents=[incident])
    first = what_is_different(SLOW, store).iloc[0]
    assert (first["attribute"], first["value"]) == ("hour", "09:00")
    assert first["bad_share"] > 0.95
