"""OTLP: everything to a Collector as well, and no trouble of the Collector's to the agent.

OpenTelemetry's own exporters encode and send. Each is called by the thread of an
`Outbox`, which holds what could not be sent.
"""

import contextlib
import math
from datetime import datetime
from typing import Any

import orjson
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from obs_helpers.clock import Clock, SystemClock
from obs_helpers.health import Tally, Way
from obs_helpers.otlp_http import Exporter, size_of
from obs_helpers.outbox import Outbox
from obs_helpers.safe_json import text_in
from obs_helpers.signals.resource import resource_of
from obs_helpers.signals.spans import Redact, RedactingExporter, text_size
from obs_helpers.trouble import Trouble

WAIT_S = 5.0
"""`flush` and `shutdown` wait this long for deliveries, at the most."""
COLLECT_S = 60.0
"""Metrics are read and sent this often, in seconds of real time."""
MAX_SPANS, MAX_LINES, MAX_POINTS = 10_000, 50_000, 50_000
"""Held while the Collector cannot be reached; then new ones are dropped."""
BATCH = 512

_SEVERITY = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}


class Otlp:
    """Three outboxes on one endpoint, and what fills them."""

    def __init__(self, endpoint: str, service: str, redact: Redact | None, clock: Clock) -> None:
        """Send to `endpoint`; `redact` cleans spans, and what is said about failures.

        Raises:
            ImportError: the exporters' package is not installed.
        """
        base = endpoint.rstrip("/")
        spans = Exporter("trace_exporter", "OTLPSpanExporter", f"{base}/v1/traces")
        metrics = Exporter("metric_exporter", "OTLPMetricExporter", f"{base}/v1/metrics")
        lines = Exporter("_log_exporter", "OTLPLogExporter", f"{base}/v1/logs")
        spans.export = RedactingExporter(spans.sdk, redact).export
        self._exporters = (spans, metrics, lines)
        self._trouble = Trouble(endpoint, redact or (lambda text: text))

        def outbox(signal: str, exporter: Exporter, limit: int, **more: Any) -> Outbox[Any]:
            send = self._trouble.watch(signal, exporter.send)
            return Outbox((signal, "OTLP"), send, Tally(clock, redact), limit, **more)

        self._spans = outbox("traces", spans, MAX_SPANS, batch=BATCH, text=text_size)
        self._lines = outbox("logs", lines, MAX_LINES, batch=BATCH, text=_text_of)
        self._points = outbox("metrics", metrics, MAX_POINTS, batch=1, size=size_of)
        self._outboxes = (self._spans, self._lines, self._points)
        self.span_processor = _Spans(self._spans)
        # Our clock says when to read: the reader's own timer would follow a fork.
        self.metric_reader = PeriodicExportingMetricReader(
            _Metrics(self._points, metrics.sdk), export_interval_millis=math.inf
        )
        self._stop_timer = SystemClock().every(COLLECT_S, self.collect)
        self._closed = False
        provider = LoggerProvider(resource_of(service, redact), shutdown_on_exit=False)
        provider.add_log_record_processor(_Lines(self._lines))
        self._logger = provider.get_logger("obs_helpers")

    def write(self, line: bytes) -> None:
        """Take one log line; its record carries the ids of the span that is current."""
        event = orjson.loads(line)
        level = event.pop("level", "info")
        moment = datetime.fromisoformat(event.pop("timestamp"))
        self._logger.emit(
            timestamp=round(moment.timestamp() * 1e6) * 1000,
            severity_number=_SEVERITY[level],
            severity_text=level.upper(),
            body=event.pop("event", ""),
            attributes={name: value for name, value in event.items() if value is not None},
        )

    def collect(self) -> None:
        """Read the metrics, to be sent."""
        with contextlib.suppress(Exception):  # one that cannot be read
            self.metric_reader.collect()

    def flush(self) -> bool:
        """Send what waits, within `WAIT_S`; return whether all of it is out."""
        self.collect()
        deadline = SystemClock.monotonic() + WAIT_S
        waits = [outbox.hurry() for outbox in self._outboxes]
        return all([wait(max(0.0, deadline - SystemClock.monotonic())) for wait in waits])

    def close(self) -> None:
        """Send what waits a last time, within `WAIT_S`, and stop; say what was left."""
        if self._closed:
            return
        self._closed = True
        self._stop_timer()
        deadline = SystemClock.monotonic() + WAIT_S
        waits = [outbox.close() for outbox in self._outboxes]
        left = [wait(max(0.0, deadline - SystemClock.monotonic())) for wait in waits]
        for exporter in self._exporters:
            exporter.sdk.shutdown()
        self._trouble.close(*left)

    def ways(self) -> list[Way]:
        """Return how each signal's delivery is."""
        return [outbox.way() for outbox in self._outboxes]


class _Spans(SpanProcessor):
    def __init__(self, outbox: Outbox[ReadableSpan]) -> None:
        self._outbox = outbox

    def on_end(self, span: ReadableSpan) -> None:
        if span.context and span.context.trace_flags.sampled:
            self._outbox.put(span)


class _Lines(LogRecordProcessor):
    def __init__(self, outbox: Outbox[ReadableLogRecord]) -> None:
        self._outbox = outbox

    def on_emit(self, log_record: Any) -> None:
        log_record.log_record.context = Context()  # has given its ids, and holds a span
        record = ReadableLogRecord(
            log_record=log_record.log_record,
            resource=log_record.resource,
            instrumentation_scope=log_record.instrumentation_scope,
            limits=log_record.limits,
        )
        self._outbox.put(record)

    def shutdown(self) -> None:
        """Do nothing: the outbox is closed by whoever made it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def _text_of(record: ReadableLogRecord) -> int:
    return text_in(record.log_record.body) + text_in(record.log_record.attributes)


class _Metrics(MetricExporter):
    def __init__(self, outbox: Outbox[MetricsData], sdk: MetricExporter) -> None:
        super().__init__(sdk._preferred_temporality, sdk._preferred_aggregation)
        self._outbox = outbox

    def export(self, metrics_data: MetricsData, *_: Any, **__: Any) -> MetricExportResult:
        self._outbox.put(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing: the outbox is closed by whoever made it."""
