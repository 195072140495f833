"""Checks of the dashboard's numbers: response time and error rate of a window.

Each makes its own traffic, with all that can mislead a question in it, and computes the
answer in plain Python. An answer that differs is compared with those of the usual slips.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

from obs_helpers.checks.dashboard_traffic import HOUR, MINUTE, Span, Traffic, request, some_day
from obs_helpers.checks.dashboard_values import is_rounded, mapping, near, no_data, number, same
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import Chance

if TYPE_CHECKING:
    import random

Question = Callable[..., Any]
Window = tuple[datetime, datetime]
"""From, and until: the second is no part of it."""
Conditions = dict[str, Callable[[Span], bool]]
"""What holds for the right spans, by what is wrong if somebody forgets it."""
ENDED: Conditions = {
    "model and tool calls are in n; they are parts of a run": lambda s: s.is_run,
    "runs that have not ended are in n": lambda s: s.duration_s is not None,
}
ASKED = ENDED | {"cancelled runs are in n; nobody waited for them": lambda s: not s.cancelled}
_SECOND = timedelta(seconds=1)
_SLOW_S = {6.2: "", 7.2: "", 8.2: "", 10.2: "ERROR", 28.2: "ERROR", 29.2: "", 30.2: "ERROR"}
"""Seconds and status of slow runs. With the two below, the p95 is from 28.2 to 30.2."""
_ROUNDED = "is rounded; keep at least two decimals"


# -- a window, what is around it, and who misreads it -----------------------------------------
def _window(draw: "random.Random") -> Window:
    """Return a window that is no whole hour, and has parts of two."""
    start = some_day(draw) + draw.randint(8, 20) * HOUR + draw.randint(35, 40) * MINUTE
    return start, start + draw.randint(40, 44) * MINUTE


def _edges(draw: "random.Random", window: Window, status: str) -> list[list[Span]]:
    """Return four runs that just belong to the window, and runs of `status` around it."""
    start, end = window
    inside = [request(draw, start, 2.23), *(request(draw, end - _SECOND, 2.23) for _ in range(3))]
    around = [start - _SECOND, end, end, end + MINUTE, *[start - 6 * HOUR] * 8]
    return inside + [request(draw, at, 2.23, status) for at in around]


def _slips(
    spans: list[Span], window: Window, conditions: Conditions
) -> Iterator[tuple[list[Span], str]]:
    """Yield what slips take of `spans`, each with what is wrong about it."""
    (start, end), hour = window, window[0].replace(minute=0)
    inside = [s for s in spans if start <= s.at < end]
    for kept in (kept for n in (2, 1, 0) for kept in combinations(conditions, n)):
        forgotten = [text for text in conditions if text not in kept]
        yield [s for s in inside if all(conditions[c](s) for c in kept)], "; ".join(forgotten)
    started: Conditions = {
        "`end` itself is not in the window": lambda s: start <= s.at <= end,
        "`start` itself is in the window": lambda s: start < s.at < end,
        "a run belongs to the window in which it started": lambda s: start <= s.end < end,
        "a run that ended later still belongs to it": lambda s: start <= s.at and s.end < end,
        "runs after `end` are in it": lambda s: start <= s.at,
        "runs before `start` are in it": lambda s: s.at < end,
        "that is the hour, not the window": lambda s: hour <= s.at < hour + HOUR,
        "these are all runs of the store, not the window's": lambda s: True,
    }
    for text, holds in started.items():
        yield [s for s in spans if holds(s) and all(c(s) for c in conditions.values())], text


# -- 2: response time -----------------------------------------------------------------------
def response_time(answer: Question) -> None:
    """Check mean, percentiles and number of samples; without runs there are none."""
    draw = Chance().stream()
    window = start, end = _window(draw)
    requests = _fast_and_slow(draw, window)
    store, spans = Traffic(requests, draw), [span for each in requests for span in each]
    got = mapping(call(answer, store, start, end), ("mean", "p50", "p95", "n"))
    runs = [s for s in spans if s.is_run and start <= s.at < end and s.duration_s is not None]
    ended = sorted(s.duration_s or 0 for s in runs)
    if not same(got["n"], len(ended)):
        say, good = f"n is {got['n']!r}: ", sum(s.status != "ERROR" for s in runs)
        expect(not same(got["n"], good), say + "failed runs are missing; their users waited, too")
        for taken, text in _slips(spans, window, ENDED):
            expect(not same(got["n"], len(taken)), say + text)
        raise Wrong(say + "it is not the number of runs that started in the window and have ended")
    parts = [s.duration_s for s in spans if start <= s.at < end and s.duration_s is not None]
    _check_mean(got["mean"], ended, statistics.fmean(parts))
    for name, q in (("p50", 0.5), ("p95", 0.95)):
        _check_percentile(name, got[name], q, ended)
    for hours, what in ((4, "a window without runs"), (2, "a window in which no run has ended")):
        got = mapping(call(answer, store, start - hours * HOUR, end - hours * HOUR), tuple(got))
        for name in ("mean", "p50", "p95"):
            no_data(got[name], name, "response time", what)
        expect(same(got["n"], 0), f"In {what}, n is {got['n']!r}: there is no sample")


def _fast_and_slow(draw: "random.Random", window: Window) -> list[list[Span]]:
    """Return many fast runs, then fewer that are a bit slower, and a minute of slow ones.

    Means of means and percentiles of percentiles then differ from those of all runs, and so
    do whole seconds. The mean has two decimals that count.
    """

    def at(minute: int, minutes: int) -> datetime:
        return window[0] + minute * MINUTE + draw.randrange(60 * minutes) * _SECOND

    requests = _edges(draw, window, "UNSET")
    requests += [request(draw, at(1, 7), draw.uniform(1.12, 1.28)) for _ in range(40)]
    requests += [request(draw, at(12, 25), draw.uniform(2.1, 2.4)) for _ in range(20)]
    requests += [request(draw, at(25, 1), s, status) for s, status in _SLOW_S.items()]
    seconds = [s.duration_s for (s, *_) in requests if window[0] <= s.at < window[1]]
    total = 55.2 + 60.2 + sum(s or 0 for s in seconds)
    n = len(seconds) + 2
    more = n * (math.floor(10 * total / n) / 10 + 0.13) - total
    requests += [request(draw, at(25, 1), 55.2), request(draw, at(25, 1), 60.2 + more, "ERROR")]
    not_ended = [at(2, 7) for _ in range(5)] + [at(12, 7) - 2 * HOUR]
    return requests + [request(draw, moment, None) for moment in not_ended]


def _check_mean(mean: object, ended: Sequence[float], of_spans: float) -> None:
    real, right = number(mean, "mean"), statistics.fmean(ended)
    if near(real, right):
        return
    say = f"mean is {real:.4g}: "
    expect(not near(real, 1000 * right), say + "give seconds, not milliseconds")
    expect(not near(real, statistics.median(ended)), say + "that is the median")
    text = "it is the mean over all spans; model and tool calls are parts of a run"
    expect(not near(real, of_spans), say + text)
    expect(not is_rounded(real, right), f"mean is {real:g}, which {_ROUNDED}")
    raise Wrong(say + "it is not the mean over the runs that ended")


def _check_percentile(name: str, value: object, q: float, ended: Sequence[float]) -> None:
    """Accept every usual definition: they lie between neighbours."""
    real, rank = number(value, name), q * len(ended)
    low, high = ended[math.floor(rank) - 1], ended[min(math.ceil(rank), len(ended) - 1)]
    if low - 0.01 <= real <= high + 0.01:
        return
    say = f"{name} is {real:.4g}: "
    expect(not low <= real / 1000 <= high, say + "give seconds, not milliseconds")
    expect(not near(real, statistics.fmean(ended)), say + "that is the mean")
    expect(not near(real, ended[-1]), say + "that is the slowest run of all")
    expect(not is_rounded(real, low), f"{name} is {real:g}, which {_ROUNDED}")
    share = 100 * sum(seconds <= real for seconds in ended) / len(ended)
    raise Wrong(f"{say}{share:.0f} % of the runs took no longer, and it should be {100 * q:.0f} %")


# -- 3: error rate --------------------------------------------------------------------------
def error_rate(answer: Question) -> None:
    """Check percent and number of runs; who cancelled, or has not ended, is in neither."""
    draw = Chance().stream()
    window = start, end = _window(draw)
    requests = _mixed(draw, window)
    store, spans = Traffic(requests, draw), [span for each in requests for span in each]
    got = mapping(call(answer, store, start, end), ("percent", "n"))
    _check_rate(number(got["percent"], "percent"), got["n"], spans, window)
    only = "a window in which each run was cancelled or has not ended"
    for hours, what in ((4, "a window without runs"), (2, only)):
        got = mapping(call(answer, store, start - hours * HOUR, end - hours * HOUR), tuple(got))
        expect(same(got["n"], 0), f"In {what}, n is {got['n']!r}: there is nothing to judge by")
        no_data(got["percent"], "percent", "error rate", what)


def _mixed(draw: "random.Random", window: Window) -> list[list[Span]]:
    """Return runs of all kinds. Their error rate has two decimals that count."""
    rates = [(failed, n, 100 * failed / n) for failed in range(6, 10) for n in range(50, 70)]
    failed, n, _ = draw.choice([each for each in rates if abs(each[2] - round(each[2], 1)) > 0.01])
    apart = [(None, "RUNNING", None)] * 3 + [(0.5, "UNSET", True)] * 3 + [(0.5, "ERROR", True)] * 2
    kinds = [(2.0, "ERROR", None)] * failed + [(1.0, "UNSET", False)] * 4  # these say `false`
    kinds += [(1.0, "UNSET", None)] * (n - failed - 4 - 4)  # four more are at the edges
    inside = window[0] + MINUTE
    requests = [request(draw, inside + draw.random() * HOUR / 2, *kind) for kind in kinds + apart]
    return [
        *(*_edges(draw, window, "ERROR"), *requests),
        *(request(draw, inside - 2 * HOUR, *kind) for kind in apart),
    ]


def _check_rate(percent: float, n: object, spans: list[Span], window: Window) -> None:
    runs = [s for s in spans if s.is_run and window[0] <= s.at < window[1]]
    runs = [s for s in runs if s.duration_s is not None]
    right, wanted = _rate([s for s in runs if not s.cancelled])
    if same(n, wanted) and near(percent, right):
        return
    say = f"percent is {percent:.4g} and n is {n!r}: "
    silent = "most runs do not say whether they were cancelled (NULL), and they count"
    unset = "runs that did not fail have the status `UNSET`; yours has none"
    as_errors = [replace(s, status="ERROR") if s.cancelled else s for s in runs]
    for taken, text in (
        *_slips(spans, window, ASKED),
        (as_errors, "cancelled runs are counted as errors"),
        ([s for s in runs if s.cancelled is None], "runs that say `false` are missing"),
        ([s for s in runs if s.cancelled is False], silent),
        ([s for s in runs if s.cancelled is not None], silent),
        ([s for s in runs if not s.cancelled and s.status == "ERROR"], unset),
    ):
        theirs = _rate(taken)
        expect(not (same(n, theirs[1]) and near(percent, theirs[0])), say + text)
    expect(same(n, wanted), say + "n is not the number of runs that ended by themselves")
    _explain_percent(percent, right, 100 * sum(s.status == "ERROR" for s in runs) / wanted, say)


def _explain_percent(percent: float, right: float, with_cancelled: float, say: str) -> None:
    """Say what is wrong with a percentage whose number of runs is right."""
    expect(not near(percent, right / 100), say + "that is a fraction; give percent")
    expect(not is_rounded(percent, right), f"percent is {percent:g}, which {_ROUNDED}")
    text = "a cancelled run is no failed one, whatever its status"
    expect(not near(percent, with_cancelled), say + text)
    expect(not near(percent, 100 - right), say + "that is the share of runs that did not fail")
    raise Wrong(say + "percent is not the number of failed runs, divided by n")


def _rate(spans: Sequence[Span]) -> tuple[float, int]:
    """Return percent, and of how many."""
    failed = sum(span.status == "ERROR" for span in spans)
    return 100 * failed / len(spans) if spans else math.nan, len(spans)
