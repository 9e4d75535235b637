"""Every exercise of every lesson, mutation-tested; and what cards, judges and comparisons say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ldm_lab.course import assert_same, check, synth
from ldm_lab.course.check import OPEN
from ldm_lab.course.compare import compare
from ldm_lab.course.exercise import Exercise, call, custom, same_function, same_value
from ldm_lab.course.lessons import exercises
from ldm_lab.errors import OptionError

ALL = exercises()
WRONG = [pytest.param(exercise, words, id=f"{exercise.lesson}-{exercise.key}-{words[:40]}") for exercise in ALL for words in exercise.wrong]
RIGHT = [pytest.param(exercise, words, id=f"{exercise.lesson}-{exercise.key}-{words[:40]}") for exercise in ALL for words in exercise.right]


def named(exercise: Exercise) -> str:
    return f"{exercise.lesson}-{exercise.key}"


def test_names_are_unique():
    assert len({named(exercise) for exercise in ALL}) == len(ALL)


@pytest.mark.parametrize("exercise", ALL, ids=named)
def test_the_reference_is_right_and_no_answer_is_a_task(exercise):
    assert exercise.check(exercise.reference).passed
    assert exercise.check(OPEN).state == "todo"
    if callable(exercise.reference):
        assert exercise.check(lambda *a, **k: OPEN).state == "todo"
    assert exercise.use(OPEN) is exercise.reference


@pytest.mark.parametrize(("exercise", "words"), RIGHT)
def test_another_right_answer_is_right(exercise, words):
    answer = exercise.right[words]
    card = exercise.check(answer)
    assert card.passed, repr(card)
    assert answer is not exercise.reference


@pytest.mark.parametrize(("exercise", "words"), WRONG)
def test_a_wrong_answer_is_not_right_and_gets_a_reason(exercise, words):
    card = exercise.check(exercise.wrong[words])
    assert card.state == "wrong", repr(card)
    assert "".join(card.lines).count(" ") >= 3
    if exercise.names_mistakes:
        assert f"This is what comes out of {words}." in card.lines


# --- the machinery ---


def double(x):
    return 2 * x


@pytest.fixture
def doubling() -> Exercise:
    return Exercise("01", "double", "Twice", reference=double, judge=same_function([(torch.arange(5.0),), (torch.tensor(-3.0),)]),
                    right={"by adding": lambda x: x + x},
                    wrong={"adding two": lambda x: x + 2, "squaring": lambda x: x * x, "doing nothing": lambda x: x})


@pytest.mark.parametrize("answer", [OPEN, None, ..., lambda x: OPEN, lambda x: ...])
def test_open_answers(doubling, answer):
    assert doubling.check(answer).state == "todo"


@pytest.mark.parametrize(("answer", "words"), [
    (lambda x: x / 0 if isinstance(x, int) else 1 / 0, "ZeroDivisionError: division by zero"),
    (lambda x: None, "is a `return` missing"),
    (3, "expected a function"),
    (lambda x: x[:2] if x.ndim else x, "Got shape (2,), expected (5,)"),
    (lambda x: 3 * double(x), "All your numbers are 3 times the expected ones"),
    (lambda x: double(x) + 0.5, "plus 0.5"),
    (lambda x: double(x) * (1 + 5e-5), "They are close: the largest difference is"),
    (lambda x: 3 * double(x), "Trial 1 of 2: x = a tensor of shape (5,)."),
    (lambda x: x / 0 * 0, "not finite"),
    (lambda x: "four", "Got 'four', expected a tensor"),
    (lambda x: x.sort(descending=True).values * 2 if x.ndim else x, "reverse order"),
])
def test_cards_say_what_is_wrong(doubling, answer, words):
    card = doubling.check(answer)
    assert card.state == "wrong"
    assert words in repr(card)
    assert doubling.use(answer) is double


def test_a_trial_names_a_function_in_words():
    asked = Exercise("01", "twice", "Twice", reference=lambda f, x: f(f(x)), judge=same_function([(double, 1.0), (double, 2.0)]),
                     right={"twice over": lambda f, x: f(f(x))},
                     wrong={"once": lambda f, x: f(x), "never": lambda f, x: x, "too often": lambda f, x: f(f(f(x)))})
    assert "Trial 1 of 2: f = a function, x = 1.0." in repr(asked.check(lambda f, x: f(x)))
    assert "Trial 1 of 2: a function, 1.0." in repr(asked.check(lambda *both: 0.0))


def test_an_error_in_a_cell_names_its_line(doubling):
    scope: dict = {}
    exec(compile("def broken(x):\n    y = x + 1\n    return y.nonsense\n", "<ipython-input-7>", "exec"), scope)
    assert "In line 3 of your cell" in repr(doubling.check(scope["broken"]))


def test_a_function_that_changes_its_input_spoils_nothing(doubling):
    def greedy(x):
        x.zero_()
        return x

    assert not doubling.check(greedy).passed
    assert doubling.check(lambda x: x.mul_(2)).passed
    assert doubling.check(double).passed


def test_a_wrong_sound_can_be_heard_and_is_placed():
    bell = synth.bell(440, 1.0)
    late = torch.cat([bell[:8000], bell[8000:] + synth.tone(2000, 0.5)]).clamp(-1, 1)
    exercise = Exercise("01", "heard", "Heard", reference=lambda: bell, judge=same_function([()], sound=lambda wav: wav),
                        right={"a copy": lambda: bell.clone()},
                        wrong={"a tone": lambda: late, "silence": lambda: 0 * bell, "half": lambda: bell / 2})
    card = exercise.check(lambda: late)
    assert list(card.sounds) == ["yours", "expected", "residual"]
    residual = card.sounds["residual"]
    assert residual[:8000].abs().max() == 0
    assert residual.abs().max() <= 1
    words = card.lines[-2]
    place, hertz = float(words.split("at ")[1].split(" s")[0]), float(words.split("near ")[1].split(" Hz")[0])
    assert place >= 0.47
    assert hertz == pytest.approx(2000, rel=0.1)


def test_a_card_shows_itself_as_html_and_as_player(monkeypatch, doubling):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda value, **kwargs: shown.append(value))
    check.Card("A <b> card", "wrong", ("x & y",), {"yours": synth.tone(440, 0.5)})._ipython_display_()
    assert "&lt;b&gt;" in shown[0]["text/html"]
    assert "x &amp; y" in shown[0]["text/html"]
    assert shown[0]["text/plain"].startswith("[Not yet] A <b> card")
    assert "yours" in [version["label"] for version in shown[1].versions]


def test_values_keep_the_answer_hidden():
    exercise = Exercise("01", "value", "A number", reference=7.5, judge=same_value(tolerance=0.01), right={"nearly": 7.505},
                        wrong={"dropping the half": 7, "doubling": 15.0, "forgetting the sign": -7.5})
    card = exercise.check(9)
    assert "7.5" not in repr(card)
    assert "Got 9" in repr(card)
    assert "dropping the half" in repr(exercise.check(7.0))


def test_custom_judges_may_say_several_things_and_stay_open():
    def judge(answer):
        return None if call(answer, 2) == 4 else ["First line.", "Second line."]

    exercise = Exercise("01", "own", "Own", reference=double, judge=custom(judge), right={"power": lambda x: x**2},
                        wrong={"a": lambda x: x, "b": lambda x: 0, "c": lambda x: -x})
    assert exercise.check(lambda x: 5).lines == ("First line.", "Second line.")
    assert exercise.check(lambda x: OPEN).state == "todo"


def test_an_exercise_needs_wrong_and_other_right_answers():
    with pytest.raises(OptionError, match="expected at least 1 and 3"):
        Exercise("01", "thin", "Thin", reference=1, judge=same_value(), right={}, wrong={"a": 2})


def test_strict_mode_raises(monkeypatch, doubling):
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert doubling.check(double).passed
    for answer, words in ((lambda x: x, "Not yet"), (OPEN, "To do")):
        with pytest.raises(check.CheckError, match=words):
            doubling.check(answer)
    with pytest.raises(check.CheckError):
        assert_same(torch.ones(2), torch.zeros(2))


def test_same_or_not():
    assert "last bit" in repr(assert_same(torch.ones(3), np.ones(3)))
    assert "largest difference is 1.0e-06" in repr(assert_same(1.0 + 1e-6, 1.0))
    assert assert_same({"a": [1, 2]}, {"a": (1, 2)}).passed
    for got in (torch.ones(3) + 1e-3, torch.ones(4), "ones", [1, 1], {"a": 1}, torch.tensor([1, 1, torch.nan])):
        assert assert_same(got, torch.ones(3)).state == "wrong", got


def test_tolerance_is_absolute_below_one_and_relative_above():
    assert compare(1000.005, 1000.0) is None
    assert compare(1000.02, 1000.0) is not None
    assert compare(1e-7, 0.0) is None
    assert compare(1.1e-7, 1e-7, relative=True) is not None
    assert "In ['b']" in compare({"a": 1, "b": 2}, {"a": 1, "b": 3}).words[0]
