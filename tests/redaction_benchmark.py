"""How good and how fast the redactor is: `python -m tests.redaction_benchmark`.

Ours and, if `pip install logfire presidio-analyzer` has been done, logfire's scrubber and
Presidio without a language model, on the same samples in the same run. "Presidio" is all of
its recognisers, "Presidio, core" seven personal ones with a score of 0.4 or more. `--misses`
prints what ours left readable, and what it harmed.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

import obs_helpers
from tests.benchmarks import Row
from tests.hostile_texts import SIZE, hostile_texts
from tests.redaction_corpus import Sample, corpus
from tests.redaction_judge import TARGETS, Figures, Redact, as_text, measure
from tests.redaction_rivals import redactors

DONE = {"clean": "unchanged", "JSON": "still JSON", "input unchanged": "yes"}
FORMS = ("line", "event", "prose")
ROUNDS, LINES, WITH_A_VALUE = 5, 1_000, 100
TOO_LONG_S = 20.0


# -- Recall, and what is left alone --------------------------------------------------------
def print_shares(figures: dict[str, Figures]) -> None:
    """Print the share of good samples, by kind and form, one column for each redactor."""
    first = next(iter(figures.values()))
    print(f"{'per cent; lines / events / prose':46}" + "".join(f"{name:>20}" for name in figures))
    for group in dict.fromkeys(key[0] for key, _ in TARGETS):
        done = DONE.get(group, "hidden")
        n = sum(count for key, count in first.all.items() if key[0] == group)
        print(_row(f"{group} ({n:,} samples): {done}", figures, group, None))
        for kind in sorted({key[2] for key in first.all if key[0] == group and len(key) > 2}):
            n = sum(count for key, count in first.all.items() if key[::2] == (group, kind))
            print(_row(f"  {kind} ({n})", figures, group, kind))


def _row(title: str, figures: dict[str, Figures], group: str, kind: str | None) -> str:
    """Return one line of the table."""
    cells = []
    for one in figures.values():
        shares = [one.share(group, form, *([kind] if kind else [])) for form in FORMS]
        cells.append("/".join("  -  " if s != s else f"{100 * s:5.1f}" for s in shares))
    return f"{title:46}" + "".join(f"{cell:>20}" for cell in cells)


def print_misses(figures: Figures) -> None:
    """Print the samples that went wrong."""
    for sample, output in sorted(figures.bad, key=lambda bad: (bad[0].group, bad[0].kind)):
        print(f"\n{sample.group} / {sample.kind} / {sample.form}")
        print(f"  in:  {sample.value!r}\n  out: {output!r}")
        if sample.secrets:
            print(f"  to hide: {', '.join(sample.secrets)}")


# -- Speed -----------------------------------------------------------------------------------
def log_lines(seed: int) -> list[str]:
    """Return lines of which one in ten holds a value."""
    samples = [sample for sample in corpus(seed) if sample.form == "line"]
    harmless = [as_text(s.value) for s in samples if s.group == "clean"]
    others = [as_text(s.value) for s in samples if s.group not in ("clean", "disguised")]
    lines = harmless[: LINES - WITH_A_VALUE] + others[:WITH_A_VALUE]
    random.Random(seed).shuffle(lines)
    return lines


def agent_lines(seed: int) -> list[str]:
    """Return lines of the lesson's agent in three forms; one in ten holds a value, too."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "agent.log")
        clock = obs_helpers.VirtualClock()
        obs = obs_helpers.start(clock=clock, seed=seed, file=path, redact=False)
        agent, faults = obs_helpers.travel_desk(clock, seed)
        obs_helpers.instrument(agent)
        asyncio.run(obs_helpers.replay(agent, faults, clock, hours=1, seed=seed, progress=False))
        obs.shutdown()
        events = [json.loads(line) for line in path.read_text().splitlines()]
    samples = [as_text(s.value) for s in corpus(seed, 0.1) if s.group == "patterned"]
    for event, text in zip(events[::10], samples, strict=False):
        event["query"] = text
    renderers = (
        structlog.processors.JSONRenderer(),
        structlog.processors.LogfmtRenderer(),
        structlog.dev.ConsoleRenderer(colors=False),
    )
    return [str(render(None, "", dict(event))) for event in events for render in renderers]


