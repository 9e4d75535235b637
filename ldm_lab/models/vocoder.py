"""Vocoder: log-mel -> waveform. HiFi-GAN's generator, and iSTFTNet's variant of it.

A log-mel has lost the phase and the fine frequencies; the vocoder invents them. HiFi-GAN (Kong et al. 2020, arXiv
2010.05646) upsamples frame by frame to single samples. iSTFTNet (Kaneko et al. 2022, arXiv 2203.02395) stops early,
predicts magnitude and phase of a small spectrum per step and lets an inverse STFT do the rest: the same network, a
fraction of the arithmetic. One class holds both; `VocoderConfig.istft_n_fft` chooses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

from ldm_lab.config import VocoderConfig
from ldm_lab.errors import ConfigError
from ldm_lab.shapes import check_shape

SLOPE = 0.1  # leaky ReLU everywhere but before the last convolution
LAST_SLOPE = 0.01  # there the original relies on PyTorch's default; published weights expect it
MAX_LOG_MAGNITUDE = 5.0  # e^5 is above what a full-scale wave gives for any window used here


class ResBlock1(nn.Module):
    """Three (dilated convolution, plain convolution) pairs, each with a skip (HiFi-GAN, appendix A.1, type 1)."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_same_conv(channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_same_conv(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, L)."""
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            x = x + plain(F.leaky_relu(dilated(F.leaky_relu(x, SLOPE)), SLOPE))
        return x


class ResBlock2(nn.Module):
    """Dilated convolutions, each with a skip: the light version (HiFi-GAN V3, type 2)."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_same_conv(channels, kernel, dilation) for dilation in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, L)."""
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, SLOPE))
        return x


def _same_conv(channels: int, kernel: int, dilation: int) -> nn.Conv1d:
    return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2)


RESBLOCKS = {"1": ResBlock1, "2": ResBlock2}


class Vocoder(nn.Module):
    """HiFi-GAN generator; with `config.istft_n_fft > 0` the head is an inverse STFT.

    A fresh model is in shipped form: plain weights. Training calls `add_weight_norm()` first and
    `fold_weight_norm()` when it is done; the outputs are the same before and after either.
    Parameter names follow the hub's (`conv_pre`, `upsampler.0`, `resblocks.0.convs1.0`, `conv_post`).
    """

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        _check_config(config)
        self.config = config
        channels = config.channels
        self.conv_pre = nn.Conv1d(config.n_mels, channels, 7, padding=3)
        self.upsampler = nn.ModuleList()
        self.resblocks = nn.ModuleList()  # stage by stage, one per kernel size
        for rate, kernel in zip(config.rates, config.kernels, strict=True):
            padding = (kernel - rate) // 2
            self.upsampler.append(nn.ConvTranspose1d(channels, channels // 2, kernel, stride=rate, padding=padding))
            channels //= 2
            for size, dilations in zip(config.resblock_kernels, config.resblock_dilations, strict=True):
                self.resblocks.append(RESBLOCKS[config.resblock](channels, size, dilations))
        outputs = config.istft_n_fft + 2 if config.istft_n_fft else 1  # log-magnitudes and phases, or samples
        self.conv_post = nn.Conv1d(channels, outputs, 7, padding=3)
        if config.istft_n_fft:
            self.register_buffer("window", torch.hann_window(config.istft_n_fft), persistent=False)

    @property
    def hop_length(self) -> int:
        """Samples a mel frame."""
        return self.config.hop_length

    def forward(self, mel: Tensor, *, raw: bool = False) -> Tensor:
        """mel (B, T, n_mels), natural log -> wav (B, hop * T) in [-1, 1]; sample 0 belongs to the start of frame 0.

        Stages whose kernel - rate is odd give a few samples too many (the published 16 kHz shape: 160 T + 32).
        They are cut from the end, where training on segments put them; `raw=True` leaves them.
        """
        check_shape(mel, "b t m", m=self.config.n_mels)
        x = self.conv_pre(mel.transpose(1, 2))  # (B, T, M) -> (B, C, T)
        per_stage = len(self.config.resblock_kernels)
        for stage, upsample in enumerate(self.upsampler):
            x = upsample(F.leaky_relu(x, SLOPE))  # (B, C, L) -> (B, C / 2, rate * L)
            blocks = self.resblocks[stage * per_stage : (stage + 1) * per_stage]
            x = sum(block(x) for block in blocks) / per_stage
        x = self.conv_post(F.leaky_relu(x, LAST_SLOPE))  # (B, 1, N) or (B, n_fft + 2, L)
        wav = self._inverse_stft(x) if self.config.istft_n_fft else torch.tanh(x).squeeze(1)
        return wav if raw else wav[:, : self.hop_length * mel.shape[1]]

    def _inverse_stft(self, x: Tensor) -> Tensor:
        """(B, n_fft + 2, L) log-magnitudes and phases -> (B, L * n_fft / 4): overlap-add at a quarter window.

        The phase is left free and wrapped by cos and sin (Vocos, arXiv 2306.00814), where iSTFTNet bounds it to
        one radian either side. Frames are centred as the mel's are, so L steps give exactly L hops.
        """
        log_magnitude, phase = x.float().chunk(2, dim=1)  # each (B, n_fft / 2 + 1, L)
        magnitude = log_magnitude.clamp(max=MAX_LOG_MAGNITUDE).exp()
        spectrum = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
        window = self.window.float()
        frames = torch.fft.irfft(spectrum.transpose(1, 2), n=len(window)) * window  # (B, L, n_fft)
        envelope = window.square().expand(1, x.shape[-1], -1)
        wav = _overlap_add(frames) / _overlap_add(envelope)  # (B, L * hop)
        return wav.clamp(-1.0, 1.0).to(x.dtype)

    def add_weight_norm(self) -> Vocoder:
        """Split every convolution's weight into direction and length for training (HiFi-GAN, section 2)."""
        for module in self._convolutions():
            if not parametrize.is_parametrized(module, "weight"):
                parametrizations.weight_norm(module)
        return self

    def fold_weight_norm(self) -> Vocoder:
        """Back to plain weights: the shipped form. Does nothing to a model that is folded."""
        for module in self._convolutions():
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
        return self

    def _convolutions(self) -> list[nn.Module]:
        return [module for module in self.modules() if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d))]


