"""The numbers and tables of one window: against plain Python over the same rows."""

import asyncio
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import CostMonitor, Store, VirtualClock
from obs_helpers import conventions as c
from obs_helpers.insight.budgets import Budget
from obs_helpers.insight.overview import BUCKETS, Overview, overview
from obs_helpers.insight.spend import check_budget, spend
from obs_helpers.insight.tables import (
    MAX_TRACES,
    choices,
    model_table,
    tool_table,
    top_errors,
    trace_table,
)
from obs_helpers.insight.view import View, now_in
from obs_helpers.schema import TABLES

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC).replace(tzinfo=None)
HOUR = View(NOON, 3600)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(moment: datetime) -> int:
    return round((moment.replace(tzinfo=UTC) - EPOCH) / timedelta(microseconds=1))


def span(operation: str | None, end: datetime | None, duration_s: float = 1.0, **known: Any) -> Any:
    """Return a row of `spans` that ended at `end`; None still runs, since a second ago."""
    start = (end or NOON) - timedelta(seconds=duration_s)
    row = {
        "trace_id": "t1", "span_id": "s1", "name": operation or "step", "operation": operation,
        "start_time": us(start), "end_time": None if end is None else us(end),
        "duration_s": None if end is None else duration_s,
        "status": "RUNNING" if end is None else "UNSET", "attributes": "{}", **known,
    }  # fmt: skip
    return tuple(map(row.get, TABLES["spans"]))


def run(end: datetime | None, duration_s: float = 1.0, **known: Any) -> Any:
    return span(c.INVOKE_AGENT, end, duration_s, **known)


def chat(end: datetime, **known: Any) -> Any:
    return span(c.CHAT, end, **{"model": "m", "input_tokens": 10, "output_tokens": 4} | known)


def tool(end: datetime, name: str | None = "search", **known: Any) -> Any:
    return span(c.EXECUTE_TOOL, end, **{"tool": name} | known)


def filled(*rows: Any) -> Store:
    store = Store()
    store.append("spans", rows)
    return store


def at(seconds: float) -> datetime:
    """Return a moment before noon."""
    return NOON - timedelta(seconds=seconds)


# -- The window --------------------------------------------------------------------------
def test_a_window_holds_its_end_and_not_its_beginning() -> None:
    """As in alert rules: `(t - w, t]`, by the end of a span."""
    store = filled(run(at(0)), run(at(3599.999999)), run(at(3600)), run(at(-0.000001)))
    assert overview(store, HOUR).total.runs.finished == 2
    assert overview(store, HOUR.before).total.runs.finished == 1


def test_each_bucket_holds_its_end_too() -> None:
    """So the buckets share out the window, and a run is in one of them."""
    store = filled(run(at(0)), run(at(59.9)), run(at(60)), run(at(3599.9)))
    counts = [one.runs.finished for one in overview(store, HOUR).buckets]
    assert (counts[-1], counts[-2], counts[0], sum(counts)) == (2, 1, 1, 4)


_SPANS = st.lists(
    st.tuples(
        st.sampled_from([c.INVOKE_AGENT, c.CHAT, c.EXECUTE_TOOL]),
        st.integers(-10, 7_300), st.floats(0, 99), st.booleans(), st.booleans(),
        st.none() | st.integers(0, 500), st.integers(0, 500), st.none() | st.integers(0, 9_999),
    ),
    max_size=40,
)  # fmt: skip


