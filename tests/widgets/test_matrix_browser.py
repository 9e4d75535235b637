"""The guidance matrix in a page, with the real Python behind it: choosing, making, comparing, lines of equal cost."""

import re

import numpy as np
import pytest
from browser_tools import accessible, asked, render_offline, screenshot, settled

from ldm_lab.errors import LabError
from ldm_lab.widgets import GuidanceMatrix
from ldm_lab.widgets.matrix_picture import colour, span

pytestmark = pytest.mark.browser
REPLIES = """() => { globalThis.replies = [];
    const revive = (value, buffers) => value && typeof value === "object" ? "$buffer" in value ? buffers[value.$buffer]
      : Array.isArray(value) ? value.map((one) => revive(one, buffers))
      : Object.fromEntries(Object.entries(value).map(([k, v]) => [k, revive(v, buffers)])) : value;
    model.on("msg:custom", (content, buffers) =>
      content.reply?.sound && replies.push(revive(content.reply.sound, buffers))) }"""


@pytest.fixture
def matrix(tiny):
    return GuidanceMatrix(tiny, "rain", guidance=(1, 3, 5), steps=(2, 4), seeds=(0, 7), seconds=0.64, sampler="ddim")


@pytest.fixture
def page(open_widget, matrix):
    opened = open_widget(matrix, live=True, height=700)
    opened.evaluate(REPLIES)
    return opened


def button(page, steps: int, guidance: int, seed: int = 0):
    return page.get_by_role("button", name=re.compile(f"^Guidance {guidance}, {steps} steps, seed {seed}:"))


def press(page, steps: int, guidance: int, seed: int = 0) -> None:
    button(page, steps, guidance, seed).click()
    settled(page)


def failing(*_, **__):
    raise LabError("the network gave NaN")


def test_a_click_makes_the_cell_and_plays_it(page, matrix):
    assert page.locator(".ldm-player").is_hidden()
    assert button(page, 4, 3).get_attribute("aria-label").endswith("8 network passes, not made yet")
    press(page, 4, 3)
    assert matrix.cell == (0, 4, 3.0)
    assert list(matrix.results) == [(0, 4, 3.0)]
    score = matrix.scores[0, 4, 3]
    assert button(page, 4, 3).inner_text().split() == [f"{score:.2f}", "8", "passes"]
    assert button(page, 4, 3).get_attribute("aria-label").endswith(f"CLAP score {score:.2f}")
    assert page.locator("[aria-selected='true']").count() == 1
    page.wait_for_function("model.written.some(([name, value]) => name === 'playing' && value)")  # heard at once
    assert page.locator(".ldm-transcript").inner_text().startswith("Guidance 3, 4 steps, seed 0: 8 network passes")


def test_the_sound_in_the_page_is_pythons_and_comes_once(page, matrix):
    press(page, 2, 1)
    press(page, 4, 3, seed=7)
    for cell, sound in zip(((0, 2, 1), (7, 4, 3)), ("replies[0]", "replies[1]")):
        wav = matrix.results[cell].audio[0].numpy()
        assert np.abs(render_offline(page, sound, samples=len(wav)) - wav).max() < 1e-3
    press(page, 2, 1)
    press(page, 4, 3, seed=7)
    assert len(asked(page, "sounds")) == len(asked(page, "make")) == 2
    assert matrix.cell == (7, 4, 3.0)


def test_the_whole_matrix_by_keyboard(page, matrix):
    page.get_by_role("button", name="Make all").focus()
    page.keyboard.press("Tab")  # into the first grid, at its first cell
    name = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(name).startswith("Guidance 1, 2 steps, seed 0")
    for keys, expected in ((["ArrowRight"], "Guidance 3, 2 steps, seed 0"), (["ArrowDown"], "Guidance 3, 4 steps, seed 0"),
                           (["ArrowDown", "End"], "Guidance 5, 4 steps, seed 0"), (["Home"], "Guidance 1, 4 steps, seed 0"),
                           (["PageDown"], "Guidance 1, 4 steps, seed 7"), (["Control+Home"], "Guidance 1, 2 steps, seed 7"),
                           (["Control+End", "PageUp"], "Guidance 5, 4 steps, seed 0")):
        for key in keys:
            page.keyboard.press(key)
        assert page.evaluate(name).startswith(expected)
    assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    page.keyboard.press("Space")
    settled(page)
    assert matrix.cell == (0, 4, 5.0)
    page.keyboard.press("p")
    settled(page)
    assert matrix.pins == [(0, 4, 5.0)]
    assert button(page, 4, 5).get_attribute("aria-label").endswith(", pinned")
    page.keyboard.press("Tab")
    assert page.evaluate(name).startswith("Guidance 5, 4 steps, seed 7")  # one stop a grid, where it was left
    assert page.locator(".ldm-grid").first.locator("[tabindex='0']").count() == 1


def test_pinned_cells_are_versions_to_switch_between(page, matrix):
    press(page, 2, 1)
    page.get_by_role("button", name="Pin", exact=True).click()
    press(page, 4, 1)
    assert page.locator(".ldm-versions button").all_inner_texts() == ["2 steps, g 1, seed 0", "4 steps, g 1, seed 0"]
    assert (matrix.active, matrix.transcript[:19]) == (1, "Guidance 1, 4 steps")
    page.get_by_role("radio", name="2 steps, g 1, seed 0").click()
    settled(page)
    assert matrix.active == 0
    assert np.abs(matrix.region() - matrix.results[0, 2, 1].audio[0].numpy()).max() < 1e-4
    assert page.locator("[aria-selected='true'] button").get_attribute("aria-label").startswith("Guidance 1, 2 steps")
    page.get_by_role("button", name="Unpin all").click()
    settled(page)
    assert (matrix.pins, len(matrix.versions)) == ([], 1)


