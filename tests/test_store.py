"""The store: what goes in comes out, in order, bounded, and nobody can change it by asking."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_helpers import Store, StoreError
from obs_helpers.schema import TABLES
from obs_helpers.telemetry import start

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NOON_US = int(NOON.timestamp()) * 1_000_000
MINUTE_US = 60_000_000
ROOT = Path(__file__).parents[1]


def row(table: str, **values: Any) -> tuple[Any, ...]:
    columns = dict.fromkeys(TABLES[table])
    assert values.keys() <= columns.keys()
    return tuple({**columns, **values}.values())


def span(name: str = "work", at_us: int = NOON_US, **values: Any) -> tuple[Any, ...]:
    ended = {"end_time": at_us + 1_500_000, "duration_s": 1.5, "status": "UNSET"}
    ids = {"trace_id": "a" * 32, "span_id": name.rjust(16, "0"), "attributes": "{}"}
    return row("spans", **{**ids, **ended, "name": name, "start_time": at_us, **values})


def log(event: str = "hello", at_us: int = NOON_US, **values: Any) -> tuple[Any, ...]:
    return row("logs", **{"time": at_us, "event": event, "fields": "{}", **values})


def point(value: float | None = 1.0, at_us: int = NOON_US, **values: Any) -> tuple[Any, ...]:
    named = {"time": at_us, "since": at_us - MINUTE_US, "name": "n", "labels": "{}"}
    return row("metric_points", **{**named, "value": value, **values})


class Source:
    """Hands out rows once, as the buffers of the signals do."""

    def __init__(self, table: str, rows: list[tuple[Any, ...]], dropped: int = 0) -> None:
        self.table, self.dropped = table, dropped
        self._rows, self._lock = rows, threading.Lock()

    def add(self, made: tuple[Any, ...]) -> None:
        with self._lock:
            self._rows.append(made)

    def drain(self) -> list[tuple[Any, ...]]:
        with self._lock:
            rows, self._rows = self._rows, []
        return rows


class SpanSource(Source):
    """A source that also knows which spans are under way."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        super().__init__("spans", rows)
        self.under_way: list[tuple[Any, ...]] = []

    def running(self) -> list[tuple[Any, ...]]:
        return self.under_way


def running_span(name: str, at_us: int = NOON_US) -> tuple[Any, ...]:
    return span(name, at_us, end_time=None, duration_s=None, status="RUNNING")


def stats(store: Store, table: str) -> dict[str, int]:
    found = store.stats().set_index("table").loc[table]
    return {name: int(found[name]) for name in ("rows", "evicted", "dropped")}


# -- In and out ----------------------------------------------------------------------------


def test_what_is_appended_is_in_the_answer_as_a_data_frame() -> None:
    store = Store()
    store.append("spans", [span("first"), span("second", duration_s=0.25)])
    frame = store.sql("SELECT name, duration_s FROM spans ORDER BY name")
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("list") == {"name": ["first", "second"], "duration_s": [1.5, 0.25]}
    assert store.rows("SELECT max(start_time) FROM spans") == [(NOON.replace(tzinfo=None),)]


def test_every_value_lands_in_the_column_at_its_place() -> None:
    samples: dict[str, Any] = {
        "VARCHAR": lambda n: f"text {n}",
        "TIMESTAMP": lambda n: n * 1_000_000,
        "DOUBLE": lambda n: n + 0.5,
        "BIGINT": lambda n: n,
        "DECIMAL(18, 9)": lambda n: n + 0.000000001,
        "JSON": lambda n: f'{{"n":{n}}}',
        "DOUBLE[]": lambda n: [n + 0.5],
        "BIGINT[]": lambda n: [n, n],
        "VARCHAR[]": lambda n: [f"text {n}"],
    }
    epoch = datetime.fromisoformat("1970-01-01")
    store = Store()
    for table, columns in TABLES.items():
        sent = [samples[kind](n) for n, kind in enumerate(columns.values())]
        store.append(table, [tuple(sent)])
        asked = store.sql(f"SELECT * FROM {table}")
        assert list(asked.columns) == list(columns)
        (got,) = store.rows(f"SELECT * FROM {table}")
        for n, (kind, value) in enumerate(zip(columns.values(), got, strict=True)):
            if kind == "TIMESTAMP":
                assert value == epoch + timedelta(seconds=n)
            elif kind.startswith("DECIMAL"):
                assert f"{value:.9f}" == f"{n}.000000001"
            else:
                assert value == sent[n]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("extra", [-1, 1])
