"""Timelines: what they show, that everything in them stays text, and that they stay small."""

import asyncio
import contextlib
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Session, Store, Telemetry, VirtualClock
from obs_helpers.insight.traces import SpanNode, Trace
from obs_helpers.schema import TABLES
from obs_helpers.views.session_view import session_timeline
from obs_helpers.views.timeline import timeline

START = datetime(2026, 1, 5, 8, tzinfo=UTC).replace(tzinfo=None)
PNG = b"\x89PNG"
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Reads HTML and keeps what a test asks for; fails if tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.deepest = 0
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
            self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def node(name: str, start_s: float, duration_s: float | None, **more: Any) -> SpanNode:
    """Return a span, named as its id; without a duration it still runs."""
    values = {
        "parent_id": None,
        "name": name,
        "status": "RUNNING" if duration_s is None else "UNSET",
        "status_message": None,
        "attributes": {},
    }
    began = START + timedelta(seconds=start_s)
    return SpanNode(
        **{"span_id": name, "start_time": began, "duration_s": duration_s} | values | more
    )


def page_of(*roots: SpanNode, **options: Any) -> Page:
    return Page(timeline(Trace("ab" * 16, list(roots)), **options).html())


@pytest.fixture
def obs() -> Telemetry:
    """Return telemetry with four turns of one conversation, the last of which failed."""
    clock = VirtualClock()
    obs = obs_helpers.start(clock=clock, seed=4, capture_content=True)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    session = Session("visit-1", "user-7")
    turns: list[tuple[str, dict[str, float]]] = [
        ("I need a flight from Rome to Oslo, and the weather in Oslo.", {}),
        ("Compare the weather in Oslo and Rome, please.", {"slow_tool": 1}),
        ("Is there a flight from Rome to Oslo?", {"tool_error": 1}),
        ("What is the weather in Oslo?", {"timeout": 1}),
    ]

    async def talk() -> None:
        for query, rates in turns:
            faults.rates = rates
            with contextlib.suppress(TimeoutError):
                await agent.process(query, session)
            await clock.sleep(40)

    asyncio.run(talk())
    return obs


def trace_ids(obs: Telemetry) -> list[str]:
    rows = obs.store.rows(
        "SELECT trace_id FROM spans WHERE operation = 'invoke_agent' ORDER BY start_time"
    )
    return [trace_id for (trace_id,) in rows]


# -- One trace -------------------------------------------------------------------------------


def test_the_text_of_a_known_trace_is_exactly_this(obs: Telemetry) -> None:
    """What the picture shows, in words; the times are UTC and say so."""
    assert timeline(trace_ids(obs)[2]).text() == GOLDEN


GOLDEN = """\
Trace 06905269ed6f0b09f165c8ce36e2f24b: began 2026-01-05 08:01:30.380 UTC, 1.715 s, 4 spans, \
1 with ERROR
span                               began at         took       waited
◆ invoke_agent travel-desk          0.000 s      1.715 s            -
├─ ● chat scripted-1                0.000 s      0.699 s      0.699 s  433 tokens in, 35 out
├─ ■ execute_tool find_flights      0.699 s      0.688 s      0.688 s  ERROR ToolError: \
the service behind find_flights answered 503
└─ ● chat scripted-1                1.387 s      0.329 s      0.329 s  455 tokens in, 10 out"""


def test_a_notebook_gets_html_and_text(obs: Telemetry) -> None:
    """The text is the tree, not the HTML; both are in one output."""
    shown = timeline(trace_ids(obs)[2])
    bundle = shown._repr_mimebundle_()
    assert bundle == {"text/html": shown.html(), "text/plain": shown.text()}
    assert repr(shown) == GOLDEN