@given(_SPANS)
def test_every_number_is_what_plain_python_finds(made: list[Any]) -> None:
    """Counts, mean, nearest-rank quantiles, tokens and dollars; and buckets add up to them."""
    rows = []
    for n, (operation, ago, seconds, failed, gone, tokens, part, cents) in enumerate(made):
        rows.append(
            span(
                operation, at(ago), seconds, span_id=f"{n}", status="ERROR" if failed else "UNSET",
                attributes=f'{{"{c.CANCELLED}": true}}' if gone else "{}", input_tokens=tokens,
                output_tokens=tokens, cached_tokens=part, reasoning_tokens=part,
                cost_usd=None if cents is None else cents / 100,
            )
        )  # fmt: skip
    found = overview(filled(*rows), HOUR)
    inside = [one for one in made if 0 <= one[1] < 3600]
    runs = [one for one in inside if one[0] == c.INVOKE_AGENT and not one[4]]
    chats = [one for one in inside if one[0] == c.CHAT]
    check_runs(found, runs)
    assert found.cancelled == sum(one[0] == c.INVOKE_AGENT and one[4] for one in inside)
    told = [one for one in chats if one[5] is not None]
    calls = found.total.calls
    assert (calls.finished, calls.told) == (len(chats), len(told))
    cached = sum(min(one[6], one[5]) for one in told)
    assert calls.input_tokens == (sum(one[5] for one in told) if told else None)
    assert calls.cached_tokens == calls.reasoning_tokens == (cached if told else None)
    assert calls.tokens == (2 * sum(one[5] for one in told) if told else None)
    priced = [Decimal(one[7]) / 100 for one in chats if one[7] is not None]
    assert calls.cost_usd == (sum(priced) if priced else None)
    assert calls.unpriced == sum(one[7] is None for one in told)
    assert sum(one.calls.priced for one in found.buckets) == calls.priced == len(priced)
    assert sum(one.runs.failed for one in found.buckets) == found.total.runs.failed


def check_runs(found: Overview, runs: list[Any]) -> None:
    """Compare with sorted lists."""
    seconds, got = sorted(one[2] for one in runs), found.total.runs
    assert (got.finished, got.failed) == (len(runs), sum(one[3] for one in runs))
    if not seconds:
        assert (got.mean_s, got.p50_s, got.p99_s, got.error_percent) == (None,) * 4
        return
    assert got.mean_s == pytest.approx(sum(seconds) / len(seconds))
    for q, value in ((0.5, got.p50_s), (0.95, got.p95_s), (0.99, got.p99_s)):
        assert value == seconds[max(0, math.ceil(q * len(seconds)) - 1)]


# -- What is not there -------------------------------------------------------------------
def test_an_empty_store_has_no_numbers_and_no_zero_seconds() -> None:
    """Missing is not zero."""
    found = overview(Store(), HOUR)
    assert (found.first, found.total.covered_s, found.whole) == (None, 0, False)
    assert found.total.runs.p95_s is found.total.calls.tokens is found.total.calls.cost_usd is None
    assert found.total.per_minute(0) is None
    assert len(found.buckets) == BUCKETS
    assert not any(one.covered_s for one in found.buckets)


def test_rates_divide_by_what_is_recorded() -> None:
    """A store of ten minutes knows nothing of the hour before."""
    store = filled(run(at(599)), *(run(at(n)) for n in range(19)))
    found = overview(store, HOUR)
    assert found.total.covered_s == 600
    assert found.total.per_minute(found.total.runs.finished) == 2
    assert not found.whole
    assert [one.covered_s for one in found.buckets] == [0] * 50 + [60] * 10
    assert overview(store, View(NOON, 600)).whole


def test_a_quiet_bucket_is_zero_requests_and_no_seconds() -> None:
    """After the first record nothing is a number: nobody asked."""
    quiet = overview(filled(run(at(600)), run(at(0))), HOUR).buckets[-5]
    assert quiet.per_minute(quiet.runs.finished) == 0
    assert quiet.runs.p95_s is None


def test_what_runs_is_counted_as_of_the_end_of_the_window() -> None:
    """A run that ended later was under way then."""
    store = filled(run(None, 50), run(at(-5), 10), run(at(-5), 2), run(at(5)))
    assert overview(store, HOUR).running == 2


def test_only_model_calls_own_tokens_and_cost() -> None:
    """A run that repeats the sum of its calls counts nothing twice."""
    usage = {"input_tokens": 10, "output_tokens": 4, "cost_usd": 0.5}
    found = overview(filled(run(at(1), **usage), chat(at(2), cost_usd=0.5)), HOUR)
    assert (found.total.calls.tokens, found.total.calls.cost_usd) == (14, Decimal("0.5"))


# -- Filters -----------------------------------------------------------------------------
TWO = (
    run(at(9), trace_id="a", session_id="s1", agent="desk"),
    chat(at(10), trace_id="a", model="small"), tool(at(11), trace_id="a"),
    run(at(20), trace_id="b", session_id="s2", agent="clerk"),
    chat(at(21), trace_id="b", model="large"), chat(at(22), trace_id="b", model="small"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "counts"),
    [
        ("session", "s1", (1, 1, 1)), ("agent", "clerk", (1, 2, 0)), ("model", "large", (1, 2, 0)),
        ("model", "small", (2, 3, 1)), ("session", "s3", (0, 0, 0)),
        ("agent", "' OR 1=1", (0, 0, 0)),
    ],
)  # fmt: skip
def test_a_filter_chooses_whole_traces(name: str, value: str, counts: Any) -> None:
    """The calls of a run stay with it, also those that do not say whose they are."""
    store, view = filled(*TWO), View(NOON, 3600, **{name: value})
    found = overview(store, view).total
    tools = sum(row.calls for row in tool_table(store, view))
    assert (found.runs.finished, found.calls.finished, tools) == counts
    assert len(trace_table(store, view)) == counts[0]


