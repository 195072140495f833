"""Names of fields that give away what stands under them: `db_password`, `dateOfBirth`.

The last words of a name decide: `db_password` holds a secret, `password_policy` does not.
"""

import re
from functools import lru_cache
from typing import NamedTuple


class Kind(NamedTuple):
    """What a name announces."""

    marker: str
    sure: bool
    """All that stands under the name goes; else only what looks like it."""


MAX_NAME = 64
"""Characters of a name that are looked at, from its end."""

_SECRET = listed(
    "clave schlüssel contraseña password passwords passwd pwd passphrase passcode passkey secret secrets token jwt otp "
    "authorization cookie cookies credential credentials cvv cvc cvv2 pin apikey bearer "
    "connectionstring mnemonic kennwort passwort contrasena senha"
)
_SECRET_PAIRS = listed(
    "api schlüssel,api schluessel,clé api,cle api,chiave api,clave api,chave api,api key,access key,private key,secret key,account key,auth key,encryption key,signing key,"
    "master key,shared key,ssh key,license key,service key,storage key,subscription key,"
    "api keys,access keys,private keys,secret keys,access tokens,refresh tokens,api tokens,"
    "auth tokens,bearer tokens,connection string,conn str,mot passe,security code,access code,"
    "verification code,auth code,recovery code,recovery codes,backup codes,security answer,"
    "seed phrase,recovery phrase,db pass,user pass,smtp pass,admin pass,root pass,mysql pass,"
    "redis pass,postgres pass,mail pass",
    ",",
)
_GLUED = re.compile(
    r"\w{2,}(?:password|passwd|passphrase|secretkey|privatekey|accesskey|(?:access|auth|api|refresh"
    r"|id|bearer)token|clientsecret|apikey)"
)
_HARMLESS_TOKENS = listed(
    "next page stop eos bos pad unk sep cls mask max min first last per special input output prompt "
    "completion cached reasoning total each every continuation sync cursor start end a the any "
    "think delimiter"
)
_MORE_WORDS = listed(
    "value header text string raw plain plaintext old new current confirm confirmation b64 base64 "
    "pem env prod production dev test staging default backup primary secondary"
)
_NUMBERS = {
    "SSN": "ssn,social security,social security number,social security no,ssn number",
    "NATIONAL_ID": "national id,national identifier,national insurance,national insurance number,"
    "national id number,nino,tax id,tax number,tin,itin,passport,passport number,passport no,"
    "driver license,drivers license,driving licence,driver licence,license number,licence number,"
    "nhs number,nhs no,nhs,aadhaar,aadhar,aadhaar number,pan number,cpf,dni,nie,nif,personnummer,pesel,bsn,"
    "codice fiscale,sin,nir,numero securite sociale,sécurité sociale,securite sociale,social insurance number,identity number,steuer id,tfn",
    "CARD": "card number,card no,credit card,debit card,cc number,cc num,ccnum,cardnumber,"
    "card pan,payment card,credit card number,debit card number",
    "ACCOUNT": "iban,account number,account no,acct number,bank account,routing number,sort code,"
    "kontonummer",
    "PHONE": "phone,phone number,phone no,phones,mobile,mobile number,mobile phone,cell,cell phone,"
    "telephone,telephone number,tel,fax,whatsapp,telefon,telefono,msisdn,cellphone,phonenumber,"
    "contact number,home phone,work phone",
    "BIRTH_DATE": "birth date,birthdate,date of birth,of birth,dob,birthday,birth day,birth year,"
    "born,born on,geburtsdatum,date naissance,fecha nacimiento",
    "NAME": "first name,last name,full name,given name,family name,middle name,maiden name,surname,"
    "firstname,lastname,fullname,customer name,client name,patient name,contact name,employee name,"
    "passenger name,guest name,recipient name,cardholder,cardholder name,card holder,account holder,"
    "holder name,legal name,person name,traveler name,traveller name,beneficiary name,member name,"
    "applicant name,candidate name,student name,user full name,real name,payee name,nachname,vorname",
    "ADDRESS": "address,addr,adress,indirizzo,endereço,anschrift,home address,street address,postal address,street,billing address,shipping address,"
    "mailing address,delivery address,residential address,address line,address line 1,address 1,"
    "address line1,address1,address line 2,address2,address2,addr1,street name,customer address,"
    "ship to,user address,patient address,adresse,direccion,residence,work address",
}
_SURE = frozenset({"SECRET", "NAME", "BIRTH_DATE", "SSN", "ADDRESS"})
_UNSURE_NAMES = frozenset({"address", "addr", "adress", "adresse", "residence", "ship to"})
_MARKERS = {name: marker for marker, names in _NUMBERS.items() for name in names.split(",")}
_COMMON = listed(
    "of home last user db client customer service mail work member"
)


