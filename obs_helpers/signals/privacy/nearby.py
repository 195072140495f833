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


_NOUNS = {  # the noun, what it announces, and who checks the number
    r"ssn|social security": ("SSN", ["us.ssn"]),
    r"sin|social insurance": ("NATIONAL_ID", ["ca.sin"]),
    r"dni|nif|nie": ("NATIONAL_ID", ["es.dni", "es.nie", "pt.nif"]),
    r"cpf": ("NATIONAL_ID", ["br.cpf"]),
    r"cnpj": ("NATIONAL_ID", ["br.cnpj"]),
    r"tfn|tax file": ("NATIONAL_ID", ["au.tfn"]),
    r"aadhaar|aadhar": ("NATIONAL_ID", ["in_.aadhaar"]),
    r"personnummer": ("NATIONAL_ID", ["se.personnummer", "no.fodselsnummer"]),
    r"nhs": ("NATIONAL_ID", ["gb.nhs"]),
    r"bsn|burgerservicenummer": ("NATIONAL_ID", ["nl.bsn"]),
    r"pesel": ("NATIONAL_ID", ["pl.pesel"]),
    r"idnr|identifikationsnummer|steuer-?(?:id|identifikationsnummer|nummer)": (
        "NATIONAL_ID",
        ["de.idnr"],
    ),
    r"nir|sécurité sociale": ("NATIONAL_ID", ["fr.nir"]),
    r"itin|tax id|taxpayer": ("NATIONAL_ID", ["us.itin", "us.tin"]),
    r"fødselsnummer|fodselsnummer": ("NATIONAL_ID", ["no.fodselsnummer"]),
    r"kimlik|tckn": ("NATIONAL_ID", ["tr.tckimlik"]),
    r"isikukood|asmens kodas": ("NATIONAL_ID", ["ee.ik", "lt.asmens"]),
    r"マイナンバー|個人番号|my number": ("NATIONAL_ID", ["jp.in_"]),
    r"oib": ("NATIONAL_ID", ["hr.oib"]),
    r"pps|ppsn": ("NATIONAL_ID", ["ie.pps"]),
    r"cnp": ("NATIONAL_ID", ["ro.cnp"]),
    r"amka": ("NATIONAL_ID", ["gr.amka"]),
    r"egn|егн": ("NATIONAL_ID", ["bg.egn"]),
    r"rut": ("NATIONAL_ID", ["cl.rut"]),
    r"cui[tl]": ("NATIONAL_ID", ["ar.cuit"]),
    r"rodn[eé] [cč][ií]slo": ("NATIONAL_ID", ["cz.rc"]),
    r"thai (?:national )?id|citizen id|ประชาชน": ("NATIONAL_ID", ["th.pin"]),
    r"israeli id|teudat zehut|ת\.?ז": ("NATIONAL_ID", ["il.idnr"]),
    r"cpr(?:-nummer)?": ("NATIONAL_ID", ["dk.cpr"]),
    r"rijksregister(?:nummer)?|registre national": ("NATIONAL_ID", ["be.nn"]),
    r"ahv|avs": ("NATIONAL_ID", ["ch.ssn"]),
    r"south african id|sa id|rsa id": ("NATIONAL_ID", ["za.idnr"]),
    r"contribuinte": ("NATIONAL_ID", ["pt.nif"]),
    r"kennitala": ("NATIONAL_ID", ["is_.kennitala"]),
    r"mykad": ("NATIONAL_ID", ["my.nric"]),
}
_CHECKED: dict[str, tuple[str, list[Callable[[str], bool]]]] = {
    **{
        noun: (marker, [checked(module) for module in modules])
        for noun, (marker, modules) in _NOUNS.items()
    },
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
