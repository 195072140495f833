"""The lines, events and sentences in which values stand, as agents and frameworks write them.

`{v}` is the value and `{q}` the same in quotes if it has spaces; `{k}` is a key and `{noun}`
are words that announce it. Other names in braces are harmless and drawn by chance. A dict
among the lines becomes JSON; `{"$json": …}` within one becomes JSON in a string.
"""

from typing import Any

Template = str | dict[str, Any]

ANYWHERE_LINES: tuple[Template, ...] = (
    "{tsl} INFO agent.runner: run {uuid} started for {v}",
    "{tsl} WARNING [support] could not verify {v} after {n} attempts",
    "{tsl},{n} - app.tools - ERROR - lookup failed: no record for {v}",
    "{ts} level=info event=tool_call tool={tool} input={q} duration_ms={ms}",
    "{ts} level=warning logger=agent.memory event=stored text={q} trace_id={hex32}",
    "ERROR:root:Could not parse answer of {model}: {v}",
    "DEBUG:agent.prompt:user said: please use {v} from now on",
    "INFO:     task {n} finished, result: {v}",
    "[{tsl}] {host} worker[{n}]: message from queue: {v} (retry {n} of 5)",
    "ValueError: invalid literal for lookup: '{v}'",
    'Traceback (most recent call last):\n  File "/app/agent/tools.py", line {n}, in call\n'
    "    return find(query)\nLookupError: nothing found for '{v}'",
    "tool_call search_customer(query='{v}', limit={n})",
    "Action: lookup\nAction Input: {v}\nObservation: 1 record",
    "Observation: the customer gave {v} and asked for a refund of {usd}",
    "Human: I gave you {v} already, why do you ask again?",
    "AI: Thank you, I have noted {v} on ticket {n}.",
    "Retrying request for {v} in {ms} ms (attempt {n})",
    "SELECT * FROM customers WHERE value = '{v}' LIMIT {n};",
    "INSERT INTO notes (ticket, body, created) VALUES ({n}, '{v}', '{ts}');",
    "{host} {n} <14>1 {ts} agent notes - - found {v}",
    "python -m agent.lookup --query '{v}' --limit {n}",
    "+    expected = '{v}'",
    "  - {v}",
    "| {n} | {v} | open |",
    "{n};{v};{usd};{ts}",
    "cache miss for <{v}> on {host}:{port}",
    "{tsl} INFO Kunde hat {v} angegeben, Vorgang {n} bleibt offen",
    "{tsl} AVERTISSEMENT valeur inattendue « {v} » au tour {n}",
    "{tsl} INFO el cliente respondió: {v}",
    "{tsl} INFO o cliente informou {v}, pedido em aberto",
    "{tsl} ERRORE nessun risultato per {v}",
    "{tsl} INFO 用户输入:{v}。",
    "{tsl} INFO клиент прислал {v}, повтор через {n} мин",
    "{tsl} INFO 顧客からの入力: {v}",
    {"event": "user message: {v}", "level": "info", "timestamp": "{ts}", "run": "{n}"},
    {"ts": "{epoch_float}", "msg": "no match for {v}", "trace_id": "{hex32}", "span_id": "{hex16}"},
    {"level": "error", "exc": "LookupError('{v}')", "logger": "agent.tools", "attempt": "{n}"},
    {"role": "user", "content": "Please check {v} for me."},
    {"event": "call", "tool": "{tool}", "arguments": {"$json": {"query": "{v}", "top": "{n}"}}},
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{v}"}]},
)  # fmt: skip
"""Here any value with a shape of its own must be found."""

KEYED_LINES: tuple[Template, ...] = (
    "{ts} level=info event=user_updated {k}={q} changed=1",
    "{tsl} INFO agent.crm: {k}={q}, status=ok",
    "{tsl} DEBUG profile loaded ({k}: {v})",
    "{k}: {v}",
    "{k} = '{v}'",
    "call create_booking({k}='{v}', seats={n})",
    "args={'{k}': '{v}', 'seats': {n}}",
    "{tsl} INFO tool {tool} <- {'{k}': '{v}'}",
    "Customer(id={n}, {k}='{v}', plan='free')",
    "pydantic.ValidationError: 1 error for Booking\n  {k}='{v}' is not in the list",
    '  "{k}": "{v}",',
    "UPDATE customers SET {k} = '{v}' WHERE row = {n};",
    "{k}\t{v}",
    {"event": "profile", "{k}": "{v}", "plan": "free", "timestamp": "{ts}"},
    {"event": "tool_call", "tool": "{tool}", "args": {"{k}": "{v}", "seats": "{n}"}},
    {"name": "{tool}", "arguments": {"$json": {"{k}": "{v}", "limit": "{n}"}}},
    {"level": "info", "customer": {"{k}": "{v}", "tier": 2}, "trace_id": "{hex32}"},
    {"results": [{"{k}": "{v}", "score": "{float}"}], "took_ms": "{ms}"},
)  # fmt: skip
"""Here a key says what the value is."""

