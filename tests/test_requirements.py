"""`requirements.txt`: the same list as the package's, with reasons, and at home in Colab."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
COLAB = {"3.12": "colab-py312.txt", "3.13": "colab-py313.txt"}
"""What is installed on Google Colab, by Python version: core of its published pip freeze."""

LINES = [
    line
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]
REQUIREMENTS = [
    Requirement(line.split("#")[0].strip()) for line in LINES if not line.startswith("-e")
]


def pins(python: str) -> dict[str, str]:
    """Return the version of each package on Colab."""
    text = (ROOT / "tests" / "data" / COLAB[python]).read_text("utf-8")
    found = re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def disagreeing(requirements: list[Requirement], python: str) -> list[str]:
    """Return the requirements that would replace what Colab has."""
    there = pins(python)
    return [
        f"{requirement}: Colab has {there[canonicalize_name(requirement.name)]}"
        for requirement in requirements
        if canonicalize_name(requirement.name) in there
        and not requirement.specifier.contains(
            there[canonicalize_name(requirement.name)], prereleases=True
        )
    ]


@pytest.mark.parametrize("python", COLAB)
def test_what_colab_has_is_left_alone(python: str) -> None:
    """Each version that is installed there satisfies us."""
    assert len(pins(python)) > 150
    assert disagreeing(REQUIREMENTS, python) == []
    assert len(disagreeing([Requirement("pandas>=99"), Requirement("no-such>=1")], python)) == 1


def test_no_exporter_and_no_instrumentation_is_required() -> None:
    """Each of their releases wants its own release of the SDK, and would replace it."""
    wanted = re.compile("opentelemetry-(exporter|instrumentation|distro|contrib)|prometheus")
    assert [str(r) for r in REQUIREMENTS if wanted.match(r.name)] == []


def test_the_package_requires_the_same() -> None:
    """`pip install` of the package and of the file give the same environment."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert [str(r) for r in REQUIREMENTS] == [str(Requirement(r)) for r in project["dependencies"]]
    assert [line.split("#")[0].strip() for line in LINES if line.startswith("-e")] == ["-e ."]


def test_every_requirement_has_a_reason() -> None:
    """What nobody can give a reason for can go."""
    assert [line for line in LINES if not line.partition(" # ")[2].strip()] == []


UNREACHABLE = re.compile("(?i)network was disabled|request failed|failed to fetch|dns error")


def resolve(python: str) -> subprocess.CompletedProcess[str]:
    """Ask a resolver for versions of everything that go with what Colab has."""
    constraints = ROOT / "tests" / "data" / COLAB[python]
    command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "-", "-c", str(constraints)]
    return subprocess.run(
        [*command, "--python-version", python, "--no-annotate", "--no-header"],
        input="\n".join(map(str, REQUIREMENTS)),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def resolved() -> dict[str, subprocess.CompletedProcess[str]]:
    """Resolve for all Pythons side by side: most of the time is waiting for the index."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(COLAB, pool.map(resolve, COLAB), strict=True))


@pytest.mark.parametrize("python", COLAB)
def test_it_installs_on_colab_without_replacing_anything(
    resolved: dict[str, subprocess.CompletedProcess[str]], python: str
) -> None:
    """There is a solution, and in it everything that Colab has is at Colab's version."""
    done = resolved[python]
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip(f"no package index to reach: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    versions = dict(re.findall(r"^([\w.-]+)==(\S+)", done.stdout, re.MULTILINE))
    assert {canonicalize_name(r.name) for r in REQUIREMENTS} <= set(versions)
    there = pins(python)
    replaced = {n: v for n, v in versions.items() if there.get(canonicalize_name(n), v) != v}
    assert replaced == {}


def test_the_lessons_first_cell_looks_for_all_that_the_package_imports_itself() -> None:
    """On Colab it is the only thing that installs: what it forgets fails in the middle."""
    notebook = json.loads((ROOT / "day-4a-agent-observability.ipynb").read_text("utf-8"))
    (cell,) = [c for c in notebook["cells"] if c["id"] == "cell-002"]
    module = ast.parse("".join(cell["source"]))
    (needed,) = [
        [node.value for node in ast.walk(statement.value) if isinstance(node, ast.Constant)]
        for statement in module.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "NEEDED"
    ]
    ours = {canonicalize_name(requirement.name) for requirement in REQUIREMENTS}
    everywhere = {"ipywidgets", "jinja2", "jupyter", "matplotlib", "nbval"}  # Colab, or not needed
    assert {canonicalize_name(name) for name in needed} == ours - everywhere
