"""Answers to the exercise *Performance dashboard*: right ones of all kinds, and usual slips."""

from typing import Final


def sql_1(**changes: str) -> str:
    """Return an answer to step 1 in SQL, with some of its parts changed."""
    parts = {"count": "count(span_id)", "more": " AND operation = 'invoke_agent'"}
    parts |= {"time": "start_time", "to": "$end", "order": " ORDER BY minute"} | changes
    return f'''
def requests_per_minute(store, start, end):
    return store.sql("""
        SELECT minute, {parts["count"]} AS requests
        FROM range($start::TIMESTAMP, {parts["to"]}::TIMESTAMP, INTERVAL 1 MINUTE) AS t(minute)
        LEFT JOIN spans ON date_trunc('minute', {parts["time"]}) = minute{parts["more"]}
        GROUP BY minute{parts["order"]}""", {{"start": start, "end": end}})
'''


def sql_2(**changes: str) -> str:
    """Return an answer to step 2 in SQL."""
    parts = {"mean": "avg(duration_s)", "p95": "quantile_cont(duration_s, 0.95)"}
    parts |= {"n": "count(duration_s)", "more": " AND operation = 'invoke_agent'"}
    parts |= {"where": "start_time >= ? AND start_time < ?"} | changes
    return f'''
def response_time(store, start, end):
    (row,) = store.rows("""
        SELECT {parts["mean"]}, quantile_cont(duration_s, 0.5), {parts["p95"]}, {parts["n"]}
        FROM spans WHERE {parts["where"]}{parts["more"]}""", [start, end])
    return dict(zip(("mean", "p50", "p95", "n"), row))
'''


def sql_3(**changes: str) -> str:
    """Return an answer to step 3 in SQL."""
    parts = {"percent": "100 * avg((status = 'ERROR')::INT)", "n": "count(*)"}
    parts |= {"ended": " AND end_time IS NOT NULL", "run": " AND operation = 'invoke_agent'"}
    parts |= {"to": "<", "result": "{'percent': percent, 'n': n}"}
    parts |= {"ran": """ AND (attributes->>'$."agent.cancelled"') IS DISTINCT FROM 'true'"""}
    parts |= changes
    return f'''
def error_rate(store, start, end):
    ((percent, n),) = store.rows("""
        SELECT {parts["percent"]}, {parts["n"]} FROM spans
        WHERE start_time >= ? AND start_time {parts["to"]} ?{parts["run"]}{parts["ended"]}
        {parts["ran"]}""", [start, end])
    return {parts["result"]}
'''


def sql_4(**changes: str) -> str:
    """Return an answer to step 4 in SQL."""
    parts = {"input": "coalesce(sum(input_tokens), 0)", "output": "coalesce(sum(output_tokens), 0)"}
    parts |= {"more": " AND operation = 'chat'", "join": "LEFT JOIN"} | changes
    return f'''
def tokens_per_hour(store, start, end):
    return store.sql("""
        SELECT hour, {parts["input"]} AS input, {parts["output"]} AS output
        FROM range($start::TIMESTAMP, $end::TIMESTAMP, INTERVAL 1 HOUR) AS t(hour)
        {parts["join"]} spans ON date_trunc('hour', start_time) = hour{parts["more"]}
        GROUP BY hour ORDER BY hour""", {{"start": start, "end": end}})
'''


def plot_5(**changes: str) -> str:
    """Return an answer to step 5."""
    parts = {"x": "points['time']", "y": "points['p95_s']", "p95": "marker='o', label='p95'"}
    parts |= {"mean": "linestyle='--', label='mean'", "target": "ax.axhline(2, linestyle=':')"}
    parts |= {"alert": "ax.axhline(5, linestyle='-.')", "last": "ax.legend()"}
    parts |= {"axes": "ax.set(xlabel='time (UTC)', ylabel='response time (s)')"} | changes
    return f"""
def draw_response_time(ax, points):
    ax.plot({parts["x"]}, {parts["y"]}, {parts["p95"]})
    ax.plot(points['time'], points['mean_s'], {parts["mean"]})
    {parts["target"]}
    {parts["alert"]}
    {parts["axes"]}
    {parts["last"]}
"""


def live_6(**changes: str) -> str:
    """Return an answer to step 6."""
    parts = {"kind": "Dropdown", "show": "text.value = numbers(choice.value)", "first": "show()"}
    parts |= {"observe": "choice.observe(show, names='value')", "click": "button.on_click(show)"}
    parts |= {"result": "return widgets.VBox([choice, button, text])", "text": "Label()"}
    parts |= {"options": "list(minutes)", "given": "_=None"} | changes
    return f"""
def live(minutes, numbers):
    choice = widgets.{parts["kind"]}(options={parts["options"]})
    button, text = widgets.Button(description="Refresh"), widgets.{parts["text"]}
    def show({parts["given"]}):
        {parts["show"]}
    {parts["observe"]}
    {parts["click"]}
    {parts["first"]}
    {parts["result"]}
"""


def cost_7(**changes: str) -> str:
    """Return an answer to step 7 that draws the line with the medians of all slopes."""
    parts = {"where": "operation = 'chat' AND", "start": "start_time >= ?", "end": "start_time < ?"}
    parts |= {"values": "[midnight, now]", "past": "[usd.get(h) or 0.0 for h in range(int(gone))]"}
    parts |= {"least": "8", "ahead": "max(0.0, base + slope * h)", "kind": "::DOUBLE"}
    parts |= {"line": LINE, "result": "spent + ahead"} | changes
    return f'''
from itertools import combinations
from statistics import fmean, median
def project_cost(store, now):
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    gone = (now - midnight) / timedelta(hours=1)
    usd = dict(store.rows("""SELECT hour(start_time), sum(cost_usd){parts["kind"]} FROM spans
        WHERE {parts["where"]} {parts["start"]} AND {parts["end"]} GROUP BY ALL""",
        {parts["values"]}))
    past = {parts["past"]}
    if len(past) < {parts["least"]}:
        return None
    {parts["line"]}
    spent = sum(cost or 0.0 for cost in usd.values())
    ahead = sum({parts["ahead"]} * max(0, min(1, h + 1 - gone)) for h in range(len(past), 24))
    return {parts["result"]}
'''


