"""JSON that takes anything and shows what it had to change."""

import math
from collections.abc import Container, Mapping
from typing import Any

import orjson

from obs_helpers.limits import MAX_DEPTH, MAX_EVENT, MAX_ITEMS, MAX_TEXT, MAX_VALUES

_PLAIN = (int, bool, type(None))


def dumps(event: Mapping[str, Any]) -> bytes:
    """Render `event` as one line of JSON, whatever is in it.

    NaN and infinity become text. Long text, long lists, deep and circular values are
    cut, with a mark; so is what goes beyond `MAX_EVENT` in all. Other objects are written
    as their `repr`.
    """
    if len(event) <= MAX_ITEMS and all(map(_is_plain, event.values())):
        try:
            if max(map(len, event), default=0) <= MAX_TEXT:
                line = orjson.dumps(event)
                if len(line) <= MAX_EVENT:
                    return line
        except TypeError:  # lone surrogates, integers beyond 64 bits, keys that are no text
            pass
    return orjson.dumps(jsonable(event))


def jsonable(value: Any) -> Any:
    """Return a copy of `value` made of what JSON knows, with every change visible."""
    return _Copy().of(value, 0)


def dumps_list(values: list[Any]) -> str | None:
    """Render a list as JSON text, None if it is empty."""
    return orjson.dumps(jsonable(values)).decode() if values else None


def describe(error: BaseException) -> str:
    """Return `Type: message` of an exception, at most 500 characters."""
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except Exception:
        return f"{type(error).__name__}: its message cannot be read"


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Return at most `limit` characters of `text`, and a mark that says how many more."""
    if len(text) > limit:
        text = f"{text[:limit]}[{len(text) - limit} more characters]"
    return text.encode("utf-8", "backslashreplace").decode()


def free_name(name: str, taken: Container[str]) -> str:
    """Return `name`, with as many underscores added as it takes to be new."""
    while name in taken:
        name += "_"
    return name


def plain_text(value: object) -> str:
    """Return `str(value)`, as `text_of` if that raises, without what UTF-8 cannot hold."""
    try:
        text = str(value)
    except Exception:
        text = text_of(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def text_of(value: object) -> str:
    """Return the `repr` of `value` (ISO format for dates), or a note that it raised."""
    try:
        return str(value.isoformat()) if hasattr(value, "isoformat") else repr(value)
    except Exception as error:
        return f"[{type(value).__name__}: repr raised {type(error).__name__}]"


def text_in(value: object) -> int:
    """Return about how many characters `value` has as JSON: lists and dicts hold texts, too."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(text_in, value))
    if isinstance(value, Mapping):
        return sum([len(str(name)) + text_in(inner) for name, inner in value.items()])
    return 8  # a number, more or less


def _is_plain(value: object) -> bool:
    kind = type(value)
    if kind is str:
        return len(value) <= MAX_TEXT  # type: ignore[arg-type]
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    if kind is list:  # such as the finish reasons of a model call
        return len(value) < 9 and all(type(v) is str and len(v) < 99 for v in value)  # type: ignore[arg-type,attr-defined]
    return kind in _PLAIN


class _Copy:
    def __init__(self) -> None:
        self.values = self.characters = 0

    def of(self, value: Any, depth: int) -> Any:
        self.values += 1
        try:
            return self._of(value, depth)
        except Exception as error:  # a container, or a number, that does not let itself be read
            return f"[{type(value).__name__}: reading raised {type(error).__name__}]"

    def _of(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._cut(value)
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**64 else self._cut(text_of(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(value)
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._list(list(value), depth)
        return self._cut(text_of(value))

    def _list(self, value: list[Any], depth: int) -> Any:
        kept = value[: self._room(depth)]
        if value and not kept:
            return f"[list of {len(value)}, not shown]"
        more = len(value) - len(kept)
        return [self.of(item, depth + 1) for item in kept] + [f"[{more} more]"] * bool(more)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        kept = list(value.items())[: self._room(depth)]
        if value and not kept:
            return f"[dict of {len(value)}, not shown]"
        out: dict[str, Any] = {}
        for key, item in kept:
            name = self._cut(key if isinstance(key, str) else text_of(key))
            out[free_name(name, out)] = self.of(item, depth + 1)
        if len(value) > len(kept):
            out[free_name("[more]", out)] = len(value) - len(kept)
        return out

    def _room(self, depth: int) -> int:
        return MAX_ITEMS if depth < MAX_DEPTH and self.values < MAX_VALUES else 0

    def _cut(self, value: str) -> str:
        room = min(MAX_TEXT, max(MAX_EVENT - self.characters, 0))
        self.characters += min(len(value), room)
        return cut(value, room)
