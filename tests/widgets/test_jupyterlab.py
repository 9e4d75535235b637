"""End to end: the gallery in a real JupyterLab. Run all, gestures, read the traits back, change the theme, save, reopen."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from lab_server import ROOT, Notebook, server

from ldm_lab.course import share

pytestmark = pytest.mark.browser
GALLERY = ROOT / "notebooks" / "widget_gallery.ipynb"
MOST_BYTES = 400_000
NOT_OURS = ("/lsp/status",)  # the language server that is not installed
ROOTS = ".ldm-widget, .ldm-player"


class Gesture(NamedTuple):
    """What is done to the widget in the variable `name`, and what Python must then say to `expression`."""

    name: str
    act: Callable
    expression: str
    expected: object


def keys(selector: str, *pressed: str) -> Callable:
    """Put the focus on the first `selector` of the widget and press keys."""

    def act(cell) -> None:
        cell.locator(selector).first.focus()
        for key in pressed:
            cell.page.keyboard.press(key)

    return act


def click(role: str, label: str) -> Callable:
    return lambda cell: cell.get_by_role(role, name=label).first.click()


def typed(label: str, text: str, *pressed: str) -> Callable:
    """Type into the field called `label`, then press keys."""

    def act(cell) -> None:
        cell.get_by_label(label, exact=True).fill(text)
        for key in pressed:
            cell.page.keyboard.press(key)

    return act


def drag_a_box(cell) -> None:
    """Over the whole height, from a quarter to three quarters of the time."""
    place = cell.locator(".ldm-slider").bounding_box()
    at = lambda x, y: (place["x"] + x * place["width"], place["y"] + y * place["height"])
    cell.page.mouse.move(*at(0.25, 0.01))
    cell.page.mouse.down()
    cell.page.mouse.move(*at(0.5, 0.5))
    cell.page.mouse.move(*at(0.75, 0.99))
    cell.page.mouse.up()


GESTURES = [
    Gesture("sound", keys(".ldm-slider", "End", "2"), "[sound.active, round(sound.position - sound.seconds, 2)]", [1, 0.0]),
    Gesture("sound", drag_a_box, "[round(value, 1) for value in sound.box]", [0.6, 1.9, 0.0, 8000.0]),
    Gesture("pipeline", lambda cell: cell.locator("[data-box=latent]").click(), "pipeline.selected", "latent"),
    Gesture("scrubber", keys(".ldm-range input", "ArrowRight", "ArrowRight"), "scrubber.step", 3),
    Gesture("matrix", lambda cell: cell.get_by_label("Guidance 3, 10 steps, seed 1").click(), "list(matrix.cell)", [1, 10, 3.0]),
    Gesture("brush", typed("Prompt", "rain", "Enter"), "[fill['prompt'] for fill in brush.history]", ["a dog barking", "rain"]),
    Gesture("brush", click("button", "Undo"), "[len(brush.history), brush.wrong]", [1, False]),
    Gesture("strip", keys(".ldm-range input", "End"), "[strip.index, strip.strength]", [4, 0.9]),
    Gesture("mixer", keys(".ldm-strips input", "m"), "[mixer.muted, mixer.applied[0]]", [[0], 0.0]),
    Gesture("board", typed("Words", "thunder"), "board.queries", ["thunder"]),
    Gesture("studio", typed("Prompt", "rain", "Enter"), "[studio.result.prompts[0], studio.heard, len(studio.shelf)]",
            ["rain", 2, 2]),
    Gesture("test", click("button", "agree"), "[test.page, test.state['answered']]", ["level", 0]),
]


def code_cells(book: dict) -> dict[str, int]:
    """{last line: number} of the code cells, but the one for Colab."""
    return {"".join(cell["source"]).rstrip().splitlines()[-1]: number for number, cell in enumerate(book["cells"])
            if cell["cell_type"] == "code" and "colab" not in cell["metadata"].get("tags", [])}


def wait_for_ink(cell, *, bright: bool) -> None:
    """Wait until the axes of the cell's first picture are drawn in a bright colour, or in a dark one."""
    cell.page.wait_for_function("""([canvas, bright]) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, 40, canvas.height - 40);
        let best = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) best = Math.max(best, data[i]);
        return data.some((value, i) => i % 4 === 3 && value > 200) && (bright ? best > 200 : best < 120) }""",
                                arg=[cell.locator(".ldm-stage canvas").first.element_handle(), bright], timeout=30_000)


