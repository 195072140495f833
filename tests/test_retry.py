"""Retries: bounded in number, time and share, and only of what may be done twice."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Agent, Chance, ModelReply, Result, Session, ToolCall, Usage, VirtualClock
from obs_helpers.agent.core import Message, Run
from obs_helpers.agent.errors import (
    ErrorCategory,
    InvalidArguments,
    ModelTimeout,
    RateLimited,
    StepLimitReached,
    ToolError,
)
from obs_helpers.agent.retry import (
    RETRYABLE,
    Failure,
    Retry,
    RetryBudget,
    call_with_monitoring,
)
from obs_helpers.insight.failures import ErrorTracker

T = TypeVar("T")
LAX = {"share": 0.0, "reserve": 10**9}


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def failing(*errors: BaseException, answer: str = "done") -> Callable[[], Awaitable[str]]:
    """Return a function that raises these errors, one a call, and then answers."""
    left = list(errors)

    async def work() -> str:
        if left:
            raise left.pop(0)
        return answer

    return work


def policy(clock: VirtualClock, seed: int = 4, **options: Any) -> Retry:
    return Retry(clock, Chance(seed), **options)


# -- Waiting -------------------------------------------------------------------------------


def test_what_works_is_called_once_and_waits_for_nothing() -> None:
    clock = VirtualClock()
    retry = policy(clock)
    assert run(retry.call(failing())) == "done"
    assert (clock.monotonic(), retry.retries) == (0, 0)


def test_the_waits_are_what_was_announced_and_no_more() -> None:
    """The time that passes is the sum of the waits; each attempt is reported once."""
    clock, seen = VirtualClock(), list[Failure]()
    retry = policy(clock, attempts=4)
    errors = [ModelTimeout("one"), ConnectionError("two"), RateLimited(5)]
    assert run(retry.call(failing(*errors), on_failure=seen.append)) == "done"
    assert [failure.error for failure in seen] == errors
    assert [failure.attempt for failure in seen] == [1, 2, 3]
    assert [failure.category.value for failure in seen] == ["timeout", "dependency", "rate_limit"]
    assert clock.monotonic() == pytest.approx(sum(failure.wait_s or 0 for failure in seen))
    assert 5 <= (seen[2].wait_s or 0) <= 5 + 4
    assert retry.retries == 3


@given(
    base_s=st.floats(0, 1e6),
    cap_s=st.floats(0, 1e6),
    attempts=st.integers(1, 40),
    asked_s=st.none() | st.floats(0, 1e6),
    seed=st.integers(0, 9),
)
def test_each_wait_is_within_its_bounds(
    base_s: float, cap_s: float, attempts: int, asked_s: float | None, seed: int
) -> None:
    """Full jitter: from 0 to `min(cap, base * 2**n)`, after what the provider asked for."""
    clock, seen = VirtualClock(), list[Failure]()
    budget = RetryBudget(clock, **LAX)
    retry = policy(clock, seed, attempts=attempts, base_s=base_s, cap_s=cap_s,
                   deadline_s=1e12, budget=budget)  # fmt: skip
    error = ModelTimeout("x") if asked_s is None else RateLimited(asked_s)
    with pytest.raises(type(error)):
        run(retry.call(failing(*[error] * attempts), on_failure=seen.append))
    assert len(seen) == attempts
    for n, failure in enumerate(seen[:-1]):
        assert failure.wait_s is not None
        jitter = failure.wait_s - (asked_s or 0)
        assert -1e-6 <= jitter <= min(cap_s, base_s * 2**n) + 1e-6


def test_the_jitter_is_spread_over_its_whole_range() -> None:
    """Callers that fail together do not come back together, nor always late."""
    clock, waits = VirtualClock(), list[float]()
    retry = policy(clock, attempts=2, base_s=8, budget=RetryBudget(clock, **LAX))

    async def all_at_once() -> None:
        calls = (
            retry.call(failing(ModelTimeout("x")), on_failure=lambda f: waits.append(f.wait_s or 0))
            for _ in range(400)
        )
        await asyncio.gather(*calls)

    run(all_at_once())
    assert len(set(waits)) == 400
    assert min(waits) < 0.4
    assert max(waits) > 7.6
    assert 3.5 < sum(waits) / 400 < 4.5


def test_the_same_seed_waits_the_same() -> None:
    def total(seed: int | None) -> float:
        clock = VirtualClock()
        run(Retry(clock, Chance(seed)).call(failing(ModelTimeout("x"), ModelTimeout("y"))))
        return clock.monotonic()

    assert total(7) == total(7) != total(8)
    assert total(None) != total(None)


def test_no_attempt_starts_after_the_deadline() -> None:
    """Who is told to wait for longer than that gives up at once, and does not wait first."""
    clock, seen = VirtualClock(), list[Failure]()
    retry = policy(clock, base_s=0, deadline_s=30)
    assert run(retry.call(failing(RateLimited(30)))) == "done"
    assert clock.monotonic() == 30
    with pytest.raises(RateLimited, match=r"30\.5 s"):
        run(retry.call(failing(RateLimited(30.5)), on_failure=seen.append))
    assert clock.monotonic() == 30
    assert seen[0].gave_up == "the next attempt would start after 30 s"


def test_the_time_that_attempts_take_counts_for_the_deadline() -> None:
    clock, starts = VirtualClock(), list[float]()

    async def slow() -> None:
        starts.append(clock.monotonic())
        await clock.sleep(50)
        raise ModelTimeout("x")

    with pytest.raises(ModelTimeout):
        run(policy(clock, attempts=99, base_s=0, deadline_s=120).call(slow))
    assert starts == [0, 50, 100]
    assert clock.monotonic() == 150


# -- What is tried again, and what is raised -----------------------------------------------


@pytest.mark.parametrize(
    "error",
    [InvalidArguments("x"), ToolError("x"), StepLimitReached("x"), ValueError("x"), KeyError("x")],
    ids=repr,
)
def test_what_would_fail_again_is_not_tried_again(error: Exception) -> None:
    clock, seen = VirtualClock(), list[Failure]()
    with pytest.raises(type(error)) as raised:
        run(policy(clock).call(failing(error), on_failure=seen.append))
    assert raised.value is error
    assert clock.monotonic() == 0
    assert [failure.gave_up for failure in seen] == [f"{seen[0].category.value} is not retried"]


def test_the_retryable_categories_can_be_chosen() -> None:
    """For a single tool, a tool's error may be worth another attempt."""
    clock = VirtualClock()
    retry = policy(clock, retryable={ErrorCategory.TOOL_ERROR})
    assert run(retry.call(failing(ToolError("503")))) == "done"
    with pytest.raises(ModelTimeout):
        run(retry.call(failing(ModelTimeout("x"))))


