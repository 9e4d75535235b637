"""Kernel distances, the extrapolated Frechet distance and classifier measures against closed forms."""

import math

import numpy as np
import pytest

from ldm_lab.errors import OptionError
from ldm_lab.evaluation.classes import inception_score, kl_divergence
from ldm_lab.evaluation.distances import frechet_distance, frechet_infinity
from ldm_lab.evaluation.kernels import (
    KernelSums,
    gaussian,
    kernel_audio_distance,
    kernel_inception_distance,
    median_distance,
    polynomial,
)
from ldm_lab.evaluation.statistics import two_samples


def cloud(count, dims, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, dims)) / np.sqrt(1 + np.arange(dims)) + shift


def test_kad_of_points_on_a_line():
    reference, generated = np.array([[0.0], [1.0]]), np.array([[3.0], [5.0]])
    k = lambda distance: math.exp(-(distance**2) / (2 + 1e-8))  # the median distance within the reference is 1
    want = k(1) + k(2) - 2 * (k(3) + k(5) + k(2) + k(4)) / 4
    assert kernel_audio_distance(reference, generated) == pytest.approx(100 * want, rel=1e-12)
    assert median_distance(generated) == 2.0


def test_kad_of_equal_clouds_is_zero_on_average_at_every_size():
    for count in (10, 40):
        values = [kernel_audio_distance(cloud(count, 16, 2 * s), cloud(count, 16, 2 * s + 1)) for s in range(60)]
        assert abs(np.mean(values)) < 3 * np.std(values) / math.sqrt(60)


def test_kad_does_not_depend_on_blocks_or_on_how_rows_are_shared_among_files(monkeypatch):
    x, y, kernel = cloud(30, 4, 0), cloud(24, 4, 1), gaussian(1.3)
    want = KernelSums.of(x, y, kernel).mmd2()
    monkeypatch.setattr("ldm_lab.evaluation.kernels.BLOCK", 7)
    assert KernelSums.of(x, y, kernel).mmd2() == pytest.approx(want, rel=1e-12)
    shared = KernelSums.of(x, y, kernel, rows_x=[10, 5, 15], rows_y=[8] * 3)
    assert shared.xy.shape == (3, 3) and shared.mmd2() == pytest.approx(want, rel=1e-12)
    with pytest.raises(OptionError, match="kernel distance: got 30 and 24 rows"):
        KernelSums.of(x, y, kernel, rows_x=[10, 5])


def test_files_taken_twice_are_not_compared_with_their_copies():
    x, y, kernel = cloud(6, 3, 0), cloud(5, 3, 1), polynomial(3)
    sums, times = KernelSums.of(x, y, kernel), np.array([2, 0, 1, 3, 0, 1])
    order = np.repeat(np.arange(6), times)
    values, other = kernel(x[order], x[order]), order[:, None] != order[None, :]
    within_y = kernel(y, y)[~np.eye(5, dtype=bool)].mean()
    want = values[other].mean() + within_y - 2 * kernel(x[order], y).mean()
    assert sums.mmd2(times) == pytest.approx(want, rel=1e-12)


def test_interval_of_kad_holds_the_value_of_new_sounds():
    """The 95 % interval made from 40 sounds, against the distance of the distributions (from 2400 sounds)."""
    kernel = gaussian(1.5)
    truth = KernelSums.of(cloud(1200, 6, 90), cloud(1200, 6, 91, shift=0.3), kernel).mmd2()
    inside = 0
    for seed in range(20):
        sums = KernelSums.of(cloud(40, 6, 200 + seed), cloud(40, 6, 300 + seed, shift=0.3), kernel)
        again = lambda i, j, s=sums: s.mmd2(np.bincount(i, minlength=40), np.bincount(j, minlength=40))
        figure = two_samples(sums.mmd2(), again, 40, 40, seed=seed, resamples=100, recentre=True)
        assert figure.low <= figure.value <= figure.high
        inside += figure.low <= truth <= figure.high
    assert inside >= 15


