"""Lesson 04: contrastive pretraining. Words of a caption, a pool of sounds to search in, exercises, quiz."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_lab.audio.mel import log_mel
from ldm_lab.course.data import clips
from ldm_lab.course.exercise import Exercise, same_function
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.evaluation.retrieval import first_hit_rank
from ldm_lab.rng import Rng
from ldm_lab.rng import seeded as seeded  # the notebook calls lesson.seeded


def words(text: str) -> list[str]:
    """Lower-case words of a text."""
    return re.findall(r"\w+", text.lower())


@dataclass(frozen=True)
class Pairs:
    """Sounds with one caption each: mel (n, T, 64), captions, categories; wav (n, N) where it was asked for."""

    mel: Tensor
    captions: list[str]
    categories: list[str]
    wav: Tensor | None = None

    def __len__(self) -> int:
        return len(self.captions)


def pairs(count: int, split: str, *, seconds: float = 2.56, keep_wav: bool = False) -> Pairs:
    """`count` sounds of a split with their first captions."""
    found = clips(count, split=split, seconds=seconds, seed=4)
    mel = torch.cat([log_mel(part) for part in found.wav.split(64)])
    return Pairs(mel, found.captions, found.categories, found.wav if keep_wav else None)


# --- exercises -------------------------------------------------------------------------------------------------------


def _unit(*shape: int, seed: int) -> Tensor:
    return F.normalize(Rng(seed).randn(shape, "unit"), dim=-1)


def _nce(audio: Tensor, text: Tensor, scale: float) -> Tensor:
    logits = scale * audio @ text.T
    to_text, to_audio = logits.log_softmax(1).diagonal(), logits.log_softmax(0).diagonal()
    return -0.5 * (to_text.mean() + to_audio.mean())


def _nce_by_cross_entropy(audio: Tensor, text: Tensor, scale: float) -> Tensor:
    logits, right = scale * audio @ text.T, torch.arange(len(audio))
    return 0.5 * (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right))


info_nce = Exercise(
    "04", "info_nce", "InfoNCE, both ways",
    reference=_nce, judge=same_function(lambda: [(_unit(6, 16, seed=1), _unit(6, 16, seed=2), 14.0),
                                                 (_unit(3, 4, seed=3), _unit(3, 4, seed=4), 5.0)]),
    right={"two calls of F.cross_entropy": _nce_by_cross_entropy},
    wrong={
        "asking each sound for its text, but no text for its sound":
            lambda a, t, s: -(s * a @ t.T).log_softmax(1).diagonal().mean(),
        "asking each text for its sound, but no sound for its text":
            lambda a, t, s: -(s * a @ t.T).log_softmax(0).diagonal().mean(),
        "leaving out the temperature": lambda a, t, s: _nce(a, t, 1.0),
        "dividing by the scale instead of multiplying: it is 1 / temperature": lambda a, t, s: _nce(a, t, 1.0 / s),
        "adding both ways up instead of taking their mean": lambda a, t, s: 2 * _nce(a, t, s),
        "a sum over the batch instead of a mean": lambda a, t, s: len(a) * _nce(a, t, s),
    },
)


def plain(caption: str) -> str:
    """A caption without what does not matter: case, and the dot at the end."""
    return caption.lower().strip().rstrip(".")


def _same(captions: Sequence[str]) -> Tensor:
    return torch.tensor([[float(plain(a) == plain(b)) for b in captions] for a in captions])



CAPTIONS = ["A dog barking.", "rain on a roof", "a dog barking", "a hound barks", "Rain on a roof.", "a dog", "it is raining",
            "wind"]


def _texts() -> Tensor:
    """(8, 4) unit vectors for CAPTIONS: equal captions equal, those that mean the same near each other."""
    dog, rain, wind = torch.eye(4)[0], torch.eye(4)[1], torch.eye(4)[2]
    rows = [dog, rain, dog, dog + 0.3 * wind, rain, dog + 0.45 * rain, rain + 0.2 * torch.eye(4)[3], wind]
    return F.normalize(torch.stack(rows), dim=-1)


def _false(captions: Sequence[str], text: Tensor, alike: float) -> Tensor:
    return (text @ text.T > alike).float() * (1 - _same(captions))


def _false_by_loops(captions: Sequence[str], text: Tensor, alike: float) -> Tensor:
    near = lambda i, j: float(plain(captions[i]) != plain(captions[j]) and F.cosine_similarity(text[i], text[j], dim=0) > alike)
    return torch.tensor([[near(i, j) for j in range(len(captions))] for i in range(len(captions))])


false_negatives = Exercise(
    "04", "false_negatives", "Find the false negatives",
    reference=_false, judge=same_function(lambda: [(CAPTIONS, _texts(), 0.9), (CAPTIONS, _texts(), 0.95)]),
    right={"pair by pair": _false_by_loops},
    wrong={
        "keeping equal captions, and each caption with itself": lambda c, t, alike: (t @ t.T > alike).float(),
        "leaving out the diagonal, but not the other equal captions":
            lambda c, t, alike: (t @ t.T > alike).float() * (1 - torch.eye(len(c))),
        "the equal captions, which do no harm": lambda c, t, alike: _same(c) - torch.eye(len(c)),
        "every pair that is not equal, near or not": lambda c, t, alike: 1 - _same(c),
        "those below the limit instead of above": lambda c, t, alike: (t @ t.T <= alike).float() * (1 - _same(c)),
        "the cosines themselves instead of 0 and 1": lambda c, t, alike: (t @ t.T) * _false(c, t, alike),
    },
)


def _recall(scores: Tensor, hits: Tensor) -> Tensor:
    best = scores.masked_fill(~hits, -torch.inf).amax(1)
    rival = scores.masked_fill(hits, -torch.inf).amax(1)
    return (best > rival).float().mean()


def _recall_cases() -> list[tuple]:
    scores = Rng(3).randn((6, 6), "scores") + 1.5 * torch.eye(6)
    hits = torch.eye(6, dtype=torch.bool)
    hits[0, 3] = hits[3, 0] = hits[2, 5] = hits[5, 2] = True
    scores[0, 3], scores[2, 5], scores[4, 1] = 5.0, 6.0, 7.0
    constant = torch.full((4, 7), 0.5)
    wide = Rng(4).randn((4, 7), "wide")
    return [(scores, hits), (wide, torch.eye(4, 7, dtype=torch.bool) | (wide > 1.0)), (constant, torch.eye(4, 7, dtype=torch.bool))]


recall_at_1 = Exercise(
    "04", "recall_at_1", "R@1 computed right",
    reference=_recall, judge=same_function(_recall_cases),
    right={"by the rank of the best hit": lambda scores, hits: (first_hit_rank(scores, hits) == 1).float().mean()},
    wrong={
        "counting only the diagonal: a sound with the same caption is a hit, too":
            lambda s, h: (s.argmax(1) == torch.arange(len(s))).float().mean(),
        "asking the columns instead of the rows": lambda s, h: h[s.argmax(0), torch.arange(s.shape[1])].float().mean(),
        "a tie counted as found: a model that says the same of all sounds gets full marks":
            lambda s, h: (s.masked_fill(~h, -torch.inf).amax(1) >= s.masked_fill(h, -torch.inf).amax(1)).float().mean(),
        "argmax, which gives the first of a tie": lambda s, h: h[torch.arange(len(s)), s.argmax(1)].float().mean(),
        "the share of all hits among all pairs": lambda s, h: h.float().mean(),
    },
)


def _temperature(share: float, gap: float, others: int) -> float:
    return gap / math.log(others * share / (1 - share))


temperature = Exercise(
    "04", "temperature", "How cold must it be?",
    reference=_temperature, judge=same_function([(0.9, 0.2, 63), (0.6, 0.3, 255), (0.99, 0.4, 31)]),
    right={"solved for the scale first": lambda p, gap, n: 1 / ((math.log(n) - math.log(1 / p - 1)) / gap)},
    wrong={
        "forgetting the other sounds: only one rival": lambda p, gap, n: gap / math.log(p / (1 - p)),
        "the scale, 1 / temperature": lambda p, gap, n: 1 / _temperature(p, gap, n),
        "the share in place of the odds share / (1 − share)": lambda p, gap, n: gap / math.log(n * p),
        "a logarithm to base 10": lambda p, gap, n: gap / math.log10(n * p / (1 - p)),
        "turning the odds upside down": lambda p, gap, n: gap / math.log(n * (1 - p) / p),
    },
    then="A batch of 64 with a gap of 0.2 needs a temperature of about 0.03: this is why it is learnt and not set to 1.",
)


def _floor(captions: Sequence[str]) -> float:
    return float(_same(captions).sum(1).log().mean())


lowest_loss = Exercise(
    "04", "lowest_loss", "The loss that cannot reach zero",
    reference=_floor, judge=same_function([(CAPTIONS,), (["wind", "rain", "wind"],), (["a", "b", "c"],)]),
    right={"by counting": lambda c: sum(math.log([plain(x) for x in c].count(plain(a))) for a in c) / len(c)},
    wrong={
        "the logarithm of the mean count": lambda c: float(_same(c).sum(1).mean().log()),
        "a sum over the batch instead of a mean": lambda c: len(c) * _floor(c),
        "counting the doubles without the sound itself": lambda c: float((_same(c).sum(1) - 1).clamp(min=1).log().mean()),
        "the mean count, without a logarithm": lambda c: float(_same(c).sum(1).mean()),
        "a logarithm to base 2": lambda c: _floor(c) / math.log(2),
    },
)

QUIZ = quiz(
    "04",
    Question("Nobody told the model what a dog is. Where does it know it from?",
             right="From which caption came with which sound",
             because="And from which did not, thousands of times: barks are what captions with *dog* have in common "
                     "and other captions lack.",
             others={
                 "From the categories of the corpus": "The loss never sees a category. Only pairs go in.",
                 "From the spelling of the word": "The bag of words knows no letters: each word is a row of numbers that starts at random.",
                 "From a dictionary inside the tokenizer": "A tokenizer only numbers the pieces of a text. It says nothing about sound.",
             }),
    Question("What does the temperature do?",
             right="It sets how much small differences count",
             because="Right: cosines lie in [−1, 1]; divided by 0.07 they spread over ±14, enough to be sure of something.",
             others={
                 "It makes the embeddings longer": "They have length 1 whatever the temperature is.",
                 "It changes which sound ranks first": "Dividing all cosines by one number keeps their order.",
                 "It sets how fast the model learns": "That is the learning rate. The temperature only shapes the loss.",
             }),
    Question("In a batch of 64, five captions read *an explosion*. What does InfoNCE make of it?",
             right="The loss gets a floor, and nothing else happens",
             because="The loss of those five cannot fall below log 5. But nothing that belongs together is pushed "
                     "apart: equal texts have one embedding, so what pushes away from one pulls to the other, and "
                     "it cancels.",
             others={
                 "It pushes the five sounds apart": "It would, if the five texts differed. The danger is captions that say the same in other words.",
                 "Nothing: the loss goes to zero all the same": "Five equal texts share the softmax: a fifth each at most, and −log of it is not 0.",
                 "It makes the five sounds identical": "It makes them equally near to their text. In other directions they may differ.",
             }),
    Question("A model gives every sound the same embedding. What is its R@1 for 200 sounds, computed right?",
             right="0: it never puts the right one strictly above all the others",
             because="Right: ties count against it. (Drawing lots among ties would give 1 in 200.)",
             others={
                 "100 %, since nothing scores higher than the right one": "This is what `>=` in place of `>` gives: full marks for knowing nothing.",
                 "50 %, as the right one is in the middle": "The rank would be in the middle; R@1 asks for the first place only.",
                 "It cannot be computed": "It can: compare the best hit with the best of the others.",
             }),
    Question("Your small model has learnt from captions. Which query must fail?",
             right="a hound, if no caption says *hound*",
             because="Right: an unknown word is a row that was never trained. The shipped text tower had read a lot before it met sound.",
             others={
                 "a dog barking, if this caption came only twice": "Rare is hard but possible: *dog* and *barking* also stand in other captions.",
                 "barking dog, because the order is wrong": "A bag of words has no order.",
                 "a dog and rain, because no caption has both": "Its two words are both known; the mean of two directions lies between them.",
             }),
)
