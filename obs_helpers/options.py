"""The options of `start()`, each checked before anything is started."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from obs_helpers.clock import Clock
from obs_helpers.given import check, is_count, is_number, is_share
from obs_helpers.signals.log_sampling import LogSampling
from obs_helpers.signals.logs import LEVELS
from obs_helpers.signals.redaction import Redactor
from obs_helpers.store import Store

_NO_ENDPOINT = re.compile(r"\s|/v1/(traces|metrics|logs)/?$")


@dataclass(frozen=True)
class Options:
    """What `start` was asked for.

    Raises:
        ValueError: an option has a value it cannot have; the message says which it can.
    """

    service: str = "agent"
    """`service.name` on everything."""
    store: str | Path | Store = ":memory:"
    """A store, or the path of its file."""
    clock: Clock | None = None
    """Gives all times; the machine's own time unless given."""
    seed: int | None = None
    """Makes trace and span ids repeatable."""
    level: str = "info"
    """Log events below this level are dropped: debug, info, warning, error, critical."""
    console: bool = False
    """Print each log line, in the cell that logs."""
    file: str | Path | None = None
    """Write log lines to this file, rotated at `file_bytes`, `file_backups` old ones kept.
    Several processes can write to one file."""
    file_bytes: int = 10_000_000
    file_backups: int = 5
    file_every: timedelta | None = None
    """Begin a new file each time this long, counted in UTC: each midnight for a day."""
    file_max_age: timedelta | None = None
    """Delete old files this long after they were rotated."""
    file_compress: bool = False
    """Compress old files with gzip."""
    prometheus_port: int | None = None
    """Serve metrics for Prometheus on this port of 127.0.0.1."""
    otlp: str | None = None
    """Send everything to this OTLP/HTTP endpoint as well, e.g. `http://localhost:4318`."""
    sampling: float = 1.0
    """Share of traces that are kept, 0 to 1. Logs and metrics stay whole."""
    log_sampling: LogSampling | None = None
    """Which log lines are kept, by level, event and rate; all unless given."""
    redact: bool | Redactor = True
    """Replace personal data and secrets before anything is stored, printed or sent."""
    capture_content: bool = False
    """Record prompts, answers, tool arguments and results. They are personal data until
    proven otherwise."""
    collect_s: float | None = None
    """Metrics are read this often, in seconds of the clock. Default: 60 as OpenTelemetry
    has it, 300 in virtual time."""
    max_rows: int = 1_000_000
    """Rows that each table of the store holds; then the oldest go."""
    retention: timedelta | None = None
    """Rows older than this go too."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Options":
        """Return the options `given`; a TypeError names one that there is not."""
        known = [f.name for f in fields(cls)]
        for name in given:
            if name not in known:
                msg = f"start() has no option {name!r}; it has {', '.join(known)}"
                raise TypeError(msg)
        return cls(**given)

    def redactor(self) -> Redactor | None:
        """Return what `redact` asks for."""
        if isinstance(self.redact, Redactor):
            return self.redact
        return Redactor() if self.redact else None

    def clashes(self, other: "Options") -> bool:
        """Tell whether telemetry of both cannot run at once: they want one store or one port."""
        one_port = bool(self.prometheus_port) and self.prometheus_port == other.prometheus_port
        ours, theirs = (Path(str(one.store)).absolute() for one in (self, other))
        return one_port or (ours == theirs and ours.name != ":memory:")

    def changed(self) -> list[str]:
        """Return `name=value` of each option that is not as it is by default."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return [f"{f.name}={given[f.name]!r}" for f in fields(self) if given[f.name] != f.default]

    def __post_init__(self) -> None:
        """Check each option."""
        checks = chain(self._checks_of_what(), self._checks_of_file(), self._checks_of_where())
        for name, good, remedy in checks:
            check(name, getattr(self, name), good, remedy)

    def _checks_of_what(self) -> Iterator[tuple[str, bool, str]]:
        clock, collect = self.clock, self.collect_s
        yield "clock", clock is None or hasattr(clock, "every"), "a SystemClock or a VirtualClock"
        yield "seed", self.seed is None or isinstance(self.seed, int), "a whole number"
        named = isinstance(self.service, str) and self.service != ""
        yield "service", named, "a name, such as 'travel-desk'"
        yield "level", self.level in list(LEVELS), f"one of {', '.join(LEVELS)}"
        yield "sampling", is_share(self.sampling), "a share from 0 to 1"
        for name in ("console", "capture_content", "file_compress"):
            yield name, isinstance(getattr(self, name), bool), "True or False"
        rules = self.log_sampling
        sampled = rules is None or isinstance(rules, LogSampling)
        yield "log_sampling", sampled, "a LogSampling, such as LogSampling(levels={'debug': 0.1})"
        lost = [n for n in LEVELS if rules and n in rules.levels and LEVELS[n] < LEVELS[self.level]]
        all_of = f"level={''.join(lost[:1])!r} as well: level={self.level!r} drops all {lost} lines"
        yield "log_sampling", not lost, all_of
        yield "redact", isinstance(self.redact, bool | Redactor), "True, False or a Redactor"
        often = collect is None or (is_number(collect) and collect > 0)
        yield "collect_s", often, "seconds above 0"
        for name in ("retention", "file_every", "file_max_age"):
            span = getattr(self, name)
            good = span is None or (isinstance(span, timedelta) and span > timedelta(0))
            yield name, good, "a timedelta above zero, such as timedelta(days=7)"

    def _checks_of_file(self) -> Iterator[tuple[str, bool, str]]:
        for name in ("file_bytes", "file_backups", "max_rows"):
            yield name, is_count(getattr(self, name)), "a whole number above 0"
        if self.file is not None:
            yield "file", isinstance(self.file, str | Path), "a path, such as 'agent.log'"
            path = Path(self.file).expanduser().absolute()
            yield "file", not path.is_dir(), "the path of a file: this is a folder"
            yield "file", path.parent.is_dir(), f"another path, or create '{path.parent}' first"
        for field in fields(self) if self.file is None else ():
            usual = getattr(self, field.name) == field.default
            needless = usual or not field.name.startswith("file_")
            yield field.name, needless, f"file=… as well: {field.name} needs it"

    def _checks_of_where(self) -> Iterator[tuple[str, bool, str]]:
        port, otlp = self.prometheus_port, self.otlp
        store, rows = self.store, self.max_rows
        named = isinstance(store, str | Path | Store) and store != ""
        yield "store", named, "a path or a Store"
        ours = not isinstance(store, Store) or rows in (store.max_rows, Options.max_rows)
        yield "max_rows", ours, f"it to the store instead: Store(…, max_rows={rows})"
        served = port is None or (is_count(port, 0) and port <= 65535)
        yield "prometheus_port", served, "a port, 0 to 65535"
        address = otlp is None or str(otlp).startswith(("http://", "https://"))
        yield "otlp", address, "an address such as 'http://localhost:4318'"
        whole = "an address with a host, a port from 1 to 65535 and no /v1/… path"
        yield "otlp", otlp is None or _is_endpoint(otlp), whole


def _is_endpoint(value: str) -> bool:
    """Tell whether it has a host, a port from 1 to 65535 if any, and no path of one signal."""
    if _NO_ENDPOINT.search(value):
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
