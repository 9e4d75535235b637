"""CDPAM (Manocha et al. 2021, arXiv 2102.05109): a listener trained on people's judgements of small differences.

Its package `cdpam` (MIT) carries the weights, so that nothing needs to be downloaded apart from it. Each second of
sound is heard on its own, as fadtk does it, in one of two halves: the acoustic one (recording conditions) or the
content one. It hears resampling too, by some per cent of a distance: published scores need the resampler they were made
with (`tests/evaluation/test_cdpam_published.py`).
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.checkpoint.files import sha256
from ldm_lab.errors import CheckpointError, OptionError, unknown
from ldm_lab.evaluation.backbones import fingerprint
from ldm_lab.evaluation.backbones.weights import DOWNLOAD, fill, read_weights
from ldm_lab.shapes import check_shape

SAMPLE_RATE = 22050
PARTS = ("acoustic", "content")
FILE = "CDPAM_trained/scratchJNDdefault_best_model.pth"
SHA256 = "453c8b6edee1a94f0120236156436ff28fe4d8d884485e4a67695c8e8570bdfe"
FULL_SCALE = 32768.0  # the network was trained on 16-bit integers
PREFIX = "base_encoder."


class CdpamEncoder(nn.Module):
    """Sixteen convolutions over the waveform, halving time and doubling channels every fourth: (B, N) -> (B, 1024)."""

    def __init__(self, *, width: int = 64, layers: int = 16, kernel: int = 15) -> None:
        super().__init__()
        widths = [1] + [width * 2 ** ((i + 1) // 4) for i in range(layers)]
        self.encoder = nn.ModuleList(nn.Conv1d(a, b, kernel, padding=kernel // 2) for a, b in zip(widths, widths[1:]))
        self.ebatch = nn.ModuleList(nn.BatchNorm1d(b) for b in widths[1:])

    def forward(self, wav: Tensor) -> Tensor:
        check_shape(wav, "b n")
        x = wav[:, None]
        for i, (convolution, norm) in enumerate(zip(self.encoder, self.ebatch), start=1):
            x = F.leaky_relu(norm(convolution(x)), 0.1)
            if i % 4 == 0:
                x = x[:, :, ::2]
        return x.mean(dim=2)


class CdpamBackbone:
    """CDPAM as a listener: 512 features of length 1 for each second, no logits."""

    sample_rate = SAMPLE_RATE

    def __init__(self, network: CdpamEncoder, *, part: str = "acoustic", device: torch.device | str = "cpu") -> None:
        if part not in PARTS:
            raise OptionError(unknown("part of CDPAM", part, PARTS))
        self.network, self.device, self.part = network.to(device).eval(), torch.device(device), PARTS.index(part)
        self.name = "cdpam" if part == "acoustic" else f"cdpam-{part}"
        self.fingerprint = fingerprint(network, self.name)

    @torch.inference_mode()
    def features(self, wav: Tensor) -> dict[str, Tensor | None]:
        """wav (B, N) -> features (B * seconds, 512); the last second may be a part of one."""
        counts = torch.round(wav * FULL_SCALE).to(self.device)
        seconds = [self.network(piece).chunk(2, dim=1)[self.part] for piece in counts.split(SAMPLE_RATE, dim=1)]
        features = F.normalize(torch.stack(seconds, dim=1), dim=-1)  # (B, seconds, 512)
        return {"features": features.flatten(0, 1).cpu(), "logits": None}


def load_cdpam(weights: str | os.PathLike | None = None, *, part: str = "acoustic",
               device: torch.device | str = "cpu") -> CdpamBackbone:
    """CDPAM from the installed package `cdpam`, or from `weights`: its .pth file or a safetensors copy of its encoder.
    """
    path = _package_file() if weights in (None, DOWNLOAD) else Path(weights)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; pip install --no-deps cdpam brings it (106 MB, MIT)")
    if sha256(path) == SHA256:  # an old pickle, read as such because it is the known file, byte by byte
        tensors = torch.load(path, map_location="cpu", weights_only=False)["state"]
    else:
        tensors = read_weights(path, key="state")
    encoder = {name.removeprefix(PREFIX): value for name, value in tensors.items() if name.startswith(PREFIX)}
    network = CdpamEncoder()
    fill(network, encoder or tensors, path)
    return CdpamBackbone(network, part=part, device=device)


def _package_file() -> Path:
    """The weights in the installed package, which is not imported: it asks for packages that it does not need."""
    spec = importlib.util.find_spec("cdpam")
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError("backbone cdpam: its weights are in the package cdpam, which is not installed; "
                              "pip install --no-deps cdpam (106 MB, MIT), or name the file as weights")
    return Path(next(iter(spec.submodule_search_locations))) / FILE
