"""Real sounds for lessons, decoded one by one from the corpus that comes with the library."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ldm_lab.corpus import open_corpus
from ldm_lab.corpus.table import CATEGORIES, Clip
from ldm_lab.errors import CorpusError, OptionError, unknown
from ldm_lab.rng import Rng

RATE = 16000


@dataclass(frozen=True)
class Clips:
    """`wav` (n, N) float32 at 16 kHz in [-1, 1], and what is known of each sound."""

    wav: Tensor
    captions: list[str]
    categories: list[str]
    files: list[str]

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"Clips({len(self)} sounds of {self.wav.shape[1] / RATE:g} s: {', '.join(sorted(set(self.categories)))})"


@functools.cache
def _corpus():
    return open_corpus()


@functools.lru_cache(maxsize=4096)
def _read(file: str) -> np.ndarray:
    corpus = _corpus()
    return corpus.read(corpus.find(file))


def fit(wav: np.ndarray, samples: int) -> Tensor:
    """`samples` of a sound: its beginning, repeated if it is shorter. (N,) float32."""
    return torch.from_numpy(np.resize(wav, samples) if len(wav) < samples else wav[:samples]).float()


def clips(count: int, *, split: str = "train", category: str | tuple[str, ...] | None = None, seconds: float = 2.56,
          seed: int = 0, kind: str | None = None) -> Clips:
    """`count` sounds drawn from a split (``train``, ``valid``, ``test``), the same for the same `seed`.

    category: one or several of the corpus' 14 categories, drawn in turn, so that each has its share. kind: ``recorded``,
    ``rendered``, ``synthesised`` or ``mixed``. Only these sounds are decoded. Raises OptionError, CorpusError.
    """
    wanted = (category,) if isinstance(category, str) else tuple(category or ())
    for name in wanted:
        if name not in CATEGORIES:
            raise OptionError(unknown("category", name, CATEGORIES))
    pool = _corpus().split(split, kinds=kind) if kind else _corpus().split(split)
    groups = [[clip for clip in pool if clip.category == name] for name in wanted] if wanted else [list(pool)]
    for number, group in enumerate(groups):
        Rng(seed).numpy("clips", number).shuffle(group)
    chosen = [groups[i % len(groups)][i // len(groups)] for i in range(count) if i // len(groups) < len(groups[i % len(groups)])]
    if len(chosen) < count:
        raise OptionError(f"got count = {count}, but there are {len(chosen)} such sounds; ask for fewer or for other categories")
    return _load(chosen, seconds)


def _load(chosen: list[Clip], seconds: float) -> Clips:
    wav = torch.stack([fit(_read(clip.file), round(seconds * RATE)) for clip in chosen])
    return Clips(wav, [clip.caption for clip in chosen], [clip.category for clip in chosen], [clip.file for clip in chosen])


def clip(words: str, *, seconds: float = 2.56) -> Tensor:
    """One real sound (N,): of a file name such as ``animal/animal_00084.ogg``, or the first sound of the test split (then
    of the whole corpus) with a caption that holds all these words. CorpusError with near captions if there is none."""
    corpus = _corpus()
    if words.endswith(".ogg"):
        found = corpus.find(words)
    else:
        found = _search(words, corpus.split("test")) or _search(words, corpus.clips)
    if found is None:
        captions = [caption for one in corpus.clips for caption in one.captions]
        near = difflib.get_close_matches(words, captions, n=3, cutoff=0.3)
        raise CorpusError(f"no sound has a caption with the words {words!r}" + (f"; near: {'; '.join(near)}" if near else ""))
    return fit(_read(found.file), round(seconds * RATE))


def _search(words: str, pool: list[Clip]) -> Clip | None:
    whole, parts = words.lower(), words.lower().split()
    together = (one for one in pool if any(whole in caption.lower() for caption in one.captions))
    apart = (one for one in pool if any(all(part in caption.lower().split() for part in parts) for caption in one.captions))
    return next(together, None) or next(apart, None)
