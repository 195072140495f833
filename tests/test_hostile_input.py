"""Hostile input: each way in copes with anything, and nothing that is asked reads or writes."""

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

import obs_helpers
from obs_helpers import AlertRule, Store, StoreError
from obs_helpers.alerting.conditions import parse_duration
from obs_helpers.insight.critical_path import critical_path_table
from obs_helpers.insight.debugging import failure_report, trace_tree
from obs_helpers.insight.dependencies import tool_dependencies
from obs_helpers.insight.trace_layout import layout
from obs_helpers.insight.traces import get_trace
from obs_helpers.schema import TABLES
from obs_helpers.views.timeline import timeline
from tests import fuzz

TRACE = "f" * 32


# -- Every target of the fuzzer, for a moment ----------------------------------------------


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_random_bytes_find_nothing(name: str) -> None:
    """A longer run: `python -m tests.fuzz all`."""
    try:
        assert fuzz.by_chance(fuzz.TARGETS[name], seconds=60, runs=40, seed=11) == 40
    finally:
        fuzz.telemetry.cache_clear()


def test_the_fuzzer_finds_a_planted_bug() -> None:
    def planted(data: bytes) -> None:
        assert len(data) < 350

    with pytest.raises(AssertionError):
        fuzz.by_chance(planted, seconds=60, runs=500, seed=1)


# -- Traces --------------------------------------------------------------------------------


def span_row(span_id: str, parent_id: str | None, **more: Any) -> tuple[Any, ...]:
    known = {"trace_id": TRACE, "span_id": span_id, "parent_id": parent_id, "name": span_id,
             "kind": "INTERNAL", "start_time": 1_767_600_000_000_000, "duration_s": 1.0,
             "status": "UNSET", "attributes": "{}", **more}  # fmt: skip
    return tuple(map(known.get, TABLES["spans"]))


_ids = st.sampled_from(["a", "b", "c", "d", "e", "lost"])
_json = st.sampled_from(["{}", "null", "[]", "7", '"x"', "[null]", '[{"name": []}]'])
_rows = st.builds(
    span_row,
    _ids.filter("lost".__ne__),
    st.none() | _ids,
    start_time=st.none() | st.integers(-(10**17), 10**17),
    duration_s=st.none() | st.floats(),
    status=st.sampled_from(["UNSET", "ERROR", "RUNNING"]),
    attributes=_json | st.just('{"gen_ai.operation.name":"execute_tool"}'),
    events=_json,
    links=_json,
)


@given(st.lists(_rows, min_size=1, max_size=8))
@settings(max_examples=15)
def test_a_broken_trace_is_shown_in_full_by_everybody(rows: list[tuple[Any, ...]]) -> None:
    """Cycles, lost parents, double ids, clocks that disagree, impossible durations, odd JSON."""
    store = Store()
    store.append("spans", rows)
    found = get_trace(TRACE, store)
    ids = sorted(node.span_id for node in found.walk())
    assert ids == sorted({row[1] for row in rows})
    assert len(layout(found, squeeze=True).rows) == len(trace_tree(found)) == len(ids)
    assert all(isinstance(node.attributes, dict) for node in found.walk())
    assert failure_report(found, store)
    assert len(critical_path_table(found)) <= len(ids)
    assert len(tool_dependencies(found)) <= len(ids)
    drawn = timeline(TRACE, store)
    assert drawn.text()
    assert drawn.html()
    store.close()


def test_a_root_with_a_hundred_thousand_children_is_read_and_shown() -> None:
    store = Store()
    store.append("spans", [span_row("root", None)])
    children = [span_row(f"child-{n}", "root") for n in range(100_000)]
    for first in range(0, len(children), 10_000):
        store.append("spans", children[first : first + 10_000])
    found = get_trace(TRACE, store)
    assert len(found.roots[0].children) == 100_000
    assert len(timeline(found).html()) < 5_000_000
    store.close()


# -- Rules ---------------------------------------------------------------------------------


@given(st.text(max_size=40), st.text(max_size=12), st.text(max_size=12))
def test_any_texts_make_a_rule_or_a_value_error(condition: str, window: str, hold: str) -> None:
    for given_texts in ((condition, "5m", "0s"), ("error_rate > 5%", window, hold)):
        try:
            rule = AlertRule("Any", given_texts[0], window=given_texts[1], for_=given_texts[2])
        except ValueError as error:
            assert str(error)
        else:
            assert parse_duration(given_texts[1]) > 0
            assert rule.condition == given_texts[0]


