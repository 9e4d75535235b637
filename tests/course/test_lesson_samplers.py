"""Lesson 07's world: the exact denoiser against draws from the world, its walks, its sounds."""

from __future__ import annotations

import math

import pytest
import torch

from ldm_lab.course.lessons import samplers as lesson
from ldm_lab.diffusion import samplers as library
from ldm_lab.rng import Rng


@pytest.mark.parametrize("sigma", [0.1, 0.6, 3.0])
def test_the_exact_denoiser_is_the_mean_of_what_may_be_inside(sigma):
    x = torch.tensor([[0.2, 0.1], [-0.5, 0.7]], dtype=torch.float64)
    z = lesson.draw(200_000, seed=1)
    weight = (-(x[:, None] - z).square().sum(-1) / (2 * sigma**2)).softmax(1)
    mean = (weight[..., None] * z).sum(1)
    assert torch.allclose(lesson.exact(x, torch.full((2,), sigma, dtype=torch.float64)), mean, atol=0.02)


def test_the_exact_denoiser_at_both_ends():
    x = lesson.draw(50)
    none, all_ = (torch.full((50,), level, dtype=torch.float64) for level in (1e-6, 1e4))
    assert torch.allclose(lesson.exact(x, none), x, atol=1e-6)
    assert torch.allclose(lesson.exact(x, all_), lesson.NOTES.mean(0).expand(50, 2), atol=1e-3)


def test_ten_good_steps_beat_two_hundred_naive_ones():
    start = lesson.starts(64)
    truth = library.sample_unipc(lesson.exact, start, lesson.good_grid(300))
    good = library.sample_unipc(lesson.exact, start, lesson.good_grid(10))
    naive = library.sample_ddim(lesson.exact, start, lesson.uniform_grid(200))
    assert lesson.cents(good, truth).median() < 0.2 * lesson.cents(naive, truth).median()


def test_with_all_of_the_fresh_noise_the_broken_sampler_is_ddpm():
    start, noise = lesson.starts(16), lambda i: Rng(3).randn((16, 2), "patient", i, dtype=torch.float64)
    whole = lesson.too_little_noise(lesson.exact, start, lesson.good_grid(20), noise, share=1.0)
    assert torch.allclose(whole, library.sample_ddpm(lesson.exact, start, lesson.good_grid(20), noise=noise), atol=1e-9)


def test_a_melody_has_the_pitch_of_its_points():
    high, low = lesson.melody(torch.tensor([[1.5, 0.0]]), 1), lesson.melody(torch.tensor([[0.0, 0.0]]), 1)
    peak = lambda wav: float(torch.fft.rfft(wav, 16000).abs().argmax())
    assert high.shape == low.shape == (lesson.BEAT,)
    assert high.abs().max() <= 0.5
    assert math.isclose(peak(high) / peak(low), 2.0, rel_tol=0.02)  # 12 semitones are an octave


def test_counts_and_between():
    assert lesson.counts(lesson.NOTES) == [1] * 6
    assert lesson.between(lesson.NOTES) == 0.0
    assert lesson.between(lesson.NOTES + 0.3) == 1.0
