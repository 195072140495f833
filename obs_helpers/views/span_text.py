"""A trace in words: for those who cannot see a picture, and for terminals."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from obs_helpers.insight.debugging import outcome
from obs_helpers.insight.time_axis import seconds
from obs_helpers.insight.trace_layout import Layout, Row, tree_heads
from obs_helpers.safe_text import one_line

MAX_LINES, MAX_DEPTH = 200, 40
"""Of a tree in words; `print_trace_tree` prints all of it."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a kind of span is told apart: by shape, by colour, by hatching."""

    glyph: str
    color: str
    hatch: str


LOOKS = {
    "agent": Look("◆", "#0077bb", ""),
    "model": Look("●", "#ee7733", "//"),
    "tool": Look("■", "#009988", ".."),
    "other": Look("○", "#888888", ""),
}
"""The colours are Paul Tol's "vibrant" ones, which colour-blind people can tell apart."""
ERROR_COLOR = "#cc3311"


def facts(placed: Layout) -> list[str]:
    """Return what there is to say about the trace as a whole, in a few words each."""
    spans = len(placed.rows)
    failed = sum(row.span.failed for row in placed.rows)
    running = sum(row.running for row in placed.rows)
    services = Counter(row.span.service for row in placed.rows if row.span.service)
    began = f"began {moment(placed.start)}"
    told = [
        began,
        seconds(placed.axis.end_s),
        _count(spans, "span"),
        f"{failed:,} with ERROR",
    ]
    if running:
        told.append(f"{running:,} still running")
    if len(services) > 1:
        told.append("services: " + one_line(", ".join(services), 100))
    return told


def moment(at: datetime | None) -> str:
    """Return a time of the store, to the millisecond; a hyphen if it is not known."""
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03} UTC"


def squeezed(placed: Layout) -> list[str]:
    """Return one sentence for each gap that the axis squeezes."""
    return [
        f"{seconds(gap.duration_s)} squeezed at {seconds(gap.start_s)}: nothing began or ended"
        for gap in placed.axis.gaps
    ]


def alt_text(placed: Layout) -> str:
    """Return the picture in one sentence: what took the time, and what failed."""
    waits = sorted(placed.rows, key=lambda row: -row.waited_s)[:3]
    longest = [f"{one_line(r.span.name, 40)} {seconds(r.waited_s)}" for r in waits if r.path]
    failed = [one_line(row.span.name, 40) for row in placed.rows if row.span.failed]
    parts = [f"Timeline of trace {one_line(placed.trace.trace_id[:8])}: {', '.join(facts(placed))}"]
    if longest:
        parts.append(f"waited longest for {', '.join(longest)}")
    if failed:
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        parts.append(f"failed: {', '.join(failed[:3])}{more}")
    return "; ".join(parts) + "."


def tree_text(placed: Layout) -> str:
    """Return the timeline as text: the tree, when each span began, and how long it took.

    `waited` is how long the request waited for the span itself: its critical path.
    """
    rows = placed.pick(MAX_LINES, MAX_DEPTH)
    names = [
        f"{head}{LOOKS[row.kind].glyph} {label(row)}"
        for head, row in zip(tree_heads(rows), rows, strict=True)
    ]
    width = max(map(len, names), default=0)
    lines = [f"Trace {one_line(placed.trace.trace_id, 32)}: {', '.join(facts(placed))}"]
    lines += squeezed(placed)
    lines.append(f"{'span':{width}}  {'began at':>11}  {'took':>11}  {'waited':>11}")
    for name, row in zip(names, rows, strict=True):
        began = "-" if row.start_s is None else seconds(row.start_s)
        waited = seconds(row.waited_s) if row.path else "-"
        told = f"{name:{width}}  {began:>11}  {took(row):>11}  {waited:>11}  {remarks(row)}"
        lines.append(told.rstrip())
    if len(rows) < len(placed.rows):
        lines.append(left_out(len(placed.rows) - len(rows)))
    return "\n".join(lines)


def label(row: Row, limit: int = 60) -> str:
    """Return a span's name, with its service if that is another one than its parent's."""
    service = f" @ {one_line(row.service, 30)}" if row.service else ""
    return one_line(row.span.name, limit) + service


def took(row: Row) -> str:
    """Return the duration of a span, `running` if it has no end."""
    return "running" if row.span.duration_s is None else seconds(row.span.duration_s)


def remarks(row: Row) -> str:
    """Return what became of a span and what is odd about it, on one line."""
    links = f"{_count(len(row.span.links), 'link')} to other spans" if row.span.links else ""
    return "; ".join(filter(None, [outcome(row.span), *row.notes, links]))


def left_out(spans: int) -> str:
    """Say how many spans there was no room for."""
    return f"… {spans:,} more spans are not shown; get_trace(…).walk() has them all"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
