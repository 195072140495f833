"""Artificial personal values, made by chance: nothing here belongs to anyone.

Each maker takes a `random.Random` and returns a `Value`: the text as it is written, and the
texts that must not be readable afterwards. Check digits are computed.
"""

import ipaddress
import random
import string
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from tests.corpus_digits import (
    codice_letter,
    cpf_check,
    dni_letter,
    luhn,
    mod97,
    nhs_check,
    verhoeff,
)

LETTERS, DIGITS = string.ascii_letters, string.digits
ALNUM = LETTERS + DIGITS


class Value(NamedTuple):
    """A text to hide, and its parts that must be gone."""

    text: str
    secrets: tuple[str, ...]


Maker = Callable[[random.Random], Value]


def some(draw: random.Random, count: int, alphabet: str = DIGITS) -> str:
    """Return so many letters of an alphabet, by chance."""
    return "".join(draw.choices(alphabet, k=count))


def digits_of(text: str) -> str:
    """Return the digits of a text."""
    return "".join(filter(str.isdigit, text))


def written(draw: random.Random, *forms: str) -> Value:
    """Choose one of several ways to write the same value."""
    text = draw.choice(forms)
    return Value(text, (text,))


def groups(text: str, *sizes: int, by: str = " ") -> str:
    """Cut a text into groups; the last size is repeated."""
    parts, left = [], list(sizes)
    while text:
        size = left.pop(0) if left else sizes[-1]
        parts.append(text[:size])
        text = text[size:]
    return by.join(parts)


# -- Personal data with a pattern ----------------------------------------------------------
FIRST = ("Maria", "James", "Aisha", "Lukas", "Chloe", "Diego", "Priya", "Wanjiru", "Sofia",
         "Henrik", "Olivia", "Tomasz", "Fatima", "Pedro", "Ingrid", "Marco", "Hannah",
          "Kenji")  # fmt: skip
LAST = ("Lopez", "Smith", "Khan", "Schneider", "Dubois", "Fernandes", "Sharma", "Otieno", "Rossi",
        "Johansson", "Walker", "Nowak", "Haddad", "Oliveira", "Hansen", "Moretti", "Fischer",
        "Tanaka")  # fmt: skip
DOMAINS = ("example.org", "example.com", "example.net", "mail.example.com", "shop.example",
           "uni.example.org", "travel.test", "kunden.example.net", "post.example.com")  # fmt: skip


def a_day(draw: random.Random) -> date:
    """Return a day on which someone alive may have been born."""
    return date(1940, 1, 1) + timedelta(days=draw.randrange(65 * 365))


def email(draw: random.Random) -> Value:
    first, last = draw.choice(FIRST).lower(), draw.choice(LAST).lower()
    number = draw.randrange(10, 99)
    local = draw.choice(
        (f"{first}.{last}", f"{first}{number}", f"{first[0]}{last}", f"{first}_{last}{number}",
         f"{first}.{last}+orders", f"{last}-{first}", f"{first.title()}.{last.title()}")
    )  # fmt: skip
    address = f"{local}@{draw.choice(DOMAINS)}"
    return Value(address, (address, local) if len(local) > 8 else (address,))


def _phone(draw: random.Random, *forms: str) -> Value:
    """Fill the first form that chance picks; `#` is any digit."""
    text = "".join(some(draw, 1) if sign == "#" else sign for sign in draw.choice(forms))
    return Value(text, (digits_of(text)[-7:],))


def phone(draw: random.Random) -> Value:
    """International or American: clear wherever it stands."""
    return _phone(
        draw, "+1 212 555 01##", "+1-415-555-01##", "+130355501##", "(312) 555-01##",
        "206-555-01##", "404.555.01##", "+1 (602) 555-01##", "+44 20 7946 0###", "+44 7700 900###",
        "+447700900###", "+44 (0)20 7946 0###", "0044 7700 900###", "+49 30 23125 ###",
        "+49 171 39200##", "+49 (0)30 23125-###", "004917139200##", "+33 6 39 98 ## ##",
        "+33199001###", "+61 491 570 1##", "+46 70 174 06 ##", "+353 20 917 ####",
        "+91 98### #####", "+9198########", "+34 6## ## ## ##", "+34 9########", "+39 3## ### ####",
        "+55 11 9####-####", "+55 (21) 9####-####", "+81 90-####-####", "+254 7## ### ###",
    )  # fmt: skip


