"""What an instrumented agent's runs leave behind as spans, logs and metrics."""

import asyncio
import json
import re
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import pytest

import obs_helpers
from obs_helpers import (
    Agent,
    Faults,
    ModelReply,
    Session,
    Telemetry,
    ToolCall,
    Usage,
    VirtualClock,
    instrument,
    travel_desk,
)
from obs_helpers import conventions as c
from obs_helpers.agent.core import Message, Run
from obs_helpers.agent.errors import ModelTimeout, StepLimitReached, ToolError
from obs_helpers.insight.prices import Rates

WEATHER = "What is the weather in Oslo?"
TWO_TOOLS = "I need a flight from Rome to Lima, and the weather in Lima."
T = TypeVar("T")


class Script:
    """A model that answers what the test says."""

    name, provider = "script", "test"

    def __init__(self, *replies: ModelReply | BaseException) -> None:
        self.replies = list(replies)

    async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply


def calls(*made: ToolCall) -> ModelReply:
    return ModelReply("", Usage(10, 5), made, "tool_calls")


DONE = ModelReply("done", Usage(20, 7))


def desk(**options: Any) -> tuple[Agent, Faults, Telemetry, VirtualClock]:
    clock = VirtualClock()
    obs = obs_helpers.start(**{"clock": clock, "seed": 4, **options})
    agent, faults = travel_desk(clock)
    return instrument(agent), faults, obs, clock


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def spans(obs: Telemetry) -> list[dict[str, Any]]:
    """Return the spans in the order they started, attributes decoded."""
    rows = obs.store.sql("FROM spans ORDER BY start_time, kind DESC, name").to_dict("records")
    return [{**row, "attributes": json.loads(row["attributes"])} for row in rows]


def metric(obs: Telemetry, name: str, value: str = "sum(value)") -> list[tuple[Any, ...]]:
    obs.flush()
    question = f"SELECT labels, {value} FROM metric_points WHERE name = ? GROUP BY ALL ORDER BY ALL"
    found = obs.store.rows(question, [name])
    return [(json.loads(labels), *values) for labels, *values in found if any(values)]


# -- Spans ---------------------------------------------------------------------------------


def test_one_run_is_one_tree_of_spans_named_by_the_conventions() -> None:
    agent, _, obs, clock = desk()
    result = run(agent.process(TWO_TOOLS, Session("s-1", user_id="u-1")))
    root, first, flight, weather, last = spans(obs)
    assert [(s["name"], s["kind"]) for s in (root, first, flight, weather, last)] == [
        ("invoke_agent travel-desk", "INTERNAL"),
        ("chat scripted-1", "CLIENT"),
        ("execute_tool find_flights", "INTERNAL"),
        ("execute_tool get_weather", "INTERNAL"),
        ("chat scripted-1", "CLIENT"),
    ]
    assert obs.store.rows("SELECT name FROM spans WHERE parent_id IS NULL") == [(root["name"],)]
    assert {s["parent_id"] for s in (first, flight, weather, last)} == {root["span_id"]}
    assert len({s["trace_id"] for s in spans(obs)}) == 1
    assert {s["status"] for s in spans(obs)} == {"UNSET"}
    assert root["duration_s"] == pytest.approx(clock.monotonic())
    assert root["attributes"] == {
        c.OPERATION: "invoke_agent",
        c.AGENT_NAME: "travel-desk",
        c.CONVERSATION_ID: "s-1",
        c.USER_ID: "u-1",
        c.STEPS: 2,
    }
    for chat in (first, last):
        assert chat["attributes"] == {
            c.OPERATION: "chat",
            c.CONVERSATION_ID: "s-1",
            c.PROVIDER: "scripted",
            c.REQUEST_MODEL: "scripted-1",
            c.RESPONSE_MODEL: "scripted-1",
            c.FINISH_REASONS: ["tool_calls" if chat is first else "stop"],
            c.INPUT_TOKENS: chat["input_tokens"],
            c.OUTPUT_TOKENS: chat["output_tokens"],
            c.CACHED_TOKENS: chat["cached_tokens"],
            c.REASONING_TOKENS: chat["reasoning_tokens"],
            c.COST_USD: pytest.approx(float(chat["cost_usd"])),
        }
    assert first["input_tokens"] + last["input_tokens"] == result.usage.input_tokens
    assert first["output_tokens"] + last["output_tokens"] == result.usage.output_tokens
    ids = {tool["attributes"].pop(c.TOOL_CALL_ID) for tool in (flight, weather)}
    assert ids == {"run-1-call-1", "run-1-call-2"}
    for tool, name in ((flight, "find_flights"), (weather, "get_weather")):
        assert tool["attributes"].pop(c.RESULT_SIZE) > 2
        assert re.fullmatch("[0-9a-f]{16}", tool["attributes"].pop(c.ARGUMENTS_DIGEST))
        assert tool["attributes"] == {
            c.OPERATION: "execute_tool",
            c.TOOL_NAME: name,
            c.CONVERSATION_ID: "s-1",
        }


