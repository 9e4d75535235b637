"""The box of parts: conversions, seeds, devices and counts."""

import pytest
import torch

from ldm_lab.config import PRESETS, preset
from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.system import AudioLDM


@pytest.fixture(scope="module")
def ldm():
    return AudioLDM.from_preset("tiny")


def test_conversions_have_the_documented_shapes(ldm):
    wav = 0.1 * torch.randn(2, 10000, generator=torch.Generator().manual_seed(0))
    mel = ldm.wav_to_mel(wav)
    assert mel.shape == (2, 64, 64)  # 62.5 frames, rounded up to a multiple of r * UNet ratio = 16
    z = ldm.mel_to_latent(mel)
    assert z.shape == (2, 4, 8, 8)
    assert ldm.latent_to_mel(z).shape == mel.shape
    assert ldm.mel_to_wav(mel).shape == (2, 64 * 160)


def test_scale_factor_goes_in_and_out(ldm):
    mel = ldm.wav_to_mel(torch.randn(1, 10240, generator=torch.Generator().manual_seed(1)))
    scaled = ldm.replace(scale_factor=3.0)
    assert torch.allclose(scaled.mel_to_latent(mel), 3 * ldm.mel_to_latent(mel))
    z = ldm.mel_to_latent(mel)
    assert torch.allclose(scaled.latent_to_mel(3 * z), ldm.latent_to_mel(z), atol=1e-5)


def test_latent_is_the_mean_or_a_sample_with_given_noise(ldm):
    mel = ldm.wav_to_mel(torch.randn(1, 10240, generator=torch.Generator().manual_seed(2)))
    mean = ldm.mel_to_latent(mel)
    assert torch.equal(ldm.mel_to_latent(mel, torch.zeros_like(mean)), mean)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(3))
    sample = ldm.mel_to_latent(mel, noise)
    assert torch.equal(sample, ldm.mel_to_latent(mel, noise))
    assert (sample - mean).abs().max() > 0.01


def test_long_mel_is_vocoded_in_pieces_without_a_difference(ldm, monkeypatch):
    mel = ldm.wav_to_mel(0.1 * torch.randn(1, 16000 * 4, generator=torch.Generator().manual_seed(4)))
    whole = ldm.mel_to_wav(mel)
    monkeypatch.setattr("ldm_lab.system.CHUNK_SECONDS", 2.0)
    lengths = []
    handle = ldm.vocoder.register_forward_pre_hook(lambda module, inputs: lengths.append(inputs[0].shape[1]))
    pieces = ldm.mel_to_wav(mel)
    handle.remove()
    assert len(lengths) > 1
    assert max(lengths) == 200
    assert (pieces - whole).abs().max() < 1e-6


def test_same_seed_same_weights_and_the_callers_generator_is_left_alone(ldm):
    torch_state = torch.get_rng_state()
    same, other = AudioLDM.from_preset("tiny"), AudioLDM.from_preset("tiny", seed=1)
    assert torch.equal(torch.get_rng_state(), torch_state)
    weights = [m.autoencoder.decoder.conv_in.weight for m in (ldm, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_counts_and_repr(ldm):
    counts = ldm.parameter_counts
    assert counts["total"] == sum(counts[name] for name in ("clap", "autoencoder", "vocoder", "unet"))
    assert counts["unet"] == sum(p.numel() for p in ldm.unet.parameters())
    assert "tiny" in repr(ldm)
    assert ldm.name == "tiny"
    assert ldm.sample_rate == 16000


def test_parts_are_in_evaluation_mode(ldm):
    assert not any(part.training for part in (ldm.clap, ldm.autoencoder, ldm.vocoder, ldm.unet))


def test_to_changes_precision_but_not_of_clap():
    ldm = AudioLDM.from_preset("tiny").to(dtype="bfloat16")
    assert next(ldm.unet.parameters()).dtype == torch.bfloat16
    assert next(ldm.clap.parameters()).dtype == torch.float32
    mel = ldm.wav_to_mel(torch.zeros(1, 10240))
    z = ldm.mel_to_latent(mel)
    assert z.dtype == torch.float32
    assert ldm.mel_to_wav(ldm.latent_to_mel(z)).dtype == torch.float32


def test_a_latent_for_every_preset():
    """Shapes only, without weights: 10.24 s at r = 4 is 256 latent frames, as published."""
    for name in PRESETS:
        config = preset(name)
        assert config.mel.n_mels % config.autoencoder.ratio == 0
    box = AudioLDM.from_preset("tiny").replace(config=preset("audioldm-s"))
    assert box.latent_shape(10.24) == (8, 256, 16)
    assert box.latent_shape(0.1) == (8, 8, 16)


@pytest.mark.parametrize(("device", "message"), [("gpu9", "device"), (3.5, "device"), (None, None)])
def test_devices(ldm, device, message):
    if message is None:
        assert ldm.to(device).device == torch.device("cpu")
    else:
        with pytest.raises(OptionError, match=message):
            ldm.to(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_missing_gpu_is_named():
    with pytest.raises(OptionError, match="use 'cpu'"):
        AudioLDM.from_preset("tiny").to("cuda")


def test_bad_names(ldm):
    with pytest.raises(OptionError, match="did you mean 'float32'"):
        ldm.to(dtype="float23")
    with pytest.raises(OptionError, match="did you mean 'tiny'"):
        AudioLDM.from_preset("tinny")
    assert ldm.dtype == torch.float32


@pytest.mark.parametrize("wav", [torch.zeros(1, 0), torch.full((1, 400), float("nan")), torch.zeros(1, 2, 3)])
def test_bad_waveforms(ldm, wav):
    with pytest.raises(AudioInputError):
        ldm.wav_to_mel(wav)


def test_one_sample_is_a_sound(ldm):
    assert ldm.wav_to_mel(torch.zeros(1, 1)).shape == (1, 16, 64)
