"""The critical path: what a request waited for, moment by moment."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import VirtualClock, get_trace
from obs_helpers.insight.critical_path import critical_path, critical_path_table
from obs_helpers.insight.traces import SpanNode, Trace

START = datetime(2026, 1, 5, 8, tzinfo=UTC).replace(tzinfo=None)
UNIT = timedelta(milliseconds=1)


def node(name: str, start: int, end: int | None, *children: SpanNode) -> SpanNode:
    """Return a span from `start` to `end`, in milliseconds; without an end it still runs."""
    seconds = None if end is None else (end - start) / 1000
    began, status = START + start * UNIT, "RUNNING" if end is None else "UNSET"
    return SpanNode(name, None, name, began, seconds, status, None, {}, children=list(children))


def path(*roots: SpanNode) -> list[tuple[str, float, float]]:
    """Return the path as names with their start and end, in milliseconds."""
    return [
        (s.span.name, (s.start - START) / UNIT, (s.end - START) / UNIT)
        for s in critical_path(Trace("t", list(roots)))
    ]


PATHS: dict[str, tuple[SpanNode, list[tuple[str, int, int]]]] = {
    "a span alone": (node("r", 0, 10), [("r", 0, 10)]),
    "a child in the middle": (
        node("r", 0, 10, node("a", 2, 8)),
        [("r", 0, 2), ("a", 2, 8), ("r", 8, 10)],
    ),
    "back to back": (
        node("r", 0, 10, node("a", 0, 4), node("b", 4, 7), node("c", 7, 10)),
        [("a", 0, 4), ("b", 4, 7), ("c", 7, 10)],
    ),
    "side by side: the last to end counts": (
        node("r", 0, 10, node("quick", 1, 5), node("slow", 1, 9)),
        [("r", 0, 1), ("slow", 1, 9), ("r", 9, 10)],
    ),
    "side by side, ending together: the longer one counts": (
        node("r", 0, 10, node("short", 6, 10), node("long", 0, 10)),
        [("long", 0, 10)],
    ),
    "what began before the other had ended was not waiting for it": (
        node("r", 0, 10, node("a", 0, 6), node("b", 4, 10)),
        [("r", 0, 4), ("b", 4, 10)],
    ),
    "fan out, join, go on": (
        node("r", 0, 20, node("plan", 0, 5), node("t1", 5, 9), node("t2", 5, 14),
             node("answer", 14, 20)),
        [("plan", 0, 5), ("t2", 5, 14), ("answer", 14, 20)],
    ),
    "below a child": (
        node("r", 0, 10, node("a", 1, 9, node("aa", 3, 5), node("ab", 5, 9))),
        [("r", 0, 1), ("a", 1, 3), ("aa", 3, 5), ("ab", 5, 9), ("r", 9, 10)],
    ),
    "a child that ends after its parent is cut there": (
        node("r", 0, 10, node("a", 4, 99)), [("r", 0, 4), ("a", 4, 10)],
    ),
    "a child that starts before its parent is cut there": (
        node("r", 0, 10, node("a", -9, 4)), [("a", 0, 4), ("r", 4, 10)],
    ),
    "a grandchild is cut where the child was": (
        node("r", 0, 10, node("a", 4, 20, node("aa", 6, 30))),
        [("r", 0, 4), ("a", 4, 6), ("aa", 6, 10)],
    ),
    "a child before or after its parent is dropped": (
        node("r", 0, 10, node("before", -5, -1), node("after", 11, 15)), [("r", 0, 10)],
    ),
    "a child that touches its parent from outside is dropped": (
        node("r", 0, 10, node("before", -5, 0), node("after", 10, 15)), [("r", 0, 10)],
    ),
    "spans without any length are no part of it": (
        node("r", 0, 10, node("x", 0, 0), node("a", 0, 4), node("y", 4, 4), node("b", 4, 10),
             node("z", 10, 10)),
        [("a", 0, 4), ("b", 4, 10)],
    ),
    "below a span without any length is nothing": (
        node("r", 0, 10, node("x", 5, 5, node("xx", 3, 7))), [("r", 0, 10)],
    ),
    "nothing at all": (node("r", 3, 3, node("a", 3, 3)), []),
    "a child that ended before it began is dropped": (
        node("r", 0, 10, node("a", 6, 4)), [("r", 0, 10)],
    ),
    "a child that still runs holds up its parent to the end": (
        node("r", 0, 10, node("a", 2, 5), node("hangs", 4, None)), [("r", 0, 4), ("hangs", 4, 10)],
    ),
    "a root that still runs ends with the last thing known": (
        node("r", 0, None, node("a", 2, 5), node("b", 6, 8)),
        [("r", 0, 2), ("a", 2, 5), ("r", 5, 6), ("b", 6, 8)],
    ),
    "that may be the start of a span": (
        node("r", 0, None, node("a", 2, 5), node("b", 9, None)),
        [("r", 0, 2), ("a", 2, 5), ("r", 5, 9)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PATHS)
def test_the_path_of_a_known_tree_is_exactly_this(name: str) -> None:
    """Each case is one rule."""
    tree, wanted = PATHS[name]
    assert path(tree) == wanted


def test_of_several_roots_it_is_the_path_of_the_one_that_started_first() -> None:
    """Whatever their order in the list, and whichever is the longest."""
    roots = node("late", 5, 90), node("early", 1, 4), node("later", 6, 8)
    assert path(*roots) == [("early", 1, 4)]


def test_a_trace_without_spans_has_no_path() -> None:
    """Neither has its table any rows."""
    assert critical_path(Trace("t", [])) == []
    assert critical_path_table(Trace("t", [])).empty


def test_spans_that_do_not_say_when_they_started_are_passed_over() -> None:
    """Broken data is no reason to fail."""
    lost: Any = node("lost", 0, 50)
    lost.start_time = None
    assert path(node("r", 0, 10, lost, node("a", 2, 10))) == [("r", 0, 2), ("a", 2, 10)]
    assert path(lost) == []


# -- Laws ----------------------------------------------------------------------------------

MOMENTS = st.integers(-3, 15)


@st.composite
def trees(draw: st.DrawFn) -> SpanNode:
    """Return a root with children and grandchildren anywhere, a few of them running."""
    names = iter(range(1000))

    def one(depth: int) -> SpanNode:
        start = draw(MOMENTS)
        end = draw(st.none() | st.integers(start, 18))
        children = [one(depth - 1) for _ in range(draw(st.integers(0, 4)))] if depth else []
        return node(f"{next(names)}", start, end, *children)

    root = one(2)
    root.start_time, root.duration_s = START, draw(st.integers(0, 15)) / 1000
    return root


@given(trees())
def test_the_segments_cover_the_root_once_and_only_while_their_span_runs(root: SpanNode) -> None:
    """They touch, they add up to the root, and none lies outside of its span."""
    segments = critical_path(Trace("t", [root]))
    edges = [root.start_time, *(segment.end for segment in segments)]
    assert [segment.start for segment in segments] == edges[:-1]
    assert edges[-1] == root.end_time
    assert sum(segment.duration_s for segment in segments) == pytest.approx(root.duration_s)
    for segment in segments:
        assert segment.duration_s > 0
        assert segment.start >= segment.span.start_time
        assert segment.span.end_time is None or segment.end <= segment.span.end_time


@given(trees())
def test_neighbours_on_the_path_are_different_spans(root: SpanNode) -> None:
    """A stretch is told once, not in pieces."""
    names = [name for name, _, _ in path(root)]
    assert all(one != other for one, other in pairwise(names))


@given(trees())
def test_without_the_spans_that_are_not_on_it_the_path_is_the_same(root: SpanNode) -> None:
    """That is what makes it the path to work on: all else can go and nothing is faster."""
    before = path(root)
    on_path = {name for name, _, _ in before}

    def prune(span: SpanNode) -> bool:
        span.children = [child for child in span.children if prune(child)]
        return bool(span.children) or span.name in on_path

    prune(root)
    assert path(root) == before


@given(trees())
def test_spans_of_a_few_microseconds_keep_the_law_as_far_as_rounding_lets_them(
    root: SpanNode,
) -> None:
    """Ends that lie a microsecond apart count as one moment."""
    for span in Trace("t", [root]).walk():
        span.start_time = START + (span.start_time - START) / 1000
        span.duration_s = None if span.duration_s is None else span.duration_s / 1000
    segments = critical_path(Trace("t", [root]))
    edges = [root.start_time, *(segment.end for segment in segments)]
    assert [segment.start for segment in segments] == edges[:-1]
    assert edges[-1] == root.end_time
    for segment in segments:
        assert segment.start < segment.end
        assert segment.start >= segment.span.start_time
        end = segment.span.end_time or segment.end
        assert segment.end <= end + timedelta(microseconds=1)


# -- Size ----------------------------------------------------------------------------------


def test_a_chain_of_five_thousand_spans_is_followed_to_its_end() -> None:
    """Each waits half a millisecond before the next begins; the last does the rest."""
    root = here = node("0", 0, 20_000)
    for n in range(1, 5000):
        here.children = [node(str(n), n, 20_000 - n)]
        here = here.children[0]
    found = path(root)
    assert len(found) == 9999
    assert found[4999] == ("4999", 4999, 15_001)


def test_a_span_with_twenty_thousand_children_is_no_trouble() -> None:
    """Half of them, every other one, were waited for."""
    steps = [node(f"on {n}", 2 * n, 2 * n + 2) for n in range(10_000)]
    beside = [node(f"off {n}", 2 * n, 2 * n + 1) for n in range(10_000)]
    found = path(node("r", 0, 20_000, *beside, *steps))
    assert [name for name, _, _ in found] == [f"on {n}" for n in range(10_000)]


# -- For the notebook ----------------------------------------------------------------------


def test_the_table_adds_up_what_each_span_contributes() -> None:
    """One row for each span, in the order they come up; the shares make one."""
    root = node("r", 0, 10, node("chat", 1, 3), node("tool", 3, 5), node("chat", 6, 10))
    root.children[2].span_id = "another"
    table = critical_path_table(Trace("t", [root]))
    assert table.columns.tolist() == ["span", "on_path_s", "share"]
    assert table["span"].tolist() == ["r", "chat", "tool", "chat"]
    assert table["on_path_s"].tolist() == pytest.approx([0.002, 0.002, 0.002, 0.004])
    assert table["share"].tolist() == pytest.approx([0.2, 0.2, 0.2, 0.4])


def test_a_segment_shows_its_name_and_seconds_but_not_what_is_below() -> None:
    """A notebook prints lists of them."""
    segments = critical_path(Trace("t", [node("r", 0, 1500, node("a", 0, 250))]))
    assert repr(segments) == "[<Segment 'a' 0.250 s>, <Segment 'r' 1.250 s>]"


def test_an_agent_that_only_waits_has_no_time_of_its_own_on_the_path() -> None:
    """In virtual time all time is model and tools, whatever rounding does to their ends."""
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    asyncio.run(obs_helpers.replay(agent, faults, clock, hours=0.5, progress=False))
    ids = obs.store.rows("SELECT trace_id FROM spans WHERE operation = 'invoke_agent'")
    assert len(ids) == 150
    for (trace_id,) in ids:
        trace = get_trace(trace_id)
        segments = critical_path(trace)
        assert {s.span.operation for s in segments} <= {"chat", "execute_tool"}
        whole_s = sum(s.duration_s for s in segments)
        assert whole_s == pytest.approx(trace.roots[0].duration_s, abs=1e-6)
