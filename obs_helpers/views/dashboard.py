"""The dashboard: one store, seen as a widget, as figures, as text, and as a file to share."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from obs_helpers.alerting.conditions import parse_duration
from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.clock import Clock, SystemClock
from obs_helpers.database import StoreError
from obs_helpers.given import check
from obs_helpers.insight.budgets import Budget
from obs_helpers.insight.spend import check_budget
from obs_helpers.insight.tables import ORDERS, choices
from obs_helpers.insight.view import naive_utc, now_in
from obs_helpers.safe_json import describe
from obs_helpers.store import Store
from obs_helpers.telemetry import current
from obs_helpers.views.board import Board
from obs_helpers.views.chart import Chart
from obs_helpers.views.drawing import drawing_style
from obs_helpers.views.pace import Pace
from obs_helpers.views.pages import page_html
from obs_helpers.views.panels import PANELS, draw
from obs_helpers.views.plain import plain_text_of
from obs_helpers.views.snapshot import Choice, Snapshot, take_snapshot
from obs_helpers.views.timeline import timeline


class Dashboard:
    """Shows how an agent does: requests, seconds, failures, tokens, cost, alerts, traces.

    As a cell's last value it is a widget, where widgets work, and text elsewhere.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        clock: Clock | None = None,
        engine: AlertEngine | None = None,
        budget: Budget | None = None,
        until: datetime | None = None,
        window: str = "24h",
        session: str | None = None,
        model: str | None = None,
        agent: str | None = None,
        compare: bool = False,
        order: str = "newest",
        stopwatch: Clock | None = None,
    ) -> None:
        """Look at `store`.

        Args:
            store: The current telemetry's unless given.
            clock: Says what time it is now. Without it that is the telemetry's clock, if it
                fills this store, and else the time of the newest record.
            engine: Its alerts are listed, and the thresholds of its rules drawn.
            budget: For an hour, day or month, of all traffic; drawn with its projection.
            until: A moment of the past (UTC unless it says otherwise) to stay at.
            window: Such as `15m` or `24h`; how far back it looks.
            session: Only traces with a run of this session.
            model: Only traces with a call of this model.
            agent: Only traces with a run of this agent.
            compare: Compare with the window before.
            order: Of the traces: `newest`, `slowest` or `failed first`.
            stopwatch: Measures how long a refresh takes; the machine's clock unless given.

        Raises:
            RuntimeError: no store is given, and no telemetry runs.
            ValueError: the window, the order or the budget cannot be.
        """
        check("order", order, order in ORDERS, f"one of {', '.join(ORDERS)}")
        self.store = store or current().store
        self.choice = Choice(_window_s(window), session, model, agent, compare, order)
        self.board: Board | None = None
        self._clock, self._engine, self._budget = clock, engine, check_budget(budget)
        self._until = None if until is None else naive_utc(until)
        self._pace = Pace(stopwatch or SystemClock())

    def show(self) -> Any:
        """Return the widget, filled; the same one each time."""
        if self.board is None:
            self.board = Board(self.choice)
            self.board.controls.connect(self._choose, self._tick, self._open)
            self.refresh()
        return self.board.widget

    def refresh(self) -> None:
        """Read the store again and show it in the widget; what goes wrong is shown there."""
        with self._pace.refreshing():
            self._guarded(self._fill)

    def figure(self, *names: str) -> Chart:
        """Return one panel as a picture, or several: latency, requests, tokens, cost.

        Raises:
            ValueError: there is no panel of that name.
            StoreError: the store cannot answer.
        """
        with drawing_style():
            return Chart(*draw(names or tuple(PANELS), self._snapshot()))

    def text(self) -> str:
        """Return the numbers as plain text.

        Raises:
            StoreError: the store cannot answer.
        """
        return plain_text_of(self._snapshot())

    def save_html(self, path: str | Path) -> Path:
        """Write everything into one HTML file that loads nothing and runs nothing.

        Raises:
            StoreError: the store cannot answer.
            OSError: the file cannot be written.
        """
        path = Path(path)
        path.write_text(page_html(self._snapshot()), "utf-8")
        return path

    def __repr__(self) -> str:
        """Name what is looked at."""
        return f"<Dashboard of {self.store.path}: {self.choice}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Show the widget; where there are none, GitHub for example, the text."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.show().model_id}
        text = repr(self)
        with suppress(StoreError):  # the widget tells
            text = self.text()
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": text}

    def _snapshot(self) -> Snapshot:
        until = self._until or now_in(self.store, self._clock)
        return take_snapshot(self.store, self.choice, until, self._budget, self._engine)

    # -- What the widget calls, in the kernel's main thread -------------------------------
    def _choose(self) -> None:
        if self.board is not None:
            self.choice = self.board.controls.choice
            self.refresh()

    def _tick(self) -> None:
        if self._pace.due:
            self.refresh()

    def _fill(self, board: Board) -> None:
        shot = self._snapshot()
        board.controls.offer(choices(self.store, shot.now.view), self.choice)
        board.show(shot)

    def _open(self, trace_id: str) -> None:
        def open_in(board: Board) -> None:
            board.trace.value = timeline(trace_id, self.store).html()

        self._guarded(open_in)

    def _guarded(self, action: Callable[[Board], None]) -> None:
        """Do it; an error becomes a message, for nobody sees what a callback raises."""
        if self.board is None:
            return
        message = ""
        try:
            action(self.board)
        except Exception as error:
            message = (
                f"This is not up to date: {describe(error)}. If the store was closed, make a "
                "new Dashboard of the one that is open; else refresh again."
            )
        self.board.tell(message)


def _window_s(window: str) -> float:
    seconds = parse_duration(window)
    check("window", window, seconds >= 1, "5m, 15m, 1h, 6h or 24h")
    return seconds
