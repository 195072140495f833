"""Rules in Prometheus: what is exported, what is not, and that promtool agrees with us."""

import asyncio
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import VirtualClock
from obs_helpers.alerting.measures import MEASURES
from obs_helpers.alerting.prometheus import RULE_FILE, to_prometheus, to_promtool_tests
from obs_helpers.alerting.rules import DEFAULT_RULES, AlertConfig, AlertRule, burn_rate_rules

DEFAULTS = {rule.name: rule for rule in DEFAULT_RULES}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed; it comes with Prometheus (Debian: apt install prometheus)",
)


def promtool(folder: Path, *arguments: str) -> tuple[bool, str]:
    """Return whether promtool was content, and what it said."""
    done = subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


def accepts(folder: Path, rules: list[AlertRule]) -> None:
    (folder / RULE_FILE).write_text(to_prometheus(rules), "utf-8")
    good, said = promtool(folder, "check", "rules", RULE_FILE)
    assert good, said


def same_verdicts(
    folder: Path,
    rules: list[AlertRule],
    cases: dict[str, list[str]],
    change: Callable[[str], str] = str,
) -> tuple[bool, str]:
    """Let promtool test `rules`, with the test file after `change`."""
    (folder / RULE_FILE).write_text(to_prometheus(rules), "utf-8")
    (folder / "tests.yml").write_text(change(to_promtool_tests(rules, cases)), "utf-8")
    return promtool(folder, "test", "rules", "tests.yml")


def exported(*rules: AlertRule) -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(to_prometheus(rules))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expression(condition: str, **more: Any) -> str:
    (alert,) = exported(AlertRule("R", condition, **more))
    return " ".join(alert["expr"].split())


def notes(*rules: AlertRule) -> list[str]:
    """Return the comments that name a rule."""
    return re.findall('^# (".*)$', to_prometheus(rules), re.MULTILINE)


# -- The rule file -----------------------------------------------------------------------
@needs_promtool
@pytest.mark.parametrize(
    "rules",
    [
        list(DEFAULT_RULES),
        AlertConfig.parsed(),
        burn_rate_rules(0.99),
        burn_rate_rules(0.99, time_scale=60),
        [*DEFAULT_RULES, *burn_rate_rules(0.999)],
        [],
    ],
    ids=["defaults", "outline", "burn", "burn scaled", "together", "none"],
)
def test_prometheus_takes_the_rules(rules: list[AlertRule], tmp_path: Path) -> None:
    """Those of the course, as they are."""
    accepts(tmp_path, rules)


def test_a_rule_becomes_an_alert_with_all_that_it_says() -> None:
    """Times, severity, own labels, texts in the template language, runbook."""
    rule = AlertRule(
        "Tools", "tool_success_rate < 90%", "10m", "critical", "2m", "3m", by=("tool",),
        labels={"team": "desk"}, annotations={"first": "Look at {tool}: {value} of {samples}"},
        runbook_url="https://example.org/r#tools",
    )  # fmt: skip
    (alert,) = exported(rule)
    assert alert.pop("expr")
    assert alert == {
        "alert": "Tools",
        "for": "2m",
        "keep_firing_for": "3m",
        "labels": {"team": "desk", "severity": "critical"},
        "annotations": {
            "summary": "tool_success_rate of tool {{ $labels.gen_ai_tool_name }} is "
            "{{ $value | humanizePercentage }} (< 90%) over 10m",
            "first": "Look at {{ $labels.gen_ai_tool_name }}: "
            "{{ $value | humanizePercentage }} of at least 20",
            "runbook_url": "https://example.org/r#tools",
        },
    }


def test_a_share_needs_samples_and_failures_and_a_success_is_no_gap() -> None:
    """Without failures there is no series of failures: `or 0 *` makes it a 0."""
    assert expression("error_rate > 5%", min_failures=3) == (
        '(sum(increase(agent_requests_total{outcome="error"}[5m]))'
        " or 0 * sum(increase(agent_requests_total[5m])))"
        " / sum(increase(agent_requests_total[5m])) > 0.05"
        " and on () sum(increase(agent_requests_total[5m])) >= 20"
        ' and on () sum(increase(agent_requests_total{outcome="error"}[5m])) >= 3'
    )


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        ("error_rate > 7%", "> 0.07 and"),
        ("error_rate >= 0.1%", ">= 0.001 and"),
        ("p95_latency > 5s", "> 5 and"),
        ("p95_latency <= 1600ms", "<= 1.6 and"),
        ("p95_latency > 1.5m", "> 90 and"),
        ("hourly_cost > $0.1234567890123", "> 0.1234567890123"),
    ],
)
def test_a_threshold_is_exact(condition: str, written: str) -> None:
    """Prometheus reads the very number that the rule says."""
    assert f" {written} " in expression(condition) + " "


