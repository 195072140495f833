"""Categories of errors: one for every exception, of whatever library, and never an error more."""

import asyncio
import concurrent.futures
import json
import urllib.error
from email.message import Message
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_helpers import conventions as c
from obs_helpers.agent.errors import (
    AgentError,
    ErrorCategory,
    InvalidArguments,
    ModelTimeout,
    RateLimited,
    StepLimitReached,
    ToolError,
    classify,
    retry_after_s,
)

REQUEST = httpx.Request("POST", "https://provider.test/v1/chat")
NOW_S = 1_767_600_000.0  # 2026-01-05 08:00:00 UTC


class SdkError(Exception):
    """An error as the SDKs of model providers raise it: the facts are attributes."""

    def __init__(self, message: str = "no", **facts: Any) -> None:
        super().__init__(message)
        for name, value in facts.items():
            setattr(self, name, value)


def named(name: str, *bases: type[BaseException]) -> BaseException:
    return type(name, bases or (Exception,), {})("no")


def answered(status: int, **headers: str) -> httpx.HTTPStatusError:
    wire = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.HTTPStatusError(
        "no", request=REQUEST, response=httpx.Response(status, headers=wire, request=REQUEST)
    )


def bad_json(loads: Any) -> Exception:
    try:
        loads("{not json")
    except ValueError as error:
        return error
    raise AssertionError


def test_the_labels_of_metrics_are_the_categories() -> None:
    """A counter starts at 0 for each category that can occur, and for no other."""
    assert tuple(category.value for category in ErrorCategory) == c.CATEGORIES


OWN = [
    (ToolError("x"), "tool_error"),
    (InvalidArguments("x"), "validation_error"),
    (ModelTimeout("x"), "timeout"),
    (RateLimited(3), "rate_limit"),
    (StepLimitReached("x"), "step_limit"),
    (AgentError("x"), "api_error"),
]

PYTHONS = [
    (TimeoutError(), "timeout"),
    (TypeError(), "validation_error"),
    (ValueError(), "validation_error"),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "validation_error"),
    (bad_json(json.loads), "parse"),
    (bad_json(orjson.loads), "parse"),
    (ConnectionRefusedError(), "dependency"),
    (OSError("disk full"), "dependency"),
    (asyncio.CancelledError(), "cancelled"),
    (concurrent.futures.CancelledError(), "cancelled"),
    (Exception(), "api_error"),
    (KeyError("x"), "api_error"),
    (KeyboardInterrupt(), "api_error"),
    (ExceptionGroup("two", [TimeoutError(), ValueError()]), "timeout"),
    (ExceptionGroup("deep", [ExceptionGroup("one", [RateLimited(1)])]), "rate_limit"),
    (BaseExceptionGroup("stop", [asyncio.CancelledError()]), "cancelled"),
]

STATUSES = [
    *[(400, "validation_error"), (401, "auth"), (402, "budget_exceeded"), (403, "auth")],
    *[(404, "api_error"), (408, "timeout"), (413, "context_length"), (422, "validation_error")],
    *[(429, "rate_limit"), (500, "dependency"), (502, "dependency"), (503, "dependency")],
    *[(504, "timeout"), (529, "dependency")],
]

OTHERS = [
    (httpx.ReadTimeout("no"), "timeout"),
    (httpx.ConnectTimeout("no"), "timeout"),
    (httpx.ConnectError("no"), "dependency"),
    (httpx.RemoteProtocolError("no"), "dependency"),
    (urllib.error.HTTPError("https://x.test", 429, "no", Message(), None), "rate_limit"),
    (urllib.error.URLError("no route"), "dependency"),
    # openai
    (named("APITimeoutError", type("APIConnectionError", (Exception,), {})), "timeout"),
    (named("APIConnectionError"), "dependency"),
    (SdkError(status_code=429, code="rate_limit_exceeded"), "rate_limit"),
    (SdkError(status_code=429, code="insufficient_quota"), "budget_exceeded"),
    (SdkError(status_code=400, code="context_length_exceeded"), "context_length"),
    (SdkError(status_code=400, code="content_filter"), "content_filter"),
    # anthropic and google-genai give no such code
    (SdkError("prompt is too long: 210000 tokens > 200000 maximum", status_code=400),
     "context_length"),
    (SdkError("The input token count (9) exceeds the maximum", code=400), "context_length"),
    (SdkError("filtered by our content management policy", status_code=400), "content_filter"),
    (SdkError(code=503, status="UNAVAILABLE"), "dependency"),
    # requests' timeouts and errors are OSErrors, too
    (named("ReadTimeout", type("Timeout", (OSError,), {})), "timeout"),
    (named("ConnectTimeout", ConnectionError), "timeout"),
    # what only resembles a status is none
    (SdkError(status_code=200), "api_error"),
    (SdkError(code=1006), "api_error"),
    (SdkError(code=True), "api_error"),
    (SdkError(status="429"), "api_error"),
    (SdkError(code=lambda: 429), "api_error"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "category"), [*OWN, *PYTHONS, *OTHERS], ids=lambda v: v if isinstance(v, str) else ""
)
def test_every_exception_has_its_category(error: BaseException, category: str) -> None:
    assert classify(error) is ErrorCategory(category)


