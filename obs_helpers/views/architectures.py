"""The course's four architectures, drawn."""

from obs_helpers.views.chart import Chart

ARCHITECTURES = (
    ("0  Embedded", "this lesson, tests, one machine", ("Agent", "obs_helpers", "DuckDB", "SQL")),
    ("1  Basic logging", "development", ("Agent", "Logger", "Log file")),
    ("2  Centralized logging", "several agents", ("Agent", "Logger", "Aggregator", "Dashboard")),
    (
        "3  Full stack",
        "distributed systems",
        ("Agent", "OpenTelemetry", "Collector", "Loki · Prometheus · Jaeger"),
    ),
)


def architectures() -> Chart:
    """Return a chart with one row for each architecture."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(10, 4))
    ax.set(xlim=(0, 10.4), ylim=(-0.6, 3.7))
    ax.axis("off")
    for row, (name, suits, parts) in enumerate(ARCHITECTURES):
        y = 3 - row
        ax.text(0, y, f"{name}\n", va="center", fontweight="bold")
        ax.text(0, y - 0.2, suits, va="center", color="#555555", fontsize=9)
        for column, part in enumerate(parts):
            x = 3.4 + 1.9 * column
            box = {"boxstyle": "round,pad=0.4", "facecolor": "#e8f0fa", "edgecolor": "#4477aa"}
            ax.text(x, y, part.replace(" · ", "\n"), ha="center", va="center", bbox=box, fontsize=9)
            if column:
                arrow = {"arrowstyle": "->", "color": "#333333"}
                ax.annotate("", (x - 0.68, y), (x - 1.18, y), arrowprops=arrow)
    chains = "; ".join(f"{name.split('  ')[1]}: {' to '.join(p)}" for name, _, p in ARCHITECTURES)
    return Chart(figure, f"Four architectures. {chains}.")
