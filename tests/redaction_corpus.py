"""Labelled log lines, nested events and sentences: what a redactor must hide, and must leave.

`corpus(seed)` draws them anew for each seed. Nothing in it belongs to anyone.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from tests import corpus_contexts as contexts
from tests import corpus_own_lines as own
from tests import corpus_secrets as hidden
from tests import corpus_templates as templates
from tests import corpus_values as values
from tests.corpus_clean import CLEAN_LINES
from tests.corpus_clean_events import CLEAN_EVENTS
from tests.corpus_disguises import DISGUISES
from tests.corpus_fillers import fill
from tests.corpus_values import Maker, Value, plain

Group = Literal["patterned", "public secret", "context secret", "announced", "disguised", "clean"]
Form = Literal["line", "event", "prose"]


@dataclass(frozen=True)
class Sample:
    """One record; `secrets` are the texts that must no longer be readable in it."""

    kind: str
    group: Group
    form: Form
    value: Any
    secrets: tuple[str, ...] = ()


GENERAL = templates.ANYWHERE_LINES + templates.KEYED_LINES
"""Lines in which any value may stand."""


@dataclass(frozen=True)
class Kind:
    """A sort of value: how it is made, and where it stands."""

    name: str
    group: Group
    make: Maker
    keys: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    announced: Maker | None = None
    """How it is made where a key or a noun says what it is, if that is different."""
    lines: Sequence[templates.Template] = GENERAL
    events: Sequence[dict[str, Any]] = templates.ANYWHERE_EVENTS + templates.KEYED_EVENTS
    prose: Sequence[str] = templates.PROSE
    each: int = 1
    """Weight: common kinds are drawn more often."""
    own: Sequence[templates.Template] = ()
    """Those of the templates that announce it by other words."""


NATIONAL_IDS = (
    (values.us_ssn, "ssn social_security_number", "SSN, social security number"),
    (values.uk_nino, "nino national_insurance_number", "National Insurance number, NINO"),
    (values.uk_nhs, "nhs_number nhs_no", "NHS number"),
    (values.ca_sin, "sin social_insurance_number", "SIN, social insurance number"),
    (values.es_dni, "dni nif", "DNI, NIF"),
    (values.es_nie, "nie", "NIE"),
    (values.br_cpf, "cpf", "CPF"),
    (values.it_codice_fiscale, "codice_fiscale", "codice fiscale"),
    (values.in_aadhaar, "aadhaar aadhaar_number", "Aadhaar, Aadhaar number"),
    (values.fr_nir, "nir numero_securite_sociale", "NIR, numéro de sécurité sociale"),
    (values.se_personnummer, "personnummer", "personnummer"),
)
"""Maker, keys, and words that announce it."""


def _with(*lines: Sequence[templates.Template]) -> list[templates.Template]:
    """Return the general lines and those of a kind, the latter twice: they are the usual ones."""
    return [*GENERAL, *(2 * [line for some in lines for line in some])]


def _personal() -> list[Kind]:
    """Return what has a pattern or a check digit."""
    mail, tel = ("email", "user_email", "contact_email"), ("phone", "phone_number", "mobile", "tel")
    pans = ("card_number", "card", "pan")
    return [
        Kind("email", "patterned", values.email, mail, ("e-mail address",), each=2,
             lines=_with(own.EMAIL), prose=templates.PROSE + templates.MAIL_PROSE),
        Kind("phone", "patterned", values.phone, tel, ("phone number", "mobile", "telephone"),
             values.phone_announced, lines=_with(own.PHONE), each=2,
             prose=templates.PROSE + templates.PHONE_PROSE, own=templates.PHONE_PROSE + own.PHONE),
        Kind("card", "patterned", values.card, pans, ("card number",), each=2,
             lines=_with(own.CARD)),
        Kind("iban", "patterned", values.iban, ("iban", "account"), ("IBAN",),
             lines=_with(own.IBAN)),
        Kind("ipv4", "patterned", values.ipv4, ("client_ip", "ip", "remote_addr"), ("IP address",),
             lines=_with(own.IPV4, own.IP)),
        Kind("ipv6", "patterned", values.ipv6, ("client_ip", "ip", "peer"), ("IP address",),
             lines=_with(own.IPV6, own.IP)),
        *(Kind(make.__name__, "patterned", make, tuple(keys.split()), tuple(nouns.split(", ")),
               plain(make)) for make, keys, nouns in NATIONAL_IDS),
    ]  # fmt: skip


def _announced() -> list[Kind]:
    """Return what only a key or a phrase gives away."""
    names = ("customer_name", "full_name", "passenger_name", "cardholder_name")
    places = ("address", "shipping_address", "street_address", "home_address")
    days = ("date_of_birth", "dob", "birth_date", "birthdate")
    rows = (
        ("name", values.name, names, templates.NAME_PROSE),
        ("address", values.address, places, templates.ADDRESS_PROSE),
        ("date_of_birth", values.birth_date, days, templates.BIRTH_PROSE),
    )
    lines, events = templates.KEYED_LINES, templates.KEYED_EVENTS
    return [
        Kind(name, "announced", make, keys, lines=lines, events=events, prose=prose, each=2)
        for name, make, keys, prose in rows
    ]


def _public() -> list[Kind]:
    """Return secrets with a public format."""
    keys = ("api_key", "token", "value", "text", "setting")
    nouns = ("API key", "token", "key")
    return [Kind(name, "public secret", make, keys, nouns) for name, make in hidden.PUBLIC.items()]


def _context() -> list[Kind]:
    """Return secrets that have no format, and stand where one expects them."""
    word, token = hidden.password, hidden.opaque
    words = ("password", "passwd", "db_password", "userPassword", "passphrase", "PGPASSWORD")
    tokens = ("api_key", "apiKey", "X-Api-Key", "access_token", "refreshToken", "client_secret",
              "secret", "private_key", "SECRET_KEY", "auth_token", "session_token")  # fmt: skip
    rows: tuple[tuple[str, Maker, contexts.Templates, tuple[str, ...], Sequence[str], int], ...] = (
        ("password", word, contexts.PASSWORD, words, templates.PASSWORD_PROSE, 3),
        ("api key, no format", token, contexts.API_KEY, tokens, templates.KEY_PROSE, 3),
        ("bearer", token, contexts.BEARER, ("authorization",), (), 2),
        ("basic", hidden.basic, contexts.BASIC, ("Authorization",), (), 1),
        ("cookie", token, contexts.COOKIE, ("cookie", "session_cookie"), (), 1),
        ("URL login", word, contexts.URL_LOGIN, (), (), 1),
        ("URL token", token, contexts.URL_TOKEN, (), (), 1),
        ("command line", hidden.one_of(word, token), contexts.CLI, (), (), 1),
        ("pin", hidden.pin, contexts.SHORT_CODE, ("pin", "card_pin"), (), 1),
        ("cvv", hidden.cvv, contexts.SHORT_CODE, ("cvv", "cvc"), (), 1),
    )
    more = templates.SECRET_KEY_EVENTS
    return [
        Kind(name, "context secret", make, keys, lines=where[0], prose=prose, each=each,
             events=where[1] + (more if keys else ()))
        for name, make, where, keys, prose, each in rows
    ]  # fmt: skip


def kinds() -> list[Kind]:
    """Return all sorts of values that must be hidden, but for the disguised ones."""
    return [*_personal(), *_announced(), *_public(), *_context()]


def _names(kind: Kind, value: Value, draw: random.Random) -> dict[str, str]:
    """Return what stands for the names in braces."""
    text = value.text
    return {
        "v": text,
        "q": json.dumps(text, ensure_ascii=False) if " " in text or "\n" in text else text,
        "u": quote(text, safe=""),
        "k": draw.choice(kind.keys or ("value",)),
        "noun": draw.choice(kind.nouns or ("value",)),
    }


def _samples(
    kind: Kind, form: Form, where: Sequence[Any], n: int, draw: random.Random
) -> list[Sample]:
    """Put values of a kind into templates, each template as often as the others."""
    order = list(where)
    draw.shuffle(order)
    made = []
    for i in range(n if order else 0):
        template = order[i % len(order)]
        known = "{k}" in (text := str(template)) or "{noun}" in text or template in kind.own
        value = (kind.announced or kind.make)(draw) if known else kind.make(draw)
        filled = fill(template, _names(kind, value, draw), draw)
        secrets = value.secrets
        if "{u}" in text:
            secrets = tuple(quote(secret, safe="") for secret in secrets)
        if form == "line" and not isinstance(filled, str):
            filled = json.dumps(filled, ensure_ascii=draw.random() < 0.5)
        made.append(Sample(kind.name, kind.group, form, filled, secrets))
    return made


def _disguised(n: int, draw: random.Random) -> list[Sample]:
    """Return values that are written so that a plain pattern misses them."""
    made: list[Sample] = []
    for name, (forms, make) in DISGUISES.items():
        for form in forms:
            for _ in range(n):
                value, secrets = make(draw, form)
                made.append(Sample(name, "disguised", form, value, secrets))
    return made


def _clean(lines: int, events: int, draw: random.Random) -> list[Sample]:
    """Return records without anything to hide."""
    made: list[Sample] = []
    forms: tuple[tuple[Form, dict[str, Any], int], ...] = (
        ("line", CLEAN_LINES, lines), ("event", CLEAN_EVENTS, events),
    )  # fmt: skip
    for form, table, n in forms:
        for name, where in table.items():
            for i in range(n):
                filled = fill(where[i % len(where)], {}, draw)
                if form == "line" and not isinstance(filled, str):
                    filled = json.dumps(filled)
                made.append(Sample(name, "clean", form, filled))
    return made


def corpus(seed: int, scale: float = 1.0) -> list[Sample]:
    """Return the samples of a seed, in random order; `scale` makes the corpus smaller."""
    draw = random.Random(seed)
    made: list[Sample] = []

    def size(full: int) -> int:
        return max(1, round(full * scale))

    for kind in kinds():
        many = 4 if kind.group == "public secret" else 8
        made += _samples(kind, "line", kind.lines, size(many * 5 * kind.each), draw)
        made += _samples(kind, "event", kind.events, size(many * 5 * kind.each), draw)
        made += _samples(kind, "prose", kind.prose, size(many * 3 * kind.each), draw)
    made += _disguised(size(20), draw)
    made += _clean(size(220), size(160), draw)
    draw.shuffle(made)
    return made
