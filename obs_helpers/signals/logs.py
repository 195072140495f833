"""Structured logs: structlog events, one JSON object a line.

A log call never raises and never tears a line. Whatever JSON cannot hold is written
as text, whatever was cut or renamed shows that it was.
"""

import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from obs_helpers.clock import NS_PER_S, Clock, SystemClock
from obs_helpers.conventions import ENVELOPE
from obs_helpers.safe_json import dumps, free_name, plain_text
from obs_helpers.signals.log_sampling import LogSampler
from obs_helpers.signals.sinks import Line, Sink

Event = MutableMapping[str, Any]

_STACKS = ExceptionDictTransformer(show_locals=False)
_IDS = ("timestamp", "level", "trace_id", "span_id")
_OURS = ("event", "logger_name")
"""Fields that structlog and `get_logger` need: a caller's of that name gets a `_`."""

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def _iso_clock(clock: Clock) -> Callable[[], str]:
    """Return a function that tells the time in ISO 8601, UTC, to the microsecond."""
    time_ns, cached = clock.time_ns, (-1, "")

    def iso() -> str:
        nonlocal cached
        seconds, ns = divmod(time_ns(), NS_PER_S)
        known = cached  # another thread may be in the next second already
        if seconds != known[0]:
            known = (seconds, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)))
            cached = known
        return f"{known[1]}.{ns // 1000:06d}Z"

    return iso


class Output:
    """Where every logger of this process writes; `configure` changes its content.

    structlog's loggers keep the first output they see, so there is one, for good.
    """

    def __init__(self) -> None:
        self.processors: list[Any] = []
        self.level = LEVELS["info"]
        self.sinks: tuple[Sink, ...] = ()
        self.sampler: LogSampler | None = None
        self.errors = 0
        self.now: Callable[[], str] = _iso_clock(SystemClock())

    def way(self, level: str, event: str) -> Sink | None:
        """Return what takes a line of this level and event, None if sampling drops it."""
        try:
            return self.sampler.way(level, event) if self.sampler else self.write
        except Exception:
            self.errors += 1
            return self.write

    def write(self, line: Line) -> None:
        """Hand the line to every sink; a sink that fails harms nobody else."""
        for sink in self.sinks:
            try:
                sink(line)
            except Exception:
                self.errors += 1


OUTPUT = Output()


class EventLogger(structlog.BoundLoggerBase):
    """structlog's bound logger, with calls that accept any field name and never raise."""

    def debug(self, event: object, /, *args: object, **fields: Any) -> None:
        """Log details that only a developer needs."""
        self._emit("debug", event, args, fields)

    def info(self, event: object, /, *args: object, **fields: Any) -> None:
        """Log what happened in the normal course of work."""
        self._emit("info", event, args, fields)

    def warning(self, event: object, /, *args: object, **fields: Any) -> None:
        """Log what was handled but should not be normal, such as spent retries."""
        self._emit("warning", event, args, fields)

    def error(self, event: object, /, *args: object, **fields: Any) -> None:
        """Log a request that failed."""
        self._emit("error", event, args, fields)

    def critical(self, event: object, /, *args: object, **fields: Any) -> None:
        """Log what stops the whole service."""
        self._emit("critical", event, args, fields)

    warn, fatal = warning, critical

    def log(self, level: object, event: object, /, *args: object, **fields: Any) -> None:
        """Log at a level by its name or number; what is no level counts as info."""
        names = [name for name, number in LEVELS.items() if level in (name, number)]
        self._emit(names[0] if names else "info", event, args, fields)

    def exception(self, event: object, /, *args: object, **fields: Any) -> None:
        """Log an error with the exception that is being handled."""
        self._emit("error", event, args, {"exc_info": True, **fields})

    def _emit(
        self, level: str, event: object, args: tuple[object, ...], fields: dict[str, Any]
    ) -> None:
        output = self._logger
        if not isinstance(output, Output):  # wrapped by somebody else, with a chain of theirs
            self._proxy_to_logger(level, str(event), *args, **fields)
            return
        if LEVELS[level] < output.level or not output.sinks:
            return
        for name in _OURS:
            if name in fields:
                fields[free_name(f"{name}_", fields)] = fields.pop(name)
        text = plain_text(event)
        way = output.way(level, text)
        if way is None:
            return
        if args:
            try:
                text = text % args
            except Exception:
                fields[free_name("args_", fields)] = args
        try:
            (line,), _ = self._process_event(level, text, fields)
        except Exception as error:  # without the text, which nothing has cleaned
            output.errors += 1
            failed = f"log call failed: {type(error).__name__}"
            line = dumps({"timestamp": output.now(), "level": level, "event": failed})
        way(line)


