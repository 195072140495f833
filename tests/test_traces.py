"""Traces: from the block that runs in a span to the row in the store."""

import asyncio
import contextvars
import gc
import json
import logging
import math
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import obs_helpers
from obs_helpers import AgentTracer, Redactor, Telemetry, VirtualClock
from obs_helpers import conventions as c
from obs_helpers.limits import MAX_WAITING_TEXT
from obs_helpers.signals.spans import FEW, RedactingExporter, SpanBuffer
from obs_helpers.signals.traces import current_ids

NO_TRACE, NO_SPAN = "0" * 32, "0" * 16


@pytest.fixture
def obs() -> Telemetry:
    return obs_helpers.start(clock=VirtualClock(), seed=1)


@pytest.fixture(autouse=True)
def nothing_is_current() -> Iterator[None]:
    """Check that no test leaves a span behind in the context."""
    assert current_ids() is None
    yield
    assert current_ids() is None


def spans(obs: Telemetry) -> dict[str, dict[str, Any]]:
    """Return the spans in the store by name; no name twice."""
    frame = obs.store.rows("SELECT * FROM spans ORDER BY rowid")
    names = [row[0] for row in obs.store.rows("DESCRIBE spans")]
    rows = [dict(zip(names, row, strict=True)) for row in frame]
    found = {row["name"]: {**row, "attributes": json.loads(row["attributes"])} for row in rows}
    assert len(found) == len(rows)
    return found


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


# -- Nesting and ids --------------------------------------------------------------------


def test_spans_nest_as_the_blocks_do(obs: Telemetry) -> None:
    tracer = obs.tracer
    with tracer.span("run"):
        with tracer.span("model"), tracer.span("http"):
            pass
        with tracer.span("tool"):
            pass
    with tracer.span("another run"):
        pass
    found = spans(obs)
    parents = {name: row["parent_id"] for name, row in found.items()}
    assert parents == {
        "run": None,
        "model": found["run"]["span_id"],
        "http": found["model"]["span_id"],
        "tool": found["run"]["span_id"],
        "another run": None,
    }
    traces = {row["trace_id"] for name, row in found.items() if name != "another run"}
    assert len(traces) == 1
    assert found["another run"]["trace_id"] not in traces


def test_tasks_that_run_side_by_side_keep_their_spans_apart(obs: Telemetry) -> None:
    async def run(name: str) -> None:
        with obs.tracer.span(name):
            await asyncio.gather(*(step(f"{name}.{n}", n) for n in range(3)))

    async def step(name: str, seconds: float) -> None:
        with obs.tracer.span(name):
            await obs.clock.sleep(seconds)
            await asyncio.to_thread(thread, f"{name} in a thread")

    def thread(name: str) -> None:
        with obs.tracer.span(name):
            pass

    async def main() -> None:
        await asyncio.gather(run("a"), run("b"))

    asyncio.run(main())
    found = spans(obs)
    assert len(found) == 2 * (1 + 3 + 3)
    for name, row in found.items():
        above = name.removesuffix(" in a thread") if name.endswith("thread") else name[:-2]
        assert row["parent_id"] == (found[above]["span_id"] if above else None)
        assert row["trace_id"] == found[name[0]]["trace_id"]


@given(st.integers(), st.integers(1, 20))
def test_ids_have_the_form_of_w3c_and_are_never_zero(seed: int, count: int) -> None:
    ids = obs_helpers.signals.traces.SeededIds(obs_helpers.Chance(seed))
    made = [(ids.generate_trace_id(), ids.generate_span_id()) for _ in range(count)]
    assert all(0 < one < 2**128 and 0 < other < 2**64 for one, other in made)
    assert len(set(made)) == count


def test_an_id_is_not_zero_even_if_chance_says_so() -> None:
    class Zero(obs_helpers.Chance):
        def __init__(self) -> None:
            self.bits = lambda _: 0

    ids = obs_helpers.signals.traces.SeededIds(Zero())
    assert (ids.generate_trace_id(), ids.generate_span_id()) == (1, 1)


