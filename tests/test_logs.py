"""Structured logs, from the call to the row in the store."""

import asyncio
import contextvars
import json
import re
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import StructuredLogger, Telemetry, VirtualClock, get_logger
from obs_helpers.conventions import ENVELOPE
from obs_helpers.limits import MAX_WAITING_TEXT
from obs_helpers.signals import logs, sinks
from obs_helpers.signals.privacy.rule import Rule

CLASHES = (
    *ENVELOPE,
    *("message", "args", "name", "msg", "logger_name", "exc_info", "exception", "stack_info"),
    *("self", "action", "event_", "event__", "level_", "logger_name_", "args_", "method_name"),
)


@pytest.fixture
def obs() -> Telemetry:
    return obs_helpers.start(clock=VirtualClock(), seed=1)


class Output:
    """What was logged without a store: much faster to start."""

    ids: tuple[str, str] | None = None

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def last(self) -> dict[str, Any]:
        """Return the last line, with the caller's fields under `fields`."""
        line = json.loads(self.lines[-1])
        envelope = {name: line.pop(name, None) for name in ENVELOPE}
        return {**envelope, "fields": line}


@pytest.fixture
def out() -> Output:
    output = Output()
    logs.configure(
        clock=VirtualClock(), sinks=(output.lines.append,), current_ids=lambda: output.ids
    )
    return output


def rows(obs: Telemetry) -> list[dict[str, Any]]:
    """Return the log lines in the store, with the caller's fields under `fields`."""
    columns = ("time", "level", "logger", "event", "trace_id", "span_id", "fields")
    found = obs.store.rows(f"SELECT {', '.join(columns)} FROM logs ORDER BY rowid")
    return [
        {**dict(zip(columns, row, strict=True)), "fields": json.loads(row[-1])} for row in found
    ]


def last(obs: Telemetry) -> dict[str, Any]:
    return rows(obs)[-1]


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


# -- What a line says -------------------------------------------------------------------


def test_a_line_has_time_level_logger_event_and_the_fields(obs: Telemetry) -> None:
    obs.clock.advance(1.25)
    get_logger("planner").info("step done", step=2, tools=["a", "b"], cost=0.5, nothing=None)
    assert last(obs) == {
        "time": datetime(2026, 1, 5, 8, 0, 1, 250_000),  # noqa: DTZ001
        "level": "info",
        "logger": "planner",
        "event": "step done",
        "trace_id": None,
        "span_id": None,
        "fields": {"step": 2, "tools": ["a", "b"], "cost": 0.5, "nothing": None},
    }


