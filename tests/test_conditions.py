"""Conditions: read by a grammar, with exact thresholds, and errors that point."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_helpers.alerting.conditions import (
    Comparison,
    ConditionError,
    Unit,
    parse_comparison,
    parse_condition,
    parse_duration,
)
from obs_helpers.alerting.measures import UNITS


@pytest.mark.parametrize(
    ("text", "metric", "op", "threshold"),
    [
        ("error_rate > 5%", "error_rate", ">", Fraction(1, 20)),
        ("error_rate>0.05", "error_rate", ">", Fraction(1, 20)),
        ("  tool_success_rate  <  90% ", "tool_success_rate", "<", Fraction(9, 10)),
        ("p95_latency > 5s", "p95_latency", ">", Fraction(5)),
        ("p99_latency >= 500ms", "p99_latency", ">=", Fraction(1, 2)),
        ("oldest_running_seconds > 1.5m", "oldest_running_seconds", ">", Fraction(90)),
        ("telemetry_age_seconds > 2h", "telemetry_age_seconds", ">", Fraction(7200)),
        ("hourly_cost > $10", "hourly_cost", ">", Fraction(10)),
        ("hourly_cost <= 0.1USD", "hourly_cost", "<=", Fraction(1, 10)),
        ("p50_tokens_per_request > 5000 tokens", "p50_tokens_per_request", ">", Fraction(5000)),
        ("p90_tokens_per_request > 5000", "p90_tokens_per_request", ">", Fraction(5000)),
    ],
)
def test_a_condition_is_read_exactly(text: str, metric: str, op: str, threshold: Fraction) -> None:
    """The outline's and the grammar's forms; thresholds are fractions, not floats."""
    assert parse_condition(text, UNITS) == (metric, Comparison(op, threshold, UNITS[metric]))


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, "begins with a metric"),
        ("> 5%", 0, "begins with a metric"),
        ("eror_rate > 5%", 0, "did you mean 'error_rate'"),
        ("latency > 5s", 0, "say p95_latency"),
        ("zzz > 5%", 0, "there is no metric 'zzz'; there are"),
        ("Error_rate > 5%", 0, "begins with a metric"),
        ("error_rate", 10, "a comparison is wanted"),
        ("error_rate = 5%", 11, ">= or <="),
        ("error_rate == 5%", 11, ">= or <="),
        ("error_rate != 5%", 11, ">= or <="),
        ("error_rate => 5%", 11, "a comparison is wanted"),
        ("error_rate >", 12, "a number is wanted"),
        ("error_rate > x", 13, "a number is wanted"),
        ("p95_latency > -5s", 14, "a number is wanted"),
        ("error_rate > \u0665%", 13, "a number is wanted"),
        ("error_rate > 5", 13, "5% or 0.05?"),
        ("error_rate > 5s", 13, "write 5% or 0.05"),
        ("error_rate > $5", 14, "write 5% or 0.05"),
        ("p95_latency > 5%", 14, "write 5s or 500ms"),
        ("p95_latency > 5", 14, "5 of what?"),
        ("hourly_cost > 10%", 14, "write $10"),
        ("hourly_cost > 10", 14, "10 of what?"),
        ("hourly_cost > $10USD", 17, "'USD' is no unit here"),
        ("p95_latency > 5 years", 16, "'years' is no unit here"),
        ("error_rate > 5% or 1 > 0", 16, "should end here"),
        ("error_rate > 5%; import os", 15, "should end here"),
        ("error_rate > 5%\n", 15, "should end here"),
        ("error_rate > 1e3%", 14, "'e' is no unit here"),
        ("error_rate > " + "9" * 10_000, 200, "at most 200 characters"),
    ],
)
def test_a_wrong_condition_is_pointed_at(text: str, position: int, says: str) -> None:
    """The message says what is wrong and what is allowed; a mark stands under the place."""
    with pytest.raises(ConditionError) as caught:
        parse_condition(text, UNITS)
    problem, _shown, mark = str(caught.value).split("\n")
    assert caught.value.position == position
    assert says in problem
    assert len(mark) - 3 == min(position, 40)
    assert len(str(caught.value)) < 500


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is written, the answer is a condition or a ConditionError."""
    try:
        metric, comparison = parse_condition(text, UNITS)
    except ConditionError as error:
        assert 0 <= error.position <= max(len(text), 1)
    else:
        assert parse_condition(f"{metric} {comparison}", UNITS)[0] == metric


@given(st.fractions(0, 1), st.sampled_from([">", ">=", "<", "<="]))
def test_the_threshold_itself_is_decided_by_the_operator(value: Fraction, op: str) -> None:
    """Exactly 5 % is not above 5 %."""
    assert Comparison(op, value, Unit.RATIO).holds(value) is ("=" in op)


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        (Unit.SECONDS, Fraction(12345), "12345s"),
        (Unit.USD, Fraction("12345.67"), "$12346"),
        (Unit.RATIO, Fraction("0.000012"), "0.0012%"),
        (Unit.RATIO, Fraction(1, 3), "33.33%"),
        (Unit.USD, Fraction("0.0000041"), "$0.0000041"),
        (Unit.TOKENS, Fraction(5000), "5000 tokens"),
    ],
)
def test_a_value_is_shown_as_a_condition_would_write_it(
    unit: Unit, value: Fraction, shown: str
) -> None:
    """Plain digits, so that it can be read back."""
    assert unit.show(value) == shown
    parse_comparison(f"> {shown}", unit)


def test_a_share_on_the_edge_is_compared_exactly() -> None:
    """7 of 100 is not above 7 %, where floats say 7.000000000000001 %."""
    over = parse_comparison("> 7%", Unit.RATIO)
    assert 100 * 0.07 > 7
    assert not over.holds(Fraction(7, 100))
    assert over.holds(Fraction(71, 1000))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("0", 0), ("90s", 90), ("500ms", 0.5), ("1m500ms", 60.5),
     ("1d", 86_400), ("1w", 604_800), ("1y", 31_536_000), ("0s", 0)],
)  # fmt: skip
def test_a_duration_is_prometheus(text: str, seconds: float) -> None:
    """Whole numbers with units, the largest first."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "30m1h", "1.5h", "-5m", "5m 30s", "5m5m", "5min", "\u0665m", "1h" * 200]
)
def test_a_wrong_duration_is_refused(text: str) -> None:
    """With an example of a right one."""
    with pytest.raises(ConditionError, match="such as 5m or 1h30m"):
        parse_duration(text)
