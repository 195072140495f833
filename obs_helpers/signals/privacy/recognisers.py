"""All recognisers in the order in which they are tried: the surest take their part first."""

from obs_helpers.signals.privacy.announced import ANNOUNCED
from obs_helpers.signals.privacy.markup import MARKUP
from obs_helpers.signals.privacy.nearby import NEARBY
from obs_helpers.signals.privacy.personal import MAIL, PERSONAL
from obs_helpers.signals.privacy.phrases import PHRASES
from obs_helpers.signals.privacy.rule import Recogniser, words_of
from obs_helpers.signals.privacy.secrets import SECRETS

FAMILIES = (*SECRETS, MARKUP, ANNOUNCED, MAIL, *PHRASES, NEARBY)

_BY_WORD = {
    word.encode(): {place for place, family in enumerate(FAMILIES) if word in family.words}
    for word in frozenset().union(*(family.words for family in FAMILIES))
}
_WORDS = frozenset(_BY_WORD)
_PARTS = [(part, place) for place, family in enumerate(FAMILIES) for part in family.parts]
_ASCII_PARTS = [pair for pair in _PARTS if pair[0].isascii()]


def recognisers_for(text: str) -> tuple[Recogniser, ...]:
    """Return those that could find anything in `text`."""
    lower = text.lower()
    parts = _ASCII_PARTS if text.isascii() else _PARTS
    places = {place for part, place in parts if part in lower}
    for word in _WORDS & words_of(text):
        places |= _BY_WORD[word]
    if not places:
        return PERSONAL
    chosen = [recogniser for place in sorted(places) for recogniser in FAMILIES[place].recognisers]
    return (*chosen, *PERSONAL)
