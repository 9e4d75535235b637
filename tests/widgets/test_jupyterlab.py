"""End to end: the gallery in a real JupyterLab. Run all, one gesture a widget, read the trait back, save, look at the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab_server import ROOT, Notebook, server

pytestmark = pytest.mark.browser
GALLERY = ROOT / "notebooks" / "widget_gallery.ipynb"
VIEW = "application/vnd.jupyter.widget-view+json"
MOST_BYTES = 1_500_000


@dataclass(frozen=True)
class Gesture:
    """What is done to the widget of the cell that ends with the variable `name`, and what Python must say then."""

    name: str
    act: Callable
    expression: str
    expected: object


def keys(selector: str, *pressed: str) -> Callable:
    """Focus on the first `selector` in the cell and press keys."""

    def act(cell) -> None:
        cell.locator(selector).first.focus()
        for key in pressed:
            cell.page.keyboard.press(key)

    return act


GESTURES = [
    Gesture("sound", keys(".ldm-slider", "End", "2"), "[sound.active, round(sound.position - sound.seconds, 2)]", [1, 0.0]),
]


def code_cells(book: dict) -> dict[str, int]:
    """{last line: number} of the code cells."""
    return {"".join(cell["source"]).rstrip().splitlines()[-1]: i for i, cell in enumerate(book["cells"])
            if cell["cell_type"] == "code"}


@pytest.fixture
def opened(browser, tmp_path):
    """The gallery in JupyterLab: (notebook, path of its file, messages on the page's console)."""
    folder, home = tmp_path / "course", tmp_path / "home"
    folder.mkdir(), home.mkdir()
    path = Path(shutil.copy(GALLERY, folder))
    context = browser.new_context(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(f"{said.text} {said.location}") if said.type == "error" else None)
    with server(folder, home) as address:
        yield Notebook(page, address.format(path.name)), path, errors
        context.close()


def test_the_gallery_in_jupyterlab(opened):
    notebook, path, errors = opened
    notebook.run_all()
    book = notebook.save(path)
    print(errors)
    cells = code_cells(book)
    wrong = [o for c in book["cells"] for o in c.get("outputs", []) if o["output_type"] == "error"]
    assert not wrong
    for g in GESTURES:
        cell = notebook.cell(cells[g.name])
        cell.locator("[data-lm-suppress-shortcuts]").first.wait_for()
        g.act(cell)
        notebook.until(g.expression, g.expected)
    if folder := os.environ.get("LDM_LAB_SHOTS"):
        notebook.page.screenshot(path=f"{folder}/lab-light.png")
    notebook.theme("JupyterLab Dark")
    if folder := os.environ.get("LDM_LAB_SHOTS"):
        notebook.page.screenshot(path=f"{folder}/lab-dark.png")
    print(errors)
