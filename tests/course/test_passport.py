"""What has been solved is remembered: whole files, nothing lost, never an exception, a table, a page, one CSV for a class."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import runpy
import subprocess
import sys
import types
import warnings

import pytest

from ldm_lab import course
from ldm_lab.course import passport_page, progress
from ldm_lab.course.exercise import Exercise, same_value
from ldm_lab.course.passport_page import Passport
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.errors import OptionError

CATALOGUE = {"01": {"mel": "Hertz to mel", "log": "A <log>", "quiz/1": "Why?", "quiz/2": "How?"}, "02": {"phase": "Phase"}}
TITLES = {"01": "Sound to log-mel"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The passport of a test, in a folder that does not exist yet, and nothing remembered from before."""
    path = tmp_path / "data" / "passport.json"
    monkeypatch.setenv("LDM_LAB_PASSPORT", str(path))
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    monkeypatch.setattr(progress, "_unsaved", {})
    monkeypatch.setattr(progress, "_said", set())
    return path


def saved(path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))["lessons"]


def entry(state: str = "right", tries: int = 1, day: str = "2026-01-01", title: str = "Task") -> dict:
    stamp = f"{day}T10:00:00+00:00"
    return {"title": title, "state": state, "tries": tries, "first": stamp, "solved": stamp if state == "right" else ""}


