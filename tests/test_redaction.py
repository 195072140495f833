"""Redaction: what must go goes, what only looks like it stays.

All values are made up. Card numbers are the payment industry's test numbers, mail
addresses stand at example.org and example.com, keys are random letters.
"""

import base64
import copy
import json
import random
import re
import string
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from obs_helpers import Redactor, Rule
from obs_helpers.signals import redaction
from obs_helpers.signals.privacy.check_digits import iban, luhn
from obs_helpers.signals.privacy.key_formats import BY_LENGTH, BY_PART, WITH_DOTS
from obs_helpers.signals.privacy.personal import IBAN, NUMBERS
from obs_helpers.signals.privacy.recognisers import FAMILIES, recognisers_for
from obs_helpers.signals.privacy.rule import HOLE
from obs_helpers.signals.privacy.view import View
from obs_helpers.signals.redaction import MAX_DEPTH, MAX_SCAN, NEVER_SCANNED

LETTERS = string.ascii_letters + string.digits
DRAW = random.Random(5)


def letters(count: int) -> str:
    return "".join(DRAW.choices(LETTERS, k=count))


def jwt(size: int = 60) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    return f"{header}.eyJ{letters(size)}.{letters(43)}"


def pem(size: int = 1600, kind: str = "RSA ") -> str:
    body = "\n".join(letters(64) for _ in range(size // 64))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


FOUND = {
    "EMAIL": [
        "ada@example.org",
        "ada.lovelace+news@mail.example.com",
        "a_b%c-d@sub.sub.example.org",
        "ADA@EXAMPLE.ORG",
        "ada%40example.org",
        "o'hara@example.org",
    ],
    "CARD": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "2223003122003222",
    ],
    "IBAN": [
        "GB82WEST12345698765432",
        "GB82 WEST 1234 5698 7654 32",
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ],
    "SSN": ["123-45-6789", "078 05 1120", "899-99-9999"],
    "PHONE": [
        "+44 20 7946 0958",
        "+1 202-555-0143",
        "+1 (202) 555-0143",
        "+4930 23125 000",
        "+49 (0) 30 23125 000",
        "0044 20 7946 0958",
        "(202) 555-0143",
        "202-555-0143",
    ],
    "IP": ["203.0.113.7", "198.51.100.250", "10.0.0.12", "192.168.1.1:8080"],
    "JWT": [jwt(), jwt(1500)],
    "API_KEY": [
        f"sk-{letters(48)}",
        f"sk-proj-{letters(20)}-{letters(40)}_{letters(30)}",
        f"sk-ant-api03-{letters(80)}",
        f"AIza{letters(35)}",
        f"gsk_{letters(40)}",
        f"hf_{letters(34)}",
        f"ghp_{letters(36)}",
        f"ghr_{letters(36)}",
        f"github_pat_{letters(22)}_{letters(40)}",
        f"glpat-{letters(20)}",
        f"npm_{letters(36)}",
        "AKIA" + "Q7" * 8,
        f"xoxb-{letters(12)}-{letters(24)}",
        f"sk_live_{letters(24)}",
    ],
    "PRIVATE_KEY": [pem(), pem(kind=""), pem(kind="EC "), pem(12_800), pem()[:-40]],
}

NAMED = [
    ("Authorization: Bearer {}", "AUTH", letters(40)),
    ("authorization: bearer {}", "AUTH", letters(12)),
    ("AUTHORIZATION: BEARER\t{}", "AUTH", letters(40)),
    ("Authorization: Basic {}", "AUTH", base64.b64encode(b"ada:" + b"x" * 20).decode()),
    ("postgresql://{}@db.example.org:5432/agents", "URL_PASSWORD", "ada:hunter2"),
    ("https://{}@example.org/", "URL_PASSWORD", "user:p%40ss"),
    ("redis://{}@localhost:6379/0", "URL_PASSWORD", ":hunter2!"),
    ("password={}", "SECRET", "hunter2!"),
    ("password: {}", "SECRET", "hunter2!"),
    ("the password is {} for now", "SECRET", "hunter2!"),
    ("The PASSWORD IS {}", "SECRET", "hunter2!"),
    ("db_password = '{}'", "SECRET", "correct-horse"),
    ("?api_key={}&page=2", "SECRET", letters(20)),
    ("apikey: {}", "SECRET", letters(20)),
    ("client-secret: {}", "SECRET", letters(20)),
    ("ACCESS_TOKEN={}", "SECRET", letters(20)),
    ("accessToken={}", "SECRET", letters(20)),
    ("curl --password={} example.org", "SECRET", "hunter2!"),
    ("AWS_SECRET_ACCESS_KEY={}", "SECRET", letters(40)),
    ("secret-key: {}", "SECRET", letters(20)),
    ('{{"nested": "password": "{}"', "SECRET", "hunter2!"),
    ("token={}", "SECRET", letters(900)),
    ("password={}", "SECRET", "pass"),
]

IN_CONTEXT = [
    ("pass={}", "SECRET", "hunter2"),
    ("hmac_key={}", "SECRET", "7vQQe-RaHlkAiQTG"),
    ("ansible_become_pass={}", "SECRET", "Falcon77"),
    ("secret_key_base: {}", "SECRET", "722a5724646d9d58"),
    ("password={}", "SECRET", "SFSpVuL_vNM"),
    ("PASSWORD: str = '{}'", "SECRET", "hunter2"),
    ("I changed the password to {} today", "SECRET", "River4847"),
    ("The password for the staging box is {}", "SECRET", "River4847"),
    ("the admin password's {}", "SECRET", "River4847"),
    ("the cvv is {}", "SECRET", "805"),
    ("La mia password è {}", "SECRET", "River4847"),
    ("('authorization', '{}')", "SECRET", "Bearer abcdefgh"),
    ("['--password', '{}']", "SECRET", "hunter2"),
    ("- name: DB_PASSWORD\n  value: {}", "SECRET", "hunter2"),
    ('<add key="ApiKey" value="{}"/>', "SECRET", "hunter2"),
    ("<apiKey><![CDATA[{}]]></apiKey>", "SECRET", "hunter2"),
    ('<wsse:Password Type="x">{}</wsse:Password>', "SECRET", "hunter2"),
    ("CREATE USER a IDENTIFIED BY '{}'", "SECRET", "hunter2"),
    ("credentials: {}", "SECRET", "bob / hunter2"),
    ("Authorization: {}", "SECRET", 'Digest username="bob", response="9932dade"'),
    ("use {} as my SSN", "SSN", "123456789"),
    ("Steuer-ID 47 036 892 816: {}", "EMAIL", "ada@example.org"),
    ("用户{}已更新", "EMAIL", "ada@example.org"),
    ("用户{}已更新", "SSN", "123-45-6789"),
    ("我的密码是{}。", "SECRET", "hunter22"),
    ("dob={}", "BIRTH_DATE", "06-Oct-1999"),
    ("id,username,password\n66,jdoe,{}", "SECRET", "647xeGSR4nwB"),
    ("user\tpassword\trole\nadmin\t{}\tall", "SECRET", "hunter"),
    ("id;email;full_name\n7;-;{}\n", "NAME", "Ada Lovelace"),
    ("| user | password |\n|---|---|\n| app | {} |", "SECRET", "hunter"),
    ("INSERT INTO users (id, name, password) VALUES (83, 'jdoe', '{}')", "SECRET", "hunter"),
    ("insert into t (a, token) values ('x', 'y'), ('{}', null)", "EMAIL", "ada@example.org"),
    ("api_key: |\n  {}\nregion: eu", "SECRET", "AbCd1234EfGh"),
    ("mysql -h db-1 -u app -p{} crm", "SECRET", "S3cret"),
    ("mongosh -u app -p {}", "SECRET", "S3cret"),
    ("docker login -u app -p '{}' registry", "SECRET", "S3cret"),
    ("redis-cli -h cache -a {} ping", "SECRET", "S3cret"),
    ("curl -u app:{} https://example.org", "SECRET", "S3cret"),
    ("htpasswd -cb /etc/pw app {}", "SECRET", "S3cret"),
    ("echo {} | sudo -S id", "SECRET", "S3cret"),
    ("echo '{}' | docker login -u app --password-stdin", "SECRET", "S3cret"),
    ("deploy --password {} --yes", "SECRET", "BrvZtStJVvhGj"),
    ("deploy --db-pass '{}'", "SECRET", "meadow falcon pepper"),
    ("jdbc:oracle:thin:{}@//db-1:1521/ORCL", "URL_PASSWORD", "app/PW"),
    ("fill(selector='#password', text='{}')", "SECRET", "summer-tiger"),
    ("api_key=SecretStr('{}')", "SECRET", "hunter"),
    ("secret=b'{}'", "SECRET", "hunter"),
    ("my password is {}", "SECRET", "7IwJr&yyah44"),
    ("my password is {}", "SECRET", "ahQhc6=="),
    ("{{User:app Password:{} Port:5432}}", "SECRET", "Zq1hh"),
    ("- **Password:** {}", "SECRET", "hunter22"),
    ("Şifrem: {}", "SECRET", "hunter22"),
    ("İİ İstanbul password={} x", "SECRET", "hunter22"),
    ("CNPJ {}", "NATIONAL_ID", "76.351.108/0001-90"),
    ("pay with {}", "CARD", "3606 5543 0307 96"),
    ("Aadhaar number ({})", "NATIONAL_ID", "649986328110"),
    ("From: {} <desk>", "NAME", "Ada Lovelace"),
    ("The passenger's name is {} today", "NAME", "Ada Lovelace"),
    ("born on {} in Rome", "BIRTH_DATE", "5 January 1980"),
    ("please ship it to {} and call", "ADDRESS", "12 N. Oak Blvd, Springfield"),
    ('customer_name="{}" plan=free', "NAME", "Ada Lovelace"),
    ("my name is {}, hello", "NAME", "Ada Lovelace"),
    ("from {} port 22", "IP", "2001:db8::8a2e:370:7334"),
    ("Fax 089 / {}", "PHONE", "99998531"),
    ("4111 **1111** {}", "CARD", "1111 1111"),
]
"""A marker takes the place of all that the value belongs to: of more, where told so below."""

IN_CODE = [
    "password = getpass('Password: ')",
    "password = os.environ['DB_PASSWORD']",
    "def login(password: str, token: str | None = None) -> bool:",
    "if password is None or token == '': raise ValueError('missing')",
    "client = Client(api_key=settings.api_key, password=password)",
    "SELECT 1 WHERE password = $1",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
    "{'message': 'no API key', 'type': 'x'}",
    "serviceAccountToken:\n  expirationSeconds: 3607",
    '{"token_type":"bearer","expires_in":3600}',
    "password: $DB_PASSWORD run_id=25206493-e5a9-426d-a767-27808fb92edb",
    "missing bearer token run_id=dd849062-575c-4592-a45b-647b19688f94",
    "password=*** token=**** run_id=50dc11f2",
    "first token: 610ms, time to first token: 0.61 s",
    "postgres://<user>:<password>@host/db",
    "2025-01-06 20:29:38 phone",
    "password is wrong, the token has expired, your key is missing",
    "flight on 2026-01-12 at 10:45, back on 01.03.2026 at 18:05",
    "Chrome/124.0.0.0 Safari/537.36, version 83.6.74.11",
    "order_id=6264402887796783 span_id=3617295054069583",
]

CLEAN = [
    "token_type=bearer expires_in=3600",
    "suite=planner pass=42 fail=9 skip=9",
    'psql "postgresql://$USER:$PGPASSWORD@db-1:5432/crm"',
    "Hi, Das Passwort wird gesucht",
    "usage: cli.py [-h] [--user USER] [--password PASSWORD] [--token TOKEN] file",
    '  -p, --password string   Password for the registry (default "")',
    "| option | text |\n|---|---|\n| `--password` | Password for it |\n| `--port` | A port |",
    "const apiKey = process.env.API_KEY ?? '';\nif (!apiKey) throw new Error('API key missing');",
    "role,field\nadmin,password\nuser,token",
    "docker run -p 8080:80 app",
    "ssh -p 2222 host",
    "mysql -h db -u app -p crm",
    "use --token instead of --password here",
    "INSERT INTO users (id, password) VALUES (?, ?)",
    *IN_CODE,
    "",
    "550e8400-e29b-41d4-a716-446655440000",
    "12345678-1234-4234-8234-123456789012",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "at 1767600000 s, 1767600000123 ms, 1767600000123456789 ns",
    "2026-01-05T08:00:00.123456Z",
    "2026-01-05 08:00:00+01:00",
    "20260105080000",
    "version 1.45.2 of 3.11.7-rc1, v2.0.0.dev1, 1.2.3.4.5",
    "it costs $1,234.56 or 1.234,56 EUR, $0.000123456789 a token",
    "4096 input_tokens, 128 output_tokens, 123456789 tokens in all",
    "max_tokens: 4096, token_count=17, tokens=2048, total_tokens: 99",
    "order 4111111111111112, order 4000-1234-5678-9012",
    "password_policy: strict, password_length=12",
    "Passwords must have twelve characters; never send a password by mail.",
    "Forgot your password? Click on the link to choose a new password.",
    "The secret to good soup and a token of thanks, keys and tokens aside",
    "GB82WEST12345698765433 is no account",
    "up +12345 tokens, +1048576 bytes, -123456, call 555-0143 or room 12-34-56",
    "127.0.0.1 and 0.0.0.0 and 999.1.2.3 and 1.2.3",
    "ada@localhost, @ada, user@, @example.org, a @ b.example",
    "sk-short, hf_x, AKIA1234, eyJ is how it begins",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "basic income, basic authentication failed, bearer of news",
    "https://example.org:8080/path?page=2#top",
    "0.1234567890123456, 3.141592653589793, 1e-07",
    "ISBN 978-3-16-148410-0, 10.1000/182",
    "1234567890 1234567890",
    '{"a": [1, 2.50, "x"],  "b": null}',
    "ünïcödé ☃ 你好",
]

MARKER = re.compile(r"\[[A-Z_]+(?::[0-9a-f]{8})?\]")


@pytest.fixture
def redact() -> Redactor:
    return Redactor()


# -- What is found ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "value"), [(marker, value) for marker, values in FOUND.items() for value in values]
)
def test_a_value_goes_wherever_it_stands_in_a_text(
    redact: Redactor, marker: str, value: str
) -> None:
    core = value.removesuffix(":8080")
    cut_short = marker == "PRIVATE_KEY" and not value.endswith("-----")  # ends with the text
    for text in ("{}", "see {}", "({})", "a: {}, b", '"{}"', "<{}>", "x={};", "{}.", "{}\n{}"):
        redact.found.clear()
        cleaned = redact(text.replace("{}", value))
        if cut_short:
            assert cleaned == text[: text.index("{}")] + "[PRIVATE_KEY]"
        else:
            assert cleaned == text.replace("{}", value.replace(core, f"[{marker}]"))
            assert redact.found == {marker: text.count("{}")}


