"""The package's rooms: who may import whom, where time comes from, what importing does."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "obs_helpers"

LAYERS = [
    {"clock", "conventions", "limits", "safe_text", "schema", "forks", "sources",
     "given"},
    {"safe_json", "archive"},
    {"database", "health", "exporters", "interrupts", "timed_http", "trouble"},
    {"outbox", "otlp_http"},
    {"signals", "agent", "insight", "views"},
    {"alerting", "alerting.alert"},
    {"signals.privacy", "signals.privacy.rule", "signals.privacy.vocabulary",
     "signals.privacy.check_digits", "signals.privacy.asian_ids", "signals.privacy.nested",
     "signals.privacy.key_formats"},
    {"signals.privacy.national_ids"},
    {"signals.privacy.names", "signals.privacy.plausible", "signals.privacy.view",
     "signals.privacy.nearby", "signals.privacy.personal", "signals.privacy.holes"},
    {"signals.privacy.values", "signals.privacy.secrets", "signals.privacy.shell"},
    {"signals.privacy.announced", "signals.privacy.markup", "signals.privacy.tables"},
    {"signals.privacy.phrases"},
    {"signals.privacy.recognisers"},
    {"signals.redaction", "signals.sinks", "signals.instruments", "signals.own_lines",
     "signals.old_files", "signals.series", "signals.resource"},
    {"signals.log_file", "signals.log_sampling"},
    {"signals.logs", "signals.metrics", "signals.traces", "signals.spans", "signals.points"},
    {"store", "options", "otlp", "providers"},
    {"ways"},
    {"telemetry"},
    {"agent.errors", "agent.faults", "agent.weather_service"},
    {"agent.core"},
    {"agent.models", "agent.tools", "agent.instrumentation", "agent.recording", "agent.retry"},
    {"agent.traffic"},
    {"insight.quantiles", "insight.targets", "insight.traces", "insight.detectors",
     "insight.capture", "insight.fingerprints", "insight.prices", "insight.budgets",
     "insight.cost_table", "insight.time_axis", "insight.view"},
    {"insight.failures", "insight.compare", "insight.critical_path",
     "insight.projection", "insight.cost_reader", "insight.overview", "insight.tables"},
    {"insight.ledger", "insight.trace_layout", "insight.spend"},
    {"insight.costs", "insight.debugging", "insight.dependencies"},
    {"alerting.conditions", "alerting.routing", "alerting.notification", "alerting.evidence",
     "alerting.oncall", "alerting.wording"},
    {"alerting.measures", "alerting.delivery", "alerting.groups", "alerting.markdown"},
    {"alerting.rules", "alerting.posting", "alerting.incident"},
    {"alerting.states", "alerting.channels", "alerting.impact", "alerting.incidents"},
    {"alerting.engine", "alerting.preview", "alerting.notify"},
    {"alerting.rule_tests", "alerting.actions", "alerting.timeline"},
    {"alerting.prometheus", "alerting.postmortem"},
    {"views.chart", "views.html", "views.span_text", "views.span_details", "views.numbers",
     "views.pace"},
    {"views.architectures", "views.preview_chart", "views.span_rows", "views.timeline_figure",
     "views.limits", "views.snapshot", "views.alert_lines"},
    {"views.timeline", "views.dependency_view", "views.cards", "views.drawing"},
    {"views.session_view", "views.panels", "views.sheets"},
    {"views.plain", "views.pages", "views.controls"},
    {"views.board"},
    {"views.dashboard"},
    {"checks", "checks.states", "checks.trace_given", "checks.answers_1",
     "checks.answers_2"},
    {"checks.sandbox", "checks.progress", "checks.answers_3", "checks.recall"},
    {"checks.exercise", "checks.trace_spans", "checks.logging_probe", "checks.dashboard_values",
     "checks.dashboard_traffic"},
    {"checks.trace_services", "checks.trace_errors", "checks.trace_reading",
     "checks.logging_lines", "checks.logging_outcomes", "checks.logging_context",
     "checks.logging_files", "checks.logging_privacy", "checks.dashboard_numbers",
     "checks.trace_bars"},
    {"checks.trace_causes", "checks.trace_picture", "checks.dashboard_cost",
     "checks.dashboard_tables", "checks.dashboard_live", "checks.dashboard_views"},
    {"checks.logging_framework", "checks.performance_dashboard", "checks.trace_visualizer"},
    {"__init__"},
]  # fmt: skip
"""From the ground up. A module imports from lower layers only. A new one is put into a
layer on purpose; packages themselves stand at the bottom, for they import nothing."""

ALLOWED = {
    ("checks.answers_2", "__init__"): "cut from a notebook, which uses the public names",
    ("options", "store"): "the option `store` is a store or a path: both must be checked",
}
"""Imports within one layer, each with its reason."""

APART = [("insight", "agent"), ("agent", "insight"), ("agent", "store")]
"""Rooms of which the first must not import the second, whatever their layers."""

WATCHED = {"agent.core", "agent.errors", "agent.faults", "agent.models", "agent.tools"}
"""What is observed knows nothing of its observers: it imports these, the clock, and Python."""


# -- Imports -----------------------------------------------------------------------------
def modules(package: Path) -> dict[str, ast.Module]:
    """Return each module's syntax tree, by its name within the package."""
    trees = {}
    for file in sorted(package.rglob("*.py")):
        name = ".".join(file.relative_to(package).with_suffix("").parts)
        trees[name.removesuffix(".__init__")] = ast.parse(file.read_text("utf-8"))
    return trees


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the full dotted name of all that a module imports, late imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: from the package that many levels up
                above = ["obs_helpers", *name.split(".")][: -node.level]
                base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def edges(trees: dict[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """Yield who imports whom within the package."""
    for name, tree in trees.items():
        for target in imported(name, tree):
            if target.split(".")[0] == "obs_helpers":
                parts = target.split(".")[1:]
                while parts and ".".join(parts) not in trees:
                    parts.pop()  # a function or class of the module before it
                yield name, ".".join(parts) or "__init__"


def layer_breaches(package: Path) -> list[str]:
    """Return one line per import that does not point down, and per module without a layer."""
    trees = modules(package)
    level = {name: n for n, layer in enumerate(LAYERS) for name in layer}
    lines = [f"{name} has no layer" for name in trees if name not in level]
    for name, target in sorted(set(edges(trees))):
        if name not in level or target not in level or (name, target) in ALLOWED:
            continue
        if level[target] >= level[name]:
            lines.append(f"{name} imports {target}, which is not below it")
        if (name.split(".")[0], target.split(".")[0]) in APART:
            lines.append(f"{name} imports {target}, which is none of its business")
    return lines


def watcher_breaches(package: Path) -> list[str]:
    """Return one line per import by which the agent would know that it is watched."""
    trees, lines = modules(package), []
    for name in sorted(WATCHED & set(trees)):
        for target in imported(name, trees[name]):
            root, *rest = target.split(".")
            inside = ".".join(rest).startswith((*WATCHED, "clock"))
            if root != "obs_helpers" and root not in sys.stdlib_module_names:
                lines.append(f"{name} imports {target}")
            if root == "obs_helpers" and not inside:
                lines.append(f"{name} imports {target}")
    return lines


# -- Sources of time, ids and chance -----------------------------------------------------
_SOURCES = re.compile(
    r"time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|sleep)"
    r"|datetime\.(datetime|date)\.(now|utcnow|today)|uuid\.uuid[14]|os\.urandom"
    r"|(random|secrets|numpy\.random)(\..*)?"
)


def dotted_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield what each name and attribute stands for in full, aliases resolved, with its line."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {a.asname or a.name.split(".")[0]: a.name for a in node.names if a.asname}
            known |= {a.name.split(".")[0]: a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            known |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(tree):
        path, inner = [], node
        while isinstance(inner, ast.Attribute):
            path.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in known:
            yield ".".join([known[inner.id], *reversed(path)]), node.lineno  # type: ignore[attr-defined]


def source_breaches(package: Path) -> list[str]:
    """Return one line per use of the machine's time, ids or chance outside of the clock."""
    return sorted(
        f"{name}:{line} uses {dotted}; ask the injected clock or chance"
        for name, tree in modules(package).items()
        if name != "clock"
        for dotted, line in dotted_names(tree)
        if _SOURCES.fullmatch(dotted)
    )


# -- What importing does, and who prints --------------------------------------------------
_QUIET = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
          ast.Assign, ast.AnnAssign)  # fmt: skip
_WORK = re.compile(
    r"(open|input|exec|eval|__import__|import_module)$"
    r"|(os|sys|subprocess|socket|threading|asyncio|atexit|shutil|tempfile|urllib|duckdb|psutil)\."
    r"|.*\.(connect|configure|basicConfig|read_text|read_bytes|write_text|mkdir|set_\w+|start)$"
)


def import_work(package: Path) -> list[str]:
    """Return one line per statement that does more than define something when imported."""
    lines = []
    for name, tree in modules(package).items():
        for node in tree.body:
            text = ast.unparse(node).splitlines()[0]
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            guard = isinstance(node, ast.If) and re.search("TYPE_CHECKING|__name__", text)
            if not (docstring or guard or isinstance(node, _QUIET)):
                lines.append(f"{name}:{node.lineno} does work when imported: {text}")
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                lines += [
                    f"{name}:{call.lineno} does work when imported: {ast.unparse(call)}"
                    for call in ast.walk(node.value)
                    if isinstance(call, ast.Call) and _WORK.match(ast.unparse(call.func))
                ]
    return lines


def prints(package: Path) -> list[str]:
    """Return one line per call of print outside of the module whose job it is."""
    return [
        f"{name}:{node.lineno} prints"
        for name, tree in modules(package).items()
        if name != "insight.debugging"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]


CHECKS = [layer_breaches, watcher_breaches, source_breaches, import_work, prints]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_package_keeps_the_rule(check: Callable[[Path], list[str]]) -> None:
    """Each rule holds for every module as it stands."""
    assert check(PACKAGE) == []


def test_every_layer_names_modules_that_exist() -> None:
    """What is gone from the package is gone from the lists here."""
    there = set(modules(PACKAGE)) | {"__init__"}
    assert set().union(*LAYERS) <= there
    assert there >= WATCHED
    assert {pair for pair in ALLOWED if pair not in set(edges(modules(PACKAGE)))} == set()


BAD = [
    (layer_breaches, "store.py", "from obs_helpers.telemetry import start", "imports telemetry"),
    (layer_breaches, "store.py", "def f():\n    from obs_helpers import start", "imports __init__"),
    (layer_breaches, "signals/logs.py", "from obs_helpers.signals import traces", "signals.traces"),
    (layer_breaches, "signals/logs.py", "from . import metrics", "imports signals.metrics"),
    (layer_breaches, "signals/logs.py", "from ..store import Store", "imports store"),
    (layer_breaches, "clock.py", "import importlib\nimportlib.import_module('obs_helpers.store')",
     "clock imports store"),
    (layer_breaches, "clock.py", "if TYPE_CHECKING:\n    import obs_helpers.schema",
     "clock imports schema"),
    (layer_breaches, "surprise.py", "", "surprise has no layer"),
    (layer_breaches, "insight/targets.py", "from obs_helpers.agent.core import Run",
     "none of its business"),
    (watcher_breaches, "agent/core.py", "def f():\n    import opentelemetry.trace",
     "imports opentelemetry.trace"),
    (watcher_breaches, "agent/core.py", "from obs_helpers.signals import logs",
     "agent.core imports obs_helpers.signals.logs"),
    (source_breaches, "store.py", "import time\nx = time.time()", "store:2 uses time.time"),
    (source_breaches, "store.py", "from time import time_ns as t\nx = t()", "uses time.time_ns"),
    (source_breaches, "store.py", "from datetime import datetime as d\nx = d.now()",
     "uses datetime.datetime.now"),
    (source_breaches, "store.py", "import datetime\nx = datetime.datetime.utcnow()", "utcnow"),
    (source_breaches, "store.py", "import uuid\nx = str(uuid.uuid4())", "uses uuid.uuid4"),
    (source_breaches, "store.py", "import random\nx = random.choice([1])", "random.choice"),
    (source_breaches, "store.py", "from random import Random\nx = Random(4)", "random.Random"),
    (import_work, "store.py", "import logging\nlogging.basicConfig()", "store:2 does work"),
    (import_work, "store.py", "for n in range(3):\n    pass", "store:1 does work"),
    (import_work, "store.py", "CON = duckdb.connect()", "duckdb.connect()"),
    (import_work, "store.py", "TEXT: str = Path('x').read_text()", "read_text()"),
    (prints, "store.py", "def f():\n    print('x')", "store:2 prints"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "file", "source", "wanted"), BAD)
def test_a_planted_breach_is_found(
    tmp_path: Path, check: Callable[[Path], list[str]], file: str, source: str, wanted: str
) -> None:
    """Each rule can fail: the same tree of files, with one bad line in it."""
    for layer in LAYERS:
        for name in layer:
            path = tmp_path / f"{name.replace('.', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
    assert check(tmp_path) == []
    (tmp_path / file).write_text(source)
    assert any(wanted in line for line in check(tmp_path)), check(tmp_path)


def test_what_only_looks_like_a_breach_is_let_through(tmp_path: Path) -> None:
    """Names that merely resemble a source of time, and values made of pure calls, are fine."""
    (tmp_path / "store.py").write_text(
        "import re, time\n"
        "from datetime import UTC, datetime\n"
        "SHAPE = re.compile('x')\n"
        "NAMES = frozenset(sorted(('a', 'b')))\n"
        "def f(clock, draw):\n"
        "    when = datetime.fromtimestamp(0, UTC), time.gmtime(0)\n"
        "    return clock.time_ns(), draw.random(), when\n"
        "if __name__ == '__main__':\n"
        "    f()\n"
    )
    assert source_breaches(tmp_path) == import_work(tmp_path) == prints(tmp_path) == []
