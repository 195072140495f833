"""Metrics: from the call to the point in the store."""

import asyncio
import json
import logging
import math
import threading
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import metrics as otel_metrics
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import obs_helpers
from obs_helpers import Incident, Telemetry, VirtualClock
from obs_helpers import conventions as c
from obs_helpers.clock import VIRTUAL_START
from obs_helpers.insight.quantiles import histogram_quantile
from obs_helpers.signals.instruments import Recorder
from obs_helpers.signals.metrics import MAX_SESSIONS, SESSION_IDLE_S, AgentMetrics, ModelLabels

MODEL = ModelLabels("provider-x", "model-y")


@pytest.fixture
def obs() -> Telemetry:
    return obs_helpers.start(clock=VirtualClock(), seed=1)


def points(obs: Telemetry, name: str) -> list[dict[str, Any]]:
    """Collect, and return all points of one metric."""
    if obs.running:
        obs.flush()
    columns = ("kind", "unit", "labels", "value", "count", "sum", "bounds", "bucket_counts")
    found = obs.store.rows(
        f"SELECT {', '.join(columns)}, time, since FROM metric_points "
        "WHERE name = ? ORDER BY rowid",
        [name],
    )
    rows = [dict(zip((*columns, "time", "since"), row, strict=True)) for row in found]
    return [{**row, "labels": json.loads(row["labels"])} for row in rows]


def totals(obs: Telemetry, name: str, *labels: str) -> dict[tuple[str | None, ...], float]:
    """Return the sums of a metric's points, or its counts if it is a histogram, by labels."""
    sums: dict[tuple[str | None, ...], float] = {}
    for point in points(obs, name):
        key = tuple(point["labels"].get(label) for label in labels)
        one = point["count"] if point["value"] is None else point["value"]
        sums[key] = sums.get(key, 0) + one
    return {key: total for key, total in sums.items() if total}


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


# -- Recording by name ------------------------------------------------------------------


def test_a_latency_is_given_in_milliseconds_and_kept_in_seconds(obs: Telemetry) -> None:
    for milliseconds in (1, 250, 1500):
        obs_helpers.metrics.record_latency("my.step", milliseconds, kind="a")
    (point,) = points(obs, "my.step")
    assert (point["kind"], point["unit"], point["labels"]) == ("histogram", "s", {"kind": "a"})
    assert (point["count"], point["sum"]) == (3, pytest.approx(1.751))
    assert tuple(point["bounds"]) == c.SECONDS
    assert sum(point["bucket_counts"]) == 3


def test_a_counter_adds_up_by_labels(obs: Telemetry) -> None:
    for agent, value in (("a", 1), ("b", 2.5), ("a", 3)):
        obs_helpers.metrics.increment("my.count", value, agent=agent)
    obs_helpers.metrics.increment("my.count", agent="a")
    assert totals(obs, "my.count", "agent") == {("a",): 5, ("b",): 2.5}
    assert {point["kind"] for point in points(obs, "my.count")} == {"sum"}


def test_total_at_the_end_of_a_counters_name_is_left_out(obs: Telemetry) -> None:
    record = obs_helpers.metrics
    record.increment("my.count.total")
    record.increment("my.count")
    record.increment("agent.requests.total", outcome="success")
    assert totals(obs, "my.count") == {(): 2}
    assert points(obs, "my.count.total") == []
    (point,) = points(obs, "agent.requests")
    assert (point["value"], point["unit"]) == (1, "{request}")


def test_a_known_name_has_its_own_unit_and_boundaries(obs: Telemetry) -> None:
    for spec in (c.RUN_DURATION, c.TOOL_DURATION, c.RESPONSE):
        obs_helpers.metrics.record_latency(spec.name, 100)
        point = points(obs, spec.name)[0]
        assert (point["unit"], tuple(point["bounds"])) == (spec.unit, spec.boundaries)


