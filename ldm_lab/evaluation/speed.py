"""How long a sound takes and how much memory: measured in a fresh process, so that nothing else counts."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from ldm_lab.errors import LabError, OptionError

PROMPT = "A dog barking in the rain"


def peak_mebibytes() -> float:
    """Largest resident memory of this process so far, in MiB."""
    import resource  # not on Windows, where this is not offered

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def time_clips(model: str, lengths: list[float], *, repeats: int, threads: int) -> dict:
    """Load `model`, make a clip of each length once to warm up and then `repeats` times; seconds of wall clock and CPU."""
    from ldm_lab.checkpoint import load
    from ldm_lab.generate import generate

    torch.set_num_threads(threads)
    started = time.perf_counter()
    ldm = load(model, device="cpu")
    facts: dict = {"load_seconds": time.perf_counter() - started, "steps": ldm.config.default_steps,
                   "sampler": ldm.config.default_sampler, "guidance": ldm.config.default_guidance, "clips": {}}
    for seconds in lengths:
        generate(ldm, [PROMPT], seconds=seconds, seed=0, progress=False)
        wall, cpu = [], []
        for seed in range(1, repeats + 1):
            before = time.perf_counter(), time.process_time()
            generate(ldm, [PROMPT], seconds=seconds, seed=seed, progress=False)
            wall.append(time.perf_counter() - before[0])
            cpu.append(time.process_time() - before[1])
        facts["clips"][f"{seconds:g}"] = {"wall": wall, "cpu": cpu, "median": statistics.median(wall),
                                          "median_cpu": statistics.median(cpu)}
    return facts | {"peak_mebibytes": peak_mebibytes(), "threads": threads}


def speed(model: str, *, lengths: tuple[float, ...] = (2.56, 10.24), repeats: int = 5, threads: int = 2,
          timeout: float = 1200.0) -> dict:
    """`time_clips` in a child process; medians of `repeats` >= 3, all times kept. LabError if the child fails."""
    if repeats < 3:
        raise OptionError(f"repeats: got {repeats}, expected at least 3 for a median")
    call = f"time_clips({model!r}, {list(lengths)!r}, repeats={repeats}, threads={threads})"
    code = f"import json; from ldm_lab.evaluation.speed import time_clips; print('\\n' + json.dumps({call}))"
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": path}
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=timeout)
    if child.returncode:
        raise LabError(f"the timing process failed: {child.stderr.strip().splitlines()[-1] if child.stderr.strip() else '(silent)'}")
    return json.loads(child.stdout.strip().splitlines()[-1]) | {"processor": processor(), "torch": torch.__version__}


def processor() -> str:
    """Name of the processor, as well as this system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
