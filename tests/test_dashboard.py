"""The dashboard: driven in the kernel by its controls, and read in all the forms it has."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import AlertEngine, AlertRule, Store, VirtualClock
from obs_helpers import conventions as c
from obs_helpers.insight.budgets import Budget
from obs_helpers.insight.overview import overview
from obs_helpers.insight.targets import TARGET
from obs_helpers.insight.view import View, naive_utc
from obs_helpers.schema import TABLES
from obs_helpers.views import numbers as show
from obs_helpers.views.dashboard import Dashboard
from obs_helpers.views.limits import limits, verdict
from obs_helpers.views.pace import REST, Pace
from obs_helpers.views.plain import sparkline

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
END = START + timedelta(minutes=30)
PNG = b"\x89PNG"


def half_an_hour() -> Store:
    """Return the store of a replay with failing tools and models."""
    clock = VirtualClock(START)
    obs = obs_helpers.start(clock=clock, seed=4)
    agent, faults = obs_helpers.travel_desk(clock)
    obs_helpers.instrument(agent)
    faults.rates = {"tool_error": 0.2, "timeout": 0.05}
    asyncio.run(obs_helpers.replay(agent, faults, clock, hours=0.5, progress=False))
    obs_helpers.shutdown()
    return obs.store


@pytest.fixture(scope="module")
def store() -> Store:
    return half_an_hour()


class WalkingClock(VirtualClock):
    """A clock that goes on by some seconds each time somebody looks at it."""

    def __init__(self, start: datetime, step_s: float) -> None:
        super().__init__(start)
        self.step_s = step_s

    def time_ns(self) -> int:
        self.advance(self.step_s)
        return super().time_ns()

    def monotonic(self) -> float:
        self.advance(self.step_s)
        return super().monotonic()


def parts(board: Dashboard) -> Any:
    """Return what the widget is made of, filled."""
    board.show()
    return board.board


def texts(html: str) -> str:
    """Return what a reader sees of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


# -- What is shown -----------------------------------------------------------------------
def test_the_head_row_has_the_outlines_numbers_with_window_and_samples(store: Store) -> None:
    """Requests a minute, latency, errors, tokens: those that the store gives."""
    board = Dashboard(store, until=END, window="15m")
    runs = overview(store, View(naive_utc(END), 900)).total.runs
    seen = texts(parts(board).head.value)
    for wanted in (
        "Agent Overview", "15 min to 2026-01-05 08:30:00 UTC",
        f"n = {runs.finished:,} finished in 15 min", f"p95 {show.seconds(runs.p95_s)}",
        f"Avg latency {show.seconds(runs.mean_s)}", f"Error % {show.percent(runs.error_percent)}",
        f"{runs.failed:,} failed of n = {runs.finished:,} runs", "fresh", "reasoning",
    ):  # fmt: skip
        assert wanted in seen, wanted


def test_every_panel_is_there_with_words(store: Store) -> None:
    """Four pictures, each with alt text that has its window and its samples."""
    shown = parts(Dashboard(store, until=END)).charts.value
    alts = re.findall(r'<img src="data:image/png;base64,[\w+/=]+" alt="([^"]+)">', shown)
    assert [alt.split(",")[0] for alt in alts] == ["Response time", "Requests", "Tokens", "Cost"]
    assert all("24 h to 2026-01-05 08:30:00 UTC" in alt and " n = " in alt for alt in alts)
    assert "target 2 s, alert 5 s" in alts[0]


def test_the_tables_have_errors_models_and_tools(store: Store) -> None:
    """With their samples, and the verdict of the table of targets."""
    seen = texts(parts(Dashboard(store, until=END)).tables.value)
    calls = overview(store, View(naive_utc(END))).total.calls.finished
    assert f"Models, 24 h to 2026-01-05 08:30:00 UTC; n = {calls:,} calls" in seen
    assert "tool get_weather ToolError: the service behind get_weather answered &lt;n&gt;" in seen
    assert "success: target 95 %, alert below 90 %" in seen
    assert re.search(r"get_weather \d+ \d+ \d\d\.\d % alert", seen)


def test_a_young_store_says_how_little_it_knows(store: Store) -> None:
    """A day of which half an hour is recorded has no rate per day."""
    seen = texts(parts(Dashboard(store, until=END)).head.value)
    assert "of 24 h are recorded, since 2026-01-05 08:00:" in seen
    assert "recorded, since" not in texts(
        parts(Dashboard(store, until=END, window="15m")).head.value
    )
    early = Dashboard(store, until=START - timedelta(hours=1))
    assert "Nothing was recorded in this window" in early.text()


