"""Lesson sources -> notebooks: ``python -m ldm_lab.course.build`` (``--check`` only compares, ``--run`` runs the solutions).

Sources are `notebooks/sources/NN_name.py` (lessons) and `name.py` (other pages) in jupytext's percent format. Each gives a
student notebook `notebooks/NN_name.ipynb` without outputs, and each lesson a solution `notebooks/solutions/NN_name.ipynb`,
run, with its outputs; README.md gets the table of lessons. The same source always gives the same cells: no versions, ids
made from the cell's `name=` or its text. Regions of an exercise

    ### BEGIN SOLUTION
    answer = 42
    ### STUB
    # answer = OPEN
    ### END SOLUTION

become the stub (without its comment sign) in the student notebook and the solution in the solution notebook. In text,
`{{solution}}` becomes a fold with the solutions since the last one, `{{minutes}}` the measured time of a run, and links to
`guide/` fit the folder. The first code cell, for Colab, is the same in every notebook and written here.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import re
import sys
from pathlib import Path

from ldm_lab.errors import ConfigError, OptionError
from ldm_lab.files import read_json, write_json, write_text

REGION = re.compile(r"^### BEGIN SOLUTION\n(?P<solution>.*?)(?:^### STUB\n(?P<stub>.*?))?^### END SOLUTION$",
                    re.MULTILINE | re.DOTALL)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
SOLUTIONS = "solutions"
MARKS = re.compile(r"(<!-- lessons:start -->)\n.*?(<!-- lessons:end -->)", re.DOTALL)
COLAB = """# On Colab this installs the course and leaves torch and numpy as they are. Elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install -q --no-deps "ldm-lab @ git+https://github.com/{repository}" anywidget psygnal soxr
    from google.colab import output

    output.enable_custom_widget_manager()"""


def repository() -> str:
    """owner/name on GitHub, from the one place where it is written: [tool.ldm-lab] in pyproject.toml."""
    from ldm_lab.training.recipe import read_toml

    return read_toml(Path(__file__).resolve().parents[2] / "pyproject.toml")["tool"]["ldm-lab"]["repository"]


def is_lesson(source: Path) -> bool:
    return source.stem[:2].isdigit()


def student_text(code: str) -> str:
    """A code cell as students get it: each solution replaced by its stub, or by `...`."""
    return REGION.sub(lambda m: re.sub(r"^# ?", "", m["stub"] or "# ...\n", flags=re.MULTILINE).rstrip("\n"), code)


def solution_text(code: str) -> str:
    """A code cell with its solution and without the marks."""
    return REGION.sub(lambda m: m["solution"].rstrip("\n"), code)


def fold(solutions: list[str]) -> str:
    """Solutions as an element that opens by a click. Empty lines would end the HTML in Markdown: they hold a space."""
    code = html.escape("\n\n\n".join(solutions), quote=False).replace("\n\n", "\n \n").replace("\n\n", "\n \n")
    return f"<details><summary>Solution</summary><pre><code>{code}</code></pre></details>"


def cell_id(lesson: str, name: str, taken: set[str]) -> str:
    """Twelve hexadecimal digits from the lesson and the cell's name; a repeated name gets a number."""
    count, digest = 0, ""
    while not digest or digest in taken:
        digest = hashlib.sha256(f"{lesson}/{name}/{count}".encode()).hexdigest()[:12]
        count += 1
    taken.add(digest)
    return digest


def spent(source: Path) -> str:
    """How long the solution took when it was last run, in words, from `minutes.json` beside the sources' folder."""
    path = source.parent.parent / "minutes.json"
    found = read_json(path).get(source.stem) if path.is_file() else None
    if found is None:
        return "the run time of all cells has not been measured yet"
    return f"all cells together ran in {found['seconds'] / 60:.1f} minutes on {found['machine']}"


