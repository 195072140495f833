"""Delivery: each channel has a lane of its own, and none waits for another.

A message is delivered at least once, not exactly once: an answer that comes too late
counts as none, and the message is sent again.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from obs_helpers.alerting.notification import Notification
from obs_helpers.clock import Clock, SystemClock
from obs_helpers.signals.logs import get_logger

_TOO_OFTEN = 5
"""Failures in a row after which a channel is switched off."""
_HOUR = timedelta(hours=1)

logger = get_logger("alerts")


class DeliveryError(Exception):
    """A channel did not take a message. The text holds no address and no key."""


class Channel:
    """A way to people. A channel of your own has a name and a `send`."""

    name: str
    blocking = True
    """It waits for something outside of this process, so it gets a thread of its own."""
    send_resolved = True
    max_per_hour: int | None = 60
    """Messages; more are held back, counted, and sent at a later tick if they still hold."""

    def send(self, notification: Notification) -> None:
        """Deliver, or raise anything: a `DeliveryError` if its text may be shown."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


def attempt(channel: Channel, notification: Notification) -> str | None:
    """Send; return what went wrong, None if nothing did. Never raises."""
    try:
        channel.send(notification)
    except DeliveryError as error:
        return str(error)
    except Exception as error:
        return type(error).__name__  # the text may hold an address or a key
    return None


@dataclass(slots=True, eq=False)
class _Job:
    notification: Notification
    done: Callable[[bool], None]
    started_s: float = 0.0
    over: bool = False


class Lane:
    """One channel's messages, one after the other; other lanes go on beside it."""

    def __init__(self, channel: Channel, clock: Clock | None = None) -> None:
        """Deliver to `channel`; `clock` measures how long it really takes."""
        self.channel = channel
        self.off = False
        self.sent = self.failed = self.failed_in_a_row = 0
        self.last_error = ""
        self.held_back: set[str] = set()
        """Groups with a message that the rate limit stopped, until a message says so."""
        self._recent: deque[timedelta] = deque()
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._running: _Job | None = None

    def has_room(self, time: timedelta) -> bool:
        """Tell whether the rate limit lets one more message leave at `time`."""
        while self._recent and time - self._recent[0] >= _HOUR:
            self._recent.popleft()
        limit = self.channel.max_per_hour
        return limit is None or len(self._recent) < limit

    def offer(
        self, notification: Notification, done: Callable[[bool], None], time: timedelta
    ) -> None:
        """Deliver, here if the channel does not block; then call `done` with the outcome."""
        self._recent.append(time)
        job = _Job(notification, done)
        if self.channel.blocking:
            with self._changed:
                self._waiting.append(job)
            self._start_next()
        else:
            self._work(job)

    def switch_on(self) -> None:
        """Use the channel again after too many failures."""
        self.off, self.failed_in_a_row = False, 0

    def status(self) -> dict[str, object]:
        """Return how it goes, as a row of a table."""
        with self._changed:
            under_way = len(self._waiting) + (self._running is not None)
            return {
                "channel": self.channel.name,
                "state": f"off: failed {_TOO_OFTEN} times in a row" if self.off else "on",
                "sent": self.sent,
                "failed": self.failed,
                "held_back": len(self.held_back),
                "under_way": under_way,
                "last_error": self.last_error,
            }

    def give_up_on_hung(self) -> None:
        """Count a message that got no answer in time as failed, and let the next one go."""
        job = self._running
        if job and self._clock.monotonic() - job.started_s > job.notification.timeout_s:
            self._finish(job, f"no answer within {job.notification.timeout_s:g} s")

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing is under way; False if that takes longer than `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._running or self._waiting), max(0.0, timeout_s)
            )

    def _start_next(self) -> None:
        with self._changed:
            if self._running or not self._waiting:
                return
            job = self._running = self._waiting.popleft()
            job.started_s = self._clock.monotonic()
        name = f"obs-alerts-{self.channel.name}"
        # A thread per message: one that hangs cannot be ended, only left behind.
        threading.Thread(target=self._work, args=(job,), name=name, daemon=True).start()

    def _work(self, job: _Job) -> None:
        self._finish(job, "switched off" if self.off else attempt(self.channel, job.notification))

    def _finish(self, job: _Job, error: str | None) -> None:
        with self._changed:
            if job.over:
                return  # given up on before
            job.over = True
            self._count(error)
        job.done(error is None)
        with self._changed:
            if self._running is job:
                self._running = None
            self._changed.notify_all()
        self._start_next()

    def _count(self, error: str | None) -> None:
        if error is None:
            self.sent, self.failed_in_a_row = self.sent + 1, 0
            return
        self.failed, self.failed_in_a_row = self.failed + 1, self.failed_in_a_row + 1
        self.last_error = error
        logger.warning("notification failed", channel=self.channel.name, reason=error)
        if self.failed_in_a_row == _TOO_OFTEN:
            self.off = True
            logger.error("channel switched off", channel=self.channel.name, reason=error)
