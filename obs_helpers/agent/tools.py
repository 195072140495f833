"""The travel desk's tools. Their answers are made up, and always the same."""

from typing import Any

from obs_helpers.agent.core import Tool
from obs_helpers.agent.errors import ToolError
from obs_helpers.agent.faults import Faults
from obs_helpers.clock import Chance, Clock

WEATHER = ("sunny", "cloudy", "rain", "snow", "windy", "fog")
USD_PER_UNIT = {"USD": 1.0, "EUR": 1.08, "GBP": 1.27, "JPY": 0.0067, "CHF": 1.13, "NOK": 0.094}
POLICY = {
    "hotel": "Hotels up to 180 USD a night need no approval.",
    "flight": "Flights under six hours are booked in economy class.",
    "meal": "Meals are refunded up to 60 USD a day.",
}


class TravelTools:
    """Four tools that take their time from a clock and their failures from `faults`."""

    def __init__(self, clock: Clock, chance: Chance, faults: Faults) -> None:
        """Answer by `clock` and `chance`."""
        self._clock, self._chance, self._faults = clock, chance, faults

    def all(self) -> list[Tool]:
        """Return the tools as the agent wants them."""
        return [self.get_weather, self.find_flights, self.convert_currency, self.search_policy]

    async def get_weather(self, location: str) -> dict[str, Any]:
        """Return tomorrow's weather in a city."""
        if not await self._work("get_weather", 0.25, location):
            return {}
        draw = self._chance.stream("weather", location)
        return {"location": location, "sky": draw.choice(WEATHER), "celsius": draw.randint(-5, 32)}

    async def find_flights(self, origin: str, destination: str) -> dict[str, Any]:
        """Return the cheapest flight between two cities."""
        if not await self._work("find_flights", 0.6, origin, destination):
            return {}
        draw = self._chance.stream("flight", origin, destination)
        number = f"XA{draw.randint(100, 999)}"
        return {"flight": number, "usd": draw.randint(60, 900), "hours": draw.randint(1, 12)}

    async def convert_currency(self, amount: float, source: str, target: str) -> dict[str, Any]:
        """Return `amount` of one currency in another."""
        if not await self._work("convert_currency", 0.1, source, target):
            return {}
        for currency in (source, target):
            if currency not in USD_PER_UNIT:
                msg = f"unknown currency {currency!r}"
                raise ToolError(msg)
        return {"amount": round(amount * USD_PER_UNIT[source] / USD_PER_UNIT[target], 2)}

    async def search_policy(self, topic: str) -> dict[str, Any]:
        """Return what the travel policy says on a topic."""
        if not await self._work("search_policy", 0.4, topic):
            return {}
        return {"policy": POLICY.get(topic, "The policy does not say.")}

    async def _work(self, tool: str, typical_s: float, *arguments: str) -> bool:
        """Take time; raise or return False if a fault strikes."""
        case = (tool, *arguments, self._clock.time_ns())
        latency_s = typical_s * self._chance.stream("latency", *case).lognormvariate(0, 0.35)
        if self._faults.strikes("slow_tool", *case):
            latency_s += 8.0
        await self._clock.sleep(latency_s)
        if self._faults.strikes("tool_error", *case):
            msg = f"the service behind {tool} answered 503"
            raise ToolError(msg)
        return not self._faults.strikes("empty_result", *case)
