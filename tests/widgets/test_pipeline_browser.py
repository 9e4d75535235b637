"""The pipeline map's page in a real Chromium, with the real widget behind it: boxes, keys, pictures, sounds, runs."""

import numpy as np
import pytest
from browser_tools import accessible, from_page, pixels, screenshot, settled, written

from ldm_lab.trace import follow
from ldm_lab.widgets import PipelineMap
from ldm_lab.widgets.signed import signed
from ldm_lab.widgets.stack.diagram import BOXES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def trace(tiny):
    return follow(tiny, "a <b>dog</b> barking", seed=3, steps=4, seconds=0.64)


@pytest.fixture
def stack(trace):
    return PipelineMap.of(trace)


def choose(page, name: str) -> None:
    page.locator(f"[data-box={name}]").click()
    page.wait_for_selector(f"[data-box={name}][aria-pressed=true]")
    settled(page)
    page.wait_for_function("document.querySelector('.ldm-about').textContent.length > 20")


def test_the_map_names_its_boxes_and_what_left_them(open_widget, stack):
    page = open_widget(stack, live=True)
    assert page.locator(".ldm-box .ldm-name").all_inner_texts() == [box.title for box in BOXES]
    words = page.locator(".ldm-stack").inner_text().replace("\u00a0", " ")
    for part in ("a <b>dog</b> barking", "64 frames x 64 bands", "10240 samples", "187 k weights"):
        assert part in words
    times = page.locator(".ldm-times li").all_inner_texts()
    assert [entry.split("(")[0].rsplit(" ", 3)[0] for entry in times] == [entry["title"] for entry in stack.times]
    shares = page.evaluate("[...document.querySelectorAll('.ldm-bar-of-time span')].map((n) => Number(n.style.flexGrow))")
    spent = [entry["seconds"] for entry in stack.times]
    assert shares == pytest.approx([one / sum(spent) for one in spent], abs=1e-3)


def test_a_click_shows_what_left_a_box(open_widget, stack, trace):
    page = open_widget(stack, live=True)
    choose(page, "latent")
    assert stack.selected == "latent"
    assert page.locator(".ldm-heading").inner_text() == "The latent"
    assert page.locator(".ldm-channels figure").count() == len(trace.z)
    assert page.locator(".ldm-detail .ldm-player").is_hidden()  # it has no sound
    assert "(4, 8, 8)" in page.locator(".ldm-facts").inner_text()
    shown = pixels(page, 0, 0, 8, 8, selector=".ldm-channels canvas")
    assert np.abs(shown - signed(trace.z[0].T.flip(0).numpy(), limit=3.0)).max() <= 3
    choose(page, "vocoder")
    assert page.locator(".ldm-heading").inner_text() == "What left the vocoder: the sound"
    assert page.locator(".ldm-detail .ldm-player").is_visible()
    choose(page, "prompt")
    assert page.locator(".ldm-pieces b").all_inner_texts()[:3] == ["[start]", "a", "<"]
    choose(page, "embedding")
    assert page.locator("tbody tr").count() == 5
    assert page.locator("tbody th").all_inner_texts() == [text for text, _ in stack.nearest()]


