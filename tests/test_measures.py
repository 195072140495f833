"""Measures: exact numbers from spans, for any moments, checked against plain Python."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_helpers import conventions as c
from obs_helpers.alerting.measures import MEASURES, Reading, read, utc, worst_runs
from obs_helpers.alerting.rule_tests import START, fill, parse_series
from obs_helpers.schema import TABLES
from obs_helpers.store import Store, StoreError


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def filled(series: str) -> Store:
    store = Store()
    fill(store, parse_series(series))
    return store


def one(store: Store, metric: str, minute: float, window_s: float = 60) -> Reading | None:
    return read(store, (metric, window_s, ()), [at(minute)])[at(minute)].get(())


def span(store: Store, **known: object) -> None:
    for name in ("start_time", "end_time"):
        if isinstance(moment := known.get(name), datetime):
            known[name] = int(moment.timestamp() * 1e6)
    row = {"trace_id": "t", "span_id": "s", "status": "UNSET", "attributes": "{}", **known}
    store.append("spans", [tuple(row.get(column) for column in TABLES["spans"])])


def test_an_error_rate_is_failed_by_finished_runs() -> None:
    """A fraction, with the number of runs and of failures behind it."""
    assert one(filled("17ok 3err"), "error_rate", 1) == Reading(Fraction(3, 20), 20, 3)


def test_a_window_is_open_on_the_left_and_closed_on_the_right() -> None:
    """A run that ended exactly one window ago belongs to the window before."""
    store = filled("1err, 1ok")  # at 1:00 and at 2:00
    assert one(store, "error_rate", 2, 60) == Reading(Fraction(0), 1, 0)
    assert one(store, "error_rate", 2, 60.000001) == Reading(Fraction(1, 2), 2, 1)
    assert one(store, "error_rate", 1, 60) == Reading(Fraction(1), 1, 1)
    assert one(store, "error_rate", 0.999, 60) is None


def test_a_cancelled_run_is_in_neither_count() -> None:
    """Its user went away: no success, no failure."""
    store = filled("1ok")
    span(store, operation=c.INVOKE_AGENT, end_time=at(1), start_time=at(0.5),
         attributes=f'{{"{c.CANCELLED}": true}}')  # fmt: skip
    assert one(store, "error_rate", 1) == Reading(Fraction(0), 1, 0)


@pytest.mark.parametrize(
    ("metric", "series", "value", "samples"),
    [
        ("tool_success_rate", "9ok:a 1err:a 10ok", Fraction(9, 10), 10),
        ("p50_latency", "10ok@1s 10ok@3s", Fraction(1), 20),
        ("p95_latency", "18ok@1s 2ok@9s", Fraction(9), 20),
        ("p95_latency", "19ok@1s 1ok@9s", Fraction(1), 20),
        ("p99_latency", "19ok@1s 1ok@9s", Fraction(9), 20),
        ("p95_cost_per_request", "20ok$0.07", Fraction(7, 100), 20),
        ("p90_tokens_per_request", "10ok#500 10ok#900", Fraction(900), 20),
    ],
)
def test_a_measure_is_what_it_says(metric: str, series: str, value: Fraction, samples: int) -> None:
    """Tool calls are not runs; a quantile is a value that was measured (nearest rank)."""
    found = one(filled(series), metric, 1)
    assert found is not None
    assert (found.value, found.samples) == (value, samples)


def test_a_cost_per_hour_is_the_sum_over_the_hours() -> None:
    """Ten cents in a minute are six dollars an hour, exactly; an hour's sum is itself."""
    store = filled("1ok$0.10, 2ok$0.30")
    hour, minute = one(store, "hourly_cost", 2, 3600), one(store, "hourly_cost", 1, 60)
    assert hour is not None
    assert minute is not None
    assert (hour.value, minute.value) == (Fraction(7, 10), Fraction(6))


def test_what_has_no_price_is_not_free() -> None:
    """A model call of unknown price is in no cost, not even as 0."""
    store = filled("1ok$0.10")
    span(store, operation=c.CHAT, end_time=at(1), input_tokens=5, output_tokens=5, trace_id="u")
    span(store, operation=c.INVOKE_AGENT, end_time=at(1), trace_id="u")
    dear = one(store, "p50_cost_per_request", 1)
    assert dear is not None
    assert (dear.value, dear.samples) == (Fraction(1, 10), 1)


def test_a_parent_that_repeats_its_childrens_tokens_is_not_counted() -> None:
    """Only model calls own tokens and cost."""
    store = Store()
    span(store, operation=c.INVOKE_AGENT, end_time=at(1), duration_s=1.0, input_tokens=90,
         output_tokens=10, cost_usd=Decimal("0.5"))  # fmt: skip
    span(store, operation=c.CHAT, span_id="c", parent_id="s", end_time=at(1), input_tokens=90,
         output_tokens=10, cost_usd=Decimal("0.5"))  # fmt: skip
    tokens, cost = one(store, "p50_tokens_per_request", 1), one(store, "hourly_cost", 1, 3600)
    assert tokens is not None
    assert cost is not None
    assert (tokens.value, cost.value) == (100, Fraction(1, 2))


