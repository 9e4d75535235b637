"""Helpers of lesson 05."""

import pytest
import torch

from ldm_lab.course import load, synth
from ldm_lab.course.lessons import noise
from ldm_lab.widgets import TransferStrip


@pytest.fixture(scope="module")
def ldm():
    return load("lab")


def test_the_slider_holds_every_sound_and_what_clap_makes_of_it(ldm):
    clean = noise.LEVEL * noise.unit_power(synth.bell(440.0, 0.5))
    slider = noise.noise_slider(ldm, {"0 dB": clean, "-20 dB": 0.5 * synth.noise(0.5)}, clean, "a bell", title="Bell")
    assert isinstance(slider, TransferStrip)
    assert slider.labels == ["0 dB", "-20 dB"] and slider.title == "Bell"
    same, other = slider.similarity["to_source"]
    assert same == pytest.approx(1.0, abs=1e-4) and other < 0.9
    assert not slider.editable
    assert "0 dB" in slider.text() and slider.still()


def test_unit_power():
    assert noise.unit_power(synth.tone(300.0, 0.5)).square().mean() == pytest.approx(1.0, abs=1e-4)
    assert torch.isfinite(noise.unit_power(torch.zeros(10))).all()


def test_crossing_is_where_the_curve_gets_over_the_level_for_good():
    x = torch.tensor([-20.0, -10.0, 0.0, 10.0])
    assert noise.crossing(x, torch.tensor([0.0, 0.25, 0.75, 1.0])) == pytest.approx(-5.0)
    assert noise.crossing(x, torch.tensor([0.6, 0.25, 0.75, 1.0])) == pytest.approx(-5.0)
    assert noise.crossing(x, torch.ones(4)) != noise.crossing(x, torch.ones(4))  # never below: no such place


def test_only_one_patient_is_in_order():
    known = {name: (round(float(db[0]), 1), round(float(db[-1]), 1)) for name, db in noise.patients().items()}
    assert known["C"] == (28.2, -38.5)
    assert known["B"] == pytest.approx((56.5, -76.9), abs=0.11)
    assert len(noise.patients()["D"]) == 200


def test_the_mystery_is_recognised_when_clean(ldm):
    from ldm_lab.course import clip

    emb = ldm.clap.encode_audio(clip(noise.MYSTERY)[None])[0].detach()
    scores = {words: float(emb @ ldm.clap.encode_text([words])[0].detach()) for words in (noise.MYSTERY_WORDS, "a bell", "rain")}
    assert max(scores, key=scores.get) == noise.MYSTERY_WORDS
