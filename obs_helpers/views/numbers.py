"""Numbers as people read them, each with its unit; what is missing is a hyphen, never a 0."""

from datetime import datetime
from decimal import Decimal

MISSING = "-"


def seconds(value: float | None) -> str:
    """Return a duration such as `1.37 s`."""
    if value is None:
        return MISSING
    digits = 3 if value < 0.1 else 2 if value < 10 else 1
    return f"{value:,.{digits}f} s"


def percent(value: float | None) -> str:
    """Return a share such as `0.52 %`."""
    if value is None:
        return MISSING
    return f"{value:.3g} %" if value < 10 else f"{value:.1f} %"


def count(value: int | None) -> str:
    """Return a whole number such as `7,200`."""
    return MISSING if value is None else f"{value:,}"


def short(value: float | None) -> str:
    """Return a number with three digits, such as `125K` or `7.79M`."""
    if value is None:
        return MISSING
    for size, name in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if value >= 0.9995 * size:
            return f"{_three(value / size)}{name}"
    return _three(value)


def usd(value: Decimal | float | None) -> str:
    """Return an amount such as `$69.47`; small ones keep four digits behind the point."""
    if value is None:
        return MISSING
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def stretch(duration_s: float) -> str:
    """Return how long it is in the largest unit that fits, such as `24 h` or `10 min`."""
    for size, name in ((3600, "h"), (60, "min")):
        if duration_s >= size:
            return f"{duration_s / size:.3g} {name}"
    return f"{duration_s:.3g} s"


def moment(at: datetime | None) -> str:
    """Return a time of the store, such as `2026-01-06 14:30:00 UTC`."""
    return MISSING if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def change(now: float | None, before: float | None) -> str:
    """Return by how much a number has changed, such as `+12 %`."""
    if now is None or before is None:
        return "no comparison"
    if not before:
        return "was 0" if now else "no change"
    return f"{100 * (now - before) / before:+.0f} %"


def _three(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 or value == int(value) else f"{value:.3g}"
