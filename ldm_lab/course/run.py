"""A lesson run as a student would, without a browser and without a network: ``python -m ldm_lab.course.run 01``.

Says how long each cell took and how large each output is, and stops at the first error. Solutions run with strict checks.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ldm_lab.course.profiles import PROFILES
from ldm_lab.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
GUARD = Path(__file__).resolve().parent / "no_network.py"
SLOW = 1.0  # seconds from which a cell is listed
COLOURS = 64  # of the palette of a kept picture


@contextlib.contextmanager
def environment(*, profile: str, strict: bool, model: str = "") -> Iterator[dict[str, str]]:
    """Environment variables of a kernel with the network closed, a passport of its own and one lesson profile."""
    with tempfile.TemporaryDirectory(prefix="ldm-lab-ipython-") as home:
        startup = Path(home) / "profile_default" / "startup"
        startup.mkdir(parents=True)
        shutil.copy(GUARD, startup / "00_no_network.py")
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        changes = {"IPYTHONDIR": home, "PYTHONPATH": path, "COURSE_PROFILE": profile, "COURSE_STRICT": "1" if strict else "",
                   "LDM_LAB_MODEL": model, "LDM_LAB_PASSPORT": str(Path(home) / "passport.json"), "MPLBACKEND": "agg"}
        # Threads that spin while they wait make several kernels on the same cores many times slower.
        yield {"OMP_WAIT_POLICY": "passive", **os.environ, **changes}


def run(book: dict, folder: Path, *, profile: str = "fast", strict: bool = True, model: str = "",
        timeout: float = 600.0) -> tuple[dict, float]:
    """(the notebook with its outputs, seconds from the first cell's start to the last one's end), run in `folder`.

    Raises nbclient's CellExecutionError at the first cell that fails; the error's `book` is what ran until there.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    from ldm_lab.course import share

    made = nbformat.reads(json.dumps(book), as_version=4)
    client = NotebookClient(made, timeout=timeout, kernel_name="python3", store_widget_state=False, record_timing=True,
                            resources={"metadata": {"path": str(folder)}})
    folder.mkdir(parents=True, exist_ok=True)
    with environment(profile=profile, strict=strict, model=model) as variables:
        started = time.perf_counter()
        try:
            client.execute(env=variables)
        except CellExecutionError as error:
            error.book = made
            raise
        seconds = time.perf_counter() - started
    share.clean(made)
    return json.loads(nbformat.writes(made)), seconds


def cell_seconds(cell: dict) -> float:
    """Seconds that a cell ran, from the times that the kernel noted."""
    times = cell["metadata"].get("execution", {})
    if not {"iopub.execute_input", "shell.execute_reply"} <= times.keys():
        return 0.0
    start, end = (datetime.datetime.fromisoformat(times[key].replace("Z", "+00:00")) for key in ("iopub.execute_input", "shell.execute_reply"))
    return (end - start).total_seconds()


def slim(book: dict) -> dict:
    """A run notebook with small outputs: pictures on a palette, progress bars as they ended, no times."""
    for cell in book["cells"]:
        cell["metadata"].pop("execution", None)
        if cell["cell_type"] == "code":
            cell["outputs"] = [_slim(output) for output in _joined(cell["outputs"])]
    return book


def _slim(output: dict) -> dict:
    if "text" in output:
        lines = "".join(output["text"]).split("\n")  # of what was written over itself the last remains
        output["text"] = "\n".join(line.rstrip("\r").split("\r")[-1] for line in lines).splitlines(keepends=True)
    data = output.get("data", {})
    if "image/png" in data:
        data["image/png"] = _palette("".join(data["image/png"]))
    return output


def _joined(outputs: list[dict]) -> list[dict]:
    """Neighbouring pieces of one text stream as one: how they were cut is chance."""
    made: list[dict] = []
    for output in outputs:
        if made and output["output_type"] == "stream" == made[-1]["output_type"] and made[-1]["name"] == output["name"]:
            made[-1]["text"] = ("".join(made[-1]["text"]) + "".join(output["text"])).splitlines(keepends=True)
        else:
            made.append(output)
    return made


