"""The harmless parts of a template, and how a template is filled."""

import json
import random
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.corpus_digits import luhn, mod97
from tests.corpus_values import ALNUM, groups, some

HEX = "0123456789abcdef"
NAME_IN_BRACES = re.compile(r"\{(\w+)\}")


def moment(draw: random.Random) -> datetime:
    """Return a time in the year of the logs."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=draw.randrange(10**10))


def epoch(draw: random.Random, factor: int) -> int:
    """Return a time as seconds, milliseconds, …"""
    return int(moment(draw).timestamp()) * factor + draw.randrange(factor)


def number_that_fails(draw: random.Random) -> str:
    """Return 16 digits that start like a card and are none."""
    body = draw.choice("45") + some(draw, 14)
    return body + str((int(luhn(body)) + draw.randrange(1, 10)) % 10)


def account_that_fails(draw: random.Random) -> str:
    """Return what looks like an IBAN, with wrong check digits."""
    country, body = draw.choice(("DE", "AT", "PT")), some(draw, 18)
    return f"{country}{(int(mod97(country, body)) + 5) % 97 + 1:02d}{body}"


MAKER_IDS = (
    *("call_", "chatcmpl-", "msg_01", "toolu_01", "resp_", "run_", "thread_", "asst_", "file-"),
    *("req_011", "vs_", "batch_", "org-", "proj_", "gen-1767600000-", "session_", "pi_3", "cus_"),
    *("evt_1", "sub_1", "price_1", "prod_", "in_1"),
)
"""Of answers, calls, files and payments: ids that look much like keys."""

FILLERS: dict[str, Callable[[random.Random], Any]] = {
    "ts": lambda d: f"{moment(d):%Y-%m-%dT%H:%M:%S}.{d.randrange(1000):03d}Z",
    "tsl": lambda d: f"{moment(d):%Y-%m-%d %H:%M:%S},{d.randrange(1000):03d}",
    "clf": lambda d: f"{moment(d):%d/%b/%Y:%H:%M:%S} +0000",
    "http_date": lambda d: f"{moment(d):%a, %d %b %Y %H:%M:%S} GMT",
    "day": lambda d: f"{moment(d):%Y-%m-%d}",
    "day_de": lambda d: f"{moment(d):%d.%m.%Y}",
    "day_us": lambda d: f"{moment(d):%m/%d/%Y}",
    "epoch": lambda d: epoch(d, 1),
    "epoch_ms": lambda d: epoch(d, 10**3),
    "epoch_us": lambda d: epoch(d, 10**6),
    "epoch_ns": lambda d: epoch(d, 10**9),
    "epoch_float": lambda d: epoch(d, 10**6) / 10**6,
    "uuid": lambda d: str(uuid.UUID(int=d.getrandbits(128), version=4)),
    "hex7": lambda d: some(d, 7, HEX),
    "hex16": lambda d: some(d, 16, HEX),
    "hex32": lambda d: some(d, 32, HEX),
    "hex40": lambda d: some(d, 40, HEX),
    "hex64": lambda d: some(d, 64, HEX),
    "digits16": lambda d: d.choice("0123") + some(d, 15),
    "digits32": lambda d: some(d, 32),
    "blob": lambda d: some(d, 96, ALNUM + "+/") + "==",
    "ulid": lambda d: "01" + some(d, 24, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
    "call": lambda d: "call_" + some(d, 24, ALNUM),
    "maker_id": lambda d: d.choice(MAKER_IDS) + some(d, 24, ALNUM),
    "n": lambda d: d.randrange(1, 60),
    "tokens": lambda d: d.randrange(20, 200_000),
    "big": lambda d: d.randrange(10**8, 10**10),
    "ms": lambda d: d.randrange(5, 30_000),
    "float": lambda d: d.random(),
    "small": lambda d: d.random() / 10**d.randrange(3, 9),
    "usd": lambda d: f"${d.randrange(1, 5000)}.{d.randrange(100):02d}",
    "eur": lambda d: f"{d.randrange(1, 999)}.{d.randrange(1000):03d},{d.randrange(100):02d} €",
    "vec": lambda d: [d.uniform(-1, 1) for _ in range(8)],
    "ints": lambda d: [d.randrange(100_000) for _ in range(12)],
    "order_bad": number_that_fails,
    "order_any": lambda d: d.choice("456") + some(d, 15),
    "dashed_bad": lambda d: groups(number_that_fails(d), 4, by="-"),
    "iban_bad": account_that_fails,
    "part": lambda d: f"{d.choice(('000', '666', '9' + some(d, 2)))}-{some(d, 2)}-{some(d, 4)}",
    "dotted_bad": lambda d: ".".join(str(d.randrange(256, 999)) for _ in range(4)),
    "oid": lambda d: f"1.3.6.1.4.1.{d.randrange(1, 60_000)}.{d.randrange(30)}.{d.randrange(9)}",
    "ver": lambda d: f"{d.randrange(9)}.{d.randrange(40)}.{d.randrange(30)}",
    "ver4": lambda d: ".".join(str(d.randrange(1, 90)) for _ in range(4)),
    "status": lambda d: d.choice((200, 201, 204, 301, 400, 404, 429, 500, 503)),
    "port": lambda d: d.choice((80, 443, 3000, 5432, 6379, 8000, 8080, 50051)),
    "host": lambda d: d.choice(("db.internal", "api.example.com", "localhost", "cache-2", "mcp")),
    "pod": lambda d: f"agent-{some(d, 9, HEX)}-{some(d, 5, 'bcdfghjklmnpqrstvwxz2456789')}",
    "path": lambda d: d.choice(("/v1/runs", "/health", "/api/tools/list", "/chat/completions")),
    "tool": lambda d: d.choice(("search_flights", "get_weather", "run_tests", "refund_order")),
    "model": lambda d: d.choice(("gpt-4o-2024-08-06", "claude-sonnet-4-5-20250929",
                                 "gemini-2.5-pro", "llama-3.3-70b-versatile", "mistral-large-2411",
                                  "o3-mini")),
    "city": lambda d: d.choice(("Oslo", "Lima", "Nairobi", "Kyoto", "Leeds", "Porto", "Dayton")),
}  # fmt: skip
"""What a name in braces stands for, drawn anew each time."""


def fill(template: Any, names: dict[str, str], draw: random.Random) -> Any:
    """Return a template with all its names replaced, in keys too; a lone number stays one."""
    if isinstance(template, str):
        alone = NAME_IN_BRACES.fullmatch(template)
        if alone and alone[1] not in names and alone[1] in FILLERS:
            return FILLERS[alone[1]](draw)

        def replaced(match: re.Match[str]) -> str:
            if match[1] in names:
                return names[match[1]]
            return str(FILLERS[match[1]](draw)) if match[1] in FILLERS else match[0]

        return NAME_IN_BRACES.sub(replaced, template)
    if isinstance(template, dict):
        filled = {fill(k, names, draw): fill(v, names, draw) for k, v in template.items()}
        if "$json" in filled:
            return json.dumps(filled["$json"], ensure_ascii=draw.random() < 0.5)
        return filled
    if isinstance(template, list):
        return [fill(item, names, draw) for item in template]
    return template
