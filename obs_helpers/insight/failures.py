"""Errors: kept one by one for a while, and as a table of issues for longer.

An issue is all errors with one fingerprint: one problem, whomever it hit. An error that was
handled, by a retry for example, is kept as well, but is no error of the request.
"""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from structlog.contextvars import get_contextvars

from obs_helpers import conventions as c
from obs_helpers.clock import NS_PER_S, Clock, SystemClock
from obs_helpers.insight.fingerprints import MAX_MESSAGE, Raised, chain, fingerprint, normalise
from obs_helpers.safe_json import jsonable, plain_text
from obs_helpers.signals.instruments import Recorder
from obs_helpers.signals.logs import get_logger
from obs_helpers.signals.redaction import Redactor
from obs_helpers.signals.traces import current_ids
from obs_helpers.store import Store
from obs_helpers.telemetry import current

if TYPE_CHECKING:
    import pandas as pd

NEW_FOR_S = 24 * 3600.0
"""An issue is new, or regressed, for a day: whoever is on duty sees it as such once."""
BUCKET_S, BUCKETS = 10, 360
"""Errors are counted per ten seconds, for an hour."""
MAX_SESSIONS = 1_000
"""Sessions remembered of an issue; a count of 1,000 means that many, or more."""
MAX_TRACES = 3
HANDLED = "error handled"
"""The log event by which `issue_table` knows that a run was tried again."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One error, as it was kept: without personal data, secrets and local variables."""

    timestamp: datetime
    """UTC, without a time zone, as in the store."""
    category: str
    type: str
    message: str
    fingerprint: str
    handled: bool
    trace_id: str | None
    """Of the span that was current, if there was one."""
    context: dict[str, Any]
    stack: tuple[Raised, ...] = field(repr=False)
    """The exception and what caused it; empty if a text was recorded."""


