"""The agent under observation, with nobody watching, and its faults."""

import asyncio
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_helpers import (
    FAULTS,
    Agent,
    Faults,
    Hooks,
    ModelReply,
    Result,
    Session,
    ToolCall,
    Usage,
    VirtualClock,
    travel_desk,
)
from obs_helpers.agent.core import Message, Run
from obs_helpers.agent.errors import (
    ErrorCategory,
    InvalidArguments,
    ModelTimeout,
    RateLimited,
    StepLimitReached,
    ToolError,
    classify,
)
from obs_helpers.agent.models import SORRY, price

WEATHER = "What is the weather in Oslo?"
TWO_TOOLS = "I need a flight from Rome to Lima, and the weather in Lima."
QUERIES = (
    WEATHER,
    "Compare the weather in Oslo and San Francisco, please.",
    TWO_TOOLS,
    "How much is 250 EUR in NOK?",
    "What does the policy say about hotels?",
    "Tell me a joke.",
)


T = TypeVar("T")


class Script:
    """A model that answers what the test says, and keeps what it was asked."""

    name, provider = "script", "test"

    def __init__(self, *replies: ModelReply | BaseException) -> None:
        self.replies, self.asked = list(replies), list[list[Message]]()

    async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
        self.asked.append([dict(message) for message in messages])
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply


def calls(*wanted: tuple[str, dict[str, Any]]) -> ModelReply:
    made = tuple(ToolCall(f"call-{n}", name, given) for n, (name, given) in enumerate(wanted))
    return ModelReply("", Usage(10, 5), made, "tool_calls")


def says(text: str) -> ModelReply:
    return ModelReply(text, Usage(20, 7))


async def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b


async def fail() -> None:
    """Raise."""
    raise ToolError("the service is down")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


# -- process -------------------------------------------------------------------------------


def test_an_answer_without_tools_takes_one_model_call() -> None:
    model = Script(says("Hello!"))
    result = run(Agent(model, []).process("Hi"))
    assert result == Result("Hello!", steps=1, tool_calls=0, usage=Usage(20, 7))
    assert result.token_count == 27
    assert model.asked == [[{"role": "user", "content": "Hi"}]]


def test_what_tools_return_goes_back_to_the_model() -> None:
    model = Script(calls(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})), says("3 and 7"))
    result = run(Agent(model, [add]).process("Add!"))
    assert result == Result("3 and 7", steps=2, tool_calls=2, usage=Usage(30, 12))
    assert [(m["role"], m["content"]) for m in model.asked[1]] == [
        ("user", "Add!"),
        ("assistant", ""),
        ("tool", 3),
        ("tool", 7),
    ]
    assert [m["tool_call_id"] for m in model.asked[1][2:]] == ["call-0", "call-1"]


def test_a_session_remembers_what_was_said_and_a_new_one_does_not() -> None:
    model = Script(says("Hello Ada."), says("Ada."), says("Who?"))
    agent, session = Agent(model, []), Session("s")
    run(agent.process("I am Ada.", session))
    run(agent.process("Who am I?", session))
    run(agent.process("Who am I?"))
    assert [message["content"] for message in model.asked[1]] == [
        "I am Ada.",
        "Hello Ada.",
        "Who am I?",
    ]
    assert [message["content"] for message in model.asked[2]] == ["Who am I?"]
    assert [message["role"] for message in session.history] == ["user", "assistant"] * 2
    assert session.to_dict()["history"] == session.history


def test_a_run_that_fails_leaves_the_history_as_it_was() -> None:
    model = Script(says("one"), RuntimeError("down"), says("two"))
    agent, session = Agent(model, []), Session("s")
    run(agent.process("first", session))
    before = session.to_dict()
    with pytest.raises(RuntimeError, match="down"):
        run(agent.process("second", session))
    assert session.to_dict() == before
    run(agent.process("third", session))
    assert [message["content"] for message in model.asked[2]] == ["first", "one", "third"]


def test_runs_without_a_session_each_get_one_of_their_own() -> None:
    seen: list[tuple[str, str]] = []

    class Watch(Hooks):
        def before_run(self, run: Run) -> None:
            seen.append((run.id, run.session.id))

    agent = Agent(Script(*[says("x")] * 3), [])
    agent.hooks.append(Watch())
    for _ in range(3):
        run(agent.process("Hi"))
    assert len(set(seen)) == len({i for i, _ in seen}) == len({s for _, s in seen}) == 3


