"""Lines in which values of one kind usually stand; the names in braces as elsewhere."""

from tests.corpus_templates import Template

EMAIL: tuple[Template, ...] = (
    'To: "Support desk" <{v}>',
    "{tsl} INFO mail: sent booking {n} to <{v}> in {ms} ms",
    "GET https://{host}/customers?email={u}&page={n}",
    'INFO:     127.0.0.1:{port} - "GET /users/{u} HTTP/1.1" 200 OK',
    "Author: agent <{v}>\nDate: {http_date}",
    "mailto:{v}?subject=refund",
    "smtp: 550 5.1.1 <{v}>: user unknown",
    "psycopg.errors.UniqueViolation: duplicate key\nDETAIL: Key (email)=({v}) already exists.",
    "{tsl} WARNING login failed for {v}: the password is wrong",
    "send_email(to=['{v}'], subject='Your trip')",
    {"event": "mail_sent", "to": ["{v}"], "message_id": "{uuid}"},
    {"level": "info", "user": "{v}", "action": "logout", "time": "{epoch_ms}"},
)
PHONE: tuple[Template, ...] = (
    "tel:{v}",
    "{tsl} INFO sms to {v} failed with code {n}",
    "Call {v} before noon, ticket {n}",
    "{ts} level=info event=call_started from={q} duration_s={n}",
    "make_call(to='{v}', retries={n})",
    "WhatsApp message from {v}: where is my parcel?",
    "{tsl} INFO bitte {v} zurückrufen",
    "{tsl} INFO rappeler le {v} après 18 h",
    {"event": "sms", "to": "{v}", "status": "queued", "parts": 2},
)
CARD: tuple[Template, ...] = (
    "charge of {usd} failed for card {v}: insufficient funds",
    "pay(card='{v}', amount={n})",
    "{tsl} ERROR payments: declined {v} exp 12/29",
    "card={q} order_id={n} status=declined",
    {"event": "payment", "number": "{v}", "exp": "12/29", "amount": "{float}"},
)
IBAN: tuple[Template, ...] = (
    "SEPA transfer of {eur} to {v} queued",
    "refund(iban='{v}', amount={n})",
    "{tsl} INFO Erstattung auf {v} veranlasst",
    {"event": "refund", "account": "{v}", "amount": "{float}"},
)
IP: tuple[Template, ...] = (
    '{v} - - [{clf}] "GET {path} HTTP/1.1" {status} {big}',
    '{v} - demo [{clf}] "POST {path} HTTP/2.0" {status} {n} "-" "python-httpx/{ver}"',
    "X-Forwarded-For: {v}",
    "{tsl} WARNING rate limit for {v}: {n} requests per minute",
    "ssh: connect to host {v} port 22: connection refused",
    "('{v}', {port})",
    "{ts} level=info event=request client={v} path={path} status={status}",
    {"event": "request", "client": "{v}", "path": "{path}", "status": "{status}"},
)
IPV4: tuple[Template, ...] = (
    'INFO:     {v}:{port} - "POST {path} HTTP/1.1" {status} OK',
    "HTTP Request: GET http://{v}:{port}{path} \"HTTP/1.1 {status} OK\"",
    "httpx.ConnectError: all attempts to connect to {v}:{port} failed",
    "{tsl} INFO pod {pod} has address {v}",
)  # fmt: skip
IPV6: tuple[Template, ...] = (
    'INFO:     [{v}]:{port} - "POST {path} HTTP/1.1" {status} OK',
    "HTTP Request: GET http://[{v}]:{port}{path}",
    "connect to [{v}]:{port} timed out after {ms} ms",
    "inet6 {v} prefixlen 64",
)
