"""Metrics: what an agent counts and measures, as OpenTelemetry instruments.

Labels come from short lists (agent, tool, model, category of error). Ids of sessions,
users and traces never are labels: each new value would be a new series, for ever.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import psutil
from opentelemetry import context, metrics
from opentelemetry.metrics import CallbackOptions, Observation

from obs_helpers import conventions as c
from obs_helpers.clock import Clock
from obs_helpers.limits import MAX_SESSIONS_OVER
from obs_helpers.signals.instruments import make_record

SESSION_IDLE_S = 1800.0
"""A session without a run for half an hour is over."""
MAX_SESSIONS = 10_000
"""Sessions followed at once; beyond, the one that was quiet longest is closed."""
MAX_NOTES = 10_000
"""Measurements noted at once; the next one records them all."""


_Readings = list[tuple[float, dict[str, str]]]


class ModelLabels:
    """The labels of one model's calls, made once."""

    def __init__(self, provider: str, model: str) -> None:
        """Label by provider and model."""
        self.name = model
        self.call = {c.PROVIDER: provider, c.REQUEST_MODEL: model}
        self.input = {**self.call, c.TOKEN_TYPE: "input"}
        self.output = {**self.call, c.TOKEN_TYPE: "output"}


@dataclass(slots=True)
class _Session:
    last_seen: float
    queries: int = 0
    cost: Decimal = Decimal(0)


