"""SimilarityBoard: type words, see sounds rank by how near the model hears them."""

from __future__ import annotations

import re

import torch
import traitlets
from torch import Tensor

from ldm_lab.errors import LabError, OptionError, unknown
from ldm_lab.options import clean_text
from ldm_lab.system import AudioLDM
from ldm_lab.widgets import board_sounds
from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.board_sounds import Card
from ldm_lab.widgets.esm import css, esm

MAX_SOUNDS, MAX_QUERIES = 64, 4
COLDEST, HOTTEST = 0.005, 1.0  # limits of the temperature
FIRST_WORDS = "rain falling"


class SimilarityBoard(LabWidget):
    """Sounds ranked by the cosine between their CLAP embedding and that of words, or of another sound.

    ``SimilarityBoard(ldm, {"bell": wav, "rain": Path("rain.wav")}, words="a bell; rain")``; without sounds, two dozen
    recordings of the corpus's test split (`credits` names their authors).

    Traits, both ways: `words` (up to four queries, separated by semicolons; "[bell]" asks for sounds like the one called
    bell), `temperature` of the softmax that turns cosines into shares, `among` ("sounds": how a query's shares are divided
    among the sounds; "queries": how a sound's are among the queries), `by` (number of the query that sorts), `chosen`
    (number of the sound in the panel). Read: `ranking`, `scores`, `shares`, `labels`, `queries`. Methods: `search`, `add`,
    `choose`.
    """

    _esm = esm("board")
    _css = css("lab", "board")

    words = traitlets.Unicode("").tag(sync=True)
    temperature = traitlets.Float(0.07).tag(sync=True)
    learned = traitlets.Float(0.07).tag(sync=True)  # the temperature that CLAP ended its training with
    among = traitlets.Enum(["sounds", "queries"], "sounds").tag(sync=True)
    by = traitlets.Int(0).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    cards = traitlets.List(traitlets.Dict()).tag(sync=True)  # Card.state of each sound
    answers = traitlets.List(traitlets.Dict()).tag(sync=True)  # {query, sound: its number or -1, cosines}

    def __init__(self, ldm: AudioLDM, sounds=None, *, words: str | None = None, sample_rate: int = 16000,
                 **traits) -> None:
        """sounds: {label: wav or file}, a list of those, or None; wav is (N,) or (channels, N) at `sample_rate`.

        Raises AudioInputError for what is no sound, OptionError for none or too many, CorpusError without a corpus.
        """
        self.ldm = ldm
        self._known: dict[str, Tensor] = {}  # query -> embedding
        self._cards: list[Card] = []
        if sounds is None:
            for label, (wav, credit) in board_sounds.recordings().items():
                self._add(label, wav, credit, ldm.sample_rate)
            words = FIRST_WORDS if words is None else words
        else:
            for label, sound in board_sounds.named(sounds).items():
                self._add(label, sound, "", sample_rate)
        if not self._cards:
            raise OptionError("sounds: got none, expected 1 to 64: {label: wav or file} or a list")
        scale = getattr(ldm.clap, "logit_scale", None)
        learned = 0.07 if scale is None else min(HOTTEST, max(COLDEST, float((-scale.detach()).exp())))
        words = words or ""
        answers = self._answers(words)
        best = max(range(len(self._cards)), key=lambda i: answers[0]["cosines"][i]) if answers else 0
        start = {"temperature": learned, "chosen": best, "title": self._cards[best].label, "height": 170} | traits
        super().__init__(learned=learned, words=words, answers=answers, cards=[card.state() for card in self._cards],
                         sound=self._cards[best].pack.state, **start)
        self.status = self._summary()

    # --- asking ------------------------------------------------------------------------------------------------------

    def search(self, words: str) -> list[list]:
        """Rank by `words` (queries separated by ";", "[label]" = like that sound) and return `ranking`.

        Raises PromptError for what is no text, OptionError for more than four queries or a sound that is not there.
        """
        answers = self._answers(words)
        with self.hold_sync():
            self.answers, self.by = answers, min(self.by, max(0, len(answers) - 1))
            self.words = words
            self.status, self.wrong = self._summary(), False
        return self.ranking

    def add(self, label: str, wav, *, sample_rate: int = 16000, credit: str = "") -> None:
        """Put another sound ((N,) or (channels, N), or a file) on the board, and rank again."""
        self._add(label, wav, credit, sample_rate)
        with self.hold_sync():
            self.cards = [*self.cards, self._cards[-1].state()]
            self.search(self.words)

    def choose(self, sound: str | int) -> None:
        """Put the sound with this label or number into the panel."""
        number = sound if isinstance(sound, int) else self._find(sound)
        if not 0 <= number < len(self._cards):
            raise OptionError(f"sound: got number {number}, expected 0 to {len(self._cards) - 1}")
        self.chosen = number

    def ask_search(self, words: str) -> int:
        """The page's question: the answers arrive as traits, a mistake as the status line."""
        try:
            self.search(words)
        except LabError as error:
            self.status, self.wrong = str(error), True
        return len(self.answers)

    def ask_sound(self, number: int, known: bool = False) -> dict:
        """Choose a card; its sound as the panel has it, or {} if the page has it already."""
        self.choose(number)
        return {} if known else {"sound": self._cards[number].pack.state}

    # --- reading -----------------------------------------------------------------------------------------------------

    @property
    def labels(self) -> list[str]:
        return [card.label for card in self._cards]

    @property
    def queries(self) -> list[str]:
        return [answer["query"] for answer in self.answers]

    @property
    def scores(self) -> Tensor:
        """Cosines (Q, S) of each query with each sound, float32; (0, S) without words."""
        rows = [answer["cosines"] for answer in self.answers]
        return torch.tensor(rows).reshape(len(rows), len(self._cards))

    @property
    def shares(self) -> Tensor:
        """softmax(scores / temperature), (Q, S): rows sum to 1, or columns if `among` is "queries"."""
        return (self.scores / self.temperature).softmax(1 if self.among == "sounds" else 0)

    @property
    def ranking(self) -> list[list]:
        """[label, cosine] of every sound, nearest first, for the query number `by`; without words in the given order."""
        if not self.answers:
            return [[label, float("nan")] for label in self.labels]
        row = self.scores[self.by]
        return [[self.labels[i], float(row[i])] for i in row.argsort(descending=True, stable=True).tolist()]

    @property
    def credits(self) -> str:
        """Who made the sounds and under which licence, a line each; sounds of your own have none."""
        return "\n".join(f"{card.label}: {card.credit}" for card in self._cards if card.credit)

    @property
    def versions(self) -> list[dict]:
        """The sound in the panel, as the page has it."""
        return self._cards[self.chosen].pack.state["versions"]

    def show(self, sounds, **_) -> None:
        raise OptionError("the board's panel plays the board's own sounds: add(label, wav), then choose(label)")

    def text(self) -> str:
        """The board in words: the nearest sounds of each query."""
        lines = [f"Similarity board | {len(self._cards)} sounds | temperature {self.temperature:.3g}"]
        for answer, row, shares in zip(self.answers, self.scores, self.shares):
            order = row.argsort(descending=True, stable=True).tolist()[:5]
            best = (f"{self.labels[i]} {float(row[i]):.2f} ({float(shares[i]):.0%})" for i in order)
            lines.append(f"  {answer['query']}: {', '.join(best)}")
        return "\n".join(lines if self.answers else [*lines, "  " + ", ".join(self.labels)])

    def still(self) -> bytes:
        """PNG of the ranking: picture, label, cosine and share of the first dozen sounds."""
        order = [self.labels.index(label) for label, _ in self.ranking]
        return board_sounds.still(self._cards, order, self.queries, self.scores, self.shares)

    def alt(self) -> str:
        return self.text()

    # --- inside ------------------------------------------------------------------------------------------------------

    @traitlets.validate("words")
    def _readable(self, proposal) -> str:
        self._queries(proposal["value"])
        return proposal["value"]

    @traitlets.validate("temperature")
    def _positive(self, proposal) -> float:
        if not proposal["value"] > 0:
            raise OptionError(f"temperature: got {proposal['value']!r}, expected {COLDEST} to {HOTTEST}")
        return min(HOTTEST, max(COLDEST, proposal["value"]))

    @traitlets.validate("by")
    def _a_query(self, proposal) -> int:
        return min(max(0, proposal["value"]), max(0, len(self.answers) - 1))

    @traitlets.validate("chosen")
    def _a_card(self, proposal) -> int:
        return min(max(0, proposal["value"]), len(self._cards) - 1)

    @traitlets.observe("chosen")
    def _name_it(self, change) -> None:
        self.title = self._cards[change["new"]].label

    @traitlets.observe("words")
    def _follow(self, change) -> None:
        if self._queries(change["new"]) != self.queries:
            self.search(change["new"])

    @traitlets.observe("by")
    def _say(self, change) -> None:
        self.status, self.wrong = self._summary(), False

    def _add(self, label: str, sound, credit: str, sample_rate: int) -> None:
        label = clean_text(label, "label").replace(";", ",").replace("[", "(").replace("]", ")")
        if not label or label in self.labels:
            raise OptionError(f"label: got {label!r}, expected a name that no other sound of the board has")
        if len(self._cards) == MAX_SOUNDS:
            raise OptionError(f"the board holds {MAX_SOUNDS} sounds; make another one")
        self._cards.append(board_sounds.make_card(self.ldm, label, sound, sample_rate=sample_rate, credit=credit))

    def _find(self, label: str) -> int:
        lowered = [name.lower() for name in self.labels]
        if label.lower() not in lowered:
            raise OptionError(unknown("sound", label, self.labels))
        return lowered.index(label.lower())

    def _queries(self, words: str) -> list[str]:
        """The queries in a line of text, at most four, none twice."""
        parts = dict.fromkeys(filter(None, (clean_text(part, "words") for part in clean_text(words, "words").split(";"))))
        if len(parts) > MAX_QUERIES:
            raise OptionError(f"words: got {len(parts)} queries, expected at most {MAX_QUERIES}; leave some out")
        return list(parts)

    def _answers(self, words: str) -> list[dict]:
        answers = []
        for query in self._queries(words):
            liked = re.fullmatch(r"\[(.*)\]", query)
            number = self._find(liked[1].strip()) if liked else -1
            emb = self._cards[number].emb if liked else self._embed(query)
            cosines = torch.stack([card.emb for card in self._cards]) @ emb
            answers.append({"query": query, "sound": number, "cosines": cosines.tolist()})
        return answers

    def _embed(self, query: str) -> Tensor:
        if query not in self._known:
            with torch.no_grad():
                self._known[query] = self.ldm.clap.encode_text([query])[0].float().cpu()
        return self._known[query]

    def _summary(self) -> str:
        """The nearest sounds in one line, and which words the model has never read whole."""
        if not self.answers:
            return ""
        best = ", ".join(f"{label} {cosine:.2f}" for label, cosine in self.ranking[:3])
        known = getattr(self.ldm.clap, "words", frozenset)()
        strange = [word for query in self.queries if not query.startswith("[")
                   for word in re.findall(r"[^\W\d_]{2,}", query.lower()) if known and word not in known]
        pieces = f" (not whole words of the model's vocabulary, read in pieces: {', '.join(strange[:5])})" if strange else ""
        return f"Nearest to {self.queries[self.by]!r}: {best}{pieces}"

