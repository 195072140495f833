"""`start()` and what hangs on it: options, globals, ways out of the process, the end."""

import asyncio
import importlib
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog
from opentelemetry import metrics as otel_metrics
from opentelemetry import trace

import obs_helpers
from obs_helpers import Redactor, Store, StoreError, SystemClock, Telemetry, VirtualClock
from obs_helpers.agent.errors import ModelTimeout
from obs_helpers.options import Options

ROOT = Path(__file__).parents[1]
WEATHER = "What is the weather in Oslo?"
EMAIL = "someone@example.org"


def run_python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def names(obs: Telemetry) -> list[str]:
    return [name for (name,) in obs.store.rows("SELECT name FROM spans ORDER BY start_time, name")]


def events(obs: Telemetry) -> list[str]:
    return [event for (event,) in obs.store.rows("SELECT event FROM logs ORDER BY time")]


# -- Start, again, and end -----------------------------------------------------------------


def test_starting_again_gives_the_same_handle_and_changes_nothing(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4, service="desk")
    with obs.tracer.span("first"):
        again = obs_helpers.start(clock=clock, seed=4, service="desk")
        assert again is obs
        assert obs_helpers.current() is obs
        with again.tracer.span("second"):
            again.logger("test").info("once")
    assert names(obs) == ["first", "second"]
    assert events(obs) == ["once"]
    captured = capfd.readouterr()
    assert (captured.out, captured.err, caplog.records) == ("", "", [])


def test_a_redactor_made_again_is_the_same_option() -> None:
    obs = obs_helpers.start(redact=Redactor([str.split], b"key"))
    assert obs_helpers.start(redact=Redactor([str.split], b"key")) is obs
    for other in (Redactor([str.split], b"other"), Redactor(hash_key=b"key")):
        assert obs_helpers.start(redact=other) is not obs


def test_other_options_give_a_new_handle_and_end_the_old_one() -> None:
    old = obs_helpers.start(service="old")
    log = old.logger("test")
    log.info("to the old one")
    new = obs_helpers.start(service="new")
    assert new is not old
    assert (old.running, new.running) == (False, True)
    log.info("to the new one")
    with trace.get_tracer("test").start_as_current_span("work"):
        pass
    assert (events(old), events(new)) == (["to the old one"], ["to the new one"])
    assert (names(old), names(new)) == ([], ["work"])
    assert new.store.rows("SELECT service FROM spans") == [("new",)]


def test_another_clock_is_another_option() -> None:
    first = obs_helpers.start(clock=VirtualClock())
    assert obs_helpers.start(clock=VirtualClock()) is not first


def test_shutdown_can_be_called_any_number_of_times() -> None:
    obs_helpers.shutdown()
    obs = obs_helpers.start()
    obs.logger("test").info("kept")
    for _ in range(2):
        obs.shutdown()
        obs_helpers.shutdown()
    assert not obs.running
    assert events(obs) == ["kept"]
    with pytest.raises(RuntimeError, match=r"call obs_helpers\.start\(\) first"):
        obs_helpers.current()


def test_an_old_handle_shut_down_late_does_not_stop_the_new_one() -> None:
    old = obs_helpers.start(service="old")
    new = obs_helpers.start(service="new")
    old.shutdown()
    new.logger("test").info("still here")
    with trace.get_tracer("test").start_as_current_span("work"):
        pass
    assert (events(new), names(new)) == (["still here"], ["work"])


def test_after_shutdown_what_was_global_is_given_back() -> None:
    before = structlog.get_config()
    early_tracer = trace.get_tracer("early")
    obs = obs_helpers.start()
    log = obs.logger("test")
    log.info("in use")
    assert structlog.is_configured()
    obs.shutdown()
    assert not structlog.is_configured()
    assert structlog.get_config().keys() == before.keys()
    for name, value in structlog.get_config().items():
        assert value == before[name], name
    for tracer in (early_tracer, trace.get_tracer("late")):
        with tracer.start_as_current_span("nowhere") as span:
            assert not span.is_recording()
    otel_metrics.get_meter("late").create_counter("nowhere").add(1)
    log.info("nowhere")
    assert (names(obs), events(obs)) == ([], ["in use"])
    again = obs_helpers.start()
    with early_tracer.start_as_current_span("here again"):
        log.info("here again")
    assert (names(again), events(again)) == (["here again"], ["here again"])


def test_no_thread_outlives_the_telemetry() -> None:
    before = set(threading.enumerate())
    obs = obs_helpers.start(collect_s=3600)
    assert set(threading.enumerate()) > before
    obs.shutdown()
    assert set(threading.enumerate()) == before


