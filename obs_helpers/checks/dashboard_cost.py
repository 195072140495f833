"""Check of the challenge: what the day will have cost at its end."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
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

WITHIN = 0.20
"""How far from the truth the rest of the day may be estimated: a fifth of it."""
AT_LEAST = 8
"""Complete hours without which there is no estimate."""
_CALLS = 4
"""Model calls in each hour, evenly spaced."""
_LONG = timedelta(seconds=20)
_BEFORE_USD = 500_000.0
"""What was spent by a call that began before the first day and ended in it."""


@dataclass(slots=True)
class Day:
    """A day, of which we know how it goes on if nothing special comes any more."""

    midnight: datetime
    now: datetime
    plan: list[float]
    """USD in each of the 24 hours."""
    open_usd: float = 0.0
    """USD of a call that began just before `now` and ends after it."""

    def requests(self) -> Iterator[Request]:
        """Yield a request for each model call; what comes after `now` is another story."""
        for hour, usd in enumerate(self.plan):
            for part in range(_CALLS):
                at = self.midnight + (hour + (part + 0.5) / _CALLS) * HOUR
                if usd:
                    yield priced(at, usd / _CALLS * (1 if at < self.now else 20))
        if self.open_usd:
            yield priced(self.now - _LONG / 2, self.open_usd, _LONG)

    def spent(self) -> float:
        """Return USD from midnight until now."""
        return self._sum(self.midnight, self.now)

    def later(self) -> float:
        """Return USD of the calls after now, which nobody can know of yet."""
        return self._sum(self.now, self.midnight + 24 * HOUR)

    def rest(self) -> float:
        """Return USD from now until the end of the day, if it goes on like this."""
        gone = (self.now - self.midnight) / HOUR
        return sum(usd * min(1, max(0, hour + 1 - gone)) for hour, usd in enumerate(self.plan))

    def _sum(self, start: datetime, end: datetime) -> float:
        return sum(call.usd or 0 for _, call in self.requests() if start <= call.at < end)


def project_cost(answer: Question) -> None:
    """Check estimates of days that go on evenly, rise, have expensive hours, or run dry."""
    draw = Chance().stream()
    first = some_day(draw)
    steady, rising, late, earlier, twice, whole, dry = days = [
        _day(draw, first, 0.0),
        _day(draw, first + timedelta(days=7), draw.uniform(0.3, 0.5)),
        _day(draw, first + timedelta(days=14), draw.uniform(0.04, 0.07)),
        _day(draw, first + timedelta(days=21), draw.uniform(0.04, 0.07)),
        _day(draw, first + timedelta(days=28), draw.uniform(0.04, 0.07)),
        _day(draw, first + timedelta(days=35), 0.01),
        _dry_day(draw, first + timedelta(days=42)),
    ]
    for day, back in ((late, 1), (earlier, 3), (twice, 4), (twice, 6)):
        day.plan[(day.now - day.midnight) // HOUR - back] *= draw.uniform(10, 14)
    whole.now = whole.midnight + 23.5 * HOUR
    night = priced(first - _LONG / 2, _BEFORE_USD, _LONG)
    store = Traffic([night, *(each for day in days for each in day.requests())], draw)
    _check_too_early(answer, store, rising)
    _check_steady(answer, store, steady)
    low = "the rest of the day will not be like the hours before it"
    _check(answer, store, rising, "On a day on which each hour costs more than the last", low=low)
    high = "one hour bends your line, or your mean. Use what it cannot move"
    for day, hour in ((late, "the last complete hour"), (earlier, "one hour of the afternoon")):
        when = f"On a day on which {hour} cost ten times as much as the others"
        _check(answer, store, day, when, high=high)
    two = "the second one still bends your line, or your mean. Use what neither of them can move"
    when = "On a day on which two hours cost ten times as much as the others"
    _check(answer, store, twice, when, low=two, high=two)
    _check_dry(answer, store, dry)
    _check_even(answer, store, whole)


def _check_too_early(answer: Question, store: Traffic, day: Day) -> None:
    for hours in (0, AT_LEAST - 1):
        now = day.midnight + hours * HOUR + 40 * MINUTE
        got = call(answer, store, now)
        text = f"At {now:%H:%M} you say {got!r}: with {hours} complete hours there is no "
        expect(got is None, text + "trend to follow, and that is None")


def _check_steady(answer: Question, store: Traffic, day: Day) -> None:
    got, spent, total = _ask(answer, store, day), day.spent(), day.spent() + day.rest()
    when = "On a day on which every hour costs about the same"
    say = f"{when}, you say {got:.5g} USD: "
    text = "the day before is in it; a call belongs to the day in which it started"
    expect(got < 0.9 * _BEFORE_USD, say + text)
    text = "calls after `now` are in it, which nobody can know of yet"
    expect(got < spent + 0.9 * day.later(), say + text)
    expect(not _is_near(got, spent), say + "that was spent until now, and the day goes on")
    text = "that is about twice as much; runs repeat the cost of their calls"
    expect(not _is_near(got, 2 * total), say + text)
    _check(answer, store, day, when)


def _check(
    answer: Question, store: Traffic, day: Day, when: str, low: str = "", high: str = ""
) -> None:
    """Check how near an estimate is; `low` and `high` say why it may not be."""
    got, rest = _ask(answer, store, day), day.rest()
    more = got - day.spent()
    side, why = ("high", high) if more > rest else ("low", low)
    text = f"{when}, you say {got:.5g} USD: that is too {side}; "
    why = why or f"{day.spent():.5g} are spent; be within {WITHIN:.0%} of the truth with the rest"
    expect(abs(more - rest) <= WITHIN * rest, text + why)


def _check_even(answer: Question, store: Traffic, whole: Day) -> None:
    eight = replace(whole, now=whole.midnight + AT_LEAST * HOUR)
    _check(answer, store, eight, f"At {eight.now:%H:%M} of an even day")
    half = "half of the running hour is spent, and half is to come"
    _check(answer, store, whole, f"At {whole.now:%H:%M} of an even day", low=half, high=half)


def _check_dry(answer: Question, store: Traffic, day: Day) -> None:
    """Check a day with calls in the morning, and one that is not over: else, no hour has a row."""
    got, spent = _ask(answer, store, day), day.spent()
    say = f"On a day with calls in the morning, and one just now, you say {got:.5g} USD: "
    text = "a call of the running hour is missing, which began before `now` and ends after it"
    expect(abs(spent - day.open_usd - got) > 1e-4, say + text)
    rounded = got == round(got) and abs(got - spent) < 1
    expect(not rounded, f"{say}{spent:.5g} were spent, and yours is rounded to whole dollars")
    text = "that is less than was spent until now; an hour to come costs 0 or more"
    expect(got >= 0.999 * spent, say + text)
    text = "that is too high; hours without model calls cost 0, and they count as well"
    expect(got <= 1.1 * spent, say + text)


def _day(draw: "random.Random", midnight: datetime, slope: float) -> Day:
    """Return a day on which spending follows a line, more or less."""
    first = draw.uniform(0.8, 1.6)
    now = midnight + draw.randint(11, 13) * HOUR + draw.randint(15, 45) * MINUTE
    plan = [first * (1 + slope * hour) * draw.uniform(0.98, 1.02) for hour in range(24)]
    return Day(midnight, now, plan)


def _dry_day(draw: "random.Random", midnight: datetime) -> Day:
    last, first = draw.randint(6, 7), draw.uniform(0.8, 1.6)
    plan = [first * (1 - 0.03 * hour) if hour < last else 0.0 for hour in range(24)]
    plan[0] += math.floor(sum(plan)) + 0.4 - sum(plan)  # no whole dollars
    return Day(midnight, midnight + draw.randint(16, 18) * HOUR + 20 * MINUTE, plan, open_usd=4.0)


def _ask(answer: Question, store: Traffic, day: Day) -> float:
    got: Any = call(answer, store, day.now)
    if got is None:
        hours = (day.now - day.midnight) // HOUR
        raise Wrong(f"At {day.now:%H:%M} you say None, and {hours} hours are complete")
    return number(got, "The projection")


def _is_near(got: float, other: float) -> bool:
    return abs(got - other) <= 0.03 * other
