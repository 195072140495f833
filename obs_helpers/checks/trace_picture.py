"""Check of exercise 3, step 8: a timeline, read back from what was drawn."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.checks.trace_bars import Bar, bars_of
from obs_helpers.checks.trace_given import Row
from obs_helpers.checks.trace_reading import Draft
from obs_helpers.checks.trace_spans import NAMES, fresh, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SECONDS = re.compile(r"(?<![a-z])(s|secs?|seconds?)(?![a-z])", re.IGNORECASE)
_TIMES = re.compile(r"[-+]?\d[\d.,]*\s*(ms|s|seconds?)?(?![a-z\d])", re.IGNORECASE)

_FAINT, _THIN = 0.2, 1.0
"""Bars of a smaller alpha, or of a smaller height in points, cannot be seen."""
_ALIKE = 0.1
"""Colours of which no part, red, green or blue, differs by more look the same."""


def check_timeline(timeline: Callable[..., Any]) -> None:
    """Step 8: bars to scale, each in its row below its parent's, kinds and errors marked."""
    draft = Draft(fresh())
    rows = _trace(draft)
    for order in draft.orders():
        _picture(timeline, order, rows)


def _picture(timeline: Callable[..., Any], order: list[Row], rows: list[Row]) -> None:
    canvas = FigureCanvasAgg(Figure(figsize=(8, 5)))
    ax = canvas.figure.subplots()
    _quietly(timeline, order, ax)
    ax.get_xlim(), ax.get_ylim()  # now the limits fit what was drawn
    bars = bars_of(ax)
    pairs = _to_scale(bars, rows)
    _in_rows(pairs)
    _in_sight(pairs, ax)
    _visible(pairs)
    expect(
        _SECONDS.search(ax.get_xlabel()),
        f"The label of the x axis is {ax.get_xlabel()!r}: it does not name the unit of time.",
    )
    words = {row.span_id: _words(bar, ax) for row, bar in pairs}
    for row, _ in pairs:
        expect(
            row.name in words[row.span_id],
            f"In the row of `{row.name}` there are the words {words[row.span_id]!r}: the name "
            "of the span is missing.",
        )
    _kinds(pairs)
    _errors(pairs, words)


def _trace(draft: Draft) -> list[Row]:
    """Return rows in the order of the flow; sorted by start they would be in another."""
    one, two, three = draft.draw.sample(NAMES, 3)
    error = f"{draft.draw.choice(('TimeoutError', 'ValueError'))}: no answer"
    wide = draft.draw.uniform(0.05, 0.4)
    root = draft.add("invoke_agent planner", None, 0, 6 + wide, error)
    draft.add("chat planner", root, 0.2, 0.8 + wide)
    first = draft.add(f"execute_tool {one}", root, 1.2, 3 + wide)
    draft.add(f"GET /{one}", first, 1.9, 2.5 + wide)
    second = draft.add(f"execute_tool {two}", root, 1.4, 2 + wide)
    draft.add(f"GET /{two}", second, 1.5, 1.9 + wide)
    draft.add("chat planner", root, 3.6, 4 + wide)
    draft.add(f"execute_tool {three}", root, 4.5, 5.5 + wide, error)
    return list(draft.rows)


def _quietly(timeline: Callable[..., Any], rows: list[Row], ax: "Axes") -> None:
    """Call the learner's code; a figure that it made besides is closed."""
    import matplotlib.pyplot as plt

    before = set(plt.get_fignums())
    try:
        call(timeline, rows, ax)
    finally:
        more = set(plt.get_fignums()) - before
        for number in more:
            plt.close(number)
    own = more and not bars_of(ax)
    expect(not own, "You drew on a figure of your own: draw on `ax`, with `ax.barh` for example.")


def _markers(ax: "Axes") -> Iterator[tuple[float, str]]:
    """Return the height of each marker, and a word for it."""
    for each in ax.collections:
        if isinstance(each, PathCollection):
            for point in np.asarray(each.get_offsets(), dtype=float):
                yield float(point[1]), "marker"
    for line in ax.lines:
        if line.get_marker() not in ("None", "", " ", None):
            for point in np.asarray(line.get_xydata(), dtype=float):
                yield float(point[1]), f"marker {line.get_marker()}"


def _to_scale(bars: Sequence[Bar], rows: Sequence[Row]) -> list[tuple[Row, Bar]]:
    """Return each span with its bar, from top to bottom."""
    expect(bars, "Nothing was drawn on `ax`.")
    expect(
        len(bars) == len(rows),
        f"There are {len(rows)} spans and {len(bars)} bars: one bar for each span.",
    )
    zero_s = min(row.start_s for row in rows)
    first_s, last_s = min(bar.start_s for bar in bars), max(bar.end_s for bar in bars)
    expect(
        abs(first_s) < 0.001,
        f"The first bar begins at {first_s:.7g}: time counts from the beginning of the trace.",
    )
    whole_s = max(row.end_s for row in rows) - zero_s
    pairs, left = [], list(bars)
    for row in rows:
        start_s, end_s = row.start_s - zero_s, row.end_s - zero_s
        near = [b for b in left if abs(b.start_s - start_s) + abs(b.end_s - end_s) < 0.002]
        if not near:
            shown = ", ".join(f"{bar.start_s:.2f} to {bar.end_s:.2f}" for bar in bars)
            msg = (
                f"`{row.name}` began {start_s:.2f} s after the trace and lasted "
                f"{end_s - start_s:.2f} s. No bar does: they go from {shown}. "
            )
            if last_s > whole_s + 0.01:
                msg += "The last ends later than the trace. A bar has a beginning and a *width*."
            raise Wrong(msg.strip())
        left.remove(near[0])
        pairs.append((row, near[0]))
    return sorted(pairs, key=lambda pair: pair[1].top)


