"""What can go wrong with an agent, and under which category it is counted."""

from enum import Enum


class ErrorCategory(Enum):
    """Kinds of error: the course outline's five, then those that agents need besides."""

    API_ERROR = "api_error"
    TOOL_ERROR = "tool_error"
    VALIDATION_ERROR = "validation_error"
    TIMEOUT = "timeout"
    RATE_LIMIT = "rate_limit"
    STEP_LIMIT = "step_limit"
    CANCELLED = "cancelled"


class AgentError(Exception):
    """An error of the agent, its model or a tool."""

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


def classify(error: BaseException) -> ErrorCategory:
    """Return the category of any exception."""
    if isinstance(error, AgentError):
        return error.category
    if isinstance(error, TimeoutError):
        return ErrorCategory.TIMEOUT
    if isinstance(error, (TypeError, ValueError)):
        return ErrorCategory.VALIDATION_ERROR
    if type(error).__name__ == "CancelledError":
        return ErrorCategory.CANCELLED
    return ErrorCategory.API_ERROR
