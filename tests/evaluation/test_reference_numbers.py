"""Same features in, same numbers out: against audioldm_eval, ssr_eval, scikit-image and kadtk (`reference/make_numbers.py`)."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ldm_lab.evaluation.classes import inception_score, kl_divergence
from ldm_lab.evaluation.distances import frechet_distance
from ldm_lab.evaluation.kernels import kernel_audio_distance, kernel_inception_distance, median_distance
from ldm_lab.evaluation.spectral import level, log_spectral_distance, mel_picture, psnr, ssim

FOLDER = Path(__file__).parent / "reference"
NUMBERS = json.loads((FOLDER / "numbers.json").read_text())
spec = importlib.util.spec_from_file_location("cases", FOLDER / "cases.py")
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


# In single precision the reference adds up its sums in single precision; we always use double, and differ by its rounding.
ROUNDING = {"single": 1e-5}


@pytest.fixture(scope="module", params=list(cases.SHAPES))
def case(request):
    return request.param, cases.features(request.param), NUMBERS["features"][request.param]


def test_frechet_distance(case):
    name, (generated, reference, _), want = case
    # With fewer sounds than features the reference itself is off: the root of a singular matrix, by an iteration.
    tolerance = 1e-5 if name == "wide" else 1e-6
    mine = frechet_distance(generated[0], reference[0], allow_singular=True)
    assert mine == pytest.approx(want["frechet_distance"], rel=tolerance)


def test_divergences_and_inception_score(case):
    name, (generated, reference, _), want = case
    for activation in ("softmax", "sigmoid"):
        mine = kl_divergence(reference[1], generated[1], activation=activation).mean()
        assert mine == pytest.approx(want[f"kullback_leibler_divergence_{activation}"], rel=ROUNDING.get(name, 1e-6))
    mean, std = inception_score(generated[1])
    assert mean == pytest.approx(want["inception_score_mean"], rel=1e-6)
    assert std == pytest.approx(want["inception_score_std"], rel=1e-6)


def test_kernel_distances(case):
    name, (generated, reference, subset), want = case
    mean, std = kernel_inception_distance(reference[0], generated[0], subsets=5, subset_size=subset)
    tolerance = 1e-3 if name == "single" else 1e-6  # differences of nearly equal means make its rounding larger
    assert mean == pytest.approx(want["kernel_inception_distance_mean"], rel=tolerance)
    assert std == pytest.approx(want["kernel_inception_distance_std"], rel=tolerance, abs=1e-12)
    mine = {"reference_median": kernel_audio_distance(reference[0], generated[0]),
            "kadtk": kernel_audio_distance(reference[0], generated[0], bandwidth=median_distance(generated[0]))}
    for name, value in mine.items():  # the reference takes the median in single precision
        assert value == pytest.approx(want[f"kad_{name}"], rel=1e-6)


def test_distances_of_sounds_and_pictures():
    reference, estimate = (torch.from_numpy(wav)[None] for wav in cases.sounds())
    want = NUMBERS["sounds"]
    for rate in (16000, 44100):
        assert log_spectral_distance(reference, estimate, sample_rate=rate).item() == pytest.approx(want[f"lsd_{rate}"], rel=1e-6)
    pair = level(reference, estimate, drop=7 * 160)
    assert log_spectral_distance(*pair).item() == pytest.approx(want["lsd_7_frames"], rel=1e-6)
    first, second = (torch.from_numpy(np.float32(picture))[None] for picture in cases.pictures())
    assert psnr(first, second).item() == pytest.approx(want["psnr"], rel=1e-6)
    assert ssim(first, second).item() == pytest.approx(want["ssim"], rel=1e-6)


@pytest.mark.parametrize("rate", [16000, 32000])
def test_the_picture_that_psnr_is_taken_of(rate):
    want = NUMBERS["mel"][str(rate)]
    picture = mel_picture(torch.from_numpy(cases.sounds()[0])[None], sample_rate=rate)[0].T
    assert list(picture.shape) == want["shape"]
    assert picture.double().mean().item() == pytest.approx(want["mean"], rel=1e-6)
    for row, column, value in want["values"]:
        assert picture[row, column].item() == pytest.approx(value, abs=1e-5)
