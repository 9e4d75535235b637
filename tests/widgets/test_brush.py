"""The inpainting brush from Python: boxes become holes, fills can be taken back, mistakes are said in words."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from ldm_lab.audio.io import load, save
from ldm_lab.editing import inpaint
from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.rng import Rng
from ldm_lab.widgets import InpaintBrush
from ldm_lab.widgets.brush import hole_of, made_anew

RATE = 16000
SAMPLES = 12000  # 0.75 s, neither a whole number of frames nor of latent cells


@pytest.fixture(scope="module")
def wav() -> torch.Tensor:
    return 0.2 * Rng(0).randn((SAMPLES,), "sound").clamp(-3, 3)


@pytest.fixture
def brush(tiny, wav) -> InpaintBrush:
    return InpaintBrush(tiny, wav, "a bell", steps=1)


def heard(brush, version: int) -> np.ndarray:
    return np.frombuffer(brush.versions[version]["pcm"], "<i2") / 32768


def test_a_fill_is_what_inpaint_makes(brush, tiny, wav):
    brush.box, brush.seed = [0.2, 0.4, 0.0, 8000.0], 3
    result = brush.fill()
    expected = inpaint(tiny, wav, "a bell", start=0.2, end=0.4, seed=3, steps=1, progress=False)
    assert torch.equal(result.audio, expected.audio)
    assert torch.equal(brush.wav, expected.audio[0])
    assert brush.result is result
    assert brush.history == [{"prompt": "a bell", "box": [0.2, 0.4, 0.0, 8000.0], "seed": 3, "options": {"steps": 1}}]
    assert brush.status.startswith("Filled 0.20 to 0.40 s, 0 to 8000 Hz in")
    assert (brush.wrong, brush.progress) == (False, -1.0)


def test_versions_are_before_after_and_a_difference_that_is_silent_outside(brush, wav):
    brush.box = [0.2, 0.4, 0.0, 8000.0]
    brush.fill()
    assert [v["label"] for v in brush.versions] == ["before", "after", "difference"]
    assert brush.active == 1
    before, after, difference = (heard(brush, i) for i in range(3))
    assert np.abs(before - wav.numpy()).max() < 1e-4
    assert np.abs(after - before - difference).max() < 1e-4
    outside = np.r_[difference[: round(0.2 * RATE)], difference[round(0.4 * RATE) :]]
    assert np.abs(outside).max() == 0
    assert np.abs(difference).max() > 0.01
    assert brush.box == [0.2, 0.4, 0.0, 8000.0]


def test_a_hole_in_frequency_changes_nothing_elsewhere(brush, wav):
    brush.box = [0.3, 0.5, 1000.0, 3000.0]
    brush.fill()
    difference = heard(brush, 2)
    assert np.abs(difference[: round(0.23 * RATE)]).max() == 0
    power = np.abs(np.fft.rfft(difference)) ** 2
    band = slice(round(900 * SAMPLES / RATE), round(3100 * SAMPLES / RATE))
    assert power[band].sum() > 0.99 * power.sum()


def test_undo_redo_and_start_over_have_no_limit(brush, wav):
    states = [brush.wav]
    for seed, box in enumerate(([0.1, 0.2, 0, 8000], [0.3, 0.4, 0, 8000], [0.1, 0.4, 500, 2000])):
        brush.seed, brush.box = seed, box
        assert brush.fill() is not None
        states.append(brush.wav)
    for state in (states[2], states[1], states[0]):
        assert brush.undo()
        assert torch.equal(brush.wav, state)
    assert not brush.undo()
    assert (brush.status, brush.wrong, brush.result) == ("There is nothing to undo.", False, None)
    assert [v["label"] for v in brush.versions] == ["sound"]
    assert [one["seed"] for one in brush.undone] == [2, 1, 0]
    for state in states[1:]:
        assert brush.redo()
        assert torch.equal(brush.wav, state)
    assert not brush.redo()
    assert np.abs(heard(brush, 0) - states[2].numpy()).max() < 1e-4  # before = before the last fill
    brush.start_over()
    assert torch.equal(brush.wav, wav)
    assert [one["seed"] for one in brush.undone] == [2, 1, 0]
    brush.redo()
    brush.seed = 9
    brush.fill()
    assert (len(brush.history), brush.undone) == (2, [])


def test_without_a_prompt_what_is_around_goes_on(brush, tiny, wav):
    brush.box, brush.prompt = [0.2, 0.4, 0, 8000], "  "
    brush.fill()
    assert torch.equal(brush.wav, inpaint(tiny, wav, None, start=0.2, end=0.4, steps=1, progress=False).audio[0])


def test_options_go_to_inpaint_and_progress_comes_back(brush, tiny, wav):
    seen = []
    brush.observe(lambda change: seen.append(change["new"]), "progress")
    brush.box, brush.options = [0.2, 0.4, 0, 8000], {"steps": 2, "jumps": 2, "paste": False, "candidates": 2}
    brush.fill()
    expected = inpaint(tiny, wav, "a bell", start=0.2, end=0.4, steps=2, jumps=2, paste=False, candidates=2, progress=False)
    assert torch.equal(brush.wav, expected.audio[0])
    assert seen == [0.0, 0.25, 0.5, 0.75, 1.0, -1.0]


def test_sides_that_touch_the_ends_are_open(tiny):
    config = tiny.config
    assert hole_of([0.2, 0.4, 0, 8000], SAMPLES, config) == {"start": 0.2, "end": 0.4}
    assert hole_of([0, 0.751, 100, 2000], SAMPLES, config) == {"low_hz": 100, "high_hz": 2000}
    assert hole_of([0.004, 0.4, 10, 7990], SAMPLES, config) == {"end": 0.4}
    assert hole_of([0.5, 0.75, 3000, 8000], SAMPLES, config) == {"start": 0.5, "low_hz": 3000}


@pytest.mark.parametrize(("box", "words"), [
    ([], "there is no box yet"),
    ([0, 0.75, 0, 8000], "whole sound"),
    ([0.2, 0.22, 0, 8000], "0.020 s long, expected at least 0.04 s"),
    ([0.2, 0.4, 1000, 1020], "20 Hz high, expected at least 31.2 Hz"),
    ([0.8, 0.9, 0, 8000], "the sound ends at 0.75 s"),
])
def test_boxes_that_cannot_be_filled(brush, box, words):
    brush.box = box
    assert brush.fill() is None
    assert words in brush.status
    assert brush.wrong
    assert brush.history == []
    brush.box = [0.2, 0.4, 0, 8000]
    assert brush.fill() is not None  # it stays usable
    assert not brush.wrong


@pytest.mark.parametrize(("traits", "words"), [
    ({"seed": -1}, "seed: got -1"),
    ({"seed": 1.5}, "seed: got 1.5"),
    ({"options": {"steps": 0}}, "steps: got 0"),
    ({"options": {"guidance": "much"}}, "guidance: got 'much'"),
    ({"options": {"jumps": 1000}}, "jumps: got 1000"),
])
def test_bad_values_are_said_in_the_status_line(brush, traits, words):
    brush.box = [0.2, 0.4, 0, 8000]
    for name, value in traits.items():
        setattr(brush, name, value)
    assert brush.fill() is None
    assert words in brush.status
    assert (brush.wrong, brush.progress) == (True, -1.0)


def test_bad_input_is_refused_at_once(tiny, wav):
    with pytest.raises(AudioInputError, match="got 2 sounds, expected one"):
        InpaintBrush(tiny, torch.stack([wav, wav]))
    with pytest.raises(OptionError, match="unknown option 'stepps'"):
        InpaintBrush(tiny, wav, stepps=3)
    with pytest.raises(OptionError, match="callback: the widget sets it itself"):
        InpaintBrush(tiny, wav, callback=print)


def test_what_is_made_anew_are_whole_latent_cells_around_the_box(brush, tiny, wav):
    ratio = tiny.config.autoencoder.ratio
    cell = ratio * 160 / RATE
    brush.box = [0.2, 0.4, 1000.0, 3000.0]
    start, end, low, high = brush.anew
    assert start <= 0.2 and end >= 0.4 and low <= 1000 and high >= 3000
    assert start / cell == pytest.approx(round(start / cell), abs=1e-6)
    assert end - start <= 0.2 + 2 * cell
    assert "cells of its latent grid" in brush.note
    assert "only what lies inside your box" in brush.note
    brush.options = {"paste": False}
    assert "all of the sound is the decoder's" in brush.note
    whole, _ = made_anew([0.2, 0.4, 0, 8000], SAMPLES, tiny.config)
    assert whole[2:] == [0, 8000]
    assert "reaches into every cell" in made_anew([0.01, 0.749, 0, 7000], SAMPLES, tiny.config)[1]
    brush.box = [0.2, 0.21, 0, 8000]
    assert brush.anew == []
    assert "make it longer" in brush.note
    brush.box = []
    assert (brush.anew, brush.note) == ([], "")


def test_every_latent_cell_that_inpaint_makes_is_in_the_outline(tiny, wav):
    """The outline against the mask itself: no cell of the hole lies outside, none inside is kept."""
    from ldm_lab.editing.masks import rectangle
    from ldm_lab.shapes import samples_to_frames

    box = [0.2, 0.4, 1000.0, 3000.0]
    start, end, _, _ = made_anew(box, SAMPLES, tiny.config)[0]
    ratio = tiny.config.autoencoder.ratio
    mask = rectangle(tiny.config, SAMPLES, samples_to_frames(SAMPLES, tiny.config), start=0.2, end=0.4, low_hz=1000, high_hz=3000)
    rows = (mask.latent(ratio)[0, 0] == 0).any(1).nonzero()[:, 0] * ratio * 160 / RATE
    assert (start, end) == pytest.approx((float(rows.min()), float(rows.max()) + ratio * 160 / RATE))


def test_a_result_and_a_file_are_sounds_too(tiny, wav, tmp_path):
    result = tiny.generate("rain", seconds=0.4, steps=1, progress=False)
    brush = InpaintBrush(tiny, result)
    assert torch.equal(brush.wav, result.audio[0])
    assert brush.title == "rain"
    path = save(tmp_path / "noise.wav", wav)
    assert InpaintBrush(tiny, path).title == "noise.wav"
    assert InpaintBrush(tiny, wav.numpy()).title == "sound of 0.75 s"


def test_saving_tells_what_was_filled(brush, tmp_path):
    import soundfile

    brush.box = [0.2, 0.4, 0, 8000]
    brush.fill()
    path = brush.save(tmp_path / "filled.wav")
    assert torch.allclose(load(path)[0], brush.wav, atol=1e-4)
    with soundfile.SoundFile(path) as file:
        told = json.loads(file.comment)
    assert told["fills"][0]["prompt"] == "a bell"
    with pytest.raises(AudioInputError, match="cannot write"):
        brush.save(tmp_path / "filled.txt")


def test_without_a_front_end_the_fills_are_told_and_drawn(brush):
    before = brush.still()
    assert brush.text().startswith("Inpainting brush: sound of 0.75 s | 0.75 s | no fills")
    brush.box = [0.2, 0.4, 0, 8000]
    brush.fill()
    data, metadata = brush._repr_mimebundle_()
    assert '1. 0.20 to 0.40 s, 0 to 8000 Hz filled with "a bell" (seed 0)' in data["text/plain"]
    assert "difference: What the fill changed" in metadata["image/png"]["alt"]
    sheet = np.asarray(Image.open(io.BytesIO(brush.still())).convert("RGB")).astype(int)
    assert brush.still() != before
    edge = sheet[-90:-60, 46 + round(0.2 / 0.75 * 480)]  # left side of the box, in the lowest picture: the difference
    assert edge.min() > 240
    assert len(data["image/png"]) < 80_000
