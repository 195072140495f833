"""Checks of what the dashboard shows: a chart, read from its axes, and live numbers."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
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


# -- 5: a chart -----------------------------------------------------------------------------
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


# -- 6: live numbers ------------------------------------------------------------------------
def live(answer: Question) -> None:
    """Check that the text follows the selector, with fresh numbers, and so does the button."""
    import ipywidgets as widgets

    least, middle, most = sorted(Chance().stream().sample(range(5, 60, 5), 3))
    minutes = [middle, most, least]  # the order that is asked for, and no other one
    source = _Source()
    root = call(answer, minutes, source)
    expect(root is not None, "It gave None: did you forget a `return`? Return a widget")
    text = f"It gave {type(root).__name__}: return one widget that holds the others"
    expect(isinstance(root, widgets.Widget), text)
    parts = list(_parts(root))
    try:
        _check_following(parts, minutes, source)
    finally:
        for part in parts:
            part.close()


class _Source:
    """Gives other numbers each time, as a store does in which telemetry arrives."""

    def __init__(self) -> None:
        self.draw = Chance().stream()
        self.said: list[tuple[int, str]] = []
        self.before: list[tuple[int, str]] = []

    def __call__(self, minutes: int) -> str:
        text = f"`numbers` was called with {minutes!r}: it takes minutes, as a number"
        expect(isinstance(minutes, Real), text)
        text = f"{self.draw.randrange(10**6, 10**7)} requests in {minutes} min"
        self.said.append((int(minutes), text))
        return text

    def __repr__(self) -> str:
        return "numbers"

    def forget(self) -> None:
        """Take what was said until now for old."""
        self.before += self.said
        self.said = []


def _parts(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _parts(child)


def _check_following(parts: list[Any], minutes: Sequence[int], source: _Source) -> None:
    selectors = [part for part in parts if part.has_trait("options")]
    names = ", ".join(type(part).__name__ for part in parts)
    text = f"There is no widget to select from (with `options`) in what you return: {names}"
    expect(selectors, text)
    selector, buttons = selectors[0], [part for part in parts if hasattr(part, "click")]
    count = len(selector.options)
    text = f"The selector has {count} options, and {len(minutes)} windows were given"
    expect(count == len(minutes), text)
    expect(source.said, "Before anything is selected there are no numbers: show them at once")
    text = "At first no window is selected: one of them has to be, and its numbers are shown"
    expect(selector.index is not None, text)
    first, *others = sorted(range(count), key=lambda n: n != selector.index)
    _check_shown(parts, source, minutes[first], "At first")
    for index in (others[0], first, *others[1:]):
        source.forget()
        _do(f"selecting {minutes[index]} min", partial(setattr, selector, "index", index))
        _check_shown(parts, source, minutes[index], f"After selecting {minutes[index]} min")
    text = f"There is no Button in what you return: {names}; new telemetry would not be seen"
    expect(buttons, text)
    source.forget()
    _do("a click on the button", partial(_click, buttons[0]))
    expect(source.said, "After a click, `numbers` was not asked: tell the button what to call")
    _check_shown(parts, source, minutes[others[-1]], "After a click on the button")


def _do(what: str, act: partial[None]) -> None:
    """Call what raises if a callback of the learner's does, and name it in the message."""
    act.__name__ = f"{what}: your callback"  # type: ignore[attr-defined]
    call(act)


def _click(button: Any) -> None:
    """Click; `button.click()` prints what a callback raises, and goes on."""
    for callback in button._click_handlers.callbacks:
        callback(button)


def _check_shown(parts: list[Any], source: _Source, minutes: int, when: str) -> None:
    """Check that new numbers of the selected window are shown, and no old ones."""
    shown = _texts(parts)
    old = any(text in shown and asked == minutes for asked, text in source.before)
    text = "`numbers` was not asked again: numbers from before are old by now"
    expect(source.said or not old, f"{when}, {text}")
    expect(source.said, f"{when}, nothing changes: tell the selector what to call")
    asked = {window for window, text in source.said if text in shown}
    if minutes in asked:
        text = f"{when}, numbers from before are shown, too: put the new text in their place"
        expect(not any(old in shown for _, old in source.before), text)
        return
    text = f"{when}, yours shows the numbers of {min(asked, default=0)} min, and the option for "
    expect(not asked, f"{text}{minutes} min is selected: options are in the order of `minutes`")
    output = any(type(part).__name__ == "Output" for part in parts)
    more = "; text goes into the `value` of a widget, not into an Output" if output else ""
    raise Wrong(f"{when}, the newest text of `numbers` is in no widget's `value`{more}")


def _texts(parts: list[Any]) -> str:
    values = [getattr(part, "value", "") for part in parts if not part.has_trait("options")]
    return "\n".join(value for value in values if isinstance(value, str))
