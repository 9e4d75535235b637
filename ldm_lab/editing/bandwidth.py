"""Super-resolution: the octaves that a narrow-band recording lacks, made to fit those it has (AudioLDM, section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor

from ldm_lab.audio.mel import stft
from ldm_lab.config import MelConfig
from ldm_lab.editing.holes import MAX_JUMPS, fill
from ldm_lab.editing.job import check_job
from ldm_lab.editing.masks import Mask, rectangle
from ldm_lab.errors import AudioInputError
from ldm_lab.options import real, whole
from ldm_lab.result import Result
from ldm_lab.shapes import samples_to_frames
from ldm_lab.system import AudioLDM

LOWEST = 300.0  # Hz: below this cut-off hardly anything is left to continue
LOWEST_FOUND = 1000.0  # Hz: many whole sounds fall off steeply below that
DROP_DB, EMPTY_DB = 20.0, 70.0  # fall of the long-term spectrum across a cut-off; so far below its peak nothing is heard
FULL = 0.9  # share of the band above which an edge is only the filter of a converter
FLAT_DB = 10.0  # spread of the noise floor beyond a cut-off


def super_resolve(ldm: AudioLDM, sound, prompt=None, *, cutoff_hz: float | None = None, paste: bool = True, jumps: int = 1,
                  sample_rate: int = 16000, **options) -> Result:
    """What lies above `cutoff_hz` made anew, what lies below kept.

    sound: as for `transfer`, at any sample rate (files know theirs, arrays say it with `sample_rate`); the result is at the
    model's. prompt: None = "", whatever fits. cutoff_hz: where the recording ends; None finds it for each sound
    (`find_cutoff`) and raises AudioInputError if one has the full band.
    paste: the low band of the input is kept as it is, the made band joins it at the same level; False gives the decoder's
    version of the whole. jumps: as for `inpaint`.
    """
    jumps, top = whole("jumps", jumps, 1, MAX_JUMPS), ldm.sample_rate / 2
    if cutoff_hz is not None:
        cutoff_hz = real("cutoff_hz", cutoff_hz, LOWEST, top - LOWEST)
    job = check_job(ldm, sound, prompt, sample_rate=sample_rate, **options)
    found = [find_cutoff(row, ldm.config.mel) if cutoff_hz is None else cutoff_hz for row in job.wav]
    if None in found:
        raise AudioInputError(f"{job.labels[found.index(None)]}: no cut-off found, the sound reaches up to {top:g} Hz (or "
                              "fades out without an edge); give cutoff_hz= to choose one")
    samples = job.wav.shape[1]
    frames = samples_to_frames(samples, ldm.config)
    masks = [rectangle(ldm.config, samples, frames, low_hz=cutoff) for cutoff in found]
    mask = Mask(torch.cat([mask.keep for mask in masks]), None, tuple(band for mask in masks for band in mask.bands))
    return fill(job, "super_resolve", mask, paste_back=paste, jumps=jumps,
                note={"cutoff_hz": [round(cutoff, 1) for cutoff in found], "detected": cutoff_hz is None})


def find_cutoff(wav: Tensor, config: MelConfig = MelConfig()) -> float | None:
    """Frequency in Hz above which wav (N,) holds (nearly) nothing, or None: full band, silent, or fading without an edge.

    An edge in the long-term power spectrum: within 500 Hz (a third of an octave where that is less) the level falls by at
    least `DROP_DB` from the lower quartile of the 300 Hz before, all that follows lies below that, and what follows is a flat
    floor or `EMPTY_DB` below the peak. The answer is where the level has fallen by 6 dB. Gentle filters are not found, and an
    edge in the highest tenth of the band counts as full.
    """
    if not bool(wav.any()):
        return None
    ramp = torch.linspace(0.0, 1.0, min(config.n_fft // 2, len(wav) // 4)) ** 2  # a sound cut off hard has all frequencies
    faded = torch.cat([wav[: len(ramp)] * ramp, wav[len(ramp) : len(wav) - len(ramp)], wav[len(wav) - len(ramp) :] * ramp.flip(0)])
    power = stft(torch.nn.functional.pad(faded[None], (0, config.n_fft)), config)[0].abs().square()  # (T, F)
    level = 10.0 * torch.log10(power.mean(0).double() + 1e-14)[:-1]  # (F,) dB, without the Nyquist bin
    hz = config.sample_rate / config.n_fft  # of a bin
    ceiling = level.flip(0).cummax(0).values.flip(0)  # the loudest at or above each bin
    before, drops = round(300 / hz), {}
    for k in range(round(LOWEST_FOUND / hz), len(level) - round(250 / hz)):
        end = min(k + round(min(500 / hz, k / 3)), len(level) - 8)
        drop, rest = float(level[k - before : k].quantile(0.25) - ceiling[end]), level[end:]
        if drop >= DROP_DB and (rest.max() < level.max() - EMPTY_DB or rest.quantile(0.95) - rest.quantile(0.05) < FLAT_DB):
            drops[k] = drop
    if not drops:
        return None
    start = max(drops, key=drops.get) - before  # the steepest place; the edge is the last bin at the level before it
    inside = level[start : start + before].quantile(0.25)
    edge = float((level[start:] >= inside - 6.0).nonzero()[-1] + 1 + start) * hz
    return None if edge > FULL * config.sample_rate / 2 else edge
