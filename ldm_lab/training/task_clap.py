"""Learning CLAP: sound windows and captions pulled together, strangers apart (InfoNCE, Radford et al. 2021).

The text tower is distilled beforehand and stays as it is, so that words no caption contains keep their meaning; the
audio tower and both projections learn. Captions repeat across clips, therefore equal captions count as positives and
near-equal ones partly (`agreement`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ldm_lab.audio.mel import MelFrontend
from ldm_lab.checkpoint.files import read_tensors
from ldm_lab.config import MelConfig, ModelConfig
from ldm_lab.errors import CheckpointError, ConfigError
from ldm_lab.models.clap import Clap, contrastive_loss
from ldm_lab.rng import Rng, seeded
from ldm_lab.training.data import Sounds, Windows, corpus_sounds, fixed_windows
from ldm_lab.training.recipe import TrainConfig
from ldm_lab.training.sentences import dress
from ldm_lab.training.teacher import Teacher

_DB = math.log(10) / 20  # one decibel on natural-log magnitude


@dataclass(frozen=True)
class ClapOptions:
    """Windows of `seconds`; probabilities of joining two clips and of a category's caption; soft-target threshold."""

    seconds: float = 2.56
    text_tower: str = "runs/text_tower"  # folder of `ldm_lab.training.distil`; "" leaves the tower untrained (tests)
    teacher: bool = False  # read captions with the tower's teacher (build time only); the tower stands in afterwards
    join: float = 0.15
    category_caption: float = 0.08
    category_captions: tuple[str, ...] = ()  # "animal: the sound of an animal", ...
    similar_from: float = 0.9  # captions closer than this (cosine in the text tower) are partly positives
    valid_clips: int = 400
    start: str = ""  # folder with clap.safetensors to go on from


class MelStore:
    """Log-mel of every clip, made once: cropping, tiling and mixing are then cheap (float16, 115 MB for 2.5 h)."""

    def __init__(self, sounds: Sounds, config: MelConfig) -> None:
        front = MelFrontend(config)
        self.floor = math.log(config.floor)
        self.mels: list[np.ndarray] = []
        for index in range(len(sounds)):
            wav = torch.from_numpy(sounds.read(index))[None]
            short = max(0, config.hop_length - wav.shape[1])
            self.mels.append(front(nn.functional.pad(wav, (0, short)))[0].half().numpy())

    def window(self, clip: int, frames: int, rng: np.random.Generator) -> np.ndarray:
        """(frames, M) float32: a crop of a long clip; a short one once or repeated, with gaps, from a random start."""
        mel = self.mels[clip].astype(np.float32)
        if len(mel) >= frames:
            starts = rng.integers(0, len(mel) - frames + 1, 3)
            start = max(starts, key=lambda s: float(mel[s : s + frames : 8].mean()))  # pauses are rarely what is learnt
            return mel[start : start + frames]
        out = np.full((frames, mel.shape[1]), self.floor, np.float32)
        once = len(mel) > 0.5 * frames or rng.random() < 0.25
        gap = int(rng.uniform(0.02, 0.6) * max(len(mel), 20))
        position = int(rng.integers(0, frames - len(mel) + 1)) if once else int(rng.integers(0, gap + 1))
        while position < frames:
            part = mel[: frames - position]
            out[position : position + len(part)] = part
            position += frames if once else len(mel) + gap
        return out


