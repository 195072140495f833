"""Values that markup keeps apart from their names: elements, pairs of `name` and `value`."""

import re

from obs_helpers.signals.privacy.names import kind_of
from obs_helpers.signals.privacy.plausible import is_placeholder
from obs_helpers.signals.privacy.rule import Found, family
from obs_helpers.signals.privacy.values import fits

_ELEMENT = re.compile(
    r"<(?P<name>[\w:.-]{1,64})(?:\s[^<>\n]{0,200})?>(?:<!\[CDATA\[)?"
    r"(?P<value>[^<>\]\n]{1,2000})(?=</|\]\]>)"
)
_PAIR = re.compile(
    r"(?i)\b(?:name|key|field|selector|element|label|id)[\"']?\s?[:=]\s?[\"']?[#.]?"
    r"(?P<name>[\w.-]{1,64})[\"']?,?\s{0,20}[\"']?(?:value|text)[\"']?\s?[:=]\s{0,3}[\"']?"
    r"(?P<value>(?<=[\"'])[^\"'\n]{1,2000}|[^\"'\s,})]{1,2000})"
)
_SQL = re.compile(r"(?i)(?P<name>\bidentified) by (?:password )?[\"'](?P<value>[^\"'\n]{1,400})")


def _described_values(text: str) -> list[Found]:
    found = []
    for pattern in (_ELEMENT, _PAIR, _SQL):
        for match in pattern.finditer(text):
            kind = kind_of("password" if pattern is _SQL else match["name"])
            value = match["value"]
            if kind is None or is_placeholder(value):
                continue
            if kind.marker == "SECRET" or fits(kind.marker, value):
                found.append(Found(*match.span("value"), kind.marker))
    return found


MARKUP = family(_described_values, words="value text identified", parts="</ ]]>")
