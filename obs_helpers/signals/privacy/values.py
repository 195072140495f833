"""Where the value ends that a name has announced, and whether it is one at all."""

import re
from collections.abc import Callable, Iterator

from obs_helpers.signals.privacy.plausible import (
    is_placeholder,
    is_plain_word,
    looks_like_street,
    looks_secret,
)
from obs_helpers.signals.privacy.rule import HOLE

QUOTE = r"(?:\\{0,4}[\"'`]|&quot;|&#39;)"
_LONGEST = 4000
_QUOTED = {
    "'": re.compile(r"(?:[^'\\\n]|\\.){1,4000}"),
    '"': re.compile(r"(?:[^\"\\\n]|\\.){1,4000}"),
    "`": re.compile(r"[^`\n]{1,4000}"),
}
_UNQUOTED = re.compile(
    rf"[^\s\"'`,;&{HOLE}]{{1,4000}}"
    rf"(?:&(?![\w.-]{{1,40}}=|[a-z]{{2,5}};)[^\s\"'`,;&{HOLE}]{{1,4000}}){{0,9}}"
)
_HOLES = re.compile(f"{HOLE}*")
_OPENING = re.compile(QUOTE)
_WRAPPED = re.compile(r"(?:(?:\w{1,20}\.)?Secret(?:Str|Bytes)?\(|[bB])(?=[\"'])")
_SCHEME = re.compile(r"(?i:bearer|basic|token|digest|negotiate|apikey)\s{1,3}")
_STAND_IN = re.compile(r"<[^<>\n]{1,60}>|\{[^{}\n]{1,60}\}")
_REST_OF_LINE = re.compile(rf"[^\n{HOLE}]{{1,4000}}")
_REPLACED_BY = re.compile(r"[\"']?\s?(?:->|=>|to)\s?[\"'](?P<value>[^\"'\n]{1,400})")
_AND_PASSWORD = re.compile(rf" ?[/|] ?[^\s\"'`,;&{HOLE}]{{1,200}}")

_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀ-ſЀ-Я][\w'\u2019-]{0,30}\.?"
_OF = r"(?:(?:van|von|de|da|dos|del|der|den|la|le|bin|al|el) ){0,2}"
PERSON = rf"{_CAPITAL}(?: {_OF}{_CAPITAL}){{0,3}}"
DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{8}(?!\d)"
    r"|\d{1,2}(?:st|nd|rd|th|\.)?(?: of| de)?[ -][^\W\d_]{3,10}\.?,?(?: de)?[ -]\d{2,4}"
    r"|[^\W\d_]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4})"
)
_NUMBER = re.compile(
    r"\+?\(?(?:[A-Z]{2,4}[ -])?"
    r"(?:[A-Z]{0,6}\d[0-9A-Z]{0,24}\)?(?:[ ./-]|\) ?| / )?(?:\(0\) ?)?){1,9}"
    r"(?:(?<=[ -])[A-Z](?!\w))?"
)
STREET = r"[^\n\"|;=\t<>]{5,120}"
_SHAPES = {
    "NAME": re.compile(PERSON),
    "BIRTH_DATE": re.compile(DATE),
    "ADDRESS": re.compile(STREET),
}
_CLAUSE_END = re.compile(
    r"(?<=\w{3})[.!?](?=\s+[A-Z]|\s*$)|[)\]}]|,? (?:and|but|please|thanks|so|which|for|und|et|y)\b"
    r"|[,;]? \w+[=:]"
)


def value_after(text: str, at: int, marker: str, name: str, sign: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of what stands at `at`, if it looks like what `name` announces."""
    wrapped = _WRAPPED.match(text, at)
    at = wrapped.end() if wrapped else at
    opening = _OPENING.match(text, at)
    quote = opening[0] if opening else ""
    at += len(quote)
    if text.startswith(HOLE, at):  # found already, but for what may be glued to it
        if marker != "SECRET":
            return
        at = _HOLES.match(text, at).end()  # type: ignore[union-attr]
    if marker == "SECRET":
        yield from _quoted_secret(text, at, quote) if quote else _secret(text, at, name, sign)
    else:
        end = _closing(text, at, quote) if quote else _end_of(text, at, marker)
        if end > at and fits(marker, text[at:end]):
            yield at, end


def _end_of(text: str, at: int, marker: str) -> int:
    shape = _SHAPES.get(marker, _NUMBER).match(text, at)
    if shape is None:
        return at
    end = cut_at_clause(text, at, shape.end()) if marker == "ADDRESS" else shape.end()
    return at + len(text[at:end].rstrip(" ./-,"))


def cut_at_clause(text: str, start: int, end: int) -> int:
    """Return where the clause that begins at `start` ends, `end` at the latest."""
    cut = _CLAUSE_END.search(text, start, end)
    return cut.start() if cut else end


def _closing(text: str, at: int, quote: str) -> int:
    """Return where the quoted value that begins at `at` ends; with the line if nowhere."""
    if quote in _QUOTED:
        match = _QUOTED[quote].match(text, at)
        return match.end() if match else at
    ends = [text.find(mark, at, at + _LONGEST) for mark in (quote, "\n")]
    return min((end for end in ends if end >= 0), default=min(len(text), at + _LONGEST))


def _quoted_secret(text: str, at: int, quote: str) -> Iterator[tuple[int, int]]:
    end = _closing(text, at, quote)
    after_space = text[: at - 1].endswith(" ")
    if end == at or is_placeholder(text[at:end]) or (after_space and text[at : at + 1] in ")]},;"):
        return
    yield at, end
    new = _REPLACED_BY.match(text, end)
    if new:
        yield new.span("value")


def _secret(text: str, at: int, name: str, sign: str) -> Iterator[tuple[int, int]]:
    scheme = _SCHEME.match(text, at)
    rest = _REST_OF_LINE.match(text, at)
    if "cookie" in name.lower() or (scheme and scheme[0].lower().startswith("digest")):
        if rest and "=" in rest[0]:
            yield rest.span()
        return
    at = scheme.end() if scheme else at
    match = _UNQUOTED.match(text, at)
    if match is None or _STAND_IN.match(text, at) or is_placeholder(match[0]):
        return
    value = _without_punctuation(match[0])
    end = at + len(value)
    if looks_secret(value[:256], name, sign, text[end : end + 2], text[max(0, at - 64) : at]):
        also = _AND_PASSWORD.match(text, end) if "cred" in name.lower() else None
        yield at, also.end() if also else end


def _without_punctuation(value: str) -> str:
    """Return `value` without what ends the sentence or closes the bracket around it."""
    value = value.rstrip(".:>|")
    while value and value[-1] in ")]}" and "([{"[")]}".index(value[-1])] not in value:
        value = value[:-1]
    return value


def _digits(least: int) -> Callable[[str], bool]:
    return lambda value: sum(map(str.isdigit, value)) >= least


_FITS: dict[str, Callable[[str], bool]] = {
    "PHONE": _digits(7),
    "CARD": _digits(12),
    "ACCOUNT": _digits(5),
    "NATIONAL_ID": _digits(5),
    "SSN": _digits(4),
    "BIRTH_DATE": _digits(2),
    "ADDRESS": looks_like_street,
    "NAME": is_plain_word,
    "SECRET": lambda value: len(value) > 3 and not value.isdigit(),  # under an unsure name
}


def fits(marker: str, value: str) -> bool:
    """Tell whether `value` can be what its name announces."""
    return not is_placeholder(value) and _FITS[marker](value)
