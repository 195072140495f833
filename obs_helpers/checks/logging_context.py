"""Exercise 1, steps 4 and 5: context in tasks and in threads."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from structlog.contextvars import bind_contextvars, bound_contextvars, unbind_contextvars

from obs_helpers.checks.logging_probe import Draw, Fields, Lines, calling, logger, scene, short
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import Chance

Handle = Callable[..., Any]
Submit = Callable[..., Any]
_PATIENCE_S = 0.8
"""How long a job waits for its caller to go on."""
_ENDED_S = 5.0
"""How long a job may take that waits for nobody: a busy machine is slow."""


# -- Step 4 ------------------------------------------------------------------------------
def check_handle(handle: Handle) -> None:
    """All lines of a session carry it, none of anybody else's, whatever happens inside."""
    draw = Chance().stream("handle")
    _one_session(handle, draw)
    _side_by_side(handle, draw)
    _afterwards(handle, draw, {})
    _afterwards(handle, draw, {"session_id": _name(draw), "user_id": "user-7"})
    _failing_session(handle, draw)


def _work(log: Any, answer: Any) -> Callable[[], Awaitable[Any]]:
    async def work() -> Any:
        log.info("tool result")
        await asyncio.sleep(0)
        log.info("run finished", answer_is=answer)
        return answer

    return work


def _name(draw: Draw) -> str:
    return f"session-{draw.randrange(10**6)}"


async def _awaited(handle: Handle, log: Any, session: str, work: Any) -> Any:
    """Return what a session gives, for plain functions too."""
    value = handle(log, session, work)
    value = await value if inspect.isawaitable(value) else value
    if inspect.iscoroutine(value):
        value.close()  # or Python warns of it later, in another place
        raise Wrong("It returned a coroutine instead of an answer. Did you forget an `await`?")
    return value


def _one_session(handle: Handle, draw: Draw) -> None:
    lines, session, answer = Lines(), _name(draw), draw.randrange(10**6)
    log = logger(lines)

    async def one_session() -> Any:
        return await _awaited(handle, log, session, _work(log, answer))

    got = calling("There was one session, and nothing failed.", one_session)
    expect(got == answer, f"work() returned {answer}, and handle gave {got!r} to its caller.")
    events = lines.take()
    names = [event["event"] for event in events]
    wanted = ["asked", "tool result", "run finished", "answered"]
    told = f"The lines of one session came as {names}. `asked` comes first, `answered` last."
    expect(names == wanted, told)
    for event in events:
        seen = event.get("session_id")
        whose = "work()" if event["event"] in wanted[1:3] else "handle"
        told = f"The line `{event['event']}`, which {whose} wrote, has session_id {seen!r}."
        expect(seen == session, told)


def _side_by_side(handle: Handle, draw: Draw) -> None:
    lines = Lines()
    log = logger(lines)
    names = [_name(draw) for _ in range(3)]

    async def sessions_side_by_side() -> None:
        await asyncio.gather(*(_awaited(handle, log, name, _work(log, name)) for name in names))

    calling("There were three sessions side by side.", sessions_side_by_side)
    for event in lines.take():
        mine, seen = event.get("answer_is"), event.get("session_id")
        expect(mine in (None, seen), f"A line of {mine} has session_id {seen!r}.")


def _afterwards(handle: Handle, draw: Draw, around: Fields) -> None:
    lines, session = Lines(), _name(draw)
    log = logger(lines)

    async def a_session_and_a_line() -> None:
        with bound_contextvars(**around):
            await _awaited(handle, log, session, _work(log, 0))
            log.info("later")

    scene(a_session_and_a_line)
    last = lines.take()[-1]
    seen = {name: last[name] for name in ("session_id", "user_id") if name in last}
    told = f"Before the session {around} was bound, and afterwards {seen}. "
    expect(seen == around, told + "Put back what was bound before.")


def _failing_session(handle: Handle, draw: Draw) -> None:
    lines, message = Lines(), f"no answer after {draw.randrange(99)} s"
    log = logger(lines)

    async def work_that_raises() -> None:
        raise TimeoutError(message)

    async def a_session_that_fails() -> str:
        try:
            await _awaited(handle, log, _name(draw), work_that_raises)
        except TimeoutError as error:
            return str(error)
        finally:
            log.info("later")
        return "nothing"

    seen = scene(a_session_that_fails)
    told = f"work() raised TimeoutError({message!r}), and the caller of handle got {seen}."
    expect(seen == message, f"{told} The caller must know that it failed.")
    *before, last = lines.take()
    told = "When work() raises, session_id stays bound: a later line has "
    expect("session_id" not in last, f"{told}{last.get('session_id')!r}.")
    names = [event["event"] for event in before]
    expect("answered" not in names, f"work() raised, and yet the lines say {names}.")


