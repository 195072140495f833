"""What is known by what stands before it: `password=…`, "my key is …", `dob: …`.

The name before `=`, `:` or "is" decides as the key of a dict would, and what follows
must look like what the name announces.
"""

import re
from collections.abc import Callable

from obs_helpers.signals.privacy.names import GLUED, MAX_NAME, TELLING_WORDS, kind_of
from obs_helpers.signals.privacy.plausible import (
    is_placeholder,
    is_plain_word,
    looks_like_street,
    looks_secret,
)
from obs_helpers.signals.privacy.rule import HOLE, Family, Found, has_any

_QUOTE = r"(?:\\{0,4}[\"'`]|&quot;|&#39;)"
_SIGN = re.compile(r"[=:](?!(?<=\d:)\d|[/:])[=>]?\s{0,3}|\t|\| |>(?=[^<>\s=])")
"""What stands between a name and its value."""
_LISTED = re.compile(rf"(?<=[a-z0-9]{'[^a-z0-9 ]'}), ?(?={_QUOTE})")
_SAYING = re.compile(
    r"\s(?:is|was|will be|ist|lautet|est|es|è|é)(?: now| still|:)?\s"
    r"| (?<=word |.key |oken |cret | pin |pass |code |rase )(?!is |was )(?=\S{0,200}[\d!@#$%^&*])"
)
_SIGNS = (
    (_SIGN, ("=", ":", "\t", "|", ">")),
    (_LISTED, ("', '", '", "', "','", '","')),
    (_SAYING, (" is ", " was ", " ist ", " laut", " est ", " es ", " è ", " é ", "word ", "key ",
               "oken ", "cret ", " pin ", "pass ", "code ", "rase ")),
)  # fmt: skip
_REVERSED_NAME = re.compile(
    r"\s{0,3}[\])]?(?:[\"'`]\\{0,4}|;touq&)?[\])]?(?P<name>[\w.-]{1,64}(?: [\w.-]{1,30}){0,2})"
)

_VALUE = {
    "'": re.compile(r"[^'\n]{1,4000}"),
    '"': re.compile(r"(?:[^\"\\\n]|\\.){1,4000}"),
    "`": re.compile(r"[^`\n]{1,4000}"),
    "": re.compile(rf"[^\s\"'`,;&{HOLE}]{{1,4000}}"),
}
_OPENING = re.compile(_QUOTE)
_SCHEME = re.compile(r"(?i:bearer|basic|token|digest|negotiate|apikey)\s{1,3}")
_STAND_IN = re.compile(r"<[^<>\n]{1,60}>|\{[^{}\n]{1,60}\}")
_REST_OF_LINE = re.compile(rf"[^\n\"'{HOLE}]{{1,4000}}")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_])")
_PREVIOUS = re.compile(r"[^\W_]+")

_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀ-ſЀ-Я][\w'\u2019-]{0,30}\.?"
_OF = r"(?:(?:van|von|de|da|dos|del|der|den|la|le|bin|al|el) ){0,2}"
PERSON = rf"{_CAPITAL}(?: {_OF}{_CAPITAL}){{0,3}}"
DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{8}(?!\d)"
    r"|\d{1,2}(?:st|nd|rd|th|\.)?(?: of| de)? [^\W\d_]{3,10}\.?,?(?: de)? \d{2,4}"
    r"|[^\W\d_]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4})"
)
NUMBER = (
    r"\+?\(?(?:[A-Z]{2,4}[ -])?(?:[A-Z]{0,6}\d[0-9A-Z]{0,24}\)?(?:[ ./-]|\) ?)?(?:\(0\) ?)?){1,9}"
    r"(?:(?<=[ -])[A-Z](?!\w))?"
)
STREET = r"[^\n\"|;=\t<>]{5,120}"
_SHAPES = {
    "NAME": re.compile(PERSON),
    "BIRTH_DATE": re.compile(DATE),
    "ADDRESS": re.compile(STREET),
}
_NUMBER = re.compile(NUMBER)
_CLAUSE_END = re.compile(
    r"[.!?](?=\s+[A-Z]|\s*$)|[)\]}]|,? (?:and|but|please|thanks|so|which|for|und|et|y)\b"
    r"|[,;]? \w+[=:]"
)


def named_values(text: str) -> list[Found]:
    """Find the values that a name in front of them gives away."""
    lower = text.lower()
    found = []
    for pattern, needs in _SIGNS:
        for match in pattern.finditer(lower) if has_any(lower, needs) else ():
            name = _name_before(text, match.start())
            kind = _kind(name, match[0]) if name else None
            if kind is None or _closes_a_quote(text, match):
                continue
            value = _value(text, match.end(), kind, name, match[0].strip() or " ")
            if value is not None:
                found.append(Found(*value, kind))
    return found


