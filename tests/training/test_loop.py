"""The loop: an interrupted run equals an uninterrupted one bit for bit, damage is noticed, NaN stops with names."""

import errno
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ldm_lab.audio.io import save
from ldm_lab.config import preset
from ldm_lab.errors import ConfigError, TrainingError
from ldm_lab.training.loop import learning_rate, train
from ldm_lab.training.recipe import TrainConfig, read_recipe
from ldm_lab.training.run import export
from ldm_lab.training.state import save_state
from ldm_lab.training.task_autoencoder import AutoencoderOptions, AutoencoderTask


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    random = np.random.default_rng(0)
    for i in range(5):
        t = np.arange(16000 * (i + 1) // 3) / 16000
        wave = 0.5 * np.sin(2 * np.pi * 220 * (i + 1) * t) + 0.01 * random.standard_normal(len(t))
        save(folder / f"tone{i}.wav", wave.astype(np.float32))
    return folder


def task(sounds, **options):
    train_config = TrainConfig(steps=6, batch=2, lr=1e-3, warmup=2, log_every=1, save_minutes=1e9, validate_minutes=1e9)
    options = AutoencoderOptions(seconds=0.32, gan_start=3, gan_width=8, valid_clips=2, data=str(sounds), **options)
    return AutoencoderTask(preset("tiny"), train_config, options), train_config


def weights(state):
    return {f"{n}/{k}": v for n, m in state.modules.items() for k, v in m.state_dict().items()}


def test_resumed_run_is_bit_equal(sounds, tmp_path):
    built, config = task(sounds)
    whole = train(built, config, tmp_path / "whole", progress=False)
    built, config = task(sounds)
    train(built, config, tmp_path / "parts", progress=False, stop_after=3)
    built, config = task(sounds)  # a new process would build everything anew
    resumed = train(built, config, tmp_path / "parts", resume=True, progress=False)
    assert resumed.step == whole.step == 6
    for key, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[key]), key
    for name in whole.ema.shadow:
        for key, value in whole.ema.shadow[name].items():
            assert torch.equal(value, resumed.ema.shadow[name][key]), key
    assert "discriminator" in resumed.modules  # it joined at step 3, so both sides of its start are covered


def test_a_damaged_state_is_passed_over(sounds, tmp_path, caplog):
    built, config = task(sounds)
    train(built, config, tmp_path, progress=False, stop_after=2)
    older = shutil.copytree(tmp_path / "step-00000002", tmp_path / "step-00000001")
    data = bytearray((tmp_path / "step-00000002" / "state.safetensors").read_bytes())
    data[-100] ^= 1  # one flipped bit, which safetensors itself would not notice
    (tmp_path / "step-00000002" / "state.safetensors").write_bytes(data)
    built, config = task(sounds)
    state = train(built, config, tmp_path, resume=True, progress=False, stop_after=1)
    assert state.step == 3 and "damaged" in caplog.text and older.exists() is False  # the older one was kept=2 rotated


def test_not_finite_stops_with_step_and_names(sounds, tmp_path):
    built, config = task(sounds)
    good = built.batch

    def bad(step):
        batch = good(step)
        if step == 2:
            batch["mel"][0, 0, 0] = float("nan")
        return batch

    built.batch = bad
    with pytest.raises(TrainingError, match=r"step 2: .*batch: tone\d.wav, tone\d.wav"):
        train(built, config, tmp_path, progress=False)


def test_a_folder_with_a_run_is_not_overwritten(sounds, tmp_path):
    built, config = task(sounds)
    train(built, config, tmp_path, progress=False, stop_after=1)
    with pytest.raises(TrainingError, match="--resume"):
        train(built, config, tmp_path, progress=False)


def test_frozen_encoder_does_not_move(sounds, tmp_path):
    built, config = task(sounds, freeze_encoder=True)
    before = {k: v.clone() for k, v in built.model.encoder.state_dict().items()}
    train(built, config, tmp_path, progress=False, stop_after=2)
    assert all(torch.equal(v, built.model.encoder.state_dict()[k]) for k, v in before.items())


def test_learning_rate_ends():
    config = TrainConfig(steps=100, lr=1.0, warmup=10, final_lr=0.1)
    assert learning_rate(0, config) == 0.1 and learning_rate(9, config) == 1.0
    assert abs(learning_rate(100, config) - 0.1) < 1e-12 and learning_rate(10**6, config) == learning_rate(100, config)


@pytest.mark.parametrize("text, message", [
    ('task = "autoencoder"\n[train]\nstep = 5', "did you mean 'steps'"),
    ('task = "autoencoder"\n[train]\nsteps = "many"', "expected int"),
    ('model = "lab"', "no `task`"),
    ("task = ", "not a TOML file"),
    ('task = "autoencoder"\n[train]\nprecision = "fp8"', "one of fp32, bf16"),
])
def test_recipe_errors(tmp_path, text, message):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recipe(tmp_path / "r.toml")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import torch
from test_loop import task, train
from dataclasses import replace

torch.set_num_threads(int(sys.argv[4]))
built, config = task(sys.argv[1])
good = built.batch
def batch(step):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return good(step)
built.batch = batch
train(built, replace(config, save_minutes=0.0), Path(sys.argv[2]), progress=False)
"""


def test_a_killed_run_goes_on_exactly(sounds, tmp_path):
    """SIGKILL while the next batch is being made: whatever was saved last is whole, and going on ends at equal weights."""
    threads = str(torch.get_num_threads())
    done = subprocess.run([sys.executable, "-c", KILLED, str(sounds), str(tmp_path / "run"),
                           str(Path(__file__).parent), threads], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    saved = sorted(p.name for p in (tmp_path / "run").glob("step-*"))
    assert saved and "step-00000006" not in saved
    built, config = task(sounds)
    resumed = train(built, config, tmp_path / "run", resume=True, progress=False)
    built, config = task(sounds)
    whole = train(built, config, tmp_path / "whole", progress=False)
    assert all(torch.equal(value, weights(resumed)[key]) for key, value in weights(whole).items())


def test_a_full_disk_leaves_the_last_state(sounds, tmp_path, monkeypatch):
    built, config = task(sounds)
    state = train(built, config, tmp_path, progress=False, stop_after=1)
    state.step = 2

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ldm_lab.training.state.write_json", full)
    with pytest.raises(OSError, match="No space"):
        save_state(state, tmp_path, keep=2)
    assert [p.name for p in tmp_path.glob("*step-*")] == ["step-00000001"] and not list(tmp_path.glob(".saving-*"))


def test_shipped_weights_start_a_new_run(sounds, tmp_path):
    built, config = task(sounds)
    state = train(built, config, tmp_path / "first", progress=False, stop_after=2)
    export(built, state, tmp_path / "weights")
    again, _ = task(sounds, start=str(tmp_path / "weights"))
    for key, value in state.ema.shadow["autoencoder"].items():
        assert torch.equal(again.model.state_dict()[key], value), key
    assert not (tmp_path / "weights" / "discriminator.safetensors").exists()
