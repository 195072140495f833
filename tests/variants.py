"""One agent request, watched in five ways: what `tests.benchmarks` compares.

Each way is an object with the same two methods. `request(n)` serves the request number
`n`: a run, a model call and two tool calls as spans, three log lines with trace ids, four
updates of metrics. `finish()` brings all of that into the object's store.
"""

import json
import logging
import threading
import uuid
from collections import Counter, defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind

import obs_helpers
from obs_helpers import conventions as c
from obs_helpers.schema import TABLES
from obs_helpers.signals.points import PointBuffer
from obs_helpers.signals.sinks import LineBuffer
from obs_helpers.signals.spans import span_row

AGENT, MODEL, TOOLS = "travel-desk", "scripted-1", ("get_weather", "find_flights")
IN_RUN, IN_CHAT = f"{c.INVOKE_AGENT} {AGENT}", f"{c.CHAT} {MODEL}"
RUN = {c.OPERATION: c.INVOKE_AGENT, c.AGENT_NAME: AGENT, c.USER_ID: "user-7"}
CHAT = {c.OPERATION: c.CHAT, c.PROVIDER: "scripted", c.REQUEST_MODEL: MODEL}
REPLY = {c.RESPONSE_MODEL: MODEL, c.FINISH_REASONS: ("tool_calls",), c.OUTPUT_TOKENS: 40,
         c.CACHED_TOKENS: 0, c.REASONING_TOKENS: 0, c.COST_USD: 0.0042}  # fmt: skip


def of_tool(session, tool, n):
    return {c.OPERATION: c.EXECUTE_TOOL, c.TOOL_NAME: tool, c.TOOL_CALL_ID: f"run-{n}-call-{tool}",
            c.CONVERSATION_ID: session}  # fmt: skip


def run_fields(session, n):
    return {"session_id": session, "duration_s": n / 1000, "steps": 2, "tool_calls": 2,
            "tokens": 340 + n}  # fmt: skip


class Nothing:
    """No telemetry, only what the request does itself."""

    def __init__(self):
        self.store = obs_helpers.Store()

    def request(self, n):
        session = f"session-{n // 3}"
        return [f"{session}: {tool}" for tool in TOOLS]

    def finish(self):
        """Bring everything into the store, and stop."""


class OutlineLogger:
    """The course outline's logger."""

    def __init__(self, name):
        self.logger = logging.getLogger(name)

    def log_agent_action(self, action, **kwargs):
        now = datetime.now(UTC).isoformat()
        self.logger.info(
            json.dumps({"timestamp": now, "action": action, "level": "INFO", **kwargs})
        )


class OutlineTracer:
    """The course outline's tracer: no tree, no duration of a step, kept for ever."""

    def __init__(self):
        self.traces = {}

    @contextmanager
    def trace_request(self, operation):
        trace_id, start = str(uuid.uuid4()), datetime.now(UTC)
        try:
            self.traces[trace_id] = {"operation": operation, "start_time": start, "spans": []}
            yield trace_id
        finally:
            self.traces[trace_id]["duration"] = (datetime.now(UTC) - start).total_seconds()

    def add_span(self, trace_id, name, data):
        span = {"name": name, "timestamp": datetime.now(UTC), "data": data}
        self.traces[trace_id]["spans"].append(span)


class Outline(Nothing):
    """The outline's classes, with a list for latencies and a counter for the rest."""

    def __init__(self):
        super().__init__()
        self.tracer, self.log, self.lines = OutlineTracer(), OutlineLogger("outline"), []
        self.latencies, self.counts = defaultdict(list), Counter()
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())
        self.log.logger.handlers, self.log.logger.propagate = [handler], False
        self.log.logger.setLevel(logging.INFO)

    def request(self, n):
        session, add_span = f"session-{n // 3}", self.tracer.add_span
        with self.tracer.trace_request(IN_RUN) as trace_id:
            data = {**CHAT, c.CONVERSATION_ID: session, **REPLY, c.INPUT_TOKENS: 300 + n}
            add_span(trace_id, IN_CHAT, data)
            for tool in TOOLS:
                add_span(trace_id, tool, {**of_tool(session, tool, n), c.RESULT_SIZE: 57})
                self.latencies[c.TOOL_DURATION.name].append(250)
                self.log.log_agent_action(
                    "tool call finished", trace_id=trace_id, session_id=session, tool=tool,
                    result_size=57,
                )  # fmt: skip
            self.latencies[c.RUN_DURATION.name].append(n)
            self.counts[c.REQUESTS.name] += 1
            fields = run_fields(session, n)
            self.log.log_agent_action("run finished", trace_id=trace_id, **fields)

    def finish(self):
        traces = self.tracer.traces.values()
        spans = [json.dumps(s, default=str) for t in traces for s in (t, *t["spans"])]
        counts = {name: len(values) for name, values in self.latencies.items()} | self.counts
        self._fill("spans", [{"attributes": span} for span in spans])
        self._fill("logs", [{"fields": line} for line in self.lines])
        self._fill("metric_points", [{"name": n, "count": count} for n, count in counts.items()])

    def _fill(self, table, rows):
        self.store.append(table, [tuple(map(row.get, TABLES[table])) for row in rows])


