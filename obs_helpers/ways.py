"""The ways to the store and to the log file, each with a tally of what became of it."""

from collections.abc import Iterator
from typing import Any, Protocol

from obs_helpers.health import Tally, Way
from obs_helpers.signals.sinks import Line, Sink
from obs_helpers.sources import Source
from obs_helpers.store import Store


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
    """A sink for log lines that counts."""

    def __init__(self, write: Sink, tally: Tally) -> None:
        """Write with `write`."""
        self._write, self._tally = write, tally

    def write(self, line: Line) -> None:
        """Write the line; raises what the file raises."""
        try:
            self._write(line)
        except Exception as error:
            self._tally.failed(error, lost=1)
            raise
        self._tally.succeeded(1)

    def ways(self) -> list[Way]:
        """Return what became of the lines."""
        tally: Any = self._tally
        return [Way("logs", "file", 0, None, tally.delivered, tally.dropped, **tally.last())]
