"""Checks of the dashboard's numbers: requests, response time, errors and tokens.

Each makes its own traffic, with all that can mislead a question in it, and computes the
answer in plain Python. An answer that differs is compared with those of the usual slips.
"""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from obs_helpers import conventions as c
from obs_helpers.checks.dashboard_traffic import (
    HOUR,
    MINUTE,
    Request,
    Span,
    Traffic,
    request,
    some_day,
    within,
)
from obs_helpers.checks.dashboard_values import (
    frame,
    mapping,
    near,
    no_data,
    number,
    same,
    whole_window,
)
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import Chance

if TYPE_CHECKING:
    import random

Question = Callable[..., Any]


# -- 1: requests per minute -----------------------------------------------------------------
def requests_per_minute(answer: Question) -> None:
    """Check that each minute has its number of runs, and quiet ones have 0."""
    draw = Chance().stream()
    start = some_day(draw) + draw.randint(1, 20) * HOUR
    end = start + draw.randint(18, 24) * MINUTE
    requests = _busy_minutes(draw, start, end)
    got = call(answer, Traffic(requests, draw), start, end)
    table = frame(got, "minute", ("requests",))
    whole_window(table, start, end, MINUTE, "minute")
    spans = [span for each in requests for span in each]
    runs = [span for span in spans if span.is_run]
    ended = [span for span in runs if span.duration_s is not None]
    good = [span for span in runs if span.status != "ERROR"]
    right = _per_minute(runs)
    slips = [
        (_per_minute(good), "failed runs are left out; they were requests, too"),
        (_per_minute(spans), "model and tool calls are counted as well; they are no requests"),
        (_per_minute(ended), "runs that are still going on are left out; they have arrived, too"),
        (_per_minute(ended, at_end=True), "count a run when it starts, not when it ends"),
    ]
    explained = [
        text for counts, text in slips if all(n == counts[at] for at, (n,) in table.items())
    ]
    for at, (counted,) in table.items():
        if counted != right[at]:
            said = f"At {at:%H:%M} yours is {counted:g}: "
            expect(not explained, said + "".join(explained[:1]))
            expect(right[at], said + "no run started in that minute, so the rate is 0 there")
            raise Wrong(said + "that is not the number of runs that started in this minute")


