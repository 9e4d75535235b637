"""The pipeline map from Python: what left each box, facts, sounds, runs, fallbacks."""

import io

import numpy as np
import pytest
import torch

from ldm_lab import course
from ldm_lab.errors import OptionError, PromptError
from ldm_lab.trace import follow
from ldm_lab.widgets import PipelineMap
from ldm_lab.widgets.stack.diagram import BOXES

NAMES = [box.name for box in BOXES]


@pytest.fixture(scope="module")
def trace(tiny):
    return follow(tiny, "a <dog>, barking", seed=3, steps=4, seconds=0.64)


@pytest.fixture
def stack(trace):
    return PipelineMap.of(trace)


def test_the_map_follows_the_sound_that_generate_makes(tiny, trace):
    made = PipelineMap(tiny, "a <dog>, barking", seed=3, steps=4, seconds=0.64, progress=False)
    assert torch.equal(made.trace.wav, trace.wav)
    assert (made.selected, made.prompt, made.steps) == ("sound", "a <dog>, barking", 4)
    heard = np.frombuffer(made.sound["versions"][0]["pcm"], "<i2") / 32768
    assert np.abs(heard - trace.wav.numpy()).max() < 1e-4


def test_facts_are_those_of_the_tensors(stack, trace):
    assert list(stack.facts) == NAMES
    for box, values in (("embedding", trace.emb), ("noise", trace.noise), ("latent", trace.z), ("mel", trace.mel),
                        ("sound", trace.wav), ("clap", trace.emb), ("unet", trace.z), ("vocoder", trace.wav)):
        facts = stack.facts[box]
        assert torch.equal(stack.tensor(box), values)
        assert (facts["shape"], facts["dtype"]) == (list(values.shape), "float32")
        assert facts["low"] == pytest.approx(float(values.min()), rel=0.01)
        assert facts["high"] == pytest.approx(float(values.max()), rel=0.01)
        assert facts["std"] == pytest.approx(float(values.std(correction=0)), rel=0.01)
    assert stack.tensor("prompt") is None
    assert "shape" not in stack.facts["prompt"]
    assert stack.facts["unet"]["seconds"] == trace.seconds["sample"]
    assert stack.facts["latent"]["seconds"] is None
    assert stack.facts["autoencoder"]["weights"] == "187 k weights"
    assert [entry["name"] for entry in stack.times] == ["clap", "unet", "autoencoder", "vocoder", ""]
    assert sum(entry["seconds"] for entry in stack.times) <= trace.seconds["total"]


def test_what_is_heard_of_each_box(stack, trace):
    assert [name for name in NAMES if stack.wav(name) is None] == ["prompt", "clap", "embedding", "latent"]
    assert torch.equal(stack.wav("noise"), trace.wav_at(1, "noisy"))
    assert torch.equal(stack.wav("unet", step=2), trace.wav_at(2))
    assert torch.equal(stack.wav("vocoder"), trace.wav)
    by_phase = stack.wav("mel")
    assert by_phase.shape == trace.wav.shape and float(by_phase.abs().max()) <= 1
    assert not torch.allclose(by_phase, trace.wav, atol=1e-3)
    stack.selected = "unet"
    stack.step = 2
    assert stack.versions[0]["transcript"].startswith("The guess in step 2 of 4.")
    assert len(stack.region()) == len(trace.wav)


def test_names_and_steps_are_checked(stack):
    stack.selected = "sampler"  # other usual names are known
    assert stack.selected == "unet"
    with pytest.raises(OptionError, match="did you mean 'vocoder'"):
        stack.selected = "vocodr"
    stack.step = 99
    assert stack.step == 4
    with pytest.raises(OptionError, match="1 to 4"):
        stack.wav("unet", step=5)
    with pytest.raises(OptionError, match="did you mean 'latent'"):
        stack.ask_box("latant", 1)
    with pytest.raises(PromptError):
        PipelineMap(stack.ldm, "x" * 100_001)


