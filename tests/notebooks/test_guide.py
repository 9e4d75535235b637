"""The guide beside the notebooks: every link leads somewhere, every word is explained, what it says to type can be typed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
GUIDE = NOTEBOOKS / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
SOURCES = sorted((NOTEBOOKS / "sources").glob("*.py"))
LESSONS = [path.stem[:2] for path in SOURCES if path.stem[0].isdigit()]


def prose(path: Path) -> str:
    """The text of a page, or of a lesson's source, without its code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        text = "\n".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Where links into a page may lead: headings in lower case, without punctuation, words joined."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", prose(path), flags=re.MULTILINE)}


def links(text: str) -> list[tuple[str, str]]:
    """(file, anchor) of each link that is no web address."""
    return [(file, anchor) for file, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text) if "://" not in file]


def test_the_guide_is_complete():
    assert {path.name for path in PAGES} == {"cheat_sheet.md", "glossary.md", "instructor.md", "troubleshooting.md"}
    assert len(LESSONS) == len(set(LESSONS)) >= 10


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    home = GUIDE if path.suffix == ".md" else NOTEBOOKS
    found = links(prose(path))
    assert found or path.stem in ("cheat_sheet", "studio", "widget_gallery", "glossary")
    for file, anchor in found:
        target = home / file if file else path
        assert target.exists(), f"{path.name}: {file} is not there"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{path.name}: {target.name} has no heading {anchor!r}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_has_one_title_and_no_level_is_skipped(path):
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(path), flags=re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))
    assert not re.search(r"(?<![\w.:/])/(home|work|root|tmp|Users)/|TODO|<!--", path.read_text(encoding="utf-8"))


def test_each_word_is_explained_in_three_sentences_and_says_where_it_is_built():
    parts = re.split(r"^## (.+)$", (GUIDE / "glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    words = dict(zip(parts[::2], parts[1::2]))
    assert len(words) > 100 and list(words) == sorted(words)
    for word, text in words.items():
        assert word == word.lower(), "JupyterLab's anchors keep capitals, those of web pages do not"
        explained, _, tail = text.strip().rpartition("\n\n")
        lessons = re.search(r"\*Lessons?:\* (?:([\d, ]+)|none, but the library has it)$", tail)
        assert lessons and all("00" <= one <= "12" for one in (lessons.group(1) or "00").split(", ")), word
        assert 1 <= len(re.findall(r"[.?)](?= |$)", explained)) <= 4, f"{word}: {explained}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_instructor_finds_each_lesson(lesson):
    text = (GUIDE / "instructor.md").read_text(encoding="utf-8")
    section = re.search(rf"^## Lesson {lesson}: .*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert section, f"no section about lesson {lesson}"
    for needed in ("**Aha:**", "**Show:**", "**Common mistakes**", "**Discussion**"):
        assert needed in section.group()
    assert section.group().count("\n- ") >= 7


def test_the_sections_a_plan_names_exist():
    """Italic names after a lesson's number in a plan are headings or exercises of that lesson."""
    text = (GUIDE / "instructor.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [\d:]+ \| (\d\d) \| (.+) \|$", text, flags=re.MULTILINE)
    assert len(rows) > 20
    missing = []
    for lesson, words in rows:
        source = next((path for path in SOURCES if path.stem.startswith(lesson)), None)
        if source is None:
            continue
        inside = source.read_text(encoding="utf-8").lower()
        for name in re.findall(r"(?<!\*)\*([^*|]{4,60})\*(?!\*)", words):
            part = name.strip("?, ").lower()
            if not re.search(rf"^# #+ .*{re.escape(part)}", inside, flags=re.MULTILINE) and part not in ("a dog barking",):
                missing.append(f"{lesson}: {name}")
    assert missing == []


def test_the_cheat_sheet_works(tmp_path, monkeypatch, tiny):
    """Its first block of code runs (on the quick model), its second compiles and imports what is there."""
    import ldm_lab
    from ldm_lab import course

    first, second = re.findall(r"```python\n(.*?)```", (GUIDE / "cheat_sheet.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ldm_lab.checkpoint.load", lambda name: tiny)
    wav = 0.1 * np.random.default_rng(0).standard_normal((1, 40960)).astype(np.float32)
    import torch

    wav = torch.from_numpy(wav)
    names = {"wav": wav, "mel": tiny.wav_to_mel(wav), "mine": tiny.vocoder}
    names["z"] = tiny.mel_to_latent(names["mel"])
    exec(compile(first.replace("steps=25", "steps=2").replace("strength=0.5", "strength=0.5, steps=2")
                 .replace("end=1.6", "end=1.6, steps=2").replace("super_resolve(wav)", "super_resolve(wav, cutoff_hz=4000, steps=2)"),
                 "cheat sheet", "exec"), names)
    assert (tmp_path / "dog.wav").is_file() and names["ldm"] is tiny and ldm_lab.load
    tree = ast.parse(second)
    exec(compile(ast.Module([node for node in tree.body if isinstance(node, ast.ImportFrom)], []), "cheat sheet", "exec"), {})
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "course"}
    assert used and all(hasattr(course, name) for name in used)
