"""The shipped corpus keeps its contract."""

from __future__ import annotations

import json
import random
import zipfile
from collections import defaultdict

import numpy as np

from ldm_lab.corpus import CATEGORIES, SPLITS, open_corpus, stats
from ldm_lab.corpus.attribution import LICENCES, accepted, attribution, licence_text
from ldm_lab.corpus.datasheet import datasheet
from ldm_lab.corpus.packages import read_sources
from ldm_lab.corpus.splits import STRICT, near_duplicates
from ldm_lab.corpus.statistics import silent_frames
from ldm_lab.corpus.table import check_clip


def test_every_row_is_complete(corpus):
    for clip in corpus.clips:
        check_clip(clip)
        assert clip.file.startswith(clip.category + "/")
        assert accepted(clip.licence), clip
        assert 0.1 <= clip.seconds <= 10.001, clip
        assert len(clip.sha256) == 64
        assert (clip.path_in_package != "") == (clip.kind == "recorded")
        assert all(caption == caption.strip() and (caption[0].isupper() or caption[0].isdigit()) for caption in clip.captions), clip
        assert len(set(clip.captions)) == len(clip.captions)
    assert len({clip.file for clip in corpus.clips}) == len(corpus.clips)


def test_size(corpus):
    assert sum(clip.seconds for clip in corpus.clips) >= 3 * 3600
    assert {clip.category for clip in corpus.clips} == set(CATEGORIES)
    assert sum(path.stat().st_size for path in corpus.folder.glob("*.zip")) <= 50e6


def test_zips_hold_exactly_the_clips(corpus):
    for category in CATEGORIES:
        with zipfile.ZipFile(corpus.folder / f"{category}.zip") as archive:
            assert set(archive.namelist()) == {clip.file.split("/")[1] for clip in corpus.clips if clip.category == category}


def test_sampled_clips_are_the_ones_hashed(corpus):
    for clip in random.Random(1).sample(corpus.clips, 120):
        corpus.ogg(clip, check=True)
        wav = corpus.read(clip)
        assert abs(len(wav) / 16000 - clip.seconds) < 0.002, clip
        assert np.isfinite(wav).all()
        assert 0.2 < np.abs(wav).max() <= 1, clip


def test_groups_stay_on_one_side(corpus):
    splits = defaultdict(set)
    for clip in corpus.clips:
        splits[clip.group].add(clip.split)
    assert all(len(found) == 1 for found in splits.values())


def test_files_of_a_recording_stay_together(corpus):
    splits = defaultdict(set)
    for clip in corpus.clips:
        if clip.kind == "recorded":
            splits[clip.package, clip.path_in_package].add(clip.split)
    assert all(len(found) == 1 for found in splits.values())


def test_mixes_take_both_sounds_from_their_split(corpus):
    for clip in corpus.clips:
        if clip.kind == "mixed":
            sources = [corpus.find(clip.attributes["recipe"][key]) for key in "ab"]
            assert {source.split for source in sources} == {clip.split}
            assert set(clip.licence.split(" AND ")) == {part for source in sources for part in source.licence.split(" AND ")}


def test_every_category_is_in_every_split_with_recordings(corpus):
    for category in CATEGORIES:
        for split in SPLITS:
            recorded = [clip for clip in corpus.split(split, kinds="recorded") if clip.category == category]
            assert len(recorded) >= 4, (category, split)
            assert len({clip.group for clip in recorded}) >= 2, (category, split)


def test_test_share(corpus):
    shares = {split: len(corpus.split(split)) / len(corpus.clips) for split in SPLITS}
    assert 0.10 <= shares["test"] <= 0.15
    assert 0.06 <= shares["valid"] <= 0.12


def test_no_near_duplicates_across_splits_in_a_sample(corpus):
    draw = random.Random(5)
    held_out = draw.sample([clip for split in ("valid", "test") for clip in corpus.split(split, kinds="recorded")], 100)
    train = draw.sample(corpus.split("train", kinds="recorded"), 220)
    clips = held_out + train
    sides = ["held out" if clip.split != "train" else "train" for clip in clips]  # groups, so only pairs across are compared
    found = near_duplicates([corpus.read(clip) for clip in clips], sides, candidate=STRICT)
    assert not found, [(clips[i].file, clips[j].file, value) for i, j, value in found]


def test_little_silence(corpus):
    counts = np.sum([silent_frames(corpus.read(clip)) for clip in random.Random(2).sample(corpus.clips, 250)], axis=0)
    assert counts[0] / counts[1] < 0.08


def test_recorded_packages_are_listed_as_sources(corpus):
    listed = set(read_sources(corpus.folder / "sources.csv"))
    assert {clip.package for clip in corpus.clips if clip.kind == "recorded"} <= listed


def test_statistics_and_datasheet_are_true(corpus):
    written = json.loads((corpus.folder / "stats.json").read_text())
    counted = stats(corpus, sound=False)
    assert {key: value for key, value in written.items() if key != "silence"} == json.loads(json.dumps(counted))
    assert (corpus.folder / "README.md").read_text() == datasheet(written)


def test_attribution_is_true(corpus):
    assert (corpus.folder / "ATTRIBUTION.md").read_text() == attribution(corpus.clips)
    assert (corpus.folder / "LICENSE.md").read_text() == licence_text(corpus.clips)
    text = attribution(corpus.clips)
    assert all(clip.file.split("/")[1].removesuffix(".ogg") in text for clip in corpus.split("test", kinds="recorded"))


def test_only_licences_that_allow_derivatives():
    assert not any(word in name for name in LICENCES for word in ("NC", "ND", "GPL"))
    assert not accepted("CC-BY-NC-4.0")
    assert not accepted("CC0-1.0 AND GPL-2.0-only")

def test_no_sound_is_on_two_sides():
    """Not by group only: byte for byte. Two drum kits of the soundfont share samples, and synthesis can meet itself."""
    sides = {}
    for clip in open_corpus().clips:
        sides.setdefault(clip.sha256, set()).add(clip.split)
    assert not [sha for sha, splits in sides.items() if len(splits) > 1]
