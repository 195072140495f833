"""Retries that do no harm: few, spread in time, and only of what may be repeated.

Retry the single model or tool call where you can (`Retry.wrap`): it is cheaper than the
whole run, and nothing that was done already is done twice.

This module knows no telemetry. What becomes of each failed attempt goes to a callback as
a `Failure`, and `call_with_monitoring` passes it on to a tracker. While an attempt runs,
each of its log lines carries the field `attempt`.
"""

import asyncio
import contextlib
import functools
import itertools
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol, TypeVar

from structlog.contextvars import bound_contextvars
from tenacity import AsyncRetrying, RetryCallState, wait_exponential

from obs_helpers.agent.core import Agent, Hooks, Result, Run, Session, ToolCall
from obs_helpers.agent.errors import ErrorCategory, classify, retry_after_s
from obs_helpers.clock import NS_PER_S, Chance, Clock, SystemClock

P = ParamSpec("P")
T = TypeVar("T")

RETRYABLE = frozenset((ErrorCategory.TIMEOUT, ErrorCategory.RATE_LIMIT, ErrorCategory.DEPENDENCY))
"""What may go well the next time. Anything else fails again, and costs again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt, and what follows from it."""

    error: BaseException
    category: ErrorCategory
    attempt: int
    """Counted from 1."""
    wait_s: float | None
    """Time until the next attempt; None if there is none and the error is raised."""
    gave_up: str = ""
    """Why there is no next attempt."""


OnFailure = Callable[[Failure], object]


class RetryBudget:
    """Keeps retries a small share of all calls, so that they do not deepen an overload."""

    def __init__(self, clock: Clock | None = None, share: float = 0.2, reserve: int = 10) -> None:
        """Allow, in any minute, `reserve` retries and the share `share` of its calls.

        The reserve is for those who make few calls. Give one budget to all who call the
        same provider.
        """
        self.share, self.reserve = share, reserve
        self._monotonic = (clock or SystemClock()).monotonic
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque()
        self._lock = threading.Lock()

    def note_call(self) -> None:
        """Count a call. Its retries are no calls of their own."""
        with self._lock:
            self._calls.append(self._now())

    def take(self) -> bool:
        """Tell whether one more retry is allowed now, and count it if so."""
        with self._lock:
            now = self._now()
            allowed = len(self._retries) + 1 <= self.reserve + self.share * len(self._calls)
            if allowed:
                self._retries.append(now)
            return allowed

    def _now(self) -> float:
        now = self._monotonic()
        for times in (self._calls, self._retries):
            while times and times[0] <= now - 60:
                times.popleft()
        return now


class Retry:
    """When to try again, and when not to. One object serves many calls, side by side."""

    def __init__(
        self,
        clock: Clock | None = None,
        chance: Chance | None = None,
        *,
        attempts: int = 3,
        base_s: float = 1.0,
        cap_s: float = 30.0,
        deadline_s: float = 120.0,
        retryable: Collection[ErrorCategory] = RETRYABLE,
        budget: RetryBudget | None = None,
    ) -> None:
        """Wait on `clock`, for random times drawn from `chance`.

        Up to `attempts` in all. Before retry n, from 0, it waits from 0 to
        `min(cap_s, base_s * 2**n)` ("full jitter"). If the provider says how long to
        wait, it waits that long first. No attempt starts later than `deadline_s`; one that
        runs is not cut off. Errors in the categories `retryable` are tried again, as long
        as the `budget` lasts: share it with others, or it has one of its own.

        Raises:
            ValueError: there is no attempt, or a time is below 0.
        """
        if not (attempts >= 1 and base_s >= 0 and cap_s >= 0 and deadline_s >= 0):
            given = f"{attempts=}, {base_s=}, {cap_s=}, {deadline_s=}"
            msg = f"{given} do not work; give at least 1 attempt, and seconds from 0"
            raise ValueError(msg)
        self._clock = clock or SystemClock()
        self._draw = (chance or Chance()).stream("retry")
        self._backoff = wait_exponential(multiplier=base_s, max=cap_s)
        self.attempts, self.deadline_s, self.retryable = attempts, deadline_s, retryable
        self.budget = budget or RetryBudget(self._clock)
        self.retries = 0
        """How often it tried again so far, in all calls together."""

    async def call(
        self,
        function: Callable[..., Awaitable[T]],
        *args: Any,
        on_failure: OnFailure = lambda _: None,
        may_repeat: Callable[[], bool] = lambda: True,
    ) -> T:
        """Return `await function(*args)`, tried again where that helps.

        Each failed attempt is told to `on_failure`, whose own errors are ignored. After it
        `may_repeat` is asked; False means: not again.

        Raises:
            BaseException: the last attempt's error, as it is. A cancellation passes at
                once, and is no failure.
        """
        start, numbers = self._clock.monotonic(), itertools.count(1)
        self.budget.note_call()

        async def attempt() -> T:
            with bound_contextvars(attempt=next(numbers)):
                return await function(*args)

        def stop(state: RetryCallState) -> bool:
            failure = self._judge(state, start, may_repeat)
            with contextlib.suppress(Exception):
                on_failure(failure)
            return failure.wait_s is None

        retrying = AsyncRetrying(
            sleep=self._clock.sleep, wait=self._wait, stop=stop, retry_error_callback=_raise_last
        )
        return await retrying(attempt)

    def wrap(
        self, function: Callable[P, Awaitable[T]], on_failure: OnFailure = lambda _: None
    ) -> Callable[P, Awaitable[T]]:
        """Return `function` with retries, for a tool or a model's `reply`; also a decorator."""

        @functools.wraps(function)
        async def retried(*args: P.args, **kwargs: P.kwargs) -> T:
            call = functools.partial(function, *args, **kwargs)
            return await self.call(call, on_failure=on_failure)

        return retried

    def _wait(self, state: RetryCallState) -> float:
        asked_s = retry_after_s(_last_error(state), self._clock.time_ns() / NS_PER_S)
        return (asked_s or 0.0) + self._draw.uniform(0, self._backoff(state))

    def _judge(
        self, state: RetryCallState, start: float, may_repeat: Callable[[], bool]
    ) -> Failure:
        error, wait_s = _last_error(state), state.upcoming_sleep
        category = classify(error)
        if category not in self.retryable:
            gave_up = f"{category.value} is not retried"
        elif state.attempt_number >= self.attempts:
            gave_up = f"{self.attempts} attempts failed"
        elif not may_repeat():
            gave_up = "what was done must not be done twice"
        elif self._clock.monotonic() + wait_s - start > self.deadline_s:
            gave_up = f"the next attempt would start after {self.deadline_s:g} s"
        elif not self.budget.take():
            gave_up = "the retry budget is spent"
        else:
            self.retries += 1
            return Failure(error, category, state.attempt_number, wait_s)
        return Failure(error, category, state.attempt_number, None, gave_up)


