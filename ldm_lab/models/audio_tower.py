"""The audio tower of our small CLAP: log-mel in, one vector out, any length.

A patch convolution turns 4 x 4 pieces of the log-mel into channels; depthwise-separable residual blocks (MobileNetV2
and ConvNeXt made them the usual choice where compute is short) halve time and frequency between levels; mean and
maximum over what is left make the length irrelevant.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.config import ClapConfig

# Mean and spread of log-mel over everyday sound; fixed numbers, so that the tower has no statistics to carry.
MEL_MEAN, MEL_STD = -5.5, 3.0


class SeparableBlock(nn.Module):
    """Residual block: 5 x 5 depthwise convolution, then a pointwise MLP twice as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.expand = nn.Conv2d(width, 2 * width, 1)
        self.project = nn.Conv2d(2 * width, width, 1)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.5))

    def forward(self, h: Tensor) -> Tensor:
        """(B, W, T, F) -> (B, W, T, F)."""
        return h + self.scale * self.project(F.gelu(self.expand(self.norm(self.depthwise(h)))))


class Halve(nn.Module):
    """2 x 2 mean pool (last odd row or column kept), then a pointwise convolution to the next width."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, out, 1, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, h: Tensor) -> Tensor:
        """(B, W, T, F) -> (B, out, ceil(T / 2), ceil(F / 2))."""
        pooled = F.avg_pool2d(h, 2, ceil_mode=True, count_include_pad=False)
        return self.norm(self.mix(pooled))


class AudioTower(nn.Module):
    """mel (B, T, 64) of any T >= 1 -> features (B, 2 * audio_widths[-1])."""

    def __init__(self, config: ClapConfig, *, blocks: tuple[int, ...] = (0, 1, 2, 2)) -> None:
        super().__init__()
        widths, patch = config.audio_widths, config.audio_patch
        self.patch = patch
        self.stem = nn.Conv2d(1, widths[0], patch + 1, stride=patch, padding=patch // 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        levels: list[nn.Module] = []
        for level, width in enumerate(widths):
            if level:
                levels.append(Halve(widths[level - 1], width))
            levels += [SeparableBlock(width) for _ in range(blocks[min(level, len(blocks) - 1)])]
        self.levels = nn.Sequential(*levels)
        self.norm = nn.LayerNorm(2 * widths[-1])

    def forward(self, mel: Tensor) -> Tensor:
        """mel (B, T, M) -> (B, 2 W): mean and maximum over time and frequency side by side."""
        h = ((mel - MEL_MEAN) / MEL_STD)[:, None]  # (B, 1, T, M)
        h = F.gelu(self.stem_norm(self.stem(h)))
        h = self.levels(h)  # (B, W, T / 32, M / 32)
        pooled = torch.cat([h.mean((2, 3)), h.amax((2, 3))], dim=1)
        return self.norm(pooled)
