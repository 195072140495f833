"""Prices: what tokens cost, who says so, and what happens when nobody knows."""

import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import genai_prices
import pytest
from genai_prices import data_snapshot
from hypothesis import given
from hypothesis import strategies as st

from obs_helpers import Usage
from obs_helpers.insight import prices
from obs_helpers.insight.prices import (
    FALLBACK,
    FALLBACK_DATE,
    OUTLINE_RATES,
    Rates,
    Tokens,
    price,
)

AT = datetime(2026, 11, 24, tzinfo=UTC)
LIBRARY = f"genai-prices {genai_prices.__version__}"
THOUSAND = Tokens(1000, 1000)


def usd(usage: object, model: str | None, **options: Any) -> Decimal | None:
    return price(usage, model, at=AT, **options).cost_usd


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Behave as where genai-prices is not installed."""
    prices._listed.cache_clear()
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    yield
    prices._listed.cache_clear()


@st.composite
def token_counts(draw: st.DrawFn, most: int = 400_000) -> Tokens:
    sent, produced = draw(st.integers(0, most)), draw(st.integers(0, most))
    cached = draw(st.integers(0, sent))
    written = draw(st.integers(0, sent - cached))
    return Tokens(sent, produced, cached, written, draw(st.integers(0, produced)))


# -- Known prices ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "tokens", "cost"),
    [
        ("gpt-5", Tokens(10_000, 1000, 8000), "0.0135"),
        ("gpt-5", Tokens(10_000, 1000), "0.0225"),
        ("gpt-5", Tokens(10_000, 1000, 8000, 0, 900), "0.0135"),
        ("gpt-5-2025-08-07", Tokens(10_000, 1000, 8000), "0.0135"),
        ("gpt-4-turbo", Tokens(1, 0), "0.00001"),
        ("gpt-4-turbo", Tokens(0, 1), "0.00003"),
        ("gemini-2.5-flash", Tokens(1_000_000, 0), "0.30"),
        ("gemini-2.5-flash", Tokens(0, 1_000_000), "2.50"),
        ("claude-haiku-4-5", Tokens(10_000, 0, 2000, 4000), "0.0092"),
        ("claude-sonnet-4-5", Tokens(200_000, 0), "0.60"),
        ("claude-sonnet-4-5", Tokens(200_001, 0), "1.200006"),
        ("gpt-5", Tokens(0, 0), "0"),
    ],
)
def test_well_known_prices(model: str, tokens: Tokens, cost: str) -> None:
    """Cached tokens are a part of the input, reasoning of the output; long input costs more."""
    assert usd(tokens, model) == Decimal(cost)


@given(token_counts())
def test_every_listed_model_costs_what_the_library_itself_computes(tokens: Tokens) -> None:
    """Our arithmetic, which is faster, agrees with the library's for all its chat models."""
    usage = genai_prices.Usage(
        input_tokens=tokens.input_tokens,
        output_tokens=tokens.output_tokens,
        cache_read_tokens=tokens.cached_tokens,
        cache_write_tokens=tokens.cache_write_tokens,
        output_reasoning_tokens=tokens.reasoning_tokens,
    )
    compared = 0
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models[:25]:
            rates = prices._rates(model.get_prices(AT), tokens)
            if rates is not None:
                compared += 1
                whole = model.calc_price(usage, provider, genai_request_timestamp=AT)
                assert rates.cost(tokens) == whole.total_price, (provider.id, model.id)
    assert compared > 300


@pytest.mark.parametrize(
    ("model", "moments"),
    [("o3", [(datetime(2025, 6, 9, tzinfo=UTC), "10"), (datetime(2025, 6, 10, tzinfo=UTC), "2")])],
)
def test_a_call_has_the_price_of_its_day(model: str, moments: list[tuple[datetime, str]]) -> None:
    """A price that was cut costs the old amount before, the new one after."""
    for at, dollars in moments:
        assert price(Tokens(1_000_000, 0), model, at=at).cost_usd == Decimal(dollars)


def test_the_provider_decides_where_the_same_model_is_sold_twice() -> None:
    """Another seller may have another name, and another price."""
    assert usd(THOUSAND, "gpt-4o", provider="openai") == Decimal("0.0125")
    assert usd(THOUSAND, "grok-3", provider="x_ai") == usd(THOUSAND, "grok-3", provider="x-ai")
    assert usd(THOUSAND, "grok-3", provider="x_ai") == Decimal("0.018")
    assert usd(THOUSAND, "gemini-2.5-flash", provider="gcp.gemini") == Decimal("0.0028")


