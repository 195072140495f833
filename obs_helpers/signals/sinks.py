"""Where log lines go: the running cell, a file, the store."""

import logging
import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import orjson

from obs_helpers.conventions import ENVELOPE

Line = bytes
Sink = Callable[[Line], None]

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def console(line: Line) -> None:
    """Print the line where the calling cell prints."""
    sys.stdout.write(line.decode() + "\n")


def rotating_file(path: Path, max_bytes: int, backups: int) -> tuple[Sink, Callable[[], None]]:
    """Write lines to `path`, renamed to `path.1` … when full; for one process only.

    Returns the sink and the function that closes the file.
    """
    handler = _File(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", delay=True)

    def write(line: Line) -> None:
        handler.handle(logging.LogRecord("obs", 20, "", 0, line.decode(), None, None))

    return write, handler.close


class _File(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        raise  # logging would print a traceback for each line


class LineBuffer:
    """Keeps lines until the store takes them, and counts what found no room."""

    table = "logs"

    def __init__(self, limit: int = 100_000) -> None:
        """Hold `limit` lines at the most."""
        self.limit, self.dropped = limit, 0
        self._lines: deque[Line] = deque()

    def write(self, line: Line) -> None:
        """Keep the line, or count it as dropped."""
        if len(self._lines) >= self.limit:
            self.dropped += 1
        else:
            self._lines.append(line)

    def __len__(self) -> int:
        return len(self._lines)

    def drain(self) -> list[tuple[Any, ...]]:
        """Return and forget what is kept, as rows of the store's `logs`."""
        rows = [_row(orjson.loads(line)) for line in list(self._lines)]
        for _ in rows:  # only now: an interrupt until here loses nothing
            self._lines.popleft()
        return rows


def _row(event: dict[str, Any]) -> tuple[Any, ...]:
    time_us = (datetime.fromisoformat(event.pop("timestamp")) - _EPOCH) // _MICROSECOND
    known = [event.pop(name, None) for name in ENVELOPE[1:]]
    return (time_us, *known, orjson.dumps(event).decode())
