"""The listening test's page in a real Chromium, with the real widget behind it: mouse, keyboard, sound, blindness."""

import json
from pathlib import Path

import numpy as np
import pytest
from browser_tools import accessible, from_page, screenshot, settled

from ldm_lab.widgets import ListeningTest, listening_test

pytestmark = pytest.mark.browser
RATE = 16000
SECONDS = 0.2


def noise(seed: int, seconds: float = SECONDS) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=round(seconds * RATE)) * 0.1).astype(np.float32)


def a_test(*kinds: str, items: int = 1, seconds: float = SECONDS, **options) -> ListeningTest:
    systems = {name: [noise(10 * i + k, seconds) for i in range(items)]
               for k, name in enumerate(("reference", "vocoder-x", "griffin-lim"))}
    prompts = [f"a <b>bell</b> {i}" for i in range(items)]
    return listening_test(systems, prompts, kinds=kinds, seed=3, title="Two vocoders", anchors=False, **options)


def begin(page) -> None:
    """Consent and level check by mouse."""
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="Play the noise").click()
    page.wait_for_selector("button.ldm-main:not(.ldm-waiting)")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".ldm-deck")


def at_trials(open_widget, test: ListeningTest):
    """A page at the first trial: Python agreed and skipped the level check."""
    test.agree()
    test.page = "trial"
    page = open_widget(test, live=True)
    page.wait_for_selector(".ldm-deck")
    return page


def hear(page) -> None:
    """Play every sound of a trial until the answer opens."""
    for i in range(page.locator(".ldm-sound").count()):
        page.locator(".ldm-sound").nth(i).click()
        page.wait_for_function("i => document.querySelectorAll('.ldm-sound')[i].classList.contains('ldm-done')", arg=i)
    page.wait_for_selector("fieldset:enabled")


def answer_by_key(page, kind: str) -> None:
    page.locator(".ldm-question").focus()
    if kind == "mushra":
        for label in "ABCDE"[: page.locator(".ldm-rater").count()]:
            page.get_by_role("slider", name=f"Rating of {label}", exact=True).press("ArrowRight")
    else:
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settled(page)
    page.wait_for_function("""() => { const place = document.querySelector('.ldm-place')?.textContent ?? '';
        return model.get('page') === 'end' ? !place : place.startsWith(`${model.get('trial')} of`) }""")


def number(page) -> str:
    return page.locator(".ldm-top span").last.inner_text()


def test_consent_comes_first_and_says_what_it_is_about(open_widget):
    test = a_test("ovl")
    page = open_widget(test, live=True)
    words = page.locator("#root").inner_text()
    assert "Two vocoders" in words and "3 trials, about 1 minute" in words and "Taking part is voluntary" in words
    assert page.get_by_role("button").all_inner_texts() == ["I agree"]
    accessible(page)
    assert test.session is None
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settled(page)
    assert test.session is not None and test.page == "level"
    page.wait_for_function("document.activeElement.textContent === 'First set the volume'")
    page.keyboard.press("Enter")  # the noise was not heard yet
    assert "Play the noise first" in page.locator("[role=status]").inner_text()
    assert test.page == "level"
    page.keyboard.press("Space")
    page.wait_for_selector("button.ldm-main:not(.ldm-waiting)")
    page.keyboard.press("Enter")
    page.wait_for_selector(".ldm-deck")
    settled(page)
    assert (test.page, test.trial, number(page)) == ("trial", 1, "1 of 3")
    assert page.evaluate("__ldmLab.playing") is None


