"""What a caller may ask of `generate`: every value is checked here, before any heavy work.

A message says what was got, what was expected and what to do.
"""

from __future__ import annotations

import logging
import math
import operator
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ldm_lab.audio.io import check_wav, load
from ldm_lab.config import ModelConfig
from ldm_lab.diffusion.samplers import SAMPLERS, find_sampler
from ldm_lab.diffusion.schedule import GRIDS
from ldm_lab.errors import AudioInputError, OptionError, PromptError, unknown

log = logging.getLogger(__name__)

MIN_SECONDS, MAX_SECONDS = 0.1, 600.0
MAX_GUIDANCE = 100.0
MAX_CANDIDATES = 256
MAX_PROMPT = 100_000  # characters; what the text tower cannot read of a shorter one is cut by the tower, with a warning
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Prompt:
    """One condition: words, a sound to be imitated (wav (1, N)), or a ready embedding (1, E). `label` is what is shown."""

    label: str
    text: str | None = None
    wav: Tensor | None = None
    emb: Tensor | None = None


def clean_text(text: object, name: str = "prompt") -> str:
    """`text` with control characters and lone surrogates turned into spaces and runs of spaces made one.

    Any language, emoji and the empty string pass; the empty prompt means "any sound" (unconditional). Raises PromptError
    for anything but str, and for more than 100,000 characters.
    """
    if not isinstance(text, str):
        hint = "; decode it first: prompt.decode('utf-8')" if isinstance(text, bytes) else ""
        raise PromptError(f"{name}: got {type(text).__name__} {text!r:.40}, expected text (str){hint}")
    if len(text) > MAX_PROMPT:
        raise PromptError(f"{name}: got {len(text)} characters, expected at most {MAX_PROMPT}; shorten it to a sentence")
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text).split())


def check_prompts(prompts: object) -> list[Prompt]:
    """One prompt or a list of them. A str is words; a Path a sound file; a tensor or array a 16 kHz sound, (N,) or (1, N)."""
    if isinstance(prompts, (str, bytes, os.PathLike, Tensor, Prompt)) or hasattr(prompts, "__array__"):
        prompts = [prompts]
    if not isinstance(prompts, Sequence):
        raise PromptError(f"prompts: got {type(prompts).__name__}, expected text (str) or a list of texts")
    if not prompts:
        raise PromptError('prompts: got an empty list, expected at least one prompt ("" for any sound)')
    names = ["prompt"] if len(prompts) == 1 else [f"prompt {i}" for i in range(len(prompts))]
    return [_prompt(prompt, name) for prompt, name in zip(prompts, names)]


def _prompt(prompt: object, name: str) -> Prompt:
    if isinstance(prompt, Prompt):
        return prompt
    if isinstance(prompt, Path):
        return Prompt(label=f"[sound of {prompt.name}]", wav=load(prompt))
    if isinstance(prompt, Tensor) or hasattr(prompt, "__array__"):
        wav = check_wav(prompt, name=name)
        if wav.shape[0] != 1:
            raise AudioInputError(f"{name}: got {wav.shape[0]} channels, expected one; give several sounds as a list")
        return Prompt(label=f"[sound of {wav.shape[1] / 16000:.2f} s]", wav=wav)
    text = clean_text(prompt, name)
    return Prompt(label=text, text=text)


def whole(name: str, value: object, low: int, high: int, hint: str = "") -> int:
    """`value` as int if it is a whole number (numpy's count, bool does not) from `low` to `high`; else OptionError."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise OptionError(f"{name}: got {value!r}, expected a whole number from {low} to {high}{hint}")
    return number


def real(name: str, value: object, low: float, high: float, hint: str = "") -> float:
    """`value` as float if it is a finite number (no bool, no text) from `low` to `high`; else OptionError."""
    try:
        number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not low <= number <= high:
        raise OptionError(f"{name}: got {value!r}, expected a number from {low:g} to {high:g}{hint}")
    return number


@dataclass(frozen=True)
class Options:
    """Everything `generate` was asked for, checked and with the model's defaults filled in; `seeds` has one per prompt."""

    seconds: float
    steps: int
    sampler: str
    grid: str
    guidance: float
    negative: tuple[str, ...]
    candidates: int
    seeds: tuple[int, ...]
    eta: float
    rescale: float
    interval: tuple[float, float] | None


