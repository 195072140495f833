"""Exercise 1, step 7: what loggers were like before decides nothing, and is there again after."""

import io
import logging
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from obs_helpers.checks.logging_files import check_open_log
from obs_helpers.checks.states import Wrong


def every_level_but_two(path: Path, max_bytes: int, backups: int) -> logging.Logger:
    """Lacks a level of its own, and does not mend what an earlier cell left behind."""
    output = logging.getLogger(str(path))
    output.addHandler(RotatingFileHandler(path, maxBytes=max_bytes, backupCount=backups))
    output.propagate = False
    return output


def one_name_for_all(path: Path, max_bytes: int, backups: int) -> logging.Logger:
    output = logging.getLogger("agent")
    if not output.handlers:
        output.addHandler(RotatingFileHandler(path, maxBytes=max_bytes, backupCount=backups))
    output.setLevel(logging.DEBUG)
    output.propagate = False
    return output


@pytest.fixture
def left_behind() -> Iterator[logging.Handler]:
    """A notebook in which somebody has tried things."""
    root, agent, handler = logging.getLogger(), logging.getLogger("agent"), logging.StreamHandler()
    level, own = root.level, agent.handlers[:]
    root.setLevel(logging.DEBUG)
    agent.addHandler(handler)
    yield handler
    root.setLevel(level)
    agent.handlers[:] = own


def test_what_earlier_cells_left_changes_no_verdict(left_behind: logging.Handler) -> None:
    for _ in range(2):
        with pytest.raises(Wrong, match=r"levels \['debug', 'info'\] did not reach the file"):
            check_open_log(every_level_but_two)
        with pytest.raises(Wrong, match="Three logs are open"):
            check_open_log(one_name_for_all)


def test_what_earlier_cells_left_is_there_again(left_behind: logging.Handler) -> None:
    handlers = logging.getLogger().handlers[:]
    with pytest.raises(Wrong):
        check_open_log(one_name_for_all)
    assert logging.getLogger().level == logging.DEBUG
    assert logging.getLogger().handlers == handlers
    assert logging.getLogger("agent").handlers == [left_behind]
    assert logging.raiseExceptions


def test_nothing_is_printed_for_an_output_that_writes_nowhere(
    capfd: pytest.CaptureFixture[str], left_behind: logging.Handler
) -> None:
    left_behind.stream = io.StringIO()  # type: ignore[attr-defined]
    with pytest.raises(Wrong, match="No file was written"):
        check_open_log(lambda path, max_bytes, backups: logging.getLogger("agent"))
    assert capfd.readouterr() == ("", "")
