"""A replayed day: repeatable to the last row, shaped like a day, with faults on schedule."""

import asyncio
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import obs_helpers
from obs_helpers import (
    BAD_DAY,
    FAULTS,
    Agent,
    Faults,
    Incident,
    ModelReply,
    Telemetry,
    Usage,
    VirtualClock,
    replay,
    travel_desk,
)
from obs_helpers.agent.core import Message, Run
from obs_helpers.agent.traffic import Day

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[1]
HOUR_OF_TROUBLE = (
    Incident("tool_error", 1.0, 0.25, 0.5),
    Incident("rate_limit", 0.2, 0.6, 0.7),
    Incident("prompt_bloat", 1.0, 0.8, 0.9),
)


def replayed(
    incidents: Sequence[Incident] = (), hours: float = 1, seed: int = 4, **options: Any
) -> tuple[Telemetry, Day]:
    clock = VirtualClock(START)
    obs_helpers.shutdown()
    obs = obs_helpers.start(clock=clock, seed=seed, **options)
    agent, faults = travel_desk(clock, seed)
    obs_helpers.instrument(agent)
    day = asyncio.run(
        replay(agent, faults, clock, hours=hours, per_minute=4, incidents=incidents, seed=seed)
    )
    obs.flush()
    return obs, day


def at(hours: float) -> datetime:
    return (START + timedelta(hours=hours)).replace(tzinfo=None)


def everything(obs: Telemetry) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "spans": obs.store.rows("FROM spans ORDER BY ALL"),
        "logs": obs.store.rows("FROM logs ORDER BY ALL"),
        # What the machine itself needs is its own affair.
        "metrics": obs.store.rows(
            # Nor is it ours which runs OpenTelemetry picks as examples.
            "SELECT * EXCLUDE exemplar_trace_ids FROM metric_points "
            "WHERE name NOT LIKE 'process.%' ORDER BY ALL"
        ),
    }


@pytest.fixture(scope="module")
def trouble() -> tuple[obs_helpers.Store, Day]:
    """One hour with incidents; its store in memory outlives the telemetry."""
    obs, day = replayed(HOUR_OF_TROUBLE)
    return obs.store, day


# -- Repeatable ----------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_hour_to_the_last_row() -> None:
    first_obs, first_day = replayed(HOUR_OF_TROUBLE, hours=0.75)
    first = everything(first_obs)
    second_obs, second_day = replayed(HOUR_OF_TROUBLE, hours=0.75)
    second = everything(second_obs)
    assert first_day == second_day
    for table, rows in first.items():
        assert len(rows) > 100
        assert rows == second[table]


def test_another_seed_gives_another_hour() -> None:
    first, _ = replayed(hours=0.1)
    rows = everything(first)
    second, _ = replayed(hours=0.1, seed=5)
    assert rows["spans"] != everything(second)["spans"]


CHILD = """
import asyncio, hashlib
import obs_helpers
clock = obs_helpers.VirtualClock()
obs = obs_helpers.start(clock=clock, seed=4)
agent, faults = obs_helpers.travel_desk(clock)
obs_helpers.instrument(agent)
asyncio.run(obs_helpers.replay(agent, faults, clock, hours=0.25))
rows = obs.store.rows("FROM spans ORDER BY ALL"), obs.store.rows("FROM logs ORDER BY ALL")
print(len(rows[0]), hashlib.sha256(repr(rows).encode()).hexdigest())
"""


