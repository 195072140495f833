"""Exercise 1, steps 3 and 6: the level that an outcome deserves, and an error as fields."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from obs_helpers.checks.logging_probe import Draw, Fields, Lines, calling, logger, short
from obs_helpers.checks.sandbox import Raised, call
from obs_helpers.checks.states import expect
from obs_helpers.clock import Chance

# -- Step 3 ------------------------------------------------------------------------------
MEANINGS = {
    "tool result": ("debug", "It is a detail that only a developer needs."),
    "tool call failed": ("warning", "It should not be normal, and it was handled."),
    "run finished": ("info", "It is normal work."),
    "run failed": ("error", "A request failed."),
}


LETTERS = "bcfhjkqvwxzäöüß"
"""Of answers: no piece of them stands in other words, and some need two bytes."""


def check_ask(ask: Callable[..., Any]) -> None:
    """The right line at the right level, for each of the ways in which a run can go."""
    draw = Chance().stream("ask")
    for failing, answering in ((0, 1), (2, 1), (1, 2), (3, 0), (0, 0)):
        _asked(ask, draw, failing, answering)
    _asked(ask, draw, 1, 1, empty=True)
    for kind in (KeyboardInterrupt, asyncio.CancelledError):
        _stopped(ask, kind)


def _sources(outcomes: Mapping[str, Any]) -> tuple[dict[str, Callable[[], str]], list[str]]:
    """Return sources that give a text or raise an error, and who was asked, by their names."""
    asked: list[str] = []

    def source(name: str) -> Callable[[], str]:
        def get() -> str:
            asked.append(name)
            if isinstance(outcome := outcomes[name], str):
                return outcome
            raise outcome  # without a message, as timeouts come

        return get

    return {name: source(name) for name in outcomes}, asked


def _stopped(ask: Callable[..., Any], kind: type[BaseException]) -> None:
    lines, through = Lines(), False
    try:
        call(ask, logger(lines), _sources({"get_weather": kind})[0])
    except Raised as raised:
        through = kind.__name__ in str(raised)
    told = f"A source raised {kind.__name__}, which is no `Exception`: somebody wants to stop. ask "
    expect(through, f"{told}kept it from its caller.")
    names = [event["event"] for event in lines.take()]
    expect(not names, f"{told}called that an error and logged {names}.")


def _asked(
    ask: Callable[..., Any], draw: Draw, failing: int, answering: int, empty: bool = False
) -> None:
    names = draw.sample(["get_weather", "weather_cache", "weather_archive", "weather_page"], 3)
    outcomes: list[Any] = draw.sample([TimeoutError, ConnectionError, ValueError, KeyError], 3)
    sizes = [0 if empty else draw.randrange(24, 40) for _ in range(answering)]
    answers = ["".join(draw.choices(LETTERS, k=size)) for size in sizes]
    by_name = dict(zip(names, outcomes[:failing] + answers, strict=False))
    sources, asked = _sources(by_name)
    case = f"{failing} failing and {answering} answering sources"
    case += " (the answer is an empty text)" * empty
    lines = Lines()
    rule = f"It was called with {case}; what a source raises is to be logged."
    got = calling(rule, ask, logger(lines), sources)
    more = f"With {case} it asked {len(asked)} of them: after an answer nobody else is asked."
    expect(len(asked) == failing + min(answering, 1), more)
    wanted = answers[0] if answers else None
    told = f"With {case} it returned {got!r}, not what the first good source said, {wanted!r}."
    expect(got == wanted, told)
    events = lines.take()
    _levelled(events, failing, answering, case)
    _detailed(events, by_name)


def _levelled(events: list[Fields], failing: int, answering: int, case: str) -> None:
    names = ["tool call failed"] * failing
    names += ["tool result", "run finished"] if answering else ["run failed"]
    for name, (level, why) in MEANINGS.items():
        levels = [event["level"] for event in events if event["event"] == name]
        found, right = len(levels), names.count(name)
        few = "it is missing" if found < right else f"there are {found} of them"
        expect(found == right, f"Look for `{name}` in the lines of {case}: {few}.")
        for seen in levels:
            expect(seen == level, f"With {case}, `{name}` came at level {seen}. {why}")


def _detailed(events: list[Fields], outcomes: Mapping[str, Any]) -> None:
    answers = [answer for answer in outcomes.values() if isinstance(answer, str)]
    calls = [event for event in events if event["event"].startswith("tool ")]
    for event, (name, outcome) in zip(calls, outcomes.items(), strict=False):
        expect(event.get("tool") == name, f"`tool` of {name} is {event.get('tool')!r}: {event}")
        if isinstance(outcome, str):
            told = f"`size` is {event.get('size')!r} for an answer of {len(outcome)} characters"
            expect(event.get("size") == len(outcome), f"{told}, {outcome!r}.")
            continue
        expect("error" in event, f"The line `tool call failed` has no field `error`: {event}")
        told = f"{outcome.__name__} has no message, so `error` is {event['error']!r}."
        expect(outcome.__name__ in str(event["error"]), f"{told} Name its type.")
    for event in events:
        for answer in answers:
            pieces = [answer[n : n + 4] for n in range(len(answer) - 3)]
            piece = next((piece for piece in pieces if piece in str(event)), "")
            what = "The answer itself" if answer in str(event) else f"A piece of it, {piece!r},"
            told = f"The answer was {answer!r}. {what} stands in the line `{event['event']}`. "
            expect(not piece, f"{told}Log how long it is, and nothing more.")


# -- Step 6 ------------------------------------------------------------------------------
def check_exception_fields(exception_fields: Callable[..., Any]) -> None:
    """Type, message and the whole story, whichever way the error is handed over."""
    draw = Chance().stream("exception_fields")
    _no_error(exception_fields, draw)
    for kind in draw.sample([TimeoutError, ConnectionError, RuntimeError], 2):
        message = f"no answer after {draw.randrange(1, 99)} s"
        _an_error(exception_fields, kind, message, inside=True)
        _an_error(exception_fields, kind, message, inside=False)
    _an_error(exception_fields, TimeoutError, "", inside=True)
    _an_error(exception_fields, KeyError, "Oslo", inside=False)  # its str is no argument of it
    _an_error(exception_fields, KeyboardInterrupt, "stopped", inside=False)
    _an_error(exception_fields, _Mute, None, inside=True)


class _Mute(Exception):
    def __str__(self) -> str:
        msg = "no text for this"
        raise ValueError(msg)


def _no_error(exception_fields: Callable[..., Any], draw: Draw) -> None:
    for given in ({}, {"exc_info": None}, {"exc_info": False}, {"exc_info": True}):
        event = {"event": "run finished", "tokens": draw.randrange(999), **given}
        rule = f"The event had {given or 'no exc_info'}, and no error is being handled."
        seen = calling(rule, exception_fields, None, "info", dict(event))
        expect(seen is not None, "It returned None. A processor returns the event.")
        expect(isinstance(seen, Mapping), f"It returned {short(seen)}. It should be the event.")
        kept = {name: seen.get(name) for name in ("event", "tokens")}
        expect(
            kept == {name: event[name] for name in kept}, f"{short(event)} became {short(seen)}."
        )
        extra = sorted(name for name in seen if name.startswith("error_"))
        expect(not extra, f"An event without an error got the fields {extra}.\n{rule}")


def _look_up(city: str) -> str:
    return {"Oslo": "snow"}[city]


def _an_error(function: Callable[..., Any], kind: Any, message: str | None, inside: bool) -> None:
    event: Fields = {"event": "run failed", "tool": "get_weather"}

    def in_an_except_block() -> Any:
        try:
            try:
                _look_up("Lima")
            except KeyError as cause:
                raise kind(*[message] * bool(message)) from cause
        except kind as error:
            if inside:
                return function(None, "error", {**event, "exc_info": True})
            kept = error
        return function(None, "error", {**event, "exc_info": kept})

    given = "True, within an except block" if inside else "the exception, after its except block"
    case = f"exc_info was {given}; it was of type {kind.__name__}."
    if message is None:
        case += " Its `str` raises: a log call must not."
    seen = calling(case, in_an_except_block)
    expect(isinstance(seen, Mapping), f"It returned {short(seen)}. It should be the event.")
    _told(seen, kind.__name__, message and str(kind(message)), case)


def _told(seen: Any, kind: str, message: str | None, case: str) -> None:
    expect("exc_info" not in seen, f"`exc_info` is still in the event: {short(seen)}. {case}")
    for name in ("error_type", "error_message", "stack"):
        expect(name in seen, f"There is no field `{name}`. {case}")
    type_ = seen["error_type"]
    name_of = f"`error_type` is {type_!r}. It should be the name of the error's type, as text."
    expect(isinstance(type_, str) and type_.split(".")[-1] == kind, f"{name_of} {case}")
    told = seen["error_message"]
    right = isinstance(told, str) if message is None else told == message
    expect(right, f"`error_message` is {told!r}, and `str(error)` is {message!r}. {case}")
    stack = str(seen["stack"])
    where = f"`stack` is {short(stack)}. It does not say where the error came from. {case}"
    expect("in_an_except_block" in stack, where)
    cause = "The error had a cause (`raise … from cause`), and `stack` does not tell it."
    expect("KeyError" in stack and "_look_up" in stack, f"{cause} {case}")