def test_any_finite_number_from_zero_up_is_recorded(obs: Telemetry) -> None:
    values = [1, 0, 0.5, np.float64(2), np.int64(3), Decimal("1.5"), Fraction(1, 4), True, 2**70]
    for number, value in enumerate(values):
        obs_helpers.metrics.increment(f"my.count.{number}", value)
        obs_helpers.metrics.record_latency(f"my.step.{number}", value)
        assert points(obs, f"my.count.{number}")[0]["value"] == float(value)
        assert points(obs, f"my.step.{number}")[0]["sum"] == float(value) / 1000
    assert points(obs, c.REJECTED.name) == []


def test_what_is_no_such_number_is_rejected_and_counted_visibly(obs: Telemetry) -> None:
    record = obs_helpers.metrics
    wrong = [
        *(-1, -0.001, math.nan, math.inf, -math.inf, None, "1", "", b"1", [1], {}, 1j, object()),
        *(10**400, Decimal("NaN"), Decimal("sNaN"), np.array([1, 2]), Hostile(), lambda: 1),
    ]
    for value in wrong:
        record.increment("my.count.total", value, session="s")
        record.record_latency("my.step", value)
    assert points(obs, "my.count") == points(obs, "my.step") == []
    found = totals(obs, c.REJECTED.name, "metric")
    assert found == {("my.count",): len(wrong), ("my.step",): len(wrong)}


def test_a_name_that_opentelemetry_refuses_is_rejected_and_counted(obs: Telemetry) -> None:
    names = ["", "1st", "with space", "ü", "x" * 300, "a\nb", "\ud800"]
    for name in names:
        obs_helpers.metrics.increment(name)
        obs_helpers.metrics.record_latency(name, 5)
    shown = [name.encode("utf-8", "backslashreplace").decode()[:100] for name in names]
    assert totals(obs, c.REJECTED.name, "metric") == {(name,): 2 for name in shown}


def test_any_label_value_becomes_a_short_text(obs: Telemetry) -> None:
    texts = {
        "list": ([1, 2], "[1, 2]"),
        "dict": ({"a": 1}, "{'a': 1}"),
        "none": (None, "None"),
        "number": (5, "5"),
        "long": ("x" * 1000, "x" * 100),
        "hostile": (Hostile(), "[Hostile: repr raised RuntimeError]"),
        "surrogate": ("\ud800", "\\ud800"),
        "mail": ("ada@example.org", "[EMAIL]"),
    }
    labels = {name: value for name, (value, _) in texts.items()}
    obs_helpers.metrics.increment("my.count", **labels)
    obs_helpers.metrics.record_latency("my.step", 1, **labels)
    expected = {name: text for name, (_, text) in texts.items()}
    assert [point["labels"] for point in points(obs, "my.count")] == [expected]
    assert [point["labels"] for point in points(obs, "my.step")] == [expected]


def test_recording_without_telemetry_or_after_it_does_nothing(obs: Telemetry) -> None:
    obs_helpers.metrics.increment("my.count")
    obs_helpers.shutdown()
    obs_helpers.metrics.increment("my.count", 100)
    obs_helpers.metrics.record_latency("my.step", 100)
    assert totals(obs, "my.count") == {(): 1}
    assert points(obs, "my.step") == []


def test_a_recorder_follows_the_telemetry_that_runs_or_keeps_to_its_own() -> None:
    one = obs_helpers.start(service="one", clock=VirtualClock())
    own = Recorder(one.meter_provider)
    obs_helpers.metrics.increment("my.count")
    own.increment("my.count")
    two = obs_helpers.start(service="two", clock=VirtualClock())
    obs_helpers.metrics.increment("my.count", 5)
    assert (totals(one, "my.count"), totals(two, "my.count")) == ({(): 2}, {(): 5})


