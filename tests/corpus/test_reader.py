"""Opening, reading and caching the pack; what happens when it is damaged."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ldm_lab.corpus import corpus_folder, open_corpus
from ldm_lab.corpus import reader as reader_module
from ldm_lab.corpus.pack import decode_ogg, encode_ogg, fix_serial, tidy
from ldm_lab.corpus.table import check_clip, from_row, read_table, table_text, to_row
from ldm_lab.errors import CorpusError


def test_table_round_trip(clip, tmp_path):
    clip = clip.with_(captions=('A bell, "ding"', "Ein Geräusch"), attributes={"recipe": {}, "place": "café"})
    (tmp_path / "clips.csv").write_text(table_text([clip]), encoding="utf-8")
    assert read_table(tmp_path / "clips.csv") == [clip]


@pytest.mark.parametrize("change", [{"seconds": "long"}, {"attributes": "{"}])
def test_bad_cells_name_the_row(clip, change):
    with pytest.raises(CorpusError, match=r"synth/a\.ogg"):
        from_row({**to_row(clip), **change})


@pytest.mark.parametrize("change", [
    {"category": "animals"}, {"split": "dev"}, {"kind": "real"}, {"captions": ()}, {"captions": ("a", "b", "c", "d")},
    {"licence": ""}, {"attributes": {}},
])  # fmt: skip
def test_check_clip_refuses(clip, change):
    with pytest.raises(CorpusError, match=r"synth/a\.ogg"):
        check_clip(clip.with_(**change))


def test_folder_by_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("LDM_LAB_ASSETS", str(tmp_path))
    assert corpus_folder() == tmp_path / "corpus"
    with pytest.raises(CorpusError, match="LDM_LAB_ASSETS"):
        open_corpus()


def test_read_and_split(corpus):
    clip = corpus.split("valid", kinds="recorded")[0]
    wav = corpus.read(clip)
    assert wav.dtype == np.float32
    assert wav.ndim == 1
    assert abs(len(wav) / 16000 - clip.seconds) <= 0.0005  # the table keeps milliseconds
    assert corpus.find(clip.file) is clip
    assert {c.split for c in corpus.split("test")} == {"test"}
    assert {c.kind for c in corpus.split("test", kinds=("mixed", "rendered"))} == {"mixed", "rendered"}


def test_unknown_names(corpus):
    with pytest.raises(CorpusError, match="did you mean 'train'"):
        corpus.split("trian")
    with pytest.raises(CorpusError, match="did you mean 'recorded'"):
        corpus.split("train", kinds="record")
    with pytest.raises(CorpusError, match="no clip"):
        corpus.find("animal/nothing.ogg")


def test_read_all_is_cached_and_equals_read(small, tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_CACHE", str(tmp_path / "cache"))
    corpus = open_corpus(small)
    sound, offsets = corpus.read_all()
    assert sound.dtype == np.int16
    for number, clip in enumerate(corpus.clips):
        mine = np.asarray(sound[offsets[number] : offsets[number + 1]]) / 32767
        np.testing.assert_allclose(mine, corpus.read(clip), atol=1 / 32767)
    monkeypatch.setattr(reader_module, "decode_ogg", None)  # the second call must not decode
    again, _ = open_corpus(small).read_all()
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(again, sound)


def test_damaged_cache_is_made_again(small, tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_CACHE", str(tmp_path / "cache"))
    expected = np.array(open_corpus(small).read_all()[0])
    path = next((tmp_path / "cache").rglob("sound.npy"))
    for damage in (b"", path.read_bytes()[:200]):
        path.write_bytes(damage)
        np.testing.assert_array_equal(open_corpus(small).read_all()[0], expected)


def test_changed_table_has_a_cache_of_its_own(small, tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_CACHE", str(tmp_path / "cache"))
    open_corpus(small).read_all()
    clips = read_table(small / "clips.csv")
    (small / "clips.csv").write_text(table_text(clips[:-1]))
    _, offsets = open_corpus(small).read_all()
    assert len(offsets) == len(clips)


def test_cache_that_cannot_be_written(small, tmp_path, monkeypatch, caplog):
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("LDM_LAB_CACHE", str(blocker / "cache"))  # below a file: no folder can be made, even by root
    sound, offsets = open_corpus(small).read_all()
    assert offsets[-1] == len(sound) > 0
    assert "stays in memory" in caplog.text


def test_missing_and_damaged_pack(small):
    clip = read_table(small / "clips.csv")[0]
    path = small / f"{clip.category}.zip"
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(CorpusError, match=f"lacks {clip.category}.zip"):
        open_corpus(small)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorpusError, match="damaged"):
        open_corpus(small).read(clip)


def test_wrong_sha_is_noticed(small, tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_CACHE", str(tmp_path / "cache"))
    clips = read_table(small / "clips.csv")
    (small / "clips.csv").write_text(table_text([clips[0].with_(sha256="0" * 64), *clips[1:]]))
    with pytest.raises(CorpusError, match="sha256"):
        open_corpus(small).read_all()


def test_worker_processes_get_zips_of_their_own(small, monkeypatch):
    corpus = open_corpus(small)
    corpus.read(corpus.clips[0])
    before = corpus._zip(corpus.clips[0].category)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert corpus._zip(corpus.clips[0].category) is not before


def test_encoding_is_repeatable_and_close(tone):
    ogg = encode_ogg(tone, quality=0.5)
    assert ogg == encode_ogg(tone, quality=0.5)
    assert fix_serial(ogg, 7) != ogg
    assert fix_serial(fix_serial(ogg, 7), 1) == ogg
    np.testing.assert_array_equal(decode_ogg(fix_serial(ogg, 7)), decode_ogg(ogg))  # the checksum is right, or nothing decodes
    assert np.abs(decode_ogg(ogg) - tone).max() < 0.1


def test_tidy(tone):
    padded = np.concatenate([np.zeros(8000), tone, np.zeros(16000)])
    out = tidy(padded)
    assert 0.95 < len(out) / 16000 < 1.1
    assert np.abs(out).max() == pytest.approx(0.9)
    assert len(tidy(np.tile(tone, 12))) == 160000
    assert len(tidy(np.zeros(1000))) == 0
