"""Lesson 11: the exercises on evaluation with their wrong answers, and the quiz. Its tools are in `evaluation_bench`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ldm_lab.course.exercise import Exercise, choices, same_function
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.evaluation.listening.stimuli import ANCHOR_LOW, REFERENCE
from ldm_lab.rng import Rng

# --- exercise 1 ------------------------------------------------------------------------------------------------------


def _frechet(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> Tensor:
    """Means (D,), covariances (D, D) -> squared Frechet distance of the two Gaussians."""
    root = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()
    return (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * root


def _frechet_by_roots(mean_a, cov_a, mean_b, cov_b):
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    middle = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0)
    return float(torch.dot(mean_a - mean_b, mean_a - mean_b) + torch.trace(cov_a + cov_b) - 2 * middle.sqrt().sum())


def gaussians() -> list[tuple]:
    """Pairs of Gaussians (mean, covariance, mean, covariance) in float64; in none do the covariances commute.

    No diagonal of their products is negative, so that a root of each number gives a number, and its card a name.
    """
    found = []
    for number, dims in ((0, 2), (2, 5), (2, 16)):
        random = Rng(number).numpy("gaussians")
        pair = []
        for _ in range(2):
            rows = random.standard_normal((4 * dims, dims)) @ random.standard_normal((dims, dims))
            pair += [torch.tensor(random.standard_normal(dims)), torch.tensor(np.cov(rows.T))]
        found.append(tuple(pair))
    return found


_between = lambda a, b: (a - b).square().sum()
frechet = Exercise(
    "11", "frechet", "The Frechet distance of two Gaussians",
    reference=_frechet,
    judge=same_function(gaussians, tolerance=1e-6, relative=True),
    right={"with symmetric roots": _frechet_by_roots},
    wrong={
        "the root taken of each number of A @ B instead of the matrix":
            lambda m, a, n, b: _between(m, n) + a.trace() + b.trace() - 2 * (a @ b).abs().sqrt().trace(),
        "features taken as independent (only the diagonals used)":
            lambda m, a, n, b: _between(m, n) + (a.diagonal().sqrt() - b.diagonal().sqrt()).square().sum(),
        "a forgotten factor 2 before the root":
            lambda m, a, n, b: _frechet(m, a, n, b) + torch.linalg.eigvals(a @ b).real.clamp(min=0).sqrt().sum(),
        "means whose distance was not squared":
            lambda m, a, n, b: _frechet(m, a, n, b) - _between(m, n) + _between(m, n).sqrt(),
        "means without the covariances": lambda m, a, n, b: _between(m, n),
        "the trace of A @ B without a root":
            lambda m, a, n, b: _between(m, n) + a.trace() + b.trace() - 2 * (a @ b).trace(),
    },
    then="The library's frechet_distance does this to feature rows, by singular values, which need no complex numbers.",
)


# --- exercise 2 ------------------------------------------------------------------------------------------------------


def _endless(ns: list[int], distances: list[float]) -> float:
    """Distances measured with ns sounds -> the distance that infinitely many would give, if the bias is c / n."""
    _, value = np.polyfit(1 / np.asarray(ns, dtype=float), distances, 1)
    return float(value)


def _endless_by_hand(ns, distances):
    x, y = 1 / torch.tensor(ns, dtype=torch.float64), torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return (y.mean() - slope * x.mean()).item()


endless = Exercise(
    "11", "endless", "What infinitely many sounds would say",
    reference=_endless,
    judge=same_function([([50, 100, 200], [12.0, 7.0, 4.5]), ([80, 120, 240, 480], [5.1, 3.9, 2.4, 1.9])], tolerance=1e-6),
    right={"least squares by hand": _endless_by_hand},
    wrong={
        "a line in n instead of 1 / n": lambda n, d: float(np.polyfit(n, d, 1)[1]),
        "the distance of the largest n alone": lambda n, d: d[-1],
        "the mean of the distances": lambda n, d: float(np.mean(d)),
        "the slope of the line instead of where it ends": lambda n, d: float(np.polyfit(1 / np.asarray(n, float), d, 1)[0]),
        "a line in 1 / sqrt(n)": lambda n, d: float(np.polyfit(np.asarray(n, float) ** -0.5, d, 1)[1]),
    },
    then="`ldm_lab.evaluation.frechet_infinity` draws parts of your sounds at random and then does just this.",
)


# --- exercise 3 ------------------------------------------------------------------------------------------------------


def _interval(values: Tensor, draws: Tensor) -> tuple[float, float]:
    """values (n,), draws (R, n) of indices -> the 95 % percentile interval of the mean over the R resamples."""
    means = values[draws].mean(dim=1)
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=means.dtype))
    return low.item(), high.item()


def _interval_numpy(values, draws):
    means = [values.numpy()[row].mean() for row in draws.numpy()]
    return tuple(float(edge) for edge in np.percentile(means, [2.5, 97.5]))


def draws_of(n: int, resamples: int, *, seed: int = 0) -> Tensor:
    """(resamples, n) indices from 0 to n - 1, drawn with replacement."""
    return torch.randint(0, n, (resamples, n), generator=Rng(seed).at("draws", n, resamples))


def _score_sets() -> list[tuple]:
    return [(Rng(n).randn((n,), "scores", dtype=torch.float64) ** 2, draws_of(n, 400, seed=n)) for n in (12, 40)]


def _edges(values: Tensor, shares: tuple[float, float]) -> tuple[float, float]:
    return tuple(torch.quantile(values, torch.tensor(shares, dtype=values.dtype)).tolist())


interval = Exercise(
    "11", "interval", "A bootstrap interval",
    reference=_interval,
    judge=same_function(_score_sets, tolerance=1e-6),
    right={"with numpy": _interval_numpy},
    wrong={
        "the spread of the sounds, not of the mean": lambda v, d: _edges(v, (0.025, 0.975)),
        "a 90 % interval (5 and 95 %)": lambda v, d: _edges(v[d].mean(dim=1), (0.05, 0.95)),
        "the mean over the wrong axis": lambda v, d: _edges(v[d].mean(dim=0), (0.025, 0.975)),
        "the smallest and the largest mean": lambda v, d: _edges(v[d].mean(dim=1), (0.0, 1.0)),
        "the mean plus and minus two spreads of the sounds":
            lambda v, d: ((v.mean() - 2 * v.std()).item(), (v.mean() + 2 * v.std()).item()),
    },
)


# --- exercise 4 ------------------------------------------------------------------------------------------------------

METRICS = ("frechet", "clap", "both", "neither")
_NOT = "Look at the rows of the table once more: what did this measure say, and what did you hear?"
fooled = Exercise(
    "11", "fooled", "Which metric was fooled?",
    reference={"captions shuffled": "frechet", "noise made for CLAP": "clap", "20 dB quieter": "frechet"},
    judge=choices(
        {"captions shuffled": "frechet", "noise made for CLAP": "clap", "20 dB quieter": "frechet"}, METRICS,
        {
            ("captions shuffled", "clap"): "CLAP reads the captions: its score collapsed, as it should. Which one never "
                                           "sees a caption?",
            ("captions shuffled", "both"): "One of the two noticed: its score fell to that of strangers.",
            ("captions shuffled", "neither"): "A dog for every *rain* and rain for every *dog* is a failure, and one of "
                                              "the two gave exactly 0.",
            ("noise made for CLAP", "frechet"): "The noise was never shown to the judge while it was made. Look at who said "
                                                "it fits best.",
            ("noise made for CLAP", "both"): "The judge was not fooled here: as a set, such noises lie far from real sounds.",
            ("noise made for CLAP", "neither"): "It has a higher score than the recording. Play it again.",
            ("20 dB quieter", "clap"): "The CLAP score hardly moved, as it should: turn up the volume and the sounds are "
                                       "what they were.",
            ("20 dB quieter", "both"): "The CLAP score hardly moved. Compare the two columns.",
            ("20 dB quieter", "neither"): "One of the two calls it worse than playing everything backwards.",
        }),
    right={"in another order": {"20 dB quieter": "frechet", "captions shuffled": "frechet", "noise made for CLAP": "clap"}},
    wrong={
        "CLAP for everything": dict.fromkeys(("captions shuffled", "noise made for CLAP", "20 dB quieter"), "clap"),
        "Frechet for everything": dict.fromkeys(("captions shuffled", "noise made for CLAP", "20 dB quieter"), "frechet"),
        "trusting both": dict.fromkeys(("captions shuffled", "noise made for CLAP", "20 dB quieter"), "neither"),
    },
)


# --- exercise 5 ------------------------------------------------------------------------------------------------------


def _average(sounds: dict, system: str) -> float:
    return float(np.mean([row[system] for row in sounds.values()]))


def _suspects(panel: dict) -> list[str]:
    """{listener: {item: {"reference": number, "anchor-low": number}}} -> the listeners to leave out, in alphabetical order.

    Left out: who finds the muffled copy, on average, at least as good as the original it was made from.
    """
    return sorted(name for name, sounds in panel.items() if _average(sounds, ANCHOR_LOW) >= _average(sounds, REFERENCE))


def _suspects_by_sum(panel):
    found = []
    for name in sorted(panel):
        if sum(row["reference"] - row["anchor-low"] for row in panel[name].values()) <= 0:
            found.append(name)
    return found


def _panel(anchors: dict[str, list[int]], references: dict[str, list[int]]) -> dict:
    return {name: {f"item-{i}": {REFERENCE: references[name][i], ANCHOR_LOW: value} for i, value in enumerate(values)}
            for name, values in anchors.items()}


PANELS = [
    (_panel({"Ann": [40, 55, 45], "Ben": [50, 50, 50], "Cem": [20, 85, 10], "Dia": [5, 10, 8]},
            {"Ann": [85, 80, 90], "Ben": [50, 50, 50], "Cem": [75, 80, 70], "Dia": [30, 35, 28]}),),
    (_panel({"Eva": [90, 80, 85], "Fio": [60, 62, 61], "Gil": [70, 20, 30]},
            {"Eva": [20, 30, 25], "Fio": [64, 66, 65], "Gil": [60, 80, 75]}),),
]


def _spread_out(panel: dict) -> list[str]:
    means = {name: _average(sounds, REFERENCE) for name, sounds in panel.items()}
    middle = np.mean(list(means.values()))
    return sorted(name for name, value in means.items() if abs(value - middle) > 20)


suspects = Exercise(
    "11", "suspects", "Spot the cheater",
    reference=_suspects,
    judge=same_function(PANELS),
    right={"with a sum of differences": _suspects_by_sum},
    wrong={
        "leaving out who rates low in general": lambda panel: sorted(n for n, s in panel.items() if _average(s, REFERENCE) < 40),
        "leaving out who differs from the others": _spread_out,
        "leaving out a listener for a single slip": lambda panel: sorted(
            n for n, s in panel.items() if any(row[ANCHOR_LOW] >= row[REFERENCE] for row in s.values())),
        "letting equal means through (then 'always 50' stays)": lambda panel: sorted(
            n for n, s in panel.items() if _average(s, ANCHOR_LOW) > _average(s, REFERENCE)),
        "keeping the cheaters and leaving out the others": lambda panel: sorted(set(panel) - set(_suspects(panel))),
    },
    then="`ldm_lab.evaluation.listening.screen` has this rule and those of ITU-R BS.1534-3. Rules are fixed before anyone listens.",
)


QUIZ = quiz(
    "11",
    Question("A paper reports a Frechet distance of 20 from 5000 sounds, yours is 24 from 300. Whose model is better?",
             right="Nobody can tell from this",
             because="The distance of 300 sounds is biased upwards more than that of 5000. Only figures of equal numbers, "
                     "the same reference set and the same network can be compared.",
             others={"Theirs": "The lower figure may be nothing but the larger number of sounds: the bias shrinks with n.",
                     "Yours, because 300 sounds are harder": "True that fewer sounds give higher figures, but by how much is "
                                                             "unknown here; it may be 1 or 15.",
                     "Equal: 20 and 24 are close": "Close compared with what? Without an interval no difference is small or "
                                                   "large."}),
    Question("All captions of a generated set were mixed up by accident. Which measure notices?",
             right="The CLAP score",
             because="It compares each sound with its own text. The others look at the sounds as a set.",
             others={"The Frechet distance": "It knows only the mean and the spread of all sounds; their order plays no part.",
                     "The inception score": "It never sees a caption either, nor a reference.",
                     "All of them": "Two of the three never see a caption."}),
    Question("The generated sounds have a higher CLAP score than the real ones. What follows?",
             right="The model pleases this very CLAP",
             because="It was steered by it: a generator that is conditioned by a network learns what that network "
                     "likes. A judge it never met, or a person, has to say whether it sounds better.",
             others={"They sound better than real sounds": "Then noise made by gradient ascent would sound best of all.",
                     "The test captions are wrong": "Some may be, but a whole set of weak captions lowers both scores.",
                     "The score is broken": "It measures what it says: closeness in this CLAP's space. It is the reading that "
                                            "goes too far."}),
    Question("A listener gives every sound a 30, others mostly 70 to 90, but his order of the systems is that of all. Leave him out?",
             right="No: harsh is not careless",
             because="He hears the differences. Comparing systems within each listener takes his harshness away.",
             others={"Yes, he spoils the mean": "He moves all systems alike; differences stay. Leaving out whoever differs "
                                                "is a way to get any result.",
                     "Yes, if the result becomes significant": "Rules have to be fixed before anyone listens. This one is "
                                                               "chosen by its outcome.",
                     "Only his lowest answers": "Taking away single answers after seeing them bends the result, too."}),
    Question("12 of 16 ABX answers were right. Chance alone gives that or more in 4 % of tests. What do you write?",
             right="75 % of 16 right, p = 0.04: a hint",
             because="Share, number and p, and no more than they say: a hint that the difference is heard. Sixteen "
                     "trials leave an interval from about 48 to 93 %.",
             others={"The difference is audible, proved": "One test in twenty-five looks like this when nobody hears anything.",
                     "The sounds are the same": "Not hearing a difference for certain is not hearing none.",
                     "75 % of people hear the difference": "75 % of the answers were right, half of which would be right by "
                                                           "guessing. That is no share of people."}),
)
