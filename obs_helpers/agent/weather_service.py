"""A weather service in a process of its own, traced as part of whoever calls it.

    python -m obs_helpers.agent.weather_service FOLDER

It prints its address, answers one request, saves its telemetry to FOLDER and ends.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry import context, propagate
from opentelemetry.trace import SpanKind

from obs_helpers.telemetry import Telemetry, current, start


class Handler(BaseHTTPRequestHandler):
    """Answers `GET /weather?CITY`."""

    def do_GET(self) -> None:
        """Take the caller's context from the `traceparent` header, then work in it."""
        caller = propagate.extract({name.lower(): value for name, value in self.headers.items()})
        token = context.attach(caller)
        try:
            self._answer(current())
        finally:
            context.detach(token)

    def _answer(self, telemetry: Telemetry) -> None:
        tracer = telemetry.tracer
        with tracer.span("GET /weather", {"http.request.method": "GET"}, SpanKind.SERVER):
            with tracer.span("look up forecast"):
                body = json.dumps({"sky": "sunny", "celsius": 21}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet: the standard handler writes to stderr."""


def main(folder: str) -> None:
    """Serve one request on a free port of 127.0.0.1."""
    telemetry = start(service="weather-service", seed=9)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.timeout = 30
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.handle_request()
    telemetry.store.save(folder)


if __name__ == "__main__":
    main(sys.argv[1])
