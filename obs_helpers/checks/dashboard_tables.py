"""Checks of the dashboard's tables: requests of each minute, tokens of each hour.

They work as those of its numbers do.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from obs_helpers import conventions as c
from obs_helpers.checks.dashboard_numbers import Question
from obs_helpers.checks.dashboard_traffic import HOUR, MINUTE, Span, Traffic, request, some_day
from obs_helpers.checks.dashboard_values import Table, frame, near, whole_window
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import Chance

if TYPE_CHECKING:
    import random

Sums = dict[datetime, tuple[float, float]]
"""Input and output tokens of hours."""
DAY = 24 * HOUR
_EDGE = timedelta(microseconds=10)
"""A request that begins this long before a minute or an hour goes on in the next one."""


# -- 1: requests per minute -----------------------------------------------------------------
def requests_per_minute(answer: Question) -> None:
    """Check that each minute has its number of runs, and quiet ones have 0."""
    draw = Chance().stream()
    start = some_day(draw) + DAY - draw.randint(5, 9) * MINUTE
    end = start + draw.randint(18, 24) * MINUTE  # over midnight
    requests = _busy_minutes(draw, start, end)
    store, outage = Traffic(requests, draw), (start - 30 * MINUTE, start - 10 * MINUTE)
    for window in ((start, end), outage):
        table = frame(call(answer, store, *window), "minute", ("requests",))
        whole_window(table, *window, MINUTE, "minute")
        _check_counts(table, requests)


def _busy_minutes(draw: "random.Random", start: datetime, end: datetime) -> list[list[Span]]:
    """Return runs in most minutes, none in the last; some before, and one at the very end."""
    minutes = [start + n * MINUTE for n in range((end - start) // MINUTE - 1)]
    quiet = draw.sample(minutes[2:], 4)
    busy = [minute for minute in minutes if minute not in quiet]
    times = [_in(draw, minute, MINUTE) for minute in busy for _ in range(draw.randint(1, 4))]
    requests = [request(draw, at, draw.uniform(1, 9)) for at in times]
    requests += [request(draw, _in(draw, minute, MINUTE), 2.0, "ERROR") for minute in busy[:3]]
    requests += [request(draw, minute, 100.0) for minute in busy[:2]]  # on the stroke, and long
    requests += [request(draw, _in(draw, minute, MINUTE), None) for minute in busy[2:4]]
    requests += [requests[0], request(draw, minutes[1] - _EDGE)]  # two at the same time
    requests += [request(draw, quiet[0] - ago) for ago in (HOUR, DAY)]
    # Somebody called the model without a run: a span without a parent that is no request.
    requests += [[Span(c.CHAT, _in(draw, minute, MINUTE))] for minute in (busy[1], quiet[1])]
    return [*requests, request(draw, end), request(draw, start - MINUTE, 100.0)]


def _in(draw: "random.Random", start: datetime, length: timedelta) -> datetime:
    return start + draw.uniform(0.001, 0.999) * length


def _check_counts(table: Table, requests: list[list[Span]]) -> None:
    spans = [span for each in requests for span in each]
    runs = [span for span in spans if span.is_run]
    ended = [span for span in runs if span.duration_s is not None]
    good = [span for span in runs if span.status != "ERROR"]
    right = _per_minute(s.at for s in runs)
    traces = Counter(at for each in requests for at in _per_minute(s.at for s in each))
    again = right + _per_minute(s.at + DAY for s in runs)
    roots = _per_minute(each[0].at for each in requests)
    slips = [
        (again, "runs of the day before, at the same time, are in it"),
        (_per_minute(s.at for s in good), "failed runs are left out; they were requests, too"),
        (_per_minute(s.at for s in spans), "model and tool calls are counted, too"),
        (roots, "a span without a parent is not always a run; its operation says what it is"),
        (_per_minute(s.at for s in ended), "runs that are still going on are left out"),
        (_per_minute(s.end for s in ended), "count a run when it starts, not when it ends"),
        (traces, "a run that goes on in the next minute is counted there, too"),
    ]
    for at, (counted,) in table.items():
        if counted == right[at]:
            continue
        said = f"At {at:%H:%M} yours is {counted:g}: "
        for counts, text in slips:
            expect(any(n != counts[at] for at, (n,) in table.items()), said + text)
        expect(right[at], said + "no run started in that minute, so the rate is 0 there")
        raise Wrong(said + "that is not the number of runs that started in this minute")


def _per_minute(times: Iterable[datetime]) -> Counter[datetime]:
    return Counter(at.replace(second=0, microsecond=0) for at in times)


# -- 4: tokens per hour ---------------------------------------------------------------------
def tokens_per_hour(answer: Question) -> None:
    """Check the sums of input and output of model calls, and that quiet hours have 0."""
    draw = Chance().stream()
    start = some_day(draw) + draw.randint(18, 20) * HOUR
    end = start + draw.randint(7, 9) * HOUR  # over midnight
    requests = _busy_hours(draw, start, end)
    store, outage = Traffic(requests, draw), (start - 5 * HOUR, start - 2 * HOUR)
    for window in ((start, end), outage):
        table = frame(call(answer, store, *window), "hour", ("input", "output"))
        whole_window(table, *window, HOUR, "hour")
        _check_sums(table, requests)


def _busy_hours(draw: "random.Random", start: datetime, end: datetime) -> list[list[Span]]:
    """Return calls in most hours; some on the stroke, two alike, one an hour after its run."""
    hours = [start + n * HOUR for n in range((end - start) // HOUR - 1)]
    quiet = draw.sample(hours[2:], 2)
    times = [_in(draw, at, HOUR) for at in hours if at not in quiet for _ in range(4)]
    requests = [request(draw, at) for at in times]
    run, first, *_ = request(draw, times[1])
    run = replace(run, tokens=(None, None, None))
    sharp = (start, hours[1], end)
    requests += [[replace(run, at=at), replace(first, at=at)] for at in (times[1], *sharp)]
    requests += [requests[0], [Span(c.CHAT, times[-1], status="ERROR")]]  # it failed: no tokens
    outside = (start - MINUTE, times[-1] - DAY)
    return [*requests, *(request(draw, at) for at in (hours[1] - _EDGE, *outside))]


def _check_sums(table: Table, requests: list[list[Span]]) -> None:
    right = _tokens(s for each in requests for s in each if s.operation == c.CHAT)
    for at, found in table.items():
        if all(map(near, found, right.get(at, (0, 0)))):
            continue
        say = f"At {at:%H:%M} yours is {found[0]:.8g} input and {found[1]:.8g} output: "
        for sums, text in _token_slips(requests):
            expect(not all(map(near, found, sums.get(at, (-1, -1)))), say + text)
        expect(at in right, say + "no model call started in that hour")
        raise Wrong(say + "these are not the sums over the hour's model calls")


def _token_slips(requests: list[list[Span]]) -> list[tuple[Sums, str]]:
    spans = [span for each in requests for span in each]
    runs = [span for span in spans if span.is_run]
    calls = [span for span in spans if span.operation == c.CHAT]
    right, n = _tokens(calls), Counter(_hour(span) for span in calls if span.tokens[0])
    with_run = [replace(s, at=each[0].at) for each in requests for s in each if s in calls]
    sharp = [span for span in calls if not span.at.minute and not span.at.microsecond]
    before = [replace(span, at=span.at - _EDGE) for span in sharp]
    again = [replace(span, at=span.at + DAY) for span in calls]
    text = "a call on the stroke of an hour belongs to that hour, and to no other one"
    means = {at: (read / n[at], written / n[at]) for at, (read, written) in right.items()}
    return [
        (_tokens(spans), "runs repeat the sum of their calls; yours counts these tokens twice"),
        (_tokens(runs), "not every run has the sum of its calls"),
        (_tokens(calls, cached=1), "cached tokens are part of the input; yours adds them again"),
        (_tokens(calls, cached=-1), "cached tokens are part of the input; yours leaves them out"),
        (means, "give the sum of the hour, not the mean of a call"),
        ({at: pair[::-1] for at, pair in right.items()}, "input and output are exchanged"),
        (
            _tokens(replace(s, at=s.end) for s in calls),
            "a call counts at its start, not at its end",
        ),
        (_tokens(with_run), "a call counts when it starts itself, not when its run does"),
        (_tokens(span for span in calls if span not in sharp), text),
        (_tokens(calls + before), text),
        (_tokens(calls + again), "calls of the day before, at the same time, are in it"),
    ]


def _hour(span: Span) -> datetime:
    return span.at.replace(minute=0, second=0, microsecond=0)


def _tokens(spans: Iterable[Span], cached: int = 0) -> Sums:
    sums: Sums = {}
    for span in spans:
        read, written, kept = (n or 0 for n in span.tokens)
        before = sums.get(_hour(span), (0, 0))
        if read:
            sums[_hour(span)] = (before[0] + read + cached * kept, before[1] + written)
    return sums
