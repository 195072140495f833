"""Texts of models and users in a real browser: shown as text, wherever they stand; nothing runs."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Open
from tests.browser.hostile import MATH, SCRIPT, saying
from tests.browser.lab import OUTPUTS, Notebook, Tab, failures, unrun
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.browser

SET_UP = """from datetime import timedelta
import pandas as pd
from IPython.display import display
import obs_helpers
from tests.browser import hostile

pd.options.display.max_rows = 200
pd.options.display.html.use_mathjax = False
store, clock = obs_helpers.Store(), obs_helpers.VirtualClock()
await hostile.record(store, clock)
shift = await hostile.watch(store, clock)
runs = [trace for trace, in store.rows(
    "SELECT trace_id FROM spans WHERE operation = 'invoke_agent' ORDER BY start_time")]"""

TABLES = """from obs_helpers.insight.cost_table import cost_table
from obs_helpers.insight.detectors import detect
from obs_helpers.insight.failures import issue_table

display(store.sql("FROM spans"), store.sql("FROM logs"), store.sql("FROM metric_points"))
display(issue_table(store), cost_table("model", store), cost_table("session", store))
display(detect(store=store), shift.engine.table())"""

TREES = """for trace in runs:
    obs_helpers.print_trace_tree(trace, store)
    obs_helpers.analyze_failed_request(trace, store)"""

TIMELINES = """from obs_helpers.views.dependency_view import dependency_chart
from obs_helpers.views.session_view import session_timeline
from obs_helpers.views.timeline import timeline

for run in runs[::2]:  # each session with the timelines of its two runs
    session = store.value("SELECT any_value(session_id) FROM spans WHERE trace_id = ?", [run])
    display(session_timeline(session, store))
formula = timeline(runs[2 * hostile.FORMS.index(hostile.MATH)], store)
display(formula, formula.figure(), dependency_chart(formula.placed.trace))"""

DASHBOARD = """from obs_helpers.views.dashboard import Dashboard

board = Dashboard(store, clock=clock, engine=shift.engine, window="1h")
print(board.save_html("saved.html"))
display(board.figure(), board)"""

MESSAGES = "shift.channel"

DOCUMENT = """from obs_helpers.alerting.postmortem import postmortem

postmortem(shift.incident, store)"""

PREVIEW = """from obs_helpers.alerting.measures import utc
from obs_helpers.alerting.preview import preview
from obs_helpers.views.preview_chart import preview_chart

now, rule = utc(clock.time_ns()), hostile.rule(hostile.saying(hostile.MATH))
preview_chart(preview(rule, store, now - timedelta(minutes=5), now))"""

CELLS = (SET_UP, TABLES, TREES, TIMELINES, DASHBOARD, MESSAGES, DOCUMENT, PREVIEW)

PLACES = {
    TABLES: "agent model tool logger event span session Error rule",
    TREES: "agent model tool unknown-tool span Error message event",
    TIMELINES: (
        "service agent session user model provider tool call unknown-tool argument answer "
        "good fail Error message event attribute span-event"
    ),
    DASHBOARD: "agent model tool session rule",
    MESSAGES: "rule agent session label label-value annotation annotation-name",
    DOCUMENT: "agent session rule label label-value note who",
}
"""What each cell shows of what was recorded, at least."""


@pytest.fixture(scope="module")
def shown(open_notebook: Open, server: Server) -> Notebook:
    notebook = open_notebook(server.write("hostile.ipynb", *CELLS))
    notebook.run_all()
    notebook.open_details()
    return notebook


@pytest.fixture(scope="module")
def saved(browser: "BrowserContext", server: Server, shown: Notebook) -> Iterator[Tab]:
    """The file that the dashboard writes, opened as a reader would."""
    with closing(Tab(browser, (server.folder / "saved.html").as_uri())) as tab:
        tab.open_details()
        yield tab


def test_no_text_makes_a_cell_fail(shown: Notebook) -> None:
    assert failures(shown.cells()) == []
    assert unrun(shown.cells()) == []


def test_nothing_runs(shown: Notebook) -> None:
    """No script, no handler, no link to code; nobody is asked for anything."""
    assert shown.hacked() == []
    assert shown.dialogs == []
    assert shown.requests == []
    assert shown.suspects(OUTPUTS) == []
    assert shown.console == []


def test_nothing_runs_when_it_is_chosen(shown: Notebook) -> None:
    """The dashboard fills itself again, by `innerHTML`: traces of the first five forms."""
    traces = shown.page.locator(".obs-traces select")
    last = traces.locator("option").count() - 1
    for index in range(last, last - 10, -2):
        traces.select_option(index=index)
        shown.wait_idle()
        shown.open_details()
    for label in ("Model", "Agent", "Session"):
        for index in (2, 0):
            shown.page.get_by_label(label, exact=True).select_option(index=index)
            shown.wait_idle()
    test_nothing_runs(shown)


# JupyterLab takes dollars in Markdown for a formula, even behind a backslash. Nothing runs by
# that, but the letters are others; so a document is not tried with formulas.
AS_TEXT = [(cell, SCRIPT) for cell in PLACES] + [(c, MATH) for c in PLACES if c != DOCUMENT]


@pytest.mark.parametrize(("cell", "form"), AS_TEXT)
def test_a_text_is_shown_as_text(shown: Notebook, cell: str, form: str) -> None:
    """A reader sees what was said, character by character."""
    text, say = shown.output(CELLS.index(cell)).inner_text(), saying(form)
    assert [place for place in PLACES[cell].split() if say(place) not in text] == []


def test_no_text_breaks_the_layout(shown: Notebook) -> None:
    """A long word widens nothing but a table, which scrolls in its place."""
    assert [each for each in shown.too_wide() if not each["table"]] == []


def test_nothing_runs_in_the_saved_page(saved: Tab) -> None:
    """Nor does it ask for another file."""
    assert saved.hacked() == []
    assert saved.dialogs == []
    assert saved.requests == []
    assert saved.suspects() == []
    assert saved.console == []


def test_the_saved_page_shows_the_texts(saved: Tab) -> None:
    """They are the dashboard's."""
    text, say = saved.page.locator("body").inner_text(), saying(SCRIPT)
    assert [place for place in PLACES[DASHBOARD].split() if say(place) not in text] == []
