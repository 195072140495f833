"""Log files that were rotated: `agent.log.1` is the newest, `agent.log.2` is older, and so on.

Each step is one rename or one delete, which happens as a whole or not at all. A process
that dies between two steps leaves a gap in the numbers and no line behind: whoever rotates
next fills the gap.
"""

import contextlib
import gzip
import itertools
import os
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from obs_helpers.clock import NS_PER_S

Lock = Callable[[], AbstractContextManager[None]]


class OldFiles:
    """The rotated files of one log file. All calls but `pack` want its lock held."""

    def __init__(self, path: Path, keep: int, max_age: timedelta | None = None) -> None:
        """Keep `keep` files; none that was rotated longer than `max_age` ago."""
        self.path, self.keep, self.max_age = path, keep, max_age
        self._shape = re.compile(rf"{re.escape(path.name)}\.([1-9]\d*)(\.gz)?")

    def files(self) -> dict[int, Path]:
        """Return the files by number, 1 for the newest."""
        found: dict[int, Path] = {}
        for file in sorted(self.path.parent.iterdir()):
            if match := self._shape.fullmatch(file.name):
                number = int(match[1])
                if number in found:  # packed, and its packer died before it deleted this one
                    found[number].unlink()
                found[number] = file
        return found

    def add(self, now_ns: int) -> None:
        """Rename the log file itself to number 1; those that are there move on by one.

        Raises:
            OSError: a file cannot be renamed. No line is lost.
        """
        files = self.files()
        gap = next(number for number in itertools.count(1) if number not in files)
        for number in range(gap - 1, 0, -1):
            packed = ".gz" * (files[number].suffix == ".gz")
            files[number].replace(self._place(number + 1, packed))
        self.path.replace(self._place(1))
        os.utime(self._place(1), ns=(now_ns, now_ns))

    def forget(self, now_ns: int) -> None:
        """Delete the files that are too many or too old.

        Raises:
            OSError: a file cannot be deleted.
        """
        age_s = self.max_age.total_seconds() if self.max_age else float("inf")
        for number, file in self.files().items():
            if number > self.keep or (now_ns - file.stat().st_mtime_ns) / NS_PER_S > age_s:
                file.unlink()

    def pack(self, lock: Lock) -> None:
        """Compress the files that are not; the lock is held for the last step only.

        A file that cannot be compressed stays as it is, and is tried again next time.
        """
        with contextlib.suppress(Exception):
            with lock():
                plain = [file for file in self.files().values() if file.suffix != ".gz"]
            for file in plain:
                self._pack(file, lock)

    def _pack(self, file: Path, lock: Lock) -> None:
        # The temporary file has no name: if the process dies, nothing of it stays.
        with file.open("rb") as source, TemporaryFile(dir=file.parent) as packed:
            with gzip.open(packed, "wb") as target:
                shutil.copyfileobj(source, target)
            packed.seek(0)
            with lock():
                self._replace(os.fstat(source.fileno()), packed)

    def _replace(self, source: os.stat_result, packed: IO[bytes]) -> None:
        """Put the packed file where the source is by now, if it is still there."""
        same = [file for file in self.files().values() if os.path.samestat(file.stat(), source)]
        part = self.path.with_name(f"{self.path.name}.gz.part")
        for file in same:
            try:
                with part.open("wb") as target:
                    shutil.copyfileobj(packed, target)
                shutil.copystat(file, part)
                part.replace(f"{file}.gz")
            finally:
                part.unlink(missing_ok=True)
            file.unlink()

    def _place(self, number: int, packed: str = "") -> Path:
        return self.path.with_name(f"{self.path.name}.{number}{packed}")