def test_the_handle_says_what_was_changed_from_the_defaults() -> None:
    obs = obs_helpers.start(service="desk", sampling=0.5)
    assert repr(obs) == "<Telemetry running service='desk' sampling=0.5>"
    obs.shutdown()
    assert repr(obs) == "<Telemetry stopped service='desk' sampling=0.5>"


def test_a_store_of_ones_own_is_used_and_stays_open(tmp_path: Path) -> None:
    mine = Store(tmp_path / "mine.duckdb")
    for service in ("one", "two"):
        obs = obs_helpers.start(store=mine, service=service)
        with obs.tracer.span("work"):
            pass
        obs.shutdown()
    assert mine.rows("SELECT service FROM spans ORDER BY service") == [("one",), ("two",)]
    mine.close()


def test_a_store_closed_too_early_does_not_keep_anything_running() -> None:
    obs = obs_helpers.start(store=Store())
    obs.store.close()
    obs.logger("test").info("lost")
    obs.shutdown()
    assert not structlog.is_configured()
    assert events(obs_helpers.start()) == []


# -- Options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("service", "", "a name"),
        ("level", "loud", "one of debug, info, warning, error, critical"),
        ("level", 20, "one of debug"),
        ("level", [1], "one of debug"),
        ("sampling", 1.5, "a share from 0 to 1"),
        ("sampling", -0.1, "a share from 0 to 1"),
        ("sampling", float("nan"), "a share from 0 to 1"),
        ("sampling", "all", "a share from 0 to 1"),
        ("sampling", True, "a share from 0 to 1"),
        ("file_bytes", 0, "a whole number above 0"),
        ("file_bytes", 5_000, "file=… as well: file_bytes needs it"),
        ("file_backups", 2, "file=… as well: file_backups needs it"),
        ("file_every", timedelta(1), "file=… as well: file_every needs it"),
        ("file_max_age", timedelta(1), "file=… as well: file_max_age needs it"),
        ("file_compress", True, "file=… as well: file_compress needs it"),
        ("file_backups", -1, "a whole number above 0"),
        ("max_rows", 1.5, "a whole number above 0"),
        ("max_rows", "many", "a whole number above 0"),
        ("file_bytes", True, "a whole number above 0"),
        ("max_rows", True, "a whole number above 0"),
        ("prometheus_port", True, "a port, 0 to 65535"),
        ("store", "", "a path or a Store"),
        ("store", 5, "a path or a Store"),
        ("collect_s", float("inf"), "seconds above 0"),
        ("collect_s", 0, "seconds above 0"),
        ("collect_s", "often", "seconds above 0"),
        ("prometheus_port", -1, "a port, 0 to 65535"),
        ("prometheus_port", 70_000, "a port, 0 to 65535"),
        ("prometheus_port", "9464", "a port, 0 to 65535"),
        ("otlp", "localhost:4318", "an address such as 'http://localhost:4318'"),
        ("otlp", 4318, "an address such as"),
        ("otlp", "http://", "an address with a host"),
        ("otlp", "http://a b", "an address with a host"),
        ("otlp", "http://[::1", "an address with a host"),
        ("otlp", "http://localhost:99999", "a port from 1 to 65535"),
        ("otlp", "http://localhost:0", "a port from 1 to 65535"),
        ("otlp", "http://localhost:4318/v1/traces", "no /v1/… path"),
        ("otlp", "http://localhost:4318/v1/logs/", "no /v1/… path"),
        ("retention", timedelta(0), "a timedelta above zero"),
        ("retention", 7, "a timedelta above zero"),
        ("console", "no", "True or False"),
        ("capture_content", "no", "True or False"),
        ("redact", None, "True, False or a Redactor"),
        ("redact", "yes", "True, False or a Redactor"),
        ("file", "/no/such/agent.log", "another path, or create '/no/such' first"),
        ("file", "no_logs/agent.log", "/no_logs' first"),
        ("file", "/", "the path of a file: this is a folder"),
        ("file", 5, "a path, such as 'agent.log'"),
        ("file", True, "a path, such as 'agent.log'"),
        ("file", ["a"], "a path, such as 'agent.log'"),
    ],
)
def test_a_wrong_option_is_an_error_with_its_value_and_a_remedy(
    name: str, value: Any, remedy: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name}={value!r} does not work; give ")) as no:
        obs_helpers.start(**{name: value})
    assert remedy in str(no.value)
    with pytest.raises(RuntimeError):
        obs_helpers.current()


def test_a_store_that_is_given_has_its_own_limit() -> None:
    with pytest.raises(ValueError, match=r"max_rows=10 does not work; give it to the store"):
        obs_helpers.start(store=Store(), max_rows=10)
    assert obs_helpers.start(store=Store(max_rows=10), max_rows=10).running


