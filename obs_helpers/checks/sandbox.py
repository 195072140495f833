"""Runs a learner's code: whatever it does, the check goes on and says what happened.

It runs in a thread of its own, so that a loop without end can be left, and without the
notebook's context, so that nothing bound in a cell helps or hurts.
"""

import asyncio
import ctypes
import inspect
import linecache
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from obs_helpers.checks.states import Wrong

LIMIT_S = 10.0
"""Time for one call, in seconds; the reference needs a tenth of a second."""
_CLOCKS = {name: getattr(time, name) for name in ("time", "time_ns", "monotonic", "perf_counter")}
THREAD = "obs-check"
"""Name of the thread."""
_FAILED = "failed"


class Raised(Exception):
    """The learner's code raised, or did not end; the message says where and what."""


def call(function: Callable[..., Any], *args: Any, limit_s: float = LIMIT_S) -> Any:
    """Return what `function(*args)` returns, awaited if it can be.

    Raises:
        Raised: it raised anything at all (`SystemExit` included), did not end within
            `limit_s` seconds, or replaced a clock of the module `time`.
        Wrong: what we handed to it saw something wrong.
    """
    result: dict[str, Any] = {}

    def work() -> None:
        try:
            result["value"] = _finished(function(*args))
        except BaseException as error:
            result[_FAILED] = error

    thread = threading.Thread(target=work, name=THREAD, daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        where = _where_is(thread)
        _stop(thread)
        msg = f"It did not end within {limit_s:g} s{where}. Is there a loop that never stops?"
        raise Raised(msg)
    _check_clocks()
    if isinstance(result.get(_FAILED), Wrong):  # our own, from a part that we handed out
        raise result[_FAILED]
    if _FAILED in result:
        raise Raised(_told(result[_FAILED], function, args)) from None
    return result["value"]


def _finished(value: Any) -> Any:
    if inspect.isawaitable(value):

        async def wait() -> Any:
            return await value

        return asyncio.run(wait())
    return value


def _check_clocks() -> None:
    replaced = [name for name, clock in _CLOCKS.items() if getattr(time, name) is not clock]
    for name in replaced:
        setattr(time, name, _CLOCKS[name])
    if replaced:
        msg = (
            f"time.{replaced[0]} was replaced, and with it everybody's clock. It is put back; "
            "take the time from the clock that you are given."
        )
        raise Raised(msg)


def _told(error: BaseException, function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """Say what was called, what it raised, and at which line of the learner's."""
    shown = ", ".join(map(_short, args))
    name = getattr(function, "__name__", "your code")
    lines = [f"{name}({shown}) raised {type(error).__name__}: {error}"]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    if own:
        frame = own[-1]
        lines.append(f"at line {frame.lineno} of that cell: {(frame.line or '').strip()}")
    return "\n".join(lines)


def _is_own(filename: str) -> bool:
    """Tell whether a file is a cell: its lines are known, and it is not on the disk."""
    return filename in linecache.cache and not Path(filename).exists()


def _where_is(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if _is_own(frame.f_code.co_filename):
            return f"; it was at line {frame.f_lineno} of that cell"
        frame = frame.f_back
    return ""


def _stop(thread: threading.Thread) -> None:
    """Raise SystemExit in the thread; a call that sleeps outside of Python is left alone."""
    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return text if len(text) <= 60 else text[:59] + "…"
