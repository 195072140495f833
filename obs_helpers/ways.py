"""The ways to the store and to the log file, each with a tally of what became of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from obs_helpers.clock import Clock
from obs_helpers.health import Tally, Way
from obs_helpers.options import Options
from obs_helpers.signals.sinks import Line
from obs_helpers.sources import Source
from obs_helpers.store import Store

if TYPE_CHECKING:
    from obs_helpers.signals.log_file import LogFile


class Buffer(Source, Protocol):
    """A source that says how much it holds, and can hold."""

    limit: int

    def __len__(self) -> int: ...


class StoreWays:
    """The buffers of the three signals, on their way into the store."""

    def __init__(self, store: Store, tally: Tally) -> None:
        """Count in `tally` what becomes of it."""
        self._store, self._tally = store, tally
        self._buffers: dict[str, Buffer] = {}

    def attach(self, signal: str, buffer: Buffer) -> None:
        """Let the store take from `buffer`."""
        self._buffers[signal] = buffer
        self._store.attach(buffer)

    def flush(self) -> None:
        """Flush the store; what cannot be written waits, and an error is counted."""
        try:
            self._store.flush()
        except Exception as error:
            self._tally.failed(error)
        else:
            self._tally.succeeded(0)

    def ways(self) -> Iterator[Way]:
        """Return what waits and what became of the rest, per signal."""
        store, failures = self._store, self._tally.last()
        for signal, buffer in self._buffers.items():
            yield Way(
                signal,
                "store",
                waiting=len(buffer) + store.unwritten(buffer),
                limit=buffer.limit,
                delivered=store.taken[buffer.table],
                dropped=buffer.dropped + store.refused[buffer.table],
                **failures,
            )


class FileWay:
    """The log file, on which lines that could not be written count as dropped."""

    def __init__(self, file: "LogFile", tally: Tally) -> None:
        """Write to `file`."""
        self._file, self._tally = file, tally

    def write(self, line: Line) -> None:
        """Write the line, and count what became of it."""
        error = self._file.write(line)
        if error is None:
            self._tally.succeeded(1)
        else:
            self._tally.failed(error, lost=1)

    def ways(self) -> list[Way]:
        """Return what became of the lines."""
        tally: Any = self._tally
        return [Way("logs", "file", 0, None, tally.delivered, tally.dropped, **tally.last())]


def open_log_file(path: str | Path, options: Options, clock: Clock) -> "LogFile":
    """Return the log file that `options` describe."""
    from obs_helpers.signals.log_file import LogFile  # loads slowly, and few need it

    return LogFile(
        Path(path).expanduser(),
        clock,
        max_bytes=options.file_bytes,
        backups=options.file_backups,
        every=options.file_every,
        max_age=options.file_max_age,
        compress=options.file_compress,
    )