@pytest.mark.parametrize(
    "otlp",
    ["http://[::1]:4318/", "https://user:pass@desk.example.org/api/v1/otlp", "http://host:65535"],
)
def test_an_endpoint_that_can_be_is_let_through(otlp: str) -> None:
    assert Options(otlp=otlp).otlp == otlp


def test_a_wrong_option_leaves_what_is_running_alone() -> None:
    running = obs_helpers.start()
    with pytest.raises(ValueError, match="level"):
        obs_helpers.start(level="loud")
    with pytest.raises(TypeError, match="no option 'levle'"):
        obs_helpers.start(levle="info")
    assert obs_helpers.current() is running
    running.logger("test").info("still here")
    assert events(running) == ["still here"]


def test_telemetry_that_cannot_start_leaves_what_is_running_alone(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.prometheus")
    file = tmp_path / "agent.log"
    running = obs_helpers.start(store=tmp_path / "t.duckdb", prometheus_port=0, file=file)
    taken = urlsplit(running.prometheus_url).port
    for options in ({"store": tmp_path / "no" / "t.duckdb"}, {"prometheus_port": taken}):
        with pytest.raises((StoreError, ValueError)) as no:
            obs_helpers.start(file=file, **options)
        assert not hasattr(no.value, "__notes__")
        assert obs_helpers.current() is running
    running.logger("test").info("still here")
    with trace.get_tracer("test").start_as_current_span("work"):
        pass
    assert (events(running), names(running)) == (["still here"], ["work"])
    assert "still here" in file.read_text()
    assert Page(running.prometheus_url).value("agent_requests_active") == 0


def test_the_store_and_the_port_that_are_in_use_can_be_kept(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.prometheus")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for store in (Store(), tmp_path / "t.duckdb", str(tmp_path / "t.duckdb")):
        for service in ("one", "two"):
            obs = obs_helpers.start(service=service, store=store, prometheus_port=port)
            obs.logger("test").info(service)
        assert events(obs)[-2:] == ["one", "two"]
        assert Page(obs.prometheus_url).value("agent_requests_active") == 0


def test_an_error_after_the_old_telemetry_had_to_stop_says_that_nothing_runs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.duckdb"
    obs_helpers.start(store=path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ValueError, match="prometheus_port") as no:
            obs_helpers.start(store=path, prometheus_port=taken.getsockname()[1])
    (note,) = no.value.__notes__
    assert note == "no telemetry is running now; call obs_helpers.start() again"
    with pytest.raises(RuntimeError):
        obs_helpers.current()
    assert obs_helpers.start(store=path).running


def test_an_option_that_is_not_there_is_an_error_with_the_list_of_those_that_are() -> None:
    with pytest.raises(TypeError, match="no option 'sevice'; it has service, store, clock, seed"):
        obs_helpers.start(sevice="desk")
    with pytest.raises(RuntimeError):
        obs_helpers.current()


def test_a_store_that_cannot_be_opened_leaves_no_telemetry_behind(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 1000)
    threads = set(threading.enumerate())
    with pytest.raises(StoreError, match=r"notes\.txt"):
        obs_helpers.start(store=tmp_path / "notes.txt")
    with pytest.raises(RuntimeError):
        obs_helpers.current()
    assert set(threading.enumerate()) == threads
    assert obs_helpers.start().running


MISSING = """
import sys
option, value, blocked, path = sys.argv[1:]
class Blocker:
    def find_spec(self, name, *_):
        if name == blocked or name.startswith(blocked + "."):
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Blocker())
import obs_helpers
try:
    obs_helpers.start(store=path, **{option: int(value) if value.isdigit() else value})
except ImportError as error:
    print(error)
obs_helpers.Store(path).close()  # nobody has it open
obs = obs_helpers.start()
print(obs)
"""


@pytest.mark.parametrize(
    ("option", "value", "blocked", "line"),
    [
        ("prometheus_port", "0", "prometheus_client",
         "opentelemetry-exporter-prometheus=={beta}"),
        ("otlp", "http://127.0.0.1:9", "opentelemetry.exporter",
         "opentelemetry-exporter-otlp-proto-http=={sdk}"),
    ],
)  # fmt: skip
def test_a_missing_package_is_an_error_with_the_line_that_installs_it(
    option: str, value: str, blocked: str, line: str, tmp_path: Path
) -> None:
    ended = run_python(MISSING, option, value, blocked, tmp_path / "t.duckdb")
    # The SDK brings the semantic conventions of its own release, as the exporters do.
    wanted = line.format(
        beta=version("opentelemetry-semantic-conventions"), sdk=version("opentelemetry-sdk")
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [
        f"this option needs one more package: pip install {wanted}",
        "<Telemetry running>",
    ]


def test_lines_go_to_the_console_and_the_file_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.log"
    obs = obs_helpers.start(console=True, file=file, level="warning")
    log = obs.logger("test")
    log.debug("no")
    log.info("no")
    log.warning("mind", n=1)
    log.error("stop", mail=f"write to {EMAIL}")
    printed = capsys.readouterr().out
    assert printed == file.read_text()
    assert [json.loads(line)["event"] for line in printed.splitlines()] == ["mind", "stop"]
    assert events(obs) == ["mind", "stop"]
    assert "write to [EMAIL]" in printed
    assert EMAIL not in printed


def test_the_log_file_may_be_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    obs_helpers.start(file="~/agent.log").logger("test").info("at home")
    assert "at home" in (tmp_path / "agent.log").read_text()


def test_nothing_is_printed_and_no_file_is_made_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    obs = obs_helpers.start()
    obs.logger("test").critical("quiet")
    obs.shutdown()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_without_redaction_everything_is_kept_as_it_is() -> None:
    obs = obs_helpers.start(redact=False)
    obs.logger("test").info("hello", mail=EMAIL)
    assert obs.store.rows("SELECT fields->>'mail' FROM logs") == [(EMAIL,)]


def test_a_redactor_of_ones_own_is_used_and_counts_what_it_found() -> None:
    redactor = Redactor(hash_key=b"key")
    obs = obs_helpers.start(redact=redactor)
    obs.logger("test").info("hello", mail=EMAIL)
    ((mail,),) = obs.store.rows("SELECT fields->>'mail' FROM logs")
    assert re.fullmatch(r"\[EMAIL:[0-9a-f]{8}\]", mail)
    assert redactor.found["EMAIL"] == 1


def test_retention_forgets_what_is_too_old() -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, retention=timedelta(hours=1), collect_s=600)
    for n in range(4):
        with obs.tracer.span(f"hour {n}"):
            obs.logger("test").info(f"hour {n}")
        clock.advance(3600)
    assert (names(obs), events(obs)) == (["hour 3"], ["hour 3"])
    counted = obs.store.stats().set_index("table")
    assert counted["evicted"]["spans"] == counted["evicted"]["logs"] == 3
    ((oldest,),) = obs.store.rows("SELECT min(time) FROM metric_points")
    assert oldest.hour == 11


def test_without_sampling_logs_and_metrics_are_whole() -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, sampling=0)
    agent, _ = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    for _ in range(5):
        asyncio.run(agent.process(WEATHER))
    obs.flush()
    assert names(obs) == []
    assert events(obs) == ["run finished"] * 5
    assert obs.store.rows("SELECT count(DISTINCT trace_id) FROM logs") == [(5,)]
    assert obs.store.rows("SELECT sum(value) FROM metric_points WHERE name = 'agent.requests'") == [
        (5,)
    ]
    assert agent.hook_errors == {}


def test_sampling_keeps_or_drops_whole_traces() -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, sampling=0.5, seed=4)
    agent, _ = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    for _ in range(60):
        asyncio.run(agent.process(WEATHER))
    kept = obs.store.rows("SELECT count(*) FROM spans GROUP BY trace_id")
    assert set(kept) == {(4,)}
    assert 15 <= len(kept) <= 45  # four standard deviations around 30


