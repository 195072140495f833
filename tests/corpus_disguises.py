"""Values written so that a plain pattern misses them, though any reader sees them."""

import base64
import json
import random
from collections.abc import Callable
from typing import Any

from tests import corpus_secrets as hidden
from tests import corpus_values as values
from tests.corpus_fillers import fill
from tests.corpus_values import Value, groups, some

Disguise = Callable[[random.Random, str], tuple[Any, tuple[str, ...]]]
"""From chance and a form to a line or event, and the texts to hide."""

SENTENCES = (
    "user said: {v}",
    "{tsl} INFO agent: noted {v} for later",
    "please use {v} now",
    "{ts} level=info event=input text=\"{v}\" n={n}",
    "Kunde schreibt: {v} (Vorgang {n})",
)  # fmt: skip


def placed(draw: random.Random, form: str, text: str) -> Any:
    """Put a text into a line or an event."""
    line = fill(draw.choice(SENTENCES), {"v": text}, draw)
    if form != "event":
        return line
    return draw.choice(({"event": line}, {"messages": [{"content": line}]}, {"a": {"b": [text]}}))


def anything(draw: random.Random) -> Value:
    """Return something that has a pattern, in plain writing."""
    makers = (values.email, values.card, values.us_ssn, values.iban, values.in_aadhaar)
    return draw.choice(makers)(draw)