def test_equal_arguments_have_equal_digests_that_tell_nothing_else() -> None:
    """So a repeated call is seen without its content; another process has other digests."""
    found = []
    for seed in (1, 1, 2):
        agent, _, obs, _ = desk(seed=seed)
        for city in ("Oslo", "Oslo", "Rome"):
            run(agent.process(f"What is the weather in {city}?"))
        tools = [s for s in spans(obs) if s["operation"] == c.EXECUTE_TOOL]
        found.append([tool["attributes"][c.ARGUMENTS_DIGEST] for tool in tools])
        obs.shutdown()
    first, again, other = found
    assert first[0] == first[1] != first[2]
    assert first == again
    assert not set(first) & set(other)


def test_the_columns_of_the_store_hold_what_the_attributes_say() -> None:
    agent, _, obs, _ = desk()
    run(agent.process(TWO_TOOLS, Session("s-1")))
    for span in spans(obs):
        for column, attribute in c.SPAN_COLUMNS.items():
            said = span["attributes"].get(attribute)
            if said is None:
                assert span[column] is None or span[column] != span[column], column
            elif column == "cost_usd":
                assert float(span[column]) == pytest.approx(said)
            else:
                assert span[column] == said, column


def test_a_run_inside_a_span_of_the_caller_belongs_to_its_trace() -> None:
    agent, _, obs, _ = desk()

    async def request() -> None:
        with obs.tracer.trace_request("handle request"):
            await agent.process(WEATHER)

    run(request())
    by_name = {span["name"]: span for span in spans(obs)}
    outer, root = by_name["handle request"], by_name["invoke_agent travel-desk"]
    assert root["parent_id"] == outer["span_id"]
    assert len({span["trace_id"] for span in spans(obs)}) == 1


def test_two_runs_side_by_side_have_two_traces_and_never_mix() -> None:
    agent, _, obs, _ = desk()

    async def both() -> None:
        await asyncio.gather(
            agent.process(TWO_TOOLS, Session("a")), agent.process(TWO_TOOLS, Session("b"))
        )

    run(both())
    found = spans(obs)
    assert len(found) == 10
    roots = [span for span in found if span["operation"] == c.INVOKE_AGENT]
    assert {span["session_id"] for span in roots} == {"a", "b"}
    assert len({span["trace_id"] for span in roots}) == 2
    for root in roots:
        below = [span for span in found if span["trace_id"] == root["trace_id"] and span != root]
        assert sorted(span["operation"] for span in below) == ["chat"] * 2 + ["execute_tool"] * 2
        assert {span["parent_id"] for span in below} == {root["span_id"]}
        assert {span["session_id"] for span in below} == {root["session_id"]}
    logged = obs.store.rows("SELECT trace_id, fields->>'session_id' FROM logs")
    assert sorted(logged) == sorted((root["trace_id"], root["session_id"]) for root in roots)


