"""Where each span of a trace stands: its row, its depth, its place in time.

Every view of a trace is made from this one layout, so that they cannot disagree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median_low

from obs_helpers import conventions as c
from obs_helpers.insight.critical_path import critical_path
from obs_helpers.insight.time_axis import Axis, seconds, squeezed_axis
from obs_helpers.insight.traces import SpanNode, Trace

KINDS = {c.INVOKE_AGENT: "agent", c.CHAT: "model", c.EXECUTE_TOOL: "tool"}
"""What a span is, by its operation; everything else is `other`."""
ROUNDING_S = 2e-6
"""Start and duration are both rounded to microseconds: less than this is no difference."""

CLOSE = 0.002
"""Share of the axis that no picture shows: a pixel or two."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One span in its place. Times are seconds from the trace's start."""

    number: int
    """Its place in reading order, from 0."""
    span: SpanNode = field(repr=False)
    parent: int | None
    """The number of the row it hangs below."""
    depth: int
    below: int
    """Spans below it, at any depth."""
    start_s: float | None
    """None if the span does not say when it began; then it has no end either."""
    end_s: float | None
    """A span that still runs is drawn to the last moment known."""
    path: tuple[tuple[float, float], ...]
    """Stretches in which the request waited for this span itself."""
    notes: tuple[str, ...]
    """What is odd about its times."""
    service: str | None
    """Its service, if that is not its parent's."""

    @property
    def kind(self) -> str:
        """`agent`, `model`, `tool` or `other`."""
        return KINDS.get(self.span.operation or "", "other")

    @property
    def running(self) -> bool:
        """Tell whether it has no end yet."""
        return self.span.duration_s is None

    @property
    def waited_s(self) -> float:
        """Seconds that the request waited for this span itself."""
        return sum(end - start for start, end in self.path)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """All spans of a trace in reading order, and the time axis they share."""

    trace: Trace = field(repr=False)
    start: datetime | None
    """The first moment known, UTC; None if no span says when it began."""
    rows: tuple[Row, ...] = field(repr=False)
    axis: Axis

    def waits(self, row: Row) -> list[tuple[float, float]]:
        """Return the critical path of a row as places on the axis, from 0 to 1.

        What lies too close together to be told apart in a picture is one stretch.
        """
        waits: list[tuple[float, float]] = []
        for start_s, end_s in row.path:
            left, right = self.axis.at(start_s), self.axis.at(end_s)
            if waits and left - waits[-1][1] < CLOSE:
                waits[-1] = (waits[-1][0], right)
            else:
                waits.append((left, right))
        return waits

    def pick(self, limit: int, max_depth: int | None = None) -> list[Row]:
        """Return at most `limit` rows, in reading order, those above each of them included.

        If there is no room for all, the roots come first, then what failed or is running,
        then the critical path. Rows deeper than `max_depth` are left out.
        """
        rows: Iterable[Row] = self.rows
        if max_depth is not None:
            rows = [row for row in rows if row.depth <= max_depth]
        picked: set[int] = set()
        for row in sorted(rows, key=_rank):
            if len(picked) >= limit:
                break
            picked.update(self._with_those_above(row, picked, limit - len(picked)))
        return [self.rows[number] for number in sorted(picked)]

    def _with_those_above(self, row: Row, picked: set[int], room: int) -> list[int]:
        line: list[int] = []
        number: int | None = row.number
        while number is not None and number not in picked:
            line.append(number)
            number = self.rows[number].parent
            if len(line) > room:
                return []
        return line


def layout(trace: Trace, squeeze: bool = False, now: datetime | None = None) -> Layout:
    """Return where each span of `trace` stands. Broken times are noted, and raise nothing.

    Args:
        trace: What to lay out.
        squeeze: Shorten long stretches in which nothing began or ended.
        now: UTC, without a time zone: draws what is still running to here. Otherwise to
            the last moment that the trace knows.
    """
    nodes = _in_reading_order(trace)
    spans = [span for span, _, _ in nodes]
    starts = [span.start_time for span in spans if span.start_time is not None]
    start = min(starts, default=None)
    ends = [end for span in spans if (end := _end(span)) is not None]
    latest = max([*starts, *ends, *([now] if now else [])], default=None)
    windows = [_window(span, start, latest) for span in spans]
    rows = _rows(nodes, windows, _waits(trace, start))
    return Layout(trace, start, tuple(rows), _axis(rows, squeeze))


