"""The course's table of targets and alert thresholds, computed on real traffic."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from obs_helpers.store import Store
from obs_helpers.telemetry import current

if TYPE_CHECKING:
    import pandas as pd

_RUNS = "FROM spans WHERE operation = 'invoke_agent' AND end_time IS NOT NULL"
_PER_RUN = """
    FROM (SELECT trace_id, sum(input_tokens + output_tokens) AS tokens, sum(cost_usd) AS usd
          FROM spans WHERE operation = 'chat' AND input_tokens IS NOT NULL GROUP BY trace_id)
"""

_SUFFIX = {"s": "s", "tokens": " tokens", "%": "%"}


@dataclass(frozen=True, slots=True)
class Target:
    """One row of the table: what to measure, what to aim for, when to raise an alert."""

    name: str
    statistic: str
    """The outline leaves this open; a target without a statistic cannot be checked."""
    measure: str
    """What alert rules call it."""
    query: str
    """Gives one row: the value in `unit`, and the number of samples behind it."""
    unit: str
    target: float
    alert: float
    higher_is_better: bool = False

    @property
    def condition(self) -> str:
        """The alert threshold as a rule says it, such as `p95_latency > 5s`."""
        amount = f"${self.alert:g}" if self.unit == "USD" else f"{self.alert:g}{_SUFFIX[self.unit]}"
        return f"{self.measure} {'<' if self.higher_is_better else '>'} {amount}"

    def verdict(self, value: float) -> str:
        """Return `on target`, `off target` or `alert`."""
        sign = -1 if self.higher_is_better else 1
        if sign * value > sign * self.alert:
            return "alert"
        return "on target" if sign * value < sign * self.target else "off target"


TARGETS = (
    Target(
        "Response Time", "p95 of runs", "p95_latency",
        f"SELECT quantile_cont(duration_s, 0.95), count(*) {_RUNS}", "s", 2, 5,
    ),
    Target(
        "Token Usage", "p95 of runs", "p95_tokens_per_request",
        f"SELECT quantile_cont(tokens, 0.95), count(*) {_PER_RUN}", "tokens", 1000, 5000,
    ),
    Target(
        "Cost per Request", "p95 of runs", "p95_cost_per_request",
        f"SELECT quantile_cont(usd, 0.95), count(usd) {_PER_RUN}", "USD", 0.01, 0.05,
    ),
    Target(
        "Error Rate", "failed / finished runs", "error_rate",
        f"SELECT 100 * avg((status = 'ERROR')::INT), count(*) {_RUNS}", "%", 1, 5,
    ),
    Target(
        "Tool Success Rate", "successful / finished calls", "tool_success_rate",
        "SELECT 100 * avg((status <> 'ERROR')::INT), count(*) FROM spans "
        "WHERE operation = 'execute_tool' AND end_time IS NOT NULL",
        "%", 95, 90, higher_is_better=True,
    ),
)  # fmt: skip
"""Names, targets and thresholds are the course outline's."""
TARGET = {row.measure: row for row in TARGETS}
"""The same, by what rules call them: charts and default rules read their limits here."""


def scorecard(store: Store | None = None) -> "pd.DataFrame":
    """Return the table with the values of everything in the store; no data is no value."""
    import pandas as pd

    store = store or current().store
    rows = []
    for row in TARGETS:
        value, samples = store.rows(row.query)[0]
        known = value is not None
        rows.append(
            {
                "metric": row.name,
                "statistic": row.statistic,
                "value": round(float(value), 4) if known else None,
                "unit": row.unit,
                "target": row.target,
                "alert": row.alert,
                "verdict": row.verdict(float(value)) if known else "no data",
                "samples": samples,
            }
        )
    return pd.DataFrame(rows)