def test_threads_that_record_at_once_lose_nothing(obs: Telemetry) -> None:
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait()
        for _ in range(200):
            obs_helpers.metrics.increment(f"my.count.{number % 2}")
            obs_helpers.metrics.record_latency("my.step", 1)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals(obs, "my.count.0") == totals(obs, "my.count.1") == {(): 800}
    assert totals(obs, "my.step") == {(): 1600}


# -- Instruments are made once ----------------------------------------------------------


def test_a_second_start_makes_no_instrument_twice(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "opentelemetry"):
        for service in ("one", "one", "two", "one"):
            obs = obs_helpers.start(service=service, clock=None)
            for _ in range(2):
                obs_helpers.metrics.increment("agent.requests", outcome="success")
                obs_helpers.metrics.increment("my.count")
                obs_helpers.metrics.record_latency("gen_ai.invoke_agent.duration", 5)
                obs.metrics.run_started("r", "s")
                obs.metrics.run_finished("r", "desk", 1.0, None)
                obs_helpers.instrument(obs_helpers.travel_desk(obs.clock)[0])
            obs.flush()
            twice = obs.store.rows(
                "SELECT name, labels, time FROM metric_points GROUP BY ALL HAVING count(*) > 1"
            )
            assert twice == []
            assert totals(obs, "my.count")[()] in (2, 4)
    assert [record.getMessage() for record in caplog.records] == []


# -- Quantiles --------------------------------------------------------------------------


def oracle(bounds: list[float], counts: list[int], percent: int) -> float:
    """Return the upper end of the bucket that holds the quantile, in whole numbers only."""
    below, total = 0, sum(counts)
    for bound, count in zip([*bounds, math.inf], counts, strict=True):
        below += count
        if 100 * below >= percent * total:
            return bound
    raise AssertionError


NEAR = [
    *(0.0, 0.05, 1.9999, math.nextafter(2, 0), 2.0, math.nextafter(2, 3), 2.0001, 3.2),
    *(4.9999, math.nextafter(5, 0), 5.0, math.nextafter(5, 6), 5.0001, 6.4, 500.0),
]


def test_p95_is_right_about_2_and_5_seconds_from_the_buckets_alone(obs: Telemetry) -> None:
    seen = 0

    @given(st.lists(st.sampled_from(NEAR) | st.floats(0, 600), min_size=20, max_size=20))
    @example([1.0] * 19 + [2.0001])
    @example([1.0] * 18 + [2.0001] * 2)
    @example([2.0] * 19 + [100.0])
    @example([5.0] * 19 + [5.0001])
    @example([5.0001] * 2 + [0.1] * 18)
    def check(durations: list[float]) -> None:
        nonlocal seen
        for duration in durations:
            obs.metrics.run_started("r", "s")
            obs.metrics.run_finished("r", "desk", duration, None)
        fresh = points(obs, c.RUN_DURATION.name)[seen:]
        seen += len(fresh)
        (point,) = fresh
        bounds, counts = point["bounds"], point["bucket_counts"]
        true = float(np.quantile(durations, 0.95, method="inverted_cdf"))
        for threshold in (2, 5):
            within = sum(counts[: bounds.index(threshold) + 1])
            assert within == np.count_nonzero(np.array(durations) <= threshold)
            assert (oracle(bounds, counts, 95) <= threshold) == (true <= threshold)
            read = histogram_quantile(0.95, bounds, counts)
            assert (read <= threshold) == (true <= threshold)
        assert point["count"] == len(durations)
        assert point["sum"] == pytest.approx(sum(durations))

    check()


def test_boundaries_of_tools_and_models_have_the_outlines_thresholds_too() -> None:
    for spec in (c.RUN_DURATION, c.MODEL_DURATION, c.TOOL_DURATION, c.RESPONSE, c.TOOL_CALL):
        assert {2, 5} <= set(spec.boundaries)
        assert list(spec.boundaries) == sorted(set(spec.boundaries))


# -- The agent's metrics ----------------------------------------------------------------


