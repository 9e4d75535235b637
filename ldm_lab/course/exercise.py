"""Exercises: what is asked, who judges, what is right in several ways and what is wrong in several ways.

The wrong answers serve twice: they name a student's likely mistake, and a test proves that each of them is caught.
"""

from __future__ import annotations

import contextlib
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ldm_lab.audio.mel import log_mel, mel_frequencies
from ldm_lab.course import progress
from ldm_lab.course.check import OPEN, Card, Open, verdict
from ldm_lab.course.compare import Difference, compare, fresh
from ldm_lab.errors import LabError, OptionError

FRAME = 0.01  # seconds between log-mel columns


class StillOpen(LabError):
    """The answer has not been written yet."""


@dataclass(frozen=True)
class Finding:
    """What a judge found: is it right, what to say, and what to hear."""

    right: bool
    lines: tuple[str, ...] = ()
    sounds: Mapping[str, Tensor] | None = None


@dataclass(frozen=True)
class Exercise:
    """One exercise of lesson `lesson` ("01"), known as `key`.

    reference: a right answer, with which the lesson goes on if the student's is not right. right: {words: other right
    answer}. wrong: {words: wrong answer}; the words complete "This is what comes out of ...".
    judge: ``(exercise, answer) -> Finding``: `same_function(...)`, `same_value(...)`, `choices(...)` or `custom(...)`.
    """

    lesson: str
    key: str
    title: str
    reference: object
    judge: Callable[[Exercise, object], Finding]
    right: Mapping[str, object]
    wrong: Mapping[str, object]
    todo: str = "Fill in the cell above, run it, and run this one again."
    then: str = ""  # said when it is right: what it is good for

    def __post_init__(self) -> None:
        if len(self.wrong) < 3 or not self.right:
            raise OptionError(f"exercise {self.lesson} {self.key}: got {len(self.right)} other right and {len(self.wrong)} wrong "
                              "answers, expected at least 1 and 3")

    @property
    def names_mistakes(self) -> bool:
        """Does the judge know which of the wrong answers an answer equals?"""
        return getattr(self.judge, "names_mistakes", False)

    def find(self, answer: object) -> tuple[str, Finding]:
        """(state, Finding) of an answer; whatever the student's code does, nothing is raised."""
        if is_open(answer):
            return "todo", Finding(False, (self.todo,))
        try:
            found = self.judge(self, answer)
        except StillOpen:
            return "todo", Finding(False, (self.todo,))
        except Exception as error:  # student code may fail in any way; that is an answer too
            return "wrong", Finding(False, (f"Your code stopped with {type(error).__name__}: {error}", *_where(error)))
        return ("right" if found.right else "wrong"), found

    def check(self, answer: object) -> Card:
        """The card of an answer; it is written into the passport."""
        state, found = self.find(answer)
        progress.record(self.lesson, self.key, self.title, state)
        lines = (*found.lines, *([self.then] if found.right and self.then else []))
        return verdict(self.title, state, *lines, sounds=found.sounds)

    def use(self, answer):
        """The answer if it is right, else the reference: a lesson goes on either way."""
        return answer if self.find(answer)[0] == "right" else self.reference


def is_open(answer: object) -> bool:
    """No answer yet: OPEN, None, `...`, or a collection of nothing else."""
    if answer is None or answer is ... or isinstance(answer, Open):
        return True
    if isinstance(answer, Mapping):
        return all(is_open(value) for value in answer.values())
    return isinstance(answer, (list, tuple)) and all(is_open(value) for value in answer)


def call(answer: object, *arguments, **named):
    """What a student's function returns; raises StillOpen while that is OPEN, TypeError if it is no function or gives None."""
    if not callable(answer):
        raise TypeError(f"got {type(answer).__name__}, expected a function; give its name without brackets")
    result = answer(*fresh(arguments), **named)
    if result is None:
        raise TypeError("the function returned None; is a `return` missing?")
    if is_open(result) and not (isinstance(result, (list, tuple, dict)) and not result):
        raise StillOpen("open")
    return result


