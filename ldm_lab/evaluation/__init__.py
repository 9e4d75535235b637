"""How good are sounds? Figures with intervals: of the model's parts (`measure`) and of any two folders (`evaluate`)."""

from __future__ import annotations

import importlib

# Public names and where they live; imported on first use.
_NAMES = {
    "frechet_distance": "distances",
    "frechet_audio_distance": "distances",
    "frechet_infinity": "distances",
    "clap_score": "distances",
    "kernel_audio_distance": "kernels",
    "kernel_inception_distance": "kernels",
    "inception_score": "classes",
    "kl_divergence": "classes",
    "log_spectral_distance": "spectral",
    "mel_picture": "spectral",
    "psnr": "spectral",
    "ssim": "spectral",
    "evaluate": "folders",
    "Report": "comparison",
    "load_backbone": "backbones",
}

__all__ = list(_NAMES)


def __getattr__(name: str):
    if name not in _NAMES:
        raise AttributeError(f"module 'ldm_lab.evaluation' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ldm_lab.evaluation.{_NAMES[name]}"), name)
