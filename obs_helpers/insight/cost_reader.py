"""What ended in a store since somebody last looked: model calls, and the runs they were for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from obs_helpers import conventions as c
from obs_helpers.insight.cost_table import USERS
from obs_helpers.store import Store

LATE = timedelta(minutes=10)
"""Spans that reach the store up to this long after later ones are not missed."""


class Ended(NamedTuple):
    """A model call with tokens, or a run that was not cancelled."""

    span_id: str
    at: datetime
    """When it ended, UTC; as in the store, without saying so."""
    operation: str
    failed: bool
    session: str | None
    user: str | None
    model: str | None
    provider: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int
    reasoning_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal | None

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The tokens in the order of `Tokens`."""
        return (
            *(self.input_tokens, self.output_tokens, self.cached_tokens),
            *(self.cache_write_tokens, self.reasoning_tokens),
        )

    @property
    def labels(self) -> dict[str, str | None]:
        """Who and what the call was for."""
        return {"session": self.session, "user": self.user, "model": self.model}

    @property
    def ended_at(self) -> datetime:
        """When it ended, with its time zone."""
        return self.at.replace(tzinfo=UTC)


_QUERY = f"""
    SELECT span_id, end_time, operation, status = 'ERROR', session_id, "user", model,
           (attributes->>'$."{c.PROVIDER}"'), input_tokens, output_tokens,
           coalesce(cached_tokens, 0), coalesce(reasoning_tokens, 0),
           coalesce(try_cast(attributes->>'$."{c.CACHE_WRITE_TOKENS}"' AS BIGINT), 0), cost_usd
    FROM spans LEFT JOIN ({USERS}) USING (trace_id)
    WHERE end_time > coalesce(?::TIMESTAMP, '-infinity'::TIMESTAMP) AND (
        (operation = '{c.CHAT}' AND input_tokens IS NOT NULL) OR (
            operation = '{c.INVOKE_AGENT}'
            AND coalesce(attributes->>'$."{c.CANCELLED}"', 'false') <> 'true'))
    ORDER BY end_time, span_id
"""


class CostReader:
    """Returns each span of one store once, in the order in which they ended.

    A long call is read when it has ended, whenever it started. To find those that come to
    the store late, the past `LATE` is read again, and what was returned is left out.
    """

    def __init__(self) -> None:
        """Begin with the oldest span."""
        self._read_to: datetime | None = None
        self._returned: set[str] = set()

    def new(self, store: Store, now: datetime) -> list[Ended]:
        """Return what ended since the last call."""
        since = self._read_to - LATE if self._read_to else None
        found = [Ended(*row) for row in store.rows(_QUERY, [since])]
        new = [span for span in found if span.span_id not in self._returned]
        if found:
            # A span from the future, of a clock that was wrong, must not hide the next ones.
            newest = min(found[-1].at, now.replace(tzinfo=None))
            self._read_to = max(self._read_to or newest, newest)
            self._returned = {s.span_id for s in found if s.at > self._read_to - LATE}
        return new