def _where(error: Exception) -> tuple[str, ...]:
    """The line of the student's own code where it stopped: a cell's frames come from no file of this library."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "ipykernel" in frame.filename or frame.filename.startswith("<")]
    return (f"In line {frames[-1].lineno} of your cell: {frames[-1].line or frames[-1].name}",) if frames else ()


def same_function(cases: Sequence[tuple] | Callable[[], Sequence[tuple]], *, tolerance: float = 1e-5, relative: bool = False,
                  sound: Callable[[object], Tensor] | None = None) -> Callable[[Exercise, object], Finding]:
    """Judge of a function: it must give what the reference gives on all `cases` (argument tuples, or a maker of them).

    sound: turns an output into a waveform (N,) at 16 kHz, so that a wrong answer can be heard beside the right one.
    """

    def judge(exercise: Exercise, answer: object) -> Finding:
        known = cases() if callable(cases) else cases
        for number, arguments in enumerate(known):
            got = call(answer, *arguments)
            expected = call(exercise.reference, *arguments)
            difference = compare(got, expected, tolerance=tolerance, relative=relative)
            if difference is not None:
                told = (f"Trial {number + 1} of {len(known)}: {_arguments(answer, arguments)}.",) if len(known) > 1 else ()
                named = _likely(exercise, lambda function: [call(function, *case) for case in known], answer, tolerance, relative)
                heard, words = _hear(difference, got, expected, sound)
                return Finding(False, (*told, *difference.words, *words, *named), heard)
        return Finding(True, (f"As the reference gives in {len(known)} trial{'s' * (len(known) > 1)}, to {tolerance:g}.",))

    judge.names_mistakes = True
    return judge


def same_value(*, tolerance: float = 0.0, relative: bool = False,
               sound: Callable[[object], Tensor] | None = None) -> Callable[[Exercise, object], Finding]:
    """Judge of a value: numbers, words, tensors, and collections of them, equal to the reference to `tolerance`."""

    def judge(exercise: Exercise, answer: object) -> Finding:
        difference = compare(answer, exercise.reference, tolerance=tolerance, relative=relative)
        if difference is None:
            return Finding(True)
        named = _likely(exercise, lambda value: value, answer, tolerance, relative)
        heard, words = _hear(difference, answer, exercise.reference, sound)
        # The value is the answer: what was expected stays hidden.
        shown = () if difference.expected is not None and difference.expected.ndim == 0 else difference.words
        return Finding(False, (*(shown or (f"Got {_short(answer)}; that is not it.",)), *words, *named), heard)

    judge.names_mistakes = True
    return judge


def choices(key: Mapping[str, str], options: Sequence[str], feedback: Mapping[tuple[str, str], str],
            ) -> Callable[[Exercise, object], Finding]:
    """Judge of a mapping of questions to choices, such as {"A": "vocoder", "B": "clap"}.

    key: the right choice of each question; feedback[question, choice]: what to say to a wrong choice.
    """

    def judge(exercise: Exercise, answer: object) -> Finding:
        if not isinstance(answer, Mapping):
            return Finding(False, (f"Got {_short(answer)}, expected a dict with {', '.join(map(repr, key))}.",))
        lines = []
        for question, right in key.items():
            said = answer.get(question, OPEN)
            if is_open(said):
                lines.append(f"{question}: still open. Choose one of: {', '.join(options)}.")
            elif said == right:
                lines.append(f"{question}: right, {right}.")
            elif said not in options:
                lines.append(f"{question}: {said!r} is not one of: {', '.join(options)}.")
            else:
                lines.append(f"{question}: not {said}. {feedback.get((question, str(said)), 'Look and listen again.')}")
        return Finding(all(answer.get(question) == right for question, right in key.items()), tuple(lines))

    return judge


def custom(function: Callable[[object], object]) -> Callable[[Exercise, object], Finding]:
    """Judge by a function of the answer: it returns None if that is right, else one or several lines of what is wrong."""

    def judge(exercise: Exercise, answer: object) -> Finding:
        told = function(answer)
        return Finding(told is None, () if told is None else (told,) if isinstance(told, str) else tuple(told))

    return judge


def _likely(exercise: Exercise, outcome: Callable[[object], object], answer: object, tolerance: float, relative: bool) -> tuple[str, ...]:
    """The known mistake whose outcome is that of `answer`, on all trials together: on one alone two mistakes may agree."""
    with contextlib.suppress(Exception):  # the answer may fail on a later trial; then it is none of them
        given = outcome(answer)
        for words, wrong in exercise.wrong.items():
            with contextlib.suppress(Exception):  # so may a wrong one
                if compare(given, outcome(wrong), tolerance=max(tolerance, 1e-9), relative=relative) is None:
                    return (f"This is what comes out of {words}.",)
    return ()


def _hear(difference: Difference, got: object, expected: object, sound: Callable[[object], Tensor] | None,
          ) -> tuple[dict[str, Tensor] | None, tuple[str, ...]]:
    """Yours, expected and residual as sounds, and where in time and frequency they differ most."""
    if sound is None or difference.got is None:
        return None, ()
    mine, theirs = (torch.as_tensor(sound(value)).detach().float().reshape(-1).nan_to_num(0.0) for value in (got, expected))
    if mine.shape != theirs.shape or mine.numel() < 1600:
        return None, ()
    residual = mine - theirs
    gap = (log_mel(mine[None])[0].exp() - log_mel(theirs[None])[0].exp()).abs()
    frame, band = divmod(int(gap.argmax()), gap.shape[1])
    hertz = float(mel_frequencies()[band + 1])
    top = max(1.0, *(float(wav.abs().max()) for wav in (mine, theirs, residual)))
    sounds = {"yours": mine / top, "expected": theirs / top, "residual": residual / top}
    return sounds, (f"They differ most at {frame * FRAME:.2f} s, near {hertz:.0f} Hz. Listen: yours, expected, and the residual.",)


def _arguments(answer: Callable, arguments: tuple) -> str:
    """A trial's arguments, by the names that the student's function gives them."""
    try:
        names = [f"{name} = " for name in inspect.signature(answer).parameters]
    except (TypeError, ValueError):
        names = []
    names = names if len(names) == len(arguments) else [""] * len(arguments)
    return ", ".join(name + _short(value) for name, value in zip(names, arguments))


def _short(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{value.item():.6g}" if value.ndim == 0 else f"a tensor of shape {tuple(value.shape)}"
    if inspect.isroutine(value):
        return "a function"
    words = repr(value)
    return words if len(words) <= 80 else words[:77] + "..."
