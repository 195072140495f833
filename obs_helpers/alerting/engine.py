"""The engine: asks the store what the rules want to know, and keeps their state.

It runs where you call `tick`, or beside your program after `run`; never in a request.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from obs_helpers.alerting.alert import NAME, SEVERITY, Alert, State
from obs_helpers.alerting.measures import Labels, Question, read, utc, worst_runs
from obs_helpers.alerting.rules import DEFAULT_RULES, AlertRule
from obs_helpers.alerting.states import Readings, RuleState
from obs_helpers.clock import Clock, SystemClock
from obs_helpers.database import StoreError
from obs_helpers.safe_json import describe
from obs_helpers.store import Store

if TYPE_CHECKING:
    import pandas as pd

Notify = Callable[[Sequence[Alert]], object]


class AlertEngine:
    """Evaluates rules over a store."""

    def __init__(
        self,
        store: Store,
        rules: Sequence[AlertRule] = DEFAULT_RULES,
        clock: Clock | None = None,
        notify: Notify | None = None,
    ) -> None:
        """Watch `store`.

        Args:
            store: Where the telemetry is.
            rules: Their names must differ.
            clock: The one that the telemetry uses; the machine's unless given.
            notify: Gets the alerts that fire or have just ended, after each evaluation.

        Raises:
            ValueError: two rules have the same name.
        """
        self.store, self.clock = store, clock or SystemClock()
        self.states = {rule.name: RuleState(rule) for rule in rules}
        if len(self.states) < len(rules):
            msg = "two rules have one name; each alert is known by its rule's name"
            raise ValueError(msg)
        self.notify = notify
        self.skipped = 0
        """Evaluations left out because the one before was still under way."""
        self.steps_back = 0
        """Times the wall clock was set back."""
        self.notify_errors = 0
        self.alerts: list[Alert] = []
        self._last_ns = 0
        self._evidence: dict[str, tuple[str, ...]] = {}
        self._busy = threading.Lock()
        self._stop: Callable[[], None] | None = None

    def tick(self) -> list[Alert]:
        """Evaluate all rules now; returns the alerts that are not inactive."""
        if not self._busy.acquire(blocking=False):
            self.skipped += 1
            return self.alerts
        try:
            now, now_s = utc(now_ns := self.clock.time_ns()), self.clock.monotonic()
            if now_ns < self._last_ns:
                self.steps_back += 1
                self._all_failed(f"the clock stepped back by {(self._last_ns - now_ns) / 1e9:g} s")
            else:
                self._evaluate(now, now_s)
            self._last_ns = now_ns
            self.alerts = self._collect(now, now_s)
        finally:
            self._busy.release()
        self._tell()
        return self.alerts

    def run(self, every_s: float = 60.0) -> None:
        """Evaluate every `every_s` seconds of the clock, until `stop`."""
        self.stop()
        self._stop = self.clock.every(every_s, self.tick_quietly)

    def stop(self) -> None:
        """Stop what `run` began; states are kept."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def tick_quietly(self) -> None:
        """Evaluate; what goes wrong is kept as every rule's last error."""
        try:
            self.tick()
        except Exception as error:
            self._all_failed(describe(error))

    def table(self) -> "pd.DataFrame":
        """Return one row for each rule and label set: state, reason, value, errors."""
        import pandas as pd

        now, now_s = utc(self.clock.time_ns()), self.clock.monotonic()
        rows = [
            {
                "rule": alert.name,
                "labels": ", ".join(alert.tags),
                "severity": alert.severity,
                "state": alert.state.value,
                "reason": alert.reason,
                "value": alert.value,
                "condition": state.rule.condition,
                "failures": state.failures,
            }
            for state in self.states.values()
            for alert in state.alerts(now_s, now) or [_not_evaluated(state.rule)]
        ]
        return pd.DataFrame(rows)

    def _evaluate(self, now: datetime, now_s: float) -> None:
        answers: dict[Question, Readings | str] = {}
        for state in self.states.values():
            for question in state.rule.questions:
                if question not in answers:  # rules share what they ask
                    answers[question] = self._ask(question, now)
            mine = [answers[question] for question in state.rule.questions]
            errors = [answer for answer in mine if isinstance(answer, str)]
            if errors:
                state.failed(errors[0])
            else:
                state.evaluate(now_s, [a for a in mine if not isinstance(a, str)])

    def _ask(self, question: Question, now: datetime) -> Readings | str:
        """Return what the store says, or why it does not: one question must not stop the rest."""
        try:
            return read(self.store, question, [now])[now]
        except Exception as error:
            return describe(error)

    def _all_failed(self, error: str) -> None:
        for state in self.states.values():
            state.failed(error)

    def _collect(self, now: datetime, now_s: float) -> list[Alert]:
        found = []
        for state in self.states.values():
            for labels, alert in zip(state.instances, state.alerts(now_s, now), strict=True):
                if alert.state is not State.INACTIVE:
                    found.append(self._with_evidence(state.rule, labels, alert, now))
        known = {alert.fingerprint for alert in found}
        self._evidence = {f: ids for f, ids in self._evidence.items() if f in known}
        return found

    def _with_evidence(self, rule: AlertRule, labels: Labels, alert: Alert, now: datetime) -> Alert:
        """Add the runs to blame, looked up once: when the alert begins to fire."""
        if alert.state.active and alert.fingerprint not in self._evidence:
            try:
                ids = worst_runs(self.store, rule.questions[0], labels, now)
            except StoreError:
                ids = ()
            self._evidence[alert.fingerprint] = ids
        return replace(alert, trace_ids=self._evidence.get(alert.fingerprint, ()))

    def _tell(self) -> None:
        if self.notify is None:
            return
        told = [a for a in self.alerts if a.state.active or a.state is State.RESOLVED]
        try:
            self.notify(told)
        except Exception:  # whoever delivers must not stop who watches
            self.notify_errors += 1


def _not_evaluated(rule: AlertRule) -> Alert:
    labels = {**rule.labels, NAME: rule.name, SEVERITY: rule.severity}
    return Alert(labels, State.INACTIVE, reason="not evaluated yet")
