"""Where the store takes rows from: whoever makes telemetry offers a source."""

from typing import Any, Protocol, runtime_checkable


class Source(Protocol):
    """Where the store takes rows from."""

    table: str
    dropped: int

    def drain(self) -> list[tuple[Any, ...]]:
        """Return the rows made since the last call, in the order of the columns."""
        ...


@runtime_checkable
class Provisional(Protocol):
    """A source whose rows are there before they are final."""

    def running(self) -> list[tuple[Any, ...]]:
        """Return the rows that are not final yet; those of the call before go."""
        ...
