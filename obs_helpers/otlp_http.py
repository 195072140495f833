"""One OTLP exporter of the SDK, and a judgement of the answers that it gets.

OTLP says which answers are worth another try: 408, 429, 502, 503, 504, and none at all.
Other errors refuse the data for good, 413 only what cannot be sent in smaller parts. A
redirect, and an answer that is not OTLP, come from something that is no Collector: what was
sent there is worth another try, too.
"""

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from obs_helpers.clock import SystemClock
from obs_helpers.exporters import optional
from obs_helpers.safe_json import describe
from obs_helpers.trouble import TooMuch

TIMEOUT_S = 2.0
"""For all of one delivery, at first. OpenTelemetry's default of 10 s, with retries, takes up
to 35 s."""
MAX_TIMEOUT_S = 30.0
"""After each delivery that took too long the next one gets twice the time, up to this."""
MAX_ANSWER = 65_536
"""Bytes of an answer that are read."""

_HTTP = "opentelemetry.exporter.otlp.proto.http"
_TRY_AGAIN = (408, 429, 502, 503, 504)


class DeliveryFailed(Exception):
    """The endpoint answered, but not as a Collector that took the data."""


class Exporter:
    """One exporter of the SDK, and the answers that it does not tell of."""

    def __init__(self, module: str, name: str, endpoint: str) -> None:
        from obs_helpers.timed_http import limit_time  # 5 ms that only OTLP needs

        exporter_class = getattr(optional(f"{_HTTP}.{module}"), name)
        session = optional("requests").Session()
        limit_time(session)
        self._send_request, session.send = session.send, self._ask
        self.sdk = exporter_class(endpoint, timeout=TIMEOUT_S, session=session)
        self.export: Callable[[Any], Any] = self.sdk.export
        self._answer: Any = None
        self._error: Exception | None = None
        self._timeout_s = TIMEOUT_S

    def send(self, batch: list[Any]) -> tuple[int, str]:
        """Send a batch; return how much was refused for good, and why.

        Raises:
            TooMuch: it is not taken as a whole, or one item of it cannot be encoded.
            Exception: it did not get through, and should be sent again.
        """
        self._answer = self._error = None
        why = "it cannot be encoded"
        try:
            self.export(batch[0] if isinstance(batch[0], MetricsData) else batch)
        except Exception as error:  # one of the SDK's versions raises what the other logs
            why = f"{why}: {describe(error)}"
        if self._error is not None:
            raise self._error
        if len(batch) > 1 and (self._answer is None or self._answer.status_code == 413):
            raise TooMuch(why)
        if self._answer is None:
            return size_of(batch[0]), why
        return _judge(self._answer, sum(map(size_of, batch)))

    def _ask(self, request: Any, **options: Any) -> Any:
        """Send one request, keep the answer; redirects are not followed, they lose the body."""
        self._answer = self._error = None
        ours = {"allow_redirects": False, "stream": True, "timeout": self._timeout_s}
        began = SystemClock.monotonic()
        try:
            answer = self._send_request(request, **{**options, **ours})
            answer._content = _beginning(answer)
        except Exception as error:
            self._error = error
            raise
        finally:
            self._learn(SystemClock.monotonic() - began)
        self._answer = answer
        return answer

    def _learn(self, took_s: float) -> None:
        """Give the next delivery twice the time that this one took, within the limits.

        Without it, an endpoint that is always slow gets the same batch again and again.
        """
        if self._error is None or took_s >= self._timeout_s:
            self._timeout_s = min(MAX_TIMEOUT_S, max(TIMEOUT_S, 2 * took_s))


def _beginning(answer: Any) -> bytes:
    content = b""
    for part in answer.iter_content(4096):
        content += part
        if len(content) > MAX_ANSWER:
            answer.close()
            break
    return content


def _judge(answer: Any, size: int) -> tuple[int, str]:
    """Return how much of `size` was refused, and why; raise if it should be sent again."""
    status = f"HTTP {answer.status_code} {answer.reason}"
    if answer.status_code in _TRY_AGAIN or 300 <= answer.status_code < 400:
        raise DeliveryFailed(status)
    if not answer.ok:
        return size, status
    try:
        rejected, why = _rejected(answer)
    except Exception:
        begins = f"{status}, but no OTLP answer: {answer.content[:60]!r}"
        raise DeliveryFailed(begins) from None
    return min(rejected, size), f"{status}, partial success: {why}" if rejected else ""


def _rejected(answer: Any) -> tuple[int, str]:
    """Return how much an answer says was rejected, and why.

    Raises:
        Exception: it is no OTLP answer.
    """
    if "json" in (kind := answer.headers.get("Content-Type", "")):
        partial = answer.json().get("partialSuccess", {})
        counts = [int(value) for name, value in partial.items() if name.startswith("rejected")]
        return sum(counts), str(partial.get("errorMessage", ""))
    if answer.content and kind and "protobuf" not in kind:
        raise DeliveryFailed(kind)
    # The answers for logs and metrics differ in the names of the fields, not in the bytes.
    service = optional("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    partial = service.ExportTraceServiceResponse.FromString(answer.content).partial_success
    return partial.rejected_spans, partial.error_message


def size_of(item: Any) -> int:
    """Return how many spans, lines or points an item is."""
    if not isinstance(item, MetricsData):
        return 1
    return sum(
        len(metric.data.data_points)
        for resource in item.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
