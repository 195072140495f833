"""Checks of exercise 3: records spans that a learner's code makes; step 1, one agent."""

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
    """An agent's model and tools, and when each tool ran."""

    def __init__(self, draw: "random.Random") -> None:
        self.clock = VirtualClock()
        self.wants = tuple(draw.sample(NAMES, draw.randint(3, 5)))
        self.text = f"{draw.choice(CITIES)} in {draw.randint(2, 9)} days"
        self.seconds = {name: 0.4 + 0.3 * n for n, name in enumerate(self.wants)}
        self.tools = {
            name: _Named("tool", self._tool(name)) for name in NAMES if name in self.wants
        }
        self.model = _Named("model", self._model)
        self.began: dict[str, float] = {}
        self.found: list[str] = []

    def _tool(self, name: str) -> Tool:
        async def tool(question: str) -> str:
            self.began.setdefault(name, self.clock.monotonic())
            await self.clock.sleep(self.seconds[name])
            return f"{name} says {question}"

        return tool

    async def _model(self, question: str, found: Sequence[str]) -> Reply:
        """Ask for all tools, then answer."""
        await self.clock.sleep(0.5)
        self.found = list(found)
        return Reply(text=self.text) if found else Reply(wants=self.wants)


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
    expect(
        trip.found == [f"{name} says {question}" for name in trip.wants],
        f"The model was given {trip.found!r}: what the tools found, in the order in which "
        "it had asked for them, is missing.",
    )
    _operations(spans, len(trip.wants))
    _below_the_run(spans)
    _named(spans, trip.wants)
    _timed(spans, trip)


def _operations(spans: Sequence[ReadableSpan], tools: int) -> None:
    wanted = {c.INVOKE_AGENT: 1, c.CHAT: 2, c.EXECUTE_TOOL: tools}
    for span in spans:
        operation = attribute(span, c.OPERATION)
        expect(
            operation is not None,
            f"The span `{span.name}` has the attributes {dict(span.attributes or {})}: "
            f"`{c.OPERATION}` is missing.",
        )
        expect(
            operation in wanted,
            f"The span `{span.name}` has `{c.OPERATION}` = {operation!r}, which is none of "
            f"{listed(wanted)}.",
        )
    found = Counter(attribute(span, c.OPERATION) for span in spans)
    what = {c.INVOKE_AGENT: "one run", c.CHAT: "two model calls"}
    for operation, count in wanted.items():
        expect(
            found[operation] == count,
            f"There was {what.get(operation, f'{count} tool calls')}, and {found[operation]} "
            f"of your spans say `{operation}`. Seen: {listed(span.name for span in spans)}.",
        )


def _below_the_run(spans: Sequence[ReadableSpan]) -> None:
    parents = parents_of(spans)
    run = next(span for span in spans if attribute(span, c.OPERATION) == c.INVOKE_AGENT)
    lonely = [span.name for span in spans if parents[span_id(span)] is None and span is not run]
    expect(
        not lonely,
        f"Without a parent: {listed(lonely)}. A span finds its parent if that one is "
        "*current* when it begins, and still open.",
    )
    for span in spans:
        parent = parents[span_id(span)]
        expect(
            span is run or parent is run,
            f"`{span.name}` hangs under `{parent.name if parent else None}`. What called it is "
            f"the run, `{run.name}`: had the other span ended by then?",
        )


def _named(spans: Sequence[ReadableSpan], wants: Sequence[str]) -> None:
    tools = [span for span in spans if attribute(span, c.OPERATION) == c.EXECUTE_TOOL]
    said = [attribute(span, c.TOOL_NAME) for span in tools]
    expect(None not in said, f"A tool's span says nothing about the tool: no `{c.TOOL_NAME}`.")
    expect(
        sorted(map(str, said)) == sorted(wants),
        f"These tools were called: {listed(wants)}. The spans say: {listed(said)}.",
    )
    for span in spans:
        operation = str(attribute(span, c.OPERATION))
        expect(
            span.name.split() and span.name.split()[0] == operation and span.name != operation,
            f"The span of a `{operation}` is named `{span.name}`. By convention a name is the "
            "operation, a space, and what it is done with: the agent, the model, the tool.",
        )
    for span in tools:
        tool = str(attribute(span, c.TOOL_NAME))
        expect(tool in span.name, f"The span of the tool `{tool}` is named `{span.name}`.")


def _timed(spans: Sequence[ReadableSpan], trip: _Trip) -> None:
    first, last = trip.wants[0], max(trip.began, key=lambda name: trip.began[name])
    expect(
        len(set(trip.began.values())) == 1,
        f"`{last}` began {trip.began[last] - min(trip.began.values()):.1f} s after `{first}`. "
        "The tools of one reply do not need each other: start them together.",
    )
    for span in spans:
        tool = attribute(span, c.TOOL_NAME)
        if tool is not None:
            lasted_s = ((span.end_time or 0) - (span.start_time or 0)) / NS_PER_S
            expect(
                abs(lasted_s - trip.seconds[tool]) < 0.001,
                f"The tool `{tool}` took {trip.seconds[tool]:.1f} s, its span {lasted_s:.1f} s. "
                "A span must be open while you await the tool, no longer and no shorter.",
            )