def _busy_minutes(draw: "random.Random", start: datetime, end: datetime) -> list[Request]:
    """Return runs in most minutes, none in the last; some before, and one at the very end."""
    minutes = [start + n * MINUTE for n in range((end - start) // MINUTE - 1)]
    quiet = set(draw.sample(minutes[2:], 4))
    busy = [minute for minute in minutes if minute not in quiet]
    times = [within(draw, minute, MINUTE) for minute in busy for _ in range(draw.randint(1, 4))]
    requests: list[Request] = [request(draw, at, draw.uniform(1, 9)) for at in times]
    requests += [request(draw, within(draw, m, MINUTE), 2.0, "ERROR") for m in busy[:3]]
    requests += [request(draw, minute, 100.0) for minute in busy[:2]]  # on the stroke, and long
    requests += [request(draw, within(draw, minute, MINUTE), None) for minute in busy[2:4]]
    return [*requests, request(draw, end), request(draw, start - MINUTE, 100.0)]


def _per_minute(spans: Iterable[Span], at_end: bool = False) -> Counter[datetime]:
    late = [timedelta(seconds=span.duration_s or 0) * at_end for span in spans]
    times = [span.at + more for span, more in zip(spans, late, strict=True)]
    return Counter(at.replace(second=0, microsecond=0) for at in times)


# -- 2: response time -----------------------------------------------------------------------
def response_time(answer: Question) -> None:
    """Check mean, percentiles and number of samples; without runs there are none."""
    draw = Chance().stream()
    start = some_day(draw) + draw.randint(2, 20) * HOUR
    requests = _slow_and_fast(draw, start)
    store = Traffic(requests, draw)
    got = mapping(call(answer, store, start, start + HOUR), ("mean", "p50", "p95", "n"))
    runs = [s for each in requests for s in each if s.is_run and start <= s.at < start + HOUR]
    ended = sorted(s.duration_s for s in runs if s.duration_s is not None)
    _check_samples(got["n"], ended, len(runs), requests, (start, start + HOUR))
    _check_mean(got["mean"], ended, requests, (start, start + HOUR))
    for name, q in (("p50", 0.5), ("p95", 0.95)):
        _check_percentile(name, got[name], q, ended)
    quiet = start - 10 * HOUR
    got = mapping(call(answer, store, quiet, quiet + HOUR), ("mean", "p50", "p95", "n"))
    for name in ("mean", "p50", "p95"):
        no_data(got[name], name, "response time")
    expect(same(got["n"], 0), f"In an hour without runs, n is {got['n']!r}: there is no sample")


def _slow_and_fast(draw: "random.Random", start: datetime) -> list[Request]:
    """Return an hour of runs of which a tenth is slow or failed; two have not ended."""
    fast = [draw.uniform(0.6, 1.9) for _ in range(draw.randint(54, 64))]
    slow = [draw.uniform(6, 12) for _ in range(6)]
    requests: list[Request] = [request(draw, within(draw, start, HOUR), s) for s in fast + slow]
    requests += [
        request(draw, within(draw, start, HOUR), draw.uniform(20, 40), "ERROR") for _ in range(4)
    ]
    requests += [request(draw, within(draw, start, HOUR), None) for _ in range(2)]
    requests += [request(draw, start), *_late_ends(draw, start + HOUR, 3)]
    others = [*_late_ends(draw, start, 1), request(draw, start + HOUR, 20.0)]
    return [*requests, *others, *(request(draw, start - 2 * HOUR, 15.0) for _ in range(8))]


def _check_samples(
    n: object, ended: Sequence[float], runs: int, requests: list[Request], window: Any
) -> None:
    inside = [s for each in requests for s in each if window[0] <= s.at < window[1]]
    say = f"n is {n!r}: "
    expect(not same(n, runs), say + "runs that have not ended have no response time yet")
    all_kinds = (len(inside), sum(s.duration_s is not None for s in inside))
    text = "count runs; model and tool calls are parts of one"
    expect(not any(same(n, count) for count in all_kinds), say + text)
    everything = [s for each in requests for s in each if s.is_run and s.duration_s is not None]
    expect(not same(n, len(everything)), say + "these are all runs of the store, not the window's")
    good = len(ended) - 4
    expect(not same(n, good), say + "failed runs are missing, and their users waited, too")
    one_more = len(ended) + 1
    expect(not same(n, one_more), say + "one run too many; `end` itself is not in the window")
    text = "a run belongs to the window in which it started, even if it ended later"
    expect(not any(same(n, len(ended) - late) for late in (2, 3)), say + text)
    expect(not same(n, len(ended) - 1), say + "one run too few; `start` itself is in the window")
    expect(same(n, len(ended)), say + "it is not the number of runs that started and ended there")


def _check_mean(mean: object, ended: Sequence[float], requests: list[Request], window: Any) -> None:
    real = number(mean, "mean")
    right = statistics.fmean(ended)
    inside = [s for each in requests for s in each if window[0] <= s.at < window[1]]
    say = f"mean is {real:.4g}: "
    expect(not near(real, 1000 * right), say + "give seconds, not milliseconds")
    expect(not near(real, statistics.median(ended)), say + "that is the median")
    parts = [s.duration_s for s in inside if s.duration_s is not None]
    text = "it is the mean over all spans; model and tool calls are parts of a run"
    expect(not near(real, statistics.fmean(parts)), say + text)
    expect(near(real, right), say + "it is not the mean over the runs that ended")


def _check_percentile(name: str, value: object, q: float, ended: Sequence[float]) -> None:
    """Accept every usual definition: they lie between neighbours."""
    real, rank = number(value, name), q * len(ended)
    say = f"{name} is {real:.4g}: "
    low, high = ended[math.floor(rank) - 1], ended[min(math.ceil(rank), len(ended) - 1)]
    expect(not near(real, statistics.fmean(ended)), say + "that is the mean")
    expect(not near(real, ended[-1]), say + "that is the slowest run of all")
    share = 100 * sum(seconds <= real for seconds in ended) / len(ended)
    text = f"{share:.0f} % of the runs took no longer, and it should be {100 * q:.0f} %"
    expect(low - 0.01 <= real <= high + 0.01, say + text)


# -- 3: error rate --------------------------------------------------------------------------
def error_rate(answer: Question) -> None:
    """Check percent and number of runs; who cancelled, or has not ended, is in neither."""
    draw = Chance().stream()
    start = some_day(draw) + draw.randint(8, 20) * HOUR
    store, right, slips = _mixed_hour(draw, start)
    got = mapping(call(answer, store, start, start + HOUR), ("percent", "n"))
    found = (number(got["percent"], "percent"), got["n"])
    say = f"percent is {found[0]:.4g} and n is {found[1]!r}: "
    for (percent, n), text in slips:
        expect(not (near(found[0], percent) and same(found[1], n)), say + text)
    expect(same(found[1], right[1]), say + "n is not the number of runs that ended by themselves")
    expect(not near(found[0], right[0] / 100), say + "that is a fraction; give percent")
    expect(near(found[0], right[0]), say + "percent does not fit the number of failed runs")
    for hours, what in ((-4, "an hour without runs"), (-2, "an hour with cancelled runs only")):
        quiet = start + hours * HOUR
        got = mapping(call(answer, store, quiet, quiet + HOUR), ("percent", "n"))
        expect(same(got["n"], 0), f"In {what}, n is {got['n']!r}: there is nothing to judge by")
        no_data(got["percent"], "percent", "error rate", what)


def _mixed_hour(
    draw: "random.Random", start: datetime
) -> tuple[Traffic, tuple[float, int], list[tuple[tuple[float, int], str]]]:
    """Return an hour of runs of all kinds, its error rate, and what slips make of it."""
    good, failed, gone, open_ = draw.randint(40, 60), draw.randint(6, 9), 5, 3
    said_no = 4  # of the good ones: the attribute is there, and false
    kinds: list[tuple[float | None, str, bool | None]] = [(1.0, "UNSET", None)] * (good - said_no)
    kinds += [(1.0, "UNSET", False)] * said_no + [(2.0, "ERROR", None)] * failed
    kinds += [(0.5, "UNSET", True)] * gone + [(None, "RUNNING", None)] * open_
    requests = [request(draw, within(draw, start, HOUR), *kind) for kind in kinds]
    requests += [request(draw, start), *_late_ends(draw, start + HOUR, 2)]
    good, inside = good + 3, [s for each in requests for s in each]
    requests += [request(draw, start + n * HOUR, 1.0, "ERROR") for n in (-1, 1)]
    requests += _late_ends(draw, start, 1, "ERROR")
    requests += [request(draw, start - HOUR - MINUTE, 0.5, "UNSET", True) for _ in range(3)]
    ended, bad = good + failed, sum(s.status == "ERROR" for s in inside)
    slips = [
        (share(failed, ended + gone + open_), "cancelled and open runs are in n"),
        (share(failed, ended + gone), "cancelled runs are in n; nobody waited for their answer"),
        (share(failed, ended + open_), "runs that have not ended are in n"),
        (share(failed + gone, ended + gone), "cancelled runs are counted as errors"),
        (share(failed + gone, ended), "cancelled runs are counted as errors"),
        (share(bad, len(inside)), "all spans are counted; a failed tool call is no failed run"),
        (share(0, said_no), "only runs that say `false` are left; most do not say anything (NULL)"),
        (share(failed + 1, ended + 1), "one run too many; `end` itself is not in the window"),
        (share(failed, ended - 1), "one run too few; `start` itself is in the window"),
        (share(failed + 1, ended - 1), "a run belongs to the window in which it started"),
        (share(failed, ended - 2), "a run that ended later still belongs to its window"),
        (share(failed, failed), "runs that did not fail have the status `UNSET`; yours has none"),
    ]
    return Traffic(requests, draw), share(failed, ended), slips


def _late_ends(
    draw: "random.Random", edge: datetime, count: int, status: str = "UNSET"
) -> list[list[Span]]:
    """Return runs that start a minute before the edge of a window and end after it."""
    return [request(draw, edge - MINUTE, 100.0 + n, status) for n in range(count)]


def share(part: int, whole: int) -> tuple[float, int]:
    """Return percent, and of how many."""
    return 100 * part / whole, whole


# -- 4: tokens per hour ---------------------------------------------------------------------
def tokens_per_hour(answer: Question) -> None:
    """Check the sums of input and output of model calls, and that quiet hours have 0."""
    draw = Chance().stream()
    start = some_day(draw) + draw.randint(1, 12) * HOUR
    end = start + draw.randint(7, 9) * HOUR
    requests = _busy_hours(draw, start, end)
    got = call(answer, Traffic(requests, draw), start, end)
    table = frame(got, "hour", ("input", "output"))
    whole_window(table, start, end, HOUR, "hour")
    spans = [span for each in requests for span in each]
    calls = [span for span in spans if span.operation == c.CHAT]
    right = _tokens(calls)
    slips = [
        (_tokens(spans), "runs repeat the sum of their calls; yours counts these tokens twice"),
        (_tokens(calls, cached=1), "cached tokens are part of the input; yours adds them again"),
        (_tokens(calls, cached=-1), "cached tokens are part of the input; yours leaves them out"),
        (_tokens(calls, mean=True), "give the sum of the hour, not the mean of a call"),
        ({at: pair[::-1] for at, pair in right.items()}, "input and output are exchanged"),
    ]
    for at, found in table.items():
        wanted = right.get(at, (0, 0))
        if all(map(near, found, wanted)):
            continue
        say = f"At {at:%H:%M} yours is {found[0]:.8g} input and {found[1]:.8g} output: "
        expect(at in right, say + "no model call started in that hour")
        for sums, text in slips:
            expect(not all(map(near, found, sums.get(at, (-1, -1)))), say + text)
        raise Wrong(say + "these are not the sums over the hour's model calls")


def _busy_hours(draw: "random.Random", start: datetime, end: datetime) -> list[Request]:
    hours = [start + n * HOUR for n in range((end - start) // HOUR - 1)]
    quiet = set(draw.sample(hours[1:], 2))
    times = [within(draw, at, HOUR) for at in hours if at not in quiet for _ in range(4)]
    requests: list[Request] = [request(draw, at) for at in times]
    requests += [[Span(c.CHAT, draw.choice(times), status="ERROR")]]  # it failed: no tokens
    return [*requests, request(draw, end), request(draw, start - MINUTE)]


def _tokens(
    spans: Iterable[Span], cached: int = 0, mean: bool = False
) -> dict[datetime, tuple[float, float]]:
    hours: dict[datetime, list[tuple[int, int]]] = {}
    for span in spans:
        read, written, kept = (n or 0 for n in span.tokens)
        if read:
            at = span.at.replace(minute=0, second=0, microsecond=0)
            hours.setdefault(at, []).append((read + cached * kept, written))
    whole = {at: tuple(map(sum, zip(*pairs, strict=True))) for at, pairs in hours.items()}
    by = {at: len(pairs) if mean else 1 for at, pairs in hours.items()}
    return {at: (sums[0] / by[at], sums[1] / by[at]) for at, sums in whole.items()}
