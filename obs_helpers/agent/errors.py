"""What can go wrong with an agent, and under which category it is counted."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any


class ErrorCategory(Enum):
    """Kinds of error: the course outline's five, then those that agents need besides."""

    API_ERROR = "api_error"
    """Whatever has no category of its own."""
    TOOL_ERROR = "tool_error"
    VALIDATION_ERROR = "validation_error"
    TIMEOUT = "timeout"
    RATE_LIMIT = "rate_limit"
    STEP_LIMIT = "step_limit"
    """The agent ran in a loop, or needed more steps than it may take."""
    CANCELLED = "cancelled"
    AUTH = "auth"
    CONTEXT_LENGTH = "context_length"
    """The conversation is longer than the model can read."""
    CONTENT_FILTER = "content_filter"
    BUDGET_EXCEEDED = "budget_exceeded"
    PARSE = "parse"
    """The answer was no valid JSON."""
    DEPENDENCY = "dependency"
    """A service that the agent needs is down or cannot be reached."""


class AgentError(Exception):
    """An error of the agent, its model or a tool. A subclass sets its own `category`."""

    category = ErrorCategory.API_ERROR


class ToolError(AgentError):
    """A tool could not do its work."""

    category = ErrorCategory.TOOL_ERROR


class InvalidArguments(AgentError):
    """The model asked for a tool that is not there, or with arguments it does not take."""

    category = ErrorCategory.VALIDATION_ERROR


class ModelTimeout(AgentError, TimeoutError):
    """The model did not answer in time."""

    category = ErrorCategory.TIMEOUT


class RateLimited(AgentError):
    """The model's provider refuses more requests for now."""

    category = ErrorCategory.RATE_LIMIT

    def __init__(self, retry_after_s: float) -> None:
        """Say when to try again, in seconds."""
        super().__init__(f"rate limit reached, try again in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class StepLimitReached(AgentError):
    """The model kept asking for tools and never answered."""

    category = ErrorCategory.STEP_LIMIT


# -- Exceptions of other libraries, which are not imported for this ------------------------

_BY_CODE: Mapping[str, ErrorCategory] = {
    "context_length_exceeded": ErrorCategory.CONTEXT_LENGTH,
    "content_filter": ErrorCategory.CONTENT_FILTER,
    "content_policy_violation": ErrorCategory.CONTENT_FILTER,
    "insufficient_quota": ErrorCategory.BUDGET_EXCEEDED,
    "billing_hard_limit_reached": ErrorCategory.BUDGET_EXCEEDED,
}
"""Codes in the provider's reply. They say more than its status: a spent quota is a 429."""

_BY_STATUS: Mapping[int, ErrorCategory] = {
    400: ErrorCategory.VALIDATION_ERROR,
    401: ErrorCategory.AUTH,
    402: ErrorCategory.BUDGET_EXCEEDED,
    403: ErrorCategory.AUTH,
    408: ErrorCategory.TIMEOUT,
    413: ErrorCategory.CONTEXT_LENGTH,
    422: ErrorCategory.VALIDATION_ERROR,
    429: ErrorCategory.RATE_LIMIT,
    504: ErrorCategory.TIMEOUT,
}
"""HTTP status codes. Any other from 500 is a dependency that is down."""

_BAD_REQUESTS = (
    (re.compile("context.(length|window)|too long|token count"), ErrorCategory.CONTEXT_LENGTH),
    (re.compile("content.(filter|policy|management)"), ErrorCategory.CONTENT_FILTER),
)
"""Words in the message of a 400: some providers give no code."""

_BY_NAME: Mapping[str, ErrorCategory] = {
    "CancelledError": ErrorCategory.CANCELLED,
    "JSONDecodeError": ErrorCategory.PARSE,
    "TimeoutError": ErrorCategory.TIMEOUT,
    "TimeoutException": ErrorCategory.TIMEOUT,
    "APITimeoutError": ErrorCategory.TIMEOUT,
    "ConnectTimeout": ErrorCategory.TIMEOUT,
    "Timeout": ErrorCategory.TIMEOUT,
    "APIConnectionError": ErrorCategory.DEPENDENCY,
    "TransportError": ErrorCategory.DEPENDENCY,
    "OSError": ErrorCategory.DEPENDENCY,
    "TypeError": ErrorCategory.VALIDATION_ERROR,
    "ValueError": ErrorCategory.VALIDATION_ERROR,
}
"""Names of exception classes: Python's own, httpx', requests' and those of model SDKs. The
first base class that is listed decides, so `TimeoutError` comes before its `OSError`."""


def classify(error: BaseException) -> ErrorCategory:
    """Return the category of any exception, of any library; never raises.

    Our own classes say it themselves. Of others the provider's code counts first, then
    the HTTP status, then the class. A group of exceptions counts as its first one.
    """
    try:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, AgentError):
            return ErrorCategory(error.category)
        return _by_reply(error) or _by_class(error)
    except Exception:  # it does not let itself be read
        return ErrorCategory.API_ERROR


def retry_after_s(error: BaseException, now_s: float) -> float | None:
    """Return how many seconds the provider asks us to wait, None if it does not say.

    It says so in `retry_after_s` or in the header `Retry-After` of the error's `response`
    (RFC 9110: seconds, or a date, for which `now_s` is the time in seconds since 1970).
    """
    try:
        wait_s = _read(error, "retry_after_s")
        if wait_s is None:
            headers = {str(k).lower(): v for k, v in _read(error, "response").headers.items()}
            wait_s = _seconds(str(headers["retry-after"]), now_s)
        wait_s = float(wait_s)
    except Exception:  # no such header, or nonsense in it
        return None
    return max(0.0, wait_s) if math.isfinite(wait_s) else None


def _seconds(text: str, now_s: float) -> float:
    try:
        return float(text)
    except ValueError:
        return parsedate_to_datetime(text).timestamp() - now_s


def _by_reply(error: BaseException) -> ErrorCategory | None:
    code = _read(error, "code")
    if isinstance(code, str) and code in _BY_CODE:
        return _BY_CODE[code]
    status = _status(error)
    if status == 400:
        text = str(error).lower()
        for pattern, category in _BAD_REQUESTS:
            if pattern.search(text):
                return category
    if status is None or status in _BY_STATUS:
        return _BY_STATUS.get(status or 0)
    return ErrorCategory.DEPENDENCY if status >= 500 else ErrorCategory.API_ERROR


def _status(error: BaseException) -> int | None:
    response = _read(error, "response")
    for holder, name in (
        *((error, "status_code"), (error, "code"), (error, "status")),
        *((response, "status_code"), (response, "status")),
    ):
        value = _read(holder, name)
        if isinstance(value, int) and 400 <= value <= 599:
            return int(value)
    return None


def _by_class(error: BaseException) -> ErrorCategory:
    names = (base.__name__ for base in type(error).__mro__)
    return next((_BY_NAME[n] for n in names if n in _BY_NAME), ErrorCategory.API_ERROR)


def _read(holder: object, name: str) -> Any:
    try:
        return getattr(holder, name, None)
    except Exception:  # a property of somebody else's class
        return None