def test_a_tools_own_logs_and_spans_belong_to_its_call() -> None:
    obs = obs_helpers.start()

    async def look_up(word: str) -> str:
        obs.logger("tool").info("looking up", word=word)
        with obs.tracer.span("query index", {"word": word}):
            return word.upper()

    made = [ToolCall(f"c-{w}", "look_up", {"word": w}) for w in ("one", "two")]
    agent = instrument(Agent(Script(calls(*made), DONE), [look_up]))
    run(agent.process("Go"))
    tools = dict(obs.store.rows(
        "SELECT attributes->>'gen_ai.tool.call.id', span_id FROM spans WHERE tool = 'look_up'"
    ))  # fmt: skip
    for word in ("one", "two"):
        assert obs.store.rows(
            "SELECT span_id FROM logs WHERE event = 'looking up' AND (fields->>'word') = ?", [word]
        ) == [(tools[f"c-{word}"],)]
        assert obs.store.rows(
            "SELECT parent_id FROM spans WHERE (attributes->>'word') = ?", [word]
        ) == [(tools[f"c-{word}"],)]


@pytest.mark.parametrize("call_id", ["", "same", "run", "model"])
def test_tool_calls_that_share_an_id_are_still_told_apart(call_id: str) -> None:
    # Some providers give no ids at all.
    obs = obs_helpers.start()

    async def work(n: int) -> int:
        await asyncio.sleep(0)
        if n == 2:
            raise ToolError("two is too many")
        return n

    made = [ToolCall(call_id, "work", {"n": n}) for n in range(4)]
    agent = instrument(Agent(Script(calls(*made), DONE), [work]))
    run(agent.process("Go"))
    assert agent.hook_errors == {}
    assert obs.store.rows(
        "SELECT operation, status, count(*) FROM spans GROUP BY ALL ORDER BY ALL"
    ) == [
        ("chat", "UNSET", 2),
        ("execute_tool", "ERROR", 1),
        ("execute_tool", "UNSET", 3),
        ("invoke_agent", "UNSET", 1),
    ]


# -- Failure -------------------------------------------------------------------------------


def test_a_failing_tool_is_an_error_of_its_span_and_not_of_the_run() -> None:
    agent, faults, obs, _ = desk()
    faults.set("tool_error", 1)
    run(agent.process(WEATHER))
    by_operation = {span["operation"]: span for span in spans(obs)}
    tool, root = by_operation["execute_tool"], by_operation["invoke_agent"]
    assert (tool["status"], tool["error_type"]) == ("ERROR", "ToolError")
    assert tool["status_message"] == "ToolError: the service behind get_weather answered 503"
    assert tool["attributes"][c.ERROR_TYPE] == "ToolError"
    assert root["status"] == "UNSET"
    assert c.ERROR_TYPE not in root["attributes"]
    assert obs.store.rows(
        "SELECT level, event, span_id, fields->>'tool' FROM logs WHERE level <> 'info'"
    ) == [("warning", "tool call failed", tool["span_id"], "get_weather")]
    assert metric(obs, "agent.errors") == []
    assert metric(obs, "gen_ai.execute_tool.duration", "sum(count)") == [
        ({c.TOOL_NAME: "get_weather", c.ERROR_TYPE: "ToolError"}, 1)
    ]


def test_a_failed_run_is_an_error_with_a_log_line_that_carries_its_trace_id() -> None:
    agent, faults, obs, _ = desk()
    faults.set("timeout", 1)
    with pytest.raises(ModelTimeout):
        run(agent.process(WEATHER, Session("s-1")))
    root, chat = spans(obs)
    for span in (root, chat):
        assert (span["status"], span["error_type"]) == ("ERROR", "ModelTimeout")
        assert span["status_message"] == "ModelTimeout: no answer from scripted-1 within 30 s"
        assert span["duration_s"] == 30
    assert root["attributes"][c.STEPS] == 1
    assert c.INPUT_TOKENS not in chat["attributes"]
    ((level, trace_id, span_id, logger, fields),) = obs.store.rows(
        "SELECT level, trace_id, span_id, logger, fields FROM logs WHERE event = 'run failed'"
    )
    assert (level, logger) == ("error", "travel-desk")
    assert (trace_id, span_id) == (root["trace_id"], root["span_id"])
    details = json.loads(fields)
    assert details["category"] == "timeout"
    assert details["session_id"] == "s-1"
    assert details["duration_s"] == 30
    assert details["exception"][0]["exc_type"] == "ModelTimeout"
    assert details["exception"][0]["exc_value"] == "no answer from scripted-1 within 30 s"
    assert any(frame["name"] == "reply" for frame in details["exception"][0]["frames"])
    assert obs.store.rows("SELECT event FROM logs WHERE level = 'warning'") == [
        ("model call failed",)
    ]