def pictures(notebook: Notebook, cells: dict[str, int], look: str) -> None:
    """A PNG of each widget in the folder LDM_LAB_SHOTS, where one is named."""
    if folder := os.environ.get("LDM_LAB_SHOTS"):
        for name in dict.fromkeys(gesture.name for gesture in GESTURES):
            output = notebook.cell(cells[name]).locator(".jp-OutputArea-output").last
            output.screenshot(path=str(Path(folder) / f"lab-{name}-{look}.png"))


@pytest.fixture
def opened(browser, tmp_path):
    """The gallery in JupyterLab: (open(name) -> Notebook, folder, messages on the page's console)."""
    folder, home = tmp_path / "course", tmp_path / "home"
    folder.mkdir(), home.mkdir()
    shutil.copy(GALLERY, folder)
    context = browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
    errors: list[str] = []

    def open_notebook(address: str) -> Notebook:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(f"{said.text} {said.location}") if said.type == "error" else None)
        return Notebook(page, address)

    with server(folder, home) as address:
        yield lambda name: open_notebook(address.format(name)), folder, errors
        context.close()


def test_the_gallery_in_jupyterlab(opened):
    open_notebook, folder, errors = opened
    notebook = open_notebook(GALLERY.name)
    notebook.run_all()
    cells = code_cells(json.loads(GALLERY.read_text(encoding="utf-8")))
    assert {gesture.name for gesture in GESTURES} == set(cells) - {next(iter(cells))}, "a gesture for every widget"

    failed = []
    for gesture in GESTURES:
        try:
            cell = notebook.cell(cells[gesture.name])
            cell.locator(ROOTS).first.wait_for()
            gesture.act(cell)
            notebook.until(gesture.expression, gesture.expected)
        except Exception as error:  # all widgets are tried before the first mistake is told
            failed.append(f"{gesture.name}: {error}")
    assert failed == []

    pictures(notebook, cells, "light")
    wait_for_ink(notebook.cell(cells["sound"]), bright=False)
    notebook.theme("JupyterLab Dark")
    wait_for_ink(notebook.cell(cells["sound"]), bright=True)
    pictures(notebook, cells, "dark")

    what_is_saved(notebook.save(folder / GALLERY.name), folder / GALLERY.name)
    assert [error for error in errors if not any(word in error for word in NOT_OURS)] == []
    notebook.page.close()
    reopened(open_notebook, folder)


def what_is_saved(book: dict, path: Path) -> None:
    """No widget state and no sound in the file; a picture and words for every widget."""
    assert "widgets" not in book["metadata"]
    text = path.read_text(encoding="utf-8")
    assert len(text) < MOST_BYTES
    assert "data:audio" not in text
    outputs = [output for cell in book["cells"] for output in cell.get("outputs", [])]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    shown = [output["data"] for output in outputs if share.VIEW in output.get("data", {})]
    assert len(shown) == len({gesture.name for gesture in GESTURES})
    for data in shown:
        assert data["image/png"] and len("".join(data["text/plain"])) > 20


def reopened(open_notebook: Callable, folder: Path) -> None:
    """A shared notebook shows its pictures without a kernel that knows the widgets."""
    assert share.share(folder / GALLERY.name, folder / "shared.ipynb") == len({gesture.name for gesture in GESTURES})
    shared = open_notebook("shared.ipynb")
    shared.page.wait_for_function("count => document.querySelectorAll('.jp-OutputArea img').length === count",
                                  arg=len({gesture.name for gesture in GESTURES}))
    assert shared.page.get_by_text("model not found").count() == 0
