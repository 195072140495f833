"""What telemetry costs, measured in one run: `python -m tests.benchmarks`.

Times depend on the machine, ratios much less: each is taken between variants that ran in
the same round, in random order, on the same request. A variant that loses a span, a log
line or a measurement is an error, not a result. `--quick` only shows that all of it works.
"""

import argparse
import asyncio
import gc
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import psutil

import obs_helpers
from obs_helpers import conventions as c
from obs_helpers.alerting.measures import read
from obs_helpers.alerting.preview import preview
from obs_helpers.alerting.rules import DEFAULT_RULES
from obs_helpers.schema import TABLES
from obs_helpers.views.dashboard import Dashboard
from obs_helpers.views.timeline import timeline
from tests.log_file_benchmark import loss, rates, sampling
from tests.variants import VARIANTS

SIZES = {"rounds": 40, "requests": 400, "starts": 5, "hours": 24, "spans": 1_000_000,
         "lines": 5_000}  # fmt: skip
QUICK = {"rounds": 2, "requests": 40, "starts": 1, "hours": 1, "spans": 20_000,
         "lines": 500}  # fmt: skip
TRACE_SPANS = 2_000
WARM_UP = 50
"""Requests before the clock runs. 450 requests make 1,800 spans: a batch processor with
default settings holds 2,048, and drops what comes after."""


@dataclass
class Row:
    """One line of the table; `target` reads `<= 0.85` or the like, or is empty."""

    name: str
    measured: float
    unit: str
    target: str = ""

    def verdict(self) -> str:
        if not self.target:
            return ""
        sign, limit = self.target.split()
        limit_value = float(limit.replace(",", ""))
        kept = self.measured >= limit_value if sign == ">=" else self.measured <= limit_value
        return "ok" if kept else "MISSED"


# -- The cost of one request -------------------------------------------------------------
PER_REQUEST = {"spans": 4, "log lines": 3, "measurements": 4}
_COUNTS = {
    "spans": "SELECT count(*) FROM spans",
    "log lines": "SELECT count(*) FROM logs",
    "measurements": f"""SELECT coalesce(sum(coalesce(count, value)), 0) FROM metric_points
        WHERE name IN ('{c.RUN_DURATION.name}', '{c.TOOL_DURATION.name}', '{c.REQUESTS.name}')""",
}
"""Points of metrics are sums: what counts is how many measurements are in them."""


def one_round(variant: str, requests: int) -> tuple[float, float]:
    """Return CPU microseconds per request: of its thread, and of the process in all."""
    subject = VARIANTS[variant]()
    for n in range(WARM_UP):
        subject.request(n)
    gc.collect()
    process, thread = time.process_time(), time.thread_time()
    for n in range(requests):
        subject.request(n)
    thread = time.thread_time() - thread
    subject.finish()
    process = time.process_time() - process
    for what, each in PER_REQUEST.items():
        wanted = 0 if variant == "none" else each * (requests + WARM_UP)
        arrived = subject.store.rows(_COUNTS[what])[0][0]
        if arrived != wanted:
            sys.exit(f"{variant}: {arrived:g} of {wanted} {what} arrived in the store")
    subject.store.close()
    return thread / requests * 1e6, process / requests * 1e6


