"""All recognisers in the order in which they are tried: the surest take their part first."""

from functools import cache
from itertools import chain

from obs_helpers.signals.privacy.announced import ANNOUNCED
from obs_helpers.signals.privacy.markup import MARKUP
from obs_helpers.signals.privacy.nearby import NEARBY
from obs_helpers.signals.privacy.personal import MAIL, PERSONAL
from obs_helpers.signals.privacy.phrases import PHRASES
from obs_helpers.signals.privacy.rule import Recogniser, words_of
from obs_helpers.signals.privacy.secrets import SECRETS, long_keys
from obs_helpers.signals.privacy.shell import SHELL
from obs_helpers.signals.privacy.tables import TABLES

FAMILIES = (*SECRETS, *SHELL, *TABLES, MARKUP, ANNOUNCED, MAIL, *PHRASES, NEARBY)

_BITS = [(family, 1 << place) for place, family in enumerate(FAMILIES)]
_BY_WORD = {
    word.encode(): sum(bit for family, bit in _BITS if word in family.words)
    for word in frozenset().union(*(family.words for family in FAMILIES))
}
_WORDS = frozenset(_BY_WORD)
_PARTS = [(part, bit) for family, bit in _BITS for part in family.parts]
_ASCII_PARTS = [pair for pair in _PARTS if pair[0].isascii()]


def recognisers_for(text: str) -> tuple[Recogniser, ...]:
    """Return those that could find anything in `text`."""
    lower = text.lower()
    chosen = 0
    for part, bit in _ASCII_PARTS if text.isascii() else _PARTS:
        if part in lower:
            chosen |= bit
    for word in _WORDS & words_of(text):
        chosen |= _BY_WORD[word]
    return _recognisers(chosen)


@cache
def _recognisers(chosen: int) -> tuple[Recogniser, ...]:
    families = [family.recognisers for family, bit in _BITS if chosen & bit]
    return (long_keys, *chain.from_iterable(families), *PERSONAL)