def test_a_run_at_its_step_limit_is_an_error_though_every_call_worked() -> None:
    agent, faults, obs, _ = desk()
    faults.set("loop", 1)
    with pytest.raises(StepLimitReached):
        run(agent.process(WEATHER))
    assert obs.store.rows(
        "SELECT operation, status, count(*) FROM spans GROUP BY ALL ORDER BY ALL"
    ) == [("chat", "UNSET", 6), ("execute_tool", "UNSET", 6), ("invoke_agent", "ERROR", 1)]
    assert metric(obs, "agent.errors") == [
        ({c.AGENT_NAME: "travel-desk", c.CATEGORY: "step_limit"}, 1)
    ]


def test_a_cancelled_run_is_neither_a_success_nor_an_error() -> None:
    agent, _, obs, clock = desk()

    async def cancel() -> None:
        task = asyncio.ensure_future(agent.process(WEATHER, Session("s-1")))
        await clock.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancel())
    root, chat = spans(obs)
    assert root["attributes"][c.CANCELLED] is chat["attributes"][c.CANCELLED] is True
    assert (root["status"], chat["status"]) == ("UNSET", "UNSET")
    assert obs.store.rows("SELECT level, event FROM logs WHERE event LIKE 'run%'") == [
        ("info", "run cancelled")
    ]
    assert metric(obs, "agent.requests") == metric(obs, "agent.errors") == []
    assert metric(obs, "agent.requests.active", "max(value)") == []


# -- Metrics -------------------------------------------------------------------------------


def test_the_metrics_of_some_runs_are_those_of_their_spans() -> None:
    agent, faults, obs, _ = desk()

    async def runs() -> None:
        session = Session("s-1")
        for query in (WEATHER, TWO_TOOLS, "Hello"):
            await agent.process(query, session)
        faults.set("timeout", 1)
        with pytest.raises(ModelTimeout):
            await agent.process(WEATHER)

    run(runs())
    name = {c.AGENT_NAME: "travel-desk"}
    assert metric(obs, "agent.requests") == [
        ({**name, c.OUTCOME: "error"}, 1),
        ({**name, c.OUTCOME: "success"}, 3),
    ]
    assert metric(obs, "agent.errors") == [({**name, c.CATEGORY: "timeout"}, 1)]
    ((seconds, tokens_in, tokens_out, cost),) = obs.store.rows(
        "SELECT sum(duration_s) FILTER (operation = 'invoke_agent'), sum(input_tokens), "
        "sum(output_tokens), sum(cost_usd) FROM spans"
    )
    run_times = metric(obs, "gen_ai.invoke_agent.duration", "sum(count), sum(sum)")
    assert {labels.get(c.ERROR_TYPE): count for labels, count, _ in run_times} == {
        "ModelTimeout": 1,
        None: 3,
    }
    assert sum(total for _, _, total in run_times) == pytest.approx(seconds)
    assert {
        labels[c.TOKEN_TYPE]: total
        for labels, total in metric(obs, "gen_ai.client.token.usage", "sum(sum)")
    } == {"input": tokens_in, "output": tokens_out}
    assert sum(n for _, n in metric(obs, "gen_ai.client.operation.duration", "sum(count)")) == 6
    assert sorted(
        (labels[c.TOOL_NAME], n)
        for labels, n in metric(obs, "gen_ai.execute_tool.duration", "sum(count)")
    ) == [("find_flights", 1), ("get_weather", 2)]
    ((labels, total),) = metric(obs, "agent.total_cost_dollars")
    assert labels == {c.REQUEST_MODEL: "scripted-1"}
    assert total == pytest.approx(float(cost))
    obs.shutdown()  # ends the sessions
    assert obs.store.rows(
        "SELECT sum(count), sum(sum) FROM metric_points WHERE name = 'agent.queries_per_session'"
    ) == [(2, 4)]


