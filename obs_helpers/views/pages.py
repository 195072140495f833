"""The dashboard as HTML: its parts for the widget, and one file to share."""

import base64
from collections.abc import Iterable

from markupsafe import Markup

from obs_helpers.views import numbers as show
from obs_helpers.views.alert_lines import alert_lines, alert_note
from obs_helpers.views.cards import cards, coverage_line, window_line
from obs_helpers.views.drawing import drawing_style, png
from obs_helpers.views.html import render
from obs_helpers.views.panels import PANELS, draw
from obs_helpers.views.sheets import (
    Sheet,
    error_sheet,
    model_sheet,
    time_sheet,
    tool_sheet,
    trace_sheet,
)
from obs_helpers.views.snapshot import Snapshot


def style_html() -> Markup:
    """Return the style of all parts."""
    return render("dashboard_style.html")


def head_html(shot: Snapshot) -> Markup:
    """Return the title, the numbers and the alerts."""
    engine = shot.engine
    return render(
        "dashboard_head.html",
        window=window_line(shot.now),
        compare=shot.before is not None,
        last=show.moment(shot.now.last),
        warning=coverage_line(shot.now),
        cards=cards(shot),
        alerts=None if engine is None else alert_lines(engine),
        alerts_note=None if engine is None else alert_note(engine),
    )


def charts_html(shot: Snapshot) -> Markup:
    """Return the charts as pictures with alt text, inside the page itself."""
    charts = []
    with drawing_style():
        for name in PANELS:
            figure, alt = draw([name], shot)
            data = base64.b64encode(png(figure)).decode()  # only letters, digits, + / =
            charts.append({"data": Markup(data), "alt": alt})
    return render("dashboard_charts.html", charts=charts)


def tables_html(sheets: Iterable[Sheet]) -> Markup:
    """Return tables."""
    return render("dashboard_tables.html", tables=list(sheets))


def widget_sheets(shot: Snapshot) -> list[Sheet]:
    """Return the tables of the widget; traces have a list of their own there."""
    return [error_sheet(shot), model_sheet(shot), tool_sheet(shot)]


def page_html(shot: Snapshot) -> str:
    """Return all of it as one HTML page that loads nothing and runs nothing."""
    return render(
        "dashboard_page.html",
        window=window_line(shot.now),
        style=style_html(),
        head=head_html(shot),
        charts=charts_html(shot),
        tables=tables_html([*widget_sheets(shot), trace_sheet(shot)]),
        over_time=tables_html([time_sheet(shot)]),
    )