@pytest.mark.parametrize(("text", "marker", "value"), IN_CONTEXT)
def test_a_value_goes_by_its_context_and_the_text_around_it_stays(
    redact: Redactor, text: str, marker: str, value: str
) -> None:
    cleaned = redact(text.replace("{}", value))
    before, after = text.split("{}")
    assert cleaned.endswith(f"[{marker}]{after}")
    if marker not in ("PHONE", "CARD"):  # these take their first digits along
        assert cleaned.removesuffix(f"[{marker}]{after}") in (before, redact(before))


@pytest.mark.parametrize(("text", "marker", "value"), NAMED)
def test_a_value_goes_by_what_stands_before_it_and_the_rest_stays(
    redact: Redactor, text: str, marker: str, value: str
) -> None:
    assert redact(text.format(value)) == text.format(f"[{marker}]")


TELLING = {
    "SECRET": [
        *("password", "PASSWORD", "db_password", "dbPassword", "DB-PASSWORD", "user.password"),
        *("api_key", "apiKey", "API-KEY", "x-api-key", "openai.api_key", "secret", "token"),
        *("access_token", "accessToken", "authorization", "Authorization", "cookie", "cvv"),
        *("pin", "private_key", "client_secret", "credentials", "passphrase", b"password"),
        *("OPENAI_API_KEY_2", "password1", "password_confirmation", "dbpassword", "refreshToken"),
    ],
    "SSN": ["ssn", "social_security_number"],
    "NAME": ["first_name", "lastName", "full name", "customerName", "surname"],
    "BIRTH_DATE": ["date_of_birth", "dob", "birthDate"],
    "ADDRESS": ["home address", "shipping_address", "street"],
}


