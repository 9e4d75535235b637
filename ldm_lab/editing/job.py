"""What every edit begins with: sounds and prompts side by side, all options checked, the sounds' latents at hand."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.io import load, prepare
from ldm_lab.diffusion.windows import wrap
from ldm_lab.errors import AudioInputError, OptionError, unknown
from ldm_lab.generate import Item, Result, Seams, generate
from ldm_lab.options import MAX_SECONDS, MIN_SECONDS, Options, Prompt, check_options, check_prompts, whole
from ldm_lab.system import AudioLDM

MAX_LEVEL = 4.0  # samples further out than this are not sound in [-1, 1] but, say, 16-bit numbers kept as floats
RUNNING = ("batch", "callback", "progress")  # options of `generate` that do not shape the sound
INNER = ("ldm", "prompts", "seconds", "start", "project", "seams")  # what an edit sets itself


@dataclass(frozen=True)
class Job:
    """A checked edit of P sounds: wav (P, N) at the model's rate, their labels, a prompt for each, and the options."""

    ldm: AudioLDM
    wav: Tensor
    labels: tuple[str, ...]
    prompts: list[Prompt]
    options: Options
    asked: dict  # the options as they go on to `generate`
    own: bool = False  # each sound is its own prompt
    circular: int = 0  # latent frames by which the ends are continued with each other: see `Seams`

    @cached_property
    def z(self) -> Tensor:
        """(P, C, T/r, 64/r) scaled latents of the sounds, on the CPU: the posterior's mean."""
        samples = self.circular * self.ldm.config.autoencoder.ratio * self.ldm.config.mel.hop_length
        z = self.encode(self.ldm.wav_to_mel(wrap(self.wav[..., None], samples)[..., 0]))
        return z[:, :, self.circular : z.shape[2] - self.circular]

    def encode(self, mel: Tensor) -> Tensor:
        """mel (P, T, 64) -> z (P, C, T/r, 64/r) on the CPU; a row at a time, so that a sound's latent is its own."""
        return torch.cat([self.ldm.mel_to_latent(row[None]).cpu() for row in mel])

    @property
    def items(self) -> list[Item]:
        """The sounds to be made, in the order of `generate`'s rows."""
        seeds, kept = self.options.seeds, self.options.candidates
        return [Item(p, k, seeds[p]) for p in range(len(seeds)) for k in range(kept)]

    def noised(self, z: Tensor, sigma: float) -> Tensor:
        """x (P K, C, T/r, 64/r) = z + sigma * noise, each item with the very noise that `generate` would start from."""
        return torch.stack([z[item.prompt] + sigma * item.noise(tuple(z.shape[1:]), "start") for item in self.items])

    def padded(self, before: int, after: int) -> Job:
        """The same job with so many samples of silence before and after each sound; a negative number cuts."""
        wav = torch.nn.functional.pad(self.wav, (before, after))
        check_length(wav.shape[1] / self.ldm.sample_rate, "the sound asked for")
        return replace(self, wav=wav, options=replace(self.options, seconds=wav.shape[1] / self.ldm.sample_rate))

    def run(self, name: str, *, start: tuple[Tensor, Tensor] | None = None, project: Callable | None = None,
            note: dict | None = None, **seams) -> Result:
        """`generate` with these seams; the Result knows its sources, and its config["edit"] what was done to them."""
        note = {"name": name, "sounds": list(self.labels)} | (note or {})
        return generate(self.ldm, self.prompts, seconds=self.options.seconds, start=start, project=project,
                        seams=Seams(source=self.wav, note=note, circular=self.circular, **seams), **self.asked)


