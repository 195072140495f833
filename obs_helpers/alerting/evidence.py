"""What happened, and where it can be checked: the rows of a timeline.

A row without evidence is an opinion. So every row has one piece of it, and where that is
in the store, the query that shows it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from obs_helpers.alerting.alert import Alert
from obs_helpers.signals.redaction import Redactor

if TYPE_CHECKING:
    import pandas as pd

METRIC, TRACE, LOG, ALERT, NOTE = "metric", "trace", "log", "alert", "note"
"""Kinds of evidence. The first three are in the store, alerts and notes in the incident."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a row can be checked."""

    kind: str
    id: str
    """A metric's name, a trace id, a log line's time and ids, an alert's fingerprint, or
    the number of a note."""
    value: str = ""
    """What was measured; for metrics."""
    query: str = ""
    """SQL that shows it. Empty for alerts and notes."""

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" + (f" = {self.value}" if self.value else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: what happened at a time, and who says so."""

    at: datetime
    """UTC, with its time zone."""
    what: str
    who: str
    """A role, or the signal that shows it: `alert`, `traces`, `logs`, `metrics`."""
    evidence: Evidence


@dataclass(frozen=True)
class Timeline:
    """Entries in the order in which they happened."""

    entries: Sequence[Entry]

    @classmethod
    def of(cls, entries: Iterable[Entry], redact: Redactor) -> "Timeline":
        """Return a timeline of `entries`, redacted; at the same time the given order counts."""
        clean = [replace(e, what=redact(e.what), who=redact(e.who)) for e in entries]
        return cls(sorted(clean, key=lambda entry: entry.at))

    def records(self) -> list[dict[str, Any]]:
        """Return one dict for each entry."""
        return [
            {
                "time": entry.at,
                "what": entry.what,
                "who": entry.who,
                "evidence": str(entry.evidence),
                "query": entry.evidence.query,
            }
            for entry in self.entries
        ]

    def frame(self) -> "pd.DataFrame":
        """Return one row for each entry."""
        import pandas as pd

        columns = ["time", "what", "who", "evidence", "query"]
        return pd.DataFrame(self.records(), columns=columns)


def alert_change(before: Alert | None, after: Alert, now: datetime) -> Entry | None:
    """Return the entry for an alert that began to fire, or ended; None if neither."""
    fired = before is not None and before.state.active
    if after.state.active == fired:
        return None
    at = after.fired_at if after.state.active else after.resolved_at
    named = " ".join((after.name, *after.tags))
    summary = after.annotations.get("summary", "") if after.state.active else ""
    what = f"{named} {'fires' if after.state.active else 'has ended'}"
    return Entry(
        at=at or now,
        what=f"{what}: {summary}" if summary else what,
        who=ALERT,
        evidence=Evidence(ALERT, after.fingerprint),
    )


def trace_evidence(trace_id: str) -> Evidence:
    """Return a run as evidence."""
    return Evidence(TRACE, trace_id, query=f"FROM spans WHERE trace_id = {sql_text(trace_id)}")


def log_evidence(time: datetime, trace_id: str | None, span_id: str | None) -> Evidence:
    """Return a log line as evidence; `time` is UTC without a time zone, as in the store."""
    same = [
        f"{name} IS NOT DISTINCT FROM {'NULL' if value is None else sql_text(value)}"
        for name, value in (("trace_id", trace_id), ("span_id", span_id))
    ]
    query = f"FROM logs WHERE time = {sql_time(time)} AND {' AND '.join(same)}"
    return Evidence(LOG, f"{time.isoformat()}Z {trace_id or '-'}/{span_id or '-'}", query=query)


def sql_text(text: str) -> str:
    """Return `text` as a literal of SQL."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def sql_time(moment: datetime) -> str:
    """Return a moment as a literal of SQL, in the store's way: UTC, without a time zone."""
    return f"TIMESTAMP '{naive(moment).isoformat(sep=' ')}'"


def naive(moment: datetime) -> datetime:
    """Return a moment in the store's way: UTC, without a time zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def aware(moment: datetime) -> datetime:
    """Return a moment as UTC; one without a time zone is taken as UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
