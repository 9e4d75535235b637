"""Two folders in, a report out: pairing, guards, cache and files."""

import csv
import json
import logging
import os

import numpy as np
import pytest
import torch

from ldm_lab.audio.io import save
from ldm_lab.errors import AudioInputError, CheckpointError, OptionError, PromptError
from ldm_lab.evaluation import evaluate
from ldm_lab.evaluation.measures import METRICS, metric_names
from ldm_lab.evaluation.soundset import listen, open_folder

RATE = 16000


class Bands:
    """A listener for tests: energy in 4 bands as features, as logits too; counts what it hears."""

    name, sample_rate, fingerprint = "bands", RATE, "1"

    def __init__(self):
        self.heard = 0

    def features(self, wav):
        self.heard += len(wav)
        bands = torch.stack([band.square().mean(1) for band in torch.fft.rfft(wav).abs().chunk(4, dim=1)], dim=1).log1p()
        return {"features": bands, "logits": bands}


class Frames(Bands):
    """Three feature rows a sound and no logits."""

    name = "frames"

    def features(self, wav):
        rows = super().features(wav)["features"]
        return {"features": (rows[:, None] + torch.arange(3.0)[:, None]).flatten(0, 1), "logits": None}


def sounds(folder, count=12, *, seed=0, noise=0.0, samples=4000, ending=".wav"):
    random = np.random.default_rng(0)
    rough = np.random.default_rng(seed)
    for i in range(count):
        wav = 0.2 * np.sin(2 * np.pi * random.uniform(100, 4000) * np.arange(samples) / RATE) + 0.01 * random.normal(size=samples)
        save(folder / f"{i:02d}{ending}", torch.from_numpy(wav + noise * rough.normal(size=samples)).float(), RATE)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folders(tmp_path):
    return sounds(tmp_path / "made", noise=0.05), sounds(tmp_path / "real", ending=".flac")


QUICK = {"backbone": Bands(), "resamples": 20, "progress": False}


def test_every_measure_of_two_folders(tiny, tmp_path):
    folders = sounds(tmp_path / "made", 26, noise=0.05), sounds(tmp_path / "real", 26)
    prompts = {f"{i:02d}.wav": f"tone {i}" for i in range(26)}
    report = evaluate(*folders, metrics=list(METRICS), prompts=prompts, model=tiny, **QUICK)
    assert [m.metric for m in report.measured] == list(METRICS)
    for m in report.measured:
        assert m.figure.n == 26 and m.figure.seed == 0 and m.figure.low <= m.figure.high
        assert m.backbone in ("bands", "sound", "clap")
    assert report["ssim"].figure.value < 1 and report["kad"].facts["floor"]["n"] == 13
    folder = report.save(tmp_path / "report")
    assert sorted(path.name for path in folder.iterdir()) == ["files.csv", "report.json", "report.md", "report.png"]
    kept = json.loads((folder / "report.json").read_text())
    assert kept["settings"]["reference"]["files"] == 26 and len(kept["figures"]) == len(METRICS)
    assert {"metric", "backbone", "value", "low", "high", "n", "n_reference", "seed"} <= set(kept["figures"][0])
    rows = list(csv.DictReader((folder / "files.csv").open()))
    assert len(rows) == 26 and set(rows[0]) == {"file", "kl@bands", "kl_sigmoid@bands", "lsd", "lsd_offset", "psnr", "ssim", "clap"}
    assert np.mean([float(row["lsd"]) for row in rows]) == pytest.approx(report["lsd"].figure.value, rel=1e-5)


def test_equal_folders_are_at_distance_zero(folders, tmp_path, caplog):
    report = evaluate(folders[0], folders[0], metrics="fd kad kl lsd ssim", **QUICK)
    for name in ("fd", "lsd"):
        assert report[name].figure.value == pytest.approx(0, abs=1e-5)
    assert report["ssim"].figure.value == pytest.approx(1)
    assert report["kad"].figure.value < 0  # unbiased: below zero when the sets are equal
    assert report["kl"].figure.value == pytest.approx(-4e-6, rel=0.3)  # -K * 1e-6, as documented
    with pytest.raises(OptionError, match="psnr: no pair has a value"):
        evaluate(folders[0], folders[0], metrics=["psnr"], **QUICK)


def test_more_noise_is_further_away(tmp_path):
    real = sounds(tmp_path / "real")
    values = [evaluate(sounds(tmp_path / f"n{noise}", noise=noise), real, metrics="fd kad kl lsd", **QUICK) for noise in (0.01, 0.05, 0.2)]
    for name in ("fd", "kad", "kl", "lsd"):
        found = [report[name].figure.value for report in values]
        assert found == sorted(found), name


