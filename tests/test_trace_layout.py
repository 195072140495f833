"""The layout of a trace: rows, places in time, what is odd, and what to show if all is too much."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import VirtualClock, get_trace
from obs_helpers.insight.critical_path import critical_path
from obs_helpers.insight.time_axis import SQUEEZED, Axis, Gap, seconds, squeezed_axis
from obs_helpers.insight.trace_layout import Layout, Row, layout, tree_heads
from obs_helpers.insight.traces import SpanNode, Trace

START = datetime(2026, 1, 5, 8, tzinfo=UTC).replace(tzinfo=None)


def node(
    name: str,
    start_s: float | None,
    duration_s: float | None,
    *children: SpanNode,
    **more: Any,
) -> SpanNode:
    """Return a span; without a duration it still runs, without a start it is broken."""
    began: Any = None if start_s is None else START + timedelta(seconds=start_s)
    status = more.pop("status", "RUNNING" if duration_s is None else "UNSET")
    attributes = {"gen_ai.operation.name": more.pop("operation")} if "operation" in more else {}
    return SpanNode(
        span_id=name,
        parent_id=more.pop("parent_id", None),
        name=name,
        start_time=began,
        duration_s=duration_s,
        status=status,
        status_message=None,
        attributes=attributes,
        children=list(children),
        **more,
    )


def laid(*roots: SpanNode, **options: Any) -> dict[str, Row]:
    """Return the rows by name."""
    return {row.span.name: row for row in layout(Trace("t", list(roots)), **options).rows}


# -- Rows ------------------------------------------------------------------------------------


def test_rows_stand_in_reading_order_with_their_depth_and_what_is_below() -> None:
    """Parents first, each followed by all that belongs to it."""
    tree = node("r", 0, 9, node("a", 1, 3, node("b", 1, 1)), node("c", 5, 1))
    rows = layout(Trace("t", [tree, node("other", 0, 1)])).rows
    told = [(row.span.name, row.depth, row.below, row.parent) for row in rows]
    assert told == [
        ("r", 0, 3, None),
        ("a", 1, 1, 0),
        ("b", 2, 0, 1),
        ("c", 1, 0, 0),
        ("other", 0, 0, None),
    ]
    assert [row.number for row in rows] == [0, 1, 2, 3, 4]


def test_times_are_seconds_from_the_first_moment_of_the_trace() -> None:
    """Whichever span that is."""
    rows = laid(node("r", 2, 4, node("early", 0.5, 1)))
    assert (rows["early"].start_s, rows["early"].end_s) == (0.0, 1.0)
    assert (rows["r"].start_s, rows["r"].end_s) == (1.5, 5.5)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("invoke_agent", "agent"),
        ("chat", "model"),
        ("execute_tool", "tool"),
        ("embed", "other"),
        (["x"], "other"),
    ],
)
def test_a_span_is_what_its_operation_says(operation: Any, kind: str) -> None:
    """Never what its name says."""
    assert laid(node("chat", 0, 1, operation=operation))["chat"].kind == kind


def test_a_span_of_another_service_than_its_parents_says_so() -> None:
    """Within one service nothing is said."""
    below = node("asked", 1, 1, node("own", 1, 1, service="weather"), service="weather")
    rows = laid(node("r", 0, 3, below, service="desk"))
    assert [rows[name].service for name in ("r", "asked", "own")] == [None, "weather", None]


def test_the_critical_path_is_on_the_rows_it_belongs_to() -> None:
    """What ran beside it has nothing of it."""
    rows = laid(node("r", 0, 10, node("slow", 1, 8), node("quick", 1, 2)))
    assert rows["slow"].path == ((1.0, 9.0),)
    assert rows["quick"].path == ()
    assert rows["r"].path == ((0.0, 1.0), (9.0, 10.0))
    assert rows["r"].waited_s == 2.0


# -- What is odd -----------------------------------------------------------------------------


def test_a_running_span_is_drawn_to_the_last_moment_known() -> None:
    """Of the trace, unless the caller knows a later one."""
    tree = node("r", 0, None, node("done", 1, 3), node("hangs", 2, None))
    rows = laid(tree)
    assert (rows["r"].end_s, rows["hangs"].end_s) == (4.0, 4.0)
    assert rows["hangs"].running
    assert not rows["done"].running
    assert laid(tree, now=START + timedelta(seconds=60))["hangs"].end_s == 60.0


def test_what_is_odd_about_the_times_of_a_span_is_said_in_words() -> None:
    """A skewed clock, a late end, a missing parent, a duration that cannot be."""
    tree = node(
        *("r", 1, 4),
        node("early", 0.7, 1),
        node("late", 4.5, 2),
        node("negative", 2, -0.2),
        node("endless", 2, math.nan),
        node("lost", None, 1),
        node("fine", 1, 4.000001),
    )
    rows = laid(tree, node("orphan", 2, 1, parent_id="gone"))
    assert {name: row.notes for name, row in rows.items()} == {
        "r": (),
        "early": ("begins 0.300 s before its parent",),
        "late": ("ends 1.500 s after its parent",),
        "negative": ("has an impossible duration of -0.2 s",),
        "endless": ("has an impossible duration of nan s",),
        "lost": ("does not say when it began",),
        "fine": (),
        "orphan": ("its parent is not in the store",),
    }
    assert (rows["lost"].start_s, rows["lost"].end_s) == (None, None)
    assert rows["negative"].start_s == rows["negative"].end_s


def test_a_span_that_runs_on_after_its_parent_is_not_said_to_end() -> None:
    """Nobody knows when it will."""
    assert laid(node("r", 0, 1, node("hangs", 0.5, None)), node("x", 0, 9))["hangs"].notes == ()


@pytest.mark.parametrize("duration_s", [math.nan, math.inf, -math.inf, 1e300, -1e300, 1e12])
def test_a_duration_that_no_date_can_hold_is_no_error(duration_s: float) -> None:
    """The critical path is then not known, so none is shown."""
    placed = layout(Trace("t", [node("r", 0, 2, node("bad", 1, duration_s))]), squeeze=True)
    assert placed.axis.end_s == 2.0
    assert all(row.path == () for row in placed.rows)


def test_a_trace_without_spans_or_without_times_is_laid_out_all_the_same() -> None:
    """There is only nothing to place."""
    assert layout(Trace("t", [])).rows == ()
    placed = layout(Trace("t", [node("lost", None, 1)]), squeeze=True)
    assert (placed.start, placed.axis.end_s, len(placed.rows)) == (None, 0.0, 1)
    assert placed.axis.ticks() == [(0.0, "0 s")]


# -- Laws ------------------------------------------------------------------------------------

TIMES = st.none() | st.floats(-50, 50) | st.sampled_from([0.0, 1.0])
DURATIONS = st.none() | st.floats(-1, 50) | st.sampled_from([0.0, math.nan, math.inf, 1e300])


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Return a trace of any shape with any times, broken ones included."""
    made: list[SpanNode] = []
    roots: list[SpanNode] = []
    for number in range(draw(st.integers(0, 15))):
        status = draw(st.sampled_from(["UNSET", "ERROR"]))
        span = node(f"{number}", draw(TIMES), draw(DURATIONS), status=status)
        parent = draw(st.integers(-1, len(made) - 1))
        (roots if parent < 0 else made[parent].children).append(span)
        made.append(span)
    return Trace("t", roots)


