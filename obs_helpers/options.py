"""The options of `start()`, each checked before anything is started."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from obs_helpers.clock import Clock
from obs_helpers.signals.logs import LEVELS
from obs_helpers.signals.redaction import Redactor
from obs_helpers.store import Store


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
    """Write log lines to this file, rotated at `file_bytes`, `file_backups` old ones kept."""
    file_bytes: int = 10_000_000
    file_backups: int = 5
    prometheus_port: int | None = None
    """Serve metrics for Prometheus on this port of 127.0.0.1."""
    otlp: str | None = None
    """Send everything to this OTLP/HTTP endpoint as well, e.g. `http://localhost:4318`."""
    sampling: float = 1.0
    """Share of traces that are kept, 0 to 1. Logs and metrics are always whole."""
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

    def __post_init__(self) -> None:
        """Check each option."""
        _require(
            isinstance(self.store, str | Path | Store), "store", self.store, "a path or a Store"
        )
        _require(
            self.clock is None or hasattr(self.clock, "every"),
            "clock", self.clock, "a SystemClock or a VirtualClock",
        )  # fmt: skip
        _require(
            self.seed is None or isinstance(self.seed, int), "seed", self.seed, "a whole number"
        )
        named = isinstance(self.service, str) and self.service != ""
        _require(named, "service", self.service, "a name, such as 'travel-desk'")
        _require(self.level in LEVELS, "level", self.level, f"one of {', '.join(LEVELS)}")
        share = self.sampling
        _require(_is_number(share) and 0 <= share <= 1, "sampling", share, "a share from 0 to 1")
        for name in ("console", "capture_content"):
            value = getattr(self, name)
            _require(isinstance(value, bool), name, value, "True or False")
        wanted = self.redact
        _require(isinstance(wanted, bool | Redactor), "redact", wanted, "True, False or a Redactor")
        file = self.file
        _require(
            file is None or (Path(file).absolute().parent.is_dir() and not Path(file).is_dir()),
            "file", file, "a file in a folder that is there",
        )  # fmt: skip
        for name in ("file_bytes", "file_backups", "max_rows"):
            value = getattr(self, name)
            _require(isinstance(value, int) and value > 0, name, value, "a whole number above 0")
        collect = self.collect_s
        _require(
            collect is None or (_is_number(collect) and collect > 0),
            "collect_s", collect, "seconds above 0",
        )  # fmt: skip
        port = self.prometheus_port
        _require(
            port is None or (isinstance(port, int) and 0 <= port <= 65535),
            "prometheus_port", port, "a port, 0 to 65535",
        )  # fmt: skip
        otlp = self.otlp
        _require(
            otlp is None or str(otlp).startswith(("http://", "https://")),
            "otlp", otlp, "an address such as 'http://localhost:4318'",
        )  # fmt: skip
        keep = self.retention
        _require(
            keep is None or (isinstance(keep, timedelta) and keep > timedelta(0)),
            "retention", keep, "a timedelta above zero, such as timedelta(days=7)",
        )  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(condition: bool, name: str, value: object, remedy: str) -> None:
    if not condition:
        msg = f"{name}={value!r} does not work; give {remedy}"
        raise ValueError(msg)
