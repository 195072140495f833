"""Incidents: who is told, and when an incident begins and ends.

One rule says what belongs together: a critical alert opens an incident, and while it is
open, whatever else fires joins it. So at most one is open: one fault, one page.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from obs_helpers.alerting.alert import Alert
from obs_helpers.alerting.evidence import ALERT, NOTE, Evidence
from obs_helpers.alerting.incident import Incident, IncidentError, Page, Status
from obs_helpers.alerting.measures import utc
from obs_helpers.alerting.oncall import OnCall
from obs_helpers.clock import Clock, SystemClock

QUIET_S = 900.0
"""An incident resolves by itself when no alert has fired for that long."""


class Incidents:
    """Opens incidents, pages people, and resolves what has become quiet.

    `AlertEngine(store, clock=clock, notify=incidents.update)` keeps it informed.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        on_call: OnCall | None = None,
        page: Callable[[Page, Incident], object] | None = None,
        quiet_s: float = QUIET_S,
        opened_by: Sequence[str] = ("critical",),
    ) -> None:
        """Wait for alerts.

        Args:
            clock: The one of the engine; the machine's unless given.
            on_call: Whom to page, and after how long.
            page: Calls somebody. What it raises is counted, and noted in the incident.
            quiet_s: Seconds without an alert after which an incident resolves by itself.
            opened_by: Severities of the alerts that open an incident.
        """
        self.clock, self.on_call = clock or SystemClock(), on_call or OnCall()
        self.page, self.quiet_s, self.opened_by = page, quiet_s, tuple(opened_by)
        self.history: list[Incident] = []
        self.page_errors = 0
        self._lock = threading.RLock()  # an engine that runs by itself has a thread of its own

    @property
    def open(self) -> Incident | None:
        """The incident that is not resolved yet, if there is one."""
        last = self.history[-1] if self.history else None
        return None if last is None or last.status is Status.RESOLVED else last

    def update(self, alerts: Sequence[Alert]) -> Incident | None:
        """Take all alerts that fire or have just ended, as an engine tells them, and tick.

        An alert that is no longer among them has ended.
        """
        with self._lock:
            opening = [a for a in alerts if a.state.active and a.severity in self.opened_by]
            if self.open is None and opening:
                self._new(opening[0].name, Evidence(ALERT, opening[0].fingerprint))
            if self.open is not None:
                self.open.take(alerts)
            self.tick()
            return self.open

    def declare(self, title: str, by: str) -> Incident:
        """Open an incident that no alert saw: somebody was told by a user.

        Raises:
            IncidentError: one is open already.
        """
        with self._lock:
            if self.open is not None:
                msg = f"incident {self.open.id} is open; add a note to it: .open.note({title!r})"
                raise IncidentError(msg)
            incident = self._new(title, Evidence(NOTE, "1"))
            incident.note(f"declared: {title}", by)
            self.tick()
            return incident

    def tick(self) -> None:
        """Page whoever is due, or resolve what has been quiet for long enough.

        While no alert fires, nobody more is paged for those that did.
        """
        with self._lock:
            if (incident := self.open) is None:
                return
            now_s, quiet_s = self.clock.monotonic(), incident.quiet_since_s
            if quiet_s is not None:
                if now_s - quiet_s >= self.quiet_s:
                    incident.resolve_quietly()
            elif incident.status is Status.OPEN:
                self._escalate(incident, timedelta(seconds=now_s - incident.opened_s))

    def _new(self, title: str, cause: Evidence) -> Incident:
        number = f"{utc(self.clock.time_ns()).date()}-{len(self.history) + 1}"
        self.history.append(Incident(number, title, cause, self.clock))
        return self.history[-1]

    def _escalate(self, incident: Incident, waited: timedelta) -> None:
        paged = {page.level for page in incident.pages}
        for level in self.on_call.due(waited):
            if level.name not in paged:
                page = Page(level.name, self.on_call.who(level.name, incident.now), incident.now)
                incident.pages.append(page)
                self._call(page, incident)

    def _call(self, page: Page, incident: Incident) -> None:
        incident.record(f"paged {page.who} ({page.level})", "escalation")
        try:
            if self.page is not None:
                self.page(page, incident)
        except Exception as error:  # who cannot be called must not stop who watches
            self.page_errors += 1
            incident.record(f"page of {page.who} failed: {type(error).__name__}", "escalation")
