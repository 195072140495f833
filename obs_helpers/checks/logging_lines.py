"""Exercise 1, steps 1 and 2: what an event becomes, and the logger that writes it."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from obs_helpers.checks import answers_1
from obs_helpers.checks.logging_probe import (
    Draw,
    Fields,
    Lines,
    calling,
    now_of,
    parsed,
    scene,
    short,
    some_moment,
)
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import VIRTUAL_START, Chance

LEVELS = ("debug", "info", "warning", "error")
_CALLERS = "mine"


# -- Step 1 ------------------------------------------------------------------------------
class _Unreadable:
    def __repr__(self) -> str:
        msg = "no connection"
        raise ConnectionError(msg)


def _odd_values(draw: Draw) -> Iterator[tuple[str, Any]]:
    loop: Fields = {"tool": "get_weather"}
    loop["parent"] = loop
    yield "a datetime", some_moment(draw)
    yield "a set", {draw.random(), "Oslo"}
    yield "an exception", TimeoutError(f"after {draw.random()} s")
    yield "an object", object()
    yield "NaN", math.nan
    yield "infinity", -math.inf
    yield "a list with NaN in it", [draw.random(), math.nan]
    yield "a dictionary with a tuple as its key", {("Oslo", draw.randrange(9)): 1}
    yield "a dictionary that holds itself", loop
    yield "an object whose repr raises", _Unreadable()


def check_to_line(to_line: Callable[..., Any]) -> None:
    """One line of JSON, whatever the fields hold; no field takes another one with it."""
    draw = Chance().stream("to_line")
    plain = {
        "event": "run finished",
        "tokens": draw.randrange(10**6),
        "note": f'He said "NaN"\n{{"level": {draw.randrange(99)}}}',
        "tools": ["get_weather", None, True, {"cost_usd": draw.random()}],
    }
    seen = parsed(calling("No field here is unusual.", to_line, None, "info", dict(plain)))
    for name, value in plain.items():
        expect(name in seen, f"The field `{name}` is not in the line.")
        told = f"`{name}` was {value!r} and came out as {seen[name]!r}. JSON can hold it as it is."
        expect(seen[name] == value, told)
    for what, value in _odd_values(draw):
        tokens = draw.randrange(10**6)
        event = {"event": "odd", "thing": value, "tokens": tokens}
        before = dict(event)
        rule = f"A log call never raises, whatever a field holds. Here it held {what}."
        seen = parsed(calling(rule, to_line, None, "info", event))
        lost = f"With {what} in one field, the line is {short(seen)}.\n"
        expect(seen.get("tokens") == tokens, lost + "Another field, `tokens`, went with it.")
        expect("thing" in seen, lost + "Nobody can see that there was a field `thing`.")
        same = event.keys() == before.keys() and all(event[k] is before[k] for k in before)
        expect(same, f"With {what} in it, the event itself was changed. It is not yours.")


# -- Step 2 ------------------------------------------------------------------------------
def check_make_logger(make_logger: Callable[..., Any]) -> None:
    """Time, level, event, context and fields; nothing below the minimum; nothing shared."""
    with _configuration_kept():
        draw = Chance().stream("make_logger")
        _one_event(make_logger, draw)
        _names_of_ours(make_logger, draw)
        _context(make_logger, draw)
        for minimum in draw.sample(LEVELS, 3):
            _minimum(make_logger, minimum)
        _two_loggers(make_logger)


@contextmanager
def _configuration_kept() -> Iterator[None]:
    """Put structlog's global configuration back, if an answer changes it."""
    known, kept = structlog.is_configured(), structlog.get_config()
    try:
        yield
    finally:
        structlog.configure(**kept)
        if not known:
            structlog.reset_defaults()


