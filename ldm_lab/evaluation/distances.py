"""Distances between sets of sounds: Frechet distance of feature clouds, and how near each sound is to a reference set."""

from __future__ import annotations

import numpy as np

from ldm_lab.errors import OptionError


def _cloud(features, name: str) -> np.ndarray:
    """Features as float64 (N, D), refused if they are not finite or of another shape."""
    cloud = np.asarray(features, dtype=np.float64)
    if cloud.ndim != 2:
        raise OptionError(f"{name}: got shape {cloud.shape}, expected (N, D): one row a sound")
    if not np.isfinite(cloud).all():
        raise OptionError(f"{name}: holds NaN or infinite values; look for silent or broken sounds")
    return cloud


def frechet_distance(a, b, *, allow_singular: bool = False) -> float:
    """Frechet distance of two feature sets (N, D) and (M, D), taken as Gaussians with unbiased covariances.

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)) (Dowson & Landau 1982; Heusel et al. 2017 for images). The trace of the
    root is the nuclear norm of the product of the two centred data matrices, which needs neither complex numbers nor an
    epsilon. The estimate is biased upwards by about 1 / N: compare only figures of equal N and M. With N or M <= D the
    covariance is singular and the bias large, so OptionError is raised unless `allow_singular`.
    """
    a, b = _cloud(a, "a"), _cloud(b, "b")
    if a.shape[1] != b.shape[1]:
        raise OptionError(f"got features of {a.shape[1]} and {b.shape[1]} values, expected the same network for both")
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


def unit(features) -> np.ndarray:
    """Rows (N, D) scaled to length 1 (a row of zeros stays)."""
    cloud = _cloud(features, "features")
    return cloud / np.maximum(np.linalg.norm(cloud, axis=1, keepdims=True), 1e-12)


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
