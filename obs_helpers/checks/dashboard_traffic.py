"""Traffic that a check makes for itself: spans of which it knows everything."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from obs_helpers import conventions as c
from obs_helpers.schema import TABLES
from obs_helpers.store import Row, Store

if TYPE_CHECKING:
    import random

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""Times here are UTC without saying so, as in the store."""
_NAMES = {c.INVOKE_AGENT: "travel-desk", c.CHAT: "scripted-1", c.EXECUTE_TOOL: "get_weather"}
_NO_TOKENS: tuple[None, ...] = (None, None, None)


@dataclass(frozen=True, slots=True)
class Span:
    """What the steps of this exercise are about."""

    operation: str
    at: datetime
    duration_s: float | None = 1.0
    """None: it has not ended."""
    status: str = "UNSET"
    cancelled: bool | None = None
    """None: the span does not say."""
    tokens: tuple[int | None, ...] = _NO_TOKENS
    """Input, output, and those of the input that were cached."""
    usd: float | None = None

    @property
    def end(self) -> datetime:
        """Return when it ended, or when it began if it has not."""
        return self.at + timedelta(seconds=self.duration_s or 0)

    @property
    def is_run(self) -> bool:
        """Tell whether it is a request."""
        return self.operation == c.INVOKE_AGENT


Request = Sequence[Span]
"""A run, and the model and tool calls in it."""


class Traffic(Store):
    """A store with `requests` in it, in no order at all."""

    def __init__(self, requests: Iterable[Request], draw: "random.Random") -> None:
        """Insert all rows."""
        super().__init__()
        traces, spans = count(1), count(1)
        rows = [row for request in requests for row in _rows(request, next(traces), spans)]
        draw.shuffle(rows)
        self.append("spans", rows)

    def __repr__(self) -> str:
        """Be short where a message shows the arguments of a call."""
        return "store"


def _rows(request: Request, trace: int, numbers: Iterator[int]) -> Iterator[Row]:
    parent = None
    for span in request:
        number = f"{next(numbers):016x}"
        attributes: dict[str, Any] = {c.OPERATION: span.operation}
        if span.cancelled is not None:
            attributes |= {c.CANCELLED: span.cancelled}
        columns: dict[str, Any] = dict.fromkeys(TABLES["spans"])
        columns |= {"trace_id": f"{trace:032x}", "span_id": number, "parent_id": parent}
        columns |= {"operation": span.operation, "service": "agent", "kind": "INTERNAL"}
        columns |= {"name": f"{span.operation} {_NAMES[span.operation]}"}
        columns |= {"start_time": _us(span.at), "duration_s": span.duration_s}
        columns |= {"status": span.status, "cost_usd": span.usd}
        if span.duration_s is not None:
            columns |= {"end_time": _us(span.end)}
        names = ("input_tokens", "output_tokens", "cached_tokens")
        columns |= dict(zip(names, span.tokens, strict=True))
        columns |= {"attributes": json.dumps(attributes)}
        yield tuple(columns.values())
        parent = parent or number


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def some_day(draw: "random.Random") -> datetime:
    """Return a midnight."""
    return EPOCH + timedelta(days=draw.randrange(20_000, 22_000))


def request(
    draw: "random.Random",
    at: datetime,
    duration_s: float | None = 1.0,
    status: str = "UNSET",
    cancelled: bool | None = None,
) -> list[Span]:
    """Return a run at `at` with two model calls and a tool call; the tool may have failed.

    The run repeats the sum of the tokens and of the cost, as some libraries do.
    """
    if duration_s is None:
        status = "RUNNING"
    calls = [_call(draw, at + timedelta(microseconds=9 * n)) for n in (1, 2)]
    tool_status = draw.choice(("UNSET", "ERROR"))
    tool = Span(c.EXECUTE_TOOL, at + timedelta(microseconds=30), 0.2, tool_status)
    sums = tuple(sum(call.tokens[n] or 0 for call in calls) for n in range(3))
    usd = sum(call.usd or 0 for call in calls)
    return [Span(c.INVOKE_AGENT, at, duration_s, status, cancelled, sums, usd), *calls, tool]


def priced(at: datetime, usd: float, duration: timedelta = timedelta(seconds=1)) -> list[Span]:
    """Return a request with one model call that cost `usd`."""
    call = Span(c.CHAT, at, duration.total_seconds(), tokens=(900, 90, 0), usd=round(usd, 9))
    return [replace(call, operation=c.INVOKE_AGENT), call]


def _call(draw: "random.Random", at: datetime) -> Span:
    whole = draw.randint(200, 900)
    tokens = (whole, draw.randint(20, 90), draw.randint(50, whole // 2))
    return Span(c.CHAT, at, draw.uniform(0.2, 0.5), tokens=tokens, usd=whole / 100_000)
