"""Take the README's pictures: `python -m tests.browser.screenshots docs/`.

A notebook shows the lesson's bad day and one of its failed requests; the pictures are of its
outputs, as JupyterLab shows them.
"""

import shutil
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.lab import FLAGS, HEIGHT, OUTPUTS, WIDTH, Notebook, failures
from tests.browser.server import jupyter_lab

MAX_BYTES = 150_000
CELLS = (
    """from datetime import UTC, datetime
import obs_helpers
from obs_helpers.views.dashboard import Dashboard
from obs_helpers.views.timeline import timeline

clock = obs_helpers.VirtualClock(datetime(2026, 1, 6, tzinfo=UTC))
obs = obs_helpers.start(clock=clock, seed=4)
agent, faults = obs_helpers.travel_desk(clock)
obs_helpers.instrument(agent)
day = await obs_helpers.replay(agent, faults, clock, incidents=obs_helpers.BAD_DAY, progress=False)
slow = obs.store.value('''
    SELECT trace_id FROM spans GROUP BY trace_id HAVING count(*) FILTER (status = 'ERROR') = 1
    AND count(*) FILTER (operation = 'execute_tool') > 1 ORDER BY max(duration_s) DESC, trace_id''')
_ = obs.store.flush()""",
    "Dashboard(obs.store)",
    "timeline(slow, obs.store)",
)
PICTURES = {"dashboard.png": 1, "timeline.png": 2}
"""Which cell's output each file shows."""


def take(folder: Path) -> list[Path]:
    """Write the pictures into `folder`; returns their paths.

    Raises:
        RuntimeError: a cell failed, or a picture is larger than 150 kB.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as own, jupyter_lab(Path(own)) as server:
        name = server.write("pictures.ipynb", *CELLS)
        with sync_playwright() as playwright:
            program = shutil.which("chromium")
            chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
            browser = chromium.new_context(viewport={"width": WIDTH, "height": 2 * HEIGHT})
            with closing(Notebook(browser, server, name)) as notebook:
                notebook.run_all()
                if failed := failures(notebook.cells()):
                    raise RuntimeError(failed[0])
                return [save(notebook, cell, folder / file) for file, cell in PICTURES.items()]


def save(notebook: Notebook, cell: int, path: Path) -> Path:
    """Write a picture of one cell's output, in 256 colours."""
    notebook.output(cell).locator(OUTPUTS).screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize()
    small.save(path, optimize=True)
    if (size := path.stat().st_size) > MAX_BYTES:
        msg = f"{path} has {size:,} bytes, at most {MAX_BYTES:,}"
        raise RuntimeError(msg)
    return path


if __name__ == "__main__":
    for written in take(Path(sys.argv[1])):
        sys.stdout.write(f"{written}: {written.stat().st_size:,} bytes\n")
