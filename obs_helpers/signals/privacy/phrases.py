"""Personal data that a phrase announces: "my name is …", "born on …", "ship it to …"."""

import re
from collections.abc import Iterator

from obs_helpers.signals.privacy.announced import DATE, PERSON, STREET, cut_at_clause
from obs_helpers.signals.privacy.plausible import could_be_person, is_strong, looks_like_street
from obs_helpers.signals.privacy.rule import HOLE, Found, Rule, family, listed

_PERSON = re.compile(PERSON)
_TITLES = listed("mr mrs ms miss mx dr prof herr herrn frau madame monsieur mme señor señora sr sra signor signora")
_INTRODUCTIONS = _TITLES | {
    "my name is", "my full name is", "name's", "i am called", "signed by", "on behalf of",
    "booked for", "issued to", "speaking with", "spoke to", "spoke with", "registered to",
    "made out to", "in the name of", "ich heiße", "ich heisse", "mein name ist", "je m'appelle",
    "mon nom est", "me llamo", "mi nombre es", "mi chiamo", "il mio nome è", "meu nome é",
    "me chamo", "ik heet", "jag heter", "attn", "passenger", "patient", "cardholder",
    "account holder", "dear", "hallo", "bonjour", "hola", "sincerely", "regards", "grüße",
    "cordialement",
}  # fmt: skip
_ROLES = listed(
    "hello hi hey thanks cheers customer client user guest caller traveler traveller employee contact "
    "applicant tenant member colleague kunde kundin cliente clienta author recipient assignee owner "
    "buyer subscriber nutzer soy"
) | {"i am", "i'm", "this is", "ich bin", "je suis"}
"""After these, a name has two words at least: "user Interface" is none."""
_ANNOUNCEMENTS = [(phrase, 1) for phrase in _INTRODUCTIONS] + [(phrase, 2) for phrase in _ROLES]
_GAP = re.compile(rf"\.?[,:]?[ \n]{{1,2}}(?:(?:{'|'.join(_TITLES)})\.? )?")


def _names(text: str) -> Iterator[Found]:
    """Find names after a greeting, a title or an introduction."""
    lower = text.lower()
    for phrase, least in _ANNOUNCEMENTS:
        at = lower.find(phrase)
        while at >= 0:
            gap = None if lower[at - 1 : at].isalnum() else _GAP.match(lower, at + len(phrase))
            person = _PERSON.match(text, gap.end()) if gap else None
            if person and could_be_person(person[0], least):
                yield Found(*person.span(), "NAME")
            at = lower.find(phrase, at + len(phrase))


