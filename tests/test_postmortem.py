"""Post-mortems: a timeline with evidence that is there, numbers that are right, safe text."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Store, VirtualClock, replay, travel_desk
from obs_helpers.agent.traffic import Incident as Fault
from obs_helpers.alerting.actions import CANDIDATES, ActionItem, suggested
from obs_helpers.alerting.alert import NAME, SEVERITY, Alert, State
from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.alerting.evidence import naive
from obs_helpers.alerting.impact import error_types, impact, impact_start, impact_window, suspects
from obs_helpers.alerting.incident import Incident, Status
from obs_helpers.alerting.incidents import Incidents
from obs_helpers.alerting.markdown import Document, Markdown
from obs_helpers.alerting.postmortem import postmortem
from obs_helpers.alerting.preview import preview
from obs_helpers.alerting.rules import AlertRule
from obs_helpers.alerting.timeline import MAX_KINDS, timeline
from obs_helpers.alerting.wording import blame_words
from obs_helpers.schema import TABLES

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
LIMITED, EMPTY = Fault("rate_limit", 0.05, 0.2, 0.4), Fault("empty_result", 0.25, 0.75, 0.95)
EMPTY_RULE = next(rule for rule in CANDIDATES if rule.name == "AgentEmptyResults")


# -- A bad hour, replayed once -------------------------------------------------------------


class Hour(NamedTuple):
    """What is left of it: the telemetry, an incident that was paged, one that users told."""

    store: Store
    paged: Incident
    told: Incident


def respond(incidents: Incidents, clock: VirtualClock) -> None:
    """Do what people on call do, at times that are known here."""
    minute = round(clock.monotonic() / 60)
    if incidents.open is None:
        return
    if minute == 18:
        incidents.open.acknowledge("primary")
    if minute == 24:
        incidents.open.mitigate("primary", "switched the fault off")


@pytest.fixture(scope="module")
def hour() -> Hour:
    clock = VirtualClock(START)
    obs_helpers.shutdown()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = travel_desk(clock)
    obs_helpers.instrument(agent)
    incidents = Incidents(clock)
    engine = AlertEngine(obs.store, clock=clock, notify=incidents.update)
    engine.run(60)
    clock.every(60, lambda: respond(incidents, clock))
    day = Fault("tool_error", 0.02, 0, 24)
    asyncio.run(
        replay(agent, faults, clock, hours=1, per_minute=6, incidents=(day, LIMITED, EMPTY),
               progress=False)
    )  # fmt: skip
    engine.stop()
    assert engine.notify_errors == 0
    told = incidents.declare("answers are made up", by="support")
    obs.flush()
    return Hour(obs.store, incidents.history[0], told)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def test_one_fault_is_one_incident_with_its_life_on_record(hour: Hour) -> None:
    assert list(hour.paged.reached) == list(Status)
    assert at(LIMITED.start_h) < hour.paged.opened_at < at(LIMITED.end_h)
    times = hour.paged.times(impact_start(hour.paged, hour.store))
    assert times.detect_s is not None
    assert 60 < times.detect_s < 600
    assert times.mitigate_s == (at(0.4) - hour.paged.opened_at).total_seconds()
    assert impact_window(hour.paged, hour.store)[1] == at(0.4)


# -- The timeline --------------------------------------------------------------------------


def test_every_row_has_evidence_and_what_is_in_the_store_is_there(hour: Hour) -> None:
    kinds = set()
    for entry in timeline(hour.paged, hour.store).entries:
        evidence = entry.evidence
        kinds.add(evidence.kind)
        rows = hour.store.rows(evidence.query) if evidence.query else []
        match evidence.kind:
            case "trace":
                assert {row[0] for row in rows} == {evidence.id}
            case "log":
                assert rows
                assert {row[0].replace(tzinfo=UTC) for row in rows} == {entry.at}
            case "metric":
                assert "{} of {}".format(*rows[0]) == evidence.value
            case "alert":
                assert evidence.id in hour.paged.alerts
            case "note":
                assert 1 <= int(evidence.id) <= 2
    assert kinds == {"trace", "log", "metric", "alert", "note"}


def test_rows_are_in_order_and_the_same_each_time(hour: Hour) -> None:
    first, second = timeline(hour.paged, hour.store), timeline(hour.paged, hour.store)
    assert first == second
    assert all(one.at <= two.at for one, two in pairwise(first.entries))
    assert all(entry.at.utcoffset() == timedelta() for entry in first.entries)


def test_first_and_last_affected_run_and_worst_minute_are_those_of_the_store(hour: Hour) -> None:
    failed = [
        row for (row,) in hour.store.rows(
            "SELECT end_time FROM spans WHERE operation = 'invoke_agent' AND status = 'ERROR' "
            "AND end_time < ? ORDER BY end_time", [naive(at(0.5))]
        )
    ]  # fmt: skip
    rows = {e.what.split(" run")[0]: e for e in timeline(hour.paged, hour.store).entries}
    assert naive(rows["first affected"].at) == failed[0]
    assert naive(rows["last affected"].at) == failed[-1]
    assert "RateLimited" in rows["first affected"].what
    minutes = [time.replace(second=0, microsecond=0) for time in failed]
    most = max(minutes.count(minute) for minute in minutes)
    worst = next(e for e in timeline(hour.paged, hour.store).entries if e.who == "metrics")
    assert worst.evidence.value.startswith(f"{most} of ")


def test_a_failed_call_shortly_before_the_first_bad_run_is_part_of_the_story() -> None:
    calls = [span("chat", 1, m, status="ERROR", name=f"call {m}") for m in (57.9, 58.5, 59)]
    found = timeline(opened(60), stored([*calls, *failed_runs(59)]))
    (first,) = (e for e in found.entries if "first failed call" in e.what)
    assert first.what == "first failed call, call 58.5: no message"


def test_log_lines_are_grouped_with_their_number(hour: Hour) -> None:
    lines = [e.what for e in timeline(hour.paged, hour.store).entries if e.who == "logs"]
    (failed,) = (line for line in lines if "run failed" in line)
    _, end = impact_window(hour.paged, hour.store)
    counted = hour.store.value(
        "SELECT count(*) FROM logs WHERE event = 'run failed' AND time <= ?", [naive(end)]
    )
    assert failed == f"error of travel-desk: run failed (first of {counted})"
    assert len(lines) == len(set(lines)) <= 3


def test_records_and_frame_say_the_same(hour: Hour) -> None:
    found = timeline(hour.paged, hour.store)
    frame = found.frame()
    assert frame.columns.tolist() == ["time", "what", "who", "evidence", "query"]
    assert frame.to_dict("records") == found.records()
    assert len(frame) == len(found.entries) > 8


def test_a_rule_that_was_not_on_is_shown_in_hindsight_and_one_that_was_is_not(hour: Hour) -> None:
    rules = [EMPTY_RULE, *(rule for rule in CANDIDATES if rule.name == "AgentHighErrorRate")]
    previews = [preview(rule, hour.store) for rule in rules]
    found = timeline(hour.told, hour.store, previews[:1], started=at(EMPTY.start_h))
    (fires,) = (e for e in found.entries if e.who == "preview" and "fires" in e.what)
    assert fires.what.startswith("in hindsight, AgentEmptyResults fires: empty_result_rate is ")
    assert at(EMPTY.start_h) < fires.at < hour.told.opened_at
    assert not [e for e in timeline(hour.paged, hour.store, previews).entries if e.who == "preview"]


# -- Synthetic telemetry -------------------------------------------------------------------


def us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def span(operation: str, number: int, minutes: float, **values: Any) -> tuple[Any, ...]:
    """Return a span of one second that ends so many minutes after the start."""
    end = us(START + timedelta(minutes=minutes))
    columns: dict[str, Any] = dict.fromkeys(TABLES["spans"])
    columns |= {"trace_id": f"{number:032x}", "span_id": f"{number:016x}", "attributes": "{}"}
    columns |= {"name": operation, "operation": operation, "status": "UNSET", "duration_s": 1.0}
    columns |= {"start_time": end - 1_000_000, "end_time": end}
    return tuple({**columns, **values}.values())


def failed_runs(*minutes: float) -> list[tuple[Any, ...]]:
    return [span("invoke_agent", n, m, status="ERROR") for n, m in enumerate(minutes, 1)]


def stored(spans: Sequence[tuple[Any, ...]] = (), logs: Sequence[tuple[Any, ...]] = ()) -> Store:
    store = Store()
    store.append("spans", spans)
    store.append("logs", logs)
    return store


def opened(minutes: float, breach: float | None = None) -> Incident:
    """Return an incident opened so many minutes after the start, by an alert or by people."""
    incidents = Incidents(VirtualClock(START + timedelta(minutes=minutes)))
    if breach is None:
        return incidents.declare("it looks bad", by="support")
    since = START + timedelta(minutes=breach)
    alert = Alert({NAME: "AgentStuck", SEVERITY: "critical"}, State.FIRING, active_at=since)
    incident = incidents.update([alert])
    assert incident is not None
    return incident


@pytest.mark.parametrize(
    ("failures", "breach", "begin"),
    [
        ((), None, None),
        ((), 57, 57),
        ((50, 55, 59), None, 50),
        ((50, 55, 59), 57, 50),
        ((50, 55.1, 59), None, 55.1),  # more than five minutes apart: another matter
        ((58,), 57, 57),
        ((50,), 57, 57),  # ten minutes before the page, and then nothing
        ((50,), None, None),
        ((), 61, None),  # an alert that joined it later
        ((59, 61), None, 59),  # what comes after the page did not begin it
    ],
)
def test_the_start_of_the_impact_is_the_first_of_the_bad_runs_or_the_first_breach(
    failures: Sequence[float], breach: float | None, begin: float | None
) -> None:
    found = impact_start(opened(60, breach), stored(failed_runs(*failures)))
    assert found == (None if begin is None else START + timedelta(minutes=begin))


def test_a_given_start_counts_and_cannot_be_after_the_detection() -> None:
    incident, store = opened(60), stored(failed_runs(58, 59))
    early = datetime(2026, 1, 5, 8, 10)  # noqa: DTZ001
    assert impact_window(incident, store, early)[0] == early.replace(tzinfo=UTC)
    assert "| to detect (TTD) | 50 min 0 s |" in postmortem(incident, store, started=early)
    with pytest.raises(ValueError, match=r"cannot start at 2026-01-05 09:01.* opened at .* 09:00"):
        postmortem(incident, store, started=START + timedelta(minutes=61))


def test_the_impact_ends_when_it_was_mitigated_or_as_given() -> None:
    incident, store = opened(60), stored(failed_runs(10, 20, 59))
    begin, end = START + timedelta(minutes=5), START + timedelta(minutes=15)
    assert impact_window(incident, store, begin, end) == (begin, end)
    assert "| runs affected | 1 | 1 | runs |" in postmortem(
        incident, store, started=begin, ended=end
    )
    assert "09:00:00 to 2026" not in postmortem(incident, Store(), ended=end)  # no start known
    with pytest.raises(ValueError, match="its impact ended at 2026-01-05 08:15"):
        impact_window(incident, store, START + timedelta(minutes=16), end)


def test_impact_counts_runs_sessions_users_and_money() -> None:
    def run(number: int, user: str | None, session: str | None, **values: Any) -> tuple[Any, ...]:
        known = {"attributes": f'{{"user.id": "{user}"}}'} if user else {}
        return span("invoke_agent", number, 1, **{"session_id": session, **known, **values})

    empty = '{"agent.tool.result_size": 2}'
    store = stored([
        run(1, "a", "s1", status="ERROR", error_type="Timeout"),
        run(2, "a", "s2", status="ERROR", error_type="Timeout"),
        run(3, "b", "s3", duration_s=9.0),
        run(4, "c", "s4"),
        run(5, None, None, status="ERROR", error_type="Loop"),
        run(6, "d", "s6", status="ERROR", attributes='{"agent.cancelled": true}'),
        span("invoke_agent", 7, 99, status="ERROR"),
        span("execute_tool", 4, 1, tool="search", attributes=empty),
        span("chat", 1, 1, model="m", cost_usd=0.1),
        span("chat", 1, 1, model="m", cost_usd=0.2),
        span("chat", 2, 1, model="m", status="ERROR"),
        span("chat", 3, 1, model="m", cost_usd=5.0),
    ])  # fmt: skip
    figures = {f.name: (f.value, f.n, f.text) for f in impact(store, START, at(1))}
    assert figures == {
        "runs affected": (4, 5, "4"),
        "of these, runs that failed": (3, 5, "3"),
        "share of runs affected": (Fraction(4, 5), 5, "80 %"),
        "sessions affected": (3, 4, "3"),
        "users affected": (2, 3, "2"),
        "spent in affected runs": (Decimal("0.3"), 2, "$0.300000"),
        "slowest p95 of five minutes": (9.0, 5, "9 s"),
    }
    assert error_types(store, START, at(1)) == [("Timeout", 2), ("Loop", 1)]


def test_without_data_there_is_no_figure_and_no_zero() -> None:
    figures = impact(Store(), START, at(1))
    assert [(f.value, f.n, f.text) for f in figures] == [(None, 0, "no data")] * len(figures)
    document = postmortem(opened(60), Store())
    assert "| to detect (TTD) | not known |" in document
    assert "| share of runs affected | no data | 0 | runs |" in document


def test_suspects_are_those_with_more_bad_calls_than_before() -> None:
    def calls(tool: str, minutes: float, good: int, bad: int) -> Iterator[tuple[Any, ...]]:
        for n in range(good + bad):
            status = "ERROR" if n < bad else "UNSET"
            yield span("execute_tool", n, minutes, tool=tool, status=status)

    store = stored([
        *calls("always bad", -30, 20, 20), *calls("always bad", 30, 20, 20),
        *calls("rare", 30, 0, 2), *calls("broken", -30, 40, 0), *calls("broken", 30, 20, 15),
        *calls("fine", 30, 50, 0),
    ])  # fmt: skip
    found = suspects(store, START, at(1))
    assert [each.who for each in found] == ["tool broken", "tool rare", "tool always bad"]
    assert (found[0].bad, found[0].calls, found[0].bad_before, found[0].calls_before) == (
        15, 35, 0, 40
    )  # fmt: skip


def test_many_kinds_of_log_lines_are_cut_and_the_rest_is_a_number() -> None:
    logs = [
        (us(at(0.9)) + n, "error", "x", f"kind {n % 14}", None, None, "{}")
        for n in range(14 * 3)
    ]  # fmt: skip
    info = [(us(START + timedelta(minutes=50)), "info", "x", "all is well", None, None, "{}")]
    found = timeline(opened(60), store := stored(logs=logs + info), started=at(0.5))
    lines = [e for e in found.entries if e.who == "logs"]
    assert len(lines) == MAX_KINDS + 1
    (more,) = (e for e in lines if "more kinds" in e.what)
    assert more.what.startswith("4 more kinds")
    assert len(store.rows(more.evidence.query)) == int(more.evidence.value) == 14
    assert all(store.rows(e.evidence.query) for e in lines)


# -- Action items --------------------------------------------------------------------------


def test_the_rule_that_would_have_seen_it_first_is_suggested(hour: Hour) -> None:
    start = at(EMPTY.start_h)
    detect, prevent = suggested(hour.told, hour.store, start, hour.told.opened_at)
    assert (detect.kind, detect.caught_by) == ("detect", "AgentEmptyResults")
    fired = preview(EMPTY_RULE, hour.store, start, hour.told.opened_at).firings()[0].start
    assert f"it would have fired at {fired:%H:%M:%S} UTC" in detect.what
    affected = hour.store.value(
        "SELECT count(DISTINCT r.trace_id) FROM spans r JOIN spans t USING (trace_id) "
        "WHERE r.operation = 'invoke_agent' AND r.end_time >= ? AND (r.status = 'ERROR' OR "
        "(t.attributes->>'$.\"agent.tool.result_size\"') = '2')", [naive(fired)]
    )  # fmt: skip
    assert affected > 0
    assert detect.what.endswith(f"runs affected in between: {affected}")
    assert start < fired < hour.told.opened_at
    assert (prevent.kind, prevent.caught_by[:5]) == ("prevent", "test_")


def rule(name: str, for_: str) -> AlertRule:
    return AlertRule(name, "error_rate > 5%", "15m", for_=for_, min_samples=1)


@pytest.mark.parametrize(
    ("rules", "caught_by"),
    [
        ([rule("Slow", "5m"), rule("Fast", "2m"), rule("Later", "10m")], "Fast"),
        ([rule("InTime", "9m")], "test_agentstuck_fires_in_time"),  # at 60 min: no sooner
        ([rule("Later", "10m")], "test_agentstuck_fires_in_time"),
        ([rule("AgentStuck", "2m")], "test_agentstuck_fires_in_time"),  # it was on already
    ],
)
def test_a_rule_is_suggested_if_it_is_new_and_would_have_been_faster(
    rules: list[AlertRule], caught_by: str
) -> None:
    begin = START + timedelta(minutes=50)
    store = stored(failed_runs(50.5))
    item = suggested(opened(60, breach=55), store, begin, at(1), rules)[0]
    assert item.caught_by == caught_by


def test_where_no_rule_would_have_been_faster_a_test_keeps_it_so(hour: Hour) -> None:
    start, end = impact_window(hour.paged, hour.store)
    assert start is not None
    detect, prevent = suggested(hour.paged, hour.store, start, end)
    assert detect.caught_by == "test_agenthigherrorrate_fires_in_time"
    assert prevent.caught_by == "test_run_survives_ratelimited"


def test_what_no_rule_saw_needs_a_rule() -> None:
    (item,) = suggested(opened(60), Store(), START, at(1))
    assert item == ActionItem(
        "Write a rule that would have seen it looks bad; none that was tried did",
        "detect", "test_it_looks_bad_is_detected",
    )  # fmt: skip


def test_an_action_item_is_of_a_known_kind() -> None:
    with pytest.raises(ValueError, match="kind='fix' does not work; give one of detect, prevent"):
        ActionItem("do it", "fix", "test_it")


# -- The document --------------------------------------------------------------------------

SECTIONS = [
    "## Summary", "## Impact", "## Times", "## Timeline", "## Trigger and contributing factors",
    "## What went well", "## What went badly", "## Where we were lucky", "## Action items",
    "## Wording", "## Evidence",
]  # fmt: skip
NASTY = "a | b\n# no heading <script>alert(1)</script> `code` \\| [x](y) ~~s~~ $1$ \x1b[31m \u2028"


def tables(document: str) -> list[list[list[str]]]:
    """Return each table as rows of cells, read as Markdown reads them."""
    found: list[list[list[str]]] = [[]]
    for line in document.splitlines():
        if line.startswith("|"):
            found[-1].append(re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_the_document_has_its_parts_and_cites_each_piece_of_evidence(hour: Hour) -> None:
    document = postmortem(hour.paged, hour.store, summary="The provider refused requests.")
    assert [line for line in document.splitlines() if line.startswith("## ")] == SECTIONS
    assert document.startswith("# Post-mortem: AgentHighErrorRate\n")
    assert "In short: The provider refused requests." in document
    entries = timeline(hour.paged, hour.store).entries
    rows = tables(document)[2][2:]
    assert len(rows) == len(entries)
    queries = dict(re.findall(r"^    (E\d+): (.*)$", document, re.M))
    for row, entry in zip(rows, entries, strict=True):
        number = re.match(r" (E\d+): ", row[3])
        assert entry.evidence.id.replace("_", "\\_") in row[3]
        assert bool(number) == bool(entry.evidence.query)
        if number:
            assert hour.store.rows(queries[number[1]]) == hour.store.rows(entry.evidence.query)
    assert re.search(r"- \d+ runs failed with RateLimited\.", document)
    assert postmortem(hour.paged, hour.store, summary="The provider refused requests.") == document


def test_what_people_decided_comes_before_what_telemetry_suggests(hour: Hour) -> None:
    item = ActionItem("Alert on invented answers", "detect", "AgentInvents", "agent team", "May")
    rows = tables(postmortem(hour.told, hour.store, action_items=[item]))[-1][2:]
    assert [cell.strip() for cell in rows[0]] == [
        "Alert on invented answers", "detect", "AgentInvents", "agent team", "May"
    ]  # fmt: skip
    assert len(rows) >= 2
    assert all(cell.strip() for row in rows for cell in row)


def test_nothing_personal_and_no_secret_gets_into_the_document() -> None:
    incident = opened(60)
    incident.note("user mia@example.com wrote, password=hunter2-hunter2", by="mia@example.com")
    message = "no such user mia@example.com"
    store = stored(
        [span("invoke_agent", 1, 59, status="ERROR", status_message=message, error_type=message)],
        [(us(at(0.98)), "error", "x", message, "mia@example.com", "mia@example.com", "{}")],
    )
    item = ActionItem("ask mia@example.com", "prevent", "test_mia@example.com")
    document = postmortem(incident, store, summary="mia@example.com", action_items=[item])
    assert "mia@example.com" not in document
    assert "hunter2" not in document
    assert "EMAIL" in document
    assert "mia@example.com" not in str(timeline(incident, store).frame()["what"].tolist())


def test_ids_are_not_taken_for_secrets() -> None:
    card = "4111111111111111"  # as a span id it is one: sixteen hexadecimal digits
    logs = [(us(at(0.9)), "error", "x", "failed", "4" * 32, card, "{}")]
    document = postmortem(opened(60), store := stored(logs=logs), started=at(0.5))
    assert f"{'4' * 32}/{card}" in document
    (query,) = re.findall(r"^    E1: (.*)$", document, re.M)
    assert store.rows(query)


@pytest.mark.parametrize("text", [NASTY, "|", "\\", "\\|", "`|`", "\r\n|\n", "<b", "&#124;", ""])
def test_text_of_models_and_users_stays_text(text: str) -> None:
    incidents = Incidents(VirtualClock(at(1)))
    incident = incidents.declare(text, by=text)
    incident.note(text, by=text)
    store = stored(
        [span("invoke_agent", 1, 59, status="ERROR", status_message=text, error_type=text,
              trace_id=f"'{text}"),
         span("execute_tool", 1, 59, tool=text, status="ERROR", status_message=text, name=text)],
        [(us(at(0.98)), "error", text, text, text, None, "{}")],
    )  # fmt: skip
    item = ActionItem(text, "mitigate", text, text, text)
    document = postmortem(incident, store, summary=text, action_items=[item])
    check_shape(document, rows=len(timeline(incident, store).entries))
    assert "<script" not in document.split("## Evidence")[0]
    evidence = [e.evidence for e in timeline(incident, store).entries]
    assert all(store.rows(e.query) for e in evidence if e.query)


def check_shape(document: str, rows: int) -> None:
    assert [line for line in document.splitlines() if line.startswith("## ")] == SECTIONS
    assert [line[:15] for line in document.splitlines() if line.startswith("# ")] == [
        "# Post-mortem: "
    ]
    assert [len(table[0]) for table in tables(document)] == [4, 3, 4, 5]
    for table in tables(document):
        assert {len(row) for row in table} == {len(table[0])}
    assert len(tables(document)[2]) == rows + 2


@pytest.fixture(scope="module")
def nothing() -> Store:
    return Store()


@given(st.lists(st.text(max_size=80), max_size=4), st.text(max_size=80))
def test_notes_with_any_text_keep_rows_and_columns_of_the_table(
    nothing: Store, notes: list[str], summary: str
) -> None:
    incident = opened(60)
    for note in notes:
        incident.note(note, by=note)
    document = postmortem(incident, nothing, summary=summary, rules=())
    check_shape(document, rows=2 + len(notes))


@given(st.text())
def test_any_text_becomes_one_line_without_markup(text: str) -> None:
    line = Markdown().text(text)
    assert len(line.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(\\\\)*[`*_\[\]|~$]", line)
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", line)


# -- Saving --------------------------------------------------------------------------------


def test_it_is_saved_once_and_replaced_only_when_asked(tmp_path: Path) -> None:
    path = Document("one ü\n").save(tmp_path / "incidents" / "first.md")
    assert path.read_text("utf-8") == "one ü\n"
    with pytest.raises(FileExistsError):
        Document("two\n").save(path)
    assert path.read_text("utf-8") == "one ü\n"
    assert Document("two\n").save(str(path), overwrite=True).read_text("utf-8") == "two\n"


@pytest.mark.parametrize("name", ["../out.md", "a/../../out.md", "out.py", "out", ".."])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"give a file name ending in \.md, without '\.\.'"):
        Document("x").save(folder / name)
    assert list(tmp_path.rglob("*")) == [folder]


def test_a_notebook_shows_it_as_markdown() -> None:
    assert Document("# x")._repr_markdown_() == "# x"


# -- Wording -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It was the fault of the on-call engineer", ["fault of"]),
        ("it is the team\u2019s fault", ["team's fault"]),
        ("Somebody should have known", ["should have known"]),
        ("a careless change, and nobody is to blame", ["careless", "to blame"]),
        ("Root cause: human error", ["human error"]),
        ("They forgot to flush", ["They forgot to"]),
        ("@primary obviously was asleep", ["@primary", "obviously"]),
    ],
)
def test_what_sounds_like_blame_is_found_in_order(text: str, words: list[str]) -> None:
    findings = blame_words(text)
    assert [finding.words for finding in findings] == words
    assert all(finding.advice for finding in findings)


@pytest.mark.parametrize(
    "text",
    ["", "switched fault off", "the fault was on from 08:12 to 08:24", "a blameless review",
     "the run failed to parse the reply", "default of five", "mail to support", "obviousness"],
)  # fmt: skip
def test_what_only_looks_like_blame_is_let_through(text: str) -> None:
    assert blame_words(text) == []


def test_names_are_found_if_they_are_given() -> None:
    text = "primary.one saw it first (Primary.One), primaryxone did not"
    assert blame_words(text) == []
    assert [f.words for f in blame_words(text, ["primary.one", " "])] == [
        "primary.one", "Primary.One"
    ]  # fmt: skip


def test_the_document_warns_about_the_words_of_people_and_not_of_models() -> None:
    incident = opened(60)
    store = stored([span("invoke_agent", 1, 59, status="ERROR", status_message="user error")])
    assert "Nothing sounds like blame" in postmortem(incident, store)
    incident.note("somebody should have known")
    document = postmortem(incident, store, summary="A careless change.")
    wording = document.split("## Wording")[1].split("## Evidence")[0]
    assert "- careless: " in wording
    assert "- should have known: " in wording
    assert "user error" not in wording
