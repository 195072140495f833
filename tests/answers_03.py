"""Answers to the exercise 03-trace-visualizer, right and wrong, as cells."""


def changed(source: str, *pairs: tuple[str, str]) -> str:
    """Return `source` with slips: each part, which must be there, replaced by another."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


# -- Step 1: spans that nest ---------------------------------------------------------------
ANSWER = """
async def answer(tracer, question, model, tools):
    async def ask(found):
        with tracer.start_as_current_span("chat planner-1", attributes={OPERATION: CHAT}):
            return await model(question, found)

    async def use(name):
        about = {OPERATION: EXECUTE_TOOL, TOOL_NAME: name}
        with tracer.start_as_current_span(f"execute_tool {name}", attributes=about):
            return await tools[name](question)

    run = {OPERATION: INVOKE_AGENT}
    with tracer.start_as_current_span("invoke_agent trip-planner", attributes=run):
        reply = await ask([])
        found = await asyncio.gather(*(use(name) for name in reply.wants))
        last = await ask(found)
        return last.text
"""
BY_HAND = """
from opentelemetry import trace

async def answer(tracer, question, model, tools):
    run = tracer.start_span("invoke_agent trip-planner")
    run.set_attribute("gen_ai.operation.name", "invoke_agent")
    below = trace.set_span_in_context(run)

    async def spanned(name, attributes, work):
        span = tracer.start_span(name, context=below, attributes=attributes)
        try:
            return await work
        finally:
            span.end()

    chat = {"gen_ai.operation.name": "chat"}
    reply = await spanned("chat planner-1", chat, model(question, []))
    found = await asyncio.gather(*[
        spanned(
            f"execute_tool {name}",
            {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name},
            tools[name](question),
        )
        for name in reply.wants
    ])
    last = await spanned("chat planner-1", chat, model(question, found))
    run.end()
    return last.text
"""
TASKS = """
async def answer(tracer, question, model, tools):
    with tracer.start_as_current_span("invoke_agent trip-planner") as run:
        run.set_attribute(OPERATION, INVOKE_AGENT)
        with tracer.start_as_current_span("chat planner-1") as span:
            span.set_attribute(OPERATION, CHAT)
            reply = await model(question, [])

        async def use(name):
            with tracer.start_as_current_span("execute_tool " + name) as span:
                span.set_attributes({OPERATION: EXECUTE_TOOL, TOOL_NAME: name})
                return await tools[name](question)

        tasks = [asyncio.create_task(use(name)) for name in reply.wants]
        found = [await task for task in tasks]
        with tracer.start_as_current_span("chat planner-1", attributes={OPERATION: CHAT}):
            reply = await model(question, found)
        return reply.text
"""
SYNC = """
def answer(tracer, question, model, tools):
    async def call(name, operation, work, **more):
        with tracer.start_as_current_span(f"{operation} {name}") as span:
            span.set_attributes({OPERATION: operation, **more})
            return await work

    async def steps():
        reply = await call("planner-1", CHAT, model(question, []))
        found = await asyncio.gather(*[
            call(name, EXECUTE_TOOL, tools[name](question), **{TOOL_NAME: name})
            for name in reply.wants
        ])
        return (await call("planner-1", CHAT, model(question, found))).text

    return call("trip-planner", INVOKE_AGENT, steps())
"""
LOOP = """
async def answer(tracer, question, model, tools):
    async def use(name):
        with tracer.start_as_current_span(f"execute_tool {name}") as span:
            span.set_attribute(OPERATION, EXECUTE_TOOL)
            span.set_attribute(TOOL_NAME, name)
            return await tools[name](question)

    run = {OPERATION: INVOKE_AGENT}
    with tracer.start_as_current_span("invoke_agent trip-planner", attributes=run):
        found = []
        while True:
            with tracer.start_as_current_span("chat planner-1", attributes={OPERATION: CHAT}):
                reply = await model(question, found)
            if not reply.wants:
                return reply.text
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(use(name)) for name in reply.wants]
            found = [task.result() for task in tasks]
"""
AS_THEY_COME = """
async def answer(tracer, question, model, tools):
    @tracer.start_as_current_span("chat planner-1", attributes={OPERATION: CHAT})
    async def ask(found):
        return await model(question, found)

    async def use(name):
        about = {OPERATION: EXECUTE_TOOL, TOOL_NAME: name}
        with tracer.start_as_current_span(f"execute_tool {name}", attributes=about):
            return name, await tools[name](question)

    run = {OPERATION: INVOKE_AGENT}
    with tracer.start_as_current_span("invoke_agent trip-planner", attributes=run):
        reply = await ask(())
        done = dict([await first for first in asyncio.as_completed(map(use, reply.wants))])
        return (await ask([done[name] for name in reply.wants])).text
"""
ONE_AFTER_THE_OTHER = (
    "await asyncio.gather(*(use(name) for name in reply.wants))",
    "[await use(name) for name in reply.wants]",
)

# -- Step 2: across services ---------------------------------------------------------------
SERVICES = """
def call_service(tracer, city, service):
    headers = {}
    with tracer.start_as_current_span("GET /weather", kind=SpanKind.CLIENT):
        propagate.inject(headers)
        return service(headers, city)

def serve(tracer, headers, city):
    caller = propagate.extract(headers)
    with tracer.start_as_current_span("GET /weather", context=caller, kind=SpanKind.SERVER):
        return look_up(tracer, city)
"""
ATTACHED = """
from opentelemetry import context, trace

def call_service(tracer, city, service):
    span = tracer.start_span("GET /weather", kind=trace.SpanKind.CLIENT)
    headers = {}
    propagate.inject(headers, context=trace.set_span_in_context(span))
    answer = service(headers, city)
    span.end()
    return answer

def serve(tracer, headers, city):
    token = context.attach(propagate.extract(headers))
    try:
        with tracer.start_as_current_span("GET /weather", kind=trace.SpanKind.SERVER):
            return look_up(tracer, city)
    finally:
        context.detach(token)
"""
W3C = """
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

w3c = TraceContextTextMapPropagator()

def call_service(tracer, city, service):
    with tracer.start_as_current_span("GET /weather", kind=SpanKind.CLIENT) as span:
        ids = span.get_span_context()
        return service({"Traceparent": f"00-{ids.trace_id:032x}-{ids.span_id:016x}-01"}, city)

async def serve(tracer, headers, city):
    span = tracer.start_span("GET /weather", context=w3c.extract(headers), kind=SpanKind.SERVER)
    with trace.use_span(span, end_on_exit=True):
        return look_up(tracer, city)
"""
BY_PARTS = """
from opentelemetry import trace
from opentelemetry.context import Context

