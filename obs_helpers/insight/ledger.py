"""What model calls add up to: by key, by hour, towards budgets; in bounded memory."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from obs_helpers.insight.budgets import (
    WINDOWS,
    Budget,
    BudgetAlert,
    BudgetMeter,
    window_start,
)
from obs_helpers.insight.prices import Tokens
from obs_helpers.insight.projection import SpendSeries

HOURS_KEPT = 24 * 62
"""Hours that are kept apart; what was before is added up."""
KEYS = ("session", "user", "model", "tool", "hour")
SUMS = (
    *("calls", "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "cost_usd", "unpriced_calls", "unpriced_tokens"),
)
"""What is shown of a total."""
OTHER = "(other)"
"""The key under which a ledger shows what it no longer keeps apart."""


@dataclass(slots=True)
class Total:
    """What several model calls add up to."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    priced_usd: Decimal = Decimal(0)
    """The sum of the costs that are known."""
    unpriced_calls: int = 0
    unpriced_tokens: int = 0

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost, without that of unpriced calls; None if none of the calls has a price."""
        return None if self.calls and self.calls == self.unpriced_calls else self.priced_usd

    def add(self, tokens: Tokens, cost_usd: Decimal | None) -> None:
        """Count one call."""
        self.calls += 1
        self.input_tokens += tokens.input_tokens
        self.output_tokens += tokens.output_tokens
        self.cached_tokens += tokens.cached_tokens
        self.cache_write_tokens += tokens.cache_write_tokens
        self.reasoning_tokens += tokens.reasoning_tokens
        if cost_usd is None:
            self.unpriced_calls += 1
            self.unpriced_tokens += tokens.input_tokens + tokens.output_tokens
        else:
            self.priced_usd += cost_usd

    def shown(self) -> tuple[Any, ...]:
        """Return the values of `SUMS`."""
        return tuple(getattr(self, name) for name in SUMS)

    def merge(self, other: "Total") -> None:
        """Count the calls of another total."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


class Ledger:
    """Totals by key. When there are too many keys, those unused for longest become one."""

    def __init__(self, max_keys: int) -> None:
        """Keep `max_keys` totals apart at the most."""
        self._max_keys = max_keys
        self._totals: dict[Hashable, Total] = {}
        self._other = Total()
        self.evicted = 0
        """Keys that went into `OTHER`. One that comes back is kept apart again, from 0."""

    def add(self, key: Hashable, tokens: Tokens, cost_usd: Decimal | None) -> None:
        """Count one call under `key`."""
        self._totals[key] = total = self._totals.pop(key, None) or Total()  # used last: last
        total.add(tokens, cost_usd)
        if len(self._totals) > self._max_keys:
            oldest = next(iter(self._totals))
            self._other.merge(self._totals.pop(oldest, Total()))
            self.evicted += 1

    def get(self, key: Hashable) -> Total | None:
        """Return the total of one key, None if there is none."""
        return self._totals.get(key)

    def rows(self, dearest_first: bool) -> list[tuple[Any, ...]]:
        """Return each key with the values of `SUMS`, by cost or by key; `OTHER` is last."""
        kept: list[tuple[Any, Total]] = list(self._totals.items())
        kept.sort(key=_by_cost if dearest_first else _by_key)
        rest = [(OTHER, self._other)] if self.evicted else []
        return [(key, *total.shown()) for key, total in kept + rest]


def _by_key(row: tuple[Any, Total]) -> Any:
    return row[0]


def _by_cost(row: tuple[Any, Total]) -> tuple[Decimal, str]:
    return -row[1].priced_usd, str(row[0])


class Books:
    """All that a monitor adds up. One thread at a time may use it."""

    def __init__(self, budgets: Sequence[Budget], max_keys: int) -> None:
        """Watch `budgets`; keep `max_keys` sessions, users, models and tools apart."""
        self.total = Total()
        self.tasks = {True: 0, False: 0}
        """How many tasks ended well, and how many did not."""
        self.ledgers = {by: Ledger(HOURS_KEPT if by == "hour" else max_keys) for by in KEYS}
        self.series = {window: SpendSeries(window) for window in WINDOWS}
        self._meters = [BudgetMeter(budget, max_keys) for budget in budgets]

    def add(
        self, names: Mapping[str, str | None], tokens: Tokens, cost: Decimal | None, at: datetime
    ) -> list[BudgetAlert]:
        """Count one call; return the steps of budgets that it reached."""
        hour = window_start("hour", at).replace(tzinfo=None)  # as the store writes it
        self.total.add(tokens, cost)
        for by, ledger in self.ledgers.items():
            ledger.add(hour if by == "hour" else names.get(by), tokens, cost)
        if cost is None:
            return []
        for series in self.series.values():
            series.add(cost, at)
        reached = [meter.add(cost, at, names) for meter in self._meters]
        return [alert for alert in reached if alert]

    def summary(self) -> dict[str, Any]:
        """Return the totals, what follows from them, and what is no longer kept apart."""
        total, succeeded = self.total, self.tasks[True]
        known = succeeded and total.cost_usd is not None
        return {
            **dict(zip(SUMS, total.shown(), strict=True)),
            "cache_hit_share": _share(total.cached_tokens, total.input_tokens),
            "input_per_output_token": _share(total.input_tokens, total.output_tokens),
            "tasks": sum(self.tasks.values()),
            "successful_tasks": succeeded,
            "usd_per_successful_task": round(total.priced_usd / succeeded, 9) if known else None,
            "evicted": {by: ledger.evicted for by, ledger in self.ledgers.items()},
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
