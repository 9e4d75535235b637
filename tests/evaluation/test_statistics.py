"""Bootstrap intervals: equal to scipy's, wider for dependent clips, honest about what they measure."""

import numpy as np
import pytest
import scipy.stats

from ldm_lab.errors import OptionError
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.distances import frechet_distance


def values(n=200):
    return np.random.default_rng(3).gamma(2.0, size=n)


def test_the_interval_agrees_with_scipy():
    x = values()
    ours = statistics.mean(x, seed=0, resamples=4000)
    theirs = scipy.stats.bootstrap((x,), np.mean, n_resamples=4000, method="percentile").confidence_interval
    width = theirs.high - theirs.low
    assert ours.value == pytest.approx(x.mean())
    assert abs(ours.low - theirs.low) < 0.1 * width
    assert abs(ours.high - theirs.high) < 0.1 * width


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random, inside = np.random.default_rng(0), 0
    for trial in range(120):
        figure = statistics.mean(random.normal(size=60), seed=trial, resamples=200)
        inside += figure.low <= 0.0 <= figure.high
    assert 0.88 <= inside / 120 <= 0.99


def test_same_seed_same_interval_and_other_seed_another():
    x = values()
    assert statistics.mean(x, seed=1) == statistics.mean(x, seed=1)
    assert statistics.mean(x, seed=1).low != statistics.mean(x, seed=2).low


def test_clips_of_one_recording_do_not_count_as_independent():
    x = np.repeat(values(40), 5)
    alone = statistics.mean(x, seed=0)
    grouped = statistics.mean(x, seed=0, groups=np.repeat(np.arange(40), 5).tolist())
    assert grouped.high - grouped.low > 1.7 * (alone.high - alone.low)  # sqrt(5) = 2.2 expected


def test_ratio_and_difference_are_paired():
    below = values() + 1.0
    ratio = statistics.ratio(0.8 * below, below, seed=0)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.8, 0.8, 0.8))
    difference = statistics.difference(below + 2.0, below, seed=0)
    assert (difference.low, difference.high) == pytest.approx((2.0, 2.0))


def test_recentring_puts_the_frechet_distance_inside_its_interval():
    random = np.random.default_rng(5)
    a, b = random.normal(size=(60, 16)), random.normal(size=(60, 16))
    measure = lambda i: frechet_distance(a[i], b, allow_singular=True)
    raw = statistics.bootstrap(measure, 60, seed=0, resamples=200)
    moved = statistics.bootstrap(measure, 60, seed=0, resamples=200, recentre=True)
    assert raw.low > raw.value  # repeated items bias every resample upwards
    assert moved.low < moved.value < moved.high


def test_missing_values_are_left_out_and_counted():
    figure = statistics.mean([1.0, np.nan, 3.0], seed=0, groups=["a", "b", "c"])
    assert (figure.value, figure.n) == (2.0, 2)
    assert figure.as_dict()["n"] == 2


def test_nothing_to_measure_is_an_error():
    with pytest.raises(OptionError, match="at least one"):
        statistics.mean([], seed=0)
    with pytest.raises(OptionError, match="silent or broken"):
        statistics.bootstrap(lambda i: float("nan"), 3, seed=0)
