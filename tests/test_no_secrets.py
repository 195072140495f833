"""No committed file, and no stored output, holds a secret or says on whose machine it was made."""

import ipaddress
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

TEMP, HOME = "tmp", "root"
"""Spelt apart, so that this file holds no path of a machine."""

ROOT = Path(__file__).parents[1]

TOKENS = re.compile(
    r"\b(?:sk|pk|rk)_live_\w{16,}|\bsk-(?:proj-|ant-)?[\w-]{20,}|\bgh[pousr]_\w{30,}"
    r"|\bgithub_pat_\w{40,}|\bglpat-[\w-]{20}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{35}"
    r"|\bxox[abprs]-[\w-]{20,}|\bhf_\w{30,}|\bnpm_\w{36}|\bpypi-AgE\w{20,}|\bSG\.[\w-]{22}\."
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
MAILS = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b", re.IGNORECASE)
PACKAGED = re.compile(r"@(?:\d|.*\.(?:png|svg|jpg|js|css)$)")
"""`icon@2x.png`, `name@1.2.js`: no address."""
ADDRESSES = re.compile(r"(?<![\w.:-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.-])")
PLACES = re.compile(
    r"(?<![\w.~])/(?:home|Users|root|tmp|work|private|mnt|var/folders)/[\w.-]+"
    r"|\b[A-Z]:\\{1,2}Users\\{1,2}\w+"
)
MACHINES = re.compile(
    r"\b(?:ip-\d+-\d+-\d+-\d+|[\w-]+\.(?:compute|ec2)\.internal|[\w-]+\.c\.[\w-]+\.internal"
    r"|(?:desktop|laptop)-[0-9a-z]{7}|[\w-]+s?-(?:macbook|mbp)(?:-\w+)?(?:\.local)?)\b",
    re.IGNORECASE,
)

EXAMPLES = re.compile(
    r"(?:^|[@.])(?:example\.(?:org|com|net|edu)|[\w-]*\.?(?:example|test|invalid|localhost))$",
    re.IGNORECASE,
)

ALLOWED = {
    "tests/corpus_*": "made-up values that redaction must find, or must let through",
    "tests/hostile_texts.py": "made-up beginnings of secrets",
    "tests/test_redaction*": "made-up values that redaction must find",
    "obs_helpers/signals/privacy/*": "shapes of secrets, and examples in docstrings",
    "tests/test_notebook_style.py": "a planted breach of the style that it looks for",
    "tests/test_no_secrets.py": "planted breaches, and the shapes themselves",
}
"""Test data, by file, with the reason."""


def committed() -> list[Path]:
    """Return all files under version control, and those that could be added."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no list of files: {done.stderr}")
    files = [ROOT / name for name in done.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def text_of(file: Path) -> str:
    """Return the text of a file: of a notebook its sources and outputs, without pictures."""
    content = file.read_bytes().decode("utf-8", "replace")
    return "\n".join(strings(json.loads(content))) if file.suffix == ".ipynb" else content


def strings(value: object, name: str = "") -> Iterator[str]:
    """Yield all texts and names in JSON; a list of lines is one text."""
    if isinstance(value, str):
        if not name.startswith("image/"):
            yield value
    elif isinstance(value, list):
        lines = all(isinstance(item, str) for item in value)
        yield from (
            strings("".join(value), name)
            if lines
            else (text for item in value for text in strings(item))
        )
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item, key)


def findings(text: str) -> list[str]:
    """Return what should not be in a committed text."""
    found = [match[0] for shape in (TOKENS, PLACES, MACHINES) for match in shape.finditer(text)]
    for mail in MAILS.findall(text):
        if not EXAMPLES.search(mail) and not PACKAGED.search(mail):
            found.append(mail)
    for address in ADDRESSES.findall(text):
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            continue
        documentation = any(ip in net for net in DOCUMENTATION)
        if not (documentation or ip.is_loopback or ip.is_unspecified):
            found.append(address)
    return found


DOCUMENTATION = [
    ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
]


def is_allowed(file: Path) -> bool:
    return any(file.relative_to(ROOT).match(pattern) for pattern in ALLOWED)


def test_no_committed_file_holds_a_secret_or_the_name_of_a_machine() -> None:
    files = committed()
    assert sum(file.suffix == ".ipynb" for file in files) >= 7
    breaches = {
        str(file.relative_to(ROOT)): found
        for file in files
        if file.suffix != ".png" and not is_allowed(file) and (found := findings(text_of(file)))
    }
    assert breaches == {}


def test_every_allowance_is_needed() -> None:
    """What is allowed and holds nothing is taken off the list."""
    files = [file for file in committed() if file.suffix != ".png"]
    for pattern in ALLOWED:
        matching = [file for file in files if file.relative_to(ROOT).match(pattern)]
        assert any(findings(text_of(file)) for file in matching), pattern


PLANTED = [
    "sk-proj-" + "a1B2" * 6,
    "ghp_" + "a1B2" * 9,
    "AKIA" + "A1B2" * 4,
    "-----BEGIN RSA PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
    "somebody@a-real-company.com",
    "10.1.2.3",
    "8.8.8.8",
    "/home/somebody",
    f"/{TEMP}/abc123",
    f"/{HOME}/project",
    "C:\\Users\\somebody",
    "ip-10-0-0-7",
    "DESKTOP-1A2B3C4",
]


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("where", ["source", "output", "traceback", "metadata"])
def test_a_planted_breach_is_found_wherever_it_is_in_a_notebook(
    planted: str, where: str, tmp_path: Path
) -> None:
    cell: dict[str, object] = {"cell_type": "code", "source": ["x = 1\n"], "metadata": {}}
    line = f"see {planted} there"
    changed: dict[str, dict[str, object]] = {
        "source": {"source": ["# a\n", line]},
        "output": {"outputs": [{"output_type": "stream", "text": ["a\n", line]}]},
        "traceback": {"outputs": [{"output_type": "error", "traceback": [line]}]},
        "metadata": {"metadata": {"kept": line}},
    }
    file = tmp_path / "planted.ipynb"
    file.write_text(json.dumps({"cells": [{**cell, **changed[where]}]}))
    assert findings(text_of(file)) == [planted]


@pytest.mark.parametrize(
    "harmless",
    ["ada@example.org", "a@b.example", "127.0.0.1:4318", "0.0.0.0", "192.0.2.7", "icon@2x.png",
     "version 1.2.3.4.5", "docs/home/page",
     f"https://example.org/{TEMP}/x", "sk-short", f"a/{HOME}/b",
     "@pytest.mark.parametrize", "python@3.11"],
)  # fmt: skip
def test_what_only_looks_like_it_is_let_through(harmless: str) -> None:
    assert findings(f"see {harmless} there") == []


def test_pictures_are_left_out_and_their_alternative_text_is_not(tmp_path: Path) -> None:
    data = {"image/png": f"/{TEMP}/" + "A" * 40, "text/plain": f"<Figure in /{TEMP}/abc>"}
    file = tmp_path / "picture.ipynb"
    file.write_text(json.dumps({"cells": [{"outputs": [{"data": data}]}]}))
    assert findings(text_of(file)) == [f"/{TEMP}/abc"]
