"""Action items: what to change, and the alert or test that will show that it was done."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from obs_helpers.alerting.impact import duration_text, error_types, impact, suspects
from obs_helpers.alerting.incident import Incident
from obs_helpers.alerting.preview import preview
from obs_helpers.alerting.rules import DEFAULT_RULES, AlertRule
from obs_helpers.given import check
from obs_helpers.store import Store

KINDS = ("detect", "prevent", "mitigate")
"""Find it sooner, let it not happen, or make it hurt less."""

CANDIDATES = (
    *DEFAULT_RULES,
    AlertRule("AgentEmptyResults", "empty_result_rate > 5%", for_="2m", min_failures=3),
)
"""Rules that are tried on the incident: would one have seen it sooner?"""


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One thing to do.

    Raises:
        ValueError: `kind` is none of `KINDS`.
    """

    what: str
    kind: str
    caught_by: str
    """Name of the alert or the test that would have caught it."""
    owner: str = "TODO"
    """A role."""
    due: str = "TODO"

    def __post_init__(self) -> None:
        """Check the kind."""
        check("kind", self.kind, self.kind in KINDS, f"one of {', '.join(KINDS)}")


def suggested(
    incident: Incident,
    store: Store,
    start: datetime,
    end: datetime,
    rules: Sequence[AlertRule] = CANDIDATES,
) -> list[ActionItem]:
    """Return action items that follow from the telemetry: one to detect, one to prevent.

    Args:
        incident: What happened.
        store: The telemetry of that time.
        start: When the impact began.
        end: When it ended.
        rules: Those to try on it.
    """
    return [
        _sooner(incident, store, start, rules) or _stay_as_fast(incident, start),
        *_prevent(store, start, end),
    ]


def _sooner(
    incident: Incident, store: Store, start: datetime, rules: Sequence[AlertRule]
) -> ActionItem | None:
    """Return the rule that would have fired first, if that was before the detection."""
    known = {alert.name for alert in incident.alerts.values()}
    moments = [
        (moment, rule)
        for rule in rules
        if rule.name not in known
        for moment in [_first_page(rule, store, start, incident.opened_at)]
        if moment is not None
    ]
    if not moments:
        return None
    moment, rule = min(moments, key=lambda each: each[0])
    sooner = duration_text((incident.opened_at - moment).total_seconds())
    missed = impact(store, moment, incident.opened_at)[0].text
    what = (
        f"Switch on {rule.name} ({rule.condition} over {rule.window}): it would have fired at "
        f"{moment:%H:%M:%S} UTC, {sooner} before the incident was opened; runs affected in "
        f"between: {missed}"
    )
    return ActionItem(what, "detect", rule.name)


def _first_page(rule: AlertRule, store: Store, start: datetime, end: datetime) -> datetime | None:
    if start >= end:
        return None
    firings = preview(rule, store, start, end).firings()
    return firings[0].start if firings and firings[0].start < end else None


def _stay_as_fast(incident: Incident, start: datetime) -> ActionItem:
    if not incident.alerts:
        what = f"Write a rule that would have seen {incident.title}; none that was tried did"
        return ActionItem(what, "detect", f"test_{_slug(incident.title)}_is_detected")
    took = duration_text((incident.opened_at - start).total_seconds())
    what = f"Replay this incident in a test; {incident.title} must fire within {took}, as it did"
    return ActionItem(what, "detect", f"test_{_slug(incident.title)}_fires_in_time")


def _prevent(store: Store, start: datetime, end: datetime) -> Iterator[ActionItem]:
    errors, worst = error_types(store, start, end)[:1], suspects(store, start, end)[:1]
    for name, number in errors:
        what = f"Let a run survive {name or 'an error'}: {number:,} runs failed with it"
        yield ActionItem(what, "prevent", f"test_run_survives_{_slug(name)}")
    if worst and not errors:
        one = worst[0]
        what = f"Say so when {one.who} fails or finds nothing: {one.bad:,} of {one.calls:,} calls"
        yield ActionItem(what, "prevent", f"test_{_slug(one.who)}_finds_nothing")


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_").lower() or "error"
