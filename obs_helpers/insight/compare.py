"""Comparisons: a bad run with a good one, and all bad runs with all the others."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from obs_helpers import conventions as c
from obs_helpers.insight.traces import SpanNode, Trace, get_trace
from obs_helpers.store import Store
from obs_helpers.telemetry import current

if TYPE_CHECKING:
    import pandas as pd

Step = tuple[str, SpanNode | None, SpanNode | None]
"""A name, with its span in the good run and in the bad one, None if there is none."""

MAX_VALUE = 40
"""Characters of a value that a difference shows."""


# -- One run and another -------------------------------------------------------------------


def diff_traces(good: Trace | str, bad: Trace | str, store: Store | None = None) -> "pd.DataFrame":
    """Return the steps of two runs, each a trace or the id of one, side by side.

    A step is a path of span names; a path's second row is `#2`. A step that only one run
    took does not shift those after it.

    Columns: step, good_s, bad_s, difference_s (seconds; none while a span runs),
    good_status, bad_status, differs: the messages and attributes that are not the same.
    Ids never are, so attributes whose name ends in `.id` are left out.

    Raises:
        LookupError: no trace, or more than one, begins with an id.
    """
    import pandas as pd

    one, other = (t if isinstance(t, Trace) else get_trace(t, store) for t in (good, bad))
    rows = [
        (
            *(step, left and left.duration_s, right and right.duration_s),
            *(left and left.status, right and right.status, _differs(left, right)),
        )
        for step, left, right in _steps(one, other)
    ]
    columns = ["step", "good_s", "bad_s", "good_status", "bad_status", "differs"]
    table = pd.DataFrame(rows, columns=columns).astype({"good_s": float, "bad_s": float})
    table.insert(3, "difference_s", (table["bad_s"] - table["good_s"]).round(6))
    return table


def _steps(good: Trace, bad: Trace) -> Iterator[Step]:
    """Yield each step by its path, parents before children."""
    pending = _numbered("", _aligned(good.roots, bad.roots))[::-1]
    while pending:
        path, left, right = pending.pop()
        yield path, left, right
        below = _aligned(left.children if left else [], right.children if right else [])
        pending += reversed(_numbered(f"{path} > ", below))


def _aligned(good: Sequence[SpanNode], bad: Sequence[SpanNode]) -> Iterator[Step]:
    """Pair siblings by name, in the order they started."""
    good, bad = sorted(good, key=_order), sorted(bad, key=_order)
    names, others = [node.name for node in good], [node.name for node in bad]
    for kind, i, j, k, n in SequenceMatcher(None, names, others, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ((a.name, a, b) for a, b in zip(good[i:j], bad[k:n], strict=True))
        else:
            yield from ((node.name, node, None) for node in good[i:j])
            yield from ((node.name, None, node) for node in bad[k:n])


def _order(node: SpanNode) -> tuple[bool, datetime, str]:
    # Calls that start at one moment stand in the order they end, another one each time.
    return node.start_time is None, node.start_time, node.name


def _numbered(above: str, steps: Iterable[Step]) -> list[Step]:
    """Return siblings with their paths, of which no two are the same."""
    seen: Counter[str] = Counter()
    found: list[Step] = []
    for name, left, right in steps:
        seen[name] += 1
        number = f" #{seen[name]}" if seen[name] > 1 else ""
        found.append((f"{above}{name}{number}", left, right))
    return found


def _differs(good: SpanNode | None, bad: SpanNode | None) -> str:
    if good is None or bad is None:
        return "only in bad" if good is None else "only in good"
    left, right = ({"status_message": n.status_message, **n.attributes} for n in (good, bad))
    return ", ".join(
        f"{name}: {_short(left.get(name))} → {_short(right.get(name))}"
        for name in {**left, **right}
        if left.get(name) != right.get(name) and not name.endswith(".id")
    )


def _short(value: Any) -> str:
    text = " ".join(str("none" if value is None else value).split())
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


# -- All bad runs and all the others -------------------------------------------------------

_OUTCOME = {"status", "error_type"}
_OWN_NAMES = [*c.SPAN_COLUMNS, *c.SPAN_COLUMNS.values(), "service", "status", "hour"]
"""Attributes that have a column are read from the column, and under its name."""

_FACTS = """
    fact AS (
        SELECT is_bad, key AS attribute, value->>'$' AS value
        FROM run, json_each(attributes) WHERE NOT list_contains($own_names, key)
      UNION ALL
        SELECT is_bad,
               unnest(['service', 'agent', 'session_id', 'status', 'error_type', 'hour']),
               unnest([service, agent, session_id, status, error_type,
                       strftime(start_time, '%H:00')])
        FROM run
      UNION ALL
        SELECT is_bad, attribute, value FROM (
            SELECT DISTINCT run_id, is_bad, unnest(['tool', 'model']) AS attribute,
                            unnest([call.tool, call.model]) AS value
            FROM run JOIN spans AS call USING (trace_id))
    ), counted AS (
        SELECT attribute, value, count(*) FILTER (WHERE is_bad) AS bad,
               count(*) FILTER (WHERE NOT is_bad) AS good
        FROM fact WHERE value IS NOT NULL GROUP BY ALL
    )
    SELECT attribute, value, bad / $bad AS bad_share, good / $good AS good_share,
           bad_share - good_share AS difference, bad, good
    FROM counted
    WHERE bad >= $min_count AND difference > 0 AND NOT list_contains($named, attribute)
    ORDER BY difference DESC, attribute, value LIMIT $limit
