"""Names of fields that give away what stands under them: `db_password`, `dateOfBirth`.

The last words of a name decide: `db_password` holds a secret, `password_policy` does not.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from obs_helpers.signals.privacy import vocabulary


class Kind(NamedTuple):
    """What a name announces."""

    marker: str
    sure: bool
    """All that stands under the name goes; else only what looks like it."""


MAX_NAME = 64
"""Characters of a name that are looked at, from its end."""

_GLUED = re.compile(
    r"\w*(?:password|passwd|pwd|passphrase|secretkey|privatekey|accesskey|(?:access|auth|api|refresh"
    r"|id|bearer)token|clientsecret|apikey)"
)
_SURE = frozenset({"SECRET", "NAME", "BIRTH_DATE", "SSN", "ADDRESS"})
_UNSURE_NAMES = frozenset(
    {"line1", "line 1", "address", "addr", "adress", "adresse", "residence", "ship to"}
)
_MARKERS = {name: marker for marker, names in vocabulary.NAMES_OF.items() for name in names}
_COMMON = {
    "of",
    "de",
    "id",
    "home",
    "last",
    "user",
    "db",
    "client",
    "customer",
    "service",
    "mail",
    "work",
}
"""As first words of a name these are too common to tell anything."""


def _rare_word(name: str) -> str:
    first, *_, last = (name if " " in name else f"{name} {name}").split()
    return last if first in _COMMON else first


TELLING_WORDS = frozenset(
    part
    for name in (*vocabulary.SECRET_NAMES, *vocabulary.SECRET_PAIRS, *_MARKERS)
    for part in (_rare_word(name), name.replace(" ", ""))
)
"""Every telling name has one of these words, or ends in one of `GLUED`."""
LAST_WORDS = frozenset(
    name.split()[-1] for name in (*vocabulary.SECRET_PAIRS, *_MARKERS, *vocabulary.MORE_WORDS)
)
"""A name of several words that tells anything ends in one of these."""
GLUED = (
    "password",
    "passwd",
    "pwd",
    "token",
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "passphrase",
)


def words(name: str) -> list[str]:
    """Split `name` into lower-case words: `dbPassword-2` is db, password, 2."""
    spaced = re.sub(
        r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+", " ", name[-MAX_NAME:]
    )
    return spaced.lower().split()


@lru_cache(maxsize=4096)
def kind_of(name: str, parent: str = "") -> Kind | None:
    """Return what `name` announces, None if the name gives nothing away.

    Args:
        name: The key of a dict, or what stands before `=` or `:` in a text.
        parent: The key of the dict around it: a `name` is a person's under `customer`.
    """
    if name.startswith("["):  # a marker
        return None
    parts = words(name)
    while len(parts) > 1 and (parts[-1] in vocabulary.MORE_WORDS or parts[-1].isdigit()):
        if " ".join(parts[-3:]) in _MARKERS or " ".join(parts[-2:]) in _MARKERS:
            break
        parts.pop()
    if not parts:
        return None
    around = words(parent)[-1:] if parts == ["name"] else []
    if around and _is_person(around[0]):
        return Kind("NAME", sure=False)
    if _is_secret(parts):
        return Kind("SECRET", sure=parts != ["pass"])
    for count in range(min(4, len(parts)), 0, -1):
        known = " ".join(parts[-count:])
        if known in _MARKERS:
            marker = _MARKERS[known]
            return Kind(marker, marker in _SURE and known not in _UNSURE_NAMES)
    return None


def _is_secret(parts: list[str]) -> bool:
    last = parts[-1].rstrip("0123456789") or parts[-1]
    if last == "token" and len(parts) > 1 and parts[-2] in vocabulary.HARMLESS_TOKENS:
        return False
    pair = f"{parts[-2]} {last}" if len(parts) > 1 else ""
    return (
        last in vocabulary.SECRET_NAMES
        or last == "pass"
        or parts[-1] in vocabulary.SECRET_NAMES
        or pair in vocabulary.SECRET_PAIRS
        or bool(_GLUED.fullmatch(last))
    )


def _is_person(word: str) -> bool:
    return word in vocabulary.PEOPLE or word.rstrip("s") in vocabulary.PEOPLE


@lru_cache(maxsize=4096)
def is_id(name: str) -> bool:
    """Tell whether the value under `name` is an id, a time or a size, so never a card."""
    return words(name)[-1:] != [] and words(name)[-1] in vocabulary.IDS