def test_pairs_are_drawn_together():
    seen = []
    two_samples(0.0, lambda i, j: seen.append((i, j)) or 0.0, 5, 5, seed=0, paired=True, resamples=3)
    assert all((i == j).all() for i, j in seen)
    with pytest.raises(OptionError, match="equally many pairs"):
        two_samples(0.0, lambda i, j: 0.0, 5, 4, seed=0, paired=True)
    with pytest.raises(OptionError, match="the measure of 2 and 2 items is nan"):
        two_samples(math.nan, lambda i, j: 0.0, 2, 2, seed=0)


def test_kid_of_a_subset_that_is_the_whole_set():
    x, y = cloud(30, 5, 0), cloud(30, 5, 1)
    mean, std = kernel_inception_distance(x, y, subsets=3, subset_size=30)
    assert std == pytest.approx(0, abs=1e-12) and mean == pytest.approx(KernelSums.of(x, y, polynomial(5)).mmd2())
    with pytest.raises(OptionError, match="subset_size: got 1000 for 30 and 30 sounds, expected 2 to 30"):
        kernel_inception_distance(x, y)


def test_frechet_infinity_takes_the_bias_away():
    """True distance 0: the mean of the plain estimate is far above it, that of the extrapolated one within its noise."""
    plain, extrapolated = [], []
    for seed in range(8):
        a, b = cloud(400, 12, 2 * seed), cloud(400, 12, 2 * seed + 1)
        plain.append(frechet_distance(a, b))
        found = frechet_infinity(a, b, points=8)
        assert found.r2 > 0.9 and len(found.distances) == 8 and found.distances[-1] == pytest.approx(plain[-1])
        extrapolated.append(found.value)
    assert np.mean(plain) > 10 * np.std(plain) / math.sqrt(8)
    assert abs(np.mean(extrapolated)) < 3 * np.std(extrapolated) / math.sqrt(8)
    assert frechet_infinity(cloud(300, 2, 0), cloud(300, 2, 1, shift=1.0)).value == pytest.approx(2.0, rel=0.1)


def test_frechet_infinity_needs_sounds():
    with pytest.raises(OptionError, match="expected at least 65 of each"):
        frechet_infinity(cloud(60, 12, 0), cloud(60, 12, 1))
    with pytest.raises(OptionError, match="points 1"):
        frechet_infinity(cloud(60, 2, 0), cloud(60, 2, 1), points=1)


def test_inception_score_between_its_bounds():
    sure = 50.0 * np.eye(10)[np.arange(200) % 10]
    assert inception_score(sure, splits=1).mean == pytest.approx(10, rel=1e-6)
    assert inception_score(np.zeros((50, 10))).mean == pytest.approx(1)
    with pytest.raises(OptionError, match="splits: got 10 for 9 sounds"):
        inception_score(np.zeros((9, 4)))


def test_divergence_of_known_probabilities():
    p, q = np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.25, 0.5]])
    want = 0.5 * math.log(2) - 0.25 * math.log(2)
    assert kl_divergence(np.log(p), np.log(q), epsilon=0) == pytest.approx([want])
    assert kl_divergence(np.log(p), np.log(q)) == pytest.approx([want], abs=1e-5)
    logits = np.zeros((3, 527))
    assert kl_divergence(logits, logits) == pytest.approx([-527e-6] * 3, rel=1e-2)  # the floor that the epsilon makes
    assert kl_divergence(logits - 3, logits, activation="sigmoid")[0] < 0
    with pytest.raises(OptionError, match="unknown activation 'softmx'; did you mean 'softmax'"):
        kl_divergence(logits, logits, activation="softmx")
    with pytest.raises(OptionError, match="expected equal shapes"):
        kl_divergence(logits, logits[:2])


@pytest.mark.parametrize("measure", [kernel_audio_distance, kernel_inception_distance, frechet_infinity, kl_divergence])
def test_nan_is_refused(measure):
    good = cloud(20, 3, 0)
    with pytest.raises(OptionError, match="NaN"):
        measure(good, np.where(good > good.max() - 1e-9, np.nan, good))


def test_copies_have_no_median_distance():
    with pytest.raises(OptionError, match="equal features; look for copies or silence"):
        kernel_audio_distance(np.ones((10, 3)), cloud(10, 3, 0))
