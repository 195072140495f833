"""The benchmark runs from end to end, and every variant delivers what it recorded."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_benchmark_ends_well_and_every_variant_delivers_everything():
    """Times are not asserted: on a busy machine they say nothing."""
    command = [sys.executable, "-m", "tests.benchmarks", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every count was checked." in done.stdout
    for name in ("none", "outline", "plain", "ours", "ours, redacting"):
        assert f"\n{name} " in done.stdout


def test_a_variant_that_drops_is_an_error():
    """One request without its spans, and there is no result."""
    program = """
from tests import benchmarks, variants

class Dropping(variants.Ours):
    def request(self, n):
        if n != 45:
            super().request(n)

benchmarks.VARIANTS["dropping"] = Dropping
benchmarks.one_round("dropping", 10)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "dropping: 236 of 240 spans arrived in the store" in done.stderr
