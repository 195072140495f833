"""Is telemetry itself well? What waits, what got through, what was lost, and why."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from obs_helpers.clock import NS_PER_S, Clock
from obs_helpers.safe_json import describe

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Way:
    """One signal on its way to one place.

    `waiting`, `limit`, `delivered` and `dropped` count spans, log lines or metric points:
    what was offered so far is `delivered + dropped + waiting`.
    """

    signal: str
    """traces, logs or metrics."""
    place: str
    """store, OTLP or file."""
    waiting: int
    limit: int | None
    """How many can wait, fewer of long texts (`limits.MAX_WAITING_TEXT`); None: nothing waits."""
    delivered: int
    dropped: int
    """Lost for good: no room to wait, refused, or not sent when the process ended."""
    failing: bool = False
    """Whether the latest delivery failed."""
    failures: int = 0
    """Deliveries that failed. What they carried waits and is tried again, or is dropped."""
    last_error: str | None = None
    """Why the latest of them failed, redacted like everything else."""
    last_error_at: datetime | None = None
    last_success_at: datetime | None = None

    @property
    def offered(self) -> int:
        """All that was to be delivered."""
        return self.delivered + self.dropped + self.waiting


@dataclass(frozen=True)
class Health:
    """How telemetry is at one moment."""

    ways: tuple[Way, ...]
    redaction_failures: int = 0
    """Values that could not be cleaned, and were replaced by a marker."""
    log_errors: int = 0
    """Log calls or places for log lines that raised."""
    redaction_error: str | None = None
    """Which recogniser failed last, and how."""

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, and the latest delivery on each way succeeded."""
        lost = self.redaction_failures + self.log_errors + sum(way.dropped for way in self.ways)
        return not lost and not any(way.failing for way in self.ways)

    def way(self, signal: str, place: str) -> Way:
        """Return the way of `signal` to `place`.

        Raises:
            KeyError: there is none; the message lists those that there are.
        """
        found = {(way.signal, way.place): way for way in self.ways}
        if (signal, place) not in found:
            msg = f"no way of {signal!r} to {place!r}; there are {sorted(found)}"
            raise KeyError(msg)
        return found[signal, place]

    def rows(self) -> list[dict[str, Any]]:
        """Return each way as a dict, for a log line or a check of your own."""
        return [asdict(way) for way in self.ways]

    def table(self) -> "pd.DataFrame":
        """Return one row per way."""
        import pandas as pd

        return pd.DataFrame(map(astuple, self.ways), columns=[f.name for f in fields(Way)])

    def __repr__(self) -> str:
        """Say it in words, one line per way."""
        lines = [
            f"{way.signal:8}{way.place:6}{way.delivered:>10,} delivered{way.waiting:>8,} waiting"
            f"{way.dropped:>8,} dropped{way.failures:>6,} failures"
            + (f"  {'FAILING' if way.failing else 'was'}: {way.last_error}" * bool(way.last_error))
            for way in self.ways
        ]
        why = f" (the last: {self.redaction_error})" * bool(self.redaction_error)
        others = f"{self.redaction_failures} redactions failed{why}, {self.log_errors} log errors"
        return "\n".join([f"telemetry {'ok' if self.ok else 'NOT OK'}: {others}", *lines])


class Tally:
    """Counts what became of the deliveries to one place."""

    def __init__(self, clock: Clock, clean: Callable[[Any], Any] | None = None) -> None:
        """Take times from `clock`; errors pass `clean` before anybody sees them."""
        self.delivered = self.dropped = self.failures = 0
        self._clock, self._clean = clock, clean or (lambda text: text)
        self._lock = threading.RLock()  # a signal's handler may log in the middle of a log call
        self._last: dict[str, Any] = {}

    def succeeded(self, count: int) -> None:
        """Count a delivery."""
        with self._lock:
            self.delivered += count
            self._last |= {"failing": False, "last_success_at": self._now()}

    def failed(self, error: BaseException | str, lost: int = 0) -> None:
        """Count a delivery that failed, and what was lost by it."""
        text = self._clean(error if isinstance(error, str) else describe(error))
        with self._lock:
            self.failures += 1
            self.dropped += lost
            self._last |= {"failing": True, "last_error": text, "last_error_at": self._now()}

    def last(self) -> Mapping[str, Any]:
        """Return how the failures were, as fields of a `Way`."""
        with self._lock:
            return {"failures": self.failures, **self._last}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time_ns() / NS_PER_S, UTC)
