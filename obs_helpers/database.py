"""The database file of a store: opened if it is one, and left to the parent after a fork."""

import ctypes
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb

from obs_helpers.given import check
from obs_helpers.schema import SETUP

Params = Sequence[Any] | Mapping[str, Any]
"""Values for `?`, or by name for `$name`."""

_QUESTIONS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_EFFECTS = (
    "checkpoint", "write_log", "truncate_duckdb_logs", "enable_logging", "disable_logging",
    "enable_profiling", "disable_profiling", "setseed", "setval", "nextval", "sleep_ms",
)  # fmt: skip
"""Functions that do something, which DuckDB calls in a transaction that only reads."""
NO_ANSWER = (duckdb.Error, TypeError, RuntimeError, ValueError)
"""The last three, by DuckDB's version: a text that is no UTF-8, a statement of a new kind."""


class StoreError(Exception):
    """The store cannot do what was asked; the message says what to do instead."""


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
    if len(kinds) != 1 or kinds[0] not in _QUESTIONS or _has_effect(cursor, query):
        msg = f"the store answers one SELECT at a time and changes nothing: {query!r}"
        raise StoreError(msg)
    cursor.execute("BEGIN TRANSACTION READ ONLY").fetchall()
    return cursor.execute(query, params if isinstance(params, Mapping) else list(params))


def _has_effect(cursor: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Tell whether `query` calls one of `_EFFECTS`, or could: DuckDB's parser decides."""
    if not any(name in query.lower() for name in _EFFECTS):
        return False
    tree = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()[0][0]
    called = re.findall(r'"function_name":"(?:force_)?(\w+)"', tree)
    return '"error":true' in tree or any(name in _EFFECTS for name in called)


def never_close(con: duckdb.DuckDBPyConnection) -> None:
    """Keep a connection open until the process ends, whoever lets go of it.

    DuckDB writes to its file when the last reference goes. In a forked child that would
    be the parent's file.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(con))
