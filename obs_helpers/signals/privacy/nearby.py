"""Numbers that are known by a noun close by: "use 123456789 as my SSN"."""

import re
from collections.abc import Callable

from obs_helpers.signals.privacy.asian_ids import singapore, taiwan
from obs_helpers.signals.privacy.check_digits import checked
from obs_helpers.signals.privacy.rule import Found, family, has_any

_REACH = 60
"""Characters between the noun and the number, at most."""
_LOOSE = re.compile(
    r"(?<![A-Za-z0-9_.+-])\+?\(?[A-Z]{0,2}\d(?:\)?[ ./-]?\d){5,14}(?:[ -]?[A-Z])?"
    r"(?![A-Za-z0-9_-]|\.\d)"
)


def _could_be_called(text: str) -> bool:
    if re.match(r"(?:19|20)\d\d-[01]\d-", text):  # a time
        return False
    digits = re.sub(r"\D", "", text)
    return 10 <= len(digits) <= 13 and (
        text[0] in "+(0" or (len(digits) == 10 and text[0] in "23456789")
    )


def _opening(number: str) -> int:
    """Return 1 if `number` begins with a bracket that it does not close."""
    return int(number[0] == "(" and ")" not in number)


_NOUNS = {  # the nouns, and who checks the number
    r"sin|social insurance": "ca.sin",
    r"dni|nif|nie": "es.dni es.nie pt.nif",
    r"cpf": "br.cpf",
    r"cnpj": "br.cnpj",
    r"tfn|tax file": "au.tfn",
    r"aadhaar|aadhar": "in_.aadhaar",
    r"personnummer": "se.personnummer no.fodselsnummer",
    r"nhs": "gb.nhs",
    r"bsn|burgerservicenummer": "nl.bsn",
    r"pesel": "pl.pesel",
    r"idnr|identifikationsnummer|steuer-?(?:id|identifikationsnummer|nummer)": "de.idnr",
    r"nir|sécurité sociale": "fr.nir",
    r"itin|tax id|taxpayer": "us.itin us.tin",
    r"fødselsnummer|fodselsnummer": "no.fodselsnummer",
    r"kimlik|tckn": "tr.tckimlik",
    r"isikukood|asmens kodas": "ee.ik lt.asmens",
    r"マイナンバー|個人番号|my number": "jp.in_",
    r"oib": "hr.oib",
    r"pps|ppsn": "ie.pps",
    r"cnp": "ro.cnp",
    r"amka": "gr.amka",
    r"egn|егн": "bg.egn",
    r"rut": "cl.rut",
    r"cui[tl]": "ar.cuit",
    r"rodn[eé] [cč][ií]slo": "cz.rc",
    r"thai (?:national )?id|citizen id|ประชาชน": "th.pin",
    r"israeli id|teudat zehut|ת\.?ז": "il.idnr",
    r"cpr(?:-nummer)?": "dk.cpr",
    r"rijksregister(?:nummer)?|registre national": "be.nn",
    r"ahv|avs": "ch.ssn",
    r"south african id|sa id|rsa id": "za.idnr",
    r"contribuinte": "pt.nif",
    r"kennitala": "is_.kennitala",
    r"mykad": "my.nric",
}
_CHECKED: dict[str, tuple[str, list[Callable[[str], bool]]]] = {
    **{
        noun: ("NATIONAL_ID", [checked(module) for module in modules.split()])
        for noun, modules in _NOUNS.items()
    },
    r"ssn|social security": ("SSN", [checked("us.ssn")]),
    r"nric|fin|national id|身分證\w*": ("NATIONAL_ID", [singapore, taiwan]),
    r"mobile|telephone|phone|cell|handy": ("PHONE", [_could_be_called]),
}
_KINDS = [
    (
        [re.split(r"[^\w]|(?<=.)\[", one)[0] for one in noun.split("|")],
        re.compile(rf"(?:{noun})\b"),
        *kind,
    )
    for noun, kind in _CHECKED.items()
]
"""Each with the beginnings of its nouns: cheap to look for."""


def _near(text: str) -> list[Found]:
    """Find the numbers that pass the check of a noun within reach."""
    lower = text.lower()
    return [
        Found(number.start() + _opening(number[0]), number.end(), marker)
        for beginnings, noun, marker, checks in _KINDS
        if has_any(lower, beginnings)
        for match in noun.finditer(lower)
        for number in _LOOSE.finditer(
            text, max(0, match.start() - _REACH), min(len(text), match.end() + _REACH)
        )
        if any(check(number[0].lstrip("(")) for check in checks)
    ]


NEARBY = family(
    _near,
    words="ssn social sin dni nif nie cpf cnpj tfn aadhaar aadhar personnummer nhs bsn "
    "burgerservicenummer idnr identifikationsnummer pesel steuer steueridentifikationsnummer "
    "steuernummer nir sociale itin tax taxpayer mobile telephone phone cell handy "
    "fødselsnummer fodselsnummer kimlik tckn isikukood asmens oib pps ppsn cnp amka egn егн rut "
    "cuit cuil rodné rodne thai citizen israeli teudat cpr rijksregister rijksregisternummer "
    "registre ahv avs african rsa contribuinte kennitala mykad nric national",
    parts="マイナンバー 個人番号 ประชาชน ת.ז 身分證",
)
