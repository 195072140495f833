"""What exercise 3 hands to its learners: rows, a sample trace, and tracers on a given clock."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, Tracer, use_span
from opentelemetry.util._decorator import _agnosticcontextmanager

from obs_helpers import conventions as c
from obs_helpers.clock import NS_PER_S, Clock, VirtualClock


class Reply(NamedTuple):
    """What a model says: the names of the tools that it wants, or the text of its answer."""

    wants: tuple[str, ...] = ()
    text: str = ""


Model = Callable[[str, Sequence[str]], Awaitable[Reply]]
"""Takes a question, and what the tools found until now."""
Tool = Callable[[str], Awaitable[str]]
"""Takes the question; returns what it found."""


class Row(NamedTuple):
    """One span, as a table holds it."""

    span_id: str
    parent_id: str | None
    """None for a root."""
    name: str
    operation: str
    """`invoke_agent`, `chat`, `execute_tool`, or empty."""
    service: str
    start_s: float
    """Seconds since 1970."""
    end_s: float
    """Seconds since 1970."""
    error: str | None = None
    """`Type: message` if the span failed."""


def rows_of(spans: Iterable[ReadableSpan]) -> list[Row]:
    """Return one row for each ended span, in the order in which they ended."""
    return [
        Row(
            span_id=_hex(span.context),
            parent_id=_hex(span.parent) if span.parent else None,
            name=span.name,
            operation=str((span.attributes or {}).get(c.OPERATION, "")),
            service=str(span.resource.attributes.get(c.SERVICE_NAME, "")),
            start_s=(span.start_time or 0) / NS_PER_S,
            end_s=(span.end_time or 0) / NS_PER_S,
            error=None if span.status.is_ok else span.status.description or "no message",
        )
        for span in spans
    ]


def _hex(context: Any) -> str:
    return f"{context.span_id:016x}"


class TimedTracer(Tracer):
    """A tracer of OpenTelemetry whose spans take their time from a given clock."""

    def __init__(self, tracer: Tracer, clock: Clock) -> None:
        """Start spans with `tracer`, at the times of `clock`."""
        self._tracer, self._clock = tracer, clock

    def __repr__(self) -> str:
        """Be short: this stands in messages."""
        return "tracer"

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        """Start a span; arguments as for every tracer."""
        if kwargs.get("start_time") is None and len(args) < 6:
            kwargs["start_time"] = self._clock.time_ns()
        span = self._tracer.start_span(*args, **kwargs)
        end = span.end

        def end_now(end_time: int | None = None) -> None:
            end(self._clock.time_ns() if end_time is None else end_time)

        span.end = end_now  # type: ignore[method-assign]
        return span

    @_agnosticcontextmanager
    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Iterator[Span]:
        """Start a span and make it current; arguments as for every tracer."""
        names = ("record_exception", "set_status_on_exception")
        at_end = {name: kwargs[name] for name in names if name in kwargs}
        at_end["end_on_exit"] = kwargs.pop("end_on_exit", True)
        with use_span(self.start_span(*args, **kwargs), **at_end) as span:
            yield span


# -- A sample ----------------------------------------------------------------------------
TOOLS = {"get_weather": 0.8, "find_flights": 2.0, "find_hotels": 1.1}
"""Tools of the sample agent, with the seconds that each of them takes."""


def trip_planner(clock: Clock) -> tuple[Model, dict[str, Tool]]:
    """Return a scripted model and its tools; they wait by `clock`."""

    async def model(question: str, found: Sequence[str]) -> Reply:
        await clock.sleep(0.5)
        return Reply(text="; ".join(found)) if found else Reply(wants=tuple(TOOLS))

    def tool(name: str, seconds: float) -> Tool:
        async def use(question: str) -> str:
            await clock.sleep(seconds)
            return f"{name}: found"

        return use

    return model, {name: tool(name, seconds) for name, seconds in TOOLS.items()}


_REFUSED, _LATE = "ConnectionError: refused", "TimeoutError: no answer within 3 s"
_TRIP: Sequence[tuple[str, str | None, str, str, float, float, str | None]] = (
    ("a1", None, "invoke_agent trip-planner", "agent", 0.0, 6.3, _LATE),
    ("b1", "a1", "chat planner-1", "agent", 0.1, 0.6, None),
    ("c1", "a1", "execute_tool get_weather", "agent", 0.6, 0.9, _REFUSED),
    ("c2", "a1", "execute_tool find_flights", "agent", 0.65, 2.6, None),
    ("c3", "a1", "execute_tool get_weather", "agent", 1.0, 2.1, None),
    ("d1", "c3", "GET /weather", "weather-service", 1.1, 2.0, None),
    ("e1", "d1", "look up forecast", "weather-service", 1.2, 1.9, None),
    ("b2", "a1", "chat planner-1", "agent", 2.6, 3.1, None),
    ("c4", "a1", "execute_tool convert_currency", "agent", 3.1, 3.3, None),
    ("c5", "a1", "execute_tool book_seat", "agent", 3.15, 6.25, _LATE),
    ("d2", "c5", "POST /seats", "seat-service", 3.2, 6.2, _LATE),
)
_ARRIVED = (6, 2, 10, 5, 1, 9, 5, 8, 0, 3, 7, 4)
"""As an exporter delivers spans: whatever ended first, and one of them twice."""


def trip() -> list[Row]:
    """Return the rows of one request, as they arrived."""
    zero_s = VirtualClock().time_ns() / NS_PER_S
    rows = [
        Row(key, parent, name, _operation(name), service, zero_s + start, zero_s + end, error)
        for key, parent, name, service, start, end, error in _TRIP
    ]
    return [rows[n] for n in _ARRIVED]


def _operation(name: str) -> str:
    first = name.split()[0]
    return first if first in (c.INVOKE_AGENT, c.CHAT, c.EXECUTE_TOOL) else ""


def look_up(tracer: Tracer, city: str) -> str:
    """Return the weather in `city`: what the weather service does for a request."""
    with tracer.start_as_current_span("look up forecast"):
        return f"sunny in {city}"
