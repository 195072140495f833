"""The tables of one window: its models, tools, errors and traces.

Each is a list of named tuples; `pd.DataFrame(...)` makes a frame of it.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from obs_helpers import conventions as c
from obs_helpers.insight.fingerprints import MAX_MESSAGE, normalise
from obs_helpers.insight.view import CANCELLED, View
from obs_helpers.store import Store

MAX_TRACES, MAX_CHOICES = 50, 50
"""Rows of the table of traces, and sessions, models or agents to choose from."""


class ModelRow(NamedTuple):
    """The calls of one model that ended in the window."""

    model: str | None
    calls: int
    failed: int
    p50_s: float | None
    p95_s: float | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: Decimal | None
    unpriced: int


class ToolRow(NamedTuple):
    """The calls of one tool that ended in the window."""

    tool: str | None
    calls: int
    failed: int
    empty: int
    """Calls that found nothing and called it a success."""
    p50_s: float | None
    p95_s: float | None

    @property
    def success_percent(self) -> float:
        """Calls that did not fail."""
        return 100 * (self.calls - self.failed) / self.calls


class ErrorRow(NamedTuple):
    """Errors of one kind. An error counts where it began, not in the run it passed through."""

    operation: str
    tool: str | None
    error_type: str | None
    message: str
    """With marks for numbers, ids and the like."""
    times: int
    failed_requests: int
    """Those in a trace in which a run failed; the others were dealt with."""
    trace_id: str
    """Of the latest one."""
    last: datetime


class TraceRow(NamedTuple):
    """One trace, as it is in the store now."""

    trace_id: str
    agent: str | None
    session: str | None
    start: datetime
    duration_s: float | None
    """Of the run that began first; None while it runs."""
    outcome: str
    """`ok`, `failed`, `cancelled` or `running`."""
    errors: int
    """Failed spans, those that were dealt with included."""
    model_calls: int
    tool_calls: int
    tokens: int | None
    cost_usd: Decimal | None
    unpriced: int


def model_table(store: Store, view: View) -> list[ModelRow]:
    """Return the models, the dearest first."""
    query = f"""
        SELECT model, count(*), count(*) FILTER (status = 'ERROR'),
               quantile_disc(duration_s, 0.5), quantile_disc(duration_s, 0.95),
               sum(input_tokens)::BIGINT, sum(cached_tokens)::BIGINT,
               sum(output_tokens)::BIGINT, sum(reasoning_tokens)::BIGINT,
               sum(cost_usd) AS usd,
               count(*) FILTER (input_tokens IS NOT NULL AND cost_usd IS NULL)
        {view.ended(c.CHAT)} GROUP BY model ORDER BY usd DESC NULLS LAST, 2 DESC, model
    """
    return [ModelRow(*row) for row in view.rows(store, query)]


def tool_table(store: Store, view: View) -> list[ToolRow]:
    """Return the tools, the one that failed most often first."""
    query = f"""
        SELECT tool, count(*), count(*) FILTER (status = 'ERROR') AS failed,
               count(*) FILTER (attributes->>'$."{c.RESULT_SIZE}"' = '2'),
               quantile_disc(duration_s, 0.5), quantile_disc(duration_s, 0.95)
        {view.ended(c.EXECUTE_TOOL)} GROUP BY tool ORDER BY failed / count(*) DESC, 2 DESC, tool
    """
    return [ToolRow(*row) for row in view.rows(store, query)]


def top_errors(store: Store, view: View, limit: int = 8) -> list[ErrorRow]:
    """Return the most frequent kinds of errors, as `issue_table` tells kinds apart."""
    run = f"operation = '{c.INVOKE_AGENT}'"
    query = f"""
        WITH failed AS (
            SELECT operation, tool, error_type, trace_id, end_time,
                   left(coalesce(status_message, ''), {MAX_MESSAGE}) AS message
            {view.ended(c.INVOKE_AGENT, c.CHAT, c.EXECUTE_TOOL)} AND status = 'ERROR'
        )
        SELECT operation, tool, error_type, message, count(*),
               count(*) FILTER (trace_id IN (SELECT trace_id FROM failed WHERE {run})),
               arg_max(trace_id, end_time), max(end_time)
        FROM failed WHERE NOT ({run} AND (trace_id, message) IN (
            SELECT (trace_id, message) FROM failed WHERE NOT {run}))
        GROUP BY ALL ORDER BY max(end_time) DESC, message
    """
    kinds: dict[tuple[str | None, ...], ErrorRow] = {}
    for row in (ErrorRow(*row) for row in view.rows(store, query)):
        message = normalise(row.message)
        key = (row.operation, row.tool, row.error_type, message)
        latest = kinds.get(key, row._replace(message=message, times=0, failed_requests=0))
        kinds[key] = latest._replace(
            times=latest.times + row.times,
            failed_requests=latest.failed_requests + row.failed_requests,
        )
    return sorted(kinds.values(), key=lambda kind: -kind.times)[:limit]


ORDERS = {
    "newest": "coalesce(end_time, 'infinity') DESC",
    "slowest": "coalesce(duration_s, 1e300) DESC",
    "failed first": "(status = 'ERROR') DESC, coalesce(end_time, 'infinity') DESC",
}
"""Ways to put traces in order. What still runs is the newest, and may be the slowest."""


def trace_table(store: Store, view: View, order: str = "newest") -> list[TraceRow]:
    """Return the first `MAX_TRACES` traces with a run that ended in the window or runs.

    Raises:
        KeyError: `order` is not one of `ORDERS`.
    """
    run = f"operation = '{c.INVOKE_AGENT}'"
    query = f"""
        WITH found AS (
            SELECT trace_id, row_number() OVER () AS place FROM (
                SELECT trace_id FROM spans
                WHERE {run} AND start_time <= $until AND {view.chosen}
                  AND (end_time IS NULL OR end_time > $after)
                ORDER BY {ORDERS[order]}, trace_id LIMIT {4 * MAX_TRACES})
        ), top AS (SELECT trace_id, min(place) AS place FROM found GROUP BY 1 ORDER BY 2
                   LIMIT {MAX_TRACES})
        SELECT trace_id, {", ".join(map(_of_first_run, _OF_RUN))},
               count(*) FILTER (status = 'ERROR'), count(*) FILTER (operation = '{c.CHAT}'),
               count(*) FILTER (operation = '{c.EXECUTE_TOOL}'),
               sum(input_tokens + coalesce(output_tokens, 0)) FILTER (operation = '{c.CHAT}')
                   ::BIGINT,
               sum(cost_usd) FILTER (operation = '{c.CHAT}'),
               count(*) FILTER (operation = '{c.CHAT}' AND input_tokens IS NOT NULL
                                AND cost_usd IS NULL)
        FROM spans JOIN top USING (trace_id) GROUP BY trace_id, place ORDER BY place
    """
    return [TraceRow(*row) for row in view.rows(store, query)]


_OF_RUN = (
    *("agent", "session_id", "start_time", "duration_s"),
    f"CASE WHEN end_time IS NULL THEN 'running' WHEN {CANCELLED} THEN 'cancelled' "
    "WHEN status = 'ERROR' THEN 'failed' ELSE 'ok' END",
)


def _of_first_run(column: str) -> str:
    """Return SQL for a column of the run that began first, NULL included."""
    return f"arg_min_null({column}, start_time) FILTER (operation = '{c.INVOKE_AGENT}')"


def choices(store: Store, view: View) -> dict[str, list[str]]:
    """Return the latest sessions, models and agents in the window, whatever the filters are."""
    everything = View(view.until, view.window_s)
    return {
        name: [value for (value,) in everything.rows(store, _latest(everything, *asked))]
        for name, asked in _CHOICES.items()
    }


_CHOICES = {
    "session": ("session_id", c.INVOKE_AGENT),
    "model": ("model", c.CHAT),
    "agent": ("agent", c.INVOKE_AGENT),
}


def _latest(view: View, column: str, operation: str) -> str:
    return f"""
        SELECT {column} {view.ended(operation)} AND {column} IS NOT NULL
        GROUP BY 1 ORDER BY max(end_time) DESC, 1 LIMIT {MAX_CHOICES}
    """