def test_no_answer_before_the_sound_was_heard(open_widget):
    test = a_test("ovl")
    page = at_trials(open_widget, test)
    page.wait_for_selector("fieldset:disabled")
    assert "played to its end" in page.locator(".ldm-rule").inner_text()
    assert page.locator("canvas").count() == 0  # a spectrogram would be a clue
    page.get_by_role("button", name="Next").click()
    assert "Listen first." in page.locator("[role=status]").inner_text()
    page.keyboard.press("1")
    page.wait_for_selector("fieldset:enabled")
    page.get_by_role("button", name="Next").click()
    assert "Move the slider" in page.locator("[role=status]").inner_text()
    assert test.state["answered"] == 0
    slider = page.get_by_role("slider", name="Rating of A")
    assert slider.get_attribute("aria-valuetext") == "not rated yet"
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    value = int(slider.input_value())
    assert 75 <= value <= 85
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    settled(page)
    assert [entry["value"] for entry in test.results.answers.values()] == [value - 1]
    assert (number(page), test.trial) == ("2 of 3", 2)


def test_a_whole_test_by_keyboard(open_widget, tmp_path):
    test = a_test("ovl", "rel", "mushra", "abx", "preference", folder=tmp_path / "mine",
                  pairs=[("vocoder-x", "griffin-lim")])
    page = open_widget(test, live=True)
    begin(page)
    kinds = []
    for trial in range(1, test.state["of"] + 1):
        assert (test.page, test.trial) == ("trial", trial)
        page.wait_for_selector(f"text={trial} of {test.state['of']}")
        kinds.append(test.ask_trial(trial)["kind"])
        for i in range(page.locator(".ldm-sound").count()):
            page.keyboard.press(str(i if kinds[-1] == "mushra" else i + 1))
            page.wait_for_function("i => document.querySelectorAll('.ldm-sound')[i].classList.contains('ldm-done')", arg=i)
        answer_by_key(page, kinds[-1])
    assert sorted(set(kinds)) == ["abx", "mushra", "ovl", "preference", "rel"]
    assert test.state["complete"] and test.state["answered"] == test.state["of"] == len(kinds)
    saved = json.loads((tmp_path / "mine" / "results" / f"{test.state['listener']}.json").read_text(encoding="utf-8"))
    assert len(saved["answers"]) == len(kinds)
    page.wait_for_function("document.activeElement.textContent === 'Thank you'")
    assert f"You answered {len(kinds)} of {len(kinds)} trials" in page.locator("#root").inner_text()


def test_switching_keeps_step_and_a_part_loops(open_widget):
    test = a_test("mushra", seconds=1.0)
    page = at_trials(open_widget, test)
    assert page.locator(".ldm-sound").count() == 6  # reference; three systems among which it hides; two anchors
    page.get_by_role("button", name="Play Reference").click()
    page.wait_for_function("Number(document.querySelector('.ldm-strip').getAttribute('aria-valuenow')) > 0.3")
    before = float(page.locator(".ldm-strip").get_attribute("aria-valuenow"))
    page.keyboard.press("2")
    after = float(page.locator(".ldm-strip").get_attribute("aria-valuenow"))
    assert before <= after < before + 0.5  # it went on from where it was
    assert page.get_by_role("button", name="Pause B").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="Play Reference").get_attribute("aria-pressed") == "false"
    box = page.locator(".ldm-strip").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.5 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], middle, steps=3)
    page.mouse.up()
    ends = [float(page.get_by_label(name).input_value()) for name in ("Part from (s)", "to (s)")]
    assert ends == pytest.approx([0.5, 0.7], abs=0.02)
    seen = [float(page.locator(".ldm-strip").get_attribute("aria-valuenow")) for _ in range(30)]
    assert all(0.45 <= place <= 0.75 for place in seen)
    page.get_by_role("button", name="Whole sound").click()
    assert float(page.get_by_label("to (s)").input_value()) == pytest.approx(1.0, abs=0.01)
    page.get_by_label("Part from (s)").fill("0.2")
    page.keyboard.press("Tab")
    assert page.locator(".ldm-part").evaluate("node => node.style.left") == "20%"


