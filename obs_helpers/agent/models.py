"""A model that needs no key and no network: it follows a script.

It reads the query for what the travel desk can do, asks for the tools, and puts their
results into sentences. Same seed and same conversation: same words, tokens, latency.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from obs_helpers.agent.core import Message, ModelReply, Run, ToolCall, Usage
from obs_helpers.agent.errors import ModelTimeout, RateLimited
from obs_helpers.agent.faults import Faults
from obs_helpers.clock import Chance, Clock

USD_PER_TOKEN = {
    "input": Decimal("0.00001"),
    "cached": Decimal("0.000005"),
    "output": Decimal("0.00003"),
}
"""The course outline's prices for input and output; cached input at half price."""

SYSTEM_TOKENS = 280
"""The instructions and the descriptions of the tools, sent with each call."""
CACHE_BLOCK = 128
"""Providers cache a repeated beginning in blocks of this many tokens."""
BLOAT_TOKENS = 6_000
TIMEOUT_S = 30.0
BURST_S = 30.0

_CITY = r"[A-Z]\w+(?: [A-Z]\w+)?"
_WEATHER = re.compile(rf"weather in ({_CITY})(?: and ({_CITY}))?")
_FLIGHT = re.compile(rf"flight from ({_CITY}) to ({_CITY})")
_CURRENCY = re.compile(r"([\d.]+) ([A-Z]{3}) (?:to|in) ([A-Z]{3})")
_POLICY = re.compile(r"policy .*?(hotel|flight|meal)")

SMALL_TALK = "I can help with weather, flights, currencies and the travel policy."
SORRY = "Sorry, I cannot help with that right now."


def price(usage: Usage) -> Decimal:
    """Return what a model call costs in USD; cached tokens are part of the input."""
    fresh = usage.input_tokens - usage.cached_tokens
    return (
        fresh * USD_PER_TOKEN["input"]
        + usage.cached_tokens * USD_PER_TOKEN["cached"]
        + usage.output_tokens * USD_PER_TOKEN["output"]
    )


class ScriptedModel:
    """The travel desk's model."""

    provider = "scripted"

    def __init__(self, clock: Clock, chance: Chance, faults: Faults, small: bool = False) -> None:
        """Answer by `clock` and `chance`; fail as `faults` says.

        A small model takes half the time and a quarter of the money, and does one thing at
        a time: of two tools that it needs it calls the first.
        """
        self.name, self._small = "scripted-mini" if small else "scripted-1", small
        self._clock, self._chance, self._faults = clock, chance, faults
        self._refusing_until = float("-inf")

    def smaller(self) -> "ScriptedModel":
        """Return the small model of the same provider, under the same faults."""
        return ScriptedModel(self._clock, self._chance, self._faults, small=True)

    async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
        """Answer the conversation.

        Raises:
            RateLimited: the fault `rate_limit` struck, up to half a minute ago.
            ModelTimeout: the fault `timeout` struck.
        """
        case = (run.session.id, len(messages), self._clock.time_ns())
        await self._fail_if_struck(case)
        draw = self._chance.stream("model", *case)
        text, calls = self._script(run, messages, case)
        reasoning = draw.randint(8, 48) if draw.random() < 0.3 else 0
        bloat = BLOAT_TOKENS if self._faults.strikes("prompt_bloat", *case) else 0
        usage = _count(messages, text, calls, reasoning, bloat)
        latency_s = 0.25 + 0.008 * usage.output_tokens + 0.00005 * usage.input_tokens
        pace, share = (0.5, Decimal("0.25")) if self._small else (1, Decimal(1))
        await self._clock.sleep(pace * latency_s * draw.lognormvariate(0, 0.25))
        reason = "tool_calls" if calls else "stop"
        return ModelReply(text, usage, calls, reason, share * price(usage), self.name)

    async def _fail_if_struck(self, case: Sequence[object]) -> None:
        now = self._clock.monotonic()
        if self._faults.strikes("rate_limit", *case):
            self._refusing_until = max(self._refusing_until, now + BURST_S)
        if now < self._refusing_until:
            await self._clock.sleep(0.05)
            raise RateLimited(round(self._refusing_until - now, 1))
        if self._faults.strikes("timeout", *case):
            await self._clock.sleep(TIMEOUT_S)
            msg = f"no answer from {self.name} within {TIMEOUT_S:g} s"
            raise ModelTimeout(msg)

    def _script(
        self, run: Run, messages: Sequence[Message], case: Sequence[object]
    ) -> tuple[str, tuple[ToolCall, ...]]:
        last = messages[-1]
        if last["role"] == "user" or self._faults.strikes("loop", run.session.id, run.query):
            wanted = list(_wanted(run.query))[: 1 if self._small else None]
            if wanted and self._faults.strikes("wrong_arguments", *case):
                name, arguments = wanted[0]
                wanted[0] = (name, {"place": next(iter(arguments.values()))})
            calls = tuple(
                ToolCall(f"{run.id}-call-{run.tool_calls + n}", name, arguments)
                for n, (name, arguments) in enumerate(wanted, 1)
            )
            return ("", calls) if calls else (SMALL_TALK, ())
        asked = {call.id: call for m in messages for call in m.get("tool_calls", ())}
        results = [m for m in messages[_last_user(messages) :] if m["role"] == "tool"]
        sentences = [_sentence(asked[m["tool_call_id"]], m["content"]) for m in results]
        return " ".join(dict.fromkeys(sentences)), ()


def _wanted(query: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if match := _WEATHER.search(query):
        for city in filter(None, match.groups()):
            yield "get_weather", {"location": city}
    if match := _FLIGHT.search(query):
        yield "find_flights", {"origin": match[1], "destination": match[2]}
    if match := _CURRENCY.search(query):
        amount, source, target = match.groups()
        yield "convert_currency", {"amount": float(amount), "source": source, "target": target}
    if match := _POLICY.search(query):
        yield "search_policy", {"topic": match[1]}


def _sentence(call: ToolCall, found: dict[str, Any]) -> str:
    """Say what a tool found. Where it found nothing, make something up, as models do."""
    if "error" in found:
        return SORRY
    if call.name == "get_weather":
        sky, celsius = found.get("sky", "pleasant"), found.get("celsius", 20)
        return f"Tomorrow in {call.arguments['location']}: {sky}, {celsius} °C."
    if call.name == "find_flights":
        return f"Flight {found.get('flight', 'XA1')} costs {found.get('usd', 99)} USD."
    if call.name == "convert_currency":
        return f"That makes {found.get('amount', 100)} {call.arguments['target']}."
    return str(found.get("policy", "The policy allows it."))


def _last_user(messages: Sequence[Message]) -> int:
    return max(n for n, message in enumerate(messages) if message["role"] == "user")


def _count(
    messages: Sequence[Message], text: str, calls: Sequence[ToolCall], reasoning: int, bloat: int
) -> Usage:
    """Count tokens the way everybody guesses them: four characters each."""
    sent = [len(str(m["content"])) // 4 + 4 for m in messages]
    seen_before = SYSTEM_TOKENS + sum(sent[:-1]) if len(sent) > 1 else 0
    produced = sum(len(str(call.arguments)) // 4 + 12 for call in calls) + len(text) // 4
    return Usage(
        input_tokens=SYSTEM_TOKENS + sum(sent) + bloat,
        output_tokens=produced + reasoning,
        cached_tokens=seen_before // CACHE_BLOCK * CACHE_BLOCK,
        reasoning_tokens=reasoning,
    )
