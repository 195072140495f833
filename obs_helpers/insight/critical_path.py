"""The critical path of a trace: for each moment, the one span that the request waited for.

To make a request faster, make a span on this path faster: whatever ran beside it, nobody
waited for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from obs_helpers.insight.traces import SpanNode, Trace

if TYPE_CHECKING:
    import pandas as pd

_SAME = timedelta(microseconds=1)
"""Start and duration of a span are both rounded to microseconds, so what ended or began at
one moment can lie this far apart."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the path: from `start` to `end` the request waited for `span` itself."""

    span: SpanNode
    start: datetime
    end: datetime

    @property
    def duration_s(self) -> float:
        """Seconds from start to end; more than 0."""
        return (self.end - self.start).total_seconds()

    def __repr__(self) -> str:
        """Leave out what is below the span."""
        return f"<Segment {self.span.name!r} {self.duration_s:.3f} s>"


def critical_path(trace: Trace) -> list[Segment]:
    """Return the critical path, in the order of time.

    It covers the root without gaps; of several roots, the one that started first. A span
    waited for the child that ended last, before that for the one that ended last before
    this one began, and so on; in between it was busy itself. Children count while their
    parent runs. A span that still runs ends at the last moment known of the trace.
    """
    root = min(_placed(trace.roots), key=lambda node: node.start_time, default=None)
    if root is None:
        return []
    latest = max(node.end_time or node.start_time for node in _placed(trace.walk()))
    path: list[Segment] = []
    pending = [(root, root.start_time, root.end_time or latest)]
    while pending:
        span, start, cursor = pending.pop()
        for child, begin, end in _last_first(span, start, cursor, latest):
            if abs(cursor - end) <= _SAME:
                end = cursor
            if begin < end <= cursor:  # one that ends as the next begins was waited for, too
                path.append(Segment(span, end, cursor))
                pending.append((child, begin, end))
                cursor = begin
        path.append(Segment(span, start, cursor))
    return sorted((s for s in path if s.start < s.end), key=lambda s: s.start)


def critical_path_table(trace: Trace) -> "pd.DataFrame":
    """Return what each span contributes to the path, in the order they come up in it.

    Columns: span, its name; on_path_s, seconds; share, of the whole path, from 0 to 1.
    """
    import pandas as pd

    path = critical_path(trace)
    names = {segment.span.span_id: segment.span.name for segment in path}
    seconds = dict.fromkeys(names, 0.0)
    for segment in path:
        seconds[segment.span.span_id] += segment.duration_s
    whole_s = sum(seconds.values())
    rows = [(names[key], on_path_s, on_path_s / whole_s) for key, on_path_s in seconds.items()]
    return pd.DataFrame(rows, columns=["span", "on_path_s", "share"])


def _placed(nodes: Iterable[SpanNode]) -> Iterator[SpanNode]:
    """Yield the spans that say when they started; broken data may not."""
    return (node for node in nodes if node.start_time is not None)


def _last_first(
    span: SpanNode, start: datetime, end: datetime, latest: datetime
) -> list[tuple[SpanNode, datetime, datetime]]:
    """Return the children as far as they ran within the window, the last to end first."""
    windows = [
        (child, max(start, child.start_time), min(end, child.end_time or latest))
        for child in _placed(span.children)
    ]
    return sorted(windows, key=lambda window: (end - window[2], window[1]))
