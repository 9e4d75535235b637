"""Lesson 11: invented listeners are files like real ones, and the analysis finds back what was invented."""

from __future__ import annotations

import pytest

from ldm_lab.course import synth
from ldm_lab.course.lessons import evaluation, evaluation_bench
from ldm_lab.evaluation import listening
from ldm_lab.evaluation.listening.stimuli import REFERENCE


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("listening")
    notes = [synth.bell(220.0 * (i + 2), 0.5) for i in range(6)]
    stimuli = [listening.Stimulus(f"item-{i}", system, wav, "a bell") for i, wav in enumerate(notes) for system in (REFERENCE, "model")]
    listening.make_playlist(stimuli, folder / "test", kinds=("ovl", "rel"), seed=0)
    key = listening.read_key(folder / "test-key.json")
    return key, evaluation_bench.simulate(key, folder / "results"), folder / "results"


def test_sixteen_files_that_merge(played):
    key, kinds, folder = played
    results = listening.merge([folder], key.playlist)
    assert len(results) == len(kinds) == 16
    assert all(len(one.answers) == len(key.playlist.trials) for one in results)


def test_screening_keeps_the_honest_and_finds_the_constant_and_the_inverted(played):
    key, kinds, folder = played
    results = listening.merge([folder], key.playlist)
    report = listening.analyse(results, key)
    out = {kinds[name] for name in report["listeners"]["excluded"]}
    assert {"always 50", "upside down"} <= out and not any(kind.startswith("honest") for kind in out)
    found = {kinds[name] for name in evaluation.suspects.reference(evaluation_bench.ovl_panel(results, key))}
    assert {"always 50", "upside down"} <= found <= set(evaluation_bench.CHEATS)
    difference = report["ratings"]["ovl"]["systems"]
    assert 10 < difference[REFERENCE]["mean"]["value"] - difference["model"]["mean"]["value"] < 30  # invented: 20


def test_shipped_figures_have_intervals():
    for words, figure in evaluation_bench.shipped().items():
        assert figure["low"] <= figure["value"] <= figure["high"] and figure["n"] == 300, words