def test_a_quantile_comes_from_buckets_and_dollars_are_dollars_an_hour() -> None:
    """Both over the window of the rule."""
    assert expression("p90_latency > 5s", window="10m", by=("agent",), min_samples=0) == (
        "histogram_quantile(0.90, sum by (gen_ai_agent_name, le) "
        "(increase(gen_ai_invoke_agent_duration_seconds_bucket[10m]))) > 5"
    )
    assert expression("hourly_cost > $10", window="30m", by=("model",)) == (
        "3600 * sum by (gen_ai_request_model) (rate(agent_total_cost_dollars_total[30m])) > 10"
    )


def test_an_idle_hour_is_no_cheap_one() -> None:
    """Where 0 would fire, something must have been spent."""
    spent = "3600 * sum(rate(agent_total_cost_dollars_total[1h]))"
    assert expression("hourly_cost < $1", window="1h") == f"{spent} < 1 and on () {spent} > 0"


def test_no_data_can_be_an_alert() -> None:
    """No run in the window, or no telemetry at all."""
    assert expression("error_rate > 5%", min_samples=0, no_data="alert").endswith(
        "> 0.05 or sum(changes(agent_requests_total[5m])) == 0"
        " or absent_over_time(agent_requests_total[5m])"
    )


def test_what_two_alerts_ask_is_recorded_once() -> None:
    """The windows of 6 hours of two burn rates, and nothing else."""
    first, *alerts = exported(*burn_rate_rules(0.99))
    assert first["record"] == "agent:error_rate:6h"
    assert [alert["alert"] for alert in alerts] == [
        "AgentBudgetBurn14_4x", "AgentBudgetBurn6x", "AgentBudgetBurn1x",
    ]  # fmt: skip
    assert ["agent:error_rate:6h" in alert["expr"] for alert in alerts] == [False, True, True]
    assert first["expr"].endswith("/ sum(increase(agent_requests_total[6h]))")


# -- What Prometheus cannot say ----------------------------------------------------------
@pytest.mark.parametrize(
    ("condition", "more", "why"),
    [
        ("p95_cost_per_request > $0.05", {}, "no metric has the cost"),
        ("p99_tokens_per_request > 5000 tokens", {}, "or the tokens of single runs"),
        ("empty_result_rate > 20%", {}, "no metric tells empty results"),
        ("oldest_running_seconds > 5m", {}, "no metric says when a run began"),
        ("error_rate > 5%", {"by": ("agent", "session", "user")}, "has the label session, user"),
        ("tool_success_rate < 90%", {"by": ("service",)}, "has the label service"),
        ("p95_latency > 10m", {}, "buckets end at 409.6s"),
        ("telemetry_age_seconds < 5m", {}, "a silence of a second or more"),
        ("telemetry_age_seconds > 0s", {}, "a silence of a second or more"),
    ],
)
def test_what_cannot_be_expressed_is_left_out_and_said(
    condition: str, more: dict[str, Any], why: str
) -> None:
    """A comment names the rule and the reason."""
    rule = AlertRule("My rule", condition, **more)
    (note,) = notes(rule)
    assert note.startswith('"My rule" is left out: ')
    assert why in note
    assert exported(rule) == []


@pytest.mark.parametrize(
    ("condition", "more", "difference"),
    [
        ("error_rate > 5%", {"recover": "< 3%"}, "lacks recover='< 3%'"),
        ("error_rate > 5%", {"no_data": "keep"}, 'lacks no_data="keep"'),
        ("error_rate > 5%", {"by": ("agent",)}, "lacks limit=100"),
        ("hourly_cost > $10", {"min_samples": 5}, "lacks min_samples=5"),
        ("p95_latency > 7s", {}, "is less exact"),
        ("p95_latency >= 5s", {}, "is less exact"),
        ("telemetry_age_seconds > 10m", {}, "differs: only runs that end break the silence"),
    ],
)
def test_what_differs_is_kept_and_said(
    condition: str, more: dict[str, Any], difference: str
) -> None:
    """The alert is there, and a comment says what it does not do."""
    rule = AlertRule("My rule", condition, **more)
    (note,) = notes(rule)
    assert note.startswith(f'"My rule" {difference}')
    assert [alert["alert"] for alert in exported(rule)] == ["My rule"]


