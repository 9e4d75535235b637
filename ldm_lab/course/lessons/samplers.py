"""Lesson 07: a world of six notes in which every error can be measured, exercises on samplers, and the quiz."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from ldm_lab.course import plots
from ldm_lab.course.exercise import Exercise, call, choices, same_function
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.diffusion import samplers as library
from ldm_lab.diffusion.schedule import Schedule, exponential_grid, karras_grid
from ldm_lab.rng import Rng

SCHEDULE = Schedule.scaled_linear()
SEMITONES = 8.0  # one unit to the right is so many semitones up
NOTES = torch.tensor([[-12, -0.8], [-5, 0.9], [0, -0.3], [4, 0.9], [7, -0.9], [12, 0.3]], dtype=torch.float64)
NOTES[:, 0] /= SEMITONES
SPREAD = 0.05  # how far a drawn sound lies from its note, in each direction
MIDDLE = 330.0  # hertz at x = 0
RATE, BEAT = 16000, 5120  # samples a second, samples a note


# --- the world: a point of the plane is a sound -----------------------------------------------------------------------


def draw(count: int, seed: int = 0) -> Tensor:
    """`count` true sounds of the world, (n, 2): a note drawn by lot, and a little off it."""
    which = torch.randint(len(NOTES), (count,), generator=Rng(seed).at("notes"))
    return NOTES[which] + SPREAD * Rng(seed).randn((count, 2), "spread", dtype=torch.float64)


def exact(x: Tensor, sigma: Tensor) -> Tensor:
    """The exact denoiser of the world: the mean of all its sounds z that x = z + sigma noise may hold, weighted."""
    variance = (SPREAD**2 + sigma**2)[:, None]
    to_note = NOTES - x[:, None]  # (B, 6, 2)
    share = (-to_note.square().sum(-1) / (2 * variance)).softmax(1)  # (B, 6)
    return (share[..., None] * (NOTES - (SPREAD**2 / variance)[..., None] * to_note)).sum(1)


def starts(count: int = 256, seed: int = 0) -> Tensor:
    """(n, 2) points of pure noise at the highest sigma, from which every walk of the lesson begins."""
    return SCHEDULE.sigmas[-1] * Rng(seed).randn((count, 2), "start", dtype=torch.float64)


def uniform_grid(steps: int) -> Tensor:
    """sigma in equal steps from the highest level to 0: the naive grid."""
    return torch.linspace(float(SCHEDULE.sigmas[-1]), 0.0, steps + 1, dtype=torch.float64)


def good_grid(steps: int) -> Tensor:
    """The library's exponential grid: equal ratios down to the lowest level, then 0."""
    return exponential_grid(SCHEDULE, steps)


def melody(points: Tensor, count: int = 8) -> Tensor:
    """The first `count` points as plucked notes one after the other, (N,) at 16 kHz: x is pitch, y is brightness."""
    time = torch.arange(BEAT, dtype=torch.float64) / RATE
    notes = []
    for x, y in points[:count].double().clamp(-4.0, 4.0).tolist():
        hertz = MIDDLE * 2.0 ** (SEMITONES * x / 12)
        wave = torch.zeros_like(time)
        for k in range(1, 9):
            if k * hertz < 7000:
                level = math.exp(-(k - 1) * (1.1 - 0.8 * y))
                wave += level * torch.exp(-(4 + 2 * k) * time) * torch.sin(2 * math.pi * k * hertz * time)
        notes.append(wave / wave.abs().max().clamp(min=1e-9))
    fade = (torch.arange(BEAT) / 80).clamp(max=1.0) * (torch.arange(BEAT).flip(0) / 400).clamp(max=1.0)
    return (0.5 * torch.cat([note * fade for note in notes])).float()


def cents(points: Tensor, truth: Tensor) -> Tensor:
    """(n,) error of pitch in hundredths of a semitone."""
    return (points - truth)[:, 0].abs() * SEMITONES * 100


def figures(points: Tensor, truth: Tensor) -> dict[str, float]:
    """What a table says of a walk's ends: the typical error of pitch, and the share of notes more than 50 cents off."""
    error = cents(points, truth)
    return {"median error (cents)": float(error.median()), "wrong notes": f"{100 * float((error > 50).double().mean()):.1f} %"}


def between(points: Tensor) -> float:
    """Share of points that lie on no note: farther than 4 spreads from the nearest."""
    nearest = (points[:, None] - NOTES).norm(dim=2).min(dim=1).values
    return float((nearest > 4 * SPREAD).double().mean())


def counts(points: Tensor) -> list[int]:
    """How many points are nearest to each of the six notes, from the lowest to the highest."""
    nearest = (points[:, None] - NOTES).norm(dim=2).argmin(dim=1)
    return torch.bincount(nearest, minlength=len(NOTES)).tolist()


