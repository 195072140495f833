"""The log file: shared by processes, rotated, compressed, on a full disk and after `kill -9`."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import obs_helpers
from obs_helpers import Telemetry, VirtualClock
from obs_helpers.clock import SystemClock
from obs_helpers.signals.log_file import LogFile
from obs_helpers.signals.own_lines import own_line
from tests.log_writers import acknowledged, line, read, written

ROOT = Path(__file__).parents[1]
NOBODY = 65534
"""The user and the group that own nothing."""
POSIX = pytest.mark.skipif(os.name == "nt", reason="forks, signals and limits of POSIX")


def run(*arguments: object, module: str = "tests.log_writers") -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))


def numbers(folder: Path) -> list[int]:
    return [event["number"] for event in read(folder) if "number" in event]


def log(obs: Telemetry, *numbers: int, **fields: Any) -> None:
    for number in numbers:
        obs.logger("test").info("line", number=number, **fields)


# -- Forks --------------------------------------------------------------------------------

KILLED_WITH_THE_LOCK = """
import fcntl, os, signal, sys
import obs_helpers

obs = obs_helpers.start(file=sys.argv[1])
obs.logger("test").info("line", number=1)
with obs.log_file._locked():
    if os.fork() == 0:
        sys.stdin.read()
        os._exit(0)
    with open(obs.log_file.lockFilename) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("still locked", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
ANOTHER = """
import sys
import obs_helpers

obs_helpers.start(file=sys.argv[1]).logger("test").info("line", number=2)
"""


@POSIX
def test_the_lock_of_a_killed_process_does_not_live_on_in_its_forked_child(tmp_path: Path) -> None:
    path, pipe = tmp_path / "agent.log", subprocess.PIPE
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", KILLED_WITH_THE_LOCK, path]
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "still locked\n"
        process.wait(30)
        subprocess.run([sys.executable, "-c", ANOTHER, path], cwd=ROOT, check=True, timeout=30)
    assert numbers(tmp_path) == [1, 2]


# -- Rotation by size ---------------------------------------------------------------------


def test_a_full_file_is_renamed_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    obs = obs_helpers.start(file=path, file_bytes=2_000, file_backups=50)
    log(obs, *range(100), padding="ä" * 40)
    obs_helpers.shutdown()
    files = sorted(tmp_path.glob("agent.log*"), key=lambda p: int(p.suffix[1:]) if p != path else 0)
    assert len(files) > 5
    assert files[0] == path
    assert max(file.stat().st_size for file in files) <= 2_000
    text = "".join(file.read_text("utf-8") for file in reversed(files))
    assert [json.loads(each)["number"] for each in text.splitlines()] == list(range(100))


@pytest.mark.parametrize("compress", [False, True])
def test_only_so_many_old_files_are_kept(tmp_path: Path, compress: bool) -> None:
    path = tmp_path / "agent.log"
    obs = obs_helpers.start(file=path, file_bytes=500, file_backups=2, file_compress=compress)
    log(obs, *range(50))
    obs_helpers.shutdown()
    end = ".gz" * compress
    assert names(tmp_path) == ["agent.log", f"agent.log.1{end}", f"agent.log.2{end}"]
    assert sorted(numbers(tmp_path)) == list(range(50 - len(numbers(tmp_path)), 50))


def test_fewer_backups_than_before_delete_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    log(obs_helpers.start(file=path, file_bytes=500, file_backups=9), *range(50))
    assert len(names(tmp_path)) == 10
    log(obs_helpers.start(file=path, file_bytes=500, file_backups=3), *range(50, 60))
    assert len(names(tmp_path)) == 4


def test_a_line_longer_than_a_file_gets_a_file_of_its_own(tmp_path: Path) -> None:
    obs = obs_helpers.start(file=tmp_path / "agent.log", file_bytes=500)
    log(obs, 0)
    log(obs, 1, padding="x" * 5_000)
    log(obs, 2)
    assert names(tmp_path) == ["agent.log", "agent.log.1", "agent.log.2"]
    assert sorted(numbers(tmp_path)) == [0, 1, 2]


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    others = ["agent.log.bak", "agent.log.0", "agent.log.1.txt", "agentXlog.1", "agent.log.01"]
    for name in others:
        (tmp_path / name).write_text(name)
    obs = obs_helpers.start(
        file=tmp_path / "agent.log", file_bytes=500, file_backups=1, file_compress=True,
        file_max_age=timedelta(days=1), clock=VirtualClock(datetime(2100, 1, 1, tzinfo=UTC)),
    )  # fmt: skip
    log(obs, *range(20))
    obs_helpers.shutdown()
    assert [(tmp_path / name).read_text() for name in others] == others


# -- Rotation by time, age and compression ------------------------------------------------


def test_a_new_file_begins_when_the_hour_is_over(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 1, 5, 8, 59, 59, tzinfo=UTC))
    obs = obs_helpers.start(file=tmp_path / "agent.log", file_every=timedelta(hours=1), clock=clock)
    log(obs, 0)
    clock.advance(0.5)
    log(obs, 1)
    assert names(tmp_path) == ["agent.log"]
    clock.advance(0.5)
    log(obs, 2)
    assert names(tmp_path) == ["agent.log", "agent.log.1"]
    first = (tmp_path / "agent.log.1").read_text().splitlines()
    assert [json.loads(each)["number"] for each in first] == [0, 1]


