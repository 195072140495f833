"""Redaction: personal data and secrets become markers before anything is written.

A rule finds a shape, a check confirms it (a card number has a check digit), and a
marker such as `[EMAIL]` takes its place. What stands under a telling key, such as
`password`, goes whatever its shape. Names and street addresses in free text are not
found: no pattern can.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Any

import orjson

from obs_helpers.safe_json import text_of

MAX_SCAN = 32_768
"""Characters of one text that are searched; the rest is cut off, with a mark."""
_SHORT, _REMEMBERED = 64, 4096
"""Texts found clean are remembered up to this length and number: events repeat."""
_EDGE = 512
"""Searched beyond the cut, so that a value on the edge is found whole."""
MAX_DEPTH = 12
"""Levels of nested values that are searched; what lies deeper is not let through."""

NEVER_SCANNED = frozenset(
    {"timestamp", "level", "trace_id", "span_id", "parent_id", "traceparent", "run_id"}
)
"""Fields of our own whose values are ids or times: a random id can look like a card.
Anything else under these names is searched."""
_ID_OR_TIME = re.compile(r"[\w:.-]{0,64}")

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
        "IP",
        r"\d\.\d{1,3}\.",
        r"(?<![\w.:-])(?:\d{1,3}\.){3}\d{1,3}(?!\.?[\w-])",
        _is_public_ip,
    ),
)
"""Tried in this order: an address with a password in it is no e-mail address."""

_HINT = re.compile("|".join(rule.hint.pattern for rule in RULES))
_HARMLESS = (bool, float, type(None))
_HASHED_MARKER = re.compile(r"\[[A-Z_]{2,32}:[0-9a-f]{8}\]")
_SECRET_MARKER = re.compile(r"\[SECRET(?::[0-9a-f]{8})?\]")


class Redactor:
    """Replaces personal data and secrets in any value by markers, on a copy."""

    def __init__(self, extra: Iterable[Rule] = (), hash_key: bytes | None = None) -> None:
        """Redact by the rules here and by `extra`.

        Args:
            extra: Rules of your own, tried first; `confirm` can call any recogniser.
            hash_key: With it a marker carries a keyed hash, `[EMAIL:1f0c9a2b]`: the same
                person can be followed from line to line without being known.
        """
        self.rules = (*extra, *RULES)
        self._extra_hints = [rule.hint for rule in self.rules[: -len(RULES)]]
        self._clean_texts: set[str] = set()
        self.hash_key = hash_key
        self.found: Counter[str] = Counter()
        """How often each marker was put, for everybody to see."""

    def __call__(self, value: Any) -> Any:
        """Return a copy of `value` without what the rules find; never raises.

        What cannot be cleaned is not let through: a marker takes its place.
        """
        try:
            return self._clean(value, 0)
        except Exception as error:
            self.found["FAILED"] += 1
            failed = f"[REDACTION FAILED: {type(error).__name__}]"
            return {"event": failed} if isinstance(value, Mapping) else failed

    def _clean(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if type(value) in _HARMLESS:
            return value
        if isinstance(value, int):
            card = 10**12 < value < 10**19 and _is_card(value)
            return self._put("CARD", str(value)) if card else value
        if depth > MAX_DEPTH:
            return f"[{type(value).__name__}, too deep to be checked]"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item, depth + 1) for item in value]
        return self.text(text_of(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        for key, item in value.items():
            known = key in self._clean_texts and key not in out
            name = key if known else self._free_name(key, out)
            kind = type(item)
            own = key in NEVER_SCANNED and kind is str and _ID_OR_TIME.fullmatch(item)
            if own or kind in _HARMLESS:
                out[name] = item
            elif _is_sensitive(key if isinstance(key, str) else text_of(key)):
                out[name] = self._secret(item if isinstance(item, str) else text_of(item))
            else:
                out[name] = self._clean(item, depth + 1)
        return out

    def _secret(self, text: str) -> str:
        return text if _SECRET_MARKER.fullmatch(text) else self._put("SECRET", text)

    def _free_name(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        text = key if isinstance(key, str) else text_of(key)
        cleaned = self.text(text)
        name = key if cleaned == text else cleaned
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}#{number}"
        return free

    def text(self, text: str) -> str:
        """Return `text` with markers in place of what the rules find."""
        if text in self._clean_texts:
            return text
        if len(text) > MAX_SCAN:
            head = self.text(text[: MAX_SCAN // 2 + _EDGE])[:-_EDGE]
            return f"{head}[{len(text) - MAX_SCAN // 2} more characters]"
        hinted = _HINT.search(text) or any(hint.search(text) for hint in self._extra_hints)
        cleaned = self._search(text) if hinted else text
        if cleaned == text and len(text) <= _SHORT:
            if len(self._clean_texts) >= _REMEMBERED:
                self._clean_texts.clear()
            self._clean_texts.add(text)
        return cleaned

    def _search(self, text: str) -> str:
        if text[:1] in ("{", "["):
            text = self._json(text)
        for rule in self.rules:
            if rule.hint.search(text):
                text = rule.pattern.sub(partial(self._replace, rule), text)
        return text

    def _json(self, text: str) -> str:
        try:
            value = orjson.loads(text)
        except ValueError:
            return text
        cleaned = self._clean(value, MAX_DEPTH // 2)
        return text if cleaned == value else orjson.dumps(cleaned).decode()

    def _replace(self, rule: Rule, match: re.Match[str]) -> str:
        start, end = match.span("value" if match.groupdict().get("value") else 0)
        text, value = match.string, match.string[start:end]
        if _in_marker(text, start) or value.startswith("[") or not rule.confirm(value):
            return match[0]
        marker = self._put(rule.marker, value)
        return f"{text[match.start() : start]}{marker}{text[end : match.end()]}"

    def _put(self, marker: str, value: str) -> str:
        self.found[marker] += 1
        if self.hash_key is None:
            return f"[{marker}]"
        text = value.encode("utf-8", "backslashreplace")
        return f"[{marker}:{hmac.new(self.hash_key, text, hashlib.sha256).hexdigest()[:8]}]"


@lru_cache(maxsize=4096)
def _is_sensitive(key: str) -> bool:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", " ", key[-64:])
    words = spaced.lower().split()[-2:]
    return bool(words) and (words[-1] in SENSITIVE_KEYS or " ".join(words) in SENSITIVE_PAIRS)


def _in_marker(text: str, position: int) -> bool:
    """Tell whether a marker with a hash is there: `[API_KEY:1f0c9a2b]` looks like a secret."""
    opening = text.rfind("[", max(0, position - 40), position)
    marker = _HASHED_MARKER.match(text, opening) if opening >= 0 else None
    return marker is not None and position < marker.end()


def _is_card(number: int) -> bool:
    digits = str(number)
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and luhn(digits)