@pytest.mark.parametrize(
    ("marker", "key"), [(marker, key) for marker, keys in TELLING.items() for key in keys]
)
def test_what_stands_under_a_telling_key_goes_whatever_it_is(
    redact: Redactor, marker: str, key: Any
) -> None:
    for value in ("plain", 1234, ["a", "b"], {"x": 1}, ("a",)):
        redact.found.clear()
        assert redact({key: value, "kept": 1}) == {key: f"[{marker}]", "kept": 1}
        assert redact([{"deep": {key: value}}]) == [{"deep": {key: f"[{marker}]"}}]
        assert redact.found == {marker: 2}


@pytest.mark.parametrize(
    "key",
    [
        *("password_policy", "max_tokens", "token_count", "input_tokens", "total_tokens"),
        *("secretary", "tokenizer", "passwords_changed", "pinned", "session_id", "name"),
        *("file_name", "agent_name", "address", "key", "cache_key", "primary_key", "keyboard"),
        *("gen_ai.usage.input_tokens", "gen_ai.token.type", "", "___", "ssnake"),
    ],
)
def test_what_stands_under_a_harmless_key_stays(redact: Redactor, key: str) -> None:
    event = {key: "plain", "other": {key: 12}}
    assert redact(event) == event
    assert not redact.found


