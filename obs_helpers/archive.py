"""Saved tables: a folder with one Parquet file for each table of the store."""

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from obs_helpers.schema import TABLES, typed

if TYPE_CHECKING:
    import pandas as pd


def write(folder: Path, frames: Mapping[str, "pd.DataFrame"]) -> None:
    """Write each table to `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as writer:
        for table, frame in frames.items():
            writer.register("frame", frame)
            target = str(folder / f"{table}.parquet").replace("'", "''")
            writer.execute(f"COPY ({typed(table)}) TO '{target}' (FORMAT parquet)")


def read(folder: Path) -> dict[str, "pd.DataFrame"]:
    """Return the tables that `write` wrote.

    Raises:
        ValueError: a file is missing or is not what `write` writes.
    """
    frames = {}
    for table in TABLES:
        file = folder / f"{table}.parquet"
        try:
            frames[table] = _table(table, file)
        except (duckdb.Error, ValueError, OSError) as error:
            msg = f"{file} is not a saved table {table!r}: {error}"
            raise ValueError(msg) from None
    return frames


def _table(table: str, file: Path) -> "pd.DataFrame":
    if not file.is_file():  # DuckDB would wait for a pipe, and read all files of a folder
        msg = "there is no such file"
        raise ValueError(msg)
    # A folder named `[1]` is no pattern, and one named `level=info` is no column.
    source = "read_parquet(?, hive_partitioning = false)"
    with duckdb.connect() as reader:
        frame: pd.DataFrame = reader.execute(typed(table, source), [glob.escape(str(file))]).df()
        return frame
