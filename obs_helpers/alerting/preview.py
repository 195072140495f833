"""A rule over stored history: what it would have done, and how well it would have done.

Look before you switch a rule on. Where the faults of the past are known, its score says
what it finds, how fast, and how often it cries wolf.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from obs_helpers.alerting.alert import Alert
from obs_helpers.alerting.measures import read
from obs_helpers.alerting.rules import AlertRule
from obs_helpers.alerting.states import RuleState
from obs_helpers.given import check
from obs_helpers.store import Store

if TYPE_CHECKING:
    import pandas as pd

Fault = tuple[str, datetime, datetime]
"""Name, begin and end of something that is known to have been wrong."""


@dataclass(frozen=True, slots=True)
class Firing:
    """From an alert's first moment of firing to its last."""

    labels: tuple[str, ...]
    start: datetime
    end: datetime | None
    """None if it still fires at the end of the history."""


@dataclass(frozen=True)
class Preview:
    """What a rule would have done at each moment of a history."""

    rule: AlertRule
    moments: Sequence[datetime]
    alerts: Sequence[Sequence[Alert]]
    """For each moment, one alert for each set of labels."""

    def frame(self) -> "pd.DataFrame":
        """Return one row for each moment and set of labels."""
        import pandas as pd

        rows = [
            (moment, ", ".join(alert.tags), alert.value, alert.state.value, alert.reason)
            for moment, alerts in zip(self.moments, self.alerts, strict=True)
            for alert in alerts
        ]
        return pd.DataFrame(rows, columns=["time", "labels", "value", "state", "reason"])

    def firings(self) -> list[Firing]:
        """Return when it would have fired, in order: each would have been a page."""
        firings: list[Firing] = []
        begun: dict[tuple[str, ...], datetime] = {}
        for moment, alerts in zip(self.moments, self.alerts, strict=True):
            now = {alert.tags for alert in alerts if alert.state.active}
            firings += [Firing(t, begun.pop(t), moment) for t in list(begun) if t not in now]
            for tags in now:
                begun.setdefault(tags, moment)
        firings += [Firing(tags, start, None) for tags, start in begun.items()]
        return sorted(firings, key=lambda firing: (firing.start, firing.labels))


def preview(
    rule: AlertRule,
    store: Store,
    start: datetime | None = None,
    end: datetime | None = None,
    every_s: float = 60.0,
) -> Preview:
    """Return what `rule` would have done from `start` to `end` (default: all there is).

    Raises:
        ValueError: the store is empty and no times are given, or `end` is before `start`.
        StoreError: the store cannot answer.
    """
    first, last = store.rows(
        "SELECT min(start_time), max(coalesce(end_time, start_time)) FROM spans"
    )[0]
    start, end = start or first, end or last
    if start is None or end is None:
        msg = "the store has no spans; give start and end, or record something first"
        raise ValueError(msg)
    start, end = _utc(start), _utc(end)
    check("end", end, end >= start, f"a time after start={start!r}")
    count = int((end - start).total_seconds() // every_s) + 1
    return history(
        rule, store, [start + timedelta(seconds=n * every_s) for n in range(1, count + 1)]
    )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def history(
    rule: AlertRule, store: Store, moments: Sequence[datetime], failing: Container[datetime] = ()
) -> Preview:
    """Evaluate `rule` at each of `moments`; at those in `failing` as if the store failed."""
    state = RuleState(rule)
    answers = [read(store, question, moments) for question in rule.questions]
    alerts = []
    for moment in moments:
        now_s = (moment - moments[0]).total_seconds()
        if moment in failing:
            state.failed("the store does not answer")
        else:
            state.evaluate(now_s, [answer[moment] for answer in answers])
        alerts.append(state.alerts(now_s, moment))
    return Preview(rule, moments, alerts)


@dataclass(frozen=True)
class Score:
    """How a rule did against known faults."""

    rule: AlertRule
    detected_s: dict[str, float]
    """Seconds from the begin of each fault that was found to the first page."""
    missed: Sequence[str]
    pages: int
    false_pages: int
    """Pages while nothing was wrong."""
    days: float

    @property
    def false_pages_per_day(self) -> float:
        """Pages a day that woke somebody for nothing."""
        return self.false_pages / self.days

    @property
    def recall(self) -> float | None:
        """Share of the faults that were found; None if there were none to find."""
        known = len(self.detected_s) + len(self.missed)
        return len(self.detected_s) / known if known else None

    @property
    def precision(self) -> float | None:
        """Share of the pages that were right; None if there were none."""
        return (self.pages - self.false_pages) / self.pages if self.pages else None


def score(
    previewed: Preview, faults: Iterable[Fault], expected: Iterable[str] | None = None
) -> Score:
    """Score a rule against `faults`.

    A page belongs to a fault if the alert fires at any time from the fault's begin to
    one window after its end: until then the fault still is in what the rule sees.

    Args:
        previewed: The rule over the history that holds the faults.
        faults: All that is known to have been wrong.
        expected: Names of the faults that this rule is meant to find; all unless given.
    """
    known = [(name, _utc(begin), _utc(end)) for name, begin, end in faults]
    wanted = {name for name, _, _ in known} if expected is None else set(expected)
    rule, firings = previewed.rule, previewed.firings()
    seen = timedelta(seconds=rule.window_s + rule.keep_s)
    right: set[Firing] = set()
    detected: dict[str, float] = {}
    for name, begin, end in known:
        mine = [f for f in firings if f.start <= end + seen and (f.end is None or f.end >= begin)]
        right.update(mine)
        if mine and name in wanted:
            after_s = max(0.0, (mine[0].start - begin).total_seconds())
            detected[name] = min(after_s, detected.get(name, after_s))
    days = (previewed.moments[-1] - previewed.moments[0]).total_seconds() / 86_400
    missed = sorted(wanted - detected.keys())
    return Score(rule, detected, missed, len(firings), len(firings) - len(right), max(days, 1e-9))