def cost_of_a_request(rounds: int, requests: int) -> list[Row]:
    """Print the ratios between the variants; return the two that have a target."""
    order, shuffle = list(VARIANTS), random.Random(4).shuffle
    results = []
    for _ in range(rounds):
        shuffle(order)
        results.append({variant: one_round(variant, requests) for variant in order})
    checked = ", ".join(f"{n * (requests + WARM_UP)} {what}" for what, n in PER_REQUEST.items())
    print(f"{rounds} rounds; each brought {checked} into the store, counted.")

    def ratio(variant: str, other: str, cpu: int) -> tuple[float, float]:
        """Return least against least, and the median of the ratios within a round."""
        least = [min(result[name][cpu] for result in results) for name in (variant, other)]
        paired = [result[variant][cpu] / result[other][cpu] for result in results]
        return least[0] / least[1], statistics.median(paired)

    for cpu, title in enumerate(("request's thread", "whole process")):
        print(f"\nCPU of the {title}, us, and ratios: least / median of pairs")
        print(f"{'':18}{'us':>7}" + "".join(f"{'x ' + name:>16}" for name in list(VARIANTS)[:3]))
        for name in VARIANTS:
            us = min(result[name][cpu] for result in results)
            ratios = [ratio(name, other, cpu) for other in list(VARIANTS)[:3]]
            shown = "".join(f"{least:9.2f} /{median:5.2f}" for least, median in ratios)
            print(f"{name:18}{us:7.1f}{shown}")
    return [
        Row("ours / plain, redaction off", ratio("ours", "plain", 0)[0], "x", "<= 0.85"),
        Row("ours / plain, redaction on", ratio("ours, redacting", "plain", 0)[0], "x", "<= 1.2"),
    ]


# -- Import ------------------------------------------------------------------------------
HEAVY = ("matplotlib", "ipywidgets", "pandas")
_IMPORT = f"""
import json, sys, time
start = time.perf_counter()
import obs_helpers
took = time.perf_counter() - start
print(json.dumps([took, [name for name in {HEAVY} if name in sys.modules]]))
"""


def import_time(starts: int) -> list[Row]:
    """Import the package in fresh processes; the shortest time counts."""
    command = [sys.executable, "-c", _IMPORT]
    outputs = [subprocess.check_output(command, text=True) for _ in range(starts)]
    times, loaded = zip(*map(json.loads, outputs), strict=True)
    return [
        Row("import obs_helpers", min(times), "s", "<= 0.5"),
        Row(f"{', '.join(HEAVY)}: loaded by it", len(loaded[0]), "", "<= 0"),
    ]


# -- A day of traffic, replayed ----------------------------------------------------------
def replayed_day(hours: float) -> list[Row]:
    """Replay the lesson's bad day in virtual time, with everything switched on."""
    start = time.perf_counter()
    clock = obs_helpers.VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    day = asyncio.run(
        obs_helpers.replay(
            agent, faults, clock, hours=hours, incidents=obs_helpers.BAD_DAY, progress=False
        )
    )
    runs = f"SELECT count(*) FROM spans WHERE operation = '{c.INVOKE_AGENT}'"
    found = obs.store.rows(runs)[0][0]
    took = time.perf_counter() - start
    if found != day.requests:
        sys.exit(f"replay: {found} of {day.requests} runs arrived in the store")
    spans = obs.store.rows("SELECT count(*) FROM spans")[0][0]
    obs_helpers.shutdown()
    return [
        Row(f"replay of {hours:g} h, {day.requests:,} requests", took, "s", "<= 10"),
        Row("spans of that replay", spans, ""),
    ]


# -- The store -----------------------------------------------------------------------------
BATCH = 5_000
QUESTIONS = (
    """SELECT time_bucket(INTERVAL 1 minute, start_time) AS minute, quantile_cont(duration_s, 0.95)
       FROM spans WHERE operation = 'invoke_agent' GROUP BY minute ORDER BY minute""",
    """SELECT time_bucket(INTERVAL 1 minute, start_time) AS minute, avg((status = 'ERROR')::INT)
       FROM spans WHERE operation = 'invoke_agent' GROUP BY minute ORDER BY minute""",
    "SELECT model, sum(input_tokens), sum(output_tokens) FROM spans GROUP BY model",
    "SELECT error_type, count(*) AS n FROM spans GROUP BY error_type ORDER BY n DESC LIMIT 5",
)
"""p95 per minute, error rate per minute, tokens per model, top types of error."""


