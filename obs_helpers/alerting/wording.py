"""Blameless wording: a post-mortem that looks for a culprit finds no cause."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_OWNER = r"(?:\w+'s|his|her|their|your|my|our)"
_ADVICE = {
    r"fault of": "say what happened; a fault has conditions, not an owner",
    rf"{_OWNER} (?:own )?(?:fault|mistake)": "say what happened, and under which conditions",
    r"to blame|blam(?:es|ed|ing)|culprit|guilty": "say what happened, and what made it possible",
    r"(?:should|could|ought to) have \w+": "say what could be seen then, without hindsight",
    r"careless\w*|negligen\w+|sloppy|lazy|stupid\w*|incompeten\w+|reckless\w*": (
        "describe the work and its conditions, not the person"
    ),
    r"(?:human|operator|user) error": "ask what made the error easy to make, and hard to see",
    r"(?:you|he|she|they|we|i) (?:forgot|failed|neglected) to": (
        "ask what could have reminded them, or made the step needless"
    ),
    r"obvious(?:ly)?|simply had to|only had to": "that is hindsight; it was not obvious then",
    r"@\w[\w.-]*": "name a role, not a person",
}
_MAX_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Words to think about."""

    words: str
    advice: str


def blame_words(text: str, names: Iterable[str] = ()) -> list[Finding]:
    """Return what sounds like blame in `text`, in order; only the first 20,000 characters count.

    It is a list of English phrases: it cannot know who is meant, takes a quotation for
    the writer's own words, and misses all that is polite. Read the text yourself too.

    Args:
        text: What people wrote.
        names: Of those on the team: they are found too. No list has all names.
    """
    text = text[:_MAX_TEXT].replace("\u2019", "'")  # the apostrophe of word processors
    known = [re.escape(name.strip()) for name in names if name.strip()]
    advice = {**_ADVICE, **dict.fromkeys(known, "name a role, not a person")}
    found = [
        (match.start(), Finding(match[0], why))
        for words, why in advice.items()
        for match in re.finditer(rf"(?<!\w)(?:{words})(?!\w)", text, re.I)
    ]
    return [finding for _, finding in sorted(found, key=lambda each: each[0])]
