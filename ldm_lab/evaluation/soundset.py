"""A folder of sounds: which files there are, whether each is fit to be measured, and what a listener hears in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.io import load
from ldm_lab.checkpoint.files import read_tensors, sha256, write_tensors
from ldm_lab.corpus.reader import cache_folder
from ldm_lab.errors import AudioInputError, CheckpointError, OptionError
from ldm_lab.evaluation.backbones import Backbone

log = logging.getLogger(__name__)
T = TypeVar("T")

ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64")
RESAMPLER = "soxr HQ"
SILENT_PEAK = 1e-3  # -60 dB of full scale: nothing to hear, and classifiers are known to like it
CLIPPED_SHARE = 0.01  # of samples at full scale
CACHE_FORMAT = 1  # of cached features: another number when reading, mixing or resampling changes


@dataclass(frozen=True)
class Sound:
    """A file that was read once: SHA-256 of its bytes, length, loudest sample, and share of samples at full scale."""

    path: Path
    digest: str
    seconds: float
    peak: float
    clipped: float

    @property
    def name(self) -> str:
        """What pairs it with a file of the other folder: the file name without its ending."""
        return self.path.stem


@dataclass(frozen=True)
class SoundSet:
    """The sounds of one folder, sorted by name."""

    folder: Path
    sounds: tuple[Sound, ...]
    skipped: dict[str, str]  # file name: why

    def __len__(self) -> int:
        return len(self.sounds)

    @property
    def names(self) -> list[str]:
        return [sound.name for sound in self.sounds]

    @property
    def seconds(self) -> float:
        return sum(sound.seconds for sound in self.sounds)


def progress_bar(items: Sequence[T], words: str, progress: bool) -> Iterable[T]:
    """`items` with a bar on stderr."""
    from tqdm import tqdm

    return tqdm(items, desc=words, unit="file", disable=not progress, leave=False)


def few(names: Sequence[str], count: int = 5) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


def open_folder(folder: str | os.PathLike, *, skip_broken: bool = False, progress: bool = True) -> SoundSet:
    """Read every sound file of `folder` (not of folders in it) once, sorted by name.

    Raises AudioInputError if the folder holds no sounds, if two files have one name, if all sounds are silent, or if
    files cannot be read, are empty or hold NaN: all of them are named, or left out and reported with `skip_broken`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AudioInputError(f"{folder}: not a folder; name the folder that holds the sound files")
    paths = [path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith(".")]
    paths.sort(key=lambda path: path.stem)
    if not paths:
        inside = sorted({path.parent.name for path in folder.glob("*/*") if path.suffix.lower() in ENDINGS})
        hint = f"; there are some in {few(inside)}" if inside else ""
        raise AudioInputError(f"{folder}: no sound files ({', '.join(ENDINGS[:6])}, ...){hint}")
    stems = [path.stem for path in paths]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1}) if len(set(stems)) < len(stems) else []
    if twice:
        raise AudioInputError(f"{folder}: several files are called {few(twice)}, up to the ending; names must be unique")
    sounds, broken = [], {}
    for path in progress_bar(paths, f"reading {folder.name}", progress):
        try:
            sounds.append(_read(path))
        except AudioInputError as error:
            broken[path.name] = str(error).removeprefix(f"{path}: ")
    if broken and not (skip_broken and sounds):
        told = "; ".join(f"{name}: {why}" for name, why in list(broken.items())[:5])
        raise AudioInputError(f"{folder}: {len(broken)} of {len(paths)} files cannot be measured: {told}"
                              f"{' ...' if len(broken) > 5 else ''}; repair or remove them, or use skip_broken")
    if all(sound.peak < SILENT_PEAK for sound in sounds):
        raise AudioInputError(f"{folder}: every sound is silent (peak below {SILENT_PEAK:g}); there is nothing to measure")
    return SoundSet(folder, tuple(sounds), broken)


def _read(path: Path) -> Sound:
    wav = load(path)
    loudness = wav.abs()
    clipped = float((loudness >= 0.999).float().mean())
    return Sound(path, sha256(path), wav.shape[1] / 16000, float(loudness.max()), clipped)


def pair(generated: SoundSet, reference: SoundSet) -> tuple[list[str], list[str]]:
    """Names that only the generated and only the reference folder has; both empty if all sounds pair up."""
    ours, theirs = set(generated.names), set(reference.names)
    return sorted(ours - theirs), sorted(theirs - ours)


