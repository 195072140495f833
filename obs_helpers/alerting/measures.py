"""What rules can measure, read from the store's spans as exact numbers.

Each measure is one query that answers for many moments at once: a tick asks for now, a
preview for each minute of a day. A window of width w at t is `(t - w, t]`, as in
Prometheus 3, and a run belongs to the window in which it ended.

Spans that sampling left out are in no measure. Rules are right where the store is whole:
`start(sampling=1)`, the default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from obs_helpers import conventions as c
from obs_helpers.alerting.conditions import Unit
from obs_helpers.store import Store

Labels = tuple[tuple[str, str], ...]
"""Names and values of an alert's own labels, as a key."""

_RUNS = f"""
    SELECT end_time AS happened, trace_id, agent, service, session_id AS session,
           attributes->>'$."{c.USER_ID}"' AS "user", duration_s,
           (status = 'ERROR')::INT AS failed
    FROM spans
    WHERE operation = '{c.INVOKE_AGENT}' AND end_time > $after AND end_time <= $until
      AND coalesce(attributes->>'$."{c.CANCELLED}"', 'false') <> 'true'
"""
_COSTS = f"""
    SELECT end_time AS happened, trace_id, model, service, session_id AS session, cost_usd
    FROM spans WHERE operation = '{c.CHAT}' AND cost_usd IS NOT NULL
      AND end_time > $after AND end_time <= $until
"""
_TOOLS = f"""
    SELECT end_time AS happened, trace_id, tool, service, session_id AS session,
           (status = 'ERROR')::INT AS failed,
           (coalesce(attributes->>'$."{c.RESULT_SIZE}"', '') = '2')::INT AS empty
    FROM spans WHERE operation = '{c.EXECUTE_TOOL}' AND end_time > $after AND end_time <= $until
"""
_PER_RUN = f"""
    WITH runs AS ({_RUNS})
    SELECT runs.*, tokens, usd FROM runs JOIN (
        SELECT trace_id, sum(input_tokens + output_tokens) AS tokens, sum(cost_usd) AS usd
        FROM spans WHERE operation = '{c.CHAT}' AND trace_id IN (SELECT trace_id FROM runs)
        GROUP BY trace_id) USING (trace_id)
"""
_RUNNING = f"""
    SELECT start_time AS happened, coalesce(end_time, 'infinity') AS until_time, trace_id, agent,
           service, session_id AS session
    FROM spans WHERE operation = '{c.INVOKE_AGENT}' AND start_time <= $until
      AND (end_time IS NULL OR end_time > $after)
"""
_SEEN = """
    SELECT start_time AS happened, service FROM spans WHERE start_time <= $until
    UNION ALL SELECT end_time, service FROM spans WHERE end_time <= $until
    UNION ALL SELECT time, NULL FROM logs WHERE time <= $until
"""
_IN_WINDOW = "happened > t - to_microseconds($width) AND happened <= t"
_RUN_LABELS = ("agent", "service", "session", "user")


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing to measure."""

    unit: Unit
    meaning: str
    events: str
    """Query for the events between `$after` and `$until`."""
    value: str
    """SQL over the events of one window."""
    labels: tuple[str, ...] = ()
    """What `by` can name."""
    failures: str = "NULL"
    worst: str = ""
    """SQL that puts the runs to blame first."""
    samples: str = "count(*)"
    join: str = _IN_WINDOW
    is_sum: bool = False
    """A sum needs no minimum of samples; a share or a quantile does."""


def _quantiles(metric: str, unit: Unit, what: str, column: str, events: str) -> dict[str, Measure]:
    return {
        f"p{q}_{metric}": Measure(
            unit, f"{what} that {q} % of finished runs do not exceed, by nearest rank",
            events, f"quantile_disc({column}, {q / 100})", _RUN_LABELS,
            worst=f"{column} DESC", samples=f"count({column})",
        )
        for q in (50, 90, 95, 99)
    }  # fmt: skip


MEASURES: Mapping[str, Measure] = {
    "error_rate": Measure(
        Unit.RATIO, "failed / finished runs; cancelled ones are in neither",
        _RUNS, "sum(failed)", _RUN_LABELS, "sum(failed)", "failed DESC, happened DESC",
    ),
    "tool_success_rate": Measure(
        Unit.RATIO, "successful / finished tool calls",
        _TOOLS, "sum(1 - failed)", ("tool", "service", "session"), "sum(failed)",
        "failed DESC, happened DESC",
    ),
    "empty_result_rate": Measure(
        Unit.RATIO, "tool calls that found nothing and called it a success / finished tool calls",
        _TOOLS, "sum(empty)", ("tool", "service", "session"), "sum(empty)",
        "empty DESC, happened DESC",
    ),
    "hourly_cost": Measure(
        Unit.USD, "dollars spent in the window / its hours; what has no price is left out",
        _COSTS, "sum(cost_usd)", ("model", "service", "session"), worst="cost_usd DESC",
        is_sum=True,
    ),
    **_quantiles("latency", Unit.SECONDS, "the seconds", "duration_s", _RUNS),
    **_quantiles("cost_per_request", Unit.USD, "the dollars", "usd", _PER_RUN),
    **_quantiles("tokens_per_request", Unit.TOKENS, "the tokens", "tokens", _PER_RUN),
    "oldest_running_seconds": Measure(
        Unit.SECONDS, "age of the oldest run that has not ended: a hung run is in no other measure",
        _RUNNING, "(epoch_us(t) - epoch_us(min(happened))) / 1e6", _RUN_LABELS[:3],
        worst="happened", join="happened <= t AND until_time > t", is_sum=True,
    ),
    "telemetry_age_seconds": Measure(
        Unit.SECONDS, "time since the last record of any kind; nothing before the first",
        _SEEN, "(epoch_us(t) - epoch_us(max(happened))) / 1e6", join="happened <= t", is_sum=True,
    ),
}  # fmt: skip
"""By the names that conditions use."""

UNITS = {name: measure.unit for name, measure in MEASURES.items()}


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value, and what it stands on."""

    value: Fraction
    samples: int
    failures: int | None = None
    """None where the measure knows no failures."""