RULES = [rule for family in FAMILIES for rule in family.recognisers if isinstance(rule, Rule)]


@given(st.sampled_from(RULES).flatmap(lambda r: st.tuples(st.just(r), st.from_regex(r.pattern))))
def test_a_rule_is_tried_on_every_text_in_which_it_finds_something(case: tuple[Rule, str]) -> None:
    rule, text = case[0], View(case[1]).text
    assert rule in recognisers_for(text) or not rule(text)


@given(
    st.sampled_from([*NUMBERS, IBAN]).flatmap(
        lambda r: st.tuples(st.just(r), st.from_regex(r.pattern, fullmatch=True))
    )
)
def test_a_number_that_a_rule_finds_is_found_in_a_text(case: tuple[Rule, str]) -> None:
    rule, number = case
    if rule(f"see {number} there"):
        assert Redactor()(f"see {number} there") != f"see {number} there"


@given(
    st.sampled_from([*BY_LENGTH, *BY_PART.values(), *WITH_DOTS.values()]).flatmap(
        lambda pattern: st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    ),
    st.sampled_from(["", "key ", "é ", "a-1 (", "x=", "0 "]),
)
def test_a_key_that_begins_with_nothing_rare_is_found_in_a_text(key: str, before: str) -> None:
    if any(c.isdigit() or c.isupper() for c in key[3:]):
        assert key[3:] not in Redactor()(f"{before}{key} is it")


