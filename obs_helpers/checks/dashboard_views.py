"""Check of the dashboard's chart, read from its axes."""

import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from numbers import Real
from typing import TYPE_CHECKING, Any

from obs_helpers.checks.dashboard_numbers import Question
from obs_helpers.checks.dashboard_traffic import HOUR, some_day
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import Chance

if TYPE_CHECKING:
    import random

    import pandas as pd

NO_MARKER = ("None", "none", " ", "", None)
LIMITS = {2.0: "target", 5.0: "alert"}
"""In seconds: the course's target and alert threshold for the response time."""
FAINT = 0.1
"""Lines of a smaller alpha cannot be seen."""


def draw_response_time(answer: Question) -> None:
    """Check the lines of a chart, their names and styles, the limits and the axes."""
    points = _points(Chance().stream())
    ax = _drawn(answer, points)
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) > 2]
    shown = [_values(line) for line in lines]
    found = {}
    for name in ("p95", "mean"):
        wanted = [None if math.isnan(v) else v for v in points[f"{name}_s"]]
        if wanted not in shown:
            raise Wrong(_why_not(name, wanted, shown))
        found[name] = line = lines[shown.index(wanted)]
        _check_time(line.get_xdata(orig=True)[0], points["time"][0])
        text = f"The line of {name} has neither a line style nor a marker: nobody sees it"
        expect(line.get_linestyle() != "None" or line.get_marker() not in NO_MARKER, text)
        _check_seen(line, f"The line of {name}")
    _check_axes(ax)
    _check_limits(ax)
    text = "p95 and mean have the same line style and the same marker; colour or width do not count"
    expect(_style(found["p95"]) != _style(found["mean"]), text)
    _check_names(ax, found)


