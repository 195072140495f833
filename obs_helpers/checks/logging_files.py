"""Exercise 1, step 7: a file that starts anew when it is full."""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from obs_helpers.checks.logging_probe import Draw, calling, short
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import Chance

OpenLog = Callable[..., Any]
_LEVELS = ("debug", "info", "warning", "error")


class _Opened:
    """Folders and outputs of one check, for the cleaning up."""

    def __init__(self, folder: Path, open_log: OpenLog) -> None:
        self.folder, self.open_log = folder, open_log
        self.outputs: list[Any] = []
        self.others = [*logging.getLogger().handlers]

    def open(self, path: Path, max_bytes: int, backups: int) -> Any:
        output = call(self.open_log, path, max_bytes, backups)
        expect(output is not None, "open_log gave None: did you forget a `return`?")
        self.outputs.append(output)
        return output

    def close(self) -> None:
        for output in self.outputs:
            for handler in [*getattr(output, "handlers", ())]:
                if handler not in self.others:
                    handler.close()
                    output.removeHandler(handler)
            if callable(close := getattr(output, "close", None)):
                close()


@contextmanager
def _opened(open_log: OpenLog) -> Iterator[_Opened]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        opened = _Opened(Path(folder), open_log)
        try:
            yield opened
        finally:
            call(opened.close)


def check_open_log(open_log: OpenLog) -> None:
    """All levels, line by line, by size, so many backups, and nobody else's lines."""
    draw = Chance().stream("open_log")
    for check in (_a_few_lines, _many_lines, _a_restart, _two_logs):
        with _opened(open_log) as opened:
            check(opened, draw)


def _write(output: Any, numbers: range, mark: str = "") -> None:
    def write_lines() -> None:
        for number in numbers:
            getattr(output, _LEVELS[number % 4])(json.dumps({"number": number, "of": mark}))

    calling("Lines were written with output.debug, .info, .warning and .error.", write_lines)


def _read(path: Path) -> list[int]:
    """Return the numbers in a file."""
    numbers = []
    for line in path.read_text("utf-8").splitlines():
        try:
            numbers.append(json.loads(line)["number"])
        except (ValueError, TypeError, KeyError):
            told = f"{path.name} has a line {short(line)}. That is not a line as it was given."
            raise Wrong(told) from None
    return numbers


def _a_few_lines(opened: _Opened, draw: Draw) -> None:
    path = opened.folder / "agent.log"
    output = opened.open(path, 10_000, 2)
    root = _Root()
    logging.getLogger().addHandler(root)
    try:
        _write(output, range(4))
        odd = json.dumps({"number": 4, "note": f"{draw.randrange(1, 99)} % of Zürich"})
        call(output.info, odd)
    finally:
        logging.getLogger().removeHandler(root)
    expect(path.exists(), f"No file was written; the folder has {_names(opened.folder)}.")
    numbers = _read(path)
    lost = [_LEVELS[number] for number in range(4) if number not in numbers]
    expect(not lost, f"Lines of the levels {lost} did not reach the file.")
    expect(numbers == [0, 1, 2, 3, 4], f"Lines 0 to 4 were written; the file has {numbers}.")
    told = f"{root.count} of 5 lines also went to Python's root logger, which may write them again."
    expect(not root.count, told)


class _Root(logging.Handler):
    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def _many_lines(opened: _Opened, draw: Draw) -> None:
    path = opened.folder / "agent.log"
    max_bytes, backups = draw.randrange(300, 900), draw.randrange(2, 5)
    mark = "x" * draw.randrange(40)
    count = (backups + 3) * max_bytes // 30
    output = opened.open(path, max_bytes, backups)
    _write(output, range(count), mark)
    _kept(path, max_bytes, backups, count)
    for _ in range(3):  # a right order may be luck
        half = max_bytes // 75 + 1
        _write(output, range(count, count + half), mark)
        count += half
        _kept(path, max_bytes, backups, count)


def _kept(path: Path, max_bytes: int, backups: int, count: int) -> None:
    case = f"{count} lines, max_bytes={max_bytes}, backups={backups}: "
    files = _names(path.parent)
    expect(path.exists(), f"{case}there is no {path.name}, only {files}.")
    for name in files:
        size = path.with_name(name).stat().st_size
        expect(size <= max_bytes, f"{case}{name} has {size} bytes, too many.")
    order = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, backups + 1))]
    told = f"{case}the folder has {files}. It should be {path.name} and its backups."
    expect(files == sorted(file.name for file in order), told)
    kept = [number for file in reversed(order) for number in _read(file)]
    last = f"{case}the newest line that is left is {kept[-1] if kept else None}."
    expect(kept and kept[-1] == count - 1, last)
    told = f"{case}from the oldest to the newest file, lines are missing, double or out of order."
    expect(kept == [*range(kept[0], count)], f"{told} {short(kept)}")


def _a_restart(opened: _Opened, draw: Draw) -> None:
    path, count = opened.folder / "agent.log", draw.randrange(3, 9)
    _write(opened.open(path, 10_000, 2), range(count))
    _write(opened.open(path, 10_000, 2), range(count, 2 * count))
    numbers = _read(path)
    told = f"open_log was called twice with the same path, as when a cell runs again; {count} lines"
    told += f" were written after each. The file has {numbers}."
    old = f"{told} The lines of before are gone."
    expect(set(range(count)) <= set(numbers), old)
    expect(len(numbers) == len(set(numbers)), f"{told} Some came twice.")
    expect(numbers == [*range(2 * count)], told)


def _two_logs(opened: _Opened, draw: Draw) -> None:
    one, other = opened.folder / "agent.log", opened.folder / "billing.log"
    outputs = [opened.open(path, 10_000, 2) for path in (one, other)]
    count = draw.randrange(2, 9)
    _write(outputs[0], range(count))
    _write(outputs[1], range(100, 100 + count))
    numbers = [_read(path) if path.exists() else [] for path in (one, other)]
    told = f"Two logs are open: one got {count} lines from 0, the other {count} lines from 100.\n"
    told += f"Their files have {numbers[0]} and {numbers[1]}."
    expect(numbers == [[*range(count)], [*range(100, 100 + count)]], told)
