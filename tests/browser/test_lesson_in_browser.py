"""The lesson in JupyterLab: it runs, shows what is stored, and fits."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Cell, Notebook, failures, unrun
from tests.browser.server import ROOT, Server

LESSON = ROOT / "day-4a-agent-observability.ipynb"
MACHINE = {"machine", "nbval-ignore-output"}
"""Tags of cells that show the machine: their outputs differ from run to run."""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lesson(open_notebook: Open, server: Server) -> Notebook:
    """The lesson, after what a learner does: open it, restart the kernel, run all cells."""
    notebook = open_notebook(server.put(LESSON))
    notebook.restart()
    notebook.run_all()
    return notebook


def words(cell: Cell) -> list[Any]:
    """Return what a cell shows but for pictures, whatever the order of its streams."""
    streams: dict[str, str] = defaultdict(str)
    others = []
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream":
            streams[output["name"]] += "".join(output["text"])
        else:
            data = output.get("data", {})
            texts = {kind: "".join(data[kind]) for kind in data if kind.startswith("text/")}
            others.append((output["output_type"], output.get("ename"), texts))
    return [streams, others]


def test_it_runs_from_top_to_bottom(lesson: Notebook, pictures: Path) -> None:
    """Each code cell has run, none failed but those that are meant to."""
    cells = lesson.cells()
    lesson.page.screenshot(path=pictures / "lesson.png")
    assert len([cell for cell in cells if cell["cell_type"] == "code"]) > 50
    assert failures(cells) == []
    assert unrun(cells) == []
    assert lesson.console == []


def test_no_output_is_wider_than_the_window(lesson: Notebook) -> None:
    """At 1,280 pixels all fits. At 900, a table may scroll inside of its own output."""
    lesson.resize(900)
    narrow = lesson.too_wide()
    lesson.resize(1280)
    wide = lesson.too_wide()
    assert wide == []
    assert [each for each in narrow if not each["table"]] == []


def test_nothing_comes_from_elsewhere(lesson: Notebook) -> None:
    """The lesson promises to need no network."""
    assert lesson.requests == []
    assert lesson.dialogs == []


def test_it_shows_what_is_stored(lesson: Notebook) -> None:
    """The outputs of some earlier run, in the file, come again; but for the machine's own."""
    stored = json.loads(LESSON.read_text("utf-8"))["cells"]
    for number, (old, new) in enumerate(zip(stored, lesson.cells(), strict=True)):
        if not MACHINE & set(old["metadata"].get("tags", [])):
            assert words(old) == words(new), f"cell {number}"
