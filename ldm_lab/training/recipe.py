"""Recipes: every shipped weight is the result of one TOML file.

    task = "autoencoder"            # which task of `training.run.TASKS`
    model = "lab"                   # preset that gives the shapes
    [train]                         # TrainConfig
    [options]                       # the task's own dataclass
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ldm_lab.config import from_dict
from ldm_lab.errors import ConfigError


@dataclass(frozen=True)
class TrainConfig:
    """How long, how fast and how often. `steps` counts batches."""

    steps: int = 1000
    batch: int = 16
    lr: float = 1e-4
    betas: tuple[float, ...] = (0.9, 0.99)
    weight_decay: float = 0.01
    warmup: int = 100
    decay: str = "cosine"  # after the warm-up: "cosine" to `final_lr` times lr, or "constant"
    final_lr: float = 0.05
    clip: float = 1.0  # largest gradient norm
    ema: float = 0.999
    precision: str = "fp32"  # or "bf16": autocast
    channels_last: bool = False
    compile: bool = False
    seed: int = 0
    log_every: int = 20
    save_minutes: float = 3.0
    validate_minutes: float = 10.0
    keep: int = 2  # saved states kept

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.lr <= 0 or self.keep < 1:
            raise ConfigError(f"steps {self.steps}, batch {self.batch}, lr {self.lr}, keep {self.keep}: all must be > 0")
        for name, value, known in (("decay", self.decay, ("cosine", "constant")),
                                   ("precision", self.precision, ("fp32", "bf16"))):
            if value not in known:
                raise ConfigError(f"train.{name}: got {value!r}, expected one of {', '.join(known)}")


@dataclass(frozen=True)
class Recipe:
    task: str
    model: str = "lab"
    train: TrainConfig = field(default_factory=TrainConfig)
    options: dict = field(default_factory=dict)  # read by the task: see `task_options`


def read_toml(path: str | os.PathLike) -> dict:
    """The tables of a TOML file; ConfigError if it is missing or not TOML."""
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such recipe; the recipes of this project are in recipes/")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file ({error})") from error


def read_recipe(path: str | os.PathLike) -> Recipe:
    """Read and check a recipe; an unknown key names the nearest known one."""
    values = read_toml(path)
    options = values.pop("options", {})
    if "task" not in values:
        raise ConfigError(f"{path}: no `task`; name one, for example task = \"diffusion\"")
    recipe = from_dict(Recipe, values)
    return Recipe(recipe.task, recipe.model, recipe.train, options)


def task_options(cls: type, recipe: Recipe):
    """The recipe's [options] as the task's dataclass."""
    return from_dict(cls, recipe.options, where="options")