def _rare_word(name: str) -> str:
    first, *_, last = (name if " " in name else f"{name} {name}").split()
    return last if first in _COMMON else first


TELLING_WORDS = frozenset(
    part
    for name in (*_SECRET, *_SECRET_PAIRS, *_MARKERS)
    for part in (_rare_word(name), name.replace(" ", ""))
)
"""Every telling name has one of these words, or ends in one of `GLUED`."""
GLUED = ("password", "token", "secret", "apikey", "passphrase")
_PEOPLE = listed(
    "user customer client patient person contact employee passenger guest recipient member holder "
    "cardholder applicant candidate student traveler traveller beneficiary payee payer tenant "
    "caller subscriber buyer shopper owner account profile resident"
)


def words(name: str) -> list[str]:
    """Split `name` into lower-case words: `dbPassword-2` is db, password, 2."""
    spaced = re.sub(
        r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+", " ", name[-MAX_NAME:]
    )
    return spaced.lower().split()


@lru_cache(maxsize=4096)
def kind_of(name: str, parent: str = "") -> Kind | None:
    """Return what `name` announces, None if the name gives nothing away.

    Args:
        name: The key of a dict, or what stands before `=` or `:` in a text.
        parent: The key of the dict around it: a `name` is a person's under `customer`.
    """
    parts = words(name)
    while len(parts) > 1 and (parts[-1] in _MORE_WORDS or parts[-1].isdigit()):
        if " ".join(parts[-3:]) in _MARKERS or " ".join(parts[-2:]) in _MARKERS:
            break
        parts.pop()
    if not parts:
        return None
    around = words(parent)[-1:] if parts == ["name"] else []
    if around and _is_person(around[0]):
        return Kind("NAME", sure=False)
    if _is_secret(parts):
        return Kind("SECRET", sure=True)
    for count in range(min(4, len(parts)), 0, -1):
        known = " ".join(parts[-count:])
        if known in _MARKERS:
            marker = _MARKERS[known]
            return Kind(marker, marker in _SURE and known not in _UNSURE_NAMES)
    return None


def _is_secret(parts: list[str]) -> bool:
    last = parts[-1].rstrip("0123456789") or parts[-1]
    if last == "token" and len(parts) > 1 and parts[-2] in _HARMLESS_TOKENS:
        return False
    pair = f"{parts[-2]} {last}" if len(parts) > 1 else ""
    return (
        last in _SECRET
        or parts[-1] in _SECRET
        or pair in _SECRET_PAIRS
        or bool(_GLUED.fullmatch(last))
    )


def _is_person(word: str) -> bool:
    return word in _PEOPLE or word.rstrip("s") in _PEOPLE


_IDS = listed(
    "id ids uuid guid hash digest sha sha1 sha256 md5 commit etag checksum fingerprint offset "
    "timestamp ts ns us ms nanos micros bytes size count seq sequence version order invoice sku "
    "isbn ean barcode cursor"
)


@lru_cache(maxsize=4096)
def is_id(name: str) -> bool:
    """Tell whether the value under `name` is an id, a time or a size, so never a card."""
    return words(name)[-1:] != [] and words(name)[-1] in _IDS
