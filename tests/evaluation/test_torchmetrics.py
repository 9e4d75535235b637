"""The measures that torchmetrics defines too, on the same numbers."""

import numpy as np
import pytest
import torch

from ldm_lab.evaluation.classes import inception_score, kl_divergence
from ldm_lab.evaluation.distances import frechet_distance
from ldm_lab.evaluation.kernels import kernel_inception_distance
from ldm_lab.evaluation.spectral import psnr

pytest.importorskip("torchmetrics")


def cloud(count, dims, seed):
    return np.random.default_rng(seed).normal(size=(count, dims)) / np.sqrt(1 + np.arange(dims)) + 0.01 * seed


@pytest.mark.parametrize("seed", range(5))
def test_frechet_distance(seed):
    from torchmetrics.image.fid import _compute_fid

    a, b = cloud(300, 48, seed), cloud(260, 48, seed + 10)
    moments = [torch.from_numpy(x) for rows in (a, b) for x in (rows.mean(0), np.cov(rows, rowvar=False))]
    assert frechet_distance(a, b) == pytest.approx(_compute_fid(*moments).item(), rel=1e-6)


def test_kernel_inception_distance():
    from torchmetrics.image.kid import poly_mmd

    a, b = cloud(80, 48, 0), cloud(80, 48, 1)
    want = poly_mmd(torch.from_numpy(a), torch.from_numpy(b)).item()
    assert kernel_inception_distance(a, b, subsets=1, subset_size=80).mean == pytest.approx(want, rel=1e-6)


@pytest.mark.filterwarnings("ignore:.*")  # of theirs: memory, and the deviation of a single part
def test_inception_score_of_one_part():
    from torchmetrics.image.inception import InceptionScore

    logits = 3 * torch.from_numpy(np.random.default_rng(0).normal(size=(60, 14)))
    theirs = InceptionScore(feature=torch.nn.Identity(), splits=1).set_dtype(torch.float64)
    theirs.update(logits)
    assert inception_score(logits, splits=1).mean == pytest.approx(theirs.compute()[0].item(), rel=1e-6)


def test_divergence_without_the_epsilon():
    from torchmetrics.functional import kl_divergence as theirs

    reference, generated = (torch.from_numpy(3 * cloud(20, 14, seed)) for seed in (0, 1))
    want = theirs(reference.log_softmax(1), generated.log_softmax(1), log_prob=True).item()
    assert kl_divergence(reference, generated, epsilon=0.0).mean() == pytest.approx(want, rel=1e-6)


def test_psnr():
    from torchmetrics.functional.image import peak_signal_noise_ratio

    a, b = (torch.from_numpy(np.random.default_rng(seed).uniform(size=(1, 20, 64))) for seed in (0, 1))
    assert psnr(a, b).item() == pytest.approx(peak_signal_noise_ratio(a, b, data_range=1.0).item(), rel=1e-6)
