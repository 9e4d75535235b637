"""Edits that find the noise a sound could have come from: DDIM inversion (Song et al. 2021, section 4.3; Hertz et al. 2022).

Sampling without fresh noise is an ODE, and an ODE can be walked upwards too: from the sound's latent to the noise that,
under the source prompt, leads back to it. Denoised under another prompt, that noise gives a sound that differs from the
first mainly in what the prompts differ in.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ldm_lab.diffusion.denoiser import Denoise
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.schedule import grid
from ldm_lab.editing.job import Job, check_job
from ldm_lab.editing.style import levels_below
from ldm_lab.errors import OptionError
from ldm_lab.generate import Seams, default_batch, embed, generate
from ldm_lab.options import Prompt, check_prompts, real, whole
from ldm_lab.result import Result
from ldm_lab.system import AudioLDM

MIN_STRENGTH = 0.01


def invert(ldm: AudioLDM, sound, prompt="", *, strength: float = 1.0, rounds: int = 2, sample_rate: int = 16000,
           **options) -> tuple[Tensor, Tensor]:
    """The noise behind a sound: (x (P, C, T/r, 64/r), sigmas), ready to be given to `generate` as ``start``.

    prompt describes the sound ("" = nothing, None = the sound itself); no guidance is used on the way up. strength: how
    far up, as in `transfer`. rounds: network passes a step; see `climb`. ``generate(prompt, start=..., guidance=1,
    sampler="ddim")`` on the same grid leads back to the sound.
    """
    strength, rounds = real("strength", strength, MIN_STRENGTH, 1.0), whole("rounds", rounds, 1, 100)
    return _noise_behind(check_job(ldm, sound, prompt, sample_rate=sample_rate, **options), strength, rounds)


def edit(ldm: AudioLDM, sound, source_prompt, prompt, *, strength: float = 1.0, rounds: int = 2, sample_rate: int = 16000,
         **options) -> Result:
    """A sound described by `source_prompt`, changed into what `prompt` says, through the noise behind it (`invert`).

    Compared with `transfer` the noise is the sound's own, not drawn: with equal prompts, guidance=1 and sampler="ddim" the
    sound comes back, and the seed matters only to random samplers. The other arguments are those of `transfer`.
    """
    strength, rounds = real("strength", strength, MIN_STRENGTH, 1.0), whole("rounds", rounds, 1, 100)
    job = check_job(ldm, sound, prompt, sample_rate=sample_rate, **options)
    told = None if source_prompt is None else check_prompts(source_prompt)
    source = check_job(ldm, job.wav, told, **{**options, "candidates": 1})
    if len(source.prompts) != len(job.prompts):
        raise OptionError(f"source_prompt: got {len(source.prompts)} for {len(job.prompts)} sounds, expected one or as many")
    note = {"strength": strength, "source_prompts": [prompt.label for prompt in source.prompts]}
    return job.run("edit", start=_noise_behind(source, strength, rounds), note=note)


def _noise_behind(job: Job, strength: float, rounds: int) -> tuple[Tensor, Tensor]:
    ldm, options = job.ldm, job.options
    sigmas = levels_below(ldm.schedule, grid(ldm.schedule, options.steps, options.grid), strength)
    batch, found = job.asked.get("batch") or default_batch(ldm, options.seconds), []
    for first in range(0, len(job.z), batch):
        rows = slice(first, first + batch)
        emb = torch.cat([embed(ldm, prompt) for prompt in job.prompts[rows]])
        denoise = guide(ldm.denoiser(), emb, emb, scale=1.0)
        found.append(climb(denoise, job.z[rows].to(ldm.device), sigmas, rounds=rounds).cpu())
    return torch.cat(found), sigmas


@torch.no_grad()
def climb(denoise: Denoise, x: Tensor, sigmas: Tensor, *, rounds: int = 2) -> Tensor:
    """x at level sigmas[-1] brought up to sigmas[0] against the flow, so that `sample_ddim` leads back down to it.

    A step of DDIM goes down along the slope at its upper end: x = x_up + (s - s_up) slope(x_up). Going up, x_up is on both
    sides, so it is found by repetition, `rounds` times, from the slope at x (one round is the usual DDIM inversion).
    """
    for low, high in itertools.pairwise([float(s) for s in sigmas.flip(0)]):
        level, up = torch.full((len(x),), high, dtype=torch.float64), x
        for _ in range(rounds):
            up = x + (high - low) / high * (up - denoise(up, level))
        x = up
    return x


def slerp(a: Tensor, b: Tensor, weight: float) -> Tensor:
    """Spherical interpolation of each item of a and b (B, ..): the direction turns evenly, the length goes evenly too.

    Keeps unit vectors (CLAP embeddings) of unit length and noise of the spread of noise (Shoemake 1985).
    """
    flat_a, flat_b = a.flatten(1).double(), b.flatten(1).double()
    length_a, length_b = flat_a.norm(dim=1, keepdim=True), flat_b.norm(dim=1, keepdim=True)
    unit_a, unit_b = flat_a / length_a.clamp(min=1e-12), flat_b / length_b.clamp(min=1e-12)
    angle = (unit_a * unit_b).sum(1, keepdim=True).clamp(-1.0, 1.0).acos()
    if bool((angle > 3.1415).any()):
        raise OptionError("the two ends are opposite: no shortest way leads from one to the other")
    near = angle < 1e-4
    sine = torch.where(near, torch.ones_like(angle), angle.sin())
    part_a = torch.where(near, torch.full_like(angle, 1.0 - weight), ((1.0 - weight) * angle).sin() / sine)
    part_b = torch.where(near, torch.full_like(angle, weight), (weight * angle).sin() / sine)
    length = (1.0 - weight) * length_a + weight * length_b
    return (length * (part_a * unit_a + part_b * unit_b)).to(a).reshape(a.shape)


def interpolate(ldm: AudioLDM, a, b, *, weights=(0.0, 0.25, 0.5, 0.75, 1.0), latents: bool = False, rounds: int = 2,
                sample_rate: int = 16000, **options) -> Result:
    """Sounds on the way from `a` to `b`, one for each weight (0 = a, 1 = b), as the rows of one Result.

    a, b: prompts or sounds (a Path or a 16 kHz waveform), also one of each: their CLAP embeddings are interpolated (`slerp`),
    and all rows start from the same noise (one seed). latents: both are sounds of one length (files, or arrays at
    `sample_rate`) and the noise behind each (`invert`) is interpolated as well; the ends are then near the sounds
    themselves with guidance=1 and a deterministic sampler. options: those of `generate`.
    """
    shares = [real(f"weights[{i}]", value, 0.0, 1.0) for i, value in enumerate(_listed(weights))]
    if latents:
        job = check_job(ldm, [a, b], None, sample_rate=sample_rate, **options)
        ends = job.prompts
    else:
        ends = [prompt for part in (a, b) for prompt in check_prompts(part)]
        if len(ends) != 2:
            raise OptionError(f"interpolate: got {len(ends)} prompts, expected one prompt or sound for a and one for b")
    emb_a, emb_b = (embed(ldm, prompt) for prompt in ends)
    names = [prompt.label for prompt in ends]
    prompts = [Prompt(label=f"{names[0]} -> {names[1]} ({value:g})", emb=slerp(emb_a, emb_b, value)) for value in shares]
    note = {"name": "interpolate", "weights": shares, "from": names[0], "to": names[1], "latents": latents}
    if not latents:
        return generate(ldm, prompts, seams=Seams(note=note), **options)
    x, sigmas = _noise_behind(job, 1.0, whole("rounds", rounds, 1, 100))
    start = torch.cat([slerp(x[:1], x[1:], value) for value in shares])
    return generate(ldm, prompts, seconds=job.options.seconds, start=(start, sigmas), seams=Seams(note=note), **options)


def _listed(weights: object) -> list:
    if isinstance(weights, (str, bytes)) or not hasattr(weights, "__len__") or len(weights) == 0:
        raise OptionError(f"weights: got {weights!r}, expected a list of numbers from 0 to 1")
    return list(weights)