class ErrorTracker:
    """The course outline's tracker: takes any error, never raises, stays small."""

    def __init__(
        self,
        clock: Clock | None = None,
        redact: Redactor | None = None,
        max_errors: int = 1_000,
        max_issues: int = 500,
    ) -> None:
        """Keep the last `max_errors` errors, and the `max_issues` issues seen last.

        `clock` gives the times and `redact` cleans what is kept; both have a default.
        """
        self._clock, self._redact = clock or SystemClock(), redact or Redactor()
        self._by_category: Counter[str] = Counter()
        self._kept: deque[Occurrence] = deque(maxlen=max_errors)
        self._recent: deque[Occurrence] = deque(maxlen=5)
        self._issues: dict[str, _Issue] = {}
        self.max_issues, self.evicted = max_issues, 0
        """`evicted` counts the issues that were quiet the longest and had to go."""
        self._lock = threading.RLock()
        self._log = get_logger("errors")

    def record_error(
        self, category: Any, error: Any, context: Any = None, *, handled: bool = False
    ) -> None:
        """Keep an error; never raises. It is logged, too: as a warning, or info if handled.

        Args:
            category: An `ErrorCategory`, or text.
            error: An exception, or text.
            context: More about it, by name. `session_id` is the run's unless given;
                `fingerprint`, if given, says which issue this is.
            handled: A retry follows, or something else makes up for it.
        """
        try:
            one = self._occurrence(category, error, context, handled)
        except Exception as problem:  # an object that does not let itself be read
            text = f"an error that cannot be read: {type(problem).__name__}"
            one = self._occurrence("api_error", text, None, handled)
        self._keep(one, self._clock.monotonic())
        if handled:
            known = one.category if one.category in c.CATEGORIES else c.OTHER_ERROR
            Recorder().increment(c.HANDLED.name, category=known)
        write = self._log.info if handled else self._log.warning
        write(
            HANDLED if handled else "error recorded",
            category=one.category,
            error=f"{one.type}: {one.message}",
            fingerprint=one.fingerprint,
            context=one.context,
        )

    def get_error_summary(self) -> dict[str, Any]:
        """Return the outline's summary, of all errors but those that were handled.

        `total_errors` and `by_category` count all there ever were; `recent_errors` are the
        last five, the latest one last.
        """
        with self._lock:
            counts, recent = dict(self._by_category), list(self._recent)
        return {
            "total_errors": sum(counts.values()),
            "by_category": counts,
            "recent_errors": [asdict(replace(one, stack=())) for one in recent],
        }

    def occurrences(self, fingerprint: str | None = None) -> list[Occurrence]:
        """Return the errors that are kept, of one issue or of all, the oldest one first."""
        with self._lock:
            kept = list(self._kept)
        return [one for one in kept if fingerprint in (None, one.fingerprint)]

    def issues(self) -> "pd.DataFrame":
        """Return the table of issues, the most frequent one first.

        `status` is new, ongoing, resolved, or regressed: seen again after `resolve`.
        `count` and the rates, errors per minute over the last five minutes and the last
        hour, are without the errors that were `handled`; `sessions` are all that met one.
        `message` and `trace_ids` are of the latest ones.
        """
        import pandas as pd

        now_s = self._clock.monotonic()
        with self._lock:
            rows = [issue.row(now_s) for issue in list(self._issues.values())]
        rows.sort(key=lambda row: (-row["count"], -row["handled"], row["fingerprint"]))
        return pd.DataFrame(rows, columns=_COLUMNS)

    def resolve(self, fingerprint: str) -> None:
        """Mark an issue as resolved.

        Raises:
            LookupError: there is no such issue.
        """
        with self._lock:
            if fingerprint not in self._issues:
                msg = f"there is no issue {fingerprint!r}; issues() lists those that there are"
                raise LookupError(msg)
            self._issues[fingerprint].status = "resolved"

    def _occurrence(self, category: Any, error: Any, context: Any, handled: bool) -> Occurrence:
        known = self._context(context)
        raised = chain(error) if isinstance(error, BaseException) else []
        stack = tuple(replace(one, message=self._text(one.message)) for one in raised)
        message = stack[0].message if stack else self._text(plain_text(error))
        now, ids = datetime.fromtimestamp(self._clock.time_ns() / NS_PER_S, UTC), current_ids()
        return Occurrence(
            timestamp=now.replace(tzinfo=None),
            category=plain_text(getattr(category, "value", category)),
            type=type(error).__qualname__,
            message=message,
            fingerprint=fingerprint(stack, message, known.get("fingerprint")),
            handled=handled,
            trace_id=ids[0] if ids else None,
            context=known,
            stack=stack,
        )

    def _context(self, context: Any) -> dict[str, Any]:
        known = jsonable({} if context is None else context)
        if not isinstance(known, dict):
            known = {"context": known}
        session = get_contextvars().get(c.SESSION_FIELD)
        if session is not None:
            known.setdefault(c.SESSION_FIELD, plain_text(session))
        cleaned: dict[str, Any] = self._redact(known)
        return cleaned

    def _text(self, text: str) -> str:
        return str(self._redact(text))[:MAX_MESSAGE]

    def _keep(self, one: Occurrence, now_s: float) -> None:
        with self._lock:
            self._kept.append(one)
            if not one.handled:
                self._by_category[one.category] += 1
                self._recent.append(one)
            issue = self._issues.setdefault(one.fingerprint, _Issue(one, now_s))
            issue.add(one, now_s)
            self._issues[one.fingerprint] = self._issues.pop(one.fingerprint, issue)  # seen last
            if len(self._issues) > self.max_issues:
                self._issues.pop(next(iter(self._issues)), None)
                self.evicted += 1