def test_a_line_is_one_json_object_that_begins_with_its_envelope(
    capsys: pytest.CaptureFixture[str],
) -> None:
    obs = obs_helpers.start(clock=VirtualClock(), seed=1, console=True)
    with obs.tracer.span("step"):
        obs.logger("planner").info("hello", a=1)
    line = json.loads(capsys.readouterr().out)
    assert list(line) == [*ENVELOPE, "a"]
    assert line["timestamp"] == "2026-01-05T08:00:00.000000Z"


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000000Z"),
        (datetime(2026, 1, 5, 8, 0, 0, 1, tzinfo=UTC), "2026-01-05T08:00:00.000001Z"),
        (datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), "2028-02-29T23:59:59.999999Z"),
    ],
)
def test_times_are_iso_8601_utc_to_the_microsecond(
    start: datetime, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    obs = obs_helpers.start(clock=VirtualClock(start), console=True)
    obs.logger("a").info("x")
    assert json.loads(capsys.readouterr().out)["timestamp"] == text
    assert last(obs)["time"] == start.replace(tzinfo=None)
    obs.clock.advance(61.5)
    obs.logger("a").info("y")
    assert last(obs)["time"] == start.replace(tzinfo=None) + timedelta(seconds=61.5)


def test_a_system_clock_gives_lines_the_time_of_now() -> None:
    obs = obs_helpers.start()
    before = datetime.now(UTC).replace(tzinfo=None)
    obs.logger("a").info("x")
    after = datetime.now(UTC).replace(tzinfo=None)
    assert before <= last(obs)["time"] <= after


@pytest.mark.parametrize("level", logs.LEVELS)
def test_lines_below_the_level_are_dropped(level: str) -> None:
    got: list[bytes] = []
    logs.configure(level=level, sinks=(got.append,))
    log = get_logger("a")
    for name in logs.LEVELS:
        getattr(log, name)(f"a {name} line")
    names = list(logs.LEVELS)
    wanted = names[names.index(level) :]
    assert [(line["level"], line["event"]) for line in map(json.loads, got)] == [
        (name, f"a {name} line") for name in wanted
    ]


def test_the_other_names_of_the_log_calls_work_too(out: Output) -> None:
    log, levels = get_logger("test"), []
    log.warning("x")
    log.fatal("x")
    levels += [json.loads(line)["level"] for line in out.lines]
    for level in (20, 40, "error", 17, None):
        log.log(level, "count %s", 1, level="mine")
        assert (out.last()["event"], out.last()["fields"]) == ("count 1", {"level_": "mine"})
        levels.append(out.last()["level"])
    assert levels == ["warning", "critical", "info", "error", "error", "info", "info"]


def test_a_line_below_the_level_does_not_touch_its_arguments() -> None:
    obs, before = obs_helpers.start(level="error"), logs.OUTPUT.errors
    obs.logger("a").info(Hostile(), Hostile(), field=Hostile())
    obs.logger("a").error("kept")
    assert [row["event"] for row in rows(obs)] == ["kept"]
    assert logs.OUTPUT.errors == before


# -- Context ----------------------------------------------------------------------------


def test_lines_inside_a_span_carry_its_ids_and_lines_outside_carry_none(obs: Telemetry) -> None:
    log = obs.logger("a")
    with obs.tracer.span("outer"):
        log.info("in outer")
        with obs.tracer.span("inner"):
            log.info("in inner")
        log.info("in outer again")
    log.info("outside")
    spans = dict(obs.store.rows("SELECT name, (trace_id, span_id) FROM spans"))
    found = {row["event"]: (row["trace_id"], row["span_id"]) for row in rows(obs)}
    assert found == {
        "in outer": spans["outer"],
        "in inner": spans["inner"],
        "in outer again": spans["outer"],
        "outside": (None, None),
    }
    assert spans["inner"][0] == spans["outer"][0]


def test_bound_fields_and_ids_follow_tasks_gather_and_threads(obs: Telemetry) -> None:
    log = obs.logger("a")

    async def request(name: str) -> None:
        with structlog.contextvars.bound_contextvars(request=name), obs.tracer.span(name):
            log.info("begin")
            await obs.clock.sleep(1)
            await asyncio.gather(*(part(n) for n in range(3)))
            await asyncio.create_task(part(3))
            await asyncio.to_thread(log.info, "to_thread")
            thread = threading.Thread(
                target=contextvars.copy_context().run, args=(log.info, "copy_context")
            )
            thread.start()
            thread.join()
        log.info("after")

    async def part(number: int) -> None:
        await obs.clock.sleep(0.1 * number)
        log.info("part", number=number)

    async def main() -> None:
        await asyncio.gather(request("one"), request("two"))

    asyncio.run(main())
    spans = dict(obs.store.rows("SELECT name, (trace_id, span_id) FROM spans"))
    inside = [row for row in rows(obs) if row["event"] != "after"]
    assert Counter(row["fields"]["request"] for row in inside) == {"one": 7, "two": 7}
    for row in inside:
        assert (row["trace_id"], row["span_id"]) == spans[row["fields"]["request"]]
    after = [row for row in rows(obs) if row["event"] == "after"]
    assert [(row["trace_id"], row["fields"]) for row in after] == [(None, {})] * 2


def test_fields_bound_to_a_logger_are_on_its_lines_only(obs: Telemetry) -> None:
    log = obs.logger("a")
    bound = log.bind(session_id="s1", turn=1)
    bound.info("x", turn=2)
    log.info("y")
    assert [(row["logger"], row["fields"]) for row in rows(obs)] == [
        ("a", {"session_id": "s1", "turn": 2}),
        ("a", {}),
    ]


# -- Names that clash -------------------------------------------------------------------


@pytest.mark.parametrize("name", CLASHES)
def test_no_field_name_raises_or_gets_lost(out: Output, name: str) -> None:
    out.ids = ("a" * 32, "b" * 16)
    StructuredLogger("outline").log_agent_action("acted", **{name: "kept", "other": 1})
    line = out.last()
    assert (line["level"], line["logger"], line["event"]) == ("info", "outline", "acted")
    assert (line["trace_id"], line["span_id"]) == out.ids
    assert line["timestamp"] == "2026-01-05T08:00:00.000000Z"
    assert line["fields"].pop("other") == 1
    assert list(line["fields"].values()) == ["kept"]
    (found,) = line["fields"]
    assert found.rstrip("_") == name.rstrip("_")
    assert len(out.lines) == 1


@pytest.mark.parametrize("name", CLASHES)
def test_no_field_name_raises_before_start(name: str) -> None:
    logs.OUTPUT.processors.clear()  # as in a new process
    action, before = StructuredLogger("outline").log_agent_action, logs.OUTPUT.errors
    assert action("acted", **{name: "lost"}) is None
    assert logs.OUTPUT.errors == before
    got: list[bytes] = []
    logs.configure(sinks=(got.append,))
    assert action("acted", **{name: "kept"}) is None
    assert len(got) == 1


def test_all_clashing_names_at_once_are_all_kept_apart(out: Output) -> None:
    fields = {name: f"value of {name}" for name in CLASHES}
    get_logger("a").info("all", 1, **fields)
    line = out.last()
    kept = list(line["fields"].values())
    assert sorted(map(str, kept)) == sorted([*fields.values(), "[1]"])
    assert (line["level"], line["logger"], line["event"]) == ("info", "a", "all")


@pytest.mark.parametrize(
    "odd", [(1, 2, 3), (None, None, None), "text", 5, object(), [ValueError], {"a": 1}, Hostile()]
)
def test_an_odd_exc_info_is_kept_as_a_field(out: Output, odd: Any) -> None:
    get_logger("a").error("x", exc_info=odd, other=1)
    line = out.last()
    assert line["event"] == "x"
    assert line["fields"].pop("other") == 1
    assert list(line["fields"]) == ["exc_info_"]


@pytest.mark.parametrize("empty", [None, True, False])
def test_exc_info_without_an_exception_adds_nothing(out: Output, empty: Any) -> None:
    get_logger("a").info("x", exc_info=empty)
    assert out.last()["fields"] == {}
    get_logger("a").exception("y")
    assert (out.last()["level"], out.last()["fields"]) == ("error", {})
    assert len(out.lines) == 2


def test_the_outlines_logger_logs_an_action_with_its_fields(out: Output) -> None:
    StructuredLogger("travel-desk").log_agent_action("tool_call", tool="weather", ms=12)
    line = out.last()
    assert (line["level"], line["logger"], line["event"]) == ("info", "travel-desk", "tool_call")
    assert line["fields"] == {"tool": "weather", "ms": 12}


# -- Positional arguments ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "args", "text"),
    [
        ("%s took %d ms", ("search", 12), "search took 12 ms"),
        ("%5.1f%%", (99.5,), " 99.5%"),
        ("100% sure", (), "100% sure"),
        ("%s", ((1, 2),), "(1, 2)"),
    ],
)
def test_positional_arguments_are_put_into_the_text(
    out: Output, event: str, args: tuple[Any, ...], text: str
) -> None:
    get_logger("a").info(event, *args)
    assert (out.last()["event"], out.last()["fields"]) == (text, {})


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("no place", (1,)),
        ("%s and %s", (1,)),
        ("%d", ("x",)),
        ("%d", (float("inf"),)),
        ("%c", (10**10,)),
        ("%(name)s", (1,)),
        ("%", (1,)),
        ("%y", (1,)),
        ("%s", (Hostile(),)),
    ],
)
def test_positional_arguments_that_do_not_fit_are_kept_beside_the_text(
    out: Output, event: str, args: tuple[Any, ...]
) -> None:
    get_logger("a").info(event, *args, args_="mine")
    line = out.last()
    assert line["event"] == event
    assert line["fields"].pop("args_") == "mine"
    (kept,) = line["fields"]["args__"]
    assert str(kept) in ("1", "x", "inf", str(10**10), "[Hostile: repr raised RuntimeError]")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (None, "None"),
        (42, "42"),
        (b"x", "b'x'"),
        ("", ""),
        (ValueError("bad"), "bad"),
        (Hostile(), "[Hostile: repr raised RuntimeError]"),
        ("\ud800", "\\ud800"),
    ],
)
def test_an_event_of_any_type_becomes_text(out: Output, event: Any, text: str) -> None:
    get_logger("a").info(event, kept=1)
    assert (out.last()["event"], out.last()["fields"]) == (text, {"kept": 1})


