"""The vocoder's training: losses that fall, both optimisers, exact resume, shipped form."""

import dataclasses

import pytest
import torch

from ldm_lab.audio.io import save
from ldm_lab.config import VocoderConfig, preset
from ldm_lab.evaluation.spectral import multi_resolution_stft
from ldm_lab.models.vocoder import Vocoder
from ldm_lab.rng import Rng
from ldm_lab.training.loop import train
from ldm_lab.training.recipe import TrainConfig
from ldm_lab.training.run import export
from ldm_lab.training.task_vocoder import VocoderOptions, VocoderTask, spectral_loss

SMALL = VocoderConfig(
    channels=32, rates=(2,), kernels=(4,), resblock="2", resblock_kernels=(3,), resblock_dilations=((1,),),
    istft_n_fft=320, draft_iterations=1, match_steps=1,
)
CONFIG = dataclasses.replace(preset("tiny"), vocoder=SMALL)
PLAIN = preset("tiny")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A folder with a few gliding tones and hisses."""
    folder = tmp_path_factory.mktemp("sounds")
    time = torch.arange(8000) / 16000
    for index in range(4):
        tone = 0.3 * torch.sin(2 * torch.pi * (200 + 150 * index) * time * (1 + time))
        hiss = 0.05 * Rng(index).randn(time.shape, "hiss")
        save(folder / f"{index}.wav", (tone + hiss)[None], 16000)
    return str(folder)


def _train(config=CONFIG, steps=6, **options):
    values = TrainConfig(steps=steps, batch=2, lr=1e-3, warmup=1, save_minutes=1000, validate_minutes=1000, log_every=1)
    options = {"frames": 16, "valid_clips": 2, **options}
    return VocoderTask(config, values, VocoderOptions(**options)), values


GAN = dict(gan_start=2, period_widths=(4, 4, 8, 8, 8), scale_widths=(4, 8, 8, 8, 8), periods=(2, 3), scales=2)


def test_batches_are_pure_functions_of_the_step(sounds):
    one, two = (_train(data=sounds)[0] for _ in range(2))
    one.batch(0)
    a, b = one.batch(3), two.batch(3)
    for key in ("wav", "mel", "draft"):
        assert torch.equal(a[key], b[key])
    assert a["wav"].shape == a["draft"].shape == (2, 16 * 160)
    assert a["mel"].shape == (2, 16, 64)
    assert not torch.equal(a["wav"], one.batch(4)["wav"])


def test_damage_hits_the_chosen_share(sounds):
    task, _ = _train(data=sounds, damage=0.5)
    mel = Rng(0).randn((400, 16, 64), "mel")
    changed = (task.damaged(mel, 0) != mel).flatten(1).any(1).float().mean().item()
    assert 0.4 < changed < 0.6
    intact, _ = _train(data=sounds, damage=0.0)
    assert torch.equal(intact.damaged(mel, 0), mel)


def test_loss_equals_the_measure_on_loud_sounds():
    wav, made = Rng(1).randn((2, 8000), "a") * 0.2, Rng(1).randn((2, 8000), "b") * 0.2
    torch.testing.assert_close(spectral_loss(wav, made), multi_resolution_stft(wav, made).mean(), rtol=1e-4, atol=1e-5)
    assert spectral_loss(wav, wav).item() == pytest.approx(0.0, abs=1e-4)


def test_loss_has_finite_gradients_at_silence():
    made = torch.zeros(1, 4000, requires_grad=True)
    spectral_loss(torch.zeros(1, 4000), made).backward()
    assert torch.isfinite(made.grad).all()


@pytest.mark.parametrize("config", [CONFIG, PLAIN], ids=["istft", "plain"])
def test_training_comes_closer(sounds, tmp_path, config):
    task, values = _train(config, steps=25, data=sounds, damage=0.0)
    batch = task.batch(0)

    def distance():
        with torch.no_grad():
            return spectral_loss(batch["wav"], task.model(batch["mel"])).item()

    before = distance()
    train(task, values, tmp_path / "run", progress=False)
    assert distance() < before


def test_discriminators_play_from_their_start(sounds, tmp_path):
    task, values = _train(steps=4, data=sounds, **GAN)
    seen = []
    for step in (0, 2):
        for name, loss, logged in task.losses(task.batch(step), step):
            loss.backward()
            seen.append((step, name, sorted(logged)))
    assert seen == [
        (0, "vocoder", ["mel", "stft"]),
        (2, "discriminators", ["d"]),
        (2, "vocoder", ["features", "g", "mel", "stft"]),
    ]
    assert all(p.requires_grad for p in task.modules["discriminators"].parameters())
    state = train(task, values, tmp_path / "run", progress=False)
    assert state.step == 4
    assert "discriminators" not in _train(steps=2, data=sounds, **GAN)[0].modules


def test_resume_is_exact(sounds, tmp_path):
    options = dict(data=sounds, **GAN)
    straight, values = _train(**options)
    train(straight, values, tmp_path / "straight", progress=False)
    first, _ = _train(**options)
    train(first, values, tmp_path / "halves", progress=False, stop_after=3)
    second, _ = _train(**options)
    train(second, values, tmp_path / "halves", progress=False, resume=True)
    for (name, a), (_, b) in zip(straight.model.state_dict().items(), second.model.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def test_export_is_the_shipped_form(sounds, tmp_path):
    from ldm_lab.checkpoint.parts import load_part

    task, values = _train(steps=2, data=sounds, **GAN)
    state = train(task, values, tmp_path / "run", progress=False)
    export(task, state, tmp_path / "weights")
    assert not list((tmp_path / "weights").glob("discrim*"))
    shipped = Vocoder(SMALL)
    load_part(shipped, tmp_path / "weights", "vocoder")
    again, _ = _train(steps=2, data=sounds, start=str(tmp_path / "weights"))
    mel = task.batch(0)["mel"]
    with torch.no_grad():
        torch.testing.assert_close(again.model(mel), shipped(mel), rtol=0, atol=1e-5)


def test_validation_compares_with_griffin_lim(sounds, tmp_path):
    task, _ = _train(data=sounds)
    with torch.no_grad():
        values = task.validate(tmp_path)
    assert set(values) == {"stft", "mel", "griffin_lim_stft", "griffin_lim_mel"}
    assert all(value > 0 for value in values.values())
    assert len(list(tmp_path.glob("*-vocoder.wav"))) == 2