@pytest.mark.parametrize(
    ("size", "rate"), [(32_000, "0.195"), (32_001, "0.325"), (128_000, "0.325"), (128_001, "0.52")]
)
def test_the_whole_input_has_the_price_of_its_size(size: int, rate: str) -> None:
    """Where there are several sizes, the largest one passed."""
    cost = usd(Tokens(size, 0), "qwen/qwen3-coder-flash", provider="openrouter")
    assert cost == size * Decimal(rate) / 1_000_000


# -- Who says so -------------------------------------------------------------------------
def test_the_record_says_where_the_price_is_from_and_for_when() -> None:
    """The source names the library with its version, and the record cannot be changed."""
    cost = price(THOUSAND, "gpt-5", at=AT)
    assert (cost.source, cost.priced_at) == (LIBRARY, AT)
    with pytest.raises(FrozenInstanceError):
        cost.source = "mine"  # type: ignore[misc]


def test_a_time_without_zone_is_utc_and_others_are_turned_into_it() -> None:
    """The store's times have no zone; those of callers may have any."""
    east = AT.astimezone(timezone(timedelta(hours=9)))
    for at in (AT, AT.replace(tzinfo=None), east):
        assert price(THOUSAND, "gpt-5", at=at).priced_at.isoformat() == "2026-11-24T00:00:00+00:00"
    assert price(THOUSAND, "gpt-5").priced_at.utcoffset() == timedelta(0)


def test_your_own_prices_come_first() -> None:
    """An override beats the library, and prices what nobody else knows."""
    mine = {"gpt-5": Rates(Decimal(2), Decimal(4)), "house-7b": Rates(Decimal(0), Decimal(0))}
    assert usd(THOUSAND, "gpt-5", overrides=mine) == Decimal("0.006")
    assert usd(THOUSAND, "house-7b", overrides=mine) == 0
    assert price(THOUSAND, "gpt-5", overrides=mine).source == "override"
    assert price(THOUSAND, "gpt-5-mini", at=AT, overrides=mine).source == LIBRARY


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        *(("scripted-1", None), ("scripted-1", "scripted"), ("", None), (None, None)),
        *((None, "openai"), ("no-such-model", "openai"), ("gpt-9000-x", "nobody")),
        ("sonar-pro", "perplexity"),  # asks for a fee per call as well
        ("gemma-3", "google"),  # listed, without a price
    ],
)
def test_a_model_without_a_price_is_unknown_and_not_free(
    model: str | None, provider: str | None
) -> None:
    """Unknown is None, never 0, and says so."""
    cost = price(THOUSAND, model, provider, AT)
    assert (cost.cost_usd, cost.source) == (None, "unknown")


def test_tokens_that_a_model_has_no_price_for_make_the_call_unknown() -> None:
    """An embedding model has a price for input only."""
    small = {"model": "text-embedding-3-small", "provider": "openai"}
    assert usd(Tokens(1_000_000, 0), **small) == Decimal("0.02")
    assert usd(Tokens(1_000_000, 1), **small) is None


# -- The fallback ------------------------------------------------------------------------
@pytest.mark.usefixtures("without_library")
def test_without_the_library_a_dated_table_has_the_best_known_models() -> None:
    """Where genai-prices is missing, the source says how old the price is."""
    cost = price(Tokens(10_000, 1000, 8000), "gpt-5", "openai", AT)
    assert (cost.cost_usd, cost.source) == (Decimal("0.0135"), f"fallback {FALLBACK_DATE}")
    assert price(THOUSAND, "gpt-5-nano", at=AT).source == "unknown"


def test_a_provider_that_the_library_does_not_know_gets_the_makers_list_price() -> None:
    """Behind a gateway of your own, the dated table is the best guess, and is marked as such."""
    assert price(THOUSAND, "gpt-5", "my-gateway", AT).source == f"fallback {FALLBACK_DATE}"


@pytest.mark.skipif(genai_prices.__version__ != "0.2.3", reason="made from genai-prices 0.2.3")
@pytest.mark.parametrize("model", FALLBACK)
def test_the_dated_table_is_what_the_library_said_on_that_date(model: str) -> None:
    """No price in it was typed by hand."""
    listed = prices._listed(model, None)
    assert listed is not None
    at = datetime.fromisoformat(FALLBACK_DATE).replace(tzinfo=UTC)
    for size in (1, 10_000_000):
        assert prices._rates(listed[0].get_prices(at), Tokens(size, 1)) == FALLBACK[model]


