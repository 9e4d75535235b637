"""Networks that tell real from generated, and the losses that use their verdicts.

`PatchDiscriminator` looks at log-mels and sharpens the autoencoder. `MultiPeriodDiscriminator` and
`MultiScaleDiscriminator` listen to waveforms and sharpen the vocoder. None of them is needed to make a
sound: they live only during training.

Two families of losses, as in the papers: hinge (autoencoder) and least squares (vocoder).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from ldm_lab.errors import ConfigError

Verdict = tuple[Tensor, list[Tensor]]  # (logits (B, n), feature maps from first layer to last)

# Roughly zero mean and unit spread for natural-log mels; the numbers AudioLDM's configuration lists.
MEL_MEAN, MEL_STD = -4.63, 2.74
SLOPE = 0.1  # of every leaky ReLU in the waveform discriminators


# ---------------------------------------------------------------------------------------- losses


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of a discriminator: real logits above +1 and fake logits below -1 cost nothing.

    `real`, `fake`: logits of any shape. Returns a scalar (taming-transformers; Lim & Ye 2017).
    """
    return 0.5 * (F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean())


def hinge_g(fake: Tensor) -> Tensor:
    """Hinge loss of a generator: the higher its output is judged, the lower the loss. Scalar."""
    return -fake.mean()


def least_squares_d(real: Sequence[Verdict], fake: Sequence[Verdict]) -> Tensor:
    """Least-squares loss of several discriminators, real -> 1 and fake -> 0 (HiFi-GAN, eq. 1)."""
    losses = [((1.0 - r) ** 2).mean() + (f**2).mean() for (r, _), (f, _) in zip(real, fake, strict=True)]
    return torch.stack(losses).sum()


def least_squares_g(fake: Sequence[Verdict]) -> Tensor:
    """Least-squares loss of a generator before several discriminators (HiFi-GAN, eq. 2)."""
    return torch.stack([((1.0 - logits) ** 2).mean() for logits, _ in fake]).sum()


def feature_matching(real: Sequence[Verdict], fake: Sequence[Verdict]) -> Tensor:
    """Mean absolute difference of all feature maps, summed over layers (HiFi-GAN, eq. 4).

    The real maps are targets: no gradient flows into them.
    """
    losses = [
        F.l1_loss(fake_map, real_map.detach())
        for (_, real_maps), (_, fake_maps) in zip(real, fake, strict=True)
        for real_map, fake_map in zip(real_maps, fake_maps, strict=True)
    ]
    return torch.stack(losses).sum()


# ------------------------------------------------------------------------------------- log-mels


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of a log-mel (PatchGAN; the taming-transformers `NLayer` shape).

    `layers` strided 4x4 convolutions, one unstrided, one to a single logit per patch; with 3 layers each
    logit sees 70x70 mel cells. The original uses width 64 and batch norm. Here `norm="group"` is the
    default: batch norm over the 8-16 clips of a small machine is noisy, and it makes the verdict on one
    clip depend on its neighbours. `norm="batch"` gives the original.
    """

    def __init__(self, width: int = 32, layers: int = 3, *, norm: str = "group") -> None:
        super().__init__()
        if width < 8 or width % 8:
            raise ConfigError(f"PatchDiscriminator width must be a positive multiple of 8, got {width}.")
        if layers < 1:
            raise ConfigError(f"PatchDiscriminator needs at least 1 layer, got {layers}.")
        if norm not in ("group", "batch"):
            raise ConfigError(f'PatchDiscriminator norm must be "group" or "batch", got {norm!r}.')
        self.min_frames = 3 * 2**layers  # fewer frames leave nothing for the two unstrided convolutions
        blocks: list[nn.Module] = [nn.Conv2d(1, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        channels = width
        for index in range(1, layers + 1):
            wider = width * min(2**index, 8)
            stride = 2 if index < layers else 1
            blocks += [
                nn.Conv2d(channels, wider, 4, stride=stride, padding=1, bias=False),
                nn.GroupNorm(8, wider) if norm == "group" else nn.BatchNorm2d(wider),
                nn.LeakyReLU(0.2),
            ]
            channels = wider
        blocks.append(nn.Conv2d(channels, 1, 4, stride=1, padding=1))
        self.net = nn.Sequential(*blocks)
        self.apply(_init_small)

    def forward(self, mel: Tensor) -> Tensor:
        """mel (B, T, 64), natural log -> logits (B, 1, t, f), one per patch; T >= `min_frames`."""
        if mel.ndim != 3 or mel.shape[1] < self.min_frames or mel.shape[2] < self.min_frames:
            raise ConfigError(
                f"PatchDiscriminator wants mels (B, T, M) with T and M >= {self.min_frames}, "
                f"got {tuple(mel.shape)}: use longer clips or fewer layers."
            )
        return self.net((mel.unsqueeze(1) - MEL_MEAN) / MEL_STD)  # (B, 1, T, M) -> (B, 1, t, f)


def _init_small(module: nn.Module) -> None:
    """Weights from N(0, 0.02), norm gains from N(1, 0.02), as PatchGAN does."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, (nn.GroupNorm, nn.BatchNorm2d)):
        nn.init.normal_(module.weight, 1.0, 0.02)


