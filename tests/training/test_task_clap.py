"""The CLAP task: deterministic batches, windows that are mostly sound, soft targets, frozen parts that stay."""

import math
import random

import numpy as np
import pytest
import torch

from ldm_lab.checkpoint.parts import save_part
from ldm_lab.config import MelConfig, preset
from ldm_lab.errors import CheckpointError, ConfigError, CorpusError
from ldm_lab.training.data import Sounds
from ldm_lab.training.loop import train
from ldm_lab.training.recipe import TrainConfig
from ldm_lab.training.synonyms import Synonyms
from ldm_lab.training.task_clap import ClapOptions, ClapTask, MelStore, agreement, augment
from ldm_lab.training.task_clap_text import ClapTextOptions, ClapTextTask

FLOOR = math.log(1e-5)


def sounds() -> Sounds:
    """Six short tones and noises with their captions."""
    rng = np.random.default_rng(0)
    parts = []
    for i, seconds in enumerate((0.2, 0.5, 1.0, 3.0, 0.05, 0.7)):
        t = np.arange(int(16000 * seconds)) / 16000
        wav = np.sin(2 * np.pi * 200 * (i + 1) * t) if i % 2 else rng.standard_normal(len(t))
        parts.append((8000 * wav / np.abs(wav).max()).astype(np.int16))
    captions = [("Noise",), ("A low tone", "A deep tone"), ("Noise",), ("A tone",), ("A click",), ("A high tone",)]
    return Sounds(np.concatenate(parts), np.concatenate([[0], np.cumsum([len(p) for p in parts])]),
                  [f"synth/{i}.ogg" for i in range(6)], captions, ["synth"] * 4 + ["bell_ui", "synth"])


def task(**options) -> ClapTask:
    chosen = ClapOptions(**{"seconds": 0.64, "text_tower": "", "valid_clips": 6,
                            "category_captions": ("synth: a synthetic sound | beeps",), **options})
    return ClapTask(preset("tiny"), TrainConfig(steps=4, batch=4, warmup=1, lr=1e-3), chosen, sounds=sounds(), valid=sounds())


def test_a_batch_is_a_function_of_its_step():
    one, two = task(), task()
    two.batch(0)  # another history
    a, b = one.batch(3), two.batch(3)
    torch.testing.assert_close(a["mel"], b["mel"], rtol=0, atol=0)
    torch.testing.assert_close(a["same"], b["same"])
    assert a["names"] == b["names"] and a["mel"].shape == (4, 64, 64)


def test_windows_hold_more_sound_than_silence():
    store = MelStore(sounds(), MelConfig())
    shares = []
    for clip in range(6):
        for key in range(20):
            mel = store.window(clip, 64, np.random.default_rng(key))
            assert mel.shape == (64, 64) and np.isfinite(mel).all()
            shares.append((mel.max(1) > FLOOR + 0.01).mean())
    assert np.mean(shares) > 0.5


def test_augment_keeps_shape_and_floor():
    mel = np.full((64, 64), -3.0, np.float32)
    for key in range(20):
        out = augment(mel.copy(), FLOOR, np.random.default_rng(key))
        assert out.shape == (64, 64) and out.min() >= FLOOR - 1e-4 and out.dtype == np.float32


def test_agreement_of_equal_near_and_strange_texts():
    angle = math.acos(0.95)
    features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [math.cos(angle), math.sin(angle)], [0.0, 1.0]])
    same = agreement(features, ["Rain", "rain.", "Rainfall", "a tone"], ["nature", "nature", "nature", "synth"],
                     [False, False, False, False], similar_from=0.9)
    assert same[0, 1] == same[1, 0] == 1.0  # equal but for case and full stop
    assert same[0, 2].item() == pytest.approx(0.25, abs=1e-4)  # half way from 0.9 to 1, times 0.5
    assert same[0, 3] == 0.0
    assert torch.equal(same.diagonal(), torch.ones(4))


def test_a_general_text_fits_all_sounds_of_its_category():
    same = agreement(torch.eye(3), ["a sound", "rain", "wind"], ["nature", "nature", "synth"], [True, False, False],
                     similar_from=0.9)
    assert same[1, 0] == 0.5 and same[2, 0] == 0.0 and same[0, 1] == 0.0


