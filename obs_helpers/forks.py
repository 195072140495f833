"""What a forked child leaves alone, and what a child does at its end.

Threads, locks and open files stay with the parent.

`os.fork` copies a process, but of its threads only the one that forks. A lock that
another one held stays locked for ever in the child, and an open database is suddenly
open twice. So whoever owns such things comes to rest before a fork, and lets go of them
in the child.
"""

import atexit
import os
import sys
import weakref
from collections.abc import Callable


class Owner:
    """Something that owns threads, locks or files."""

    def pause(self) -> None:
        """Come to rest: the process is about to fork."""

    def resume(self) -> None:
        """Go on, in the parent."""

    def leave(self) -> None:
        """Let go of everything, in the child, before anything else runs there."""


_owners: "weakref.WeakSet[Owner]" = weakref.WeakSet()
_paused: list[Owner] = []
_watching: list[bool] = []
_ends: set[tuple[int, Callable[[], object]]] = set()


def watch_forks(owner: Owner) -> None:
    """Tell `owner` of each fork, as long as it lives."""
    if not _watching and hasattr(os, "register_at_fork"):  # Windows does not fork
        _watching.append(True)
        os.register_at_fork(
            before=_pause_all, after_in_parent=_resume_all, after_in_child=_leave_all
        )
    _owners.add(owner)


def at_end(action: Callable[[], object]) -> None:
    """Call `action` when this process ends, once however often this is asked for.

    A child of `multiprocessing` ends without `atexit`, but runs finalizers of its own.
    """
    if (os.getpid(), action) in _ends:
        return
    _ends.add((os.getpid(), action))
    atexit.register(action)
    if util := sys.modules.get("multiprocessing.util"):  # every such child has it
        util.Finalize(None, action, exitpriority=0)


def _pause_all() -> None:
    for owner in list(_owners):
        owner.pause()
        _paused.append(owner)


def _resume_all() -> None:
    while _paused:
        _paused.pop().resume()


def _leave_all() -> None:
    while _paused:
        _paused.pop().leave()
    _owners.clear()
