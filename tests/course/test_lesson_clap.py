"""Lesson 04: its pairs, and what its exercises say about the library's loss and retrieval."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ldm_lab.course.lessons import clap as lesson
from ldm_lab.evaluation.retrieval import first_hit_rank
from ldm_lab.models.clap import contrastive_loss
from ldm_lab.rng import Rng


def test_words_and_plain_captions():
    assert lesson.words("A dog's bark, twice.") == ["a", "dog", "s", "bark", "twice"]
    assert lesson.plain(" A Dog barking.") == "a dog barking"


def test_pairs_belong_together():
    few = lesson.pairs(5, "test", seconds=0.64, keep_wav=True)
    assert few.mel.shape == (5, 64, 64)
    assert few.wav.shape == (5, 10240)
    assert len(few) == len(few.captions) == len(few.categories) == 5
    more = lesson.pairs(8, "test", seconds=0.64)
    assert more.captions[:5] == few.captions  # a larger pool begins with the smaller one
    assert more.wav is None


def test_the_reference_loss_is_the_librarys():
    a, t = (F.normalize(Rng(0).randn((6, 8), name), dim=1) for name in "at")
    ours = lesson.info_nce.reference(a, t, 10.0)
    assert torch.allclose(ours, contrastive_loss(a, t, torch.eye(6), torch.tensor(10.0)), atol=1e-6)


def test_the_floor_is_reached_by_a_perfect_model_and_not_undercut():
    captions = ["wind", "rain", "Wind.", "a bell", "rain", "wind"]
    names = [lesson.plain(caption) for caption in captions]
    perfect = torch.eye(len(names))[[names.index(name) for name in names]]  # one direction for each caption
    loss = lesson.info_nce.reference(perfect, perfect, 200.0)
    assert abs(float(loss) - lesson.lowest_loss.reference(captions)) < 1e-5


def test_sharing_the_target_among_equal_captions_changes_nothing():
    same = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]])
    a, t = (F.normalize(Rng(0).randn((4, 8), name), dim=1) for name in "at")
    t[2] = t[0]
    a.requires_grad_(True)
    losses = [contrastive_loss(a, t, targets, torch.tensor(14.0)) for targets in (same, torch.eye(4))]
    assert torch.allclose(*losses, atol=1e-6)
    assert torch.allclose(*(torch.autograd.grad(loss, a)[0] for loss in losses), atol=1e-6)  # nor does the gradient change


def test_the_reference_recall_is_the_librarys_on_ties_and_doubles():
    scores, hits = Rng(1).randn((50, 20), "scores").round(decimals=1), Rng(2).randn((50, 20), "hits") > 1.5
    hits[:, 0] = True
    assert lesson.recall_at_1.reference(scores, hits) == (first_hit_rank(scores, hits) == 1).float().mean()


def test_the_temperature_gives_the_share():
    tau = lesson.temperature.reference(0.9, 0.2, 63)
    cosines = torch.tensor([0.5] + [0.3] * 63)
    assert abs(float((cosines / tau).softmax(0)[0]) - 0.9) < 1e-5
