"""The timeline of an incident: what alerts, people and telemetry say, in one order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from obs_helpers import conventions as c
from obs_helpers.alerting.alert import Alert
from obs_helpers.alerting.evidence import (
    METRIC,
    Entry,
    Evidence,
    Timeline,
    alert_change,
    aware,
    log_evidence,
    naive,
    sql_time,
    trace_evidence,
)
from obs_helpers.alerting.impact import RUNS, impact_window
from obs_helpers.alerting.incident import Incident, Status
from obs_helpers.alerting.preview import Preview
from obs_helpers.signals.redaction import Redactor
from obs_helpers.store import Store

MAX_KINDS = 10
"""Kinds of log lines shown, the most frequent ones; one row says how many more there are."""
_LEAD = timedelta(minutes=1)
"""Errors and log lines are looked for from a little before the first affected run on: they
are what led to it."""
_MINUTE, _TICK = timedelta(minutes=1), timedelta(microseconds=1)

_AFFECTED = f"""
    SELECT end_time, trace_id, failed, status_message FROM ({RUNS})
    WHERE affected ORDER BY end_time, trace_id
"""
_PEAK = f"""
    SELECT time_bucket(INTERVAL 1 MINUTE, end_time) AS minute,
           count(*) FILTER (WHERE affected) AS hit, count(*)
    FROM ({RUNS}) GROUP BY minute HAVING hit > 0 ORDER BY hit DESC, minute LIMIT 1
"""
_FIRST_ERROR = f"""
    SELECT end_time, trace_id, name, status_message FROM spans
    WHERE status = 'ERROR' AND operation IN ('{c.CHAT}', '{c.EXECUTE_TOOL}')
      AND end_time BETWEEN $start AND $end ORDER BY end_time, trace_id, span_id LIMIT 1
"""
_LOGS = """
    SELECT time, level, logger, event, trace_id, span_id, number
    FROM (SELECT DISTINCT ON (level, logger, event) *,
                 count(*) OVER (PARTITION BY level, logger, event) AS number
          FROM logs WHERE level IN ('warning', 'error', 'critical')
            AND time BETWEEN $start AND $end
          ORDER BY level, logger, event, time, trace_id, span_id)
    ORDER BY number DESC, time, level, logger, event
"""


def timeline(
    incident: Incident,
    store: Store,
    previews: Sequence[Preview] = (),
    started: datetime | None = None,
    redact: Redactor | None = None,
) -> Timeline:
    """Return everything known about the time from the start of the impact to the end.

    Args:
        incident: Gives the alerts, the pages, and what people did and noted.
        store: Gives the first and last affected run, the worst minute, the first failed
            call, and the first of each kind of warning and error in the log.
        previews: Rules whose alerts would have been there; those that were are left out.
        started: When the impact began; estimated by `impact_start` unless given.
        redact: Cleans the texts; by the default rules unless given.

    Raises:
        ValueError: `started` is after the incident was opened.
    """
    start, _ = impact_window(incident, store, started)
    first = naive(start or incident.opened_at)
    last = naive(incident.reached.get(Status.RESOLVED, incident.now))
    found = [
        *incident.entries,
        *_affected(store, first, last),
        *_first_error(store, first - _LEAD, last),
        *_logs(store, first - _LEAD, last),
        *(entry for each in previews for entry in _hindsight(each, incident, first, last)),
    ]
    return Timeline.of(found, redact or Redactor())


def _affected(store: Store, start: datetime, end: datetime) -> Iterator[Entry]:
    window = {"start": start, "end": end}
    runs = store.rows(_AFFECTED, window)
    for which, row in (("first", runs[:1]), ("last", runs[1:][-1:])):
        for time, trace_id, failed, message in row:
            how = f"failed: {message or 'no message'}" if failed else "answered from nothing"
            yield _seen(time, f"{which} affected run {how}", "traces", trace_evidence(trace_id))
    for minute, hit, all_runs in store.rows(_PEAK, window):
        value = f"{hit} of {all_runs}"
        first, last = max(minute, start), min(minute + _MINUTE - _TICK, end)
        query = _count_query(first, last)
        evidence = Evidence(METRIC, "affected_runs", value, query)
        yield _seen(first, f"worst minute: {value} runs affected", "metrics", evidence)


def _count_query(start: datetime, end: datetime) -> str:
    runs = RUNS.replace("$start", sql_time(start)).replace("$end", sql_time(end))
    return " ".join(f"SELECT count(*) FILTER (WHERE affected), count(*) FROM ({runs})".split())


def _first_error(store: Store, start: datetime, end: datetime) -> Iterator[Entry]:
    for time, trace_id, name, message in store.rows(_FIRST_ERROR, {"start": start, "end": end}):
        what = f"first failed call, {name}: {message or 'no message'}"
        yield _seen(time, what, "traces", trace_evidence(trace_id))


def _logs(store: Store, start: datetime, end: datetime) -> Iterator[Entry]:
    kinds = store.rows(_LOGS, {"start": start, "end": end})
    for time, level, logger, event, trace_id, span_id, number in kinds[:MAX_KINDS]:
        what = f"{level} of {logger}: {event} (first of {number:,})"
        yield _seen(time, what, "logs", log_evidence(time, trace_id, span_id))
    for time, *_ in kinds[MAX_KINDS : MAX_KINDS + 1]:
        query = (
            "SELECT level, logger, event, count(*) FROM logs WHERE level IN ('warning', 'error', "
            f"'critical') AND time BETWEEN {sql_time(start)} AND {sql_time(end)} GROUP BY ALL"
        )
        what = f"{len(kinds) - MAX_KINDS} more kinds of warnings and errors, each less frequent"
        evidence = Evidence(METRIC, "kinds_of_log_lines", str(len(kinds)), query)
        yield _seen(time, what, "logs", evidence)


def _hindsight(
    preview: Preview, incident: Incident, start: datetime, end: datetime
) -> Iterator[Entry]:
    """Yield what the alerts of a rule would have done."""
    before: dict[str, Alert] = {}
    for moment, alerts in zip(preview.moments, preview.alerts, strict=True):
        for alert in alerts:
            change = alert_change(before.get(alert.fingerprint), alert, moment)
            before[alert.fingerprint] = alert
            was_there = alert.fingerprint in incident.alerts
            if change and start <= naive(moment) <= end and not was_there:
                yield replace(change, what=f"in hindsight, {change.what}", who="preview")


def _seen(time: datetime, what: str, who: str, evidence: Evidence) -> Entry:
    return Entry(aware(time), what, who, evidence)
