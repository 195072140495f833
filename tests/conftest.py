"""What every test gets: a process without telemetry before it and after it."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

import obs_helpers
from obs_helpers.signals import logs

settings.register_profile(
    "quiet",
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=25,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("quiet")


@pytest.fixture(autouse=True)
def no_telemetry() -> Iterator[None]:
    yield
    obs_helpers.shutdown()
    logs.reset()
    structlog.contextvars.clear_contextvars()
