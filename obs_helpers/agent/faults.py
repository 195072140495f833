"""Faults that can be switched on, by name and rate."""

from collections.abc import Mapping

from obs_helpers.clock import Chance

FAULTS: Mapping[str, str] = {
    "slow_tool": "a tool takes eight seconds longer",
    "tool_error": "the service behind a tool answers 503",
    "rate_limit": "the model's provider refuses all requests for half a minute",
    "timeout": "the model does not answer within thirty seconds",
    "prompt_bloat": "six thousand useless tokens are sent with the prompt",
    "loop": "the model asks for the same tool again and again",
    "wrong_arguments": "the model calls a tool with an argument it does not have",
    "empty_result": "a tool finds nothing, calls that a success, and the model makes it up",
}


class Faults:
    """Which faults are on, and how often each strikes."""

    def __init__(self, chance: Chance | None = None) -> None:
        """Switch nothing on."""
        self._chance = chance or Chance()
        self.rates: dict[str, float] = {}

    def set(self, name: str, rate: float) -> None:
        """Let the fault `name` strike in the share `rate` of cases; 0 switches it off.

        Raises:
            ValueError: there is no such fault, or the rate is not from 0 to 1.
        """
        if name not in FAULTS:
            msg = f"there is no fault {name!r}; there are {', '.join(FAULTS)}"
            raise ValueError(msg)
        if not 0 <= rate <= 1:
            msg = f"rate={rate!r} does not work; give a share from 0 to 1"
            raise ValueError(msg)
        if rate:
            self.rates[name] = rate
        else:
            self.rates.pop(name, None)

    def strikes(self, name: str, *case: object) -> bool:
        """Tell whether the fault strikes in this case; the same case, the same answer."""
        rate = self.rates.get(name, 0.0)
        return rate > 0 and self._chance.stream(name, *case).random() < rate