# -- Exceptions -------------------------------------------------------------------------


def fails(number: int) -> float:
    not_for_the_log = "a local value 8d1f"
    return number / (len(not_for_the_log) - len(not_for_the_log))


def test_an_exception_becomes_a_structured_traceback_without_locals(out: Output) -> None:
    log = get_logger("a")
    try:
        try:
            fails(1)
        except ZeroDivisionError as error:
            raise LookupError("wrapped") from error
    except LookupError:
        log.exception("it failed", step=3)
    line = out.last()
    assert line["level"] == "error"
    assert line["fields"].pop("step") == 3
    (stacks,) = line["fields"].values()
    assert [(s["exc_type"], s["exc_value"]) for s in stacks] == [
        ("LookupError", "wrapped"),
        ("ZeroDivisionError", "division by zero"),
    ]
    frames = stacks[1]["frames"]
    assert frames[-1]["name"] == "fails"
    assert Path(frames[-1]["filename"]).name == "test_logs.py"
    assert not any("locals" in frame for stack in stacks for frame in stack["frames"])
    assert "8d1f" not in json.dumps(stacks)


class NoMessage(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("given"), "ValueError"),
        (NoMessage(), "NoMessage"),
        (ExceptionGroup("many", [ValueError(1), NoMessage()]), "ExceptionGroup"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: (type(e), e, e.__traceback__)])
