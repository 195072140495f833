"""How a step is checked: its states, the learner's errors, hints and progress.

Cells run in a real IPython shell, as in a notebook.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from obs_helpers.checks import progress
from obs_helpers.checks.exercise import Exercise, Step
from obs_helpers.checks.sandbox import Raised, call
from obs_helpers.checks.states import CheckFailed, Passed, State, expect


def doubles(double: Any) -> None:
    for number in (1, 7):
        value = call(double, number, limit_s=2)
        expect(value == 2 * number, f"double({number}) gave {value!r}: twice the number is missing")


def two_parts(one: Any, other: Any) -> None:
    expect(call(one) == "one" and call(other) == "other", "one() and other() must differ")


STEPS = (
    Step("double", ("double",), doubles, ("think", "multiply", "number * …"), "Twice."),
    Step("parts", ("one", "other"), two_parts, ("a", "b", "c"), "Both."),
)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv(progress.FOLDER, str(tmp_path))
    shell = InteractiveShell()
    reference = {
        "double": lambda number: 2 * number,
        "one": lambda: "one",
        "other": lambda: "other",
    }
    shell.user_ns["exercise"] = Exercise("99-test", STEPS, reference)
    yield shell
    shell.history_manager.end_session()


def run(shell: InteractiveShell, source: str) -> Any:
    """Run a cell; return its value, or raise what it raised."""
    result = shell.run_cell(source, store_history=True)
    return result.result if result.success else result.error_in_exec or result.error_before_exec


def state(shell: InteractiveShell, cell: str, number: int = 1) -> tuple[State, str]:
    run(shell, cell)
    outcome = run(shell, f"exercise.check({number})")
    if isinstance(outcome, Passed):
        return State.RIGHT, outcome.text
    assert isinstance(outcome, CheckFailed), outcome
    return outcome.state, outcome.text


# -- States --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "double = ...",
        "def double(number):\n    ...",
        'def double(number):\n    """Return twice the number."""\n    ...',
        "def double(number):\n    half = number / 2\n    ...\n    return half",
        "async def double(number):\n    ...",
        "class double:\n    def __init__(self, number):\n        ...",
    ],
)
def test_what_still_has_its_placeholder_is_not_attempted(
    shell: InteractiveShell, cell: str
) -> None:
    assert state(shell, cell) == (State.NOT_ATTEMPTED, "Write `double` in the cell above.")


def test_some_names_are_partly_there(shell: InteractiveShell) -> None:
    reached, text = state(shell, "def one(): return 'one'\ndef other(): ...", 2)
    assert (reached, text) == (State.PARTLY, "Still to write: `other`.")


@pytest.mark.parametrize(
    "cell",
    [
        "def double(number):\n    return 2 * number",
        "double = lambda number: number + number",
        "import functools, operator\ndouble = functools.partial(operator.mul, 2)",
        "async def double(number):\n    return 2 * number",
        "class Twice:\n    def __call__(self, n): return 2 * n\ndouble = Twice()",
    ],
)
def test_any_correct_approach_is_right(shell: InteractiveShell, cell: str) -> None:
    assert state(shell, cell) == (State.RIGHT, "Twice.")


def test_a_wrong_answer_is_told_its_own_value_and_where_hints_are(shell: InteractiveShell) -> None:
    reached, text = state(shell, "def double(number):\n    return 2")
    assert reached is State.WRONG
    assert text.splitlines() == [
        "double(7) gave 2: twice the number is missing",
        "Stuck? exercise.hint(1)",
    ]


def test_a_deleted_answer_is_not_attempted_again(shell: InteractiveShell) -> None:
    assert state(shell, "def double(number): return 2 * number")[0] is State.RIGHT
    assert state(shell, "del double")[0] is State.NOT_ATTEMPTED


def test_an_answer_of_another_kind_cannot_break_the_check(shell: InteractiveShell) -> None:
    reached, text = state(shell, "double = 7")
    assert reached is State.RAISED
    assert "TypeError: 'int' object is not callable" in text


# -- The learner's errors ------------------------------------------------------------------


def test_an_exception_is_shown_at_the_learner_s_own_line(shell: InteractiveShell) -> None:
    """Also if it was raised deep in a library; no line of ours is shown."""
    cell = "import json\n\ndef double(number):\n    text = '{'\n    return json.loads(text)"
    reached, text = state(shell, cell)
    assert reached is State.RAISED
    first, second, *_ = text.splitlines()
    assert first.startswith("double(1) raised JSONDecodeError: ")
    assert second == "at line 5 of that cell: return json.loads(text)"


@pytest.mark.parametrize("stop", ["raise SystemExit(0)", "exit()", "raise KeyboardInterrupt"])
def test_leaving_the_program_is_an_error_like_others(shell: InteractiveShell, stop: str) -> None:
    reached, text = state(shell, f"import sys\nfrom sys import exit\ndef double(n):\n    {stop}")
    assert reached is State.RAISED
    assert "raised SystemExit" in text or "raised KeyboardInterrupt" in text


def test_a_loop_without_end_is_left_and_its_line_is_told(shell: InteractiveShell) -> None:
    cell = "rounds = 0\ndef double(n):\n    global rounds\n    while True:\n        rounds += 1"
    reached, text = state(shell, cell)
    assert reached is State.RAISED
    assert text.startswith("It did not end within 2 s; it was at line ")
    before = run(shell, "import time; time.sleep(0.2); rounds")
    assert run(shell, "time.sleep(0.2); rounds") == before  # the loop is gone


def test_a_replaced_clock_is_put_back_and_cannot_pass(shell: InteractiveShell) -> None:
    clock = time.monotonic
    cell = "import time\ndef double(n):\n    time.monotonic = lambda: 0\n    return 2 * n"
    reached, text = state(shell, cell)
    assert reached is State.RAISED
    assert "time.monotonic was replaced" in text
    assert time.monotonic is clock


def test_what_is_bound_in_the_notebook_does_not_reach_the_check(shell: InteractiveShell) -> None:
    cell = (
        "import structlog\nstructlog.contextvars.bind_contextvars(helping=2)\n"
        "def double(n): return structlog.contextvars.get_contextvars()['helping'] * n"
    )
    reached, text = state(shell, cell)
    assert reached is State.RAISED
    assert "KeyError" in text


def test_a_function_of_another_program_says_no_line() -> None:
    with pytest.raises(Raised, match=r"^loads\('\{'\) raised JSONDecodeError.*$"):
        call(json.loads, "{")


# -- What is shown -------------------------------------------------------------------------


def test_a_failed_check_shows_its_message_alone(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback through the library; state in words, symbol and colour."""
    state(shell, "def double(number): return 2")
    shown = capsys.readouterr().out
    assert "✗ Step 1, double: not right yet" in shown
    assert "\x1b[31m" in shown
    assert "Traceback" not in shown
    assert "exercise.py" not in shown


