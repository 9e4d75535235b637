"""Sounds whose truth is known exactly, for lessons: each (N,) float32 at 16 kHz in [-1, 1]."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ldm_lab.rng import Rng

RATE = 16000
LEVEL = 0.5
PARTIALS = ((0.5, 0.4), (1.0, 1.0), (1.19, 0.6), (1.5, 0.5), (2.0, 0.6), (2.74, 0.4), (3.76, 0.25), (5.4, 0.15))


def clock(seconds: float) -> Tensor:
    """Time in seconds of each sample."""
    return torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE


def tone(hz: float = 440.0, seconds: float = 1.0) -> Tensor:
    """A sine of `hz`."""
    return (LEVEL * torch.sin(2 * math.pi * hz * clock(seconds))).float()


def chirp(start_hz: float = 100.0, end_hz: float = 4000.0, seconds: float = 1.0) -> Tensor:
    """A sine whose frequency rises (or falls) by equal ratios in equal times."""
    ratio = math.log(end_hz / start_hz)
    turn = clock(seconds) / seconds
    cycles = start_hz * seconds * (turn if ratio == 0 else torch.expm1(ratio * turn) / ratio)
    return (LEVEL * torch.sin(2 * math.pi * cycles)).float()


def click(seconds: float = 1.0, at: float | None = None) -> Tensor:
    """Silence with one sample of 1 in the middle, or `at` seconds."""
    wav = torch.zeros(round(seconds * RATE))
    wav[round((seconds / 2 if at is None else at) * RATE)] = 1.0
    return wav


def noise(seconds: float = 1.0, seed: int = 0) -> Tensor:
    """White noise; the same for the same seed."""
    return (0.1 * Rng(seed).randn((round(seconds * RATE),), "course noise")).clamp(-1.0, 1.0)


def bell(hz: float = 440.0, seconds: float = 1.0, decay: float = 4.0) -> Tensor:
    """A struck bell: partials at a bell's ratios, the higher ones dying sooner."""
    time = clock(seconds)
    wav = sum(level * torch.exp(-decay * ratio**0.7 * time) * torch.sin(2 * math.pi * hz * ratio * time)
              for ratio, level in PARTIALS if hz * ratio < RATE / 2)
    return (LEVEL * wav / wav.abs().max()).float()
