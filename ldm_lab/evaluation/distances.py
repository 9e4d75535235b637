"""Distances between sets of sounds: Frechet distance of feature clouds, and how near each sound is to a reference set."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ldm_lab.errors import OptionError
from ldm_lab.rng import Rng


def cloud(features, name: str) -> np.ndarray:
    """Features as float64 (N, D), refused if they are not finite or of another shape."""
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2:
        raise OptionError(f"{name}: got shape {rows.shape}, expected (N, D): one row a sound")
    if not np.isfinite(rows).all():
        raise OptionError(f"{name}: holds NaN or infinite values; look for silent or broken sounds")
    return rows


def clouds(a, b) -> tuple[np.ndarray, np.ndarray]:
    """Two feature sets (N, D) and (M, D) as float64, refused if D differs."""
    a, b = cloud(a, "a"), cloud(b, "b")
    if a.shape[1] != b.shape[1]:
        raise OptionError(f"got features of {a.shape[1]} and {b.shape[1]} values, expected the same network for both")
    return a, b


def frechet_distance(a, b, *, allow_singular: bool = False) -> float:
    """Frechet distance of two feature sets (N, D) and (M, D), taken as Gaussians with unbiased covariances.

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)) (Dowson & Landau 1982; Heusel et al. 2017 for images). The trace of the
    root is the nuclear norm of the product of the two centred data matrices, which needs neither complex numbers nor an
    epsilon. The estimate is biased upwards by about 1 / N: compare only figures of equal N and M. With N or M <= D the
    covariance is singular and the bias large, so OptionError is raised unless `allow_singular`.
    """
    a, b = clouds(a, b)
    fewest, dims = min(len(a), len(b)), a.shape[1]
    if fewest < 2 or (fewest <= dims and not allow_singular):
        raise OptionError(
            f"Frechet distance: got {len(a)} and {len(b)} sounds for {dims} features, expected more than {max(dims, 1)} of "
            "each; measure more sounds (4 times the features is a sensible least)"
        )
    centred = [(x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a, b)]
    roots = [np.linalg.qr(x, mode="r") if len(x) > dims else x for x in centred]  # same covariance, at most D rows
    root_trace = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    spread = sum(float(np.square(x).sum()) for x in centred)
    return float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum() + spread - 2.0 * root_trace)


# FD and FAD are one formula; the literature says FAD when the features are those of VGGish.
frechet_audio_distance = frechet_distance


@dataclass(frozen=True)
class Extrapolation:
    """A distance at several shares of the sounds, and the line through it that leads to infinitely many."""

    value: float  # at 1 / share = 0
    slope: float
    r2: float  # how well a line fits; far from 1, the value means little
    shares: tuple[float, ...]
    distances: tuple[float, ...]


def frechet_infinity(a, b, *, points: int = 15, smallest: float = 0.2, draws: int = 3, seed: int = 0) -> Extrapolation:
    """FAD-infinity: the Frechet distance of a (N, D) and b (M, D) extrapolated to infinitely many sounds.

    The bias of the distance is c / n, so it is measured on random parts of both sets (`points` shares from `smallest` to
    1, the mean of `draws` each) and a line in 1 / share is followed to 0 (Chong & Forsyth 2020 for images; Gui et al.
    2023 for sound, who draw from the evaluated set only). Over-corrects below 2 to 4 times D sounds; OptionError if the
    smallest part has no more sounds than D.
    """
    a, b = clouds(a, b)
    fewest, dims = min(len(a), len(b)), a.shape[1]
    if points < 2 or not 0 < smallest < 1 or draws < 1:
        raise OptionError(f"got points {points}, smallest {smallest}, draws {draws}; expected >= 2, between 0 and 1, >= 1")
    if int(smallest * fewest) <= dims:
        raise OptionError(f"FAD-infinity: got {len(a)} and {len(b)} sounds for {dims} features, expected at least "
                          f"{math.ceil((dims + 1) / smallest)} of each; measure more, or use KAD, which has no bias")
    shares = np.linspace(smallest, 1.0, points)
    found = []
    for number, share in enumerate(shares):
        random = Rng(seed).numpy("frechet_infinity", number)
        parts = [[x[random.choice(len(x), round(share * len(x)), replace=False)] for x in (a, b)]
                 for _ in range(draws if share < 1 else 1)]
        found.append(float(np.mean([frechet_distance(*part) for part in parts])))
    slope, value = np.polyfit(1 / shares, found, 1)
    rest = np.square(found - (value + slope / shares)).sum()
    spread = np.square(found - np.mean(found)).sum()
    return Extrapolation(float(value), float(slope), float(1 - rest / spread) if spread else 1.0,
                         tuple(map(float, shares)), tuple(found))


def unit(features) -> np.ndarray:
    """Rows (N, D) scaled to length 1 (a row of zeros stays)."""
    rows = cloud(features, "features")
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def nearest_neighbours(queries, references) -> tuple[np.ndarray, np.ndarray]:
    """Cosine distance (N,) from each query (N, D) to the nearest of references (M, D), and its index (N,)."""
    similarity = unit(queries) @ unit(references).T  # (N, M)
    index = similarity.argmax(axis=1)
    return np.maximum(0.0, 1.0 - similarity[np.arange(len(index)), index]), index


def clap_score(text, audio) -> np.ndarray:
    """Cosine (N,) between text (N, E) and audio (N, E) embeddings, pair by pair."""
    text, audio = unit(text), unit(audio)
    if text.shape != audio.shape:
        raise OptionError(f"got {text.shape} text and {audio.shape} audio embeddings, expected pairs of equal shape")
    return (text * audio).sum(axis=1)


def top_k(logits, labels, *, k: int = 1) -> np.ndarray:
    """(N,) booleans: is the right label (N,) among the k highest of logits (N, K)?"""
    logits, labels = np.asarray(logits), np.asarray(labels)
    if not 1 <= k <= logits.shape[1]:
        raise OptionError(f"k: got {k}, expected 1 to {logits.shape[1]}")
    ranked = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return (ranked == labels[:, None]).any(axis=1)