class Falsy(ConnectionError):
    """An exception that counts as False, as those do that are lists as well."""

    def __bool__(self) -> bool:
        return False


_ERRORS = st.sampled_from(
    [ModelTimeout, ConnectionError, ValueError, ToolError, Falsy, KeyError, tenacity.TryAgain,
     lambda: RateLimited(1), lambda: ExceptionGroup("g", [TimeoutError()]), StopAsyncIteration,
     lambda: tenacity.RetryError(tenacity.Future(1))]
)  # fmt: skip


@given(makers=st.lists(_ERRORS, min_size=1, max_size=6), attempts=st.integers(1, 5))
def test_whatever_fails_the_last_error_is_the_one_raised(makers: Any, attempts: int) -> None:
    """Never another one, and never a None that looks like an answer."""
    clock, seen = VirtualClock(), list[Failure]()
    errors = [maker() for maker in makers]
    retry = policy(clock, attempts=attempts, budget=RetryBudget(clock, **LAX))
    try:
        answer = run(retry.call(failing(*errors), on_failure=seen.append))
    except BaseException as error:
        assert error is seen[-1].error is errors[len(seen) - 1]
        assert seen[-1].wait_s is None
        assert seen[-1].gave_up
    else:
        assert answer == "done"
        assert len(seen) == len(errors) < attempts
    assert all(failure.wait_s is not None and not failure.gave_up for failure in seen[:-1])
    assert len(seen) <= attempts


def test_a_cancellation_is_neither_tried_again_nor_a_failure() -> None:
    clock, seen = VirtualClock(), list[Failure]()
    for stop in (asyncio.CancelledError(), KeyboardInterrupt()):
        with pytest.raises(type(stop)):
            run(policy(clock).call(failing(stop), on_failure=seen.append))
    assert seen == []