def test_runs_are_counted_by_outcome_and_errors_by_category(obs: Telemetry) -> None:
    for run, failure in enumerate(
        [None, None, ("ToolError", "tool_error"), ("E", "timeout"), ("F", "timeout")]
    ):
        obs.metrics.run_started(f"r{run}", "s")
        obs.metrics.run_finished(f"r{run}", "desk", 1.0, failure)
    assert totals(obs, "agent.requests", c.AGENT_NAME, c.OUTCOME) == {
        ("desk", "success"): 2,
        ("desk", "error"): 3,
    }
    assert totals(obs, "agent.errors", c.AGENT_NAME, c.CATEGORY) == {
        ("desk", "tool_error"): 1,
        ("desk", "timeout"): 2,
    }
    assert totals(obs, c.RUN_DURATION.name, c.ERROR_TYPE) == {
        (None,): 2,
        ("ToolError",): 1,
        ("E",): 1,
        ("F",): 1,
    }


def test_a_run_is_active_until_it_ends_and_a_cancelled_one_is_in_no_count(obs: Telemetry) -> None:
    active = []
    for action in (
        lambda: None,
        lambda: obs.metrics.run_started("r1", "s"),
        lambda: obs.metrics.run_started("r2", "s"),
        lambda: obs.metrics.run_finished("r1", "desk", 1.0, None),
        lambda: obs.metrics.run_cancelled("r2"),
    ):
        action()
        obs.clock.advance(1)
        active.append(points(obs, "agent.requests.active")[-1]["value"])
    assert active == [0, 1, 2, 1, 0]
    assert totals(obs, "agent.requests") == {(): 1}
    assert totals(obs, "agent.errors") == {}


def test_model_and_tool_calls_are_timed_by_error_type(obs: Telemetry) -> None:
    obs.metrics.model_call(MODEL, 0.5, None)
    obs.metrics.model_call(MODEL, 30, "ModelTimeout")
    obs.metrics.tool_call("weather", 0.25, None)
    obs.metrics.tool_call("weather", 8, "ToolError")
    keys = (c.PROVIDER, c.REQUEST_MODEL, c.ERROR_TYPE)
    assert totals(obs, c.MODEL_DURATION.name, *keys) == {
        ("provider-x", "model-y", None): 1,
        ("provider-x", "model-y", "ModelTimeout"): 1,
    }
    assert totals(obs, c.TOOL_DURATION.name, c.TOOL_NAME, c.ERROR_TYPE) == {
        ("weather", None): 1,
        ("weather", "ToolError"): 1,
    }
    assert MODEL.call == {c.PROVIDER: "provider-x", c.REQUEST_MODEL: "model-y"}