@given(traces(), st.booleans())
def test_every_span_has_one_row_and_lies_on_the_axis(trace: Trace, squeeze: bool) -> None:
    """Whatever its times are."""
    placed = layout(trace, squeeze)
    assert [row.span.name for row in placed.rows] == [span.name for span in trace.walk()]
    for row in placed.rows:
        if row.start_s is None or row.end_s is None:
            assert row.span.start_time is None
        else:
            assert 0 <= row.start_s <= row.end_s <= placed.axis.end_s
            assert 0 <= placed.axis.at(row.start_s) <= placed.axis.at(row.end_s) <= 1
        assert all(0 <= left <= right <= 1 for left, right in placed.waits(row))
    places = [at for at, _ in placed.axis.ticks()]
    assert places == sorted(set(places))


@given(traces(), st.integers(1, 20), st.none() | st.integers(0, 4))
def test_what_is_picked_is_a_tree_and_never_too_large(
    trace: Trace, limit: int, max_depth: int | None
) -> None:
    """Nothing is picked without what is above it; if there is room, all is picked."""
    placed = layout(trace)
    picked = placed.pick(limit, max_depth)
    numbers = [row.number for row in picked]
    assert len(picked) <= limit
    assert numbers == sorted(set(numbers))
    assert all(row.parent is None or row.parent in numbers for row in picked)
    if max_depth is None:
        assert len(picked) == min(limit, len(placed.rows)) or len(picked) < limit
        assert limit < len(placed.rows) or len(picked) == len(placed.rows)
    else:
        assert all(row.depth <= max_depth for row in picked)


