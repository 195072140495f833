"""HTML for notebooks and files, from templates in which everything is text.

What is shown may come from a model or a user. So each value that a template prints is
escaped, cut, and rid of invisible characters here, and no template can forget it.
"""

from functools import lru_cache
from typing import Any

import jinja2
from markupsafe import Markup

from obs_helpers.safe_text import visible

MAX_SHOWN = 4_000
"""Characters shown of one value; more is cut and marked."""


def render(template: str, **values: Any) -> Markup:
    """Return the file `template` of `views/templates`, filled with `values`.

    Raises:
        jinja2.UndefinedError: the template uses a value that is not given.
    """
    return Markup(_environment().get_template(template).render(values))


def shown(value: Any) -> Any:
    """Return `value` as it may stand in a page; what is `Markup` already passes."""
    if isinstance(value, Markup | int | float):
        return value
    if value is None:
        return "-"
    text = str(value)
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]} … {len(text) - MAX_SHOWN:,} more characters"
    return visible(text)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("obs_helpers.views"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
