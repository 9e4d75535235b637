"""What lessons are made of: profiles, real and synthetic sounds, pictures with words."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from ldm_lab import course
from ldm_lab.audio.mel import log_mel
from ldm_lab.corpus import open_corpus
from ldm_lab.course import plots, synth
from ldm_lab.errors import CorpusError, OptionError


@pytest.mark.parametrize(("named", "expected"), [("fast", 1), ("laptop", 2), ("gpu", 3)])
def test_profiles_pick(monkeypatch, named, expected):
    monkeypatch.setenv("COURSE_PROFILE", named)
    assert course.pick(fast=1, laptop=2, gpu=3) == expected
    assert course.pick(fast=1, laptop=2) == min(expected, 2)


def test_the_profile_follows_the_machine_or_is_refused(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    assert course.profile() == ("gpu" if torch.cuda.is_available() else "laptop")
    monkeypatch.setenv("COURSE_PROFILE", "laptp")
    with pytest.raises(OptionError, match="did you mean 'laptop'"):
        course.profile()


def test_the_fast_profile_samples_with_few_steps(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    quick = course.load("tiny").config.default_steps
    monkeypatch.setenv("COURSE_PROFILE", "laptop")
    assert quick < course.load("tiny").config.default_steps


def test_steps_are_a_range_with_a_bar_that_is_drawn_seldom(capsys):
    assert list(course.steps(3)) == [0, 1, 2]
    assert "3/3" in capsys.readouterr().out
    bar = course.steps(1000)
    for step in bar:
        bar.set_postfix(loss=f"{step:.3f}")
    said = capsys.readouterr().out
    assert "loss=" in said
    assert said.count("\r") < 20


def test_clips_are_real_reproducible_and_of_one_length():
    few = course.clips(4, category=("animal", "vehicle"), seconds=0.5, seed=1)
    assert few.wav.shape == (4, 8000)
    assert few.wav.dtype == torch.float32
    assert few.categories == ["animal", "vehicle"] * 2
    assert torch.equal(few.wav, course.clips(4, category=("animal", "vehicle"), seconds=0.5, seed=1).wav)
    assert few.files != course.clips(4, category=("animal", "vehicle"), seconds=0.5, seed=2).files
    assert len(set(few.files)) == 4
    corpus = open_corpus()
    for file, caption, wav in zip(few.files, few.captions, few.wav):
        found = corpus.find(file)
        assert found.split == "train"
        assert found.caption == caption
        whole = torch.from_numpy(corpus.read(found))
        assert torch.equal(wav[: len(whole)], whole[:8000])


def test_clips_that_are_not_there_are_refused():
    with pytest.raises(OptionError, match="did you mean 'animal'"):
        course.clips(1, category="animl")
    with pytest.raises(OptionError, match="there are .* such sounds"):
        course.clips(100_000, category="animal")


def test_one_clip_by_words_or_by_file():
    dog = course.clip("dog", seconds=1.0)
    assert dog.shape == (16000,)
    assert dog.abs().max() > 0.01
    by_name = course.clips(1, category="animal", seconds=1.0)
    assert torch.equal(course.clip(by_name.files[0], seconds=1.0), by_name.wav[0])
    with pytest.raises(CorpusError, match="near: "):
        course.clip("a dog barkinng")


@pytest.mark.parametrize("wav", [synth.tone(440, 0.5), synth.chirp(100, 4000, 0.5), synth.chirp(300, 300, 0.5), synth.click(0.5),
                                 synth.noise(0.5), synth.bell(440, 0.5)], ids=["tone", "chirp", "flat chirp", "click", "noise", "bell"])
def test_synthetic_sounds_are_sounds(wav):
    assert wav.shape == (8000,)
    assert wav.dtype == torch.float32
    assert 0 < wav.abs().max() <= 1


def test_synthetic_sounds_are_what_they_say():
    spectrum = torch.fft.rfft(synth.tone(440, 1.0)).abs()
    assert int(spectrum.argmax()) == 440
    mel = log_mel(synth.chirp(200, 4000, 1.0)[None])[0]
    assert mel[10].argmax() < mel[50].argmax() < mel[90].argmax()
    assert int(synth.click(1.0, at=0.25).argmax()) == 4000
    assert torch.equal(synth.noise(0.1, seed=3), synth.noise(0.1, seed=3))
    assert not torch.equal(synth.noise(0.1, seed=3), synth.noise(0.1, seed=4))
    start, end = synth.bell(440, 1.0).split(8000)
    assert start.square().mean() > 4 * end.square().mean()


def some_pictures():
    mel = torch.randn(64, 64)
    yield course.mels({"one": mel, "two": mel}), "one, two"
    yield course.mels({"one": mel}, alt="A picture of noise."), "A picture of noise."
    yield course.lines({"a": (range(3), torch.ones(3))}, logy=True, alt="A flat line at one."), "A flat line"
    yield course.heat(np.eye(3), rows="abc", columns="abc", alt="Ones on the diagonal."), "diagonal"
    yield course.bars({"a": 1.0, "b": torch.tensor(2.0)}, alt="Bar b is higher."), "higher"
    yield course.points({"cloud": torch.randn(20, 2)}, alt="A round cloud of points."), "cloud"


def test_pictures_carry_words_and_are_small():
    for picture, words in some_pictures():
        data, metadata = picture._repr_mimebundle_()
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
        assert words in data["text/plain"]
        assert metadata["image/png"]["alt"] == data["text/plain"] == repr(picture)
        assert len(data["image/png"]) < 80_000


def test_long_labels_of_bars_are_turned(monkeypatch):
    angles = []
    monkeypatch.setattr(plots, "show", lambda figure, alt: angles.append(
        {label.get_rotation() for label in figure.axes[0].get_xticklabels()}))
    course.bars({"a": 1.0, "b": 2.0, "c": 3.0}, alt="Three bars.")
    course.bars({f"a rather long name of bar {i}": 1.0 for i in range(8)}, alt="Eight bars.")
    assert angles == [{0.0}, {25.0}]


@pytest.mark.parametrize(("values", "expected"), [
    ([16, 32, 64, 128], ["16", "32", "64", "128"]),  # few: the points themselves
    ([0.05, 0.7], ["0.05", "0.7"]),
    (range(1, 1001), ["1", "10", "100", "1000"]),  # many: the powers of ten
    (np.linspace(0.62, 0.86, 50), ["0.7", "0.8"]),  # less than a power of ten
])
def test_logarithmic_axes_are_labelled_with_plain_numbers(values, expected):
    from ldm_lab.course.plots import plain_numbers, sheet

    figure, axes = sheet()
    axes[0, 0].plot(values, values)
    axes[0, 0].set(xscale="log")
    plain_numbers(axes[0, 0].xaxis, values)
    figure.canvas.draw()
    labels = [tick.get_text() for which in ("major", "minor") for tick in axes[0, 0].get_xticklabels(which=which)]
    assert set(expected) <= set(labels)
    assert not any("$" in label or "\\" in label for label in labels)


def test_a_picture_without_words_is_refused():
    from ldm_lab.course.plots import sheet

    with pytest.raises(OptionError, match="expected a sentence"):
        course.show(sheet()[0], "plot")
    with pytest.raises(OptionError, match=r"take mel\[0\]"):
        course.mels({"batch": torch.zeros(1, 10, 64)})


def test_tables_align_and_escape():
    table = course.table([{"name": "<a>", "value": 0.123456}, {"name": "b", "value": torch.tensor(3), "more": 1234567}])
    data = table._repr_mimebundle_()
    assert "&lt;a&gt;" in data["text/html"]
    assert '<th scope="col">more</th>' in data["text/html"]
    assert data["text/plain"].splitlines() == ["name  value   more", "<a>   0.1235", "b     3       1,234,567"]
