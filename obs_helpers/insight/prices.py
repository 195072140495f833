"""Prices: what the tokens of one model call cost in USD, where that is known.

A price comes from the first that knows the model: the caller's own table, the library
genai-prices, a dated table of a few models. Nothing is fetched from the network. A model
that none of them knows has no price; that is not a price of 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from numbers import Integral
from typing import TYPE_CHECKING

from obs_helpers.clock import NS_PER_S, SystemClock
from obs_helpers.given import check

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

_TOO_MANY = 2**63  # does not fit into the store


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one model call, counted as OpenTelemetry counts them.

    Some providers count otherwise: Anthropic's input is without the cache, and Gemini's
    thoughts are not in its output. Add them up first.

    Raises:
        ValueError: a count is no integer or negative, or a part is more than the whole.
    """

    input_tokens: int
    """All tokens sent; those read from the cache and written to it are among them."""
    output_tokens: int
    """All tokens produced; the reasoning is among them."""
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for each in fields(self):
            count = getattr(self, each.name)
            integer = isinstance(count, Integral) and not isinstance(count, bool)
            good = integer and 0 <= count < _TOO_MANY
            check(each.name, count, good, "a number of tokens, an integer >= 0")
        stored = self.cached_tokens + self.cache_write_tokens
        _check_part(stored, "cached and cache-write", self.input_tokens, "input")
        _check_part(self.reasoning_tokens, "reasoning", self.output_tokens, "output")

    @classmethod
    def of(cls, usage: object) -> "Tokens":
        """Return the tokens of anything with these attributes; a part may be missing.

        Raises:
            ValueError: as the class, also if the input or the output is missing.
        """
        if isinstance(usage, cls):
            return usage
        whole = [getattr(usage, name, None) for name in ("input_tokens", "output_tokens")]
        parts = [getattr(usage, each.name, None) or 0 for each in fields(cls)[2:]]
        return cls(*whole, *parts)  # type: ignore[arg-type]


def _check_part(part: int, what: str, whole: int, name: str) -> None:
    if part > whole:
        msg = (
            f"{part} {what} tokens cannot be part of {whole} {name} tokens: "
            f"give {name}_tokens as the whole, these included"
        )
        raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of one model in USD per million tokens; a part without one costs as the whole.

    Raises:
        ValueError: a price is no `Decimal`, or is negative.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for each in fields(self):
            usd = getattr(self, each.name)
            known = isinstance(usd, Decimal) and usd.is_finite() and usd >= 0
            check(each.name, usd, usd is None or known, "a price >= 0, such as Decimal('0.25')")

    def cost(self, tokens: Tokens) -> Decimal:
        """Return what `tokens` cost in USD: each token is paid once."""
        fresh = tokens.input_tokens - tokens.cached_tokens - tokens.cache_write_tokens
        answer = tokens.output_tokens - tokens.reasoning_tokens
        cached = self.input if self.cached is None else self.cached
        cache_write = self.input if self.cache_write is None else self.cache_write
        reasoning = self.output if self.reasoning is None else self.reasoning
        per_million = (
            fresh * self.input
            + tokens.cached_tokens * cached
            + tokens.cache_write_tokens * cache_write
            + answer * self.output
            + tokens.reasoning_tokens * reasoning
        )
        return per_million / 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model call cost, and who says so."""

    cost_usd: Decimal | None
    """None if no price is known: never 0."""
    source: str
    """`override`, `genai-prices 0.2.3`, `fallback 2026-11-24` or `unknown`."""
    priced_at: datetime
    """The time whose prices were looked up, UTC."""


OUTLINE_RATES = Rates(Decimal(10), Decimal(30))
"""The course outline's $0.00001 and $0.00003 per token: the prices of gpt-4-turbo."""

FALLBACK_DATE = "2026-11-24"


def _usd(*per_million: str) -> Rates:
    return Rates(*map(Decimal, per_million))


