"""Checks of exercise 3, step 3: the spans of what fails, and of what was mended."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from obs_helpers import conventions as c
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import expect
from obs_helpers.checks.trace_spans import (
    CITIES,
    Recorder,
    attribute,
    fresh,
    listed,
    parents_of,
    returned,
    span_id,
)
from obs_helpers.clock import VirtualClock

if TYPE_CHECKING:
    import random

_ERRORS = (TimeoutError, ConnectionError, ValueError, PermissionError, LookupError)
_SLIPS = (NameError, AttributeError, TypeError, SyntaxError)


def check_errors(step: Callable[..., Any], first_answer: Callable[..., Any]) -> None:
    """Step 3: who failed says so, nobody else does, and the error passes on."""
    draw = fresh()
    _a_step(step, draw)
    _handled(first_answer, draw)
    _not_handled(first_answer, draw)


def _planted(draw: "random.Random") -> Exception:
    return draw.choice(_ERRORS)(f"number {draw.randint(100, 999)}")


async def _caught(work: Callable[..., Any], args: Sequence[Any]) -> tuple[Any, Exception | None]:
    """Return what `work` returned, and what it raised; its own slips pass on."""
    try:
        value = work(*args)
        return (await value if inspect.isawaitable(value) else value), None
    except _SLIPS:
        raise
    except Exception as error:
        return None, error


def _a_step(step: Callable[..., Any], draw: "random.Random") -> None:
    for planted in (None, _planted(draw)):
        recorder = Recorder(draw, VirtualClock())

        @functools.wraps(step)
        async def in_step(*args: Any, error: Exception | None = planted) -> Any:
            manager = step(*args)
            usable = hasattr(manager, "__enter__")
            return await _caught(_block, (manager, error)) if usable else manager

        name = f"step {draw.randint(1, 99)}"
        outcome = call(in_step, recorder.tracer, name)
        expect(
            isinstance(outcome, tuple),
            f"step(...) gave a {type(outcome).__name__}, which `with` cannot use. "
            "Is `@contextmanager` still there?",
        )
        raised = outcome[1]
        spans = recorder.spans()
        expect(
            [span.name for span in spans] == [name],
            f"step(tracer, {name!r}) made the spans {listed(span.name for span in spans)}.",
        )
        if planted is None:
            expect(raised is None, f"The block ended well, and step(...) raised {raised!r}.")
            _well(spans[0])
            continue
        _passed_on(planted, raised, "block")
        _failed(spans[0], planted)


def _block(manager: Any, error: Exception | None) -> None:
    with manager:
        if error is not None:
            raise error


def _passed_on(planted: Exception, raised: Exception | None, what: str) -> None:
    expect(raised, f"The {what} raised {planted!r}, and nobody got to know: it was swallowed.")
    expect(
        raised is planted,
        f"The {what} raised {planted!r}, and the caller got {raised!r}. "
        "The same exception must pass on: whoever waits for its type would miss it.",
    )


def _well(span: ReadableSpan) -> None:
    expect(
        span.status.status_code is not StatusCode.ERROR and not attribute(span, c.ERROR_TYPE),
        f"`{span.name}` ended well, and its span says {_status(span)}.",
    )


def _failed(span: ReadableSpan, error: Exception) -> None:
    wanted = type(error).__name__
    told = f"`{span.name}` failed with {error!r}, and its span says {_status(span)}"
    expect(span.status.status_code is StatusCode.ERROR, f"{told}: the status is no error.")
    said = attribute(span, c.ERROR_TYPE)
    expect(said is not None, f"{told}: which type of error, one can not group by.")
    expect(
        str(said).rpartition(".")[2] == wanted,
        f"{told}: `{c.ERROR_TYPE}` is the *name of the class*, so that equal errors are equal.",
    )


def _status(span: ReadableSpan) -> str:
    said = attribute(span, c.ERROR_TYPE)
    return f"{span.status.status_code.name}, {c.ERROR_TYPE} {'missing' if said is None else said}"


class _Source:
    """Answers, or fails as planted; counts how often it was asked."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer, self.asked = answer, 0

    def __repr__(self) -> str:
        return "source"

    def __call__(self, city: str) -> str:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _run(
    first_answer: Callable[..., Any], draw: "random.Random", answers: Sequence[str | Exception]
) -> tuple[Any, Exception | None, ReadableSpan, list[ReadableSpan], list[_Source]]:
    recorder = Recorder(draw, VirtualClock())
    names = draw.sample(("radar", "satellite", "almanac", "station", "buoy"), len(answers))
    sources = {name: _Source(answer) for name, answer in zip(names, answers, strict=True)}

    @functools.wraps(first_answer)
    async def ask(*args: Any) -> Any:
        return await _caught(first_answer, args)

    city = draw.choice(CITIES)
    value, raised = call(ask, recorder.tracer, sources, city)
    asked = [name for name in names if sources[name].asked]
    whole, tries = _whole_and_tries(recorder.spans(), asked)
    return value, raised, whole, tries, list(sources.values())


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
    tries = [span for span in spans if span is not roots[0]]
    expect(
        len(tries) == len(asked)
        and all(name in span.name for name, span in zip(asked, tries, strict=True)),
        f"Asked were {listed(asked)}; below `{roots[0].name}` there are the spans "
        f"{listed(span.name for span in tries)}. Each try has a span with its source's name.",
    )
    for span in tries:
        parent = parents[span_id(span)]
        expect(
            parent is roots[0],
            f"`{span.name}` hangs under `{parent and parent.name}`. One try is no part of "
            "another: its parent is the whole.",
        )
    return roots[0], tries


def _handled(first_answer: Callable[..., Any], draw: "random.Random") -> None:
    errors = [_planted(draw), _planted(draw)]
    good = f"{draw.randint(1, 30)} degrees"
    value, raised, root, tries, sources = _run(first_answer, draw, [*errors, good, "too late"])
    expect(
        raised is None,
        f"The first source raised {errors[0]!r}, a later one had an answer, and first_answer "
        f"raised {raised!r}. Go on with the next source.",
    )
    expect(
        not sources[-1].asked, "The third source had answered, and a fourth one was asked as well."
    )
    returned("first_answer", value, good)
    for span, error in zip(tries, errors, strict=False):
        _failed(span, error)
    _well(tries[-1])
    expect(
        root.status.status_code is not StatusCode.ERROR and not attribute(root, c.ERROR_TYPE),
        f"In the end there was an answer, and `{root.name}` says {_status(root)}. "
        "An error that was handled belongs to the span of the try alone.",
    )


def _not_handled(first_answer: Callable[..., Any], draw: "random.Random") -> None:
    errors = [_planted(draw), _planted(draw), _planted(draw)]
    value, raised, root, tries, _ = _run(first_answer, draw, errors)
    for span, error in zip(tries, errors, strict=False):
        _failed(span, error)
    expect(
        raised is not None,
        f"All sources failed, and first_answer returned {value!r}: its caller thinks that "
        "all is well.",
    )
    _passed_on(errors[-1], raised, "last source")
    _failed(root, errors[-1])
