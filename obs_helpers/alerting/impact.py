"""Impact: what an incident did to users, since when, and what stands out, in numbers.

A run is *affected* if it failed, or if it ended well although a tool had found nothing:
its user got an error, or something made up. Slow runs are not counted as affected; the
slowest p95 shows them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from obs_helpers import conventions as c
from obs_helpers.alerting.evidence import aware, naive
from obs_helpers.alerting.incident import Incident, Status
from obs_helpers.store import Store

LOOK_BACK = timedelta(hours=6)
"""How long before its detection an incident can have begun."""
GAP = timedelta(minutes=5)
"""A time without any affected run that separates an incident from what was before it."""

_EMPTY = f"(operation = '{c.EXECUTE_TOOL}' AND (attributes->>'$.\"{c.RESULT_SIZE}\"') = '2')"
RUNS = f"""
    SELECT trace_id, end_time, duration_s, session_id, error_type, status_message,
           (attributes->>'$."{c.USER_ID}"') AS user_id, status = 'ERROR' AS failed,
           status = 'ERROR'
           OR trace_id IN (SELECT trace_id FROM spans WHERE {_EMPTY}) AS affected
    FROM spans WHERE operation = '{c.INVOKE_AGENT}' AND end_time BETWEEN $start AND $end
      AND coalesce(attributes->>'$."{c.CANCELLED}"', 'false') <> 'true'
"""
"""The runs that ended from `$start` to `$end`; cancelled ones are none."""

_STREAK = f"""
    WITH runs AS ({RUNS}),
         bad AS (SELECT end_time, lag(end_time) OVER (ORDER BY end_time) AS previous
                 FROM runs WHERE affected)
    SELECT max(end_time) FILTER (WHERE previous IS NULL OR end_time - previous > $gap),
           max(end_time)
    FROM bad
"""
_COUNTS = f"""
    SELECT count(*), count(*) FILTER (WHERE affected), count(*) FILTER (WHERE failed),
           count(DISTINCT session_id), count(DISTINCT session_id) FILTER (WHERE affected),
           count(DISTINCT user_id), count(DISTINCT user_id) FILTER (WHERE affected)
    FROM ({RUNS})
"""
_SPENT = f"""
    SELECT sum(cost_usd), count(cost_usd) FROM spans
    WHERE operation = '{c.CHAT}' AND trace_id IN (SELECT trace_id FROM ({RUNS}) WHERE affected)
"""
_SLOWEST = f"""
    SELECT quantile_disc(duration_s, 0.95) AS p95, count(*) FROM ({RUNS})
    GROUP BY time_bucket(INTERVAL 5 MINUTE, end_time, $start::TIMESTAMP)
    ORDER BY p95 DESC, 2 DESC LIMIT 1
"""
_ERRORS = f"""
    SELECT coalesce(error_type, ''), count(*) FROM ({RUNS})
    WHERE failed GROUP BY 1 ORDER BY 2 DESC, 1
"""
_SUSPECTS = f"""
    WITH calls AS (
        SELECT coalesce('tool ' || tool, 'model ' || model) AS who,
               end_time >= $start AS during, (status = 'ERROR' OR {_EMPTY})::INT AS bad
        FROM spans WHERE operation IN ('{c.CHAT}', '{c.EXECUTE_TOOL}')
          AND end_time BETWEEN $before AND $end),
    counted AS (
        SELECT who, sum(bad) FILTER (WHERE during) AS hit,
               count(*) FILTER (WHERE during) AS calls,
               coalesce(sum(bad) FILTER (WHERE NOT during), 0) AS hit_before,
               count(*) FILTER (WHERE NOT during) AS calls_before
        FROM calls WHERE who IS NOT NULL GROUP BY who)
    SELECT * FROM counted WHERE hit > 0
    ORDER BY hit - calls * coalesce(hit_before / nullif(calls_before, 0), 0) DESC, who
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, and the number of cases that it stands on."""

    name: str
    value: int | float | Fraction | Decimal | None
    """A share, a count, seconds, or dollars as a `Decimal`. None if there is no data."""
    n: int
    of: str
    """What `n` counts."""

    @property
    def text(self) -> str:
        """The value as people read it."""
        match self.value:
            case None:
                return "no data"
            case Decimal():
                return f"${self.value:,.6f}"
            case Fraction():
                return f"{float(100 * self.value):.3g} %"
            case float():
                return f"{self.value:.3g} s"
        return f"{self.value:,}"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A tool or a model, with what went wrong in it: before the incident, and during it."""

    who: str
    bad: int
    """Calls that failed or found nothing."""
    calls: int
    bad_before: int
    """In a time as long as the incident, just before it."""
    calls_before: int


