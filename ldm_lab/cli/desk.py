"""`ldm-lab doctor` and `lab`: is everything there, and open the course."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ldm_lab.errors import OptionError

FIRST_LESSON = "00_hear_it.ipynb"


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    doctor = commands.add_parser("doctor", parents=[common], help="check versions, device, weights; make a short sound")
    doctor.add_argument("--model", default="lab", help="model to verify and try; default: lab")
    doctor.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    doctor.set_defaults(run=run_doctor)

    lab = commands.add_parser("lab", parents=[common], help="open the course in JupyterLab")
    lab.add_argument("notebook", nargs="?", default=FIRST_LESSON, help=f"lesson to open, or how its name begins (05); default: {FIRST_LESSON}")
    lab.add_argument("--no-browser", action="store_true", help="start the server only and show its address")
    lab.add_argument("--port", type=int, help="default: the first free one from 8888")
    lab.set_defaults(run=run_lab)


def run_doctor(args: argparse.Namespace) -> int:
    """Exit code 1 if a check failed. Each line appears as soon as it is known."""
    from ldm_lab.doctor import FAIL, examine

    failed = 0
    for check in examine(model=args.model, device=None if args.device == "auto" else args.device):
        failed += check.status == FAIL
        if not args.quiet or check.status == FAIL:
            print(f"{check.status:<5} {check.name:<12} {check.detail}", flush=True)
    if failed:
        print(f"{failed} check{'s' * (failed > 1)} failed", file=sys.stderr)
    elif not args.quiet:
        print("Everything is in place.")
    return 1 if failed else 0


def run_lab(args: argparse.Namespace) -> int:
    if importlib.util.find_spec("jupyterlab") is None:
        raise OptionError("JupyterLab is not installed; run `make course`, or pip install jupyterlab ipywidgets anywidget matplotlib")
    notebook = find_lesson(args.notebook)
    command = [sys.executable, "-m", "jupyterlab", str(notebook)]
    if args.no_browser or os.environ.get("NO_BROWSER", "0") not in ("", "0"):
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # containers; Jupyter listens on this machine only, with a token
        command.append("--allow-root")
    if args.port is not None:
        command.append(f"--port={args.port}")
    return subprocess.run(command).returncode


def find_lesson(name: str, *, package: Path | None = None) -> Path:
    """The notebook called `name`: a path, a lesson of the source tree, or how its name begins ("05").

    From an installed wheel (`package`) the course is copied into `ldm-lab-course` of the current folder first, because an
    installed package is no place to work in; what is there already stays as it is.
    """
    given = Path(name)
    if given.is_file():
        return given
    package = package or Path(__file__).resolve().parents[1]
    beside, inside = package.parent / "notebooks", package / "notebooks"
    folder = beside if beside.is_dir() else inside
    lessons = sorted(path.name for path in folder.glob("*.ipynb"))
    chosen = [lesson for lesson in lessons if lesson == name] or [lesson for lesson in lessons if lesson.startswith(name)]
    if len(chosen) != 1:
        found = f"the lessons are: {', '.join(lessons)}" if lessons else "no lessons are installed"
        raise OptionError(f"no notebook {name!r}; {found}" if not chosen else f"{name!r} could be {' or '.join(chosen)}")
    if folder is beside:
        return beside / chosen[0]
    own = Path.cwd() / "ldm-lab-course"
    for page in sorted(path for path in inside.rglob("*") if path.is_file()):
        target = own / page.relative_to(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(page, target)
    return own / chosen[0]