def test_an_empty_store_has_no_numbers() -> None:
    """All forms work, with hyphens instead of zeros."""
    board = Dashboard(Store(), budget=Budget(Decimal(1), "hour"), compare=True)
    seen = texts(parts(board).head.value)
    assert "Nothing was recorded yet." in seen
    assert "Requests/min -" in seen
    assert "Avg latency - no data" in seen
    assert parts(board).message.value.find("warning") == -1
    assert board.figure().png.startswith(PNG)
    assert board.figure("latency").alt.split(": ", 1)[1].startswith("no data.")
    assert "none in this window" in board.text()


def test_few_samples_give_no_verdict() -> None:
    """As rules do not fire on them."""
    assert verdict("p95_latency", 9.0, 19) == "too few to judge (n < 20)"
    assert verdict("p95_latency", 9.0, 20) == "alert"
    assert verdict("p95_latency", None, 0) == "no data"


def test_alerts_and_thresholds_are_the_engines(store: Store) -> None:
    """What fires is listed; a rule's own threshold is drawn beside the table's."""
    clock = VirtualClock(END)
    rules = [
        AlertRule("Slow <b>", "p95_latency > 1s", window="30m"),
        AlertRule("Same", "p95_latency > 5s", min_samples=9_999),
        AlertRule("Dear", "hourly_cost > $7"),
    ]  # fmt: skip
    engine = AlertEngine(store, rules, clock)
    board = Dashboard(store, clock=clock, engine=engine)
    assert "No active, 3 rules" in texts(parts(board).head.value)
    engine.tick()
    board.refresh()
    seen = texts(parts(board).head.value)
    assert "1 active, 3 rules" in seen
    assert "firing Slow &lt;b&gt; (warning) p95_latency is" in seen
    assert "alert > $7" in board.text()
    labels = [limit.label for limit in limits("p95_latency", engine)]
    assert labels == ["target 2 s", "alert 5 s", "Slow <b> 1 s"]
    assert ", Slow <b> 1 s;" in board.figure("latency").alt


def test_limits_are_those_of_the_table() -> None:
    """A chart can not disagree with the rules."""
    for measure, row in TARGET.items():
        target, alert = limits(measure)
        assert (target.value, target.kind) == (row.target, "target")
        assert (alert.value, alert.kind) == (row.alert, "alert")


def test_a_budget_is_shown_with_its_own_period(store: Store) -> None:
    """The chart of cost becomes the budget's; too little data is no projection."""
    board = Dashboard(store, until=END, window="5m", budget=Budget(Decimal(5), "day"))
    seen = texts(parts(board).head.value)
    assert "of $5 per day, all traffic" in seen
    assert "not enough data" in seen
    assert board.figure("cost").alt.startswith("Cost since 2026-01-05 00:00 UTC: $")
    with pytest.raises(ValueError, match="draws one budget of all"):
        Dashboard(store, budget=Budget(Decimal(5)))


# -- The controls ------------------------------------------------------------------------
def test_choosing_a_window_shows_that_window(store: Store) -> None:
    """At once, in all parts; a window of one's own is among those to choose from."""
    board = Dashboard(store, until=END, window="90s")
    controls = parts(board).controls
    assert [label for label, _ in controls.window.options] == [
        *("1.5 min", "5 min", "15 min", "1 h", "6 h", "24 h"),
    ]
    controls.window.value = 300.0
    assert "5 min to 2026-01-05 08:30:00 UTC" in parts(board).head.value
    assert "5 min to 2026-01-05 08:30:00 UTC" in parts(board).tables.value


def test_choosing_a_session_shows_its_traces_alone(store: Store) -> None:
    """And all of them again afterwards; the choice stays offered."""
    board = Dashboard(store, until=END)
    controls = parts(board).controls
    everything = len(controls.traces.options)
    assert controls.filters["session"].value == 0
    name = controls.filters["session"].options[1][1]
    controls.filters["session"].value = name
    runs = store.value("SELECT count(*) FROM spans WHERE operation = 'invoke_agent' "
                       "AND session_id = ?", [name])  # fmt: skip
    assert f"session {name}" in parts(board).head.value
    assert len(controls.traces.options) == runs < everything
    board.refresh()
    assert controls.filters["session"].value == name
    controls.filters["session"].value = 0
    assert len(controls.traces.options) == everything


def test_comparing_shows_the_window_before(store: Store) -> None:
    """Beside each number, with its samples."""
    board = Dashboard(store, until=END, window="15m")
    assert "before" not in texts(parts(board).head.value)
    parts(board).controls.compare.value = True
    runs = overview(store, View(naive_utc(END), 900).before).total.runs.finished
    assert f"(before: n = {runs:,} in 15 min)" in texts(parts(board).head.value)
    assert show.change(3.0, 2.0) == "+50 %"
    assert (show.change(3, 0), show.change(None, 2)) == ("was 0", "no comparison")