def test_a_model_that_never_answers_is_stopped_at_the_step_limit() -> None:
    model = Script(*[calls(("add", {"a": 1, "b": 1}))] * 9)
    with pytest.raises(StepLimitReached, match="no answer after 4 model calls"):
        run(Agent(model, [add], max_steps=4).process("Go"))
    assert len(model.asked) == 4


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("subtract", {"a": 1}), "there is no tool 'subtract'; there are add, fail"),
        (("add", {"a": 1}), "add takes a, b, not a"),
        (("add", {"a": 1, "b": 2, "c": 3}), "add takes a, b, not a, b, c"),
        (("add", {"x": 1, "y": 2}), "add takes a, b, not x, y"),
        (("fail", {}), "the service is down"),
        (("add", {"a": 1, "b": "text"}), "unsupported operand"),
    ],
)
def test_a_tools_error_goes_back_to_the_model_which_can_still_answer(
    call: tuple[str, dict[str, Any]], told: str
) -> None:
    model = Script(calls(call, ("add", {"a": 2, "b": 2})), says("4"))
    assert run(Agent(model, [add, fail]).process("Go")).text == "4"
    failed, worked = model.asked[1][-2:]
    assert told in failed["content"]["error"]
    assert worked["content"] == 4


def test_config_is_what_the_agent_runs_with() -> None:
    agent = Agent(Script(), [], name="desk", max_steps=3)
    assert agent.config == {"name": "desk", "model": "script", "max_steps": 3}


# -- The travel desk -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "tools", "begins"),
    [
        (WEATHER, 1, "Tomorrow in Oslo: "),
        (QUERIES[1], 2, "Tomorrow in Oslo: "),
        (TWO_TOOLS, 2, "Tomorrow in Lima: "),
        (QUERIES[3], 1, "That makes 2872.34"),
        (QUERIES[4], 1, "Hotels up to 180 USD"),
        (QUERIES[5], 0, "I can help with weather, flights"),
    ],
)
def test_the_travel_desk_uses_the_tools_a_question_needs(
    query: str, tools: int, begins: str
) -> None:
    agent, _ = travel_desk(VirtualClock())
    result = run(agent.process(query))
    assert result.text.startswith(begins)
    assert (result.tool_calls, result.steps) == (tools, 2 if tools else 1)


def test_parallel_tool_calls_overlap_in_time() -> None:
    clock = VirtualClock()
    agent, _ = travel_desk(clock)
    spans: dict[str, list[float]] = {}

    class Watch(Hooks):
        def before_tool_call(self, run: Run, call: ToolCall) -> None:
            spans[call.name] = [clock.monotonic()]

        def after_tool_call(self, run: Run, call: ToolCall, result: Any) -> None:
            spans[call.name].append(clock.monotonic())

    agent.hooks.append(Watch())
    run(agent.process(TWO_TOOLS))
    (weather_start, weather_end), (flight_start, flight_end) = (
        spans["get_weather"],
        spans["find_flights"],
    )
    assert weather_start == flight_start
    assert weather_start < weather_end < flight_end


def test_the_same_seed_gives_the_same_replies_tokens_and_latencies() -> None:
    def day(seed: int | None) -> list[Any]:
        clock = VirtualClock()
        agent, _ = travel_desk(clock, seed)
        seen = []
        for query in QUERIES:
            seen.append((run(agent.process(query)), clock.time_ns()))
        return seen

    assert day(4) == day(4)
    assert day(4) != day(5)
    assert day(None) != day(None)


def test_a_run_is_the_same_alone_and_beside_others() -> None:
    async def process(others: Sequence[str]) -> tuple[Result, int]:
        clock = VirtualClock()
        agent, _ = travel_desk(clock)
        started = clock.time_ns()
        tasks = [asyncio.ensure_future(agent.process(q, Session(f"o-{q}"))) for q in others]
        result = await agent.process(TWO_TOOLS, Session("mine"))
        took = clock.time_ns() - started
        await asyncio.gather(*tasks)
        return result, took

    alone = run(process([]))
    assert run(process(QUERIES)) == alone
    assert run(process([WEATHER] * 20)) == alone


