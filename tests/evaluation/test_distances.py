"""Distances against closed forms and other implementations."""

import numpy as np
import pytest
import scipy.linalg

from ldm_lab.errors import OptionError
from ldm_lab.evaluation.distances import clap_score, frechet_distance, nearest_neighbours, top_k


def clouds(n=400, d=12, seed=0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(d, d))
    return random.normal(size=(n, d)) @ mixing + 1.0, random.normal(size=(n + 50, d))


def by_square_root(a, b):
    root = scipy.linalg.sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)).real
    trace = np.trace(np.cov(a, rowvar=False) + np.cov(b, rowvar=False) - 2 * root)
    return np.square(a.mean(0) - b.mean(0)).sum() + trace


def test_frechet_equals_the_matrix_square_root():
    a, b = clouds()
    assert frechet_distance(a, b) == pytest.approx(by_square_root(a, b), rel=1e-10)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-12)


def test_frechet_of_gaussians_in_one_dimension():
    a = np.array([[-1.0], [0.0], [1.0]])  # mean 0, unbiased variance 1
    b = 3.0 * a + 5.0  # mean 5, standard deviation 3
    assert frechet_distance(a, b) == pytest.approx(5.0**2 + (3.0 - 1.0) ** 2)


def test_frechet_of_a_set_with_itself_is_zero_and_a_shift_adds_its_square():
    a, _ = clouds()
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, a + 0.5) == pytest.approx(a.shape[1] * 0.25)


def test_frechet_refuses_too_few_sounds_and_says_how_many():
    a, b = clouds(n=10)
    with pytest.raises(OptionError, match="got 10 and 60 sounds for 12 features, expected more than 12"):
        frechet_distance(a, b)
    # Few rows take the other path (no QR); it must agree with the definition.
    assert frechet_distance(a, b, allow_singular=True) == pytest.approx(by_square_root(a, b), rel=1e-4)


@pytest.mark.parametrize("bad", [np.full((20, 3), np.nan), np.ones(20), np.ones((20, 4))])
def test_frechet_refuses_bad_features(bad):
    with pytest.raises(OptionError):
        frechet_distance(bad, np.random.default_rng(0).normal(size=(20, 3)))


def test_nearest_neighbours_by_brute_force():
    random = np.random.default_rng(1)
    queries, references = random.normal(size=(7, 5)), random.normal(size=(30, 5))
    references[11] = 4.0 * queries[3]  # the length does not count
    distance, index = nearest_neighbours(queries, references)
    assert index[3] == 11
    assert distance[3] == pytest.approx(0.0, abs=1e-12)
    for row, (d, i) in enumerate(zip(distance, index)):
        cosines = [queries[row] @ r / np.linalg.norm(queries[row]) / np.linalg.norm(r) for r in references]
        assert i == int(np.argmax(cosines))
        assert d == pytest.approx(1 - max(cosines))


def test_clap_score_is_the_cosine_of_pairs():
    text, audio = np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [6.0, 8.0]])
    assert clap_score(text, audio) == pytest.approx([0.0, 1.0])
    with pytest.raises(OptionError):
        clap_score(text, audio[:1])


def test_top_k():
    logits = [[0.1, 0.9, 0.5], [0.3, 0.2, 0.1]]
    assert top_k(logits, [2, 0]).tolist() == [False, True]
    assert top_k(logits, [2, 2], k=2).tolist() == [True, False]
    with pytest.raises(OptionError):
        top_k(logits, [0, 0], k=4)
