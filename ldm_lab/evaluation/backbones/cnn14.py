"""Cnn14 of PANNs (Kong et al. 2020, arXiv 1912.10211, table 1): the listener of published FD, IS and KL.

Twelve 3x3 convolutions in six blocks on a log-mel picture, then mean plus maximum over time. Names of layers are those
of the published files, so that these load as they are.
"""

from __future__ import annotations

import os

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.audio.mel import mel_filterbank
from ldm_lab.config import MelConfig
from ldm_lab.errors import CheckpointError, OptionError
from ldm_lab.evaluation.backbones import at_least, fingerprint
from ldm_lab.evaluation.backbones.weights import Published, fill, read_weights
from ldm_lab.shapes import check_shape

WIDTHS = (64, 128, 256, 512, 1024, 2048)
CLASSES = 527  # of AudioSet
FRONT_ENDS = {  # sample rate: log-mel front end
    16000: MelConfig(sample_rate=16000, n_fft=512, hop_length=160, n_mels=64, fmin=50.0, fmax=8000.0),
    32000: MelConfig(sample_rate=32000, n_fft=1024, hop_length=320, n_mels=64, fmin=50.0, fmax=14000.0),
}
FILES = {
    16000: Published("Cnn14_16k_mAP=0.438.pth", "https://zenodo.org/record/3987831/files/Cnn14_16k_mAP%3D0.438.pth"),
    32000: Published("Cnn14_mAP=0.431.pth", "https://zenodo.org/record/3576403/files/Cnn14_mAP%3D0.431.pth"),
}
LEAST_SECONDS = 2.0  # audioldm_eval continues shorter sounds with silence up to here; the network itself needs 0.32 s
# Constant matrices that the published files carry: Fourier and mel. Ours are computed.
MEL_MATRIX = "logmel_extractor.melW"
CONSTANTS = (MEL_MATRIX, "spectrogram_extractor.stft.conv_real.weight", "spectrogram_extractor.stft.conv_imag.weight")


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm and ReLU: (B, C, T, M) -> (B, D, T, M)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.bn2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class Cnn14(nn.Module):
    """``cnn14(wav) -> (embedding (B, 2048), logits (B, 527))``; `widths` and `classes` are for small copies in tests.
    """

    def __init__(self, config: MelConfig = FRONT_ENDS[16000], *, widths: tuple[int, ...] = WIDTHS,
                 classes: int = CLASSES) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        self.register_buffer("filterbank", mel_filterbank(config), persistent=False)
        self.bn0 = nn.BatchNorm2d(config.n_mels)
        for number, (before, after) in enumerate(zip((1, *widths), widths), start=1):
            setattr(self, f"conv_block{number}", Block(before, after))
        self.depth = len(widths)
        self.fc1 = nn.Linear(widths[-1], widths[-1])
        self.fc_audioset = nn.Linear(widths[-1], classes)

    def log_mel(self, wav: Tensor) -> Tensor:
        """wav (B, N) -> (B, T, 64) decibels of mel power, centred frames, floor -100 dB."""
        size, hop = self.config.n_fft, self.config.hop_length
        spec = torch.stft(wav, size, hop, window=self.window, center=True, pad_mode="reflect", return_complex=True)
        power = torch.view_as_real(spec).square().sum(-1).transpose(1, 2)  # (B, T, F)
        return 10.0 * (power @ self.filterbank).clamp(min=1e-10).log10()

    def forward(self, wav: Tensor) -> tuple[Tensor, Tensor]:
        check_shape(wav, "b n")
        x = self.log_mel(wav).transpose(1, 2)[..., None]  # (B, M, T, 1): each band has its own mean and variance
        x = self.bn0(x).permute(0, 3, 2, 1)  # (B, 1, T, M)
        for number in range(1, self.depth + 1):
            x = getattr(self, f"conv_block{number}")(x)
            if number < self.depth:
                x = F.avg_pool2d(x, 2)
        x = x.mean(dim=3)  # (B, C, T/32)
        embedding = F.relu(self.fc1(x.amax(dim=2) + x.mean(dim=2)))
        return embedding, self.fc_audioset(embedding)


class Cnn14Backbone:
    """Cnn14 as a listener: 2048 features (after the ReLU) and 527 logits (before the sigmoid) a sound."""

    def __init__(self, network: Cnn14, *, device: torch.device | str = "cpu") -> None:
        self.network = network.to(device).eval()
        self.device = torch.device(device)
        self.sample_rate = network.config.sample_rate
        self.name = "cnn14" if self.sample_rate == 16000 else f"cnn14-{self.sample_rate // 1000}k"
        self.fingerprint = fingerprint(network, self.name, LEAST_SECONDS)

    @torch.inference_mode()
    def features(self, wav: Tensor) -> dict[str, Tensor | None]:
        """wav (B, N) -> features (B, 2048), logits (B, 527)."""
        embedding, logits = self.network(at_least(wav, round(LEAST_SECONDS * self.sample_rate)).to(self.device).float())
        return {"features": embedding.cpu(), "logits": logits.cpu()}


def load_cnn14(weights: str | os.PathLike | None = None, *, sample_rate: int = 16000,
               device: torch.device | str = "cpu") -> Cnn14Backbone:
    """The published Cnn14 for 16 or 32 kHz from `weights` (see `backbones.load_backbone`)."""
    if sample_rate not in FRONT_ENDS:
        raise OptionError(f"sample_rate: got {sample_rate}, expected 16000 or 32000: Cnn14 was trained at these")
    path = FILES[sample_rate].find(weights)
    network = Cnn14(FRONT_ENDS[sample_rate])
    tensors = read_weights(path, key="model")
    bank, matrix = network.filterbank, tensors.get(MEL_MATRIX)
    if matrix is not None and (matrix.shape != bank.shape or not torch.allclose(matrix, bank, atol=1e-5)):
        raise CheckpointError(f"{path}: its mel matrix is not that of {sample_rate} Hz; the file for it is "
                              f"{FILES[sample_rate].file}")
    fill(network, {name: value for name, value in tensors.items() if name not in CONSTANTS}, path)
    return Cnn14Backbone(network, device=device)