def test_a_call_can_be_cancelled_while_it_waits() -> None:
    clock, seen = VirtualClock(), list[Failure]()

    async def impatient() -> None:
        retry = policy(clock, deadline_s=9999)
        task = asyncio.create_task(retry.call(failing(RateLimited(600)), on_failure=seen.append))
        await clock.sleep(1)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        run(impatient())
    assert len(seen) == 1
    assert clock.monotonic() == 1


def test_whoever_is_told_of_a_failure_cannot_disturb() -> None:
    def broken(failure: Failure) -> None:
        raise RuntimeError("telemetry is down")

    assert run(policy(VirtualClock()).call(failing(ModelTimeout("x")), on_failure=broken)) == "done"


@pytest.mark.parametrize(
    "options",
    [{"attempts": 0}, {"base_s": -1}, {"cap_s": float("nan")}, {"deadline_s": -0.1}],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"do not work; give at least 1 attempt"):
        policy(VirtualClock(), **options)


# -- The budget ----------------------------------------------------------------------------


def test_in_an_outage_retries_stay_a_share_of_the_calls() -> None:
    """Three attempts each would be 200 retries; the budget allows 10 and a fifth of 100."""
    clock, reasons = VirtualClock(), list[str]()
    retry = policy(clock, base_s=0)

    async def outage() -> None:
        work = [failing(*[ModelTimeout("x")] * 3) for _ in range(100)]
        calls = (retry.call(w, on_failure=lambda f: reasons.append(f.gave_up)) for w in work)
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(result, ModelTimeout) for result in results)

    run(outage())
    assert retry.retries == 30
    assert "the retry budget is spent" in reasons


def test_a_budget_is_shared_by_those_who_are_given_it() -> None:
    clock = VirtualClock()
    budget = RetryBudget(clock, share=0, reserve=1)
    one, two = (policy(clock, base_s=0, budget=budget) for _ in range(2))
    assert run(one.call(failing(ModelTimeout("x")))) == "done"
    with pytest.raises(ModelTimeout):
        run(two.call(failing(ModelTimeout("x"))))
    clock.advance(60)
    assert run(two.call(failing(ModelTimeout("x")))) == "done"


@given(
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(0, 9), st.integers(0, 9)), max_size=40),
    share=st.floats(0, 1),
    reserve=st.integers(0, 5),
)
def test_in_any_minute_the_budget_holds(
    steps: list[tuple[float, int, int]], share: float, reserve: int
) -> None:
    """At each retry that it allows: reserve and share of the past minute are not exceeded."""
    clock = VirtualClock()
    budget = RetryBudget(clock, share, reserve)
    calls, retries = list[float](), list[float]()
    for pause_s, made, wanted in steps:
        clock.advance(pause_s)
        now = clock.monotonic()
        for _ in range(made):
            budget.note_call()
            calls.append(now)
        for _ in range(wanted):
            past = sum(t > now - 60 for t in calls), sum(t > now - 60 for t in retries)
            allowed = past[1] + 1 <= reserve + share * past[0]
            assert budget.take() is allowed
            retries += [now] * allowed


# -- A tool or a model call alone ----------------------------------------------------------


class Script:
    """A model that answers what the test says."""

    name, provider = "script", "test"

    def __init__(self, *replies: ModelReply | BaseException) -> None:
        self.replies, self.runs = list(replies), list[Run]()

    async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
        self.runs.append(run)
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply


def calls(*names: str) -> ModelReply:
    return ModelReply("", Usage(10, 5), tuple(ToolCall(f"c-{n}", n, {}) for n in names))


SAYS = ModelReply("Hello!", Usage(10, 5))


def test_a_wrapped_tool_is_retried_alone() -> None:
    """The model asked once; the tool kept its name, its parameters and its docstring."""
    clock, asked = VirtualClock(), list[str]()
    retry = policy(clock, retryable={ErrorCategory.TOOL_ERROR})

    async def get_weather(location: str) -> str:
        """Return the weather."""
        asked.append(location)
        if len(asked) < 3:
            raise ToolError("503")
        return "sunny"

    tool = retry.wrap(get_weather)
    assert (tool.__name__, tool.__doc__) == ("get_weather", "Return the weather.")
    assert list(inspect.signature(tool).parameters) == ["location"]
    wanted = ToolCall("c-1", "get_weather", {"location": "Oslo"})
    model = Script(ModelReply("", Usage(1, 1), (wanted,)), SAYS)
    result = run(Agent(model, [tool]).process("Weather?"))
    assert (result.text, result.steps, result.tool_calls) == ("Hello!", 2, 1)
    assert asked == ["Oslo"] * 3


