"""The last word of an edit: what was to be kept is put back as it was, and the new part is joined to it without a seam.

Holes in time are joined in the waveform: outside them every sample is the original's. Holes in frequency are joined in the
short-time spectrum: the original plus (made - original) inside the hole, so that frames and bins without hole add exactly
nothing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_lab.audio.mel import istft, mel_frequencies, stft
from ldm_lab.config import MelConfig
from ldm_lab.editing.masks import Mask, Span

FADE_SECONDS = 0.02  # cross-fade at each end of a hole
LEVEL_SECONDS = 0.25  # context on each side whose level the new part is matched to
MAX_GAIN = 4.0  # 12 dB: a level that is further off is not the decoder's bias but another sound
QUIET = 1e-4  # RMS below which (-80 dB) no level is measured
EDGE_HZ = 125.0  # width of a band edge, inside the hole: 8 bins of the spectrum


def paste(original: Tensor, made: Tensor, mask: Mask, row: int, config: MelConfig) -> Tensor:
    """(N,) of original (N,) with the hole of mask row `row` filled from made (N,)."""
    row = min(row, len(mask.keep) - 1)
    if mask.spans is not None:
        return paste_time(original, made, mask.spans[row], config.sample_rate)
    return paste_band(original, made, open_bins(mask, row, original.shape[0] // config.hop_length + 1, config), config)


# --- time --------------------------------------------------------------------------------------------------------------


def paste_time(original: Tensor, made: Tensor, spans: tuple[Span, ...], rate: int) -> Tensor:
    """(N,): `original` outside the spans, sample for sample; inside them `made`, brought to the level of its context.

    The gain runs evenly, in dB, from the one measured before the hole to the one after it. The equal-power cross-fade lies
    inside the hole; what fades there is the context mirrored at the border, so that nothing that was in the hole is heard.
    """
    out = original.clone()
    for first, last in spans:
        before = level_gain(original[:first], made[:first], round(LEVEL_SECONDS * rate), at_end=True)
        after = level_gain(original[last:], made[last:], round(LEVEL_SECONDS * rate), at_end=False)
        ends = [before or after or 1.0, after or before or 1.0]
        gain = torch.linspace(math.log(ends[0]), math.log(ends[1]), last - first).exp()
        out[first:last] = fade_in(made[first:last] * gain, original[:first], original[last:], round(FADE_SECONDS * rate))
    return out.clamp(-1.0, 1.0)


def level_gain(original: Tensor, made: Tensor, samples: int, *, at_end: bool) -> float | None:
    """RMS(original) / RMS(made) over the `samples` next to the hole, within MAX_GAIN; None where there is nothing to hear."""
    a, b = (side[-samples:] if at_end else side[:samples] for side in (original, made))
    if len(a) == 0:
        return None
    a, b = float(a.square().mean().sqrt()), float(b.square().mean().sqrt())
    return None if min(a, b) < QUIET else min(MAX_GAIN, max(1.0 / MAX_GAIN, a / b))


def fade_in(piece: Tensor, before: Tensor, after: Tensor, samples: int) -> Tensor:
    """`piece` (n,) with its ends cross-faded from the mirrored context: before (.., a) and after (.., b), either may be empty."""
    piece, length = piece.clone(), min(samples, len(piece) // 2)
    for mirrored, flip in ((before.flip(0), False), (after, True)):
        count = min(length, len(mirrored))
        if count == 0:
            continue
        angle = (torch.arange(count) + 0.5) / count * (math.pi / 2)
        end = piece[-count:].flip(0) if flip else piece[:count]
        joined = end * angle.sin() + mirrored[:count] * angle.cos()
        if flip:
            piece[-count:] = joined.flip(0)
        else:
            piece[:count] = joined
    return piece


# --- frequency ---------------------------------------------------------------------------------------------------------


def open_bins(mask: Mask, row: int, frames: int, config: MelConfig) -> Tensor:
    """(T, F) share of the made sound in each bin of the short-time spectrum: 0 outside the hole, soft edges inside it."""
    hz = torch.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1)
    lost = (~mask.keep[row]).float()  # (T', 64)
    lost = F.pad(lost, (0, 0, 0, max(0, frames - len(lost))))[:frames]
    if mask.bands is None:
        centres = mel_frequencies(config)[1:-1].float()
        return lost[:, (hz[:, None] - centres[None]).abs().argmin(1)]  # the band each bin is nearest to
    return lost.amax(1, keepdim=True) * band_weight(hz, *mask.bands[row], config.sample_rate / 2)


def band_weight(hz: Tensor, low: float, high: float, top: float) -> Tensor:
    """(F,) 0 outside low .. high, 1 inside, raised-cosine edges of EDGE_HZ within (none at 0 Hz and at `top`)."""
    edge = min(EDGE_HZ, (high - low) / 2)
    rise = torch.ones_like(hz) if low <= 0 else ((hz - low) / edge).clamp(0, 1)
    fall = torch.ones_like(hz) if high >= top else ((high - hz) / edge).clamp(0, 1)
    return (0.5 * math.pi * torch.minimum(rise, fall)).sin().square()


def paste_band(original: Tensor, made: Tensor, share: Tensor, config: MelConfig) -> Tensor:
    """(N,): original + share * (made - original) in the short-time spectrum; share (T, F), T = N // hop + 1.

    `made` is first brought to the level of the kept bins, frame by frame. Samples more than a window away from the hole
    are the original's own.
    """
    samples, hop = original.shape[0], config.hop_length
    pad = (0, share.shape[0] * hop - samples)
    pair = stft(F.pad(torch.stack([original, made]), pad), config)  # (2, T, F)
    gain = band_gain(pair.abs(), share)
    delta = istft((share * (gain * pair[1] - pair[0]))[None], config, share.shape[0] * hop)[0, :samples]
    return (original + delta).clamp(-1.0, 1.0)


def band_gain(magnitude: Tensor, share: Tensor, *, reach: int = 32, smooth: int = 25) -> Tensor:
    """(T, 1) gain of the made sound, so that it meets the original in the `reach` bins (0.5 kHz) beside the hole.

    Energies of magnitude (2, T, F), original and made, are averaged over those kept bins and `smooth` frames (0.25 s).
    """
    lost = share > 0  # (T, F)
    near = F.max_pool1d(lost.float()[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0] * ~lost
    energy = (magnitude.square() * near).sum(-1)  # (2, T)
    energy = F.avg_pool1d(energy[None], smooth, stride=1, padding=smooth // 2, count_include_pad=False)[0]
    quiet = energy.amin(0) < (QUIET**2) * near.sum(-1).clamp(min=1.0)
    gain = (energy[0] / energy[1].clamp(min=1e-20)).sqrt().clamp(1.0 / MAX_GAIN, MAX_GAIN)
    return torch.where(quiet, torch.ones_like(gain), gain)[:, None]