def test_a_rule_that_is_the_same_in_prometheus_has_no_comment() -> None:
    """Else nobody would read the others."""
    assert notes(*AlertConfig.parsed(), *burn_rate_rules(0.99)) == []


@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_a_name_that_prometheus_refuses_is_an_error(where: str) -> None:
    """It would refuse the whole file, and not say which rule."""
    rule = AlertRule("R", "error_rate > 5%", **{where: {"what first": "x"}})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rule 'R': Prometheus takes no name 'what first'; use"):
        to_prometheus([rule])


HOSTILE = "a\nb: [c] {d} {{e}} \"f\" 'g' # h \\ % é 𝄞"


@needs_promtool
def test_any_text_stays_a_text(tmp_path: Path) -> None:
    """Neither YAML nor templates nor comments can be broken by a name or a label."""
    rules = [
        AlertRule(HOSTILE, "error_rate > 5%", severity=HOSTILE, min_samples=1, recover="< 3%",
                  labels={"own": HOSTILE}, runbook_url="https://example.org/?q={x}&{{y}}",
                  annotations={"text": "{{literal}} {{{{twice}}}} {value}"}),
        AlertRule(f"{HOSTILE} 2", "oldest_running_seconds > 5m"),
    ]  # fmt: skip
    accepts(tmp_path, rules)
    assert [alert["alert"] for alert in exported(*rules)] == [HOSTILE]
    assert len(notes(*rules)) == 2
    # The labels come out as they went in.
    good, said = same_verdicts(tmp_path, [replace(rules[0], runbook_url="")], {"1ok 1err x5": []})
    assert good, said


# -- The same verdicts -------------------------------------------------------------------
HIGH = DEFAULTS["AgentHighErrorRate"]
BAD_TEN = "100ok x10, 90ok 10err x10, 100ok x20"


@needs_promtool
@pytest.mark.parametrize(
    ("rule", "series", "times", "fires"),
    [
        (HIGH, BAD_TEN, ["9m", "12m", "18m", "22m", "30m", "35m"], ["18m", "22m"]),
        (HIGH, "1ok 1err, _ x10", [], []),
        (HIGH, "20ok x10, 20err x15", ["9m", "20m"], ["20m"]),
        (
            DEFAULTS["AgentSlowResponse"], "20ok@1s x10, 20ok@6s x15, 20ok@1s x30",
            ["9m", "13m", "20m", "30m", "50m"], ["20m", "30m"],
        ),
        (
            AlertRule("Slow", "p50_latency > 5s", by=("agent",)), "20ok@5s x12, 20ok@6s x15",
            ["2m", "11m", "20m"], ["20m"],
        ),
        (
            DEFAULTS["AgentHighCost"], "5ok$0.60 x5, _ x65",
            ["2m", "6m", "30m", "58m", "66m"], ["6m", "30m", "58m"],
        ),
        (
            DEFAULTS["AgentTelemetryAbsent"], "20ok x5, _ x12, 20ok x3",
            ["4m", "12m", "17m", "19m"], ["17m"],
        ),
    ],
    ids=["ten bad minutes", "one of two", "all fail", "slow", "just not slow", "cost", "silence"],
)  # fmt: skip
def test_prometheus_fires_when_the_engine_does(
    rule: AlertRule, series: str, times: list[str], fires: list[str], tmp_path: Path
) -> None:
    """One description of minutes, two engines."""
    (test,) = yaml.safe_load(to_promtool_tests([rule], {series: times}))["tests"]
    looked = test["promql_expr_test"]
    assert [one["eval_time"] for one in looked if one["exp_samples"]] == fires
    good, said = same_verdicts(tmp_path, [rule], {series: times})
    assert good, said


TOOLS = "20ok:a 20ok:b x10, 10ok:a 10err:a 20ok:b x15, 20ok:a 20ok:b x10, _ x20"


