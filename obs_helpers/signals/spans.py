"""Finished spans on their way out: into rows of the store, or cleaned for an exporter."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry import context, trace
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from obs_helpers import conventions as c
from obs_helpers.safe_json import dumps, dumps_list, plain_text
from obs_helpers.schema import TABLES

Redact = Callable[[Any], Any]

_END_TIME = list(TABLES["spans"]).index("end_time")


class SpanBuffer(SpanProcessor):
    """Keeps spans until the store takes them, and knows which are still running."""

    table = "spans"

    def __init__(self, redact: Redact | None = None, limit: int = 100_000) -> None:
        """Hold `limit` finished spans at the most; `redact` cleans what is handed out."""
        self.limit, self.dropped = limit, 0
        self._redact = redact
        self._running: dict[int, ReadableSpan] = {}
        self._finished: deque[ReadableSpan] = deque()

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        """Remember a span that runs."""
        if len(self._running) < self.limit:
            self._running[span.get_span_context().span_id] = span

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span, or count it as dropped."""
        self._running.pop(span.get_span_context().span_id, None)  # type: ignore[union-attr]
        if len(self._finished) >= self.limit:
            self.dropped += 1
        else:
            self._finished.append(span)

    def __len__(self) -> int:
        return len(self._finished)

    def drain(self) -> list[tuple[Any, ...]]:
        """Return and forget the finished spans, as rows of the store's `spans`."""
        rows = [span_row(span, self._redact) for span in list(self._finished)]
        for _ in rows:  # only now: an interrupt until here loses nothing
            self._finished.popleft()
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
        rows = [span_row(span, self._redact) for span in list(self._running.values())]
        # One that ended meanwhile comes with the next drain, and must not come twice.
        return [row for row in rows if row[_END_TIME] is None]


def span_row(span: ReadableSpan, redact: Redact | None) -> tuple[Any, ...]:
    """Return a span as one row of the store's `spans`, cleaned by `redact`."""
    ids, parent, start, end = span.context, span.parent, span.start_time or 0, span.end_time
    clean = redact or (lambda value: value)
    raw: Any = span.attributes or {}
    attributes = clean(raw.copy())
    status = span.status.status_code.name if end is not None else "RUNNING"
    message = span.status.description
    return (
        f"{ids.trace_id:032x}",
        f"{ids.span_id:016x}",
        f"{parent.span_id:016x}" if parent else None,
        _text(clean(span.name)),
        span.kind.name,
        span.resource.attributes.get(c.SERVICE_NAME),
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
    return None if value is None else plain_text(value)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and abs(value) < 1e9 else None


_COLUMNS = [
    (name, _text if TABLES["spans"][column] == "VARCHAR" else _number)
    for column, name in c.SPAN_COLUMNS.items()
]
"""Attributes with a column of their own. What the column cannot hold, such as a text where
a number belongs, is in `attributes` alone: a wrong value must not cost the span."""


def _event(event: Event) -> dict[str, Any]:
    return {
        "name": event.name,
        "time_ns": event.timestamp,
        "attributes": dict(event.attributes or {}),
    }


def _link(link: trace.Link) -> dict[str, str]:
    ids = link.context
    return {"trace_id": f"{ids.trace_id:032x}", "span_id": f"{ids.span_id:016x}"}


class RedactingExporter(SpanExporter):
    """Cleans copies of spans before another exporter sends them away."""

    def __init__(self, exporter: SpanExporter, redact: Redact) -> None:
        """Clean by `redact`, then export with `exporter`."""
        self._exporter, self._redact = exporter, redact

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export cleaned copies."""
        return self._exporter.export([self._cleaned(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the other exporter down."""
        self._exporter.shutdown()

    def _cleaned(self, span: ReadableSpan) -> ReadableSpan:
        clean = self._redact
        message = span.status.description
        return ReadableSpan(
            name=clean(span.name),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=clean(dict(span.attributes or {})),
            events=[
                Event(clean(event.name), clean(dict(event.attributes or {})), event.timestamp)
                for event in span.events
            ],
            links=[
                trace.Link(link.context, clean(dict(link.attributes or {}))) for link in span.links
            ],
            kind=span.kind,
            status=Status(span.status.status_code, clean(message) if message else None),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )
