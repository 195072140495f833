"""What a forked child leaves alone: threads, locks and open files stay with the parent.

`os.fork` copies a process, but of its threads only the one that forks. A lock that
another one held stays locked for ever in the child, and an open database is suddenly
open twice. So whoever owns such things comes to rest before a fork, and lets go of them
in the child.
"""

import os
import weakref


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


def watch_forks(owner: Owner) -> None:
    """Tell `owner` of each fork, as long as it lives."""
    if not _watching and hasattr(os, "register_at_fork"):  # Windows does not fork
        _watching.append(True)
        os.register_at_fork(
            before=_pause_all, after_in_parent=_resume_all, after_in_child=_leave_all
        )
    _owners.add(owner)


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
