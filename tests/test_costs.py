"""Costs: running totals, budgets, projections, and the same questions asked of the store."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Incident, Store, VirtualClock, replay, travel_desk
from obs_helpers.insight.budgets import (
    WINDOWS,
    Budget,
    BudgetAlert,
    BudgetMeter,
    window_end,
    window_start,
)
from obs_helpers.insight.cost_table import cost_table, double_counting
from obs_helpers.insight.costs import ALERTS_KEPT, CostMonitor
from obs_helpers.insight.ledger import HOURS_KEPT, OTHER
from obs_helpers.insight.prices import Rates
from obs_helpers.insight.projection import SpendSeries, theil_sen
from obs_helpers.schema import TABLES

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
START_US = 1_767_600_000_000_000
MINUTE_US = 60_000_000
CUTS = ("session", "user", "model", "tool", "hour")


class SetClock(VirtualClock):
    """A clock that can be set, backwards too."""

    def set(self, moment: datetime) -> None:
        self._now_ns = int(moment.timestamp()) * 1_000_000_000


def dollars(amount: str) -> dict[str, Any]:
    """Return keywords of a call that somebody has priced already."""
    return {"session_id": "s", "input_tokens": 1, "output_tokens": 1, "cost_usd": Decimal(amount)}


# -- Recording ---------------------------------------------------------------------------
def test_the_outlines_example_gives_the_outlines_numbers() -> None:
    """Without a model the outline's prices apply, to the cent and beyond."""
    monitor = CostMonitor(VirtualClock())
    assert monitor.record_usage("a", 1000, 500) == Decimal("0.025")
    monitor.record_usage("a", 1, 0)
    monitor.record_usage("b", 100, 100)
    assert monitor.get_session_cost("a") == Decimal("0.02501")
    assert monitor.get_session_cost("b") == Decimal("0.004")
    assert monitor.get_session_cost("never seen") == 0


def test_ten_thousand_cheap_calls_add_up_exactly() -> None:
    """Where the outline's floats do not."""
    monitor, naive = CostMonitor(VirtualClock()), 0.0
    for _ in range(10_000):
        monitor.record_usage("s", 1, 0)
        naive += 1 * 0.00001
    assert monitor.get_session_cost("s") == Decimal("0.1")
    assert naive != 0.1


def test_a_model_has_its_own_price_and_yours_come_first() -> None:
    """Cached tokens are a part of the input."""
    mine = {"house-7b": Rates(Decimal(1), Decimal(2))}
    monitor = CostMonitor(VirtualClock(), overrides=mine)
    assert monitor.record_usage("s", 10_000, 1000, model="gpt-5", cached_tokens=8000) == Decimal(
        "0.0135"
    )
    assert monitor.record_usage("s", 1_000_000, 1_000_000, model="house-7b") == 3
    assert CostMonitor(default_rates=mine["house-7b"]).record_usage("s", 10**6, 0) == 1


def test_a_cost_that_somebody_has_priced_is_taken_as_it_is() -> None:
    """A float counts as what it shows, not as its binary digits."""
    monitor = CostMonitor(VirtualClock())
    assert monitor.record_usage(**dollars("0.123456789"), model="unheard-of") == Decimal(
        "0.123456789"
    )
    assert monitor.record_usage("s", 1, 1, cost_usd=0.1) == Decimal("0.1")  # type: ignore[arg-type]
    assert monitor.record_usage(**dollars("0")) == 0
    assert monitor.summary()["unpriced_calls"] == 0


def test_an_unknown_model_is_counted_and_shown_and_never_free() -> None:
    """Its cost is None; its calls and tokens are in the totals, the summary and the repr."""
    monitor = CostMonitor(VirtualClock())
    assert monitor.record_usage("s", 1000, 200, model="unheard-of") is None
    assert monitor.get_session_cost("s") is None
    assert repr(monitor) == (
        "<CostMonitor unknown cost in 1 calls, 1 unpriced (1200 tokens), 0 invalid>"
    )
    monitor.record_usage("s", 1000, 0)
    assert monitor.get_session_cost("s") == Decimal("0.01")
    assert monitor.summary()["unpriced_calls"] == 1
    assert monitor.summary()["unpriced_tokens"] == 1200
    assert repr(monitor) == (
        "<CostMonitor $0.0100 in 2 calls, 1 unpriced (1200 tokens), 0 invalid>"
    )
    models = monitor.totals("model").set_index("model")
    assert models["cost_usd"]["unheard-of"] is None
    assert models["unpriced_calls"]["unheard-of"] == 1


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __hash__ = __eq__ = __bool__ = __str__  # type: ignore[assignment]