Question = tuple[str, float, tuple[str, ...]]
"""Metric, window in seconds, labels: what several rules may ask at once."""


def read(
    store: Store, question: Question, moments: Sequence[datetime]
) -> dict[datetime, dict[Labels, Reading]]:
    """Answer `question` for each moment; without data there is no reading.

    Raises:
        StoreError: the store cannot answer.
    """
    metric, window_s, by = question
    measure = MEASURES[metric]
    columns = [f'"{name}"' for name in by]
    keys = ", ".join(["t", *columns])
    query = f"""
        WITH ticks AS (SELECT unnest($moments::TIMESTAMP[]) AS t), events AS ({measure.events})
        SELECT {keys}, {measure.value}, {measure.samples}, {measure.failures}
        FROM ticks JOIN events ON {measure.join} GROUP BY {keys}
    """
    found: dict[datetime, dict[Labels, Reading]] = {moment: {} for moment in moments}
    naive = {moment.astimezone(UTC).replace(tzinfo=None): moment for moment in moments}
    for at, *row in store.rows(query, _parameters(query, window_s, list(naive))):
        labels = tuple((name, str(value or "")) for name, value in zip(by, row, strict=False))
        value, samples, failures = row[len(by) :]
        if value is not None:
            exact = _per_unit(measure, metric, Fraction(value), samples, window_s)
            found[naive[at]][labels] = Reading(exact, samples, failures)
    return found


def _per_unit(measure: Measure, metric: str, value: Fraction, samples: int, w: float) -> Fraction:
    if measure.unit is Unit.RATIO:
        return value / samples
    return value / (Fraction(w) / 3600) if metric == "hourly_cost" else value


def worst_runs(
    store: Store, question: Question, labels: Labels, at: datetime, limit: int = 3
) -> tuple[str, ...]:
    """Return the trace ids of the runs that a reading owes most to."""
    metric, window_s, _ = question
    measure = MEASURES[metric]
    if not measure.worst:
        return ()
    mine = "".join(
        f" AND coalesce(\"{name}\", '') = $label_{n}" for n, (name, _) in enumerate(labels)
    )
    query = f"""
        WITH ticks AS (SELECT unnest($moments::TIMESTAMP[]) AS t), events AS ({measure.events})
        SELECT trace_id FROM ticks JOIN events ON {measure.join}{mine}
        ORDER BY {measure.worst}, trace_id LIMIT {limit}
    """
    parameters = _parameters(query, window_s, [at.astimezone(UTC).replace(tzinfo=None)])
    parameters |= {f"label_{n}": value for n, (_, value) in enumerate(labels)}
    return tuple(row[0] for row in store.rows(query, parameters))


def _parameters(query: str, window_s: float, moments: list[datetime]) -> dict[str, Any]:
    given = {
        "moments": moments,
        "after": min(moments) - timedelta(seconds=window_s),
        "until": max(moments),
        "width": round(window_s * 1_000_000),
    }
    return {name: value for name, value in given.items() if f"${name}" in query}


def utc(time_ns: int) -> datetime:
    """Return the moment as an aware UTC time, to the microsecond."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC) + timedelta(
        microseconds=time_ns // 1000 % 1_000_000
    )
