"""Helpers of lesson 01: faulty front ends, and pictures with words."""

from __future__ import annotations

import pytest
import torch

from ldm_lab.audio.mel import log_mel, mel_filterbank
from ldm_lab.course import synth
from ldm_lab.course.lessons import log_mel as lesson


@pytest.fixture(scope="module")
def chord():
    return synth.bell(440, 1.0) + synth.noise(1.0)


def test_the_triangles_are_the_librarys_filterbank():
    assert torch.allclose(lesson.triangles(*lesson.filterbank_case()).float(), mel_filterbank(), atol=1e-7)


def test_a_front_end_without_a_fault_is_the_librarys(chord):
    assert torch.allclose(lesson.faulty(chord, "nothing"), log_mel(chord[None])[0], atol=1e-3)


def test_every_fault_changes_the_mel_and_no_two_alike(chord):
    mels = [lesson.faulty(chord, fault) for fault in lesson.FAULTS]
    for i, one in enumerate(mels):
        assert one.shape == (100, 64)
        for other in mels[i + 1 :]:
            assert (one - other).abs().mean() > 0.1


def test_the_table_shows_what_the_hints_speak_of(chord):
    rows = {row["mel"]: row for row in lesson.profile_of({"right": log_mel(chord[None])[0], **lesson.patients(chord)})}
    right = rows["right"]
    assert rows["C"]["lowest"] == pytest.approx(right["lowest"] / 2.302585, rel=1e-3)  # log10
    rise = {band: rows["A"][band] - right[band] for band in ("mean of bands 0-15", "mean of bands 48-63")}
    assert rise["mean of bands 48-63"] > rise["mean of bands 0-15"] + 1.0  # no area norm: more, the wider the band
    assert rows["D"]["highest"] - rows["D"]["lowest"] > 1.5 * (right["highest"] - right["lowest"])  # power
    assert rows["B"]["strongest band"] != right["strongest band"]  # htk scale


def test_the_two_mel_scales_are_inverted_by_their_inverse():
    hz = torch.linspace(0.0, 8000.0, 50, dtype=torch.float64)
    assert torch.allclose(lesson.htk_hz(lesson.htk_mel(hz)), hz, atol=1e-6)


def test_correlation():
    tone = synth.tone(440, 0.5)
    assert lesson.correlation(tone, -2.0 * tone) == pytest.approx(-1.0, abs=1e-6)
    assert abs(lesson.correlation(synth.noise(1.0, 0), synth.noise(1.0, 1))) < 0.05


def test_pictures_have_words(chord):
    pictures = [lesson.draw_frames(chord, torch.hann_window(1024)), lesson.draw_bank(mel_filterbank()),
                lesson.draw_waves({"one": chord, "two": -chord})]
    assert all(len(picture.alt.split()) > 8 and picture.png for picture in pictures)


def test_steps_of_pitch_are_two_sounds_of_one_length():
    pairs = lesson.steps_of_pitch()
    assert {len(wav) for wav in pairs.values()} == {20800}
    assert all(wav.abs().max() < 1.0 for wav in pairs.values())