def test_choosing_a_trace_opens_its_timeline(store: Store) -> None:
    """By the list or by the buttons; a refresh closes nothing."""
    board = Dashboard(store, until=END)
    controls = parts(board).controls
    assert parts(board).trace.value == ""
    first, second = (trace_id for _, trace_id in controls.traces.options[:2])
    controls.traces.value = second
    assert second in parts(board).trace.value
    controls.previous.click()
    assert first in parts(board).trace.value
    board.refresh()
    assert controls.traces.value == first
    assert first in parts(board).trace.value
    controls.traces.index = last = len(controls.traces.options) - 1
    controls.next.click()
    assert controls.traces.index == last


def test_the_order_of_traces_can_be_chosen(store: Store) -> None:
    """The failed ones come first, then."""
    board = Dashboard(store, until=END)
    controls = parts(board).controls
    controls.order.value = "failed first"
    assert "failed" in controls.traces.options[0][0]
    with pytest.raises(ValueError, match="order='wild' does not work; give one of newest"):
        Dashboard(store, order="wild")


def test_the_widget_is_one_however_often_it_is_shown(store: Store) -> None:
    """And where there are no widgets, the cell's value is text."""
    board = Dashboard(store, until=END)
    shown = board._repr_mimebundle_()
    view = shown["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == board.show().model_id
    assert shown["text/plain"] == board.text()
    assert repr(board).startswith("<Dashboard of :memory:: Choice(window_s=86400.0, ")


# -- Refreshing by itself ----------------------------------------------------------------
def count_refreshes(board: Dashboard) -> list[str]:
    seen: list[str] = []
    parts(board).head.observe(lambda change: seen.append(change["new"]), "value")
    return seen


def test_ticks_that_piled_up_refresh_once(store: Store) -> None:
    """A cell ran for a while; the ticks that waited come all at once."""
    stopwatch = VirtualClock()
    board = Dashboard(store, clock=WalkingClock(END, 1), stopwatch=stopwatch)
    seen = count_refreshes(board)
    stopwatch.advance(60)
    board._pace.stopwatch = WalkingClock(START, 0.001)  # a refresh takes time, a tick hardly any
    for tick in range(1, 4):
        parts(board).controls.live.value = tick
    assert len(seen) == 1


def test_refreshing_by_itself_takes_a_fifth_of_the_time() -> None:
    """Whatever a refresh takes, and however fast the ticks come."""
    clock = VirtualClock(START)
    pace, busy_s = Pace(clock), 0.0
    for n in range(10_000):
        if pace.due:
            with pace.refreshing():
                clock.advance(0.3 + n % 7 / 10)
                busy_s += 0.3 + n % 7 / 10
        clock.advance(0.01)
    assert REST == 4
    assert 0.15 < busy_s / clock.monotonic() <= 0.21


def test_a_choice_refreshes_at_once_however_soon(store: Store) -> None:
    """Only the ticks are held back."""
    board = Dashboard(store, until=END, stopwatch=WalkingClock(START, 100))
    seen = count_refreshes(board)
    parts(board).controls.window.value = 300.0
    parts(board).controls.refresh.click()
    parts(board).controls.live.value = 1
    assert len(seen) == 1  # the click found nothing new, and the tick came too early


def test_a_store_that_does_not_answer_is_a_message_and_no_error() -> None:
    """In the widget; who asks for text gets the error itself."""
    store = Store()
    board = Dashboard(store, until=END)
    widgets = parts(board)
    store.close()
    for act in (board.refresh, widgets.controls.refresh.click):
        act()
        assert "This is not up to date: StoreError" in widgets.message.value
        assert "make a new Dashboard of the one that is open" in widgets.message.value
    assert board._repr_mimebundle_()["text/plain"] == repr(board)
    with pytest.raises(obs_helpers.StoreError):
        board.text()


def test_a_trace_that_is_gone_is_a_message() -> None:
    """Its rows may have been evicted since the list was made."""
    store = half_an_hour()
    board = Dashboard(store, until=END)
    controls = parts(board).controls
    store.forget_before(END + timedelta(days=1))
    controls.traces.index = 1
    assert "LookupError: no trace in the store begins with" in parts(board).message.value
    board.refresh()
    assert "Nothing was recorded yet." in parts(board).head.value
    assert "warning" not in parts(board).message.value


# -- Other forms -------------------------------------------------------------------------
def test_panels_can_be_drawn_alone_and_together(store: Store) -> None:
    """For outputs that GitHub shows."""
    board = Dashboard(store, until=END, window="1h", compare=True)
    alone = board.figure("tokens")
    assert alone.png.startswith(PNG)
    assert alone.alt.startswith("Tokens, 1 h to 2026-01-05 08:30:00 UTC: tokens per minute")
    assert alone.alt in board.figure("latency", "tokens", "cost").alt
    assert len(board.figure().png) > len(alone.png)
    with pytest.raises(ValueError, match="no panel 'speed'; there are latency, requests"):
        board.figure("speed")


def test_the_text_stands_in_boxes(store: Store) -> None:
    """All lines are as long as each other."""
    lines = Dashboard(store, until=END).text().splitlines()
    assert {len(line) for line in lines} == {96}
    assert "Agent Overview" in lines[1]
    assert any("Top errors" in line for line in lines)
    assert any("Response time, p95 per 24 min (target 2 s, alert 5 s)" in line for line in lines)


def test_a_sparkline_tells_no_data_from_zero() -> None:
    """A dot is not the lowest block."""
    assert sparkline([None, 0, 4, 8]) == "·▁▅█"
    assert sparkline([]) == ""


class Page(HTMLParser):
    """Collects what could run or load something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]


TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "div", "h2", "h3", "p", "span"),
    *("img", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "b"),
}


def test_the_file_to_share_loads_nothing_and_runs_nothing(store: Store, tmp_path: Path) -> None:
    """No script, no address, and a policy that forbids both."""
    board = Dashboard(store, until=END, engine=AlertEngine(store, clock=VirtualClock(END)))
    html = board.save_html(tmp_path / "board.html").read_text("utf-8")
    page = Page(html)
    assert set(page.tags) <= TAGS
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert ("meta", "content", policy) in page.attributes
    assert all(v.startswith("data:image/png") for _, n, v in page.attributes if n == "src" and v)
    assert sum(name == "alt" for _, name, _ in page.attributes) == 4
    assert not {name for _, name, _ in page.attributes if name.startswith("on") or name == "href"}
    assert "url(" not in html
    assert "The charts as numbers" in html


# -- What models and users write -----------------------------------------------------------
HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "$\\frac{$", "{{ 7 * 7 }}",
    "\x1b[31mred", "\u202egnp.exe", "x" * 1_000_000, "</style><b>", "line\nbreak", "", "%s %(x)s",
    "\x00", "'; DROP TABLE spans; --", "&lt;", "日本語",
)  # fmt: skip
_FIELDS = ("trace_id", "agent", "session_id", "model", "tool", "status_message", "error_type")


def store_of(text: str) -> Store:
    """Return a store in which every name is `text`."""
    start = round(START.timestamp() * 1e6)
    base = {
        **dict.fromkeys((*_FIELDS, "name"), text), "start_time": start, "duration_s": 1.0,
        "end_time": start + 1_000_000, "attributes": "{}", "status": "ERROR",
    }  # fmt: skip
    spans = [
        {**base, "operation": operation, "span_id": operation}
        for operation in (c.INVOKE_AGENT, c.CHAT, c.EXECUTE_TOOL)
    ]
    store = Store()
    store.append("spans", [tuple(map(span.get, TABLES["spans"])) for span in spans])
    return store


def check_harmless(text: str) -> Dashboard:
    """Show `text` as every name there is, chosen as a filter too."""
    store = store_of(text)
    rule = AlertRule(text[:99] or "empty", "error_rate > 1%", by=("agent",), min_samples=1)
    engine = AlertEngine(store, [rule], VirtualClock(START + timedelta(seconds=9)))
    engine.tick()
    board = Dashboard(store, engine=engine, session=text, model=text, agent=text, window="5m")
    widgets = parts(board)
    widgets.controls.next.click()
    assert "warning" not in widgets.message.value
    pieces = [widgets.head.value, widgets.charts.value, widgets.tables.value]
    page = Page("".join(pieces))
    assert set(page.tags) <= TAGS
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert len(texts("".join(pieces))) < 20_000
    plain = board.text()
    assert {len(line) for line in plain.splitlines()} == {96}
    for shown in (*pieces, plain, *(label for label, _ in widgets.controls.traces.options)):
        assert all(char.isprintable() or char in "\n\u00a0" for char in shown)
    return board


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_others_wrote_is_text_and_nothing_else(text: str) -> None:
    """Tool names, messages, ids: nothing runs, moves or hides others."""
    check_harmless(text)


@settings(max_examples=4)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_at_all_is_harmless(tmp_path_factory: Any, text: str) -> None:
    """Whatever characters there are, in the file to share too."""
    board = check_harmless(text)
    file = board.save_html(tmp_path_factory.mktemp("any") / "board.html")
    assert set(Page(file.read_text("utf-8")).tags) <= TAGS
