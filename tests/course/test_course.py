"""The diagram, the trace and the checks that lessons use."""

import xml.etree.ElementTree as ElementTree

import pytest
import torch

from ldm_lab import course
from ldm_lab.course.lessons import hear_it
from ldm_lab.errors import OptionError
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM
from ldm_lab.widgets import signed
from ldm_lab.widgets.stack import pictures

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def sound(tiny):
    return course.follow(tiny, "a <dog> & a cat", seed=3, steps=4, seconds=0.64)


def words(figure) -> list[str]:
    return [node.text for node in ElementTree.fromstring(figure.svg).iter(f"{SVG}text")]


# --- trace ---


def test_the_trace_is_the_sound_that_generate_makes(tiny, sound):
    same = tiny.generate("a <dog> & a cat", seed=3, steps=4, seconds=0.64, progress=False)
    assert torch.equal(sound.wav, same.audio[0])
    assert torch.equal(sound.mel, same.mel[0])
    assert torch.equal(sound.emb, tiny.clap.encode_text(["a <dog> & a cat"])[0])


def test_the_noise_is_unit_noise_and_the_last_guess_the_latent(sound):
    assert sound.noise.shape == sound.z.shape
    assert float(sound.noise.std()) == pytest.approx(1.0, abs=0.15)
    assert torch.allclose(sound.guesses[-1], sound.z, atol=1e-3 * float(sound.z.abs().max()))
    assert torch.allclose(sound.mel_at(4), sound.mel, atol=0.05)
    assert sound.wav_at(1).shape == sound.wav.shape
    assert not torch.allclose(sound.wav_at(1), sound.wav)


def test_steps_are_picked_from_first_to_last(sound):
    assert sound.pick(4) == [1, 2, 4]
    assert sound.pick(1) == [4]
    assert sound.pick(99)[0] == 1
    with pytest.raises(IndexError, match="1 to 4"):
        sound.mel_at(0)


def test_rows_give_shapes_and_times(sound):
    rows = {row["stage"]: row for row in sound.rows()}
    assert rows["mel"]["shape"] == "64 frames x 64 bands"
    assert rows["sound"]["shape"] == "10240 samples"
    assert rows["latent"]["time"].split()[1] in ("ms", "s")


# --- diagram ---


def test_diagram_is_svg_with_alternative_text():
    figure = course.diagram()
    root = ElementTree.fromstring(figure.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == figure.alt
    assert "vocoder" in figure.alt
    data, metadata = figure._repr_mimebundle_()
    assert data["text/plain"] == figure.alt == metadata["image/svg+xml"]["alt"]
    assert course.diagram().svg == figure.svg


@pytest.mark.parametrize(("name", "title"), [("vocoder", "vocoder"), ("sampler", "UNet + sampler"), ("z", "latent")])
def test_one_box_is_lit(name, title):
    figure = course.diagram(lit=name)
    assert figure.alt.endswith(f"Marked: {title}.")
    assert figure.svg.count("stroke-width:5") == 1
    assert course.diagram().svg.count("stroke-width:5") == 0
    assert course.diagram(lit=("clap", "noise")).svg.count("stroke-width:5") == 2


def test_an_unknown_box_is_refused():
    with pytest.raises(OptionError, match="did you mean 'vocoder'"):
        course.diagram(lit="vocodr")


def test_the_map_shows_pictures_shapes_and_times(sound):
    figure = course.diagram(trace=sound)
    shown = words(figure)
    assert "64 frames x 64 bands" in shown
    assert "10240 samples" in shown
    assert "a <dog> & a cat" in shown
    assert any(text.startswith("4 steps, ") for text in shown)
    images = list(ElementTree.fromstring(figure.svg).iter(f"{SVG}image"))
    assert len(images) == 4 + len(sound.pick(4))
    assert len(figure.svg) < 120_000


def test_the_film_names_its_steps(sound):
    assert words(course.film(sound)) == [f"after step {step} of 4" for step in sound.pick(6)]


def test_pictures_colour_by_sign_and_size():
    rgb = signed.signed(torch.tensor([[-1.0, 0.0, 1.0]]).numpy())
    assert rgb[0, 0].tolist() == signed.BLUE.tolist()
    assert rgb[0, 1].tolist() == signed.WHITE.tolist()
    assert rgb[0, 2].tolist() == signed.RED.tolist()
    assert signed.signed(torch.zeros(2, 2).numpy()).tolist() == [[signed.WHITE.tolist()] * 2] * 2
    assert pictures.waveform(torch.zeros(10), width=10, height=10).startswith("M")
    assert pictures.embedding(torch.randn(33)).startswith(b"\x89PNG")


# --- exercise ---


@pytest.fixture(scope="module")
def lively() -> AudioLDM:
    """A tiny model whose UNet listens to the prompt: in an untrained one every residual branch gives zero."""
    ldm = AudioLDM.from_preset("tiny")
    for i, weight in enumerate(ldm.unet.parameters()):
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1, generator=Rng(0).at("weight", i))
    return ldm


def test_broken_boxes_give_three_other_sounds(lively):
    sound = course.follow(lively, "a dog barking", seed=3, steps=4, seconds=0.64)
    patients = hear_it.broken(sound)
    assert list(patients) == list(hear_it.KEY)
    for wav in patients.values():
        assert wav.shape == sound.wav.shape
        assert float(wav.abs().max()) <= 1
        assert not torch.equal(wav, sound.wav)
    again = hear_it.broken(sound)
    assert all(torch.equal(patients[name], again[name]) for name in patients)


@pytest.mark.parametrize("question", list(hear_it.KEY))
@pytest.mark.parametrize("choice", hear_it.PARTS)
def test_every_wrong_choice_fails_with_a_reason(question, choice):
    card = hear_it.diagnosis.check({**hear_it.KEY, question: choice})
    assert card.passed == (choice == hear_it.KEY[question])
    if not card.passed:
        assert hear_it.FEEDBACK[question, choice] in repr(card)


def test_an_unknown_word_and_an_open_question_are_named():
    card = hear_it.diagnosis.check({"A": "decodr", "B": "vocoder"})
    assert card.state == "wrong"
    assert "'decodr' is not one of" in repr(card)
    assert "C: still open" in repr(card)


def test_the_model_of_a_lesson_can_be_named_from_outside(monkeypatch):
    monkeypatch.setenv("LDM_LAB_MODEL", "tiny")
    assert course.load("lab").name == "tiny"
