"""Lesson 03: its columns, its walk through noise, the table of sizes, the patients."""

from __future__ import annotations

import torch

from ldm_lab import course
from ldm_lab.audio.mel import log_mel
from ldm_lab.config import AutoencoderConfig
from ldm_lab.course.lessons import autoencoder as lesson
from ldm_lab.models.autoencoder import Autoencoder
from ldm_lab.rng import Rng


def test_columns_are_loud_and_labelled():
    rows, kinds = lesson.columns(2, 5)
    assert rows.shape == (len(kinds), 64)
    assert set(kinds) == set(lesson.KINDS)
    assert (rows.amax(1) > -6).all()
    assert torch.equal(rows, lesson.columns(2, 5)[0])


def test_new_modules_are_the_same_and_other_random_numbers_are_left_alone():
    state = torch.get_rng_state()
    made = []
    for _ in range(2):
        with lesson.seeded(3):
            made.append(torch.nn.Linear(4, 4).weight)
    assert torch.equal(made[0], made[1])
    assert torch.equal(state, torch.get_rng_state())


def test_the_walk_is_standard_normal_and_smooth():
    walk = lesson.wander(20_000)
    assert walk.mean(0).abs().max() < 0.1
    assert (walk.std(0) - 1).abs().max() < 0.05
    assert (walk[1:] - walk[:-1]).std() < 0.6


def test_patches_hold_every_cell_once():
    mel = torch.arange(2 * 8 * 8.0).reshape(2, 8, 8)
    rows = lesson.patches(mel, 4)
    assert rows.shape == (8, 16)
    assert torch.equal(rows.flatten().sort().values, mel.flatten())
    assert torch.equal(rows[0].reshape(4, 4), mel[0, :4, :4])


def test_the_linear_error_is_that_of_the_librarys_start():
    mel = log_mel(course.clips(12, seed=5).wav)
    config = AutoencoderConfig(widths=(16, 16), patch=4, blocks=1, latent_channels=16, groups=8, mid_attention=False,
                               linear_path=True, mel_mean=-6.0, mel_std=3.0)
    library = Autoencoder(config).requires_grad_(False)
    library.start_from_pca(mel)
    rebuilt = lesson.DB * (library.decode(library.encode(mel).mean) - mel).abs().mean()
    assert abs(lesson.pca_error(mel, mel, 8, 16) - float(rebuilt)) < 0.1


def test_more_channels_err_less_and_larger_squares_save():
    table = lesson.errors()
    assert set(table) == set(lesson.SIZES)
    for (r, channels), error in table.items():
        assert all(error > table[r2, more] for r2, more in table if r2 == r and more > channels)
    at_800 = {r: error for (r, channels), error in table.items() if lesson.numbers(r, channels) == 800}
    assert at_800[4] > at_800[8] > at_800[16]  # what the lesson says of the price of one number


def test_patients_are_what_the_key_says():
    ldm = course.load("lab")
    wav = course.clip("bell_ui/bell_ui_00278.ogg")
    healthy = ldm.latent_to_mel(ldm.mel_to_latent(ldm.wav_to_mel(wav[None])))
    mels = {name: log_mel(sound[None]) for name, sound in lesson.patients(ldm, wav).items()}
    error = {name: float((mel - healthy).abs().mean()) for name, mel in mels.items()}
    rough = {name: float(mel.diff(dim=1).abs().mean()) for name, mel in mels.items()}
    assert error["B"] == max(error.values())  # collapsed: nothing of the sound is left
    assert rough["C"] > 1.5 * rough["A"]  # noisy
    assert lesson.KEY == {"A": "few channels", "B": "collapsed", "C": "noisy"}


def test_the_closed_form_agrees_with_dice():
    mean, logvar, noise = torch.tensor([0.5]), torch.tensor([-1.0]), Rng(0).randn((40_000, 1), "dice")
    closed = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)
    assert abs(lesson.kl_by_sampling.reference(mean, logvar, noise) - closed) < 0.02
