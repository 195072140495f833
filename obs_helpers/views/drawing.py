"""What the dashboard's charts are drawn with: a frame over time, lines, areas, limits.

Margins are fixed and ticks few, for most of a refresh is drawing. Nothing is told by colour
alone, and what is not known is a gap.
"""

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from obs_helpers.views.limits import Limit
from obs_helpers.views.numbers import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9"
"""Okabe and Ito's palette, which the colour-blind can tell apart."""
BEFORE = {"color": "#666666", "linestyle": (0, (4, 2))}
"""How the window before is drawn."""

_LIMITS: dict[str, tuple[str, Any]] = {
    "target": (GREEN, (0, (1, 1))), "alert": ("black", "-."), "rule": ("black", (0, (6, 2))),
}  # fmt: skip
Values = Sequence[float | None]
_STEPS_S = (1, 5, 15, 60, 300, 900, 3_600, 7_200, 21_600, 86_400, 604_800, 2_592_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_STYLE: dict[Any, Any] = {
    "text.parse_math": False, "text.usetex": False, "font.size": 8, "text.color": "black",
    "axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": "white",
    "figure.facecolor": "white", "axes.labelcolor": "black", "axes.edgecolor": "black",
    "xtick.color": "black", "ytick.color": "black", "lines.linewidth": 1.4,
    "lines.markersize": 2.5, "hatch.linewidth": 0.6, "legend.frameon": False,
    "legend.fontsize": 7.5,
}  # fmt: skip


@contextmanager
def drawing_style() -> Iterator[None]:
    """Draw and save within this: light in any theme, and no text is read as mathematics."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def png(figure: "Figure") -> bytes:
    """Return the picture of a figure, as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80, pil_kwargs={"compress_level": 3})
    return buffer.getvalue()


class Plot:
    """One pair of axes, over the buckets of a stretch of time."""

    def __init__(self, ax: Any, bucket_s: float) -> None:
        """Draw on `ax`, whose x are seconds, one value for each `bucket_s`."""
        self.ax, self._bucket_s = ax, bucket_s

    def line(self, values: Values, label: str, **style: Any) -> None:
        """Draw one value in the middle of each bucket."""
        at = [(n + 0.5) * self._bucket_s for n in range(len(values))]
        self.ax.plot(at, _floats(values), label=label, **style)

    def area(self, top: Values, label: str, bottom: Values = (), **style: Any) -> None:
        """Fill each bucket from `bottom`, or 0, to `top`."""
        edges = [n * self._bucket_s for n in range(len(top) + 1)]
        base = [value or 0.0 for value in bottom] if bottom else 0
        edge = "white" if style.get("hatch") else None  # the colour of the hatching
        self.ax.stairs(
            *(_floats(top), edges), baseline=base, fill=True, label=label, linewidth=0,
            edgecolor=edge, **style,
        )  # fmt: skip

    def limits(self, found: Iterable[Limit]) -> None:
        """Draw lines across; those of rules, which may be many, bear their names themselves."""
        for limit in found:
            color, line = _LIMITS[limit.kind]
            named = limit.kind == "rule"
            self.ax.axhline(
                limit.value, color=color, linestyle=line, linewidth=1,
                label=None if named else limit.label,
            )  # fmt: skip
            if named:
                self.ax.text(
                    0.01, limit.value, limit.label, transform=self.ax.get_yaxis_transform(),
                    va="bottom", size=7,
                )  # fmt: skip

    def from_zero(self) -> None:
        """Let the axis begin at 0, and explain the lines."""
        self.ax.set_ylim(bottom=0)
        self.legend()

    def logarithmic(self) -> None:
        """Let the axis grow by factors, with marks at 1, 2, 5 and so on; explain the lines."""
        self.ax.set_yscale("log")
        self.ax.minorticks_off()
        low, high = self.ax.get_ylim()
        marks = [m * 10.0**e for e in range(-4, 6) for m in (1, 2, 5)]
        inside = [mark for mark in marks if low <= mark <= high]
        self.ax.set_yticks(inside, [f"{mark:g}" for mark in inside])
        self.legend()

    def legend(self) -> None:
        """Explain the lines, above them."""
        labels = self.ax.get_legend_handles_labels()[1]
        if labels:
            self.ax.legend(
                loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=len(labels),
                borderaxespad=0, columnspacing=1, handlelength=1.8, handletextpad=0.4,
            )  # fmt: skip


def plots(
    figure: Any, title: str, units: Sequence[str], start: datetime, end: datetime, buckets: int
) -> list[Plot]:
    """Return one plot for each unit, below each other, from `start` to `end`, UTC."""
    wide_s = (end - start).total_seconds()
    space = {"left": 0.1, "right": 0.965, "top": 0.82, "bottom": 0.16, "hspace": 0.45}
    axes = figure.subplots(len(units), sharex=True, squeeze=False, gridspec_kw=space)[:, 0]
    figure.text(space["left"], 0.94, title, weight="bold", size=9)
    for ax, unit in zip(axes, units, strict=True):
        ax.set_ylabel(unit)
        ax.yaxis.set_major_formatter(lambda value, _: short(value))
        ax.locator_params(axis="y", nbins=4 if len(units) == 1 else 3)
        ax.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes[-1].set_xlim(0, wide_s)
    axes[-1].set_xticks(*_ticks(start, wide_s))
    days = f"{start:%Y-%m-%d}" if start.date() == end.date() else f"{start:%Y-%m-%d} to {end:%m-%d}"
    axes[-1].set_xlabel(f"time (UTC, {days})", labelpad=1)
    return [Plot(ax, wide_s / buckets) for ax in axes]


def _ticks(start: datetime, wide_s: float) -> tuple[list[float], list[str]]:
    """Return round times within the span, as seconds from its start, and how they are written."""
    step = next((step for step in _STEPS_S if wide_s / step <= 5), _STEPS_S[-1])
    from_epoch = (start - _EPOCH).total_seconds()
    first = math.ceil(from_epoch / step) * step - from_epoch
    at = [first + n * step for n in range(int((wide_s - first) // step) + 1)]
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%m-%d"
    return at, [f"{start + timedelta(seconds=x):{form}}" for x in at]


def _floats(values: Values) -> list[float]:
    return [math.nan if value is None else float(value) for value in values]