@given(st.lists(st.decimals(0, 10, places=9), min_size=1, max_size=40))
@example([Decimal("0.1")] * 10)
def test_costs_add_up_exactly(costs: list[Decimal]) -> None:
    reader = InMemoryMetricReader()
    provider = obs_helpers.signals.points.make_provider("desk", [reader], outline_names=False)
    metrics = AgentMetrics(provider, VirtualClock())
    for cost in costs:
        metrics.usage(MODEL, "s", (1, 1), cost)
    (found,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
    (point,) = next(m for m in found.metrics if m.name == c.TOTAL_COST.name).data.data_points
    assert point.value == float(sum(costs))
    assert point.attributes == {c.REQUEST_MODEL: "model-y"}
    provider.shutdown()


def test_exceptions_in_hooks_are_counted_by_agent(obs: Telemetry) -> None:
    """What hooks raise does not reach the agent, and shows as `agent.hook_errors`."""
    obs.metrics.expect("desk", Counter(before_run=2, after_run=1))
    obs.collect()
    assert totals(obs, c.HOOK_ERRORS.name, c.AGENT_NAME) == {("desk",): 3}


def test_tokens_and_costs_are_kept_and_an_unknown_price_is_never_zero(obs: Telemetry) -> None:
    other = ModelLabels("provider-x", "model-z")
    obs.metrics.run_started("r", "s")
    for _ in range(10):
        obs.metrics.usage(MODEL, "s", (100, 20), Decimal("0.1"))
    obs.metrics.usage(other, "s", (7, 3), None)
    obs.metrics.usage(MODEL, "another session", (0, 0), Decimal(0))
    assert totals(obs, c.TOTAL_COST.name, c.REQUEST_MODEL) == {("model-y",): 1.0}
    assert {p["labels"][c.REQUEST_MODEL] for p in points(obs, c.TOTAL_COST.name)} == {"model-y"}
    assert totals(obs, c.UNPRICED.name, c.REQUEST_MODEL) == {("model-z",): 1}
    tokens = {
        (p["labels"][c.REQUEST_MODEL], p["labels"][c.TOKEN_TYPE]): (p["count"], p["sum"])
        for p in points(obs, c.TOKEN_USAGE.name)[:4]
    }
    assert tokens == {
        ("model-y", "input"): (11, 1000),
        ("model-y", "output"): (11, 200),
        ("model-z", "input"): (1, 7),
        ("model-z", "output"): (1, 3),
    }


# -- Sessions ---------------------------------------------------------------------------


def run(obs: Telemetry, session: str, cost: str = "0.01") -> None:
    obs.metrics.run_started("r", session)
    obs.metrics.usage(MODEL, session, (1, 1), Decimal(cost))
    obs.metrics.run_finished("r", "desk", 1.0, None)


def test_a_session_is_recorded_once_it_was_quiet_for_long_enough() -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, collect_s=10**9)
    for _ in range(3):
        run(obs, "s1", "0.1")
        clock.advance(SESSION_IDLE_S - 1)
        assert points(obs, c.QUERIES.name) == []
    run(obs, "s2", "0.5")
    clock.advance(1)
    (queries,), (cost,) = points(obs, c.QUERIES.name), points(obs, c.SESSION_COST.name)
    assert (queries["count"], queries["sum"], queries["labels"]) == (1, 3, {})
    assert (cost["count"], cost["sum"], cost["labels"]) == (1, 0.3, {})
    clock.advance(SESSION_IDLE_S)
    assert points(obs, c.SESSION_COST.name)[1]["sum"] == 0.5
    run(obs, "s1", "0.7")
    obs_helpers.shutdown()
    assert [p["sum"] for p in points(obs, c.QUERIES.name)] == [3, 1, 1]
    assert [p["sum"] for p in points(obs, c.SESSION_COST.name)] == [0.3, 0.5, 0.7]


def test_sessions_of_the_past_hour_are_counted_also_when_they_are_over() -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, collect_s=10**9)

    def counted() -> float:
        return float(points(obs, c.SESSIONS.name)[-1]["value"])

    run(obs, "s1")
    clock.advance(600)
    run(obs, "s2")
    assert counted() == 2
    clock.advance(2000)  # both are over, but they had a run in the past hour
    assert counted() == 2
    run(obs, "s1")
    run(obs, "s3")
    assert counted() == 3
    clock.advance(1600)
    assert counted() == 2
    clock.advance(2000)
    assert counted() == 0


def test_no_more_than_so_many_sessions_are_followed_at_once(obs: Telemetry) -> None:
    for number in range(MAX_SESSIONS + 5):
        obs.metrics.run_started("r", f"s{number}")
    assert totals(obs, c.QUERIES.name) == {(): 5}
    assert points(obs, c.SESSIONS.name)[-1]["value"] == MAX_SESSIONS + 5


# -- Points -----------------------------------------------------------------------------