@given(
    st.lists(st.sampled_from(QUERIES), min_size=1, max_size=8),
    st.integers(0, 2**32),
    st.dictionaries(st.sampled_from(["prompt_bloat", "tool_error", "empty_result"]), st.just(0.5)),
)
@settings(max_examples=25)
def test_token_counts_always_add_up(queries: list[str], seed: int, rates: dict[str, float]) -> None:
    agent, faults = travel_desk(VirtualClock(), seed)
    for name, rate in rates.items():
        faults.set(name, rate)
    usages: list[Usage] = []

    class Watch(Hooks):
        def after_model_call(self, run: Run, reply: ModelReply) -> None:
            usages.append(reply.usage)
            assert reply.cost_usd == price(reply.usage) > 0

    agent.hooks.append(Watch())
    session = Session("s")

    async def talk() -> list[Result]:
        return [await agent.process(query, session) for query in queries]

    results = run(talk())
    for usage in usages:
        assert 0 <= usage.cached_tokens <= usage.input_tokens
        assert usage.cached_tokens % 128 == 0
        assert 0 <= usage.reasoning_tokens <= usage.output_tokens
        assert usage.output_tokens > 0
    assert sum((result.usage for result in results), Usage()) == sum(usages, Usage())
    assert agent.hook_errors == {}


def test_cached_tokens_are_part_of_the_input_at_half_price() -> None:
    assert price(Usage(1000, 100)) == Decimal("0.013")
    assert price(Usage(1000, 100, cached_tokens=1000)) == Decimal("0.008")
    assert price(Usage(1000, 100, reasoning_tokens=100)) == price(Usage(1000, 100))


# -- Hooks ---------------------------------------------------------------------------------