def test_each_box_has_words_and_what_belongs_to_it(stack, trace):
    replies = {name: stack.ask_box(name, 2) for name in NAMES}
    assert all(20 < len(reply["about"]) < 330 and "{" not in reply["about"] for reply in replies.values())
    assert [piece for piece, _ in replies["prompt"]["pieces"]] == ["[start]", "a", "<", "dog", ">", ",", "barking", "[end]"]
    ids = stack.ldm.clap.tokenize([stack.prompt])[0][0].tolist()
    assert [number for _, number in replies["prompt"]["pieces"]] == ids
    assert replies["latent"]["sound"] is None
    cells = np.frombuffer(replies["latent"]["channels"][1]["cells"], np.int8).reshape(trace.z[1].shape)
    assert np.abs(cells / 127 * 3 - trace.z[1].clamp(-3, 3).numpy()).max() < 0.013
    assert replies["unet"]["facts"]["mean"] == pytest.approx(float(trace.guesses[1].mean()), rel=0.01)
    mel = np.frombuffer(replies["mel"]["sound"]["versions"][0]["mel"], np.uint8).reshape(-1, 64)
    assert np.corrcoef(mel.ravel(), trace.mel.numpy().ravel())[0, 1] > 0.95  # the decoder's picture, not the sound's
    assert stack.ask_box("mel", 1)["sound"] is replies["autoencoder"]["sound"]  # made once


def test_neighbours_are_sorted_by_the_angle(stack):
    own = stack.nearest([stack.prompt, "rain"])
    assert own[0] == (stack.prompt, pytest.approx(1.0, abs=1e-5))
    found = stack.nearest()
    cosines = [cosine for _, cosine in found]
    assert len(found) == 5 and cosines == sorted(cosines, reverse=True)


def test_another_sound_with_the_same_options(stack, tiny):
    before, take = stack.sound["versions"][0]["pcm"], stack.take
    stack.step = 4
    stack.run("rain")
    same = tiny.generate("rain", seed=3, steps=4, seconds=0.64, progress=False)
    assert torch.equal(stack.trace.wav, same.audio[0])
    assert (stack.prompt, stack.take, stack.progress, stack.wrong) == ("rain", take + 1, -1.0, False)
    assert "made in" in stack.status
    stack.run(seed=9)
    assert stack.trace.result.config["seeds"] == [9]
    assert stack.sound["versions"][0]["pcm"] != before  # an untrained model hears the seed, not the words
    assert stack.sound == stack.ask_box("sound", 1)["sound"]


def test_a_mistake_becomes_the_status_line_and_the_sound_stays(stack, trace):
    assert stack.ask_run("x" * 100_001) is False
    assert stack.wrong and "shorten it" in stack.status
    assert stack.trace is trace
    assert stack.ask_box("sound", 1)["sound"]["versions"]


def test_a_sound_as_prompt_has_no_pieces(tiny):
    made = PipelineMap(tiny, torch.zeros(8000), steps=1, seconds=0.64, progress=False)
    assert made.ask_box("prompt", 1)["pieces"] == []


def test_without_a_front_end_it_is_a_map_and_its_words(stack):
    from PIL import Image

    data, metadata = stack._repr_mimebundle_()
    lines = data["text/plain"].splitlines()
    assert lines[0].startswith("Map of the stack for 'a <dog>, barking', ")
    assert lines[-1].startswith("  sound: 10240 samples by vocoder, ")
    assert metadata["image/png"]["alt"] == data["text/plain"]
    borders = []
    for box in ("sound", "latent"):
        stack.selected = box
        pixels = np.asarray(Image.open(io.BytesIO(stack.still())).convert("RGB")).astype(int)
        borders.append([int(np.ptp(pixels[200, x])) for x in (9, 689)])  # left edges of the latent's and the sound's box
    assert borders[0][1] > 60 > borders[0][0]  # only the chosen box has a coloured frame
    assert borders[1][0] > 60 > borders[1][1]
    assert len(data["image/png"]) < 60_000


def test_the_course_names_still_work(trace):
    assert "10240 samples" in course.diagram(trace=trace).alt
    assert course.film(trace).alt.startswith("Log-mel of the guess")
    assert course.follow is follow
