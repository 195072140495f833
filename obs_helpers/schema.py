"""The tables of the telemetry store: what a question can be about, and the SQL behind them."""

from collections.abc import Mapping

TABLES: Mapping[str, Mapping[str, str]] = {
    "spans": {
        "trace_id": "VARCHAR",
        "span_id": "VARCHAR",
        "parent_id": "VARCHAR",
        "name": "VARCHAR",
        "kind": "VARCHAR",
        "service": "VARCHAR",
        "start_time": "TIMESTAMP",
        "end_time": "TIMESTAMP",
        "duration_s": "DOUBLE",
        "status": "VARCHAR",
        "status_message": "VARCHAR",
        "operation": "VARCHAR",
        "error_type": "VARCHAR",
        "agent": "VARCHAR",
        "session_id": "VARCHAR",
        "model": "VARCHAR",
        "tool": "VARCHAR",
        "input_tokens": "BIGINT",
        "output_tokens": "BIGINT",
        "cached_tokens": "BIGINT",
        "reasoning_tokens": "BIGINT",
        "cost_usd": "DECIMAL(18, 9)",
        "attributes": "JSON",
        "events": "JSON",
        "links": "JSON",
    },
    "logs": {
        "time": "TIMESTAMP",
        "level": "VARCHAR",
        "logger": "VARCHAR",
        "event": "VARCHAR",
        "trace_id": "VARCHAR",
        "span_id": "VARCHAR",
        "fields": "JSON",
    },
    "metric_points": {
        "time": "TIMESTAMP",
        "since": "TIMESTAMP",
        "name": "VARCHAR",
        "unit": "VARCHAR",
        "kind": "VARCHAR",
        "labels": "JSON",
        "value": "DOUBLE",
        "count": "BIGINT",
        "sum": "DOUBLE",
        "bounds": "DOUBLE[]",
        "bucket_counts": "BIGINT[]",
        "exemplar_trace_ids": "VARCHAR[]",
    },
}
"""Tables, columns and types. All times are UTC. `status` is RUNNING until a span ends."""

SETUP = (
    "BEGIN",
    "SELECT error('it holds tables of something else') FROM (SELECT list(table_name) AS found "
    "FROM duckdb_tables()) WHERE len(found) > 0 AND NOT list_contains(found, 'spans')",
    *(
        f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(map(' '.join, columns.items()))})"
        for table, columns in TABLES.items()
    ),
    *(f"SELECT {', '.join(columns)} FROM {table} LIMIT 0" for table, columns in TABLES.items()),
    "COMMIT",
    "SET TimeZone = 'UTC'",
    # From here on: no files but its own, no extensions, none of the caller's variables.
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)
"""What makes a new database a store, and refuses one that is something else."""


def typed(table: str, source: str = "frame") -> str:
    """Return the query that gives a column without any value its type back."""
    columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in TABLES[table].items())
    return f"SELECT {columns} FROM {source}"


def _insert(table: str) -> str:
    """Return an INSERT that takes one list per column: far faster than row by row."""
    values = [
        "make_timestamp(unnest(?::BIGINT[]))"
        if kind == "TIMESTAMP"
        else f"unnest(?::{'DOUBLE' if kind.startswith('DECIMAL') else kind}[])"
        for kind in TABLES[table].values()
    ]
    return f"INSERT INTO {table} SELECT {', '.join(values)}"


INSERT = {table: _insert(table) for table in TABLES}
