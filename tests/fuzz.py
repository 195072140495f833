"""Hostile input, by the million: `python -m tests.fuzz redaction --seconds 60`.

Each target takes bytes, makes of them what it is about, and checks what must always hold.
With atheris installed, coverage guides which bytes come next; without it, chance does.
`python -m tests.fuzz all` runs each target for the given time in turn.
"""

import argparse
import contextlib
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

try:
    import atheris

    guided: contextlib.AbstractContextManager[Any] = atheris.instrument_imports(["obs_helpers"])
except ImportError:
    atheris, guided = None, contextlib.nullcontext()

with guided:
    import obs_helpers
    from obs_helpers import AlertRule, Redactor, Store, StoreError, VirtualClock
    from obs_helpers.alerting.conditions import ConditionError
    from obs_helpers.insight.critical_path import critical_path
    from obs_helpers.insight.debugging import trace_tree
    from obs_helpers.insight.trace_layout import layout
    from obs_helpers.insight.traces import get_trace
    from obs_helpers.schema import TABLES


class Bytes:
    """Values out of bytes; when they run out, all is zero."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, below: int) -> int:
        size = max(1, (below - 1).bit_length() + 7 >> 3)
        taken = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(taken, "big") % below

    def text(self) -> str:
        """Return any text, lone surrogates included."""
        size = self.number(64)
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken.decode("utf-8", "surrogateescape")

    def rest(self) -> str:
        return self._data[self._at :].decode("utf-8", "surrogateescape")

    def value(self, depth: int = 0) -> Any:
        """Return what somebody may pass as a field or an attribute."""
        kind = self.number(12)
        if kind < 4 or depth > 12:
            return self.text()
        if kind < 7:
            items = [self.value(depth + 1) for _ in range(self.number(4))]
            return items if kind == 4 else tuple(items) if kind == 5 else dict.fromkeys(
                (self.text() for _ in items), items
            )  # fmt: skip
        plain = (None, True, math.nan, -math.inf, self.number(2**64) - 2**63)
        return plain[kind - 7]


# -- Targets -------------------------------------------------------------------------------
REDACT = Redactor()
SECRET = "zoe.kerr@example.org"


def redaction(data: bytes) -> None:
    """An address between spaces goes whatever is around it; a second pass changes nothing."""
    source = Bytes(data)
    value = {"field": source.value(), "text": f"{source.text()} {SECRET} {source.text()}"}
    once = REDACT(value)
    assert SECRET not in json.dumps(once), value
    assert not str(once).count("REDACTION FAILED"), value
    assert str(REDACT(once)) == str(once), value


def rule(data: bytes) -> None:
    """A rule is made, or its error is a ValueError of a few lines."""
    source = Bytes(data)
    window, hold = source.text(), source.text()
    try:
        made = AlertRule("Fuzz", source.rest(), window=window or "5m", for_=hold or "0s")
    except ValueError as error:
        assert not isinstance(error, ConditionError) or len(str(error)) < 1_000
    else:
        assert AlertRule("Again", made.condition).comparison == made.comparison


@cache
def telemetry() -> obs_helpers.Telemetry:
    return obs_helpers.start(clock=VirtualClock(), seed=1, max_rows=1_000, level="debug")


def span(data: bytes) -> None:
    """Whatever a span is given, its row arrives, and holds JSON."""
    source, obs = Bytes(data), telemetry()
    attributes = {source.text(): source.value() for _ in range(source.number(6))}
    with obs.tracer.trace_request(source.text(), **attributes) as trace_id:
        obs.tracer.add_span(trace_id, source.text(), {source.text(): source.value()})
    rows = obs.store.rows("SELECT attributes FROM spans WHERE trace_id = ?", [trace_id])
    assert len(rows) == 2, attributes
    assert all(isinstance(json.loads(text), dict) for (text,) in rows)


def log(data: bytes) -> None:
    """Whatever is logged, one line of JSON arrives, within its limit."""
    source, obs = Bytes(data), telemetry()
    fields = {source.text(): source.value() for _ in range(source.number(6))}
    with obs.tracer.trace_request("log") as trace_id:
        obs.logger(source.text()).info(source.text(), source.value(), **fields)
    rows = obs.store.rows("SELECT fields FROM logs WHERE trace_id = ?", [trace_id])
    assert len(rows) == 1, fields
    assert isinstance(json.loads(rows[0][0]), dict)


def spans_of(source: Bytes) -> list[tuple[Any, ...]]:
    """Return rows of one trace: cycles, lost parents, double ids, times that cannot be."""
    texts = ("{}", "null", "[]", '"text"', '{"gen_ai.operation.name": [1]}', '[{"name": null}, 7]',
             '{"gen_ai.usage.input_tokens": -1, "gen_ai.operation.name": "chat"}')  # fmt: skip
    rows = []
    for _ in range(source.number(12)):
        offset = (0, 1, 10**6, -(10**9), 10**15)[source.number(5)] * source.number(9)
        duration = (None, 0.5, -3.0, 1e300, math.inf, math.nan)[source.number(6)]
        known = {
            "trace_id": "f" * 32, "span_id": f"{source.number(6)}", "kind": "INTERNAL",
            "parent_id": (None, f"{source.number(8)}")[source.number(4) > 0],
            "name": source.text().encode(errors="replace").decode(),
            "start_time": 1_767_600_000_000_000 + offset if source.number(8) else None,
            "duration_s": duration, "status": ("UNSET", "ERROR", "RUNNING")[source.number(3)],
            "attributes": texts[source.number(7)], "events": texts[source.number(7)],
            "links": texts[source.number(7)],
        }  # fmt: skip
        rows.append(tuple(known.get(column) for column in TABLES["spans"]))
    return rows


@cache
def empty_store() -> Store:
    return Store(max_rows=1_000)


def trace(data: bytes) -> None:
    """Every span id of a broken trace is in its tree once, and all who read it cope."""
    store = empty_store()
    store._delete("spans", "true", [])
    rows = spans_of(Bytes(data))
    store.append("spans", rows)
    if not rows:
        return
    found = get_trace("f" * 32, store)
    ids = [node.span_id for node in found.walk()]
    assert sorted(ids) == sorted({row[1] for row in rows})
    assert len(layout(found, squeeze=True).rows) == len(ids) == len(trace_tree(found))
    assert all(segment.duration_s > 0 for segment in critical_path(found))
    assert found.failure_point is None or found.error
    assert [*found.mended, *found.tool_calls, found.last_success]


@cache
def watched_store() -> tuple[Store, Path]:
    folder = Path(tempfile.mkdtemp(prefix="obs-fuzz-"))
    (folder / "secret.csv").write_text("event\nnever-read\n")
    store = Store(folder / "fuzz.duckdb")
    store.append("logs", [(1, "info", "a", "kept", None, None, "{}")])
    store.append("spans", [(None,) * len(TABLES["spans"])])
    return store, folder


WORDS = (
    *("SELECT", "FROM", "logs", "spans", "WITH x AS (", ")", "(", "*", ",", ";", "1", "'a'", "--"),
    *("INSERT INTO", "VALUES", "DELETE", "DROP TABLE", "CREATE TABLE y AS", "COPY", "TO", "UPDATE"),
    *("ATTACH", "PRAGMA", "SET", "=", "LOAD", "INSTALL", "CALL", "EXPLAIN ANALYZE", "read_csv"),
    *("read_text", "glob", "'{folder}/secret.csv'", "'{folder}/out.csv'", "query", "getenv", "/*"),
    *("event", "WHERE", "UNION ALL", "EXPORT DATABASE", "PREPARE z AS", "EXECUTE z", "RETURNING"),
)  # fmt: skip


def sql(data: bytes) -> None:
    """A question is answered or a StoreError, shows no file, and changes nothing."""
    (store, folder), source = watched_store(), Bytes(data)
    words = [WORDS[source.number(len(WORDS))] for _ in range(source.number(12))]
    query = " ".join([*words, source.rest()]).replace("{folder}", str(folder))
    try:
        answer = repr(store.rows(query))
    except StoreError:
        answer = ""
    assert "never-read" not in answer, query
    assert store.rows("SELECT event FROM logs") == [("kept",)], query
    assert store.rows("SELECT count(*) FROM duckdb_tables()") == [(len(TABLES),)], query
    assert not (folder / "out.csv").exists(), query


@cache
def saved() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="obs-fuzz-"))
    store = Store()
    store.append("logs", [(n, "info", "a", f"event {n}", None, None, "{}") for n in range(50)])
    store.save(folder)
    store.close()
    return folder


def parquet(data: bytes) -> None:
    """A damaged file is a StoreError, or holds rows; never half of it is added."""
    source, file, store = Bytes(data), saved() / "logs.parquet", empty_store()
    good = file.read_bytes()
    bad = bytearray(good[: source.number(len(good)) or len(good)])
    for _ in range(source.number(8)):
        bad[source.number(len(bad))] = source.number(256)
    before = store.rows("SELECT count(*) FROM logs")
    try:
        file.write_bytes(bad)
        store.add(saved())
    except StoreError as error:
        assert "logs.parquet" in str(error) or "does not" in str(error) or "cannot" in str(error)
        assert store.rows("SELECT count(*) FROM logs") == before
    finally:
        file.write_bytes(good)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (redaction, rule, span, log, trace, sql, parquet)
}  # fmt: skip


# -- Running -------------------------------------------------------------------------------
def by_chance(target: Callable[[bytes], None], seconds: float, runs: int, seed: int) -> int:
    """Feed random bytes until the time or the runs are over; return how many there were."""
    draw, end, done = random.Random(seed), time.monotonic() + seconds, 0
    while done < runs and time.monotonic() < end:
        data = draw.randbytes(draw.randrange(400))
        if draw.random() < 0.5:  # mostly letters, so that texts are texts
            data = bytes(byte % 96 + 32 for byte in data)
        try:
            target(data)
        except Exception:
            print(f"{target.__name__} failed on {data!r}", file=sys.stderr)
            raise
        done += 1
    return done


def main() -> None:
    """Run one target, or all."""
    parser = argparse.ArgumentParser(description="Hostile input, by the million.")
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=4)
    given = parser.parse_args()
    if given.target == "all":
        for name in TARGETS:  # each in a process of its own: atheris ends it
            same = ("--seconds", f"{given.seconds}", "--seed", f"{given.seed}")
            subprocess.run([sys.executable, "-m", "tests.fuzz", name, *same], check=True)
    elif atheris is None:
        done = by_chance(TARGETS[given.target], given.seconds, sys.maxsize, given.seed)
        print(f"{given.target}: {done:,} runs by chance, nothing found (atheris is not installed)")
    else:
        guide(TARGETS[given.target], given.seconds, given.seed)


def guide(target: Callable[[bytes], None], seconds: int, seed: int) -> None:
    """Let coverage choose the bytes; what fails is kept in a temporary folder."""
    target(b"\1" * 400)  # loads what is loaded late
    folder = tempfile.mkdtemp(prefix="obs-found-")
    options = (f"-max_total_time={seconds}", f"-seed={seed}", f"-artifact_prefix={folder}/")
    more = ("-len_control=0", "-max_len=400", "-print_final_stats=1")
    atheris.Setup([sys.argv[0], *options, *more], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
