"""The limits that a dashboard shows: the course's table, and the rules that are watched."""

from dataclasses import dataclass

from obs_helpers.alerting.conditions import Unit
from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.alerting.rules import MIN_SAMPLES
from obs_helpers.insight.targets import TARGET
from obs_helpers.safe_text import one_line

VERDICTS = {"on target": "good", "off target": "warn", "alert": "bad"}


@dataclass(frozen=True, slots=True)
class Limit:
    """A line across a chart."""

    label: str
    value: float
    kind: str
    """`target` or `alert`, of the table, or `rule`: the threshold of one that is watched."""


def limits(measure: str, engine: AlertEngine | None = None) -> list[Limit]:
    """Return target and alert of `measure` from the table, and the thresholds of its rules.

    Shares are in percent. A rule whose threshold is the table's adds no second line.
    """
    row = TARGET[measure]
    found = {
        row.target: Limit(f"target {row.target:g} {row.unit}", row.target, "target"),
        row.alert: Limit(f"alert {row.alert:g} {row.unit}", row.alert, "alert"),
    }
    for state in engine.states.values() if engine else ():
        rule = state.rule
        if rule.metric == measure:
            factor = 100 if rule.measure.unit is Unit.RATIO else 1
            value = float(factor * rule.comparison.threshold)
            label = f"{one_line(rule.name, 24)} {value:g} {row.unit}"
            found.setdefault(value, Limit(label, value, "rule"))
    return list(found.values())


def verdict(measure: str, value: float | None, samples: int) -> str:
    """Return `on target`, `off target`, `alert`, or why there is no verdict."""
    if value is None:
        return "no data"
    if samples < MIN_SAMPLES:
        return f"too few to judge (n < {MIN_SAMPLES})"
    return TARGET[measure].verdict(value)
