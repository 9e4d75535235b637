"""Running a lesson without a browser and a network, and keeping its outputs small."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest

from ldm_lab.course import build, run

SOURCE = '''# %% [markdown]
# # Title

# %% name="environment"
import os
print(os.environ["COURSE_PROFILE"], bool(os.environ["COURSE_STRICT"]), os.environ["OMP_WAIT_POLICY"])

# %% name="network"
import socket
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except OSError as error:
    print(error)

# %% name="bar"
import sys, time
from ldm_lab.course.profiles import steps
for _ in steps(3):
    time.sleep(0.6)

# %% name="answer"
### BEGIN SOLUTION
answer = 42
### STUB
# answer = 1 / 0
### END SOLUTION
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "notebooks" / "sources").mkdir(parents=True)
    (tmp_path / "notebooks" / "sources" / "07_test.py").write_text(SOURCE)
    return tmp_path / "notebooks"


def texts(book: dict) -> list[str]:
    return ["".join(text for output in cell["outputs"] for text in output.get("text", [])) for cell in book["cells"] if cell["cell_type"] == "code"]


def test_solutions_are_run_once_and_kept_with_their_minutes(folder, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    (folder.parent / "README.md").write_text("before\n<!-- lessons:start -->\nold\n<!-- lessons:end -->\nafter\n")
    build.build(folder)
    target = folder / "solutions" / "07_test.ipynb"
    assert build.run_solutions(folder, profile="fast") == [target]
    book = json.loads(target.read_text())
    _, environment, network, bar, _ = texts(book)
    assert environment == "fast True passive\n"
    assert "tried to reach the network" in network
    assert bar.count("\n") <= 1
    assert "3/3" in bar
    assert "\r" not in bar
    assert build.has_run(book)
    noted = json.loads((folder / "minutes.json").read_text())["07_test"]
    assert 1.8 < noted["seconds"] < 120
    assert noted["profile"] == "fast"
    assert noted["machine"] in (folder.parent / "README.md").read_text()
    assert (folder.parent / "README.md").read_text().startswith("before\n<!-- lessons:start -->\n| lesson |")
    assert build.run_solutions(folder, profile="fast") == []
    assert build.build(folder, check=True) == []


def test_the_first_error_stops_a_run_and_is_told(folder, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(folder.parent)
    assert run.main(["07", "--student", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().out
    assert "ZeroDivisionError" in said
    assert "07_test-student-fast" in said
    with pytest.raises(SystemExit):
        run.main(["99"])


def test_a_picture_is_put_on_a_palette_if_that_is_smaller():
    from PIL import Image

    def png(array) -> str:
        target = io.BytesIO()
        Image.fromarray(array.astype(np.uint8)).save(target, format="PNG")
        return base64.b64encode(target.getvalue()).decode("ascii")

    ramp = np.stack([np.add.outer(np.arange(200), np.arange(300)) % 256] * 3, axis=2)
    noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3))
    for array in (ramp, noise):
        book = {"cells": [{"cell_type": "code", "metadata": {"execution": {}}, "outputs": [
            {"output_type": "display_data", "data": {"image/png": png(array), "text/plain": "words"}}]}]}
        kept = run.slim(book)["cells"][0]["outputs"][0]["data"]["image/png"]
        assert len(kept) <= len(png(array))
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(kept))).convert("RGB")).astype(float)
        assert np.abs(shown - array).mean() < 25


def test_pieces_of_a_stream_are_joined():
    piece = lambda text: {"output_type": "stream", "name": "stdout", "text": [text]}
    book = {"cells": [{"cell_type": "code", "metadata": {}, "outputs": [piece("a\r"), piece("b\n"), piece("c")]}]}
    (joined,) = run.slim(book)["cells"][0]["outputs"]
    assert "".join(joined["text"]) == "b\nc"
