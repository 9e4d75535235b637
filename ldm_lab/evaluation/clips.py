"""What is measured on: clips of a split, chosen evenly over categories and recordings, cut to windows of one length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.windows import place
from ldm_lab.errors import OptionError
from ldm_lab.rng import Rng


class ClipLike(Protocol):
    """The columns of a corpus clip that measuring reads."""

    file: str
    category: str
    captions: tuple[str, ...]
    split: str
    group: str
    kind: str


class CorpusLike(Protocol):
    """Clips of splits, and their sound; `ldm_lab.corpus.Corpus` is one."""

    def split(self, name: str) -> Sequence[ClipLike]: ...
    def read(self, clip: ClipLike) -> np.ndarray: ...


@dataclass(frozen=True)
class Windows:
    """wav (N, samples) and the clip each row was cut from."""

    wav: Tensor
    clips: tuple[ClipLike, ...]

    def __len__(self) -> int:
        return len(self.clips)

    def column(self, name: str) -> list:
        """One column of the table of clips, e.g. `category`."""
        return [getattr(clip, name) for clip in self.clips]

    def first(self, n: int) -> Windows:
        """The first n: a smaller set that is just as even."""
        return Windows(self.wav[:n], self.clips[:n])


def choose(clips: Sequence[ClipLike], count: int | None, *, seed: int) -> list[ClipLike]:
    """Up to `count` clips with one sound each (mixtures have two categories and are left out), evenly drawn.

    Categories take turns, within a category its recordings take turns, and the order is shuffled by `seed`: the first n
    of the list are as even as n clips can be. None = all.
    """
    random = Rng(seed).numpy("choose")
    shelves: dict[str, dict[str, list[ClipLike]]] = {}
    usable = sorted((clip for clip in clips if clip.kind != "mixed"), key=lambda clip: clip.file)
    if not usable:
        raise OptionError(f"got {len(clips)} clips without a single-sound one among them, expected at least one to measure on")
    for i in random.permutation(len(usable)):
        shelves.setdefault(usable[i].category, {}).setdefault(usable[i].group, []).append(usable[i])
    queues = [_turns(list(groups.values())) for _, groups in sorted(shelves.items())]
    return _turns(queues)[:count]


def _turns(queues: list[list]) -> list:
    """One of each queue, then the next of each: [[a, b], [c]] -> [a, c, b]."""
    longest = max(map(len, queues))
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)]


def cut(corpus: CorpusLike, clips: Sequence[ClipLike], samples: int, *, seed: int, name: str = "window") -> Windows:
    """A window of each clip by `audio.windows.place`, the function that training uses: a crop of a long clip (the loudest
    of three), a short one repeated with gaps. The window depends on seed, name and the clip's file only."""
    rng = Rng(seed)
    wavs = [place(corpus.read(clip), samples, rng.numpy(f"{name} {clip.file}")) for clip in clips]
    return Windows(torch.from_numpy(np.stack(wavs)), tuple(clips))


def cover(corpus: CorpusLike, clips: Sequence[ClipLike], samples: int, *, seed: int, most: int = 4) -> Windows:
    """Windows that cover every clip: as `cut` for short ones, for long ones up to `most` evenly spread crops."""
    rng, wavs, owners = Rng(seed), [], []
    for clip in clips:
        wav = corpus.read(clip)
        if len(wav) <= samples:
            wavs.append(place(wav, samples, rng.numpy(f"cover {clip.file}")))
            owners.append(clip)
            continue
        count = min(most, 1 + -(-(len(wav) - samples) // samples))
        for start in np.linspace(0, len(wav) - samples, count).astype(int):
            wavs.append(wav[start : start + samples].astype(np.float32))
            owners.append(clip)
    return Windows(torch.from_numpy(np.stack(wavs)), tuple(owners))
