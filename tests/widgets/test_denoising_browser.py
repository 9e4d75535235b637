"""The denoising scrubber in a page, with the real Python behind it: scrubbing, hearing, recognising."""

import numpy as np
import pytest
from browser_tools import accessible, asked, from_page, pixels, render_offline, screenshot, settled, written

from ldm_lab.widgets import DenoisingScrubber, picture

pytestmark = pytest.mark.browser
SAMPLES = 40960  # 2.56 s: long enough to scrub while it plays
LISTEN = """() => { // notes the sounds that go to the loudspeaker, and from where on they are played
    globalThis.played = []; globalThis.starts = [];
    const { copyToChannel } = AudioBuffer.prototype; const { start } = AudioBufferSourceNode.prototype;
    AudioBuffer.prototype.copyToChannel = function (samples, channel) {
      played.push(samples); return copyToChannel.call(this, samples, channel) };
    AudioBufferSourceNode.prototype.start = function (when, offset) {
      starts.push(offset); return start.call(this, when, offset) } }"""


@pytest.fixture(scope="module")
def made(tiny):
    return DenoisingScrubber(tiny, "rain", samplers=("ddim", "unipc", "heun"), steps=4, progress=False)


@pytest.fixture
def scrubber(made):
    made.step, made.kind, made.active, made.recognised, made.box, made.position = 1, "guess", 0, {}, [], 0.0
    made.status, made.wrong, made.playing, made.loop = "", False, False, False
    return made


@pytest.fixture
def page(open_widget, scrubber):
    opened = open_widget(scrubber, live=True, height=700)
    opened.evaluate(LISTEN)
    return opened


def press(page, *keys: str) -> None:
    """Keys on the slider; then everything that Python has to say about it."""
    page.get_by_label("Step", exact=True).focus()
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def words(page) -> str:
    return page.locator(".ldm-range output").inner_text()


def test_arrows_and_mouse_scrub_and_python_follows(page, scrubber):
    press(page, "ArrowRight", "ArrowRight")
    assert scrubber.step == 3
    assert words(page) == "3 of 4, 50 % of the way"
    assert page.get_by_label("Step", exact=True).get_attribute("aria-valuetext") == words(page)
    assert page.locator(".ldm-sigma").nth(1).inner_text() == f"\u03c3 {scrubber.sigma(3, 'unipc'):.2g} \u00b7 8 passes"
    press(page, "End")
    assert (scrubber.step, words(page)) == (5, "finished")
    assert page.locator(".ldm-transcript").inner_text().startswith("Finished after 4 steps")
    box = page.get_by_label("Step", exact=True).bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    settled(page)
    assert scrubber.step == 3


def test_pictures_of_either_kind_come_once_and_show_the_step_of_each_sampler(page, scrubber):
    top = picture.top_level([trace.mel.numpy() for trace in scrubber.traces.values()], scrubber.ldm.config.mel)
    for keys, step in ((["ArrowRight"], 2), (["End"], 5)):
        press(page, *keys)
        for i, name in enumerate(scrubber.samplers, 1):
            tile = f".ldm-tiles button:nth-child({i}) canvas"
            painted = pixels(page, 0, 0, *page.locator(tile).evaluate("c => [c.width, c.height]"), selector=tile)
            expected = picture.colours(picture.levels(scrubber.mel(step, name).numpy(), top).T[::-1])
            assert painted.shape == expected.shape
            assert np.abs(painted - expected).max() <= 1
    assert asked(page, "pictures") == [{"kind": "guess"}]
    press(page, "Home")
    before = page.locator(".ldm-tiles canvas").first.evaluate("c => c.toDataURL()")
    page.get_by_role("radio", name="the noisy x").click()
    settled(page)
    assert scrubber.kind == "noisy"
    assert page.locator(".ldm-tiles canvas").first.evaluate("c => c.toDataURL()") != before
    assert page.locator(".ldm-transcript").inner_text().startswith("Noisy x in step 1 of 4")
    assert asked(page, "pictures")[1:] == [{"kind": "noisy"}]


def test_sounds_come_when_wanted_and_only_once(page):
    assert asked(page, "sound") == []  # the first one is in the first message
    for key in [*["ArrowRight"] * 4, *["ArrowLeft"] * 4, "End"]:
        press(page, key)
    assert asked(page, "sound") == [{"step": step, "kind": "guess"} for step in (2, 3, 4, 5)]


def test_a_hand_that_hurries_leaves_steps_out(page, scrubber):
    page.evaluate("() => { for (const step of [2, 3, 4, 2, 3]) { model.set('step', step); model.save_changes() } }")
    settled(page)
    assert asked(page, "sound") == [{"step": 2, "kind": "guess"}, {"step": 3, "kind": "guess"}]
    assert page.locator(".ldm-transcript").inner_text().startswith("Guess in step 3 of 4")


