"""Observe your agent: logs, metrics and traces, in one store you can ask in SQL.

import obs_helpers

obs = obs_helpers.start()
obs_helpers.instrument(agent)
await agent.process("What is the weather in Oslo?")
obs.store.sql("SELECT name, duration_s, status FROM spans")
"""

from obs_helpers.agent.core import Agent, Hooks, ModelReply, Result, Session, ToolCall, Usage
from obs_helpers.agent.errors import ErrorCategory, classify
from obs_helpers.agent.faults import FAULTS, Faults
from obs_helpers.agent.instrumentation import instrument
from obs_helpers.agent.retry import call_with_monitoring
from obs_helpers.agent.traffic import BAD_DAY, Incident, replay, travel_desk
from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.alerting.notify import handle_alert
from obs_helpers.alerting.rules import AlertConfig, AlertRule
from obs_helpers.clock import Chance, SystemClock, VirtualClock
from obs_helpers.database import StoreError
from obs_helpers.insight.capture import capture_debug_context
from obs_helpers.insight.costs import CostMonitor
from obs_helpers.insight.debugging import analyze_failed_request, print_trace_tree
from obs_helpers.insight.failures import ErrorTracker
from obs_helpers.insight.quantiles import histogram_quantile
from obs_helpers.insight.targets import TARGETS, scorecard
from obs_helpers.insight.traces import get_trace
from obs_helpers.signals.instruments import Recorder as _Recorder
from obs_helpers.signals.logs import StructuredLogger, get_logger
from obs_helpers.signals.privacy.rule import Rule
from obs_helpers.signals.redaction import Redactor
from obs_helpers.signals.traces import AgentTracer
from obs_helpers.store import Store
from obs_helpers.telemetry import Telemetry, current, shutdown, start

__version__ = "0.4.0"

metrics = _Recorder()
"""Records by name, on the telemetry that runs now."""

__all__ = [
    "BAD_DAY",
    "FAULTS",
    "TARGETS",
    "Agent",
    "AgentTracer",
    "AlertConfig",
    "AlertEngine",
    "AlertRule",
    "Chance",
    "CostMonitor",
    "ErrorCategory",
    "ErrorTracker",
    "Faults",
    "Hooks",
    "Incident",
    "ModelReply",
    "Redactor",
    "Result",
    "Rule",
    "Session",
    "Store",
    "StoreError",
    "StructuredLogger",
    "SystemClock",
    "Telemetry",
    "ToolCall",
    "Usage",
    "VirtualClock",
    "analyze_failed_request",
    "call_with_monitoring",
    "capture_debug_context",
    "classify",
    "current",
    "get_logger",
    "get_trace",
    "handle_alert",
    "histogram_quantile",
    "instrument",
    "metrics",
    "print_trace_tree",
    "replay",
    "scorecard",
    "shutdown",
    "start",
    "travel_desk",
]