def call_service(tracer, city, service):
    @tracer.start_as_current_span("GET /weather", kind=SpanKind.CLIENT)
    def ask():
        headers = {"accept": "text/plain"}
        propagate.inject(headers)
        return service(headers=headers, city=city)

    return ask()

def serve(tracer, headers, city):
    caller = Context()
    if "traceparent" in headers:
        _, trace_id, span_id, flags = headers["traceparent"].split("-")
        flags = trace.TraceFlags(int(flags, 16))
        ids = trace.SpanContext(int(trace_id, 16), int(span_id, 16), True, flags)
        caller = trace.set_span_in_context(trace.NonRecordingSpan(ids), caller)
    with tracer.start_as_current_span("GET /weather", caller, SpanKind.SERVER):
        return look_up(tracer, city)
"""

# -- Step 3: errors ------------------------------------------------------------------------
ERRORS = """
@contextmanager
def step(tracer, name):
    with tracer.start_as_current_span(name) as span:
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            raise

def first_answer(tracer, sources, city):
    failure = None
    with step(tracer, "first answer"):
        for name, source in sources.items():
            try:
                with step(tracer, name):
                    return source(city)
            except Exception as error:
                failure = error
        raise failure
"""
STATUS = """
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

class step:
    def __init__(self, tracer, name):
        self.span = tracer.start_span(name)
        self.current = trace.use_span(
            self.span, record_exception=False, set_status_on_exception=False
        )

    def __enter__(self):
        self.current.__enter__()
        return self.span

    def __exit__(self, kind, error, where):
        if error is not None:
            self.span.set_status(Status(StatusCode.ERROR, str(error)))
            self.span.set_attribute("error.type", f"{kind.__module__}.{kind.__qualname__}")
        self.current.__exit__(None, None, None)
        self.span.end()

def first_answer(tracer, sources, city):
    failures = []
    with step(tracer, "the whole"):
        for name in sources:
            try:
                with step(tracer, f"ask {name}"):
                    answer = sources[name](city)
            except Exception as error:
                failures.append(error)
            else:
                return answer
        raise failures[-1]
"""
RECURSIVE = """
@contextmanager
def step(tracer, name):
    span_step = tracer.start_as_current_span(name)
    with span_step as span:
        try:
            yield span
        except BaseException as error:
            span.set_attributes({"error.type": type(error).__qualname__})
            raise error

def first_answer(tracer, sources, city):
    def ask(names):
        first, *others = names
        try:
            with step(tracer, first):
                return sources[first](city)
        except Exception:
            if not others:
                raise
        return ask(others)

    with step(tracer, "all sources"):
        return ask(list(sources))
"""
BY_TOKEN = """
from opentelemetry import context, trace

class step:
    def __init__(self, tracer, name):
        self.span = tracer.start_span(name)

    def __enter__(self):
        self.token = context.attach(trace.set_span_in_context(self.span))

    def __exit__(self, kind, error, where):
        if error is not None:
            self.span.record_exception(error)
            self.span.set_status(trace.StatusCode.ERROR)
            self.span.set_attribute("error.type", kind.__name__)
        context.detach(self.token)
        self.span.end()

def first_answer(tracer, sources, city):
    with step(tracer, "any source"):
        for name, source in sources.items():
            try:
                with step(tracer, name):
                    found = source(city)
                break
            except Exception as error:
                last = error
        else:
            raise last
    return found
"""

# -- Step 4: request flow ------------------------------------------------------------------
FLOW = """
def flow(rows):
    unique = {row.span_id: row for row in rows}
    below = defaultdict(list)
    for row in sorted(unique.values(), key=lambda row: row.start_s):
        below[row.parent_id if row.parent_id in unique else None].append(row)
    found, seen = [], set()

    def visit(row, depth):
        if row.span_id not in seen:
            seen.add(row.span_id)
            found.append((depth, row))
            for child in below[row.span_id]:
                visit(child, depth + 1)

    for row in [*below[None], *unique.values()]:
        visit(row, 0)
    return found
"""
CUT = """
def flow(rows):
    unique = {row.span_id: row for row in rows}

    def parent(row):
        return unique.get(row.parent_id)

    def in_circle(row):
        here = parent(row)
        for _ in unique:
            if here is None or here == row:
                break
            here = parent(here)
        return here == row

    def children(of):
        return sorted(
            (r for r in unique.values() if parent(r) == of and not in_circle(r)),
            key=lambda r: r.start_s,
        )

    def below(row, depth):
        return [[depth, row], *(pair for c in children(row) for pair in below(c, depth + 1))]

    roots = children(None) + [row for row in unique.values() if in_circle(row)]
    return [pair for root in roots for pair in below(root, 0)]
"""
GENERATED = """
def flow(rows):
    left = {row.span_id: row for row in sorted(rows, key=lambda row: row.start_s)}
    known = set(left)

    def walk(row, depth):
        if left.pop(row.span_id, None):
            yield depth, row
            for child in list(left.values()):
                if child.parent_id == row.span_id:
                    yield from walk(child, depth + 1)

    for root in [row for row in left.values() if row.parent_id not in known]:
        yield from walk(root, 0)
    while left:
        yield from walk(next(iter(left.values())), 0)
"""

# -- Step 5: time per step -----------------------------------------------------------------
SELF = """
def self_times(rows):
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
"""
SWEEP = """
def self_times(rows):
    def alone_s(span):
        children = [row for row in rows if row.parent_id == span.span_id]
        moments = sorted({
            min(max(moment, span.start_s), span.end_s)
            for row in [span, *children]
            for moment in (row.start_s, row.end_s)
        })
        return sum(
            end - start
            for start, end in zip(moments, moments[1:])
            if not any(c.start_s <= start and c.end_s >= end for c in children)
        )

    return {span.span_id: alone_s(span) for span in rows}
"""
WITH_PANDAS = """
import numpy as np

def self_times(rows):
    frame = pd.DataFrame(rows).sort_values("start_s")
    times = {}
    for span in rows:
        below = frame[frame["parent_id"] == span.span_id]
        start = below["start_s"].to_numpy()
        end = np.minimum(below["end_s"].to_numpy(), span.end_s)
        reached = np.maximum.accumulate(np.concatenate([[span.start_s], end]))[:-1]
        covered = np.clip(end - np.maximum(start, reached), 0, None).sum()
        times[span.span_id] = span.end_s - span.start_s - covered
    return times
"""
MERGED = """
def self_times(rows):
    below = defaultdict(list)
    for row in rows:
        below[row.parent_id].append((row.start_s, row.end_s))
    times = dict()
    for span in rows:
        merged = []
        for start, end in sorted(below[span.span_id]):
            end = min(end, span.end_s)
            if start >= end:
                continue
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(end, merged[-1][1])
            else:
                merged.append([start, end])
        times[span.span_id] = (span.end_s - span.start_s) - sum(b - a for a, b in merged)
    return times
