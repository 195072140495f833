"""A guard on labels: no personal data in them, and no series without end.

A label with user ids makes one series for each user, and each stays in memory for as long
as the process runs. From `MAX_SERIES` on, all new ones are one series with the attribute
`otel.metric.overflow`, as OpenTelemetry's specification wants it: sums stay right.

Newer SDKs have such a limit of their own, but begin anew at each reading, older ones have
none, and neither counts. This guard is the same with all of them, and for every
instrument, whoever made it. Labels are redacted when they are seen for the first time.
"""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from opentelemetry import metrics
from opentelemetry.sdk import metrics as sdk

from obs_helpers import conventions as c
from obs_helpers.limits import MAX_SERIES
from obs_helpers.safe_json import text_of

Labels = Mapping[str, Any] | None
Redact = Callable[[Any], Any]
Callback = Callable[[metrics.CallbackOptions], Iterable[metrics.Observation]]


class SeriesLimit:
    """The combinations of labels that one metric has had."""

    def __init__(self, name: str, overflowed: "Overflow", redact: Redact | None) -> None:
        """Report to `overflowed` what is beyond the limit."""
        self._name, self._overflowed, self._redact = name, overflowed, redact
        self._known: dict[Hashable, Labels] = {}

    def __call__(self, labels: Labels) -> Labels:
        """Return `labels` redacted, or those of the overflow series if they are one too many."""
        key = _key(labels)
        if key in self._known:
            return self._known[key]
        if len(self._known) >= MAX_SERIES:
            self._overflowed.count(self._name)
            return {c.OVERFLOW: True}
        self._known[key] = clean = self._redacted(labels) if labels else labels
        return clean

    def _redacted(self, labels: Mapping[str, Any]) -> Labels:
        cleaned = self._redact(labels) if self._redact else labels
        return {name: _hashable(value) for name, value in cleaned.items()}

    def watch(self, callback: Callback | Generator[Any, Any, None]) -> Callback:
        """Return `callback`, whose observations pass here."""
        if isinstance(callback, Generator):  # OpenTelemetry takes both
            next(callback)
            ask: Callback = callback.send
        else:
            ask = callback

        def observe(options: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
            for one in ask(options):
                yield metrics.Observation(one.value, self(one.attributes), one.context)

        return observe


def _key(labels: Labels) -> Hashable:
    items = (labels or {}).items()
    try:
        return frozenset(items)
    except Exception:  # a list among the values, or an object of somebody's
        return frozenset((name, text_of(value)) for name, value in items)


def _hashable(value: Any) -> Any:
    plain = tuple(value) if isinstance(value, list) else value
    try:
        hash(plain)  # as the SDK does, in the middle of the agent's work
    except Exception:
        return text_of(value)
    return plain


class Overflow:
    """Counts the measurements beyond the limit, by metric, and shows the count as a metric."""

    def __init__(self, meter: metrics.Meter) -> None:
        """Count on `meter`."""
        spec = c.OVERFLOWED
        self._counter = meter.create_counter(spec.name, spec.unit, spec.description)
        self._lock = threading.RLock()
        self.by_metric: Counter[str] = Counter()

    def count(self, name: str) -> None:
        """Count one measurement of the metric `name`."""
        with self._lock:
            self.by_metric[name] += 1
        self._counter.add(1, {"metric": name})


class LimitedMeterProvider(sdk.MeterProvider):
    """OpenTelemetry's meter provider, whose meters guard their labels."""

    def __init__(self, redact: Redact | None, **options: Any) -> None:
        """Pass `options` on to OpenTelemetry."""
        super().__init__(**options)
        self._redact = redact
        self._limited: dict[metrics.Meter, LimitedMeter] = {}
        self.overflow = Overflow(super().get_meter("obs_helpers"))

    def get_meter(self, *args: Any, **kwargs: Any) -> metrics.Meter:
        """Return a meter with the guard, the same one for the same name."""
        meter = super().get_meter(*args, **kwargs)
        return self._limited.setdefault(meter, LimitedMeter(meter, self.overflow, self._redact))


class LimitedMeter(metrics.Meter):
    """A meter whose instruments guard their labels."""

    def __init__(self, meter: metrics.Meter, overflow: Overflow, redact: Redact | None) -> None:
        """Make instruments with `meter`."""
        super().__init__(meter.name, meter.version, meter.schema_url)
        self._meter, self._overflow, self._redact = meter, overflow, redact
        self._limits: dict[str, SeriesLimit] = {}

    def _limit(self, name: str) -> SeriesLimit:
        # A metric that is asked for twice is the same metric.
        limit = SeriesLimit(name, self._overflow, self._redact)
        return self._limits.setdefault(name.lower(), limit)

    def _watch(self, name: str, callbacks: Sequence[Any] | None) -> list[Callback]:
        return [self._limit(name).watch(callback) for callback in callbacks or ()]

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

    def create_observable_counter(
        self, name: str, callbacks: Sequence[Any] | None = None, *args: Any, **kwargs: Any
    ) -> metrics.ObservableCounter:
        """Return a counter that asks `callbacks`, with a guard."""
        watched = self._watch(name, callbacks)
        return self._meter.create_observable_counter(name, watched, *args, **kwargs)

    def create_observable_up_down_counter(
        self, name: str, callbacks: Sequence[Any] | None = None, *args: Any, **kwargs: Any
    ) -> metrics.ObservableUpDownCounter:
        """Return a counter that asks `callbacks` and also goes down, with a guard."""
        watched = self._watch(name, callbacks)
        return self._meter.create_observable_up_down_counter(name, watched, *args, **kwargs)

    def create_observable_gauge(
        self, name: str, callbacks: Sequence[Any] | None = None, *args: Any, **kwargs: Any
    ) -> metrics.ObservableGauge:
        """Return a gauge that asks `callbacks`, with a guard."""
        watched = self._watch(name, callbacks)
        return self._meter.create_observable_gauge(name, watched, *args, **kwargs)


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
