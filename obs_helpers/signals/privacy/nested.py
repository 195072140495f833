"""What a nested value is: a header, a schema, a table, a command."""

from collections.abc import Mapping
from typing import Any

_SCHEMA_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})


def is_schema(item: Any) -> bool:
    """Tell whether `item` describes an argument instead of holding its value."""
    if not isinstance(item, Mapping):
        return False
    kinds = item.get("type")
    kinds = kinds if isinstance(kinds, list | tuple) else [kinds]
    return bool(kinds) and all(isinstance(kind, str) and kind in _SCHEMA_TYPES for kind in kinds)


def is_header(item: Any) -> bool:
    """Tell whether `item` is a pair of a name and a value."""
    return isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str | bytes)


def is_command(items: list[Any]) -> bool:
    """Tell whether `items` are the words of a command with options."""
    words = all(isinstance(item, str) and not any(map(str.isspace, item)) for item in items)
    return words and any(item.startswith("-") for item in items)


def columns_of(value: Mapping[Any, Any]) -> list[str]:
    """Return the names of the columns of a table, such as the answer to a query; else none."""
    names = value.get("columns")
    named = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    return list(names) if named and names else []


def is_row(item: Any, columns: list[str]) -> bool:
    """Tell whether `item` is a row of a table with these columns."""
    return isinstance(item, list | tuple) and len(item) == len(columns) > 0
