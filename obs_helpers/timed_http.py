"""HTTP connections with a deadline for all of an exchange.

A timeout of a socket is for one read: an endpoint that sends a byte a second, without
end, would never meet it. Here each read and each write gets what is left of the time.
"""

import io
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from obs_helpers.clock import SystemClock

PIECE = 65_536
"""Bytes sent at once: TLS gives each of its records the whole timeout again."""


def limit_time(session: Any) -> None:
    """Make the timeout of each request of a session hold for all of that request.

    To connect may take the same time again.
    """
    for adapter in session.adapters.values():
        _limit(adapter.poolmanager)
        adapter.proxy_manager_for = partial(_limited_proxy, adapter.proxy_manager_for)


def _limited_proxy(make: Any, *args: Any, **options: Any) -> Any:
    return _limit(make(*args, **options))


def _limit(manager: Any) -> Any:
    """Let a manager of urllib3's make timed connections, of the kinds that it makes anyway."""
    kinds = manager.pool_classes_by_scheme
    if not any(issubclass(pool.ConnectionCls, _Timed) for pool in kinds.values()):
        manager.pool_classes_by_scheme = {
            scheme: type(
                pool.__name__,
                (pool,),
                {"ConnectionCls": type("Timed", (_Timed, pool.ConnectionCls), {})},
            )
            for scheme, pool in kinds.items()
        }
    return manager


class _Timed(HTTPConnection):
    response_class: Any
    _until = 0.0

    def connect(self) -> None:
        self._begin()
        super().connect()

    def putrequest(self, *args: Any, **options: Any) -> None:
        self._begin()  # on a connection that is open already
        super().putrequest(*args, **options)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        for start in range(0, len(data), PIECE):
            _allow(self.sock, self._until)
            super().send(memoryview(data)[start : start + PIECE])

    def _begin(self) -> None:
        self._until = SystemClock.monotonic() + (self.timeout or 0)
        self.response_class = partial(_Answer, self._until)


class _Answer(HTTPResponse):
    def __init__(self, until: float, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Reader(until, sock, self.fp.detach()))


class _Reader(io.RawIOBase):
    def __init__(self, until: float, sock: Any, raw: io.RawIOBase) -> None:
        self._until, self._sock, self._raw = until, sock, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _allow(self._sock, self._until)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _allow(sock: Any, until: float) -> None:
    """Give the next step what is left of the time."""
    left = until - SystemClock.monotonic()
    if left <= 0:
        msg = "the time for the whole exchange is over"
        raise TimeoutError(msg)
    sock.settimeout(left)
