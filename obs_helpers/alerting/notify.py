"""The notifier: when is who told about which group of alerts?

A new group waits `group_wait` for its siblings, then is looked at every `group_interval`.
At each look `groups` decides, per channel. What a channel was told is written down only
after the message arrived, so what failed is decided afresh at the next look.
"""

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from obs_helpers.alerting.alert import Alert, State
from obs_helpers.alerting.channels import LogChannel, from_environment
from obs_helpers.alerting.delivery import Channel, Lane, attempt
from obs_helpers.alerting.groups import Group, Message, Redact
from obs_helpers.alerting.notification import Notification
from obs_helpers.alerting.routing import (
    DEFAULT_ROUTE,
    Destination,
    Inhibition,
    Muting,
    Route,
    Silence,
)
from obs_helpers.clock import NS_PER_S, Clock, SystemClock
from obs_helpers.signals.logs import get_logger
from obs_helpers.signals.redaction import Redactor

if TYPE_CHECKING:
    import pandas as pd

_AT_ONCE = timedelta(seconds=30)
"""What `handle_alert` may take; no later tick would try again."""

logger = get_logger("alerts")


class Notifier:
    """Takes the alerts of a rule engine and tells the channels."""

    def __init__(
        self,
        channels: Iterable[Channel],
        route: Route = DEFAULT_ROUTE,
        inhibitions: Iterable[Inhibition] = (),
        clock: Clock | None = None,
        redact: Redact | None = None,
    ) -> None:
        """Send along `route` to `channels`.

        Args:
            channels: Each has a name of its own, by which routes know it.
            route: The root of the tree; it takes what no child takes.
            inhibitions: What is not worth a message while something else fires.
            clock: The engine's; all decisions use it. Only waiting for a network is real.
            redact: Cleans all text that leaves; a `Redactor` unless given.

        Raises:
            ValueError: the root picks alerts or has no channel, a route names a channel
                that is not there, or two channels have one name.
        """
        self.route, self.inhibitions = route, list(inhibitions)
        self.silences: list[Silence] = []
        """Add to it or take away; those whose time is over do nothing."""
        self._clock, self._redact = clock or SystemClock(), redact or Redactor()
        self._lanes = _lanes(channels)
        _check(route, self._lanes.keys())
        self._groups: dict[str, Group] = {}
        self._lock = threading.RLock()
        self._closed = False

    def update(self, alerts: Iterable[Alert]) -> None:
        """Take all alerts as they stand now, then `tick`: an engine's `notify`.

        Call it after each evaluation with everything that fires: what is missing has
        ended. What has ended may be among them, for as long as you like.
        """
        with self._lock:
            known = {alert.fingerprint: alert for alert in alerts}
            for alert in known.values():
                if alert.state.active:
                    self._add(alert)
            for group in self._groups.values():
                group.refresh(known, self._now())
            self.tick()

    def tick(self) -> None:
        """Look at the groups that are due. Cheap; between updates a timer may call it."""
        with self._lock:
            for lane in self._lanes.values():
                lane.give_up_on_hung()
            time = self._time()
            due = [group for group in self._groups.values() if group.due <= time]
            if due and not self._closed:
                muting = self._muting()
                for group in due:
                    self._look(group, muting, time)

    def status(self) -> "pd.DataFrame":
        """Return one row per channel: whether it is on, and what became of its messages."""
        import pandas as pd

        return pd.DataFrame([lane.status() for lane in self._lanes.values()])

    def switch_on(self, channel: str) -> None:
        """Use a channel again that was switched off for failing."""
        with self._lock:
            self._lanes[channel].switch_on()

    def wait(self, timeout_s: float = 10.0) -> bool:
        """Wait, in real time, for what is under way; False if it takes longer."""
        clock = SystemClock()
        end = clock.monotonic() + timeout_s
        return all([lane.wait(end - clock.monotonic()) for lane in self._lanes.values()])

    def close(self, timeout_s: float = 10.0) -> bool:
        """Start nothing more, and `wait`."""
        with self._lock:
            self._closed = True
        return self.wait(timeout_s)

    def _time(self) -> timedelta:
        return timedelta(seconds=self._clock.monotonic())

    def _now(self) -> datetime:
        return _utc(self._clock)

    def _add(self, alert: Alert) -> None:
        for destination in self.route.find(alert.labels):
            labels = destination.group_labels(alert.labels)
            group = Group(destination, labels, self._time() + destination.group_wait)
            self._groups.setdefault(group.group_id, group).alerts[alert.fingerprint] = alert

    def _muting(self) -> Muting:
        alerts = (a for group in self._groups.values() for a in group.alerts.values())
        firing = [alert.labels for alert in alerts if alert.state.active]
        return Muting(self.silences, self.inhibitions, firing, self._now())

    def _look(self, group: Group, muting: Muting, time: timedelta) -> None:
        group.due = time + group.destination.group_interval
        quiet = {f for f, alert in group.alerts.items() if muting.mutes(alert.labels)}
        for name in group.destination.channels:
            lane = self._lanes[name]
            if name in group.sending or lane.off:
                continue
            message = group.message(name, quiet, time, lane.channel.send_resolved)
            if message and (message.firing or lane.channel.send_resolved):
                self._send(group, message, lane, time)
            elif message:
                group.log[name] = message  # nobody wants to hear of it, but it is over
        group.forget()
        if not (group.alerts or group.sending):
            del self._groups[group.group_id]

    def _send(self, group: Group, message: Message, lane: Lane, time: timedelta) -> None:
        name, said = lane.channel.name, set(lane.held_back)
        if not lane.has_room(time):
            lane.held_back.add(group.group_id)
            return

        def done(arrived: bool) -> None:
            with self._lock:
                group.sending.discard(name)
                if arrived:
                    group.log[name] = message
                    lane.held_back -= said

        note = group.notification(message, self._redact, self._now())
        group.sending.add(name)
        lane.offer(replace(note, held_back=len(said)), done, time)