def test_check_digits_tell_numbers_from_cards_and_accounts() -> None:
    assert luhn("4111 1111 1111 1111")
    assert not luhn("4111 1111 1111 1112")
    assert not luhn("0")
    assert iban("GB82 WEST 1234 5698 7654 32")
    assert not iban("GB82 WEST 1234 5698 7654 33")


# -- What is not ------------------------------------------------------------------------


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_like_it_stays_as_it_is(redact: Redactor, text: str) -> None:
    for value in (text, f"see {text} there", {"field": [text]}, {text: None}):
        assert redact(value) == value
    assert not redact.found


@given(st.uuids(), st.integers(0, 2**128 - 1), st.integers(0, 2**40 - 1))
def test_ids_and_times_stay_as_they_are(one: uuid.UUID, trace: int, ms: int) -> None:
    time = datetime.fromtimestamp(ms / 1000, UTC).isoformat()
    text = f"{one} {trace:032x} 00-{trace:032x}-{trace >> 64:016x}-01 {time} {ms}.5"
    redact = Redactor()
    assert redact(text) == text
    assert redact({"trace_id": f"{trace:032d}", "n": ms}) == {"trace_id": f"{trace:032d}", "n": ms}


@given(st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-(10**12), 10**12))
def test_plain_numbers_stay_as_they_are(value: Any) -> None:
    assert Redactor()({"a": value, "b": [value]}) == {"a": value, "b": [value]}


@pytest.mark.parametrize("name", sorted(NEVER_SCANNED))
def test_our_own_ids_and_times_are_let_through_and_nothing_else_under_their_names(
    redact: Redactor, name: str
) -> None:
    own = {name: "4111111111111111"}  # an id, not a card
    assert redact(own) == own
    inner = {"password": "hunter2!", "mail": "ada@example.org"}
    for value in (inner, [inner], "ada@example.org", "the password is hunter2!"):
        text = str(redact({name: value}))
        assert "hunter2!" not in text
        assert "example.org" not in text


# -- Shapes of data ---------------------------------------------------------------------


def test_values_are_found_at_every_level_of_nesting(redact: Redactor) -> None:
    event = {
        "users": [{"mail": "ada@example.org"}, ("ada@example.org", {"ada@example.org"})],
        "ada@example.org": {"ada@example.org": 1},
        ("ada@example.org", 1): b"ada@example.org",
        4111111111111111: Decimal("4111111111111111"),
        b"ada@example.org": ValueError("ada@example.org"),
    }
    text = str(redact(event))
    assert "example.org" not in text
    assert "411111" not in text
    assert text.count("[EMAIL]") == 9
    assert text.count("[CARD]") == 2


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (
            ["deploy", "--password", "hunter", "--yes"],
            ["deploy", "--password", "[SECRET]", "--yes"],
        ),
        ({"field": "password", "value": "x"}, {"field": "password", "value": "[SECRET]"}),
        ({"selector": "#password", "text": "x"}, {"selector": "#password", "text": "[SECRET]"}),
        ({"ship_to": {"line1": "12 Elm Road"}}, {"ship_to": {"line1": "[ADDRESS]"}}),
        ({"pesel": {"value": "62022616627"}}, {"pesel": {"value": "[NATIONAL_ID]"}}),
    ],
)
def test_a_name_that_stands_beside_the_value_tells_too(
    redact: Redactor, value: Any, cleaned: Any
) -> None:
    assert redact(value) == cleaned


@pytest.mark.parametrize("kinds", ["string", ["string", "null"], ("integer",)])
def test_what_describes_an_argument_stays(redact: Redactor, kinds: Any) -> None:
    schema = {"properties": {"token": {"type": kinds}}}
    assert redact(schema)["properties"]["token"]["type"] in (kinds, list(kinds))


@pytest.mark.parametrize("kind", [{}, {"$ref": 1}, [], [{}], None, 1])
def test_what_only_looks_like_a_description_is_a_secret(redact: Redactor, kind: Any) -> None:
    assert redact({"token": {"type": kind}, "n": 1}) == {"token": "[SECRET]", "n": 1}


