"""Rules of captions, licences and splits; assembling and building a small corpus."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from ldm_lab.corpus import assemble, build, captions, open_corpus, splits
from ldm_lab.corpus.pack import decode_ogg, encode_ogg, quality_of
from ldm_lab.corpus.table import read_table
from ldm_lab.errors import CorpusError, OptionError


@pytest.mark.parametrize(("caption", "expected"), [
    ("A dog barking", "A dog barks"), ("An owl hooting", "An owl hoots"), ("Rain falling steadily", "Rain falls steadily"),
    ("A bus starting and driving off", "A bus starts and drives off"), ("Monkeys screaming", None), ("Footsteps on grass", None),
    ("A sword being drawn", None), ("A railroad level crossing bell", None), ("A guitar strumming an A minor chord", None),
])  # fmt: skip
def test_simple_present(caption, expected):
    assert captions.simple_present(caption) == expected


def test_paraphrases():
    assert captions.paraphrases("Footsteps on grass") == ("Footsteps on grass", "The sound of footsteps on grass")
    assert captions.paraphrases("A teleport sound effect") == ("A teleport sound effect",)


@pytest.mark.parametrize(("caption", "category", "path", "package", "expected"), [
    ("Rain", "nature", "opensfx.cat.x/sfx_065.wav", "openttd-opensfx", ("A maglev train departing", "vehicle")),
    ("A dog barking", "animal", "voice/global/civ_dog_move.ogg", "0ad-data", None),
    ("A woman screaming", "human", "sounds/scream1.wav", "x", ("A person screaming", "human")),
    ("A man dying with a scream", "human", "death/male_death_35.ogg", "0ad-data", ("A man dying with a scream", "human")),
    ("A man speaks in Italian, telephone voice prompt", "speech", "sounds/it_IT_m_Carlo/digits/78.wav", "asterisk-core-sounds-it-wav",
     ("A man speaks in Italian over the telephone", "speech")),
    ("Smg gun fire", "weapon", "smg.ogg", "x", ("A submachine gun firing", "weapon")),
    ("A guitar strum, E minor chord", "instrument", "g.flac", "x", ("A guitar strumming an E minor chord", "instrument")),
])  # fmt: skip
def test_corrections(caption, category, path, package, expected):
    assert captions.correct(caption, category, path, package) == expected


def test_attributes_and_licences():
    assert captions.attributes_of("A wooden door closing", "impact", "x") == {"material": "wood"}
    assert captions.attributes_of("A man speaks in Italian over the telephone", "speech", "asterisk-core-sounds-it-wav") == {
        "language": "Italian", "band": "telephone, 4 kHz"}  # fmt: skip
    assert captions.attributes_of("A guitar strumming an E minor chord", "instrument", "x") == {"instrument": "guitar", "chord": "E minor"}
    assert captions.spdx("CC-BY-4.0 and CC0-1.0") == captions.spdx("CC0-1.0 and CC-BY-4.0") == "CC-BY-4.0 AND CC0-1.0"
    assert captions.spdx("Expat") == "MIT"


def _speechlike(seed: int, seconds: float) -> np.ndarray:
    """Noise with a slowly changing colour and loudness: no two alike."""
    rng = np.random.default_rng(seed)
    count = int(seconds * 16000)
    out = np.zeros(count)
    for at in range(0, count, 1600):
        t = np.arange(min(1600, count - at)) / 16000
        out[at : at + len(t)] = rng.uniform(0.1, 1) * np.sin(2 * np.pi * rng.uniform(150, 3000) * t + rng.uniform(0, 6))
    return 0.5 * out + 0.02 * rng.standard_normal(count)


def test_near_duplicates_survive_codec_shift_and_gain():
    a, b, c = (_speechlike(seed, 3.0) for seed in (1, 2, 3))
    copy = decode_ogg(encode_ogg(0.3 * a[5000:30000], quality=0.3))
    wavs = [a, b, c, copy]
    found = splits.near_duplicates([wav.astype(np.float32) for wav in wavs], ["a", "b", "c", "d"], candidate=0.8)
    assert [(i, j) for i, j, _ in found] == [(0, 3)]
    assert splits.near_duplicates(wavs, ["a", "b", "c", "a"], candidate=0.8) == []


def test_leaks_drop_the_held_out_side(clip):
    a, b = _speechlike(1, 2.0), _speechlike(2, 2.0)
    copy = decode_ogg(encode_ogg(0.4 * a, quality=0.5))
    clips = [clip.with_(file=name, split=split) for name, split in (("t", "train"), ("x", "test"), ("v", "valid"), ("w", "test"))]
    assert splits.leaks(clips, [a, copy, b, b]) == {"x", "v"}
    assert splits.leaks([one.with_(split="train") for one in clips], [a, copy, b, b]) == set()


def test_join_groups():
    assert splits.join_groups(["d", "b", "c", "a", "b"], [(0, 1), (1, 2)]) == ["b", "b", "b", "a", "b"]
    assert splits.join_groups(["a", "b"], []) == ["a", "b"]


def test_deal_is_stratified_and_stable(clip):
    clips = [
        clip.with_(file=f"{category}/{n}", category=category, group=f"{category}{n // 2}", seconds=1.0 + n % 3)
        for category in ("drum", "synth") for n in range(200)
    ]  # fmt: skip
    dealt = splits.deal(clips)
    assert dealt == splits.deal(clips[::-1])
    counts = defaultdict(lambda: defaultdict(int))
    for one in clips:
        counts[one.category][dealt[one.group]] += 1
    for category in ("drum", "synth"):
        assert 20 <= counts[category]["test"] <= 40, counts
        assert 12 <= counts[category]["valid"] <= 30, counts


def test_a_dominant_recording_stays_in_train(clip):
    clips = [clip.with_(file=f"synth/{n}", group="big" if n < 60 else f"g{n}") for n in range(100)]
    assert splits.deal(clips)["big"] == "train"


def _survey(clip) -> dict[str, str]:
    return {
        "file": clip.file, "category": clip.category, "caption": clip.caption, "transcript": "", "start_s": f"{clip.start_s}",
        "package": clip.package, "path_in_package": clip.path_in_package, "licence": clip.licence, "copyright": clip.copyright,
        "caption_source": "rule", "recording": clip.group[4:],
    }  # fmt: skip


def test_assemble_a_small_corpus(corpus, tmp_path, monkeypatch):
    chosen = [clip for clip in corpus.clips if clip.kind == "recorded" and clip.seconds < 1.5][::60]
    beeps = [clip.with_(file="", sha256="", split="") for clip in corpus.clips if clip.group.startswith("synth-beeps")][:3]
    monkeypatch.setattr(assemble.render, "plan", list)
    monkeypatch.setattr(assemble.speak, "plan", list)
    monkeypatch.setattr(assemble.synth, "plan", lambda: beeps)
    monkeypatch.setattr(assemble, "MIXES", {"train": (0, 0)})
    made = assemble.assemble([(_survey(clip), corpus.ogg(clip)) for clip in chosen], tmp_path)
    again = open_corpus(tmp_path)
    assert [(clip.file, clip.sha256, clip.split) for clip in again.clips] == [(clip.file, clip.sha256, clip.split) for clip in made]
    assert len(made) >= len(chosen) - 2 + len(beeps)
    assert all(len(again.read(clip)) for clip in again.clips)
    assert {clip.file for clip in made if clip.kind == "synthesised"} == {f"bell_ui/bell_ui_s000{n}.ogg" for n in (1, 2, 3)}


def test_build_gives_the_shipped_bytes(small, tmp_path):
    shipped = open_corpus(small)
    recorded = {clip.file: shipped.ogg(clip) for clip in shipped.clips if clip.kind == "recorded"}
    report = build(tmp_path / "out", folder=small, extract=lambda clips: (recorded, {}), workers=1)
    assert report.failed == {}
    assert len(report.clips) == 3
    assert report.identical >= 2
    assert (tmp_path / "out" / "ATTRIBUTION.md").is_file()
    assert len(open_corpus(tmp_path / "out").clips) == 3


def test_build_names_what_failed(small, tmp_path):
    recorded = [clip for clip in read_table(small / "clips.csv") if clip.kind == "recorded"]

    def extract(clips):
        return {}, dict.fromkeys((clip.file for clip in clips), "no apt here")

    report = build(tmp_path / "out", folder=small, extract=extract, workers=1)
    assert set(report.failed) == {clip.file for clip in recorded}
    assert "no apt here" in report.summary()
    with pytest.raises(CorpusError, match="no apt here"):
        build(tmp_path / "none", folder=small, only="recorded", extract=extract)


def test_build_refuses(small, tmp_path):
    with pytest.raises(OptionError, match="another folder"):
        build(small, folder=small)
    with pytest.raises(OptionError, match="nothing to build"):
        build(tmp_path / "out", folder=small, only="violins")


def test_quality_is_known_for_every_category():
    assert quality_of("music") < quality_of("drum") < 1
