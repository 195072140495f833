"""What the other tests rely on: that a bad notebook is seen to be bad, and widgets to work."""

from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import OUTPUTS, Notebook, failures, unrun
from tests.browser.server import Server

pytestmark = pytest.mark.browser

SCRIPT = '<script>hacked.push("script"); alert("hello")</script>'
LINK = '<a href="http://elsewhere.invalid/">home</a>'
PIXEL = '<img src="http://elsewhere.invalid/pixel.png"'
CELLS = (
    """from IPython.display import HTML
import ipywidgets as widgets

button, shown = widgets.Button(description='Count'), widgets.Label('clicked 0 times')
slider = widgets.IntSlider(5, description='Level')""",
    """def count(_):
    shown.value = f'clicked {int(shown.value.split()[1]) + 1} times, level {slider.value}'

button.on_click(count)
widgets.VBox([button, slider, shown])""",
    f"HTML('{SCRIPT}')",
    f"HTML('{PIXEL}>{LINK}')",
    "HTML('<div style=\"width: 3000px\">wide</div>')",
    "HTML('<table><tr><td style=\"min-width: 3000px\">wide</td></tr></table>')",
    "1 / 0",
    "'not reached'",
)


@pytest.fixture(scope="module")
def notebook(open_notebook: Open, server: Server) -> Notebook:
    notebook = open_notebook(server.write("lab.ipynb", *CELLS))
    notebook.run_all()
    return notebook


def test_a_script_that_runs_is_noticed(notebook: Notebook) -> None:
    """JupyterLab runs what a trusted cell shows: nothing but escaping protects a reader."""
    assert notebook.hacked() == ["script"]
    assert notebook.dialogs == ["hello"]
    assert set(notebook.requests) == {"http://elsewhere.invalid/pixel.png"}
    script, pixel, link = notebook.suspects(OUTPUTS)
    assert (SCRIPT in script, PIXEL in pixel, ">home<" in link) == (True, True, True)
    assert notebook.console != []


def test_an_output_that_is_too_wide_is_noticed(notebook: Notebook) -> None:
    """A table is told from the rest, for it may scroll."""
    found = [(each["cell"], each["table"]) for each in notebook.too_wide()]
    assert found == [(4, False), (5, True)]


def test_a_cell_that_fails_is_noticed(notebook: Notebook) -> None:
    """So are those after it, which did not run."""
    assert failures(notebook.cells()) == ["cell 6: ZeroDivisionError: division by zero"]
    assert unrun(notebook.cells()) == [7]


def test_widgets_answer_to_mouse_and_keys(notebook: Notebook, pictures: Path) -> None:
    """A click and a key reach the kernel, and what it answers reaches the page."""
    notebook.click("Count")
    notebook.output(1).get_by_text("clicked 1 times, level 5").wait_for()
    notebook.page.get_by_role("slider").focus()
    notebook.press("ArrowRight", "ArrowRight")
    notebook.click("Count")
    notebook.output(1).get_by_text("clicked 2 times, level 7").wait_for()
    notebook.screenshot(pictures / "widgets.png")
