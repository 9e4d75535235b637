"""Questions that are well made or refused, the quiz as Python sees it, and what is left where no widgets run."""

from __future__ import annotations

import html.parser
import sys
from collections import Counter

import pytest

from ldm_lab.course import progress
from ldm_lab.course.quiz import Question, QuizError, quiz
from ldm_lab.errors import LabError, OptionError

FIRST = {"text": "Two waves, one mel: what differs?", "right": "the phase", "because": "A mel keeps *magnitudes*.",
         "others": {"the pitch": "That is the height.", "the loudness": "That is the colour.", "x < y": "No & no `a < b`."}}
SECOND = {"text": "Why `log`?", "right": "ears hear ratios", "because": "Right: each doubling sounds alike: √ᾱ.",
          "others": {"speed": "It takes longer.", "luck": "No."}}


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_PASSPORT", str(tmp_path / "passport.json"))
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    return quiz("01", Question(**FIRST), Question(**SECOND))


@pytest.mark.parametrize(("because", "said"), [
    ("Right: each doubling", "Each doubling"), ("wrong, a card", "A card"), ("t = 500 is", "t = 500 is"),
    ("x̂₀ = x - σ eps", "x̂₀ = x - σ eps"), ("σ² belongs", "σ² belongs"), ("ln(10 x) is", "ln(10 x) is"), ("It's so", "It's so"),
])
def test_feedback_begins_with_a_capital_but_a_symbol_stays_what_it_is(because, said):
    shown = Question(**(FIRST | {"because": because})).as_dict(0)["choices"]
    assert next(choice["feedback"] for choice in shown if choice["right"]) == said


@pytest.mark.parametrize(("change", "words"), [
    ({"text": " "}, "text: got ' '"),
    ({"right": ""}, "right: got ''"),
    ({"because": None}, "because: got None"),
    ({"others": {}}, "expected 1 to 7 wrong choices"),
    ({"others": ["a", "b"]}, "expected 1 to 7 wrong choices"),
    ({"others": {str(i): "no" for i in range(8)}}, "expected 1 to 7"),
    ({"others": {"the pitch": ""}}, "feedback for 'the pitch': got ''"),
    ({"others": {3: "no"}}, "choice 3: got 3"),
    ({"others": {"The  phase": "no"}}, "'the phase' is there twice"),
    ({"because": "since $x_t$ is"}, "LaTeX"),
    ({"text": "what is \\alpha?"}, "LaTeX"),
])
def test_a_question_that_is_not_well_made_is_refused(change, words):
    with pytest.raises(QuizError) as error:
        Question(**(FIRST | change))
    assert words in str(error.value)


def test_a_quiz_needs_questions_and_each_once():
    for wrong in ((), ("Why?",), (Question(**FIRST), Question(**FIRST))):
        with pytest.raises(QuizError):
            quiz("01", *wrong)
    with pytest.raises(QuizError, match="lesson: got 1"):
        quiz(1, Question(**FIRST))


def test_the_order_of_choices_is_fixed_and_the_right_one_is_anywhere():
    assert Question(**FIRST).choices == Question(**(FIRST | {"others": dict(reversed(FIRST["others"].items()))})).choices
    places = Counter(Question(f"question {i}", right="r", because="b", others=dict.fromkeys("xyz", "no")).choices.index("r")
                     for i in range(400))
    assert sorted(places) == [0, 1, 2, 3]
    assert min(places.values()) > 60


def test_in_a_quiz_the_right_choice_is_everywhere_about_equally_often():
    def places(lesson: str, count: int) -> list[int]:
        asked = (Question(f"question {i}", right="r", because="b", others=dict.fromkeys("xyz", "no")) for i in range(count))
        return [[choice["right"] for choice in one["choices"]].index(True) for one in quiz(lesson, *asked).as_dicts()]

    lessons = [f"{number:02}" for number in range(13)]
    assert all(sorted(Counter(places(lesson, 5)).values()) == [1, 1, 1, 2] for lesson in lessons)
    assert all(places(lesson, 5) == places(lesson, 5) for lesson in lessons)
    first = Counter(places(lesson, 5)[0] for lesson in lessons)
    assert len(first) >= 3 and max(first.values()) < 8, "no quiz begins like all others"
    twice = Counter(Counter(places(lesson, 5)).most_common(1)[0][0] for lesson in lessons)
    assert len(twice) >= 3


