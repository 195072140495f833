"""Steps of an exercise, and what happens when a learner asks for a check or for a hint."""

import ast
import inspect
import sys
import textwrap
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from obs_helpers.checks import progress
from obs_helpers.checks.sandbox import THREAD, Raised
from obs_helpers.checks.states import CheckFailed, NoSuchStep, Passed, State, Wrong

Check = Callable[..., None]
"""Takes the learner's answers by name, in the order of `asks`; raises `Wrong`."""


@dataclass(frozen=True)
class Step:
    """One step."""

    title: str
    asks: tuple[str, ...]
    """Names that the learner's cell defines."""
    check: Check
    hints: tuple[str, str, str]
    """From a nudge to almost the code."""
    answers: str
    """What the learner can now answer."""


class Hint(str):
    """A text that a notebook shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text itself."""
        return str(self)


class Exercise:
    """The steps of one notebook, counted from 1."""

    def __init__(self, name: str, steps: Sequence[Step], reference: Mapping[str, Any]) -> None:
        """Check `steps`.

        Args:
            name: The notebook's name without its ending.
            steps: In their order.
            reference: For each name that is asked for, a right answer.
        """
        self.name, self.steps, self.reference = name, tuple(steps), reference
        self._said: set[tuple[str, int]] = set()

    def check(self, number: int) -> Passed:
        """Check a step of the notebook that calls this, and note the outcome.

        Raises:
            CheckFailed: the step is not done; the message says what was seen.
            NoSuchStep: there is no such step.
        """
        step = self._step(number)
        space = sys._getframe(1).f_globals
        state, text = _outcome(step, space)
        progress.note(f"{self.name}/{number}", state.words)
        title = f"Step {number}, {step.title}"
        if state is State.RIGHT:
            return Passed(title, step.answers)
        if state in (State.WRONG, State.RAISED):
            text += f"\nStuck? exercise.hint({number})"
        raise CheckFailed(state, title, text)

    def hint(self, number: int) -> Hint:
        """Return the next hint for a step; after the third, where the solution is.

        Raises:
            NoSuchStep: there is no such step.
        """
        step, key = self._step(number), f"{self.name}/{number}"
        if progress.load().get(key, progress.Record()).hints >= len(step.hints):
            where = f"solutions/{self.name}.ipynb, step {number}"
            return Hint(f"These were all hints. Solution: {where}.")
        used = progress.note(key, hints=1).hints
        return Hint(f"Hint {used} of {len(step.hints)}: {step.hints[used - 1]}")

    def best(self, name: str) -> Any:
        """Return the answer of a step: yours if it is right, else the solution's, and say so."""
        space = sys._getframe(1).f_globals
        for number, step in enumerate(self.steps, 1):
            if name in step.asks:
                state = _outcome(step, space)[0]
                if state is State.RIGHT:
                    return space[name]
                self._say(name, number, state, len(space.get("In", ())))
                return self.reference[name]
        msg = f"no step asks for {name!r}"
        raise LookupError(msg)

    def _say(self, name: str, number: int, state: State, cell: int) -> None:
        """Say whose answer is used: once a cell, and never while a check runs."""
        if (name, cell) in self._said or threading.current_thread().name == THREAD:
            return
        self._said.add((name, cell))
        lacks = "done" if state in (State.NOT_ATTEMPTED, State.PARTLY) else "right"
        sys.stdout.write(
            f"(`{name}` is the solution's here: your step {number} is not {lacks} yet)\n"
        )

    def _step(self, number: int) -> Step:
        if not (isinstance(number, int) and 1 <= number <= len(self.steps)):
            quoted = "" if isinstance(number, int) else ", each a whole number without quotes"
            msg = f"there is no step {number!r}; there are 1 to {len(self.steps)}{quoted}"
            raise NoSuchStep(msg)
        return self.steps[number - 1]


def _outcome(step: Step, space: Mapping[str, Any]) -> tuple[State, str]:
    open_ = [name for name in step.asks if name not in space or is_untouched(space[name])]
    if len(open_) == len(step.asks):
        return State.NOT_ATTEMPTED, f"Write {_names(step.asks)} in the cell above."
    if open_:
        return State.PARTLY, f"Still to write: {_names(open_)}."
    try:
        step.check(*(space[name] for name in step.asks))
    except Wrong as wrong:
        return State.WRONG, str(wrong)
    except Raised as raised:
        return State.RAISED, str(raised)
    except Exception as error:  # an answer that is like nothing we thought of
        return State.WRONG, f"It cannot be checked: {type(error).__name__}: {error}"
    return State.RIGHT, ""


def is_untouched(answer: Any) -> bool:
    """Tell whether an answer still is the placeholder `...`, or has one among its statements."""
    if answer is ...:
        return True
    if inspect.isclass(answer):  # the source of a class in a notebook is not found
        return any(is_untouched(part) for part in vars(answer).values() if inspect.isroutine(part))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (OSError, TypeError, SyntaxError):  # no source: then somebody made it
        return False
    return any(map(_is_placeholder, ast.walk(tree)))


def _is_placeholder(node: ast.AST) -> bool:
    """Tell whether a node is the statement `...`."""
    return isinstance(node, ast.Expr) and (
        isinstance(node.value, ast.Constant) and node.value.value is ...
    )


def _names(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
