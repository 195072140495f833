"""Linter, formatter, type checker and spelling agree; modules and functions stay small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "obs_helpers").rglob("*.py"))

MAX_MODULE, MAX_FUNCTION, MAX_PACKAGE, MAX_CHECKS = 300, 30, 20_300, 5_700
"""Lines: small is a promise to the reader. A function's docstring is not counted. The checks
of the exercises are counted apart: nobody takes them home."""


def run(module: str, *arguments: str) -> None:
    """Run a tool as a developer would; fail with what it says."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "tool",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=["lint", "format", "types"],
)
def test_a_tool_has_nothing_to_say(tool: tuple[str, ...]) -> None:
    """Configured in pyproject.toml, over the package, the tests and the notebooks."""
    run(*tool)


def test_the_spelling_is_right() -> None:
    """In all text that is under version control, notebooks included."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no list of files: {error}")
    files = [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert "requirements.txt" in files
    pictures = "[A-Za-z0-9+/=]{80,}"  # in stored outputs
    run("codespell_lib", "--ignore-regex", pictures, *files)


def test_a_misspelt_word_would_be_found(tmp_path: Path) -> None:
    """The spelling check can fail."""
    (tmp_path / "bad.md").write_text("to rec" + "ieve a letter")
    with pytest.raises(AssertionError, match="receive"):
        run("codespell_lib", str(tmp_path / "bad.md"))


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function that explain it."""
    first = node.body[0]
    if ast.get_docstring(node) is None:
        return 0
    return (first.end_lineno or first.lineno) - first.lineno + 1


def too_long(files: list[Path]) -> list[str]:
    """Return one line for each module and each function beyond its limit."""
    lines = []
    for file in files:
        source = file.read_text("utf-8")
        if (count := len(source.splitlines())) > MAX_MODULE:
            lines.append(f"{file.name}: {count} lines, at most {MAX_MODULE}")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
                if count > MAX_FUNCTION:
                    lines.append(f"{file.name}: {node.name} {count} lines, at most {MAX_FUNCTION}")
    return lines


def test_modules_and_functions_are_short() -> None:
    """One idea each."""
    assert too_long(MODULES) == []


def test_the_package_is_small() -> None:
    """A learner can read all of it."""
    total = {"checks": 0, "package": 0}
    for file in MODULES:
        part = "checks" if file.parent.name == "checks" else "package"
        total[part] += len(file.read_text("utf-8").splitlines())
    assert total["package"] <= MAX_PACKAGE, f"{total} lines, at most {MAX_PACKAGE}"
    assert total["checks"] <= MAX_CHECKS, f"{total} lines, at most {MAX_CHECKS}"


def test_what_is_too_long_would_be_found(tmp_path: Path) -> None:
    """The limits can be broken."""
    long_module = tmp_path / "long_module.py"
    long_module.write_text("x = 1\n" * 259 + "def f():\n" + "    x\n" * 41)
    assert too_long([long_module]) == [
        "long_module.py: 301 lines, at most 300",
        "long_module.py: f 42 lines, at most 30",
    ]
