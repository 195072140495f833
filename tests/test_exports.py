"""The public names: all there, in order, documented, and with the outline's signatures."""

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import obs_helpers


def ruff_order(name: str) -> tuple[int, list[tuple[int, int | str]]]:
    """Return the key by which ruff's RUF022 sorts: constants, then classes, then the rest.

    Within each group digits count as numbers: `v2` stands before `v10`.
    """
    group = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    parts = re.findall(r"\d+|\D+", name)
    return group, [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def test_the_public_names_stand_in_order() -> None:
    """The order is the linter's, so that nobody has to think about it."""
    assert obs_helpers.__all__ == sorted(obs_helpers.__all__, key=ruff_order)
    assert len(set(obs_helpers.__all__)) == len(obs_helpers.__all__)


def test_the_order_is_the_linters() -> None:
    """Our key agrees with ruff on names of all three kinds."""
    names = ["V", "_x", "Zoo", "B_2", "B_10", "a2", "a10", "AgentX", "b", "A1"]
    source = f"__all__ = {sorted(names, key=ruff_order)}\n".replace("'", '"')
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--preview", "--select=RUF022"]
    done = subprocess.run([*command, "-"], input=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_nothing_is_missing_and_nothing_extra() -> None:
    """`__all__` is what the package shows: its public names that are no modules."""
    shown = {
        name
        for name, value in vars(obs_helpers).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert set(obs_helpers.__all__) == shown


def test_the_surface_is_small() -> None:
    """A learner can hold it in mind; the style sheet says how many at most."""
    assert len(obs_helpers.__all__) <= 45


# Names and signatures of the course outline's samples: what a learner has typed before.
OUTLINE = [
    (obs_helpers.StructuredLogger, ["name"], []),
    (obs_helpers.StructuredLogger.log_agent_action, ["self", "action"], ["**kwargs"]),
    (obs_helpers.AgentTracer, [], []),
    (obs_helpers.AgentTracer.trace_request, ["self", "operation"], []),
    (obs_helpers.AgentTracer.add_span, ["self", "trace_id", "name", "data"], []),
    (obs_helpers.metrics.record_latency, ["name", "duration_ms"], []),
    (obs_helpers.metrics.increment, ["name"], []),
    (obs_helpers.get_trace, ["trace_id"], []),
    (obs_helpers.Agent.process, ["self", "query"], []),
    (obs_helpers.Session.to_dict, ["self"], []),
    (obs_helpers.CostMonitor, [], []),
    (
        obs_helpers.CostMonitor.record_usage,
        ["self", "session_id", "input_tokens", "output_tokens"], [],
    ),
    (obs_helpers.CostMonitor.get_session_cost, ["self", "session_id"], []),
    (obs_helpers.ErrorTracker, [], []),
    (obs_helpers.ErrorTracker.record_error, ["self", "category", "error", "context"], []),
    (obs_helpers.ErrorTracker.get_error_summary, ["self"], []),
    (obs_helpers.call_with_monitoring, ["agent", "query", "tracker"], []),
    (obs_helpers.capture_debug_context, ["agent_call"], []),
    (obs_helpers.analyze_failed_request, ["trace_id"], []),
    (obs_helpers.handle_alert, ["alert"], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "names", "others"), OUTLINE, ids=lambda x: getattr(x, "__qualname__", None)
)
def test_the_outlines_calls_work_as_written(
    function: Callable[..., Any], names: list[str], others: list[str]
) -> None:
    """The outline's parameters come first, by position and by name; ours have defaults."""
    parameters = list(inspect.signature(function).parameters.values())
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert [p.name for p in parameters[: len(names)]] == names
    assert all(p.kind in by_position for p in parameters[: len(names)])
    for more in parameters[len(names) :]:
        variable = more.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        assert variable or more.default is not inspect.Parameter.empty, more
    assert set(others) <= {str(p).split(":")[0] for p in parameters}


def test_the_outlines_defaults_hold() -> None:
    """`add_span` without data, as in the outline."""
    data = inspect.signature(obs_helpers.AgentTracer.add_span).parameters["data"]
    assert data.default is None


def test_the_outlines_categories_of_errors_are_there() -> None:
    """Five of them, under the outline's names and values."""
    outline = {
        "API_ERROR": "api_error",
        "TOOL_ERROR": "tool_error",
        "VALIDATION_ERROR": "validation_error",
        "TIMEOUT": "timeout",
        "RATE_LIMIT": "rate_limit",
    }
    members = {name: member.value for name, member in obs_helpers.ErrorCategory.__members__.items()}
    assert outline.items() <= members.items()
    assert list(members)[:5] == list(outline)


def undocumented(names: list[str], package: ModuleType) -> list[str]:
    """Return public functions, classes and methods without a docstring of their own."""
    missing = []
    for name in names:
        value = getattr(package, name)
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        if not vars(value).get("__doc__") and not (inspect.isroutine(value) and value.__doc__):
            missing.append(name)
        members = vars(value).items() if inspect.isclass(value) else ()
        for member, function in members:
            function = getattr(function, "fget", None) or getattr(function, "__func__", function)
            if not member.startswith("_") and inspect.isfunction(function) and not function.__doc__:
                missing.append(f"{name}.{member}")
    return missing


def test_every_public_function_and_class_says_what_it_does() -> None:
    """So that `name?` in a notebook cell is an answer."""
    assert undocumented(obs_helpers.__all__, obs_helpers) == []


def test_a_missing_docstring_would_be_found() -> None:
    """The check itself can fail."""
    planted = ModuleType("planted", "A module.")
    exec("class A:\n 'Doc.'\n def f(self): pass\ndef g(): pass\nclass B(A): pass", vars(planted))
    assert undocumented(["A", "B", "g"], planted) == ["A.f", "B", "g"]


def test_importing_is_quick_and_quiet() -> None:
    """A fresh interpreter prints nothing, loads nothing heavy, starts no thread."""
    program = (
        "import obs_helpers, sys, threading\n"
        "heavy = {'pandas', 'matplotlib', 'ipywidgets'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
