"""One trace: fetched from the store, with the place where it went wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from obs_helpers import conventions as c
from obs_helpers.store import Store
from obs_helpers.telemetry import current


@dataclass(slots=True)
class SpanNode:
    """One span of a trace, with its children in the order they started."""

    span_id: str
    parent_id: str | None
    name: str
    start_time: datetime
    duration_s: float | None
    """None while the span is running."""
    status: str
    status_message: str | None
    attributes: dict[str, Any]
    kind: str = "INTERNAL"
    """OpenTelemetry's kind: INTERNAL, CLIENT, SERVER, PRODUCER, CONSUMER."""
    service: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    """Trace id and span id of what this span belongs to besides its parent."""
    children: list["SpanNode"] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Tell whether it ended with an error."""
        return self.status == "ERROR"

    @property
    def operation(self) -> str | None:
        """What it is: `invoke_agent`, `chat`, `execute_tool`; None for other spans."""
        value = self.attributes.get(c.OPERATION)
        return None if value is None else str(value)

    @property
    def end_time(self) -> datetime | None:
        """When it ended, None while it is running, or if its times are impossible."""
        if self.duration_s is None or self.start_time is None:
            return None
        try:
            return self.start_time + timedelta(seconds=self.duration_s)
        except (OverflowError, ValueError):  # infinite, or not a number
            return None


@dataclass(slots=True)
class Trace:
    """All spans of one trace id."""

    trace_id: str
    roots: list[SpanNode]
    """One, unless the context got lost or a parent is not in the store."""

    def walk(self) -> Iterator[SpanNode]:
        """Yield each span once, parents before children."""
        pending = list(reversed(self.roots))
        while pending:
            node = pending.pop()
            yield node
            pending += reversed(node.children)

    @property
    def failure_path(self) -> list[SpanNode]:
        """The spans from the failed root down to where the error came from.

        Empty if no root failed: what a retry or the model mended is no failure.
        """
        path: list[SpanNode] = []
        node = next((root for root in self.roots if root.failed), None)
        while node is not None:
            path.append(node)
            node = _cause(node)
        return path

    @property
    def failure_point(self) -> str | None:
        """Names from the root to the span where the error came from, None if none failed."""
        return " > ".join(node.name for node in self.failure_path) or None

    @property
    def error(self) -> str | None:
        """The error at the failure point, as `Type: message`."""
        path = self.failure_path
        return (path[-1].status_message or "no message") if path else None

    @property
    def tool_calls(self) -> list[SpanNode]:
        """The tool calls, in the order they started."""
        return [node for node in self.walk() if node.operation == c.EXECUTE_TOOL]

    @property
    def last_success(self) -> SpanNode | None:
        """The last step that ended well before the failure; None if there is none.

        A step is a span without children. Without a failure it is the last that ended well.
        """
        path = self.failure_path
        limit = path[-1].end_time if path else None
        done = [
            (end, n, node)
            for n, node in enumerate(self.walk())
            if not node.children and not node.failed and (end := node.end_time) is not None
            if limit is None or end <= limit
        ]
        return max(done)[2] if done else None

    @property
    def mended(self) -> list[SpanNode]:
        """The failed spans that are not on the failure path: somebody dealt with them."""
        fatal = {node.span_id for node in self.failure_path}
        return [node for node in self.walk() if node.failed and node.span_id not in fatal]


def _cause(node: SpanNode) -> SpanNode | None:
    """Return the child that an error came from, None if it began in `node` itself.

    An error that passes through keeps its message. One that was wrapped on the way does
    not, but then the child that failed is the last thing that happened.
    """
    failed = [child for child in node.children if child.failed]
    same = [child for child in failed if child.status_message == node.status_message]
    if same:
        return same[-1]
    ended = [child for child in node.children if child.end_time is not None]
    last = max(ended, key=lambda child: child.end_time or child.start_time, default=None)
    return last if last is not None and last.failed else None


_QUERY = """
    SELECT span_id, parent_id, name, start_time, duration_s, status, status_message,
           attributes, kind, service, events, links
    FROM spans WHERE trace_id = ? ORDER BY start_time, end_time NULLS LAST, rowid
"""


def get_trace(trace_id: str, store: Store | None = None) -> Trace:
    """Return one trace.

    Args:
        trace_id: 32 hexadecimal digits, or the first few of them.
        store: Where to look; the current telemetry's store unless given.

    Raises:
        LookupError: no trace, or more than one, begins with `trace_id`.
    """
    store = store or current().store
    found = store.sql(
        "SELECT DISTINCT trace_id FROM spans WHERE starts_with(trace_id, ?) LIMIT 2", [trace_id]
    )["trace_id"].tolist()
    if len(found) != 1:
        many = "more than one trace begins" if found else "no trace in the store begins"
        msg = f"{many} with {trace_id!r}; SELECT trace_id FROM spans lists them"
        raise LookupError(msg)
    return Trace(found[0], _link(store.rows(_QUERY, [found[0]])))


def _link(rows: list[tuple[Any, ...]]) -> list[SpanNode]:
    nodes = {node.span_id: node for node in map(_node, rows)}
    cut, roots = _on_cycles(nodes), []
    for node in nodes.values():
        parent = nodes.get(node.parent_id or "")
        if parent is None or node.span_id in cut:
            roots.append(node)
        else:
            parent.children.append(node)
    return roots


def _node(row: tuple[Any, ...]) -> SpanNode:
    span_id, parent_id, name, start, duration_s, status, message, *more = row
    attributes, kind, service, events, links = more
    return SpanNode(
        *(span_id or "", parent_id, name or "", start, duration_s, status, message),
        attributes=_read(attributes, {}),
        kind=kind or "INTERNAL",
        service=service,
        events=[event for event in _read(events, []) if isinstance(event, dict)],
        links=[link for link in _read(links, []) if isinstance(link, dict)],
    )


def _read(text: str | None, empty: Any) -> Any:
    """Return what JSON holds, or `empty` if that is of another type or cannot be read."""
    try:
        value = orjson.loads(text or "null")
    except ValueError:
        return empty
    return value if isinstance(value, type(empty)) else empty


def _on_cycles(nodes: dict[str, SpanNode]) -> set[str]:
    """Return the spans that are their own ancestors: broken data must not hang us."""
    seen: set[str] = set()
    cut: set[str] = set()
    for start in nodes:
        path, here = [], start
        while here in nodes and here not in seen:
            seen.add(here)
            path.append(here)
            here = nodes[here].parent_id or ""
        if here in path:
            cut.update(path[path.index(here) :])
    return cut