def test_the_rows_of_a_table_are_cleaned_by_the_names_of_its_columns(redact: Redactor) -> None:
    table = {"columns": ["id", "password"], "rows": [[1, "Summit1995*"], ("x", 2, 3), None]}
    assert redact(table) == {
        "columns": ["id", "password"],
        "rows": [[1, "[SECRET]"], ["x", 2, 3], None],
    }
    assert redact({"columns": 2, "rows": [[1, "ok"]]}) == {"columns": 2, "rows": [[1, "ok"]]}


@pytest.mark.parametrize(
    ("command", "cleaned"),
    [
        (["mysql", "-u", "root", "-pabcDEF123"], ["mysql", "-u", "root", "-p[SECRET]"]),
        (["curl", "-u", "bob:hunter2xy"], ["curl", "-u", "bob:[SECRET]"]),
        (["tool", "--password", "two words"], ["tool", "--password", "[SECRET]"]),
        (["ls", "-la", "/srv/data"], ["ls", "-la", "/srv/data"]),
    ],
)
def test_a_command_in_a_list_is_searched_as_a_line(
    redact: Redactor, command: list[str], cleaned: list[str]
) -> None:
    assert redact({"argv": command}) == {"argv": cleaned}


def test_an_escaped_line_break_does_not_hide_what_follows(redact: Redactor) -> None:
    key = "gsk_" + letters(52)
    for text in (r"```\n{}\n```", r"a\r\n{}\r\n", r"a\\n{}\\n", r"[auth]\ntoken = {}"):
        assert key not in redact(text.format(key))
        assert redact(text.format("plain")) == text.format("plain")


def test_keys_that_become_equal_stay_apart(redact: Redactor) -> None:
    event = {"ada@example.org": 1, "[EMAIL]": 2, "bob@example.org": 3, "[EMAIL]#2": 4}
    for found in (redact(event), redact(event)):
        assert list(found.values()) == [1, 2, 3, 4]
        assert not any("example" in key for key in found)
    known = {"[EMAIL]#2": 0, "[EMAIL]#3": 0}
    redact(known)  # remembered as clean
    found = redact({"ada@example.org": 1, "bob@example.org": 2, **known})
    assert list(found.values()) == [1, 2, 0, 0]


def test_json_inside_a_text_is_searched_as_what_it_is(redact: Redactor) -> None:
    inner = {"user": {"password": "plain", "card": 4111111111111111}, "n": [1, None]}
    clean = {"user": {"password": "[SECRET]", "card": "[CARD]"}, "n": [1, None]}
    assert json.loads(redact(json.dumps(inner))) == clean
    assert json.loads(redact(json.dumps([inner]))) == [clean]
    twice = json.loads(redact(json.dumps({"body": json.dumps(inner)})))
    assert json.loads(twice["body"]) == clean


def test_json_without_anything_to_hide_is_not_rewritten(redact: Redactor) -> None:
    for text in ('{"a" :  1.0, "b":[ ]}', '{"a": 1, "a": 2}', "{not json", "[1, 2,\n3]"):
        assert redact(text) == text


def test_a_key_given_twice_in_json_hides_nothing(redact: Redactor) -> None:
    text = redact('{"a": "ada@example.org", "a": 1, "password": "hunter2!", "password": null}')
    assert "example.org" not in text
    assert "hunter2!" not in text


@pytest.mark.parametrize("number", [4111111111111111, 378282246310005, 6011111111111117])
def test_an_integer_that_is_a_card_goes(redact: Redactor, number: int) -> None:
    assert redact({"n": number, "list": [number]}) == {"n": "[CARD]", "list": ["[CARD]"]}


@pytest.mark.parametrize(
    "number",
    [4111111111111112, 1767600000123456789, 2**63, -4111111111111111, 10**5000, True],
    ids=int.bit_length,
)
def test_an_integer_that_is_no_card_stays(redact: Redactor, number: int) -> None:
    assert redact({"n": number}) == {"n": number}


def test_the_text_of_an_exception_and_of_any_object_is_searched(redact: Redactor) -> None:
    class Customer:
        def __repr__(self) -> str:
            return "Customer('ada@example.org')"

    assert redact(ValueError("no ada@example.org")) == "ValueError('no [EMAIL]')"
    assert redact([Customer()]) == ["Customer('[EMAIL]')"]


def test_what_lies_too_deep_to_be_searched_is_not_let_through(redact: Redactor) -> None:
    value: Any = "ada@example.org"
    for _ in range(MAX_DEPTH + 5):
        value = {"a": [value]}
    ring: list[Any] = ["ada@example.org"]
    ring.append(ring)
    for found in (str(redact(value)), str(redact(ring))):
        assert "example.org" not in found
        assert "too deep to be checked" in found
    nested = '{"a":' * 50 + '"ada@example.org"' + "}" * 50
    assert "example.org" not in redact(nested)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | st.sampled_from([value for values in FOUND.values() for value in values[:3]])
    | st.sampled_from([text.format(value) for text, _, value in NAMED])
    | st.sampled_from(CLEAN),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["password", "ada@example.org", "[EMAIL]"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JUNK, st.sampled_from([None, b"key"]))
