"""Check of the challenge: what the day will have cost at its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from obs_helpers.checks.dashboard_numbers import Question
from obs_helpers.checks.dashboard_traffic import HOUR, MINUTE, Request, Traffic, priced, some_day
from obs_helpers.checks.dashboard_values import number
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import Chance

if TYPE_CHECKING:
    import random

WITHIN = 0.10
"""How far from the truth an estimate may be: a tenth of it."""
AT_LEAST = 8
"""Complete hours without which there is no estimate."""
_CALLS = 4
"""Model calls in each hour, evenly spaced."""
_BEFORE_USD = 500_000.0
"""What was spent the night before the first day."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day, of which we know how it goes on if nothing special comes any more."""

    midnight: datetime
    now: datetime
    plan: list[float]
    """USD in each of the 24 hours."""

    def requests(self) -> Iterator[Request]:
        """Yield a request for each model call; what comes after `now` is another story."""
        for hour, usd in enumerate(self.plan):
            for part in range(_CALLS):
                at = self.midnight + (hour + (part + 0.5) / _CALLS) * HOUR
                if usd:
                    yield priced(at, usd / _CALLS * (1 if at < self.now else 20))

    def spent(self) -> float:
        """Return USD from midnight until now."""
        return self._sum(self.midnight, self.now)

    def later(self) -> float:
        """Return USD of the calls after now, which nobody can know of yet."""
        return self._sum(self.now, self.midnight + 24 * HOUR)

    def total(self) -> float:
        """Return USD at the end of the day, if it goes on like this."""
        gone = (self.now - self.midnight) / HOUR
        left = (usd * min(1, max(0, hour + 1 - gone)) for hour, usd in enumerate(self.plan))
        return self.spent() + sum(left)

    def _sum(self, start: datetime, end: datetime) -> float:
        return sum(call.usd or 0 for _, call in self.requests() if start <= call.at < end)


def project_cost(answer: Question) -> None:
    """Check estimates of days that go on evenly, rise, have an expensive hour, or run dry."""
    draw = Chance().stream()
    first = some_day(draw)
    steady, rising, late, earlier, dry = days = [
        _day(draw, first, 0.0),
        _day(draw, first + timedelta(days=7), draw.uniform(0.12, 0.2)),
        _day(draw, first + timedelta(days=14), draw.uniform(0.04, 0.07)),
        _day(draw, first + timedelta(days=21), draw.uniform(0.04, 0.07)),
        _dry_day(draw, first + timedelta(days=28)),
    ]
    for day, back in ((late, 1), (earlier, 3)):
        day.plan[(day.now - day.midnight) // HOUR - back] *= draw.uniform(10, 14)
    night = priced(first - 20 * MINUTE, _BEFORE_USD)
    store = Traffic([night, *(each for day in days for each in day.requests())], draw)
    _check_too_early(answer, store, rising)
    _check_steady(answer, store, steady, sum(day.spent() + day.later() for day in days[1:]))
    _check_rising(answer, store, rising)
    _check_spike(answer, store, late, "the last complete hour")
    _check_spike(answer, store, earlier, "one hour of the afternoon")
    _check_dry(answer, store, dry)


def _check_too_early(answer: Question, store: Traffic, day: Day) -> None:
    for hours in (0, AT_LEAST - 1):
        now = day.midnight + hours * HOUR + 40 * MINUTE
        got = call(answer, store, now)
        text = f"At {now:%H:%M} you say {got!r}: with {hours} complete hours there is no "
        expect(got is None, text + "trend to follow, and that is None")


def _check_steady(answer: Question, store: Traffic, day: Day, others: float) -> None:
    got, spent, total, later = _ask(answer, store, day), day.spent(), day.total(), day.later()
    say = f"On a day on which every hour costs about the same, you say {got:.5g} USD: "
    expect(got < 0.9 * _BEFORE_USD, say + "the day before is in it; the day begins at midnight")
    future = (
        got > total + 0.9 * others,
        _is_near(got, total + later),
        _is_near(got, spent + later),
    )
    expect(not any(future), say + "calls after `now` are in it, which nobody can know of yet")
    expect(not _is_near(got, spent), say + "that was spent until now, and the day goes on")
    text = "that is about twice as much; runs repeat the cost of their calls"
    expect(not _is_near(got, 2 * total), say + text)
    _expect_close(got, total, say)


def _check_rising(answer: Question, store: Traffic, day: Day) -> None:
    got, total = _ask(answer, store, day), day.total()
    say = f"On a day on which each hour costs more than the one before, you say {got:.5g} USD: "
    text = "that is too low; the rest of the day will not be like the hours before it"
    expect(got >= (1 - WITHIN) * total, say + text)
    _expect_close(got, total, say)


def _check_spike(answer: Question, store: Traffic, day: Day, when: str) -> None:
    got, total = _ask(answer, store, day), day.total()
    say = f"On a day when {when} cost ten times as much as the others, you say {got:.5g} USD: "
    text = "that is too high; one hour bends your line, or your mean. Use what it cannot move"
    expect(got <= (1 + WITHIN) * total, say + text)
    _expect_close(got, total, say)


def _check_dry(answer: Question, store: Traffic, day: Day) -> None:
    """Check a day whose last hours have no calls: a query has no row for them."""
    got, spent = _ask(answer, store, day), day.spent()
    say = f"On a day on which the last call was in the morning, you say {got:.5g} USD: "
    text = "that is less than was spent until now; an hour to come costs 0 or more"
    expect(got >= 0.999 * spent, say + text)
    text = "that is too high; hours without model calls cost 0, and they count as well"
    expect(got <= (1 + WITHIN) * spent, say + text)


def _day(draw: "random.Random", midnight: datetime, slope: float) -> Day:
    """Return a day on which spending follows a line, more or less."""
    first = draw.uniform(0.8, 1.6)
    now = midnight + draw.randint(13, 16) * HOUR + draw.randint(15, 45) * MINUTE
    plan = [first * (1 + slope * hour) * draw.uniform(0.98, 1.02) for hour in range(24)]
    return Day(midnight, now, plan)


def _dry_day(draw: "random.Random", midnight: datetime) -> Day:
    last, first = draw.randint(6, 7), draw.uniform(0.8, 1.6)
    plan = [first * (1 - 0.03 * hour) if hour < last else 0.0 for hour in range(24)]
    return Day(midnight, midnight + draw.randint(16, 18) * HOUR + 20 * MINUTE, plan)


def _ask(answer: Question, store: Traffic, day: Day) -> float:
    got: Any = call(answer, store, day.now)
    if got is None:
        hours = (day.now - day.midnight) // HOUR
        raise Wrong(f"At {day.now:%H:%M} you say None, and {hours} hours are complete")
    return number(got, "The projection")


def _is_near(got: float, other: float) -> bool:
    return abs(got - other) <= 0.03 * other


def _expect_close(got: float, total: float, say: str) -> None:
    side = "high" if got > total else "low"
    text = f"that is too {side}; it should come within {WITHIN:.0%} of what the day did cost"
    expect(abs(got - total) <= WITHIN * total, say + text)