def test_names_that_do_not_pair(folders):
    os.remove(folders[1] / "03.flac")
    (folders[1] / "07.flac").rename(folders[1] / "other.flac")
    with pytest.raises(OptionError, match=r"kl, lsd: files pair by name, and 2 only in made: 03, 07; 1 only in real: other"):
        evaluate(*folders, metrics=["fd", "kl", "lsd"], **QUICK)
    report = evaluate(*folders, **QUICK)
    assert "kl" not in [m.metric for m in report.measured]
    assert any("do not pair" in warning for warning in report.warnings)
    assert report["fd"].n_reference == 11 and report.settings["paired by name"] is False


def test_broken_files_are_named_and_may_be_left_out(folders):
    (folders[0] / "03.wav").write_bytes(b"not a sound")
    (folders[0] / "04.wav").write_bytes(b"")
    with pytest.raises(AudioInputError, match=r"2 of 12 files cannot be measured: 03.wav: not a readable.*04.wav: the file is empty"):
        evaluate(*folders, **QUICK)
    report = evaluate(*folders, skip_broken=True, metrics=["kad"], **QUICK)
    assert report["kad"].figure.n == 10
    assert any("left out as broken: 03.wav, 04.wav" in warning for warning in report.warnings)


def test_silence_copies_and_clipping_are_told(folders):
    save(folders[0] / "02.wav", torch.zeros(4000), RATE)
    save(folders[0] / "05.wav", torch.ones(4000), RATE)
    (folders[0] / "08.wav").write_bytes((folders[0] / "07.wav").read_bytes())
    told = "\n".join(evaluate(*folders, metrics=["kad", "lsd_offset"], **QUICK).warnings)
    for part in ("1 of 12 sounds silent (a listener may like silence): 02", "1 of 12 sounds clipped: 05", "08 = 07", "with a silent sound: 02"):
        assert part in told
    for path in folders[0].iterdir():
        save(path, torch.zeros(4000), RATE)
    with pytest.raises(AudioInputError, match="every sound is silent"):
        evaluate(*folders, **QUICK)


def test_a_changed_file_is_heard_anew_and_others_are_not(folders):
    listener = Bands()
    first = listen(open_folder(folders[0], progress=False), listener, progress=False).features()
    assert listener.heard == 12
    assert np.array_equal(listen(open_folder(folders[0], progress=False), listener, progress=False).features(), first)
    assert listener.heard == 12
    save(folders[0] / "00.wav", 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(1)), RATE)
    changed = listen(open_folder(folders[0], progress=False), listener, progress=False).features()
    assert listener.heard == 13 and not np.allclose(changed[0], first[0]) and np.array_equal(changed[1:], first[1:])
    for path in (folders[0].parent / "cache").rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:40])
    logging.getLogger("ldm_lab.evaluation.soundset").disabled = False
    assert np.array_equal(listen(open_folder(folders[0], progress=False), listener, progress=False).features(), changed)


def test_files_of_other_rates_and_lengths_are_heard_at_the_listeners_rate(tmp_path):
    time = np.arange(44100) / 44100
    tone = torch.from_numpy(0.3 * np.sin(2 * np.pi * 500 * time)).float()
    save(tmp_path / "a" / "x.wav", tone, 44100)
    save(tmp_path / "a" / "y.wav", tone[::2], 22050)
    save(tmp_path / "a" / "z.wav", tone[:30000], 44100)
    heard = listen(open_folder(tmp_path / "a", progress=False), Bands(), progress=False).features()
    assert heard[0] == pytest.approx(heard[1], rel=0.02, abs=1e-4) and heard.shape == (3, 4)


def test_frames_of_a_sound_stay_together(folders):
    report = evaluate(*folders, metrics=["fd", "kad", "kid"], **QUICK | {"backbone": Frames()})
    assert report["fd"].facts["rows"] == [36, 36] and report["fd"].figure.n == 12
    with pytest.raises(OptionError, match="is: needs a classifier, and frames gives features only"):
        evaluate(*folders, metrics=["is"], **QUICK | {"backbone": Frames()})
    both = evaluate(*folders, metrics=["kad"], **QUICK | {"backbone": [Bands(), Frames()]})
    assert both["kad@frames"].figure.value != both["kad@bands"].figure.value
    with pytest.raises(KeyError, match="several of kad@bands, kad@frames"):
        both["kad"]


