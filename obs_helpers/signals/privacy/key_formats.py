"""The public formats of keys, from the documentation of their makers.

What begins like this and goes on like this is a key, whatever stands around it.
"""

import re

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_IN_AZURE = (
    *("AZDO", "AzFu", "AzSe", "AzCa", "ACDb", "AIoT", "JQQJ99"),
    *("+ASt", "+AEh", "+ABa", "+AMC"),
)

BY_WORD = {
    # Models, and what agents use beside them
    "sk": r"sk-(?:proj|svcacct|admin|ant|or|lf)?[\w-]{20,250}|[sr]k_(?:live|test)_\w{16,250}"
    r"|sk_[0-9a-f]{48}",
    "gsk": r"gsk_\w{20,100}",
    "hf": r"hf_\w{20,100}",
    "pplx": r"pplx-\w{32,64}",
    "xai": r"xai-\w{40,120}",
    "nvapi": r"nvapi-[\w-]{40,100}",
    "tvly": r"tvly-[\w-]{20,60}",
    "csk": r"csk-[a-z0-9]{40,60}",
    "fw": r"fw_[A-Za-z0-9]{22,26}",
    "tgp": r"tgp_v1_[\w-]{40,50}",
    "jina": r"jina_\w{50,70}",
    "exa": r"exa_[A-Za-z0-9]{32,40}",
    "pcsk": r"pcsk_\w{40,100}",
    "wandb": r"wandb_v1_\w{40,120}",
    "lsv": r"lsv2_(?:pt|sk)_\w{20,100}",
    "pylf": r"pylf_v\d{1,2}_\w{20,100}",
    "pk": r"pk-lf-[\w-]{20,60}|pk_\d{7,9}_[A-Z0-9]{32}",
    "llx": r"llx-\w{40,60}",
    "m": r"m0-[A-Za-z0-9]{40}",
    "crsr": r"crsr_[0-9a-f]{64}",
    # Clouds and platforms
    "ya": r"ya29\.(?:[a-z]\.)?[\w-]{20,400}",
    "gocspx": r"GOCSPX-[\w-]{20,40}",
    "doo dop dor dos": r"do[oprs]_v1_[0-9a-f]{64}",
    "fm fo": r"(?:fm2|fo1)_[\w+/=,-]{40,800}",
    "hrku": rf"HRKU-(?:{_UUID}|AA[\w-]{{58}})",
    "sbp": r"sbp_[0-9a-f]{40}",
    "sb": r"sb_secret_[\w-]{30,50}",
    "pscale": r"pscale_(?:tkn|pw|oauth)_[\w=.-]{32,64}",
    "napi": r"napi_[a-z0-9]{64}",
    "vercel": r"vercel_blob_rw_\w{40,60}",
    "vcp": r"vcp_\w{40,70}",
    "nfp": r"nfp_[A-Za-z0-9]{36,40}",
    "avns": r"AVNS_[\w-]{17,24}",
    "shippo": r"shippo_(?:live|test)_[0-9a-f]{40}",
    "tk": r"tk-us-[\w-]{48}",
    "pul": r"pul-[0-9a-f]{40}",
    "pnu": r"pnu_[A-Za-z0-9]{36}",
    # Code, packages, deployment
    "ghp gho ghu ghs ghr": r"gh[opsur]_\w{36,255}",
    "glpat gldt glrt glcbt glptt glft glsoat glimt glagent gloas": (
        r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas)-[\w-]{20,64}(?:\.[\w-]{2,40}){0,2}"
    ),
    "npm": r"npm_\w{36}",
    "pypi": r"pypi-[\w-]{30,300}",
    "rubygems": r"rubygems_\w{40,60}",
    "dckr": r"dckr_[po]at_[\w-]{20,40}",
    "bkua bkat": r"bk(?:ua|at)_[A-Za-z0-9]{40}",
    "ccipat cciprj": r"CCIP(?:AT|RJ)_\w{40,80}",
    "squ sqp sqa": r"sq[upa]_[0-9a-f]{40}",
    "clojars": r"CLOJARS_[a-z0-9]{60}",
    "dnkey": r"dnkey-[\w=-]{24,28}-[\w=-]{50,54}",
    "zpka": r"zpka_\w{40,50}",
    "sc ext scauth authress": (
        r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}"
        r"\.[\w+/=-]{30,120}"
    ),
    "sgp": r"sgp_(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}",
    "snyk": r"snyk_[us]at\.[\w.-]{30,120}",
    "hvs hvb hvr": r"hv[sbr]\.[\w-]{20,250}",
    "dp": r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[\w-]{40,44}",
    "tskey": r"tskey-[\w-]{20,80}",
    # Observability
    "glsa": r"glsa_\w{32,60}",
    "glc": r"glc_eyJ[\w+/=-]{40,500}",
    "sntrys sntryu": r"sntry[su]_[\w+/=-]{30,300}",
    "nrak": r"NRAK-[A-Z0-9]{27}",
    "nrii": r"NRII-[\w-]{32}",
    "nrjs": r"NRJS-[0-9a-f]{19}",
    "phx": r"phx_\w{40,50}",
    "hcaik hcxik hcaic hcxlk": r"hc[ax](?:ik|ic|lk)_[A-Za-z0-9]{40,70}",
    "xaat xapt": rf"xa[ap]t-{_UUID}",
    "rootly": r"rootly_[0-9a-f]{64}",
    "dt": r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}",
    # Messages, files, customers
    "xoxa xoxb xoxd xoxe xoxo xoxp xoxr xoxs": r"xox[abdeoprs](?:\.xox[a-z])?-[\w%-]{10,250}",
    "mlsn": r"mlsn\.[0-9a-f]{60,64}",
    "tfp": r"tfp_[\w.=-]{40,70}",
    "xapp": r"xapp-[\w-]{20,200}",
    "sg": r"SG\.[\w-]{16,32}\.[\w-]{30,64}",
    "xkeysib": r"xkeysib-[0-9a-f]{64}-\w{16}",
    "lin": r"lin_(?:api|oauth)_\w{30,70}",
    "ntn": r"ntn_\w{40,60}",
    "figd": r"figd_[\w-]{30,60}",
    "fio": r"fio-u-[\w=-]{64}",
    "cfpat": r"CFPAT-[\w-]{43}",
    "rdme": r"rdme_[A-Za-z0-9]{70}",
    "pmak": r"PMAK-[0-9a-f-]{40,80}",
    "aio": r"aio_\w{28}",
    # Payments, shops, travel
    "rk": r"rk_(?:live|test)_\w{16,250}",
    "whsec": r"whsec_[\w+/=-]{20,100}",
    "shpat shpca shppa shpss": r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "sq": r"sq0(?:atp|csp)-[\w-]{22,50}",
    "rzp": r"rzp_(?:live|test)_\w{14}",
    "flwseck": r"FLWSECK(?:_TEST)?-[0-9a-f]{32}-X",
    "duffel": r"duffel_(?:live|test)_[\w-]{40,46}",
}
"""Patterns by the word that each begins with, in lower case: cheap to look for."""