def test_a_wrapped_model_is_retried_within_the_run() -> None:
    clock, seen = VirtualClock(), list[Failure]()
    model = Script(ModelTimeout("x"), SAYS)
    model.reply = policy(clock).wrap(model.reply, seen.append)  # type: ignore[method-assign]
    assert run(Agent(model, []).process("Hi")).steps == 1
    assert [failure.attempt for failure in seen] == [1]


# -- call_with_monitoring ------------------------------------------------------------------


async def look() -> str:
    """Look something up."""
    return "found"


async def book() -> str:
    """Book a flight."""
    return "booked"


def monitored(model: Any, tools: Sequence[Any] = (), **options: Any) -> tuple[Any, ErrorTracker]:
    """Return what a call of an agent with this model gave or raised, and its tracker."""
    clock = VirtualClock()
    tracker = ErrorTracker(clock)
    options = {"retry": policy(clock, base_s=0), **options}
    try:
        return run(call_with_monitoring(Agent(model, tools), "Hi", tracker, **options)), tracker
    except Exception as error:
        return error, tracker


def test_an_error_that_a_retry_mended_is_kept_but_is_no_error_of_the_request() -> None:
    result, tracker = monitored(Script(ModelTimeout("one"), RateLimited(2), SAYS))
    assert result.text == "Hello!"
    assert tracker.get_error_summary() == {
        "total_errors": 0,
        "by_category": {},
        "recent_errors": [],
    }
    assert [(one.category, one.handled) for one in tracker.occurrences()] == [
        ("timeout", True),
        ("rate_limit", True),
    ]
    assert [one.context["attempt"] for one in tracker.occurrences()] == [1, 2]


def test_when_all_attempts_fail_there_is_one_error_and_it_is_raised() -> None:
    errors = [ModelTimeout("one"), ModelTimeout("two"), RateLimited(3)]
    result, tracker = monitored(Script(*errors))
    assert result is errors[-1]
    assert tracker.get_error_summary()["by_category"] == {"rate_limit": 1}
    last = tracker.get_error_summary()["recent_errors"][0]
    assert last["context"] == {
        "query_length": 2,
        "attempt": 3,
        "session_id": "session-1",
        "gave_up": "3 attempts failed",
    }
    assert [one.handled for one in tracker.occurrences()] == [True, True, False]


def test_what_may_not_be_retried_is_recorded_once() -> None:
    error = ValueError("bad prompt")
    result, tracker = monitored(Script(error, SAYS))
    assert result is error
    assert tracker.get_error_summary()["by_category"] == {"validation_error": 1}


@pytest.mark.parametrize(
    ("called", "idempotent", "repeated"),
    [
        (["look"], (), False),  # nobody said that it may be called twice
        (["look"], ["look"], True),
        (["look", "look"], {"look", "book"}, True),
        (["look", "book"], ["look"], False),
        (["book"], ["look"], False),
        (["unknown"], ["look"], False),
        ([], (), True),
    ],
)
def test_a_run_that_did_what_must_not_be_done_twice_is_not_repeated(
    called: list[str], idempotent: Any, repeated: bool
) -> None:
    before = [calls(*called)] if called else []
    model = Script(*before, ModelTimeout("x"), SAYS)
    result, tracker = monitored(model, [look, book], idempotent=idempotent)
    if repeated:
        assert result.text == "Hello!"
    else:
        assert isinstance(result, ModelTimeout)
        (one,) = tracker.occurrences()
        assert one.context["gave_up"] == "what was done must not be done twice"
        assert not one.handled


