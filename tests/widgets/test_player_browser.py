"""The player's ES module in a real Chromium: picture, sound, mouse, keyboard, clean-up."""

import numpy as np
import pytest
from browser_tools import pixels, render_offline, written

from ldm_lab.widgets import player
from ldm_lab.widgets.picture import RAMP, colours

pytestmark = pytest.mark.browser
RATE = 16000


@pytest.fixture
def chirp() -> np.ndarray:
    seconds = np.arange(2 * RATE) / RATE
    return (0.6 * np.sin(2 * np.pi * (300 * seconds + 400 * seconds**2))).astype(np.float32)


@pytest.fixture
def page(open_widget, chirp):
    return open_widget(player(chirp, title="chirp", transcript="A tone rises for two seconds."))


def position(page) -> float:
    return page.evaluate("Number(document.querySelector('.ldm-slider').getAttribute('aria-valuenow'))")


def test_canvas_shows_the_rising_tone(page):
    box = page.evaluate("""() => { const s = document.querySelector('.ldm-slider').style;
        return [s.left, s.top, s.width, s.height].map(parseFloat).map(Math.round) }""")
    plot = pixels(page, *box)
    loud = plot.sum(axis=-1).argmax(axis=0)  # row of the brightest pixel of each column, 0 = top
    early, late = np.median(loud[20:60]), np.median(loud[-60:-20])
    assert late < early - 20
    assert plot.std() > 20
    assert set(map(tuple, plot.reshape(-1, 3))) != {(0.0, 0.0, 4.0)}


def test_axes_are_drawn_in_seconds_and_hertz(page):
    left = pixels(page, 0, 0, 44, 180)
    below = pixels(page, 46, 182, 600, 28)
    assert (left < 250).any()
    assert (below < 250).any()
    assert page.evaluate("widget.ticks(2, 8)") == [0, 0.5, 1, 1.5, 2]
    assert page.evaluate("widget.ticks(10.24, 9)") == [0, 2, 4, 6, 8, 10]


def test_the_front_end_paints_the_colours_of_the_still_picture(page):
    cells = np.arange(256, dtype=np.uint8)
    painted = page.evaluate("""() => { const c = widget.paint(new Uint8Array([...Array(256).keys()]), 1);
        return Array.from(c.getContext('2d').getImageData(0, 0, 256, 1).data) }""")
    painted = np.array(painted).reshape(256, 4)[:, :3]
    assert np.abs(painted - colours(cells).astype(int)).max() <= 1
    assert len(RAMP) == 17 * 6


def test_frequencies_lie_where_their_bands_are(page):
    centres = page.evaluate("model.get('sound').band_hz")
    for band in (0, 13, 63):
        assert page.evaluate("([hz, c]) => widget.bandOf(hz, c)", [centres[band], centres]) == pytest.approx(band)
    assert page.evaluate("([hz, c]) => widget.bandOf(hz, c)", [sum(centres[20:22]) / 2, centres]) == pytest.approx(20.5)


def test_click_seeks_and_tells_python(page):
    slider = page.locator(".ldm-slider")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 40)
    assert position(page) == pytest.approx(0.5, abs=0.01)
    assert written(page, "position")[-1] == pytest.approx(0.5, abs=0.01)
    head = page.locator(".ldm-head").bounding_box()
    assert head["x"] + 1 == pytest.approx(box["x"] + 0.25 * box["width"], abs=2)


def test_keyboard_alone_is_enough(page):
    for expected in ("ldm-play", "ldm-loop", "ldm-new-box", "ldm-zoom-in", "ldm-slider"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == expected
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert position(page) == pytest.approx(0.2)
    page.keyboard.press("PageUp")
    assert position(page) == pytest.approx(1.2)
    page.keyboard.press("End")
    assert position(page) == pytest.approx(2.0)
    page.keyboard.press("ArrowLeft")
    assert position(page) == pytest.approx(1.9)
    page.keyboard.press("Home")
    assert position(page) == 0
    page.keyboard.press("l")
    assert written(page, "loop") == [True]
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.ldm-play').getAttribute('aria-label') === 'Pause'")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.ldm-play').getAttribute('aria-label') === 'Play'")


def test_keys_do_not_leave_the_player(page):
    page.evaluate("document.addEventListener('keydown', (e) => { (globalThis.leaked ??= []).push(e.key) })")
    page.locator(".ldm-slider").focus()
    for key in ("ArrowDown", "Space", "Space", "x"):
        page.keyboard.press(key)
    assert page.evaluate("leaked") == ["x"]
    assert page.locator("[data-lm-suppress-shortcuts] .ldm-slider").count() == 1


def test_labels_for_screen_readers(page):
    assert page.locator(".ldm-player").get_attribute("aria-label") == "Sound: chirp"
    assert page.locator(".ldm-play").get_attribute("aria-label") == "Play"
    assert page.locator(".ldm-loop").get_attribute("aria-pressed") == "false"
    assert "A tone rises" in page.locator("canvas").get_attribute("aria-label")
    slider = page.locator(".ldm-slider")
    assert slider.get_attribute("role") == "slider"
    assert slider.get_attribute("aria-valuemax") == "2.00"
    assert slider.get_attribute("aria-valuetext") == "0.00 s of 2.00 s"
    assert page.locator(".ldm-transcript").inner_text() == "A tone rises for two seconds."


