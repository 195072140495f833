"""Lines, events and sentences whose words say that a secret stands in them.

The names in braces are those of the other templates; `{u}` is the value encoded for a URL.
"""

from typing import Any

from tests.corpus_templates import Template

Templates = tuple[tuple[Template, ...], tuple[dict[str, Any], ...]]
"""Lines, and events."""

PASSWORD: Templates = (
    (
        "password={v}",
        "{ts} level=debug event=login user=demo password={v} ok=false",
        "{tsl} DEBUG auth: trying user=demo pwd={v} on {host}",
        "DB_PASSWORD={v}",
        "export POSTGRES_PASSWORD='{v}'",
        'SMTP_PASSWORD="{v}"',
        "Password: {v}",
        "  password: {v}",
        "login(user='demo', password='{v}')",
        "TypeError: connect() got unexpected options {'host': '{host}', 'passwd': '{v}'}",
        "Settings(debug=True, db_password='{v}', port={port})",
        "ALTER ROLE demo WITH PASSWORD '{v}';",
        "{tsl} INFO config dump: smtp.password = {v}",
        "host={host} port={port} dbname=agent user=app password={v}",
        "Server=tcp:{host},{port};Database=agent;User Id=app;Password={v};Encrypt=True;",
        "Data Source={host};Initial Catalog=agent;Uid=app;Pwd={v}",
        "type('#password', '{v}')",
        {"event": "login", "user": "demo", "password": "{v}", "ok": False},
        {"level": "debug", "config": {"db": {"host": "{host}", "password": "{v}"}}},
    ),
    (
        {"event": "login", "user": "demo", "password": "{v}"},
        {"event": "tool_call", "arguments": {"$json": {"user": "demo", "password": "{v}"}}},
        {"message": "retrying with password={v}", "attempt": "{n}"},
        {"dsn": "host={host} user=app password={v} dbname=agent", "port": "{port}"},
        {"connection": "Server={host};Uid=app;Pwd={v};", "pool": "{n}"},
        {"cells": [{"stderr": "DB_PASSWORD={v}\nPORT={port}"}]},
    ),
)
API_KEY: Templates = (
    (
        "api_key={v}",
        "API_KEY={v}",
        "export WEATHER_API_KEY={v}",
        'SECRET_KEY="{v}"',
        "client_secret={v}&grant_type=client_credentials",
        "{ts} level=info event=client_created api_key={v} region=eu",
        "{tsl} DEBUG httpx: request headers {'x-api-key': '{v}', 'accept': '*/*'}",
        "> X-Api-Key: {v}",
        "x-goog-api-key: {v}",
        "curl -s https://{host}/v1/search -H 'X-API-Key: {v}' -d @body.json",
        "aws_secret_access_key = {v}",
        "Client(base_url='https://{host}', api_key='{v}', timeout={n})",
        "    access_token: {v}",
        "refresh_token={v} expires_in={n}",
        "webhook secret: {v}",
        '{tsl} INFO env: {"SEARCH_TOKEN": "{v}", "HOME": "/root"}',
        "auth_token: '{v}'",
        "PRIVATE_TOKEN={v} agent run --once",
        {"event": "client", "apiKey": "{v}", "baseUrl": "https://{host}"},
        {"provider": {"clientSecret": "{v}", "clientName": "desk"}, "ok": True},
    ),
    (
        {"message": "using api_key={v} for {host}", "level": "debug"},
        {"command": "export SERVICE_TOKEN={v} && agent run", "exit": 0},
        {"result": {"$json": {"access_token": "{v}", "expires_in": "{n}"}}},
        {"request": {"headers": [["x-api-key", "{v}"], ["accept", "*/*"]]}, "n": "{n}"},
    ),
)
BEARER: Templates = (
    (
        "Authorization: Bearer {v}",
        "authorization: bearer {v}",
        "> Authorization: Token {v}",
        "{tsl} DEBUG httpcore.http11: send_request_headers [(b'Authorization', b'Bearer {v}')]",
        "headers={'Authorization': 'Bearer {v}', 'Accept': 'application/json'}",
        "curl -X POST https://{host}/v1/chat -H 'Authorization: Bearer {v}' -d '{}'",
        'http --json POST {host}/run "Authorization:Bearer {v}"',
        "{ts} level=warn event=unauthorised authorization=\"Bearer {v}\" status=401",
        "Proxy-Authorization: Bearer {v}",
        "401 for GET https://{host}/me with Bearer {v}",
        {"event": "request", "headers": {"Authorization": "Bearer {v}"}, "status": "{status}"},
    ),
    (
        {"headers": {"Authorization": "Bearer {v}", "accept": "*/*"}},
        {"http.request.header.authorization": ["Bearer {v}"], "http.status_code": "{status}"},
        {"error": "401 with header Authorization: Bearer {v}", "url": "https://{host}/me"},
        {"curl": "curl -H 'Authorization: Bearer {v}' https://{host}", "ok": False},
        {"request": {"raw": "GET /me HTTP/1.1\r\nAuthorization: Bearer {v}\r\nAccept: */*"}},
    ),
)  # fmt: skip
BASIC: Templates = (
    (
        "Authorization: Basic {v}",
        "> authorization: Basic {v}",
        "curl https://{host}/jobs -H 'Authorization: Basic {v}'",
        "headers={'Authorization': 'Basic {v}'}",
        {"event": "request", "headers": {"authorization": "Basic {v}"}, "status": "{status}"},
    ),
    (
        {"headers": {"Authorization": "Basic {v}"}, "method": "GET"},
        {"error": "rejected: Authorization: Basic {v}", "status": 401},
    ),
)
COOKIE: Templates = (
    (
        "Cookie: session={v}; theme=dark",
        "Set-Cookie: sid={v}; Path=/; HttpOnly; SameSite=Lax",
        "< set-cookie: __Host-auth={v}; Secure",
        "curl https://{host}/cart -H 'Cookie: sessionid={v}'",
        "{tsl} DEBUG httpx: headers {'cookie': 'session={v}', 'accept': '*/*'}",
        {"event": "response", "headers": {"set-cookie": "session={v}; Path=/"}},
    ),
    (
        {"headers": {"cookie": "theme=dark; session={v}"}, "status": "{status}"},
        {"request": {"cookies": {"sessionid": "{v}"}}, "path": "{path}"},
        {"raw": "GET / HTTP/1.1\r\nCookie: sid={v}\r\n\r\n", "n": "{n}"},
    ),
)
URL_LOGIN: Templates = (
    (
        "DATABASE_URL=postgres://agent:{u}@{host}:{port}/memory",
        "{tsl} INFO connecting to postgresql+asyncpg://agent:{u}@{host}/memory",
        "redis://:{u}@{host}:{port}/0",
        "amqp://worker:{u}@{host}:{port}/tasks refused the connection",
        "mongodb+srv://agent:{u}@cluster0.{host}/?retryWrites=true",
        "git clone https://bot:{u}@{host}/team/agent.git",
        "ERROR proxy http://user:{u}@{host}:{port} did not answer",
        "sqlalchemy.exc.OperationalError: mysql://root:{u}@{host}/agent",
        {"event": "connect", "url": "postgres://agent:{u}@{host}/db", "pool": "{n}"},
    ),
    (
        {"config": {"database_url": "postgres://agent:{u}@{host}/db"}, "debug": True},
        {"error": "cannot reach redis://default:{u}@{host}:{port}", "attempt": "{n}"},
        {"broker": ["amqp://worker:{u}@{host}"], "queue": "tasks"},
    ),
)
URL_TOKEN: Templates = (
    (
        'INFO:     {host}:{port} - "GET /stream?token={v} HTTP/1.1" 200 OK',
        "HTTP Request: GET https://{host}/v1/places?key={v}&q=cafe \"HTTP/1.1 200 OK\"",
        "GET https://{host}/reports?access_token={v}&page={n}",
        "https://{host}/callback?code={v}&state=start",
        "https://files.{host}/a.pdf?X-Amz-Expires={n}&X-Amz-Signature={v}",
        "https://store.{host}/b.csv?sp=r&sv=2024-01-01&sig={v}",
        "{tsl} INFO sending reset link https://{host}/reset?token={v}",
        "requests.exceptions.HTTPError: 429 for url: https://{host}/w?api_key={v}&city=Oslo",
        "wss://{host}/live?apikey={v}",
        {"event": "http", "url": "https://{host}/v1?api_key={v}&q=tea", "status": "{status}"},
    ),
    (
        {"http.url": "https://{host}/v1/places?key={v}&q=cafe", "http.status_code": "{status}"},
        {"message": "redirect to /callback?code={v}&state=start", "level": "info"},
        {"links": ["https://{host}/a?access_token={v}"], "n": "{n}"},
    ),
)  # fmt: skip
CLI: Templates = (
    (
        "$ agent login --user demo --password {v}",
        "+ deploy --token={v} --region eu",
        "curl -u demo:{v} https://{host}/jobs",
        "subprocess: ['agent', 'run', '--api-key', '{v}', '--verbose']",
        "docker run -e API_TOKEN={v} -p {port}:80 agent:latest",
        "mysql --host={host} --password={v} agent",
        "helm upgrade agent ./chart --set auth.password={v}",
        "PGPASSWORD={v} psql -h {host} -c 'select 1'",
        {"event": "shell", "command": "agent run --api-key {v} --once", "exit_code": 0},
    ),
    (
        {"command": "agent login --password {v}", "exit_code": "{n}"},
        {"argv": ["agent", "--token={v}", "--verbose"], "cwd": "/app"},
        {"tool": "bash", "arguments": {"$json": {"cmd": "curl -u demo:{v} https://{host}"}}},
    ),
)
SHORT_CODE: Templates = (
    (
        "{k}={v}",
        "{k}: {v}",
        "payment(amount={n}, {k}='{v}')",
        {"event": "payment", "{k}": "{v}", "amount_usd": "{float}"},
    ),
    (
        {"payment": {"{k}": "{v}", "amount_usd": "{float}"}},
        {"event": "unlock", "{k}": "{v}", "attempt": "{n}"},
        {"arguments": {"$json": {"{k}": "{v}"}}, "tool": "{tool}"},
    ),
)
