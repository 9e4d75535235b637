"""One training loop for every part: warm-up and decay, clipping, averaging, saving, resuming, logging, validating.

A task says what is learnt; the loop knows nothing of sound:

    class Task:
        modules: dict[str, nn.Module]                     # trained together; the averaged weights of these are kept
        def optimised(self) -> dict[str, list[Parameter]]  # one optimiser each, e.g. generator and discriminator
        def batch(self, step) -> dict                      # a pure function of the step; tensors on the CPU
        def losses(self, batch, step) -> Iterator[(name of optimiser, scalar loss, dict of floats to log)]
        def validate(self, folder) -> dict[str, float]     # numbers, and sounds or pictures written to `folder`

`losses` is a generator: the loop steps the named optimiser before it asks for the next loss, so that a generator is
judged by the discriminator of the same step.
"""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from ldm_lab.errors import TrainingError
from ldm_lab.training.ema import Ema
from ldm_lab.training.recipe import TrainConfig
from ldm_lab.training.state import TrainState, load_state, save_state

log = logging.getLogger(__name__)


class Task(Protocol):
    modules: dict[str, nn.Module]
    meta: dict

    def optimised(self) -> dict[str, list[nn.Parameter]]: ...
    def batch(self, step: int) -> dict: ...
    def losses(self, batch: dict, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]: ...
    def validate(self, folder: Path) -> dict[str, float]: ...


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine to `final_lr` times lr at the last step (or constant)."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    if config.decay == "constant":
        return config.lr
    progress = min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup))
    return config.lr * (config.final_lr + (1 - config.final_lr) * 0.5 * (1 + math.cos(math.pi * progress)))


def new_state(task: Task, config: TrainConfig) -> TrainState:
    """A fresh state: AdamW for each group of `task.optimised()`, averaged weights equal to the weights."""
    optimisers = {
        name: torch.optim.AdamW(parameters, lr=config.lr, betas=tuple(config.betas), weight_decay=config.weight_decay)
        for name, parameters in task.optimised().items()
    }
    return TrainState(task.modules, optimisers, Ema(task.modules, config.ema), meta=dict(task.meta))


def train(task: Task, config: TrainConfig, out: Path, *, resume: bool = False, device: str = "cpu",
          progress: bool = True, stop_after: int | None = None) -> TrainState:
    """Train until `config.steps`, saving to `out`; `resume` goes on from the newest state there.

    `stop_after` ends the call early after that many steps, as a kill would, but with a save. Raises TrainingError if the
    folder holds a run and `resume` is not set, or if a loss or a gradient is not finite: the weights of the last good
    step stay on disk.
    """
    from tqdm.auto import tqdm

    out = Path(out)
    for module in task.modules.values():
        module.to(device, memory_format=torch.channels_last if config.channels_last else torch.preserve_format)
        if config.compile:  # in place, so that names of weights stay; pays on GPUs, costs minutes on CPUs
            module.compile()
    state = new_state(task, config)
    if resume:
        load_state(state, out)
    elif any(out.glob("step-*")):
        raise TrainingError(f"{out} already holds a run; use --resume to go on with it, or name another folder")
    out.mkdir(parents=True, exist_ok=True)
    last = config.steps if stop_after is None else min(config.steps, state.step + stop_after)
    started, before, saved, validated = time.monotonic(), state.seconds, time.monotonic(), time.monotonic()
    logs: dict[str, list[float]] = {}
    bar = tqdm(total=config.steps, initial=state.step, disable=not progress, desc=out.name, smoothing=0.05)
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(task.batch, state.step)
        while state.step < last:
            batch = ahead.result()
            if state.step + 1 < last:
                ahead = pool.submit(task.batch, state.step + 1)
            for name, value in one_step(task, state, config, batch, device).items():
                logs.setdefault(name, []).append(value)
            state.step += 1
            bar.update()
            now = time.monotonic()
            state.seconds = before + now - started
            if state.step % config.log_every == 0 or state.step == last:
                row = {name: sum(values) / len(values) for name, values in logs.items()}
                bar.set_postfix({name: f"{value:.4g}" for name, value in row.items()})
                write_log(out / "log.csv", {"step": state.step, "seconds": round(state.seconds, 1), **row})
                logs = {}
            if now - saved > 60 * config.save_minutes or state.step == last:
                save_state(state, out, keep=config.keep)
                saved = time.monotonic()
            if now - validated > 60 * config.validate_minutes or state.step == config.steps:
                validate(task, state, out)
                validated = time.monotonic()
    bar.close()
    return state


def one_step(task: Task, state: TrainState, config: TrainConfig, batch: dict, device: str) -> dict[str, float]:
    """All optimiser steps of one batch and the averaging; returns what there is to log."""
    batch = {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
    kind = torch.device(device).type
    logged: dict[str, float] = {}
    rate = learning_rate(state.step, config)
    with torch.autocast(kind, torch.bfloat16, enabled=config.precision == "bf16"):
        for name, loss, values in task.losses(batch, state.step):
            optimiser = state.optimisers[name]
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            parameters = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
            norm = torch.nn.utils.clip_grad_norm_(parameters, config.clip)
            if not torch.isfinite(loss) or not torch.isfinite(norm):
                raise TrainingError(
                    f"step {state.step}: the {name} loss is {loss.item()} with gradient norm {norm.item()}; "
                    f"batch: {', '.join(map(str, batch.get('names', ['(unnamed)'])))}. "
                    "Nothing was changed by it; resume with a lower learning rate, or look at these items"
                )
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
            logged.update(values)
            logged[f"{name}_grad"] = norm.item()
    state.ema.update(state.modules, state.step)
    return logged


def validate(task: Task, state: TrainState, out: Path) -> dict[str, float]:
    """Run the task's validation with the averaged weights; sounds and pictures go to ``out/validation/step-N``."""
    folder = out / "validation" / f"step-{state.step:08d}"
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: state.ema.copy_to(name, module) for name, module in task.modules.items()}
    modes = {name: module.training for name, module in task.modules.items()}
    try:
        for module in task.modules.values():
            module.eval()
        with torch.no_grad():
            values = task.validate(folder)
    finally:
        for name, module in task.modules.items():
            module.load_state_dict(kept[name], strict=True)
            module.train(modes[name])
    write_log(out / "validation.csv", {"step": state.step, "seconds": round(state.seconds, 1), **values})
    log.info("step %d: %s", state.step, values)
    return values


def write_log(path: Path, row: dict[str, float]) -> None:
    """Append a row to a CSV file; new columns start a new header line set beside the old file."""
    columns = None
    if path.exists():
        with open(path, newline="") as file:
            columns = next(csv.reader(file), None)
        if columns is not None and set(row) - set(columns):
            path.rename(path.with_name(f"{path.stem}-until-{int(row['step'])}.csv"))
            columns = None
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, columns or list(row))
        if columns is None:
            writer.writeheader()
        writer.writerow(row)
