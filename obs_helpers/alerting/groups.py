"""Groups of alerts, and the decision that matters: does a channel need a message now?

The rules are Alertmanager's. Where it would say "resolved" of what is only muted, these
say "muted, still firing".
"""

import hashlib
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from obs_helpers.alerting.alert import Alert, State
from obs_helpers.alerting.notification import FIRING, RESOLVED, Notification
from obs_helpers.alerting.routing import Destination

Fingerprints = AbstractSet[str]
Redact = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel is told about a group, as fingerprints.

    The last one that arrived is kept: together they are the notification log.
    """

    firing: Fingerprints
    """Fires and is not muted."""
    resolved: Fingerprints
    muted: Fingerprints
    """Fires and is muted."""
    believed: Fingerprints
    """What the channel believes to fire once it has this message."""
    at: timedelta
    """On the clock that never runs backwards."""


def must_send(
    last: Message | None,
    firing: Fingerprints,
    resolved: Fingerprints,
    muted: Fingerprints,
    repeat_is_due: bool,
    send_resolved: bool = True,
) -> bool:
    """Decide whether a channel needs a message about a group.

    Args:
        last: The message it got last.
        firing: What fires now and is not muted.
        resolved: What has ended.
        muted: What fires now and is muted.
        repeat_is_due: `last` is older than the repeat interval.
        send_resolved: The channel wants to hear of ends.
    """
    if last is None:
        return bool(firing)
    if firing - last.believed:
        return True
    if not firing:
        return bool(last.believed - muted)
    if send_resolved and resolved - last.resolved:
        return True
    return repeat_is_due


@dataclass(slots=True, eq=False)
class Group:
    """Alerts that share their messages."""

    destination: Destination
    labels: Mapping[str, str]
    due: timedelta
    """When to look at it next."""
    alerts: dict[str, Alert] = field(default_factory=dict)
    """By fingerprint: what fires, and what ended and must still be told."""
    log: dict[str, Message] = field(default_factory=dict)
    """By channel: the last message that arrived."""
    sending: set[str] = field(default_factory=set)
    """Channels with a message under way."""

    @property
    def group_id(self) -> str:
        """A hash of the route and the labels: the same group, the same id."""
        key = f"{self.destination.key}:{sorted(self.labels.items())}"
        return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()

    def refresh(self, known: Mapping[str, Alert], now: datetime) -> None:
        """Take its alerts as they stand now; those that nobody knows any more have ended."""
        for fingerprint, old in self.alerts.items():
            new = known.get(fingerprint, old)
            if fingerprint not in known and old.state.active:
                new = replace(old, state=State.RESOLVED, resolved_at=now)
            self.alerts[fingerprint] = new

    def message(
        self, channel: str, quiet: Fingerprints, time: timedelta, send_resolved: bool
    ) -> Message | None:
        """Return what the channel must be told at `time`, if anything; `quiet` is muted."""
        last = self.log.get(channel)
        told: Fingerprints = last.believed if last else frozenset()
        active = {f for f, alert in self.alerts.items() if alert.state.active}
        firing, muted = active - quiet, active & quiet
        # Whoever was told that it fires is told that it ended, silenced or not.
        resolved = {f for f in self.alerts.keys() - active if f not in quiet or f in told}
        repeat = last is not None and time - last.at > self.destination.repeat_interval
        if not must_send(last, firing, resolved, muted, repeat, send_resolved):
            return None
        # What is muted stays as it was: told before, or news when it is heard again.
        believed = firing | (muted & told)
        return Message(firing, resolved if send_resolved else set(), muted, believed, time)

    def forget(self) -> None:
        """Forget what ended, unless a channel believes, or is just told, that it fires."""
        if not self.sending:
            believed = {f for message in self.log.values() for f in message.believed}
            kept = {f: a for f, a in self.alerts.items() if a.state.active or f in believed}
            self.alerts = kept

    def notification(self, message: Message, redact: Redact, now: datetime) -> Notification:
        """Return the message with its alerts, redacted."""
        firing, resolved, muted = (
            tuple(_cleaned(self.alerts[f], redact) for f in sorted(kind, key=self._order))
            for kind in (message.firing, message.resolved, message.muted)
        )
        return Notification(
            group_id=self.group_id,
            group_labels=redact(dict(self.labels)),
            firing=firing,
            resolved=resolved,
            muted=muted,
            status=FIRING if message.believed else RESOLVED,
            at=now,
            timeout_s=self.destination.group_interval.total_seconds(),
        )

    def _order(self, fingerprint: str) -> list[tuple[str, str]]:
        return sorted(self.alerts[fingerprint].labels.items())


def _cleaned(alert: Alert, redact: Redact) -> Alert:
    return replace(
        alert,
        labels=redact(dict(alert.labels)),
        annotations=redact(dict(alert.annotations)),
        reason=redact(alert.reason),
        trace_ids=tuple(redact(list(alert.trace_ids))),
    )
