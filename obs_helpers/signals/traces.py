"""Traces: OpenTelemetry spans that start and end by the injected clock.

A span is visible from its start: a run that hangs can be seen while it hangs.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util._decorator import _agnosticcontextmanager

from obs_helpers import conventions as c
from obs_helpers.clock import Chance, Clock, SystemClock
from obs_helpers.safe_json import describe, jsonable, text_of
from obs_helpers.signals.resource import resource_of

Attributes = Mapping[str, Any]


class AgentTracer:
    """Makes spans: current while they last, timed by the clock, honest about errors."""

    def __init__(
        self, provider: trace.TracerProvider | None = None, clock: Clock | None = None
    ) -> None:
        """Trace with `provider` (default: OpenTelemetry's global one) and `clock`."""
        self._tracer = (provider or trace.get_tracer_provider()).get_tracer("obs_helpers")
        self._provider, self._clock = provider, clock

    def _time_ns(self) -> int:
        if self._clock is not None:
            return self._clock.time_ns()
        provider = self._provider or trace.get_tracer_provider()
        clock: Clock = getattr(provider, "clock", None) or SystemClock()
        return clock.time_ns()

    @contextlib.contextmanager
    def trace_request(self, operation: str, **attributes: Any) -> Iterator[str]:
        """Trace one operation; yields its trace id, 32 hexadecimal digits (W3C).

        Spans started inside become its children. An exception marks the span as failed
        and passes on unchanged.
        """
        with self.span(operation, attributes) as span:
            yield trace.format_trace_id(span.get_span_context().trace_id)

    def add_span(self, trace_id: str, name: str, data: Attributes | None = None) -> None:
        """Mark a step of the current operation with a span of no length.

        Use `span` for a step that takes time. A `trace_id` other than the current one
        is kept as the attribute `agent.wanted_trace_id`: the step belongs where it runs.
        """
        attributes = dict(data or {})
        here = current_ids()
        if here is None or here[0] != trace_id:
            attributes["agent.wanted_trace_id"] = trace_id
        with self.span(name, attributes):
            pass

    @contextlib.contextmanager
    def span(
        self, name: str, attributes: Attributes | None = None, kind: SpanKind = SpanKind.INTERNAL
    ) -> Iterator[trace.Span]:
        """Run the block inside a span."""
        span, token = self.begin(name, kind, attributes or {})
        try:
            yield span
        except BaseException as error:
            self.end(span, token, error)
            raise
        else:
            self.end(span, token)

    def begin(self, name: str, kind: SpanKind, attributes: Attributes) -> tuple[trace.Span, Any]:
        """Start a span and make it current; give both results to `end`."""
        span = self._tracer.start_span(
            name, kind=kind, attributes=_valid(attributes), start_time=self._time_ns()
        )
        return span, context.attach(trace.set_span_in_context(span))

    def end(self, span: trace.Span, token: Any, error: BaseException | None = None) -> None:
        """End a span, in the task that began it; `error` is why it failed, if it did."""
        if error is not None:
            _mark(span, error)
        span.end(self._time_ns())
        _leave(span, token, error)


_PLAIN = frozenset((str, bool, int, float))


def _valid(attributes: Attributes) -> Attributes:
    """Return `attributes` with text where OpenTelemetry raises, or leaves a value out."""
    if _PLAIN.issuperset(map(type, attributes.values())) and "" not in attributes:
        return attributes
    return {
        name if isinstance(name, str) and name else text_of(name): _valid_value(value)
        for name, value in attributes.items()
    }


def _valid_value(value: Any) -> Any:
    kinds = set(map(type, value)) if type(value) in (list, tuple) else {type(value)}
    if len(kinds) == 1 and kinds <= _PLAIN:
        return value
    copied = jsonable(value)
    return copied if isinstance(copied, str) else orjson.dumps(copied).decode()


def _mark(span: trace.Span, error: BaseException) -> None:
    if isinstance(error, GeneratorExit):
        return
    if type(error).__name__ == "CancelledError":
        span.set_attribute(c.CANCELLED, True)
        return
    span.set_attribute(c.ERROR_TYPE, type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR, describe(error)))


