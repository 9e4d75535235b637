"""Text to token numbers: WordPiece from a tokenizer.json, or a hash of words where no vocabulary is at hand.

Both lower-case, both put a start and an end mark around the text, both cut what is longer than the tower can read.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ldm_lab.errors import CheckpointError, PromptError

log = logging.getLogger(__name__)

PAD, START, END = 0, 101, 102  # numbers BERT's vocabulary gives [PAD], [CLS] and [SEP]


def clean(text: str) -> str:
    """`text` without what no tokenizer can read (lone surrogates, NUL). Raises PromptError if it is not a string."""
    if not isinstance(text, str):
        raise PromptError(f"prompt: got {type(text).__name__} {text!r:.40}, expected text (str)")
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")


class HashTokenizer:
    """Words and punctuation hashed into `vocab` numbers: needs no file, knows no word. For tests and tiny models."""

    def __init__(self, vocab: int) -> None:
        self.vocab = vocab

    def encode(self, text: str) -> list[int]:
        reserved = END + 1 if self.vocab > 2 * END else 1
        words = re.findall(r"\w+|[^\w\s]", clean(text).lower())
        return [reserved + zlib.crc32(word.encode()) % (self.vocab - reserved) for word in words]

    def words(self) -> frozenset[str]:
        return frozenset()


class WordPieceTokenizer:
    """The `tokenizers` library reading a tokenizer.json given as text."""

    def __init__(self, json_text: str, vocab: int) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_str(json_text)
        except Exception as error:  # the library raises a bare Exception for anything it cannot parse
            raise CheckpointError(f"tokenizer.json cannot be read: {error}; fetch the weights again") from error
        if self._tokenizer.get_vocab_size() > vocab:
            raise CheckpointError(
                f"tokenizer.json has {self._tokenizer.get_vocab_size()} tokens, the text tower {vocab}: "
                "they belong to different models"
            )
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(clean(text), add_special_tokens=False).ids

    def words(self) -> frozenset[str]:
        return frozenset(word for word in self._tokenizer.get_vocab() if word.isalpha() and len(word) > 1)


def tokenize(tokenizer: HashTokenizer | WordPieceTokenizer, texts: Sequence[str], *, max_tokens: int) -> tuple[Tensor, Tensor]:
    """Token numbers (B, L) and mask (B, L), 1 = a token, L the longest text's count (never above `max_tokens`).

    A longer text is cut, with a warning in the log: its end has no effect on the sound.
    """
    rows = []
    for text in texts:
        ids = tokenizer.encode(text)
        if len(ids) > max_tokens - 2:
            log.warning("prompt of %d tokens cut to the %d the text tower reads: %.60r...", len(ids), max_tokens - 2, text)
        rows.append([START, *ids[: max_tokens - 2], END])
    longest = max((len(row) for row in rows), default=2)
    ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows], dtype=torch.long).view(len(rows), longest)
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.long).view(len(rows), 1)
    mask = (torch.arange(longest)[None, :] < lengths).to(torch.float32)
    return ids, mask
