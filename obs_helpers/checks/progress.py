"""What a learner has done so far: one small file beside the notebooks, and nowhere else."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from obs_helpers.checks.states import State

if TYPE_CHECKING:
    import pandas as pd

FILE = ".obs_progress.json"
FOLDER = "OBS_PROGRESS_DIR"
"""Environment variable: the folder of the file, if it is not the notebook's own."""


@dataclass(slots=True)
class Record:
    """One step of one exercise."""

    state: str = "not attempted"
    checks: int = 0
    hints: int = 0


def path() -> Path:
    """Return where the file is. Delete it to begin anew."""
    return Path(os.environ.get(FOLDER, ".")) / FILE


def load() -> dict[str, Record]:
    """Return the records by `exercise/step`; a file that cannot be read counts as none."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads(path().read_text("utf-8"))
        return {key: Record(**record) for key, record in found.items()}
    return {}


def note(key: str, state: str | None = None, hints: int = 0) -> Record:
    """Count a check that ended in `state`, or hints that were shown; returns the record.

    A step that was right once stays so: whoever tries more has not lost it.

    Where nothing can be written, the lesson goes on without.
    """
    records = load()
    record = records.setdefault(key, Record())
    if state is not None:
        record.checks += 1
        record.state = record.state if record.state == State.RIGHT.words else state
    record.hints += hints
    with contextlib.suppress(OSError):
        text = json.dumps({name: asdict(each) for name, each in records.items()}, indent=1)
        path().write_text(text, "utf-8")
    return record


def progress() -> "pd.DataFrame":
    """Return one row for each step that was checked, over all notebooks of this folder."""
    import pandas as pd

    rows = [
        (*key.split("/", 1), record.state, record.checks, record.hints)
        for key, record in sorted(load().items())
    ]
    return pd.DataFrame(rows, columns=["exercise", "step", "state", "checks", "hints"])
