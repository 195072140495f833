"""Right answers to the exercise 01-logging-framework, cut from its solution."""

import contextvars
import json
import logging
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor


def to_line(logger: object, level: str, event: EventDict) -> str:
    """Return `event` as one line of JSON, without a line break at its end.

    >>> to_line(None, "info", {"event": "run finished", "tokens": 638})
    '{"event": "run finished", "tokens": 638}'
    """

    def text_of(value: object) -> str:
        try:
            return repr(value)
        except Exception:  # a repr that raises, a number too long for a text
            return f"<{type(value).__name__}>"

    fields = {}
    for name, value in event.items():
        try:
            json.dumps(value, default=text_of, allow_nan=False)  # only to see whether it raises
            fields[name] = value
        except Exception:  # NaN, a loop, a key of an odd kind
            fields[name] = text_of(value)
    return json.dumps(fields, default=text_of)


def make_logger(
    output: Any, now: Callable[[], datetime], processors: Sequence[Processor], minimum: str = "info"
) -> Any:
    """Return a logger.

    Args:
        output: Gets each line, by its method `debug`, `info`, `warning` or `error`.
        now: Tells the time, with its time zone.
        processors: Run after the fields of our own are there; the last one makes a text.
        minimum: The lowest level that is logged: debug, info, warning or error.
    """

    def envelope(_: object, level: str, event: EventDict) -> EventDict:
        for name in ("timestamp", "level"):
            free = name
            while free in event:
                free += "_"
            if free != name:
                event[free] = event.pop(name)
        return {"timestamp": now().astimezone(UTC).isoformat(), "level": level, **event}

    return structlog.wrap_logger(
        output,
        processors=[merge_contextvars, envelope, *processors],
        wrapper_class=structlog.make_filtering_bound_logger(minimum),
    )


def ask(log: Any, sources: Mapping[str, Callable[[], str]]) -> str | None:
    """Return the answer of the first source, by its tool's name, that has one; log each step."""
    for tool, source in sources.items():
        try:
            answer = source()
        except Exception as error:
            log.warning("tool call failed", tool=tool, error=repr(error))
        else:
            log.debug("tool result", tool=tool, size=len(answer))
            log.info("run finished")
            return answer
    log.error("run failed")
    return None


async def handle(log: Any, session: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """Return what `work()` returns; its lines, and two of ours, carry `session_id`."""
    with bound_contextvars(session_id=session):
        log.info("asked")
        answer = await work()
        log.info("answered")
        return answer


def submit(pool: ThreadPoolExecutor, function: Callable[..., Any], *args: Any) -> Future[Any]:
    """Call `function(*args)` in a thread of `pool`, with a copy of the caller's context."""
    context = contextvars.copy_context()
    return pool.submit(context.run, function, *args)


def exception_fields(logger: object, level: str, event: EventDict) -> EventDict:
    """Return the event with `error_type`, `error_message` and `stack` instead of `exc_info`."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]  # None if there is none
    if isinstance(error, BaseException):
        event["error_type"] = type(error).__name__
        try:
            event["error_message"] = str(error)
        except Exception:  # a log call must not raise
            event["error_message"] = "(its str raised)"
        event["stack"] = "".join(traceback.format_exception(error))
    return event


def open_log(path: Path, max_bytes: int, backups: int) -> Any:
    """Return an output that writes to `path`, of `max_bytes` bytes, with `backups` old files."""
    output = logging.getLogger(f"log of {path}")
    for old in output.handlers[:]:  # of an earlier call
        output.removeHandler(old)
        old.close()
    handler = RotatingFileHandler(
        path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", delay=True
    )
    output.addHandler(handler)
    output.setLevel(logging.DEBUG)
    output.propagate = False
    return output


def is_card(digits: str) -> bool:
    """Tell whether `digits`, without spaces, could be the number of a payment card.

    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    total = sum(doubled) + sum(int(digit) for digit in digits[::-2])
    return 13 <= len(digits) <= 19 and total % 10 == 0


EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
GROUP = re.compile(r"(?<!\w)(?<!\d\.)\d")  # where a group of digits begins


def mask(text: str) -> str:
    """Return `text` with `[EMAIL]` for each address and `[CARD]` for each card."""
    text, begin = EMAIL.sub("[EMAIL]", text), 0
    while group := GROUP.search(text, begin):
        begin = group.end()
        for more in range(18, 11, -1):  # a card is 13 to 19 digits that end with a group
            found = re.compile(rf"\d(?:[ -]?\d){{{more}}}(?!\w)").match(text, group.start())
            if found and is_card(re.sub(r"\D", "", found[0])):
                text = f"{text[: found.start()]}[CARD]{text[found.end() :]}"
                break
    return text


def redact(logger: object, level: str, event: EventDict) -> EventDict:
    """Return a copy of `event` without e-mail addresses and card numbers."""

    def clean(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {clean(key): clean(item) for key, item in value.items()}
        if isinstance(value, list | set):
            return [clean(item) for item in value]
        if isinstance(value, tuple):  # it may be a key, which a list cannot be
            return tuple(clean(item) for item in value)
        text = value if isinstance(value, str) else repr(value)
        masked = mask(text)
        return value if masked == text else masked

    return dict(clean(event))
