"""The tables of the dashboard, as cells of text: for pages, for a list, for plain text."""

from collections.abc import Sequence
from dataclasses import dataclass

from obs_helpers.insight.tables import MAX_TRACES, ModelRow, TraceRow
from obs_helpers.insight.targets import TARGET
from obs_helpers.safe_text import one_line
from obs_helpers.views import numbers as show
from obs_helpers.views.cards import window_line
from obs_helpers.views.limits import verdict
from obs_helpers.views.snapshot import Snapshot

_DOES = {"chat": "model call", "execute_tool": "tool", "invoke_agent": "run"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table whose cells are text, with its units in the heads and its samples on top."""

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    texts: tuple[int, ...] = (0,)
    """Columns that hold words; the others hold numbers."""


def error_sheet(shot: Snapshot) -> Sheet:
    """Return the most frequent errors."""
    return Sheet(
        f"Top errors, {window_line(shot.now)}; each counts where it began",
        ("where", "error", "count", "in failed traces", "latest, UTC", "its trace"),
        [
            (
                f"{_DOES.get(row.operation, row.operation)} {_word(row.tool, '')}".strip(),
                _word(row.message or row.error_type, "no message", 120),
                show.count(row.times), show.count(row.failed_requests),
                f"{row.last:%m-%d %H:%M:%S}", one_line(row.trace_id[:8]),
            )
            for row in shot.errors
        ],
        (0, 1),
    )  # fmt: skip


def model_sheet(shot: Snapshot) -> Sheet:
    """Return the models, the dearest first."""
    n = sum(row.calls for row in shot.models)
    return Sheet(
        f"Models, {window_line(shot.now)}; n = {n:,} calls",
        ("model", "calls", "failed", "p50", "p95", "input tokens", "of them cached",
         "output tokens", "of them reasoning", "cost", "no price"),
        [_model_cells(row) for row in shot.models],
    )  # fmt: skip


def tool_sheet(shot: Snapshot) -> Sheet:
    """Return the tools, the least successful first, judged by the table of targets."""
    n = sum(row.calls for row in shot.tools)
    limit = TARGET["tool_success_rate"]
    return Sheet(
        f"Tools, {window_line(shot.now)}; n = {n:,} calls; success: target {limit.target:g} %, "
        f"alert below {limit.alert:g} %",
        ("tool", "calls", "failed", "success", "verdict", "empty results", "p50", "p95"),
        [
            (
                _word(row.tool), show.count(row.calls), show.count(row.failed),
                show.percent(row.success_percent),
                verdict("tool_success_rate", row.success_percent, row.calls),
                show.count(row.empty), show.seconds(row.p50_s), show.seconds(row.p95_s),
            )
            for row in shot.tools
        ],
        (0, 4),
    )  # fmt: skip


def trace_sheet(shot: Snapshot) -> Sheet:
    """Return the traces in the order that was asked for."""
    most = (
        f"the first {MAX_TRACES}" if len(shot.traces) == MAX_TRACES else f"n = {len(shot.traces)}"
    )
    return Sheet(
        f"Traces, {window_line(shot.now)}; {most}",
        ("start, UTC", "trace", "agent", "session", "outcome", "duration", "errors",
         "model calls", "tool calls", "tokens", "cost"),
        [trace_cells(row) for row in shot.traces],
        (0, 1, 2, 3, 4),
    )  # fmt: skip


def time_sheet(shot: Snapshot) -> Sheet:
    """Return what the charts show as numbers, for who cannot see them."""
    buckets = [one for one in shot.now.buckets if one.covered_s]
    return Sheet(
        f"Over time, {window_line(shot.now)}; {show.stretch(shot.now.bucket_s)} a row",
        ("to, UTC", "runs", "failed", "p50", "p95", "p99", "input tokens", "output tokens", "cost"),
        [
            (
                f"{one.end:%m-%d %H:%M:%S}",
                show.count(one.runs.finished), show.count(one.runs.failed),
                show.seconds(one.runs.p50_s), show.seconds(one.runs.p95_s),
                show.seconds(one.runs.p99_s), show.count(one.calls.input_tokens),
                show.count(one.calls.output_tokens), show.usd(one.calls.cost_usd),
            )
            for one in buckets
        ],
    )  # fmt: skip


def trace_cells(row: TraceRow) -> tuple[str, ...]:
    """Return one trace as text."""
    cost = show.usd(row.cost_usd) + ("+?" if row.unpriced else "")
    return (
        f"{row.start:%m-%d %H:%M:%S}" if row.start else show.MISSING, one_line(row.trace_id[:8]),
        _word(row.agent, limit=16), _word(row.session, limit=16), row.outcome,
        show.seconds(row.duration_s), show.count(row.errors), show.count(row.model_calls),
        show.count(row.tool_calls), show.count(row.tokens), cost,
    )  # fmt: skip


_WIDTHS = (-14, -8, -10, -10, -9, 8, 6, 5, 4, 7, 8)
_HEADS = ("start, UTC", "trace", "agent", "session", "outcome", "duration", "errors", "model",
          "tool", "tokens", "cost")  # fmt: skip


def trace_head() -> str:
    """Return the heads of the list of traces, above the lines of `trace_line`."""
    return _padded(_HEADS)


def trace_line(row: TraceRow) -> str:
    """Return one trace as a line of a list whose columns stand below each other."""
    # Spaces that a browser does not draw together.
    return _padded(trace_cells(row)).replace(" ", "\u00a0")


def _padded(cells: tuple[str, ...]) -> str:
    pairs = zip(cells, _WIDTHS, strict=True)
    padded = [f"{one_line(cell, abs(w)):{'<' if w < 0 else '>'}{abs(w)}}" for cell, w in pairs]
    return " ".join(padded)


def _model_cells(row: ModelRow) -> tuple[str, ...]:
    return (
        _word(row.model), show.count(row.calls), show.count(row.failed),
        show.seconds(row.p50_s), show.seconds(row.p95_s), show.count(row.input_tokens),
        show.count(row.cached_tokens), show.count(row.output_tokens),
        show.count(row.reasoning_tokens), show.usd(row.cost_usd), show.count(row.unpriced),
    )  # fmt: skip


def _word(text: str | None, missing: str = show.MISSING, limit: int = 60) -> str:
    return missing if text is None else one_line(text, limit)