@pytest.mark.parametrize(
    "bad",
    [
        {"input_tokens": -1},
        {"input_tokens": None},
        {"input_tokens": "many"},
        {"output_tokens": 1.5},
        {"output_tokens": 10**400},
        {"cached_tokens": 101},
        {"reasoning_tokens": 51},
        {"model": ["gpt-5"]},
        {"model": 5},
        {"model": Hostile()},
        {"model": "x", "provider": Hostile()},
        {"cost_usd": Decimal("NaN")},
        {"cost_usd": Decimal("Infinity")},
        {"cost_usd": Decimal(-1)},
        {"cost_usd": Decimal("1e999999")},
        {"cost_usd": "a lot"},
        {"cost_usd": Hostile()},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_recording_never_raises_into_the_agent(bad: dict[str, Any]) -> None:
    """What cannot be is counted as invalid, is in no total, and shows."""
    monitor = CostMonitor(VirtualClock())
    call = {"session_id": "s", "input_tokens": 100, "output_tokens": 50, **bad}
    assert monitor.record_usage(**call) is None
    assert monitor.invalid == monitor.summary()["invalid"] == 1
    assert monitor.summary()["calls"] == 0
    assert "1 invalid" in repr(monitor)
    assert monitor.record_usage("s", 100, 50) is not None


@pytest.mark.parametrize("name", [42, "", "\ud800", "x\0y", Hostile(), ("a", 1), ["list"]])
def test_whatever_a_session_or_a_user_is_called_it_is_counted(name: Any) -> None:
    """Names that are no text are shown as text."""
    monitor = CostMonitor(VirtualClock())
    assert monitor.record_usage(name, 100, 0, user_id=name, tool=name) == Decimal("0.001")
    assert monitor.get_session_cost(name) == Decimal("0.001")
    assert isinstance(monitor.totals("user")["user"][0], str)


def test_an_outcome_that_cannot_be_read_does_not_cost_the_call() -> None:
    """The call counts, the outcome does not."""
    monitor = CostMonitor(VirtualClock())
    assert monitor.record_usage("s", 100, 0, success=Hostile()) == Decimal("0.001")  # type: ignore[arg-type]
    assert (monitor.invalid, monitor.summary()["tasks"]) == (1, 0)


# -- Totals ------------------------------------------------------------------------------
_names = st.none() | st.sampled_from(["a", "b", "c", "d"])
_records = st.lists(
    st.tuples(
        st.fixed_dictionaries(
            {
                "session_id": st.sampled_from(["s1", "s2", "s3", "s4"]),
                "input_tokens": st.integers(0, 10**6),
                "output_tokens": st.integers(0, 10**6),
                "user_id": _names,
                "tool": _names,
                "model": st.sampled_from([None, "gpt-5", "gemini-2.5-flash", "unheard-of"]),
            }
        ),
        st.integers(-4000, 4000),
    ),
    max_size=30,
)


@given(_records, st.integers(1, 4))
def test_the_rows_of_every_cut_add_up_to_the_same(
    records: list[tuple[dict[str, Any], int]], max_keys: int
) -> None:
    """By whatever key, however little is kept apart, and on a clock that jumps about."""
    clock = SetClock()
    monitor = CostMonitor(clock, max_keys=max_keys)
    returned = []
    for number, (call, minutes) in enumerate(records):
        clock.set(START + timedelta(minutes=minutes + number))
        returned.append(monitor.record_usage(**call))
    known = sum((usd for usd in returned if usd is not None), Decimal(0))
    for by in CUTS:
        table = monitor.totals(by)
        assert table["calls"].sum() == len(records)
        assert table["input_tokens"].sum() == sum(call["input_tokens"] for call, _ in records)
        assert sum((usd for usd in table["cost_usd"] if usd is not None), Decimal(0)) == known
        assert table["unpriced_calls"].sum() == returned.count(None)
        assert len(table) <= (max_keys + 1 if by != "hour" else len(records))


def test_totals_are_shown_dearest_first_and_hours_in_order() -> None:
    """As `cost_table` shows them."""
    clock = SetClock()
    monitor = CostMonitor(clock)
    for session, tokens in [("cheap", 10), ("dear", 1000), ("middling", 100)]:
        monitor.record_usage(session, tokens, 0)
        clock.set(START + timedelta(hours=tokens % 7))
    assert monitor.totals("session")["session"].tolist() == ["dear", "middling", "cheap"]
    hours = monitor.totals("hour")["hour"].tolist()
    assert hours == sorted(hours)
    assert hours[0] == START.replace(tzinfo=None)


@pytest.mark.parametrize("by", ["minute", "", "hours", None])
def test_an_unknown_cut_is_refused_by_name(by: Any) -> None:
    """The message lists what there is, for the monitor and for the store."""
    with pytest.raises(
        ValueError, match=r"does not work; give one of session, user, model, tool, hour"
    ):
        CostMonitor().totals(by)
    with pytest.raises(
        ValueError, match=r"does not work; give one of session, user, model, tool, hour"
    ):
        cost_table(by, Store())


def test_thousands_of_sessions_stay_bounded_and_none_of_their_cost_is_lost() -> None:
    """Those unused for longest are added up as `(other)`, and their own cost is not known."""
    monitor = CostMonitor(VirtualClock(), max_keys=100)
    for number in range(10_000):
        monitor.record_usage(f"s{number}", 100, 0, user_id=f"u{number % 7}")
        monitor.record_usage("regular", 100, 0)
    table = monitor.totals("session")
    assert len(table) == 101
    assert table.iloc[-1]["session"] == OTHER
    assert table["cost_usd"].sum() == 20
    assert monitor.get_session_cost("regular") == 10
    assert monitor.get_session_cost("s9999") == Decimal("0.001")
    assert monitor.get_session_cost("s1") is None
    assert monitor.summary()["evicted"] == {
        "session": 9901, "user": 0, "model": 0, "tool": 0, "hour": 0,
    }  # fmt: skip


def test_hours_of_long_ago_are_added_up() -> None:
    """Years of running do not fill the memory."""
    clock = SetClock()
    monitor = CostMonitor(clock)
    for _ in range(HOURS_KEPT + 10):
        monitor.record_usage("s", 100, 0)
        clock.advance(3600)
    table = monitor.totals("hour")
    assert len(table) == HOURS_KEPT + 1
    assert table.iloc[-1]["hour"] == OTHER
    assert table.iloc[-1]["calls"] == 10


def test_shares_and_the_cost_of_success() -> None:
    """The failed task's cost is part of what a successful one costs."""
    monitor = CostMonitor(VirtualClock())
    empty = monitor.summary()
    assert empty["cost_usd"] == 0
    assert [empty[k] for k in ("cache_hit_share", "input_per_output_token")] == [None, None]
    assert empty["usd_per_successful_task"] is None
    monitor.record_usage("a", 1000, 100, cached_tokens=500)
    monitor.record_usage("a", 1000, 100, cached_tokens=700, success=True)
    monitor.record_usage("b", 2000, 200, success=False)
    assert monitor.summary()["usd_per_successful_task"] == Decimal("0.052")
    monitor.record_usage("c", 0, 0, success=True)
    summary = monitor.summary()
    assert summary["cache_hit_share"] == 0.3
    assert summary["input_per_output_token"] == 10
    assert (summary["tasks"], summary["successful_tasks"]) == (3, 2)
    assert summary["usd_per_successful_task"] == Decimal("0.026")


def test_success_without_any_price_has_no_cost() -> None:
    """Not knowing the price is not knowing the price per success."""
    monitor = CostMonitor(VirtualClock())
    monitor.record_usage("a", 10, 10, model="unheard-of", success=True)
    assert monitor.summary()["usd_per_successful_task"] is None


def test_threads_may_record_side_by_side() -> None:
    """No call is lost."""
    monitor = CostMonitor(VirtualClock(), budgets=[Budget(Decimal(1), "day")], max_keys=3)

    def work(name: int) -> None:
        for number in range(500):
            monitor.record_usage(f"s{name}-{number % 5}", 100, 0)

    threads = [threading.Thread(target=work, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert monitor.summary()["cost_usd"] == 2
    assert [alert.step for alert in monitor.alerts] == [50, 80, 100]


# -- Budgets -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("window", "at", "start", "end"),
    [
        ("hour", "2026-01-05T08:59:59.999999", "2026-01-05T08:00", "2026-01-05T09:00"),
        ("hour", "2026-01-05T23:30", "2026-01-05T23:00", "2026-01-06T00:00"),
        ("day", "2026-01-05T00:00", "2026-01-05T00:00", "2026-01-06T00:00"),
        ("day", "2026-12-31T23:59:59", "2026-12-31T00:00", "2027-01-01T00:00"),
        ("month", "2026-01-31T23:59:59", "2026-01-01T00:00", "2026-02-01T00:00"),
        ("month", "2026-02-28T12:00", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("month", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("month", "2026-04-30T12:00", "2026-04-01T00:00", "2026-05-01T00:00"),
        ("month", "2026-12-01T00:00", "2026-12-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_windows_follow_the_calendar(window: str, at: str, start: str, end: str) -> None:
    """Midnight and the ends of months, short or long."""
    moment, first, last = (datetime.fromisoformat(t).replace(tzinfo=UTC) for t in (at, start, end))
    assert (window_start(window, moment), window_end(window, moment)) == (first, last)


@given(st.sampled_from(WINDOWS), st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_each_moment_is_in_one_window(window: str, at: datetime) -> None:
    """A window ends where the next one starts."""
    start, end = window_start(window, at), window_end(window, at)
    assert start <= at < end
    assert window_start(window, end) == end
    assert window_start(window, end - timedelta(microseconds=1)) == start


def spend(monitor: CostMonitor, *amounts: str, **labels: Any) -> list[int]:
    """Record these costs; return the steps that were new."""
    before = len(monitor.alerts)
    for amount in amounts:
        monitor.record_usage(**{**dollars(amount), **labels})
    return [alert.step for alert in list(monitor.alerts)[before:]]


def test_each_step_is_told_once_and_at_the_very_cent() -> None:
    """Half of ten dollars is reached with five, not a billionth before."""
    told: list[BudgetAlert] = []
    monitor = CostMonitor(SetClock(), budgets=[Budget(Decimal(10), "day")], on_alert=told.append)
    assert spend(monitor, "4.999999999") == []
    assert spend(monitor, "0.000000001") == [50]
    assert spend(monitor, "1", "1", "0.5") == []
    assert spend(monitor, "0.5") == [80]
    assert spend(monitor, "2") == [100]
    assert spend(monitor, "2", "50") == []
    assert told == list(monitor.alerts)
    assert str(told[1]) == "80 % of $10 per day: $8.0000 spent since 2026-01-05 00:00 UTC"


def test_one_big_call_tells_of_the_highest_step_only() -> None:
    """One message, with what was really spent."""
    monitor = CostMonitor(SetClock(), budgets=[Budget(Decimal(1), "hour")])
    assert spend(monitor, "7.5") == [100]
    assert monitor.alerts[0].spent_usd == Decimal("7.5")


@pytest.mark.parametrize(
    ("window", "last", "first"),
    [
        ("hour", "2026-01-05T08:59:59", "2026-01-05T09:00:00"),
        ("day", "2026-01-05T23:59:59", "2026-01-06T00:00:00"),
        ("month", "2026-01-31T23:59:59", "2026-02-01T00:00:00"),
        ("month", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
    ],
)
def test_a_new_period_starts_from_nothing(window: str, last: str, first: str) -> None:
    """On the second of the change, and each period tells for itself."""
    clock = SetClock()
    monitor = CostMonitor(clock, budgets=[Budget(Decimal(1), window)])
    clock.set(datetime.fromisoformat(last).replace(tzinfo=UTC))
    assert spend(monitor, "0.9") == [80]
    clock.set(datetime.fromisoformat(first).replace(tzinfo=UTC))
    assert spend(monitor, "0.4") == []
    assert spend(monitor, "0.1") == [50]
    assert monitor.alerts[-1].since == window_start(window, clock_time(clock))


def clock_time(clock: VirtualClock) -> datetime:
    return datetime.fromtimestamp(clock.time_ns() / 1e9, UTC)


def test_a_clock_that_steps_back_tells_nothing_twice() -> None:
    """What is spent then belongs to the period that the clock says."""
    clock = SetClock()
    monitor = CostMonitor(clock, budgets=[Budget(Decimal(1), "day")])
    clock.set(datetime(2026, 1, 5, 23, 59, tzinfo=UTC))
    assert spend(monitor, "0.6") == [50]
    clock.set(datetime(2026, 1, 6, 0, 1, tzinfo=UTC))
    assert spend(monitor, "0.6") == [50]
    clock.set(datetime(2026, 1, 5, 23, 58, tzinfo=UTC))
    assert spend(monitor, "0.1") == []
    assert spend(monitor, "0.1") == [80]
    clock.set(datetime(2026, 1, 6, 0, 2, tzinfo=UTC))
    assert spend(monitor, "0.1") == []


def test_sessions_and_users_each_have_their_own_budget() -> None:
    """Calls of nobody in particular are in no user's budget."""
    budgets = [Budget(Decimal(1), by="session"), Budget(Decimal(1), "day", "user", steps=(100,))]
    clock = SetClock()
    monitor = CostMonitor(clock, budgets=budgets)
    assert spend(monitor, "0.4", session_id="a", user_id="u") == []
    assert spend(monitor, "0.4", session_id="b", user_id="u") == []
    assert spend(monitor, "0.1", session_id="b") == [50]
    assert spend(monitor, "5", session_id="nobody") == [100]
    assert monitor.alerts[-1].budget.by == "session"
    assert spend(monitor, "0.01", session_id="b") == []
    assert str(monitor.alerts[0]) == "50 % of $1 per session (b): $0.5000 spent"
    assert spend(monitor, "0.2", session_id="c", user_id="u") == [100]
    assert (monitor.alerts[-1].subject, monitor.alerts[-1].budget.by) == ("u", "user")
    clock.advance(86_400)
    assert spend(monitor, "0.4", session_id="a", user_id="u") == [80]


def test_what_has_no_price_fills_no_budget() -> None:
    """Nobody knows how much it would be."""
    monitor = CostMonitor(SetClock(), budgets=[Budget(Decimal("0.01"))])
    monitor.record_usage("s", 10**6, 10**6, model="unheard-of")
    assert list(monitor.alerts) == []
    assert spend(monitor, "0.01") == [100]


def test_a_callback_that_raises_does_not_reach_the_agent() -> None:
    """It is counted, and the alert is kept all the same."""

    def broken(alert: BudgetAlert) -> None:
        raise RuntimeError("pager is down")

    monitor = CostMonitor(SetClock(), budgets=[Budget(Decimal(1))], on_alert=broken)
    assert spend(monitor, "0.5", "0.5") == [50, 100]
    assert monitor.callback_errors == monitor.summary()["callback_errors"] == 2
    assert monitor.get_session_cost("s") == 1


def test_a_callback_may_ask_the_monitor() -> None:
    """No deadlock: it is called when the books are closed."""
    seen: list[Any] = []
    monitor = CostMonitor(
        SetClock(),
        budgets=[Budget(Decimal(1))],
        on_alert=lambda alert: seen.append((monitor.get_session_cost("s"), monitor.read(Store()))),
    )
    spend(monitor, "2")
    assert seen == [(2, 0)]


def test_alerts_and_sums_are_bounded() -> None:
    """However many users there are."""
    meter = BudgetMeter(Budget(Decimal(1), by="user"), max_keys=10)
    for number in range(100):
        assert meter.add(Decimal(1), START, {"user": f"u{number}"}) is not None
    assert meter.add(Decimal(1), START, {"user": "u99"}) is None
    assert meter.add(Decimal(1), START, {"user": "u0"}) is not None  # forgotten: told again
    monitor = CostMonitor(SetClock(), budgets=[Budget(Decimal(1), by="session")])
    for number in range(ALERTS_KEPT + 5):
        monitor.record_usage(**{**dollars("1"), "session_id": f"s{number}"})
    assert len(monitor.alerts) == ALERTS_KEPT
    assert monitor.alerts[0].subject == "s5"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"limit_usd": 10.0}, r"limit_usd=10\.0 does not work; give an amount .* as Decimal"),
        ({"limit_usd": Decimal(0)}, r"does not work; give an amount"),
        ({"limit_usd": Decimal("NaN")}, r"does not work; give an amount"),
        ({"limit_usd": Decimal("Infinity")}, r"does not work; give an amount"),
        ({"window": "week"}, r"window='week' does not work; give one of hour, day, month"),
        ({"by": "tool"}, r"by='tool' does not work; give one of session, user"),
        ({"steps": ()}, r"steps=\(\) does not work; give percentages"),
        ({"steps": (0, 50)}, r"give percentages above 0"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    """When it is made, not when it is first needed."""
    with pytest.raises(ValueError, match=message):
        Budget(**{"limit_usd": Decimal(1), **values})


@given(st.lists(st.decimals(0, 3, places=4), max_size=30), st.sets(st.integers(1, 300), min_size=1))
def test_steps_come_in_order_and_never_before_their_time(
    amounts: list[Decimal], steps: set[int]
) -> None:
    """Whatever the amounts and the steps: the last alert is the highest step reached."""
    budget = Budget(Decimal(10), steps=tuple(steps))
    meter = BudgetMeter(budget, max_keys=5)
    alerts = [alert for usd in amounts if (alert := meter.add(usd, START, {}))]
    told = [alert.step for alert in alerts]
    assert told == sorted(set(told))
    assert all(alert.spent_usd * 100 >= alert.step * 10 for alert in alerts)
    reached = [step for step in steps if sum(amounts) * 100 >= step * 10]
    assert (told[-1:] or [None]) == [max(reached, default=None)]


# -- Projection --------------------------------------------------------------------------
def hourly(amounts: Sequence[float], window: str = "day") -> SpendSeries:
    """Spend these amounts, one at the start of each hour of a day from midnight on."""
    series = SpendSeries(window)
    for hour, amount in enumerate(amounts):
        series.add(Decimal(str(amount)), datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=hour))
    return series


def at(hour: float) -> datetime:
    return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("hours", "now", "reason"),
    [
        (0, 5, "not enough data: nothing was recorded yet"),
        (1, 0.5, "not enough data: 0 of 8 complete hours; enough at 2026-01-05 09:00 UTC"),
        (9, 8.99, "not enough data: 7 of 8 complete hours; enough at 2026-01-05 09:00 UTC"),
        (9, 9, ""),
    ],
)
def test_too_little_data_is_said_and_not_guessed(hours: int, now: float, reason: str) -> None:
    """There is no number then, but a reason, and when to ask again. The first hour is in part."""
    projection = hourly([1] * hours).project(at(now))
    assert projection.reason == reason
    assert projection.spent_usd == hours
    known = [projection.run_rate_usd, projection.trend_usd, projection.low_usd]
    assert all(value is None for value in known) == bool(reason)


def test_steady_spending_ends_where_one_expects() -> None:
    """At noon a dollar per hour was spent: 24 dollars a day, without doubt."""
    projection = hourly([1] * 12).project(at(12))
    assert (projection.start, projection.end) == (at(0), at(24))
    assert projection.spent_usd == 12
    figures = (projection.run_rate_usd, projection.trend_usd)
    assert figures == (24, 24)
    assert projection.low_usd == projection.high_usd == 24


def test_within_an_hour_only_its_rest_is_still_to_come() -> None:
    """At 12:45 a quarter of the hour is left."""
    projection = hourly([1] * 12 + [0.75]).project(at(12.75))
    assert projection.run_rate_usd == projection.trend_usd == 24


def test_a_rise_is_followed_by_the_trend_and_not_by_the_run_rate() -> None:
    """One dollar more each hour: 0 + 1 + … + 23."""
    projection = hourly(range(12)).project(at(12))
    assert projection.spent_usd == 66
    assert projection.trend_usd == 276
    assert projection.run_rate_usd == 66 + 6 * 12


def test_one_spike_does_not_turn_the_trend() -> None:
    """It widens the interval, and pulls the run rate up."""
    spiked = hourly([1] * 11 + [500]).project(at(12))
    assert spiked.trend_usd == 511 + 12
    assert spiked.run_rate_usd is not None
    assert spiked.run_rate_usd > 1000
    assert spiked.low_usd == spiked.spent_usd
    assert spiked.high_usd is not None
    assert spiked.high_usd > 1000


def test_a_fall_ends_at_nothing_and_never_below() -> None:
    """Money does not come back."""
    projection = hourly([30, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2]).project(at(12))
    assert projection.trend_usd == projection.spent_usd == 162


def test_hours_without_a_call_cost_nothing() -> None:
    """A gap is a zero, not a hole."""
    series = hourly([5])
    assert series.project(at(12)).trend_usd == 5
    assert series.project(at(12)).reason == ""


@pytest.mark.parametrize(("window", "step_s", "total"), [("hour", 300, 12), ("month", 86_400, 31)])
def test_hours_and_months_are_projected_from_smaller_parts(
    window: str, step_s: int, total: int
) -> None:
    """An hour from 5 minutes, a month from days."""
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    monitor = CostMonitor(clock)
    for _ in range(10):
        monitor.record_usage(**dollars("1"))
        clock.advance(step_s)
    projection = monitor.projection(window)
    assert projection.spent_usd == 10
    assert projection.trend_usd == projection.run_rate_usd == total
    assert projection.reason == ""


def test_yesterday_counts_for_the_rate_but_not_for_what_was_spent() -> None:
    """One hour after midnight there is a projection already."""
    projection = hourly([1] * 25).project(at(25))
    assert projection.spent_usd == 1
    assert projection.trend_usd == 24


def test_what_was_before_yesterday_is_forgotten() -> None:
    """A price that fell two days ago is not mixed into today's."""
    projection = hourly([10] * 24 + [1] * 30).project(at(54))
    assert projection.trend_usd == projection.run_rate_usd == 24


def test_a_clock_that_steps_back_has_no_projection_of_the_future() -> None:
    """What lies ahead of the clock is in no past hour."""
    series = hourly([1] * 30)
    assert series.project(at(12)).trend_usd == 24 + 12  # all 24 hours of this day are recorded
    assert series.project(at(-48)).reason.startswith("not enough data")


def test_an_unknown_window_is_refused() -> None:
    """By name."""
    with pytest.raises(
        ValueError, match=r"window='week' does not work; give one of hour, day, month"
    ):
        CostMonitor().projection("week")


_amounts = st.lists(st.decimals(0, 100, places=2), min_size=24, max_size=24)


@given(_amounts, st.integers(10, 23))
def test_estimates_are_never_below_what_was_spent(amounts: list[Decimal], hour: int) -> None:
    """And the interval is around the trend."""
    projection = hourly([float(usd) for usd in amounts[:hour]]).project(at(hour))
    assert projection.run_rate_usd is not None
    assert projection.trend_usd is not None
    assert projection.low_usd is not None
    assert projection.high_usd is not None
    assert projection.spent_usd == sum(amounts[:hour])
    assert projection.run_rate_usd >= projection.spent_usd
    assert projection.spent_usd <= projection.low_usd <= projection.trend_usd
    assert projection.trend_usd <= projection.high_usd


@given(
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=2),
)
def test_the_line_goes_through_most_points_whatever_the_others_are(
    slope: int, base: int, wild: list[int]
) -> None:
    """Two of twelve values may be anything."""
    values = [Decimal(base + slope * x) for x in range(12)]
    values[3], values[8] = map(Decimal, wild)
    assert theil_sen(values) == (slope, base)


# -- The store ---------------------------------------------------------------------------
def span(operation: str, trace: int = 1, minute: float = 0, **values: Any) -> tuple[Any, ...]:
    """Return a row of a span that ended `minute` minutes after the start."""
    columns: dict[str, Any] = dict.fromkeys(TABLES["spans"])
    columns |= {"trace_id": f"{trace:032x}", "span_id": f"{next(NUMBERS):016x}", "name": operation}
    columns |= {"operation": operation, "status": "UNSET", "attributes": "{}"}
    end = START_US + round(minute * MINUTE_US)
    columns |= {"start_time": end - 1000, "end_time": end, "duration_s": 0.001}
    return tuple({**columns, **values}.values())


def chat(trace: int = 1, minute: float = 0, **values: Any) -> tuple[Any, ...]:
    given = {"input_tokens": 100, "output_tokens": 10, "cost_usd": 0.001, "session_id": "s"}
    return span("chat", trace, minute, **{**given, **values})


NUMBERS = count(1)


def stored(*rows: tuple[Any, ...]) -> Store:
    store = Store()
    store.append("spans", rows)
    return store


def test_only_model_calls_own_cost_whatever_their_parents_say() -> None:
    """A parent that repeats its children's sum changes nothing, and is reported."""
    parent = {"input_tokens": 200, "output_tokens": 20, "cost_usd": 0.002}
    store = stored(
        span("invoke_agent", 1, span_id="run", **parent),
        span("workflow step", 1, span_id="step", parent_id="run", **parent),
        chat(span_id="one", parent_id="step"),
        chat(span_id="two", parent_id="step"),
        chat(trace=2, span_id="one", parent_id="run"),  # ids of another trace mean nothing
        span("invoke_agent", 3, span_id="out", input_tokens=100, output_tokens=7),
        span("step", 3, span_id="in", parent_id="out", input_tokens=7, output_tokens=10),
        chat(trace=3, parent_id="in"),
    )
    table = cost_table("model", store)
    assert table["calls"].tolist() == [4]
    assert table["input_tokens"].tolist() == [400]
    assert table["cost_usd"].tolist() == [Decimal("0.004")]
    found = double_counting(store)
    assert sorted(found["span_id"]) == ["run", "step"]
    assert found["calls"].tolist() == [2, 2]
    assert not found["counted_twice"].any()
    monitor = CostMonitor()
    assert monitor.read(store) == 4
    assert monitor.summary()["cost_usd"] == Decimal("0.004")


def test_one_call_reported_by_two_libraries_is_found() -> None:
    """A model call inside of a model call, with the same tokens: that is paid once."""
    store = stored(
        span("invoke_agent", 1, span_id="run", input_tokens=200, output_tokens=20),
        chat(span_id="outer", parent_id="run"),
        chat(span_id="inner", parent_id="outer"),
        chat(span_id="alone", parent_id="run"),
    )
    found = double_counting(store).set_index("span_id")
    assert found["counted_twice"].to_dict() == {"run": False, "outer": True}
    assert found["calls"].to_dict() == {"run": 2, "outer": 1}


def test_broken_parents_are_no_double_counting_and_no_endless_loop() -> None:
    """Spans that are their own ancestors."""
    store = stored(
        chat(span_id="a", parent_id="b", output_tokens=1),
        chat(span_id="b", parent_id="a", output_tokens=2),
        chat(span_id="c", parent_id="c"),
        chat(span_id="d", parent_id=None),
    )
    assert double_counting(store).empty
    assert double_counting(Store()).empty


def test_sums_in_the_store_are_exact() -> None:
    """Ten thousand times $0.00001, which floats cannot add."""
    store = stored(*[chat(cost_usd=0.00001) for _ in range(10_000)])
    assert cost_table("session", store)["cost_usd"].tolist() == [Decimal("0.1")]


def test_a_call_without_a_price_is_counted_apart() -> None:
    """A row without any price costs None; a call that failed has no tokens either."""
    store = stored(
        chat(model="known"),
        chat(model="known", cost_usd=None),
        chat(model="unheard-of", cost_usd=None),
        span("chat", model="known", status="ERROR"),
        chat(model="known", end_time=None, status="RUNNING"),
    )
    table = cost_table("model", store).set_index("model")
    assert table["calls"].to_dict() == {"known": 3, "unheard-of": 1}
    assert table["unpriced_calls"].to_dict() == {"known": 1, "unheard-of": 1}
    assert table["cost_usd"].to_dict() == {"known": Decimal("0.001"), "unheard-of": None}


def user(name: str) -> str:
    return f'{{"user.id": "{name}"}}'


def test_each_cut_of_the_store() -> None:
    """The user is the outermost run's; rows by tool overlap, and only they."""
    store = stored(
        span("invoke_agent", 1, start_time=START_US - 5000, attributes=user("ann")),
        span("invoke_agent", 1, attributes=user("sub-agent")),
        span("execute_tool", 1, tool="weather"),
        span("execute_tool", 1, tool="weather"),
        span("execute_tool", 1, tool="flights"),
        chat(1, 59.99, session_id="s1"),
        chat(1, 60, session_id="s1", cost_usd=0.002, cached_tokens=50, reasoning_tokens=5),
        chat(2, 61, session_id="s2", cost_usd=0.01),
    )
    cents: dict[Any, dict[Any, str]] = {
        "session": {"s2": "0.01", "s1": "0.003"},
        "user": {None: "0.01", "ann": "0.003"},
        "tool": {None: "0.01", "flights": "0.003", "weather": "0.003"},
        "hour": {datetime(2026, 1, 5, 8): "0.001", datetime(2026, 1, 5, 9): "0.012"},  # noqa: DTZ001
    }
    for by, wanted in cents.items():
        table = cost_table(by, store)
        keys = [key if isinstance(key, str | datetime) else None for key in table[by]]
        assert dict(zip(keys, table["cost_usd"], strict=True)) == {
            key: Decimal(usd) for key, usd in wanted.items()
        }
        assert keys == list(wanted)
    by_session = cost_table("session", store).set_index("session").loc["s1"]
    assert (by_session["cached_tokens"], by_session["reasoning_tokens"]) == (50, 5)


def test_an_empty_store_gives_empty_tables() -> None:
    """No rows; and a monitor that reads it knows nothing."""
    for by in CUTS:
        assert cost_table(by, Store()).empty
    monitor = CostMonitor()
    assert monitor.read(Store()) == 0
    assert monitor.summary()["calls"] == 0


def test_without_a_store_it_is_the_current_telemetrys() -> None:
    """For the tables and for the monitor."""
    with pytest.raises(RuntimeError, match=r"call obs_helpers\.start\(\) first"):
        CostMonitor().read()
    obs = obs_helpers.start()
    obs.store.append("spans", [chat()])
    assert cost_table("model")["calls"].tolist() == [1]
    assert double_counting().empty
    assert CostMonitor().read() == 1


# -- Reading the store -------------------------------------------------------------------
def test_each_call_is_read_once_however_often_one_looks() -> None:
    """Two that ended in the same microsecond, one that ended later but began first."""
    store, monitor = stored(chat(minute=1), chat(minute=1)), CostMonitor()
    assert [monitor.read(store), monitor.read(store)] == [2, 0]
    store.append("spans", [chat(minute=1)])
    assert [monitor.read(store), monitor.read(store)] == [1, 0]
    store.append("spans", [chat(minute=60, start_time=START_US - 90 * MINUTE_US)])
    assert [monitor.read(store), monitor.read(store)] == [1, 0]
    assert monitor.summary()["calls"] == 4


def test_spans_that_reach_the_store_late_are_not_missed() -> None:
    """Up to ten minutes after one that ended later; older ones are."""
    store, monitor = stored(chat(minute=30)), CostMonitor()
    monitor.read(store)
    store.append("spans", [chat(minute=29), chat(minute=20.01), chat(minute=19.99)])
    assert monitor.read(store) == 2
    store.append("spans", [chat(minute=31)])
    assert [monitor.read(store), monitor.read(store)] == [1, 0]


def test_a_span_from_the_future_does_not_hide_the_next_ones() -> None:
    """Nor is it read twice: a clock was wrong for a moment."""
    clock = VirtualClock()
    monitor = CostMonitor(clock)
    store = stored(chat(minute=1), chat(minute=10**6))
    clock.advance(120)
    assert [monitor.read(store), monitor.read(store)] == [2, 0]
    store.append("spans", [chat(minute=3)])
    clock.advance(120)
    assert [monitor.read(store), monitor.read(store)] == [1, 0]


def test_a_clock_that_steps_back_has_no_span_read_twice() -> None:
    """What was read stays read."""
    clock = SetClock()
    monitor, store = CostMonitor(clock), stored(chat(minute=30), chat(minute=60))
    clock.set(START + timedelta(hours=2))
    assert monitor.read(store) == 2
    clock.set(START)
    assert [monitor.read(store), monitor.read(store)] == [0, 0]


def test_a_running_call_is_read_when_it_has_ended() -> None:
    """Not before, and then once."""
    store, monitor = stored(chat(span_id="long", end_time=None, status="RUNNING")), CostMonitor()
    assert monitor.read(store) == 0
    store.append("spans", [chat(minute=3, span_id="long")])
    assert [monitor.read(store), monitor.read(store)] == [1, 0]


def test_two_stores_do_not_disturb_each_other() -> None:
    """What is old in one may be new in another."""
    one, two, monitor = stored(chat(minute=600)), stored(chat(minute=1)), CostMonitor()
    assert [monitor.read(s) for s in (one, two, one, two)] == [1, 1, 0, 0]


def test_a_span_without_a_cost_is_priced_by_its_model() -> None:
    """And where the model is unknown or missing, it is unpriced: no default is assumed."""
    provider = '{"gen_ai.provider.name": "openai"}'
    tokens = {"input_tokens": 10_000, "output_tokens": 1000, "cached_tokens": 8000}
    tokens["reasoning_tokens"] = 10
    store = stored(
        chat(model="gpt-5", cost_usd=None, attributes=provider, **tokens),
        chat(model="unheard-of", cost_usd=None),
        chat(model=None, cost_usd=None),
        chat(cached_tokens=101),
        chat(output_tokens=None),
    )
    monitor = CostMonitor()
    monitor.read(store)
    summary = monitor.summary()
    assert (summary["cost_usd"], summary["unpriced_calls"]) == (Decimal("0.0135"), 2)
    assert (summary["cached_tokens"], summary["reasoning_tokens"]) == (8000, 10)
    assert summary["invalid"] == 2


def test_runs_are_tasks_and_a_cancelled_one_is_none() -> None:
    """Failed ones count in the cost of a success; what still runs is not over."""
    cancelled = '{"agent.cancelled": true}'
    store = stored(
        span("invoke_agent", 1),
        span("invoke_agent", 2, status="ERROR"),
        span("invoke_agent", 3, attributes=cancelled),
        span("invoke_agent", 4, end_time=None, status="RUNNING"),
        *(chat(n) for n in (1, 2, 3, 4)),
    )
    monitor = CostMonitor()
    assert [monitor.read(store), monitor.read(store)] == [4, 0]
    summary = monitor.summary()
    assert (summary["tasks"], summary["successful_tasks"]) == (2, 1)
    assert summary["usd_per_successful_task"] == Decimal("0.004")


def test_budgets_go_by_the_time_of_the_call_and_not_of_the_reading() -> None:
    """A day read in the evening tells what each hour cost."""
    store = stored(chat(minute=59, cost_usd=0.9), chat(minute=61, cost_usd=0.9))
    monitor = CostMonitor(VirtualClock(), budgets=[Budget(Decimal(1), "hour")])
    monitor.read(store)
    assert [(a.step, a.since, a.at.minute) for a in monitor.alerts] == [
        (80, START, 59),
        (80, START + timedelta(hours=1), 1),
    ]


def test_a_callback_may_read_the_store_that_is_being_read() -> None:
    """No deadlock, and no call twice."""
    store = stored(chat(cost_usd=1), chat(cost_usd=1))
    seen: list[int] = []
    monitor = CostMonitor(
        budgets=[Budget(Decimal(1))], on_alert=lambda alert: seen.append(monitor.read(store))
    )
    assert monitor.read(store) == 2
    assert seen == [0]


@pytest.fixture(scope="module")
def morning() -> tuple[Store, CostMonitor]:
    """Three hours of real traffic with a costly one in it, read minute by minute."""
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = travel_desk(clock, 4)
    obs_helpers.instrument(agent)
    trouble = [Incident("prompt_bloat", 0.3, 1, 2), Incident("timeout", 0.1, 2, 3)]
    run = replay(agent, faults, clock, hours=3, per_minute=3, incidents=trouble, progress=False)
    monitor = CostMonitor(clock)
    clock.every(60, monitor.read)
    asyncio.run(run)
    obs.flush()
    monitor.read()
    obs_helpers.shutdown()
    return obs.store, monitor


@pytest.mark.parametrize("by", ["session", "user", "model", "hour"])
def test_a_monitor_that_read_along_agrees_with_the_store(
    morning: tuple[Store, CostMonitor], by: str
) -> None:
    """Calls with tokens, tokens and money, to the last digit, row by row."""
    columns = ["input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd"]
    store, monitor = morning
    live = monitor.totals(by).set_index(by)[columns].sort_index()
    asked = cost_table(by, store).set_index(by)[columns].sort_index()
    asked = asked[asked["input_tokens"] > 0]
    assert len(asked) >= 1
    assert list(live.index) == list(asked.index)
    assert live.to_numpy().tolist() == asked.to_numpy().tolist()


def test_every_cut_of_real_traffic_adds_up_to_the_plain_sum(
    morning: tuple[Store, CostMonitor],
) -> None:
    """But the cut by tool, whose rows overlap."""
    store, _ = morning
    total = store.value("SELECT sum(cost_usd) FROM spans WHERE operation = 'chat'")
    assert total > 1
    for by in ("session", "user", "model", "hour"):
        assert sum(filter(None, cost_table(by, store)["cost_usd"])) == total
    assert sum(filter(None, cost_table("tool", store)["cost_usd"])) > total
    assert double_counting(store).empty


def test_runs_of_real_traffic_are_the_tasks(morning: tuple[Store, CostMonitor]) -> None:
    """Cost per success has the cost of failure in it."""
    store, monitor = morning
    summary = monitor.summary()
    runs, failed = store.rows(
        "SELECT count(*), count(*) FILTER (status = 'ERROR') FROM spans "
        "WHERE operation = 'invoke_agent'"
    )[0]
    assert failed > 0
    assert (summary["tasks"], summary["successful_tasks"]) == (runs, runs - failed)
    assert summary["usd_per_successful_task"] == round(summary["cost_usd"] / (runs - failed), 9)
    assert 0 < summary["cache_hit_share"] < 1
    assert summary["invalid"] == summary["unpriced_calls"] == 0
