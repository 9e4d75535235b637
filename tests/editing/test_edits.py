"""Every edit on the tiny model: what must come back untouched does, both ends of a range are what they should be."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import ldm_lab
from ldm_lab.audio.io import save
from ldm_lab.diffusion.samplers import SAMPLERS, sample_ddim
from ldm_lab.diffusion.schedule import GRIDS, grid
from ldm_lab.diffusion.windows import circular, wrap
from ldm_lab.editing import (
    ATTRIBUTES,
    Series,
    attribute_prompts,
    edit,
    extend,
    find_cutoff,
    inpaint,
    interpolate,
    invert,
    loop,
    slerp,
    super_resolve,
    transfer,
    vary,
)  # fmt: skip
from ldm_lab.editing.inversion import climb
from ldm_lab.editing.loops import seam
from ldm_lab.editing.style import levels_below
from ldm_lab.errors import AudioInputError, OptionError, PromptError
from ldm_lab.generate import generate
from ldm_lab.rng import Rng

FAST = {"steps": 3, "progress": False}

EDITS = {
    "transfer": lambda ldm, wav, **o: transfer(ldm, wav, ["rain", "bell"][: len(wav)], strength=0.6, **o),
    "inpaint": lambda ldm, wav, **o: inpaint(ldm, wav, ["rain", "bell"][: len(wav)], start=0.2, end=0.4, **o),
    "super_resolve": lambda ldm, wav, **o: super_resolve(ldm, wav, ["rain", "bell"][: len(wav)], cutoff_hz=2000, **o),
    "vary": lambda ldm, wav, **o: vary(ldm, wav, strength=0.6, **o),
    "extend": lambda ldm, wav, **o: extend(ldm, wav, after=0.2, **o),
    "edit": lambda ldm, wav, **o: edit(ldm, wav, "noise", "rain", strength=0.3, rounds=1, **o),
    "loop": lambda ldm, wav, **o: loop(ldm, "rain", sound=wav, strength=0.6, **o),
}


# --- transfer --------------------------------------------------------------------------------------------------------


def test_strength_0_is_the_round_trip_and_asks_no_network(ldm, wav):
    calls = []
    result = transfer(ldm, wav, "rain", strength=0.0, callback=calls.append, **FAST)
    back = ldm.mel_to_wav(ldm.latent_to_mel(ldm.mel_to_latent(ldm.wav_to_mel(wav))))[:, :10000].clamp(-1, 1)
    assert torch.allclose(result.audio, back, atol=1e-5) and not calls


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m"])
def test_strength_1_is_free_generation(ldm, wav, sampler):
    options = FAST | {"sampler": sampler, "seed": [3, 4], "candidates": 2}
    moved = transfer(ldm, wav, ["rain", "bell"], strength=1.0, **options)
    free = generate(ldm, ["rain", "bell"], seconds=0.625, **options)
    assert torch.equal(moved.candidates, free.candidates) and torch.equal(moved.source, wav)


def test_start_is_the_sound_plus_the_noise_that_generation_begins_with(ldm, wav):
    seen = []
    transfer(ldm, wav, "rain", strength=0.5, seed=7, callback=seen.append, **FAST)
    z = ldm.mel_to_latent(ldm.wav_to_mel(wav))
    noise = Rng(7).randn(z.shape[1:], "start", 0)
    assert torch.allclose(seen[0].x, z + seen[0].sigma * noise, atol=1e-4)


@pytest.mark.parametrize("kind", GRIDS)
def test_strength_means_the_same_noise_on_every_grid(ldm, kind):
    for steps in (1, 7, 50):
        sigmas = grid(ldm.schedule, steps, kind)
        assert torch.equal(levels_below(ldm.schedule, sigmas, 1.0), sigmas)
        first = float(ldm.schedule.sigma_to_t(sigmas[0]))
        lengths = []
        for strength in np.linspace(0.01, 1.0, 34):
            part = levels_below(ldm.schedule, sigmas, float(strength))
            assert float(ldm.schedule.sigma_to_t(part[0])) == pytest.approx(strength * first, abs=1e-6)
            assert bool((part[1:] < part[:-1]).all()) and part[-1] == sigmas[-1]
            lengths.append(len(part))
        assert lengths == sorted(lengths) and lengths[-1] == steps + 1


def test_strengths_give_a_series_from_one_noise(ldm, wav, tmp_path):
    series = transfer(ldm, wav[:1], "rain", strengths=[0, 0.5, 1], seed=2, **FAST)
    assert isinstance(series, Series) and len(series) == 3 and series.labels[1] == "strength 0.5"
    alone = transfer(ldm, wav[:1], "rain", strength=0.5, seed=2, **FAST)
    assert torch.equal(series[1].audio, alone.audio)
    assert [path.name for path in series.save(tmp_path)] == [f"0{i}-strength-{s}.wav" for i, s in enumerate(("0", "0.5", "1"), 1)]
    assert len([axis for axis in series.plot().axes if axis.get_title()]) == 4  # the source, too
    assert series._html().count("<audio") == 4


# --- inpainting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hole", [(0.2, 0.4), (0.0, 0.3), (0.3, None), (0.1234, 0.1239)])
def test_outside_the_hole_every_sample_is_the_original(ldm, wav, hole):
    result = inpaint(ldm, wav, start=hole[0], end=hole[1], **FAST)
    first, last = round(hole[0] * 16000), round((hole[1] or 0.625) * 16000)
    assert torch.equal(result.audio[:, :first], wav[:, :first]) and torch.equal(result.audio[:, last:], wav[:, last:])
    assert not torch.equal(result.audio[:, first:last], wav[:, first:last])


def test_nothing_in_a_hole_reaches_the_result(ldm, wav):
    spoilt = wav.clone()
    spoilt[:, 3200:6400] = 0.9
    kept, spoilt = (inpaint(ldm, sound, start=0.2, end=0.4, **FAST).candidates for sound in (wav, spoilt))
    assert torch.equal(kept, spoilt)


def test_without_words_the_rest_of_the_sound_is_the_prompt(ldm, wav):
    rest = torch.cat([wav[:1, :3200], wav[:1, 6400:]], 1)
    own, told = inpaint(ldm, wav[:1], start=0.2, end=0.4, **FAST), inpaint(ldm, wav[:1], rest, start=0.2, end=0.4, guidance=1.0, **FAST)
    assert torch.equal(own.audio, told.audio)
    assert torch.equal(super_resolve(ldm, wav, cutoff_hz=2000, **FAST).audio, super_resolve(ldm, wav, "", cutoff_hz=2000, **FAST).audio)


def test_a_hole_in_time_and_frequency_leaves_the_rest(ldm, wav):
    result = inpaint(ldm, wav, start=0.25, end=0.35, low_hz=2000, high_hz=4000, **FAST)
    far = torch.cat([result.audio[:, :2800] - wav[:, :2800], result.audio[:, 6800:] - wav[:, 6800:]], 1)
    assert not far.any()
    change = torch.fft.rfft(result.audio - wav).abs().square()  # 1.6 Hz a bin
    inside = change[:, 1200:2560].sum(1)
    assert bool((change[:, :1150].sum(1) + change[:, 2620:].sum(1) < 0.02 * inside).all()) and bool((inside > 0).all())


def test_a_mask_by_hand_equals_the_rectangle(ldm, wav):
    frames = torch.ones(63)
    frames[20:40] = 0
    named = inpaint(ldm, wav, start=0.2, end=0.4, **FAST).audio
    assert torch.equal(inpaint(ldm, wav, keep=frames, **FAST).audio, named)
    assert torch.equal(inpaint(ldm, wav, keep=np.broadcast_to(frames.numpy()[:, None], (63, 64)), **FAST).audio, named)
    assert torch.equal(inpaint(ldm, wav, keep=torch.stack([frames, frames.flip(0)]), **FAST).audio[0], named[0])
    cells = torch.ones(ldm.latent_shape(0.625)[1:])
    cells[:, -2:] = 0  # the highest bands
    assert torch.isfinite(inpaint(ldm, wav, keep=cells, **FAST).audio).all()


def test_without_paste_the_decoder_is_heard_and_the_known_latent_is_kept(ldm, wav):
    result = inpaint(ldm, wav, start=0.4, paste=False, **FAST)
    mel = ldm.latent_to_mel(result.latent)
    assert torch.allclose(ldm.mel_to_wav(mel)[:, :10000].clamp(-1, 1), result.audio, atol=1e-4)
    z = ldm.mel_to_latent(ldm.wav_to_mel(wav))
    assert torch.allclose(result.latent[:, :, 0], z[:, :, 0], atol=0.3)


@pytest.mark.parametrize("sampler", ["ddpm", "dpmpp_2m"])
def test_jumps_walk_each_stretch_again(ldm, wav, sampler):
    steps = []
    options = {"steps": 6, "progress": False, "sampler": sampler, "start": 0.2, "end": 0.4}
    once = inpaint(ldm, wav, **options)
    twice = inpaint(ldm, wav, jumps=3, callback=steps.append, **options)
    assert [step.index for step in steps] == list(range(18)) and {step.total for step in steps} == {18}
    assert steps[4].sigma == steps[0].sigma and not torch.equal(once.audio, twice.audio)


# --- super-resolution ------------------------------------------------------------------------------------------------


def test_the_low_band_is_the_input(ldm, wav):
    spectrum = torch.fft.rfft(wav)
    spectrum[:, 1250:] = 0  # 2 kHz
    low = torch.fft.irfft(spectrum, n=10000)
    result = super_resolve(ldm, low, cutoff_hz=2000, **FAST)
    change = torch.fft.rfft(result.audio - low).abs().square()
    assert bool((change[:, :1180].sum(1) < 0.01 * change.sum(1)).all())
    assert bool((torch.fft.rfft(result.audio)[:, 1400:].abs().square().sum(1) > 0).all())


def test_any_sample_rate_comes_out_at_the_models(ldm, wav, tmp_path):
    path = save(tmp_path / "narrow.wav", wav[0, ::2], 8000)
    from_file = super_resolve(ldm, path, cutoff_hz=3800, **FAST)
    from_array = super_resolve(ldm, wav[0, ::2].numpy(), cutoff_hz=3800, sample_rate=8000, **FAST)
    assert from_file.audio.shape == from_array.audio.shape == (1, 10000)
    assert torch.allclose(from_file.audio, from_array.audio, atol=2e-3)  # 16 bits against 32


@pytest.mark.parametrize("cutoff", [1500, 2000, 4000, 6500])
def test_an_edge_in_the_spectrum_is_found(cutoff):
    noise = Rng(cutoff).randn((32000,), "noise")
    spectrum = torch.fft.rfft(noise)
    falling = spectrum * (200 / (200 + torch.arange(16001)))  # pink-like: fades out without an edge
    for whole in (spectrum, falling):
        cut = whole.clone()
        cut[cutoff * 2 :] = 0
        wav = torch.fft.irfft(cut, n=32000)
        wav = 0.3 * wav / wav.abs().max()
        assert find_cutoff(wav) == pytest.approx(cutoff, abs=80)
        assert find_cutoff((wav * 32767).round() / 32768) == pytest.approx(cutoff, abs=80)
        assert find_cutoff(0.3 * torch.fft.irfft(whole, n=32000) / 4) is None
    assert find_cutoff(torch.zeros(32000)) is None and find_cutoff(wav[:4000]) is not None


# --- the others ------------------------------------------------------------------------------------------------------


def test_extend_keeps_the_sound_and_windows_what_is_long(ldm, wav):
    result = extend(ldm, wav, before=0.21, after=3.0, steps=2, progress=False)
    assert result.audio.shape == (2, 3360 + 10000 + 48000)
    assert torch.equal(result.audio[:, 3360:13360], wav)
    assert result.audio[0, 13360:].unfold(0, 1600, 1600).std(1).min() > 0


def test_a_loop_is_a_circle(ldm, wav):
    result = loop(ldm, "rain", seconds=0.6, **FAST)
    assert result.audio.shape == (1, 10240)  # the nearest multiple of 2560 samples
    looped = loop(ldm, "rain", sound=wav, strength=0.5, **FAST)
    assert looped.audio.shape == (2, 7680) and torch.equal(looped.source, wav[:, :7680])
    noise = 0.1 * Rng(0).randn((1, 16000), "noise")  # every place of it is alike
    step = noise * torch.where(torch.arange(16000) < 8000, 1.0, 0.01)
    assert seam(noise) < 2 < 4 < seam(step)


def test_on_a_circle_no_place_is_the_end():
    """A denoiser that looks 3 frames to both sides: turning its input turns its answer."""
    kernel = torch.nn.Conv2d(2, 2, (7, 1), padding=(3, 0))
    denoise = circular(lambda x, sigma, emb: kernel(x), 4)
    x = Rng(0).randn((1, 2, 12, 5), "x")
    with torch.no_grad():
        assert torch.allclose(denoise(x.roll(5, 2), None, None), denoise(x, None, None).roll(5, 2), atol=1e-6)
    assert wrap(x, 30).shape[2] == 72 and torch.equal(wrap(x, 30)[:, :, 30:42], x)


def test_climbing_inverts_ddim_exactly_where_the_denoiser_is_known(ldm):
    """Data N(0, 0.5^2): the denoiser is a formula. Enough rounds give the exact inverse, one round the usual one."""
    sigmas = grid(ldm.schedule, 20, "leading")
    denoise = lambda x, sigma: x * (0.25 / (0.25 + sigma.to(x).square())).reshape(-1, 1)
    z = 0.5 * Rng(0).randn((3, 40), "z", dtype=torch.float64)
    errors = [float((sample_ddim(denoise, climb(denoise, z, sigmas, rounds=rounds), sigmas) - z).abs().max())
              for rounds in (1, 4, 200)]
    assert errors[2] < 1e-8 < errors[1] < errors[0]


def test_invert_gives_a_start(ldm, wav):
    x, sigmas = invert(ldm, wav, "noise", strength=0.3, rounds=1, sampler="ddim", **FAST)
    assert x.shape == (2, *ldm.latent_shape(0.625)) and len(sigmas) >= 2
    made = edit(ldm, wav, "noise", ["rain", "bell"], strength=0.3, rounds=1, sampler="ddim", **FAST)
    again = generate(ldm, ["rain", "bell"], seconds=0.625, start=(x, sigmas), sampler="ddim", **FAST)
    assert torch.equal(made.audio, again.audio) and made.config["edit"]["source_prompts"] == ["noise", "noise"]


def test_slerp_keeps_length_and_meets_its_ends():
    a, b = (torch.nn.functional.normalize(Rng(i).randn((4, 32), "end"), dim=1) for i in (0, 1))
    middle = slerp(a, b, 0.5)
    assert torch.allclose(middle.norm(dim=1), torch.ones(4), atol=1e-6)
    assert torch.allclose((middle * a).sum(1), (middle * b).sum(1), atol=1e-6)
    assert torch.allclose(slerp(a, b, 0.0), a, atol=1e-6) and torch.allclose(slerp(a, b, 1.0), b, atol=1e-6)
    assert torch.allclose(slerp(a, a, 0.3), a, atol=1e-6)
    with pytest.raises(OptionError, match="opposite"):
        slerp(a, -a, 0.5)


def test_interpolation_meets_its_ends(ldm, wav):
    between = interpolate(ldm, "rain", wav[0], weights=[0, 0.5, 1], seconds=0.32, **FAST)
    ends = generate(ldm, ["rain", wav[0]], seconds=0.32, **FAST)
    assert torch.allclose(between.audio[[0, 2]], ends.audio, atol=1e-5) and len(between) == 3
    noise = interpolate(ldm, wav[0], wav[1], weights=[0, 0.5], latents=True, rounds=1, sampler="ddim", **FAST)
    assert noise.audio.shape == (2, 10000)


def test_attributes_are_words():
    for attribute in ATTRIBUTES:
        prompts = attribute_prompts("A drum.", attribute)
        assert len(set(prompts)) == len(prompts) >= 4 and all(prompt.startswith("A drum") for prompt in prompts)
    assert attribute_prompts("a drum", "material", ["ice"]) == ["a drum, made of ice"]
    with pytest.raises(OptionError, match="did you mean 'pitch'"):
        attribute_prompts("a drum", "pich")


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EDITS)
def test_alone_or_in_company_the_same_edit(ldm, wav, name):
    options = FAST | {"candidates": 2, "sampler": "ddpm"}
    both = EDITS[name](ldm, wav, seed=[5, 6], batch=4, **options)
    first = EDITS[name](ldm, wav[:1], seed=[5], batch=1, **options)
    assert torch.allclose(both.candidates[0], first.candidates[0], atol=1e-4)
    assert both.scores.shape == (2, 2) and bool((both.scores[:, 0] >= both.scores[:, 1]).all())
    assert json.loads(json.dumps(both.config)) == both.config and both.config["edit"]["name"] == name
    assert both[1].source.shape == first.source.shape and both[1].config["edit"]["sounds"] == ["0.62 s"]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_can_edit(ldm, wav, sampler):
    for name in ("transfer", "inpaint", "super_resolve"):
        result = EDITS[name](ldm, wav[:1], sampler=sampler, **FAST)
        assert torch.isfinite(result.audio).all() and result.config["sampler"] == sampler


def test_shortest_silent_and_long(ldm):
    silence = torch.zeros(1, 1600)  # 0.1 s
    assert torch.isfinite(transfer(ldm, silence, "rain", **FAST).audio).all()
    assert torch.isfinite(inpaint(ldm, silence, end=0.05, **FAST).audio).all()
    long = 0.1 * Rng(0).randn((1, 21 * 16000), "long")  # several windows, several pieces of the encoder
    result = inpaint(ldm, long, start=10.0, end=11.0, steps=1, progress=False)
    assert torch.equal(result.audio[:, 176000:], long[:, 176000:])


def test_methods_and_package_names_are_the_functions(ldm, wav):
    by_method = ldm.transfer(wav, "rain", strength=0.0, **FAST)
    assert torch.equal(by_method.audio, ldm_lab.transfer(ldm, wav, "rain", strength=0.0, **FAST).audio)
    assert ldm_lab.inpaint is inpaint and ldm_lab.loop is loop


BAD = {
    "no sound": (lambda ldm, wav: transfer(ldm, [], "a"), AudioInputError, "empty list"),
    "a number": (lambda ldm, wav: transfer(ldm, 3, "a"), AudioInputError, "got int"),
    "no file": (lambda ldm, wav: transfer(ldm, "nowhere.wav", "a"), AudioInputError, "no such file"),
    "NaN": (lambda ldm, wav: inpaint(ldm, wav * torch.nan, start=0), AudioInputError, "NaN"),
    "too short": (lambda ldm, wav: vary(ldm, wav[:, :800]), AudioInputError, "0.05 s, expected 0.1"),
    "an hour": (lambda ldm, wav: vary(ldm, torch.zeros(16000 * 601)), AudioInputError, "600 s; cut it"),
    "16-bit floats": (lambda ldm, wav: vary(ldm, wav * 32768), AudioInputError, "divide by the full scale"),
    "three axes": (lambda ldm, wav: vary(ldm, wav[None]), AudioInputError, "expected (N,)"),
    "two lengths": (lambda ldm, wav: vary(ldm, [wav[0], wav[1, :5000]]), AudioInputError, "one length"),
    "sample rate": (lambda ldm, wav: vary(ldm, wav, sample_rate=10), OptionError, "sample_rate"),
    "numbers": (lambda ldm, wav: transfer(ldm, wav, ["a", "b", "c"]), OptionError, "2 sounds and 3 prompts"),
    "strength": (lambda ldm, wav: transfer(ldm, wav, "a", strength=1.1), OptionError, "strength"),
    "strengths": (lambda ldm, wav: transfer(ldm, wav, "a", strengths=[]), OptionError, "strengths"),
    "seconds": (lambda ldm, wav: transfer(ldm, wav, "a", seconds=3), OptionError, "extend"),
    "misspelt": (lambda ldm, wav: transfer(ldm, wav, "a", stepz=3), OptionError, "did you mean 'steps'"),
    "steps": (lambda ldm, wav: transfer(ldm, wav, "a", steps=0), OptionError, "steps"),
    "prompt": (lambda ldm, wav: transfer(ldm, wav, 7), PromptError, "int"),
    "no hole": (lambda ldm, wav: inpaint(ldm, wav), OptionError, "no hole"),
    "all hole": (lambda ldm, wav: inpaint(ldm, wav, start=0), OptionError, "whole sound"),
    "beyond": (lambda ldm, wav: inpaint(ldm, wav, start=0.1, end=9), OptionError, "end: got 9"),
    "upside down": (lambda ldm, wav: inpaint(ldm, wav, start=0.3, end=0.2), OptionError, "is empty"),
    "two holes": (lambda ldm, wav: inpaint(ldm, wav, start=0.3, keep=[1]), OptionError, "either"),
    "mask shape": (lambda ldm, wav: inpaint(ldm, wav, keep=torch.ones(5)), OptionError, "expected (63,)"),
    "mask values": (lambda ldm, wav: inpaint(ldm, wav, keep=torch.full((63,), 0.5)), OptionError, "only 0"),
    "empty mask": (lambda ldm, wav: inpaint(ldm, wav, keep=torch.ones(63)), OptionError, "a part to make anew"),
    "jumps": (lambda ldm, wav: inpaint(ldm, wav, start=0.1, end=0.2, jumps=0), OptionError, "jumps"),
    "full band": (lambda ldm, wav: super_resolve(ldm, wav), AudioInputError, "no cut-off found"),
    "cut-off": (lambda ldm, wav: super_resolve(ldm, wav, cutoff_hz=8000), OptionError, "cutoff_hz"),
    "nothing to add": (lambda ldm, wav: extend(ldm, wav), OptionError, "nothing to add"),
    "too much to add": (lambda ldm, wav: extend(ldm, wav, after=600), AudioInputError, "600 s"),
    "too short a loop": (lambda ldm, wav: loop(ldm, sound=wav[:, :2000]), AudioInputError, "to loop"),
    "weights": (lambda ldm, wav: interpolate(ldm, "a", "b", weights=[2]), OptionError, "weights"),
    "lists to interpolate": (lambda ldm, wav: interpolate(ldm, ["a", "c"], "b"), OptionError, "3 prompts"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_before_any_work(ldm, wav, name, monkeypatch):
    call, error, words = BAD[name]
    monkeypatch.setattr(type(ldm), "denoiser", lambda self: pytest.fail("the network was asked"))
    with pytest.raises(error) as caught:
        call(ldm, wav)
    assert words in str(caught.value)
