"""In a real Jupyter kernel: outputs stay in their cell, and nothing is lost at its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

import obs_helpers

ROOT = Path(__file__).parent.parent
Kernel = tuple[KernelManager, BlockingKernelClient]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    if manager.is_alive():
        manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(client: BlockingKernelClient, code: str) -> list[str]:
    """Run a cell and return the texts of its outputs, errors included."""
    texts: list[str] = []

    def keep(message: dict) -> None:
        content = message["content"]
        if message["msg_type"] in ("stream", "error", "execute_result"):
            data = content.get("data", {}).get("text/plain")
            texts.append(content.get("text") or content.get("evalue") or data)

    client.execute_interactive(code, timeout=60, output_hook=keep)
    return texts


@pytest.mark.filterwarnings("default")
def test_nothing_prints_into_a_later_cell(kernel: Kernel) -> None:
    """A log line appears in the cell that logs, and the cells after it stay silent."""
    _, client = kernel
    assert run(client, "import obs_helpers as o; obs = o.start(console=True)") == []
    first = run(client, "with obs.tracer.span('s'): o.get_logger('a').info('here')")
    assert len(first) == 1
    assert '"event":"here"' in first[0]
    assert run(client, "import time; time.sleep(3 * 0.5)") == []
    assert run(client, "obs.flush(); obs.shutdown()") == []


@pytest.mark.filterwarnings("default")
def test_a_cell_can_be_run_again(kernel: Kernel) -> None:
    """Running the set-up cell three times neither warns nor doubles a span."""
    _, client = kernel
    set_up = "import obs_helpers as o; c = globals().get('c') or o.VirtualClock(); "
    set_up += (
        "obs = o.start(clock=c, seed=1); agent, _ = o.travel_desk(c); o.instrument(agent)\nNone"
    )
    for _ in range(3):
        assert run(client, set_up) == []
    assert run(client, "_ = await agent.process('What is the weather in Oslo?')") == []
    assert run(client, "obs.store.rows('SELECT count(*) FROM spans')") == ["[(4,)]"]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("end", ["shutdown", "restart"])
def test_kernel_that_ends_leaves_everything_in_the_file(
    kernel: Kernel, tmp_path: Path, end: str
) -> None:
    """500 lines logged just before the kernel is shut down are all in its store."""
    manager, client = kernel
    path = str(tmp_path / "telemetry.duckdb")
    code = f"import obs_helpers as o; o.start(store={path!r})\n"
    run(client, code + "for i in range(500): o.get_logger('a').info('tick', number=i)")
    if end == "shutdown":
        manager.shutdown_kernel(now=False)
    else:
        manager.restart_kernel(now=False)
    store = obs_helpers.Store(path)
    assert store.rows("SELECT count(*) FROM logs") == [(500,)]
    store.close()
