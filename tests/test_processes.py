"""Forks, threads, cancellation, interrupts and sudden death: nothing promised is lost."""

import asyncio
import contextvars
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

import obs_helpers
from obs_helpers import Agent, ModelReply, Store, Telemetry, ToolCall, Usage, VirtualClock

ROOT = Path(__file__).parents[1]
POSIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
QUIET = "ignore:This process:DeprecationWarning"
"""Python 3.12 warns of every fork of a process with threads."""


@contextmanager
def begun(program: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program in a process of its own, which can be spoken to."""
    command = [sys.executable, "-W", QUIET, "-c", program, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(program: str, *arguments: str | Path) -> list[str]:
    """Run a program to its end; return the lines that it printed. It must say no more."""
    with begun(program, *arguments) as process:
        printed, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    return printed.splitlines()


def asked(path: Path, question: str) -> list[tuple[Any, ...]]:
    store = Store(path)
    try:
        return store.rows(question)
    finally:
        store.close()


# -- Other processes ------------------------------------------------------------------------

FORKS = """
import asyncio, os, sys, threading
import obs_helpers
from obs_helpers import StoreError

path = sys.argv[1]
obs = obs_helpers.start(store=path, file=path + ".log")
agent, faults = obs_helpers.travel_desk(obs_helpers.VirtualClock())
faults.rates.clear()
obs_helpers.instrument(agent)
log = obs.logger("test")
stop, errors = threading.Event(), []

def work():  # holds the locks, now and then, while the process forks
    while not stop.is_set():
        obs.flush()

def child():
    log.info("nowhere")
    for _ in range(3):
        asyncio.run(agent.process("What is the weather in Oslo?"))
    agent.hook_errors and errors.append(repr(agent.hook_errors))
    obs_helpers.metrics.increment("nowhere")
    for _ in range(11_000):  # more than are noted before they are recorded
        obs.metrics.tool_call("nowhere", 1.0, None)
    for expected, call in [
        (RuntimeError, obs_helpers.current), (StoreError, lambda: obs.store.sql("SELECT 1"))
    ]:
        try:
            call()
            errors.append(f"{call} worked")
        except expected as error:
            "call" in str(error) and "start() here" in str(error) or errors.append(str(error))
    obs.health().ways and errors.append("health of the parent")
    obs.flush(); obs.shutdown(); obs_helpers.shutdown()
    mine = obs_helpers.start(store=f"{path}.{os.getpid()}", service="child")
    with mine.tracer.span("child"):
        mine.logger("test").info("of the child")
    mine.flush()
    mine.store.value("SELECT count(*) FROM spans") == 1 or errors.append("not one span")

threads = [threading.Thread(target=work) for _ in range(2)]
[thread.start() for thread in threads]
for n in range(3):
    log.info(f"line {n}")
    if (pid := os.fork()) == 0:
        child()
        sys.exit(len(errors) and (print(errors) or 1))
    _, status = os.waitpid(pid, 0)
    print("child ended with", status)
stop.set()
[thread.join() for thread in threads]
with obs.tracer.span("after the forks"):
    pass
"""


@POSIX
def test_a_forked_child_leaves_the_parents_telemetry_alone_and_can_start_its_own(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.duckdb"
    assert run(FORKS, path) == ["child ended with 0"] * 3
    lines = asked(path, "SELECT event FROM logs ORDER BY time")
    assert lines == [(f"line {n}",) for n in range(3)]
    assert asked(path, "SELECT name FROM spans") == [("after the forks",)]
    assert Path(f"{path}.log").read_text().count("\n") == 3
    children = [child for child in tmp_path.glob("t.duckdb.*") if child.suffix[1:].isdigit()]
    assert len(children) == 3
    for child in children:
        assert asked(child, "SELECT name, service FROM spans") == [("child", "child")]


POOL = """
import multiprocessing, sys
import obs_helpers

def work(path):
    obs = obs_helpers.start(store=path)
    with obs.tracer.span("child"):
        pass
    obs.shutdown()

if __name__ == "__main__":
    method, path = sys.argv[1:]
    obs = obs_helpers.start(store=path)
    context = multiprocessing.get_context(method)
    with obs.tracer.span("parent"):
        children = [context.Process(target=work, args=(f"{path}.{n}",)) for n in range(2)]
        [child.start() for child in children]
        [child.join() for child in children]
    print([child.exitcode for child in children])
"""


@pytest.mark.parametrize("method", ["spawn", pytest.param("fork", marks=POSIX)])
def test_children_of_multiprocessing_keep_telemetry_of_their_own(
    method: str, tmp_path: Path
) -> None:
    path, program = tmp_path / "t.duckdb", tmp_path / "program.py"
    program.write_text(POOL)  # a spawned child reads it again
    done = subprocess.run(
        [sys.executable, "-W", QUIET, program, method, path],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[0, 0]\n", "")
    assert asked(path, "SELECT name FROM spans") == [("parent",)]
    for n in range(2):
        assert asked(Path(f"{path}.{n}"), "SELECT name FROM spans") == [("child",)]


ENDING = """
import multiprocessing, sys
import obs_helpers

def work(path):
    obs_helpers.start(store=path).logger("test").info("of the child")

if __name__ == "__main__":
    method, first, path = sys.argv[1:]
    if first == "parent too":
        obs_helpers.start(store=path)
    context = multiprocessing.get_context(method)
    children = [context.Process(target=work, args=(f"{path}.{n}",)) for n in range(2)]
    [child.start() for child in children]
    [child.join() for child in children]
    print([child.exitcode for child in children])
"""


@pytest.mark.parametrize("first", ["parent too", "children only"])
@pytest.mark.parametrize(
    "method", ["spawn", *(pytest.param(way, marks=POSIX) for way in ("fork", "forkserver"))]
)
def test_children_of_multiprocessing_that_just_end_keep_their_lines(
    method: str, first: str, tmp_path: Path
) -> None:
    path, program = tmp_path / "t.duckdb", tmp_path / "program.py"
    program.write_text(ENDING)
    done = subprocess.run(
        [sys.executable, "-W", QUIET, program, method, first, path],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[0, 0]\n", "")
    for n in range(2):
        assert asked(Path(f"{path}.{n}"), "SELECT event FROM logs") == [("of the child",)]


SENDING_FORK = """
import os, sys
import obs_helpers

obs = obs_helpers.start(otlp=sys.argv[1])
for n in range(20):
    with obs.tracer.span(f"span {n}"):
        pass
if (pid := os.fork()) == 0:
    with obs.tracer.span("of the child"):
        pass
    obs.flush()
    sys.exit(0)
_, status = os.waitpid(pid, 0)
print("child ended with", status)
"""


@POSIX
def test_a_forked_child_sends_nothing_of_its_parents() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from tests.failing_backend import backend

    with backend() as server:
        assert run(SENDING_FORK, server.url) == ["child ended with 0"]
        assert server.names()["traces"] == [f"span {n}" for n in range(20)]


# -- Threads and tasks ----------------------------------------------------------------------


def test_in_a_thread_pool_a_copied_context_carries_the_trace() -> None:
    obs = obs_helpers.start(clock=VirtualClock(), seed=1)
    log = obs.logger("test")

    def work(n: int) -> None:
        with obs.tracer.span(f"work {n}"):
            log.info("working")

    with obs.tracer.span("root"), ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(contextvars.copy_context().run, work, n) for n in range(40)]
        [wait.result() for wait in waits]
    ((root, trace_id),) = obs.store.rows("SELECT span_id, trace_id FROM spans WHERE name = 'root'")
    children = obs.store.rows("SELECT parent_id, trace_id FROM spans WHERE name <> 'root'")
    assert children == [(root, trace_id)] * 40
    assert obs.store.rows("SELECT DISTINCT trace_id FROM logs") == [(trace_id,)]
    assert obs.store.value("SELECT count(*) FROM logs") == 40


class Waiting:
    """A model that hangs, or asks for a tool that hangs; says when it does."""

    name, provider = "waiting", "test"

    def __init__(self, where: str) -> None:
        self.where, self.there = where, asyncio.Event()

    async def reply(self, *_: object) -> ModelReply:
        if self.where == "model":
            await self.hang()
        return ModelReply("", Usage(), (ToolCall("call-1", "slow", {}),))

    async def hang(self) -> None:
        self.there.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("where", ["model", "tool"])
def test_a_cancelled_run_ends_its_spans_without_an_error_and_says_so(where: str) -> None:
    obs = obs_helpers.start(clock=VirtualClock(), seed=1)

    async def cancel() -> Agent:
        model = Waiting(where)

        async def slow() -> None:
            await model.hang()

        agent = obs_helpers.instrument(Agent(model, [slow], "waiter"))
        task = asyncio.create_task(agent.process("wait"))
        await asyncio.wait_for(model.there.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return agent

    agent = asyncio.run(cancel())
    assert agent.hook_errors == {}
    spans = obs.store.rows("SELECT name, status, end_time IS NOT NULL FROM spans ORDER BY name")
    assert len(spans) == (2 if where == "model" else 3)
    assert {row[1:] for row in spans} == {("UNSET", True)}
    marked = "SELECT count(*) FROM spans WHERE attributes->>'agent.cancelled' = 'true'"
    assert obs.store.value(marked) == 2
    assert ("run cancelled",) in obs.store.rows("SELECT event FROM logs")
    obs.flush()
    active = "SELECT value FROM metric_points WHERE name = 'agent.requests.active'"
    assert obs.store.rows(active)[-1] == (0,)


def test_an_async_generator_left_early_ends_its_span(capfd: pytest.CaptureFixture[str]) -> None:
    obs = obs_helpers.start(clock=VirtualClock(), seed=1)

    async def stream(name: str) -> AsyncIterator[int]:
        with obs.tracer.span(name):
            for n in range(3):
                yield n

    async def leave(name: str) -> None:
        async for _ in stream(name):
            break

    async def all_ways() -> None:
        closed = stream("closed")
        await anext(closed)
        await asyncio.create_task(closed.aclose())  # type: ignore[attr-defined]
        await leave("forgotten")
        gc.collect()

    asyncio.run(all_ways())
    spans = obs.store.rows("SELECT name, status, end_time IS NOT NULL FROM spans ORDER BY name")
    assert spans == [("closed", "UNSET", True), ("forgotten", "UNSET", True)]
    with obs.tracer.span("after"):
        pass
    assert obs.store.value("SELECT parent_id FROM spans WHERE name = 'after'") is None
    assert capfd.readouterr().err == ""


def test_a_shutdown_during_requests_disturbs_none_of_them(
    capfd: pytest.CaptureFixture[str],
) -> None:
    obs = obs_helpers.start()
    failures: list[BaseException] = []
    busy, stop = threading.Event(), threading.Event()

    def work() -> None:
        agent, _ = obs_helpers.travel_desk(VirtualClock())
        obs_helpers.instrument(agent, obs)
        try:
            while not stop.is_set():
                asyncio.run(agent.process("Tell me a joke."))
                busy.set()
        except BaseException as error:
            failures.append(error)
        if agent.last_hook_error:
            failures.append(agent.last_hook_error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert busy.wait(30)
    obs.shutdown()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    way = obs.health().way("traces", "store")
    ended = obs.store.value("SELECT count(*) FROM spans WHERE end_time IS NOT NULL")
    assert way.delivered == ended > 0
    assert way.waiting == 0
    assert capfd.readouterr().err == ""


# -- Interrupts, sudden death, a full disk -----------------------------------------------------

INTERRUPTED = """
import signal
import sys
import obs_helpers

for number in (signal.SIGINT, signal.SIGTERM):  # whatever this process was started with
    signal.signal(number, signal.default_int_handler)
obs = obs_helpers.start(store=sys.argv[1])
log, done, n, interrupts, told = obs.logger("test"), [], 0, 0, -1
while told < 20:
    try:
        if interrupts > told:  # said in here, where the next one is caught
            told = interrupts
            print("here", flush=True)
        n += 1
        log.info("line", n=n)
        done.append(n)
        obs.store.value("SELECT count(*) FROM logs")
    except KeyboardInterrupt:
        interrupts += 1
print(*done, flush=True)
obs.shutdown()
"""


@POSIX
def test_interrupts_in_the_middle_of_anything_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    with begun(INTERRUPTED, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        for number in (signal.SIGINT, signal.SIGTERM) * 10:
            process.send_signal(number)
            assert process.stdout.readline() == "here\n"
        printed, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")
    acknowledged = {int(n) for n in printed.split()}
    kept = [n for (n,) in asked(path, "SELECT (fields->>'n')::INT FROM logs ORDER BY 1")]
    assert len(kept) == len(set(kept))
    assert acknowledged <= set(kept)
    assert len(set(kept) - acknowledged) <= 20  # those that an interrupt did not let return


ENDLESS = "SELECT count(*) FROM range(100000) a(x), range(100000000) b(y) WHERE x + y = -1"

LONG_QUESTION = """
import _thread
import signal
import sys
import threading
import obs_helpers

signal.signal(signal.SIGINT, signal.default_int_handler)
obs = obs_helpers.start()
obs.logger("test").info("line")
try:
    threading.Timer(0.1, _thread.interrupt_main).start()
    obs.store.value(sys.argv[1])
except KeyboardInterrupt:
    print("interrupted")
print(obs.store.value("SELECT count(*) FROM logs"), flush=True)
"""


def test_an_interrupt_ends_a_long_question_and_the_store_answers_the_next() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LONG_QUESTION, ENDLESS], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n1\n", "", 0)


INTERRUPTED_AT_EVERY_LINE = """
import signal
import sys
import threading
from types import FrameType
from typing import Any
import obs_helpers

signal.signal(signal.SIGINT, signal.default_int_handler)
obs = obs_helpers.start()
obs.logger("test").info("line")


def interrupted_at(step: int, query: str) -> bool:
    steps = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        if event == "line" and frame.f_code.co_filename.endswith(("interrupts.py", "threading.py")):
            steps += 1
            if steps == step:
                signal.raise_signal(signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        obs.store.value(query)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


obs.store.value("SELECT 1")
short = 1
while interrupted_at(short, "SELECT 1"):
    short += 1
long = {interrupted_at(step, sys.argv[1]) for step in range(1, short + 20, 4)}
running = [thread.name for thread in threading.enumerate() if "question" in thread.name]
print(short > 50, long, running, obs.store.value("SELECT count(*) FROM logs"), flush=True)
"""


def test_an_interrupt_at_any_line_of_a_question_ends_it_and_leaves_nothing_running() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_EVERY_LINE, ENDLESS],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("True {True} [] 1\n", "", 0)


INTERRUPTED_WRITES = """
import signal
import sys
import threading
from types import FrameType
from typing import Any
import obs_helpers

signal.signal(signal.SIGINT, signal.default_int_handler)
FILES = ("log_file.py", "interrupts.py", "logging/__init__.py",
         "concurrent_log_handler/__init__.py")
obs = obs_helpers.start(file=sys.argv[1])
log, done = obs.logger("test"), []


def interrupted_at(step: int) -> bool:
    steps = 0

    def trace(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal steps  # an interrupt comes where a function begins, and after each call
        if event in ("call", "c_return") and frame.f_code.co_filename.endswith(FILES):
            steps += 1
            if steps == step:
                signal.raise_signal(signal.SIGINT)

    sys.setprofile(trace)
    try:
        log.info("line", n=step)
        obs.log_file.tidy()
        done.append(step)
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


step = 1
while interrupted_at(step):
    step += 1
thread = threading.Thread(target=log.info, args=["of a thread"], daemon=True)
thread.start()
thread.join(10)
print(step > 50, thread.is_alive(), obs.log_file.is_locked)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, *done, flush=True)
obs_helpers.shutdown()
"""


def test_an_interrupt_anywhere_in_a_log_call_leaves_the_log_file_unlocked(
    tmp_path: Path,
) -> None:
    said, done = run(INTERRUPTED_WRITES, tmp_path / "agent.log")
    assert said == "True False False"
    usual, *numbers = done.split()
    assert usual == "True"
    events = [json.loads(text) for text in (tmp_path / "agent.log").read_text().splitlines()]
    kept = [event["n"] for event in events if "n" in event]
    assert len(kept) == len(set(kept))
    assert {int(n) for n in numbers} <= set(kept)
    assert events[-1]["event"] == "of a thread"


SIGNALLED_AT_EVERY_LINE = """
import faulthandler
import signal
import sys
from types import FrameType
from typing import Any
import obs_helpers

faulthandler.dump_traceback_later(50, exit=True)
FILES = ("health.py", "ways.py", "log_file.py", "metrics.py", "series.py", "failures.py",
         "costs.py", "ledger.py", "concurrent_log_handler/__init__.py")
obs = obs_helpers.start(file=sys.argv[1])
log, errors, costs = obs.logger("test"), obs_helpers.ErrorTracker(), obs_helpers.CostMonitor()
works = 0


def work(*_: object) -> None:
    global works
    works += 1
    log.info("line")
    errors.record_error("api_error", "of the API")
    costs.record_usage("s", 1, 1)
    obs.metrics.tool_call("t", 1.0, None)
    obs.metrics.settle()


def signalled_at(step: int) -> bool:
    steps = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        if event == "line" and frame.f_code.co_filename.endswith(FILES):
            steps += 1
            if steps == step:
                signal.raise_signal(signal.SIGALRM)
        return trace

    sys.settrace(trace)
    work()
    sys.settrace(None)
    return steps >= step


signal.signal(signal.SIGALRM, work)
step = 1
while signalled_at(step):
    step += 1
summary = errors.get_error_summary()
calls = (summary["total_errors"], int(errors.issues()["count"].sum()), costs.summary()["calls"])
print(step > 100, [count - works for count in calls])
way = obs.health().way("logs", "file")
print(way.delivered - 2 * works, way.dropped, obs.log_file.is_locked)
with open(sys.argv[1]) as file:
    print(len(list(file)) - 2 * works, flush=True)
"""


@POSIX
def test_a_signal_whose_handler_records_everything_may_come_at_any_line(tmp_path: Path) -> None:
    printed = run(SIGNALLED_AT_EVERY_LINE, tmp_path / "agent.log")
    assert printed == ["True [0, 0, 0]", "0 0 False", "0"]


KILLED = """
import sys
import obs_helpers

obs = obs_helpers.start(store=sys.argv[1])
before = obs.store.value("SELECT count(*) FROM logs")
for n in range(500):
    with obs.tracer.span("work"):
        obs.logger("test").info("line")
running = obs.tracer.span("hangs")
running.__enter__()
obs.flush()
obs.logger("test").info("after the flush")
print(before, flush=True)
sys.stdin.read()
"""


@POSIX
def test_after_kill_9_all_that_was_flushed_is_there_and_the_file_can_be_used_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.duckdb"
    for start in range(3):
        with begun(KILLED, path) as process:
            assert process.stdout is not None
            before = int(process.stdout.readline())
            assert start * 500 <= before <= start * 501
            process.kill()
            _, said = process.communicate()
            assert said == ""
    assert asked(path, "SELECT count(*) FROM spans WHERE name = 'work'") == [(1500,)]
    assert asked(path, "SELECT status FROM spans WHERE name = 'hangs'") == [("RUNNING",)] * 3


FULL = """
import resource, sys
import obs_helpers

path, limit = sys.argv[1], resource.RLIMIT_FSIZE
obs = obs_helpers.start(store=path)
log = obs.logger("test")
log.info("first")
obs.flush()
unlimited = resource.getrlimit(limit)
resource.setrlimit(limit, (20_000, unlimited[1]))
for n in range(3000):
    log.info("line", n=n, text="x" * 100)
    if n % 1000 == 999:
        obs.flush()
way = obs.health().way("logs", "store")
print(way.delivered + way.waiting, way.waiting > 0, way.dropped, "too large" in way.last_error)
resource.setrlimit(limit, unlimited)
obs.flush()
way = obs.health().way("logs", "store")
print(way.delivered, way.waiting, way.dropped, way.failing)
"""


@POSIX
@pytest.mark.skipif(
    duckdb.__version__.startswith("1.3."), reason="this DuckDB damages a row of a file then"
)
def test_while_the_disk_is_full_rows_wait_and_are_written_when_there_is_room(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.duckdb"
    assert run(FULL, path) == ["3001 True 0 True", "3001 0 0 False"]
    assert asked(path, "SELECT count(DISTINCT fields->>'n'), count(*) FROM logs") == [(3000, 3001)]


def test_starting_twice_is_one_telemetry() -> None:
    first = obs_helpers.start(service="desk")
    again: Telemetry = obs_helpers.start(service="desk")
    first.logger("test").info("once")
    again.flush()
    assert again.health().way("logs", "store").delivered == 1
