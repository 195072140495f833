"""Right answers to the exercise 03-trace-visualizer, cut from its solution."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from matplotlib.axes import Axes
from opentelemetry import propagate
from opentelemetry.trace import SpanKind, Tracer

from obs_helpers.checks.trace_given import Model, Reply, Row, Tool, look_up
from obs_helpers.conventions import CHAT, EXECUTE_TOOL, INVOKE_AGENT, OPERATION, TOOL_NAME


async def answer(tracer: Tracer, question: str, model: Model, tools: Mapping[str, Tool]) -> str:
    """Answer a question, with one span for the run and one below it for each call."""

    async def ask(found: Sequence[str]) -> Reply:
        with tracer.start_as_current_span("chat planner-1", attributes={OPERATION: CHAT}):
            return await model(question, found)

    async def use(name: str) -> str:
        about = {OPERATION: EXECUTE_TOOL, TOOL_NAME: name}
        with tracer.start_as_current_span(f"execute_tool {name}", attributes=about):
            return await tools[name](question)

    run = {OPERATION: INVOKE_AGENT}
    with tracer.start_as_current_span("invoke_agent trip-planner", attributes=run):
        reply = await ask([])
        found = await asyncio.gather(*map(use, reply.wants))
        return (await ask(found)).text


def call_service(
    tracer: Tracer, city: str, service: Callable[[Mapping[str, str], str], str]
) -> str:
    """Return what `service(headers, city)` says; the headers name this call's span."""
    with tracer.start_as_current_span("GET /weather", kind=SpanKind.CLIENT):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return service(headers, city)


def serve(tracer: Tracer, headers: Mapping[str, str], city: str) -> str:
    """Return `look_up(tracer, city)`, in a span below the one that `headers` name."""
    caller = propagate.extract(headers)
    with tracer.start_as_current_span("GET /weather", context=caller, kind=SpanKind.SERVER):
        return look_up(tracer, city)


@contextmanager
def step(tracer: Tracer, name: str) -> Iterator[None]:
    """Run the block in a span that tells whether, and with which error, it failed."""
    with tracer.start_as_current_span(name) as span:
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            raise


def first_answer(tracer: Tracer, sources: Mapping[str, Callable[[str], str]], city: str) -> str:
    """Return the first answer of a source; raise what the last one raised if none answers."""
    failure: Exception = LookupError("no source to ask")
    with step(tracer, "first answer"):
        for name, source in sources.items():
            try:
                with step(tracer, f"ask {name}"):
                    return source(city)
            except Exception as error:
                failure = error
        raise failure


def flow(rows: Sequence[Row]) -> list[tuple[int, Row]]:
    """Return each span once with its depth: parents first, siblings by start."""
    unique = {row.span_id: row for row in sorted(rows, key=lambda row: row.start_s)}
    below: defaultdict[str | None, list[Row]] = defaultdict(list)
    for row in unique.values():
        below[row.parent_id if row.parent_id in unique else None].append(row)
    found: dict[str, tuple[int, Row]] = {}
    pending = [(0, row) for row in [*below[None], *unique.values()][::-1]]
    while pending:
        depth, row = pending.pop()
        if row.span_id not in found:
            found[row.span_id] = (depth, row)
            pending += [(depth + 1, child) for child in below[row.span_id][::-1]]
    return list(found.values())


def self_times(rows: Sequence[Row]) -> dict[str, float]:
    """Return for each span id the seconds in which no child of it ran."""
    times = {}
    for span in rows:
        covered_s, reached_s = 0.0, span.start_s
        children = [row for row in rows if row.parent_id == span.span_id]
        for child in sorted(children, key=lambda row: row.start_s):
            end_s = min(child.end_s, span.end_s)
            covered_s += max(0.0, end_s - max(child.start_s, reached_s))
            reached_s = max(reached_s, end_s)
        times[span.span_id] = span.end_s - span.start_s - covered_s
    return times


def waited_for(rows: Sequence[Row]) -> dict[str, set[str]]:
    """Return for each tool call's span id the ids of the tool calls it waited for."""

    def before(one: Row, other: Row) -> bool:
        return one.end_s <= other.start_s

    tools = [row for row in rows if row.operation == EXECUTE_TOOL]
    waits = {}
    for late in tools:
        done = [row for row in tools if before(row, late)]
        last = [row for row in done if not any(before(row, other) for other in done)]
        waits[late.span_id] = {row.span_id for row in last}
    return waits


def error_path(rows: Sequence[Row]) -> list[Row]:
    """Return the spans from the failed root to where its error began."""
    path: list[Row] = []
    failed = [row for row in rows if row.parent_id is None and row.error]
    while failed:
        here = max(failed, key=lambda row: row.end_s)
        path.append(here)
        failed = [r for r in rows if r.parent_id == here.span_id and r.error == here.error]
    return path


def timeline(rows: Sequence[Row], ax: Axes) -> None:
    """Draw one bar for each span, below its parent's, over the seconds since the start."""
    colors = {INVOKE_AGENT: "#bbbbbb", CHAT: "#0077bb", EXECUTE_TOOL: "#ee7733", "": "#009988"}
    zero_s = min(row.start_s for row in rows)
    labels = []
    for y, (depth, row) in enumerate(flow(rows)):
        left_s, length_s = row.start_s - zero_s, row.end_s - row.start_s
        look = "xxx" if row.error else None
        ax.barh(y, length_s, left=left_s, color=colors[row.operation], hatch=look)
        labels.append("    " * depth + row.name + " (failed)" * bool(row.error))
    ax.set_yticks(range(len(labels)), labels, ha="left")
    ax.tick_params(axis="y", pad=230)
    ax.set(xlabel="seconds since the start of the trace", ylim=(len(labels), -1))
