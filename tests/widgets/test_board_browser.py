"""The similarity board in a real Chromium, with the real Python behind it: typing, ranking, bars, sound, keyboard."""

import numpy as np
import pytest
from browser_tools import accessible, pixels, render_offline, screenshot, settled, written

from ldm_lab.widgets import SimilarityBoard

pytestmark = pytest.mark.browser
RATE = 16000


def tone(hz: float, seconds: float = 0.5) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture
def board(tiny):
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    sounds = {"low": tone(200), "high": tone(3000), "noise": 0.2 * noise, "click": tone(900, 0.12), "middle": tone(1000)}
    return SimilarityBoard(tiny, sounds, words="rain", loop=True)


@pytest.fixture
def page(open_widget, board):
    return open_widget(board, live=True, height=900)


def order(page) -> list[str]:
    return page.locator(".ldm-row .ldm-label").all_inner_texts()


def numbers(page, kind: str) -> list[str]:
    return page.locator(f".ldm-{kind} .ldm-number").all_inner_texts()


def answered(page, words: str) -> None:
    """Wait until the board shows the answer to `words`."""
    page.wait_for_function("words => model.get('words') === words", arg=words)
    settled(page)


def asks(page, name: str) -> list[dict]:
    return page.evaluate("name => model.sent.map(([content]) => content).filter((c) => c.ask === name)", name)


def test_rows_stand_in_the_order_of_python(page, board):
    assert order(page) == [label for label, _ in board.ranking]
    assert numbers(page, "cosine") == [f"{cosine:.2f}".replace("-", "\u2212") for _, cosine in board.ranking]
    assert page.locator(".ldm-rank").all_inner_texts() == ["1", "2", "3", "4", "5"]
    shown = pixels(page, 0, 0, 48, 64, selector=f".ldm-row:nth-child({order(page).index('noise') + 1}) canvas")
    assert shown.std() > 20


def test_typing_asks_once_the_hand_rests(page, board):
    page.get_by_label("Words").fill("")
    page.get_by_label("Words").press_sequentially("a bell; wind", delay=5)
    answered(page, "a bell; wind")
    assert [ask["with"]["words"] for ask in asks(page, "search")][-1] == "a bell; wind"
    assert len(asks(page, "search")) <= 3
    assert board.queries == ["a bell", "wind"]
    assert order(page) == [label for label, _ in board.ranking]
    assert page.locator(".ldm-status").inner_text() == board.status
    assert "Nearest to 'a bell'" in board.status


def test_enter_asks_at_once_and_the_newest_wins(page, board):
    field = page.get_by_label("Words")
    for words in ("a", "b", "c", "thunder"):
        field.fill(words)
        field.press("Enter")
    answered(page, "thunder")
    assert board.words == "thunder"
    assert field.input_value() == "thunder"
    busy = page.evaluate("""async () => { const sent = []; let finish;
        const run = widget.newest((v) => { sent.push(v); return new Promise((done) => { finish = done; }) });
        run(1); run(2); run(3); finish(); await Promise.resolve(); await Promise.resolve(); finish();
        return sent }""")
    assert busy == [1, 3]


def test_columns_compare_queries(page, board):
    page.get_by_label("Words").fill("rain; a bell")
    page.keyboard.press("Enter")
    answered(page, "rain; a bell")
    page.get_by_role("radio", name="a bell").click()
    settled(page)
    assert board.by == 1
    assert order(page) == [label for label, _ in board.ranking]
    page.get_by_role("radio", name="queries").click()
    settled(page)
    assert board.among == "queries"
    shares = page.evaluate("widget.sharesOf(model.get('answers').map((a) => a.cosines), model.get('temperature'), 'queries')")
    assert np.abs(np.array(shares) - board.shares.numpy()).max() < 1e-5


def test_temperature_sharpens_the_shares_in_the_page(page, board):
    slider = page.get_by_label("Temperature")
    before = numbers(page, "share")
    slider.focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    settled(page)
    assert board.temperature < board.learned
    assert float(page.locator(".ldm-range output").first.inner_text()) == pytest.approx(board.temperature, rel=0.05)
    after = numbers(page, "share")
    assert float(after[0].split()[0]) > float(before[0].split()[0])
    shown = [float(text.split()[0]) for text in after]
    expected = sorted((100 * board.shares[0]).tolist(), reverse=True)
    assert shown == pytest.approx(expected, abs=0.5)
    widths = page.evaluate("[...document.querySelectorAll('.ldm-share .ldm-fill')].map((n) => parseFloat(n.style.width))")
    assert widths == pytest.approx(expected, abs=0.1)
    assert asks(page, "search") == []
    page.get_by_role("button", name="Learned").click()
    settled(page)
    assert board.temperature == board.learned


