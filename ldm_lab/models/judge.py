"""The judge: a small convolutional classifier of sounds on log-mel, of any length, used for measuring only.

It shares no weights and no training run with CLAP or any part of the generator, so its opinion of generated sounds is
an outside one. Residual blocks (He et al. 2016) on the mel picture, then pooling over time by mean and maximum as in
PANNs (Kong et al. 2020, "CNN14"), then a narrow feature layer whose values serve the Frechet distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.shapes import check_shape

# The 14 kinds of sound of the corpus, in the order of the judge's outputs.
CATEGORIES: tuple[str, ...] = (
    "ambience", "animal", "bell_ui", "drum", "human", "impact", "instrument",
    "machine", "music", "nature", "speech", "synth", "vehicle", "weapon",
)  # fmt: skip


@dataclass(frozen=True)
class JudgeConfig:
    """Shape of the judge. `features` is narrow on purpose: a Frechet distance needs several times as many clips."""

    categories: tuple[str, ...] = CATEGORIES
    n_mels: int = 64
    widths: tuple[int, ...] = (24, 48, 96, 192)
    features: int = 64
    dropout: float = 0.2
    mel_mean: float = -5.5  # of log-mel over the training split, so that the first layer sees numbers around 0
    mel_std: float = 3.0


class ConvBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the first one halves time and frequency: (B, C, T, M) -> (B, D, T/2, M/2)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return F.relu(h + self.shortcut(F.avg_pool2d(x, 2, ceil_mode=True)))


class Judge(nn.Module):
    """``judge(mel) -> logits``; ``judge.features(mel)`` is the layer before."""

    def __init__(self, config: JudgeConfig = JudgeConfig()) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.stem = nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.ModuleList(ConvBlock(a, b) for a, b in zip(widths, widths[1:]))
        bands = config.n_mels
        for _ in widths:  # the stem and each block halve the bands, rounded up
            bands = -(-bands // 2)
        self.to_features = nn.Linear(2 * widths[-1] * bands, config.features)
        self.dropout = nn.Dropout(config.dropout)
        self.to_logits = nn.Linear(config.features, len(config.categories))

    def features(self, mel: Tensor) -> Tensor:
        """mel (B, T, M), natural-log -> features (B, `features`); any T from one frame up."""
        check_shape(mel, "b t m", m=self.config.n_mels)
        x = ((mel - self.config.mel_mean) / self.config.mel_std)[:, None]  # (B, 1, T, M)
        x = F.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        # (B, D, T/16, M/16): over time only, because where in the spectrum something happens tells a rumble from a hiss
        pooled = torch.cat([x.mean(2), x.amax(2)], dim=1)  # (B, 2D, M/16)
        return self.to_features(pooled.flatten(1))

    def forward(self, mel: Tensor) -> Tensor:
        """mel (B, T, M) -> logits (B, categories)."""
        return self.classify(self.features(mel))

    def classify(self, features: Tensor) -> Tensor:
        """features (B, `features`) -> logits (B, categories)."""
        return self.to_logits(self.dropout(F.relu(features)))
