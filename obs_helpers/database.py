"""The database file of a store: opened if it is one, and left to the parent after a fork."""

import ctypes
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb

from obs_helpers.given import check
from obs_helpers.safe_json import plain_text
from obs_helpers.schema import SETUP

Params = Sequence[Any] | Mapping[str, Any]
"""Values for `?`, or by name for `$name`."""

_QUESTIONS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_EFFECTS = (
    r"\w*checkpoint|write_log|truncate_duckdb_logs|(?:en|dis)able_(?:logging|profiling)"
    r"|setseed|setval|nextval|sleep_ms|query|json_execute_\w+"
)
"""Functions that do something, or run a text, in a transaction that only reads, too."""
_COULD_CALL = re.compile(_EFFECTS, re.IGNORECASE)
_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(ANALYZE\s+)?", re.IGNORECASE)
_CALLED = re.compile(rf'"function_name":"(?:{_EFFECTS})"|"error":true', re.IGNORECASE)
NO_ANSWER = (duckdb.Error, TypeError, RuntimeError, ValueError)
"""The last three, by DuckDB's version: a text that is no UTF-8, a statement of a new kind."""


class StoreError(Exception):
    """The store cannot do what was asked; the message says what to do instead."""

    def __init__(self, message: str) -> None:
        super().__init__(plain_text(message))  # DuckDB repeats a text that cannot be printed


class Gone:
    """Stands for the database of a closed store, and in a forked child."""

    def __init__(self, path: str, closed: bool = False) -> None:
        self._why = (
            f"the store {path!r} is closed; open it with Store({path!r})"
            if closed
            else f"the store {path!r} stayed with process {os.getppid()}, which forked this one; "
            "call start() here, with a store of its own"
        )

    def __getattr__(self, name: str) -> Any:
        raise StoreError(self._why)

    def close(self) -> None:
        """Do nothing: it is closed, or the parent's."""


def connect(path: str) -> duckdb.DuckDBPyConnection:
    """Open or create the store at `path`.

    Raises:
        StoreError: the file is no store, is damaged, or another process has it open.
    """
    con = None
    try:
        con = duckdb.connect(path)
        for statement in SETUP:
            con.execute(statement).fetchall()
    except duckdb.Error as error:
        if con is not None:
            con.close()
        msg = (
            f"cannot open {path!r} as a telemetry store, and left it as it is: {error}. "
            "If another process has it open, end that process. If it is damaged or is "
            "something else, move it away and start again, or give another path."
        )
        raise StoreError(msg) from None
    return con


def asked(
    cursor: duckdb.DuckDBPyConnection, query: str, params: Params
) -> duckdb.DuckDBPyConnection:
    """Return `cursor` with the answer to `query`, or refuse it.

    Raises:
        StoreError: it is not one SELECT.
        ValueError: it is no text, or `params` are no values.
    """
    whole = isinstance(query, str) and query == query.encode("utf-8", "replace").decode()
    check("query", query, whole, "one SELECT as a text without lone surrogates")
    values = isinstance(params, Iterable) and not isinstance(params, str | bytes)
    check("params", params, values, "a list with a value for each ?, or a dict for $name")
    kinds = [statement.type for statement in cursor.extract_statements(query)]
    if len(kinds) != 1 or kinds[0] not in _QUESTIONS or _changes(cursor, query):
        msg = f"the store answers one SELECT at a time and changes nothing: {query!r}"
        raise StoreError(msg)
    cursor.execute("BEGIN TRANSACTION READ ONLY").fetchall()
    return cursor.execute(query, params if isinstance(params, Mapping) else list(params))


def _changes(cursor: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Tell whether a question calls a function that DuckDB answers in a read-only transaction."""
    if not _COULD_CALL.search(query):
        return False
    asked_for = [_EXPLAIN.sub("", query)]
    tree = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", asked_for).fetchall()
    return bool(_CALLED.search(str(tree[0][0])))


def never_close(con: duckdb.DuckDBPyConnection) -> None:
    """Keep a connection open until the process ends, whoever lets go of it.

    DuckDB writes to its file when the last reference goes. In a forked child that would
    be the parent's file.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(con))
