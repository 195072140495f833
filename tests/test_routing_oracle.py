"""Alertmanager's own tool routes as we do: the same tree, the same labels, the same channels."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from obs_helpers.alerting.routing import DEFAULT_ROUTE, Matchers, Route

pytestmark = pytest.mark.skipif(
    shutil.which("amtool") is None,
    reason="amtool is not installed (Debian: apt install prometheus-alertmanager)",
)

TEAMS = Route(
    channels=("chat",),
    children=(
        Route(Matchers('severity="critical"'), ("page",), continue_=True),
        Route(
            Matchers('tool=~"get_.*|find_.*"'),
            ("travel",),
            children=(
                Route(Matchers('tool!~".*weather", severity!="info"'), ("flights",)),
                Route(Matchers('severity=""'), ("log",), continue_=True),
                Route(Matchers('tool="get_weather"'), ("weather",)),
            ),
        ),
        Route(Matchers('team="\\"odd\\" one"'), ("log",)),
    ),
)
LABELS: list[dict[str, str]] = [
    {},
    {"severity": "critical"},
    {"severity": "warning"},
    {"severity": "info"},
    {"severity": "unheard of"},
    {"severity": "critical", "tool": "get_weather"},
    {"severity": "info", "tool": "find_flights"},
    {"severity": "warning", "tool": "find_flights"},
    {"tool": "get_weather"},
    {"tool": "forget_it"},
    {"team": '"odd" one'},
]


def receivers(route: Route, inherited: str = "") -> dict[str, Any]:
    """Return the tree as Alertmanager's configuration has it: one receiver for all channels."""
    receiver = "+".join(route.channels or ()) or inherited
    matchers = [route.match.text] if route.match.text else []
    return {
        "receiver": receiver,
        "continue": route.continue_,
        "routes": [receivers(child, receiver) for child in route.children],
        **({"matchers": matchers} if matchers else {}),
    }


def alertmanager(folder: Path, route: Route, labels: dict[str, str]) -> list[str]:
    """Return the receivers that amtool finds."""
    tree = receivers(route)
    names = {"+".join(node.channels or ()) for node in route.walk()}
    tree.pop("continue")  # the root takes everything
    config = {"receivers": [{"name": name} for name in sorted(names)], "route": tree}
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    command = ["amtool", "config", "routes", "test", "--config.file=config.yml"]
    quoted = [f"{name}={json.dumps(value)}" for name, value in labels.items()]
    done = subprocess.run(
        [*command, *quoted], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().split(",")


@pytest.mark.parametrize("labels", LABELS, ids=json.dumps)
@pytest.mark.parametrize("route", [DEFAULT_ROUTE, TEAMS], ids=["default", "teams"])
def test_amtool_routes_as_we_do(tmp_path: Path, route: Route, labels: dict[str, str]) -> None:
    """Regexes, missing labels, `continue` and nested routes included."""
    ours = ["+".join(destination.channels) for destination in route.find(labels)]
    assert alertmanager(tmp_path, route, labels) == ours


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    """A tree that stops after the page is another one."""
    stops = Route(channels=("chat",), children=(Route(Matchers("severity=critical"), ("page",)),))
    labels = {"severity": "critical"}
    ours = ["+".join(destination.channels) for destination in DEFAULT_ROUTE.find(labels)]
    assert alertmanager(tmp_path, stops, labels) != ours
