"""Kernel distances of feature clouds: KAD and KID. Unbiased at any number of sounds, unlike the Frechet distance.

Both are the squared maximum mean discrepancy (Gretton et al. 2012, equation 3): the mean kernel value within each set,
pairs of a row with itself left out, minus twice the mean across the sets. A little below zero is what equal clouds
give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ldm_lab.errors import OptionError
from ldm_lab.evaluation.classes import MeanStd
from ldm_lab.evaluation.distances import cloud, clouds

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (n, D), (m, D) -> (n, m)

KAD_SCALE = 100.0
BLOCK = 1024  # rows of a kernel matrix held at a time
MOST_FOR_MEDIAN = 5000  # rows that the median distance is taken of; more are thinned evenly


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, D), (m, D) -> (n, m) squared Euclidean distances."""
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2.0 * a @ b.T
    return np.maximum(squares, 0.0)


def median_distance(features) -> float:
    """Median Euclidean distance of the pairs of rows (N, D), the lower of the middle two; OptionError if it is 0."""
    rows = cloud(features, "features")
    if len(rows) > MOST_FOR_MEDIAN:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_FOR_MEDIAN).astype(int)]
    if len(rows) < 2:
        raise OptionError(f"median distance: got {len(rows)} sounds, expected at least 2")
    squares = squared_distances(rows, rows)[np.triu_indices(len(rows), 1)]
    middle = (len(squares) - 1) // 2
    median = float(np.sqrt(np.partition(squares, middle)[middle]))
    if median == 0.0:
        raise OptionError("median distance: more than half of the sounds have equal features; look for copies or silence")
    return median


def gaussian(bandwidth: float) -> Kernel:
    """exp(-|x - y|^2 / (2 bandwidth^2)); KAD's guard of 1e-8 in the denominator is kept."""
    if not bandwidth > 0:
        raise OptionError(f"bandwidth: got {bandwidth!r}, expected a positive number")
    return lambda x, y: np.exp(squared_distances(x, y) / -(2.0 * bandwidth**2 + 1e-8))


def polynomial(dims: int, *, degree: int = 3, gamma: float | None = None, coef0: float = 1.0) -> Kernel:
    """(gamma x.y + coef0)^degree, gamma = 1 / D if not given (Binkowski et al. 2018)."""
    gamma = 1.0 / dims if gamma is None else gamma
    return lambda x, y: np.power(gamma * (x @ y.T) + coef0, degree)


@dataclass(frozen=True)
class KernelSums:
    """Sums of kernel values between files: xx (n, n), yy (m, m), xy (n, m), and how many rows each file has.

    What a resample of files needs: `mmd2` of files counted several times costs no new kernel value. A row is never
    paired with itself or its own copy.
    """

    xx: np.ndarray
    yy: np.ndarray
    xy: np.ndarray
    rows_x: np.ndarray
    rows_y: np.ndarray

    @classmethod
    def of(cls, x, y, kernel: Kernel, *, rows_x: Sequence[int] | None = None,
           rows_y: Sequence[int] | None = None) -> KernelSums:
        """Of feature rows x (N, D) and y (M, D); the first `rows_x[0]` of x belong to one file, and so on (default: 1)."""
        x, y = clouds(x, y)
        counts = [np.ones(len(rows), int) if given is None else np.asarray(given, int)
                  for rows, given in ((x, rows_x), (y, rows_y))]
        if counts[0].sum() != len(x) or counts[1].sum() != len(y) or min(map(len, (x, y))) < 2:
            raise OptionError(f"kernel distance: got {len(x)} and {len(y)} rows, expected at least 2 each, in files")
        within = [_sums(rows, rows, kernel, own, own, same=True) for rows, own in zip((x, y), counts)]
        return cls(*within, _sums(x, y, kernel, *counts), *counts)

    def mmd2(self, times_x: np.ndarray | None = None, times_y: np.ndarray | None = None) -> float:
        """Unbiased squared maximum mean discrepancy with file i of x taken `times_x[i]` times (once if omitted)."""
        times_x = np.ones(len(self.rows_x)) if times_x is None else times_x
        times_y = np.ones(len(self.rows_y)) if times_y is None else times_y
        across = times_x @ self.xy @ times_y / ((times_x @ self.rows_x) * (times_y @ self.rows_y))
        return float(_within(self.xx, self.rows_x, times_x) + _within(self.yy, self.rows_y, times_y) - 2.0 * across)


