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
_HANDLERS: list[Any] = vars(logging)["_handlerList"]
"""Of this process: a weak reference to each."""


class _Root(logging.Handler):
    """Counts what reaches Python's root logger."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


@contextmanager
def _no_loggers() -> Iterator[_Root]:
    """Begin as in a new kernel: what earlier cells and checks left neither helps nor hurts."""
    root, manager, shown = logging.root, logging.root.manager, logging.raiseExceptions
    kept = manager.loggerDict, root.handlers, manager.disable, root.level
    before, counter = _HANDLERS[:], _Root()
    logging.raiseExceptions = False  # a handler that fails would print
    manager.loggerDict, root.handlers, manager.disable = {}, [], 0
    root.setLevel(logging.WARNING)
    try:
        yield counter
    finally:
        logging.shutdown([made for made in _HANDLERS if made not in before])
        manager.loggerDict, root.handlers, manager.disable, level = kept
        root.setLevel(level)
        logging.raiseExceptions = shown


def check_open_log(open_log: OpenLog) -> None:
    """All levels, line by line, by size, so many backups, and nobody else's lines."""
    draw = Chance().stream("open_log")
    outputs = []  # a handler without its output would be gone before it is closed

    def opened(*args: Any) -> Any:
        output = call(open_log, *args)
        expect(output is not None, "open_log gave None: did you forget a `return`?")
        outputs.append(output)
        logging.root.addHandler(root)
        return output

    for check in (_a_few_lines, _many_lines, _a_restart, _three_logs):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, _no_loggers() as root:
            check(opened, draw, Path(name))
            count = root.count
            told = f"{count} lines also went to Python's root logger, which may write them again."
            expect(not count, told)


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


def _a_few_lines(opened: OpenLog, draw: Draw, folder: Path) -> None:
    path = folder / "agent.log"
    output = opened(path, 10_000, 2)
    _write(output, range(4))
    odd = json.dumps({"number": 4, "note": f"{draw.randrange(1, 99)} % of Zürich"})
    call(output.info, odd)
    expect(path.exists(), f"No file was written; the folder has {_names(folder)}.")
    numbers = _read(path)
    lost = [_LEVELS[number] for number in range(4) if number not in numbers]
    expect(not lost, f"Lines of the levels {lost} did not reach the file.")
    expect(numbers == [0, 1, 2, 3, 4], f"Lines 0 to 4 were written; the file has {numbers}.")


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def _many_lines(opened: OpenLog, draw: Draw, folder: Path) -> None:
    path = folder / "agent.log"
    max_bytes, backups = draw.randrange(300, 900), draw.randrange(2, 5)
    mark = "x" * draw.randrange(40)
    count = (backups + 3) * max_bytes // 30
    output = opened(path, max_bytes, backups)
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


def _a_restart(opened: OpenLog, draw: Draw, folder: Path) -> None:
    path, count = folder / "agent.log", draw.randrange(3, 9)
    _write(opened(path, 10_000, 2), range(count))
    _write(opened(path, 10_000, 2), range(count, 2 * count))
    numbers = _read(path)
    told = f"open_log was called twice with the same path, as when a cell runs again; {count} lines"
    told += f" were written after each. The file has {numbers}."
    old = f"{told} The lines of before are gone."
    expect(set(range(count)) <= set(numbers), old)
    expect(len(numbers) == len(set(numbers)), f"{told} Some came twice.")
    expect(numbers == [*range(2 * count)], told)


def _three_logs(opened: OpenLog, draw: Draw, folder: Path) -> None:
    (folder / "other").mkdir()
    names, count = ["agent.log", "billing.log", "other/agent.log"], draw.randrange(2, 9)
    outputs = [opened(folder / name, 10_000, 2) for name in names]
    wanted = [[*range(start, start + count)] for start in (0, 100, 200)]
    for output, numbers in zip(outputs, wanted, strict=True):
        _write(output, range(numbers[0], numbers[0] + count))
    paths = [folder / name for name in names]
    got = [_read(path) if path.exists() else [] for path in paths]
    told = f"Three logs are open, {', '.join(names)}. They were given the lines {wanted}, and the "
    told += f"files have {got}."
    mixed = " Two files of the same name got mixed up." if got[1] == wanted[1] else ""
    expect(got == wanted, told + mixed)
