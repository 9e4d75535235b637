"""A recipe run: what ``ldm-lab train`` calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ldm_lab.checkpoint.files import write_json
from ldm_lab.checkpoint.parts import save_part
from ldm_lab.config import ModelConfig, override, preset, to_dict
from ldm_lab.errors import ConfigError, unknown
from ldm_lab.training.loop import Task, train
from ldm_lab.training.recipe import Recipe, read_recipe, task_options
from ldm_lab.training.state import TrainState


def _autoencoder(config: ModelConfig, recipe: Recipe, device: str) -> Task:
    from ldm_lab.training.task_autoencoder import AutoencoderOptions, AutoencoderTask

    return AutoencoderTask(config, recipe.train, task_options(AutoencoderOptions, recipe))


def _diffusion(config: ModelConfig, recipe: Recipe, device: str) -> Task:
    from ldm_lab.training.task_diffusion import DiffusionOptions, DiffusionTask

    return DiffusionTask(config, recipe.train, task_options(DiffusionOptions, recipe), device)


def _vocoder(config: ModelConfig, recipe: Recipe, device: str) -> Task:
    from ldm_lab.training.task_vocoder import VocoderOptions, VocoderTask

    return VocoderTask(config, recipe.train, task_options(VocoderOptions, recipe))


def _clap(config: ModelConfig, recipe: Recipe, device: str) -> Task:
    from ldm_lab.training.task_clap import ClapOptions, ClapTask

    return ClapTask(config, recipe.train, task_options(ClapOptions, recipe))


def _clap_text(config: ModelConfig, recipe: Recipe, device: str) -> Task:
    from ldm_lab.training.task_clap_text import ClapTextOptions, ClapTextTask

    return ClapTextTask(config, recipe.train, task_options(ClapTextOptions, recipe))


def _judge(config: ModelConfig, recipe: Recipe, device: str) -> Task:
    from ldm_lab.training.task_judge import JudgeOptions, JudgeTask

    return JudgeTask(config, recipe.train, task_options(JudgeOptions, recipe))


TASKS: dict[str, Callable[[ModelConfig, Recipe, str], Task]] = {
    "autoencoder": _autoencoder,
    "vocoder": _vocoder,
    "clap": _clap,
    "clap-text": _clap_text,
    "diffusion": _diffusion,
    "judge": _judge,
}


def run(recipe_path: str | Path, *, task: str | None = None, out: str | Path | None = None, resume: bool = False,
        device: str = "cpu", steps: int | None = None, seed: int | None = None, options: dict | None = None,
        progress: bool = True) -> TrainState:
    """Train what the recipe says and export the averaged weights to ``out/weights``.

    `task`, if given, must be the recipe's. `steps`, `seed` and `options` override it (for a short trial, a second run of the
    same recipe, another data folder).
    """
    recipe = read_recipe(recipe_path)
    if recipe.task not in TASKS:
        raise ConfigError(unknown("task", recipe.task, TASKS))
    if task is not None and task != recipe.task:
        raise ConfigError(f"{recipe_path} is a recipe for {recipe.task}, not for {task}")
    given = {name: value for name, value in (("steps", steps), ("seed", seed)) if value is not None}
    recipe = replace(recipe, train=replace(recipe.train, **given))
    recipe = replace(recipe, options={**recipe.options, **(options or {})})
    out = Path(out or Path("runs") / Path(recipe_path).stem)
    built = TASKS[recipe.task](override(preset(recipe.model), recipe.config), recipe, device)
    built.meta["recipe"] = to_dict(recipe)
    state = train(built, recipe.train, out, resume=resume, device=device, progress=progress)
    export(built, state, out / "weights")
    return state


def export(task: Task, state: TrainState, folder: Path) -> None:
    """Write the averaged weights of the parts that are shipped (not discriminators), in full precision."""
    for name, module in task.modules.items():
        if name.startswith("discriminator"):
            continue
        kept = state.ema.copy_to(name, module)
        try:
            with torch.no_grad():
                shipped = task.shipped(name) if hasattr(task, "shipped") else module
                save_part(shipped, folder, name)
        finally:
            module.load_state_dict(kept, strict=True)
    write_json(folder / "training.json", {"step": state.step, "seconds": round(state.seconds), "meta": state.meta})
