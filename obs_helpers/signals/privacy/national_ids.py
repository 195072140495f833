"""Ids of many countries that their shape gives away, most of them with a check digit."""

import re
from collections.abc import Callable

from obs_helpers.signals.privacy.asian_ids import china, hong_kong, singapore
from obs_helpers.signals.privacy.check_digits import checked
from obs_helpers.signals.privacy.rule import Rule

NOT_CODE = r"(?![A-Za-z0-9]|-[A-Za-z0-9]|\.\d)"
"""What must not follow a number."""
_NATIONAL: dict[str, str | Callable[[str], bool]] = {  # shape, and who checks it
    r"\d{3}[ -]\d{3}[ -]\d{4}": "gb.nhs",
    r"\d{3}[ -]\d{3}[ -]\d{3}": "ca.sin",
    r"\d{8}[ -]?[A-Z]": "es.dni",
    r"[12] ?\d{2} ?[01]\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}": "fr.nir",
    r"\d{3}\.\d{3}\.\d{3}-\d{2}": "br.cpf",
    r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}": "br.cnpj",
    r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}": "in_.aadhaar",
    r"(?:19|20)?\d{6}[-+]\d{4}": "se.personnummer",
    r"\d{6}[-+A]\d{3}[0-9A-Y]": "fi.hetu",
    r"[1-9]\d{5}(?:19|20)\d{9}[\dX]": china,
    r"756\.?\d{4}\.?\d{4}\.?\d{2}": "ch.ssn",
    r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]": "cl.rut",
    r"(?:2[0347]|3[034])-\d{8}-\d": "ar.cuit",
    r"\d{6}/\d{4}": "cz.rc",
    r"\d{2} \d{3} \d{3} \d{3}": "de.idnr",
    r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}": "be.nn",
    r"\d{6}-[1-4]\d{6}": "kr.rrn",
}


def _has_check_digit(text: str) -> bool:
    """Tell whether the check of one of the national ids with this shape passes."""
    return any(check(text) for shape, check in _CHECKS if shape.fullmatch(text))


_CHECKS = [
    (re.compile(shape), checked(check) if isinstance(check, str) else check)
    for shape, check in _NATIONAL.items()
]
NATIONAL_ID = Rule(
    "NATIONAL_ID",
    re.compile(
        rf"(?<![A-Za-z0-9])(?<![.-])(?:{'|'.join(sorted(_NATIONAL, key=len, reverse=True))})"
        + NOT_CODE
    ),
    _has_check_digit,
)
_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z]{2}[\d ]{6,10}[A-D]")
"""The national insurance number of the United Kingdom; it has no check digit."""
_LETTERED = [
    *(checked(module) for module in ("it.codicefiscale", "in_.pan", "mx.curp", "es.nie")),
    singapore,
    hong_kong,
]
HETU = Rule(  # a letter in place of the hyphen: born from 2000 on
    "NATIONAL_ID",
    re.compile(r"(?<![\w-])\d{6}[A-F]\d{3}[0-9A-Y](?!\w)"),
    checked("fi.hetu"),
)
LETTERED_ID = Rule(
    "NATIONAL_ID",
    re.compile(
        r"[A-Z](?<!\w.)(?:(?<=[XYZ])[ -]?\d{7}[ -]?[A-Z]"
        r"|[A-Z]{5}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"
        r"|[A-Z]{2} [A-Z]{3} \d{2}[A-EHLMPRST]\d{2} [A-Z]\d{3}[A-Z]"
        r"|[A-Z]{4}\d{4}[A-Z]|[A-Z]{3}\d{6}[HM][A-Z]{5}[A-Z0-9]\d"
        r"|(?<=[STFGM])\d{7}[A-Z]|[A-Z]?\d{6}\([0-9A]\)"
        r"|[A-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D])(?!\w)"
    ),
    lambda text: bool(_NINO.fullmatch(text)) or any(check(text) for check in _LETTERED),
)