ANYWHERE_EVENTS: tuple[dict[str, Any], ...] = (
    {"event": "received {v}", "level": "info", "timestamp": "{ts}"},
    {"event": "tool_call", "tool": "{tool}", "query": "{v}", "duration_ms": "{ms}"},
    {"messages": [{"role": "user", "content": "hello, {v} here"}], "model": "{model}"},
    {"gen_ai.input.messages": {"$json": [{"role": "user", "content": "use {v}"}]}, "tokens": "{n}"},
    {"exception.type": "LookupError", "exception.message": "not found: {v}", "span_id": "{hex16}"},
    {"exception.stacktrace": "File \"a.py\", line {n}\nKeyError: '{v}'", "code.lineno": "{n}"},
    {"state": {"memory": {"facts": ["likes tea", "gave {v}"]}}, "step": "{n}"},
    {"tool_calls": [{"function": {"name": "{tool}", "arguments": {"$json": {"q": "{v}"}}}}]},
    {"response": {"choices": [{"message": {"content": "I noted {v}."}, "index": 0}]}},
    {"input": {"text": "{v}"}, "output": None, "ok": True, "cost_usd": "{float}"},
    {"db.statement": "SELECT 1 FROM t WHERE v = '{v}'", "db.rows": "{n}"},
    {"rows": [["{n}", "{v}"], ["{n}", "none"]], "columns": ["n", "value"]},
    {"note": "first line\nsecond line {v}\nthird", "author": "agent"},
    {"retry": {"attempt": "{n}", "last_error": "TimeoutError: {v} took too long"}},
    {"result": {"items": {"a": {"b": {"c": {"d": ["{v}"]}}}}}, "depth": 6},
    {"http.target": "/search/{v}", "http.status_code": "{status}"},
    {"counts": {"{v}": "{n}"}, "window": "1h"},
    {"documents": [{"page_content": "… {v} …", "metadata": {"page": "{n}"}}], "scores": "{vec}"},
)

KEYED_EVENTS: tuple[dict[str, Any], ...] = (
    {"event": "profile", "{k}": "{v}", "plan": "free"},
    {"event": "tool_call", "tool": "{tool}", "arguments": {"{k}": "{v}", "seats": "{n}"}},
    {"customer": {"{k}": "{v}", "tier": 2, "since": "{ts}"}, "run": "{uuid}"},
    {"booking": {"travellers": [{"{k}": "{v}", "seat": "12A"}]}, "price": "{float}"},
    {"name": "{tool}", "arguments": {"$json": {"{k}": "{v}", "n": "{n}"}}},
    {"order": {"items": ["{n}"], "contact": {"{k}": "{v}"}}, "total_usd": "{float}"},
    {"state": {"form": {"fields": {"{k}": "{v}"}}}, "valid": True},
    {"span": {"attributes": {"app.{k}": "{v}", "app.step": "{n}"}}, "trace_id": "{hex32}"},
    {"rows": [{"{k}": "{v}"}, {"{k}": None}], "row_count": 2},
    {"event": "validation_failed", "input": {"{k}": "{v}"}, "errors": ["too long"]},
    {"request": {"method": "POST", "body": {"{k}": "{v}"}}, "status": "{status}"},
    {"memory": [{"type": "fact", "{k}": "{v}", "confidence": "{float}"}]},
)

SECRET_KEY_EVENTS: tuple[dict[str, Any], ...] = (
    *KEYED_EVENTS[:7],
    {"config": {"provider": {"{k}": "{v}", "region": "eu-west-1"}}, "loaded": True},
    {"headers": {"{k}": "{v}", "accept": "*/*"}, "status": "{status}"},
    {"env": {"PATH": "/usr/bin", "{k}": "{v}"}, "pid": "{n}"},
    {"locals": {"self": "<Client>", "{k}": "{v}"}, "lineno": "{n}"},
    {"mcp": {"servers": [{"name": "files", "env": {"{k}": "{v}"}}]}, "port": "{port}"},
    {"{k}": {"value": "{v}", "created": "{ts}"}, "event": "rotated"},
    {"{k}": ["{v}"], "event": "loaded"},
)

