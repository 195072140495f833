"""JSON that takes anything: one valid line, nothing lost without a mark."""

import copy
import json
import math
from collections import UserDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from obs_helpers.safe_json import (
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_TEXT,
    describe,
    dumps,
    dumps_list,
    jsonable,
    text_of,
)


class Hostile:
    """An object that raises whatever one asks of it."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class HostileMapping(UserDict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no items")


class HostileList(list[int]):
    def __iter__(self) -> Iterator[int]:
        raise RuntimeError("no items")


class Number(int):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class SameText:
    """Different keys, one text."""

    def __repr__(self) -> str:
        return "same"


class Colour(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


class Name(StrEnum):
    ADA = "ada"


TEXT = st.text(st.characters(codec=None), max_size=20)  # lone surrogates, too
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, 2**64, -(2**63) - 1, Level.LOW]),
    st.builds(lambda: 10**5000),  # built, not sampled: hypothesis cannot show it either
    st.builds(Number, st.integers()),
    st.floats(),
    TEXT,
    st.binary(max_size=10),
    st.dates(),
    st.decimals(),
    st.builds(Hostile),
    st.builds(HostileMapping),
    st.builds(HostileList),
    st.sampled_from([Colour.RED, Name.ADA, ValueError("x"), np.float64(1.5), np.int64(3), print]),
)
KEYS = st.one_of(
    TEXT,
    st.integers(),
    st.none(),
    st.sampled_from(["1", 1, "None", None, "1_", (1, 2), "[more]"]),
    st.builds(Hostile),
    st.builds(SameText),
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.tuples(inner, inner),
        st.frozensets(st.integers() | TEXT, max_size=4),
        st.dictionaries(KEYS, inner, max_size=6),
    ),
    max_leaves=25,
)


def parsed(line: bytes) -> Any:
    """Return what is in a line that is strictly JSON, and one line."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    assert line.splitlines() == [line]
    return json.loads(line.decode("utf-8"), parse_constant=refuse)


def count(value: Any) -> int:
    """Return the number of entries in `value` at all its levels."""
    if isinstance(value, dict):
        return len(value) + sum(map(count, value.values()))
    if isinstance(value, list):
        return len(value) + sum(map(count, value))
    return 0


@given(st.dictionaries(TEXT, JUNK, max_size=8))
@example({"event": "forged\n{}\r\u2028", "\n": "\r\n"})
@example({"a": 2**64, "b": -math.inf, "\ud800": "\udfff"})
def test_anything_becomes_one_line_of_valid_json(event: dict[str, Any]) -> None:
    found = parsed(dumps(event))
    assert type(found) is dict
    assert len(found) == len(event)


@given(st.dictionaries(TEXT, JUNK, max_size=8))
def test_values_that_json_knows_come_back_the_same(event: dict[str, Any]) -> None:
    found = parsed(dumps(event))
    for name, value in event.items():
        key = name.encode("utf-8", "backslashreplace").decode()
        if value is None or type(value) is bool:
            assert found[key] is value
        elif type(value) is float and math.isfinite(value):
            assert found[key] == value
        elif type(value) is int and -(2**63) <= value < 2**64:
            assert type(found[key]) is int
            assert found[key] == value
        elif type(value) is str and value.isascii():
            assert found[key] == value


@given(st.dictionaries(KEYS, st.integers(0, 9), max_size=20))
def test_no_entry_is_lost_when_keys_become_the_same_text(event: dict[Any, int]) -> None:
    found = parsed(dumps({"inner": event}))["inner"]
    assert list(found.values()) == list(event.values())


@given(JUNK)
def test_a_copy_keeps_every_entry_and_leaves_the_original_as_it_was(value: Any) -> None:
    before = _shape(value)
    result = jsonable(value)
    assert _shape(value) == before
    again = jsonable(result)
    assert again == result
    assert count(again) == count(result)


def _shape(value: Any) -> Any:
    """Return what `value` holds, by identity."""
    if type(value) is dict:
        return [(id(key), _shape(item)) for key, item in value.items()]
    if type(value) in (list, tuple):
        return [_shape(item) for item in value]
    return id(value)


def test_the_copy_shares_nothing_that_could_change_with_the_original() -> None:
    original = {"a": [1, {"b": [2]}], "c": {"d": {3}}}
    kept = copy.deepcopy(original)
    result = jsonable(original)
    result["a"][1]["b"].append("changed")
    result["c"]["d"].append("changed")
    result["a"].clear()
    assert original == kept


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (np.float64("nan"), "nan"),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        (10**5000, "[int: repr raised ValueError]"),
        (b"\xff\n", "b'\\xff\\n'"),
        ("\ud83d", "\\ud83d"),
        (1j, "1j"),
        (Decimal("0.10"), "Decimal('0.10')"),
        (date(2026, 1, 5), "2026-01-05"),
        (datetime(2026, 1, 5, 8, tzinfo=UTC), "2026-01-05T08:00:00+00:00"),
        (Colour.RED, "<Colour.RED: 1>"),
        (Hostile(), "[Hostile: repr raised RuntimeError]"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"k": [v]}])
