"""The denoising scrubber from Python: every step of every sampler, made once, said in words."""

import io

import numpy as np
import pytest
import torch

from ldm_lab.errors import OptionError, PromptError
from ldm_lab.widgets import DenoisingScrubber, picture

SHORT = {"steps": 3, "seconds": 0.64, "progress": False}


@pytest.fixture(scope="module")
def made(tiny):
    return DenoisingScrubber(tiny, "rain", samplers=("ddim", "heun"), seed=5, **SHORT)


@pytest.fixture
def scrubber(made):
    made.step, made.kind, made.active, made.recognised, made.box = 1, "guess", 0, {}, []
    return made


def test_each_step_sounds_as_what_the_sampler_guessed(tiny, scrubber):
    seen = []
    result = tiny.generate("rain", sampler="ddim", seed=5, callback=seen.append, **SHORT)
    for step in seen:
        mel = tiny.latent_to_mel(step.x0_hat)[:, :64]
        assert torch.allclose(scrubber.mel(step.index + 1, "ddim"), mel[0], atol=1e-5)
        assert torch.allclose(scrubber.wav(step.index + 1, "ddim"), tiny.mel_to_wav(mel)[0], atol=1e-5)
        assert scrubber.sigma(step.index + 1, "ddim") == step.sigma
    assert torch.equal(scrubber.wav(4, "ddim"), result.audio[0])
    noisy = tiny.latent_to_mel(seen[1].x / (1 + seen[1].sigma ** 2) ** 0.5)[0, :64]
    assert torch.allclose(scrubber.mel(2, "ddim", "noisy"), noisy, atol=1e-4)
    assert torch.equal(scrubber.wav(4, "ddim", "noisy"), result.audio[0])  # the end is the end of both


def test_a_two_pass_sampler_has_one_moment_a_step_and_says_what_it_costs(scrubber):
    assert scrubber.passes == [6, 10]  # guidance asks twice; heun's last step, to sigma 0, needs one pass of its two
    assert [len(sigmas) for sigmas in scrubber.sigmas] == [4, 4]
    assert scrubber.sigmas[1][-1] == 0
    assert torch.allclose(*(trace.noise for trace in scrubber.traces.values()), atol=1e-5)


def test_region_and_transcript_follow_step_sampler_and_kind(scrubber):
    scrubber.step, scrubber.heard = 2, "heun"
    assert np.abs(scrubber.region() - scrubber.wav(2, "heun").numpy()).max() < 1e-4
    assert scrubber.transcript.startswith("Guess in step 2 of 3: noise ")
    scrubber.kind = "noisy"
    assert np.abs(scrubber.region() - scrubber.wav(2, "heun", "noisy").numpy()).max() < 1e-4
    scrubber.step = 99
    assert scrubber.step == 4
    assert scrubber.transcript.startswith("Finished after 3 steps")


def test_what_the_page_asks_is_made_once(tiny, scrubber, monkeypatch):
    first = scrubber.ask_sound(2, "guess")["sound"]
    pictures = scrubber.ask_pictures("guess")
    for name in ("latent_to_mel", "mel_to_wav"):
        monkeypatch.setattr(tiny, name, lambda x: pytest.fail("decoded again"))
    assert scrubber.ask_sound(2, "guess")["sound"] is first
    assert [version["label"] for version in first["versions"]] == ["ddim", "heun"]
    assert scrubber.ask_pictures("guess") == pictures
    cells = np.frombuffer(pictures["mel"], np.uint8).reshape(2, 4, pictures["frames"], 64)
    top = picture.top_level([scrubber.mel(4, name).numpy() for name in scrubber.samplers], tiny.config.mel)
    assert np.array_equal(cells[1, 2], picture.levels(scrubber.mel(3, "heun").numpy(), top))
    assert scrubber.ask_sound(4, "noisy")["sound"] is scrubber.ask_sound(4, "guess")["sound"]


def test_recognised_steps_are_checked(scrubber):
    scrubber.recognised = {"heun": 2}
    assert "heun: 10 network passes, sigma from 83.8 to 0; recognised in step 2" in scrubber.text()
    for wrong in ({"heun": 9}, {"heun": 0}, {"unipc": 2}):
        with pytest.raises(OptionError):
            scrubber.recognised = wrong
    assert scrubber.recognised == {"heun": 2}


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"samplers": ("unipx",)}, OptionError, "did you mean 'unipc'"),
    ({"samplers": ()}, OptionError, "1 to 4"),
    ({"prompt": 5}, PromptError, "expected text"),
    ({"prompt": ["a", "b"]}, OptionError, "expected one"),
    ({"steps": 0}, OptionError, "steps"),
    ({"candidates": 2}, OptionError, "one sound is followed"),
    ({"kind": "loud"}, OptionError, "unknown kind"),
])
def test_mistakes_are_told_before_any_work(tiny, monkeypatch, options, error, words):
    monkeypatch.setattr(tiny, "denoiser", lambda **_: pytest.fail("work was done"))
    with pytest.raises(error, match=words):
        DenoisingScrubber(tiny, **{"prompt": "rain", **SHORT, **options})


def test_wrong_questions_are_refused(scrubber):
    with pytest.raises(OptionError, match="did you mean 'noisy'"):
        scrubber.wav(1, kind="nois")
    with pytest.raises(OptionError, match="sampler here"):
        scrubber.heard = "unipc"
    with pytest.raises(OptionError, match="1 to 4"):
        scrubber.ask_sound(5, "guess")


def test_another_run_replaces_the_sound_and_a_mistake_does_not(tiny):
    shown = DenoisingScrubber(tiny, "rain", samplers="unipc", **SHORT, step=4)
    shown.recognised, before = {"unipc": 2}, shown.wav(1)
    shown.run("a bell", seed=9)
    assert (shown.prompt, shown.seed, shown.step, shown.take, shown.recognised) == ("a bell", 9, 1, 2, {})
    assert not torch.equal(shown.wav(1), before)
    assert shown.status.startswith("made in")
    same = tiny.generate("a bell", sampler="unipc", seed=9, **SHORT)
    assert torch.equal(shown.wav(4), same.audio[0])
    assert shown.ask_run("x" * 100_001, 9) is False
    assert shown.wrong
    assert "shorten it" in shown.status
    assert shown.prompt == "a bell"


def test_a_sound_may_be_the_condition(tiny):
    wav = torch.sin(torch.arange(10240) / 5.0) * 0.3
    shown = DenoisingScrubber(tiny, wav, samplers="ddim", **SHORT)
    first = shown.wav(4)
    shown.ask_run(shown.prompt, 0)  # the page sends the label back
    assert torch.equal(shown.wav(4), first)


def test_without_a_front_end_there_are_rows_of_pictures_and_words(scrubber):
    from PIL import Image

    data, metadata = scrubber._repr_mimebundle_()
    assert data["text/plain"].splitlines()[0] == "Denoising 'rain' in 3 steps, seed 5"
    assert "a row for each sampler" in metadata["image/png"]["alt"]
    sheet = np.asarray(Image.open(io.BytesIO(scrubber.still())).convert("RGB")).astype(int)
    painted = (sheet.min(axis=2) < 250).mean(axis=1) > 0.5  # pixel rows that are mostly picture
    assert (np.diff(painted.astype(int)) == 1).sum() == 2  # one block a sampler
    assert len(scrubber.still()) < 60_000
