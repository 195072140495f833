"""Alert rules: checked when made, the course's three as written, and the defaults."""

from pathlib import Path
from typing import Any

import pytest

from obs_helpers.alerting.conditions import ConditionError
from obs_helpers.alerting.measures import MEASURES
from obs_helpers.alerting.rules import (
    DEFAULT_RULES,
    AlertConfig,
    AlertRule,
    burn_rate_rules,
)
from obs_helpers.insight.targets import TARGETS


def test_the_outlines_rules_work_as_written() -> None:
    """Names, conditions, windows and severities are the course outline's."""
    assert [(r.name, r.metric, r.window_s, r.severity) for r in AlertConfig.parsed()] == [
        ("High Error Rate", "error_rate", 300, "critical"),
        ("Slow Response", "p95_latency", 600, "warning"),
        ("High Cost", "hourly_cost", 3600, "warning"),
    ]


def test_somebody_elses_config_works_too() -> None:
    """A subclass has rules of its own, as in the outline."""

    class Mine(AlertConfig):
        rules = [{"name": "Slow", "condition": "p99_latency > 9s"}]  # noqa: RUF012

    assert [rule.name for rule in Mine.parsed()] == ["Slow"]


def test_each_row_of_the_table_of_metrics_has_a_rule() -> None:
    """With the threshold that the course's table says."""
    by_metric = {rule.metric: float(rule.comparison.threshold) for rule in DEFAULT_RULES}
    table = {row.name: row.alert for row in TARGETS}
    assert by_metric["p95_latency"] == table["Response Time"]
    assert by_metric["p95_tokens_per_request"] == table["Token Usage"]
    assert by_metric["p95_cost_per_request"] == table["Cost per Request"]
    assert by_metric["error_rate"] * 100 == table["Error Rate"]
    assert by_metric["tool_success_rate"] * 100 == table["Tool Success Rate"]


def test_each_default_rule_has_a_runbook() -> None:
    """The address points at a heading of the README that is there."""
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")
    headings = {line.strip("# \n").lower() for line in readme.splitlines() if line[:1] == "#"}
    for rule in DEFAULT_RULES:
        assert rule.runbook_url.rpartition("#")[2] in headings


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"condition": 5}, "condition=5 does not work"),
        ({"name": ""}, "name='' does not work"),
        ({"no_data": "maybe"}, "one of ok, keep, alert"),
        ({"min_samples": -1}, "min_samples=-1"),
        ({"limit": 0}, "limit=0"),
        ({"by": "tool"}, "a tuple of different names"),
        ({"by": ["agent"]}, "a tuple of different names"),
        ({"by": None}, "a tuple of different names"),
        ({"by": ("agent", "agent")}, "a tuple of different names"),
        ({"min_samples": "5"}, "min_samples='5'"),
        ({"min_samples": 2.5}, "min_samples=2.5"),
        ({"limit": True}, "limit=True"),
        ({"condition": "error_rate > 500%"}, "never fires"),
        ({"condition": "p95_latency > 5s", "min_failures": 3}, "knows no failures"),
        ({"annotations": {"a": "{value:d}"}}, "uses {value!:d}"),
        ({"annotations": {"a": "{value!r}"}}, "uses {value!r:}"),
        ({"by": ("tool",)}, "error_rate has no label 'tool'"),
        ({"annotations": {"summary": "{worth}"}}, "uses {worth}; there are samples"),
        ({"annotations": {"summary": "{value"}}, "annotation 'summary'"),
        ({"annotations": {"summary": "{value.__class__}"}}, "uses {value.__class__}"),
    ],
)
def test_a_wrong_rule_is_not_made(given: dict[str, Any], says: str) -> None:
    """The message says which value, and which it can have."""
    with pytest.raises(ValueError, match=r"rule ") as caught:
        AlertRule(**{"name": "R", "condition": "error_rate > 5%", **given})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [{"window": "0"}, {"window": "-5m"}, {"window": "5 min"}, {"for_": "soon"},
     {"keep_firing_for": "1.5h"}, {"recover": "< 3s"}, {"also_window": "0s"}, {"window": "9999y"}],
)  # fmt: skip
def test_a_wrong_duration_or_unit_is_pointed_at(given: dict[str, Any]) -> None:
    """In the rule's own words."""
    with pytest.raises(ConditionError, match=r"\^"):
        AlertRule("R", "error_rate > 5%", **given)


def test_a_runbooks_address_is_left_as_it_is() -> None:
    """Braces in it are no placeholders."""
    rule = AlertRule("R", "error_rate > 5%", runbook_url="https://x.example/{id}")
    assert rule.texts((), None)["runbook_url"] == "https://x.example/{id}"


def test_a_rule_cannot_be_changed() -> None:
    """Its state would belong to another rule."""
    with pytest.raises(AttributeError):
        DEFAULT_RULES[0].window = "1h"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("objective", "thresholds"),
    [
        (0.999, ["1.44%", "0.6%", "0.1%"]),
        (0.99, ["14.4%", "6%", "1%"]),
        (0.95, ["72%", "30%", "5%"]),
    ],
)
def test_burn_rates_are_the_workbooks(objective: float, thresholds: list[str]) -> None:
    """Threshold = burn rate times the error budget; both windows of a row must exceed it."""
    rules = burn_rate_rules(objective)
    assert [rule.condition for rule in rules] == [f"error_rate > {t}" for t in thresholds]
    assert [(r.window, r.also_window) for r in rules] == [("1h", "5m"), ("6h", "30m"), ("3d", "6h")]


@pytest.mark.parametrize("objective", [0.9, 0.93, 0.5, 1, 1.2, 0])
def test_a_burn_rate_that_never_fires_is_refused(objective: float) -> None:
    """At 90 % the page on 14.4 times the budget would need 144 % of errors."""
    with pytest.raises(ValueError, match="which never is exceeded; give a stricter objective"):
        burn_rate_rules(objective)


def test_time_can_be_scaled_for_a_lesson() -> None:
    """An hour becomes a minute."""
    assert [rule.window_s for rule in burn_rate_rules(0.99, time_scale=60)] == [60, 360, 4320]


def test_every_measure_says_what_it_is() -> None:
    """Its meaning stands beside it, with numerator and denominator for shares."""
    for measure in MEASURES.values():
        assert len(measure.meaning.split()) >= 3
        assert (" / " in measure.meaning) == (
            measure.unit.value in "%" or "hours" in measure.meaning
        )