def _palette(data: str) -> str:
    """A base64 PNG on a palette of COLOURS, if that is smaller."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    target = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, format="PNG", optimize=True)
    small = base64.b64encode(target.getvalue()).decode("ascii")
    return small if len(small) < len(data) else data


def machine(profile: str) -> str:
    """The processor and the number of threads PyTorch uses, for the notes of a measurement."""
    import torch

    if profile == "gpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    from ldm_lab.evaluation.speed import processor

    threads = int(os.environ.get("OMP_NUM_THREADS") or torch.get_num_threads())
    return f"{threads} thread{'s' * (threads > 1)} of {processor()}"


def report(book: dict) -> str:
    """The slow cells and the large outputs of a run notebook, one line each, and the totals."""
    lines, total = [], 0
    for number, cell in enumerate(book["cells"]):
        if cell["cell_type"] != "code":
            continue
        seconds, size = cell_seconds(cell), sum(len(json.dumps(output)) for output in cell["outputs"])
        total += size
        if seconds >= SLOW or size > 60_000:
            head = "".join(cell["source"]).strip().split("\n")[-1][:70]
            lines.append(f"cell {number:3}  {seconds:6.1f} s  {size / 1000:6.0f} KB  {head}")
    return "\n".join([*lines, f"outputs together {total / 1000:.0f} KB"])


def pictures(book: dict, folder: Path) -> int:
    """Write every PNG among the outputs to `folder`; returns how many."""
    count = 0
    for number, cell in enumerate(book["cells"]):
        for index, output in enumerate(cell.get("outputs", [])):
            if data := output.get("data", {}).get("image/png"):
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"cell{number:03}_{index}.png").write_bytes(base64.b64decode("".join(data)))
                count += 1
    return count


def main(words: list[str] | None = None) -> int:
    from nbclient.exceptions import CellExecutionError

    from ldm_lab.course.build import dumps, notebook, sources

    parser = argparse.ArgumentParser(prog="python -m ldm_lab.course.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("lessons", nargs="+", metavar="NN", help="how the lessons' names begin")
    parser.add_argument("--student", action="store_true", help="unsolved, as a student opens it; default: solved, strict")
    parser.add_argument("--profile", choices=PROFILES, default="fast", help="default: fast")
    parser.add_argument("--pictures", action="store_true", help="write every picture to a file of its own")
    parser.add_argument("--out", type=Path, default=Path("runs/course"), help="where the run notebooks go; default: runs/course")
    args = parser.parse_args(words)
    failed = 0
    try:
        chosen = sources(Path("notebooks"), args.lessons)
    except LabError as error:
        parser.error(str(error))
    for source in chosen:
        name = f"{source.stem}-{'student' if args.student else 'solved'}-{args.profile}"
        started = time.perf_counter()
        try:
            book, _ = run(notebook(source, solved=not args.student), args.out / "work", profile=args.profile, strict=not args.student)
        except CellExecutionError as error:
            book, failed = json.loads(json.dumps(error.book)), failed + 1
            sys.stdout.write(f"{source.stem}: FAILED\n{error}\n")
        sys.stdout.write(f"{name}: {time.perf_counter() - started:.1f} s with the kernel's start\n{report(book)}\n")
        args.out.mkdir(parents=True, exist_ok=True)
        kept = slim(book)
        (args.out / f"{name}.ipynb").write_text(dumps(kept), encoding="utf-8")
        size = (args.out / f"{name}.ipynb").stat().st_size
        sys.stdout.write(f"{args.out / name}.ipynb: {size / 1000:.0f} KB (budget 400)\n")
        if args.pictures:
            sys.stdout.write(f"{pictures(kept, args.out / name)} pictures in {args.out / name}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
