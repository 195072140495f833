"""Errors kept and grouped: nothing personal, nothing without bound, and never an error more."""

import importlib.util
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

import obs_helpers
from obs_helpers import ErrorCategory, Redactor, Store, VirtualClock
from obs_helpers.agent.errors import ModelTimeout, RateLimited, ToolError
from obs_helpers.insight.failures import MAX_SESSIONS, NEW_FOR_S, ErrorTracker, issue_table
from obs_helpers.insight.fingerprints import MAX_FRAMES, chain, fingerprint, normalise
from obs_helpers.schema import TABLES

START_US = 1_767_600_000_000_000
FAKE_KEY = "sk-" + "x1" * 20


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def print_of(error: BaseException) -> str:
    return fingerprint(chain(error))


# -- Messages without what differs ---------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "normalised"),
    [
        ("no answer within 30 s", "no answer within <n> s"),
        ("took 1.5 s, 12,000 tokens, 3e-7 USD", "took <n> s, <n> tokens, <n> USD"),
        ("user_42 of run-7", "user_<n> of run-<n>"),
        ("run 5f3c9a2b7e ended", "run <n> ended"),
        ("order 12345678 and order 1234567", "order <n> and order <n>"),
        ("at 0xDEADbeef", "at <n>"),
        ("id 0f8fad5b-d9cb-469f-a165-70867728950e", "id <uuid>"),
        ("GET https://api.test/v1?key=a&b=2 failed", "GET <url> failed"),
        ("cannot open '/data/a b.txt'", "cannot open <text>"),
        ("cannot open /var/log/agent.log", "cannot open <path>"),
        (r"cannot open C:\logs\agent.log", "cannot open <path>"),
        ('unknown city "O\'Brien"', "unknown city <text>"),
        ("it can't be, we don't know", "it can't be, we don't know"),
        ("and/or defaced", "and/or defaced"),
        ("two\n  lines", "two lines"),
        ("", ""),
    ],
)
def test_a_message_is_normalised(message: str, normalised: str) -> None:
    assert normalise(message) == normalised


@given(st.text(max_size=200))
def test_a_normalised_message_stays_as_it_is_and_has_no_digits(message: str) -> None:
    once = normalise(message)
    assert normalise(once) == once
    assert not any(char.isdecimal() for char in once)


@given(st.integers(0, 10**18), st.integers(0, 10**18), st.uuids(), st.uuids())
def test_numbers_and_ids_make_no_difference(one: int, two: int, first: Any, second: Any) -> None:
    texts = [f"order {n} of {i} costs {n}.5" for n, i in ((one, first), (two, second))]
    assert normalise(texts[0]) == normalise(texts[1])


# -- Fingerprints --------------------------------------------------------------------------

PROGRAM = """
class Desk:
    def book(self, city, kind=ValueError):
        return self.pay(city, kind)

    def pay(self, city, kind):
        raise kind(f"no flight to {city}")

def other(city):
    raise ValueError(f"no flight to {city}")

def deep(n):
    return deep(n - 1) if n else other("Oslo")

def chained(kind):
    try:
        other("Oslo")
    except ValueError as error:
        raise RuntimeError("broken") from (kind() if kind else error)
"""


