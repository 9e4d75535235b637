"""Edits that begin in the middle: a real sound is noised part of the way and denoised under another condition.

Style transfer is SDEdit (Meng et al. 2022) with text (AudioLDM, section 3.4): the start of the reverse process is
x = z + sigma * noise in place of pure noise. What survives is what that much noise does not drown.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ldm_lab.diffusion.schedule import Schedule, grid
from ldm_lab.editing.job import Job, check_job
from ldm_lab.editing.series import Series
from ldm_lab.errors import OptionError
from ldm_lab.options import real
from ldm_lab.result import Result
from ldm_lab.system import AudioLDM


def levels_below(schedule: Schedule, sigmas: Tensor, strength: float) -> Tensor:
    """The part of a step grid that undoes `strength` of the noising: falling sigmas, the first is where to start.

    It starts at training step t = strength * t_first, where t_first is the grid's own first level: n0 of the paper, and the
    same amount of noise for every sampler, grid and number of steps. The grid's level nearest to t (in training steps) is
    moved there, those below follow: no step is shorter than about half of its length on the grid, and sound changes
    continuously with strength.
    """
    t = schedule.sigma_to_t(sigmas[:-1])  # (S,)
    wanted = strength * t[0]
    nearest = int((t - wanted).abs().argmin())
    if nearest == 0 and strength == 1.0:
        return sigmas
    return torch.cat([schedule.t_to_sigma(wanted)[None], sigmas[nearest + 1 :]])


def transfer(ldm: AudioLDM, sound, prompt, *, strength: float = 0.5, strengths: Sequence[float] | None = None,
             sample_rate: int = 16000, **options) -> Result | Series:
    """A real sound moved towards a prompt (AudioLDM, section 3.4).

    sound: a file, an array (N,) or (S, N) at `sample_rate`, or a list (see `read_sounds`); prompt: as for `generate`, words
    or a sound. strength: 0 is the sound itself through autoencoder and vocoder (the network is not asked), 1 is free
    generation: exactly `generate` with the same options; between them the share of the training steps that is noised and
    undone (see `levels_below`). strengths: several of them in one call give a Series, all from the same noise.
    options: those of `generate` but seconds. Raises AudioInputError, OptionError, PromptError before any work.
    """
    asked = [real("strength", strength, 0.0, 1.0)] if strengths is None else check_strengths(strengths)
    job = check_job(ldm, sound, prompt, sample_rate=sample_rate, **options)
    results = [shallow(job, "transfer", value) for value in asked]
    return results[0] if strengths is None else Series(tuple(results), tuple(f"strength {value:g}" for value in asked))


def check_strengths(strengths: object) -> list[float]:
    """At least one number from 0 to 1, or OptionError."""
    if isinstance(strengths, (str, bytes)) or not hasattr(strengths, "__len__") or len(strengths) == 0:
        raise OptionError(f"strengths: got {strengths!r}, expected a list of numbers from 0 to 1")
    return [real(f"strengths[{i}]", value, 0.0, 1.0) for i, value in enumerate(strengths)]


def shallow(job: Job, name: str, strength: float, **seams) -> Result:
    """The reverse process from `strength` downwards; both ends without detour: 0 samples nothing, 1 starts from noise."""
    note = {"strength": strength}
    if strength == 1.0:
        return job.run(name, note=note, **seams)
    if strength == 0.0:
        return job.run(name, start=(job.z, torch.zeros(1)), note=note, **seams)
    schedule = job.ldm.schedule
    sigmas = levels_below(schedule, grid(schedule, job.options.steps, job.options.grid), strength)
    return job.run(name, start=(job.noised(job.z, float(sigmas[0])), sigmas), note=note, **seams)


def vary(ldm: AudioLDM, sound, *, strength: float = 1.0, sample_rate: int = 16000, **options) -> Result:
    """Another sound like this one: the sound is its own prompt (its CLAP embedding is the condition).

    strength 1 keeps only what CLAP heard; below 1 the sound's own latent is the start, as in `transfer`. Give a seed for
    each of several copies to get several variations: ``vary(ldm, [path] * 4, seed=[0, 1, 2, 3])``.
    """
    strength = real("strength", strength, 0.0, 1.0)
    return shallow(check_job(ldm, sound, None, sample_rate=sample_rate, **options), "vary", strength)
