"""One server and one browser for all tests of this folder.

They end with its last test, not with the session: while Playwright runs, its event loop runs
in this thread, and other tests call `asyncio.run`.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.lab import FLAGS, HEIGHT, WIDTH, Notebook
from tests.browser.server import Server, jupyter_lab

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

PICTURES = "BROWSER_PICTURES"
"""The environment variable with a folder for screenshots; else they go with the test."""

Open = Callable[[str], Notebook]


@pytest.fixture(scope="package")
def browser() -> Iterator["BrowserContext"]:
    reason = "needs a browser: pip install playwright"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=FLAGS)
        # One context: the second tab has JupyterLab's files from the first one's cache.
        yield browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
        browser.close()


@pytest.fixture(scope="package")
def server(browser: "BrowserContext", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It starts after the browser: where there is none, nothing starts."""
    with jupyter_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def open_notebook(browser: "BrowserContext", server: Server) -> Iterator[Open]:
    """Open a notebook of the server's folder in a tab, until the module's last test."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(closing(Notebook(browser, server, name)))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get(PICTURES, tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
