"""Values whose names stand in another line: CSV, Markdown tables, `INSERT INTO`, YAML blocks."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from obs_helpers.signals.privacy.names import TELLING_WORDS, Kind, kind_of
from obs_helpers.signals.privacy.plausible import is_placeholder
from obs_helpers.signals.privacy.rule import HOLE, Family, Found, family, has_any, words_of
from obs_helpers.signals.privacy.values import fits

_CELLS = {
    sign: re.compile(rf"(?:^|{re.escape(sign)})(?P<cell>\"[^\"\n]*\"|[^{re.escape(sign)}\n]*)")
    for sign in (",", ";", "\t", "|")
}
_HEADING = re.compile(r"(?:[^\W\d_][\w .()/#-]{0,60}|#|)")
_RULE = re.compile(r"[\s|:+-]+")
"""The line below the heading of a Markdown table."""
_INSERT = re.compile(
    r"(?i)\binsert\s+into\s+[^\s(]{1,100}\s*\((?P<names>[^()]{1,2000})\)\s*values\s*(?=\()"
)
_ROW = re.compile(r"\s*,?\s*\((?P<row>[^()]{1,4000})\)")
_SQL_CELL = re.compile(r"(?:^|,)\s*(?P<cell>'(?:[^']|'')*'|[^,]*)")
_BLOCK = re.compile(
    r"(?P<name>[\w.-]{1,64})[\"']?:\s?[|>][+-]?\d?\n(?P<value>(?:[ \t]+[^\n]{1,2000}\n?){1,40})"
)


class _Table(NamedTuple):
    sign: str
    columns: int
    kinds: dict[int, Kind]
    """What the headings announce, by place."""


def _tables(text: str) -> list[Found]:
    """Find the cells below a heading that announces them."""
    found: list[Found] = []
    start, table = 0, _Table("", 0, {})
    lines = text.splitlines(keepends=True)
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        cells = _cells(line, table.sign) if table.sign else []
        if len(cells) == table.columns > 1:
            for place, kind in table.kinds.items():
                found += _hit(*cells[place], start, kind)
        else:
            table = _table(line, following)
        start += len(line)
    return found


def _table(heading: str, following: str) -> _Table:
    """Return the table that begins with this line."""
    sign = max(_CELLS, key=heading.count)
    cells = _cells(heading, sign)
    if len(cells) < 2 or (sign == "|" and not _RULE.fullmatch(following)):
        return _Table("", 0, {})
    return _Table(sign, len(cells), _kinds(cell for cell, _ in cells))


def _cells(line: str, sign: str) -> list[tuple[str, int]]:
    """Return the cells of a line, and where each begins."""
    return [(cell["cell"], cell.start("cell")) for cell in _CELLS[sign].finditer(line.rstrip())]


def _kinds(names: Iterator[str]) -> dict[int, Kind]:
    """Return what those headings announce that announce anything; none if one is no heading."""
    plain = [name.strip(" \t\"'`*:") for name in names]
    if not all(map(_HEADING.fullmatch, plain)):
        return {}
    found = {place: kind_of(name) for place, name in enumerate(plain)}
    return {place: kind for place, kind in found.items() if kind}


def _hit(cell: str, at: int, start: int, kind: Kind) -> Iterator[Found]:
    value = cell.strip(" \"'`")
    first = start + at + cell.find(value)
    if not value.strip(":-") or HOLE in value or is_placeholder(value):
        return
    if kind.marker == "SECRET" or fits(kind.marker, value):
        yield Found(first, first + len(value), kind.marker)


def _inserted(text: str) -> list[Found]:
    """Find the values of columns that announce them."""
    found: list[Found] = []
    for match in _INSERT.finditer(text):
        kinds = _kinds(iter(match["names"].split(",")))
        row = _ROW.match(text, match.end())
        while kinds and row:
            cells = list(_SQL_CELL.finditer(row["row"]))
            for place, kind in kinds.items():
                if place < len(cells) and cells[place]["cell"].startswith("'"):
                    cell = cells[place]
                    found += _hit(cell["cell"], cell.start("cell"), row.start("row"), kind)
            row = _ROW.match(text, row.end())
    return found


def _blocks(text: str) -> list[Found]:
    """Find the blocks of YAML below a name that announces a secret."""
    found = []
    for match in _BLOCK.finditer(text):
        kind = kind_of(match["name"])
        if kind and kind.marker == "SECRET":
            value = match["value"]
            start = match.start("value") + len(value) - len(value.lstrip())
            found.append(Found(start, start + len(value.strip()), "SECRET"))
    return found


def _lines(text: str) -> list[Found]:
    if _TELLING.isdisjoint(words_of(text)):
        return []
    return (_blocks(text) if has_any(text, (": |", ": >", ":|", ":>")) else []) + _tables(text)


_TELLING = frozenset(word.encode() for word in TELLING_WORDS)

TABLES = (Family((_lines,), parts=("\n",)), family(_inserted, words="insert"))