BY_LENGTH = (
    r"AIza[\w-]{35,39}",  # Google
    r"A[KS]IA[A-Z0-9]{16}",  # AWS
    r"LTAI[A-Za-z0-9]{16,24}",  # Alibaba
    r"AKID[A-Za-z0-9]{32}",  # Tencent
    r"dapi[0-9a-f]{32}(?:-\d)?",  # Databricks
    r"AQVN[\w-]{35,38}",  # Yandex
    r"r8_\w{30,50}",  # Replicate
    r"e2b_[0-9a-f]{40}",
    r"AT[BC]B[A-Za-z0-9]{24,40}",  # Atlassian
    r"AT[AC]TT3[\w-]{20}[\w=-]{40,230}",
    r"cio[A-Za-z0-9]{32}",  # crates.io
    r"AKCp[A-Za-z0-9]{60,80}",  # Artifactory
    r"cmVmd[A-Za-z0-9]{53,67}",
    r"SK[0-9a-f]{32}",  # Twilio
    r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,38}",  # Discord
    r"[0-9a-f]{32}-us\d{1,2}",  # Mailchimp
    r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}",  # Mailgun
    r"key-[0-9a-f]{32}",
    r"secret_[A-Za-z0-9]{43}",  # Notion
    r"(?:live|test)_[0-9a-f]{35}",  # Lob
    r"EAAA[\w-]{60}",  # Square
    r"EZ[AT]K[A-Za-z0-9]{54}",  # EasyPost
    rf"access-(?:production|development|sandbox)-{_UUID}",  # Plaid
    r"github_pat_\w{20,255}",
    r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
    r"fc-[0-9a-f]{32}",  # Firecrawl
    r"bb_live_[\w-]{27}",  # Browserbase
    r"api_org_[A-Za-z]{34}",  # Hugging Face
    r"GR1348941[\w-]{20}",  # GitLab
    r"EAA(?:CEdEose0cBA[A-Za-z0-9]{20,250}|[A-Z][A-Za-z0-9]{80,250})",  # Meta
    r"IGQV[\w-]{80,250}",
    r"p8e-[a-z0-9]{32}",  # Adobe
    r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk",  # MaxMind
    r"sm_[pa]at_[A-Za-z0-9]{16}",  # SettleMint
    r"AGE-SECRET-KEY-1[A-Z0-9]{50,70}",
    rf"(?:sdk|mob|api)-{_UUID}",  # LaunchDarkly
    r"re_\w{8}_\w{24}",  # Resend
    r"pa-[\w-]{43}",  # Voyage
    rf"pat-(?:na|eu|ap)\d-{_UUID}",  # HubSpot
    r"a[ks]-[A-Za-z0-9]{22}",  # Modal
)
"""Patterns that begin with nothing rare, but with twenty letters, digits and `_-` on end."""

