"""Ids of many countries: found by their shape, or by the word that announces them.

All numbers are made by chance; their check digits are right.
"""

from collections.abc import Callable

import pytest

from obs_helpers import Redactor
from obs_helpers.signals.privacy import asian_ids
from obs_helpers.signals.privacy.check_digits import checked

ANNOUNCED = {
    "fødselsnummer": "17018240548",
    "TC Kimlik": "95589822020",
    "isikukood": "34909188000",
    "マイナンバー": "214754499893",
    "OIB": "74728210656",
    "PPS": "8856642M",
    "CNP": "1950806010142",
    "AMKA": "06115121995",
    "EGN": "5303158387",
    "RUT": "11108197-2",
    "Thai ID": "2337804121362",
    "Israeli ID": "251529814",
    "CPR": "110453-1308",
    "rijksregisternummer": "76041516440",
    "AHV": "7562037782944",
    "NIF": "319600955",
    "national ID": "B257555632",
    "ITIN": "915-78-7044",
    "kennitala": "450401-3150",
}
ALONE = [
    "17.763.742-4", "27-13884145-1", "945426/5645", "S7432752D", "A058340(8)",
    "440305197704273931", "180304A451L", "7562037782944", "756.2037.7829.44",
]  # fmt: skip
CHECKS = {
    asian_ids.hong_kong: ("A058340(8)", "AB987654(3)", "G898877(2)"),
    asian_ids.singapore: ("S7432752D", "S0191747A", "T0000001E", "F1234567N", "M1234567K"),
    asian_ids.taiwan: ("B257555632", "A123456789"),
    asian_ids.china: ("440305197704273931", "11010519491231002X"),
}


@pytest.mark.parametrize(("word", "number"), ANNOUNCED.items())
def test_an_id_goes_where_its_word_announces_it(word: str, number: str) -> None:
    redact = Redactor()
    for text in (
        f"customer gave {word} {number} by phone",
        f"{word}: {number}",
        f"{word}={number}",
    ):
        assert redact(text) == text.replace(number, "[NATIONAL_ID]"), text
    assert (
        redact(f"customer gave step {number[:5]} by phone")
        == f"customer gave step {number[:5]} by phone"
    )


@pytest.mark.parametrize("number", ALONE)
def test_an_id_with_a_shape_of_its_own_goes_wherever_it_stands(number: str) -> None:
    redact = Redactor()
    assert redact(f"lookup {number} found 1 row") == "lookup [NATIONAL_ID] found 1 row"
    assert redact({"output": number}) == {"output": "[NATIONAL_ID]"}


@pytest.mark.parametrize(
    ("check", "number"), [(check, one) for check, known in CHECKS.items() for one in known]
)
def test_a_check_character_tells_an_id_from_any_other_code(
    check: Callable[[str], bool], number: str
) -> None:
    assert check(number)
    place = next(at for at in range(len(number) - 3, 0, -1) if number[at].isdigit())
    wrong = [f"{number[:place]}{digit}{number[place + 1 :]}" for digit in "0123456789"]
    right = [one for one in wrong if check(one)]
    assert number in right
    assert len(right) <= 2  # Taiwan's even weights let two digits pass
    assert not check(f"{number}0")
    assert not check("")


def test_a_country_that_an_old_library_does_not_know_has_no_check() -> None:
    assert not checked("zz.nothing")("1")
