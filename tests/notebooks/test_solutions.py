"""The committed solutions: run to the end as laptops do, small, with words beside every picture and every sound."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ldm_lab.course import build, share

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SOLUTIONS = [NOTEBOOKS / "solutions" / f"{source.stem}.ipynb" for source in sorted((NOTEBOOKS / "sources").glob("*.py"))
             if build.is_lesson(source)]
MAX_OUTPUT, MAX_NOTEBOOK = 120_000, 400_000
ABSOLUTE = re.compile(r"(?<![\w.:/])/(home|work|root|tmp|Users|private|content)/")
# What stands in a cell's output instead of words when somebody left a bare figure or object there.
MUTE = re.compile(r"^<(Figure size|.* object at 0x)|Axes|object at 0x")


@pytest.fixture(params=SOLUTIONS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture
def book(path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def outputs(book: dict) -> list[dict]:
    return [output for cell in book["cells"] for output in cell.get("outputs", [])]


def test_every_cell_was_run_in_order_and_without_error(book):
    counts = [cell["execution_count"] for cell in book["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"
    assert not [output for output in outputs(book) if output["output_type"] == "error"]


def test_the_run_was_a_laptops_and_its_minutes_are_in_the_header(path, book):
    noted = json.loads((NOTEBOOKS / "minutes.json").read_text(encoding="utf-8"))[path.stem]
    assert noted["profile"] == "laptop"
    assert noted["seconds"] > 5
    assert f"ran in {noted['seconds'] / 60:.1f} minutes on {noted['machine']}" in "".join(book["cells"][0]["source"])


def test_budgets(path, book):
    assert path.stat().st_size <= MAX_NOTEBOOK
    assert max(len(json.dumps(output)) for output in outputs(book)) <= MAX_OUTPUT


def test_nothing_of_this_machine_and_no_widget_state_is_kept(path, book):
    assert "widgets" not in book["metadata"]
    text = path.read_text(encoding="utf-8")
    assert share.VIEW not in text
    assert "data:audio" not in text
    assert not ABSOLUTE.search(text), ABSOLUTE.search(text)
    assert not any("execution" in cell["metadata"] for cell in book["cells"])


def test_pictures_and_sounds_come_with_words(book):
    shown = [output["data"] for output in outputs(book) if "data" in output]
    pictures = [data for data in shown if "image/png" in data or "image/svg+xml" in data]
    assert len(pictures) >= 4
    for data in pictures:
        words = "".join(data["text/plain"])
        assert len(words.split()) >= 4, words
        assert not MUTE.search(words), words
    assert not [data for data in shown if "audio" in " ".join(data)]


def test_every_card_is_right(book):
    cards = ["".join(output["data"].get("text/plain", "")) for output in outputs(book) if "data" in output]
    verdicts = [card.splitlines()[0] for card in cards if re.match(r"\[(Right|Not yet|To do)\]", card)]
    assert len(verdicts) >= 3
    assert all(line.startswith("[Right]") for line in verdicts), verdicts
