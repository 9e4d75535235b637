"""Count the corpus: hours, clips and seconds per category, split, kind and licence, and the share of silence."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ldm_lab.corpus.reader import Corpus, open_corpus
from ldm_lab.corpus.table import CATEGORIES, KINDS, SAMPLE_RATE, SPLITS, Clip

SILENCE_DB = -60.0
"""A 10 ms frame whose RMS is under this many dB of full scale counts as silent (clips peak at about -1 dB)."""
_FRAME = SAMPLE_RATE // 100


def silent_frames(wav: np.ndarray) -> tuple[int, int]:
    """(silent, all) 10 ms frames of an int16 or float waveform (N,)."""
    if wav.dtype == np.int16:
        wav = wav.astype(np.float32) / 32767
    frames = wav[: len(wav) // _FRAME * _FRAME].reshape(-1, _FRAME)
    rms = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    return int((rms < 10 ** (SILENCE_DB / 20)).sum()), len(frames)


def _count(clips: Iterable[Clip]) -> dict[str, float]:
    clips = list(clips)
    return {
        "clips": len(clips), "seconds": round(sum(clip.seconds for clip in clips), 1), "groups": len({clip.group for clip in clips}),
    }  # fmt: skip


def stats(corpus: Corpus | None = None, *, sound: bool = True) -> dict:
    """Counts of the corpus as plain values; with `sound` also the share of silent frames (decodes everything once)."""
    corpus = corpus or open_corpus()
    clips = corpus.clips
    seconds = sorted(clip.seconds for clip in clips)
    out = {
        **_count(clips),
        "hours": round(sum(seconds) / 3600, 3),
        "median_seconds": round(seconds[len(seconds) // 2], 2),
        "captions": sum(len(clip.captions) for clip in clips),
        "different_captions": len({caption for clip in clips for caption in clip.captions}),
        "megabytes": round(sum(path.stat().st_size for path in corpus.folder.glob("*.zip")) / 1e6, 2),
        "split": {name: _count(clip for clip in clips if clip.split == name) for name in SPLITS},
        "kind": {name: _count(clip for clip in clips if clip.kind == name) for name in KINDS},
        "licence": {name: _count(c for c in clips if c.licence == name) for name in sorted({c.licence for c in clips})},
        "category": {name: _count(clip for clip in clips if clip.category == name) for name in CATEGORIES},
        "category_split": {
            name: {split: _count(c for c in clips if c.category == name and c.split == split) for split in SPLITS} for name in CATEGORIES
        },
        "category_kind": {
            name: {kind: _count(c for c in clips if c.category == name and c.kind == kind) for kind in KINDS} for name in CATEGORIES
        },
        "test_recorded": {name: _count(c for c in clips if c.category == name and c.split == "test" and c.kind == "recorded") for name in CATEGORIES},
    }  # fmt: skip
    if sound:
        out["silence"] = _silence(corpus)
    return out


def _silence(corpus: Corpus) -> dict[str, float]:
    sound, offsets = corpus.read_all()
    counts = {name: [0, 0] for name in CATEGORIES}
    for number, clip in enumerate(corpus.clips):
        silent, frames = silent_frames(np.asarray(sound[offsets[number] : offsets[number + 1]]))
        counts[clip.category][0] += silent
        counts[clip.category][1] += frames
    total = [sum(pair[k] for pair in counts.values()) for k in (0, 1)]
    return {
        "threshold_db": SILENCE_DB,
        "share": round(total[0] / max(1, total[1]), 4),
        **{name: round(silent / max(1, frames), 4) for name, (silent, frames) in counts.items()},
    }
