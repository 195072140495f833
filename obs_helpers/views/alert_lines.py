"""The alerts that an engine knows of, as lines of the dashboard."""

from dataclasses import dataclass

from obs_helpers.alerting.alert import State
from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.safe_text import one_line

_MOODS = {State.FIRING: "bad", State.RECOVERING: "warn", State.PENDING: "warn"}


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert, as text."""

    state: str
    mood: str
    name: str
    tags: str
    severity: str
    summary: str
    since: str


def alert_lines(engine: AlertEngine) -> list[AlertLine]:
    """Return what fires, recovers, waits, or has just ended, as of the last evaluation."""
    lines = []
    for alert in sorted(engine.alerts, key=lambda one: (not one.state.active, one.name, one.tags)):
        since = alert.resolved_at or alert.fired_at or alert.active_at
        lines.append(
            AlertLine(
                alert.state.value,
                _MOODS.get(alert.state, "none"),
                one_line(alert.name),
                one_line(", ".join(alert.tags)),
                one_line(alert.severity, 20),
                one_line(alert.annotations.get("summary", alert.reason), 200),
                f"{since:%Y-%m-%d %H:%M:%S} UTC" if since else "-",
            )
        )
    return lines


def alert_note(engine: AlertEngine) -> str:
    """Return how many alerts are active, of how many rules, and which rules cannot tell."""
    active = sum(alert.state.active for alert in engine.alerts)
    broken = [one_line(name) for name, state in engine.states.items() if state.failures]
    note = f"{active or 'No'} active, {len(engine.states)} rules, as of the last evaluation."
    return note + (f" Without an answer: {', '.join(broken)}." if broken else "")
