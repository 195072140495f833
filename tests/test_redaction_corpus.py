"""The corpus is what it says, the judge sees what is readable, the redactor reaches its figures."""

from collections import Counter
from functools import cache
from random import Random

import pytest

from obs_helpers.signals.redaction import Redactor
from tests import corpus_values as values
from tests.corpus_clean import CLEAN_LINES
from tests.corpus_clean_events import CLEAN_EVENTS
from tests.corpus_digits import (
    codice_letter,
    cpf_check,
    dni_letter,
    luhn,
    mod97,
    nhs_check,
    verhoeff,
)
from tests.corpus_disguises import DISGUISES
from tests.hostile_texts import SIZE, hostile_texts
from tests.redaction_benchmark import LINES, WITH_A_VALUE, agent_lines, log_lines
from tests.redaction_corpus import Sample, corpus, kinds
from tests.redaction_judge import TARGETS, Figures, leaks, measure

SCALE = 0.25


@cache
def figures(seed: int) -> Figures:
    """Measure the redactor once for each seed."""
    return measure(Redactor(), corpus(seed, SCALE))


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize(("key", "least"), TARGETS, ids=[" ".join(key) for key, _ in TARGETS])
def test_the_redactor_reaches_its_figures(key: tuple[str, ...], least: float, seed: int):
    """`python -m tests.redaction_benchmark --misses` shows what goes wrong."""
    reached = figures(seed)
    wrong = Counter(sample.kind for sample, _ in reached.bad if sample.group == key[0])
    assert reached.share(*key) >= least, wrong.most_common(8)


# -- The judge -----------------------------------------------------------------------------
def test_without_a_redactor_every_value_is_readable():
    samples = [sample for sample in corpus(3, SCALE) if sample.secrets]
    assert [sample for sample in samples if not leaks(sample, sample.value)] == []


def test_a_redactor_that_removes_everything_hides_all_and_spoils_all():
    blank = measure(lambda value: "" if isinstance(value, str) else {}, corpus(3, 0.1))
    assert blank.share("patterned") == blank.share("disguised") == 1
    assert blank.share("clean") == 0 and blank.share("JSON", "line") == 0


@pytest.mark.parametrize(
    "output",
    ["4111 1111 1111 1111", "4111-1111-1111-1111", "**4111** **1111** **1111** **1111**",
     "\uff14" + "\uff11" * 15],
)  # fmt: skip
def test_a_card_is_readable_however_it_is_grouped(output: str):
    sample = Sample("card", "disguised", "line", "", ("4111111111111111",))
    assert leaks(sample, output)
    assert not leaks(sample, "4111 1111 [CARD] 1111")


def test_a_changed_type_a_lost_line_and_an_exception_are_no_success():
    def fails(value: object) -> object:
        raise ValueError("no")

    samples = [Sample("n", "clean", "event", {"n": 1}), Sample("n", "clean", "event", {"n": 1.0})]
    assert measure(lambda value: {"n": 1}, samples).share("clean") == 0.5
    assert measure(lambda value: {"n": True}, samples).share("clean") == 0
    assert measure(fails, samples).share("clean") == 0


# -- The corpus ----------------------------------------------------------------------------
def test_the_same_seed_gives_the_same_corpus():
    assert corpus(5, 0.1) == corpus(5, 0.1)
    assert corpus(5, 0.1) != corpus(6, 0.1)


def test_every_kind_stands_in_lines_and_in_events_and_most_in_prose():
    found = {(sample.kind, sample.form) for sample in corpus(1, 0.1) if sample.group != "clean"}
    for kind in [kind.name for kind in kinds()] + list(DISGUISES):
        assert {(kind, "line"), (kind, "event")} <= found
    prose = {kind for kind, form in found if form == "prose"}
    assert prose >= {kind.name for kind in kinds() if kind.group != "context secret"}
    assert len(kinds()) == len({kind.name for kind in kinds()})


def test_the_corpus_is_as_large_and_as_varied_as_it_has_to_be():
    distinct = {(s.group == "clean", s.form, str(s.value)) for s in corpus(1)}
    size = Counter(key[:2] for key in distinct)
    assert size[True, "line"] >= 3_000 and size[True, "event"] >= 1_500
    assert min(size[False, form] for form in ("line", "event", "prose")) >= 1_000
    assert len({str(line) for kind in kinds() for line in kind.lines}) >= 100
    assert len({str(event) for kind in kinds() for event in kind.events}) >= 60
    assert sum(map(len, CLEAN_LINES.values())) >= 210
    assert sum(map(len, CLEAN_EVENTS.values())) >= 60


def test_a_clean_sample_has_nothing_to_hide_and_every_other_has():
    for sample in corpus(2, SCALE):
        assert bool(sample.secrets) == (sample.group != "clean"), sample
        assert "{v}" not in str(sample.value) and "{k}" not in str(sample.value), sample


def test_the_check_digits_are_those_of_published_examples():
    assert luhn("411111111111111") == "1" and luhn("811228987") == "4"
    assert mod97("DE", "370400440532013000") == "89"
    assert nhs_check("943476591") == "9"
    assert luhn("04645428") == "6"
    assert dni_letter("12345678") == "Z" and dni_letter("01234567") == "L"
    assert cpf_check("529982247") == "25"
    assert codice_letter("RSSMRA85T10A562") == "S"
    assert verhoeff("23412341234") == "6"


OF_STDNUM = {
    "card": "luhn", "iban": "iban", "us_ssn": "us.ssn", "uk_nhs": "gb.nhs", "ca_sin": "ca.sin",
    "es_dni": "es.dni", "es_nie": "es.nie", "br_cpf": "br.cpf", "in_aadhaar": "in_.aadhaar",
    "it_codice_fiscale": "it.codicefiscale", "fr_nir": "fr.nir",
    "se_personnummer": "se.personnummer",
}  # fmt: skip


@pytest.mark.parametrize("kind", OF_STDNUM)
def test_generated_numbers_are_valid_for_an_independent_library(kind: str):
    """Only if python-stdnum is installed."""
    stdnum = pytest.importorskip("stdnum.util")
    module = pytest.importorskip(f"stdnum.{OF_STDNUM[kind]}")
    draw = Random(7)
    for _ in range(200):
        text = stdnum.clean(getattr(values, kind)(draw).text, " -." if kind == "card" else "")
        options = {"check_country": False} if kind == "iban" else {}
        assert module.validate(text, **options)


# -- The benchmark -------------------------------------------------------------------------
def test_one_in_ten_of_the_timed_lines_holds_a_value():
    assert len(log_lines(1)) == LINES == 10 * WITH_A_VALUE
    assert log_lines(1) != log_lines(2)


def test_the_agents_lines_that_are_timed_are_in_three_forms_and_one_in_ten_holds_a_value() -> None:
    lines = agent_lines(1)
    assert len(lines) % 3 == 0
    assert len(lines) > 300
    redact = Redactor()
    changed = [line for line in lines if redact(line) != line]
    assert 0.08 < len(changed) / len(lines) < 0.12


def test_hostile_texts_are_as_long_as_they_are_said_to_be():
    sizes = {name: len(text) for name, text in hostile_texts().items()}
    assert len(sizes) >= 400
    assert {n: size for n, size in sizes.items() if not 0.99 * SIZE <= size <= 1.01 * SIZE} == {}
