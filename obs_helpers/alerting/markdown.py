"""Markdown made of texts that nobody can trust: messages come from models and users."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from obs_helpers.alerting.notification import one_line
from obs_helpers.signals.redaction import Redactor

MAX_TEXT = 500
"""Characters of one text in a document."""
_ID = re.compile(r"\b([0-9a-f]{32}|[0-9a-f]{16})\b")
_SPECIAL = re.compile(r"[\\`*_\[\]|~$]")


class Document(str):
    """Markdown that a notebook shows as such, and that can be saved."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write it to `path`, whose folder is made if need be; returns the path.

        Raises:
            ValueError: `path` has `..` in it, or does not end in `.md`.
            FileExistsError: the file is there, and `overwrite` is not set.
        """
        path = Path(path)
        if ".." in path.parts or path.suffix != ".md":
            msg = f"path={str(path)!r} does not work; give a file name ending in .md, without '..'"
            raise ValueError(msg)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(self)
        return path


class Markdown:
    """Redacts and escapes: a text stays one text, whatever is in it."""

    def __init__(self, redact: Redactor | None = None) -> None:
        """Redact by `redact`; by the default rules unless given."""
        self.redact = redact or Redactor()

    def text(self, value: object) -> str:
        """Return `value` for a paragraph or a table cell: one line that is only a text."""
        return _escaped(str(self.redact(str(value))))

    def with_ids(self, text: str) -> str:
        """Return `text` as `text` does, but for its ids: a random id can look like a card."""
        return _escaped(self._but_ids(text))

    def code(self, text: str) -> str:
        """Return one line of an indented code block, where nothing has a meaning."""
        return f"    {one_line(' '.join(self._but_ids(text).split()), 10 * MAX_TEXT)}"

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
        """Yield the lines of a table, whose cells are escaped already."""
        yield from (_row(header), _row(["---"] * len(header)))
        yield from map(_row, rows)

    def _but_ids(self, text: str) -> str:
        parts = _ID.split(text)  # every other part is an id
        return "".join(part if n % 2 else self.redact(part) for n, part in enumerate(parts))


def _escaped(text: str) -> str:
    line = html.escape(one_line(" ".join(text.split()), MAX_TEXT), quote=False)
    marked = _SPECIAL.sub(r"\\\g<0>", line)
    # JupyterLab looks for formulas after Markdown, and would find them between two dollars.
    return marked.replace("\\$", "<span>\\$</span>") if marked.count("\\$") > 1 else marked


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
