"""Log lines of the package itself, about the log: a full disk, lines that were dropped."""

from datetime import UTC, datetime
from typing import Any

from obs_helpers.clock import NS_PER_S, Clock
from obs_helpers.safe_json import dumps


def own_line(clock: Clock, event: str, **fields: Any) -> bytes:
    """Return a warning of the logger `obs_helpers`, as one line of JSON without its newline."""
    seconds, ns = divmod(clock.time_ns(), NS_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=ns // 1000)
    timestamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    known = {"timestamp": timestamp, "level": "warning", "logger": "obs_helpers", "event": event}
    return dumps({**known, **fields})