def test_filters_hold_together_and_the_choice_stays_whole() -> None:
    """Both must be true; what can be chosen does not depend on what is."""
    store = filled(*TWO)
    view = View(NOON, 3600, session="s1", model="large")
    assert overview(store, view).total.runs.finished == 0
    assert choices(store, view) == {
        "session": ["s1", "s2"], "model": ["small", "large"], "agent": ["desk", "clerk"],
    }  # fmt: skip


# -- Tables ------------------------------------------------------------------------------
def test_models_come_by_cost_and_unknown_prices_are_no_zero() -> None:
    """None is not $0."""
    store = filled(
        chat(at(1), model="free"), chat(at(2), model="dear", cost_usd=2.0),
        chat(at(3), model="dear", status="ERROR", input_tokens=None, output_tokens=None),
    )  # fmt: skip
    dear, free = model_table(store, HOUR)
    assert (dear.model, dear.calls, dear.failed, dear.cost_usd, dear.unpriced) == (
        *("dear", 2, 1, Decimal(2), 0),
    )
    assert (free.model, free.cost_usd, free.unpriced, free.input_tokens) == ("free", None, 1, 10)


def test_the_least_successful_tool_is_first() -> None:
    """With its share of successes, and of results that were empty."""
    empty = f'{{"{c.RESULT_SIZE}": 2}}'
    store = filled(
        tool(at(1), "good", attributes=empty), tool(at(3), "bad"),
        tool(at(2), "bad", status="ERROR"),
    )  # fmt: skip
    bad, good = tool_table(store, HOUR)
    assert (bad.tool, bad.calls, bad.failed, bad.success_percent) == ("bad", 2, 1, 50)
    assert (good.tool, good.empty, good.success_percent) == ("good", 1, 100)


def failed(make: Any, seconds: float, trace: str, message: str, **known: Any) -> Any:
    return make(at(seconds), trace_id=trace, status="ERROR", status_message=message, **known)


def test_errors_are_grouped_without_their_numbers_and_count_where_they_began() -> None:
    """Three messages that differ in a number are one kind; the run they broke adds none."""
    store = filled(
        failed(chat, 3, "a", "RateLimited: try again in 3 s"),
        failed(run, 2, "a", "RateLimited: try again in 3 s"),
        failed(chat, 6, "b", "RateLimited: try again in 30.5 s"), run(at(5), trace_id="b"),
        failed(run, 1, "c", "StepLimit: no answer after 6 calls"),
    )  # fmt: skip
    limited, steps = top_errors(store, HOUR)
    assert (limited.message, limited.times, limited.failed_requests, limited.trace_id) == (
        *("RateLimited: try again in <n> s", 2, 1, "a"),
    )
    assert (steps.operation, steps.times, steps.failed_requests) == (c.INVOKE_AGENT, 1, 1)
    assert len(top_errors(store, HOUR, limit=1)) == 1


def test_a_run_whose_own_error_differs_from_its_calls_counts() -> None:
    """What a run wraps is an error of its own kind."""
    store = filled(failed(tool, 3, "a", "ToolError: 503"), failed(run, 2, "a", "GaveUp: sorry"))
    assert [row.message for row in top_errors(store, HOUR)] == ["GaveUp: sorry", "ToolError: <n>"]


def test_a_trace_is_one_row_with_what_is_in_it() -> None:
    """The run that began first names it, however many are in it."""
    store = filled(
        run(at(1), 30, trace_id="a", agent="desk", session_id="s", span_id="r"),
        run(at(5), 10, trace_id="a", agent="helper", status="ERROR", span_id="h"),
        chat(at(6), trace_id="a", cost_usd=0.25), chat(at(7), trace_id="a"),
        tool(at(8), trace_id="a"),
    )  # fmt: skip
    (row,) = trace_table(store, HOUR)
    assert (row.agent, row.session, row.outcome, row.duration_s) == ("desk", "s", "ok", 30)
    assert (row.errors, row.model_calls, row.tool_calls, row.tokens) == (1, 2, 1, 28)
    assert (row.cost_usd, row.unpriced) == (Decimal("0.25"), 1)