def test_a_row_plays_its_sound(page, board):
    assert board.labels[board.chosen] == order(page)[0] == page.locator(".ldm-card[aria-pressed=true]").inner_text()
    other, last = board.labels.index(order(page)[1]), board.labels.index(order(page)[-1])
    before = page.locator(".ldm-player canvas").evaluate("c => c.toDataURL()")

    def press(number: int) -> None:
        page.get_by_role("button", name=board.labels[number], exact=True).click()

    press(last)
    page.wait_for_function("model.get('playing')")
    settled(page)
    assert (board.chosen, board.title) == (last, board.labels[last])
    assert page.locator(".ldm-player .ldm-title").inner_text() == board.labels[last]
    assert page.locator(".ldm-player canvas").evaluate("c => c.toDataURL()") != before
    assert page.locator(".ldm-card[aria-pressed=true]").inner_text() == board.labels[last]
    press(last)
    page.wait_for_function("!model.get('playing')")
    press(other)
    page.wait_for_function("model.get('playing')")
    press(last)
    page.wait_for_function("label => document.querySelector('.ldm-card[aria-pressed=true]').innerText === label",
                           arg=board.labels[last])
    settled(page)
    fetched = [ask["with"]["number"] for ask in asks(page, "sound") if not ask["with"]["known"]]
    assert fetched == [last, other]  # heard again without asking
    assert board.chosen == last


def test_the_sound_is_the_one_python_has(page, board):
    page.evaluate("() => { widget.ask(model, 'sound', { number: 2 }).then(({ sound }) => { globalThis.got = sound }) }")
    page.wait_for_function("globalThis.got")
    heard = render_offline(page, "got", samples=RATE)
    assert np.abs(heard - board.region()).max() < 1e-3
    assert np.abs(heard).max() > 0.1


def test_all_by_keyboard(page, board):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.labels[0].innerText") == "Words"
    for _ in range(4):  # temperature, learned, sort by, the first row
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "ldm-card"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    third = order(page)[2]
    assert page.evaluate("document.activeElement.innerText") == third
    page.keyboard.press("Enter")
    page.wait_for_function("model.get('playing')")
    settled(page)
    assert board.labels[board.chosen] == third
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    last = order(page)[-1]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Sounds like this one: {last}"
    page.keyboard.press("Enter")
    answered(page, f"[{last}]")
    assert order(page)[0] == last
    assert numbers(page, "cosine")[0] == "1.00"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Sounds like this one: {last}"
    assert page.get_by_label("Words").input_value() == f"[{last}]"


def test_rows_glide_unless_motion_is_unwelcome(page):
    count = "document.querySelector('.ldm-ranks').getAnimations({subtree: true}).length"
    page.evaluate("""() => { globalThis.glides = 0; const animate = Element.prototype.animate;
        Element.prototype.animate = function (...a) { glides += 1; return animate.apply(this, a) } }""")
    last = order(page)[-1]
    page.locator(".ldm-row", has_text=last).locator(".ldm-like").click()
    answered(page, f"[{last}]")
    assert page.evaluate("glides") == 0
    page.emulate_media(reduced_motion="no-preference")
    last = order(page)[-1]
    page.locator(".ldm-row", has_text=last).locator(".ldm-like").click()
    answered(page, f"[{last}]")
    assert page.evaluate("glides") >= 2
    assert order(page)[0] == last
    page.wait_for_function(f"{count} === 0")


def test_a_mistake_is_shown_and_the_board_stays(page, board):
    before = order(page)
    field = page.get_by_label("Words")
    field.fill("a;b;c;d;e")
    field.press("Enter")
    page.wait_for_function("model.get('wrong')")
    assert "at most 4" in page.locator(".ldm-status").inner_text()
    assert order(page) == before
    field.fill("wind")
    field.press("Enter")
    answered(page, "wind")
    assert not board.wrong


def test_python_adds_searches_and_chooses(page, board, receive):
    board.add("siren", tone(1500))
    board.search("wind")
    board.choose("siren")
    receive(page, cards=board.cards, answers=board.answers, words=board.words, chosen=board.chosen, title=board.title)
    settled(page)
    assert order(page) == [label for label, _ in board.ranking]
    assert page.get_by_label("Words").input_value() == "wind"
    page.wait_for_function("document.querySelector('.ldm-card[aria-pressed=true]').innerText === 'siren'")
    assert page.locator(".ldm-player .ldm-title").inner_text() == "siren"


@pytest.mark.parametrize(("dark", "width"), [(False, 760), (True, 420)])
def test_everyone_can_use_it(open_widget, board, dark, width):
    board.search("rain; a bell")
    page = open_widget(board, live=True, dark=dark, width=width, height=900)
    accessible(page)
    screenshot(page, f"board-{'dark' if dark else 'light'}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_cleanup_leaves_nothing_behind(page):
    page.locator(".ldm-card").first.click()
    page.wait_for_function("model.get('playing')")
    page.get_by_label("Words").press_sequentially("x")
    settled(page)
    before = len(asks(page, "search"))
    page.evaluate("cleanup()")
    page.wait_for_timeout(350)
    assert len(asks(page, "search")) == before
    assert page.evaluate("model.count()") == 0
    assert page.locator("#root *").count() == 0
    assert page.evaluate("__ldmLab.playing") is None
    assert written(page, "playing")[-1] is False
