"""Captured calls: cleaned, plain data, and run again to the same end."""

import asyncio
import json
from typing import Any

import pytest

import obs_helpers
from obs_helpers import Session, VirtualClock
from obs_helpers.agent.errors import AgentError
from obs_helpers.agent.recording import FlightRecorder, ReplayedError, replay_agent, replay_call
from obs_helpers.insight.capture import capture_debug_context

QUERY = "I need a flight from Oslo to Rome, and the weather in Rome."


def recorded(query: str = QUERY, **faults: float) -> tuple[FlightRecorder, list[str]]:
    """Run two requests of one session; returns the recorder and the answers."""
    agent, switches = obs_helpers.travel_desk(VirtualClock())
    switches.rates = faults
    recorder, session, answers = FlightRecorder(agent), Session("s-1", "user-1"), list[str]()

    async def go() -> None:
        for text in (query, "And the weather in Lima?"):
            try:
                answers.append((await agent.process(text, session)).text)
            except AgentError as error:
                answers.append(f"{type(error).__name__}: {error}")

    asyncio.run(go())
    return recorder, answers


def captured(recorder: FlightRecorder, number: int = 0) -> dict[str, Any]:
    """Capture a call and send it through JSON, as a bug report would."""
    context: dict[str, Any] = json.loads(json.dumps(capture_debug_context(recorder.calls[number])))
    return context


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("fault", [None, "tool_error", "empty_result", "wrong_arguments"])
def test_a_captured_call_runs_again_to_the_same_answer(fault: str | None, number: int) -> None:
    """Without its model and without calling a tool."""
    recorder, answers = recorded(**({fault: 1.0} if fault else {}))
    result = asyncio.run(replay_call(captured(recorder, number)))
    assert result.text == answers[number]
    assert result.usage.input_tokens > 0


@pytest.mark.parametrize("fault", ["rate_limit", "timeout", "loop"])
def test_a_call_that_failed_fails_again(fault: str) -> None:
    """With the message that it had, and the type in it."""
    recorder, answers = recorded(**{fault: 1.0})
    context = captured(recorder)
    assert context["error"] == answers[0]
    with pytest.raises(AgentError) as caught:
        asyncio.run(replay_call(context))
    assert str(caught.value) in answers[0] or str(caught.value) == answers[0]
    assert isinstance(caught.value, ReplayedError) or fault == "loop"


def test_a_mended_tool_can_be_tried_on_a_captured_call() -> None:
    """The model's replies are recorded, the tool is real."""
    recorder, _ = recorded(tool_error=1.0)
    asked = []

    async def find_flights(origin: str, destination: str) -> dict[str, str]:
        asked.append((origin, destination))
        return {"flight": "XA1"}

    async def get_weather(location: str) -> dict[str, str]:
        return {"sky": "sunny"}

    agent = replay_agent(captured(recorder), tools=[find_flights, get_weather])
    asyncio.run(replay_call(captured(recorder), agent))
    assert asked == [("Oslo", "Rome")]


def test_the_outlines_keys_are_there_and_nothing_is_live() -> None:
    """Tools by what the model knows of them, not as functions."""
    recorder, _ = recorded()
    context = captured(recorder, 1)
    assert {"input", "session_state", "tools_available", "model_config"} <= context.keys()
    assert context["tools_available"]["get_weather"] == {
        "description": "Return tomorrow's weather in a city.",
        "parameters": {"location": "str"},
    }
    before = json.dumps(context)
    recorder.calls[1].session.history.clear()
    assert json.dumps(context) == before


def test_the_session_is_the_one_from_before_the_call() -> None:
    """The second call remembers the first, the first remembers nothing."""
    recorder, _ = recorded()
    assert captured(recorder, 0)["session_state"]["history"] == []
    history = captured(recorder, 1)["session_state"]["history"]
    assert [message["role"] for message in history][:2] == ["user", "assistant"]
    assert history[0]["content"] == QUERY


def test_secrets_are_replaced_and_the_original_is_not_touched() -> None:
    """The copy can be shared."""
    secret = "my mail is jo@example.org, the key is sk-" + "a1B2" * 10
    recorder, _ = recorded(f"{QUERY} {secret}")
    for number in (0, 1):
        text = json.dumps(captured(recorder, number))
        assert "jo@example.org" not in text
        assert "a1B2a1B2" not in text
    assert secret in recorder.calls[0].query


def test_any_agent_call_can_be_captured() -> None:
    """Whatever has an agent, a query and a session; what cannot be described is text."""

    class Thing:
        tools = {"odd": 5, "search": len}  # noqa: RUF012
        config = {"api_key": "hunter2-not-a-real-one", "model": object()}  # noqa: RUF012

    class Call:
        agent, query = Thing(), "hello"
        session = Session("s")

    context = capture_debug_context(Call())
    json.dumps(context)
    assert "hunter2" not in str(context)
    assert context["tools_available"]["odd"]["description"] == "5"
    assert (context["model_replies"], context["error"]) == ([], None)


def test_a_run_that_takes_another_way_says_so() -> None:
    """Nothing is made up when the record ends."""
    recorder, _ = recorded()
    context = captured(recorder)
    context["model_replies"] = context["model_replies"][:1]
    with pytest.raises(LookupError, match="no reply was recorded for model call 2"):
        asyncio.run(replay_call(context))


def test_only_the_last_calls_are_kept_and_one_recorder_watches() -> None:
    """What was said does not pile up."""
    agent, _ = obs_helpers.travel_desk(VirtualClock())
    FlightRecorder(agent)
    recorder = FlightRecorder(agent, keep=2)
    for text in ("one", "two", "three"):
        asyncio.run(agent.process(text))
    assert [call.query for call in recorder.calls] == ["two", "three"]
    assert len(agent.hooks) == 1
    assert agent.hook_errors == {}


def test_a_replayed_call_can_be_watched() -> None:
    """Its spans are in the store once more, under the recorded model's name."""
    recorder, _ = recorded(tool_error=1.0)
    obs = obs_helpers.start(clock=VirtualClock(), seed=1)
    context = captured(recorder)
    agent = obs_helpers.instrument(replay_agent(context), obs)
    asyncio.run(replay_call(context, agent))
    found = obs.store.rows("SELECT operation, status FROM spans ORDER BY start_time, operation")
    assert sorted(set(found)) == [
        ("chat", "UNSET"), ("execute_tool", "ERROR"), ("invoke_agent", "UNSET")
    ]  # fmt: skip
