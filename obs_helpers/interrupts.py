"""Ctrl-C and SIGTERM: they wait while a batch is written, and end a question at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import FrameType
from typing import Any

import duckdb


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block ends.

    In the middle of it nobody could tell whether a batch has been written.
    """
    if threading.current_thread() is not threading.main_thread():  # signals go to the main one
        yield
        return
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in usual.items() if callable(handler)}
    waiting: list[tuple[int, FrameType | None]] = []
    ended = False

    def later(number: int, frame: FrameType | None) -> None:
        if ended:  # one that comes while the handlers are put back
            handlers[signal.Signals(number)](number, frame)
        waiting.append((number, frame))

    for number in handlers:
        signal.signal(number, later)
    try:
        yield
    finally:
        ended = True
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if waiting:
            first, frame = waiting[0]
            handlers[signal.Signals(first)](first, frame)


def interruptible(cursor: duckdb.DuckDBPyConnection, ask: Callable[[], Any]) -> Any:
    """Return what `ask` returns; Ctrl-C ends it, though DuckDB sees no signal while it computes."""
    if threading.current_thread() is not threading.main_thread():
        return ask()  # no signal comes here
    answer: Future[Any] = Future()
    thread = threading.Thread(target=_answer, args=(answer, ask), name="obs_helpers.question")
    try:
        thread.start()
    except RuntimeError:  # the process ends: no thread can begin
        return ask()
    try:
        while thread.is_alive():  # with a timeout: not every signal ends a wait
            thread.join(0.1)
        return answer.result()
    finally:
        while thread.is_alive():  # again: an interrupt before the question begins is lost
            cursor.interrupt()
            thread.join(0.05)


def _answer(answer: "Future[Any]", ask: Callable[[], Any]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:
        answer.set_exception(error)
