"""A bounded queue and the thread that delivers from it: whoever puts an item never waits.

What cannot be delivered stays in the queue and is tried again, less and less often, and
in smaller batches: one may be more than the other side takes. When there is no more room,
new items are dropped and counted: what happened first explains a breakdown best.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from obs_helpers.clock import Chance
from obs_helpers.forks import Owner, watch_forks
from obs_helpers.health import Tally, Way
from obs_helpers.limits import MAX_WAITING_TEXT
from obs_helpers.trouble import TooMuch

Item = TypeVar("Item")

EVERY_S = 1.0
"""Deliver this often, in seconds, or as soon as a batch is full."""
MAX_REST_S = 10.0
"""After failures the thread rests 1, 2, 4 … seconds, at most this long."""
BATCH_TEXT = 4_000_000
"""Characters of one batch, about: a Collector takes 20 MiB, other receivers less. An item
that has more goes alone."""


class Outbox(Owner, Generic[Item]):
    """Items of one signal that wait for delivery to one place."""

    def __init__(
        self,
        way: tuple[str, str],
        send: Callable[[list[Item]], tuple[int, str]],
        tally: Tally,
        limit: int,
        batch: int,
        size: Callable[[Item], int] = lambda _: 1,
        text: Callable[[Item], int] = lambda _: 0,
    ) -> None:
        """Start the thread that delivers.

        Args:
            way: The signal and the place, for `health`.
            send: Delivers some items; returns how much of them was refused for good,
                and why. Raises if they should be sent again, `TooMuch` if in smaller parts.
            tally: Counts what became of it.
            limit: Sizes of the items that wait, at the most.
            batch: Items sent at once, at the most.
            size: What an item counts for.
            text: About how many characters it has: all that wait have `MAX_WAITING_TEXT`,
                at the most.
        """
        self._way, self._send, self._tally = way, send, tally
        self._limit, self._batch, self._size, self._text_of = limit, batch, size, text
        self._most = batch  # sent at once for now
        self._items: deque[tuple[Item, int, int]] = deque()
        self._waiting = self._text = self._settled = self._failed = 0
        self._hurry = self._closed = self._given_up = False
        self._rest_s = 0.0
        self._chance = Chance().stream()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="obs-outbox", daemon=True)
        self._thread.start()
        watch_forks(self)

    def put(self, item: Item) -> None:
        """Keep the item for delivery, or count it as dropped."""
        size, text = self._size(item), self._text_of(item)
        with self._changed:
            full = self._waiting + size > self._limit or self._text + text > MAX_WAITING_TEXT
            if self._closed or full:
                self._tally.dropped += size
                return
            self._items.append((item, size, text))
            self._waiting += size
            self._text += text
            if len(self._items) == self._batch or self._text - text < BATCH_TEXT <= self._text:
                self._changed.notify_all()

    def hurry(self) -> Callable[[float], bool]:
        """Deliver now; returns what waits for it, so many seconds at the most.

        It waits until all that was put before is out, or until a delivery fails, and
        returns whether all is out.
        """
        with self._changed:
            goal, failed = self._settled + self._waiting, self._failed
            self._hurry = True
            self._changed.notify_all()

        def wait(timeout_s: float) -> bool:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._settled >= goal or self._failed > failed, timeout_s
                )
                return self._settled >= goal

        return wait

    def close(self) -> Callable[[float], int]:
        """Deliver a last time; returns what waits for it, so many seconds at the most.

        That in turn returns how much could not be delivered. It counts as dropped.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()

        def wait(timeout_s: float) -> int:
            self._thread.join(timeout_s)
            with self._changed:
                self._given_up = True
                left, self._waiting = self._waiting, 0
                self._tally.dropped += left
                self._items.clear()
            return left

        return wait

    def way(self) -> Way:
        """Return what waits and what became of the rest."""
        with self._changed:
            tally = self._tally
            return Way(
                *self._way, self._waiting, self._limit, tally.delivered, tally.dropped,
                **tally.last(),
            )  # fmt: skip

    def pause(self) -> None:
        """Let nothing change during a fork."""
        self._changed.acquire()

    def resume(self) -> None:
        """Go on."""
        self._changed.release()

    def leave(self) -> None:
        """Deliver nothing from a forked child: what waits is the parent's to send."""
        self._changed = threading.Condition()
        self._closed = self._given_up = True
        self._items, self._waiting = deque(), 0

    # -- In the thread that delivers --------------------------------------------------

    def _run(self) -> None:
        last = False
        while not last:
            with self._changed:
                self._changed.wait_for(self._due, self._rest_s or EVERY_S)
                last, self._hurry = self._closed, False
            if self._deliver():
                self._rest_s = 0.0
            else:
                longer = min(MAX_REST_S, max(1.0, self._rest_s * 2))
                self._rest_s = longer * self._chance.uniform(0.8, 1.0)

    def _due(self) -> bool:
        full = len(self._items) >= self._batch or self._text >= BATCH_TEXT
        return self._closed or self._hurry or (full and not self._rest_s)

    def _deliver(self) -> bool:
        """Send all that waits, a batch at a time; return False at the first failure."""
        while batch := self._next():
            try:
                refused, why = self._send(batch)
            except TooMuch:
                self._most = max(1, len(batch) // 2)
            except Exception as error:
                self._failed_with(error, len(batch))
                return False
            else:
                self._most = min(self._batch, self._most + self._most // 4 + 1)
                self._settle(len(batch), refused, why)
        return True

    def _next(self) -> list[Item]:
        batch: list[Item] = []
        left = BATCH_TEXT
        with self._changed:
            for item, _, text in self._items:
                left -= text
                if batch and (left < 0 or len(batch) == self._most):
                    break
                batch.append(item)
        return batch

    def _failed_with(self, error: Exception, count: int) -> None:
        with self._changed:
            self._failed += 1
            if self._rest_s:  # twice in a row: it may be too much
                self._most = max(1, count // 2)
            self._tally.failed(error)
            self._changed.notify_all()

    def _settle(self, count: int, refused: int, why: str) -> None:
        with self._changed:
            if self._given_up:  # counted as dropped by then
                return
            gone = [self._items.popleft() for _ in range(count)]
            size = sum([size for _, size, _ in gone])
            self._waiting -= size
            self._text -= sum([text for _, _, text in gone])
            self._settled += size
            if refused:
                self._tally.failed(why, lost=refused)
            if refused < size:
                self._tally.succeeded(size - refused)
            self._changed.notify_all()
