"""`CostMonitor`: what model calls cost, by whom and what for, as they happen."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from obs_helpers import conventions as c
from obs_helpers.clock import NS_PER_S, Clock, SystemClock
from obs_helpers.given import check
from obs_helpers.insight.budgets import Budget, BudgetAlert, check_window
from obs_helpers.insight.cost_reader import CostReader
from obs_helpers.insight.ledger import KEYS, SUMS, Books
from obs_helpers.insight.prices import OUTLINE_RATES, Rates, Tokens, price
from obs_helpers.insight.projection import Projection
from obs_helpers.safe_json import plain_text
from obs_helpers.store import Store
from obs_helpers.telemetry import current

if TYPE_CHECKING:
    import pandas as pd

ALERTS_KEPT = 1_000
_TOO_MUCH = 10**9  # does not fit into the store


class CostMonitor:
    """Adds up what model calls cost, and watches budgets.

    Feed it with `record_usage`, call by call, or with `read`, from a store; not with both.
    Recording takes the same time however much there is, and never raises: what cannot be
    is counted in `invalid`. Memory is bounded: beyond `max_keys` sessions (users, models,
    tools) those unused for longest are added up as `(other)`.

    A call whose price is not known is no free call: it is counted as unpriced. Budgets and
    projections know of priced calls only.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        budgets: Sequence[Budget] = (),
        on_alert: Callable[[BudgetAlert], object] = lambda alert: None,
        overrides: Mapping[str, Rates] | None = None,
        default_rates: Rates = OUTLINE_RATES,
        max_keys: int = 10_000,
    ) -> None:
        """Start from nothing.

        Args:
            clock: Where the time comes from; the machine's unless given.
            budgets: What may be spent.
            on_alert: Called once for each step of a budget and period, in the thread that
                records. If it raises, that is counted in `callback_errors`.
            overrides: Your own prices by name of the model; they come first.
            default_rates: The prices of calls recorded without a model; those of the
                course outline unless given.
            max_keys: Sessions, users, models and tools that are kept apart.
        """
        self.alerts: deque[BudgetAlert] = deque(maxlen=ALERTS_KEPT)
        self.invalid = self.callback_errors = 0
        self._clock = clock or SystemClock()
        self._on_alert, self._overrides, self._default = on_alert, overrides, default_rates
        self._books = Books(budgets, max_keys)
        self._readers: WeakKeyDictionary[Store, CostReader] = WeakKeyDictionary()
        self._lock, self._reading = threading.RLock(), threading.RLock()

    def record_usage(
        self,
        session_id: str,
        input_tokens: int,
        output_tokens: int,
        *,
        model: str | None = None,
        provider: str | None = None,
        user_id: str | None = None,
        tool: str | None = None,
        cached_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
        cost_usd: Decimal | None = None,
        success: bool | None = None,
    ) -> Decimal | None:
        """Count one model call; return its cost in USD, None if that is not known.

        Args:
            session_id: Whose conversation it is part of.
            input_tokens: All tokens sent, cached ones included.
            output_tokens: All tokens produced, reasoning ones included.
            model: The name that the provider uses. Without one, `default_rates` apply. The
                first one loads the list of prices, which takes about 0.3 s.
            provider: Who sells the model.
            user_id: Who asked.
            tool: What the call was for, if you know.
            cached_tokens: Part of the input that was read from the provider's cache.
            cache_write_tokens: Part of the input that was written to it.
            reasoning_tokens: Part of the output.
            cost_usd: The cost, if somebody else has priced the call already.
            success: True or False on the last call of a task: did it end well?
        """
        counts = (input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens)
        labels = {"session": session_id, "user": user_id, "model": model, "tool": tool}
        if success is not None:
            self._end_task(success)
        return self._record(counts, labels, provider, cost_usd, self._now(), self._default)

    def read(self, store: Store | None = None) -> int:
        """Count the model calls that ended in `store` since the last time; return how many.

        Each run that ended is a task, and no call is of a tool: the spans do not say. A
        span that has no cost is priced here, by the time of its end. Spans that come more
        than ten minutes after later ones, as when two stores are joined or the clock is
        set back, are missed; `cost_table` has them.

        Args:
            store: Where to look; the current telemetry's store unless given.
        """
        store, calls = store or current().store, 0
        with self._reading:
            for span in self._readers.setdefault(store, CostReader()).new(store, self._now()):
                if span.operation == c.CHAT:
                    calls += 1
                    cost = span.cost_usd
                    self._record(span.counts, span.labels, span.provider, cost, span.ended_at)
                else:
                    self._end_task(not span.failed)
        return calls

    def get_session_cost(self, session_id: str) -> Decimal | None:
        """Return what a session cost in USD, without its unpriced calls.

        None if that is not known: no call of it has a price, or it may be one of those
        that are no longer kept apart. A session without calls costs 0.
        """
        with self._lock:
            ledger = self._books.ledgers["session"]
            total = ledger.get(plain_text(session_id))
            if total is None:
                return None if ledger.evicted else Decimal(0)
            return total.cost_usd

    def totals(self, by: str) -> "pd.DataFrame":
        """Return calls, tokens and cost, the dearest first; the rows add up to everything.

        Args:
            by: `session`, `user`, `model`, `tool`, or `hour` (UTC).

        Raises:
            ValueError: `by` is something else.
        """
        import pandas as pd

        check("by", by, by in KEYS, f"one of {', '.join(KEYS)}")
        with self._lock:
            rows = self._books.ledgers[by].rows(dearest_first=by != "hour")
        return pd.DataFrame(rows, columns=[by, *SUMS])

    def projection(self, window: str = "day") -> Projection:
        """Estimate what this `hour`, `day` or `month` (UTC) will have cost at its end.

        Raises:
            ValueError: `window` is something else.
        """
        check_window(window)
        with self._lock:
            return self._books.series[window].project(self._now())

    def summary(self) -> dict[str, Any]:
        """Return what all calls add up to, and what is not in it; a share may be None."""
        with self._lock:
            return {
                **self._books.summary(),
                "invalid": self.invalid,
                "callback_errors": self.callback_errors,
            }

    def __repr__(self) -> str:
        """Say what was spent, and what is not in it."""
        total = self._books.total
        cost = "unknown cost" if total.cost_usd is None else f"${total.cost_usd:.4f}"
        return (
            f"<CostMonitor {cost} in {total.calls} calls, {total.unpriced_calls} unpriced "
            f"({total.unpriced_tokens} tokens), {self.invalid} invalid>"
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time_ns() // NS_PER_S, UTC)

    def _record(
        self,
        counts: Sequence[Any],
        labels: Mapping[str, Any],
        provider: str | None,
        cost_usd: Decimal | None,
        at: datetime,
        rates: Rates | None = None,
    ) -> Decimal | None:
        try:
            tokens = Tokens(*counts)
            if cost_usd is not None:
                cost: Decimal | None = _usd(cost_usd)
            elif labels["model"] is None and rates:
                cost = rates.cost(tokens)
            else:
                cost = price(tokens, labels["model"], provider, at, self._overrides).cost_usd
        except Exception:  # whatever was given, it must not break the agent
            with self._lock:
                self.invalid += 1
            return None
        self._add(labels, tokens, cost, at)
        return cost

    def _add(
        self, labels: Mapping[str, Any], tokens: Tokens, cost: Decimal | None, at: datetime
    ) -> None:
        names = {by: None if label is None else plain_text(label) for by, label in labels.items()}
        with self._lock:
            news = self._books.add(names, tokens, cost, at)
            self.alerts += news
        for alert in news:  # outside of the lock: the callback may ask this monitor
            self._tell(alert)

    def _tell(self, alert: BudgetAlert) -> None:
        try:
            self._on_alert(alert)
        except Exception:
            with self._lock:
                self.callback_errors += 1

    def _end_task(self, success: object) -> None:
        with self._lock:
            try:
                self._books.tasks[bool(success)] += 1
            except Exception:
                self.invalid += 1


def _usd(amount: object) -> Decimal:
    usd = Decimal(str(amount))  # of a float, what it shows, not its binary digits
    check("cost_usd", amount, 0 <= usd < _TOO_MUCH, "an amount of money")
    return usd
