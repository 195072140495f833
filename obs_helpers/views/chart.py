"""A picture with its text: what a chart shows must not be lost on who cannot see it."""

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = 64
"""Colours in a picture: a chart needs no more, and takes a third of the space in a notebook."""


class Chart:
    """A matplotlib figure as a cell's value, with alt text.

    Front ends show the picture; text-only ones, and tests, get the words.
    """

    def __init__(self, figure: "Figure", alt: str) -> None:
        """Draw `figure` now.

        Args:
            figure: It is closed, so that the notebook does not show it a second time.
            alt: What the picture shows, with the number that matters.

        Raises:
            ValueError: `alt` has fewer than four words.
        """
        import matplotlib.pyplot as plt
        from PIL import Image  # comes with matplotlib

        if len(alt.split()) < 4:
            msg = f"alt={alt!r} is too short; say what the chart shows, in four words or more"
            raise ValueError(msg)
        self.alt = alt
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=80, bbox_inches="tight")
        plt.close(figure)
        drawn = Image.open(buffer).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
        drawn.save(small := io.BytesIO(), "png", optimize=True)
        self.png = small.getvalue()

    def __repr__(self) -> str:
        """Return the words."""
        return f"Chart: {self.alt}"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {"image/png": self.png, "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt}}