def program(tmp_path: Path, source: str = PROGRAM, name: str = "desk") -> Any:
    file = tmp_path / f"{name}.py"
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(source)
    spec = importlib.util.spec_from_file_location("desk", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def error_of(function: Any, *args: Any) -> BaseException:
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError


def test_the_way_through_the_application_counts_and_the_message_does_not(tmp_path: Path) -> None:
    desk = program(tmp_path)
    here = print_of(error_of(desk.Desk().book, "Oslo"))
    assert print_of(error_of(desk.Desk().book, "Rome")) == here
    assert print_of(error_of(desk.other, "Oslo")) != here
    assert print_of(error_of(desk.Desk().book, "Oslo", KeyError)) != here
    assert len(here) == 16
    assert int(here, 16)


def test_an_edit_above_the_line_that_fails_changes_nothing(tmp_path: Path) -> None:
    before = error_of(program(tmp_path).other, "Oslo")
    after = error_of(program(tmp_path, "# one\n# more\nNEW = 1\n" + PROGRAM).other, "Oslo")
    lines = [chain(error)[0].frames[-1].line for error in (before, after)]
    assert lines[0] + 3 == lines[1]
    assert print_of(before) == print_of(after)


def test_how_deep_a_recursion_went_makes_no_other_problem(tmp_path: Path) -> None:
    desk = program(tmp_path)
    assert print_of(error_of(desk.deep, 3)) == print_of(error_of(desk.deep, 30))
    assert len(chain(error_of(desk.deep, 300))[0].frames) == MAX_FRAMES


def test_frames_of_libraries_do_not_count(tmp_path: Path) -> None:
    """A library's new version, with other functions inside, is no new problem of ours."""
    old, new = (
        program(tmp_path, f"def {name}():\n    raise OSError('no')\ndef call():\n    {name}()\n",
                f"site-packages/lib_{name}")
        for name in ("connect", "open_socket")
    )  # fmt: skip

    def use(library: Any) -> None:
        library.call()

    errors = [error_of(use, library) for library in (old, new)]
    assert print_of(errors[0]) == print_of(errors[1])
    frames = chain(errors[0])[0].frames
    assert [(frame.function, frame.in_app) for frame in frames[-3:]] == [
        ("test_frames_of_libraries_do_not_count.<locals>.use", True),
        ("call", False),
        ("connect", False),
    ]


def test_frames_of_the_standard_library_do_not_count() -> None:
    import json

    frames = chain(error_of(json.loads, "{"))[0].frames
    assert [frame.in_app for frame in frames] == [True, *[False] * (len(frames) - 1)]
    assert len(frames) > 1


def test_causes_count(tmp_path: Path) -> None:
    """The same error with another cause is another problem."""
    desk = program(tmp_path)
    one, two = error_of(desk.chained, None), error_of(desk.chained, KeyError)
    assert [link.type for link in chain(one)] == ["RuntimeError", "ValueError"]
    assert [link.type for link in chain(two)] == ["RuntimeError", "KeyError"]
    assert print_of(one) != print_of(two)


def test_without_frames_type_and_normalised_message_count() -> None:
    assert print_of(ValueError("order 7")) == print_of(ValueError("order 8"))
    assert print_of(ValueError("order 7")) != print_of(KeyError("order 7"))
    assert print_of(ValueError("order 7")) != print_of(ValueError("no order"))
    assert fingerprint([], "order 7") == fingerprint([], "order 8") != fingerprint([], "no")


def test_an_explicit_fingerprint_counts_alone() -> None:
    one, two = (chain(raised(error)) for error in (ValueError("a"), KeyError("b")))
    assert fingerprint(one, explicit="payment") == fingerprint(two, explicit="payment")
    assert fingerprint(one, explicit="payment") != fingerprint(one, explicit="search")
    assert fingerprint(one, explicit="payment") != fingerprint(one)


def test_chains_in_circles_end_and_a_suppressed_context_is_left_out() -> None:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    assert [link.type for link in chain(one)] == ["ValueError", "KeyError"]
    hidden = ValueError("new")
    hidden.__context__ = KeyError("old")
    assert [link.type for link in chain(hidden)] == ["ValueError", "KeyError"]
    assert [link.type for link in chain(raised(hidden, None))] == ["ValueError"]


def test_a_group_goes_on_with_its_first_exception() -> None:
    """Else all failures in task groups would be one problem."""
    groups = [ExceptionGroup("in a TaskGroup", [kind("x")]) for kind in (KeyError, ValueError)]
    assert [link.type for link in chain(groups[0])] == ["ExceptionGroup", "KeyError"]
    assert print_of(groups[0]) != print_of(groups[1])


# -- Recording -----------------------------------------------------------------------------


def test_the_outlines_usage_gives_the_outlines_summary() -> None:
    tracker = ErrorTracker(VirtualClock())
    assert tracker.get_error_summary() == {
        "total_errors": 0,
        "by_category": {},
        "recent_errors": [],
    }
    for n in range(7):
        tracker.record_error(ErrorCategory.TIMEOUT, ModelTimeout(f"n {n}"), {"attempt": n})
    tracker.record_error(ErrorCategory.API_ERROR, RuntimeError("down"))
    summary = tracker.get_error_summary()
    assert list(summary) == ["total_errors", "by_category", "recent_errors"]
    assert summary["total_errors"] == 8
    assert summary["by_category"] == {"timeout": 7, "api_error": 1}
    assert [entry["message"] for entry in summary["recent_errors"]] == [
        *("n 3", "n 4", "n 5", "n 6", "down"),
    ]
    entry = summary["recent_errors"][0]
    assert (entry["category"], entry["context"]) == ("timeout", {"attempt": 3})
    assert entry["timestamp"].isoformat() == "2026-01-05T08:00:00"


def test_a_handled_error_is_kept_but_not_counted() -> None:
    tracker = ErrorTracker(VirtualClock())
    tracker.record_error(ErrorCategory.TIMEOUT, ModelTimeout("x"), handled=True)
    tracker.record_error(ErrorCategory.TIMEOUT, ModelTimeout("x"))
    assert tracker.get_error_summary()["total_errors"] == 1
    (issue,) = tracker.issues().to_dict("records")
    assert (issue["count"], issue["handled"]) == (1, 1)
    assert [one.handled for one in tracker.occurrences()] == [True, False]


def test_what_was_handled_is_a_metric_by_category() -> None:
    """Of a category that nobody knows there is one series, whatever it is called."""
    obs = obs_helpers.start(clock=VirtualClock(), seed=4)
    tracker = ErrorTracker(VirtualClock())
    for category in ("timeout", "timeout", "of my own", "another"):
        tracker.record_error(category, TimeoutError(), handled=True)
    tracker.record_error("timeout", TimeoutError())
    obs.flush()
    counted = obs.store.rows(
        "SELECT labels->>'category', sum(value) FROM metric_points "
        "WHERE name = 'agent.errors_handled' GROUP BY ALL ORDER BY ALL"
    )
    assert counted == [("_OTHER", 2), ("timeout", 2)]


def test_what_is_kept_holds_no_personal_data_no_secret_and_no_variable() -> None:
    """In the message, in what caused it, in the context and in the stack."""

    def login() -> None:
        local = "never-kept"
        try:
            raise ValueError(f"bad key {FAKE_KEY}")
        except ValueError as error:
            raise ToolError("no account ada@example.com") from error
        finally:
            assert local

    tracker = ErrorTracker(VirtualClock())
    context = {"password": "hunter22", "user": "ada@example.com", "nested": [{"key": FAKE_KEY}]}
    tracker.record_error(ErrorCategory.TOOL_ERROR, error_of(login), context)
    (one,) = tracker.occurrences()
    assert one.message == "no account [EMAIL]"
    assert [link.type for link in one.stack] == ["ToolError", "ValueError"]
    assert one.stack[0].frames[-1].function.endswith("login")
    everything = repr(one.stack) + repr(one) + repr(tracker.issues().to_dict())
    for leak in ("ada@", FAKE_KEY, "hunter22", "never-kept"):
        assert leak not in everything


def test_two_people_with_the_same_problem_are_one_issue() -> None:
    tracker = ErrorTracker(VirtualClock(), Redactor(hash_key=b"k"))
    for name in ("ada", "bob"):
        tracker.record_error("auth", f"no account {name}@example.com")
    assert len(tracker.issues()) == 1


class Wild(Exception):
    """Raises when somebody looks at it."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how

    def __str__(self) -> str:
        raise RuntimeError("str")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __getattribute__(self, name: str) -> Any:
        if name in ("__traceback__", "__cause__", "__context__"):
            raise RuntimeError(name)
        return super().__getattribute__(name)


class Liar(Exception):
    @property
    def __class__(self) -> Any:
        raise RuntimeError("class")


def circle() -> list[Any]:
    inner: list[Any] = []
    inner += [inner] * 10
    return inner


class NoItems(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("items")


_ERRORS = st.one_of(
    st.text(st.characters()),  # lone surrogates included
    st.builds(ValueError, st.text(st.characters())),
    st.sampled_from([Wild("x"), None, 7, object(), b"\xff", circle()]),
    st.builds(lambda e: raised(RuntimeError("x"), e), st.sampled_from([Wild("x"), KeyError()])),
)
_CONTEXTS = st.one_of(
    st.none(),
    st.recursive(
        st.text(st.characters()) | st.floats() | st.integers() | st.builds(object) | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(
        [circle(), NoItems(a=1), {1: 2, None: 3}, Wild("x"), {"fingerprint": circle()}]
    ),
)


@given(st.lists(st.tuples(_ERRORS, _CONTEXTS, st.booleans()), max_size=5))
def test_whatever_is_recorded_it_is_counted_and_nothing_is_raised(wild: Any) -> None:
    tracker = ErrorTracker(VirtualClock())
    for error, context, handled in wild:
        tracker.record_error("odd", error, context, handled=handled)
    errors = sum(not handled for _, _, handled in wild)
    assert tracker.get_error_summary()["total_errors"] == errors
    assert len(tracker.occurrences()) == len(wild)
    table = tracker.issues()
    assert (table["count"].sum(), table["handled"].sum()) == (errors, len(wild) - errors)
    str(table).encode()


def test_an_error_that_cannot_be_read_is_counted_as_such() -> None:
    tracker = ErrorTracker(VirtualClock())
    tracker.record_error(ErrorCategory.TIMEOUT, Liar())
    assert tracker.get_error_summary()["by_category"] == {"api_error": 1}
    assert tracker.occurrences()[0].message == "an error that cannot be read: RuntimeError"


def test_the_session_and_the_trace_are_those_of_the_run_under_way() -> None:
    obs = obs_helpers.start(clock=VirtualClock(), seed=4)
    tracker = ErrorTracker(obs.clock)
    with bound_contextvars(session_id="s-1"), obs.tracer.trace_request("work") as trace_id:
        tracker.record_error("timeout", "no answer")
        tracker.record_error("timeout", "no answer", {"session_id": "s-2"})
    tracker.record_error("timeout", "no answer")
    (issue,) = tracker.issues().to_dict("records")
    assert (issue["count"], issue["sessions"], issue["trace_ids"]) == (3, 2, [trace_id])
    assert [one.trace_id for one in tracker.occurrences()] == [trace_id, trace_id, None]


def test_each_error_is_one_log_line() -> None:
    """A warning with the fingerprint to look it up by; an info if it was handled."""
    obs = obs_helpers.start(clock=VirtualClock(), seed=4)
    tracker = ErrorTracker(obs.clock)
    tracker.record_error(ErrorCategory.TIMEOUT, ModelTimeout("slow"), {"category": "mine"})
    tracker.record_error(ErrorCategory.TIMEOUT, ModelTimeout("slow"), handled=True)
    (print_,) = tracker.issues()["fingerprint"]
    lines = obs.store.rows(
        "SELECT level, event, (fields->>'error'), (fields->>'fingerprint'), "
        "(fields->'context'->>'category') FROM logs WHERE logger = 'errors'"
    )
    assert lines == [
        ("warning", "error recorded", "ModelTimeout: slow", print_, "mine"),
        ("info", "error handled", "ModelTimeout: slow", print_, None),
    ]


# -- The table of issues -------------------------------------------------------------------


def test_an_issue_goes_from_new_to_ongoing_to_resolved_to_regressed() -> None:
    clock = VirtualClock()
    tracker = ErrorTracker(clock)

    def status() -> str:
        return str(tracker.issues()["status"][0])

    tracker.record_error("timeout", "no answer")
    assert status() == "new"
    clock.advance(NEW_FOR_S)
    assert status() == "new"
    clock.advance(1)
    assert status() == "ongoing"
    tracker.resolve(tracker.issues()["fingerprint"][0])
    clock.advance(2 * NEW_FOR_S)
    assert status() == "resolved"
    tracker.record_error("timeout", "no answer")
    assert status() == "regressed"
    clock.advance(NEW_FOR_S + 1)
    assert status() == "ongoing"


def test_resolving_what_is_not_there_says_where_to_look() -> None:
    with pytest.raises(LookupError, match=r"no issue 'abc'; issues\(\) lists"):
        ErrorTracker(VirtualClock()).resolve("abc")


def test_an_issue_says_when_how_often_and_for_whom() -> None:
    clock = VirtualClock()
    tracker = ErrorTracker(clock)
    for n in range(5):
        tracker.record_error("rate_limit", RateLimited(n), {"session_id": f"s-{n % 2}"})
        clock.advance(60)
    tracker.record_error("timeout", "no answer")
    table = tracker.issues()
    assert table["category"].tolist() == ["rate_limit", "timeout"]  # the most frequent first
    issue = table.iloc[0]
    assert (issue["count"], issue["sessions"], issue["handled"]) == (5, 2, 0)
    assert issue["type"] == "RateLimited"
    assert issue["message"] == "rate limit reached, try again in 4 s"
    assert issue["first_seen"].isoformat() == "2026-01-05T08:00:00"
    assert issue["last_seen"].isoformat() == "2026-01-05T08:04:00"
    kept = tracker.occurrences(issue["fingerprint"])
    assert [one.message[-3:] for one in kept] == [f"{n} s" for n in range(5)]


def test_rates_are_of_the_last_five_minutes_and_the_last_hour() -> None:
    """Errors per minute, over the whole window even if the process is younger than it."""
    clock = VirtualClock()
    tracker = ErrorTracker(clock)

    def rates() -> tuple[float, float]:
        issue = tracker.issues().iloc[0]
        return issue["per_minute_5m"], issue["per_minute_1h"]

    for _ in range(30):
        tracker.record_error("timeout", "no answer")
        tracker.record_error("timeout", "no answer", handled=True)
    assert rates() == (6, 0.5)
    clock.advance(4 * 60 + 49)
    assert rates() == (6, 0.5)
    clock.advance(11)
    assert rates() == (0, 0.5)
    clock.advance(54 * 60 + 49)
    assert rates() == (0, 0.5)
    clock.advance(11)
    assert rates() == (0, 0)


@given(st.lists(st.floats(0, 2000), max_size=60))
def test_rates_agree_with_counting(pauses_s: list[float]) -> None:
    """To the width of a bucket, at any time."""
    clock, times = VirtualClock(), list[float]()
    tracker = ErrorTracker(clock)
    tracker.record_error("timeout", "no answer", handled=True)
    for pause_s in pauses_s:
        clock.advance(pause_s)
        tracker.record_error("timeout", "no answer")
        times.append(clock.monotonic())
    now, issue = clock.monotonic(), tracker.issues().iloc[0]
    for minutes, name in ((5, "per_minute_5m"), (60, "per_minute_1h")):
        least = sum(t > now - 60 * minutes + 10 for t in times)
        most = sum(t > now - 60 * minutes for t in times)
        assert least <= round(issue[name] * minutes) <= most


def test_nothing_grows_without_bound() -> None:
    """Errors, issues, sessions and trace ids are bounded; what had to go is counted."""
    clock = VirtualClock()
    tracker = ErrorTracker(clock, max_errors=50, max_issues=10)
    for n in range(3 * MAX_SESSIONS):
        tracker.record_error("timeout", "no answer", {"session_id": f"s-{n}"})
        clock.advance(7)
    for n in range(25):
        tracker.record_error("api_error", "x", {"fingerprint": f"issue {n}"})
    assert tracker.get_error_summary()["total_errors"] == 3 * MAX_SESSIONS + 25
    assert len(tracker.occurrences()) == 50
    assert (len(tracker.issues()), tracker.evicted) == (10, 16)
    tracker = ErrorTracker(clock)
    for n in range(MAX_SESSIONS + 5):
        tracker.record_error("timeout", "no answer", {"session_id": f"s-{n}"})
    assert tracker.issues()["sessions"].tolist() == [MAX_SESSIONS]


def test_the_issue_that_was_quiet_the_longest_goes_first() -> None:
    tracker = ErrorTracker(VirtualClock(), max_issues=2)
    for name in ("old", "quiet", "old", "new"):
        tracker.record_error("api_error", name)
    assert set(tracker.issues()["message"]) == {"old", "new"}


def test_the_latest_three_traces_are_kept_as_samples() -> None:
    obs = obs_helpers.start(clock=VirtualClock(), seed=4)
    tracker, ids = ErrorTracker(obs.clock), []
    for _ in range(5):
        with obs.tracer.trace_request("work") as trace_id:
            tracker.record_error("timeout", "no answer")
            tracker.record_error("timeout", "no answer")
        ids.append(trace_id)
    assert tracker.issues()["trace_ids"][0] == ids[-3:]


def test_threads_do_not_lose_errors() -> None:
    tracker = ErrorTracker(max_errors=10, max_issues=5)

    def work() -> None:
        for n in range(200):
            tracker.record_error("timeout", f"no answer {n}", {"fingerprint": n % 7})
            tracker.issues() if n % 50 == 0 else tracker.get_error_summary()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.get_error_summary()["by_category"] == {"timeout": 800}
    assert len(tracker.occurrences()) == 10


# -- The same from the store ---------------------------------------------------------------


def span(number: int, span_id: str, parent_id: str | None, operation: str, **values: Any) -> Any:
    columns: dict[str, Any] = dict.fromkeys(TABLES["spans"])
    columns |= {"trace_id": f"{number:032x}", "span_id": f"{number}{span_id}"}
    columns |= {"parent_id": parent_id and f"{number}{parent_id}", "attributes": "{}"}
    columns |= {"name": operation, "operation": operation, "status": "UNSET"}
    columns |= {"start_time": START_US, "end_time": START_US + number * 1_000_000}
    columns |= {"duration_s": 1.0, "session_id": f"s-{number % 2}"}
    return tuple({**columns, **values}.values())


def failed(kind: str, message: str) -> dict[str, Any]:
    return {"status": "ERROR", "error_type": kind, "status_message": f"{kind}: {message}"}


def table_of(*spans: Any, logs: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    store = Store()
    store.append("spans", spans)
    store.append("logs", logs)
    rows = issue_table(store).to_dict("records")
    store.close()
    return [{str(k): v for k, v in row.items()} for row in rows]


def test_an_empty_store_has_no_issues_but_all_columns() -> None:
    assert table_of() == []
    assert list(issue_table(Store()).columns) == [
        *("operation", "tool", "error_type", "message", "count", "handled", "sessions"),
        *("first_seen", "last_seen", "trace_ids"),
    ]


def test_failed_calls_are_grouped_by_tool_type_and_normalised_message() -> None:
    spans = [
        row
        for n in range(1, 7)
        for row in (
            span(n, "run", None, "invoke_agent"),
            span(n, "call", "run", "execute_tool", tool="weather" if n < 6 else "flights",
                 **failed("ToolError", f"order {n} failed")),
        )
    ]  # fmt: skip
    rows = table_of(*spans)
    assert [(row["tool"], row["count"], row["sessions"]) for row in rows] == [
        ("weather", 5, 2),
        ("flights", 1, 1),
    ]
    first = rows[0]
    assert (first["operation"], first["error_type"]) == ("execute_tool", "ToolError")
    assert first["message"] == "ToolError: order <n> failed"
    assert first["first_seen"].isoformat() == "2026-01-05T08:00:01"
    assert first["last_seen"].isoformat() == "2026-01-05T08:00:05"
    assert first["trace_ids"] == [f"{n:032x}" for n in (3, 4, 5)]


@pytest.mark.parametrize(
    ("root", "handled"),
    [({}, 1), ({"status": "OK"}, 1), (failed("ModelTimeout", "x"), 0), ({"status": "RUNNING"}, 0)],
    ids=str,
)
def test_a_call_is_handled_if_the_run_above_it_ended_well(root: Any, handled: int) -> None:
    rows = table_of(
        span(1, "request", None, "GET /ask"),
        span(1, "run", "request", "invoke_agent", **root),
        span(1, "step", "run", "some step"),
        span(1, "call", "step", "chat", **failed("RateLimited", "x")),
    )
    (call,) = [row for row in rows if row["operation"] == "chat"]
    assert (call["count"], call["handled"]) == (1, handled)


def test_an_agent_below_another_one_is_no_request_of_its_own() -> None:
    """What fails below is handled if the outermost run ended well; inner runs are no rows."""
    rows = table_of(
        span(1, "outer", None, "invoke_agent"),
        span(1, "tool", "outer", "execute_tool", tool="ask", **failed("ToolError", "x")),
        span(1, "inner", "tool", "invoke_agent", **failed("ModelTimeout", "x")),
        span(1, "call", "inner", "chat", **failed("ModelTimeout", "x")),
    )
    assert {row["operation"]: row["handled"] for row in rows} == {"chat": 1, "execute_tool": 1}


def test_a_run_that_was_tried_again_is_handled_and_so_is_what_failed_in_it() -> None:
    def line(span_id: str | None) -> Any:
        return (START_US, "info", "errors", "error handled", f"{1:032x}", span_id, "{}")

    spans = [
        row
        for n in (1, 2)
        for row in (
            span(n, "run", None, "invoke_agent", **failed("ModelTimeout", "x")),
            span(n, "call", "run", "chat", **failed("ModelTimeout", "x")),
        )
    ]
    for logs in ((line("1run"),), (line("1run"), line(None))):
        rows = table_of(*spans, logs=logs)
        assert [(row["count"], row["handled"]) for row in rows] == [(2, 1), (2, 1)]
    assert [row["handled"] for row in table_of(*spans, logs=(line(None),))] == [0, 0]


def test_broken_data_does_not_hang() -> None:
    """Circles of parents, missing parents, the same id twice, holes."""
    rows = table_of(
        span(1, "a", "b", "chat", **failed("E", "x")),
        span(1, "b", "a", "invoke_agent"),
        span(2, "self", "self", "chat", **failed("E", "x")),
        span(3, "orphan", "nobody", "chat", **failed("E", "x")),
        *[span(4, "twice", None, "invoke_agent", **failed("E", "x"))] * 2,
        span(5, "holes", None, "chat", status="ERROR", end_time=None, session_id=None),
        span(6, "other", None, "no operation of ours", **failed("E", "x")),
    )
    assert {(row["operation"], row["error_type"]): row["count"] for row in rows} == {
        ("chat", "E"): 3,
        ("chat", ""): 1,
        ("invoke_agent", "E"): 2,
    }


def test_without_a_store_it_is_the_current_telemetrys() -> None:
    with pytest.raises(RuntimeError, match=r"call obs_helpers\.start\(\) first"):
        issue_table()
    obs = obs_helpers.start()
    obs.store.append("spans", [span(1, "call", None, "chat", **failed("E", "x"))])
    assert issue_table()["count"].tolist() == [1]