def test_cells_of_one_cost_stand_on_one_line_and_the_best_is_named(page, matrix):
    lines = page.locator(".ldm-grid").first.locator("path")
    assert [line.get_attribute("data-cost") for line in lines.all()] == ["4", "8"]
    cells = [button(page, steps, guidance).bounding_box() for steps, guidance in ((4, 1), (2, 3), (2, 5))]
    corner = page.locator(".ldm-grid").first.bounding_box()
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", lines.first.get_attribute("d"))]
    left, below, right = numbers[:3]
    assert left == pytest.approx(cells[0]["x"] - corner["x"], abs=1)
    assert right == pytest.approx(cells[0]["x"] + cells[0]["width"] - corner["x"], abs=1)
    assert below == pytest.approx(cells[0]["y"] + cells[0]["height"] - corner["y"] + 6, abs=1)
    assert numbers[-1] == pytest.approx(cells[2]["x"] + cells[2]["width"] - corner["x"], abs=1)
    assert numbers[-2] == pytest.approx(cells[2]["y"] + cells[2]["height"] - corner["y"] + 6, abs=1)
    button(page, 2, 5).hover()
    assert page.locator(".ldm-marked").first.get_attribute("data-cost") == "4"
    assert page.locator(".ldm-mate").count() == 6
    assert "Same cost, 4 passes" in page.locator(".ldm-note").inner_text()
    for cell in ((4, 1), (2, 3), (2, 5)):
        press(page, *cell)
    scores = {words: matrix.scores[0, steps, guidance] for words, steps, guidance in (
        ("guidance 1 \u00d7 4 steps", 4, 1), ("guidance 3 \u00d7 2 steps", 2, 3), ("guidance 5 \u00d7 2 steps", 2, 5))}
    best = max(scores, key=scores.get)
    said = page.locator(".ldm-note").inner_text()
    for words, score in scores.items():
        assert f"{words} {score:.2f}" in said
    assert f"{best} {scores[best]:.2f} (best)" in said


def test_making_all_can_be_stopped_and_colours_follow_the_scores(page, matrix):
    page.evaluate("""() => { const all = [...document.querySelectorAll('button')].find((b) => b.textContent.startsWith('Make all'));
        all.click(); all.click() }""")
    settled(page)
    assert 0 < len(matrix.results) < 12
    page.get_by_role("button", name=f"Make all ({12 - len(matrix.results)} left)").click()
    settled(page)
    assert len(matrix.scores) == 12
    assert page.get_by_role("button", name="All made").is_disabled()
    low, high = span(matrix.table)
    assert page.locator(".ldm-legend").inner_text().split() == ["CLAP", "score", f"{low:.2f}", f"{high:.2f}"]
    for seed, steps, guidance in matrix.scores:
        score = matrix.table[matrix.seeds.index(seed)][matrix.steps.index(steps)][matrix.guidance.index(guidance)]
        shown = button(page, steps, int(guidance), seed).evaluate("node => getComputedStyle(node).backgroundColor")
        expected = colour((score - low) / (high - low))
        assert [int(part) for part in re.findall(r"\d+", shown)] == pytest.approx(expected, abs=1)


def test_a_mistake_is_told_and_the_matrix_goes_on(page, matrix, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("ldm_lab.widgets.matrix.generate", failing)
        press(page, 2, 1)
        assert page.locator(".ldm-status.ldm-wrong").inner_text() == "the network gave NaN"
        assert button(page, 2, 1).inner_text().startswith("\u2013")
        page.get_by_role("button", name="Make all").click()
        settled(page)
    assert matrix.results == {}
    press(page, 2, 1)
    assert matrix.cell == (0, 2, 1.0)
    assert page.locator(".ldm-wrong").count() == 0


def test_another_prompt_empties_the_matrix_and_python_chooses_too(page, matrix):
    press(page, 2, 1)
    page.get_by_label("Prompt").fill("a pipe")
    page.keyboard.press("Enter")
    settled(page)
    assert (matrix.prompt, matrix.results) == ("a pipe", {})
    assert page.locator(".ldm-player").is_hidden()
    assert page.locator("[aria-selected='true']").count() == 0
    press(page, 2, 1)
    assert page.locator(".ldm-title").inner_text() == "a pipe"
    assert len(asked(page, "sounds")) == 2
    matrix.choose((7, 2, 3))  # Python chooses; what it sends is told to the page by hand
    page.evaluate("([table, cell]) => model.receive({ table, cell })", [matrix.table, [7, 2, 3.0]])
    settled(page)
    assert page.locator("[aria-selected='true'] button").get_attribute("aria-label").startswith("Guidance 3, 2 steps, seed 7")
    assert page.locator(".ldm-transcript").inner_text().startswith("Guidance 3, 2 steps, seed 7")


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_used_by_everybody(open_widget, matrix, dark):
    matrix.make(matrix.cells[:7])
    matrix.choose((0, 2, 3))
    matrix.pins = [(0, 2, 1)]
    page = open_widget(matrix, live=True, dark=dark, height=700)
    accessible(page)
    screenshot(page, f"matrix-{'dark' if dark else 'light'}")


def test_it_leaves_nothing_behind(page):
    press(page, 2, 1)
    page.wait_for_function("model.written.some(([name, value]) => name === 'playing' && value)")
    page.evaluate("cleanup()")
    assert page.evaluate("model.count()") == 1  # the listener of this test
    assert page.locator("#root *").count() == 0
    assert page.evaluate("globalThis.__ldmLab?.playing ?? null") is None