def _name_before(text: str, end: int) -> str:
    """Return the last three words before `end`: a name, with what belongs to it."""
    match = _REVERSED_NAME.match(text[max(0, end - 2 * MAX_NAME) : end][::-1])
    return match["name"][::-1] if match else ""


def _kind(name: str, sign: str) -> str | None:
    *_, last = name.rsplit(" ", 1)
    kind = kind_of(last)
    if kind is None and last != name:
        head, _, _ = name.partition(" for ")
        kind = kind_of(head)
        if kind is None and sign.strip().isalpha() and name.lower().endswith(("my key", "our key")):
            return "SECRET"
    return kind.marker if kind else None


def _closes_a_quote(text: str, match: re.Match[str]) -> bool:
    """Tell whether the quote that follows ends what began before: `getpass('Password: ')`."""
    quote = text[match.end() : match.end() + 1]
    if quote not in ("'", '"'):
        return False
    line = text.rfind("\n", 0, match.start()) + 1
    apostrophes = len(_APOSTROPHE.findall(text, line, match.end())) if quote == "'" else 0
    return (text.count(quote, line, match.end()) - apostrophes) % 2 == 1


def _name(text: str, start: int, end: int) -> str:
    """Return the whole name of which `start` to `end` is known, with up to two words before."""
    first = max(0, start - MAX_NAME)
    while start > first and (text[start - 1].isalnum() or text[start - 1] in "_.-"):
        start -= 1
    before = _PREVIOUS.findall(text[max(0, start - 24) : start])[-2:]
    name = " ".join((*before, text[start:end]))
    head, of, rest = name.partition(" for ")
    return head if of and rest else name


def _value(text: str, at: int, marker: str, name: str, sep: str) -> tuple[int, int] | None:
    """Return start and end of the value at `at`, None if nothing there looks like one."""
    opening = _OPENING.match(text, at)
    quote = opening[0] if opening else ""
    at += len(quote)
    if text.startswith(HOLE, at):
        return None
    if marker == "SECRET":
        return _secret(text, at, quote, name, sep)
    if quote:
        end = _closing(text, at, quote)
        return (at, end) if fits(marker, text[at:end]) else None
    shape = _SHAPES.get(marker, _NUMBER).match(text, at)
    if shape is None:
        return None
    end = shape.end()
    if marker == "ADDRESS":
        end = cut_at_clause(text, at, end)
    value = text[at:end].rstrip(" ./-,")
    return (at, at + len(value)) if fits(marker, value) else None


def cut_at_clause(text: str, start: int, end: int) -> int:
    """Return where the clause that begins at `start` ends, `end` at the latest."""
    cut = _CLAUSE_END.search(text, start, end)
    return cut.start() if cut else end


def _closing(text: str, at: int, quote: str) -> int:
    """Return where the quoted value that begins at `at` ends; with the line if nowhere."""
    if quote in _VALUE:
        match = _VALUE[quote].match(text, at)
        return match.end() if match else at
    end = text.find(quote, at, at + 4000)
    line = text.find("\n", at, at + 4000)
    ends = [place for place in (end, line) if place >= 0]
    return min(ends, default=min(len(text), at + 4000))


def _secret(text: str, at: int, quote: str, name: str, sep: str) -> tuple[int, int] | None:
    scheme = _SCHEME.match(text, at)
    at = scheme.end() if scheme else at
    if quote:
        end = _closing(text, at, quote)
        value = text[at:end]
        return (at, end) if value.strip() and not is_placeholder(value) else None
    if "cookie" in name.lower():
        line = _REST_OF_LINE.match(text, at)
        return (at, line.end()) if line and "=" in line[0] else None
    match = _VALUE[""].match(text, at)
    if match is None or _STAND_IN.match(text, at):
        return None
    if is_placeholder(match[0]):
        return None
    value = match[0].rstrip(".:>|")
    while value and value[-1] in ")]}" and "([{"[")]}".index(value[-1])] not in value:
        value = value[:-1]
    before_code = text[max(0, at - MAX_NAME) : at]
    good = looks_secret(value, name, sep, text[at + len(value) :][:2], before_code)
    return (at, at + len(value)) if good else None


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
}


def fits(marker: str, value: str) -> bool:
    """Tell whether `value` can be what its name announces."""
    return not is_placeholder(value) and _FITS[marker](value)


ANNOUNCED = Family((named_values,), TELLING_WORDS | {"my", "our"}, GLUED)