# ------------------------------------------------------------------------------------ waveforms


def _verdict(convs: nn.ModuleList, last: nn.Module, x: Tensor) -> Verdict:
    """Through `convs` with leaky ReLUs, then `last`: (logits (B, n), every feature map on the way)."""
    maps = []
    for conv in convs:
        x = F.leaky_relu(conv(x), SLOPE)
        maps.append(x)
    x = last(x)
    return x.flatten(1), [*maps, x]


class PeriodDiscriminator(nn.Module):
    """Folds a waveform into rows of `period` samples and convolves down the columns (HiFi-GAN, section 2.3).

    Each column holds every period-th sample, so a repeating pattern becomes a picture with vertical lines.
    Convolutions are 5x1: columns never mix. All layers but the last of `widths` stride by 3.
    """

    def __init__(self, period: int, *, widths: Sequence[int]) -> None:
        super().__init__()
        self.period = period
        channels = [1, *widths]
        strides = [3] * (len(widths) - 1) + [1]
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), stride=(stride, 1), padding=(2, 0)))
            for a, b, stride in zip(channels[:-1], channels[1:], strides, strict=True)
        )
        self.last = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wav: Tensor) -> Verdict:
        """wav (B, N), N > period -> (logits (B, n), feature maps)."""
        padded = F.pad(wav.unsqueeze(1), (0, -wav.shape[-1] % self.period), mode="reflect")
        x = padded.unflatten(-1, (-1, self.period))  # (B, 1, N / period, period)
        return _verdict(self.convs, self.last, x)


class ScaleDiscriminator(nn.Module):
    """Grouped strided 1-d convolutions along the waveform (MelGAN; HiFi-GAN, section 2.3).

    `widths` has five entries; the published sizes are (128, 256, 512, 1024, 1024). Groups keep the long kernels
    cheap: four input channels a group, as in MelGAN.
    """

    def __init__(self, *, widths: Sequence[int]) -> None:
        super().__init__()
        kernels, strides = (15, 41, 41, 41, 5), (1, 4, 4, 4, 1)
        if len(widths) != len(kernels):
            raise ConfigError(f"ScaleDiscriminator: got {len(widths)} widths, expected {len(kernels)}")
        channels = [1, *widths]
        layers = []
        for a, b, kernel, stride in zip(channels[:-1], channels[1:], kernels, strides, strict=True):
            groups = a // 4 if stride > 1 and a % 4 == 0 and b % (a // 4) == 0 else 1
            layers.append(weight_norm(nn.Conv1d(a, b, kernel, stride=stride, padding=kernel // 2, groups=groups)))
        self.convs = nn.ModuleList(layers)
        self.last = weight_norm(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, wav: Tensor) -> Verdict:
        """wav (B, N) -> (logits (B, n), feature maps)."""
        x = wav.unsqueeze(1)  # (B, 1, N)
        return _verdict(self.convs, self.last, x)


class MultiPeriodDiscriminator(nn.Module):
    """One `PeriodDiscriminator` a period; primes overlap least. Published widths: (32, 128, 512, 1024, 1024)."""

    def __init__(
        self, *, periods: Sequence[int] = (2, 3, 5, 7, 11), widths: Sequence[int] = (32, 128, 512, 1024, 1024)
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList(PeriodDiscriminator(period, widths=widths) for period in periods)

    def forward(self, wav: Tensor) -> list[Verdict]:
        """wav (B, N) -> one verdict a period."""
        return [part(wav) for part in self.parts]


class MultiScaleDiscriminator(nn.Module):
    """`ScaleDiscriminator` on the waveform, and on the waveform halved in rate `scales - 1` times."""

    def __init__(self, *, scales: int = 3, widths: Sequence[int] = (128, 256, 512, 1024, 1024)) -> None:
        super().__init__()
        self.parts = nn.ModuleList(ScaleDiscriminator(widths=widths) for _ in range(scales))

    def forward(self, wav: Tensor) -> list[Verdict]:
        """wav (B, N) -> one verdict a scale, full rate first."""
        verdicts = []
        for index, part in enumerate(self.parts):
            if index:
                wav = F.avg_pool1d(wav.unsqueeze(1), 4, 2, padding=2).squeeze(1)  # (B, N) -> (B, N/2 + 1)
            verdicts.append(part(wav))
        return verdicts
