"""Waveform to log-mel and back (Griffin-Lim): pure functions, then a module that only owns the constant matrices.

The front end is the one AudioLDM's autoencoder, vocoder and diffusion model were trained with: 16 kHz, 1024-sample Hann
window, hop 160, magnitude (not power), 64 Slaney mels with Slaney area norm from 0 to 8000 Hz, natural logarithm with
floor 1e-5. The waveform is reflect-padded by (1024 - 160) / 2 = 432, so N samples give exactly N // 160 frames and
frame k is centred on sample 160 k + 80.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.config import MelConfig
from ldm_lab.errors import AudioInputError


def hz_to_mel(hz: Tensor) -> Tensor:
    """Slaney's mel scale: linear below 1 kHz (200/3 Hz a mel), logarithmic above (27 steps a factor 6.4)."""
    log_part = 15.0 + torch.log(hz.clamp(min=1000.0) / 1000.0) * (27.0 / math.log(6.4))
    return torch.where(hz < 1000.0, hz * 3.0 / 200.0, log_part)


def mel_to_hz(mel: Tensor) -> Tensor:
    """Inverse of `hz_to_mel`."""
    log_part = 1000.0 * torch.exp((mel.clamp(min=15.0) - 15.0) * (math.log(6.4) / 27.0))
    return torch.where(mel < 15.0, mel * 200.0 / 3.0, log_part)


def mel_frequencies(config: MelConfig = MelConfig()) -> Tensor:
    """(M + 2,) band edges in Hz; band m rises from edge m, peaks at m + 1 and ends at m + 2."""
    ends = hz_to_mel(torch.tensor([config.fmin, config.fmax], dtype=torch.float64))
    return mel_to_hz(torch.linspace(ends[0].item(), ends[1].item(), config.n_mels + 2, dtype=torch.float64))


def mel_filterbank(config: MelConfig = MelConfig()) -> Tensor:
    """(n_fft / 2 + 1, M) triangles of unit area in Hz (Slaney norm): ``magnitude (.., F) @ filterbank -> mel (.., M)``."""
    edges = mel_frequencies(config)
    bins = torch.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1, dtype=torch.float64)
    rise = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    area = 2.0 / (edges[2:] - edges[:-2])
    return (torch.minimum(rise, fall).clamp(min=0.0) * area).float()


def _pad(wav: Tensor, amount: int) -> Tensor:
    """Reflect-pad (B, N); sounds shorter than the padding are continued with silence first."""
    if wav.shape[-1] <= amount:
        wav = F.pad(wav, (0, amount + 1 - wav.shape[-1]))
    return F.pad(wav[:, None], (amount, amount), mode="reflect")[:, 0]