def phone_announced(draw: random.Random) -> Value:
    """In the form used at home, where a key or a phrase says that it is a phone."""
    return _phone(
        draw, "020 7946 0###", "07700 900###", "07700900###", "(020) 7946 0###", "030 23125 ###",
        "030/23125###", "0171 39200##", "0171/39200##", "01 99 00 ## ##", "06.39.98.##.##",
        "0491 570 1##", "070-174 06 ##", "98### #####", "6## ### ###", "(11) 9####-####",
        "090-####-####", "212 555 01##", "21255501##",
    )  # fmt: skip


def card_number(draw: random.Random) -> str:
    """Return the digits of a card: issuer, account, check digit."""
    prefix, length = draw.choice(
        (("4", 16), ("4", 16), (str(draw.randrange(51, 56)), 16), (str(draw.randrange(51, 56)), 16),
         (str(draw.randrange(2221, 2721)), 16), (draw.choice(("34", "37")), 15), ("6011", 16),
         ("36", 14), (str(draw.randrange(3528, 3590)), 16), ("62", 16))
    )  # fmt: skip
    body = prefix + some(draw, length - 1 - len(prefix))
    return body + luhn(body)


def card(draw: random.Random) -> Value:
    number = card_number(draw)
    sizes = (4,) if len(number) == 16 else (4, 6, 5)
    return written(draw, number, groups(number, *sizes), groups(number, *sizes, by="-"))


def iban(draw: random.Random) -> Value:
    country, body = draw.choice(
        (("DE", "#" * 18), ("GB", "AAAA" + "#" * 14), ("NL", "AAAA" + "#" * 10), ("AT", "#" * 16),
         ("CH", "#" * 17), ("PL", "#" * 24), ("SE", "#" * 20), ("BE", "#" * 12), ("PT", "#" * 21),
         ("IE", "AAAA" + "#" * 14), ("FR", "#" * 23), ("ES", "#" * 20), ("IT", "A" + "#" * 22),
         ("NO", "#" * 11), ("BR", "#" * 23 + "AA"))
    )  # fmt: skip
    kinds = {"#": DIGITS, "A": string.ascii_uppercase}
    body = "".join(some(draw, 1, kinds[sign]) for sign in body)
    text = f"{country}{mod97(country, body)}{body}"
    return Value(draw.choice((text, groups(text, 4))), (text, text[-9:]))


def ipv4(draw: random.Random) -> Value:
    network = draw.choice(("192.0.2", "198.51.100", "203.0.113", None))
    chance = f"{draw.choice((23, 45, 78, 91, 131, 185, 212))}.{draw.randrange(1, 255)}"
    text = f"{network or f'{chance}.{draw.randrange(256)}'}.{draw.randrange(1, 255)}"
    return Value(text, (text,))


def ipv6(draw: random.Random) -> Value:
    address = ipaddress.IPv6Address((0x20010DB8 << 96) + draw.getrandbits(80))
    sparse = ipaddress.IPv6Address((0x20010DB8 << 96) + (draw.getrandbits(16) << 64) + 7)
    return written(draw, str(address), address.exploded, sparse.compressed, str(address).upper())


def us_ssn(draw: random.Random) -> Value:
    area = draw.choice([n for n in range(1, 900) if n != 666])
    text = f"{area:03d}-{draw.randrange(1, 100):02d}-{draw.randrange(1, 10_000):04d}"
    return Value(text, (text,))


def uk_nino(draw: random.Random) -> Value:
    prefix = draw.choice(("AB", "CE", "HK", "JR", "LM", "PS", "TW", "YX", "SC", "WP"))
    text = prefix + some(draw, 6) + draw.choice("ABCD")
    return written(draw, text, groups(text, 2))


def _nhs(draw: random.Random) -> str:
    while True:
        body = draw.choice("4679") + some(draw, 8)
        if (check := nhs_check(body)) != "10":
            return body + check


def uk_nhs(draw: random.Random) -> Value:
    number = _nhs(draw)
    return written(draw, groups(number, 3, 3, 4), groups(number, 3, 3, 4, by="-"))


