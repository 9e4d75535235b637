"""The training ablations' experiment on tiny runs: what is compared with what, and when a difference counts."""

import numpy as np
import pytest
import torch

from ldm_lab.checkpoint.files import write_json
from ldm_lab.checkpoint.parts import save_part
from ldm_lab.config import override, preset
from ldm_lab.errors import OptionError
from ldm_lab.experiments import bench, seeds, training
from ldm_lab.models.unet import UNet
from ldm_lab.system import AudioLDM


def make_run(folder, name, seed, **config):
    torch.manual_seed(seed)
    unet = UNet(override(preset("tiny"), config).unet)
    save_part(unet, folder / f"{name}-{seed}" / "weights", "unet")
    recipe = {"model": "tiny", "config": config, "options": {}, "train": {"batch": 4}}
    write_json(folder / f"{name}-{seed}" / "weights" / "training.json",
               {"step": 3, "seconds": 6, "meta": {"scale_factor": 1.5, "recipe": recipe}})


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "RUNS", tmp_path / "cache")
    for name, config in (("base", {}), ("size_small", {"unet": {"widths": [8, 8]}})):
        for seed in (0, 1):
            make_run(tmp_path / "runs", name, seed, **config)
    (tmp_path / "runs" / "unfinished-0").mkdir()
    return tmp_path / "runs"


def test_runs_are_found_opened_compared_and_drawn(runs):
    ldm = AudioLDM.from_preset("tiny")
    found = training.find_runs(runs, "base")
    assert [(run.name, run.seed) for run in found] == [("base", 0), ("base", 1), ("size_small", 0), ("size_small", 1)]
    small = training.open_run(ldm, found[2])
    assert small.scale_factor == 1.5 and small.config.unet.widths == (8, 8) and small.vocoder is ldm.vocoder
    values = training.run(ldm, training.Settings(count=3, runs=str(runs), steps=2), progress=False)
    assert values["table"]["rows"] == ["base", "size_small"] and len(values["runs"]) == 4
    row = values["figures"]["base"]["clap"]
    assert row["n"] == 3 and row["low"] <= row["value"] <= row["high"] and len(row["each_seed"]) == 2
    assert row["value"] == pytest.approx(np.mean(row["each_seed"]), rel=1e-4)
    gap = values["differences"]["size_small"]["clap"]
    assert gap["value"] == pytest.approx(values["figures"]["size_small"]["clap"]["value"] - row["value"], abs=1e-5)
    assert {claim["claim"] for claim in values["claims"]} == {
        "the larger model is better than the small one (judge top-1)",
        "the larger model is better than the small one (CLAP score)",
        "the larger model is better than the small one (Frechet distance)"}
    training.draw({**values, "model": "tiny", "weights": {}, "settings": {"seed": 0, "base": "base"}})
    assert training.run(ldm, training.Settings(count=3, runs=str(runs), steps=2), progress=False)["figures"] == values["figures"]


def test_a_folder_without_the_base_says_what_to_train(tmp_path):
    make_run(tmp_path, "condition_text", 0)
    with pytest.raises(OptionError, match="ablations/base.toml"):
        training.find_runs(tmp_path, "base")


def test_noise_of_the_seeds_is_the_standard_error_of_the_difference():
    assert seeds.seed_noise([[1.0], [2.0]]) is None
    # two groups of two, each one apart: pooled variance 0.5, standard error sqrt(0.5 * (1/2 + 1/2))
    assert seeds.seed_noise([[0.0, 1.0], [5.0, 6.0]]) == pytest.approx(np.sqrt(0.5))
    assert seeds.seed_noise([[0.0, 1.0], [5.0]]) == pytest.approx(np.sqrt(0.5 * 1.5))


def test_the_loss_is_of_the_condition_it_names(runs):
    ldm = AudioLDM.from_preset("tiny")
    for parameter in ldm.unet.parameters():  # some start at zero, and would make every condition the same
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(parameter.numel()))
    stand = bench.open_bench(ldm, "training", 3, seed=0)
    both = training.losses(ldm, stand, [0, 1, 2])
    alone = training.losses(ldm, stand, [1])
    assert both["loss_audio"].shape == (3,) and not torch.equal(both["loss_audio"], both["loss_text"])
    torch.testing.assert_close(both["loss_audio"][1:2], alone["loss_audio"], rtol=1e-4, atol=1e-5)