class AgentMetrics:
    """The instruments of one agent process, and the few sums they need."""

    def __init__(self, provider: metrics.MeterProvider, clock: Clock) -> None:
        """Create the instruments on `provider`."""
        meter = provider.get_meter("obs_helpers")
        self._monotonic = clock.monotonic
        self._running, self._sessions = set[str](), dict[str, _Session]()
        self._over = dict[str, float]()
        self._forgotten: Counter[int] = Counter()
        """Sessions over within the hour: when last seen, by id; if too many, counts by minute."""
        self._notes: deque[tuple[Any, ...]] = deque()
        self._settling, self._busy = threading.RLock(), False
        histogram = partial(make_record, meter, "histogram")
        counter = partial(make_record, meter, "counter")
        self._run_duration = histogram(c.RUN_DURATION)
        self._model_duration = histogram(c.MODEL_DURATION)
        self._tool_duration = histogram(c.TOOL_DURATION)
        self._tokens = histogram(c.TOKEN_USAGE)
        self._queries = histogram(c.QUERIES)
        self._session_cost = histogram(c.SESSION_COST)
        self._requests = counter(c.REQUESTS)
        self._errors, self._tool_calls = counter(c.ERRORS), counter(c.TOOL_CALLS)
        self._unpriced = counter(c.UNPRICED)
        self._spent: dict[str, Decimal] = {}
        self._hook_errors: dict[str, Mapping[str, int]] = {}
        process = psutil.Process()
        gauge, total = meter.create_observable_gauge, meter.create_observable_counter
        self._observe(gauge, c.ACTIVE, lambda: [(self._now_running(), {})])
        self._observe(gauge, c.SESSIONS, lambda: [(self._sessions_in_past_hour(), {})])
        self._observe(gauge, c.MEMORY, lambda: [(process.memory_info().rss, {})])
        self._observe(total, c.CPU, lambda: [(time.process_time(), {})])
        self._observe(total, c.TOTAL_COST, self._costs)
        self._observe(total, c.HOOK_ERRORS, self._failed_hooks)

    @staticmethod
    def _observe(create: Callable[..., Any], spec: c.Metric, read: Callable[[], _Readings]) -> None:
        def observe(_: CallbackOptions) -> Iterator[Observation]:
            return (Observation(value, labels) for value, labels in read())

        create(spec.name, [observe], spec.unit, spec.description)

    def _note(
        self, record: Callable[..., None], value: float, labels: Mapping[str, str] | None = None
    ) -> None:
        # An instrument takes ten times as long as a note: the request shall not wait for it.
        self._notes.append((record, value, labels, context.get_current()))
        if len(self._notes) > MAX_NOTES:
            self.settle()

    def settle(self) -> None:
        """Record what was noted; the thread that flushes does this, and whoever reads."""
        with self._settling:
            if self._busy:  # a signal's handler, while OpenTelemetry holds its locks
                return
            self._busy = True
            try:
                for _ in range(len(self._notes)):
                    record, *measurement = self._notes.popleft()
                    record(*measurement)
            finally:
                self._busy = False

    def leave(self) -> None:
        """Record nothing more, in a forked child: another thread may hold the SDK's locks."""
        self._notes, self._settling = deque(maxlen=0), threading.RLock()

    def _costs(self) -> _Readings:
        return [(float(usd), {c.REQUEST_MODEL: model}) for model, usd in list(self._spent.items())]

    def _failed_hooks(self) -> _Readings:
        failed = list(self._hook_errors.items())
        return [(sum(errors.values()), {c.AGENT_NAME: agent}) for agent, errors in failed]

    def _now_running(self) -> int:
        self.settle()  # a reader asks this first, and reads the instruments after
        return len(self._running)

    def _sessions_in_past_hour(self) -> int:
        limit = self._monotonic() - 3600.0
        for session_id, last_seen in list(self._over.items()):
            if last_seen <= limit:
                self._over.pop(session_id, None)
        for minute in list(self._forgotten):
            if minute * 60.0 <= limit:
                del self._forgotten[minute]
        seen = [session.last_seen for session in list(self._sessions.values())]
        over = len(self._over) + self._forgotten.total()
        return over + sum(1 for last_seen in seen if last_seen > limit)

    def expect(
        self, agent: str, hook_errors: Mapping[str, int], tools: Iterable[str] = (), model: str = ""
    ) -> None:
        """Let the counters of an agent start at 0, and read `hook_errors` from now on.

        A counter that first appears at 1 has not risen for whoever reads rates: the
        first error would be invisible.
        """
        self._hook_errors[agent] = hook_errors
        for outcome in ("success", "error"):
            self._note(self._requests, 0, {c.AGENT_NAME: agent, c.OUTCOME: outcome})
            for tool in tools:
                self._note(self._tool_calls, 0, {c.TOOL_NAME: tool, c.OUTCOME: outcome})
        for category in c.CATEGORIES:
            self._note(self._errors, 0, {c.AGENT_NAME: agent, c.CATEGORY: category})
        if model:
            self._spent.setdefault(model, Decimal(0))

    def run_started(self, run_id: str, session_id: str) -> None:
        """Count a run as active."""
        self._running.add(run_id)
        now = self._monotonic()
        session = self._sessions.pop(session_id, None) or _Session(now)
        self._over.pop(session_id, None)
        session.last_seen, session.queries = now, session.queries + 1
        self._sessions[session_id] = session  # last in the dict: seen last
        if len(self._sessions) > MAX_SESSIONS:
            self._close(next(iter(self._sessions)))

    def run_finished(
        self, run_id: str, agent: str, duration_s: float, failure: tuple[str, str] | None
    ) -> None:
        """Record a run; `failure` is the type and the category of its error, if any."""
        self._running.discard(run_id)
        labels = {c.AGENT_NAME: agent}
        if failure is None:
            self._note(self._run_duration, duration_s, labels)
            self._note(self._requests, 1, {**labels, c.OUTCOME: "success"})
        else:
            self._note(self._run_duration, duration_s, {**labels, c.ERROR_TYPE: failure[0]})
            self._note(self._requests, 1, {**labels, c.OUTCOME: "error"})
            self._note(self._errors, 1, {**labels, c.CATEGORY: failure[1]})

    def run_cancelled(self, run_id: str) -> None:
        """Forget a run that its caller cancelled: it is in no count."""
        self._running.discard(run_id)

    def model_call(self, model: "ModelLabels", duration_s: float, error_type: str | None) -> None:
        """Record how long a model call took, and the type of its error, if any."""
        labels = {**model.call, c.ERROR_TYPE: error_type} if error_type else model.call
        self._note(self._model_duration, duration_s, labels)

    def usage(
        self, model: "ModelLabels", session_id: str, tokens: tuple[int, int], cost: Decimal | None
    ) -> None:
        """Record input and output tokens of one model call, and what it cost in USD."""
        self._note(self._tokens, tokens[0], model.input)
        self._note(self._tokens, tokens[1], model.output)
        if cost is None:
            self._note(self._unpriced, 1, model.call)
            return
        self._spent[model.name] = self._spent.get(model.name, Decimal(0)) + cost
        if session := self._sessions.get(session_id):
            session.cost += cost

    def tool_call(self, tool: str, duration_s: float, error_type: str | None) -> None:
        """Record a tool call."""
        labels = {c.TOOL_NAME: tool}
        outcome = "error" if error_type else "success"
        self._note(self._tool_calls, 1, {**labels, c.OUTCOME: outcome})
        if error_type:
            labels[c.ERROR_TYPE] = error_type
        self._note(self._tool_duration, duration_s, labels)

    def close_idle_sessions(self, idle_s: float = SESSION_IDLE_S) -> None:
        """Record the sessions that are over; called before each collection."""
        limit = self._monotonic() - idle_s
        for session_id, session in list(self._sessions.items()):
            if session.last_seen > limit:
                break
            self._close(session_id)

    def _close(self, session_id: str) -> None:
        session = self._sessions.pop(session_id, None)
        if session is None:  # it goes on, in another thread
            return
        self._over[session_id] = session.last_seen
        if len(self._over) > MAX_SESSIONS_OVER:
            first = next(iter(self._over))
            self._forgotten[int(self._over.pop(first) // 60)] += 1
        self._note(self._queries, session.queries)
        self._note(self._session_cost, float(session.cost))
