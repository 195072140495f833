"""The words that redaction knows: names of fields, phrases, and what only looks like them.

Lists are long and rules are short, so they are kept apart.
"""


def _listed(text: str, between: str | None = None) -> frozenset[str]:
    return frozenset(" ".join(part.split()) for part in text.split(between))


SECRET_NAMES = _listed(
    """
    wachtwoord lösenord passord salasana hasło heslo parola clave schlüssel contraseña password
    passwords passwd pwd passphrase passcode passkey secret secrets token jwt otp authorization
    cookie cookies credential credentials cvv cvc cvv2 pin apikey bearer connectionstring
    cred creds storepass keypass mnemonic kennwort passwort contrasena senha pw şifre şifrem sifre
    parolam
    """
)
"""A name that ends in one of these holds a secret."""
SECRET_PAIRS = _listed(
    """
    api schlüssel, api schluessel, clé api, cle api, chiave api, clave api, chave api, hmac key,
    api key,
    access key, private key, secret key, account key, auth key, encryption key, signing key,
    master key, shared key, ssh key, license key, service key, storage key, subscription key,
    api keys, access keys, private keys, secret keys, access tokens, refresh tokens, api tokens,
    auth tokens, bearer tokens, connection string, conn str, mot passe, security code, access
    code, verification code, auth code, recovery code, recovery codes, backup codes, security
    answer, seed phrase, recovery phrase, db pass, user pass, smtp pass, admin pass, root pass,
    mysql pass, redis pass, postgres pass, mail pass, wpa key, wpa2 key, wpa3 key, wifi key,
    wlan key, network key, openai key, anthropic key, gemini key, mistral key, cohere key,
    stripe key, sendgrid key, serpapi key, app key, function key, functions key, consumer key,
    deploy key, admin key, role key, mfa code, code verifier, de
    passe, time code, login code, sms code
    """,
    ",",
)
"""The same for two words."""
HARMLESS_TOKENS = _listed(
    """
    next page stop eos bos pad unk sep cls mask max min first last per special input output
    prompt completion cached reasoning total each every continuation sync cursor start end think
    delimiter
    """
)
"""Words before `token` that make it a piece of text or of a list."""
MORE_WORDS = _listed(
    """
    value base header text string raw plain plaintext old new current confirm confirmation b64
    base64 pem env prod production dev test staging default backup primary secondary
    """
)
"""They follow the word that decides, and change nothing."""
PEOPLE = _listed(
    """
    user customer client patient person contact employee passenger guest recipient member holder
    cardholder applicant candidate student traveler traveller beneficiary payee payer tenant
    caller subscriber buyer shopper owner account profile resident
    """
)
"""Under one of these, `name` is that of a person."""
IDS = _listed(
    """
    id ids uuid guid hash digest sha sha1 sha256 md5 commit etag checksum fingerprint offset
    timestamp ts ns us ms nanos micros bytes size count seq sequence version order invoice sku
    isbn ean barcode cursor
    """
)
"""What stands under these is an id, a time or a size, so never a card."""
NAMES_OF = {
    "SSN": _listed(
        """
        ssn, social security, social security number, social security no, ssn number
        """,
        ",",
    ),
    "NATIONAL_ID": _listed(
        """
        national id, national identifier, national insurance, national insurance number,
        national id number, nino, tax id, tax number, tin, itin, passport, passport number,
        passport no, driver license, drivers license, driving licence, driver licence, license
        number, licence number, nhs number, nhs no, nhs, aadhaar, aadhar, aadhaar number, pan
        number, cpf, cnpj, tax file number, dni, nie, nif, personnummer, pesel, bsn, codice
        fiscale, tckn, tc kimlik, tc kimlik no, kimlik no, cnp, egn, oib, amka, rut, cuit, cuil,
        nric, hkid, hkid number, isikukood, asmens kodas, ppsn, pps number, pps no, ahv, ahv nummer,
        ahv number, avs number, cpr, cpr nummer, cpr number, mynumber, my number, fodselsnummer,
        fødselsnummer, hetu, henkilotunnus, henkilötunnus, rijksregisternummer, rodne cislo,
        rodné číslo, thai id, citizen id, resident id, israeli id, id card, id card number,
        identity card, curp, kennitala, mykad, fnr, kojin bango, teudat zehut, national number,
        pps, sin, nir, numero securite sociale, sécurité sociale, securite sociale, social insurance
        number, identity number, steuer id, steueridentifikationsnummer, steuernummer, idnr, tfn
        """,
        ",",
    ),
    "CARD": _listed(
        """
        card number, card no, credit card, debit card, cc number, cc num, ccnum, cardnumber,
        card pan, payment card, credit card number, debit card number
        """,
        ",",
    ),
    "ACCOUNT": _listed(
        """
        iban, account number, account no, acct number, bank account, routing number, sort code,
        kontonummer
        """,
        ",",
    ),
    "PHONE": _listed(
        """
        phone, phone number, phone no, phones, mobile, mobile number, mobile phone, cell, cell
        phone, telephone, telephone number, tel, fax, whatsapp, telefon, telefono, msisdn,
        cellphone, phonenumber, contact number, home phone, work phone
        """,
        ",",
    ),
    "BIRTH_DATE": _listed(
        """
        birth date, birthdate, date of birth, of birth, dob, birthday, birth day, birth year,
        born, born on, geburtsdatum, date naissance, fecha nacimiento
        """,
        ",",
    ),
    "NAME": _listed(
        """
        first name, last name, full name, given name, family name, middle name, maiden name,
        surname, firstname, lastname, fullname, customer name, client name, patient name,
        contact name, employee name, passenger name, guest name, recipient name, cardholder,
        cardholder name, card holder, account holder, holder name, legal name, person name,
        traveler name, traveller name, beneficiary name, member name, applicant name, candidate
        name, student name, user full name, real name, payee name, nachname, vorname
        """,
        ",",
    ),
    "ADDRESS": _listed(
        """
        address, addr, adress, indirizzo, endereço, anschrift, home address, street address,
        postal address, street, billing address, shipping address, mailing address, delivery
        address, residential address, address line, address line 1, address 1, address line1,
        address1, address line 2, address2, addr1, line1, line 1, street name, customer address,
        ship to, user
        address, patient address, adresse, direccion, residence, work address
        """,
        ",",
    ),
}
"""Names of fields that announce personal data, by its marker."""
NO_SECRETS = _listed(
    """
    true false null none nil yes no undefined na n/a str string bytes int integer bool boolean
    float any object optional secretstr list dict type required missing invalid wrong incorrect
    expired empty unset set not too very valid correct weak strong hidden redacted masked
    removed revoked unknown rejected denied accepted failed ok okay used stored hashed encrypted
    rotated changed reset updated sent the a an at in on of to for from by with your my our its
    this that it must should can cannot could may will would was is are be been being never
    always only also now still already default disabled enabled needed provided supplied given
    error mismatch here there same different required. case what where how why when one two
    something nothing sensitive confidential safe secure private public unchanged compromised
    leaked exposed about between
    """
)
"""After `password is` these say something about it, and are none."""
NO_NAMES = _listed(
    """
    customer sir madam team all support user guest service friend friends colleague colleagues
    everyone there world agent assistant model desk sales account accounts data api system admin
    portal care success manager hiring product order invoice ticket request response january
    february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday north south east west new university hospital
    airport hotel airlines bank gmbh inc ltd llc corp street road the a an please yes no thanks
    thank you regards best in on at for with from your our my this that error warning info debug
    none true false not interface id session token name email phone relations experience gpt
    claude gemini llama google amazon microsoft openai anthropic apple python java linux windows
    mac android ios docker kubernetes server client database cluster region cloud tool function
    english german french spanish italian dutch i he she we they it is are was das der die mein
    meine dein deine ihr ihre unser passwort konto
    """
)
"""Words with a capital that are no part of a person's name."""
TITLES = _listed(
    """
    mr mrs ms miss mx dr prof herr herrn frau madame monsieur mme señor señora sr sra signor
    signora
    """
)
INTRODUCTIONS = _listed(
    """
    my name is, my full name is, name's, i am called, signed by, on behalf of, booked for,
    issued to, speaking with, spoke to, spoke with, registered to, made out to, in the name of,
    s name is, ich heiße, ich heisse, mein name ist, je m'appelle, mon nom est, me llamo,
    mi nombre es, mi chiamo, il mio nome è, mijn naam is, meu nome é, me chamo, ik heet, jag heter,
    attn, passenger, patient, cardholder, account holder, dear, hallo, bonjour, hola, sincerely,
    regards, grüße,
    cordialement
    """,
    ",",
)
"""After these a name follows."""
ROLES = _listed(
    """
    hello, hi, hey, thanks, cheers, customer, client, user, guest, caller, traveler, traveller,
    employee, contact, applicant, tenant, member, colleague, kunde, kundin, cliente, clienta,
    author, recipient, assignee, owner, buyer, subscriber, nutzer, soy, i am, i'm, this is, ich
    bin, je suis
    """,
    ",",
)
"""After these a name has two words at least: `user Interface` is none."""
BIRTH_WORDS = _listed(
    """
    geburtstag nací born birth birthday birthdate dob geboren geb naci nacido nacida nato nata
    nascido nascida nacimiento naissance nascita nascimento geburtsdatum né née född
    """
)
"""A text without any of these announces no birthday …"""
CALL_WORDS = _listed(
    """
    phone telephone tel mobile cell call fax whatsapp sms text ring reach telefon handy
    handynummer telefonnummer rufnummer nummer erreichbar llámame llámeme llame appelez appeler
    teléfono téléphone
    """
)
"""… no phone number,"""
PLACE_WORDS = _listed(
    """
    address live lived lives living reside resides residing ship shipped shipping deliver
    delivered delivery send sent mail mailed move moved moving pick picked wohne wohnt wohnhaft
    anschrift lieferung vivo abito habito habite dirección direccion indirizzo endereço moro
    adres woon woont adresse located taxi come home bor domicilio domicile domiciliado
    """
)
"""… no address,"""
NAME_WORDS = _listed(
    """
    name naam called signed behalf booked issued speaking spoke registered made heiße heisse appelle
    nom llamo nombre chiamo nome chamo heet heter attn passenger patient cardholder holder dear
    hallo bonjour hola sincerely regards grüße cordialement mr mrs ms miss mx dr prof herr herrn
    frau madame monsieur mme señor señora sr sra signor signora am m this bin suis soy hello hi
    hey thanks cheers customer client user guest caller traveler traveller employee contact
    applicant tenant member colleague kunde kundin cliente clienta author recipient assignee
    owner buyer subscriber nutzer
    """
)
"""… and no name."""
