"""A trace keeps every step of a sound, decodes each once, and says at which noise level it was."""

import pytest
import torch

from ldm_lab.diffusion.samplers import SAMPLERS
from ldm_lab.errors import OptionError
from ldm_lab.trace import follow

SHORT = {"seconds": 0.64, "seed": 3}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_step_is_kept_once_whatever_the_sampler(tiny, sampler):
    seen = []
    trace = follow(tiny, "rain", sampler=sampler, steps=4, callback=seen.append, **SHORT)
    assert trace.steps == 4 == len(seen)
    assert trace.sigmas[:-1].tolist() == [step.sigma for step in seen]
    assert len(trace.sigmas) == 5
    if trace.sigmas[-1] == 0:
        assert torch.allclose(trace.guesses[-1], trace.z, atol=1e-5)  # a step to sigma 0 goes to the guess itself


def test_the_noisy_latents_have_the_spread_of_noise_and_end_near_the_sound(tiny):
    trace = follow(tiny, "rain", sampler="unipc", steps=6, **SHORT)
    assert float(trace.noisy[0].std()) == pytest.approx(1.0, abs=0.15)
    assert torch.equal(trace.noise, trace.noisy[0])
    early, late = ((x - trace.z).square().mean() for x in (trace.noisy[0], trace.noisy[-1]))
    assert late < 0.1 * early


def test_pictures_and_sounds_are_decoded_once_and_in_batches(tiny, monkeypatch):
    trace = follow(tiny, "rain", sampler="ddim", steps=10, **SHORT)
    sizes = {"latent_to_mel": [], "mel_to_wav": []}
    for name, seen in sizes.items():
        plain = getattr(tiny, name)
        monkeypatch.setattr(tiny, name, lambda x, plain=plain, seen=seen: seen.append(len(x)) or plain(x))
    first = trace.mels(range(1, 11))
    assert sizes["latent_to_mel"] == [8, 2]
    assert trace.mels([10, 1])[1] is first[0]
    assert torch.equal(trace.wav_at(2), trace.wav_at(2))
    assert not torch.equal(trace.wav_at(2), trace.wav_at(2, "noisy"))
    assert sizes == {"latent_to_mel": [8, 2, 1], "mel_to_wav": [1, 1]}


def test_what_cannot_be_followed_is_refused(tiny):
    trace = follow(tiny, "rain", steps=2, **SHORT)
    with pytest.raises(IndexError, match="1 to 2"):
        trace.wav_at(3)
    with pytest.raises(OptionError, match="did you mean 'noisy'"):
        trace.mel_at(1, "noise")
    with pytest.raises(OptionError, match="expected one"):
        follow(tiny, ["rain", "wind"], steps=1, **SHORT)
