"""What redaction looks for: shapes of text, and names of fields that give a secret away."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

SENSITIVE_KEYS = frozenset(
    (
        *("password", "passwd", "pwd", "passphrase", "secret", "token", "authorization"),
        *("cookie", "credentials", "credential", "ssn", "cvv", "pin"),
    )
)
SENSITIVE_PAIRS = frozenset(
    (
        *("api key", "access key", "private key", "secret key", "account key", "auth key"),
        *("first name", "last name", "full name", "birth date", "of birth"),
        *("home address", "street address", "postal address"),
    )
)
"""Last word, or last two words, of a key whose value goes: `db_password` does,
`password_policy` and `max_tokens` stay."""


@lru_cache(maxsize=4096)
def is_sensitive(key: str) -> bool:
    """Tell whether the value under `key` goes, whatever it is."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", " ", key[-64:])
    words = spaced.lower().split()[-2:]
    return bool(words) and (words[-1] in SENSITIVE_KEYS or " ".join(words) in SENSITIVE_PAIRS)


@dataclass(frozen=True, slots=True)
class Rule:
    """A shape of text to replace."""

    marker: str
    pattern: re.Pattern[str]
    """Every repetition is bounded, so that hostile text costs linear time. If it has
    a group named `value`, only that part is replaced."""
    hint: re.Pattern[str]
    """A cheap pattern that is found in every text this rule can match."""
    confirm: Callable[[str], bool] = lambda _: True


def luhn(text: str) -> bool:
    """Tell whether the digits of `text` pass the check of payment cards (ISO 7812)."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return len(digits) >= 13 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_card(number: int) -> bool:
    """Tell whether a whole number could be that of a payment card."""
    digits = str(number)
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and luhn(digits)


def iban(text: str) -> bool:
    """Tell whether `text` passes the check of bank accounts (ISO 13616, mod 97)."""
    code = text.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1


def _is_public_ip(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _rule(
    marker: str, hint: str, pattern: str, confirm: Callable[[str], bool] = lambda _: True
) -> Rule:
    return Rule(marker, re.compile(pattern), re.compile(hint), confirm)


_SIX_DIGITS = r"\d(?:[ .()/-]{0,3}\d){5}"
_KEY_PREFIX = r"sk-|AIza|gsk_|hf_|gh[oprsu]_|github_pat|glpat-|npm_|AKIA|ASIA|xox|[sr]k_"
_QUOTE = r"(?:\\{0,4}[\"'])?"
_NAMED_SECRET = (
    r"(?i)(?:password|passwd|pwd|secret|token|(?:api|access|private|secret|account|auth)[_-]?key)"
    rf"{_QUOTE}\s{{0,3}}(?:=|:|\bis\b)\s{{0,3}}{_QUOTE}"
    r"(?P<value>(?<=[\"'])[^\"'\[\n]{1,4000}|[^\s\"',;&\[]{4,4000})"
)
RULES = (
    _rule(
        "PRIVATE_KEY",
        "-----BEGIN",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,33000}?"
        r"(?:-----END [A-Z ]{0,30}KEY-----|\Z)",
    ),
    _rule("URL_PASSWORD", "://", r"(?<=://)(?P<value>[^\s/:@]{0,64}:[^\s/@]{1,512})@"),
    _rule("JWT", "eyJ", r"\beyJ[\w-]{5,2000}\.[\w-]{5,4000}(?:\.[\w-]{1,1000})?"),
    _rule(
        "API_KEY",
        _KEY_PREFIX,
        r"(?<![\w-])(?:sk-[\w-]{20,200}|AIza[\w-]{35}|gsk_\w{20,100}|hf_\w{20,100}"
        r"|gh[oprsu]_\w{36,255}|github_pat_\w{20,255}|glpat-[\w-]{20,64}|npm_\w{36}"
        r"|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abeprs]-[\w-]{10,200}"
        r"|[sr]k_(?:live|test)_\w{16,200})(?![\w-])",
    ),
    _rule(
        "AUTH",
        r"earer\s|asic\s|EARER\s|ASIC\s",
        r"\b(?:[Bb]earer|BEARER|(?:[Bb]asic|BASIC)(?=\s\S{0,99}?(?:\d|=|[a-z][A-Z])))"
        r"\s(?P<value>[\w.~+/=-]{8,4000})",
    ),
    _rule(
        "SECRET", rf"(?i:(?:word|wd|secret|token|key){_QUOTE}\s{{0,3}}(?:=|:|is\b))", _NAMED_SECRET
    ),
    _rule(
        "EMAIL",
        "@|%40",
        r"(?<![\w.+%-])[\w.+%-]{1,64}(?:@|%40)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])",
    ),
    _rule(
        "IBAN",
        r"[A-Z]{2}\d{2}",
        r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)",
        iban,
    ),
    _rule(
        "CARD",
        _SIX_DIGITS,
        r"(?<![\w.-])(?:[2-6]\d{12,18}|[2-6]\d{3}(?P<s>[ -])\d{4}(?P=s)\d{4}(?P=s)\d{4}"
        r"|3\d{3}(?P<t>[ -])\d{6}(?P=t)\d{5})(?![\w-])",
        luhn,
    ),
    _rule(
        "SSN",
        _SIX_DIGITS,
        r"(?<![\w.-])(?!000|666|9)\d{3}([ -])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])",
    ),
    _rule(
        "PHONE",
        _SIX_DIGITS,
        r"(?<![\w.+-])(?:(?:\+|00)[1-9]\d{0,2}[ ./-]?(?:\(0\) ?)?(?:\(?\d{1,4}\)?[ ./-]?){2,5}"
        r"\d{2,4}|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?![\w-])",
        lambda text: sum(map(str.isdigit, text)) >= 8,  # +12345 is a number with its sign
    ),
    _rule(
        "IP", r"\d\.\d{1,3}\.", r"(?<![\w.:-])(?:\d{1,3}\.){3}\d{1,3}(?!\.?[\w-])", _is_public_ip
    ),
)
"""Tried in this order: an address with a password in it is no e-mail address."""

HINT = re.compile("|".join(rule.hint.pattern for rule in RULES))
"""Found in every text that one of the rules can match."""