def check_options(config: ModelConfig, count: int, *, seconds=None, steps=None, sampler=None, grid=None, guidance=None,
                  negative="", candidates=1, seed=0, eta=None, rescale=0.0, interval=None) -> Options:
    """Options for `count` prompts; None takes the model's default (eta: the sampler's). Raises OptionError, PromptError."""
    sampler = config.default_sampler if sampler is None else sampler
    if not isinstance(sampler, str):
        raise OptionError(f"sampler: got {sampler!r}, expected a name such as 'ddim'")
    found = find_sampler(sampler)
    grid = found.grid if grid is None else grid
    if grid not in GRIDS:
        raise OptionError(unknown("step grid", grid, GRIDS))
    eta = real("eta", (found.eta or 0.0) if eta is None else eta, 0.0, 1.0)
    if eta and found.eta is None:
        able = " or ".join(f"sampler={name!r}" for name, other in SAMPLERS.items() if other.eta is not None)
        raise OptionError(f"eta: got {eta:g}, but the sampler {sampler!r} has no such choice; use {able}")
    return Options(
        seconds=real("seconds", config.window_seconds if seconds is None else seconds, MIN_SECONDS, MAX_SECONDS),
        steps=whole("steps", config.default_steps if steps is None else steps, 1, config.diffusion.steps),
        sampler=sampler,
        grid=grid,
        guidance=real("guidance", config.default_guidance if guidance is None else guidance, 0.0, MAX_GUIDANCE,
                      " (1 = no guidance, 3 is usual)"),
        negative=_negatives(negative, count),
        candidates=whole("candidates", candidates, 1, MAX_CANDIDATES),
        seeds=_seeds(seed, count),
        eta=eta,
        rescale=real("rescale", rescale, 0.0, 1.0),
        interval=_interval(interval),
    )


def _seeds(seed: object, count: int) -> tuple[int, ...]:
    if not isinstance(seed, Sequence) or isinstance(seed, (str, bytes)):
        return (whole("seed", seed, 0, MAX_SEED),) * count
    if len(seed) != count:
        raise OptionError(f"seed: got {len(seed)} seeds for {count} prompts, expected one number or one for each prompt")
    return tuple(whole(f"seed {i}", value, 0, MAX_SEED) for i, value in enumerate(seed))


def _negatives(negative: object, count: int) -> tuple[str, ...]:
    if isinstance(negative, str) or not isinstance(negative, Sequence) or isinstance(negative, bytes):
        return (clean_text(negative, "negative"),) * count
    if len(negative) != count:
        raise OptionError(f"negative: got {len(negative)} texts for {count} prompts, expected one or one for each prompt")
    return tuple(clean_text(text, f"negative {i}") for i, text in enumerate(negative))


def _interval(interval: object) -> tuple[float, float] | None:
    if interval is None:
        return None
    if not isinstance(interval, Sequence) or isinstance(interval, (str, bytes)) or len(interval) != 2:
        raise OptionError(f"interval: got {interval!r}, expected (low, high) in sigma, or None")
    low, high = (real("interval", value, 0.0, 1e6) for value in interval)
    if low >= high:
        raise OptionError(f"interval: got {interval!r}, expected low < high (in sigma)")
    return low, high


def check_start(start: object, prompts: int, candidates: int, latent: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(x, sigmas) of an edit: x (prompts or prompts * candidates, C, T, F) with C and F = `latent`; sigmas falling."""
    if not isinstance(start, Sequence) or len(start) != 2 or not all(isinstance(part, Tensor) for part in start):
        raise OptionError("start: expected a pair of tensors (x, sigmas)")
    x, sigmas = start
    fits = x.ndim == 4 and (x.shape[1], x.shape[3]) == latent and len(x) in (prompts, prompts * candidates)
    if not fits:
        want = f"({prompts} or {prompts * candidates}, {latent[0]}, T, {latent[1]})"
        raise OptionError(f"start: got x of shape {tuple(x.shape)}, expected {want}")
    if not torch.isfinite(x).all():
        raise OptionError("start: x holds NaN or infinity, expected finite numbers; check the sound it was made from")
    if sigmas.ndim != 1 or len(sigmas) < 1 or not bool((sigmas[1:] < sigmas[:-1]).all()) or sigmas[-1] < 0:
        raise OptionError("start: expected sigmas (S + 1,) that fall to a last value >= 0")
    rows = x if len(x) == prompts * candidates else x.repeat_interleave(candidates, dim=0)
    return rows.float(), sigmas.double().cpu()
