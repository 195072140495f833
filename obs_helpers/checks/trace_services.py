"""Checks of exercise 3, step 2: one trace across two services."""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import expect
from obs_helpers.checks.trace_spans import (
    CITIES,
    Recorder,
    finished,
    fresh,
    listed,
    parents_of,
    returned,
    span_id,
)
from obs_helpers.clock import VirtualClock

if TYPE_CHECKING:
    import random


_W3C = TraceContextTextMapPropagator()
_NAME = "GET /weather"


class _Service:
    """Stands for the other end of the wire: keeps what it was sent, and answers."""

    def __init__(self, reply: str, caller: Recorder) -> None:
        self.reply, self.caller = reply, caller
        self.headers: dict[str, str] = {}
        self.cities: list[str] = []
        self.over: list[ReadableSpan] = []
        """Spans of the caller that had ended when it asked."""

    def __repr__(self) -> str:
        return "service"

    def __call__(self, headers: Mapping[str, str], city: str) -> str:
        self.headers = {str(name).lower(): value for name, value in dict(headers).items()}
        self.cities.append(city)
        self.over = list(self.caller.ended)
        return self.reply


def check_services(call_service: Callable[..., Any], serve: Callable[..., Any]) -> None:
    """Step 2: the context goes out with the headers, and comes in with them."""
    draw = fresh()
    _sends(call_service, draw)
    _receives(serve, draw)


def _sends(call_service: Callable[..., Any], draw: "random.Random") -> None:
    city = draw.choice(CITIES)
    agent = Recorder(draw, VirtualClock())
    service = _Service(f"{draw.choice(('rain', 'snow', 'fog'))} in {city}", agent)

    in_a_run = agent.tracer.start_as_current_span("the run")
    text = _asked(in_a_run, call_service, agent.tracer, city, service)
    run, *own = agent.spans()
    expect(service.cities, "The service was never called: call `service(headers, city)`.")
    expect(
        service.cities == [city],
        f"The city was {city!r}, and the service was asked for {service.cities}. Ask it once.",
    )
    span = _the_call(service.headers, run, own)
    _looks(span, SpanKind.CLIENT, "calls another service")
    expect(
        span_id(span) not in map(span_id, service.over),
        f"`{span.name}` had ended when the service was called. A span must be open while the "
        "call lasts: otherwise its duration says nothing.",
    )
    returned("call_service", text, service.reply)


def _asked(within: AbstractContextManager[Any], function: Callable[..., Any], *args: Any) -> Any:
    """Return what `function(*args)` says. It must leave current what was so before."""

    @functools.wraps(function)
    async def run(*args: Any) -> tuple[Any, bool]:
        with within:
            before = trace.get_current_span()
            return await finished(function(*args)), trace.get_current_span() is before

    value, restored = call(run, *args)
    expect(
        restored,
        f"After `{run.__name__}` had returned, another span was current than before: what comes "
        "next would hang under it. What you attach, detach; or give the context to the span.",
    )
    return value


def _the_call(
    headers: Mapping[str, str], run: ReadableSpan, own: Sequence[ReadableSpan]
) -> ReadableSpan:
    """Return the span of the call, which the headers must name."""
    expect(
        len(own) == 1,
        f"One call has one span of its own. Yours, below the run: {listed(s.name for s in own)}.",
    )
    expect(
        "traceparent" in headers,
        f"The service was sent the headers {dict(headers)}: `traceparent` is missing, so it "
        "cannot know whose request this is.",
    )
    seen = trace.get_current_span(_W3C.extract(headers)).get_span_context()
    expect(
        seen.span_id != span_id(run),
        "The header names the span of the run, so the service would hang beside your call and "
        "not below it. The header must name the span that is open *during the call*.",
    )
    span = own[0]
    ids = span.context
    expect(
        ids and (seen.trace_id, seen.span_id) == (ids.trace_id, ids.span_id),
        f"`traceparent` is {headers['traceparent']!r}: read as the W3C says, it does not name "
        "the span of your call.",
    )
    expect(
        span.parent and span.parent.span_id == span_id(run),
        f"`{span.name}` does not hang under the span that was current, that of the run.",
    )
    return span


def _receives(serve: Callable[..., Any], draw: "random.Random") -> None:
    caller, city = Recorder(draw, VirtualClock(), "agent"), draw.choice(CITIES)
    with caller.tracer.start_as_current_span("the call") as span:
        ids = span.get_span_context()
    headers = {"traceparent": f"00-{ids.trace_id:032x}-{ids.span_id:016x}-01"}
    server, text = _serve(serve, headers, city, draw)
    parent = server.parent
    expect(
        parent and (parent.trace_id, parent.span_id) == (ids.trace_id, ids.span_id),
        f"The headers were {headers}, and `{server.name}` has {'another' if parent else 'no'} "
        "parent. What they say must reach the span: as its context.",
    )
    _looks(server, SpanKind.SERVER, "answers a caller")
    returned("serve", text, f"sunny in {city}")
    server, text = _serve(serve, {}, city, draw)
    expect(server.parent is None, f"Without headers, `{server.name}` has a parent all the same.")
    returned("serve", text, f"sunny in {city}")


def _serve(
    serve: Callable[..., Any], headers: Mapping[str, str], city: str, draw: "random.Random"
) -> tuple[ReadableSpan, Any]:
    """Return the server's span, and the answer."""
    weather = Recorder(draw, VirtualClock(), "weather-service")
    text = _asked(nullcontext(), serve, weather.tracer, dict(headers), city)
    spans = weather.spans()
    seen = f"Spans: {listed(span.name for span in spans)}."
    work = [span for span in spans if span.name == "look up forecast"]
    expect(work, f"`look_up` was not called. {seen}")
    expect(len(spans) == 2, f"One request: one span of `serve`, one of `look_up`. {seen}")
    server = next(span for span in spans if span is not work[0])
    expect(
        parents_of(spans)[span_id(work[0])] is server and weather.ended[-1] is server,
        f"`look up forecast` does not hang under `{server.name}`, or went on when that had ended. "
        "Was that span current, and open, while the work was done?",
    )
    return server, text


def _looks(span: ReadableSpan, wanted: SpanKind, why: str) -> None:
    expect(span.name == _NAME, f"The span that {why} is named `{span.name}`, not `{_NAME}`.")
    expect(
        span.kind is wanted,
        f"`{span.name}` is of kind {span.kind.name}. It {why}: there is a kind that says so.",
    )