def _points(draw: "random.Random") -> "pd.DataFrame":
    """Return hours of response times; in one hour nobody asked."""
    import pandas as pd

    start, count = some_day(draw), draw.randint(8, 12)
    mean = [round(draw.uniform(1.0, 1.9), 3) for _ in range(count)]
    p95 = [round(draw.uniform(2.2, 4.5), 3) for _ in range(count)]
    mean[count // 2] = p95[count // 2] = math.nan
    times = [start + n * HOUR for n in range(count)]
    return pd.DataFrame({"time": pd.to_datetime(times), "mean_s": mean, "p95_s": p95})


def _check_time(shown: Any, time: datetime) -> None:
    """Check the first x value: days since 1970, or hours if pandas drew it. Text is left alone."""
    from matplotlib.dates import date2num

    as_days: Callable[[Any], float] = date2num
    x = getattr(shown, "ordinal", shown)
    fits = isinstance(x, str) or any(
        math.isclose(x if isinstance(x, Real) else as_days(x), unit * as_days(time))
        for unit in (1, 24)
    )
    text = f"The x values begin with {shown}, and the column `time` with {time}"
    expect(fits, f"{text}: draw over this column")


def _check_seen(line: Any, what: str) -> None:
    """Check that a line is not transparent, and has a width."""
    alpha = _alpha(line)
    text = f"{what} is transparent, its alpha is {alpha:g}: let readers see it"
    expect(alpha >= FAINT, text)
    thick = line.get_linewidth() > 0 or line.get_marker() not in NO_MARKER
    expect(thick, f"{what} has the width 0: let readers see it")


def _alpha(line: Any) -> float:
    """Return how opaque a line is: 0 is invisible."""
    from matplotlib.colors import to_rgba

    return to_rgba(line.get_color(), line.get_alpha())[3] if line.get_visible() else 0.0


def _style(line: Any) -> tuple[Any, ...]:
    """Return what tells lines apart without colours; dashes have lengths, too."""
    marker = line.get_marker()
    dashes = getattr(line, "_unscaled_dash_pattern", None)
    return line.get_linestyle(), dashes, None if marker in NO_MARKER else marker


def _drawn(answer: Question, points: "pd.DataFrame") -> Any:
    """Return the axes on which the answer drew; what it opened besides is closed."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    before = set(plt.get_fignums())
    try:
        call(answer, ax, points.copy())
    finally:
        others = set(plt.get_fignums()) - before
        for number in others:
            plt.close(number)
    if not ax.has_data():
        text = "Nothing was drawn on `ax`"
        raise Wrong(f"{text}, but on a figure of plt's own: call methods of `ax`" * bool(others)
                    or f"{text}: call its methods, such as `ax.plot`")  # fmt: skip
    return ax


def _values(line: Any) -> list[float | None]:
    """Return the heights of a line, None where it has a gap."""
    values = line.get_ydata(orig=True)
    if hasattr(values, "filled"):  # a masked array
        values = values.filled(math.nan)
    return [None if v is None or math.isnan(v) else float(v) for v in values]


def _why_not(name: str, wanted: list[float | None], shown: list[list[float | None]]) -> str:
    known = [value for value in wanted if value is not None]
    if known in shown:
        return f"The line of {name} connects across the hour without data: keep the gap (NaN) in it"
    gap = wanted.index(None)
    for values in shown:
        if len(values) == len(wanted) and values[:gap] + values[gap + 1 :] == known:
            what = f"is at {values[gap]:g} in the hour without data: keep the gap (NaN) in it"
            return f"The line of {name} {what}"
    if any(len(values) == len(wanted) and values[0] == 1000 * known[0] for values in shown):
        return f"The line of {name} is in milliseconds: draw seconds"
    return f"There is no line through all values of `{name}_s`; {len(shown)} other lines are there"


def _check_axes(ax: Any) -> None:
    below, beside = ax.get_xlabel(), ax.get_ylabel()
    expect(below and beside, f"Axes without words: xlabel is {below!r}, ylabel is {beside!r}")
    text = f"ylabel is {beside!r}: the values are seconds, and so must the unit be"
    expect(not re.search(r"\b(ms|msecs?|milliseconds?)\b", beside, re.IGNORECASE), text)
    unit = re.search(r"(?<!['\u2019])\b(s|secs?|seconds?)\b", beside, re.IGNORECASE)
    expect(unit, f"ylabel is {beside!r}: the unit is missing")
    text = f"xlabel is {below!r}: the time zone is missing, and readers live in many"
    expect(re.search(r"\bUTC\b(?! ?[+-])", below, re.IGNORECASE), text)


def _check_limits(ax: Any) -> None:
    flat: dict[float | None, float] = {}
    for height, alpha in _flat(ax):
        flat[height] = max(alpha, flat.get(height, 0.0))
    low, high = sorted(ax.get_ylim())
    for limit, name in LIMITS.items():
        expect(limit in flat, f"The {name} is missing: a horizontal line at its number of seconds")
        text = f"The {name} is transparent, its alpha is {flat[limit]:g}: a limit must be seen"
        expect(flat[limit] >= FAINT, text)
        text = f"The {name} cannot be seen: the y axis goes from {low:g} to {high:g}"
        expect(low < limit <= high, text)


def _flat(ax: Any) -> Iterator[tuple[float | None, float]]:
    """Yield the height of each horizontal line, and how opaque it is."""
    for line in ax.get_lines():
        if len(values := set(_values(line))) == 1:
            yield values.pop(), _alpha(line)
    for collection in ax.collections:  # what `hlines` makes
        colors: Any = collection.get_edgecolor()
        for n, segment in enumerate(getattr(collection, "get_segments", list)()):
            if len({float(y) for _, y in segment}) == 1:
                shown = collection.get_visible() and len(colors)
                yield float(segment[0][1]), float(colors[n % len(colors)][3]) if shown else 0.0


def _check_names(ax: Any, found: dict[str, Any]) -> None:
    legend = ax.get_legend() or next(iter(ax.figure.legends), None)
    beside = " ".join(text.get_text() for text in ax.texts)
    if legend is None:
        text = "No legend is shown, and nothing at the lines says which is which"
        expect("p95" in beside and "mean" in beside, text)
        return
    labels = [text.get_text() for text in legend.get_texts()]
    named = list(zip(legend.legend_handles, labels, strict=True))
    for name, other in (("p95", "mean"), ("mean", "p95")):
        mine = [label for handle, label in named if _look(handle) == _look(found[name])]
        text = (
            f"The line with the values of `{name}_s` is called {''.join(mine[:1])!r} in the legend"
        )
        expect(not any(other in label for label in mine), text)
        text = f"The legend names {labels}: the line of `{name}_s` is not there as {name!r}"
        expect(any(name in label.lower() for label in mine), text)


def _look(line: Any) -> tuple[Any, ...] | None:
    """Return how a line is drawn, which its place in the legend repeats; None for a patch."""
    from matplotlib.colors import to_rgba

    return (*_style(line), to_rgba(line.get_color())) if hasattr(line, "get_marker") else None