def test_a_row_of_the_wrong_length_is_refused_with_the_batch(table: str, extra: int) -> None:
    store = Store()
    good = (None,) * len(TABLES[table])
    with pytest.raises(
        StoreError, match=f"{len(TABLES[table])} columns: {next(iter(TABLES[table]))}"
    ):
        store.append(table, [good, (None,) * (len(good) + extra)])
    assert store.rows(f"SELECT count(*) FROM {table}") == [(0,)]


def test_an_empty_batch_changes_nothing() -> None:
    store = Store()
    store.append("logs", [])
    assert stats(store, "logs") == {"rows": 0, "evicted": 0, "dropped": 0}


@pytest.mark.parametrize(
    "bad",
    [
        {"input_tokens": "many"},
        {"input_tokens": 2**64},
        {"attributes": "{no json"},
        {"start_time": "noon"},
        {"cost_usd": 1e30},
        {"session_id": "half a pair \ud83d"},
        {"duration_s": [1.0]},
    ],
    ids=str,
)
def test_one_bad_row_in_a_batch_loses_only_itself_and_is_counted(bad: dict[str, Any]) -> None:
    store = Store()
    rows = [span(f"span-{n}") for n in range(9)]
    store.attach(Source("spans", [*rows[:4], span("bad", **bad), *rows[4:]], dropped=7))
    names = [name for (name,) in store.rows("SELECT name FROM spans ORDER BY name")]
    assert names == [f"span-{n}" for n in range(9)]
    assert stats(store, "spans") == {"rows": 9, "evicted": 0, "dropped": 7 + 1}


def test_a_running_span_is_visible_once_and_its_end_takes_its_place() -> None:
    store = Store()
    source = SpanSource([])
    # Other sources are emptied in the same flush: they must leave the spans alone.
    for attached in (Source("logs", []), source, Source("metric_points", [])):
        store.attach(attached)
    source.under_way = [running_span("long"), running_span("longer")]
    question = "SELECT name, status FROM spans ORDER BY ALL"
    for _ in range(3):
        assert store.rows(question) == [("long", "RUNNING"), ("longer", "RUNNING")]
        assert stats(store, "spans")["rows"] == 2
    source.under_way = [running_span("longer")]
    source.add(span("long"))
    assert store.rows(question) == [("long", "UNSET"), ("longer", "RUNNING")]
    source.add(span("longer"))  # ended after it was asked what is running
    assert store.rows(question) == [("long", "UNSET"), ("longer", "UNSET")]
    source.under_way = []
    assert store.rows(question) == [("long", "UNSET"), ("longer", "UNSET")]
    assert stats(store, "spans") == {"rows": 2, "evicted": 0, "dropped": 0}


def test_running_spans_of_a_source_that_went_stay_visible() -> None:
    store = Store()
    first, second = SpanSource([]), SpanSource([])
    store.attach(first)
    first.under_way = [running_span("abandoned")]
    store.detach_all()
    store.attach(second)
    second.under_way = [running_span("new")]
    assert store.rows("SELECT name FROM spans ORDER BY name") == [("abandoned",), ("new",)]


def test_a_bad_row_beside_a_running_span_does_not_duplicate_it() -> None:
    store = Store()
    source = SpanSource([])
    source.under_way = [running_span("long")]
    store.attach(source)
    store.flush()
    source.add(span("bad", input_tokens="many"))
    source.add(span("good"))
    assert store.rows("SELECT name FROM spans ORDER BY name") == [("good",), ("long",)]
    assert stats(store, "spans") == {"rows": 2, "evicted": 0, "dropped": 1}


