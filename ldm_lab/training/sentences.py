"""Sentences to distil a text tower on: captions, WordNet and templates about sounds, all made by code.

The tower must understand words no caption contains, so the text covers far more of the language than the
corpus does: the common English words, dictionary glosses, and generated sentences about things, creatures,
places and materials that make sound. Nothing here is needed once the tower is trained.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ldm_lab.errors import CorpusError

_CLASSES = {  # WordNet lexicographer files (lexnames(5WN)) -> the template slot their nouns fill
    "05": "animal", "06": "artifact", "18": "person", "27": "substance", "19": "phenomenon",
    "13": "food", "17": "object", "20": "plant", "15": "place", "11": "event", "04": "act",
}
_JOINERS = ("then", "and then", "followed by", "after that", "before")
_DOUBLED = {"hum", "grin", "tap", "step", "hop", "drag", "spin", "ring_", "chop", "cut", "saw_", "dig", "snap", "rip",
            "flap", "drop", "drip", "pop", "rub", "run", "stop", "skid", "rev", "chug", "shut", "zip", "unzip", "mop",
            "strum", "drum", "sob", "whiz", "jog", "slam", "thud_", "hit", "slap", "zap", "rap", "sip", "clap", "sit"}


@dataclass(frozen=True)
class TextSet:
    """Sentences and the index pairs (i, j) whose sentences hold the same words in another order."""

    sentences: list[str]
    order_pairs: list[tuple[int, int]]
    held_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WordNet:
    """What is read of WordNet: nouns per class, every single-word lemma, and glosses of common words."""

    nouns: Mapping[str, list[str]]
    lemmas: frozenset[str]
    glosses: list[str]


def read_wordnet(folder: Path, common: frozenset[str]) -> WordNet:
    """Read the WordNet database files in `folder`, keeping words whose parts are all in `common`.

    A noun belongs to the class of its most frequent sense. Raises CorpusError if the files are missing.
    """
    if not (folder / "data.noun").is_file():
        raise CorpusError(
            f"no WordNet files in {folder} (expected data.noun, index.noun, ...): "
            "install them (Debian: wordnet-base) or set text.wordnet to their folder, or to \"\" to do without"
        )
    nouns: dict[str, list[str]] = {name: [] for name in _CLASSES.values()}
    lemmas: set[str] = set()
    glosses: list[str] = []
    for part in ("noun", "verb", "adj"):
        classes, first_gloss = _read_data(folder / f"data.{part}", common)
        glosses += first_gloss
        for line in (folder / f"index.{part}").read_text("latin-1").splitlines():
            if line.startswith(" "):
                continue
            columns = line.split()
            words = columns[0].split("_")
            if not all(word in common for word in words) or len(words) > 3:
                continue
            lemmas.add(" ".join(words))
            sense = columns[-int(columns[2])]  # offsets close the line, most frequent sense first
            slot = _CLASSES.get(classes.get(sense, "")) if part == "noun" else None
            if slot:
                nouns[slot].append(" ".join(words))
    return WordNet(nouns=nouns, lemmas=frozenset(lemmas), glosses=glosses)


def _read_data(path: Path, common: frozenset[str]) -> tuple[dict[str, str], list[str]]:
    """Offset -> lexicographer file, and the short definitions of synsets that hold a common word."""
    classes: dict[str, str] = {}
    glosses: list[str] = []
    for line in path.read_text("latin-1").splitlines():
        if line.startswith("  "):
            continue  # licence header
        head, _, gloss = line.partition(" | ")
        columns = head.split()
        classes[columns[0]] = columns[1]
        words = [columns[4 + 2 * i].split("(")[0] for i in range(int(columns[3], 16))]
        known = [word for word in words if all(part.lower() in common for part in word.split("_"))]
        definition = gloss.split(";")[0].strip()
        if known and 3 <= len(definition.split()) <= 10:
            glosses.append(definition)
            glosses.append(f"{known[0].replace('_', ' ').lower()}, {definition}")
            glosses += [part.strip().strip('"') for part in gloss.split(";")[1:] if part.count(" ") >= 2][:1]
    return classes, glosses


def gerund(verb: str) -> str:
    """bark -> barking, whine -> whining, chop -> chopping."""
    if verb in _DOUBLED:
        return verb + verb[-1] + "ing"
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return verb[:-1] + "ing"
    return verb + "ing"


def third_person(verb: str) -> str:
    """bark -> barks, hiss -> hisses, cry -> cries."""
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def article(noun: str) -> str:
    """Put a or an before `noun`."""
    return ("an " if noun[:1].lower() in "aeiou" else "a ") + noun


class Templates:
    """Random sentences about sounds from word lists and WordNet nouns; all randomness is in `rng`."""

    def __init__(self, words: Mapping[str, str], nouns: Mapping[str, Sequence[str]], rng: random.Random) -> None:
        self.rng = rng
        self.words = {name: [w.replace("_", " ") for w in text.split()] for name, text in words.items()}
        self.nouns = {name: list(found) for name, found in nouns.items() if found}

    def pick(self, name: str) -> str:
        return self.rng.choice(self.words[name])

    def thing(self) -> str:
        """Something that may make a sound, sometimes with an adjective."""
        slots = ["animal"] * 3 + ["artifact"] * 4 + ["person"] * 2 + ["phenomenon", "object", "event", "plant"]
        slots = [slot for slot in slots if slot in self.nouns]
        use_instrument = not slots or self.rng.random() < 0.15
        noun = self.pick("instruments") if use_instrument else self.rng.choice(self.nouns[self.rng.choice(slots)])
        return f"{self.pick('adjectives')} {noun}" if self.rng.random() < 0.3 else noun

    def place(self) -> str:
        if "place" in self.nouns and self.rng.random() < 0.25:
            return self.rng.choice(self.nouns["place"])
        return self.pick("places")

    def clause(self) -> str:
        """One event, like "a tree frog croaking in a swamp"."""
        rng, verb = self.rng, self.pick("verbs")
        return rng.choice((
            lambda: f"{article(self.thing())} {gerund(verb)}",
            lambda: f"{article(self.thing())} {third_person(verb)}",
            lambda: f"{article(self.thing())} {gerund(verb)} {self.pick('manners')}",
            lambda: f"{article(self.thing())} {third_person(verb)} in {article(self.place())}",
            lambda: f"the sound of {article(self.thing())}",
            lambda: f"{article(self.thing())} sound effect",
            lambda: f"{article(self.pick('adjectives'))} {gerund(verb)} sound",
            lambda: f"{self.thing()} on {self.pick('materials')}",
            lambda: f"{gerund(verb)} {self.pick('materials')}",
            lambda: f"{article(self.thing())} hitting {self.pick('materials')}",
            lambda: f"{article(self.place())} with {self.thing()} {gerund(verb)}",
            lambda: f"{self.place()} ambience with {self.thing()}",
            lambda: f"{article(self.pick('instruments'))} playing {article(self.pick('adjectives'))} melody",
            lambda: f"{self.pick('adjectives')} music with {self.pick('instruments')} and {self.pick('instruments')}",
            lambda: f"{self.rng.choice(('a man', 'a woman', 'a child', 'a person'))} {third_person(verb)}",
            lambda: f"{self.rng.choice(('a man', 'a woman', 'a child'))} speaking {self.pick('languages')}",
            lambda: f"{self.thing()} {gerund(verb)}",
            lambda: self.thing(),
            lambda: f"{self.thing()} noise",
            lambda: f"{gerund(verb)}",
            lambda: f"{gerund(verb)} {self.pick('manners')}",
        ))()

    def sentence(self) -> str:
        """One or two clauses, with the openings and casing people type."""
        text = self.clause()
        if self.rng.random() < 0.2:
            text = f"{text} {self.rng.choice(('and', 'while', 'with', *_JOINERS))} {self.clause()}"
        return dress(text, self.rng)


def dress(text: str, rng: random.Random) -> str:
    """Vary what does not change the meaning: casing, the full stop, an opening."""
    if rng.random() < 0.08:
        text = rng.choice(("a recording of ", "this is the sound of ", "the noise of ", "I hear ", "sound of ")) + text
    if rng.random() < 0.4:
        text = text[:1].upper() + text[1:]
    return text + "." if rng.random() < 0.15 else text


def read_captions(path: Path) -> list[str]:
    """All distinct captions of a clips.csv, sorted. Raises CorpusError if it cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise CorpusError(f"cannot read the captions in {path}: {error}; name a clips.csv in text.captions") from error
    texts = (row.get("captions") or row.get("caption") or "" for row in rows)
    return sorted({part.strip() for text in texts for part in text.split(" | ") if part.strip()})


