"""Solvers against a fine trajectory, on tiny: who is compared with whom, from the same noise, and what is made of it."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from ldm_lab.diffusion.schedule import Schedule
from ldm_lab.errors import OptionError
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.experiments import bench, trajectories
from ldm_lab.experiments.trajectories import Settings, Solver
from ldm_lab.system import AudioLDM

SMALL = Settings(count=2, reference=24, baseline=12, ddim=(3, 12), solvers=("heun", "dpmpp_2m"), calls=(5,),
                 grid="karras", grids=("karras", "leading"), grids_at=5, resamples=20)


@pytest.fixture
def ldm(tmp_path, monkeypatch):
    """tiny with a network that says something: its last layer starts at zero, and a path without bends tells solvers not apart."""
    monkeypatch.setattr(bench, "RUNS", tmp_path)
    ldm = AudioLDM.from_preset("tiny")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in ldm.unet.parameters():
            if not weight.any():
                weight.copy_(0.3 * torch.randn(weight.shape, generator=generator))
    return ldm


def test_distances_claims_and_picture(ldm, monkeypatch):
    values = trajectories.run(ldm, SMALL, progress=False)
    rows = values["figures"]
    assert values["table"]["rows"] == ["ddim 3, trailing", "ddim 12, trailing", "heun 3, karras", "dpmpp_2m 5, karras",
                                       "dpmpp_2m 5, leading", "ddim 24, trailing"]
    assert 0 < rows["ddim 12, trailing"]["l2"]["value"] < rows["ddim 3, trailing"]["l2"]["value"]
    assert rows["ddim 12, trailing"]["l2_limit"]["value"] == pytest.approx(2 * rows["ddim 12, trailing"]["l2"]["value"], rel=0.2)
    assert values["cost"]["heun 3, karras"]["calls"] == values["cost"]["dpmpp_2m 5, karras"]["calls"] == 5
    gap = values["differences"]["dpmpp_2m 5, karras"]
    for key, claim in zip(("l2", "fd_reference", "l2_limit"), values["claims"], strict=True):
        own, other = rows["dpmpp_2m 5, karras"][key]["value"], rows["ddim 12, trailing"][key]["value"]
        assert gap[key]["value"] == pytest.approx(own - other, rel=1e-3, abs=1e-6)
        assert claim["holds"] == (own <= other)
    chosen = values["recommended"]
    fit = [row for row, gap in values["differences"].items() if gap["l2"]["value"] <= 0 and gap["fd_reference"]["low"] <= 0]
    assert chosen["calls"] == min(values["cost"][row]["calls"] for row in fit)

    monkeypatch.setattr(trajectories, "generate", None)  # everything is there already
    again = trajectories.run(ldm, SMALL, progress=False)
    assert again["figures"] == rows
    drawn = json.loads(json.dumps({**values, "model": "tiny", "weights": {}, "settings": dataclasses.asdict(SMALL)}))
    assert len(trajectories.draw(drawn).axes) == 3


def test_every_solver_once_and_its_calls_counted():
    schedule, plan = Schedule.scaled_linear(), Settings().plan()
    assert len(plan) == len(set(plan)) == 5 + 3 * 6 + 2 * 3
    calls = {solver: solver.calls(schedule) for solver in plan}
    assert calls[Solver("ddim", "trailing", 200)] == 200
    assert [calls[solver] for solver in plan if solver.sampler == "heun"] == [5, 9, 15, 19, 25, 49]
    assert all(calls[solver] == solver.steps for solver in plan if solver.sampler != "heun")
    assert Solver("heun", "leading", 10).calls(schedule) == 20  # stops above sigma = 0: the last step has two passes as well
    with pytest.raises(OptionError, match="baseline: got 30, expected one of ddim"):
        Settings(baseline=30).plan()


def test_extrapolation_finds_the_limit_of_a_first_order_method():
    limit, error = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose(trajectories.extrapolated(limit + error / 200, limit + error / 1000, 5.0), limit)
    assert trajectories.relative_l2(2 * limit, limit) == pytest.approx(np.ones(3))


def test_the_recommended_solver_has_the_fewest_calls_that_are_near_enough():
    figure = lambda value, half: Figure(value, value - half, value + half, 64, 0)
    base, few, fewer, far = (Solver("ddim", "trailing", 200), Solver("unipc", "karras", 20), Solver("dpmpp_2m", "karras", 15),
                             Solver("heun", "karras", 3))
    gaps = {base: {"l2": figure(0.0, 0.0), "fd_reference": figure(0.0, 0.0)},
            few: {"l2": figure(-0.1, 0.05), "fd_reference": figure(0.1, 0.2)},  # sounds: no difference beyond noise
            fewer: {"l2": figure(-0.1, 0.05), "fd_reference": figure(0.3, 0.2)},  # sounds: clearly further
            far: {"l2": figure(0.5, 0.1), "fd_reference": figure(-0.1, 0.0)}}
    calls = {base: 200, few: 20, fewer: 15, far: 5}
    assert trajectories.recommended(gaps, calls) == few
    assert trajectories.recommended({base: gaps[base], far: gaps[far]}, calls) == base