def test_another_process_with_other_hashes_gives_the_same_rows() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD],
            cwd=ROOT, env={"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True,
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    one, two = (child.communicate(timeout=60)[0] for child in children)
    assert int(one.split()[0]) > 75
    assert one == two


# -- Shape ---------------------------------------------------------------------------------


class Instant:
    """A model that answers at once and remembers when it was asked."""

    name, provider = "instant", "test"

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self.asked_h = clock, list[float]()

    async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
        self.asked_h.append(self._clock.monotonic() / 3600)
        return ModelReply("ok", Usage())


def test_a_day_is_busy_in_the_afternoon_and_quiet_at_night() -> None:
    clock = VirtualClock(START)
    model = Instant(clock)
    day = asyncio.run(replay(Agent(model, []), Faults(), clock, per_minute=2))
    assert day.requests == len(model.asked_h) == 24 * 60 * 2
    assert all(0 <= hour < 24 for hour in model.asked_h)
    assert model.asked_h == sorted(model.asked_h)
    by_hour = Counter(math.floor(hour) for hour in model.asked_h)
    busy, quiet = sum(by_hour[h] for h in range(5, 11)), sum(by_hour[h] for h in range(17, 23))
    assert busy > 3 * quiet > 0
    assert min(by_hour[h] for h in range(24)) > 0


def test_requests_belong_to_conversations_of_several_turns(
    trouble: tuple[obs_helpers.Store, Day],
) -> None:
    store, day = trouble
    turns = [n for (n,) in store.rows(
        "SELECT count(*) FROM spans WHERE operation = 'invoke_agent' GROUP BY session_id"
    )]  # fmt: skip
    assert len(turns) == day.sessions
    assert 1 < max(turns) <= 30
    assert 1.5 < sum(turns) / len(turns) < 6


def test_counts_in_the_store_are_those_of_the_day(trouble: tuple[obs_helpers.Store, Day]) -> None:
    store, day = trouble
    assert day.requests == 240
    assert 0 < day.failed < 100
    assert store.rows(
        "SELECT count(*), count(*) FILTER (status = 'ERROR'), count(*) FILTER (end_time IS NULL) "
        "FROM spans WHERE operation = 'invoke_agent'"
    ) == [(day.requests, day.failed, 0)]
    assert store.rows(
        "SELECT labels->>'outcome', sum(value)::INT FROM metric_points "
        "WHERE name = 'agent.requests' GROUP BY ALL ORDER BY ALL"
    ) == [("error", day.failed), ("success", day.requests - day.failed)]
    assert store.rows(
        "SELECT event, count(*) FROM logs WHERE event LIKE 'run f%' GROUP BY ALL ORDER BY ALL"
    ) == [("run failed", day.failed), ("run finished", day.requests - day.failed)]
    assert store.stats()["dropped"].tolist() == [0, 0, 0]


def test_all_times_are_the_simulated_ones(trouble: tuple[obs_helpers.Store, Day]) -> None:
    store, day = trouble
    assert (day.start, day.hours) == (START, 1)
    latest = at(1 + 2 / 60)  # whoever came in the last minute is still served
    for question in (
        "SELECT min(start_time), max(end_time) FROM spans",
        "SELECT min(time), max(time) FROM logs",
        "SELECT min(time), max(time) FROM metric_points",
        "SELECT min(since), max(since) FROM metric_points",
    ):
        ((first, last),) = store.rows(question)
        assert at(0) <= first < last <= latest, question
    read_at = [time for (time,) in store.rows("SELECT DISTINCT time FROM metric_points ORDER BY 1")]
    assert read_at[:11] == [at(n / 12) for n in range(1, 12)]
    # Each point covers the time since the one before.
    gaps = store.rows(
        "SELECT count(*) FROM (SELECT since, lag(time) OVER (ORDER BY time) AS before "
        "FROM metric_points WHERE name = 'process.memory.usage') WHERE since <> before"
    )
    assert gaps == [(0,)]


# -- Incidents -----------------------------------------------------------------------------


def test_an_incident_shows_in_the_store_from_its_start_to_its_end_only(
    trouble: tuple[obs_helpers.Store, Day],
) -> None:
    store, day = trouble
    assert tuple(day.incidents) == HOUR_OF_TROUBLE
    tools = store.rows(
        "SELECT end_time, status, error_type FROM spans WHERE operation = 'execute_tool'"
    )
    inside = [(s, e) for end, s, e in tools if at(0.25) <= end < at(0.5)]
    outside = [(s, e) for end, s, e in tools if not at(0.25) <= end < at(0.5)]
    assert set(inside) == {("ERROR", "ToolError")}
    assert set(outside) == {("UNSET", None)}
    # A refusal lasts up to half a minute after the last strike.
    ((first, last, refused),) = store.rows(
        "SELECT min(start_time), max(start_time), count(*) FROM spans "
        "WHERE operation = 'invoke_agent' AND error_type = 'RateLimited'"
    )
    assert at(0.6) <= first <= last <= at(0.7) + timedelta(seconds=30)
    assert refused == day.failed
    calls = store.rows(
        "SELECT start_time, input_tokens > 6000 FROM spans "
        "WHERE operation = 'chat' AND input_tokens IS NOT NULL"
    )
    assert {big for start, big in calls if at(0.8) <= start < at(0.9)} == {True}
    assert {big for start, big in calls if not at(0.8) <= start < at(0.9)} == {False}


def test_an_incident_that_outlasts_the_replay_ends_with_it() -> None:
    clock = VirtualClock(START)
    agent, faults = travel_desk(clock)
    lasting = [Incident("tool_error", 0.5, 0, 24), Incident("loop", 1, 3, 4)]
    day = asyncio.run(replay(agent, faults, clock, hours=0.25, per_minute=4, incidents=lasting))
    assert clock.monotonic() < 0.25 * 3600 + 120
    assert faults.rates == {}
    assert day.failed == 0  # the loop was still to come


def test_the_bad_day_names_faults_there_are_at_hours_there_are() -> None:
    assert {incident.fault for incident in BAD_DAY} <= FAULTS.keys()
    for incident in BAD_DAY:
        assert 0 <= incident.start_h < incident.end_h <= 24
        assert 0 < incident.rate <= 1


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (("tool_eror", 0.1, 0, 1), "fault='tool_eror' does not work; give one of slow_tool, "),
        (([], 0.1, 0, 1), "fault=[] does not work; give one of slow_tool, "),
        (("loop", 2, 0, 1), "rate=2 does not work; give a share from 0 to 1"),
        (("loop", "x", 0, 1), "rate='x' does not work; give a share from 0 to 1"),
        (("loop", 0.1, 1, 0), "start_h, end_h=(1, 0) does not work; give hours of the day"),
        (("loop", 0.1, "0", 1), "start_h, end_h=('0', 1) does not work; give hours of the day"),
    ],
)
def test_an_incident_that_cannot_be_is_refused(values: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=re.escape(remedy)):
        Incident(*values)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"hours": 0}, "hours=0 does not work; give hours above 0"),
        ({"incidents": HOUR_OF_TROUBLE[0]}, "does not work; give a list of Incident"),
        ({"incidents": ["loop"]}, "does not work; give a list of Incident"),
    ],
)
def test_a_replay_that_cannot_be_is_refused(options: dict[str, Any], remedy: str) -> None:
    clock = VirtualClock(START)
    agent, faults = travel_desk(clock)
    with pytest.raises(ValueError, match=remedy):
        asyncio.run(replay(agent, faults, clock, **options))


def test_the_mystery_desk_has_a_fault_that_can_be_found() -> None:
    _, plain = travel_desk(VirtualClock())
    _, faults = travel_desk(VirtualClock(), mystery=True)
    assert plain.rates == {}
    assert faults.rates.keys() <= FAULTS.keys()
    assert len(faults.rates) == 1


def test_what_comes_after_a_replay_goes_on_from_its_time() -> None:
    async def twice() -> list[Day]:
        clock = VirtualClock(START)
        agent, faults = travel_desk(clock)
        return [
            await replay(agent, faults, clock, hours=0.1, per_minute=4, seed=n) for n in range(2)
        ]

    first, second = asyncio.run(twice())
    assert first.start == START
    assert START + timedelta(hours=0.09) < second.start < START + timedelta(hours=0.15)
    assert first.requests == second.requests == 24