LINE: Final = """slope = median((b - a) / (j - i)
                   for (i, a), (j, b) in combinations(enumerate(past), 2))
    base = median(cost - slope * h for h, cost in enumerate(past))"""
LEAST_SQUARES: Final = """middle = (len(past) - 1) / 2
    slope = (sum((h - middle) * cost for h, cost in enumerate(past))
             / sum((h - middle) ** 2 for h in range(len(past))))
    base = fmean(past) - slope * middle"""
WITHOUT_THE_DEAREST: Final = """dearest = max(range(len(past)), key=past.__getitem__)
    kept = [(h, cost) for h, cost in enumerate(past) if h != dearest]
    hm, cm = fmean(h for h, _ in kept), fmean(cost for _, cost in kept)
    slope = sum((h - hm) * (c - cm) for h, c in kept) / sum((h - hm) ** 2 for h, _ in kept)
    base = cm - slope * hm"""
LEVEL: Final = "slope, base = 0.0, {}"

RIGHT: dict[int, list[str]] = {
    1: [
        sql_1(),
        """
def requests_per_minute(store, start, end):
    runs = store.sql("SELECT start_time FROM spans WHERE operation = 'invoke_agent'")
    minutes = pd.date_range(start, end, freq="min", inclusive="left", name="minute")
    counts = runs["start_time"].dt.floor("min").value_counts()
    return counts.reindex(minutes, fill_value=0).rename("requests").reset_index()
""",
        """
async def requests_per_minute(store, start, end):
    minutes, rows = [], []
    while start < end:
        n = store.value("SELECT count(*) FROM spans WHERE operation = 'invoke_agent' "
                        "AND start_time >= ? AND start_time < ?",
                        [start, start + timedelta(minutes=1)])
        rows.append({"requests": n, "minute": start})
        start += timedelta(minutes=1)
    return pd.DataFrame(rows)
""",
        """
def requests_per_minute(store, start, end):
    found = store.rows("SELECT start_time, operation FROM spans")
    counts = dict.fromkeys(pd.date_range(start, end, freq="min", inclusive="left", tz="UTC"), 0)
    for at in (at for at, operation in found if operation == "invoke_agent"):
        minute = pd.Timestamp(at.replace(second=0, microsecond=0), tz="UTC")
        if minute in counts:
            counts[minute] += 1
    return pd.DataFrame({"minute": list(counts), "requests": list(counts.values())})
""",
        """
def requests_per_minute(store, start, end):
    found = store.sql("SELECT date_trunc('minute', start_time) AS minute, count(*) AS requests "
                      "FROM spans WHERE operation = 'invoke_agent' AND start_time >= ? "
                      "AND start_time < ? GROUP BY 1", [start, end])
    minutes = pd.DataFrame({"minute": pd.date_range(start, end, freq="min", inclusive="left")})
    return minutes.merge(found, how="left").fillna({"requests": 0})
""",
    ],
    2: [
        sql_2(),
        """
import statistics
def response_time(store, start, end):
    rows = store.rows("SELECT duration_s FROM spans WHERE operation = 'invoke_agent' AND "
                      "end_time IS NOT NULL AND start_time >= ? AND start_time < ?", [start, end])
    seconds = [row[0] for row in rows]
    if not seconds:
        return {"mean": None, "p50": None, "p95": None, "n": 0}
    return {"mean": statistics.fmean(seconds), "p50": statistics.median(seconds),
            "p95": statistics.quantiles(seconds, n=20)[-1], "n": len(seconds)}
""",
        """
def response_time(store, start, end):
    runs = store.sql("SELECT * FROM spans WHERE operation = 'invoke_agent'")
    inside = runs[(runs["start_time"] >= start) & (runs["start_time"] < end)]["duration_s"].dropna()
    n = len(inside)
    known = {"mean": inside.mean(), "p50": inside.quantile(), "p95": inside.quantile(0.95)}
    return {name: round(value, 2) if n else None for name, value in known.items()} | {"n": n}
""",
        """
async def response_time(store, start, end):
    rows = store.rows("FROM spans SELECT duration_s WHERE operation = 'invoke_agent' AND "
                      "start_time >= ? AND start_time < ? AND status <> 'RUNNING'", [start, end])
    s = sorted(seconds for seconds, in rows)
    nearest = lambda q: s[-(-int(q * 100) * len(s) // 100) - 1] if s else None
    return dict(mean=sum(s) / len(s) if s else None, p50=nearest(0.5), p95=nearest(0.95), n=len(s))
""",
        sql_2(p95="quantile_disc(duration_s, 0.95)", more=" AND parent_id IS NULL"),
        sql_2(p95="approx_quantile(duration_s, 0.95)"),
        """
def response_time(store, start, end):
    (row,) = store.rows('''
        WITH runs AS (SELECT list(duration_s) FILTER (duration_s NOTNULL) AS s FROM spans
                      WHERE operation = 'invoke_agent' AND start_time >= ? AND start_time < ?)
        SELECT list_aggregate(s, 'avg'), list_aggregate(s, 'median'),
               list_aggregate(s, 'quantile_cont', 0.95), coalesce(len(s), 0) FROM runs
        ''', [start, end])
    return dict(zip(("mean", "p50", "p95", "n"), row))
""",
        """
def response_time(store, start, end):
    (row,) = store.rows('''
        WITH runs AS (SELECT duration_s, row_number() OVER (ORDER BY duration_s) AS rank,
                      count(*) OVER () AS n FROM spans WHERE operation = 'invoke_agent'
                      AND end_time NOTNULL AND start_time >= ? AND start_time < ?)
        SELECT avg(duration_s), min(duration_s) FILTER (rank >= 0.5 * n),
               min(duration_s) FILTER (rank >= 0.95 * n), count(*) FROM runs
        ''', [start, end])
    return dict(zip(("mean", "p50", "p95", "n"), row))
""",
    ],
    3: [
        sql_3(),
        """
import json
def error_rate(store, start, end):
    rows = store.rows("SELECT status, attributes FROM spans WHERE operation = 'invoke_agent' AND "
                      "end_time IS NOT NULL AND start_time >= ? AND start_time < ?", [start, end])
    ended = [status for status, text in rows if not json.loads(text).get("agent.cancelled")]
    percent = 100 * ended.count("ERROR") / len(ended) if ended else None
    return {"percent": percent, "n": len(ended)}
""",
        sql_3(ran="""AND coalesce(attributes->>'$."agent.cancelled"', 'false') = 'false'"""),
        """
async def error_rate(store, start, end):
    runs = store.sql('''SELECT *, attributes->>'$."agent.cancelled"' AS cancelled FROM spans
                        WHERE operation = 'invoke_agent' AND duration_s IS NOT NULL''')
    runs = runs[runs["start_time"].between(start, end, inclusive="left")]
    runs = runs[runs["cancelled"].fillna("false") != "true"]
    if runs.empty:
        return {"percent": None, "n": 0}
    return {"percent": float((runs["status"] == "ERROR").mean() * 100), "n": len(runs)}
""",
        sql_3(
            percent="round(100.0 * count(*) FILTER (status = 'ERROR') / nullif(count(*), 0), 2)",
            ran="""AND NOT coalesce((attributes->>'$."agent.cancelled"')::BOOLEAN, false)""",
        ),
    ],
    4: [
        sql_4(),
        """
def tokens_per_hour(store, start, end):
    calls = store.sql("SELECT * FROM spans WHERE operation = 'chat' AND input_tokens IS NOT NULL")
    sums = calls.groupby(calls["start_time"].dt.floor("h"))[["input_tokens", "output_tokens"]].sum()
    hours = pd.date_range(start, end, freq="h", inclusive="left", name="hour")
    sums.columns = ["input", "output"]
    return sums.reindex(hours, fill_value=0).reset_index()
""",
        """
async def tokens_per_hour(store, start, end):
    hours = {}
    for n in range(int((end - start) / timedelta(hours=1))):
        hours[start + timedelta(hours=n)] = [0, 0]
    for at, read, written in store.rows("SELECT date_trunc('hour', start_time), input_tokens, "
                                        "output_tokens FROM spans WHERE operation = 'chat'"):
        if at in hours:
            hours[at][0] += read or 0
            hours[at][1] += written or 0
    return pd.DataFrame([(at, *sums) for at, sums in hours.items()],
                        columns=["hour", "input", "output"])
""",
        sql_4(
            more=" AND name LIKE 'chat%'",
            input="sum(coalesce(input_tokens, 0))",
            output="ifnull(sum(output_tokens), 0)",
        ),
        """
def tokens_per_hour(store, start, end):
    calls = store.sql("SELECT start_time, input_tokens AS input, output_tokens AS output "
                      "FROM spans WHERE operation = 'chat' AND start_time >= ? AND start_time < ?",
                      [start, end])
    hours = pd.date_range(start, end, freq="h", inclusive="left", name="hour")
    sums = calls.set_index("start_time").resample("h").sum()
    return sums.reindex(hours, fill_value=0).reset_index()
""",
    ],
    5: [
        plot_5(),
        plot_5(target="ax.hlines([2, 5], *ax.get_xlim())", alert=""),
        plot_5(
            p95="'s-', label='the p95'",
            mean="'s:', label='mean of the hour'",
            axes="ax.set_xlabel('hour, UTC'); ax.set_ylabel('seconds')",
        ),
        """
def draw_response_time(ax, points):
    points.rename(columns={"p95_s": "p95", "mean_s": "mean"}).plot(
        ax=ax, x="time", y=["p95", "mean"], style=["-o", "--"])
    for seconds, name in ((2, "target"), (5, "alert")):
        ax.plot(points["time"], [seconds] * len(points), ":", label=name)
    ax.set(xlabel="Time [UTC]", ylabel="Response time [s]")
    ax.legend(loc="upper left")
""",
        plot_5(
            last="ax.text(points['time'][0], 3, 'p95'); ax.text(points['time'][0], 1, 'mean')",
            p95="drawstyle='steps-post', marker='x'",
            mean="",
        ),
        """
async def draw_response_time(ax, points):
    for name, marker in {"mean": "x", "p95": "v"}.items():
        values = points[name + "_s"].tolist()
        ax.step(list(points["time"]), values, marker=marker, label=name, where="mid")
    ax.axhline(y=2.0)
    ax.axhline(y=5.0)
    ax.set_xlabel("UTC")
    ax.set_ylabel("response time in s")
    ax.figure.legend()
""",
        plot_5(
            p95="marker='o'",
            mean="linestyle='--'",
            last="ax.legend(['p95', 'mean', 'target', 'alert'])",
        ),
        plot_5(
            p95="linestyle=(0, (1, 1))",
            mean="linestyle=(0, (5, 2))",
            last="ax.legend(ax.get_lines()[:2], ['p95 in s', 'mean in s'])",
        ),
        plot_5(x="points['time'].dt.tz_localize('UTC').tolist()"),
    ],
    6: [
        live_6(),
        live_6(
            kind="ToggleButtons",
            options="[(f'{n} min', n) for n in minutes]",
            observe="choice.observe(show)",
            text="HTML()",
        ),
        live_6(
            kind="SelectionSlider",
            text="Textarea()",
            given="*_",
            result="return widgets.HBox([widgets.VBox([text]), choice, button])",
        ),
        live_6(
            kind="Select",
            options="{str(n): n for n in minutes}",
            show="text.value = '<b>' + numbers(choice.value) + '</b>'",
            text="HTML()",
        ),
        live_6(
            options="[str(n) for n in minutes]",
            show="text.value = {n: numbers(int(n)) for n in choice.options}[choice.value]",
        ),
        live_6(
            given="change=None",
            show="text.value = numbers(change['new'] if change else choice.value)",
            click="button.on_click(lambda _: show())",
        ),
        """
async def live(minutes, numbers):
    class Panel(widgets.VBox):
        def __init__(self):
            self.choice = widgets.RadioButtons(options=minutes, value=minutes[-1])
            self.text, self.again = widgets.Text(disabled=True), widgets.Button(icon="refresh")
            super().__init__([self.text, self.choice, self.again])
            self.choice.observe(lambda change: self.show(), "value")
            self.again.on_click(lambda button: self.show())
            self.show()
        def show(self):
            self.text.value = numbers(self.choice.value)
    return Panel()
""",
    ],
    7: [
        cost_7(),
        """
import statistics
async def project_cost(store, now):
    midnight = datetime(now.year, now.month, now.day)
    calls = store.sql("SELECT start_time AS at, cost_usd::DOUBLE AS usd FROM spans WHERE "
                      "operation = 'chat' AND start_time >= ? AND start_time < ?", [midnight, now])
    hours = pd.date_range(midnight, now.replace(minute=0), freq="h", inclusive="left")
    if len(hours) < 8:
        return None
    past = calls.groupby(calls["at"].dt.floor("h"))["usd"].sum().reindex(hours, fill_value=0.0)
    half = len(past) // 2
    first, second = past.iloc[:half].median(), past.iloc[half:].median()
    slope = (second - first) / (len(past) - half)
    level = statistics.median(past - slope * pd.Series(range(len(past)), past.index))
    gone = (now - midnight) / timedelta(hours=1)
    left = [(h + 0.5, min(1, h + 1 - gone)) for h in range(len(past), 24)]
    return float(calls["usd"].sum()) + sum(max(0, level + slope * h) * part for h, part in left)
""",
        cost_7(
            line="""kept = list(enumerate(past))
    for _ in range(2):
        typical = median(cost for _, cost in kept)
        far = median(abs(cost - typical) for _, cost in kept)
        kept = [(h, cost) for h, cost in kept if abs(cost - typical) <= 5 * far + 1e-9]
        hm, cm = fmean(h for h, _ in kept), fmean(cost for _, cost in kept)
        slope = (sum((h - hm) * (cost - cm) for h, cost in kept)
                 / sum((h - hm) ** 2 for h, _ in kept))
        base = cm - slope * hm"""
        ),
        cost_7(
            ahead="max(0.0, base + slope * h - (usd.get(h) or 0.0))",
            result="spent + ahead",
        ).replace(" * max(0, min(1, h + 1 - gone))", ""),
        """
import numpy as np
def project_cost(store, now):
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    usd, done = np.zeros(24), now.hour
    for hour, cost in store.rows(
            "SELECT hour(start_time), sum(cost_usd)::DOUBLE FROM spans WHERE operation = 'chat' "
            "AND start_time >= ? AND start_time < ? GROUP BY 1", [midnight, now]):
        usd[hour] = cost or 0
    if done < 8:
        return None
    hours, kept = np.arange(24), np.full(done, True)
    for _ in range(3):
        line = np.polyval(np.polyfit(hours[:done][kept], usd[:done][kept], 1), hours)
        far = abs(usd - line)[:done]
        kept = far <= 4 * np.median(far) + 1e-9
    left = 1 - (now - now.replace(minute=0)) / timedelta(hours=1)
    parts = np.array([left] + [1] * (23 - done))
    return usd.sum() + (line[done:].clip(0) * parts).sum()
""",
        '''
def project_cost(store, now):
    return store.value("""
        WITH hours AS (
            SELECT h, coalesce(sum(cost_usd), 0)::DOUBLE AS usd
            FROM range(24) AS t(h) LEFT JOIN spans ON operation = 'chat'
              AND date_trunc('day', start_time) = date_trunc('day', $now::TIMESTAMP)
              AND start_time < $now AND hour(start_time) = h GROUP BY h),
        past AS (FROM hours WHERE h < hour($now::TIMESTAMP)),
        line AS (SELECT median((b.usd - a.usd) / (b.h - a.h)) AS slope
                 FROM past a JOIN past b ON a.h < b.h),
        base AS (SELECT median(usd - slope * h) AS base FROM past, line)
        SELECT CASE WHEN hour($now::TIMESTAMP) >= 8 THEN
            (SELECT sum(usd) FROM hours) + (
                SELECT sum(greatest(0, base + slope * h) * least(
                           1, h + 1 - hour($now::TIMESTAMP) - minute($now::TIMESTAMP) / 60))
                FROM hours, line, base WHERE h >= hour($now::TIMESTAMP)) END
        """, {"now": now})
''',
    ],
}
"""Sources of cells, by step."""

