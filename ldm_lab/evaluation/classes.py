"""Measures on a classifier's outputs: how sure and how varied it finds the sounds, and whether pairs are heard alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ldm_lab.errors import OptionError, unknown

SPLITS, SHUFFLE_SEED = 10, 2020  # of the inception score, as audioldm_eval has them
EPSILON = 1e-6  # inside the logarithm of the divergence, as audioldm_eval has it


class MeanStd(NamedTuple):
    """Mean and standard deviation over parts of a set."""

    mean: float
    std: float


def _logits(logits, name: str) -> np.ndarray:
    """Logits as float64 (N, K); OptionError if they have another shape or are not finite."""
    array = np.asarray(logits, dtype=np.float64)
    if array.ndim != 2 or len(array) == 0:
        raise OptionError(f"{name}: got shape {array.shape}, expected logits (N, K): one row a sound")
    if not np.isfinite(array).all():
        raise OptionError(f"{name}: holds NaN or infinite values; look for broken sounds")
    return array


def log_softmax(logits) -> np.ndarray:
    """Logits (N, K) -> log-probabilities (N, K), safe for large values."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def inception_score(logits, *, splits: int = SPLITS, shuffle_seed: int | None = SHUFFLE_SEED) -> MeanStd:
    """exp of the mean KL(p(y|x) || p(y)) of a classifier's logits (N, K): mean and deviation over `splits` parts.

    Salimans et al. 2016; between 1 (all sounds are heard alike, or the classifier is never sure) and K. The order is
    shuffled by ``RandomState(2020)`` and cut into 10 parts as in audioldm_eval (None = the order given); p(y) is a
    part's own mean, so the score depends on N: compare only figures of equal N. Raises OptionError for fewer sounds
    than splits.
    """
    logits = _logits(logits, "logits")
    count = len(logits)
    if not 1 <= splits <= count:
        raise OptionError(f"splits: got {splits} for {count} sounds, expected 1 to {count}; measure more sounds")
    if shuffle_seed is not None:
        logits = logits[np.random.RandomState(shuffle_seed).permutation(count)]
    log_p = log_softmax(logits)
    scores = []
    for part in range(splits):
        log_part = log_p[part * count // splits : (part + 1) * count // splits]
        p = np.exp(log_part)
        scores.append(np.exp((p * (log_part - np.log(p.mean(axis=0)))).sum(axis=1).mean()))
    return MeanStd(float(np.mean(scores)), float(np.std(scores)))


def kl_divergence(reference, generated, *, activation: str = "softmax", epsilon: float = EPSILON) -> np.ndarray:
    """(N,) divergence KL(reference || generated) of paired logits (N, K), row by row; their mean is the published
    figure.

    softmax: sum_c p_ref (log p_ref - log(p_gen + 1e-6)), the form of AudioGen (Kreuk et al. 2023) and audioldm_eval,
    where the epsilon makes the least value -K * 1e-6 and not 0. sigmoid: the same sum over independent labels without
    its (1 - p) half, as audioldm_eval computes it: no divergence, and negative if the generated sound excites more
    labels.
    """
    reference, generated = _logits(reference, "reference"), _logits(generated, "generated")
    if reference.shape != generated.shape:
        raise OptionError(f"got reference {reference.shape} and generated {generated.shape}, expected equal shapes: pairs")
    if activation == "softmax":
        log_ref, gen = log_softmax(reference), np.exp(log_softmax(generated))
    elif activation == "sigmoid":
        log_ref, gen = -np.logaddexp(0.0, -reference), np.exp(-np.logaddexp(0.0, -generated))
    else:
        raise OptionError(unknown("activation", activation, ("softmax", "sigmoid")))
    return (np.exp(log_ref) * (log_ref - np.log(gen + epsilon))).sum(axis=1)