"""
ROUNDED = changed(
    SELF,
    (
        "= span.end_s - span.start_s - covered_s",
        "= round(span.end_s - span.start_s - covered_s, 2)",
    ),
)
GRID = """
import numpy as np

def self_times(rows):
    times = {}
    for span in rows:
        moments = np.linspace(span.start_s, span.end_s, 20_001)
        alone = np.ones(len(moments), bool)
        for row in rows:
            if row.parent_id == span.span_id:
                alone &= (moments < row.start_s) | (moments > row.end_s)
        times[span.span_id] = np.float32(alone.mean() * (span.end_s - span.start_s))
    return times
"""

# -- Step 6: tool dependencies -------------------------------------------------------------
WAITED = """
def waited_for(rows):
    def before(one, other):
        return one.end_s <= other.start_s

    tools = [row for row in rows if row.operation == EXECUTE_TOOL]
    return {
        late.span_id: {
            early.span_id
            for early in tools
            if before(early, late)
            and not any(before(early, row) and before(row, late) for row in tools)
        }
        for late in tools
    }
"""
LATEST = """
def waited_for(rows):
    tools = sorted((r for r in rows if r.operation == "execute_tool"), key=lambda r: r.start_s)
    waits = {}
    for n, row in enumerate(tools):
        done = [other for other in tools[:n] if other.end_s <= row.start_s]
        latest = done[-1].start_s if done else 0
        waits[row.span_id] = [other.span_id for other in done if other.end_s > latest]
    return waits
"""
REDUCED = """
def waited_for(rows):
    tools = {row.span_id: row for row in rows if row.operation == EXECUTE_TOOL}
    every = {
        key: {other for other, row in tools.items() if row.end_s <= tools[key].start_s}
        for key in tools
    }
    return {
        key: frozenset(done - set().union(*(every[other] for other in done)))
        for key, done in every.items()
    }
"""

# -- Step 7: error location ----------------------------------------------------------------
PATH = """
def error_path(rows):
    path = []
    failed = [row for row in rows if row.parent_id is None and row.error]
    while failed:
        here = max(failed, key=lambda row: row.end_s)
        path.append(here)
        failed = [r for r in rows if r.parent_id == here.span_id and r.error == here.error]
    return path
"""
DOWN = """
def error_path(rows, parent=None):
    failed = [
        row
        for row in sorted(rows, key=lambda row: row.end_s)
        if row.parent_id == (parent and parent.span_id)
        and row.error
        and (parent is None or row.error == parent.error)
    ]
    return [failed[-1], *error_path(rows, failed[-1])] if failed else []
"""
UP = """
def error_path(rows):
    rows = list(rows)
    by_id = {row.span_id: row for row in rows}
    root = next(row for row in rows if row.parent_id is None)
    if not root.error:
        return []
    last = {}
    for row in sorted(rows, key=lambda row: row.end_s):
        if row.error == root.error:
            last[row.parent_id] = row
    path = [root]
    while path[-1].span_id in last:
        path.append(last[path[-1].span_id])
    return tuple(path)
"""
FRAME = """
def error_path(rows):
    rows = list(pd.DataFrame(rows, dtype=object).itertuples(index=False))
    here = next((row for row in rows if row.parent_id is None and row.error), None)
    while here:
        yield here
        below = [r for r in rows if (r.parent_id, r.error) == (here.span_id, here.error)]
        here = sorted(below, key=lambda row: row.end_s)[-1] if below else None
"""
LEAF = """
def error_path(rows):
    by_id = {row.span_id: row for row in rows}
    root = next(row for row in rows if row.parent_id is None)
    same = [row for row in rows if root.error and row.error == root.error]
    leaves = [row for row in same if not any(r.parent_id == row.span_id for r in same)]
    path = [max(leaves, key=lambda row: row.end_s)] if leaves else []
    while path and path[0] != root:
        path.insert(0, by_id[path[0].parent_id])
    return path
"""
DEPTH = """
def error_path(rows):
    def below(row):
        children = sorted((r for r in rows if r.parent_id == row.span_id), key=lambda r: -r.end_s)
        paths = [below(child) for child in children if child.error == row.error]
        return [row, *(max(paths, key=len) if paths else [])]

    root = next(row for row in rows if row.parent_id is None)
    return below(root) if root.error else []
"""

# -- Step 8: a timeline --------------------------------------------------------------------
TIMELINE = """
def timeline(rows, ax):
    order = exercise.best("flow")(rows)
    colors = {INVOKE_AGENT: "gray", CHAT: "tab:blue", EXECUTE_TOOL: "tab:orange", "": "tab:green"}
    zero = min(row.start_s for row in rows)
    for y, (depth, row) in enumerate(order):
        ax.barh(
            y, row.end_s - row.start_s, left=row.start_s - zero,
            color=colors[row.operation], hatch="//" if row.error else None,
        )
    ax.set_yticks(range(len(order)), ["  " * depth + row.name for depth, row in order])
    ax.invert_yaxis()
    ax.set_xlabel("time since the start (s)")
"""
PATCHES = """
from matplotlib.patches import Rectangle

def timeline(rows, ax):
    palette = dict(zip([INVOKE_AGENT, CHAT, EXECUTE_TOOL, ""], ["C0", "C1", "C2", "C3"]))
    zero = min(rows, key=lambda row: row.start_s).start_s
    longest = max(row.end_s for row in rows) - zero
    for n, (depth, row) in enumerate(exercise.best("flow")(rows)):
        at = (row.start_s - zero, -n)
        ax.add_patch(Rectangle(at, row.end_s - row.start_s, 0.8, color=palette[row.operation]))
        seconds = f"{row.end_s - row.start_s:.2f} s"
        sign = "✗ " + row.error if row.error else ""
        ax.text(at[0], 0.4 - n, f"{row.name} {seconds} {sign}", va="center")
    ax.set(xlim=(0, longest), ylim=(-n, 1), xlabel="seconds")
    ax.axvspan(0, 1, alpha=0.1)
"""
BROKEN_BARS = """
def timeline(rows, ax):
    order = [row for _, row in exercise.best("flow")(rows)]
    zero, labels = min(row.start_s for row in rows), []
    for y, row in enumerate(reversed(order)):
        color = {CHAT: "b", EXECUTE_TOOL: "y", INVOKE_AGENT: "k"}.get(row.operation, "g")
        span = (row.start_s - zero, row.end_s - row.start_s)
        ax.broken_barh([span], (y * 10, 8), facecolors=color, label=row.operation)
        if row.error:
            ax.annotate("failed", (span[0], y * 10 + 4))
        labels.append(row.name)
    ax.set_yticks([10 * y + 4 for y in range(len(order))])
    ax.set_yticklabels(labels)
    ax.axhline(3, color="red")
    ax.legend()
    ax.set_xlabel("Time [s]")
