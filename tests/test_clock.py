"""Virtual time, real time, and chance."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_helpers import clock as clock_module
from obs_helpers.clock import NS_PER_S, VIRTUAL_START, Chance, SystemClock, VirtualClock

MILLISECONDS = st.integers(0, 100_000)


class SecretiveLoop(asyncio.SelectorEventLoop):
    """A loop that does not tell the clock what is ready to run, as uvloop does not."""

    asked = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "_ready" and sys._getframe(1).f_globals["__name__"] == clock_module.__name__:
            SecretiveLoop.asked += 1
            raise AttributeError(name)
        return super().__getattribute__(name)


@pytest.fixture(params=["asyncio's loop", "a loop that hides what is ready"])
def run(request: pytest.FixtureRequest) -> Any:
    """Return what runs a coroutine, on both kinds of event loop."""
    hidden = request.param != "asyncio's loop"

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=SecretiveLoop if hidden else None) as runner:
            before = SecretiveLoop.asked
            result = runner.run(coroutine)
            assert (SecretiveLoop.asked > before) is hidden
            return result

    return run


async def nap(clock: VirtualClock, seconds: float, woken: list[tuple[float, float]]) -> None:
    await clock.sleep(seconds)
    woken.append((seconds, clock.monotonic()))


# -- Sleeping ---------------------------------------------------------------------------


def test_sleepers_wake_in_order_of_their_times_and_each_at_its_own(run: Any) -> None:
    clock, woken = VirtualClock(), []

    async def main() -> None:
        await asyncio.gather(*(nap(clock, s, woken) for s in (3, 1, 2.5, 0, 86_400)))

    run(main())
    assert woken == [(s, s) for s in (0, 1, 2.5, 3, 86_400)]


def test_sleepers_with_the_same_time_wake_in_the_order_they_went_to_sleep(run: Any) -> None:
    clock, woken = VirtualClock(), []

    async def one(name: str) -> None:
        await clock.sleep(1)
        woken.append(name)

    async def main() -> None:
        await asyncio.gather(*(one(name) for name in "abcd"))

    run(main())
    assert woken == list("abcd")


def test_side_by_side_takes_the_longest_one_after_the_other_takes_the_sum(run: Any) -> None:
    clock = VirtualClock()

    async def main() -> tuple[float, float]:
        await asyncio.gather(*(clock.sleep(s) for s in (1, 2, 3)))
        parallel = clock.monotonic()
        for s in (1, 2, 3):
            await clock.sleep(s)
        return parallel, clock.monotonic() - parallel

    assert run(main()) == (3.0, 6.0)


def test_nested_gathers_take_the_longest_path(run: Any) -> None:
    clock = VirtualClock()

    async def leaf(name: str, seconds: float) -> tuple[str, float]:
        await clock.sleep(seconds)
        return name, clock.monotonic()

    async def branch(name: str) -> list[tuple[str, float]]:
        first = await asyncio.gather(leaf(f"{name}1", 1), leaf(f"{name}2", 2))
        return [*first, *await asyncio.gather(leaf(f"{name}3", 0.5), leaf(f"{name}4", 0.25))]

    async def main() -> list[list[tuple[str, float]]]:
        # The long sleeper would pull the time away if the clock took a task on its way
        # through `gather` for one that sleeps.
        long = asyncio.create_task(clock.sleep(1000))
        found = await asyncio.gather(branch("a"), branch("b"))
        assert clock.monotonic() == 2.5
        long.cancel()
        return list(found)

    for found, name in zip(run(main()), "ab", strict=True):
        assert found == [(f"{name}1", 1), (f"{name}2", 2), (f"{name}3", 2.5), (f"{name}4", 2.25)]


@given(st.lists(MILLISECONDS, min_size=1, max_size=30))
def test_any_sleeps_end_in_order_and_together_take_the_longest(naps: list[int]) -> None:
    clock, woken = VirtualClock(), []

    async def main() -> None:
        await asyncio.gather(*(nap(clock, ms / 1000, woken) for ms in naps))

    asyncio.run(main())
    assert [seconds for seconds, _ in woken] == sorted(ms / 1000 for ms in naps)
    assert all(at == seconds for seconds, at in woken)
    assert clock.monotonic() == max(naps) / 1000


@given(st.lists(st.lists(MILLISECONDS, min_size=1, max_size=4), min_size=1, max_size=8))
def test_every_task_sees_its_own_sum_whatever_the_others_do(tasks: list[list[int]]) -> None:
    clock = VirtualClock()

    async def work(naps: list[int]) -> int:
        for ms in naps:
            await clock.sleep(ms / 1000)
        return clock.time_ns()

    async def main() -> list[int]:
        return list(await asyncio.gather(*map(work, tasks)))

    start = clock.time_ns()
    assert asyncio.run(main()) == [start + sum(naps) * 1_000_000 for naps in tasks]


def test_a_negative_sleep_is_a_sleep_of_no_length(run: Any) -> None:
    clock = VirtualClock()
    run(clock.sleep(-5))
    assert clock.monotonic() == 0


def test_a_cancelled_sleeper_neither_wakes_nor_moves_the_time(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    clock, woken = VirtualClock(), []

    async def main() -> None:
        tasks = [asyncio.create_task(nap(clock, s, woken)) for s in (50, 3, 5, 5, 5)]
        kept = tasks.pop(2)
        await clock.sleep(1)
        for task in tasks:
            task.cancel()
        await kept
        assert all(task.cancelled() for task in tasks)
        await clock.sleep(1)

    run(main())
    assert woken == [(5, 5.0)]
    assert caplog.records == []
    assert clock.monotonic() == 6


def test_a_sleeper_that_is_cancelled_alone_does_not_keep_the_loop_busy(run: Any) -> None:
    clock = VirtualClock()

    async def main() -> bool:
        only = asyncio.create_task(clock.sleep(9))
        await asyncio.sleep(0)
        only.cancel()
        await asyncio.wait([only])
        return only.cancelled()

    assert run(main())
    assert clock.monotonic() == 0


def test_one_clock_serves_one_event_loop_after_the_other(run: Any) -> None:
    clock = VirtualClock()
    run(clock.sleep(2))
    run(clock.sleep(3))
    assert clock.monotonic() == 5


def test_sleepers_that_a_failed_run_left_behind_do_not_disturb_the_next() -> None:
    clock, woken = VirtualClock(), []

    async def fails() -> None:
        left = [asyncio.create_task(nap(clock, seconds, woken)) for seconds in (7, 8, 9)]
        await clock.sleep(1)
        raise LookupError(left)

    with pytest.raises(LookupError):
        asyncio.run(fails())
    begin = clock.monotonic()
    asyncio.run(nap(clock, 20, woken))
    assert woken == [(20, begin + 20)]


def test_sleepers_of_a_loop_that_was_closed_under_them_are_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, woken = VirtualClock(), []
    loop = asyncio.new_event_loop()
    left = [loop.create_task(nap(clock, seconds, woken)) for seconds in (1, 7, 8, 9)]
    loop.run_until_complete(left[0])
    loop.close()
    begin = clock.monotonic()
    asyncio.run(nap(clock, 20, woken))
    assert woken == [(1, 1.0), (20, begin + 20)]
    assert caplog.records == []
    for task in left[1:]:
        assert not task.done()
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        task.get_coro().close()


# -- Reading the time -------------------------------------------------------------------


def test_virtual_time_begins_on_a_monday_morning_unless_told_otherwise() -> None:
    clock = VirtualClock()
    assert clock.time_ns() == int(VIRTUAL_START.timestamp()) * NS_PER_S
    assert VIRTUAL_START.strftime("%A %H:%M %Z") == "Monday 08:00 UTC"


def test_a_start_without_a_time_zone_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="add tzinfo=UTC"):
        VirtualClock(datetime(2026, 1, 5))  # noqa: DTZ001


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    st.integers(-23, 23),
)
def test_the_clock_begins_exactly_at_its_start_in_any_time_zone(
    local: datetime, hours: int
) -> None:
    start = local.replace(tzinfo=timezone(timedelta(hours=hours)))
    clock = VirtualClock(start)
    microseconds = (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert clock.time_ns() == microseconds * 1000
    assert clock.monotonic() == 0


def test_wall_clock_and_stopwatch_move_together() -> None:
    clock = VirtualClock()
    start = clock.time_ns()
    clock.advance(0.1)
    clock.advance(0.2)
    assert clock.time_ns() - start == 300_000_000
    assert clock.monotonic() == 0.3


# -- Doing something again and again ----------------------------------------------------


def test_every_calls_at_each_multiple_of_the_period_while_coroutines_sleep(run: Any) -> None:
    clock, times = VirtualClock(), []
    clock.every(60, lambda: times.append(clock.monotonic()))

    async def main() -> None:
        for seconds in (59, 1, 30, 200):
            await clock.sleep(seconds)

    run(main())
    assert times == [60, 120, 180, 240]


def test_every_misses_no_call_over_a_long_jump_and_tells_each_the_right_time() -> None:
    clock, times = VirtualClock(), []
    clock.every(300, lambda: times.append(clock.monotonic()))
    clock.advance(86_400)
    assert times == [300.0 * n for n in range(1, 289)]
    assert clock.monotonic() == 86_400


def test_two_timers_take_turns_by_time() -> None:
    clock, calls = VirtualClock(), []
    clock.every(2, lambda: calls.append(("two", clock.monotonic())))
    clock.every(3, lambda: calls.append(("three", clock.monotonic())))
    clock.advance(6)
    assert calls == [("two", 2), ("three", 3), ("two", 4), ("two", 6), ("three", 6)]


def test_a_timer_is_called_before_the_sleeper_that_is_due_with_it() -> None:
    clock, calls = VirtualClock(), []

    async def main() -> None:
        await clock.sleep(5)
        calls.append("sleeper")

    clock.every(5, lambda: calls.append("timer"))
    asyncio.run(main())
    assert calls == ["timer", "sleeper"]


def test_a_stopped_timer_is_called_no_more_and_the_others_go_on() -> None:
    clock, calls = VirtualClock(), []
    stop = clock.every(1, lambda: calls.append("a"))
    clock.every(1, lambda: calls.append("b"))
    clock.advance(2)
    stop()
    stop()
    clock.advance(2)
    assert calls == ["a", "b", "a", "b", "b", "b"]


def test_stopping_one_timer_leaves_another_with_the_same_action_alone() -> None:
    clock, calls = VirtualClock(), []

    def action() -> None:
        calls.append(clock.monotonic())

    stop = clock.every(1, action)
    clock.every(10, action)
    stop()
    clock.advance(10)
    assert calls == [10]


def test_a_timer_can_stop_itself() -> None:
    clock, calls = VirtualClock(), []

    def action() -> None:
        calls.append(clock.monotonic())
        stop()

    stop = clock.every(1, action)
    clock.advance(5)
    assert calls == [1]
    assert clock.monotonic() == 5


def test_an_action_that_raises_does_not_stop_the_time(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    clock, calls = VirtualClock(), []

    def action() -> None:
        calls.append(clock.monotonic())
        raise LookupError

    clock.every(10, action)
    with caplog.at_level(logging.CRITICAL, "asyncio"):
        run(clock.sleep(25))
    assert calls == [10, 20]
    assert clock.monotonic() == 25


# -- Real time --------------------------------------------------------------------------


def test_the_system_clock_tells_utc_and_sleeps_for_real() -> None:
    clock = SystemClock()
    before, steady = clock.time_ns(), clock.monotonic()
    asyncio.run(clock.sleep(0))
    now = datetime.now(UTC).timestamp() * NS_PER_S
    assert before <= now + NS_PER_S
    assert abs(now - before) < 60 * NS_PER_S
    assert clock.monotonic() >= steady


def test_the_system_clock_calls_from_a_thread_of_its_own_until_stopped() -> None:
    called, threads = threading.Event(), set()

    def action() -> None:
        threads.add(threading.current_thread())
        called.set()

    stop = SystemClock().every(0.001, action)
    assert called.wait(30)
    stop()
    (thread,) = threads
    assert thread is not threading.main_thread()
    assert not thread.is_alive()


def test_an_action_of_the_system_clock_can_stop_itself() -> None:
    ready, done = threading.Event(), threading.Event()

    def action() -> None:
        assert ready.wait(30)
        stop()
        done.set()

    stop = SystemClock().every(0.001, action)
    ready.set()
    assert done.wait(30)
    stop()
    assert not [t for t in threading.enumerate() if t.name == "obs-every"]


# -- Chance -----------------------------------------------------------------------------


@given(st.integers(), st.lists(st.text() | st.integers(), max_size=3))
def test_a_seeded_stream_depends_on_seed_and_names_alone(seed: int, names: list[Any]) -> None:
    chance, again = Chance(seed), Chance(seed)
    first = [chance.stream(*names).random() for _ in range(2)]
    again.bits(64)
    again.stream("another").random()
    assert again.stream(*names).random() == first[0] == first[1]
    assert again.stream(*names, "more").random() != first[0]
    assert Chance(seed + 1).stream(*names).random() != first[0]


def test_names_are_told_apart_by_where_one_ends_and_by_their_type() -> None:
    chance = Chance(1)
    draws = [
        chance.stream(*names).random() for names in [("ab", "c"), ("a", "bc"), ("1",), (1,), ()]
    ]
    assert len(set(draws)) == 5


def test_seeded_bits_repeat_and_unseeded_ones_do_not() -> None:
    assert Chance(3).bits(128) == Chance(3).bits(128) != Chance(4).bits(128)
    assert Chance().bits(128) != Chance().bits(128)
    assert Chance().stream("a").getrandbits(128) != Chance().stream("a").getrandbits(128)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_unseeded_numbers_differ_between_a_process_and_its_forks() -> None:
    chance = Chance()

    def child() -> str:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, f"{chance.bits(128)} {chance.stream('a').getrandbits(128)}".encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            drawn = pipe.read()
        assert os.waitpid(pid, 0)[1] == 0
        return drawn

    drawn = [*child().split(), *child().split(), str(chance.bits(128))]
    assert all(drawn)
    assert len(set(drawn)) == 5
