"""Packages that only some ways out of the process need, and Prometheus, one of them."""

import importlib
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.version import __version__ as otel_version


def prometheus(port: int) -> tuple[MetricReader, str, Callable[[], None]]:
    """Serve metrics on 127.0.0.1; returns the reader, the URL and what stops the server.

    Port 0 takes any free port.

    Raises:
        ValueError: the port is taken.
    """
    exporter = optional("opentelemetry.exporter.prometheus")
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


def optional(module: str) -> Any:
    """Import and return a module.

    Raises:
        ImportError: its package is not installed; the message says how to install it.
    """
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
