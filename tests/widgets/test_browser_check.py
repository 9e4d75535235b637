"""The browser's side of the environment check: what the page finds out, and what the card makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from browser_tools import screenshot, settled

from ldm_lab.course import environment
from ldm_lab.doctor import FAIL, NOTE, OK, Check
from ldm_lab.errors import OptionError
from ldm_lab.widgets import BrowserCheck
from ldm_lab.widgets.browser_check import strokes

FINE = [Check("python", OK, "3.12"), Check("threads", OK, "2")]
SEEN = {"name": "Firefox 140", "answer_ms": 12.0, "audio": "runs", "audio_rate": 48000}


def test_three_strokes_that_do_not_clip():
    wav = strokes()
    level = np.abs(wav).reshape(3, -1)
    assert wav.dtype == np.float32 and 0.2 < np.abs(wav).max() < 0.9
    assert (level[:, :800].max(axis=1) > 3 * level[:, -800:].max(axis=1)).all()


def test_words_before_and_after():
    check = BrowserCheck()
    assert check.well is None and "has not run any yet" in check.text()
    check.page = SEEN
    assert check.well is None and "Firefox 140; Python answered in 12 ms" in check.text() and "48000 Hz" in check.text()
    check.heard = "two"
    assert check.well is False and "two; there are three" in check.text()
    check.heard = "three"
    assert check.well is True
    check.page = SEEN | {"answer_ms": -1, "audio": "stuck"}
    assert check.well is False and "did not answer" in check.text() and "holds it back" in check.text()
    with pytest.raises(OptionError, match="did you mean 'three'"):
        check.heard = "thre"


@pytest.mark.parametrize(("checks", "page", "heard", "state", "words"), [
    (FINE, SEEN, "three", "right", "00_hear_it.ipynb"),
    (FINE, {}, "", "todo", "run this cell again"),
    (FINE, SEEN, "", "todo", "count the strokes"),
    (FINE, SEEN, "none", "wrong", "volume"),
    ([*FINE, Check("soxr", FAIL, "pip install soxr")], SEEN, "three", "wrong", "Mend soxr: pip install soxr"),
    ([*FINE, Check("threads", NOTE, "slower")], SEEN, "three", "right", "Worth knowing, threads: slower"),
])
def test_the_card(monkeypatch, checks, page, heard, state, words):
    monkeypatch.setenv("COURSE_STRICT", "1")  # a look at a machine is no answer: it never raises
    made = environment.card(iter(checks), BrowserCheck(page=page, heard=heard))
    assert made.state == state and words in repr(made)


@pytest.mark.browser
def test_the_page_finds_out(open_widget):
    check = BrowserCheck()
    page = open_widget(check, live=True)
    assert page.get_by_text("Widgets run in this page.").is_visible()
    assert check.page["answer_ms"] >= 0 and check.page["name"].startswith("Chrome ") and check.well is None
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("Space")
    page.wait_for_selector("text=The sound engine runs at")
    page.get_by_role("button", name="four").click()
    assert page.get_by_text("You heard four; there are three.").is_visible()
    page.get_by_role("button", name="three").press("Enter")
    settled(page)
    assert (check.heard, check.page["audio"], check.page["audio_rate"], check.well) == ("three", "runs", 16000, True)
    assert page.get_by_role("button", pressed=True).all_inner_texts() == ["three"]
    screenshot(page, "browser-check")


@pytest.mark.browser
def test_a_silent_python_is_said(open_widget):
    page = open_widget(BrowserCheck())  # nobody answers
    assert page.get_by_text("Waiting for Python ...").is_visible()
    page.evaluate("model.fire('msg:custom', { id: model.sent[0][0].id, error: 'no' }, [])")
    page.wait_for_selector("text=Python does not answer")
    assert page.evaluate("model.get('page').answer_ms") == -1
