"""The dashboard in JupyterLab: its controls, by mouse and by keyboard, change its numbers."""

import json
import re
from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Notebook, failures, unrun
from tests.browser.server import Server

pytestmark = pytest.mark.browser

TRAFFIC, COUNTS, SHOWN = 1, 2, 3
CELLS = (
    """import json
import obs_helpers
from obs_helpers.views.dashboard import Dashboard

clock = obs_helpers.VirtualClock()
obs = obs_helpers.start(clock=clock, seed=4)
agent, faults = obs_helpers.travel_desk(clock)
faults.set("tool_error", 0.1)
obs_helpers.instrument(agent)
await obs_helpers.replay(agent, faults, clock, hours=2, progress=False)""",
    "_ = await obs_helpers.replay(agent, faults, clock, hours=0.1, progress=False)",
    """RUNS = '''
    WITH runs AS (FROM spans WHERE operation = 'invoke_agent' AND end_time IS NOT NULL)
    SELECT count(*) FROM runs WHERE session_id SIMILAR TO ?
    AND end_time > (SELECT max(end_time) FROM spans) - to_seconds(?)'''
hours = {name: obs.store.value(RUNS, [".*", 3600 * h]) for name, h in (("1 h", 1), ("24 h", 24))}
session, = obs.store.rows("SELECT session_id FROM spans ORDER BY start_time DESC LIMIT 1")[0]
print(json.dumps({**hours, "session": session, "its": obs.store.value(RUNS, [session, 86400])}))""",
    "Dashboard(obs.store)",
)


@pytest.fixture(scope="module")
def dashboard(open_notebook: Open, server: Server) -> Notebook:
    notebook = open_notebook(server.write("dashboard.ipynb", *CELLS))
    notebook.run_all()
    return notebook


def counted(dashboard: Notebook) -> dict[str, int]:
    """Return how many runs the store has, as the notebook's own query counts them."""
    dashboard.run(COUNTS)
    found: dict[str, int] = json.loads("".join(dashboard.cells()[COUNTS]["outputs"][0]["text"]))
    return found


def finished(dashboard: Notebook) -> int:
    """Return how many runs the dashboard says have finished in its window."""
    text = dashboard.output(SHOWN).inner_text()
    found = re.search(r"n = ([\d,]+) finished", text)
    assert found is not None, text[:500]
    return int(found[1].replace(",", ""))


def choose(dashboard: Notebook, label: str, option: str) -> None:
    """Choose from one of the dashboard's lists."""
    dashboard.page.get_by_label(label, exact=True).select_option(label=option)
    dashboard.wait_idle()


def test_it_shows_what_was_recorded(dashboard: Notebook, pictures: Path) -> None:
    """The number of runs is the store's."""
    assert failures(dashboard.cells()) == []
    assert unrun(dashboard.cells()) == []
    assert finished(dashboard) == counted(dashboard)["24 h"]
    dashboard.screenshot(pictures / "dashboard.png")


def test_the_window_is_chosen_by_mouse_and_by_key(dashboard: Notebook) -> None:
    """An hour has fewer runs than a day; the space key opens the list, arrows go through it."""
    runs = counted(dashboard)
    choose(dashboard, "Window", "1 h")
    assert finished(dashboard) == runs["1 h"] < runs["24 h"]
    dashboard.page.get_by_label("Window", exact=True).focus()
    dashboard.press("Space", "ArrowDown", "ArrowDown", "Enter")
    assert finished(dashboard) == runs["24 h"]


def test_a_filter_leaves_what_it_says(dashboard: Notebook) -> None:
    """One session's runs, then all again."""
    runs = counted(dashboard)
    choose(dashboard, "Session", str(runs["session"]))
    assert finished(dashboard) == runs["its"] < runs["24 h"]
    choose(dashboard, "Session", "all")
    assert finished(dashboard) == runs["24 h"]


def test_it_compares_on_demand(dashboard: Notebook) -> None:
    """A space ticks the box, a click takes the tick away."""
    shown, box = dashboard.output(SHOWN), dashboard.page.get_by_role("checkbox")
    choose(dashboard, "Window", "1 h")
    box.focus()
    dashboard.press("Space")
    assert "compared with the window before" in shown.inner_text()
    box.click()
    dashboard.wait_idle()
    assert "compared with the window before" not in shown.inner_text()
    choose(dashboard, "Window", "24 h")


def test_a_trace_opens_its_timeline(dashboard: Notebook, pictures: Path) -> None:
    """A click opens one, a key the next; JupyterLab keeps the arrows without Ctrl to itself."""
    traces = dashboard.page.locator(".obs-traces select")
    first, second = (traces.locator("option").nth(n).inner_text().split()[2] for n in (0, 1))
    traces.select_option(index=0)
    dashboard.wait_idle()
    assert f"Trace {first}" in dashboard.output(SHOWN).inner_text()
    traces.focus()
    dashboard.press("Control+ArrowDown")
    assert f"Trace {second}" in dashboard.output(SHOWN).inner_text()
    dashboard.screenshot(pictures / "trace.png")


def test_it_refreshes_by_itself_until_stopped(dashboard: Notebook) -> None:
    """New runs appear while it plays. After the pause they wait for the button."""
    before = finished(dashboard)
    play = dashboard.page.locator(".widget-play button").first
    play.click()
    dashboard.run(TRAFFIC)
    shown = dashboard.output(SHOWN)
    shown.get_by_text(re.compile(rf"n = {before + 30} finished")).wait_for()
    play.click()
    dashboard.run(TRAFFIC)
    dashboard.page.wait_for_timeout(3_000)  # more than a tick of the front end
    assert finished(dashboard) == before + 30
    dashboard.click("Refresh")
    assert finished(dashboard) == before + 60


def test_each_control_is_reached_by_the_tab_key(dashboard: Notebook) -> None:
    """All that can be clicked, the list of traces, and the timeline below it."""
    dashboard.page.get_by_label("Window", exact=True).focus()
    reached = []
    for _ in range(20):
        reached.append(dashboard.page.evaluate("lab.focused()"))
        dashboard.page.keyboard.press("Tab")
    lists, buttons = ["Window", "Session", "Model", "Agent", "Traces"], ["Refresh"]
    for name in [*lists, *buttons, "Compare with the window before", "obs-traces", "Spans"]:
        assert any(name in each for each in reached), f"{name} is not in {reached}"


def test_it_fits_a_narrow_window(dashboard: Notebook) -> None:
    """At 900 pixels, tables and lists may scroll where they stand; and no error was logged."""
    dashboard.resize(900)
    narrow = dashboard.too_wide()
    dashboard.resize(1280)
    assert dashboard.too_wide() == []
    assert [each for each in narrow if not each["table"]] == []
    assert dashboard.console == []


def test_it_can_be_read_in_the_dark(dashboard: Notebook, pictures: Path) -> None:
    """Text and background differ as much as the guidelines for accessible pages ask."""
    dashboard.dark()
    dashboard.screenshot(pictures / "dashboard-dark.png")
    assert dashboard.page.evaluate("lab.faint()") == []
