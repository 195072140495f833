"""One warning when deliveries begin to fail, and silence until they succeed again."""

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from obs_helpers.safe_json import describe

Batch = TypeVar("Batch")

_HTTP = "opentelemetry.exporter.otlp.proto.http"
NOISY = (
    f"{_HTTP}.trace_exporter",
    f"{_HTTP}.metric_exporter",
    f"{_HTTP}._log_exporter",
    "opentelemetry.exporter.otlp.proto.common._internal",
    "urllib3.connectionpool",
)
"""Loggers that tell of each failed delivery, some with a traceback."""


class TooMuch(Exception):
    """What was to be delivered is not taken as a whole, but maybe in smaller parts."""


class Trouble(logging.Filter):
    """Watches the deliveries to one endpoint, in the threads that deliver.

    As a filter it holds back what other loggers say there.
    """

    def __init__(self, endpoint: str, clean: Callable[[Any], Any]) -> None:
        """Watch deliveries to `endpoint`; reasons pass `clean` before they are logged."""
        super().__init__()
        self._where = f"OTLP endpoint {urlsplit(endpoint).netloc.rpartition('@')[2]}"
        self._clean = clean
        self._failing: set[str] = set()
        self._threads: set[int] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._log = logging.getLogger("obs_helpers")
        for name in NOISY:
            logging.getLogger(name).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let through what comes from any other thread."""
        return record.thread not in self._threads

    def watch(
        self, signal: str, send: Callable[[Batch], tuple[int, str]]
    ) -> Callable[[Batch], tuple[int, str]]:
        """Return `send`, watched."""

        def watched(batch: Batch) -> tuple[int, str]:
            self._threads.add(threading.get_ident())
            try:
                refused, why = send(batch)
            except TooMuch:
                raise
            except Exception as error:
                self._failed(signal, describe(error), "What was recorded waits and is sent later")
                raise
            finally:
                self._threads.discard(threading.get_ident())
                self._let_go()
            if refused:
                self._failed(signal, why, "It refuses the data, which is lost there")
            else:
                self._succeeded(signal)
            return refused, why

        return watched

    def close(self, *left: int) -> None:
        """Say how much could not be delivered; give the other loggers back."""
        if any(left):
            counts = "{} spans, {} log lines and {} metric points".format(*left)
            self._log.warning("%s did not get %s before the end.", self._where, counts)
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        if self._closed and not self._threads:  # a delivery may outlive the end
            for name in NOISY:
                logging.getLogger(name).removeFilter(self)

    def _failed(self, signal: str, why: str, so: str) -> None:
        with self._lock:
            first = not self._failing
            self._failing.add(signal)
        if first:
            text = "%s: %s failed (%s). %s; the agent goes on. See health()."
            self._log.warning(text, self._where, signal, self._clean(why)[:200], so)

    def _succeeded(self, signal: str) -> None:
        with self._lock:
            was_failing = signal in self._failing
            self._failing.discard(signal)
            again = was_failing and not self._failing
        if again:
            self._log.info("%s works again.", self._where)
