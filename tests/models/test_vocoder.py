"""Vocoder: parity with the hub's HiFi-GAN, exact lengths, folding, and the inverse-STFT head with its two helps."""

import copy
import dataclasses

import pytest
import torch

from ldm_lab.audio.mel import griffin_lim, log_mel
from ldm_lab.config import VocoderConfig
from ldm_lab.errors import ConfigError
from ldm_lab.models.vocoder import Vocoder, _overlap_add, griffin_lim_draft, limit, match_mel
from ldm_lab.rng import Rng

TINY = VocoderConfig(channels=32, resblock_kernels=(3, 5), resblock_dilations=((1, 3), (1, 2)))
ISTFT = VocoderConfig(
    channels=16, rates=(5, 4), kernels=(11, 8), resblock="2", resblock_kernels=(3,), resblock_dilations=((1, 3),),
    istft_n_fft=32,
)


def _random(model, seed=0):
    """Weights large enough that every layer matters."""
    for index, parameter in enumerate(model.parameters()):
        parameter.data = 0.2 * Rng(seed).randn(parameter.shape, "weight", index)
    return model.eval()


def _mel(batch=2, frames=11):
    return Rng(1).randn((batch, frames, 64), "mel") * 2 - 5


def test_published_size_and_length():
    with torch.device("meta"):
        model = Vocoder(VocoderConfig())
        mel = torch.empty(1, 1024, 64)
        assert sum(p.numel() for p in model.parameters()) == 55_264_897
        assert model(mel, raw=True).shape == (1, 163_872)
        assert model(mel).shape == (1, 163_840)


@pytest.mark.parametrize("frames", [1, 11, 50])
def test_raw_has_thirty_two_samples_more(frames):
    model, mel = _random(Vocoder(TINY)), _mel(frames=frames)
    with torch.no_grad():
        raw, wav = model(mel, raw=True), model(mel)
    assert raw.shape == (2, 160 * frames + 32)
    assert wav.shape == (2, 160 * frames)
    assert torch.equal(raw[:, : 160 * frames], wav)


@pytest.mark.parametrize("normed", [False, True])
def test_equals_transformers(normed):
    transformers = pytest.importorskip("transformers")
    config = transformers.SpeechT5HifiGanConfig(
        model_in_dim=64, upsample_initial_channel=32, upsample_rates=[5, 4, 2, 2, 2],
        upsample_kernel_sizes=[16, 16, 8, 4, 4], resblock_kernel_sizes=[3, 5],
        resblock_dilation_sizes=[[1, 3], [1, 2]], normalize_before=False,
    )
    theirs = transformers.SpeechT5HifiGan(config).eval()
    ours = _random(Vocoder(TINY))
    weights = {**ours.state_dict(), "mean": theirs.mean, "scale": theirs.scale}
    theirs.load_state_dict(weights, strict=True)
    if normed:
        ours.add_weight_norm()
    mel = _mel()
    with torch.no_grad():
        mine, expected = ours(mel, raw=True), theirs(mel)
    assert expected.abs().mean() > 0.05
    assert (mine - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("config", [TINY, ISTFT])
def test_weight_norm_folds_away(config):
    model = _random(Vocoder(config))
    names = set(model.state_dict())
    plain = copy.deepcopy(model)
    model.add_weight_norm().add_weight_norm()
    assert set(model.state_dict()) != names
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    model(_mel()).square().mean().backward()
    optimiser.step()
    with torch.no_grad():
        trained = model(_mel())
        model.fold_weight_norm().fold_weight_norm()
        folded = model(_mel())
    assert set(model.state_dict()) == names
    torch.testing.assert_close(folded, trained, rtol=1e-5, atol=1e-6)
    fresh = Vocoder(config)
    fresh.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(fresh.eval()(_mel()), folded)
    assert not torch.allclose(plain(_mel()), folded)


@pytest.mark.parametrize("frames", [1, 2, 16, 37])
def test_istft_length_is_exact(frames):
    model = _random(Vocoder(ISTFT))
    assert model(_mel(frames=frames)).shape == (2, 160 * frames)
    assert model(_mel(frames=frames), raw=True).shape == (2, 160 * frames)


def test_istft_head_inverts_an_stft():
    """Fed with the logarithm and angle of a real STFT, the head gives the signal back."""
    config, hop, n_fft = ISTFT, 8, 32
    model = Vocoder(config)
    wav = 0.2 * Rng(3).randn((2, 40 * hop), "wav")
    edge = (n_fft - hop) // 2
    padded = torch.nn.functional.pad(wav, (edge, edge))
    spectrum = torch.stft(padded, n_fft, hop, window=torch.hann_window(n_fft), center=False, return_complex=True)
    assert spectrum.shape[-1] == 40
    head = torch.cat([spectrum.abs().clamp(min=1e-8).log(), spectrum.angle()], dim=1)
    torch.testing.assert_close(model._inverse_stft(head), wav, rtol=0, atol=1e-5)


def test_overlap_add_by_hand():
    frames = torch.arange(8.0).reshape(1, 2, 4)  # hop 1: 0 1 2 3 and 4 5 6 7 one sample later
    assert _overlap_add(frames).tolist() == [[1 + 4, 2 + 5]]


def test_output_stays_in_range():
    for config in (TINY, ISTFT):
        model = _random(Vocoder(config))
        for parameter in model.parameters():
            parameter.data *= 10
        assert model(_mel()).abs().max() <= 1.0


def test_items_do_not_mix():
    torch.manual_seed(0)
    model, mel = Vocoder(ISTFT), _mel(3)  # fresh weights: large ones turn rounding into phase
    torch.testing.assert_close(model(mel)[1:2], model(mel[1:2]))


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (dict(resblock="3"), "resblock"),
        (dict(kernels=(16, 16, 8, 4)), "kernel a rate"),
        (dict(kernels=(4, 16, 8, 4, 4)), "kernel a rate"),
        (dict(channels=48), "multiple of 32"),
        (dict(istft_n_fft=12), "istft_n_fft"),
        (dict(resblock_kernels=(3, 7)), "resblock_dilations"),
        (dict(resblock_kernels=(3, 7, 10)), "odd"),
    ],
)
def test_bad_configs_are_named(bad, word):
    with pytest.raises(ConfigError, match=word):
        Vocoder(VocoderConfig(**bad))


