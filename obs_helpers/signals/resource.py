"""Who sends the telemetry: the service, and what the environment says of it."""

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.resources import Resource

from obs_helpers import conventions as c


def resource_of(service: str, redact: Callable[[Any], Any] | None) -> Resource:
    """Return the resource of `service`, with `OTEL_RESOURCE_ATTRIBUTES`, redacted."""
    resource = Resource.create({c.SERVICE_NAME: service})
    return Resource(redact(dict(resource.attributes)), resource.schema_url) if redact else resource
