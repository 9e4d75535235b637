"""Listeners by name: networks that turn sound into the features and logits that distances are taken of.

A distance is as good as its listener: figures of different backbones, or of different weights, cannot be compared.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from ldm_lab.errors import OptionError, unknown


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
        others = ", ".join(other for other in BACKBONES if other not in OURS)
        raise OptionError(f"weights: backbone {name!r} has its own; leave weights out, or choose {others}")
    device = torch.device("cpu" if device is None else device)
    return BACKBONES[name](weights, model, device)


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


def _judge(weights, model, device) -> Backbone:
    from ldm_lab.evaluation.backbones.own import JudgeBackbone

    return JudgeBackbone(device=device)


def _clap(weights, model, device) -> Backbone:
    from ldm_lab.evaluation.backbones.own import ClapBackbone

    return ClapBackbone(model, device=device)


def _cnn14(rate: int) -> Callable[..., Backbone]:
    def make(weights, model, device) -> Backbone:
        from ldm_lab.evaluation.backbones.cnn14 import load_cnn14

        return load_cnn14(weights, sample_rate=rate, device=device)

    return make


def _vggish(weights, model, device) -> Backbone:
    from ldm_lab.evaluation.backbones.vggish import load_vggish

    return load_vggish(weights, device=device)


def _cdpam(part: str) -> Callable[..., Backbone]:
    def make(weights, model, device) -> Backbone:
        from ldm_lab.evaluation.backbones.cdpam import load_cdpam

        return load_cdpam(weights, part=part, device=device)

    return make


BACKBONES: dict[str, Callable[..., Backbone]] = {
    "judge": _judge, "clap": _clap, "cnn14": _cnn14(16000), "cnn14-32k": _cnn14(32000), "vggish": _vggish,
    "cdpam": _cdpam("acoustic"), "cdpam-content": _cdpam("content"),
}  # fmt: skip
OURS = frozenset({"judge", "clap"})
