"""Blocks shared by the autoencoder and the UNet: ResBlock, attention, down- and upsampling, timestep embedding.

Tensors are (B, C, T, F): time on axis -2 and frequency on axis -1.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def timestep_embedding(t: Tensor, dim: int) -> Tensor:
    """Sinusoids of `t` (B,) at `dim` / 2 frequencies from 1 down to 1/10000: (B, dim), cosines first."""
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(dim // 2, device=t.device, dtype=torch.float32) * 2 / dim)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class ResBlock(nn.Module):
    """norm, SiLU, conv, (+ projected embedding), norm, SiLU, conv, + skip."""

    def __init__(self, channels: int, out_channels: int, *, groups: int, eps: float, emb_dim: int | None = None) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels, eps)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.emb = nn.Linear(emb_dim, out_channels) if emb_dim else None
        self.norm2 = nn.GroupNorm(groups, out_channels, eps)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(channels, out_channels, 1) if channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, emb: Tensor | None = None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if self.emb is not None:
            h = h + self.emb(F.silu(emb))[:, :, None, None]  # (B, E) -> (B, C, 1, 1): the same for all of the clip
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class Downsample(nn.Module):
    """3x3 convolution with stride 2. The VAE pads after the end only (`asymmetric`), the UNet on both sides."""

    def __init__(self, channels: int, *, asymmetric: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=0 if asymmetric else 1)
        self.asymmetric = asymmetric

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)) if self.asymmetric else x)  # (B, C, T, F) -> (B, C, T/2, F/2)


class Upsample(nn.Module):
    """Nearest neighbour, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))  # (B, C, T, F) -> (B, C, 2T, 2F)


class Attention(nn.Module):
    """Self-attention over tokens (B, L, C) with `channels // head_channels` heads."""

    def __init__(self, channels: int, head_channels: int, *, bias: bool) -> None:
        super().__init__()
        if channels % head_channels:
            raise ValueError(f"{channels} channels cannot be split into heads of {head_channels}")
        self.heads = channels // head_channels
        self.to_q = nn.Linear(channels, channels, bias=bias)
        self.to_k = nn.Linear(channels, channels, bias=bias)
        self.to_v = nn.Linear(channels, channels, bias=bias)
        self.to_out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (p(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in (self.to_q, self.to_k, self.to_v))
        out = F.scaled_dot_product_attention(q, k, v)  # (B, heads, L, C / heads)
        return self.to_out(out.transpose(1, 2).flatten(2))  # -> (B, L, C)


class SpatialAttention(nn.Module):
    """The VAE's mid attention: group norm, one head over all T * F positions, + residual."""

    def __init__(self, channels: int, *, groups: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps)
        self.attention = Attention(channels, channels, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # (B, C, T, F) -> (B, T * F, C)
        return x + self.attention(tokens).transpose(1, 2).reshape(x.shape)


class TransformerBlock(nn.Module):
    """The UNet's spatial transformer: norm, 1x1 in, self-attentions, GEGLU feed-forward, 1x1 out, + residual.

    The published model has two self-attentions a block: its conditioning is FiLM, so the second, which in latent image
    models looks at the text, has no context and looks at the sound again.
    """

    def __init__(self, channels: int, head_channels: int, *, groups: int, attentions: int = 2) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(attentions))
        self.attentions = nn.ModuleList(Attention(channels, head_channels, bias=False) for _ in range(attentions))
        self.norm_ff = nn.LayerNorm(channels)
        self.ff_in = nn.Linear(channels, 8 * channels)
        self.ff_out = nn.Linear(4 * channels, channels)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)  # (B, C, T, F) -> (B, T * F, C)
        for norm, attention in zip(self.norms, self.attentions):
            h = h + attention(norm(h))
        value, gate = self.ff_in(self.norm_ff(h)).chunk(2, dim=-1)
        h = h + self.ff_out(value * F.gelu(gate))
        return x + self.proj_out(h.transpose(1, 2).reshape(x.shape))