def notebook(source: Path, *, solved: bool = False) -> dict:
    """The notebook (nbformat 4.5) of a lesson source, without outputs."""
    import jupytext

    text = source.read_text(encoding="utf-8")
    if text.count("### BEGIN SOLUTION") != len(REGION.findall(text)):
        raise ConfigError(f"{source}: a solution region is not closed; end it with a line '### END SOLUTION'")
    taken: set[str] = set()
    cells: list[dict] = []
    open_solutions: list[str] = []
    for cell in jupytext.reads(text, fmt="py:percent")["cells"]:
        metadata = {key: cell.metadata[key] for key in ("tags", "name") if key in cell.metadata}
        name = metadata.pop("name", cell.source)
        if cell.cell_type == "code":
            open_solutions += [match["solution"].rstrip("\n") for match in REGION.finditer(cell.source)]
            body = (solution_text if solved else student_text)(cell.source)
        else:
            body = _markdown(cell.source, source, open_solutions, solved)
            open_solutions = [] if "{{solution}}" in cell.source else open_solutions
        cells.append(_cell(cell.cell_type, cell_id(source.stem, name, taken), body, metadata))
        if len(cells) == 1:
            cells.append(_cell("code", cell_id(source.stem, "colab", taken), COLAB.format(repository=repository()), {"tags": ["colab"]}))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _markdown(text: str, source: Path, solutions: list[str], solved: bool) -> str:
    text = text.replace("{{minutes}}", spent(source))
    if "{{solution}}" in text:
        if not solutions:
            raise ConfigError(f"{source}: {{{{solution}}}} stands where no solution came before; put it after the exercise's cell")
        text = text.replace("{{solution}}", "" if solved else fold(solutions)).rstrip("\n")
    if solved:
        text = text.replace("](guide/", "](../guide/")
    return text


def _cell(kind: str, identity: str, body: str, metadata: dict) -> dict:
    made = {"cell_type": kind, "id": identity, "metadata": metadata, "source": body.splitlines(keepends=True)}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def dumps(book: dict) -> str:
    """The bytes that Jupyter itself would write."""
    return json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def with_outputs(book: dict, old: dict) -> dict:
    """`book` with the outputs of `old`, if every code cell is the same; a book that changed has to run again."""
    code = [[("".join(cell["source"]), cell["id"]) for cell in one["cells"] if cell["cell_type"] == "code"] for one in (book, old)]
    if code[0] != code[1]:
        return book
    known = {cell["id"]: cell for cell in old["cells"] if cell["cell_type"] == "code"}
    keep = ("outputs", "execution_count")
    return book | {"cells": [cell | {key: known[cell["id"]][key] for key in keep} if cell["cell_type"] == "code" else cell
                             for cell in book["cells"]]}


def sources(folder: Path, only: list[str] | None = None) -> list[Path]:
    """The sources in `folder`/sources; `only`: those whose name begins with one of these."""
    found = sorted((folder / "sources").glob("*.py"))
    chosen = [path for path in found if not only or any(path.stem.startswith(name) for name in only)]
    if not chosen:
        raise OptionError(f"no source begins with {', '.join(only or ['anything'])}; there are {', '.join(path.stem for path in found)}")
    return chosen


def build(folder: Path, *, check: bool = False, only: list[str] | None = None) -> list[Path]:
    """Write the notebooks of all sources; returns those that changed (`check`: would change).

    A solution keeps its outputs while its code stays the same; else it is written without, and has to be run.
    """
    changed = []
    for source in sources(folder, only):
        wanted = {folder / f"{source.stem}.ipynb": notebook(source)}
        if is_lesson(source):
            target = folder / SOLUTIONS / f"{source.stem}.ipynb"
            solved = notebook(source, solved=True)
            wanted[target] = with_outputs(solved, json.loads(target.read_text(encoding="utf-8"))) if target.is_file() else solved
        for target, book in wanted.items():
            text = dumps(book)
            if not target.is_file() or target.read_text(encoding="utf-8") != text:
                changed.append(target)
                if not check:
                    write_text(target, text)
    readme = folder.resolve().parent / "README.md"
    if readme.is_file() and (text := readme.read_text(encoding="utf-8")) != (new := with_contents(text, folder)):
        changed.append(readme)
        if not check:
            write_text(readme, new)
    return changed


