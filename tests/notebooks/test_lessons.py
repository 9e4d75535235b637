"""The shape that all lessons share, and what they promise: order, exercises with hints and solution, quiz, links, budgets."""

from __future__ import annotations

import ast
import json
import re
import statistics
from pathlib import Path

import pytest

from ldm_lab.course import build
from ldm_lab.course.lessons import exercises, modules

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sorted((NOTEBOOKS / "sources").glob("*.py"))
LESSONS = [source for source in SOURCES if build.is_lesson(source)]
HEADINGS = ("## Hear it", "## Where we are", "## Exercises", "## What broke", "## Quiz", "## What this showed, and what it did not")
NUMBERS = [f"{i:02}" for i in range(13)]


def text_of(cell: dict) -> str:
    return "".join(cell["source"])


def cells(source: Path, kind: str, *, solved: bool = False) -> list[str]:
    return [text_of(cell) for cell in build.notebook(source, solved=solved)["cells"] if cell["cell_type"] == kind]


def anchors(page: Path) -> set[str]:
    """What `page#...` may name: headings as GitHub and JupyterLab write them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_thirteen_lessons():
    assert [source.stem[:2] for source in LESSONS] == NUMBERS


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_budgets_of_the_student_notebook(source):
    path = NOTEBOOKS / f"{source.stem}.ipynb"
    book = json.loads(path.read_text(encoding="utf-8"))
    code = [text_of(cell) for cell in book["cells"] if cell["cell_type"] == "code"]
    for texts in (code, cells(source, "code", solved=True)):
        lines = [text.count("\n") + 1 for text in texts[1:]]  # the first is Colab's, the same everywhere
        assert statistics.median(lines) <= 6
        assert max(lines) <= 30
    assert path.stat().st_size <= 400_000
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in book["cells"])
    assert "widgets" not in book["metadata"]
    text = "\n".join(text_of(cell) for cell in book["cells"])
    assert "SOLUTION" not in text
    assert "{{" not in "\n".join(text_of(cell) for cell in book["cells"] if cell["cell_type"] == "markdown")
    assert len(re.findall(r"^# .+", "\n".join(cells(source, "markdown")), flags=re.M)) == 1, "one title"
    assert not re.search(r"(?<![\w.:/])/(home|work|root|tmp|Users)/", text)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_sounds_and_images_come_with_words(source):
    """Players write a transcript and pictures carry alternative text by themselves; nothing may go around them."""
    for text in cells(source, "code") + cells(source, "markdown"):
        for way_around in ("Audio(", 'transcript=""', "![](", "data:image", "<img", "imshow(", "plt.", "urlopen", "requests."):
            assert way_around not in text


@pytest.mark.parametrize("source", LESSONS, ids=lambda path: path.stem)
class TestShape:
    def test_headings_in_order(self, source):
        text = "\n".join(cells(source, "markdown"))
        places = [text.find(f"\n{heading}") if not text.startswith(heading) else 0 for heading in HEADINGS]
        assert -1 not in places, [heading for heading, place in zip(HEADINGS, places) if place < 0]
        assert places == sorted(places)

    def test_it_opens_with_a_sound_and_lights_a_box(self, source):
        code = cells(source, "code")
        heard = next(i for i, text in enumerate(code) if re.search(r"player\(|Studio\(|Player\(|generate\(", text))
        assert heard <= 3
        assert any("course.diagram(" in text for text in code)

    def test_it_asks_for_predictions_and_explains(self, source):
        text = "\n".join(cells(source, "markdown"))
        assert text.count("**Predict") >= 3
        assert text.count("**Explain") >= 3

    def test_it_proves_its_piece_equal_to_the_librarys(self, source):
        assert any("assert_same(" in text for text in cells(source, "code"))

    def test_header_says_what_for_what_is_needed_and_how_long(self, source):
        header = cells(source, "markdown")[0]
        for words in ("**Afterwards you can**", "**You need**", "**Time:**", "minutes"):
            assert words in header
        assert "{{minutes}}" in source.read_text(encoding="utf-8")

    def test_exercises_have_all_that_belongs_to_them(self, source):
        book = build.notebook(source)["cells"]
        tasks = [i for i, cell in enumerate(book) if cell["cell_type"] == "markdown" and re.search(r"^### Exercise \d", text_of(cell), re.M)]
        assert 3 <= len(tasks) <= 6
        lesson = [exercise for exercise in exercises() if exercise.lesson == source.stem[:2]]
        assert len(lesson) >= 3
        checked = set()
        for start, end in zip(tasks, [*tasks[1:], len(book)]):
            part = book[start:end]
            head = text_of(part[0])
            assert re.search(r"[●○]{3} · \d+ minutes", head), head
            code = "\n".join(text_of(cell) for cell in part if cell["cell_type"] == "code")
            words = "\n".join(text_of(cell) for cell in part if cell["cell_type"] == "markdown")
            found = re.search(r"lesson\.(\w+)\.check\(", code)
            assert found, f"no check under {head[:60]}"
            checked.add(found.group(1))
            for summary in ("Hint 1", "Hint 2", "Hint 3", "Solution"):
                assert f"<summary>{summary}</summary>" in words, f"{summary} is missing under {head[:60]}"
        keys = {name for module in modules() for name, value in vars(module).items() if value in lesson}
        assert checked <= keys

    def test_quiz(self, source):
        quizzes = [module.QUIZ for module in modules() if getattr(module, "QUIZ", None) is not None and module.QUIZ.lesson == source.stem[:2]]
        assert len(quizzes) == 1
        assert len(quizzes[0]) == 5
        for question in quizzes[0].questions:
            assert len(question.choices) >= 3
            assert all(len(question.feedback(choice).split()) >= 4 for choice in question.choices)
        assert any("lesson.QUIZ" in text for text in cells(source, "code"))

    def test_verdict_paper_and_links(self, source):
        text = "\n".join(cells(source, "markdown"))
        verdict = text.split(HEADINGS[-1], 1)[1]
        assert verdict.count("\n|") >= 4
        assert "**Paper:**" in text
        links = re.findall(r"\]\((guide/[\w./]+)(?:#([\w-]+))?\)", text)
        assert any(page == "guide/glossary.md" for page, _ in links)
        for page, anchor in links:
            assert (NOTEBOOKS / page).is_file(), page
            assert not anchor or anchor in anchors(NOTEBOOKS / page), f"{page} has no {anchor}"

    def test_code_parses_and_stubs_are_open(self, source):
        for solved in (False, True):
            for code in cells(source, "code", solved=solved):
                if "%pip" not in code:
                    ast.parse(code)
