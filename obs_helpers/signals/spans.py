"""Finished spans on their way out: into rows of the store, or cleaned for an exporter."""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from obs_helpers import conventions as c
from obs_helpers.limits import MAX_WAITING, MAX_WAITING_TEXT
from obs_helpers.safe_json import cut, dumps, dumps_list, jsonable, plain_text, text_in
from obs_helpers.schema import TABLES

Redact = Callable[[Any], Any]

FEW = 1_000
"""So many spans may wait before anybody measures their texts: that takes the agent's time."""
_END_TIME = list(TABLES["spans"]).index("end_time")


class SpanBuffer(SpanProcessor):
    """Keeps spans until the store takes them, and knows which are still running."""

    table = "spans"

    def __init__(self, redact: Redact | None = None, limit: int = MAX_WAITING) -> None:
        """Hold `limit` finished spans at the most; `redact` cleans what is handed out."""
        self.limit, self.dropped = limit, 0
        self._redact, self._text = redact, 0
        self._running: dict[int, ReadableSpan] = {}
        self._finished: deque[ReadableSpan] = deque()

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        """Remember a span that runs."""
        if len(self._running) < self.limit:
            self._running[span.get_span_context().span_id] = span

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span, or count it as dropped."""
        self._running.pop(span.get_span_context().span_id, None)  # type: ignore[union-attr]
        waiting = len(self._finished)
        text = self._text + (text_size(span) if waiting >= FEW else 0)
        if waiting >= self.limit or text > MAX_WAITING_TEXT:
            self.dropped += 1
        else:
            self._finished.append(span)
            self._text = text

    def __len__(self) -> int:
        return len(self._finished)

    def drain(self) -> list[tuple[Any, ...]]:
        """Return and forget the finished spans, as rows of the store's `spans`."""
        ended = list(self._finished)
        rows = self._rows(ended)
        for _ in ended:  # only now: an interrupt until here loses nothing
            self._finished.popleft()
        self.dropped += len(ended) - len(rows)
        self._text = sum(map(text_size, list(self._finished)))
        return rows

    def shutdown(self) -> None:
        """Take no more spans; those that end from now on count as dropped."""
        self.limit = 0

    def leave(self) -> None:
        """Forget all, in a forked child: it is the parent's to store."""
        self.shutdown()
        self._running, self._finished = {}, deque()

    def running(self) -> list[tuple[Any, ...]]:
        """Return the spans under way, as rows without an end."""
        rows = self._rows(list(self._running.values()))
        # One that ended meanwhile comes with the next drain, and must not come twice.
        return [row for row in rows if row[_END_TIME] is None]

    def _rows(self, spans: list[ReadableSpan]) -> list[tuple[Any, ...]]:
        rows = []
        for span in spans:
            with contextlib.suppress(Exception):  # OpenTelemetry takes any time and any kind
                rows.append(span_row(span, self._redact))
        return rows


def text_size(span: ReadableSpan) -> int:
    """Return about how many characters the texts of a span have."""
    held = [span.attributes, *(event.attributes for event in span.events)]
    return sum(map(text_in, held))


class RequestEnds(SpanProcessor):
    """Tells when a request ends in this process: its first span here does."""

    def __init__(self, end: Callable[[int, bool], None]) -> None:
        """Call `end` with the trace id, and whether the request failed."""
        self._end = end

    def on_end(self, span: ReadableSpan) -> None:
        """Tell, if the span has no parent here."""
        if span.parent is None or span.parent.is_remote:
            self._end(span.context.trace_id, span.status.status_code is StatusCode.ERROR)


