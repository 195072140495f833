"""The charts of the dashboard: each draws itself on a figure and returns its alt text."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from obs_helpers.insight.overview import Overview, Part
from obs_helpers.insight.spend import Spend
from obs_helpers.views import numbers as show
from obs_helpers.views.cards import window_line
from obs_helpers.views.drawing import BEFORE, BLUE, GREEN, ORANGE, RED, SKY, Plot, plots
from obs_helpers.views.limits import limits
from obs_helpers.views.snapshot import Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = (5.7, 2.75)
_QUANTILES = {"p99": (ORANGE, ":", "^"), "p95": (BLUE, "-", "o"), "p50": (SKY, "--", "s")}
_TOKENS = {
    "fresh": ("input, fresh", BLUE, ""), "cached": ("input, cached", SKY, "..."),
    "answer": ("output, answer", ORANGE, "///"), "reasoning": ("output, reasoning", GREEN, "xxx"),
}  # fmt: skip


def draw(names: Sequence[str], shot: Snapshot) -> tuple["Figure", str]:
    """Return a figure with these panels, two in a row, and its alt text.

    Raises:
        ValueError: there is no panel of that name.
    """
    from matplotlib.figure import Figure

    for name in names:
        if name not in PANELS:
            msg = f"there is no panel {name!r}; there are {', '.join(PANELS)}"
            raise ValueError(msg)
    columns, rows = min(2, len(names)), math.ceil(len(names) / 2)
    figure = Figure(figsize=(_SIZE[0] * columns, _SIZE[1] * rows))
    parts = figure.subfigures(rows, columns, squeeze=False).flat if names[1:] else [figure]
    pairs = zip(names, parts, strict=False)  # an odd number leaves a place empty
    return figure, " ".join(PANELS[name](part, shot) for name, part in pairs)


def _latency(figure: Any, shot: Snapshot) -> str:
    runs, found = shot.now.total.runs, limits("p95_latency", shot.engine)
    title = f"Response time, n = {runs.finished:,} runs"
    (plot,) = _plots(figure, title, ["seconds (log scale)"], shot.now)
    for name, (color, line, marker) in _QUANTILES.items():
        values = [getattr(one.runs, f"{name}_s") for one in shot.now.buckets]
        plot.line(values, name, color=color, linestyle=line, marker=marker)
    if shot.before:
        plot.line([one.runs.p95_s for one in shot.before.buckets], "p95 before", **BEFORE)
    plot.limits(found)
    plot.logarithmic()
    lines = ", ".join(limit.label for limit in found)
    return (
        f"Response time, {_course(shot.now, lambda one: one.runs.p95_s, show.seconds, 'p95')} "
        f"Mean {show.seconds(runs.mean_s)}; {lines}; n = {runs.finished:,} runs."
    )


def _requests(figure: Any, shot: Snapshot) -> str:
    runs, found = shot.now.total.runs, limits("error_rate", shot.engine)
    title = f"Requests and errors, n = {runs.finished:,} runs"
    above, below = _plots(figure, title, ["requests/min", "error %"], shot.now)
    above.area([_rate(one) for one in shot.now.buckets], "finished", color=SKY)
    failed = [one.per_minute(one.runs.failed) for one in shot.now.buckets]
    above.area(failed, "of them failed", color=RED, hatch="////")
    if shot.before:
        above.line([_rate(one) for one in shot.before.buckets], "finished before", **BEFORE)
    errors = [one.runs.error_percent for one in shot.now.buckets]
    below.line(errors, "error %", color=RED, linestyle="-", marker="x")
    below.limits(found)
    above.from_zero()
    below.from_zero()
    lines = ", ".join(limit.label for limit in found)
    return (
        f"Requests, {_course(shot.now, _rate, show.short, 'requests per minute')} "
        f"{show.percent(runs.error_percent)} failed; {lines}; n = {runs.finished:,} runs."
    )


def _tokens(figure: Any, shot: Snapshot) -> str:
    calls = shot.now.total.calls
    title = f"Tokens, n = {calls.told:,} model calls"
    (plot,) = _plots(figure, title, ["tokens/min"], shot.now)
    below = [0.0] * len(shot.now.buckets)
    for name, (label, color, hatch) in _TOKENS.items():
        parts = [one.per_minute(getattr(one.calls, f"{name}_tokens")) for one in shot.now.buckets]
        top = [low + (part or 0) for low, part in zip(below, parts, strict=True)]
        plot.area(top, label, below, color=color, hatch=hatch)
        below = top
    if shot.before:
        plot.line([_token_rate(one) for one in shot.before.buckets], "all before", **BEFORE)
    plot.from_zero()
    return (
        f"Tokens, {_course(shot.now, _token_rate, show.short, 'tokens per minute')} "
        f"Input {show.count(calls.input_tokens)} ({show.count(calls.cached_tokens)} cached), "
        f"output {show.count(calls.output_tokens)} ({show.count(calls.reasoning_tokens)} "
        f"reasoning); n = {calls.told:,} calls."
    )


def _cost(figure: Any, shot: Snapshot) -> str:
    if shot.spend is not None:
        return _budget(figure, shot.spend)
    calls = shot.now.total.calls
    title = f"Cost since the window began, n = {calls.priced:,} model calls"
    (plot,) = _plots(figure, title, ["USD"], shot.now)
    plot.line(_running_sum(shot.now), "cost", color=BLUE, linestyle="-")
    if shot.before:
        plot.line(_running_sum(shot.before), "before", **BEFORE)
    plot.from_zero()
    return (
        f"Cost, {window_line(shot.now)}: it adds up to {show.usd(calls.cost_usd)}; "
        f"n = {calls.priced:,} calls, {calls.unpriced:,} of unknown price."
    )


def _budget(figure: Any, spent: Spend) -> str:
    """Draw the budget's own period, which is not the window."""
    guess, limit = spent.projection, spent.budget.limit_usd
    start, end = (moment.replace(tzinfo=None) for moment in (guess.start, guess.end))
    title = f"Cost of the {guess.window}, all traffic, n = {spent.priced:,} model calls"
    (plot,) = plots(figure, title, ["USD"], start, end, buckets=1)
    at = [(moment - start).total_seconds() for moment, _ in spent.curve]
    plot.ax.plot(at, [float(usd) for _, usd in spent.curve], color=BLUE, label="spent")
    if guess.trend_usd is not None:
        _projection(plot, spent, start, end)
    plot.ax.axhline(float(limit), color="black", linestyle="-.", label=f"budget ${limit:f}")
    plot.from_zero()
    words = guess.reason or f"trend {show.usd(guess.trend_usd)} at its end"
    return (
        f"Cost since {start:%Y-%m-%d %H:%M} UTC: {show.usd(spent.spent_usd)}, "
        f"{spent.percent:.0f} % of {spent.budget}; {words}; n = {spent.priced:,} calls."
    )


