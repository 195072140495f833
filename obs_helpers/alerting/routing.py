"""Who is told about which alert: matchers, routes, inhibition and silences.

All of it looks at labels only, as in Alertmanager: no rule knows who is on call.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

Labels = Mapping[str, str]
Values = set[tuple[str, ...]]

_MATCHER = re.compile(
    r"\s*(?P<name>[A-Za-z_][\w.]*)\s*(?P<op>=~|!~|!=|=)\s*"
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"{}=!~]+))\s*(?:,|$)'
)
_ESCAPED = re.compile(r'\\(["\\n])')


class Matchers:
    """Tests of labels that must all pass, written `severity="critical", tool=~"get_.*"`.

    A regex (`=~`, `!~`) must fit the whole value. A missing label counts as empty.
    """

    def __init__(self, text: str = "") -> None:
        r"""Read them; no text matches everything.

        Braces around them are allowed; a plain word needs no quotes. In quotes, write
        `\"`, `\\` and `\n` for a quote, a backslash and a new line.

        Raises:
            ValueError: the text cannot be read, or holds a broken regex.
        """
        self.text = text.strip()
        self._tests = list(_parse(self.text))

    def match(self, labels: Labels) -> bool:
        """Tell whether these labels pass every test."""
        return all(
            bool(pattern.fullmatch(labels.get(name, ""))) is wanted
            for name, pattern, wanted in self._tests
        )

    def __repr__(self) -> str:
        return f"Matchers({self.text!r})"


def _parse(text: str) -> Iterator[tuple[str, re.Pattern[str], bool]]:
    inner = text[1:-1].strip() if text.startswith("{") and text.endswith("}") else text
    position = 0
    while position < len(inner):
        found = _MATCHER.match(inner, position)
        if found is None:
            msg = (
                f"cannot read {inner!r} from character {position + 1} on, {inner[position:]!r}: "
                'write name="value" with =, !=, =~ or !~, and commas between'
            )
            raise ValueError(msg)
        value = found["bare"] or _ESCAPED.sub(_unescaped, found["quoted"])
        pattern = value if "~" in found["op"] else re.escape(value)
        try:
            yield found["name"], re.compile(pattern), not found["op"].startswith("!")
        except re.error as error:
            msg = f"the regex {value!r} for label {found['name']!r} is broken: {error}"
            raise ValueError(msg) from None
        position = found.end()


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


# -- Routes ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a route leads: the channels, and how their messages are grouped and timed."""

    key: str
    """The path to it; part of the key of each group."""
    channels: tuple[str, ...]
    group_by: tuple[str, ...] = ("alertname",)
    """Alerts with the same values of these labels share a message; `("...",)` means all
    labels, so each alert is a group of its own."""
    group_wait: timedelta = timedelta(seconds=30)
    """How long a new group waits for its siblings and for what inhibits it."""
    group_interval: timedelta = timedelta(minutes=5)
    """Time between two looks at a group, and the most that a delivery may take."""
    repeat_interval: timedelta = timedelta(hours=4)
    """A message is repeated at the first look when the last one is *older* than this."""

    def group_labels(self, labels: Labels) -> dict[str, str]:
        """Return the labels that name the group of an alert; an empty one is a missing one."""
        names = sorted(labels) if self.group_by == ("...",) else self.group_by
        return {name: labels[name] for name in names if labels.get(name)}


