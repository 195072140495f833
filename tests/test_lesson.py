"""The lesson runs from top to bottom, and what it prints is what is stored."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LESSON = "day-4a-agent-observability.ipynb"


def run_nbval(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-current-env",
    ]
    command += ["--nbval-cell-timeout=120", "-W", "default", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_lesson_prints_exactly_what_is_stored():
    """A second run reproduces every stored output but those marked as the machine's."""
    outcome = run_nbval("--nbval", LESSON)
    assert outcome.returncode == 0, outcome.stdout[-6000:]


def test_lesson_with_a_changed_output_is_noticed(tmp_path):
    """The comparison can fail: one digit changed in a stored output fails the run."""
    text = (ROOT / LESSON).read_text(encoding="utf-8")
    end = text.index("## 2. Logs")
    head = text[:end].replace("input_tokens=604", "input_tokens=605")
    assert head != text[:end]
    changed = tmp_path / "changed.ipynb"
    changed.write_text(head + text[end:], encoding="utf-8")
    outcome = run_nbval("--nbval", "-x", str(changed))
    assert outcome.returncode == 1, outcome.stdout[-2000:]
    assert "1 failed, 3 passed" in outcome.stdout  # the fourth cell is the changed one