def test_wrong_mel_is_named():
    with pytest.raises(ValueError, match="m=64"):
        Vocoder(TINY)(torch.zeros(1, 64, 10))


# --- the two helps for small budgets: a Griffin-Lim draft to correct, and bands matched to the mel ---------------------

DRAFT = VocoderConfig(
    channels=32, rates=(2,), kernels=(4,), resblock="2", resblock_kernels=(3,), resblock_dilations=((1,),),
    istft_n_fft=320, draft_iterations=2, match_steps=1,
)


def _sound(seconds=0.4):
    """A vibrating chord with a noisy onset: (2, N)."""
    time = torch.arange(int(16000 * seconds)) / 16000
    tones = sum(torch.sin(2 * torch.pi * f * time + 3 * torch.sin(12 * time)) for f in (220.0, 553.0, 1410.0))
    noise = Rng(5).randn((2, len(time)), "noise") * torch.exp(-time * 20)
    return 0.1 * tones + 0.2 * noise


def _mel_error(wav, mel):
    return (log_mel(wav) - mel).abs().mean().item()


def test_draft_comes_closer_with_every_round():
    mel = log_mel(_sound())
    errors = [_mel_error(griffin_lim_draft(mel, iterations=n), mel) for n in (0, 1, 4, 16)]
    assert errors == sorted(errors, reverse=True)
    assert errors[3] < 0.6 * errors[0]


def test_draft_starts_tones_better_than_random_phases():
    tone = 0.3 * torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 16000)[None]
    mel = log_mel(tone)
    draft, random = griffin_lim_draft(mel, iterations=0), griffin_lim(mel, iterations=0)
    loud = mel > -6
    error = {name: (log_mel(wav) - mel)[loud].abs().mean() for name, wav in (("draft", draft), ("random", random))}
    assert error["draft"] < 0.75 * error["random"]


def test_fresh_model_leaves_the_draft_nearly_alone():
    model = Vocoder(dataclasses.replace(DRAFT, match_steps=0)).eval()
    mel = log_mel(_sound())
    with torch.no_grad():
        draft, made = model.make_draft(mel), model(mel)
        assert torch.equal(made, model(mel, draft=draft))
    assert (made - draft).norm() < 0.2 * draft.norm()


@pytest.mark.parametrize("frames", [1, 3, 40])
def test_draft_model_shapes_batches_and_gradients(frames):
    model = Vocoder(DRAFT)
    mel = _mel(3, frames)
    wav = model(mel)
    assert wav.shape == (3, 160 * frames)
    torch.testing.assert_close(wav[1:2], model(mel[1:2]), rtol=0, atol=1e-4)  # alone or in company
    wav.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_matching_leaves_a_sound_that_fits():
    wav = _sound()
    torch.testing.assert_close(match_mel(wav, log_mel(wav), steps=2), wav, rtol=0, atol=1e-3)


def test_matching_reduces_the_error_step_by_step():
    wav = _sound()
    mel = log_mel(wav)
    wrong = wav * 0.3 + 0.01 * Rng(6).randn(wav.shape, "hiss")
    errors = [_mel_error(match_mel(wrong, mel, steps=n), mel) for n in (0, 1, 2, 4)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.2 * errors[0]


def test_silence_stays_silent():
    mel = torch.full((1, 30, 64), -11.5129)
    with torch.no_grad():
        wav = Vocoder(DRAFT).eval()(mel)
    assert torch.isfinite(wav).all()
    assert wav.abs().max() < 1e-3


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (dict(istft_n_fft=0), "istft_n_fft"),
        (dict(n_mels=80), "80 mels"),
        (dict(rates=(4,), kernels=(8,)), "hop 320"),
        (dict(rates=(), kernels=(), istft_n_fft=640), "at least one stage"),
    ],
)
def test_helps_need_the_standard_front_end(bad, word):
    with pytest.raises(ConfigError, match=word):
        Vocoder(dataclasses.replace(DRAFT, **bad))


def test_half_precision_keeps_the_sound():
    model, mel = Vocoder(DRAFT).eval(), log_mel(_sound())
    with torch.no_grad():
        full, half = model(mel), copy.deepcopy(model).to(torch.bfloat16)(mel.bfloat16())
    assert half.dtype == torch.bfloat16
    assert _mel_error(half.float(), log_mel(full)) < 0.3


def test_limiting_fits_peaks_and_leaves_the_rest():
    wav = _sound()
    assert torch.equal(limit(wav), wav)
    loud = wav.clone()
    loud[0, 3000:3010] = 3.0
    limited = limit(loud)
    assert limited.abs().max() <= 1.0 + 1e-6
    assert limited[0, 3005] > 0.95  # no quieter than needed
    assert torch.equal(limited[1], loud[1])
    far = (torch.arange(wav.shape[1]) - 3005).abs() > 1600
    assert torch.equal(limited[0, far], loud[0, far])


@pytest.mark.parametrize("where", range(0, 480, 53))
def test_no_peak_gets_through_the_limiter(where):
    wav = torch.zeros(1, 1579)
    wav[0, where] = -2.0
    assert limit(wav).abs().max() <= 1.0 + 1e-6
