"""The latent mixer in a real Chromium, with the real Python behind it: faders, keys, live sound, pictures."""

import numpy as np
import pytest
from browser_tools import accessible, from_page, pixels, screenshot, settled

from ldm_lab.widgets import LatentMixer
from ldm_lab.widgets.signed import signed

pytestmark = pytest.mark.browser
RATE = 16000


@pytest.fixture
def mixer(tiny):
    seconds = np.arange(int(0.64 * RATE)) / RATE
    wav = (0.4 * np.sin(2 * np.pi * (300 + 900 * seconds) * seconds)).astype(np.float32)
    return LatentMixer(tiny, wav, title="chirp", loop=True)


@pytest.fixture
def page(open_widget, mixer):
    return open_widget(mixer, live=True, height=900)


def play(page) -> None:
    page.locator(".ldm-play").click()
    page.wait_for_function("model.get('playing') && globalThis.__ldmLab.playing")


def heard(page, version: int = 2) -> np.ndarray:
    """What the page plays as this version."""
    return np.frombuffer(from_page(page, "(i) => __ldmLab.playing.versions[i]", version), dtype="<f4")


def fader(page, channel: int):
    return page.get_by_label(f"Gain of channel {channel}", exact=True)


def asks(page) -> int:
    """How often the page has asked for a mix that it did not know."""
    return page.evaluate("model.sent.filter(([content]) => content.ask === 'mix' && !content.with.known).length")


def test_a_fader_is_heard_while_it_plays(page, mixer):
    play(page)
    before = heard(page)
    fader(page, 1).focus()
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    settled(page)
    assert mixer.gains[1] == pytest.approx(1.2)
    assert page.evaluate("model.get('playing')")
    assert np.abs(heard(page) - mixer.wav.numpy()).max() < 1e-3
    assert np.abs(heard(page) - before).max() > 1e-3
    assert np.abs(heard(page, 1) - mixer._mixing.plain.wav.numpy()).max() < 1e-3
    assert page.locator(".ldm-status").inner_text() == mixer.status
    assert "1 with another gain" in mixer.status