def test_the_hour_counts_from_the_files_first_line_whoever_wrote_it(tmp_path: Path) -> None:
    hour = {"file": tmp_path / "agent.log", "file_every": timedelta(hours=1)}
    clock = VirtualClock(datetime(2026, 1, 5, 8, 30, tzinfo=UTC))
    log(obs_helpers.start(**hour, clock=clock), 0)
    obs_helpers.shutdown()
    log(obs_helpers.start(**hour, clock=VirtualClock(datetime(2026, 1, 5, 8, 50, tzinfo=UTC))), 1)
    assert names(tmp_path) == ["agent.log"]
    log(obs_helpers.start(**hour, clock=VirtualClock(datetime(2026, 1, 5, 9, 10, tzinfo=UTC))), 2)
    assert names(tmp_path) == ["agent.log", "agent.log.1"]
    log(obs_helpers.start(**hour, clock=clock), 3)  # a clock set back begins no file
    assert names(tmp_path) == ["agent.log", "agent.log.1"]


def test_a_file_nobody_writes_to_is_rotated_and_deleted_in_time(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 1, 5, tzinfo=UTC))
    obs = obs_helpers.start(
        file=tmp_path / "agent.log", clock=clock, file_every=timedelta(days=1),
        file_max_age=timedelta(days=7),
    )  # fmt: skip
    log(obs, 0)
    clock.advance(86_400)
    assert names(tmp_path) == ["agent.log.1"]
    clock.advance(7 * 86_400 - 600)
    assert names(tmp_path) == ["agent.log.1"]
    clock.advance(1_200)
    assert names(tmp_path) == []
    log(obs, 1)
    assert numbers(tmp_path) == [1]


def test_size_and_time_rotate_side_by_side(tmp_path: Path) -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(
        file=tmp_path / "agent.log", file_bytes=500, file_every=timedelta(hours=1),
        file_compress=True, clock=clock, file_backups=100,
    )  # fmt: skip
    for number in range(20):
        log(obs, number)
        clock.advance(1_000)
    obs_helpers.shutdown()
    assert sorted(numbers(tmp_path)) == list(range(20))
    old = [name for name in names(tmp_path) if name != "agent.log"]
    assert len(old) >= 5
    assert all(name.endswith(".gz") for name in old)


def test_turning_compression_on_and_off_mixes_well(tmp_path: Path) -> None:
    for turn in range(6):
        obs = obs_helpers.start(
            file=tmp_path / "agent.log", file_bytes=250, file_backups=4, file_compress=turn % 2 == 1
        )
        log(obs, *range(turn * 2, turn * 2 + 2))
        obs_helpers.shutdown()
    kept = numbers(tmp_path)
    assert sorted(kept) == list(range(12 - len(kept), 12))
    assert len(names(tmp_path)) == 5


