"""Checks of exercise 3, steps 6 and 7: what waited for what, and where an error began."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from obs_helpers import conventions as c
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.checks.trace_given import Row
from obs_helpers.checks.trace_reading import LIMIT_S, Draft, a_dict, short
from obs_helpers.checks.trace_spans import NAMES, fresh, listed


# -- Step 6 ------------------------------------------------------------------------------
def check_waited_for(waited_for: Callable[..., Any]) -> None:
    """Step 6: which tool call waited for which."""
    draft = Draft(fresh())
    first, both = _rounds(draft)
    got = call(waited_for, draft.shuffled(), limit_s=LIMIT_S)
    a_dict("waited_for", got)
    rows = {row.span_id: row for row in draft.rows}
    odd = [key for key in got if key not in rows]
    expect(
        not odd,
        f"A key is {short(odd[:1])[1:-1]}, which is no span id. The same tool was called twice: "
        "a name cannot tell its calls apart.",
    )
    tools = {key: row for key, row in rows.items() if row.operation == c.EXECUTE_TOOL}
    others = [rows[key].name for key in got if key not in tools]
    expect(not others, f"{listed(others)} has an entry, and is no tool call.")
    missing = [row.name for key, row in tools.items() if key not in got]
    expect(
        not missing, f"No entry for {listed(missing)}. One that waited for none has an empty set."
    )
    for key, row in sorted(tools.items(), key=lambda item: item[1].start_s):
        _waited(row, got[key], rows)
    for row in first:
        expect(not set(got[row.span_id]), f"`{row.name}` began first, and waited for something.")
    earlier, later = both
    told = f"`{later.name}` began after `{earlier.name}` had ended, with no tool call in between"
    expect(earlier.span_id in set(got[later.span_id]), f"{told}. It does not say so.")
    for row in tools.values():
        absent = [each.name for each in _direct(row, tools) if each.span_id not in got[row.span_id]]
        expect(not absent, f"`{row.name}` waited for {listed(absent)} as well.")


def _rounds(draft: Draft) -> tuple[tuple[Row, Row], tuple[Row, Row]]:
    """Fill `draft`; return the tools that waited for none, and a pair of which one did.

    The earlier one of the pair runs through two rounds.
    """
    names = draft.draw.sample(NAMES, 4)
    one, two, three, four = (f"execute_tool {name}" for name in names)
    wide = draft.draw.uniform(0.1, 0.4)
    root = draft.add("invoke_agent planner", None, 0, 12)
    draft.add("chat planner", root, 0.1, 0.9)
    quick = draft.add(one, root, 1, 1.5 + wide)
    long = draft.add(two, root, 1.1, 5 + wide)
    draft.add("chat planner", root, 2, 2.5)
    draft.add(three, root, 3, 4 + wide)
    draft.add("chat planner", root, 6, 6.5)
    last = draft.add(four, root, 7, 8 + wide)
    draft.add(one, root, 7.1, 9)
    return (quick, long), (long, last)


def _waited(row: Row, found: Any, rows: Mapping[str, Row]) -> None:
    expect(
        isinstance(found, Iterable) and not isinstance(found, str),
        f"`{row.name}` has {short(found)}: a set of span ids is missing.",
    )
    for key in found:
        expect(key in rows, f"`{row.name}` has {short(key)} in its set, which is no span id.")
    for other in sorted((rows[key] for key in set(found)), key=lambda each: each.start_s):
        expect(
            other.operation == c.EXECUTE_TOOL,
            f"`{row.name}` is said to have waited for `{other.name}`, which is no tool call.",
        )
        expect(
            other.start_s <= row.start_s and other is not row,
            f"`{row.name}` is said to have waited for `{other.name}`, which began no earlier.",
        )
        expect(
            other.end_s <= row.start_s,
            f"`{row.name}` is said to have waited for `{other.name}`, which was still running "
            "when it began.",
        )
    direct = _direct(row, rows)
    for other in (rows[key] for key in set(found)):
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
def check_error_path(error_path: Callable[..., Any]) -> None:
    """Step 7: from the run down to where its error began."""
    draw = fresh()
    _passed_through(error_path, Draft(draw))
    _began_in_the_run(error_path, Draft(draw))
    _ended_well(error_path, Draft(draw))


def _errors(draft: Draft) -> tuple[str, str]:
    kinds = ("TimeoutError", "ConnectionError", "ValueError", "PermissionError")
    one, other = draft.draw.sample(kinds, 2)
    return f"{one}: number {draft.draw.randint(100, 999)}", f"{other}: refused"


def _path(error_path: Callable[..., Any], draft: Draft) -> list[Row]:
    got = call(error_path, draft.shuffled(), limit_s=LIMIT_S)
    expect(got is not None, "error_path(rows) returned None: is there a `return`?")
    if isinstance(got, Row):
        msg = f"error_path(rows) returned one row, `{got.name}`: the whole path is missing."
        raise Wrong(msg)
    try:
        return [Row(*row) for row in got]
    except TypeError:
        msg = f"error_path(rows) returned {short(got)}: a list of rows is missing."
        raise Wrong(msg) from None


def _passed_through(error_path: Callable[..., Any], draft: Draft) -> None:
    fatal, mended = _errors(draft)
    root, early, late, leaf = _two_tries(draft, fatal, mended)
    got = _path(error_path, draft)
    names = " > ".join(row.name for row in got)
    expect(got, f"The run failed with {fatal!r}, and the path is empty.")
    healed = [row.name for row in got if row.error == mended]
    expect(
        not healed,
        f"{listed(healed)} failed with {mended!r}, the run with {fatal!r}. The first was mended.",
    )
    well = [row.name for row in got if row.error is None]
    expect(not well, f"{listed(well)} is on the path, and ended well.")
    expect(
        early not in got or late not in got,
        f"Both tries of `{early.name}` are on the path {names}. The run went on after the first.",
    )
    expect(
        early not in got,
        f"The path goes through the first try of `{early.name}`. It was tried again after that: "
        "the error that reached the run came from the other.",
    )
    _goes_down(got, [root, late, leaf])


def _two_tries(draft: Draft, fatal: str, mended: str) -> tuple[Row, Row, Row, Row]:
    """A mended error came first and lies deeper; the fatal one was tried twice."""
    wide = draft.draw.uniform(0, 0.4)
    root = draft.add("invoke_agent planner", None, 0, 9, fatal)
    tool = draft.add("execute_tool get_weather", root, 1, 3)
    web = draft.add("GET /weather", tool, 1.1, 2 + wide, mended)
    cache = draft.add("read cache", web, 1.2, 1.9, mended)
    draft.add("open file", cache, 1.3, 1.8, mended)
    draft.add("execute_tool find_flights", root, 3.1, 8.95)
    early = draft.add("execute_tool book_seat", root, 3.2, 5, fatal)
    draft.add("POST /seats", early, 3.3, 4.9, fatal)
    late = draft.add("execute_tool book_seat", root, 5.5, 8.5 + wide, fatal)
    leaf = draft.add("POST /seats", late, 5.6, 8.4 + wide, fatal)
    draft.add("write log", leaf, 5.7, 6)
    return root, early, late, leaf


def _goes_down(got: list[Row], wanted: list[Row]) -> None:
    names = " > ".join(row.name for row in got)
    if sorted(got) == sorted(wanted):
        expect(got == wanted, f"The path is {names}. It begins at the run, and goes down.")
    expect(got[0] == wanted[0], f"The path is {names}. Its beginning is missing: the run.")
    expect(
        got == wanted,
        f"The path is {names}. Each is the parent of the next, down to the span below which "
        "nothing failed with the same error.",
    )


def _began_in_the_run(error_path: Callable[..., Any], draft: Draft) -> None:
    fatal, mended = _errors(draft)
    root = draft.add("invoke_agent planner", None, 0, 9, fatal)
    draft.add("chat planner", root, 1, 2)
    draft.add("execute_tool get_weather", root, 2, 8.9, mended)
    got = _path(error_path, draft)
    names = " > ".join(row.name for row in got)
    expect(
        got == [root],
        f"The run failed with {fatal!r}, and a tool in it with {mended!r}. The path is {names}, "
        "but an error that passes through keeps its text: this one began in the run.",
    )


def _ended_well(error_path: Callable[..., Any], draft: Draft) -> None:
    _, mended = _errors(draft)
    root = draft.add("invoke_agent planner", None, 0, 9)
    draft.add("execute_tool get_weather", root, 1, 2, mended)
    draft.add("execute_tool get_weather", root, 2, 3)
    got = _path(error_path, draft)
    names = " > ".join(row.name for row in got)
    expect(not got, f"The run ended well, a first try within it did not, and the path is {names}.")