def write(path, lessons, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format": "ldm-lab passport", "version": 1, "lessons": lessons} | more))
    return path


# --- recording ---


def test_tries_are_counted_until_it_is_solved_and_solved_stays(place):
    for state in ("todo", "wrong", "wrong", "right", "wrong", "right"):
        progress.record("01", "mel", "Hertz to mel", state)
    found = saved(place)["01"]["mel"]
    assert (found["state"], found["tries"], found["title"]) == ("right", 3, "Hertz to mel")
    assert found["first"] <= found["solved"]
    assert progress.records() == saved(place)
    assert [path.name for path in place.parent.iterdir()] == ["passport.json"]


def test_what_is_still_to_do_leaves_no_file(place):
    progress.record("01", "mel", "Hertz to mel", "todo")
    assert not place.exists() and progress.records() == {}


def test_a_card_is_recorded(place):
    exercise = Exercise("03", "kl", "The KL", 2.0, same_value(), right={"int": 2}, wrong={"one": 1.0, "three": 3.0, "zero": 0.0})
    assert not exercise.check(3.0).passed
    assert exercise.check(2).passed
    assert {key: (one["state"], one["tries"]) for key, one in saved(place)["03"].items()} == {"kl": ("right", 2)}


@pytest.mark.parametrize("text", ["not json", "[]", '{"format": "other", "version": 1}', "\udcff", "[" * 5000,
                                  '{"format": "ldm-lab passport", "version": 1, "lessons": {"01": {"a": 3}}}',
                                  '{"format": "ldm-lab passport", "lessons": {}}', ""])
def test_a_foreign_file_is_kept_beside_and_said_once(place, caplog, text):
    place.parent.mkdir()
    data = text.encode("utf-8", "surrogateescape")
    place.write_bytes(data)
    progress.record("01", "mel", "Hertz to mel", "right")
    progress.record("01", "log", "A log", "right")
    assert place.with_name("passport.json.bak").read_bytes() == data
    assert set(saved(place)["01"]) == {"mel", "log"}
    assert len(caplog.records) == 1 and "kept as passport.json.bak" in caplog.text


def test_a_second_foreign_file_does_not_replace_the_first_backup(place):
    for text in ("one", "two"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
        progress.record("01", "mel", "Hertz to mel", "right")
    assert place.with_name("passport.json.bak").read_text() == "one"
    assert place.with_name("passport.json.bak2").read_text() == "two"


def test_a_file_of_a_newer_version_is_left_alone(place, caplog):
    text = write(place, {"01": {}}, version=2).read_text()
    progress.record("01", "mel", "Hertz to mel", "right")
    assert place.read_text() == text and list(place.parent.iterdir()) == [place]
    assert "newer LDM Lab" in caplog.text
    assert progress.records()["01"]["mel"]["state"] == "right"  # for now


def test_a_place_that_cannot_be_written_is_said_once_and_remembered(place, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LDM_LAB_PASSPORT", str(tmp_path / "file" / "passport.json"))
    progress.record("01", "mel", "Hertz to mel", "wrong")
    progress.record("01", "mel", "Hertz to mel", "right")
    progress.record("02", "phase", "Phase", "wrong")
    assert len(caplog.records) == 1 and "LDM_LAB_PASSPORT names another place" in caplog.text
    assert {lesson: {key: one["tries"] for key, one in entries.items()} for lesson, entries in progress.records().items()} == {
        "01": {"mel": 2}, "02": {"phase": 1}}
    monkeypatch.setenv("LDM_LAB_PASSPORT", str(place))  # and it is written as soon as it can be
    progress.record("02", "phase", "Phase", "right")
    assert saved(place)["01"]["mel"]["tries"] == saved(place)["02"]["phase"]["tries"] == 2
    assert progress._unsaved == {}


def test_a_folder_that_may_not_be_written(place, caplog):
    place.parent.mkdir()
    place.parent.chmod(0o500)
    if os.access(place.parent, os.W_OK):
        pytest.skip("this user may write everywhere")
    try:
        for state in ("wrong", "wrong", "right"):
            progress.record("01", "mel", "Hertz to mel", state)
    finally:
        place.parent.chmod(0o700)
    assert not place.exists() and len(caplog.records) == 1
    assert progress.records()["01"]["mel"]["tries"] == 3


def test_whatever_happens_a_cell_goes_on(place, monkeypatch, caplog):
    monkeypatch.setattr(progress, "joined", lambda *args: 1 / 0)
    progress.record("01", "mel", "Hertz to mel", "right")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("variables", [{"LDM_LAB_PASSPORT": "off"}, {"LDM_LAB_PASSPORT": " Off "}, {"COURSE_STRICT": "1"}])
def test_it_can_be_switched_off(place, monkeypatch, tmp_path, variables):
    monkeypatch.delenv("LDM_LAB_PASSPORT")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    progress.record("01", "mel", "Hertz to mel", "right")
    assert list(tmp_path.rglob("*")) == [] and progress.records() == {} and progress.place() is None


def test_places(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    monkeypatch.setenv("LDM_LAB_PASSPORT", str(tmp_path))
    assert progress.place() == tmp_path / "passport.json"
    monkeypatch.delenv("LDM_LAB_PASSPORT")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    for system, path in {"linux": "xdg/ldm-lab", "darwin": "Library/Application Support/ldm-lab", "win32": "roaming/ldm-lab"}.items():
        monkeypatch.setattr(progress.sys, "platform", system)
        monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
        assert progress.place() == tmp_path / path / "passport.json"


def test_a_lock_that_a_crash_left_behind_holds_nobody_up_for_long(place, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.1)
    place.parent.mkdir()
    lock = place.with_name(".passport.json.lock")
    lock.touch()
    progress.record("01", "mel", "Hertz to mel", "right")
    assert saved(place)["01"]["mel"]["state"] == "right" and lock.exists()  # it may be somebody's
    os.utime(lock, (0, 0))
    progress.record("01", "log", "A log", "right")
    assert not lock.exists()


def test_two_notebooks_at_a_time_lose_nothing(place, root):
    code = ("import importlib.util, sys\n"  # the file alone: the package would bring the networks along
            "spec = importlib.util.spec_from_file_location('alone', sys.argv[2])\n"
            "module = sys.modules['alone'] = importlib.util.module_from_spec(spec)\n"
            "spec.loader.exec_module(module)\n"
            "for i in range(25): module.record('01', f'{sys.argv[1]}{i}', 'Task', 'right')")
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen([*command, name, progress.__file__], cwd=root, env=dict(os.environ)) for name in "ab"]
    assert [one.wait(timeout=120) for one in both] == [0, 0]
    assert len(saved(place)["01"]) == 50


def test_the_course_shows_it(place):
    write(place, {"01": {"mel": entry()}})
    assert course.passport().records == saved(place)
    assert course.passport().path == place


# --- looking ---


def test_a_row_a_lesson():
    records = {"01": {"mel": entry(day="2026-02-03", tries=2), "log": entry("wrong"), "quiz/1": entry(day="2026-01-01"),
                      "gone": entry()}, "99": {"own": entry()}}
    one = Passport(records, catalogue=CATALOGUE, titles=TITLES)
    assert [(row["lesson"], row["solved"], row["exercises"], row["right"], row["questions"], row["first"]) for row in one.rows] == [
        ("01", 1, 2, 1, 2, "2026-02-03"), ("02", 0, 1, 0, 0, ""), ("99", 1, 1, 0, 0, "2026-01-01")]
    assert one.summary == "2 of 4 exercises solved, 1 of 2 quiz questions answered right"
    text = repr(one)
    assert "01 Sound to log-mel" in text and "1 / 2" in text and "2026-02-03" in text
    page = one._repr_mimebundle_()["text/html"]
    assert page.count('<th scope="row"') == 3 and "<caption>" in page
    assert "A &lt;log&gt; · not yet" in page and "Hertz to mel · solved on 2026-02-03, 2 tries" in page
    assert "/data/" not in page + text


def test_a_page_to_print(tmp_path):
    one = Passport({"01": {"mel": entry()}}, catalogue=CATALOGUE, titles=TITLES)
    path = one.save(tmp_path / "new" / "passport.html", name="Ada <Lovelace>")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and 'lang="en"' in text and "<title>" in text and "@media print" in text
    assert "Ada &lt;Lovelace&gt;" in text and "1 of 3 exercises" in text and "A &lt;log&gt; · open" in text
    assert "<script" not in text and "http" not in text and "{" not in text.split("</style>")[1]
    assert "<b></b>" not in one.save(tmp_path / "nobody.htm").read_text(encoding="utf-8")
    with pytest.raises(OptionError, match=r"ends in \.html"):
        one.save(tmp_path / "passport.pdf")


@pytest.mark.browser
def test_the_page_is_accessible(tmp_path, chromium):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    one = Passport({"01": {"mel": entry()}}, catalogue=CATALOGUE, titles=TITLES)
    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]).new_page()
        page.set_content(one.save(tmp_path / "passport.html", name="Ada").read_text(encoding="utf-8"))
        page.screenshot(path=tmp_path / "passport.png")
        found = Axe().run(page).response
        assert page.get_by_role("heading", level=1).inner_text() == "LDM Lab"
    assert found["violations"] == [] and len(found["passes"]) > 5


def test_every_exercise_and_question_of_the_lessons_is_found(monkeypatch, caplog):
    module = types.SimpleNamespace(
        task=Exercise("98", "kl", "The KL", 2.0, same_value(), right={"int": 2}, wrong={"one": 1.0, "three": 3.0, "zero": 0.0}),
        QUIZ=quiz("98", Question("Why?", right="a", because="b", others={"c": "d"})), other=3)
    infos = [types.SimpleNamespace(name="made_up"), types.SimpleNamespace(name="broken")]
    imports = {"made_up": module}
    monkeypatch.setattr(passport_page.pkgutil, "walk_packages", lambda *args: infos)
    monkeypatch.setattr(passport_page.importlib, "import_module", imports.__getitem__)
    with caplog.at_level(logging.WARNING):
        assert passport_page.find_all.__wrapped__() == {"98": {"kl": "The KL", "quiz/1": "Why?"}}
    assert "broken cannot be imported" in caplog.text


def test_the_real_lessons_have_titles_and_exercises():
    titles = passport_page.lesson_titles()
    assert titles["00"] == "Hear it"
    assert all(title and len(lesson) == 2 for lesson, title in titles.items())
    assert any(not key.startswith("quiz/") for entries in passport_page.find_all().values() for key in entries)


# --- a class ---


@pytest.fixture
def people(tmp_path):
    write(tmp_path / "ada.json", {"01": {"mel": entry(day="2026-03-01"), "log": entry(day="2026-03-04"), "quiz/1": entry()}})
    write(tmp_path / "bo.json", {"01": {"mel": entry("wrong")}, "99": {"own": entry()}})
    write(tmp_path / "=cmd.json", {})
    return tmp_path


def test_a_class_in_one_table(people):
    rows = list(csv.DictReader(io.StringIO(passport_page.merge([people], catalogue=CATALOGUE))))
    assert [row["participant"] for row in rows] == ["(of)", "'=cmd", "ada", "bo"]
    assert list(rows[0])[:5] == ["participant", "01 exercises", "01 quiz", "02 exercises", "02 quiz"]
    assert [row["01 exercises"] for row in rows] == ["2", "0", "2", "0"]
    assert [row["01 quiz"] for row in rows] == ["2", "0", "1", "0"]
    assert [row["99 exercises"] for row in rows] == ["1", "0", "0", "1"]
    assert [row["all exercises"] for row in rows] == ["4", "0", "2", "1"]
    assert [row["last solved"] for row in rows] == ["", "", "2026-03-04", "2026-01-01"]


def test_two_with_the_same_file_name_are_told_apart(tmp_path):
    files = [write(tmp_path / name / "passport.json", {}) for name in ("ada", "bo")]
    rows = list(csv.reader(io.StringIO(passport_page.merge(files, catalogue=CATALOGUE))))
    assert [row[0] for row in rows[2:]] == ["ada/passport", "bo/passport"]
    with pytest.raises(progress.PassportError, match="same folder and name"):
        passport_page.merge([files[0], files[0]], catalogue=CATALOGUE)


def test_the_command_for_teachers(people, capsys):
    target = people / "out" / "class.csv"
    assert passport_page.main(["merge", str(people / "ada.json"), str(people / "bo.json"), "-o", str(target)]) == 0
    assert "2 participants" in capsys.readouterr().out
    assert target.read_text().splitlines()[2].startswith("ada,")
    assert passport_page.main(["merge", str(people / "ada.json")]) == 0
    assert capsys.readouterr().out.startswith("participant,")


@pytest.mark.parametrize(("name", "text", "words"), [
    ("gone.json", None, "gone.json: no such file"),
    ("notes.json", "{}", "notes.json: not a passport of the course"),
    ("torn.json", '{"format"', "torn.json: not a JSON file"),
    ("new.json", '{"format": "ldm-lab passport", "version": 9}', "new.json: written by a newer LDM Lab"),
    ("empty", "folder", "no passports in"),
])
def test_a_file_that_is_no_passport_is_named(tmp_path, capsys, name, text, words):
    path = tmp_path / name
    if text == "folder":
        path.mkdir()
    elif text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit) as stop:
        passport_page.main(["merge", str(path)])
    assert stop.value.code == 2 and words in capsys.readouterr().err


def test_python_m_runs_it(people, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["passport", "merge", str(people / "ada.json")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the module is loaded already in this process
        with pytest.raises(SystemExit) as stop:
            runpy.run_module("ldm_lab.course.progress", run_name="__main__")
    assert stop.value.code == 0 and "ada" in capsys.readouterr().out
