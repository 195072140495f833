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
def uninterrupted() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C and SIGTERM wait until the block ends, or calls what it is given.

    In the middle of a write nobody could tell whether a batch has been written.
    """
    if threading.current_thread() is not threading.main_thread():  # signals go to the main one
        yield lambda: None
        return
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in usual.items() if callable(handler)}
    waiting: list[tuple[int, FrameType | None]] = []
    ended = False

    def later(number: int, frame: FrameType | None) -> None:
        waiting.append((number, frame))
        if ended:  # an interrupt came while the handlers were put back: this one stayed
            deliver()

    def deliver() -> None:
        while waiting:
            number, frame = waiting.pop(0)
            handlers[signal.Signals(number)](number, frame)

    try:
        for number in handlers:
            signal.signal(number, later)
        yield deliver
    finally:
        try:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        finally:
            ended = True
            deliver()


def interruptible(cursor: duckdb.DuckDBPyConnection, ask: Callable[[], Any]) -> Any:
    """Return what `ask` returns; Ctrl-C ends it, though DuckDB sees no signal while it computes."""
    if threading.current_thread() is not threading.main_thread():
        return ask()  # no signal comes here
    answer: Future[Any] = Future()
    thread = threading.Thread(target=_answer, args=(answer, ask), name="obs_helpers.question")
    with uninterrupted() as deliver:  # an interrupted join takes a running thread for ended
        try:
            thread.start()
        except RuntimeError:  # the process ends: no thread can begin
            return ask()
        try:
            while thread.is_alive():
                thread.join(0.1)  # with a timeout: not every signal ends a wait
                deliver()
        finally:
            while thread.is_alive():  # again: an interrupt before the question begins is lost
                cursor.interrupt()
                thread.join(0.05)
    return answer.result()


def _answer(answer: "Future[Any]", ask: Callable[[], Any]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:
        answer.set_exception(error)
