"""Lesson 09: what its exercises teach is what the library does, and each sick stack is sick where its key says."""

from __future__ import annotations

import pytest
import torch

from ldm_lab.course.lessons import pipeline as lesson
from ldm_lab.diffusion.windows import window_starts
from ldm_lab.generate import Item
from ldm_lab.system import AudioLDM
from ldm_lab.trace import follow

STAGES = {"clap": "emb", "unet": "z", "decoder": "mel", "vocoder": "wav"}  # what a part makes


def test_the_seed_rule_is_the_librarys():
    mine = lesson.item_noise([5, 7], lesson.SHAPE)
    theirs = [Item(prompt, 0, seed).noise(lesson.SHAPE, "start") for prompt, seed in enumerate((5, 7))]
    assert torch.equal(mine, torch.stack(theirs))


@pytest.mark.parametrize("seconds", [0.8, 2.56, 3.2, 4.48, 5.12, 6.4, 10.24, 20.48])
def test_the_window_count_is_the_librarys(seconds):
    frames = round(seconds / 0.08)  # of the latent
    assert lesson.windows(seconds) == len(window_starts(frames, 32, 8))


def test_each_patient_differs_first_where_the_key_says():
    ldm = AudioLDM.from_preset("tiny")
    with torch.no_grad():
        for weight in ldm.unet.parameters():  # fresh residual branches and outputs are 0: nothing would be heard of t and emb
            if not weight.any():
                torch.nn.init.normal_(weight, std=0.1)
        healthy = follow(ldm, "a dog", steps=2)
        for name, stack in lesson.patients(ldm).items():
            sick = follow(stack, "a dog", steps=2)
            differs = [part for part, made in STAGES.items() if not torch.equal(getattr(healthy, made), getattr(sick, made))]
            assert differs[0] == lesson.KEY[name], (name, differs)
            assert all(getattr(healthy, made).shape == getattr(sick, made).shape for made in STAGES.values())