def test_what_json_cannot_hold_is_there_as_text(value: Any, text: str, wrap: Any) -> None:
    assert parsed(dumps({"field": wrap(value)})) == {"field": wrap(text)}


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (None, None),
        (True, True),
        (0.1, 0.1),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        ((1, (2,)), [1, [2]]),
        (Level.LOW, 1),
        (Number(7), 7),
        (Name.ADA, "ada"),
        (np.float64(1.5), 1.5),
        ("ünï ☃", "ünï ☃"),
        ([], []),
        ({}, {}),
        (UserDict({"a": 1}), {"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_can_hold_is_there_as_what_it_is(value: Any, same: Any) -> None:
    found = parsed(dumps({"field": value}))["field"]
    assert found == same
    assert type(found) is type(same)


@pytest.mark.parametrize("value", [HostileMapping(), HostileList([1, 2])], ids=type)
def test_a_container_that_cannot_be_read_says_so_and_harms_nothing_else(value: Any) -> None:
    found = parsed(dumps({"before": 1, "bad": ["x", value], "after": [2]}))
    assert (found["before"], found["after"]) == (1, [2])
    kind = type(value).__name__
    assert found["bad"] == ["x", f"[{kind}: reading raised RuntimeError]"]


def test_circular_values_are_cut_with_a_mark() -> None:
    ring: dict[str, Any] = {"name": "ring"}
    ring["self"] = ring
    chain: list[Any] = []
    chain.append(chain)
    text = dumps({"ring": ring, "chain": chain})
    assert parsed(text)
    assert b"[dict of 2, not shown]" in text
    assert b"[list of 1, not shown]" in text


def test_a_list_that_holds_itself_many_times_stays_small() -> None:
    bush: list[Any] = []
    bush += [bush] * 50
    text = dumps({"bush": bush})
    assert parsed(text)
    assert len(text) < 1_000_000
    assert b"[list of 50, not shown]" in text


def test_deep_nesting_is_cut_at_the_limit_and_not_before() -> None:
    value: Any = "bottom"
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert b"bottom" in dumps({"field": value})
    for _ in range(3):
        value = [value]
        assert b"[list of 1, not shown]" in dumps({"field": value})
    for _ in range(10_000):
        value = {"a": value}
    assert b"[dict of 1, not shown]" in dumps({"field": value})


@pytest.mark.parametrize("size", [MAX_TEXT, MAX_TEXT + 1, 1_000_000])
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"k": v}])
def test_long_text_is_cut_and_says_by_how_much(size: int, wrap: Any) -> None:
    more = size - MAX_TEXT
    expected = "x" * MAX_TEXT + (f"[{more} more characters]" if more else "")
    assert parsed(dumps({"field": wrap("x" * size)})) == {"field": wrap(expected)}


def test_long_keys_are_cut_and_say_so() -> None:
    (key,) = parsed(dumps({"k" * 100_000: 1}))
    assert key == "k" * MAX_TEXT + f"[{100_000 - MAX_TEXT} more characters]"


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_long_lists_are_cut_and_say_by_how_much(kind: Any) -> None:
    whole, long = kind(range(MAX_ITEMS)), kind(range(MAX_ITEMS + 5))
    found = parsed(dumps({"whole": whole, "long": long}))
    assert found["whole"] == list(range(MAX_ITEMS))
    assert found["long"] == [*range(MAX_ITEMS), "[5 more]"]


def test_long_dicts_are_cut_and_say_by_how_much_even_with_a_key_like_the_mark() -> None:
    long = {"[more]": "mine", **{f"k{n}": n for n in range(MAX_ITEMS + 4)}}
    for found in (parsed(dumps({"field": long}))["field"], parsed(dumps(long))):
        assert found["[more]"] == "mine"
        assert found["[more]_"] == 5
        assert len(found) == MAX_ITEMS + 1


def test_colliding_keys_stay_apart_in_their_order() -> None:
    found = parsed(dumps({"field": {1: "int", "1": "text", "1_": "third", None: 4, "None": 5}}))
    assert found["field"] == {"1": "int", "1_": "text", "1__": "third", "None": 4, "None_": 5}


@dataclass
class Card:
    owner: str


def test_other_objects_are_written_as_their_repr() -> None:
    assert parsed(dumps({"card": Card("ada")})) == {"card": "Card(owner='ada')"}
    assert text_of(Card("ada")) == "Card(owner='ada')"
    assert text_of(Card) == repr(Card)


class NoMessage(Exception):
    def __str__(self) -> str:
        raise LookupError


def test_an_exception_is_described_in_one_short_text_whatever_it_is() -> None:
    assert describe(ValueError("bad value")) == "ValueError: bad value"
    assert describe(KeyError()) == "KeyError: "
    assert len(describe(ValueError("x" * 1_000_000))) == 500
    assert describe(NoMessage()) == "NoMessage: its message cannot be read"


def test_an_empty_list_is_no_text_and_others_are_json() -> None:
    assert dumps_list([]) is None
    assert json.loads(dumps_list([{"a": math.nan}, None]) or "") == [{"a": "nan"}, None]
