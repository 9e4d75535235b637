"""The editing experiments on the tiny model: what is measured, what claims are made of it, and that nothing leaks."""

import math

import numpy as np
import pytest
import torch

from ldm_lab.evaluation.spectral import log_spectral_distance
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.experiments import inpainting, super_resolution, transfer
from ldm_lab.experiments.bench import claimed, open_bench


def check(values, module):
    """Every figure is finite and complete, every claim is decided, and the picture can be drawn from the values alone."""
    for row in values["figures"].values():
        for figure in row.values():
            assert {"value", "low", "high", "n", "seed"} <= set(figure)
            assert all(math.isfinite(figure[key]) for key in ("value", "low", "high"))
    assert values["claims"] and all(isinstance(claim["holds"], bool) for claim in values["claims"])
    about = {"settings": {"seed": 0, **values["settings"]}, "weights": {}, "model": "tiny"}
    assert len(module.draw(values | about).axes) >= 2


def test_inpainting(tiny):
    settings = inpainting.Settings(count=3, steps=2)
    values = inpainting.run(tiny, settings, progress=False)
    check({**values, "settings": {"share": 0.25}}, inpainting)
    assert set(values["figures"]) == {*inpainting.ROWS, "real"}
    assert len(values["claims"]) == 12  # two ways, two measures, three baselines
    assert inpainting.run(tiny, settings, progress=False) == values  # from the cache


def test_no_method_sees_what_was_lost(tiny):
    settings = inpainting.Settings(count=2, steps=2)
    bench = open_bench(tiny, "inpainting", 2, seed=0)
    holes = inpainting.choose_holes(bench, settings)
    wav = bench.test.wav.clone()
    for row, (first, end) in zip(wav, holes):
        assert end - first == 10240 and first % 160 == 0
        assert row[first:end].square().sum() > 0
        row[first:end] = torch.randn(end - first) * 0.1
    ways = [way for way in inpainting.ROWS if way != "autoencoder round trip"]
    for way in ways:
        made = [inpainting._WAYS[way](tiny, inpainting.Damaged(real, damaged(real, holes), holes, ["rain", "a dog"], [1, 2]), settings)
                for real in (bench.test.wav, wav)]
        assert torch.equal(*made), way
        for row, real, (first, end) in zip(made[0], bench.test.wav, holes):
            assert torch.equal(row[: first - 400], real[: first - 400]), way
            assert torch.equal(row[end + 400 :], real[end + 400 :]), way


def damaged(wav, holes):
    wav = wav.clone()
    for row, (first, end) in zip(wav, holes):
        row[first:end] = 0.0
    return wav


def test_level_steps_at_seams_are_in_decibels():
    wav = torch.full((1, 16000), 0.1)
    wav[:, 4000:8000] = 0.01
    assert inpainting.seam_steps(wav, [(4000, 8000)], 16000) == pytest.approx([20.0], abs=1e-3)


def test_super_resolution(tiny):
    values = super_resolution.run(tiny, super_resolution.Settings(count=3, steps=2, envelope_clips=4), progress=False)
    check({**values, "settings": {"cutoffs": [4000, 2000]}}, super_resolution)
    assert len(values["figures"]) == 10
    for cutoff in (4000, 2000):
        assert values["figures"][f"{cutoff} Hz: unprocessed"]["lsd_high"]["value"] > 1.0


@pytest.mark.parametrize("follow", [True, False])
def test_the_mean_envelope_brings_back_the_mean_spectrum(tiny, follow):
    bench = open_bench(tiny, "super_resolution", 2, seed=0)
    noise = torch.randn(4, 40960, generator=torch.Generator().manual_seed(0)) * 0.1
    bench = type(bench)(**{**vars(bench), "corpus": Noise()})
    low = super_resolution.low_passed(noise, 4000, 16000)
    envelope = super_resolution.mean_envelope(bench, super_resolution.Settings(envelope_clips=6), 4000, follow=follow)
    assert float(envelope.mean().abs()) < 0.05  # white: as loud above the cut-off as below
    made = super_resolution.with_envelope(low, envelope, 4000, 16000, seed=0, follow=follow)
    power = [torch.fft.rfft(wav)[:, 11000:].abs().square().mean() for wav in (noise, made)]
    assert float(power[1] / power[0]) == pytest.approx(1.0, abs=0.1)
    assert torch.allclose(torch.fft.rfft(made)[:, :9000].abs(), torch.fft.rfft(low)[:, :9000].abs(), atol=1.0)
    assert log_spectral_distance(noise, made, low_hz=4500).mean() < log_spectral_distance(noise, low, low_hz=4500).mean()


class Noise:
    """A corpus of white noise."""

    def split(self, name):
        from types import SimpleNamespace

        return [SimpleNamespace(file=f"{i}", category="nature", group=str(i), kind="recorded") for i in range(6)]

    def read(self, clip):
        return (np.random.default_rng(int(clip.file)).normal(size=40960) * 0.1).astype(np.float32)


def test_transfer(tiny):
    values = transfer.run(tiny, transfer.Settings(count=6, steps=5, strengths=(0.0, 0.4, 1.0), shuffles=2), progress=False)
    check({**values, "settings": {"strengths": [0.0, 0.4, 1.0]}}, transfer)
    assert len(values["claims"]) == 6
    bench = open_bench(tiny, "transfer", 6, seed=0)
    categories = bench.test.column("category")
    assert all(categories[i] != categories[j] for i, j in enumerate(transfer.choose_targets(bench)))


def test_trend_and_correlation_agree_with_their_definitions():
    strengths = (0.0, 0.2, 0.4, 0.6)
    curves = np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [1.0, 3.0, 2.0, 4.0]])
    assert transfer.kendall(curves, strengths) == pytest.approx([1.0, -1.0, (5 - 1) / 6])  # one of six pairs is discordant
    a, b = torch.randn(3, 50), torch.randn(3, 50)
    assert transfer.correlation(a, b) == pytest.approx([np.corrcoef(x, y)[0, 1] for x, y in zip(a.numpy(), b.numpy())])
    assert transfer.correlation(torch.zeros(1, 5), torch.randn(1, 5)) == 0.0


def test_claims_need_the_whole_interval():
    sure, unsure = Figure(-1.0, -1.5, -0.5, 9, 0), Figure(-1.0, -2.0, 0.1, 9, 0)
    assert claimed("lower", {"a": sure}, below=True)["holds"]
    assert not claimed("lower", {"a": sure, "b": unsure}, below=True)["holds"]
    assert not claimed("higher", {"a": sure}, below=False)["holds"]
    rising = transfer.monotone("it", [Figure(0.1, -0.1, 0.3, 9, 0)] * 2, Figure(0.5, 0.2, 0.7, 9, 0), rising=True)
    assert rising["holds"] and "0 of 2" in rising["detail"]
    assert not transfer.monotone("it", [Figure(0.1, 0, 0.3, 9, 0)], Figure(0.5, -0.1, 0.7, 9, 0), rising=True)["holds"]
