"""A quiz: questions with one right choice, and a word on every choice, right or wrong.

>>> QUIZ = quiz("01", Question("Why a logarithm?", right="...", because="...", others={"...": "what is wrong in the thought"}))

Making one is cheap; the widget is made when it is shown. Answers go to the passport.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ldm_lab.course.progress import QUIZ, record
from ldm_lab.errors import LabError
from ldm_lab.widgets import quiz_words

if TYPE_CHECKING:
    from ldm_lab.widgets.quiz import QuizPanel

LATEX = re.compile(r"\$[^$]*\$|\\[a-zA-Z]+|\\\(")
MOST = 8  # choices; they have letters


class QuizError(LabError):
    """A question or a quiz is not well made."""


@dataclass(frozen=True)
class Question:
    """One question. `right` is right `because`; `others` are wrong choices, each with what is wrong in the thought.

    Words are plain: formulas in Unicode (√ᾱ, σ², x̂₀), code in backticks, stress in asterisks. Raises QuizError.
    """

    text: str
    right: str = field(kw_only=True)
    because: str = field(kw_only=True)
    others: Mapping[str, str] = field(kw_only=True)

    def __post_init__(self) -> None:
        where = f"question {self.text!r}"
        if not isinstance(self.others, Mapping) or not 1 <= len(self.others) < MOST:
            raise QuizError(f"{where}: others: got {self.others!r}, expected 1 to {MOST - 1} wrong choices as "
                            "{choice: feedback}")
        words = {"text": self.text, "right": self.right, "because": self.because}
        words |= {f"choice {choice!r}": choice for choice in self.others}
        words |= {f"feedback for {choice!r}": feedback for choice, feedback in self.others.items()}
        for name, value in words.items():
            if not isinstance(value, str) or not value.strip():
                raise QuizError(f"{where}: {name}: got {value!r}, expected words")
            if LATEX.search(value):
                raise QuizError(f"{where}: {name}: LaTeX is not drawn here; write formulas in Unicode, such as √ᾱ")
        plain = [" ".join(choice.lower().split()) for choice in self.choices]
        if twice := sorted({choice for choice in plain if plain.count(choice) > 1}):
            raise QuizError(f"{where}: the choice {twice[0]!r} is there twice; choices must differ")

    @property
    def choices(self) -> list[str]:
        """All choices in an order that is always the same, and as good as drawn by lot."""
        return sorted([self.right, *self.others], key=lambda choice: _lot(self.text, choice))

    def feedback(self, choice: str) -> str:
        """What is said to a choice. Raises QuizError for anything else."""
        if choice == self.right:
            return self.because
        if choice not in self.others:
            raise QuizError(f"question {self.text!r}: {choice!r} is none of its choices")
        return self.others[choice]

    def as_dict(self, place: int) -> dict:
        """As the widget takes it, with the right choice at `place` (counted round), the others in the order of `choices`."""
        shown = [choice for choice in self.choices if choice != self.right]
        shown.insert(place % (len(shown) + 1), self.right)
        return {"text": self.text, "choices": [
            {"text": choice, "feedback": _reason(self.feedback(choice)), "right": choice == self.right} for choice in shown]}


def _reason(words: str) -> str:
    """Feedback without a "Right:" or "Wrong:" of its own: the page says that already. A sentence, unless it opens with a symbol."""
    rest = re.sub(r"^(?:right|wrong)[:.,!] *", "", words, flags=re.IGNORECASE)
    if not re.match(r"a [a-z]", rest) and re.match(r"\w(?![a-z'])|\w+\(", rest):  # t = 500, x̂₀, ln(x): t is not T
        return rest
    return rest[:1].upper() + rest[1:]


def _lot(*words: object) -> bytes:
    return hashlib.sha256("\n".join(map(str, words)).encode()).digest()


class Quiz:
    """Questions of one lesson; shown as the last expression of a cell. `panel` is its widget, made on first use."""

    def __init__(self, lesson: str, questions: tuple[Question, ...]) -> None:
        self.lesson, self.questions = lesson, questions
        self._panel: QuizPanel | None = None

    @property
    def title(self) -> str:
        return f"Quiz {self.lesson}"

    @property
    def keys(self) -> list[str]:
        """The questions' names in the passport."""
        return [f"{QUIZ}{number}" for number in range(1, len(self.questions) + 1)]

    def as_dicts(self) -> list[dict]:
        """As the widget takes it. Within a quiz the right choice is in each place about equally often."""
        drawn = sorted(range(len(self)), key=lambda number: _lot(self.lesson, number))
        first = _lot(self.lesson)[0]
        return [question.as_dict(first + drawn.index(number)) for number, question in enumerate(self.questions)]

    @property
    def panel(self) -> QuizPanel:
        """The widget. Raises LabError where anywidget is not installed."""
        if self._panel is None:
            try:
                from ldm_lab.widgets.quiz import QuizPanel
            except ImportError as cause:
                raise LabError("the quiz needs anywidget to be answered: pip install 'ldm-lab[course]'") from cause
            self._panel = QuizPanel(self.as_dicts(), title=self.title)
            self._panel.observe(self._record, "answers")
        return self._panel

    @property
    def answers(self) -> list[str]:
        """The checked choice of each question, "" = open. Set it to answer from Python; raises OptionError."""
        return self.panel.answers

    @answers.setter
    def answers(self, answers: list[str]) -> None:
        self.panel.answers = answers

    @property
    def score(self) -> int:
        """How many checked choices are right."""
        return self.panel.score

    def _record(self, change) -> None:
        verdicts = zip(self.keys, self.questions, change["old"], change["new"])
        for key, question, old, new in verdicts:
            if new and new != old:
                record(self.lesson, key, question.text, "right" if new == question.right else "wrong")

    def __len__(self) -> int:
        return len(self.questions)

    def __repr__(self) -> str:
        score = "" if self._panel is None else f", {self.score} right"
        return f"Quiz({self.lesson!r}, {len(self)} questions{score})"

    def _repr_mimebundle_(self, **kwargs):
        try:
            return self.panel._repr_mimebundle_(**kwargs)
        except LabError:
            asked = self.title, self.as_dicts()
            return {"text/html": quiz_words.as_html(*asked), "text/plain": quiz_words.as_text(*asked)}


def quiz(lesson: str, *questions: Question) -> Quiz:
    """The quiz of `lesson` ("00" to "12"). Raises QuizError."""
    if not isinstance(lesson, str) or not lesson:
        raise QuizError(f'lesson: got {lesson!r}, expected its number as text, such as "01"')
    if not questions or not all(isinstance(question, Question) for question in questions):
        raise QuizError(f"quiz {lesson}: got {questions!r}, expected one Question or more")
    texts = [question.text for question in questions]
    if len(set(texts)) != len(texts):
        raise QuizError(f"quiz {lesson}: the same question is there twice")
    return Quiz(lesson, questions)
