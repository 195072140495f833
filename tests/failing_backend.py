"""An OTLP backend that can fail in all the ways that backends fail, and then recover."""

import importlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TRICKLES = {
    "trickles a header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "trickles a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
    "trickles 100s": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
"""What comes at once, and what comes again and again: no read of it takes long."""
FAILURES = ("refused", "hangs", "503", "429", "hangs up", "garbage", "a page", "redirects",
            *TRICKLES)  # fmt: skip
"""Ways to fail after which everything that waits can be sent again."""


class Backend(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; `mode` is a way to fail, or `healthy`.

    A body of more than `limit` bytes fails in the way `beyond`.
    """

    daemon_threads = True

    def __init__(self, mode: str = "healthy", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.server_bind()  # bound and not listening: connections are refused
        self.mode, self.tls = mode, tls
        self.limit, self.beyond = 1 << 30, "413"
        self.released = threading.Event()
        self.bodies: list[tuple[str, bytes]] = []
        self.asked = 0
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever)
        if mode != "refused":
            self.listen()

    def listen(self) -> None:
        self.server_activate()
        self._thread.start()

    def recover(self) -> None:
        was, self.mode = self.mode, "healthy"
        self.released.set()
        if was == "refused":
            self.listen()

    def stop(self) -> None:
        self.released.set()
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """The client gave up: nothing to say."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(10)
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def names(self) -> dict[str, list[str]]:
        """Return what arrived, decoded: names of spans, texts of lines, names of metrics."""
        found: dict[str, list[str]] = {"traces": [], "logs": [], "metrics": []}
        for path, body in list(self.bodies):
            signal = path.removeprefix("/v1/")
            found[signal] += _decoded(signal, body)
        return found


def _decoded(signal: str, body: bytes) -> list[str]:
    module = {"traces": "trace", "metrics": "metrics", "logs": "logs"}[signal]
    service = importlib.import_module(
        f"opentelemetry.proto.collector.{module}.v1.{module}_service_pb2"
    )
    message = getattr(service, f"Export{module.capitalize()}ServiceRequest").FromString(body)
    if signal == "traces":
        scopes = [s for r in message.resource_spans for s in r.scope_spans]
        return [span.name for scope in scopes for span in scope.spans]
    if signal == "logs":
        scopes = [s for r in message.resource_logs for s in r.scope_logs]
        return [line.body.string_value for scope in scopes for line in scope.log_records]
    scopes = [s for r in message.resource_metrics for s in r.scope_metrics]
    return [metric.name for scope in scopes for metric in scope.metrics]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def do_GET(self) -> None:  # what a redirect makes of a POST
        self.answer(200, b"{}", "application/json")

    def do_POST(self) -> None:
        self.server.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode = self.server.mode if len(body) <= self.server.limit else self.server.beyond
        if mode == "hangs":
            self.server.released.wait()
            self.close_connection = True
        elif mode == "slow":
            self.server.bodies.append((self.path, body))
            self.server.released.wait(1.0)
            self.answer(200, b"", "application/x-protobuf")
        elif mode in TRICKLES:
            self.trickle(*TRICKLES[mode])
        elif mode == "hangs up":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif mode == "garbage":
            self.connection.sendall(b"\x00\xff not HTTP at all\r\n\r\n")
            self.close_connection = True
        elif mode == "a page":
            self.answer(200, b"<html>Please log in</html>" * 9000, "text/html")
        elif mode == "redirects":
            self.answer(307, b"", Location=self.path)
        elif mode == "partial":
            # partial_success { rejected: 2, error_message: "too old" }
            self.server.bodies.append((self.path, body))
            self.answer(200, b"\x0a\x0b\x08\x02\x12\x07too old", "application/x-protobuf")
        elif mode.isdigit():
            self.answer(int(mode), b"no, write to someone@example.org")
        else:
            self.server.bodies.append((self.path, body))
            self.answer(200, b"", "application/x-protobuf")

    def trickle(self, first: bytes, again: bytes) -> None:
        self.close_connection = True
        self.connection.sendall(first)
        while not self.server.released.wait(0.05):
            self.connection.sendall(again)

    def answer(self, status: int, body: bytes, kind: str = "text/plain", **more: str) -> None:
        reason = "Sorry, ask someone@example.org" if status >= 400 else None
        self.send_response(status, reason)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def backend(mode: str = "healthy", tls: ssl.SSLContext | None = None) -> Iterator[Backend]:
    """Run a backend."""
    running = Backend(mode, tls)
    try:
        yield running
    finally:
        running.stop()


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext] | None:
    """Make a certificate for 127.0.0.1 that only its own file vouches for.

    Returns None if there is no `openssl` to make it with.
    """
    if shutil.which("openssl") is None:
        return None
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "1", "-subj", f"/CN={name}",
               "-addext", "subjectAltName=IP:127.0.0.1",
               "-keyout", str(key), "-out", str(cert)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context