def planted(obs: Telemetry) -> str:
    obs.flush()
    return "".join(
        repr(obs.store.rows(f"FROM {table}")) for table in ("spans", "logs", "metric_points")
    )


def test_prompts_are_nowhere_unless_their_capture_is_switched_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = VirtualClock()
    file = tmp_path / "agent.log"
    options = {"clock": clock, "console": True, "file": file, "level": "debug"}
    obs = obs_helpers.start(**options)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    prompt = f"My codeword is xylophone and my address {EMAIL}. {WEATHER}"

    async def ask() -> None:
        faults.rates.clear()
        await agent.process(prompt)
        faults.set("tool_error", 1)
        await agent.process(prompt)
        faults.set("timeout", 1)
        with pytest.raises(ModelTimeout):
            await agent.process(prompt)

    asyncio.run(ask())
    everything = planted(obs) + file.read_text() + capsys.readouterr().out
    assert "run finished" in everything
    assert "xylophone" not in everything
    assert "Oslo" not in everything

    obs = obs_helpers.start(**options, capture_content=True)
    obs_helpers.instrument(agent)
    asyncio.run(ask())
    everything = planted(obs) + file.read_text() + capsys.readouterr().out
    assert "My codeword is xylophone and my address [EMAIL]. What is the weather" in everything
    assert EMAIL not in everything


# -- The standard OpenTelemetry API --------------------------------------------------------


