"""Other words for what a caption says, from WordNet: "a dog barking" -> "a terrier barking".

Used while CLAP's text side learns, so that it sees far more words than the captions hold. Build time only.
"""

from __future__ import annotations

import random
from pathlib import Path

from ldm_lab.errors import CorpusError
from ldm_lab.training.sentences import gerund


class Synonyms:
    """Replacements for single words: members of the word's first sense and, for nouns, of its direct kinds."""

    def __init__(self, folder: Path, common: frozenset[str]) -> None:
        """Read WordNet's noun and verb files in `folder`; only words made of `common` words are offered."""
        if not (folder / "data.noun").is_file():
            raise CorpusError(f"no WordNet files in {folder}: install them (Debian: wordnet-base), or set options.wordnet to "
                              "their folder, or to \"\" to do without")
        self._members: dict[tuple[str, str], list[str]] = {}
        self._kinds: dict[tuple[str, str], list[str]] = {}
        self._first: dict[tuple[str, str], str] = {}
        self._known: dict[str, list[str]] = {}
        for part in ("noun", "verb"):
            self._read(folder, part, common)

    def _read(self, folder: Path, part: str, common: frozenset[str]) -> None:
        """Synset members and hyponyms ("~" pointers) from data.PART, first senses from index.PART (format: wndb(5WN))."""
        for line in (folder / f"data.{part}").read_text("latin-1").splitlines():
            if line.startswith("  "):
                continue
            columns = line.split(" | ")[0].split()
            count = int(columns[3], 16)
            words = [columns[4 + 2 * i].lower() for i in range(count)]
            self._members[part, columns[0]] = [w.replace("_", " ") for w in words if all(x in common for x in w.split("_"))]
            at = 4 + 2 * count
            pointers = [(columns[at + 1 + 4 * i], columns[at + 2 + 4 * i]) for i in range(int(columns[at]))]
            self._kinds[part, columns[0]] = [offset for symbol, offset in pointers if symbol == "~"]
        for line in (folder / f"index.{part}").read_text("latin-1").splitlines():
            if not line.startswith(" "):
                columns = line.split()
                self._first[part, columns[0]] = columns[-int(columns[2])]

    def of(self, word: str) -> list[str]:
        """Replacements for one lower-case word; empty if there is none."""
        if word not in self._known:
            self._known[word] = self._find(word)
        return self._known[word]

    def _find(self, word: str) -> list[str]:
        for noun in (word, word.removesuffix("s")):
            if sense := self._first.get(("noun", noun)):
                kinds = [other for kind in self._kinds["noun", sense] for other in self._members["noun", kind]]
                return [other for other in self._members["noun", sense] if other != noun] + kinds
        if word.endswith("ing"):
            for base in (word[:-3], word[:-3] + "e", word[:-4]):
                if sense := self._first.get(("verb", base)):
                    return [gerund(other) for other in self._members["verb", sense] if other != base and " " not in other]
        return []

    def swap(self, text: str, rng: random.Random, *, share: float = 0.5) -> str | None:
        """`text` with about a `share` of the words that have replacements replaced; None if nothing changed."""
        words, changed = text.split(), False
        for i, word in enumerate(words):
            others = self.of(word.strip(",.").lower())
            if others and rng.random() < share:
                words[i], changed = rng.choice(others), True
        return " ".join(words) if changed else None