def mix_captions(captions: Sequence[str], count: int, rng: random.Random) -> list[str]:
    """Captions in other clothes and joined by twos."""
    mixed = []
    for _ in range(count if captions else 0):
        text = rng.choice(captions)
        if rng.random() < 0.5:
            other = rng.choice(captions)
            text = f"{text} {rng.choice(('and', 'with', 'while', *_JOINERS))} {other[:1].lower() + other[1:]}"
        elif rng.random() < 0.5:
            text = text.split(" ", 1)[-1]  # without its article
        mixed.append(dress(text, rng))
    return mixed


def order_twins(clauses: Iterable[tuple[str, str]], rng: random.Random) -> list[tuple[str, str]]:
    """("X then Y", "Y then X") for each pair of clauses."""
    twins = []
    for first, second in clauses:
        joiner = rng.choice(_JOINERS)
        twins.append((f"{first} {joiner} {second}", f"{second} {joiner} {first}"))
    return twins


def build_text(options: Mapping[str, Any], words: Mapping[str, str], *, vocabulary: Sequence[str], seed: int) -> TextSet:
    """All text for one distillation run, the same for the same arguments.

    `options` is the recipe's [text] table, `vocabulary` the teacher's whole-word tokens, frequent first.
    Held-out sentences come from every kind of text and are kept out of the training sentences.
    """
    rng = random.Random(seed)
    common = frozenset(word for word in vocabulary if word.isalpha() and len(word) > 1)
    folder = str(options["wordnet"])
    net = read_wordnet(Path(folder), common) if folder else WordNet({}, common, [])
    captions = read_captions(Path(str(options["captions"])))
    templates = Templates(words, net.nouns, rng)

    glosses = rng.sample(net.glosses, min(len(net.glosses), int(options["glosses"])))
    made = [templates.sentence() for _ in range(int(options["templates"]))]
    mixed = mix_captions(captions, int(options["captions_mixed"]), rng)
    lower = [caption[:1].lower() + caption[1:] for caption in captions]
    clause_pairs = []
    for _ in range(int(options["order_pairs"])):
        pick = (lambda: rng.choice(lower)) if lower and rng.random() < 0.3 else templates.clause
        clause_pairs.append((pick(), pick()))
    twins = order_twins(clause_pairs, rng)

    pool = list(dict.fromkeys(["", *captions, *lower, *glosses, *made, *mixed]))
    spare = pool[1 + len(captions) :]
    held_out = rng.sample(spare, min(int(options["held_out"]), len(spare) // 10))
    hidden = set(held_out)
    sentences = [text for text in pool if text not in hidden]
    order_pairs = []
    for one, two in twins:
        order_pairs.append((len(sentences), len(sentences) + 1))
        sentences += [one, two]
    return TextSet(sentences=sentences, order_pairs=order_pairs, held_out=held_out)
