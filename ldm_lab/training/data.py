"""From clips of any length to windows of one length, by a pure function of (seed, name, step, item).

Long clips are cropped. Short ones are not padded with silence, which is cheap loss and teaches little: they are repeated
with small gaps, as a listener would loop them. Order and crops depend on nothing but the seed, so a run that was stopped
goes on exactly as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.windows import place
from ldm_lab.errors import TrainingError
from ldm_lab.rng import Rng

MAX_WINDOWS = 4  # windows a long clip counts for in one epoch


@dataclass(frozen=True)
class Sounds:
    """Many clips in one int16 array: clip i is ``samples[offsets[i] : offsets[i + 1]]``."""

    samples: np.ndarray
    offsets: np.ndarray
    names: Sequence[str]
    captions: Sequence[tuple[str, ...]] = field(default_factory=tuple)
    categories: Sequence[str] = field(default_factory=tuple)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> np.ndarray:
        """Clip `index` as float32 (N,) in [-1, 1]."""
        return self.samples[self.offsets[index] : self.offsets[index + 1]].astype(np.float32) / 32768.0

    def seconds(self, index: int, rate: int = 16000) -> float:
        return float(self.offsets[index + 1] - self.offsets[index]) / rate


def corpus_sounds(split: str, *, kinds: Sequence[str] | None = None) -> Sounds:
    """The clips of a split ("train", "valid", "test") of the shipped corpus; `kinds` keeps only some (e.g. recorded)."""
    from ldm_lab.corpus import open_corpus

    corpus = open_corpus()
    samples, offsets = corpus.read_all()
    chosen = [i for i, clip in enumerate(corpus.clips) if clip.split == split and (not kinds or clip.kind in kinds)]
    if not chosen:
        raise TrainingError(f"the corpus has no clips in split {split!r}{f' of kind {kinds}' if kinds else ''}")
    parts = [samples[offsets[i] : offsets[i + 1]] for i in chosen]
    ends = np.concatenate([[0], np.cumsum([len(p) for p in parts])])
    clips = [corpus.clips[i] for i in chosen]
    return Sounds(np.concatenate(parts), ends, [c.file for c in clips], [c.captions for c in clips],
                  [c.category for c in clips])


def folder_sounds(folder: str | Path, *, sample_rate: int = 16000) -> Sounds:
    """Every sound file below `folder`, mono at `sample_rate`; unreadable files are an error that names them all."""
    from ldm_lab.audio.io import load
    from ldm_lab.errors import AudioInputError

    endings = {".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".opus"}
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in endings)
    parts, bad = [], []
    for path in paths:
        try:
            wav = load(path, sample_rate=sample_rate)[0].numpy()
            parts.append(np.round(np.clip(wav, -1, 1) * 32767).astype(np.int16))
        except AudioInputError as error:
            bad.append(str(error))
    if bad or not parts:
        what = "; ".join(bad[:5]) if bad else "no sound files found"
        raise TrainingError(f"{folder}: {what}; remove or convert them (read: {', '.join(sorted(endings))})")
    return Sounds(np.concatenate(parts), np.concatenate([[0], np.cumsum([len(p) for p in parts])]),
                  [str(p.relative_to(folder)) for p in paths])


class Windows:
    """Batches of windows. One epoch takes each clip once for every window it could fill, at most `MAX_WINDOWS` times."""

    def __init__(self, sounds: Sounds, seconds: float, *, seed: int, rate: int = 16000, gain_db: float = 6.0) -> None:
        self.sounds, self.rng, self.gain_db = sounds, Rng(seed), gain_db
        self.samples = round(seconds * rate)
        counts = [min(MAX_WINDOWS, max(1, math.ceil(sounds.seconds(i, rate) / seconds))) for i in range(len(sounds))]
        self.entries = np.repeat(np.arange(len(sounds)), counts)

    def __len__(self) -> int:
        return len(self.entries)

    def indices(self, step: int, batch: int) -> list[int]:
        """Clip indices of batch `step`: a fresh permutation every epoch, batches run on across its end."""
        chosen = []
        for position in range(step * batch, (step + 1) * batch):
            epoch, place_in_epoch = divmod(position, len(self.entries))
            chosen.append(int(self.entries[self._order(epoch)[place_in_epoch]]))
        return chosen

    def _order(self, epoch: int) -> np.ndarray:
        if getattr(self, "_cached", (None,))[0] != epoch:
            self._cached = (epoch, self.rng.numpy("epoch", epoch).permutation(len(self.entries)))
        return self._cached[1]

    def window(self, clip: int, *key: int) -> np.ndarray:
        """The window of clip `clip` that belongs to `key`, with its random gain."""
        random = self.rng.numpy("window", clip, *key)
        wav = place(self.sounds.read(clip), self.samples, random)
        return wav * np.float32(10 ** (random.uniform(-self.gain_db, 0.0) / 20))

    def batch(self, step: int, batch: int) -> tuple[Tensor, list[int]]:
        """wav (batch, N) float32 of step `step`, and the clips it came from."""
        clips = self.indices(step, batch)
        wavs = [self.window(clip, step, item) for item, clip in enumerate(clips)]
        return torch.from_numpy(np.stack(wavs)), clips


def fixed_windows(sounds: Sounds, seconds: float, *, count: int | None = None, rate: int = 16000) -> tuple[Tensor, list[int]]:
    """One window of each of the first `count` clips in a fixed shuffled order: what is measured on, always the same."""
    order = Rng(0).numpy("fixed order").permutation(len(sounds))[:count]
    rng = Rng(0)
    wavs = [place(sounds.read(int(i)), round(seconds * rate), rng.numpy("fixed window", int(i))) for i in order]
    return torch.from_numpy(np.stack(wavs)), [int(i) for i in order]
