"""Where no widgets run: a notebook executed without a browser, GitHub's MIME types, nbconvert's pages, a shared file."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from ldm_lab.course import share
from ldm_lab.errors import OptionError

ROOT = Path(__file__).resolve().parents[2]
CELLS = [
    "import numpy as np\nfrom ldm_lab import course\nfrom ldm_lab.widgets import SimilarityBoard, player\n"
    "ldm = course.load('lab')\nhum = (0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32)",
    "player(hum, title='A hum')",
    "SimilarityBoard(ldm, {'hum': hum, 'half': hum[:8000]}, words='a bell')",
    "ldm.generate('rain', seconds=0.64, steps=2, progress=False)",
]
WORDS = ["A hum | 1.00 s", "a bell", "rain | 0.64 s"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The cells after they have run without a browser."""
    folder = tmp_path_factory.mktemp("course")
    book = new_notebook(cells=[new_code_cell(cell) for cell in CELLS])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PYTHONPATH": str(ROOT), "LDM_LAB_MODEL": "tiny", "OMP_NUM_THREADS": "1",
                            "IPYTHONDIR": str(folder)}.items():
            patch.setenv(name, value)
        share.execute(book, folder)
    return book


def shown(book) -> list[dict]:
    return [output["data"] for cell in book["cells"] for output in cell["outputs"] if "data" in output]


def test_a_notebook_run_without_a_browser_holds_picture_and_words_and_no_state(executed):
    assert "widgets" not in executed.metadata
    text = nbformat.writes(executed)
    assert "buffer" not in text and "data:audio" not in text
    assert len(text) < 150_000
    for data, words in zip(shown(executed), WORDS, strict=True):
        assert words in data["text/plain"]
        assert "object at 0x" not in data["text/plain"]
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
        assert set(data) == {share.VIEW, "image/png", "text/plain"}  # GitHub shows the picture, a terminal the words


@pytest.mark.parametrize("template", ["lab", "classic"])
def test_nbconvert_shows_pictures_and_no_empty_box(executed, template):
    from nbconvert import HTMLExporter, MarkdownExporter

    page, _ = HTMLExporter(template_name=template).from_notebook_node(copy.deepcopy(executed))
    for data in shown(executed):
        assert data["image/png"].replace("\n", "") in page.replace("\n", "")
    assert share.VIEW not in page
    if template == "classic":  # the other template has no place for alternative text
        assert all(f"alt=\"Log-mel spectrogram. {words}" in page for words in (WORDS[0], WORDS[2]))
    _, kept = MarkdownExporter().from_notebook_node(copy.deepcopy(executed))
    assert [data.startswith(b"\x89PNG") for data in kept["outputs"].values()] == [True] * 3


def test_a_shared_notebook_keeps_picture_and_words_only(executed, tmp_path, capsys):
    book = copy.deepcopy(executed)
    book.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"1": {"buffers": []}}}}
    book.cells[0].outputs = [new_output("display_data", {share.VIEW: {"model_id": "1"}}),
                             new_output("stream", text="hello")]
    nbformat.write(book, tmp_path / "mine.ipynb")
    assert share.main([str(tmp_path / "mine.ipynb"), "-o", str(tmp_path / "shared.ipynb")]) == 0
    assert "3 widgets" in capsys.readouterr().out
    assert "widgets" in json.loads((tmp_path / "mine.ipynb").read_text())["metadata"]
    shared = nbformat.read(tmp_path / "shared.ipynb", as_version=4)
    nbformat.validate(shared)
    assert "widgets" not in shared.metadata
    assert [sorted(data) for data in shown(shared)] == [[share.VIEW], *[["image/png", "text/plain"]] * 3]
    assert shared.cells[0].outputs[1].text == "hello"


def test_what_is_no_notebook_is_refused(tmp_path, capsys):
    (tmp_path / "mine.ipynb").write_text("not a notebook")
    for name in ("mine.ipynb", "nowhere.ipynb"):
        with pytest.raises(OptionError, match="not a notebook"):
            share.share(tmp_path / name, tmp_path / "shared.ipynb")
        with pytest.raises(SystemExit) as stop:
            share.main([str(tmp_path / name)])
        assert stop.value.code == 2
    assert "not a notebook" in capsys.readouterr().err
    assert not (tmp_path / "shared.ipynb").exists()


def test_running_and_sharing_in_one_step(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("6 * 7")]), tmp_path / "sum.ipynb")
    assert share.share(tmp_path / "sum.ipynb", tmp_path / "sum.ipynb", run=True) == 0
    assert shown(nbformat.read(tmp_path / "sum.ipynb", as_version=4)) == [{"text/plain": "42"}]
