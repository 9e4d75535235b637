"""The passport to look at: a table in a notebook, a page to print, and one CSV for a class."""

from __future__ import annotations

import argparse
import csv
import datetime
import functools
import html
import importlib
import io
import json
import logging
import os
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ldm_lab.course.progress import QUIZ, PassportError, Records, joined, read
from ldm_lab.errors import LabError, OptionError
from ldm_lab.files import write_text

log = logging.getLogger(__name__)
Catalogue = dict[str, dict[str, str]]  # {lesson: {key: title}}, quiz questions as quiz/1, quiz/2, ...
COLUMNS = ("lesson", "exercises", "quiz", "first solved")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 44em; margin: 2.5em auto; padding: 0 1.5em }}
h1 {{ margin-bottom: 0 }} table {{ border-collapse: collapse; width: 100%; margin: 1.5em 0 }} caption {{ text-align: left; font-weight: 600 }}
th, td {{ text-align: left; padding: .3em .6em; border-bottom: 1px solid #bbb }} td.n {{ font-variant-numeric: tabular-nums }}
li {{ break-inside: avoid }} @media print {{ body {{ margin: 0 auto }} tr {{ break-inside: avoid }} }}
</style></head><body><main><h1>LDM Lab</h1>{body}</main></body></html>
"""


class Passport:
    """What one person has solved: `rows` (one a lesson), `solved`, `exercises`, `right`, `questions`, and `path` of the file.

    In a notebook it is a table; `save` writes a page to print.
    """

    def __init__(self, records: Records, path: Path | None = None, *, catalogue: Catalogue | None = None,
                 titles: Mapping[str, str] | None = None) -> None:
        self.records, self.path = records, path
        self.catalogue = find_all() if catalogue is None else catalogue
        titles = lesson_titles() if titles is None else titles
        lessons = sorted({*self.catalogue, *records})
        self.rows = [self._row(lesson, titles.get(lesson, "")) for lesson in lessons]

    def _row(self, lesson: str, title: str) -> dict:
        known, found = self.catalogue.get(lesson), self.records.get(lesson, {})
        known = {key: entry["title"] for key, entry in found.items()} if known is None else known
        solved = {key: entry["solved"] for key, entry in found.items() if key in known and entry["state"] == "right"}
        tasks = {key: name for key, name in known.items() if not key.startswith(QUIZ)}
        dates = sorted(day for key, day in solved.items() if key in tasks)
        return {"lesson": lesson, "title": title, "solved": len(dates), "exercises": len(tasks),
                "right": len(solved) - len(dates), "questions": len(known) - len(tasks), "first": dates[0][:10] if dates else "",
                "tasks": [{"title": name, "solved": solved.get(key, "")[:10], "tries": found.get(key, {}).get("tries", 0)}
                          for key, name in tasks.items()]}

    @property
    def solved(self) -> int:
        return sum(row["solved"] for row in self.rows)

    @property
    def exercises(self) -> int:
        return sum(row["exercises"] for row in self.rows)

    @property
    def right(self) -> int:
        return sum(row["right"] for row in self.rows)

    @property
    def questions(self) -> int:
        return sum(row["questions"] for row in self.rows)

    @property
    def summary(self) -> str:
        return (f"{self.solved} of {self.exercises} exercises solved, {self.right} of {self.questions} quiz questions "
                "answered right")

    def save(self, path: str | os.PathLike, *, name: str = "") -> Path:
        """Write a page to print, with `name` on it if given; returns its path. Raises OptionError unless it ends in .html."""
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise OptionError(f"{path}: a passport is saved as a web page; give a name that ends in .html")
        day = datetime.date.today().isoformat()
        who = f"<p><b>{html.escape(name.strip())}</b></p>" if name.strip() else ""
        body = (f"<p>Course passport, {day}</p>{who}<p>{self.summary}.</p>{_table(self.rows)}{self._tasks(opened=True)}"
                "<p><small>The course's own checks gave these verdicts on its owner's computer. Nobody watched: it is a record "
                "of work, not an examination.</small></p>")
        write_text(path, PAGE.format(title=f"LDM Lab: course passport{', ' if name.strip() else ''}{html.escape(name.strip())}",
                                     body=body))
        return path

    def _tasks(self, *, opened: bool) -> str:
        """The exercises of each lesson that has been begun."""
        begun = [row for row in self.rows if any(task["tries"] for task in row["tasks"])]
        blocks = []
        for row in begun:
            items = "".join(f"<li>{html.escape(task['title'])} · {_verdict(task)}</li>" for task in row["tasks"])
            name = html.escape(_name(row))
            blocks.append(f"<h2>{name}</h2><ul>{items}</ul>" if opened
                          else f"<details><summary>{name}</summary><ul>{items}</ul></details>")
        return "".join(blocks)

    def _where(self) -> str:
        if self.path is None:
            return "It is switched off or has no place to be kept: what you solve is forgotten when this notebook closes."
        return "Kept on this computer only: course.passport().path is the file."

    def __repr__(self) -> str:
        cells = [COLUMNS, *(_cells(row) for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]
        return "\n".join([f"Course passport: {self.summary}.", *lines, self._where()])

    def _repr_mimebundle_(self, **kwargs) -> dict[str, str]:
        body = (f"<p><b>Course passport:</b> {self.summary}.</p>{_table(self.rows)}{self._tasks(opened=False)}"
                f"<p><small>{html.escape(self._where())}</small></p>")
        return {"text/html": f"<div>{body}</div>", "text/plain": repr(self)}


def _name(row: Mapping) -> str:
    return f"{row['lesson']} {row['title']}".strip()


def _cells(row: Mapping) -> tuple[str, ...]:
    counts = ((row["solved"], row["exercises"]), (row["right"], row["questions"]))
    return (_name(row), *(f"{done} / {of}" if of else "-" for done, of in counts), row["first"] or "-")


def _verdict(task: Mapping) -> str:
    tries = f", {task['tries']} tries" if task["tries"] > 1 else ""
    if task["solved"]:
        return f"solved on {task['solved']}{tries}"
    return f"not yet{tries}" if task["tries"] else "open"


def _table(rows: Sequence[Mapping]) -> str:
    head = "".join(f'<th scope="col">{name.capitalize()}</th>' for name in COLUMNS)
    body = "".join(f'<tr><th scope="row" style="text-align:left">{html.escape(cells[0])}</th>'
                   + "".join(f'<td class="n">{html.escape(cell)}</td>' for cell in cells[1:]) + "</tr>"
                   for cells in map(_cells, rows))
    return f"<table><caption>Solved, of all in the lesson</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@functools.cache
def find_all() -> Catalogue:
    """Every exercise and quiz question of every lesson; a lesson that cannot be imported here is left out."""
    from ldm_lab.course import lessons
    from ldm_lab.course.exercise import Exercise
    from ldm_lab.course.quiz import Quiz

    found: Catalogue = {}
    for info in sorted(pkgutil.walk_packages(lessons.__path__, f"{lessons.__name__}."), key=lambda info: info.name):
        try:
            module = importlib.import_module(info.name)
        except Exception as error:  # a passport shows what it can
            log.warning("%s cannot be imported (%s: %s); its exercises are not counted", info.name, type(error).__name__, error)
            continue
        for value in vars(module).values():
            if isinstance(value, Exercise):
                found.setdefault(value.lesson, {})[value.key] = value.title
            elif isinstance(value, Quiz):
                found.setdefault(value.lesson, {}).update(zip(value.keys, (one.text for one in value.questions)))
    return found


@functools.cache
def lesson_titles() -> dict[str, str]:
    """{"01": "Sound to log-mel"}: from the first line of each lesson's notebook, where the notebooks are at hand."""
    package = Path(__file__).resolve().parents[1]
    titles = {}
    for folder in (package.parent / "notebooks", package / "notebooks"):
        for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
            line = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()[0]
            titles.setdefault(path.stem[:2], line.lstrip("# ").partition("·")[2].strip())
    return titles


# --- for teachers ----------------------------------------------------------------------------------------------------


def merge(paths: Sequence[str | os.PathLike], *, catalogue: Catalogue | None = None) -> str:
    """CSV of a class: one row a passport file, named by the file; solved exercises and right answers of each lesson.

    Its first row, "(of)", says how many there are. A folder stands for its .json files. Raises PassportError naming the file.
    """
    files = [file for path in map(Path, paths) for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise PassportError(f"no passports in {', '.join(map(str, paths)) or 'nothing'}; give the files, or a folder with them")
    everyone = {name: read(path) for name, path in _participants(files).items()}
    catalogue = find_all() if catalogue is None else catalogue
    extra = functools.reduce(joined, everyone.values(), {})
    wanted = catalogue | {lesson: {key: entry["title"] for key, entry in entries.items()}
                          for lesson, entries in extra.items() if lesson not in catalogue}
    rows = {name: Passport(records, catalogue=wanted, titles={}).rows for name, records in everyone.items()}
    lessons = sorted(wanted)
    page = io.StringIO()
    out = csv.writer(page, lineterminator="\n")
    out.writerow(["participant", *(f"{lesson} {what}" for lesson in lessons for what in ("exercises", "quiz")),
                  "all exercises", "all quiz", "last solved"])
    some = next(iter(rows.values()))
    out.writerow(["(of)", *_counts(some, "exercises", "questions"), ""])
    for name, mine in rows.items():
        dates = [entry["solved"][:10] for entries in everyone[name].values() for entry in entries.values()]
        safe = f"'{name}" if name[0] in "=+-@" else name  # a spreadsheet would take it for a formula
        out.writerow([safe, *_counts(mine, "solved", "right"), max(dates, default="")])
    return page.getvalue()


def _counts(rows: Sequence[Mapping], tasks: str, quiz: str) -> list[int]:
    each = [row[name] for row in rows for name in (tasks, quiz)]
    return [*each, sum(row[tasks] for row in rows), sum(row[quiz] for row in rows)]


def _participants(files: Sequence[Path]) -> dict[str, Path]:
    """{name: file}: the file's name, with its folder's where two have the same."""
    stems = [path.stem for path in files]
    named = {path.stem if stems.count(path.stem) == 1 else f"{path.resolve().parent.name}/{path.stem}": path for path in files}
    if len(named) < len(files):
        raise PassportError("two files have the same folder and name; each participant needs a name of their own")
    return named


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ldm_lab.course.progress", description="Passports of a class.")
    jobs = parser.add_subparsers(dest="job", required=True)
    job = jobs.add_parser("merge", help="passport files to one CSV: who has solved how much of which lesson")
    job.add_argument("passports", nargs="+", metavar="FILE", help="NAME.json, or a folder of them")
    job.add_argument("-o", "--output", default="-", help="the CSV; default: the terminal")
    args = parser.parse_args(words)
    try:
        table = merge(args.passports)
        if args.output == "-":
            sys.stdout.write(table)
        else:
            write_text(args.output, table)
            sys.stdout.write(f"{args.output}: {table.count(chr(10)) - 2} participants\n")
    except (LabError, OSError) as error:
        parser.error(str(error))
    return 0
