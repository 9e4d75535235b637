"""Helpers of lesson 06, and the claims about its targets."""

import pytest
import torch

from ldm_lab.course import load
from ldm_lab.course.lessons import denoising
from ldm_lab.rng import Rng


@pytest.fixture(scope="module")
def ldm():
    return load("lab")


def test_latents_of_real_sounds(ldm):
    z, emb = denoising.latents(ldm, 3, "test", "instrument")
    assert z.shape == (3, 16, 32, 8) and emb.shape == (3, 256)
    assert emb.norm(dim=1) == pytest.approx(torch.ones(3), abs=1e-4)
    assert not z.requires_grad and not emb.requires_grad
    assert torch.allclose(denoising.latents(ldm, 2, "test", "instrument")[0], z[:2], atol=1e-4)  # the same sounds


def test_sound_is_playable(ldm):
    wav = denoising.sound(ldm, torch.zeros(16, 32, 8))
    assert wav.shape == (40960,) and wav.abs().max() <= 1.0


@pytest.mark.parametrize("kind", ["x0", "eps", "v"])
def test_weights_turn_one_loss_into_the_other(kind):
    """|answer - answer_hat|^2 = weight |z - z_hat|^2, for any wrong answer."""
    alpha_bar = 0.3
    x, answer, slip = Rng(0).randn((3, 1000), "weights")
    z = denoising.translate.reference(kind, answer, x, alpha_bar)[0]
    z_hat = denoising.translate.reference(kind, answer + 0.1 * slip, x, alpha_bar)[0]
    weight = denoising.weight.reference(kind, torch.tensor(alpha_bar / (1 - alpha_bar)))
    assert float((0.1 * slip).square().sum()) == pytest.approx(float(weight * (z - z_hat).square().sum()), rel=1e-4)