def test_the_sound_is_pythons_and_goes_on_at_its_place_in_another_step(page, scrubber):
    for active, name in enumerate(scrubber.samplers):
        sound = render_offline(page, samples=SAMPLES, active=active)
        assert np.abs(sound - scrubber.wav(1, name).numpy()).max() < 1e-3
    position = "Number(document.querySelector('.ldm-slider').getAttribute('aria-valuenow'))"
    scrubber.moment(2)  # decoded beforehand: a busy machine must not let the sound end first
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(f"{position} > 0.3")
    press(page, "ArrowRight")
    assert page.get_by_role("button", name="Pause").is_visible()
    sounds = [np.frombuffer(from_page(page, "async (i) => played.at(i)", -i), "<f4") for i in (3, 2, 1)]
    for sound, name in zip(sounds, scrubber.samplers):
        assert np.abs(sound - scrubber.wav(2, name).numpy()).max() < 1e-3
    offset = page.evaluate("starts.at(-1)")
    assert 0.3 <= offset < 2.0  # from where it was, not from the start
    page.wait_for_function(f"{position} > {offset} + 0.2")


def test_pictures_choose_the_sampler_by_mouse_and_by_keyboard(page, scrubber):
    page.get_by_role("radio", name="heun").click()
    settled(page)
    assert scrubber.heard == "heun"
    page.keyboard.press("ArrowLeft")
    settled(page)
    assert scrubber.heard == "unipc"
    assert page.evaluate("document.activeElement.textContent").startswith("unipc")
    assert page.get_by_role("radio", name="unipc").get_attribute("aria-checked") == "true"
    assert page.locator(".ldm-tiles [tabindex='0']").count() == 1


def test_recognising_marks_the_step_and_pressing_again_forgets_it(page, scrubber):
    press(page, "ArrowRight", "r")
    assert scrubber.recognised == {"ddim": 2}
    assert page.locator(".ldm-known").inner_text() == "Recognised: ddim in step 2."
    page.get_by_role("radio", name="heun").click()
    press(page, "End")
    page.get_by_role("button", name="I recognise it").click()
    settled(page)
    assert scrubber.recognised == {"ddim": 2, "heun": 5}
    assert page.locator(".ldm-known").inner_text() == "Recognised: ddim in step 2, heun only when finished."
    track = page.get_by_label("Step", exact=True).bounding_box()
    marks = [mark.bounding_box() for mark in page.locator(".ldm-marks span").all()]
    assert marks[0]["x"] == pytest.approx(track["x"] + 8 + (track["width"] - 16) / 4, abs=2)
    assert marks[1]["x"] == pytest.approx(track["x"] + track["width"] - 8, abs=2)
    page.keyboard.press("r")
    settled(page)
    assert scrubber.recognised == {"ddim": 2}


def test_letters_in_the_prompt_are_letters_and_enter_denoises(page, scrubber):
    before = scrubber.take
    page.get_by_label("Prompt").fill("thunder ")
    page.keyboard.type("r")
    page.keyboard.press("Enter")
    settled(page)
    assert (scrubber.prompt, scrubber.take, scrubber.recognised) == ("thunder r", before + 1, {})
    assert page.locator(".ldm-player .ldm-title").inner_text() == "thunder r"
    assert len(asked(page, "pictures")) == 2
    page.get_by_label("Seed").fill("-1")
    page.get_by_role("button", name="Denoise").click()
    settled(page)
    assert "seed: got -1, expected a whole number" in page.locator(".ldm-status").inner_text()
    assert scrubber.seed == 0
    page.get_by_label("Seed").fill("0")
    page.get_by_label("Prompt").fill("rain")
    page.get_by_role("button", name="Denoise").click()
    settled(page)
    assert (scrubber.prompt, scrubber.wrong) == ("rain", False)


def test_the_steps_run_by_themselves_to_the_end(page, scrubber):
    press(page, "End")
    page.get_by_role("button", name="Run through").click()
    assert words(page).startswith("1 of 4")
    page.wait_for_function("document.querySelector('.ldm-range output').textContent === 'finished'")
    settled(page)
    assert scrubber.step == 5
    assert [step for step in written(page, "step")][-5:] == [1, 2, 3, 4, 5]
    assert page.get_by_role("button", name="Run through").get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_used_by_everybody(open_widget, scrubber, dark):
    scrubber.recognised, scrubber.step = {"unipc": 2}, 3
    page = open_widget(scrubber, live=True, dark=dark, height=700)
    accessible(page)
    screenshot(page, f"denoising-{'dark' if dark else 'light'}")
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"


def test_it_leaves_nothing_behind(page):
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Run through").click()
    page.evaluate("() => { globalThis.cleared = []; const clear = clearInterval;"
                  "globalThis.clearInterval = (id) => { cleared.push(id); clear(id) }; cleanup() }")
    settled(page)
    assert page.evaluate("model.count()") == 0
    assert page.evaluate("cleared.some((id) => id > 0)")
    assert page.locator("#root *").count() == 0
    assert page.evaluate("globalThis.__ldmLab?.playing ?? null") is None