def test_the_html_shows_spans_messages_and_log_lines_of_each_span(obs: Telemetry) -> None:
    """All that the store knows of the trace, in one place."""
    page = Page(timeline(trace_ids(obs)[2][:12]).html())
    for text in (
        "began 2026-01-05 08:01:30.380 UTC",
        "execute_tool find_flights",
        "ERROR ToolError: the service behind find_flights answered 503",
        "in: user Is there a flight from Rome to Oslo?",
        "out: assistant Sorry, I cannot help with that right now.",
        'arguments {"origin":"Rome","destination":"Oslo"}',
        "08:01:31.767 warning tool call failed",
        "gen_ai.request.model scripted-1",
        "433 tokens in, 35 out",
    ):
        assert text in page.text
    assert page.tags["details"] == 5  # the run folds and has details, the others have details


def test_the_html_runs_nothing_fetches_nothing_and_has_a_label(obs: Telemetry) -> None:
    """No script, no address; folding is done by the browser itself, with the keyboard too."""
    html = timeline(trace_ids(obs)[2]).html()
    page = Page(html)
    assert not page.tags.keys() & {"script", "a", "img", "link", "iframe", "object", "form"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in SOURCES]
    assert "url(" not in html
    assert "http" not in html
    label = next(value for name, value in page.attributes if name == "aria-label")
    assert label.startswith("Timeline of trace 06905269: ")
    assert "failed: execute_tool find_flights" in label


SOURCES = {"src", "href", "srcset", "action", "data", "id"}


def test_kinds_failure_running_and_critical_path_are_told_by_more_than_colour() -> None:
    """By shape, by word, by outline, by a line at the foot of the bar."""
    tool = {"gen_ai.operation.name": "execute_tool"}
    bad = node("bad", 0, 1, status="ERROR", status_message="E: no", attributes=tool)
    page = page_of(node("r", 0, 3, children=[bad, node("hangs", 1, None)]))
    assert "■ bad 1.000 s ERROR E: no" in page.text
    assert "○ hangs running" in page.text
    classes = [value for name, value in page.attributes if name == "class"]
    assert classes.count("obs-bar obs-tool obs-failed") == 1
    assert classes.count("obs-bar obs-other obs-running") == 1
    assert classes.count("obs-path") == 2
    assert {"tool", "other"} <= {value for name, value in page.attributes if name == "aria-label"}


def test_links_other_services_and_odd_times_are_shown() -> None:
    """What crosses from one process to another is where traces break."""
    links = [{"trace_id": "cd" * 16, "span_id": "ef" * 8}]
    far = node("GET", -0.3, 1, service="weather", links=links)
    page = page_of(node("r", 0, 3, service="desk", children=[far]))
    assert "services: desk, weather" in page.text
    assert "GET @ weather" in page.text
    assert "note: begins 0.300 s before its parent; 1 link to other spans" in page.text
    assert f"{'cd' * 16} {'ef' * 8}" in page.text


def test_a_squeezed_gap_is_drawn_as_such_and_told_in_words() -> None:
    """Only when asked for: an axis that is not to scale must say so."""
    root = node("r", 0, 62, children=[node("a", 0, 1), node("b", 61, 1)])
    told = "60.000 s squeezed at 1.000 s: nothing began or ended"
    page = page_of(root, squeeze=True)
    assert told in page.text
    assert ("class", "obs-gap") in page.attributes
    assert ("class", "obs-gap") not in page_of(root).attributes
    assert told in timeline(Trace("t", [root]), squeeze=True).text()


def test_a_trace_is_shown_without_any_store() -> None:
    """There are no log lines then."""
    shown = timeline(Trace("t", [node("r", 0, 1)]))
    assert "log lines" not in Page(shown.html()).text
    assert "r" in shown.text()
    assert Page(timeline(Trace("t", [])).html()).text
    assert "0 spans" in timeline(Trace("t", [])).text()


def test_an_unknown_trace_is_an_error() -> None:
    """As it is everywhere."""
    with pytest.raises(LookupError, match="no trace"):
        timeline("ffff", Store())