def test_training_moves_the_audio_side_and_leaves_the_text_tower(tmp_path):
    learner = task()
    tower = {k: v.clone() for k, v in learner.clap.text_tower.state_dict().items()}
    before = learner.clap.audio_projection.linear.weight.clone()
    state = train(learner, learner.train, tmp_path / "run", progress=False)
    assert state.step == 4
    assert not torch.equal(before, learner.clap.audio_projection.linear.weight)
    for name, value in learner.clap.text_tower.state_dict().items():
        assert torch.equal(value, tower[name]), name
    scores = learner.validate(tmp_path)
    assert 0 <= scores["text_to_audio_r1"] <= scores["text_to_audio_r10"] <= 1


def test_bad_options_say_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="category: caption"):
        task(category_captions=("no colon here",))
    with pytest.raises(CheckpointError, match=r"text_tower\.toml"):
        task(text_tower=str(tmp_path))


def text_task(folder, **options) -> ClapTextTask:
    """The text side on a saved tiny CLAP, without WordNet."""
    save_part(task().clap, folder, "clap")
    chosen = ClapTextOptions(**{"start": str(folder), "items": 48, "seconds": 0.64, "wordnet": "", "valid_clips": 6, **options})
    return ClapTextTask(preset("tiny"), TrainConfig(steps=30, batch=16, warmup=1, lr=3e-3, ema=0.5), chosen,
                        sounds=sounds(), valid=sounds())


def test_the_text_side_learns_alone(tmp_path):
    learner = text_task(tmp_path / "start")
    before = {k: v.clone() for k, v in learner.clap.state_dict().items()}
    first = sum(next(learner.losses(learner.batch(k), k))[2]["loss"] for k in range(4)) / 4
    train(learner, learner.train, tmp_path / "run", progress=False)
    last = sum(next(learner.losses(learner.batch(k), k))[2]["loss"] for k in range(4)) / 4
    moved = {k for k, v in learner.clap.state_dict().items() if not torch.equal(v, before[k])}
    assert last < first
    assert moved and all(name.startswith(("text_projection.", "logit_scale")) for name in moved)


def test_the_empty_prompt_is_held_in_place(tmp_path):
    kept = {}
    for hold in (0.0, 3.0):
        learner = text_task(tmp_path / f"start{hold}", hold_empty=hold)
        train(learner, learner.train, tmp_path / f"run{hold}", progress=False)
        with torch.no_grad():
            kept[hold] = (learner.clap.eval().encode_text([""]) * learner.empty).sum().item()
    assert kept[3.0] > kept[0.0] and kept[3.0] > 0.95


def test_text_batches_are_functions_of_their_step(tmp_path):
    learner = text_task(tmp_path / "start")
    one, two = learner.batch(7), learner.batch(7)
    for name in ("sound", "features", "same"):
        assert torch.equal(one[name], two[name])


def test_synonyms_swap_words_and_say_when_there_are_none(tmp_path):
    nouns = ("00000001 05 n 02 dog 0 hound 0 001 ~ 00000002 n 0000 | barks\n"
             "00000002 05 n 02 terrier 0 wire_terrier 0 001 @ 00000001 n 0000 | a small dog\n")
    (tmp_path / "data.noun").write_text(nouns, "latin-1")
    (tmp_path / "index.noun").write_text("dog n 1 1 ~ 1 0 00000001\n", "latin-1")
    (tmp_path / "data.verb").write_text("00000003 39 v 02 bark 0 woof 0 000 00 | speak\n", "latin-1")
    (tmp_path / "index.verb").write_text("bark v 1 0 1 0 00000003\n", "latin-1")
    synonyms = Synonyms(tmp_path, frozenset({"dog", "hound", "terrier", "bark", "woof"}))
    assert synonyms.of("dog") == synonyms.of("dogs") == ["hound", "terrier"]
    assert synonyms.of("barking") == ["woofing"]
    assert synonyms.swap("A dog barking", random.Random(0), share=1.0) in ("A hound woofing", "A terrier woofing")
    assert synonyms.swap("a cat", random.Random(0), share=1.0) is None
    with pytest.raises(CorpusError, match="wordnet-base"):
        Synonyms(tmp_path / "none", frozenset())
