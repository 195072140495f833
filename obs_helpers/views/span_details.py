"""What stands behind one span: its attributes, its messages, its log lines."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from obs_helpers import conventions as c
from obs_helpers.insight.time_axis import seconds
from obs_helpers.insight.trace_layout import Layout, Row
from obs_helpers.safe_json import jsonable, plain_text
from obs_helpers.store import Store

MAX_ITEMS = 40
"""Attributes, messages, log lines, events and links shown of one span, of each."""
MAX_VALUE = 2_000
"""Characters shown of one value."""
MAX_IN_ALL = 400_000
"""Characters of details in one picture: the notebook that keeps it stays small."""
MAX_LOGS = 2_000
"""Log lines read of one trace, the first ones."""

_MESSAGES = {
    c.INPUT_MESSAGES: "in",
    c.OUTPUT_MESSAGES: "out",
    c.TOOL_ARGUMENTS: "arguments",
    c.TOOL_RESULT: "result",
}
_LOGS = """
    SELECT span_id, time, level, event, fields FROM logs
    WHERE trace_id = ? ORDER BY time LIMIT ?
"""


@dataclass(slots=True)
class Details:
    """Pairs of a heading and a text, in groups; a group without pairs is not shown."""

    attributes: list[tuple[str, str]] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)
    """Who said it, and what."""
    logs: list[tuple[str, str]] = field(default_factory=list)
    """Time, UTC, and level; event and fields."""
    events: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The groups that have something to show, each with its title."""
        named = (
            ("messages", self.messages),
            ("log lines, UTC", self.logs),
            ("links: trace, and span in it", self.links),
            ("events", self.events),
            ("span and attributes", self.attributes),
        )
        return [(title, pairs) for title, pairs in named if pairs]

    @property
    def size(self) -> int:
        """Characters in all."""
        return sum(len(head) + len(text) for _, pairs in self.groups for head, text in pairs)


def details_of(
    placed: Layout, rows: Iterable[Row], store: Store | None
) -> tuple[dict[int, Details], list[tuple[str, str]]]:
    """Return the details of `rows` by number, and the log lines of no span that is known.

    It stops when the details together get too large.
    """
    by_span = _logs(placed.trace.trace_id, store) if store is not None else {}
    found: dict[int, Details] = {}
    size = 0
    for row in rows:
        one = _details(row, by_span.get(row.span.span_id, []))
        size += one.size
        if size > MAX_IN_ALL:
            break
        found[row.number] = one
    known = {row.span.span_id for row in placed.rows}
    lost = [line for span_id, lines in by_span.items() if span_id not in known for line in lines]
    return found, _few(lost)


def _details(row: Row, logs: list[tuple[str, str]]) -> Details:
    span = row.span
    messages = [
        pair
        for key, way in _MESSAGES.items()
        if key in span.attributes
        for pair in _said(span.attributes[key], way)
    ]
    own = [
        ("began, after the trace did", "-" if row.start_s is None else seconds(row.start_s)),
        ("on the critical path", seconds(row.waited_s)),
        *(("span id", span.span_id), ("service", span.service), ("kind", span.kind)),
    ]
    error = [("status message", span.status_message)] if span.status_message else []
    others = [(key, value) for key, value in span.attributes.items() if key not in _MESSAGES]
    return Details(
        attributes=_few([*own, *error, *others]),
        messages=_few(messages),
        logs=_few(logs),
        events=_few(_pair(event, "name", "attributes") for event in span.events),
        links=_few(_pair(link, "trace_id", "span_id") for link in span.links),
    )


def _said(value: Any, way: str) -> list[tuple[str, str]]:
    """Return messages as who said what; what is no list of messages stays one text."""
    try:
        messages = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return [(way, value)]
    if not (isinstance(messages, list) and all(isinstance(m, dict) for m in messages)):
        return [(way, messages)]
    return [
        (f"{way}: {message.get('role', '?')}", part)
        for message in messages
        for part in (message.get("content", message.get("parts")), message.get("tool_calls"))
        if part
    ]


def _pair(item: Any, head: str, text: str) -> tuple[Any, Any]:
    return (item.get(head), item.get(text)) if isinstance(item, dict) else ("-", item)


def _logs(trace_id: str, store: Store) -> dict[str | None, list[tuple[str, str]]]:
    lines: dict[str | None, list[tuple[str, str]]] = {}
    for span_id, time, level, event, fields in store.rows(_LOGS, [trace_id, MAX_LOGS]):
        at = "-" if time is None else f"{time:%H:%M:%S.%f}"[:-3]
        lines.setdefault(span_id, []).append((f"{at} {level}", f"{event} {_told(fields)}"))
    return lines


def _told(fields: str | None) -> str:
    """Return the fields of a log line; of an exception what was raised, and no stack.

    Its frames name the folders of a machine, and a timeline is made to be shared.
    """
    known = orjson.loads(fields or "{}")
    stacks = known.get("exception") if isinstance(known, dict) else None
    if isinstance(stacks, list) and all(isinstance(each, dict) for each in stacks):
        raised = [f"{each.get('exc_type')}: {each.get('exc_value')}" for each in stacks]
        known["exception"] = " from ".join(raised)
    return _text(known) if known else ""


def _few(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    """Return the pairs as text, cut to what a reader can take in."""
    known = list(pairs)
    few = [(_text(head)[:200], _cut(_text(value))) for head, value in known[:MAX_ITEMS]]
    return few + [("…", f"{len(known) - MAX_ITEMS:,} more")] * (len(known) > MAX_ITEMS)


def _text(value: Any) -> str:
    if isinstance(value, list | dict):
        return orjson.dumps(jsonable(value)).decode()
    return "-" if value is None else plain_text(value)


def _cut(text: str) -> str:
    more = len(text) - MAX_VALUE
    return text if more <= 0 else f"{text[:MAX_VALUE]} … {more:,} more characters"
