"""Vocoder: log-mel -> waveform. HiFi-GAN's generator, and iSTFTNet's variant of it.

A log-mel has lost the phase and the fine frequencies; the vocoder invents them. HiFi-GAN (Kong et al. 2020, arXiv
2010.05646) upsamples frame by frame to single samples. iSTFTNet (Kaneko et al. 2022, arXiv 2203.02395) stops early,
predicts magnitude and phase of a small spectrum per step and lets an inverse STFT do the rest: the same network, a
fraction of the arithmetic. One class holds both; `VocoderConfig.istft_n_fft` chooses.

Two helps for small budgets, both off in the published shape. `draft_iterations` starts from a rough Griffin-Lim sound
and lets the inverse-STFT head predict by how much to scale and turn each of its bins (after Deep Griffin-Lim, Masuyama
et al. 2019, arXiv 1903.03971: networks and Griffin-Lim steps in turn). `match_steps` ends by scaling each mel band of the
result to what the mel asked for (as WaveFit, Koizumi et al. 2022, arXiv 2210.01029, does for the loudness of a whole clip).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

from ldm_lab.audio.mel import find_phase, istft, mel_filterbank, mel_to_magnitude, stft
from ldm_lab.config import MelConfig, VocoderConfig
from ldm_lab.errors import ConfigError
from ldm_lab.rng import Rng
from ldm_lab.shapes import check_shape

SLOPE = 0.1  # leaky ReLU everywhere but before the last convolution
LAST_SLOPE = 0.01  # there the original relies on PyTorch's default; published weights expect it
OVERSHOOT = 1.3  # gains of `match_mel` go this much further than measured, which reaches the mel in fewer rounds
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
        if config.draft_iterations:
            self.conv_draft = nn.Conv1d(3 * (config.istft_n_fft // 2 + 1), channels, 1)
            nn.init.zeros_(self.conv_post.bias)
            self.conv_post.weight.data.mul_(0.05)  # start near "leave the draft as it is"

    @property
    def hop_length(self) -> int:
        """Samples a mel frame."""
        return self.config.hop_length

    def forward(
        self, mel: Tensor, *, raw: bool = False, draft: Tensor | None = None, match_steps: int | None = None
    ) -> Tensor:
        """mel (B, T, n_mels), natural log -> wav (B, hop * T) in [-1, 1]; sample 0 belongs to the start of frame 0.

        Stages whose kernel - rate is odd give a few samples too many (the published 16 kHz shape: 160 T + 32).
        They are cut from the end, where training on segments put them; `raw=True` leaves them. `draft` (B, hop * T) is
        `make_draft(mel)` computed earlier (training makes it beside the batch); omitted, it is made here. `match_steps`
        replaces the configured number (training takes fewer: each costs time, and a trained model gains from more).
        """
        check_shape(mel, "b t m", m=self.config.n_mels)
        spectrum = self._draft_spectrum(mel, draft) if self.config.draft_iterations else None
        x = self.conv_pre(mel.transpose(1, 2))  # (B, T, M) -> (B, C, T)
        per_stage = len(self.config.resblock_kernels)
        for stage, upsample in enumerate(self.upsampler):
            x = upsample(F.leaky_relu(x, SLOPE))  # (B, C, L) -> (B, C / 2, rate * L)
            if spectrum is not None and stage == len(self.upsampler) - 1:
                x = x + self.conv_draft(_features(spectrum).to(x.dtype))
            blocks = self.resblocks[stage * per_stage : (stage + 1) * per_stage]
            x = sum(block(x) for block in blocks) / per_stage
        x = self.conv_post(F.leaky_relu(x, LAST_SLOPE))  # (B, 1, N) or (B, n_fft + 2, L)
        if not self.config.istft_n_fft:
            wav = torch.tanh(x).squeeze(1)
            return wav if raw else wav[:, : self.hop_length * mel.shape[1]]
        wav = self._inverse_stft(x, spectrum)
        steps = self.config.match_steps if match_steps is None else match_steps
        if steps:
            wav = match_mel(wav, mel, steps=steps)
        return limit(wav).to(x.dtype)

    @torch.no_grad()
    def make_draft(self, mel: Tensor) -> Tensor:
        """Rough sound (B, hop * T) of `mel` (B, T, n_mels) by `config.draft_iterations` rounds of Griffin-Lim."""
        return griffin_lim_draft(mel, iterations=self.config.draft_iterations)

    def _draft_spectrum(self, mel: Tensor, draft: Tensor | None) -> Tensor:
        """Complex spectrum (B, n_fft / 2 + 1, L) of the draft on the head's own grid of frames."""
        draft = self.make_draft(mel) if draft is None else draft
        n_fft = self.config.istft_n_fft
        edge = (n_fft - n_fft // 4) // 2
        window = torch.hann_window(n_fft, device=draft.device)
        padded = F.pad(draft.float(), (edge, edge))
        return torch.stft(padded, n_fft, n_fft // 4, window=window, center=False, return_complex=True)

    def _inverse_stft(self, x: Tensor, draft: Tensor | None = None) -> Tensor:
        """(B, n_fft + 2, L) log-magnitudes and phases -> (B, L * n_fft / 4): overlap-add at a quarter window.

        With a draft spectrum they are what to add to its log-magnitudes and phases. The phase is left free and wrapped
        by cos and sin (Vocos, arXiv 2306.00814), where iSTFTNet bounds it to one radian either side. Frames are centred
        as the mel's are, so L steps give exactly L hops.
        """
        log_magnitude, phase = x.float().chunk(2, dim=1)  # each (B, n_fft / 2 + 1, L)
        if draft is not None:
            log_magnitude = log_magnitude + draft.abs().clamp(min=1e-5).log()
            phase = phase + draft.angle()
        magnitude = log_magnitude.clamp(max=MAX_LOG_MAGNITUDE).exp()
        spectrum = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
        window = torch.hann_window(self.config.istft_n_fft, device=x.device)
        frames = torch.fft.irfft(spectrum.transpose(1, 2), n=len(window)) * window  # (B, L, n_fft)
        envelope = window.square().expand(1, x.shape[-1], -1)
        return _overlap_add(frames) / _overlap_add(envelope)  # (B, L * hop)

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


def _features(spectrum: Tensor) -> Tensor:
    """What a convolution can read of a complex spectrum (B, F, L): log-magnitude and compressed parts, (B, 3 F, L)."""
    magnitude = spectrum.abs().clamp(min=1e-5)
    compressed = spectrum * magnitude**-0.7  # |x|^0.3 with the phase of x: quiet bins stay readable
    return torch.cat([0.3 * magnitude.log() + 1.0, compressed.real, compressed.imag], dim=1)


def griffin_lim_draft(mel: Tensor, *, iterations: int, momentum: float = 0.99) -> Tensor:
    """Griffin-Lim (B, hop * T) made for few rounds: every bin starts as a steady tone.

    A phase that advances by 2 pi f hop a frame is what a tone at the bin's centre would have; on the corpus that leaves a
    little less error than random phases after the same few rounds. The phases at frame 0 are fixed numbers, so an item
    of a batch is the same alone.
    """
    config = MelConfig()
    with torch.autocast(mel.device.type, enabled=False):
        magnitude = mel_to_magnitude(mel.float(), config, iterations=10)  # (B, T, F)
        frames = torch.arange(mel.shape[1], device=mel.device)[:, None]
        bins = torch.arange(magnitude.shape[-1], device=mel.device)
        turns = (frames * bins * config.hop_length % config.n_fft) / config.n_fft  # exact also in long clips
        start = torch.rand(len(bins), generator=Rng(0).at("draft phase")).to(turns)
        phase = 2 * math.pi * (turns + start)  # (T, F)
        return find_phase(magnitude, phase.expand_as(magnitude).contiguous(), config, iterations=iterations,
                          momentum=momentum)


def match_mel(wav: Tensor, mel: Tensor, *, steps: int) -> Tensor:
    """Scale the mel bands of `wav` (B, N) towards `mel` (B, T, M), `steps` times; phases stay. Differentiable.

    One step does not reach the mel exactly, because frames overlap; a gain is at most e^4 either way.
    """
    config = MelConfig()
    with torch.autocast(wav.device.type, enabled=False):
        bank = mel_filterbank(config).to(wav.device)  # (F, M)
        shares = bank / bank.sum(1, keepdim=True).clamp(min=1e-8)  # how much of each bin belongs to each band
        shares[0], shares[-1] = shares[1], shares[-2]  # no band holds 0 Hz and Nyquist: they follow their neighbours
        for _ in range(steps):
            spectrum = stft(wav.float(), config)  # (B, T, F)
            magnitude = (spectrum.real.square() + spectrum.imag.square() + 1e-14).sqrt()  # no kink at zero
            gain = (mel.float() - (magnitude @ bank).clamp(min=config.floor).log()).clamp(-4.0, 4.0)  # (B, T, M)
            wav = istft(spectrum * (OVERSHOOT * gain @ shares.T).exp(), config, wav.shape[1])
        return wav


def limit(wav: Tensor) -> Tensor:
    """Turn wav (B, N) down around peaks above 1, so that it fits [-1, 1] without being clipped.

    The same spectrum with other phases can peak higher than the original did, and clipping spreads noise over all bands.
    A sound that fits is left as it is; elsewhere the gain moves over some tens of milliseconds.
    """
    frames = F.pad(wav, (0, -wav.shape[1] % 160)).unflatten(1, (-1, 160))
    level = frames.abs().amax(-1)[:, None]  # (B, 1, T) peaks of 10 ms
    gain = 1.0 / F.max_pool1d(level, 7, stride=1, padding=3).clamp(min=1.0)
    # A mean of 5 moves within reach of the maximum of 7, also where samples lie between two frames: no peak gets through.
    gain = F.avg_pool1d(gain, 5, stride=1, padding=2, count_include_pad=False)
    return wav * F.interpolate(gain, scale_factor=160, mode="linear")[:, 0, : wav.shape[1]]


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
    if (config.draft_iterations or config.match_steps) and not config.istft_n_fft:
        raise ConfigError("vocoder: draft_iterations and match_steps need the inverse-STFT head; set istft_n_fft > 0")
    if config.draft_iterations and not config.rates:
        raise ConfigError("vocoder.rates: draft_iterations needs at least one stage; (1,) keeps the frame rate")
    front = MelConfig()
    if (config.draft_iterations or config.match_steps) and (config.n_mels, config.hop_length) != (
        front.n_mels, front.hop_length
    ):
        raise ConfigError(
            f"vocoder: got {config.n_mels} mels and hop {config.hop_length}; draft_iterations and match_steps invert the "
            f"standard front end, so they need {front.n_mels} and {front.hop_length}"
        )
