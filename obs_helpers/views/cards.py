"""The head row of the dashboard: a few numbers, each with its window and its samples."""

from collections.abc import Callable
from dataclasses import dataclass

from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.insight.overview import Overview
from obs_helpers.insight.spend import Spend
from obs_helpers.safe_text import one_line
from obs_helpers.views import numbers as show
from obs_helpers.views.limits import VERDICTS, verdict
from obs_helpers.views.snapshot import Snapshot

Value = Callable[[Overview], float | None]


@dataclass(frozen=True, slots=True)
class Card:
    """One number, and what it stands on."""

    title: str
    value: str
    notes: tuple[str, ...]
    verdict: str = ""
    """Against the table of targets; empty where the table has none."""
    change: str = ""
    """Against the window before; empty if that is not asked for."""

    @property
    def mood(self) -> str:
        """`good`, `warn`, `bad`, or `none` if there is no verdict."""
        return VERDICTS.get(self.verdict, "none")


def window_line(overview: Overview) -> str:
    """Return which window is shown, and for whom."""
    view = overview.view
    chosen = "".join(f", {name} {one_line(v, 60)}" for name, v in view.filters.items())
    return f"{show.stretch(view.window_s)} to {show.moment(view.until)}{chosen}"


def coverage_line(overview: Overview) -> str:
    """Return a warning if the store knows only a part of the window, else nothing."""
    if overview.first is None:
        return "Nothing was recorded yet."
    if overview.whole:
        return ""
    covered, window = overview.total.covered_s, overview.view.window_s
    if not covered:
        return f"Nothing was recorded in this window: the first record is of {_at(overview)}."
    return (
        f"Only {show.stretch(covered)} of {show.stretch(window)} are recorded, since "
        f"{_at(overview)}. Rates are per recorded minute."
    )


def cards(shot: Snapshot) -> list[Card]:
    """Return the numbers of the head row."""
    made = [_requests(shot), _latency(shot), _errors(shot), _tokens(shot), _cost(shot)]
    return made + ([_budget(shot.spend)] if shot.spend else [])


def _requests(shot: Snapshot) -> Card:
    now, runs = shot.now, shot.now.total.runs
    gone = (f"{now.cancelled:,} cancelled: not counted",) if now.cancelled else ()
    notes = (f"n = {runs.finished:,} finished in {_covered(now)}", f"{now.running:,} running")
    return Card(
        "Requests/min", show.short(_rate(now)), (*notes, *gone), change=_change(shot, _rate)
    )


def _latency(shot: Snapshot) -> Card:
    runs = shot.now.total.runs
    quantiles = " · ".join(
        f"{name} {show.seconds(value)}"
        for name, value in (("p50", runs.p50_s), ("p95", runs.p95_s), ("p99", runs.p99_s))
    )
    return Card(
        *("Avg latency", show.seconds(runs.mean_s)),
        (quantiles, f"n = {runs.finished:,} runs in {_covered(shot.now)}", "judged by its p95"),
        verdict("p95_latency", runs.p95_s, runs.finished),
        _change(shot, lambda one: one.total.runs.mean_s),
    )


def _errors(shot: Snapshot) -> Card:
    runs = shot.now.total.runs
    return Card(
        *("Error %", show.percent(runs.error_percent)),
        (f"{runs.failed:,} failed of n = {runs.finished:,} runs in {_covered(shot.now)}",),
        verdict("error_rate", runs.error_percent, runs.finished),
        _change(shot, lambda one: one.total.runs.error_percent),
    )


def _tokens(shot: Snapshot) -> Card:
    calls = shot.now.total.calls
    silent = calls.finished - calls.told
    return Card(
        *("Tokens", show.short(calls.tokens)),
        (
            f"input {show.short(calls.input_tokens)}: {show.short(calls.fresh_tokens)} fresh, "
            f"{show.short(calls.cached_tokens)} cached",
            f"output {show.short(calls.output_tokens)}: {show.short(calls.answer_tokens)} answer, "
            f"{show.short(calls.reasoning_tokens)} reasoning",
            f"n = {calls.told:,} model calls in {_covered(shot.now)}",
            *([f"{silent:,} more calls told no usage"] if silent else []),
        ),
        change=_change(shot, lambda one: one.total.per_minute(one.total.calls.tokens)),
    )


def _cost(shot: Snapshot) -> Card:
    calls, total = shot.now.total.calls, shot.now.total
    hourly = total.per_minute(None if calls.cost_usd is None else 60 * float(calls.cost_usd))
    rules = _cost_rules(shot.engine)
    return Card(
        *("Cost", show.usd(calls.cost_usd)),
        (
            f"{show.usd(hourly)} per hour{f', alert {rules}' if rules else ''}",
            f"n = {calls.priced:,} model calls in {_covered(shot.now)}",
            *([f"{calls.unpriced:,} more calls of unknown price"] if calls.unpriced else []),
        ),
        change=_change(shot, _cost_rate),
    )


def _budget(spent: Spend) -> Card:
    guess, budget = spent.projection, spent.budget
    ahead = (
        f"trend {show.usd(guess.trend_usd)} at the end of the {guess.window} "
        f"({show.usd(guess.low_usd)} to {show.usd(guess.high_usd)})"
    )
    return Card(
        "Budget",
        f"{spent.percent:.0f} %",
        (
            f"{show.usd(spent.spent_usd)} of {budget}, all traffic",
            f"n = {spent.priced:,} model calls since {guess.start:%Y-%m-%d %H:%M} UTC",
            guess.reason or ahead,
            *([f"{spent.unpriced:,} more calls of unknown price"] if spent.unpriced else []),
        ),
    )


def _cost_rules(engine: AlertEngine | None) -> str:
    rules = [state.rule for state in engine.states.values()] if engine else []
    return ", ".join(str(rule.comparison) for rule in rules if rule.metric == "hourly_cost")


def _rate(overview: Overview) -> float | None:
    return overview.total.per_minute(overview.total.runs.finished)


def _cost_rate(overview: Overview) -> float | None:
    cost = overview.total.calls.cost_usd
    return None if cost is None else overview.total.per_minute(float(cost))


def _change(shot: Snapshot, value: Value) -> str:
    """Compare with the window before, sums by their rates: it may be recorded in part only."""
    if shot.before is None:
        return ""
    n, part = shot.before.total.runs.finished, _covered(shot.before)
    return f"{show.change(value(shot.now), value(shot.before))} (before: n = {n:,} in {part})"


def _covered(overview: Overview) -> str:
    whole = overview.whole and overview.total.covered_s
    return show.stretch(overview.view.window_s if whole else overview.total.covered_s)


def _at(overview: Overview) -> str:
    return show.moment(overview.first)
