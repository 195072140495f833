"""What a reader of the dashboard can choose, as widgets that work by keyboard.

Only what ipywidgets 7.7 and 8 both have is used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from obs_helpers.insight.tables import ORDERS, TraceRow
from obs_helpers.insight.view import WINDOWS
from obs_helpers.safe_text import one_line
from obs_helpers.views.numbers import stretch
from obs_helpers.views.sheets import trace_line
from obs_helpers.views.snapshot import Choice

TICK_MS = 2_000
"""Milliseconds between two ticks of the front end."""
_WIDE = "calc(100% - 4px)"
"""As wide as the notebook, less a widget's own margin."""
_ALL = ("all", 0)
"""What is shown, and a value that no session can have; for None nothing would be shown."""


class Controls:
    """The widgets, and the list of traces."""

    def __init__(self, choice: Choice) -> None:
        """Make the widgets, set to `choice`."""
        import ipywidgets as widgets

        self._silent = False
        windows = sorted({*WINDOWS.values(), choice.window_s})
        self.window = widgets.Dropdown(
            options=[(stretch(seconds), seconds) for seconds in windows],
            value=choice.window_s,
            description="Window",
        )
        names = ("session", "model", "agent")
        self.filters = {name: widgets.Dropdown(description=name.capitalize()) for name in names}
        self.compare = widgets.Checkbox(
            value=choice.compare, description="Compare with the window before", indent=False
        )
        self.refresh = widgets.Button(description="Refresh", icon="refresh")
        self.live = widgets.Play(max=1_000_000_000, interval=TICK_MS, show_repeat=False)
        self.order = widgets.Dropdown(
            options=list(ORDERS), value=choice.order, description="Traces"
        )
        self.previous = widgets.Button(description="Previous trace")
        self.next = widgets.Button(description="Next trace")
        self.traces = widgets.Select(rows=10, layout=widgets.Layout(width=_WIDE))
        self.traces.add_class("obs-traces")
        self.offer({name: [] for name in names}, choice)

    def rows(self) -> list[Any]:
        """Return rows that break where the page is narrow; the last one is for traces."""
        import ipywidgets as widgets

        wrap = widgets.Layout(flex_flow="row wrap", align_items="center")
        live = widgets.Label("Live (play, pause):")
        upper = [self.window, *self.filters.values()]
        middle = [self.compare, self.refresh, live, self.live]
        lower = [self.order, self.previous, self.next]
        return [widgets.HBox(row, layout=wrap) for row in (upper, middle, lower)]

    def connect(
        self,
        on_choice: Callable[[], None],
        on_tick: Callable[[], None],
        on_trace: Callable[[str], None],
    ) -> None:
        """Say whom to call: for a new choice, for a tick while it is live, for a trace."""

        def opened() -> None:
            if self.traces.value is not None:
                on_trace(self.traces.value)

        for each in (self.window, *self.filters.values(), self.compare, self.order):
            each.observe(self._unless_silent(on_choice), "value")
        self.traces.observe(self._unless_silent(opened), "value")
        self.live.observe(lambda _: on_tick(), "value")
        self.refresh.on_click(lambda _: on_choice())
        self.previous.on_click(lambda _: self._step(-1))
        self.next.on_click(lambda _: self._step(1))

    @property
    def choice(self) -> Choice:
        """What is chosen now."""
        chosen = {name: widget.value for name, widget in self.filters.items()}
        filters = {name: None if value == _ALL[1] else value for name, value in chosen.items()}
        return Choice(
            self.window.value, **filters, compare=self.compare.value, order=self.order.value
        )

    def offer(self, choices: Mapping[str, Sequence[str]], choice: Choice) -> None:
        """Offer what there is to choose from; what is chosen stays, also when it is gone."""
        with self._silence():
            for name, widget in self.filters.items():
                chosen = getattr(choice, name)
                values = dict.fromkeys([*([] if chosen is None else [chosen]), *choices[name]])
                options = [_ALL, *((one_line(value, 40), value) for value in values)]
                if options != list(widget.options):
                    widget.options = options
                widget.value = _ALL[1] if chosen is None else chosen

    def show_traces(self, traces: Sequence[TraceRow]) -> None:
        """List these traces; the chosen one stays chosen if it is among them."""
        with self._silence():
            chosen = self.traces.value
            self.traces.options = [(trace_line(row), row.trace_id) for row in traces]
            self.traces.value = chosen if chosen in {row.trace_id for row in traces} else None

    def _step(self, by: int) -> None:
        """Choose the trace above or below: JupyterLab keeps the arrow keys for itself."""
        last = len(self.traces.options) - 1
        if last >= 0:
            here = self.traces.index
            self.traces.index = 0 if here is None else max(0, min(last, here + by))

    def _unless_silent(self, action: Callable[[], None]) -> Callable[[Any], None]:
        def observer(_: Any) -> None:
            if not self._silent:
                action()

        return observer

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Change widgets without taking it for a choice of the reader."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False
