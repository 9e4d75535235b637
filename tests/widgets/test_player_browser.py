"""The player's ES module in a real Chromium: picture, sound, mouse, keyboard, clean-up."""

import numpy as np
import pytest
from browser_tools import accessible, from_page, pixels, render_offline, screenshot, settled, written

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


# --- the box: hear one region ------------------------------------------------------------------------------------------


def drag(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over the picture, shares of its width and height."""
    place = page.locator(".ldm-slider").bounding_box()
    at = lambda x, y: (place["x"] + x * place["width"], place["y"] + y * place["height"])
    page.mouse.move(*at(*start))
    page.mouse.down()
    page.mouse.move(*at((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    page.mouse.move(*at(*end))
    page.mouse.up()


def page_region(page, index: int = 0) -> np.ndarray:
    """What the page would play of the box."""
    raw = from_page(page, """async (index) => { const { versions, sample_rate } = model.get('sound');
        return widget.boxed(widget.decode(versions[index].pcm), sample_rate, model.get('box')) }""", index)
    return np.frombuffer(raw, "<f4")


@pytest.fixture
def two_tones() -> np.ndarray:
    seconds = np.arange(2 * RATE) / RATE
    return (0.3 * np.sin(2 * np.pi * 400 * seconds) + 0.3 * np.sin(2 * np.pi * 3000 * seconds)).astype(np.float32)


def test_a_dragged_box_is_heard_alone_and_reaches_python(open_widget, two_tones):
    shown = player(two_tones)
    page = open_widget(shown, live=True)
    drag(page, (0.25, 0.1), (0.75, 0.6))
    page.wait_for_function("document.querySelector('.ldm-play').getAttribute('aria-label') === 'Pause'")
    page.locator(".ldm-play").click()
    settled(page)
    start, end, low, high = shown.box
    assert (start, end) == (pytest.approx(0.5, abs=0.02), pytest.approx(1.5, abs=0.02))
    assert 400 < low < 3000 < high
    heard = page_region(page)
    assert np.abs(heard - shown.region()).max() < 1e-3
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    hz = np.fft.rfftfreq(len(heard), 1 / RATE)
    kept, gone = (spectrum[np.abs(hz - f) < 20].max() for f in (3000, 400))
    assert kept > 1000 * gone
    area = page.locator(".ldm-area").bounding_box()
    slider = page.locator(".ldm-slider").bounding_box()
    assert area["x"] == pytest.approx(slider["x"] + 0.25 * slider["width"], abs=2)
    assert area["height"] == pytest.approx(0.5 * slider["height"], abs=4)


@pytest.mark.parametrize("box", [[0.0, 2.0, 0.0, 8000.0], [0.3, 1.2, 0.0, 1000.0], [1.9, 2.0, 2000.0, 8000.0],
                                 [0.0, 0.05, 350.0, 450.0]])
def test_box_sounds_the_same_in_page_and_python(open_widget, receive, two_tones, box):
    shown = player(two_tones, box=box)
    page = open_widget(shown)
    heard = page_region(page)
    assert len(heard) == round((box[1] - box[0]) * RATE)
    assert np.abs(heard - shown.region()).max() < 1e-3
    assert np.abs(heard).max() > 0.1


def test_the_box_plays_from_its_start_to_its_end(open_widget, two_tones):
    page = open_widget(player(two_tones, box=[1.0, 1.3, 0.0, 8000.0]))
    page.locator(".ldm-play").click()
    page.wait_for_function("String(model.written.filter(([n]) => n === 'playing').map(([, v]) => v)).endsWith('true,false')"
                           " && model.get('position') > 1")
    assert position(page) == pytest.approx(1.3, abs=0.01)
    page.locator(".ldm-slider").focus()
    page.keyboard.press("l")
    page.keyboard.press("Space")
    page.wait_for_timeout(500)  # more than once around
    assert 1.0 <= position(page) <= 1.3
    assert page.locator(".ldm-play").get_attribute("aria-label") == "Pause"


def test_box_by_keyboard(open_widget, two_tones):
    shown = player(two_tones)
    page = open_widget(shown, live=True)
    page.locator(".ldm-slider").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    settled(page)
    assert shown.box == [0.75, 1.25, 0.0, 8000.0]
    page.get_by_label("low (Hz)").fill("1000")
    page.get_by_label("high (Hz)").fill("2000")
    page.get_by_label("to (s)").fill("1.5")
    page.keyboard.press("Tab")
    settled(page)
    assert shown.box == [0.75, 1.5, 1000.0, 2000.0]
    page.get_by_label("to (s)").fill("99")
    page.keyboard.press("Enter")
    settled(page)
    assert shown.box == [0.75, 2.0, 1000.0, 2000.0]
    page.keyboard.press("Escape")
    settled(page)
    assert shown.box == []
    assert page.locator(".ldm-area").is_hidden()
    assert len(shown.region()) == len(two_tones)


def test_a_click_outside_removes_the_box_and_inside_keeps_it(open_widget, two_tones):
    shown = player(two_tones, box=[0.5, 1.0, 0.0, 8000.0])
    page = open_widget(shown, live=True)
    place = page.locator(".ldm-slider").bounding_box()
    page.mouse.click(place["x"] + 0.4 * place["width"], place["y"] + 40)
    settled(page)
    assert shown.box == [0.5, 1.0, 0.0, 8000.0]
    assert position(page) == pytest.approx(0.8, abs=0.01)
    page.mouse.click(place["x"] + 0.8 * place["width"], place["y"] + 40)
    settled(page)
    assert shown.box == []


# --- zoom, read-out, levels --------------------------------------------------------------------------------------------


def test_zoom_keeps_the_place_and_comes_back(page):
    page.locator(".ldm-slider").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    head = lambda: page.locator(".ldm-head").bounding_box()["x"]
    before, whole = head(), page.evaluate("document.querySelector('canvas').toDataURL()")
    page.keyboard.press("+")
    assert head() == pytest.approx(before, abs=2)
    assert page.evaluate("document.querySelector('canvas').toDataURL()") != whole
    assert page.locator(".ldm-zoom-out").is_enabled()
    place = page.locator(".ldm-slider").bounding_box()
    page.mouse.click(place["x"] + 1, place["y"] + 40)
    assert position(page) == pytest.approx(0.5, abs=0.01)  # the left edge shows half a second now
    page.keyboard.press("-")
    assert page.locator(".ldm-zoom-out").is_disabled()


def test_zoom_to_the_box_shows_its_time_and_band(page, receive):
    receive(page, box=[0.5, 1.0, 500.0, 2000.0])
    page.get_by_role("button", name="Zoom to the box").click()
    area, slider = (page.locator(name).bounding_box() for name in (".ldm-area", ".ldm-slider"))
    assert area["width"] > 0.85 * slider["width"]
    assert area["height"] > 0.8 * slider["height"]
    page.locator(".ldm-slider").focus()
    page.keyboard.press("0")
    assert page.locator(".ldm-area").bounding_box()["width"] == pytest.approx(0.25 * slider["width"], abs=2)


def test_the_view_follows_the_playhead_when_zoomed(page):
    page.locator(".ldm-slider").focus()
    for _ in range(3):
        page.keyboard.press("+")
    page.keyboard.press("Space")
    page.wait_for_function("Number(document.querySelector('.ldm-slider').getAttribute('aria-valuenow')) > 0.5")
    head, slider = (page.locator(name).bounding_box() for name in (".ldm-head", ".ldm-slider"))
    assert slider["x"] - 2 <= head["x"] <= slider["x"] + slider["width"]


def test_read_out_says_time_frequency_and_level(page, chirp):
    place = page.locator(".ldm-slider").bounding_box()
    assert page.locator(".ldm-read").inner_text() == ""
    rows = page.evaluate("widget.rowOf(1100, model.get('sound').band_hz, 8000) / 64")  # the chirp is there at 1 s
    page.mouse.move(place["x"] + 0.5 * place["width"], place["y"] + (1 - rows) * place["height"])
    seconds, hz, level = page.locator(".ldm-read").inner_text().split(" · ")
    assert float(seconds.split()[0]) == pytest.approx(1.0, abs=0.01)
    assert float(hz.split()[0]) == pytest.approx(1100, abs=25)
    assert -6 <= float(level.replace("\u2212", "-").split()[0]) <= 0
    page.mouse.move(place["x"] + 0.5 * place["width"], place["y"] + 2)
    assert "below" in page.locator(".ldm-read").inner_text()
    page.mouse.move(0, 0)
    assert page.locator(".ldm-read").inner_text() == ""
    page.locator(".ldm-slider").focus()
    page.keyboard.press("ArrowUp")
    first = page.locator(".ldm-read").inner_text()
    page.keyboard.press("ArrowUp")
    assert first != page.locator(".ldm-read").inner_text()
    assert page.locator(".ldm-line").is_visible()


def test_rows_and_hertz_are_inverse(page):
    centres = page.evaluate("model.get('sound').band_hz")
    for hz in (0, 40, 440, 3333, 7900, 8000):
        back = page.evaluate("([hz, c]) => widget.hertzAt(widget.rowOf(hz, c, 8000), c, 8000)", [hz, centres])
        assert back == pytest.approx(hz, abs=0.01)


def test_matched_levels_are_equal_in_page_and_python(open_widget, chirp):
    shown = player({"loud": chirp, "soft": chirp * 0.2})
    page = open_widget(shown, live=True)
    gains = [v["gain"] for v in shown.versions]
    assert gains == [pytest.approx(0.2, abs=1e-3), 1.0]
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Match levels").click()
    settled(page)
    assert shown.match is True
    loud = render_offline(page, samples=len(chirp), active=0, gains=gains)
    assert np.abs(loud - shown.region()).max() < 1e-3
    assert page.evaluate("globalThis.__ldmLab?.playing ?? null") is None


def test_number_keys_switch_versions(open_widget, chirp):
    shown = player({"a": chirp, "b": chirp[::-1].copy()})
    page = open_widget(shown, live=True)
    page.locator(".ldm-slider").focus()
    page.keyboard.press("2")
    settled(page)
    assert shown.active == 1
    page.keyboard.press("3")  # there is none
    settled(page)
    assert shown.active == 1


def test_python_stops_and_replaces_what_plays(open_widget, receive, chirp):
    page = open_widget(player(chirp, loop=True))
    page.locator(".ldm-play").click()
    page.wait_for_function("Number(document.querySelector('.ldm-slider').getAttribute('aria-valuenow')) > 0.3")
    receive(page, sound=player(chirp[::-1].copy()).sound)  # the sound changes under the playhead
    assert page.locator(".ldm-play").get_attribute("aria-label") == "Pause"
    assert position(page) > 0.25
    receive(page, playing=False, position=0.0)
    assert page.locator(".ldm-play").get_attribute("aria-label") == "Play"


def test_the_player_is_accessible(open_widget, chirp):
    for dark in (False, True):
        page = open_widget(player({"a": chirp, "b": chirp}, title="chirp", box=[0.5, 1.0, 0.0, 8000.0]), dark=dark)
        accessible(page)
        screenshot(page, f"player-{'dark' if dark else 'light'}")


def test_a_start_while_the_box_is_filtered_is_not_lost(open_widget, two_tones):
    page = open_widget(player(two_tones, loop=True))
    assert page.evaluate("""async () => { const transport = new widget.Transport();
        transport.load([widget.decode(model.get('sound').versions[0].pcm)], 16000);
        const filtered = transport.setBox([0.5, 1.5, 1000, 2000]);
        transport.play();
        await filtered;
        const heard = [transport.playing, ...transport.span];
        transport.pause();
        return heard }""") == [True, 0.5, 1.5]
