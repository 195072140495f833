"""Run a notebook from top to bottom and store its outputs: `python -m tests.store_outputs`.

The stored outputs are what `pytest --nbval` compares with, and what readers see.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WIDGET = "application/vnd.jupyter.widget-view+json"
ROOT = Path(__file__).parent.parent
NOTEBOOKS = [ROOT / "day-4a-agent-observability.ipynb"]


def store_outputs(path: Path) -> None:
    """Execute the notebook and write it back, without what differs from run to run."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        for output in cell.get("outputs", []):  # a widget lives with its kernel: its text stays
            output.get("data", {}).pop(WIDGET, None)
        if "machine" in cell.metadata.get("tags", []):  # no trace of a progress bar
            cell.outputs = [o for o in cell.outputs if not _is_bar(o)]
    nbformat.write(notebook, path)


def _is_bar(output: nbformat.NotebookNode) -> bool:
    text = output.get("text", "some")
    return "it/s]" in text or not text.strip()


if __name__ == "__main__":
    for notebook_path in [Path(arg) for arg in sys.argv[1:]] or NOTEBOOKS:
        store_outputs(notebook_path)