PROSE = (
    "Hi, it is about my order from last week. My {noun} is {v}, can you see what happened to it?",
    "Thanks for the quick answer! For the record, {noun}: {v}. Please keep me posted.",
    "I have changed it in the meantime, the new {noun} is {v} and the old one no longer works.",
    "The traveller would like to leave on Friday at {n}:00. The {noun} we have on file is {v}; "
    "it was checked by {tool} and costs {usd} in total.",
    "Could you please use {v} as my {noun}? The form on your page does not take it.",
    "Yes, that is right. {v} is my {noun}, as I wrote two days ago.",
    "According to the document you sent, your {noun} ({v}) was registered on page {n}.",
    "Guten Tag, meine Daten haben sich geändert: {noun} {v}. Bitte bestätigen Sie das kurz.",
    "Bonjour, voici mes informations : {noun} {v}. Merci de votre réponse rapide.",
    "Hola, le escribo otra vez porque nadie contesta. {noun}: {v}. Gracias y un saludo.",
    "Buongiorno, come richiesto vi mando {noun} {v}, resto in attesa.",
    "Olá, segue o que pediram: {noun} {v}. Obrigado pela ajuda.",
    "Hej, här kommer det ni frågade efter: {noun} {v}. Tack så mycket.",
    "So I called them twice, gave them {v} both times, and still nothing. What now?",
    "Summary: the user asked for a refund of {usd}, gave {v} and was told to wait {n} days.",
)

MAIL_PROSE = ("Write to me at {v}, I read it every day.", "Meine E-Mail ist {v}.")
PHONE_PROSE = ("Call me on {v} after six, please.", "Mein Handy: {v}", "Llámame al {v}.")
NAME_PROSE = (
    "Hi, my name is {v} and I would like to change my booking.",
    "Hello, this is about the flat. My full name is {v}. When can I move in?",
    "Guten Tag, mein Name ist {v} und ich habe eine Frage zur Rechnung.",
    "Bonjour, je m'appelle {v} et mon colis n'est pas arrivé.",
    "Hola, me llamo {v} y necesito ayuda con mi pedido.",
    "Buongiorno, mi chiamo {v} e non riesco a entrare.",
    "Olá, meu nome é {v} e quero cancelar a viagem.",
    "Hej, jag heter {v} och vill boka om resan.",
    "Passenger name: {v}, seat 14C, one bag.",
    "The booking is in the name of {v} for two nights.",
    "Customer: {v}\nTopic: late delivery",
)
ADDRESS_PROSE = (
    "My address is {v}, please send it there.",
    "Please ship it to {v}.",
    "The parcel should go to my new address: {v}",
    "I live at {v} since last month.",
    "Meine Adresse lautet {v}, danke.",
    "Mon adresse est {v}. Merci.",
    "Mi dirección es {v}, gracias.",
    "Il mio indirizzo è {v}.",
    "Shipping address: {v}",
    "Delivery address: {v}\nLeave at the door.",
)
BIRTH_PROSE = (
    "I was born on {v} and need a youth ticket.",
    "My date of birth is {v}.",
    "DOB: {v}, please check the fare.",
    "Date of birth: {v}",
    "The passenger (born {v}) travels alone.",
    "Ich bin am {v} geboren.",
    "Mein Geburtsdatum ist {v}.",
    "Je suis née le {v}, est-ce que j'ai droit au tarif jeune ?",
    "Mi fecha de nacimiento es {v}.",
    "Geburtsdatum: {v}",
    "La mia data di nascita è {v}.",
)
PASSWORD_PROSE = (
    "I cannot log in. My password is {v} and it worked yesterday.",
    "Sure, the password is: {v}",
    "My old password was {v}, please reset it.",
    "Use the password {v} for the demo account.",
    "Login: demo, password: {v}",
    "password {v} does not work on the staging page, but it does on the old one",
    "The passphrase is {v}, do not share it.",
    "Mein Passwort ist {v}, bitte ändern.",
    "Das Kennwort lautet {v}.",
    "Mon mot de passe est {v} et il ne marche plus.",
    "Mi contraseña es {v}, no puedo entrar.",
    "Minha senha é {v}, não consigo entrar.",
    "La mia password è {v}, non funziona.",
    "Мой пароль: {v}, войти не могу.",
    "我的密码是{v},无法登录。",
    "パスワードは {v} です。",
)
KEY_PROSE = (
    "My API key is {v}, why do I get an error?",
    "my key is {v}",
    "Here is my api key: {v} - please run it for me.",
    "The secret is {v}, keep it safe.",
    "Use this token: {v}",
    "The access token is {v} and expires tonight.",
    "Mein API-Schlüssel ist {v}.",
    "Ma clé API est {v}, merci.",
    "Mi clave de API es {v}.",
    "Our client secret is {v}; set it in the config.",
)
