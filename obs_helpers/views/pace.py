"""How often a dashboard may refresh by itself, so that the kernel stays free for its reader."""

from collections.abc import Iterator
from contextlib import contextmanager

from obs_helpers.clock import Clock

REST = 4
"""A refresh waits this many times as long as the last one took: refreshing then takes a
fifth of the kernel's time at the most."""


class Pace:
    """Says whether it is time to refresh again. What came too early is not made up for."""

    def __init__(self, stopwatch: Clock) -> None:
        """Measure by `stopwatch`, which must go on while the kernel works."""
        self.stopwatch = stopwatch
        self._rest_until_s = float("-inf")

    @property
    def due(self) -> bool:
        """Tell whether the last refresh is long enough ago."""
        return self.stopwatch.monotonic() >= self._rest_until_s

    @contextmanager
    def refreshing(self) -> Iterator[None]:
        """Measure one refresh."""
        start_s = self.stopwatch.monotonic()
        try:
            yield
        finally:
            end_s = self.stopwatch.monotonic()
            self._rest_until_s = end_s + REST * (end_s - start_s)