def test_an_exception_can_be_given_as_itself_or_as_a_tuple(
    out: Output, error: BaseException, kind: str, wrap: Any
) -> None:
    get_logger("a").warning("x", exc_info=wrap(error), exception="a field of mine")
    fields = out.last()["fields"]
    assert fields.pop("exception") == "a field of mine"
    (stacks,) = fields.values()
    assert stacks[0]["exc_type"] == kind


def test_an_exception_that_is_its_own_cause_ends(out: Output) -> None:
    error = ValueError("ring")
    error.__cause__ = error
    get_logger("a").error("x", exc_info=error)
    assert [s["exc_value"] for s in out.last()["fields"]["exception"]] == ["ring"]


# -- Forgery ----------------------------------------------------------------------------

FORGED = 'ok\n{"timestamp":"2020-01-01T00:00:00Z","level":"critical","event":"forged"}\r\n\x1b[31m'


def test_newlines_in_event_field_key_or_logger_name_forge_no_line(tmp_path: Path) -> None:
    path = tmp_path / "agent.jsonl"
    obs = obs_helpers.start(file=path, clock=VirtualClock())
    log = get_logger(FORGED)
    log.info(FORGED, **{"field": FORGED, FORGED: 1, "nested": {FORGED: [FORGED]}})
    log.info("%s", FORGED)
    log.info("x", exc_info=ValueError(FORGED))
    text = path.read_bytes()
    assert b"\x1b" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["level"] for line in lines] == ["info"] * 3
    assert [line["logger"] for line in lines] == [FORGED] * 3
    assert [line["event"] for line in lines] == [FORGED, FORGED, "x"]
    assert lines[0]["nested"] == {FORGED: [FORGED]}
    assert len(rows(obs)) == 3


