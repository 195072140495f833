"""Secrets that are known by their shape: keys in the public formats of their makers."""

import re

from obs_helpers.signals.privacy.plausible import is_placeholder
from obs_helpers.signals.privacy.rule import HOLE, Rule, family

_NEW = r"(?<![A-Za-z0-9_-])"
_DONE = r"(?![A-Za-z0-9_-])"

_PRIVATE_KEY = Rule(
    "PRIVATE_KEY",
    re.compile(
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,33000}?"
        r"(?:-----END [A-Z ]{0,30}KEY(?: BLOCK)?-----|\Z)"
    ),
)
_JWT = Rule("JWT", re.compile(r"(?<![\w])eyJ[\w-]{5,4000}(?:\.{1,2}[\w-]{1,8000}){1,4}"))

_PREFIXES = {  # by the makers' own documentation
    "sk-": r"sk-(?:proj|svcacct|admin|ant|or|lf)?[\w-]{20,250}",
    "aiza": r"AIza[\w-]{35,39}",
    "ya29.": r"ya29\.(?:[a-z]\.)?[\w-]{20,400}",
    "gocspx-": r"GOCSPX-[\w-]{20,40}",
    "gsk_": r"gsk_\w{20,100}",
    "hf_": r"hf_\w{20,100}",
    "pplx-": r"pplx-\w{32,64}",
    "xai-": r"xai-\w{40,120}",
    "nvapi-": r"nvapi-[\w-]{40,100}",
    "tvly-": r"tvly-[\w-]{20,60}",
    "r8_": r"r8_\w{30,50}",
    "lsv2_": r"lsv2_(?:pt|sk)_\w{20,100}",
    "pylf_": r"pylf_v\d{1,2}_[\w]{20,100}",
    "pk-lf-": r"pk-lf-[\w-]{20,60}",
    **{f"gh{kind}_": rf"gh{kind}_\w{{36,255}}" for kind in "oprsu"},
    "github_pat_": r"github_pat_\w{20,255}",
    **{
        f"gl{kind}-": rf"gl{kind}-[\w-]{{20,64}}(?:\.[\w-]{{2,40}}){{0,2}}"
        for kind in ("pat", "dt", "rt", "cbt", "ptt", "ft", "soat", "imt", "agent")
    },
    "npm_": r"npm_\w{36}",
    "pypi-": r"pypi-[\w-]{30,300}",
    "rubygems_": r"rubygems_\w{40,60}",
    "dckr_pat_": r"dckr_pat_[\w-]{20,40}",
    "akia": r"AKIA[A-Z0-9]{16}",
    "asia": r"ASIA[A-Z0-9]{16}",
    "xox": r"xox[abeoprs](?:\.xox[a-z])?-[\w-]{10,250}",
    "xapp-": r"xapp-[\w-]{20,200}",
    "k_live_": r"[sr]k_live_\w{16,250}",
    "k_test_": r"[sr]k_test_\w{16,250}",
    "whsec_": r"whsec_[\w+/=-]{20,100}",
    "sg.": r"SG\.[\w-]{16,32}\.[\w-]{30,64}",
    "_v1_": r"do[oprs]_v1_[0-9a-f]{64}",
    "hvs.": r"hvs\.[\w-]{20,200}",
    "dapi": r"dapi[0-9a-f]{32}(?:-\d)?",
    "shpat_": r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "sq0": r"sq0(?:atp|csp)-[\w-]{22,50}",
    "glsa_": r"glsa_\w{32,60}",
    "sntry": r"sntry[su]_[\w+/=-]{30,300}",
    "nrak-": r"NRAK-[A-Z0-9]{27}",
    "pmak-": r"PMAK-[0-9a-f-]{40,80}",
    "lin_api_": r"lin_api_\w{30,60}",
    "ntn_": r"ntn_\w{40,60}",
    "figd_": r"figd_[\w-]{30,60}",
    "tskey-": r"tskey-[\w-]{20,80}",
    "age-secret-key-": r"AGE-SECRET-KEY-1[A-Z0-9]{50,70}",
    "sbp_": r"sbp_[0-9a-f]{40}",
    "dp.": r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w-]{40,44}",
    "access_token$": r"access_token\$(?:production|sandbox)\$\w{16}\$\w{32}",
    "key-": r"key-[0-9a-f]{32}",
    "aaaa": r"AAAA[\w-]{7}:[\w-]{120,180}",
}


