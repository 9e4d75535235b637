"""CLAP: text and sound in one space (Wu et al. 2023; AudioLDM section 3.1), here our own small one.

What the rest of the library asks of any CLAP is this interface: `encode_text`, `encode_audio` and `encode_mel`, each
giving unit vectors (B, embed_dim). The embedding of the empty prompt is the unconditional embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.audio.mel import MelFrontend
from ldm_lab.config import ClapConfig, MelConfig
from ldm_lab.errors import AudioInputError, PromptError
from ldm_lab.models.audio_tower import AudioTower
from ldm_lab.models.text_tower import TextTower
from ldm_lab.models.tokenizer import HashTokenizer, WordPieceTokenizer, tokenize

MIN_FRAMES = 10  # 0.1 s: shorter sounds are continued with silence


class Projection(nn.Module):
    """Linear map plus a residual MLP into the shared space, then unit length."""

    def __init__(self, width: int, embed_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, embed_dim)
        self.mlp = nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, 2 * embed_dim), nn.GELU(),
                                 nn.Dropout(0.1), nn.Linear(2 * embed_dim, embed_dim))

    def forward(self, h: Tensor) -> Tensor:
        """(B, width) -> (B, embed_dim), L2-normalised."""
        h = self.linear(h)
        return F.normalize(h + self.mlp(h), dim=-1)


class Clap(nn.Module):
    """Two towers into one space of unit vectors.

    `tokenizer_json` holds the WordPiece vocabulary (a tokenizer.json as text) that the checkpoint stores beside the
    weights; without one words are hashed, which is deterministic but knows no language (untrained models, tests).
    """

    def __init__(self, config: ClapConfig, mel: MelConfig = MelConfig(), *, tokenizer_json: str | None = None) -> None:
        super().__init__()
        self.config = config
        self.mel = MelFrontend(mel)
        self.audio_tower = AudioTower(config)
        self.text_tower = TextTower(config)
        self.audio_projection = Projection(2 * config.audio_widths[-1], config.embed_dim)
        self.text_projection = Projection(config.text_out, config.embed_dim)
        self.logit_scale = nn.Parameter(torch.tensor(2.66))  # log of 1 / temperature, temperature 0.07 at first
        self.tokenizer_json: str | None = None
        self._tokenizer: HashTokenizer | WordPieceTokenizer = HashTokenizer(config.text_vocab)
        if tokenizer_json is not None:
            self.set_tokenizer(tokenizer_json)

    def set_tokenizer(self, json_text: str) -> None:
        """Use the WordPiece vocabulary in `json_text`. Raises CheckpointError if it does not fit this tower."""
        self._tokenizer = WordPieceTokenizer(json_text, self.config.text_vocab)
        self.tokenizer_json = json_text

    def words(self) -> frozenset[str]:
        """The whole words of the vocabulary, lower case; empty without a tokenizer.json."""
        return self._tokenizer.words()

    def tokenize(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token numbers (B, L) and mask (B, L); prompts beyond `max_tokens` are cut with a warning in the log.

        Raises PromptError for anything but a list of strings.
        """
        if isinstance(prompts, str):
            raise PromptError(f"prompts: got one string, expected a list of them; write [{prompts[:20]!r}]")
        ids, mask = tokenize(self._tokenizer, prompts, max_tokens=self.config.max_tokens)
        device = self.logit_scale.device
        return ids.to(device), mask.to(device)

    def encode_text(self, prompts: Sequence[str]) -> Tensor:
        """Prompts (B strings, "" allowed) -> (B, embed_dim), L2-normalised."""
        ids, mask = self.tokenize(prompts)
        return self.text_projection(self.text_tower(ids, mask))

    def encode_audio(self, wav: Tensor) -> Tensor:
        """wav (B, N) in [-1, 1] at the front end's rate, any N >= 1 -> (B, embed_dim), L2-normalised."""
        if wav.ndim != 2 or wav.shape[1] == 0:
            raise AudioInputError(f"wav: got shape {tuple(wav.shape)}, expected (B, N) with N >= 1: a batch of mono sounds")
        least = MIN_FRAMES * self.mel.config.hop_length
        return self.encode_mel(self.mel(F.pad(wav, (0, max(0, least - wav.shape[1])))))

    def encode_mel(self, mel: Tensor) -> Tensor:
        """mel (B, T, M) natural-log mel -> (B, embed_dim), L2-normalised."""
        return self.audio_projection(self.audio_tower(mel))


def contrastive_loss(audio: Tensor, text: Tensor, same: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE in which a text may fit several sounds of the batch.

    audio, text (B, E) unit vectors, `same` (B, B) >= 0 with row i = how well each text fits sound i (diagonal 1, 1 for
    equal captions, 0 for strangers), `scale` = 1 / temperature. Each row's targets are `same` normalised to sum 1, so a
    duplicate of the caption is a positive, never a negative (with `same` = identity it is Radford et al. 2021).
    """
    logits = scale * audio @ text.T  # (B, B)
    to_text = -(same / same.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
    to_audio = -(same / same.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0).mean()
    return 0.5 * (to_text + to_audio)
