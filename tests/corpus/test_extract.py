"""Recorded clips made again from packages: archives, fetching, decoding, cutting and the proof, all without network."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import packages_for_tests as fake

from ldm_lab.corpus import archives, extract
from ldm_lab.corpus.archives import deb_files, read_member, split_path
from ldm_lab.corpus.pack import decode_ogg, encode_recording, write_zips
from ldm_lab.corpus.packages import Apt, PackageStore, PackageUnavailable, Source, read_sources
from ldm_lab.corpus.table import Clip, corpus_folder, read_table, table_text
from ldm_lab.errors import CorpusError, OptionError
from ldm_lab.files import sha256

verify = importlib.import_module("ldm_lab.corpus.verify")  # the package's own name `verify` is the function

PATH = "usr/share/sounds/bell.wav"


def clip(file: str = "bell_ui/bell_ui_1.ogg", *, package: str = "bells", path: str = PATH, **changes) -> Clip:
    cells = {
        "file": file, "category": file.split("/")[0], "captions": ("A bell",), "seconds": 10.0, "split": "train", "group": file,
        "kind": "recorded", "attributes": {}, "licence": "CC0-1.0", "copyright": "nobody", "package": package,
        "path_in_package": path, "start_s": 0.0, "caption_source": "rule", "transcript": "", "sha256": "",
    }  # fmt: skip
    return Clip(**{**cells, **changes})


def source(package: str, data: bytes, version: str = "1.0-1", suite: str = "stable") -> Source:
    return Source(package, version, suite, hashlib.sha256(data).hexdigest(), len(data))


def store_of(tmp_path: Path, offers: dict, sources: list[Source], **options) -> PackageStore:
    return PackageStore({s.package: s for s in sources}, cache=tmp_path / "cache", apt=fake.FakeApt(offers, **options))


def bells(files: dict[str, bytes] | None = None) -> bytes:
    return fake.deb(fake.tar({f"./{name}": data for name, data in (files or {PATH: fake.sound(fake.tone(44100), 44100)}).items()}))


# --- archives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.wav", "usr/../../x.wav", "a//b.wav", "a.zip.x/../b.wav", "", "a\\b.wav", "./a.wav"])
def test_paths_that_could_leave_their_folder_are_refused(path):
    with pytest.raises(CorpusError, match="path_in_package"):
        split_path(path)


def test_a_path_names_a_file_or_a_member():
    assert split_path("usr/a.ogg") == ("usr/a.ogg", None)
    assert split_path("usr/a.pk3.x/in/b.ogg") == ("usr/a.pk3", "in/b.ogg")


@pytest.mark.parametrize(("mode", "member"), [("w:xz", "data.tar.xz"), ("w:gz", "data.tar.gz"), ("w", "data.tar")])
def test_only_the_wanted_files_of_a_package_are_read(tmp_path, mode, member):
    path = tmp_path / "a.deb"
    path.write_bytes(fake.deb(fake.tar({"./usr/a": b"A" * 70000, "./usr/b": b"B", "./../../evil": b"X"}, mode=mode), member=member))
    found = {name: file.read() for name, file in deb_files(path, {"usr/a", "usr/missing"})}
    assert found == {"usr/a": b"A" * 70000}
    assert sorted(tmp_path.rglob("*")) == [path]


def test_a_link_in_a_package_is_refused(tmp_path):
    path = tmp_path / "a.deb"
    path.write_bytes(fake.deb(fake.tar({}, links={"./usr/a.wav": "/etc/passwd"})))
    with pytest.raises(CorpusError, match="link"):
        list(deb_files(path, {"usr/a.wav"}))


@pytest.mark.parametrize("data", [b"", b"not a package at all", bells()[:300], b"!<arch>\n" + b"x" * 60])
def test_a_damaged_package_is_named(tmp_path, data):
    path = tmp_path / "broken_1_all.deb"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="broken_1_all"):
        list(deb_files(path, {PATH}))


@pytest.mark.parametrize(
    ("name", "member", "build"),
    [
        ("a.zip", "in/b.ogg", lambda member, data: fake.zipped({"x": b"", member: data})),
        ("a.pk3", "b.ogg", lambda member, data: fake.zipped({member: data})),
        ("a.rcc", "in/deep/b.ogg", lambda member, data: fake.rcc(member, data, compress=False)),
        ("b.rcc", "in/b.ogg", lambda member, data: fake.rcc(member, data, compress=True)),
        ("a.gresource", "org/b.ogg", lambda member, data: fake.gresource(member, data, compress=False)),
        ("b.gresource", "org/b.ogg", lambda member, data: fake.gresource(member, data, compress=True)),
        ("a.cat", "sfx_001.wav", lambda member, data: fake.cat([fake.sound(np.zeros(9), 8000), data])),
    ],
)
def test_members_of_archives(tmp_path, name, member, build):
    data = fake.sound(fake.tone(8000), 8000)
    path = tmp_path / name
    path.write_bytes(build(member, data))
    assert read_member(path, member) == data
    for absent in ("in", "nothing.ogg", "../b.ogg", "sfx_009.wav"):
        with pytest.raises(CorpusError, match="no member"):
            read_member(path, absent)


@pytest.mark.parametrize("name", ["a.zip", "a.rcc", "a.gresource", "a.cat"])
def test_a_damaged_archive_is_named(tmp_path, name):
    whole = {
        "a.zip": fake.zipped({"b": b"data" * 99}), "a.rcc": fake.rcc("b", b"data" * 99, compress=True),
        "a.gresource": fake.gresource("a/b", b"data", compress=True), "a.cat": fake.cat([b"RIFF"]),
    }[name]  # fmt: skip
    path = tmp_path / name
    path.write_bytes(whole[:22])
    with pytest.raises(CorpusError, match="a\\."):
        read_member(path, "sfx_000.wav" if name == "a.cat" else "b")


def test_a_member_that_claims_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 100)
    for name, data in (("a.zip", fake.zipped({"a/b": b"x" * 200})), ("a.rcc", fake.rcc("a/b", b"x" * 200, compress=True))):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(CorpusError, match="at most 100"):
            read_member(path, "a/b")


# --- packages --------------------------------------------------------------------------------------------------------


def test_a_package_is_fetched_once_and_kept(tmp_path):
    data = bells()
    store = store_of(tmp_path, {"bells": {"1.0-1": data}}, [source("bells", data)])
    assert [store.package("bells").exact for _ in range(2)] == [True, True]
    assert dict(store.files("bells", [PATH]))[PATH].is_file()
    again = store_of(tmp_path, {}, [source("bells", data)])
    assert again.package("bells").version == "1.0-1"
    assert store.apt.asked == [("bells", "1.0-1", None)]
    assert again.apt.asked == []


def test_another_version_is_taken_when_the_named_one_is_gone(tmp_path):
    store = store_of(tmp_path, {"bells": {"2:2.0-1": bells()}}, [source("bells", b"older")])
    package = store.package("bells")
    assert (package.version, package.exact) == ("2:2.0-1", False)
    assert dict(store.files("bells", [PATH]))


def test_the_named_suite_is_tried_before_another_version(tmp_path):
    data = bells()

    class Suites(fake.FakeApt):
        def download(self, package, *, version, suite, folder):
            self.offers = {"bells": {"1.0-1": data} if suite == "next" else {"0.9": b"old"}}
            return super().download(package, version=version, suite=suite, folder=folder)

    wanted = {"bells": source("bells", data, suite="next")}
    assert PackageStore(wanted, cache=tmp_path, apt=Suites({}, suites=("next",))).package("bells").exact


def test_a_package_with_the_wrong_hash_is_refused(tmp_path):
    store = store_of(tmp_path, {"bells": {"1.0-1": bells()}}, [source("bells", b"what it should be")])
    package = store.package("bells")  # the same version, taken as "any version", is never called exact
    assert not package.exact
    forged = store_of(tmp_path / "other", {}, [source("bells", b"what it should be")])
    with pytest.raises(PackageUnavailable, match=r"bells 1\.0-1 \(stable\): Unable to locate package bells"):
        forged.package("bells")


def test_a_machine_without_apt_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    store = PackageStore({"bells": source("bells", b"")}, cache=tmp_path / "cache", apt=Apt(tmp_path / "cache"))
    with pytest.raises(PackageUnavailable, match="apt-get is not on this machine"):
        store.package("bells")
    with pytest.raises(PackageUnavailable, match=r"unknown package 'bels'; did you mean 'bells'"):
        store.package("bels")


def test_sources_are_read_and_a_bad_file_is_named(tmp_path):
    with pytest.raises(CorpusError, match="missing"):
        read_sources(tmp_path / "sources.csv")
    (tmp_path / "sources.csv").write_text("package,version\nbells,1\n")
    with pytest.raises(CorpusError, match="deb_sha256"):
        read_sources(tmp_path / "sources.csv")


# --- decoding and cutting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("format", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 0.008), ("WAV", "PCM_16", 1e-4), ("WAV", "PCM_24", 1e-6), ("WAV", "PCM_32", 1e-7), ("WAV", "FLOAT", 1e-7),
        ("AIFF", "PCM_16", 1e-4), ("FLAC", "PCM_24", 1e-6), ("OGG", "VORBIS", 0.2),
    ],
)  # fmt: skip
def test_every_sample_format_decodes_to_the_mean_of_its_channels(format, subtype, tolerance, channels):
    wav = fake.tone(44100, channels=channels)
    decoded, rate = extract.decode_source(fake.sound(wav, 44100, format=format, subtype=subtype))
    assert rate == 44100
    assert decoded.dtype == np.float32
    assert np.abs(decoded - wav.reshape(len(wav), -1).mean(axis=1)).max() < tolerance


@pytest.mark.parametrize("data", [b"", b"not a sound", fake.sound(np.zeros(0), 8000), fake.sound(np.full(9, np.nan), 8000, subtype="FLOAT")])
def test_what_is_not_sound_is_named(data):
    with pytest.raises(CorpusError, match="bell.wav"):
        extract.decode_source(data, name="bell.wav")


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_a_cut_is_trimmed_scaled_and_faded(rate):
    wav = fake.tone(rate).astype(np.float32)
    out = extract.cut(wav, rate, start_s=0.04, seconds=9.0)
    assert out.dtype == np.float32
    assert abs(len(out) / 16000 - (0.6 - 0.05 - 0.1 + 0.06)) < 0.005  # 10 ms before the sound and 50 ms after are kept
    assert np.abs(out).max() == pytest.approx(0.9, abs=1e-6)
    assert out[0] == out[-1] == 0
    assert np.abs(out[: extract.MARGIN_BEFORE - 40]).max() < 0.01


def test_a_silent_sound_is_refused():
    with pytest.raises(CorpusError, match="silent"):
        extract.cut(np.zeros(100, np.float32), 16000, start_s=0, seconds=1)


def test_windows_of_long_sounds_are_evenly_spaced_and_found_from_rounded_times():
    total = 16000 * 47 + 123
    starts = [int((total - extract.WINDOW) * index / 4) for index in range(5)]
    assert [extract.window_start(total, round(start / 16000, 3) * 16000) for start in starts] == starts
    assert extract.window_start(total, 100_000) == 100_000  # no window begins there: taken as it is
    assert extract.window_start(5000, -3.2) == 0
    assert extract.window_start(5000, 99999) == 4999


def test_a_clip_shorter_than_the_rest_of_its_sound_is_cut_to_its_length():
    wav = np.sin(np.arange(16000 * 12) * 0.3).astype(np.float32)
    assert len(extract.cut(wav, 16000, start_s=0, seconds=10)) == 160_000
    assert len(extract.cut(wav, 16000, start_s=0, seconds=2.5)) == 40_000


def test_a_recording_is_encoded_to_the_same_bytes_each_time():
    wav = extract.cut(fake.tone(16000).astype(np.float32), 16000, start_s=0.04, seconds=9)
    assert extract.recorded_ogg(wav) == extract.recorded_ogg(wav)
    assert len(decode_ogg(extract.recorded_ogg(wav))) == len(wav)
    with pytest.raises(CorpusError, match="at most 10"):
        extract.recorded_ogg(np.zeros(160_001, np.float32))


def test_clips_of_many_packages_come_back_with_sound_or_with_the_reason(tmp_path):
    wav = fake.sound(fake.tone(44100, channels=2), 44100, subtype="PCM_24")
    data = bells({PATH: wav, "usr/all.zip": fake.zipped({"in/b.ogg": fake.sound(fake.tone(22050, seed=1), 22050, format="OGG", subtype="VORBIS")})})
    store = store_of(tmp_path, {"bells": {"1.0-1": data}}, [source("bells", data), source("gone", b"")])
    clips = [
        clip("bell_ui/1.ogg"), clip("bell_ui/2.ogg", path="usr/all.zip.x/in/b.ogg"), clip("bell_ui/3.ogg", path="usr/none.wav"),
        clip("bell_ui/4.ogg", path="usr/all.zip.x/in/none.ogg"), clip("bell_ui/5.ogg", package="gone"),
        clip("bell_ui/6.ogg", path="../../escape.wav"),
    ]  # fmt: skip
    made, failed = extract.rebuild_ogg(clips, store)
    assert sorted(made) == ["bell_ui/1.ogg", "bell_ui/2.ogg"]
    for file, reason in {"3": "no such file", "4": "no member", "5": "gone 1.0-1", "6": "path_in_package"}.items():
        assert reason in failed[f"bell_ui/{file}.ogg"]
    assert not list(tmp_path.rglob("escape.wav"))
    with pytest.raises(CorpusError, match="only recorded"):
        list(extract.rebuild([clip(kind="rendered")], store))


# --- the proof -------------------------------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path):
    """A corpus of three recordings of two packages, and the store that can make them again."""
    files = {f"usr/{name}.wav": fake.sound(fake.tone(44100, seed=seed), 44100) for seed, name in enumerate("ab")}
    data, other = bells(files), bells({"usr/c.wav": fake.sound(fake.tone(8000, seed=5), 8000)})
    sources = [source("bells", data), source("rain", other)]
    offers = {"bells": {"1.0-1": data}, "rain": {"1.0-1": other}}
    clips = [
        clip("bell_ui/a.ogg", path="usr/a.wav"), clip("music/b.ogg", path="usr/b.wav"),
        clip("nature/c.ogg", path="usr/c.wav", package="rain"),
    ]  # fmt: skip
    store = store_of(tmp_path, offers, sources)
    oggs = {clip.file: encode_recording(extract.recorded_ogg(wav), clip.category) for clip, wav in extract.rebuild(clips, store)}
    folder = tmp_path / "corpus"
    write_zips(oggs, folder)
    (folder / "clips.csv").write_text(
        table_text(c.with_(sha256=sha256(oggs[c.file]), seconds=len(decode_ogg(oggs[c.file])) / 16000) for c in clips)
    )
    return folder, store, oggs


def test_a_true_corpus_is_proved(corpus, tmp_path):
    folder, store, _ = corpus
    report = verify.verify(50, 0, folder, store=store)
    assert report.ok
    assert (report.n, report.matched, report.count("identical"), report.worst_correlation) == (3, 3, 3, 1.0)
    assert "3 made again" in report.summary()
    report.save(tmp_path / "verify.json")
    written = json.loads((tmp_path / "verify.json").read_text())
    assert (written["n"], written["seed"], written["matched"], written["unavailable"]) == (3, 0, 3, 0)
    assert [row["version"] for row in written["clips"]] == ["1.0-1"] * 3


def test_a_sample_is_random_and_repeatable(corpus):
    folder, store, _ = corpus
    files = [[check.file for check in verify.verify(1, seed, folder, store=store).checks] for seed in (0, 0, 1, 2, 3, 4, 5)]
    assert files[0] == files[1]
    assert len({name for names in files for name in names}) > 1
    for sample in (0, -1, 2.5, True):
        with pytest.raises(OptionError, match="sample"):
            verify.verify(sample, folder=folder, store=store)


def test_other_sound_under_the_same_name_is_a_mismatch(corpus, tmp_path):
    folder, _, _ = corpus
    newer = bells({f"usr/{name}.wav": fake.sound(np.random.default_rng(9).standard_normal(20000) * 0.1, 44100) for name in "ab"})
    store = store_of(tmp_path / "new", {"bells": {"2.0": newer}}, [source("bells", b"x"), source("rain", b"y")])
    report = verify.verify(50, 0, folder, store=store)
    statuses = {check.file: check.status for check in report.checks}
    assert statuses == {"bell_ui/a.ogg": "mismatch", "music/b.ogg": "mismatch", "nature/c.ogg": "unavailable"}
    assert not report.ok
    assert report.to_dict()["unavailable_packages"] == ["rain"]
    assert "correlation" in report.checks[0].reason


def test_a_sound_encoded_otherwise_still_matches(corpus):
    folder, store, oggs = corpus
    row = next(c for c in read_table(folder / "clips.csv") if c.file == "bell_ui/a.ogg")
    wav = decode_ogg(oggs["bell_ui/a.ogg"])
    rng = np.random.default_rng(0)
    made = next(wav for _, wav in extract.rebuild([row], store))
    assert verify.check_clip(row, wav + rng.normal(0, 0.005, len(wav)).astype(np.float32), made).status == "match"
    shifted = verify.check_clip(row, np.concatenate([np.zeros(300, np.float32), wav]), made)
    assert (shifted.status, shifted.lag) == ("mismatch", -300)
    assert "samples long" not in shifted.reason
    assert "-400 samples long" in verify.check_clip(row, np.concatenate([wav, np.zeros(400, np.float32)]), made).reason


def test_damage_in_the_pack_is_found(corpus):
    folder, _, oggs = corpus
    assert verify.verify_pack(folder).ok
    write_zips({**oggs, "bell_ui/a.ogg": oggs["music/b.ogg"], "bell_ui/extra.ogg": b""}, folder)
    report = verify.verify_pack(folder)
    assert list(report.damaged) == ["bell_ui/a.ogg"]
    assert report.unlisted == ("bell_ui/extra.ogg",)
    assert not report.ok


def test_the_shipped_corpus_is_whole_and_every_recording_has_a_source():
    folder = corpus_folder()
    report = verify.verify_pack(folder)
    assert report.n > 3000
    assert report.ok, (dict(list(report.damaged.items())[:3]), report.unlisted[:3])
    sources = read_sources()
    recorded = [c for c in read_table(folder / "clips.csv") if c.kind == "recorded"]
    assert {c.package for c in recorded} <= set(sources)
    for row in recorded:
        split_path(row.path_in_package)


def test_the_shipped_proof_belongs_to_the_shipped_corpus():
    written = json.loads((corpus_folder() / "verify.json").read_text())
    shipped = {c.file: c.sha256 for c in read_table(corpus_folder() / "clips.csv") if c.kind == "recorded"}
    made = [row for row in written["clips"] if row["status"] in ("identical", "match")]
    assert len(made) == written["matched"]
    assert sum(shipped.get(row["file"]) == row["sha256"] for row in made) >= 50
    assert written["mismatched"] == 0
    assert written["worst_correlation"] >= written["criterion"]["correlation"] == verify.LEAST_CORRELATION
