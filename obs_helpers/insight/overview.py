"""The numbers of one window, in all and over time: requests, seconds, failures, tokens, cost."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from obs_helpers import conventions as c
from obs_helpers.insight.view import CANCELLED, View, recorded
from obs_helpers.store import Store

BUCKETS = 60
"""Points over time in one window, whatever its width."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs that ended, but for those that were cancelled. Without runs there is no time."""

    finished: int = 0
    failed: int = 0
    mean_s: float | None = None
    p50_s: float | None = None
    """Quantiles are by nearest rank, as in alert rules: each is the time of one run."""
    p95_s: float | None = None
    p99_s: float | None = None

    @property
    def error_percent(self) -> float | None:
        """Failed of finished runs; None if none has finished."""
        return 100 * self.failed / self.finished if self.finished else None


@dataclass(frozen=True, slots=True)
class Calls:
    """Model calls that ended. Only they own tokens and cost."""

    finished: int = 0
    told: int = 0
    """Those that said how many tokens they used; the others are in no sum of tokens."""
    priced: int = 0
    unpriced: int = 0
    """Those that used tokens whose price is not known; they are in no sum of dollars."""
    fresh_tokens: int | None = None
    """Sent, and not from the provider's cache. With the cached ones: all input."""
    cached_tokens: int | None = None
    answer_tokens: int | None = None
    """Produced for the answer. With the reasoning ones: all output."""
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None

    @property
    def input_tokens(self) -> int | None:
        """All tokens sent, None if no call told."""
        return _sum(self.fresh_tokens, self.cached_tokens)

    @property
    def output_tokens(self) -> int | None:
        """All tokens produced, None if no call told."""
        return _sum(self.answer_tokens, self.reasoning_tokens)

    @property
    def tokens(self) -> int | None:
        """Input and output together."""
        return _sum(self.input_tokens, self.output_tokens)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of time: the whole window, or one bucket of it."""

    end: datetime
    covered_s: float
    """Seconds of it that the store knows of; rates are per second of these."""
    runs: Runs = field(default_factory=Runs)
    calls: Calls = field(default_factory=Calls)

    def per_minute(self, count: float | None) -> float | None:
        """Return `count` per recorded minute, None if nothing of it was recorded."""
        return 60 * count / self.covered_s if self.covered_s and count is not None else None


@dataclass(frozen=True, slots=True)
class Overview:
    """One window, in all and over time."""

    view: View
    total: Part
    buckets: tuple[Part, ...]
    """The oldest one first; one with `covered_s` 0 lies before the first record."""
    bucket_s: float
    running: int
    """Runs that were under way when the window ended."""
    cancelled: int
    first: datetime | None
    """When the first span in the store began; None if there is none."""
    last: datetime | None

    @property
    def whole(self) -> bool:
        """Tell whether the store knows the window from its beginning, give or take a bucket."""
        return self.total.covered_s > self.view.window_s - self.bucket_s


def overview(store: Store, view: View) -> Overview:
    """Return the numbers of `view`, in three questions to the store.

    Raises:
        StoreError: the store cannot answer.
    """
    first, last = recorded(store)
    width = -(-round(view.window_s * 1_000_000) // BUCKETS)
    back = f"(epoch_us($until) - epoch_us(end_time)) // {width}"
    runs = {n: row for n, *row in view.rows(store, _runs_query(view, back))}
    calls = {n: row for n, *row in view.rows(store, _calls_query(view, back))}

    def part(number: int | None, end: datetime, covered_s: float) -> Part:
        return Part(end, covered_s, _runs(runs.get(number)), _calls(calls.get(number)))

    buckets = []
    for n in reversed(range(BUCKETS)):
        one = View(view.until - n * width * _MICROSECOND, width / 1_000_000)
        buckets.append(part(n, one.until, one.covered_s(first)))
    return Overview(
        *(view, part(None, view.until, view.covered_s(first)), tuple(buckets)),
        bucket_s=width / 1_000_000,
        running=view.rows(store, _running_query(view))[0][0],
        cancelled=runs[None][-1],
        first=first,
        last=last,
    )


def _runs_query(view: View, back: str) -> str:
    """Return the query for runs per bucket, counted backwards, and in all (NULL)."""
    return f"""
        SELECT back, count(*) FILTER (NOT gone), count(*) FILTER (NOT gone AND failed),
               avg(duration_s) FILTER (NOT gone),
               quantile_disc(duration_s, [0.5, 0.95, 0.99]) FILTER (NOT gone),
               count(*) FILTER (gone)
        FROM (SELECT {back} AS back, duration_s, status = 'ERROR' AS failed, {CANCELLED} AS gone
              {view.ended(c.INVOKE_AGENT)})
        GROUP BY GROUPING SETS ((), (back))
    """


def _calls_query(view: View, back: str) -> str:
    """Return the query for model calls; a part of the tokens is at most the whole."""
    return f"""
        SELECT back, count(*), count(input_tokens), count(cost_usd),
               count(*) FILTER (input_tokens IS NOT NULL AND cost_usd IS NULL),
               sum(input_tokens - cached)::BIGINT, sum(cached)::BIGINT,
               sum(output_tokens - thought)::BIGINT, sum(thought)::BIGINT, sum(cost_usd)
        FROM (SELECT {back} AS back, input_tokens, output_tokens, cost_usd,
                     {_part_of("input_tokens", "cached_tokens")} AS cached,
                     {_part_of("output_tokens", "reasoning_tokens")} AS thought
              {view.ended(c.CHAT)})
        GROUP BY GROUPING SETS ((), (back))
    """


def _part_of(whole: str, part: str) -> str:
    # LEAST leaves NULL out, but of an unknown whole no part is known.
    return f"CASE WHEN {whole} IS NOT NULL THEN least(coalesce({part}, 0), {whole}) END"


def _running_query(view: View) -> str:
    return f"""
        SELECT count(*) FROM spans WHERE operation = '{c.INVOKE_AGENT}' AND start_time <= $until
        AND (end_time IS NULL OR end_time > $until) AND {view.chosen}
    """


def _runs(row: list[Any] | None) -> Runs:
    if row is None:
        return Runs()
    finished, failed, mean_s, quantiles, _ = row
    return Runs(finished, failed, mean_s, *(quantiles or ()))


def _calls(row: list[Any] | None) -> Calls:
    return Calls() if row is None else Calls(*row)


def _sum(*parts: int | None) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None