def ca_sin(draw: random.Random) -> Value:
    body = draw.choice("1234567") + some(draw, 7)
    return written(draw, groups(body + luhn(body), 3, by="-"))


def es_dni(draw: random.Random) -> Value:
    number = some(draw, 8)
    letter = dni_letter(number)
    return written(draw, number + letter, f"{number}-{letter}")


def es_nie(draw: random.Random) -> Value:
    first, number = draw.choice("XYZ"), some(draw, 7)
    letter = dni_letter(str("XYZ".index(first)) + number)
    return written(draw, first + number + letter, f"{first}-{number}-{letter}")


def br_cpf(draw: random.Random) -> Value:
    body = some(draw, 9)
    return written(draw, f"{groups(body, 3, by='.')}-{cpf_check(body)}")


def it_codice_fiscale(draw: random.Random) -> Value:
    born, woman = a_day(draw), draw.random() < 0.5
    month = "ABCDEHLMPRST"[born.month - 1]
    body = some(draw, 6, "BCDFGLMNPRSTV") + f"{born:%y}{month}{born.day + 40 * woman:02d}"
    body += draw.choice("ABCDEFGHIL") + some(draw, 3)
    return written(draw, body + codice_letter(body))


def in_aadhaar(draw: random.Random) -> Value:
    body = draw.choice("23456789") + some(draw, 10)
    number = body + verhoeff(body)
    return written(draw, groups(number, 4), groups(number, 4, by="-"))


def fr_nir(draw: random.Random) -> Value:
    born = a_day(draw)
    department, town, nth = draw.randrange(1, 96), draw.randrange(1, 900), draw.randrange(1, 999)
    body = f"{draw.choice('12')}{born:%y%m}{department if department != 20 else 21:02d}"
    body += f"{town:03d}{nth:03d}"
    number = f"{body}{97 - int(body) % 97:02d}"
    return written(draw, number, groups(number, 1, 2, 2, 2, 3, 3, 2))


def se_personnummer(draw: random.Random) -> Value:
    born, serial = a_day(draw), some(draw, 3)
    check = luhn(f"{born:%y%m%d}{serial}")
    return written(draw, f"{born:%y%m%d}-{serial}{check}", f"{born:%Y%m%d}-{serial}{check}")


def plain(make: Maker) -> Maker:
    """Return a maker that also writes the value without separators: for announced places."""

    def made(draw: random.Random) -> Value:
        value = make(draw)
        compact = "".join(filter(str.isalnum, value.text))
        spaced = value.text.replace("-", " ").replace(".", " ")
        return Value(draw.choice((value.text, value.text, compact, spaced)), value.secrets)

    return made


# -- Personal data that a key or a phrase announces ------------------------------------------
def name(draw: random.Random) -> Value:
    first, last = draw.choice(FIRST), draw.choice(LAST)
    return Value(f"{first} {last}", (first, last))


def address(draw: random.Random) -> Value:
    number = draw.randrange(2, 180)
    street, town = draw.choice(
        ((f"{number} Elm Street", "Springfield, IL 62704"), (f"{number} Maple Ave", "Dayton OH"),
         (f"{number} Victoria Road", "Leeds LS6 1AB"), (f"Lindenstraße {number}", "10115 Berlin"),
         (f"Hauptstr. {number}", "80331 München"), (f"{number} rue des Lilas", "69003 Lyon"),
         (f"Avenida de América {number}", "28013 Madrid"),
         (f"Via Garibaldi {number}", "20121 Milano"),
         (f"Rua das Flores {number}", "4050-262 Porto"), (f"Storgatan {number}", "Uppsala"),
         (f"{number} Moi Avenue", "Nairobi"), (f"{number} Park Lane", "London W1K"))
    )  # fmt: skip
    return Value(draw.choice((f"{street}, {town}", street)), (street,))


def birth_date(draw: random.Random) -> Value:
    born = a_day(draw)
    return written(
        draw, f"{born:%Y-%m-%d}", f"{born:%d.%m.%Y}", f"{born:%d/%m/%Y}", f"{born:%m/%d/%Y}",
        f"{born.day} {born:%B %Y}", f"{born:%B} {born.day}, {born:%Y}",
    )  # fmt: skip