# -- Threads -------------------------------------------------------------------------------


def test_appends_and_questions_from_several_threads_lose_nothing() -> None:
    store, source = Store(), Source("logs", [])
    store.attach(source)
    writers, batches, size = 4, 15, 20
    failures: list[BaseException] = []
    seen: list[int] = []

    def guarded(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        return threading.Thread(target=run)

    def write() -> None:
        for _ in range(batches):
            store.append("logs", [log("direct")] * size)
            source.add(log("buffered"))

    def read() -> None:
        for _ in range(batches):
            (counted,) = store.sql("SELECT count(*) AS n FROM logs WHERE event = 'direct'")["n"]
            seen.append(int(counted))

    threads = [guarded(work) for work in [write] * writers + [read] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(count % size == 0 for count in seen), "a reader saw half a batch"
    assert store.rows("SELECT event, count(*) FROM logs GROUP BY ALL ORDER BY ALL") == [
        ("buffered", writers * batches),
        ("direct", writers * batches * size),
    ]


def test_a_running_span_never_vanishes_for_a_reader_while_others_flush() -> None:
    store, source = Store(), SpanSource([])
    source.under_way = [running_span("long")]
    store.attach(source)
    store.flush()
    stop = threading.Event()

    def keep_flushing() -> None:
        while not stop.is_set():
            store.flush()

    thread = threading.Thread(target=keep_flushing)
    thread.start()
    try:
        counts = {store.rows("SELECT count(*) FROM spans")[0][0] for _ in range(40)}
    finally:
        stop.set()
        thread.join()
    assert counts == {1}


# -- Bounds --------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_the_oldest_rows_go_first_and_are_counted(table: str) -> None:
    store = Store(max_rows=10)
    make: Any = {"spans": span, "logs": log, "metric_points": point}[table]
    column = "start_time" if table == "spans" else "time"
    # Written in another order than they happened.
    minutes = [7, 3, 9, 1, 5, 0, 8, 2, 6, 4, 11, 10]
    store.append(table, [make(at_us=NOON_US + n * MINUTE_US) for n in minutes])
    kept = [time for (time,) in store.rows(f"SELECT {column} FROM {table} ORDER BY ALL")]
    newest = [NOON.replace(tzinfo=None) + timedelta(minutes=n) for n in range(12)]
    assert kept == newest[-len(kept) :]
    assert 0 < len(kept) <= 10
    assert stats(store, table) == {"rows": len(kept), "evicted": 12 - len(kept), "dropped": 0}


@given(st.integers(1, 30), st.lists(st.integers(0, 40), min_size=2, max_size=6))
@settings(max_examples=5)
def test_a_table_never_holds_more_than_its_limit(limit: int, batches: list[int]) -> None:
    store, source, sent = Store(max_rows=limit), SpanSource([]), 0
    store.attach(source)
    for size in batches:
        source.under_way = [running_span(f"running-{sent}", NOON_US - MINUTE_US)]
        for n in range(size):
            source.add(span(f"{sent + n}", NOON_US + sent + n))
        sent += size
        ((held, finished),) = store.rows("SELECT count(*), count(end_time) FROM spans")
        assert held <= limit
        assert stats(store, "spans")["rows"] <= limit
        assert finished + stats(store, "spans")["evicted"] >= sent
    source.under_way = []
    left = stats(store, "spans")["rows"]
    assert store.rows("SELECT count(*), count(end_time) FROM spans") == [(left, left)]
    store.close()


def test_retention_deletes_what_is_older_and_counts_it() -> None:
    store = Store()
    for table, make in (("spans", span), ("logs", log), ("metric_points", point)):
        store.append(table, [make(at_us=NOON_US + n * MINUTE_US) for n in range(-2, 2)])
    store.forget_before(NOON)
    for table in TABLES:
        assert stats(store, table) == {"rows": 2, "evicted": 2, "dropped": 0}
    assert store.rows("SELECT min(time) FROM logs") == [(NOON.replace(tzinfo=None),)]


def test_a_limit_in_another_time_zone_means_the_same_moment() -> None:
    store = Store()
    store.append("logs", [log(at_us=NOON_US + n * MINUTE_US) for n in range(-2, 2)])
    store.forget_before(NOON.astimezone(timezone(timedelta(hours=9))))
    assert stats(store, "logs") == {"rows": 2, "evicted": 2, "dropped": 0}
    store.forget_before(NOON.replace(tzinfo=None) + timedelta(minutes=1))
    assert stats(store, "logs") == {"rows": 1, "evicted": 3, "dropped": 0}


# -- Questions change nothing --------------------------------------------------------------

FORBIDDEN = [
    "INSERT INTO logs (event) VALUES ('planted')",
    "UPDATE logs SET event = 'planted'",
    "DELETE FROM logs",
    "TRUNCATE logs",
    "DROP TABLE logs",
    "ALTER TABLE logs ADD COLUMN planted INT",
    "CREATE TABLE planted (x INT)",
    "CREATE OR REPLACE VIEW logs2 AS SELECT 1",
    "WITH new AS (SELECT 'planted') INSERT INTO logs (event) FROM new",
    "WITH gone AS (SELECT 1) DELETE FROM logs",
    "EXPLAIN ANALYZE INSERT INTO logs (event) VALUES ('planted')",
    "EXPLAIN ANALYZE DELETE FROM logs",
    "COPY logs TO '{folder}/out.csv'",
    "COPY logs FROM '{folder}/in.csv'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/out.duckdb' AS other",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET threads = 1",
    "RESET ALL",
    "PRAGMA enable_profiling",
    "PRAGMA threads = 1",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "PREPARE q AS SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DELETE FROM logs",
    "COMMIT; DELETE FROM logs",
    "",
    "-- nothing",
    "FROM read_csv('{folder}/in.csv')",
    "FROM read_text('{folder}/in.csv')",
    "FROM read_blob('{folder}/in.csv')",
    "FROM read_json('{folder}/in.csv')",
    "FROM read_parquet('{folder}/in.csv')",
    "FROM glob('{folder}/*')",
    "FROM '{folder}/in.csv'",
    "SELECT * FROM parquet_metadata('{folder}/in.csv')",
    "FROM frame_of_the_caller",
    "SELECT getvariable('x'), * FROM no_such_table",
    "FROM checkpoint()",
    'FROM "Force_Checkpoint" /* now */ ()',
    "WITH done AS (FROM checkpoint()) FROM done",
    "EXPLAIN ANALYZE FROM checkpoint()",
    "SELECT write_log('planted')",
    "FROM enable_logging()",
    "SELECT setseed(0.5)",
]


@pytest.fixture(scope="module")
def one_log() -> Store:
    store = Store()
    store.append("logs", [log("kept", level="info")])
    return store


@pytest.mark.parametrize("query", FORBIDDEN)
def test_a_question_cannot_write_read_files_or_reach_python(
    query: str, one_log: Store, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("event\nfrom a file\n")
    frame_of_the_caller = pd.DataFrame({"event": ["from a variable"]})
    store, before = one_log, one_log.rows("FROM logs")
    for ask in (store.sql, store.rows):
        with pytest.raises(StoreError):
            ask(query.format(folder=tmp_path))
    assert store.rows("FROM logs") == before
    assert store.rows("SELECT table_name FROM duckdb_tables() ORDER BY ALL") == [
        (table,) for table in sorted(TABLES)
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["in.csv"]
    assert len(frame_of_the_caller) == 1


def test_a_variable_named_like_a_table_does_not_stand_in_for_it() -> None:
    logs = pd.DataFrame({"event": ["from a variable"]})
    store = Store()
    store.append("logs", [log("from the store")])
    assert store.rows("SELECT event FROM logs") == [("from the store",)]
    assert len(logs) == 1


@pytest.mark.parametrize(
    "query",
    [
        "FROM logs",
        "  WITH x AS (SELECT event FROM logs) SELECT * FROM x;  ",
        "DESCRIBE logs",
        "SUMMARIZE logs",
        "SHOW TABLES",
        "EXPLAIN SELECT * FROM logs",
        "EXPLAIN ANALYZE SELECT * FROM logs",
        "VALUES (1)",
    ],
)
def test_what_only_reads_is_answered(query: str, one_log: Store) -> None:
    assert len(one_log.sql(query)) >= 1


def test_parameters_stand_for_values_and_are_never_code() -> None:
    store = Store()
    evil = "x' OR 1=1; DELETE FROM logs --"
    store.append("logs", [log("hello"), log(evil)])
    question = "SELECT event FROM logs WHERE event = ?"
    assert store.rows(question, [evil]) == [(evil,)]
    assert store.sql(question, ("hello",))["event"].tolist() == ["hello"]
    with pytest.raises(StoreError):
        store.rows(question)
    with pytest.raises(StoreError):
        store.rows(question, ["one", "too many"])


def test_the_message_for_a_typo_names_it_and_what_may_be_meant() -> None:
    store = Store()
    with pytest.raises(StoreError, match=r"duration_sec.*[\s\S]*duration_s"):
        store.sql("SELECT duration_sec FROM spans")
    with pytest.raises(StoreError, match=r"spanz[\s\S]*spans"):
        store.sql("SELECT * FROM spanz")
    with pytest.raises(StoreError, match="SELEC"):
        store.sql("SELEC 1")


def test_a_text_may_name_what_a_question_must_not_call(one_log: Store) -> None:
    asked = "SELECT count(*) FROM logs WHERE event IN ('checkpoint', 'FROM checkpoint()', 'kept')"
    assert one_log.value(asked) == 1


@pytest.mark.parametrize(
    ("asked", "remedy"),
    [
        ((None,), "query=None does not work; give one SELECT as a text"),
        (("SELECT '\ud800'",), "does not work; give one SELECT as a text without lone surrogates"),
        (("SELECT ?", 5), "params=5 does not work; give a list with a value for each ?"),
        (("SELECT ?", "x"), "params='x' does not work; give a list with a value for each ?"),
    ],
)
def test_a_question_that_is_none_is_refused_in_one_line(asked: Any, remedy: str) -> None:
    with pytest.raises(StoreError, match=re.escape(remedy)) as no:
        Store().sql(*asked)
    assert "\n" not in str(no.value)


def test_retention_wants_a_time() -> None:
    with pytest.raises(ValueError, match="limit='2026-01-01' does not work; give a datetime"):
        Store().forget_before("2026-01-01")  # type: ignore[arg-type]


def test_an_error_while_the_answer_is_computed_is_a_store_error_too() -> None:
    store = Store()
    store.append("logs", [log("1"), log("not a number")])
    for ask in (store.sql, store.rows):
        with pytest.raises(StoreError, match="not a number"):
            ask("SELECT event::INT FROM logs")
    assert store.rows("SELECT count(*) FROM logs") == [(2,)]


# -- Parquet -------------------------------------------------------------------------------

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_maybe = {
    "VARCHAR": _text,
    "TIMESTAMP": st.integers(0, 2**52),
    "DOUBLE": st.floats(allow_nan=False),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "DECIMAL(18, 9)": st.decimals(-(10**6), 10**6, places=9).map(float),
    "JSON": st.sampled_from(["{}", "[]", '{"a":[1,2.5,null,"\\u0000 ü"]}', '"\\"text\\""', "null"]),
    "DOUBLE[]": st.lists(st.none() | st.floats(allow_nan=False), max_size=3),
    "BIGINT[]": st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3),
    "VARCHAR[]": st.lists(st.none() | _text, max_size=3),
}


def rows_of(table: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    columns = [st.none() | _maybe[kind] for kind in TABLES[table].values()]
    return st.lists(st.tuples(*columns), max_size=4)


@given(st.fixed_dictionaries({table: rows_of(table) for table in TABLES}))
@settings(max_examples=4)
def test_save_and_load_give_back_exactly_the_same(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, list[tuple[Any, ...]]]
) -> None:
    folder = tmp_path_factory.mktemp("saved") / "it's a folder" / "of 'mine'"
    with_rows = Store()
    for table, rows in content.items():
        with_rows.append(table, rows)
    with_rows.save(folder)
    loaded = Store.load(folder)
    for table in TABLES:
        question = f"FROM {table}"
        assert repr(loaded.rows(question)) == repr(with_rows.rows(question))
        assert loaded.rows(f"DESCRIBE {table}") == with_rows.rows(f"DESCRIBE {table}")
        assert stats(loaded, table)["rows"] == len(content[table])
    loaded.close()
    with_rows.close()


def test_a_loaded_table_without_a_value_can_be_computed_with(tmp_path: Path) -> None:
    store = Store()
    store.append("spans", [span()])
    store.save(tmp_path)
    loaded = Store.load(tmp_path)
    assert loaded.rows("SELECT sum(cost_usd), sum(input_tokens + output_tokens) FROM spans") == [
        (None, None)
    ]
    assert loaded.rows("SELECT sum(value), max(time) FROM metric_points") == [(None, None)]
    loaded.append("spans", [span(input_tokens=3, output_tokens=4)])
    assert loaded.rows("SELECT sum(input_tokens + output_tokens) FROM spans") == [(7,)]


def test_a_loaded_store_is_bounded_and_read_only_too(tmp_path: Path) -> None:
    store = Store()
    store.append("logs", [log(f"{n}", NOON_US + n) for n in range(30)])
    store.save(tmp_path)
    loaded = Store.load(tmp_path, max_rows=10)
    kept = [int(event) for (event,) in loaded.rows("SELECT event FROM logs ORDER BY time")]
    assert kept == list(range(30 - len(kept), 30))
    assert 0 < len(kept) <= 10
    with pytest.raises(StoreError):
        loaded.sql("DELETE FROM logs")


@pytest.fixture(scope="module")
def saved_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    store = Store()
    store.append("spans", [span()])
    store.save(folder)
    return folder


@pytest.fixture
def saved(saved_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved_once, tmp_path / "saved"))


@pytest.mark.parametrize("table", TABLES)
def test_loading_from_a_folder_without_one_table_names_the_file(table: str, saved: Path) -> None:
    (saved / f"{table}.parquet").unlink()
    with pytest.raises(StoreError, match=f"{table}.parquet is not a saved table"):
        Store.load(saved)


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1" + b"\0" * 9 + b"PAR1"])
def test_loading_a_file_that_is_no_table_names_the_file(content: bytes, saved: Path) -> None:
    (saved / "logs.parquet").write_bytes(content)
    with pytest.raises(StoreError, match=r"logs\.parquet is not a saved table 'logs'"):
        Store.load(saved)


def test_loading_the_parquet_file_of_something_else_names_the_file(saved: Path) -> None:
    with duckdb.connect() as other:
        other.execute(f"COPY (SELECT 1 AS x) TO '{saved / 'spans.parquet'}'")
    with pytest.raises(StoreError, match=r"spans\.parquet is not a saved table 'spans'"):
        Store.load(saved)


def test_a_column_of_the_wrong_type_is_refused_and_nothing_is_added(saved: Path) -> None:
    columns = ", ".join(f"'x' AS {name}" for name in TABLES["logs"])
    with duckdb.connect() as other:
        other.execute(f"COPY (SELECT {columns}) TO '{saved / 'logs.parquet'}'")
    target = Store()
    with pytest.raises(StoreError, match=r"logs\.parquet"):
        target.add(saved)
    assert target.rows("SELECT count(*) FROM spans") == [(0,)]


# -- One file ------------------------------------------------------------------------------


def run_python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_file_store_survives_being_closed_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.duckdb"
    with_rows = Store(path, max_rows=50)
    with_rows.append("logs", [log(f"{n}", NOON_US + n) for n in range(20)])
    before = with_rows.rows("FROM logs")
    with_rows.close()
    again = Store(path, max_rows=50)
    assert again.rows("FROM logs") == before
    # What was there already counts towards the limit.
    again.append("logs", [log("new", NOON_US + 100 + n) for n in range(40)])
    assert stats(again, "logs")["rows"] <= 50
    assert stats(again, "logs")["evicted"] >= 10
    again.close()


KILLED = """
import sys, time
import obs_helpers
obs = obs_helpers.start(store=sys.argv[1])
with obs.tracer.span("run"):
    for n in range(100):
        with obs.tracer.span(f"step {n}"):
            obs.logger("child").info("step", n=n)
    with obs.tracer.span("hangs"):
        obs_helpers.metrics.increment("steps", 100)
        obs.flush()
        print("flushed", flush=True)
        time.sleep(60)
"""


def test_after_kill_9_everything_flushed_is_there_and_running_spans_are_visible(
    tmp_path: Path,
) -> None:
    path = tmp_path / "telemetry.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "flushed\n"
        # While the process lives, nobody else can open its file.
        with pytest.raises(StoreError, match=r"telemetry\.duckdb.*another process"):
            Store(path)
        child.kill()
        assert child.wait(30) == -signal.SIGKILL
    store = Store(path)
    assert store.rows(
        "SELECT count(*), count(DISTINCT name), min(status) FROM spans WHERE name LIKE 'step %'"
    ) == [(100, 100, "UNSET")]
    assert store.rows("SELECT name FROM spans WHERE status = 'RUNNING' ORDER BY name") == [
        ("hangs",),
        ("run",),
    ]
    assert store.rows("SELECT count(DISTINCT fields->>'n') FROM logs") == [(100,)]
    assert store.rows("SELECT sum(value) FROM metric_points WHERE name = 'steps'") == [(100,)]
    store.close()
    # The next process goes on with the file, and leaves the killed one's spans as they are.
    obs = start(store=path)
    with obs.tracer.span("next"):
        assert obs.store.rows("SELECT name FROM spans WHERE status = 'RUNNING' ORDER BY ALL") == [
            ("hangs",),
            ("next",),
            ("run",),
        ]


def test_a_second_process_is_told_that_the_file_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.duckdb"
    owner = Store(path)
    owner.append("logs", [log("kept")])
    other = run_python("import obs_helpers, sys; obs_helpers.Store(sys.argv[1])", path)
    assert other.returncode == 1
    assert f"StoreError: cannot open '{path}'" in other.stderr
    assert "another process has it open" in other.stderr
    assert owner.rows("SELECT event FROM logs") == [("kept",)]
    owner.close()
    question = "print(obs_helpers.Store(sys.argv[1]).rows('SELECT event FROM logs'))"
    after = run_python(f"import obs_helpers, sys; {question}", path)
    assert after.stdout == "[('kept',)]\n"


def damaged(path: Path) -> None:
    store = Store(path)
    store.append("logs", [log(f"{n}") for n in range(5000)])
    store.close()
    content = bytearray(path.read_bytes())
    content[:8192] = os.urandom(8192)
    path.write_bytes(content)


def text(path: Path) -> None:
    path.write_text("these are my notes, not a database\n" * 500)


def foreign_table_of_the_same_name(path: Path) -> None:
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE metric_points AS SELECT 42 AS mine")


def foreign_tables(path: Path) -> None:
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE customers AS SELECT 42 AS id")


@pytest.mark.parametrize(
    "make",
    [damaged, text, foreign_table_of_the_same_name, foreign_tables],
    ids=lambda f: f.__name__,
)
def test_a_file_that_is_no_store_is_refused_and_left_as_it_is(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.duckdb"
    make(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"cannot open '.*mine\.duckdb'.*move it away") as refused:
        Store(path)
    # It is not kept open, though the error still is: whoever owns it can use it. (Reading
    # the file here would give up this process's lock on it, so the owner comes first.)
    if make in (foreign_tables, foreign_table_of_the_same_name):
        owner = run_python("import duckdb, sys; duckdb.connect(sys.argv[1])", path)
        assert (owner.returncode, owner.stderr) == (0, ""), refused
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["mine.duckdb"]


def test_a_folder_that_is_missing_or_is_the_file_itself_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "such" / "folder" / "t.duckdb", tmp_path):
        with pytest.raises(StoreError, match="cannot open"):
            Store(path)
    assert list(tmp_path.iterdir()) == []


READ_ONLY = """
import os, sys
from obs_helpers import Store, StoreError
os.chdir(sys.argv[1])
os.chmod(".", 0o555)
if os.geteuid() == 0:  # root may write anywhere
    os.seteuid(65534)
try:
    Store("telemetry.duckdb")
except StoreError as error:
    print(error)
os.seteuid(os.getuid())
os.chmod(".", 0o755)
print(os.listdir("."))
"""


def test_a_folder_that_cannot_be_written_to_is_a_clear_error(tmp_path: Path) -> None:
    ended = run_python(READ_ONLY, tmp_path)
    assert ended.stderr == ""
    assert "cannot open 'telemetry.duckdb' as a telemetry store" in ended.stdout
    assert "Permission denied" in ended.stdout
    assert ended.stdout.endswith("[]\n")


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"path": 5}, "path=5 does not work; give the path of a file"),
        ({"path": ""}, "path='' does not work; give the path of a file"),
        ({"max_rows": -1}, "max_rows=-1 does not work; give a whole number above 0"),
        ({"max_rows": True}, "max_rows=True does not work; give a whole number above 0"),
    ],
)
def test_a_store_that_cannot_be_is_refused(options: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        Store(**options)


def test_closing_twice_is_harmless_and_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "telemetry.duckdb")
    store.close()
    store.close()
    for use in (lambda: store.sql("SELECT 1"), lambda: store.append("logs", [log()])):
        with pytest.raises(StoreError, match=r"' is closed; open it with Store\('/.*duckdb'\)$"):
            use()


