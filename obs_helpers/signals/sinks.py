"""Where log lines go: the running cell, the store; a file is in `log_file`."""

import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from obs_helpers.conventions import ENVELOPE
from obs_helpers.limits import MAX_WAITING, MAX_WAITING_TEXT

Line = bytes
Sink = Callable[[Line], None]

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def console(line: Line) -> None:
    """Print the line where the calling cell prints."""
    sys.stdout.write(line.decode() + "\n")


class LineBuffer:
    """Keeps lines until the store takes them, and counts what found no room."""

    table = "logs"

    def __init__(self, limit: int = MAX_WAITING) -> None:
        """Hold `limit` lines at the most."""
        self.limit, self.dropped, self._text = limit, 0, 0
        self._lines: deque[Line] = deque()

    def write(self, line: Line) -> None:
        """Keep the line, or count it as dropped."""
        text = self._text + len(line)
        if len(self._lines) >= self.limit or text > MAX_WAITING_TEXT:
            self.dropped += 1
        else:
            self._lines.append(line)
            self._text = text

    def __len__(self) -> int:
        return len(self._lines)

    def drain(self) -> list[tuple[Any, ...]]:
        """Return and forget what is kept, as rows of the store's `logs`."""
        rows = [_row(orjson.loads(line)) for line in list(self._lines)]
        for _ in rows:  # only now: an interrupt until here loses nothing
            self._lines.popleft()
        self._text = sum(map(len, list(self._lines)))
        return rows


def _row(event: dict[str, Any]) -> tuple[Any, ...]:
    time_us = (datetime.fromisoformat(event.pop("timestamp")) - _EPOCH) // _MICROSECOND
    known = [event.pop(name, None) for name in ENVELOPE[1:]]
    return (time_us, *known, orjson.dumps(event).decode())
