"""The corpus: where the sounds come from, captions, splits, attribution.

`open_corpus()` reads what is shipped; `build`, `verify` and `stats` make it again, check it and count it.
"""

from __future__ import annotations

from ldm_lab.corpus.reader import Corpus, cache_folder, open_corpus
from ldm_lab.corpus.table import CATEGORIES, KINDS, SAMPLE_RATE, SPLITS, Clip, corpus_folder, read_table

__all__ = [
    "CATEGORIES", "KINDS", "SAMPLE_RATE", "SPLITS", "Clip", "Corpus", "cache_folder", "corpus_folder", "open_corpus", "read_table",
]  # fmt: skip
