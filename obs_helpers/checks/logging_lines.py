"""Exercise 1, steps 1 and 2: what an event becomes, and the logger that writes it."""

import math
from collections.abc import Callable, Iterator, Sequence
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
from obs_helpers.clock import Chance

LEVELS = ("debug", "info", "warning", "error")


# -- Step 1 ------------------------------------------------------------------------------
def _silent(self: object) -> str:
    msg = "the socket is closed"
    raise ConnectionError(msg)


def _odd_values(draw: Draw) -> Iterator[tuple[str, Any, str]]:
    """Yield what it is, the value, and what its text may show (its type's name is enough)."""
    loop: Fields = {"tool": "get_weather"}
    loop["parent"] = loop
    share, moment, size = draw.random(), some_moment(draw), draw.randrange(4_400, 9_000)
    mute = type(draw.choice(["Socket", "Stream", "Cursor"]), (), {"__repr__": _silent})
    yield "a datetime", moment, str(moment.year)
    yield "a set", {share, "Oslo"}, "Oslo"
    yield "an exception", TimeoutError(f"after {share} s"), str(share)
    yield "an object", object(), "object"
    yield "NaN", math.nan, "nan"
    yield "infinity", -math.inf, "inf"
    yield "a list with NaN in it", [share, math.nan], "nan"
    yield "a dictionary with a tuple as its key", {("Oslo", draw.randrange(9)): 1}, "Oslo"
    yield "a dictionary that holds itself", loop, "get_weather"
    yield "an object whose repr raises", mute(), mute.__name__
    yield "a list with an object whose repr raises", [mute()], mute.__name__
    yield f"a whole number of {size} digits", 7 * 10 ** (size - 1), "0" * 9
    yield "half a character", f"Oslo{chr(draw.randrange(0xD800, 0xE000))}", "Oslo"


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
    for what, value, shown in _odd_values(draw):
        _an_odd_value(to_line, draw.randrange(10**6), what, value, shown)


def _an_odd_value(
    to_line: Callable[..., Any], tokens: int, what: str, value: Any, shown: str
) -> None:
    event = {"event": "odd", "thing": value, "tokens": tokens}
    before = dict(event)
    rule = f"A log call never raises, whatever a field holds. Here it held {what}."
    line = calling(rule, to_line, None, "info", event)
    seen = parsed(line)
    lost = f"With {what} in one field, the line is {short(seen)}.\n"
    expect(seen.get("tokens") == tokens, lost + "Another field, `tokens`, went with it.")
    expect("thing" in seen, lost + "Nobody can see that there was a field `thing`.")
    text, kind = str(seen["thing"]).lower(), type(value).__name__
    told = f"Nobody can see what it was. Show the value, or name its type, `{kind}`."
    expect(shown.lower() in text or kind.lower() in text, lost + told)
    same = event.keys() == before.keys() and all(event[k] is before[k] for k in before)
    expect(same, f"With {what} in it, the event itself was changed. It is not yours.")
    broken = f"With {what} in a field, the line cannot be written to a file in UTF-8: {line!a}"
    expect(line.isascii() or line == line.encode("utf-8", "ignore").decode(), broken)


# -- Step 2 ------------------------------------------------------------------------------
def check_make_logger(make_logger: Callable[..., Any]) -> None:
    """Time, level, event, context and fields; nothing below the minimum; nothing shared."""
    with _configuration_kept():
        draw = Chance().stream("make_logger")
        _one_event(make_logger, draw)
        for minima in (("debug", "error"), ("warning", "info")):
            _two_loggers(make_logger, draw, minima)
        _names_of_ours(make_logger, draw)


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
    moment, tokens, session = some_moment(draw), draw.randrange(10**6), str(draw.random())
    there, bound = timezone(timedelta(hours=draw.choice([-7, 2, 9]))), {"session_id": session}
    seen = _logged(make_logger, now_of(moment.astimezone(there)), {"tokens": tokens}, bound)
    for name in ("event", "level", "timestamp"):
        expect(name in seen, f"The line has no `{name}`: {short(seen)}")
    expect(seen["event"] == "run finished", f"`event` is {seen['event']!r}, not what was logged.")
    expect(seen["level"] == "info", f"log.info made a line with `level` {seen['level']!r}.")
    told = f"The caller's field `tokens` is not at the top level of {short(seen)}."
    expect(seen.get("tokens") == tokens, told)
    _timestamp(seen["timestamp"], moment)
    told = f"`session_id` was bound as context, and is missing in the line {short(seen)}."
    expect(seen.get("session_id") == session, told)