# -- Questions -----------------------------------------------------------------------------
SECRET = "never-read"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with files that hold a secret, as text and as a database."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "in.csv").write_text(f"event\n{SECRET}\n")
    with duckdb.connect(str(folder / "in.duckdb")) as other:
        other.execute(f"CREATE TABLE t AS SELECT '{SECRET}' AS x")
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_no_function_of_this_duckdb_reads_a_file_or_changes_a_setting(folder: Path) -> None:
    """All of them are tried, so that one that a new version brings is tried, too."""
    store = Store()
    names = store.rows(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE function_type IN ('table', 'table_macro', 'pragma') OR "
        "function_name SIMILAR TO '.*(file|read|text|blob|env|path|secret|glob|url|http).*'"
    )
    settings_before = store.rows("FROM duckdb_settings()")
    tried = 0
    for (name,) in names:
        for file in ("in.csv", "in.duckdb", "*"):
            path = folder / file
            arguments = (f"('{path}')", f"('{path}', 't')", f"(['{path}'])")
            calls = [f'{how} "{name}"{args}' for how in ("FROM", "SELECT") for args in arguments]
            for call in calls:
                tried += 1
                try:
                    answer = repr(store.rows(call))
                except StoreError:
                    continue
                assert SECRET not in answer, call
                assert file != "*" or "in.duckdb" not in answer, call
    assert tried > 500
    assert store.rows("FROM duckdb_settings()") == settings_before
    assert names_in(folder) == ["in.csv", "in.duckdb"]
    store.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT getenv('HOME')",
        "SELECT * FROM query('COPY logs TO ''{folder}/out.csv''')",
        "SELECT * FROM query('FROM read_text(''{folder}/in.csv'')')",
        "FROM query_table('{folder}/in.csv')",
        "FROM read_csv_auto('{folder}/in.csv')",
        "FROM sniff_csv('{folder}/in.csv')",
        "FROM read_ndjson('{folder}/in.csv')",
        "FROM 'https://example.org/x.parquet'",
        "FROM read_csv('https://example.org/x.csv')",
        "FROM read_parquet('s3://bucket/x.parquet')",
        "FROM 'file://{folder}/in.csv'",
        "FROM '{folder}/in.duckdb'",
        "ATTACH '{folder}/in.duckdb' (READ_ONLY)",
        "DETACH memory",
        "IMPORT DATABASE '{folder}'",
        "CREATE MACRO f() AS 1",
        "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE SECRET s (TYPE s3)",
        "CREATE SEQUENCE s",
        "INSTALL 'https://example.org/x.duckdb_extension'",
        "LOAD '{folder}/x.duckdb_extension'",
        "FORCE INSTALL httpfs",
        "UPDATE EXTENSIONS",
        "SET VARIABLE x = 1",
        "SET GLOBAL memory_limit = '1TB'",
        "SET home_directory = '{folder}'",
        "PRAGMA database_list; COPY logs TO '{folder}/out.csv'",
        "EXPLAIN COPY logs TO '{folder}/out.csv'",
        "EXPLAIN ANALYZE COPY logs TO '{folder}/out.csv'",
        "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
        "EXECUTE q",
        "DEALLOCATE q",
        "MERGE INTO logs USING logs AS other ON true WHEN MATCHED THEN DELETE",
        "COMMENT ON TABLE logs IS 'x'",
        "SELECT '\ud800'",
    ],
)  # fmt: skip
def test_a_question_that_is_none_is_refused(query: str, folder: Path) -> None:
    store = Store()
    with pytest.raises(StoreError):
        store.sql(query.replace("{folder}", str(folder)))
    assert store.rows("SELECT count(*) FROM duckdb_tables()") == [(len(TABLES),)]
    assert names_in(folder) == ["in.csv", "in.duckdb"]
    store.close()


def test_a_zero_byte_hides_nothing_behind_it() -> None:
    """Newer versions see a second statement, older ones the end of the text."""
    store = Store()
    with contextlib.suppress(StoreError):
        store.sql("SELECT 1 -- \0 \n; DROP TABLE logs")
    assert store.value("SELECT count(*) FROM logs") == 0
    store.close()


def test_a_value_that_is_no_text_and_an_answer_that_python_cannot_hold_are_store_errors() -> None:
    store = Store()
    with pytest.raises(StoreError):
        store.rows("SELECT ?", ["\ud800"])
    with pytest.raises(StoreError):
        store.rows("SELECT $name", {"name": "\ud800"})
    assert store.value("SELECT 1") == 1


# -- Saved tables --------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    store = Store()
    lines = [(n, "info", "a", f"event {n}", None, None, "{}") for n in range(200)]
    store.append("logs", lines)
    store.append("spans", [span_row("a", None)])
    store.save(tmp_path / "saved")
    store.close()
    return tmp_path / "saved"


def counts(store: Store) -> list[int]:
    return [store.value(f"SELECT count(*) FROM {table}") for table in TABLES]


def refused(folder: Path, names: str = "logs.parquet") -> None:
    """Add `folder` to a store with one line: an error that names the file, nothing changes."""
    store = Store()
    store.append("logs", [(1, "info", "a", "kept", None, None, "{}")])
    before = counts(store)
    with pytest.raises(StoreError, match=names):
        store.add(folder)
    assert counts(store) == before
    assert int(store.stats()["rows"].sum()) == 1
    store.close()


