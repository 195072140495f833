"""What an agent's request feels of a backend that fails: `python -m tests.benchmark_backends`.

A request is 5 ms apart from the next, as an agent's are not back to back, and takes some
10 ms, most of them waiting for a model. The backends are in a process of their own, the
modes in random order within a round. Ratios are between modes of the same round.
"""

import random
import statistics
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import obs_helpers
from tests.failing_backend import FAILURES, Backend, certificate
from tests.variants import Ours

MODES = ("healthy", "healthy again", *FAILURES, "400", "500", "wrong certificate")
"""`healthy again` against `healthy` shows how much of a ratio is noise."""
MODEL_S, PAUSE_S = 0.010, 0.005


def serve(mode: str, folder: str, end: Connection) -> None:
    """Run one backend until told to stop."""
    made = certificate(Path(folder), "nobody") if mode == "wrong certificate" else None
    server = Backend("healthy" if "healthy" in mode else mode, made[1] if made else None)
    end.send(server.url)
    end.recv()
    server.stop()


class Watched(Ours):
    """Our variant, sending to a backend as well."""

    def __init__(self, url: str) -> None:
        self.store = obs_helpers.Store()
        self.obs = obs_helpers.start(store=self.store, otlp=url)
        self.tracer, self.metrics = self.obs.tracer, self.obs.metrics
        self.log = self.obs.logger("benchmark").bind()


def request_times(mode: str, requests: int) -> list[float]:
    """Return the seconds that each of so many requests took, with a backend of this kind."""
    here, there = get_context("spawn").Pipe()
    with tempfile.TemporaryDirectory() as folder:
        server = get_context("spawn").Process(target=serve, args=(mode, folder, there))
        server.start()
        subject = Watched(here.recv())
        times = []
        for n in range(requests):
            start = time.perf_counter()
            time.sleep(MODEL_S)
            subject.request(n)
            times.append(time.perf_counter() - start)
            time.sleep(PAUSE_S)
        way = subject.obs.health().way("traces", "OTLP")
        if way.offered != requests * 4:
            sys.exit(f"{mode}: {way.offered} of {requests * 4} spans are accounted for")
        subject.finish()
        subject.store.close()
        here.send("stop")
        server.join()
    return times


def measure(rounds: int, requests: int) -> dict[str, float]:
    """Print p50 and p99 of a request per mode, and ratios to healthy; return those of p99."""
    results: list[dict[str, list[float]]] = []
    for _ in range(rounds):
        order = random.sample(MODES, len(MODES))
        times = {mode: request_times(mode, requests) for mode in order}
        results.append(times)
    print(f"{rounds} rounds of {requests} requests; every span is accounted for.")
    print(f"{'backend':20}{'p50 ms':>9}{'p99 ms':>9}{'p50 x healthy':>15}{'p99 x healthy':>15}")
    ratios = {}
    for mode in MODES:
        middle = [quantile(r[mode], 50) / quantile(r["healthy"], 50) for r in results]
        tail = [quantile(r[mode], 99) / quantile(r["healthy"], 99) for r in results]
        every = [t for r in results for t in r[mode]]
        ratios[mode] = statistics.median(tail)
        print(
            f"{mode:20}{quantile(every, 50) * 1e3:9.2f}{quantile(every, 99) * 1e3:9.2f}"
            f"{statistics.median(middle):15.3f}{ratios[mode]:15.3f}"
        )
    return ratios


def quantile(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    measure(1 if quick else 3, 20 if quick else 1000)
