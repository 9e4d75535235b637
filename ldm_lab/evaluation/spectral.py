"""How far one sound is from the sound it should equal: distances of spectra, for pairs."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_lab.audio.mel import mel_filterbank
from ldm_lab.config import MelConfig
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


def log_spectral_distance(reference: Tensor, estimate: Tensor, *, sample_rate: int = 16000, low_hz: float = 0.0) -> Tensor:
    """(B,) log-spectral distance of two waveforms (B, N) in units of log10 power, over the bins from `low_hz` up.

    mean over frames of sqrt(mean over bins of log10(S^2 / E^2)^2) with the constants of ssr_eval: n_fft = 2048 samples at
    44.1 kHz scaled to `sample_rate` (743 at 16 kHz), hop 10 ms, and its guard against empty bins,
    log10(S^2 / (E + 1e-12)^2 + 1e-12), which makes silence against sound cost 12 or 24 decades.
    """
    _pair(reference, estimate, "b n")
    n_fft, hop = int(2048 / (44100 / sample_rate)), sample_rate // 100
    first = math.ceil(low_hz * n_fft / sample_rate)
    s, e = (_magnitude(wav, n_fft, hop, n_fft)[:, first:] for wav in (reference, estimate))  # (B, F, T)
    ratio = torch.log10(s.square() / (e + 1e-12).square() + 1e-12)
    return ratio.square().mean(dim=1).sqrt().mean(dim=1)


def level(reference: Tensor, estimate: Tensor, *, drop: int = 0) -> tuple[Tensor, Tensor]:
    """Two waveforms (B, N) and (B, M) as audioldm_eval compares them, ready for `log_spectral_distance`.

    The first `drop` samples of the estimate go (its HiFi-GAN was 7 frames = 7 * 160 samples late), then both lose their
    mean, are scaled to peak 1, and the longer is cut. Raises OptionError if nothing is left or a sound is silent.
    """
    check_shape(reference, "b n"), check_shape(estimate, "b n")
    estimate = estimate[:, drop:]
    length = min(reference.shape[1], estimate.shape[1])
    if length == 0:
        raise OptionError(f"got {reference.shape[1]} and, after dropping {drop}, {estimate.shape[1]} samples, expected some")
    centred = [wav - wav.mean(dim=1, keepdim=True) for wav in (reference, estimate)]
    peaks = [wav.abs().amax(dim=1, keepdim=True) for wav in centred]
    if min(float(peak.min()) for peak in peaks) == 0.0:
        raise OptionError("got a silent sound, which has no peak to scale by; leave it out")
    return tuple((wav / peak)[:, :length] for wav, peak in zip(centred, peaks))


def mel_picture(wav: Tensor, *, sample_rate: int = 16000) -> Tensor:
    """wav (B, N) -> (B, T, 64) in [0, 1]: the log-mel picture of audioldm_eval, on which it takes PSNR and SSIM.

    Hann window of 32 ms with a hop of 10 ms, centred, magnitude, 64 Slaney bands from 50 to 8000 Hz (14000 at 32 kHz),
    then 20 log10 in dB relative to 20 dB over a range of 100 dB, clipped (after SpecVQGAN). The mean of the sound is
    taken off first.
    """
    check_shape(wav, "b n")
    n_fft, hop = sample_rate * 32 // 1000, sample_rate // 100
    if wav.shape[1] <= n_fft // 2:
        raise OptionError(f"wav: got {wav.shape[1]} samples, expected more than {n_fft // 2} (16 ms)")
    wav = (wav - wav.mean(dim=1, keepdim=True)).clamp(-1.0, 1.0)
    config = MelConfig(sample_rate=sample_rate, n_fft=n_fft, hop_length=hop, n_mels=64, fmin=50.0,
                       fmax=8000.0 if sample_rate <= 16000 else 14000.0)
    window = torch.hann_window(n_fft, dtype=wav.dtype, device=wav.device)
    spec = torch.stft(wav, n_fft, hop, window=window, center=True, pad_mode="reflect", return_complex=True).abs()
    mel = spec.transpose(1, 2) @ mel_filterbank(config).to(wav)  # (B, T, 64)
    return ((20.0 * mel.clamp(min=1e-5).log10() + 80.0) / 100.0).clamp(0.0, 1.0)


def psnr(a: Tensor, b: Tensor, *, data_range: float = 1.0) -> Tensor:
    """(B,) peak signal-to-noise ratio of pictures (B, T, M): 10 log10(range^2 / mean squared error) dB; inf if equal."""
    _pair(a, b, "b t m")
    return 10.0 * torch.log10(data_range**2 / (a - b).square().mean(dim=(1, 2)))


def ssim(a: Tensor, b: Tensor, *, data_range: float | None = None, window: int = 7) -> Tensor:
    """(B,) mean structural similarity of two pictures (B, T, M), 1 = equal (Wang et al. 2004, equation 13).

    Local means and sample covariances over `window` x `window` pixels, K1 = 0.01, K2 = 0.03, windows inside the picture
    only, as scikit-image computes it; `data_range` defaults to what the two span together, as audioldm_eval has it. In
    double precision.
    """
    _pair(a, b, "b t m")
    if min(a.shape[1:]) < window:
        raise OptionError(f"got pictures of {tuple(a.shape[1:])}, expected at least {window} x {window}: longer sounds")
    a, b = a.double(), b.double()
    span = data_range or torch.maximum(a.amax((1, 2)), b.amax((1, 2))) - torch.minimum(a.amin((1, 2)), b.amin((1, 2)))
    span = torch.as_tensor(span, dtype=a.dtype).expand(len(a))[:, None, None]
    local = lambda x: F.avg_pool2d(x[:, None], window, stride=1)[:, 0]
    mean_a, mean_b, unbiased = local(a), local(b), window**2 / (window**2 - 1)
    var_a, var_b = unbiased * (local(a * a) - mean_a**2), unbiased * (local(b * b) - mean_b**2)
    cov = unbiased * (local(a * b) - mean_a * mean_b)
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    similar = (2 * mean_a * mean_b + c1) * (2 * cov + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return similar.mean(dim=(1, 2))
