"""Who is on call, and who is paged next when nobody answers.

Weeks are seven days of UTC: a handover does not move with summer time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Level:
    """A step of the escalation."""

    name: str
    after: timedelta = timedelta()
    """How long an incident waits for an acknowledgement before this level is paged."""
    rotation: tuple[str, ...] = ()
    """Those who take turns, a week each; without them the page goes to the level's name."""


DEFAULT_LEVELS = (
    Level("primary"),
    Level("secondary", timedelta(minutes=5)),
    Level("lead", timedelta(minutes=15)),
)


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody stands in for a level, start included and end not."""

    level: str
    who: str
    start: datetime
    end: datetime


class OnCall:
    """The schedule."""

    def __init__(
        self,
        levels: Sequence[Level] = DEFAULT_LEVELS,
        start: datetime | None = None,
        overrides: Iterable[Override] = (),
    ) -> None:
        """Check the schedule and keep it.

        Args:
            levels: In the order in which they are paged.
            start: When the first of each rotation took over; the handover is a week later.
            overrides: Exceptions; of two that overlap, the later in the list counts.

        Raises:
            ValueError: the schedule contradicts itself; the message says where.
        """
        self.levels, self.start, self.overrides = tuple(levels), start, tuple(overrides)
        self._check_levels()
        for override in self.overrides:
            self._check_override(override)

    def who(self, level: str, at: datetime) -> str:
        """Return who is paged at `at` on the level of that name.

        Raises:
            ValueError: there is no such level, or `at` has no time zone.
        """
        rotation = self._level(level).rotation
        _need_zone("at", at)
        for override in reversed(self.overrides):
            if override.level == level and override.start <= at < override.end:
                return override.who
        if not rotation or self.start is None:
            return level
        return rotation[(at - self.start) // WEEK % len(rotation)]

    def due(self, waited: timedelta) -> list[Level]:
        """Return the levels to have paged when nobody has acknowledged for that long."""
        return [level for level in self.levels if level.after <= waited]

    def _level(self, name: str) -> Level:
        for level in self.levels:
            if level.name == name:
                return level
        msg = f"there is no level {name!r}; there are {', '.join(x.name for x in self.levels)}"
        raise ValueError(msg)

    def _check_levels(self) -> None:
        names = [level.name for level in self.levels]
        waits = [level.after for level in self.levels]
        if not names or len(set(names)) < len(names):
            msg = f"levels={names} does not work; give at least one, each with its own name"
            raise ValueError(msg)
        if waits != sorted(waits) or waits[0] < timedelta():
            msg = f"levels {names} are paged after {[str(w) for w in waits]}; let the times ascend"
            raise ValueError(msg)
        if self.start is not None:
            _need_zone("start", self.start)
        elif any(level.rotation for level in self.levels):
            msg = "a rotation needs a start: the time at which its first one took over"
            raise ValueError(msg)

    def _check_override(self, override: Override) -> None:
        self._level(override.level)
        _need_zone("start", override.start)
        _need_zone("end", override.end)
        if override.end <= override.start:
            msg = f"the override ends at {override.end}, not after its start at {override.start}"
            raise ValueError(msg)


def _need_zone(name: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        msg = f"{name}={moment!r} has no time zone; add tzinfo=UTC"
        raise ValueError(msg)