def _is_key(text: str) -> bool:
    """Tell keys from names with a hyphen, such as `sk-fading-circle-animation`."""
    return any(c.isdigit() or c.isupper() for c in text[3:])


_API_KEY = Rule("API_KEY", re.compile(f"{_NEW}(?:{'|'.join(_PREFIXES.values())}){_DONE}"), _is_key)
_TERRAFORM = Rule("API_KEY", re.compile(rf"(?<!\w)\w{{14}}\.atlasv1\.[\w-]{{60,70}}{_DONE}"))
_SIGNATURE = Rule("SECRET", re.compile(r"\bSignature=(?P<value>[0-9a-f]{64})\b"))
_BOT = Rule("API_KEY", re.compile(rf"(?<!\d)\d{{8,10}}:AA[\w-]{{33}}{_DONE}"))
_WEBHOOK = Rule(
    "WEBHOOK",
    re.compile(
        r"(?<=://)(?P<value>hooks\.slack\.com/(?:services|workflows)/[\w/-]{10,200}"
        r"|(?:\w{1,20}\.)?discord(?:app)?\.com/api/webhooks/\d{5,25}/[\w-]{20,120})"
    ),
)
_URL_PASSWORD = Rule(
    "URL_PASSWORD",
    re.compile(
        rf"(?<=://)(?P<value>[^\s/:@\"'<>{HOLE}]{{0,128}}:[^\s/\"'<>{HOLE}]{{1,512}}"
        rf"|[^\s/:@\"'<>{HOLE}]{{16,256}})@(?=[\w\[.-])"
    ),
    lambda value: not is_placeholder(value.partition(":")[2] or value),
)
_ORACLE = Rule(
    "URL_PASSWORD",
    re.compile(
        rf"jdbc:oracle:\w{{1,10}}:(?P<value>[^\s/@\"'{HOLE}]{{1,64}}/[^\s\"'{HOLE}]{{1,200}})@"
    ),
)
_ASSIGNED = re.compile(r"[A-Za-z_]\w{0,40}=[^=]")  # the next field
_AUTH = Rule(
    "AUTH",
    re.compile(
        r"\b(?:[Bb]earer|BEARER|(?:[Bb]asic|BASIC)(?=\s\S{0,199}?(?:\d|=|[a-z][A-Z])))"
        r"\s{1,3}(?P<value>[\w.~+/=-]{8,4000})"
    ),
    lambda value: (
        not _ASSIGNED.match(value)
        and (
            any(c.isdigit() or c.isupper() for c in value)
            or (len(value) > 20 and "=" not in value.rstrip("="))
        )
    ),
)
_IN_QUERY = Rule(
    "SECRET",
    re.compile(
        r"(?:[?&]|&amp;)(?:[\w-]{0,24}[_-])?(?:key|sig|signature|code|assertion"
        r"|X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token))"
        rf"=(?P<value>[^\s\"'&#;<>{HOLE}]{{6,4000}})",
        re.IGNORECASE,
    ),
    lambda value: len(value) > 7 and any(map(str.isdigit, value)),
)
_WORDS = " ".join(
    word
    for prefix in _PREFIXES
    if len(word := re.split(r"[-_.\d]", prefix)[0]) > 1 and word != "key"
)
_MORE_WORDS = (
    "rk dop doo dor dos shpca shppa shpss sntrys sntryu xoxa xoxb xoxe xoxo xoxp xoxr xoxs"
)

SECRETS = (
    family(_PRIVATE_KEY, parts="-----begin"),
    family(_WEBHOOK, _URL_PASSWORD, parts="://"),
    family(_ORACLE, words="jdbc"),
    family(_JWT, parts="eyj"),
    family(_API_KEY, words=f"{_WORDS} {_MORE_WORDS} dp", parts="aiza akia asia dapi r8_ key-"),
    family(_BOT, parts=":aa"),
    family(_TERRAFORM, parts=".atlasv1."),
    family(_SIGNATURE, words="signature"),
    family(_AUTH, words="bearer basic"),
    family(_IN_QUERY, parts="? &"),
)
