"""Features, logits, sounds and pictures that the references and this library both measure: made by seed, the same everywhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# name: (sounds, features, classes, rows of a KID subset, dtype). `wide` has fewer sounds than features.
SHAPES = {
    "many": (800, 64, 14, 300, np.float64),
    "single": (400, 64, 527, 200, np.float32),
    "few": (300, 128, 527, 100, np.float64),
    "wide": (60, 128, 50, 60, np.float64),
}
PIXELS = ((0, 0), (3, 17), (20, 5), (63, 20), (40, 25))


class Features(NamedTuple):
    generated: tuple[np.ndarray, np.ndarray, list[str]]  # features (N, D), logits (N, K), file names
    reference: tuple[np.ndarray, np.ndarray, list[str]]
    subset: int


def features(name: str) -> Features:
    """Two clouds with the falling spectrum of real embeddings, and logits whose labels differ in one pair of four."""
    count, dims, classes, subset, dtype = SHAPES[name]
    random = np.random.RandomState(sum(map(ord, name)))
    scale = 1 / np.sqrt(1 + np.arange(dims))
    generated = random.normal(size=(count, dims)) * scale * 1.1 + 0.05
    reference = random.normal(size=(count, dims)) * scale
    logits = random.normal(size=(count, classes))
    label = random.randint(0, classes, count)
    other = np.where(random.uniform(size=count) < 0.25, random.randint(0, classes, count), label)
    heard = [logits + 4.0 * np.eye(classes)[which] + 0.3 * random.normal(size=(count, classes)) for which in (label, other)]
    names = [f"{i:04d}.wav" for i in range(count)]
    pick = lambda cloud, logits: (cloud.astype(dtype), logits.astype(dtype), names)
    return Features(pick(generated, heard[0]), pick(reference, heard[1]), subset)


def sounds() -> tuple[np.ndarray, np.ndarray]:
    """A tone in noise and a rougher, quieter version of it: (8000,) float32 each, with a little constant offset."""
    random = np.random.RandomState(7)
    time = np.arange(8000) / 16000
    tone = 0.3 * np.sin(2 * np.pi * 440 * time) * np.exp(-3 * time)
    reference = tone + 0.05 * random.normal(size=8000) + 0.01
    estimate = 0.7 * tone + 0.08 * random.normal(size=8000)
    return reference.astype(np.float32), estimate.astype(np.float32)


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Two pictures (50, 64) in [0, 1]."""
    random = np.random.RandomState(11)
    first = random.uniform(size=(50, 64))
    return first, np.clip(first + 0.1 * random.normal(size=(50, 64)), 0, 0.9)