def test_sounds_in_the_page_are_those_of_the_playlist(open_widget):
    test = a_test("abx")
    page = at_trials(open_widget, test)
    given = {one["label"]: np.frombuffer(one["pcm"], "<i2") / 32768 for one in test.ask_trial(1)["sounds"]}
    for i, label in enumerate(("A", "B", "X")):
        raw = from_page(page, """async (i) => {
            const { sounds } = await widget.ask(model, 'trial', { number: 1 }); const sound = widget.decode(sounds[i].pcm);
            const context = new OfflineAudioContext(1, sound.length, 16000);
            widget.schedule(context, [sound], 16000);
            return (await context.startRendering()).getChannelData(0) }""", i)
        assert np.abs(np.frombuffer(raw, "<f4") - given[label]).max() < 1e-3


def test_a_choice_by_mouse_going_back_and_changing_it(open_widget):
    test = a_test("abx", items=2)
    page = at_trials(open_widget, test)
    assert page.get_by_role("button", name="Back").is_disabled()
    hear(page)
    page.get_by_text("X is B").click()
    page.get_by_role("button", name="Next").click()
    page.wait_for_function("model.get('trial') === 2")
    first = test.ask_trial(1)["answer"]
    assert first == {"value": "B"}
    page.wait_for_selector("fieldset:disabled")  # the next trial is not heard yet
    page.get_by_role("button", name="Back").click()
    page.wait_for_selector("fieldset:enabled")  # this one was
    assert page.get_by_role("radio", name="X is B").is_checked()
    page.get_by_role("radio", name="X is A").check()
    page.get_by_role("button", name="Next").click()
    page.wait_for_function("model.get('trial') === 2")
    settled(page)
    assert test.ask_trial(1)["answer"] == {"value": "A"}
    assert (test.trial, test.state["answered"]) == (2, 1)
    hear(page)
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Back").click()  # what was chosen is kept
    page.wait_for_function("model.get('trial') === 1")
    settled(page)
    assert test.ask_trial(2)["answer"] == {"value": "A"}


def test_stopping_early_and_going_on_in_another_page(open_widget, tmp_path):
    test = a_test("preference", items=3, folder=tmp_path / "mine")
    page = at_trials(open_widget, test)
    hear(page)
    page.get_by_text("No preference").click()
    page.get_by_role("button", name="Next").click()
    page.wait_for_function("model.get('trial') === 2")
    page.get_by_role("button", name="Stop here").click()
    page.wait_for_selector("text=You answered 1 of 3 trials")
    settled(page)
    assert test.page == "end" and test.state["complete"] is False
    listener = test.state["listener"]
    assert listener in page.locator("#root").inner_text()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_selector("text=2 of 3")
    again = ListeningTest(test.playlist, folder=tmp_path / "mine" / "results")
    other = open_widget(again, live=True)
    other.get_by_label("Your number").fill("me")
    other.keyboard.press("Enter")
    settled(other)
    assert "new_listener" in other.locator("[role=status]").inner_text()
    other.get_by_label("Your number").fill(listener)
    other.keyboard.press("Enter")
    other.wait_for_selector("text=Welcome back: 1 of 3 trials are answered")
    settled(other)
    assert (again.trial, again.state["answered"]) == (2, 1)


def test_nothing_in_the_page_unblinds(open_widget):
    test = a_test("mushra", "abx")
    page = at_trials(open_widget, test)
    told = page.content() + page.evaluate("""JSON.stringify([model.state, model.sent, model.written])""")
    names = [*test.playlist.values["sounds"], *test.playlist.trials, "vocoder-x", "griffin-lim", "anchor-low", "item-0"]
    assert [name for name in names if name in told] == []
    assert "<b>bell</b>" not in page.content()  # prompts are text


