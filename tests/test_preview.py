"""Rules over history: previews, scores against known faults, and unit tests of rules."""

import asyncio
from datetime import datetime, timedelta

import pytest

import obs_helpers
from obs_helpers import Store, VirtualClock
from obs_helpers.alerting.preview import Fault, Preview, preview, score
from obs_helpers.alerting.rule_tests import START, check_rule, fill, parse_series, run_rule
from obs_helpers.alerting.rules import DEFAULT_RULES, AlertRule

DEFAULTS = {rule.name: rule for rule in DEFAULT_RULES}
HIGH = AlertRule("High", "error_rate > 5%", min_samples=1)


def minute(n: float) -> datetime:
    return START + timedelta(minutes=n)


@pytest.mark.parametrize(
    ("rule", "series", "expect"),
    [
        (
            "AgentHighErrorRate", "100ok x10, 90ok 10err x10, 100ok x20",
            {"12m": "inactive", "13m": "pending", "15m": "firing", "18m": "firing",
             "23m": "recovering", "26m": "inactive", "35m": "inactive"},
        ),
        ("AgentHighErrorRate", "1ok 1err, _ x5", {"1m": "inactive", "6m": "inactive"}),
        ("AgentHighErrorRate", "95ok 5err x20", {"20m": "inactive"}),
        ("AgentSlowResponse", "20ok@5s x20", {"20m": "inactive"}),
        ("AgentSlowResponse", "20ok@5001ms x20", {"5m": "pending", "6m": "firing"}),
        ("AgentHighCost", "1ok$12, _ x58", {"1m": "firing", "59m": "firing"}),
        ("AgentHighCost", "1ok$10, _ x58", {"1m": "inactive"}),
        ("AgentTokenHeavy", "20ok#5001", {"1m": "firing"}),
        ("AgentExpensiveRuns", "20ok$0.05", {"1m": "inactive"}),
        (
            "AgentToolFailing", "8ok:a 2err:a 10ok:b x20, _ x20",
            {"6m": "pending tool=a", "20m": "firing tool=a", "40m": "inactive"},
        ),
        ("AgentToolFailing", "_ x60", {"60m": "inactive"}),
        ("AgentTelemetryAbsent", "1ok, _ x12", {"11m": "inactive", "12m": "firing"}),
        ("AgentTelemetryAbsent", "_ x20", {"20m": "inactive"}),
    ],
)  # fmt: skip
def test_the_default_rules_do_what_they_say(rule: str, series: str, expect: dict[str, str]) -> None:
    """At the threshold, on little data, when idle, and when it is over."""
    check_rule(DEFAULTS[rule], series, expect)


def test_a_rule_test_that_is_wrong_says_what_happened() -> None:
    """Each time is named, with the state and its reason."""
    with pytest.raises(AssertionError) as caught:
        check_rule(HIGH, "1ok, 1err", {"1m": "firing", "2m": "firing", "9m": "firing"})
    assert str(caught.value) == (
        "High: 1m: expected firing, was inactive\n9m: the series has the minutes 1m to 2m"
    )


def test_a_minute_without_an_answer_keeps_the_state() -> None:
    """As Prometheus does when a query fails."""
    check_rule(HIGH, "1err, ? x3, 9ok x6", {"4m": "firing", "10m": "inactive"})


@pytest.mark.parametrize(
    "series", ["", "5 ok", "ok", "5maybe", "5ok@", "5ok xx", "5ok x2 3err", "5ok$1.2.3"]
)
def test_a_series_that_is_not_understood_is_named(series: str) -> None:
    """With examples of what is."""
    with pytest.raises(ValueError, match="is not understood; write 20ok"):
        parse_series(series)


def test_a_preview_says_when_it_would_have_paged() -> None:
    """One firing is from the first red moment to the first that is not."""
    firings = run_rule(HIGH, "5ok, 5err, 5ok x9, 5err, 5ok").firings()
    assert [(f.start, f.end) for f in firings] == [
        (minute(2), minute(7)),
        (minute(12), None),
    ]


