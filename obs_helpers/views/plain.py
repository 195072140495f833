"""The dashboard as plain text, in the course outline's boxes."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from obs_helpers.safe_text import one_line
from obs_helpers.views import numbers as show
from obs_helpers.views.alert_lines import alert_lines, alert_note
from obs_helpers.views.cards import Card, cards, coverage_line, window_line
from obs_helpers.views.limits import limits
from obs_helpers.views.sheets import error_sheet
from obs_helpers.views.snapshot import Snapshot

_WIDTH, _COLUMN = 92, 28
_BLOCKS = "▁▂▃▄▅▆▇█"


def plain_text_of(shot: Snapshot) -> str:
    """Return the numbers of the dashboard in boxes drawn with lines."""
    head = ["Agent Overview".center(_WIDTH).rstrip(), window_line(shot.now)]
    warning = coverage_line(shot.now)
    boxes = [head + [warning] * bool(warning), _numbers(shot), _response(shot), _errors(shot)]
    if shot.engine is not None:
        found = [
            f"{line.state}: {line.name} {line.tags} {line.summary}, since {line.since}"
            for line in alert_lines(shot.engine)
        ]
        boxes.append([f"Alerts: {alert_note(shot.engine)}", *found])
    edge = "─" * (_WIDTH + 2)
    body = f"\n├{edge}┤\n".join("\n".join(map(_boxed, lines)) for lines in boxes)
    return f"┌{edge}┐\n{body}\n└{edge}┘"


def sparkline(values: Sequence[float | None]) -> str:
    """Return one block for each value, as high as it is; a dot is no data."""
    top = max((value for value in values if value is not None), default=0) or 1
    return "".join("·" if v is None else _BLOCKS[min(7, int(8 * v / top))] for v in values)


def _numbers(shot: Snapshot) -> list[str]:
    """Return the cards, three side by side."""
    shown, lines = cards(shot), list[str]()
    for first in range(0, len(shown), 3):
        blocks = [_card_lines(card) for card in shown[first : first + 3]]
        lines += [""] * bool(lines)
        for row in zip_longest(*blocks, fillvalue=""):
            lines.append(" │ ".join(f"{one_line(cell, _COLUMN):{_COLUMN}}" for cell in row))
    return lines


def _card_lines(card: Card) -> list[str]:
    words = [part for part in (card.verdict, card.change, *card.notes) if part]
    wrapped = [line for part in words for line in textwrap.wrap(part, _COLUMN)]
    return [card.title, f"   {card.value}", *wrapped]


def _response(shot: Snapshot) -> list[str]:
    values = [one.runs.p95_s for one in shot.now.buckets]
    known = [value for value in values if value is not None]
    low, high = (pick(known, default=None) for pick in (min, max))
    lines = ", ".join(limit.label for limit in limits("p95_latency", shot.engine))
    return [
        f"Response time, p95 per {show.stretch(shot.now.bucket_s)} ({lines})",
        sparkline(values),
        f"from {show.seconds(low)} to {show.seconds(high)}",
    ]


def _errors(shot: Snapshot) -> list[str]:
    found = [f"  {row[2]:>6}  {row[0]}: {row[1]}" for row in error_sheet(shot).rows]
    return ["Top errors", *(found or ["  none in this window"])]


def _boxed(line: str) -> str:
    return f"│ {one_line(line, _WIDTH):{_WIDTH}} │"