@needs_promtool
def test_only_the_failing_tool_fires_and_idle_ones_are_silent(tmp_path: Path) -> None:
    """The tool's name is in the label that Prometheus has for it."""
    rule, times = DEFAULTS["AgentToolFailing"], ["5m", "20m", "28m", "45m", "55m"]
    text = to_promtool_tests([rule], {TOOLS: times, "_ x15": []})
    first, idle = yaml.safe_load(text)["tests"]
    expected = [[sample["labels"] for sample in one["exp_samples"]]
                for one in first["promql_expr_test"]]  # fmt: skip
    fires = (
        'ALERTS{gen_ai_tool_name="a", alertname="AgentToolFailing", severity="warning",'
        ' alertstate="firing"}'
    )
    assert expected == [[], [fires], [fires], [], []]
    assert not any(one["exp_samples"] for one in idle["promql_expr_test"])
    good, said = same_verdicts(tmp_path, [rule], {TOOLS: times, "_ x15": []})
    assert good, said


@needs_promtool
def test_burn_rates_share_a_recording_and_agree(tmp_path: Path) -> None:
    """The page ends when the short window is clean, though the long one is not."""
    rules = [HIGH, *burn_rate_rules(0.99)]
    series = "100ok x30, 60ok 40err x45, 100ok x45"
    good, said = same_verdicts(tmp_path, rules, {series: ["29m", "73m", "85m", "118m"]})
    assert good, said


@needs_promtool
def test_a_recovering_alert_is_a_firing_one(tmp_path: Path) -> None:
    """At minute 23 errors are gone, and `keep_firing_for` holds the alert: both say so."""
    good, said = same_verdicts(tmp_path, [HIGH], {BAD_TEN: ["24m"]})
    assert good, said
    (test,) = yaml.safe_load(to_promtool_tests([HIGH], {BAD_TEN: ["24m"]}))["tests"]
    assert test["promql_expr_test"][0]["exp_samples"]


@needs_promtool
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("eval_time: 18m", "eval_time: 9m"),  # expects it too early
        lambda text: text.replace('severity="critical"', 'severity="info"'),
        lambda text: re.sub(r"exp_samples:\n.*\n.*value: 1", "exp_samples: []", text),
    ],
    ids=["time", "label", "nothing"],
)
def test_a_wrong_expectation_is_found(change: Callable[[str], str], tmp_path: Path) -> None:
    """Else agreement would mean nothing."""
    cases = {BAD_TEN: ["18m"]}
    assert change(to_promtool_tests([HIGH], cases)) != to_promtool_tests([HIGH], cases)
    good, said = same_verdicts(tmp_path, [HIGH], cases, change)
    assert not good
    assert "AgentHighErrorRate" in said


@needs_promtool
def test_a_counter_that_is_born_above_zero_hides_what_was_spent(tmp_path: Path) -> None:
    """A trap of Prometheus: being born at 12 is no increase, so the first $12 do not count.

    The test files have series that are born at 0. A real counter of a model's cost
    appears with its first call: then the engine fires, and Prometheus does not.
    """
    rule, cases = DEFAULTS["AgentHighCost"], {"_, 1ok$12, _ x8": ["6m"]}
    good, said = same_verdicts(tmp_path, [rule], cases)
    assert good, said

    def born_at_12(text: str) -> str:
        return text.replace("values: 0 0 12 12", "values: _ _ 12 12")

    good, said = same_verdicts(tmp_path, [rule], cases, born_at_12)
    assert not good
    assert re.search(r"exp: .*AgentHighCost.*\n\s+got: nil", said)


@needs_promtool
def test_a_process_that_is_gone_is_silent(tmp_path: Path) -> None:
    """Its series end, and ten minutes later the alert is there: runs or no runs."""

    def gone(text: str) -> str:
        return re.sub(r"values: (\S+ \S+ \S+ \S+ \S+ \S+).*", r"values: \1 stale", text)

    cases = {"20ok x20, _ x15": ["8m", "14m", "19m", "34m"]}
    good, said = same_verdicts(tmp_path, [DEFAULTS["AgentTelemetryAbsent"]], cases, gone)
    assert not good
    assert re.search(r"time: 19m,\n\s+exp: nil\n\s+got: .*AgentTelemetryAbsent", said)
    assert said.count("got:") == 1  # at 8m and 14m it is silent, at 34m both fire


@pytest.mark.parametrize(
    ("series", "times"), [("5ok, ?, 5ok", []), ("5ok x3", ["4m"]), ("5ok x3", ["0m"]), ("x", [])]
)
def test_a_case_that_promtool_cannot_have_is_an_error(series: str, times: list[str]) -> None:
    """The message names the series and what is possible."""
    with pytest.raises(ValueError, match=r"give minutes from 1m to 3m, and no '\?'|understood"):
        to_promtool_tests([HIGH], {series: times})


