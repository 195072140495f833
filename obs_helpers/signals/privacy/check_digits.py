"""Check digits: they tell a card or an account from any other number."""

import re
from collections.abc import Callable
from ipaddress import ip_address

_ISSUERS = re.compile(  # length and first digits of the card networks
    r"4\d{12}|4\d{15}|4\d{18}|(?:5[1-5]|2[3-6]|27[01]|22[3-9]|222[1-9]|2720)\d+|3[47]\d{13}"
    r"|3(?:0[0-5]|[689])\d{11,16}|35\d{14}|6(?:011|[2459])\d+|(?:50|5[6-8]|63|67)\d+"
)


def luhn(text: str) -> bool:
    """Tell whether the digits of `text` pass the check of payment cards (ISO 7812)."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return len(digits) >= 13 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_card(text: str) -> bool:
    """Tell whether `text` could be the number of a payment card: network, length, check."""
    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and bool(_ISSUERS.fullmatch(digits)) and luhn(digits)


def iban(text: str) -> bool:
    """Tell whether `text` passes the check of bank accounts (ISO 13616, mod 97)."""
    from stdnum import iban as accounts

    return bool(accounts.is_valid(text, check_country=False))


def is_address(text: str) -> bool:
    """Tell whether `text` is an IP address of a machine: not of this one, not a mask."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mask = address.version == 4 and text.startswith("255.")
    return not (address.is_loopback or address.is_unspecified or mask)


def checked(module: str) -> Callable[[str], bool]:
    """Return the check that python-stdnum has for a kind of number, such as `es.dni`."""
    from importlib import import_module

    def check(text: str) -> bool:
        try:
            return bool(import_module(f"stdnum.{module}").is_valid(text))
        except ImportError:  # an old version knows fewer countries
            return False

    return check
