"""Each step's check tells right from wrong: answers of all kinds, as data.

`answers_01` and so on hold, for each step, at least three right answers written in different
ways, and at least three plausible wrong ones, each with a part of the message it must get.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from obs_helpers.checks import progress
from obs_helpers.checks.states import CheckFailed, Passed, State

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
MODULES = {
    "01-logging-framework": "logging_framework",
    "02-performance-dashboard": "performance_dashboard",
    "03-trace-visualizer": "trace_visualizer",
}
LEAST = 3

Answer = tuple[str, int, str, str]
"""Notebook, step, source, and the part of the message (empty: it is right)."""


def answers() -> Iterator[Answer]:
    for name in MODULES:
        data: Any = importlib.import_module(f"tests.answers_{name[:2]}")
        for step, sources in data.RIGHT.items():
            yield from ((name, step, source, "") for source in sources)
        for step, pairs in data.WRONG.items():
            yield from ((name, step, source, part) for source, part in pairs)


ANSWERS = list(answers())


def label(answer: Answer) -> str:
    name, step, _, part = answer
    same = [each for each in ANSWERS if each[:2] == (name, step) and bool(each[3]) == bool(part)]
    return f"{name[:2]}-{step}-{'wrong' if part else 'right'}-{same.index(answer) + 1}"


def steps(name: str) -> Any:
    return importlib.import_module(f"obs_helpers.checks.{MODULES[name]}").exercise.steps


@pytest.fixture(scope="module")
def shells() -> Iterator[dict[str, InteractiveShell]]:
    """One shell a notebook, with its imports."""
    made = {}
    for file in SOLUTIONS:
        shell = made[file.stem] = InteractiveShell()
        for cell in nbformat.read(file, as_version=4).cells:
            if {"imports", "given"} & set(cell.metadata.get("tags", [])):
                assert shell.run_cell(cell.source, store_history=True).success
    yield made
    for shell in made.values():
        shell.history_manager.end_session()


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(progress.FOLDER, str(tmp_path))


@pytest.mark.parametrize("answer", ANSWERS, ids=label)
def test_an_answer_gets_what_it_deserves(answer: Answer, shells: dict[str, Any]) -> None:
    name, number, source, part = answer
    shell = shells[name]
    for asked in (ask for step in steps(name) for ask in step.asks):
        shell.user_ns.pop(asked, None)
    cell = shell.run_cell(source, store_history=True)
    assert cell.success, cell.error_in_exec or cell.error_before_exec
    result = shell.run_cell(f"exercise.check({number})", store_history=True)
    outcome = result.result or result.error_in_exec
    if not part:
        assert isinstance(outcome, Passed), str(outcome)
        return
    assert isinstance(outcome, CheckFailed), outcome
    assert outcome.state in (State.WRONG, State.RAISED, State.PARTLY)
    assert part in outcome.text, outcome.text


@pytest.mark.parametrize("name", MODULES)
def test_each_step_has_answers_of_all_kinds_and_each_wrong_one_its_own_message(name: str) -> None:
    for number in range(1, len(steps(name)) + 1):
        mine = [answer for answer in ANSWERS if answer[:2] == (name, number)]
        parts = [part for *_, part in mine if part]
        assert len(mine) - len(parts) >= LEAST, f"step {number}: right answers"
        assert len(parts) >= LEAST, f"step {number}: wrong answers"
        assert len(set(parts)) == len(parts), f"step {number}: two wrong answers, one message"


@pytest.mark.parametrize("name", MODULES)
def test_each_step_has_three_hints_of_which_none_is_another_s(name: str) -> None:
    hints = [hint for step in steps(name) for hint in step.hints]
    assert len(set(hints)) == len(hints) == 3 * len(steps(name))
    assert 5 <= len(steps(name)) <= 8


def test_each_exercise_has_its_solution_and_its_checks() -> None:
    names = set(MODULES)
    assert {file.stem for file in SOLUTIONS} == names
    assert {file.stem for file in (ROOT / "exercises").glob("*.ipynb")} == names
