"""The corpus: where the sounds come from, captions, splits, attribution.

`open_corpus()` reads what is shipped; `build`, `verify` and `stats` make it again, check it and count it.
"""

from __future__ import annotations

from ldm_lab.corpus.reader import Corpus, cache_folder, open_corpus
from ldm_lab.corpus.rebuild import BuildReport, build
from ldm_lab.corpus.statistics import stats
from ldm_lab.corpus.table import CATEGORIES, KINDS, SAMPLE_RATE, SPLITS, Clip, corpus_folder, read_table
from ldm_lab.corpus.verify import VerifyReport, verify, verify_pack

__all__ = [
    "CATEGORIES", "KINDS", "SAMPLE_RATE", "SPLITS", "BuildReport", "Clip", "Corpus", "VerifyReport", "build", "cache_folder",
    "corpus_folder", "open_corpus", "read_table", "stats", "verify", "verify_pack",
]  # fmt: skip
