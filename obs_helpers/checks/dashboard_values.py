"""Reads what an answer gave: a table, a dict or a number that is as it was asked for."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from obs_helpers.checks.states import Wrong, expect

Table = dict[datetime, tuple[float, ...]]


def frame(got: Any, time: str, columns: tuple[str, ...]) -> Table:
    """Return the rows of a table that is as it was asked for."""
    import pandas as pd

    names = " and ".join(f"`{name}`" for name in (time, *columns))
    expect(
        got is not None, f"It gave None: did you forget a `return`? A table with {names}, please"
    )
    kind = type(got).__name__
    expect(isinstance(got, pd.DataFrame), f"It gave {kind}: a DataFrame with {names} is asked for")
    missing = [name for name in (time, *columns) if name not in got]
    inside = isinstance(got.index, pd.DatetimeIndex) and time in missing
    text = f"The times are in the index: name it `{time}`, then `reset_index()` makes a column"
    expect(not inside, text)
    said = f"the columns of yours are {', '.join(map(str, got.columns)) or 'none'}"
    expect(not missing, f"There is no column {' or '.join(map(repr, missing))}; {said}")
    first = got[time].iloc[0] if len(got) else None
    plain = getattr(first, "item", lambda: first)()
    text = f"`{time}` is {plain!r}: give a time with its date, which `date_trunc` keeps"
    expect(first is None or isinstance(first, datetime), text)
    times = pd.to_datetime(got[time], utc=True).dt.tz_localize(None).dt.to_pydatetime()
    expect(len(set(times)) == len(times), f"Two rows have the same {time}: group by it")
    text = "Rows are not in order of time: SQL promises none without ORDER BY"
    expect(list(times) == sorted(times), text)
    empty = got[list(columns)].isna().any(axis=1)
    if empty.any():
        at = times[list(empty).index(True)]
        raise Wrong(f"At {at:%H:%M} there is no number: where nothing happened, the sum is 0")
    rows = got[list(columns)].astype(float).itertuples(index=False, name=None)
    return dict(zip(times, rows, strict=True))


def whole_window(table: Table, start: datetime, end: datetime, step: timedelta, name: str) -> None:
    """Check that each step of the window has a row, and nothing else has."""
    wanted = [start + n * step for n in range((end - start) // step)]
    said = f"The window is {start:%H:%M} to {end:%H:%M}; "
    if more := sorted(set(table) - set(wanted)):
        one = "`end` itself is not part of it" if more == [end] else "that is outside of it"
        raise Wrong(f"{said}yours has a row for {more[0]:%H:%M}, and {one}")
    if missing := [at for at in wanted if at not in table]:
        text = f"{len(missing)} of its {len(wanted)} {name}s have no row, the first at "
        raise Wrong(f"{said}{text}{missing[0]:%H:%M}; quiet ones need a row as well")


def mapping(got: Any, keys: tuple[str, ...]) -> Mapping[str, Any]:
    """Return a dict that is as it was asked for."""
    names = ", ".join(f"`{key}`" for key in keys)
    expect(got is not None, f"It gave None: did you forget a `return`? A dict with {names}, please")
    text = f"It gave {type(got).__name__}: a dict with {names} is asked for"
    expect(isinstance(got, Mapping), text)
    missing = [key for key in keys if key not in got]
    said = f"the keys of yours are {', '.join(map(repr, got)) or 'none'}"
    expect(not missing, f"There is no key {' or '.join(map(repr, missing))}; {said}")
    known: Mapping[str, Any] = got
    return known


def number(value: Any, name: str) -> float:
    """Return a number as a float."""
    try:
        real = float(value)
    except (TypeError, ValueError):
        raise Wrong(f"{name} is {value!r}, and there is data: a number is asked for") from None
    expect(math.isfinite(real), f"{name} is {real!r}, and there is data: a number is asked for")
    return real


def no_data(value: Any, name: str, what: str, when: str) -> None:
    """Check that nothing is said where nothing is known."""
    say = f"In {when}, {name} is {value!r}: "
    nan = isinstance(value, float) and math.isnan(value)
    expect(not nan, say + "a dashboard would show `nan`, and no comparison with it is true")
    expect(value is None, say + f"without data the {what} is not known, and that is None")


def near(one: float, other: float) -> bool:
    """Tell whether two numbers are the same but for rounding to two places."""
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=0.0051)


def is_rounded(value: float, right: float) -> bool:
    """Tell whether a number has one decimal at most, and was the right one before."""
    return value == round(value, 1) and abs(value - right) < 1


def same(count_: Any, wanted: int) -> bool:
    """Tell whether a count, of whatever type, is this one."""
    return bool(count_ == wanted)