class Recording(Hooks):
    """Writes down each hook, and what its run, call or error is."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def before_run(self, run: Run) -> None:
        self.seen.append("before_run")

    def after_run(self, run: Run, result: Result) -> None:
        self.seen.append(f"after_run {result.text}")

    def on_run_error(self, run: Run, error: BaseException) -> None:
        self.seen.append(f"on_run_error {type(error).__name__}")

    def before_model_call(self, run: Run, messages: Sequence[Message]) -> None:
        self.seen.append(f"before_model_call {len(messages)}")

    def after_model_call(self, run: Run, reply: ModelReply) -> None:
        self.seen.append(f"after_model_call {reply.finish_reason}")

    def on_model_error(self, run: Run, error: BaseException) -> None:
        self.seen.append(f"on_model_error {type(error).__name__}")

    def before_tool_call(self, run: Run, call: ToolCall) -> None:
        self.seen.append(f"before_tool_call {call.name}")

    def after_tool_call(self, run: Run, call: ToolCall, result: Any) -> None:
        self.seen.append(f"after_tool_call {call.name} {result}")

    def on_tool_error(self, run: Run, call: ToolCall, error: BaseException) -> None:
        self.seen.append(f"on_tool_error {call.name} {type(error).__name__}")


def test_hooks_come_in_order_and_in_pairs() -> None:
    agent = Agent(Script(calls(("add", {"a": 1, "b": 2})), calls(("fail", {})), says("3")),
                  [add, fail])  # fmt: skip
    agent.hooks.append(watch := Recording())
    run(agent.process("Go"))
    assert watch.seen == [
        "before_run",
        "before_model_call 1",
        "after_model_call tool_calls",
        "before_tool_call add",
        "after_tool_call add 3",
        "before_model_call 3",
        "after_model_call tool_calls",
        "before_tool_call fail",
        "on_tool_error fail ToolError",
        "before_model_call 5",
        "after_model_call stop",
        "after_run 3",
    ]


def test_a_failed_model_call_ends_the_call_and_the_run() -> None:
    agent = Agent(Script(ModelTimeout("slow")), [])
    agent.hooks.append(watch := Recording())
    with pytest.raises(ModelTimeout):
        run(agent.process("Go"))
    assert watch.seen == [
        "before_run",
        "before_model_call 1",
        "on_model_error ModelTimeout",
        "on_run_error ModelTimeout",
    ]


def test_a_hook_that_raises_never_breaks_the_agent_and_is_counted() -> None:
    class Broken(Hooks):
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    script = [calls(("add", {"a": 1, "b": 2}), ("fail", {})), says("3")]
    agent = Agent(Script(*script, OSError("down")), [add, fail])
    agent.hooks += [Broken(), watch := Recording()]
    assert run(agent.process("Go")).text == "3"
    with pytest.raises(OSError, match="down"):
        run(agent.process("Go"))
    assert agent.hook_errors == {
        "before_run": 2,
        "before_model_call": 3,
        "after_model_call": 2,
        "before_tool_call": 2,
        "after_tool_call": 1,
        "on_tool_error": 1,
        "after_run": 1,
        "on_model_error": 1,
        "on_run_error": 1,
    }
    # Whoever comes after the broken one still sees everything.
    assert len(watch.seen) == sum(agent.hook_errors.values())


def test_a_cancelled_run_ends_each_pair_and_passes_the_cancellation_on() -> None:
    clock = VirtualClock()
    agent, _ = travel_desk(clock)
    agent.hooks.append(watch := Recording())
    session = Session("s")

    async def cancel_in_the_tools() -> None:
        task = asyncio.ensure_future(agent.process(TWO_TOOLS, session))
        while "before_tool_call find_flights" not in watch.seen:
            await clock.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancel_in_the_tools())
    assert watch.seen[-3:] == [
        "on_tool_error get_weather CancelledError",
        "on_tool_error find_flights CancelledError",
        "on_run_error CancelledError",
    ]
    assert session.history == []
    # The agent can be used again, on the same clock.
    assert run(agent.process(WEATHER, session)).tool_calls == 1


# -- Faults --------------------------------------------------------------------------------


class Observed(Recording):
    """Also keeps replies, and how long tools take."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock, self._started = clock, dict[str, float]()
        self.replies: list[ModelReply] = []
        self.tool_seconds: list[float] = []
        self.results: list[Any] = []
        self.errors: list[BaseException] = []

    def after_model_call(self, run: Run, reply: ModelReply) -> None:
        self.replies.append(reply)

    def before_tool_call(self, run: Run, call: ToolCall) -> None:
        self._started[call.id] = self._clock.monotonic()

    def after_tool_call(self, run: Run, call: ToolCall, result: Any) -> None:
        self.tool_seconds.append(self._clock.monotonic() - self._started[call.id])
        self.results.append(result)

    def on_tool_error(self, run: Run, call: ToolCall, error: BaseException) -> None:
        self.errors.append(error)


async def weather_under(fault: str | None, rate: float = 1.0) -> tuple[Any, Observed, VirtualClock]:
    clock = VirtualClock()
    agent, faults = travel_desk(clock)
    agent.hooks.append(watch := Observed(clock))
    if fault:
        faults.set(fault, rate)
    try:
        return await agent.process(WEATHER), watch, clock
    except Exception as error:
        return error, watch, clock


def test_every_fault_has_a_test_here() -> None:
    names = [name for name in globals() if name.startswith("test_fault_")]
    assert sorted(name.removeprefix("test_fault_") for name in names) == sorted(FAULTS)


def test_without_faults_nothing_of_all_this_happens() -> None:
    result, watch, clock = run(weather_under(None))
    assert result.text.startswith("Tomorrow in Oslo")
    assert result.usage.input_tokens < 1000
    assert watch.errors == []
    assert len(watch.replies) == 2
    assert watch.results[0]["location"] == "Oslo"
    assert max(watch.tool_seconds) < 2
    assert clock.monotonic() < 5


def test_fault_slow_tool() -> None:
    _, plain, _ = run(weather_under(None))
    result, watch, _ = run(weather_under("slow_tool"))
    assert watch.tool_seconds[0] == pytest.approx(plain.tool_seconds[0] + 8)
    assert watch.results == plain.results
    assert result.text.startswith("Tomorrow in Oslo")


def test_fault_tool_error() -> None:
    result, watch, _ = run(weather_under("tool_error"))
    assert [str(error) for error in watch.errors] == ["the service behind get_weather answered 503"]
    assert isinstance(watch.errors[0], ToolError)
    assert result.text == SORRY


