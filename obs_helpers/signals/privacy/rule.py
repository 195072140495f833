"""What a recogniser is: a function that finds what must go in a text."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

HOLE = "\x1a"
"""Stands for each character that another rule has taken: no value reaches across it.

ASCII's own sign for "substitute": a view never holds it, and what was ASCII stays ASCII."""


class Found(NamedTuple):
    """A part of a text that must go: `text[start:end]`."""

    start: int
    end: int
    marker: str
    """Takes its place in square brackets: capital letters and underscores."""


Recogniser = Callable[[str], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A recogniser made of a shape and a check."""

    marker: str
    pattern: re.Pattern[str]
    """Every repetition is bounded, so that hostile text costs linear time. If it has
    a group named `value`, only that part goes."""
    confirm: Callable[[str], bool] = lambda _: True

    def __call__(self, text: str) -> list[Found]:
        """Find what has the shape and passes the check."""
        found = []
        for match in self.pattern.finditer(text):
            first, last = match.span("value" if "value" in match.re.groupindex else 0)
            value = text[first:last]
            if value and self.confirm(value):
                found.append(Found(first, last, self.marker))
        return found


def name_of(recogniser: Recogniser) -> str:
    """Return what tells the recogniser from others, and holds nothing that it has seen."""
    if isinstance(recogniser, Rule):
        return f"the rule {recogniser.marker!r}"
    return str(getattr(recogniser, "__qualname__", type(recogniser).__name__))


class Family(NamedTuple):
    """Recognisers that are tried only on a text with one of some words or parts."""

    recognisers: tuple[Recogniser, ...]
    words: frozenset[str] = frozenset()
    """Letters only, in lower case."""
    parts: tuple[str, ...] = ()
    """In lower case, anywhere in the text."""


def family(*recognisers: Recogniser, words: str | frozenset[str] = "", parts: str = "") -> Family:
    """Return a family; `words` and `parts` are separated by spaces."""
    known = frozenset(words.split()) if isinstance(words, str) else words
    return Family(recognisers, known, tuple(parts.split()))


_LETTERS = re.compile(r"[^\W\d_]+")
_LOWER_OR_SPACE = bytes(
    ord(chr(code).lower()) if chr(code).isascii() and chr(code).isalpha() else 32
    for code in range(256)
)


@lru_cache(maxsize=8)
def words_of(text: str) -> frozenset[bytes]:
    """Return the words of a text, letters only, in lower case and encoded: that is faster."""
    if text.isascii():
        return frozenset(text.encode().translate(_LOWER_OR_SPACE).split())
    return frozenset(word.encode() for word in _LETTERS.findall(text.lower()))


def has_any(text: str, parts: Iterable[str]) -> bool:
    """Tell whether `text` has one of the `parts`."""
    for part in parts:  # any() with a generator takes twice as long  # noqa: SIM110
        if part in text:
            return True
    return False