def test_runs_of_several_agents_are_all_counted_as_active() -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agents = [instrument(travel_desk(clock)[0]) for _ in range(3)]

    async def together() -> list[tuple[Any, ...]]:
        tasks = [asyncio.ensure_future(agent.process(WEATHER)) for agent in agents]
        await clock.sleep(0.1)
        seen = metric(obs, "agent.requests.active", "max(value)")
        await asyncio.gather(*tasks)
        return seen

    assert run(together()) == [({}, 3)]
    obs.flush()
    assert obs.store.rows(
        "SELECT arg_max(value, time) FROM metric_points WHERE name = 'agent.requests.active'"
    ) == [(0,)]


def test_tools_that_a_model_makes_up_do_not_make_new_series() -> None:
    obs = obs_helpers.start()
    made_up = [ToolCall(f"c-{n}", f"tool_{n}", {}) for n in range(50)]
    agent = instrument(Agent(Script(calls(*made_up), DONE), []))
    run(agent.process("Go"))
    assert metric(obs, "gen_ai.execute_tool.duration", "sum(count)") == [
        ({c.TOOL_NAME: c.OTHER_ERROR, c.ERROR_TYPE: "InvalidArguments"}, 50)
    ]
    # The span still says what the model wanted.
    assert obs.store.rows("SELECT count(DISTINCT tool) FROM spans") == [(50,)]


def test_a_call_without_a_known_price_is_counted_as_such() -> None:
    obs = obs_helpers.start()
    agent = instrument(Agent(Script(DONE), []))
    run(agent.process("Go"))
    assert metric(obs, "agent.total_cost_dollars") == []
    assert [n for _, n in metric(obs, "agent.unpriced_calls")] == [1]
    assert obs.store.rows("SELECT cost_usd FROM spans WHERE operation = 'chat'") == [(None,)]


# -- instrument ----------------------------------------------------------------------------


def test_instrumenting_twice_reports_nothing_twice() -> None:
    agent, _, obs, _ = desk()
    instrument(instrument(agent))
    run(agent.process(WEATHER))
    assert len(agent.hooks) == 1
    assert len(spans(obs)) == 4
    assert obs.store.rows("SELECT count(*) FROM logs") == [(1,)]
    assert [n for _, n in metric(obs, "agent.requests")] == [1]


def test_hooks_of_others_stay_when_an_agent_is_instrumented_again() -> None:
    agent, _, _, _ = desk()
    agent.hooks.append(mine := obs_helpers.Hooks())
    instrument(agent)
    assert mine in agent.hooks
    assert len(agent.hooks) == 2


def test_without_telemetry_there_is_nothing_to_report_to() -> None:
    agent, _ = travel_desk(VirtualClock())
    with pytest.raises(RuntimeError, match=r"call obs_helpers\.start\(\) first"):
        instrument(agent)
    assert agent.hooks == []


def test_an_agent_outlives_its_telemetry_and_can_be_given_a_new_one() -> None:
    agent, _, old, clock = desk()
    run(agent.process(WEATHER))
    obs_helpers.shutdown()
    assert run(agent.process(WEATHER)).tool_calls == 1
    assert old.store.rows("SELECT count(*) FROM spans") == [(4,)]
    new = obs_helpers.start(clock=clock, seed=5)
    instrument(agent)
    run(agent.process(WEATHER))
    assert len(spans(new)) == 4


