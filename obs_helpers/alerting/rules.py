"""Alert rules: what to watch, for how long, and what to tell.

A rule is checked when it is made. It holds no state: `states` does.
"""

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from obs_helpers.alerting.conditions import (
    Comparison,
    ConditionError,
    Unit,
    decimal_text,
    parse_comparison,
    parse_condition,
    parse_duration,
)
from obs_helpers.alerting.measures import MEASURES, UNITS, Labels, Measure, Question, Reading
from obs_helpers.given import check, is_count
from obs_helpers.insight.targets import TARGET

NO_DATA = ("ok", "keep", "alert")
MIN_SAMPLES = 20
"""A share or a quantile of fewer runs says nothing: at 10 runs in five minutes a healthy
agent with 1 % of errors is above 5 % in 27 windows a day."""
MAX_WINDOW_S = 366 * 86_400
RUNBOOKS = "https://github.com/OWNER/REPO/blob/main/README.md"
"""Where the runbooks are: one heading for each rule, the rule's name in lower case."""


@dataclass(frozen=True)
class AlertRule:
    """One rule.

    Raises:
        ConditionError: a condition or a duration is wrong; the message points at it.
        ValueError: another value is wrong; the message says which it can have.
    """

    name: str
    condition: str
    """Such as `error_rate > 5%`; `conditions` has the grammar, `measures` the metrics."""
    window: str = "5m"
    severity: str = "warning"
    for_: str = "0"
    """How long the condition must hold before anybody is told."""
    keep_firing_for: str = "0"
    """How long it must not hold before the alert ends, against flapping."""
    recover: str | None = None
    """A second threshold for the end, such as `< 3%`; Prometheus has no such thing."""
    also_window: str | None = None
    """The condition must hold over this window as well (burn rates)."""
    by: tuple[str, ...] = ()
    """Labels that split the metric: one alert for each tool, say."""
    min_samples: int | None = None
    """Below it nothing fires. Default: 20 for shares and quantiles, none for sums."""
    min_failures: int = 0
    no_data: str = "ok"
    """What no data means: `ok`, `keep` the state, or `alert`."""
    limit: int = 100
    """Label sets of this rule at once; more are an error, not a thousand pages."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Texts that can use `{value}`, `{threshold}`, `{window}`, `{samples}` and the labels
    of `by`."""
    runbook_url: str = ""

    def __post_init__(self) -> None:
        """Check everything."""
        for name, good, remedy in self._checks():
            check(f"rule {self.name!r}: {name}", getattr(self, name), good, remedy)
        metric, comparison = parse_condition(self.condition, UNITS)
        recover = parse_comparison(self.recover, comparison.unit) if self.recover else None
        also_s = _seconds(self.also_window) if self.also_window else None
        read = {
            "metric": metric, "comparison": comparison, "recovered": recover,
            "window_s": _seconds(self.window), "also_window_s": also_s,
            "for_s": parse_duration(self.for_), "keep_s": parse_duration(self.keep_firing_for),
        }  # fmt: skip
        vars(self).update(read)  # the class is frozen for everybody else
        self._check_by()
        self._check_texts()
        self._check_use()

    metric: str = field(init=False, repr=False, compare=False)
    comparison: Comparison = field(init=False, repr=False, compare=False)
    recovered: Comparison | None = field(init=False, repr=False, compare=False)
    window_s: float = field(init=False, repr=False, compare=False)
    also_window_s: float | None = field(init=False, repr=False, compare=False)
    for_s: float = field(init=False, repr=False, compare=False)
    keep_s: float = field(init=False, repr=False, compare=False)

    @property
    def measure(self) -> Measure:
        """What the rule measures."""
        return MEASURES[self.metric]

    @property
    def needed_samples(self) -> int:
        """The samples below which nothing fires."""
        if self.min_samples is not None:
            return self.min_samples
        return 0 if self.measure.is_sum else MIN_SAMPLES

    @property
    def questions(self) -> list[Question]:
        """What to ask the store: one question, or two with `also_window`."""
        windows = [self.window_s, *([self.also_window_s] if self.also_window_s else [])]
        return [(self.metric, window_s, self.by) for window_s in windows]

    def texts(self, labels: Labels, reading: Reading | None) -> dict[str, str]:
        """Return the annotations for one reading."""
        known = {
            "value": "not known" if reading is None else self.measure.unit.show(reading.value),
            "samples": "0" if reading is None else f"{reading.samples:,}",
            "threshold": str(self.comparison), "window": self.window, **dict(labels),
        }  # fmt: skip
        texts = {"summary": self._summary(), **self.annotations}
        told = {name: text.format_map(known) for name, text in texts.items()}
        return {**told, "runbook_url": self.runbook_url} if self.runbook_url else told

    def _summary(self) -> str:
        of = "".join(f" of {name} {{{name}}}" for name in self.by)
        over = "" if self.measure.is_sum and self.metric != "hourly_cost" else " over {window}"
        return f"{self.metric}{of} is {{value}} ({{threshold}}){over}, n = {{samples}}"

    def _checks(self) -> Iterator[tuple[str, bool, str]]:
        for name in ("name", "condition", "window", "severity", "for_", "keep_firing_for"):
            value = getattr(self, name)
            yield name, isinstance(value, str) and value != "", "a text"
        yield "no_data", self.no_data in NO_DATA, f"one of {', '.join(NO_DATA)}"
        for name, least in (("min_failures", 0), ("limit", 1)):
            yield name, is_count(getattr(self, name), least), f"a number from {least} up"
        enough = self.min_samples
        yield "min_samples", enough is None or is_count(enough, 0), "a number from 0 up"
        names = isinstance(self.by, tuple) and len(set(self.by)) == len(self.by)
        yield "by", names, "a tuple of different names, such as ('tool',)"

    def _check_by(self) -> None:
        for name in self.by:
            if name not in self.measure.labels:
                there = ", ".join(self.measure.labels) or "none"
                msg = f"rule {self.name!r}: {self.metric} has no label {name!r}; it has: {there}"
                raise ValueError(msg)

    def _check_texts(self) -> None:
        known = {"value", "threshold", "window", "samples", *self.by}
        for name, text in self.annotations.items():
            try:
                used = {_placeholder(*part[1:]) for part in string.Formatter().parse(text)}
            except ValueError as error:
                used = {f"({error})"}
            used.discard("")
            if unknown := used - known:
                msg = (
                    f"rule {self.name!r}: annotation {name!r} uses {{{sorted(unknown)[0]}}}; "
                    f"there are {', '.join(sorted(known))}"
                )
                raise ValueError(msg)

    def _check_use(self) -> None:
        top = self.comparison.threshold
        if self.measure.unit is Unit.RATIO and top > 1:
            msg = f"rule {self.name!r}: {self.condition!r} never fires: a share is at most 100%"
            raise ValueError(msg)
        if self.min_failures and self.measure.failures == "NULL":
            msg = f"rule {self.name!r}: {self.metric} knows no failures; leave min_failures out"
            raise ValueError(msg)