class IntoStore(SpanExporter):
    def __init__(self, store):
        self.store = store

    def export(self, spans):
        self.store.append("spans", [span_row(span, None) for span in spans])
        return SpanExportResult.SUCCESS


def add_trace_ids(_, __, event):
    ids = trace.get_current_span().get_span_context()
    event["trace_id"] = trace.format_trace_id(ids.trace_id)
    event["span_id"] = trace.format_span_id(ids.span_id)
    return event


class ListLogger:
    def __init__(self, lines):
        self.info = lines.append


class Plain(Nothing):
    """OpenTelemetry and structlog with default settings; threads of their own feed the store."""

    def __init__(self):
        super().__init__()
        self.spans = TracerProvider(shutdown_on_exit=False)
        self.spans.add_span_processor(BatchSpanProcessor(IntoStore(self.store)))
        self.tracer = self.spans.get_tracer("plain")
        self.store.attach(points := PointBuffer(obs_helpers.SystemClock()))
        reader = PeriodicExportingMetricReader(points)
        self.metrics = MeterProvider([reader], shutdown_on_exit=False)
        meter = self.metrics.get_meter("plain")
        self.run_s = meter.create_histogram(c.RUN_DURATION.name, "s")
        self.tool_s = meter.create_histogram(c.TOOL_DURATION.name, "s")
        self.requests = meter.create_counter(c.REQUESTS.name)
        self.lines, self.stopped = [], threading.Event()
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                add_trace_ids,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
            logger_factory=lambda: ListLogger(self.lines),
        )
        self.log = structlog.get_logger().bind(logger=AGENT)
        self.shipper = threading.Thread(target=self._ship)
        self.shipper.start()

    def _ship(self):
        going, buffer = True, LineBuffer()
        while going:
            going = not self.stopped.wait(0.5)  # as often as ours
            while self.lines:
                buffer.write(self.lines.pop(0))
            self.store.append("logs", buffer.drain())

    def request(self, n):
        session, span = f"session-{n // 3}", self.tracer.start_as_current_span
        with span(IN_RUN, attributes={**RUN, c.CONVERSATION_ID: session}) as run:
            chat_attributes = {**CHAT, c.CONVERSATION_ID: session}
            with span(IN_CHAT, kind=SpanKind.CLIENT, attributes=chat_attributes) as chat:
                chat.set_attributes({**REPLY, c.INPUT_TOKENS: 300 + n})
            for tool in TOOLS:
                attributes = of_tool(session, tool, n)
                with span(f"{c.EXECUTE_TOOL} {tool}", attributes=attributes) as call:
                    self.tool_s.record(0.25, {c.TOOL_NAME: tool})
                    self.log.info(
                        "tool call finished", session_id=session, tool=tool, result_size=57
                    )
                    call.set_attributes({c.RESULT_SIZE: 57})
            self.run_s.record(n / 1000, {c.AGENT_NAME: AGENT})
            self.requests.add(1, {c.AGENT_NAME: AGENT, c.OUTCOME: "success"})
            self.log.info("run finished", **run_fields(session, n))
            run.set_attributes({c.STEPS: 2})

    def finish(self):
        self.stopped.set()
        self.shipper.join()
        self.spans.shutdown()
        self.metrics.shutdown()
        self.store.flush()
        structlog.reset_defaults()


class Ours(Nothing):
    """This package, by the calls that `agent/instrumentation.py` makes."""

    redact = False

    def __init__(self):
        super().__init__()
        self.obs = obs_helpers.start(store=self.store, redact=self.redact)
        self.tracer, self.metrics = self.obs.tracer, self.obs.metrics
        self.log = self.obs.logger(AGENT).bind()

    def request(self, n):
        session, begin, end = f"session-{n // 3}", self.tracer.begin, self.tracer.end
        run = begin(IN_RUN, SpanKind.INTERNAL, {**RUN, c.CONVERSATION_ID: session})
        chat = begin(IN_CHAT, SpanKind.CLIENT, {**CHAT, c.CONVERSATION_ID: session})
        chat[0].set_attributes({**REPLY, c.INPUT_TOKENS: 300 + n})
        end(*chat)
        for tool in TOOLS:
            attributes = of_tool(session, tool, n)
            call = begin(f"{c.EXECUTE_TOOL} {tool}", SpanKind.INTERNAL, attributes)
            self.metrics.tool_call(tool, 0.25, None)
            self.log.info("tool call finished", session_id=session, tool=tool, result_size=57)
            call[0].set_attributes({c.RESULT_SIZE: 57})
            end(*call)
        self.metrics.run_finished(f"run-{n}", AGENT, n / 1000, None)
        self.log.info("run finished", **run_fields(session, n))
        run[0].set_attributes({c.STEPS: 2})
        end(*run)

    def finish(self):
        self.obs.shutdown()


class Redacting(Ours):
    """This package as it comes: with redaction."""

    redact = True


VARIANTS = {"none": Nothing, "outline": Outline, "plain": Plain, "ours": Ours,
            "ours, redacting": Redacting}  # fmt: skip
