"""Exercise 3: a visualizer of traces, from the first span to the picture."""

from obs_helpers.checks import answers_3
from obs_helpers.checks.exercise import Exercise, Step
from obs_helpers.checks.trace_causes import check_error_path, check_waited_for
from obs_helpers.checks.trace_errors import check_errors
from obs_helpers.checks.trace_picture import check_timeline
from obs_helpers.checks.trace_reading import check_flow, check_self_times
from obs_helpers.checks.trace_services import check_services
from obs_helpers.checks.trace_spans import check_answer

STEPS = (
    Step(
        "spans that nest",
        ("answer",),
        check_answer,
        (
            "Which span is current when another one begins? Write down who calls whom, then "
            "look at section 4, *The standard tool*.",
            "Open the span of the run first and keep it open to the end. Give each call a small "
            "async function of its own, which opens a span and awaits inside it. `asyncio.gather` "
            "runs several of them together.",
            "async def use(name):\n"
            "    with tracer.start_as_current_span(..., attributes={...}):\n"
            "        return await ...\n"
            "with tracer.start_as_current_span(...):  # the run\n"
            "    reply = ...\n"
            "    found = await asyncio.gather(*(use(name) for name in ...))\n"
            "    ...",
        ),
        "You can tell which call belongs to which run, and which calls ran side by side.",
    ),
    Step(
        "across services",
        ("call_service", "serve"),
        check_services,
        (
            "A header can only name a span that has begun. And a span can only follow a header "
            "that somebody has read. Section 4 shows the first half, `propagate.inject`.",
            "The caller: begin the span, then let `propagate.inject` fill an empty dict, then "
            "call. The service: `propagate.extract` makes a context from headers; a tracer takes "
            "a context when it starts a span.",
            "with tracer.start_as_current_span(..., kind=SpanKind....):\n"
            "    headers = {}\n"
            "    ...  # fill them\n"
            "    return service(...)\n"
            "and on the other side:\n"
            "with tracer.start_as_current_span(..., context=..., kind=SpanKind....):\n"
            "    return look_up(...)",
        ),
        "You can follow one request through two services.",
    ),
    Step(
        "errors",
        ("step", "first_answer"),
        check_errors,
        (
            "Ask of each span: did *this* step fail? An exception that crosses the end of a "
            "span's block marks the span; one that is caught inside does not.",
            "OpenTelemetry sets the status by itself when an exception leaves the block; "
            "the attribute `error.type` is yours to set, on the way out. In `first_answer` the "
            "`try` stands around the step of one source, and inside the step of the whole.",
            "in step:\n"
            "    try:\n"
            "        yield\n"
            "    except Exception as error:\n"
            "        span.set_attribute(...)\n"
            "        ...\n"
            "in first_answer:\n"
            "    with step(tracer, ...):\n"
            "        for name, source in sources.items():\n"
            "            try:\n"
            "                with step(tracer, ...):\n"
            "                    return ...\n"
            "            except Exception as error:\n"
            "                failure = error\n"
            "        ...",
        ),
        "You can count failures by type, and a mended one is not counted as a failed run.",
    ),
    Step(
        "request flow",
        ("flow",),
        check_flow,
        (
            "Which spans are roots when a parent never arrived? And who reaches the spans of a "
            "circle, when no root leads there?",
            "First one row for each id (a dict), then the children of each parent (a dict of "
            "lists), sorted by start. Walk from each root downwards, and remember what you have "
            "seen. At the end, walk from whatever has not been seen.",
            "unique = {row.span_id: row for row in rows}\n"
            "below = defaultdict(list)\n"
            "for row in sorted(unique.values(), key=...):\n"
            "    below[row.parent_id if ... else None].append(row)\n"
            "def visit(row, depth):\n"
            "    if row.span_id not in seen:\n"
            "        ...\n"
            "for row in [*below[None], *...]:\n"
            "    visit(row, 0)",
        ),
        "You can show any trace as a tree, a damaged one included.",
    ),
    Step(
        "time per step",
        ("self_times",),
        check_self_times,
        (
            "Draw one span and its children as lines on paper. Where is the parent's line alone?",
            "Go through the children by start. Remember until when the span is covered; only "
            "what goes beyond that moment, and lies within the span, counts as newly covered.",
            "covered_s, reached_s = 0.0, span.start_s\n"
            "for child in sorted(..., key=...):\n"
            "    begin_s = max(child.start_s, ...)\n"
            "    end_s = min(child.end_s, ...)\n"
            "    covered_s += max(0.0, ...)\n"
            "    reached_s = max(...)",
        ),
        "You can tell the step that works from the steps that only wait for it.",
    ),
    Step(
        "tool dependencies",
        ("waited_for",),
        check_waited_for,
        (
            "When could one call have used the result of another? Only if that had ended.",
            "Keep the rows of tool calls. For each of them, collect those that had ended when it "
            "began; then drop each one after which another one began and ended in time.",
            "def before(one, other):\n"
            "    return one.end_s <= ...\n"
            "{\n"
            "    late.span_id: {\n"
            "        early.span_id for early in tools\n"
            "        if before(...) and not any(... for between in tools)\n"
            "    }\n"
            "    for late in tools\n"
            "}",
        ),
        "You can tell which tools could run together, and which cannot.",
    ),
    Step(
        "error location",
        ("error_path",),
        check_error_path,
        (
            "Start at the root and ask at each span: which child gave me *this* error?",
            "The child has the same `error` text as its parent. If several have, take the one that "
            "ended last. No such child: stop.",
            "path = []\n"
            "failed = [row for row in rows if row.parent_id is None and ...]\n"
            "while failed:\n"
            "    path.append(max(failed, key=...))\n"
            "    failed = [row for row in rows if ...]",
        ),
        "You can point to the step where a failure began, among all that failed.",
    ),
    Step(
        "challenge: a timeline",
        ("timeline",),
        check_timeline,
        (
            "Each bar needs four things: a row of its own, a beginning, a width, a look. Which "
            "function of yours has put the spans in order already?",
            "`ax.barh(y, width, left=...)` draws one bar. Take rows and depths from `flow`, use "
            "the position in that list as y, and turn the axis around. `color` comes from a dict "
            "by operation; `hatch`, or a word in the label, from the error.",
            "for y, (depth, row) in enumerate(flow(rows)):\n"
            "    ax.barh(y, ..., left=row.start_s - ..., color=COLORS[...], hatch=...)\n"
            "ax.set_yticks(range(...), labels)\n"
            "ax.invert_yaxis()\n"
            "ax.set_xlabel(...)",
        ),
        "You can see at one glance where the time went, and where it broke.",
    ),
)

exercise = Exercise("03-trace-visualizer", STEPS, vars(answers_3))
