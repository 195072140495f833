"""Whether what follows a telling name is a value at all: "password is wrong" holds none."""

import re

from obs_helpers.signals.privacy.vocabulary import NO_NAMES, NO_SECRETS

_PLACEHOLDER = re.compile(
    r"\$\{.*|\$\(.*|\$[A-Z_]+|<[^<>]*>|\{+[^{}]*\}+|%s|%\(.*|[*x•.…_-]{3,}|\.\.\.|\[.*\]?"
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_]*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)+(?:\(.*)?")
_CODE = re.compile(r"[A-Za-z_][\w.]*[(\[].*|\(.*|lambda\b.*")
_WORD_ENDS = ("ed", "ing", "able", "ible", "ly", "ive", "ory", "ant", "ent", "less", "ful")
_STREET = re.compile(
    r"\b(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|way|court|ct|place|pl|square"
    r"|sq|terrace|close|crescent|grove|hill|gardens|mews|row|highway|hwy|parkway|pkwy|rue|calle"
    r"|avenida|via|viale|plaza|piazza|chemin|quai|rua|paseo|carrer|ulica|ul|impasse|allée|corso)\b"
    r"|str\.|(?:stra(?:ß|ss)e|str|weg|allee|platz|gasse|gatan|gata|straat|laan|vej|gade|damm|ufer)\b",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[^\W\d_][\w .,'\u2019-]{0,79}")


def could_be_person(value: str, least: int) -> bool:
    """Tell whether `value` could be a name of `least` words or more, and no common noun."""
    parts = value.replace(".", " ").split()
    common = any(part.lower().strip(",'\u2019") in NO_NAMES for part in parts)
    shouted = len(value) > 3 and value.isupper()
    return len(parts) >= least and not common and not shouted


def is_placeholder(value: str) -> bool:
    """Tell whether `value` only stands for one: `${TOKEN}`, `<your key>`, `***`."""
    return bool(_PLACEHOLDER.fullmatch(value.strip()))


def is_plain_word(value: str) -> bool:
    """Tell whether `value` could be a person's name: it starts with a letter."""
    return bool(_PLAIN_NAME.fullmatch(value)) and value.lower() not in NO_SECRETS


def looks_like_street(value: str) -> bool:
    """Tell whether `value` has a house number and a street."""
    return any(map(str.isdigit, value)) and bool(_STREET.search(value)) and "://" not in value


def looks_secret(value: str, name: str, sep: str, after: str, before: str) -> bool:
    """Tell whether `value`, unquoted after `name` and `sep`, is a secret and no prose or code."""
    lower = value.lower()
    if not value or is_placeholder(value) or lower.strip("|,.!?:") in NO_SECRETS:
        return False
    if _CODE.fullmatch(value) or (_DOTTED.fullmatch(value) and not _has_digit(value)):
        return False
    telling = is_strong(value)
    if sep.isalpha() or sep in (" ", "\t", "|", ""):
        return telling or (
            _IDENTIFIER.fullmatch(value) is not None
            and "_" not in value
            and any(word in name.lower() for word in ("my pass", "my new pass", "our pass"))
            and len(value) > 3
            and not lower.endswith(_WORD_ENDS)
        )
    if not _IDENTIFIER.fullmatch(value):
        return len(value) > 1 or value.isalnum()
    if sep == ":":  # `password: hunter`, but not `password: use a long one`
        return len(value) > 2 and not re.match(r"\s\w|\(|\[", after)
    spaced = before.endswith(" ")
    called = re.search(r"[(,]\s*[\w.]*=$", before)
    return not spaced and not called and "_" not in value


def is_strong(value: str) -> bool:
    """Tell whether `value` has what words lack: a digit, a sign, capitals inside."""
    if len(value) < 4:
        return False
    symbol = any(c in "!@#$%^&*+=?~" for c in value.rstrip("!?"))
    mixed = len(value) > 7 and any(map(str.isupper, value[1:])) and any(map(str.islower, value))
    return _has_digit(value) or symbol or mixed


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))
