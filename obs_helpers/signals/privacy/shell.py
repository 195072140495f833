"""Secrets in commands: `mysql -pXYZ`, `--password XYZ`, `echo XYZ | sudo -S`."""

import re

from obs_helpers.signals.privacy.names import kind_of
from obs_helpers.signals.privacy.plausible import is_placeholder
from obs_helpers.signals.privacy.rule import HOLE, Found, Rule, family
from obs_helpers.signals.privacy.vocabulary import NO_SECRETS

_VALUE = rf"[\"']?(?P<value>[^\s\"'|;{HOLE}]{{3,400}})"
_REST = r"\b[^\n|;]{0,300}?\s"


def _is_given(value: str) -> bool:
    return not is_placeholder(value) and not value.startswith("-")


def _is_usage(name: str, value: str) -> bool:
    """Tell whether it only says what an option is: `--token TOKEN`, `--password string`."""
    word = value.lower().strip("[](){}<>|,.:;")
    plain = value.isalpha() and value.islower()
    return plain or word in NO_SECRETS or name.endswith(word)


_TOOLS = {
    "mysql mysqldump mysqladmin mariadb": (
        rf"\b(?:mysql(?:dump|admin)?|mariadb(?:-dump)?){_REST}-p(?=\S)"
    ),
    "mongo mongosh mongodump mongorestore sshpass ldapsearch": (
        rf"\b(?:mongo(?:sh|dump|restore)?|sshpass|ldapsearch){_REST}-[pw][ =]?"
    ),
    "login upload": (
        rf"\b(?:docker|podman|az|oc|helm|twine)\s(?:[\w-]{{1,20}}\s)?(?:login|upload){_REST}-p[ =]?"
    ),
    "redis": rf"\bredis-cli{_REST}(?:-a|--pass) ",
    "curl": rf"\bcurl{_REST}(?:-u|--user)[ =]?[\"']?[^\s:\"'$]{{1,64}}:",
    "htpasswd": r"\bhtpasswd\s-\w{0,6}b\w{0,6}\s\S{1,200}\s\S{1,64}\s",
}
"""What stands before the secret, by the words without which it is not there."""
_PIPED = re.compile(
    rf"\becho (?:-n )?[\"']?(?P<value>[^\s\"'|{HOLE}]{{3,400}})[\"']? ?\|"
    r"(?= ?(?:sudo -\w*S|chpasswd|\S{1,40}\s[^\n|]{0,200}--password-stdin))"
)
_OPTION = re.compile(
    r"(?<![\w-])--(?P<name>[a-z][\w-]{1,40})[ =]"
    rf"(?:(?P<quote>[\"'])(?P<quoted>[^\"'\n]{{1,400}})(?P=quote)|(?P<bare>[^\s\"'|;{HOLE}]{{1,400}}))"
)


def _options(text: str) -> list[Found]:
    """Find what follows an option whose name announces a secret."""
    found = []
    for match in _OPTION.finditer(text):
        kind = kind_of(match["name"])
        group = "quoted" if match["quote"] else "bare"
        if kind is None or kind.marker != "SECRET" or not _is_given(match[group]):
            continue
        if group == "quoted" or not _is_usage(match["name"], match["bare"]):
            found.append(Found(*match.span(group), "SECRET"))
    return found


SHELL = (
    *(
        family(Rule("SECRET", re.compile(before + _VALUE), _is_given), words=words)
        for words, before in _TOOLS.items()
    ),
    family(Rule("SECRET", _PIPED, _is_given), words="echo"),
    family(_options, parts="--"),
)
