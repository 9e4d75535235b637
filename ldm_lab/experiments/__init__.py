"""Experiments: questions about the model, answered by figures with intervals on held-out sounds.

Each is a module with a frozen dataclass `Settings`, ``run(ldm, settings, *, progress) -> values`` and
``draw(values) -> matplotlib Figure``; its settings are ``recipes/experiments/NAME.toml``. `framework` does the rest: it
loads the model, writes NAME.json, and makes the picture and the table from the JSON files alone.
"""

from __future__ import annotations

EXPERIMENTS: dict[str, str] = {
    "inpainting":       "ldm_lab.experiments.inpainting",
    "super_resolution": "ldm_lab.experiments.super_resolution",
    "transfer":         "ldm_lab.experiments.transfer",
    "sampling":         "ldm_lab.experiments.sampling",
    "trajectories":     "ldm_lab.experiments.trajectories",
    "training":         "ldm_lab.experiments.training",
}  # fmt: skip
