"""Which tool waited for which, drawn over time."""

from typing import TYPE_CHECKING

from obs_helpers.insight.dependencies import ToolStep, tool_steps, waited_for
from obs_helpers.insight.time_axis import seconds
from obs_helpers.insight.trace_layout import Layout, layout
from obs_helpers.insight.traces import Trace, get_trace
from obs_helpers.safe_text import one_line
from obs_helpers.store import Store
from obs_helpers.views.chart import Chart
from obs_helpers.views.span_text import ERROR_COLOR, LOOKS
from obs_helpers.views.timeline_figure import plain_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_DRAWN, MAX_TOLD = 30, 8
"""Tool calls drawn, and dependencies told in words; the table has more."""


def dependency_chart(
    trace: Trace | str, store: Store | None = None, *, squeeze: bool = False
) -> Chart:
    """Return a chart of the tool calls of a trace, an arrow from each to what waited for it.

    At most thirty calls are drawn. `tool_dependencies` is the same as a table, and says
    what waiting means.

    Args:
        trace: A trace, or its id, or the first digits of it.
        store: Where to look for the id; the current telemetry's store unless given.
        squeeze: Shorten long stretches in which nothing began or ended.

    Raises:
        LookupError: no trace, or more than one, begins with that id.
    """
    import matplotlib.pyplot as plt

    placed = layout(get_trace(trace, store) if isinstance(trace, str) else trace, squeeze)
    steps, left_out = tool_steps(placed)
    waited = waited_for(steps)
    left_out += max(len(steps) - MAX_DRAWN, 0)
    steps = steps[:MAX_DRAWN]
    with plain_words():
        figure, axes = plt.subplots(
            figsize=(9, 1.5 + 0.32 * max(len(steps), 1)), layout="constrained"
        )
        for step in steps:
            _draw(axes, step, placed)
            for other in waited[step.step]:
                _arrow(axes, steps[other - 1], step, placed)
        ticks = placed.axis.ticks()
        axes.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
        axes.set_yticks([s.step for s in steps], [_name(s) for s in steps], fontsize=8)
        rest = f"; {left_out:,} more calls are not drawn" if left_out else ""
        axes.set(xlim=(0, 1.02), ylim=(len(steps) + 0.6, 0.4), xlabel="time since the trace began")
        title = f"Tool calls; an arrow leads from a call to one that waited for it{rest}"
        axes.set_title(title, fontsize=9, loc="left")
        return Chart(figure, _words(steps, waited, left_out))


def _draw(axes: "Axes", step: ToolStep, placed: Layout) -> None:
    look, failed = LOOKS["tool"], step.row.span.failed
    left, right = placed.axis.at(step.start_s), placed.axis.at(step.end_s)
    axes.barh(
        *(step.step, max(right - left, 0.004)),
        left=left,
        height=0.5,
        color=look.color,
        edgecolor=ERROR_COLOR if failed else "black",
        linewidth=2 if failed else 0.6,
        linestyle="--" if step.row.running else "-",
    )
    if failed:
        axes.text(right, step.step - 0.28, "✗ ERROR", fontsize=7, ha="right", va="bottom")


def _arrow(axes: "Axes", first: ToolStep, then: ToolStep, placed: Layout) -> None:
    axes.annotate(
        "",
        xy=(placed.axis.at(then.start_s), then.step),
        xytext=(placed.axis.at(first.end_s), first.step),
        arrowprops={"arrowstyle": "->", "color": "black", "shrinkA": 0, "shrinkB": 0},
    )


def _name(step: ToolStep) -> str:
    return f"{step.step} {one_line(step.tool, 40)}"


def _words(steps: list[ToolStep], waited: dict[int, list[int]], left_out: int) -> str:
    names = {step.step: _name(step) for step in steps}
    told = [
        f"{_name(step)} waited for {', '.join(names[other] for other in waited[step.step][:3])}"
        for step in steps
        if waited[step.step]
    ]
    more = f"; {len(told) - MAX_TOLD} more that waited" if len(told) > MAX_TOLD else ""
    rest = f"; {left_out:,} more calls not drawn" if left_out else ""
    longest = max(steps, key=lambda step: step.end_s - step.start_s, default=None)
    took = ""
    if longest is not None:
        took = f"; the longest is {_name(longest)}, {seconds(longest.end_s - longest.start_s)}"
    waits = "; ".join(told[:MAX_TOLD]) or "none waited for another"
    return f"Tool calls of one trace, {len(steps)} drawn: {waits}{more}{took}{rest}."
