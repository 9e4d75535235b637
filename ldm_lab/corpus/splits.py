"""Splits by recording: near-duplicates found by fingerprint and joined, then whole groups dealt to train, valid and test."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ldm_lab.corpus.table import SAMPLE_RATE, Clip

SHARES = {"test": 0.12, "valid": 0.08}
_HOP = 320
_FRAMES = 32  # 0.64 s
_BANDS = 24
CANDIDATE = 0.92  # cosine of log-spectrogram windows above which two clips are compared as waveforms
STRICT = 0.85  # the same between splits, where missing a copy costs more than comparing one pair in vain
SAME = 0.60  # waveform correlation above which two clips hold the same recording


def spectrogram(wav: np.ndarray) -> np.ndarray:
    """Log band energies (frames, 24) at 20 ms hop, 24 bands spaced as the ear's between 100 Hz and 7 kHz."""
    size = 2 * _HOP
    wav = np.pad(wav, (0, max(0, _FRAMES * _HOP + size - len(wav))))
    frames = np.lib.stride_tricks.sliding_window_view(wav, size)[::_HOP] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.geomspace(100, 7000, _BANDS + 1)
    freq = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    bands = np.stack([
        power[:, max(1, np.searchsorted(freq, low)) : max(2 + np.searchsorted(freq, low), np.searchsorted(freq, high))].mean(axis=1)
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ], axis=1)  # fmt: skip
    return np.log(bands + 1e-7)


def _windows(spec: np.ndarray, step: int) -> np.ndarray:
    """Unit vectors (windows, 32 * 24) of every `step`-th window, each band and window centred."""
    view = np.lib.stride_tricks.sliding_window_view(spec, _FRAMES, axis=0)[::step]
    flat = view - view.mean(axis=(1, 2), keepdims=True)
    flat = flat.reshape(len(view), -1).astype(np.float32)
    return flat / np.maximum(1e-6, np.linalg.norm(flat, axis=1, keepdims=True))


def correlation(piece: np.ndarray, around: np.ndarray) -> float:
    """Largest normalised cross-correlation (0-1, sign dropped) of `piece` with any part of `around` of its length."""
    if len(around) < len(piece):
        around = np.pad(around, (0, len(piece) - len(around)))
    size = 1 << int(np.ceil(np.log2(len(piece) + len(around))))
    cross = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size)), size)[: len(around) - len(piece) + 1]
    energy = np.concatenate([[0.0], np.cumsum(np.square(around, dtype=np.float64))])
    local = energy[len(piece) :] - energy[: len(energy) - len(piece)]
    own = float(np.square(piece, dtype=np.float64).sum())
    return float((np.abs(cross) / np.sqrt(np.maximum(local, 0.05 * own) * max(own, 1e-12))).max())


def _heads(specs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """One window per clip, from where it becomes loud, and the frame it starts at."""
    starts, heads = [], []
    for spec in specs:
        loud = spec.mean(axis=1)
        start = min(int(np.argmax(loud > loud.max() - 4.0)), len(spec) - _FRAMES)
        starts.append(start)
        heads.append(_windows(spec[start : start + _FRAMES], 1)[0])
    return np.stack(heads), np.array(starts)


def _candidates(
    specs: Sequence[np.ndarray], heads: np.ndarray, groups: Sequence[str], least: float
) -> dict[tuple[int, int], tuple[float, int]]:
    """(clip, other) -> (cosine, frame of `clip`) where a window of `clip` looks like the head of `other`."""
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for at in range(0, len(specs), 64):
        blocks = [_windows(spec, 2) for spec in specs[at : at + 64]]
        counts = [len(block) for block in blocks]
        owners = np.repeat(np.arange(at, at + len(blocks)), counts)
        frames = 2 * np.concatenate([np.arange(count) for count in counts])
        score = np.concatenate(blocks) @ heads.T  # (windows, clips)
        rows, columns = np.nonzero(score > least)
        for owner, other, frame, value in zip(owners[rows], columns, frames[rows], score[rows, columns], strict=True):
            if groups[owner] != groups[other] and value > best.get((owner, other), (0.0, 0))[0]:
                best[int(owner), int(other)] = (float(value), int(frame))
    return best


def near_duplicates(
    wavs: Sequence[np.ndarray], groups: Sequence[str], *, candidate: float = CANDIDATE
) -> list[tuple[int, int, float]]:
    """Pairs (i, j, correlation) of different groups that hold the same recording: candidates by spectrogram, proof by waveform.

    `candidate` is the cosine from which two windows are looked at: of copies cut elsewhere and encoded again, 0.92 finds
    about four in five and 0.85 nineteen in twenty, at more comparisons.
    """
    specs = [spectrogram(wav) for wav in wavs]
    heads, starts = _heads(specs)
    length, slack = _FRAMES * _HOP, 2 * _HOP
    pairs = {}
    for (owner, other), (_, frame) in sorted(_candidates(specs, heads, groups, candidate).items()):
        piece = wavs[other][starts[other] * _HOP :][:length]
        left = max(0, frame * _HOP - slack)
        value = correlation(piece, wavs[owner][left : left + length + 2 * slack])
        if value > SAME:
            pairs[min(owner, other), max(owner, other)] = value
    return [(i, j, value) for (i, j), value in sorted(pairs.items())]


def join_groups(groups: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Groups after joining those of each pair: the joined group takes the smallest name."""
    parent = {group: group for group in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    for i, j in pairs:
        a, b = sorted((root(groups[i]), root(groups[j])))
        parent[b] = a
    return [root(group) for group in groups]


def deal(clips: Sequence[Clip]) -> dict[str, str]:
    """Group -> split: in each category and kind, groups in hash order go to test, then valid, until the shares are met.

    A group larger than a third of what a split may hold goes to train, so that one recording never is the whole test set.
    """
    split: dict[str, str] = {}
    cells: dict[tuple[str, str], dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    home: dict[str, tuple[str, str]] = {}
    for clip in clips:
        cells[home.setdefault(clip.group, (clip.category, clip.kind))][clip.group].append(clip)
    for cell in sorted(cells):
        groups = cells[cell]
        order = sorted(groups, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
        clips_all = sum(len(members) for members in groups.values())
        seconds_all = sum(clip.seconds for members in groups.values() for clip in members)
        left = dict.fromkeys(order, "train")
        for name, share in SHARES.items():
            count = seconds = 0.0
            for group in order:
                members = groups[group]
                length = sum(clip.seconds for clip in members)
                fits = len(members) <= max(3, share * clips_all / 2) and length <= max(8.0, share * seconds_all / 2)
                if left[group] != "train" or not fits:
                    continue
                if count >= share * clips_all and seconds >= share * 0.7 * seconds_all:
                    break
                if seconds + length > share * 2 * seconds_all + 6:
                    continue
                left[group] = name
                count, seconds = count + len(members), seconds + length
        split.update(left)
    return split


def leaks(clips: Sequence[Clip], wavs: Sequence[np.ndarray]) -> set[str]:
    """Files of held-out clips that sound the same as a clip of another split: to be dropped, first from valid, then from test."""
    rank = {"train": 0, "test": 1, "valid": 2}
    pairs = near_duplicates(wavs, [clip.split for clip in clips], candidate=STRICT)
    return {max(clips[i], clips[j], key=lambda clip: rank[clip.split]).file for i, j, _ in pairs}
