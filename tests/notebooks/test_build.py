"""Sources to notebooks: the same bytes each time, stable ids, exercises with stub and solution; and the committed files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ldm_lab.course import build, run
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
    lessons = {path.stem for path in SOURCES if build.is_lesson(path)}
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {path.stem for path in SOURCES}
    assert {path.stem for path in (NOTEBOOKS / "solutions").glob("*.ipynb")} == lessons


def test_building_twice_gives_the_same_bytes(folder):
    assert build.build(folder) == [folder / "07_test.ipynb", folder / "solutions" / "07_test.ipynb"]
    first = (folder / "07_test.ipynb").read_bytes()
    assert build.build(folder) == []
    assert (folder / "07_test.ipynb").read_bytes() == first


def test_ids_survive_a_new_cell_and_changed_text_of_named_cells(folder):
    source = folder / "sources" / "07_test.py"
    before = build.notebook(source)["cells"]
    assert len({cell["id"] for cell in before}) == len(before)
    source.write_text(SOURCE.replace("answer = 42", "answer = 43").replace("# %% name", '# %%\nx = 1\n\n# %% name'))
    after = build.notebook(source)["cells"]
    assert [cell["id"] for cell in before] == [cell["id"] for i, cell in enumerate(after) if i != 2]  # after title and the cell for Colab


def test_students_get_the_stub_and_teachers_the_solution(folder):
    source = folder / "sources" / "07_test.py"
    assert code(build.notebook(source))[1] == "answer = OPEN\nprint(answer)"
    assert code(build.notebook(source, solved=True))[1] == "answer = 42\nprint(answer)"


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
    for words in ([str(folder / "sources")], [str(folder), "--only", "99"]):
        with pytest.raises(SystemExit) as stop:
            build.main(words)
        assert stop.value.code == 2


def test_a_solution_keeps_its_outputs_while_its_code_is_the_same(folder):
    build.build(folder)
    target = folder / "solutions" / "07_test.ipynb"
    book = json.loads(target.read_text())
    for number, cell in enumerate(one for one in book["cells"] if one["cell_type"] == "code"):
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["42\n"]}]
        cell["execution_count"] = number + 1
    target.write_text(build.dumps(book))
    assert build.build(folder) == []
    source = folder / "sources" / "07_test.py"
    source.write_text(SOURCE.replace("# # Title", "# # Another title"))
    assert build.build(folder) == [folder / "07_test.ipynb", target]
    assert build.has_run(json.loads(target.read_text()))
    source.write_text(SOURCE.replace("# # Title", "# # Another title").replace("answer = 42", "answer = 43"))
    assert build.build(folder) == [target], "the stub is the same, so the student's notebook is"
    again = json.loads(target.read_text())
    assert not build.has_run(again)
    assert all(not cell["outputs"] for cell in again["cells"] if cell["cell_type"] == "code")


def test_text_is_filled_in(folder):
    text = SOURCE + """
# %% [markdown]
# {{minutes}}. See [mel](guide/glossary.md#mel).
#
# {{solution}}
"""
    source = folder / "sources" / "07_test.py"
    source.write_text(text)
    student, solved = ("".join(build.notebook(source, solved=flag)["cells"][-1]["source"]) for flag in (False, True))
    assert "has not been measured" in student
    assert "(guide/glossary.md#mel)" in student
    assert "(../guide/glossary.md#mel)" in solved
    assert "<details><summary>Solution</summary><pre><code>answer = 42</code></pre></details>" in student
    assert "answer" not in solved
    (folder / "minutes.json").write_text(json.dumps({"07_test": {"seconds": 90.0, "machine": "a machine"}}))
    assert "ran in 1.5 minutes on a machine" in "".join(build.notebook(source)["cells"][-1]["source"])
    source.write_text(text.replace("### BEGIN SOLUTION", "").replace("### END SOLUTION", "").replace("### STUB", ""))
    with pytest.raises(ConfigError, match="no solution came before"):
        build.notebook(source)


def test_a_fold_survives_empty_lines_and_signs():
    shown = build.fold(["def f(x):\n\n\n    return x < 3 & True\n\ny = 1"])
    assert "\n\n" not in shown
    assert "x &lt; 3 &amp; True" in shown


def test_the_network_guard_of_lessons_refuses():
    guard = run.GUARD
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