def _logged(make_logger: Callable[..., Any], now: Any, fields: Fields, context: Fields) -> Fields:
    lines = Lines()

    def mark(_: object, __: str, event: Any) -> Any:
        return {**event, "marked": True}

    def log_one_event() -> None:
        log = make_logger(lines, now, [mark, answers_1.to_line])
        expect(log is not None, "make_logger gave None: did you forget a `return`?")
        with bound_contextvars(**context):
            log.info("run finished", **fields)

    scene(log_one_event)
    raw = lines.kept[:1]
    expect(len(lines.kept) == 1, f"log.info was called once; `output` got {len(lines.kept)} lines.")
    ran = isinstance(raw[0], str) and "marked" in raw[0]
    expect(ran, f"The output got {short(raw[0])}: the processors that were passed in did not run.")
    return lines.take()[0]


def _one_event(make_logger: Callable[..., Any], draw: Draw) -> None:
    moment, tokens = some_moment(draw), draw.randrange(10**6)
    there = timezone(timedelta(hours=draw.choice([-7, 2, 9])))
    seen = _logged(make_logger, now_of(moment.astimezone(there)), {"tokens": tokens}, {})
    for name in ("event", "level", "timestamp"):
        expect(name in seen, f"The line has no `{name}`: {short(seen)}")
    expect(seen["event"] == "run finished", f"`event` is {seen['event']!r}, not what was logged.")
    expect(seen["level"] == "info", f"log.info made a line with `level` {seen['level']!r}.")
    expect(seen.get("tokens") == tokens, f"The caller's field `tokens` is not in {short(seen)}.")
    _timestamp(seen["timestamp"], moment)


def _timestamp(text: Any, moment: datetime) -> None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Wrong(f"`timestamp` is {text!r}, which is not a time in ISO format.") from None
    expect(time.tzinfo is not None, f"`timestamp` {text!r} does not say its time zone.")
    expect(time == moment, f"`timestamp` is {text!r}. That is not the time that now() gives.")
    in_utc = time.utcoffset() == timedelta(0)
    expect(
        in_utc, f"`timestamp` {text!r} is right, but not in UTC: lines cannot be sorted as text."
    )


def _names_of_ours(make_logger: Callable[..., Any], draw: Draw) -> None:
    moment, theirs = some_moment(draw), f"{_CALLERS} {draw.randrange(99)}"
    seen = _logged(make_logger, now_of(moment), {"level": theirs, "timestamp": theirs}, {})
    call_was = f'log.info("run finished", level={theirs!r}, timestamp={theirs!r})'
    for name in ("level", "timestamp"):
        replaced = f"After {call_was} the line's `{name}` is the caller's."
        expect(seen.get(name) != theirs, replaced)
    kept = sum(theirs == value for value in seen.values())
    expect(kept >= 2, f"After {call_was} what the caller gave is lost: {short(seen)}")


def _context(make_logger: Callable[..., Any], draw: Draw) -> None:
    session = f"session-{draw.randrange(10**6)}"
    seen = _logged(make_logger, now_of(some_moment(draw)), {}, {"session_id": session})
    told = f"`session_id` was bound as context, and is missing in the line {short(seen)}."
    expect(seen.get("session_id") == session, told)


def _minimum(make_logger: Callable[..., Any], minimum: str) -> None:
    lines = Lines()

    def log_at_each_level() -> None:
        log = make_logger(lines, now_of(VIRTUAL_START), [answers_1.to_line], minimum)
        for level in LEVELS:
            getattr(log, level)("tick", number=LEVELS.index(level))

    scene(log_at_each_level)
    came = [LEVELS[event["number"]] for event in lines.take()]
    for level in LEVELS:
        wanted = LEVELS.index(level) >= LEVELS.index(minimum)
        got = "was dropped" if wanted else "got through"
        told = f"With minimum={minimum!r}, an event of level {level} {got}."
        expect((level in came) == wanted, told)


def _two_loggers(make_logger: Callable[..., Any]) -> None:
    first, second = Lines(), Lines()

    def log_with_two() -> None:
        logs = [
            make_logger(lines, now_of(VIRTUAL_START), [answers_1.to_line])
            for lines in (first, second)
        ]
        logs[0].info("first")
        logs[1].info("second")

    scene(log_with_two)
    names = [[event.get("event") for event in lines.take()] for lines in (first, second)]
    told = f"Of two loggers with an output each, one wrote {names[0]} and the other {names[1]}.\n"
    expect(names == [["first"], ["second"]], told + "What one sets must not change the other.")
