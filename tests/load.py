"""An hour of heavy traffic, compressed: `python -m tests.load --requests 1000000`.

Each request makes what an agent's request makes: four spans, three log lines, and the
measurements of a run, a model call and two tool calls, in a session of three requests, for
a user of its own who, by mistake, is a label of a metric. All of it passes the pipeline of
`start()` as it comes, redaction included, into a store that holds a few rows.

It ends well if nothing is unaccounted for, every table kept its limit, and resident memory
stayed within its bound once the tables had filled.
"""

import argparse
import resource
import sys
import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psutil
from opentelemetry.trace import SpanKind

import obs_helpers
from obs_helpers import conventions as c
from obs_helpers.signals.metrics import ModelLabels
from tests.variants import AGENT, CHAT, IN_CHAT, IN_RUN, MODEL, REPLY, RUN, TOOLS, of_tool

HOUR_S = 3600.0
PER_REQUEST = {"spans": 4, "logs": 3}
BOUND_MIB = 100
"""What resident memory may grow by after the warm-up: an allocator's play, no leak. A
leak of 1 KiB for each request would be 900 MiB."""
PACE = 500
"""Requests between two flushes. A million an hour leaves the thread that fills the store
two flushes a second, one for each 139 requests; at full speed it would get far fewer."""
WARM_UP = 0.1
"""Share of the requests after which the tables are full and memory is compared."""
LABELS = ModelLabels("scripted", MODEL)
BY_USER = "load.requests_by_user"


def request(obs: obs_helpers.Telemetry, n: int) -> None:
    """Make the telemetry of the request number `n`, by the calls of the instrumentation."""
    session, run_id = f"session-{n // 3}", f"run-{n}"
    begin, end, log = obs.tracer.begin, obs.tracer.end, obs.logger(AGENT)
    attributes = {**RUN, c.CONVERSATION_ID: session, c.USER_ID: f"user-{n}"}
    run = begin(IN_RUN, SpanKind.INTERNAL, attributes)
    obs.metrics.run_started(run_id, session)
    chat = begin(IN_CHAT, SpanKind.CLIENT, {**CHAT, c.CONVERSATION_ID: session})
    chat[0].set_attributes({**REPLY, c.INPUT_TOKENS: 300 + n % 100})
    obs.metrics.model_call(LABELS, 0.5, None)
    obs.metrics.usage(LABELS, session, (300 + n % 100, 40), Decimal("0.0042"))
    end(*chat)
    for tool in TOOLS:
        call = begin(f"{c.EXECUTE_TOOL} {tool}", SpanKind.INTERNAL, of_tool(session, tool, n))
        obs.metrics.tool_call(tool, 0.25, None)
        log.info("tool call finished", session_id=session, tool=tool, result_size=57)
        end(*call)
    obs.metrics.run_finished(run_id, AGENT, 1.0, None)
    log.info("run finished", session_id=session, user_id=f"user-{n}", steps=2)
    end(*run)
    obs_helpers.metrics.increment(BY_USER, user=f"user-{n}")


def unaccounted(obs: obs_helpers.Telemetry, requests: int, rows: int) -> list[str]:
    """Return what is missing, and which table is too full; an empty list if all is well."""
    stats = obs.store.stats().set_index("table")
    problems = [
        f"{table} holds {held} rows, more than {rows}"
        for table, held in stats["rows"].items()
        if held > rows
    ]
    for table, each in PER_REQUEST.items():
        known = int(stats.loc[table].sum())
        if known != each * requests:
            problems.append(f"{table}: {known} of {each * requests} held, evicted or dropped")
    return problems


def run(requests: int, rows: int, path: str | Path, retention: timedelta | None) -> list[str]:
    """Drive the load, print memory on the way; return what went wrong."""
    clock, process = obs_helpers.VirtualClock(), psutil.Process()
    obs = obs_helpers.start(
        clock=clock, store=path, max_rows=rows, retention=retention, collect_s=60
    )
    obs.metrics.expect(AGENT, {}, TOOLS, MODEL)
    levels, every = [], max(requests // 20, 1)
    print(f"{'requests':>10}{'MiB':>8}{'spans':>9}{'logs':>9}{'points':>9}{'evicted':>10}")
    for n in range(1, requests + 1):
        request(obs, n)
        clock.advance(HOUR_S / requests)
        if n % PACE == 0:
            obs.store.flush()
        if n % every == 0:
            obs.flush()
            stats = obs.store.stats()
            levels.append(process.memory_info().rss / 2**20)
            held = "".join(f"{count:9,}" for count in stats["rows"])
            print(f"{n:10,}{levels[-1]:8.0f}{held}{stats['evicted'].sum():10,}", flush=True)
    problems = unaccounted(obs, requests, rows)
    print(obs.store.stats().to_string(index=False))
    obs_helpers.shutdown()
    warm = levels[int(len(levels) * WARM_UP) :]
    grown = max(warm) - warm[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"grown after the warm-up by {grown:.0f} MiB, at most {BOUND_MIB}; peak {peak:.0f} MiB")
    if grown > BOUND_MIB:
        problems.append(f"memory grew by {grown:.0f} MiB after the warm-up")
    return problems


def main() -> None:
    """Read the arguments, run, exit 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description="An hour of heavy traffic, compressed.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=100_000, help="rows that each table may hold")
    parser.add_argument("--file", action="store_true", help="the store on disk, not in memory")
    parser.add_argument("--retention-min", type=float, help="forget what is older")
    given = parser.parse_args()
    kept = timedelta(minutes=given.retention_min) if given.retention_min else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.duckdb" if given.file else ":memory:"
        problems = run(given.requests, given.rows, path, kept)
        if given.file:
            print(f"file: {path.stat().st_size / 2**20:.0f} MiB")
    print("\n".join(problems) or "Flat, and everything is accounted for.")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
