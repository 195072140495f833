"""The rows of a timeline as the templates need them: places in per cent, what folds, what opens."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from obs_helpers.insight.trace_layout import Layout, Row
from obs_helpers.views.span_details import Details
from obs_helpers.views.span_text import label, remarks, took

MAX_NESTED = 60
"""Levels that fold. Browsers stop nesting at 512, and the page around us needs some."""
MAX_INDENTED = 12
"""Levels that are indented; deeper ones say their number, so that names keep their place."""
MAX_OPEN = 200
"""With more rows only what leads to an error, to what still runs, or to a single row is
unfolded."""

Span = tuple[float, float]
"""Left end and width, in per cent of the axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One row, ready to print."""

    row: Row
    label: str
    took: str
    remarks: str
    bar: Span | None
    path: list[Span]
    details: Details | None
    opens: bool
    """Tell whether the rows below it fold into it."""
    unfolded: bool
    closes: int
    """How many folds end after it."""
    hidden: int
    """Spans right below it that there was no room for, with all that is below these."""

    @property
    def indent(self) -> int:
        """Levels to indent."""
        return min(self.row.depth, MAX_INDENTED)

    @property
    def level(self) -> str:
        """The depth in words, where the indent does not tell it."""
        return f"level {self.row.depth:,}" if self.row.depth > MAX_INDENTED else ""


def lines(placed: Layout, rows: Sequence[Row], details: dict[int, Details]) -> list[Line]:
    """Return `rows`, picked from a layout, as lines; `details` are by a row's number."""
    unfolded = _noted(placed, rows)
    children = Counter(row.parent for row in rows)
    hidden = {row.number: row.below for row in rows}
    for row in rows:
        if row.parent is not None:
            hidden[row.parent] -= row.below + 1
    made, folds = [], list[int]()
    for n, row in enumerate(rows, 1):
        depth_after = rows[n].depth if n < len(rows) else -1
        opens = row.depth < min(depth_after, MAX_NESTED)
        if opens:
            folds.append(row.depth)
        ended = [depth for depth in folds if depth >= depth_after]
        del folds[len(folds) - len(ended) :]
        line = Line(
            *(row, label(row), took(row), remarks(row)),
            bar=_place(placed, row.start_s, row.end_s),
            path=[_per_cent(*stretch) for stretch in placed.waits(row)],
            details=details.get(row.number),
            opens=opens,
            unfolded=len(rows) <= MAX_OPEN
            or row.depth == 0
            or children[row.number] == 1
            or row.number in unfolded,
            closes=len(ended),
            hidden=hidden[row.number],
        )
        made.append(line)
    return made


def _noted(placed: Layout, rows: Sequence[Row]) -> set[int]:
    """Return the numbers of the rows above those that failed or are running."""
    noted: set[int] = set()
    for row in rows:
        above = row.parent if row.span.failed or row.running else None
        while above is not None and above not in noted:
            noted.add(above)
            above = placed.rows[above].parent
    return noted


def _place(placed: Layout, start_s: float | None, end_s: float | None) -> Span | None:
    if start_s is None or end_s is None:
        return None
    return _per_cent(placed.axis.at(start_s), placed.axis.at(end_s))


def _per_cent(left: float, right: float) -> Span:
    return round(100 * left, 2), round(100 * (right - left), 2)