class _Issue:
    def __init__(self, first: Occurrence, now_s: float) -> None:
        self.first = self.last = first
        self.status, self.since_s = "new", now_s
        self.count = self.handled = 0
        self.sessions: set[str] = set()
        self.trace_ids: deque[str] = deque(maxlen=MAX_TRACES)
        self.buckets: deque[list[int]] = deque(maxlen=BUCKETS)

    def add(self, one: Occurrence, now_s: float) -> None:
        self.last = one
        if self.status == "resolved":
            self.status, self.since_s = "regressed", now_s
        session = one.context.get(c.SESSION_FIELD)
        if session is not None and len(self.sessions) < MAX_SESSIONS:
            self.sessions.add(str(session))
        if one.trace_id is not None and one.trace_id not in self.trace_ids:
            self.trace_ids.append(one.trace_id)
        self.handled += one.handled
        self.count += not one.handled
        bucket = int(now_s // BUCKET_S)
        if not self.buckets or self.buckets[-1][0] != bucket:
            self.buckets.append([bucket, 0])
        self.buckets[-1][1] += not one.handled

    def row(self, now_s: float) -> dict[str, Any]:
        old = self.status != "resolved" and now_s - self.since_s > NEW_FOR_S
        values = (
            *(self.last.fingerprint, "ongoing" if old else self.status),
            *(self.last.category, self.last.type, self.last.message),
            *(self.count, self.handled, len(self.sessions)),
            *(self.first.timestamp, self.last.timestamp),
            *(self._per_minute(now_s, 5), self._per_minute(now_s, 60), list(self.trace_ids)),
        )
        return dict(zip(_COLUMNS, values, strict=True))

    def _per_minute(self, now_s: float, minutes: int) -> float:
        oldest = (now_s - 60 * minutes) // BUCKET_S
        return sum(count for bucket, count in list(self.buckets) if bucket > oldest) / minutes


_COLUMNS = [
    *("fingerprint", "status", "category", "type", "message", "count", "handled", "sessions"),
    *("first_seen", "last_seen", "per_minute_5m", "per_minute_1h", "trace_ids"),
]

# -- The same question asked of the store --------------------------------------------------

_FAILED_TRACES = """
    SELECT trace_id, span_id, parent_id, operation, status, end_time, session_id,
           coalesce(tool, '') AS tool, coalesce(error_type, '') AS error_type,
           coalesce(status_message, '') AS message,
           coalesce(status, 'RUNNING') NOT IN ('ERROR', 'RUNNING') OR span_id IN (
               SELECT coalesce(span_id, '') FROM logs WHERE event = ?) AS went_on
    FROM spans WHERE trace_id IN (SELECT trace_id FROM spans WHERE status = 'ERROR')
    ORDER BY end_time, span_id
"""
_ISSUE = ["operation", "tool", "error_type", "message"]


def issue_table(store: Store | None = None) -> "pd.DataFrame":
    """Return the errors in the store, of any process, as a table of issues.

    A row stands for failed root runs, model calls or tool calls of the same operation,
    tool, type and message; numbers, ids and the like in a message make no difference.
    `handled` of them were no errors of the request: the root run above the call ended
    well, or an `ErrorTracker` logged that the run was tried again.
    """
    spans = (store or current().store).sql(_FAILED_TRACES, [HANDLED])
    by_id = {(span.trace_id, span.span_id): span for span in spans.itertuples()}
    roots = [_root_run(span, by_id) for span in spans.itertuples()]
    spans["handled"] = [root is not None and root.went_on for root in roots]
    spans["root_id"] = [None if root is None else root.span_id for root in roots]
    spans["message"] = spans["message"].map(normalise)
    is_call = spans["operation"].isin([c.CHAT, c.EXECUTE_TOOL])
    is_root = spans["root_id"] == spans["span_id"]
    failed = spans[(spans["status"] == "ERROR") & (is_call | is_root)]
    table = failed.groupby(_ISSUE, as_index=False).agg(
        count=("span_id", "size"),
        handled=("handled", "sum"),
        sessions=("session_id", "nunique"),
        first_seen=("end_time", "min"),
        last_seen=("end_time", "max"),
        trace_ids=("trace_id", lambda ids: list(dict.fromkeys(ids))[-MAX_TRACES:]),
    )
    return table.sort_values(["count", *_ISSUE], ascending=[False] + [True] * 4, ignore_index=True)


def _root_run(span: Any, by_id: dict[Any, Any]) -> Any:
    """Return the outermost run that `span` is part of, or is; None if there is none."""
    root, seen = None, set()
    while span is not None and span.span_id not in seen:  # broken data may go in circles
        seen.add(span.span_id)
        root = span if span.operation == c.INVOKE_AGENT else root
        span = by_id.get((span.trace_id, span.parent_id))
    return root
