"""An incident: how far it has come, and the record of who did what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from obs_helpers.alerting.alert import Alert, State
from obs_helpers.alerting.evidence import ALERT, NOTE, Entry, Evidence, alert_change, aware
from obs_helpers.alerting.measures import utc
from obs_helpers.clock import Clock


class IncidentError(Exception):
    """A step that cannot be taken now; nothing was changed."""


class Status(Enum):
    """How far an incident has come."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """Somebody works on it; nobody else is paged."""
    MITIGATED = "mitigated"
    """Users no longer feel it; the cause may still be there."""
    RESOLVED = "resolved"


_AFTER = {
    Status.ACKNOWLEDGED: (Status.OPEN,),
    Status.MITIGATED: (Status.ACKNOWLEDGED,),
    Status.RESOLVED: (Status.ACKNOWLEDGED, Status.MITIGATED),
}
"""What each step comes after."""


@dataclass(frozen=True, slots=True)
class Page:
    """Somebody is called."""

    level: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Times:
    """How long it took, in seconds. None means not known, or not yet."""

    detect_s: float | None
    """From the start of the impact to the opening of the incident."""
    acknowledge_s: float | None
    """From the opening on, like the two below."""
    mitigate_s: float | None
    resolve_s: float | None


class Incident:
    """One incident. `Incidents` opens it; people take it from there."""

    def __init__(self, id: str, title: str, cause: Evidence, clock: Clock) -> None:
        """Open it now; `cause` is the alert, or the note, that made it known."""
        self.id, self.title, self.cause, self._clock = id, title, cause, clock
        self.reached = {Status.OPEN: self.now}
        """When it reached each status, UTC."""
        self.entries: list[Entry] = []
        """What its alerts and its people did, in the order in which it became known."""
        self.alerts: dict[str, Alert] = {}
        """As last seen, by fingerprint."""
        self.pages: list[Page] = []
        self.opened_s = clock.monotonic()
        self.quiet_since_s: float | None = None
        """Since when none of its alerts fires; None if one does, or there never was one."""
        self.breached_at: datetime | None = None
        """When the condition of one of its alerts first held."""
        self._notes = 0

    @property
    def now(self) -> datetime:
        """The time of its clock, UTC."""
        return utc(self._clock.time_ns())

    @property
    def status(self) -> Status:
        """How far it has come."""
        return next(reversed(self.reached))

    @property
    def opened_at(self) -> datetime:
        """When it was opened: the fault is detected."""
        return self.reached[Status.OPEN]

    @property
    def firing(self) -> list[Alert]:
        """Those of its alerts that fire."""
        return [alert for alert in self.alerts.values() if alert.state.active]

    def acknowledge(self, by: str, at: datetime | None = None) -> None:
        """Say that `by` works on it, which ends the escalation.

        Args:
            by: A role; a post-mortem needs no names.
            at: If it was earlier, UTC unless it says otherwise. Now unless given.

        Raises:
            IncidentError: it was acknowledged before, or `at` is not between the step
                before and now. So for the steps below.
        """
        self._step(Status.ACKNOWLEDGED, by, at, "")

    def mitigate(self, by: str, what: str = "", at: datetime | None = None) -> None:
        """Say that users no longer feel it, and `what` ended that."""
        self._step(Status.MITIGATED, by, at, what)

    def resolve(self, by: str, what: str = "", at: datetime | None = None) -> None:
        """Say that it is over.

        Raises:
            IncidentError: also while one of its alerts fires.
        """
        if self.firing:
            names = ", ".join(sorted({alert.name for alert in self.firing}))
            msg = f"incident {self.id} cannot be resolved: {names} still fires; mitigate it first"
            raise IncidentError(msg)
        self._step(Status.RESOLVED, by, at, what)

    def note(self, text: str, by: str = "responder", at: datetime | None = None) -> None:
        """Write down what people saw or did: `switched the fault off`.

        Raises:
            IncidentError: `at` is in the future.
        """
        self._write(text, by, self._moment(at, earliest=None))

    def times(self, impact_start: datetime | None = None) -> Times:
        """Return how long it took to detect, acknowledge, mitigate and resolve it.

        Args:
            impact_start: When users began to feel it, UTC unless it says otherwise;
                `impact.impact_start` estimates it from the telemetry.
        """
        started = None if impact_start is None else aware(impact_start)
        steps = (Status.ACKNOWLEDGED, Status.MITIGATED, Status.RESOLVED)
        return Times(
            _seconds(started, self.opened_at),
            *(_seconds(self.opened_at, self.reached.get(step)) for step in steps),
        )

    def take(self, alerts: Sequence[Alert]) -> None:
        """Note what changed in its alerts: `alerts` are all that fire or have just ended."""
        given = {alert.fingerprint: alert for alert in alerts}
        gone = [alert for key, alert in self.alerts.items() if key not in given]
        ended = [replace(alert, state=State.INACTIVE, resolved_at=None) for alert in gone]
        for alert in [*alerts, *ended]:
            before = self.alerts.get(alert.fingerprint)
            if before is None and not alert.state.active:
                continue  # it ended before this incident began
            change = alert_change(before, alert, self.now)
            if change is not None:
                self.entries.append(change)
            self.alerts[alert.fingerprint] = alert
            breaches = [at for at in (self.breached_at, alert.active_at) if at is not None]
            self.breached_at = min(breaches, default=None)
        if self.firing or not self.alerts:
            self.quiet_since_s = None
        elif self.quiet_since_s is None:
            self.quiet_since_s = self._clock.monotonic()

    def record(self, what: str, who: str) -> None:
        """Note what was done without a person; the evidence is what opened the incident."""
        self.entries.append(Entry(self.now, what, who, self.cause))

    def resolve_quietly(self) -> None:
        """Resolve it without a person, whatever its status."""
        self.reached[Status.RESOLVED] = self._moment(None, self._last)
        self.record("resolved by itself: no alert fires any more", ALERT)

    @property
    def _last(self) -> datetime:
        return self.reached[self.status]

    def _step(self, to: Status, by: str, at: datetime | None, what: str) -> None:
        if self.status not in _AFTER[to]:
            before = " or ".join(status.value for status in _AFTER[to])
            msg = f"incident {self.id} is {self.status.value}; only what is {before} can be "
            raise IncidentError(msg + to.value)
        moment = self._moment(at, self._last)
        self.reached[to] = moment
        self._write(f"{to.value}: {what}" if what else to.value, by, moment)

    def _write(self, text: str, by: str, at: datetime) -> None:
        self._notes += 1
        self.entries.append(Entry(at, text, by, Evidence(NOTE, str(self._notes))))

    def _moment(self, at: datetime | None, earliest: datetime | None) -> datetime:
        """Return `at`, checked; without it now, or `earliest` if the clock was set back."""
        now = max(self.now, earliest or self.now)
        if at is None:
            return now
        moment = aware(at)
        if moment > now or (earliest is not None and moment < earliest):
            since = "" if earliest is None else f" from {earliest} on"
            msg = f"at={at} does not work for incident {self.id}; give a time{since}, up to {now}"
            raise IncidentError(msg)
        return moment


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()
