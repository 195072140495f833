"""Check digits of cards, accounts and national ids."""


def luhn(body: str) -> str:
    """Return the check digit of a card, a SIN or a personnummer."""
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(body))]
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def mod97(country: str, body: str) -> str:
    """Return the two check digits of an IBAN."""
    number = "".join(str(int(letter, 36)) for letter in body + country + "00")
    return f"{98 - int(number) % 97:02d}"


def weighted(body: str, highest: int) -> int:
    """Return the sum of the digits, weighted by highest, highest - 1, …"""
    return sum(int(d) * (highest - i) for i, d in enumerate(body))


def nhs_check(body: str) -> str:
    """Return the check digit of an NHS number; "10" means that there is none."""
    return str((11 - weighted(body, 10) % 11) % 11)


def cpf_check(body: str) -> str:
    """Return the two check digits of a CPF."""
    for _ in range(2):
        body += str((11 - weighted(body, len(body) + 1) % 11) % 11 % 10)
    return body[-2:]


def dni_letter(number: str) -> str:
    """Return the check letter of a DNI, or of a NIE whose first letter became a digit."""
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def verhoeff(body: str) -> str:
    """Return the check digit of an Aadhaar number."""

    def times(a: int, b: int) -> int:  # in the group of the turns and flips of a pentagon
        a5, b5 = a % 5, b % 5
        turned = (a5 + b5 if a < 5 else a5 - b5) % 5
        return turned + 5 * ((a < 5) != (b < 5))

    def moved(digit: int, places: int) -> int:
        for _ in range(places % 8):
            digit = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit]
        return digit

    check = 0
    for place, digit in enumerate(reversed(body), 1):
        check = times(check, moved(int(digit), place))
    return str(-check % 5 if check < 5 else check)


def codice_letter(body: str) -> str:
    """Return the check letter of an Italian codice fiscale."""
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25,
           24, 23)  # fmt: skip
    places = [int(letter) if letter.isdigit() else ord(letter) - 65 for letter in body]
    return chr(65 + sum(odd[p] if i % 2 == 0 else p for i, p in enumerate(places)) % 26)
