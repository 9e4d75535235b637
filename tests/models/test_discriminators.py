"""Discriminators: shapes, losses against hand calculation, gradients that reach where they should."""

import itertools

import pytest
import torch

from ldm_lab.errors import ConfigError
from ldm_lab.models.discriminators import (
    MultiPeriodDiscriminator,
    MultiScaleDiscriminator,
    PatchDiscriminator,
    feature_matching,
    hinge_d,
    hinge_g,
    least_squares_d,
    least_squares_g,
)
from ldm_lab.rng import Rng

SMALL = (4, 8, 8, 8, 8)


@pytest.mark.parametrize("norm", ["group", "batch"])
@pytest.mark.parametrize("frames", [24, 64, 101])
def test_patch_shapes(norm, frames):
    judge = PatchDiscriminator(width=8, layers=3, norm=norm)
    logits = judge(Rng(0).randn((2, frames, 64), "mel"))
    assert logits.shape[:2] == (2, 1)
    assert logits.shape[2:] == (frames // 8 - 2, 64 // 8 - 2)


def test_patch_sees_seventy_cells():
    judge = PatchDiscriminator(width=8, layers=3)
    for module in judge.net:
        if isinstance(module, torch.nn.GroupNorm):  # a norm sees the whole clip: leave only the convolutions
            module.forward = lambda x: x
    mel = torch.zeros(1, 256, 256, requires_grad=True)
    logits = judge(mel)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    rows = mel.grad[0].abs().sum(1).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == 70


def test_patch_group_norm_keeps_clips_apart():
    judge = PatchDiscriminator(width=8)
    mel = Rng(0).randn((3, 64, 64), "mel")
    torch.testing.assert_close(judge(mel)[1:2], judge(mel[1:2]))


def test_patch_published_size():
    with torch.device("meta"):
        judge = PatchDiscriminator(width=64, layers=3, norm="batch")
    convolutions = 64 * 16 + 64 + 16 * (64 * 128 + 128 * 256 + 256 * 512) + 512 * 16 + 1
    norms = 2 * (128 + 256 + 512)
    assert sum(p.numel() for p in judge.parameters()) == convolutions + norms


@pytest.mark.parametrize("bad", [dict(width=0), dict(width=12), dict(layers=0), dict(norm="layer")])
def test_patch_bad_options(bad):
    with pytest.raises(ConfigError, match="PatchDiscriminator"):
        PatchDiscriminator(**bad)


def test_patch_too_short():
    with pytest.raises(ConfigError, match="longer clips"):
        PatchDiscriminator(width=8)(torch.zeros(1, 16, 64))


def test_hinge_by_hand():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert hinge_d(real, fake).item() == pytest.approx(0.5 * (0.25 + 0.5))
    assert hinge_g(fake).item() == pytest.approx(1.5)


def test_least_squares_by_hand():
    real = [(torch.tensor([[1.0, 0.0]]), [])]
    fake = [(torch.tensor([[0.5, 0.0]]), [])]
    assert least_squares_d(real, fake).item() == pytest.approx(0.5 + 0.125)
    assert least_squares_g(fake).item() == pytest.approx((0.25 + 1.0) / 2)


@pytest.mark.parametrize("samples", [1024, 1237])
@pytest.mark.parametrize(
    ("judge", "parts"),
    [
        (MultiPeriodDiscriminator(periods=(2, 3, 5), widths=SMALL), 3),
        (MultiScaleDiscriminator(scales=2, widths=SMALL), 2),
    ],
)
def test_waveform_judges(judge, parts, samples):
    wav = Rng(1).randn((2, samples), "wav").requires_grad_()
    verdicts = judge(wav)
    assert len(verdicts) == parts
    for logits, maps in verdicts:
        assert logits.shape[0] == 2
        assert logits.ndim == 2
        assert len(maps) == len(SMALL) + 1
    least_squares_g(verdicts).backward()
    assert (wav.grad.abs() > 0).float().mean() > 0.9  # every part of the waveform is heard


def test_period_columns_do_not_mix():
    judge = MultiPeriodDiscriminator(periods=(5,), widths=SMALL)
    wav = Rng(1).randn((1, 500), "wav").requires_grad_()
    (_, maps), = judge(wav)
    maps[-1][..., 2].sum().backward()
    phases = wav.grad[0].nonzero().flatten() % 5
    assert phases.unique().tolist() == [2]


def test_published_sizes():
    """The sizes of the HiFi-GAN discriminators follow from their layer table."""
    with torch.device("meta"):
        periods = MultiPeriodDiscriminator()
    widths = (1, 32, 128, 512, 1024, 1024)
    one = sum(5 * a * b + 2 * b for a, b in itertools.pairwise(widths)) + 3 * 1024 + 2  # weight norm: a gain a row
    assert sum(p.numel() for p in periods.parameters()) == 5 * one


def test_feature_matching_moves_only_the_fake():
    judge = MultiPeriodDiscriminator(periods=(2,), widths=SMALL)
    real = Rng(1).randn((1, 400), "real").requires_grad_()
    fake = Rng(1).randn((1, 400), "fake").requires_grad_()
    loss = feature_matching(judge(real), judge(fake))
    loss.backward()
    assert real.grad is None
    assert fake.grad.abs().sum() > 0
    assert feature_matching(judge(real), judge(real)).item() == 0.0


def test_a_few_steps_tell_noise_from_tones():
    rng = Rng(2)
    judge = MultiScaleDiscriminator(scales=1, widths=SMALL)
    optimiser = torch.optim.Adam(judge.parameters(), 3e-3)
    time = torch.arange(1024) / 16000
    losses = []
    for step in range(30):
        pitch = 200 + 800 * torch.rand(4, 1, generator=rng.at("pitch", step))
        tones = torch.sin(2 * torch.pi * pitch * time)
        noise = rng.randn((4, 1024), "noise", step)
        loss = least_squares_d(judge(tones), judge(noise))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
