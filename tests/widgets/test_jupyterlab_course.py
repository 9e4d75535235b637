"""End to end: quiz, environment check and passport in a real JupyterLab, in light and dark, and a shared copy."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from lab_server import Notebook, server

from ldm_lab.course import share

pytestmark = pytest.mark.browser
CELLS = ["from ldm_lab import course\nfrom ldm_lab.course.lessons.log_mel import QUIZ\nQUIZ",
         "from ldm_lab.widgets import BrowserCheck\nbrowser = BrowserCheck()\nbrowser",
         "from ldm_lab.course import environment\nenvironment.card([], browser)",
         "course.passport()"]
NOT_OURS = ("/lsp/status",)  # the language server that is not installed


@pytest.fixture
def notebook(browser, tmp_path, monkeypatch):
    """(the notebook with CELLS, open in JupyterLab; its file; messages on the page's console)."""
    folder, home = tmp_path / "course", tmp_path / "home"
    folder.mkdir(), home.mkdir()
    monkeypatch.setenv("LDM_LAB_PASSPORT", str(home / "passport.json"))
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    cells = [{"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "source": code, "outputs": [], "execution_count": None}
             for i, code in enumerate(CELLS)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = folder / "lesson.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    context = browser.new_context(viewport={"width": 1100, "height": 1400}, reduced_motion="reduce")
    errors: list[str] = []
    with server(folder, home) as address:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(f"{said.text} {said.location}") if said.type == "error" else None)
        yield Notebook(page, address.format(path.name)), path, errors
        context.close()


def shot(cell, name: str) -> None:
    if folder := os.environ.get("LDM_LAB_SHOTS"):
        cell.locator(".jp-OutputArea-output").last.screenshot(path=str(Path(folder) / f"lab-{name}.png"))


def test_a_quiz_is_answered_and_the_passport_knows(notebook):
    book, path, errors = notebook
    book.run_all()
    quiz = book.cell(0)
    quiz.locator(".ldm-quiz").wait_for()
    group = quiz.locator("fieldset").first
    place = book.python("[choice['right'] for choice in QUIZ.panel.questions[0]['choices']].index(True)")
    group.get_by_role("radio").first.focus()
    for key in ["Space", *["ArrowDown"] * place]:  # JupyterLab's own arrow keys would leave the cell
        book.page.keyboard.press(key)
    book.page.keyboard.press("Enter")
    book.until("[QUIZ.score, QUIZ.answers[0] == QUIZ.questions[0].right]", [1, True])
    assert "is right." in group.locator(".ldm-feedback").inner_text()
    book.until("course.passport().records['01']['quiz/1']['state']", "right")

    check = book.cell(1)
    check.get_by_role("button", name="Play").click()
    book.until("browser.page.get('audio')", "runs")
    check.get_by_role("button", name="three").click()
    book.until("browser.well", True)
    book.rerun(2), book.rerun(3)
    book.cell(2).get_by_text("Right: The course on this computer").wait_for()
    book.cell(3).get_by_role("row", name="01 ").wait_for()
    for number, name in enumerate(("quiz", "browser-check", "card", "passport")):
        shot(book.cell(number), f"{name}-light")
    book.theme("JupyterLab Dark")
    for number, name in enumerate(("quiz", "browser-check", "card", "passport")):
        shot(book.cell(number), f"{name}-dark")

    book.save(path)
    assert share.share(path, path) == 2
    kept = [output["data"] for cell in json.loads(path.read_text())["cells"] for output in cell["outputs"]]
    assert "<details>" in "".join(kept[0]["text/html"]) and "Quiz 01" in "".join(kept[0]["text/plain"])
    assert [error for error in errors if not any(word in error for word in NOT_OURS)] == []