@example({"password": "x", "text": "password=hunter2!"}, b"key")
@example(json.dumps({"password": "x"}), b"key")
def test_redacting_twice_changes_nothing_more(value: Any, key: bytes | None) -> None:
    redact = Redactor(hash_key=key)
    once = redact(value)
    assert redact(once) == once
    assert Redactor(hash_key=key)(once) == once
    json.dumps(once)


@given(JUNK)
def test_a_redactor_copies_and_never_changes_what_it_was_given(value: Any) -> None:
    before = copy.deepcopy(value)
    found = Redactor()(value)
    assert value == before
    if isinstance(value, list | dict):
        assert found is not value
        found.clear()
        assert value == before


# -- Markers ----------------------------------------------------------------------------


def test_with_a_key_the_same_value_gets_the_same_marker_everywhere() -> None:
    redact = Redactor(hash_key=b"one")
    found = redact({"a": "ada@example.org", "b": "mail ada@example.org or bob@example.org"})
    marker = found["a"]
    assert re.fullmatch(r"\[EMAIL:[0-9a-f]{8}\]", marker)
    assert found["b"].startswith(f"mail {marker} or [EMAIL:")
    assert found["b"].count(marker) == 1
    assert Redactor(hash_key=b"one")("ada@example.org") == marker
    assert Redactor(hash_key=b"two")("ada@example.org") != marker


@pytest.mark.parametrize("key", ["secret", 5, True, b""])
def test_a_key_that_is_no_bytes_is_refused_at_once(key: Any) -> None:
    with pytest.raises(ValueError, match=r"hash_key that is .* does not work; give bytes") as no:
        Redactor(hash_key=key)
    assert "secret" not in str(no.value)


def test_with_a_key_a_secret_has_one_marker_under_a_key_and_in_a_text() -> None:
    redact = Redactor(hash_key=b"one")
    found = redact({"password": "hunter2!", "text": "password=hunter2!"})
    assert found["text"] == f"password={found['password']}"


@pytest.mark.parametrize(
    ("marker", "value"), [(marker, values[0]) for marker, values in FOUND.items()]
)
def test_a_marker_with_a_hash_is_not_itself_taken_for_a_secret(marker: str, value: str) -> None:
    for number in range(300):
        redact = Redactor(hash_key=str(number).encode())
        once = redact(f"it is {value}")
        assert re.fullmatch(rf"it is \[{marker}:[0-9a-f]{{8}}\]", once)
        assert redact(once) == once


def test_a_card_has_one_marker_as_a_number_and_as_a_text() -> None:
    redact = Redactor(hash_key=b"one")
    assert redact(4111111111111111) == redact("4111111111111111")


@pytest.mark.parametrize("cover", [HOLE, "[SECRET]", "[EMAIL:1f0c9a2b]", "\u200b"])
def test_a_mark_before_a_value_does_not_hide_it(redact: Redactor, cover: str) -> None:
    for text in (
        f"password={cover}hunter2",
        f'password: "{cover}hunter2"',
        f"{cover}ada@example.org",
    ):
        cleaned = redact(text)
        assert "hunter2" not in cleaned
        assert "example.org" not in cleaned
        assert redact(cleaned) == cleaned


def test_the_redactor_counts_what_it_finds(redact: Redactor) -> None:
    redact({"a": "ada@example.org, bob@example.org", "password": 1, "n": 4111111111111111})
    assert redact.found == {"EMAIL": 2, "SECRET": 1, "CARD": 1}


# -- Rules of one's own -----------------------------------------------------------------


def rule(pattern: str, flags: int = 0, **options: Any) -> Rule:
    return Rule("STAFF", re.compile(pattern, flags), **options)


def test_a_rule_of_ones_own_is_applied_before_the_others() -> None:
    redact = Redactor([rule(r"[a-z]+@staff\.example\.org")])
    assert redact("ada@staff.example.org, bob@example.org") == "[STAFF], [EMAIL]"
    assert Redactor()("ada@staff.example.org") == "[EMAIL]"


def test_a_rule_of_ones_own_may_have_flags_groups_and_a_check() -> None:
    only_even = rule(r"(?i)(?P<who>id)-(?P<value>\d+)", confirm=lambda text: int(text) % 2 == 0)
    for redact in (Redactor([only_even]), Redactor([rule("x"), only_even, only_even])):
        assert redact("ID-12 and id-13") == "ID-[STAFF] and id-13"
    assert Redactor([rule("cat", re.IGNORECASE), rule("dog", re.I)])("CAT DOG") == "[STAFF] [STAFF]"


