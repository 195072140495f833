"""Artificial secrets, made by chance.

Each gets the public format of its provider at run time, so that no line of this file looks
like one to a scanner.
"""

import base64
import json
import random
import string

from tests.corpus_values import ALNUM, DIGITS, LETTERS, Maker, Value, groups, some, written

URL_SAFE, BASE64, HEX = ALNUM + "-_", ALNUM + "+/", "0123456789abcdef"


def halves(text: str, hidden: str) -> Value:
    """Neither half of the hidden part may be left."""
    middle = len(hidden) // 2
    return Value(text, (hidden[:middle], hidden[middle:]) if middle > 7 else (hidden,))


def key(prefix: str, length: int, alphabet: str = ALNUM) -> Maker:
    """Return a maker of keys with a provider's prefix."""

    def made(draw: random.Random) -> Value:
        body = some(draw, length - 1, alphabet) + draw.choice(alphabet.strip("-_"))
        return halves(prefix + body, body)

    return made


def one_of(*makers: Maker) -> Maker:
    """Return a maker that lets chance pick one of several."""
    return lambda draw: draw.choice(makers)(draw)


def encoded(value: object) -> str:
    """Return JSON in the base 64 of a URL."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(draw: random.Random) -> Value:
    header = encoded({"alg": draw.choice(("HS256", "RS256")), "typ": "JWT"})
    body = encoded({"sub": some(draw, 10), "iat": 1_767_600_000 + draw.randrange(10**6)})
    signature = some(draw, 43, URL_SAFE)
    return Value(f"{header}.{body}.{signature}", (body, signature))


def pem(draw: random.Random) -> Value:
    label = draw.choice(("", "RSA ", "EC ", "OPENSSH ")) + "PRIVATE KEY"
    lines = tuple(some(draw, 64, BASE64) for _ in range(draw.randrange(2, 7)))
    rule = "-" * 5
    whole = [f"{rule}BEGIN {label}{rule}", *lines, f"{rule}END {label}{rule}"]
    return Value("\n".join(whole), lines)


def slack_webhook(draw: random.Random) -> Value:
    secret = some(draw, 24, ALNUM)
    team = some(draw, 8, string.ascii_uppercase + DIGITS)
    return Value(f"https://hooks.slack.com/services/T{team}/B{team[::-1]}/{secret}", (secret,))


def account_key(draw: random.Random) -> Value:
    secret = some(draw, 86, BASE64) + "=="
    head = "DefaultEndpointsProtocol=https;AccountName=agentlogs;AccountKey="
    return halves(f"{head}{secret};EndpointSuffix=core.windows.net", secret)


def hyphened(prefix: str) -> Maker:
    """Return a maker of keys that end in a UUID."""

    def made(draw: random.Random) -> Value:
        body = groups(some(draw, 32, HEX), 8, 4, 4, 4, 12, by="-")
        return halves(prefix + body, body)

    return made


def langsmith(prefix: str) -> Maker:
    """Return a maker of keys in two parts of hexadecimal digits."""

    def made(draw: random.Random) -> Value:
        body = f"{some(draw, 32, HEX)}_{some(draw, 10, HEX)}"
        return halves(prefix + body, body)

    return made


def slack_token(prefix: str) -> Maker:
    """Return a maker of the tokens of bots and users."""

    def made(draw: random.Random) -> Value:
        body = some(draw, 24, ALNUM)
        return Value(f"{prefix}-{some(draw, 12)}-{some(draw, 12)}-{body}", (body,))

    return made


def dotted_key(prefix: str, first: int, second: int) -> Maker:
    """Return a maker of keys in two parts."""

    def made(draw: random.Random) -> Value:
        body = some(draw, second, URL_SAFE)
        return halves(f"{prefix}{some(draw, first, URL_SAFE)}.{body}", body)

    return made


# -- Secrets that only their context gives away ----------------------------------------------
WORDS = ("harbor", "violet", "tiger", "maple", "rocket", "copper", "winter", "pepper", "sailor")


def password(draw: random.Random) -> Value:
    """One word, no space, quote or separator: it can stand anywhere."""
    a, b, number = draw.choice(WORDS), draw.choice(WORDS), draw.randrange(10, 9999)
    return written(
        draw, some(draw, draw.randrange(10, 17), ALNUM) + "7", f"{a.title()}{number}!",
        f"{a}-{b}-{number}", f"{a[:3]}{some(draw, 4)}_{b.upper()}", f"{a}{number}{b}",
        f"P{some(draw, 3)}${a}*{number % 97}",
    )  # fmt: skip


def opaque(draw: random.Random) -> Value:
    """A token without any public format."""
    alphabet, length = draw.choice(((ALNUM, 32), (HEX, 32), (HEX, 40), (ALNUM, 40), (URL_SAFE, 43)))
    text = some(draw, length - 1, alphabet) + draw.choice(DIGITS)
    return halves(text, text)


def basic(draw: random.Random) -> Value:
    login = f"agent:{password(draw).text}{some(draw, 6, ALNUM)}"
    text = base64.b64encode(login.encode()).decode()
    return Value(text, (text,))


def pin(draw: random.Random) -> Value:
    return written(draw, some(draw, 4))


def cvv(draw: random.Random) -> Value:
    return written(draw, some(draw, 3))


def discord(draw: random.Random) -> Value:
    """Return the token of a bot: its id in base64, a time and a signature."""
    bot = base64.b64encode(f"1{some(draw, 17)}".encode()).decode()
    secret = some(draw, 38, ALNUM)
    return halves(f"{bot}.{some(draw, 6, ALNUM)}.{secret}", secret)


def azure_client(draw: random.Random) -> Value:
    secret = some(draw, 34, ALNUM)
    return halves(f"{some(draw, 3, ALNUM)}8Q~{secret}", secret)


def ended(length: int, end: str) -> Maker:
    """Return a maker of hexadecimal keys that only their end gives away."""

    def made(draw: random.Random) -> Value:
        body = some(draw, length, HEX)
        return halves(body + end, body)

    return made


def two_parts(prefix: str, first: int, between: str, second: int, alphabet: str = HEX) -> Maker:
    """Return a maker of keys in two parts of one alphabet."""

    def made(draw: random.Random) -> Value:
        body = some(draw, second, alphabet)
        head = some(draw, first, alphabet)
        return halves(f"{prefix}{head}{between}{body}", body)

    return made


_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + DIGITS
PUBLIC: dict[str, Maker] = {
    "OpenAI": one_of(
        key("sk-", 48),
        key("sk-proj-", 120, URL_SAFE),
        key("sk-svcacct-", 80, URL_SAFE),
        key("sk-admin-", 80, URL_SAFE),
    ),
    "Anthropic": one_of(key("sk-ant-api03-", 95, URL_SAFE), key("sk-ant-admin01-", 95, URL_SAFE)),
    "Google": one_of(key("AIza", 35, URL_SAFE), key("ya29.", 120, URL_SAFE)),
    "Groq": key("gsk_", 52),
    "Hugging Face": key("hf_", 34, LETTERS),
    "OpenRouter": key("sk-or-v1-", 64, HEX),
    "xAI": key("xai-", 80),
    "Perplexity": key("pplx-", 48),
    "Replicate": key("r8_", 37),
    "NVIDIA": key("nvapi-", 64, URL_SAFE),
    "Tavily": key("tvly-", 32),
    "Langfuse": hyphened("sk-lf-"),
    "LangSmith": one_of(langsmith("lsv2_pt_"), langsmith("lsv2_sk_")),
    "Logfire": key("pylf_v1_eu_", 43),
    "GitHub": one_of(
        *(key(prefix, 36) for prefix in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
        key("github_pat_", 82, ALNUM + "_"),
    ),
    "GitLab": key("glpat-", 20, URL_SAFE),
    "npm": key("npm_", 36),
    "PyPI": key("pypi-AgEIcHlwaS5vcmc", 150, URL_SAFE),
    "AWS key id": one_of(key("AKIA", 16, _CAPITALS), key("ASIA", 16, _CAPITALS)),
    "Slack": one_of(slack_token("xoxb"), slack_token("xoxp"), slack_webhook),
    "Stripe": one_of(
        *(key(prefix, 24) for prefix in ("sk_live_", "sk_test_", "rk_live_")), key("whsec_", 32)
    ),
    "SendGrid": dotted_key("SG.", 22, 43),
    "DigitalOcean": key("dop_v1_", 64, HEX),
    "Databricks": key("dapi", 32, HEX),
    "Azure": one_of(account_key, azure_client),
    "Cerebras": key("csk-", 48, "abcdefghijkmnpqrtuvwxyz" + DIGITS),
    "Pinecone": key("pcsk_", 70),
    "Together": key("tgp_v1_", 43, URL_SAFE),
    "Jina": key("jina_", 60),
    "Firecrawl": key("fc-", 32, HEX),
    "E2B": key("e2b_", 40, HEX),
    "Weights & Biases": key("wandb_v1_", 70),
    "AWS Bedrock": key("ABSK", 108, BASE64),
    "Twilio": key("SK", 32, HEX),
    "Discord": discord,
    "Mailchimp": ended(32, "-us14"),
    "Brevo": two_parts("xkeysib-", 64, "-", 16),
    "Resend": two_parts("re_", 8, "_", 24, ALNUM),
    "Airtable": two_parts("pat", 14, ".", 64),
    "Notion": one_of(key("secret_", 43), key("ntn_", 46)),
    "HubSpot": hyphened("pat-na1-"),
    "Atlassian": one_of(key("ATATT3", 180, URL_SAFE), key("ATBB", 32)),
    "Artifactory": key("AKCp", 69),
    "Sourcegraph": key("sgp_", 40, HEX),
    "Vault": one_of(key("hvs.", 95, URL_SAFE), key("hvb.", 140, URL_SAFE)),
    "1Password": key("ops_eyJ", 250),
    "Grafana": one_of(two_parts("glsa_", 32, "_", 8), key("glc_eyJ", 100)),
    "New Relic": one_of(key("NRAK-", 27, _CAPITALS), key("NRII-", 32)),
    "Dynatrace": two_parts("dt0c01.", 24, ".", 64, _CAPITALS),
    "LaunchDarkly": hyphened("sdk-"),
    "Plaid": hyphened("access-sandbox-"),
    "Supabase": one_of(key("sbp_", 40, HEX), key("sb_secret_", 31)),
    "PlanetScale": one_of(key("pscale_tkn_", 43), key("pscale_pw_", 43)),
    "Square": key("EAAA", 60, URL_SAFE),
    "Shopify": key("shpat_", 32, HEX),
    "JWT": jwt,
    "PEM": pem,
}
"""By provider."""