def _world(ax) -> None:
    ax.plot(*NOTES.T.numpy(), "k+", markersize=11, markeredgewidth=1.5)
    ax.set(xlim=(-2.3, 2.3), ylim=(-2.1, 2.1), aspect="equal", xlabel="pitch")


def clouds(named: Mapping[str, Tensor], *, alt: str):
    """Clouds of points side by side, each over the six notes (crosses)."""
    figure, axes = plots.sheet(len(named), width=8.0, height=2.9)
    for ax, (label, points) in zip(axes[0], named.items()):
        _world(ax)
        ax.plot(*points[:256].T.numpy(), "o", markersize=3, alpha=0.45, color="#8c2981")
        ax.set_title(label, fontsize=10)
    axes[0, 0].set_ylabel("brightness")
    return plots.show(figure, alt)


def walked(sampler: Callable, start: Tensor, sigmas: Tensor, *, denoise: Callable = exact, **options) -> Tensor:
    """(S + 1, n, 2) where a walk was at the beginning of each step, scaled to the spread of the notes, and its end."""
    seen = []
    end = sampler(denoise, start, sigmas, callback=lambda step: seen.append(step.x / math.sqrt(1 + step.sigma**2)), **options)
    return torch.stack([*seen, end])


def paths(named: Mapping[str, Tensor], *, alt: str, count: int = 12):
    """The ways (S + 1, n, 2) of `count` points over the six notes."""
    figure, axes = plots.sheet(len(named), width=8.0, height=3.0)
    for ax, (label, ways) in zip(axes[0], named.items()):
        _world(ax)
        for way in ways[:, :count].transpose(0, 1).numpy():
            ax.plot(*way.T, "-", linewidth=1, alpha=0.8, marker="." if len(way) < 30 else None, markersize=4)
            ax.plot(*way[-1], "ko", markersize=4)
        ax.set_title(label, fontsize=10)
    axes[0, 0].set_ylabel("brightness")
    return plots.show(figure, alt)


def teaser(count: int = 8) -> dict[str, Tensor]:
    """Three tunes from one noise: as exact as can be, with 10 good steps, with 200 naive ones."""
    start = starts(count)
    return {
        "the true tune": melody(library.sample_unipc(exact, start, good_grid(400))),
        "sampler A": melody(library.sample_ddim(exact, start, uniform_grid(200))),
        "sampler B": melody(library.sample_unipc(exact, start, good_grid(10))),
    }


# --- exercise 1: the DDIM step ----------------------------------------------------------------------------------------


def ddim_step_reference(x, x0_hat, sigma, sigma_next, eta, noise):
    fresh = eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2)
    kept = math.sqrt(max(0.0, sigma_next**2 - fresh**2))
    return x0_hat + (kept / sigma) * (x - x0_hat) + fresh * noise


def _ddim_in_alpha_bar(x, x0_hat, sigma, sigma_next, eta, noise):
    a, b = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)  # alpha_bar here and there
    spread = eta * math.sqrt((1 - b) / (1 - a)) * math.sqrt(1 - a / b)  # eq. 16
    eps = (x - x0_hat) / sigma
    return (math.sqrt(b) * x0_hat + math.sqrt(max(0.0, 1 - b - spread**2)) * eps + spread * noise) / math.sqrt(b)


def _keeps_all(x, x0_hat, sigma, sigma_next, eta, noise):
    fresh = eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2)
    return x0_hat + (sigma_next / sigma) * (x - x0_hat) + fresh * noise


def _variance(x, x0_hat, sigma, sigma_next, eta, noise):
    fresh = eta * sigma_next**2 * (1 - (sigma_next / sigma) ** 2)
    kept = math.sqrt(max(0.0, sigma_next**2 - fresh**2))
    return x0_hat + (kept / sigma) * (x - x0_hat) + fresh * noise


def _not_divided(x, x0_hat, sigma, sigma_next, eta, noise):
    fresh = eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2)
    return x0_hat + math.sqrt(max(0.0, sigma_next**2 - fresh**2)) * (x - x0_hat) + fresh * noise


def _linear_rest(x, x0_hat, sigma, sigma_next, eta, noise):
    fresh = eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2)
    return x0_hat + ((sigma_next - fresh) / sigma) * (x - x0_hat) + fresh * noise


def _step_cases() -> list[tuple]:
    x, guess, noise = (Rng(7).randn((4, 2), name, dtype=torch.float64) for name in ("x", "guess", "noise"))
    return [(3 * x, guess, 3.0, 1.5, 0.0, noise), (3 * x, guess, 3.0, 1.5, 1.0, noise),
            (x, guess, 0.8, 0.3, 0.5, noise), (x, guess, 0.5, 0.0, 1.0, noise)]


