"""Checks of exercise 3, step 2: one trace across two services."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.checks.trace_spans import (
    CITIES,
    Recorder,
    fresh,
    listed,
    parents_of,
    returned,
    span_id,
)
from obs_helpers.clock import VirtualClock

if TYPE_CHECKING:
    import random


class _Service:
    """Stands for the other end of the wire: keeps the headers, and answers."""

    def __init__(self, reply: str) -> None:
        self.reply = reply
        self.headers: dict[str, str] | None = None

    def __repr__(self) -> str:
        return "service"

    def __call__(self, headers: Mapping[str, str], city: str) -> str:
        self.headers = {str(name).lower(): value for name, value in dict(headers).items()}
        return self.reply


def check_services(call_service: Callable[..., Any], serve: Callable[..., Any]) -> None:
    """Step 2: the context goes out with the headers, and comes in with them."""
    draw = fresh()
    _sends(call_service, draw)
    _receives(serve, draw)


def _sends(call_service: Callable[..., Any], draw: "random.Random") -> None:
    city = draw.choice(CITIES)
    agent = Recorder(draw, VirtualClock())
    service = _Service(f"{draw.choice(('rain', 'snow', 'fog'))} in {city}")

    @functools.wraps(call_service)
    async def in_a_run(*args: Any) -> Any:
        with agent.tracer.start_as_current_span("the run"):
            value = call_service(*args)
            return await value if inspect.isawaitable(value) else value

    text = call(in_a_run, agent.tracer, city, service)
    run, *own = agent.spans()
    headers = service.headers
    if headers is None:
        raise Wrong("The service was never called: call `service(headers, city)`.")
    _kind(_named(headers, run, own), SpanKind.CLIENT, "calls another service")
    returned("call_service", text, service.reply)


def _named(
    headers: Mapping[str, str], run: ReadableSpan, own: Sequence[ReadableSpan]
) -> ReadableSpan:
    """Return the span of the call, which the headers must name."""
    expect(own, "The call has no span of its own: only that of the run arrived.")
    expect(
        "traceparent" in headers,
        f"The service was sent the headers {dict(headers)}: `traceparent` is missing, so it "
        "cannot know whose request this is.",
    )
    said = headers["traceparent"]
    expect(
        f"{span_id(run):016x}" not in said,
        "The header names the span of the run, so the service would hang beside your call and "
        "not below it. The header must name the span that is open *during the call*.",
    )
    named = [span for span in own if said[:53] == _traceparent(span.context)]
    expect(named, f"`traceparent` is {said!r}: it names none of your spans.")
    return named[0]


def _traceparent(ids: Any) -> str:
    """Return version, trace id and span id, as the header has them; the flags are left out."""
    return f"00-{ids.trace_id:032x}-{ids.span_id:016x}-"


def _receives(serve: Callable[..., Any], draw: "random.Random") -> None:
    caller, city = Recorder(draw, VirtualClock(), "agent"), draw.choice(CITIES)
    with caller.tracer.start_as_current_span("the call") as span:
        ids = span.get_span_context()
    headers = {"traceparent": _traceparent(ids) + "01"}
    server, text, still = _serve(serve, headers, city, draw)
    expect(
        server.context and server.context.trace_id == ids.trace_id,
        f"`{server.name}` began a trace of its own, although the headers were {headers}. "
        "What they say must reach the span: as its context.",
    )
    expect(
        server.parent and server.parent.span_id == ids.span_id,
        f"`{server.name}` is in the caller's trace, but its parent is not the caller's span.",
    )
    _kind(server, SpanKind.SERVER, "answers a caller")
    expect(
        not still,
        "After `serve` had returned, the caller's span was still current: the next request "
        "would hang under it, too. What you attach, detach; or give the context to the span.",
    )
    returned("serve", text, f"sunny in {city}")
    server, text, _ = _serve(serve, {}, city, draw)
    expect(server.parent is None, f"Without headers, `{server.name}` has a parent all the same.")
    returned("serve", text, f"sunny in {city}")


def _serve(
    serve: Callable[..., Any], headers: Mapping[str, str], city: str, draw: "random.Random"
) -> tuple[ReadableSpan, Any, bool]:
    """Return the server's span, the answer, and whether a span was current afterwards."""
    weather = Recorder(draw, VirtualClock(), "weather-service")

    @functools.wraps(serve)
    async def as_a_process(*args: Any) -> tuple[Any, bool]:
        value = serve(*args)
        value = await value if inspect.isawaitable(value) else value
        return value, trace.get_current_span().get_span_context().is_valid

    text, still = call(as_a_process, weather.tracer, dict(headers), city)
    spans = weather.spans()
    work = [span for span in spans if span.name == "look up forecast"]
    expect(work, f"`look_up` was not called. Spans: {listed(span.name for span in spans)}.")
    expect(len(spans) > 1, "Only `look up forecast` arrived: `serve` has no span of its own.")
    parent = parents_of(spans)[span_id(work[0])]
    server = next(span for span in spans if span is not work[0])
    expect(
        parent is server,
        f"`look up forecast` does not hang under `{server.name}`. Was that span current when "
        "the work began?",
    )
    return server, text, still


def _kind(span: ReadableSpan, wanted: SpanKind, why: str) -> None:
    expect(
        span.kind is wanted,
        f"`{span.name}` is of kind {span.kind.name}. It {why}: there is a kind that says so.",
    )
