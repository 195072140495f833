"""From readings to alerts: the state machine of Prometheus, for each rule and label set.

The rules are those of `rules/alerting.go` in Prometheus; *recovering* is Grafana's word
for an alert that `keep_firing_for` still holds. All state is lost when the process ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from obs_helpers.alerting.alert import NAME, SEVERITY, Alert, State
from obs_helpers.alerting.measures import Labels, Reading
from obs_helpers.alerting.rules import AlertRule

RESOLVED_KEPT_S = 900.0
"""A resolved alert is shown for this long, so that nobody misses its end."""

Readings = Mapping[Labels, Reading]


@dataclass(slots=True)
class Instance:
    """Where one alert stands. Times are seconds of a clock that never runs backwards."""

    state: State = State.INACTIVE
    active_s: float = 0.0
    fired_s: float = 0.0
    recovering_s: float | None = None
    """Since when the condition no longer holds, while the alert still fires."""
    resolved_s: float | None = None
    reason: str = ""
    reading: Reading | None = None

    def step(self, true: bool, now_s: float, for_s: float, keep_s: float) -> None:
        """Take one evaluation into account."""
        if true:
            self._true(now_s, for_s)
        elif self.state is State.PENDING:
            self.state, self.reason = State.INACTIVE, ""
        elif self.state.active:
            self._false_while_firing(now_s, keep_s)

    def _true(self, now_s: float, for_s: float) -> None:
        self.recovering_s = None
        if not self.state.active:
            if self.state is not State.PENDING:
                self.active_s, self.resolved_s = now_s, None
            self.state = State.PENDING
            self.reason = f"waiting {_of(now_s - self.active_s, for_s)}"
            if now_s - self.active_s < for_s:
                return
            self.fired_s = now_s
        self.state, self.reason = State.FIRING, ""

    def _false_while_firing(self, now_s: float, keep_s: float) -> None:
        if self.recovering_s is None:
            self.recovering_s = now_s  # counts from here, not from the last true one
        if now_s - self.recovering_s < keep_s:
            self.state = State.RECOVERING
            self.reason = f"recovering {_of(now_s - self.recovering_s, keep_s)}"
        else:
            self.state, self.reason = State.RESOLVED, ""
            self.recovering_s, self.resolved_s = None, now_s

    @property
    def since_s(self) -> Mapping[str, float | None]:
        """When it became what it is, as the alert says it."""
        active = self.state is not State.INACTIVE
        fired = self.state.active or self.state is State.RESOLVED
        return {
            "active_at": self.active_s if active else None,
            "fired_at": self.fired_s if fired else None,
            "resolved_at": self.resolved_s,
        }


@dataclass
class RuleState:
    """All alerts of one rule."""

    rule: AlertRule
    instances: dict[Labels, Instance] = field(default_factory=dict)
    last_error: str = ""
    failures: int = 0
    """Evaluations that failed."""

    def __post_init__(self) -> None:
        """A rule without `by` has one alert, from the start."""
        if not self.rule.by:
            self.instances[()] = Instance()

    def failed(self, error: str) -> None:
        """Keep all states: who cannot see must neither raise an alert nor end one."""
        self.failures += 1
        self.last_error = error

    def evaluate(self, now_s: float, answers: Sequence[Readings]) -> None:
        """Take the readings of each of the rule's questions into account."""
        found = list(dict.fromkeys(labels for readings in answers for labels in readings))
        if len(found) > self.rule.limit:
            self.instances.clear()
            self.failed(f"{len(found)} alerts, at most {self.rule.limit}; use fewer labels in `by`")
            return
        self.last_error = ""
        for labels in dict.fromkeys([*found, *self.instances]):
            instance = self.instances.setdefault(labels, Instance())
            self._one(instance, [readings.get(labels) for readings in answers], now_s)
        self._forget(now_s)

    def _one(self, instance: Instance, readings: Sequence[Reading | None], now_s: float) -> None:
        rule, instance.reading = self.rule, readings[0]
        firing = instance.state.active
        verdicts = [self._verdict(reading, firing) for reading in readings]
        if None in [true for true, _ in verdicts]:
            instance.reason = "no data, state kept"
            return
        true, instance.reason = all(true for true, _ in verdicts), ""
        instance.step(true, now_s, rule.for_s, rule.keep_s)
        why = next((reason for _, reason in verdicts if reason), "")
        instance.reason = ", ".join(filter(None, (instance.reason, why)))

    def _verdict(self, reading: Reading | None, firing: bool) -> tuple[bool | None, str]:
        """Return whether the condition holds (None: keep the state), and why if odd."""
        rule = self.rule
        if reading is None:
            return {"ok": False, "keep": None, "alert": True}[rule.no_data], "no data"
        if reading.samples < rule.needed_samples:
            return False, f"not enough data ({reading.samples} of {rule.needed_samples})"
        if reading.failures is not None and reading.failures < rule.min_failures:
            return False, ""
        if firing and rule.recovered is not None:
            return not rule.recovered.holds(reading.value), ""
        return rule.comparison.holds(reading.value), ""

    def _forget(self, now_s: float) -> None:
        for labels, instance in list(self.instances.items()):
            old = now_s - (instance.resolved_s or 0.0) > RESOLVED_KEPT_S
            if instance.state is State.RESOLVED and old:
                instance.state, instance.resolved_s = State.INACTIVE, None
            if instance.state is State.INACTIVE and instance.reading is None and self.rule.by:
                del self.instances[labels]

    def alerts(self, now_s: float, now: datetime) -> list[Alert]:
        """Return the alerts, inactive ones too; `now` is the wall clock's reading at `now_s`."""
        return [self._alert(labels, i, now_s, now) for labels, i in self.instances.items()]

    def _alert(self, labels: Labels, instance: Instance, now_s: float, now: datetime) -> Alert:
        rule, reading = self.rule, instance.reading
        times: dict[str, Any] = {
            name: None if at_s is None else now - timedelta(seconds=now_s - at_s)
            for name, at_s in instance.since_s.items()
        }
        identity = {**rule.labels, **dict(labels), NAME: rule.name, SEVERITY: rule.severity}
        return Alert(
            labels=identity,
            state=instance.state,
            annotations=rule.texts(labels, reading),
            value=None if reading is None else float(reading.value),
            reason=f"evaluation error: {self.last_error}" if self.last_error else instance.reason,
            **times,
        )


def _of(passed_s: float, all_s: float) -> str:
    """Write `2 of 5 min`, or seconds where minutes would be fractions."""
    unit, name = (60, "min") if all_s % 60 == 0 and passed_s % 60 == 0 else (1, "s")
    return f"{passed_s / unit:g} of {all_s / unit:g} {name}"
