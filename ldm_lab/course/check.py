"""Answers checked: a card that says what is right and what to try, never an exception.

Under COURSE_STRICT=1 (continuous integration, on solved notebooks) a wrong or missing answer raises instead.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ldm_lab.course.compare import compare, largest
from ldm_lab.errors import LabError


class CheckError(LabError):
    """A check failed under COURSE_STRICT=1."""


class Open:
    """What stands in for an answer that has not been given yet."""

    def __repr__(self) -> str:
        return "OPEN"


OPEN = Open()
STATES = {"right": ("#2e7d32", "Right"), "wrong": ("#c62828", "Not yet"), "todo": ("#8a6d00", "To do")}


@dataclass(frozen=True)
class Card:
    """The verdict on one answer: `state` is right, wrong or todo; `sounds` {label: (N,)} lets the difference be heard."""

    name: str
    state: str
    lines: tuple[str, ...]
    sounds: Mapping[str, Tensor] | None = None

    @property
    def passed(self) -> bool:
        return self.state == "right"

    def __repr__(self) -> str:
        return "\n".join([f"[{STATES[self.state][1]}] {self.name}", *(f"  {line}" for line in self.lines)])

    def bundle(self) -> dict[str, str]:
        """The card as HTML and as text."""
        colour, word = STATES[self.state]
        body = "".join(f"<div>{html.escape(line)}</div>" for line in self.lines)
        card = (f'<div role="status" style="border-left:5px solid {colour};padding:6px 12px;margin:4px 0">'
                f"<b>{word}: {html.escape(self.name)}</b>{body}</div>")
        return {"text/html": card, "text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.bundle(), raw=True)
        if self.sounds:
            from ldm_lab.widgets import player

            display(player(dict(self.sounds), title="Hear the error", match=False))


def verdict(name: str, state: str, *lines: str, sounds: Mapping[str, Tensor] | None = None) -> Card:
    """A Card; raises CheckError instead if it is not right and COURSE_STRICT is set."""
    card = Card(name, state, lines, sounds)
    if not card.passed and os.environ.get("COURSE_STRICT"):
        raise CheckError(repr(card))
    return card


def assert_same(mine, reference, *, tolerance: float = 1e-5, name: str = "Mine and the library's") -> Card:
    """Card: are two results equal, exactly or to `tolerance` (absolute, or relative to the largest value above 1)?

    Takes tensors, arrays, numbers, words, and tuples, lists and dicts of these.
    """
    difference = compare(mine, reference, tolerance=tolerance)
    if difference is not None:
        return verdict(name, "wrong", *difference.words)
    size = largest(mine, reference)
    return verdict(name, "right", "Equal to the last bit." if size == 0 else f"Equal: the largest difference is {size:.1e}.")
