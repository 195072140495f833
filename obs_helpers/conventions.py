"""Every attribute, metric and log field name, once, with where it comes from.

`gen_ai.*` names follow the OpenTelemetry GenAI semantic conventions 1.41, which are
of "Development" stability: they may move. That is why they are plain strings in one
file. Names of our own start with `agent.`.
"""

from dataclasses import dataclass
from typing import Final

# -- Spans: OpenTelemetry GenAI semantic conventions, agent spans ----------------------
OPERATION: Final = "gen_ai.operation.name"
"""Decides what a span is; the span's name never does."""
INVOKE_AGENT: Final = "invoke_agent"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"

PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
AGENT_NAME: Final = "gen_ai.agent.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
USER_ID: Final = "user.id"
"""OpenTelemetry general conventions, user attributes."""

INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
"""Tokens sent to the model, cached ones included."""
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
"""Tokens the model produced, reasoning ones included."""
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
COST_USD: Final = "gen_ai.usage.cost.amount"
"""Draft name (semantic-conventions-genai, pull request 443); on model calls only."""

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"

ERROR_TYPE: Final = "error.type"
"""OpenTelemetry general conventions: set on failure only."""
OTHER_ERROR: Final = "_OTHER"
SERVICE_NAME: Final = "service.name"

CANCELLED: Final = "agent.cancelled"
"""True on a run that its caller cancelled: neither a success nor an error."""
STEPS: Final = "agent.steps"
"""Model calls that one run made."""
RESULT_SIZE: Final = "agent.tool.result_size"
"""Length of a tool's result as JSON text, in characters; 2 is an empty `{}`."""
ARGUMENTS_DIGEST: Final = "agent.tool.arguments_digest"
"""Keyed hash of a tool call's arguments: tells equal calls of one process, not what they say."""

SPAN_COLUMNS: Final = {
    "operation": OPERATION,
    "error_type": ERROR_TYPE,
    "agent": AGENT_NAME,
    "session_id": CONVERSATION_ID,
    "model": REQUEST_MODEL,
    "tool": TOOL_NAME,
    "input_tokens": INPUT_TOKENS,
    "output_tokens": OUTPUT_TOKENS,
    "cached_tokens": CACHED_TOKENS,
    "reasoning_tokens": REASONING_TOKENS,
    "cost_usd": COST_USD,
}
"""Attributes that most questions are about: each has a column of its own in the store."""

# -- Labels of metrics ------------------------------------------------------------------
TOKEN_TYPE: Final = "gen_ai.token.type"
CATEGORY: Final = "category"
"""The course outline's label for the kind of an error."""
CATEGORIES: Final = (
    *("api_error", "tool_error", "validation_error", "timeout", "rate_limit"),
    *("step_limit", "cancelled", "auth", "context_length", "content_filter"),
    *("budget_exceeded", "parse", "dependency"),
)
"""Values of `category`: the outline's five, then those that agents need besides."""
OUTCOME: Final = "outcome"

# -- Log records ------------------------------------------------------------------------
ENVELOPE: Final = ("timestamp", "level", "logger", "event", "trace_id", "span_id")
"""Fields that belong to the logger. A caller's field of the same name gets a `_`."""
SESSION_FIELD: Final = "session_id"

# -- Metrics ----------------------------------------------------------------------------
SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 2, 3.2, 5, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_SECONDS_CALL: Final = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2, 2.56, 5),
    *(5.12, 10.24, 20.48, 40.96, 81.92),
)
_TOKENS: Final = tuple(4**n for n in range(14))
_DOLLARS: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
_QUERIES: Final = (1, 2, 3, 5, 8, 13, 21, 34, 55)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its OpenTelemetry name, unit, meaning, and bucket boundaries if any."""

    name: str
    unit: str
    description: str
    boundaries: tuple[float, ...] = ()


RUN_DURATION: Final = Metric(
    "gen_ai.invoke_agent.duration", "s", "Duration of one agent run", SECONDS
)
"""The convention doubles from 0.1 s. Ours adds 2 s and 5 s, the course's target and
alert threshold: a quantile read from buckets is exact only at a boundary."""
MODEL_DURATION: Final = Metric(
    "gen_ai.client.operation.duration", "s", "Duration of one model call", _SECONDS_CALL
)
TOOL_DURATION: Final = Metric(
    "gen_ai.execute_tool.duration", "s", "Duration of one tool call", _SECONDS_CALL
)
TOKEN_USAGE: Final = Metric(
    "gen_ai.client.token.usage", "{token}", "Tokens of one model call, by type", _TOKENS
)

# The course outline's nine. In Prometheus: dots become underscores, a counter gets
# `_total`, the unit `s` becomes `_seconds`, a unit in braces adds nothing.
REQUESTS: Final = Metric("agent.requests", "{request}", "Agent runs finished, by outcome")
ACTIVE: Final = Metric("agent.requests.active", "{request}", "Agent runs now under way")
RESPONSE: Final = Metric("agent.response", "s", "Duration of one agent run", SECONDS)
TOOL_CALL: Final = Metric("agent.tool_call", "s", "Duration of one tool call", _SECONDS_CALL)
ERRORS: Final = Metric("agent.errors", "{error}", "Agent runs failed, by category of error")
TOOL_CALLS: Final = Metric("agent.tool_calls", "{call}", "Tool calls finished, by outcome")
HANDLED: Final = Metric(
    "agent.errors_handled", "{error}", "Errors that a retry, or something else, made up for"
)
SESSIONS: Final = Metric(
    "agent.sessions_per_hour", "{session}", "Sessions with a run in the past hour"
)
QUERIES: Final = Metric(
    "agent.queries_per_session", "{request}", "Runs of one session, once it is over", _QUERIES
)
SESSION_COST: Final = Metric(
    "agent.cost_per_session", "{USD}", "Cost of one session, once it is over", _DOLLARS
)
TOTAL_COST: Final = Metric("agent.total_cost_dollars", "{USD}", "Cost of all model calls")
UNPRICED: Final = Metric(
    "agent.unpriced_calls", "{call}", "Model calls whose price is not known: never $0"
)
HOOK_ERRORS: Final = Metric(
    "agent.hook_errors", "{error}", "Exceptions inside telemetry that the agent did not feel"
)
CPU: Final = Metric("process.cpu.time", "s", "CPU time of this process")
MEMORY: Final = Metric("process.memory.usage", "By", "Resident memory of this process")
"""`process.*` as in OpenTelemetry's process metrics."""
REJECTED: Final = Metric(
    "agent.rejected_measurements", "{measurement}", "Values that are no finite number >= 0"
)

OVERFLOWED: Final = Metric(
    "agent.overflowed_measurements", "{measurement}", "Measurements whose labels were too many"
)
OVERFLOW: Final = "otel.metric.overflow"
"""OpenTelemetry's label of the series that takes all combinations beyond the limit."""
DROPPED: Final = "otel.dropped_{}_count"
"""How many attributes, events or links a span had no room for: OpenTelemetry's names for
what OTLP has fields for."""

METRICS: Final = {
    metric.name: metric
    for metric in (
        *(RUN_DURATION, MODEL_DURATION, TOOL_DURATION, TOKEN_USAGE),
        *(REQUESTS, ACTIVE, RESPONSE, TOOL_CALL, ERRORS, SESSIONS, QUERIES, SESSION_COST),
        *(TOOL_CALLS, HANDLED, TOTAL_COST, UNPRICED, HOOK_ERRORS, CPU, MEMORY, REJECTED),
        OVERFLOWED,
    )
}
"""All of them, by name."""
