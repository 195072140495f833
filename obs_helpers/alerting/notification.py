"""A notification: one message about one group of alerts, before any channel's form."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from obs_helpers.alerting.alert import Alert
from obs_helpers.safe_json import plain_text

FIRING, RESOLVED = "firing", "resolved"
"""Values of `Notification.status`."""
MAX_LISTED = 20
"""Alerts of each kind that a message lists; the rest is a number."""
MAX_TEXT = 20_000
"""Characters of a message's text."""
_TRACES = 3


@dataclass(frozen=True, slots=True)
class Notification:
    """What a channel is told about a group. Whoever makes it has redacted it."""

    group_id: str
    """Hash of the group's key: the same group, the same id, from trigger to resolve."""
    group_labels: Mapping[str, str]
    firing: tuple[Alert, ...]
    resolved: tuple[Alert, ...]
    muted: tuple[Alert, ...]
    """Silenced or inhibited, but still firing: the group is not well because it is quiet."""
    status: str
    """`resolved` when nothing fires any more of what the channel was told, else `firing`."""
    at: datetime
    """When it was decided on, UTC."""
    held_back: int = 0
    """Messages that this channel's rate limit held back since the last one."""
    timeout_s: float = 300.0
    """Seconds that delivery may take, retries included: the group's next tick is then due."""

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All alerts of the message."""
        return self.firing + self.resolved + self.muted

    @property
    def title(self) -> str:
        """One line such as `[FIRING:2, RESOLVED:1] AgentHighErrorRate (critical)`."""
        counts = {"FIRING": self.firing, "RESOLVED": self.resolved, "MUTED": self.muted}
        head = ", ".join(f"{word}:{len(alerts)}" for word, alerts in counts.items() if alerts)
        names = ", ".join(sorted({alert.name for alert in self.alerts}))
        severities = ", ".join(sorted({a.severity for a in self.alerts if a.severity}))
        return one_line(f"[{head}] {names}" + (f" ({severities})" if severities else ""))

    @property
    def text(self) -> str:
        """The message in full: a paragraph per alert, and what is not in it as a number."""
        text = "\n".join(self._lines())
        return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"

    def _lines(self) -> Iterator[str]:
        kinds = {FIRING: self.firing, RESOLVED: self.resolved, "muted, still firing": self.muted}
        for kind, alerts in kinds.items():
            for alert in alerts[:MAX_LISTED]:
                yield from _paragraph(kind, alert)
            if len(alerts) > MAX_LISTED:
                yield f"{kind}: {len(alerts) - MAX_LISTED} more"
        if self.held_back:
            yield f"held back before this, by the channel's limit per hour: {self.held_back}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; of many alerts only the first, and how many there are."""
        kinds = {FIRING: self.firing, RESOLVED: self.resolved, "muted": self.muted}
        return {
            "status": self.status,
            "title": self.title,
            "group_id": self.group_id,
            "group_labels": dict(self.group_labels),
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "counts": {kind: len(alerts) for kind, alerts in kinds.items()},
            "held_back": self.held_back,
            **{k: [alert.to_dict() for alert in found[:MAX_LISTED]] for k, found in kinds.items()},
        }


def one_line(value: object, limit: int = 500) -> str:
    """Return `value` as one printable line: no text of a model can forge a second one."""
    text = "".join(char if char.isprintable() else "�" for char in plain_text(value)[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _paragraph(kind: str, alert: Alert) -> Iterator[str]:
    told = dict(alert.annotations)
    yield one_line(f"{kind}: {' '.join((alert.name, *alert.tags))}")
    if "summary" in told:
        yield f"  {one_line(told.pop('summary'))}"
    if alert.value is not None:
        yield f"  value: {alert.value:.6g}"
    for name, text in told.items():
        yield f"  {one_line(name, 80)}: {one_line(text)}"
    if alert.trace_ids:
        yield f"  trace_ids: {one_line(', '.join(alert.trace_ids[:_TRACES]))}"
