"""A flight recorder: keeps what a run needs to be run again, exactly, without its model."""

from collections import deque
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from obs_helpers.agent.core import (
    Agent,
    Hooks,
    Message,
    ModelReply,
    Result,
    Run,
    Session,
    Tool,
    ToolCall,
    Usage,
)
from obs_helpers.agent.errors import AgentError


@dataclass(slots=True)
class AgentCall:
    """One call of `process`, as it was: the course outline's `agent_call`."""

    agent: Agent
    query: str
    session: Session
    """A copy, from before the run."""
    replies: list[dict[str, Any]] = field(default_factory=list)
    """What the model answered, call by call, errors included."""
    tool_results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each tool gave, by the call's id."""
    error: str | None = None


class FlightRecorder(Hooks):
    """Keeps the last calls of an agent, with all that was said: personal data included.

    `capture_debug_context` makes a cleaned copy of one.
    """

    def __init__(self, agent: Agent, keep: int = 20) -> None:
        """Record `agent`, the last `keep` calls; one recorder at a time."""
        self.agent = agent
        self.calls: deque[AgentCall] = deque(maxlen=keep)
        agent.hooks[:] = [h for h in agent.hooks if not isinstance(h, FlightRecorder)]
        agent.hooks.append(self)

    def before_run(self, run: Run) -> None:
        """Begin a record."""
        run.notes["recorded"] = AgentCall(self.agent, run.query, deepcopy(run.session))
        self.calls.append(run.notes["recorded"])

    def after_model_call(self, run: Run, reply: ModelReply) -> None:
        """Keep the reply."""
        calls = [
            {"id": t.id, "name": t.name, "arguments": dict(t.arguments)} for t in reply.tool_calls
        ]
        run.notes["recorded"].replies.append(
            {
                "text": reply.text,
                "tool_calls": deepcopy(calls),
                "finish_reason": reply.finish_reason,
                "input_tokens": reply.usage.input_tokens,
                "output_tokens": reply.usage.output_tokens,
                "cached_tokens": reply.usage.cached_tokens,
                "reasoning_tokens": reply.usage.reasoning_tokens,
                "cache_write_tokens": reply.usage.cache_write_tokens,
                "cost_usd": None if reply.cost_usd is None else str(reply.cost_usd),
                "model": reply.model,
            }
        )

    def on_model_error(self, run: Run, error: BaseException) -> None:
        """Keep the error as the reply that it was."""
        run.notes["recorded"].replies.append({"error": f"{type(error).__name__}: {error}"})

    def after_tool_call(self, run: Run, call: ToolCall, result: Any) -> None:
        """Keep the result."""
        run.notes["recorded"].tool_results[call.id] = {"result": deepcopy(result)}

    def on_tool_error(self, run: Run, call: ToolCall, error: BaseException) -> None:
        """Keep the error, as the model saw it."""
        run.notes["recorded"].tool_results[call.id] = {"error": str(error)}

    def on_run_error(self, run: Run, error: BaseException) -> None:
        """Keep why the run failed."""
        run.notes["recorded"].error = f"{type(error).__name__}: {error}"


class ReplayedError(AgentError):
    """An error that was recorded; its message names the type it had."""


class RecordedModel:
    """Gives the recorded replies, in their order."""

    provider = "recorded"

    def __init__(self, name: str, replies: Sequence[Mapping[str, Any]]) -> None:
        """Answer with `replies`."""
        self.name = name
        self._replies = iter(replies)

    async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
        """Give the next one.

        Raises:
            ReplayedError: the model failed at this call.
            LookupError: the run asks more often than it did then: it took another way.
        """
        recorded = next(self._replies, None)
        if recorded is None:
            msg = f"no reply was recorded for model call {run.steps}: this run took another way"
            raise LookupError(msg)
        if "error" in recorded:
            raise ReplayedError(recorded["error"])
        usage = Usage(**{name: recorded.get(name, 0) for name in Usage.__slots__})
        calls = tuple(ToolCall(t["id"], t["name"], t["arguments"]) for t in recorded["tool_calls"])
        usd = recorded["cost_usd"]
        cost = None if usd is None else Decimal(usd)
        text, reason, model = (recorded.get(k) for k in ("text", "finish_reason", "model"))
        return ModelReply(str(text), usage, calls, str(reason), cost, model)


class _ReplayedAgent(Agent):
    """Gives the tools' recorded results and calls nothing."""

    tool_results: Mapping[str, Mapping[str, Any]]

    async def _tool(self, call: ToolCall) -> Any:
        recorded = self.tool_results.get(call.id)
        if recorded is None:
            msg = f"no result was recorded for {call.name} ({call.id}): this run took another way"
            raise LookupError(msg)
        if "error" in recorded:
            raise ReplayedError(recorded["error"])
        return recorded["result"]


def replay_agent(context: Mapping[str, Any], tools: Sequence[Tool] | None = None) -> Agent:
    """Return an agent that does again what `context` captured; `replay_call` runs it.

    Instrument it to see the spans of the run once more.

    Args:
        context: From `capture_debug_context`.
        tools: Real tools, to try a mended one. Unless given, the recorded results come
            back and nothing is called.
    """
    config = context["model_config"]
    model = RecordedModel(str(config["model"]), context["model_replies"])
    name, steps = str(config["name"]), int(config["max_steps"])
    if tools is not None:
        return Agent(model, tools, name, steps)
    agent = _ReplayedAgent(model, (), name, steps)
    agent.tool_results = context["tool_results"]
    return agent


async def replay_call(context: Mapping[str, Any], agent: Agent | None = None) -> Result:
    """Run a captured call again, with the model's recorded replies.

    Raises:
        Exception: what the run raised then, as a `ReplayedError`, or what it raises now.
    """
    state = context["session_state"]
    session = Session(str(state["id"]), state.get("user_id"), _messages(state["history"]))
    return await (agent or replay_agent(context)).process(context["input"], session)


def _messages(history: Sequence[Any]) -> list[Message]:
    # A long history was cut, with a text in the place of what is missing.
    return [dict(message) for message in history if isinstance(message, Mapping)]