def test_log_lines_of_spans_that_are_not_in_the_store_are_not_lost() -> None:
    """Sampling may drop a span and keep its log."""
    store = Store()
    row = dict.fromkeys(TABLES["spans"]) | {"trace_id": "ab", "span_id": "r", "name": "r"}
    store.append("spans", [tuple(row.values())])
    time_us = 1_767_600_000_000_000
    store.append("logs", [(time_us, "info", "x", "said outside", "ab", "gone", "{}")])
    page = Page(timeline("ab", store).html())
    assert "log lines of no span shown here" in page.text
    assert "08:00:00.000 info said outside" in page.text


def test_messages_that_are_no_messages_are_shown_as_they_are() -> None:
    """Other instrumentation writes other things, or half of them."""
    said = {"gen_ai.input.messages": "[{", "gen_ai.output.messages": '{"a":1}'}
    other = {"gen_ai.input.messages": '[{"role":"user","parts":[{"text":"hi"}]}]'}
    assert 'in [{ out {"a":1}' in page_of(node("r", 0, 1, attributes=said)).text
    assert 'in: user [{"text":"hi"}]' in page_of(node("r", 0, 1, attributes=other)).text


# -- The figure ------------------------------------------------------------------------------


def test_the_figure_has_the_same_words(obs: Telemetry) -> None:
    """A chart with an alt text that says what took the time and what failed."""
    chart = timeline(trace_ids(obs)[2]).figure()
    assert chart.png.startswith(PNG)
    assert chart.alt == (
        "Timeline of trace 06905269: began 2026-01-05 08:01:30.380 UTC, 1.715 s, 4 spans, "
        "1 with ERROR; waited longest for chat scripted-1 0.699 s, execute_tool find_flights "
        "0.688 s, chat scripted-1 0.329 s; failed: execute_tool find_flights."
    )


def test_a_figure_of_odd_and_of_no_spans_is_no_error() -> None:
    """Running, without a start, without any length, squeezed."""
    lost: Any = node("lost", 0, 1)
    lost.start_time = None
    children = [lost, node("hangs", 1, None), node("point", 60, 0), node("end", 61, 1)]
    trace = Trace("t", [node("r", 0, 62, children=children)])
    assert timeline(trace, squeeze=True).figure().png.startswith(PNG)
    assert timeline(Trace("t", [])).figure().png.startswith(PNG)


# -- Hostile text ----------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</details></section></style><h1>",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "{{ 7 * 7 }}{% raw %}",
    "$\\frac{",
    "\x1b[2Jcleared\x9b31m",
    "left\u202etfel\u2066",
    "two\nlines\r\x85\u2028",
    "nul\0\ud800",
    "日本語🙂",
    "m" * 1_000_000,
]


def with_text_everywhere(text: str) -> Trace:
    """Return a trace in which every value that can be text is `text`."""
    short = text[:1000]
    span = node(
        *(text, 0, 1),
        status="ERROR",
        status_message=text,
        service=text,
        kind=text,
        attributes={
            **dict.fromkeys(("gen_ai.operation.name", "gen_ai.tool.name"), text),
            **dict.fromkeys(("gen_ai.input.messages", "gen_ai.tool.call.result", short), text),
            "gen_ai.output.messages": [{"role": text, "content": text, "tool_calls": [text]}],
            "gen_ai.usage.input_tokens": text,
            "nested": {short: [text]},
        },
        events=[{"name": text, "time_ns": 1, "attributes": {short: text}}, text],
        links=[{"trace_id": text, "span_id": text}, text],
    )
    return Trace(text, [node("r", 0, 2, children=[span], service="desk")])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_from_a_model_or_a_user_stays_text(text: str) -> None:
    """The page has the same tags and the same attributes as with harmless text."""
    shown, harmless = timeline(with_text_everywhere(text)), page_of_text("harmless")
    html = shown.html()
    page = Page(html)
    assert page.tags == harmless.tags
    assert Counter(name for name, _ in page.attributes) == Counter(
        name for name, _ in harmless.attributes
    )
    assert len(html) < 60_000
    assert all(char.isprintable() or char in "\n" for char in html)
    assert all(line.isprintable() and len(line) < 500 for line in shown.text().split("\n"))


