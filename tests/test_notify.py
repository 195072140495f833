"""The notifier: Alertmanager's timing and decisions, to the second, on a virtual clock."""

import asyncio
import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import VirtualClock
from obs_helpers.alerting import notify
from obs_helpers.alerting.alert import Alert, State
from obs_helpers.alerting.channels import LogChannel
from obs_helpers.alerting.delivery import Channel, DeliveryError
from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.alerting.groups import Message, must_send
from obs_helpers.alerting.notification import MAX_LISTED, Notification
from obs_helpers.alerting.notify import Notifier, handle_alert
from obs_helpers.alerting.routing import Inhibition, Matchers, Route, Silence
from obs_helpers.signals import logs

EVERYWHERE = Route(channels=("chat",), group_by=("group",))
HOUR = 3600


def alert(name: str, state: State = State.FIRING, **labels: str) -> Alert:
    labels = {"alertname": name, "severity": "critical"} | labels
    return Alert(labels, state, {"summary": f"{name} is above its threshold"}, value=0.25)


def at(text: str) -> int:
    """Return the seconds of `m:ss` or `h:mm:ss`."""
    seconds = 0
    for part in text.split(":"):
        seconds = 60 * seconds + int(part)
    return seconds


class Recorder(Channel):
    """Keeps what it gets; fails as often as it is told to."""

    blocking = False
    max_per_hour = None

    def __init__(self, name: str = "chat", failures: int = 0) -> None:
        self.name, self.failures, self.got = name, failures, list[Notification]()

    def send(self, notification: Notification) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise DeliveryError("answered 500")
        self.got.append(notification)


