"""Checks of exercise 3, step 3: the spans of what fails, and of what was mended."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from obs_helpers import conventions as c
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import expect
from obs_helpers.checks.trace_spans import (
    CITIES,
    Recorder,
    attribute,
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

_FAILURES = ("RadarDown", "NoSignal", "StormError", "DeskClosed", "OutOfPaper")
_INSIDE = "work of the block"
_SLIPS = (NameError, AttributeError, TypeError, SyntaxError)


def check_errors(step: Callable[..., Any], first_answer: Callable[..., Any]) -> None:
    """Step 3: who failed says so, nobody else does, and the error passes on."""
    draw = fresh()
    for planted in (None, *_planted(draw, 1)):
        _a_step(step, draw, planted)
    _handled(first_answer, draw, f"{draw.randint(1, 30)} degrees")
    _handled(first_answer, draw, "")
    _not_handled(first_answer, draw)
    _cancelled(first_answer, draw)


def _planted(draw: "random.Random", count: int) -> list[Exception]:
    """Return exceptions of classes that no list can hold, each of its own."""
    return [
        type(name, (Exception,), {})(f"number {draw.randint(100, 999)}")
        for name in draw.sample(_FAILURES, count)
    ]


async def _caught(
    work: Callable[..., Any], args: Sequence[Any]
) -> tuple[Any, BaseException | None]:
    """Return what `work` returned, and what it raised; its own slips pass on."""
    try:
        return await finished(work(*args)), None
    except _SLIPS:
        raise
    except (Exception, asyncio.CancelledError) as error:
        return None, error


def _a_step(step: Callable[..., Any], draw: "random.Random", planted: Exception | None) -> None:
    recorder = Recorder(draw, VirtualClock())

    @functools.wraps(step)
    async def in_step(*args: Any) -> tuple[BaseException | None, bool]:
        _, raised = await _caught(_block, (step(*args), recorder, planted))
        return raised, trace.get_current_span().get_span_context().is_valid

    name = f"step {draw.randint(1, 99)}"
    raised, still = call(in_step, recorder.tracer, name)
    span, *others = recorder.spans()
    expect(
        [span.name, *(each.name for each in others)] == [name, _INSIDE],
        f"step(tracer, {name!r}) made the spans {listed(each.name for each in [span, *others])}; "
        f"`{_INSIDE}` is of the block.",
    )
    expect(
        parents_of([span, *others])[span_id(others[0])] is span and recorder.ended[-1] is span,
        f"A span that the block made does not hang under `{name}`: that one must be current, and "
        "open, while the block runs.",
    )
    if planted is None:
        expect(raised is None, f"The block ended well, and step(...) raised {raised!r}.")
        _well(span)
    else:
        _passed_on(planted, raised, "block")
        _failed(span, planted, "the span of the block")
    expect(not still, f"`{name}` is still current after its block: what comes next hangs under it.")


def _block(manager: Any, recorder: Recorder, error: Exception | None) -> None:
    with manager:
        with recorder.tracer.start_as_current_span(_INSIDE):
            pass
        if error is not None:
            raise error


def _passed_on(planted: Exception, raised: BaseException | None, what: str) -> None:
    expect(raised, f"The {what} raised {planted!r}, and nobody got to know: it was swallowed.")
    expect(
        raised is planted,
        f"The {what} raised {planted!r}, and the caller got {raised!r}. "
        "The same exception must pass on: whoever waits for its type would miss it.",
    )


def _well(span: ReadableSpan, why: str = "") -> None:
    expect(
        span.status.status_code is not StatusCode.ERROR and not attribute(span, c.ERROR_TYPE),
        f"`{span.name}` ended well, and its span says {_status(span)}.{why}",
    )


def _failed(span: ReadableSpan, error: Exception, which: str) -> None:
    wanted = type(error).__name__
    told = f"`{span.name}`, {which}, failed with {error!r}, and says {_status(span)}"
    expect(span.status.status_code is StatusCode.ERROR, f"{told}: the status is no error.")
    said = attribute(span, c.ERROR_TYPE)
    expect(said is not None, f"{told}: without it, nobody can count errors by type.")
    expect(
        str(said).rpartition(".")[2] == wanted,
        f"{told}: `{c.ERROR_TYPE}` is the *name of the class*, so that equal errors are equal.",
    )


def _status(span: ReadableSpan) -> str:
    said = attribute(span, c.ERROR_TYPE)
    return f"{span.status.status_code.name}, {c.ERROR_TYPE} {'missing' if said is None else said}"


class _Source:
    """Answers, or fails as planted, after a second; keeps for what and when it was asked."""

    def __init__(self, answer: str | BaseException, clock: VirtualClock) -> None:
        self.answer, self._clock = answer, clock
        self.cities: list[str] = []
        self.began = self.ended = 0

    def __repr__(self) -> str:
        return "source"

    def __call__(self, city: str) -> str:
        self.cities.append(city)
        self.began = self._clock.time_ns()
        self._clock.advance(1)
        self.ended = self._clock.time_ns()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def _run(
    first_answer: Callable[..., Any], draw: "random.Random", answers: Sequence[str | BaseException]
) -> tuple[Any, BaseException | None, ReadableSpan, list[ReadableSpan], list[_Source]]:
    clock = VirtualClock()
    recorder = Recorder(draw, clock)
    names = draw.sample(("radar", "satellite", "almanac", "station", "buoy"), len(answers))
    sources = {name: _Source(answer, clock) for name, answer in zip(names, answers, strict=True)}

    @functools.wraps(first_answer)
    async def ask(*args: Any) -> Any:
        return await _caught(first_answer, args)

    city = draw.choice(CITIES)
    value, raised = call(ask, recorder.tracer, sources, city)
    asked = {name: source for name, source in sources.items() if source.cities}
    for name, source in asked.items():
        expect(
            source.cities == [city],
            f"The city was {city!r}, and `{name}` was asked for {source.cities}. Ask it once.",
        )
    whole, tries = _whole_and_tries(recorder.spans(), list(asked))
    for span, source in zip(tries, asked.values(), strict=True):
        _open_meanwhile(span, source)
        _open_meanwhile(whole, source)
    return value, raised, whole, tries, list(sources.values())


def _open_meanwhile(span: ReadableSpan, source: _Source) -> None:
    expect(
        (span.start_time or 0) <= source.began and source.ended <= (span.end_time or 0),
        f"`{span.name}` was not open while its source was asked: its duration says nothing. "
        "Ask the source *inside* the span.",
    )


def _whole_and_tries(
    spans: Sequence[ReadableSpan], asked: Sequence[str]
) -> tuple[ReadableSpan, list[ReadableSpan]]:
    parents = parents_of(spans)
    roots = [span for span in spans if parents[span_id(span)] is None]
    expect(
        len(roots) == 1 and len(spans) > 1,
        f"Asked were {listed(asked)}, and these spans have no parent: "
        f"{listed(span.name for span in roots)}. One span for the whole, below it one for "
        "each source that is asked.",
    )
    tries = [span for span in spans if parents[span_id(span)] is roots[0]]
    expect(
        len(tries) == len(asked)
        and all(name in span.name for name, span in zip(asked, tries, strict=True)),
        f"Asked were {listed(asked)}; directly below `{roots[0].name}` there are the spans "
        f"{listed(span.name for span in tries)}. Each try has one, with its source's name; no try "
        "is a part of another.",
    )
    return roots[0], tries


def _handled(first_answer: Callable[..., Any], draw: "random.Random", good: str) -> None:
    errors = _planted(draw, 2)
    value, raised, root, tries, sources = _run(first_answer, draw, [*errors, good, "too late"])
    expect(
        raised is None,
        f"The first source raised {errors[0]!r}, a later one had an answer, and first_answer "
        f"raised {raised!r}. Go on with the next source.",
    )
    expect(
        not sources[-1].cities,
        f"The third source had answered {good!r}, and a fourth one was asked as well."
        + " An empty text is an answer, too." * (not good),
    )
    returned("first_answer", value, good)
    for span, error in zip(tries, errors, strict=False):
        _failed(span, error, "the span of a try")
    _well(tries[-1])
    _well(root, " An error that was handled belongs to the span of the try alone.")


def _not_handled(first_answer: Callable[..., Any], draw: "random.Random") -> None:
    errors = _planted(draw, 3)
    _, raised, root, tries, _ = _run(first_answer, draw, errors)
    for span, error in zip(tries, errors, strict=False):
        _failed(span, error, "the span of a try")
    _passed_on(errors[-1], raised, "last source")
    _failed(root, errors[-1], "the outer span")


def _cancelled(first_answer: Callable[..., Any], draw: "random.Random") -> None:
    """Whoever cancels a task wants it to end, not to try something else."""
    stop = asyncio.CancelledError()
    value, raised, *_, sources = _run(first_answer, draw, [*_planted(draw, 1), stop, "too late"])
    expect(
        raised is stop and not sources[-1].cities,
        f"The second source was cancelled (CancelledError), and first_answer "
        f"{f'raised {raised!r}' if raised else f'returned {value!r}'}. A cancelled task has to "
        "end: catch `Exception`, and nothing wider.",
    )
