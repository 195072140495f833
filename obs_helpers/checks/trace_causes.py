"""Checks of exercise 3, steps 6 and 7: what waited for what, and where an error began."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from obs_helpers import conventions as c
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import expect
from obs_helpers.checks.trace_given import Row
from obs_helpers.checks.trace_reading import LIMIT_S, Draft, by_span, short
from obs_helpers.checks.trace_spans import NAMES, fresh, listed


# -- Step 6 ------------------------------------------------------------------------------
def check_waited_for(waited_for: Callable[..., Any]) -> None:
    """Step 6: which tool call waited for which."""
    draft = Draft(fresh())
    _rounds(draft)
    for order in draft.orders():
        _waits(call(waited_for, order, limit_s=LIMIT_S), draft)


def _waits(got: Any, draft: Draft) -> None:
    rows = {row.span_id: row for row in draft.rows}
    tools = {key: row for key, row in rows.items() if row.operation == c.EXECUTE_TOOL}
    by_span("waited_for", got, tools.values(), "tool call", "an empty set")
    for key, row in tools.items():
        _waited(row, got[key], rows)


def _rounds(draft: Draft) -> None:
    """Fill `draft`: one tool runs through two rounds; two begin when another one ends."""
    names = draft.draw.sample(NAMES, 6)
    one, two, three, four, five, six = (f"execute_tool {name}" for name in names)
    wide = draft.draw.uniform(0.1, 0.4)
    root = draft.add("invoke_agent planner", None, 0, 12)
    draft.add("chat planner", root, 0.1, 0.9)
    draft.add(one, root, 1, 1.5 + wide)
    draft.add(two, root, 1.1, 5 + wide)
    draft.add("chat planner", root, 2, 2.5)
    draft.add(three, root, 3, 4 + wide)
    draft.add("chat planner", root, 6, 6.5)
    draft.add(four, root, 7, 8 + wide)
    draft.add(one, root, 7.1, 9)
    draft.add(five, root, 8 + wide, 10)
    draft.add(six, root, 10, 11)


def _waited(row: Row, found: Any, rows: Mapping[str, Row]) -> None:
    expect(
        isinstance(found, Iterable) and not isinstance(found, str),
        f"`{row.name}` has {short(found)}: a set of span ids is missing.",
    )
    ids = set(found)
    for key in ids:
        expect(key in rows, f"`{row.name}` has {short(key)} in its set, which is no span id.")
    for other in (each for key, each in rows.items() if key in ids):
        told = f"`{row.name}` is said to have waited for `{other.name}`, which"
        expect(other.operation == c.EXECUTE_TOOL, f"{told} is no tool call.")
        expect(other.start_s <= row.start_s and other is not row, f"{told} began no earlier.")
        expect(other.end_s <= row.start_s, f"{told} was still running when it began.")
    direct = _direct(row, rows)
    for other in direct:
        expect(
            other.span_id in ids,
            f"`{row.name}` began after `{other.name}` had ended, with no tool call in between. It "
            "does not say so."
            + " Ended at the same moment counts as ended."
            * (other.end_s == row.start_s),
        )
    for other in (rows[key] for key in ids):
        expect(
            other in direct,
            f"`{row.name}` waited for `{other.name}` only by way of another tool call, which "
            "ran between them. Leave out what follows from the rest.",
        )


def _direct(row: Row, rows: Mapping[str, Row]) -> list[Row]:
    tools = [each for each in rows.values() if each.operation == c.EXECUTE_TOOL]
    done = [each for each in tools if each.end_s <= row.start_s]
    latest_s = max((each.start_s for each in done), default=0.0)
    return [each for each in done if each.end_s > latest_s]


# -- Step 7 ------------------------------------------------------------------------------
Try = tuple[float, float, tuple[str, ...]]
"""When a try began and ended, and the spans that failed below it, one below the other."""
_MENDED = "ConnectionError: refused"
_FIRST, _AGAIN = (3.2, 7.0, ("POST /seats", "connect")), (7.1, 8.5, ("POST /seats",))
_LONG, _SHORT = (3.2, 8.5, ("POST /seats", "connect")), (3.3, 6.0, ("POST /seats",))


def check_error_path(error_path: Callable[..., Any]) -> None:
    """Step 7: from the run down to where its error began."""
    draw = fresh()
    _passed_through(error_path, Draft(draw), _FIRST, _AGAIN)
    _passed_through(error_path, Draft(draw), _SHORT, _LONG)  # side by side
    _began_in_the_run(error_path, Draft(draw))
    _ended_well(error_path, Draft(draw))


def _paths(error_path: Callable[..., Any], draft: Draft) -> Iterator[tuple[list[Row], str]]:
    """Yield each path, and its names, for two orders of the rows."""
    for order in draft.orders():
        got = call(error_path, order, limit_s=LIMIT_S)
        expect(got is not None, "error_path(rows) returned None. Is there a `return`?")
        rows = list(got) if isinstance(got, Iterable) else [got]
        expect(
            all(isinstance(row, tuple) and len(row) == len(Row._fields) for row in rows),
            f"error_path(rows) returned {short(got)}. Return a list of the rows themselves.",
        )
        path = [Row(*row) for row in rows]
        yield path, " > ".join(row.name for row in path)


def _passed_through(
    error_path: Callable[..., Any], draft: Draft, mended_try: Try, last_try: Try
) -> None:
    fatal = f"TimeoutError: number {draft.draw.randint(100, 999)}"
    root = _busy_run(draft, fatal)
    early = _try(draft, root, fatal, mended_try)
    late = _try(draft, root, fatal, last_try)
    draft.add("write log", late[0], 7.2, 7.3)
    draft.add("execute_tool send_mail", root, 8.6, 8.9, _MENDED)
    for got, names in _paths(error_path, draft):
        expect(got, f"The run failed with {fatal!r}, and the path is empty.")
        healed = [row.name for row in got if row.error == _MENDED]
        expect(
            not healed,
            f"The run failed with {fatal!r}. On the path is {listed(healed)}, with another error, "
            f"{_MENDED!r}: that one was mended.",
        )
        well = [row.name for row in got if row.error is None]
        expect(not well, f"On the path, and ended well: {listed(well)}.")
        expect(
            early[0] not in got or late[0] not in got,
            f"Both tries of `{early[0].name}` are on the path {names}. One of them decides.",
        )
        expect(
            early[0] not in got,
            f"`{early[0].name}` was tried twice, and the path goes through the try from "
            f"{mended_try[0]} to {mended_try[1]} s. The other one, from {last_try[0]} to "
            f"{last_try[1]} s, ended last: it decides.",
        )
        _goes_down(got, [root, *late], names)


def _busy_run(draft: Draft, fatal: str) -> Row:
    """Add a run that failed, with tools whose errors did not reach it; return the run."""
    root = draft.add("invoke_agent planner", None, 0, 9, fatal)
    tool = draft.add("execute_tool get_weather", root, 1, 3)
    web = draft.add("GET /weather", tool, 1.1, 2 + draft.draw.uniform(0, 0.4), _MENDED)
    draft.add("read cache", web, 1.2, 1.9, _MENDED)
    tool = draft.add("execute_tool find_flights", root, 3.1, 8.95)
    draft.add("GET /flights", tool, 3.2, 8.94, fatal)
    return root


def _try(draft: Draft, root: Row, fatal: str, planned: Try) -> list[Row]:
    start_s, end_s, below = planned
    path = [draft.add("execute_tool book_seat", root, start_s, end_s, fatal)]
    for n, name in enumerate(below, 1):
        path.append(draft.add(name, path[-1], start_s + n / 50, end_s - n / 50, fatal))
    return path


def _goes_down(got: list[Row], wanted: list[Row], names: str) -> None:
    if sorted(got) == sorted(wanted):
        expect(got == wanted, f"The path is {names}. It begins at the run, and goes down.")
    expect(got[0] == wanted[0], f"The path is {names}. Its beginning is missing: the run.")
    expect(
        got == wanted,
        f"The path is {names}. Each is the parent of the next, down to the span below which "
        "nothing failed with the same error.",
    )


def _began_in_the_run(error_path: Callable[..., Any], draft: Draft) -> None:
    fatal, mended = (f"TimeoutError: number {n}" for n in draft.draw.sample(range(100, 999), 2))
    root = draft.add("invoke_agent planner", None, 0, 9, fatal)
    draft.add("chat planner", root, 1, 2)
    draft.add("execute_tool get_weather", root, 2, 8.9, mended)
    for got, names in _paths(error_path, draft):
        expect(
            got == [root],
            f"The run failed with {fatal!r}, and a tool in it with {mended!r}. The path is "
            f"{names or 'empty'}, but an error that passes through keeps its text: this one "
            "began in the run.",
        )


def _ended_well(error_path: Callable[..., Any], draft: Draft) -> None:
    root = draft.add("invoke_agent planner", None, 0, 9)
    draft.add("execute_tool get_weather", root, 1, 2, _MENDED)
    draft.add("execute_tool get_weather", root, 2, 3)
    for got, names in _paths(error_path, draft):
        expect(not got, f"The run ended well, and the path is {names}. Return an empty list then.")
