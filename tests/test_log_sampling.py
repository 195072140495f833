"""Log sampling: shares, rates, and the lines of a failed request that come back."""

import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Telemetry, VirtualClock
from obs_helpers.signals.log_sampling import MAX_TOLD, LogSampler, LogSampling

DROPPED = "log lines dropped: too many in a second"


def start(rules: LogSampling, **options: Any) -> Telemetry:
    options = {"clock": VirtualClock(), "seed": 4, "level": "debug", **options}
    return obs_helpers.start(log_sampling=rules, **options)


def rows(obs: Telemetry) -> list[tuple[str, str, str | None]]:
    return obs.store.rows("SELECT event, level, trace_id FROM logs ORDER BY rowid")


def events(obs: Telemetry) -> list[str]:
    return [event for event, *_ in rows(obs)]


def dropped(obs: Telemetry) -> dict[str, int]:
    assert obs.log_sampler is not None
    return dict(obs.log_sampler.dropped)


# -- Shares -------------------------------------------------------------------------------


def test_a_share_keeps_whole_requests_and_the_same_ones_as_a_smaller_share() -> None:
    rules = LogSampling(levels={"debug": 0.3}, events={"rare": 0.1})
    obs = start(rules)
    log = obs.logger("test")
    for _ in range(300):
        with obs.tracer.span("request"):
            for event in ("first", "rare", "second"):
                log.debug(event)
            log.info("always")
    found = Counter((event, trace) for event, _, trace in rows(obs))
    traces = {e: {t for event, t in found if event == e} for e, _ in found}
    assert len(traces["always"]) == 300
    assert traces["first"] == traces["second"]
    assert 60 < len(traces["first"]) < 120
    assert 10 < len(traces["rare"]) < 55
    assert traces["rare"] < traces["first"]


def test_the_logs_kept_belong_to_the_traces_kept() -> None:
    obs = start(LogSampling(levels={"info": 0.2}), sampling=0.2)
    for _ in range(200):
        with obs.tracer.span("request"):
            obs.logger("test").info("x")
    traced = {trace for (trace,) in obs.store.rows("SELECT trace_id FROM spans")}
    assert {trace for _, _, trace in rows(obs)} == traced
    assert 20 < len(traced) < 60


def test_an_events_own_share_wins_over_its_level_in_both_directions() -> None:
    obs = start(LogSampling(levels={"debug": 0, "info": 1}, events={"vital": 1, "noise": 0}))
    log = obs.logger("test")
    log.debug("vital")
    log.debug("other")
    log.info("noise")
    log.info("noise %s", 7)
    assert events(obs) == ["vital", "noise 7"]
    assert dropped(obs) == {"sampling": 2}


def test_outside_of_requests_a_share_of_the_lines_is_kept_and_the_seed_says_which() -> None:
    kept = []
    for _ in range(2):
        obs = start(LogSampling(levels={"info": 0.5}))
        for number in range(200):
            obs.logger("test").info(f"line {number}")
        kept.append(events(obs))
        assert dropped(obs) == {"sampling": 200 - len(kept[-1])}
        obs.shutdown()
    assert kept[0] == kept[1]
    assert 70 < len(kept[0]) < 130


def test_errors_are_always_kept() -> None:
    obs = start(LogSampling(levels={"info": 0}, events={"bad": 0, "worse": 0}, per_second=1))
    for _ in range(5):
        obs.logger("test").error("bad")
        obs.logger("test").critical("worse")
    assert Counter(events(obs)) == {"bad": 5, "worse": 5}


# -- Failed requests ----------------------------------------------------------------------


def test_a_request_that_logs_an_error_gets_all_its_lines_in_order_with_their_times() -> None:
    clock = VirtualClock()
    obs = start(LogSampling(levels={"debug": 0, "info": 0}), clock=clock)
    log = obs.logger("test")
    with obs.tracer.span("well"):
        log.info("of another")
    with obs.tracer.span("request"):
        log.debug("one", mail="someone@example.org")
        clock.advance(1)
        log.info("two")
        assert events(obs) == []
        clock.advance(1)
        log.error("failed")
        clock.advance(1)
        log.debug("after")
    assert events(obs) == ["one", "two", "failed", "after"]
    seconds = obs.store.rows("SELECT epoch(time) - epoch(min(time) OVER ()) FROM logs ORDER BY 1")
    assert [s for (s,) in seconds] == [0, 1, 2, 3]
    assert obs.store.value("SELECT fields->>'mail' FROM logs WHERE event = 'one'") == "[EMAIL]"
    assert dropped(obs) == {"sampling": 1}


def test_a_request_whose_first_span_fails_gets_its_lines_though_it_logged_no_error() -> None:
    obs = start(LogSampling(levels={"debug": 0}))
    with pytest.raises(LookupError), obs.tracer.span("request"):
        with pytest.raises(OSError, match="handled"), obs.tracer.span("step that is retried"):
            obs.logger("test").debug("in the step")
            raise OSError("handled")
        assert events(obs) == []
        raise LookupError
    assert events(obs) == ["in the step"]