def test_a_field_cannot_pretend_to_be_the_envelope(obs: Telemetry) -> None:
    forged = {"trace_id": "f" * 32, "span_id": "f" * 16, "logger": "root", "timestamp": "2020"}
    with structlog.contextvars.bound_contextvars(level="critical", logger_name="bound"):
        obs.logger("a").bind(span_id="0").info("x", logger_name="other", **forged)
    line = last(obs)
    assert (line["level"], line["logger"], line["trace_id"]) == ("info", "a", None)
    assert line["time"].year == 2026
    assert line["fields"]["trace_id_"] == "f" * 32
    assert line["fields"]["logger_name_"] == "other"
    assert line["fields"]["level_"] == "critical"


# -- Property ---------------------------------------------------------------------------

TEXT = st.text(st.characters(codec=None), max_size=12)
NAMES = st.sampled_from(CLASHES) | TEXT
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.binary(max_size=5)
    | st.builds(Hostile)
    | st.builds(ValueError, TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


def test_any_fields_make_exactly_one_line_with_its_ids(obs: Telemetry) -> None:
    log = obs.logger("a")

    @given(st.dictionaries(NAMES, VALUES, max_size=8), TEXT, st.lists(VALUES, max_size=2))
    @example({"exc_info": (1, 2, 3), "args_": 1}, "%s %s", [None])
    @example({"event": "x", "event_": "y", "level": 1, "level_": 2}, "\n", [])
    def check(fields: dict[str, Any], event: str, args: list[Any]) -> None:
        before, errors = obs.store.rows("SELECT count(*) FROM logs"), logs.OUTPUT.errors
        with obs.tracer.span("step") as span:
            log.info(event, *args, **fields)
            ids = span.get_span_context()
        found = obs.store.rows(
            "SELECT level, logger, trace_id, span_id, fields FROM logs OFFSET ?", before[0]
        )
        (line,) = found
        assert line[:2] == ("info", "a")
        assert line[2:4] == (f"{ids.trace_id:032x}", f"{ids.span_id:016x}")
        kept = len(json.loads(line[4]))
        lost = {"exc_info"} if fields.get("exc_info") in (None, True, False) else set()
        assert kept >= len(fields.keys() - lost)
        assert logs.OUTPUT.errors == errors

    check()


# -- Where lines go ---------------------------------------------------------------------


def test_the_console_prints_where_the_calling_code_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    obs = obs_helpers.start(console=True)
    obs.logger("a").info("first")
    assert json.loads(capsys.readouterr().out)["event"] == "first"
    other, original = _Tray(), sys.stdout
    sys.stdout = other  # as a notebook does for each cell
    try:
        obs.logger("a").info("second")
    finally:
        sys.stdout = original
    assert json.loads("".join(other.written))["event"] == "second"
    assert capsys.readouterr().out == ""


class _Tray:
    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str) -> None:
        self.written.append(text)

    def flush(self) -> None: ...


def test_nothing_is_printed_unless_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    get_logger("early").info("before start")
    obs = obs_helpers.start()
    obs.logger("a").info("while running")
    obs_helpers.shutdown()
    obs.logger("a").info("afterwards")
    get_logger("late").info("afterwards")
    assert capfd.readouterr() == ("", "")


def test_a_sink_that_fails_is_counted_and_the_others_get_the_line() -> None:
    got: list[bytes] = []

    def broken(line: bytes) -> None:
        raise OSError("disk full")

    logs.configure(clock=VirtualClock(), sinks=(broken, got.append))
    before = logs.OUTPUT.errors
    get_logger("a").info("x")
    get_logger("a").info("y")
    assert [json.loads(line)["event"] for line in got] == ["x", "y"]
    assert logs.OUTPUT.errors == before + 2


