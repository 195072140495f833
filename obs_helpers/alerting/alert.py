"""An alert: what a rule found, as notifications and incidents see it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

NAME, SEVERITY = "alertname", "severity"
"""Labels that every alert has, as in Prometheus."""


class State(Enum):
    """Where an alert stands. The first four are Prometheus', the fifth is Grafana's."""

    INACTIVE = "inactive"
    PENDING = "pending"
    """The condition holds, but not yet for long enough."""
    FIRING = "firing"
    RESOLVED = "resolved"
    """It was firing, and the condition holds no longer."""
    RECOVERING = "recovering"
    """Still firing: the condition no longer holds, but not yet for long enough."""

    @property
    def active(self) -> bool:
        """Tell whether somebody should know: firing, or recovering."""
        return self in (State.FIRING, State.RECOVERING)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one rule and one set of labels, at one moment."""

    labels: Mapping[str, str]
    """Who it is: two alerts with the same labels are one. They never change with time, so
    values, trace ids and times have no place here."""
    state: State
    annotations: Mapping[str, str] = field(default_factory=dict)
    """What to tell: `summary`, `runbook_url` and so on; made anew at each evaluation."""
    value: float | None = None
    reason: str = ""
    """Why it is in its state: `waiting 2 of 5 min`, `not enough data (7 of 20)`."""
    active_at: datetime | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    trace_ids: tuple[str, ...] = ()
    """A few of the runs that made it so."""

    @property
    def name(self) -> str:
        """The name of its rule."""
        return self.labels.get(NAME, "")

    @property
    def severity(self) -> str:
        """`critical`, `warning`, `info`, or whatever else the rule says."""
        return self.labels.get(SEVERITY, "")

    @property
    def tags(self) -> tuple[str, ...]:
        """The labels beyond name and severity, as `tool=get_weather`."""
        own = {NAME, SEVERITY}
        return tuple(f"{k}={v}" for k, v in sorted(self.labels.items()) if k not in own)

    @property
    def fingerprint(self) -> str:
        """A short hash of all labels: the same alert, the same fingerprint."""
        text = "\xff".join(f"{k}\xff{v}" for k, v in sorted(self.labels.items()))
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, times in ISO format."""
        return {
            "name": self.name,
            "severity": self.severity,
            "state": self.state.value,
            "value": self.value,
            "reason": self.reason,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "active_at": _iso(self.active_at),
            "fired_at": _iso(self.fired_at),
            "resolved_at": _iso(self.resolved_at),
            "trace_ids": list(self.trace_ids),
            "fingerprint": self.fingerprint,
        }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
