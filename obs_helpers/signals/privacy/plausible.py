"""Whether what follows a telling name is a value at all: "password is wrong" holds none."""

import re

_PLACEHOLDER = re.compile(
    r"\$\{.*|\$\(.*|\$[A-Z_]+|<[^<>]*>|\{+[^{}]*\}+|%s|%\(.*|[*x•.…_-]{3,}|\.\.\.|\[.*\]?"
)
_NO_SECRETS = listed(
    "true false null none nil yes no undefined na n/a str string bytes int integer bool boolean "
    "float any object optional secretstr list dict type required missing invalid wrong incorrect "
    "expired empty unset set not too very valid correct weak strong hidden redacted masked removed "
    "revoked unknown rejected denied accepted failed ok okay used stored hashed encrypted "
    "rotated changed reset updated sent the a an at in on of to for from by with your my our its "
    "this that it must should can cannot could may will would was is are be been being never "
    "always only also now still already default optional disabled enabled needed provided "
    "supplied given default error mismatch here there same different required. case what where "
    "how why when one two something nothing sensitive confidential safe secure private public "
    "unchanged compromised leaked exposed about between"
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_]*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)+(?:\(.*)?")
_CODE = re.compile(r"[A-Za-z_][\w.]*[(\[].*|\(.*|lambda\b.*")
_WORD_ENDS = ("ed", "ing", "able", "ible", "ly", "ive", "ory", "ant", "ent", "less", "ful")
_STREET = re.compile(
    r"\b(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|way|court|ct|place|pl|square"
    r"|sq|terrace|close|crescent|grove|hill|gardens|mews|row|highway|hwy|parkway|pkwy|rue|calle"
    r"|avenida|via|viale|plaza|piazza|chemin|quai|rua|paseo|carrer|ulica|ul|impasse|allée|corso)\b"
    r"|str\.|(?:stra(?:ß|ss)e|str|weg|allee|platz|gasse|gatan|gata|straat|laan|vej|gade|damm|ufer)\b",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[^\W\d_][\w .,'’-]{0,79}")


_NO_NAMES = listed(
    "customer sir madam team all support user guest service friend friends colleague colleagues "
    "everyone there world agent assistant model desk sales account accounts data api system "
    "admin portal care success manager hiring product order invoice ticket request response "
    "january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday north south east west new "
    "university hospital airport hotel airlines bank gmbh inc ltd llc corp street road the a an "
    "please yes no thanks thank you regards best in on at for with from your our my this that error warning info debug none true false not "
    "interface id session token name email phone relations experience gpt claude gemini llama "
    "google amazon microsoft openai anthropic apple python java linux windows mac android ios "
    "docker kubernetes server client database cluster region cloud tool function english german "
    "french spanish italian dutch i you he she we they it is are was"
)


def could_be_person(value: str, least: int) -> bool:
    """Tell whether `value` could be a name of `least` words or more, and no common noun."""
    parts = value.replace(".", " ").split()
    common = any(part.lower().strip(",'’") in _NO_NAMES for part in parts)
    shouted = len(value) > 3 and value.isupper()
    return len(parts) >= least and not common and not shouted


def is_placeholder(value: str) -> bool:
    """Tell whether `value` only stands for one: `${TOKEN}`, `<your key>`, `***`."""
    return bool(_PLACEHOLDER.fullmatch(value.strip()))


def is_plain_word(value: str) -> bool:
    """Tell whether `value` could be a person's name: it starts with a letter."""
    return bool(_PLAIN_NAME.fullmatch(value)) and value.lower() not in _NO_SECRETS


def looks_like_street(value: str) -> bool:
    """Tell whether `value` has a house number and a street."""
    return any(map(str.isdigit, value)) and bool(_STREET.search(value)) and "://" not in value


def looks_secret(value: str, name: str, sep: str, after: str, before: str) -> bool:
    """Tell whether `value`, unquoted after `name` and `sep`, is a secret and no prose or code."""
    lower = value.lower()
    if not value or is_placeholder(value) or lower.strip("|,.!?:") in _NO_SECRETS:
        return False
    if _CODE.fullmatch(value) or (_DOTTED.fullmatch(value) and not _has_digit(value)):
        return False
    telling = is_strong(value)
    if sep.isalpha() or sep in (" ", "\t", "|", ""):
        return telling or (
            _IDENTIFIER.fullmatch(value) is not None
            and "_" not in value
            and any(word in name.lower() for word in ("my pass", "my new pass", "our pass"))
            and len(value) > 3
            and not lower.endswith(_WORD_ENDS)
        )
    if not _IDENTIFIER.fullmatch(value):
        return len(value) > 1 or value.isalnum()
    if sep == ":":  # `password: hunter`, but not `password: use a long one`
        return len(value) > 2 and not re.match(r"\s\w|\(|\[", after)
    spaced = before.endswith(" ")
    called = re.search(r"[(,]\s*[\w.]*=$", before)
    return not spaced and not called and "_" not in value


def is_strong(value: str) -> bool:
    """Tell whether `value` has what words lack: a digit, a sign, capitals inside."""
    if len(value) < 4:
        return False
    symbol = any(c in "!@#$%^&*+=?~" for c in value.rstrip("!?"))
    mixed = len(value) > 7 and any(map(str.isupper, value[1:])) and any(map(str.islower, value))
    return _has_digit(value) or symbol or mixed


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))
