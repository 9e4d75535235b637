"""Each page with its solutions filled in runs to the end with strict checks, offline, and keeps no widget state."""

import json
import os
import shutil
from pathlib import Path

import pytest

from ldm_lab.course import build, share

HERE = Path(__file__).resolve().parent
SOURCES = sorted((HERE.parents[1] / "notebooks" / "sources").glob("*.py"))
MAX_OUTPUT, MAX_NOTEBOOK = 120_000, 400_000


@pytest.fixture
def offline(tmp_path, monkeypatch) -> Path:
    """The environment of the kernel: network closed, strict checks, the quick untrained model."""
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(HERE / "no_network.py", startup / "00_no_network.py")
    root = str(HERE.parents[1])
    for name, value in {"IPYTHONDIR": str(tmp_path / "ipython"), "COURSE_STRICT": "1", "COURSE_FAST": "1",
                        "LDM_LAB_MODEL": "tiny", "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_solved_lesson_runs_with_strict_checks(source, offline):
    import nbformat

    book = nbformat.reads(build.dumps(build.notebook(source, solved=True)), as_version=4)
    nbformat.validate(book)
    share.execute(book, offline, timeout=120)
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert "widgets" not in book.metadata
    assert max(len(json.dumps(output)) for output in outputs) <= MAX_OUTPUT
    assert len(json.dumps(book)) <= MAX_NOTEBOOK
    shown = [output["data"] for output in outputs if "data" in output]
    players = [data for data in shown if share.VIEW in data]
    if source.stem[0].isdigit():  # a lesson
        assert any("[Right]" in data["text/plain"] for data in shown)
        assert len(players) >= 3
    assert players
    for data in players:  # what a page without widgets shows
        assert data["image/png"]
        assert data["text/plain"].count(" ") > 3
        assert "object at 0x" not in data["text/plain"]
