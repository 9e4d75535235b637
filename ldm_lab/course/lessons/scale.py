"""Lesson 12: the exercises on scale and responsibility with their wrong answers, and the quiz."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ldm_lab.course.exercise import Exercise, custom, same_function
from ldm_lab.course.lessons.capstone import HEADINGS, LEAST_WORDS, sections_of
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.rng import Rng

# --- exercise 1: how many weights ------------------------------------------------------------------------------------


def _weights_at(widths: list[int], counts: list[int], width: int) -> int:
    """Three widths and their exact numbers of weights -> the number at another width."""
    (x, y, z), (p, q, r) = widths, counts
    terms = ((p, x, y, z), (q, y, x, z), (r, z, x, y))  # Lagrange: whole numbers until the last division
    top = sum(count * (width - b) * (width - c) * (y - x) * (z - x) * (z - y) // ((a - b) * (a - c)) for count, a, b, c in terms)
    return top // ((y - x) * (z - x) * (z - y))


def _weights_by_fit(widths, counts, width):
    return round(float(np.polyval(np.polyfit(widths, counts, 2), width)))


def _line(widths, counts, width):
    return round(float(np.polyval(np.polyfit(widths, counts, 1), width)))


_COUNTS = [185_036_552, 415_954_568, 739_139_080]
weights = Exercise(
    "12", "weights", "How many weights at another width?",
    reference=_weights_at,
    judge=same_function([([128, 192, 256], _COUNTS, 320), ([1, 2, 3], [6, 11, 18], 10), ([128, 192, 256], _COUNTS, 64)],
                        tolerance=0.5 / 185_036_552),
    right={"a parabola by polyfit, rounded": _weights_by_fit},
    wrong={
        "a straight line through the counts": _line,
        "the square of the width alone": lambda w, c, x: round(c[0] * (x / w[0]) ** 2),
        "growth in proportion to the width": lambda w, c, x: round(c[0] * x / w[0]),
        "a parabola that was not evaluated at the new width": lambda w, c, x: c[-1],
    },
    then="Convolutions and attentions have width times width weights, biases and norms have width: a parabola, exactly.",
)


# --- exercise 2: what a training costs -------------------------------------------------------------------------------


def _bill(flops: float, sounds: float, peak: float, utilisation: float, watts: float) -> tuple[float, float]:
    """FLOPs of one forward pass of one sound, sounds seen in training, a device's peak FLOP/s, the share of it that is
    reached, its watts -> (hours, kWh)."""
    hours = 3 * flops * sounds / (peak * utilisation) / 3600
    return hours, hours * watts / 1000


def _bill_in_joules(flops, sounds, peak, utilisation, watts):
    seconds = (flops + 2 * flops) * sounds / peak / utilisation
    return torch.tensor(seconds / 3600).item(), seconds * watts / 3.6e6


def _scaled(hours: float, energy: float):
    return lambda *given: (_bill(*given)[0] * hours, _bill(*given)[1] * energy)


bill = Exercise(
    "12", "bill", "What does a training cost?",
    reference=_bill,
    judge=same_function([(1e11, 3e6, 35.6e12, 0.4, 350.0), (1.2e9, 1.5e5, 1e11, 0.3, 65.0)], tolerance=1e-5, relative=True),
    right={"in joules": _bill_in_joules},
    wrong={
        "the forward pass alone; backwards costs twice as much again": _scaled(1 / 3, 1 / 3),
        "a backward pass that costs as much as the forward pass; it costs twice as much": _scaled(2 / 3, 2 / 3),
        "seconds instead of hours": _scaled(3600, 3600),
        "Wh instead of kWh": _scaled(1, 1000),
        "peak speed, which nobody reaches (utilisation left out)":
            lambda f, s, p, u, w: (_bill(f, s, p, 1.0, w)[0], _bill(f, s, p, 1.0, w)[1]),
        "utilisation on the wrong side of the division":
            lambda f, s, p, u, w: (_bill(f, s, p, 1.0, w)[0] * u, _bill(f, s, p, 1.0, w)[1] * u),
    },
)


# --- exercise 3: is the mark in it? ----------------------------------------------------------------------------------


def _evidence(sound: Tensor, noise: Tensor) -> Tensor:
    """Two white sounds (N,) -> how far their best alignment stands out of all alignments, in standard deviations."""
    match = torch.fft.irfft(torch.fft.rfft(sound) * torch.fft.rfft(noise).conj(), n=len(sound))
    return match.abs().max() / match.std()


def _evidence_by_hand(sound, noise):
    rows = torch.stack([torch.roll(noise, k) for k in range(len(noise))])
    match = rows @ sound
    return float(match.abs().max() / match.std())


def _matches(sound: Tensor, noise: Tensor) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(sound) * torch.fft.rfft(noise).conj(), n=len(sound))


def _marked() -> list[tuple]:
    found = []
    for number, shift in ((0, 0), (1, 40), (2, 300)):
        noise = Rng(number).randn((512,), "noise", dtype=torch.float64)
        sound = Rng(number).randn((512,), "sound", dtype=torch.float64)
        found.append((sound + (0.4 - 0.8 * (number == 2)) * torch.roll(noise, shift), noise))
    return found


evidence = Exercise(
    "12", "evidence", "Is the mark in it?",
    reference=_evidence,
    judge=same_function(_marked, tolerance=1e-5),
    right={"every shift one by one": _evidence_by_hand},
    wrong={
        "looking at one alignment only (a cut at the beginning hides the mark)":
            lambda s, n: (s @ n).abs() / _matches(s, n).std(),
        "a product without the complex conjugate (one of the two runs backwards)":
            lambda s, n: torch.fft.irfft(torch.fft.rfft(s) * torch.fft.rfft(n), n=len(s)).abs().max()
            / torch.fft.irfft(torch.fft.rfft(s) * torch.fft.rfft(n), n=len(s)).std(),
        "no absolute value (a sound with its polarity turned gets through)": lambda s, n: _matches(s, n).max() / _matches(s, n).std(),
        "the peak without the spread it stands out of": lambda s, n: _matches(s, n).abs().max(),
        "the place of the peak instead of its height": lambda s, n: _matches(s, n).abs().argmax(),
    },
)


# --- exercise 4: which licence may the weights have? -----------------------------------------------------------------


def _terms(licences: list[str]) -> list[str]:
    """Creative Commons licences of the training sounds -> the conditions that the weights should keep: a sorted part of
    ["BY", "NC", "SA"]. CC0 asks for nothing."""
    return sorted({part for licence in licences for part in licence.split("-") if part in ("BY", "NC", "SA")})


def _terms_by_search(licences):
    return [part for part in ("BY", "NC", "SA") if any(f"-{part}" in licence for licence in licences)]


terms = Exercise(
    "12", "terms", "What do the weights owe?",
    reference=_terms,
    judge=same_function([(["CC0-1.0"],), (["CC0-1.0", "CC-BY-4.0"],), (["CC-BY-4.0", "CC0-1.0", "CC-BY-SA-3.0"],),
                         (["CC-BY-NC-4.0", "CC0-1.0", "CC0-1.0", "CC0-1.0"],), (["CC-BY-SA-4.0", "CC-BY-NC-4.0"],)]),
    right={"looking for each condition": _terms_by_search},
    wrong={
        "the licence of most sounds deciding for all": lambda given: _terms([max(sorted(given), key=given.count)]),
        "the freest licence deciding for all": lambda given: _terms([min(given, key=len)]),
        "the first licence deciding for all": lambda given: _terms(given[:1]),
        "attribution forgotten": lambda given: [part for part in _terms(given) if part != "BY"],
        "only the strictest condition kept": lambda given: _terms(given)[-1:],
    },
    then="This is the careful reading: whether weights are a work derived from their training data is disputed. It costs nobody "
         "their credit.",
)


# --- exercise 5: the model card --------------------------------------------------------------------------------------

GOOD_CARD = """# Model card of a guidance ablation

