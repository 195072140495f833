"""The post-mortem: what happened, in a document that telemetry begins and people finish.

It is blameless: it asks how the incident could happen, never whose fault it was. What
telemetry knows is filled in, with its evidence. What only people know says TODO.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from obs_helpers.alerting.actions import CANDIDATES, ActionItem, suggested
from obs_helpers.alerting.evidence import NOTE, Evidence, Timeline
from obs_helpers.alerting.impact import (
    duration_text,
    error_types,
    impact,
    impact_window,
    suspects,
)
from obs_helpers.alerting.incident import Incident, Times
from obs_helpers.alerting.markdown import Document, Markdown
from obs_helpers.alerting.preview import Preview
from obs_helpers.alerting.rules import AlertRule
from obs_helpers.alerting.timeline import timeline
from obs_helpers.alerting.wording import blame_words
from obs_helpers.signals.redaction import Redactor
from obs_helpers.store import Store

_NAMED = 3
"""Error types, and tools or models, that the document names."""


@dataclass(frozen=True)
class _Facts:
    """All that goes into the document."""

    incident: Incident
    store: Store
    start: datetime | None
    """When the impact began; None if nothing tells."""
    window: tuple[datetime, datetime]
    """The time whose runs are counted: without a known start, from the opening on."""
    summary: str
    timeline: Timeline
    actions: Sequence[ActionItem]


def postmortem(
    incident: Incident,
    store: Store,
    *,
    summary: str = "",
    action_items: Sequence[ActionItem] = (),
    previews: Sequence[Preview] = (),
    rules: Sequence[AlertRule] = CANDIDATES,
    started: datetime | None = None,
    ended: datetime | None = None,
    redact: Redactor | None = None,
) -> Document:
    """Return the post-mortem of `incident` as Markdown.

    Args:
        incident: What happened, as its alerts and its people tell it.
        store: The telemetry of that time.
        summary: Two or three sentences for those who read nothing else.
        action_items: What was decided; what telemetry suggests is added.
        previews: Rules whose alerts would have been there, for the timeline.
        rules: Tried on the incident: would one have found it sooner?
        started: When the impact began; see `impact_window` for the default.
        ended: When it ended.
        redact: Cleans all texts; by the default rules unless given.

    Raises:
        ValueError: `started` is after the incident was opened, or after the end.
    """
    start, end = impact_window(incident, store, started, ended)
    window = (start or min(incident.opened_at, end), end)
    facts = _Facts(
        incident=incident,
        store=store,
        start=start,
        window=window,
        summary=summary,
        timeline=timeline(incident, store, previews, start, redact),
        actions=[*action_items, *suggested(incident, store, *window, rules)],
    )
    return Document("\n".join(_lines(facts, Markdown(redact))) + "\n")


def _lines(facts: _Facts, md: Markdown) -> Iterator[str]:
    numbers = _numbers(facts.timeline)
    yield f"# Post-mortem: {md.text(facts.incident.title)}"
    yield from ("", "Blameless: it asks how this could happen, not whose fault it was.", "")
    yield from ("## Summary", "", *_summary(facts, md), "")
    yield from ("## Impact", "", *_impact(facts, md), "")
    yield from ("## Times", "", *_times(facts.incident.times(facts.start), md), "")
    yield from ("## Timeline", "", *_timeline(facts.timeline, numbers, md), "")
    yield from ("## Trigger and contributing factors", "", *_factors(facts, md), "")
    for heading in ("What went well", "What went badly", "Where we were lucky"):
        yield from (f"## {heading}", "", "TODO", "")
    yield from ("## Action items", "", *_actions(facts.actions, md), "")
    yield from ("## Wording", "", *_wording(facts, md), "")
    yield from ("## Evidence", "", *_evidence(numbers, md))


def _summary(facts: _Facts, md: Markdown) -> Iterator[str]:
    incident = facts.incident
    start = "an unknown time" if facts.start is None else _time(facts.start)
    yield f"Incident {incident.id}, {incident.status.value}. All times are UTC."
    yield f"Users felt it from {start} to {_time(facts.window[1])}."
    yield f"It was opened at {_time(incident.opened_at)}."
    yield from ("", f"In short: {md.text(facts.summary) or 'TODO'}")


def _impact(facts: _Facts, md: Markdown) -> Iterator[str]:
    since, end = facts.window
    yield f"Counted are the runs that ended from {_time(since)} to {_time(end)}."
    yield ""
    figures = impact(facts.store, since, end)
    rows = [(each.name, md.text(each.text), f"{each.n:,}", each.of) for each in figures]
    yield from md.table(("What", "Value", "n", "n counts"), rows)


def _times(times: Times, md: Markdown) -> Iterator[str]:
    rows = [
        ("to detect (TTD)", duration_text(times.detect_s), "start of the impact to opening"),
        ("to acknowledge (TTA)", duration_text(times.acknowledge_s), "opening"),
        ("to mitigate (TTM)", duration_text(times.mitigate_s), "opening"),
        ("to resolve (TTR)", duration_text(times.resolve_s), "opening"),
    ]
    yield from md.table(("Time", "Value", "From"), rows)


def _timeline(timeline: Timeline, numbers: Mapping[str, str], md: Markdown) -> Iterator[str]:
    rows = [
        (_time(e.at), md.text(e.what), md.text(e.who), _cell(e.evidence, numbers, md))
        for e in timeline.entries
    ]
    yield from md.table(("Time (UTC)", "What", "Who or which signal", "Evidence"), rows)


def _numbers(timeline: Timeline) -> dict[str, str]:
    """Return `E1`, `E2` and so on for the queries of the timeline, in its order."""
    queries = dict.fromkeys(e.evidence.query for e in timeline.entries if e.evidence.query)
    return {query: f"E{number}" for number, query in enumerate(queries, 1)}


def _cell(evidence: Evidence, numbers: Mapping[str, str], md: Markdown) -> str:
    number = numbers.get(evidence.query)
    return md.with_ids(f"{number}: {evidence}" if number else str(evidence))


def _evidence(numbers: Mapping[str, str], md: Markdown) -> Iterator[str]:
    yield "Alerts and notes are kept with the incident. The rest can be asked of the store:"
    yield ""
    for query, number in numbers.items():
        yield md.code(f"{number}: {query}")


def _factors(facts: _Facts, md: Markdown) -> Iterator[str]:
    yield "- Trigger: TODO (what changed just before? a deployment, a prompt, a provider?)"
    for name, number in error_types(facts.store, *facts.window)[:_NAMED]:
        yield f"- {number:,} runs failed with {md.text(name or 'an error without a type')}."
    for each in suspects(facts.store, *facts.window)[:_NAMED]:
        yield (
            f"- {md.text(each.who)}: {each.bad:,} of {each.calls:,} calls failed or found nothing, "
            f"{each.bad_before:,} of {each.calls_before:,} in the same time before."
        )
    yield "- TODO: what made it possible, and what made it worse? There is no single root cause."


def _actions(actions: Sequence[ActionItem], md: Markdown) -> Iterator[str]:
    rows = [
        [md.text(text) for text in (each.what, each.kind, each.caught_by, each.owner, each.due)]
        for each in actions
    ]
    yield from md.table(("What", "Type", "Alert or test", "Owner (role)", "Due"), rows)


def _wording(facts: _Facts, md: Markdown) -> Iterator[str]:
    notes = [e.what for e in facts.timeline.entries if e.evidence.kind == NOTE]
    findings = blame_words("\n".join([facts.summary, *notes, *(a.what for a in facts.actions)]))
    if not findings:
        yield "Nothing sounds like blame to a list of phrases. Read it yourself too."
    for finding in findings:
        yield f"- {md.text(finding.words)}: {finding.advice}."


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
