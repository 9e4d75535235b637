"""QuizPanel: questions with one right choice each, and a word on every choice. It works while the kernel is busy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anywidget
import traitlets

from ldm_lab.errors import OptionError, unknown
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.quiz_words import as_html, as_text


class QuizPanel(anywidget.AnyWidget):
    """Radio buttons and a Check button for each question; feedback comes on Check, never while arrow keys move.

    questions: [{"text", "choices": [{"text", "feedback", "right"}]}] in the order they are shown. Traits: `answers`, one
    text of a choice for each question as it was last checked ("" = open), read and set; `score`, how many of them are
    right (only read). Raises OptionError for answers that are no choices.
    """

    _esm = esm("quiz")
    _css = css("lab", "quiz")

    title = traitlets.Unicode("Quiz").tag(sync=True)
    questions = traitlets.List(traitlets.Dict()).tag(sync=True)
    answers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    score = traitlets.Int(0).tag(sync=True)

    def __init__(self, questions: Sequence[Mapping], *, title: str = "Quiz", answers: Sequence[str] | None = None) -> None:
        questions = [dict(question) for question in questions]
        super().__init__(questions=questions, title=title)
        self.answers = [""] * len(questions) if answers is None else list(answers)

    @traitlets.validate("answers")
    def _are_choices(self, proposal) -> list[str]:
        answers = list(proposal["value"])
        if len(answers) != len(self.questions):
            raise OptionError(f"answers: got {len(answers)}, expected one for each of {len(self.questions)} questions "
                              '("" = open)')
        for question, given in zip(self.questions, answers):
            options = [choice["text"] for choice in question["choices"]]
            if given and given not in options:
                raise OptionError(f"{question['text']}: {unknown('choice', given, options)}")
        return answers

    @traitlets.observe("answers")
    def _count(self, _) -> None:
        self.score = sum(self.right())

    def right(self) -> list[bool]:
        """Of each question: is the checked choice the right one?"""
        return [any(choice["right"] and choice["text"] == given for choice in question["choices"])
                for question, given in zip(self.questions, self.answers)]

    def text(self) -> str:
        """Questions and choices in plain words."""
        return as_text(self.title, self.questions, self.answers)

    def __repr__(self) -> str:
        return f"QuizPanel({self.title}: {self.score} of {len(self.questions)} right)"

    def _repr_mimebundle_(self, **kwargs):
        shown = super()._repr_mimebundle_(**kwargs)
        data, metadata = shown if isinstance(shown, tuple) else (shown or {}, {})
        return {**data, "text/html": as_html(self.title, self.questions), "text/plain": self.text()}, metadata
