"""The first cell of every notebook: on Colab it installs the course and nothing that Colab has; elsewhere it does nothing."""

from __future__ import annotations

import json
import re
import sys
import types
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ldm_lab.course import build

ROOT = Path(__file__).resolve().parents[2]
BOOKS = sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "notebooks" / "solutions").glob("*.ipynb")])


def first_code(path: Path) -> str:
    book = json.loads(path.read_text(encoding="utf-8"))
    return "".join(next(cell for cell in book["cells"] if cell["cell_type"] == "code")["source"])


@pytest.fixture
def cell() -> str:
    return first_code(BOOKS[0])


@pytest.fixture
def colab(monkeypatch):
    """A Colab that only notes what it is asked for: [pip lines], [widget manager calls]."""
    installed, enabled = [], []
    output = types.SimpleNamespace(enable_custom_widget_manager=lambda: enabled.append(True))
    for name, module in {"google": types.ModuleType("google"), "google.colab": types.ModuleType("google.colab")}.items():
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["google.colab"].output = output
    sys.modules["google"].colab = sys.modules["google.colab"]
    return installed, enabled


@pytest.fixture
def shell(colab):
    made = InteractiveShell()
    made.register_magic_function(lambda line: colab[0].append(line), magic_name="pip")
    return made


def test_it_is_the_same_everywhere():
    assert len(BOOKS) >= 28
    assert len({first_code(path) for path in BOOKS}) == 1


def test_the_repository_is_written_in_one_place(cell):
    assert f"github.com/{build.repository()}" in cell
    named = [path for path in (ROOT / "notebooks" / "sources").glob("*.py") if build.repository() in path.read_text(encoding="utf-8")]
    assert named == []


def test_on_colab_it_installs_without_dependencies(cell, shell, colab):
    result = shell.run_cell(cell)
    assert result.success, result.error_in_exec
    (line,), enabled = colab
    assert enabled == [True]
    assert "--no-deps" in line.split()
    wanted = set(re.findall(r"(?<![\w@./-])([a-z][\w-]+)(?= @|\s|$)", line.replace('"', " "))) - {"install"}
    assert "ldm-lab" in wanted
    assert not wanted & {"torch", "numpy", "torchaudio", "laion-clap", "matplotlib", "scipy"}


def test_elsewhere_it_does_nothing(cell, shell, colab, monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab")
    assert shell.run_cell(cell).success
    assert colab == ([], [])


def test_what_it_installs_is_what_colab_lacks():
    """Everything the course imports is one of: brought by Colab, or named in the cell."""
    import ldm_lab.training.recipe as recipe

    project = recipe.read_toml(ROOT / "pyproject.toml")["project"]
    needs = {re.split(r"[>=;\s\[]", line)[0] for line in [*project["dependencies"], *project["optional-dependencies"]["course"]]}
    on_colab = {"numpy", "torch", "soundfile", "tqdm", "safetensors", "matplotlib", "ipywidgets", "tomli"}
    assert needs - on_colab - {"jupyterlab"} <= set(build.COLAB.split())
