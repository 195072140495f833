"""Unit tests for rules: made-up minutes in, states out, as promtool does it.

A series says what happens in each minute:

    100ok x10, 90ok 10err x10, _ x5, 20ok@6s, 5ok$0.10#9000, 3ok 7err:get_weather

Ten minutes of a hundred good runs, ten with a tenth of them failed, five idle ones, one
of runs that take six seconds, one of runs that cost ten cents and 9,000 tokens, one of
tool calls. `?` is a minute in which the store does not answer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from obs_helpers import conventions as c
from obs_helpers.alerting.alert import State
from obs_helpers.alerting.conditions import parse_duration
from obs_helpers.alerting.preview import Preview, history
from obs_helpers.alerting.rules import AlertRule
from obs_helpers.schema import TABLES
from obs_helpers.store import Store

START = datetime(2026, 1, 5, tzinfo=UTC)
IDLE, FAILING = "_", "?"
_EVENTS = re.compile(
    r"(?P<count>\d+)(?P<outcome>ok|err)(?:@(?P<duration>[0-9a-z]+))?"
    r"(?:\$(?P<usd>\d+(?:\.\d+)?))?(?:#(?P<tokens>\d+))?(?::(?P<tool>\w+))?"
)


@dataclass(frozen=True, slots=True)
class Events:
    """Equal runs, or tool calls, of one minute."""

    count: int
    failed: bool
    duration_s: float = 1.0
    usd: Decimal | None = None
    tokens: int | None = None
    tool: str | None = None


Minute = tuple[Events, ...] | None
"""What happens in one minute; None if the store does not answer at its end."""


def parse_series(text: str) -> list[Minute]:
    """Return the minutes that a series describes.

    Raises:
        ValueError: a part is not understood; the message names it.
    """
    minutes: list[Minute] = []
    for step in text.split(","):
        words = step.split()
        repeats = int(words.pop()[1:]) if words and re.fullmatch(r"x\d+", words[-1]) else 1
        if words == [FAILING]:
            minutes += [None] * repeats
        elif words == [IDLE]:
            minutes += [()] * repeats
        else:
            minutes += [tuple(_events(word, step) for word in words or [""])] * repeats
    return minutes


def _events(word: str, step: str) -> Events:
    match = _EVENTS.fullmatch(word)
    if match is None:
        msg = f"{word!r} in {step.strip()!r} is not understood; write 20ok, 3err@6s or 5ok:tool"
        raise ValueError(msg)
    usd, tokens = match["usd"], match["tokens"]
    return Events(
        int(match["count"]),
        match["outcome"] == "err",
        parse_duration(match["duration"] or "1s"),
        Decimal(usd) if usd else None,
        int(tokens) if tokens else None,
        match["tool"],
    )


def fill(store: Store, minutes: Sequence[Minute], start: datetime = START) -> None:
    """Write the spans of `minutes` to `store`; minute n ends n minutes after `start`."""
    rows = [
        row
        for number, minute in enumerate(minutes)
        for row in _spans(minute or (), start + timedelta(minutes=number), number)
    ]
    store.append("spans", rows)


def _spans(events: Sequence[Events], begin: datetime, number: int) -> Iterator[tuple[Any, ...]]:
    for kind, one in enumerate(events):
        for n in range(one.count):
            end = begin + timedelta(seconds=60 * (n + 1) / one.count)
            trace_id = f"{number:08x}{kind:08x}{n:016x}"
            operation = c.EXECUTE_TOOL if one.tool else c.INVOKE_AGENT
            yield _span(trace_id, operation, end, one, tool=one.tool)
            if one.usd is not None or one.tokens is not None:
                yield _span(trace_id, c.CHAT, end, one, cost_usd=one.usd,
                            input_tokens=one.tokens, output_tokens=0)  # fmt: skip


def _span(
    trace_id: str, operation: str, end: datetime, one: Events, **more: Any
) -> tuple[Any, ...]:
    begin = end - timedelta(seconds=one.duration_s)
    row = {
        "trace_id": trace_id, "span_id": trace_id[-16:], "operation": operation,
        "start_time": _us(begin), "end_time": _us(end), "duration_s": one.duration_s,
        "status": "ERROR" if one.failed else "UNSET", "attributes": "{}", **more,
    }  # fmt: skip
    return tuple(row.get(column) for column in TABLES["spans"])


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def run_rule(rule: AlertRule, series: str) -> Preview:
    """Return what `rule` does at the end of each minute of `series`."""
    minutes = parse_series(series)
    store = Store()
    fill(store, minutes)
    moments = [START + timedelta(minutes=n) for n in range(1, len(minutes) + 1)]
    failing = {moment for moment, minute in zip(moments, minutes, strict=True) if minute is None}
    try:
        return history(rule, store, moments, failing)
    finally:
        store.close()


def check_rule(rule: AlertRule, series: str, expect: Mapping[str, str]) -> None:
    """Check what `rule` does with `series`.

    Args:
        rule: The rule.
        series: What happens, minute by minute.
        expect: States by time, `{"18m": "firing"}`; with `by`, the labels stand behind:
            `{"18m": "firing tool=get_weather"}`. `inactive` is no alert at all.

    Raises:
        AssertionError: it does something else; the message says what, at each time.
    """
    done = run_rule(rule, series)
    wrong = []
    for time, wanted in expect.items():
        number, rest = divmod(parse_duration(time), 60)
        if rest or not 1 <= number <= len(done.moments):
            wrong.append(f"{time}: the series has the minutes 1m to {len(done.moments)}m")
            continue
        found = [
            (" ".join((alert.state.value, *alert.tags)), alert.reason)
            for alert in done.alerts[int(number) - 1]
            if alert.state not in (State.INACTIVE, State.RESOLVED)
        ] or [(State.INACTIVE.value, "")]
        if wanted not in [state for state, _ in found]:
            seen = "; ".join(f"{state} ({reason})" if reason else state for state, reason in found)
            wrong.append(f"{time}: expected {wanted}, was {seen}")
    if wrong:
        raise AssertionError(f"{rule.name}: " + "\n".join(wrong))