class World:
    """A notifier with one recording channel, looked at every ten seconds."""

    def __init__(self, channel: Channel | None = None, route: Route = EVERYWHERE, **more: Any):
        self.clock = VirtualClock()
        self.start = datetime.fromtimestamp(self.clock.time_ns() / 1e9, UTC)
        self.channel = channel or Recorder()
        self.notifier = Notifier([self.channel], route, clock=self.clock, **more)
        self.firing: dict[str, Alert] = {}

    def play(self, events: str, until: str) -> list[str]:
        """Play `+A 0:00, -A 6:00` (fires, resolves); return what was sent, and when."""
        plan: dict[int, list[str]] = {}
        for event in filter(None, events.split(", ")):
            change, when = event.split()
            plan.setdefault(at(when), []).append(change)
        while (now := round(self.clock.monotonic())) <= at(until):
            for change in plan.get(now, []):
                if change[0] == "+":
                    self.firing[change[1:]] = alert(change[1:], group="g")
                else:
                    del self.firing[change[1:]]
            self.notifier.update(self.firing.values())
            self.clock.advance(10)
        return self.sent()

    def sent(self) -> list[str]:
        assert isinstance(self.channel, Recorder)
        return [self._line(note) for note in self.channel.got]

    def _line(self, note: Notification) -> str:
        seconds = round((note.at - self.start).total_seconds())
        hours, minutes = divmod(seconds // 60, 60)
        head = f"{hours}:{minutes:02}:{seconds % 60:02}"
        kinds = {"firing": note.firing, "resolved": note.resolved, "muted": note.muted}
        parts = [f"{'+'.join(a.name for a in found)} {k}" for k, found in kinds.items() if found]
        return f"{head} {', '.join(parts)}"

    def silence(self, match: str, start: str, end: str) -> None:
        times = (self.start + timedelta(seconds=at(t)) for t in (start, end))
        self.notifier.silences.append(Silence(Matchers(match), *times, "ana", "deploy"))


# -- The vectors of Alertmanager's timing ---------------------------------------------------


@pytest.mark.parametrize(
    ("events", "until", "sent"),
    [
        ("+A 0:00, -A 0:20", "1:00:00", []),
        (
            "+A 0:00, +B 2:00, -A 7:00",
            "4:20:00",
            [
                "0:00:30 A firing",
                "0:05:30 A+B firing",
                "0:10:30 B firing, A resolved",
                "4:15:30 B firing",  # at 4:10:30 the age is exactly 4 h, not older
            ],
        ),
        ("+A 0:00, -A 6:00", "9:00:00", ["0:00:30 A firing", "0:10:30 A resolved"]),
        ("+A 0:00, -A 6:00, +A 8:00", "4:00:30", ["0:00:30 A firing"]),
        # A new group after everything ended waits again.
        (
            "+A 0:00, -A 1:00, +A 20:00",
            "30:00",
            ["0:00:30 A firing", "0:05:30 A resolved", "0:20:30 A firing"],
        ),
        # Came and went between two looks, while another fires: by rule 4 that is told.
        (
            "+A 0:00, +B 1:00, -B 2:00",
            "30:00",
            ["0:00:30 A firing", "0:05:30 A firing, B resolved"],
        ),
    ],
)
def test_the_vectors_hold_to_the_second(events: str, until: str, sent: list[str]) -> None:
    assert World().play(events, until) == sent


def test_without_send_resolved_ends_are_not_told_but_not_forgotten() -> None:
    channel = Recorder()
    channel.send_resolved = False
    world = World(channel)
    sent = world.play("+A 0:00, +B 0:00, -A 7:00, +A 20:00", "4:10:00")
    assert sent == ["0:00:30 A+B firing", "4:05:30 A+B firing"]


def test_without_send_resolved_the_log_is_cleared_when_all_has_ended() -> None:
    channel = Recorder()
    channel.send_resolved = False
    sent = World(channel).play("+A 0:00, -A 6:00, +A 15:00", "30:00")
    assert sent == ["0:00:30 A firing", "0:15:30 A firing"]


A, B = frozenset("A"), frozenset("B")
NONE: frozenset[str] = frozenset()


def told(believed: Collection[str], resolved: Collection[str] = ()) -> Message:
    believed = frozenset(believed)
    return Message(believed, frozenset(resolved), NONE, believed, timedelta())


@pytest.mark.parametrize(
    ("last", "firing", "resolved", "muted", "repeat", "send_resolved", "expected"),
    [
        (None, A, NONE, NONE, False, True, True),
        (None, NONE, A, NONE, True, True, False),
        (None, NONE, NONE, A, True, True, False),
        (told("A"), A | B, NONE, NONE, False, True, True),
        (told("AB"), A, NONE, NONE, False, True, False),
        (told("A"), NONE, A, NONE, False, True, True),
        (told("A"), NONE, A, NONE, False, False, True),
        (told(""), NONE, A, NONE, True, True, False),
        (told("AB"), A, B, NONE, False, True, True),
        (told("AB"), A, B, NONE, False, False, False),
        (told("A", "B"), A, B, NONE, False, True, False),
        (told("A"), A, NONE, NONE, False, True, False),
        (told("A"), A, NONE, NONE, True, True, True),
        (told("A"), NONE, NONE, A, True, True, False),
        (told("AB"), NONE, B, A, False, True, True),
        (told("B"), A, NONE, NONE, False, True, True),
    ],
)
def test_the_decision_table(
    last: Message | None,
    firing: frozenset[str],
    resolved: frozenset[str],
    muted: frozenset[str],
    repeat: bool,
    send_resolved: bool,
    expected: bool,
) -> None:
    assert must_send(last, firing, resolved, muted, repeat, send_resolved) is expected


# -- Grouping ------------------------------------------------------------------------------


def test_five_hundred_alerts_of_one_group_are_one_message() -> None:
    world = World()
    alerts = [alert("AgentHighErrorRate", group="g", session=str(n)) for n in range(500)]
    for _ in range(60):
        world.notifier.update(alerts)
        world.clock.advance(10)
    assert isinstance(world.channel, Recorder)
    (note,) = world.channel.got
    assert note.title == "[FIRING:500] AgentHighErrorRate (critical)"
    assert f"firing: {500 - MAX_LISTED} more" in note.text
    assert note.to_dict()["counts"]["firing"] == 500
    assert len(note.to_dict()["firing"]) == MAX_LISTED


def test_five_hundred_evaluations_of_one_alert_are_one_page() -> None:
    page, chat = Recorder("page"), Recorder("chat")
    clock = VirtualClock()
    notifier = Notifier([page, chat, LogChannel()], clock=clock)
    for n in range(500):
        notifier.update([replace(alert("AgentHighErrorRate"), value=float(n))])
        clock.advance(1)
    assert [len(page.got), len(chat.got)] == [1, 1]


def test_groups_keep_apart_and_each_label_set_can_be_one() -> None:
    for group_by, titles in [
        (("tool",), ["[FIRING:2] X, Y (critical)", "[FIRING:1] X (critical)"]),
        (("alertname",), ["[FIRING:2] X (critical)", "[FIRING:1] Y (critical)"]),
        (("...",), ["[FIRING:1] X (critical)"] * 2 + ["[FIRING:1] Y (critical)"]),
    ]:
        world = World(route=Route(channels=("chat",), group_by=group_by))
        found = [alert("X", tool="a"), alert("X", tool="b"), alert("Y", tool="a")]
        world.notifier.update(found)
        world.clock.advance(30)
        world.notifier.tick()
        assert isinstance(world.channel, Recorder)
        assert sorted(n.title for n in world.channel.got) == sorted(titles)
        ids = [n.group_id for n in world.channel.got]
        assert len(set(ids)) == len(ids)


def test_a_group_keeps_its_id_from_trigger_to_resolve() -> None:
    world = World()
    world.play("+A 0:00, -A 1:00, +A 20:00", "21:00")
    assert isinstance(world.channel, Recorder)
    assert len({note.group_id for note in world.channel.got}) == 1
    assert [note.status for note in world.channel.got] == ["firing", "resolved", "firing"]


def test_recovering_is_firing_and_pending_is_nothing() -> None:
    world = World()
    for state, seconds in [(State.PENDING, 600), (State.FIRING, 300), (State.RECOVERING, 600)]:
        for _ in range(seconds // 10):
            world.notifier.update([alert("A", state, group="g")])
            world.clock.advance(10)
    assert world.sent() == ["0:10:30 A firing"]


def test_ended_alerts_that_the_engine_keeps_sending_are_told_once() -> None:
    world = World()
    world.play("+A 0:00", "1:00")
    for _ in range(180):
        world.notifier.update([alert("A", State.RESOLVED, group="g")])
        world.clock.advance(10)
    assert world.sent() == ["0:00:30 A firing", "0:05:30 A resolved"]


def test_what_happened_is_told_as_it_stands_now() -> None:
    world = World()
    world.notifier.update([alert("A", group="g")])
    world.clock.advance(30)
    world.notifier.update([replace(alert("A", group="g"), value=0.75)])
    assert isinstance(world.channel, Recorder)
    assert world.channel.got[0].firing[0].value == 0.75


def test_no_group_is_left_when_all_is_over() -> None:
    world = World()
    world.play("+A 0:00, +B 1:00, -A 6:00, -B 8:00", "30:00")
    assert world.notifier._groups == {}


class Jumpy(VirtualClock):
    """A wall clock that somebody sets back by an hour."""

    def time_ns(self) -> int:
        return super().time_ns() - (HOUR * 10**9 if self.monotonic() > 100 else 0)


def test_a_wall_clock_that_is_set_back_changes_no_timing() -> None:
    clock, chat = Jumpy(), Recorder()
    notifier = Notifier([chat], EVERYWHERE, clock=clock)
    for n in range(120):
        notifier.update([alert("A", group="g")] if n < 60 else [])
        clock.advance(10)
    assert [note.status for note in chat.got] == ["firing", "resolved"]


# -- Silences and inhibition ----------------------------------------------------------------


def test_case_1_silenced_before_the_first_message() -> None:
    world = World()
    world.silence('alertname="A"', "0:00", "7:00")
    assert world.play("+A 0:00", "20:00") == ["0:10:30 A firing"]


def test_case_2_silenced_after_a_message() -> None:
    world = World()
    world.silence('alertname="A"', "2:00", "22:00")
    assert world.play("+A 0:00", "4:10:00") == ["0:00:30 A firing", "4:05:30 A firing"]


def test_case_3_what_ends_while_silenced_is_told_if_it_was_told_that_it_fires() -> None:
    world = World()
    world.silence('alertname=~"A|B"', "2:00", "9:00:00")
    sent = world.play("+A 0:00, +B 3:00, -A 7:00, -B 8:00", "30:00")
    assert sent == ["0:00:30 A firing", "0:10:30 A resolved"]
    assert isinstance(world.channel, Recorder)
    assert world.channel.got[-1].status == "resolved"


def test_case_4_what_failed_is_tried_at_the_next_look() -> None:
    sent = World(Recorder(failures=2)).play("+A 0:00, -A 13:00", "30:00")
    assert sent == ["0:10:30 A firing", "0:15:30 A resolved"]


def test_case_5_what_is_muted_still_fires() -> None:
    world = World()
    world.silence('alertname="A"', "2:00", "22:00")
    sent = world.play("+A 0:00, +B 0:00, -B 7:00", "4:20:00")
    assert sent == ["0:00:30 A+B firing", "0:10:30 B resolved, A muted", "4:15:30 A firing"]
    assert isinstance(world.channel, Recorder)
    note = world.channel.got[1]
    assert note.status == "firing"
    assert note.title == "[RESOLVED:1, MUTED:1] A, B (critical)"
    assert "muted, still firing: A group=g" in note.text


def test_what_nobody_was_told_before_it_was_muted_is_news_when_it_is_heard_again() -> None:
    world = World()
    world.silence('alertname="A"', "0:00", "12:00")
    sent = world.play("+A 0:00, +B 0:00, -B 7:00", "30:00")
    expected = ["0:00:30 B firing, A muted", "0:10:30 B resolved, A muted", "0:15:30 A firing"]
    assert sent == expected
    assert isinstance(world.channel, Recorder)
    assert [n.status for n in world.channel.got] == ["firing", "resolved", "firing"]


def test_a_source_that_fires_within_the_group_wait_inhibits_across_groups() -> None:
    page = Inhibition(Matchers("alertname=Down"), Matchers("alertname=Slow"), equal=("tool",))
    world = World(route=Route(channels=("chat",)), inhibitions=[page])
    found = [alert("Slow"), alert("Down")]
    world.notifier.update(found[:1])
    world.clock.advance(20)
    for n in range(200):
        world.notifier.update(found if n < 90 else found[:1])
        world.clock.advance(10)
    assert world.sent() == ["0:00:50 Down firing", "0:15:30 Slow firing", "0:15:50 Down resolved"]


# -- Delivery ------------------------------------------------------------------------------


def test_each_channel_has_a_log_of_its_own() -> None:
    good, bad = Recorder("good"), Recorder("bad", failures=1)
    clock = VirtualClock()
    notifier = Notifier([good, bad], Route(channels=("bad", "good")), clock=clock)
    for _ in range(60):
        notifier.update([alert("A")])
        clock.advance(10)
    assert [round((n.at.timestamp()) % HOUR) for n in good.got] == [30]
    assert [round((n.at.timestamp()) % HOUR) for n in bad.got] == [330]


def test_an_end_waits_for_the_channel_that_did_not_hear_of_it() -> None:
    channel = Recorder()
    world = World(channel)
    world.play("+A 0:00", "1:00")
    channel.failures = 2
    sent = world.play("-A 2:00", "30:00")
    assert sent == ["0:00:30 A firing", "0:15:30 A resolved"]


def test_a_channel_that_fails_five_times_is_switched_off_until_switched_on() -> None:
    channel = Recorder(failures=5)
    world = World(channel)
    assert world.play("+A 0:00", "2:00:00") == []
    status = world.notifier.status().iloc[0].to_dict()
    assert status == {
        "channel": "chat",
        "state": "off: failed 5 times in a row",
        "sent": 0,
        "failed": 5,
        "held_back": 0,
        "under_way": 0,
        "last_error": "answered 500",
    }
    world.notifier.switch_on("chat")
    assert world.play("", "2:10:00") == ["2:00:30 A firing"]
    assert world.notifier.status()["state"][0] == "on"


def test_four_failures_and_a_success_start_the_count_again() -> None:
    channel = Recorder(failures=4)
    world = World(channel)
    world.play("+A 0:00, -A 26:00", "26:00")
    channel.failures = 4
    assert world.play("", "1:00:00") == ["0:20:30 A firing", "0:50:30 A resolved"]
    assert world.notifier.status()["failed"][0] == 8


def test_the_rate_limit_holds_back_counts_and_says_so() -> None:
    channel = Recorder()
    channel.max_per_hour = 2
    world = World(channel, Route(channels=("chat",)))
    found = [alert(name) for name in "ABCDE"]
    for n in range(360):
        world.notifier.update(found)
        world.clock.advance(10)
        if n == 100:
            assert world.notifier.status()["held_back"][0] == 3
    assert [note.firing[0].name for note in channel.got] == ["A", "B"]
    for _ in range(360 + 60):
        world.notifier.update(found)
        world.clock.advance(10)
    assert [note.firing[0].name for note in channel.got] == ["A", "B", "C", "D", "E"]
    assert [note.held_back for note in channel.got] == [0, 0, 3, 0, 1]
    assert "held back before this, by the channel's limit per hour: 3" in channel.got[2].text


class Stuck(Channel):
    """Waits for an event that only the end of the test sets."""

    name = "stuck"

    def __init__(self, release: threading.Event) -> None:
        self.release, self.calls = release, 0

    def send(self, notification: Notification) -> None:
        self.calls += 1
        self.release.wait(30)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


class Quick(Recorder):
    """Gets its messages in a thread."""

    blocking = True

    def __init__(self) -> None:
        super().__init__("quick")
        self.arrived = threading.Event()

    def send(self, notification: Notification) -> None:
        super().send(notification)
        self.arrived.set()


def test_a_channel_that_hangs_delays_neither_the_caller_nor_another(
    release: threading.Event,
) -> None:
    stuck, quick, clock = Stuck(release), Quick(), VirtualClock()
    notifier = Notifier([stuck, quick], Route(channels=("stuck", "quick")), clock=clock)
    for _ in range(200):
        notifier.update([alert("A"), alert("B")])
        clock.advance(10)
    assert quick.arrived.wait(5)
    assert not notifier.wait(0.01)
    assert stuck.calls == 1
    status = notifier.status().set_index("channel")
    assert status["under_way"]["stuck"] == 2
    release.set()
    assert notifier.wait(5)
    assert notifier.status()["sent"].tolist() == [2, 2]
    assert not any(g.sending for g in notifier._groups.values())


def test_what_hangs_for_a_whole_interval_is_counted_as_failed(release: threading.Event) -> None:
    clock, quarter = VirtualClock(), timedelta(milliseconds=25)
    route = Route(channels=("stuck",), group_wait=timedelta(), group_interval=quarter)
    notifier = Notifier([Stuck(release)], route, clock=clock)
    notifier.update([alert("A")])
    for _ in range(500):
        notifier.tick()
        if notifier.status()["failed"][0]:
            break
        release.wait(0.01)
    assert notifier.status()["last_error"][0] == "no answer within 0.025 s"


def test_an_end_during_the_first_delivery_is_told_after_it(release: threading.Event) -> None:
    class Slow(Quick):
        def send(self, notification: Notification) -> None:
            release.wait(30)
            super().send(notification)

    slow, clock = Slow(), VirtualClock()
    notifier = Notifier([slow], Route(channels=("quick",)), clock=clock)
    for n in range(200):
        notifier.update([alert("A")] if n < 30 else [])
        clock.advance(10)
        if n == 100:
            release.set()
            assert notifier.wait(5)
    assert notifier.wait(5)
    assert [note.status for note in slow.got] == ["firing", "resolved"]
    assert [a.name for a in slow.got[1].resolved] == ["A"]


def test_after_close_nothing_starts() -> None:
    world = World()
    assert world.notifier.close(1)
    assert world.play("+A 0:00", "10:00") == []


def test_threads_may_update_and_ask_side_by_side() -> None:
    quick, clock = Quick(), VirtualClock()
    notifier = Notifier([quick], Route(channels=("quick",), group_by=("...",)), clock=clock)

    def work(name: str) -> None:
        for _ in range(30):
            notifier.update([alert(name), alert("both")])
            notifier.status()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    notifier.update([alert("both")])
    clock.advance(30)
    notifier.tick()
    assert notifier.wait(5)
    assert [n.firing[0].name for n in quick.got] == ["both"]


# -- What must hold whatever happens ---------------------------------------------------------

_event = st.tuples(st.integers(0, 360), st.sampled_from("ABC"), st.booleans())
_silence = st.tuples(st.integers(0, 300), st.integers(1, 200), st.sampled_from("ABC"))


@given(
    st.lists(_event, max_size=12),
    st.lists(_silence, max_size=3),
    st.sets(st.integers(0, 20), max_size=4),
)
def test_whoever_was_told_that_it_fires_is_told_that_it_ended(
    events: list[tuple[int, str, bool]], silences: list[tuple[int, int, str]], bad: set[int]
) -> None:
    class Flaky(Recorder):
        tries = 0

        def send(self, notification: Notification) -> None:
            self.tries += 1
            if self.tries in bad:
                raise DeliveryError("answered 500")
            super().send(notification)

    world = World(Flaky())
    for start, length, name in silences:
        times = (world.start + timedelta(seconds=10 * t) for t in (start, start + length))
        world.notifier.silences.append(Silence(Matchers(f"alertname={name}"), *times, "a", "b"))
    firing: set[str] = set()
    for step in range(700):
        for _, name, fires in (event for event in events if event[0] == step):
            (firing.add if fires else firing.discard)(name)
        firing = firing if step < 500 else set()
        world.notifier.update([alert(name, group="g") for name in sorted(firing)])
        world.clock.advance(10)
    open_: set[str] = set()
    assert isinstance(world.channel, Recorder)
    for note in world.channel.got:
        assert note.alerts
        open_ |= {a.name for a in note.firing}
        assert note.status == ("firing" if open_ - {a.name for a in note.resolved} else "resolved")
        open_ -= {a.name for a in note.resolved}
    assert open_ == set()
    assert world.notifier._groups == {}


# -- Configuration -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "route", "message"),
    [
        (["a", "a"], Route(channels=("a",)), "two channels are named 'a'"),
        (["a"], Route(), "the root takes every alert: it needs channels"),
        (["a"], Route(Matchers("x=y"), ("a",)), "and no matchers"),
        (
            ["a"],
            Route(channels=("a",), children=(Route(Matchers("x=y"), ("b",)),)),
            r"the routes name \['b'\], but the channels are \['a'\]; add or rename",
        ),
    ],
)
def test_a_tree_that_could_drop_an_alert_is_refused(
    channels: list[str], route: Route, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Notifier([Recorder(name) for name in channels], route)


# -- What leaves ---------------------------------------------------------------------------


def test_a_message_says_what_there_is_to_know() -> None:
    annotations = {
        "summary": "error rate 8.3 % in 5m, threshold 5 %, n=240",
        "threshold": "0.05",
        "runbook_url": "https://example.com/runbooks#agenthigherrorrate",
        "check_first": "the status page of the model's provider",
    }
    labels = {"alertname": "AgentHighErrorRate", "severity": "critical", "tool": "search"}
    ids = tuple(f"{n:032x}" for n in range(5))
    world = World(route=Route(channels=("chat",)))
    world.notifier.update([Alert(labels, State.FIRING, annotations, 0.0833333, trace_ids=ids)])
    world.clock.advance(30)
    world.notifier.tick()
    assert isinstance(world.channel, Recorder)
    (note,) = world.channel.got
    assert note.title == "[FIRING:1] AgentHighErrorRate (critical)"
    assert note.text == (
        "firing: AgentHighErrorRate tool=search\n"
        "  error rate 8.3 % in 5m, threshold 5 %, n=240\n"
        "  value: 0.0833333\n"
        "  threshold: 0.05\n"
        "  runbook_url: https://example.com/runbooks#agenthigherrorrate\n"
        "  check_first: the status page of the model's provider\n"
        f"  trace_ids: {', '.join(ids[:3])}"
    )


def test_everything_that_leaves_is_redacted() -> None:
    secret = "jane.roe@example.com"
    labels = {"alertname": "X", "severity": "critical", "user": secret, "group": secret}
    hostile = Alert(labels, State.FIRING, {"summary": secret}, reason=secret, trace_ids=(secret,))
    world = World()
    world.notifier.update([hostile])
    world.clock.advance(30)
    world.notifier.tick()
    assert isinstance(world.channel, Recorder)
    (note,) = world.channel.got
    assert secret not in repr(note)
    assert secret not in note.text + note.title + str(note.to_dict())
    assert "[EMAIL]" in note.text


def test_a_redactor_of_your_own_is_used() -> None:
    world = World(redact=lambda value: obs_helpers.Redactor(hash_key=b"key")(value))
    world.notifier.update([alert("A", group="g", user="jane.roe@example.com")])
    world.clock.advance(30)
    world.notifier.tick()
    assert isinstance(world.channel, Recorder)
    assert "[EMAIL:" in world.channel.got[0].text


@given(st.text(max_size=50), st.text(max_size=3000))
def test_no_text_can_forge_a_line(name: str, summary: str) -> None:
    labels = {"alertname": name, "severity": "critical", "group": "g"}
    world = World(redact=lambda value: value)
    world.notifier.update([Alert(labels, State.FIRING, {"summary": summary, "other": name})])
    world.clock.advance(30)
    world.notifier.tick()
    assert isinstance(world.channel, Recorder)
    (note,) = world.channel.got
    assert len(note.text.split("\n")) == 3
    assert all(line.isprintable() for line in [note.title, *note.text.split("\n")])
    assert max(map(len, note.text.split("\n"))) <= 510


# -- handle_alert --------------------------------------------------------------------------


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for variable in ("OBS_SLACK_WEBHOOK_URL", "OBS_PAGERDUTY_ROUTING_KEY", "OBS_WEBHOOK_URL"):
        monkeypatch.delenv(variable, raising=False)
    notify._warn_of.cache_clear()
    lines: list[bytes] = []
    logs.configure(sinks=(lines.append,))
    yield lambda: [orjson.loads(line) for line in lines]
    notify._warn_of.cache_clear()


def handle(*alerts: Alert) -> None:
    async def run() -> None:
        for one in alerts:
            await handle_alert(one)

    asyncio.run(run())


def test_handle_alert_always_logs_and_says_once_what_is_missing(log_lines: Any) -> None:
    handle(alert("A"), alert("A"), alert("A", State.RESOLVED), alert("B", severity="info"))
    events = [(line["event"], line["level"]) for line in log_lines()]
    assert events.count(("alert", "warning")) == 3
    assert events.count(("alert resolved", "info")) == 1
    (said,) = [line for line in log_lines() if line["event"] not in ("alert", "alert resolved")]
    assert (said["event"], said["level"]) == ("alert channels are not configured", "warning")
    assert said["missing"] == [
        "page: OBS_PAGERDUTY_ROUTING_KEY not set",
        "chat: OBS_SLACK_WEBHOOK_URL not set",
    ]


def test_handle_alert_tells_nobody_of_what_does_not_fire(log_lines: Any) -> None:
    handle(alert("A", State.PENDING), alert("A", State.INACTIVE))
    assert log_lines() == []


@pytest.mark.parametrize(
    ("severity", "expected"),
    [("critical", {"page", "chat"}), ("warning", {"chat"}), ("info", set()), ("?", {"chat"})],
)
def test_handle_alert_sends_by_severity(
    severity: str, expected: set[str], log_lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = {name: Recorder(name) for name in ("page", "chat")}
    monkeypatch.setattr(notify, "from_environment", lambda: (dict(channels), {}))
    handle(alert("A", severity=severity))
    assert {name for name, channel in channels.items() if len(channel.got) == 1} == expected
    assert [line["event"] for line in log_lines()] == ["alert"]


def test_handle_alert_survives_a_channel_that_raises(
    log_lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = {"page": Recorder("page", failures=1), "chat": Recorder("chat")}
    monkeypatch.setattr(notify, "from_environment", lambda: (dict(channels), {}))
    handle(alert("A"))
    assert len(channels["chat"].got) == 1
    (failed,) = [line for line in log_lines() if line["event"] == "notification failed"]
    assert (failed["channel"], failed["reason"]) == ("page", "answered 500")


# -- With the rule engine, and the log -------------------------------------------------------


def test_the_engine_drives_the_notifier() -> None:
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    chat, page = Recorder("chat"), Recorder("page")
    notifier = Notifier([chat, page, LogChannel()], clock=clock)
    engine = AlertEngine(obs.store, clock=clock, notify=notifier.update)

    async def traffic() -> None:
        for n in range(240):
            faults.set("tool_error", 1 if 60 <= n < 120 else 0)
            await agent.process("Is there a flight from Rome to Oslo?")
            await clock.sleep(10)
            if n % 6 == 0:
                engine.tick()

    asyncio.run(traffic())
    assert engine.notify_errors == 0
    assert [note.status for note in chat.got] == ["firing", "resolved"]
    assert all(alert.annotations["runbook_url"] for alert in chat.got[0].firing)
    logged = obs.store.rows("SELECT level, event FROM logs WHERE logger = 'alerts' ORDER BY time")
    assert logged == [("warning", "alert"), ("info", "alert resolved")]
