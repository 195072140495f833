"""Where a step stands, and how a learner is told."""

from dataclasses import dataclass
from enum import Enum
from html import escape


class State(Enum):
    """Where a step stands. Each has words, a symbol and a colour; words come first."""

    NOT_ATTEMPTED = ("not attempted", "○", "#555555", 90)
    PARTLY = ("partly there", "◐", "#0077bb", 34)
    RAISED = ("your code raised", "!", "#aa3377", 35)
    WRONG = ("not right yet", "✗", "#cc3311", 31)
    RIGHT = ("right", "✓", "#117733", 32)

    def __init__(self, words: str, symbol: str, color: str, ansi: int) -> None:
        """Keep the parts of the value by name."""
        self.words, self.symbol, self.color, self.ansi = words, symbol, color, ansi


class Wrong(Exception):
    """A property does not hold; the message says what was seen, and which property."""


class NoSuchStep(LookupError):
    """A number that no step has; the message alone is shown (IPython's hook)."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class CheckFailed(Exception):
    """The step is not done: this stops *Run all*, and fails the notebook's test."""

    def __init__(self, state: State, step: str, text: str) -> None:
        """Say where `step` stands, and why."""
        super().__init__(f"{state.symbol} {step}: {state.words}\n{text}")
        self.state, self.text = state, text

    def _render_traceback_(self) -> list[str]:
        """Show the message alone: where our own code stopped helps nobody (IPython's hook)."""
        head, _, text = str(self).partition("\n")
        return [f"\x1b[{self.state.ansi}m{head}\x1b[0m", *text.splitlines()]


@dataclass(frozen=True)
class Passed:
    """The step is done: the value of a check's cell."""

    step: str
    text: str
    """What can now be answered."""

    def __repr__(self) -> str:
        """Say it in one line or two."""
        return f"{State.RIGHT.symbol} {self.step}: {State.RIGHT.words}\n{self.text}"

    def _repr_html_(self) -> str:
        head, _, text = repr(self).partition("\n")
        color = State.RIGHT.color
        return (
            f'<div style="border-left: 4px solid {color}; padding-left: 8px">'
            f"<b>{escape(head)}</b><br>{escape(text)}</div>"
        )


def expect(holds: object, text: str) -> None:
    """Go on if the property holds.

    Raises:
        Wrong: it does not; `text` says what was seen and which property is missing.
    """
    if not holds:
        raise Wrong(text)
