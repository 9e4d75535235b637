"""VAE on log-mel (paper section 3.3): a convolutional encoder to a Gaussian latent, and its mirror image.

r = 4 with 8 latent channels is the paper's default: a mel (B, 1024, 64) becomes z (B, 8, 256, 16).

`linear_path` adds a linear r x r patch transform beside encoder and decoder, and `start_from_pca` sets it to the best
one there is: the principal components of the patches (Baldi & Hornik 1989: a linear autoencoder that has learnt all it
can is PCA). The network then learns only what is not linear, which spares a small machine most of the training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.config import AutoencoderConfig
from ldm_lab.models.layers import Downsample, ResBlock, SpatialAttention, Upsample

EPS = 1e-6  # group norm in the published VAE


@dataclass(frozen=True)
class Posterior:
    """Diagonal Gaussian q(z | mel); `mean` and `logvar` are (B, C, T/r, M/r)."""

    mean: Tensor
    logvar: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """mean + std * noise, `noise` standard normal of the same shape (Kingma & Welling 2014, eq. 10)."""
        return self.mean + torch.exp(0.5 * self.logvar) * noise

    def kl(self) -> Tensor:
        """KL(q || N(0, I)) per latent element, same shape: (mean^2 + var - 1 - log var) / 2."""
        return 0.5 * (self.mean.square() + self.logvar.exp() - 1.0 - self.logvar)


class Mid(nn.Module):
    """ResBlock, attention over the whole latent, ResBlock."""

    def __init__(self, width: int, config: AutoencoderConfig) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResBlock(width, width, groups=config.groups, eps=EPS) for _ in range(2))
        attention = SpatialAttention(width, groups=config.groups, eps=EPS) if config.mid_attention else nn.Identity()
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        return self.resnets[1](self.attention(self.resnets[0](x)))


class Level(nn.Module):
    """ResBlocks at one resolution, then a change of resolution (or none)."""

    def __init__(self, width: int, out_width: int, blocks: int, groups: int, resample: nn.Module) -> None:
        super().__init__()
        widths = [width] + [out_width] * blocks
        self.resnets = nn.ModuleList(ResBlock(a, b, groups=groups, eps=EPS) for a, b in zip(widths, widths[1:]))
        self.resample = resample

    def forward(self, x: Tensor) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x)
        return self.resample(x)


class Encoder(nn.Module):
    """(B, 1, T, M) -> (B, 2C, T/r, M/r)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths, last = config.widths, len(config.widths) - 1
        self.patch = config.patch
        self.conv_in = nn.Conv2d(config.patch**2, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            Level(widths[max(i - 1, 0)], width, config.blocks, config.groups,
                  Downsample(width, asymmetric=True) if i < last else nn.Identity())
            for i, width in enumerate(widths)
        )
        self.mid = Mid(widths[-1], config)
        self.norm_out = nn.GroupNorm(config.groups, widths[-1], EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(F.pixel_unshuffle(x, self.patch))
        for level in self.levels:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    """(B, C, T/r, M/r) -> (B, 1, T, M)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths, last = config.widths[::-1], len(config.widths) - 1
        self.patch = config.patch
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.mid = Mid(widths[0], config)
        self.levels = nn.ModuleList(
            Level(widths[max(i - 1, 0)], width, config.blocks + 1, config.groups,
                  Upsample(width) if i < last else nn.Identity())
            for i, width in enumerate(widths)
        )
        self.norm_out = nn.GroupNorm(config.groups, widths[-1], EPS)
        self.conv_out = nn.Conv2d(widths[-1], config.patch**2, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.mid(self.conv_in(z))
        for level in self.levels:
            x = level(x)
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(x))), self.patch)


class Autoencoder(nn.Module):
    """Log-mel to latent and back. T and M must be multiples of r = `config.ratio`."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quant_conv = nn.Conv2d(2 * config.latent_channels, 2 * config.latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1)
        self.decoder = Decoder(config)
        if config.linear_path:
            r = config.ratio
            self.linear_in = nn.Conv2d(1, config.latent_channels, r, stride=r)
            self.linear_out = nn.ConvTranspose2d(config.latent_channels, 1, r, stride=r)

    def encode(self, mel: Tensor) -> Posterior:
        """mel (B, T, M), natural log -> Posterior of (B, C, T/r, M/r)."""
        if mel.ndim != 3 or mel.shape[1] % self.config.ratio or mel.shape[2] % self.config.ratio:
            raise ValueError(
                f"mel: got shape {tuple(mel.shape)}, expected (B, T, M) with T and M multiples of r = {self.config.ratio}"
            )
        x = (mel[:, None] - self.config.mel_mean) / self.config.mel_std  # (B, 1, T, M)
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        if self.config.linear_path:
            mean = mean + self.linear_in(x)
        return Posterior(mean, logvar.clamp(-30.0, 20.0))

    def decode(self, z: Tensor) -> Tensor:
        """z (B, C, T/r, M/r), unscaled -> mel (B, T, M)."""
        x = self.decoder(self.post_quant_conv(z))
        if self.config.linear_path:
            x = x + self.linear_out(z)
        return x[:, 0] * self.config.mel_std + self.config.mel_mean

    @torch.no_grad()
    def start_from_pca(self, mel: Tensor, *, logvar: float = -6.0) -> None:
        """Set the linear path to the principal components of `mel`'s r x r patches, and everything beside it to zero.

        mel (B, T, M). Component k is divided by the square root of its standard deviation: full whitening would make the
        faintest detail as loud as the outline, none would leave it inaudible to the diffusion model's loss.
        `logvar` is the posterior's log variance to start with.
        """
        config, r = self.config, self.config.ratio
        x = (mel - config.mel_mean) / config.mel_std
        patches = x.unfold(1, r, r).unfold(2, r, r).flatten(3).flatten(0, 2).double()  # (B T/r M/r, r r)
        centre = patches.mean(0)
        variance, axes = torch.linalg.eigh(torch.cov(patches.T, correction=0))
        spread = variance.sum().sqrt()
        variance, axes = variance.flip(0)[: config.latent_channels], axes.flip(1)[:, : config.latent_channels]
        scale = variance.clamp(min=1e-8) ** 0.25
        into = (axes / scale).T  # (C, r r): z = into (patch - centre)
        self.linear_in.weight.copy_(into.reshape(-1, 1, r, r))
        self.linear_in.bias.copy_(-(into @ centre))
        self.linear_out.weight.copy_((axes * scale).T.reshape(-1, 1, r, r))  # patch = out z + centre
        # A transposed convolution has one bias for the patch; the rest of the centre comes through the mean of z.
        self.linear_out.bias.fill_(centre.mean())
        lost = centre - centre.mean() - axes @ (axes.T @ (centre - centre.mean()))
        if lost.norm() > 0.1 * spread:
            raise ValueError(f"the mean patch differs over the patch by {lost.norm() / spread:.2f} of the spread of all "
                             "patches, expected at most 0.1: one bias cannot carry it; give more mels")
        shift = into @ (centre - centre.mean())
        self.linear_in.bias.add_(shift)
        for layer in (self.quant_conv, self.decoder.conv_out):
            nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
        self.quant_conv.bias[config.latent_channels :] = logvar