def _leave(span: trace.Span, token: Any, error: BaseException | None) -> None:
    """Make current again what was so before `span`.

    A generator may be closed, or go on, where a span is current that is none of its business.
    """
    here, ended = trace.get_current_span(), span.get_span_context()
    ids = here.get_span_context()
    alien = here.is_recording() and ids.trace_id != ended.trace_id
    if ids.span_id != ended.span_id and (alien or isinstance(error, GeneratorExit)):
        return
    # `context.detach` would log a traceback when an async generator that was left
    # early is closed by another task; there is nothing to undo in that task.
    with contextlib.suppress(ValueError):
        token.var.reset(token)
    before = trace.get_current_span()
    if isinstance(before, ReadableSpan) and before.end_time is not None:  # a generator's
        stands_in = trace.NonRecordingSpan(before.parent) if before.parent else trace.INVALID_SPAN
        context.attach(trace.set_span_in_context(stands_in))


def current_ids() -> tuple[str, str] | None:
    """Return trace id and span id of the current span in hexadecimal, None outside."""
    ids = trace.get_current_span().get_span_context()
    if not ids.is_valid:
        return None
    return f"{ids.trace_id:032x}", f"{ids.span_id:016x}"


def current_trace_id() -> int:
    """Return the trace id of the current span, 0 outside."""
    return trace.get_current_span().get_span_context().trace_id


class SeededIds(IdGenerator):
    """W3C ids drawn from an injected source."""

    def __init__(self, chance: Chance) -> None:
        """Draw from `chance`."""
        self._bits = chance.bits

    def generate_span_id(self) -> int:
        """Return 64 random bits, not all zero."""
        return self._bits(64) or 1

    def generate_trace_id(self) -> int:
        """Return 128 random bits, not all zero."""
        return self._bits(128) or 1


def make_provider(
    service: str, chance: Chance, sampling: float, redact: Callable[[Any], Any] | None = None
) -> TracerProvider:
    """Return a tracer provider that keeps the share `sampling` of all traces."""
    return TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(sampling)),
        resource=resource_of(service, redact),
        id_generator=SeededIds(chance),
        shutdown_on_exit=False,
    )


# -- OpenTelemetry's global provider ----------------------------------------------------


class CurrentProvider(trace.TracerProvider):
    """The global tracer provider: passes on to the telemetry that runs now.

    OpenTelemetry lets a process set its global provider once. This one is set once, and
    what it points to can change.
    """

    def __init__(self) -> None:
        """Point nowhere."""
        self.target: trace.TracerProvider = trace.NoOpTracerProvider()
        self.clock: Clock = SystemClock()

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """Return a tracer that follows `target`."""
        return _CurrentTracer(self, args, kwargs)


_OPTIONS = ("name", "context", "kind", "attributes", "links", "start_time", "record_exception",
            "set_status_on_exception", "end_on_exit")  # fmt: skip


class _CurrentTracer(trace.Tracer):
    def __init__(self, current: CurrentProvider, args: Any, kwargs: Any) -> None:
        self._current, self._args, self._kwargs = current, args, kwargs
        self._target: tuple[trace.TracerProvider | None, trace.Tracer] = (None, trace.NoOpTracer())

    def _tracer(self) -> trace.Tracer:
        if self._target[0] is not self._current.target:
            target = self._current.target
            self._target = (target, target.get_tracer(*self._args, **self._kwargs))
        return self._target[1]

    def start_span(self, *args: Any, **kwargs: Any) -> trace.Span:
        return self._tracer().start_span(*args, **kwargs)

    @_agnosticcontextmanager  # which decorates async functions, too
    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Iterator[trace.Span]:
        given = {**dict(zip(_OPTIONS, args, strict=False)), **kwargs}
        ends, failure = given.pop("end_on_exit", True), None
        span = self.start_span(**given)
        token = context.attach(trace.set_span_in_context(span))
        try:
            yield span
        except BaseException as error:
            failure = error
            if isinstance(error, Exception) and given.get("record_exception", True):
                span.record_exception(error)
            if isinstance(error, Exception) and given.get("set_status_on_exception", True):
                span.set_status(Status(StatusCode.ERROR, describe(error)))
            raise
        finally:
            if ends:
                span.end()
            _leave(span, token, failure)
