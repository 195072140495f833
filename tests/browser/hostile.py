"""Hostile texts in every place of the store, put there by using the package.

A cell of a test's notebook calls this. Each text begins with the name of its place, and
leaves that name in the page's list `hacked` if any part of it runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import obs_helpers
from obs_helpers import Agent, ModelReply, Session, Store, ToolCall, Usage, VirtualClock
from obs_helpers.agent.core import Message, Run
from obs_helpers.alerting.channels import NotebookChannel
from obs_helpers.alerting.engine import AlertEngine
from obs_helpers.alerting.incident import Incident
from obs_helpers.alerting.incidents import Incidents
from obs_helpers.alerting.notify import Notifier
from obs_helpers.alerting.routing import Route
from obs_helpers.alerting.rules import AlertRule

ELSEWHERE = "http://elsewhere.invalid"
SCRIPT = '<script>hacked.push("PLACE")</script>'
MATH = "is $5 or \\$7 or $1^2$"
"""JupyterLab sets what stands between dollars as a formula, in HTML as well."""
FORMS = (
    SCRIPT,
    "<img src=x: onerror=hacked.push('PLACE')>",
    "'\"><svg onload=hacked.push('PLACE')>",
    "\" onmouseover=hacked.push('PLACE') autofocus onfocus=hacked.push('PLACE') x=\"",
    f"<img src={ELSEWHERE}/PLACE.png><iframe src={ELSEWHERE}></iframe>",
    f"<style>*{{display:none}}</style><link rel=stylesheet href={ELSEWHERE}>",
    "</style></textarea></title></details><script>hacked.push('PLACE')</script>",
    "<a href=\"javascript:hacked.push('PLACE')\">go</a>",
    f"[go](javascript:hacked.push('PLACE')) ![pixel]({ELSEWHERE}/PLACE.png)",
    MATH,
    "&lt;script&gt; {{ 7 * 7 }} {% raw %} $\\frac{ `a` | b | *c* _d_",
    "\x1b[31mred\x1b]8;;javascript:1\x07 \u202edrawkcab \u2066 \u2028 e\u0301\u0301\u0301",
    "\n# Heading\n\n- list\n\n```\n<b>fence</b>",
    "A" * 1_000_000,
    "WWWW " * 20_000,
)
"""Each has its dangerous part near its beginning, for displays cut long texts."""

Say = Callable[[str], str]


def saying(form: str) -> Say:
    """Return a function that makes one place's text of a form."""
    return lambda place: f"{place} {form.replace('PLACE', place)}"


class HostileModel:
    """Asks for tools with hostile names and arguments, then answers, or fails."""

    def __init__(self, say: Say) -> None:
        """Put the texts of `say` everywhere."""
        self.say, self.name, self.provider = say, say("model"), say("provider")

    async def reply(self, run: Run, messages: Sequence[Message]) -> ModelReply:
        """Call one tool that there is and one that is not, then end."""
        say = self.say
        if messages[-1]["role"] == "user":
            good = ToolCall(say("call"), say("tool"), {"value": say("argument")})
            bad = ToolCall(say("call2"), say("unknown-tool"), {say("key"): say("value")})
            return ModelReply("", Usage(900, 30), (good, bad), say("reason"), Decimal("0.01"))
        if "fail" in run.query:
            raise type(say("Error"), (RuntimeError,), {})(say("message"))
        return ModelReply(say("answer"), Usage(1_000, 40), (), say("reason"))


def hostile_agent(say: Say) -> Agent:
    """Return an agent with a hostile name, model and tool."""

    async def tool(value: str) -> dict[str, Any]:
        obs_helpers.get_logger(say("logger")).warning(say("event"), **{say("field"): value})
        with obs_helpers.current().tracer.span(say("span"), {say("attribute"): value}) as span:
            span.add_event(say("span-event"), {say("event-key"): say("event-value")})
        return {say("result"): value}

    tool.__name__ = say("tool")
    return Agent(HostileModel(say), [tool], name=say("agent"))


async def record(store: Store, clock: VirtualClock) -> None:
    """Put each form of text into each place of `store`."""
    for form in FORMS:
        say = saying(form)
        obs_helpers.start(
            store=store, clock=clock, service=say("service"), capture_content=True, redact=False
        )
        agent = obs_helpers.instrument(hostile_agent(say))
        session = Session(say("session"), say("user"))
        for query in ("good", "fail"):
            await clock.sleep(1)
            try:
                await agent.process(say(query), session)
            except RuntimeError:
                continue


def rule(say: Say, by: tuple[str, ...] = ()) -> AlertRule:
    """Return a rule that fires on every failure, with a hostile name and hostile texts."""
    told = say("annotation").replace("{", "(").replace("}", ")")
    return AlertRule(
        say("rule"), "error_rate > 5%", by=by, severity="critical", min_samples=1,
        labels={say("label"): say("label-value")}, annotations={say("annotation-name"): told},
        runbook_url="javascript:hacked.push('runbook')",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shift:
    """An engine, a channel and an incident, all of them told of what was recorded."""

    engine: AlertEngine
    channel: NotebookChannel
    incident: Incident


async def watch(store: Store, clock: VirtualClock) -> Shift:
    """Let the rules fire and tell everybody; note hostile texts in the incident."""
    channel, incidents = NotebookChannel("page"), Incidents(clock)
    notifier = Notifier([channel], Route(channels=(channel.name,)), clock=clock)
    found = [rule(saying(form)) for form in FORMS]
    spread = rule("{} of each".format, by=("agent", "session"))
    engine = AlertEngine(store, [*found, spread], clock, notifier.update)
    incident = incidents.declare(saying(FORMS[0])("title"), saying(FORMS[1])("by"))
    incidents.update(engine.tick())
    for form in FORMS:
        incident.note(saying(form)("note"), saying(form)("who"))
    await clock.sleep(60)  # the notifier waits for more alerts of the same group
    notifier.tick()
    return Shift(engine, channel, incident)
