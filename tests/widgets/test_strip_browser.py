"""The transfer strip in a real Chromium, with the real Python widget behind it."""

import numpy as np
import pytest
import torch
from browser_tools import accessible, fits_its_cell, pixels, render_offline, screenshot, settled

from ldm_lab.editing import Series, transfer
from ldm_lab.widgets import TransferStrip

pytestmark = pytest.mark.browser
RATE, SAMPLES = 16000, 16000


@pytest.fixture(scope="module")
def series(tiny) -> Series:
    chirp = 0.5 * torch.sin(2 * torch.pi * (300 + 1500 * torch.arange(SAMPLES) / RATE) * torch.arange(SAMPLES) / RATE)
    return transfer(tiny, chirp, "a bell", strengths=(0.0, 0.3, 0.6, 1.0), steps=2, progress=False)


@pytest.fixture
def strip(tiny, series) -> TransferStrip:
    return TransferStrip.of(series, ldm=tiny)


@pytest.fixture
def page(open_widget, strip):
    return open_widget(strip, live=True, height=760)


def marked(page) -> tuple[str, str, str]:
    """What the page marks: thumbnail, slider in words, the sentence."""
    return (page.locator(".ldm-thumbs button[aria-pressed=true]").get_attribute("aria-label"),
            page.get_by_label("Strength", exact=True).get_attribute("aria-valuetext"), page.locator(".ldm-now").text_content())


def test_the_slider_moves_everything_by_keyboard(page, strip):
    slider = page.get_by_label("Strength", exact=True)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    settled(page)
    assert (strip.index, strip.strength, strip.active) == (3, 0.6, 3)
    to_prompt, to_source = (strip.similarity[name][3] for name in ("to_prompt", "to_source"))
    assert marked(page) == ("strength 0.6", "0.6",
                            f"strength 0.6: similarity to the prompt {to_prompt:.2f}, to the source {to_source:.2f}.")
    page.keyboard.press("Home")
    settled(page)
    assert (strip.index, strip.strength) == (0, None)
    assert marked(page)[:2] == ("original", "original")
    assert slider.evaluate("input => getComputedStyle(input).outlineStyle") == "solid"


def test_thumbnails_and_curves_are_clicked(page, strip):
    page.locator(".ldm-thumbs button").nth(4).click()
    settled(page)
    assert strip.strength == 1.0
    assert page.evaluate("document.activeElement.type") == "range"  # the arrows go on from here
    chart = page.locator(".ldm-row svg").bounding_box()
    page.mouse.click(chart["x"] + 34 + (chart["width"] - 34) * 0.3, chart["y"] + 40)
    settled(page)
    assert strip.strength == 0.0


def test_each_thumbnail_is_its_sound(page, strip):
    for i, version in enumerate(strip.versions):
        cells = np.frombuffer(version["mel"], np.uint8).reshape(-1, 64).T[::-1].astype(float)
        drawn = pixels(page, 0, 0, cells.shape[1], 64, selector=f".ldm-thumbs button:nth-child({i + 1}) canvas").sum(axis=2)
        assert np.corrcoef(cells.ravel(), drawn.ravel())[0, 1] > 0.97
    middle = page.evaluate("""() => [...document.querySelectorAll('.ldm-thumbs button')].map((node, i, all) => {
        const box = node.getBoundingClientRect(), input = document.querySelector('input[type=range]').getBoundingClientRect();
        return [box.x + box.width / 2, input.x + 8 + (input.width - 16) * i / (all.length - 1)] })""")
    assert all(abs(thumb - knob) < 3 for thumb, knob in middle)  # the slider stands above its picture


def test_curves_hold_the_similarities(page, strip):
    tall, edge = 104, 9
    for name in ("to_prompt", "to_source"):
        points = page.locator(f".ldm-{name} polyline").get_attribute("points").split()
        heights = [1 - (float(point.split(",")[1]) - edge) / (tall - 2 * edge) for point in points]
        low = min(0, *strip.similarity["to_prompt"], *strip.similarity["to_source"])
        expected = [(value - low) / (1 - low) for value in strip.similarity[name]]
        assert heights == pytest.approx(expected, abs=1e-3)
    words = page.locator(".ldm-row svg").get_attribute("aria-label")
    assert f"strength 1: similarity to the prompt {strip.similarity['to_prompt'][4]:.2f}" in words


def test_the_sound_changes_in_place_while_it_plays(page, strip):
    page.get_by_role("button", name="Loop").click()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("model.get('playing')")
    page.evaluate("globalThis.__at = __ldmLab.playing.startedAt")
    page.get_by_label("Strength", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("[__ldmLab.playing.active, __ldmLab.playing.startedAt === __at]") == [2, True]  # nothing began anew
    page.wait_for_function("__ldmLab.playing.nodes.map(({ gain }) => gain.gain.value > 0.99).indexOf(true) === 2")
    gains = page.evaluate("__ldmLab.playing.nodes.map(({ gain }) => Math.round(gain.gain.value))")
    assert gains == [0, 0, 1, 0, 0]
    page.keyboard.press("Space")  # on the slider, too
    page.wait_for_function("!model.get('playing')")
    settled(page)
    heard = render_offline(page, active=2, samples=SAMPLES)
    assert np.abs(heard - strip.series[1].audio[0].numpy()).max() < 1e-3


def test_another_prompt_runs_another_series(page, strip):
    page.locator(".ldm-thumbs button").nth(2).click()
    before = page.locator(".ldm-thumbs canvas").nth(4).evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("textbox", name="Prompt").fill("thunder")
    page.locator("summary").click()
    page.get_by_label("Steps").fill("1")
    page.get_by_label("Strengths").fill("0.3, 0.6 1")
    page.get_by_role("textbox", name="Prompt").press("Enter")
    settled(page)
    assert strip.series[0].prompts == ("thunder",)
    assert (strip.labels, strip.index) == (["original", "strength 0.3", "strength 0.6", "strength 1"], 2)
    assert page.locator(".ldm-thumbs canvas").count() == 4
    assert page.locator(".ldm-thumbs canvas").nth(3).evaluate("canvas => canvas.toDataURL()") != before
    assert marked(page)[1] == "0.6"
    assert page.locator("[role=status]").inner_text() == strip.status
    page.get_by_label("Strengths").fill("0.3, loud")
    page.get_by_role("button", name="Transfer").click()
    settled(page)
    assert "strengths[1]: got 'loud'" in page.locator("[role=status]").inner_text()
    assert page.locator(".ldm-thumbs canvas").count() == 4


def test_a_ready_series_has_no_prompt_field_and_no_curve_that_is_unknown(open_widget, series):
    page = open_widget(TransferStrip.of(series), live=True, height=760)
    assert not page.get_by_role("textbox", name="Prompt").is_visible()
    assert not page.get_by_role("button", name="Transfer").is_visible()
    assert page.locator(".ldm-to_source rect").count() == 0
    assert page.locator(".ldm-to_prompt rect").count() == 4  # the original's is unknown
    assert "source" not in page.locator(".ldm-key").inner_text()
    assert marked(page)[2] == "original."


def test_python_moves_the_page(page, receive):
    receive(page, active=4)
    assert marked(page)[:2] == ("strength 1", "1")
    assert page.get_by_label("Strength", exact=True).input_value() == "4"


def test_accessible_with_all_options_in_a_narrow_dark_cell(open_widget, strip):
    page = open_widget(strip, dark=True, width=420, height=900)
    page.locator("summary").click()
    accessible(page)
    fits_its_cell(page, ".ldm-transfer")
    screenshot(page, "strip-narrow")
