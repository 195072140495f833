"""Exercises and solutions as notebooks: what is open is said to be open, what is done passes."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from obs_helpers.checks import progress
from tests.test_lesson import run_nbval

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(file.stem for file in (ROOT / "solutions").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(progress.FOLDER, str(tmp_path))


@pytest.mark.parametrize("name", NAMES)
def test_a_solution_prints_exactly_what_is_stored(name: str) -> None:
    outcome = run_nbval("--nbval", f"solutions/{name}.ipynb")
    assert outcome.returncode == 0, outcome.stdout[-6000:]


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_exercise_stops_at_its_first_check_and_nowhere_else(name: str) -> None:
    """Every check says "not attempted"; no other cell raises, even after it."""
    notebook = nbformat.read(ROOT / "exercises" / f"{name}.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", allow_errors=True,
        resources={"metadata": {"path": str(ROOT / "exercises")}},
    ).execute()  # fmt: skip
    checks, raised = [], []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            checks += [cell.id] * cell.source.startswith("exercise.check(")
            errors = [output for output in cell.outputs if output.output_type == "error"]
            raised += [cell.id for _ in errors]
            assert all("not attempted" in error.evalue for error in errors), cell.source
    assert raised == checks
    assert len(checks) >= 5


def test_one_command_fails_until_an_exercise_is_done() -> None:
    """The one that the README gives to learners and teachers."""
    outcome = run_nbval("--nbval-lax", "-x", f"exercises/{NAMES[0]}.ipynb")
    assert outcome.returncode == 1
    assert "1 failed" in outcome.stdout
    assert "not attempted" in outcome.stdout
