"""The whole measurement on the tiny model and a toy corpus: every figure is there, bounded, repeatable and merged."""

import json
import math
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from ldm_lab.checkpoint import save_model
from ldm_lab.errors import CheckpointError, LabError, OptionError
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.clips import choose, cover, cut
from ldm_lab.evaluation.judging import save_judge
from ldm_lab.evaluation.lab import PARTS, measure, read_metrics, stale, weights_of
from ldm_lab.evaluation.parts import autoencoder
from ldm_lab.evaluation.speed import speed
from ldm_lab.models.judge import Judge, JudgeConfig
from ldm_lab.system import AudioLDM

TOY_JUDGE = JudgeConfig(categories=("animal", "drum", "speech"), widths=(4, 8), features=6)


@dataclass(frozen=True)
class ToyClip:
    file: str
    category: str
    captions: tuple
    split: str
    group: str
    kind: str


class ToyCorpus:
    """Tones, noises and clicks of 0.1 to 4 s in both splits."""

    digest = "toy"

    def __init__(self):
        self.sounds, self.clips = {}, []
        for split in ("train", "test"):
            random = np.random.default_rng(len(split))
            for i in range(16):
                category = ("animal", "drum", "speech")[i % 3]
                kind = "mixed" if i == 15 else "rendered" if category == "drum" else "recorded"
                captions, group = (f"{category} {i}", f"a {category}"), f"{split}{i // 2}"
                clip = ToyClip(f"{category}/{split}{i}.ogg", category, captions, split, group, kind)
                n = int(random.uniform(0.1, 4.0) * 16000)
                tone = np.sin(2 * np.pi * random.uniform(100, 4000) / 16000 * np.arange(n))
                self.sounds[clip.file] = (0.4 * tone + 0.1 * random.normal(size=n)).astype(np.float32)
                self.clips.append(clip)

    def split(self, name):
        return [clip for clip in self.clips if clip.split == name]

    def read(self, clip):
        return self.sounds[clip.file]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    save_model(AudioLDM.from_preset("tiny"), folder / "model")
    torch.manual_seed(0)
    save_judge(Judge(TOY_JUDGE).eval(), folder / "judge")
    return folder


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "RESAMPLES", 40)
        yield


def run(bench, parts, **options):
    options = {"prompts": 14, "vocoder_clips": 3, "test_clips": 12, "steps": 2, "progress": False} | options
    return measure(bench / "model", parts=parts, corpus=ToyCorpus(), judge=bench / "judge", **options)


@pytest.fixture(scope="module")
def measured(bench, few_resamples):
    return run(bench, ("autoencoder", "vocoder", "clap", "generation"), keep=bench / "sounds")


def test_every_part_is_measured_and_written(bench, measured):
    assert read_metrics(bench / "model" / "metrics.json") == json.loads(json.dumps(measured))
    assert len(list((bench / "sounds").glob("*.wav"))) == 14
    for entry in measured["parts"].values():
        for name, figure in entry["figures"].items():
            assert set(figure) == {"value", "low", "high", "n", "seed"}, name
            assert all(math.isfinite(figure[key]) for key in ("value", "low", "high")), name
            assert figure["low"] <= figure["high"], name
            assert figure["n"] >= 1, name
            if "top" in name and "ratio" not in name and "kept" not in name:
                assert 0 <= figure["value"] <= 1, name


def test_figures_that_the_card_needs(measured):
    assert {
        "log_mel_l1", "judge_top1_real", "judge_top1_reconstructed", "judge_agreement",
        "vocoder_stft", "griffin_lim_32_stft", "griffin_lim_320_stft", "griffin_lim_320_minus_vocoder_log_mel_l1",
        "text_to_audio_r1", "text_to_audio_r10", "audio_to_text_median_rank", "zero_shot_accuracy", "paraphrase_hit1",
        "judge_top1_generated", "judge_top1_real_recorded", "judge_top1_real_rendered", "judge_top3_generated",
        "clap_score_generated", "clap_score_real", "frechet_generated_to_test", "frechet_train_to_test",
        "nearest_judge_generated", "nearest_clap_test", "nearest_judge_replayed",
    } <= {name for entry in measured["parts"].values() for name in entry["figures"]}  # fmt: skip


