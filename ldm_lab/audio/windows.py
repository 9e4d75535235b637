"""A clip of any length into a window of one length: the same for training and for measuring."""

from __future__ import annotations

import numpy as np


def place(wav: np.ndarray, samples: int, random: np.random.Generator) -> np.ndarray:
    """A window of `samples` from `wav` (N,): a random crop, or the sound repeated with random gaps from a random start.

    Of three crops the loudest is taken, so that pauses in long recordings are rarely what is learnt.
    """
    if len(wav) >= samples:
        starts = random.integers(0, len(wav) - samples + 1, 3)
        energy = [float(np.square(wav[s : s + samples : 16]).sum()) for s in starts]
        start = int(starts[int(np.argmax(energy))])
        return wav[start : start + samples].astype(np.float32)
    window = np.zeros(samples, np.float32)
    if len(wav) > 0.6 * samples:  # it fills most of the window: once, anywhere
        start = int(random.integers(0, samples - len(wav) + 1))
        window[start : start + len(wav)] = wav
        return window
    gap = int(random.uniform(0.02, 0.5) * max(len(wav), 0.25 * samples))
    position = int(random.integers(0, gap + 1))
    while position < samples:
        part = wav[: samples - position]
        window[position : position + len(part)] = part
        position += len(wav) + gap
    return window