def test_playhead_keeps_step_with_the_sound_and_stops_at_the_end(page):
    page.locator(".ldm-slider").focus()
    page.keyboard.press("End")
    for _ in range(6):
        page.keyboard.press("ArrowLeft")  # 1.4 s
    page.locator(".ldm-play").click()
    page.wait_for_function("Number(document.querySelector('.ldm-slider').getAttribute('aria-valuenow')) > 1.55")
    moved = page.evaluate("""() => { const s = document.querySelector('.ldm-slider');
        const x = new DOMMatrix(getComputedStyle(document.querySelector('.ldm-head')).transform).m41;
        return [x / parseFloat(s.style.width) * 2, Number(s.getAttribute('aria-valuenow'))] }""")
    assert moved[0] == pytest.approx(moved[1], abs=0.02)
    page.wait_for_function("document.querySelector('.ldm-play').getAttribute('aria-label') === 'Play'")
    assert position(page) == pytest.approx(2.0)
    assert written(page, "playing") == [True, False]


def test_looping_goes_past_the_end(page, receive):
    receive(page, loop=True)
    page.locator(".ldm-slider").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")  # 1.9 s
    page.keyboard.press("Space")
    page.wait_for_function("Number(document.querySelector('.ldm-slider').getAttribute('aria-valuenow')) < 1")
    assert page.locator(".ldm-play").get_attribute("aria-label") == "Pause"


def test_python_moves_the_position(page, receive):
    receive(page, position=1.25)
    assert position(page) == pytest.approx(1.25)


def test_sound_in_the_browser_equals_the_sound_in_python(page, chirp):
    assert np.abs(render_offline(page, samples=len(chirp)) - chirp).max() < 1e-3
    half = render_offline(page, offset=1.0, samples=len(chirp))
    assert np.abs(half[:RATE] - chirp[RATE:]).max() < 1e-3
    assert np.abs(half[RATE:]).max() == 0
    looped = render_offline(page, offset=1.0, loop=True, samples=len(chirp))
    assert np.abs(looped - np.roll(chirp, -RATE)).max() < 1e-3


def test_loud_samples_are_clipped_not_wrapped(open_widget):
    page = open_widget(player(np.array([1.5, -1.5, 0.25] * 200, dtype=np.float32)))
    assert render_offline(page, samples=3) == pytest.approx([1.0, -1.0, 0.25], abs=1e-3)


def test_versions_switch_without_moving(open_widget, receive, chirp):
    page = open_widget(player({"low": chirp, "high": chirp[::-1].copy(), "short": chirp[:4000]}, title="two ways",
                              transcript={"low": "It rises.", "high": "It falls.", "short": "It starts."}))
    assert page.locator(".ldm-transcript").inner_text() == "It rises."
    assert np.abs(render_offline(page, active=1, samples=len(chirp)) - chirp[::-1]).max() < 1e-3
    assert page.locator(".ldm-versions button").all_inner_texts() == ["low", "high", "short"]
    receive(page, position=1.5)
    before = page.evaluate("document.querySelector('canvas').toDataURL()")
    page.get_by_role("radio", name="high").click()
    assert written(page, "active") == [1]
    assert page.locator(".ldm-transcript").inner_text() == "It falls."
    assert position(page) == pytest.approx(1.5)
    assert page.evaluate("document.querySelector('canvas').toDataURL()") != before
    page.keyboard.press("ArrowLeft")
    assert written(page, "active") == [1, 0]
    assert page.get_by_role("radio", name="low").get_attribute("aria-checked") == "true"


def test_a_new_sound_replaces_the_old_one(page, receive, chirp):
    other = player(chirp[:8000], title="half a second", transcript="It is short.")
    receive(page, title=other.title, sound=other.sound)
    assert page.locator(".ldm-slider").get_attribute("aria-valuemax") == "0.50"
    assert page.locator(".ldm-title").inner_text() == "half a second"
    assert page.locator(".ldm-transcript").inner_text() == "It is short."


def test_axis_ink_follows_a_dark_page(open_widget, chirp):
    page = open_widget(player(chirp), dark=True)
    ink = page.evaluate("""() => { const d = document.querySelector('canvas').getContext('2d')
        .getImageData(0, 0, 44, 180).data; let best = 0;
        for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) best = Math.max(best, d[i]); return best }""")
    assert ink > 200


def test_cleanup_leaves_nothing_behind(page):
    page.locator(".ldm-play").click()
    page.wait_for_function("document.querySelector('.ldm-play').getAttribute('aria-label') === 'Pause'")
    page.evaluate("""() => { globalThis.frames_asked = 0; const raf = requestAnimationFrame;
        globalThis.requestAnimationFrame = (f) => { frames_asked += 1; return raf(f) }; cleanup() }""")
    assert page.evaluate("model.count()") == 0
    assert page.locator("#root *").count() == 0
    assert page.evaluate("__ldmLab.playing") is None
    page.evaluate("globalThis.frames_asked = 0")
    page.wait_for_timeout(100)
    assert page.evaluate("frames_asked") == 0
