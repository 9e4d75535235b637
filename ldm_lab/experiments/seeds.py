"""Sounds of the same captions from several seeds: means with intervals over clips, and the noise that seeds alone make.

A column of what was seen of one seed is one value a clip (N,), or a distance of `features` (N, D) from `real`:
"frechet", or "kad", which has no bias from small N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.distances import frechet_distance
from ldm_lab.evaluation.kernels import kernel_audio_distance, median_distance
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.experiments.bench import Bench
from ldm_lab.experiments.page import number

RESAMPLES = 200  # of a distance, which is slow
DISTANCES = ("frechet", "kad")


def value_of(seen: dict[str, np.ndarray], column: str, rows: np.ndarray) -> float:
    """One column from the items `rows` of one seed."""
    if column in DISTANCES:
        real, made = seen["real"][rows], seen["features"][rows]
        if column == "frechet":
            return frechet_distance(made, real, allow_singular=True)
        return kernel_audio_distance(real, made, bandwidth=median_distance(seen["real"]))  # one kernel for all resamples
    return float(np.mean(seen[column][rows]))


def _bootstrap(bench: Bench, column: str, statistic: Callable[[np.ndarray], float]) -> Figure:
    slow = column in DISTANCES  # its resamples hold copies, which make it larger: the interval is moved back
    return statistics.bootstrap(statistic, len(bench.captions), seed=bench.seed, groups=bench.groups, recentre=slow,
                                resamples=min(RESAMPLES, statistics.RESAMPLES) if slow else None)


def summary(bench: Bench, seen: Sequence[dict], columns: Sequence[str]) -> dict[str, dict]:
    """Mean over seeds of every column, interval over clips (the same clips for all seeds), spread between seeds."""
    found, everyone = {}, np.arange(len(bench.captions))
    for column in columns:
        def mean(rows: np.ndarray, column: str = column) -> float:
            return float(np.mean([value_of(one, column, rows) for one in seen]))

        figure = _bootstrap(bench, column, mean)
        each = [value_of(one, column, everyone) for one in seen]
        spread = {"seed_std": float(np.std(each, ddof=1))} if len(each) > 1 else {}
        found[column] = figure.as_dict() | spread | {"each_seed": [float(f"{value:.6g}") for value in each]}
    return found


def difference(bench: Bench, these: Sequence[dict], those: Sequence[dict], columns: Sequence[str]) -> dict[str, dict]:
    """These seeds' mean minus those seeds', paired by clip; `beyond_seeds` if it is also more than twice what seeds
    alone would make (None with one seed each)."""
    found, everyone = {}, np.arange(len(bench.captions))
    for column in columns:
        def gap(rows: np.ndarray, column: str = column) -> float:
            means = [np.mean([value_of(one, column, rows) for one in group]) for group in (these, those)]
            return float(means[0] - means[1])

        figure = _bootstrap(bench, column, gap)
        noise = seed_noise([[value_of(one, column, everyone) for one in group] for group in (these, those)])
        beyond = None if noise is None else bool(abs(figure.value) > 2 * noise and figure.low * figure.high > 0)
        found[column] = figure.as_dict() | {"seed_noise": noise, "beyond_seeds": beyond}
    return found


def seed_noise(each: Sequence[Sequence[float]]) -> float | None:
    """Standard error of the difference of two means, from the spread of both groups about their own means; None for
    groups of one seed."""
    freedom = sum(len(group) - 1 for group in each)
    if freedom == 0:
        return None
    variance = sum(float(np.var(group)) * len(group) for group in each) / freedom
    return float(np.sqrt(variance * sum(1 / len(group) for group in each)))


def in_words(gap: dict) -> str:
    """A difference with its interval and the noise of the seeds."""
    noise = "one seed each" if gap["seed_noise"] is None else f"noise of the seeds {gap['seed_noise']:.2g}"
    return f"{number(gap['value'])} [{number(gap['low'])}, {number(gap['high'])}], n = {gap['n']}, {noise}"