def test_a_seed_makes_ids_repeat_and_no_seed_makes_them_differ() -> None:
    def ids(seed: int | None) -> list[tuple[str, str]]:
        obs = obs_helpers.start(seed=seed, clock=VirtualClock())
        for name in "abc":
            with obs.tracer.span(name), obs.tracer.span(f"{name}{name}"):
                pass
        return [(row["trace_id"], row["span_id"]) for row in spans(obs).values()]

    assert ids(7) == ids(7)
    assert not set(ids(7)) & set(ids(8))
    assert not set(ids(None)) & set(ids(None))


# -- The outline's two calls ------------------------------------------------------------


def test_trace_request_yields_the_trace_id_that_is_in_the_store(obs: Telemetry) -> None:
    with obs.tracer.trace_request("plan a trip", user="u1", hops=2, name="kept") as trace_id:
        assert re.fullmatch("[0-9a-f]{32}", trace_id)
        assert trace_id != NO_TRACE
        assert current_ids() == (trace_id, current_ids()[1])
    row = spans(obs)["plan a trip"]
    assert row["trace_id"] == trace_id
    assert re.fullmatch("[0-9a-f]{16}", row["span_id"])
    assert row["span_id"] != NO_SPAN
    assert row["attributes"] == {"user": "u1", "hops": 2, "name": "kept"}
    assert (row["kind"], row["service"], row["status"]) == ("INTERNAL", "agent", "UNSET")


def test_add_span_marks_a_step_of_no_length_where_it_runs(obs: Telemetry) -> None:
    with obs.tracer.trace_request("run") as trace_id:
        obs.clock.advance(2)
        obs.tracer.add_span(trace_id, "step", {"n": 1})
        obs.clock.advance(2)
    found = spans(obs)
    assert found["step"]["parent_id"] == found["run"]["span_id"]
    assert found["step"]["attributes"] == {"n": 1}
    assert found["step"]["duration_s"] == 0
    assert found["step"]["start_time"] - found["run"]["start_time"] == timedelta(seconds=2)


def test_add_span_with_another_trace_id_says_so_and_stays_where_it_is(obs: Telemetry) -> None:
    data = {"n": 1}
    for wrong, said in (("f" * 32, "f" * 32), ("", ""), ("no id", "no id"), (None, "null"), (5, 5)):
        with obs.tracer.trace_request(f"run {wrong}") as trace_id:
            obs.tracer.add_span(wrong, f"inside {wrong}", data)
        obs.tracer.add_span(trace_id, f"outside {wrong}", data)
        found = spans(obs)
        inside, outside = found[f"inside {wrong}"], found[f"outside {wrong}"]
        assert inside["trace_id"] == trace_id
        assert inside["attributes"] == {"n": 1, "agent.wanted_trace_id": said}
        assert outside["trace_id"] != trace_id
        assert outside["attributes"] == {"n": 1, "agent.wanted_trace_id": trace_id}
    assert data == {"n": 1}


# -- Errors -----------------------------------------------------------------------------


