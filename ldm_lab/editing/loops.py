"""Seamless loops: the sound is a circle while it is made, so that its end meets its beginning."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ldm_lab.audio.mel import log_mel
from ldm_lab.editing.job import check_job
from ldm_lab.editing.style import shallow
from ldm_lab.errors import AudioInputError
from ldm_lab.generate import Seams, generate
from ldm_lab.options import MAX_SECONDS, real
from ldm_lab.result import Result
from ldm_lab.shapes import frame_multiple
from ldm_lab.system import AudioLDM


def loop(ldm: AudioLDM, prompt="", *, sound=None, strength: float = 0.5, seconds: float | None = None,
         sample_rate: int = 16000, **options) -> Result:
    """A sound that can be repeated without a seam, from words or out of a real sound.

    prompt: as for `generate`; None with a sound = the sound itself. seconds: rounded to what the networks can halve (0.32 s
    for `lab`), because the circle has no end where a rest could hide; None = the trained window. sound: made loopable by
    `strength`, as in `transfer` (then `seconds` is its own length; up to that much is cut off its end). Networks and decoders
    see the circle: both ends are continued with the other end at every step.
    """
    unit = frame_multiple(ldm.config) * ldm.config.mel.hop_length  # samples
    ring = _ring(ldm)
    if sound is None:
        given = ldm.config.window_seconds if seconds is None else real("seconds", seconds, 0.1, MAX_SECONDS)
        count = max(1, round(given * ldm.sample_rate / unit))
        return generate(ldm, prompt, seconds=count * unit / ldm.sample_rate,
                        seams=Seams(circular=ring, note={"name": "loop"}), **options)
    if seconds is not None:
        options["seconds"] = seconds  # refused by check_job, which says why
    strength = real("strength", strength, 0.0, 1.0)
    job = check_job(ldm, sound, prompt, sample_rate=sample_rate, **options)
    length = job.wav.shape[1] // unit * unit
    if length == 0:
        raise AudioInputError(f"sound: got {job.options.seconds:g} s, expected at least {unit / ldm.sample_rate:g} s to loop")
    return shallow(replace(job.padded(0, length - job.wav.shape[1]), circular=ring), "loop", strength)


def _ring(ldm: AudioLDM) -> int:
    """Latent frames of the other end that are seen beyond each end: a quarter of the trained window, or a little more."""
    step = ldm.config.unet.ratio
    return -(-ldm.latent_shape(ldm.config.window_seconds)[1] // (4 * step)) * step


def seam(wav: Tensor, rate: int = 16000) -> Tensor:
    """(B,) how much wav (B, N) changes where its end meets its beginning, over how much it changes elsewhere.

    Change is the mean |difference| of log-mel 40 ms before and after a point; elsewhere means the median over all points
    away from the join, or 0.1 where the sound stands still. About 1 is a loop that cannot be told from its middle.
    """
    mel = log_mel(torch.cat([wav, wav], dim=1))  # (B, T, 64): the join is in the middle
    change = (mel[:, 4:] - mel[:, :-4]).abs().mean(2)
    join, half = mel.shape[1] // 2 - 2, wav.shape[1] // 160
    return change[:, join - 4 : join + 5].amax(1) / change[:, 8 : half - 12].median(1).values.clamp(min=0.1)