def test_no_thread_outlives_the_telemetry(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    obs = obs_helpers.start(file=tmp_path / "agent.log", file_bytes=500, file_compress=True)
    log(obs, *range(50))
    obs.shutdown()
    assert set(threading.enumerate()) == before


# -- Threads, processes, kill -9 ----------------------------------------------------------


def test_threads_that_log_at_once_lose_and_tear_no_line(tmp_path: Path) -> None:
    obs = obs_helpers.start(
        file=tmp_path / "agent.log", file_bytes=20_000, file_backups=500, file_compress=True
    )
    together = threading.Barrier(8)

    def work(thread: int) -> None:
        together.wait()
        for number in range(200):
            obs.logger("a").info("line", writer=thread, number=number, padding="x" * 50)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    obs_helpers.shutdown()
    wanted = [(thread, number) for thread in range(8) for number in range(200)]
    assert written(tmp_path) == dict.fromkeys(wanted, 1)
    rows = obs.store.rows("SELECT fields->'writer', fields->'number' FROM logs")
    assert sorted((int(thread), int(number)) for thread, number in rows) == wanted


@POSIX
@pytest.mark.parametrize("compress", [(), ("compress",)], ids=["plain", "compressed"])
@pytest.mark.parametrize("how", ["inherited", "own"])
def test_four_processes_one_killed_lose_tear_and_double_no_line(
    tmp_path: Path, how: str, compress: tuple[str, ...]
) -> None:
    run(tmp_path, 1_000, how, *compress)
    found, noted = written(tmp_path), acknowledged(tmp_path)
    assert len(noted) >= 3 * 1_000 + 300
    assert set(found.values()) == {1}
    assert noted - found.keys() == set()
    # At most the line that the killed process was in was written and not noted.
    assert {writer for writer, _ in found.keys() - noted} <= {0}
    assert len(found) - len(noted) <= 1
    assert len(names(tmp_path)) > 5
    if compress:
        plain = [n for n in names(tmp_path) if n.startswith("agent.log.") and n[-3:] != ".gz"]
        assert plain == []


@POSIX
@pytest.mark.parametrize("compress", [(), ("compress",)], ids=["plain", "compressed"])
def test_a_process_can_die_before_any_step_of_rotation(
    tmp_path: Path, compress: tuple[str, ...]
) -> None:
    steps = int(run(tmp_path, "steps", *compress))
    assert steps > 15
    for step in range(1, steps + 1):
        place = tmp_path / str(step)
        found, noted = written(place), acknowledged(place)
        assert set(found.values()) == {1}, step
        assert noted - found.keys() == set(), step
        assert len(found) - len(noted) <= 1, step
        assert [name for name in names(place) if "part" in name or "rotate" in name] == [], step


def test_a_file_that_is_there_twice_since_its_packer_died_is_there_once_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "agent.log.1").write_bytes(line(0, 1) + b"\n")
    (tmp_path / "agent.log.1.gz").write_bytes(gzip.compress(line(0, 1) + b"\n"))
    log(obs_helpers.start(file=tmp_path / "agent.log"), 2)
    assert sorted(numbers(tmp_path)) == [1, 2]
    assert names(tmp_path) == ["agent.log", "agent.log.1.gz"]


def test_a_gap_that_a_dead_process_left_is_filled(tmp_path: Path) -> None:
    for number in (1, 3):
        (tmp_path / f"agent.log.{number}").write_bytes(line(0, number) + b"\n")
    log(obs_helpers.start(file=tmp_path / "agent.log", file_bytes=150), 0, 2)
    assert names(tmp_path) == ["agent.log", *(f"agent.log.{n}" for n in (1, 2, 3))]
    old = [json.loads((tmp_path / f"agent.log.{n}").read_text())["number"] for n in (1, 2, 3)]
    assert old == [0, 1, 3]


