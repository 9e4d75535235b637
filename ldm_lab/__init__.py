"""Text-to-audio latent diffusion, small enough to read: every part of AudioLDM, from log-mel to prompt.

>>> import ldm_lab
>>> result = ldm_lab.load("lab").generate("a dog barking")
>>> result.save("dog.wav")
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

# Public names and where they live; each is imported on first use, so that `import ldm_lab` stays light.
_NAMES = {
    "load": "ldm_lab.checkpoint",
    "AudioLDM": "ldm_lab.system",
    "Result": "ldm_lab.generate",
    "generate": "ldm_lab.generate",
    "transfer": "ldm_lab.editing",
    "inpaint": "ldm_lab.editing",
    "super_resolve": "ldm_lab.editing",
    "vary": "ldm_lab.editing",
    "extend": "ldm_lab.editing",
    "edit": "ldm_lab.editing",
    "invert": "ldm_lab.editing",
    "interpolate": "ldm_lab.editing",
    "loop": "ldm_lab.editing",
    "open_corpus": "ldm_lab.corpus",
    "PRESETS": "ldm_lab.config",
    "preset": "ldm_lab.config",
    "LabError": "ldm_lab.errors",
}

__all__ = ["__version__", *_NAMES]


def __getattr__(name: str):
    if name not in _NAMES:
        raise AttributeError(f"module 'ldm_lab' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
