"""The judge: any length, learns what is put before it, goes to disk and back, and never sees what it must not."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ldm_lab.config import preset
from ldm_lab.corpus.table import CATEGORIES as CORPUS_CATEGORIES
from ldm_lab.errors import CheckpointError, OptionError
from ldm_lab.evaluation.judging import judge_accuracy, judge_features, load_judge, save_judge, ship_judge
from ldm_lab.models.judge import CATEGORIES, Judge, JudgeConfig
from ldm_lab.training.loop import train
from ldm_lab.training.recipe import TrainConfig
from ldm_lab.training.run import export
from ldm_lab.training.task_judge import JudgeClips, JudgeOptions, JudgeTask, augment, chances, eligible


def small():
    torch.manual_seed(0)
    return Judge(JudgeConfig(widths=(4, 8), features=8)).eval()


def test_categories_are_those_of_the_corpus():
    assert CATEGORIES == CORPUS_CATEGORIES


@pytest.mark.parametrize("frames", [1, 17, 256, 1024])
def test_any_length(frames):
    judge = small()
    features, logits = judge_features(judge, torch.randn(3, frames, 64))
    assert features.shape == (3, 8)
    assert logits.shape == (3, 14)


def test_a_batch_is_judged_like_its_members_and_wav_like_its_mel():
    from ldm_lab.audio.mel import log_mel

    judge = small()
    wav = 0.1 * torch.randn(3, 4000)
    _, together = judge_features(judge, wav)
    _, alone = judge_features(judge, wav[1:2])
    _, by_mel = judge_features(judge, log_mel(wav))
    assert torch.allclose(together[1], alone[0], atol=1e-5)
    assert torch.allclose(together, by_mel, atol=1e-5)


def test_wrong_shapes_and_labels_are_named():
    with pytest.raises(OptionError, match="expected wav"):
        judge_features(small(), torch.zeros(5))
    with pytest.raises(OptionError, match="did you mean 'animal'"):
        judge_accuracy(torch.zeros(1, 16, 64), ["animals"], small())
    with pytest.raises(OptionError, match="one label a sound"):
        judge_accuracy(torch.zeros(2, 16, 64), ["animal"], small())


def test_disk_and_back(tmp_path):
    judge = small()
    save_judge(judge, tmp_path)
    back = load_judge(tmp_path)
    mel = torch.randn(2, 32, 64)
    assert back.config == judge.config
    assert torch.allclose(back(mel), judge(mel), atol=2e-2)  # half precision on disk
    weights = tmp_path / "judge.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match="has changed"):
        load_judge(tmp_path)


def clip(category, kind, group="g"):
    return SimpleNamespace(category=category, kind=kind, group=group, file=f"{category}/{kind}")


def test_rendered_clips_only_where_recordings_are_few_and_mixtures_never():
    clips = [clip("animal", "recorded")] * 3 + [clip("animal", "synthesised"), clip("drum", "recorded"),
             clip("drum", "rendered"), clip("synth", "synthesised"), clip("synth", "mixed")]  # fmt: skip
    assert eligible(clips, enough=3) == [0, 1, 2, 4, 5, 6]


def test_chances_favour_rare_categories_and_rare_recordings():
    p = chances(["a"] * 16 + ["b"] * 4, ["x"] * 15 + ["y"] + list("mnop"), balance=0.5)
    assert p.sum() == pytest.approx(1.0)
    assert p[:16].sum() / p[16:].sum() == pytest.approx(np.sqrt(16 / 4))
    assert p[15] > p[0]


def tones(n=24):
    """Low tones are `animal`, high tones `bell_ui`: two kinds anybody can tell apart."""
    random = np.random.default_rng(0)
    wavs = [(9000 * np.sin(2 * np.pi * f / 16000 * np.arange(12000))).astype(np.int16)
            for f in np.concatenate([random.uniform(150, 400, n // 2), random.uniform(2500, 5000, n // 2)])]
    labels = np.repeat([1, 2], n // 2)
    return JudgeClips(wavs, [f"t{i}" for i in range(n)], labels, np.full(n, 1 / n))


def task(**options):
    chosen = JudgeOptions(seconds=(0.16, 0.32), **options)
    return JudgeTask(preset("tiny"), TrainConfig(steps=16, batch=8), chosen,
                     clips=tones(), valid=tones(8))


def test_a_batch_is_a_pure_function_of_the_step():
    one, two = task(), task()
    one.batch(0)
    a, b = one.batch(5), two.batch(5)
    assert torch.equal(a["mel"], b["mel"])
    assert torch.equal(a["target"], b["target"])
    assert a["target"].sum(-1) == pytest.approx(np.ones(8))


def test_augmentation_keeps_the_shape_and_leaves_the_input_alone():
    mel = torch.randn(4, 32, 64)
    before = mel.clone()
    out = augment(mel, JudgeOptions(), np.random.default_rng(0), floor=-11.5)
    assert out.shape == mel.shape
    assert torch.equal(mel, before)
    assert not torch.equal(out, mel)
    nothing = JudgeOptions(shift_mels=0, masks=0)
    assert torch.equal(augment(mel, nothing, np.random.default_rng(0), floor=-11.5), mel)


def test_it_learns_and_its_averaged_weights_judge_right(tmp_path):
    job = task(mixup=0.2)
    config = TrainConfig(steps=16, batch=8, lr=5e-3, warmup=2, ema=0.7)
    state = train(job, config, tmp_path / "run", progress=False)
    state.ema.copy_to("judge", job.model)
    wavs = torch.from_numpy(np.stack(tones(10).wavs).astype(np.float32) / 32768.0)
    result = judge_accuracy(wavs, ["animal"] * 5 + ["bell_ui"] * 5, job.model)
    assert result["top1"] >= 0.9
    assert result["n"] == 10


def test_a_run_is_shipped_with_its_record(tmp_path):
    job = task()
    config = TrainConfig(steps=1, batch=2)
    job.meta["recipe"] = {"train": {"batch": 2, "seed": 0}, "options": {"enough": 7}}
    export(job, train(job, config, tmp_path / "run", progress=False), tmp_path / "run" / "weights")
    folder = ship_judge(tmp_path / "run", tmp_path / "shipped")
    card = (folder / "README.md").read_text()
    assert "| animal | 12 |" in card
    assert "fewer than 7 recordings" in card
    assert load_judge(folder).config == JudgeConfig()
