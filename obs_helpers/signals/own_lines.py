"""Log lines of the package itself, about the log, and the time of the first line of a file."""

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from obs_helpers.clock import NS_PER_S, Clock
from obs_helpers.safe_json import dumps

_MICROSECOND, _EPOCH = timedelta(microseconds=1), datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_TIME = re.compile(rb'\{"timestamp":"([^"]{20,40})"')


def own_line(clock: Clock, event: str, **fields: Any) -> bytes:
    """Return a warning of the logger `obs_helpers`, as one line of JSON without its newline."""
    seconds, ns = divmod(clock.time_ns(), NS_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=ns // 1000)
    timestamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    known = {"timestamp": timestamp, "level": "warning", "logger": "obs_helpers", "event": event}
    return dumps({**known, **fields})


def first_time_ns(fd: int) -> int | None:
    """Return the time of the first line, None if there is none or it is not one of ours."""
    os.lseek(fd, 0, os.SEEK_SET)
    match = _FIRST_TIME.match(os.read(fd, 64))
    try:
        moment = datetime.fromisoformat(match[1].decode()) if match else None
        return (moment - _EPOCH) // _MICROSECOND * 1000 if moment else None
    except (TypeError, ValueError):
        return None
