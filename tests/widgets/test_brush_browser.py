"""The inpainting brush in a real Chromium, with the real Python widget behind it."""

import numpy as np
import pytest
from browser_tools import accessible, fits_its_cell, pixels, render_offline, screenshot, settled

from ldm_lab.rng import Rng
from ldm_lab.widgets import InpaintBrush

pytestmark = pytest.mark.browser
RATE, SAMPLES = 16000, 16000


@pytest.fixture
def brush(tiny) -> InpaintBrush:
    return InpaintBrush(tiny, 0.2 * Rng(0).randn((SAMPLES,), "sound").clamp(-3, 3), "a bell", steps=1)


@pytest.fixture
def page(open_widget, brush):
    return open_widget(brush, live=True, height=700)


def drag(page, left: float, right: float, top: float = 0.0, bottom: float = 1.0) -> None:
    """A box by mouse; shares of the plot's width and height."""
    place = page.locator(".ldm-slider").bounding_box()
    at = lambda x, y: (place["x"] + x * place["width"], place["y"] + y * (place["height"] - 1))
    page.mouse.move(*at(left, top))
    page.mouse.down()
    page.mouse.move(*at(right, bottom), steps=3)
    page.mouse.up()
    settled(page)


def plot(page) -> np.ndarray:
    place = page.evaluate("""() => { const s = document.querySelector('.ldm-slider').style;
        return [s.left, s.top, s.width, s.height].map(parseFloat).map(Math.round) }""")
    return pixels(page, *place)


def test_drag_fill_and_hear_the_difference_by_mouse(page, brush):
    drag(page, 0.3, 0.6)
    assert brush.box == pytest.approx([0.3, 0.6, 0, 8000], abs=0.01)
    before = plot(page)
    page.get_by_role("button", name="Fill the box").click()
    settled(page)
    assert brush.history[0]["prompt"] == "a bell"
    assert page.get_by_role("radio", name="after").get_attribute("aria-checked") == "true"
    assert page.get_by_role("status").inner_text() == brush.status
    assert page.locator(".ldm-fills li").all_inner_texts() == ["0.30 to 0.60 s, 0 Hz to 8 kHz: \u201ca bell\u201d, seed 0"]
    after = plot(page)
    columns = np.abs(after - before).max(axis=(0, 2)) > 10  # of the picture, that changed
    inside = slice(round(0.33 * len(columns)), round(0.57 * len(columns)))
    assert columns[inside].mean() > 0.9
    page.get_by_role("radio", name="difference").click()
    dark = plot(page)
    assert dark[:, : round(0.25 * len(columns))].max() <= 4  # the colour of silence
    assert dark[:, inside].std() > 10
    samples = render_offline(page, active=2, samples=SAMPLES)
    assert np.abs(samples - (brush.wav - brush._original).numpy()).max() < 1e-3
    assert np.abs(samples[: round(0.29 * RATE)]).max() == 0


def test_everything_by_keyboard(page, brush):
    page.locator(".ldm-slider").focus()
    page.keyboard.press("b")  # a box around the playhead
    settled(page)
    assert brush.box == [0, 0.5, 0, 8000]
    page.get_by_label("to (s)").fill("0.3")
    page.keyboard.press("Tab")
    page.get_by_label("Prompt").fill("rain")
    page.get_by_label("Seed").fill("4")
    page.get_by_label("Prompt").press("Enter")
    settled(page)
    assert [(one["prompt"], one["seed"], one["box"][1]) for one in brush.history] == [("rain", 4, 0.3)]
    page.locator(".ldm-slider").press("Control+z")
    settled(page)
    assert (len(brush.history), len(brush.undone)) == (0, 1)
    page.get_by_role("button", name="Redo").press("Enter")
    settled(page)
    assert len(brush.history) == 1
    page.locator(".ldm-slider").press("Control+Shift+Z")
    settled(page)
    assert len(brush.history) == 1  # nothing to redo
    page.get_by_label("Prompt").press("Control+z")  # undoes typing, not the fill
    settled(page)
    assert len(brush.history) == 1
    outline = page.get_by_role("button", name="Start over").evaluate("b => (b.focus(), getComputedStyle(b).outlineStyle)")
    assert outline == "solid"
    page.keyboard.press("Space")
    settled(page)
    assert (brush.history, page.locator(".ldm-fills li").count()) == ([], 0)