class NoMessage(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


class Outer:
    class Inner(Exception):
        pass


ERRORS = [
    (ValueError("bad input"), "ValueError", "ValueError: bad input"),
    (KeyError("k"), "KeyError", "KeyError: 'k'"),
    (TimeoutError(), "TimeoutError", "TimeoutError: "),
    (Outer.Inner("x"), "Outer.Inner", "Inner: x"),
    (NoMessage(), "NoMessage", "NoMessage: its message cannot be read"),
    (ValueError("\ud800\n"), "ValueError", "ValueError: \\ud800\n"),
    (ValueError("x" * 10**6), "ValueError", "ValueError: " + "x" * 488),
    (StopIteration("s"), "StopIteration", "StopIteration: s"),
    (StopAsyncIteration(), "StopAsyncIteration", "StopAsyncIteration: "),
    (KeyboardInterrupt(), "KeyboardInterrupt", "KeyboardInterrupt: "),
    (ExceptionGroup("g", [ValueError()]), "ExceptionGroup", "ExceptionGroup: g (1 sub-exception)"),
]


def test_an_exception_marks_the_span_and_passes_unchanged(obs: Telemetry) -> None:
    def fails(number: int) -> None:
        with obs.tracer.trace_request(f"outer {number}"), obs.tracer.span(f"inner {number}"):
            raise ERRORS[number][0]

    for number, (error, _, _) in enumerate(ERRORS):
        with pytest.raises(type(error)) as caught:
            fails(number)
        assert caught.value is error
        assert (error.__cause__, error.__context__) == (None, None)
    found = spans(obs)
    for number, (_, kind, message) in enumerate(ERRORS):
        for row in (found[f"inner {number}"], found[f"outer {number}"]):
            assert (row["status"], row["error_type"]) == ("ERROR", kind)
            assert row["attributes"] == {c.ERROR_TYPE: kind}
            assert row["status_message"] == message
            assert row["end_time"] is not None


def test_an_exception_that_is_handled_inside_is_no_error_of_the_outer_span(obs: Telemetry) -> None:
    with obs.tracer.span("outer"):
        try:
            with obs.tracer.span("inner"):
                raise ValueError("handled")
        except ValueError:
            pass
    found = spans(obs)
    assert found["inner"]["status"] == "ERROR"
    assert (found["outer"]["status"], found["outer"]["error_type"]) == ("UNSET", None)
    assert found["outer"]["status_message"] is None


def test_a_cancelled_task_is_no_error(obs: Telemetry) -> None:
    async def work() -> None:
        with obs.tracer.span("work"):
            await obs.clock.sleep(100)

    async def main() -> None:
        task = asyncio.create_task(work())
        await obs.clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    row = spans(obs)["work"]
    assert (row["status"], row["error_type"], row["duration_s"]) == ("UNSET", None, 1)
    assert row["attributes"] == {c.CANCELLED: True}


# -- Generators -------------------------------------------------------------------------


def test_an_async_generator_that_is_left_early_ends_its_span_in_silence(
    obs: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    async def numbers(name: str) -> AsyncIterator[int]:
        with obs.tracer.span(name), obs.tracer.span(f"{name} inner"):
            for number in range(10):
                yield number
                await asyncio.sleep(0)

    async def leaves_early() -> None:
        async for number in numbers("garbage"):
            if number == 2:
                break

    async def closed_elsewhere() -> None:
        generator = numbers("other task")
        await anext(generator)
        await asyncio.create_task(generator.aclose())

    async def closed_here() -> None:
        async with aclosing(numbers("same task")) as generator:
            await anext(generator)
            assert current_ids() is not None
        assert current_ids() is None

    async def main() -> None:
        await asyncio.gather(leaves_early(), closed_elsewhere(), closed_here())
        gc.collect()

    with caplog.at_level(logging.DEBUG, "opentelemetry"):
        asyncio.run(main())
    assert [r.getMessage() for r in caplog.records if r.name != "asyncio"] == []
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG] == []
    found = spans(obs)
    assert len(found) == 6
    assert {row["status"] for row in found.values()} == {"UNSET"}
    assert all(row["end_time"] for row in found.values())


def test_a_generator_that_is_closed_or_forgotten_ends_its_span_in_silence(
    obs: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    def numbers(name: str) -> Iterator[int]:
        with obs.tracer.span(name):
            yield from range(10)

    def forgets() -> None:
        generator = numbers("forgotten")
        next(generator)
        del generator
        gc.collect()

    with closing(numbers("closed")) as generator:
        next(generator)
    contextvars.copy_context().run(forgets)
    assert caplog.records == []
    found = spans(obs)
    assert {name: row["status"] for name, row in found.items()} == {
        "closed": "UNSET",
        "forgotten": "UNSET",
    }
    assert c.CANCELLED not in found["closed"]["attributes"]


def test_a_span_that_ends_in_another_thread_ends_in_silence(
    obs: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    def begin() -> None:
        span, token = obs.tracer.begin("moved", SpanKind.INTERNAL, {})
        thread = threading.Thread(target=obs.tracer.end, args=(span, token))
        thread.start()
        thread.join()

    contextvars.copy_context().run(begin)
    assert spans(obs)["moved"]["status"] == "UNSET"
    assert caplog.records == []


# -- Time -------------------------------------------------------------------------------


def test_times_are_the_clocks(obs: Telemetry) -> None:
    obs.clock.advance(0.5)
    with obs.tracer.span("outer"):
        obs.clock.advance(1.25)
        with obs.tracer.span("inner"):
            obs.clock.advance(3600)
    found = spans(obs)
    start = datetime(2026, 1, 5, 8, 0, 0, 500_000)  # noqa: DTZ001
    assert found["outer"]["start_time"] == start
    assert found["outer"]["end_time"] == start + timedelta(seconds=3601.25)
    assert found["outer"]["duration_s"] == 3601.25
    assert found["inner"]["start_time"] == start + timedelta(seconds=1.25)
    assert found["inner"]["duration_s"] == 3600


def test_a_running_span_is_in_the_store_until_its_end_replaces_it(obs: Telemetry) -> None:
    with obs.tracer.span("outer", {"a": 1}) as span:
        span.set_attribute("b", 2)
        with obs.tracer.span("inner"):
            for _ in range(2):
                found = spans(obs)
                assert found.keys() == {"outer", "inner"}
                assert {row["status"] for row in found.values()} == {"RUNNING"}
                assert {row["end_time"] for row in found.values()} == {None}
                assert {row["duration_s"] for row in found.values()} == {None}
                assert found["outer"]["attributes"] == {"a": 1, "b": 2}
        assert {name: row["status"] for name, row in spans(obs).items()} == {
            "inner": "UNSET",
            "outer": "RUNNING",
        }
    for _ in range(2):
        assert {row["status"] for row in spans(obs).values()} == {"UNSET"}
    assert int(obs.store.stats().set_index("table").loc["spans", "rows"]) == 2


def test_a_full_buffer_counts_what_finds_no_room() -> None:
    buffer = SpanBuffer(limit=3)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(buffer)
    tracer = AgentTracer(provider, VirtualClock())
    for name in "abcde":
        with tracer.span(name):
            pass
    assert (len(buffer), buffer.dropped) == (3, 2)
    assert [row[3] for row in buffer.drain()] == ["a", "b", "c"]
    with tracer.span("f"):
        assert [row[3] for row in buffer.running()] == ["f"]
    assert (len(buffer), buffer.dropped, buffer.running()) == (1, 2, [])
    provider.shutdown()


def test_a_few_long_texts_fill_the_buffer_too_until_it_is_emptied() -> None:
    buffer, text = SpanBuffer(), "x" * 10**6
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(buffer)
    tracer = provider.get_tracer("test")
    for _ in range(2):
        for number in range(FEW + 100):
            span = tracer.start_span("read", attributes={"document": text if number >= FEW else ""})
            span.end()
        kept = MAX_WAITING_TEXT // len(text)
        assert (len(buffer), buffer.dropped) == (FEW + kept, 100 - kept)
        assert len(buffer.drain()) == FEW + kept
        buffer.dropped = 0
    provider.shutdown()


# -- Sampling ---------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "least", "most"), [(0, 0, 0), (1, 300, 300), (0.5, 120, 180)])
def test_a_trace_is_kept_whole_or_not_at_all(share: float, least: int, most: int) -> None:
    obs = obs_helpers.start(sampling=share, seed=3, clock=VirtualClock())
    ids = []
    for _ in range(300):
        with obs.tracer.trace_request("run") as trace_id:
            ids.append(trace_id)
            with obs.tracer.span("step"), obs.tracer.span("below"):
                assert current_ids()[0] == trace_id
                obs.logger("a").info("always logged")
            obs.tracer.add_span(trace_id, "mark")
    kept = dict(obs.store.rows("SELECT trace_id, count(*) FROM spans GROUP BY trace_id"))
    assert least <= len(kept) <= most
    assert set(kept.values()) <= {4}
    assert kept.keys() <= set(ids)
    assert len(set(ids)) == 300
    assert all(re.fullmatch("[0-9a-f]{32}", trace_id) for trace_id in ids)
    logged = obs.store.rows("SELECT trace_id FROM logs ORDER BY rowid")
    assert [row[0] for row in logged] == ids


def test_a_decision_from_outside_is_followed() -> None:
    obs = obs_helpers.start(sampling=0, clock=VirtualClock())
    for flags, name in ((1, "kept"), (0, "dropped")):
        above = trace.SpanContext(5, 6, is_remote=True, trace_flags=trace.TraceFlags(flags))
        with trace.use_span(trace.NonRecordingSpan(above)), obs.tracer.span(name):
            assert current_ids()[0] == f"{5:032x}"
    found = spans(obs)
    assert found.keys() == {"kept"}
    assert (found["kept"]["trace_id"], found["kept"]["parent_id"]) == (f"{5:032x}", f"{6:016x}")


# -- Redaction --------------------------------------------------------------------------

MAIL = "ada@example.org"


def personal(tracer: AgentTracer) -> None:
    """Make a span with personal data wherever a span can hold any."""
    attributes = {"mail": MAIL, MAIL: 1, "list": [MAIL, "b"], "deep": {"password": "plain"}}
    with tracer.span(f"ask {MAIL}", {**attributes, c.CONVERSATION_ID: MAIL}) as span:
        span.add_event(f"asked {MAIL}", {"mail": MAIL, "password": "plain"})
        span.add_link(span.get_span_context(), {"mail": MAIL})
        span.set_attribute("late", MAIL)
        raise ValueError(f"no such user: {MAIL}")


def test_nothing_personal_reaches_the_store_even_while_the_span_runs(obs: Telemetry) -> None:
    def everything() -> str:
        return str(obs.store.rows("SELECT * FROM spans"))

    with obs.tracer.span(f"running {MAIL}", {"mail": MAIL}):
        assert "running [EMAIL]" in everything()
        assert MAIL not in everything()
    with pytest.raises(ValueError, match=MAIL):
        personal(obs.tracer)
    assert MAIL not in everything()
    assert "plain" not in everything()
    row = spans(obs)["ask [EMAIL]"]
    assert row["status_message"] == "ValueError: no such user: [EMAIL]"
    assert row["session_id"] == "[EMAIL]"
    assert row["attributes"]["[EMAIL]"] == 1
    (event,) = json.loads(row["events"])
    assert event["name"] == "asked [EMAIL]"
    assert event["attributes"] == {"mail": "[EMAIL]", "password": "[SECRET]"}


def test_without_redaction_everything_is_kept() -> None:
    obs = obs_helpers.start(redact=False, clock=VirtualClock())
    with pytest.raises(ValueError, match=MAIL):
        personal(obs.tracer)
    row = spans(obs)[f"ask {MAIL}"]
    assert row["attributes"]["mail"] == row["session_id"] == MAIL
    assert json.loads(row["attributes"]["deep"]) == {"password": "plain"}


def test_what_another_exporter_gets_is_a_cleaned_copy() -> None:
    raw, cleaned = InMemorySpanExporter(), InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(cleaned, Redactor())))
    provider.add_span_processor(SimpleSpanProcessor(raw))
    tracer = AgentTracer(provider, VirtualClock())
    with pytest.raises(ValueError, match=MAIL), tracer.span("parent", kind=SpanKind.CLIENT):
        personal(tracer)
    texts = [span.to_json() for span in cleaned.get_finished_spans()]
    assert not any(MAIL in text or "plain" in text for text in texts)
    for copied, span in zip(cleaned.get_finished_spans(), raw.get_finished_spans(), strict=True):
        assert copied.context == span.context
        assert copied.parent == span.parent
        assert copied.kind == span.kind
        assert copied.resource == span.resource
        assert (copied.start_time, copied.end_time) == (span.start_time, span.end_time)
        assert copied.status.status_code == span.status.status_code
        assert len(copied.attributes) == len(span.attributes)
        assert MAIL in span.to_json()
    provider.shutdown()


# -- Weird values -----------------------------------------------------------------------

RING: list[Any] = []
RING.append(RING)

WEIRD = {
    "None": None,
    "NaN": math.nan,
    "infinity": -math.inf,
    "dict": {"a": {"b": 1}},
    "object": object(),
    "hostile": Hostile(),
    "hostile inside": {"a": [Hostile()]},
    "surrogate": "\ud800",
    "megabyte": "x" * 1_000_000,
    "huge": 2**80,
    "mixed": [1, "a", None],
    "nested": [[1], [2]],
    "empty": [],
    "bytes": b"\xff\x00",
    "set": {1},
    "ring": RING,
    "lambda": lambda: 0,
}


def test_no_attribute_value_raises_or_costs_the_span(
    obs: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in WEIRD.items():
        with obs.tracer.trace_request(f"{name}: request", weird=value, plain=1) as trace_id:
            obs.tracer.add_span(trace_id, f"{name}: step", {"weird": value, "plain": 1})
            with obs.tracer.span(f"{name}: block", {"weird": value, "plain": 1}):
                pass
    found = spans(obs)
    assert len(found) == 3 * len(WEIRD)
    for row in found.values():
        assert row["attributes"]["plain"] == 1
        assert row["attributes"].keys() == {"weird", "plain"}
    assert caplog.records == []


def test_no_value_under_a_name_with_a_column_costs_the_span(obs: Telemetry) -> None:
    columns = tuple(c.SPAN_COLUMNS.values())
    with obs.tracer.span("good", dict.fromkeys(columns, 1)):
        pass
    weird = {name: value for name, value in WEIRD.items() if name != "megabyte"}
    for name, value in weird.items():
        for attribute in columns:
            with obs.tracer.span(f"{name} in {attribute}", {attribute: value, "plain": 1}):
                pass
    found = spans(obs)
    assert len(found) == 1 + len(weird) * len(columns)
    for name in weird:
        for attribute in columns:
            attributes = found[f"{name} in {attribute}"]["attributes"]
            assert attributes.keys() == {attribute, "plain"}
            assert attributes["plain"] == 1


def test_values_of_the_right_type_are_in_their_columns(obs: Telemetry) -> None:
    texts = (c.OPERATION, c.ERROR_TYPE, c.AGENT_NAME, c.CONVERSATION_ID, c.REQUEST_MODEL)
    with obs.tracer.span("a", {**dict.fromkeys(texts, "ü"), c.INPUT_TOKENS: 12, c.COST_USD: 0.1}):
        pass
    with obs.tracer.span("b", {c.CONVERSATION_ID: 42, c.INPUT_TOKENS: "many", c.COST_USD: 1e12}):
        pass
    a, b = spans(obs).values()
    assert (a["operation"], a["agent"], a["session_id"], a["model"]) == ("ü",) * 4
    assert (a["input_tokens"], float(a["cost_usd"]), a["output_tokens"]) == (12, 0.1, None)
    assert (b["session_id"], b["input_tokens"], b["cost_usd"]) == ("42", None, None)
    assert b["attributes"] == {c.CONVERSATION_ID: 42, c.INPUT_TOKENS: "many", c.COST_USD: 1e12}


def test_no_name_of_a_span_costs_it(obs: Telemetry) -> None:
    names = ["", "\ud800", "x" * 100_000, "a\nb\0c", "名前"]
    for name in names:
        with obs.tracer.span(name):
            pass
    for found, name in zip(spans(obs), names, strict=True):
        assert found.startswith(name.encode("utf-8", "backslashreplace").decode()[:1000])


def test_any_attributes_arrive(obs: Telemetry) -> None:
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    )
    names = st.text(st.characters(codec=None), min_size=1, max_size=8)
    count = Counter[str]()

    @given(st.dictionaries(names, values, max_size=5), names)
    def check(attributes: dict[str, Any], name: str) -> None:
        with obs.tracer.span(name, attributes):
            pass
        count["spans"] += 1
        found = obs.store.rows("SELECT attributes FROM spans OFFSET ?", [count["spans"] - 1])
        assert len(found) == 1
        assert len(json.loads(found[0][0])) == len(attributes)

    check()


# -- OpenTelemetry's global provider ----------------------------------------------------


def test_tracers_that_were_got_early_follow_the_telemetry_that_runs() -> None:
    ours, library = AgentTracer(), trace.get_tracer("library")
    with ours.span("too early"), library.start_as_current_span("too early"):
        pass
    for number in (1, 2):
        obs = obs_helpers.start(service=f"run {number}", clock=VirtualClock())
        with ours.span("ours"), library.start_as_current_span("library"):
            library.start_span("child").end()
        found = spans(obs)
        assert found.keys() == {"ours", "library", "child"}
        assert {row["service"] for row in found.values()} == {f"run {number}"}
        assert found["library"]["parent_id"] == found["ours"]["span_id"]
        assert found["child"]["parent_id"] == found["library"]["span_id"]
        assert found["ours"]["start_time"] == datetime(2026, 1, 5, 8)  # noqa: DTZ001
        obs_helpers.shutdown()
        with ours.span("in between"), library.start_as_current_span("in between"):
            pass
    assert spans(obs).keys() == {"ours", "library", "child"}


def test_tracers_that_were_got_before_the_first_start_of_a_process_follow_it(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import obs_helpers\n"
        "from opentelemetry import trace\n"
        "ours, library = obs_helpers.AgentTracer(), trace.get_tracer('library')\n"
        "with ours.span('too early'), library.start_as_current_span('too early'):\n"
        "    pass\n"
        "obs = obs_helpers.start(clock=obs_helpers.VirtualClock())\n"
        "with ours.span('ours'), library.start_as_current_span('library'):\n"
        "    pass\n"
        "print(obs.store.rows(\n"
        "    'SELECT name, year(start_time) = 2026 AND month(start_time) = 1, parent_id IS NULL '\n"
        "    'FROM spans ORDER BY name'))\n"
    )
    root = Path(obs_helpers.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, script], cwd=root, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    # OpenTelemetry's own tracers know no other clock than the machine's.
    assert found.stdout == "[('library', False, False), ('ours', True, True)]\n"


def test_a_restart_without_a_shutdown_sends_spans_to_the_new_telemetry_only() -> None:
    tracer = trace.get_tracer("library")
    old = obs_helpers.start(service="old")
    tracer.start_span("one").end()
    new = obs_helpers.start(service="new")
    tracer.start_span("two").end()
    assert spans(old).keys() == {"one"}
    assert spans(new).keys() == {"two"}


def test_a_library_may_use_its_tracer_as_a_decorator(obs: Telemetry) -> None:
    tracer = trace.get_tracer("library")

    @tracer.start_as_current_span("sync")
    def sync() -> tuple[str, str] | None:
        return current_ids()

    @tracer.start_as_current_span("async")
    async def later() -> tuple[str, str] | None:
        await asyncio.sleep(0)
        return current_ids()

    inside = {"sync": sync(), "async": asyncio.run(later())}
    found = spans(obs)
    assert {name: (row["trace_id"], row["span_id"]) for name, row in found.items()} == inside


def test_outside_a_span_there_are_no_ids(obs: Telemetry) -> None:
    assert current_ids() is None
    with obs.tracer.span("a") as span:
        ids = span.get_span_context()
        assert current_ids() == (f"{ids.trace_id:032x}", f"{ids.span_id:016x}")
    assert current_ids() is None


def test_a_span_that_is_just_ending_is_not_also_running() -> None:
    """Between a span's end and its hand-over nobody may count it a second time."""
    buffer, seen = SpanBuffer(), []

    class Between(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            seen.append(buffer.running())

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Between())  # asked first when a span ends
    provider.add_span_processor(buffer)
    span = provider.get_tracer("test").start_span("run")
    assert len(buffer.running()) == 1
    span.end()
    assert seen == [[]]
    assert len(buffer.drain()) == 1


# -- Spans that cannot be ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ({"start_time": datetime.fromisoformat("2026-01-05")}, None),
        ({}, "2026"),
        ({"kind": None}, None),
        ({"kind": 1}, None),
    ],
)
def test_a_span_with_a_time_or_kind_that_is_none_costs_no_other_row(
    tmp_path: Path, given: dict[str, Any], end: Any
) -> None:
    path = tmp_path / "t.duckdb"
    obs = obs_helpers.start(store=path)
    bad = trace.get_tracer("test").start_span("bad", **given)
    with obs.tracer.span("first"):
        obs.logger("test").info("line")
    assert obs.store.value("SELECT count(*) FROM spans WHERE name = 'first'") == 1
    bad.end(end)
    with obs.tracer.span("second"):
        pass
    obs.flush()
    way = obs.health().way("traces", "store")
    assert (way.delivered, way.waiting, way.dropped, way.failures) == (2, 0, 1, 0)
    obs.shutdown()
    store = obs_helpers.Store(path)
    assert store.rows("SELECT name FROM spans ORDER BY name") == [("first",), ("second",)]
    assert store.value("SELECT count(*) FROM logs") == 1
    store.close()


