"""The language of alert conditions: `error_rate > 5%`, `p95_latency > 5s`.

    condition := metric op threshold
    metric    := a name, or a quantile of it: p50_, p90_, p95_, p99_
    op        := ">" | ">=" | "<" | "<="
    threshold := ["$"] number ["%" | "ms" | "s" | "m" | "h" | "tokens" | "USD"]

A condition is read once, when its rule is made, and a wrong one says where it is wrong.
Durations (`5m`, `1h30m`) are written as Prometheus writes them.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import NoReturn

MAX_LENGTH = 200
"""Characters of a condition; none that a person can read is longer."""


class ConditionError(ValueError):
    """A condition or a duration is wrong; the message points at the place."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        """Show `text` with a mark at `position`."""
        start = max(0, position - 40)
        shown = "".join(c if c.isprintable() else "�" for c in text[start : position + 40])
        super().__init__(f"{problem}\n  {shown}\n  {' ' * (position - start)}^")
        self.position = position


class Unit(Enum):
    """What a metric is measured in, and how its thresholds are written."""

    RATIO = "%"
    SECONDS = "s"
    USD = "$"
    TOKENS = "tokens"

    @property
    def written(self) -> str:
        """How to write a threshold, for messages."""
        return {"%": "5% or 0.05", "s": "5s or 500ms", "$": "$10", "tokens": "5000 tokens"}[
            self.value
        ]

    def show(self, value: Fraction) -> str:
        """Return `value` as people read it."""
        match self:
            case Unit.RATIO:
                return f"{decimal_text(100 * value)}%"
            case Unit.SECONDS:
                return f"{decimal_text(value)}s"
            case Unit.USD:
                return f"${decimal_text(value)}"
            case Unit.TOKENS:
                return f"{decimal_text(value)} tokens"


def decimal_text(value: Fraction) -> str:
    """Return `value` as a plain decimal, with four digits, or more before the point."""
    rounded = f"{float(value):.4g}" if abs(value) < 1000 else f"{float(value):.0f}"
    return f"{Decimal(rounded):f}"


_SUFFIXES = {
    "%": (Unit.RATIO, Fraction(1, 100)),
    "ms": (Unit.SECONDS, Fraction(1, 1000)),
    "s": (Unit.SECONDS, Fraction(1)),
    "m": (Unit.SECONDS, Fraction(60)),
    "h": (Unit.SECONDS, Fraction(3600)),
    "tokens": (Unit.TOKENS, Fraction(1)),
    "USD": (Unit.USD, Fraction(1)),
}
_OPERATORS = (">", ">=", "<", "<=")
_PARTS = {
    "metric": re.compile(r"[a-z_][a-z0-9_]*"),
    "op": re.compile(r"[<>=!~]+"),
    "dollar": re.compile(r"\$"),
    "number": re.compile(r"[0-9]+(\.[0-9]+)?"),
    "suffix": re.compile(r"%|[A-Za-z]+"),
}
_SPACE = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operator and a threshold, in base units: shares of 1, seconds, dollars, tokens."""

    op: str
    threshold: Fraction
    unit: Unit

    def holds(self, value: Fraction) -> bool:
        """Tell whether `value` satisfies it; exact, so that no rounding decides."""
        match self.op:
            case ">":
                return value > self.threshold
            case ">=":
                return value >= self.threshold
            case "<":
                return value < self.threshold
            case _:
                return value <= self.threshold

    def __str__(self) -> str:
        """Write it as a condition does."""
        return f"{self.op} {self.unit.show(self.threshold)}"


