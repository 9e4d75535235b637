"""The sampling ablations on the tiny model: every setting is measured from the same noise, and nothing is made twice."""

import numpy as np
import pytest
import torch

from ldm_lab.experiments import sampling
from ldm_lab.experiments.bench import open_bench

SMALL = sampling.Settings(count=3, seeds=(0, 1), steps=2, steps_of_ddim=(1, 2), guidances=(1.0, 3.0), candidates=(1, 2),
                          samplers=("ddim", "dpmpp_2m"), calls=(2,))


def test_every_setting_is_measured_and_compared(tiny):
    values = sampling.run(tiny, SMALL, progress=False)
    rows = {"DDIM, 1 steps", "DDIM, 2 steps", "guidance 1", "guidance 3", "best of 1", "best of 2", "ddim, 2 calls", "dpmpp_2m, 2 calls"}
    assert set(values["figures"]) == rows
    figures = values["figures"]
    assert figures["guidance 3"] == figures["best of 1"] == figures["dpmpp_2m, 2 calls"]  # one and the same sound
    assert figures["ddim, 2 calls"] == figures["DDIM, 2 steps"]
    assert figures["best of 2"]["clap"]["value"] >= figures["best of 1"]["clap"]["value"]
    assert len(figures["guidance 1"]["top1"]["each_seed"]) == 2
    gap = values["differences"]["best of 2"]
    assert gap["minus"] == "best of 1"
    assert gap["clap"]["value"] == pytest.approx(figures["best of 2"]["clap"]["value"] - figures["best of 1"]["clap"]["value"], abs=1e-5)
    assert all(isinstance(claim["holds"], bool) for claim in values["claims"]) and len(values["claims"]) >= 7
    assert sum(line.count(" against ") for line in values["notes"]) == len(values["differences"])
    settings = {"seeds": [0, 1], "steps_of_ddim": [1, 2], "guidances": [1.0, 3.0], "candidates": [1, 2],
                "samplers": ["ddim", "dpmpp_2m"], "calls": [2]}
    assert len(sampling.draw({**values, "settings": settings, "weights": {}, "model": "tiny"}).axes) == 12


def test_a_candidate_is_the_same_sound_at_every_setting_of_k(tiny):
    bench = open_bench(tiny, "sampling", 2, seed=0)
    way = sampling.Way("ddim", 1, 1.0)
    first = sampling.made(bench, way, 0, 0, progress=False)
    again = sampling.made(bench, sampling.Way("ddim", 1, 1.0, best_of=8), 0, 0, progress=False)
    other = sampling.made(bench, way, 0, 1, progress=False)
    assert torch.equal(first["clap"], again["clap"])
    assert not torch.equal(first["clap"], other["clap"])


def test_the_best_of_k_is_the_one_clap_likes_most(tiny, monkeypatch):
    bench = open_bench(tiny, "sampling", 2, seed=0)
    text = sampling._text(bench)
    drawn = [{"clap": -text, "logits": torch.zeros(2, 14), "features": torch.zeros(2, 64)},
             {"clap": text, "logits": torch.eye(14)[:2], "features": torch.ones(2, 64)}]
    monkeypatch.setattr(sampling, "made", lambda bench, way, seed, number, progress: drawn[number])
    seen = sampling.observe(bench, sampling.Way("ddim", 1, 1.0, best_of=2), 0, progress=False)
    assert seen["clap"] == pytest.approx(np.ones(2), abs=1e-5)
    assert np.array_equal(seen["features"], np.ones((2, 64)))


def test_costs_count_network_passes():
    assert sampling.Way("ddim", 10, 3.0).cost == 20
    assert sampling.Way("heun", 5, 1.0).cost == 10
    assert sampling.Way("ddim", 10, 1.0, best_of=8).cost == 80
    calls = sampling.families(sampling.Settings())["samplers"]
    assert {way.cost for row, way in calls.items() if row.endswith("10 calls")} == {20}