def _in_rows(pairs: Sequence[tuple[Row, Bar]]) -> None:
    """Expect a row for each bar, and directly below each span what belongs to it."""
    for (upper, one), (lower, other) in itertools.pairwise(pairs):
        overlap = min(one.high, other.high) - max(one.low, other.low)
        expect(
            other.top - one.top > 1 and overlap < 0.01,
            f"`{upper.name}` and `{lower.name}` are drawn in the same row, or one over the other. "
            "Names repeat; positions do not.",
        )
    root = next(row for row, _ in pairs if row.parent_id is None)
    top = pairs[0][0]
    expect(top is root, f"At the top is `{top.name}`. Begin with the span that has no parent.")
    path: list[Row] = []
    started: dict[str, Row] = {}
    for row, _ in pairs:
        while path and path[-1].span_id != row.parent_id:
            path.pop()
        expect(
            path or row is root,
            f"`{row.name}` is not below its parent: another span, which is not the parent's, "
            "stands between them.",
        )
        before = started.get(row.parent_id or "")
        expect(
            before is None or before.start_s <= row.start_s,
            f"`{before and before.name}` is above `{row.name}`, which has the same parent and "
            "started earlier.",
        )
        started[row.parent_id or ""] = row
        path.append(row)


def _in_sight(pairs: Sequence[tuple[Row, Bar]], ax: "Axes") -> None:
    (left, right), (low, high) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    for row, bar in pairs:
        expect(
            left - 0.01 < bar.start_s
            and bar.end_s < right + 0.01
            and low < (bar.low + bar.high) / 2 < high,
            f"The bar of `{row.name}` is not in sight, or only a part of it: the axes show "
            f"{left:.2f} to {right:.2f} from left to right, and {low:.2f} to {high:.2f} in height.",
        )


def _visible(pairs: Sequence[tuple[Row, Bar]]) -> None:
    for row, bar in pairs:
        expect(
            bar.alpha >= _FAINT,
            f"The bar of `{row.name}` is nearly transparent: its alpha is {bar.alpha:g}. Let "
            f"readers see it: {_FAINT:g} or more.",
        )
        expect(
            bar.points >= _THIN,
            f"The bar of `{row.name}` is only {bar.points:.1f} points high: it is too thin to be "
            "seen. Give it more of its row.",
        )


def _words(bar: Bar, ax: "Axes") -> str:
    """Return what is written in a bar's row: labels of the axis, other text, markers."""
    low, high = bar.low, bar.high
    if high - low < 0.01:  # a line
        low, high = low - 0.4, high + 0.4
    ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=False)
    words = [label.get_text() for at, label in ticks if low <= at <= high]
    for text in ax.texts:
        _, y = getattr(text, "xy", None) or text.get_position()
        if low <= float(y) <= high:
            words.append(text.get_text())
    words += [word for y, word in _markers(ax) if low <= y <= high]
    return " ".join(words)


def _kinds(pairs: Sequence[tuple[Row, Bar]]) -> None:
    twos = list(itertools.combinations(pairs, 2))
    twos.sort(key=lambda two: two[0][0].operation != two[1][0].operation)
    for (row, bar), (other, another) in twos:
        same = bar.color == another.color
        if not same and row.operation != other.operation:
            seen = zip(bar.shown(), another.shown(), strict=True)
            expect(
                max(abs(one - two) for one, two in seen) >= _ALIKE,
                f"`{row.name}` has the operation {row.operation!r}, `{other.name}` has "
                f"{other.operation!r}, and their colours look alike: nobody can tell them apart.",
            )
        expect(
            same == (row.operation == other.operation),
            f"`{row.name}` has the operation {row.operation!r}, `{other.name}` has "
            f"{other.operation!r}, and they have {'the same colour' if same else 'two colours'}: "
            "one operation, one colour.",
        )


def _errors(pairs: Sequence[tuple[Row, Bar]], words: dict[str, str]) -> None:
    """Expect failed spans to have a hatch, or words, that no other one has."""
    marks = {
        row.span_id: {f"hatch {bar.hatch}" * bool(bar.hatch)}
        | set(_TIMES.sub(" ", words[row.span_id].replace(row.name, " ")).split())
        for row, bar in pairs
    }
    failed = [row for row, _ in pairs if row.error]
    usual = set().union(*(marks[row.span_id] for row, _ in pairs if row.error is None), {""})
    # What only one of the failed spans has, its id for example, is no mark.
    if not set.intersection(*(marks[row.span_id] for row in failed)) - usual:
        names = [row.name for row in failed if not marks[row.span_id] - usual]
        raise Wrong(
            "Without a mark, or marked by colour alone: "
            f"{listed(names or [row.name for row in failed])}. A failed span needs a hatch, a sign "
            "or a word that the other spans do not have: not everybody sees colours."
        )
