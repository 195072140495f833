"""`start()`: one call that wires logs, metrics and traces to the store and beyond.

The way of one request into the store: `Agent.process` calls a hook, `Instrumentation`
begins and ends spans with `AgentTracer`, `SpanBuffer` keeps those that ended, and
`Store.flush`, twice a second and before each question, takes them as rows (`span_row`).
Log lines wait in `LineBuffer`, metric points in `PointBuffer`, in the same way.
"""

import atexit
import contextlib
import inspect
import math
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics as otel_metrics
from opentelemetry import trace as otel_trace
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from obs_helpers import exporters
from obs_helpers.clock import NS_PER_S, Chance, Clock, SystemClock
from obs_helpers.options import Options
from obs_helpers.signals import instruments, logs, metrics, points, sinks, spans, traces
from obs_helpers.signals.log_sampling import LogSampler
from obs_helpers.signals.redaction import Redactor
from obs_helpers.store import Store

if TYPE_CHECKING:
    from obs_helpers.signals.log_file import LogFile

FLUSH_S = 0.5
"""The store takes what there is this often, in seconds of real time, in a thread."""
COLLECT_S, VIRTUAL_COLLECT_S = 60.0, 300.0


class Telemetry:
    """What `start` returns: everything that runs, in one place."""

    def __init__(self, options: Options) -> None:
        """Wire everything; use `start`, which also makes it the current telemetry."""
        self.options = options
        self.clock: Clock = options.clock or SystemClock()
        self.redact = _redactor(options.redact)
        self.store = (
            options.store
            if isinstance(options.store, Store)
            else Store(options.store, options.max_rows)
        )
        self.log_file: LogFile | None = None
        self.log_sampler: LogSampler | None = None
        self._closers: list[Callable[[], object]] = []
        try:
            self._make_traces()
            self._make_metrics()
            self._make_logs()
            self._schedule()
        except BaseException:
            self._close()
            raise
        self.running = True

    def logger(self, name: str) -> Any:
        """Return a structlog logger that logs under `name`."""
        return logs.get_logger(name)

    def flush(self) -> None:
        """Put everything recorded so far into the store, and send it on."""
        self.collect()
        self.store.flush()
        if self.options.otlp:
            self.tracer_provider.force_flush()
            self.meter_provider.force_flush()

    def collect(self) -> None:
        """Read the metrics now; else they are read once a minute."""
        self.metrics.close_idle_sessions()
        self._points.collect()

    def shutdown(self) -> None:
        """Write what is left, stop everything, give back what was global; idempotent.

        A store in memory can still be read, and so can one that `start` was given. A
        file that `start` opened is closed.
        """
        if not self.running:
            return
        self.running = False
        try:
            self.metrics.close_idle_sessions(idle_s=0)
            if self.log_sampler is not None:
                self.log_sampler.close()
            self.flush()
        finally:
            self._undo_globals()
            self._close()

    def _close(self) -> None:
        for close in reversed(self._closers):
            with contextlib.suppress(Exception):
                close()
        self.store.detach_all()
        if self.store is not self.options.store and self.store.path != ":memory:":
            self.store.close()

    def __repr__(self) -> str:
        """Say what was changed from the defaults."""
        given = {f.name: getattr(self.options, f.name) for f in fields(Options)}
        changed = [
            f"{f.name}={given[f.name]!r}" for f in fields(Options) if given[f.name] != f.default
        ]
        return " ".join(["<Telemetry", "running" if self.running else "stopped", *changed]) + ">"

    # -- How it is wired ------------------------------------------------------------

    def _make_traces(self) -> None:
        options = self.options
        self.tracer_provider = traces.make_provider(
            options.service, Chance(options.seed), options.sampling
        )
        self._closers.append(self.tracer_provider.shutdown)
        self._spans = spans.SpanBuffer(self.redact)
        self.tracer_provider.add_span_processor(self._spans)
        self.store.attach(self._spans)
        if options.otlp:
            exporter = exporters.otlp_spans(options.otlp)
            safe = spans.RedactingExporter(exporter, self.redact)
            self.tracer_provider.add_span_processor(BatchSpanProcessor(safe))
        self.tracer = traces.AgentTracer(self.tracer_provider, self.clock)

    def _make_metrics(self) -> None:
        options = self.options
        buffer = points.PointBuffer(self.clock)
        # Our clock says when to read, not the reader's own timer.
        self._points = PeriodicExportingMetricReader(buffer, export_interval_millis=math.inf)
        self.store.attach(buffer)
        readers: list[MetricReader] = [self._points]
        if options.prometheus_port is not None:
            reader, self.prometheus_url, close = exporters.prometheus(options.prometheus_port)
            readers.append(reader)
            self._closers.append(close)
        if options.otlp:
            readers.append(PeriodicExportingMetricReader(exporters.otlp_metrics(options.otlp)))
        # The second names cost time at each measurement: only for those who see them.
        outside = len(readers) > 1
        self.meter_provider = points.make_provider(options.service, readers, outside)
        self._closers.append(self.meter_provider.shutdown)
        self.metrics = metrics.AgentMetrics(self.meter_provider, self.clock)

    def _make_logs(self) -> None:
        options = self.options
        self._lines = sinks.LineBuffer()
        self.store.attach(self._lines)
        writes: list[sinks.Sink] = [self._lines.write]
        if options.console:
            writes.append(sinks.console)
        if options.file is not None:
            self.log_file = self._open_log_file(Path(options.file))
            writes.append(self.log_file.write)
            self._closers.append(self.log_file.finish)
        if options.otlp:
            write, close = exporters.otlp_logs(options.otlp, options.service)
            writes.append(write)
            self._closers.append(close)
        self._log_sinks = tuple(writes)
        if options.log_sampling is not None:
            self.log_sampler = LogSampler(
                options.log_sampling, self.clock, Chance(options.seed).stream("logs").random,
                traces.current_trace_id, logs.OUTPUT.write, self.redact,
            )  # fmt: skip
            ends = spans.RequestEnds(self.log_sampler.end_request)
            self.tracer_provider.add_span_processor(ends)

    def _open_log_file(self, path: Path) -> "LogFile":
        from obs_helpers.signals.log_file import LogFile  # loads slowly, and few need it

        options = self.options
        return LogFile(
            path,
            self.clock,
            max_bytes=options.file_bytes,
            backups=options.file_backups,
            every=options.file_every,
            max_age=options.file_max_age,
            compress=options.file_compress,
        )

    def _schedule(self) -> None:
        virtual = not isinstance(self.clock, SystemClock)
        collect_s = self.options.collect_s or (VIRTUAL_COLLECT_S if virtual else COLLECT_S)
        self._closers.append(self.clock.every(collect_s, self._tick))
        self._closers.append(SystemClock().every(FLUSH_S, self._flush_quietly))

    def _tick(self) -> None:
        with contextlib.suppress(Exception):
            self.collect()
            if self.log_sampler is not None:
                self.log_sampler.tell()
            if self.log_file is not None:
                self.log_file.tidy()
            if self.options.retention is not None:
                now = datetime.fromtimestamp(self.clock.time_ns() // NS_PER_S, UTC)
                self.store.forget_before(now - self.options.retention)

    def _flush_quietly(self) -> None:
        with contextlib.suppress(Exception):
            self.metrics.settle()
            self.store.flush()

    def _set_globals(self) -> None:
        tracer, meter = _global_providers()
        tracer.target, tracer.clock = self.tracer_provider, self.clock
        meter.target, meter.redact = self.meter_provider, self.redact
        logs.configure(
            clock=self.clock, level=self.options.level, sinks=self._log_sinks,
            current_ids=traces.current_ids, redact=self.redact,
            sampler=self.log_sampler,
        )  # fmt: skip

    def _undo_globals(self) -> None:
        tracer, meter = _global_providers()
        if tracer.target is self.tracer_provider:
            tracer.target, tracer.clock = otel_trace.NoOpTracerProvider(), SystemClock()
            meter.target = otel_metrics.NoOpMeterProvider()
            logs.reset()


def _redactor(option: bool | Redactor) -> Redactor | None:
    if isinstance(option, Redactor):
        return option
    return Redactor() if option else None


def _global_providers() -> tuple[traces.CurrentProvider, instruments.CurrentMeterProvider]:
    """Return OpenTelemetry's two global providers, ours; sets them the first time."""
    tracer = otel_trace.get_tracer_provider()
    if not isinstance(tracer, traces.CurrentProvider):
        otel_trace.set_tracer_provider(tracer := traces.CurrentProvider())
    meter = otel_metrics.get_meter_provider()
    if not isinstance(meter, instruments.CurrentMeterProvider):
        otel_metrics.set_meter_provider(meter := instruments.CurrentMeterProvider())
    return tracer, meter


_current: Telemetry | None = None


def current() -> Telemetry:
    """Return the telemetry that runs now.

    Raises:
        RuntimeError: `start` was not called, or `shutdown` was.
    """
    if _current is None or not _current.running:
        msg = "no telemetry is running; call obs_helpers.start() first"
        raise RuntimeError(msg)
    return _current


def start(**options: Any) -> Telemetry:
    """Start logs, metrics and traces; returns the handle. See `Options` for all options.

    Called again with the same options it returns the same handle, so that a notebook
    cell can be run again. With other options, or another clock, it shuts the old
    telemetry down and starts anew.

    Raises:
        TypeError: there is no option of that name.
        ValueError: an option has a value it cannot have.
        ImportError: an option needs a package that is not installed.
        StoreError: the store's file cannot be opened.
    """
    global _current
    known = [f.name for f in fields(Options)]
    for name in options:
        if name not in known:
            msg = f"start() has no option {name!r}; it has {', '.join(known)}"
            raise TypeError(msg)
    wanted = Options(**options)
    if _current is not None:
        if _current.running and _current.options == wanted:
            return _current
        _current.shutdown()
    else:
        atexit.register(shutdown)
    _current = Telemetry(wanted)
    _current._set_globals()
    return _current


start.__signature__ = inspect.signature(Options)  # type: ignore[attr-defined]


def shutdown() -> None:
    """Shut the current telemetry down, if any; also runs when the process ends."""
    if _current is not None:
        _current.shutdown()