@pytest.mark.parametrize(
    "broken",
    ["tracer.begin", "tracer.end", "metrics.run_started", "metrics.usage", "metrics.tool_call",
     "metrics.run_finished", "metrics.model_call"],
)  # fmt: skip
def test_with_broken_telemetry_the_agent_still_answers(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, faults, obs, _ = desk()
    expected = run(travel_desk(VirtualClock())[0].process(TWO_TOOLS)).text
    owner, _, method = broken.partition(".")

    def explode(*_: object, **__: object) -> None:
        raise RuntimeError("telemetry is broken")

    monkeypatch.setattr(getattr(obs, owner), method, explode)
    assert run(agent.process(TWO_TOOLS)).text == expected
    assert sum(agent.hook_errors.values()) > 0
    faults.set("timeout", 1)
    with pytest.raises(ModelTimeout):
        run(agent.process(WEATHER))


class Hostile(dict[str, Any]):
    """A result that cannot be looked at."""

    def items(self) -> Any:
        raise RuntimeError("do not look")

    def __repr__(self) -> str:
        raise RuntimeError("do not look")


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("do not look")


@pytest.mark.parametrize(
    "result",
    [float("nan"), {1: 2}, {"a": {1, 2}}, "\ud83d", 2**80, object(), Silent(), Hostile(a=1)],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_tool_returns_its_span_ends(result: Any) -> None:
    obs = obs_helpers.start(capture_content=True)

    async def odd() -> Any:
        return result

    agent = instrument(Agent(Script(calls(ToolCall("c", "odd", {})), DONE), [odd]))
    assert run(agent.process("Go")).text == "done"
    assert obs.store.rows("SELECT operation, status FROM spans ORDER BY operation") == [
        ("chat", "UNSET")
    ] * 2 + [("execute_tool", "UNSET"), ("invoke_agent", "UNSET")]


# -- Content -------------------------------------------------------------------------------


def all_text(obs: Telemetry) -> str:
    obs.flush()
    return "".join(
        repr(obs.store.rows(f"FROM {table}")) for table in ("spans", "logs", "metric_points")
    )


def test_what_users_say_is_recorded_only_when_asked_for() -> None:
    agent, _, obs, _ = desk(level="debug")
    answer = run(agent.process(WEATHER)).text
    assert WEATHER not in all_text(obs)
    assert answer not in all_text(obs)
    assert "Oslo" not in all_text(obs)


def test_with_content_captured_each_span_says_what_went_in_and_out() -> None:
    agent, _, obs, _ = desk(capture_content=True)
    answer = run(agent.process(WEATHER)).text
    root, first, tool, last = spans(obs)
    assert json.loads(root["attributes"][c.INPUT_MESSAGES]) == [
        {"role": "user", "content": WEATHER}
    ]
    assert json.loads(root["attributes"][c.OUTPUT_MESSAGES]) == [
        {"role": "assistant", "content": answer}
    ]
    assert json.loads(tool["attributes"][c.TOOL_ARGUMENTS]) == {"location": "Oslo"}
    assert json.loads(tool["attributes"][c.TOOL_RESULT])["location"] == "Oslo"
    assert json.loads(first["attributes"][c.OUTPUT_MESSAGES])[0]["tool_calls"]
    assert [m["role"] for m in json.loads(last["attributes"][c.INPUT_MESSAGES])] == [
        "user",
        "assistant",
        "tool",
    ]


# -- Routers, cache writes, counters from 0 -------------------------------------------------
def scripted(*replies: ModelReply) -> tuple[Agent, Telemetry]:
    obs = obs_helpers.start(clock=VirtualClock(), seed=4)
    return instrument(Agent(Script(*replies), [])), obs


def test_a_router_s_calls_carry_the_name_of_the_model_that_answered() -> None:
    """In span, column and metrics; a call that nobody answered keeps the router's."""
    agent, obs = scripted(ModelReply("a", Usage(20, 7), model="small-1"), DONE)
    run(agent.process("one"))
    run(agent.process("two"))
    asked = [s for s in spans(obs) if s["operation"] == c.CHAT]
    assert [s["model"] for s in asked] == ["small-1", "script"]
    assert [s["attributes"][c.RESPONSE_MODEL] for s in asked] == ["small-1", "script"]
    seen = metric(obs, c.MODEL_DURATION.name, "sum(count)")
    assert [(labels[c.REQUEST_MODEL], calls) for labels, calls in seen] == [
        ("script", 1),
        ("small-1", 1),
    ]


def test_a_router_that_makes_up_names_makes_no_series_without_end() -> None:
    replies = [ModelReply("a", Usage(1, 1), model=f"model-{n}") for n in range(80)]
    agent, obs = scripted(*replies)
    for _ in replies:
        run(agent.process("hello"))
    seen = metric(obs, c.MODEL_DURATION.name, "sum(count)")
    assert len(seen) == 50
    other = [calls for labels, calls in seen if labels[c.REQUEST_MODEL] == c.OTHER_ERROR]
    assert other == [31]  # the agent's own model has a place among the fifty
    assert len({s["model"] for s in spans(obs) if s["operation"] == c.CHAT}) == 80


def test_the_small_model_is_cheaper_and_does_one_thing_at_a_time() -> None:
    results = {}
    for small in (False, True):
        agent, _, obs, clock = desk()
        if small:
            agent.model = agent.model.smaller()  # type: ignore[attr-defined]
        result = run(agent.process(TWO_TOOLS))
        usd = obs.store.value("SELECT sum(cost_usd) FROM spans")
        results[small] = (result.tool_calls, float(usd), clock.monotonic())
    (tools, usd, seconds), (few, cheap, fast) = results[False], results[True]
    assert (tools, few) == (2, 1)
    assert cheap < usd / 3.5
    assert fast < seconds


def test_tokens_written_to_a_cache_are_kept_and_priced() -> None:
    """They are part of the input; without any the attribute is missing, not 0."""
    agent, obs = scripted(ModelReply("a", Usage(100, 7, cache_write_tokens=60)), DONE)
    run(agent.process("one"))
    run(agent.process("two"))
    asked = [s["attributes"] for s in spans(obs) if s["operation"] == c.CHAT]
    assert [a.get(c.CACHE_WRITE_TOKENS) for a in asked] == [60, None]
    rates = {"script": Rates(Decimal(10), Decimal(30), cache_write=Decimal(20))}
    monitor = obs_helpers.CostMonitor(overrides=rates)
    assert monitor.read(obs.store) == 2
    assert monitor.summary()["cache_write_tokens"] == 60
    # 40 * 10 + 60 * 20 + 7 * 30 and 20 * 10 + 7 * 30, per million
    assert monitor.summary()["cost_usd"] == Decimal("0.001810") + Decimal("0.000410")


def test_what_a_cache_write_is_said_to_be_cannot_stop_the_reader() -> None:
    _, obs = scripted()
    with obs.tracer.span(
        "chat x",
        {c.OPERATION: c.CHAT, c.INPUT_TOKENS: 5, c.OUTPUT_TOKENS: 1, c.CACHE_WRITE_TOKENS: "many"},
    ):
        pass
    assert obs_helpers.CostMonitor().read(obs.store) == 1


def test_counters_that_rates_are_made_of_begin_at_zero() -> None:
    """A counter that is born at its first event hides that event from whoever reads rates."""
    agent, _, obs, _ = desk()
    obs.flush()
    born = obs.store.rows(
        "SELECT name, count(*), sum(value) FROM metric_points WHERE name IN (?, ?) GROUP BY name "
        "ORDER BY name",
        [c.TOOL_CALLS.name, c.TOTAL_COST.name],
    )
    assert born == [(c.TOOL_CALLS.name, 2 * len(agent.tools), 0), (c.TOTAL_COST.name, 1, 0)]
    run(agent.process(TWO_TOOLS))
    assert metric(obs, c.TOOL_CALLS.name) == [
        ({c.TOOL_NAME: "find_flights", c.OUTCOME: "success"}, 1),
        ({c.TOOL_NAME: "get_weather", c.OUTCOME: "success"}, 1),
    ]