def test_each_state_differs_in_words_symbol_and_colour() -> None:
    for part in ("words", "symbol", "color", "ansi"):
        assert len({getattr(each, part) for each in State}) == len(State)


def test_a_passed_check_is_a_value_and_its_html_is_text() -> None:
    passed = Passed("Step 1, <b>", "a < b")
    assert repr(passed) == "✓ Step 1, <b>: right\na < b"
    assert "<b>✓ Step 1, &lt;b&gt;: right</b><br>a &lt; b" in passed._repr_html_()


# -- Hints, steps, progress ----------------------------------------------------------------


def test_hints_come_one_at_a_time_and_then_the_solution(shell: InteractiveShell) -> None:
    told = [str(run(shell, "exercise.hint(1)")) for _ in range(5)]
    assert told[:3] == ["Hint 1 of 3: think", "Hint 2 of 3: multiply", "Hint 3 of 3: number * …"]
    assert told[3] == told[4] == "These were all hints. Solution: solutions/99-test.ipynb, step 1."
    assert str(run(shell, "exercise.hint(2)")) == "Hint 1 of 3: a"


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_step_that_is_not_there_is_said_so(shell: InteractiveShell, number: int) -> None:
    for ask in ("check", "hint"):
        error = run(shell, f"exercise.{ask}({number})")
        assert isinstance(error, LookupError)
        assert str(error) == f"there is no step {number}; there are 1 to 2"


