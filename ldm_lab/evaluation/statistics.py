"""Every figure with its uncertainty: value, 95 % bootstrap interval, number of clips, seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ldm_lab.errors import OptionError
from ldm_lab.rng import Rng

RESAMPLES = 1000  # of a bootstrap, unless said otherwise; the more, the less the interval itself wobbles


@dataclass(frozen=True)
class Figure:
    """A measured value with the interval that 95 % of resampled test sets fall in."""

    value: float
    low: float
    high: float
    n: int
    seed: int

    def as_dict(self) -> dict[str, float | int]:
        """Rounded to 6 significant digits, ready for JSON."""
        return {name: _rounded(getattr(self, name)) for name in ("value", "low", "high")} | {"n": self.n, "seed": self.seed}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def bootstrap(statistic: Callable[[np.ndarray], float], n: int, *, seed: int, groups: Sequence | None = None,
              resamples: int | None = None, confidence: float = 0.95, recentre: bool = False) -> Figure:
    """`statistic` of all n items and its percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13).

    `statistic` takes item indices (repeats allowed) and returns a number. With `groups` (n,) whole groups are drawn, not
    items: several clips cut from one recording are not independent witnesses. `recentre` moves the interval by the
    difference between the value and the mean of the resamples; it is for statistics such as the Frechet distance, which
    repeated items bias upwards. Raises OptionError if n is 0 or the value is not finite.
    """
    if n < 1:
        raise OptionError("got no items, expected at least one to measure")
    if groups is not None and len(groups) != n:
        raise OptionError(f"got {len(groups)} groups, expected one for each of {n} items")
    value = float(statistic(np.arange(n)))
    if not math.isfinite(value):
        raise OptionError(f"the measure of {n} items is {value}; look for silent or broken sounds")
    members = None
    if groups is not None:
        names = np.unique(np.asarray(groups), return_inverse=True)[1]
        members = [np.flatnonzero(names == name) for name in range(int(names.max()) + 1)]
    units = n if members is None else len(members)
    random = Rng(seed).numpy("bootstrap", n, units)
    drawn = np.empty(resamples or RESAMPLES)
    for row in range(len(drawn)):
        chosen = random.integers(0, units, units)
        drawn[row] = statistic(chosen if members is None else np.concatenate([members[u] for u in chosen]))
    return _interval(value, drawn, n, seed, confidence, recentre)


def _interval(value: float, drawn: np.ndarray, n: int, seed: int, confidence: float, recentre: bool) -> Figure:
    drawn = drawn[np.isfinite(drawn)]
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    shift = value - drawn.mean() if recentre else 0.0
    return Figure(value, float(low + shift), float(high + shift), n, seed)


def two_samples(value: float, statistic: Callable[[np.ndarray, np.ndarray], float], n: int, m: int, *, seed: int,
                paired: bool = False, resamples: int | None = None, confidence: float = 0.95, recentre: bool = False) -> Figure:
    """`value` of two sets with the interval of `statistic` (indices of n, indices of m) over resamples of both.

    `paired`: item i of one set belongs to item i of the other (n == m), and they are drawn together.
    """
    if n < 1 or m < 1 or (paired and n != m):
        raise OptionError(f"got {n} and {m} items, expected some of each{' and equally many pairs' if paired else ''}")
    if not math.isfinite(value):
        raise OptionError(f"the measure of {n} and {m} items is {value}; look for silent or broken sounds")
    random = Rng(seed).numpy("two samples", n, m)
    drawn = np.empty(resamples or RESAMPLES)
    for row in range(len(drawn)):
        first = random.integers(0, n, n)
        drawn[row] = statistic(first, first if paired else random.integers(0, m, m))
    return _interval(float(value), drawn, n, seed, confidence, recentre)


def mean(values, *, seed: int, groups: Sequence | None = None, resamples: int | None = None) -> Figure:
    """Mean of values (N,), NaN entries left out (a clip without the thing measured, such as one that is all silence)."""
    values = np.asarray(values, dtype=np.float64)
    keep = np.isfinite(values)
    groups = None if groups is None else [g for g, k in zip(groups, keep) if k]
    values = values[keep]
    return bootstrap(lambda i: values[i].mean(), len(values), seed=seed, groups=groups, resamples=resamples)


def median(values, *, seed: int, groups: Sequence | None = None, resamples: int | None = None) -> Figure:
    """Median of values (N,)."""
    values = np.asarray(values, dtype=np.float64)
    return bootstrap(lambda i: np.median(values[i]), len(values), seed=seed, groups=groups, resamples=resamples)


def ratio(above, below, *, seed: int, groups: Sequence | None = None, resamples: int | None = None) -> Figure:
    """mean(above) / mean(below) of paired values (N,): both are resampled together."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)

    def statistic(i: np.ndarray) -> float:
        return float(above[i].mean() / below[i].mean()) if below[i].any() else math.nan

    return bootstrap(statistic, len(above), seed=seed, groups=groups, resamples=resamples)


def difference(first, second, *, seed: int, groups: Sequence | None = None, resamples: int | None = None) -> Figure:
    """mean(first - second) of paired values (N,)."""
    return mean(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64), seed=seed, groups=groups,
                resamples=resamples)
