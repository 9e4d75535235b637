"""Prompt to sound with the tiny preset: the real path, in little time."""

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from ldm_lab.diffusion.denoiser import noise_to_x
from ldm_lab.diffusion.samplers import SAMPLERS
from ldm_lab.diffusion.schedule import grid
from ldm_lab.errors import AudioInputError, LabError, OptionError, PromptError
from ldm_lab.generate import generate
from ldm_lab.options import check_options, check_prompts, clean_text
from ldm_lab.result import Result, register_display
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

FAST = {"seconds": 0.64, "steps": 3, "progress": False}


@pytest.fixture(scope="module")
def ldm():
    """Tiny, with the output layers that start at zero made alive, so that prompts and steps have an effect."""
    ldm = AudioLDM.from_preset("tiny")
    with torch.no_grad():
        for i, weight in enumerate(ldm.unet.parameters()):
            if not weight.any():
                weight.copy_(0.05 * Rng(0).randn(weight.shape, "alive", i))
    return ldm


@pytest.fixture(scope="module")
def result(ldm):
    return generate(ldm, ["a dog barks", "rain"], seed=[1, 2], candidates=2, **FAST)


# --- what comes out -------------------------------------------------------------------------------------------------


def test_result_is_complete(ldm, result):
    assert result.audio.shape == (2, 10240)
    assert result.audio.dtype == torch.float32
    assert result.audio.abs().max() <= 1
    assert result.mel.shape == (2, 64, 64)
    assert result.latent.shape == (2, 4, 8, 8)
    assert result.candidates.shape == (2, 2, 10240)
    assert torch.equal(result.candidates[:, 0], result.audio)
    assert torch.equal(result.scores[:, 0], result.score)
    assert result.prompts == ("a dog barks", "rain")
    assert result.config == json.loads(json.dumps(result.config))
    assert {"model": "tiny", "seeds": [1, 2], "steps": 3, "sampler": "ddim"}.items() <= result.config.items()
    assert {"text", "sample", "decode", "vocode", "rank", "total"} == set(result.timings)
    assert sum(result.timings.values()) < 2 * result.timings["total"] + 1e-9


def test_latent_mel_and_audio_belong_together(ldm, result):
    mel = ldm.latent_to_mel(result.latent)
    assert torch.allclose(mel[:, :64], result.mel, atol=1e-4)
    assert torch.allclose(ldm.mel_to_wav(mel)[:, :10240], result.audio, atol=1e-4)


