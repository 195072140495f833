"""A tab of a real browser, with a notebook in JupyterLab: run it, work it, read it, picture it.

Cells are run and read through JupyterLab's own application object, which does not depend on
how its page is built. Clicks and keys go to the page, as a user's do.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from PIL import Image

from tests.browser.server import Server

if TYPE_CHECKING:  # a test without it is skipped, which needs this module
    from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Locator, Page, Request

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
    *("--disable-dev-shm-usage", "--force-color-profile=srgb"),
)
WIDTH, HEIGHT = 1280, 1000
"""Pixels of the window."""
OPEN_MS, RUN_MS = 60_000, 300_000
"""Milliseconds that a notebook may take to open, and to run."""
POLL_MS, SETTLED_MS = 100, 300
"""How often to ask whether the kernel is idle. It is for a moment between two cells, too: so it
counts only when it still is after the second."""
LOST_S = 10
"""After so many idle seconds, cells that have not run will not."""
HARMLESS = ("/lsp/status?", "[yjs#509]", "Could not restore the debugger state")
"""What JupyterLab itself says in each session: it asks for a service we left out, it counts a
library twice, and it is surprised when a kernel restarts soon after its start."""

OUTPUTS = ".jp-OutputArea-output"
"""Where a cell shows what it made; the rest of the page is JupyterLab's."""

Cell = dict[str, Any]