def test_points_are_deltas_whose_times_join_without_a_gap() -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, collect_s=60)
    for minute in range(5):
        obs_helpers.metrics.increment("my.count", minute + 1)
        obs_helpers.metrics.record_latency("my.step", 1000)
        run(obs, "s", "0.25")
        clock.advance(60)
    clock.advance(600)
    counts, steps = points(obs, "my.count"), points(obs, "my.step")
    assert [point["value"] for point in counts] == [1, 2, 3, 4, 5]
    assert [(point["count"], point["sum"]) for point in steps] == [(1, 1.0)] * 5
    assert [p["value"] for p in points(obs, c.TOTAL_COST.name)][:5] == [0.25] * 5
    assert [point["since"] for point in counts[1:]] == [point["time"] for point in counts[:-1]]
    assert (counts[0]["time"] - counts[0]["since"]).total_seconds() == 60
    assert counts[0]["since"] == VIRTUAL_START.replace(tzinfo=None)


def test_the_process_is_measured(obs: Telemetry) -> None:
    memory, cpu = points(obs, c.MEMORY.name)[0], points(obs, c.CPU.name)[0]
    assert (memory["kind"], memory["unit"], cpu["kind"], cpu["unit"]) == ("gauge", "By", "sum", "s")
    assert memory["value"] > 1_000_000
    assert cpu["value"] > 0


# -- A replayed hour --------------------------------------------------------------------

INCIDENTS = (
    Incident("tool_error", 0.2, 0, 1),
    Incident("timeout", 0.2, 0.2, 0.4),
    Incident("rate_limit", 0.2, 0.5, 0.6),
    Incident("loop", 0.3, 0.7, 0.8),
    Incident("wrong_arguments", 0.3, 0.8, 1),
)


def replay_an_hour() -> Telemetry:
    """Replay an hour of traffic in which much goes wrong; its store outlives it."""
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=1, service="travel-desk")
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    asyncio.run(obs_helpers.replay(agent, faults, clock, hours=1, incidents=INCIDENTS, seed=4))
    clock.advance(4000)
    obs_helpers.shutdown()
    assert agent.hook_errors == {}
    return obs


@pytest.fixture(scope="module")
def hour() -> Telemetry:
    return replay_an_hour()


def test_no_id_of_a_user_session_run_or_trace_is_a_label(hour: Telemetry) -> None:
    labels = hour.store.rows("SELECT DISTINCT labels FROM metric_points")
    pairs = {pair for (text,) in labels for pair in json.loads(text).items()}
    assert {name for name, _ in pairs} == {
        *(c.AGENT_NAME, c.PROVIDER, c.REQUEST_MODEL, c.TOKEN_TYPE, c.TOOL_NAME, c.ERROR_TYPE),
        *(c.CATEGORY, c.OUTCOME),
    }
    ids = {
        value
        for row in hour.store.rows(
            "SELECT DISTINCT trace_id, span_id, session_id, attributes ->> '$.\"user.id\"', "
            "attributes ->> '$.\"gen_ai.tool.call.id\"' FROM spans"
        )
        for value in row
        if value is not None
    }
    assert len(ids) > 1000
    values = {value for _, value in pairs}
    assert not values & ids
    assert not [value for value in values if "user-" in value or "visit-" in value]
    series = hour.store.rows("SELECT DISTINCT name, labels FROM metric_points")
    assert len(series) < 100