def made_up_spans(first: int, count: int, draw: random.Random) -> list[tuple[Any, ...]]:
    """Return rows of `spans`: of each four, a run, a model call, and two tool calls."""
    kinds = (c.INVOKE_AGENT, c.CHAT, c.EXECUTE_TOOL, c.EXECUTE_TOOL)
    rows = []
    for n in range(first, first + count):
        kind, seconds, failed = kinds[n % 4], draw.lognormvariate(0, 0.5), draw.random() < 0.02
        start_us = 1_767_600_000_000_000 + n * 20_000
        chat = kind == c.CHAT
        known = {
            "trace_id": f"{n // 4:032x}", "span_id": f"{n:016x}", "name": kind, "kind": "INTERNAL",
            "service": "agent", "start_time": start_us, "end_time": start_us + int(seconds * 1e6),
            "duration_s": seconds, "status": "ERROR" if failed else "UNSET", "operation": kind,
            "error_type": draw.choice(("TimeoutError", "ToolError")) if failed else None,
            "session_id": f"session-{n // 40}", "model": f"model-{n % 3}" if chat else None,
            "input_tokens": 900 if chat else None, "output_tokens": 80 if chat else None,
            "attributes": f'{{"{c.OPERATION}":"{kind}","{c.CONVERSATION_ID}":"{n // 40}"}}',
        }  # fmt: skip
        rows.append(tuple(map(known.get, TABLES["spans"])))
    return rows


def store(spans: int) -> list[Row]:
    """Fill a store in memory, ask it the four questions of a dashboard, weigh it."""
    filled, draw, process = obs_helpers.Store(), random.Random(4), psutil.Process()
    appending, peak = 0.0, 0
    for first in range(0, spans, BATCH):
        rows = made_up_spans(first, BATCH, draw)
        start = time.perf_counter()
        filled.append("spans", rows)
        appending += time.perf_counter() - start
        peak = max(peak, process.memory_info().rss)
    if filled.rows("SELECT count(*) FROM spans") != [(spans,)]:
        sys.exit(f"store: not all of {spans} spans arrived")
    asking = []
    for _ in range(5):
        start = time.perf_counter()
        answers = [filled.rows(question) for question in QUESTIONS]
        asking.append(time.perf_counter() - start)
        peak = max(peak, process.memory_info().rss)
    if not all(answers):
        sys.exit("store: a question has no answer")
    filled.close()
    return [
        Row(f"append {spans:,} spans", spans / appending, "spans/s", ">= 30,000"),
        Row(f"four questions over {spans:,} spans", min(asking), "s", "<= 0.5"),
        Row("memory of that process, peak", peak / 2**20, "MiB"),
    ]


def alerting(spans: int) -> list[Row]:
    """Evaluate the default rules over a full store; preview each over a day of history."""
    filled, draw = obs_helpers.Store(), random.Random(4)
    for first in range(0, spans, BATCH):
        filled.append("spans", made_up_spans(first, BATCH, draw))
    last: datetime = filled.value("SELECT max(end_time) FROM spans")
    now = last.replace(tzinfo=UTC)
    questions = {question for rule in DEFAULT_RULES for question in rule.questions}
    ticks = []
    for _ in range(5):
        start = time.perf_counter()
        answers = [read(filled, question, [now])[now] for question in questions]
        ticks.append(time.perf_counter() - start)
    if not any(answers):
        sys.exit("alerting: no rule found anything to read")
    previews = []
    for rule in DEFAULT_RULES:
        start = time.perf_counter()
        preview(rule, filled, now - timedelta(days=1), now)
        previews.append(time.perf_counter() - start)
    filled.close()
    return [
        Row(f"default rules over {spans:,} spans, one tick", min(ticks), "s", "<= 0.3"),
        Row("preview of a day, the slowest default rule", max(previews), "s", "<= 3"),
    ]


