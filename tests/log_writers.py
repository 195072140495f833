"""Processes that write to one log file, one of them killed: `python -m tests.log_writers`.

Each process notes in a file of its own, with `os.write`, the lines whose log call returned.
"""

import gzip
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from obs_helpers.clock import SystemClock
from obs_helpers.signals.log_file import LogFile

PROCESSES, KILLED_AFTER = 4, 300
STEPS = {"os.rename", "os.remove", "os.utime", "os.truncate", "open"}
"""What changes a folder, by the names of Python's audit events."""


def line(writer: int, number: int) -> bytes:
    event = {"timestamp": "2026-01-05T08:00:00.000000Z", "writer": writer, "number": number}
    return json.dumps({**event, "padding": "x" * 80}, separators=(",", ":")).encode()


def read(folder: Path) -> list[dict[str, Any]]:
    """Return every line of every log file in `folder`, packed ones included, parsed."""
    texts = [
        gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for file in folder.iterdir()
        if file.name.startswith("agent.log")
    ]
    assert all(text.endswith(b"\n") or not text for text in texts)
    return [json.loads(each) for text in texts for each in text.splitlines()]


def written(folder: Path) -> Counter[tuple[int, int]]:
    """Count how often each numbered line is in the files."""
    found = [event for event in read(folder) if "writer" in event]
    return Counter((event["writer"], event["number"]) for event in found)


def acknowledged(folder: Path) -> set[tuple[int, int]]:
    """Return the lines whose log call returned."""
    notes = {int(file.suffix[1:]): file.read_text() for file in folder.glob("acks.*")}
    return {(writer, int(n)) for writer, text in notes.items() for n in text.split()}


def write_lines(file: LogFile, folder: Path, writer: int, numbers: range) -> None:
    notes = os.open(folder / f"acks.{writer}", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    for number in numbers:
        file.write(line(writer, number))
        os.write(notes, b"%d\n" % number)


def forked(work: Any, *arguments: Any) -> int:
    """Run `work` in a child process, which ends with it; return its id."""
    if child := os.fork():
        return child
    try:
        work(*arguments)
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def together(folder: Path, inherited: bool, compress: bool, lines: int) -> None:
    """Write from four processes at once; kill the first when it has written some lines."""

    def opened() -> LogFile:
        return LogFile(
            folder / "agent.log", SystemClock(), 65_536, backups=10_000, compress=compress
        )

    shared = opened()
    write_lines(shared, folder, 9, range(3))  # so that what children inherit is open
    seen, tell = os.pipe()

    def work(writer: int) -> None:
        file = shared if inherited else opened()
        write_lines(file, folder, writer, range(KILLED_AFTER))
        if writer == 0:
            os.write(tell, b"x")
        write_lines(file, folder, writer, range(KILLED_AFTER, lines if writer else 10**9))
        file.finish()

    children = [forked(work, writer) for writer in range(PROCESSES)]
    os.read(seen, 1)
    os.kill(children[0], signal.SIGKILL)
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ends == [-signal.SIGKILL, 0, 0, 0], ends
    shared.finish()


def one_step_further(folder: Path, compress: bool) -> int:
    """Let a process die before each step that changes the folder; return how many there are.

    Two successors go on after each death.
    """
    for steps in range(1, 1000):
        place = folder / str(steps)
        place.mkdir()

        def die_after(steps: int = steps, place: Path = place) -> None:
            file = LogFile(place / "agent.log", SystemClock(), 600, 100, compress=compress)
            left = steps

            def count(event: str, _: object) -> None:
                nonlocal left
                left -= event in STEPS
                if event in STEPS and left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            notes = os.open(place / "acks.0", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            sys.addaudithook(count)
            for number in range(12):
                file.write(line(0, number))
                os.write(notes, b"%d\n" % number)
            file.finish()

        def go_on(writer: int, place: Path = place) -> None:
            file = LogFile(place / "agent.log", SystemClock(), 600, 100, compress=compress)
            write_lines(file, place, writer, range(5))
            file.finish()

        _, status = os.waitpid(forked(die_after), 0)
        for writer in (1, 2):
            assert os.waitpid(forked(go_on, writer), 0)[1] == 0
        if status == 0:
            return steps
    raise AssertionError("it never ends")


if __name__ == "__main__":
    place, what, *rest = sys.argv[1:]
    if what == "steps":
        sys.stdout.write(str(one_step_further(Path(place), "compress" in rest)))
    else:
        together(Path(place), "inherited" in rest, "compress" in rest, int(what))