def _overlap_add(frames: Tensor) -> Tensor:
    """(B, L, 4 * hop) -> (B, L * hop): add at a quarter window, and cut the half-empty 1.5 hops at both ends."""
    batch, length, size = frames.shape
    hop = size // 4
    parts = frames.reshape(batch, length, 4, hop).unbind(2)  # the four quarters, each (B, L, hop)
    wav = sum(F.pad(part, (0, 0, index, 3 - index)) for index, part in enumerate(parts))  # (B, L + 3, hop)
    wav = wav.reshape(batch, -1)
    edge = (size - hop) // 2
    return wav[:, edge : edge + length * hop]


def _check_config(config: VocoderConfig) -> None:
    """Raise ConfigError where the numbers cannot make a network."""
    if config.resblock not in RESBLOCKS:
        raise ConfigError(f"vocoder.resblock: got {config.resblock!r}, expected one of {sorted(RESBLOCKS)}")
    if len(config.rates) != len(config.kernels) or any(k < r for k, r in zip(config.kernels, config.rates)):
        raise ConfigError(
            f"vocoder: got rates {config.rates} and kernels {config.kernels}, expected one kernel a rate, each at "
            "least as long as its rate (shorter ones leave gaps between samples)"
        )
    if len(config.resblock_kernels) != len(config.resblock_dilations) or not config.resblock_kernels:
        raise ConfigError("vocoder: expected one tuple of resblock_dilations for each of resblock_kernels")
    if any(kernel % 2 == 0 for kernel in config.resblock_kernels):
        raise ConfigError(f"vocoder.resblock_kernels: got {config.resblock_kernels}, expected odd sizes")
    if config.channels < 1 or config.channels % 2 ** len(config.rates):
        raise ConfigError(
            f"vocoder.channels: got {config.channels}, expected a multiple of {2 ** len(config.rates)}: each of the "
            f"{len(config.rates)} upsamplings halves it"
        )
    if config.istft_n_fft < 0 or config.istft_n_fft % 8:
        raise ConfigError(f"vocoder.istft_n_fft: got {config.istft_n_fft}, expected 0 or a multiple of 8")
