"""The exercise *Performance dashboard*: its steps, their checks and hints."""

from obs_helpers.checks import answers_2
from obs_helpers.checks.dashboard_cost import project_cost
from obs_helpers.checks.dashboard_live import live
from obs_helpers.checks.dashboard_numbers import error_rate, response_time
from obs_helpers.checks.dashboard_tables import requests_per_minute, tokens_per_hour
from obs_helpers.checks.dashboard_views import draw_response_time
from obs_helpers.checks.exercise import Exercise, Step

STEPS = (
    Step(
        "requests per minute",
        ("requests_per_minute",),
        requests_per_minute,
        (
            "Count in your table: does a minute in which nobody asked have a row? And what is "
            "a request: every span, or one kind of them?",
            "Begin with a list of all minutes of the window, from DuckDB's `range` or pandas' "
            "`date_range`. Then bring the counted runs to it with a LEFT JOIN, or with "
            "`reindex`. Mind that a LEFT JOIN keeps a row for a minute without runs.",
            "FROM range($start::TIMESTAMP, $end::TIMESTAMP, INTERVAL 1 MINUTE) AS minutes(minute) "
            "LEFT JOIN spans ON date_trunc('minute', …) = minute AND operation = … "
            "GROUP BY minute ORDER BY minute, and count a column that is NULL without a run.",
        ),
        "You can now see when users come, and when nobody does.",
    ),
    Step(
        "response time",
        ("response_time",),
        response_time,
        (
            "Look at an hour without runs, and at a run that has not ended: which of your four "
            "numbers is not known then, and which one is?",
            "One SELECT is enough: `avg`, `quantile_cont` and a count, with the condition for "
            "the window and for runs. DuckDB's aggregates skip NULL, and give NULL without rows; "
            "`store.rows` hands NULL over as None, and a pandas table as nan.",
            "row = store.rows('SELECT avg(…), quantile_cont(…, 0.5), quantile_cont(…, 0.95), "
            "count(…) FROM spans WHERE operation = … AND start_time >= ? AND start_time < ?', "
            "[start, end])[0], then zip the four names with it.",
        ),
        "You can now say how long the slowest users wait, and on how many runs that is based.",
    ),
    Step(
        "error rate",
        ("error_rate",),
        error_rate,
        (
            "Which runs belong into `n`? Ask it of a run that has not ended, and of one that its "
            "caller cancelled. Then ask what a span without the attribute answers.",
            "Read the attribute from the JSON column `attributes`. Most spans do not have it, so "
            "you get NULL; a comparison with NULL is neither true nor false. Use IS DISTINCT "
            "FROM, or coalesce. Percent is a mean, too: of 0 and 100.",
            "SELECT avg(CASE WHEN status = … THEN 100 ELSE 0 END), count(*) FROM spans WHERE … "
            "AND end_time NOTNULL AND (attributes->>'$.\"agent.cancelled\"') IS DISTINCT FROM …",
        ),
        "You can now tell a failing agent from users who changed their mind.",
    ),
    Step(
        "token trend",
        ("tokens_per_hour",),
        tokens_per_hour,
        (
            "Who uses up tokens: a run, a model call, a tool? Add up each token once, where it "
            "was used. And what is the sum over an hour without calls?",
            "As in step 1: a list of hours, a LEFT JOIN with the model calls, GROUP BY. The sum "
            "of no rows is NULL; coalesce makes it 0. Cached tokens are part of the input.",
            "SELECT hour, coalesce(sum(…), 0)::BIGINT AS input, … AS output FROM range(…, "
            "INTERVAL 1 HOUR) AS hours(hour) LEFT JOIN spans ON date_trunc('hour', …) = hour AND "
            "operation = … GROUP BY hour ORDER BY hour",
        ),
        "You can now see in which hour prompts began to grow, before the bill comes.",
    ),
    Step(
        "chart of the response time",
        ("draw_response_time",),
        draw_response_time,
        (
            "Print the chart in black and white in your mind. Can a stranger tell which line is "
            "which, what the numbers mean, and whether they are good?",
            "Use the methods of `ax`: `plot` with `linestyle`, `marker` and `label`, `axhline` "
            "for a limit, `set` for both axis labels, `legend`. `plot` leaves a gap where it "
            "finds NaN, so leave the values as they are.",
            "ax.plot(points['time'], points['p95_s'], marker=…, label='p95'), the same for the "
            "mean with another linestyle, ax.axhline(…, label='target 2 s'), …, "
            "ax.set(xlabel='… (UTC)', ylabel='… (s)'), ax.legend()",
        ),
        "Readers can now compare the response time with its limits at a glance.",
    ),
    Step(
        "live",
        ("live",),
        live,
        (
            "Three events must lead to fresh numbers: the start, a selection, a click. Which of "
            "them does yours miss?",
            "Write one inner function that asks `numbers` for the selected window and puts the "
            "text into the `value` of a Label. Call it once; register it with the selector's "
            "`observe` for the name `value`, and with the button's `on_click`. Both call it with "
            "one argument.",
            "def show(_=None): label.value = numbers(…); choice.observe(show, names=…); "
            "button.on_click(…); show(); return widgets.VBox([choice, …])",
        ),
        "Your dashboard now answers for the window that is asked for, at the time of asking.",
    ),
    Step(
        "challenge: the cost of the day",
        ("project_cost",),
        project_cost,
        (
            "Plot the cost of each complete hour. Which straight line would you draw by hand, "
            "if some hours are far off? And what does an hour without any call cost?",
            "Add up the hours first, those without calls as 0, and leave the running one out. "
            "Then find a line that odd hours cannot move: the median of the slopes between "
            "all pairs of hours (Theil and Sen), or a fit without the outliers. Add what was "
            "spent, and the line for each hour to come, for a part of the running one, never "
            "less than 0.",
            "slope = median((b - a) / (j - i) for … in combinations(enumerate(past), 2)), "
            "base = median(usd - slope * h for h, usd in enumerate(past)), and then "
            "spent + sum(max(0, base + slope * h) * … for h in range(len(past), 24))",
        ),
        "You can now warn in the afternoon of what the day will have cost at midnight.",
    ),
)
"""In their order."""

exercise = Exercise("02-performance-dashboard", STEPS, vars(answers_2))
