"""Synthesis, rendering, speech, mixes: everything shipped that is not a recording can be made again from its row."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

from ldm_lab.corpus import mix, render, speak, synth
from ldm_lab.corpus.make import make_all, make_clip
from ldm_lab.corpus.pack import decode_ogg
from ldm_lab.errors import CorpusError


def _close(made: np.ndarray, shipped: np.ndarray) -> None:
    """The shipped sound is the made one after a lossy codec."""
    assert abs(len(made) - len(shipped)) <= 1
    count = min(len(made), len(shipped))
    a, b = made[:count], shipped[:count].astype(np.float64)
    assert a @ b / np.sqrt((a @ a) * (b @ b)) > 0.9


def _sample(corpus, makers, count: int):
    clips = [clip for clip in corpus.clips if clip.attributes.get("recipe", {}).get("maker") in makers]
    return random.Random(4).sample(clips, count)


def test_plans_are_what_is_shipped(corpus):
    planned = [clip.attributes["recipe"] for clip in (*synth.plan(), *speak.plan(), *render.plan())]
    shipped = [clip.attributes["recipe"] for clip in corpus.clips if clip.kind in ("rendered", "synthesised")]
    assert sorted(str(sorted(recipe.items())) for recipe in planned) == sorted(str(sorted(recipe.items())) for recipe in shipped)


def test_synthesis_is_deterministic_and_whole():
    drafts = {clip.attributes["recipe"]["maker"]: clip for clip in synth.plan()}
    assert set(drafts) == set(synth.MAKERS)
    for name, clip in drafts.items():
        first = synth.make(clip.attributes["recipe"])
        np.testing.assert_array_equal(first, synth.make(clip.attributes["recipe"]), err_msg=name)
        assert first.ndim == 1 and np.isfinite(first).all() and np.abs(first).max() > 0.01, name


def test_synthesised_clips_are_made_again(corpus):
    for clip in _sample(corpus, synth.MAKERS, 12):
        _close(make_clip(clip), corpus.read(clip))


@pytest.mark.parametrize(("maker", "recipe", "hertz"), [
    ("tone", {"shape": "sine", "freq": 1000, "seconds": 1.0}, 1000), ("knocks", {"rate": 4.0, "seconds": 2.0, "seed": 1}, None),
    ("beeps", {"freq": 880, "count": 3, "length": 0.2, "gap": 0.2}, 880),
])  # fmt: skip
def test_numbers_mean_what_they_say(maker, recipe, hertz):
    wav = synth.make({"maker": maker, **recipe})
    if hertz:
        spectrum = np.abs(np.fft.rfft(wav))
        assert np.argmax(spectrum) * 16000 / len(wav) == pytest.approx(hertz, rel=0.01)
    loud = np.convolve(np.abs(wav), np.ones(320) / 320, "same") > 0.1 * np.abs(wav).max()
    onsets = int(np.sum(np.diff(loud.astype(int)) == 1) + loud[0])
    assert onsets == {"tone": 1, "knocks": 8, "beeps": 3}[maker]


@pytest.mark.skipif(not render.SOUNDFONT.is_file(), reason="the soundfont is not installed")
def test_rendered_clips_are_made_again(corpus):
    pytest.importorskip("tinysoundfont")
    for clip in _sample(corpus, render.MAKERS, 8):
        _close(make_clip(clip), corpus.read(clip))


@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")
def test_spoken_clips_are_made_again(corpus):
    for clip in _sample(corpus, ["flite"], 3):
        _close(make_clip(clip), corpus.read(clip))


def test_missing_tools_are_named(monkeypatch, tmp_path):
    render._player.cache_clear()
    monkeypatch.setattr(render, "SOUNDFONT", tmp_path / "none.sf2")
    with pytest.raises(CorpusError, match="fluid-soundfont-gm"):
        make_clip(render.plan()[0])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(CorpusError, match="package flite"):
        make_clip(next(speak.plan()))


def test_unknown_maker(clip):
    with pytest.raises(CorpusError, match="did you mean 'tone'"):
        make_clip(clip.with_(attributes={"recipe": {"maker": "tome"}}))


def test_mixed_clips_are_made_again(corpus):
    for clip in _sample(corpus, ["mix"], 10):
        _close(make_clip(clip, lambda name: corpus.read(corpus.find(name))), corpus.read(clip))


def test_mix_order_and_overlay(tone):
    noise = np.random.default_rng(0).standard_normal(32000)
    sounds = {"a": tone, "b": noise}
    base = {"maker": "mix", "a": "a", "b": "b", "gap": 0.5, "gain_db": 0, "longest": 2.0}
    then = mix.make({**base, "order": "then"}, sounds.__getitem__)
    assert len(then) == 16000 + 8000 + 32000
    assert np.abs(then[16000:24000]).max() == 0
    over = mix.make({**base, "order": "while", "gap": 0, "gain_db": -20}, sounds.__getitem__)
    assert len(over) == 32000
    np.testing.assert_allclose(over[8000:24000] - 0.1 * noise[8000:24000] / np.abs(noise).max(), tone / np.abs(tone).max(), atol=1e-9)


def test_mix_captions_keep_the_order(corpus):
    for clip in corpus.clips:
        recipe = clip.attributes.get("recipe", {})
        if recipe.get("maker") == "mix":
            first, second = (corpus.find(recipe[key]).caption.lower() for key in "ab")
            caption = clip.caption.lower()
            assert caption.index(first) < caption.rindex(second)
            assert clip.attributes["order"] == recipe["order"]
            assert (", then " in caption) == (recipe["order"] == "then")


def test_make_all_gives_packed_bytes(corpus):
    clips = _sample(corpus, synth.MAKERS, 2)
    for clip, ogg, count in make_all(clips, workers=1):
        assert len(decode_ogg(ogg)) == count
        assert abs(count / 16000 - clip.seconds) <= 0.0005
