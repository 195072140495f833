"""Matchers, routes, silences, inhibition: who hears of an alert, by its labels alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_helpers.alerting.routing import (
    DEFAULT_ROUTE,
    Destination,
    Inhibition,
    Matchers,
    Muting,
    Route,
    Silence,
)

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def silence(match: str, start: datetime = NOW, end: datetime = NOW + MINUTE) -> Silence:
    return Silence(Matchers(match), start, end, "ana", "deploy of the search tool")


# -- Matchers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "labels", "fits"),
    [
        ("", {}, True),
        ("", {"a": "1"}, True),
        ("{}", {"a": "1"}, True),
        ('a="1"', {"a": "1"}, True),
        ('a="1"', {"a": "11"}, False),
        ("a=1", {"a": "1"}, True),
        ('a!="1"', {"a": "2"}, True),
        ('a!="1"', {"a": "1"}, False),
        ('a=~"get_.*"', {"a": "get_weather"}, True),
        ('a=~"get_.*"', {"a": "forget_it"}, False),
        ('a=~"get"', {"a": "get_weather"}, False),
        ('a=~"a|ab"', {"a": "ab"}, True),
        ('a!~"a|ab"', {"a": "abc"}, True),
        ('a!~"get_.*"', {"a": "get_weather"}, False),
        ('a="1", b="2"', {"a": "1", "b": "2"}, True),
        ('a="1", b="2"', {"a": "1", "b": "3"}, False),
        ('{a="1",b=~"2|3",}', {"a": "1", "b": "3"}, True),
        ('a="."', {"a": "x"}, False),
        ('a="one, \\"two\\""', {"a": 'one, "two"'}, True),
        ('a="back\\\\slash\\nline"', {"a": "back\\slash\nline"}, True),
        ('a=~"1\\.5"', {"a": "1.5"}, True),
        ('a=~"1\\.5"', {"a": "1x5"}, False),
        ('gen_ai.tool.name="x"', {"gen_ai.tool.name": "x"}, True),
    ],
)
def test_matchers_test_labels(text: str, labels: dict[str, str], fits: bool) -> None:
    assert Matchers(text).match(labels) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [('a=""', True), ('a!=""', False), ('a!="1"', True), ('a=~"1?"', True), ('a!~".+"', True)],
)
def test_a_missing_label_is_an_empty_one(text: str, fits: bool) -> None:
    assert Matchers(text).match({}) is fits
    assert Matchers(text).match({"a": ""}) is fits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("severity", r"from character 1 on, 'severity': write name=\"value\""),
        ('a="1" b="2"', "from character 1 on"),
        ('a="1", b>"2"', "from character 7 on, ' b>\"2\"'"),
        ('a="1", b=="2"', "from character 7 on"),
        ('a="1', "from character 1 on"),
        ("a=", "from character 1 on"),
        ('="1"', "from character 1 on"),
        ('a="1",, b="2"', "from character 7 on"),
        ('a=~"get_("', r"the regex 'get_\(' for label 'a' is broken: .* at position 4"),
        ('a!~"*"', r"the regex '\*' for label 'a' is broken"),
    ],
)
def test_an_error_points_at_the_problem(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Matchers(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_clear_error(text: str) -> None:
    try:
        Matchers(text).match({"a": text})
    except ValueError as error:
        assert "cannot read" in str(error) or "is broken" in str(error)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_value_can_be_written_in_quotes(value: str, other: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert Matchers(f'a="{quoted}"').match({"a": value})
    assert Matchers(f'a="{quoted}"').match({"a": other}) is (other == value)


# -- Routes ------------------------------------------------------------------------------


def channels(route: Route, **labels: str) -> list[str]:
    return [name for found in route.find(labels) for name in found.channels]


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("critical", ["page", "chat", "log"]),
        ("warning", ["chat", "log"]),
        ("info", ["log"]),
        ("catastrophic", ["chat", "log"]),
        ("", ["chat", "log"]),
    ],
)
def test_the_default_routes_drop_nothing(severity: str, expected: list[str]) -> None:
    assert channels(DEFAULT_ROUTE, alertname="X", severity=severity) == expected


def test_an_alert_without_a_severity_reaches_the_default() -> None:
    assert channels(DEFAULT_ROUTE, alertname="X") == ["chat", "log"]


def test_the_first_matching_child_wins_unless_it_continues() -> None:
    a, also_a, b = Matchers('x=~"a|b"'), Matchers('x="a"'), Matchers('x="b"')
    children = (Route(a, ("1",), continue_=True), Route(also_a, ("2",)), Route(a, ("3",)))
    route = Route(channels=("root",), children=children)
    assert channels(route, x="a") == ["1", "2"]
    assert channels(route, x="b") == ["1", "3"]
    assert channels(route, x="c") == ["root"]
    assert channels(Route(channels=("root",), children=(Route(b),)), x="b") == ["root"]


def test_children_have_what_they_leave_open_from_their_parents() -> None:
    hour = timedelta(hours=1)
    leaf = Route(Matchers('y="1"'), group_wait=MINUTE)
    middle = Route(Matchers('x="1"'), ("b",), repeat_interval=hour, children=(leaf,))
    root = Route(channels=("a",), group_by=("tool",), children=(middle,))
    (found,) = root.find({"x": "1", "y": "1"})
    assert (found.channels, found.group_by) == (("b",), ("tool",))
    assert (found.group_wait, found.repeat_interval) == (MINUTE, hour)
    assert found.group_interval == timedelta(minutes=5)
    assert root.find({"x": "1"})[0].group_wait == timedelta(seconds=30)


def test_no_two_ways_through_the_tree_share_a_key() -> None:
    x, y = Matchers('x="1"'), Matchers('y="1"')
    deep = Route(x, ("a",), children=(Route(y, ("a",)),), continue_=True)
    route = Route(channels=("a",), children=(deep, Route(y, ("a",), continue_=True), Route(x)))
    keys = [found.key for found in route.find({"x": "1", "y": "1"})]
    assert len(keys) == len(set(keys)) == 3


def test_a_group_is_named_by_the_labels_it_is_grouped_by() -> None:
    labels = {"alertname": "X", "tool": "t", "empty": ""}
    assert Destination("", ("a",)).group_labels(labels) == {"alertname": "X"}
    by = Destination("", ("a",), group_by=("tool", "empty", "missing"))
    assert by.group_labels(labels) == {"tool": "t"}
    every = Destination("", ("a",), group_by=("...",))
    assert every.group_labels(labels) == {"alertname": "X", "tool": "t"}


def test_a_route_that_would_drop_or_never_look_is_refused() -> None:
    with pytest.raises(ValueError, match='drops its alerts; send them to "log" at least'):
        Route(channels=())
    with pytest.raises(ValueError, match="group_interval=0:00:00 must be longer than zero"):
        Route(channels=("a",), group_interval=timedelta())
    with pytest.raises(ValueError, match="repeat_interval=-1 day"):
        Route(channels=("a",), repeat_interval=timedelta(days=-1))


# -- Silences ----------------------------------------------------------------------------


def test_a_silence_holds_from_its_start_until_before_its_end() -> None:
    quiet = silence('tool="search"')
    moments = [NOW - timedelta(seconds=1), NOW, NOW + MINUTE * 0.99, NOW + MINUTE]
    assert [quiet.mutes({"tool": "search"}, m) for m in moments] == [False, True, True, False]
    assert not quiet.mutes({"tool": "weather"}, NOW)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"end": NOW}, "which is not after"),
        ({"start": NOW.replace(tzinfo=None)}, "no time zone; add tzinfo=UTC"),
        ({"author": " "}, "needs author and comment"),
        ({"comment": ""}, "needs author and comment"),
        ({"match": Matchers()}, "also matches alerts without labels"),
        ({"match": Matchers('tool!="x"')}, "also matches alerts without labels"),
    ],
    ids=str,
)
def test_a_silence_that_nobody_could_explain_is_refused(
    changes: dict[str, object], message: str
) -> None:
    good = {"match": Matchers('a="1"'), "start": NOW, "end": NOW + MINUTE}
    good |= {"author": "ana", "comment": "deploy"}
    with pytest.raises(ValueError, match=message):
        Silence(**{**good, **changes})  # type: ignore[arg-type]


# -- Inhibition --------------------------------------------------------------------------

CRITICAL_MUTES_WARNING = Inhibition(
    Matchers('severity="critical"'), Matchers('severity="warning"'), equal=("tool",)
)


def muted(rule: Inhibition, target: dict[str, str], *firing: dict[str, str]) -> bool:
    return Muting([], [rule], [target, *firing], NOW).mutes(target)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ({"tool": "x"}, {"tool": "x"}, True),
        ({"tool": "x"}, {"tool": "y"}, False),
        ({"tool": "x"}, {}, False),
        ({}, {"tool": "x"}, False),
        ({}, {}, True),
        ({"tool": ""}, {}, True),
    ],
)
def test_equal_labels_decide_and_missing_equals_empty(
    source: dict[str, str], target: dict[str, str], expected: bool
) -> None:
    source, target = {"severity": "critical"} | source, {"severity": "warning"} | target
    assert muted(CRITICAL_MUTES_WARNING, target, source) is expected


def test_only_a_target_is_muted_and_only_while_a_source_fires() -> None:
    warning, critical = {"severity": "warning"}, {"severity": "critical"}
    assert not muted(CRITICAL_MUTES_WARNING, warning)
    assert not muted(CRITICAL_MUTES_WARNING, critical, warning, {"severity": "critical"})
    assert not muted(CRITICAL_MUTES_WARNING, {"severity": "info"}, critical)


def test_alerts_that_match_both_sides_do_not_mute_each_other() -> None:
    rule = Inhibition(Matchers('a="1"'), Matchers('b="1"'))
    both, twin, source = {"a": "1", "b": "1"}, {"a": "1", "b": "1", "c": "1"}, {"a": "1"}
    assert not muted(rule, both)
    assert not muted(rule, both, twin)
    assert muted(rule, both, twin, source), "a source that is no target does mute it"
    assert muted(rule, {"b": "1"}, both), "a pure target is muted by any source"


_labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2"]), max_size=3)


@given(_labels, st.lists(_labels, max_size=5))
def test_inhibition_is_what_its_definition_says(
    target: dict[str, str], firing: list[dict[str, str]]
) -> None:
    rule = Inhibition(Matchers('a="1"'), Matchers('b=~"1|2"'), equal=("c",))
    expected = rule.target.match(target) and any(
        rule.source.match(source)
        and source.get("c", "") == target.get("c", "")
        and not (rule.source.match(target) and rule.target.match(source))
        for source in [target, *firing]
    )
    assert muted(rule, target, *firing) is expected
