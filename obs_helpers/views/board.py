"""The dashboard's widget: its parts from top to bottom, and what each of them shows."""

from typing import Any

from obs_helpers.views import pages
from obs_helpers.views.controls import Controls
from obs_helpers.views.html import render
from obs_helpers.views.sheets import trace_head
from obs_helpers.views.snapshot import Choice, Snapshot


class Board:
    """One widget, of parts that are filled again and again."""

    def __init__(self, choice: Choice) -> None:
        """Lay out the parts, still empty, with the controls set to `choice`."""
        import ipywidgets as widgets

        self.controls = Controls(choice)
        self.message, self.head, self.charts = (widgets.HTML() for _ in range(3))
        self.tables, self.trace = (widgets.HTML() for _ in range(2))
        heads = widgets.HTML(render("dashboard_list.html", head=trace_head()))
        for part in (self.message, self.head, self.charts, self.tables, self.trace, heads):
            part.add_class("obs-part")
        *above, of_traces = self.controls.rows()
        parts = [widgets.HTML(pages.style_html()), *above, self.message, self.head, self.charts]
        parts += [self.tables, of_traces, heads, self.controls.traces, self.trace]
        self.widget: Any = widgets.VBox(parts)

    def show(self, shot: Snapshot) -> None:
        """Fill all parts but the timeline, which stays as the reader opened it."""
        self.controls.show_traces(shot.traces)
        self.head.value = pages.head_html(shot)
        self.charts.value = pages.charts_html(shot)
        self.tables.value = pages.tables_html(pages.widget_sheets(shot))

    def tell(self, message: str) -> None:
        """Show a message above everything, or none."""
        self.message.value = render("dashboard_message.html", text=message)
