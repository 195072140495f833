"""Alert rules as Prometheus runs them: a rule file, and a test file for `promtool`.

Rules ask there what they ask in the engine, of the metrics that `start(prometheus_port=...)`
serves. The engine counts events; Prometheus sees counters and buckets once a minute, and
estimates. What it cannot say stands in the rule file as a comment.
"""

import json
import re
import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Any

from obs_helpers import conventions as c
from obs_helpers.alerting.alert import SEVERITY, Alert
from obs_helpers.alerting.conditions import Unit
from obs_helpers.alerting.rule_tests import Events, parse_series, run_rule
from obs_helpers.alerting.rules import AlertRule

RULE_FILE = "rules.yml"
"""The rule file's name: the test file looks for it beside itself."""

# Runs and tool calls are counted here and not in their histograms: these counters are born
# at 0. A histogram is born at its first event, and being born is no increase.
_RUNS, _FAILED_RUNS = "agent_requests_total", 'agent_requests_total{outcome="error"}'
_BUCKETS = "gen_ai_invoke_agent_duration_seconds_bucket"
_CALLS = "agent_tool_calls_total"
_GOOD_CALLS, _FAILED_CALLS = f'{_CALLS}{{outcome="success"}}', f'{_CALLS}{{outcome="error"}}'
_COST = "agent_total_cost_dollars_total"
_LABEL = {"agent": "gen_ai_agent_name", "model": "gen_ai_request_model", "tool": "gen_ai_tool_name"}

_AGE = "telemetry_age_seconds"
_LATENCIES = ("p50_latency", "p90_latency", "p95_latency", "p99_latency")
_SAMPLES = {"error_rate": _RUNS, "tool_success_rate": _CALLS, **dict.fromkeys(_LATENCIES, _RUNS)}
_SHARES = {"error_rate": _FAILED_RUNS, "tool_success_rate": _GOOD_CALLS}
_FAILURES = {"error_rate": _FAILED_RUNS, "tool_success_rate": _FAILED_CALLS}
_NO_METRIC = {
    "per_request": "no metric has the cost or the tokens of single runs",
    "empty_result_rate": "no metric tells empty results from others",
    "oldest_running_seconds": "no metric says when a run began",
}
_VALUES = {
    Unit.RATIO: "{{ $value | humanizePercentage }}",
    Unit.SECONDS: '{{ $value | printf "%.4g" }}s',
    Unit.USD: '${{ $value | printf "%.4g" }}',
}
_HEADER = """\
# Made by obs_helpers from its alert rules. Near a threshold the estimates of Prometheus can
# differ from what the engine counts. A series that is born above 0 hides its first events: a
# tool that the agent does not name, a model that another one passes questions on to.
"""

_FIRING = 'ALERTS{alertstate="firing"}'
_Asked = tuple[str, str, tuple[str, ...]]
"""Metric, window, labels: what alerts may share."""


def to_prometheus(rules: Sequence[AlertRule]) -> str:
    """Return a Prometheus rule file, YAML, with `rules` in one group.

    What two alerts ask is a recording rule. Comments at the top name each rule that is
    left out or differs in Prometheus, and say why.

    Raises:
        ValueError: Prometheus takes no label or annotation of that name.
    """
    told = [rule for rule in rules if not _obstacle(rule)]
    times = Counter(asked for rule in told for asked in _asked(rule))
    shared = [asked for asked, alerts in times.items() if alerts > 1]
    names = {(m, w, by): f"{'_'.join(['agent', *by])}:{m}:{w}" for m, w, by in shared}
    records = [{"record": name, "expr": _value(*asked)} for asked, name in names.items()]
    entries = [*records, *(_alert(rule, names) for rule in told)]
    group = {"name": "agent", "interval": "1m", "rules": entries}
    notes = [f"# {json.dumps(rule.name)} {note}.\n" for rule in rules for note in _notes(rule)]
    return _HEADER + "".join(notes) + _yaml({"groups": [group]})


def _notes(rule: AlertRule) -> Iterator[str]:
    """Yield what is lost or different in Prometheus."""
    if obstacle := _obstacle(rule):
        yield f"is left out: {obstacle}"
        return
    if rule.recover:
        yield f"lacks recover={rule.recover!r}: it ends as soon as the condition does"
    if rule.no_data == "keep":
        yield 'lacks no_data="keep": it ends when there is no data'
    if rule.no_data == "alert" and rule.by:
        yield 'differs in no_data="alert": labels count as soon and as long as they have a series'
    if rule.by:
        yield f"lacks limit={rule.limit}: in Prometheus a limit is the whole group's"
    if rule.metric not in _SAMPLES and rule.needed_samples:
        yield f"lacks min_samples={rule.min_samples}: no metric counts its samples"
    at_edge = float(rule.comparison.threshold) in c.RUN_DURATION.boundaries
    if rule.metric in _LATENCIES and not (at_edge and rule.comparison.op in (">", "<=")):
        yield "is less exact: buckets answer > and <= at their boundaries, else they estimate"
    if rule.metric == _AGE:
        yield "differs: only runs that end break the silence, and never seen is silent, too"