def test_a_preview_of_all_there_is() -> None:
    """From the first span to the last, a row for each minute."""
    store = Store()
    fill(store, parse_series("5ok x3, 5err x3"))
    frame = preview(HIGH, store).frame()
    assert frame.columns.tolist() == ["time", "labels", "value", "state", "reason"]
    assert frame["value"].tolist() == [0.0, 0.0, 0.0, 0.25, 0.4, 0.6]
    assert set(frame["state"]) == {"inactive", "firing"}


def test_a_preview_of_nothing_is_refused() -> None:
    """With what to do instead."""
    with pytest.raises(ValueError, match="record something first"):
        preview(HIGH, Store())
    with pytest.raises(ValueError, match="does not work; give a time after start"):
        preview(HIGH, Store(), minute(5), minute(1))


def scored(series: str, faults: list[Fault], **more: object) -> tuple[object, ...]:
    result = score(run_rule(HIGH, series), faults, **more)  # type: ignore[arg-type]
    return result.detected_s, list(result.missed), result.pages, result.false_pages


def test_a_score_counts_what_was_found_how_fast_and_what_was_false() -> None:
    """Against faults that are known."""
    series = "9ok x10, 5ok 4err x5, 9ok x15, 5ok 4err, 9ok x20"
    fault = ("outage", minute(10), minute(15))
    assert scored(series, [fault]) == ({"outage": 60.0}, [], 2, 1)
    later = ("blip", minute(30), minute(31))
    assert scored(series, [fault, later]) == ({"outage": 60.0, "blip": 60.0}, [], 2, 0)
    assert scored(series, [fault, later], expected=["outage"])[0] == {"outage": 60.0}
    assert scored("9ok x30", [fault]) == ({}, ["outage"], 0, 0)
    assert scored("9ok x30", [fault], expected=[]) == ({}, [], 0, 0)


def test_shares_of_nothing_are_unknown() -> None:
    """No pages have no precision; no faults have no recall."""
    quiet = score(run_rule(HIGH, "9ok x30"), [])
    assert (quiet.precision, quiet.recall, quiet.false_pages_per_day) == (None, None, 0)
    noisy = score(run_rule(HIGH, "9err x30, 9ok x30"), [])
    assert noisy.precision == 0
    assert noisy.false_pages_per_day == pytest.approx(1440 / 59)


@pytest.fixture(scope="module")
def bad_hours() -> tuple[Store, datetime, list[Fault]]:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent, obs)
    bad = [
        obs_helpers.Incident("slow_tool", 0.5, 1, 1.5),
        obs_helpers.Incident("empty_result", 0.4, 2, 2.5),
    ]
    day = asyncio.run(
        obs_helpers.replay(agent, faults, clock, hours=3, incidents=bad, progress=False)
    )
    obs.flush()
    hour = timedelta(hours=1)
    known = [(i.fault, day.start + i.start_h * hour, day.start + i.end_h * hour) for i in bad]
    obs_helpers.shutdown()
    return obs.store, day.start, known


def over(rule: AlertRule, bad_hours: tuple[Store, datetime, list[Fault]]) -> Preview:
    store, start, _ = bad_hours
    return preview(rule, store, start, start + timedelta(hours=3))


def test_the_slow_rule_finds_the_slow_tool(bad_hours: tuple[Store, datetime, list[Fault]]) -> None:
    """Within the window and the waiting time, without a false page."""
    found = score(over(DEFAULTS["AgentSlowResponse"], bad_hours), bad_hours[2], ["slow_tool"])
    assert (found.recall, found.precision) == (1, 1)
    assert 300 <= found.detected_s["slow_tool"] <= 900


def test_no_default_rule_finds_the_silent_failure_but_one_for_it_does(
    bad_hours: tuple[Store, datetime, list[Fault]],
) -> None:
    """A tool that finds nothing and calls it a success is green on every other chart."""
    faults = bad_hours[2]
    for rule in DEFAULT_RULES:
        assert "empty_result" not in score(over(rule, bad_hours), faults).detected_s
    own = AlertRule("Empty", "empty_result_rate > 10%", "10m", min_failures=3)
    found = score(over(own, bad_hours), faults, ["empty_result"])
    assert (found.recall, found.false_pages) == (1, 0)
