"""The measures of two folders by name: what each needs, and how its figure and interval are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ldm_lab.errors import OptionError, unknown
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.classes import SPLITS, inception_score, kl_divergence
from ldm_lab.evaluation.distances import frechet_distance, frechet_infinity
from ldm_lab.evaluation.kernels import (
    KAD_SCALE,
    Kernel,
    KernelSums,
    gaussian,
    kernel_inception_distance,
    median_distance,
    polynomial,
)
from ldm_lab.evaluation.soundset import Heard
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.rng import Rng

SET_RESAMPLES = 200  # of the bootstrap of a distance between sets: each resample is a whole measurement
WIDE = 512  # features from which a Frechet distance takes seconds: fewer resamples, and no extrapolation unless asked for
WIDE_RESAMPLES = 40
HALVINGS = 20  # ways to cut the reference in halves for the floor
KID_SUBSET = 1000


@dataclass(frozen=True)
class Measured:
    """One figure of a report: generated against reference, and what to read it by."""

    metric: str
    backbone: str
    figure: Figure
    n_reference: int
    facts: dict[str, object] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return {"metric": self.metric, "backbone": self.backbone, **self.figure.as_dict(),
                "n_reference": self.n_reference, "better": METRICS[self.metric].better, "facts": self.facts}


@dataclass(frozen=True)
class Pairing:
    """What a measure is taken of: what one listener heard in both folders, and whether their files belong together."""

    generated: Heard
    reference: Heard
    backbone: str
    paired: bool
    seed: int
    resamples: int | None

    @property
    def dims(self) -> int:
        return self.reference.rows[0].shape[1]

    def interval(self, value: float, statistic: Callable, *, resamples: int) -> Figure:
        """Of a distance between sets: whole files are drawn, pairs together; the bias of drawing them twice is taken
        off.
        """
        return statistics.two_samples(value, statistic, len(self.generated), len(self.reference), seed=self.seed,
                                      paired=self.paired, resamples=self.resamples or resamples, recentre=True)

    def kernel_sums(self, kernel: Kernel) -> KernelSums:
        return KernelSums.of(self.generated.features(), self.reference.features(), kernel, rows_x=self.generated.counts,
                             rows_y=self.reference.counts)

    def measured(self, metric: str, figure: Figure, *doubts: str, **facts) -> Measured:
        return Measured(metric, self.backbone, figure, len(self.reference), facts, doubts)


def halves(count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """`HALVINGS` ways to cut `count` files into two halves."""
    found = []
    for number in range(HALVINGS):
        order = Rng(seed).numpy("halves", number).permutation(count)
        found.append((order[: count // 2], order[count // 2 : count // 2 * 2]))
    return found


def _floor(values: Sequence[float], n: int) -> dict[str, float | int]:
    """What the measure gives for the reference against itself: two halves of `n` files, over many ways to cut it."""
    low, high = np.percentile(values, [2.5, 97.5])
    return {"value": float(np.mean(values)), "low": float(low), "high": float(high), "n": n}


def fd(pairing: Pairing) -> Measured:
    """Frechet distance of all feature rows."""
    ours, theirs, dims = pairing.generated, pairing.reference, pairing.dims
    distance = lambda i, j: frechet_distance(ours.features(i), theirs.features(j), allow_singular=True)
    value = frechet_distance(ours.features(), theirs.features(), allow_singular=True)
    fewest = min(ours.counts.sum(), theirs.counts.sum())
    doubts = []
    if fewest < 4 * dims:
        doubts.append(f"fd ({pairing.backbone}): {fewest} rows for {dims} features; its upward bias is large below "
                      f"{4 * dims}, so compare only figures of equal numbers of sounds, and read kad first")
    figure = pairing.interval(value, distance, resamples=SET_RESAMPLES if dims <= WIDE else WIDE_RESAMPLES)
    within = [frechet_distance(theirs.features(i), theirs.features(j), allow_singular=True)
              for i, j in halves(len(theirs), pairing.seed)[: HALVINGS if dims <= WIDE else 3] if len(theirs) > 3]
    facts = {"floor": _floor(within, len(theirs) // 2)} if within else {}
    facts |= {"rows": [int(ours.counts.sum()), int(theirs.counts.sum())], "features": dims}
    return pairing.measured("fd", figure, *doubts, **facts)


def fd_infinity(pairing: Pairing) -> Measured:
    """Frechet distance extrapolated to infinitely many sounds."""
    ours, theirs = pairing.generated, pairing.reference
    full = frechet_infinity(ours.features(), theirs.features(), seed=pairing.seed)
    once = {"points": 5, "draws": 1, "seed": pairing.seed}
    again = lambda i, j: frechet_infinity(ours.features(i), theirs.features(j), **once).value
    figure = pairing.interval(full.value, again, resamples=SET_RESAMPLES // 2)
    bent = full.r2 < 0.9
    doubts = [f"fd_inf ({pairing.backbone}): r2 = {full.r2:.3f}, the extrapolation is not a line; distrust it"] if bent else []
    points = {"shares": list(full.shares), "distances": list(full.distances)}
    return pairing.measured("fd_inf", figure, *doubts, r2=full.r2, **points)


def kad(pairing: Pairing) -> Measured:
    """Kernel audio distance; bandwidth = median distance within the reference, kept for all resamples."""
    ours, theirs = pairing.generated, pairing.reference
    bandwidth = median_distance(theirs.features())
    sums = pairing.kernel_sums(gaussian(bandwidth))
    figure = pairing.interval(KAD_SCALE * sums.mmd2(), _resampled(sums, KAD_SCALE), resamples=5 * SET_RESAMPLES)
    doubts, fewest = [], min(len(ours), len(theirs))
    if fewest < 50:
        doubts.append(f"kad ({pairing.backbone}): {fewest} sounds; below about 50 its interval is wide, measure more")
    within = []
    for i, j in halves(len(theirs), pairing.seed) if len(theirs) > 3 else []:
        blocks = [sums.yy[np.ix_(a, b)] for a, b in ((i, i), (j, j), (i, j))]
        within.append(KAD_SCALE * KernelSums(*blocks, theirs.counts[i], theirs.counts[j]).mmd2())
    facts = {"floor": _floor(within, len(theirs) // 2)} if within else {}
    return pairing.measured("kad", figure, *doubts, bandwidth=bandwidth, scale=KAD_SCALE, **facts)


def _resampled(sums: KernelSums, scale: float) -> Callable[[np.ndarray, np.ndarray], float]:
    """A statistic of file indices for the bootstrap: only the counts change, no kernel value does."""
    n, m = sums.xy.shape
    return lambda i, j: scale * sums.mmd2(np.bincount(i, minlength=n), np.bincount(j, minlength=m))


def kid(pairing: Pairing) -> Measured:
    """Kernel inception distance over subsets of rows."""
    ours, theirs = pairing.generated, pairing.reference
    fewest = int(min(ours.counts.sum(), theirs.counts.sum()))
    size = min(KID_SUBSET, fewest)
    mean, std = kernel_inception_distance(theirs.features(), ours.features(), subset_size=size)
    sums = pairing.kernel_sums(polynomial(pairing.dims))
    figure = pairing.interval(mean, _resampled(sums, 1.0), resamples=5 * SET_RESAMPLES)
    doubts = [f"kid ({pairing.backbone}): subsets of {size} instead of {KID_SUBSET}; measure {KID_SUBSET - size} more "
              "sounds for the published setting"] if size < KID_SUBSET else []
    return pairing.measured("kid", figure, *doubts, subsets=100, subset_size=size, std=std)


def inception(pairing: Pairing) -> Measured:
    """Inception score of the generated sounds; that of the reference stands beside it."""
    ours, theirs = pairing.generated, pairing.reference
    score = inception_score(ours.logits)
    figure = pairing.interval(score.mean, lambda i, j: inception_score(ours.logits[i]).mean, resamples=SET_RESAMPLES)
    facts = {"std": score.std, "splits": SPLITS}
    if len(theirs) >= SPLITS:
        facts["reference"] = inception_score(theirs.logits).mean
    doubts = [f"is ({pairing.backbone}): {len(ours)} sounds in {SPLITS} parts; the score grows with the number of sounds "
              "up to several thousand: compare only equal numbers"] if len(ours) < 1000 else []
    return pairing.measured("is", figure, *doubts, **facts)


def kl(activation: str) -> Callable[[Pairing], tuple[Measured, np.ndarray]]:
    """KL(reference || generated) of pairs; also the value of each pair."""

    def measure(pairing: Pairing) -> tuple[Measured, np.ndarray]:
        values = kl_divergence(pairing.reference.logits, pairing.generated.logits, activation=activation)
        figure = statistics.mean(values, seed=pairing.seed, resamples=pairing.resamples)
        name = "kl" if activation == "softmax" else "kl_sigmoid"
        strangers = Rng(pairing.seed).numpy("strangers").permutation(len(values))
        floor = kl_divergence(pairing.reference.logits, pairing.generated.logits[strangers], activation=activation)
        facts = {"shuffled": float(floor.mean()), "direction": "KL(reference || generated)"}
        return pairing.measured(name, figure, **facts), values

    return measure


@dataclass(frozen=True)
class Metric:
    """A measure: what it is called, what it needs, which way is better, and the fewest files it can be taken of."""

    words: str
    needs: str  # features, logits, paired logits, paired sounds, prompts
    better: str  # lower, higher
    fewest: int = 2

    @property
    def paired(self) -> bool:
        return self.needs.startswith("paired")


METRICS: dict[str, Metric] = {
    "fd":         Metric("Frechet distance (FD; FAD with VGGish)", "features", "lower"),
    "fd_inf":     Metric("Frechet distance at infinitely many sounds", "features", "lower", 10),
    "kad":        Metric("kernel audio distance (KAD)", "features", "lower"),
    "kid":        Metric("kernel inception distance (KID)", "features", "lower"),
    "is":         Metric("inception score", "logits", "higher", SPLITS),
    "kl":         Metric("KL divergence (softmax)", "paired logits", "lower"),
    "kl_sigmoid": Metric("KL divergence (sigmoid)", "paired logits", "lower"),
    "lsd":        Metric("log-spectral distance", "paired sounds", "lower"),
    "lsd_offset": Metric("log-spectral distance, 7 frames late", "paired sounds", "lower"),
    "psnr":       Metric("PSNR of mel pictures (dB)", "paired sounds", "higher"),
    "ssim":       Metric("SSIM of mel pictures", "paired sounds", "higher"),
    "clap":       Metric("CLAP score", "prompts", "higher"),
}  # fmt: skip
ALIASES = {"fad": "fd", "fad_inf": "fd_inf", "isc": "is", "clap_score": "clap", "kl_softmax": "kl"}
OF_SETS: dict[str, Callable[[Pairing], Measured]] = {
    "fd": fd, "fd_inf": fd_infinity, "kad": kad, "kid": kid, "is": inception,
}  # fmt: skip
OF_PAIRS = {"kl": kl("softmax"), "kl_sigmoid": kl("sigmoid")}


def metric_names(names: Sequence[str]) -> list[str]:
    """Names as asked for -> names of `METRICS`, each once; OptionError with the nearest for an unknown one."""
    if isinstance(names, str):
        names = names.replace(",", " ").split()
    found = []
    for name in names:
        name = ALIASES.get(name.lower(), name.lower())
        if name not in METRICS:
            raise OptionError(unknown("metric", name, METRICS))
        if name not in found:
            found.append(name)
    return found
