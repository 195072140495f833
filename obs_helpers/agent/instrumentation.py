"""The hooks that turn an agent's runs into spans, logs and metrics."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson
from opentelemetry.trace import SpanKind
from structlog.contextvars import bind_contextvars, reset_contextvars

from obs_helpers import conventions as c
from obs_helpers.agent.core import Agent, Hooks, Message, ModelReply, Result, Run, ToolCall
from obs_helpers.agent.errors import classify
from obs_helpers.clock import Chance
from obs_helpers.safe_json import describe, dumps_list, jsonable
from obs_helpers.signals.metrics import ModelLabels
from obs_helpers.telemetry import Telemetry, current

MAX_MODELS = 50
"""Models that metrics tell apart, if the agent's model passes questions on to others."""


class Instrumentation(Hooks):
    """Watches one agent and reports to one telemetry."""

    def __init__(self, agent: Agent, telemetry: Telemetry) -> None:
        """Report what `agent` does to `telemetry`."""
        self.telemetry = telemetry
        self._tracer, self._metrics = telemetry.tracer, telemetry.metrics
        self._log = telemetry.logger(agent.name).bind()
        self._seconds = telemetry.clock.monotonic
        self._capture = telemetry.options.capture_content
        self._metrics.expect(agent.name, agent.hook_errors, agent.tools, agent.model.name)
        self._tools = agent.tools
        self._provider = agent.model.provider
        self._model = ModelLabels(self._provider, agent.model.name)
        self._models = {self._model.name: self._model}
        self._key = Chance(telemetry.options.seed).stream("digest").randbytes(16)

    # -- A run ------------------------------------------------------------------------

    def before_run(self, run: Run) -> None:
        """Open the run's span; every log line below carries the session."""
        attributes = {
            c.OPERATION: c.INVOKE_AGENT,
            c.AGENT_NAME: run.agent,
            c.CONVERSATION_ID: run.session.id,
        }
        if run.session.user_id is not None:
            attributes[c.USER_ID] = run.session.user_id
        if self._capture:
            attributes[c.INPUT_MESSAGES] = _messages([{"role": "user", "content": run.query}])
        self._begin(run, "run", f"{c.INVOKE_AGENT} {run.agent}", SpanKind.INTERNAL, attributes)
        run.notes["context"] = bind_contextvars(**{c.SESSION_FIELD: run.session.id})
        self._metrics.run_started(_key(run), run.session.id)
        self._log.debug("run started", query_length=len(run.query))

    def after_run(self, run: Run, result: Result) -> None:
        """Report a run that came to its end."""
        took = self._took(run, "run")
        self._metrics.run_finished(_key(run), run.agent, took, None)
        self._log.info(
            "run finished",
            duration_s=round(took, 6),
            steps=result.steps,
            tool_calls=result.tool_calls,
            tokens=result.token_count,
        )
        attributes: dict[str, Any] = {c.STEPS: result.steps}
        if self._capture:
            reply = {"role": "assistant", "content": result.text}
            attributes[c.OUTPUT_MESSAGES] = _messages([reply])
        self._end(run, "run", attributes)
        reset_contextvars(**run.notes.pop("context"))

    def on_run_error(self, run: Run, error: BaseException) -> None:
        """Report a run that failed or was cancelled."""
        took, category = self._took(run, "run"), classify(error).value
        if category == "cancelled":
            self._metrics.run_cancelled(_key(run))
            self._log.info("run cancelled")
        else:
            failure = (type(error).__qualname__, category)
            self._metrics.run_finished(_key(run), run.agent, took, failure)
            self._log.error(
                "run failed",
                duration_s=round(took, 6),
                category=category,
                exc_info=error,
            )
        self._end(run, "run", {c.STEPS: run.steps}, error)
        reset_contextvars(**run.notes.pop("context"))

    # -- A model call -------------------------------------------------------------------

    def before_model_call(self, run: Run, messages: Sequence[Message]) -> None:
        """Open the model call's span."""
        attributes = {
            c.OPERATION: c.CHAT,
            c.CONVERSATION_ID: run.session.id,
            **self._model.call,
        }
        if self._capture:
            attributes[c.INPUT_MESSAGES] = _messages(messages)
        name = f"{c.CHAT} {self._model.name}"
        self._begin(run, "model", name, SpanKind.CLIENT, attributes)

    def after_model_call(self, run: Run, reply: ModelReply) -> None:
        """Report the reply, its tokens and its cost."""
        usage, cost, model = reply.usage, reply.cost_usd, self._answered(reply)
        self._metrics.model_call(model, self._took(run, "model"), None)
        tokens = (usage.input_tokens, usage.output_tokens)
        self._metrics.usage(model, run.session.id, tokens, cost)
        attributes: dict[str, Any] = {
            c.REQUEST_MODEL: reply.model or model.name,
            c.RESPONSE_MODEL: reply.model or model.name,
            c.FINISH_REASONS: (reply.finish_reason,),
            c.INPUT_TOKENS: usage.input_tokens,
            c.OUTPUT_TOKENS: usage.output_tokens,
            c.CACHED_TOKENS: usage.cached_tokens,
            c.REASONING_TOKENS: usage.reasoning_tokens,
        }
        if usage.cache_write_tokens:
            attributes[c.CACHE_WRITE_TOKENS] = usage.cache_write_tokens
        if cost is not None:
            attributes[c.COST_USD] = float(cost)
        if self._capture:
            message = {"role": "assistant", "content": reply.text, "tool_calls": reply.tool_calls}
            attributes[c.OUTPUT_MESSAGES] = _messages([message])
        self._end(run, "model", attributes)

    def on_model_error(self, run: Run, error: BaseException) -> None:
        """Report a model call that failed; the run decides whether that is an error."""
        self._metrics.model_call(self._model, self._took(run, "model"), type(error).__qualname__)
        self._log.warning("model call failed", error=describe(error))
        self._end(run, "model", {}, error)

    def _answered(self, reply: ModelReply) -> ModelLabels:
        """Return the labels of the model that answered: a router's name says nothing."""
        name = reply.model or self._model.name
        if name not in self._models and len(self._models) >= MAX_MODELS:
            name = c.OTHER_ERROR  # each name would be a series for ever
        return self._models.setdefault(name, ModelLabels(self._provider, name))

    # -- A tool call ----------------------------------------------------------------------

    def before_tool_call(self, run: Run, call: ToolCall) -> None:
        """Open the tool call's span."""
        attributes = {
            c.OPERATION: c.EXECUTE_TOOL,
            c.TOOL_NAME: call.name,
            c.TOOL_CALL_ID: call.id,
            c.CONVERSATION_ID: run.session.id,
        }
        arguments = orjson.dumps(jsonable(dict(call.arguments)))
        attributes[c.ARGUMENTS_DIGEST] = blake2b(
            arguments, digest_size=8, key=self._key
        ).hexdigest()
        if self._capture:
            attributes[c.TOOL_ARGUMENTS] = arguments.decode()
        self._begin(run, _key(call), f"{c.EXECUTE_TOOL} {call.name}", SpanKind.INTERNAL, attributes)

    def after_tool_call(self, run: Run, call: ToolCall, result: Any) -> None:
        """Report what a tool returned: its size always, its content if captured."""
        self._metrics.tool_call(self._label(call), self._took(run, _key(call)), None)
        text = orjson.dumps(jsonable(result)).decode()
        attributes: dict[str, Any] = {c.RESULT_SIZE: len(text)}
        if self._capture:
            attributes[c.TOOL_RESULT] = text
        self._log.debug("tool call finished", tool=call.name, result_size=len(text))
        self._end(run, _key(call), attributes)

    def on_tool_error(self, run: Run, call: ToolCall, error: BaseException) -> None:
        """Report a tool that failed; the model may still answer."""
        took, error_type = self._took(run, _key(call)), type(error).__qualname__
        self._metrics.tool_call(self._label(call), took, error_type)
        self._log.warning("tool call failed", tool=call.name, error=describe(error))
        self._end(run, _key(call), {}, error)

    def _label(self, call: ToolCall) -> str:
        # A model can make up any number of names, and each would be a series for ever.
        return call.name if call.name in self._tools else c.OTHER_ERROR

    # -- Spans ------------------------------------------------------------------------------

    def _begin(
        self, run: Run, key: str, name: str, kind: SpanKind, attributes: Mapping[str, Any]
    ) -> None:
        run.notes[key] = (self._seconds(), *self._tracer.begin(name, kind, attributes))

    def _took(self, run: Run, key: str) -> float:
        return self._seconds() - float(run.notes[key][0])

    def _end(
        self,
        run: Run,
        key: str,
        attributes: Mapping[str, Any],
        error: BaseException | None = None,
    ) -> None:
        _, span, token = run.notes.pop(key)
        span.set_attributes(attributes)
        self._tracer.end(span, token, error)


def _key(this: Run | ToolCall) -> str:
    """Return what no other has now: ids repeat, from agent to agent, from call to call."""
    return f"{id(this):x}"


def _messages(messages: Sequence[Message]) -> str:
    return dumps_list(list(messages)) or "[]"


def instrument(agent: Agent, telemetry: Telemetry | None = None) -> Agent:
    """Watch `agent` and report to `telemetry` (default: the current one).

    Called again it replaces the watcher, so that no run is reported twice.
    """
    agent.hooks[:] = [hooks for hooks in agent.hooks if not isinstance(hooks, Instrumentation)]
    agent.hooks.append(Instrumentation(agent, telemetry or current()))
    return agent
