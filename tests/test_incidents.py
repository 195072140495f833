"""Incidents: what opens one, who is paged when, what people may say, and how it ends."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_helpers import VirtualClock
from obs_helpers.alerting.alert import NAME, SEVERITY, Alert, State
from obs_helpers.alerting.incident import Incident, IncidentError, Page, Status
from obs_helpers.alerting.incidents import QUIET_S, Incidents
from obs_helpers.alerting.oncall import Level, OnCall, Override

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)  # a Monday
MINUTE = 60.0


def alert(
    name: str = "AgentHighErrorRate", state: State = State.FIRING, severity: str = "critical"
) -> Alert:
    return Alert({NAME: name, SEVERITY: severity}, state, {"summary": f"{name} is high"}, 0.2)


class Desk:
    """Incidents on a virtual clock, and everybody who was paged."""

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock(START)
        self.pages: list[tuple[float, str]] = []
        self.incidents = Incidents(self.clock, page=self._page, **options)

    def _page(self, page: Page, incident: Incident) -> None:
        self.pages.append((self.clock.monotonic() / MINUTE, page.level))

    def after(self, minutes: float, *alerts: Alert) -> Incident | None:
        """Let a minute pass at a time, with the same alerts at each."""
        for _ in range(int(minutes)):
            self.clock.advance(MINUTE)
            self.incidents.update(alerts)
        return self.incidents.open

    def opened(self, *alerts: Alert) -> Incident:
        incident = self.incidents.update(alerts or [alert()])
        assert incident is not None
        return incident


def told(incident: Incident) -> list[str]:
    return [entry.what for entry in incident.entries]


# -- What opens an incident, and what joins it ---------------------------------------------


@pytest.mark.parametrize(
    ("given_alert", "opens"),
    [
        (alert(), True),
        (alert(state=State.RECOVERING), True),
        (alert(state=State.PENDING), False),
        (alert(state=State.RESOLVED), False),
        (alert(severity="warning"), False),
    ],
)
def test_only_a_critical_alert_that_fires_opens_an_incident(
    given_alert: Alert, opens: bool
) -> None:
    desk = Desk()
    assert (desk.incidents.update([given_alert]) is not None) is opens
    assert len(desk.incidents.history) == opens


def test_other_severities_open_one_where_that_is_wanted() -> None:
    desk = Desk(opened_by=("critical", "warning"))
    assert desk.opened(alert(severity="warning")).title == "AgentHighErrorRate"


def test_whatever_fires_while_one_is_open_joins_it() -> None:
    desk = Desk()
    tools = alert("AgentToolFailing", severity="warning")
    first = desk.opened(tools, alert())
    assert first.title == "AgentHighErrorRate"  # a warning alone would not have opened it
    waits = alert("AgentSlowResponse", State.PENDING)
    assert desk.after(2, tools, alert(), alert("AgentStuck"), waits) is first
    assert {a.name for a in first.firing} == {
        "AgentToolFailing",
        "AgentHighErrorRate",
        "AgentStuck",
    }
    assert told(first).count("AgentStuck fires: AgentStuck is high") == 1
    assert [level for _, level in desk.pages] == ["primary"]


def test_the_same_alert_is_told_once_when_it_fires_and_once_when_it_ends() -> None:
    desk = Desk()
    incident = desk.opened()
    desk.after(3, alert())
    desk.after(3, alert(state=State.RESOLVED))
    desk.after(1, alert())
    assert [what for what in told(incident) if what.startswith("Agent")] == [
        "AgentHighErrorRate fires: AgentHighErrorRate is high",
        "AgentHighErrorRate has ended",
        "AgentHighErrorRate fires: AgentHighErrorRate is high",
    ]


def test_an_alert_that_is_told_no_longer_has_ended() -> None:
    desk = Desk()
    incident = desk.opened()
    desk.after(1)
    assert incident.firing == []
    assert told(incident)[-1] == "AgentHighErrorRate has ended"


def test_after_one_is_resolved_the_next_alert_opens_another() -> None:
    desk = Desk()
    first = desk.opened()
    desk.after(20)
    second = desk.opened()
    assert second is not first
    assert [i.id for i in desk.incidents.history] == ["2026-01-05-1", "2026-01-05-2"]


def test_people_can_declare_one_that_no_alert_saw() -> None:
    desk = Desk()
    incident = desk.incidents.declare("invented answers", by="support")
    assert told(incident) == ["declared: invented answers", "paged primary (primary)"]
    assert {str(entry.evidence) for entry in incident.entries} == {"note 1"}
    desk.after(2 * QUIET_S / MINUTE)  # nothing ever fired, so silence says nothing
    assert desk.incidents.open is incident
    with pytest.raises(IncidentError, match=r"2026-01-05-1 is open; add a note .*'another'"):
        desk.incidents.declare("another", by="support")
    assert len(desk.incidents.history) == 1


# -- Escalation ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("acknowledged_after", "pages"),
    [
        (0, [(0, "primary")]),
        (4, [(0, "primary")]),
        (5, [(0, "primary"), (5, "secondary")]),
        (14, [(0, "primary"), (5, "secondary")]),
        (60, [(0, "primary"), (5, "secondary"), (15, "lead")]),
    ],
)
def test_the_next_level_is_paged_until_somebody_acknowledges(
    acknowledged_after: int, pages: list[tuple[float, str]]
) -> None:
    desk = Desk()
    incident = desk.opened()
    desk.after(acknowledged_after, alert())
    incident.acknowledge("primary")
    desk.after(60, alert())
    assert desk.pages == pages
    assert [(p.at - START, p.who) for p in incident.pages] == [
        (timedelta(minutes=minute), level) for minute, level in pages
    ]


def test_a_late_tick_pages_all_who_are_due_in_their_order() -> None:
    desk = Desk()
    desk.opened()
    desk.clock.advance(20 * MINUTE)
    desk.incidents.tick()
    assert desk.pages == [(0, "primary"), (20, "secondary"), (20, "lead")]


def test_nobody_more_is_paged_for_what_is_over() -> None:
    desk = Desk()
    desk.opened()
    desk.after(4, alert())
    desk.after(10, alert(state=State.RESOLVED))
    assert [level for _, level in desk.pages] == ["primary"]
    desk.after(1, alert())
    assert [level for _, level in desk.pages] == ["primary", "secondary", "lead"]


def test_a_page_that_cannot_be_sent_breaks_nothing_and_is_noted() -> None:
    def broken(page: Page, incident: Incident) -> None:
        raise ConnectionError("key=abc")

    desk = Desk()
    desk.incidents.page = broken
    incident = desk.opened()
    desk.after(5, alert())
    assert desk.incidents.page_errors == 2
    assert "page of secondary failed: ConnectionError" in told(incident)
    assert "key=abc" not in str(incident.entries)
    assert incident.status is Status.OPEN


def test_whoever_is_paged_can_acknowledge_at_once() -> None:
    desk = Desk()
    desk.incidents.page = lambda page, incident: incident.acknowledge(page.who)
    incident = desk.opened()
    desk.after(30, alert())
    assert [page.level for page in incident.pages] == ["primary"]
    assert told(incident)[-2:] == ["paged primary (primary)", "acknowledged"]


# -- Steps ---------------------------------------------------------------------------------

STEPS: dict[str, Callable[[Incident], None]] = {
    "acknowledge": lambda incident: incident.acknowledge("primary"),
    "mitigate": lambda incident: incident.mitigate("primary", "switched the fault off"),
    "resolve": lambda incident: incident.resolve("primary"),
}


@pytest.mark.parametrize(
    ("taken", "wrong", "message"),
    [
        ([], "mitigate", "is open; only what is acknowledged can be mitigated"),
        ([], "resolve", "is open; only what is acknowledged or mitigated can be resolved"),
        (["acknowledge"], "acknowledge", "is acknowledged; only what is open can be acknowledged"),
        (["acknowledge", "mitigate"], "mitigate", "is mitigated; only what is acknowledged can"),
        (["acknowledge", "mitigate"], "acknowledge", "is mitigated; only what is open can"),
        (["acknowledge", "resolve"], "resolve", "is resolved; only what is acknowledged or"),
        (["acknowledge", "resolve"], "mitigate", "is resolved; only what is acknowledged can"),
    ],
)
def test_a_wrong_step_says_what_comes_before_and_changes_nothing(
    taken: list[str], wrong: str, message: str
) -> None:
    desk = Desk()
    incident = desk.opened()
    desk.after(1)  # the alert has ended, so that resolving is not forbidden for that
    for step in taken:
        STEPS[step](incident)
    before = dict(incident.reached), list(incident.entries)
    with pytest.raises(IncidentError, match=message):
        STEPS[wrong](incident)
    assert (incident.reached, incident.entries) == before


@pytest.mark.parametrize("mitigated", [True, False])
def test_a_person_resolves_it_with_or_without_a_mitigation(mitigated: bool) -> None:
    desk = Desk()
    incident = desk.opened()
    desk.after(2, alert())
    incident.acknowledge("primary")
    desk.after(2, alert())
    if mitigated:
        incident.mitigate("primary", "switched the fault off")
    desk.after(3)
    incident.resolve("primary")
    assert incident.status is Status.RESOLVED
    assert desk.incidents.open is None
    times = incident.times(START - timedelta(seconds=90))
    assert (times.detect_s, times.acknowledge_s, times.resolve_s) == (90, 120, 420)
    assert times.mitigate_s == (240 if mitigated else None)
    assert ("mitigated: switched the fault off" in told(incident)) is mitigated


def test_nobody_can_resolve_it_while_an_alert_fires() -> None:
    desk = Desk()
    incident = desk.opened(alert(), alert("AgentStuck"))
    incident.acknowledge("primary")
    desk.after(1, alert("AgentStuck", State.RECOVERING))
    with pytest.raises(IncidentError, match="cannot be resolved: AgentStuck still fires"):
        incident.resolve("primary")
    assert incident.status is Status.ACKNOWLEDGED


@pytest.mark.parametrize("steps", [[], ["acknowledge"], ["acknowledge", "mitigate"]])
def test_it_resolves_by_itself_after_a_quiet_time(steps: list[str]) -> None:
    desk = Desk()
    incident = desk.opened()
    for step in steps:
        STEPS[step](incident)
    desk.after(10, alert())
    desk.after(1 + 14, alert(state=State.RESOLVED))
    assert desk.incidents.open is incident
    desk.after(1)
    assert desk.incidents.open is None
    assert incident.reached[Status.RESOLVED] == START + timedelta(minutes=26)
    assert told(incident)[-1] == "resolved by itself: no alert fires any more"


def test_the_quiet_time_starts_anew_when_an_alert_fires_again() -> None:
    desk = Desk()
    incident = desk.opened()
    desk.after(10)
    desk.after(1, alert())
    desk.after(1 + 14)
    assert desk.incidents.open is incident
    desk.after(1)
    assert desk.incidents.open is None


# -- Times ---------------------------------------------------------------------------------


def test_what_is_not_known_is_none_and_not_zero() -> None:
    times = Desk().opened().times()
    assert (times.detect_s, times.acknowledge_s, times.mitigate_s, times.resolve_s) == (None,) * 4


def test_steps_and_notes_can_be_written_down_later() -> None:
    desk = Desk()
    incident = desk.opened()
    desk.after(10, alert())
    incident.note("a new prompt was deployed", at=START - timedelta(hours=1))
    incident.acknowledge("primary", at=datetime(2026, 1, 5, 8, 3))  # noqa: DTZ001
    assert incident.times().acknowledge_s == 180
    incident.mitigate("primary", at=START + timedelta(minutes=3))
    assert [entry.at for entry in incident.entries[-3:]] == [
        START - timedelta(hours=1), *[START + timedelta(minutes=3)] * 2
    ]  # fmt: skip


@pytest.mark.parametrize("minutes", [-1, 1, 11])
def test_a_step_at_a_time_that_cannot_be_is_refused(minutes: int) -> None:
    desk = Desk()
    incident = desk.opened()
    desk.after(5, alert())
    incident.acknowledge("primary", at=START + timedelta(minutes=2))
    desk.after(5, alert())
    at = START + timedelta(minutes=minutes)
    with pytest.raises(IncidentError, match=r"give a time from .* 08:02.*, up to .* 08:10"):
        incident.mitigate("primary", at=at)
    assert incident.status is Status.ACKNOWLEDGED


def test_a_note_from_the_future_is_refused() -> None:
    incident = Desk().opened()
    with pytest.raises(IncidentError, match="give a time, up to 2026-01-05 08:00"):
        incident.note("later", at=START + timedelta(seconds=1))
    assert "later" not in told(incident)


def test_an_alert_that_comes_back_does_not_move_the_first_breach() -> None:
    desk = Desk()
    incident = desk.opened(replace(alert(), active_at=START - timedelta(minutes=2)))
    desk.after(1)
    desk.after(1, replace(alert(), active_at=START + timedelta(minutes=1)))
    assert incident.breached_at == START - timedelta(minutes=2)


class SetBack(VirtualClock):
    """A wall clock that somebody sets back; seconds go on."""

    back_s = 0

    def time_ns(self) -> int:
        return super().time_ns() - self.back_s * 1_000_000_000


def test_a_wall_clock_that_is_set_back_gives_no_negative_times_and_no_early_pages() -> None:
    clock = SetBack(START)
    incidents = Incidents(clock)
    incident = incidents.update([alert()])
    assert incident is not None
    clock.back_s = 3600
    clock.advance(5 * MINUTE)
    incidents.update([alert()])
    assert [page.level for page in incident.pages] == ["primary", "secondary"]
    incident.acknowledge("secondary")
    incidents.update([])
    clock.advance(QUIET_S)
    incidents.update([])
    times = incident.times(START + timedelta(seconds=1))
    assert (times.detect_s, times.acknowledge_s, times.resolve_s) == (None, 0, 0)


# -- On call -------------------------------------------------------------------------------

ROTATION = Level("primary", rotation=("team-a", "team-b", "team-c"))


@pytest.mark.parametrize(
    ("days", "who"),
    [(0, "team-a"), (6.99, "team-a"), (7, "team-b"), (20, "team-c"), (21, "team-a"),
     (-0.01, "team-c")],
)  # fmt: skip
def test_the_rotation_hands_over_each_week(days: float, who: str) -> None:
    on_call = OnCall([ROTATION, Level("lead", timedelta(minutes=15))], START)
    assert on_call.who("primary", START + timedelta(days=days)) == who
    assert on_call.who("lead", START + timedelta(days=days)) == "lead"


def test_the_later_of_two_overrides_counts_from_its_start_to_before_its_end() -> None:
    hours = [START + timedelta(hours=n) for n in range(4)]
    on_call = OnCall(
        [ROTATION],
        START,
        [Override("primary", "stand-in", hours[0], hours[3]),
         Override("primary", "second stand-in", hours[1], hours[2])],
    )  # fmt: skip
    assert [on_call.who("primary", hour) for hour in hours] == [
        "stand-in", "second stand-in", "stand-in", "team-a"
    ]  # fmt: skip


def test_who_is_on_call_is_asked_at_the_time_of_the_page() -> None:
    clock = VirtualClock(START + timedelta(days=7) - timedelta(minutes=1))
    second = Level("secondary", timedelta(minutes=5), ROTATION.rotation)
    incidents = Incidents(clock, OnCall([ROTATION, second], START))
    incident = incidents.update([alert()])
    clock.advance(5 * MINUTE)
    incidents.update([alert()])
    assert incident is not None
    assert [page.who for page in incident.pages] == ["team-a", "team-b"]


NAIVE = START.replace(tzinfo=None)
WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: OnCall([]), "give at least one"),
    (lambda: OnCall([Level("a"), Level("a")]), "each with its own name"),
    (lambda: OnCall([Level("a", timedelta(1)), Level("b")]), "let the times ascend"),
    (lambda: OnCall([Level("a", -timedelta(1))]), "let the times ascend"),
    (lambda: OnCall([ROTATION]), "a rotation needs a start"),
    (lambda: OnCall([ROTATION], NAIVE), "start=.* has no time zone; add tzinfo=UTC"),
    (lambda: OnCall().who("boss", START), "no level 'boss'; there are primary, secondary, lead"),
    (lambda: OnCall().who("lead", NAIVE), "at=.* has no time zone"),
    (lambda: OnCall(overrides=[Override("boss", "x", START, START)]), "no level 'boss'"),
    (lambda: OnCall(overrides=[Override("lead", "x", START, START)]), "not after its start"),
    (lambda: OnCall(overrides=[Override("lead", "x", START, NAIVE)]), "end=.* has no time zone"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_a_schedule_that_contradicts_itself_is_refused(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# -- Whatever happens ----------------------------------------------------------------------

_ALERTS = st.lists(
    st.builds(
        alert,
        st.sampled_from(("A", "B", "C")),
        st.sampled_from(list(State)),
        st.sampled_from(("critical", "warning")),
    ),
    max_size=4,
    unique_by=lambda a: a.fingerprint,
)
_MOVES = st.lists(st.one_of(_ALERTS, st.sampled_from(sorted(STEPS)), st.integers(0, 1200)))


@given(_MOVES)
def test_whatever_happens_incidents_come_one_by_one_and_each_goes_forward_only(
    moves: Sequence[list[Alert] | str | int],
) -> None:
    desk = Desk()
    incidents = desk.incidents
    for move in moves:
        if isinstance(move, list):
            incidents.update(move)
        elif isinstance(move, int):
            desk.clock.advance(move)
            incidents.tick()
        elif incidents.open is not None:
            try:
                STEPS[move](incidents.open)
            except IncidentError:
                continue
    ends = [i.reached.get(Status.RESOLVED) for i in incidents.history]
    assert None not in ends[:-1]
    order = list(Status)
    for incident in incidents.history:
        assert list(incident.reached) == sorted(incident.reached, key=order.index)
        assert list(incident.reached.values()) == sorted(incident.reached.values())
        assert len({page.level for page in incident.pages}) == len(incident.pages) <= 3
        assert all(entry.evidence.id and entry.at.tzinfo for entry in incident.entries)
        assert incident.alerts