_BORN = Rule(
    "BIRTH_DATE",
    re.compile(
        r"(?i:\b(?:born(?: on)?|birth ?date|birthday|date of birth|d\.?o\.?b\.?|geboren(?: am)?|geb\."
        r"|née?(?: le)?|nacid[oa](?: el)?|nat[oa] il|nascid[oa](?: em)?|född|geburtsdatum"
        r"|date de naissance|fecha de nacimiento|data di nascita|data de nascimento))"
        r"(?i: is| was| on|:|,| es| est| ist| è| é| lautet)?[ :=]{1,3}(?i:the )?"
        rf"(?P<value>{DATE})"
    ),
)
_BORN_AFTER = Rule("BIRTH_DATE", re.compile(rf"(?P<value>{DATE})(?i:,? geboren\b)"))
_PASSWORD = Rule(
    "SECRET",
    re.compile(  # the Russian word as it is in a view: its look-alike letters are Latin there
        r"(?i:密码|密碼|口令|パスワード|비밀번호|пapoль|mot de passe|contraseña|clave|senha|clé)"
        r"(?i: (?:de|d'|da|do)? ?(?:api|acceso|accès|acesso))?\s?(?:是|为|は|:|=|(?:est|es|é|это)\b)\s?"
        rf"(?P<value>[^\s\"'`,;。，、{HOLE}]{{4,400}})"
    ),
    is_strong,
)
_CALL = Rule(
    "PHONE",
    re.compile(
        r"(?i:\b(?:phone|telephone|tel|mobile|cell|call|fax|whatsapp|sms|text|ring|reach|telefon|handy"
        r"|handynummer|telefonnummer|teléfono|téléphone|rufnummer|erreichbar|llám[ae]\w*|appel\w+)\b\.?)"
        r"(?i: (?:me|us|him|her|back|number|no\.?|is|at|on|under|al|au|unter|my|the|es|ist|est)){0,4}"
        r"[ :.]{1,3}(?P<value>\+?\(?\d(?:[ ./()-]{0,2}\d){7,14})(?![\w-]|\.\d)"
    ),
)
_LIVES = re.compile(
    r"\b(?:address(?: is|:| was)?|live[sd]? (?:at|in)|living at|resid(?:es?|ing) at|home is"
    r"|ship(?:ped|ping)?(?: \w+){0,3} to|deliver(?:ed|y)?(?: \w+){0,3} to|send(?: \w+){0,3} to"
    r"|sent to|mail(?:ed)?(?: \w+){0,2} to|moved? to|moving to|pick(?:ed)? (?:me )?up (?:at|from)"
    r"|wohn(?:e|t|haft)(?: in(?: der)?)?|anschrift(?: ist| lautet|:)?|lieferung an|vivo en|abito in"
    r"|habit[eo](?: au| en| in)?|direcci[oó]n(?: es|:)?|indirizzo(?: è|:)?|endereço(?: é|:)?|moro na"
    r"|adresse(?: ist| est| lautet|:)?|domicili\w*(?: en| au|:)?|located at|delivery at|come to"
    r"|taxi (?:to|from)|bor på|deliver)[ :]{1,2}(?:the )?"
)
_PLACE = re.compile(STREET)


def _addresses(text: str) -> Iterator[Found]:
    """Find street addresses after a phrase that announces one."""
    for match in _LIVES.finditer(text.lower()):
        start = match.end()
        place = _PLACE.match(text, start)
        if place is None or HOLE in place[0]:
            continue
        end = cut_at_clause(text, start, place.end())
        if looks_like_street(text[start:end]):
            yield Found(start, end, "ADDRESS")


_OF_BIRTH = (
    "born birth birthday birthdate dob geboren geb naci nacido nacida nato nata nascido nascida "
    "nacimiento naissance nascita nascimento geburtsdatum né née född"
)
_OF_CALLS = (
    "phone telephone tel mobile cell call fax whatsapp sms text ring reach telefon handy "
    "handynummer telefonnummer rufnummer nummer erreichbar llámame llámeme llame appelez appeler "
    "teléfono téléphone"
)
_OF_PLACES = (
    "address live lived lives living reside resides residing ship shipped shipping deliver delivered "
    "delivery send sent mail mailed move moved moving pick picked wohne wohnt wohnhaft anschrift "
    "lieferung vivo abito habito habite dirección direccion indirizzo endereço moro adresse "
    "located taxi come home bor domicilio domicile domiciliado"
)
_OF_NAMES = (
    "name called signed behalf booked issued speaking spoke registered made heiße heisse appelle "
    "nom llamo nombre chiamo nome chamo heet heter attn passenger patient cardholder holder dear hallo "
    "bonjour hola sincerely regards grüße cordialement mr mrs ms miss mx dr prof herr herrn frau "
    "madame monsieur mme señor señora sr sra signor signora am m this bin suis soy hello hi hey thanks "
    "cheers customer client user guest caller traveler traveller employee contact applicant tenant "
    "member colleague kunde kundin cliente clienta author recipient assignee owner buyer subscriber "
    "nutzer"
)

PHRASES = (
    family(_BORN, words=_OF_BIRTH, parts="d.o.b"),
    family(_BORN_AFTER, words="geboren"),
    family(
        _PASSWORD,
        words="mot contraseña clave senha clé",
        parts="密 口令 パスワード 비밀번호 пapoль",
    ),
    family(_CALL, words=_OF_CALLS),
    family(_addresses, words=_OF_PLACES),
    family(_names, words=_OF_NAMES),
)