def _utc(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.time_ns() / NS_PER_S, UTC)


def _lanes(channels: Iterable[Channel]) -> dict[str, Lane]:
    lanes: dict[str, Lane] = {}
    for channel in channels:
        if channel.name in lanes:
            msg = f"two channels are named {channel.name!r}; give one of them another name"
            raise ValueError(msg)
        lanes[channel.name] = Lane(channel)
    return lanes


def _check(route: Route, names: Iterable[str]) -> None:
    if route.channels is None or route.match.text:
        msg = f"the root takes every alert: it needs channels and no matchers, not {route.match}"
        raise ValueError(msg)
    if missing := sorted(_channels(route) - set(names)):
        msg = f"the routes name {missing}, but the channels are {sorted(names)}; add or rename"
        raise ValueError(msg)


def _channels(route: Route) -> set[str]:
    return {name for node in route.walk() for name in node.channels or ()}


async def handle_alert(alert: Alert) -> None:
    """Tell people about one alert now: critical by page and chat, warning by chat; log all.

    For a script without a notifier: nothing is grouped, muted or repeated here. Channels
    come from the environment; one warning names those that are missing. It only tells:
    to restart or scale something is nothing for a function that must not fail.
    """
    if not (alert.state.active or alert.state is State.RESOLVED):
        return
    channels, missing = from_environment()
    channels["log"], sends = LogChannel(), []
    _warn_of(tuple(f"{n}: {why}" for n, why in missing.items() if n in _channels(DEFAULT_ROUTE)))
    for destination in DEFAULT_ROUTE.find(alert.labels):
        note = _single(alert, replace(destination, group_interval=_AT_ONCE))
        names = [name for name in destination.channels if name in channels]
        sends += [asyncio.to_thread(_tell, channels[name], note) for name in names]
    await asyncio.gather(*sends)


def _single(alert: Alert, destination: Destination) -> Notification:
    labels, me = destination.group_labels(alert.labels), {alert.fingerprint}
    group = Group(destination, labels, timedelta(), {alert.fingerprint: alert})
    firing, resolved = (me, set()) if alert.state.active else (set(), me)
    message = Message(firing, resolved, frozenset(), firing, timedelta())
    return group.notification(message, Redactor(), _utc(SystemClock()))


def _tell(channel: Channel, notification: Notification) -> None:
    if error := attempt(channel, notification):
        logger.warning("notification failed", channel=channel.name, reason=error)


@lru_cache  # said once: an alert storm should not be a storm of warnings too
def _warn_of(missing: tuple[str, ...]) -> None:
    if missing:
        logger.warning("alert channels are not configured", missing=missing)
