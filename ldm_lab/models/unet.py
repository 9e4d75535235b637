"""The denoising UNet (paper section 3.2): conditioned by one vector through FiLM, (x, t, emb) -> eps.

The CLAP embedding is mapped to the width of the time embedding and concatenated with it; each ResBlock adds a projection
of the pair to all positions. The network knows no noise schedule: that is `diffusion/denoiser.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.config import UNetConfig
from ldm_lab.models.layers import Downsample, ResBlock, TransformerBlock, Upsample, timestep_embedding

EPS = 1e-5  # group norm in the published UNet's ResBlocks


class Level(nn.Module):
    """ResBlocks (each followed by a transformer block where the level attends) and the change of resolution."""

    def __init__(self, widths: list[int], out_width: int, config: UNetConfig, attend: bool, resample: nn.Module | None):
        super().__init__()
        emb_dim = 8 * config.widths[0]
        self.resnets = nn.ModuleList(
            ResBlock(width, out_width, groups=config.groups, eps=EPS, emb_dim=emb_dim) for width in widths
        )
        self.attentions = nn.ModuleList(
            TransformerBlock(out_width, config.head_channels, groups=config.groups, attentions=config.attentions)
            for _ in (widths if attend else [])
        )
        self.resample = resample

    def block(self, i: int, x: Tensor, emb: Tensor) -> Tensor:
        x = self.resnets[i](x, emb)
        return self.attentions[i](x) if self.attentions else x


class UNet(nn.Module):
    """x (B, C, T, F), t (B,), emb (B, E) -> (B, C, T, F). T and F must be multiples of `config.ratio`."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, last = config.widths, len(config.widths) - 1
        emb_dim = 4 * widths[0]
        self.time_in, self.time_out = nn.Linear(widths[0], emb_dim), nn.Linear(emb_dim, emb_dim)
        self.film = nn.Linear(config.cond_dim, emb_dim)
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList()
        skips = [widths[0]]  # channels of every feature map that the way up will see again
        for i, width in enumerate(widths):
            ins = [widths[max(i - 1, 0)]] + [width] * (config.blocks - 1)
            self.down.append(Level(ins, width, config, config.attention[i], Downsample(width) if i < last else None))
            skips += [width] * (config.blocks + (i < last))
        kwargs = {"groups": config.groups, "eps": EPS, "emb_dim": 2 * emb_dim}
        self.mid_in = ResBlock(widths[-1], widths[-1], **kwargs)
        self.mid_attention = TransformerBlock(
            widths[-1], config.head_channels, groups=config.groups, attentions=config.attentions
        )
        self.mid_out = ResBlock(widths[-1], widths[-1], **kwargs)
        self.up = nn.ModuleList()
        width = widths[-1]
        for i in range(last, -1, -1):
            ins = []
            for _ in range(config.blocks + 1):
                ins.append(width + skips.pop())
                width = widths[i]
            self.up.append(Level(ins, width, config, config.attention[i], Upsample(width) if i > 0 else None))
        self.norm_out = nn.GroupNorm(config.groups, widths[0], EPS)
        self.conv_out = nn.Conv2d(widths[0], config.latent_channels, 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        """Every residual branch and the output start at zero; FiLM starts with unit-variance features of the embedding."""
        for module in self.modules():
            if isinstance(module, ResBlock):
                nn.init.zeros_(module.conv2.weight), nn.init.zeros_(module.conv2.bias)
            elif isinstance(module, TransformerBlock):
                nn.init.zeros_(module.proj_out.weight), nn.init.zeros_(module.proj_out.bias)
        nn.init.zeros_(self.conv_out.weight), nn.init.zeros_(self.conv_out.bias)
        nn.init.normal_(self.film.weight)  # |emb| = 1, so unit weights give unit variance: the condition is heard at once

    def forward(self, x: Tensor, t: Tensor, emb: Tensor) -> Tensor:
        if x.shape[-2] % self.config.ratio or x.shape[-1] % self.config.ratio:
            raise ValueError(
                f"x: got shape {tuple(x.shape)}, expected time and frequency sizes that are multiples of {self.config.ratio}"
            )
        time = timestep_embedding(t, self.config.widths[0]).to(x.dtype)
        time = self.time_out(F.silu(self.time_in(time)))
        emb = torch.cat([time, self.film(emb.to(x.dtype))], dim=1)  # FiLM: concatenated, not added

        h = self.conv_in(x)
        skips = [h]
        for level in self.down:
            for i in range(len(level.resnets)):
                h = level.block(i, h, emb)
                skips.append(h)
            if level.resample is not None:
                h = level.resample(h)
                skips.append(h)
        h = self.mid_out(self.mid_attention(self.mid_in(h, emb)), emb)
        for level in self.up:
            for i in range(len(level.resnets)):
                h = level.block(i, torch.cat([h, skips.pop()], dim=1), emb)
            h = h if level.resample is None else level.resample(h)
        return self.conv_out(F.silu(self.norm_out(h)))