def test_a_file_cut_at_any_place_is_refused(saved: Path) -> None:
    file = saved / "logs.parquet"
    whole = file.read_bytes()
    for size in [0, 1, 4, 11, 12, len(whole) // 2, len(whole) - 8, len(whole) - 1]:
        file.write_bytes(whole[:size])
        refused(saved)


def test_a_folder_or_a_pipe_in_place_of_a_file_is_refused_at_once(saved: Path) -> None:
    """Nobody waits for the pipe's other end."""
    (saved / "logs.parquet").unlink()
    os.mkfifo(saved / "logs.parquet")
    refused(saved)
    (saved / "logs.parquet").unlink()
    (saved / "logs.parquet").mkdir()
    (saved / "spans.parquet").rename(saved / "logs.parquet" / "inside.parquet")
    refused(saved, r"spans.parquet is not a saved table 'spans': there is no such file")


@pytest.mark.parametrize("target", ["/dev/null", "/dev/zero", "missing", "logs.parquet"])
def test_a_link_that_leads_to_no_table_is_refused(target: str, saved: Path) -> None:
    (saved / "logs.parquet").unlink()
    (saved / "logs.parquet").symlink_to(target)
    refused(saved)


@pytest.mark.parametrize("name", ["run[1]", "run*", "level=error", "a'b", "what?"])
def test_the_name_of_a_folder_is_no_pattern_and_no_column(
    name: str, saved: Path, tmp_path: Path
) -> None:
    for other in ("run1", "what1"):  # a pattern would find these
        shutil.copytree(saved, tmp_path / other)
    store = Store.load(saved.rename(tmp_path / name))
    assert store.rows("SELECT level, count(*) FROM logs GROUP BY ALL") == [("info", 200)]
    store.close()


def write(file: Path, query: str) -> None:
    target = str(file).replace("'", "''")
    with duckdb.connect() as other:
        other.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")


def columns(**changed: str) -> str:
    known = {name: f"NULL::{kind}" for name, kind in TABLES["logs"].items()} | changed
    return "SELECT " + ", ".join(f"{value} AS {name}" for name, value in known.items())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS x",
        columns(time="'noon'"),
        columns(fields="'{no json'"),
        columns(event="[1, 2]").replace("event", "another"),
        columns(time="{'a': 1}"),
        columns(time="1e300::DOUBLE"),
    ],
)
def test_a_table_of_another_shape_or_type_is_refused(query: str, saved: Path) -> None:
    write(saved / "logs.parquet", query)
    refused(saved)


@pytest.mark.parametrize(
    "moment", ["'infinity'::TIMESTAMP", "'290000-01-01'::TIMESTAMP", "'0001-01-01'::TIMESTAMP"]
)
def test_a_moment_beyond_all_dates_is_refused_or_kept_and_breaks_nothing(
    moment: str, saved: Path
) -> None:
    """Both is fine; half of the tables is not."""
    write(saved / "logs.parquet", columns(time=moment))
    store = Store()
    try:
        store.add(saved)
    except StoreError:
        assert counts(store) == [0, 0, 0]
    else:
        assert counts(store) == [1, 1, 0]
    store.append("logs", [(1, "info", "a", "kept", None, None, "{}")])
    store.close()


def test_a_failure_in_the_second_table_takes_the_first_back(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a folder, or nothing: here the store finds a value that the reader let through."""
    read = obs_helpers.store.archive.read

    def spoiled(folder: Path) -> Any:
        frames = read(folder)
        frames["logs"]["fields"] = "{no json"
        return frames

    monkeypatch.setattr(obs_helpers.store.archive, "read", spoiled)
    refused(saved, "holds a value that the store cannot")


def test_a_huge_text_in_a_file_is_loaded_and_every_view_cuts_it(saved: Path) -> None:
    store = Store.load(saved)
    huge = "x" * 30_000_000
    store.append("spans", [span_row("b", "a", attributes=json.dumps({"field": huge}), name=huge)])
    store.save(saved)
    store.close()
    again = Store.load(saved)
    assert len(timeline(TRACE, again).html()) < 1_000_000
    assert max(map(len, failure_report(get_trace(TRACE, again), again))) <= 250
    again.close()


# -- Spans from elsewhere ------------------------------------------------------------------


def test_a_span_that_ends_before_it_began_arrives_with_its_negative_duration() -> None:
    """A clock was set back: that is shown, not mended."""
    obs = obs_helpers.start(clock=obs_helpers.VirtualClock())
    assert isinstance(obs.tracer_provider, TracerProvider)
    span = obs.tracer_provider.get_tracer("clock").start_span("back", start_time=2_000_000_000)
    span.end(1_000_000_000)
    assert obs.store.rows("SELECT duration_s, status FROM spans") == [(-1.0, "UNSET")]


def test_an_attribute_without_a_name_arrives(capfd: pytest.CaptureFixture[str]) -> None:
    obs = obs_helpers.start(clock=obs_helpers.VirtualClock())
    with obs.tracer.span("odd", {"": 1, "named": 2}):
        pass
    assert json.loads(obs.store.value("SELECT attributes FROM spans")) == {"''": 1, "named": 2}
    assert capfd.readouterr() == ("", "")