def test_metrics_and_spans_of_the_hour_agree(hour: Telemetry) -> None:
    def spans(what: str, where: str) -> Any:
        return hour.store.rows(f"SELECT {what} FROM spans WHERE {where}")[0][0]

    runs, chats, tools = (f"operation = '{o}'" for o in ("invoke_agent", "chat", "execute_tool"))
    assert totals(hour, "agent.requests", c.OUTCOME) == {
        ("success",): spans("count(*)", f"{runs} AND status = 'UNSET'"),
        ("error",): spans("count(*)", f"{runs} AND status = 'ERROR'"),
    }
    failed = totals(hour, "agent.errors", c.CATEGORY)
    assert failed.keys() == {("timeout",), ("rate_limit",), ("step_limit",)}
    assert sum(failed.values()) == spans("count(*)", f"{runs} AND status = 'ERROR'")
    for metric, where in (
        (c.RUN_DURATION, runs),
        (c.MODEL_DURATION, chats),
        (c.TOOL_DURATION, tools),
    ):
        found = points(hour, metric.name)
        assert sum(p["count"] for p in found) == spans("count(*)", where)
        assert sum(p["sum"] for p in found) == pytest.approx(spans("sum(duration_s)", where))
        errors = {(p["labels"].get(c.ERROR_TYPE) is not None) for p in found}
        assert errors == {True, False}
    tokens = sum(p["sum"] for p in points(hour, c.TOKEN_USAGE.name))
    assert tokens == spans("sum(input_tokens + output_tokens)", chats)
    cost = float(spans("sum(cost_usd)", chats))
    assert totals(hour, c.TOTAL_COST.name) == {(): pytest.approx(cost)}
    assert sum(p["sum"] for p in points(hour, c.SESSION_COST.name)) == pytest.approx(cost)
    sessions = spans("count(DISTINCT session_id)", runs)
    queries = points(hour, c.QUERIES.name)
    assert sum(p["count"] for p in queries) == sessions
    assert sum(p["sum"] for p in queries) == spans("count(*)", runs)
    assert max(p["value"] for p in points(hour, c.SESSIONS.name)) == sessions
    assert totals(hour, c.REJECTED.name) == totals(hour, c.UNPRICED.name) == {}


def test_delta_points_of_the_hour_add_up_in_sql(hour: Telemetry) -> None:
    sums = dict(
        hour.store.rows("SELECT name, sum(coalesce(value, count)) FROM metric_points GROUP BY name")
    )
    runs = hour.store.rows("SELECT count(*) FROM spans WHERE operation = 'invoke_agent'")[0][0]
    assert sums["agent.requests"] == sums[c.RUN_DURATION.name] == runs
    assert len(points(hour, "agent.requests")) > 12
    buckets = hour.store.rows(
        "SELECT sum(list_sum(bucket_counts)), sum(count) FROM metric_points "
        "WHERE kind = 'histogram'"
    )[0]
    assert buckets[0] == buckets[1]


def test_exemplars_of_the_hour_lead_to_traces_in_the_store(hour: Telemetry) -> None:
    found = hour.store.rows(
        "SELECT DISTINCT name, unnest(exemplar_trace_ids) AS id FROM metric_points"
    )
    assert {name for name, _ in found} >= {
        *(c.RUN_DURATION.name, c.MODEL_DURATION.name, c.TOOL_DURATION.name),
    }
    traces = {row[0] for row in hour.store.rows("SELECT DISTINCT trace_id FROM spans")}
    assert {trace_id for _, trace_id in found} <= traces


def test_the_hour_comes_out_the_same_each_time(hour: Telemetry) -> None:
    question = (
        "SELECT time, since, name, labels, value, count, sum, bucket_counts FROM metric_points "
        "WHERE name NOT LIKE 'process.%' ORDER BY ALL"
    )
    assert replay_an_hour().store.rows(question) == hour.store.rows(question)


class Mute:
    """Neither its hash nor its text can be had."""

    def __repr__(self) -> str:
        raise ValueError("no text")

    def __hash__(self) -> int:
        raise ValueError("no hash")


@pytest.mark.parametrize("redact", [True, False])
@pytest.mark.parametrize("value", [Mute(), [Mute()], [1, [2]], {1, 2}, {"a": [1]}, object(), b"x"])
def test_no_value_of_a_label_raises_into_the_agent(value: object, redact: bool) -> None:
    obs = obs_helpers.start(clock=VirtualClock(), redact=redact)
    counter = otel_metrics.get_meter("test").create_counter("calls")
    labels: Any = {"x": value}
    counter.add(1, labels)
    counter.add(1, labels)
    assert [point["value"] for point in points(obs, "calls")] == [2]
