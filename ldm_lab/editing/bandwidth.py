"""Super-resolution: the octaves that a narrow-band recording lacks, made to fit those it has (AudioLDM, section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor

from ldm_lab.audio.mel import stft
from ldm_lab.config import MelConfig
from ldm_lab.editing.holes import MAX_JUMPS, fill
from ldm_lab.editing.job import check_job
from ldm_lab.editing.masks import rectangle
from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.options import real, whole
from ldm_lab.result import Result
from ldm_lab.shapes import samples_to_frames
from ldm_lab.system import AudioLDM

LOWEST = 300.0  # Hz: below this cut-off hardly anything is left to continue
DROP_DB = 20.0  # fall of the long-term spectrum across a cut-off


def super_resolve(ldm: AudioLDM, sound, prompt="", *, cutoff_hz: float | None = None, paste: bool = True, jumps: int = 1,
                  sample_rate: int = 16000, **options) -> Result:
    """What lies above `cutoff_hz` made anew, what lies below kept.

    sound: as for `transfer`, at any sample rate (files know theirs, arrays say it with `sample_rate`); the result is at the
    model's. cutoff_hz: where the recording ends; None finds it in the long-term spectrum (`find_cutoff`) and raises
    AudioInputError if the sound has the full band. Several sounds may not share a found cut-off: give one then.
    paste: the low band of the input is kept as it is, the made band joins it at the same level; False gives the decoder's
    version of the whole. jumps: as for `inpaint`.
    """
    jumps, top = whole("jumps", jumps, 1, MAX_JUMPS), ldm.sample_rate / 2
    if cutoff_hz is not None:
        cutoff_hz = real("cutoff_hz", cutoff_hz, LOWEST, top - LOWEST)
    job = check_job(ldm, sound, prompt, sample_rate=sample_rate, **options)
    found = [find_cutoff(row, ldm.config.mel) for row in job.wav] if cutoff_hz is None else [cutoff_hz]
    if None in found:
        raise AudioInputError(f"{job.labels[found.index(None)]}: no cut-off found, the sound reaches up to {top:g} Hz (or "
                              "fades out without an edge); give cutoff_hz= to choose one")
    if max(found) - min(found) > 0.1 * min(found):
        raise OptionError(f"the sounds end at {min(found):.0f} to {max(found):.0f} Hz; edit them one by one, or give cutoff_hz")
    cutoff = min(found)
    samples = job.wav.shape[1]
    mask = rectangle(ldm.config, samples, samples_to_frames(samples, ldm.config), low_hz=cutoff)
    return fill(job, "super_resolve", mask, paste_back=paste, jumps=jumps,
                note={"cutoff_hz": round(cutoff, 1), "detected": cutoff_hz is None})


def find_cutoff(wav: Tensor, config: MelConfig = MelConfig()) -> float | None:
    """Frequency in Hz above which wav (N,) holds (nearly) nothing, or None: full band, silent, or fading without an edge.

    Looks at the long-term power spectrum for the highest edge: a fall of at least `DROP_DB` from the 500 Hz below to the
    150 Hz beyond a transition of at most 500 Hz, with nothing above that comes back up.
    """
    power = stft(torch.nn.functional.pad(wav[None], (0, config.n_fft)), config)[0].abs().square()  # (T, F)
    level = 10.0 * torch.log10(power.mean(0).double() + 1e-14)  # (F,) dB
    hz = config.sample_rate / config.n_fft  # of a bin
    below, across = round(500 / hz), round(500 / hz)
    ceiling = level.flip(0).cummax(0).values.flip(0)  # the loudest at or above each bin
    best, bins = None, len(level)
    for k in range(round(LOWEST / hz), bins - across // 2):
        inside = level[max(0, k - below) : k].median()
        end = min(k + across, bins - 2)
        drop = float(inside - ceiling[end])
        if drop >= DROP_DB and (best is None or drop > best[0] + 1.0):
            best = (drop, k)
    if best is None or float(level.max()) < -60.0:
        return None
    return _edge(level, best[1], across, hz)


def _edge(level: Tensor, k: int, across: int, hz: float) -> float:
    """Where the level has fallen by 6 dB from what it was below bin k."""
    inside = level[max(0, k - across) : k].median()
    beyond = (level[k - across // 2 : k + across] < inside - 6.0).nonzero()
    return float((k - across // 2 + int(beyond[0])) * hz) if len(beyond) else float(k * hz)
