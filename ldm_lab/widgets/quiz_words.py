"""A quiz where no widgets run: HTML that folds open choice by choice, and plain words. No package is needed."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

RIGHT, WRONG = "Right.", "Not this one."


def as_html(title: str, questions: Sequence[Mapping]) -> str:
    """The questions as a list; each choice is a fold that says whether it is right, and why."""
    items = "".join(_item(question) for question in questions)
    hint = "Decide first, then open your choice to see whether it is right."
    return f"<div><p><b>{html.escape(title)}</b><br>{hint}</p><ol>{items}</ol></div>"


def _item(question: Mapping) -> str:
    folds = "".join(
        f"<details><summary>{_rich(choice['text'])}</summary>"
        f"<blockquote><b>{RIGHT if choice['right'] else WRONG}</b> {_rich(choice['feedback'])}</blockquote></details>"
        for choice in question["choices"])
    return f"<li><p>{_rich(question['text'])}</p>{folds}</li>"


def _rich(words: str) -> str:
    """Escaped; what stands in backticks is code, in asterisks it is stressed."""
    parts = re.split(r"(`[^`]+`|\*[^\s*](?:[^*]*[^\s*])?\*)", words)
    tags = {"`": "code", "*": "em"}
    return "".join(f"<{tags[part[0]]}>{html.escape(part[1:-1])}</{tags[part[0]]}>" if i % 2 else html.escape(part)
                   for i, part in enumerate(parts))


def as_text(title: str, questions: Sequence[Mapping], answers: Sequence[str] = ()) -> str:
    """Title, questions and lettered choices; a star marks the choice that was checked. The answers are not told."""
    lines = [title]
    for number, question in enumerate(questions, 1):
        lines += ["", f"{number}. {question['text']}"]
        given = answers[number - 1] if number <= len(answers) else ""
        lines += [f"  {'*' if choice['text'] == given else ' '} {letter}) {choice['text']}"
                  for letter, choice in zip("ABCDEFGH", question["choices"])]
    return "\n".join(lines)