def span_row(span: ReadableSpan, redact: Redact | None) -> tuple[Any, ...]:
    """Return a span as one row of the store's `spans`, cleaned by `redact`."""
    ids, parent, start, end = span.context, span.parent, span.start_time or 0, span.end_time
    clean = redact or (lambda value: value)
    raw: Any = span.attributes or {}
    attributes = {**clean(raw.copy()), **_left_out(span)}
    status = span.status.status_code.name if end is not None else "RUNNING"
    message = span.status.description
    return (
        f"{ids.trace_id:032x}",
        f"{ids.span_id:016x}",
        f"{parent.span_id:016x}" if parent else None,
        _text(clean(span.name)),
        span.kind.name,
        _text(clean(span.resource.attributes.get(c.SERVICE_NAME))),
        start // 1000,
        end // 1000 if end is not None else None,
        (end - start) / 1e9 if end is not None else None,
        status,
        _text(clean(message)) if message else None,
        *[fit(attributes.get(name)) for name, fit in _COLUMNS],
        dumps(attributes).decode(),
        dumps_list(clean([_event(event) for event in span.events])),
        dumps_list([_link(link) for link in span.links]),
    )


def _text(value: Any) -> str | None:
    return None if value is None else cut(plain_text(value))


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and abs(value) < 1e9 else None


_COLUMNS = [
    (name, _text if TABLES["spans"][column] == "VARCHAR" else _number)
    for column, name in c.SPAN_COLUMNS.items()
]
"""Attributes with a column of their own. What the column cannot hold, such as a text where
a number belongs, is in `attributes` alone: a wrong value must not cost the span."""


def _left_out(span: ReadableSpan) -> dict[str, int]:
    """Return how many attributes, events and links OpenTelemetry had no room for."""
    counts = {
        "attributes": span.dropped_attributes,
        "events": span.dropped_events,
        "links": span.dropped_links,
    }
    return {c.DROPPED.format(what): count for what, count in counts.items() if count}


def _event(event: Event) -> dict[str, Any]:
    attributes = dict(event.attributes or {})
    if event.dropped_attributes:
        attributes[c.DROPPED.format("attributes")] = event.dropped_attributes
    return {"name": event.name, "time_ns": event.timestamp, "attributes": attributes}


def _link(link: trace.Link) -> dict[str, str]:
    ids = link.context
    return {"trace_id": f"{ids.trace_id:032x}", "span_id": f"{ids.span_id:016x}"}


class RedactingExporter(SpanExporter):
    """Cleans copies of spans, and cuts what is too long, before another exporter sends them."""

    def __init__(self, exporter: SpanExporter, redact: Redact | None) -> None:
        """Clean by `redact` if it is given, then export with `exporter`."""
        self._exporter, self._redact = exporter, redact or (lambda value: value)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export cleaned copies."""
        return self._exporter.export([self._cleaned(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the other exporter down."""
        self._exporter.shutdown()

    def _cleaned(self, span: ReadableSpan) -> ReadableSpan:
        message = span.status.description
        return _Copy(
            span,
            name=self._text(span.name),
            attributes=self._attributes(span),
            resource=Resource(self._redact(dict(span.resource.attributes))),
            events=[
                Event(self._text(event.name), self._attributes(event), event.timestamp)
                for event in span.events
            ],
            links=[trace.Link(link.context, self._attributes(link)) for link in span.links],
            status=Status(span.status.status_code, self._text(message) if message else None),
        )

    def _text(self, text: str) -> str:
        return cut(plain_text(self._redact(text)))

    def _attributes(self, of: ReadableSpan | Event | trace.Link) -> dict[str, Any]:
        attributes: dict[str, Any] = jsonable(self._redact(dict(of.attributes or {})))
        return attributes


class _Copy(ReadableSpan):
    """A span with other texts, which still says how much OpenTelemetry left out."""

    def __init__(self, span: ReadableSpan, **changed: Any) -> None:
        super().__init__(
            context=span.context,
            parent=span.parent,
            kind=span.kind,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
            **changed,
        )
        self._left_out = span.dropped_attributes, span.dropped_events, span.dropped_links

    @property
    def dropped_attributes(self) -> int:
        return self._left_out[0]

    @property
    def dropped_events(self) -> int:
        return self._left_out[1]

    @property
    def dropped_links(self) -> int:
        return self._left_out[2]