def augment(mel: np.ndarray, floor: float, rng: np.random.Generator) -> np.ndarray:
    """Random gain and one mask each in time and frequency (SpecAugment, Park et al. 2019); mel (T, M), natural log."""
    mel = np.maximum(mel + rng.uniform(-15.0, 3.0) * _DB, floor)
    frames, bins = mel.shape
    if rng.random() < 0.5:
        width = int(rng.integers(1, max(2, frames // 8)))
        start = int(rng.integers(0, frames - width + 1))
        mel[start : start + width] = floor
    if rng.random() < 0.5:
        width = int(rng.integers(1, max(2, bins // 8)))
        start = int(rng.integers(0, bins - width + 1))
        mel[:, start : start + width] = mel.mean()
    return mel


def agreement(features: Tensor, texts: Sequence[str], categories: Sequence[str], general: Sequence[bool], *,
              similar_from: float) -> Tensor:
    """(B, B) in [0, 1]: how well text j fits sound i. 1 for itself and for equal texts, up to 0.5 for texts whose
    features (B, D unit vectors) are closer than `similar_from`, 0.5 where text j is `general` (names only the category)
    and sound i is of that category, else 0."""
    cosine = features @ features.T
    same = 0.5 * ((cosine - similar_from) / (1.0 - similar_from)).clamp(0.0, 1.0)
    text, category = (_numbered(names).to(same.device) for names in ([t.lower().rstrip(".") for t in texts], categories))
    fits = torch.tensor(general, device=same.device)[None, :] & (category[:, None] == category[None, :])
    same = torch.where(fits, same.clamp(min=0.5), same)
    return torch.where(text[:, None] == text[None, :], torch.ones_like(same), same)


def _numbered(names: Sequence[str]) -> Tensor:
    """(B,) the same number for the same name."""
    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(name, len(numbers)) for name in names])


class ClapTask:
    """Batches of (mel window, caption) and their contrastive loss, for `training.loop`."""

    def __init__(self, config: ModelConfig, train: TrainConfig, options: ClapOptions, *, sounds: Sounds | None = None,
                 valid: Sounds | None = None) -> None:
        self.config, self.train, self.options, self.rng = config, train, options, Rng(train.seed)
        with seeded(self.rng.key("init")):
            self.clap = Clap(config.clap, config.mel)
        if options.start:
            from ldm_lab.checkpoint.parts import load_part

            load_part(self.clap, Path(options.start), "clap")
        elif options.text_tower:
            load_text_tower(self.clap, Path(options.text_tower))
        self.clap.text_tower.requires_grad_(False)
        self.teacher = Teacher() if options.teacher else None
        self.modules: dict[str, nn.Module] = {"clap": self.clap}
        self.meta: dict = {}
        self.sounds = sounds or corpus_sounds("train")
        self.valid_sounds = valid
        self.windows = Windows(self.sounds, options.seconds, seed=train.seed, rate=config.mel.sample_rate)
        self.store = MelStore(self.sounds, config.mel)
        self.frames = round(options.seconds * config.mel.sample_rate / config.mel.hop_length)
        self.general = dict(_split_general(line) for line in options.category_captions)
        self._features: dict[str, Tensor] = {}

    def optimised(self) -> dict[str, list[nn.Parameter]]:
        return {"clap": [p for p in self.clap.parameters() if p.requires_grad]}

    def batch(self, step: int) -> dict:
        clips = self.windows.indices(step, self.train.batch)
        items = [self.item(clip, step, place) for place, clip in enumerate(clips)]
        mels, texts, general = zip(*items, strict=True)
        features = self.text_features(texts)
        same = agreement(features, texts, [self.sounds.categories[c] for c in clips], general,
                         similar_from=self.options.similar_from)
        return {"mel": torch.from_numpy(np.stack(mels)), "features": features, "same": same,
                "names": [self.sounds.names[c] for c in clips]}

    def item(self, clip: int, step: int, place: int) -> tuple[np.ndarray, str, bool]:
        """One window and one text for it; whether the text names only the category."""
        rng = self.rng.numpy("clap item", step, place)
        words = random.Random(int(rng.integers(0, 2**31)))
        mel = self.store.window(clip, self.frames, rng)
        text = words.choice(self.sounds.captions[clip])
        general = False
        if rng.random() < self.options.join:
            mel, text = self._joined(mel, text, rng, words)
        elif rng.random() < self.options.category_caption and self.sounds.categories[clip] in self.general:
            text, general = words.choice(self.general[self.sounds.categories[clip]]), True
        elif rng.random() < 0.3:
            text = dress(text, words)
        return augment(mel, self.store.floor, rng), text, general

    def _joined(self, mel: np.ndarray, text: str, rng: np.random.Generator, words: random.Random) -> tuple[np.ndarray, str]:
        """A second clip, at the same time ("and") or after the first ("then")."""
        other = int(rng.integers(0, len(self.sounds)))
        second, caption = self.store.window(other, self.frames, rng), words.choice(self.sounds.captions[other])
        caption = caption[:1].lower() + caption[1:]
        if rng.random() < 0.5:
            gain = np.float32(rng.uniform(-4.0, 4.0) * _DB)
            return np.logaddexp(mel, second + gain), f"{text} {words.choice(('and', 'with', 'while'))} {caption}"
        half = self.frames // 2
        mel = np.concatenate([mel[:half], second[: self.frames - half]])
        return mel, f"{text} {words.choice(('then', 'and then', 'followed by'))} {caption}"

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """(B, text_out) of the frozen tower; captions that come again are read once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._features]
        if new:
            found = self.teacher.encode(new) if self.teacher else self.clap.text_tower(*self.clap.tokenize(new))
            self._features.update(zip(new, found.cpu(), strict=True))
        rows = torch.stack([self._features[text] for text in texts])
        if len(self._features) > 20000:  # joined captions never come again
            self._features.clear()
        return rows.clone()

    def losses(self, batch: dict, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        self.clap.text_tower.eval()
        audio = self.clap.encode_mel(batch["mel"])
        text = self.clap.text_projection(batch["features"])
        scale = self.clap.logit_scale.clamp(max=math.log(100.0)).exp()
        loss = contrastive_loss(audio, text, batch["same"], scale)
        hit = (audio @ text.T).argmax(1)
        right = batch["same"][torch.arange(len(hit), device=hit.device), hit] >= 0.99
        yield "clap", loss, {"loss": loss.item(), "top1": right.float().mean().item(), "scale": scale.item()}

    def validate(self, folder: Path) -> dict[str, float]:
        """Retrieval both ways on held-out clips, one window each."""
        from ldm_lab.evaluation.retrieval import retrieval

        sounds = self.valid_sounds or corpus_sounds("valid")
        wav, clips = fixed_windows(sounds, self.options.seconds, count=self.options.valid_clips,
                                   rate=self.config.mel.sample_rate)
        device = next(self.clap.parameters()).device
        audio = torch.cat([self.clap.encode_audio(part.to(device)).cpu() for part in wav.split(32)])
        captions = [sounds.captions[i] for i in clips]
        names = sorted({text for texts in captions for text in texts})
        text = torch.cat([self.clap.encode_text(names[i : i + 64]).cpu() for i in range(0, len(names), 64)])
        return retrieval(audio, text, captions, names)


def _split_general(line: str) -> tuple[str, list[str]]:
    category, colon, texts = line.partition(":")
    if not colon or not texts.strip():
        raise ConfigError(f"options.category_captions: got {line!r}, expected \"category: caption | caption\"")
    return category.strip(), [text.strip() for text in texts.split("|")]


def load_text_tower(clap: Clap, folder: Path) -> None:
    """Put a distilled tower and its tokenizer into `clap`. Raises CheckpointError if they are missing or do not fit."""
    tokenizer = folder / "tokenizer.json"
    if not tokenizer.is_file():
        raise CheckpointError(f"{tokenizer}: no text tower there; make it with the recipe text_tower.toml first")
    try:
        clap.text_tower.load_state_dict(read_tensors(folder / "text_tower.safetensors"), strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"{folder}: the text tower does not fit this model: {error}") from error
    clap.set_tokenizer(tokenizer.read_text("utf-8"))
