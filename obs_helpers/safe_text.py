"""Text from models and users, made safe to show: nothing in it can move, hide or hide others."""


def one_line(text: str, limit: int = 80) -> str:
    """Return `text` as one line of at most `limit` characters.

    What is not printable becomes `�`: line breaks, the codes that colour a terminal, marks
    that turn the direction of writing. What is too long ends in `…`.
    """
    shown = visible(text[: limit + 1]).replace("\n", "�")
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def visible(text: str) -> str:
    """Return `text` with `�` for all that is neither printable nor a line break."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)
