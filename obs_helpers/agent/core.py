"""The agent under observation: a model, some tools, and a loop between them.

It knows nothing of telemetry. Whoever wants to watch attaches hooks.
"""

import asyncio
import inspect
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from obs_helpers.agent.errors import InvalidArguments, StepLimitReached

Message = dict[str, Any]
"""`{"role": "user" | "assistant" | "tool", "content": text, …}`"""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, or their sum over several."""

    input_tokens: int = 0
    """All tokens sent, cached ones included."""
    output_tokens: int = 0
    """All tokens produced, reasoning ones included."""
    cached_tokens: int = 0
    """Of the input: read from the provider's cache."""
    reasoning_tokens: int = 0
    """Of the output: thought, and not said."""
    cache_write_tokens: int = 0
    """Of the input: written to the provider's cache, which some providers charge for."""

    def __add__(self, other: "Usage") -> "Usage":
        """Add up two usages."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model wants done."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelReply:
    """One answer of a model: text, or tools to call."""

    text: str
    usage: Usage
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    cost_usd: Decimal | None = None
    """None if the price of the model is not known: never 0."""
    model: str | None = None
    """Who answered, if the agent's model passes questions on to others."""


class Model(Protocol):
    """A chat model."""

    name: str
    provider: str

    async def reply(self, run: "Run", messages: Sequence[Message]) -> ModelReply:
        """Answer the conversation so far."""
        ...


Tool = Callable[..., Awaitable[Any]]
"""An async function. Its name and docstring tell the model what it does; all its
parameters are required; it returns what JSON can hold, and raises if it cannot."""


@dataclass(slots=True)
class Session:
    """A conversation: its history is what the model remembers."""

    id: str
    user_id: str | None = None
    history: list[Message] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return a copy as plain data."""
        return asdict(self)


@dataclass(slots=True)
class Run:
    """One call of `process`."""

    id: str
    agent: str
    session: Session
    query: str
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    tool_calls: int = 0
    notes: dict[str, Any] = field(default_factory=dict)
    """For hooks to keep what they need until the run ends."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gave."""

    text: str
    steps: int
    tool_calls: int
    usage: Usage

    @property
    def token_count(self) -> int:
        """Input and output tokens of all model calls together."""
        return self.usage.input_tokens + self.usage.output_tokens


class Hooks:
    """What can be watched. Override what you need; each pair runs in the same task."""

    def before_run(self, run: Run) -> None:
        """Called before anything else."""

    def after_run(self, run: Run, result: Result) -> None:
        """Called with the result."""

    def on_run_error(self, run: Run, error: BaseException) -> None:
        """Called instead of `after_run` when the run fails or is cancelled."""

    def before_model_call(self, run: Run, messages: Sequence[Message]) -> None:
        """Called before each model call."""

    def after_model_call(self, run: Run, reply: ModelReply) -> None:
        """Called with the model's reply."""

    def on_model_error(self, run: Run, error: BaseException) -> None:
        """Called instead of `after_model_call` when the call fails."""

    def before_tool_call(self, run: Run, call: ToolCall) -> None:
        """Called before each tool call; parallel calls each run in a task of their own."""

    def after_tool_call(self, run: Run, call: ToolCall, result: Any) -> None:
        """Called with the tool's result."""

    def on_tool_error(self, run: Run, call: ToolCall, error: BaseException) -> None:
        """Called instead of `after_tool_call` when the tool fails."""


class Agent:
    """Answers queries with the help of a model and tools."""

    def __init__(
        self,
        model: Model,
        tools: Sequence[Tool],
        name: str = "agent",
        max_steps: int = 6,
    ) -> None:
        """Let `model` call `tools`, in at most `max_steps` model calls a run."""
        self.name, self.model, self.max_steps = name, model, max_steps
        self.tools: dict[str, Tool] = {tool.__name__: tool for tool in tools}
        self._parameters = {
            name: inspect.signature(tool).parameters for name, tool in self.tools.items()
        }
        self.hooks: list[Hooks] = []
        self.hook_errors: Counter[str] = Counter()
        """Exceptions that hooks raised, by hook: the agent goes on regardless."""
        self.last_hook_error: Exception | None = None
        self._numbers = itertools.count(1)

    @property
    def config(self) -> dict[str, Any]:
        """What the agent runs with, as plain data."""
        return {"name": self.name, "model": self.model.name, "max_steps": self.max_steps}

    async def process(self, query: str, session: Session | None = None) -> Result:
        """Answer one query.

        Args:
            query: What the user asks.
            session: The conversation it belongs to; a new one unless given.

        Raises:
            StepLimitReached: the model asked for tools `max_steps` times.
            Exception: whatever the model raises. A tool's error goes back to the model
                as the tool's result, and the model decides what to do.
        """
        number = next(self._numbers)
        session = session or Session(id=f"session-{number}")
        run = Run(f"run-{number}", self.name, session, query)
        self._call("before_run", run)
        try:
            text = await self._loop(run)
        except BaseException as error:
            self._call("on_run_error", run, error)
            raise
        result = Result(text, run.steps, run.tool_calls, run.usage)
        self._call("after_run", run, result)
        return result

    async def _loop(self, run: Run) -> str:
        messages = [*run.session.history, {"role": "user", "content": run.query}]
        while run.steps < self.max_steps:
            reply = await self._ask_model(run, messages)
            messages.append(
                {"role": "assistant", "content": reply.text, "tool_calls": reply.tool_calls}
            )
            if not reply.tool_calls:
                run.session.history[:] = messages
                return reply.text
            messages += await asyncio.gather(
                *(self._use_tool(run, call) for call in reply.tool_calls)
            )
        msg = f"no answer after {self.max_steps} model calls"
        raise StepLimitReached(msg)

    async def _ask_model(self, run: Run, messages: list[Message]) -> ModelReply:
        self._call("before_model_call", run, messages)
        run.steps += 1
        try:
            reply = await self.model.reply(run, messages)
        except BaseException as error:
            self._call("on_model_error", run, error)
            raise
        run.usage += reply.usage
        self._call("after_model_call", run, reply)
        return reply

    async def _use_tool(self, run: Run, call: ToolCall) -> Message:
        self._call("before_tool_call", run, call)
        run.tool_calls += 1
        try:
            content = await self._tool(call)
        except BaseException as error:
            self._call("on_tool_error", run, call, error)
            if not isinstance(error, Exception):
                raise
            content = {"error": str(error)}
        else:
            self._call("after_tool_call", run, call, content)
        return {"role": "tool", "name": call.name, "tool_call_id": call.id, "content": content}

    async def _tool(self, call: ToolCall) -> Any:
        tool = self.tools.get(call.name)
        if tool is None:
            msg = f"there is no tool {call.name!r}; there are {', '.join(self.tools)}"
            raise InvalidArguments(msg)
        parameters = self._parameters[call.name]
        if call.arguments.keys() != parameters.keys():
            msg = f"{call.name} takes {', '.join(parameters)}, not {', '.join(call.arguments)}"
            raise InvalidArguments(msg)
        return await tool(**call.arguments)

    def _call(self, hook: str, *args: Any) -> None:
        for hooks in self.hooks:
            try:
                getattr(hooks, hook)(*args)
            except Exception as error:  # whoever watches must not disturb
                self.hook_errors[hook] += 1
                self.last_hook_error = error