def test_feedback_belongs_to_a_choice():
    question = Question(**FIRST)
    assert question.feedback("the phase") == FIRST["because"]
    assert [question.feedback(one) for one in FIRST["others"]] == list(FIRST["others"].values())
    with pytest.raises(QuizError, match="none of its choices"):
        question.feedback("the weather")


def test_answers_are_read_and_set_from_python(made):
    assert (made.answers, made.score) == (["", ""], 0)
    made.answers = ["the phase", "luck"]
    assert (made.score, made.panel.right()) == (1, [True, False])
    made.answers = ["the phase", "ears hear ratios"]
    assert (made.panel.score, repr(made)) == (2, "Quiz('01', 2 questions, 2 right)")
    with pytest.raises(OptionError, match="did you mean 'the phase'"):
        made.answers = ["the phas", ""]
    with pytest.raises(OptionError, match="got 1, expected one for each of 2"):
        made.answers = ["the phase"]
    assert made.score == 2


def test_the_passport_learns_of_each_checked_answer(made):
    made.answers = ["the pitch", ""]
    made.answers = ["the pitch", "luck"]
    made.answers = ["the phase", "luck"]
    made.answers = ["", ""]
    found = progress.records()["01"]
    assert {key: (entry["state"], entry["tries"]) for key, entry in found.items()} == {
        "quiz/1": ("right", 2), "quiz/2": ("wrong", 1)}
    assert found["quiz/1"]["title"] == FIRST["text"]


class Outline(html.parser.HTMLParser):
    """The tags in order, and whether they are closed as they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.seen, self.words = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def test_without_widgets_every_choice_unfolds(made):
    data, _ = made._repr_mimebundle_()
    page = Outline(data["text/html"])
    assert page.open == []
    assert Counter(page.seen)["details"] == Counter(page.seen)["summary"] == 4 + 3
    assert "Right. Each doubling" in page.words  # said once
    assert page.words.count("Right.") == 2 and page.words.count("Not this one.") == 5
    assert page.seen.count("em") == 1 and "*" not in page.words
    assert "x < y" in page.words and "No & no a < b." in page.words and "<code>a &lt; b</code>" in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data


def test_plain_words_ask_and_do_not_tell(made):
    made.answers = ["the pitch", ""]
    text = made._repr_mimebundle_()[0]["text/plain"]
    assert text.startswith("Quiz 01\n\n1. Two waves, one mel: what differs?\n")
    assert text.count("*") == 1 and "* " in next(line for line in text.splitlines() if "the pitch" in line)
    assert FIRST["because"] not in text and "A) " in text


def test_without_anywidget_there_is_still_a_quiz(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "ldm_lab.widgets.quiz", None)
    data = made._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"} and "<details>" in data["text/html"]
    with pytest.raises(LabError, match="pip install"):
        _ = made.answers


def test_making_a_quiz_imports_no_widgets(shell):
    code = ("import sys; from ldm_lab.course.quiz import Question, quiz\n"
            "quiz('01', Question('Why?', right='a', because='b', others={'c': 'd'}))\n"
            "print([name for name in ('anywidget', 'ipywidgets', 'torch', 'matplotlib') if name in sys.modules])")
    done = shell("-c", code)
    assert done.returncode == 0, done.stderr
    assert "anywidget" not in done.stdout and "ipywidgets" not in done.stdout and "matplotlib" not in done.stdout


def test_the_right_choice_of_a_lesson_is_not_told_by_its_length():
    from ldm_lab.course import lessons

    longest = total = 0
    for module in lessons.modules():
        asked = getattr(module, "QUIZ", None)
        if asked is None:
            continue
        lengths = [(len(one.right), max(map(len, one.others))) for one in asked.questions]
        assert sum(right > 1.3 * other for right, other in lengths) <= 1, f"{asked.lesson}: {lengths}; say it in `because`"
        longest, total = longest + sum(right > other for right, other in lengths), total + len(lengths)
    assert longest <= total / 2 and total >= 5