def test_a_file_that_another_process_began_is_not_rotated_for_its_predecessors_age(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(datetime(2026, 1, 5, 8, tzinfo=UTC))
    ours, theirs = (
        LogFile(tmp_path / "agent.log", clock, every=timedelta(hours=1)) for _ in range(2)
    )
    ours.write(own_line(clock, "x", number=1))
    clock.advance(3_600)
    theirs.write(own_line(clock, "x", number=2))
    ours.tidy()
    assert names(tmp_path) == ["agent.log", "agent.log.1"]
    ours.finish()
    theirs.finish()


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        (b'{"timestamp":"2026-01-05T08:00:00.0', []),
        (b'{"number":7,"text":"\xc3', []),
        (line(0, 7), [7]),
        (line(0, 7)[:-1], []),
        (b"\n", []),
    ],
    ids=["half", "half a letter", "whole but its end", "all but one", "empty"],
)
def test_what_a_process_died_in_is_cut_off_or_ended(
    tmp_path: Path, tail: bytes, kept: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent.log"
    path.write_bytes(line(0, 1) + b"\n" + tail.removesuffix(b"\n"))
    log(obs_helpers.start(file=path), 2)
    assert numbers(tmp_path) == [1, *kept, 2]
    said = capfd.readouterr().err.splitlines()
    if kept or tail == b"\n":
        assert said == []
    else:
        (only,) = map(json.loads, said)
        assert only["event"] == "log file ended in half a line, which is cut off"
        assert only["cut"] == tail.decode("utf-8", "replace")


# -- A full disk, a folder that cannot be written -----------------------------------------


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount a file system in memory of 64 KiB; skip if this user may not."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(["size=64k", *options]), "tmpfs", folder]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount here: {error}")
    if done.returncode:
        pytest.skip(f"this user may not mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        obs_helpers.shutdown()
        subprocess.run(["umount", folder], check=True)


CANNOT = "log file cannot be written; its lines go to stderr until it can"
AGAIN = "log file is written again; it lacks lines that went to stderr"


def said(capfd: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], list[int]]:
    """Return what stderr got: warnings of the package, and the numbers of diverted lines."""
    lines = [json.loads(each) for each in capfd.readouterr().err.splitlines()]
    own = [each for each in lines if each["logger"] == "obs_helpers"]
    return own, [each["number"] for each in lines if each not in own]


