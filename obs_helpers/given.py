"""What a caller gives, checked: the error names the value and the remedy."""

import math


def check(name: str, value: object, good: bool, remedy: str) -> None:
    """Raise a ValueError that names `value` and the `remedy`, unless it is `good`."""
    if not good:
        msg = f"{name}={value!r} does not work; give {remedy}"
        raise ValueError(msg)


def is_count(value: object, least: int = 1) -> bool:
    """Tell whether `value` is a whole number from `least` up."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """Tell whether `value` is a finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_share(value: object) -> bool:
    """Tell whether `value` is a number from 0 to 1."""
    return isinstance(value, int | float) and is_number(value) and 0 <= value <= 1
