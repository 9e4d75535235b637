"""Spectral distances: zero for equal sounds, known values for known changes."""

import math

import pytest
import torch

from ldm_lab.errors import OptionError
from ldm_lab.evaluation.spectral import (
    SILENT_LOG_MEL,
    active_frames,
    log_mel_l1,
    log_spectral_distance,
    multi_resolution_stft,
)


def noise(seed=0, n=8000):
    return 0.1 * torch.randn(2, n, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("measure", [multi_resolution_stft, log_spectral_distance])
def test_equal_sounds_are_at_distance_zero_and_noise_is_not(measure):
    wav = noise()
    assert torch.allclose(measure(wav, wav), torch.zeros(2), atol=1e-4)
    assert (measure(wav, noise(1)) > 0.3).all()


def test_halving_the_sound_has_the_known_multi_resolution_distance():
    wav = noise()
    assert multi_resolution_stft(wav, 0.5 * wav) == pytest.approx([0.5 + math.log(2)] * 2, rel=2e-3)


def test_a_tenth_of_the_amplitude_is_two_decades_of_power():
    wav = noise()
    assert log_spectral_distance(wav, 0.1 * wav) == pytest.approx([2.0] * 2, rel=1e-3)


def test_multi_resolution_reads_the_spectrum_not_the_phase():
    wav = noise()
    assert torch.allclose(multi_resolution_stft(wav, -wav), torch.zeros(2), atol=1e-5)


def test_log_mel_l1_counts_frames_that_are_not_silent():
    reference = torch.full((2, 10, 64), -11.5)
    reference[0, :4, 7] = SILENT_LOG_MEL + 0.1  # four frames with one band above the threshold
    estimate = reference.clone()
    estimate[0, :4] += 0.5
    estimate[0, 4:] += 9.0  # silent in the reference: does not count
    assert active_frames(reference).sum(1).tolist() == [4, 0]
    values = log_mel_l1(reference, estimate)
    assert values[0].item() == pytest.approx(0.5, rel=1e-6)
    assert math.isnan(values[1])


def test_pairs_of_different_lengths_are_refused():
    with pytest.raises(OptionError, match="crop the longer"):
        multi_resolution_stft(noise(), noise(n=8001))
