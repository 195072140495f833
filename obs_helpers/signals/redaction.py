"""Redaction: personal data and secrets become markers before anything is written.

A rule finds a shape, a check confirms it (a card number has a check digit), and a
marker such as `[EMAIL]` takes its place. What stands under a telling key, such as
`password`, goes whatever its shape. Names and street addresses in free text are not
found: no pattern can.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import orjson

from obs_helpers.safe_json import text_of
from obs_helpers.signals.rules import HINT, RULES, Rule, is_card, is_sensitive

MAX_SCAN = 32_768
"""Characters of one text that are searched; the rest is cut off, with a mark."""
_SHORT, _REMEMBERED = 64, 4096
"""Texts found clean are remembered up to this length and number: events repeat."""
_EDGE = 512
"""Searched beyond the cut, so that a value on the edge is found whole."""
MAX_DEPTH = 12
"""Levels of nested values that are searched; what lies deeper is not let through."""

NEVER_SCANNED = frozenset(
    {"timestamp", "level", "trace_id", "span_id", "parent_id", "traceparent", "run_id"}
)
"""Fields of our own whose values are ids or times: a random id can look like a card.
Anything else under these names is searched."""
_ID_OR_TIME = re.compile(r"[\w:.-]{0,64}")

_HARMLESS = (bool, float, type(None))
_HASHED_MARKER = re.compile(r"\[[A-Z_]{2,32}:[0-9a-f]{8}\]")
_SECRET_MARKER = re.compile(r"\[SECRET(?::[0-9a-f]{8})?\]")


class Redactor:
    """Replaces personal data and secrets in any value by markers, on a copy."""

    def __init__(self, extra: Iterable[Rule] = (), hash_key: bytes | None = None) -> None:
        """Redact by the rules here and by `extra`.

        Args:
            extra: Rules of your own, tried first; `confirm` can call any recogniser.
            hash_key: With it a marker carries a keyed hash, `[EMAIL:1f0c9a2b]`: the same
                person can be followed from line to line without being known.
        """
        self.rules = (*extra, *RULES)
        self._extra_hints = [rule.hint for rule in self.rules[: -len(RULES)]]
        self._clean_texts: set[str] = set()
        self.hash_key = hash_key
        self.found: Counter[str] = Counter()
        """How often each marker was put, for everybody to see."""

    def __call__(self, value: Any) -> Any:
        """Return a copy of `value` without what the rules find; never raises.

        What cannot be cleaned is not let through: a marker takes its place.
        """
        try:
            return self._clean(value, 0)
        except Exception as error:
            self.found["FAILED"] += 1
            failed = f"[REDACTION FAILED: {type(error).__name__}]"
            return {"event": failed} if isinstance(value, Mapping) else failed

    def _clean(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if type(value) in _HARMLESS:
            return value
        if isinstance(value, int):
            card = 10**12 < value < 10**19 and is_card(value)
            return self._put("CARD", str(value)) if card else value
        if depth > MAX_DEPTH:
            return f"[{type(value).__name__}, too deep to be checked]"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item, depth + 1) for item in value]
        return self.text(text_of(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        for key, item in value.items():
            known = key in self._clean_texts and key not in out
            name = key if known else self._free_name(key, out)
            kind = type(item)
            own = key in NEVER_SCANNED and kind is str and _ID_OR_TIME.fullmatch(item)
            if own or kind in _HARMLESS:
                out[name] = item
            elif is_sensitive(key if isinstance(key, str) else text_of(key)):
                out[name] = self._secret(item if isinstance(item, str) else text_of(item))
            else:
                out[name] = self._clean(item, depth + 1)
        return out

    def _secret(self, text: str) -> str:
        return text if _SECRET_MARKER.fullmatch(text) else self._put("SECRET", text)

    def _free_name(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        text = key if isinstance(key, str) else text_of(key)
        cleaned = self.text(text)
        name = key if cleaned == text else cleaned
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}#{number}"
        return free

    def text(self, text: str) -> str:
        """Return `text` with markers in place of what the rules find."""
        if text in self._clean_texts:
            return text
        if len(text) > MAX_SCAN:
            head = self.text(text[: MAX_SCAN // 2 + _EDGE])[:-_EDGE]
            return f"{head}[{len(text) - MAX_SCAN // 2} more characters]"
        hinted = HINT.search(text) or any(hint.search(text) for hint in self._extra_hints)
        cleaned = self._search(text) if hinted else text
        if cleaned == text and len(text) <= _SHORT:
            if len(self._clean_texts) >= _REMEMBERED:
                self._clean_texts.clear()
            self._clean_texts.add(text)
        return cleaned

    def _search(self, text: str) -> str:
        if text[:1] in ("{", "["):
            text = self._json(text)
        for rule in self.rules:
            if rule.hint.search(text):
                text = rule.pattern.sub(partial(self._replace, rule), text)
        return text

    def _json(self, text: str) -> str:
        try:
            value = orjson.loads(text)
        except ValueError:
            return text
        cleaned = self._clean(value, MAX_DEPTH // 2)
        return text if cleaned == value else orjson.dumps(cleaned).decode()

    def _replace(self, rule: Rule, match: re.Match[str]) -> str:
        start, end = match.span("value" if match.groupdict().get("value") else 0)
        text, value = match.string, match.string[start:end]
        if _in_marker(text, start) or value.startswith("[") or not rule.confirm(value):
            return match[0]
        marker = self._put(rule.marker, value)
        return f"{text[match.start() : start]}{marker}{text[end : match.end()]}"

    def _put(self, marker: str, value: str) -> str:
        self.found[marker] += 1
        if self.hash_key is None:
            return f"[{marker}]"
        text = value.encode("utf-8", "backslashreplace")
        return f"[{marker}:{hmac.new(self.hash_key, text, hashlib.sha256).hexdigest()[:8]}]"


def _in_marker(text: str, position: int) -> bool:
    """Tell whether a marker with a hash is there: `[API_KEY:1f0c9a2b]` looks like a secret."""
    opening = text.rfind("[", max(0, position - 40), position)
    marker = _HASHED_MARKER.match(text, opening) if opening >= 0 else None
    return marker is not None and position < marker.end()
