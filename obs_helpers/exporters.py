"""Ways out of the process: OTLP and Prometheus, each only if its package is there."""

import importlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.version import __version__ as otel_version

from obs_helpers.conventions import SERVICE_NAME

TIMEOUT_S = 2.0
"""OpenTelemetry's default of 10 s, with retries, can hold a notebook for 35 s."""
_OTLP = "opentelemetry.exporter.otlp.proto.http"
_SEVERITY = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}


def otlp_spans(endpoint: str) -> SpanExporter:
    """Return an exporter that sends spans to an OTLP/HTTP endpoint."""
    exporter = _optional(f"{_OTLP}.trace_exporter").OTLPSpanExporter
    return exporter(f"{endpoint}/v1/traces", timeout=TIMEOUT_S)  # type: ignore[no-any-return]


def otlp_metrics(endpoint: str) -> MetricExporter:
    """Return an exporter that sends metrics to an OTLP/HTTP endpoint."""
    exporter = _optional(f"{_OTLP}.metric_exporter").OTLPMetricExporter
    return exporter(f"{endpoint}/v1/metrics", timeout=TIMEOUT_S)  # type: ignore[no-any-return]


def otlp_logs(endpoint: str, service: str) -> tuple[Callable[[bytes], None], Callable[[], None]]:
    """Return a sink for log lines that sends them by OTLP, and what shuts it down.

    Each record carries the ids of the span that is current when the line is written.
    """
    exporter = _optional(f"{_OTLP}._log_exporter").OTLPLogExporter
    provider = LoggerProvider(Resource.create({SERVICE_NAME: service}), shutdown_on_exit=False)
    provider.add_log_record_processor(
        BatchLogRecordProcessor(exporter(f"{endpoint}/v1/logs", timeout=TIMEOUT_S))
    )
    logger = provider.get_logger("obs_helpers")

    def write(line: bytes) -> None:
        event = orjson.loads(line)
        level = event.pop("level", "info")
        moment = datetime.fromisoformat(event.pop("timestamp"))
        logger.emit(
            timestamp=round(moment.timestamp() * 1e6) * 1000,
            severity_number=_SEVERITY[level],
            severity_text=level.upper(),
            body=event.pop("event", ""),
            attributes={name: value for name, value in event.items() if value is not None},
        )

    return write, provider.shutdown


def prometheus(port: int) -> tuple[MetricReader, str, Callable[[], None]]:
    """Serve metrics on 127.0.0.1; returns the reader, the URL and what stops the server.

    Port 0 takes any free port.

    Raises:
        ValueError: the port is taken.
    """
    exporter = _optional("opentelemetry.exporter.prometheus")
    client = importlib.import_module("prometheus_client")
    registry = client.CollectorRegistry()
    reader: MetricReader = exporter.PrometheusMetricReader(registry=registry)
    try:
        server, _ = client.start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        msg = f"prometheus_port={port} does not work ({error}); give another port, or 0"
        raise ValueError(msg) from None

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return reader, f"http://127.0.0.1:{server.server_port}/metrics", stop


def _optional(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        # An exporter wants the SDK of its own release: an unpinned one would upgrade it.
        minor = int(otel_version.split(".")[1]) + 21
        package = (
            f"opentelemetry-exporter-prometheus==0.{minor}b{otel_version.split('.')[2]}"
            if "prometheus" in module
            else f"opentelemetry-exporter-otlp-proto-http=={otel_version}"
        )
        msg = f"this option needs one more package: pip install {package}"
        raise ImportError(msg) from None