def page_of_text(text: str) -> Page:
    return Page(timeline(with_text_everywhere(text)).html())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_breaks_the_figure(text: str) -> None:
    """No formula is read, no letter without a font warns, no line grows."""
    chart = timeline(with_text_everywhere(text)).figure()
    assert chart.png.startswith(PNG)
    assert chart.alt.isprintable()
    width = int.from_bytes(chart.png[16:20])
    assert width < 1_280


@given(st.text(min_size=1, max_size=60))
def test_any_text_leaves_the_page_whole(text: str) -> None:
    """Whatever characters there are."""
    page, harmless = page_of_text(text), page_of_text("harmless")
    assert page.tags.keys() == harmless.tags.keys()
    assert {name for name, _ in page.attributes} == {name for name, _ in harmless.attributes}


# -- Size ------------------------------------------------------------------------------------


def test_two_thousand_spans_are_all_drawn_and_those_that_matter_have_details() -> None:
    """Healthy branches are folded; the one with the error is open."""
    agents = []
    for a in range(100):
        calls = [node(f"call {a}.{b}", 5 * a + b / 4, 0.25) for b in range(19)]
        agents.append(node(f"agent {a}", 5 * a, 5, children=calls))
    agents[50].children[3].status = "ERROR"
    html = timeline(Trace("t", [node("r", 0, 500, children=agents)])).html()
    page = Page(html)
    assert all(f"call {a}.{b}" in html for a in range(100) for b in range(19))
    assert "150 spans have details here, those that matter most" in page.text
    folds = re.findall(r'<details class="obs-group obs-fold"( open)?>', html)
    assert len(folds) == 101
    assert folds.count(" open") == 2
    assert len(html) < 1_500_000


def test_of_a_hundred_thousand_children_the_failed_one_is_drawn() -> None:
    """And it is said how many are not."""
    children = [node(f"{n}", n / 100, 0.009) for n in range(100_000)]
    children[70_000].status = "ERROR"
    shown = timeline(Trace("t", [node("r", 0, 1000, children=children)]))
    html = shown.html()
    assert "97,501 more spans are not shown" in html
    assert "97,501 more spans below it are not shown" in html
    assert ">70000</span>" in re.sub(r"</span> 70000\b", ">70000</span>", html)
    assert len(html) < 2_500_000
    text = shown.text().split("\n")
    assert len(text) < 210
    assert text[-1].startswith("… 99,801 more spans")
    assert any("70000" in line for line in text)


def test_a_chain_of_five_thousand_spans_does_not_nest_deeper_than_a_browser_can() -> None:
    """Below sixty levels rows say their level instead."""
    here = node("4999", 0, 1)
    for n in range(4998, -1, -1):
        here = node(f"{n}", 0, 1, children=[here])
    shown = timeline(Trace("t", [here]))
    page = Page(shown.html())
    assert page.deepest < 100
    assert "level 2,499 ·" in page.text
    assert "2,500 more spans are not shown" in page.text
    assert max(map(len, shown.text().split("\n"))) < 300


def test_details_stop_before_they_fill_the_notebook() -> None:
    """A thousand long prompts are not kept twice."""
    said = {f"prompt {n}": "word " * 1_000 for n in range(30)}
    spans = [node(f"{n}", n, 1, attributes=said) for n in range(300)]
    html = timeline(Trace("t", [node("r", 0, 300, children=spans)])).html()
    assert len(html) < 1_000_000
    assert "spans have details here" in html


# -- A session -------------------------------------------------------------------------------


