"""Edits that keep one part of a sound and make another anew: inpainting and outpainting.

Before each step the known part of x is replaced by the sound's own latent at that noise level (AudioLDM, section 3.4;
Lugmayr et al. 2022, RePaint, eq. 8), so the network always continues what is really there.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ldm_lab.diffusion.samplers import Step
from ldm_lab.editing.job import Job, check_job
from ldm_lab.editing.masks import Mask, Span, bridge, from_array, rectangle, touched
from ldm_lab.editing.paste import paste
from ldm_lab.errors import OptionError
from ldm_lab.generate import Item
from ldm_lab.options import Prompt, real, whole
from ldm_lab.result import Result
from ldm_lab.shapes import samples_to_frames
from ldm_lab.system import AudioLDM

log = logging.getLogger(__name__)

MAX_JUMPS = 100
JUMP_STEPS = 4  # steps that are walked again and again before the next ones


def inpaint(ldm: AudioLDM, sound, prompt=None, *, start: float | None = None, end: float | None = None,
            low_hz: float | None = None, high_hz: float | None = None, keep=None, paste: bool = True, jumps: int = 1,
            sample_rate: int = 16000, **options) -> Result:
    """A part of a sound made anew so that it fits the rest.

    sound, prompt, sample_rate, options: as for `transfer`; None takes what is kept of the sound as prompt (its CLAP embedding;
    see `rest_as_prompt`) without guidance, which makes the new part louder than the rest; "" asks for any sound.
    start, end (s), low_hz, high_hz: the hole, a rectangle; what is left out is open to that side. Or keep: an array, 1 = keep
    (`masks.from_array`). The hole may be anything: it is not looked at, except what bands that overlap its edge hold of it.
    paste: the kept part comes back as the original waveform. A hole over all frequencies leaves every sample outside it
    untouched, and the new part fades in and out inside it at the level of its context; a hole in frequency is joined in the
    short-time spectrum. False gives the decoder's version of the whole.
    jumps: 1 = none; more repeats each stretch of 4 steps that often with fresh noise between (RePaint): old and new
    part agree better, for so many times the work.
    """
    if keep is not None and not (start is end is low_hz is high_hz is None):
        raise OptionError("give either keep or start, end, low_hz and high_hz, not both")
    jumps = whole("jumps", jumps, 1, MAX_JUMPS)
    job = check_job(ldm, sound, prompt, sample_rate=sample_rate, **options)
    samples, count = job.wav.shape[1], len(job.prompts)
    frames = samples_to_frames(samples, ldm.config)
    if keep is None:
        mask = rectangle(ldm.config, samples, frames, start=start, end=end, low_hz=low_hz, high_hz=high_hz)
        note = {"start": start, "end": end, "low_hz": low_hz, "high_hz": high_hz}
    else:
        mask, note = from_array(ldm.config, keep, samples, frames, count), {"keep": "array"}
    return fill(job, "inpaint", mask, paste_back=paste, jumps=jumps, note=note)


def extend(ldm: AudioLDM, sound, prompt=None, *, before: float = 0.0, after: float = 0.0, jumps: int = 1,
           sample_rate: int = 16000, **options) -> Result:
    """A sound made longer: `before` and `after` are the seconds to add (outpainting), at most 600 s in all.

    The sound itself comes back sample for sample; what is longer than the trained window is sampled in overlapping windows.
    The other arguments are those of `inpaint`.
    """
    before, after = (real(name, value, 0.0, 600.0) for name, value in (("before", before), ("after", after)))
    if before + after == 0.0:
        raise OptionError("extend: got nothing to add, expected before= or after= in seconds")
    jumps = whole("jumps", jumps, 1, MAX_JUMPS)
    job = check_job(ldm, sound, prompt, sample_rate=sample_rate, **options)
    head, tail, length = round(before * ldm.sample_rate), round(after * ldm.sample_rate), job.wav.shape[1]
    longer = job.padded(head, tail)
    spans = tuple(span for span in ((0, head), (head + length, head + length + tail)) if span[0] < span[1])
    frames, hop = samples_to_frames(longer.wav.shape[1], ldm.config), ldm.config.mel.hop_length
    keep = torch.zeros(1, frames, ldm.config.mel.n_mels, dtype=torch.bool)
    keep[:, -(-head // hop) : (head + length) // hop if tail else frames] = True
    return fill(longer, "extend", Mask(keep, (spans,)), jumps=jumps, note={"before": before, "after": after})


def fill(job: Job, name: str, mask: Mask, *, paste_back: bool = True, jumps: int = 1, note: dict) -> Result:
    """Make what `mask` does not keep anew, then put the kept part back."""
    ldm = job.ldm
    if job.own:
        gentle = {} if job.asked.get("guidance") is not None else {"guidance": 1.0}
        job = replace(job, prompts=rest_as_prompt(job, mask), asked=job.asked | gentle)
    if not bool((held := mask.latent(ldm.config.autoencoder.ratio)).flatten(1).any(1).all()):
        log.warning("%s: the hole reaches into every latent cell, so that nothing of the sound guides what is made", name)
    mel = ldm.wav_to_mel(job.wav).cpu()
    known = job.encode(bridge(mel, touched(mask, ldm.config)))  # (P, C, T/r, 64/r)
    held = held.expand(len(known), -1, -1, -1)

    def at(tensor: Tensor, items: list[Item], like: Tensor) -> Tensor:
        return tensor[[item.prompt for item in items]].to(like)

    @functools.lru_cache(maxsize=1)  # the same for every pass of a batch
    def start_noise(items: tuple[Item, ...], device: torch.device) -> Tensor:
        return torch.stack([item.noise(tuple(known.shape[1:]), "start") for item in items]).to(device)

    def project(x: Tensor, sigma: Tensor, items: list[Item]) -> Tensor:
        noise = start_noise(tuple(items), x.device).to(x)
        there = at(known, items, x) + sigma.to(x)[:, None, None, None] * noise
        return torch.lerp(x, there, at(held, items, x))

    def latent(z: Tensor, items: list[Item]) -> Tensor:
        return torch.lerp(z, at(known, items, z), at(held, items, z))

    def sound(wav: Tensor, items: list[Item]) -> Tensor:
        pasted = [paste(job.wav[item.prompt], row, mask, item.prompt, ldm.config.mel) for item, row in zip(items, wav)]
        return torch.stack(pasted)

    walk, passes = (None, 1.0) if jumps == 1 else (jumping(jumps), float(jumps))
    return job.run(name, project=project, latent=latent, sound=sound if paste_back else None, walk=walk, passes=passes,
                   note=note | {"paste": paste_back, "jumps": jumps})


def rest_as_prompt(job: Job, mask: Mask) -> list[Prompt]:
    """What is kept of each sound as its prompt, for holes over all frequencies: a hole must not describe what belongs into it.

    A sound without its high or low band would ask for one without: then the prompt is "". (From 3 kHz upwards, two test clips
    on `lab`: mean |error| of the log-mel above 1.9 with "", 3.9 with the sound itself as prompt. Guidance: a hole of 0.64 s in
    two steady clips came out 3.3 dB too loud with 3, 0.2 dB too quiet without.)
    """
    if mask.spans is None:
        return [Prompt(label="", text="")] * len(job.prompts)
    rests = [outside(row, mask.spans[min(i, len(mask.spans) - 1)]) for i, row in enumerate(job.wav)]
    return [replace(prompt, wav=rest[None]) for prompt, rest in zip(job.prompts, rests)]


def outside(wav: Tensor, spans: tuple[Span, ...]) -> Tensor:
    """(N',) of wav (N,): what lies outside the spans, joined."""
    kept = torch.ones(len(wav), dtype=torch.bool)
    for first, last in spans:
        kept[first:last] = False
    return wav[kept]


def jumping(repeats: int, length: int = JUMP_STEPS) -> Callable[..., Tensor]:
    """A walk for any sampler (`Seams.walk`): each stretch of `length` steps is taken `repeats` times (RePaint, section 4.2).

    Between two goes x is noised back to the level where the stretch began: x + sqrt(sigma_begin^2 - sigma_end^2) noise.
    """

    def walk(run, denoise, x: Tensor, sigmas: Tensor, *, noise, callback=None, **options) -> Tensor:
        steps, done = len(sigmas) - 1, 0
        for first in range(0, steps, length):
            part = sigmas[first : first + length + 1]
            for go in range(repeats):
                x = run(denoise, x, part, noise=lambda i, done=done: noise(done + i),
                        callback=_renumbered(callback, done, steps * repeats), **options)
                done += len(part) - 1
                if go < repeats - 1:
                    x = x + float((part[0] ** 2 - part[-1] ** 2).sqrt()) * noise(steps * repeats + done)
        return x

    return walk


def _renumbered(callback, done: int, total: int):
    return None if callback is None else (lambda step: callback(Step(done + step.index, total, *step[2:])))
