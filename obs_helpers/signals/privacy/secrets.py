"""Secrets that are known by their shape: keys in the public formats of their makers."""

import re
from collections.abc import Iterable, Iterator

from obs_helpers.signals.privacy.key_formats import BY_LENGTH, BY_PART, BY_WORD, WITH_DOTS
from obs_helpers.signals.privacy.plausible import is_placeholder
from obs_helpers.signals.privacy.rule import HOLE, Found, Rule, family

_NEW = r"(?<![A-Za-z0-9_-])"
_DONE = r"(?![A-Za-z0-9_-])"

_PRIVATE_KEY = Rule(
    "PRIVATE_KEY",
    re.compile(
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,33000}?"
        r"(?:-----END [A-Z ]{0,30}KEY(?: BLOCK)?-----|\Z)"
    ),
)
_JWT = Rule("JWT", re.compile(r"(?<![\w])eyJ[\w-]{5,4000}(?:\.{1,2}[\w-]{1,8000}){1,4}"))


def _is_key(text: str) -> bool:
    """Tell keys from names with a hyphen, such as `sk-fading-circle-animation`."""
    return any(c.isdigit() or c.isupper() for c in text[3:])


def _key(patterns: Iterable[str]) -> Rule:
    return Rule("API_KEY", re.compile(f"{_NEW}(?:{'|'.join(patterns)}){_DONE}"), _is_key)


_API_KEY = _key(BY_WORD.values())
_LONG_KEY = _key(BY_LENGTH)
_BY_PART = {part: _key([pattern]) for part, pattern in BY_PART.items()}


def _signs(letters: str) -> bytes:
    """Return a table that makes a 0 of letters, digits and `letters`, and a dot of the rest."""
    same = (ord("0") if chr(c).isalnum() or chr(c) in letters else ord(".") for c in range(256))
    return bytes(same)


_IN_KEY, _IN_LONGER_KEY = _signs("_-"), _signs("_-+/:$.~")


def long_keys(text: str) -> list[Found]:
    """Find keys that begin with nothing rare; few texts have anything as long."""
    coded = text.encode(errors="replace")
    found: list[Found] = []
    if b"0" * 44 in coded.translate(_IN_LONGER_KEY):
        found += [hit for part, rule in _BY_PART.items() if part in text for hit in rule(text)]
    signs = coded.translate(_IN_KEY)
    if b"0" * 20 not in signs:
        return found
    if not text.isascii():  # bytes are not characters there
        return found + _LONG_KEY(text)
    keys = [_LONG_KEY.pattern.match(text, start) for start in _runs(signs)]
    return found + [Found(*key.span(), "API_KEY") for key in keys if key and _is_key(key[0])]


def _runs(signs: bytes) -> Iterator[int]:
    """Return where twenty or more zeros on end begin."""
    start = signs.find(b"0" * 20)
    while start >= 0:
        yield start
        end = signs.find(b".", start)
        start = signs.find(b"0" * 20, end) if end >= 0 else -1


_TERRAFORM = Rule("API_KEY", re.compile(rf"(?<!\w)\w{{14}}\.atlasv1\.[\w-]{{60,70}}{_DONE}"))
_SIGNATURE = Rule("SECRET", re.compile(r"\bSignature=(?P<value>[0-9a-f]{64})\b"))
_BOT = Rule("API_KEY", re.compile(rf"(?<!\d)\d{{8,10}}:AA[\w-]{{33}}{_DONE}"))
_PGPASS = Rule(
    "SECRET",
    re.compile(
        r"(?i:pgpass)[\s\S]{0,400}?[\w.*-]{1,80}:(?:\d{2,5}|\*):[\w*-]{1,60}:[\w*.-]{1,60}"
        rf":(?P<value>[^\s{HOLE}]{{4,200}})"
    ),
)
_WEBHOOK = Rule(
    "WEBHOOK",
    re.compile(
        r"(?<=://)(?P<value>hooks\.slack\.com/(?:services|workflows)/[\w/-]{10,200}"
        r"|hooks\.zapier\.com/hooks/catch/[\w/]{8,80}"
        r"|[\w-]{1,60}\.webhook\.office\.com/webhookb2/[\w/@-]{40,300}"
        r"|(?:\w{1,20}\.)?discord(?:app)?\.com/api/webhooks/\d{5,25}/[\w-]{20,120})"
    ),
)
_URL_PASSWORD = Rule(
    "URL_PASSWORD",
    re.compile(
        rf"(?<=://)(?P<value>[^\s/:@\"'<>{HOLE}]{{0,128}}:[^\s/\"'<>{HOLE}]{{1,512}}"
        rf"|[^\s/:@\"'<>{HOLE}]{{16,256}})@(?=[\w\[.-])"
    ),
    lambda value: not is_placeholder(value.partition(":")[2] or value),
)
_ORACLE = Rule(
    "URL_PASSWORD",
    re.compile(
        rf"jdbc:oracle:\w{{1,10}}:(?P<value>[^\s/@\"'{HOLE}]{{1,64}}/[^\s\"'{HOLE}]{{1,200}})@"
    ),
)
_ASSIGNED = re.compile(r"[A-Za-z_]\w{0,40}=[^=]")  # the next field
_AUTH = Rule(
    "AUTH",
    re.compile(
        r"\b(?:[Bb]earer|BEARER|(?:[Bb]asic|BASIC)(?=\s\S{0,199}?(?:\d|=|[a-z][A-Z])))"
        r"\s{1,3}(?P<value>[\w.~+/=-]{8,4000})"
    ),
    lambda value: (
        not _ASSIGNED.match(value)
        and (
            any(c.isdigit() or c.isupper() for c in value)
            or (len(value) > 20 and "=" not in value.rstrip("="))
        )
    ),
)
_IN_QUERY = Rule(
    "SECRET",
    re.compile(
        r"(?:[?&]|&amp;)(?:[\w-]{0,24}[_-])?(?:key|sig|signature|code|auth|assertion"
        r"|X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token))"
        rf"=(?P<value>[^\s\"'&#;<>{HOLE}]{{6,4000}})",
        re.IGNORECASE,
    ),
    lambda value: len(value) > 7 and any(map(str.isdigit, value)),
)
SECRETS = (
    family(_PRIVATE_KEY, parts="-----begin"),
    family(_WEBHOOK, _URL_PASSWORD, parts="://"),
    family(_PGPASS, parts="pgpass"),
    family(_ORACLE, parts="jdbc:oracle:"),
    family(_JWT, parts="eyj"),
    family(_API_KEY, words=" ".join(BY_WORD)),
    *(family(_key([pattern]), parts=part) for part, pattern in WITH_DOTS.items()),
    family(_BOT, parts=":aa"),
    family(_TERRAFORM, parts=".atlasv1."),
    family(_SIGNATURE, words="signature"),
    family(_AUTH, words="bearer basic"),
    family(_IN_QUERY, parts="? &"),
)
