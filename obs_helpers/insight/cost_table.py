"""The cost of what is in the store, asked in SQL.

Only model calls own tokens and cost: spans whose operation is `chat`. Whatever stands
above them is computed from these. So a parent that repeats the sum of its children's
tokens, as some libraries write it, is not counted a second time.
"""

from typing import TYPE_CHECKING

from obs_helpers import conventions as c
from obs_helpers.given import check
from obs_helpers.store import Store
from obs_helpers.telemetry import current

if TYPE_CHECKING:
    import pandas as pd

USERS = f"""
    SELECT trace_id, arg_min(name, start_time) AS "user" FROM (
        SELECT trace_id, start_time, (attributes->>'$."{c.USER_ID}"') AS name
        FROM spans WHERE operation = '{c.INVOKE_AGENT}'
    ) WHERE name IS NOT NULL GROUP BY trace_id
"""
"""The user of each trace: the outermost run's."""

_TOOLS = f"SELECT DISTINCT trace_id, tool FROM spans WHERE operation = '{c.EXECUTE_TOOL}'"
_KEYS = {
    "session": ("session_id", ""),
    "user": ('"user"', f"LEFT JOIN ({USERS}) USING (trace_id)"),
    "model": ("model", ""),
    "tool": ("tools.tool", f"LEFT JOIN ({_TOOLS}) AS tools USING (trace_id)"),
    "hour": ("date_trunc('hour', end_time)", ""),
}


def cost_table(by: str, store: Store | None = None) -> "pd.DataFrame":
    """Return calls, tokens and cost in USD of all finished model calls, the dearest first.

    By `tool`, a row is the cost of all runs (traces) in which the tool was called; without
    a name, of those that called none. A run that called two tools is in both rows, so
    these rows overlap: the spans do not say which call of the model was due to which tool.

    `cost_usd` is exact, a `Decimal`; None if no call of the row has a price. A call with
    tokens but without a price is in `unpriced_calls`, and not in the cost. A failed call,
    which has neither, is in `calls` alone.

    Args:
        by: `session`, `user`, `model`, `tool`, or `hour` of the call's end, UTC.
        store: Where to look; the current telemetry's store unless given.

    Raises:
        ValueError: `by` is something else.
    """
    import pandas as pd

    check("by", by, by in _KEYS, f"one of {', '.join(_KEYS)}")
    store = store or current().store
    key, join = _KEYS[by]
    query = f"""
        SELECT {key}, count(*),
               coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
               coalesce(sum(cached_tokens), 0), coalesce(sum(reasoning_tokens), 0),
               sum(cost_usd) AS usd,
               count(*) FILTER (input_tokens IS NOT NULL AND cost_usd IS NULL)
        FROM (
            SELECT * EXCLUDE (tool) FROM spans
            WHERE operation = '{c.CHAT}' AND end_time IS NOT NULL
        ) {join}
        GROUP BY 1 ORDER BY {"1" if by == "hour" else "usd DESC NULLS LAST, 1"}
    """
    columns = [
        *(by, "calls", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"),
        *("cost_usd", "unpriced_calls"),
    ]
    return pd.DataFrame(store.rows(query), columns=columns)


_REPEATED = f"""
    WITH RECURSIVE below AS (
        SELECT trace_id, span_id AS top, span_id FROM spans WHERE input_tokens > 0
        UNION
        SELECT trace_id, below.top, child.span_id FROM below
        JOIN spans AS child USING (trace_id) WHERE child.parent_id = below.span_id
    ),
    calls AS (
        SELECT trace_id, span_id, input_tokens, output_tokens FROM spans
        WHERE operation = '{c.CHAT}' AND (trace_id, span_id) NOT IN (
            SELECT (trace_id, parent_id) FROM spans
            WHERE operation = '{c.CHAT}' AND parent_id IS NOT NULL)
    ),
    sums AS (
        SELECT trace_id, top AS span_id, count(*) AS calls,
               sum(input_tokens) AS input_sum, sum(output_tokens) AS output_sum
        FROM below JOIN calls USING (trace_id, span_id) WHERE top <> span_id
        GROUP BY trace_id, top
    )
    SELECT trace_id, span_id, name, operation, input_tokens, output_tokens, calls,
           coalesce(operation = '{c.CHAT}', false) AS counted_twice
    FROM spans JOIN sums USING (trace_id, span_id)
    WHERE input_tokens = input_sum AND output_tokens = output_sum
    ORDER BY start_time, span_id
"""


def double_counting(store: Store | None = None) -> "pd.DataFrame":
    """Return the spans that repeat the tokens of the model calls below them.

    Whoever adds up all spans counts these tokens twice. `cost_table` does so only where
    the span calls itself a model call too (`counted_twice`), as when two libraries report
    the same call: switch one of them off. `calls` are the model calls below the span.

    Args:
        store: Where to look; the current telemetry's store unless given.
    """
    return (store or current().store).sql(_REPEATED)
