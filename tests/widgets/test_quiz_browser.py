"""The quiz in a real Chromium: by mouse and by keyboard, said in words, the same in Python, and while Python is away."""

from __future__ import annotations

import pytest
from browser_tools import accessible, fits_its_cell, screenshot, settled, written

from ldm_lab.widgets import QuizPanel

pytestmark = pytest.mark.browser
MARK = "<b>bold</b>"


def a_quiz(count: int = 3) -> QuizPanel:
    def choice(name: str, right: bool, feedback: str) -> dict:
        return {"text": name, "right": right, "feedback": feedback}

    questions = [{"text": f"Question of `x[{i}]` {MARK}: 2 * 3 * 4, *really*?", "choices": [
        choice("a tale", False, f"A tale is no proof, {i}."), choice("a sum", True, f"Sums are exact, {i}: √ᾱ."),
        choice("a guess", False, f"A guess is cheap, {i}.")]} for i in range(count)]
    return QuizPanel(questions, title="Quiz 01")


def feedback(page, number: int) -> str:
    return page.locator(".ldm-feedback").nth(number - 1).inner_text()


def test_feedback_comes_on_check_and_names_the_choice(open_widget):
    widget = a_quiz()
    page = open_widget(widget, live=True, height=900)
    page.get_by_role("button", name="Check question 1").click()
    assert "Choose one of the answers first" in feedback(page, 1)
    assert widget.answers == ["", "", ""]
    group = page.get_by_role("group").nth(0)
    group.get_by_label("a tale").check()
    assert written(page, "answers") == []
    page.get_by_role("button", name="Check question 1").click()
    settled(page)
    assert "Not A." in feedback(page, 1) and "A tale is no proof, 0. Choose again." in feedback(page, 1)
    assert (widget.answers, widget.score) == (["a tale", "", ""], 0)
    assert page.get_by_text("0 of 3 right, 2 still open.").is_visible()
    group.get_by_text("a sum").click()  # the words are part of the button
    page.get_by_role("button", name="Check question 1").click()
    settled(page)
    assert "B is right." in feedback(page, 1) and "√ᾱ" in feedback(page, 1)
    assert (widget.answers, widget.score) == (["a sum", "", ""], 1)
    assert page.get_by_text("1 of 3 right, 2 still open.").is_visible()


def test_a_right_answer_opens_the_reasons_against_the_others(open_widget):
    page = open_widget(a_quiz(1), live=True)
    page.get_by_label("a guess").check()
    page.get_by_role("button", name="Check question 1").click()
    assert page.locator("summary").count() == 0
    page.get_by_label("a sum").check()
    page.get_by_role("button", name="Check question 1").click()
    page.locator("summary").click()
    assert page.locator("details li").all_inner_texts() == ["Not A: A tale is no proof, 0.", "Not C: A guess is cheap, 0."]
    assert page.get_by_text("1 of 1 right.").is_visible()


def test_all_by_keyboard(open_widget):
    widget = a_quiz(2)
    page = open_widget(widget, live=True)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert written(page, "answers") == [], "arrow keys must not tell"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    settled(page)
    assert widget.answers == ["a sum", ""]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Check question 1"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("details").evaluate("node => node.open")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    settled(page)
    assert (widget.answers, widget.score) == (["a sum", "a tale"], 1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settled(page)
    assert (widget.answers, widget.score) == (["", ""], 0)
    assert page.evaluate("[document.activeElement.type, document.querySelectorAll(':checked').length]") == ["radio", 0]
    assert page.locator("[data-state]").count() == 0 and feedback(page, 1) == feedback(page, 2) == ""


def test_python_answers_and_the_page_follows(open_widget, receive):
    page = open_widget(a_quiz(2))
    receive(page, answers=["a guess", "a sum"])
    assert page.evaluate("[...document.querySelectorAll(':checked')].map((one) => one.value)") == ["C", "B"]
    assert "Not C." in feedback(page, 1) and "B is right." in feedback(page, 2)
    assert page.get_by_text("1 of 2 right.").is_visible()
    receive(page, answers=["", "a sum"])
    assert page.evaluate("[...document.querySelectorAll(':checked')].map((one) => one.value)") == ["B"]
    assert page.get_by_text("1 of 2 right, 1 still open.").is_visible()
    assert page.evaluate("model.saves") == 0


def test_it_works_while_python_is_busy(open_widget):
    page = open_widget(a_quiz(1))  # nobody answers
    page.get_by_label("a sum").check()
    page.get_by_role("button", name="Check question 1").click()
    assert "B is right." in feedback(page, 1)
    assert written(page, "answers") == [["a sum"]]


def test_two_views_of_one_quiz_do_not_share_their_radio_buttons(open_widget):
    page = open_widget(a_quiz(1))
    page.evaluate("""() => { const el = document.getElementById('root').appendChild(document.createElement('div'));
        return void widget.default.render({ model, el }) }""")
    page.get_by_label("a tale").nth(0).check()
    page.get_by_label("a guess").nth(1).check()
    assert page.locator(":checked").count() == 2
    page.get_by_role("button", name="Check question 1").nth(1).click()
    assert "Not C." in feedback(page, 1) and "Not C." in feedback(page, 2)


def test_words_are_words(open_widget):
    page = open_widget(a_quiz(1))
    assert page.locator("legend").inner_text() == f"1. Question of x[0] {MARK}: 2 * 3 * 4, really?"
    assert page.locator("legend code").inner_text() == "x[0]"
    assert page.locator("legend em").all_inner_texts() == ["really"]


@pytest.mark.parametrize("dark", [False, True])
def test_right_and_wrong_are_accessible_in_a_narrow_cell(open_widget, dark):
    widget = a_quiz(3)
    widget.answers = ["a sum", "a tale", ""]
    page = open_widget(widget, dark=dark, width=360, height=900)
    page.locator("summary").click()
    accessible(page)
    fits_its_cell(page, ".ldm-quiz")
    assert page.locator("[role=status]").count() == 4
    screenshot(page, f"quiz-{'dark' if dark else 'light'}")
