"""Helpers of lesson 02: one voice, aligned windows, measures, the table of a listening test."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ldm_lab.audio.mel import log_mel
from ldm_lab.course import synth
from ldm_lab.course.lessons import vocoders as lesson
from ldm_lab.models.discriminators import PeriodDiscriminator
from ldm_lab.widgets import listening_test


def test_one_voice_and_no_sentence_in_two_splits():
    train, test = lesson.voice("train", seconds=0.5), lesson.voice("test", seconds=0.5)
    assert len(train) > 40 and len(test) >= 4
    assert not set(train.files) & set(test.files)
    assert {caption.strip() for caption in train.captions + test.captions} == {lesson.VOICE}


def test_long_sentences_only():
    assert len(lesson.voice("test", seconds=0.5, shortest=2.0)) < len(lesson.voice("test", seconds=0.5))


def test_windows_cut_wave_and_mel_at_the_same_place():
    wav = torch.stack([synth.chirp(100, 4000, 2.0), synth.noise(2.0)])
    real, mel = lesson.windows(wav, log_mel(wav), 3, batch=4, frames=32)
    assert real.shape == (4, 5120) and mel.shape == (4, 32, 64)
    inner = log_mel(real)[:, 4:-4]  # away from the mirrored ends
    assert torch.allclose(inner, mel[:, 4:-4], atol=1e-2)
    again, _ = lesson.windows(wav, log_mel(wav), 3, batch=4, frames=32)
    assert torch.equal(real, again)


def test_hum_is_one_for_what_repeats_every_ten_milliseconds():
    assert lesson.hum(synth.tone(300, 1.0)[None]) == pytest.approx(1.0, abs=1e-3)
    assert lesson.hum(synth.tone(350, 1.0)[None]) == pytest.approx(-1.0, abs=1e-3)
    assert abs(lesson.hum(synth.noise(1.0)[None])) < 0.05


@pytest.mark.parametrize(("kernels", "dilations"), [([3], [4]), ([3, 5], [1, 3]), ([7, 3, 3], [1, 2, 5])])
def test_the_gradient_agrees_with_the_formula(kernels, dilations):
    stack = nn.Sequential(*(nn.Conv1d(2, 2, k, dilation=d, padding=d * (k - 1) // 2) for k, d in zip(kernels, dilations)))
    assert lesson.reach(stack, (1, 2, 81)) == lesson.receptive_field(kernels, dilations)


def test_the_fold_is_what_the_librarys_judge_sees():
    judge, seen = PeriodDiscriminator(5, widths=(4, 8)), []
    judge.convs[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    wav = synth.noise(0.1)[None, :1597]
    judge(wav)
    assert torch.equal(seen[0], lesson.fold_wave(wav, 5))


def test_distances_of_a_sound_from_itself():
    wav = synth.bell(440, 0.5)[None]
    assert lesson.distances(wav, wav) == {"log-mel difference": 0.0, "spectral distance": 0.0}


def test_the_table_of_a_listening_test():
    sounds = {"reference": [synth.tone(440, 0.4)], "made": [synth.tone(450, 0.4)]}
    test = listening_test(sounds, kinds=["abx"], repeats=2)
    assert lesson.verdicts(test)[0]["right"] == "0 of 2 answered"
    test.agree()
    for number in (1, 2):
        test.answer("A", number=number)
    row = lesson.verdicts(test)[0]
    assert row["right"].endswith("of 2") and 0.25 <= row["p by luck"] <= 1.0
