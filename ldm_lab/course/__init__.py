"""What the lessons use: sounds, pictures, the diagram, one sound traced through the stack, checks, quizzes, the passport.

Each name is imported on first use.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
from typing import TYPE_CHECKING

import ldm_lab.widgets  # noqa: F401 - a Result is shown by a player from here on

if TYPE_CHECKING:
    from ldm_lab.system import AudioLDM

_NAMES = {
    "OPEN": "ldm_lab.course.check",
    "assert_same": "ldm_lab.course.check",
    "passport": "ldm_lab.course.progress",
    "pick": "ldm_lab.course.profiles",
    "profile": "ldm_lab.course.profiles",
    "steps": "ldm_lab.course.profiles",
    "clip": "ldm_lab.course.data",
    "clips": "ldm_lab.course.data",
    "bars": "ldm_lab.course.plots",
    "heat": "ldm_lab.course.plots",
    "lines": "ldm_lab.course.plots",
    "mels": "ldm_lab.course.plots",
    "points": "ldm_lab.course.plots",
    "show": "ldm_lab.course.plots",
    "table": "ldm_lab.course.plots",
    "diagram": "ldm_lab.widgets.stack.diagram",
    "film": "ldm_lab.widgets.stack.diagram",
    "follow": "ldm_lab.trace",
}
_MODULES = ("synth",)

__all__ = ["load", *_MODULES, *_NAMES]


def load(name: str = "lab") -> AudioLDM:
    """`ldm_lab.load(name)`; the environment variable LDM_LAB_MODEL names another model (a quick one for trials).

    In the fast profile it samples with few steps unless told otherwise.
    """
    from ldm_lab.checkpoint import load as load_model
    from ldm_lab.course.profiles import FAST_STEPS, profile

    ldm = load_model(os.environ.get("LDM_LAB_MODEL") or name)
    if profile() == "fast":
        ldm = ldm.replace(config=dataclasses.replace(ldm.config, default_steps=FAST_STEPS))
    return ldm


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'ldm_lab.course' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