@pytest.mark.parametrize(("status", "category"), STATUSES)
def test_a_status_counts_wherever_the_library_keeps_it(status: int, category: str) -> None:
    """On the exception, under one of three names, or on its response."""
    for error in (
        answered(status),
        SdkError(status_code=status),
        SdkError(code=status),
        SdkError(status=status),
        SdkError(response=SimpleNamespace(status=status)),
    ):
        assert classify(error) is ErrorCategory(category)


def test_our_own_class_counts_more_than_its_attributes() -> None:
    error = ToolError("the service answered 429")
    error.status_code = 429  # type: ignore[attr-defined]
    assert classify(error) is ErrorCategory.TOOL_ERROR


def test_a_class_of_the_learner_says_its_own_category() -> None:
    class TooExpensive(AgentError):
        category = ErrorCategory.BUDGET_EXCEEDED

    class Odd(AgentError):
        category = "no such category"  # type: ignore[assignment]

    assert classify(TooExpensive()) is ErrorCategory.BUDGET_EXCEEDED
    assert classify(Odd()) is ErrorCategory.API_ERROR


class Hostile(ConnectionError):
    """Raises whenever somebody reads an attribute that it was not born with."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    @property
    def response(self) -> Any:
        raise ValueError("closed")

    def __str__(self) -> str:
        raise RuntimeError("str")


class Liar(ValueError):
    """Does not even tell its class."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("class")


def test_an_exception_that_cannot_be_read_still_has_a_category() -> None:
    assert classify(Hostile()) is ErrorCategory.DEPENDENCY
    assert isinstance(classify(Liar()), ErrorCategory)
    assert retry_after_s(Hostile(), NOW_S) is None


_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.lists(st.integers()) | st.sampled_from([429, 503, "content_filter", Hostile(), object])
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["status_code", "code", "status", "response", "retry_after_s", "body"]),
        _VALUES | st.builds(SimpleNamespace, status_code=_VALUES, headers=_VALUES),
    )
)
def test_whatever_the_attributes_are_there_is_an_answer(facts: dict[str, Any]) -> None:
    """Reading never raises, and a time to wait is a number of seconds from 0."""
    error = SdkError(**facts)
    assert isinstance(classify(error), ErrorCategory)
    wait_s = retry_after_s(error, NOW_S)
    assert wait_s is None or 0 <= wait_s < float("inf")


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (RateLimited(12.5), 12.5),
        (answered(429, retry_after="7"), 7),
        (answered(503, Retry_After="0.5"), 0.5),
        (answered(429, retry_after="Mon, 05 Jan 2026 08:00:30 GMT"), 30),
        (answered(429, retry_after="Mon, 05 Jan 2026 07:00:00 GMT"), 0),
        (SdkError(response=SimpleNamespace(headers={"Retry-After": "3"})), 3),
        (answered(429, retry_after="-3"), 0),
        (answered(429), None),
        (answered(429, retry_after="soon"), None),
        (answered(429, retry_after="nan"), None),
        (answered(429, retry_after="inf"), None),
        (answered(429, retry_after=""), None),
        (RateLimited(float("nan")), None),
        (SdkError(response=None), None),
        (TimeoutError(), None),
    ],
    ids=str,
)
def test_how_long_to_wait_is_read_from_the_error_or_its_response(
    error: BaseException, wait_s: float | None
) -> None:
    assert retry_after_s(error, NOW_S) == wait_s