@given(traces())
def test_the_tree_that_is_drawn_shows_each_depth(trace: Trace) -> None:
    """Three characters a level, and a last child for each parent that has children."""
    rows = layout(trace).rows
    heads = tree_heads(rows)
    assert [len(head) for head in heads] == [3 * row.depth for row in rows]
    parents = {row.parent for row in rows} - {None}
    assert sum(head.endswith("└─ ") for head in heads) == len(parents)


# -- Picking ---------------------------------------------------------------------------------


def names(rows: list[Row]) -> list[str]:
    return [row.span.name for row in rows]


def test_if_there_is_no_room_for_all_failures_come_first_then_the_critical_path() -> None:
    """Each with all that is above it, so that it has its place in the tree."""
    bad = node("around", 0, 1, node("bad", 0, 1, status="ERROR"))
    tree = node("r", 0, 20, node("quick", 0.2, 0.1), bad, node("slow", 1, 19))
    placed = layout(Trace("t", [tree]))
    assert names(placed.pick(1)) == ["r"]
    assert names(placed.pick(3)) == ["r", "around", "bad"]
    assert names(placed.pick(4)) == ["r", "around", "bad", "slow"]
    assert names(placed.pick(5)) == ["r", "quick", "around", "bad", "slow"]


def chain(length: int) -> Trace:
    """Return spans of which each is the parent of the next; the last one failed."""
    here = node("last", 0.5, 0.001, status="ERROR")
    for number in range(length - 1):
        here = node(f"{number}", 0, 1, here)
    return Trace("t", [here])


def test_a_chain_of_five_thousand_spans_is_laid_out_and_cut() -> None:
    """There is no room for the failed one with all above it: the top of the chain is shown."""
    placed = layout(chain(5000))
    assert placed.rows[-1].depth == 4999
    assert [row.depth for row in placed.pick(100)] == list(range(100))
    assert [row.depth for row in placed.pick(100, max_depth=30)] == list(range(31))


def test_a_hundred_thousand_children_are_laid_out_and_cut_around_the_failed_one() -> None:
    """Stretches of the path that no picture can tell apart are one."""
    children = [node(f"{n}", n / 100, 0.009, status="UNSET") for n in range(100_000)]
    children[70_000].status = "ERROR"
    placed = layout(Trace("t", [node("r", 0, 1000, *children)]), squeeze=True)
    assert "70000" in names(placed.pick(50))
    assert len(placed.rows[0].path) > 90_000
    assert len(placed.waits(placed.rows[0])) < 1_000


# -- The axis --------------------------------------------------------------------------------


def test_without_gaps_the_axis_is_to_scale() -> None:
    """Beyond its ends there is nothing."""
    axis = Axis(4.0)
    assert [axis.at(x) for x in (-1, 0, 1, 4, 5)] == [0, 0, 0.25, 1, 1]
    assert axis.ticks() == [(0, "0 s"), (0.25, "1 s"), (0.5, "2 s"), (0.75, "3 s"), (1, "4 s")]