ddim_step = Exercise(
    "07", "ddim_step", "The DDIM step", reference=ddim_step_reference, judge=same_function(_step_cases, tolerance=1e-9),
    right={"in alpha-bar form, as in the paper": _ddim_in_alpha_bar},
    wrong={
        "adding fresh noise without taking any of the old out: the level grows": _keeps_all,
        "the variance where the spread belongs: a square root is missing in `fresh`": _variance,
        "forgetting to divide by sigma: x - x0_hat is sigma times the noise, not the noise": _not_divided,
        "subtracting spreads; independent noises add by their squares": _linear_rest,
    },
    then="With eta = 0 this is Euler's step, with eta = 1 DDPM's.",
)


# --- exercise 2: a grid -----------------------------------------------------------------------------------------------


def log_grid_reference(high, low, steps):
    return torch.linspace(math.log(high), math.log(low), steps + 1, dtype=torch.float64).exp()


def _power_grid(high, low, steps):
    return torch.tensor([high * (low / high) ** (i / steps) for i in range(steps + 1)], dtype=torch.float64)


def _karras(high, low, steps, rho=7.0):
    return torch.linspace(high ** (1 / rho), low ** (1 / rho), steps + 1, dtype=torch.float64) ** rho


log_grid = Exercise(
    "07", "log_grid", "Equal ratios", reference=log_grid_reference,
    judge=same_function([(80.0, 0.04, 10), (5.0, 0.5, 1), (2.0, 1.0, 7)], tolerance=1e-9, relative=True),
    right={"by powers of the ratio": _power_grid},
    wrong={
        "equal differences of sigma: the naive grid": lambda high, low, steps: torch.linspace(high, low, steps + 1, dtype=torch.float64),
        "one level too few: S steps stand between S + 1 levels": lambda high, low, steps: log_grid_reference(high, low, max(1, steps - 1)),
        "the grid in the wrong direction: sampling goes from high to low": lambda high, low, steps: log_grid_reference(high, low, steps).flip(0),
        "exp after log10: use one kind of logarithm both ways": lambda high, low, steps: torch.linspace(
            math.log10(high), math.log10(low), steps + 1, dtype=torch.float64).exp(),
        "10 to the power of a natural logarithm: use one kind of logarithm both ways": lambda high, low, steps: torch.logspace(
            math.log(high), math.log(low), steps + 1, dtype=torch.float64),
        "Karras' grid (rho = 7): a good one, but its ratios are not equal": _karras,
    },
)


# --- exercise 3: the order --------------------------------------------------------------------------------------------


def order_reference(steps, errors):
    x, y = (np.log(np.asarray(values, dtype=float)) for values in (steps, errors))
    return -float(np.polyfit(x, y, 1)[0])


def _least_squares(steps, errors):
    x, y = (torch.as_tensor(values, dtype=torch.float64).log2() for values in (steps, errors))
    x, y = x - x.mean(), y - y.mean()
    return -float((x * y).sum() / (x * x).sum())


def _slope(x, y) -> float:
    return -float(np.polyfit(np.asarray(x, dtype=float), np.asarray(y, dtype=float), 1)[0])


ORDER_CASES = [([10, 20, 40], [0.4, 0.2, 0.1]), ([20, 40, 80, 160], [4.9e-3, 1.1e-3, 2.6e-4, 6e-5])]
order = Exercise(
    "07", "order", "The order of a sampler", reference=order_reference, judge=same_function(ORDER_CASES, tolerance=1e-6),
    right={"least squares by hand, in base 2": _least_squares},
    wrong={
        "the slope with its sign: the order is its opposite": lambda steps, errors: -order_reference(steps, errors),
        "the logarithm of the errors only: both axes are logarithmic": lambda steps, errors: _slope(steps, np.log(errors)),
        "axes exchanged: steps go to the right, errors up": lambda steps, errors: 1 / order_reference(steps, errors),
        "no logarithm at all: a straight line only in log-log": _slope,
        "the slope from the first point to the last: a fit takes them all": lambda steps, errors:
            math.log(errors[0] / errors[-1]) / math.log(steps[-1] / steps[0]),
    },
)


# --- exercise 4: three broken samplers --------------------------------------------------------------------------------

FAULTS = ("one call only", "equal steps in sigma", "stops too early", "fresh noise too small")
PATIENTS = {"A": "fresh noise too small", "B": "stops too early", "C": "one call only"}


def too_little_noise(denoise: Callable, x: Tensor, sigmas: Tensor, noise: Callable, share: float = 0.5) -> Tensor:
    """Ancestral sampling whose fresh noise is only a share of what it must be; the old is taken out in full."""
    values = sigmas.tolist()
    for i, (sigma, below) in enumerate(zip(values, values[1:])):
        guess = denoise(x, torch.full((len(x),), sigma, dtype=torch.float64))
        ratio = (below / sigma) ** 2
        x = guess + ratio * (x - guess) + share * below * math.sqrt(1 - ratio) * noise(i)
    return x


