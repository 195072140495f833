"""The timeline of a trace as a matplotlib figure: for reports, slides and printed pages."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import wrap
from typing import TYPE_CHECKING

from obs_helpers.insight.time_axis import SQUEEZED
from obs_helpers.insight.trace_layout import Layout, Row
from obs_helpers.safe_text import one_line
from obs_helpers.views.chart import Chart
from obs_helpers.views.span_text import (
    ERROR_COLOR,
    LOOKS,
    alt_text,
    facts,
    label,
    left_out,
    squeezed,
    took,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_DRAWN, MAX_INDENT = 40, 8
"""Spans in one figure, and levels that are indented."""


def timeline_figure(placed: Layout) -> Chart:
    """Return a chart of at most 40 spans of a trace, those that matter most."""
    import matplotlib.pyplot as plt

    rows = placed.pick(MAX_DRAWN)
    with plain_words():
        height = 1.3 + 0.27 * max(len(rows), 1)
        figure, axes = plt.subplots(figsize=(9, height), layout="constrained")
        for y, row in enumerate(rows):
            _draw(axes, y, row, placed)
        for gap in placed.axis.gaps:
            left = placed.axis.at(gap.start_s)
            axes.axvspan(left, left + SQUEEZED, color="0.9", hatch="///", zorder=0)
        _label(axes, rows, placed)
        return Chart(figure, alt_text(placed))


@contextmanager
def plain_words() -> Iterator[None]:
    """Let names be what they are: no formulas, and no warning for a letter without a font."""
    import matplotlib.pyplot as plt

    with warnings.catch_warnings(), plt.rc_context({"text.parse_math": False}):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def _draw(axes: "Axes", y: int, row: Row, placed: Layout) -> None:
    look, at = LOOKS[row.kind], placed.axis.at
    if row.start_s is None or row.end_s is None:
        axes.text(0, y, "does not say when it began", fontsize=8, va="center")
        return
    left, right = at(row.start_s), at(row.end_s)
    failed = row.span.failed
    axes.barh(
        *(y, max(right - left, 0.002)),
        left=left,
        height=0.55,
        color=look.color,
        alpha=0.6 if row.running else 1,
        edgecolor=ERROR_COLOR if failed else "black",
        linewidth=2 if failed else 0.6,
        linestyle="--" if row.running else "-",
        hatch=look.hatch,
    )
    waits = placed.waits(row)
    lefts, rights = [left for left, _ in waits], [right for _, right in waits]
    axes.hlines([y + 0.38] * len(waits), lefts, rights, color="black", linewidth=2.5)
    words = f"{took(row)}{'  ✗ ERROR' if failed else ''}"
    color = ERROR_COLOR if failed else "black"
    axes.text(1.01, y, words, fontsize=8, va="center", color=color)


def _label(axes: "Axes", rows: list[Row], placed: Layout) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ticks = placed.axis.ticks()
    axes.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
    indents = ["  " * min(row.depth, MAX_INDENT) for row in rows]
    names = [
        f"{indent}{LOOKS[row.kind].glyph} {one_line(label(row), 40)}"
        for indent, row in zip(indents, rows, strict=True)
    ]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    for text in axes.get_yticklabels():
        text.set_horizontalalignment("left")
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.7), xlabel="time since the trace began")
    axes.tick_params(axis="y", pad=5 * max(map(len, names), default=0), length=0)
    title = [f"Trace {one_line(placed.trace.trace_id[:8])}: {', '.join(facts(placed))}"]
    title += squeezed(placed)[:3]
    if len(rows) < len(placed.rows):
        title.append(left_out(len(placed.rows) - len(rows)))
    lines = [line for part in title for line in wrap(part, 110)]
    axes.set_title("\n".join(lines), fontsize=9, loc="left")
    kinds = {row.kind for row in rows}
    keys: list[Patch | Line2D] = [
        Patch(facecolor=look.color, hatch=look.hatch, edgecolor="black", label=kind)
        for kind, look in LOOKS.items()
        if kind in kinds
    ]
    keys.append(Line2D([], [], color="black", lw=2.5, label="critical path"))
    axes.figure.legend(handles=keys, ncol=5, fontsize=8, frameon=False, loc="outside lower center")