def test_a_long_quiet_stretch_is_squeezed_and_the_rest_gets_its_room() -> None:
    """Half a second, half a minute of silence, half a second."""
    axis = squeezed_axis([0, 0.5, 30.5, 31], 31, usual_s=0.5)
    assert axis.gaps == (Gap(0.5, 30.5),)
    assert axis.kept_s == 1.0
    places = [0, 0.485, 0.5, 0.515, 1]
    assert [axis.at(x) for x in (0, 0.5, 15.5, 30.5, 31)] == pytest.approx(places)


@pytest.mark.parametrize(
    ("moments", "usual_s"),
    [
        ([0, 1, 2, 5], 1.0),  # long, but not five times as long as usual
        ([0, 0.1, 0.6, 100], 100.0),  # all is usual
        ([0, 100], 0.0),  # nothing else is there to be seen
        ([], 0.0),
    ],
)
def test_what_is_no_gap_is_drawn_to_scale(moments: list[float], usual_s: float) -> None:
    """Squeezing must help, or not be done."""
    assert squeezed_axis(moments, max(moments, default=0), usual_s).gaps == ()


def test_a_pause_between_two_steps_is_found_in_a_trace() -> None:
    """Only if asked for."""
    tree = node("r", 0, 62, node("a", 0, 1), node("b", 61, 1))
    assert layout(Trace("t", [tree])).axis.gaps == ()
    assert layout(Trace("t", [tree]), squeeze=True).axis.gaps == (Gap(1.0, 61.0),)


@given(
    st.lists(st.integers(0, 10**9).map(lambda n: n / 1000), max_size=30),
    st.floats(0, 100),
    st.lists(st.floats(-1, 1e6), min_size=2, max_size=9),
)
def test_an_axis_never_turns_back_and_its_gaps_have_their_width(
    moments: list[float], usual_s: float, asked: list[float]
) -> None:
    """Later is further right, whatever is squeezed."""
    end_s = max(moments, default=0.0)
    axis = squeezed_axis(moments, end_s, usual_s)
    places = [axis.at(moment) for moment in sorted(asked)]
    assert all(left <= right + 1e-9 for left, right in pairwise(places))
    for gap in axis.gaps:
        assert axis.at(gap.end_s) - axis.at(gap.start_s) == pytest.approx(SQUEEZED, abs=1e-6)
    if end_s:
        assert axis.at(end_s) == pytest.approx(1)


@given(st.floats(1e-6, 1e9))
def test_ticks_are_few_round_and_carry_their_unit(end_s: float) -> None:
    """From a microsecond to thirty years."""
    ticks = Axis(end_s).ticks()
    assert 2 <= len(ticks) <= 13
    assert all(text.endswith((" s", " ms", " µs")) for _, text in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


def test_short_axes_are_labelled_in_short_units() -> None:
    """Nobody reads 0.00002 s."""
    assert Axis(0.02).ticks()[1][1] == "5 ms"
    assert Axis(0.00002).ticks()[1][1] == "5 µs"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.000 s"),
        (1.5, "1.500 s"),
        (12345.6, "12,345.600 s"),
        (2e-5, "20 µs"),
        (-0.2, "-0.200 s"),
    ],
)
def test_a_duration_as_text_has_its_unit(value: float, text: str) -> None:
    """What rounds to nothing in seconds is told in microseconds."""
    assert seconds(value) == text


# -- A real one ------------------------------------------------------------------------------


def test_the_layout_of_real_traces_adds_up() -> None:
    """Half an hour of the travel desk: nothing odd, and the path covers each run."""
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    faults.set("tool_error", 0.2)
    asyncio.run(obs_helpers.replay(agent, faults, clock, hours=0.5, progress=False))
    ids = obs.store.rows("SELECT trace_id FROM spans WHERE operation = 'invoke_agent'")
    assert len(ids) == 150
    for (trace_id,) in ids:
        placed: Layout = layout(get_trace(trace_id))
        assert all(row.notes == () for row in placed.rows)
        waited_s = sum(row.waited_s for row in placed.rows)
        assert waited_s == pytest.approx(placed.axis.end_s, abs=1e-5)
        path = critical_path(placed.trace)
        assert sum(len(row.path) for row in placed.rows) == len(path)