def impact_start(incident: Incident, store: Store) -> datetime | None:
    """Return when users began to feel it, UTC; an estimate, None if nothing tells.

    It is the first affected run of those that follow each other within five minutes up to
    the detection, or the first breach of a threshold if that was earlier.
    """
    opened = naive(incident.opened_at)
    times = {"start": opened - LOOK_BACK, "end": opened, "gap": GAP}
    first, last = store.rows(_STREAK, times)[0]
    known = [] if last is None or opened - last > GAP else [first.replace(tzinfo=UTC)]
    breached = incident.breached_at
    if breached is not None and breached <= incident.opened_at:
        known.append(breached)
    return min(known, default=None)


def impact_window(
    incident: Incident,
    store: Store,
    started: datetime | None = None,
    ended: datetime | None = None,
) -> tuple[datetime | None, datetime]:
    """Return when users felt it, UTC: its start, None if nothing tells, and its end.

    Without `started` it is what `impact_start` estimates. Without `ended` it is when the
    incident was mitigated, else when it was resolved, else now.

    Raises:
        ValueError: `started` is after the incident was opened, or after the end.
    """
    reached = incident.reached
    known = reached.get(Status.MITIGATED) or reached.get(Status.RESOLVED) or incident.now
    end = aware(ended) if ended else known
    start = aware(started) if started else impact_start(incident, store)
    if start and start > min(end, incident.opened_at):
        msg = (
            f"the impact cannot start at {start}: the incident was opened at "
            f"{incident.opened_at}, and its impact ended at {end}; give another started or ended"
        )
        raise ValueError(msg)
    return start, end


def impact(store: Store, start: datetime, end: datetime) -> list[Figure]:
    """Return the impact on the runs that ended from `start` to `end`."""
    span = {"start": naive(start), "end": naive(end)}
    runs, affected, failed, sessions, hit_sessions, users, hit_users = store.rows(_COUNTS, span)[0]
    spent, priced = store.rows(_SPENT, span)[0]
    p95, samples = (store.rows(_SLOWEST, span) or [(None, 0)])[0]
    return [
        _figure("runs affected", affected, runs, "runs"),
        _figure("of these, runs that failed", failed, runs, "runs"),
        _figure("share of runs affected", Fraction(affected, runs or 1), runs, "runs"),
        _figure("sessions affected", hit_sessions, sessions, "sessions"),
        _figure("users affected", hit_users, users, "users"),
        _figure("spent in affected runs", spent, priced, "model calls with a price"),
        _figure("slowest p95 of five minutes", p95, samples, "runs in them"),
    ]


def error_types(store: Store, start: datetime, end: datetime) -> list[tuple[str, int]]:
    """Return the error types of the failed runs with their numbers, the most frequent first."""
    return store.rows(_ERRORS, {"start": naive(start), "end": naive(end)})


def suspects(store: Store, start: datetime, end: datetime) -> Sequence[Suspect]:
    """Return the tools and models in which something went wrong.

    First comes the one with most bad calls beyond those that the share before makes expected.
    """
    first, last = naive(start), naive(end)
    times = {"before": first - (last - first), "start": first, "end": last}
    return [Suspect(*row) for row in store.rows(_SUSPECTS, times)]


def _figure(name: str, value: int | float | Fraction | Decimal, n: int, of: str) -> Figure:
    return Figure(name, value if n else None, n, of)


def duration_text(seconds: float | None) -> str:
    """Return seconds as people read them, such as `4 min 12 s`; `not known` for None."""
    if seconds is None:
        return "not known"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"