def stft(wav: Tensor, config: MelConfig = MelConfig(), window: Tensor | None = None) -> Tensor:
    """Complex spectrum (B, T, F) of `wav` (B, N): T = N // hop frames, F = n_fft / 2 + 1 bins."""
    if wav.ndim != 2:
        raise AudioInputError(f"wav: got shape {tuple(wav.shape)}, expected (B, N): a batch of mono sounds")
    frames = wav.shape[1] // config.hop_length
    if frames == 0:
        raise AudioInputError(
            f"wav: got {wav.shape[1]} samples, expected at least {config.hop_length} (one frame); pad it with silence"
        )
    if window is None:
        window = torch.hann_window(config.n_fft, device=wav.device, dtype=wav.dtype)
    padded = _pad(wav, (config.n_fft - config.hop_length) // 2)
    spec = torch.stft(padded, config.n_fft, config.hop_length, window=window, center=False, return_complex=True)
    return spec[..., :frames].transpose(1, 2)  # (B, F, T) -> (B, T, F): time is axis -2 from here on


def log_mel(wav: Tensor, config: MelConfig = MelConfig(), *, filterbank: Tensor | None = None,
            window: Tensor | None = None) -> Tensor:
    """Natural-log mel (B, T, M) of `wav` (B, N) in [-1, 1]; floor log(1e-5) = -11.51."""
    magnitude = stft(wav, config, window).abs()  # (B, T, F)
    bank = mel_filterbank(config).to(magnitude) if filterbank is None else filterbank
    return torch.log(torch.clamp(magnitude @ bank, min=config.floor))  # (B, T, M)


def istft(spec: Tensor, config: MelConfig = MelConfig(), length: int | None = None) -> Tensor:
    """Least-squares inverse of `stft`: overlap-add of windowed frames over the summed squared window (B, N)."""
    window = torch.hann_window(config.n_fft, device=spec.device, dtype=spec.real.dtype)
    frames = torch.fft.irfft(spec, n=config.n_fft, dim=-1) * window  # (B, T, n_fft)
    count, pad = spec.shape[1], (config.n_fft - config.hop_length) // 2
    total = (count - 1) * config.hop_length + config.n_fft

    def overlap_add(x: Tensor) -> Tensor:  # (B, T, n_fft) -> (B, total)
        return F.fold(x.transpose(1, 2), (1, total), (1, config.n_fft), stride=(1, config.hop_length))[:, 0, 0]

    weight = overlap_add(window.square().expand(1, count, -1))
    wav = overlap_add(frames) / weight.clamp(min=1e-8)
    wav = wav[:, pad : total - pad]
    return wav if length is None else F.pad(wav, (0, max(0, length - wav.shape[1])))[:, :length]


def mel_to_magnitude(mel: Tensor, config: MelConfig = MelConfig(), *, iterations: int = 30) -> Tensor:
    """Non-negative linear magnitude (B, T, F) whose mel is `mel` (multiplicative updates of Lee & Seung 2001)."""
    bank = mel_filterbank(config).to(mel)  # (F, M)
    target = mel.exp()
    # Bins in no triangle (0 Hz, Nyquist) must stay silent; the transpose gives a smooth positive start.
    magnitude = (target / bank.sum(0)) @ bank.T / bank.sum(1).clamp(min=1e-8)
    for _ in range(iterations):
        magnitude = magnitude * (target @ bank.T) / ((magnitude @ bank) @ bank.T).clamp(min=1e-12)
    return magnitude


def griffin_lim(mel: Tensor, config: MelConfig = MelConfig(), *, iterations: int = 32, momentum: float = 0.99,
                generator: torch.Generator | None = None) -> Tensor:
    """Waveform (B, N = T * hop) from log-mel (B, T, M) by fast Griffin-Lim (Perraudin et al. 2013), no learning.

    `generator` draws the first phases (seed 0 if omitted).
    """
    magnitude = mel_to_magnitude(mel, config)
    generator = generator or torch.Generator().manual_seed(0)
    phase = torch.rand(magnitude.shape, generator=generator).to(magnitude) * (2 * math.pi)
    return find_phase(magnitude, phase, config, iterations=iterations, momentum=momentum)


def find_phase(magnitude: Tensor, phase: Tensor, config: MelConfig = MelConfig(), *, iterations: int,
               momentum: float = 0.99) -> Tensor:
    """The rounds of fast Griffin-Lim: a waveform (B, T * hop) whose spectrum is near `magnitude` (B, T, F), from `phase`."""
    spec, previous = torch.polar(magnitude, phase), torch.zeros_like(magnitude, dtype=torch.complex64)
    length = magnitude.shape[1] * config.hop_length
    for _ in range(iterations):
        rebuilt = stft(istft(spec, config, length), config)
        accelerated = rebuilt + momentum * (rebuilt - previous)
        previous = rebuilt
        spec = magnitude * accelerated / accelerated.abs().clamp(min=1e-9)
    return istft(spec, config, length)


class MelFrontend(nn.Module):
    """`log_mel` with its window and filterbank as buffers, so that they follow the module to its device."""

    def __init__(self, config: MelConfig = MelConfig()) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        self.register_buffer("filterbank", mel_filterbank(config), persistent=False)

    def forward(self, wav: Tensor) -> Tensor:
        """wav (B, N) -> mel (B, N // hop, M). Runs in float32 whatever the surrounding precision."""
        with torch.autocast(device_type=wav.device.type, enabled=False):
            return log_mel(wav.float(), self.config, filterbank=self.filterbank, window=self.window)