def test_dragging_asks_for_the_newest_only(page, mixer):
    box = fader(page, 0).bounding_box()
    x = box["x"] + box["width"] / 2
    page.evaluate("""() => { globalThis.moves = 0;
        document.querySelector('.ldm-strip input').addEventListener('input', () => { moves += 1 }) }""")
    page.mouse.move(x, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in np.linspace(0.5, 0.1, 25):
        page.mouse.move(x, box["y"] + share * box["height"])
    page.mouse.up()
    settled(page)
    moves = page.evaluate("moves")
    assert moves > 8
    assert 1 <= asks(page) <= moves
    assert mixer.gains[0] == pytest.approx(float(fader(page, 0).input_value()))
    assert mixer.gains[0] > 1.5
    known = asks(page)
    for _ in range(3):
        page.get_by_role("button", name="Solo channel 1").click()
        settled(page)
    assert asks(page) == known + 1  # there, back and there again: only the first is news
    assert mixer.solo == [1]


def test_an_echo_does_not_pull_the_fader_back(open_widget, mixer, receive):
    page = open_widget(mixer, height=900)  # nobody answers: the first request stays on its way
    one = fader(page, 0)
    one.press("ArrowUp")
    first = page.evaluate("model.sent.map(([content]) => content).filter((c) => c.ask === 'mix')[0].with.gains")
    assert first[0] == 1.05
    one.press("ArrowUp")
    one.press("ArrowUp")
    receive(page, gains=first)
    assert one.input_value() == "1.15"
    receive(page, gains=[0.5] * len(mixer.gains))
    assert one.input_value() == "0.5"


def test_solo_and_mute_by_mouse(page, mixer):
    page.get_by_role("button", name="Mute channel 0").click()
    settled(page)
    assert mixer.muted == [0]
    assert page.get_by_role("button", name="Mute channel 0").get_attribute("aria-pressed") == "true"
    assert "ldm-off" in page.locator(".ldm-strip").first.get_attribute("class")
    page.get_by_role("button", name="Solo channel 2").click()
    settled(page)
    assert mixer.solo == [2]
    assert sum(mixer.applied) == 1.0
    assert page.locator(".ldm-strip.ldm-off").count() == len(mixer.gains) - 1
    page.get_by_role("button", name="Reset").click()
    settled(page)
    assert mixer.applied == [1.0] * len(mixer.gains)


def test_all_by_keyboard(page, mixer):
    fader(page, 0).focus()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2
    page.keyboard.press("m")
    page.keyboard.press("ArrowDown")
    settled(page)
    assert (mixer.muted, mixer.gains[0]) == ([0], 0.95)
    page.keyboard.press("m")
    page.keyboard.press("r")
    page.keyboard.press("s")
    settled(page)
    assert (mixer.muted, mixer.gains[0], mixer.solo) == ([], 1.0, [0])
    page.keyboard.press("]")
    page.keyboard.press("]")
    settled(page)
    assert mixer.solo == [2]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Gain of channel 2"
    page.keyboard.press("[")
    settled(page)
    assert mixer.solo == [1]
    page.keyboard.press("Space")
    page.wait_for_function("model.get('playing')")
    page.keyboard.press("Space")
    page.wait_for_function("!model.get('playing')")


def test_presets(page, mixer):
    page.get_by_role("button", name="All off").click()
    settled(page)
    assert mixer.applied == [0.0] * len(mixer.gains)
    assert "not silence" in page.locator(".ldm-status").inner_text()
    strongest = page.get_by_label("Only the strongest")
    strongest.focus()
    page.keyboard.press("Home")
    settled(page)
    best = int(np.argmax(mixer.energy))
    assert [channel for channel, gain in enumerate(mixer.applied) if gain] == [best]
    page.keyboard.press("End")
    settled(page)
    assert mixer.muted == []
    page.get_by_role("button", name="Solo channel").first.click()
    assert page.locator(".ldm-controls output").inner_text() == "\u2013"


def test_touching_a_fader_goes_back_to_the_mix(page, mixer):
    page.get_by_role("radio", name="original").click()
    settled(page)
    assert mixer.active == 0
    fader(page, 0).press("ArrowUp")
    settled(page)
    assert mixer.active == 2
    assert page.get_by_role("radio", name="mix").get_attribute("aria-checked") == "true"


def test_python_moves_the_faders(page, mixer, receive):
    play(page)
    mixer.gains = [0.5] * len(mixer.gains)
    mixer.muted = [1]
    receive(page, gains=mixer.gains, muted=mixer.muted)
    settled(page)
    assert fader(page, 0).input_value() == "0.5"
    assert np.abs(heard(page) - mixer.wav.numpy()).max() < 1e-3


def test_a_page_that_lags_behind_does_not_undo_what_python_did(page, mixer, receive):
    play(page)
    mixer.reset()  # Python muted all and took it back; the page has only heard of the first
    receive(page, muted=list(range(len(mixer.gains))))
    settled(page)
    assert mixer.muted == []
    assert mixer.applied == [1.0] * len(mixer.gains)
    receive(page, muted=mixer.muted)
    settled(page)
    assert np.abs(heard(page) - mixer.wav.numpy()).max() < 1e-3


def test_gains_travel_with_the_request(open_widget, mixer):
    page = open_widget(mixer, live=True, height=900)
    page.evaluate("model.save_changes = () => {}")  # a front end that holds changed traits back
    play(page)
    fader(page, 0).press("ArrowUp")
    page.wait_for_function("model.sent.length > 0 && model.waiting === 0")
    assert mixer.gains[0] == pytest.approx(1.05)
    assert np.abs(heard(page) - mixer.wav.numpy()).max() < 1e-3


def test_a_mix_that_python_had_before_the_page_came(open_widget, mixer):
    mixer.muted = [0]
    page = open_widget(mixer, live=True, height=900)
    play(page)
    assert np.abs(heard(page) - mixer.wav.numpy()).max() < 1e-3
    assert asks(page) == 1


def test_pictures_show_the_channel_times_its_gain(page, mixer):
    channel = mixer.latent[0].T.flip(0).numpy()
    height, width = channel.shape
    shown = pixels(page, 0, 0, width, height, selector=".ldm-strip canvas")
    assert np.abs(shown - signed(channel).astype(float)).max() <= 3  # a byte a value
    assert shown.std() > 5
    fader(page, 0).press("End")  # 0 to 2 from the bottom: full gain saturates what was above half
    fader(page, 0).press("Home")
    settled(page)
    assert mixer.gains[0] == 0.0
    assert pixels(page, 0, 0, width, height, selector=".ldm-strip canvas").min() == 247


def test_what_muting_a_channel_changes(page, mixer):
    assert page.locator(".ldm-loss").first.is_hidden()
    page.get_by_role("button", name="Measure").click()
    settled(page)
    shown = [float(text.split()[0]) for text in page.locator(".ldm-loss").all_inner_texts()]
    assert shown == pytest.approx(mixer.losses, abs=0.51)
    assert page.get_by_role("button", name="Measure").is_disabled()


@pytest.mark.parametrize(("dark", "width"), [(False, 760), (True, 420)])
def test_everyone_can_use_it(open_widget, mixer, dark, width):
    mixer.muted, mixer.solo = [0], [1]
    page = open_widget(mixer, live=True, dark=dark, width=width, height=900)
    accessible(page)
    screenshot(page, f"mixer-{'dark' if dark else 'light'}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_cleanup_leaves_nothing_behind(page):
    play(page)
    page.get_by_role("button", name="Mute channel 0").click()
    page.evaluate("cleanup()")
    settled(page)
    assert page.evaluate("model.count()") == 0
    assert page.locator("#root *").count() == 0
    assert page.evaluate("__ldmLab.playing") is None