def get_logger(name: str) -> Any:
    """Return a structlog logger whose lines carry `logger: name`.

    It can be made before `configure`; until then it writes nowhere.
    """
    return structlog.wrap_logger(
        OUTPUT, OUTPUT.processors, EventLogger, cache_logger_on_first_use=True, logger_name=name
    )


class StructuredLogger:
    """The course outline's logger: one call per action of the agent."""

    def __init__(self, name: str) -> None:
        """Log under `name`."""
        self.logger = get_logger(name)

    def log_agent_action(self, action: str, /, **kwargs: Any) -> None:
        """Log `action` at level info with the keywords as fields.

        Never raises. A field named like one of the logger's own (`level`, `event`,
        `timestamp` …) is kept under that name with an underscore added.
        """
        self.logger.info(action, **kwargs)


# -- Configuration ----------------------------------------------------------------------


def configure(
    *,
    clock: Clock | None = None,
    level: str = "info",
    sinks: tuple[Sink, ...] = (),
    current_ids: Callable[[], tuple[str, str] | None] = lambda: None,
    redact: Callable[[Any], Any] | None = None,
    sampler: LogSampler | None = None,
) -> None:
    """Point all loggers, also those in use already, at `sinks`.

    Args:
        clock: Gives the timestamps.
        level: Events below it are dropped first thing.
        sinks: Each gets every line as bytes, without the newline.
        current_ids: Returns trace and span id of the active span, if there is one.
        redact: Gets the event before it is rendered and returns a cleaned copy.
        sampler: Decides which lines are made at all, and which wait; default: all pass.
    """
    iso = _iso_clock(clock or SystemClock())
    chain = [
        structlog.contextvars.merge_contextvars,
        _exception,
        _envelope(iso, current_ids),
        *([_redaction(redact)] if redact else []),
        _render,
    ]
    OUTPUT.processors[:] = chain
    OUTPUT.level = LEVELS[level]
    OUTPUT.now = iso
    OUTPUT.sampler = sampler
    OUTPUT.sinks, OUTPUT.errors = sinks, 0
    structlog.configure(
        processors=OUTPUT.processors,
        wrapper_class=EventLogger,
        logger_factory=lambda *_: OUTPUT,
        cache_logger_on_first_use=True,
    )


def reset() -> None:
    """Take our configuration back; loggers that are still in use write nowhere."""
    OUTPUT.sinks, OUTPUT.sampler = (), None
    structlog.reset_defaults()


def _exception(_: object, __: str, event: Event) -> Event:
    if "exc_info" not in event:
        return event
    given = event.pop("exc_info")
    error = given[1] if isinstance(given, tuple) and len(given) == 3 else given
    if not isinstance(error, BaseException):
        if given is not None and not isinstance(given, bool):
            event[free_name("exc_info_", event)] = given
        error = None if given is None or given is False else sys.exc_info()[1]
    if error is not None:
        stacks = _STACKS((type(error), error, error.__traceback__))
        event[free_name("exception", event)] = stacks
    return event


def _redaction(redact: Callable[[Any], Any]) -> Any:
    def clean(_: object, __: str, event: Event) -> Event:
        cleaned: Event = redact(event)
        if "timestamp" not in cleaned:  # it failed, and a line is nothing without its time
            cleaned = {**{name: event[name] for name in _IDS if name in event}, **cleaned}
        return cleaned

    return clean


def _envelope(iso: Callable[[], str], current_ids: Callable[[], tuple[str, str] | None]) -> Any:
    def add(_: object, level: str, event: Event) -> Event:
        ids = current_ids()
        line: Event = {
            "timestamp": iso(),
            "level": level,
            "logger": event.pop("logger_name", "root"),
            "event": event.pop("event"),
        }
        if ids is not None:
            line["trace_id"], line["span_id"] = ids
        for name, value in event.items():
            if name in ENVELOPE or name in line:
                name = free_name(f"{name}_", line)
            line[name] = value
        return line

    return add


def _render(_: object, __: str, event: Event) -> tuple[tuple[Line], dict[str, Any]]:
    return (dumps(event),), {}
