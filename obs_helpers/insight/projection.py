"""Projection: what an hour, day or month will have cost when it is over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from statistics import median

from obs_helpers.insight.budgets import window_end, window_start

BUCKETS = {"hour": timedelta(minutes=5), "day": timedelta(hours=1), "month": timedelta(days=1)}
"""Spending is added up in these, to see how it moves within each window."""
LOOK_BACK = 24
"""Complete buckets that a projection looks at: 2 hours, a day, 24 days."""
AT_LEAST = 8
"""Complete buckets it needs: 40 minutes, 8 hours, 8 days. Three points would give a line
as well, and it would say nothing."""
_NAMES = {"hour": "5-minute spans", "day": "hours", "month": "days"}
_KEPT = 64
_ZERO = Decimal(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Projection:
    """What a window will have cost at its end, in USD; the estimates may be missing."""

    window: str
    start: datetime
    end: datetime
    spent_usd: Decimal
    """Since the start of the window: known, not estimated."""
    run_rate_usd: Decimal | None = None
    """If it goes on like the mean of the past buckets."""
    trend_usd: Decimal | None = None
    """If it goes on along the Theil-Sen line, which a few spikes do not move: it leaves out
    those to come. Neither of the two knows of nights and week-ends."""
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    """The end lies between these about nine times in ten, if the trend holds and nothing
    rare and large comes."""
    reason: str = ""
    """Why there is no estimate, and when there will be one."""


class SpendSeries:
    """What was spent in each of the past buckets of one window."""

    def __init__(self, window: str) -> None:
        """Add up for the window `hour`, `day` or `month`."""
        self._window, self._width = window, BUCKETS[window]
        self._spent: dict[datetime, Decimal] = {}
        self._first: datetime | None = None

    def add(self, cost_usd: Decimal, at: datetime) -> None:
        """Count one call; the oldest buckets are forgotten."""
        bucket = self._bucket(at)
        self._first = min(self._first or bucket, bucket)
        self._spent[bucket] = self._spent.get(bucket, _ZERO) + cost_usd
        if len(self._spent) > _KEPT:
            del self._spent[min(self._spent)]

    def project(self, now: datetime) -> Projection:
        """Estimate the end of the window around `now`, or say why that is not possible."""
        start, end = window_start(self._window, now), window_end(self._window, now)
        spent = sum((usd for at, usd in self._spent.items() if start <= at < end), _ZERO)
        past = self._past(now)
        if len(past) < AT_LEAST:
            return Projection(self._window, start, end, spent, reason=self._missing(len(past)))
        coming = self._coming(now, end)
        slope, base = theil_sen(past)
        ahead = (max(_ZERO, base + slope * x) * part for x, part in enumerate(coming, len(past)))
        trend = sum(ahead, spent)
        error = 2 * _standard_error(past, coming, slope, base)
        return Projection(
            *(self._window, start, end, spent),
            run_rate_usd=_shown(spent + sum(past, _ZERO) / len(past) * sum(coming, _ZERO)),
            trend_usd=_shown(trend),
            low_usd=_shown(max(spent, trend - error)),
            high_usd=_shown(trend + error),
        )

    def _bucket(self, at: datetime) -> datetime:
        return _EPOCH + (at - _EPOCH) // self._width * self._width

    def _past(self, now: datetime) -> list[Decimal]:
        """Return the latest complete buckets; one in which nothing was spent is 0.

        The very first is not complete: what was spent before the first call is not known.
        """
        if self._first is None:
            return []
        current = self._bucket(now)
        count = min(LOOK_BACK, (current - self._first) // self._width - 1)
        starts = [current - n * self._width for n in range(count, 0, -1)]
        return [self._spent.get(start, _ZERO) for start in starts]

    def _coming(self, now: datetime, end: datetime) -> list[Decimal]:
        """Return how much of each bucket until `end` is still to come: 1, but for the first."""
        after = self._bucket(now) + self._width
        microseconds = [span // timedelta(microseconds=1) for span in (after - now, self._width)]
        rest = Decimal(microseconds[0]) / microseconds[1]
        return [rest] + [Decimal(1)] * ((end - after) // self._width)

    def _missing(self, complete: int) -> str:
        if self._first is None:
            return "not enough data: nothing was recorded yet"
        ready = self._first + (AT_LEAST + 1) * self._width
        return (
            f"not enough data: {complete} of {AT_LEAST} complete {_NAMES[self._window]}; "
            f"enough at {ready:%Y-%m-%d %H:%M} UTC"
        )


def theil_sen(values: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Return slope and start of a line through evenly spaced values.

    The slope is the median of the slopes between all pairs, so up to 29 % of the values
    can be anything at all.
    """
    pairs = combinations(enumerate(values), 2)
    slope = median((right - left) / (j - i) for (i, left), (j, right) in pairs)
    return slope, median(value - slope * x for x, value in enumerate(values))


def _standard_error(
    past: Sequence[Decimal], coming: Sequence[Decimal], slope: Decimal, base: Decimal
) -> Decimal:
    """Return the standard error of the sum of what is coming.

    As for a least-squares line: the scatter of each bucket, plus what the scatter of the
    past leaves open about the height and the slope of the line.
    """
    n, total = len(past), sum(coming, _ZERO)
    middle = Decimal(n - 1) / 2
    scatter = _squares(y - base - slope * x for x, y in enumerate(past)) / (n - 2)
    reach = sum((part * (n + k - middle) for k, part in enumerate(coming)), _ZERO)
    spread = _squares(x - middle for x in range(n))
    weight = _squares(coming) + total * total / n + reach * reach / spread
    return (scatter * weight).sqrt()


def _squares(values: Iterable[Decimal]) -> Decimal:
    return sum((value * value for value in values), _ZERO)


def _shown(usd: Decimal) -> Decimal:
    return round(usd, 6)
