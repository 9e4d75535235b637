"""Training states on disk: whole or absent, verified when read, and enough to go on exactly.

A state is a folder ``step-00001200/`` with `state.safetensors` (weights, averaged weights, optimiser moments),
`state.json` (step, times, configuration) and `manifest.json` (SHA-256 of both). It is written under another name, synced
and renamed. Randomness is keyed by (seed, name, step), so no generator state is needed.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ldm_lab.checkpoint.files import read_manifest, read_tensors, write_json, write_manifest, write_tensors
from ldm_lab.errors import CheckpointError
from ldm_lab.training.ema import Ema

log = logging.getLogger(__name__)


@dataclass
class TrainState:
    """Everything that changes while training."""

    modules: dict[str, nn.Module]
    optimisers: dict[str, Optimizer]
    ema: Ema
    step: int = 0
    seconds: float = 0.0  # spent training, over all runs
    meta: dict = field(default_factory=dict)  # recipe and task facts (scale factor, ...), for the record


def _tensors(state: TrainState) -> dict[str, Tensor]:
    tensors = {}
    for name, module in state.modules.items():
        tensors.update({f"model/{name}/{k}": v for k, v in module.state_dict().items()})
        tensors.update({f"ema/{name}/{k}": v for k, v in state.ema.shadow[name].items()})
    for name, optimiser in state.optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            tensors.update({f"optimiser/{name}/{index}/{k}": torch.as_tensor(v) for k, v in values.items()})
    return {k: v.detach().cpu().contiguous() for k, v in tensors.items()}


def save_state(state: TrainState, out: Path, *, keep: int) -> Path:
    """Write ``out/step-N``; then remove all but the newest `keep` states. Returns the folder."""
    out.mkdir(parents=True, exist_ok=True)
    final, temporary = out / f"step-{state.step:08d}", out / f".saving-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        write_tensors(temporary / "state.safetensors", _tensors(state))
        write_json(temporary / "state.json", {"step": state.step, "seconds": state.seconds, "meta": state.meta})
        write_manifest(temporary)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    for old in sorted(out.glob("step-*"))[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load_state(state: TrainState, out: Path) -> bool:
    """Fill `state` from the newest sound folder in `out`; a damaged one is passed over with a warning.

    Returns False if there is none. Raises CheckpointError if states exist but none is readable or fits.
    """
    for leftover in out.glob(".saving-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folders = sorted(out.glob("step-*"), reverse=True)
    for folder in folders:
        try:
            read_manifest(folder)
            tensors = read_tensors(folder / "state.safetensors")
        except CheckpointError as error:
            log.warning("%s is damaged and is passed over: %s", folder, error)
            continue
        _fill(state, tensors, json.loads((folder / "state.json").read_text()))
        return True
    if folders:
        raise CheckpointError(f"{out}: none of its {len(folders)} saved states is sound; start again without resuming")
    return False


def _fill(state: TrainState, tensors: dict[str, Tensor], facts: dict) -> None:
    for name, module in state.modules.items():
        weights = {k.split("/", 2)[2]: v for k, v in tensors.items() if k.startswith(f"model/{name}/")}
        try:
            module.load_state_dict(weights, strict=True)
        except RuntimeError as error:
            raise CheckpointError(f"the saved state does not fit this recipe: {error}") from error
        for key, shadow in state.ema.shadow[name].items():
            shadow.copy_(tensors[f"ema/{name}/{key}"])
    for name, optimiser in state.optimisers.items():
        own = optimiser.state_dict()
        own["state"] = {}
        for key, value in tensors.items():
            if key.startswith(f"optimiser/{name}/"):
                index, field_name = key.split("/")[2:]
                own["state"].setdefault(int(index), {})[field_name] = value
        optimiser.load_state_dict(own)
    state.step, state.seconds, state.meta = facts["step"], facts["seconds"], facts["meta"]
