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
    5: (
        Question(
            "A run was stopped at its step limit. Why is the run itself the failure point?",
            {
                "No step below it failed: the error began in the run": (
                    "All its model calls and tool calls went well. The run stopped itself after "
                    "six model calls."
                ),
                "A failed run is always its own failure point": (
                    "When the provider refuses a call, the error begins in that call. It only "
                    "passes through the run."
                ),
                "The run took longer than each of its steps": (
                    "A failure point is where an error began. How long a step took does not matter."
                ),
            },
        ),
        Question(
            "Which of these does an error rate not show?",
            {
                "A run whose tool failed and that answered all the same": (
                    "It counts as a success. Our day had 193 of them."
                ),
                "A run that hit its step limit": (
                    "It ends with an error: all 11 of our day are in the error rate."
                ),
                "A run whose model did not answer in time": (
                    "It ends with an error: all 9 of our day are in the error rate."
                ),
            },
        ),
    ),
    6: (
        Question(
            "Why does a rule on a share need a minimum of samples?",
            {
                "With few runs, one failure is a large share": (
                    "Of ten runs, one failure is 10 %. A healthy day had 21 false alerts for it."
                ),
                "With few runs, nobody can count the failures": (
                    "They can be counted. But the share of ten runs is 0 %, 10 % or 20 %, and "
                    "never 1 %."
                ),
                "With few runs, a rule takes too long": (
                    "A rule on few runs is as fast as any. What it says is worth less."
                ),
            },
        ),
        Question(
            "The store does not answer for two minutes. What does a rule do?",
            {
                "It keeps its state and says why": (
                    "It neither raises an alert nor ends one, and `reason` has the error."
                ),
                "It ends its alert, as it sees no failures": (
                    "To see nothing is not to see that all is well. The outage may go on."
                ),
                "It fires, to be on the safe side": (
                    "Then each hiccup of the store would wake somebody up for nothing."
                ),
            },
        ),
    ),
    7: (
        Question(
            "Why measure one change at a time?",
            {
                "Else nobody knows which change did what": (
                    "Cache and trimming together saved time and tokens. Alone, each of them saved "
                    "one of the two."
                ),
                "Two changes at once cannot be undone": (
                    "They can. But which of the two would you undo, if only one of them helps?"
                ),
                "Two changes never work together": (
                    "Cache and trimming do: their row has the time of one, the tokens of the other."
                ),
            },
        ),
        Question(
            "A change halves both time and cost. What else must you know of it?",
            {
                "Whether the answers are still right": (
                    "The small model alone was the fastest and the cheapest, and changed four "
                    "answers in ten."
                ),
                "How many lines of code it took": (
                    "It may matter to you, but not to users. They see the answers."
                ),
                "Whether it uses fewer tokens": (
                    "Tokens are paid for, so they are in the cost already."
                ),
            },
        ),
    ),
    8: (
        Question(
            "You move from architecture 0 to architecture 3. What stays the same?",
            {
                "The code of the agent": (
                    "Only the options of `start` change. The agent makes the same telemetry."
                ),
                "The place where traces are kept": (
                    "They go to a Collector now, and from there to a backend such as Jaeger."
                ),
                "What must run beside the agent": (
                    "Architecture 0 needs nothing else. Architecture 3 needs a Collector and "
                    "backends."
                ),
            },
        ),
        Question(
            "Why compute metrics before you sample?",
            {
                "What is sampled away is missing in them": (
                    "Tail sampling keeps the slow requests. The mean of those kept was 4.19 s, "
                    "and of all it was 1.63 s."
                ),
                "Sampling changes the spans that it keeps": (
                    "A span that is kept stays as it was. But those kept are not like the others."
                ),
                "Metrics of a sample cost more": (
                    "They cost less. But they are not the numbers of all requests."
                ),
            },
        ),
    ),
}
"""By section. Each wrong option is a mistake that is made."""