def test_without_keep_failed_nothing_is_held() -> None:
    obs = start(LogSampling(levels={"debug": 0}, keep_failed=False))
    with obs.tracer.span("request"):
        obs.logger("test").debug("gone")
        obs.logger("test").error("failed")
        obs.logger("test").debug("gone, too")
    assert events(obs) == ["failed"]
    assert dropped(obs) == {"sampling": 2}


def test_of_a_long_request_the_latest_lines_are_held_and_the_others_are_counted() -> None:
    obs = start(LogSampling(levels={"debug": 0}, max_lines=3))
    with obs.tracer.span("request"):
        for number in range(5):
            obs.logger("test").debug("line %s", number)
        obs.logger("test").error("failed")
    assert events(obs) == ["line 2", "line 3", "line 4", "failed"]
    assert dropped(obs) == {"no room": 2}


def sampler(rules: LogSampling, trace: list[int], out: list[bytes]) -> LogSampler:
    return LogSampler(rules, VirtualClock(), lambda: 0.5, lambda: trace[0], out.append)


def say(to: LogSampler, level: str, event: str) -> None:
    if (way := to.way(level, event)) is not None:
        way(event.encode())


def test_a_line_whose_way_was_chosen_before_its_request_failed_is_written() -> None:
    out: list[bytes] = []
    subject = sampler(LogSampling(levels={"info": 0}), [1], out)
    way = subject.way("info", "late")
    say(subject, "error", "failed")
    assert way is not None
    way(b"late")
    assert out == [b"failed", b"late"]


def test_more_requests_than_there_is_room_for_drop_the_one_that_came_first() -> None:
    trace, out = [0], list[bytes]()
    held = sampler(LogSampling(levels={"debug": 0}, max_requests=2), trace, out)
    for trace[0] in (1, 2, 3):
        say(held, "debug", f"of {trace[0]}")
    for trace[0] in (1, 2, 3):
        say(held, "error", f"error {trace[0]}")
    assert out == [b"error 1", b"of 2", b"error 2", b"of 3", b"error 3"]
    assert held.dropped == {"no room": 1}


LINES = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from(["debug", "info", "error", "end"]), st.sampled_from("ab")
    ),
    max_size=40,
)


@given(LINES, st.sampled_from([0, 0.3, 1]), st.sampled_from([None, 1, 2]))
def test_every_line_is_written_once_or_counted_and_failed_requests_are_whole(
    lines: list[tuple[int, str, str]], share: float, rate: int | None
) -> None:
    """Ids 1 to 3 are requests, 0 is none; `end` ends one that went well."""
    trace, out = [0], list[bytes]()
    subject = sampler(LogSampling(levels={"debug": share}, per_second=rate), trace, out)
    failed_at: dict[int, int] = {}
    ended: dict[int, int] = {}
    for number, (request, level, event) in enumerate(lines):
        trace[0] = request * 2**62
        if level == "end":
            subject.end_request(trace[0], failed=False)
            ended.setdefault(request, number)
            continue
        if (way := subject.way(level, event)) is not None:
            way(json.dumps([number, request, level]).encode())
        if level == "error" and request:
            failed_at.setdefault(request, number)
    subject.close()
    events = [json.loads(line) for line in out]
    told = [each for each in events if isinstance(each, dict)]
    written = [each for each in events if isinstance(each, list)]
    logged = sum(level != "end" for _, level, _ in lines)
    assert len(written) == len({number for number, *_ in written})
    assert len(written) + sum(subject.dropped.values()) == logged
    assert sum(each["dropped"] for each in told) == subject.dropped["rate"]
    kept = {number for number, *_ in written}
    for number, (request, level, _) in enumerate(lines):
        if level == "error":
            assert number in kept
        elif level != "end" and request in failed_at and request not in ended:
            assert number in kept  # it failed: nothing is missing, before or after


# -- Rates --------------------------------------------------------------------------------


def test_a_rate_lets_so_many_of_each_event_pass_and_a_line_tells_the_rest() -> None:
    clock = VirtualClock()
    obs = start(LogSampling(per_second=3), clock=clock)
    log = obs.logger("test")
    for _ in range(10):
        log.info("often")
        log.info("seldom %s", 1) if _ < 2 else None
    assert Counter(events(obs)) == {"often": 3, "seldom 1": 2}
    clock.advance(1)
    log.info("often")
    assert events(obs)[-2:] == [DROPPED, "often"]
    told = obs.store.rows(f"SELECT fields, level, logger FROM logs WHERE event = '{DROPPED}'")
    assert [(json.loads(f), level, logger) for f, level, logger in told] == [
        ({"dropped_event": "often", "dropped": 7}, "warning", "obs_helpers")
    ]
    assert dropped(obs) == {"rate": 7}


