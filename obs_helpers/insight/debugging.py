"""What happened in one request: its tree, and why it failed, in words."""

from decimal import Decimal

from obs_helpers import conventions as c
from obs_helpers.insight.detectors import detect
from obs_helpers.insight.trace_layout import layout, tree_heads
from obs_helpers.insight.traces import SpanNode, Trace, get_trace
from obs_helpers.safe_text import one_line
from obs_helpers.store import Store
from obs_helpers.telemetry import current


def print_trace_tree(trace: Trace | str, store: Store | None = None) -> None:
    """Print a trace, given as such or by its id, as a tree: names, seconds, outcome."""
    if isinstance(trace, str):
        trace = get_trace(trace, store)
    print("\n".join(trace_tree(trace)))


def trace_tree(trace: Trace) -> list[str]:
    """Return the lines of the tree that `print_trace_tree` prints."""
    rows = layout(trace).rows
    heads = [
        head + one_line(row.span.name) for head, row in zip(tree_heads(rows), rows, strict=True)
    ]
    width = max(map(len, heads), default=0)
    return [
        f"{head:{width}}  {_seconds(row.span)}  {outcome(row.span)}".rstrip()
        for head, row in zip(heads, rows, strict=True)
    ]


def analyze_failed_request(trace_id: str, store: Store | None = None) -> None:
    """Print where a request failed, why, and what had worked until then.

    Raises:
        LookupError: no trace, or more than one, begins with `trace_id`.
    """
    store = store or current().store
    print("\n".join(failure_report(get_trace(trace_id, store), store)))


def failure_report(trace: Trace, store: Store) -> list[str]:
    """Return the lines that `analyze_failed_request` prints."""
    last = trace.last_success
    lines = [
        f"Request failed at: {trace.failure_point or 'nothing failed'}",
        f"Error: {trace.error or 'none'}",
        f"Tool calls made: {_tool_calls(trace.tool_calls)}",
        f"Last successful step: {f'{last.name} ({_took(last)})' if last else 'none'}",
        f"Spent: {_spent(trace)}",
    ]
    if trace.mended:
        lines.append(f"Failed and mended: {', '.join(f'{n.name}' for n in trace.mended)}")
    lines += [f"Suspicious: {row.finding}" for row in detect(trace.trace_id, store).itertuples()]
    lines += _log_lines(trace, store)
    return [one_line(line, 200) for line in lines]


def _tool_calls(nodes: list[SpanNode], shown: int = 6) -> str:
    calls = [
        f"{node.attributes.get(c.TOOL_NAME, node.name)} {'FAILED' if node.failed else 'ok'} "
        f"({_took(node)})"
        for node in nodes[:shown]
    ]
    more = [f"{len(nodes) - shown} more"] if len(nodes) > shown else []
    return ", ".join(calls + more) or "none"


def _took(node: SpanNode) -> str:
    return "running" if node.duration_s is None else f"{node.duration_s:.3f} s"


def _spent(trace: Trace) -> str:
    """Say what the model calls cost; only they own tokens and cost, and some tell neither."""
    calls = [node.attributes for node in trace.walk() if node.operation == c.CHAT]
    told = [call for call in calls if isinstance(call.get(c.INPUT_TOKENS), int)]
    both = [call.get(name) for call in told for name in (c.INPUT_TOKENS, c.OUTPUT_TOKENS)]
    tokens = sum(count for count in both if isinstance(count, int))
    usd = sum(Decimal(str(call[c.COST_USD])) for call in told if c.COST_USD in call)
    parts = [f"{tokens:,} tokens, ${usd:f}, {len(told)} model calls"] if told else []
    for silent, what in (
        (len(calls) - len(told), "without a word on usage"),
        (sum(c.COST_USD not in call for call in told), "of unknown price"),
    ):
        parts += [f"{silent} model calls {what}"] * bool(silent)
    return "; ".join(parts) or "nothing"


def _log_lines(trace: Trace, store: Store) -> list[str]:
    rows = store.rows(
        "SELECT level, event, fields->>'error' FROM logs WHERE trace_id = ? "
        "AND level IN ('warning', 'error', 'critical') ORDER BY time LIMIT 5",
        [trace.trace_id],
    )
    return [
        f"Logged: {level}: {event}{f': {error}' if error else ''}" for level, event, error in rows
    ]


def _seconds(node: SpanNode) -> str:
    return "  running" if node.duration_s is None else f"{node.duration_s:7.3f} s"


def outcome(node: SpanNode) -> str:
    """Return what became of a span, in a few words: its error, its tokens, or nothing."""
    if node.status == "ERROR":
        return f"ERROR {one_line(node.status_message or '', 100)}"
    tokens = node.attributes.get(c.INPUT_TOKENS)
    if tokens is not None:
        return one_line(f"{tokens} tokens in, {node.attributes.get(c.OUTPUT_TOKENS)} out")
    return "empty result" if node.attributes.get(c.RESULT_SIZE) == 2 else ""
