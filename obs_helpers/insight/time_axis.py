"""A time axis, from 0 to 1, on which long quiet stretches can be squeezed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

SQUEEZED = 0.03
"""Share of the axis that a squeezed gap keeps."""
LONG, LARGE = 5, 0.05
"""A gap lasts five times as long as the usual span, and 5 % of the whole, or more."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nothing began or ended, in seconds from the start of the axis."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Seconds from start to end; more than 0."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Axis:
    """Places seconds, from 0 to `end_s`, on a line from 0 to 1."""

    end_s: float
    gaps: tuple[Gap, ...] = ()
    """What is squeezed, in the order of time."""

    @property
    def kept_s(self) -> float:
        """Seconds that are drawn to scale."""
        return self.end_s - sum(gap.duration_s for gap in self.gaps)

    def at(self, seconds: float) -> float:
        """Return the place of a moment; what lies beyond an end is put on that end."""
        seconds = min(max(seconds, 0.0), self.end_s)
        if self.kept_s <= 0:
            return 0.0
        passed = [min(max(seconds - gap.start_s, 0.0), gap.duration_s) for gap in self.gaps]
        to_scale = (seconds - sum(passed)) / self.kept_s * (1 - SQUEEZED * len(self.gaps))
        shares = (part / gap.duration_s for part, gap in zip(passed, self.gaps, strict=True))
        return min(max(to_scale + SQUEEZED * sum(shares), 0.0), 1.0)

    def ticks(self, wanted: int = 6) -> list[tuple[float, str]]:
        """Return places on the axis, never crowded, each with its time as text."""
        if self.kept_s <= 0:
            return [(0.0, "0 s")]
        step = _round_step(self.kept_s / wanted)
        factor, unit = next((f, u) for f, u in _UNITS if step * f >= 0.01 or u == "µs")
        digits = max(0, -math.floor(math.log10(step * factor) + 1e-9))
        ticks: list[tuple[float, str]] = []
        edges = [0.0, *(edge for gap in self.gaps for edge in (gap.start_s, gap.end_s)), self.end_s]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            for n in range(math.ceil(start / step), math.floor(end / step + 1e-9) + 1):
                place = self.at(n * step)
                if not ticks or place - ticks[-1][0] >= 0.5 / wanted:
                    ticks.append((place, f"{n * step * factor:,.{digits}f} {unit}"))
        return ticks


_UNITS = ((1, "s"), (1e3, "ms"), (1e6, "µs"))


def squeezed_axis(moments: Iterable[float], end_s: float, usual_s: float) -> Axis:
    """Return an axis on which the gaps between `moments` are squeezed, if there are any.

    Args:
        moments: When something began or ended, in seconds.
        end_s: Where the axis ends.
        usual_s: How long a usual span lasts; a stretch is long compared to this.
    """
    known = sorted({0.0, end_s, *moments})
    stretches = (Gap(start, end) for start, end in pairwise(known))
    least_s = max(LONG * usual_s, LARGE * end_s)
    gaps = tuple(gap for gap in stretches if gap.duration_s >= least_s)
    return Axis(end_s, gaps) if len(gaps) + 1 < len(known) else Axis(end_s)


def seconds(value: float) -> str:
    """Return a duration as text with its unit."""
    return f"{value:,.3f} s" if abs(value) >= 0.001 or value == 0 else f"{value * 1e6:.0f} µs"


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= least * (1 - 1e-9))
