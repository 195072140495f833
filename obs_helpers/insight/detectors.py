"""Detectors of what goes wrong with agents: each is one question to the store.

None needs a model, and none reads what users or models said. A finding is a reason to
look, not a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from obs_helpers import conventions as c
from obs_helpers.store import Store
from obs_helpers.telemetry import current

if TYPE_CHECKING:
    import pandas as pd

REPEATS, FAILURES = 3, 3
"""Equal calls, and failed ones of one kind, that are too many for one run."""
GROWTH, GROWN_TOKENS = 3, 2_000
"""A prompt that is this many times the run's smallest, and at least this long."""

_GOOD_RUNS = f"SELECT trace_id FROM mine WHERE operation = '{c.INVOKE_AGENT}' AND status <> 'ERROR'"


@dataclass(frozen=True, slots=True)
class Detector:
    """One pattern."""

    meaning: str
    query: str
    """Gives trace id, span id and a text, from the spans in `mine`."""


DETECTORS: Mapping[str, Detector] = {
    "repeated_tool_call": Detector(
        "the same tool is called again and again with the same arguments",
        f"""SELECT trace_id, min(span_id), format('{{}} called {{}} times with the same arguments',
                   tool, count(*))
            FROM mine WHERE operation = '{c.EXECUTE_TOOL}'
              AND (attributes->>'$."{c.ARGUMENTS_DIGEST}"') IS NOT NULL
            GROUP BY trace_id, tool, (attributes->>'$."{c.ARGUMENTS_DIGEST}"')
            HAVING count(*) >= {REPEATS}""",
    ),
    "retry_storm": Detector(
        "one call fails and is tried again and again",
        f"""SELECT trace_id, min(span_id), format('{{}} failed {{}} times', name, count(*))
            FROM mine WHERE status = 'ERROR' AND parent_id IS NOT NULL
            GROUP BY trace_id, name HAVING count(*) >= {FAILURES}""",
    ),
    "step_limit": Detector(
        "the run was stopped because it made too many model calls",
        """SELECT trace_id, span_id, 'stopped: ' || coalesce(status_message, error_type)
           FROM mine WHERE error_type = 'StepLimitReached'""",
    ),
    "answer_cut": Detector(
        "the model stopped because it reached its limit of tokens",
        f"""SELECT trace_id, span_id, name || ' was cut: finish reason length' FROM mine
            WHERE operation = '{c.CHAT}' AND (list_has_any(
                from_json(attributes->'$."{c.FINISH_REASONS}"', '["VARCHAR"]'),
                ['length', 'max_tokens']))""",
    ),
    "tool_error_ignored": Detector(
        "a tool failed, no second try succeeded, and the run counts as a success",
        f"""SELECT trace_id, span_id, format('{{}} failed, and the run is a success', tool)
            FROM mine AS bad WHERE operation = '{c.EXECUTE_TOOL}' AND status = 'ERROR'
              AND trace_id IN ({_GOOD_RUNS})
              AND NOT EXISTS (FROM mine AS good WHERE good.trace_id = bad.trace_id
                AND good.tool = bad.tool AND good.status <> 'ERROR'
                AND good.start_time > bad.end_time)""",
    ),
    "empty_result": Detector(
        "a tool found nothing and called that a success: what the model says next is made up",
        f"""SELECT trace_id, span_id, format('{{}} returned nothing, as a success', tool)
            FROM mine WHERE operation = '{c.EXECUTE_TOOL}' AND status <> 'ERROR'
              AND (attributes->>'$."{c.RESULT_SIZE}"') = '2' AND trace_id IN ({_GOOD_RUNS})""",
    ),
    "context_growth": Detector(
        "a prompt is far longer than another of the same run",
        f"""SELECT trace_id, arg_max(span_id, input_tokens), format(
                'prompt of {{}} tokens, the smallest has {{}}',
                max(input_tokens), min(input_tokens))
            FROM mine WHERE operation = '{c.CHAT}' GROUP BY trace_id
            HAVING max(input_tokens) >= greatest({GROWTH} * min(input_tokens), {GROWN_TOKENS})""",
    ),
}


def detect(trace_id: str | None = None, store: Store | None = None) -> "pd.DataFrame":
    """Return what the detectors find, in one trace or in the whole store.

    Columns: detector, finding, trace_id, span_id.
    """
    store = store or current().store
    condition = "" if trace_id is None else " WHERE trace_id = $trace_id"
    found = " UNION ALL ".join(
        f"SELECT {number} AS number, '{name}' AS detector, * FROM ({detector.query}) "
        "AS _(trace_id, span_id, finding)"
        for number, (name, detector) in enumerate(DETECTORS.items())
    )
    return store.sql(
        f"WITH mine AS (SELECT * FROM spans{condition}), found AS ({found}) "
        "SELECT detector, finding, trace_id, span_id FROM found ORDER BY number, trace_id, span_id",
        {} if trace_id is None else {"trace_id": trace_id},
    )