def test_the_turns_of_a_session_stand_one_under_another(obs: Telemetry) -> None:
    """Each with number, time, duration, status, tokens and cost; the failed one is open."""
    shown = session_timeline("visit-1")
    assert [turn.header for turn in shown.turns] == [
        "Turn 1 · 2026-01-05 08:00:00.000 UTC · 1.267 s · ok · 683 tokens · $0.00661",
        "Turn 2 · 2026-01-05 08:00:41.266 UTC · 9.113 s · ok · 815 tokens · $0.00593",
        "Turn 3 · 2026-01-05 08:01:30.380 UTC · 1.715 s · ok · 933 tokens · $0.00639",
        "Turn 4 · 2026-01-05 08:02:12.095 UTC · 30.000 s · ERROR · - tokens · cost -",
    ]
    page = Page(shown.html())
    assert all(turn.header in page.text for turn in shown.turns)
    assert all(turn.header in shown.text() for turn in shown.turns)
    assert [turn.timeline.placed.trace.trace_id for turn in shown.turns] == trace_ids(obs)
    opened = re.findall(
        r'<details class="obs-group obs-fold"( open)?><summary class="obs-turn"', shown.html()
    )
    assert opened == ["", "", "", " open"]
    assert page.tags["style"] == 1
    assert shown._repr_mimebundle_()["text/plain"] == repr(shown)


def test_an_unknown_session_is_an_error_that_says_where_to_look(obs: Telemetry) -> None:
    """As for an unknown trace."""
    with pytest.raises(LookupError, match=r"'visit-9'; SELECT session_id FROM spans"):
        session_timeline("visit-9")


def test_of_a_very_long_session_the_last_turns_are_shown() -> None:
    """They keep their numbers, and the others are counted."""
    store = Store()
    rows = []
    for n in range(60):
        start = 1_767_600_000_000_000 + n * 60_000_000
        row = dict.fromkeys(TABLES["spans"]) | {
            **{"trace_id": f"{n:032x}", "span_id": f"{n}", "name": "run", "status": "UNSET"},
            **{"start_time": start, "end_time": start + 1, "duration_s": 0.5, "session_id": "s"},
        }
        rows.append(tuple(row.values()))
    store.append("spans", rows)
    shown = session_timeline("s", store)
    assert [turn.number for turn in shown.turns] == list(range(11, 61))
    assert "10 earlier turns are not shown" in shown.text()
    assert "10 earlier turns are not shown" in shown.html()


def test_a_turn_without_a_price_says_so_and_a_running_one_too() -> None:
    """A missing value is not zero."""
    store = Store()
    call = dict.fromkeys(TABLES["spans"]) | {
        **{"trace_id": "ab", "span_id": "m", "name": "chat", "status": "RUNNING"},
        **{"start_time": 1_767_600_000_000_000, "session_id": "s", "operation": "chat"},
        **{"input_tokens": 100, "output_tokens": 10},
    }
    store.append("spans", [tuple(call.values())])
    (turn,) = session_timeline("s", store).turns
    assert turn.header.endswith("RUNNING · 110 tokens · cost -, 1 calls of unknown price")


@pytest.mark.parametrize("text", HOSTILE[:10], ids=range(10))
def test_the_name_of_a_session_stays_text(text: str) -> None:
    """It comes from whoever calls the agent."""
    store = Store()
    row = dict.fromkeys(TABLES["spans"]) | {
        **{"trace_id": "ab", "span_id": "r", "name": text, "session_id": text},
        **{"start_time": 1_767_600_000_000_000, "duration_s": 1.0, "status": "UNSET"},
    }
    store.append("spans", [tuple(row.values())])
    shown = session_timeline(text, store)
    assert not Page(shown.html()).tags.keys() & {"script", "img", "h1"}
    assert all(line.isprintable() for line in shown.text().split("\n"))


def test_a_log_line_s_exception_is_told_without_the_folders_of_the_machine() -> None:
    """Somebody else is to look at it; the stack stays in the store."""
    obs = obs_helpers.start(clock=VirtualClock(), seed=4)
    with obs.tracer.trace_request("odd") as trace_id:
        try:
            raise LookupError("no such city")
        except LookupError:
            obs.logger("desk").exception("run failed", city="Oslo")
    shown = timeline(trace_id, obs.store).html()
    assert "LookupError: no such city" in shown
    assert "Oslo" in shown
    assert "test_timeline.py" not in shown
    assert obs.store.value("SELECT count(*) FROM logs WHERE fields::TEXT LIKE '%test_timeline.py%'")
