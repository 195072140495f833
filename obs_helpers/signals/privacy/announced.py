"""What is known by the name before it: `password=…`, "my key is …", `dob: …`.

The name before `=`, `:` or "is" decides as the key of a dict would, and what follows
must look like what the name announces.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from obs_helpers.signals.privacy.names import GLUED, LAST_WORDS, MAX_NAME, TELLING_WORDS, kind_of
from obs_helpers.signals.privacy.rule import Family, Found, has_any, words_of
from obs_helpers.signals.privacy.values import QUOTE, value_after

_SIGN = re.compile(
    r"[=:\t|](?:(?<=[=:])(?!(?<=\d:)\d|[/:])"
    r"(?:[=>]| ?(?:str|bytes|secretstr|optional\[str\])(?: ?\| ?none)? =)?[ \t]{0,3}"
    r"|(?<=\t)|(?<=\|) )|->[ \t]{1,3}"
)
"""What stands between a name and its value, in lower case."""
_NEXT_IN_LIST = re.compile(rf"(?<=[a-z0-9][\"'`]), ?(?={QUOTE})")
_FIRST_OF_PAIR = re.compile(r"\(\s?[\"'][#.]?\Z")
_SAYING = re.compile(
    r"[\s'](?:(?:(?<=\s)|(?<=')s )"
    r"(?:is|was|to|be|will be|should be|must be|ist|lautet|est|es|è|é|jest|är|er)"
    r"(?: now| still|:)?\s|(?<=')s\s(?=\S{0,200}\d)"
    r"|(?<=word |.key |oken |cret | pin |pass |code |rase )(?!is |was |[\w.:-]{1,40}[=:])"
    r"(?=\S{0,200}[\d!@#$%^&*]))"
)
_SIGNS = (
    (_SIGN, ("=", ":", "\t", "|", "->")),
    (_NEXT_IN_LIST, ("', '", '", "', "','", '","')),
    (_SAYING, (" is ", " was ", " to ", " be ", "'s ", " ist ", " laut", " est ", " es ", " è ",
               " é ", " jest ", " är ", " er ", "word ", "key ", "oken ", "cret ", " pin ",
               "pass ", "code ", "rase ")),
)  # fmt: skip
_REVERSED_NAME = re.compile(
    r"(?P<between>\s{0,3}[\])]?(?:[\"'`]\\{0,4}|;touq&)?[\])]?)"
    r"(?P<name>[\w.-]{1,64}(?: [\w.-]{1,30}){0,5})"
)

_NAME_AND_CLOSING = re.compile(
    r"[\w.-]{1,64}(?: [\w.-]{1,30}){0,5}(?:[\s\])\"'`\\]|&quot;|&#39;){0,9}"
)
_FARTHEST = 256
"""Characters after the start of a sign that decide whether it is one, at most."""
_LONGEST_NEED = max(len(need) for _, needs in _SIGNS for need in needs)


class _Name(NamedTuple):
    text: str
    before: str
    """The character before it."""
    between: str
    """What stands between it and the sign, such as its closing quote."""


def named_values(text: str) -> list[Found]:
    """Find the values that a name in front of them gives away."""
    lower = text.lower()
    found: list[Found] = []
    near = _near_telling_words(text, lower)
    for pattern, needs in _SIGNS if near else ():
        done = 0
        for start, end in near:
            if end < done or not has_any(lower[start : end + _LONGEST_NEED], needs):
                continue
            for match in pattern.finditer(lower, max(start, done), end + _FARTHEST):
                if match.start() > end:
                    break
                for value in _values(text, match, pattern):
                    found.append(value)
                    done = value.end
    return found


def _near_telling_words(text: str, lower: str) -> list[tuple[int, int]]:
    """Return where the sign of a name with a telling word can stand, from the left."""
    starts = []
    for telling in _TELLING & words_of(text):
        starts += _places(lower, telling.decode())
    for word in GLUED:
        if word in lower:
            starts += [at for at in _places(lower, word) if _ends(lower, at, len(word))]
    near: list[tuple[int, int]] = []
    for start in sorted(starts):
        if not near or start >= near[-1][1]:
            reach = _NAME_AND_CLOSING.match(lower, start)
            near.append((start, reach.end() if reach else start))
    return near


def _places(text: str, word: str) -> list[int]:
    places = []
    at = text.find(word)
    while at >= 0:
        places.append(at)
        at = text.find(word, at + 1)
    return places


def _ends(lower: str, at: int, length: int) -> bool:
    """Tell whether a name can end here: `token` and `accesstokens`, but not `input_tokens`."""
    end = at + length
    if lower[end : end + 1] == "s" and lower[at - 1 : at].isalpha():
        end += 1
    return not lower[end : end + 1].isalpha()


def _values(text: str, sign: re.Match[str], pattern: re.Pattern[str]) -> list[Found]:
    """Return what follows a sign, if the name before it gives it away."""
    name = _name_before(text, sign.start())
    marker = _marker(name.text, sign[0]) if name else None
    if name is None or marker is None or not _announces(text, name, sign, pattern):
        return []
    values = value_after(text, sign.end(), marker, name.text, sign[0].strip())
    return [Found(*value, marker) for value in values]


def _name_before(text: str, end: int) -> _Name | None:
    """Return the last words before `end`."""
    first = max(0, end - 2 * MAX_NAME)
    match = _REVERSED_NAME.match(text[first:end][::-1])  # from the right it takes linear time
    if match is None:
        return None
    start = end - match.end()
    return _Name(match["name"][::-1], text[start - 1 : start], match["between"])


@lru_cache(maxsize=4096)
def _marker(name: str, sign: str) -> str | None:
    saying = sign.strip().rstrip(":").replace("'", "").replace(" ", "").isalpha()
    *_, last = name.rsplit(" ", 1)
    kind = kind_of(last)
    if last != name and (kind or last.lower() in LAST_WORDS):
        kind = kind_of(" ".join(name.split(" ")[-3:]))
    if kind is None and (saying or not sign.strip() or (" for " in name and sign[0] == ":")):
        kind = kind_of(re.split(r" (?:for|to|of) (?!birth)", name)[0])
        if name.lower().endswith(("my key", "our key")):
            return "SECRET"
    return kind.marker if kind else None


def _announces(text: str, name: _Name, match: re.Match[str], pattern: re.Pattern[str]) -> bool:
    """Tell whether it is a name and a value, and not the end of something quoted or listed."""
    quote = text[match.end() : match.end() + 1]
    if pattern is not _NEXT_IN_LIST:  # `getpass('Password: ')`, `arn:…:secret:name`
        closes = quote in ("'", '"') and name.before == quote and quote not in name.between
        arn = name.before == ":" and match[0] == ":" and " " not in name.text
        return not closes and not arn
    start = match.start() - len(name.between) - len(name.text)
    option = name.text.startswith("-") and name.before in ("'", '"')
    pair = _FIRST_OF_PAIR.search(text[max(0, start - 4) : start])
    return " " not in name.text and bool(option or pair)


_WORDS = TELLING_WORDS | {"my", "our"}
_TELLING = frozenset(word.encode() for word in _WORDS if not word.endswith(GLUED))

ANNOUNCED = Family((named_values,), _WORDS, GLUED)