def test_a_check_that_raises_lets_nothing_through(redact: Redactor) -> None:
    def broken(text: str) -> bool:
        raise LookupError(text)

    failing = Redactor([rule("agent", confirm=broken)])
    found = failing({"text": "agent ada@example.org", "other": 1})
    assert found == {"event": "[REDACTION FAILED: LookupError]"}
    assert failing("agent ada@example.org") == "[REDACTION FAILED: LookupError]"
    assert failing(["agent ada@example.org"]) == "[REDACTION FAILED: LookupError]"
    assert failing.found["FAILED"] == 3
    assert str(failing.last_error).startswith("LookupError by the rule 'STAFF'; it must return")
    assert "agent" not in str(failing.last_error)
    assert failing("bob@example.org") == "[EMAIL]"


@pytest.mark.parametrize("extra", [len, 5, None, "x", [5]])
def test_recognisers_that_are_no_list_of_functions_are_refused_at_once(extra: Any) -> None:
    wanted = re.escape(f"extra={extra!r} does not work; give a list of functions")
    with pytest.raises(ValueError, match=wanted):
        Redactor(extra)


@pytest.mark.parametrize("answer", [[(0, 3, "Person")], [(0, 3)], 5, [(0, 99, "STAFF")]])
def test_an_answer_that_cannot_be_lets_nothing_through_and_is_explained(answer: Any) -> None:
    def shout(text: str) -> Any:
        return answer

    redact = Redactor([shout])
    assert redact.last_error is None
    assert redact("ada was here").startswith("[REDACTION FAILED: ")
    assert "shout; it must return (start, end, marker), the marker in" in str(redact.last_error)
    assert "ada" not in str(redact.last_error)


# -- Hostile text -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "7", "@", "a@", "a.", ".", "-", "+1 ", "(1) ", "0 ", "00", "%40", ":", "/", " "),
        *("eyJ", "eyJaaaaa.", "[", "{", '{"a":', "password:", "password", "token is ", "://a:"),
        *("sk-", "1.2.", "A1", "GB82 ", "-----BEGIN PRIVATE KEY-----", "bearer ", "a_", "é", "\n"),
        *(
            "[EMAIL]",
            "4111 1111 1111 ",
            "_-",
            "\ud800",
            "pwd:",
            "?token=",
            "=.token",
            "'password', '",
            "ssn 123-45-6789 ",
            "cvv: ",
            "<password>",
            "my name is ",
            '"',
            "\\",
            "api_key",
            "1-",
            "(0) ",
        ),
    ],
)
def test_hostile_text_comes_back_bounded(redact: Redactor, unit: str) -> None:
    text = (unit * (100_000 // len(unit) + 1))[:100_000]
    ((key, value),) = redact({text[: MAX_SCAN - 1]: text}).items()
    for found in (value, redact([text])[0]):
        assert len(found) < MAX_SCAN
        assert found.endswith(" more characters]") or found in ("[SECRET]", "[SSN]")
    assert len(key) < 4 * MAX_SCAN


def test_a_long_text_is_cut_and_says_by_how_much(redact: Redactor) -> None:
    for word in ("word ", "w@rd "):
        text = word * 20_000
        found = redact(text)
        kept, more = re.fullmatch(r"([^\[]*)\[(\d+) more characters\]", found).groups()
        assert text.startswith(kept)
        assert len(kept) + int(more) == len(text)
        assert redact(word * (MAX_SCAN // 5)) == word * (MAX_SCAN // 5)


EDGE_CASES = {
    "mail": "ada.lovelace@example.org",
    "card": "4111111111111111",
    "jwt": jwt(),
    "long jwt": jwt(3_000),
    "key": f"sk-{letters(150)}",
    "private key": pem(3_200),
    "password": f"password={letters(200)}",
    "long password": f"password={letters(2_000)}",
    "bearer": f"Bearer {letters(1_500)}",
}


@pytest.mark.parametrize("name", EDGE_CASES)
def test_a_value_on_the_edge_of_the_cut_does_not_leak_in_part(redact: Redactor, name: str) -> None:
    value = EDGE_CASES[name]
    edge = MAX_SCAN // 2
    size = len(value)
    for start in (edge - size, edge - size // 2, edge - 20, edge - 1):
        text = " ".join(["word"] * 4000)[: start - 1] + " " + value + " word" * 8000
        found = redact(text)
        secret = value.split("=")[-1].removeprefix("Bearer ").removeprefix("-----BEGIN RSA")
        pieces = {secret[at : at + 12] for at in range(len(secret) - 11)} or {secret}
        assert not [piece for piece in pieces if piece in found]
        assert found.endswith(" more characters]")


def test_the_module_says_what_it_cannot_find() -> None:
    assert "only where a key\nor a phrase announces them" in (redaction.__doc__ or "")