def doubts(sounds: SoundSet, words: str) -> list[str]:
    """What a reader of the figures should know of these sounds: silent, clipped, doubled and left-out files, by name.
    """
    found = []
    for which, names in (
        ("silent (a listener may like silence)", [s.name for s in sounds.sounds if s.peak < SILENT_PEAK]),
        ("clipped", [s.name for s in sounds.sounds if s.clipped > CLIPPED_SHARE]),
        ("left out as broken", list(sounds.skipped)),
    ):
        if names:
            found.append(f"{words}: {len(names)} of {len(sounds) + len(sounds.skipped)} sounds {which}: {few(names)}")
    seen: dict[str, str] = {}
    copies = [f"{s.name} = {seen[s.digest]}" for s in sounds.sounds if seen.setdefault(s.digest, s.name) != s.name]
    if copies:
        found.append(f"{words}: {len(copies)} files are copies of others: {few(copies)}")
    return found


@dataclass(frozen=True)
class Heard:
    """What a listener heard in a folder: feature rows of each file, and its logits if it has any."""

    rows: tuple[np.ndarray, ...]  # (r_i, D) for each file
    logits: np.ndarray | None  # (N, K)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def counts(self) -> np.ndarray:
        """(N,) rows of each file."""
        return np.array([len(rows) for rows in self.rows])

    def features(self, files: np.ndarray | None = None) -> np.ndarray:
        """(R, D) rows of all files, or of the files with these indices, in order."""
        return np.concatenate(self.rows if files is None else [self.rows[i] for i in files])


def listen(sounds: SoundSet, backbone: Backbone, *, batch: int = 16, cache: bool = True, progress: bool = True) -> Heard:
    """Features of every sound by `backbone`, at its sample rate, in batches of equal length.

    Features are kept in the user's cache folder under the SHA-256 of the sound's bytes and the listener's fingerprint,
    so that a file that changes is heard anew whatever its name. Raises AudioInputError if a sound gives features that
    are not finite.
    """
    found: dict[str, dict[str, Tensor]] = {}
    folder = cache_folder() / "features" / f"{backbone.name}-{backbone.fingerprint}-{CACHE_FORMAT}"
    place: Callable[[Sound], Path] = lambda sound: folder / sound.digest[:2] / f"{sound.digest}.safetensors"
    missing = {}
    for sound in sounds.sounds:
        kept = _kept(place(sound)) if cache else None
        if kept is None:
            missing.setdefault(sound.digest, sound)
        else:
            found[sound.digest] = kept
    words = f"{backbone.name} hears {sounds.folder.name}"
    for part, wav in _batches(list(missing.values()), backbone.sample_rate, batch, words, progress):
        heard = backbone.features(wav)
        for number, sound in enumerate(part):
            values = {key: value.chunk(len(part))[number].float().cpu().clone()
                      for key, value in heard.items() if value is not None}
            if not all(torch.isfinite(value).all() for value in values.values()):
                raise AudioInputError(f"{sound.path}: {backbone.name} gives NaN or infinite features; look at this file")
            found[sound.digest] = values
            if cache:
                place(sound).parent.mkdir(parents=True, exist_ok=True)
                write_tensors(place(sound), values)
    ordered = [found[sound.digest] for sound in sounds.sounds]
    logits = torch.cat([values["logits"] for values in ordered]).numpy() if "logits" in ordered[0] else None
    return Heard(tuple(values["features"].numpy() for values in ordered), logits)


def _kept(path: Path) -> dict[str, Tensor] | None:
    """Cached features, or None if there are none or the file is damaged."""
    if not path.is_file():
        return None
    try:
        return read_tensors(path)
    except CheckpointError as error:
        log.warning("%s; these features are made again", error)
        return None


def _batches(sounds: list[Sound], sample_rate: int, batch: int, words: str,
             progress: bool) -> Iterator[tuple[list[Sound], Tensor]]:
    """Sounds of one length together, at most `batch` of them: no sound is padded for the sake of another."""
    if batch < 1:
        raise OptionError(f"batch: got {batch}, expected at least 1")
    waiting: list[tuple[Sound, Tensor]] = []
    for sound in progress_bar(sorted(sounds, key=lambda sound: sound.seconds), words, progress):
        wav = load(sound.path, sample_rate=sample_rate)
        if waiting and (len(waiting) == batch or waiting[0][1].shape != wav.shape):
            yield [s for s, _ in waiting], torch.cat([w for _, w in waiting])
            waiting = []
        waiting.append((sound, wav))
    if waiting:
        yield [s for s, _ in waiting], torch.cat([w for _, w in waiting])
