"""One trace: fetched from the store, and printed as a tree."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
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
    children: list["SpanNode"] = field(default_factory=list)


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


_QUERY = """
    SELECT span_id, parent_id, name, start_time, duration_s, status, status_message,
           attributes
    FROM spans WHERE trace_id = ? ORDER BY start_time, end_time NULLS LAST, span_id
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
    nodes: dict[str, SpanNode] = {}
    for span_id, parent_id, name, start, duration_s, status, message, attributes in rows:
        known = orjson.loads(attributes or "{}")
        nodes[span_id] = SpanNode(
            span_id, parent_id, name or "", start, duration_s, status, message, known
        )
    cut, roots = _on_cycles(nodes), []
    for node in nodes.values():
        parent = nodes.get(node.parent_id or "")
        if parent is None or node.span_id in cut:
            roots.append(node)
        else:
            parent.children.append(node)
    return roots


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


def print_trace_tree(trace: Trace | str, store: Store | None = None) -> None:
    """Print a trace, given as such or by its id, as a tree: names, seconds, outcome."""
    if isinstance(trace, str):
        trace = get_trace(trace, store)
    print("\n".join(trace_tree(trace)))


def trace_tree(trace: Trace) -> list[str]:
    """Return the lines of the tree that `print_trace_tree` prints."""
    rows: list[tuple[str, SpanNode]] = []
    for root in trace.roots:
        _draw(root, "", "", rows)
    width = max((len(head) for head, _ in rows), default=0)
    return [f"{head:{width}}  {_seconds(node)}  {_outcome(node)}".rstrip() for head, node in rows]


def _draw(node: SpanNode, first: str, rest: str, rows: list[tuple[str, SpanNode]]) -> None:
    pending = [(node, first, rest)]
    while pending:
        span, head, indent = pending.pop()
        rows.append((head + _one_line(span.name), span))
        below = [
            (child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))
            for child in span.children
            for last in [child is span.children[-1]]
        ]
        pending += reversed(below)


def _one_line(text: str, limit: int = 80) -> str:
    shown = "".join(char if char.isprintable() else "�" for char in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _seconds(node: SpanNode) -> str:
    return "  running" if node.duration_s is None else f"{node.duration_s:7.3f} s"


def _outcome(node: SpanNode) -> str:
    if node.status == "ERROR":
        return f"ERROR {_one_line(node.status_message or '', 100)}"
    tokens = node.attributes.get(c.INPUT_TOKENS)
    if tokens is not None:
        return f"{tokens} tokens in, {node.attributes.get(c.OUTPUT_TOKENS)} out"
    return "empty result" if node.attributes.get(c.RESULT_SIZE) == 2 else ""
