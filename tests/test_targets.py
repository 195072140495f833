"""The scorecard: the outline's numbers, and verdicts that follow from the data."""

from typing import Any

import pytest

import obs_helpers
from obs_helpers import TARGETS, Store, scorecard
from obs_helpers.schema import TABLES

START_US = 1_767_600_000_000_000
BY_NAME = {target.name: target for target in TARGETS}


def span(operation: str, number: int = 0, **values: Any) -> tuple[Any, ...]:
    columns: dict[str, Any] = dict.fromkeys(TABLES["spans"])
    columns |= {"trace_id": f"{number:032x}", "span_id": f"{number:016x}", "attributes": "{}"}
    columns |= {"name": operation, "operation": operation, "status": "UNSET"}
    columns |= {"start_time": START_US, "end_time": START_US + 1, "duration_s": 1.0}
    return tuple({**columns, **values}.values())


def card(*spans: tuple[Any, ...]) -> Any:
    store = Store()
    store.append("spans", spans)
    return scorecard(store).set_index("metric")


def test_names_targets_and_thresholds_are_the_outlines() -> None:
    assert {t.name: (t.target, t.alert, t.unit, t.higher_is_better) for t in TARGETS} == {
        "Response Time": (2, 5, "s", False),
        "Token Usage": (1000, 5000, "tokens", False),
        "Cost per Request": (0.01, 0.05, "USD", False),
        "Error Rate": (1, 5, "%", False),
        "Tool Success Rate": (95, 90, "%", True),
    }


def test_an_empty_store_has_no_data_and_no_verdict() -> None:
    table = card()
    assert table["verdict"].tolist() == ["no data"] * 5
    assert table["value"].isna().all()
    assert table["samples"].tolist() == [0] * 5


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("Response Time", 1.999, "on target"),
        ("Response Time", 2.0, "off target"),
        ("Response Time", 5.0, "off target"),
        ("Response Time", 5.001, "alert"),
        ("Token Usage", 999, "on target"),
        ("Token Usage", 1000, "off target"),
        ("Token Usage", 5000, "off target"),
        ("Token Usage", 5001, "alert"),
        ("Cost per Request", 0.0099, "on target"),
        ("Cost per Request", 0.01, "off target"),
        ("Cost per Request", 0.05, "off target"),
        ("Cost per Request", 0.0501, "alert"),
        ("Error Rate", 0.0, "on target"),
        ("Error Rate", 1.0, "off target"),
        ("Error Rate", 5.0, "off target"),
        ("Error Rate", 5.1, "alert"),
        ("Tool Success Rate", 100.0, "on target"),
        ("Tool Success Rate", 95.1, "on target"),
        ("Tool Success Rate", 95.0, "off target"),
        ("Tool Success Rate", 90.0, "off target"),
        ("Tool Success Rate", 89.9, "alert"),
    ],
)
def test_the_boundary_itself_is_neither_on_target_nor_an_alert(
    name: str, value: float, verdict: str
) -> None:
    assert BY_NAME[name].verdict(value) == verdict


def test_values_are_computed_from_the_spans() -> None:
    runs = [span("invoke_agent", n, duration_s=float(n)) for n in range(1, 101)]
    runs[0] = span("invoke_agent", 1, duration_s=1.0, status="ERROR")
    runs[1] = span("invoke_agent", 2, duration_s=2.0, status="ERROR")
    # Two model calls in each of the runs 1 to 20.
    calls = [
        span("chat", n, input_tokens=100 * n, output_tokens=5, cost_usd=0.001 * n)
        for n in [*range(1, 21), *range(1, 21)]
    ]
    tools = [span("execute_tool", n, status="ERROR" if n < 3 else "UNSET") for n in range(40)]
    table = card(*runs, *calls, *tools)
    assert table["value"].to_dict() == {
        "Response Time": 95.05,
        "Token Usage": 3820.0,  # 2 * (100 * 19.05 + 5)
        "Cost per Request": 0.0381,
        "Error Rate": 2.0,
        "Tool Success Rate": 92.5,
    }
    assert table["samples"].tolist() == [100, 20, 20, 100, 40]
    assert table["verdict"].to_dict() == {
        "Response Time": "alert",
        "Token Usage": "off target",
        "Cost per Request": "off target",
        "Error Rate": "off target",
        "Tool Success Rate": "off target",
    }


def test_what_is_still_running_or_failed_before_an_answer_is_in_no_value() -> None:
    running = {"end_time": None, "duration_s": None, "status": "RUNNING"}
    table = card(
        span("invoke_agent", 1, duration_s=1.5),
        span("invoke_agent", 2, **running),
        span("execute_tool", 1),
        span("execute_tool", 2, **running),
        span("chat", 1, status="ERROR"),  # no tokens: there was no reply
        span("something else", 3, duration_s=99.0, status="ERROR"),
    )
    assert table["value"]["Response Time"] == 1.5
    assert table["value"]["Error Rate"] == 0
    assert table["value"]["Tool Success Rate"] == 100
    assert table["samples"].tolist() == [1, 0, 0, 1, 1]
    assert table["verdict"]["Token Usage"] == "no data"


def test_a_call_whose_price_is_unknown_is_no_free_call() -> None:
    table = card(
        span("chat", 1, input_tokens=10, output_tokens=1, cost_usd=0.04),
        span("chat", 2, input_tokens=10, output_tokens=1, cost_usd=None),
    )
    assert table["value"]["Cost per Request"] == 0.04
    assert table["samples"]["Cost per Request"] == 1
    assert table["samples"]["Token Usage"] == 2


def test_without_a_store_it_is_the_current_telemetrys() -> None:
    with pytest.raises(RuntimeError, match=r"call obs_helpers\.start\(\) first"):
        scorecard()
    obs = obs_helpers.start()
    obs.store.append("spans", [span("invoke_agent", 1, duration_s=3.25)])
    assert scorecard()["value"][0] == 3.25