def rewritten(change: Callable[[random.Random, str], str], *makers: values.Maker) -> Disguise:
    """Return a disguise that changes how the text is written."""

    def made(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
        value = draw.choice(makers)(draw)
        return placed(draw, form, change(draw, value.text)), value.secrets

    return made


def zero_width(draw: random.Random, text: str) -> str:
    """Strew characters that cannot be seen."""
    sign = draw.choice("\u200b\u200c\u200d\u2060\ufeff\u00ad")
    return "".join(c + (sign if draw.random() < 0.3 else "") for c in text[:-1]) + sign + text[-1]


def full_width(draw: random.Random, text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def other_digits(draw: random.Random, text: str) -> str:
    """Write the digits of Arabic, Hindi or mathematics."""
    zero = draw.choice((0x0660, 0x0966, 0x1D7CE, 0x06F0))
    return "".join(chr(zero + int(c)) if "0" <= c <= "9" else c for c in text)


def look_alike(draw: random.Random, text: str) -> str:
    """Replace Latin letters by Cyrillic ones."""
    table = {"a": 0x430, "e": 0x435, "o": 0x43E, "p": 0x440, "c": 0x441, "x": 0x445, "i": 0x456}
    return "".join(chr(table[c]) if c in table and draw.random() < 0.7 else c for c in text)


def odd_separators(draw: random.Random, text: str) -> str:
    """Replace dashes and spaces by their typographic sisters."""
    dash, space = draw.choice("\u2010\u2011\u2012\u2013\u2212"), draw.choice("\u00a0\u2009\u202f")
    return text.replace("-", dash).replace(" ", space)


def escaped_at(draw: random.Random, text: str) -> str:
    return text.replace("@", draw.choice(("%40", "&#64;", "\\u0040", " [at] ", "(at)", "&commat;")))


def grouped_number(draw: random.Random) -> Value:
    """Return a card or an id in groups, with dashes or spaces."""
    number = values.groups(values.card_number(draw)[:16], 4, by=draw.choice(" -"))
    return draw.choice((Value(number, (number,)), values.us_ssn(draw), values.in_aadhaar(draw)))


def in_parts(draw: random.Random, *formats: str) -> Value:
    """Return a card, each group of it formatted."""
    number = values.card_number(draw)
    pattern, between = draw.choice(formats), draw.choice((" ", "", "-"))
    parts = groups(number, 4).split()
    return Value(between.join(pattern.replace("#", part) for part in parts), (number,))


def formatted(*formats: str, whole: bool = True) -> Disguise:
    """Return a disguise that wraps a value, or each part of it."""

    def made(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
        if whole and draw.random() < 0.5:
            value = anything(draw)
            return placed(draw, form, draw.choice(formats).replace("#", value.text)), value.secrets
        value = in_parts(draw, *formats)
        return placed(draw, form, value.text), value.secrets

    return made


def odd_groups(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
    """A card with dots, underscores, two spaces or line ends between its groups."""
    number = values.card_number(draw)
    sizes = (4,) if len(number) == 16 else (4, 6, 5)
    between = draw.choice((".", "_", "  ", "\n", " - ", "/"))
    return placed(draw, form, groups(number, *sizes, by=between)), (number,)


def inner(draw: random.Random) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return an event with one value, under a telling key or with a pattern."""
    if draw.random() < 0.5:
        value = anything(draw)
        return {"text": value.text, "n": draw.randrange(9)}, value.secrets
    value = hidden.password(draw)
    return {"user": "demo", "password": value.text}, value.secrets


def json_in_json(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
    """JSON in a string in JSON, up to three deep."""
    event, secrets = inner(draw)
    text = json.dumps(event)
    for _ in range(draw.randrange(0, 3)):
        text = json.dumps({"payload": text})
    if form == "event":
        return {"event": "queued", "body": text, "size": len(text)}, secrets
    return draw.choice((text, f"message body: {text}", json.dumps({"body": text}))), secrets


def base64_json(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
    event, secrets = inner(draw)
    encode = draw.choice((base64.b64encode, base64.urlsafe_b64encode))
    text = encode(json.dumps(event).encode()).decode()
    if form == "event":
        return {"event": "queued", "state": text}, secrets
    return f"resume from state={text}", secrets


def as_key(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
    """A value that is the key of a counter."""
    value = anything(draw)
    event = {"calls_by_user": {value.text: draw.randrange(1, 99)}, "window": "1h"}
    return (event if form == "event" else json.dumps(event)), value.secrets


def as_integer(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
    """A card under any key, an SSN under its own."""
    if draw.random() < 0.5:
        number = values.card_number(draw)
        event: dict[str, Any] = {draw.choice(("card", "value", "input")): int(number), "n": 1}
    else:
        number = values.digits_of(values.us_ssn(draw).text)
        event = {draw.choice(("ssn", "social_security_number")): int(number), "n": 1}
    event = draw.choice((event, {"arguments": event}, {"rows": [event]}))
    return (event if form == "event" else json.dumps(event)), (str(int(number)),)


def deep(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
    """Many levels down, in lists and dicts."""
    event: Any
    event, secrets = inner(draw)
    for level in range(draw.randrange(8, 40)):
        event = [event, level] if draw.random() < 0.4 else {"step": level, "next": event}
    event = {"state": event}
    return (event if form == "event" else json.dumps(event)), secrets


def long_text(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
    """Somewhere in pages of harmless text."""
    value = anything(draw)
    sentences = ("The tool {tool} took {ms} ms.", "A flight to {city} costs {usd}.", "Step {n}:")
    pages = [fill(draw.choice(sentences), {}, draw) for _ in range(draw.randrange(100, 500))]
    pages.insert(draw.randrange(len(pages)), f"The user gave {value.text} and waits.")
    text = " ".join(pages)
    return ({"document": text, "pages": 3} if form == "event" else text), value.secrets


def telling_branch(draw: random.Random, form: str) -> tuple[Any, tuple[str, ...]]:
    """All that stands below a telling key, whatever it looks like."""
    one, other = some(draw, 9, values.ALNUM), draw.randrange(10**9, 10**10)
    below: Any = draw.choice(
        ([one, other], {"current": one, "previous": other}, {"a": [{"b": one}, other]})
    )
    event = {"event": "loaded", draw.choice(("credentials", "passwords", "clientSecret")): below}
    return (event if form == "event" else json.dumps(event)), (one, str(other))


_BOTH = ("line", "event")
_PERSONAL = (values.email, values.card, values.us_ssn, values.in_aadhaar, values.phone)
DISGUISES: dict[str, tuple[tuple[Any, ...], Disguise]] = {
    "zero width": (_BOTH, rewritten(zero_width, *_PERSONAL, hidden.PUBLIC["GitHub"])),
    "full width": (_BOTH, rewritten(full_width, *_PERSONAL)),
    "other digits": (_BOTH, rewritten(other_digits, values.card, values.us_ssn)),
    "look-alike letters": (_BOTH, rewritten(look_alike, values.email)),
    "odd dashes and spaces": (_BOTH, rewritten(odd_separators, grouped_number)),
    "escaped @": (_BOTH, rewritten(escaped_at, values.email)),
    "Markdown": (_BOTH, formatted("**#**", "`#`", "_#_", "~~#~~")),
    "HTML": (_BOTH, formatted("<b>#</b>", '<span class="n">#</span>', "<td>#</td>")),
    "ANSI colours": (_BOTH, formatted("\x1b[32m#\x1b[0m", "\x1b[1;31m#\x1b[m")),
    "odd groups": (_BOTH, odd_groups),
    "JSON in JSON": (_BOTH, json_in_json),
    "base64 JSON": (_BOTH, base64_json),
    "dictionary key": (_BOTH, as_key),
    "integer": (_BOTH, as_integer),
    "deep": (_BOTH, deep),
    "long text": (_BOTH, long_text),
    "telling branch": (_BOTH, telling_branch),
}
