"""Sources to notebooks: the same bytes each time, stable ids, exercises with stub and solution; and the committed files."""

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from ldm_lab.course import build
from ldm_lab.errors import ConfigError

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sorted((NOTEBOOKS / "sources").glob("*.py"))
SOURCE = '''# %% [markdown]
# # Title

# %% name="answer"
### BEGIN SOLUTION
answer = 42
### STUB
# answer = OPEN
### END SOLUTION
print(answer)

# %%
print(answer)

# %%
print(answer)
'''


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "07_test.py").write_text(SOURCE)
    return tmp_path


def code(book: dict) -> list[str]:
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]


def test_committed_notebooks_are_what_the_sources_give():
    assert SOURCES
    assert build.build(NOTEBOOKS, check=True) == []
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {path.stem for path in SOURCES}


def test_building_twice_gives_the_same_bytes(folder):
    assert build.build(folder) == [folder / "07_test.ipynb"]
    first = (folder / "07_test.ipynb").read_bytes()
    assert build.build(folder) == []
    assert (folder / "07_test.ipynb").read_bytes() == first


def test_ids_survive_a_new_cell_and_changed_text_of_named_cells(folder):
    source = folder / "sources" / "07_test.py"
    before = build.notebook(source)["cells"]
    assert len({cell["id"] for cell in before}) == len(before)
    source.write_text(SOURCE.replace("answer = 42", "answer = 43").replace("# %% name", '# %%\nx = 1\n\n# %% name'))
    after = build.notebook(source)["cells"]
    assert [cell["id"] for cell in before] == [cell["id"] for i, cell in enumerate(after) if i != 1]


def test_students_get_the_stub_and_teachers_the_solution(folder):
    source = folder / "sources" / "07_test.py"
    assert code(build.notebook(source))[0] == "answer = OPEN\nprint(answer)"
    assert code(build.notebook(source, solved=True))[0] == "answer = 42\nprint(answer)"


def test_a_solution_without_stub_leaves_dots():
    text = "### BEGIN SOLUTION\nx = 1\n### END SOLUTION\nx"
    assert build.student_text(text) == "...\nx"
    assert build.solution_text(text) == "x = 1\nx"


def test_an_open_solution_is_an_error_not_a_leak(folder):
    source = folder / "sources" / "07_test.py"
    source.write_text(SOURCE.replace("### END SOLUTION\n", ""))
    with pytest.raises(ConfigError, match="not closed"):
        build.notebook(source)


def test_command_writes_and_compares(folder, capsys):
    assert build.main([str(folder), "--check"]) == 1
    assert build.main([str(folder)]) == 0
    assert build.main([str(folder), "--check"]) == 0
    assert "up to date" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        build.main([str(folder / "sources")])
    assert stop.value.code == 2


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_lesson_keeps_its_budgets(source):
    path = NOTEBOOKS / f"{source.stem}.ipynb"
    book = json.loads(path.read_text(encoding="utf-8"))
    lines = [text.count("\n") + 1 for text in code(book)]
    assert statistics.median(lines) <= 6
    assert max(lines) <= 30
    assert path.stat().st_size <= 400_000
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in book["cells"])
    assert "widgets" not in book["metadata"]
    text = "\n".join("".join(cell["source"]) for cell in book["cells"])
    assert "SOLUTION" not in text
    assert text.count("\n# ") + text.startswith("# ") == 1, "one title"
    assert not re.search(r"(?<![\w.:/])/(home|work|root|tmp|Users)/", text)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_sounds_and_images_come_with_words(source):
    """Players write a transcript and figures carry alternative text by themselves; nothing may go around them."""
    for cell in build.notebook(source)["cells"]:
        text = "".join(cell["source"])
        for way_around in ("Audio(", "transcript=\"\"", "![](", "data:image", "<img", "imshow("):
            assert way_around not in text


def test_the_network_guard_of_lessons_refuses():
    guard = Path(__file__).parent / "no_network.py"
    probe = "\n".join([
        guard.read_text(encoding="utf-8"),
        "for call in (lambda: socket.create_connection(('192.0.2.1', 80), 1), lambda: socket.getaddrinfo('a.test', 80),",
        "             lambda: socket.socket().connect(('192.0.2.1', 80))):",
        "    try:",
        "        call()",
        "    except OSError as error:",
        "        assert 'tried to reach the network' in str(error), error",
        "    else:",
        "        raise SystemExit('not refused')",
    ])
    assert subprocess.run([sys.executable, "-c", probe], timeout=60).returncode == 0
