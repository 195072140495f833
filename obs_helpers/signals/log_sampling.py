"""Log sampling: which lines are kept, and how the lines of a failed request come back.

A share keeps or drops whole requests, by their trace id: whoever keeps a tenth of the
lines keeps all lines of a tenth of the requests, and the same requests whose traces
`sampling` keeps. A rate bounds how many lines of one event pass in a second. What does not
pass is held while its request runs, and is written after all when the request fails.
Errors always pass.
"""

import os
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from obs_helpers.clock import NS_PER_S, Clock
from obs_helpers.given import check, is_count, is_share
from obs_helpers.signals.own_lines import own_line
from obs_helpers.signals.sinks import Line, Sink

MAX_EVENTS = 1_000
MAX_TOLD = 20
"""Events counted apart within one second, and told of apart; more count as `(others)`."""
_ALWAYS = ("error", "critical")
_BITS = 1 << 64


@dataclass(frozen=True)
class LogSampling:
    """How much of the log is kept; errors always are.

    Raises:
        ValueError: a value cannot be; the message says which can.
        TypeError: `levels` or `events` is no mapping.
    """

    levels: Mapping[str, float] = field(default_factory=dict)
    """Share of requests, 0 to 1, that keep their lines of this level: `{"debug": 0.1}`.
    Outside of requests it is a share of the lines."""
    events: Mapping[str, float] = field(default_factory=dict)
    """The same for one event, by the text given to the log call; it wins over its level."""
    per_second: int | None = None
    """Lines of one event that pass in a second. A line of its own tells what was dropped."""
    keep_failed: bool = True
    """Hold what does not pass while its request runs; write it when the request fails: when
    it logs an error, or its first span ends with one. A span that `sampling` drops is not
    seen to end: there, the error line decides."""
    max_requests: int = 1_000
    """Requests held at once; beyond, the one that came first is dropped."""
    max_lines: int = 200
    """Lines held of one request: the latest."""

    def __post_init__(self) -> None:
        """Check each value."""
        for name in ("levels", "events"):
            shares = getattr(self, name)
            if not isinstance(shares, Mapping):
                msg = f"{name}={shares!r} does not work; give a dict such as {{'debug': 0.1}}"
                raise TypeError(msg)
            for key, share in shares.items():
                check(f"{name}: {key}", share, is_share(share), "a share from 0 to 1")
        wrong = set(self.levels) - {"debug", "info", "warning"}
        remedy = "debug, info or warning, in lower case: errors are always kept"
        check("levels", wrong, not wrong, remedy)
        for name in ("per_second", "max_requests", "max_lines"):
            value = getattr(self, name)
            good = is_count(value) or (name == "per_second" and value is None)
            check(name, value, good, "a whole number above 0")
        kept = self.keep_failed
        check("keep_failed", kept, isinstance(kept, bool), "True or False")