# -- The names are the real ones ---------------------------------------------------------
def test_the_expressions_use_names_that_are_really_served() -> None:
    """Each series and label in them stands on the page that Prometheus would read."""
    pytest.importorskip("opentelemetry.exporter.prometheus")
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4, prometheus_port=0)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)

    async def runs() -> None:
        await agent.process("Is there a flight from Rome to Oslo?")
        faults.set("tool_error", 1)
        await agent.process("Is there a flight from Rome to Oslo?")

    asyncio.run(runs())
    with urllib.request.urlopen(obs.prometheus_url, timeout=10) as response:
        lines = response.read().decode().splitlines()
    rules = [
        AlertRule("runs", "error_rate > 5%", by=("agent",), min_failures=1),
        AlertRule("slow", "p95_latency > 5s", by=("agent",)),
        AlertRule("tools", "tool_success_rate < 90%", by=("tool",), min_failures=1),
        AlertRule("cost", "hourly_cost > $10", by=("model",)),
        DEFAULTS["AgentTelemetryAbsent"],
    ]
    for rule in rules:
        (alert,) = exported(rule)
        by = re.findall(r"gen_ai_\w+_name|gen_ai_request_model", alert["expr"])
        for series, chosen in re.findall(r"\((\w+)(?:\{(.*?)\})?\[", alert["expr"]):
            name, sign, value = re.fullmatch(r'(?:(\w+)(!?=)"(\w*)")?', chosen).groups()  # type: ignore[union-attr]
            served = [line for line in lines if line.startswith(f"{series}{{")]
            assert served
            assert all(f"{label}=" in line for label in by for line in served)
            if sign == "=":
                assert any(f'{name}="{value}"' in line for line in served)
            if sign == "!=":
                assert any(re.search(f'{name}="[^"]', line) for line in served)


# -- Any rule ----------------------------------------------------------------------------
THRESHOLDS = {"%": ["5%", "0%", "100%", "0.07"], "s": ["5s", "500ms", "0s", "2h"],
              "$": ["$10", "$0"], "tokens": ["5000"]}  # fmt: skip
DURATIONS = st.sampled_from(["1m", "5m", "1h30m", "90s", "1d", "500ms"])


@st.composite
def any_rule(draw: st.DrawFn) -> AlertRule:
    metric = draw(st.sampled_from(sorted(MEASURES)))
    measure = MEASURES[metric]
    threshold = draw(st.sampled_from(THRESHOLDS[measure.unit.value]))
    op = draw(st.sampled_from([">", ">=", "<", "<="]))
    labels = list(measure.labels)
    return AlertRule(
        draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)),
        f"{metric} {op} {threshold}",
        window=draw(DURATIONS),
        for_=draw(st.just("0") | DURATIONS),
        keep_firing_for=draw(st.just("0") | DURATIONS),
        recover=draw(st.none() | st.just(f"< {threshold}")),
        also_window=draw(st.none() | DURATIONS),
        by=tuple(draw(st.lists(st.sampled_from(labels), unique=True))) if labels else (),
        min_samples=draw(st.none() | st.integers(0, 100)),
        min_failures=draw(st.integers(0, 5)) if measure.failures != "NULL" else 0,
        no_data=draw(st.sampled_from(["ok", "keep", "alert"])),
        annotations=draw(st.just({}) | st.just({"text": "{value} {{}} {samples}"})),
    )


@given(st.lists(any_rule(), max_size=5, unique_by=lambda rule: rule.name))
def test_any_rule_is_an_alert_or_named_as_left_out(rules: list[AlertRule]) -> None:
    """Nothing is dropped without a word, and the file is YAML."""
    found = exported(*rules)
    alerts = [one["alert"] for one in found if "alert" in one]
    left_out = [note for note in notes(*rules) if '" is left out: ' in note]
    assert len(alerts) + len(left_out) == len(rules)
    assert set(alerts) <= {rule.name for rule in rules}
    records = [one["record"] for one in found if "record" in one]
    text = " ".join(one["expr"] for one in found if "alert" in one)
    assert all(text.count(record) > 1 for record in records)
    assert len(records) == len(set(records))


@needs_promtool
@settings(max_examples=8)
@given(st.lists(any_rule(), min_size=10, max_size=20))
def test_prometheus_takes_any_rules(
    tmp_path_factory: pytest.TempPathFactory, rules: list[AlertRule]
) -> None:
    """Whatever the parts are that a rule was made of."""
    accepts(tmp_path_factory.mktemp("rules"), rules)