def check_job(ldm: AudioLDM, sound, prompt, *, sample_rate: int = 16000, **asked) -> Job:
    """Pair sounds with prompts and check everything before any work.

    sound: see `read_sounds`. prompt: as for `generate`; None = each sound is its own prompt. One sound meets every prompt,
    one prompt every sound; otherwise their numbers must agree. Raises AudioInputError, OptionError, PromptError.
    """
    known = [name for name in inspect.signature(generate).parameters if name not in INNER]
    if "seconds" in asked:
        raise OptionError("seconds: an edit is as long as its sound; `extend` makes a sound longer, load(seconds=) cuts one")
    for name in asked:
        if name not in known:
            raise OptionError(unknown("option", name, known))
    wav, labels = read_sounds(sound, ldm.sample_rate, sample_rate=sample_rate)
    prompts = own_prompts(wav, labels) if prompt is None else check_prompts(prompt)
    count = max(len(wav), len(prompts))
    if len(wav) not in (1, count) or len(prompts) not in (1, count):
        raise OptionError(f"got {len(wav)} sounds and {len(prompts)} prompts, expected one of either or equal numbers")
    seconds = wav.shape[1] / ldm.sample_rate
    checked = {name: value for name, value in asked.items() if name not in RUNNING}
    options = check_options(ldm.config, count, seconds=seconds, **checked)
    if asked.get("batch") is not None:
        whole("batch", asked["batch"], 1, 4096)
    return Job(ldm, wav.expand(count, -1) if len(wav) == 1 else wav, labels * (count // len(labels)),
               prompts * (count // len(prompts)), options, asked, own=prompt is None)


def own_prompts(wav: Tensor, labels: Sequence[str]) -> list[Prompt]:
    """Each sound (P, N) as its own prompt."""
    return [Prompt(label=f"[sound of {label}]", wav=row[None]) for row, label in zip(wav, labels)]


def read_sounds(sound, rate: int, *, sample_rate: int = 16000) -> tuple[Tensor, tuple[str, ...]]:
    """(wav (S, N) at `rate`, S labels) of what an edit was given.

    sound: a file (path or text), whose channels are averaged; an array or tensor, (N,) or (S, N): S mono sounds at
    `sample_rate`; or a list of files and arrays, each one sound, (N,) or (channels, N), which is averaged. Whole numbers
    are scaled to [-1, 1]. Any rate is converted. Raises AudioInputError for what is missing, empty, not finite, far outside
    [-1, 1], shorter than 0.1 s, longer than 600 s, or for several sounds of different lengths.
    """
    whole("sample_rate", sample_rate, 1000, 768000)
    if isinstance(sound, (str, os.PathLike)):
        sound = [Path(sound)]
    elif isinstance(sound, torch.Tensor) or hasattr(sound, "__array__"):
        array = np.asarray(sound.detach().cpu() if isinstance(sound, torch.Tensor) else sound)
        if array.ndim not in (1, 2):
            raise AudioInputError(f"sound: got shape {array.shape}, expected (N,) or (S, N): S mono sounds")
        sound = list(np.atleast_2d(array))
    if not isinstance(sound, Sequence) or not sound:
        got = "an empty list" if isinstance(sound, Sequence) else type(sound).__name__
        raise AudioInputError(f"sound: got {got}, expected a file, an array (N,) or (S, N), or a list of those")
    names = ["sound"] if len(sound) == 1 else [f"sound {i}" for i in range(len(sound))]
    wavs = [_one(part, rate, sample_rate, name) for part, name in zip(sound, names)]
    lengths = sorted({wav.shape[1] for wav in wavs})
    if len(lengths) > 1:
        raise AudioInputError(f"sound: got lengths from {lengths[0] / rate:.2f} to {lengths[-1] / rate:.2f} s, expected one "
                              "length for all; edit them one by one, or cut them to one length")
    labels = [part.name if isinstance(part, os.PathLike) else f"{lengths[0] / rate:.2f} s" for part in map(_path, sound)]
    return torch.cat(wavs), tuple(labels)


def _path(part: object) -> object:
    return Path(part) if isinstance(part, (str, os.PathLike)) else part


def _one(part: object, rate: int, sample_rate: int, name: str) -> Tensor:
    """(1, N) of one sound, checked."""
    if isinstance(part, (str, os.PathLike)):
        name, wav = str(part), load(part, sample_rate=rate)
    elif isinstance(part, torch.Tensor) or hasattr(part, "__array__"):
        wav = prepare(part, sample_rate, sample_rate=rate, name=name)
    else:
        raise AudioInputError(f"{name}: got {type(part).__name__}, expected a file or an array of samples")
    check_length(wav.shape[1] / rate, name)
    level = float(wav.abs().max())
    if level > MAX_LEVEL:
        raise AudioInputError(f"{name}: got samples up to {level:.3g}, expected [-1, 1]; divide by the full scale (32768 for "
                              "16-bit numbers)")
    return wav  # what a filter has pushed a little beyond 1 is clipped in the result, not before it is edited


def check_length(seconds: float, name: str) -> None:
    """AudioInputError unless an edit can work on so many seconds."""
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        do = "repeat it or add silence" if seconds < MIN_SECONDS else "cut it: load(path, start=, seconds=) reads a part"
        raise AudioInputError(f"{name}: got {seconds:.3g} s, expected {MIN_SECONDS:g} to {MAX_SECONDS:g} s; {do}")
