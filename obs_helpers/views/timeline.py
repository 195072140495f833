"""The timeline of one trace: HTML without any script, a figure, and text, from one layout."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from obs_helpers.insight.trace_layout import Layout, layout
from obs_helpers.insight.traces import Trace, get_trace
from obs_helpers.store import Store
from obs_helpers.telemetry import current
from obs_helpers.views.chart import Chart
from obs_helpers.views.html import render
from obs_helpers.views.span_details import details_of
from obs_helpers.views.span_rows import lines
from obs_helpers.views.span_text import (
    ERROR_COLOR,
    LOOKS,
    alt_text,
    facts,
    left_out,
    squeezed,
    tree_text,
)
from obs_helpers.views.timeline_figure import timeline_figure

MAX_ROWS, MAX_DETAILED = 2_500, 150
"""Spans drawn, and spans drawn with all that is known of them."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Timeline:
    """A trace as a cell's value: rich front ends show the HTML, others the text."""

    placed: Layout
    store: Store | None = None
    """Where the log lines are."""

    def html(self) -> str:
        """Return the timeline as HTML, with its style, for a page or a file."""
        return str(Markup("").join([style(), self.fragment()]))

    def text(self) -> str:
        """Return the timeline in words: the tree, when each span began, how long it took."""
        return tree_text(self.placed)

    def figure(self) -> Chart:
        """Return the timeline as a picture that does not move, with words for it."""
        return timeline_figure(self.placed)

    def fragment(self, max_rows: int = MAX_ROWS, max_detailed: int = MAX_DETAILED) -> Markup:
        """Return the HTML without the style, to be put into a larger page."""
        rows = self.placed.pick(max_rows)
        detailed = self.placed.pick(max_detailed)
        details, lost_logs = details_of(self.placed, detailed, self.store)
        notes = squeezed(self.placed)
        if len(rows) < len(self.placed.rows):
            notes.append(left_out(len(self.placed.rows) - len(rows)))
        if len(details) < len(rows):
            notes.append(f"{len(details):,} spans have details here, those that matter most")
        return render(
            "timeline.html",
            trace_id=self.placed.trace.trace_id,
            words=alt_text(self.placed),
            facts=facts(self.placed),
            notes=notes,
            looks=LOOKS,
            ticks=[(round(100 * at, 3), text) for at, text in self.placed.axis.ticks()],
            gaps=[
                (round(100 * self.placed.axis.at(gap.start_s), 3), gap.duration_s)
                for gap in self.placed.axis.gaps
            ],
            lines=lines(self.placed, rows, details),
            lost_logs=lost_logs,
        )

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/html": self.html(), "text/plain": self.text()}


def timeline(
    trace: Trace | str,
    store: Store | None = None,
    *,
    squeeze: bool = False,
    now: datetime | None = None,
) -> Timeline:
    """Return the timeline of one trace.

    At most 2,500 spans are drawn, those that matter most: what failed, what is running, the
    critical path. It says how many are left out.

    Args:
        trace: A trace, or its id, or the first digits of it.
        store: Where the trace and its log lines are; the current telemetry's unless given.
        squeeze: Shorten long stretches in which nothing began or ended.
        now: UTC, without a time zone: draws what is still running to here. Otherwise to
            the last moment that the trace knows.

    Raises:
        LookupError: no trace, or more than one, begins with that id.
    """
    if isinstance(trace, str):
        store = store or current().store
        trace = get_trace(trace, store)
    return Timeline(layout(trace, squeeze, now), store)


def style() -> Markup:
    """Return the style of all timelines; once a page, or once an output, is enough."""
    return render("timeline_style.html", looks=LOOKS, error_color=ERROR_COLOR)