def test_traces_come_in_the_order_that_is_asked_for() -> None:
    """What still runs is the newest, and may be the slowest."""
    gone = f'{{"{c.CANCELLED}": true}}'
    store = filled(
        run(None, trace_id="runs"), run(at(1), 1, trace_id="new", attributes=gone),
        run(at(9), 50, trace_id="slow"), run(at(20), 2, trace_id="bad", status="ERROR"),
    )  # fmt: skip
    order = {
        name: [row.trace_id for row in trace_table(store, HOUR, name)]
        for name in ("newest", "slowest", "failed first")
    }
    assert order["newest"] == ["runs", "new", "slow", "bad"]
    assert order["slowest"] == ["runs", "slow", "bad", "new"]
    assert order["failed first"][0] == "bad"
    outcomes = {row.trace_id: row.outcome for row in trace_table(store, HOUR)}
    assert outcomes == {"runs": "running", "new": "cancelled", "slow": "ok", "bad": "failed"}


def test_the_list_of_traces_is_bounded() -> None:
    """However many there are."""
    store = filled(*(run(at(n), trace_id=f"t{n}") for n in range(3 * MAX_TRACES)))
    rows = trace_table(store, HOUR)
    assert [row.trace_id for row in rows] == [f"t{n}" for n in range(MAX_TRACES)]


# -- Budgets -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def traffic() -> Iterable[tuple[Store, VirtualClock]]:
    """An hour and a half of the travel desk."""
    clock = VirtualClock(datetime(2026, 1, 5, 8, 20, tzinfo=UTC))
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    asyncio.run(obs_helpers.replay(agent, faults, clock, hours=1.5, progress=False))
    clock.advance(5)  # the monitor counts whole seconds
    obs_helpers.shutdown()
    return obs.store, clock


@pytest.mark.parametrize("window", ["hour", "day", "month"])
def test_spending_is_what_the_cost_monitor_finds(traffic: Any, window: str) -> None:
    """Both read the same store, one call by call, the other in SQL."""
    store, clock = traffic
    monitor = CostMonitor(clock)
    monitor.read(store)
    now = datetime.fromtimestamp(clock.time_ns() // 10**9, UTC)
    found = spend(store, Budget(Decimal(5), window), now.replace(tzinfo=None))
    assert found.projection == monitor.projection(window)
    assert found.curve[-1][1] == found.spent_usd
    assert found.percent == pytest.approx(float(20 * found.spent_usd))
    assert (found.projection.trend_usd is None) == (window != "hour")


def test_spending_counts_all_of_a_long_period() -> None:
    """A month is longer than what a projection looks back on."""
    day = timedelta(days=1)
    month = NOON.replace(day=31)
    store = filled(*(chat(month - n * day, cost_usd=1.0) for n in range(40)), chat(month))
    found = spend(store, Budget(Decimal(62), "month"), month)
    assert (found.spent_usd, found.percent, found.priced, found.unpriced) == (31, 50, 31, 1)


def test_a_budget_that_cannot_be_drawn_is_refused_with_a_remedy() -> None:
    """One for each user, or without a period."""
    for budget in (Budget(Decimal(1)), Budget(Decimal(1), "day", "user")):
        with pytest.raises(ValueError, match=r"give Budget\(Decimal\(50\), 'day'\)"):
            check_budget(budget)


# -- Now ---------------------------------------------------------------------------------
def test_now_is_the_telemetrys_if_it_fills_the_store() -> None:
    """Else the newest record's, for a store from a file has no clock."""
    clock = VirtualClock(datetime(2026, 1, 5, 13, tzinfo=UTC))
    obs = obs_helpers.start(clock=clock, seed=1)
    assert now_in(obs.store) == NOON + timedelta(hours=1)
    assert now_in(filled(run(at(7)))) == at(7)
    assert now_in(filled(run(at(7))), clock) == NOON + timedelta(hours=1)
    obs_helpers.shutdown()
    assert now_in(filled(run(None, 5))) == at(5)
    assert now_in(Store()).year >= 2025