"""
LINES = """
def timeline(rows, ax):
    flat = exercise.best("flow")(rows)
    zero = flat[0][1].start_s
    for y, (depth, row) in enumerate(flat):
        color = f"C{[INVOKE_AGENT, CHAT, EXECUTE_TOOL, ''].index(row.operation)}"
        ax.hlines(y, row.start_s - zero, row.end_s - zero, colors=color, linewidth=9)
        if row.error:
            ax.plot(row.end_s - zero, y, marker="x", color="black")
    ax.set_yticks(list(range(len(flat))), labels=[row.name for _, row in flat])
    ax.set_ylim(len(flat), -1)
    ax.set_xlabel("seconds since the start")
"""
OVERLAY = """
def timeline(rows, ax):
    zero = min(row.start_s for row in rows)
    colors = {INVOKE_AGENT: "k", CHAT: "b", EXECUTE_TOOL: "orange", "": "g"}
    for y, (depth, row) in enumerate(exercise.best("flow")(rows)):
        place = {"y": -y, "width": row.end_s - row.start_s, "left": row.start_s - zero}
        ax.barh(**place, color=colors[row.operation])
        if row.error:
            ax.barh(**place, fill=False, hatch="xx", edgecolor="red")
        ax.text(0, -y, row.name, ha="right")
    ax.set_yticks([])
    ax.set_xlabel("seconds")
"""
COLLECTION = """
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

def timeline(rows, ax):
    order = [row for _, row in exercise.best("flow")(rows)]
    zero = min(row.start_s for row in rows)
    colors = {INVOKE_AGENT: "k", CHAT: "b", EXECUTE_TOOL: "orange", "": "g"}
    boxes = [Rectangle((r.start_s - zero, n), r.end_s - r.start_s, 1) for n, r in enumerate(order)]
    ax.add_collection(PatchCollection(boxes, facecolors=[colors[r.operation] for r in order]))
    ax.autoscale()
    ax.set_yticks(
        [n + 0.5 for n in range(len(order))], [r.name + " (failed)" * bool(r.error) for r in order]
    )
    ax.invert_yaxis()
    ax.set_xlabel("seconds")
