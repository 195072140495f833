"""Personal data that is known by its shape, and most often by a check digit."""

import re

from obs_helpers.signals.privacy.check_digits import iban, is_address, is_card
from obs_helpers.signals.privacy.national_ids import HETU, LETTERED_ID, NATIONAL_ID, NOT_CODE
from obs_helpers.signals.privacy.rule import HOLE, Found, Rule, family

# -- E-mail and IP addresses --------------------------------------------------------------

_FILES = (
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "ico",
    "js",
    "css",
    "ts",
    "json",
    "html",
    "py",
    "txt",
    "md",
)


def _is_mail(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    label, _, top = domain.lower().rpartition(".")
    retina = re.fullmatch(r"\dx", label) and top in _FILES  # `icon@2x.png`
    return not retina and local not in ("git", "hg", "svn")


_LETTER = r"A-Za-z0-9\u00c0-\u024f\u0370-\u04ff"
"""Of alphabets that are used in addresses; others, such as Chinese, stand around them."""
_EMAIL = Rule(
    "EMAIL",
    re.compile(
        rf"(?<![{_LETTER}_.+%-])(?:[{_LETTER}_.+%-]{{1,32}}['\u2019])?[{_LETTER}_.+%-]{{1,64}}@"
        rf"(?:[{_LETTER}][{_LETTER}-]{{0,62}}\.){{1,8}}(?![0-9])[{_LETTER}]{{2,24}}"
        rf"(?![{_LETTER}]|-)"
    ),
    _is_mail,
)
_SPELT_EMAIL = Rule(
    "EMAIL",
    re.compile(
        r"(?i)(?<![\w.+-])[\w.+-]{1,64}\s?[\[({<](?:at|@)[\])}>]\s?[\w-]{1,63}"
        r"(?:(?:\.|\s?[\[({<](?:dot|\.)[\])}>]\s?)[\w-]{1,63}){1,6}(?![\w-])"
    ),
)
_FOUR_NUMBERS = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\.?[\w-])")
_NO_ADDRESS = re.compile(  # `Chrome/120.0.0.0` and `version 1.2.3.4`, read from the right
    r"[\w.-]|/[\w-]{0,30}[A-Z](?!\w)|==|[Vv]?\W{1,3}s?noi[Ss][Rr][Ee][Vv]"
    r"|v?\W{1,3}(?:esaele[Rr]|dliu[Bb])"
)


def _ip4(text: str) -> list[Found]:
    return [
        Found(*match.span(), "IP")
        for match in _FOUR_NUMBERS.finditer(text)
        if not match[0].startswith(("0.", "127.", "255."))  # of this machine, or a mask
        and all(int(part) < 256 for part in match[0].split("."))
        and not _NO_ADDRESS.match(text[max(0, match.start() - 40) : match.start()][::-1])
    ]


_IP6 = Rule(
    "IP",
    re.compile(
        r"(?<![\w.])(?<!::)(?:[23][0-9a-fA-F]{3}|[fF][c-fC-F][0-9a-fA-F]{2}|64|:(?=:ffff:))"
        r"(?:::?(?:[0-9a-fA-F]{1,4}(?![0-9a-fA-F]|\.\d)|(?:\d{1,3}\.){3}\d{1,3})){1,7}(?:::)?"
        r"(?!\w|:\w)",
    ),
    is_address,
)

# -- Numbers ------------------------------------------------------------------------------

_RUN = re.compile(
    r"\d(?<![A-Za-z0-9].)(?:"
    r"\d{3}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?(?![\w-])"
    r"|(?P<rest>(?:[ ()./:\n-]{0,3}\d){7,1000}))"
)
"""Digits with what may stand between them: in one of these a number can be. Most that
look like it are times, which the first line takes."""
_TIME = re.compile(
    r"(?:\d{4}([-/.])[01]?\d\1[0-3]?\d|[0-3]?\d([-/.])[0-3]?\d\2(?:19|20)\d\d)"
    r"(?: ?[0-2]?\d[:-]\d\d(?:[:-]\d\d(?:\.\d{1,9})?)?(?:-\d\d:?\d\d)?)?(?: \d{1,3})?"
    r"|(?:\d{4}:)?[0-2]?\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
)
_LETTER_NEXT = re.compile(r"[ -]?[A-Z](?!\w)")
_TOKEN = re.compile(r"[A-Za-z0-9-]{0,80}")
_FRACTION = re.compile(r"\d{1,12}\.\d{4,30}")
_UUID_OR_HEX = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=\d*[a-fA-F])(?:[0-9a-f]+|[0-9A-F]+)"
)
_ID_NAMED = re.compile(
    r"(?:(?:\b|_)[iI][dD]s?|[a-z]Ids?|\b(?:[oO]rder|[iI]nvoice|sku|SKU|isbn|ISBN))"
    r"[\"']?[ ]?[=:#][ ]?[\"']?\Z"
)
_MARGIN = 8


def _could_matter(text: str, run: str, start: int, end: int) -> bool:
    """Tell whether digits without anything between them can be more than a count."""
    if run[0] == "0" or text[start - 1 : start] == "+":
        return True  # a phone number
    if len(run) < 13:
        return _LETTER_NEXT.match(text, end) is not None
    swiss = run.startswith("756") and len(run) == 13
    return (
        swiss or (run[0] in "23456" and len(run) < 20) or len(run) in (15, 18)
    )  # a card, a national id


