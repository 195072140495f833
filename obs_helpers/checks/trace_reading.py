"""Checks of exercise 3, steps 4 and 5: the flow of a request, and where its time went."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from obs_helpers import conventions as c
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.checks.trace_given import Row
from obs_helpers.checks.trace_spans import fresh, listed

if TYPE_CHECKING:
    import random

LIMIT_S = 1.0
"""Time for one call: the lists are short, and what takes longer never ends."""
_SAME_S = 1e-5
Placed = tuple[int, Row]


class Draft:
    """Makes the rows of a trace, with ids and a beginning that nobody can know."""

    def __init__(self, draw: "random.Random") -> None:
        """Take chance from `draw`."""
        self.draw, self.rows = draw, list[Row]()
        self.zero_s = 1_767_600_000.0 + draw.randint(0, 10_000_000)

    def add(
        self,
        name: str,
        parent: Row | None,
        start_s: float,
        end_s: float,
        error: str | None = None,
    ) -> Row:
        """Add a span; times are seconds since the trace began."""
        first = name.split()[0]
        row = Row(
            span_id=f"{self.draw.getrandbits(64):016x}",
            parent_id=parent and parent.span_id,
            name=name,
            operation=first if first in (c.INVOKE_AGENT, c.CHAT, c.EXECUTE_TOOL) else "",
            service="agent",
            start_s=self.zero_s + start_s,
            end_s=self.zero_s + end_s,
            error=error,
        )
        self.rows.append(row)
        return row

    def shuffled(self, rows: Iterable[Row] | None = None) -> list[Row]:
        """Return the rows in an order that says nothing."""
        mixed = list(self.rows if rows is None else rows)
        self.draw.shuffle(mixed)
        return mixed


def a_dict(name: str, got: Any) -> None:
    """Expect that a function returned a dict."""
    expect(got is not None, f"{name}(rows) returned None: is there a `return`?")
    expect(isinstance(got, Mapping), f"{name}(rows) returned {short(got)}: a dict is missing.")


def short(value: Any) -> str:
    """Return the `repr` of a value, cut."""
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


# -- Step 4 ------------------------------------------------------------------------------
def check_flow(flow: Callable[..., Any]) -> None:
    """Step 4: a tree from rows, however they arrive."""
    draft = Draft(fresh())
    rows = _tree(draft)
    _a_tree(_flow(flow, draft.shuffled(), ""), rows, "")
    twice = [*draft.shuffled(), rows[0], rows[4]]
    where = "Two rows arrived twice: "
    _a_tree(_flow(flow, twice, where), rows, where)
    lost = [row for row in rows if row is not rows[1]]
    where = "The row of one parent never arrived: "
    _a_tree(_flow(flow, draft.shuffled(lost), where), lost, where)
    broken = [*rows, *_circle(draft)]
    where = "Some rows are broken, and a span is its own ancestor: "
    _a_tree(_flow(flow, draft.shuffled(broken), where), broken, where)


def _tree(draft: Draft) -> list[Row]:
    """Return rows in the order of the flow; the second has children."""
    draw = draft.draw
    root = draft.add("invoke_agent planner", None, 0, 9)
    first = draft.add("execute_tool find_flights", root, 1, 4)
    for n in range(draw.randint(2, 3)):
        draft.add(f"GET /page/{n}", first, 1.1 + n * 0.5 + draw.random() / 9, 3.9)
    second = draft.add("execute_tool get_weather", root, 1.5 + draw.random(), 5)
    deep = draft.add("GET /weather", second, 2.8, 4.5)
    draft.add("look up forecast", deep, 3, 4)
    for n in range(draw.randint(2, 4)):
        draft.add("chat planner", root, 5 + n * 0.7 + draw.random() / 9, 8.5)
    return list(draft.rows)


def _circle(draft: Draft) -> list[Row]:
    one = draft.add("retry", None, 6, 7)
    other = draft.add("queue", one, 6.1, 6.9)
    below = draft.add("send", other, 6.2, 6.8)
    own = draft.add("loop", None, 6.3, 6.7)
    return [
        one._replace(parent_id=other.span_id),
        other,
        below,
        own._replace(parent_id=own.span_id),
    ]


def _flow(flow: Callable[..., Any], rows: list[Row], where: str) -> list[Placed]:
    got = call(flow, rows, limit_s=LIMIT_S)
    expect(got is not None, "flow(rows) returned None: is there a `return`?")
    try:
        return [(int(depth), Row(*row)) for depth, row in got]
    except (TypeError, ValueError):
        msg = f"{where}flow(rows) returned {short(got)}. It gives pairs: a depth and a row."
        raise Wrong(msg) from None


def _a_tree(got: Sequence[Placed], rows: Sequence[Row], where: str) -> None:
    """Expect each span once, below its parent, beside those that started before it."""
    ids = [row.span_id for _, row in got]
    lost = [row.name for row in rows if row.span_id not in ids]
    expect(not lost, f"{where}{len(rows)} spans, and these are lost: {listed(lost)}.")
    twice = [row.name for n, (_, row) in enumerate(got) if row.span_id in ids[:n]]
    expect(not twice, f"{where}these spans are there more than once: {listed(twice)}.")
    free = _without_root(rows)
    path: list[Row] = []
    last: dict[str | None, Row] = {}
    for depth, row in got:
        above = row.parent_id if row.parent_id in ids else None
        if row.span_id not in free:
            _at_its_place(depth, row, above, path, where)
            before = last.get(above)
            expect(
                before is None or before.start_s <= row.start_s,
                f"{where}`{before and before.name}` stands before `{row.name}`, which has the "
                "same parent and started earlier.",
            )
            last[above] = row
        path[max(depth, 0) :] = [row]


def _at_its_place(depth: int, row: Row, above: str | None, path: list[Row], where: str) -> None:
    if above is None:
        expect(depth == 0, f"{where}`{row.name}` has no parent here, and its depth is {depth}.")
        return
    ids = [each.span_id for each in path]
    expect(
        above in ids,
        f"{where}`{row.name}` does not stand below its parent. Directly after a span come its "
        "children, each with its own children, and only then the next one.",
    )
    expect(
        depth == ids.index(above) + 1,
        f"{where}`{row.name}` has depth {depth}, its parent has {ids.index(above)}.",
    )


def _without_root(rows: Sequence[Row]) -> set[str]:
    """Return the spans that no root leads to: those of a circle, and what hangs below it."""
    ids = {row.span_id for row in rows}
    rooted: set[str | None] = {row.parent_id for row in rows} - ids
    while more := {row.span_id for row in rows if row.parent_id in rooted} - rooted:
        rooted |= more
    return ids - rooted


# -- Step 5 ------------------------------------------------------------------------------
def check_self_times(self_times: Callable[..., Any]) -> None:
    """Step 5: what a span did itself."""
    draft = Draft(fresh())
    special = _work(draft)
    got = call(self_times, draft.shuffled(), limit_s=LIMIT_S)
    a_dict("self_times", got)
    ids = {row.span_id: row for row in draft.rows}
    odd = [key for key in got if key not in ids]
    expect(
        not odd,
        f"A key is {short(odd[:1])[1:-1]}, which is no span id. Two spans may share a name, "
        "an id is one span's alone.",
    )
    missing = [row.name for key, row in ids.items() if key not in got]
    expect(not missing, f"No time for {listed(missing)}: every span has one, if only 0.")
    for row in draft.rows:
        expect(_number(got[row.span_id]), f"`{row.name}` got {short(got[row.span_id])}, no number")
    _leaves(got, draft.rows)
    for row, guess in special:
        _own_time(row, got[row.span_id], draft.rows, guess)
    for row in draft.rows:
        _own_time(row, got[row.span_id], draft.rows, "")


def _work(draft: Draft) -> list[tuple[Row, str]]:
    """Fill `draft`; return the telling spans, each with the slip that it shows."""
    wide = draft.draw.uniform(0.4, 0.6)
    root = draft.add("invoke_agent planner", None, 0, 20)
    gap = draft.add("execute_tool find_hotels", root, 1, 5)
    draft.add("GET /page", gap, 1.5, 1.5 + wide)
    draft.add("GET /page", gap, 3.5, 3.5 + wide)
    beside = draft.add("execute_tool find_flights", root, 6, 10)
    draft.add("GET /flights", beside, 6.2, 8 + wide)
    draft.add("GET /prices", beside, 7, 9.0 + wide)
    inside = draft.add("execute_tool get_weather", root, 11, 15)
    draft.add("GET /long", inside, 11.2, 14 + wide)
    draft.add("GET /short", inside, 12, 12 + wide)
    draft.add("GET /late", inside, 13, 13.5)
    longer = draft.add("execute_tool send_mail", root, 16, 17 + wide)
    draft.add("deliver", longer, 16.5, 19)
    return [
        (gap, "Its children ran one after the other, and it worked in between: that is its own."),
        (beside, "Its children ran side by side for a while: subtract that while once."),
        (inside, "A long child ran all the time while short ones came and went."),
        (longer, "Its child went on when it had ended: only what lies within it can be covered."),
    ]


def _leaves(got: Mapping[str, float], rows: Sequence[Row]) -> None:
    parents = {row.parent_id for row in rows}
    for row in rows:
        if row.span_id not in parents:
            value, whole = got[row.span_id], row.end_s - row.start_s
            expect(
                abs(value - whole) < _SAME_S,
                f"`{row.name}` has no children, ran from {row.start_s:.3f} to {row.end_s:.3f}, "
                f"and got {value:.3f} s. All of its time is its own.",
            )


def _own_time(row: Row, value: float, rows: Sequence[Row], guess: str) -> None:
    children = [child for child in rows if child.parent_id == row.span_id]
    if abs(value - _alone_s(row, children)) < _SAME_S:
        return
    whole = row.end_s - row.start_s
    times = ", ".join(
        f"{child.start_s - row.start_s:.2f} to {child.end_s - row.start_s:.2f}"
        for child in sorted(children, key=lambda child: child.start_s)
    )
    told = f"`{row.name}` lasted {whole:.2f} s, its children ran from {times} s of it"
    if abs(value - whole) < _SAME_S:
        guess = "That is the whole of it: what its children cover is not its own."
    msg = f"{told}; it got {value:.3f} s. {guess}"
    raise Wrong(msg.strip())


def _alone_s(row: Row, children: Sequence[Row]) -> float:
    """Return how long no child ran: the sum over the stretches between two events."""
    events = {row.start_s, row.end_s}
    for child in children:
        events |= {min(max(t, row.start_s), row.end_s) for t in (child.start_s, child.end_s)}
    marks = sorted(events)
    return sum(
        end - start
        for start, end in itertools.pairwise(marks)
        if not any(child.start_s <= start and end <= child.end_s for child in children)
    )


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and value == value
