"""Exercise 1, step 8: no personal data of a known shape in a line, and nothing else lost."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from obs_helpers.checks import answers_1
from obs_helpers.checks.logging_probe import Draw, calling, cut, short
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import expect
from obs_helpers.clock import Chance

Redact = Callable[..., Any]
_EVENT = "charging"


def check_redact(is_card: Callable[..., Any], redact: Redact) -> None:
    """Cards and addresses go, wherever they are; numbers and ids stay; nothing is changed."""
    draw = Chance().stream("redact")
    _cards(is_card, draw)
    _whole_events(redact, draw)
    for where, value, secret in _leaks(draw):
        _leak(redact, where, value, secret)
    for what, value in _harmless(draw):
        _kept(redact, what, value)
    for where, value, secret in _neighbours(draw):
        _leak(redact, where, value, secret)


# -- Numbers -----------------------------------------------------------------------------
def _check_digit(body: str) -> int:
    """Return the digit that makes `body` pass, from the table of doubled digits."""
    total = sum(
        (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(digit)] if place % 2 == 0 else int(digit)
        for place, digit in enumerate(reversed(body))
    )
    return -total % 10


def _passes(number: str) -> bool:
    return int(number[-1]) == _check_digit(number[:-1])


def _card(draw: Draw, length: int = 16) -> str:
    body = str(draw.randrange(3, 7)) + "".join(draw.choices("0123456789", k=length - 2))
    return f"{body}{_check_digit(body)}"


def _no_card(draw: Draw, length: int = 16) -> str:
    card = _card(draw, length)
    return f"{card[:-1]}{(int(card[-1]) + draw.randrange(1, 10)) % 10}"


def _cards(is_card: Callable[..., Any], draw: Draw) -> None:
    for length in 3 * (16, 15, 13, 19, 14, 18):  # one in ten passes by luck
        number = _card(draw, length)
        told = f"is_card({number!r}) gave "
        seen = call(is_card, number)
        right = f". Its {length} digits pass the check. From which end did you count?"
        expect(seen is not None, f"{told}None: did you forget a `return`?")
        expect(seen, f"{told}{seen!r}{right}")
        wrong = _no_card(draw, length)
        changed = f"is_card({wrong!r}) gave True. Its last digit does not fit the others."
        expect(not call(is_card, wrong), changed)
    for length in (8, 12, 20, 24):
        number = _card(draw, length)
        told = f"is_card({number!r}) gave True. A number of {length} digits is no card."
        expect(not call(is_card, number), told)


# -- Events ------------------------------------------------------------------------------
def _cleaned(redact: Redact, event: Mapping[str, Any]) -> Mapping[str, Any]:
    rule = "redact works while a line is logged: it must not raise."
    seen = calling(rule, redact, None, "info", event)
    expect(seen is not None, "redact returned None. A processor returns the event.")
    expect(isinstance(seen, Mapping), f"redact returned {short(seen)}. It should be an event.")
    cleaned: Mapping[str, Any] = seen
    return cleaned


def _whole_events(redact: Redact, draw: Draw) -> None:
    email, plain = _email(draw), {"tokens": draw.randrange(999), "ok": True, "tool": None}
    event = {"event": _EVENT, **plain, "to": [{"name": "desk", "address": email}]}
    before = copy.deepcopy(event)
    seen = _cleaned(redact, event)
    expect(event == before, f"The caller's own object was changed: {short(event['to'])}")
    for name, value in plain.items():
        got = seen.get(name, "missing")
        told = f"`{name}` was {value!r} and is {got!r} now. There was nothing to take out."
        expect(type(got) is type(value) and got == value, told)


def _email(draw: Draw) -> str:
    name = draw.choice(["ada", "Ada.Lovelace", "ada_l", "ada-l", "ada+travel"])
    host = draw.choice(["example.org", "mail.example.com", "EXAMPLE.net"])
    return f"{name}{draw.randrange(99)}@{host}"


def _leaks(draw: Draw) -> Iterator[tuple[str, Any, str]]:
    """Yield where something private is, the field's value, and what must not be left."""
    email, card = _email(draw), _card(draw)
    groups = [card[n : n + 4] for n in range(0, 16, 4)]
    amex = _card(draw, 15)
    yield "an address in a text", f"Mail {email} today", email
    yield "an address in a dictionary", {"user": {"address": f"Mail {email} today"}}, email
    yield "an address in a list", ["Oslo", [f"Mail {email} today"]], email
    yield "an address as a key", {"seen": {email: 3}}, email
    yield "an address in an exception's message", LookupError(f"Mail {email} today"), email
    yield "a card in a text", f"Card {card}, thanks", card
    yield "a card of 15 digits", f"Card {amex}.", amex
    yield "a card written in groups", f"Card {' '.join(groups)}, thanks", groups[2]
    yield "a card written with hyphens", f"Card {'-'.join(groups)}, thanks", groups[2]
    yield "a card as a number", {"number": int(card)}, card
    yield "a card as a key", {"seen": {card: 1}}, card