@pytest.mark.parametrize("number", ["1", 1.0, None])
def test_a_step_that_is_no_whole_number_is_said_so_in_one_line(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], number: object
) -> None:
    told = f"there is no step {number!r}; there are 1 to 2, each a whole number without quotes"
    for ask in ("check", "hint"):
        assert str(run(shell, f"exercise.{ask}({number!r})")) == told
        assert capsys.readouterr().out.strip() == told


def test_no_more_hints_are_counted_than_there_are(shell: InteractiveShell) -> None:
    for _ in range(5):
        run(shell, "exercise.hint(1)")
    assert progress.progress()["hints"].tolist() == [3]


def test_later_steps_get_the_learner_s_answer_or_else_the_reference_s(
    shell: InteractiveShell,
) -> None:
    assert run(shell, "exercise.best('double')(4)") == 8
    run(shell, "def double(number): return 0")
    assert run(shell, "exercise.best('double')(4)") == 8
    run(shell, "def double(number): return 2.0 * number")
    assert repr(run(shell, "exercise.best('double')(4)")) == "8.0"
    assert isinstance(run(shell, "exercise.best('nothing')"), LookupError)


def test_a_cell_says_once_that_it_shows_the_solution_s_result(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = "exercise.best('double')(1), exercise.best('double')(2);"
    run(shell, twice)
    told = "(`double` is the solution's here: your step 1 is not {} yet)\n"
    assert capsys.readouterr().out == told.format("done")
    run(shell, "def double(number): return 0")
    for _ in range(2):
        run(shell, twice)
        assert capsys.readouterr().out == told.format("right")
    run(shell, "def double(number): return 2 * number")
    run(shell, twice)
    assert capsys.readouterr().out == ""


def test_a_check_says_nothing_where_the_solution_fills_in(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = "def one(): return exercise.best('double')(1) and 'one'\ndef other(): return 'other'"
    assert state(shell, cell, 2)[0] is State.RIGHT
    assert "solution" not in capsys.readouterr().out


def test_progress_is_kept_beside_the_notebook(shell: InteractiveShell, tmp_path: Path) -> None:
    """A new kernel reads the same file."""
    state(shell, "def double(number): return 2")
    state(shell, "def double(number): return 2 * number")
    state(shell, "def double(number): return 0")  # an experiment takes nothing away
    run(shell, "exercise.hint(2)")
    assert progress.progress().to_dict("records") == [
        {"exercise": "99-test", "step": "1", "state": "right", "checks": 3, "hints": 0},
        {"exercise": "99-test", "step": "2", "state": "not attempted", "checks": 0, "hints": 1},
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == [progress.FILE]


@pytest.mark.parametrize("content", ["", "[1]", '{"a/1": 3}', '{"a/1": {"odd": 1}}', "\x00"])
def test_a_damaged_file_counts_as_none(shell: InteractiveShell, content: str) -> None:
    progress.path().write_text(content)
    assert progress.progress().empty
    assert state(shell, "def double(number): return 2 * number")[0] is State.RIGHT
    assert len(progress.progress()) == 1


def test_where_nothing_can_be_written_checks_go_on(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(progress.FOLDER, "/nowhere/at/all")
    assert state(shell, "def double(number): return 2 * number")[0] is State.RIGHT
    assert progress.progress().empty