def test_too_few_sounds_name_the_number_needed(tmp_path):
    few = sounds(tmp_path / "a", 5), sounds(tmp_path / "b", 5, noise=0.1)
    with pytest.raises(OptionError, match="is: got 5 and 5 sounds, expected at least 10 of each"):
        evaluate(*few, metrics=["is"], **QUICK)
    with pytest.raises(OptionError, match="FAD-infinity: got 12 and 12 sounds for 4 features, expected at least 25 of each"):
        evaluate(sounds(tmp_path / "c"), sounds(tmp_path / "d", noise=0.1), metrics=["fad_inf"], **QUICK)
    report = evaluate(*few, **QUICK)
    told = "\n".join(report.warnings)
    assert "fd (bands): 5 rows for 4 features; its upward bias is large below 16" in told
    assert "kad (bands): 5 sounds; below about 50" in told
    assert "is" not in [m.metric for m in report.measured] and "fd_inf" not in [m.metric for m in report.measured]


def test_prompts_from_a_file(folders, tiny, tmp_path):
    path = tmp_path / "prompts.csv"
    path.write_text("file,prompt\n" + "".join(f"{i:02d}.wav,a tone of number {i}\n" for i in range(11)))
    with pytest.raises(PromptError, match="none for 1 of 12 sounds: 11"):
        evaluate(*folders, metrics=["clap"], prompts=path, model=tiny, **QUICK)
    path.write_text(path.read_text() + "11.wav,a tone\n")
    report = evaluate(*folders, metrics=["clap"], prompts=path, model=tiny, **QUICK)
    assert -1 <= report["clap"].figure.value <= 1 and report["clap"].facts["clap_of"] == "tiny"
    path.write_text("sound;words\n")
    with pytest.raises(PromptError, match="expected file and prompt"):
        evaluate(*folders, metrics=["clap"], prompts=path, model=tiny, **QUICK)
    with pytest.raises(OptionError, match="clap: needs prompts"):
        evaluate(*folders, metrics=["clap"], **QUICK)


def test_wrong_input_is_refused_before_anything_is_heard(folders, tmp_path):
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    for words, error, change in (
        ("unknown metric 'fda'; did you mean 'fd'", OptionError, {"metrics": ["fda"]}),
        ("unknown backbone 'juge'; did you mean 'judge'", OptionError, {"backbone": "juge"}),
        ("expected some of", OptionError, {"metrics": []}),
        ("resamples: got 1", OptionError, {"resamples": 1}),
        ("got one file for cnn14, vggish; name the listener", OptionError, {"backbone": ["cnn14", "vggish"], "weights": "x.pth"}),
        ("got one file for listeners that need none", OptionError, {"weights": "x.pth"}),
        ("is called 'vggish'; these are: cnn14", OptionError, {"backbone": ["judge", "cnn14"], "weights": {"vggish": "x.pth"}}),
        ("x.pth: no such file; expected Cnn14", CheckpointError, {"backbone": ["judge", "cnn14"], "weights": "x.pth"}),
    ):
        with pytest.raises(error, match=words):
            evaluate(*folders, **QUICK | change)
    with pytest.raises(AudioInputError, match="not a folder"):
        evaluate(tmp_path / "nowhere", folders[1], **QUICK)
    sounds(tmp_path / "empty" / "deeper", 2)
    with pytest.raises(AudioInputError, match="no sound files .*; there are some in deeper"):
        evaluate(tmp_path / "empty", folders[1], **QUICK)
    save(folders[0] / "00.flac", torch.ones(500) * 0.1, RATE)
    with pytest.raises(AudioInputError, match="several files are called 00"):
        evaluate(*folders, **QUICK)


def test_names_of_measures():
    assert metric_names("fad, KID clap_score fd") == ["fd", "kid", "clap"]


def test_the_command_writes_the_report(folders, tmp_path, lab):
    done = lab("evaluate", *folders, "--metrics", "kad", "lsd", "--resamples", 20, "--out", tmp_path / "out", "--device", "cpu")
    assert done.code == 0, done.err
    assert "| kernel audio distance (KAD) | judge |" in done.out
    assert (tmp_path / "out" / "report.png").stat().st_size > 5000
    done = lab("evaluate", folders[0], tmp_path / "nowhere")
    assert done.code == 2 and "not a folder" in done.err
    done = lab("evaluate", *folders, "--backbone", "judge", "vggish", "--weights", "vggish=nothing.pth")
    assert done.code == 2 and "nothing.pth: no such file; expected vggish-10086976.pth" in done.err
    done = lab("evaluate", *folders, "--backbone", "vggish", "--weights", "one.pth", "two.pth")
    assert done.code == 2 and "expected one FILE, or NAME=FILE" in done.err