class Tab:
    """A browser tab, and what happened in it that should not."""

    def __init__(self, browser: "BrowserContext", address: str) -> None:
        """Go to `address`."""
        self.console: list[str] = []
        """Errors in the browser's console."""
        self.dialogs: list[str] = []
        """What `alert` and its like said."""
        self.requests: list[str] = []
        """Addresses of other machines, or other files, that were asked for."""
        parts = urlsplit(address)
        here = address if parts.scheme == "file" else f"{parts.scheme}://{parts.netloc}/"
        self._home = (here, here.replace("http", "ws", 1), "data:", "blob:")
        self.page: Page = browser.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("dialog", self._asked)
        self.page.on("request", self._requested)
        self.page.add_init_script(path=Path(__file__).with_name("lab.js"))
        self.page.goto(address, wait_until="domcontentloaded")

    def close(self) -> None:
        """Close the tab. A kernel it used ends with the server."""
        self.page.close()

    def hacked(self) -> list[str]:
        """Return the names that hostile texts left behind because they ran."""
        found: list[str] = self.page.evaluate("hacked")
        return found

    def suspects(self, within: str = "body") -> list[str]:
        """Return the elements that run code, ask another machine, or hide where they lead."""
        found: list[str] = self.page.evaluate("within => lab.suspects(within)", within)
        return found

    def open_details(self) -> None:
        """Expand all that can be expanded."""
        self.page.evaluate("lab.openAll()")
        self.page.wait_for_timeout(SETTLED_MS)

    def resize(self, width: int) -> None:
        """Make the window that wide, in pixels."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.wait_for_timeout(SETTLED_MS)

    def _heard(self, message: "ConsoleMessage") -> None:
        text = f"{message.text} ({message.location['url']})"
        if message.type == "error" and not any(known in text for known in HARMLESS):
            self.console.append(text)

    def _asked(self, dialog: "Dialog") -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _requested(self, request: "Request") -> None:
        if not request.url.startswith(self._home):
            self.requests.append(request.url)


class Notebook(Tab):
    """One notebook, open in JupyterLab."""

    def __init__(self, browser: "BrowserContext", server: Server, name: str) -> None:
        """Open `name`, a file of the server's folder."""
        super().__init__(browser, server.address(name))
        self.name = name
        self._until("lab.ready()", OPEN_MS)

    def run_all(self) -> None:
        """Forget all outputs and run all cells, as the menu does.

        Raises:
            RuntimeError: JupyterLab could not; cells that raise are no error here.
        """
        self.command("notebook:clear-all-cell-outputs")
        for _ in range(2):  # seen once: nothing ran, and nothing said so
            self.command("notebook:run-all-cells")
            self._wait(f"lab.finished() || lab.idleFor({LOST_S})", RUN_MS)
            if self.page.evaluate("lab.finished()"):
                break
        self.wait_idle()

    def run(self, cell: int) -> None:
        """Run one cell, as often as you like; cells count from 0."""
        self.page.evaluate("number => { lab.panel().content.activeCellIndex = number }", cell)
        self.command("notebook:run-cell")
        self.wait_idle()

    def restart(self) -> None:
        """Restart the kernel."""
        self.page.evaluate("lab.restart()")
        self._until("lab.ready()", OPEN_MS)

    def command(self, name: str, **argument: str) -> None:
        """Execute one of JupyterLab's commands, and wait until it is done."""
        self.page.evaluate("([name, argument]) => lab.start(name, argument)", [name, argument])
        self._wait("lab.result !== null", RUN_MS)
        if (result := self.page.evaluate("lab.result")) != "done":
            msg = f"{name} in {self.name}: {result}"
            raise RuntimeError(msg)

    def wait_idle(self) -> None:
        """Wait until nothing runs, and still nothing a moment later."""
        self._until("lab.idle()", RUN_MS)

    def cells(self) -> list[Cell]:
        """Return the cells as the notebook's file would hold them, outputs included."""
        found: list[Cell] = self.page.evaluate("lab.cells()")
        return found

    def output(self, cell: int) -> "Locator":
        """Return the place of a cell's output; cells count from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-Cell-outputArea")

    def click(self, name: str) -> None:
        """Click a button of an output by its name, and wait for the kernel."""
        self.page.locator(OUTPUTS).get_by_role("button", name=name).click()
        self.wait_idle()

    def press(self, *keys: str) -> None:
        """Press keys where the focus is, and wait for the kernel."""
        for key in keys:
            self.page.keyboard.press(key)
        self.wait_idle()

    def dark(self) -> None:
        """Change to JupyterLab's dark theme."""
        self.command("apputils:change-theme", theme="JupyterLab Dark")
        self._wait("document.body.dataset.jpThemeLight === 'false'", OPEN_MS)

    def too_wide(self) -> list[dict[str, Any]]:
        """Return each part that scrolls sideways: its cell, pixels, whether it has a table.

        The cell is None if it is the notebook itself.
        """
        found: list[dict[str, Any]] = self.page.evaluate("lab.tooWide()")
        return found

    def screenshot(self, path: Path) -> Path:
        """Save a picture of the whole notebook, however long it is."""
        outer = self.page.locator(".jp-WindowedPanel-outer")
        box = outer.bounding_box()
        assert box is not None
        height = int(outer.evaluate("element => element.scrollHeight"))
        whole = Image.new("RGB", (int(box["width"]), height))
        for top in range(0, height, int(box["height"])):
            at = outer.evaluate("(e, top) => { e.scrollTop = top; return e.scrollTop }", top)
            self.page.wait_for_timeout(120)
            whole.paste(Image.open(io.BytesIO(self.page.screenshot(clip=box))), (0, int(at)))
        whole.save(path)
        return path

    def _listen(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("dialog", self._asked)
        self.page.on("request", self._requested)

    def _wait(self, condition: str, timeout_ms: float) -> None:
        # Unless told how often, Playwright asks at each frame, and the page does little else.
        self.page.wait_for_function(condition, timeout=timeout_ms, polling=POLL_MS)

    def _until(self, condition: str, timeout_ms: float) -> None:
        while True:
            self._wait(condition, timeout_ms)
            self.page.wait_for_timeout(SETTLED_MS)
            if self.page.evaluate(condition):
                return


def failures(cells: Sequence[Cell]) -> list[str]:
    """Return a line for each cell that raised and has no tag that says it may."""
    return [
        f"cell {n}: {output['ename']}: {output['evalue']}"
        for n, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
        and "raises-exception" not in cell["metadata"].get("tags", [])
    ]


def unrun(cells: Sequence[Cell]) -> list[int]:
    """Return the numbers of the code cells that did not run."""
    return [
        n
        for n, cell in enumerate(cells)
        if cell["cell_type"] == "code" and "".join(cell["source"]) and not cell["execution_count"]
    ]
