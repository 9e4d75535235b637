"""Run the library on several NumPy versions with one PyTorch: python numpy_versions.py 1.26.4 2.2.6

Each version is installed alone into .cache/numpy-<version> and put first on the path, so PyTorch is not installed
again. torchaudio and laion-clap are made impossible to import. Under NumPy 2, as on Colab, the lessons run too. Exits with
1 if any version fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LESSONS = ("00", "01", "04", "08", "11")  # between them they use every part of the course
ABSENT = ("torchaudio", "laion_clap")
PROBE = """
import sys, time
for name in ("torchaudio", "laion_clap"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} can be imported here")
start = time.perf_counter()
import ldm_lab
seconds = time.perf_counter() - start
import numpy, torch
assert numpy.__version__ == sys.argv[1], numpy.__version__
ldm = ldm_lab.load("tiny")
result = ldm.generate(["a dog barking"], seconds=0.64, steps=2, seed=0)
audio = numpy.asarray(result.audio)
assert audio.ndim == 2 and numpy.isfinite(audio).all() and audio.std() > 0, audio.shape
print(f"NumPy {numpy.__version__}, PyTorch {torch.__version__}: import {seconds:.2f} s, a sound of {audio.shape[-1]} samples")
"""


def install(version: str) -> Path:
    folder = ROOT / ".cache" / f"numpy-{version}"
    if not (folder / "numpy").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), f"numpy=={version}"]
        subprocess.run(command, check=True)
    return folder


def without() -> Path:
    """A folder for the path in which the packages ABSENT are, and refuse to be imported."""
    folder = ROOT / ".cache" / "absent"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ABSENT:
        (folder / f"{name}.py").write_text(f"raise ImportError('{name} is not here')\n", encoding="utf-8")
    return folder


def main(versions: list[str]) -> int:
    failed = []
    for version in versions:
        if version.startswith("1.") and sys.version_info >= (3, 13):
            print(f"NumPy {version}: has no build for Python {sys.version_info[0]}.{sys.version_info[1]}, left out")
            continue
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(install(version)), str(without())])}
        code = subprocess.run([sys.executable, "-c", PROBE, version], env=environment, cwd=ROOT).returncode
        if not code and version.startswith("2."):
            lessons = [sys.executable, "-m", "ldm_lab.course.run", *LESSONS, "--out", str(ROOT / ".cache" / "course")]
            code = subprocess.run(lessons, env=environment, cwd=ROOT).returncode
        if code:
            failed.append(version)
    if failed:
        print(f"failed on NumPy {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
