"""The shipped corpus, opened once, with a cache folder of the test run's own."""

from __future__ import annotations

import numpy as np
import pytest

from ldm_lab.corpus import Clip, Corpus, open_corpus
from ldm_lab.corpus.pack import encode_ogg, write_zips
from ldm_lab.corpus.table import table_text
from ldm_lab.files import sha256


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return open_corpus()


@pytest.fixture
def small(tmp_path, corpus):
    """A folder with three shipped clips: two recordings and a beep, and their table."""
    beep = next(clip for clip in corpus.clips if clip.attributes.get("recipe", {}).get("maker") == "beeps")
    animals = (clip for clip in corpus.clips if clip.kind == "recorded" and clip.category == "animal")
    real = sorted(animals, key=lambda clip: clip.seconds)[:2]
    clips = [*real, beep]
    folder = tmp_path / "corpus"
    write_zips({clip.file: corpus.ogg(clip) for clip in clips}, folder)
    (folder / "clips.csv").write_text(table_text(clips))
    return folder


@pytest.fixture(scope="session")
def tone() -> np.ndarray:
    """One second of 440 Hz."""
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)


@pytest.fixture
def clip(tone) -> Clip:
    """A row that has everything."""
    ogg = encode_ogg(tone, quality=0.3)
    return Clip(
        file="synth/a.ogg", category="synth", captions=("A tone", "A steady tone"), seconds=1.0, split="train", group="g",
        kind="synthesised", attributes={"recipe": {"maker": "tone", "shape": "sine", "freq": 440, "seconds": 1.0}}, licence="CC0-1.0",
        copyright="somebody", package="here", path_in_package="", start_s=0.0, caption_source="construction", transcript="",
        sha256=sha256(ogg),
    )  # fmt: skip
