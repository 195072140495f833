"""A log file that several processes write to, rotated by size and time.

`concurrent-log-handler` gives the lock that holds between threads, processes and forks.
What happens under the lock is here, so that a process can die at any point of it: a line
is written whole or not at all, and rotation is a chain of renames (`old_files`).

A line counts as written when the log call returns: the operating system has it, and it
survives the process, `kill -9` included. It does not survive a power cut in that second.
"""

import contextlib
import logging
import mmap
import os
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import orjson
from concurrent_log_handler import ConcurrentRotatingFileHandler

from obs_helpers.clock import Clock
from obs_helpers.forks import Owner, watch_forks
from obs_helpers.interrupts import uninterrupted
from obs_helpers.safe_json import describe
from obs_helpers.signals.old_files import OldFiles
from obs_helpers.signals.own_lines import first_time_ns, own_line


class LogFile(Owner, ConcurrentRotatingFileHandler):
    """Writes lines to a file; to stderr as long as the file cannot be written."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        max_bytes: int = 10_000_000,
        backups: int = 5,
        every: timedelta | None = None,
        max_age: timedelta | None = None,
        compress: bool = False,
    ) -> None:
        """Open nothing yet: the first line does.

        Args:
            path: The file. Beside it stands a lock file, `.__agent.lock` for `agent.log`.
            clock: Tells when a period is over.
            max_bytes: A line that would fill the file up to this goes into a new one.
            backups: So many old files are kept.
            every: A new file is begun each time this long, counted in UTC from 1970: each
                midnight for a day.
            max_age: Old files are deleted this long after they were rotated.
            compress: Old files become `.gz`, in a thread of its own.
        """
        super().__init__(path.absolute(), mode="a+", encoding="utf-8")
        self.maxLockAttempts = 1  # it would sleep between attempts, and the agent with it
        self.on_stderr = 0
        """Lines that went to stderr because the file could not be written."""
        self._clock, self._max_bytes, self._compress = clock, max_bytes, compress
        self._every_ns = every // timedelta(microseconds=1) * 1000 if every else None
        self._old = OldFiles(path.absolute(), backups, max_age)
        self._began_ns: int | None = None
        self._end = self._depth = 0
        self._untold = 0
        self._rotates, self._settled = True, False
        self._packer: threading.Thread | None = None
        watch_forks(self)

    def write(self, line: bytes) -> BaseException | None:
        """Write the line; return why it went to stderr instead, if it did.

        Raises only if stderr cannot be written either.
        """
        record = _Line(line)
        with self.lock:  # type: ignore[union-attr]  # no interrupt leaves it taken, as in `handle`
            try:
                self.emit(record)
            except BaseException:  # Ctrl-C, at any line
                self.leave()
                raise
        return record.failed

    def tidy(self) -> None:
        """Do what is due while nobody writes: end the period, delete what is too old."""
        with self._locked():
            self._check_stream()
            if Path(self.baseFilename).exists() and self._is_over():
                self.doRollover()
            self._old.forget(self._clock.time_ns())

    def finish(self) -> None:
        """Compress what is left, say what the file lacks, close it."""
        if self._packer is not None:
            self._packer.join()
        if self._compress:
            self._old.pack(self._locked)
        if self._untold:
            self._warn("log file closed; it lacks lines that went to stderr", lines=self._untold)
            self._untold = 0
        self.close()

    pause, resume = logging.Handler.acquire, logging.Handler.release  # around a fork

    def leave(self) -> None:
        """Close all, whatever was under way: in a child, the lock of a parent would outlive it."""
        self._close_stream()
        if self.stream_lock is not None:
            self.stream_lock.close()  # which unlocks it, unless a parent has it open, too
        self.stream_lock, self.is_locked, self._depth = None, False, 0
        self._thread_lock, self._settled = threading.RLock(), False

    # -- What the handler calls, with its lock held --------------------------------------

    def emit(self, record: logging.LogRecord) -> None:
        """Lock, rotate if it is time, write, unlock."""
        self._leave_deleted_lock()
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: it is rendered already."""
        return record.getMessage()

    def do_open(self, mode: str | None = None) -> TextIOWrapper:
        """Open the file, and read from its first line when its period began."""
        stream = super().do_open(mode)
        self._began_ns = first_time_ns(stream.fileno())
        return stream

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802
        """Tell whether the line belongs into a new file."""
        size = os.fstat(self._fd()).st_size
        full = size + len(record.msg.encode()) + 1 >= self._max_bytes
        return size > 0 and (full or self._is_over())

    def doRollover(self) -> None:  # noqa: N802
        """Begin a new file. If that fails, the old one grows, and stderr hears of it once."""
        self._close_stream()
        now_ns = self._clock.time_ns()
        try:
            self._old.add(now_ns)
            self._old.forget(now_ns)
            self._rotates = True
        except OSError as error:
            if self._rotates:
                self._warn("log file cannot be rotated; it grows until it can", error=error)
            self._rotates = False
        if self._compress and not (self._packer and self._packer.is_alive()):
            self._packer = threading.Thread(
                target=self._old.pack, args=[self._locked], name="obs-pack", daemon=True
            )
            self._packer.start()

    def do_write(self, msg: str) -> None:
        """Append the line as a whole; after an outage, first how many went to stderr."""
        fd, text = self._fd(), f"{msg}\n".encode()
        size = os.fstat(fd).st_size
        if size not in (0, self._end):  # others wrote, or this process just came
            size = self._mend(fd, size)
        if self._untold:
            event = "log file is written again; it lacks lines that went to stderr"
            text = own_line(self._clock, event, lines=self._untold) + b"\n" + text
        _append(fd, text, size)
        self._end, self._untold = size + len(text), 0
        if self._began_ns is None:
            self._began_ns = self._clock.time_ns()
        if os.name == "nt":  # where an open file cannot be renamed
            self._close_stream()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Write the line to stderr instead, the first time with the reason."""
        error = sys.exc_info()[1]
        if isinstance(record, _Line):
            record.failed = error
        self._close_stream()
        self._untold += 1
        if self._untold == 1:
            self._warn("log file cannot be written; its lines go to stderr until it can", error)
        sys.stderr.write(f"{self.format(record)}\n")
        sys.stderr.flush()
        self.on_stderr += 1

    # -- Parts ---------------------------------------------------------------------------

    def _fd(self) -> int:
        if self.stream is None or self.stream.closed:
            self.stream = self.do_open()
        if not self._settled:  # finish what a process before us died in
            self._settled = True
            with contextlib.suppress(OSError):
                self._old.files()
        return self.stream.fileno()

    def _close_stream(self) -> None:
        if self.stream is not None:
            with contextlib.suppress(OSError):
                self.stream.close()
            self.stream = None

    def _is_over(self) -> bool:
        """Tell whether the period in which the file began is over."""
        self._fd()
        if self._every_ns is None or self._began_ns is None:
            return False
        return self._clock.time_ns() // self._every_ns > self._began_ns // self._every_ns

    def _mend(self, fd: int, size: int) -> int:
        """End, or cut off, a last line whose writer died in it; return the file's size."""
        os.lseek(fd, size - 1, os.SEEK_SET)
        if os.read(fd, 1) == b"\n":
            return size
        with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as text:
            start = text.rfind(b"\n") + 1
            tail = text[start:]
        try:
            orjson.loads(tail)
        except orjson.JSONDecodeError:
            os.ftruncate(fd, start)
            cut = tail.decode("utf-8", "replace")
            self._warn("log file ended in half a line, which is cut off", cut=cut)
            return start
        _append(fd, b"\n", size)
        return size + 1

    def _warn(self, event: str, error: BaseException | None = None, **fields: Any) -> None:
        if error is not None:
            fields["error"] = describe(error)
        line = own_line(self._clock, event, file=self.baseFilename, **fields)
        sys.stderr.write(f"{line.decode()}\n")
        sys.stderr.flush()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with uninterrupted():
            self.acquire()
            try:
                self._leave_deleted_lock()
                try:
                    self._do_lock()
                    yield
                finally:
                    self._do_unlock()
            finally:
                self.release()

    def _do_lock(self) -> None:
        # A signal's handler may log while this thread writes: the inner line needs no lock,
        # and must not let go of that of the outer one.
        self._depth += 1
        if self._depth == 1:
            super()._do_lock()

    def _do_unlock(self) -> None:
        if self._depth == 1:
            with contextlib.suppress(RuntimeError):  # let go already, by an interrupt
                super()._do_unlock()
        self._depth = max(self._depth - 1, 0)

    def _leave_deleted_lock(self) -> None:
        """Let go of a lock file that was deleted: others would lock a new one."""
        held = self.stream_lock
        if held is None or held.closed or self.is_locked:
            return
        if os.fstat(held.fileno()).st_nlink == 0:
            held.close()
            self.stream_lock = None


class _Line(logging.LogRecord):
    """A record that is its line and nothing else: a tenth of the time to make."""

    def __init__(self, line: bytes) -> None:
        self.msg = line.decode()
        self.args = None
        self.failed: BaseException | None = None


def _append(fd: int, text: bytes, size: int) -> None:
    """Write all of `text`, or nothing: what a full disk took of it is cut off again."""
    try:
        while text:
            text = text[os.write(fd, text) :]
    except BaseException:
        os.ftruncate(fd, size)
        raise
