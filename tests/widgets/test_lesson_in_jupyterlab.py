"""A lesson as a student works in it, in a real JupyterLab: wrong and right answers, a hint, the quiz, the passport."""

from __future__ import annotations

import json
import shutil

import pytest
from lab_server import ROOT, Notebook, server

from ldm_lab.course.build import cell_id, is_lesson

pytestmark = pytest.mark.browser
LESSON = "00_hear_it"
SOURCES = [path.stem for path in sorted((ROOT / "notebooks" / "sources").glob("*.py")) if is_lesson(path)]
assert LESSON in SOURCES


@pytest.fixture
def lesson(browser, tmp_path, monkeypatch):
    """(Notebook, {cell id: number}, passport file) of the lesson, with the quick model."""
    folder, home = tmp_path / "course", tmp_path / "home"
    folder.mkdir(), home.mkdir()
    shutil.copy(ROOT / "notebooks" / f"{LESSON}.ipynb", folder)
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    monkeypatch.setenv("LDM_LAB_PASSPORT", str(tmp_path / "passport.json"))
    cells = json.loads((folder / f"{LESSON}.ipynb").read_text(encoding="utf-8"))["cells"]
    context = browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
    with server(folder, home) as address:
        yield (Notebook(context.new_page(), address.format(f"{LESSON}.ipynb")), {cell["id"]: i for i, cell in enumerate(cells)},
               tmp_path / "passport.json")
        context.close()


def test_a_student_at_work(lesson):
    notebook, numbers, passport = lesson
    number = lambda name: numbers[cell_id(LESSON, name, set())]
    notebook.run_all()
    check = number("squeeze-check")
    said = lambda words: notebook.cell(check).get_by_text(words).first.wait_for()
    said("To do: How small is the latent?")

    notebook.rerun(number("squeeze"), "def numbers(seconds):\n    wav = round(seconds * 16000)\n    return wav, wav // 160 * 64, 2048")
    notebook.rerun(check)
    said("Not yet")
    said("In [0]: Got 40960, expected 4096")

    hints = notebook.cell(number("squeeze-hints"))
    solution = hints.locator("details", has_text="Solution").locator("pre")
    assert not solution.is_visible()
    hints.locator("summary", has_text="Solution").click()
    notebook.rerun(number("squeeze"), solution.inner_text())
    notebook.rerun(check)
    said("Right: How small is the latent?")

    quiz = notebook.cell(number("quiz"))
    quiz.get_by_label("The noise that sampling starts from").check()
    quiz.get_by_role("button", name="Check question 2").click()
    quiz.get_by_text("all else stays the same").wait_for()
    notebook.until("lesson.QUIZ.score", 1)
    noted = json.loads(passport.read_text(encoding="utf-8"))["lessons"]["00"]
    assert noted["numbers"]["state"] == "right"
    assert "diagnosis" not in noted, "what is open leaves no trace"
    assert noted["quiz/2"]["state"] == "right"
