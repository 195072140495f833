"""Budgets: what may be spent per period, session or user, and what to tell on the way there.

A budget tells; it stops nothing. To refuse a call is the agent's decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from obs_helpers.given import check

WINDOWS = ("hour", "day", "month")
SUBJECTS = ("session", "user")


def window_start(window: str, at: datetime) -> datetime:
    """Return when the hour, day or month around `at` began."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    if window == "hour":
        return hour
    return hour.replace(hour=0) if window == "day" else hour.replace(hour=0, day=1)


def window_end(window: str, at: datetime) -> datetime:
    """Return when the hour, day or month around `at` ends: the next one's start."""
    longest = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31)}
    return window_start(window, window_start(window, at) + longest[window])


def check_window(window: str) -> None:
    """Refuse what is no window.

    Raises:
        ValueError: `window` is not one of `WINDOWS`.
    """
    check("window", window, window in WINDOWS, f"one of {', '.join(WINDOWS)}")


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount that may be spent.

    `Budget(Decimal(10), "day")` is for all together, `Budget(Decimal(1), "day", "user")`
    for each user, `Budget(Decimal("0.5"), by="session")` for a whole session.

    Raises:
        ValueError: the limit is no `Decimal` above 0, a step is no percentage above 0, or
            a name is unknown.
    """

    limit_usd: Decimal
    window: str | None = None
    """`hour`, `day` or `month` of the calendar, UTC; without it, all time."""
    by: str | None = None
    """`session` or `user`: each has its own; without it, all share one."""
    steps: tuple[int, ...] = (50, 80, 100)
    """Percentages to tell of."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        limit, by = self.limit_usd, self.by
        amount = isinstance(limit, Decimal) and limit.is_finite() and limit > 0
        check("limit_usd", limit, amount, "an amount above 0, such as Decimal('2.50')")
        if self.window is not None:
            check_window(self.window)
        check("by", by, by is None or by in SUBJECTS, f"one of {', '.join(SUBJECTS)}")
        some = bool(self.steps) and min(self.steps) > 0
        check("steps", self.steps, some, "percentages above 0, such as (50, 80, 100)")

    def __str__(self) -> str:
        """Say it in words, such as `$10 per day and user`."""
        per = [name for name in (self.window, self.by) if name]
        return f"${self.limit_usd:f}" + (f" per {' and '.join(per)}" if per else " in all")


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """A step of a budget that was reached."""

    budget: Budget
    step: int
    """Percentage reached: the highest, if one call passed several."""
    spent_usd: Decimal
    subject: str | None
    """Whose budget: the session or user, None if all share it."""
    since: datetime | None
    """Start of the period, UTC; None if the budget is for all time."""
    at: datetime

    def __str__(self) -> str:
        """Say it in one line."""
        whose = f" ({self.subject})" if self.budget.by else ""
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        return f"{self.step} % of {self.budget}{whose}: ${self.spent_usd:.4f} spent{since}"


@dataclass(slots=True)
class _Spent:
    usd: Decimal = Decimal(0)
    told: int = 0


class BudgetMeter:
    """Adds up what was spent of one budget, and says once when a step is reached.

    Each period has a sum of its own, so what is recorded late, or by a clock that was set
    back, counts where it belongs and is not told twice. Sums that were not added to for
    the longest time go when there are more than `max_keys`: such a one starts anew.
    """

    def __init__(self, budget: Budget, max_keys: int) -> None:
        """Watch `budget`; remember `max_keys` sums at the most."""
        self.budget, self._max_keys = budget, max_keys
        self._spent: dict[tuple[str | None, datetime | None], _Spent] = {}

    def add(
        self, cost_usd: Decimal, at: datetime, subjects: Mapping[str, str | None]
    ) -> BudgetAlert | None:
        """Count one call; return the highest step that it reached, if that is news."""
        budget = self.budget
        subject = subjects[budget.by] if budget.by else None
        if budget.by and subject is None:
            return None
        since = window_start(budget.window, at) if budget.window else None
        spent = self._spent.pop((subject, since), None) or _Spent()
        self._spent[subject, since] = spent  # the last one used stands last
        if len(self._spent) > self._max_keys:
            del self._spent[next(iter(self._spent))]
        spent.usd += cost_usd
        reached = [step for step in budget.steps if spent.usd * 100 >= step * budget.limit_usd]
        highest = max(reached, default=0)
        if highest <= spent.told:
            return None
        spent.told = highest
        return BudgetAlert(budget, highest, spent.usd, subject, since, at)
