"""Instruments: OpenTelemetry's, made once for each name, and fed by name."""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from numbers import Real
from typing import Any

from opentelemetry import metrics

from obs_helpers import conventions as c
from obs_helpers.limits import MAX_INSTRUMENTS, MAX_LABEL
from obs_helpers.safe_json import plain_text


class Recorder:
    """Records by name, as the course outline does: `metrics.increment("agent.retries")`."""

    def __init__(self, provider: metrics.MeterProvider | None = None) -> None:
        """Record on `provider` (default: OpenTelemetry's global one)."""
        self._provider = provider
        self._names: set[str] = set()

    def record_latency(self, name: str, duration_ms: float, **labels: object) -> None:
        """Record how long something took, in milliseconds; it is kept in seconds."""
        spec = c.METRICS.get(name) or c.Metric(name, "s", f"Duration of {name}", c.SECONDS)
        if (number := _number(duration_ms)) is None:
            self._reject(name)
        elif record := self._make("histogram", spec):
            record(number / 1000, self._labels(labels))

    def increment(self, name: str, value: float = 1, **labels: object) -> None:
        """Add `value`, zero or more, to a counter.

        A `.total` at the end of the name is left out: Prometheus adds its own, and the
        two would be two families of one name.
        """
        name = name.removesuffix(".total")
        spec = c.METRICS.get(name) or c.Metric(name, "1", f"Count of {name}")
        if (number := _number(value)) is None:
            self._reject(name)
        elif record := self._make("counter", spec):
            record(number, self._labels(labels))

    def _labels(self, labels: Mapping[str, object]) -> dict[str, str]:
        redact = getattr(metrics.get_meter_provider(), "redact", None) or (lambda value: value)
        texts = redact({name: plain_text(value) for name, value in labels.items()})
        return {name: str(text)[:MAX_LABEL] for name, text in texts.items()}

    def _meter(self) -> metrics.Meter:
        return (self._provider or metrics.get_meter_provider()).get_meter("obs_helpers")

    def _make(self, kind: str, spec: c.Metric) -> Any:
        try:
            if len(self._names) < MAX_INSTRUMENTS or spec.name in self._names:
                record = make_record(self._meter(), kind, spec)
                self._names.add(spec.name)
                return record
        except Exception:  # OpenTelemetry does not take the name
            pass
        return self._reject(spec.name)

    def _reject(self, name: str) -> None:
        count = make_record(self._meter(), "counter", c.REJECTED)
        count(1, self._labels({"metric": name}))


def _number(value: object) -> float | None:
    """Return `value` if it is a finite number >= 0, of whatever type."""
    try:
        if isinstance(value, Real | Decimal) and 0 <= float(value) < math.inf:
            return value if isinstance(value, int) else float(value)
    except (OverflowError, ValueError):  # an integer beyond all floats, a signalling NaN
        pass
    return None


@lru_cache(maxsize=1024)
def make_record(meter: metrics.Meter, kind: str, spec: c.Metric) -> Any:
    """Return what records `spec`, on one instrument: a second would be exported, too."""
    if kind == "counter":
        return meter.create_counter(spec.name, spec.unit, spec.description).add
    return meter.create_histogram(
        spec.name,
        spec.unit,
        spec.description,
        # As floats: Prometheus takes le="1" and le="1.0" for different series.
        explicit_bucket_boundaries_advisory=[float(b) for b in spec.boundaries] or None,
    ).record


class CurrentMeterProvider(metrics.MeterProvider):
    """The global meter provider: passes on to the telemetry that runs now.

    Instruments that another library makes stay with the telemetry they were made under.
    """

    def __init__(self) -> None:
        """Point nowhere."""
        self.target: metrics.MeterProvider = metrics.NoOpMeterProvider()
        self.redact: Callable[[Any], Any] | None = None

    def get_meter(self, *args: Any, **kwargs: Any) -> metrics.Meter:
        """Return a meter of `target`."""
        return self.target.get_meter(*args, **kwargs)
