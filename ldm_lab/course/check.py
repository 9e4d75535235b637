"""Answers to exercises, checked: a card that says what is right and what to try, never an exception.

Under COURSE_STRICT=1 (continuous integration, on solved notebooks) a wrong or missing answer raises instead.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass

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
    """The verdict on one exercise: `state` is right, wrong or todo."""

    name: str
    state: str
    lines: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.state == "right"

    def __repr__(self) -> str:
        return "\n".join([f"[{STATES[self.state][1]}] {self.name}", *(f"  {line}" for line in self.lines)])

    def _repr_mimebundle_(self, **kwargs) -> dict[str, str]:
        colour, word = STATES[self.state]
        body = "".join(f"<div>{html.escape(line)}</div>" for line in self.lines)
        card = (f'<div role="status" style="border-left:5px solid {colour};padding:6px 12px;margin:4px 0">'
                f"<b>{word}: {html.escape(self.name)}</b>{body}</div>")
        return {"text/html": card, "text/plain": repr(self)}


def verdict(name: str, state: str, *lines: str) -> Card:
    """A Card; raises CheckError instead if it is not right and COURSE_STRICT is set."""
    card = Card(name, state, lines)
    if not card.passed and os.environ.get("COURSE_STRICT"):
        raise CheckError(repr(card))
    return card


def choices(name: str, given: object, *, key: Mapping[str, str], options: tuple[str, ...],
            feedback: Mapping[tuple[str, str], str]) -> Card:
    """Check a mapping of questions to choices, such as {"A": "vocoder", "B": "clap"}.

    key: the right choice of each question; feedback[question, choice]: what to say to a wrong choice.
    """
    if given is OPEN or not isinstance(given, Mapping) or all(value is OPEN for value in given.values()):
        return verdict(name, "todo", f"Choose for each of {', '.join(key)} one of: {', '.join(options)}.")
    lines, right = [], 0
    for question, answer in key.items():
        said = given.get(question, OPEN)
        if said is OPEN:
            lines.append(f"{question}: still open.")
        elif said == answer:
            right += 1
            lines.append(f"{question}: right, {answer}.")
        elif said not in options:
            lines.append(f"{question}: {said!r} is not one of: {', '.join(options)}.")
        else:
            lines.append(f"{question}: not {said}. {feedback.get((question, str(said)), 'Listen again, with the map beside you.')}")
    return verdict(name, "right" if right == len(key) else "wrong", *lines)