def test_a_full_disk_tears_no_line_and_the_file_goes_on_when_there_is_room(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with mounted(tmp_path / "disk") as disk:
        obs = obs_helpers.start(file=disk / "agent.log")
        (disk / "ballast").write_bytes(b"x" * 40_000)
        log(obs, *range(60), padding="x" * 700)
        (warning,), diverted = said(capfd)
        assert (warning["event"], warning["file"]) == (CANNOT, str(disk / "agent.log"))
        assert "No space left" in warning["error"]
        assert len(diverted) > 10
        assert numbers(disk) + diverted == list(range(60))
        assert obs.log_file is not None
        assert obs.log_file.on_stderr == len(diverted)
        (disk / "ballast").unlink()
        log(obs, 60, 61)
        notice, first, _ = read(disk)[-3:]
        assert (notice["event"], notice["lines"]) == (AGAIN, len(diverted))
        assert first["number"] == 60
        assert sorted(numbers(disk) + diverted) == list(range(62))
        assert said(capfd) == ([], [])
        assert len(obs.store.rows("SELECT * FROM logs")) == 62


def test_a_full_disk_stops_neither_rotation_nor_compression_for_good(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with mounted(tmp_path / "disk") as disk:
        file = disk / "agent.log"
        obs = obs_helpers.start(file=file, file_bytes=9_000, file_backups=90, file_compress=True)
        (disk / "ballast").write_bytes(os.urandom(30_000))
        random = [os.urandom(400).hex() for _ in range(40)]
        for number in range(40):
            log(obs, number, padding=random[number])
        assert obs.log_file is not None
        obs.log_file.finish()
        _, diverted = said(capfd)
        assert diverted
        assert sorted(numbers(disk) + diverted) == list(range(40))
        (disk / "ballast").unlink()
        log(obs, *range(40, 50), padding="x" * 1_000)
        obs_helpers.shutdown()
        assert sorted(numbers(disk) + diverted) == list(range(50))
        assert {name[-3:] for name in names(disk)} == {".gz", "log"}


LIMITED = """
import resource, sys
from pathlib import Path
from obs_helpers.clock import SystemClock
from obs_helpers.signals.log_file import LogFile
from tests.log_writers import line
file = LogFile(Path(sys.argv[1]) / "agent.log", SystemClock())
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
for number in range(20):
    file.write(line(0, number))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for number in range(20, 25):
    file.write(line(0, number))
file.finish()
"""


@POSIX
def test_a_write_that_fails_half_way_leaves_nothing_of_its_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    warning, *diverted = map(json.loads, done.stderr.splitlines())
    assert warning["event"] == CANNOT
    assert "File too large" in warning["error"]
    assert sorted(numbers(tmp_path) + [each["number"] for each in diverted]) == list(range(25))
    assert [each["lines"] for each in read(tmp_path) if each.get("event") == AGAIN] == [
        len(diverted)
    ]


@POSIX
def test_a_read_only_folder_sends_lines_to_stderr_until_it_is_writable(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Permissions do not stop root: there, the folder is a read-only file system."""
    with mounted(tmp_path / "disk", "ro") as disk:
        obs = obs_helpers.start(file=disk / "agent.log")
        log(obs, 0, 1)
        (warning,), diverted = said(capfd)
        assert "Read-only file system" in warning["error"]
        assert diverted == [0, 1]
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        log(obs, 2)
        assert [each.get("lines", each.get("number")) for each in read(disk)] == [2, 2]


@contextmanager
def a_users_folder() -> Iterator[Path]:
    """Yield a folder of the user who runs the block; that is nobody instead of root."""
    with tempfile.TemporaryDirectory() as name:
        root = os.geteuid() == 0
        if root:
            os.chown(name, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)


@POSIX
def test_a_folder_without_permission_sends_lines_to_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Permissions do not stop root, so root becomes somebody else."""
    with a_users_folder() as folder:
        folder.chmod(0o555)
        obs = obs_helpers.start(file=folder / "agent.log")
        log(obs, 0)
        assert said(capfd)[1] == [0]
        folder.chmod(0o755)
        log(obs, 1)
        assert numbers(folder) == [1]
        obs.shutdown()


def test_a_folder_that_goes_and_comes_back_costs_no_line_and_warns_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    obs = obs_helpers.start(file=folder / "agent.log")
    folder.rmdir()
    log(obs, 0, 1, 2)
    own, diverted = said(capfd)
    assert [each["event"] for each in own] == [CANNOT]
    assert diverted == [0, 1, 2]
    folder.mkdir()
    log(obs, 3)
    assert numbers(folder) == [3]
    for file in folder.iterdir():  # the lock file, too, while it is in use
        file.unlink()
    log(obs, 4)
    assert numbers(folder) == [4]
    assert (folder / ".__agent.lock").exists()
    assert len(obs.store.rows("SELECT * FROM logs")) == 5


def test_a_file_that_never_came_back_is_said_at_the_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    file = LogFile(tmp_path / "logs" / "agent.log", SystemClock())
    file.write(b'{"logger":"test","number":0}')
    file.finish()
    own, diverted = said(capfd)
    assert diverted == [0]
    assert [each["event"] for each in own] == [
        CANNOT, "log file closed; it lacks lines that went to stderr",
    ]  # fmt: skip
    assert own[1]["lines"] == 1


@POSIX
def test_a_file_that_cannot_be_renamed_grows_and_warns_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Such as one that a container got as a volume of its own."""
    path = tmp_path / "agent.log"
    path.touch()
    if subprocess.run(["mount", "--bind", path, path], capture_output=True).returncode:
        pytest.skip("this user may not mount")
    try:
        log(obs_helpers.start(file=path, file_bytes=500), *range(10))
        (warning,), diverted = said(capfd)
        assert warning["event"] == "log file cannot be rotated; it grows until it can"
        assert diverted == []
        assert numbers(tmp_path) == list(range(10))
        obs_helpers.shutdown()
    finally:
        subprocess.run(["umount", path], check=True)


def test_when_stderr_is_gone_too_the_lines_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    obs = obs_helpers.start(file=tmp_path / "logs" / "agent.log")
    (tmp_path / "logs").rmdir()
    monkeypatch.setattr(sys, "stderr", None)
    log(obs, 0, 1)
    assert obs.log_file is not None
    assert obs.log_file.on_stderr == 0
    assert len(obs.store.rows("SELECT * FROM logs")) == 2


@pytest.mark.parametrize("name", ["file_every", "file_max_age"])
@pytest.mark.parametrize("value", [timedelta(0), timedelta(-1), 7, "daily"])
def test_a_wrong_time_is_an_error_with_a_remedy(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name}=.* does not work; give a timedelta above zero"):
        obs_helpers.start(**{name: value})