def test_a_box_marks_and_is_heard_alone_only_on_demand(page, brush):
    drag(page, 0.3, 0.6)
    page.locator(".ldm-slider").press("End")
    settled(page)
    assert brush.position == 1.0  # the box does not hold the playhead
    place = page.locator(".ldm-slider").bounding_box()
    page.mouse.click(place["x"] + 0.1 * place["width"], place["y"] + 50)
    settled(page)
    assert brush.box != []  # a click beside it jumps and leaves it alone
    assert brush.position == pytest.approx(0.1, abs=0.01)
    solo = page.get_by_role("button", name="Only the box")
    solo.click()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("model.get('playing')")
    page.wait_for_function("!model.get('playing')")
    settled(page)
    assert brush.position == pytest.approx(0.6, abs=0.01)
    solo.click()
    assert solo.get_attribute("aria-pressed") == "false"
    page.locator(".ldm-slider").press("Escape")
    settled(page)
    assert brush.box == []


def test_the_outline_shows_the_cells_that_are_made_anew(page, brush):
    drag(page, 0.3, 0.6, 0.2, 0.7)
    area, outline = (page.locator(one).bounding_box() for one in (".ldm-area", ".ldm-outline"))
    assert outline["x"] <= area["x"] + 1 and outline["y"] <= area["y"] + 1
    assert outline["x"] + outline["width"] >= area["x"] + area["width"] - 1
    place = page.locator(".ldm-slider").bounding_box()
    start = (outline["x"] - place["x"]) / place["width"]
    assert start == pytest.approx(brush.anew[0], abs=0.01)
    assert page.locator(".ldm-note").inner_text() == brush.note
    brush.box = []


def test_mistakes_are_said_and_the_widget_goes_on(page, brush):
    page.get_by_role("button", name="Fill the box").click()
    settled(page)
    assert "there is no box yet" in page.get_by_role("status").inner_text()
    assert page.locator(".ldm-wrong").count() == 1
    drag(page, 0.3, 0.6)
    page.locator("summary").click()
    page.get_by_label("Steps").fill("0")
    page.get_by_role("button", name="Fill the box").click()
    settled(page)
    assert "steps: got 0" in page.get_by_role("status").inner_text()
    page.get_by_label("Steps").fill("")
    page.get_by_label("Steps").press("Enter")
    settled(page)
    assert len(brush.history) == 1
    assert brush.options == {}  # an empty field is the default
    assert page.locator(".ldm-wrong").count() == 0


def test_sound_and_version_may_come_in_any_order(open_widget, brush, receive):
    page = open_widget(brush)
    brush.box = [0.2, 0.4, 0, 8000]
    brush.fill()
    receive(page, active=1, sound=brush.sound)  # a front end tells of changes in an order of its own
    assert page.get_by_role("radio", name="after").get_attribute("aria-checked") == "true"
    assert page.evaluate("model.get('active')") == 1


def test_options_reach_python(page, brush):
    page.locator("summary").click()
    assert page.get_by_label("Steps").input_value() == "1"
    assert page.get_by_label("Guidance").get_attribute("placeholder") == "3"
    page.get_by_label("Guidance").fill("1.5")
    page.get_by_label("Candidates").fill("2")
    page.keyboard.press("Tab")
    settled(page)
    page.get_by_label("Put the rest back").uncheck()
    settled(page)
    assert brush.options == {"steps": 1, "guidance": 1.5, "candidates": 2, "paste": False}


def test_python_moves_the_page(page, brush, receive):
    receive(page, prompt="thunder", seed=7, options={"steps": 9, "paste": False}, box=[0.1, 0.2, 0, 8000], anew=[0.08, 0.24, 0, 8000])
    assert page.get_by_label("Prompt").input_value() == "thunder"
    assert page.get_by_label("Seed").input_value() == "7"
    assert not page.locator("input[type=checkbox]").is_checked()
    assert page.locator(".ldm-area").is_visible()
    receive(page, progress=0.5)
    assert page.get_by_role("button", name="Fill the box").is_disabled()
    assert page.locator("progress").evaluate("bar => bar.value") == 0.5


def test_accessible_with_all_options_in_a_narrow_dark_cell(open_widget, brush):
    brush.box = [0.2, 0.5, 500, 3000]
    brush.fill()
    page = open_widget(brush, dark=True, width=420, height=900)
    page.locator("summary").click()
    accessible(page)
    fits_its_cell(page, ".ldm-brush")
    screenshot(page, "brush-narrow")
