"""All recognisers in the order in which they are tried: the surest take their part first."""

from obs_helpers.signals.privacy.announced import ANNOUNCED
from obs_helpers.signals.privacy.nearby import NEARBY
from obs_helpers.signals.privacy.personal import MAIL, PERSONAL
from obs_helpers.signals.privacy.phrases import PHRASES
from obs_helpers.signals.privacy.rule import Recogniser, words_of
from obs_helpers.signals.privacy.secrets import SECRETS

FAMILIES = (*SECRETS, ANNOUNCED, MAIL, *PHRASES, NEARBY)

_BY_WORD = {
    word: {place for place, family in enumerate(FAMILIES) if word in family.words}
    for word in frozenset().union(*(family.words for family in FAMILIES))
}
_WORDS = frozenset(_BY_WORD)
_ALL_PARTS = [(part, place) for place, family in enumerate(FAMILIES) for part in family.parts]
_PARTS = tuple(pair for pair in _ALL_PARTS if pair[0].isascii())
_OTHER_PARTS = tuple(pair for pair in _ALL_PARTS if not pair[0].isascii())


def recognisers_for(text: str) -> tuple[Recogniser, ...]:
    """Return those that could find anything in `text`."""
    lower = text.lower()
    places = {place for part, place in _PARTS if part in lower}
    if not lower.isascii():
        places.update(place for part, place in _OTHER_PARTS if part in lower)
    for word in _WORDS & words_of(lower):
        places |= _BY_WORD[word]
    chosen = [recogniser for place in sorted(places) for recogniser in FAMILIES[place].recognisers]
    return (*chosen, *PERSONAL)