"""


def what_is_different(
    bad: str,
    store: Store | None = None,
    among: str = f"operation = '{c.INVOKE_AGENT}'",
    limit: int = 10,
    min_count: int = 5,
) -> "pd.DataFrame":
    """Return what the bad runs have in common that the others have not.

    This is Honeycomb's idea: split the runs in two, then compare the two sides attribute
    by attribute. What comes first is where to look, not what caused it.

    Attributes are all of the run's own, `hour` (UTC), and each `tool` and `model` that was
    called in its trace. Those that `bad` names are left out: that runs of status ERROR
    have the status ERROR is no news, and neither is that they have an error type.

    Columns: attribute, value, bad_share and good_share (of each side, from 0 to 1),
    difference, bad and good (counts). The largest difference comes first.

    Args:
        bad: An SQL condition on a row of `spans`, such as `duration_s > 5`. Runs of which
            it is unknown, because they still run for example, are on neither side.
        store: Where to look; the current telemetry's store unless given.
        among: An SQL condition: the spans to compare.
        limit: Rows to return, at most.
        min_count: Bad runs that a value must be seen in; so ids drop out.

    Raises:
        ValueError: one side is empty.
        StoreError: DuckDB's own message for a condition that it does not understand.
    """
    store = store or current().store
    # Line ends, lest a comment at the end of a condition swallows what follows.
    runs = (
        f"WITH run AS (SELECT rowid AS run_id, ({bad}\n)::BOOLEAN AS is_bad, * FROM spans "
        f"WHERE is_bad IS NOT NULL AND ({among}\n))"
    )
    found = store.rows(f"{runs} SELECT is_bad, count(*) FROM run GROUP BY is_bad")
    count = {True: 0, False: 0, **dict(found)}
    if not all(count.values()):
        msg = (
            f"{count[True]} spans are bad and {count[False]} are not, by {bad!r} among "
            f"{among!r}; choose conditions that leave some on each side"
        )
        raise ValueError(msg)
    named = set(re.findall(r"[\w.]+", bad))
    if named & _OUTCOME:
        named |= _OUTCOME
    known = {"bad": count[True], "good": count[False], "min_count": min_count, "limit": limit}
    return store.sql(
        f"{runs}, {_FACTS}", {**known, "named": sorted(named), "own_names": _OWN_NAMES}
    )
