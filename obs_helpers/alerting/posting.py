"""HTTP for channels: post, and post again, until it is taken, refused or too late.

Addresses and keys are secrets. They stand in no message, no log line and no traceback.
"""

import contextvars
import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from obs_helpers.alerting.delivery import Channel, DeliveryError
from obs_helpers.alerting.notification import Notification
from obs_helpers.clock import NS_PER_S, Chance, Clock, SystemClock

if TYPE_CHECKING:
    import httpx

_BASE_S, _CAP_S = 0.5, 60.0
"""The first pause is at most the one, no pause is longer than the other."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message on its way. Its `repr`, which tracebacks may show, gives nothing away."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def stream(self, client: "httpx.Client") -> AbstractContextManager["httpx.Response"]:
        """Post it; the answer is left unread, whatever its size."""
        return client.stream("POST", self.url, content=self.body, headers=dict(self.headers))


class _TryAgain(DeliveryError):
    def __init__(self, text: str, after_s: float = 0.0) -> None:
        super().__init__(text)
        self.after_s = after_s


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


_sending = contextvars.ContextVar("sending", default=False)


def _not_ours(_: logging.LogRecord) -> bool:
    return not _sending.get()


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep addresses out of the log that httpx writes, and nothing else."""
    logging.getLogger("httpx").addFilter(_not_ours)
    token = _sending.set(True)
    try:
        yield
    finally:
        _sending.reset(token)


class Post:
    """Posts a request: with retries, without redirects, never for longer than allowed."""

    def __init__(
        self,
        clock: Clock | None = None,
        wait: Callable[[float], None] | None = None,
        chance: Chance | None = None,
        request_timeout_s: float = 10.0,
    ) -> None:
        """Wait between tries in real time, unless told otherwise.

        Args:
            clock: Tells when it is too late.
            wait: Blocks for that many seconds; `VirtualClock.advance` takes no time at all.
            chance: Gives the jitter.
            request_timeout_s: The most that one try may wait for the other side.
        """
        self._clock = clock or SystemClock()
        self._wait = wait or _wait
        self._draw = (chance or Chance()).stream("delivery")
        self._request_timeout_s = request_timeout_s

    def __call__(self, request: Request, timeout_s: float) -> None:
        """Post; try again what may yet succeed, with full jitter, for `timeout_s` seconds.

        Raises:
            DeliveryError: refused, or not taken in time.
        """
        end = self._clock.monotonic() + timeout_s
        Retrying(
            retry=retry_if_exception_type(_TryAgain),
            wait=self._pause_s,
            stop=lambda state: self._clock.monotonic() + state.upcoming_sleep >= end,
            sleep=self._wait,
            reraise=True,
        )(self._once, request, end)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        import httpx

        return httpx.create_ssl_context()  # slow: it reads all certificates

    def _pause_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.after_s if isinstance(error, _TryAgain) else 0.0
        longest_s = min(_CAP_S, _BASE_S * 2 ** min(state.attempt_number - 1, 20))
        return max(asked_s, self._draw.uniform(0, longest_s))

    def _once(self, request: Request, end: float) -> None:
        import httpx

        limit_s = min(self._request_timeout_s, max(0.001, end - self._clock.monotonic()))
        answer, trouble = None, DeliveryError()
        try:
            with (
                _unlogged(),
                httpx.Client(verify=self._tls, timeout=limit_s) as client,
                request.stream(client) as answer,
            ):
                pass
        except httpx.TransportError as error:
            trouble = _TryAgain(type(error).__name__)
        except Exception as error:
            trouble = DeliveryError(type(error).__name__)
        if answer is None:
            # Raised out here: httpx's errors know the address, and would come along.
            raise trouble
        self._judge(answer.status_code, answer.headers.get("retry-after", ""))

    def _judge(self, status: int, retry_after: str) -> None:
        if 200 <= status < 300:
            return
        if status == 429 or status >= 500:
            now = datetime.fromtimestamp(self._clock.time_ns() / NS_PER_S, UTC)
            raise _TryAgain(f"answered {status}", retry_after_s(retry_after, now))
        hint = "give the address it moved to" if status < 400 else "check address, key and rights"
        msg = f"answered {status}: {hint}"
        raise DeliveryError(msg)


def retry_after_s(text: str, now: datetime) -> float:
    """Return the seconds that a `Retry-After` header asks for; 0 if it cannot be read."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def web_address(url: str) -> str:
    """Return `url` without spaces around it.

    Raises:
        ValueError: it is no http(s) address. The message never shows it: it is a secret.
    """
    url = url.strip()
    scheme = url.partition("://")[0][:12] if "://" in url else ""
    if scheme.lower() not in ("http", "https"):
        msg = f"the address has the scheme {scheme!r}; it must begin with https:// or http://"
        raise ValueError(msg)
    if not _has_host(url):
        msg = f"the {scheme} address has no host, or a port that is no port; copy it once more"
        raise ValueError(msg)
    return url


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class HttpChannel(Channel):
    """A channel that turns each message into one request."""

    def __init__(self, name: str, url: str, post: Post | None) -> None:
        """Post to `url`, which is a secret; raises ValueError as `web_address` does."""
        self.name, self._url, self._post = name, web_address(url), post or Post()

    def send(self, notification: Notification) -> None:
        """Post it; raises `DeliveryError`."""
        # Nothing secret in a variable here: tracebacks may show them.
        self._post(self.request(notification), notification.timeout_s)

    def request(self, notification: Notification) -> Request:
        """Return what to post."""
        raise NotImplementedError