def _neighbours(draw: Draw) -> Iterator[tuple[str, Any, str]]:
    """Yield cards with other digits beside them, as `_leaks` does."""
    passed = True
    while passed:  # by luck, together with digits that are no part of the card: not here
        card, month, front = _card(draw), f"0{draw.randrange(1, 10)}", draw.randrange(10, 99)
        passed = any(map(_passes, (card + month, card[4:] + month, f"{front}{card}")))
    grouped = " ".join(card[n : n + 4] for n in range(0, 16, 4))
    yield "a card before its date", f"Card {grouped} {month}/27, thanks", grouped[10:14]
    yield "a card behind a number", f"Card {front} {card}, thanks", card
    yield "a card beside another card", f"Card {_card(draw)} {card}, thanks", card


def _leak(redact: Redact, where: str, value: Any, secret: str) -> None:
    event = {"event": _EVENT, "field": value}
    seen = _cleaned(redact, event)
    line = call(answers_1.to_line, None, "info", {**seen})
    expect(secret not in line, f"There was {where}, and it came through: {cut(line)}")
    marker = "[CARD]" if "card" in where else "[EMAIL]"
    expect(marker in line, f"There was {where}; nothing says so any more: {cut(line)}")
    expect(_EVENT in line, f"There was {where}, and the line lost its `event`: {cut(line)}")
    for word in ("Mail ", " today", "Card ", "/27", "thanks", "seen"):
        told = f"There was {where}. The text around it is gone: {cut(line)}"
        expect(word in line or word not in str(value), told)


def _harmless(draw: Draw) -> Iterator[tuple[str, Any]]:
    """Yield what looks private, and is not."""
    digits = _card(draw)
    yield "An order number", _no_card(draw)
    yield "An order number in a text", f"Order {_no_card(draw)} is late"
    yield "An order number as a number", int(_no_card(draw))
    yield "A trace id", f"{draw.randrange(16**7):07x}a{digits}b{draw.randrange(16**7):07x}"
    yield "A number of 30 digits", f"{'9' * 7}{digits}{'7' * 7}"
    yield "A text with an @", f"{draw.randrange(9)} rooms @ 80 EUR"
    yield "A time", "2026-01-05T08:00:00.000000+00:00"
    for length in (15, 16):
        share = ""
        while share != repr(float(share or 0)):  # a float may not keep its last digits
            share = f"0.{_card(draw, length)}"
        yield "A share", float(share)
        yield "A share in a text", f"{share} of all"


def _kept(redact: Redact, what: str, value: Any) -> None:
    seen = _cleaned(redact, {"event": _EVENT, "field": value, "list": [value]})
    for got in (seen.get("field"), *(seen.get("list") or ["missing"])):
        told = f"{what}, {value!r}, became {got!r}. It is nobody's personal data."
        expect(got == value, told)
