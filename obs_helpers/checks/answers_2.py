"""Right answers to the exercise 02-performance-dashboard, cut from its solution."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import ipywidgets as widgets
import pandas as pd
from matplotlib.axes import Axes

from obs_helpers import Store


def requests_per_minute(store: Store, start: datetime, end: datetime) -> pd.DataFrame:
    """Return one row per minute, in order of time, with the columns `minute` and `requests`.

    `start` belongs to the window, `end` does not; both are whole minutes. From 12:00 to
    12:20 there are 20 rows, of which the last is for 12:19.
    """
    query = """
        SELECT minute, count(span_id) AS requests
        FROM range($start::TIMESTAMP, $end::TIMESTAMP, INTERVAL 1 MINUTE) AS minutes(minute)
        LEFT JOIN spans ON date_trunc('minute', start_time) = minute AND operation = 'invoke_agent'
        GROUP BY minute ORDER BY minute
    """
    return store.sql(query, {"start": start, "end": end})


def response_time(store: Store, start: datetime, end: datetime) -> dict[str, float | int | None]:
    """Return `mean`, `p50` and `p95` in seconds, and `n`, the number of runs behind them.

    They are about runs that started in the window (without `end`) and have ended. Without
    any, the result is {"mean": None, "p50": None, "p95": None, "n": 0}.
    """
    query = """
        SELECT avg(duration_s), quantile_cont(duration_s, 0.5), quantile_cont(duration_s, 0.95),
               count(duration_s)
        FROM spans WHERE operation = 'invoke_agent' AND start_time >= ? AND start_time < ?
    """
    return dict(zip(("mean", "p50", "p95", "n"), store.rows(query, [start, end])[0], strict=True))


def error_rate(store: Store, start: datetime, end: datetime) -> dict[str, float | int | None]:
    """Return `percent` of the runs that failed, and `n`, the number of runs it is based on.

    They are about runs that started in the window (without `end`), have ended, and were not
    cancelled. One failed of eight: {"percent": 12.5, "n": 8}. None: {"percent": None, "n": 0}.
    """
    query = """
        SELECT 100 * avg((status = 'ERROR')::INT), count(*) FROM spans
        WHERE operation = 'invoke_agent' AND end_time IS NOT NULL
          AND start_time >= ? AND start_time < ?
          AND (attributes->>'$."agent.cancelled"') IS DISTINCT FROM 'true'
    """
    percent, n = store.rows(query, [start, end])[0]
    return {"percent": percent, "n": n}


def tokens_per_hour(store: Store, start: datetime, end: datetime) -> pd.DataFrame:
    """Return one row per hour, in order of time, with the columns `hour`, `input`, `output`.

    Sums of tokens, of model calls that started in the hour; cached tokens are part of the
    input. `start` belongs to the window, `end` does not; both are whole hours.
    """
    query = """
        SELECT hour, coalesce(sum(input_tokens), 0)::BIGINT AS input,
               coalesce(sum(output_tokens), 0)::BIGINT AS output
        FROM range($start::TIMESTAMP, $end::TIMESTAMP, INTERVAL 1 HOUR) AS hours(hour)
        LEFT JOIN spans ON date_trunc('hour', start_time) = hour AND operation = 'chat'
        GROUP BY hour ORDER BY hour
    """
    return store.sql(query, {"start": start, "end": end})


def draw_response_time(ax: Axes, points: pd.DataFrame) -> None:
    """Draw the columns `p95_s` and `mean_s` (seconds) of `points` over its column `time`."""
    ax.plot(points["time"], points["p95_s"], marker="o", label="p95")
    ax.plot(points["time"], points["mean_s"], linestyle="--", label="mean")
    ax.axhline(2, color="gray", linestyle=":", label="target 2 s")
    ax.axhline(5, color="black", linestyle="-.", label="alert 5 s")
    ax.set(xlabel="time (UTC)", ylabel="response time (s)")
    ax.legend(ncol=2)


def live(minutes: Sequence[int], numbers: Callable[[int], str]) -> widgets.Widget:
    """Return a selector, a button and a text, in one widget.

    `minutes` are the windows to select from, in this order. `numbers(15)` returns a text
    about the last 15 minutes; each time it is asked, it looks into the store again.
    """
    choice = widgets.ToggleButtons(options=[(f"{n} min", n) for n in minutes])
    button, text = widgets.Button(description="Refresh"), widgets.Label()

    def show(_: object = None) -> None:
        text.value = numbers(choice.value)

    choice.observe(show, names="value")
    button.on_click(show)
    show()
    return widgets.VBox([choice, button, text])


def project_cost(store: Store, now: datetime) -> float | None:
    """Return what the day of `now`, midnight to midnight, will have cost, in USD.

    With fewer than 8 complete hours since midnight there is not enough data: None. A call
    counts at its start: not if that is at `now` or later, nor if it is before midnight.
    """
    from itertools import combinations
    from statistics import median

    midnight = datetime.combine(now, datetime.min.time())
    gone = (now - midnight) / timedelta(hours=1)
    query = """SELECT hour(start_time), sum(cost_usd)::DOUBLE FROM spans
               WHERE operation = 'chat' AND start_time >= ? AND start_time < ? GROUP BY ALL"""
    usd: dict[int, float] = dict(store.rows(query, [midnight, now]))
    past = [usd.get(hour) or 0.0 for hour in range(int(gone))]
    if len(past) < 8:
        return None
    slope = median((b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(past), 2))
    base = median(cost - slope * hour for hour, cost in enumerate(past))
    coming = {hour: min(1.0, hour + 1 - gone) for hour in range(len(past), 24)}
    ahead = sum(max(0.0, base + slope * hour) * part for hour, part in coming.items())
    return sum(cost or 0.0 for cost in usd.values()) + ahead