def patients(count: int = 256) -> dict[str, Tensor]:
    """Points (n, 2) that three broken samplers make of the same noise."""
    start = starts(count)
    noise = lambda i: Rng(3).randn((count, 2), "patient", i, dtype=torch.float64)
    early = karras_grid(SCHEDULE, 40)
    early = early[early > 0.2]
    return {
        "A": too_little_noise(exact, start, good_grid(100), noise),
        "B": library.sample_unipc(exact, start, early),
        "C": exact(start, torch.full((count,), float(SCHEDULE.sigmas[-1]), dtype=torch.float64)),
    }


ILL = {
    "one call only": "One call gives the mean of all that is possible: almost the same point from every noise.",
    "equal steps in sigma": "That one leaves points on the lines between notes, its last step being too long. Compare with the "
                            "picture of the naive grid above.",
    "stops too early": "What is left when a walk stops is round noise about each note, in every direction alike.",
    "fresh noise too small": "Too little chance makes points sit tight, and too many of them in the middle of the world.",
}
diagnosis = Exercise(
    "07", "diagnosis", "Three broken samplers", reference=PATIENTS,
    judge=choices(PATIENTS, FAULTS, {(q, c): f"{ILL[c]} Does that fit {q}?" for q in PATIENTS for c in FAULTS}),
    right={"in another order": {"C": "one call only", "A": "fresh noise too small", "B": "stops too early"}},
    wrong={
        "taking every scatter for the naive grid": {"A": "equal steps in sigma", "B": "equal steps in sigma", "C": "one call only"},
        "exchanging too much and too little noise": {"A": "stops too early", "B": "fresh noise too small", "C": "one call only"},
        "leaving one open": {"A": "fresh noise too small", "B": "stops too early"},
    },
)


def same_walk(step: Callable, start: Tensor, sigmas: Tensor) -> Tensor:
    """A whole walk with a student's step at eta = 0, for the bit-by-bit comparison with `sample_ddim`."""
    x, values, none = start, sigmas.tolist(), torch.zeros_like(start)
    for sigma, below in zip(values, values[1:]):
        x = call(step, x, exact(x, torch.full((len(x),), sigma, dtype=torch.float64)), sigma, below, 0.0, none)
    return x


QUIZ = quiz(
    "07",
    Question(
        "Why is the guess after one call no good sound?",
        right="It is the mean of all that is possible",
        because="Many sounds could still come out of this noise. The best answer in mean square is their mean, and "
                "the mean of six notes is none of them.",
        others={
            "The network is too small": "The exact denoiser of our world answers the same: no network would do better.",
            "The noise was not subtracted completely": "The guess holds no noise at all. It holds all notes at once.",
            "Guidance was off": "Guidance moves the guess; it stays a mean of possibilities.",
        }),
    Question(
        "You double the steps of Heun's method. What should happen to the error of the walk, once it is small?",
        right="It falls to about a quarter",
        because="Second order: the error goes with the square of the step's length.",
        others={
            "It falls to about a half": "That is first order: Euler, or DDIM with eta = 0.",
            "It does not change": "So it would be if the error came from the network. The walk's own error does shrink.",
            "It falls to about an eighth": "That would be third order; UniPC of order 2 comes near it, Heun does not.",
        }),
    Question(
        "From the same noise, DDIM with eta = 0 and DDPM end at different sounds. Which one is wrong?",
        right="Neither: both may come out",
        because="Both draw from the same distribution. Fresh noise on the way sends each walk elsewhere; what must "
                "agree is how often each sound comes.",
        others={
            "DDPM, since it is random": "Random, but its draws are right where the steps are many.",
            "DDIM, since it ignores the noise": "It needs none: its curve carries the noise's distribution to the sounds'.",
        }),
    Question(
        "A trained network replaces the exact denoiser. From some number of steps on, better samplers no longer help. Why?",
        right="What is left is the network's own error",
        because="Two errors add: of the solver and of the network. The walk is followed exactly by now, but it is "
                "the walk of a slightly wrong denoiser.",
        others={
            "Rounding errors add up": "They are a million times smaller than what the plot shows.",
            "The sampler has reached sigma = 0": "Every walk ends there, the short ones too.",
            "The samplers are only of second order": "The order tells how fast the solver's error falls, not what remains.",
        }),
    Question(
        "Where do 10 steps do the most good?",
        right="In equal ratios of sigma: many of them at low noise",
        because="The choice between notes is made while sigma is about as large as their distance, and pitch is set below that.",
        others={
            "In equal differences of sigma": "Then nine of ten steps are spent where x is all noise and the guess hardly moves.",
            "All at the highest sigma": "There the guess is the mean, whatever x is.",
            "It does not matter for a second-order method": "It did in the table: on the naive grid no method is good.",
        }),
)
