"""The text side of CLAP, learnt again with the audio side frozen: everything trained on sound embeddings stays valid.

With the sounds' embeddings computed once, a step costs milliseconds, so the text projection can see many wordings: words
swapped for WordNet's synonyms and kinds, and noise on the sentence embedding, which makes neighbours in the sentence
encoder's space neighbours of the sound (words that no caption holds gain most). The empty prompt stays where the
diffusion model met it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.config import ModelConfig
from ldm_lab.models.clap import contrastive_loss
from ldm_lab.training.data import Sounds
from ldm_lab.training.recipe import TrainConfig
from ldm_lab.training.synonyms import Synonyms
from ldm_lab.training.task_clap import ClapOptions, ClapTask, agreement


@dataclass(frozen=True)
class ClapTextOptions:
    """`start` holds the trained CLAP; `items` windows are read once; `swap` and `noise` widen the text."""

    start: str = "runs/clap/weights"
    text_tower: str = ""  # folder of a newer text tower to put in; "" keeps the one in `start`
    items: int = 11520
    swap: float = 0.3  # share of captions with words swapped for others of near meaning
    noise: float = 0.8  # length of the noise on a sentence embedding of length 1
    align: float = 1.0  # weight of 1 - cosine of each pair: a text becomes the mean of its sounds, as a condition should
    hold_empty: float = 1.0  # weight of keeping the empty prompt's embedding where it was
    wordnet: str = "/usr/share/wordnet"  # "" does without synonyms
    seconds: float = 2.56
    join: float = 0.1
    category_caption: float = 0.08
    category_captions: tuple[str, ...] = ()
    similar_from: float = 0.9
    valid_clips: int = 400


class ClapTextTask:
    """Batches of (sound embedding, sentence features) for `training.loop`; only the text projection learns."""

    def __init__(self, config: ModelConfig, train: TrainConfig, options: ClapTextOptions, *, sounds: Sounds | None = None,
                 valid: Sounds | None = None) -> None:
        self.train, self.options = train, options
        pairs = ClapOptions(
            seconds=options.seconds, text_tower="", join=options.join, category_caption=options.category_caption,
            category_captions=options.category_captions, valid_clips=options.valid_clips, start=options.start)
        self.pairs = ClapTask(config, train, pairs, sounds=sounds, valid=valid)
        self.clap, self.rng, self.validate = self.pairs.clap, self.pairs.rng, self.pairs.validate
        self.clap.eval().requires_grad_(False)
        self.empty = self.clap.encode_text([""])  # before the tower changes: what the diffusion model was trained with
        if options.text_tower:
            from ldm_lab.training.task_clap import load_text_tower

            load_text_tower(self.clap, Path(options.text_tower))
        self.clap.text_projection.requires_grad_(True)
        self.clap.logit_scale.requires_grad_(True)
        self.modules: dict[str, nn.Module] = {"clap": self.clap}
        self.meta: dict = {}
        self._read_sounds()
        self._word_otherwise()

    @torch.no_grad()
    def _read_sounds(self) -> None:
        """Embed `items` windows, each with the caption, category and clip it belongs to."""
        size, found = 32, []
        self.texts, self.general, self.clips = [], [], []
        for step in range(math.ceil(self.options.items / size)):
            clips = self.pairs.windows.indices(step, size)
            mels, texts, general = zip(*(self.pairs.item(c, step, i) for i, c in enumerate(clips)), strict=True)
            found.append(self.clap.encode_mel(torch.stack([torch.from_numpy(mel) for mel in mels])))
            self.texts += texts
            self.general += general
            self.clips += clips
        self.sounds = torch.cat(found)

    def _word_otherwise(self) -> None:
        """Two rewordings of each text where WordNet has any, and the sentence features of all texts."""
        self.other: list[list[str]] = [[] for _ in self.texts]
        if self.options.wordnet and self.options.swap > 0:
            words = random.Random(self.rng.key("swap"))
            synonyms = Synonyms(Path(self.options.wordnet), self.clap.words())
            self.other = [[t for t in (synonyms.swap(text, words) for _ in range(2)) if t] for text in self.texts]
        every = list(dict.fromkeys([*self.texts, *(text for texts in self.other for text in texts)]))
        self._place = {text: i for i, text in enumerate(every)}
        self._features = torch.cat([self._read(every[i : i + 128]) for i in range(0, len(every), 128)])
        self._empty_features = self._read([""])

    @torch.no_grad()
    def _read(self, texts: list[str]) -> Tensor:
        return self.clap.text_tower(*self.clap.tokenize(texts))

    def optimised(self) -> dict[str, list[nn.Parameter]]:
        return {"text": [p for p in self.clap.parameters() if p.requires_grad]}

    def batch(self, step: int) -> dict:
        rng = self.rng.numpy("clap text", step)
        chosen = rng.choice(len(self.texts), min(self.train.batch, len(self.texts)), replace=False).tolist()
        worded = [self._reworded(i, rng) for i in chosen]
        features = self._features[[self._place[text] for text in worded]]
        categories = [self.pairs.sounds.categories[self.clips[i]] for i in chosen]
        # a reworded caption still counts as the caption it came from
        same = agreement(features, [self.texts[i] for i in chosen], categories, [self.general[i] for i in chosen],
                         similar_from=self.options.similar_from)
        noise = self.rng.randn(features.shape, "noise", step) * (self.options.noise / features.shape[1] ** 0.5)
        return {"sound": self.sounds[chosen], "features": F.normalize(features + noise, dim=-1), "same": same,
                "empty_features": self._empty_features, "empty": self.empty,
                "names": [self.pairs.sounds.names[self.clips[i]] for i in chosen]}

    def _reworded(self, item: int, rng) -> str:
        others = self.other[item]
        return others[int(rng.integers(len(others)))] if others and rng.random() < self.options.swap else self.texts[item]

    def losses(self, batch: dict, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        self.clap.eval()
        self.clap.text_projection.train()
        text = self.clap.text_projection(batch["features"])
        contrast = contrastive_loss(batch["sound"], text, batch["same"], self.clap.logit_scale.exp())
        apart = 1.0 - (text * batch["sound"]).sum(-1).mean()
        moved = 1.0 - (self.clap.text_projection(batch["empty_features"]) * batch["empty"]).sum()
        loss = contrast + self.options.align * apart + self.options.hold_empty * moved
        yield "text", loss, {"loss": contrast.item(), "apart": apart.item(), "empty_moved": moved.item()}
