"""Judge a redactor by the corpus: what can still be read, what was harmed."""

import base64
import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.redaction_corpus import Sample

Redact = Callable[[Any], Any]
"""Returns a cleaned copy of a line or an event."""

_FORMATTING = re.compile(r"\x1b\[[0-9;]*m|</?\w+[^>]*>|\*\*|~~|`")
_ESCAPED = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|[nrt])")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_CYRILLIC = str.maketrans("аеорсхі", "aeopcxi")  # noqa: RUF001
_AT = re.compile(r"\s*[\[(]at[\])]\s*")


def as_text(value: Any) -> str:
    """Return what a reader of the output sees: an event as JSON, without its escapes."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else " ", text)


def decoded(text: str) -> str:
    """Return a text without formatting and escapes, in plain letters and digits."""
    text = html.unescape(unquote(_FORMATTING.sub("", text)))
    text = unicodedata.normalize("NFKC", text).translate(_CYRILLIC)
    visible = (c for c in text if unicodedata.category(c) != "Cf")
    plain = "".join(
        str(unicodedata.decimal(c)) if unicodedata.category(c) == "Nd" else c for c in visible
    )
    return _AT.sub("@", plain)


def readings(output: Any, thorough: bool) -> Iterator[str]:
    """Yield the ways to read an output; a thorough reader decodes what is disguised."""
    text = as_text(output)
    yield text
    if not thorough:
        return
    yield decoded(text)
    for match in _ENCODED.finditer(text):
        run = match[0].rstrip("=").translate(str.maketrans("-_", "+/"))
        try:
            yield base64.b64decode(run + "=" * (-len(run) % 4)).decode()
        except ValueError:
            continue


def compact(text: str) -> str:
    """Return only the letters and digits, in small letters."""
    return re.sub(r"[\W_]+", "", text).casefold()


def is_readable(secret: str, text: str) -> bool:
    """Return whether a secret stands in a text, with or without its separators."""
    if len(secret) < 7:  # a name or a PIN: not within another word
        return re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text) is not None
    return secret in text or (len(short := compact(secret)) > 6 and short in compact(text))


def leaks(sample: Sample, output: Any) -> list[str]:
    """Return the secrets of a sample that can be read in the output."""
    texts = list(readings(output, sample.group == "disguised"))
    return [s for s in sample.secrets if any(is_readable(s, text) for text in texts)]


def is_json(value: Any) -> bool:
    """Return whether a text is a JSON object or array, or an event can be written as one."""
    try:
        if not isinstance(value, str):
            return bool(json.dumps(value)) or True
        return isinstance(json.loads(value), dict | list)
    except (TypeError, ValueError):
        return False


def same(before: Any, after: Any) -> bool:
    """Return whether nothing was changed, types included."""
    return type(before) is type(after) and repr(before) == repr(after)


@dataclass
class Figures:
    """What a redactor reached: counts of good and of all samples, by group, form and kind."""

    good: Counter[tuple[str, ...]] = field(default_factory=Counter)
    all: Counter[tuple[str, ...]] = field(default_factory=Counter)
    bad: list[tuple[Sample, Any]] = field(default_factory=list)

    def count(self, ok: bool, *key: str) -> None:
        self.all[key] += 1
        self.good[key] += ok

    def share(self, *key: str) -> float:
        """Return the share of good samples; the key may leave out its last parts."""
        every = sum(n for k, n in self.all.items() if k[: len(key)] == key)
        good = sum(n for k, n in self.good.items() if k[: len(key)] == key)
        return good / every if every else float("nan")


def measure(redact: Redact, samples: Sequence[Sample]) -> Figures:
    """Run a redactor over the samples; an exception counts as a failure."""
    figures = Figures()
    for sample in samples:
        before = repr(sample.value)
        try:
            output = redact(sample.value)
        except Exception as error:  # judged like any other wrong answer
            output = error
        if isinstance(output, Exception):
            ok = False
        elif sample.group == "clean":
            ok = same(sample.value, output)
        else:
            ok = not leaks(sample, output)
        figures.count(ok, sample.group, sample.form, sample.kind)
        if not ok:
            figures.bad.append((sample, output))
        if is_json(sample.value):
            figures.count(is_json(output), "JSON", sample.form)
        figures.count(repr(sample.value) == before, "input unchanged", sample.form)
    return figures


TARGETS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("patterned", "line"), 0.97),
    (("patterned", "event"), 0.97),
    (("patterned", "prose"), 0.85),
    (("public secret",), 0.98),
    (("context secret",), 0.92),
    (("announced",), 0.90),
    (("disguised",), 0.90),
    (("clean", "line"), 0.995),
    (("clean", "event"), 0.999),
    (("JSON",), 1.0),
    (("input unchanged",), 1.0),
)
"""The least share of good samples: by group, and by form where the forms differ."""
