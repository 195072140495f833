"""Which tool call waited for which.

An agent calls tools because its model asked for them. What the model had seen by then is
what the call may depend on: the results that were there before the model began to answer.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from obs_helpers import conventions as c
from obs_helpers.insight.trace_layout import ROUNDING_S, Layout, Row, layout
from obs_helpers.insight.traces import Trace, get_trace
from obs_helpers.store import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_CALLS = 500
"""Tool calls of one trace that are looked at: each is compared with each."""


@dataclass(frozen=True, slots=True, eq=False)
class ToolStep:
    """One tool call among those of its trace; times are seconds from the trace's start."""

    step: int
    """From 1, in the order they began."""
    tool: str
    row: Row
    start_s: float
    end_s: float
    asked_s: float | None
    """When the model call began that asked for it; None if no model call ended before."""

    def had_seen(self, other: "ToolStep") -> bool:
        """Tell whether the other call, of the same run, had ended when the model was asked."""
        return (
            self.asked_s is not None
            and self.row.parent == other.row.parent
            and not other.row.running
            and other.end_s <= self.asked_s + ROUNDING_S
        )

    def beside(self, other: "ToolStep") -> bool:
        """Tell whether the other call, of the same run, ran at the same time."""
        if self is other or self.row.parent != other.row.parent:
            return False
        together_s = min(self.end_s, other.end_s) - max(self.start_s, other.start_s)
        return together_s > ROUNDING_S


def tool_steps(placed: Layout) -> tuple[list[ToolStep], int]:
    """Return the tool calls in the order they began, and how many more than 500 there are."""
    models: dict[int | None, list[tuple[float, float]]] = {}
    tools: list[tuple[float, float, Row]] = []
    for row in placed.rows:
        if row.start_s is None or row.end_s is None:
            continue
        if row.kind == "model" and not row.running:
            models.setdefault(row.parent, []).append((row.end_s, row.start_s))
        elif row.kind == "tool":
            tools.append((row.start_s, row.end_s, row))
    for calls in models.values():
        calls.sort()
    tools.sort(key=lambda tool: (tool[0], tool[2].number))
    steps = []
    for number, (start_s, end_s, row) in enumerate(tools[:MAX_CALLS], 1):
        calls = models.get(row.parent, [])
        before = bisect_right(calls, (start_s + ROUNDING_S, math.inf))
        asked_s = calls[before - 1][1] if before else None
        name = str(row.span.attributes.get(c.TOOL_NAME, row.span.name))
        steps.append(ToolStep(number, name, row, start_s, end_s, asked_s))
    return steps, max(len(tools) - MAX_CALLS, 0)


def waited_for(steps: list[ToolStep]) -> dict[int, list[int]]:
    """Return, by step, the steps that it waited for, without those that these waited for."""
    waited: dict[int, list[int]] = {}
    for step in steps:
        seen = [other for other in steps if step.had_seen(other)]
        # Whoever was asked for last had seen the most: what it waited for is told there.
        last = max(seen, key=lambda other: other.asked_s or 0.0, default=None)
        waited[step.step] = [s.step for s in seen if last is None or not last.had_seen(s)]
    return waited


def tool_dependencies(trace: Trace | str, store: Store | None = None) -> "pd.DataFrame":
    """Return one row for each tool call of a trace, in the order they began.

    A call waited for another one of the same run if that had ended before the model call
    began that asked for it. It need not have used the result: the model had seen it, and
    the spans do not say more. Calls that only ran at the same time are in `ran_beside`.

    Columns: step, from 1; tool; status; start_s, seconds from the trace's start;
    duration_s, None while it runs; waited_for and ran_beside, lists of steps. At most 500
    calls are looked at; `attrs["left_out"]` says how many more there are.

    Args:
        trace: A trace, or its id, or the first digits of it.
        store: Where to look for the id; the current telemetry's store unless given.

    Raises:
        LookupError: no trace, or more than one, begins with that id.
    """
    import pandas as pd

    placed = layout(get_trace(trace, store) if isinstance(trace, str) else trace)
    steps, left_out = tool_steps(placed)
    waited = waited_for(steps)
    rows = [
        {
            "step": s.step,
            "tool": s.tool,
            "status": s.row.span.status,
            "start_s": s.start_s,
            "duration_s": s.row.span.duration_s,
            "waited_for": waited[s.step],
            "ran_beside": [other.step for other in steps if s.beside(other)],
        }
        for s in steps
    ]
    columns = ["step", "tool", "status", "start_s", "duration_s", "waited_for", "ran_beside"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs["left_out"] = left_out
    return frame