def _obstacle(rule: AlertRule) -> str:
    """Return why Prometheus cannot express the rule, "" if it can."""
    for ending, reason in _NO_METRIC.items():
        if rule.metric.endswith(ending):
            return reason
    if unknown := [name for name in rule.by if name not in _LABEL]:
        return f"no metric has the label {', '.join(unknown)}"
    threshold, highest = rule.comparison.threshold, c.RUN_DURATION.boundaries[-1]
    if rule.metric in _LATENCIES and threshold >= highest:
        return f"its buckets end at {highest:g}s"
    if rule.metric == _AGE and (rule.comparison.op[0] == "<" or threshold < 1):
        return "Prometheus can only ask for a silence of a second or more"
    return ""


# -- Alerts ------------------------------------------------------------------------------
def _alert(rule: AlertRule, recorded: Mapping[_Asked, str]) -> dict[str, Any]:
    of = "".join(f" of {name} {{{name}}}" for name in rule.by)
    over = "" if rule.metric == _AGE else " over {window}"
    texts = {"summary": f"{rule.metric}{of} is {{value}} ({{threshold}}){over}", **rule.annotations}
    annotations = {name: _template(rule, text) for name, text in texts.items()}
    if rule.runbook_url:
        annotations["runbook_url"] = _literal(rule.runbook_url)
    labels = {name: _literal(text) for name, text in rule.labels.items()}
    for name in (*labels, *annotations):
        if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name):
            msg = f"rule {rule.name!r}: Prometheus takes no name {name!r}; use letters, digits, _"
            raise ValueError(msg)
    return {
        "alert": rule.name,
        "expr": _expression(rule, recorded),
        "for": rule.for_,
        "keep_firing_for": rule.keep_firing_for,
        "labels": {**labels, SEVERITY: _literal(rule.severity)},
        "annotations": annotations,
    }


def _template(rule: AlertRule, text: str) -> str:
    """Return an annotation of ours in the template language of Prometheus."""
    known = {
        "value": "too long" if rule.metric == _AGE else _VALUES[rule.measure.unit],
        "samples": f"at least {rule.needed_samples}", "threshold": str(rule.comparison),
        "window": rule.window, **{n: f"{{{{ $labels.{_LABEL[n]} }}}}" for n in rule.by},
    }  # fmt: skip
    parts = string.Formatter().parse(text)
    return "".join(_literal(plain) + (known[name] if name else "") for plain, name, *_ in parts)


def _literal(text: str) -> str:
    """Return `text` so that Prometheus takes no brace in it for a template."""
    return text.replace("{", '{{"{"}}')


# -- Expressions -------------------------------------------------------------------------
def _asked(rule: AlertRule) -> list[_Asked]:
    windows = [] if rule.metric == _AGE else [rule.window, rule.also_window]
    return [(rule.metric, window, rule.by) for window in windows if window]


def _expression(rule: AlertRule, recorded: Mapping[_Asked, str]) -> str:
    if rule.metric == _AGE:
        window = f"{round(rule.comparison.threshold)}s"
        unchanged = f"{_sum(_RUNS, (), window, 'changes')} == 0"
        seen = f"{_sum(_RUNS, (), window, 'last_over_time')} > 0"
        return f"{unchanged}\nand on () {seen}\nor absent_over_time({_RUNS}[{window}])"
    values = {asked[1]: recorded.get(asked) or _value(*asked) for asked in _asked(rule)}
    conditions = [_condition(rule, window, value) for window, value in values.items()]
    return conditions[0] if len(conditions) == 1 else "(\n{}\n) and (\n{}\n)".format(*conditions)


def _condition(rule: AlertRule, window: str, value: str) -> str:
    """Return the condition over one window, what it needs, and what no data means."""
    metric, by = rule.metric, rule.by
    both = f"\nand on ({_labels(by)}) "
    threshold = repr(float(rule.comparison.threshold)).removesuffix(".0")
    text = f"{value} {rule.comparison.op} {threshold}"
    if metric not in _SAMPLES and rule.comparison.holds(Fraction(0)):
        text += f"{both}{value} > 0"  # an idle hour is no cheap one
    if metric in _SAMPLES and rule.needed_samples > 1:
        text += f"{both}{_sum(_SAMPLES[metric], by, window)} >= {rule.needed_samples}"
    if metric in _FAILURES and rule.min_failures:
        text += f"{both}{_sum(_FAILURES[metric], by, window)} >= {rule.min_failures}"
    if rule.no_data == "alert":
        counter = _SAMPLES.get(metric, _COST)
        text += f"\nor {_sum(counter, by, window, 'changes')} == 0"
        text += "" if by else f"\nor absent_over_time({counter}[{window}])"
    return text