def test_keys_walk_over_the_map_as_it_is_drawn(open_widget, stack):
    page = open_widget(stack, live=True)
    chosen = "document.activeElement.dataset.box"
    page.locator("[data-box=sound]").focus()  # the one tab stop of the map
    assert page.locator(".ldm-box[tabindex='0']").count() == 1
    for key, name in (("ArrowLeft", "vocoder"), ("ArrowUp", "unet"), ("ArrowRight", "noise"), ("ArrowRight", "noise"),
                      ("ArrowDown", "sound"), ("ArrowUp", "noise")):
        page.keyboard.press(key)
        assert page.evaluate(chosen) == name
    assert stack.selected == "sound"
    page.keyboard.press("Enter")
    settled(page)
    assert stack.selected == "noise"
    assert float(page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")) >= 2
    narrow = open_widget(PipelineMap.of(stack.trace), live=True, width=420)
    narrow.locator("[data-box=embedding]").focus()
    walked = []
    for _ in range(4):
        narrow.keyboard.press("ArrowDown")
        walked.append(narrow.evaluate(chosen))
    assert walked == ["noise", "unet", "latent", "autoencoder"]


def test_the_slider_goes_through_the_guesses(open_widget, stack):
    page = open_widget(stack, live=True)
    choose(page, "unet")
    slider = page.get_by_role("slider", name="Step", exact=True)
    slider.focus()
    page.keyboard.press("Home")
    settled(page)
    assert stack.step == 1
    page.wait_for_function("document.querySelector('.ldm-transcript').textContent.startsWith('The guess in step 1 of 4')")
    asked = page.evaluate("model.sent.length")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.ldm-transcript').textContent.startsWith('The guess in step 2 of 4')")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('.ldm-transcript').textContent.startsWith('The guess in step 1 of 4')")
    assert page.evaluate("model.sent.length") == asked + 1  # nothing is asked twice


@pytest.mark.parametrize("name", ["noise", "unet", "mel", "sound"])
def test_the_sound_in_the_page_is_pythons(open_widget, stack, trace, name):
    page = open_widget(stack, live=True)
    raw = from_page(page, """async (name) => {
        const { sound } = await widget.ask(model, 'box', { name, step: 1 });
        const context = new OfflineAudioContext(1, 10240, 16000);
        widget.schedule(context, [widget.decode(sound.versions[0].pcm)], 16000);
        return (await context.startRendering()).getChannelData(0) }""", name)
    assert np.abs(np.frombuffer(raw, "<f4") - stack.wav(name, step=1).numpy()).max() < 1e-3


def test_another_prompt_from_the_page(open_widget, stack):
    page = open_widget(stack, live=True)
    choose(page, "prompt")
    before = stack.trace
    page.get_by_label("Prompt", exact=True).fill("rain on a roof")
    page.keyboard.press("Enter")
    page.wait_for_function("model.get('status').startsWith('made in')")
    assert stack.trace is not before
    assert stack.prompt == "rain on a roof"
    page.wait_for_selector(".ldm-pieces >> text=roof")
    assert "rain on a roof" in page.locator("[data-box=prompt]").inner_text()
    kept = stack.trace
    page.get_by_label("Prompt", exact=True).fill("x" * 100_001)
    page.get_by_role("button", name="Run again").click()
    page.wait_for_selector(".ldm-wrong >> text=shorten it")
    assert stack.trace is kept
    page.wait_for_selector("button.ldm-main:enabled")


def test_python_chooses_boxes_and_steps(open_widget, stack, receive):
    page = open_widget(stack, live=True)
    receive(page, selected="mel")
    page.wait_for_function("document.querySelector('.ldm-heading').textContent === 'The log-mel'")
    assert "Griffin-Lim" in page.locator(".ldm-transcript").inner_text()
    receive(page, selected="unet", step=3)
    page.wait_for_function("document.querySelector('.ldm-heading').textContent.includes('step 3')")
    assert written(page, "selected") == []


@pytest.mark.parametrize(("dark", "names"), [(False, ["embedding"]), (True, ["unet", "latent"])])
def test_every_box_is_accessible(open_widget, stack, dark, names):
    page = open_widget(stack, live=True, dark=dark, width=420 if dark else 760)
    for name in names:
        choose(page, name)
        accessible(page)
        screenshot(page, f"pipeline_{name}_{'dark' if dark else 'light'}")


def test_cleanup_leaves_nothing_behind(open_widget, stack):
    page = open_widget(stack, live=True)
    page.locator(".ldm-detail .ldm-play").click()
    page.wait_for_function("document.querySelector('.ldm-play').getAttribute('aria-label') === 'Pause'")
    page.evaluate("cleanup()")
    assert page.evaluate("[model.count(), document.querySelectorAll('#root *').length, __ldmLab.playing]") == [0, 0, None]
