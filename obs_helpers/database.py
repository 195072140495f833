"""The database file of a store: opened if it is one, and left to the parent after a fork."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from typing import Any

import duckdb

from obs_helpers.schema import SETUP


class StoreError(Exception):
    """The store cannot do what was asked; the message says what to do instead."""


class Left:
    """Stands for the database in a forked child."""

    def __init__(self, path: str) -> None:
        self._path, self._pid = path, os.getppid()

    def __getattr__(self, name: str) -> Any:
        msg = (
            f"the store {self._path!r} stayed with process {self._pid}, which forked this one; "
            "call start() here, with a store of its own"
        )
        raise StoreError(msg)

    def close(self) -> None:
        """Do nothing: it is the parent's."""


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


@contextlib.contextmanager
def interrupts() -> Iterator[None]:
    """Let Ctrl-C be what it is in all of Python: DuckDB makes an error of its own of it."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        raise


def never_close(con: duckdb.DuckDBPyConnection) -> None:
    """Keep a connection open until the process ends, whoever lets go of it.

    DuckDB writes to its file when the last reference goes. In a forked child that would
    be the parent's file.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(con))
