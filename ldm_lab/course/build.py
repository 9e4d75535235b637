"""Lesson sources -> notebooks: ``python -m ldm_lab.course.build`` (``--check`` only compares).

Sources are `notebooks/sources/NN_name.py` (lessons) and `name.py` (other pages) in jupytext's percent format. The same
source always gives the same bytes: no outputs, no versions, cell ids made from the cell's `name=` or its text. Regions of
an exercise

    ### BEGIN SOLUTION
    answer = 42
    ### STUB
    # answer = OPEN
    ### END SOLUTION

become the stub (without its comment sign) in the student notebook and the solution in the solution notebook.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

from ldm_lab.errors import ConfigError

REGION = re.compile(r"^### BEGIN SOLUTION\n(?P<solution>.*?)(?:^### STUB\n(?P<stub>.*?))?^### END SOLUTION$",
                    re.MULTILINE | re.DOTALL)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def student_text(code: str) -> str:
    """A code cell as students get it: each solution replaced by its stub, or by `...`."""
    return REGION.sub(lambda m: re.sub(r"^# ?", "", m["stub"] or "# ...\n", flags=re.MULTILINE).rstrip("\n"), code)


def solution_text(code: str) -> str:
    """A code cell with its solution and without the marks."""
    return REGION.sub(lambda m: m["solution"].rstrip("\n"), code)


def cell_id(lesson: str, name: str, taken: set[str]) -> str:
    """Twelve hexadecimal digits from the lesson and the cell's name; a repeated name gets a number."""
    count, digest = 0, ""
    while not digest or digest in taken:
        digest = hashlib.sha256(f"{lesson}/{name}/{count}".encode()).hexdigest()[:12]
        count += 1
    taken.add(digest)
    return digest


def notebook(source: Path, *, solved: bool = False) -> dict:
    """The notebook (nbformat 4.5) of a lesson source, without outputs."""
    import jupytext

    text = source.read_text(encoding="utf-8")
    if text.count("### BEGIN SOLUTION") != len(REGION.findall(text)):
        raise ConfigError(f"{source}: a solution region is not closed; end it with a line '### END SOLUTION'")
    change = solution_text if solved else student_text
    taken: set[str] = set()
    cells = []
    for cell in jupytext.reads(text, fmt="py:percent")["cells"]:
        metadata = {key: cell.metadata[key] for key in ("tags", "name") if key in cell.metadata}
        name = metadata.pop("name", cell.source)
        body = change(cell.source) if cell.cell_type == "code" else cell.source
        made = {"cell_type": cell.cell_type, "id": cell_id(source.stem, name, taken), "metadata": metadata,
                "source": body.splitlines(keepends=True)}
        cells.append(made | ({"execution_count": None, "outputs": []} if cell.cell_type == "code" else {}))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def dumps(book: dict) -> str:
    """The bytes that Jupyter itself would write."""
    return json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def build(folder: Path, *, check: bool = False) -> list[Path]:
    """Write `folder`/name.ipynb for each source; returns the notebooks that changed (`check`: would change)."""
    changed = []
    for source in sorted((folder / "sources").glob("*.py")):
        target = folder / f"{source.stem}.ipynb"
        text = dumps(notebook(source))
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            changed.append(target)
            if not check:
                target.write_text(text, encoding="utf-8")
    return changed


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ldm_lab.course.build", description="Lesson sources to notebooks.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("notebooks"), help="default: notebooks")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a notebook is out of date")
    args = parser.parse_args(words)
    if not (args.folder / "sources").is_dir():
        parser.error(f"{args.folder}: has no folder 'sources'; run this at the top of the project")
    changed = build(args.folder, check=args.check)
    verb = "is out of date" if args.check else "written"
    sys.stdout.write("".join(f"{path} {verb}\n" for path in changed) or "all notebooks are up to date\n")
    return int(bool(changed) and args.check)


if __name__ == "__main__":
    sys.exit(main())
