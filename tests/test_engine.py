"""The alert engine: over a real store, on an injected clock, never in the way."""

import asyncio
import threading
from datetime import timedelta

import pytest

import obs_helpers
from obs_helpers import Store, Telemetry, VirtualClock
from obs_helpers.alerting.alert import Alert, State
from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.alerting.rule_tests import fill, parse_series
from obs_helpers.alerting.rules import DEFAULT_RULES, AlertRule

HIGH = AlertRule("High", "error_rate > 5%")


@pytest.fixture
def obs() -> Telemetry:
    return obs_helpers.start(clock=VirtualClock(), seed=4)


def engine_over(
    series: str, *rules: AlertRule
) -> tuple[AlertEngine, VirtualClock, list[list[Alert]]]:
    clock, store, told = VirtualClock(), Store(), list[list[Alert]]()
    minutes = parse_series(series)
    start = obs_helpers.clock.VIRTUAL_START
    fill(store, minutes, start)
    engine = AlertEngine(store, rules or (HIGH,), clock, lambda alerts: told.append(list(alerts)))
    clock.advance(60 * len(minutes))
    return engine, clock, told


def test_five_hundred_failed_runs_are_one_alert() -> None:
    """With the value, the number of runs, and three of them to look at."""
    engine, _, told = engine_over("500err")
    (alert,) = engine.tick()
    assert alert.state is State.FIRING
    assert alert.annotations["summary"] == "error_rate is 100% (> 5%) over 5m, n = 500"
    assert len(alert.trace_ids) == 3
    assert [a.name for a in told[0]] == ["High"]


def test_what_is_pending_is_shown_and_not_told() -> None:
    """Somebody who looks sees it; nobody is woken."""
    engine, _, told = engine_over("50err", AlertRule("High", "error_rate > 5%", for_="2m"))
    assert [alert.state for alert in engine.tick()] == [State.PENDING]
    assert told == [[]]


def test_an_alert_that_ended_is_told_as_resolved() -> None:
    """So that whoever opened a page can close it."""
    engine, clock, told = engine_over("50err")
    first = engine.tick()[0]
    clock.advance(400)
    last = engine.tick()[0]
    assert (last.state, last.fingerprint) == (State.RESOLVED, first.fingerprint)
    assert last.trace_ids == first.trace_ids
    assert last.resolved_at == obs_helpers.clock.VIRTUAL_START + timedelta(seconds=460)
    assert [[a.state for a in alerts] for alerts in told] == [[State.FIRING], [State.RESOLVED]]


def test_an_empty_store_is_no_alarm() -> None:
    """Every default rule is silent before the first run, and says why."""
    engine, _, told = engine_over("_", *DEFAULT_RULES)
    assert engine.tick() == []
    assert told == [[]]
    assert set(engine.table()["reason"]) == {"no data", "not evaluated yet"}


def test_a_store_that_fails_keeps_the_states() -> None:
    """It is shown, counted, and pages nobody."""
    engine, clock, told = engine_over("50err")
    engine.tick()
    engine.store.close()
    clock.advance(3600)
    (alert,) = engine.tick()
    assert alert.state is State.FIRING
    assert alert.reason.startswith("evaluation error: ")
    assert engine.table()["failures"].tolist() == [1]
    assert told[-1] == [alert]


def test_a_wall_clock_that_steps_back_changes_nothing() -> None:
    """It neither crashes nor fires, and is counted."""

    class Stepping(VirtualClock):
        back_ns = 0

        def time_ns(self) -> int:
            return super().time_ns() - self.back_ns

    clock, store = Stepping(), Store()
    fill(store, parse_series("50ok, 50err"), obs_helpers.clock.VIRTUAL_START)
    engine = AlertEngine(store, [HIGH], clock)
    clock.advance(60)
    assert engine.tick() == []
    clock.back_ns = 30 * 10**9
    assert engine.tick() == []
    assert engine.steps_back == 1
    assert "stepped back by 30 s" in engine.table()["reason"][0]
    clock.advance(60 + 30)
    assert [alert.state for alert in engine.tick()] == [State.FIRING]


def test_a_notifier_that_raises_does_not_stop_the_engine() -> None:
    """It is counted."""
    engine, _, _ = engine_over("50err")

    def broken(_: object) -> None:
        raise OSError

    engine.notify = broken
    assert len(engine.tick()) == len(engine.tick()) == 1
    assert engine.notify_errors == 2


def test_a_tick_during_a_tick_is_left_out_and_counted() -> None:
    """Evaluations never pile up behind a slow store."""
    engine, _, _ = engine_over("50err")
    inside, done = threading.Event(), threading.Event()

    class Slow(Store):
        def rows(self, *args: object) -> list[tuple[object, ...]]:  # type: ignore[override]
            inside.set()
            done.wait(10)
            return []

    engine.store = Slow()
    thread = threading.Thread(target=engine.tick)
    thread.start()
    inside.wait(10)
    assert engine.tick() == []
    assert engine.skipped == 1
    done.set()
    thread.join()


def test_rules_share_what_they_ask() -> None:
    """Two thresholds on one metric and window are one question to the store."""
    asked = []

    class Counting(Store):
        def rows(self, query: str, *args: object) -> list[tuple[object, ...]]:  # type: ignore[override]
            asked.append(query)
            return super().rows(query, *args)  # type: ignore[arg-type]

    two = [AlertRule("A", "error_rate > 5%"), AlertRule("B", "error_rate > 9%")]
    AlertEngine(Counting(), two, VirtualClock()).tick()
    assert len(asked) == 1


def test_two_rules_of_one_name_are_refused() -> None:
    """An alert is known by its rule's name."""
    with pytest.raises(ValueError, match="two rules have one name"):
        AlertEngine(Store(), [HIGH, HIGH])


def test_it_runs_beside_the_agent_until_it_is_stopped(obs: Telemetry) -> None:
    """A day with a burst of rate limits: one page, then quiet again."""
    told: list[str] = []
    engine = AlertEngine(
        obs.store, DEFAULT_RULES, obs.clock,
        lambda alerts: told.extend(f"{a.name} {a.state.value}" for a in alerts),
    )  # fmt: skip
    agent, faults = obs_helpers.travel_desk(obs.clock)
    obs_helpers.instrument(agent, obs)
    burst = obs_helpers.Incident("rate_limit", 0.2, 0.5, 0.8)
    engine.run(every_s=60)
    clock = obs.clock
    assert isinstance(clock, VirtualClock)
    replay = obs_helpers.replay(agent, faults, clock, hours=1.5, incidents=[burst], progress=False)
    asyncio.run(replay)
    assert list(dict.fromkeys(told)) == [
        "AgentHighErrorRate firing",
        "AgentHighErrorRate recovering",
        "AgentHighErrorRate resolved",
    ]
    engine.stop()
    before = len(told)
    clock.advance(3600)
    assert len(told) == before
