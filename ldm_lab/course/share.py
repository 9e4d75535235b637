"""A notebook to hand on: ``python -m ldm_lab.course.share mine.ipynb [--run] [-o shared.ipynb]``.

A widget leaves three things in a notebook: a reference to the running kernel, a picture and words. Once the kernel has
gone the reference finds nothing, and JupyterLab writes "model not found" where the picture should be. A shared notebook
keeps picture and words only; run the cells to have the widgets back.

`--run` executes as `jupyter nbconvert --execute --ExecutePreprocessor.store_widget_state=False` does. Without that option
nbconvert writes every widget's state, sound included, into the file, and its HTML is empty where no network is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ldm_lab.errors import LabError, OptionError

VIEW = "application/vnd.jupyter.widget-view+json"


def clean(book) -> int:
    """Take widget state and references to widgets out of a notebook (nbformat 4); returns how many outputs changed.

    An output that is nothing but a reference stays: there is nothing to show instead.
    """
    book["metadata"].pop("widgets", None)
    changed = 0
    for cell in book["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if VIEW in data and len(data) > 1:
                del data[VIEW]
                output.get("metadata", {}).pop(VIEW, None)
                changed += 1
    return changed


def execute(book, folder: Path, *, timeout: float = 300.0) -> None:
    """Run all cells in `folder`, outputs into `book`, no widget state; `timeout` in seconds a cell.

    Raises nbclient's CellExecutionError if a cell fails.
    """
    from nbclient import NotebookClient

    NotebookClient(book, timeout=timeout, kernel_name="python3", store_widget_state=False,
                   resources={"metadata": {"path": str(folder)}}).execute()


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ldm_lab.course.share", description=__doc__.split("\n\n")[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--run", action="store_true", help="run all cells first, without a browser")
    parser.add_argument("-o", "--output", type=Path, help="default: the notebook itself")
    args = parser.parse_args(words)
    try:
        changed = share(args.notebook, args.output or args.notebook, run=args.run)
    except LabError as error:
        parser.error(str(error))
    sys.stdout.write(f"{args.output or args.notebook}: {changed} widgets are pictures and words now\n")
    return 0


def share(source: Path, target: Path, *, run: bool = False) -> int:
    """Write `source`, without widget state and references, to `target`; returns how many outputs changed."""
    import nbformat

    try:
        book = nbformat.read(source, as_version=4)
    except (OSError, ValueError) as error:
        raise OptionError(f"{source}: not a notebook that can be read ({error})") from error
    if run:
        execute(book, source.resolve().parent)
    changed = clean(book)
    target.write_text(nbformat.writes(book) + "\n", encoding="utf-8")
    return changed


if __name__ == "__main__":
    sys.exit(main())
