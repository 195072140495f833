"""Bars of a timeline, read back from axes, whichever way they were drawn."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection, PatchCollection, PolyCollection
from matplotlib.colors import to_rgb, to_rgba

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Drawn = tuple[Any, Any, str | None, float]
"""Outline, colour (with its alpha), hatch and, of lines, width in points of something drawn."""


class Bar:
    """One bar, in the units of the axes; `top` counts from the top of the picture."""

    def __init__(self, box: Any, top: float, color: Any, points: float) -> None:
        """Take the outline, the place, the looks, and the height in points."""
        self.start_s, self.end_s = float(box.x0), float(box.x1)
        self.low, self.high = sorted((float(box.y0), float(box.y1)))
        self.top, self.color, self.hatch = top, to_rgb(color), ""
        self.alpha, self.points = float(to_rgba(color)[3]), points

    def shown(self) -> tuple[float, ...]:
        """Return the colour that is seen on white paper."""
        return tuple(self.alpha * part + 1 - self.alpha for part in self.color)


def bars_of(ax: "Axes") -> list[Bar]:
    """Return the bars, whichever way they were drawn: from top to bottom.

    What is drawn at the place of a bar, such as a hatch over its colour, belongs to that bar.
    """
    bars: dict[Any, Bar] = {}
    for box, color, hatch, width in (*_patches(ax), *_collections(ax), *_lines(ax)):
        if box.x1 > box.x0:  # one without length stands in a legend
            low, at, high = ax.transData.transform(
                [(0, box.y0), (0, (box.y0 + box.y1) / 2), (0, box.y1)]
            )
            points = width + abs(float(high[1] - low[1])) * 72 / ax.figure.dpi
            place = tuple(map(float, box.extents))
            bar = bars.setdefault(place, Bar(box, -float(at[1]), color, points))
            bar.hatch += hatch or ""
            bar.alpha = max(bar.alpha, float(to_rgba(color)[3]))
    return sorted(bars.values(), key=lambda bar: bar.top)


def _patches(ax: "Axes") -> Iterator[Drawn]:
    """What `barh` and `add_patch` make; `axvspan` and its like are no bars."""
    for patch in ax.patches:
        if patch.get_transform().contains_branch(ax.transData):
            path = patch.get_patch_transform().transform_path(patch.get_path())
            color = to_rgba(patch.get_facecolor(), None if patch.get_visible() else 0.0)
            yield path.get_extents(), color, patch.get_hatch(), 0.0


def _collections(ax: "Axes") -> Iterator[Drawn]:
    """What `broken_barh`, `hlines` and `add_collection` make."""
    for each in ax.collections:
        if isinstance(each, LineCollection | PolyCollection | PatchCollection):
            lines = isinstance(each, LineCollection)
            colors: Any = each.get_edgecolor() if lines else each.get_facecolor()
            for n, path in enumerate(each.get_paths()):
                color = to_rgba(colors[n % len(colors)], None if each.get_visible() else 0.0)
                widths: Any = each.get_linewidth()
                width = float(np.atleast_1d(widths)[n % np.size(widths)]) if lines else 0.0
                yield path.get_extents(), color, each.get_hatch(), width


def _lines(ax: "Axes") -> Iterator[Drawn]:
    """What `plot` makes of two points at one height."""
    for line in ax.lines:
        points = np.asarray(line.get_xydata(), dtype=float)
        in_data = line.get_transform().contains_branch(ax.transData)
        if in_data and len(points) == 2 and points[0][1] == points[1][1]:
            alpha = line.get_alpha() if line.get_visible() else 0.0
            color = to_rgba(line.get_color(), alpha)
            yield line.get_path().get_extents(), color, None, float(line.get_linewidth())
