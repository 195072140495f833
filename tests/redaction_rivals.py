"""Other redactors, if they are installed, behind the same call as ours."""

from collections.abc import Callable
from typing import Any

from obs_helpers.signals.redaction import Redactor

Redact = Callable[[Any], Any]


def over_leaves(redact: Callable[[str], str]) -> Redact:
    """Let a redactor that knows only text see every text of an event."""

    def redacted(value: Any) -> Any:
        if isinstance(value, str):
            return redact(value)
        if isinstance(value, dict):
            return {key: redacted(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [redacted(item) for item in value]
        return value

    return redacted


def logfire() -> Redact:
    """Return logfire's scrubber with its default patterns."""
    from logfire._internal.scrubbing import Scrubber

    scrubber = Scrubber(None)
    return lambda value: scrubber.scrub_value((), value)[0]


CORE = (
    "CREDIT_CARD",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "PHONE_NUMBER",
    "US_SSN",
    "UK_NHS",
)


def presidio(least_score: float, entities: tuple[str, ...] = ()) -> Redact:
    """Return Presidio's English recognisers without a language model."""
    import tldextract
    from presidio_analyzer import RecognizerRegistry

    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # nothing from the network
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    recognizers = [
        recognizer
        for recognizer in registry.recognizers
        if "PERSON" not in recognizer.supported_entities
        and (not entities or set(entities) & set(recognizer.supported_entities))
    ]

    def redact(text: str) -> str:
        found = [
            (result.start, result.end, result.entity_type)
            for recognizer in recognizers
            for result in recognizer.analyze(text, recognizer.supported_entities, None) or ()
            if result.score >= least_score
        ]
        parts, end = [], 0
        for start, stop, entity in sorted(found):
            if start >= end:
                parts += [text[end:start], f"<{entity}>"]
            end = max(end, stop)
        return "".join([*parts, text[end:]])

    return over_leaves(redact)


MAKERS: dict[str, Callable[[], Redact]] = {
    "ours": Redactor,
    "logfire": logfire,
    "Presidio": lambda: presidio(0.0),
    "Presidio, core": lambda: presidio(0.4, CORE),
}


def redactors() -> dict[str, Redact]:
    """Return ours, and those others that are installed."""
    found: dict[str, Redact] = {}
    for name, make in MAKERS.items():
        try:
            found[name] = make()
        except ImportError:
            continue
    return found