def test_a_hung_run_is_seen_by_its_age() -> None:
    """It is in no percentile; looked at later, it was there while it ran."""
    store = filled("1ok")
    span(store, operation=c.INVOKE_AGENT, start_time=at(0), status="RUNNING")
    span(store, operation=c.INVOKE_AGENT, start_time=at(1), end_time=at(5), span_id="s2")
    ages = {m: one(store, "oldest_running_seconds", m) for m in (0.5, 7)}
    assert {m: age and float(age.value) for m, age in ages.items()} == {0.5: 30, 7: 420}
    assert one(store, "error_rate", 7, 60) is None


def test_the_age_of_telemetry_counts_after_the_first_record() -> None:
    """Never seen is not absent."""
    store = filled("1ok")
    age = one(store, "telemetry_age_seconds", 11)
    assert age is not None
    assert age.value == 600
    assert one(store, "telemetry_age_seconds", -1) is None
    assert one(Store(), "telemetry_age_seconds", 5) is None


def test_an_empty_result_called_a_success_is_counted() -> None:
    """`{}` has two characters."""
    store = Store()
    for n, size in enumerate((2, 40, 40, 40)):
        span(store, operation=c.EXECUTE_TOOL, span_id=str(n), end_time=at(1),
             attributes=f'{{"{c.RESULT_SIZE}": {size}}}')  # fmt: skip
    assert one(store, "empty_result_rate", 1) == Reading(Fraction(1, 4), 4, 1)


def test_labels_split_a_measure() -> None:
    """One reading for each tool."""
    store = filled("8ok:a 2err:a 5ok:b")
    found = read(store, ("tool_success_rate", 60, ("tool",)), [at(1)])[at(1)]
    assert {labels[0][1]: (r.value, r.samples) for labels, r in found.items()} == {
        "a": (Fraction(4, 5), 10),
        "b": (Fraction(1), 5),
    }


@pytest.mark.parametrize("metric", MEASURES)
def test_every_measure_answers_nothing_from_nothing(metric: str) -> None:
    """No data is not zero; all its labels can be asked for."""
    by = MEASURES[metric].labels
    assert read(Store(), (metric, 300, by), [at(1), at(2)]) == {at(1): {}, at(2): {}}
    assert worst_runs(Store(), (metric, 300, by), (), at(1)) == ()


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 600), st.booleans(), st.floats(0, 20)), max_size=40),
    st.lists(st.integers(0, 700), min_size=1, max_size=8, unique=True),
    st.integers(1, 400),
)
def test_many_moments_at_once_give_what_plain_python_gives(
    runs: list[tuple[int, bool, float]], moments: list[int], window_s: int
) -> None:
    """Error rate and p95 for any runs, moments and window."""
    store = Store()
    for n, (second, failed, duration_s) in enumerate(runs):
        end = START + timedelta(seconds=second)
        span(store, operation=c.INVOKE_AGENT, span_id=str(n), trace_id=str(n), end_time=end,
             duration_s=duration_s, status="ERROR" if failed else "UNSET")  # fmt: skip
    ticks = [START + timedelta(seconds=second) for second in moments]
    rates, slow = (read(store, (m, window_s, ()), ticks) for m in ("error_rate", "p95_latency"))
    for second, tick in zip(moments, ticks, strict=True):
        mine = [(f, d) for s, f, d in runs if second - window_s < s <= second]
        if not mine:
            assert rates[tick] == slow[tick] == {}
            continue
        failures = sum(failed for failed, _ in mine)
        assert rates[tick][()] == Reading(Fraction(failures, len(mine)), len(mine), failures)
        ranked = sorted(duration_s for _, duration_s in mine)
        assert slow[tick][()].value == Fraction(ranked[math.ceil(0.95 * len(mine)) - 1])


def test_the_runs_to_blame_come_first() -> None:
    """The failed ones, the slowest, the dearest; for labels, theirs alone."""
    store = filled("5ok@1s 1err@9s, 3ok:a 1err:b")
    (slow, *_) = worst_runs(store, ("p95_latency", 300, ()), (), at(2))
    (failed, *_) = worst_runs(store, ("error_rate", 300, ()), (), at(2))
    assert slow == failed
    assert store.value("SELECT duration_s FROM spans WHERE trace_id = ?", [slow]) == 9
    key = (("tool", "b"),)
    assert len(worst_runs(store, ("tool_success_rate", 300, ("tool",)), key, at(2))) == 1


def test_a_store_that_is_closed_says_so() -> None:
    """The caller gets the store's own error."""
    store = Store()
    store.close()
    with pytest.raises(StoreError):
        read(store, ("error_rate", 60, ()), [at(1)])


def test_nanoseconds_become_a_moment() -> None:
    """To the microsecond, without a float between."""
    assert utc(1_767_600_000_123_456_789) == datetime(2026, 1, 5, 8, 0, 0, 123456, tzinfo=UTC)
