"""Checks of exercise 3, steps 4 and 5: the flow of a request, and where its time went."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
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
_SAME_S = 0.006
"""Two decimals are enough."""
Placed = tuple[int, Row]


class Draft:
    """Makes the rows of a trace, with ids and a beginning that nobody can know."""

    def __init__(self, draw: "random.Random") -> None:
        """Take chance from `draw`."""
        self.draw, self.rows = draw, list[Row]()
        self.zero_s = 1_767_600_000.0 + draw.randint(0, 10_000_000)

    def add(
        self, name: str, parent: Row | None, start_s: float, end_s: float, error: str | None = None
    ) -> Row:
        """Add a span; times are seconds since the trace began. Later spans have smaller ids."""
        first = name.split()[0]
        row = Row(
            span_id=f"{0xFF - len(self.rows):02x}{self.draw.getrandbits(56):014x}",
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

    def orders(self, rows: Iterable[Row] | None = None) -> tuple[list[Row], list[Row]]:
        """Return the rows mixed, and that again from behind.

        Whoever trusts the order of any two is wrong in one of both: never right by chance.
        """
        mixed = list(self.rows if rows is None else rows)
        self.draw.shuffle(mixed)
        return mixed, mixed[::-1]


def by_span(name: str, got: Any, wanted: Iterable[Row], what: str, empty: str) -> None:
    """Expect a dict with an entry for each of the rows that are wanted, and no other."""
    expect(got is not None, f"{name}(rows) returned None: is there a `return`?")
    expect(isinstance(got, Mapping), f"{name}(rows) returned {short(got)}: a dict is missing.")
    names = {row.span_id: row.name for row in wanted}
    odd = [key for key in got if key not in names]
    expect(
        not odd,
        f"A key is {short(odd[:1])[1:-1]}, which is not the `span_id` of a {what}. Two of them may "
        "share a name, an id is one's alone.",
    )
    missing = [name for key, name in names.items() if key not in got]
    expect(not missing, f"No entry for {listed(missing)}: each {what} has one, if only {empty}.")


def short(value: Any) -> str:
    """Return the `repr` of a value, cut."""
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


# -- Step 4 ------------------------------------------------------------------------------
def check_flow(flow: Callable[..., Any]) -> None:
    """Step 4: a tree from rows, however they arrive."""
    draft = Draft(fresh())
    rows = _tree(draft)
    parent = rows[1]
    where = f"The rows of `{parent.name}` and `{rows[-1].name}` arrived twice: "
    lost = [row for row in rows if row is not parent]
    circle = _circle(draft)
    for arrived, said in (
        (rows, ""),
        ([*rows, parent, rows[-1]], where),
        (lost, f"The row of `{parent.name}` never arrived, and its children are roots: "),
        ([*rows, *circle], "Some rows are broken, and a span is its own ancestor: "),
    ):
        for order in draft.orders(arrived):
            _a_tree(_flow(flow, order, said), list(dict.fromkeys(arrived)), said)


def _tree(draft: Draft) -> list[Row]:
    """Return rows in the order of the flow; the second has children."""
    draw = draft.draw
    root = draft.add("invoke_agent planner", None, 0, 9)
    first = draft.add("execute_tool find_flights", root, 1, 4)
    for n in range(draw.randint(2, 3)):
        draft.add(f"GET /page/{n}", first, 1.1 + n * 0.5 + draw.random() / 9, 3.9 - n / 9)
    second = draft.add("execute_tool get_weather", root, 1.5 + draw.random(), 5)
    deep = draft.add("GET /weather", second, 2.8, 4.5)
    draft.add("look up forecast", deep, 3, 4)
    for n in range(draw.randint(2, 4)):
        draft.add("chat planner", root, 5 + n * 0.7 + draw.random() / 9, 8.5 - n / 9)
    return list(draft.rows)


def _circle(draft: Draft) -> list[Row]:
    one = draft.add("retry", None, 6, 7)
    other = draft.add("queue", one, 6.1, 6.9)
    below = draft.add("send", other, 6.2, 6.8)
    own = draft.add("loop", None, 6.3, 6.7)
    one = one._replace(parent_id=other.span_id)
    return [one, other, below, own._replace(parent_id=own.span_id)]


def _flow(flow: Callable[..., Any], rows: list[Row], where: str) -> list[Placed]:
    got = call(flow, rows, limit_s=LIMIT_S)
    expect(got is not None, "flow(rows) returned None: is there a `return`?")
    try:
        return [(int(depth), Row(*row)) for depth, row in got]
    except (TypeError, ValueError):
        msg = f"{where}flow(rows) returned {short(got)}. Each entry must be a pair, (depth, row)."
        raise Wrong(msg) from None


def _a_tree(got: Sequence[Placed], rows: Sequence[Row], where: str) -> None:
    """Expect each span once, below its parent, beside those that started before it."""
    ids = [row.span_id for _, row in got]
    lost = [row.name for row in rows if row.span_id not in ids]
    expect(not lost, f"{where}{len(rows)} spans, and these are lost: {listed(lost)}.")
    twice = [row.name for n, (_, row) in enumerate(got) if row.span_id in ids[:n]]
    expect(
        not twice,
        f"{where}flow gives these spans more than once: {listed(dict.fromkeys(twice))}. "
        "A double, left in, also shows the children once more.",
    )
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
    guesses = _work(draft)
    for order in draft.orders():
        _times(call(self_times, order, limit_s=LIMIT_S), draft, guesses)


def _times(got: Any, draft: Draft, guesses: Mapping[str, str]) -> None:
    by_span("self_times", got, draft.rows, "span", "0")
    ids = {row.span_id: row for row in draft.rows}
    parents = {row.parent_id for row in draft.rows}
    for row in draft.rows:
        value = got[row.span_id]
        number = isinstance(value, Real) and value == value
        expect(number, f"`{row.name}` got {short(value)}, which is no number.")
    # Leaves first, then what shows one slip each, then the rest: the plainest message wins.
    order = [*(key for key in ids if key not in parents), *guesses, *ids]
    for row in map(ids.__getitem__, order):
        _own_time(row, got[row.span_id], draft.rows, guesses.get(row.span_id, ""))


def _work(draft: Draft) -> dict[str, str]:
    """Fill `draft`; return the ids of the telling spans, each with the slip that it shows."""
    wide = draft.draw.uniform(0.43, 0.47)  # one decimal is too few for it
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
    early = draft.add("execute_tool book_seat", root, 19.1, 19.2 + wide)
    draft.add("POST /seats", early, 19.2, 19.4)
    draft.add("write log", early, 19.9, 20)
    return {
        gap.span_id: "Its children ran one after the other, and it worked in between: that is "
        "its own.",
        beside.span_id: "Its children ran side by side for a while: subtract that while once.",
        inside.span_id: "A long child ran all the time while short ones came and went.",
        longer.span_id: "Its child went on when it had ended: only what lies within it counts.",
        early.span_id: "A child began when it had ended: nothing of that lies within it.",
    }


def _own_time(row: Row, value: float, rows: Sequence[Row], guess: str) -> None:
    children = [child for child in rows if child.parent_id == row.span_id]
    right = _alone_s(row, children)
    if abs(value - right) < _SAME_S:
        return
    whole = row.end_s - row.start_s
    times = ", ".join(
        f"{child.start_s - row.start_s:.3f} to {child.end_s - row.start_s:.3f}"
        for child in sorted(children, key=lambda child: child.start_s)
    )
    if not children:
        times, guess = "none", "All of its time is its own."
    elif abs(value - whole) < _SAME_S:
        guess = "That is the whole of it: what its children cover is not its own."
    if abs(value - right) < 0.06:
        guess = "That is close: was it rounded? Keep at least two decimals."
    msg = (
        f"`{row.name}` lasted {whole:.3f} s; its children, in seconds since it began: {times}. "
        f"It got {value:.3f} s. {guess}"
    )
    raise Wrong(msg.strip())


def _alone_s(row: Row, children: Sequence[Row]) -> float:
    """Return how long no child ran: the sum over the stretches between two events."""
    events = (moment for each in (row, *children) for moment in (each.start_s, each.end_s))
    marks = sorted({min(max(moment, row.start_s), row.end_s) for moment in events})
    return sum(
        end - start
        for start, end in itertools.pairwise(marks)
        if not any(child.start_s <= start and end <= child.end_s for child in children)
    )
