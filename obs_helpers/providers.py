"""OpenTelemetry's two global providers, which a process can set once: they are ours."""

from collections.abc import Callable
from typing import Any

from opentelemetry import metrics, trace

from obs_helpers.clock import Clock, SystemClock
from obs_helpers.signals.instruments import CurrentMeterProvider
from obs_helpers.signals.traces import CurrentProvider


def point_to(
    tracers: trace.TracerProvider,
    meters: metrics.MeterProvider,
    clock: Clock,
    redact: Callable[[Any], Any] | None,
) -> None:
    """Let whoever uses OpenTelemetry's global providers reach these two."""
    tracer, meter = _ours()
    tracer.target, tracer.clock = tracers, clock
    meter.target, meter.redact = meters, redact


def let_go(tracers: trace.TracerProvider) -> bool:
    """Point nowhere, if it was to `tracers`; return whether it was."""
    tracer, meter = _ours()
    if tracer.target is not tracers:
        return False
    tracer.target, tracer.clock = trace.NoOpTracerProvider(), SystemClock()
    meter.target = metrics.NoOpMeterProvider()
    return True


def _ours() -> tuple[CurrentProvider, CurrentMeterProvider]:
    """Return the two; sets them the first time."""
    tracer = trace.get_tracer_provider()
    if not isinstance(tracer, CurrentProvider):
        trace.set_tracer_provider(tracer := CurrentProvider())
    meter = metrics.get_meter_provider()
    if not isinstance(meter, CurrentMeterProvider):
        metrics.set_meter_provider(meter := CurrentMeterProvider())
    return tracer, meter