def test_fault_rate_limit() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        agent, faults = travel_desk(clock)
        faults.set("rate_limit", 1)
        with pytest.raises(RateLimited, match="try again in 30 s"):
            await agent.process(WEATHER)
        faults.set("rate_limit", 0)
        await clock.sleep(10)
        with pytest.raises(RateLimited) as refused:
            await agent.process(WEATHER)
        # Whoever waits as long as was asked for is served.
        await clock.sleep(refused.value.retry_after_s)
        assert (await agent.process(WEATHER)).tool_calls == 1

    run(scenario())


def test_fault_timeout() -> None:
    error, watch, clock = run(weather_under("timeout"))
    assert isinstance(error, ModelTimeout)
    assert isinstance(error, TimeoutError)
    assert "no answer from scripted-1 within 30 s" in str(error)
    assert clock.monotonic() == 30
    assert watch.replies == []


def test_fault_prompt_bloat() -> None:
    plain, _, _ = run(weather_under(None))
    result, watch, _ = run(weather_under("prompt_bloat"))
    extra = result.usage.input_tokens - plain.usage.input_tokens
    assert extra == 6000 * len(watch.replies) == 12_000
    assert result.text == plain.text
    assert watch.replies[0].cost_usd >= Decimal("0.06")


def test_fault_loop() -> None:
    error, watch, _ = run(weather_under("loop"))
    assert isinstance(error, StepLimitReached)
    asked = [(call.name, call.arguments) for reply in watch.replies for call in reply.tool_calls]
    assert asked == [("get_weather", {"location": "Oslo"})] * 6
    ids = [call.id for reply in watch.replies for call in reply.tool_calls]
    assert len(set(ids)) == 6


def test_fault_wrong_arguments() -> None:
    result, watch, _ = run(weather_under("wrong_arguments"))
    assert [str(e) for e in watch.errors] == ["get_weather takes location, not place"]
    assert isinstance(watch.errors[0], InvalidArguments)
    assert result.text == SORRY


def test_fault_empty_result() -> None:
    result, watch, _ = run(weather_under("empty_result"))
    assert watch.results == [{}]
    assert watch.errors == []
    assert result.text.endswith("pleasant, 20 °C.")  # no tool said so


def test_a_fault_strikes_in_about_the_share_of_cases_it_was_given() -> None:
    async def failed() -> int:
        clock = VirtualClock()
        agent, faults = travel_desk(clock)
        faults.set("tool_error", 0.25)
        texts = [(await agent.process(WEATHER, Session(f"{n}"))).text for n in range(400)]
        return texts.count(SORRY)

    assert 70 <= run(failed()) <= 130  # four standard deviations around 100


def test_a_fault_switched_off_no_longer_strikes() -> None:
    faults = Faults()
    faults.set("loop", 1)
    assert faults.rates == {"loop": 1}
    assert faults.strikes("loop", "any case")
    faults.set("loop", 0)
    assert faults.rates == {}
    assert not faults.strikes("loop", "any case")


@pytest.mark.parametrize("name", ["", "Loop", "slow tool", "earthquake"])
def test_a_fault_that_is_not_there_is_refused_with_the_list(name: str) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=f"no fault '{name}'; there are {', '.join(FAULTS)}"):
        faults.set(name, 0.5)
    assert faults.rates == {}


@pytest.mark.parametrize("rate", [-0.1, 1.1, 50, float("nan"), float("inf")])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=f"rate={rate!r} does not work; give a share from 0 to 1"):
        faults.set("loop", rate)
    assert faults.rates == {}


# -- Errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (ToolError("x"), "tool_error"),
        (InvalidArguments("x"), "validation_error"),
        (ModelTimeout("x"), "timeout"),
        (RateLimited(3), "rate_limit"),
        (StepLimitReached("x"), "step_limit"),
        (TimeoutError(), "timeout"),
        (ValueError(), "validation_error"),
        (TypeError(), "validation_error"),
        (asyncio.CancelledError(), "cancelled"),
        (ConnectionError(), "dependency"),
        (Exception(), "api_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_error_has_its_category(error: BaseException, category: str) -> None:
    assert classify(error) is ErrorCategory(category)
