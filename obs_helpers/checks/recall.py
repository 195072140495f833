"""Questions to recall a section of the lesson, with a reason for each answer, wrong ones too."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from obs_helpers.checks.states import State


@dataclass(frozen=True, slots=True)
class Question:
    """One question."""

    text: str
    options: Mapping[str, str]
    """Each with what to say to whoever chose it. The first one is right."""

    @property
    def shown(self) -> list[str]:
        """The options in the order in which they are shown: by the alphabet."""
        return sorted(self.options)

    def reply(self, option: str) -> str:
        """Return what to say about an option, with its symbol and word."""
        state = State.RIGHT if option == next(iter(self.options)) else State.WRONG
        return f"{state.symbol} {'Right' if state is State.RIGHT else 'No'}. {self.options[option]}"


@dataclass(frozen=True, slots=True)
class Recall:
    """The questions of one section: a cell's value. An option unfolds what there is to say."""

    questions: tuple[Question, ...]

    def __repr__(self) -> str:
        """Return questions and options; the replies are in `answers()`."""
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {question.text}")
            options = zip("abc", question.shown, strict=True)
            lines += [f"   {letter}) {option}" for letter, option in options]
        return "\n".join(lines)

    def answers(self) -> list[str]:
        """Return the reply to each option, where folding does not work."""
        return [
            f"{number}{letter}) {question.reply(option)}"
            for number, question in enumerate(self.questions, 1)
            for letter, option in zip("abc", question.shown, strict=True)
        ]

    def _repr_html_(self) -> str:
        parts = []
        for number, question in enumerate(self.questions, 1):
            parts.append(f"<p><b>{number}. {escape(question.text)}</b></p>")
            parts += [
                f"<details><summary>{escape(option)}</summary>"
                f"<p style='margin-left: 1.5em'>{escape(question.reply(option))}</p></details>"
                for option in question.shown
            ]
        return "".join(parts)


def recall(section: int) -> Recall:
    """Return the questions of a section of the lesson.

    Raises:
        LookupError: that section has none.
    """
    if section not in QUESTIONS:
        msg = f"section {section!r} has no questions; there are {', '.join(map(str, QUESTIONS))}"
        raise LookupError(msg)
    return Recall(QUESTIONS[section])


QUESTIONS: Mapping[int, tuple[Question, ...]] = {
    2: (
        Question(
            "A tool failed, the model coped, and the user got an answer. Which level?",
            {
                "warning": "It was handled, but it should not be normal: count how often.",
                "error": "Keep it for requests that failed. Else a hiccup looks like an outage.",
                "info": "That is for normal work. The failure would drown among finished runs.",
            },
        ),
        Question(
            "You keep a tenth of the log lines, drawn one by one. What is wrong with it?",
            {
                "Requests are torn apart: some of their lines are there, some are not": (
                    "Draw whole requests, by their trace id, and keep every one that went wrong."
                ),
                "A tenth is too little": (
                    "It may well be enough. What matters is which tenth it is, and what is lost."
                ),
                "Nothing, if the draw is fair": (
                    "A fair draw of lines still leaves no request whole, and loses nine failures "
                    "of ten."
                ),
            },
        ),
    ),
    3: (
        Question(
            "The mean response time is 1.6 s. What do you know about the slowest user of twenty?",
            {
                "Nothing": (
                    "The mean of our day was on target while one in a hundred waited 9 s or more. "
                    "Ask for the p95."
                ),
                "That user waited less than 5 s": (
                    "The mean has no such limit: a few very slow runs hide behind many fast ones."
                ),
                "That user waited about 3.2 s": (
                    "No rule leads from the mean to a percentile. That depends on the distribution."
                ),
            },
        ),
        Question(
            "Which of these must not be a label of a metric?",
            {
                "The session id": (
                    "Each session would be a series, for ever. It belongs on spans and logs."
                ),
                "The name of the tool": (
                    "It is fine: the agent has four tools, and they come from a short list."
                ),
                "The category of an error": (
                    "It is fine: there are thirteen. The message of an error would not be."
                ),
            },
        ),
    ),
    4: (
        Question(
            "A trace of your agent has two roots. Where do you look first?",
            {
                "For `start_span`, and for threads": (
                    "Neither passes the current span on, so the next one finds no parent."
                ),
                "For a clock that is wrong": (
                    "It would move spans in time. Parents are found by id, not by time."
                ),
                "For an error that was not caught": (
                    "An error ends a span with a status. The span keeps its parent."
                ),
            },
        ),
        Question(
            "You sample one trace in ten at the head. Which number is still right?",
            {
                "The count of requests in the metrics": (
                    "Metrics are computed before the sampling, so they stay whole."
                ),
                "The count of failures among the stored traces": (
                    "We kept 7 of 72. Ten times 7 is near, but with few failures it is a guess."
                ),
                "The slowest request in the store": (
                    "It is the slowest of those kept. The slowest of all is probably gone."
                ),
            },
        ),
    ),
}
"""By section. Each wrong option is a mistake that is made."""
