"""Texts of 100 KB that make a careless pattern slow."""

import json
import random

SIZE = 100_000

UNITS = (
    "a", "A", "1", "0", "9", ".", "-", "_", " ", "\n", "\t", ":", "=", "@", "/", "\\", '"', "'",
     "{",
    "[", "(", "<", "%", "&", "*", "`", "\x1b", "+", ",", ";", "#", "|", "a.", "a-", "a_", "a ",
     "1 ",
    "1-", "1.", "1,", "a@", "@a", "a@a.", "a@a.b ", "a.b@", "1:", "::", "a:", "f:", "ffff:", "1::",
    "0.0.", "1.1.1.1", "192.0.2.", "4111 ", "4111-", "4", "41", "+1", "+1 ", "(1)", "00 49 ",
     "DE12",
    "GB", "DE89 3704 ", "AB 12 ", "X1", "eyJ", "eyJ.", "eyJa.eyJa.", "sk-", "sk-a", "sk_live_",
    "ghp_", "AKIA", "AIza", "xoxb-", "glpat-", "SG.", "-----BEGIN ", "-----",
     "-----BEGIN A KEY-----",
    "://", "a://", "http://", "http://a:", "http://a:b", "a:b@", "?token=", "&key=", "?a=b&",
     "key=",
    "password=", "password: ", "password ", "password is ", "password=a ", 'password="', "api_key",
    "a_key_", "Bearer ", "Basic ", "Authorization: ", "Cookie: ", "Cookie: a=b; ", "--password ",
    "-u a:", "AccountKey=", "Pwd=", "my name is ", "My name is A ", "my key is ", "born on ",
    "address: ", "Dear ", '{"a":', '{"a":1,', '["', '\\"', '{"password":', '{"a":"', "[{", "[1,",
    "%40", "%", "&#64;", "&#", "\\u0040", "<b>", "</", "**", "**1**", "\x1b[0m", "\x1b[1", "\u200b",
    "1\u200b", "a\u200b@", "\u0430", "\uff14", "\u00ad", "\u0660", "\u00e9", "e\u0301",
     "\U0001f642", "[EMAIL]", "[at]",
    "QUJD", "eyJhIjoxfQ", "QUJD=", "AbC1", "1234567890", "4111111111111111", "123-45-",
     "2026-01-01 ",
    "2026-01-01T10:00:00Z ", "a=b ", "a='b' ", "{'a': ", "A B ", "Maria ", "12 Elm ",
    "mysql ", "mysql -p", "curl -u ", "docker login ", "htpasswd -b ", "echo a |", "--",
    "a,password\n", "password;a\n", "|password|a|\n|-|-|\n", "INSERT INTO t (password) VALUES ",
    "('", "(''", "password: |\n ", "\n \t", "From: A B <", "jdbc:oracle:a:", "SecretStr(",
)  # fmt: skip


def hostile_texts(seed: int = 4, pairs: int = 150) -> dict[str, str]:
    """Return runs of one unit, of two units by chance, and noise; by a short name."""
    draw = random.Random(seed)
    units = {repr(unit): unit for unit in UNITS}
    for _ in range(pairs):
        one, other = draw.sample(UNITS, 2)
        units[f"{one!r} {other!r}"] = one + other
        units[f"{one!r} then many {other!r}"] = one + "\0" + other
    texts = {}
    for name, unit in units.items():
        head, _, body = unit.rpartition("\0")
        end = draw.choice(("", "!", "\n", "@", " "))
        texts[name] = (head + body * (SIZE // len(body)))[: SIZE - 1] + end
    letters = "aA1 .@:-_=/\"'{}[](),\\%&<>*\n\u200b\u0430\uff14"
    texts["noise"] = "".join(draw.choices(letters, k=SIZE))
    texts["any characters"] = "".join(map(chr, (draw.randrange(1, 0xD800) for _ in range(SIZE))))
    texts["JSON, very deep"] = '{"a":' * 16_600 + "1" + "}" * 16_600
    texts["JSON, a long list"] = "[" + ",".join(['"a@b.example"'] * 7_140) + "]"
    texts["JSON in JSON in JSON"] = _nested()
    texts["units mixed"] = "".join(draw.choices(UNITS, k=SIZE // 3))[:SIZE]
    return texts


def _nested() -> str:
    """Return JSON in strings, as deep as the backslashes allow."""
    text = "password=hunter"
    while len(longer := json.dumps({"a": text})) < SIZE:
        text = longer
    return text.ljust(SIZE)