def test_a_second_run_gives_the_same_figures_and_leaves_other_parts_alone(bench, measured):
    again = run(bench, ("generation",))
    assert again["parts"]["generation"]["figures"] == measured["parts"]["generation"]["figures"]
    assert again["parts"]["vocoder"] == measured["parts"]["vocoder"]
    other = run(bench, ("autoencoder",), seed=3, out=bench / "other.json")
    assert other["parts"]["autoencoder"]["figures"] != measured["parts"]["autoencoder"]["figures"]


def test_replaced_weights_make_their_parts_stale(bench, measured, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(bench / "model", folder)
    metrics = read_metrics(folder / "metrics.json")
    assert stale(metrics, folder) == []
    ldm = AudioLDM.from_preset("tiny")
    ldm.vocoder = AudioLDM.from_preset("tiny", seed=1).vocoder
    save_model(ldm, folder)
    assert "vocoder" in stale(metrics, folder)
    assert "autoencoder" not in stale(metrics, folder)
    assert set(weights_of(folder, "vocoder")) == {"config", "vocoder.safetensors"}
    save_model(ldm.replace(scale_factor=2.0), folder)  # a retrained UNet brings a new scale factor
    assert {"generation", "vocoder"} == set(stale(metrics, folder))


def test_a_perfect_autoencoder_loses_nothing(bench):
    ldm = AudioLDM.from_preset("tiny")
    ldm.mel_to_latent = ldm.latent_to_mel = lambda x: x  # the latent is the mel itself
    test = cut(ToyCorpus(), choose(ToyCorpus().split("test"), None, seed=0), 40960, seed=0)
    figures = autoencoder(ldm, Judge(TOY_JUDGE).eval(), test, seed=0).figures
    assert figures["log_mel_l1"].value == 0.0
    assert figures["judge_agreement"].value == 1.0
    assert figures["judge_top1_real"] == figures["judge_top1_reconstructed"]


def test_clips_are_chosen_evenly_and_without_mixtures():
    clips = ToyCorpus().split("test")
    chosen = choose(clips, 6, seed=0)
    assert sorted(clip.category for clip in chosen) == ["animal", "animal", "drum", "drum", "speech", "speech"]
    assert len({clip.group for clip in chosen}) >= 5
    assert choose(clips, 6, seed=0) == chosen == choose(clips, None, seed=0)[:6]
    assert choose(list(reversed(clips)), 6, seed=0) == chosen
    assert len(choose(clips, None, seed=0)) == 15


def test_a_window_depends_on_its_clip_alone():
    corpus = ToyCorpus()
    clips = corpus.split("test")
    together, alone = cut(corpus, clips, 40960, seed=0), cut(corpus, clips[4:5], 40960, seed=0)
    assert torch.equal(together.wav[4], alone.wav[0])


def test_covering_windows_leave_no_part_of_a_clip_out():
    corpus = ToyCorpus()
    clip = max(corpus.clips, key=lambda c: len(corpus.read(c)))
    wav = corpus.read(clip)
    windows = cover(corpus, [clip], 16000, seed=0, most=9)
    assert len(windows) == -(-len(wav) // 16000)
    assert np.array_equal(windows.wav[0].numpy(), wav[:16000])
    assert np.array_equal(windows.wav[-1].numpy(), wav[-16000:])


def test_wrong_options_are_named(bench, tmp_path):
    with pytest.raises(OptionError, match="did you mean 'vocoder'"):
        run(bench, ("vocodr",))
    with pytest.raises(OptionError, match="prompts"):
        run(bench, PARTS, prompts=0)
    with pytest.raises(OptionError, match="not a folder"):
        run(bench, ("autoencoder",), out=tmp_path / "no" / "m.json")
    with pytest.raises(CheckpointError, match="neither a shipped model"):
        measure(tmp_path)
    (tmp_path / "m.json").write_text('{"format": 99}')
    with pytest.raises(CheckpointError, match="not a metrics file"):
        run(bench, ("autoencoder",), out=tmp_path / "m.json")


def test_speed_is_measured_in_a_fresh_process():
    facts = speed("tiny", lengths=(0.16,), repeats=3, threads=1)
    assert len(facts["clips"]["0.16"]["wall"]) == 3
    assert facts["clips"]["0.16"]["median"] > 0
    assert 50 < facts["peak_mebibytes"] < 20000
    with pytest.raises(OptionError, match="at least 3"):
        speed("tiny", repeats=2)
    with pytest.raises(LabError, match="timing process failed"):
        speed("no such model", repeats=3)
