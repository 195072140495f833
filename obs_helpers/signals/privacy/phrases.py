"""Personal data that a phrase announces: "my name is …", "born on …", "ship it to …"."""

import re

from obs_helpers.signals.privacy import vocabulary
from obs_helpers.signals.privacy.personal import may_hold_number
from obs_helpers.signals.privacy.plausible import could_be_person, is_strong, looks_like_street
from obs_helpers.signals.privacy.rule import HOLE, Family, Found, Rule, family, words_of
from obs_helpers.signals.privacy.values import DATE, PERSON, STREET, cut_at_clause

_PERSON = re.compile(PERSON)
_ANNOUNCEMENTS = [(phrase, 1) for phrase in vocabulary.INTRODUCTIONS | vocabulary.TITLES] + [
    (phrase, 2) for phrase in vocabulary.ROLES
]
_BY_WORD = {
    word.encode(): [pair for pair in _ANNOUNCEMENTS if re.split(r"[ ']", pair[0])[0] == word]
    for word in {re.split(r"[ ']", phrase)[0] for phrase, _ in _ANNOUNCEMENTS}
}
_GAP = re.compile(rf"\.?[,:]?[ \n]{{1,2}}(?:(?:{'|'.join(vocabulary.TITLES)})\.? )?")


def _names(text: str) -> list[Found]:
    """Find names after a greeting, a title or an introduction."""
    found = []
    lower = text.lower()
    announcements = [pair for word in words_of(text) & _BY_WORD.keys() for pair in _BY_WORD[word]]
    for phrase, least in announcements:
        at = lower.find(phrase)
        while at >= 0:
            gap = None if lower[at - 1 : at].isalnum() else _GAP.match(lower, at + len(phrase))
            person = _PERSON.match(text, gap.end()) if gap else None
            if person and could_be_person(person[0], least):
                found.append(Found(*person.span(), "NAME"))
            at = lower.find(phrase, at + len(phrase))
    return found


_BORN = Rule(
    "BIRTH_DATE",
    re.compile(
        r"(?i:\b(?:born(?: on)?|birth ?date|birthday|date of birth|d\.?o\.?b\.?|geboren(?: am| op)?"
        r"|geb\.|geburtstag"
        r"|née?(?: le)?|nac(?:id[oa]|í)(?: el)?|nat[oa] il|nascid[oa](?: em)?|född|geburtsdatum"
        r"|date de naissance|fecha de nacimiento|data di nascita|data de nascimento))"
        r"(?i: is| was| on|:|,| es| est| ist| è| é| lautet)?[ :=]{1,3}(?i:the |der |le |el |il )?"
        rf"(?P<value>{DATE})"
    ),
)
_BORN_AFTER = Rule("BIRTH_DATE", re.compile(rf"(?P<value>{DATE})(?i:,? geboren\b)"))
_PASSWORD = Rule(
    "SECRET",
    re.compile(  # the Russian word as it is in a view: its look-alike letters are Latin there
        r"(?i:密码|密碼|口令|パスワード|비밀번호|пapoль"
        r"|(?<![^\W_])(?:mot de passe|contraseña|clave|senha|clé))"
        r"(?i: (?:de|d'|da|do)? ?(?:api|acceso|accès|acesso))?\s?"
        r"(?:是|为|は|:|=|(?:est|es|é|это)\b)\s?"
        rf"(?P<value>[^\s\"'`,;\u3002\uff0c\u3001{HOLE}]{{4,400}})"
    ),
    is_strong,
)
_CALL = Rule(
    "PHONE",
    re.compile(
        r"(?i:\b(?:phone|telephone|tel|mobile|cell|call|fax|whatsapp|sms|text|ring|reach"
        r"|telefon|handy|handynummer|telefonnummer|teléfono|téléphone|rufnummer|erreichbar"
        r"|llám[ae]\w*|appel\w+)\b\.?|(?:电话|電話|手机|手機)[是为は:]?)"
        r"(?i: (?:me|us|him|her|back|number|no\.?|is|at|on|under|al|au|unter|my|es|ist|est)){0,4}"
        r"[ :.]{0,3}(?P<value>\+?\(?\d(?:[ ./()-]{0,2}\d){7,14})(?![\w-]|\.\d)"
    ),
)

_HEADER = Rule(
    "NAME",
    re.compile(
        r"(?im)(?:^|(?<=[\"'{,] ))[\"']?(?:from|to|cc|bcc|reply-to|sender)[\"']?: ?[\"']?"
        rf"(?-i:(?P<value>{PERSON}))[\"']? <"
    ),
    lambda value: could_be_person(value, 2),
)


def _called(text: str) -> list[Found]:
    """Find phone numbers after a word that announces one."""
    return _CALL(text) if may_hold_number(text) else []


_LIVES = re.compile(
    r"\b(?:address(?: is|:| was)?|live[sd]? (?:at|in)|living at|resid(?:es?|ing) at|home is"
    r"|ship(?:ped|ping)?(?: \w+){0,3} to|deliver(?:ed|y)?(?: \w+){0,3} to|send(?: \w+){0,3} to"
    r"|sent to|mail(?:ed)?(?: \w+){0,2} to|moved? to|moving to|pick(?:ed)? (?:me )?up (?:at|from)"
    r"|wohn(?:e|t|haft)(?: in(?: der)?)?|anschrift(?: ist| lautet|:)?|lieferung an|vivo en|abito in"
    r"|habit[eo](?: au| en| in)?|direcci[oó]n(?: es|:)?|indirizzo(?: è|:)?|endereço(?: é|:)?"
    r"|moro na|adres(?: is|:)?|woon(?:t)?(?: in| op)?"
    r"|adresse(?: ist| est| lautet|:)?|domicili\w*(?: en| au|:)?|located at|delivery at|come to"
    r"|taxi (?:to|from)|bor på|deliver)[ :]{1,2}(?:the )?"
)
_PLACE = re.compile(STREET)


def _addresses(text: str) -> list[Found]:
    """Find street addresses after a phrase that announces one."""
    found = []
    for match in _LIVES.finditer(text.lower()):
        start = match.end()
        place = _PLACE.match(text, start)
        if place is None or HOLE in place[0]:
            continue
        end = cut_at_clause(text, start, place.end())
        if looks_like_street(text[start:end]):
            found.append(Found(start, end, "ADDRESS"))
    return found


PHRASES = (
    Family((_HEADER,), parts=(" <",)),
    family(_BORN, words=vocabulary.BIRTH_WORDS, parts="d.o.b"),
    family(_BORN_AFTER, words="geboren"),
    family(
        _PASSWORD,
        words="mot contraseña clave senha clé",
        parts="密 口令 パスワード 비밀번호 пapoль",
    ),
    family(_called, words=vocabulary.CALL_WORDS, parts="电话 電話 手机 手機"),
    family(_addresses, words=vocabulary.PLACE_WORDS),
    family(_names, words=vocabulary.NAME_WORDS),
)
