"""A JupyterLab server on a free port, with folders of its own: it sees no one's settings."""

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from obs_helpers.clock import Chance, SystemClock

ROOT = Path(__file__).resolve().parents[2]
UP_S, DOWN_S = 90.0, 20.0
"""Seconds that the server may take to start, and to stop."""

FLAGS = (
    *("--no-browser", "--ip=127.0.0.1", "--ServerApp.port_retries=0"),
    "--ServerApp.allow_root=True",
    "--ServerApp.jpserver_extensions={'jupyter_lsp': False, 'jupyter_server_terminals': False}",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
)

SETTINGS = {
    "notebook-extension/tracker": {
        "windowingMode": "none",  # else cells out of view are not in the page
        "scrollPastEnd": False,
        "kernelShutdown": True,
    },
    "docmanager-extension/plugin": {"autosave": False},
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}
"""What a user would set in JupyterLab's settings editor."""

FOLDERS = (
    *("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR"),
    *("JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR", "MPLCONFIGDIR"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    url: str
    token: str
    folder: Path
    """What it serves: notebooks are put here."""

    def address(self, name: str) -> str:
        """Return the address of one notebook, open in JupyterLab."""
        return f"{self.url}/doc/tree/{name}?reset&token={self.token}"

    def put(self, source: Path) -> str:
        """Copy a notebook into the folder; returns its name."""
        shutil.copy(source, self.folder)
        return source.name

    def write(self, name: str, *sources: str) -> str:
        """Make a notebook of code cells in the folder; returns its name."""
        notebook = {
            "cells": [
                {
                    **{"cell_type": "code", "id": f"cell-{n}", "source": source, "metadata": {}},
                    **{"execution_count": None, "outputs": []},
                }
                for n, source in enumerate(sources)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            **{"nbformat": 4, "nbformat_minor": 5},
        }
        (self.folder / name).write_text(json.dumps(notebook), "utf-8")
        return name


@contextmanager
def jupyter_lab(folder: Path) -> Iterator[Server]:
    """Run JupyterLab on `folder`/notebooks until the block ends, and its kernels with it.

    Raises:
        RuntimeError: it did not start; the message ends with its log.
    """
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    server = Server(f"http://127.0.0.1:{_free_port()}", f"{Chance().bits(128):x}", notebooks)
    environment = _environment(folder)
    log = folder / "server.log"
    command = [sys.executable, "-m", "jupyterlab", *FLAGS, f"--ServerApp.root_dir={notebooks}"]
    command += [
        f"--port={server.url.rpartition(':')[2]}",
        f"--IdentityProvider.token={server.token}",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        _wait_until_up(server, process, log)
        yield server
    finally:
        process.terminate()
        process.wait(DOWN_S)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _environment(folder: Path) -> dict[str, str]:
    """Make the folders and the settings; return the server's environment."""
    own = {name: str(folder / name.lower()) for name in FOLDERS}
    for name, settings in SETTINGS.items():
        file = Path(own["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab", f"{name}.jupyterlab-settings")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    local = {"NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **own, **local}


def _wait_until_up(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    clock = SystemClock()
    end = clock.monotonic() + UP_S
    while clock.monotonic() < end:
        if _answers(f"{server.url}/api/status"):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
            break  # it ended before it answered
    msg = f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}"
    raise RuntimeError(msg)


def _answers(url: str) -> bool:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        directly.open(url, timeout=5).close()
    except urllib.error.HTTPError as error:  # an answer, too: it wants the token
        error.close()
    except OSError:
        return False
    return True