def run_solutions(folder: Path, *, profile: str, only: list[str] | None = None, again: bool = False) -> list[Path]:
    """Run the solutions that have no outputs (`again`: all), keep small outputs, and note the time in minutes.json."""
    from ldm_lab.course.run import machine, run, slim

    done = []
    for source in sources(folder, only):
        target = folder / SOLUTIONS / f"{source.stem}.ipynb"
        if not is_lesson(source) or (not again and has_run(json.loads(target.read_text(encoding="utf-8")))):
            continue
        book, seconds = run(notebook(source, solved=True), folder / SOLUTIONS, profile=profile)
        times = read_json(folder / "minutes.json") if (folder / "minutes.json").is_file() else {}
        write_json(folder / "minutes.json", times | {source.stem: {"seconds": round(seconds, 1), "machine": machine(profile), "profile": profile}})
        write_text(target, dumps(with_outputs(notebook(source, solved=True), slim(book))))
        sys.stdout.write(f"{target}: {seconds:.0f} s\n")
        sys.stdout.flush()
        done.append(target)
        build(folder, only=[source.stem])
    return done


def contents(folder: Path) -> str:
    """The table of lessons, in Markdown, as the README at `folder`'s side shows it."""
    rows = ["| lesson | solved, with its sounds as pictures | one run of all cells |", "|---|---|---|"]
    for source in filter(is_lesson, sources(folder)):
        title = re.search(r"^# # (.+)$", source.read_text(encoding="utf-8"), flags=re.M).group(1)
        found = read_json(folder / "minutes.json").get(source.stem) if (folder / "minutes.json").is_file() else None
        minutes = f"{found['seconds'] / 60:.1f} min ({found['machine']})" if found else "not measured yet"
        name = f"{source.stem}.ipynb"
        rows.append(f"| [{title}]({folder.name}/{name}) | [solution]({folder.name}/{SOLUTIONS}/{name}) | {minutes} |")
    return "\n".join(rows)


def with_contents(text: str, folder: Path) -> str:
    """A README with the table of lessons between its marks; unchanged if it has no marks."""
    return MARKS.sub(lambda m: f"{m[1]}\n{contents(folder)}\n{m[2]}", text)


def has_run(book: dict) -> bool:
    """Has every code cell of a notebook been run?"""
    return all(cell["execution_count"] for cell in book["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip())


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ldm_lab.course.build", description="Lesson sources to notebooks.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("notebooks"), help="default: notebooks")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a notebook is out of date")
    parser.add_argument("--only", nargs="+", metavar="NN", help="only these lessons")
    parser.add_argument("--run", action="store_true", help="then run the solutions that have no outputs, which takes minutes")
    parser.add_argument("--again", action="store_true", help="with --run: also those that have outputs")
    parser.add_argument("--profile", choices=("fast", "laptop", "gpu"), default="laptop", help="of --run; default: laptop")
    args = parser.parse_args(words)
    if not (args.folder / "sources").is_dir():
        parser.error(f"{args.folder}: has no folder 'sources'; run this at the top of the project")
    try:
        changed = build(args.folder, check=args.check, only=args.only)
        verb = "is out of date" if args.check else "written"
        sys.stdout.write("".join(f"{path} {verb}\n" for path in changed) or "all notebooks are up to date\n")
        if args.run and not args.check:
            run_solutions(args.folder, profile=args.profile, only=args.only, again=args.again)
    except OptionError as error:
        parser.error(str(error))
    return int(bool(changed) and args.check)


if __name__ == "__main__":
    sys.exit(main())
