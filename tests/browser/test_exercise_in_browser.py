"""An exercise in JupyterLab: it stops where it is open, says so, and goes on when it is done."""

import nbformat
import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Notebook, failures
from tests.browser.server import ROOT, Server

NAME = "01-logging-framework.ipynb"
SOURCES = [cell.source for cell in nbformat.read(ROOT / "exercises" / NAME, as_version=4).cells]
ANSWER = next(n for n, source in enumerate(SOURCES) if source.startswith("def to_line("))
CHECK = SOURCES.index("exercise.check(1)")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def exercise(open_notebook: Open, server: Server) -> Notebook:
    """The exercise, run as far as its first check."""
    notebook = open_notebook(server.put(ROOT / "exercises" / NAME))
    cells = notebook.cells()
    for number in range(CHECK + 1):
        if cells[number]["cell_type"] == "code":
            notebook.run(number)
    return notebook


def test_an_open_step_shows_its_message_and_no_traceback(exercise: Notebook) -> None:
    shown = exercise.output(CHECK).inner_text()
    assert "○ Step 1" in shown
    assert "not attempted" in shown
    assert "Write to_line" in shown or "Write `to_line`" in shown
    assert "Traceback" not in shown
    assert "obs_helpers" not in shown
    assert len(failures(exercise.cells()[: CHECK + 1])) == 1


def test_a_step_that_is_done_says_what_can_now_be_answered(exercise: Notebook) -> None:
    """The solution's own cell, typed in place of the placeholder."""
    solution = nbformat.read(ROOT / "solutions" / NAME, as_version=4).cells[ANSWER].source
    exercise.page.evaluate(
        "([n, source]) => lab.panel().content.widgets[n].model.sharedModel.setSource(source)",
        [ANSWER, solution],
    )
    exercise.run(ANSWER)
    exercise.run(CHECK)
    assert "✓ Step 1" in exercise.output(CHECK).inner_text()
    assert failures(exercise.cells()[: CHECK + 1]) == []