class _Reader:
    """Reads a text part by part, and knows where it stands."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        if len(text) > MAX_LENGTH:
            self.fail(f"a condition has at most {MAX_LENGTH} characters", MAX_LENGTH)

    def take(self, part: str) -> tuple[int, str]:
        """Return where the next part stands and its text, "" if it is not there."""
        start = _SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]
        match = _PARTS[part].match(self.text, start)
        self.position = match.end() if match else start
        return start, match[0] if match else ""

    def fail(self, problem: str, position: int | None = None) -> NoReturn:
        raise ConditionError(self.text, self.position if position is None else position, problem)


def parse_condition(text: str, metrics: dict[str, Unit]) -> tuple[str, Comparison]:
    """Return the metric's name and the comparison of a condition.

    Raises:
        ConditionError: the text is no condition, or its unit is not its metric's.
    """
    reader = _Reader(text)
    at, name = reader.take("metric")
    if name not in metrics:
        reader.fail(_no_metric(name, sorted(metrics)), at)
    comparison = _comparison(reader, metrics[name])
    return name, comparison


def parse_comparison(text: str, unit: Unit) -> Comparison:
    """Return a comparison alone, such as the `< 3%` of a rule's `recover`."""
    return _comparison(_Reader(text), unit)


def _no_metric(name: str, known: Sequence[str]) -> str:
    there = ", ".join(m for m in known if not m.startswith(("p50_", "p90_", "p99_")))
    if not name:
        return f"a condition begins with a metric: {there} (or p50_, p90_, p99_)"
    if f"p95_{name}" in known:
        return f"{name!r} needs a statistic: say p95_{name}, or p50_, p90_, p99_"
    close = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; there are {there}"
    return f"there is no metric {name!r}{hint}"


def _comparison(reader: _Reader, unit: Unit) -> Comparison:
    at, op = reader.take("op")
    if op in ("=", "==", "!="):
        reader.fail(f"{op} on a measured value is chance; use >= or <=", at)
    if op not in _OPERATORS:
        reader.fail(f"a comparison is wanted here: {' '.join(_OPERATORS)}", at)
    _, dollar = reader.take("dollar")
    at, number = reader.take("number")
    if not number:
        reader.fail(f"a number is wanted here, such as {unit.written}", at)
    at_suffix, suffix = reader.take("suffix")
    if suffix and (suffix not in _SUFFIXES or dollar):
        reader.fail(f"{suffix!r} is no unit here; write {unit.written}", at_suffix)
    given, factor = (Unit.USD, Fraction(1)) if dollar else _SUFFIXES.get(suffix, (None, None))
    value = Fraction(number)
    if given is None:
        given, factor = _bare(reader, unit, value, number, at), Fraction(1)
    if given is not unit:
        reader.fail(f"the unit does not fit the metric; write {unit.written}", at)
    _, rest = reader.take("suffix")
    if rest or reader.position < len(reader.text):
        reader.fail("the condition should end here", reader.position - len(rest))
    return Comparison(op, value * (factor or 1), unit)


def _bare(reader: _Reader, unit: Unit, value: Fraction, number: str, at: int) -> Unit:
    """Accept a number without a unit where it can mean one thing only."""
    if unit is Unit.RATIO and value >= 1:
        reader.fail(f"{number}% or {float(value / 100):g}? A share needs a % or lies below 1", at)
    if unit in (Unit.SECONDS, Unit.USD):
        reader.fail(f"{number} of what? Write {unit.written}", at)
    return unit


_UNITS = {
    "y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000,
    "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1,
}  # fmt: skip
"""Milliseconds, by unit."""
_DURATION = re.compile("".join(rf"(?:(?P<{u}>[0-9]+){u}(?![a-z]))?" for u in _UNITS))


def parse_duration(text: str) -> float:
    """Return the seconds of a duration: `5m`, `1h30m`, or `0`.

    Raises:
        ConditionError: it is none; units stand at most once each, the largest first.
    """
    match = _DURATION.match(text)
    end = match.end() if match else 0
    if text == "0":
        return 0.0
    if not text or end < len(text) or len(text) > MAX_LENGTH:
        problem = "a duration is wanted here, such as 5m or 1h30m (y w d h m s ms, in this order)"
        raise ConditionError(text, min(end, MAX_LENGTH), problem)
    found = match.groupdict() if match else {}
    return sum(int(found[u] or 0) * ms for u, ms in _UNITS.items()) / 1000
