"""From a question to a page: settings from a recipe, figures into JSON; picture and table from the JSON alone."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import io
import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ldm_lab.checkpoint import assets_folder, load, shipped
from ldm_lab.checkpoint.files import MANIFEST, read_json, read_manifest, write_json, write_text
from ldm_lab.config import from_dict
from ldm_lab.errors import CheckpointError, ConfigError, OptionError, unknown
from ldm_lab.evaluation.judging import NAME as JUDGE
from ldm_lab.experiments import EXPERIMENTS
from ldm_lab.experiments.page import page
from ldm_lab.files import write_bytes
from ldm_lab.training.recipe import read_toml

log = logging.getLogger(__name__)

FORMAT = 1
README = "README.md"
DPI = 110


@dataclass(frozen=True)
class Experiment:
    """What is asked, of which model, with which settings."""

    name: str
    question: str
    model: str
    settings: object
    module: ModuleType


def recipes_folder() -> Path:
    """Where the settings lie: `recipes/experiments/` of the source tree or of the installed package."""
    package = Path(__file__).resolve().parents[1]
    beside = package.parent / "recipes"
    return (beside if beside.is_dir() else package / "recipes") / "experiments"


def results_folder() -> Path:
    """Where shipped results lie: `assets/experiments/`."""
    return assets_folder() / "experiments"


def questions() -> dict[str, str]:
    """{name: question} of every experiment that has a recipe."""
    found = {name: recipes_folder() / f"{name}.toml" for name in EXPERIMENTS}
    return {name: _recipe(path)["question"] for name, path in found.items() if path.is_file()}


def _recipe(path: Path) -> dict:
    """The tables of a recipe: question, model and [settings]; ConfigError for anything else in it."""
    values = {"model": "lab", "settings": {}, **read_toml(path)}
    for key in values:
        if key not in (known := ("question", "model", "settings")):
            raise ConfigError(unknown(f"key in {path.name}", key, known))
    if not isinstance(values.get("question"), str):
        raise ConfigError(f"{path}: no `question`; say what the experiment asks")
    return values


def find(name: str, *, model: str | None = None, count: int | None = None,
         seeds: Sequence[int] | None = None) -> Experiment:
    """The experiment called `name` with its recipe's settings; `model`, `count` and `seeds` override them.

    Raises OptionError for an unknown name or an override it has no setting for, ConfigError for a wrong recipe.
    """
    if name not in EXPERIMENTS:
        raise OptionError(unknown("experiment", name, EXPERIMENTS))
    recipe = _recipe(recipes_folder() / f"{name}.toml")
    module = importlib.import_module(EXPERIMENTS[name])
    settings = from_dict(module.Settings, recipe["settings"], where="settings")
    given = {"count": count, "seeds": None if seeds is None else tuple(seeds)}
    given = {key: value for key, value in given.items() if value is not None}
    own = {field.name for field in dataclasses.fields(settings)}
    for key in given:
        if key not in own:
            raise OptionError(f"--{key}: {name} has no such setting; it has {', '.join(sorted(own))}")
    settings = dataclasses.replace(settings, **given)
    return Experiment(name, recipe["question"], model or recipe["model"], settings, module)


def run(experiment: Experiment, out: str | os.PathLike | None = None, *, progress: bool = True) -> dict:
    """Carry `experiment` out and write ``out/NAME.json``, its picture and the folder's README; returns the values.

    The JSON holds what `module.run` found and, so that figures of other weights are noticed (`stale`): format, name,
    question, model, the SHA-256 of its weights, the judge's and the corpus', all settings and the seconds it took.
    """
    out = results_folder() if out is None else Path(out)
    ldm = load(experiment.model)
    started = time.perf_counter()
    values = experiment.module.run(ldm, experiment.settings, progress=progress)
    about = {"format": FORMAT, "experiment": experiment.name, "question": experiment.question,
             "model": experiment.model, "weights": weights_of(experiment.model), "judge": _judge(),
             "settings": dataclasses.asdict(experiment.settings),
             "seconds": round(time.perf_counter() - started, 1)}
    values = json.loads(json.dumps(about | values, allow_nan=False))  # what a reader will see: lists for tuples, no NaN
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{experiment.name}.json", values)
    draw(out, [experiment.name])
    log.info("%s: %s (%.0f s)", experiment.name, out / f"{experiment.name}.json", values["seconds"])
    return values


def draw(out: str | os.PathLike | None = None, names: Sequence[str] = ()) -> list[Path]:
    """Draw the pictures of `names` (none: of all results in `out`) and write README.md, from the JSON files alone.

    A picture carries the SHA-256 of the JSON it was drawn from, as `Source` in its metadata, so that one
    left behind is noticed.
    """
    out = results_folder() if out is None else Path(out)
    there = results(out)
    if not there:
        raise OptionError(f"{out}: holds no results; run an experiment first: ldm-lab experiment NAME")
    written = []
    for name in names or there:
        if name not in there:
            raise OptionError(unknown(f"result in {out}", name, there))
        figure = importlib.import_module(EXPERIMENTS[name]).draw(there[name])
        write_png(figure, out / f"{name}.png", source=digest(there[name]))
        written.append(out / f"{name}.png")
    write_text(out / README, page(there))
    return [*written, out / README]


def write_png(figure, path: Path, *, source: str) -> None:
    """A matplotlib Figure as a small PNG of 64 colours with `source` in its metadata, whole or not at all."""
    from PIL import Image, PngImagePlugin  # comes along with matplotlib

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, facecolor="white")
    about = PngImagePlugin.PngInfo()
    about.add_text("Source", source)
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(small, format="png", optimize=True, pnginfo=about)
    write_bytes(path, small.getvalue())


def results(out: str | os.PathLike | None = None) -> dict[str, dict]:
    """{name: values} of every result in `out`, in the order of the registry."""
    out = results_folder() if out is None else Path(out)
    return {name: read(out / f"{name}.json") for name in EXPERIMENTS if (out / f"{name}.json").is_file()}


def read(path: str | os.PathLike) -> dict:
    """A file written by `run`; CheckpointError if it is something else."""
    values = read_json(Path(path))
    if values.get("format") != FORMAT or values.get("experiment") not in EXPERIMENTS:
        raise CheckpointError(f"{path}: not the result of an experiment in format {FORMAT}; move it away, run it again")
    return values


def digest(values: dict) -> str:
    """SHA-256 of a result's values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def weights_of(model: str | os.PathLike) -> dict[str, str]:
    """{file: SHA-256} of the weights of `model` as its manifest has them; for an untrained preset just its name.

    `config` stands for the shapes: without the defaults of sampling, which every experiment sets for itself.
    """
    folder = shipped().get(str(model), Path(model))
    if not (folder / MANIFEST).is_file():
        return {"untrained": str(model)}
    config = {key: value for key, value in read_json(folder / "config.json").items() if not key.startswith("default_")}
    found = {name: value for name, value in read_manifest(folder).items() if name != "config.json"}
    return found | {"config": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()}


def _judge() -> str:
    return read_manifest(assets_folder() / "checkpoints" / JUDGE)[f"{JUDGE}.safetensors"]


def stale(values: dict) -> list[str]:
    """What has changed since a result was measured: weight files of its shipped model, "judge"; [] = it still holds."""
    now = weights_of(values["model"]) if values["model"] in shipped() else values["weights"]
    changed = [name for name in sorted(now | values["weights"]) if now.get(name) != values["weights"].get(name)]
    return changed + (["judge"] if values["judge"] != _judge() else [])
