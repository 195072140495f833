"""Telemetry that fails: it waits, it counts, it says so once, and it resumes."""

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace

import obs_helpers
from obs_helpers import Redactor, Telemetry, VirtualClock
from obs_helpers.clock import SystemClock
from obs_helpers.health import Health, Tally, Way
from obs_helpers.limits import MAX_WAITING_TEXT
from obs_helpers.outbox import BATCH_TEXT, Outbox
from obs_helpers.signals.log_file import LogFile
from obs_helpers.trouble import NOISY
from obs_helpers.ways import FileWay
from tests.failing_backend import FAILURES, TRICKLES, Backend, backend, certificate

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
from obs_helpers import otlp, otlp_http

SIGNALS = ("traces", "logs", "metrics")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on a delivery sooner: too soon for the SDK to try again by itself."""
    monkeypatch.setattr(otlp_http, "TIMEOUT_S", 0.7)


def record(obs: Telemetry, first: int, count: int) -> None:
    log = obs.logger("test")
    for n in range(first, first + count):
        with obs.tracer.span(f"span {n}"):
            log.info("line %d", n)


def recorded(first: int, count: int) -> dict[str, list[str]]:
    numbers = range(first, first + count)
    return {"traces": [f"span {n}" for n in numbers], "logs": [f"line {n}" for n in numbers]}


def flush_until_delivered(obs: Telemetry) -> None:
    """A busy machine may miss a deadline: what matters is that it gets there."""
    for _ in range(20):
        obs.flush()
        if not any(way.waiting for way in obs.health().ways):
            return
    pytest.fail(f"still waiting: {obs.health()}")


def otlp_ways(obs: Telemetry) -> dict[str, Way]:
    health = obs.health()
    return {signal: health.way(signal, "OTLP") for signal in SIGNALS}


def arrived(server: Backend) -> dict[str, list[str]]:
    names = server.names()
    return {signal: names[signal] for signal in ("traces", "logs")}


# -- A backend that fails, and recovers -----------------------------------------------------


def fail_then_recover(server: Backend, caplog: pytest.LogCaptureFixture) -> None:
    mode = server.mode
    obs = obs_helpers.start(otlp=server.url)
    record(obs, 0, 30)
    for _ in range(2):
        obs.flush()
    for signal, way in otlp_ways(obs).items():
        assert way.failing, (signal, way)
        assert way.last_error, signal
        assert (way.delivered, way.dropped) == (0, 0), signal
        assert way.waiting >= (30 if signal != "metrics" else 1)
    assert not obs.health().ok
    assert obs.health().way("traces", "store").delivered == 30
    (warning,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert warning.name == "obs_helpers"
    assert "waits and is sent later" in warning.getMessage()
    if mode == "wrong certificate":
        server.mode = "healthy"
    else:
        server.recover()
    record(obs, 30, 10)
    flush_until_delivered(obs)
    assert arrived(server) == recorded(0, 40)  # in order, each once
    assert server.names()["metrics"]
    for way in otlp_ways(obs).values():
        assert not way.failing
        assert way.dropped == 0
        assert way.last_success_at > way.last_error_at
        assert way.offered == way.delivered
    obs.shutdown()
    assert [r.levelname for r in caplog.records].count("WARNING") == 1


@pytest.mark.parametrize("mode", FAILURES)
def test_what_a_failing_backend_did_not_take_waits_and_arrives_when_it_recovers(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    with backend(mode) as server:
        fail_then_recover(server, caplog)


def test_a_wrong_certificate_is_refused_and_the_right_one_gets_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right, wrong = certificate(tmp_path, "right"), certificate(tmp_path, "wrong")
    if right is None or wrong is None:
        pytest.skip("there is no openssl to make certificates with")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # they would win
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(right[0]))
    with backend("wrong certificate", wrong[1]) as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 3)
        obs.flush()
        assert "certificate" in (obs.health().way("traces", "OTLP").last_error or "").lower()
        assert server.bodies == []
        server.mode, server.tls = "healthy", right[1]
        flush_until_delivered(obs)
        assert arrived(server) == recorded(0, 3)


@pytest.mark.parametrize("mode", TRICKLES)
def test_an_answer_over_tls_that_never_ends_is_a_failure_too(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(tmp_path, "right")
    if made is None:
        pytest.skip("there is no openssl to make certificates with")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # they would win
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(made[0]))
    with backend(mode, made[1]) as server:
        obs = obs_helpers.start(otlp=server.url)
        obs.logger("test").info("line 0")
        obs.flush()
        assert obs.health().way("logs", "OTLP").failing
        server.recover()
        flush_until_delivered(obs)
        assert arrived(server)["logs"] == ["line 0"]


def test_a_backend_that_needs_longer_gets_longer_and_nothing_again_and_again() -> None:
    with backend("slow") as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 3)
        flush_until_delivered(obs)
        assert obs.health().way("logs", "OTLP").failures > 0
        record(obs, 3, 3)
        flush_until_delivered(obs)
        for names, wanted in zip(arrived(server).values(), recorded(3, 3).values(), strict=True):
            assert names[-3:] == wanted
            assert names.count(wanted[0]) == 1
        assert {way.dropped for way in otlp_ways(obs).values()} == {0}
        server.recover()
        record(obs, 6, 1)
        flush_until_delivered(obs)  # quick: the next one gets as little time as the first
        server.released.clear()
        server.mode = "hangs"
        record(obs, 7, 1)
        obs.flush()
        assert "read timeout=0." in (obs.health().way("logs", "OTLP").last_error or "")


def test_a_delivery_that_outlives_the_end_is_not_heard_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "WAIT_S", 0.1)
    with backend("hangs") as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 7)
        obs.shutdown()
        for thread in threading.enumerate():
            if thread.name == "obs-outbox":
                thread.join()
    assert {record.name for record in caplog.records} == {"obs_helpers"}
    assert logging.getLogger(NOISY[0]).filters == []


@pytest.mark.parametrize("status", ["400", "413", "500"])
def test_data_that_is_refused_is_dropped_counted_and_reported_once(
    status: str, caplog: pytest.LogCaptureFixture
) -> None:
    with backend(status) as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 5)
        obs.flush()
        record(obs, 5, 5)
        flush_until_delivered(obs)
        ways = otlp_ways(obs)
        assert ways["traces"].dropped == ways["logs"].dropped == 10
        assert ways["traces"].last_error == f"HTTP {status} Sorry, ask [EMAIL]"
        assert [r.levelname for r in caplog.records] == ["WARNING"]
        assert "which is lost there" in caplog.text
        assert "example.org" not in caplog.text
        server.recover()
        record(obs, 10, 5)
        flush_until_delivered(obs)
        assert arrived(server) == recorded(10, 5)
        way = obs.health().way("logs", "OTLP")
        assert (way.delivered, way.dropped, way.offered) == (5, 10, 15)
        assert obs.store.value("SELECT count(*) FROM logs") == 15


@pytest.mark.parametrize("beyond", ["413", "hangs up"])
def test_lines_that_are_too_long_together_arrive_in_smaller_parts_each_once(beyond: str) -> None:
    with backend() as server:
        server.limit, server.beyond = 100_000, beyond
        obs = obs_helpers.start(otlp=server.url)
        for n in range(60):
            obs.logger("test").info("line %d", n, documents=["word " * 1000] * 2)
        flush_until_delivered(obs)
        way = obs.health().way("logs", "OTLP")
        assert arrived(server)["logs"] == recorded(0, 60)["logs"]
        assert (way.delivered, way.dropped, way.failing) == (60, 0, False)
        assert way.failures == 0 or beyond != "413"


def test_a_line_that_is_too_long_by_itself_is_dropped_and_no_other() -> None:
    with backend() as server:
        server.limit = 100_000
        obs = obs_helpers.start(otlp=server.url)
        for n in range(9):
            obs.logger("test").info(
                "line %d", n, documents=["word " * 1000] * (30 if n == 4 else 1)
            )
        flush_until_delivered(obs)
        assert arrived(server)["logs"] == [f"line {n}" for n in range(9) if n != 4]
        way = obs.health().way("logs", "OTLP")
        assert (way.delivered, way.dropped) == (8, 1)
        assert way.last_error == "HTTP 413 Sorry, ask [EMAIL]"


def test_a_partial_success_counts_what_was_rejected() -> None:
    with backend("partial") as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 5)
        obs.flush()
        way = obs.health().way("traces", "OTLP")
        assert (way.delivered, way.dropped, way.waiting) == (3, 2, 0)
        assert way.last_error == "HTTP 200 OK, partial success: too old"


def test_what_finds_no_room_is_dropped_and_the_first_ones_arrive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otlp, "MAX_SPANS", 50)
    monkeypatch.setattr(otlp, "MAX_LINES", 60)
    with backend("hangs") as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 80)
        ways = otlp_ways(obs)
        assert (ways["traces"].waiting, ways["traces"].dropped) == (50, 30)
        assert (ways["logs"].waiting, ways["logs"].dropped) == (60, 20)
        server.recover()
        flush_until_delivered(obs)
        wanted = recorded(0, 80)
        assert arrived(server) == {"traces": wanted["traces"][:50], "logs": wanted["logs"][:60]}
        assert {way.offered for way in otlp_ways(obs).values() if way.signal != "metrics"} == {80}


def test_text_that_is_no_utf_8_is_sent_as_what_can_be_and_takes_no_other_span_with_it() -> None:
    with backend() as server:
        obs = obs_helpers.start(otlp=server.url, redact=False)
        tracer = trace.get_tracer("other")
        for n in range(9):
            with tracer.start_as_current_span("\ud800" if n == 4 else f"span {n}") as span:
                span.set_attribute("text", "\ud800" if n == 6 else "fine")
        flush_until_delivered(obs)
        names = [f"span {n}" if n != 4 else "\\ud800" for n in range(9)]
        assert server.names()["traces"] == names
        way = obs.health().way("traces", "OTLP")
        assert (way.delivered, way.dropped) == (9, 0)


def test_the_end_comes_though_the_backend_hangs_and_says_what_was_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with backend("hangs") as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 7)
        obs.shutdown()
        record(obs, 7, 2)
        ways = otlp_ways(obs)
        assert (ways["traces"].waiting, ways["traces"].delivered) == (0, 0)
        assert ways["traces"].dropped == 9  # the last two after the end
        assert ways["logs"].dropped == 7  # after it, loggers write nowhere
    assert "did not get 7 spans, 7 log lines" in caplog.messages[-1]
    assert obs.store.value("SELECT count(*) FROM spans") == 7


def test_at_the_end_all_that_waits_is_sent() -> None:
    with backend() as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 600)  # more than one batch
        obs.shutdown()
        assert arrived(server) == recorded(0, 600)
        assert "agent.requests.active" in server.names()["metrics"]


def test_the_sdks_own_exporters_are_heard_as_before_elsewhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    with backend("503") as server:
        obs = obs_helpers.start(otlp=server.url)
        record(obs, 0, 1)
        obs.flush()
        logging.getLogger(name).warning("of an exporter of somebody else's")
        obs.shutdown()
    assert [r.getMessage() for r in caplog.records if r.name == name] == [
        "of an exporter of somebody else's"
    ]
    assert logging.getLogger(name).filters == []


def test_an_agent_at_work_does_not_notice_any_of_it() -> None:
    clock = VirtualClock()
    with backend("hangs") as server:
        obs = obs_helpers.start(clock=clock, otlp=server.url)
        agent, _ = obs_helpers.travel_desk(clock)
        obs_helpers.instrument(agent)
        for _ in range(3):
            assert asyncio.run(agent.process("What is the weather in Oslo?")).tool_calls == 1
        assert agent.hook_errors == {}
        assert obs.health().log_errors == 0


# -- The queue ------------------------------------------------------------------------------


def test_a_full_batch_goes_out_at_once_and_what_is_left_with_the_next_flush() -> None:
    sent: list[list[int]] = []

    def send(batch: list[int]) -> tuple[int, str]:
        sent.append(batch)
        return 0, ""

    outbox = Outbox(("logs", "test"), send, Tally(SystemClock()), limit=100, batch=10)
    for n in range(25):
        outbox.put(n)
    assert outbox.hurry()(10)
    assert [n for batch in sent for n in batch] == list(range(25))
    assert max(map(len, sent)) == 10
    assert outbox.close()(10) == 0
    outbox.put(26)
    assert outbox.way() == Way("logs", "test", 0, 100, 25, 1, **outbox._tally.last())


def test_a_few_long_texts_fill_the_queue_too_until_they_are_out() -> None:
    down = threading.Event()

    def send(batch: list[str]) -> tuple[int, str]:
        if down.is_set():
            raise OSError
        return 0, ""

    outbox = Outbox(("logs", "test"), send, Tally(SystemClock()), 100, batch=100, text=len)
    text = "x" * (MAX_WAITING_TEXT // 3)
    down.set()
    for _ in range(5):
        outbox.put(text)
    outbox.put("short")
    assert (outbox.way().waiting, outbox.way().dropped) == (3, 3)
    down.clear()
    assert outbox.hurry()(10)
    outbox.put(text)
    assert outbox.close()(10) == 0
    assert (outbox.way().delivered, outbox.way().dropped) == (4, 3)


def test_a_batch_ends_at_so_many_characters_and_a_longer_item_goes_alone() -> None:
    sent: list[list[str]] = []

    def send(batch: list[str]) -> tuple[int, str]:
        sent.append(batch)
        return 0, ""

    outbox = Outbox(("logs", "test"), send, Tally(SystemClock()), 100, batch=100, text=len)
    half, whole = "x" * (BATCH_TEXT // 2), "x" * (BATCH_TEXT + 1)
    with outbox._changed:  # all of it waits before the thread looks
        for text in (half, half, half, whole, "a", "b"):
            outbox.put(text)
    assert outbox.close()(10) == 0
    assert sent == [[half, half], [half], [whole], ["a", "b"]]


def test_a_batch_that_fails_twice_is_sent_in_smaller_parts_each_once() -> None:
    sent: list[list[int]] = []

    def send(batch: list[int]) -> tuple[int, str]:
        if len(batch) > 3:
            raise ConnectionError
        sent.append(batch)
        return 0, ""

    outbox = Outbox(("logs", "test"), send, Tally(SystemClock()), limit=100, batch=100)
    for n in range(20):
        outbox.put(n)
    for _ in range(20):
        outbox.hurry()(10)
    assert [n for batch in sent for n in batch] == list(range(20))
    assert outbox.close()(10) == 0


def test_waiting_for_a_delivery_ends_when_the_time_is_up() -> None:
    released = threading.Event()

    def send(batch: list[int]) -> tuple[int, str]:
        released.wait()
        return 0, ""

    outbox = Outbox(("logs", "test"), send, Tally(SystemClock()), limit=100, batch=10)
    outbox.put(1)
    assert outbox.hurry()(0.01) is False
    assert outbox.close()(0.01) == 1
    released.set()
    outbox._thread.join()
    assert (outbox.way().delivered, outbox.way().dropped) == (0, 1)


# -- What health() shows ----------------------------------------------------------------------


def test_health_counts_each_signal_on_its_way_to_each_place(tmp_path: Path) -> None:
    obs = obs_helpers.start(file=tmp_path / "agent.log")
    record(obs, 0, 3)
    ways = {(way.signal, way.place): way for way in obs.health().ways}
    assert set(ways) == {
        ("traces", "store"), ("logs", "store"), ("metrics", "store"), ("logs", "file"),
    }  # fmt: skip
    assert ways["traces", "store"].offered == ways["logs", "store"].offered == 3
    obs.flush()
    health = obs.health()
    assert health.ok
    assert health.way("traces", "store").delivered == health.way("logs", "store").delivered == 3
    assert health.way("logs", "file").delivered == 3
    assert health.way("metrics", "store").delivered > 0
    assert health.rows()[0]["signal"] == "traces"
    table = health.table()
    assert list(table.columns)[:4] == ["signal", "place", "waiting", "limit"]
    assert len(table) == 4
    assert repr(health).splitlines()[0] == "telemetry ok: 0 redactions failed, 0 log errors"
    with pytest.raises(KeyError, match="no way of 'logs' to 'moon'; there are"):
        health.way("logs", "moon")


def test_health_shows_redaction_that_failed_and_lines_that_were_not_written() -> None:
    def broken(text: str) -> Any:
        raise RuntimeError(text)

    obs = obs_helpers.start(redact=Redactor(extra=[broken]))
    obs.logger("test").info("hello")
    health = obs.health()
    assert health.redaction_failures > 0
    assert "redactions failed (the last: RuntimeError by test_health" in repr(health)
    assert "it must return (start, end, marker)" in str(health.redaction_error)
    assert not health.ok
    assert not Health((), log_errors=1).ok


def test_a_file_that_cannot_be_written_is_a_failure_that_names_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "someone@example.org"
    folder.write_text("a file stands where the folder should be")
    file = LogFile(folder / "agent.log", VirtualClock())
    way = FileWay(file, Tally(VirtualClock(), Redactor()))
    for _ in range(2):
        way.write(b"{}")
    folder.unlink()
    folder.mkdir()
    way.write(b"{}")
    (seen,) = way.ways()
    assert (seen.delivered, seen.dropped, seen.failures, seen.failing) == (1, 2, 2, False)
    assert "Error" in (seen.last_error or "")
    assert "someone@example.org" not in (seen.last_error or "")
    assert capsys.readouterr().err.count("{}\n") == 2
    file.finish()


def test_health_of_a_stopped_telemetry_can_still_be_read() -> None:
    obs = obs_helpers.start()
    record(obs, 0, 2)
    obs.shutdown()
    record(obs, 2, 1)
    way = obs.health().way("traces", "store")
    assert (way.delivered, way.dropped, way.waiting) == (2, 1, 0)