def tree_heads(rows: Sequence[Row]) -> list[str]:
    """Return what to write before the name of each row to draw the tree."""
    last = [False] * len(rows)
    later: list[int] = []  # the depths at which a sibling comes later, from the root down
    for n in range(len(rows) - 1, -1, -1):
        depth = rows[n].depth
        while later and later[-1] > depth:
            later.pop()
        last[n] = not later or later[-1] < depth
        if last[n]:
            later.append(depth)
    heads, indents = [], [""]
    for row, is_last in zip(rows, last, strict=True):
        del indents[max(row.depth, 1) :]
        if row.depth == 0:
            heads.append("")
        else:
            heads.append(indents[-1] + ("└─ " if is_last else "├─ "))
            indents.append(indents[-1] + ("   " if is_last else "│  "))
    return heads


Node = tuple[SpanNode, int | None, int]
"""A span, the number of its parent's row, its depth."""
Window = tuple[float, float] | None


def _in_reading_order(trace: Trace) -> list[Node]:
    nodes: list[Node] = []
    pending: list[Node] = [(root, None, 0) for root in reversed(trace.roots)]
    while pending:
        node = pending.pop()
        span, _, depth = node
        number = len(nodes)
        nodes.append(node)
        pending += [(child, number, depth + 1) for child in reversed(span.children)]
    return nodes


def _rows(
    nodes: list[Node], windows: list[Window], waits: dict[str, list[tuple[float, float]]]
) -> list[Row]:
    below = [0] * len(nodes)
    for number in range(len(nodes) - 1, -1, -1):
        parent = nodes[number][1]
        if parent is not None:
            below[parent] += below[number] + 1
    rows = []
    for number, (span, parent, depth) in enumerate(nodes):
        start_s, end_s = windows[number] or (None, None)
        above = None if parent is None else nodes[parent][0]
        around = None if parent is None else windows[parent]
        path = tuple(waits.get(span.span_id, ()))
        notes = tuple(_notes(span, windows[number], above, around))
        service = span.service if above is not None and above.service != span.service else None
        rows.append(
            Row(number, span, parent, depth, below[number], start_s, end_s, path, notes, service)
        )
    return rows


def _notes(span: SpanNode, window: Window, above: SpanNode | None, around: Window) -> Iterable[str]:
    if above is None and span.parent_id is not None:
        yield "its parent is not in the store"
    if window is None:
        yield "does not say when it began"
    if _endless(span) or (span.duration_s or 0) < 0:
        yield f"has an impossible duration of {span.duration_s:g} s"
    if window is None or around is None or above is None:
        return
    if (early := around[0] - window[0]) > ROUNDING_S:
        yield f"begins {seconds(early)} before its parent"
    late = window[1] - around[1]
    if late > ROUNDING_S and span.duration_s is not None and above.duration_s is not None:
        yield f"ends {seconds(late)} after its parent"


def _waits(trace: Trace, start: datetime | None) -> dict[str, list[tuple[float, float]]]:
    """Return the critical path by span; it is not known if a duration is impossible."""
    waits: dict[str, list[tuple[float, float]]] = {}
    if start is None or any(map(_endless, trace.walk())):
        return waits
    for segment in critical_path(trace):
        stretch = ((segment.start - start).total_seconds(), (segment.end - start).total_seconds())
        waits.setdefault(segment.span.span_id, []).append(stretch)
    return waits


def _window(span: SpanNode, start: datetime | None, latest: datetime | None) -> Window:
    if span.start_time is None or start is None or latest is None:
        return None
    end = latest if span.duration_s is None else _end(span) or span.start_time
    begin_s = (span.start_time - start).total_seconds()
    return begin_s, max(begin_s, (end - start).total_seconds())


def _end(span: SpanNode) -> datetime | None:
    """Return the end of a span, None if it is running or no date can say it."""
    if span.start_time is None or span.duration_s is None:
        return None
    try:
        return span.start_time + timedelta(seconds=span.duration_s)
    except (OverflowError, ValueError):  # infinite, or not a number
        return None


def _endless(span: SpanNode) -> bool:
    """Tell whether its duration is none that time can have."""
    return span.duration_s is not None and span.start_time is not None and _end(span) is None


def _axis(rows: Sequence[Row], squeeze: bool) -> Axis:
    placed = [(row, row.start_s, row.end_s) for row in rows if row.start_s is not None]
    windows = [(row, start, start if end is None else end) for row, start, end in placed]
    end_s = max((end for _, _, end in windows), default=0.0)
    steps = [end - start for row, start, end in windows if row.below == 0]
    if not squeeze or not steps:
        return Axis(end_s)
    return squeezed_axis((t for _, *times in windows for t in times), end_s, median_low(steps))


def _rank(row: Row) -> int:
    if row.depth == 0:
        return 0
    if row.span.failed or row.running:
        return 1
    return 2 if row.path else 3