def _placeholder(name: str | None, form: str | None, conversion: str | None) -> str:
    """Return what stands between the braces, whole if it is more than a name."""
    if name is None or not (form or conversion):
        return name or ""
    return f"{name}!{conversion or ''}:{form}"


def _seconds(window: str) -> float:
    seconds = parse_duration(window)
    if not 0 < seconds <= MAX_WINDOW_S:
        raise ConditionError(window, 0, "a window is longer than 0, and a year at most")
    return seconds


class AlertConfig:
    """The course outline's three rules, as it writes them."""

    rules: Sequence[Mapping[str, Any]] = (
        {
            "name": "High Error Rate",
            "condition": "error_rate > 5%",
            "window": "5m",
            "severity": "critical",
        },
        {
            "name": "Slow Response",
            "condition": "p95_latency > 5s",
            "window": "10m",
            "severity": "warning",
        },
        {
            "name": "High Cost",
            "condition": "hourly_cost > $10",
            "window": "1h",
            "severity": "warning",
        },
    )

    @classmethod
    def parsed(cls) -> list[AlertRule]:
        """Return the rules, checked; a subclass with `rules` of its own works too."""
        return [AlertRule(**rule) for rule in cls.rules]


def _default(name: str, condition: str, window: str, severity: str, **more: Any) -> AlertRule:
    """Return a rule with a runbook; a measure of the course's table brings its threshold."""
    if condition in TARGET:
        condition = TARGET[condition].condition
    return AlertRule(
        name, condition, window, severity, runbook_url=f"{RUNBOOKS}#{name.lower()}", **more
    )


DEFAULT_RULES = (
    _default("AgentHighErrorRate", "error_rate", "5m", "critical",
             for_="2m", keep_firing_for="3m", min_failures=3),
    _default("AgentSlowResponse", "p95_latency", "10m", "warning",
             for_="5m", keep_firing_for="5m"),
    _default("AgentHighCost", "hourly_cost > $10", "1h", "warning"),
    _default("AgentExpensiveRuns", "p95_cost_per_request", "1h", "info"),
    _default("AgentTokenHeavy", "p95_tokens_per_request", "1h", "info"),
    _default("AgentToolFailing", "tool_success_rate", "10m", "warning",
             by=("tool",), for_="5m", keep_firing_for="5m", min_failures=3),
    _default("AgentStuck", "oldest_running_seconds > 5m", "5m", "critical"),
    _default("AgentTelemetryAbsent", "telemetry_age_seconds > 10m", "10m", "warning"),
)  # fmt: skip
"""One rule for each row of the course's table of metrics, and two for silence."""

BURN_RATES = (
    ("critical", 14.4, "1h", "5m"),
    ("critical", 6, "6h", "30m"),
    ("warning", 1, "3d", "6h"),
)
"""Severity, burn rate, long and short window, for an objective over 30 days: the Site
Reliability Workbook's."""


def burn_rate_rules(objective: float, time_scale: float = 1) -> list[AlertRule]:
    """Return rules on how fast the error budget of `objective` burns.

    Args:
        objective: Share of good runs over 30 days, such as 0.99.
        time_scale: Windows are this many times shorter; for lessons.

    Raises:
        ValueError: a rule could never fire, because its threshold is 100 % or more.
    """
    budget = 1 - Fraction(str(objective))
    rules = []
    for severity, burn, long, short in BURN_RATES:
        threshold = Fraction(str(burn)) * budget
        if not 0 < threshold < 1:
            msg = (
                f"objective={objective!r} does not work: a burn rate of {burn:g} is "
                f"{decimal_text(100 * threshold)} % of errors, which never is exceeded; give a "
                f"stricter objective, or a rule on error_rate itself"
            )
            raise ValueError(msg)
        windows = [_scaled(window, time_scale) for window in (long, short)]
        name = f"AgentBudgetBurn{str(burn).replace('.', '_')}x"
        condition = f"error_rate > {decimal_text(100 * threshold)}%"
        rules.append(_default(name, condition, windows[0], severity, also_window=windows[1]))
    return rules


def _scaled(window: str, time_scale: float) -> str:
    if time_scale == 1:
        return window
    return f"{max(1, round(parse_duration(window) * 1000 / time_scale))}ms"
