"""Whether what follows a telling name is a value at all: "password is wrong" holds none."""

import itertools
import re

from obs_helpers.signals.privacy.vocabulary import NO_NAMES, NO_SECRETS

_PLACEHOLDER = re.compile(
    r"\$\{.*|\$\(.*|\$\w+|\:[a-z_]+|\?|<[^<>]*>|\{+[^{}]*\}+|%s|%\(.*|[*x•.…_-]{3,}|\.\.\.|\[.*\]?"
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_]*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)+(?:\(.*)?")
_CODE = re.compile(r"[A-Za-z_][\w.]*[(\[](?:.*[)\]](?:\.[\w.]+)*|[^)\]]*)|\(.*|lambda\b.*")
_ASSIGNED = re.compile(r"[A-Za-z_][\w.-]{0,40}=(?!=?$)")
_SHORT_SECRET = re.compile(r"(?i)\b(?:pin|cvv|cvc|otp|code)\b")
_WORD_ENDS = ("ed", "ing", "able", "ible", "ly", "ive", "ory", "ant", "ent", "less", "ful")
_STREET = re.compile(
    r"\b(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|way|court|ct|place|pl|square"
    r"|sq|terrace|close|crescent|grove|hill|gardens|mews|row|highway|hwy|parkway|pkwy|rue|calle"
    r"|avenida|via|viale|plaza|piazza|chemin|quai|rua|paseo|carrer|ulica|ul|impasse|allée|corso)\b"
    r"|str\.|(?:stra(?:ß|ss)e|str|weg|allee|platz|gasse|gatan|gata|straat|laan|gracht|plein|kade|vej|gade|damm|ufer)\b",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[^\W\d_][\w .,'\u2019-]{0,79}")


def could_be_person(value: str, least: int) -> bool:
    """Tell whether `value` could be a name of `least` words or more, and no common noun."""
    parts = value.replace(".", " ").split()
    common = any(part.lower().strip(",'\u2019") in NO_NAMES for part in parts)
    shouted = len(value) > 3 and value.isupper()
    return len(parts) >= least and not common and not shouted and "_" not in value


def is_placeholder(value: str) -> bool:
    """Tell whether `value` only stands for one: `${TOKEN}`, `<your key>`, `***`."""
    return bool(_PLACEHOLDER.fullmatch(value.strip()))


def is_plain_word(value: str) -> bool:
    """Tell whether `value` could be a person's name: it starts with a letter."""
    return bool(_PLAIN_NAME.fullmatch(value)) and value.lower() not in NO_SECRETS


def looks_like_street(value: str) -> bool:
    """Tell whether `value` has a house number and a street."""
    return any(map(str.isdigit, value)) and bool(_STREET.search(value)) and "://" not in value


def looks_secret(value: str, name: str, sign: str, after: str, before: str) -> bool:
    """Tell whether `value`, unquoted after `name` and `sign`, is a secret and no prose or code."""
    if not value or is_placeholder(value) or _is_talk(value, name, before) or _is_code(value):
        return False
    if not any(c in sign for c in "=:"):
        return is_strong(value) or _is_said(value, name)
    if not _IDENTIFIER.fullmatch(value):
        return len(value) > 1 or value.isalnum()
    if sign == ":":  # `password: hunter`, but not `password: use a long one`
        return len(value) > 2 and not re.match(r"\s\w|\(|\[", after)
    called = re.search(r"[(,]\s*[\w.]*=$", before)
    return _is_random(value) or (not before.endswith(" ") and not called and "_" not in value)


def _is_talk(value: str, name: str, before: str) -> bool:
    """Tell whether it is something about a secret: a result, the next field, its own name."""
    return (
        value.lower().strip("|,.!?:") in NO_SECRETS
        or name.lower().endswith(value.lower())
        or (value.isdigit() and name.lower().endswith("pass"))  # `pass=12 fail=3`
        or (before.endswith(" ") and _ASSIGNED.match(value) is not None)
    )


def _is_code(value: str) -> bool:
    dotted = _DOTTED.fullmatch(value) and not _has_digit(value)
    return bool(dotted or _CODE.fullmatch(value))


def _is_said(value: str, name: str) -> bool:
    """Tell whether a word or a short number can be a secret, after "my password is"."""
    if value.isdigit():
        return len(value) > 2 and _SHORT_SECRET.search(name) is not None
    mine = any(words in name.lower() for words in ("my pass", "my new pass", "our pass"))
    word = _IDENTIFIER.fullmatch(value) and "_" not in value and len(value) > 3
    return bool(mine and word and not value.lower().endswith(_WORD_ENDS))


def is_strong(value: str) -> bool:
    """Tell whether `value` has what words lack: a digit, a sign, capitals inside."""
    if len(value) < 4:
        return False
    symbol = any(c in "!@#$%^&*+=?~" for c in value.rstrip("!?"))
    mixed = len(value) > 7 and any(map(str.isupper, value[1:])) and any(map(str.islower, value))
    return _has_digit(value) or symbol or mixed


def _is_random(value: str) -> bool:
    """Tell whether capitals and small letters change too often for words."""
    changes = sum(a.islower() != b.islower() for a, b in itertools.pairwise(value))
    return len(value) > 7 and changes >= 0.4 * len(value)


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))
