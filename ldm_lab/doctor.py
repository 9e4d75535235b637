"""A check-up of this machine and this installation: what is there, what is missing, and whether a sound comes out."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ldm_lab.errors import LabError

OK, NOTE, FAIL = "ok", "note", "FAIL"

#             package         what it is for
NEEDED = {"torch": "the networks", "numpy": "arrays", "soundfile": "sound files", "soxr": "resampling",
          "safetensors": "weights", "tqdm": "progress"}
COURSE = {"jupyterlab": "the lessons", "anywidget": "the players", "ipywidgets": "the sliders", "matplotlib": "the plots"}


@dataclass(frozen=True)
class Check:
    """One line of the report. `status` is "ok", "note" (works, but could be better) or "FAIL"."""

    name: str
    status: str
    detail: str


def examine(*, model: str = "lab", device: str | None = None) -> Iterator[Check]:
    """Yield the checks one by one, quick ones first. A check that raises becomes a FAIL, never a traceback."""
    yield from _guard("python", _python)
    for name, purpose in (NEEDED | COURSE).items():
        yield _package(name, purpose, needed=name in NEEDED)
    yield from _guard("device", _devices)
    yield from _guard("threads", _threads)
    yield from _guard("disk", _disk)
    yield from _guard("corpus", _corpus)
    yield from _guard("weights", lambda: _weights(model))
    yield from _guard("self-test", lambda: _self_test(model, device))


def _guard(name: str, check: Callable[[], Check]) -> Iterator[Check]:
    try:
        yield check()
    except LabError as error:
        yield Check(name, FAIL, str(error))
    except Exception as error:  # a check-up reports whatever is wrong and goes on
        yield Check(name, FAIL, f"{type(error).__name__}: {error}")


def _python() -> Check:
    version = platform.python_version()
    fits = (3, 10) <= sys.version_info[:2] <= (3, 13)
    where = f"{version} on {platform.system()} {platform.machine()}"
    return Check("python", OK if fits else NOTE, where if fits else f"{where}; tested with 3.10 to 3.13")


def _package(name: str, purpose: str, *, needed: bool) -> Check:
    try:
        return Check(name, OK, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, FAIL if needed else NOTE, f"not installed, for {purpose}: pip install {name}")


def _devices() -> Check:
    import torch

    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        return Check("device", OK, f"cuda: {card.name}, {card.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        return Check("device", OK, "mps: Apple GPU")
    return Check("device", OK, "cpu (no CUDA or Apple GPU; the lab model is made for that)")


def _threads() -> Check:
    import torch

    cores, threads = usable_cores(), torch.get_num_threads()
    detail = f"{threads} for PyTorch on {cores} cores"
    if threads > cores:
        return Check("threads", NOTE, f"{detail}; more threads than cores are slower: set OMP_NUM_THREADS={cores}")
    if threads < cores and "OMP_NUM_THREADS" not in os.environ:
        return Check("threads", NOTE, f"{detail}; OMP_NUM_THREADS={cores} would use them all")
    return Check("threads", OK, detail)


def usable_cores() -> int:
    """Cores this process may use (a container often has fewer than the machine)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    return Check("disk", OK if free > 1 else NOTE, f"{free:.1f} GiB free here" + ("" if free > 1 else "; little room left"))


def _corpus() -> Check:
    from ldm_lab.corpus import open_corpus

    clips = open_corpus().clips
    hours = sum(clip.seconds for clip in clips) / 3600
    categories = len({clip.category for clip in clips})
    return Check("corpus", OK, f"{len(clips)} clips, {hours:.1f} h, {categories} categories")


def _weights(model: str) -> Check:
    from ldm_lab.checkpoint import shipped
    from ldm_lab.checkpoint.files import read_manifest

    if model == "tiny":
        return Check("weights", NOTE, "tiny: untrained, made on the spot; what comes out is noise")
    folder = shipped().get(model, Path(model))
    if not folder.is_dir():
        return Check("weights", FAIL, f"{model}: no such model here (with weights: {', '.join(shipped()) or 'none'})")
    files = read_manifest(folder)
    size = sum((folder / name).stat().st_size for name in files) / 2**20
    return Check("weights", OK, f"{model}: {len(files)} files, {size:.0f} MiB, checksums right")


def _self_test(model: str, device: str | None) -> Check:
    """One second of sound, from prompt to waveform."""
    import torch

    import ldm_lab

    ldm = ldm_lab.load(model, **({"device": device} if device else {}))
    start = time.perf_counter()
    result = ldm.generate("a bell rings", seconds=1.0, seed=0, progress=False)
    spent = time.perf_counter() - start
    if not torch.isfinite(result.audio).all() or result.audio.std() == 0:
        return Check("self-test", FAIL, f"{model}: the sound is silent or not finite; please report this")
    return Check("self-test", OK, f"{model}: {result.seconds:.2f} s of sound in {spent:.1f} s on {ldm.device}")
