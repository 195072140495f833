"""What the checks of exercise 1 log with, and how they read what was logged."""

import functools
import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from obs_helpers.checks import answers_1
from obs_helpers.checks.sandbox import Raised, call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import VIRTUAL_START

if TYPE_CHECKING:
    import random

Draw: TypeAlias = "random.Random"
Fields = dict[str, Any]


class Lines:
    """An output that keeps what it gets; it has one method for each level, as structlog asks."""

    def __init__(self) -> None:
        """Begin empty."""
        self.kept: list[Any] = []

    def debug(self, line: object = None, *_: object, **__: object) -> None:
        """Keep a line, of whatever level."""
        self.kept.append(line)

    info = warning = warn = error = critical = fatal = exception = msg = debug

    def __repr__(self) -> str:
        """Say what it is: learners see it when their code raises."""
        return "output"

    def take(self) -> list[Fields]:
        """Return what came since the last time, parsed."""
        lines, self.kept = self.kept, []
        return [parsed(line) for line in lines]


def parsed(line: object) -> Fields:
    """Return the fields of one line.

    Raises:
        Wrong: it is not one line of JSON that holds an object.
    """
    if not isinstance(line, str):
        forgot = " Did you forget a `return`?" if line is None else ""
        raise Wrong(f"A line is text; this is {short(line)}.{forgot}")

    def no_json(name: str) -> None:
        raise Wrong(f"{name} stands in the line as a bare word: {cut(line)}\nJSON has no {name}.")

    try:
        fields = json.loads(line, parse_constant=no_json)
    except ValueError:
        raise Wrong(f"This is not JSON: {cut(line)}") from None
    expect("\n" not in line and "\r" not in line, f"There are line breaks in {short(line)}")
    expect(isinstance(fields, dict), f"The line holds no fields by name: {short(line)}")
    return dict(fields)


def logger(lines: Lines, minimum: str = "debug") -> Any:
    """Return a logger of the reference's, which writes into `lines`."""
    return answers_1.make_logger(lines, now_of(VIRTUAL_START), [answers_1.to_line], minimum)


def now_of(moment: datetime) -> Callable[[], datetime]:
    """Return a clock that stands still."""

    def now() -> datetime:
        return moment

    return now


def some_moment(draw: Draw) -> datetime:
    """Return a time of the year 2026, in UTC, which is no whole number of milliseconds."""
    since = timedelta(milliseconds=draw.randrange(10**10), microseconds=draw.randrange(1, 1_000))
    return datetime(2026, 1, 1, tzinfo=UTC) + since


def calling(property_: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a learner's function; if it raises, say which property that breaks."""
    try:
        return scene(function, *args)
    except Raised as raised:
        raise Raised(f"{raised}\n{property_}") from None


def scene(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function, of ours or of a learner's, in which ours may find something wrong.

    Raises:
        Raised: the learner's part of it raised.
        Wrong: our part of it found something.
    """
    found: list[Wrong] = []

    @functools.wraps(function)
    def caught(*args: Any) -> Any:
        try:
            value = function(*args)
        except Wrong as wrong:
            found.append(wrong)
            return None
        return awaited(value) if inspect.isawaitable(value) else value

    async def awaited(value: Awaitable[Any]) -> Any:
        try:
            return await value
        except Wrong as wrong:
            found.append(wrong)

    caught.__name__ = getattr(function, "__name__", "your code")
    value = call(caught, *args)
    if found:
        raise found[0]
    return value


def short(value: object, limit: int = 200) -> str:
    """Return the `repr` of a value, cut."""
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return cut(text, limit)


def cut(text: str, limit: int = 200) -> str:
    """Return a text as it is, or its beginning."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