def test_the_outlines_two_prices_are_those_of_gpt_4_turbo() -> None:
    """Per token $0.00001 and $0.00003."""
    assert OUTLINE_RATES.cost(Tokens(1, 0)) == Decimal("0.00001")
    assert OUTLINE_RATES.cost(Tokens(0, 1)) == Decimal("0.00003")
    assert FALLBACK["gpt-4-turbo"] == OUTLINE_RATES


# -- Arithmetic --------------------------------------------------------------------------
RATES = Rates(*map(Decimal, ("1.25", "10", "0.125", "1.5625", "12")))


@given(token_counts(), token_counts())
def test_cost_is_additive(one: Tokens, two: Tokens) -> None:
    """Two calls cost exactly what one call with all their tokens costs."""
    both = Tokens(*(getattr(one, f.name) + getattr(two, f.name) for f in fields(Tokens)))
    assert RATES.cost(one) + RATES.cost(two) == RATES.cost(both)


@given(token_counts())
def test_a_part_without_a_price_costs_as_the_whole(tokens: Tokens) -> None:
    """Without special prices, only input and output count."""
    plain = Rates(Decimal(3), Decimal(7))
    assert plain.cost(tokens) * 1_000_000 == 3 * tokens.input_tokens + 7 * tokens.output_tokens


def test_money_is_exact_where_floats_are_not() -> None:
    """A hundred thousand calls of one token: $1 exactly; floats lose a little."""
    one = OUTLINE_RATES.cost(Tokens(1, 0))
    assert sum((one for _ in range(100_000)), Decimal(0)) == 1
    naive = 0.0
    for _ in range(100_000):
        naive += 1 * 0.00001
    assert naive != 1


# -- What is refused ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"input_tokens": -1},
            r"input_tokens=-1 does not work; give a number of tokens, an integer >= 0",
        ),
        ({"output_tokens": 1.5}, r"output_tokens=1\.5 does not work; give a number of tokens"),
        ({"output_tokens": 100.0}, r"output_tokens=100\.0"),
        ({"input_tokens": "100"}, r"input_tokens='100'"),
        ({"input_tokens": True}, r"input_tokens=True"),
        ({"input_tokens": None}, r"input_tokens=None"),
        ({"input_tokens": 2**63}, r"does not work; give a number of tokens"),
        ({"reasoning_tokens": -5}, r"reasoning_tokens=-5"),
        ({"cached_tokens": 101}, r"101 cached and cache-write tokens cannot be part of 100 input"),
        ({"cached_tokens": 60, "cache_write_tokens": 41}, r"give input_tokens as the whole"),
        ({"reasoning_tokens": 51}, r"51 reasoning tokens cannot be part of 50 output tokens"),
    ],
)
def test_tokens_that_cannot_be_are_refused_with_a_remedy(
    changes: dict[str, Any], message: str
) -> None:
    """The message names the value."""
    with pytest.raises(ValueError, match=message):
        Tokens(**{"input_tokens": 100, "output_tokens": 50, **changes})
    usage = SimpleNamespace(**{"input_tokens": 100, "output_tokens": 50, **changes})
    with pytest.raises(ValueError, match=message):
        price(usage, "gpt-5")


def test_the_whole_may_be_cached_or_reasoning() -> None:
    """The bounds themselves are allowed."""
    assert usd(Tokens(100, 50, 40, 60, 50), "gpt-5") is not None


def test_anything_with_the_attributes_is_a_usage() -> None:
    """The agent's own `Usage`, another library's object, numbers of numpy."""
    import numpy as np

    wanted = Decimal("0.0135")
    assert usd(Usage(10_000, 1000, 8000, 10), "gpt-5") == wanted
    other = SimpleNamespace(input_tokens=10_000, output_tokens=1000, cached_tokens=8000)
    assert usd(other, "gpt-5") == wanted
    other.reasoning_tokens = None  # not reported
    assert usd(other, "gpt-5") == wanted
    counts = np.array([10_000, 1000, 8000])
    assert usd(Tokens(*counts), "gpt-5") == wanted


def test_an_object_without_tokens_is_refused() -> None:
    """What is missing is not zero."""
    with pytest.raises(
        ValueError, match=r"input_tokens=None does not work; give a number of tokens"
    ):
        price(object(), "gpt-5")


@pytest.mark.parametrize("bad", [0.25, "0.25", 1, *map(Decimal, ("-1", "NaN", "sNaN", "Infinity"))])
def test_a_price_is_a_decimal_that_is_not_negative(bad: Any) -> None:
    """A float would not be the price that was written."""
    with pytest.raises(ValueError, match=r"cached=.* does not work; give a price .* as Decimal"):
        replace(RATES, cached=bad)
