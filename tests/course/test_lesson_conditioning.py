"""Lesson 08's helpers: the world with words, and how embeddings are summed up."""

from __future__ import annotations

import torch

from ldm_lab.course.lessons import conditioning as lesson
from ldm_lab.course.lessons import samplers


def test_the_exact_denoiser_of_all_words_is_lesson_07s():
    x, sigma = samplers.starts(8) / 50, torch.full((8,), 0.7, dtype=torch.float64)
    assert torch.allclose(lesson.exact_for(None)(x, sigma), samplers.exact(x, sigma), atol=1e-12)


def test_told_by_exact_denoisers_every_word_is_right_and_guidance_moves_points_away():
    def exactly(x, sigma, emb):
        guess = lesson.exact_for(None)(x, sigma)
        for word in range(3):
            mine = emb[:, word] > 0
            guess[mine] = lesson.exact_for(word)(x[mine], sigma[mine])
        return guess

    plain, strong = (lesson.words_right(exactly, scale, count=60) for scale in (1.0, 7.0))
    assert plain["right word"] == "100 %"
    assert plain["distance to a note"] < strong["distance to a note"]


def test_training_words_is_the_same_every_time():
    first, second = (lesson.train_words(0.1, 2, batch=8) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters()))


def test_plane_keeps_the_largest_differences():
    one, two = torch.randn(20, 6, generator=torch.Generator().manual_seed(0)), torch.zeros(5, 6)
    one[:, 3] *= 50
    seen = lesson.plane({"one": one, "two": two})
    assert seen["one"].shape == (20, 2)
    assert torch.allclose(seen["one"][:, 0].abs().std(), (one[:, 3] - torch.cat([one, two])[:, 3].mean()).abs().std(), rtol=0.05)