def _timestamp(text: Any, moment: datetime) -> None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Wrong(f"`timestamp` is {text!r}, which is not a time in ISO format.") from None
    expect(time.tzinfo is not None, f"`timestamp` {text!r} does not say its time zone.")
    cut = timedelta(0) < moment - time < timedelta(seconds=1)
    why = f"A part of {moment.time()} is gone." if cut else "That is not the time that now() gives."
    expect(time == moment, f"`timestamp` is {text!r}. {why}")
    told = f"`timestamp` {text!r} is right, but not in UTC: lines cannot be sorted as text."
    expect(time.utcoffset() == timedelta(0), told)


def _two_loggers(make_logger: Callable[..., Any], draw: Draw, minima: Sequence[str]) -> None:
    """Both are there before the first one logs: what the second sets must not reach it."""
    outputs, moments = [Lines(), Lines()], [some_moment(draw), some_moment(draw)]

    def made(n: int) -> Any:
        def mark(_: object, __: str, event: Any) -> Any:
            return {**event, "mark": n}

        processors = [mark, answers_1.to_line]
        return make_logger(outputs[n], now_of(moments[n]), processors, minima[n])

    def log_with_two() -> None:
        for log in [made(0), made(1)]:
            for level in LEVELS:
                getattr(log, level)(level)

    scene(log_with_two)
    for n, which in enumerate(("first", "second")):
        case = f"Two loggers were made, the first with minimum={minima[0]!r}, the second with "
        case += f"{minima[1]!r}. Each logged at all levels. To the output of the {which} "
        lines = outputs[n].take()
        seen, wanted = [line.get("event") for line in lines], [*LEVELS[LEVELS.index(minima[n]) :]]
        expect(seen == wanted, f"{case}came {seen}.")
        for line in lines:
            expect(line.get("mark") == n, f"{case}came lines from the other one's processors.")
            time = datetime.fromisoformat(line["timestamp"])
            expect(time == moments[n], f"{case}came a line with {time}; its now() is {moments[n]}.")


def _names_of_ours(make_logger: Callable[..., Any], draw: Draw) -> None:
    """Their `level` and `timestamp` get other names, and those must not be taken either."""
    mine = [f"mine {number}" for number in draw.sample(range(10**4), 4)]
    first = dict(zip(("level", "timestamp"), mine, strict=False))
    seen = _theirs_kept(make_logger, draw, first, {})
    _theirs_kept(make_logger, draw, {}, first)
    names = [next(name for name in seen if seen[name] == text) for text in mine[:2]]
    _theirs_kept(make_logger, draw, first | dict(zip(names, mine[2:], strict=True)), {})


def _theirs_kept(make_logger: Callable[..., Any], draw: Draw, fields: Fields, bound: Fields) -> Any:
    seen = _logged(make_logger, now_of(some_moment(draw)), fields, bound)
    case = f'After log.info("run finished", **{fields}) the caller\'s'
    if bound:
        case = f"After bind_contextvars(**{bound}) the context's"
    for name in ("level", "timestamp"):
        replaced = seen.get(name) in (fields | bound).values()
        expect(not replaced, f"{case} `{name}` took the place of the line's own: {short(seen)}")
    for name, value in (fields | bound).items():
        told = f"{case} `{name}` is lost, or not at the top level: {short(seen)}"
        expect(value in seen.values(), told)
    return seen