WRONG: dict[int, list[tuple[str, str]]] = {
    1: [
        (
            """
def requests_per_minute(store, start, end):
    return store.sql("SELECT date_trunc('minute', start_time) AS minute, count(*) AS requests "
                     "FROM spans WHERE operation = 'invoke_agent' AND start_time >= ? "
                     "AND start_time < ? GROUP BY minute ORDER BY minute", [start, end])
""",
            "quiet ones need a row as well",
        ),
        (sql_1(count="count(*)"), "no run started in that minute"),
        (
            sql_1(more=" AND operation = 'invoke_agent' AND status <> 'ERROR'"),
            "failed runs are left out",
        ),
        (sql_1(more=""), "model and tool calls are counted, too"),
        (
            sql_1(more=" AND operation = 'invoke_agent' AND end_time IS NOT NULL"),
            "runs that are still going on are left out",
        ),
        (sql_1(time="end_time"), "when it starts, not when it ends"),
        (sql_1(to="($end + INTERVAL 1 MINUTE)"), "`end` itself is not part of it"),
        (sql_1(order=""), "SQL promises none without ORDER BY"),
        (sql_1(count="nullif(count(span_id), 0)"), "the sum is 0"),
        (
            """
def requests_per_minute(store, start, end):
    return store.sql("SELECT date_trunc('minute', start_time) AS minute, count(*) AS requests "
                     "FROM spans WHERE operation = 'invoke_agent' GROUP BY minute ORDER BY minute")
""",
            "that is outside of it",
        ),
        ("def requests_per_minute(store, start, end): pd.DataFrame()", "forget a `return`"),
        ("def requests_per_minute(store, start, end): return 60", "It gave int: a DataFrame"),
        (
            "def requests_per_minute(store, start, end): return store.sql("
            "'SELECT start_time AS minute, 1 AS n FROM spans')",
            "There is no column 'requests'; the columns of yours are minute, n",
        ),
        (
            "def requests_per_minute(store, start, end): return store.sql("
            "'SELECT time FROM spans')",
            "raised StoreError: ",
        ),
        (sql_1(count="2 * count(span_id)"), "not the number of runs that started"),
        (sql_1(count="count(DISTINCT trace_id)", more=""), "goes on in the next minute"),
        (
            sql_1().replace(
                "date_trunc('minute', start_time) = minute",
                "strftime(start_time, '%H:%M') = strftime(minute, '%H:%M')",
            ),
            "runs of the day before",
        ),
        (
            """
def requests_per_minute(store, start, end):
    rows = []
    for number in range(start.minute, min(60, start.minute + (end - start).seconds // 60)):
        at = start.replace(minute=number)
        n = store.value("SELECT count(*) FROM spans WHERE operation = 'invoke_agent' "
                        "AND start_time >= ? AND start_time < ?", [at, at + timedelta(minutes=1)])
        rows.append((at, n))
    return pd.DataFrame(rows, columns=["minute", "requests"])
""",
            "have no row, the first at 00:00",
        ),
        (
            """
def requests_per_minute(store, start, end):
    runs = store.sql("SELECT start_time FROM spans WHERE operation = 'invoke_agent' "
                     "AND start_time >= ? AND start_time < ?", [start, end])["start_time"]
    if runs.empty:
        return pd.DataFrame({"minute": [], "requests": []})
    minutes = pd.date_range(runs.min().floor("min"), end, freq="min", inclusive="left")
    counts = runs.dt.floor("min").value_counts().reindex(minutes, fill_value=0)
    return counts.rename_axis("minute").rename("requests").reset_index()
""",
            "20 of its 20 minutes have no row",
        ),
        (sql_1(order=", span_id ORDER BY minute"), "Two rows have the same minute"),
        (sql_1(more=" AND parent_id IS NULL"), "a span without a parent is not always a run"),
    ],
    2: [
        (sql_2(n="count(*)"), "runs that have not ended are in n"),
        (sql_2(more=""), "model and tool calls are in n"),
        (sql_2(where="? < ?"), "all runs of the store"),
        (
            sql_2(where="end_time >= ? AND end_time < ?"),
            "belongs to the window in which it started",
        ),
        (sql_2(where="start_time > ? AND start_time < ?"), "`start` itself is in the window"),
        (sql_2(where="start_time BETWEEN ? AND ?"), "`end` itself is not in the window"),
        (sql_2(more=" AND operation = 'invoke_agent' AND status <> 'ERROR'"), "failed runs are"),
        (sql_2(mean="1000 * avg(duration_s)"), "not milliseconds"),
        (sql_2(mean="median(duration_s)"), "that is the median"),
        (sql_2(mean="sum(duration_s)"), "not the mean over the runs"),
        (sql_2(p95="max(duration_s)"), "the slowest run of all"),
        (sql_2(p95="avg(duration_s)"), "that is the mean"),
        (sql_2(p95="quantile_cont(duration_s, 0.9)"), "and it should be 95 %"),
        (
            sql_2(mean="coalesce(avg(duration_s), 0)"),
            "mean is 0.0: without data the response time is not known",
        ),
        (
            """
def response_time(store, start, end):
    seconds = store.sql("SELECT duration_s FROM spans WHERE operation = 'invoke_agent' AND end_time"
                        " NOTNULL AND start_time >= ? AND start_time < ?", [start, end]).duration_s
    return {"mean": seconds.mean(), "p50": seconds.quantile(0.5), "p95": seconds.quantile(0.95),
            "n": len(seconds)}
""",
            "a dashboard would show `nan`",
        ),
        (
            """
def response_time(store, start, end):
    seconds = [s for s, in store.rows("SELECT duration_s FROM spans WHERE operation = "
               "'invoke_agent' AND end_time NOTNULL AND start_time >= ? AND start_time < ?",
               [start, end])]
    return {"mean": sum(seconds) / len(seconds), "p50": sorted(seconds)[len(seconds) // 2],
            "p95": sorted(seconds)[int(0.95 * len(seconds))], "n": len(seconds)}
""",
            "raised ZeroDivisionError",
        ),
        (
            sql_2(
                where="date_trunc('hour', start_time) = date_trunc('hour', ?::TIMESTAMP)"
            ).replace("[start, end]", "[start]"),
            "that is the hour, not the window",
        ),
        (sql_2(where="start_time >= ?").replace("[start, end]", "[start]"), "runs after `end`"),
        (sql_2(mean="round(avg(duration_s), 1)"), "keep at least two decimals"),
        (
            """
import statistics
def response_time(store, start, end):
    rows = store.rows("SELECT duration_s FROM spans WHERE operation = 'invoke_agent' "
                      "AND start_time >= ? AND start_time < ?", [start, end])
    if not rows:
        return {"mean": None, "p50": None, "p95": None, "n": 0}
    seconds = [s for s, in rows if s is not None]
    return {"mean": statistics.fmean(seconds), "p50": statistics.median(seconds),
            "p95": statistics.quantiles(seconds, n=20)[-1], "n": len(seconds)}
""",
            "raised StatisticsError",
        ),
        (
            """
import statistics
def response_time(store, start, end):
    rows = store.rows("SELECT date_trunc('minute', start_time), duration_s FROM spans WHERE "
                      "operation = 'invoke_agent' AND end_time NOTNULL AND start_time >= ? "
                      "AND start_time < ?", [start, end])
    if not rows:
        return {"mean": None, "p50": None, "p95": None, "n": 0}
    minutes = {}
    for minute, seconds in rows:
        minutes.setdefault(minute, []).append(seconds)
    everything = sorted(seconds for _, seconds in rows)
    return {"mean": statistics.fmean(everything), "n": len(rows),
            "p50": statistics.median(map(statistics.median, minutes.values())),
            "p95": everything[int(0.95 * len(rows))]}
""",
            "and it should be 50 %",
        ),
        ("def response_time(store, start, end): return {'avg': 1.0}", "There is no key 'mean' or"),
        ("def response_time(store, start, end): return 1.6", "It gave float: a dict with `mean`"),
        ("def response_time(store, start, end): {}", "did you forget a `return`?"),
        (
            "def response_time(store, start, end): "
            "return {'mean': 1.63, 'p50': 1.4, 'p95': 2.33, 'n': 7200}",
            "not the number of runs that started in the window and have ended",
        ),
    ],
    3: [
        (sql_3(ran=""), ": cancelled runs are in n"),
        (sql_3(ran="", ended=""), "runs that have not ended are in n; cancelled runs"),
        (sql_3(ended=""), ": runs that have not ended are in n\nStuck"),
        (
            sql_3(ran="""AND (attributes->>'$."agent.cancelled"') <> 'true'"""),
            "most runs do not say whether they were cancelled (NULL)",
        ),
        (
            sql_3(
                ran="",
                percent="100 * avg((status = 'ERROR' OR "
                """coalesce(attributes->>'$."agent.cancelled"', 'false') = 'true')::INT)""",
            ),
            "cancelled runs are counted as errors",
        ),
        (sql_3(run="", ran="", ended=""), "they are parts of a run; runs that have not ended"),
        (
            sql_3(run=" AND operation = 'invoke_agent' AND status IN ('OK', 'ERROR')"),
            "have the status `UNSET`",
        ),
        (
            sql_3(run=" AND operation = 'invoke_agent' AND end_time < '2100-01-01'", to="<= ")
            .replace("start_time >= ?", "end_time >= ?")
            .replace("start_time <= ", "end_time < "),
            "a run belongs to the window in which it started",
        ),
        (sql_3(to="<="), "`end` itself is not in the window"),
        (sql_3(percent="avg((status = 'ERROR')::INT)"), "that is a fraction; give percent"),
        (
            sql_3(percent="100 * avg((status = 'UNSET')::INT)"),
            "the share of runs that did not fail",
        ),
        (sql_3(n="count(*) FILTER (status = 'ERROR')"), "not the number of runs that ended by"),
        (
            sql_3(result="{'percent': percent or 0, 'n': n}"),
            "In a window without runs, percent is 0: without data the error rate is not known",
        ),
        (
            """
def error_rate(store, start, end):
    rows = store.rows('''SELECT status FROM spans WHERE operation = 'invoke_agent'
        AND end_time NOTNULL AND start_time >= ? AND start_time < ?
        AND (attributes->>'$."agent.cancelled"') IS DISTINCT FROM 'true' ''', [start, end])
    failed = rows.count(("ERROR",))
    return {"percent": 100 * failed / len(rows), "n": len(rows)}
""",
            "raised ZeroDivisionError: division by zero\nat line 6",
        ),
        (
            """
def error_rate(store, start, end):
    runs = store.sql('''SELECT status FROM spans WHERE operation = 'invoke_agent'
        AND end_time NOTNULL AND start_time >= ? AND start_time < ?
        AND (attributes->>'$."agent.cancelled"') IS DISTINCT FROM 'true' ''', [start, end])
    return {"percent": 100 * float((runs["status"] == "ERROR").mean()), "n": len(runs)}
""",
            "percent is nan",
        ),
        (
            sql_3(ran="""AND (attributes->>'$."agent.cancelled"') IS NULL"""),
            "runs that say `false` are missing",
        ),
        (sql_3(run=""), "they are parts of a run\nStuck"),
        (
            sql_3()
            .replace("start_time >= ?", "date_trunc('hour', start_time) = date_trunc('hour', ?::")
            .replace("AND start_time < ?", "TIMESTAMP)")
            .replace("[start, end]", "[start]"),
            "that is the hour, not the window",
        ),
        (
            """
def error_rate(store, start, end):
    failed, n = store.rows(
        "SELECT count(*) FILTER (status = 'ERROR'), count(*) FILTER ("
        "(attributes->>'$.\\"agent.cancelled\\"') IS DISTINCT FROM 'true') FROM spans "
        "WHERE operation = 'invoke_agent' AND end_time NOTNULL "
        "AND start_time >= ? AND start_time < ?", [start, end])[0]
    return {"percent": 100 * failed / n if n else None, "n": n}
""",
            "no failed one, whatever its status",
        ),
        (
            sql_3(percent="count(*) FILTER (status = 'ERROR') * 100 // nullif(count(*), 0)"),
            "which is rounded",
        ),
        (sql_3(result="percent"), "It gave float: a dict with `percent`, `n`"),
        (sql_3(result="{'percent': percent}"), "There is no key 'n'"),
        (sql_3(result="{'percent': None, 'n': 0}"), "percent is None, and there is data"),
    ],
    4: [
        (sql_4(more=""), "counts these tokens twice"),
        (
            sql_4(input="coalesce(sum(input_tokens + cached_tokens), 0)"),
            "yours adds them again",
        ),
        (sql_4(input="coalesce(sum(input_tokens - cached_tokens), 0)"), "yours leaves them out"),
        (sql_4(join="JOIN"), "quiet ones need a row as well"),
        (sql_4(input="sum(input_tokens)"), "where nothing happened, the sum is 0"),
        (
            sql_4(input="coalesce(avg(input_tokens), 0)", output="coalesce(avg(output_tokens), 0)"),
            "not the mean of a call",
        ),
        (
            sql_4(input="coalesce(sum(output_tokens), 0)", output="coalesce(sum(input_tokens), 0)"),
            "are exchanged",
        ),
        (sql_4(more=" AND operation = 'invoke'"), "these are not the sums"),
        (
            sql_4(input="greatest(1, coalesce(sum(input_tokens), 0))"),
            "no model call started in that hour",
        ),
        (sql_4(more=" AND operation = 'chat' AND start_time > $start"), "on the stroke of an hour"),
        (sql_4(more=" AND operation = 'invoke_agent'"), "not every run has the sum"),
        (
            sql_4().replace("'hour', start_time", "'hour', end_time"),
            "a call counts at its start, not at its end",
        ),
        (
            sql_4().replace(
                "date_trunc('hour', start_time) = hour", "hour(start_time) = hour(hour)"
            ),
            "calls of the day before",
        ),
        (
            sql_4().replace(
                "spans ON date_trunc('hour', start_time) = hour",
                "(SELECT s.*, r.start_time AS began FROM spans s JOIN spans r USING (trace_id) "
                "WHERE r.operation = 'invoke_agent') ON date_trunc('hour', began) = hour",
            ),
            "not when its run does",
        ),
        (
            """
def tokens_per_hour(store, start, end):
    rows = []
    for number in range(start.hour, end.hour):
        at = start.replace(hour=number)
        rows += [(at, *sums) for sums in store.rows(
            "SELECT coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0) FROM spans "
            "WHERE operation = 'chat' AND start_time >= ? AND start_time < ?",
            [at, at + timedelta(hours=1)])]
    return pd.DataFrame(rows, columns=["hour", "input", "output"])
""",
            "hours have no row, the first at",
        ),
        (
            "def tokens_per_hour(store, start, end): return store.sql('SELECT hour(start_time) AS "
            "hour, sum(input_tokens) AS input, 1 AS output FROM spans GROUP BY 1')",
            "give a time with its date",
        ),
        (
            "def tokens_per_hour(store, start, end): return store.sql("
            "'SELECT hour(start_time) AS hour, sum(input_tokens) AS tokens FROM spans GROUP BY 1')",
            "There is no column 'input' or 'output'",
        ),
        ("def tokens_per_hour(store, start, end): store.sql('FROM spans')", "forget a `return`"),
        (
            """
def tokens_per_hour(store, start, end):
    sums = {}
    for at, read, written in store.rows("SELECT date_trunc('hour', start_time), input_tokens, "
                                        "output_tokens FROM spans WHERE operation = 'chat'"):
        sums[at] = sums.get(at, 0) + read
    return pd.DataFrame({"hour": sums, "input": sums, "output": sums})
""",
            "raised TypeError: unsupported operand",
        ),
    ],
    5: [
        (
            plot_5(p95="", mean="", last="ax.legend(['p95', 'mean'])"),
            "colour or width do not count",
        ),
        (
            plot_5(p95="label='p95', linewidth=3", mean="color='red', label='mean', linewidth=1"),
            "have the same line style and the same marker",
        ),
        (plot_5(target=""), "The target is missing"),
        (plot_5(alert=""), "The alert is missing"),
        (plot_5(last="ax.legend(); ax.set_ylim(0, 4.9)"), "The alert cannot be seen"),
        (plot_5(last=""), "No legend is shown"),
        (plot_5(p95="marker='o'"), "is not there as 'p95'"),
        (
            plot_5(p95="marker='o', label='mean'", mean="linestyle=':', label='p95'"),
            "The line with the values of `p95_s` is called 'mean'",
        ),
        (plot_5(axes=""), "Axes without words"),
        (plot_5(axes="ax.set(xlabel='time (UTC)', ylabel='response')"), "the unit is missing"),
        (plot_5(axes="ax.set(xlabel='hour', ylabel='time (s)')"), "the time zone is missing"),
        (plot_5(y="points['p95_s'].fillna(0)"), "is at 0 in the hour without data"),
        (plot_5(x="points.index"), "The x values begin with 0"),
        (plot_5(x="points['time'] + timedelta(hours=1)"), "T01:00:00"),
        (plot_5(x="[t.timestamp() for t in points['time']]"), ": draw over this column"),
        (plot_5(p95="linestyle='none', label='p95'"), "nobody sees it"),
        (
            plot_5(p95="marker='o', label='p95', alpha=0"),
            "The line of p95 is transparent, its alpha is 0",
        ),
        (
            plot_5(mean="linestyle='--', label='mean', color=(0, 0, 1, 0.01)"),
            "The line of mean is transparent, its alpha is 0.01",
        ),
        (
            plot_5(mean="linestyle='--', label='mean', visible=False"),
            "The line of mean is transparent, its alpha is 0:",
        ),
        (
            plot_5(mean="linestyle='--', label='mean', linewidth=0"),
            "The line of mean has the width 0",
        ),
        (plot_5(target="ax.axhline(2, alpha=0)"), "The target is transparent, its alpha is 0"),
        (
            plot_5(alert="ax.hlines(5, *ax.get_xlim(), alpha=0.05)"),
            "The alert is transparent, its alpha is 0.05",
        ),
        (
            plot_5(axes="ax.set(xlabel='time (UTC)', ylabel='response time (ms)')"),
            "and so must the unit be",
        ),
        (
            plot_5(axes='ax.set(xlabel="time (UTC)", ylabel="The agent\'s response time")'),
            'response time": the unit is missing',
        ),
        (
            plot_5(axes="ax.set(xlabel='time (UTC+1)', ylabel='response time (s)')"),
            "'time (UTC+1)': the time zone is missing",
        ),
        (plot_5(last="ax.legend(); ax.set_ylim(2, 6)"), "the y axis goes from 2 to 6"),
        (plot_5(y="points['p95_s'].ffill()"), "in the hour without data: keep the gap"),
        (
            plot_5(x="points.dropna()['time']", y="points.dropna()['p95_s']"),
            "connects across the hour without data",
        ),
        (plot_5(y="points['p95_s'] * 1000"), "is in milliseconds"),
        (plot_5(y="points['mean_s']"), "no line through all values of `p95_s`"),
        (
            """
import matplotlib.pyplot as plt
def draw_response_time(ax, points):
    plt.figure()
    plt.plot(points["time"], points["p95_s"])
    plt.plot(points["time"], points["mean_s"], "--")
""",
            "but on a figure of plt's own",
        ),
        ("def draw_response_time(ax, points): ax.set(xlabel='time (UTC)')", "call its methods"),
        ("def draw_response_time(ax, points): ax.plot(points.p95)", "raised AttributeError"),
    ],
    6: [
        (live_6(observe=""), "nothing changes: tell the selector what to call"),
        (live_6(click=""), "tell the button what to call"),
        (live_6(first=""), "Before anything is selected there are no numbers"),
        (
            live_6(
                observe="known = {n: numbers(n) for n in minutes}",
                click="choice.observe(lambda change: setattr(text, 'value', "
                "known[choice.value]), names='value')",
            ),
            "numbers from before are old by now",
        ),
        (
            live_6(
                given="change={'old': 0}",
                first="text.value = numbers(minutes[0])",
                show="text.value = numbers(change['old'])",
            ),
            "yours shows the numbers of",
        ),
        (live_6(given=""), "raised TypeError: "),
        (
            live_6(click="button.on_click(lambda: show())"),
            "a click on the button: your callback() raised TypeError",
        ),
        (live_6(options="sorted(minutes)"), "options are in the order of `minutes`"),
        (
            live_6(click="button.on_click(lambda _: setattr(text, 'value', numbers(minutes[0])))"),
            "After a click on the button, ",
        ),
        (live_6(options="[str(n) for n in minutes]"), "it takes minutes, as a number"),
        (live_6(show="text.value += numbers(choice.value)"), "numbers from before are shown, too"),
        (
            live_6(show="text.value = numbers(choice.value or 5)", options="minutes, value=None"),
            "At first no window is selected",
        ),
        (live_6(show="numbers(choice.value)"), "is in no widget's `value`"),
        (
            live_6(text="Output()", show="with text: print(numbers(choice.value))"),
            "not into an Output",
        ),
        (live_6(result="widgets.VBox([choice, button, text])"), "Return a widget"),
        (live_6(result="return [choice, button, text]"), "It gave list: return one widget"),
        (live_6(result="return widgets.VBox([choice, text])"), "There is no Button in what"),
        (live_6(result="return text"), "There is no widget to select from"),
        (live_6(options="[5]"), "The selector has 1 options, and 3 windows were given"),
    ],
    7: [
        (cost_7(result="spent"), "the day goes on"),
        (cost_7(where=""), "runs repeat the cost of their calls"),
        (
            cost_7(start="start_time IS NOT NULL", values="[now]"),
            "a call belongs to the day in which it started",
        ),
        (
            cost_7(end="start_time < ?", values="[midnight, midnight + timedelta(days=1)]"),
            "which nobody can know of yet",
        ),
        (cost_7(least="6"), "there is no trend to follow"),
        (cost_7(least="9"), "At 08:00 you say None"),
        (cost_7(line=LEVEL.format("past[-1]")), "on which each hour costs more than the last"),
        (cost_7(end="end_time < ?"), "which began before `now` and ends after it"),
        (
            cost_7().replace("max(0, min(1, h + 1 - gone))", "1"),
            "that is too high; half of the running hour",
        ),
        (
            cost_7().replace("max(0, min(1, h + 1 - gone))", "(h > int(gone))"),
            "that is too low; half of the running hour",
        ),
        (cost_7(result="round(spent + ahead)"), "rounded to whole dollars"),
        (cost_7(least="20"), "you say None, and"),
        (
            cost_7(
                line=LEVEL.format("spent / gone").replace(
                    "slope", "spent = sum(usd.values()); slope", 1
                )
            ),
            "the rest of the day will not be like the hours before it",
        ),
        (cost_7(line=LEAST_SQUARES), "one hour bends your line"),
        (cost_7(line=WITHOUT_THE_DEAREST), "the second one still bends your line"),
        (cost_7(ahead="(base + slope * h)"), "that is less than was spent"),
        (
            cost_7(
                past="[cost for h, cost in sorted(usd.items()) if h < int(gone)]",
                least="0",
                line="if gone < 8: return None\n    " + LINE,
            ),
            "hours without model calls cost 0",
        ),
        (cost_7(kind=""), "raised TypeError: unsupported operand type(s)"),
        (cost_7(result="2 * ahead + spent"), "be within 20% of the truth with the rest"),
        (cost_7(result="'12 USD'"), "The projection is '12 USD'"),
        (cost_7(result="1.5"), "costs about the same, you say 1.5 USD: that is too low"),
    ],
}
"""Sources of cells, each with a part of the message that it must get and no other one gets."""