def test_what_was_dropped_is_told_at_the_next_tick_or_the_end_though_nobody_logs() -> None:
    clock = VirtualClock()
    obs = start(LogSampling(per_second=1), clock=clock, collect_s=60)
    for _ in range(3):
        obs.logger("test").info("write to someone@example.org")
    clock.advance(60)
    told = obs.store.rows(f"SELECT fields->>'dropped_event' FROM logs WHERE event = '{DROPPED}'")
    assert told == [("write to [EMAIL]",)]
    for _ in range(3):
        obs.logger("test").info("x")
    obs.shutdown()
    assert events(obs)[-2:] == ["x", DROPPED]


def test_a_failed_request_gets_back_what_the_rate_dropped_and_it_is_not_told_as_dropped() -> None:
    obs = start(LogSampling(per_second=1))
    with obs.tracer.span("request"):
        for number in range(3):
            obs.logger("test").info("step", number=number)
        obs.logger("test").error("failed")
    obs.shutdown()
    assert events(obs) == ["step", "step", "step", "failed"]
    assert dropped(obs) == {}


def test_a_flood_of_different_events_needs_no_room_without_end() -> None:
    out: list[bytes] = []
    flooded = sampler(LogSampling(per_second=1), [0], out)
    for number in range(5_000):
        say(flooded, "info", f"event {number}")
    flooded.close()
    told = [json.loads(line) for line in out if line.startswith(b"{")]
    assert 1 < len(told) <= MAX_TOLD + 1
    assert told[-1]["dropped_event"] == "(others)"
    assert sum(each["dropped"] for each in told) == flooded.dropped["rate"]
    assert len(out) - len(told) + flooded.dropped["rate"] == 5_000


# -- Threads, forks, options --------------------------------------------------------------


def test_threads_of_one_request_lose_no_line_when_it_fails() -> None:
    out: list[bytes] = []
    subject = sampler(LogSampling(levels={"info": 0}, max_lines=10_000), [2**63], out)
    together = threading.Barrier(8)

    def work(thread: int) -> None:
        together.wait()
        for number in range(200):
            say(subject, "error" if (thread, number) == (3, 100) else "info", f"{thread} {number}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(out) == len(set(out)) == 1_600
    for thread in range(8):
        assert [n for t, n in map(bytes.split, out) if t == b"%d" % thread] == [
            b"%d" % n for n in range(200)
        ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_holds_the_lock_stops_nobody(tmp_path: Path) -> None:
    subject = sampler(LogSampling(per_second=1), [0], [])
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with subject._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    if (child := os.fork()) == 0:
        say(subject, "info", "in the child")
        (tmp_path / "child").touch()
        os._exit(0)
    os.waitpid(child, 0)
    done.set()
    thread.join()
    assert (tmp_path / "child").exists()


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"levels": {"debug": 1.5}}, "levels: debug=1.5 does not work; give a share from 0 to 1"),
        ({"events": {"x": "all"}}, "events: x='all' does not work; give a share from 0 to 1"),
        ({"levels": {"error": 0.5}}, "levels={'error'} does not work; give debug, info or warning"),
        ({"levels": {"DEBUG": 0.1}}, "levels={'DEBUG'} does not work; .* in lower case"),
        ({"levels": {"debug": True}}, "levels: debug=True does not work; give a share"),
        ({"levels": 0.1}, "levels=0.1 does not work; give a dict such as {'debug': 0.1}"),
        ({"levels": ["debug"]}, r"levels=\['debug'\] does not work; give a dict"),
        ({"levels": None}, "levels=None does not work; give a dict"),
        ({"events": "x"}, "events='x' does not work; give a dict"),
        ({"per_second": 0}, "per_second=0 does not work; give a whole number above 0"),
        ({"max_lines": None}, "max_lines=None does not work"),
        ({"max_requests": True}, "max_requests=True does not work"),
        ({"keep_failed": "no"}, "keep_failed='no' does not work; give True or False"),
    ],
)
def test_a_rule_that_cannot_be_is_an_error(rules: dict[str, Any], said: str) -> None:
    given = [isinstance(rules.get(name, {}), dict) for name in ("levels", "events")]
    with pytest.raises(ValueError if all(given) else TypeError, match=said):
        LogSampling(**rules)


def test_a_share_of_lines_that_the_level_drops_is_refused() -> None:
    rules = LogSampling(levels={"debug": 0.1, "warning": 0.5})
    said = r"does not work; give level='debug' as well: level='info' drops all \['debug'\] lines"
    with pytest.raises(ValueError, match=said):
        obs_helpers.start(log_sampling=rules)
    assert obs_helpers.start(log_sampling=rules, level="debug").running


def test_the_option_wants_rules() -> None:
    with pytest.raises(ValueError, match=r"log_sampling=0.1 does not work; give a LogSampling"):
        obs_helpers.start(log_sampling=0.1)