def test_after_shutdown_a_file_store_says_how_it_can_be_read(tmp_path: Path) -> None:
    obs = start(store=tmp_path / "telemetry.duckdb")
    obs.shutdown()
    with pytest.raises(StoreError, match=r"is closed; open it with Store\("):
        obs.store.rows("FROM spans")


class Broken:
    """A source that raises."""

    table, dropped = "logs", 0

    def drain(self) -> list[tuple[Any, ...]]:
        raise LookupError("broken")


class Given(Broken):
    """A source that has one row."""

    table = "spans"

    def drain(self) -> list[tuple[Any, ...]]:
        return [span()]


def test_a_source_that_raises_keeps_nothing_back_of_the_others_and_the_store_closes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.duckdb"
    store = Store(path)
    store.attach(Broken())
    store.attach(Given())
    with pytest.raises(LookupError, match="broken"):
        store.flush()
    assert store.taken["spans"] == 1
    with pytest.raises(LookupError, match="broken"):
        store.close()
    again = Store(path)
    assert again.value("SELECT count(*) FROM spans") == 2
    again.close()


@pytest.mark.parametrize(
    "query",
    [
        "FROM checkpoint()",
        'FROM "Checkpoint" ()',
        "FROM force_checkpoint()",
        "FROM system.main.checkpoint/**/()",
        "SELECT 1 WHERE (SELECT write_log('hi')) IS NULL",
        "EXPLAIN ANALYZE SELECT write_log('hi')",
        "FROM truncate_duckdb_logs()",
        "FROM query('FROM checkpoint()')",
    ],
)
def test_a_function_that_changes_something_is_refused(query: str) -> None:
    with pytest.raises(StoreError, match="answers one SELECT at a time and changes nothing"):
        Store().sql(query)


def test_the_names_of_such_functions_may_be_asked_for() -> None:
    store = Store()
    assert store.value("SELECT count(*) FROM logs WHERE event = 'checkpoint()'") == 0
    assert store.value("SELECT 1 AS checkpoint") == 1
    assert store.rows("EXPLAIN SELECT 1 AS checkpoint")


def test_the_message_about_a_text_that_is_none_can_be_printed() -> None:
    for query in ("SELECT '\ud800'", "SELECT \ud800", "\ud800"):
        with pytest.raises(StoreError) as refused:
            Store().sql(query)
        assert str(refused.value).encode()
