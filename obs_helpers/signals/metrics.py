"""Metrics: what an agent counts and measures, as OpenTelemetry instruments.

Labels come from short lists (agent, tool, model, category of error). Ids of sessions,
users and traces never are labels: each new value would be a new series, for ever.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

import psutil
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from obs_helpers import conventions as c
from obs_helpers.clock import Clock

SESSION_IDLE_S = 1800.0
"""A session without a run for half an hour is over."""
MAX_SESSIONS = 10_000
"""Sessions followed at once; beyond, the one that was quiet longest is closed."""


class Recorder:
    """Records by name, as the course outline does: `metrics.increment("agent.retries")`."""

    def __init__(self, provider: metrics.MeterProvider | None = None) -> None:
        """Record on `provider` (default: OpenTelemetry's global one)."""
        self._provider = provider

    def record_latency(self, name: str, duration_ms: float, **labels: object) -> None:
        """Record how long something took, in milliseconds; it is kept in seconds."""
        spec = c.METRICS.get(name) or c.Metric(name, "s", f"Duration of {name}", c.SECONDS)
        if self._is_number(name, duration_ms):
            instrument = _instrument(self._meter(), "histogram", spec)
            instrument.record(duration_ms / 1000, _labels(labels))

    def increment(self, name: str, value: float = 1, **labels: object) -> None:
        """Add `value`, zero or more, to a counter.

        A `.total` at the end of the name is left out: Prometheus adds its own, and the
        two would be two families of one name.
        """
        name = name.removesuffix(".total")
        spec = c.METRICS.get(name) or c.Metric(name, "1", f"Count of {name}")
        if self._is_number(name, value):
            _instrument(self._meter(), "counter", spec).add(value, _labels(labels))

    def _meter(self) -> metrics.Meter:
        return (self._provider or metrics.get_meter_provider()).get_meter("obs_helpers")

    def _is_number(self, name: str, value: object) -> bool:
        if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
            return True
        _instrument(self._meter(), "counter", c.REJECTED).add(1, {"metric": name})
        return False


@lru_cache(maxsize=1024)
def _instrument(meter: metrics.Meter, kind: str, spec: c.Metric) -> Any:
    """Return the one instrument for `spec`: made twice, it would be exported twice."""
    if kind == "counter":
        return meter.create_counter(spec.name, spec.unit, spec.description)
    return meter.create_histogram(
        spec.name,
        spec.unit,
        spec.description,
        # As floats: Prometheus takes le="1" and le="1.0" for different series.
        explicit_bucket_boundaries_advisory=[float(b) for b in spec.boundaries] or None,
    )


def _labels(labels: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value)[:100] for name, value in labels.items()}


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
        self._running: set[str] = set()
        self._sessions: dict[str, _Session] = {}
        histogram, counter = (
            partial(_instrument, meter, "histogram"),
            partial(_instrument, meter, "counter"),
        )
        self._run_duration = histogram(c.RUN_DURATION)
        self._model_duration = histogram(c.MODEL_DURATION)
        self._tool_duration = histogram(c.TOOL_DURATION)
        self._tokens = histogram(c.TOKEN_USAGE)
        self._queries = histogram(c.QUERIES)
        self._session_cost = histogram(c.SESSION_COST)
        self._requests = counter(c.REQUESTS)
        self._errors = counter(c.ERRORS)
        self._unpriced = counter(c.UNPRICED)
        self._spent: dict[str, Decimal] = {}
        self._observe(meter, c.ACTIVE, lambda: len(self._running))
        self._observe(meter, c.SESSIONS, self._sessions_in_past_hour)
        meter.create_observable_counter(
            c.TOTAL_COST.name, [self._costs], c.TOTAL_COST.unit, c.TOTAL_COST.description
        )
        process = psutil.Process()
        self._observe(meter, c.MEMORY, lambda: process.memory_info().rss)
        self._observe(meter, c.CPU, lambda: sum(process.cpu_times()[:2]), counts=True)

    @staticmethod
    def _observe(
        meter: metrics.Meter, spec: c.Metric, read: Callable[[], float], counts: bool = False
    ) -> None:
        def observe(_: CallbackOptions) -> Iterator[Observation]:
            yield Observation(read())

        create = meter.create_observable_counter if counts else meter.create_observable_gauge
        create(spec.name, [observe], spec.unit, spec.description)

    def _costs(self, _: CallbackOptions) -> Iterator[Observation]:
        for model, cost in list(self._spent.items()):
            yield Observation(float(cost), {c.REQUEST_MODEL: model})

    def _sessions_in_past_hour(self) -> int:
        limit = self._monotonic() - 3600.0
        return sum(1 for session in self._sessions.values() if session.last_seen > limit)

    def expect(self, agent: str) -> None:
        """Let the counters of an agent start at 0.

        A counter that first appears at 1 has not risen for whoever reads rates: the
        first error would be invisible.
        """
        for outcome in ("success", "error"):
            self._requests.add(0, {c.AGENT_NAME: agent, c.OUTCOME: outcome})
        for category in c.CATEGORIES:
            self._errors.add(0, {c.AGENT_NAME: agent, c.CATEGORY: category})

    def run_started(self, run_id: str, session_id: str) -> None:
        """Count a run as active."""
        self._running.add(run_id)
        now = self._monotonic()
        session = self._sessions.pop(session_id, None) or _Session(now)
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
            self._run_duration.record(duration_s, labels)
            self._requests.add(1, {**labels, c.OUTCOME: "success"})
        else:
            self._run_duration.record(duration_s, {**labels, c.ERROR_TYPE: failure[0]})
            self._requests.add(1, {**labels, c.OUTCOME: "error"})
            self._errors.add(1, {**labels, c.CATEGORY: failure[1]})

    def run_cancelled(self, run_id: str) -> None:
        """Forget a run that its caller cancelled: it is in no count."""
        self._running.discard(run_id)

    def model_call(self, model: "ModelLabels", duration_s: float, error_type: str | None) -> None:
        """Record how long a model call took, and the type of its error, if any."""
        labels = {**model.call, c.ERROR_TYPE: error_type} if error_type else model.call
        self._model_duration.record(duration_s, labels)

    def usage(
        self, model: "ModelLabels", session_id: str, tokens: tuple[int, int], cost: Decimal | None
    ) -> None:
        """Record input and output tokens of one model call, and what it cost in USD."""
        self._tokens.record(tokens[0], model.input)
        self._tokens.record(tokens[1], model.output)
        if cost is None:
            self._unpriced.add(1, model.call)
            return
        self._spent[model.name] = self._spent.get(model.name, Decimal(0)) + cost
        if session_id in self._sessions:
            self._sessions[session_id].cost += cost

    def tool_call(self, tool: str, duration_s: float, error_type: str | None) -> None:
        """Record a tool call."""
        labels = {c.TOOL_NAME: tool}
        if error_type:
            labels[c.ERROR_TYPE] = error_type
        self._tool_duration.record(duration_s, labels)

    def close_idle_sessions(self, idle_s: float = SESSION_IDLE_S) -> None:
        """Record the sessions that are over; called before each collection."""
        limit = self._monotonic() - idle_s
        for session_id, session in list(self._sessions.items()):
            if session.last_seen > limit:
                break
            self._close(session_id)

    def _close(self, session_id: str) -> None:
        session = self._sessions.pop(session_id)
        self._queries.record(session.queries)
        self._session_cost.record(float(session.cost))


class CurrentMeterProvider(metrics.MeterProvider):
    """The global meter provider: passes on to the telemetry that runs now.

    Instruments that another library makes stay with the telemetry they were made under.
    """

    def __init__(self) -> None:
        """Point nowhere."""
        self.target: metrics.MeterProvider = metrics.NoOpMeterProvider()

    def get_meter(self, *args: Any, **kwargs: Any) -> metrics.Meter:
        """Return a meter of `target`."""
        return self.target.get_meter(*args, **kwargs)