def test_spans_and_metrics_of_the_standard_api_land_in_the_store() -> None:
    tracer = trace.get_tracer(__name__)
    obs = obs_helpers.start()
    with tracer.start_as_current_span("outer", attributes={"size": 3}) as outer:
        obs.logger("test").info("inside")
        with obs.tracer.span("ours"), trace.get_tracer("late").start_as_current_span("inner"):
            pass
        with pytest.raises(ZeroDivisionError), tracer.start_as_current_span("fails"):
            1 / 0  # noqa: B018
    otel_metrics.get_meter(__name__).create_counter("things").add(2, {"kind": "a"})
    obs.flush()
    trace_id = f"{outer.get_span_context().trace_id:032x}"
    assert obs.store.rows(
        "SELECT child.name, parent.name, child.status, child.trace_id FROM spans child "
        "LEFT JOIN spans parent ON child.parent_id = parent.span_id ORDER BY child.name"
    ) == [
        ("fails", "outer", "ERROR", trace_id),
        ("inner", "ours", "UNSET", trace_id),
        ("ours", "outer", "UNSET", trace_id),
        ("outer", None, "UNSET", trace_id),
    ]
    assert obs.store.rows("SELECT attributes->>'size' FROM spans WHERE name = 'outer'") == [("3",)]
    assert obs.store.rows(
        "SELECT events->>'$[0].attributes.\"exception.type\"' FROM spans WHERE name = 'fails'"
    ) == [("ZeroDivisionError",)]
    assert obs.store.rows("SELECT trace_id FROM logs") == [(trace_id,)]
    assert obs.store.rows(
        "SELECT value, labels->>'kind' FROM metric_points WHERE name = 'things'"
    ) == [(2, "a")]


def test_a_span_of_the_standard_api_is_visible_while_it_runs() -> None:
    obs = obs_helpers.start()
    with trace.get_tracer(__name__).start_as_current_span("long"):
        assert obs.store.rows("SELECT name, status, end_time FROM spans") == [
            ("long", "RUNNING", None)
        ]
    assert obs.store.rows("SELECT name, status FROM spans") == [("long", "UNSET")]


# -- The end of the process ----------------------------------------------------------------

CHILD = """
import asyncio, sys
import obs_helpers
store, file, end = sys.argv[1:]
clock = obs_helpers.VirtualClock()
obs = obs_helpers.start(store=store, file=file, clock=clock, seed=4)
agent, faults = obs_helpers.travel_desk(clock)
obs_helpers.instrument(agent)
for _ in range(3):
    asyncio.run(agent.process("What is the weather in Oslo?"))
obs_helpers.metrics.increment("children", 7)
obs.logger("child").info("last words")
if end == "raise":
    raise KeyError("unhandled")
sys.exit(int(end))
"""


@pytest.mark.parametrize("end", ["3", "raise"])
def test_a_process_that_ends_without_shutdown_loses_nothing(end: str, tmp_path: Path) -> None:
    path, file = tmp_path / "t.duckdb", tmp_path / "agent.log"
    ended = run_python(CHILD, path, file, end)
    assert ended.stdout == ""
    if end == "raise":
        assert ended.returncode == 1
        assert ended.stderr.endswith("KeyError: 'unhandled'\n")
        assert ended.stderr.count("Traceback") == 1
    else:
        assert ended.returncode == int(end)
        assert ended.stderr == ""
    store = Store(path)
    expected = ["run finished"] * 3 + ["last words"]
    assert [e for (e,) in store.rows("SELECT event FROM logs ORDER BY time")] == expected
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == expected
    assert store.rows("SELECT count(*), count(end_time) FROM spans") == [(12, 12)]
    assert store.rows("SELECT sum(value) FROM metric_points WHERE name = 'children'") == [(7,)]
    assert store.rows(
        "SELECT sum(sum) FROM metric_points WHERE name = 'agent.queries_per_session'"
    ) == [(3,)]
    store.close()


# -- Prometheus ----------------------------------------------------------------------------

OUTLINE = {
    "agent_requests_total": "counter",
    "agent_requests_active": "gauge",
    "agent_response_seconds": "histogram",
    "agent_tool_call_seconds": "histogram",
    "agent_errors_total": "counter",
    "agent_sessions_per_hour": "gauge",
    "agent_queries_per_session": "histogram",
    "agent_cost_per_session": "histogram",
    "agent_total_cost_dollars_total": "counter",
    "gen_ai_client_operation_duration_seconds": "histogram",
    "gen_ai_client_token_usage": "histogram",
    "gen_ai_invoke_agent_duration_seconds": "histogram",
    "gen_ai_execute_tool_duration_seconds": "histogram",
}


