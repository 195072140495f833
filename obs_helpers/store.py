"""The embedded telemetry store: spans, logs and metric points in DuckDB.

Whoever makes telemetry attaches a source. The store takes what the sources hold, a
batch at a time and column by column, and answers questions in SQL. It is bounded: when
a table is full, its oldest rows go, and are counted.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from obs_helpers import archive, database
from obs_helpers.database import Gone, Params, StoreError
from obs_helpers.forks import Owner, watch_forks
from obs_helpers.given import check, is_count
from obs_helpers.interrupts import interruptible, uninterrupted
from obs_helpers.schema import INSERT, TABLES, typed
from obs_helpers.sources import Provisional, Source

if TYPE_CHECKING:
    import pandas as pd

Row = tuple[Any, ...]
_ORDER = {"spans": "start_time", "logs": "time", "metric_points": "time"}


class Store(Owner):
    """Telemetry in DuckDB: in memory, or in one file that this process owns."""

    def __init__(self, path: str | Path = ":memory:", max_rows: int = 1_000_000) -> None:
        """Open or create the store at `path`; each table holds `max_rows` at the most.

        Raises:
            ValueError: `path` or `max_rows` cannot be.
            StoreError: the file is no store, is damaged, or another process has it open.
                It is left as it is.
        """
        check("path", path, isinstance(path, str | Path) and path != "", "the path of a file")
        check("max_rows", max_rows, is_count(max_rows), "a whole number above 0")
        self.path, self.max_rows = str(path), max_rows
        self.taken = dict.fromkeys(TABLES, 0)
        self.evicted = dict.fromkeys(TABLES, 0)
        self.refused = dict.fromkeys(TABLES, 0)
        self._unwritten: dict[Source, list[Row]] = {}
        self._sources: list[Source] = []
        self._lock = threading.RLock()
        self._running: list[str] = []
        self._con = database.connect(self.path)
        self._rows = {table: self._count(table) for table in TABLES}
        watch_forks(self)

    def attach(self, source: Source) -> None:
        """Take rows from `source` at each flush."""
        self._sources.append(source)

    def detach_all(self) -> None:
        """Take what the sources still hold, then forget them."""
        try:
            self.flush()
        finally:
            for source, rows in self._unwritten.items():
                self.refused[source.table] += len(rows)
            self._sources.clear()
            self._unwritten.clear()
            self._running.clear()  # their owner is gone: they stay as they are

    def flush(self) -> None:
        """Take everything the sources hold. After this it survives the process (file)."""
        errors = []
        with self._alone():
            for source in self._sources:
                try:  # one that fails keeps nothing back of the others
                    if self.unwritten(source):
                        self._take(source)  # what could not be written before, then the rest
                    self._take(source)
                except Exception as error:
                    errors.append(error)
        if errors:
            raise errors[0]

    def unwritten(self, source: Source) -> int:
        """Return how many rows of `source` wait because the file could not be written."""
        return len(self._unwritten.get(source, ()))

    def append(self, table: str, rows: Sequence[Row]) -> None:
        """Insert `rows`, whose values stand in the order of the table's columns.

        Raises:
            StoreError: a row has too few or too many values; nothing is inserted.
        """
        if not rows:
            return
        columns = TABLES[table]
        if any(len(row) != len(columns) for row in rows):
            msg = f"{table!r} has {len(columns)} columns: {', '.join(columns)}; a row differs"
            raise StoreError(msg)
        with self._alone():
            values = [list(column) for column in zip(*rows, strict=True)]
            self._do(INSERT[table], values)
            self._rows[table] += len(rows)
            if self._rows[table] > self.max_rows:
                self._evict(table)

    def sql(self, query: str, params: Params = ()) -> "pd.DataFrame":
        """Answer one question; what was recorded until now is in the answer.

        The engine refuses to write, to read files and to load extensions.

        Raises:
            StoreError: DuckDB's own message for a query that it cannot or must not run.
        """
        frame: pd.DataFrame = self._ask(query, params, duckdb.DuckDBPyConnection.df)
        return frame

    def rows(self, query: str, params: Params = ()) -> list[Row]:
        """Answer one question with plain tuples; as `sql` otherwise."""
        rows: list[Row] = self._ask(query, params, duckdb.DuckDBPyConnection.fetchall)
        return rows

    def value(self, query: str, params: Params = ()) -> Any:
        """Return the first value of the answer, None if there is no row."""
        return next(iter(self.rows(query, params)), (None,))[0]

    def _ask(self, query: str, params: Params, fetch: Callable[[Any], Any]) -> Any:
        try:
            self.flush()
            cursor = self._con.cursor()
            return interruptible(cursor, lambda: fetch(database.asked(cursor, query, params)))
        except database.NO_ANSWER as error:
            raise StoreError(str(error)) from None

    def stats(self) -> "pd.DataFrame":
        """Return rows held, evicted, and dropped (no room, or a wrong type), per table."""
        import pandas as pd

        self.flush()
        dropped = dict(self.refused)
        for source in self._sources:
            dropped[source.table] += source.dropped
        rows = [(table, self._rows[table], self.evicted[table], dropped[table]) for table in TABLES]
        return pd.DataFrame(rows, columns=["table", "rows", "evicted", "dropped"])

    def forget_before(self, limit: datetime) -> None:
        """Delete what is older than `limit`, UTC unless it says otherwise; it counts as evicted.

        Raises:
            ValueError: `limit` is no datetime.
        """
        check("limit", limit, isinstance(limit, datetime), "a datetime")
        moment = limit.astimezone(UTC).replace(tzinfo=None) if limit.tzinfo else limit
        with self._alone():
            self.flush()
            for table, column in _ORDER.items():
                self._delete(table, f"{column} < ?", [moment])

    def save(self, folder: str | Path) -> None:
        """Write each table to `folder` as Parquet, for other tools to read."""
        archive.write(Path(folder), {table: self.sql(f"FROM {table}") for table in TABLES})

    @classmethod
    def load(cls, folder: str | Path, max_rows: int = 1_000_000) -> "Store":
        """Return an in-memory store with what `save` wrote; raises as `add` does."""
        store = cls(max_rows=max_rows)
        store.add(folder)
        return store

    def add(self, folder: str | Path) -> None:
        """Add what the store of another process wrote with `save`: all of it, or nothing.

        Raises:
            StoreError: a file is missing or is not what `save` writes.
        """
        try:
            frames = archive.read(Path(folder))
        except ValueError as error:
            raise StoreError(str(error)) from None
        with self._alone():
            self._do("BEGIN")
            try:
                for table, frame in frames.items():
                    self._insert_frame(table, frame)
                self._do("COMMIT")
            except duckdb.Error as error:
                self._do("ROLLBACK")
                raise StoreError(f"{folder} holds a value that the store cannot: {error}") from None
            for table, frame in frames.items():
                self._rows[table] += len(frame)
                if self._rows[table] > self.max_rows:
                    self._evict(table)

    def close(self) -> None:
        """Flush and close; a file can then be opened elsewhere."""
        with self._alone():
            try:
                self.detach_all()
            finally:
                self._con.close()
                self._con = Gone(self.path, closed=True)  # type: ignore[assignment]

    def pause(self) -> None:
        """Finish what is being written: a fork in the middle would lock the child's DuckDB."""
        self._lock.acquire()

    def resume(self) -> None:
        """Write again."""
        self._lock.release()

    def leave(self) -> None:
        """Leave the database to the parent: a forked child that closed it would write to it."""
        database.never_close(self._con)
        self._con, self._lock = Gone(self.path), threading.RLock()  # type: ignore[assignment]
        self._sources, self._running, self._unwritten = [], [], {}

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other thread and no signal come between what belongs together."""
        with self._lock, uninterrupted():
            yield

    def _take(self, source: Source) -> None:
        running = source.running() if isinstance(source, Provisional) else []
        rows = self._unwritten.get(source) or source.drain()
        ended = {row[1] for row in rows}
        running = [row for row in running if row[1] not in ended]
        if not rows and not running and not self._running:
            return
        self._unwritten[source] = rows
        refused = self.refused[source.table]
        self._write(source, rows + running)
        del self._unwritten[source]
        self.taken[source.table] += len(rows) - (self.refused[source.table] - refused)
        if isinstance(source, Provisional):
            self._running = [row[1] for row in running]

    def _write(self, source: Source, rows: list[Row]) -> None:
        try:
            self._do("BEGIN")  # nobody sees, no crash leaves, a span without its row
            self._replace(source, rows)
            self._do("COMMIT")
        except BaseException as error:
            with contextlib.suppress(duckdb.TransactionException):  # ended by a failed COMMIT
                self._do("ROLLBACK")
            self._rows[source.table] = self._count(source.table)
            if isinstance(error, duckdb.OperationalError) or not isinstance(error, Exception):
                raise  # a full disk: no fault of a row, they are written next time
            self._replace(source, [])
            self._append_what_fits(source.table, rows)

    def _replace(self, source: Source, rows: list[Row]) -> None:
        """Append `rows`; those of the spans that were running go."""
        if isinstance(source, Provisional) and self._running:
            gone = self._do(
                "DELETE FROM spans WHERE end_time IS NULL AND span_id IN "
                "(SELECT unnest(?::VARCHAR[]))",
                [self._running],
            )
            self._rows["spans"] -= gone[0][0]
        self.append(source.table, rows)

    def _append_what_fits(self, table: str, rows: list[Row]) -> None:
        """Insert all rows but those that DuckDB refuses, a text where a number belongs."""
        try:
            self.append(table, rows)
        except duckdb.OperationalError:  # no fault of a row
            raise
        except Exception:  # DuckDB 1 has no exception of its own for a lone surrogate
            if len(rows) == 1:
                self.refused[table] += 1
                return
            middle = len(rows) // 2
            self._append_what_fits(table, rows[:middle])
            self._append_what_fits(table, rows[middle:])

    def _evict(self, table: str) -> None:
        spare = self._rows[table] - self.max_rows + self.max_rows // 10  # not at every batch
        oldest = f"rowid IN (SELECT rowid FROM {table} ORDER BY {_ORDER[table]} LIMIT ?)"
        self._delete(table, oldest, [spare])

    def _delete(self, table: str, condition: str, params: list[Any]) -> None:
        self._do(f"DELETE FROM {table} WHERE {condition}", params)
        before, self._rows[table] = self._rows[table], self._count(table)
        self.evicted[table] += before - self._rows[table]

    def _count(self, table: str) -> int:
        return int(self._do(f"SELECT count(*) FROM {table}")[0][0])

    def _do(self, statement: str, params: Sequence[Any] = ()) -> list[Row]:
        return self._con.execute(statement, params).fetchall()  # to the end: DuckDB 2 wants it

    def _insert_frame(self, table: str, frame: "pd.DataFrame") -> None:
        self._con.register("frame", frame)
        try:
            self._do(f"INSERT INTO {table} {typed(table)}")
        finally:
            self._con.unregister("frame")