def _sums(x: np.ndarray, y: np.ndarray, kernel: Kernel, rows_x: np.ndarray, rows_y: np.ndarray, *,
          same: bool = False) -> np.ndarray:
    """(files of x, files of y) sums of kernel values, block by block; `same`: without a row's value with itself."""
    starts_x, starts_y = (np.concatenate([[0], np.cumsum(rows)[:-1]]) for rows in (rows_x, rows_y))
    by_row = np.empty((len(x), len(rows_y)))
    for first in range(0, len(x), BLOCK):
        values = kernel(x[first : first + BLOCK], y)
        if same:
            here = np.arange(len(values))
            values[here, first + here] = 0.0
        by_row[first : first + BLOCK] = np.add.reduceat(values, starts_y, axis=1)
    return np.add.reduceat(by_row, starts_x, axis=0)


def _within(sums: np.ndarray, rows: np.ndarray, times: np.ndarray) -> float:
    """Mean kernel value of pairs of different rows; two copies of one file are not compared with each other."""
    own = np.diagonal(sums)
    total = times @ sums @ times - np.square(times) @ own + times @ own
    pairs = np.square(times @ rows) - np.square(times) @ np.square(rows) + times @ (rows * (rows - 1))
    return float(total / pairs) if pairs else float("nan")  # a resample may hold one file only


def kernel_audio_distance(reference, generated, *, bandwidth: float | None = None, scale: float = KAD_SCALE) -> float:
    """KAD: 100 times the unbiased squared MMD with a Gaussian kernel of features (N, D) and (M, D); smaller is nearer.

    Chung et al. 2025. `bandwidth`: the median distance within the *reference*, so that two models are measured with
    one kernel (kadtk 1.1 takes that of the evaluated set: pass ``bandwidth=median_distance(generated)`` for its
    numbers). No assumption of Gaussian features, no bias in N: the measure to trust below a thousand sounds.
    """
    reference, generated = clouds(reference, generated)
    kernel = gaussian(median_distance(reference) if bandwidth is None else bandwidth)
    return scale * KernelSums.of(reference, generated, kernel).mmd2()


def kernel_inception_distance(reference, generated, *, subsets: int = 100, subset_size: int = 1000, degree: int = 3,
                              gamma: float | None = None, coef0: float = 1.0, seed: int = 2020) -> MeanStd:
    """KID: unbiased squared MMD with the kernel (x.y / D + 1)^3, mean and deviation over random subsets.

    Binkowski et al. 2018 with the constants of audioldm_eval, its `RandomState(2020)` included: equal numbers for equal
    features (its first argument is `generated`). Raises OptionError if a set is smaller than `subset_size`.
    """
    reference, generated = clouds(reference, generated)
    fewest = min(len(reference), len(generated))
    if not 2 <= subset_size <= fewest:
        raise OptionError(f"subset_size: got {subset_size} for {len(generated)} and {len(reference)} sounds, expected 2 to "
                          f"{fewest}; measure more sounds or name a smaller subset (KID has no bias in its size)")
    random = np.random.RandomState(seed)
    kernel = polynomial(reference.shape[1], degree=degree, gamma=gamma, coef0=coef0)
    values = np.empty(subsets)
    for i in range(subsets):
        x = generated[random.choice(len(generated), subset_size, replace=False)]
        y = reference[random.choice(len(reference), subset_size, replace=False)]
        values[i] = KernelSums.of(x, y, kernel).mmd2()
    return MeanStd(float(values.mean()), float(values.std()))