# -- Step 5 ------------------------------------------------------------------------------
def check_submit(submit: Submit) -> None:
    """A job has the context of its call; the pool's threads keep none of it."""
    draw = Chance().stream("submit")
    for scenario in (_a_job, _an_early_call, _other_variables, _jobs_at_once, _a_failing_job):
        with ThreadPoolExecutor(3 if scenario is _jobs_at_once else 1) as pool:
            scenario(submit, pool, draw)


def _future(made: Any) -> "Future[Any]":
    if inspect.iscoroutine(made):
        made.close()
    forgot = "Did you forget a `return`?" if made is None else "The caller cannot wait for it."
    expect(isinstance(made, Future), f"submit gave {short(made)}, not a Future. {forgot}")
    future: Future[Any] = made
    return future


def _a_job(submit: Submit, pool: ThreadPoolExecutor, draw: Draw) -> None:
    lines, session, number = Lines(), _name(draw), draw.randrange(10**6)
    log = logger(lines)
    threads: list[int] = []

    def job(half: int) -> int:
        threads.append(threading.get_ident())
        log.info("in a thread")
        return 2 * half

    def one_job() -> Any:
        with bound_contextvars(session_id=session):
            future = _future(submit(pool, job, number))
            error = future.exception(_ENDED_S)
        got = f" The pool got its result instead of a function: {error}" if error else ""
        told = f"The job ran in the caller's own thread, and not in the pool.{got}"
        expect(threads != [threading.get_ident()], told)
        pool.submit(log.info, "next job").result()
        return future.result()

    rule = "The job takes one argument, and submit(pool, job, number) was called."
    value = calling(rule, one_job)
    expect(value == 2 * number, f"The job returned {2 * number}, and its Future gives {value!r}.")
    first, second = (event.get("session_id") for event in lines.take())
    told = "session_id was bound when submit was called; the line of the job has "
    expect(first == session, f"{told}session_id {first!r}.")
    told = "The next job of the same thread, of somebody else, has session_id "
    expect(second is None, f"{told}{second!r}. Something stayed bound in the thread.")


def _an_early_call(submit: Submit, pool: ThreadPoolExecutor, draw: Draw) -> None:
    lines, session = Lines(), _name(draw)
    log, gate = logger(lines), threading.Event()

    def a_job_that_waits() -> bool:
        pool.submit(gate.wait, _PATIENCE_S)  # keeps the only thread
        with bound_contextvars(session_id=session):
            future = submit(pool, log.info, "in a thread")
        at_once = not _future(future).done()
        gate.set()
        future.result(_ENDED_S)
        return at_once

    went_on = scene(a_job_that_waits)
    expect(went_on, "submit came back only when the job was done. The caller wants to go on.")
    seen = lines.take()[0].get("session_id")
    told = "The thread was busy, and the job began when its session was no longer bound here: "
    expect(
        seen == session, f"{told}session_id is {seen!r}. Take the context when submit is called."
    )


def _other_variables(submit: Submit, pool: ThreadPoolExecutor, draw: Draw) -> None:
    span: contextvars.ContextVar[str] = contextvars.ContextVar("current_span", default="none")
    name = f"span-{draw.randrange(10**6)}"

    def a_job_within_a_span() -> tuple[str, Fields]:
        span.set(name)
        seen = _future(submit(pool, span.get)).result(_ENDED_S)

        def bind() -> None:
            bind_contextvars(tool="get_weather")

        _future(submit(pool, bind)).result(_ENDED_S)
        lines = Lines()
        logger(lines).info("caller")
        unbind_contextvars("tool")
        return seen, lines.take()[0]

    seen, line = scene(a_job_within_a_span)
    told = f"A context variable of another library was {name!r}, and is {seen!r} in the job."
    expect(seen == name, f"{told} Take the whole context, not only structlog's part.")
    expect("tool" not in line, "What the job bound is bound in its caller, too.")


def _jobs_at_once(submit: Submit, pool: ThreadPoolExecutor, draw: Draw) -> None:
    meeting = threading.Barrier(3)
    session = _name(draw)

    def three_jobs_at_once() -> None:
        with bound_contextvars(session_id=session):
            futures = [_future(submit(pool, meeting.wait, _PATIENCE_S)) for _ in range(3)]
        errors = [future.exception(_ENDED_S) for future in futures]
        own = [error for error in errors if not isinstance(error, threading.BrokenBarrierError)]
        failed = next((error for error in own if error), None)
        told = f"Three jobs of one session were to run at once, and one got {failed!r}."
        expect(failed is None, told)
        expect(not any(errors), "Three jobs of one session were to run at once, and did not.")

    scene(three_jobs_at_once)


def _a_failing_job(submit: Submit, pool: ThreadPoolExecutor, draw: Draw) -> None:
    message = f"no answer after {draw.randrange(99)} s"

    def failing(text: str) -> None:
        raise ConnectionError(text)

    def a_job_that_fails() -> str:
        future = _future(submit(pool, failing, message))
        return repr(future.exception(_ENDED_S))

    seen = scene(a_job_that_fails)
    told = f"The job raised ConnectionError({message!r}); its Future says {seen}."
    expect(message in seen, told)