def test_what_other_runs_of_the_agent_do_does_not_count() -> None:
    """Two requests at once: one books a flight, the other fails and is tried again."""
    clock = VirtualClock()
    tracker = ErrorTracker(clock)

    class Both:
        name, provider = "both", "test"
        failed = False

        async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
            if run.query == "book":
                await clock.sleep(1)
                return calls("book") if len(messages) == 1 else SAYS
            await clock.sleep(5)
            if not self.failed:
                self.failed = True
                raise ModelTimeout("x")
            return SAYS

    class Queued(Agent):
        async def process(self, query: str, session: Session | None = None) -> Result:
            await clock.sleep(0.5 if query == "fail" else 0)  # until after the other began
            return await super().process(query, session)

    agent = Queued(Both(), [book])

    async def two() -> list[Any]:
        wanted = [
            call_with_monitoring(agent, query, tracker, retry=policy(clock))
            for query in ("fail", "book")
        ]
        return await asyncio.gather(*wanted)

    assert [result.tool_calls for result in run(two())] == [0, 1]
    assert [one.context["session_id"] for one in tracker.occurrences()] == ["session-2"]
    assert agent.hooks == []


def test_all_attempts_belong_to_one_session_and_a_failed_one_leaves_it_alone() -> None:
    session = Session("s", history=[{"role": "user", "content": "before"}])
    model = Script(calls("look"), ModelTimeout("x"), SAYS)
    monitored(model, [look], session=session, idempotent=["look"])
    assert all(run.session is session for run in model.runs)
    assert [message["content"] for message in session.history] == ["before", "Hi", "Hello!"]
    model = Script(ModelTimeout("x"), SAYS)
    monitored(model)
    assert {run.session.id for run in model.runs} == {"session-1"}
    assert model.runs[0].session is model.runs[1].session
    model = Script(*[ModelTimeout("x")] * 3)
    before = session.to_dict()
    monitored(model, session=session)
    assert session.to_dict() == before


def test_a_cancelled_request_is_no_error() -> None:
    clock = VirtualClock()
    tracker = ErrorTracker(clock)

    class Slow(Script):
        async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
            await clock.sleep(60)
            return SAYS

    agent = Agent(Slow(), [])

    async def impatient() -> None:
        task = asyncio.create_task(call_with_monitoring(agent, "Hi", tracker))
        await clock.sleep(1)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        run(impatient())
    assert tracker.occurrences() == []
    assert agent.hooks == []


def test_a_broken_tracker_does_not_disturb() -> None:
    class Broken:
        def record_error(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("full")

    agent = Agent(Script(ModelTimeout("x"), SAYS), [])
    work = call_with_monitoring(agent, "Hi", Broken(), retry=policy(VirtualClock(), base_s=0))
    assert run(work).text == "Hello!"


def test_the_outlines_call_works_as_written() -> None:
    parameters = inspect.signature(call_with_monitoring).parameters
    assert list(parameters)[:3] == ["agent", "query", "tracker"]
    assert all(p.default is not p.empty for p in list(parameters.values())[3:])
    agent = Agent(Script(SAYS), [])
    assert run(call_with_monitoring(agent, "Hi", ErrorTracker())).text == "Hello!"
    assert frozenset(ErrorCategory) > RETRYABLE


def test_logs_and_trace_ids_tell_the_attempts_apart() -> None:
    """One warning once all attempts are used up; each line of an attempt says which it is."""
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    tracker = ErrorTracker(clock)
    agent = obs_helpers.instrument(Agent(Script(*[ModelTimeout("x")] * 3), []))
    with pytest.raises(ModelTimeout):
        run(call_with_monitoring(agent, "Hi", tracker, retry=policy(clock)))
    lines = obs.store.rows("""
        SELECT event, level, (fields->>'attempt')::INT, trace_id, (fields->>'session_id') FROM logs
        WHERE event IN ('run failed', 'error handled', 'error recorded') ORDER BY time, event DESC
    """)
    runs = obs.store.rows(
        "SELECT trace_id FROM spans WHERE name LIKE 'invoke%' ORDER BY start_time"
    )
    ids = [trace_id for (trace_id,) in runs]
    assert lines == [
        ("run failed", "error", 1, ids[0], "session-1"),
        ("error handled", "info", 1, ids[0], "session-1"),
        ("run failed", "error", 2, ids[1], "session-1"),
        ("error handled", "info", 2, ids[1], "session-1"),
        ("run failed", "error", 3, ids[2], "session-1"),
        ("error recorded", "warning", 3, ids[2], "session-1"),
    ]
    assert [one.trace_id for one in tracker.occurrences()] == ids
