"""What the lessons use: the diagram, one sound traced through the stack, checks. Each name is imported on first use."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

import ldm_lab.widgets  # noqa: F401 - a Result is shown by a player from here on

if TYPE_CHECKING:
    from ldm_lab.system import AudioLDM

_NAMES = {
    "OPEN": "ldm_lab.course.check",
    "diagram": "ldm_lab.widgets.stack.diagram",
    "film": "ldm_lab.widgets.stack.diagram",
    "follow": "ldm_lab.trace",
}

__all__ = ["load", *_NAMES]


def load(name: str = "lab") -> AudioLDM:
    """`ldm_lab.load(name)`; the environment variable LDM_LAB_MODEL names another model (a quick one for trials)."""
    from ldm_lab.checkpoint import load as load_model

    return load_model(os.environ.get("LDM_LAB_MODEL") or name)


def __getattr__(name: str):
    if name not in _NAMES:
        raise AttributeError(f"module 'ldm_lab.course' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
