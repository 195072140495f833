"""A second view of a text, in which nothing is disguised.

Look-alike letters become what they look like, invisible characters and formatting fall
away, an encoded `@` becomes one. The view is only searched: what is kept of a text is
cut from the text itself.
"""

import html
import re
import unicodedata
from functools import lru_cache

from obs_helpers.signals.privacy.rule import has_any

_LOOK_ALIKES = dict(
    zip(
        "асеԁһіјорԛѕԝхуАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧοİ",
        "acedhijopqswxyABEKMHOPCTXIJSABEZHIKMNOPTYXoI",
        strict=True,
    )
)
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")

_DISGUISE = re.compile(
    r"\x1b\[[0-9;]{0,16}[a-zA-Z]|"
    r"[^\x09\x0a\x0d\x20-\x7e]"
    r"|%40|%2[bB]|%3[aAdDfF]|(?<=\d)%20(?=\d)|&commat;|&#x?[0-9a-fA-F]{2,4};|\\u00[2-7][0-9a-fA-F]"
    r"|(?:\\{1,4}r)?\\{1,4}n"
    r"|(?<=[\w:])\*\*(?!\*)|(?<!\*)\*\*(?=\w)|</?(?:b|i|u|em|strong|span|code|mark|font|tt|a)(?:\s[^<>]{0,80})?>"
)
_ODD = re.compile(r"[^\x09\x0a\x0d\x20-\x7e]")
_SIGNS = ("%", "&", "\\u", "\\n", "**", "</")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class View:
    """A text as it is searched, and where each of its characters comes from."""

    def __init__(self, text: str) -> None:
        """Look through the disguises of `text`."""
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for match in _DISGUISE.finditer(text):
            start, end = match.span()
            plain = _plain(match[0])
            parts += (text[at:start], plain)
            starts += (*range(at, start), *([start] * len(plain)))
            ends += (*range(at + 1, start + 1), *([end] * len(plain)))
            at = end
        parts.append(text[at:])
        starts += range(at, len(text))
        ends += range(at + 1, len(text) + 1)
        self.text, self._starts, self._ends = "".join(parts), starts, ends

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the text itself the part `start` to `end` of the view stands."""
        return self._starts[start], self._ends[end - 1]


def is_disguised(text: str) -> bool:
    """Tell whether a view of `text` could differ from it."""
    if has_any(text, _SIGNS):
        return True
    if text.isascii():
        return not text.isprintable() and _CONTROL.search(text) is not None
    return any(_plain(letter) != letter for letter in set(_ODD.findall(text)))


@lru_cache(maxsize=4096)
def _plain(disguise: str) -> str:
    if len(disguise) == 1:
        return _plain_letter(disguise)
    if disguise[0] == "&":
        return _ascii(html.unescape(disguise))
    if disguise[0] == "%":
        return chr(int(disguise[1:], 16))
    if disguise[0] == "\\":
        return chr(int(disguise[2:], 16)) if disguise[1] == "u" else "\n"
    return ""


def _plain_letter(letter: str) -> str:
    if unicodedata.category(letter) in ("Cc", "Cf", "Mn"):  # invisible, or on top of another
        return ""
    known = _LOOK_ALIKES.get(letter) or _DASHES.get(letter)
    if known:
        return known
    digit = unicodedata.digit(letter, None)
    return str(digit) if digit is not None else unicodedata.normalize("NFKC", letter)


def _ascii(text: str) -> str:
    return text if text.isascii() and text.isprintable() else "\ufffd"
