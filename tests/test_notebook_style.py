"""The notebooks' style: short cells, one heading at a time, clean outputs, nothing private.

Each rule yields a line for each breach, in the order of the cells. What the rules are for
stands beside them; that each of them can fire is tried on a notebook made bad on purpose.
"""

import ast
import base64
import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(
    file for folder in ("", "exercises", "solutions") for file in (ROOT / folder).glob("*.ipynb")
)

MAX_WORDS, MIN_ALT_WORDS, MAX_CODE_CELLS = 150, 4, 3
MAX_LINES, MAX_LONG_LINES, MAX_LONG_CELLS = 15, 25, 3
MAX_OUTPUTS, MAX_IMAGE = 300_000, 60_000
FREE_NAMES = {"fig", "ax", "axes"}

Notebook = dict[str, Any]


def text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def cells(notebook: Notebook, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the cells of one kind with their numbers, counted from 0."""
    return ((n, cell) for n, cell in enumerate(notebook["cells"]) if cell["cell_type"] == kind)


def prose(cell: dict[str, Any]) -> str:
    """Return a Markdown cell without its fenced code."""
    return re.sub(r"^(```|~~~).*?^\1", "", text(cell), flags=re.DOTALL | re.MULTILINE)


def tags(cell: dict[str, Any]) -> list[str]:
    return list(cell["metadata"].get("tags", []))


# -- Text --------------------------------------------------------------------------------
EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u2712\u2714-\u2716\u2718-\u27bf\u2b50\u2b55\ufe0f]"
)


def emoji(notebook: Notebook) -> Iterator[str]:
    """They date a text, and screen readers read each one out."""
    for n, cell in enumerate(notebook["cells"]):
        for found in EMOJI.findall(text(cell) + output_text(cell)):
            yield f"cell {n}: emoji {found!r}"


def long_text(notebook: Notebook) -> Iterator[str]:
    """Nobody reads a wall."""
    for n, cell in cells(notebook, "markdown"):
        if (words := len(prose(cell).split())) > MAX_WORDS:
            yield f"cell {n}: {words} words, at most {MAX_WORDS}"


def poor_alt_text(notebook: Notebook) -> Iterator[str]:
    """Who cannot see the image should learn what it shows."""
    for n, cell in cells(notebook, "markdown"):
        alts = re.findall(r"!\[([^\]]*)\]", prose(cell))
        for tag in re.findall(r"<img\b[^>]*>", prose(cell)):
            found = re.search(r"""\balt=(["'])(.*?)\1""", tag)
            alts.append(found[2] if found else "")
        for alt in alts:
            if len(alt.split()) < MIN_ALT_WORDS:
                yield f"cell {n}: alt text {alt!r} has fewer than {MIN_ALT_WORDS} words"


def bad_headings(notebook: Notebook) -> Iterator[str]:
    """A reader finds the way by them."""
    level, titles = 0, 0
    for n, cell in cells(notebook, "markdown"):
        for marks in re.findall(r"^(#{1,6}) ", prose(cell), re.MULTILINE):
            titles += marks == "#"
            if marks == "#" and titles > 1:
                yield f"cell {n}: a second title (H1)"
            if len(marks) > level + 1:
                yield f"cell {n}: heading of level {len(marks)} after level {level}"
            level = len(marks)


# -- Code --------------------------------------------------------------------------------
def crowded_code(notebook: Notebook) -> Iterator[str]:
    """A sentence on each side of a code cell, nearly always."""
    row = 0
    for n, cell in enumerate(notebook["cells"]):
        row = row + 1 if cell["cell_type"] == "code" else 0
        if row == MAX_CODE_CELLS + 1:
            yield f"cell {n}: more than {MAX_CODE_CELLS} code cells in a row"


def long_code(notebook: Notebook) -> Iterator[str]:
    """What does not fit on half a screen belongs into a module."""
    long_cells = 0
    for n, cell in cells(notebook, "code"):
        lines = sum(1 for line in text(cell).splitlines() if line.strip())
        if lines > MAX_LINES and "long" in tags(cell):
            long_cells += 1
            if long_cells > MAX_LONG_CELLS:
                yield f"cell {n}: more than {MAX_LONG_CELLS} long cells"
        limit = MAX_LONG_LINES if "long" in tags(cell) else MAX_LINES
        if lines > limit:
            yield f"cell {n}: {lines} lines of code, at most {limit}"


def rebound_names(notebook: Notebook) -> Iterator[str]:
    """A name that means two things makes a cell depend on what was run before it."""
    first: dict[str, int] = {}
    for n, cell in cells(notebook, "code"):
        try:
            tree = ast.parse(TransformerManager().transform_cell(text(cell)))
        except SyntaxError:
            if "raises-exception" not in tags(cell):
                yield f"cell {n}: is not Python"
            continue
        assigned, defined = top_level_names(tree)
        for name in sorted(assigned):
            if name in first and name not in FREE_NAMES and not name.startswith("_"):
                yield f"cell {n}: rebinds {name!r} of cell {first[name]}"
        for name in assigned | defined:
            first.setdefault(name, n)


def top_level_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names bound by plain assignments, and those by definitions and imports."""
    assigned, defined = set(), set()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
                assigned |= {part.id for part in parts if isinstance(part, ast.Name)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return assigned, defined


# -- Stored outputs ----------------------------------------------------------------------
def outputs(cell: dict[str, Any]) -> list[dict[str, Any]]:
    return list(cell.get("outputs", []))


def output_text(cell: dict[str, Any]) -> str:
    """Return all text in a cell's outputs, images left out."""
    parts: list[str] = []
    for output in outputs(cell):
        parts += [*output.get("text", ""), *output.get("traceback", [])]
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/") or kind.endswith("svg+xml"):
                parts += data if isinstance(data, list) else [json.dumps(data)]
    return "".join(parts)


def unplanned_errors(notebook: Notebook) -> Iterator[str]:
    """An error on screen is either part of the lesson, and tagged, or a mistake."""
    for n, cell in cells(notebook, "code"):
        failed = any(output["output_type"] == "error" for output in outputs(cell))
        if failed and "raises-exception" not in tags(cell):
            yield f"cell {n}: stored error without the tag raises-exception"


def leftover_metadata(notebook: Notebook) -> Iterator[str]:
    """Times of execution and states of widgets change with each run, for nothing."""
    if "widgets" in notebook["metadata"]:
        yield "notebook: metadata of widgets"
    for n, cell in enumerate(notebook["cells"]):
        for name in sorted({"execution", "ExecuteTime", "papermill"} & set(cell["metadata"])):
            yield f"cell {n}: time of execution in metadata ({name})"


def wrong_counts(notebook: Notebook) -> Iterator[str]:
    """Outputs come from one run from top to bottom, or from none."""
    code = [(n, cell) for n, cell in cells(notebook, "code") if text(cell).strip()]
    if not any(outputs(cell) for _, cell in code):
        return
    for wanted, (n, cell) in enumerate(code, 1):
        if cell.get("execution_count") != wanted:
            yield f"cell {n}: execution count {cell.get('execution_count')}, expected {wanted}"
        for output in outputs(cell):
            if output.get("execution_count", wanted) != wanted:
                yield f"cell {n}: output of count {output['execution_count']}, expected {wanted}"


def heavy_outputs(notebook: Notebook) -> Iterator[str]:
    """A notebook is read on the web, too."""
    total = 0
    for n, cell in cells(notebook, "code"):
        for output in outputs(cell):
            total += len(json.dumps(output))
            for kind, data in output.get("data", {}).items():
                joined = "".join(data) if isinstance(data, list) else str(data)
                binary = kind.startswith("image/") and not kind.endswith("svg+xml")
                size = len(base64.b64decode(joined)) if binary else len(joined)
                if kind.startswith("image/") and size > MAX_IMAGE:
                    yield f"cell {n}: image of {size:,} bytes, at most {MAX_IMAGE:,}"
    if total > MAX_OUTPUTS:
        yield f"notebook: {total:,} bytes of outputs, at most {MAX_OUTPUTS:,}"


PRIVATE = {
    "token": re.compile(
        r"(?<![\w-])(sk-[\w-]{20,}|gh[opsu]_\w{30,}|github_pat_\w{20,}|hf_\w{30,}|AIza[\w-]{35}"
        r"|(AKIA|ASIA)[A-Z0-9]{16}|xox[abeprs]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.)"
        r"|[?&]token=\w{8,}"
    ),
    "e-mail address": re.compile(
        r"(?<![\w.+-])[\w.+-]+@(?!(?:[\w-]+\.)*example\.)(?:[\w-]+\.)+[A-Za-z]{2,}\b"
    ),
    "home path": re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/|[A-Za-z]:\\+Users\b"),
    "temporary path": re.compile(
        r"(?<![\w.])/(?:private/)?(?:tmp|var/folders|var/tmp)/|\\+(?:Local\\+Temp|Windows\\+Temp)\b"
    ),
}
MADE_UP = re.compile("(?i)example|not-?a-?(?:real|secret)|1234567890|abcdefghij")
"""What shows that a token is none: lessons on redaction need some."""


def private_data(notebook: Notebook) -> Iterator[str]:
    """What a public file must not tell about whoever ran it."""
    for n, cell in enumerate(notebook["cells"]):
        for where, content in (("source", text(cell)), ("output", output_text(cell))):
            for what, pattern in PRIVATE.items():
                for match in pattern.finditer(content):
                    if what != "token" or not MADE_UP.search(match[0]):
                        yield f"cell {n}: {what} in its {where}: {match[0][:40]!r}"


RULES: list[Callable[[Notebook], Iterator[str]]] = [
    emoji, long_text, poor_alt_text, bad_headings, crowded_code, long_code, rebound_names,
    unplanned_errors, leftover_metadata, wrong_counts, heavy_outputs, private_data,
]  # fmt: skip


def breaches(notebook: Notebook) -> list[str]:
    return [line for rule in RULES for line in rule(notebook)]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_the_notebook_keeps_the_style(file: Path) -> None:
    """No rule is broken in any cell."""
    found = breaches(json.loads(file.read_text("utf-8")))
    assert not found, "\n".join([f"{file.name}:", *found])


# -- Every rule can fire -----------------------------------------------------------------
def markdown(*lines: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": "\n".join(lines)}


def code(*lines: str, tagged: str = "", **more: Any) -> dict[str, Any]:
    metadata = {"tags": [tagged]} if tagged else {}
    return {"cell_type": "code", "metadata": metadata, "source": "\n".join(lines),
            "outputs": [], "execution_count": None, **more}  # fmt: skip


def shown(*lines: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": list(lines)}]


def picture(size: int) -> list[dict[str, Any]]:
    data = {"image/png": base64.b64encode(b"x" * size).decode()}
    return [{"output_type": "display_data", "metadata": {}, "data": data}]


def failure() -> list[dict[str, Any]]:
    return [{"output_type": "error", "ename": "E", "evalue": "", "traceback": ["E"]}]


def path(*folders: str) -> str:
    return "/".join(["", *folders, "x.py"])


GOOD: Notebook = {
    "metadata": {},
    "cells": [
        markdown("# Title", "Words, ✓ and → among them.", "```", "# no heading", "```"),
        code("%time f()", "import json", "count = 1", outputs=shown("1"), execution_count=1),
        markdown("## Section", "![A line that rises from left to right](x.png)", "### Part"),
        code("count += 1", "_x = fig = 1", "await f()", execution_count=2),
        code("fig, _x = 2, 3", "f(count)['a'] = 1", execution_count=3),
        code("1 / 0", tagged="raises-exception", outputs=failure(), execution_count=4),
        markdown("## Next", "ada@example.org, bob@mail.example.com, sk-example-0123456789012345"),
    ],
}  # fmt: skip


def with_cells(*more: dict[str, Any]) -> Notebook:
    return {"metadata": {}, "cells": [*deepcopy(GOOD["cells"]), *more]}


def many_lines(count: int) -> list[str]:
    return [f"f({n})" for n in range(count)]


BAD = [
    (with_cells(markdown("Well done \U0001f389")), "cell 7: emoji"),
    (with_cells(markdown("\u2705 done")), "cell 7: emoji"),
    (with_cells(code(outputs=shown("\U0001f680"))), "cell 7: emoji"),
    (with_cells(markdown("word " * 151)), "cell 7: 151 words"),
    (with_cells(markdown("![too short](x.png)")), "cell 7: alt text 'too short'"),
    (with_cells(markdown("<img src='x.png' width=3>")), "cell 7: alt text ''"),
    (with_cells(markdown('<img alt="three words only" src="x.png">')), "cell 7: alt text 'three"),
    (with_cells(markdown("# Another")), "cell 7: a second title"),
    (with_cells(markdown("#### Deep")), "cell 7: heading of level 4 after level 2"),
    (with_cells(*[code(f"f({n})") for n in range(4)]), "cell 10: more than 3 code cells"),
    (with_cells(code(*many_lines(16))), "cell 7: 16 lines of code, at most 15"),
    (with_cells(code(*many_lines(26), tagged="long")), "cell 7: 26 lines of code, at most 25"),
    (
        with_cells(*[cell for _ in range(4) for cell in
                     (markdown("."), code(*many_lines(20), tagged="long"))]),
        "cell 14: more than 3 long cells",
    ),
    (with_cells(code("count = 2")), "cell 7: rebinds 'count' of cell 1"),
    (with_cells(code("a, count = 2, 3")), "cell 7: rebinds 'count' of cell 1"),
    (with_cells(code("count: int = 2")), "cell 7: rebinds 'count' of cell 1"),
    (with_cells(code("json = 2")), "cell 7: rebinds 'json' of cell 1"),
    (with_cells(code("def f(:")), "cell 7: is not Python"),
    (with_cells(code("1 / 0", outputs=failure())), "cell 7: stored error"),
    ({**GOOD, "metadata": {"widgets": {}}}, "notebook: metadata of widgets"),
    (with_cells(code("f()", metadata={"execution": {"iopub.status.busy": "2026-01-05"}})),
     "cell 7: time of execution"),
    (with_cells(code("f()", execution_count=7)), "cell 7: execution count 7, expected 5"),
    (with_cells(code("f()")), "cell 7: execution count None, expected 5"),
    (with_cells(code("f()", outputs=picture(60_001))), "cell 7: image of 60,001 bytes"),
    (with_cells(code("f()", outputs=shown("x" * 300_001))), "bytes of outputs, at most 300,000"),
    (with_cells(markdown("ghp_" + "x" * 36)), "cell 7: token in its source"),
    (with_cells(code(outputs=shown("//host/?token=0f0f0f0f0f"))), "cell 7: token in its output"),
    (with_cells(code("mail = 'ada@lovelace.org'")), "cell 7: e-mail address in its source"),
    (with_cells(code(outputs=shown(path("root", "lesson")))), "cell 7: home path in its output"),
    (with_cells(code(outputs=shown(path("home", "ada")))), "cell 7: home path in its output"),
    (with_cells(code(outputs=shown(r"C:\Users\ada"))), "cell 7: home path in its output"),
    (with_cells(code(f"open('{path('tmp')}')")), "cell 7: temporary path in its source"),
    (with_cells(code(outputs=shown(path("var", "folders")))), "cell 7: temporary path in its out"),
]  # fmt: skip


@pytest.mark.parametrize(("notebook", "wanted"), BAD, ids=[wanted for _, wanted in BAD])
def test_a_bad_notebook_is_told_so(notebook: Notebook, wanted: str) -> None:
    """Each rule fires on a notebook that breaks it."""
    assert any(wanted in line for line in breaches(notebook)), breaches(notebook)


def test_a_good_notebook_is_left_alone() -> None:
    """And all of them are quiet on one that looks like a breach here and there."""
    assert breaches(GOOD) == []


def test_no_rule_is_untried() -> None:
    """Whoever adds a rule adds a notebook that breaks it."""
    tried = {rule.__name__ for notebook, _ in BAD for rule in RULES if list(rule(notebook))}
    assert tried == {rule.__name__ for rule in RULES}
