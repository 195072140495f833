"""How much of a budget is spent, as the store tells it, and what the period will have cost."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from obs_helpers import conventions as c
from obs_helpers.insight.budgets import Budget, window_start
from obs_helpers.insight.projection import BUCKETS, LOOK_BACK, Projection, SpendSeries
from obs_helpers.insight.view import View
from obs_helpers.store import Store


@dataclass(frozen=True, slots=True)
class Spend:
    """A budget's hour, day or month up to one moment; all times UTC without a time zone."""

    budget: Budget
    projection: Projection
    until: datetime
    curve: tuple[tuple[datetime, Decimal], ...]
    """What had been spent at which moment, since the start of the period."""
    priced: int
    """Model calls in the sum."""
    unpriced: int
    """Model calls of the period whose price is not known; they are not in the sum."""

    @property
    def spent_usd(self) -> Decimal:
        """Dollars spent since the start of the period, by all traffic."""
        return self.projection.spent_usd

    @property
    def percent(self) -> float:
        """Share of the budget that is spent."""
        return float(100 * self.spent_usd / self.budget.limit_usd)


def check_budget(budget: Budget | None) -> Budget | None:
    """Return `budget` if a dashboard can draw it.

    Raises:
        ValueError: it has no period, or is one for each session or user.
    """
    if budget is not None and (budget.window is None or budget.by is not None):
        msg = (
            f"a dashboard draws one budget of all for an hour, day or month, not {budget}; "
            "give Budget(Decimal(50), 'day'), and watch the others with CostMonitor"
        )
        raise ValueError(msg)
    return budget


def spend(store: Store, budget: Budget, until: datetime) -> Spend:
    """Return what was spent of `budget` up to `until`, UTC without a time zone.

    Raises:
        StoreError: the store cannot answer.
    """
    window = budget.window or "day"
    width, start = BUCKETS[window], window_start(window, until)
    long_ago = min(start, until - (LOOK_BACK + 2) * width)
    query = f"""
        SELECT time_bucket(to_microseconds($width), end_time) AS bucket, sum(cost_usd),
               count(cost_usd), count(*) FILTER (input_tokens IS NOT NULL AND cost_usd IS NULL)
        FROM spans WHERE operation = '{c.CHAT}' AND end_time >= $long_ago AND end_time <= $until
        GROUP BY bucket ORDER BY bucket
    """
    microseconds = round(width.total_seconds() * 1_000_000)
    rows = View(until).rows(store, query, width=microseconds, long_ago=long_ago)
    series, curve, counts = SpendSeries(window), [(start, Decimal(0))], [0, 0]
    for bucket, usd, priced, unpriced in rows:
        if usd is not None:
            series.add(usd, bucket.replace(tzinfo=UTC))
        if bucket >= start:
            counts = [counts[0] + priced, counts[1] + unpriced]
            curve.append((min(bucket + width, until), curve[-1][1] + (usd or 0)))
    return Spend(budget, series.project(until.replace(tzinfo=UTC)), until, tuple(curve), *counts)