## What it is
The lab model of LDM Lab, asked with two strengths of guidance.

## What it is for
Finding out whether stronger guidance raises the CLAP score.

## What it is not for
Imitating a person's voice, or passing generated sound off as a recording.

## Training data
The corpus of this repository, 3.3 hours of freely licensed sound; ATTRIBUTION.md names everybody.

## Licence
CC BY-SA 4.0, because part of the training sounds is ShareAlike.

## How it was measured
CLAP score of 4 prompts, one seed, a bootstrap interval of 95 % over prompts.

## Limits and risks
Few prompts; CLAP has conditioned the model; voices without words; a saved file says that it is generated.
"""


def _judge_card(card: object) -> list[str] | None:
    if not isinstance(card, str):
        return ["Got something else than text; a card is one string in Markdown."]
    sections = sections_of(card)
    told = [f"There is no heading '{name}'." for name in HEADINGS if name.lower() not in sections]
    told += [f"Under '{name}' there are fewer than {LEAST_WORDS} words." for name in HEADINGS
             if name.lower() in sections and len(sections[name.lower()].split()) < LEAST_WORDS]
    if not told and not any(sign.isdigit() for sign in sections["how it was measured"]):
        told.append("Under 'How it was measured' there is no number. How many sounds, which interval?")
    return told or None


card = Exercise(
    "12", "card", "A model card",
    reference=GOOD_CARD,
    judge=custom(_judge_card),
    right={"with headings of another level and order": "\n".join(
        f"### {name}\nSeven words or more about this, measured with 8 sounds.\n" for name in reversed(HEADINGS))},
    wrong={
        "a card that praises only": "# My model\n\n## What it is\nThe best text-to-audio model that anybody has ever seen.\n",
        "headings without words": "\n".join(f"## {name}\n" for name in HEADINGS),
        "no limits and no risks": GOOD_CARD[: GOOD_CARD.index("## Limits")],
        "measured without a number": GOOD_CARD.replace("CLAP score of 4 prompts, one seed, a bootstrap interval of 95 % over prompts.",
                                                       "We listened to it for a while and it sounded good to all."),
    },
)


QUIZ = quiz(
    "12",
    Question("A UNet is made twice as wide. What happens to its number of weights?",
             right="About four times as many",
             because="A convolution from c to c channels has 9·c² weights. Biases and norms grow with c only, so it is a little "
                     "less than four.",
             others={"Twice as many": "That holds for biases. A matrix from c to c channels has two sides, and both double.",
                     "About eight times as many": "That would need a third side that grows. Kernel sizes stay as they are.",
                     "As many as before": "Then what would be wider?"}),
    Question("A larger model has the lower loss after the same number of steps. Is it the better choice for one hour on your laptop?",
             right="Perhaps not: its steps are slower",
             because="It makes fewer steps in that hour. Compare at equal time or equal FLOPs, too; with little "
                     "compute, smaller models often lead.",
             others={"Yes, lower loss is lower loss": "After equal steps it has used far more computing. Your hour pays for "
                                                      "computing, not for steps.",
                     "No, larger models overfit": "They may, in the end. In an hour this one is far from having learnt its data.",
                     "Yes, larger models always win": "With enough data and computing they tend to. An hour on a laptop is neither."}),
    Question("Half of your training sounds are CC0, a few are CC BY-NC. May the weights be sold?",
             right="The careful answer is no",
             because="Every sound went into the same weights and nobody can take the few out again. Train without them, or ask.",
             others={"Yes, most sounds are CC0": "There is no majority vote among rights holders.",
                     "Yes, weights are only numbers": "So is a recording on a disk. Courts have not settled it; a careful maker "
                                                      "does not bet other people's rights.",
                     "Yes, if the authors are named": "BY asks for names. NC asks for more: no commercial use."}),
    Question("What does an inaudible mark in generated sounds do?",
             right="It helps honest makers to label",
             because="As long as nobody works against it. It survives cutting and volume changes; it does not "
                     "survive being made anew by an autoencoder, nor someone who knows the key.",
             others={"It proves that unmarked sounds are real": "Other models do not mark, and marks can be washed out. No mark "
                                                               "proves nothing.",
                     "It makes deepfakes impossible": "Whoever wants to deceive uses a model without a mark, or removes it.",
                     "It replaces saying so": "A mark needs a detector and its key. Words beside the player need neither."}),
    Question("Generated sounds are farther from every training sound than real test clips are. What have you shown?",
             right="That this measure hears no copies",
             because="These sounds are no copies, as far as it hears: replayed training clips are much nearer. But "
                     "another prompt, or a passage shorter than the window, may still be copied.",
             others={"That the model can never copy": "A few hundred sounds are a sample; rare copies may be missing from it.",
                     "That the sounds are good": "White noise is far from every training sound, too.",
                     "That the licences no longer matter": "Being no copy answers one question. The sounds were used all the same."}),
)
