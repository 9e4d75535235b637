"""Learning the judge: which of 14 kinds of sound is this? Used for measuring only, never for training anything else.

It learns from recordings of the training split; where a category has fewer than `enough` of them, the rendered and
synthesised clips of that category join in (most instruments and drums are rendered). Mixtures have two categories and
stay out. It never meets a reconstructed, vocoded or generated sound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.audio.mel import MelFrontend
from ldm_lab.audio.windows import place
from ldm_lab.config import ModelConfig
from ldm_lab.errors import TrainingError
from ldm_lab.models.judge import Judge, JudgeConfig
from ldm_lab.rng import Rng, seeded
from ldm_lab.training.data import Sounds
from ldm_lab.training.recipe import TrainConfig
from ldm_lab.training.task_clap import MelStore


@dataclass(frozen=True)
class JudgeOptions:
    """Windows and augmentation. Lengths are drawn per batch, so that the judge reads any length."""

    seconds: tuple[float, ...] = (1.28, 1.28, 1.28, 2.56)
    enough: int = 300  # recordings; a category with fewer also takes rendered and synthesised clips
    balance: float = 0.5  # chance of a category ~ (its clips) ** balance; of a recording in it ~ (its windows) ** balance
    gain_db: float = 15.0  # a clip is played back up to this much quieter
    mixup: float = 0.3  # share of windows mixed with another one
    mixup_beta: float = 0.4
    shift_mels: int = 1  # the mel axis moves by up to this many bands
    masks: int = 1  # SpecAugment (Park et al. 2019): stripes in time, and as many in frequency
    mask_time: float = 0.2  # longest stripe as a share of the window
    mask_mels: int = 8
    smoothing: float = 0.05
    valid_clips: int = 400


@dataclass(frozen=True)
class JudgeClips:
    """The waveforms the judge learns from: int16 (N,) each, category index, chance of being drawn."""

    wavs: Sequence[np.ndarray]
    names: Sequence[str]
    labels: np.ndarray
    chances: np.ndarray


def eligible(clips: Sequence, *, enough: int) -> list[int]:
    """Indices of the clips the judge may learn from (see the top of this file); `clips` are corpus clips."""
    recorded = Counter(clip.category for clip in clips if clip.kind == "recorded")
    return [
        i for i, clip in enumerate(clips)
        if clip.kind == "recorded" or (clip.kind != "mixed" and recorded[clip.category] < enough)
    ]  # fmt: skip


def chances(categories: Sequence[str], groups: Sequence[str], *, balance: float) -> np.ndarray:
    """(n,) chance of each clip: rare categories and recordings with few clips are drawn more often than their share."""
    per_category, per_group = Counter(categories), Counter(zip(categories, groups))
    weight = np.array([per_group[pair] ** (balance - 1.0) for pair in zip(categories, groups)])
    for name, count in per_category.items():
        rows = np.array([c == name for c in categories])
        weight[rows] *= count**balance / weight[rows].sum()
    return weight / weight.sum()


def judge_clips(clips: Sequence, read, categories: Sequence[str], options: JudgeOptions) -> JudgeClips:
    """Training material from the corpus clips of one split; ``read(i)`` gives clip i as int16 (N,)."""
    chosen = eligible(clips, enough=options.enough)
    if not chosen:
        raise TrainingError("no clip to learn from: the judge needs recorded clips in the training split")
    names = [clips[i].category for i in chosen]
    return JudgeClips(
        [read(i) for i in chosen], [clips[i].file for i in chosen], np.array([categories.index(n) for n in names]),
        chances(names, [clips[i].group for i in chosen], balance=options.balance),
    )


def corpus_clips(split: str, categories: Sequence[str], options: JudgeOptions) -> JudgeClips:
    """`judge_clips` of a split of the shipped corpus."""
    from ldm_lab.corpus import open_corpus

    corpus = open_corpus()
    samples, offsets = corpus.read_all()
    rows = [i for i, clip in enumerate(corpus.clips) if clip.split == split]
    return judge_clips([corpus.clips[i] for i in rows],
                       lambda i: samples[offsets[rows[i]] : offsets[rows[i] + 1]], categories, options)


def augment(mel: Tensor, options: JudgeOptions, random: np.random.Generator, *, floor: float) -> Tensor:
    """Move the mel axis and cut stripes out of mel (B, T, M); stripes hold the mean of the window."""
    mel = mel.clone()
    frames, bands = mel.shape[1:]
    for one in mel:  # (T, M)
        shift = int(random.integers(-options.shift_mels, options.shift_mels + 1))
        if shift:
            one.copy_(torch.roll(one, shift, dims=1))
            one[:, slice(0, shift) if shift > 0 else slice(shift, None)] = floor
        mean = one.mean()
        for _ in range(options.masks):
            width = int(random.integers(0, max(1, int(options.mask_time * frames)) + 1))
            start = int(random.integers(0, frames - width + 1))
            one[start : start + width] = mean
            width = int(random.integers(0, min(options.mask_mels, bands) + 1))
            start = int(random.integers(0, bands - width + 1))
            one[:, start : start + width] = mean
    return mel


class JudgeTask:
    def __init__(self, config: ModelConfig, train: TrainConfig, options: JudgeOptions, *,
                 clips: JudgeClips | None = None, valid: JudgeClips | None = None) -> None:
        self.config, self.train, self.options, self.rng = config, train, options, Rng(train.seed)
        shape = JudgeConfig(n_mels=config.mel.n_mels)
        with seeded(self.rng.key("init")):
            self.model = Judge(shape)
        self.modules: dict[str, nn.Module] = {"judge": self.model}
        self.front = MelFrontend(config.mel)
        self.clips = clips or corpus_clips("train", shape.categories, options)
        self.valid = valid or corpus_clips("valid", shape.categories, options)
        ends = np.concatenate([[0], np.cumsum([len(wav) for wav in self.clips.wavs])])
        self.mels = MelStore(Sounds(np.concatenate(self.clips.wavs), ends, self.clips.names), config.mel)
        counts = Counter(shape.categories[i] for i in self.clips.labels)
        self.meta: dict = {"clips": dict(counts)}
        self._valid_batch: tuple[Tensor, Tensor] | None = None

    def optimised(self) -> dict[str, list[nn.Parameter]]:
        return {"judge": list(self.model.parameters())}

    def batch(self, step: int) -> dict:
        """mel (B, T, M) of augmented windows and target (B, categories): a pure function of the step."""
        random, options, config = self.rng.numpy("batch", step), self.options, self.config.mel
        frames = round(float(random.choice(options.seconds)) * config.sample_rate / config.hop_length)
        chosen = random.choice(len(self.clips.labels), size=(2, self.train.batch), p=self.clips.chances)
        labels = np.eye(len(self.model.config.categories), dtype=np.float32)[self.clips.labels[chosen]]  # (2, B, K)
        share = random.beta(options.mixup_beta, options.mixup_beta, size=(self.train.batch, 1)).astype(np.float32)
        share[random.random((self.train.batch, 1)) >= options.mixup] = 1.0
        mel = np.stack([self._window(i, frames, random) for i in chosen[0]])  # (B, T, M)
        for row in np.flatnonzero(share[:, 0] < 1.0):
            other = self._window(chosen[1][row], frames, random)
            mel[row] = np.log(share[row] * np.exp(mel[row]) + (1 - share[row]) * np.exp(other))
        mel = augment(torch.from_numpy(mel), options, random, floor=self.mels.floor)
        target = torch.from_numpy(share * labels[0] + (1 - share) * labels[1])
        return {"mel": mel, "target": target, "names": [self.clips.names[i] for i in chosen[0]]}

    def _window(self, index: int, frames: int, random: np.random.Generator) -> np.ndarray:
        """(frames, M): a crop or repetition of a clip's mel, with a random gain."""
        gain = random.uniform(-self.options.gain_db, 0.0) * np.log(10) / 20
        return np.maximum(self.mels.window(int(index), frames, random) + np.float32(gain), self.mels.floor)

    def losses(self, batch: dict, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        with seeded(self.rng.key("dropout", step)):  # dropout draws from the global generator
            logits = self.model(batch["mel"])
        loss = F.cross_entropy(logits.float(), batch["target"], label_smoothing=self.options.smoothing)
        right = (logits.argmax(-1) == batch["target"].argmax(-1)).float().mean()
        yield "judge", loss, {"loss": loss.item(), "accuracy": right.item()}

    def validate(self, folder: Path) -> dict[str, float]:
        """Top-1, top-3 and the mean over categories of top-1 on 2.56 s windows of the validation split."""
        if self._valid_batch is None:
            order = self.rng.numpy("valid order").permutation(len(self.valid.labels))[: self.options.valid_clips]
            samples = round(2.56 * self.config.mel.sample_rate)
            windows = [place(self.valid.wavs[i].astype(np.float32) / 32768.0, samples, self.rng.numpy("valid", int(i)))
                       for i in order]
            self._valid_batch = self.front(torch.from_numpy(np.stack(windows))), torch.from_numpy(self.valid.labels[order])
        mel, labels = self._valid_batch
        device = next(self.model.parameters()).device
        ranked = torch.cat([self.model(part.to(device)).cpu() for part in mel.split(64)]).argsort(-1, descending=True)
        right = (ranked[:, 0] == labels).float()
        recall = [right[labels == k].mean().item() for k in labels.unique()]
        return {"valid_top1": right.mean().item(), "valid_top3": (ranked[:, :3] == labels[:, None]).any(-1).float().mean().item(),
                "valid_recall": sum(recall) / len(recall)}
