"""Exercise 1, steps 3 and 6: the level that an outcome deserves, and an error as fields."""

from collections.abc import Callable, Mapping
from typing import Any

from obs_helpers.checks.logging_probe import Draw, Fields, Lines, calling, logger, short
from obs_helpers.checks.states import expect
from obs_helpers.clock import Chance

# -- Step 3 ------------------------------------------------------------------------------
MEANINGS = {
    "tool result": ("debug", "It is a detail that only a developer needs."),
    "tool call failed": ("warning", "It should not be normal, and it was handled."),
    "run finished": ("info", "It is normal work."),
    "run failed": ("error", "A request failed."),
}


def check_ask(ask: Callable[..., Any]) -> None:
    """The right line at the right level, for each of the ways in which a run can go."""
    draw = Chance().stream("ask")
    for failing, answering in ((0, 1), (2, 1), (1, 2), (3, 0), (0, 0)):
        _asked(ask, draw, failing, answering)


def _sources(draw: Draw, failing: int, answering: int) -> tuple[Any, list[str], dict[str, str]]:
    names = draw.sample(["get_weather", "weather_cache", "weather_archive", "weather_page"], 3)
    kinds = draw.sample([TimeoutError, ConnectionError, ValueError, KeyError], 3)
    asked: list[str] = []
    answers = {
        name: f"{draw.randrange(-20, 40)} degrees in Oslo" + "!" * draw.randrange(9)
        for name in names[failing : failing + answering]
    }

    def source(name: str, kind: type[Exception]) -> Callable[[], str]:
        def get() -> str:
            asked.append(name)
            if name in answers:
                return answers[name]
            raise kind  # without a message, as timeouts come

        return get

    made = zip(names[: failing + answering], kinds, strict=False)
    return {name: source(name, kind) for name, kind in made}, asked, answers


def _asked(ask: Callable[..., Any], draw: Draw, failing: int, answering: int) -> None:
    sources, asked, answers = _sources(draw, failing, answering)
    case = f"{failing} failing and {answering} answering sources"
    lines = Lines()
    rule = f"It was called with {case}; what a source raises is to be logged."
    got = calling(rule, ask, logger(lines), sources)
    wanted = next(iter(answers.values()), None)
    more = f"With {case} it asked {len(asked)} of them: after an answer nobody else is asked."
    expect(len(asked) == failing + min(answering, 1), more)
    expect(got == wanted, f"With {case} it returned {got!r}, not what the first good source said.")
    events = lines.take()
    names = ["tool call failed"] * failing
    names += ["tool result", "run finished"] if answering else ["run failed"]
    for name in MEANINGS:
        found, right = [e["event"] for e in events].count(name), names.count(name)
        few = "it is missing" if found < right else f"there are {found} of them"
        expect(found == right, f"Look for `{name}` in the lines of {case}: {few}.")
    for event in events:
        _levelled(event, case)
    _detailed(events, list(sources.items()), answers)


def _levelled(event: Fields, case: str) -> None:
    level, why = MEANINGS.get(event["event"], (event["level"], ""))
    told = f"With {case}, `{event['event']}` came at level {event['level']}. {why}"
    expect(event["level"] == level, told)


def _detailed(events: list[Fields], sources: Any, answers: Mapping[str, str]) -> None:
    failures = [event for event in events if event["event"] == "tool call failed"]
    for event, (name, source) in zip(failures, sources, strict=False):
        expect(event.get("tool") == name, f"`tool` of {name} is {event.get('tool')!r}: {event}")
        try:
            source()
        except Exception as error:
            kind = type(error).__name__
            told = f"{kind} has no message, so `error` is {event.get('error')!r}. Name its type."
            expect(kind in str(event.get("error")), told)
    for event in events:
        for answer in answers.values():
            told = f"The answer itself stands in the line `{event['event']}`. Log how long it is."
            expect(answer not in str(event), told)
        if event["event"] == "tool result":
            name, answer = next(iter(answers.items()))
            expect(event.get("tool") == name, f"`tool` is {event.get('tool')!r} for {name}.")
            size = event.get("size")
            told = f"`size` is {size!r} for an answer of {len(answer)} characters."
            expect(size == len(answer), told)


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


def _an_error(function: Callable[..., Any], kind: Any, message: str, inside: bool) -> None:
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
    case = f"exc_info was {given}."
    seen = calling(case, in_an_except_block)
    expect(isinstance(seen, Mapping), f"It returned {short(seen)}. It should be the event.")
    _told(seen, kind.__name__, message, case)


def _told(seen: Any, kind: str, message: str, case: str) -> None:
    expect("exc_info" not in seen, f"`exc_info` is still in the event: {short(seen)}. {case}")
    for name in ("error_type", "error_message", "stack"):
        expect(name in seen, f"There is no field `{name}`. {case}")
    type_ = seen["error_type"]
    name_of = f"`error_type` is {type_!r}. It should be the name of the error's type, as text."
    expect(isinstance(type_, str) and type_.split(".")[-1] == kind, f"{name_of} {case}")
    told = seen["error_message"]
    text_of = f"`error_message` is {told!r}. It should be the error's message, as text."
    expect(isinstance(told, str) and message in told, f"{text_of} {case}")
    stack = str(seen["stack"])
    where = f"`stack` is {short(stack)}. It does not say where the error came from. {case}"
    expect("in_an_except_block" in stack, where)
    cause = "The error had a cause (`raise … from cause`), and `stack` does not tell it."
    expect("KeyError" in stack and "_look_up" in stack, f"{cause} {case}")
