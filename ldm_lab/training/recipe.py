"""Recipes: every shipped weight is the result of one TOML file.

    task = "autoencoder"            # which task of `training.run.TASKS`
    model = "lab"                   # preset that gives the shapes
    [train]                         # TrainConfig
    [options]                       # the task's own dataclass
    [config]                        # changes to the preset, for example unet.widths = [96, 160, 224]

A recipe may start from another one, ``base = "other.toml"`` (beside it), and say only what differs: how the ablations are
written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
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
    config: dict = field(default_factory=dict)  # changes to the preset: see `config.override`


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


def read_tables(path: str | os.PathLike, *, depth: int = 8) -> dict:
    """The tables of a recipe with those of its `base` beneath them, value by value."""
    values, path = read_toml(path), Path(path)
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str) or depth == 0:
        raise ConfigError(f"{path}: base = {base!r}; expected the name of a recipe that does not lead back to this one")
    return merged(read_tables(path.parent / base, depth=depth - 1), values)


def merged(below: dict, above: dict) -> dict:
    """`below` with the values of `above` put over it; tables are merged, all else is replaced."""
    both = {key: merged(below[key], value) for key, value in above.items()
            if isinstance(value, dict) and isinstance(below.get(key), dict)}
    return below | above | both


def read_recipe(path: str | os.PathLike) -> Recipe:
    """Read and check a recipe; an unknown key names the nearest known one."""
    values = read_tables(path)
    tables = {name: values.pop(name, {}) for name in ("options", "config")}
    if "task" not in values:
        raise ConfigError(f"{path}: no `task`; name one, for example task = \"diffusion\"")
    return replace(from_dict(Recipe, values), **tables)


def task_options(cls: type, recipe: Recipe):
    """The recipe's [options] as the task's dataclass."""
    return from_dict(cls, recipe.options, where="options")