_INHERITED = ("channels", "group_by", "group_wait", "group_interval", "repeat_interval")


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the routing tree. What it leaves open (None) it has from its parent."""

    match: Matchers = field(default_factory=Matchers)
    channels: tuple[str, ...] | None = None
    continue_: bool = False
    """Let the alert go on to the siblings after this one."""
    children: tuple["Route", ...] = ()
    group_by: tuple[str, ...] | None = None
    group_wait: timedelta | None = None
    group_interval: timedelta | None = None
    repeat_interval: timedelta | None = None

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            ValueError: no channel is left, or an interval is not above zero.
        """
        if self.channels == ():
            msg = 'a route without channels drops its alerts; send them to "log" at least'
            raise ValueError(msg)
        for name in ("group_interval", "repeat_interval"):
            if (length := getattr(self, name)) is not None and length <= timedelta():
                msg = f"{name}={length} must be longer than zero, such as timedelta(minutes=5)"
                raise ValueError(msg)

    def find(self, labels: Labels, parent: Destination | None = None) -> list[Destination]:
        """Return where an alert with these labels goes; the root takes what nobody takes."""
        here = self._inherit(parent or Destination("", ()))
        found: list[Destination] = []
        for child in self.children:
            if child.match.match(labels):
                found += child.find(labels, here)
                if not child.continue_:
                    break
        return found or [here]

    def walk(self) -> Iterator["Route"]:
        """Yield this route and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def _inherit(self, parent: Destination) -> Destination:
        own = {name: getattr(self, name) for name in _INHERITED}
        here = replace(parent, **{name: value for name, value in own.items() if value is not None})
        key = f"{parent.key}/{{{self.match.text}}}>{','.join(here.channels)}"
        return replace(here, key=key)


DEFAULT_ROUTE = Route(
    channels=("chat", "log"),  # whatever has a severity that no child knows
    children=(
        Route(Matchers('severity="critical"'), ("page",), continue_=True),
        Route(Matchers('severity=~"critical|warning"'), ("chat", "log")),
        Route(Matchers('severity="info"'), ("log",)),
    ),
)
"""Critical: page and chat. Warning: chat. Info: the log alone. Anything else: chat, so that
nothing is dropped. All of it is logged."""

# -- Muting ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody wants to hear nothing of what matches, for a while. It ends by itself."""

    match: Matchers
    start: datetime
    end: datetime
    author: str
    comment: str
    """Why: whoever is on call next will ask."""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            ValueError: a time zone, the duration, author or comment is missing, or it
                matches alerts without any label, and so nearly everything.
        """
        if self.start.tzinfo is None or self.end.tzinfo is None:
            msg = f"{self.start} or {self.end} has no time zone; add tzinfo=UTC"
            raise ValueError(msg)
        if self.end <= self.start:
            msg = f"the silence ends at {self.end}, which is not after {self.start}"
            raise ValueError(msg)
        if not (self.author.strip() and self.comment.strip()):
            msg = f"a silence needs author and comment: {self.author!r}, {self.comment!r}"
            raise ValueError(msg)
        if self.match.match({}):
            msg = f"{self.match!r} also matches alerts without labels; name a value of a label"
            raise ValueError(msg)

    def mutes(self, labels: Labels, now: datetime) -> bool:
        """Tell whether it holds at `now`, start included and end not, for these labels."""
        return self.start <= now < self.end and self.match.match(labels)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While a source fires, targets with the same `equal` labels are not worth a message."""

    source: Matchers
    target: Matchers
    equal: tuple[str, ...] = ()
    """Labels that must have the same values; missing is the same as empty."""

    def values(self, labels: Labels) -> tuple[str, ...]:
        """Return what must be equal."""
        return tuple(labels.get(name, "") for name in self.equal)

    def sources(self, firing: Iterable[Labels]) -> tuple[Values, Values]:
        """Return the values of all sources, and of those that are not targets too."""
        found = [labels for labels in firing if self.source.match(labels)]
        one_sided = {self.values(labels) for labels in found if not self.target.match(labels)}
        return {self.values(labels) for labels in found}, one_sided


class Muting:
    """What is muted at one moment. Muting stops messages: an alert still shows as firing."""

    def __init__(
        self,
        silences: Iterable[Silence],
        inhibitions: Iterable[Inhibition],
        firing: Sequence[Labels],
        now: datetime,
    ) -> None:
        """Look once at all that fires, muted or not."""
        self._silences, self._now = list(silences), now
        self._inhibitions = [(rule, *rule.sources(firing)) for rule in inhibitions]

    def mutes(self, labels: Labels) -> bool:
        """Tell whether an alert with these labels is silenced or inhibited."""
        if any(silence.mutes(labels, self._now) for silence in self._silences):
            return True
        for rule, every_source, one_sided in self._inhibitions:
            if rule.target.match(labels):
                # Two alerts that match both sides would silence each other, and so both.
                sources = one_sided if rule.source.match(labels) else every_source
                if rule.values(labels) in sources:
                    return True
        return False