"""

RIGHT: dict[int, list[str]] = {
    1: [
        ANSWER,
        BY_HAND,
        TASKS,
        SYNC,
        LOOP,
        AS_THEY_COME,
    ],
    2: [SERVICES, ATTACHED, W3C, BY_PARTS],
    3: [ERRORS, STATUS, RECURSIVE, BY_TOKEN],
    4: [FLOW, CUT, GENERATED],
    5: [SELF, SWEEP, WITH_PANDAS, MERGED, ROUNDED, GRID],
    6: [WAITED, LATEST, REDUCED],
    7: [PATH, DOWN, UP, FRAME],
    8: [TIMELINE, PATCHES, BROKEN_BARS, LINES, OVERLAY, COLLECTION],
}

WRONG: dict[int, list[tuple[str, str]]] = {
    1: [
        (
            "async def answer(tracer, question, model, tools):\n"
            "    reply = await model(question, [])\n"
            "    found = await asyncio.gather(*(tools[n](question) for n in reply.wants))\n"
            "    return (await model(question, found)).text",
            "No span arrived. Make the spans with the tracer",
        ),
        (
            changed(ANSWER, ("start_as_current_span(", "start_span(")),
            "`chat planner-1` has no parent",
        ),
        (changed(ANSWER, ONE_AFTER_THE_OTHER), "start them together"),
        (changed(ANSWER, ("return last.text", "last.text")), "returned None, and the model said"),
        (changed(ANSWER, ("return last.text", "return last")), "returned Reply("),
        (
            changed(ANSWER, (", TOOL_NAME: name", "")),
            "As `gen_ai.tool.name`, the tools' spans say `None`",
        ),
        (
            changed(ANSWER, (", attributes={OPERATION: CHAT}", "")),
            "`gen_ai.operation.name` = None, which is none of",
        ),
        (
            changed(ANSWER, ("{OPERATION: EXECUTE_TOOL", '{OPERATION: "tool"')),
            "`gen_ai.operation.name` = 'tool', which is none of",
        ),
        (
            changed(ANSWER, ('f"execute_tool {name}"', "name")),
            "The span with the operation `execute_tool` is named",
        ),
        (
            changed(
                ANSWER,
                (
                    "return await tools[name](question)",
                    "work = tools[name](question)\n        return await work",
                ),
            ),
            " s. Spans for it lasted 0.0 s. A span must be open",
        ),
        (
            changed(
                ANSWER,
                (
                    "reply = await ask([])\n        found",
                    'with tracer.start_as_current_span("chat planner-1", '
                    "attributes={OPERATION: CHAT}):\n"
                    "            reply = await model(question, [])\n"
                    "            found",
                ),
            ),
            "hangs under `chat planner-1`. What called it is the run",
        ),
        (
            changed(ANSWER, ("last = await ask(found)", "last = await model(question, found)")),
            "Number of your spans that say `chat`: 1",
        ),
        (
            changed(ANSWER, ("last = await ask(found)", "last = await ask(found[:1])")),
            "in the order in which it had asked for them, is missing",
        ),
        (
            changed(BY_HAND, ("    run.end()\n", "")),
            "Begun and never ended: `invoke_agent trip-planner`",
        ),
        (
            changed(
                ANSWER,
                (
                    "use(name) for name in reply.wants",
                    "use(reply.wants[0]) for name in reply.wants",
                ),
            ),
            "was given ['",
        ),
        (
            changed(ANSWER, ("TOOL_NAME: name", 'TOOL_NAME: "tool"')),
            "spans say `tool`, `tool`, `tool`",
        ),
        (changed(ANSWER, ("for name in reply.wants", "for name in reply")), "raised KeyError: "),
        (
            changed(
                ANSWER,
                (
                    "await asyncio.gather(*(use(name) for name in reply.wants))",
                    "[await one for one in asyncio.as_completed(map(use, reply.wants))]",
                ),
            ),
            "what these tools found, in the order",
        ),
        (
            changed(ANSWER, ("for name in reply.wants", "for name in tools")),
            "The model wanted `",
        ),
        (
            changed(
                ANSWER,
                (
                    "            return await model(question, found)",
                    "            reply = model(question, found)\n        return await reply",
                ),
            ),
            "A call of `planner-1` took 0.5 s. Spans for it lasted 0.0 s, 0.0 s",
        ),
        (
            changed(
                BY_HAND,
                ("    run.end()\n", ""),
                ("in_context(run)\n", "in_context(run)\n    run.end()\n"),
            ),
            "`invoke_agent trip-planner` lasted 0.0 s",
        ),
        (changed(ANSWER, ("chat planner-1", "chat model")), "is named `chat model`"),
        (
            changed(
                ANSWER,
                ("        last = ", "        await model(question, found)\n        last = "),
            ),
            "made these calls: {'planner-1': 3",
        ),
        (
            changed(
                ANSWER,
                (
                    "            return await tools[name](question)",
                    "            await tools[name](question)\n"
                    "        return await tools[name](question)",
                ),
            ),
            "and runs each tool that it wants once",
        ),
    ],
    2: [
        (
            changed(SERVICES, ("        propagate.inject(headers)\n", "")),
            "was sent the headers {}: `traceparent` is missing",
        ),
        (
            changed(
                SERVICES,
                ("        propagate.inject(headers)\n", ""),
                ("headers = {}\n", "headers = {}\n    propagate.inject(headers)\n"),
            ),
            "The header names the span of the run",
        ),
        (
            changed(SERVICES, (", context=caller", "")),
            "and `GET /weather` has no parent. What they say must reach the span",
        ),
        (changed(SERVICES, (", kind=SpanKind.CLIENT", "")), "It calls another service"),
        (changed(SERVICES, (", kind=SpanKind.SERVER", "")), "It answers a caller"),
        (
            changed(
                ATTACHED,
                ("    finally:\n        context.detach(token)", "    finally:\n        pass"),
            ),
            "After `serve` had returned, another span was current",
        ),
        (
            changed(
                SERVICES,
                (
                    "context=caller, kind=SpanKind.SERVER):",
                    "context=caller, kind=SpanKind.SERVER): pass",
                ),
                ("        return look_up", "    return look_up"),
            ),
            "`look up forecast` does not hang under `GET /weather`",
        ),
        (
            changed(SERVICES, ("return service(headers", "service(headers")),
            "call_service(...) returned None, and the answer was",
        ),
        (
            changed(SERVICES, ("return look_up(tracer, city)", "look_up(tracer, city)")),
            "serve(...) returned None, and the answer was",
        ),
        (
            changed(SERVICES, ("return look_up(tracer, city)", 'return f"sunny in {city}"')),
            "`look_up` was not called",
        ),
        (
            changed(SERVICES, ("return service(headers, city)", 'return "sunny"')),
            "The service was never called",
        ),
        (
            "def call_service(tracer, city, service):\n"
            "    headers = {}\n"
            "    propagate.inject(headers)\n"
            "    return service(headers, city)\n" + SERVICES[SERVICES.index("def serve") :],
            "One call has one span of its own. Yours, below the run: none",
        ),
        (
            SERVICES[: SERVICES.index("def serve")]
            + "def serve(tracer, headers, city):\n    return look_up(tracer, city)",
            "one of `look_up`. Spans: `look up forecast`.",
        ),
        (
            changed(
                SERVICES,
                (
                    "propagate.extract(headers)",
                    'propagate.extract({"traceparent": headers["traceparent"]})',
                ),
            ),
            "KeyError: 'traceparent'",
        ),
        (
            changed(W3C, ("{ids.trace_id:032x}", "{0:031x}1")),
            "00000001-",
        ),
        (SERVICES[: SERVICES.index("def serve")], "Still to write: `serve`"),
        (
            changed(
                SERVICES,
                ("        return service(headers, city)", "    return service(headers, city)"),
            ),
            "`GET /weather` had ended when the service was called",
        ),
        (
            changed(
                W3C,
                (
                    "    with trace.use_span(span, end_on_exit=True):",
                    "    span.end()\n    with trace.use_span(span):",
                ),
            ),
            "or went on when that had ended",
        ),
        (
            changed(SERVICES, ('"GET /weather", kind', '"call", kind')),
            "The span that calls another service is named `call`",
        ),
        (
            changed(SERVICES, ('"GET /weather", context', '"serve", context')),
            "The span that answers a caller is named `serve`",
        ),
        (changed(W3C, ("-01", "-")), "read as the W3C says"),
        (
            changed(SERVICES, ("kind=SpanKind.CLIENT", "propagate.extract({}), SpanKind.CLIENT")),
            "does not hang under the span that was current",
        ),
        (
            changed(
                ATTACHED,
                (
                    "    answer = service",
                    "    context.attach(trace.set_span_in_context(span))\n    answer = service",
                ),
            ),
            "After `call_service` had returned, another span was current",
        ),
        (
            changed(
                SERVICES,
                (
                    "return look_up(tracer, city)",
                    "return look_up(tracer, city) and look_up(tracer, city)",
                ),
            ),
            "Spans: `GET /weather`, `look up forecast`, `look up forecast`",
        ),
        (
            changed(
                SERVICES,
                (
                    "        return service",
                    "        service(headers, city)\n        return service",
                ),
            ),
            "Ask it once",
        ),
        (
            changed(
                SERVICES,
                (
                    "        propagate.inject(headers)\n",
                    "        with tracer.start_as_current_span(\n"
                    "            'GET /weather', kind=SpanKind.CLIENT\n"
                    "        ):\n"
                    "            propagate.inject(headers)\n",
                ),
            ),
            "Yours, below the run: `GET /weather`, `GET /weather`",
        ),
    ],
    3: [
        (
            changed(
                ERRORS, ('            span.set_attribute("error.type", type(error).__name__)\n', "")
            ),
            "error.type missing: without it",
        ),
        (
            changed(ERRORS, ("type(error).__name__", "str(error)")),
            "is the *name of the class*",
        ),
        (
            changed(ERRORS, ("type(error).__name__)\n            raise", "type(error).__name__)")),
            "nobody got to know: it was swallowed",
        ),
        (
            changed(
                ERRORS, ("            raise\n", "            raise RuntimeError(name) from error\n")
            ),
            "The same exception must pass on",
        ),
        (
            changed(
                ERRORS,
                (
                    "start_as_current_span(name)",
                    "start_as_current_span(name, set_status_on_exception=False)",
                ),
            ),
            "the status is no error",
        ),
        (
            changed(
                ERRORS,
                (
                    "            try:\n                with step(tracer, name):\n"
                    "                    return source(city)\n"
                    "            except Exception as error:\n                failure = error\n",
                    "            with step(tracer, name):\n                try:\n"
                    "                    return source(city)\n"
                    "                except Exception as error:\n"
                    "                    failure = error\n",
                ),
            ),
            "the span of a try, failed with",
        ),
        (
            changed(
                ERRORS,
                (
                    'with step(tracer, "first answer"):',
                    "with tracer.start_as_current_span('all', set_status_on_exception=False):",
                ),
            ),
            "`all`, the outer span, failed with",
        ),
        (
            changed(
                ERRORS,
                (
                    'with step(tracer, "first answer"):',
                    "with tracer.start_as_current_span('all') as whole:",
                ),
                (
                    "failure = error",
                    "failure = error\n                whole.set_attribute('error.type', 'some')",
                ),
            ),
            "An error that was handled belongs to the span of the try alone",
        ),
        (
            changed(ERRORS, ("        raise failure", "        return None")),
            "last source raised",
        ),
        (
            changed(ERRORS, ("failure = error", "failure = failure or error")),
            "whoever waits for its type would miss it",
        ),
        (
            changed(ERRORS, ('    with step(tracer, "first answer"):', "    if True:")),
            "and these spans have no parent: ",
        ),
        (
            changed(ERRORS, ("with step(tracer, name):", 'with step(tracer, "source"):')),
            "there are the spans `source`, `source`, `source`",
        ),
        (
            changed(
                ERRORS,
                ("return source(city)", "found = source(city)"),
                ("        raise failure", "        return found"),
            ),
            "a fourth one was asked as well",
        ),
        (
            changed(ERRORS, ("return source(city)", "source(city); return")),
            "first_answer(...) returned None, and the answer was",
        ),
        (
            changed(ERRORS, ("@contextmanager\n", "")),
            "does not support the context manager protocol",
        ),
        (
            changed(ERRORS, ("span.set_attribute(", "spam.set_attribute(")),
            "NameError: name 'spam' is not defined",
        ),
        (
            changed(
                ERRORS,
                (
                    "            yield\n",
                    "            yield\n            span.set_attribute('error.type', 'none')\n",
                ),
            ),
            "ended well, and its span says UNSET, error.type none",
        ),
        (
            changed(
                RECURSIVE,
                (
                    "                return sources[first](city)\n        except Exception:\n"
                    "            if not others:\n                raise\n"
                    "        return ask(others)\n",
                    "                try:\n                    return sources[first](city)\n"
                    "                except Exception:\n                    return ask(others)\n"
                    "        finally:\n            pass\n",
                ),
            ),
            "no try is a part of another",
        ),
        (
            changed(
                ERRORS,
                (
                    "            except Exception as error:\n                failure",
                    "            except BaseException as error:\n                failure",
                ),
            ),
            "A cancelled task has to end",
        ),
        (
            changed(
                ERRORS,
                (
                    "return source(city)",
                    "found = source(city)\n                if found:\n"
                    "                    return found",
                ),
            ),
            "An empty text is an answer, too",
        ),
        (
            changed(
                BY_TOKEN,
                ("        self.token = context.attach(", "        ("),
                ("        context.detach(self.token)\n", ""),
                (
                    'step(tracer, "any source"):',
                    "tracer.start_as_current_span('any source') as whole:",
                ),
                (
                    "            raise last",
                    "            whole.set_attribute('error.type', type(last).__name__)\n"
                    "            raise last",
                ),
            ),
            "A span that the block made does not hang under",
        ),
        (
            changed(
                BY_TOKEN[: BY_TOKEN.index("def first_answer")],
                ("context.detach(self.token)", "error is None and context.detach(self.token)"),
            )
            + changed(ERRORS, ("step(", "sound_step(")),
            "is still current after its block",
        ),
        (
            changed(
                ERRORS,
                (
                    "                with step(tracer, name):\n"
                    "                    return source(city)\n"
                    "            except Exception as error:\n"
                    "                failure = error\n",
                    "                found = source(city)\n"
                    "            except Exception as error:\n"
                    "                failure = error\n"
                    "                try:\n"
                    "                    with step(tracer, name):\n"
                    "                        raise error\n"
                    "                except Exception:\n"
                    "                    continue\n"
                    "            with step(tracer, name):\n"
                    "                return found\n",
                ),
            ),
            "was not open while its source was asked",
        ),
        (
            changed(ERRORS, ("return source(city)", "return source(city) and source(city)")),
            "Ask it once",
        ),
        (
            changed(
                ERRORS,
                (
                    "            except Exception as error:\n                failure",
                    "            except (OSError, ValueError, LookupError) as error:\n"
                    "                failure",
                ),
            ),
            "Go on with the next source",
        ),
    ],
    4: [
        (changed(FLOW, ("    return found", "")), "returned None: is there a `return`?"),
        (
            changed(
                FLOW,
                (
                    "sorted(unique.values(), key=lambda row: row.start_s)",
                    "sorted(unique.values(), key=lambda row: -row.start_s)",
                ),
            ),
            "which has the same parent and started earlier",
        ),
        (
            changed(
                FLOW,
                ("row.parent_id if row.parent_id in unique else None", "row.parent_id"),
                (", *unique.values()]", "]"),
            ),
            "never arrived, and its children are roots: ",
        ),
        (
            changed(FLOW, (", *unique.values()]", "]")),
            "a span is its own ancestor: ",
        ),
        (
            changed(
                FLOW,
                ("        if row.span_id not in seen:\n", "        if row:\n"),
                (", *unique.values()]", "]"),
                ("unique.values(), key", "rows, key"),
            ),
            "arrived twice: flow gives these spans more than once",
        ),
        (
            changed(FLOW, ("visit(row, 0)", "visit(row, 1)")),
            "`invoke_agent planner` has no parent here, and its depth is 1",
        ),
        (changed(FLOW, ("depth + 1", "depth")), "has depth 0, its parent has 0"),
        (
            changed(
                FLOW,
                ("row.parent_id if row.parent_id in unique else None", "row.parent_id"),
                (
                    "[*below[None],",
                    "[*below[None], *(r for r in rows if r.parent_id not in unique),",
                ),
            ),
            "and its children are roots: `GET /page/",
        ),
        (
            "def flow(rows):\n    return sorted(rows, key=lambda row: row.start_s)",
            "Each entry must be a pair",
        ),
        (
            "def flow(rows):\n"
            "    by_id = {row.span_id: row for row in rows}\n"
            "    def depth(row):\n"
            "        parent = by_id.get(row.parent_id)\n"
            "        return 0 if parent is None else depth(parent) + 1\n"
            "    pairs = [(depth(row), row) for row in by_id.values()]\n"
            "    return sorted(pairs, key=lambda pair: (pair[0], pair[1].start_s))",
            "Directly after a span come its children",
        ),
        (
            changed(
                FLOW,
                ("        if row.span_id not in seen:\n", "        if row:\n"),
                ("for row in [*below[None], *unique.values()]", "for row in below[None] or rows"),
                ("unique.values(), key", "unique.values(), key"),
                (
                    "    for row in below[None] or rows:\n        visit(row, 0)\n",
                    "    for row in below[None]:\n        visit(row, 0)\n"
                    "    for row in unique.values():\n        while row.parent_id in unique:\n"
                    "            row = unique[row.parent_id]\n",
                ),
            ),
            "It did not end within 1 s",
        ),
    ],
    5: [
        (
            "def self_times(rows):\n    return {r.span_id: r.end_s - r.start_s for r in rows}",
            "That is the whole of it",
        ),
        (
            "def self_times(rows):\n"
            "    return {\n"
            "        s.span_id: s.end_s - s.start_s\n"
            "        - sum(r.end_s - r.start_s for r in rows if r.parent_id == s.span_id)\n"
            "        for s in rows\n"
            "    }",
            "subtract that while once",
        ),
        (
            "def self_times(rows):\n"
            "    times = {}\n"
            "    for s in rows:\n"
            "        below = [r for r in rows if r.parent_id == s.span_id]\n"
            "        below = below or [s._replace(end_s=s.start_s)]\n"
            "        first, last = min(r.start_s for r in below), max(r.end_s for r in below)\n"
            "        times[s.span_id] = s.end_s - s.start_s - (min(last, s.end_s) - first)\n"
            "    return times",
            "it worked in between: that is its own",
        ),
        (
            changed(SELF, ("reached_s = max(reached_s, end_s)", "reached_s = end_s")),
            "A long child ran all the time",
        ),
        (
            changed(SELF, ("min(child.end_s, span.end_s)", "child.end_s")),
            "Its child went on when it had ended",
        ),
        (
            changed(
                SELF,
                (
                    "= span.end_s - span.start_s - covered_s",
                    "= 1000 * (span.end_s - span.start_s - covered_s)",
                ),
            ),
            "All of its time is its own",
        ),
        (
            changed(SELF, ("times[span.span_id]", "times[span.name]")),
            "which is not the `span_id` of a span",
        ),
        (changed(SELF, ("    return times", "")), "self_times(rows) returned None"),
        (
            changed(SELF, ("    return times", "    return list(times.values())")),
            "a dict is missing",
        ),
        (
            changed(SELF, ("        times[span", "        if children: times[span")),
            "each span has one, if only 0",
        ),
        (
            changed(SELF, ("    return times", "    return {k: str(t) for k, t in times.items()}")),
            "no number",
        ),
        (
            changed(MERGED, ("            if start >= end:\n                continue\n", "")),
            "A child began when it had ended",
        ),
        (
            changed(ROUNDED, ("covered_s, 2)", "covered_s, 1)")),
            "was it rounded? Keep at least two decimals",
        ),
    ],
    6: [
        (
            "def waited_for(rows):\n"
            "    tools = [r for r in rows if r.operation == EXECUTE_TOOL]\n"
            "    return {\n"
            "        b.span_id: {a.span_id for a in tools if a.end_s <= b.start_s} for b in tools\n"
            "    }",
            "only by way of another tool call",
        ),
        (
            changed(WAITED, ("one.end_s <= other.start_s", "one.start_s < other.start_s")),
            "which was still running when it began",
        ),
        (
            "def waited_for(rows):\n"
            "    tools = [row for row in rows if row.operation == EXECUTE_TOOL]\n"
            "    waits = {row.span_id: set() for row in tools}\n"
            "    for row in tools:\n"
            "        done = [other for other in tools if other.end_s <= row.start_s]\n"
            "        if done:\n"
            "            last = max(done, key=lambda other: other.start_s)\n"
            "            waits[row.span_id] = {last.span_id}\n"
            "    return waits",
            "with no tool call in between. It does not say so",
        ),
        (
            changed(WAITED, (" if row.operation == EXECUTE_TOOL", "")),
            "which is not the `span_id` of a tool call",
        ),
        (
            changed(
                WAITED,
                ("late.span_id: {", "late.name: {"),
                ("            early.span_id\n", "            early.name\n"),
            ),
            "A key is 'execute_tool ",
        ),
        (
            changed(WAITED, ("            early.span_id\n", "            early.name\n")),
            "in its set, which is no span id",
        ),
        (
            changed(
                WAITED,
                ("before(early, late)\n", "before(late, early)\n"),
                (
                    "before(early, row) and before(row, late)",
                    "before(late, row) and before(row, early)",
                ),
            ),
            "which began no earlier",
        ),
        (
            changed(LATEST, ("waits[row.span_id] = [", "if done: waits[row.span_id] = [")),
            "each tool call has one, if only an empty set",
        ),
        (
            changed(
                LATEST,
                (
                    "[other.span_id for other in done if other.end_s > latest]",
                    "done[-1].span_id if done else set()",
                ),
            ),
            "a set of span ids is missing",
        ),
        (changed(LATEST, ("    return waits", "")), "waited_for(rows) returned None"),
        (
            changed(WAITED, ("one.end_s <= other.start_s", "one.end_s < other.start_s")),
            "Ended at the same moment counts as ended",
        ),
        (
            changed(
                WAITED,
                (
                    "before(early, row) and before(row, late)",
                    "early.end_s < row.start_s and row.end_s < late.start_s",
                ),
            ),
            "ran between them. Leave out what follows",
        ),
        (
            changed(
                LATEST,
                ("        latest = done[-1].start_s if done else 0\n", ""),
                ("done if other.end_s > latest", "done[-2:]"),
            ),
            "waited for `execute_tool ",
        ),
        (
            "def waited_for(rows):\n"
            "    return [r.span_id for r in rows if r.operation == EXECUTE_TOOL]",
            "waited_for(rows) returned [",
        ),
    ],
    7: [
        (
            "def error_path(rows):\n"
            "    return [row for row in sorted(rows, key=lambda r: r.start_s) if row.error]",
            "that one was mended",
        ),
        (
            "def error_path(rows):\n"
            "    root = next(row for row in rows if row.parent_id is None)\n"
            "    rows = sorted(rows, key=lambda row: row.start_s)\n"
            "    return [row for row in rows if root.error and row.error == root.error]",
            "One of them decides",
        ),
        (
            changed(PATH, ("max(failed", "min(failed")),
            "the path goes through the try from 3.2 to 7.0 s",
        ),
        (
            changed(PATH, ("max(failed, key=lambda row: row.end_s)", "failed[0]")),
            "the path goes through the try from 3.",
        ),
        (
            changed(PATH, ("max(failed, key=lambda row: row.end_s)", "failed[-1]")),
            "the path goes through the try from ",
        ),
        (
            changed(PATH, ("lambda row: row.end_s", "lambda row: row.start_s")),
            "The other one, from 3.2 to 8.5 s, ended last: it decides",
        ),
        (
            changed(PATH, ("lambda row: row.end_s", "lambda row: row.end_s - row.start_s")),
            "The other one, from 7.1 to 8.5 s, ended last: it decides",
        ),
        (LEAF, "On the path, and ended well: `execute_tool find_flights`"),
        (DEPTH, "`execute_tool book_seat` was tried twice, and the path goes through"),
        (
            changed(DEPTH, ("max(paths", "min(paths")),
            "through the try from 3.3 to 6.0 s",
        ),
        (
            changed(
                PATH,
                (
                    "and r.error == here.error]",
                    "and r.error]\n        failed = [r for r in failed if r.error == here.error "
                    "and r.end_s == max(each.end_s for each in failed)]",
                ),
            ),
            "The path is invoke_agent planner. Each is the parent of the next",
        ),
        (
            changed(PATH, ("return path", "return [row.span_id for row in path]")),
            "Return a list of the rows themselves",
        ),
        (
            changed(
                PATH,
                ("r.error == here.error", "str(r.error)[:9] == here.error[:9]"),
            ),
            "an error that passes through keeps its text",
        ),
        (
            changed(PATH, ("return path", "return path[::-1]")),
            "It begins at the run, and goes down",
        ),
        (changed(PATH, ("return path", "return path[-1:]")), "Its beginning is missing: the run"),
        (changed(PATH, ("return path", "return path[:2]")), "Each is the parent of the next"),
        (
            changed(PATH, ("return path", "return path[-1] if path else None")),
            "returned Row(",
        ),
        (
            changed(PATH, ("return path", "return [row.name for row in path]")),
            "returned ['invoke_agent planner'",
        ),
        (
            changed(PATH, ("is None and row.error]", "is None]")),
            "Return an empty list then",
        ),
        (changed(PATH, ("    return path\n", "")), "error_path(rows) returned None"),
        (changed(PATH, ("return path", "return []")), "and the path is empty"),
        (
            changed(
                PATH,
                (
                    "r.parent_id == here.span_id and r.error == here.error",
                    "r.parent_id == here.span_id",
                ),
            ),
            "On the path, and ended well: ",
        ),
    ],
    8: [
        ("def timeline(rows, ax):\n    pass", "Nothing was drawn on `ax`"),
        (
            changed(
                TIMELINE,
                (
                    "    colors =",
                    "    import matplotlib.pyplot as plt\n"
                    "    fig, ax = plt.subplots()\n"
                    "    colors =",
                ),
            ),
            "You drew on a figure of your own",
        ),
        (
            changed(
                TIMELINE,
                (
                    'exercise.best("flow")(rows)',
                    "[(0, row) for row in sorted(rows, key=lambda r: r.start_s)]",
                ),
            ),
            "is not below its parent",
        ),
        (
            changed(TIMELINE, ("row.start_s - zero", "row.start_s")),
            "time counts from the beginning of the trace",
        ),
        (
            changed(TIMELINE, ("row.end_s - row.start_s, left", "row.end_s - zero, left")),
            "A bar has a beginning and a *width*",
        ),
        (
            changed(
                TIMELINE,
                (
                    "row.end_s - row.start_s, left=row.start_s - zero",
                    "(row.end_s - row.start_s) * 0.9, left=row.start_s - zero",
                ),
            ),
            "No bar does: they go from",
        ),
        (
            changed(TIMELINE, (', hatch="//" if row.error else None', "")),
            "Without a mark, or marked by colour alone: `invoke_agent planner`, `",
        ),
        (
            changed(
                TIMELINE,
                ("            y, row.end_s", "            row.name, row.end_s"),
                (
                    "    ax.set_yticks(range(len(order)), "
                    '["  " * depth + row.name for depth, row in order])\n',
                    "",
                ),
            ),
            "Names repeat; positions do not",
        ),
        (
            changed(TIMELINE, ("    ax.invert_yaxis()\n", "")),
            "Begin with the span that has no parent",
        ),
        (
            changed(TIMELINE, ('"time since the start (s)"', '"time"')),
            "it does not name the unit",
        ),
        (
            changed(TIMELINE, (', ["  " * depth + row.name for depth, row in order]', "")),
            "the name of the span is missing",
        ),
        (changed(TIMELINE, ('"tab:orange"', '"tab:blue"')), "and they have the same colour"),
        (
            changed(
                TIMELINE, ("colors[row.operation]", '"red" if row.error else colors[row.operation]')
            ),
            "and they have two colours",
        ),
        (
            changed(TIMELINE, ("in enumerate(order):", "in enumerate(order[1:]):")),
            "one bar for each span",
        ),
        (changed(TIMELINE, ("left=row.start_s", "lefty=row.start_s")), "AttributeError"),
        (changed(TIMELINE, ("min(row.start_s for row in rows)", "rows[0].start_s")), "begins at -"),
        (
            changed(
                TIMELINE,
                (', hatch="//" if row.error else None', ', ec="red" if row.error else "black"'),
                ("depth + row.name", "depth + row.name + row.span_id"),
            ),
            "A failed span needs a hatch, a sign or a word",
        ),
        (
            changed(PATCHES, ("xlim=(0, longest), ylim=(-n, 1), ", "")),
            "0.00 to 1.00 in height",
        ),
        (
            changed(TIMELINE, ("    ax.set_xlabel(", "    ax.set_xlim(0, 3)\n    ax.set_xlabel(")),
            "the axes show 0.00 to 3.00 from left to right",
        ),
        (
            changed(
                TIMELINE, ("            y, row.end_s", "            y, height=3, width=row.end_s")
            ),
            "or one over the other",
        ),
        (
            changed(
                TIMELINE,
                ("            y, row.end_s", "            y, height=0.01, width=row.end_s"),
            ),
            "points high: it is too thin",
        ),
        (
            changed(LINES, ("linewidth=9", "linewidth=0.05")),
            "is only 0.1 points high",
        ),
        (
            changed(TIMELINE, ("color=colors", "alpha=0.01, color=colors")),
            "is nearly transparent: its alpha is 0.01",
        ),
        (
            changed(PATCHES, ("color=palette", "visible=False, color=palette")),
            "is nearly transparent: its alpha is 0. Let",
        ),
        (
            changed(
                TIMELINE,
                ('"gray", CHAT: "tab:blue"', "(0.5, 0.5, 0.5), CHAT: (0.5, 0.5, 0.501)"),
            ),
            "and their colours look alike",
        ),
    ],
}
