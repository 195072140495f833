"""Nothing grows without end: labels, names, texts, attributes, events, sessions, tables."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics as otel_metrics
from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import obs_helpers
from obs_helpers import Store, Telemetry, VirtualClock
from obs_helpers import conventions as c
from obs_helpers.limits import MAX_EVENT, MAX_INSTRUMENTS, MAX_SERIES, MAX_TEXT
from obs_helpers.safe_json import dumps
from obs_helpers.signals import metrics as agent_metrics
from obs_helpers.signals.spans import RedactingExporter

ROOT = Path(__file__).parents[1]
MARK = "more characters]"


@pytest.fixture
def obs() -> Telemetry:
    return obs_helpers.start(clock=VirtualClock(), seed=1)


def points(obs: Telemetry, name: str) -> list[tuple[dict[str, Any], float]]:
    """Return labels and value, or count, of all points of a metric."""
    obs.flush()
    found = obs.store.rows(
        "SELECT labels, coalesce(value, count) FROM metric_points WHERE name = ?", [name]
    )
    return [(json.loads(labels), value) for labels, value in found]


# -- Labels --------------------------------------------------------------------------------
USERS = MAX_SERIES + 500


def by_name(n: int) -> None:
    obs_helpers.metrics.increment("asked", user=f"user-{n}")


def timed_by_name(n: int) -> None:
    obs_helpers.metrics.record_latency("asked", 5, user=f"user-{n}")


def of_the_standard_api(n: int) -> None:
    meter = otel_metrics.get_meter("somebody.else")
    meter.create_counter("asked").add(1, {"user": f"user-{n}"})


def up_and_down(n: int) -> None:
    meter = otel_metrics.get_meter("somebody.else")
    meter.create_up_down_counter("asked").add(1, attributes={"user": f"user-{n}"})


@pytest.mark.parametrize("record", [by_name, timed_by_name, of_the_standard_api, up_and_down])
def test_a_label_without_end_becomes_one_series_and_the_sum_stays_right(
    record: Callable[[int], None], obs: Telemetry
) -> None:
    """What went into it is counted, by metric."""
    for n in range(USERS):
        record(n)
    found = points(obs, "asked")
    others = [value for labels, value in found if labels == {c.OVERFLOW: True}]
    assert others == [500]
    assert len(found) == MAX_SERIES + 1
    assert sum(value for _, value in found) == USERS
    assert points(obs, c.OVERFLOWED.name) == [({"metric": "asked"}, 500)]
    assert obs.meter_provider.overflow.by_metric == {"asked": 500}


def test_the_series_that_were_there_first_stay_apart_also_after_the_next_reading(
    obs: Telemetry,
) -> None:
    """And new ones stay together: the limit holds for the process, not for one reading."""
    for n in range(USERS):
        by_name(n)
    obs.flush()
    by_name(0)
    by_name(USERS + 1)
    obs.flush()
    labels = [labels for labels, _ in points(obs, "asked")][-2:]
    assert {"user": "user-0"} in labels
    assert {c.OVERFLOW: True} in labels


def test_a_gauge_and_odd_label_values_are_guarded_too(obs: Telemetry) -> None:
    gauge = otel_metrics.get_meter("somebody.else").create_gauge("level")
    for n in range(USERS):
        gauge.set(n, {"user": f"user-{n}", "of": ("a", "b")})
    assert len(points(obs, "level")) == MAX_SERIES + 1


def by_callback(meter: Any, watch: Any) -> None:
    meter.create_observable_counter("asked", [watch])


def by_generator(meter: Any, watch: Any) -> None:
    def generator() -> Any:
        options = yield
        while True:
            options = yield watch(options)

    meter.create_observable_gauge("asked", [generator()])


@pytest.mark.parametrize("create", [by_callback, by_generator])
def test_what_callbacks_observe_is_guarded_and_redacted_too(
    create: Callable[[Any, Any], None], obs: Telemetry
) -> None:
    def watch(_: Any) -> list[otel_metrics.Observation]:
        mail = otel_metrics.Observation(7, {"user": "ann@example.com"})
        return [mail, *(otel_metrics.Observation(1, {"user": f"u-{n}"}) for n in range(USERS))]

    create(otel_metrics.get_meter("somebody.else"), watch)
    found = points(obs, "asked")
    assert len(found) == MAX_SERIES + 1
    assert found[0] == ({"user": "[EMAIL]"}, 7)
    assert {c.OVERFLOW: True} in [labels for labels, _ in found]


def test_labels_of_another_library_are_redacted_once_and_stay_one_series(obs: Telemetry) -> None:
    labels = {"user": "ann@example.com", "cards": ("4111 1111 1111 1111", "none")}
    counter = otel_metrics.get_meter("somebody.else").create_counter("asked")
    for _ in range(3):
        counter.add(1, labels)
    assert points(obs, "asked") == [({"user": "[EMAIL]", "cards": ["[CARD]", "none"]}, 3)]
    assert labels["user"] == "ann@example.com"
    assert obs.redact is not None
    assert obs.redact.found == {"EMAIL": 1, "CARD": 1}


def test_a_metric_for_each_user_is_rejected_and_counted(obs: Telemetry) -> None:
    recorder = type(obs_helpers.metrics)()
    for n in range(MAX_INSTRUMENTS + 20):
        recorder.increment(f"asked.by.user-{n}")
    obs.flush()
    ((names,),) = obs.store.rows(
        "SELECT count(DISTINCT name) FROM metric_points WHERE name LIKE 'asked.by.%'"
    )
    assert names == MAX_INSTRUMENTS
    assert sum(value for _, value in points(obs, c.REJECTED.name)) == 20
    recorder.increment("asked.by.user-0")
    assert sum(value for _, value in points(obs, "asked.by.user-0")) == 2


# -- Texts ---------------------------------------------------------------------------------
LONG = "x" * 100_000


def test_long_texts_of_a_span_are_cut_and_say_so_in_every_place(obs: Telemetry) -> None:
    with obs.tracer.span(LONG, {c.AGENT_NAME: LONG, "field": LONG, "list": [LONG]}) as span:
        span.set_attribute("later", LONG)
        span.add_event("event", {"field": LONG})
        span.set_status(otel_trace.Status(otel_trace.StatusCode.ERROR, LONG))
    (row,) = obs.store.rows(
        "SELECT name, agent, status_message, attributes->>'field', attributes->'list'->>0, "
        "attributes->>'later', events->0->'attributes'->>'field' FROM spans"
    )
    for text in row:
        assert text.startswith("x" * MAX_TEXT)
        assert text.endswith(MARK)
        assert len(text) < MAX_TEXT + 50


def test_a_line_has_an_end_whatever_is_in_it(obs: Telemetry) -> None:
    """A hundred and fifty fields of 8,000 characters would be 1.2 MB, nested ones far more."""
    log = obs.logger("wide")
    log.info("flat", **{f"field_{n}": "x" * 8_000 for n in range(150)})
    log.info("nested", fields=[["x" * 8_000] * 20] * 5)
    sizes = obs.store.rows("SELECT event, strlen(fields) FROM logs ORDER BY ALL")
    assert [event for event, _ in sizes] == ["flat", "nested"]
    assert all(MAX_EVENT < size < 2 * MAX_EVENT for _, size in sizes)
    ((cut,),) = obs.store.rows(f"SELECT count(*) FROM logs WHERE fields LIKE '%{MARK}%'")
    assert cut == 2


@pytest.mark.parametrize("size", [MAX_EVENT // 200, MAX_EVENT // 50])
def test_what_is_below_the_end_is_whole(size: int) -> None:
    event = {f"field_{n}": "x" * size for n in range(40)}
    assert json.loads(dumps(event)) == event


# -- Attributes, events, links -------------------------------------------------------------


def too_much(span: otel_trace.Span) -> None:
    for n in range(150):
        span.set_attribute(f"attribute-{n}", n)
        span.add_event(f"event-{n}", {f"field-{m}": m for m in range(130)} if n == 149 else None)
        span.add_link(otel_trace.SpanContext(n + 1, n + 1, is_remote=False))


COUNTS = {"attributes": 22, "events": 22, "links": 22}


def test_a_span_with_too_many_attributes_events_and_links_says_how_many_went(
    obs: Telemetry,
) -> None:
    """OpenTelemetry keeps 128 of each, and the count."""
    with obs.tracer.span("wide") as span:
        too_much(span)
    ((attributes, events, links),) = obs.store.rows("SELECT attributes, events, links FROM spans")
    known = json.loads(attributes)
    assert len(known) == 128 + len(COUNTS)
    assert {c.DROPPED.format(what): n for what, n in COUNTS.items()}.items() <= known.items()
    assert len(json.loads(events)) == len(json.loads(links)) == 128
    assert json.loads(events)[-1]["attributes"][c.DROPPED.format("attributes")] == 2


class Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


@pytest.mark.parametrize("redact", [None, obs_helpers.Redactor()], ids=["as it is", "redacted"])
def test_what_another_exporter_gets_is_cut_and_counted_in_the_same_way(
    redact: Any, obs: Telemetry
) -> None:
    with obs.tracer.span(LONG, {"field": LONG}) as span:
        too_much(span)
    kept = Kept()
    RedactingExporter(kept, redact).export([span])  # type: ignore[list-item]
    (copy,) = kept.spans
    assert copy.name.endswith(MARK)
    assert len(copy.name) < MAX_TEXT + 50
    assert {
        "attributes": copy.dropped_attributes,
        "events": copy.dropped_events,
        "links": copy.dropped_links,
    } == {**COUNTS, "attributes": 23}


# -- Sessions ------------------------------------------------------------------------------


def test_sessions_of_a_busy_hour_are_all_counted_and_not_all_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent_metrics, "MAX_SESSIONS_OVER", 1_000)
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, collect_s=10_000)
    sessions = 20_000
    for n in range(sessions):
        obs.metrics.run_started(f"run-{n}", f"session-{n}")
        obs.metrics.run_cancelled(f"run-{n}")
    remembered = len(obs.metrics._over) + len(obs.metrics._sessions) + len(obs.metrics._forgotten)
    assert remembered < 11_100
    assert points(obs, c.SESSIONS.name) == [({}, sessions)]
    clock.advance(3700)
    obs.flush()
    assert points(obs, c.SESSIONS.name)[-1] == ({}, 0)


# -- Load ----------------------------------------------------------------------------------


def test_a_small_load_is_flat_and_everything_is_accounted_for() -> None:
    """In a process of its own: memory is that of the load alone."""
    size = ("--requests", "3000", "--rows", "2000", "--file")
    command = [sys.executable, "-m", "tests.load", *size]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything is accounted for" in done.stdout


def test_retention_holds_while_the_load_goes_on() -> None:
    """Old rows go at each reading; the newest stay, and what went is counted."""
    from tests import load

    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, collect_s=60, retention=timedelta(minutes=10))
    for n in range(600):
        load.request(obs, n)
        clock.advance(6)
    obs.store.flush()
    ((oldest, newest, held),) = obs.store.rows(
        "SELECT min(start_time), max(start_time), count(*) FROM spans"
    )
    assert timedelta(minutes=9) < newest - oldest <= timedelta(minutes=11)
    stats = obs.store.stats().set_index("table").loc["spans"]
    assert held + stats["evicted"] == 4 * 600
    assert stats["dropped"] == 0


def test_the_load_finds_what_is_missing() -> None:
    """It can fail: one request's spans that nobody counted, and a table that is too full."""
    from tests import load

    store = Store()
    obs = obs_helpers.start(clock=VirtualClock(), store=store)
    for n in range(3):
        load.request(obs, n)
    assert load.unaccounted(obs, 3, 100) == []
    assert load.unaccounted(obs, 4, 100) == [
        "spans: 12 of 16 held, evicted or dropped",
        "logs: 9 of 12 held, evicted or dropped",
    ]
    assert "spans holds 12 rows, more than 5" in load.unaccounted(obs, 3, 5)
