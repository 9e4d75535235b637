"""A tiny model whose silent layers are awake, and two sounds to edit."""

from __future__ import annotations

import pytest
import torch

from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM


@pytest.fixture(scope="session")
def ldm():
    ldm = AudioLDM.from_preset("tiny")
    with torch.no_grad():
        for i, weight in enumerate(ldm.unet.parameters()):
            if not weight.any():  # output layers start at zero: without this, prompts and steps have no effect
                weight.copy_(0.05 * Rng(0).randn(weight.shape, "alive", i))
    return ldm


@pytest.fixture(scope="session")
def wav():
    """(2, 10000): noise bursts, 0.625 s, neither a whole number of frames nor of latent cells."""
    noise = Rng(0).randn((2, 10000), "sound")
    return 0.2 * noise * (torch.arange(10000) / 1500).sin().square()
