"""A previewed rule, drawn: the value, the threshold, and the states below it."""

from obs_helpers.alerting.alert import State
from obs_helpers.alerting.preview import Preview
from obs_helpers.views.chart import Chart

_BARS = {
    State.PENDING: ("#ddcc77", "//"),
    State.FIRING: ("#cc3311", ""),
    State.RECOVERING: ("#ee9988", ".."),
}
"""Colour and hatching: the states differ without colour, too."""


def preview_chart(previewed: Preview) -> Chart:
    """Return a chart of one rule over its history.

    With several sets of labels the highest value is drawn, and a state if any has it.
    """
    import matplotlib.dates as mdates
    import matplotlib.pyplot as plt

    rule, times = previewed.rule, previewed.moments
    figure, (above, below) = plt.subplots(
        2, sharex=True, figsize=(8, 3.4), height_ratios=(5, 1), layout="constrained"
    )
    known = [[a.value for a in alerts if a.value is not None] for alerts in previewed.alerts]
    above.plot(times, [max(values, default=float("nan")) for values in known], linewidth=1)
    above.axhline(float(rule.comparison.threshold), color="black", linestyle="-.")
    above.set(ylabel=f"{rule.metric} ({rule.measure.unit.value})", title=rule.condition)
    for state, (color, hatch) in _BARS.items():
        on = [any(alert.state is state for alert in alerts) for alerts in previewed.alerts]
        below.fill_between(
            times, 0, 1, where=on, step="pre", color=color, hatch=hatch, label=state.value
        )
    below.set(yticks=[], ylim=(0, 1), xlabel="time (UTC)")
    below.legend(ncol=3, loc="upper left", bbox_to_anchor=(0, -0.9), frameon=False)
    below.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    return Chart(figure, _words(previewed))


def _words(previewed: Preview) -> str:
    firings = previewed.firings()
    shown = "; ".join(
        f"{f.start:%H:%M} to {f.end:%H:%M}" if f.end else f"{f.start:%H:%M} to the end"
        for f in firings[:5]
    )
    more = f" and {len(firings) - 5} more" if len(firings) > 5 else ""
    rule = previewed.rule
    return f"{rule.name}, {rule.condition}: fires {len(firings)} times: {shown or 'never'}{more}."