BY_PART = {
    "1//0": r"1//0[\w-]{40,120}",  # Google
    "AAAA": r"AAAA[\w-]{7}:[\w-]{120,180}",
    "v1.0-": r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,160}",  # Cloudflare
    "sha256~": r"sha256~[\w-]{43}",  # OpenShift
    "t1.": r"t1\.[\w-]{20,200}={0,2}\.[\w-]{86}={0,2}",  # Yandex
    "1/": r"1/\d{16}:[0-9a-f]{32}",  # Asana
    "pat": r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}",  # Airtable
    "access_token$": r"access_token\$(?:production|sandbox)\$\w{16}\$\w{32}",  # PayPal
    "ops_eyJ": r"ops_eyJ[\w+/-]{100,1500}={0,2}",  # 1Password
    "ABSK": r"ABSK[\w+/]{100,140}={0,2}",  # AWS
    "cflt": r"cflt[A-Za-z0-9+/]{56,64}",  # Confluent
    **{
        part: rf"[\w+/-]{{40,90}}{re.escape(part)}[\w+/]{{4,36}}={{0,2}}"  # Azure
        for part in [
            "AZDO",
            "AzFu",
            "AzSe",
            "AzCa",
            "ACDb",
            "AIoT",
            "+ASt",
            "+AEh",
            "+ABa",
            "+AMC",
            "JQQJ99",
        ]
    },
}
"""Patterns by a part of each, as it is spelt; each has 44 letters, digits and `_+/:$.~-` on end."""

WITH_DOTS = {
    "q~": r"\w{3}\dQ~[\w~.-]{31,34}",  # Azure
    "00d": r"00D[A-Za-z0-9]{12}![\w.]{80,130}",  # Salesforce
}
"""Patterns by a part of each in lower case; dots may stand anywhere in them."""
