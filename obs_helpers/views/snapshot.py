"""What a reader chose to see, and all that there is to show of it at one moment."""

from dataclasses import dataclass
from datetime import datetime

from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.insight import tables
from obs_helpers.insight.budgets import Budget
from obs_helpers.insight.overview import Overview, overview
from obs_helpers.insight.spend import Spend, spend
from obs_helpers.insight.view import WINDOWS, View
from obs_helpers.store import Store


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reader chose to see."""

    window_s: float = WINDOWS["24h"]
    session: str | None = None
    model: str | None = None
    agent: str | None = None
    compare: bool = False
    """With the window before."""
    order: str = "newest"
    """Of the traces."""

    def view(self, until: datetime) -> View:
        """Return the chosen window that ends at `until`, UTC without a time zone."""
        return View(until, self.window_s, self.session, self.model, self.agent)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to show; how it looks is the business of others."""

    now: Overview
    before: Overview | None
    """The window before, if it is to be compared with."""
    models: list[tables.ModelRow]
    tools: list[tables.ToolRow]
    errors: list[tables.ErrorRow]
    traces: list[tables.TraceRow]
    spend: Spend | None
    """What was spent of the budget, if there is one."""
    engine: AlertEngine | None


def take_snapshot(
    store: Store,
    choice: Choice,
    until: datetime,
    budget: Budget | None = None,
    engine: AlertEngine | None = None,
) -> Snapshot:
    """Read what was chosen, as of `until`, UTC without a time zone.

    Raises:
        StoreError: the store cannot answer.
    """
    view = choice.view(until)
    return Snapshot(
        now=overview(store, view),
        before=overview(store, view.before) if choice.compare else None,
        models=tables.model_table(store, view),
        tools=tables.tool_table(store, view),
        errors=tables.top_errors(store, view),
        traces=tables.trace_table(store, view, choice.order),
        spend=spend(store, budget, until) if budget else None,
        engine=engine,
    )