def _last_error(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None  # tenacity asks after failures only
    return error


def _raise_last(state: RetryCallState) -> Any:
    raise _last_error(state)


# -- A run of the agent --------------------------------------------------------------------


class Tracker(Protocol):
    """Keeps errors, such as `obs_helpers.insight.failures.ErrorTracker`."""

    def record_error(
        self, category: Any, error: Any, context: Any = None, *, handled: bool = False
    ) -> None:
        """Keep an error; `handled` says that it is none of the request's."""
        ...


async def call_with_monitoring(
    agent: Agent,
    query: str,
    tracker: Tracker,
    *,
    session: Session | None = None,
    retry: Retry | None = None,
    idempotent: Collection[str] = (),
) -> Result:
    """Let `agent` answer `query`, try again where that helps, and report what failed.

    All attempts belong to one session, whose history a failed attempt leaves alone. The
    tracker gets each failure in the context of its span: the last one as an error of the
    request, those before it as handled.

    Args:
        agent: It is watched through hooks while this runs.
        query: What the user asks. Its length is reported, its text is not.
        tracker: Keeps the errors. What it raises is ignored.
        session: The conversation; a new one unless given.
        retry: The policy. Share one between calls, for the sake of its budget.
        idempotent: Names of tools that may be called twice. A run that called any other
            is not repeated: nobody should pay for two flights.

    Raises:
        BaseException: the last attempt's error, as it is.
    """
    watch = _Watch(session)

    async def attempt() -> Result:
        watch.begin()
        return await agent.process(query, watch.session)

    def report(failure: Failure) -> None:
        context: dict[str, Any] = {"query_length": len(query), "attempt": failure.attempt}
        known = {"session_id": watch.session and watch.session.id, "gave_up": failure.gave_up}
        context |= {name: value for name, value in known.items() if value}
        record = functools.partial(tracker.record_error, handled=not failure.gave_up)
        watch.context.run(record, failure.category, failure.error, context)

    agent.hooks.insert(0, watch)  # first, so that it sees a run's span before it ends
    try:
        return await (retry or Retry()).call(
            attempt, on_failure=report, may_repeat=lambda: watch.tools <= set(idempotent)
        )
    finally:
        agent.hooks[:] = [hooks for hooks in agent.hooks if hooks is not watch]


class _Watch(Hooks):
    """Notes of the attempts: their session, the tools called, where the last one failed."""

    def __init__(self, session: Session | None) -> None:
        self.session, self.tools = session, set[str]()

    def begin(self) -> None:
        self.run: Run | None = None
        self.task, self.context = asyncio.current_task(), copy_context()

    def before_run(self, run: Run) -> None:
        # Others use the same agent at the same time, in tasks of their own.
        if self.run is None and asyncio.current_task() is self.task:
            self.run, self.session = run, run.session

    def before_tool_call(self, run: Run, call: ToolCall) -> None:
        if run is self.run:
            self.tools.add(call.name)

    def on_run_error(self, run: Run, error: BaseException) -> None:
        if run is self.run:
            self.context = copy_context()
