"""Measures of sounds that belong together: a reference and what was made of it, or a prompt and what was made for it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.io import load
from ldm_lab.errors import OptionError, PromptError
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.backbones.own import ClapBackbone
from ldm_lab.evaluation.distances import clap_score
from ldm_lab.evaluation.measures import Measured
from ldm_lab.evaluation.soundset import SILENT_PEAK, Heard, SoundSet, few, progress_bar
from ldm_lab.evaluation.spectral import level, log_spectral_distance, mel_picture, psnr, ssim
from ldm_lab.rng import Rng

LATE_FRAMES = 7  # of 10 ms: how late audioldm_eval's HiFi-GAN is
SHORTER = 0.9  # pairs whose lengths differ more than this are named


def compare_sounds(generated: SoundSet, reference: SoundSet, metrics: Sequence[str], *, sample_rate: int, seed: int,
                   resamples: int | None = None, progress: bool = True) -> tuple[list[Measured], dict[str, np.ndarray]]:
    """LSD, PSNR and SSIM of pairs by name, at `sample_rate`, one pair in memory at a time; figures and the value of
    each pair.

    The longer sound of a pair is cut. Pairs with a silent sound have no `lsd_offset`, and pairs with equal pictures no
    PSNR.
    """
    ours = {sound.name: sound for sound in generated.sounds}
    values: dict[str, list[float]] = {name: [] for name in metrics}
    unequal, silent = [], []
    for theirs in progress_bar(reference.sounds, "comparing pairs", progress):
        mine = ours[theirs.name]
        pair = [load(sound.path, sample_rate=sample_rate) for sound in (theirs, mine)]
        lengths = sorted(wav.shape[1] for wav in pair)
        if lengths[0] < SHORTER * lengths[1]:
            unequal.append(theirs.name)
        if min(theirs.peak, mine.peak) < SILENT_PEAK:
            silent.append(theirs.name)
        try:
            found = _one_pair(pair[0], pair[1], metrics, sample_rate)
        except OptionError as error:
            raise OptionError(f"{theirs.path.name} against {mine.path.name}: {error}") from error
        for name in metrics:
            values[name].append(found[name])
    arrays = {name: np.array(column) for name, column in values.items()}
    doubts = [f"pairs: {len(unequal)} of very different length, the longer was cut: {few(unequal)}"] if unequal else []
    doubts += [f"pairs: {len(silent)} with a silent sound: {few(silent)}"] if silent else []
    figures = []
    for name, column in arrays.items():
        usable = np.where(np.isfinite(column), column, np.nan)
        if not np.isfinite(usable).any():
            raise OptionError(f"{name}: no pair has a value (equal or silent sounds only); leave this metric out")
        figure = statistics.mean(usable, seed=seed, resamples=resamples)
        facts = {"sample_rate": sample_rate, "median": float(np.nanmedian(usable)),
                 "left_out": int(np.isnan(usable).sum())}
        figures.append(Measured(name, "sound", figure, len(reference), facts, tuple(doubts)))
    return figures, arrays


def _one_pair(reference: Tensor, estimate: Tensor, metrics: Sequence[str], sample_rate: int) -> dict[str, float]:
    """Values of one pair of (1, N) and (1, M)."""
    length = min(reference.shape[1], estimate.shape[1])
    found: dict[str, float] = {}
    if "lsd" in metrics:
        cut = reference[:, :length], estimate[:, :length]
        found["lsd"] = log_spectral_distance(*cut, sample_rate=sample_rate).item()
    if "lsd_offset" in metrics:
        late = LATE_FRAMES * (sample_rate // 100)
        heard = [wav for wav in (reference, estimate[:, late:]) if wav.numel()]
        found["lsd_offset"] = float("nan")
        if all((wav - wav.mean()).abs().max() >= SILENT_PEAK for wav in heard):
            pair = level(reference, estimate, drop=late)
            found["lsd_offset"] = log_spectral_distance(*pair, sample_rate=sample_rate).item()
    if {"psnr", "ssim"} & set(metrics):
        pictures = [mel_picture(wav, sample_rate=sample_rate) for wav in (estimate, reference)]
        frames = min(picture.shape[1] for picture in pictures)
        pictures = [picture[:, :frames] for picture in pictures]
        found["psnr"] = psnr(*pictures).item()
        found["ssim"] = ssim(*pictures).item()
    return found


def read_prompts(source: str | os.PathLike | Mapping[str, str], names: Sequence[str]) -> list[str]:
    """The prompt of each sound in `names`, from {name: prompt} or a CSV file with the columns file (or name) and
    prompt.

    File names count without their ending. Raises PromptError for a file that is something else, sounds without a
    prompt, or two prompts for one sound.
    """
    if isinstance(source, Mapping):
        rows = list(source.items())
    else:
        path = Path(source)
        if not path.is_file():
            raise PromptError(f"{path}: no such file; expected a CSV file with the columns file and prompt")
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            columns = {name.strip().lower(): name for name in table.fieldnames or []}
            key = next((columns[name] for name in ("file", "name", "filename") if name in columns), None)
            text = next((columns[name] for name in ("prompt", "caption", "text") if name in columns), None)
            if key is None or text is None:
                raise PromptError(f"{path}: got the columns {', '.join(columns) or '(none)'}, expected file and prompt")
            rows = [(row[key] or "", row[text] or "") for row in table]
    prompts: dict[str, str] = {}
    known = set(names)
    for name, prompt in rows:
        name = name if name in known else Path(name).stem
        if prompts.setdefault(name, prompt) != prompt:
            raise PromptError(f"prompts: two different ones for {name!r}; give one prompt a sound")
    missing = [name for name in names if not prompts.get(name, "").strip()]
    if missing:
        raise PromptError(f"prompts: none for {len(missing)} of {len(names)} sounds: {few(missing)}")
    return [prompts[name] for name in names]


def compare_prompts(heard: Heard, prompts: list[str], listener: ClapBackbone, *, seed: int,
                    resamples: int | None = None) -> tuple[Measured, np.ndarray]:
    """CLAP score of sounds and their prompts; beside it that of the same sounds with each other's prompts."""
    text = listener.text(prompts)
    audio = torch.from_numpy(heard.features())
    values = clap_score(text, audio)
    order = Rng(seed).numpy("strangers").permutation(len(prompts))
    facts = {"shuffled": float(clap_score(text[torch.from_numpy(order)], audio).mean()), "clap_of": listener.model_name}
    return Measured("clap", "clap", statistics.mean(values, seed=seed, resamples=resamples), 0, facts), values
