"""Check of the dashboard's live numbers: they follow a selector and a button."""

from collections.abc import Iterator, Sequence
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

from obs_helpers.checks.dashboard_numbers import Question
from obs_helpers.checks.sandbox import call
from obs_helpers.checks.states import Wrong, expect
from obs_helpers.clock import Chance

if TYPE_CHECKING:
    pass


def live(answer: Question) -> None:
    """Check that the text follows the selector, with fresh numbers, and so does the button."""
    import ipywidgets as widgets

    least, middle, most = sorted(Chance().stream().sample(range(5, 60, 5), 3))
    minutes = [middle, most, least]  # the order that is asked for, and no other one
    source = _Source()
    root = call(answer, minutes, source)
    expect(root is not None, "It gave None: did you forget a `return`? Return a widget")
    text = f"It gave {type(root).__name__}: return one widget that holds the others"
    expect(isinstance(root, widgets.Widget), text)
    parts = list(_parts(root))
    try:
        _check_following(parts, minutes, source)
    finally:
        for part in parts:
            part.close()


class _Source:
    """Gives other numbers each time, as a store does in which telemetry arrives."""

    def __init__(self) -> None:
        self.draw = Chance().stream()
        self.said: list[tuple[int, str]] = []
        self.before: list[tuple[int, str]] = []

    def __call__(self, minutes: int) -> str:
        text = f"`numbers` was called with {minutes!r}: it takes minutes, as a number"
        expect(isinstance(minutes, Real), text)
        text = f"{self.draw.randrange(10**6, 10**7)} requests in {minutes} min"
        self.said.append((int(minutes), text))
        return text

    def __repr__(self) -> str:
        return "numbers"

    def forget(self) -> None:
        """Take what was said until now for old."""
        self.before += self.said
        self.said = []


def _parts(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _parts(child)


def _check_following(parts: list[Any], minutes: Sequence[int], source: _Source) -> None:
    selectors = [part for part in parts if part.has_trait("options")]
    names = ", ".join(type(part).__name__ for part in parts)
    text = f"There is no widget to select from (with `options`) in what you return: {names}"
    expect(selectors, text)
    selector, buttons = selectors[0], [part for part in parts if hasattr(part, "click")]
    count = len(selector.options)
    text = f"The selector has {count} options, and {len(minutes)} windows were given"
    expect(count == len(minutes), text)
    expect(source.said, "Before anything is selected there are no numbers: show them at once")
    text = "At first no window is selected: one of them has to be, and its numbers are shown"
    expect(selector.index is not None, text)
    first, *others = sorted(range(count), key=lambda n: n != selector.index)
    _check_shown(parts, source, minutes[first], "At first")
    for index in (others[0], first, *others[1:]):
        source.forget()
        _do(f"selecting {minutes[index]} min", partial(setattr, selector, "index", index))
        _check_shown(parts, source, minutes[index], f"After selecting {minutes[index]} min")
    text = f"There is no Button in what you return: {names}; new telemetry would not be seen"
    expect(buttons, text)
    source.forget()
    _do("a click on the button", partial(_click, buttons[0]))
    expect(source.said, "After a click, `numbers` was not asked: tell the button what to call")
    _check_shown(parts, source, minutes[others[-1]], "After a click on the button")


def _do(what: str, act: partial[None]) -> None:
    """Call what raises if a callback of the learner's does, and name it in the message."""
    act.__name__ = f"{what}: your callback"  # type: ignore[attr-defined]
    call(act)


def _click(button: Any) -> None:
    """Click; `button.click()` prints what a callback raises, and goes on."""
    for callback in button._click_handlers.callbacks:
        callback(button)


def _check_shown(parts: list[Any], source: _Source, minutes: int, when: str) -> None:
    """Check that new numbers of the selected window are shown, and no old ones."""
    shown = _texts(parts)
    old = any(text in shown and asked == minutes for asked, text in source.before)
    text = "`numbers` was not asked again: numbers from before are old by now"
    expect(source.said or not old, f"{when}, {text}")
    expect(source.said, f"{when}, nothing changes: tell the selector what to call")
    asked = {window for window, text in source.said if text in shown}
    if minutes in asked:
        text = f"{when}, numbers from before are shown, too: put the new text in their place"
        expect(not any(old in shown for _, old in source.before), text)
        return
    text = f"{when}, yours shows the numbers of {min(asked, default=0)} min, and the option for "
    expect(not asked, f"{text}{minutes} min is selected: options are in the order of `minutes`")
    output = any(type(part).__name__ == "Output" for part in parts)
    more = "; text goes into the `value` of a widget, not into an Output" if output else ""
    raise Wrong(f"{when}, the newest text of `numbers` is in no widget's `value`{more}")


def _texts(parts: list[Any]) -> str:
    values = [getattr(part, "value", "") for part in parts if not part.has_trait("options")]
    return "\n".join(value for value in values if isinstance(value, str))
