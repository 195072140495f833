"""What a dashboard looks at: one window of time, and perhaps one session, model or agent.

A window of width w at t is `(t - w, t]`, by the end of a span, as in alert rules. A filter
chooses whole traces, so that the calls of a run stay with it.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from obs_helpers import conventions as c
from obs_helpers.clock import NS_PER_S, Clock, SystemClock
from obs_helpers.store import Row, Store
from obs_helpers.telemetry import current

WINDOWS = {"5m": 300.0, "15m": 900.0, "1h": 3_600.0, "6h": 21_600.0, "24h": 86_400.0}
"""The windows that a dashboard offers, in seconds."""
CANCELLED = f"coalesce(attributes->>'$.\"{c.CANCELLED}\"', 'false') = 'true'"
"""SQL: the caller gave the run up, which is neither a success nor a failure."""

_IN_WINDOW = "end_time > $after AND end_time <= $until"
_TRACES = "trace_id IN (SELECT trace_id FROM spans WHERE operation = '{}' AND {} = ${})"
_FILTERS = {
    "session": _TRACES.format(c.INVOKE_AGENT, "session_id", "session"),
    "agent": _TRACES.format(c.INVOKE_AGENT, "agent", "agent"),
    "model": _TRACES.format(c.CHAT, "model", "model"),
}


@dataclass(frozen=True, slots=True)
class View:
    """A window, and which traces count in it."""

    until: datetime
    """End of the window, in it: UTC, without a time zone, as in the store."""
    window_s: float = WINDOWS["24h"]
    session: str | None = None
    """Traces with a run of this session; None for all."""
    model: str | None = None
    """Traces with a call of this model."""
    agent: str | None = None
    """Traces with a run of this agent."""

    @property
    def start(self) -> datetime:
        """Begin of the window, not in it."""
        return self.until - timedelta(seconds=self.window_s)

    @property
    def before(self) -> "View":
        """The window before this one, as wide."""
        return replace(self, until=self.start)

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by name."""
        given = {name: getattr(self, name) for name in _FILTERS}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def chosen(self) -> str:
        """SQL condition: the span belongs to a trace that the filters let through."""
        return " AND ".join(_FILTERS[name] for name in self.filters) or "true"

    def ended(self, *operations: str) -> str:
        """Return SQL from FROM on: the spans of these operations that ended in the window."""
        names = ", ".join(f"'{name}'" for name in operations)
        return f"FROM spans WHERE operation IN ({names}) AND {_IN_WINDOW} AND {self.chosen}"

    def rows(self, store: Store, query: str, **more: Any) -> list[Row]:
        """Ask `store`; `$after`, `$until` and the filters are filled in, and `more`.

        Raises:
            StoreError: the store cannot answer.
        """
        known = {"after": self.start, "until": self.until, **self.filters, **more}
        return store.rows(query, {k: v for k, v in known.items() if f"${k}" in query})

    def covered_s(self, since: datetime | None) -> float:
        """Return how many seconds of the window lie after `since`, the first record."""
        if since is None:
            return 0.0
        return max(0.0, (self.until - max(self.start, since)).total_seconds())


def recorded(store: Store) -> tuple[datetime | None, datetime | None]:
    """Return when the first span in `store` began and the last one ended, None without any."""
    first, last_start, last_end = store.rows(
        "SELECT min(start_time), max(start_time), max(end_time) FROM spans"
    )[0]
    return first, last_end or last_start


def now_in(store: Store, clock: Clock | None = None) -> datetime:
    """Return the moment that counts as now for what is in `store`, UTC without a time zone.

    It is the time of `clock`, if given; that of the telemetry that fills the store, if it
    runs; else the last record's. An empty store of the past has the machine's time.
    """
    clock = clock or _clock_of(store)
    last = None if clock else recorded(store)[1]
    if last is not None:
        return last
    time_ns = (clock or SystemClock()).time_ns()
    whole = datetime.fromtimestamp(time_ns // NS_PER_S, UTC).replace(tzinfo=None)
    return whole + timedelta(microseconds=time_ns % NS_PER_S // 1000)


def naive_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC without a time zone; one that has none is taken as UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _clock_of(store: Store) -> Clock | None:
    try:
        telemetry = current()
    except RuntimeError:  # none is running
        return None
    return telemetry.clock if telemetry.store is store else None
