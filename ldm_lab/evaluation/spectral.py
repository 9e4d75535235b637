"""How far one sound is from the sound it should equal: distances of spectra, for pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from ldm_lab.errors import OptionError
from ldm_lab.shapes import check_shape

# A frame is silent if no mel band exceeds e^-7 (about -61 dB): below that, a listener hears nothing in these clips, and
# a model is not praised for reproducing digital silence.
SILENT_LOG_MEL = -7.0

# (n_fft, hop, window) in samples, as in Yamamoto et al. 2020 (Parallel WaveGAN).
RESOLUTIONS: tuple[tuple[int, int, int], ...] = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))


def _pair(a: Tensor, b: Tensor, spec: str) -> None:
    check_shape(a, spec)
    if a.shape != b.shape:
        raise OptionError(f"got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected two of one shape; crop the longer")


def active_frames(mel: Tensor, *, threshold: float = SILENT_LOG_MEL) -> Tensor:
    """mel (B, T, M) -> (B, T) booleans: frames with at least one band above `threshold` (natural log)."""
    return mel.amax(dim=-1) > threshold


def log_mel_l1(reference: Tensor, estimate: Tensor, *, threshold: float = SILENT_LOG_MEL) -> Tensor:
    """(B,) mean |difference| of two log-mels (B, T, M) over the frames where `reference` is not silent; NaN if all are."""
    _pair(reference, estimate, "b t m")
    active = active_frames(reference, threshold=threshold).to(reference.dtype)
    error = (reference - estimate).abs().mean(dim=-1)  # (B, T)
    return (error * active).sum(dim=-1) / active.sum(dim=-1)


def _magnitude(wav: Tensor, n_fft: int, hop: int, window: int) -> Tensor:
    """(B, F, T) magnitude of wav (B, N)."""
    hann = torch.hann_window(window, device=wav.device, dtype=wav.dtype)
    spec = torch.stft(wav, n_fft, hop, win_length=window, window=hann, center=True, pad_mode="constant", return_complex=True)
    return spec.abs()


def multi_resolution_stft(reference: Tensor, estimate: Tensor, *, floor: float = 1e-5) -> Tensor:
    """(B,) multi-resolution STFT distance of two waveforms (B, N): spectral convergence + L1 of log magnitudes.

    Mean over `RESOLUTIONS` of |S - E|_F / |S|_F + mean |log S - log E| (Yamamoto et al. 2020, equations 4-6), natural log,
    magnitudes below `floor` raised to it. 0 for equal sounds; no upper bound.
    """
    _pair(reference, estimate, "b n")
    total = reference.new_zeros(len(reference))
    for n_fft, hop, window in RESOLUTIONS:
        s, e = (_magnitude(wav, n_fft, hop, window) for wav in (reference, estimate))
        convergence = (s - e).flatten(1).norm(dim=1) / s.flatten(1).norm(dim=1).clamp(min=floor)
        log_error = (s.clamp(min=floor).log() - e.clamp(min=floor).log()).abs().flatten(1).mean(dim=1)
        total = total + convergence + log_error
    return total / len(RESOLUTIONS)


def log_spectral_distance(reference: Tensor, estimate: Tensor, *, n_fft: int = 743, hop: int = 160) -> Tensor:
    """(B,) log-spectral distance of two waveforms (B, N) in units of log10 power.

    mean over frames of sqrt(mean over bins of log10(S^2 / E^2)^2) with the constants of ssr_eval at 16 kHz: n_fft = 743
    (2048 samples at 44.1 kHz, scaled), hop 10 ms. Its guard against empty bins is kept: log10(S^2 / (E^2 + 1e-12) + 1e-12).
    """
    _pair(reference, estimate, "b n")
    s, e = (_magnitude(wav, n_fft, hop, n_fft).square() for wav in (reference, estimate))  # (B, F, T)
    ratio = torch.log10(s / (e + 1e-12) + 1e-12)
    return ratio.square().mean(dim=1).sqrt().mean(dim=1)