# -- Generators ----------------------------------------------------------------------------


def parents(obs: Telemetry) -> dict[str, str | None]:
    """Return the name of each span's parent by its own name."""
    return dict(
        obs.store.rows(
            "SELECT s.name, p.name FROM spans s LEFT JOIN spans p ON s.parent_id = p.span_id"
        )
    )


def test_a_generator_closed_in_another_span_leaves_that_one_current(obs: Telemetry) -> None:
    def stream() -> Iterator[int]:
        with obs.tracer.span("stream"):
            yield from range(3)

    with obs.tracer.span("request"):
        numbers = stream()
        next(numbers)
        with obs.tracer.span("step"):
            numbers.close()  # type: ignore[attr-defined]
            with obs.tracer.span("inner"):
                pass
        with obs.tracer.span("after"):
            pass
    with obs.tracer.span("next"):
        pass
    assert parents(obs) == {
        "request": None, "stream": "request", "step": "stream", "inner": "step",
        "after": "request", "next": None,
    }  # fmt: skip


def test_a_generator_that_outlives_its_request_touches_no_other(obs: Telemetry) -> None:
    def stream() -> Iterator[int]:
        with obs.tracer.span("stream"):
            yield 1

    with obs.tracer.span("request"):
        numbers, others = stream(), stream()
        next(numbers)
        next(others)
    with obs.tracer.span("another"):
        assert list(numbers) == []
        with obs.tracer.span("inside"):
            pass
    others.close()  # type: ignore[attr-defined]
    assert current_ids() is None
    assert parents(obs)["inside"] == "another"


