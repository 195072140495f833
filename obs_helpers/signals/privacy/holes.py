"""What recognisers have found becomes holes, so that no other looks at it."""

import re
from collections.abc import Iterable
from functools import lru_cache

from obs_helpers.signals.privacy.rule import HOLE, Found

MARKER = re.compile(r"\[[A-Z][A-Z_]{1,31}(?::[0-9a-f]{8})?\]")
"""What takes the place of a value, with or without its hash."""
_NOT_FOUND_YET = re.compile(rf"[^{HOLE}]*[^\W{HOLE}][^{HOLE}]*")


def take(hits: Iterable[Found], text: str, found: list[Found]) -> str:
    """Add the `hits` to what was `found`; return `text` with holes there.

    Raises:
        ValueError: a place is not in the text, or a marker is none.
    """
    done = 0
    for start, end, marker in sorted(hits):
        if not (0 <= start < end <= len(text) and _is_marker(marker)):
            msg = f"a recogniser found {start} to {end} as {marker!r} in a text of {len(text)}"
            raise ValueError(msg)
        if end > done:
            start = max(start, done)
            for part in _NOT_FOUND_YET.finditer(text, start, end):
                found.append(Found(*part.span(), marker))
            text = text[:start] + HOLE * (end - start) + text[end:]
            done = end
    return text


@lru_cache(maxsize=256)
def _is_marker(marker: str) -> bool:
    return MARKER.fullmatch(f"[{marker}]") is not None