def test_candidates_are_ranked_by_their_clap_score(ldm, result):
    for i, prompt in enumerate(result.prompts):
        emb = ldm.clap.encode_text([prompt])
        cosine = (ldm.clap.encode_audio(result.candidates[i]) @ emb.T)[:, 0]
        assert torch.allclose(cosine, result.scores[i], atol=1e-4)
        assert result.scores[i, 0] > result.scores[i, 1]


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1.0, 1.2345, 2.56])
def test_length_is_exact(ldm, seconds):
    result = generate(ldm, "a", seconds=seconds, steps=1, progress=False)
    assert result.audio.shape == (1, round(seconds * 16000))
    assert result.seconds == pytest.approx(seconds, abs=1 / 16000)
    assert result.mel.shape[1] == -(-round(seconds * 16000) // 160)


def test_long_sound_by_windows(ldm):
    """Longer than the trained window (2.56 s), and so long that it is decoded in pieces (over 20.48 s)."""
    result = generate(ldm, "wind", seconds=21.3, steps=2, progress=False)
    assert result.audio.shape == (1, round(21.3 * 16000))
    assert torch.isfinite(result.audio).all()
    assert result.audio[0].unfold(0, 1600, 1600).std(dim=1).min() > 0  # no part is empty


def test_every_sampler_and_grid(ldm):
    sounds = []
    for name in SAMPLERS:
        sounds.append(generate(ldm, "a dog", sampler=name, **FAST).latent)
        assert torch.isfinite(sounds[-1]).all()
    sounds.append(generate(ldm, "a dog", sampler="ddim", grid="karras", eta=1.0, **FAST).latent)
    for i, a in enumerate(sounds):
        assert all((a - b).abs().max() > 1e-4 for b in sounds[:i])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_is_close(ldm, dtype):
    low = AudioLDM(ldm.config, *(getattr(AudioLDM.from_preset("tiny"), p) for p in ("clap", "autoencoder", "vocoder", "unet")))
    low.unet.load_state_dict(ldm.unet.state_dict())
    low.to(dtype=dtype)
    a, b = (generate(m, "a dog", **FAST) for m in (ldm, low))
    assert b.audio.dtype == torch.float32
    assert (a.mel - b.mel).abs().mean() < 0.1 * a.mel.std()


# --- chance ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"sampler": "dpmpp_2m"}, {"sampler": "dpmpp_2m_sde"}, {"sampler": "ddim", "eta": 1.0}])
def test_alone_or_in_company_the_same_sound(ldm, options):
    prompts, seeds = ["a dog barks", "rain on a roof", "bell"], [5, 6, 5]
    together = generate(ldm, prompts, seed=seeds, candidates=2, batch=6, **FAST, **options)
    for i, (prompt, seed) in enumerate(zip(prompts, seeds)):
        alone = generate(ldm, prompt, seed=seed, candidates=2, batch=1, **FAST, **options)
        assert (alone.candidates[0] - together.candidates[i]).abs().max() < 1e-5
        assert (alone.latent[0] - together.latent[i]).abs().max() < 1e-5 * together.latent.abs().max()
    reverse = generate(ldm, prompts[::-1], seed=seeds[::-1], candidates=2, batch=4, **FAST, **options)
    assert (reverse.audio.flip(0) - together.audio).abs().max() < 1e-5


def test_batch_1_is_bit_equal(ldm):
    together = generate(ldm, ["a dog", "rain"], seed=3, batch=1, **FAST)
    assert torch.equal(generate(ldm, "rain", seed=3, batch=1, **FAST).audio[0], together.audio[1])


def test_seed_prompt_and_candidate_each_matter(ldm):
    base = generate(ldm, "a dog", seed=0, **FAST).latent
    assert torch.equal(generate(ldm, "a dog", seed=0, **FAST).latent, base)
    assert (generate(ldm, "a dog", seed=1, **FAST).latent - base).abs().max() > 0.1
    assert (generate(ldm, "rain", seed=0, **FAST).latent - base).abs().max() > 1e-4
    several = generate(ldm, "a dog", seed=0, candidates=3, **FAST)
    assert len({tuple(row.tolist()) for row in several.candidates[0, :, :50]}) == 3
    assert any(torch.allclose(c, generate(ldm, "a dog", seed=0, **FAST).audio[0], atol=1e-5) for c in several.candidates[0])


def test_global_random_state_is_neither_used_nor_changed(ldm):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = generate(ldm, "a dog", sampler="ddpm", **FAST)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    torch.rand(7)
    assert torch.equal(generate(ldm, "a dog", sampler="ddpm", **FAST).audio, first.audio)


# --- guidance, conditions, editing seams ----------------------------------------------------------------------------


def test_guidance_and_negative_prompt_change_the_sound(ldm):
    sounds = [
        generate(ldm, "a dog", guidance=1.0, **FAST), generate(ldm, "a dog", guidance=3.0, **FAST),
        generate(ldm, "a dog", guidance=3.0, negative="rain", **FAST),
        generate(ldm, "a dog", guidance=3.0, rescale=0.7, **FAST),
        generate(ldm, "a dog", guidance=3.0, interval=(0.5, 10), **FAST),
    ]  # fmt: skip
    for i, a in enumerate(sounds):
        assert all((a.latent - b.latent).abs().max() > 1e-4 for b in sounds[:i])
    # A negative prompt equal to the prompt leaves nothing to exaggerate.
    same = generate(ldm, "a dog", guidance=3.0, negative="a dog", **FAST)
    assert torch.allclose(same.latent, sounds[0].latent, atol=1e-3)


def test_empty_prompt_is_unconditional(ldm):
    guided, plain = (generate(ldm, "", guidance=g, **FAST) for g in (3.0, 1.0))
    assert torch.allclose(guided.latent, plain.latent, atol=1e-3)
    assert guided.prompts == ("",)


def test_a_sound_as_prompt(ldm, result, tmp_path):
    wav = result.audio[0]
    by_tensor = generate(ldm, wav, **FAST)
    by_array = generate(ldm, [wav.numpy()[None], "rain"], **FAST)
    path = result[0].save(tmp_path / "dog.wav")[0]
    by_file = generate(ldm, path, **FAST)
    assert by_tensor.prompts == ("[sound of 0.64 s]",)
    assert by_file.prompts == ("[sound of dog.wav]",)
    assert torch.allclose(by_array.latent[0], by_tensor.latent[0], atol=1e-3)
    assert torch.allclose(by_file.latent, by_tensor.latent, atol=0.05 * by_tensor.latent.abs().max())
    assert (generate(ldm, "rain", **FAST).latent - by_tensor.latent).abs().max() > 1e-4


def test_start_replaces_noise_and_grid(ldm):
    """Starting from the noise that generate would draw gives its sound; a late start stays near where it began."""
    base = generate(ldm, "a dog", seed=4, **FAST)
    sigmas = grid(ldm.schedule, 3, "leading")
    noise = Rng(4).randn(ldm.latent_shape(0.64), "start", 0)[None]
    again = generate(ldm, "a dog", seed=4, start=(noise_to_x(noise, sigmas[0]), sigmas), **FAST)
    assert torch.allclose(again.latent, base.latent, atol=1e-4)
    assert again.config["edited"]
    late = sigmas[-1] * torch.tensor([1.2, 1.0])
    near = generate(ldm, "rain", start=(base.latent + late[0] * noise, late), **FAST)
    assert (near.latent - base.latent).abs().mean() < 0.1
    both = generate(ldm, ["a dog", "rain"], candidates=2, start=(base.latent.repeat(2, 1, 1, 1), late), **FAST)
    assert both.candidates.shape[:2] == (2, 2)


def test_project_gets_the_items_and_holds_what_it_holds(ldm):
    seen = []

    def project(x, sigma, items):
        seen.append([(item.prompt, item.candidate, item.seed) for item in items])
        x = x.clone()
        x[:, :, :4] = 7.0
        return x

    steps = []
    generate(ldm, ["a", "b"], seed=[8, 9], candidates=2, project=project, callback=steps.append, batch=3, **FAST)
    assert seen == [[(0, 0, 8), (0, 1, 8), (1, 0, 9)]] * 3 + [[(1, 1, 9)]] * 3
    assert all((step.x[:, :, :4] == 7.0).all() for step in steps)


def test_callback_sees_each_step_and_may_stop(ldm):
    steps = []
    generate(ldm, "a dog", callback=steps.append, **FAST)
    assert [(s.index, s.total) for s in steps] == [(0, 3), (1, 3), (2, 3)]
    assert steps[0].x0_hat.shape == (1, 4, 8, 8)

    def stop(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(ldm, "a dog", callback=stop, **FAST)


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.fixture
def untouchable(ldm, monkeypatch):
    """Fails the test if any work starts before the input is checked."""

    def work(*args, **kwargs):
        raise AssertionError("work began before the input was checked")

    for part, names in {"clap": ("encode_text", "encode_audio"), "unet": ("forward",), "vocoder": ("forward",)}.items():
        for name in names:
            monkeypatch.setattr(getattr(ldm, part), name, work)
    return ldm


@pytest.mark.parametrize("prompt", [b"dog", None, 3, 2.5, {"a": 1}, [], ["ok", None], [b"x"], {"a"}, "x" * 100_001])
def test_bad_prompts(untouchable, prompt):
    with pytest.raises(PromptError, match=r"got .*expected"):
        generate(untouchable, prompt, **FAST)


@pytest.mark.parametrize("wav", [np.zeros((2, 100), np.float32), np.zeros(0, np.float32), np.full(10, np.nan, np.float32)])
def test_bad_sound_prompts(untouchable, wav):
    with pytest.raises(AudioInputError):
        generate(untouchable, [wav], **FAST)


BAD_OPTIONS = [
    ("seconds", 0), ("seconds", -1), ("seconds", float("nan")), ("seconds", float("inf")), ("seconds", 0.05),
    ("seconds", 601), ("seconds", 1e300), ("seconds", 10**400), ("seconds", "5"), ("seconds", True),
    ("steps", 0), ("steps", -3), ("steps", 1001), ("steps", True), ("steps", 2.0), ("steps", "10"),
    ("guidance", float("nan")), ("guidance", -0.1), ("guidance", float("inf")), ("guidance", 1e9), ("guidance", "3"),
    ("candidates", 0), ("candidates", 1.5), ("candidates", 10**6), ("candidates", None),
    ("seed", -1), ("seed", 2**63), ("seed", 0.5), ("seed", "1"), ("seed", [1, 2]), ("seed", None), ("seed", [True]),
    ("eta", -0.1), ("eta", 1.1), ("eta", float("nan")), ("rescale", 2), ("interval", (3, 1)), ("interval", 5),
    ("batch", 0), ("batch", 2.5), ("sampler", "dimm"), ("sampler", 3), ("grid", "karas"), ("start", 3),
    ("start", (torch.zeros(1, 4, 8, 9), torch.tensor([2.0, 1.0]))), ("start", (torch.zeros(1, 4, 8, 8), torch.ones(2))),
    ("start", (torch.zeros(1, 4, 16, 8), torch.tensor([2.0, 1.0]))),
    ("start", (torch.full((1, 4, 8, 8), float("nan")), torch.tensor([2.0, 1.0]))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD_OPTIONS)
def test_bad_options(untouchable, name, value):
    with pytest.raises(OptionError, match=rf"{name}.*(expected|did you mean|needs)"):
        generate(untouchable, "a dog", **(FAST | {name: value}))


def test_eta_where_it_has_no_meaning(untouchable):
    with pytest.raises(OptionError, match="use sampler='ddim' or sampler='dpmpp_2m_sde'"):
        generate(untouchable, "a dog", sampler="dpmpp_2m", eta=0.5, **FAST)


def test_eta_left_open_is_the_sampler_s_own(ldm):
    made = {name: generate(ldm, "a dog", sampler=name, **FAST) for name in ("ddim", "dpmpp_2m_sde", "unipc")}
    assert [result.config["eta"] for result in made.values()] == [0.0, 1.0, 0.0]
    same = {"grid": SAMPLERS["dpmpp_2m_sde"].grid, **FAST}
    still, plain = (generate(ldm, "a dog", sampler=name, eta=0.0, **same).latent for name in ("dpmpp_2m_sde", "dpmpp_2m"))
    assert (still - plain).abs().max() < 1e-4 < (made["dpmpp_2m_sde"].latent - plain).abs().max()


@pytest.mark.parametrize("negative", [b"x", 5, None, ["a", "b"], [3]])
def test_bad_negative(untouchable, negative):
    with pytest.raises((PromptError, OptionError), match="negative"):
        generate(untouchable, "a dog", negative=negative, **FAST)


@pytest.mark.parametrize(
    "prompt", ["", " ", "🐕 barks", "犬が吠える", "a\x00dog\x1b[2J", "\ud800", "a\n\tdog", "%s{}\\", "dog " * 2500, "../../etc"]
)
def test_odd_prompts_make_a_sound(ldm, prompt, tmp_path):
    result = generate(ldm, prompt, seconds=0.1, steps=1, progress=False)
    assert torch.isfinite(result.audio).all()
    assert result.save(tmp_path / "out.wav")[0].is_file()
    result._repr_mimebundle_()


def test_control_characters_are_spaces():
    assert clean_text("a\x00 dog\x1b\n barks\ud800 ") == "a dog barks"
    assert clean_text("") == ""
    assert [p.text for p in check_prompts(("a", "b"))] == ["a", "b"]


def test_long_prompt_is_cut_with_a_warning(ldm, caplog):
    words = " ".join(f"word{i}" for i in range(500))
    a = generate(ldm, words, **FAST)
    assert "cut" in caplog.text
    assert torch.equal(a.audio, generate(ldm, words + " and more", **FAST).audio)


def test_numpy_numbers_are_numbers(ldm):
    options = check_options(ldm.config, 2, seconds=np.float32(1.5), steps=np.int64(7), seed=np.int32(3), guidance=np.float64(2))
    assert (options.steps, options.seeds, options.guidance) == (7, (3, 3), 2.0)
    assert check_options(ldm.config, 1, seconds=2).seconds == 2.0


def test_defaults_come_from_the_model(ldm):
    options = check_options(ldm.config, 1)
    assert (options.seconds, options.steps, options.guidance, options.sampler) == (2.56, 10, 3.0, "ddim")


def test_nan_names_item_and_step(ldm):
    calls = []

    def network(x, t, emb):
        calls.append(1)
        out = torch.zeros_like(x)
        if len(calls) == 2:
            out[1] = float("nan")
        return out

    with pytest.raises(LabError, match=r"prompt 1 \('rain'\), candidate 0, in step 2 of 3"):
        generate(ldm.replace(unet=Network(network)), ["a dog", "rain"], guidance=1.0, **FAST)


class Network(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, t, emb):
        return self.function(x, t, emb)


# --- Result ---------------------------------------------------------------------------------------------------------


def test_indexing_and_length(result):
    assert len(result) == 2
    one = result[1]
    assert isinstance(one, Result)
    assert (one.prompts, one.config["seeds"], one.audio.shape) == (("rain",), [2], (1, 10240))
    assert torch.equal(result[-1].audio, one.audio)
    assert [r.prompts[0] for r in result] == ["a dog barks", "rain"]
    with pytest.raises(IndexError):
        result[2]


def test_save_one_and_several(result, tmp_path):
    import soundfile

    assert result[0].save(tmp_path / "one.wav") == [tmp_path / "one.wav"]
    paths = result.save(tmp_path / "new folder" / "two.flac")
    assert [p.name for p in paths] == ["two-001.flac", "two-002.flac"]
    for i, path in enumerate(paths):
        data, rate = soundfile.read(path)
        assert rate == 16000
        assert np.abs(data - result.audio[i].numpy()).max() < 1e-4
    with soundfile.SoundFile(paths[1]) as file:
        settings = json.loads(file.comment)
    assert settings["prompt"] == "rain"
    assert settings["seed"] == 2
    assert settings["model"] == "tiny"
    with pytest.raises(AudioInputError, match=r"use \.wav"):
        result.save(tmp_path / "sound.xyz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new folder", "one.wav"]


def test_plot_has_seconds_and_hertz(result):
    pytest.importorskip("matplotlib")
    figure = result.plot()
    axis = figure.axes[0]
    assert "(s)" in axis.get_xlabel()
    assert "(Hz)" in axis.get_ylabel()
    assert axis.get_xlim() == (0.0, pytest.approx(0.64))
    assert [label.get_text() for label in axis.get_yticklabels()] == ["250", "500", "1000", "2000", "4000"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generate_titles(result, "$x^2 $ %d {} <b> \u72ac \U0001f415").plot().canvas.draw()  # no maths, no missing signs


def generate_titles(result, title):
    return replace(result, prompts=(title,) * 2)


def test_shown_in_a_notebook(result, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("ldm_lab.result._display", None)  # widgets, once imported by another test, show results their way
    html = generate_titles(result, "<script>")._repr_mimebundle_()["text/html"]
    assert html.count("<audio") == 2
    assert "data:image/png" in html
    assert "<script>" not in html
    register_display(lambda shown: {"text/plain": f"mine {len(shown)}"})
    try:
        assert result._repr_mimebundle_() == {"text/plain": "mine 2"}
    finally:
        register_display(None)


def test_play(result):
    pytest.importorskip("IPython")
    assert result.play(1)._repr_html_().count("audio")


def test_the_models_own_method_is_the_same(ldm):
    assert torch.equal(ldm.generate("a dog", **FAST).audio, generate(ldm, "a dog", **FAST).audio)


def test_progress_is_shown_only_if_wanted(ldm, capsys):
    generate(ldm, "a dog", seconds=0.64, steps=3)
    assert "sampling" in capsys.readouterr().err
    generate(ldm, "a dog", **FAST)
    assert capsys.readouterr().err == ""


def test_importing_draws_in_nothing_heavy():
    code = "import sys, ldm_lab.generate; print([m for m in ('matplotlib', 'soundfile', 'IPython') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"