def views(spans: int) -> list[Row]:
    """Refresh a dashboard over a tenth of a store and over all of it; draw a large trace."""
    filled, draw, rows = obs_helpers.Store(), random.Random(4), []
    for first in range(0, spans, BATCH):
        filled.append("spans", made_up_spans(first, BATCH, draw))
        full = first + BATCH
        if full in (spans // 10, spans):
            target = "<= 0.5" if full < spans else "<= 2"
            rows.append(
                Row(f"dashboard over {full:,} spans, refresh", refreshed(filled), "s", target)
            )
    filled.close()
    large = obs_helpers.Store()
    trace, root = f"{1:032x}", f"{0:016x}"
    whole = [list(row) for row in made_up_spans(0, TRACE_SPANS, draw)]
    for n, row in enumerate(whole):  # one trace: every tenth span is the parent of the next nine
        row[0], row[2] = trace, (None if n == 0 else root if n % 10 == 0 else f"{n - n % 10:016x}")
    large.append("spans", [tuple(row) for row in whole])
    times = []
    for _ in range(3):  # the first one loads pandas and Jinja
        start = time.perf_counter()
        html = timeline(trace, large).html()
        times.append(time.perf_counter() - start)
    if html.count("obs-bar") < TRACE_SPANS:
        sys.exit("views: the timeline leaves spans out")
    large.close()
    return [*rows, Row(f"timeline of {TRACE_SPANS:,} spans as HTML", min(times), "s", "<= 1")]


def refreshed(filled: obs_helpers.Store) -> float:
    """Return the seconds that a refresh of the whole dashboard takes, the best of five."""
    board = Dashboard(filled)
    board.show()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        board.refresh()
        times.append(time.perf_counter() - start)
    return min(times)


# -- Log lines -----------------------------------------------------------------------------
def log_lines(lines: float) -> list[Row]:
    """Print what a line costs with a file and with sampling; return what four processes lose."""
    count, rounds = int(lines), 5
    lost = {name: loss(name, count) for name in ("standard", "ours")}
    found = rates(count, rounds)
    print("\nA log file: lines a second and p99 of a call, us; best of rounds side by side")
    for name, (rate, p99) in found.items():
        print(f"{name:28}{rate:10,.0f}{p99:10.1f}   x {rate / found['standard'][0]:.2f}")
    costs = sampling(count // 10, rounds)
    print("\nLog sampling: CPU of a log call in a request, ns, and ratio to no sampling")
    for name, ns in costs.items():
        print(f"{name:28}{ns:10,.0f}   x {ns / next(iter(costs.values())):.2f}")
    return [
        Row("lines lost, four processes, standard handler", lost["standard"], "%"),
        Row("lines lost, four processes, ours", lost["ours"], "%", "<= 0"),
    ]


def alone(measure: Callable[[float], list[Row]], size: float) -> list[Row]:
    """Measure in a process of its own, so that no other measurement leaves a trace."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, size).result()


def main() -> None:
    """Measure everything, print the table; exit 1 if a target is missed."""
    parser = argparse.ArgumentParser(description="What telemetry costs.")
    parser.add_argument("--quick", action="store_true", help="small numbers, no verdict")
    quick = parser.parse_args().quick
    size = QUICK if quick else SIZES
    rows = [
        *cost_of_a_request(size["rounds"], size["requests"]),
        *import_time(size["starts"]),
        *alone(replayed_day, size["hours"]),
        *alone(store, size["spans"]),
        *alone(alerting, size["spans"]),
        *alone(views, size["spans"]),
        *alone(log_lines, size["lines"]),
    ]
    print(f"\n{'':47}{'measured':>12}          target")
    for row in rows:
        whole = isinstance(row.measured, int) or row.measured >= 100
        shown = f"{row.measured:,.0f}" if whole else f"{row.measured:,.2f}"
        verdict = "" if quick else row.verdict()
        print(f"{row.name:47}{shown:>12} {row.unit:9}{row.target:12}{verdict}".rstrip())
    print("\nEvery count was checked.")
    sys.exit(not quick and any(row.verdict() == "MISSED" for row in rows))


if __name__ == "__main__":
    main()