def test_opentelemetrys_own_way_bears_a_generator_closed_by_another_task(
    obs: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    async def stream() -> AsyncIterator[int]:
        with trace.get_tracer("test").start_as_current_span("stream"):
            yield 1

    async def close_elsewhere() -> None:
        numbers = stream()
        await asyncio.create_task(anext(numbers))  # type: ignore[arg-type]
        await asyncio.create_task(numbers.aclose())  # type: ignore[attr-defined]

    asyncio.run(close_elsewhere())
    assert obs.store.rows("SELECT name, status FROM spans") == [("stream", "UNSET")]
    assert caplog.messages == []


@pytest.mark.parametrize("given", [{}, {"record_exception": False}, {"end_on_exit": False},
                                   {"set_status_on_exception": False}])  # fmt: skip
def test_opentelemetrys_own_way_does_what_the_sdk_does(
    obs: Telemetry, given: dict[str, Any]
) -> None:
    seen = []
    for tracer in (trace.get_tracer("test"), obs.tracer_provider.get_tracer("test")):
        with pytest.raises(LookupError), tracer.start_as_current_span("work", **given) as span:
            assert trace.get_current_span() is span
            raise LookupError("gone")
        assert isinstance(span, ReadableSpan)
        seen.append((span.status.description, len(span.events), span.end_time is None))
        span.end()
    assert seen[0] == seen[1]
