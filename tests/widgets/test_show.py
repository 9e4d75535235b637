"""How results look in a notebook, the measured transcript."""

import numpy as np
import pytest

import ldm_lab.widgets  # sets how a Result is shown
from ldm_lab.widgets import SpectrogramPlayer, describe

RATE = 16000


@pytest.fixture
def result(tiny):
    return tiny.generate(["rain", "a bell"], seconds=0.64, steps=2, seed=[3, 4], progress=False)


def test_a_result_is_shown_by_a_player(result):
    data, metadata = result[0]._repr_mimebundle_()
    assert data["text/plain"].startswith("rain | 0.64 s | Generated (seed 3, 2 steps, guidance 3; CLAP score")
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "rain" in metadata["image/png"]["alt"]
    assert "text/html" not in data  # a data: URL would be played twice, and not at all in an untrusted notebook


def test_several_results_are_shown_by_several_players(result):
    data, _ = result._repr_mimebundle_()
    lines = data["text/plain"].splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["rain", "a bell"]


def test_empty_prompt_has_a_name(tiny):
    data, _ = tiny.generate("", seconds=0.64, steps=1, progress=False)._repr_mimebundle_()
    assert data["text/plain"].startswith("(no prompt) |")


def tone(hz: float, seconds: float = 1.0, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def test_transcript_of_a_tone_and_of_silence():
    assert describe(np.zeros(RATE, np.float32)) == "1.00 s of silence."
    words = describe(tone(1000))
    assert "one steady sound" in words
    assert abs(int(words.split("a tone near ")[1].split()[0]) - 1000) < 40


def test_transcript_counts_separate_sounds():
    wav = np.zeros(2 * RATE, np.float32)
    for start in (0.2, 0.9, 1.5):
        wav[int(start * RATE) :][:3200] = tone(700, 0.2)
    assert "3 separate sounds, at 0.2, 0.9 and 1.5 s" in describe(wav)
    one = np.zeros(2 * RATE, np.float32)
    one[RATE : RATE + 1600] = tone(700, 0.1)
    assert "one short sound at 1.0 s" in describe(one)


def test_transcript_tells_course_level_and_width():
    fade = np.exp(-4 * np.arange(RATE) / RATE).astype(np.float32)
    assert "dies away" in describe(tone(500) * fade)
    assert "swells" in describe(tone(500) * fade[::-1])
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert "loud" in describe(noise * 0.3)
    assert "soft" in describe(noise * 0.003)
    low, high = (int(word) for word in describe(noise * 0.1).split("from ")[1].removesuffix(" Hz.").split(" to "))
    assert low < 1500
    assert high > 6000


def test_names_are_found_on_demand():
    assert ldm_lab.widgets.SpectrogramPlayer is SpectrogramPlayer
    with pytest.raises(AttributeError, match="nothing"):
        getattr(ldm_lab.widgets, "nothing")  # noqa: B009