def test_a_redactor_that_fails_lets_nothing_through_and_the_line_keeps_its_place() -> None:
    def broken(text: str) -> bool:
        raise LookupError(text)

    shape = re.compile("secret")
    redact = obs_helpers.Redactor([Rule("XX", shape, broken)])
    obs = obs_helpers.start(redact=redact, clock=VirtualClock(), seed=2)
    with obs.tracer.span("step"):
        obs.logger("a").info("a secret in the text", field="secret")
    line = last(obs)
    assert "secret" not in str(line)
    assert line["level"] == "info"
    assert line["time"] == datetime(2026, 1, 5, 8)  # noqa: DTZ001
    spans = obs.store.rows("SELECT trace_id, span_id FROM spans")
    assert [(line["trace_id"], line["span_id"])] == spans


def test_a_chain_that_fails_still_writes_a_line_and_counts() -> None:
    got: list[bytes] = []

    def broken() -> None:
        raise OSError("no ids")

    logs.configure(clock=VirtualClock(), sinks=(got.append,), current_ids=broken)
    before = logs.OUTPUT.errors
    get_logger("a").error("somebody@example.org", other=1)
    assert logs.OUTPUT.errors == before + 1
    assert json.loads(got[0]) == {
        "timestamp": "2026-01-05T08:00:00.000000Z",
        "level": "error",
        "event": "log call failed: OSError",
    }


# -- Loggers live longer than the telemetry ---------------------------------------------


def test_a_logger_made_and_used_before_start_writes_to_the_telemetry_that_runs() -> None:
    made, used = get_logger("made"), get_logger("used")
    bound, outline = get_logger("bound").bind(a=1), StructuredLogger("outline")
    used.info("too early")
    for number in (1, 2):
        obs = obs_helpers.start(service=f"run {number}")
        made.info("x")
        used.info("x")
        bound.info("x")
        outline.log_agent_action("x")
        assert [row["logger"] for row in rows(obs)] == ["made", "used", "bound", "outline"]
        assert rows(obs)[2]["fields"] == {"a": 1}
        obs_helpers.shutdown()
        used.info("in between")
    assert len(rows(obs)) == 4


def test_a_used_logger_takes_the_new_level_redactor_and_clock() -> None:
    log = obs_helpers.start().logger("a")
    log.debug("hidden")
    log.info("somebody@example.org")
    obs = obs_helpers.start(level="debug", redact=False, clock=VirtualClock())
    log.debug("somebody@example.org")
    (line,) = rows(obs)
    assert (line["level"], line["event"], line["time"].year) == (
        "debug",
        "somebody@example.org",
        2026,
    )
    assert line["time"].hour == 8


def test_other_peoples_structlog_loggers_write_to_the_store_too(obs: Telemetry) -> None:
    structlog.get_logger().info("from a library", event_id=5)
    line = last(obs)
    assert (line["logger"], line["event"]) == ("root", "from a library")
    assert line["fields"] == {"event_id": 5}


# -- The buffer -------------------------------------------------------------------------


def test_a_full_buffer_counts_what_finds_no_room_and_takes_more_once_emptied() -> None:
    buffer = sinks.LineBuffer(limit=3)
    logs.configure(clock=VirtualClock(), sinks=(buffer.write,))
    log = get_logger("a")
    for number in range(5):
        log.info("x", number=number)
    assert (len(buffer), buffer.dropped) == (3, 2)
    assert [json.loads(row[-1])["number"] for row in buffer.drain()] == [0, 1, 2]
    assert (len(buffer), buffer.drain()) == (0, [])
    log.info("x", number=5)
    assert (len(buffer), buffer.dropped) == (1, 2)


def test_a_few_long_lines_fill_the_buffer_too_and_short_ones_still_fit() -> None:
    buffer = sinks.LineBuffer()
    long, short = (
        b'{"timestamp":"2026-01-05T09:00:00Z","event":"%s"}' % (b"x" * size) for size in (10**6, 1)
    )
    for _ in range(2):
        for _ in range(100):
            buffer.write(long)
        buffer.write(short)
        kept = MAX_WAITING_TEXT // len(long)
        assert (len(buffer.drain()), buffer.dropped) == (kept + 1, 100 - kept)
        buffer.dropped = 0
