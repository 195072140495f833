"""What a log line costs with a file and with sampling, beside the standard library's handler.

Rates are of one process, in turns; the loss is of four processes on one file of 64 KiB.
"""

import gc
import logging
import os
import statistics
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from tempfile import TemporaryDirectory

import obs_helpers
from obs_helpers.clock import SystemClock
from obs_helpers.signals.log_file import LogFile
from obs_helpers.signals.log_sampling import LogSampling
from tests.log_writers import forked, line, written

Write = Callable[[bytes], object]
SMALL, BACKUPS, PROCESSES = 65_536, 10_000, 4


def standard(path: Path, max_bytes: int) -> Write:
    handler = RotatingFileHandler(path, maxBytes=max_bytes, backupCount=BACKUPS)
    handler.setFormatter(logging.Formatter("%(message)s"))

    def write(text: bytes) -> None:
        handler.handle(logging.LogRecord("x", 20, "", 0, text.decode(), None, None))

    return write


def ours(path: Path, max_bytes: int) -> Write:
    return LogFile(path, SystemClock(), max_bytes, BACKUPS).write


WRITERS = {"standard": standard, "ours": ours}


def rates(lines: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Return lines a second and the 99th percentile of a call in microseconds, best rounds."""
    best: dict[str, tuple[float, float]] = {}
    with TemporaryDirectory() as folder:
        text, writes = line(0, 0), {}
        for name, make in WRITERS.items():
            Path(folder, name).mkdir()
            writes[name] = make(Path(folder, name, "agent.log"), 10_000_000)
        for _ in range(rounds):
            for name, write in writes.items():
                times = []
                for _ in range(lines):
                    start = time.perf_counter_ns()
                    write(text)
                    times.append(time.perf_counter_ns() - start)
                p99 = statistics.quantiles(times, n=100)[98] / 1000
                rate, least = best.get(name, (0, p99))
                best[name] = max(rate, lines / sum(times) * 1e9), min(least, p99)
    return best


def loss(name: str, lines: int) -> float:
    """Return the percentage of lines that four processes wrote and that are in no file."""
    with TemporaryDirectory() as folder:

        def work(writer: int) -> None:
            write = WRITERS[name](Path(folder, "agent.log"), SMALL)
            logging.raiseExceptions = False
            for number in range(lines):
                write(line(writer, number))

        children = [forked(work, writer) for writer in range(PROCESSES)]
        for child in children:
            os.waitpid(child, 0)
        found = written(Path(folder))
    return 100 * (1 - len(found) / (PROCESSES * lines))


SAMPLINGS = {
    "all lines, no sampling": None,
    "all pass": LogSampling(levels={"debug": 0.1}, keep_failed=False),
    "all pass, rate watched": LogSampling(per_second=10**9),
    "all held, then dropped": LogSampling(levels={"info": 0}),
    "all dropped": LogSampling(levels={"info": 0}, keep_failed=False),
}


def sampling(requests: int, rounds: int) -> dict[str, float]:
    """Return nanoseconds of a log call, ten calls a request, by what is sampled; best rounds."""
    best = dict.fromkeys(SAMPLINGS, float("inf"))
    for _ in range(rounds):
        for name, rules in SAMPLINGS.items():
            obs = obs_helpers.start(level="debug", log_sampling=rules)
            log = obs.logger("x")
            gc.collect()
            total = 0
            for _ in range(requests):
                with obs.tracer.span("request"):
                    start = time.thread_time_ns()
                    for number in range(10):
                        log.info("step", number=number, tool="weather")
                    total += time.thread_time_ns() - start
            best[name] = min(best[name], total / requests / 10)
            obs.shutdown()
    return best
