"""Metric points on their way into the store."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
)
from opentelemetry.sdk.metrics.view import View

from obs_helpers import conventions as c
from obs_helpers.clock import Clock
from obs_helpers.limits import MAX_WAITING
from obs_helpers.safe_json import dumps
from obs_helpers.signals.resource import resource_of
from obs_helpers.signals.series import LimitedMeterProvider, Redact

_TWICE = {c.RUN_DURATION: c.RESPONSE, c.TOOL_DURATION: c.TOOL_CALL}
"""Measured once, shown under the convention's name and under the course outline's."""


class PointBuffer(MetricExporter):
    """Keeps metric points until the store takes them.

    Each point holds what came since the one before (delta temporality), so that SQL can
    simply add them up. Its times are the injected clock's, not the machine's.
    """

    table = "metric_points"

    def __init__(self, clock: Clock, limit: int = MAX_WAITING) -> None:
        """Hold `limit` points at the most."""
        delta = AggregationTemporality.DELTA
        super().__init__(
            preferred_temporality={sdk.Counter: delta, sdk.Histogram: delta,
                                   sdk.ObservableCounter: delta}
        )  # fmt: skip
        self.limit, self.dropped = limit, 0
        self._time_ns, self._previous_ns = clock.time_ns, clock.time_ns()
        self._rows: deque[tuple[Any, ...]] = deque()

    def export(self, metrics_data: MetricsData, *_: Any, **__: Any) -> MetricExportResult:
        """Keep the points, or count them as dropped."""
        since, now = self._previous_ns // 1000, self._time_ns() // 1000
        self._previous_ns = self._time_ns()
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    kind = type(metric.data).__name__.lower()
                    for point in metric.data.data_points:
                        self._keep((now, since, metric.name, metric.unit, kind, *_values(point)))
        return MetricExportResult.SUCCESS

    def _keep(self, row: tuple[Any, ...]) -> None:
        if len(self._rows) >= self.limit:
            self.dropped += 1
        else:
            self._rows.append(row)

    def __len__(self) -> int:
        return len(self._rows)

    def drain(self) -> list[tuple[Any, ...]]:
        """Return and forget what is kept, as rows of the store's `metric_points`."""
        rows = list(self._rows)
        for _ in rows:  # only now: an interrupt until here loses nothing
            self._rows.popleft()
        return rows

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Do nothing: the store takes the points when it needs them."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing: what is kept can still be taken."""


def _values(point: Any) -> tuple[Any, ...]:
    labels = dumps(dict(point.attributes or {})).decode()
    exemplars = [f"{e.trace_id:032x}" for e in point.exemplars if e.trace_id]
    if not isinstance(point, HistogramDataPoint):
        return (labels, float(point.value), None, None, None, None, exemplars)
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    return (labels, None, point.count, point.sum, bounds, counts, exemplars)


def make_provider(
    service: str,
    readers: Sequence[MetricReader],
    outline_names: bool,
    redact: Redact | None = None,
) -> LimitedMeterProvider:
    """Return a meter provider; with `outline_names` it shows durations under both names."""
    return LimitedMeterProvider(
        redact,
        metric_readers=readers,
        resource=resource_of(service, redact),
        views=[
            View(instrument_name=measured.name, name=name)
            for measured, outline in _TWICE.items()
            for name in (measured.name, outline.name)
            if outline_names
        ],
        shutdown_on_exit=False,
    )
