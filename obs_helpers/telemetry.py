"""`start()`: one call that wires logs, metrics and traces to the store and beyond.

The way of one request into the store: `Agent.process` calls a hook, `Instrumentation`
begins and ends spans with `AgentTracer`, `SpanBuffer` keeps those that ended, and
`Store.flush`, twice a second and before each question, takes them as rows (`span_row`).
Log lines wait in `LineBuffer`, metric points in `PointBuffer`, in the same way.
"""

import contextlib
import inspect
import math
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader

from obs_helpers import exporters, providers
from obs_helpers.clock import NS_PER_S, Chance, Clock, SystemClock
from obs_helpers.forks import Owner, at_end, watch_forks
from obs_helpers.health import Health, Tally
from obs_helpers.options import Options
from obs_helpers.otlp import Otlp
from obs_helpers.signals import logs, metrics, points, sinks, spans, traces
from obs_helpers.signals.log_sampling import LogSampler
from obs_helpers.store import Store
from obs_helpers.ways import FileWay, StoreWays, open_log_file

if TYPE_CHECKING:
    from obs_helpers.signals.log_file import LogFile

FLUSH_S = 0.5
"""The store takes what there is this often, in seconds of real time, in a thread."""
COLLECT_S, VIRTUAL_COLLECT_S = 60.0, 300.0


class Telemetry(Owner):
    """What `start` returns: everything that runs, in one place.

    What it promises, also when the store's disk is full or an endpoint fails, hangs or
    answers nonsense:

    - The agent never waits for a delivery and never gets an exception.
    - What `flush` has put into a store's file is still there after `kill -9`. It is
      called twice a second; what came since is lost with the process.
    - What cannot be delivered waits, up to a limit, and is sent when that works again.
      What is dropped is counted: see `health`.
    - `flush` and `shutdown` never raise, and wait for an endpoint 5 s at the most.
    - A forked child has no telemetry, and leaves the parent's alone, until it calls
      `start` itself. A spawned one begins without, as every process does.
    """

    def __init__(self, options: Options) -> None:
        """Wire everything; use `start`, which also makes it the current telemetry."""
        self.options, self.pid = options, os.getpid()
        self.clock: Clock = options.clock or SystemClock()
        self.redact = options.redactor()
        given = options.store
        self.store = given if isinstance(given, Store) else Store(given, options.max_rows)
        self.log_file: LogFile | None = None
        self.log_sampler: LogSampler | None = None
        self._closers: list[Callable[[], object]] = []
        self._stored = StoreWays(self.store, Tally(self.clock, self.redact))
        self._places: list[Any] = [self._stored]
        self._otlp: Otlp | None = None
        try:
            if options.otlp:
                self._otlp = Otlp(options.otlp, options.service, self.redact, self.clock)
                self._places.append(self._otlp)
                self._closers.append(self._otlp.close)
            self._make_traces()
            self._make_metrics()
            self._make_logs()
            self._schedule()
        except BaseException:
            self._close()
            raise
        self.running = True
        watch_forks(self)

    def logger(self, name: str) -> Any:
        """Return a structlog logger that logs under `name`."""
        return logs.get_logger(name)

    def flush(self) -> None:
        """Put everything recorded so far into the store, and send it on; never raises."""
        with contextlib.suppress(Exception):
            self.collect()
        self._stored.flush()
        if self._otlp:
            self._otlp.flush()

    def collect(self) -> None:
        """Read the metrics now; else they are read once a minute."""
        if self.pid != os.getpid():  # the SDK's locks may be held by a thread of the parent
            return
        self.metrics.close_idle_sessions()
        self._points.collect()

    def shutdown(self) -> None:
        """Write what is left, stop everything, give back what was global; idempotent.

        A store in memory can still be read, and so can one that `start` was given. A
        file that `start` opened is closed.
        """
        with _turns.setdefault(os.getpid(), threading.RLock()):
            if not self.running:
                return
            self.running = False
            with contextlib.suppress(Exception):
                self.metrics.close_idle_sessions(idle_s=0)
                if self.log_sampler is not None:
                    self.log_sampler.close()
                self.collect()
                if self._otlp:
                    self._otlp.collect()
                    self._otlp.close()
            self._undo_globals()
            self._close()

    def leave(self) -> None:
        """Stop without a trace, in a forked child: all of it is the parent's."""
        self.running = False
        self._otlp, self._places = None, []
        self._undo_globals()
        self._spans.leave()
        self.metrics.leave()

    def health(self) -> Health:
        """Return what waits, was delivered and was dropped, per signal and place."""
        redact = self.redact
        failed, why = (redact.found["FAILED"], redact.last_error) if redact else (0, None)
        ways = [way for place in self._places for way in place.ways()]
        return Health(tuple(ways), failed, logs.OUTPUT.errors, why)

    def _close(self) -> None:
        for close in reversed(self._closers):
            with contextlib.suppress(Exception):
                close()
        self._stored.flush()
        ours = self.store is not self.options.store and self.store.path != ":memory:"
        with contextlib.suppress(Exception):
            self.store.close() if ours else self.store.detach_all()

    def __repr__(self) -> str:
        """Say what was changed from the defaults."""
        state = "running" if self.running else "stopped"
        return " ".join(["<Telemetry", state, *self.options.changed()]) + ">"

    def _make_traces(self) -> None:
        self.tracer_provider = traces.make_provider(
            self.options.service, Chance(self.options.seed), self.options.sampling, self.redact
        )
        self._closers.append(self.tracer_provider.shutdown)
        self._spans = spans.SpanBuffer(self.redact)
        self.tracer_provider.add_span_processor(self._spans)
        self._stored.attach("traces", self._spans)
        if self._otlp:
            self.tracer_provider.add_span_processor(self._otlp.span_processor)
        self.tracer = traces.AgentTracer(self.tracer_provider, self.clock)

    def _make_metrics(self) -> None:
        options = self.options
        buffer = points.PointBuffer(self.clock)
        # Our clock says when to read, not the reader's own timer.
        self._points = PeriodicExportingMetricReader(buffer, export_interval_millis=math.inf)
        self._stored.attach("metrics", buffer)
        readers: list[MetricReader] = [self._points]
        if options.prometheus_port is not None:
            reader, self.prometheus_url, close = exporters.prometheus(options.prometheus_port)
            readers.append(reader)
            self._closers.append(close)
        if self._otlp:
            readers.append(self._otlp.metric_reader)
        # The second names cost time at each measurement: only for those who see them.
        outside = len(readers) > 1
        self.meter_provider = points.make_provider(options.service, readers, outside, self.redact)
        self._closers.append(self.meter_provider.shutdown)
        self.metrics = metrics.AgentMetrics(self.meter_provider, self.clock)

    def _make_logs(self) -> None:
        options = self.options
        self._lines = sinks.LineBuffer()
        self._stored.attach("logs", self._lines)
        writes: list[sinks.Sink] = [self._lines.write]
        if options.console:
            writes.append(sinks.console)
        if options.file is not None:
            self.log_file = open_log_file(options.file, options, self.clock)
            counted = FileWay(self.log_file, Tally(self.clock, self.redact))
            self._places.append(counted)
            writes.append(counted.write)
            self._closers.append(self.log_file.finish)
        if self._otlp:
            writes.append(self._otlp.write)
        self._log_sinks = tuple(writes)
        if options.log_sampling is not None:
            self.log_sampler = LogSampler(
                options.log_sampling, self.clock, Chance(options.seed).stream("logs").random,
                traces.current_trace_id, logs.OUTPUT.write, self.redact,
            )  # fmt: skip
            self.tracer_provider.add_span_processor(spans.RequestEnds(self.log_sampler.end_request))

    def _schedule(self) -> None:
        usual_s = COLLECT_S if isinstance(self.clock, SystemClock) else VIRTUAL_COLLECT_S
        self._closers.append(self.clock.every(self.options.collect_s or usual_s, self._tick))
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
        self._stored.flush()

    def _set_globals(self) -> None:
        providers.point_to(self.tracer_provider, self.meter_provider, self.clock, self.redact)
        logs.configure(
            clock=self.clock, level=self.options.level, sinks=self._log_sinks,
            current_ids=traces.current_ids, redact=self.redact, sampler=self.log_sampler,
        )  # fmt: skip

    def _undo_globals(self) -> None:
        if providers.let_go(self.tracer_provider):
            logs.reset()


