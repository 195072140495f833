"""The state machine of alerts: Prometheus' vectors, hysteresis, missing data, labels."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_helpers.alerting.alert import Alert, State
from obs_helpers.alerting.measures import Labels, Reading
from obs_helpers.alerting.rules import AlertRule
from obs_helpers.alerting.states import RESOLVED_KEPT_S, RuleState

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
P, F, R, I = "pending", "firing", "resolved", "inactive"  # noqa: E741
TRUE, FALSE = Reading(Fraction(1, 2), 100, 50), Reading(Fraction(0), 100, 0)


def rule(for_: str = "0", keep: str = "0", **more: object) -> AlertRule:
    given = {"condition": "error_rate > 5%", **more}
    return AlertRule("R", for_=for_, keep_firing_for=keep, **given)  # type: ignore[arg-type]


def states(state: RuleState, evaluations: str) -> list[str]:
    """Feed one evaluation a minute: T true, F false, E error, _ no data."""
    seen = []
    for minute, letter in enumerate(evaluations):
        feed(state, minute * 60.0, letter)
        seen.append(only(state, minute * 60.0).state)
    return [F if one is State.RECOVERING else one.value for one in seen]


def feed(state: RuleState, now_s: float, letter: str) -> None:
    readings: dict[str, dict[Labels, Reading]] = {"T": {(): TRUE}, "F": {(): FALSE}, "_": {}}
    if letter == "E":
        state.failed("no answer")
    else:
        state.evaluate(now_s, [readings[letter]])


def only(state: RuleState, now_s: float) -> Alert:
    (alert,) = state.alerts(now_s, NOW)
    return alert


VECTORS = [
    ("1m", "1m", "TTTTFF", [P, F, F, F, F, R]),
    ("0", "0", "TFT", [F, R, F]),
    ("5m", "0", "TTTTTFT", [P, P, P, P, P, I, P]),
    ("5m", "0", "TTTTTTT", [P, P, P, P, P, F, F]),
    ("2m", "0", "TTFTTTF", [P, P, I, P, P, F, R]),
    ("2m", "3m", "TTTFFTFFFF", [P, P, F, F, F, F, F, F, F, R]),
    ("0", "1m", "TFTFF", [F, F, F, F, R]),
    ("0", "2m", "TFFF", [F, F, F, R]),
    ("1m", "0", "TTEEF", [P, F, F, F, R]),
    ("2m", "0", "TEETF", [P, P, P, F, R]),
    ("0", "3m", "TFEEFT", [F, F, F, F, R, F]),
]


@pytest.mark.parametrize(("for_", "keep", "evaluations", "expected"), VECTORS)
def test_the_states_are_those_of_prometheus(
    for_: str, keep: str, evaluations: str, expected: list[str]
) -> None:
    """Each vector was measured with promtool, or follows from its rules."""
    assert states(RuleState(rule(for_, keep)), evaluations) == expected


@given(st.text("TFE", min_size=1, max_size=30), st.integers(0, 4), st.integers(0, 4))
def test_nothing_fires_that_was_not_true_for_long_enough(run: str, for_: int, keep: int) -> None:
    """Before an alert fires, all evaluations back to `for` minutes ago were not false."""
    found = states(RuleState(rule(f"{for_}m" if for_ else "0", f"{keep}m" if keep else "0")), run)
    for minute, state in enumerate(found):
        began = state == F and (minute == 0 or found[minute - 1] != F)
        if began:
            assert minute >= for_
            assert "F" not in run[minute - for_ : minute + 1]


def test_a_reason_says_why_it_waits_and_why_it_is_still_red() -> None:
    """Learners ask why a healthy metric is still red."""
    state = RuleState(rule("5m", "3m"))
    feed(state, 0, "T")
    feed(state, 120, "T")
    assert only(state, 120).reason == "waiting 2 of 5 min"
    feed(state, 300, "T")
    feed(state, 360, "F")
    feed(state, 420, "F")
    alert = only(state, 420)
    assert (alert.state, alert.reason) == (State.RECOVERING, "recovering 1 of 3 min")
    assert alert.state.active


def test_times_are_the_wall_clocks() -> None:
    """Active since the first true evaluation, fired when it had waited, resolved at the end."""
    state = RuleState(rule("1m"))
    for second, letter in ((0, "T"), (60, "T"), (120, "F")):
        feed(state, second, letter)
    alert = only(state, 180)
    since = [(NOW - at).total_seconds() for at in (alert.active_at, alert.fired_at,
                                                   alert.resolved_at) if at]  # fmt: skip
    assert since == [180, 120, 60]


def test_a_resolved_alert_is_shown_for_a_quarter_of_an_hour() -> None:
    """Then it is inactive, without a word."""
    state = RuleState(rule())
    feed(state, 0, "T")
    feed(state, 60, "F")
    feed(state, 60 + RESOLVED_KEPT_S, "F")
    assert only(state, 0).state is State.RESOLVED
    feed(state, 61 + RESOLVED_KEPT_S, "F")
    assert only(state, 0).state is State.INACTIVE


def test_an_error_keeps_the_state_and_is_shown() -> None:
    """It neither fires nor resolves, is counted, and goes with the next good evaluation."""
    state = RuleState(rule())
    feed(state, 0, "T")
    feed(state, 60, "E")
    alert = only(state, 60)
    assert (alert.state, alert.reason) == (State.FIRING, "evaluation error: no answer")
    feed(state, 120, "T")
    assert only(state, 120).reason == ""
    assert state.failures == 1


@pytest.mark.parametrize(
    ("no_data", "idle", "after_firing"),
    [("ok", "inactive", "resolved"), ("keep", "inactive", "firing"), ("alert", "firing", "firing")],
)
def test_no_data_means_what_the_rule_says(no_data: str, idle: str, after_firing: str) -> None:
    """By default it is no alert; it can also keep the state, or be the alert."""
    assert states(RuleState(rule(no_data=no_data)), "_") == [idle]
    assert states(RuleState(rule(no_data=no_data)), "T_")[-1] == after_firing


def test_a_rule_on_too_little_is_silent_when_idle() -> None:
    """No traffic is not a success rate of 0."""
    quiet = RuleState(rule(condition="tool_success_rate < 90%"))
    assert states(quiet, "___") == [I, I, I]
    assert only(quiet, 0).reason == "no data"


def test_below_the_minimum_of_samples_nothing_fires_and_the_count_is_shown() -> None:
    """Seven failed runs of seven are not enough to wake somebody."""
    state = RuleState(rule())
    state.evaluate(0, [{(): Reading(Fraction(1), 7, 7)}])
    assert only(state, 0).state is State.INACTIVE
    assert only(state, 0).reason == "not enough data (7 of 20)"
    state.evaluate(60, [{(): Reading(Fraction(1), 20, 20)}])
    assert only(state, 60).state is State.FIRING


def test_a_minimum_of_failures_is_asked_for_as_well() -> None:
    """Two of thirty are 6.7 %, and may be chance."""
    state = RuleState(rule(min_failures=3))
    state.evaluate(0, [{(): Reading(Fraction(2, 30), 30, 2)}])
    assert only(state, 0).state is State.INACTIVE
    state.evaluate(0, [{(): Reading(Fraction(3, 30), 30, 3)}])
    assert only(state, 0).state is State.FIRING


def test_a_second_threshold_ends_an_alert() -> None:
    """Above 5 % it begins, and it goes on until it is below 3 %."""
    state = RuleState(rule(recover="< 3%"))
    seen = []
    for minute, percent in enumerate((4, 6, 4, 3, 2, 4)):
        state.evaluate(minute * 60.0, [{(): Reading(Fraction(percent, 100), 100, percent)}])
        seen.append(only(state, 0).state.value)
    assert seen == [I, F, F, F, R, R]


def test_both_windows_must_hold() -> None:
    """A burn rate rule is over when the short window is, though the long one is not."""
    state = RuleState(rule(window="1h", also_window="5m"))
    for second, short in ((0, FALSE), (60, TRUE), (120, FALSE)):
        state.evaluate(second, [{(): TRUE}, {(): short}])
        seen = only(state, second).state.value
        assert seen == {0: I, 60: F, 120: R}[second]


def test_each_set_of_labels_is_an_alert_of_its_own() -> None:
    """One tool fails, the other does not."""
    state = RuleState(rule(condition="tool_success_rate < 90%", by=("tool",)))
    bad, good = (("tool", "a"),), (("tool", "b"),)
    state.evaluate(0, [{bad: FALSE, good: Reading(Fraction(1), 50, 0)}])
    found = {alert.labels["tool"]: alert.state.value for alert in state.alerts(0, NOW)}
    assert found == {"a": "firing", "b": "inactive"}
    state.evaluate(60, [{good: Reading(Fraction(1), 50, 0)}])  # `a` was not called at all
    found = {alert.labels["tool"]: alert.state.value for alert in state.alerts(60, NOW)}
    assert found == {"a": "resolved", "b": "inactive"}


def test_too_many_alerts_of_one_rule_are_an_error() -> None:
    """A thousand sessions are not a thousand pages."""
    state = RuleState(rule(by=("session",), limit=2))
    state.evaluate(0, [{(("session", f"s-{n}"),): TRUE for n in range(3)}])
    assert state.alerts(0, NOW) == []
    assert "3 alerts, at most 2" in state.last_error


def test_values_are_no_labels() -> None:
    """The same alert keeps its fingerprint while its value and its texts change."""
    state = RuleState(rule(annotations={"hint": "{value} of {samples}, {threshold}, {window}"}))
    state.evaluate(0, [{(): TRUE}])
    first = only(state, 0)
    state.evaluate(60, [{(): Reading(Fraction(3, 4), 200, 150)}])
    second = only(state, 60)
    assert first.fingerprint == second.fingerprint
    assert first.annotations["hint"] == "50% of 100, > 5%, 5m"
    assert second.annotations["summary"] == "error_rate is 75% (> 5%) over 5m, n = 200"


def test_a_clock_that_steps_back_fires_nothing() -> None:
    """Time that ran backwards is no time passed."""
    state = RuleState(rule("5m"))
    feed(state, 600, "T")
    feed(state, 0, "T")
    assert only(state, 0).state is State.PENDING
    feed(state, 660, "T")
    assert only(state, 660).state is State.PENDING
