"""A guard on labels: a value that never repeats must not make series without end.

A label with user ids makes one series for each user, and each stays in memory for as long
as the process runs. From `MAX_SERIES` on, all new ones are one series with the attribute
`otel.metric.overflow`, as OpenTelemetry's specification wants it: sums stay right.

Newer SDKs have such a limit of their own, but begin anew at each reading, older ones have
none, and neither counts. This guard is the same with all of them. It watches counters,
histograms and gauges; what is observed by callbacks is left to the SDK.
"""

import threading
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

from opentelemetry import metrics
from opentelemetry.sdk import metrics as sdk

from obs_helpers import conventions as c
from obs_helpers.limits import MAX_SERIES

Labels = Mapping[str, Any] | None


class SeriesLimit:
    """The combinations of labels that one metric has had."""

    def __init__(self, name: str, overflowed: "Overflow") -> None:
        """Report to `overflowed` what is beyond the limit."""
        self._name, self._overflowed = name, overflowed
        self._known: set[Hashable] = set()

    def __call__(self, labels: Labels) -> Labels:
        """Return `labels`, or those of the overflow series if they are one too many."""
        key = _key(labels)
        if key in self._known:
            return labels
        if len(self._known) >= MAX_SERIES:
            self._overflowed.count(self._name)
            return {c.OVERFLOW: True}
        self._known.add(key)
        return labels


def _key(labels: Labels) -> Hashable:
    items = (labels or {}).items()
    try:
        return frozenset(items)
    except TypeError:  # a list among the values
        return frozenset((name, repr(value)) for name, value in items)


class Overflow:
    """Counts the measurements beyond the limit, by metric, and shows the count as a metric."""

    def __init__(self, meter: metrics.Meter) -> None:
        """Count on `meter`."""
        spec = c.OVERFLOWED
        self._counter = meter.create_counter(spec.name, spec.unit, spec.description)
        self._lock = threading.Lock()
        self.by_metric: Counter[str] = Counter()

    def count(self, name: str) -> None:
        """Count one measurement of the metric `name`."""
        with self._lock:
            self.by_metric[name] += 1
        self._counter.add(1, {"metric": name})


class LimitedMeterProvider(sdk.MeterProvider):
    """OpenTelemetry's meter provider, whose meters guard their labels."""

    def __init__(self, **options: Any) -> None:
        """Pass `options` on to OpenTelemetry."""
        super().__init__(**options)
        self._limited: dict[metrics.Meter, LimitedMeter] = {}
        self.overflow = Overflow(super().get_meter("obs_helpers"))

    def get_meter(self, *args: Any, **kwargs: Any) -> metrics.Meter:
        """Return a meter with the guard, the same one for the same name."""
        meter = super().get_meter(*args, **kwargs)
        return self._limited.setdefault(meter, LimitedMeter(meter, self.overflow))


class LimitedMeter(metrics.Meter):
    """A meter whose counters, histograms and gauges guard their labels."""

    def __init__(self, meter: metrics.Meter, overflow: Overflow) -> None:
        """Make instruments with `meter`."""
        super().__init__(meter.name, meter.version, meter.schema_url)
        self._meter, self._overflow = meter, overflow
        self._limits: dict[str, SeriesLimit] = {}

    def _limit(self, name: str) -> SeriesLimit:
        # A metric that is asked for twice is the same metric.
        return self._limits.setdefault(name.lower(), SeriesLimit(name, self._overflow))

    def create_counter(self, name: str, *args: Any, **kwargs: Any) -> metrics.Counter:
        """Return a counter with a guard."""
        return _Counter(self._meter.create_counter(name, *args, **kwargs), self._limit(name))

    def create_up_down_counter(self, name: str, *args: Any, **kwargs: Any) -> metrics.UpDownCounter:
        """Return a counter with a guard that also goes down."""
        made = self._meter.create_up_down_counter(name, *args, **kwargs)
        return _UpDownCounter(made, self._limit(name))

    def create_histogram(self, name: str, *args: Any, **kwargs: Any) -> metrics.Histogram:
        """Return a histogram with a guard."""
        return _Histogram(self._meter.create_histogram(name, *args, **kwargs), self._limit(name))

    def create_gauge(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a gauge with a guard."""
        return _Gauge(self._meter.create_gauge(name, *args, **kwargs), self._limit(name))

    def create_observable_counter(self, *args: Any, **kwargs: Any) -> metrics.ObservableCounter:
        """Pass on to OpenTelemetry."""
        return self._meter.create_observable_counter(*args, **kwargs)

    def create_observable_up_down_counter(
        self, *args: Any, **kwargs: Any
    ) -> metrics.ObservableUpDownCounter:
        """Pass on to OpenTelemetry."""
        return self._meter.create_observable_up_down_counter(*args, **kwargs)

    def create_observable_gauge(self, *args: Any, **kwargs: Any) -> metrics.ObservableGauge:
        """Pass on to OpenTelemetry."""
        return self._meter.create_observable_gauge(*args, **kwargs)


class _Guarded:
    def __init__(self, instrument: Any, limit: SeriesLimit) -> None:
        self._instrument, self._limit = instrument, limit


class _Counter(_Guarded, metrics.Counter):
    def add(self, amount: float, attributes: Labels = None, *context: Any, **more: Any) -> None:
        self._instrument.add(amount, self._limit(attributes), *context, **more)


class _UpDownCounter(_Guarded, metrics.UpDownCounter):
    def add(self, amount: float, attributes: Labels = None, *context: Any, **more: Any) -> None:
        self._instrument.add(amount, self._limit(attributes), *context, **more)


class _Histogram(_Guarded, metrics.Histogram):
    def record(self, amount: float, attributes: Labels = None, *context: Any, **more: Any) -> None:
        self._instrument.record(amount, self._limit(attributes), *context, **more)


class _Gauge(_Guarded, metrics._Gauge):
    def set(self, amount: float, attributes: Labels = None, *context: Any, **more: Any) -> None:
        self._instrument.set(amount, self._limit(attributes), *context, **more)
