"""Lesson 12: the rubric gives points for what is there and for nothing else, the board puts checked work first."""

from __future__ import annotations

import pytest
import torch

from ldm_lab.course import synth
from ldm_lab.course.lessons import capstone, scale, scale_bench
from ldm_lab.errors import OptionError
from ldm_lab.files import read_json, write_json

PROMPTS = ["a tone", "a chirp", "a bell", "noise"]
FIGURES = {"a": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 4}, "b": {"value": 0.3, "low": 0.1, "high": 0.5, "n": 4}}


def sounds():
    made = [synth.tone(440, 0.5), synth.chirp(100, 4000, 0.5), synth.bell(440, 0.5), synth.noise(0.5, seed=0)]
    return {"a": made, "b": [0.5 * wav for wav in made]}


@pytest.fixture
def folder(tmp_path):
    marks = capstone.stack(sounds())
    return capstone.hand_in(tmp_path / "class" / "me", name="me", question="a or b?", metric="CLAP score", variants=FIGURES,
                            first=marks, second=marks, sounds=sounds(), prompts=PROMPTS, card=scale.GOOD_CARD)


def points(folder) -> list[int]:
    return [line.got for line in capstone.score(folder).lines]


def test_a_whole_hand_in_has_all_points(folder):
    score = capstone.score(folder)
    assert score.complete and score.total == capstone.FULL == sum(line.of for line in score.lines)
    assert "12 of 12" in repr(score) and "<table" in score._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(("change", "expected"), [
    ({"second": ["x"] * 8}, [0, 4, 2, 3]),
    ({"first": [], "second": []}, [0, 4, 2, 3]),
    ({"variants": {"a": FIGURES["a"]}}, [3, 0, 2, 3]),
    ({"variants": {"a": {"value": 0.9}, "b": FIGURES["b"]}}, [3, 1, 2, 3]),
    ({"variants": {"a": {"value": 0.7, "low": 0.1, "high": 0.6, "n": 4}, "b": FIGURES["b"]}}, [3, 1, 2, 3]),
    ({"variants": {name: {**figure, "n": 2} for name, figure in FIGURES.items()}}, [3, 2, 2, 3]),
])
def test_what_is_missing_in_run_json_costs_its_points(folder, change, expected):
    write_json(folder / "run.json", read_json(folder / "run.json") | change)
    assert points(folder) == expected


def test_a_changed_sound_an_empty_card_and_no_file_at_all(folder, tmp_path):
    (folder / "card.md").write_text("# nothing\n", encoding="utf-8")
    next((folder / "listening" / "sounds").glob("*.wav")).write_bytes(b"other")
    assert points(folder) == [3, 4, 0, 0]
    assert points(tmp_path / "nothing") == [0, 0, 0, 0]
    (folder / "run.json").write_text("no json", encoding="utf-8")
    assert points(folder)[:2] == [0, 0]


def test_a_folder_in_use_is_not_overwritten(folder):
    with pytest.raises(OptionError, match="already"):
        capstone.hand_in(folder, name="me", question="", metric="", variants={}, first=[], second=[], sounds={}, prompts=[], card="")


def test_the_board_puts_points_before_values(folder):
    other = folder.parent / "boaster"
    capstone.hand_in(other, name="<b>boaster</b>", question="a or b?", metric="CLAP score", variants={"a": {"value": 9.0}, "b": {"value": 1.0}},
                     first=[], second=[], sounds=sounds(), prompts=PROMPTS, card="")
    board = capstone.leaderboard(folder.parent)
    assert [entry["name"] for entry in board.entries] == ["me", "<b>boaster</b>"]
    assert "<b>" not in board._repr_mimebundle_()["text/html"]
    assert [len(wav) for wav in board.sounds().values()] == [8000, 8000]
    with pytest.raises(OptionError, match=r"no \*/run.json"):
        capstone.leaderboard(other)


def test_the_blueprint_counts_the_published_weights():
    assert sum(p.numel() for p in scale_bench.blueprint(scale_bench.published(128)).parameters()) == 185_036_552


def test_licences_and_attribution():
    seconds = scale_bench.licence_seconds()
    assert all(" AND " not in name for name in seconds) and max(seconds, key=seconds.get) == next(iter(seconds))
    clip = scale_bench.corpus().clips[0]
    assert clip.licence in scale_bench.attribution(clip) and clip.copyright in scale_bench.attribution(clip)


def test_white_sounds_keep_phases_only():
    wav = synth.noise(1.0, seed=0)
    assert torch.allclose(scale_bench.white(wav), scale_bench.white(3.0 * wav), atol=0.02)
    assert torch.equal(scale_bench.secret(100, 5), scale_bench.secret(100, 5))
    assert not torch.equal(scale_bench.secret(100, 5), scale_bench.secret(100, 6))
