"""Checks of exercise 3: records spans that a learner's code makes; step 1, one agent."""

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from obs_helpers import conventions as c
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import expect
from obs_helpers.checks.trace_given import Reply, TimedTracer, Tool
from obs_helpers.clock import NS_PER_S, Chance, VirtualClock
from obs_helpers.signals.traces import SeededIds

if TYPE_CHECKING:
    import random

CITIES = ("Oslo", "Rome", "Lima", "Cairo", "Tokyo", "Quito")
NAMES = ("get_weather", "find_flights", "find_hotels", "book_seat", "convert_currency", "get_visa")
_MODEL = "planner-1"


def fresh() -> "random.Random":
    """Return numbers that no other check has had; the learner's own are left alone."""
    return Chance().stream()


class Recorder(SpanProcessor):
    """One service: its tracer, and the spans made with it."""

    def __init__(self, draw: "random.Random", clock: VirtualClock, service: str = "agent") -> None:
        """Take ids from `draw`, and times from `clock`."""
        provider = TracerProvider(
            ALWAYS_ON,
            Resource({c.SERVICE_NAME: service}),
            shutdown_on_exit=False,
            id_generator=SeededIds(Chance(draw.getrandbits(32))),
        )
        provider.add_span_processor(self)
        self.tracer = TimedTracer(provider.get_tracer("check"), clock)
        self.ended: list[ReadableSpan] = []
        self._began: list[ReadableSpan] = []

    def on_start(self, span: Any, parent_context: context.Context | None = None) -> None:
        """Note what began."""
        self._began.append(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Note what ended."""
        self.ended.append(span)

    def spans(self) -> list[ReadableSpan]:
        """Return the spans, in the order in which they began.

        Raises:
            Wrong: there are none, or one never ended.
        """
        expect(
            self._began,
            "No span arrived. Make the spans with the tracer that your function is given.",
        )
        ended = {span_id(span): span for span in self.ended}
        expect(
            len(ended) == len(self._began),
            f"Begun and never ended: "
            f"{listed(span.name for span in self._began if span_id(span) not in ended)}. "
            "A span is exported when it ends: use it in a `with` block.",
        )
        return [ended[span_id(span)] for span in self._began]


async def finished(value: Any) -> Any:
    """Return a value, awaited if it can be."""
    return await value if inspect.isawaitable(value) else value


def span_id(span: ReadableSpan) -> int:
    """Return the id of a span."""
    return int(span.context.span_id) if span.context else 0


def listed(names: Any) -> str:
    """Return names, each as code."""
    return ", ".join(f"`{name}`" for name in names) or "none"


def attribute(span: ReadableSpan, name: str) -> Any:
    """Return an attribute, None if it is missing."""
    return (span.attributes or {}).get(name)


def parents_of(spans: Sequence[ReadableSpan]) -> dict[int, ReadableSpan | None]:
    """Return each span's parent by the span's id, None where it is not among `spans`."""
    by_id = {span_id(span): span for span in spans}
    return {
        span_id(span): by_id.get(span.parent.span_id) if span.parent else None for span in spans
    }


def returned(name: str, value: Any, said: str) -> None:
    """Expect that a function returned what was said to it."""
    expect(
        value == said,
        f"{name}(...) returned {value!r}, and the answer was {said!r}. Is there a `return`?",
    )


# -- Step 1 ------------------------------------------------------------------------------
class _Named:
    """A function with a short `repr`: it stands in messages."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name, self._function = name, function

    def __repr__(self) -> str:
        return self._name

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


class _Trip:
    """An agent's model and tools, and when each of them ran."""

    def __init__(self, draw: "random.Random") -> None:
        self.clock = VirtualClock()
        # No order helps but the model's own: the tools are sorted, its wishes are not, and what
        # it asked for first takes longest.
        *others, last = sorted(draw.sample(NAMES, draw.randint(3, 5)))
        self.wants = (last, *others)
        self.seconds = {name: 2.0 - 0.3 * n for n, name in enumerate(self.wants)}
        self.text = f"{draw.choice(CITIES)} in {draw.randint(2, 9)} days"
        self.tools = {name: _Named("tool", self._tool(name)) for name in sorted(NAMES)}
        self.model = _Named("model", self._model)
        self.calls: list[tuple[str, int, int]] = []  # what was called, its begin and its end
        self.found: list[str] = []

    def _tool(self, name: str) -> Tool:
        async def tool(question: str) -> str:
            await self._work(name, self.seconds.get(name, 1.0))
            return f"{name} says {question}"

        return tool

    async def _model(self, question: str, found: Sequence[str]) -> Reply:
        """Ask for tools, then answer."""
        await self._work(_MODEL, 0.5)
        self.found = list(found)
        return Reply(text=self.text) if found else Reply(wants=self.wants)

    async def _work(self, what: str, seconds: float) -> None:
        began = self.clock.time_ns()
        await self.clock.sleep(seconds)
        self.calls.append((what, began, self.clock.time_ns()))


def check_answer(answer: Callable[..., Any]) -> None:
    """Step 1: one run, and below it one span for each call."""
    draw = fresh()
    trip = _Trip(draw)
    recorder = Recorder(draw, trip.clock)
    question = f"What about {draw.choice(CITIES)}?"
    text = call(answer, recorder.tracer, question, trip.model, trip.tools)
    spans = recorder.spans()
    expect(
        text == trip.text,
        f"answer(...) returned {text!r}, and the model said {trip.text!r}. "
        "Return the text of its last reply (is there a `return`?).",
    )
    _same_work(trip, [f"{name} says {question}" for name in trip.wants])
    _operations(spans, len(trip.wants))
    _below_the_run(spans)
    _named(spans, trip.wants)
    _timed(spans, trip)


def _same_work(trip: _Trip, found: list[str]) -> None:
    """Expect what the agent without spans does."""
    expect(
        trip.found == found,
        f"The model wanted {listed(trip.wants)}, and was given {trip.found!r}: what these tools "
        "found, in the order in which it had asked for them, is missing.",
    )
    made = Counter(what for what, *_ in trip.calls)
    expect(
        made == Counter({_MODEL: 2} | dict.fromkeys(trip.wants, 1)),
        f"Your agent made these calls: {dict(made)}. The one without spans asks the model twice, "
        "and runs each tool that it wants once.",
    )


def _operations(spans: Sequence[ReadableSpan], tools: int) -> None:
    wanted = {c.INVOKE_AGENT: 1, c.CHAT: 2, c.EXECUTE_TOOL: tools}
    for span in spans:
        operation = attribute(span, c.OPERATION)
        expect(
            operation in wanted,
            f"The span `{span.name}` has `{c.OPERATION}` = {operation!r}, which is none of "
            f"{listed(wanted)}. Its attributes: {dict(span.attributes or {})}.",
        )
    found = Counter(attribute(span, c.OPERATION) for span in spans)
    what = {c.INVOKE_AGENT: "run", c.CHAT: "model calls", c.EXECUTE_TOOL: "tool calls"}
    for operation, count in wanted.items():
        expect(
            found[operation] == count,
            f"Number of {what[operation]}: {count}. Number of your spans that say `{operation}`: "
            f"{found[operation]}. Seen: {listed(span.name for span in spans)}.",
        )


def _below_the_run(spans: Sequence[ReadableSpan]) -> None:
    parents, run = parents_of(spans), _the_run(spans)
    for span in spans:
        parent = parents[span_id(span)]
        above = f"hangs under `{parent.name}`" if parent else "has no parent"
        expect(
            span is run or parent is run,
            f"`{span.name}` {above}. What called it is the run, `{run.name}`: that span must be "
            "*current* when the other one begins, and still open.",
        )


def _the_run(spans: Sequence[ReadableSpan]) -> ReadableSpan:
    return next(span for span in spans if attribute(span, c.OPERATION) == c.INVOKE_AGENT)


def _named(spans: Sequence[ReadableSpan], wants: Sequence[str]) -> None:
    tools = [span for span in spans if attribute(span, c.OPERATION) == c.EXECUTE_TOOL]
    said = [attribute(span, c.TOOL_NAME) for span in tools]
    expect(
        sorted(map(str, said)) == sorted(wants),
        f"Called were {listed(wants)}. As `{c.TOOL_NAME}`, the tools' spans say {listed(said)}.",
    )
    about = {c.INVOKE_AGENT: "trip-planner", c.CHAT: _MODEL}
    for span in spans:
        operation = str(attribute(span, c.OPERATION))
        expect(
            span.name == f"{operation} {about.get(operation) or attribute(span, c.TOOL_NAME)}",
            f"The span with the operation `{operation}` is named `{span.name}`. A name is the "
            "operation, a space, and what it is about: the agent, the model or the tool.",
        )


def _timed(spans: Sequence[ReadableSpan], trip: _Trip) -> None:
    began = {what: start for what, start, _ in trip.calls if what != _MODEL}
    first, last = min(began, key=lambda name: began[name]), max(began, key=lambda name: began[name])
    expect(
        began[first] == began[last],
        f"`{last}` began {(began[last] - began[first]) / NS_PER_S:.1f} s after `{first}`. "
        "The tools of one reply do not need each other: start them together.",
    )
    run = _the_run(spans)
    for what, start, end in trip.calls:
        mine = [span for span in spans if span.name.endswith(f" {what}")]
        expect(
            (start, end) in [(span.start_time, span.end_time) for span in mine],
            f"A call of `{what}` took {(end - start) / NS_PER_S:.1f} s. Spans for it lasted "
            f"{', '.join(map(_lasted, mine))}. A span must be open while you await the call, "
            "no longer and no shorter.",
        )
        expect(
            (run.start_time or 0) <= start and end <= (run.end_time or 0),
            f"`{run.name}` lasted {_lasted(run)}, and a call of `{what}` was not over by then. "
            "The span of the run must be open until the last answer is there.",
        )


def _lasted(span: ReadableSpan) -> str:
    return f"{((span.end_time or 0) - (span.start_time or 0)) / NS_PER_S:.1f} s"
