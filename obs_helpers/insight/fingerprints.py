"""Fingerprints: which errors are one and the same problem.

In the order of Sentry's grouping: what the caller says; else the exception's type and the
functions of the application it passed through; else its type and message; else the message
alone. A message counts without what differs from case to case. Line numbers never count,
so an edit above the line that fails changes nothing.
"""

import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Any

from obs_helpers.safe_json import plain_text

MAX_CHAIN, MAX_FRAMES = 8, 40
"""Exceptions kept of one chain of causes, and frames kept of each: the innermost."""
MAX_MESSAGE = 1_000
"""Characters of a message that count."""

_VARIABLE = (
    ("<url>", re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s'\"<>]+", re.I)),
    ("<uuid>", re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I)),
    ("<text>", re.compile(r"(?<!\w)(['\"`])(?:(?!\1).){0,200}\1(?!\w)")),
    ("<path>", re.compile(r"(?<![\w/\\<])(?:[a-z]:|~)?(?:[/\\][\w.@~+-]+)+[/\\]?", re.I)),
    (
        "<n>",
        re.compile(r"\b(?:0x[\da-f]+|(?=\d{0,63}[a-f])(?=[a-f]{0,63}\d)[\da-f]{8,64})\b", re.I),
    ),
    ("<n>", re.compile(r"\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?", re.I)),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One function that an exception passed through."""

    module: str
    function: str
    """With its class, as in `Store.sql`."""
    line: int
    in_app: bool
    """Whether it is yours: neither of Python nor of an installed package."""


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception of a chain, without its local variables."""

    type: str
    message: str
    frames: tuple[Frame, ...]
    """The outermost first, as in a traceback."""


def normalise(message: str) -> str:
    """Return `message` with marks for URLs, ids, quoted text, paths and numbers."""
    text = " ".join(message[:MAX_MESSAGE].split())
    for mark, pattern in _VARIABLE:
        text = pattern.sub(mark, text)
    return text


def chain(error: BaseException) -> list[Raised]:
    """Return an exception, its cause, the cause's cause and so on.

    What was raised `from` another one has that as its cause, else what it interrupted. A
    group goes on with its first exception.
    """
    found: list[Raised] = []
    seen: set[int] = set()
    here: BaseException | None = error
    while here is not None and id(here) not in seen and len(found) < MAX_CHAIN:
        seen.add(id(here))
        frames = list(_frames(_read(here, "__traceback__")))[-MAX_FRAMES:]
        found.append(Raised(type(here).__qualname__, plain_text(here), tuple(frames)))
        here = _next(here)
    return found


def fingerprint(raised: Sequence[Raised], message: str = "", explicit: object = None) -> str:
    """Return 16 hexadecimal digits: the same problem, the same digits.

    Args:
        raised: What `chain` returned; empty if there is no exception.
        message: Counts if there is no exception.
        explicit: Counts alone if it is given.
    """
    if explicit is not None:
        parts = ["explicit", plain_text(explicit)]
    elif any(frame.in_app for one in raised for frame in one.frames):
        parts = ["frames", *(part for one in raised for part in _calls(one))]
    elif raised:
        parts = ["message", *(f"{one.type}: {normalise(one.message)}" for one in raised)]
    else:
        parts = ["message", normalise(message)]
    text = "\x1f".join(parts).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:16]


def _calls(one: Raised) -> Iterator[str]:
    # Each function once: how deep a recursion went makes no other problem.
    calls = dict.fromkeys(f"{f.module}:{f.function}" for f in one.frames if f.in_app)
    yield from (one.type, *calls)


def _next(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    hidden = _read(error, "__suppress_context__")  # raised `from` something, or from None
    following = _read(error, "__cause__" if hidden else "__context__")
    return following if isinstance(following, BaseException) else None


def _frames(traceback: Any) -> Iterator[Frame]:
    while isinstance(traceback, TracebackType):
        frame = traceback.tb_frame
        module = plain_text(frame.f_globals.get("__name__", "?"))
        code = frame.f_code
        yield Frame(module, code.co_qualname, traceback.tb_lineno, _in_app(module, code))
        traceback = traceback.tb_next


def _in_app(module: str, code: CodeType) -> bool:
    installed = "site-packages" in code.co_filename or "dist-packages" in code.co_filename
    return not installed and module.split(".")[0] not in sys.stdlib_module_names


def _read(error: BaseException, name: str) -> Any:
    try:
        return getattr(error, name)
    except Exception:  # a property of somebody else's class
        return None