FALLBACK: Mapping[str, Rates] = {
    "claude-haiku-4-5": _usd("1", "5", "0.1", "1.25"),
    "claude-opus-4-8": _usd("5", "25", "0.5", "6.25"),
    "claude-sonnet-4-6": _usd("3", "15", "0.3", "3.75"),
    "gemini-2.5-flash": _usd("0.3", "2.5", "0.03"),
    "gemini-2.5-flash-lite": _usd("0.1", "0.4", "0.01"),
    "gpt-4-turbo": _usd("10", "30"),
    "gpt-4.1": _usd("2", "8", "0.5"),
    "gpt-4.1-mini": _usd("0.4", "1.6", "0.1"),
    "gpt-4o": _usd("2.5", "10", "1.25"),
    "gpt-4o-mini": _usd("0.15", "0.6", "0.075"),
    "gpt-5": _usd("1.25", "10", "0.125"),
    "gpt-5-mini": _usd("0.25", "2", "0.025"),
}
"""Input, output, cached, cache write: the makers' list prices, read on `FALLBACK_DATE` from
genai-prices 0.2.3. For where that library is not installed or does not know the provider."""

_PROVIDERS = {"x_ai": "x-ai", "gcp.gen_ai": "google", "azure.ai.inference": "azure"}
"""OpenTelemetry's names of providers that genai-prices does not know by these."""


def price(
    usage: object,
    model: str | None,
    provider: str | None = None,
    at: datetime | None = None,
    overrides: Mapping[str, Rates] | None = None,
) -> Cost:
    """Return what one model call cost.

    The first call loads the price list, which takes about 0.3 s. Tokens alone are priced:
    web searches, audio and discounts for batches are not.

    Args:
        usage: A `Tokens`, or anything with the same attributes.
        model: The name that the provider uses.
        provider: Who sells it; without it, the model's maker.
        at: When the call was made, UTC unless it says otherwise; now unless given.
        overrides: Your own prices by name of the model: these come first.

    Raises:
        ValueError: the tokens cannot be; see `Tokens`.
    """
    tokens = Tokens.of(usage)
    moment = _utc(at)
    rates, source = None, "unknown"
    if model is not None and overrides and model in overrides:
        rates, source = overrides[model], "override"
    elif model is not None:
        rates, source = _look_up(tokens, model, provider, moment)
    return Cost(rates.cost(tokens) if rates else None, source, moment)


def _look_up(
    tokens: Tokens, model: str, provider: str | None, at: datetime
) -> tuple[Rates | None, str]:
    if listed := _listed(model, provider):
        info, source = listed
        rates = _rates(info.get_prices(at), tokens)
        return rates, source if rates else "unknown"
    if model in FALLBACK:
        return FALLBACK[model], f"fallback {FALLBACK_DATE}"
    return None, "unknown"


@lru_cache(maxsize=1024)
def _listed(model: str, provider: str | None) -> "tuple[ModelInfo, str] | None":
    """Return the library's entry; finding it takes longer than all the rest."""
    try:
        import genai_prices
    except ImportError:
        return None
    seller = _PROVIDERS.get(provider or "", provider)
    try:
        found = genai_prices.calc_price(genai_prices.Usage(), model, provider_id=seller)
    except LookupError:
        return None
    return found.model, f"genai-prices {genai_prices.__version__}"


def _rates(prices: "ModelPrice", tokens: Tokens) -> Rates | None:
    """Return the prices for a call of this size, None if they do not cover the call."""
    listed = {name: _for_size(usd, tokens.input_tokens) for name, usd in vars(prices).items()}
    paid_in, paid_out = listed.get("input_mtok"), listed.get("output_mtok")
    if "requests_kcount" in listed:  # a fee per call, besides the tokens
        return None
    if (paid_in is None and tokens.input_tokens) or (paid_out is None and tokens.output_tokens):
        return None
    return Rates(
        paid_in or Decimal(0),
        paid_out or Decimal(0),
        listed.get("cache_read_mtok"),
        listed.get("cache_write_mtok"),
        listed.get("output_reasoning_mtok"),
    )


def _for_size(usd: "Decimal | TieredPrices | None", input_tokens: int) -> Decimal | None:
    if usd is None or isinstance(usd, Decimal):
        return usd
    reached = [tier.price for tier in usd.tiers if input_tokens > tier.start]
    return reached[-1] if reached else usd.base


def _utc(at: datetime | None) -> datetime:
    if at is None:
        return datetime.fromtimestamp(SystemClock().time_ns() // NS_PER_S, UTC)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
