"""What to keep and what to make anew: holes in seconds and Hz, or arrays, on the grids of samples, mel and latent.

`keep` is (R, T, 64) booleans over mel frames and bands, True = keep, R = 1 (all sounds) or P. A mel frame stands for its
160 samples, a latent cell for r x r cells of the mel; a cell is kept only if no part of it is in the hole, so that the
latent hole covers the asked one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_lab.audio.mel import mel_frequencies
from ldm_lab.config import ModelConfig
from ldm_lab.errors import OptionError
from ldm_lab.options import real

Span = tuple[int, int]  # first sample of a hole, first sample after it


@dataclass(frozen=True)
class Mask:
    """keep (R, T, 64); spans: for each row the sample-exact holes over all frequencies, or None if `keep` depends on
    frequency; bands: for each row (low, high) in Hz if the hole is a rectangle of that height."""

    keep: Tensor
    spans: tuple[tuple[Span, ...], ...] | None
    bands: tuple[tuple[float, float], ...] | None = None

    def latent(self, ratio: int) -> Tensor:
        """(R, 1, T/r, 64/r) float: 1 where the whole latent cell is kept."""
        return 1.0 - F.max_pool2d((~self.keep).float()[:, None], ratio)


def rectangle(config: ModelConfig, samples: int, frames: int, *, start: float | None = None, end: float | None = None,
              low_hz: float | None = None, high_hz: float | None = None) -> Mask:
    """The hole from `start` to `end` seconds and `low_hz` to `high_hz`; what is None is open: the sound's own end.

    Raises OptionError for a hole that is empty, upside down or outside the sound, and for one that leaves nothing.
    """
    rate, top = config.mel.sample_rate, config.mel.sample_rate / 2
    if start is None and end is None and low_hz is None and high_hz is None:
        raise OptionError("no hole: give start and end in seconds, low_hz and high_hz, or keep=array")
    total = samples / rate
    begin = 0.0 if start is None else real("start", start, 0.0, total, " (seconds of the sound)")
    stop = total if end is None else real("end", end, 0.0, total, " (seconds of the sound)")
    low = 0.0 if low_hz is None else real("low_hz", low_hz, 0.0, top)
    high = top if high_hz is None else real("high_hz", high_hz, 0.0, top)
    first, last = round(begin * rate), round(stop * rate)
    if first >= last or low >= high:
        raise OptionError(f"the hole from {begin:g} to {stop:g} s, {low:g} to {high:g} Hz is empty; let start < end and "
                          "low_hz < high_hz")
    hop, full = config.mel.hop_length, low <= 0.0 and high >= top
    edges = mel_frequencies(config.mel)
    bands = (edges[2:] > low) & (edges[:-2] < high)  # triangles that reach into the hole
    if bool(bands.all()) and first == 0 and last >= samples:
        raise OptionError("the hole is the whole sound, nothing is kept; use generate")
    keep = torch.ones(1, frames, config.mel.n_mels, dtype=torch.bool)
    rows = slice(first // hop, -(-last // hop) if last < samples else frames)
    keep[:, rows] &= ~bands
    return Mask(keep, (((first, last),),) if full else None, None if full else ((low, high),))


def from_array(config: ModelConfig, array, samples: int, frames: int, count: int) -> Mask:
    """`keep` given by hand: 1 = keep, 0 = make anew.

    (T,) or (T, 64) over mel frames, T = 100 a second rounded up, or (T/r, 64/r) over latent cells; with a first axis of
    `count` for a mask a sound. Raises OptionError for other shapes, for values between 0 and 1, and where nothing is to be
    made or nothing is kept.
    """
    given = torch.from_numpy(np.array(array, dtype=np.float32))
    hop, mels, ratio = config.mel.hop_length, config.mel.n_mels, config.autoencoder.ratio
    values = given
    if not bool(((values == 0) | (values == 1)).all()):
        raise OptionError("keep: expected only 0 (make anew) and 1 (keep); round it first")
    seen = -(-samples // hop)  # frames of the sound itself, without what the networks need beyond its end
    shapes = {(seen,): "t", (frames,): "t", (seen, mels): "tm", (frames, mels): "tm", (frames // ratio, mels // ratio): "z"}
    shape = tuple(values.shape)
    kind = shapes.get(shape) or (shapes.get(shape[1:]) if shape[:1] == (count,) else None)
    if kind is None:
        raise OptionError(f"keep: got shape {shape}, expected ({seen},), ({seen}, {mels}) mel frames and bands or "
                          f"({frames // ratio}, {mels // ratio}) latent cells, or {count} of these")
    rows = values if shape not in shapes else values[None]
    if kind == "t":
        rows = rows[..., None].expand(-1, -1, mels)
    if kind == "z":
        rows = rows.repeat_interleave(ratio, 1).repeat_interleave(ratio, 2)
    keep = rows.bool()
    if bool(keep.flatten(1).all(1).any()) or not bool(keep.flatten(1).any(1).all()):
        raise OptionError("keep: expected a part to keep (1) and a part to make anew (0) in each mask")
    keep = F.pad(keep.float(), (0, 0, 0, frames - keep.shape[1]), mode="replicate").bool()
    flat = bool((keep == keep[..., :1]).all())
    spans = tuple(tuple(_runs(~row[:, 0], hop, samples)) for row in keep) if flat else None
    return Mask(keep, spans)


def _runs(hole: Tensor, hop: int, samples: int) -> list[Span]:
    """Sample spans of the runs of True in hole (T,)."""
    steps = F.pad(hole.int(), (1, 1)).diff()
    pairs = zip((steps == 1).nonzero()[:, 0].tolist(), (steps == -1).nonzero()[:, 0].tolist())
    return [(a * hop, min(b * hop, samples)) for a, b in pairs if a * hop < samples]


def touched(mask: Mask, config: ModelConfig) -> Tensor:
    """(R, T, 64) booleans: mel cells that the hole can reach through the STFT's window or the triangles' overlap."""
    reach = -(-(config.mel.n_fft // 2 - config.mel.hop_length // 2) // config.mel.hop_length)  # frames; 3 as published
    wide = (2 * reach + 1, 1 if mask.spans is not None else 3)
    return F.max_pool2d((~mask.keep).float()[:, None], wide, stride=1, padding=(wide[0] // 2, wide[1] // 2))[:, 0].bool()


def bridge(mel: Tensor, hole: Tensor) -> Tensor:
    """mel (P, T, 64) with the cells of hole (R, T, 64) filled from around: straight lines over time between the nearest
    known frames of a band (held at the ends), and over bands where a band is unknown from end to end.

    So nothing that was in the hole reaches the latents, and those beside it do not hear a silence begin.
    """
    filled, holes = mel.cpu().numpy().copy(), hole.expand(len(mel), -1, -1).numpy()
    frames, bands = np.arange(mel.shape[1]), np.arange(mel.shape[2])
    for row, lost in zip(filled, holes):
        known = ~lost.all(axis=0)
        for m in bands[known & lost.any(axis=0)]:
            good = ~lost[:, m]
            row[:, m] = np.interp(frames, frames[good], row[good, m])
        for m in bands[~known]:
            below, above = bands[known & (bands < m)], bands[known & (bands > m)]
            near = [int(side) for side in (*below[-1:], *above[:1])]
            part = (m - near[0]) / (near[1] - near[0]) if len(near) == 2 else 0.0
            row[:, m] = (1 - part) * row[:, near[0]] + part * row[:, near[-1]]
    return torch.from_numpy(filled)