class LogSampler:
    """Tells each line its way: to the log, into the hold of its request, or nowhere."""

    def __init__(
        self,
        rules: LogSampling,
        clock: Clock,
        draw: Callable[[], float],
        trace_id: Callable[[], int],
        write: Sink,
        redact: Callable[[Any], Any] | None = None,
    ) -> None:
        """Sample by `rules`.

        Args:
            rules: What is kept.
            clock: Tells the second for `per_second`.
            draw: Returns a random number from 0 to 1, for lines outside of requests.
            trace_id: Returns the id of the current trace, 0 outside.
            write: Takes the lines that pass.
            redact: Cleans the names of events in the lines about what was dropped.
        """
        self.dropped: Counter[str] = Counter()
        """Lines dropped: by `sampling` or `rate`, and by `no room` those that could not be
        held any longer, and would be missing if their request failed."""
        self._rules, self._clock, self._draw = rules, clock, draw
        self._trace_id, self._write, self._redact = trace_id, write, redact
        self._second, self._passed = 0, Counter[str]()
        self._untold: Counter[str] = Counter()
        self._held: dict[int, deque[tuple[Line, str, str]]] = {}
        self._failed: dict[int, None] = {}
        self._lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_renew_lock, weakref.ref(self)))

    def way(self, level: str, event: str) -> Sink | None:
        """Return what takes a line of this level and event, None if it is dropped."""
        trace = self._trace_id()
        if level in _ALWAYS:
            self.end_request(trace, failed=True)
            return self._write
        reason = self._reason(level, event, trace)
        if not reason:
            return self._write
        if trace and self._rules.keep_failed:
            return partial(self._hold, trace, reason, event)
        self._count(reason, event)
        return None

    def end_request(self, trace: int, failed: bool) -> None:
        """Write what is held of a request that failed; drop it if the request went well."""
        if not trace or not self._rules.keep_failed:
            return
        with self._lock:
            held = self._held.pop(trace, ())
            if failed:
                self._failed[trace] = None
                if len(self._failed) > self._rules.max_requests:
                    del self._failed[next(iter(self._failed))]
            for line, reason, event in held:
                if failed:
                    self._write(line)
                else:
                    self._count(reason, event)

    def tell(self) -> None:
        """Write a line for each event of which lines were dropped by rate and not told yet."""
        with self._lock:
            untold, self._untold = self._untold, Counter()
        for event, count in untold.items():
            name = self._redact(event) if self._redact else event
            text = "log lines dropped: too many in a second"
            self._write(own_line(self._clock, text, dropped_event=name, dropped=count))

    def close(self) -> None:
        """Drop what is held; tell what was dropped."""
        for trace in list(self._held):
            self.end_request(trace, failed=False)
        self.tell()

    def _reason(self, level: str, event: str, trace: int) -> str:
        """Return why the line does not pass, nothing if it does."""
        if trace and trace in self._failed:
            return ""
        share = self._rules.events.get(event, self._rules.levels.get(level, 1))
        # As OpenTelemetry samples traces: by the lower half of the id.
        if share < 1 and (trace % _BITS / _BITS if trace else self._draw()) >= share:
            return "sampling"
        if self._rules.per_second and self._is_too_often(event):
            return "rate"
        return ""

    def _is_too_often(self, event: str) -> bool:
        second = self._clock.time_ns() // NS_PER_S
        with self._lock:
            begins = second != self._second
            if begins:
                self._second, self._passed = second, Counter()
            known = event in self._passed or len(self._passed) < MAX_EVENTS
            self._passed[event if known else "(others)"] += 1
            count = self._passed[event if known else "(others)"]
        if begins:
            self.tell()
        return count > (self._rules.per_second or 0)

    def _hold(self, trace: int, reason: str, event: str, line: Line) -> None:
        rules = self._rules
        with self._lock:
            if trace in self._failed:  # since its way was chosen
                self._write(line)
                return
            held = self._held.setdefault(trace, deque())
            held.append((line, reason, event))
            if len(held) > rules.max_lines:
                self._give_up(*held.popleft()[1:])
            if len(self._held) > rules.max_requests:
                for _, *why in self._held.pop(next(iter(self._held))):
                    self._give_up(*why)

    def _give_up(self, reason: str, event: str) -> None:
        self.dropped["no room"] += 1
        if reason == "rate":
            self._untell(event)

    def _count(self, reason: str, event: str) -> None:
        with self._lock:
            self.dropped[reason] += 1
            if reason == "rate":
                self._untell(event)

    def _untell(self, event: str) -> None:
        known = event in self._untold or len(self._untold) < MAX_TOLD
        self._untold[event if known else "(others)"] += 1


def _renew_lock(sampler: "weakref.ref[LogSampler]") -> None:
    """Give a forked child a free lock: a thread that is not there may have held the old one."""
    if (mine := sampler()) is not None:
        mine._lock = threading.RLock()
