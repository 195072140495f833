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
    found = store.rows("SELECT start_time FROM spans WHERE parent_id IS NULL")
    counts = dict.fromkeys(pd.date_range(start, end, freq="min", inclusive="left", tz="UTC"), 0)
    for at, in found:
        minute = pd.Timestamp(at.replace(second=0, microsecond=0), tz="UTC")
        if minute in counts:
            counts[minute] += 1
    return pd.DataFrame({"minute": list(counts), "requests": list(counts.values())})
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
        (sql_1(more=""), "model and tool calls are counted as well"),
        (
            sql_1(more=" AND operation = 'invoke_agent' AND end_time IS NOT NULL"),
            "they have arrived, too",
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
        (sql_1(order=", span_id ORDER BY minute"), "Two rows have the same minute"),
    ],
    2: [
        (sql_2(n="count(*)"), "have no response time yet"),
        (sql_2(more=""), "model and tool calls are parts of one"),
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
        ("def response_time(store, start, end): return {'avg': 1.0}", "There is no key 'mean' or"),
        ("def response_time(store, start, end): return 1.6", "It gave float: a dict with `mean`"),
        ("def response_time(store, start, end): {}", "did you forget a `return`?"),
        (
            "def response_time(store, start, end): "
            "return {'mean': 1.63, 'p50': 1.4, 'p95': 2.33, 'n': 7200}",
            "not the number of runs that started and ended there",
        ),
    ],
    3: [
        (sql_3(ran=""), "nobody waited for their answer"),
        (sql_3(ran="", ended=""), "cancelled and open runs are in n"),
        (sql_3(ended=""), "runs that have not ended are in n"),
        (
            sql_3(ran="""AND (attributes->>'$."agent.cancelled"') <> 'true'"""),
            "most do not say anything (NULL)",
        ),
        (
            sql_3(
                ran="",
                percent="100 * avg((status = 'ERROR' OR "
                """coalesce(attributes->>'$."agent.cancelled"', 'false') = 'true')::INT)""",
            ),
            "cancelled runs are counted as errors",
        ),
        (sql_3(run="", ran="", ended=""), "a failed tool call is no failed run"),
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
        (sql_3(percent="100 * avg((status = 'UNSET')::INT)"), "does not fit the number of failed"),
        (sql_3(n="count(*) FILTER (status = 'ERROR')"), "not the number of runs that ended by"),
        (
            sql_3(result="{'percent': percent or 0, 'n': n}"),
            "In an hour without runs, percent is 0: without data the error rate is not known",
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
        (plot_5(p95="", mean="", last="ax.legend(['p95', 'mean'])"), "differ in colour only"),
        (plot_5(p95="label='p95'", mean="color='red', label='mean'"), "use line styles or markers"),
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
        (plot_5(y="points['p95_s'].fillna(0)"), "falls to 0 in the hour without data"),
        (plot_5(x="points.index"), "The x values begin with 0"),
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
            "and yours shows the numbers of",
        ),
        (live_6(given=""), "raised TypeError: "),
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
            "the day begins at midnight",
        ),
        (
            cost_7(end="start_time < ?", values="[midnight, midnight + timedelta(days=1)]"),
            "which nobody can know of yet",
        ),
        (cost_7(least="6"), "there is no trend to follow"),
        (cost_7(least="20"), "you say None, and"),
        (
            cost_7(
                line=LEVEL.format("spent / gone").replace(
                    "slope", "spent = sum(usd.values()); slope", 1
                )
            ),
            "that is too low",
        ),
        (cost_7(line=LEAST_SQUARES), "one hour bends your line"),
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
        (cost_7(result="2 * ahead + spent"), "that is too high; it should come within 10%"),
        (cost_7(result="'12 USD'"), "The projection is '12 USD'"),
        (cost_7(result="1.5"), "costs about the same, you say 1.5 USD: that is too low"),
    ],
}
"""Sources of cells, each with a part of the message that it must get and no other one gets."""
