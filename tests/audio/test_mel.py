"""The front end equals librosa's, frame counts are exact, and Griffin-Lim goes back."""

import numpy as np
import pytest
import torch

from ldm_lab.audio.mel import griffin_lim, istft, log_mel, mel_filterbank, mel_to_magnitude, stft
from ldm_lab.config import MelConfig
from ldm_lab.errors import AudioInputError


def chirp(seconds=1.0, rate=16000):
    t = torch.arange(int(seconds * rate)) / rate
    return (0.6 * torch.sin(2 * torch.pi * (200 * t + 1500 * t * t)))[None]


def test_filterbank_equals_librosa():
    librosa = pytest.importorskip("librosa")
    want = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=0, fmax=8000)
    np.testing.assert_allclose(mel_filterbank().T.numpy(), want, atol=1e-7)
    assert abs(mel_filterbank().sum().item() - 4.09588) < 1e-4  # AudioLDM's matrix


def librosa_log_mel(wav, dtype):
    librosa = pytest.importorskip("librosa")
    padded = np.pad(wav.astype(dtype), 432, mode="reflect")
    spec = np.abs(librosa.stft(padded, n_fft=1024, hop_length=160, window="hann", center=False))
    bank = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=0, fmax=8000)
    return np.log(np.clip(bank @ spec, 1e-5, None)).T


def test_log_mel_equals_librosa():
    wav = chirp()[0].numpy() + 0.01 * np.random.default_rng(0).standard_normal(16000)
    want = librosa_log_mel(wav, np.float64)
    np.testing.assert_allclose(log_mel(torch.from_numpy(wav)[None])[0].numpy(), want, rtol=0, atol=1e-5)
    # In float32 the quietest of 64 bins beside a loud one carries the rounding of both FFTs: relative error overall.
    single = log_mel(torch.from_numpy(wav).float()[None])[0].numpy()
    assert np.linalg.norm(single - want) / np.linalg.norm(want) < 1e-5


@pytest.mark.parametrize("samples, frames", [(163840, 1024), (40960, 256), (1600, 10), (1759, 10), (160, 1), (433, 2)])
def test_frame_counts(samples, frames):
    assert log_mel(torch.zeros(2, samples)).shape == (2, frames, 64)


def test_silence_is_the_floor_and_too_short_is_refused():
    assert torch.allclose(log_mel(torch.zeros(1, 1600)), torch.tensor(-11.512925))
    with pytest.raises(AudioInputError, match="at least 160"):
        log_mel(torch.zeros(1, 159))
    with pytest.raises(AudioInputError, match=r"\(B, N\)"):
        log_mel(torch.zeros(1600))


def test_istft_inverts_stft():
    wav = chirp()
    back = istft(stft(wav), length=wav.shape[1])
    assert back.shape == wav.shape
    torch.testing.assert_close(back[:, 160:-160], wav[:, 160:-160], atol=1e-4, rtol=0)


def test_griffin_lim_keeps_the_mel():
    mel = log_mel(chirp())
    wav = griffin_lim(mel, iterations=32)
    assert wav.shape == (1, 16000)
    loud = mel > -5
    assert (log_mel(wav) - mel)[loud].abs().mean() < 0.5
    assert torch.equal(wav, griffin_lim(mel, iterations=32))  # the first phases are seeded


def test_mel_to_magnitude_has_the_same_mel_and_no_negative():
    mel = log_mel(chirp())
    magnitude = mel_to_magnitude(mel)
    assert (magnitude >= 0).all()
    error = (torch.log((magnitude @ mel_filterbank(MelConfig())).clamp(min=1e-5)) - mel)[mel > -5].abs().mean()
    assert error < 0.2
