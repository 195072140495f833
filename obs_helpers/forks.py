"""What a forked child leaves alone: threads, locks and open files stay with the parent.

`os.fork` copies a process, but of its threads only the one that forks. A lock that
another one held stays locked for ever in the child, and an open database is suddenly
open twice. So whoever owns such things lets go of them, in the child, at once.
"""

import os
import weakref
from typing import Protocol


class Owner(Protocol):
    """Something that owns threads, locks or files."""

    def leave(self) -> None:
        """Let go of them: called in a forked child, before anything else runs there."""
        ...


_owners: "weakref.WeakSet[Owner]" = weakref.WeakSet()
_watching: list[bool] = []


def leave_on_fork(owner: Owner) -> None:
    """Call `owner.leave` in each forked child, as long as `owner` lives."""
    if not _watching and hasattr(os, "register_at_fork"):  # Windows does not fork
        _watching.append(True)
        os.register_at_fork(after_in_child=_leave_all)
    _owners.add(owner)


def _leave_all() -> None:
    for owner in list(_owners):
        owner.leave()
    _owners.clear()