def _projection(plot: Plot, spent: Spend, start: datetime, end: datetime) -> None:
    guess = spent.projection
    ahead = [(spent.until - start).total_seconds(), (end - start).total_seconds()]
    now, trend, low, high = (
        math.nan if usd is None else float(usd)
        for usd in (spent.spent_usd, guess.trend_usd, guess.low_usd, guess.high_usd)
    )
    plot.ax.fill_between(ahead, [now, low], [now, high], color=SKY, alpha=0.35, linewidth=0)
    plot.ax.plot(ahead, [now, trend], color=BLUE, linestyle="--", label="trend")


PANELS: dict[str, Callable[[Any, Snapshot], str]] = {
    "latency": _latency, "requests": _requests, "tokens": _tokens, "cost": _cost,
}  # fmt: skip
"""By the names that `Dashboard.figure` takes."""


def _plots(figure: Any, title: str, units: Sequence[str], now: Overview) -> list[Plot]:
    return plots(figure, title, units, now.view.start, now.view.until, len(now.buckets))


def _rate(one: Part) -> float | None:
    return one.per_minute(one.runs.finished)


def _token_rate(one: Part) -> float | None:
    return one.per_minute(one.calls.tokens)


def _running_sum(overview: Overview) -> list[float | None]:
    spent, sums = 0.0, list[float | None]()
    for one in overview.buckets:
        spent += float(one.calls.cost_usd or 0)
        sums.append(spent if one.covered_s else None)
    return sums


def _course(
    overview: Overview, value: Callable[[Part], float | None],
    written: Callable[[float | None], str], unit: str,
) -> str:  # fmt: skip
    """Return the window, the lowest and the highest value, and when that was."""
    found = [(v, one.end) for one in overview.buckets if (v := value(one)) is not None]
    if not found:
        return f"{window_line(overview)}: no data."
    (low, _), (high, at) = min(found), max(found)
    return (
        f"{window_line(overview)}: {unit} between {written(low)} and {written(high)}, highest "
        f"in the {show.stretch(overview.bucket_s)} to {at:%H:%M:%S} UTC."
    )