def _value(metric: str, window: str, by: tuple[str, ...]) -> str:
    if metric in _SHARES:
        everything = _sum(_SAMPLES[metric], by, window)
        return f"({_sum(_SHARES[metric], by, window)} or 0 * {everything})\n/ {everything}"
    if metric == "hourly_cost":
        return f"3600 * {_sum(_COST, by, window, 'rate')}"
    return f"histogram_quantile(0.{metric[1:3]}, {_sum(_BUCKETS, (*by, 'le'), window)})"


def _sum(series: str, by: Iterable[str], window: str, function: str = "increase") -> str:
    labels = _labels(by)
    return f"sum{f' by ({labels}) ' if labels else ''}({function}({series}[{window}]))"


def _labels(by: Iterable[str]) -> str:
    return ", ".join(_LABEL.get(name, name) for name in by)


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        def text(self, text: str) -> yaml.ScalarNode:
            style = "|" if "\n" in text else None  # an expression keeps its lines
            return self.represent_scalar("tag:yaml.org,2002:str", text, style)

    Dumper.add_representer(str, Dumper.text)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000)


# -- Tests for promtool ------------------------------------------------------------------
def to_promtool_tests(rules: Sequence[AlertRule], cases: Mapping[str, Sequence[str]]) -> str:
    """Return a test file, YAML: does Prometheus say what our engine says?

    Run it with `promtool test rules`. It expects the alerts that fire in the engine,
    recovering ones too, in the series `ALERTS`: promtool's `exp_alerts` would compare
    their texts as well, and the values in them are estimates.

    Choose values away from thresholds, and times a minute or more from a change of state:
    Prometheus extrapolates from the samples in a window to its ends. It also evaluates at
    minute 0, when every counter is born, at 0.

    Args:
        rules: Those of the rule file, which stands beside the test file as `RULE_FILE`.
        cases: For each series (see `rule_tests`) the minutes to look at, such as
            `["12m", "18m"]`, or none for all.

    Raises:
        ValueError: a series is not understood or has a `?`, or a minute is not in it.
    """
    told = [rule for rule in rules if not _obstacle(rule)]
    tests = [_test(told, series, minutes) for series, minutes in cases.items()]
    return _yaml({"rule_files": [RULE_FILE], "evaluation_interval": "1m", "tests": tests})


def _test(rules: Sequence[AlertRule], series: str, minutes: Sequence[str]) -> dict[str, Any]:
    events = parse_series(series)
    firing: dict[str, list[Any]] = {f"{n}m": [] for n in range(1, len(events) + 1)}
    if None in events or not firing.keys() >= set(minutes):
        msg = f"{series!r} at {minutes}: give minutes from 1m to {len(events)}m, and no '?'"
        raise ValueError(msg)
    for rule in rules:
        for found, alerts in zip(firing.values(), run_rule(rule, series).alerts, strict=True):
            found += [{"labels": _shown(rule, a), "value": 1} for a in alerts if a.state.active]
    return {
        "name": series,
        "interval": "1m",
        "input_series": [
            {"series": name, "values": " ".join(f"{n:f}" for n in numbers)}
            for name, numbers in _counters([minute or () for minute in events]).items()
        ],
        "promql_expr_test": [
            {"expr": _FIRING, "eval_time": minute, "exp_samples": firing[minute]}
            for minute in minutes or firing
        ],
    }


def _shown(rule: AlertRule, alert: Alert) -> str:
    """Return a firing alert as Prometheus shows it."""
    names = {name: _LABEL[name] for name in rule.by}
    labels = {names.get(name, name): text for name, text in alert.labels.items()}
    labels["alertstate"] = "firing"
    quoted = (f"{name}={json.dumps(text, ensure_ascii=False)}" for name, text in labels.items())
    return f"ALERTS{{{', '.join(quoted)}}}"


def _counters(minutes: Sequence[Sequence[Events]]) -> dict[str, list[Decimal]]:
    """Return each counter's values from minute 0 on, where all of them are 0."""
    grown = [_growth(minute) for minute in minutes]
    names = dict.fromkeys([_FAILED_RUNS, *(name for minute in grown for name in minute)])
    return {n: list(accumulate((more[n] for more in grown), initial=Decimal(0))) for n in names}


def _growth(minute: Sequence[Events]) -> defaultdict[str, Decimal]:
    """Return by how much each counter grows."""
    more: defaultdict[str, Decimal] = defaultdict(Decimal)
    for one in minute:
        more[_COST] += one.count * (one.usd or 0)
        if one.tool:
            outcome = "error" if one.failed else "success"
            more[f'{_CALLS}{{{_LABEL["tool"]}="{one.tool}", outcome="{outcome}"}}'] += one.count
            continue
        more[f'{_RUNS}{{outcome="{"error" if one.failed else "success"}"}}'] += one.count
        for edge in (*map(str, c.RUN_DURATION.boundaries), "+Inf"):
            more[f'{_BUCKETS}{{le="{edge}"}}'] += one.count * (one.duration_s <= float(edge))
    return more
