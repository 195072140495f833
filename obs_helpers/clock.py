"""Where time and chance come from.

Everything in this package asks a clock for the time and a `Chance` for random
numbers. Give it a `VirtualClock` and a seed, and a whole day of traffic takes
seconds and comes out the same each time.
"""

import asyncio
import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

NS_PER_S = 1_000_000_000
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

VIRTUAL_START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
"""Where virtual time begins unless told otherwise: a Monday morning."""


class Clock(Protocol):
    """What the package needs of a clock."""

    def time_ns(self) -> int:
        """Return the wall-clock time, UTC, in nanoseconds since 1970: *when*."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards: *how long*."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds of this clock's time."""
        ...

    def every(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Call `action` again and again; returns the function that stops it."""
        ...


class SystemClock:
    """The machine's own time."""

    time_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)

    def every(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Call `action` from a daemon thread, every `seconds`."""
        stopped = threading.Event()

        def run() -> None:
            while not stopped.wait(seconds):
                action()

        thread = threading.Thread(target=run, name="obs-every", daemon=True)
        thread.start()

        def stop() -> None:
            stopped.set()
            if thread is not threading.current_thread():
                thread.join()

        return stop


class VirtualClock:
    """Simulated time: nobody waits, and the clock jumps to the next thing to do.

    Coroutines sleep on this clock as on a real one, side by side. When all of them
    are asleep, the clock moves on to the first one's wake-up time.

    It belongs to one event loop at a time. Spans that other libraries start by
    themselves carry the machine's time, not this one.
    """

    _PASSES = 8
    """Passes of the event loop without a new sleeper that mean *all are asleep*, on a
    loop that cannot tell whether anything is ready to run."""

    def __init__(self, start: datetime = VIRTUAL_START) -> None:
        """Begin at `start`, which must say its time zone.

        Raises:
            ValueError: `start` has no time zone.
        """
        if start.tzinfo is None:
            msg = f"start={start!r} has no time zone; add tzinfo=UTC"
            raise ValueError(msg)
        self._start_ns = self._now_ns = (start - _EPOCH) // _MICROSECOND * 1000
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._timers: list[tuple[int, int, int, Callable[[], None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quiet_passes = 0

    def time_ns(self) -> int:
        """Return the simulated UTC time in nanoseconds since 1970."""
        return self._now_ns

    def monotonic(self) -> float:
        """Return simulated seconds since the start."""
        return (self._now_ns - self._start_ns) / NS_PER_S

    async def sleep(self, seconds: float) -> None:
        """Sleep in simulated time; other coroutines on this clock go on."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._sleepers.clear()  # left behind by a loop that is gone
            self._loop = loop
            loop.call_soon(self._pass)
        wake: asyncio.Future[None] = loop.create_future()
        due = self._now_ns + max(0, round(seconds * NS_PER_S))
        heapq.heappush(self._sleepers, (due, next(self._order), wake))
        self._quiet_passes = 0
        await wake

    def advance(self, seconds: float) -> None:
        """Move the time by hand, calling what is due on the way."""
        self._move_to(self._now_ns + round(seconds * NS_PER_S))

    def every(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Call `action` each time simulated time passes another `seconds`."""
        period = round(seconds * NS_PER_S)
        number = next(self._order)
        heapq.heappush(self._timers, (self._now_ns + period, number, period, action))

        def stop() -> None:
            self._timers = [t for t in self._timers if t[1] != number]
            heapq.heapify(self._timers)

        return stop

    def _pass(self) -> None:
        self._quiet_passes += 1
        try:
            if self._all_asleep():
                self._wake_next()
                self._quiet_passes = 0
        finally:  # an action that raises must not stop the time
            if self._sleepers and self._loop is not None:
                self._loop.call_soon(self._pass)
            else:
                self._loop = None

    def _all_asleep(self) -> bool:
        # A task that wakes up takes several passes of the loop to reach its next sleep,
        # by way of `gather` for example. asyncio's own loop knows when it has nothing
        # more to run, but keeps it to itself; others do not have the attribute.
        ready = getattr(self._loop, "_ready", None)
        return self._quiet_passes > self._PASSES if ready is None else not ready

    def _wake_next(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():  # cancelled
            heapq.heappop(self._sleepers)
        if not self._sleepers:
            return
        due = self._sleepers[0][0]
        self._move_to(due)
        while self._sleepers and self._sleepers[0][0] == due:
            wake = heapq.heappop(self._sleepers)[2]
            if not wake.done():
                wake.set_result(None)

    def _move_to(self, target_ns: int) -> None:
        while self._timers and self._timers[0][0] <= target_ns:
            due, order, period, action = self._timers[0]
            self._now_ns = max(self._now_ns, due)
            heapq.heapreplace(self._timers, (due + period, order, period, action))
            action()
        self._now_ns = max(self._now_ns, target_ns)


class Chance:
    """Random numbers and ids, repeatable when seeded."""

    def __init__(self, seed: int | None = None) -> None:
        """Without a seed, numbers differ from process to process, forks included."""
        self.seed = seed
        # The module's own generator is reseeded after a fork; a new one is not.
        self.bits = random.getrandbits if seed is None else random.Random(seed).getrandbits

    def stream(self, *names: object) -> random.Random:
        """Return a generator that depends on the seed and on `names` alone.

        What one request draws then does not depend on which others run beside it.
        """
        if self.seed is None:
            return random.Random()
        return random.Random(f"{self.seed}/{names}")
