"""The studio's page, with the real studio behind it."""

import json

import numpy as np
import pytest
import soundfile
from browser_tools import accessible, render_offline, screenshot, settled

from ldm_lab.widgets import PromptStudio, Studio

pytestmark = pytest.mark.browser


@pytest.fixture
def studio(tiny):
    return Studio(tiny, prompt="rain", steps=2, seconds=0.64)


def test_by_keyboard_from_prompt_to_sound(open_widget, tiny):
    studio = Studio(tiny, steps=2, seconds=0.64, first=False)
    page = open_widget(studio, live=True, height=900)
    assert page.locator(".ldm-shelf-box").is_hidden()
    page.get_by_label("Prompt").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("a bell")
    page.keyboard.press("Enter")
    settled(page)
    assert studio.result.prompts == ("a bell",)
    assert "Made in" in page.get_by_role("status").inner_text()
    assert page.locator(".ldm-shelf li").count() == 1
    heard = render_offline(page, samples=len(studio.wav))
    assert np.abs(heard - studio.wav.numpy()).max() < 1e-3


def test_another_task_another_seed_and_compare(open_widget, studio):
    page = open_widget(studio, live=True, height=900)
    page.get_by_role("radio", name="Transfer").click()
    assert page.locator(".ldm-main").inner_text() == "Transfer"
    assert page.get_by_label("Seconds", exact=True).is_hidden()
    page.get_by_label("Strength").press("ArrowRight")
    page.get_by_role("button", name="New seed").click()
    page.get_by_role("button", name="Transfer").click()
    settled(page)
    assert studio.result.config["edit"]["name"] == "transfer"
    assert studio.form["strength"] == pytest.approx(0.55)
    assert studio.result.config["seeds"] == [studio.form["seed"]]
    assert studio.heard == 2
    page.locator("[data-key=show-1]").click()
    settled(page)
    assert studio.heard == 1
    page.get_by_label("Compare sound 2").uncheck()
    settled(page)
    assert (studio.shown, studio.heard) == ([1], 1)
    assert page.evaluate("document.activeElement.dataset.key") == "compare-2"


def test_a_dragged_box_is_inpainted(open_widget, studio):
    page = open_widget(studio, live=True, height=900)
    before = studio.wav
    page.get_by_role("radio", name="Inpaint").click()
    place = page.locator(".ldm-slider").bounding_box()
    page.mouse.move(place["x"] + 0.4 * place["width"], place["y"] + 2)
    page.mouse.down()
    page.mouse.move(place["x"] + 0.7 * place["width"], place["y"] + place["height"] - 2, steps=3)
    page.mouse.up()
    page.get_by_role("button", name="Inpaint").click()
    settled(page)
    assert studio.wrong is False, studio.status
    edit = studio.result.config["edit"]
    assert (edit["low_hz"], edit["high_hz"]) == (None, None)
    assert edit["start"] == pytest.approx(0.4 * 0.64, abs=0.01)
    assert np.array_equal(studio.wav[:3000], before[:3000])


def test_mistakes_are_said_and_nothing_is_lost(open_widget, studio):
    page = open_widget(studio, live=True, height=900)
    page.get_by_role("radio", name="Inpaint").click()
    page.get_by_role("button", name="Inpaint").click()
    settled(page)
    assert "no box yet" in page.get_by_role("status").inner_text()
    assert page.locator(".ldm-wrong").count() == 1
    assert page.locator(".ldm-main").is_enabled()
    assert len(studio.shelf) == 1


def test_files_come_in_and_go_out(open_widget, studio, tmp_path):
    page = open_widget(studio, live=True, height=900)
    wav = (0.5 * np.sin(np.arange(8000) / 9)).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", wav, 16000)
    page.set_input_files("input[type=file]", tmp_path / "tone.wav")
    settled(page)
    assert studio.shelf[0]["name"] == "tone"
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download sound 1").click()
    waiting.value.save_as(tmp_path / "got.wav")
    with soundfile.SoundFile(tmp_path / "got.wav") as file:
        assert json.loads(file.comment)["prompt"] == "rain"
        assert len(file) == len(studio._entries[1].wav)
    page.get_by_role("button", name="Remove sound 1").click()
    settled(page)
    assert [row["id"] for row in studio.shelf] == [2]


def test_the_prompt_studio_has_one_page(open_widget, tiny):
    page = open_widget(PromptStudio(tiny, prompt="rain", steps=2, seconds=0.64), live=True, height=700)
    assert page.get_by_role("radiogroup", name="Task").count() == 0
    assert page.get_by_text("Bring a sound file").is_hidden()
    page.get_by_text("Examples").click()
    page.get_by_role("button", name="ocean waves").click()
    settled(page)
    assert page.evaluate("model.get('form').prompt") == "ocean waves"
    assert page.get_by_label("Prompt", exact=True).input_value() == "ocean waves"


@pytest.mark.parametrize("dark", [False, True])
def test_accessible_and_tidy(open_widget, studio, dark):
    page = open_widget(studio, dark=dark, live=True, height=900)
    page.get_by_text("More options").click()
    accessible(page)
    screenshot(page, f"studio-{'dark' if dark else 'light'}")
    page.evaluate("cleanup()")
    assert page.evaluate("model.count()") == 0
    assert page.locator("#root *").count() == 0