class Page:
    """What a scrape gave."""

    def __init__(self, url: str) -> None:
        parser = importlib.import_module("prometheus_client.parser")
        with urllib.request.urlopen(url, timeout=10) as response:
            self.text = response.read().decode()
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.MULTILINE))
        self.samples = [
            (sample.name, sample.labels, sample.value)
            for family in parser.text_string_to_metric_families(self.text)
            for sample in family.samples
        ]

    def value(self, name: str, **labels: str) -> float:
        """Return the one value under `name` whose labels, the scope's aside, are `labels`."""
        (found,) = (
            value
            for its_name, its_labels, value in self.samples
            if its_name == name
            # To Prometheus an empty label and none are the same.
            and {k: v for k, v in its_labels.items() if v and not k.startswith("otel_")} == labels
        )
        return float(found)

    def total(self, name: str) -> float:
        """Return the sum over all labels."""
        return float(sum(value for its_name, _, value in self.samples if its_name == name))


def test_prometheus_finds_all_metrics_under_the_outlines_names() -> None:
    pytest.importorskip("opentelemetry.exporter.prometheus")
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4, prometheus_port=0, service="desk")
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    session = obs_helpers.Session("s-1")

    async def runs() -> None:
        for _ in range(3):
            await agent.process(WEATHER, session)
        clock.advance(2400)  # now that session is over
        await agent.process("Tell me a joke.")
        faults.set("timeout", 1)
        with pytest.raises(ModelTimeout):
            await agent.process(WEATHER)

    asyncio.run(runs())
    page = Page(obs.prometheus_url)
    assert {name: page.types.get(name) for name in OUTLINE} == OUTLINE
    desk = {"gen_ai_agent_name": "travel-desk"}
    assert page.value("agent_requests_total", **desk, outcome="success") == 4
    assert page.value("agent_requests_total", **desk, outcome="error") == 1
    assert page.value("agent_errors_total", **desk, category="timeout") == 1
    assert page.value("agent_errors_total", **desk, category="api_error") == 0
    assert page.value("agent_requests_active") == 0
    assert page.value("agent_sessions_per_hour") == 3
    assert page.value("agent_queries_per_session_count") == 1
    assert page.value("agent_queries_per_session_sum") == 3
    assert page.value("agent_cost_per_session_count") == 1
    ((cost, first_cost),) = obs.store.rows(
        "SELECT sum(cost_usd), sum(cost_usd) FILTER (session_id = 's-1') FROM spans"
    )
    assert page.total("agent_total_cost_dollars_total") == pytest.approx(float(cost))
    assert page.value("agent_cost_per_session_sum") == pytest.approx(float(first_cost))
    weather = {"gen_ai_tool_name": "get_weather"}
    for family in ("agent_response_seconds", "gen_ai_invoke_agent_duration_seconds"):
        for edge in ("2.0", "5.0"):  # the course's target and threshold
            assert page.value(f"{family}_bucket", **desk, le=edge) == 4
        assert page.value(f"{family}_count", **desk) == 4
        assert page.value(f"{family}_count", **desk, error_type="ModelTimeout") == 1
        assert page.value(f"{family}_sum", **desk, error_type="ModelTimeout") == 30
    for family in ("agent_tool_call_seconds", "gen_ai_execute_tool_duration_seconds"):
        assert page.value(f"{family}_count", **weather) == 3
        for edge in ("2.0", "5.0"):
            assert page.value(f"{family}_bucket", **weather, le=edge) == 3
    # One spelling per boundary: le="1" and le="1.0" would be two series.
    edges = {labels["le"] for name, labels, _ in page.samples if name.endswith("_bucket")}
    assert edges >= {"1.0", "2.0", "5.0", "+Inf"}
    assert {repr(float(edge)) for edge in edges - {"+Inf"}} == edges - {"+Inf"}
    assert 'service_name="desk"' in page.text
    obs.shutdown()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(obs.prometheus_url, timeout=10)


def test_scraping_while_agents_work_gives_whole_pages(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("opentelemetry.exporter.prometheus")
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4, prometheus_port=0)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    seen: list[float] = []
    failures: list[BaseException] = []
    finished = threading.Event()

    def keep_scraping() -> None:
        try:
            while not finished.is_set():
                seen.append(Page(obs.prometheus_url).total("agent_requests_total"))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=keep_scraping)
    thread.start()
    try:
        day = asyncio.run(obs_helpers.replay(agent, faults, clock, hours=0.5))
    finally:
        finished.set()
        thread.join()
    assert failures == []
    assert seen == sorted(seen)
    assert Page(obs.prometheus_url).total("agent_requests_total") == day.requests
    assert [record.getMessage() for record in caplog.records] == []