def speeds(
    systems: dict[str, Redact], rounds: int, lines_of: Callable[[int], list[str]]
) -> dict[str, float]:
    """Return the best MB/s of each redactor; each round has lines of its own, no cache helps."""
    best = dict.fromkeys(systems, 0.0)
    for number in range(rounds):
        lines = lines_of(1_000 + number)
        size = sum(len(line.encode()) for line in lines) / 1e6
        for name, redact in systems.items():
            start = time.process_time()
            for line in lines:
                redact(line)
            best[name] = max(best[name], size / (time.process_time() - start))
    return best


SETS = {"lines of an agent": agent_lines, "short lines full of traps": log_lines}


def _work(redact: Redact, results: Connection) -> None:
    """Time one hostile text after the other."""
    for text in hostile_texts().values():
        start = time.process_time()
        redact(text)
        results.send(time.process_time() - start)


def hostile(redact: Redact) -> Iterator[tuple[float, str]]:
    """Yield seconds and name of each text; stop at the first that takes far too long."""
    parent, child = (context := get_context("fork")).Pipe()
    process = context.Process(target=_work, args=(redact, child))
    process.start()
    child.close()
    try:
        for name in hostile_texts():
            if not parent.poll(TOO_LONG_S):
                yield TOO_LONG_S, f"{name}, given up"
                return
            yield parent.recv(), name
    except EOFError:
        yield TOO_LONG_S, f"{name}, died"
    finally:
        process.kill()
        process.join()


# -- The whole of it -------------------------------------------------------------------------
def verdicts(figures: Figures, speed: dict[str, float], slowest: float) -> list[Row]:
    """Return ours against the figures it must reach."""
    rows = [
        Row(f"{' / '.join(key)}", figures.share(*key), "", f">= {least}") for key, least in TARGETS
    ]
    return [
        *rows,
        *(Row(f"{name}, one core", fast, "MB/s", ">= 3") for name, fast in speed.items()),
        Row(f"slowest hostile {SIZE // 1000} KB", slowest, "s", "<= 1"),
    ]


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="How good and how fast the redactor is.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the corpus")
    parser.add_argument("--ours", action="store_true", help="leave the others out")
    parser.add_argument("--misses", action="store_true", help="only print what ours got wrong")
    return parser.parse_args()


def measured(systems: dict[str, Redact], samples: list[Sample]) -> dict[str, Figures]:
    """Judge each redactor by the same samples."""
    size = sum(len(json.dumps(sample.value)) for sample in samples) / 1e6
    print(f"{len(samples):,} samples, {size:.1f} MB\n")
    return {name: measure(redact, samples) for name, redact in systems.items()}


def main() -> None:
    """Measure everything, print the tables; exit 1 if a target is missed."""
    options = arguments()
    systems, samples = redactors(), corpus(options.seed, options.scale)
    if options.misses:
        return print_misses(measure(systems["ours"], samples))
    if options.ours:
        systems = {"ours": systems["ours"]}
    figures = measured(systems, samples)
    print_shares(figures)
    print("\nMB/s on lines, one in ten of them with a value")
    ours = {}
    for name, lines_of in SETS.items():
        best = speeds(systems, ROUNDS, lines_of)
        ours[name] = best["ours"]
        print(f"{name:46}" + "".join(f"{speed:20.2f}" for speed in best.values()))
    print(f"\nHostile texts of {SIZE // 1000} KB, the slowest of each")
    slowest = {name: list(hostile(redact)) for name, redact in systems.items()}
    for name, times in slowest.items():
        shown = ", ".join(f"{s:.2f} s {text}" for s, text in sorted(times, reverse=True)[:3])
        print(f"  {name} ({len(times)} tried): {shown}")
    rows = verdicts(figures["ours"], ours, max(slowest["ours"])[0])
    print(f"\n{'ours':34}{'measured':>10}          target")
    for row in rows:
        print(f"{row.name:34}{row.measured:10.4f} {row.unit:9}{row.target:12}{row.verdict()}")
    sys.exit(any(row.verdict() == "MISSED" for row in rows))


if __name__ == "__main__":
    main()
