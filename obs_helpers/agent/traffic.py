"""A travel desk with users: one request, or a whole day of them in virtual time."""

import asyncio
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tqdm import tqdm

from obs_helpers.agent.core import Agent, Session
from obs_helpers.agent.faults import FAULTS, Faults
from obs_helpers.agent.models import ScriptedModel
from obs_helpers.agent.tools import TravelTools
from obs_helpers.clock import NS_PER_S, Chance, Clock, VirtualClock
from obs_helpers.given import check, is_number, is_share

CITIES = ("Oslo", "Rome", "Lima", "Cairo", "Tokyo", "Paris", "Delhi", "Quito", "San Francisco")
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "NOK")
CONTINUES = 0.65
"""Share of requests that go on with a conversation instead of starting one."""
MAX_TURNS = 8
PAUSE_S = 900.0
"""A user who was quiet for longer starts a new conversation."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault that is on from one hour of the day to another: the ground truth.

    Raises:
        ValueError: there is no such fault, no such share, or no such time.
    """

    fault: str
    rate: float
    start_h: float
    end_h: float

    def __post_init__(self) -> None:
        """Check each value."""
        check("fault", self.fault, self.fault in list(FAULTS), f"one of {', '.join(FAULTS)}")
        check("rate", self.rate, is_share(self.rate), "a share from 0 to 1")
        times = (self.start_h, self.end_h)
        good = all(map(is_number, times)) and 0 <= self.start_h < self.end_h
        check("start_h, end_h", times, good, "hours of the day, the end after the start")


BAD_DAY = (
    Incident("tool_error", 0.02, 0, 24),
    Incident("slow_tool", 0.35, 3.0, 4.0),
    Incident("rate_limit", 0.02, 7.5, 8.0),
    Incident("prompt_bloat", 0.30, 11.0, 12.5),
    Incident("empty_result", 0.25, 14.0, 15.0),
    Incident("timeout", 0.10, 17.0, 17.5),
    Incident("loop", 0.20, 20.0, 20.5),
)
"""The day of the lesson: two per cent of tool errors all day, and six incidents."""
_MYSTERY = {"tool_error": 1.0}


@dataclass(slots=True)
class Day:
    """What was replayed."""

    start: datetime
    hours: float
    requests: int = 0
    failed: int = 0
    sessions: int = 0
    incidents: Sequence[Incident] = field(default=(), repr=False)


def travel_desk(clock: Clock, seed: int | None = 4, mystery: bool = False) -> tuple[Agent, Faults]:
    """Return the course's agent, and the switches for what can go wrong with it.

    With `mystery` something is wrong with it already: find out what.
    """
    chance = Chance(seed)
    faults = Faults(chance)
    faults.rates = dict(_MYSTERY) if mystery else {}
    model = ScriptedModel(clock, chance, faults)
    return Agent(model, TravelTools(clock, chance, faults).all(), name="travel-desk"), faults


def _check(hours: float, incidents: Sequence[Incident]) -> None:
    check("hours", hours, is_number(hours) and hours > 0, "hours above 0")
    listed = isinstance(incidents, Sequence) and all(isinstance(i, Incident) for i in incidents)
    check("incidents", incidents, listed, "a list of Incident")


async def replay(
    agent: Agent,
    faults: Faults,
    clock: VirtualClock,
    *,
    hours: float = 24,
    per_minute: float = 5,
    incidents: Sequence[Incident] = (),
    seed: int = 4,
    progress: bool = True,
) -> Day:
    """Send users to `agent` for `hours` of virtual time; returns when the last is served.

    Requests arrive by a daily curve, `per_minute` on average, at times that depend on
    `seed` alone. With `progress` a bar appears when it takes over a second.

    Raises:
        ValueError: `hours` is no time, or `incidents` no list of them.
    """
    _check(hours, incidents)
    chance = Chance(seed)
    start_ns = clock.time_ns()
    day = Day(datetime.fromtimestamp(start_ns // NS_PER_S, UTC), hours, incidents=incidents)
    users = _Users(chance, clock)
    open_requests: set[asyncio.Task[None]] = set()
    soon = [incident for incident in incidents if incident.start_h < hours]
    switches = [asyncio.create_task(_switch(faults, clock, i, hours)) for i in soon]
    arrivals = list(_arrivals(chance, hours, per_minute))
    bar = tqdm(arrivals, "replaying", delay=1, file=sys.stdout, disable=not progress)
    for at_s in bar:
        await clock.sleep(at_s - (clock.time_ns() - start_ns) / NS_PER_S)
        session, query = users.next()
        task = asyncio.create_task(_serve(agent, query, session, users, day))
        open_requests.add(task)
        task.add_done_callback(open_requests.discard)
    await asyncio.gather(*open_requests, *switches)
    day.sessions = users.count
    return day


def _arrivals(chance: Chance, hours: float, per_minute: float) -> Iterator[float]:
    """Yield the seconds at which requests arrive: busy by day, quiet by night."""
    draw = chance.stream("arrivals")
    minutes = range(math.ceil(hours * 60))
    weights = [1 + 0.7 * math.sin(2 * math.pi * (minute / 1440 - 0.08)) for minute in minutes]
    count = round(hours * 60 * per_minute)
    yield from sorted(60 * m + draw.uniform(0, 60) for m in draw.choices(minutes, weights, k=count))


async def _switch(faults: Faults, clock: Clock, incident: Incident, hours: float) -> None:
    await clock.sleep(incident.start_h * 3600)
    faults.set(incident.fault, incident.rate)
    await clock.sleep((min(incident.end_h, hours) - incident.start_h) * 3600)
    faults.set(incident.fault, 0)


async def _serve(agent: Agent, query: str, session: Session, users: "_Users", day: Day) -> None:
    day.requests += 1
    try:
        await agent.process(query, session)
    except Exception:
        day.failed += 1
    users.leave(session)


class _Users:
    """Who asks what, and in which conversation."""

    def __init__(self, chance: Chance, clock: Clock) -> None:
        self._clock, self._draw = clock, chance.stream("users")
        self._idle: list[tuple[float, Session]] = []
        self.count = 0

    def next(self) -> tuple[Session, str]:
        now_s = self._clock.monotonic()
        while self._idle and now_s - self._idle[0][0] > PAUSE_S:
            self._idle.pop(0)
        if self._idle and self._draw.random() < CONTINUES:
            return self._idle.pop(self._draw.randrange(len(self._idle)))[1], self._query()
        self.count += 1
        user = f"user-{self._draw.randint(1, 200)}"
        return Session(f"visit-{self.count}", user), self._query()

    def leave(self, session: Session) -> None:
        if len(session.history) < 4 * MAX_TURNS:
            self._idle.append((self._clock.monotonic(), session))

    def _query(self) -> str:
        one, two = self._draw.sample(CITIES, 2)
        match self._draw.randrange(6):
            case 0:
                return f"What is the weather in {one}?"
            case 1:
                return f"Compare the weather in {one} and {two}, please."
            case 2:
                return f"Is there a flight from {one} to {two}?"
            case 3:
                return f"I need a flight from {one} to {two}, and the weather in {two}."
            case 4:
                money = self._draw.sample(CURRENCIES, 2)
                return f"How much is {self._draw.randint(20, 900)} {money[0]} in {money[1]}?"
            case _:
                topic = self._draw.choice(("hotels", "flights", "meals"))
                return f"What does the policy say about {topic}?"
