"""Lesson 10: its masks are the library's, its figures are the experiment's, and its spoilt inpaintings are spoilt as named."""

from __future__ import annotations

import json

import pytest
import torch

from ldm_lab.audio.mel import mel_frequencies
from ldm_lab.config import LAB
from ldm_lab.corpus.table import corpus_folder
from ldm_lab.course import synth
from ldm_lab.course.lessons import editing as lesson
from ldm_lab.editing.masks import rectangle
from ldm_lab.system import AudioLDM

FIGURES = {"to the words": "clap_target", "to the source": "clap_source", "log-mel": "mel_source", "onsets": "onset_source"}


@pytest.mark.parametrize("box", [(0.113, 1.247, 205.0, 3100.0), (0.805, 1.595, 0.0, 8000.0), (2.003, 2.556, 6000.0, 8000.0)])
def test_cells_are_the_librarys(box):
    start, end, low, high = box
    theirs = rectangle(LAB, 40960, 256, start=start, end=end, low_hz=low, high_hz=high).latent(8)[0, 0]
    assert torch.equal(lesson.keep_cells(*box, mel_frequencies()), theirs)


def test_the_figures_are_those_of_the_experiment():
    path = corpus_folder().parent / "experiments" / "transfer.json"
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
    for label, key in FIGURES.items():
        measured = [figures[f"strength {strength:g}"][key]["value"] for strength in lesson.MEASURED["strength"]]
        assert lesson.MEASURED[label] == pytest.approx(measured, abs=6e-4)


def test_the_patients_are_three_different_sounds():
    ldm = AudioLDM.from_preset("tiny")
    made = lesson.patients(ldm, synth.bell(440, 2.56), steps=2)
    assert list(made) == list(lesson.KEY)
    assert all(wav.shape == (40960,) and torch.isfinite(wav).all() for wav in made.values())
    assert len({wav.numpy().tobytes() for wav in made.values()}) == 3
