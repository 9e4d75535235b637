"""The passport: which exercises and quiz questions this person has solved, in a JSON file on their own machine.

`course.passport()` shows it, `course.passport().save("passport.html")` makes a page to print, and teachers merge files:
``python -m ldm_lab.course.progress merge a.json b.json -o class.csv``. The file is `$LDM_LAB_PASSPORT` or lies in the
user's data folder; LDM_LAB_PASSPORT=off keeps nothing, and so does COURSE_STRICT=1 (automatic tests). It holds no name.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from ldm_lab.errors import LabError
from ldm_lab.files import read_json, write_json

FORMAT, VERSION = "ldm-lab passport", 1
STATES = ("right", "wrong", "todo")
QUIZ = "quiz/"  # keys of quiz questions begin with it: quiz/1, quiz/2, ...
PATIENCE = 2.0  # seconds to wait for another notebook that writes the same file
Records = dict[str, dict[str, dict]]  # {lesson: {key: {title, state, tries, first, solved}}}

log = logging.getLogger(__name__)
_unsaved: Records = {}  # what could not be written
_said: set[str] = set()  # notes are given once


class PassportError(LabError):
    """A file is no passport."""


class NewerPassportError(PassportError):
    """A passport that a newer version wrote."""


def place() -> Path | None:
    """The file of the passport; None if it is switched off or this user has no home."""
    named = os.environ.get("LDM_LAB_PASSPORT", "").strip()
    if named.lower() == "off" or (not named and os.environ.get("COURSE_STRICT")):
        return None
    if named:
        path = Path(named).expanduser()
        return path / "passport.json" if path.is_dir() else path
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        data = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "ldm-lab" / "passport.json"


def read(path: str | os.PathLike) -> Records:
    """The records of a passport file. Raises PassportError for a file that is none."""
    try:
        values = read_json(path, error=PassportError)
    except RecursionError as cause:
        raise PassportError(f"{path}: not a passport of the course (nested too deeply)") from cause
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise PassportError(f"{path}: not a passport of the course (its 'format' is not {FORMAT!r})")
    version, lessons = values.get("version"), values.get("lessons")
    if isinstance(version, int) and version > VERSION:
        raise NewerPassportError(f"{path}: written by a newer LDM Lab (version {version}, this one reads {VERSION}); update ldm-lab")
    if version != VERSION or not isinstance(lessons, dict) or not all(
            isinstance(entries, dict) and all(_is_entry(entry) for entry in entries.values()) for entries in lessons.values()):
        raise PassportError(f"{path}: damaged: it does not hold {{lesson: {{exercise: entry}}}} of version {VERSION}")
    return lessons


def _is_entry(entry: object) -> bool:
    return (isinstance(entry, dict) and entry.get("state") in STATES and isinstance(entry.get("tries"), int)
            and all(isinstance(entry.get(name), str) for name in ("title", "first", "solved")))


def record(lesson: str, key: str, title: str, state: str) -> None:
    """Note one verdict: `state` is right, wrong or todo (which leaves no trace). Solved once is solved for good.

    Never raises: what cannot be written is kept until the notebook closes, with one note in the log.
    """
    if state not in ("right", "wrong") or _is_off():
        return
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    fresh = {"title": title, "state": state, "tries": 1, "first": now, "solved": now if state == "right" else ""}
    try:
        _add({lesson: {key: fresh}})
    except Exception as error:  # a student's cell must not fail because of a diary
        _say(f"the course passport could not be kept: {type(error).__name__}: {error}")


def _is_off() -> bool:
    return place() is None and (os.environ.get("LDM_LAB_PASSPORT", "").strip().lower() == "off"
                                or bool(os.environ.get("COURSE_STRICT")))


def _add(fresh: Records) -> None:
    """Join `fresh`, and what is still unsaved, with the file."""
    new = joined(_unsaved, fresh)
    path = place()
    try:
        if path is None:
            raise OSError("this user has no home folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            old = _read_or_set_aside(path)
            both = joined(old, new)
            if both != old:
                write_json(path, {"format": FORMAT, "version": VERSION, "lessons": both})
        _unsaved.clear()
    except (OSError, PassportError) as error:
        _unsaved.clear()
        _unsaved.update(new)
        why = (error.strerror if isinstance(error, OSError) else None) or error  # without the names of passing files
        _say(f"the course passport {path or ''} cannot be kept ({why}); what you solve is remembered until this notebook "
             "closes. The environment variable LDM_LAB_PASSPORT names another place, or 'off'")


def _read_or_set_aside(path: Path) -> Records:
    """The file's records; a file that cannot be understood is kept beside as .bak. Raises for one of a newer version."""
    try:
        return read(path)
    except NewerPassportError:
        raise
    except PassportError as error:
        if not path.exists():
            return {}
        backup = next(name for name in _backups(path) if not name.exists())
        os.replace(path, backup)
        _say(f"{error}; it is kept as {backup.name}, and a new passport begins")
        return {}


def _backups(path: Path) -> Iterator[Path]:
    yield path.with_name(f"{path.name}.bak")
    yield from (path.with_name(f"{path.name}.bak{number}") for number in range(2, 1000))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file's lock, so that two notebooks at a time lose nothing; one left behind by a crash is ignored."""
    lock = path.with_name(f".{path.name}.lock")
    end = time.monotonic() + PATIENCE
    held = False
    while not held and time.monotonic() < end:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            held = True
        except FileExistsError:
            with contextlib.suppress(OSError):
                if time.time() - lock.stat().st_mtime > 10 * PATIENCE:
                    lock.unlink()
            time.sleep(0.02)
    try:
        yield
    finally:
        if held:
            lock.unlink(missing_ok=True)


def joined(old: Mapping, new: Mapping) -> Records:
    """Both records in one: right wins, the earliest date counts, tries add up until it is solved."""
    both = {lesson: dict(entries) for lesson, entries in old.items()}
    for lesson, entries in new.items():
        mine = both.setdefault(lesson, {})
        for key, entry in entries.items():
            mine[key] = _both(mine[key], entry) if key in mine else dict(entry)
    return both


def _both(old: Mapping, new: Mapping) -> dict:
    if old["state"] == "right":
        return dict(old)
    first = min(old["first"], new["first"], key=_moment)
    return dict(new) | {"tries": old["tries"] + new["tries"], "first": first}


def _moment(stamp: str) -> float:
    try:
        return datetime.datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return float("inf")


def _say(note: str) -> None:
    if note not in _said:
        _said.add(note)
        log.warning("%s", note)


def records() -> Records:
    """Everything noted so far, from the file and from memory. Never raises; what is wrong is said in the log."""
    path = place()
    if path is None or not path.exists():
        return joined({}, _unsaved)
    try:
        return joined(read(path), _unsaved)
    except (OSError, PassportError) as error:
        _say(str(error))
        return joined({}, _unsaved)


def passport():
    """What has been solved so far: a table in a notebook; `.save("passport.html")` makes a page to print."""
    from ldm_lab.course.passport_page import Passport

    return Passport(records(), place())


if __name__ == "__main__":
    from ldm_lab.course.passport_page import main

    sys.exit(main())
