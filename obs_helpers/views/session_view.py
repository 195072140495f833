"""A conversation: its turns one under another, each with its timeline."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from obs_helpers import conventions as c
from obs_helpers.insight.time_axis import seconds
from obs_helpers.insight.trace_layout import layout
from obs_helpers.insight.traces import get_trace
from obs_helpers.safe_text import one_line
from obs_helpers.store import Store
from obs_helpers.telemetry import current
from obs_helpers.views.html import render
from obs_helpers.views.span_text import moment
from obs_helpers.views.timeline import Timeline, style

MAX_TURNS = 50
"""Turns shown of a session: the last ones."""
ROWS, DETAILED = 200, 30
"""Spans drawn of one turn, and spans drawn with all that is known of them."""

_TURNS = f"""
    SELECT trace_id, began, count(*) OVER () AS turns, tokens, usd, unpriced FROM (
        SELECT trace_id, min(start_time) AS began,
               sum(input_tokens + coalesce(output_tokens, 0)) FILTER (operation = '{c.CHAT}')
                   AS tokens,
               sum(cost_usd) FILTER (operation = '{c.CHAT}') AS usd,
               count(*) FILTER (operation = '{c.CHAT}' AND input_tokens IS NOT NULL
                   AND cost_usd IS NULL) AS unpriced
        FROM spans WHERE trace_id IN (SELECT trace_id FROM spans WHERE session_id = ?)
        GROUP BY trace_id
    ) ORDER BY began DESC NULLS LAST, trace_id LIMIT ?
"""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One request of a conversation."""

    number: int
    """From 1, counted over the whole session."""
    began: datetime | None
    tokens: int | None
    """Input and output tokens of the model calls; None if no call told them."""
    cost_usd: Decimal | None
    """None if no call has a price."""
    unpriced: int
    """Calls with tokens but without a price."""
    timeline: Timeline

    @property
    def status(self) -> str:
        """`ERROR` if a root span failed, `RUNNING` if one still runs, otherwise `ok`."""
        roots = [row for row in self.timeline.placed.rows if row.depth == 0]
        if any(row.span.failed for row in roots):
            return "ERROR"
        return "RUNNING" if any(row.running for row in roots) else "ok"

    @property
    def header(self) -> str:
        """Number, time, duration, status, tokens and cost, on one line."""
        tokens = "- tokens" if self.tokens is None else f"{self.tokens:,} tokens"
        cost = "cost -" if self.cost_usd is None else f"${self.cost_usd:.5f}"
        unpriced = f", {self.unpriced} calls of unknown price" if self.unpriced else ""
        took = seconds(self.timeline.placed.axis.end_s)
        when = f"Turn {self.number:,} · {moment(self.began)} · {took}"
        return f"{when} · {self.status} · {tokens} · {cost}{unpriced}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SessionTimeline:
    """The turns of one session as a cell's value, the first one on top."""

    session_id: str
    turns: tuple[Turn, ...]
    earlier: int
    """Turns before these, that are not shown."""

    def html(self) -> str:
        """Return the session as HTML, with its style, for a page or a file."""
        parts = [(turn, turn.timeline.fragment(ROWS, DETAILED)) for turn in self.turns]
        longest_s = max((turn.timeline.placed.axis.end_s for turn in self.turns), default=0.0)
        shares = [
            100 * turn.timeline.placed.axis.end_s / longest_s if longest_s else 0.0
            for turn in self.turns
        ]
        page = render(
            "session.html",
            session_id=self.session_id,
            turns=list(zip(parts, shares, strict=True)),
            notes=self._notes(),
            words=f"Timeline of session {one_line(self.session_id)}: {len(self.turns)} turns",
        )
        return str(Markup("").join([style(), page]))

    def text(self) -> str:
        """Return the headers of the turns, each with its tree in words."""
        lines = [f"Session {one_line(self.session_id)}", *self._notes()]
        for turn in self.turns:
            lines += [turn.header, turn.timeline.text(), ""]
        return "\n".join(lines).rstrip()

    def _notes(self) -> list[str]:
        return [f"{self.earlier:,} earlier turns are not shown"] * bool(self.earlier)

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/html": self.html(), "text/plain": self.text()}


def session_timeline(
    session_id: str, store: Store | None = None, *, squeeze: bool = False
) -> SessionTimeline:
    """Return the turns of one session, the last fifty at most; each trace is a turn.

    Args:
        session_id: The session, in full.
        store: Where to look; the current telemetry's store unless given.
        squeeze: Shorten long stretches of a turn in which nothing began or ended.

    Raises:
        LookupError: no span in the store belongs to that session.
    """
    store = store or current().store
    rows = store.rows(_TURNS, [session_id, MAX_TURNS])
    if not rows:
        msg = f"no span belongs to session {session_id!r}; SELECT session_id FROM spans lists them"
        raise LookupError(msg)
    turns = []
    for number, row in enumerate(reversed(rows), rows[0][2] - len(rows) + 1):
        trace_id, began, _, tokens, usd, unpriced = row
        shown = Timeline(layout(get_trace(trace_id, store), squeeze), store)
        turns.append(Turn(number, began, tokens, usd, unpriced, shown))
    return SessionTimeline(session_id, tuple(turns), rows[0][2] - len(rows))