def test_a_port_in_use_is_a_clear_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.prometheus")
    path, threads = tmp_path / "t.duckdb", set(threading.enumerate())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"prometheus_port={port} does not work .*or 0") as no:
            obs_helpers.start(
                store=path, prometheus_port=port, otlp="http://127.0.0.1:9", collect_s=3600
            )
    assert "in use" in str(no.value)
    with pytest.raises(RuntimeError):
        obs_helpers.current()
    assert set(threading.enumerate()) == threads
    other = run_python("import obs_helpers, sys; obs_helpers.Store(sys.argv[1])", path)
    assert (other.returncode, other.stderr) == (0, "")
    # With the port free, the same line works.
    obs = obs_helpers.start(store=path, prometheus_port=port)
    assert Page(obs.prometheus_url).value("agent_requests_active") == 0


# -- OTLP ----------------------------------------------------------------------------------


class Receiver:
    """Takes what an OTLP/HTTP exporter sends, and decodes it."""

    def __init__(self, url: str) -> None:
        self.url, self.bodies = url, dict[str, list[bytes]]()

    def messages(self, signal: str) -> list[Any]:
        module = {"traces": "trace", "metrics": "metrics", "logs": "logs"}[signal]
        service = importlib.import_module(
            f"opentelemetry.proto.collector.{module}.v1.{module}_service_pb2"
        )
        kind = getattr(service, f"Export{module.capitalize()}ServiceRequest")
        return [kind.FromString(body) for body in self.bodies.get(f"/v1/{signal}", [])]

    def spans(self) -> list[Any]:
        return [
            span
            for message in self.messages("traces")
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[Any]:
        return [
            record
            for message in self.messages("logs")
            for resource in message.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def metrics(self) -> dict[str, Any]:
        return {
            metric.name: metric
            for message in self.messages("metrics")
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.bodies.setdefault(self.path, []).append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


def attributes(record: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in record.attributes}


def test_spans_logs_and_metrics_arrive_by_otlp_as_they_are_in_the_store() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    clock = VirtualClock()
    with receiver() as collector:
        obs = obs_helpers.start(clock=clock, seed=4, otlp=collector.url, service="desk")
        agent, _ = obs_helpers.travel_desk(clock)
        obs_helpers.instrument(agent)
        for _ in range(3):
            asyncio.run(agent.process(WEATHER))
        obs.logger("test").warning("outside", tags=["a", "b"], nested={"deep": {"n": 1}}, no=None)
        obs.flush()
        stored = obs.store.rows("SELECT trace_id, span_id, name, start_time, end_time FROM spans")
        lines = obs.store.rows("SELECT event, trace_id, span_id, epoch_us(time) FROM logs")
        # Twice as long as a flush of the spans: logs and the rest go at the end.
        obs.shutdown()
        sent = collector.spans()
    assert sorted((s.trace_id.hex(), s.span_id.hex(), s.name) for s in sent) == sorted(
        row[:3] for row in stored
    )
    for span in sent:
        (start, end) = next(row[3:] for row in stored if row[1] == span.span_id.hex())
        assert (span.end_time_unix_nano - span.start_time_unix_nano) // 1000 in {
            (end - start) // timedelta(microseconds=1) + n for n in (-1, 0, 1)
        }
    records = collector.logs()
    assert sorted(
        (r.body.string_value, r.trace_id.hex() or None, r.span_id.hex() or None,
         r.time_unix_nano // 1000)
        for r in records
    ) == sorted(lines, key=lambda row: tuple(map(str, row)))  # fmt: skip
    assert {r.severity_text for r in records} == {"INFO", "WARNING"}
    by_name = collector.metrics()
    assert {"agent.requests", "agent.response", "gen_ai.invoke_agent.duration"} <= by_name.keys()
    assert sum(p.as_double or p.as_int for p in by_name["agent.requests"].sum.data_points) == 3
    (resource,) = {
        attributes(r.resource)["service.name"]
        for message in (*collector.messages("traces"), *collector.messages("logs"),
                        *collector.messages("metrics"))
        for r in (getattr(message, "resource_spans", None)
                  or getattr(message, "resource_logs", None) or message.resource_metrics)
    }  # fmt: skip
    assert resource == "desk"


def test_no_personal_data_leaves_by_any_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    clock, file = VirtualClock(), tmp_path / "agent.log"
    with receiver() as collector:
        obs = obs_helpers.start(
            clock=clock, otlp=collector.url, capture_content=True, console=True, file=file,
            level="debug",
        )  # fmt: skip
        agent, _ = obs_helpers.travel_desk(clock)
        obs_helpers.instrument(agent)
        session = obs_helpers.Session(f"chat with {EMAIL}", user_id=EMAIL)
        asyncio.run(agent.process(f"I am {EMAIL}. {WEATHER}", session))
        log = obs.logger("test")
        log.info("from %s", EMAIL, mail=EMAIL, nested={"to": [EMAIL]}, **{EMAIL: 1})
        tracer = trace.get_tracer(__name__)
        with tracer.start_as_current_span("linked") as linked:
            pass
        link = trace.Link(linked.get_span_context(), {"to": EMAIL})
        with (
            pytest.raises(ValueError, match=EMAIL),
            tracer.start_as_current_span(f"mail {EMAIL}", links=[link]) as span,
        ):
            span.set_attributes({"to": EMAIL, "all": [EMAIL, "x"]})
            span.add_event(f"sent to {EMAIL}", {"to": EMAIL})
            log.warning("inside")
            raise ValueError(EMAIL)
        obs_helpers.metrics.increment("mails", 1, to=EMAIL)
        obs_helpers.metrics.record_latency("mail", 12.5, to=EMAIL)
        stored = planted(obs)
        obs.shutdown()
    assert set(collector.bodies) == {"/v1/traces", "/v1/logs", "/v1/metrics"}
    assert "[EMAIL]" in stored
    assert EMAIL not in stored
    for path, bodies in collector.bodies.items():
        raw = b"".join(bodies)
        assert b"[EMAIL]" in raw, path
        assert EMAIL.encode() not in raw, path
    assert EMAIL not in file.read_text() + capsys.readouterr().out


def test_what_the_environment_says_of_the_service_is_redacted_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"owner={EMAIL},password=hunter22,zone=eu")
    with receiver() as collector:
        obs = obs_helpers.start(otlp=collector.url, prometheus_port=0)
        with obs.tracer.span("work"):
            obs.logger("test").info("hello")
        obs.flush()
        with urllib.request.urlopen(obs.prometheus_url) as answer:
            page = answer.read().decode()
        obs.shutdown()
    raw = {path: b"".join(bodies).decode("latin-1") for path, bodies in collector.bodies.items()}
    assert set(raw) == {"/v1/traces", "/v1/logs", "/v1/metrics"}
    for text in (page, *raw.values()):
        assert "[EMAIL]" in text
        assert "[SECRET]" in text
        assert "zone" in text
        assert EMAIL not in text
        assert "hunter22" not in text


def test_an_endpoint_that_is_not_there_disturbs_nobody() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        clock = VirtualClock()
        obs = obs_helpers.start(clock=clock, otlp=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        agent, _ = obs_helpers.travel_desk(clock)
        obs_helpers.instrument(agent)
        assert asyncio.run(agent.process(WEATHER)).tool_calls == 1
        obs.logger("test").info("still here")
        obs.shutdown()
    assert agent.hook_errors == {}
    assert events(obs) == ["run finished", "still here"]
    assert len(names(obs)) == 4
    assert not structlog.is_configured()


# -- Real time -----------------------------------------------------------------------------


def test_in_real_time_the_store_fills_by_itself() -> None:
    obs = obs_helpers.start(collect_s=0.05)
    assert isinstance(obs.clock, SystemClock)
    with obs.tracer.span("work"):
        obs.logger("test").info("hello")
    question = (
        "SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM logs), "
        "(SELECT count(DISTINCT time) > 1 FROM metric_points)"
    )
    polling = threading.Event()
    for _ in range(200):
        # Straight from the tables, without the flush that comes with a question.
        held = obs.store._con.cursor().execute(question).fetchall()
        if held == [(1, 1, True)]:
            break
        polling.wait(0.05)
    assert held == [(1, 1, True)]


def test_the_standard_librarys_logging_is_left_alone() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    obs_helpers.start().shutdown()
    assert (root.level, list(root.handlers)) == before


def test_threads_that_start_at_once_get_one_telemetry() -> None:
    ready, handles = threading.Barrier(6), list[Telemetry]()

    def begin() -> None:
        ready.wait()
        handles.append(obs_helpers.start(service="web"))

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(handles) == 6
    assert set(map(id, handles)) == {id(obs_helpers.current())}


FORKED_DURING_A_START = """
import os, threading
import obs_helpers
from obs_helpers import telemetry

inside, go_on = threading.Event(), threading.Event()

class Slow(telemetry.Telemetry):
    def __init__(self, options):
        inside.set()
        go_on.wait(30)
        super().__init__(options)

usual, telemetry.Telemetry = telemetry.Telemetry, Slow
thread = threading.Thread(target=obs_helpers.start)
thread.start()
inside.wait(30)
if (child := os.fork()) == 0:
    telemetry.Telemetry = usual
    obs_helpers.start().shutdown()
    os._exit(0)
print(os.waitpid(child, 0)[1], flush=True)
go_on.set()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_while_a_thread_starts_can_start_its_own() -> None:
    done = run_python(FORKED_DURING_A_START)
    assert done.stdout == "0\n", done.stderr
