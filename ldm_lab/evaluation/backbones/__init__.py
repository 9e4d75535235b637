"""Listeners by name: networks that turn sound into the features and logits that distances are taken of.

A distance is as good as its listener: figures of different backbones, or of different weights, cannot be compared.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from typing import Protocol

import torch
from torch import Tensor, nn

from ldm_lab.errors import OptionError, unknown

OURS = ("judge", "clap")
PUBLISHED: dict[str, tuple[str, str, dict]] = {  # name: file of this folder, function, options
    "cnn14":         ("cnn14",  "load_cnn14",  {"sample_rate": 16000}),
    "cnn14-32k":     ("cnn14",  "load_cnn14",  {"sample_rate": 32000}),
    "vggish":        ("vggish", "load_vggish", {}),
    "cdpam":         ("cdpam",  "load_cdpam",  {"part": "acoustic"}),
    "cdpam-content": ("cdpam",  "load_cdpam",  {"part": "content"}),
}  # fmt: skip
BACKBONES = (*OURS, *PUBLISHED)


class Backbone(Protocol):
    """What measuring asks of a listener.

    `fingerprint` changes with the weights and with every option that changes the features: caches and reports name it.
    """

    name: str
    sample_rate: int
    fingerprint: str

    def features(self, wav: Tensor) -> dict[str, Tensor | None]:
        """wav (B, N) in [-1, 1] at `sample_rate`, any N -> "features" (R, D) and "logits" (R, K) or None, on the CPU.

        R = B, or B * frames for listeners that hear frame by frame: the frames of the first sound, then of the second,
        ...
        """
        ...


def load_backbone(name: str = "judge", *, weights: str | os.PathLike | None = None, model: object = "lab",
                  device: str | torch.device | None = None) -> Backbone:
    """The listener called `name`, ready on `device` (the CPU if omitted).

    judge: the classifier shipped with this project (14 kinds of sound, 64 features). clap: the CLAP of `model` (a
    name, a folder or a loaded AudioLDM). cnn14, cnn14-32k: PANNs, the listener of published FD, IS and KL. vggish:
    that of published FAD. cdpam, cdpam-content: from the package of that name. `weights`: a file for cnn14, vggish and
    cdpam; "download" fetches the published one into the cache folder. Raises OptionError for an unknown name,
    CheckpointError for weights that are missing or do not fit, with where to get them.
    """
    if name not in BACKBONES:
        raise OptionError(unknown("backbone", name, BACKBONES))
    if name in OURS and weights is not None:
        raise OptionError(f"weights: backbone {name!r} has its own; leave weights out, or choose {', '.join(PUBLISHED)}")
    device = torch.device("cpu" if device is None else device)
    if name in OURS:
        from ldm_lab.evaluation.backbones.own import ClapBackbone, JudgeBackbone

        return JudgeBackbone(device=device) if name == "judge" else ClapBackbone(model, device=device)
    file, function, options = PUBLISHED[name]
    make = getattr(importlib.import_module(f"ldm_lab.evaluation.backbones.{file}"), function)
    return make(weights, device=device, **options)


def fingerprint(module: nn.Module, *options: object) -> str:
    """16 hexadecimal digits of the SHA-256 of a module's weights and of the options that shape its features."""
    digest = hashlib.sha256(repr(options).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def at_least(wav: Tensor, samples: int) -> Tensor:
    """wav (B, N) continued with silence up to `samples`."""
    return nn.functional.pad(wav, (0, max(0, samples - wav.shape[1])))