def _is_harmless(text: str, start: int, end: int) -> bool:
    """Tell whether the digits from `start` to `end` are a time, a fraction or an id."""
    run = text[start:end]
    if run.isdigit() and not _could_matter(text, run, start, end):
        return True
    if _TIME.fullmatch(run) or (_FRACTION.fullmatch(run) and text[start - 1 : start] != "."):
        return True
    start -= len(_TOKEN.match(text[max(0, start - 80) : start][::-1])[0])  # type: ignore[index]
    end = _TOKEN.match(text, end).end()  # type: ignore[union-attr]
    whole = text[start:end]
    if len(whole) > 11 and _UUID_OR_HEX.fullmatch(whole):
        return True
    return whole.isdigit() and bool(_ID_NAMED.search(text, max(0, start - 24), start))


_CARD = Rule(
    "CARD",
    re.compile(
        r"(?<![A-Za-z0-9])(?<![A-Za-z0-9][.-])[2-6](?:\d{12,18}"
        r"|\d{3}(?P<s>[ ./\n-]| - |  )\d{4}(?P=s)\d{4}(?P=s)(?:\d{4}(?:(?P=s)\d{3})?|\d{2})"
        r"|\d{3}(?P<t>[ ./-]| - |  )\d{6}(?P=t)\d{4,5})" + NOT_CODE
    ),
    is_card,
)
_SSN = Rule(
    "SSN",
    re.compile(
        r"(?<![A-Za-z0-9])(?<![.-])(?!000|666|9)\d{3}(?P<s>[ -])(?!00)\d{2}(?P=s)(?!0000)\d{4}"
        + NOT_CODE
    ),
)
IBAN = Rule(
    "IBAN",
    re.compile(r"[A-Z](?<!\w.)[A-Z]\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)"),
    iban,
)
_NANP = r"[2-9](?!11)\d{2}"


def _is_phone(text: str) -> bool:
    digits = re.sub(r"\D", "", re.split(r"(?i)x|ext", text)[0])
    if text.startswith("+1") or text.startswith("001"):
        return len(digits.removeprefix("00")) == 11
    grouped = any(c in " ()./-" for c in text.strip())
    if text.startswith("00"):
        return (grouped and 10 <= len(digits) <= 17) or len(digits) in (13, 14)
    if text[0] == "+":
        return 8 <= len(digits) <= 15 and (grouped or len(digits) > 9)
    return 8 <= len(digits) <= 12


_PHONE = Rule(
    "PHONE",
    re.compile(
        r"(?<![A-Za-z0-9_.+-])(?<![A-Za-z0-9]/)(?:"
        r"(?:\+|\b00)[1-9]\d{0,2}[ ./-]?(?:\(0\)[ ]?)?(?:\(?\d{1,5}\)?[ ./-]{0,2}){1,6}\d{2,5}"
        rf"|(?:1[ .-])?(?:\({_NANP}\) ?|{_NANP}[ .-]){_NANP}[ .-]\d{{4}}"
        r"|\(0\d{1,5}\)[ -]?\d{2,8}(?:[ -]\d{2,6}){0,3}"
        r"|0[1-9]\d{0,4}(?:[ /-]| / |\.(?=\d\d\.))\d{2,8}(?:[ .-]\d{2,6}){0,4}"
        r"|0[1-9](?:[ .]\d{2}){4}"
        r"|[6-9]\d{4}[ -]\d{5}|[67]\d{2}(?: \d{2}){3}|[679]\d{2} \d{3} \d{3}"
        r"|\(\d{2}\) ?9?\d{4}-\d{4}"
        r")(?:\s?(?:x|ext\.?)\s?\d{1,5})?(?![A-Za-z0-9_-]|\.\d)"
    ),
    _is_phone,
)
NUMBERS = (_CARD, _SSN, NATIONAL_ID, _PHONE)


_LEADING_TIME = re.compile(
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?(?![\w-]|[.:]\d)"
)
_BETWEEN = b" ()./:\n-"
_DIGIT_OR_NOT = bytes(ord("0") if chr(code).isdigit() else ord(".") for code in range(128)) + bytes(
    128
)


def may_hold_number(text: str) -> bool:
    """Tell whether eight digits stand together, but for what may be between, after a time."""
    if not text.isascii():
        return True
    time = _LEADING_TIME.match(text)
    rest = text[time.end() :] if time else text
    return b"00000000" in rest.encode().translate(_DIGIT_OR_NOT, _BETWEEN)


def _numbers(text: str) -> list[Found]:
    """Find numbers that belong to a person, outside of ids, times and fractions."""
    found: list[Found] = []
    if not may_hold_number(text):
        return found
    for run in _RUN.finditer(text):
        if not run["rest"] or _is_harmless(text, *run.span()):
            continue
        first = max(0, run.start() - _MARGIN)
        window = text[first : run.end() + _MARGIN]
        for rule in NUMBERS:
            for start, end, marker in rule(window):
                found.append(Found(first + start, first + end, marker))
                window = window[:start] + HOLE * (end - start) + window[end:]
    return found


def _addresses(text: str) -> list[Found]:
    """Find IP addresses."""
    found = _ip4(text) if text.count(".") > 2 else []
    long = "::" in text or text.count(":") > 6
    return found + _IP6(text) if long else found


def _codes(text: str) -> list[Found]:
    """Find accounts and ids that begin with letters."""
    if not _LETTER_AND_DIGIT.search(text):
        return []
    return IBAN(text) + LETTERED_ID(text) + HETU(text)


_LETTER_AND_DIGIT = re.compile(
    r"[A-Z](?:(?<=[XYZ])[ -]?\d{7}|[A-Z] ?\d\d|(?<=[STFGM])\d{7}|\d{6}\(|(?<=\d[A-F])\d{3})"
)

MAIL = family(_EMAIL, _SPELT_EMAIL, parts="@ at] at) at} at>")
PERSONAL = (_addresses, _codes, _numbers)
"""Tried on every text: nothing cheaper tells whether they find anything."""
