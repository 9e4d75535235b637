"""Diffusion training end to end on tiny parts: audio is the only condition, resume is exact, mixtures need no caption."""

import numpy as np
import pytest
import torch

from ldm_lab.audio.io import save
from ldm_lab.checkpoint.parts import save_part
from ldm_lab.config import preset
from ldm_lab.errors import ConfigError
from ldm_lab.system import AudioLDM
from ldm_lab.training.latents import mix
from ldm_lab.training.loop import train
from ldm_lab.training.recipe import TrainConfig
from ldm_lab.training.task_diffusion import DiffusionOptions, DiffusionTask


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    ldm = AudioLDM.from_preset("tiny")
    for part in ("autoencoder", "clap"):
        save_part(getattr(ldm, part), folder / "parts", part)
    random = np.random.default_rng(0)
    for i in range(4):
        save(folder / "sounds" / f"noise{i}.wav", 0.3 * random.standard_normal(12000).astype(np.float32))
    return folder


def build(world, **options):
    config = TrainConfig(steps=4, batch=3, lr=1e-3, warmup=1, log_every=1, save_minutes=1e9, validate_minutes=1e9)
    options = {"parts": str(world / "parts"), "rounds": 2, "seconds": 0.32, "data": str(world / "sounds"),
               "cache": str(world / "cache"), **options}
    return DiffusionTask(preset("tiny"), config, DiffusionOptions(**options)), config


def test_trains_resumes_and_measures_the_scale(world, tmp_path):
    task, config = build(world)
    whole = train(task, config, tmp_path / "whole", progress=False)
    z = task.train_latents.z(torch.arange(len(task.train_latents)), torch.randn(task.train_latents.mean.shape))
    assert abs((z * task.scale).std().item() - 1) < 0.05
    assert whole.meta["scale_factor"] == task.scale
    task, config = build(world)
    train(task, config, tmp_path / "parts", progress=False, stop_after=2)
    task, config = build(world)
    resumed = train(task, config, tmp_path / "parts", resume=True, progress=False)
    for key, value in whole.modules["unet"].state_dict().items():
        assert torch.equal(value, resumed.modules["unet"].state_dict()[key]), key
    assert (tmp_path / "whole" / "validation" / "step-00000004" / "prompts.png").stat().st_size > 1000


def test_the_condition_is_the_sound_and_one_in_ten_is_dropped(world):
    task, _ = build(world)
    heard = []
    task.model.forward = lambda x, t, emb: heard.append(emb) or torch.zeros_like(x)
    for step in range(100):
        batch = task.batch(step)
        next(task.losses(batch, step))
        want = torch.where(batch["dropped"][:, None], task.uncond, task.train_latents.emb[batch["index"]])
        assert torch.equal(heard[-1], want)
    share = torch.cat([task.batch(step)["dropped"] for step in range(100)]).float().mean().item()
    assert 0.05 < share < 0.16  # 300 draws at 0.1: +-3.4 standard deviations


def test_steps_are_spread_over_all_noise_levels(world):
    task, _ = build(world)
    t = torch.stack([task.batch(step)["t"] for step in range(200)])
    assert t.min() >= 0 and t.max() <= 999 and (t[:, 0] < 334).all() and (t[:, 2] >= 666).all()


def test_text_condition_needs_captions(world):
    with pytest.raises(ConfigError, match="captions"):
        build(world, condition="text")
    with pytest.raises(ConfigError, match="did you mean 'audio'"):
        build(world, condition="audo")


def test_mix_balances_loudness():
    loud, quiet = np.ones(100, np.float32) * 0.5, np.ones(100, np.float32) * 0.01
    assert np.allclose(mix(loud, quiet, 0.5), 0.5)
    assert np.abs(mix(loud * 2, -loud * 2, 0.9)).max() <= 0.9 + 1e-6
    assert np.isfinite(mix(loud, np.zeros(100, np.float32), 0.5)).all()
