"""Check characters of national ids that python-stdnum does not know."""

import re
from datetime import date

_HONG_KONG = re.compile(r"([A-Z]{1,2})(\d{6})\(?([0-9A])\)?")
_SINGAPORE = re.compile(r"([STFGM])(\d{7})([A-Z])")
_TAIWAN = re.compile(r"([A-Z])([1289]\d{8})")
_CHINA = re.compile(r"[1-9]\d{5}((?:19|20)\d\d)(\d\d)(\d\d)\d{3}[\dX]")
_TAIWAN_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"


def hong_kong(text: str) -> bool:
    """Tell whether `text` is an identity card's number, such as A123456(3)."""
    match = _HONG_KONG.fullmatch(text)
    if match is None:
        return False
    letters, digits, last = match.groups()
    values = [36] * (2 - len(letters)) + [ord(letter) - 55 for letter in letters]
    values += [*map(int, digits), 10 if last == "A" else int(last)]
    return (
        sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0
    )


def singapore(text: str) -> bool:
    """Tell whether `text` is an NRIC or a FIN."""
    match = _SINGAPORE.fullmatch(text)
    if match is None:
        return False
    first, digits, last = match.groups()
    total = sum(int(d) * weight for d, weight in zip(digits, (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(first, 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(first, "XWUTRQPNMLK")
    return last == letters[10 - total % 11 if first == "M" else total % 11]


def taiwan(text: str) -> bool:
    """Tell whether `text` is a national identification card's number."""
    match = _TAIWAN.fullmatch(text)
    if match is None:
        return False
    tens, ones = divmod(_TAIWAN_LETTERS.index(match[1]) + 10, 10)
    weights = (8, 7, 6, 5, 4, 3, 2, 1, 1)
    total = tens + 9 * ones
    return (total + sum(int(d) * w for d, w in zip(match[2], weights, strict=True))) % 10 == 0


def china(text: str) -> bool:
    """Tell whether `text` is a resident's number: a date, and the check of ISO 7064."""
    match = _CHINA.fullmatch(text)
    if match is None:
        return False
    try:
        date(*map(int, match.groups()))
    except ValueError:
        return False
    values = [10 if c == "X" else int(c) for c in text]
    return sum(value << place for place, value in enumerate(reversed(values))) % 11 == 1