_current: Telemetry | None = None
_turns: dict[int, threading.RLock] = {}  # by process: a child has no threads of its parent


def current() -> Telemetry:
    """Return the telemetry that runs now.

    Raises:
        RuntimeError: `start` was not called, or `shutdown` was, or this process is a fork.
    """
    if _current is not None and _current.pid != os.getpid():
        raise RuntimeError(
            f"telemetry stayed with process {_current.pid}, which forked this one; call "
            "obs_helpers.start() here, with a store of its own"
        )
    if _current is None or not _current.running:
        raise RuntimeError("no telemetry is running; call obs_helpers.start() first")
    return _current


def start(**options: Any) -> Telemetry:
    """Start logs, metrics and traces; returns the handle. See `Options` for all options.

    Called again with the same options it returns the same handle, so that a notebook
    cell can be run again. With other options, or another clock, it starts anew and shuts
    the old telemetry down. If it raises, the old one runs on, or a note says that none does.

    Raises:
        TypeError: there is no option of that name.
        ValueError: an option has a value it cannot have.
        ImportError: an option needs a package that is not installed.
        StoreError: the store's file cannot be opened.
    """
    global _current
    with _turns.setdefault(os.getpid(), threading.RLock()):
        wanted = Options.of(options)
        at_end(shutdown)
        if _current is not None and _current.running and _current.options == wanted:
            return _current
        if _current is not None and wanted.clashes(_current.options):
            shutdown()
        try:
            new = Telemetry(wanted)
        except Exception as error:
            if _current is not None and not _current.running:
                error.add_note("no telemetry is running now; call obs_helpers.start() again")
            raise
        shutdown()
        _current = new
        _current._set_globals()
        return _current


start.__signature__ = inspect.signature(Options)  # type: ignore[attr-defined]


def shutdown() -> None:
    """Shut the current telemetry down, if any; also runs when the process ends."""
    if _current is not None:
        _current.shutdown()
