"""One call of an agent as plain data: to look at, to file with a bug, to run again."""

import inspect
import platform
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from obs_helpers.safe_json import jsonable, plain_text
from obs_helpers.signals.redaction import Redactor

_PACKAGES = ("opentelemetry-sdk", "structlog", "duckdb")


class _Session(Protocol):
    def to_dict(self) -> Mapping[str, Any]: ...


class AgentCallLike(Protocol):
    """What can be captured: the agent, what it was asked, and the session before."""

    agent: Any
    query: str
    session: _Session


def capture_debug_context(
    agent_call: AgentCallLike, redact: Callable[[Any], Any] | None = None
) -> dict[str, Any]:
    """Return all that it takes to see a call again, as a copy that JSON can hold.

    Secrets and personal data are replaced by markers, so what is run again from it works
    with the markers.

    Args:
        agent_call: One of `FlightRecorder.calls`, or anything with `agent`, `query` and
            `session`; `replies`, `tool_results` and `error` are taken where they are.
        redact: Cleans the copy; a `Redactor` with the default rules unless given.
    """
    agent = agent_call.agent
    captured = {
        "input": agent_call.query,
        "session_state": agent_call.session.to_dict(),
        "tools_available": {name: _schema(tool) for name, tool in dict(agent.tools).items()},
        "model_config": agent.config,
        "model_replies": list(getattr(agent_call, "replies", ())),
        "tool_results": dict(getattr(agent_call, "tool_results", {})),
        "error": getattr(agent_call, "error", None),
        "versions": {"python": platform.python_version(), **_versions()},
    }
    clean = redact or Redactor()
    context: dict[str, Any] = jsonable(clean(captured))
    return context


def _schema(tool: Any) -> dict[str, Any]:
    """Return what the model is told about a tool: never the tool itself."""
    try:
        parameters = {
            name: plain_text(getattr(p.annotation, "__name__", p.annotation))
            for name, p in inspect.signature(tool).parameters.items()
        }
    except (TypeError, ValueError):  # it is described by something else than a function
        return {"description": plain_text(tool), "parameters": {}}
    return {"description": inspect.getdoc(tool) or "", "parameters": parameters}


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
