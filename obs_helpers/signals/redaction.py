"""Redaction: personal data and secrets become markers before anything is written.

A rule finds a shape, a check confirms it (a card number has a check digit), and a
marker such as `[EMAIL]` takes its place. What a name announces, such as `password`,
goes whatever its shape. Names, addresses and dates of birth are found only where a key
or a phrase announces them: no pattern knows a name from any other word.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from obs_helpers.given import check
from obs_helpers.safe_json import text_of
from obs_helpers.signals.privacy.check_digits import is_card
from obs_helpers.signals.privacy.holes import MARKER, take
from obs_helpers.signals.privacy.names import is_id, kind_of
from obs_helpers.signals.privacy.nested import (
    columns_of,
    is_command,
    is_header,
    is_row,
    is_schema,
)
from obs_helpers.signals.privacy.recognisers import recognisers_for
from obs_helpers.signals.privacy.rule import HOLE, Found, Recogniser, has_any, name_of
from obs_helpers.signals.privacy.values import fits
from obs_helpers.signals.privacy.view import View, is_disguised

MAX_SCAN = 32_768
"""Characters of one text that are searched; the rest is cut off, with a mark."""
_SHORT, _REMEMBERED = 512, 4096
"""Texts found clean are remembered up to this length and number: agents repeat themselves."""
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
_ID_OR_VERSION = re.compile(r"[\d.]{1,64}")
_NAMED_BY = ("name", "key", "field", "selector", "element", "label")
_ANSWER = "it must return (start, end, marker), the marker in capital letters and underscores"
_BASE64_JSON = re.compile(r"[eW][w-z0-9](?<![\w+/-]..)[\w+/-]{10,}={0,2}")
"""Base64 of a text that begins with a brace or a bracket begins like this."""
_JSON_IN_BASE64 = ("eyJ", "eyA", "ewo", "ewk", "W3s", "WyJ", "Wwo", "W1s", "WyA")


class Redactor:
    """Replaces personal data and secrets in any value by markers, on a copy."""

    def __init__(self, extra: Iterable[Recogniser] = (), hash_key: bytes | None = None) -> None:
        """Redact by the rules here and by `extra`.

        Args:
            extra: Recognisers of your own, tried first: a `Rule`, or any function that gets
                a text and returns a list of (start, end, marker), such as (0, 3, "STAFF").
                A marker is capital letters and underscores, without brackets. It sees the
                text without disguises, and `HOLE`s where one before it has found something.
                If it raises, the whole value is dropped: see `last_error`.
            hash_key: With it a marker carries a keyed hash, `[EMAIL:1f0c9a2b]`: the same
                person can be followed from line to line without being known.

        Raises:
            ValueError: `extra` is no list of functions, or `hash_key` no bytes.
        """
        if hash_key is not None and (not isinstance(hash_key, bytes) or not hash_key):
            msg = f"a hash_key that is {'empty' if not hash_key else type(hash_key).__name__} "
            raise ValueError(msg + 'does not work; give bytes, such as b"…"')  # it stays a secret
        self.extra = tuple(extra) if isinstance(extra, Iterable) else (None,)
        functions = all(map(callable, self.extra))
        check("extra", extra, functions, "a list of functions, or of Rules")
        self.hash_key = hash_key
        self._clean_texts: set[str] = set()
        self.found: Counter[str] = Counter()
        """How often each marker was put, for everybody to see."""
        self.last_error: str | None = None
        """Which recogniser failed last, and how; nothing of the text that it was given."""

    def __eq__(self, other: object) -> bool:
        """Tell whether `other` redacts in the same way."""
        if not isinstance(other, Redactor):
            return NotImplemented
        return (self.extra, self.hash_key) == (other.extra, other.hash_key)

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

    # -- Values ---------------------------------------------------------------------

    def _clean(self, value: Any, depth: int, name: str = "") -> Any:
        if isinstance(value, str):
            own = is_id(name) and _ID_OR_VERSION.fullmatch(value)
            return value if own else self.text(value)
        if type(value) in _HARMLESS:
            return value
        if isinstance(value, int):
            card = 10**12 < value < 10**19 and not is_id(name) and is_card(str(value))
            return self._put("CARD", str(value)) if card else value
        if depth > MAX_DEPTH:
            return f"[{type(value).__name__}, too deep to be checked]"
        if isinstance(value, Mapping):
            return self._mapping(value, depth, name)
        if isinstance(value, list | tuple | set | frozenset):
            return self._list(list(value), depth, name)
        return self.text(value.decode() if _is_text(value) else text_of(value))

    def _list(self, items: list[Any], depth: int, name: str) -> list[Any]:
        if all(map(is_header, items)):  # pairs of a name and a value
            return [
                [self._clean(head, depth + 2), self._under(_text(head), value, depth + 1, name)]
                for head, value in items
            ]
        if is_command(items):  # ["mysql", "-pXYZ"]
            cleaned = self.text(" ".join(items)).split(" ")
            items = cleaned if len(cleaned) == len(items) else items
        return [
            self._under(before, item, depth + 1, name)
            if isinstance(before, str) and before.startswith("-")  # ["--password", …]
            else self._clean(item, depth + 1, name)
            for before, item in zip([None, *items[:-1]], items, strict=True)
        ]

    def _mapping(self, value: Mapping[Any, Any], depth: int, parent: str) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        columns = columns_of(value)
        for key, item in value.items():
            known = key in self._clean_texts and key not in out
            free = key if known else self._free_name(key, out)
            kind = type(item)
            own = key in NEVER_SCANNED and kind is str and _ID_OR_TIME.fullmatch(item)
            if own or kind in _HARMLESS:
                out[free] = item
            elif columns and key != "columns" and isinstance(item, list | tuple):
                out[free] = [self._row(row, columns, depth + 1) for row in item]
            else:
                name = _text(key)
                if name in ("value", "text"):  # {"name": "DB_PASSWORD", "value": …}
                    name = next((value[at] for at in _NAMED_BY if at in value), parent or name)
                    name = name if isinstance(name, str) and not MARKER.search(name) else key
                out[free] = self._under(name, item, depth, parent)
        return out

    def _row(self, row: Any, columns: list[str], depth: int) -> Any:
        if not is_row(row, columns):
            return self._clean(row, depth + 1)
        cells = zip(columns, row, strict=True)
        return [self._under(name, cell, depth + 1, "") for name, cell in cells]

    def _under(self, name: str, item: Any, depth: int, parent: str) -> Any:
        """Return what stands under `name`, cleaned; `parent` is the name around it."""
        kind = kind_of(name, parent)
        empty = item in ("", [], {}, ())
        if kind is None or empty or isinstance(item, _HARMLESS) or is_schema(item):
            return self._clean(item, depth + 1, name)
        text = item if isinstance(item, str) else text_of(item)
        if MARKER.fullmatch(text):
            return text
        fitting = isinstance(item, str | int) and not kind.sure and fits(kind.marker, text)
        if kind.sure or fitting:
            return self._put(kind.marker, text)
        if isinstance(item, list | tuple) and depth < MAX_DEPTH:
            return [self._under(name, one, depth + 1, parent) for one in item]
        return self._clean(item, depth + 1, name)

    def _free_name(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        text = _text(key)
        cleaned = self._put("CARD", text) if isinstance(key, int) and is_card(text) else None
        cleaned = cleaned or self.text(text)
        name = key if cleaned == text else cleaned
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}#{number}"
        return free

    # -- Texts ----------------------------------------------------------------------

    def text(self, text: str) -> str:
        """Return `text` with markers in place of what the rules find."""
        if text in self._clean_texts:
            return text
        if len(text) > MAX_SCAN:
            head = self.text(text[: MAX_SCAN // 2 + _EDGE])[:-_EDGE]
            return f"{head}[{len(text) - MAX_SCAN // 2} more characters]"
        cleaned = self._json(text) if text[:1] in ("{", "[") else None
        if cleaned is None:
            cleaned = self._search(text)
        if cleaned == text and len(text) <= _SHORT:
            if len(self._clean_texts) >= _REMEMBERED:
                self._clean_texts.clear()
            self._clean_texts.add(text)
        return cleaned

    def _search(self, text: str) -> str:
        view = View(text) if is_disguised(text) else None
        seen = view.text if view else text
        found = self._find(seen)
        if not found:
            return text
        parts: list[str] = []
        at = 0
        for start, end, marker in sorted(found):
            marker = self._put(marker, seen[start:end])
            start, end = view.span(start, end) if view else (start, end)
            parts += (text[at:start], marker)
            at = end
        return "".join((*parts, text[at:]))

    def _find(self, text: str) -> list[Found]:
        """Return what all recognisers find; none looks at what another has found."""
        found: list[Found] = []
        if "[" in text:
            text = MARKER.sub(lambda marker: HOLE * len(marker[0]), text)
        for recogniser in (*self.extra, *recognisers_for(text)):
            try:
                hits = recogniser(text)
                if hits:
                    text = take(hits, text, found)
            except Exception as error:
                self.last_error = f"{type(error).__name__} by {name_of(recogniser)}; {_ANSWER}"
                raise
        if has_any(text, _JSON_IN_BASE64):
            take(self._hidden_json(text), text, found)
        return found

    def _json(self, text: str) -> str | None:
        """Return `text` cleaned as JSON; None if it is none, or has a key twice."""
        try:
            value = orjson.loads(text)
            cleaned = self._clean(value, MAX_DEPTH // 2)
            if cleaned != value:
                return orjson.dumps(cleaned).decode()
            json.loads(text, object_pairs_hook=_without_doubles)
        except ValueError:
            return None
        return text

    def _hidden_json(self, text: str) -> Iterable[Found]:
        """Find JSON in base64 that holds anything to hide; all of it goes."""
        for match in _BASE64_JSON.finditer(text):
            coded = match[0].rstrip("=").replace("-", "+").replace("_", "/")
            try:
                inner = base64.b64decode(coded + "=" * (-len(coded) % 4)).decode()
                value = orjson.loads(inner)
            except (binascii.Error, ValueError):
                continue
            if self._clean(value, MAX_DEPTH // 2) != value:
                yield Found(*match.span(), "ENCODED")

    def _put(self, marker: str, value: str) -> str:
        self.found[marker] += 1
        if self.hash_key is None:
            return f"[{marker}]"
        text = value.encode("utf-8", "backslashreplace")
        return f"[{marker}:{hmac.new(self.hash_key, text, hashlib.sha256).hexdigest()[:8]}]"


def _without_doubles(pairs: list[tuple[str, Any]]) -> None:
    """Refuse an object with a key given twice: only the last of them was cleaned."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError


def _is_text(value: Any) -> bool:
    return isinstance(value, bytes) and value.isascii()


def _text(key: Any) -> str:
    if _is_text(key):
        return str(key.decode())
    return key if isinstance(key, str) else text_of(key)
