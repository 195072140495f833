"""Exercises are cut from solutions: what is committed is what the script makes."""

import json

import nbformat
import pytest

from tests import cut_exercises
from tests.cut_exercises import MarkerError, exercise, outputs, reference, without_solutions


def cell(source: str, *tags: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    made.outputs = [nbformat.v4.new_output("stream", text="42\n")]
    made.execution_count = 3
    return made


ONE = """\
def double(number):
    \"\"\"Return twice the number.\"\"\"
    ### BEGIN SOLUTION
    result = 2 * number
    return result
    ### END SOLUTION"""


def test_what_is_committed_is_what_the_script_makes() -> None:
    """Exercises and reference answers both; run the script after each change."""
    made = list(outputs())
    stale = [path.name for path, text in made if path.read_text("utf-8") != text]
    assert stale == []
    assert len(made) == 6


def test_no_exercise_and_no_reference_is_left_over() -> None:
    made = {path for path, _ in outputs()}
    root = cut_exercises.ROOT
    there = {*(root / "exercises").glob("*.ipynb")}
    there |= {*(root / "obs_helpers" / "checks").glob("answers_*.py")}
    assert there == made


def test_a_solution_becomes_one_placeholder_at_its_indent() -> None:
    cut = without_solutions(ONE, "here")
    assert cut.splitlines()[2:] == ["    ..."]
    assert without_solutions("x = 1\n### BEGIN SOLUTION\ny = 2\n### END SOLUTION\nz = 3", "") == (
        "x = 1\n...\nz = 3"
    )


@pytest.mark.parametrize(
    "source",
    [
        "### BEGIN SOLUTION\nx = 1",
        "x = 1\n### END SOLUTION",
        "### BEGIN SOLUTION\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n### END SOLUTION",
        "### BEGIN SOLUTION\nx\n### END SOLUTION\n### END SOLUTION",
    ],
)
def test_markers_that_do_not_fit_stop_the_build(source: str) -> None:
    with pytest.raises(MarkerError, match="nb, cell 7"):
        without_solutions(source, "nb, cell 7")


def test_an_exercise_has_no_outputs_and_keeps_the_ids() -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# One (solution)"), cell(ONE, "answer")]
    )
    cut = exercise(nbformat.reads(json.dumps(notebook), 4), "one")
    assert cut.cells[0].source == "# One"
    assert (cut.cells[1].outputs, cut.cells[1].execution_count) == ([], None)
    assert [c.id for c in cut.cells] == [c.id for c in notebook.cells]
    assert "result" not in cut.cells[1].source


def test_the_reference_holds_imports_and_answers_only() -> None:
    cells = [cell("import json", "imports"), cell("print(1)"), cell(ONE, "answer")]
    source = reference(nbformat.v4.new_notebook(cells=cells), "01-one")
    assert "print" not in source
    assert "SOLUTION" not in source
    space: dict[str, object] = {}
    exec(source, space)
    assert space["double"](4) == 8  # type: ignore[operator]