def test_the_end_tells_what_was_what_and_hands_the_answers_over(open_widget):
    test = a_test("ovl")
    page = at_trials(open_widget, test)
    for _ in range(3):
        hear(page)
        answer_by_key(page, "ovl")
    page.wait_for_selector("text=Thank you")
    with page.expect_download() as handed:
        page.get_by_role("button", name="Save my answers").click()
    results = json.loads(Path(handed.value.path()).read_text(encoding="utf-8"))
    assert handed.value.suggested_filename == f"{test.state['listener']}.json"
    assert results == json.loads(test.ask_file()["text"])
    assert "vocoder-x" not in page.content()
    page.get_by_role("button", name="Show what was what").click()
    page.wait_for_selector("table")
    rows = page.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["reference", "griffin-lim", "vocoder-x"]
    assert all("51 [51, 51], n = 1" in row for row in rows)
    assert page.get_by_role("button", name="Look at my answers again").count() == 0
    accessible(page)
    screenshot(page, "listening_reveal")


def test_a_lost_sound_is_said_and_the_page_stays(open_widget, tmp_path):
    test = a_test("ovl", folder=tmp_path / "mine")
    page = at_trials(open_widget, test)
    for path in (tmp_path / "mine" / "test" / "sounds").iterdir():
        path.unlink()
    hear(page)
    answer_by_key(page, "ovl")  # the second was fetched ahead; the third is gone
    hear(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector(".ldm-wrong >> text=missing or changed")
    assert test.state["answered"] == 2


@pytest.mark.parametrize(("dark", "trials"), [(False, [1]), (True, [4, 5])])
def test_every_page_is_accessible(open_widget, dark, trials):
    test = a_test("ovl", "mushra", "abx")
    page = open_widget(test, live=True, dark=dark, width=420 if dark else 760)
    name = "dark" if dark else "light"
    screenshot(page, f"listening_consent_{name}")
    page.get_by_role("button", name="I agree").click()
    page.wait_for_selector("text=First set the volume")
    accessible(page)
    screenshot(page, f"listening_level_{name}")
    for trial in trials:
        page.evaluate("trial => model.receive({ trial, page: 'trial' })", trial)
        page.wait_for_selector(f"text={trial} of 6")
        page.get_by_role("button", name="Next").click()
        page.wait_for_selector(".ldm-wrong >> text=Listen first")
        if trial == 5:
            accessible(page)
        hear(page)
        answer_by_key(page, test.ask_trial(trial)["kind"]) if trial == 1 else page.keyboard.press("ArrowRight")
        accessible(page)
        screenshot(page, f"listening_{test.ask_trial(trial)['kind']}_{name}")


def test_a_python_that_is_gone_is_noticed(open_widget):
    page = open_widget(a_test("ovl"))  # nobody answers
    page.evaluate("globalThis.setTimeout = (call) => { globalThis.late = call; return 1 }")
    page.get_by_role("button", name="I agree").click()
    page.evaluate("late()")
    assert "Python does not answer" in page.locator(".ldm-wrong").inner_text()


def test_what_python_answers_is_shown(open_widget):
    test = a_test("preference")
    page = open_widget(test)  # the changes are carried by hand
    test.agree()
    test.answer("B")
    assert test.state["complete"]
    live = open_widget(test, live=True)
    live.wait_for_selector("text=First set the volume")
    live.evaluate("state => model.receive(state)", {"page": "end", "state": test.state})
    live.wait_for_selector("text=You answered 1 of 1 trials")
    live.evaluate("state => model.receive(state)", {"state": test.state | {"revealed": True}})
    live.wait_for_selector("text=Look at my answers again", state="detached")
    assert page.locator("text=I agree").count() == 1


def test_cleanup_leaves_nothing_behind(open_widget):
    page = at_trials(open_widget, a_test("ovl", seconds=1.0))
    page.locator(".ldm-question").focus()
    page.keyboard.press("1")
    page.wait_for_selector(".ldm-sound[aria-pressed=true]")
    page.evaluate("""() => { globalThis.asked = 0; const raf = requestAnimationFrame;
        globalThis.requestAnimationFrame = (f) => { asked += 1; return raf(f) }; cleanup() }""")
    assert page.evaluate("[model.count(), document.querySelectorAll('#root *').length, __ldmLab.playing]") == [0, 0, None]
    page.evaluate("asked = 0")
    page.wait_for_timeout(100)
    assert page.evaluate("asked") == 0
