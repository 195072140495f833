"""Cut the exercises from their solutions: `python -m tests.cut_exercises`.

A solution notebook is the one source. From it this makes the exercise (what stands between
`### BEGIN SOLUTION` and `### END SOLUTION` becomes `...`) and the module of reference
answers that the checks use (cells tagged `answer`, without the markers).
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
ANSWER, IMPORTS = "answer", "imports"
"""Tags of the cells that make up the reference module."""
MARK = " (solution)"
"""Stands in a solution's title, and not in the exercise's."""


class MarkerError(Exception):
    """Markers that do not fit together; nothing was written."""


def without_solutions(source: str, where: str) -> str:
    """Return a cell's source with one `...` for each solution in it.

    Raises:
        MarkerError: a marker is nested, unclosed or unopened.
    """
    lines: list[str] = []
    inside = False
    for line in source.splitlines():
        marker = line.strip()
        if marker not in (BEGIN, END):
            lines += [] if inside else [line]
            continue
        if inside is (marker == BEGIN):
            msg = f"{where}: {marker!r} where it cannot stand: {source!r}"
            raise MarkerError(msg)
        inside = not inside
        lines += [line[: line.index("#")] + "..."] if inside else []
    if inside:
        msg = f"{where}: a solution does not end: {source!r}"
        raise MarkerError(msg)
    return "\n".join(lines)


def without_markers(source: str) -> str:
    """Return a cell's source as a reader wants it."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def exercise(solution: NotebookNode, where: str) -> NotebookNode:
    """Return the exercise: no solutions, no outputs, the same cell ids."""
    cut = nbformat.from_dict(solution)
    for cell in cut.cells:
        cell.source = cell.source.replace(MARK, "")
        if cell.cell_type == "code":
            cell.source = without_solutions(cell.source, f"{where}, cell {cell.id}")
            cell.outputs, cell.execution_count = [], None
    return cut


def reference(solution: NotebookNode, name: str) -> str:
    """Return the source of the module of reference answers."""
    return (
        f'"""Right answers to the exercise {name}, cut from its solution."""\n\n'
        + "\n\n\n".join(
            without_markers(cell.source).strip()
            for tag in (IMPORTS, ANSWER)
            for cell in solution.cells
            if cell.cell_type == "code" and tag in cell.metadata.get("tags", [])
        )
        + "\n"
    )


def outputs() -> Iterator[tuple[Path, str]]:
    """Yield each file that is made, and what belongs into it."""
    for file in sorted((ROOT / "solutions").glob("*.ipynb")):
        solution = nbformat.read(file, as_version=4)
        cut = exercise(nbformat.read(file, as_version=4), file.name)
        yield ROOT / "exercises" / file.name, nbformat.writes(cut) + "\n"
        number = re.match(r"\d+", file.name)
        assert number, f"{file.name} does not begin with its number"
        module = f"answers_{int(number[0])}.py"
        yield ROOT / "obs_helpers" / "checks" / module, reference(solution, file.stem)


def main(check: bool) -> int:
    """Write the files, or say which of them are stale; returns the exit code."""
    stale = []
    for path, text in list(outputs()):
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, "utf-8")
    print(f"{'stale' if check else 'written'}: {', '.join(stale) or 'nothing'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
