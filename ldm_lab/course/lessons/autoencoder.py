"""Lesson 03: the mel autoencoder. Single mel columns for the toy, patients with a broken latent, exercises, quiz."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ldm_lab.audio.mel import log_mel
from ldm_lab.course.data import clips
from ldm_lab.course.exercise import Exercise, choices, same_function
from ldm_lab.course.plots import Picture, array, sheet, show
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.rng import Rng
from ldm_lab.rng import seeded as seeded  # the notebook calls lesson.seeded

if TYPE_CHECKING:
    from ldm_lab.system import AudioLDM

DB = 8.686  # decibels in one natural-log unit of magnitude: 20 / ln 10
KINDS = ("bell_ui", "drum", "nature", "speech", "vehicle")


# --- single mel columns, for the toy of two numbers ------------------------------------------------------------------


def columns(clips_each: int = 24, per_clip: int = 20) -> tuple[Tensor, list[str]]:
    """Loud mel columns (n, 64) of real recordings of five kinds, and the kind of each."""
    rows, kinds = [], []
    for kind in KINDS:
        found = clips(clips_each, category=kind, kind="recorded", seed=0)
        for number, mel in enumerate(log_mel(found.wav)):
            loud = mel[mel.amax(-1) > -6.0]
            take = Rng(1).numpy("columns", number).permutation(len(loud))[:per_clip]
            rows.append(loud[take])
            kinds += [kind] * len(take)
    return torch.cat(rows), kinds


def clouds(latents: Mapping[str, Tensor], kinds: list[str], *, alt: str) -> Picture:
    """One panel for each {title: (n, 2)}, a colour a kind, and the circle in which 95 of 100 noise points fall."""
    figure, axes = sheet(len(latents), width=9.5, height=3.3)
    turn = torch.linspace(0, 2 * torch.pi, 100)
    for ax, (title, cloud) in zip(axes.flat, latents.items()):
        for kind in KINDS:
            part = array(cloud)[[k == kind for k in kinds]]
            ax.plot(part[:, 0], part[:, 1], ".", markersize=2, label=kind)
        ax.plot(2.45 * turn.cos(), 2.45 * turn.sin(), "k-", linewidth=1.5)
        reach = 1.05 * max(2.6, float(cloud.abs().quantile(0.995)))
        ax.set(title=title, aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
    axes.flat[0].legend(markerscale=4, fontsize=7)
    return show(figure, alt)


def wander(steps: int = 256, *, seed: int = 0, smooth: float = 0.9) -> Tensor:
    """A walk (steps, 2) through standard normal noise: each point is N(0, I), near ones are alike."""
    noise, walk = Rng(seed).randn((steps, 2), "wander"), torch.zeros(steps, 2)
    walk[0] = noise[0]
    for i in range(1, steps):
        walk[i] = smooth * walk[i - 1] + (1 - smooth**2) ** 0.5 * noise[i]
    return walk


# --- how small may a latent be? --------------------------------------------------------------------------------------

SIZES = ((2, 2), (4, 2), (4, 4), (4, 8), (8, 8), (8, 16), (8, 32), (16, 16), (16, 32), (16, 64))


def patches(mel: Tensor, r: int) -> Tensor:
    """(B, T, 64) -> (B T/r 64/r, r r): every r x r square of the pictures as a row."""
    return mel.unfold(1, r, r).unfold(2, r, r).flatten(3).flatten(0, 2)


def pca_error(train: Tensor, test: Tensor, r: int, channels: int) -> float:
    """Mean absolute error in dB on `test` of the best linear autoencoder of r x r patches of `train` (B, T, 64)."""
    rows = patches(train, r).double()
    centre = rows.mean(0)
    axes = torch.linalg.eigh(torch.cov(rows.T)).eigenvectors[:, -channels:]
    new = patches(test, r).double() - centre
    return DB * float((new - new @ axes @ axes.T).abs().mean())


@functools.cache
def errors() -> dict[tuple[int, int], float]:
    """{(r, channels): error in dB} of linear autoencoders on held-out sounds."""
    train, test = (log_mel(clips(n, split=split, seed=3).wav) for n, split in ((48, "train"), (16, "test")))
    return {size: round(pca_error(train, test, *size), 2) for size in SIZES}


def numbers(r: int, channels: int) -> float:
    """Numbers a second in a latent: 100 / r columns, 64 / r rows, `channels` deep."""
    return 100 / r * 64 / r * channels


# --- three autoencoders with a broken latent -------------------------------------------------------------------------

PARTS = ("collapsed", "noisy", "few channels", "axes swapped")
KEY = {"A": "few channels", "B": "collapsed", "C": "noisy"}
FEEDBACK = {
    ("A", "collapsed"): "In A you still hear what it is: the latent says something. A collapsed one says nothing.",
    ("A", "noisy"): "A is too smooth, not too rough. Noise in the latent adds what was not there; here something is missing.",
    ("A", "axes swapped"): "Swapped axes leave errors in patches everywhere. A is evenly smoothed.",
    ("B", "noisy"): "B would be different each time, and rough. It is perfectly even.",
    ("B", "few channels"): "With few channels you would still know the sound. B could be any sound.",
    ("B", "axes swapped"): "Swapped axes keep most of the sound. Here nothing of it is left.",
    ("C", "collapsed"): "C has plenty to say; part of it is made up. Look at the grain of the picture.",
    ("C", "few channels"): "Leaving something out makes a picture smoother. C has more detail than the original.",
    ("C", "axes swapped"): "Close: it is rough. But the grain is different each time, and as strong in silence as in sound.",
}


@torch.no_grad()
def patients(ldm: AudioLDM, wav: Tensor) -> dict[str, Tensor]:
    """Three sounds (N,): `wav` (N,) through the autoencoder with a broken latent."""
    mean = ldm.autoencoder.encode(ldm.wav_to_mel(wav[None])).mean
    few = torch.cat([mean[:, :3], torch.zeros_like(mean[:, 3:])], dim=1)
    broken = {"A": few, "B": torch.zeros_like(mean), "C": mean + 0.7 * Rng(0).randn(mean.shape, "patient")}
    return {name: ldm.mel_to_wav(ldm.autoencoder.decode(z))[0, : len(wav)] for name, z in broken.items()}


# --- exercises -------------------------------------------------------------------------------------------------------


def _draw(count: int, *shape: int, seed: int = 0) -> tuple[Tensor, ...]:
    return tuple(Rng(seed).randn(shape, "exercise", i) for i in range(count))


def _sample(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * logvar) * noise


reparameterise = Exercise(
    "03", "reparameterise", "Reparameterise",
    reference=_sample, judge=same_function(lambda: [_draw(3, 2, 4, 8, 8), _draw(3, 5, seed=1)]),
    right={"the root of the variance": lambda mean, logvar, noise: noise * logvar.exp().sqrt() + mean},
    wrong={
        "taking exp(logvar), the variance, for the standard deviation": lambda m, v, n: m + v.exp() * n,
        "using the logarithm itself as the spread": lambda m, v, n: m + v * n,
        "adding noise of spread 1, whatever the encoder said": lambda m, v, n: m + n,
        "scaling the mean as well": lambda m, v, n: (m + n) * (0.5 * v).exp(),
    },
    then="All the chance is in `noise`, which no weight made: gradients flow through mean and logvar.",
)


def _kl_by_sampling(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    z = _sample(mean, logvar, noise)
    return 0.5 * (z**2 - noise**2 - logvar).mean(0)


def _kl_from_distributions(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    q, p = torch.distributions.Normal(mean, (0.5 * logvar).exp()), torch.distributions.Normal(0.0, 1.0)
    z = _sample(mean, logvar, noise)
    return (q.log_prob(z) - p.log_prob(z)).mean(0)


def _kl_cases() -> list[tuple]:
    return [(*_draw(2, 6, seed=2), Rng(5).randn((400, 6), "many")), (torch.zeros(3), torch.zeros(3), Rng(6).randn((10, 3), "few"))]


kl_by_sampling = Exercise(
    "03", "kl_by_sampling", "The KL, by rolling dice",
    reference=_kl_by_sampling, judge=same_function(_kl_cases, tolerance=1e-4),
    right={"with torch.distributions": _kl_from_distributions},
    wrong={
        "log p − log q, the wrong way round": lambda m, v, n: -_kl_by_sampling(m, v, n),
        "leaving out log q's own noise": lambda m, v, n: 0.5 * (_sample(m, v, n) ** 2 - v).mean(0),
        "forgetting −½ logvar in log q": lambda m, v, n: 0.5 * (_sample(m, v, n) ** 2 - n**2).mean(0),
        "putting the mean in place of the sample": lambda m, v, n: 0.5 * (m**2 - n**2 - v).mean(0),
        "adding the samples up instead of averaging": lambda m, v, n: 0.5 * (_sample(m, v, n) ** 2 - n**2 - v).sum(0),
    },
)


def _scale_factor(z: Tensor) -> Tensor:
    return 1.0 / z.std()


def _scale_cases() -> list[tuple]:
    spread = torch.tensor([2.3, 1.1, 0.6, 0.4])[:, None, None]
    return [(Rng(7).randn((8, 4, 16, 8), "z") * spread + 0.7,), (Rng(8).randn((4, 2, 8, 8), "z") * 5.0,)]


scale_factor = Exercise(
    "03", "scale_factor", "One number for all latents",
    reference=_scale_factor, judge=same_function(_scale_cases, tolerance=1e-3),
    right={"the root of a variance": lambda z: (z - z.mean()).square().mean().rsqrt()},
    wrong={
        "the spread itself: it would make large latents larger": lambda z: z.std(),
        "dividing by the variance": lambda z: 1 / z.var(),
        "one number for each channel": lambda z: 1 / z.std(dim=(0, 2, 3)),
        "averaging the spreads of the channels: the spread of everything is not their mean":
            lambda z: 1 / z.std(dim=(0, 2, 3)).mean(),
        "the root mean square, which counts the mean as spread": lambda z: z.square().mean().rsqrt(),
    },
)


def _within(table: Mapping[tuple[int, int], float], budget: float, most: int) -> list[tuple[int, int]]:
    return [size for size in table if table[size] <= budget and size[1] <= most]


def _choose(table: Mapping[tuple[int, int], float], budget: float, most: int) -> tuple[int, int]:
    return min(_within(table, budget, most), key=lambda size: (numbers(*size), table[size]))


def _choose_by_sorting(table: Mapping[tuple[int, int], float], budget: float, most: int) -> tuple[int, int]:
    cheap_first = sorted((channels / r**2, error, (r, channels)) for (r, channels), error in table.items())
    return next(size for _, error, size in cheap_first if error <= budget and size[1] <= most)


choose_size = Exercise(
    "03", "choose_size", "The smallest latent within a budget",
    reference=_choose, judge=same_function(lambda: [(errors(), 1.5, 32), (errors(), 1.5, 64), (errors(), 2.5, 16), (errors(), 4.0, 64)]),
    right={"sort by cost, take the first that fits": _choose_by_sorting},
    wrong={
        "the smallest error, whatever it costs":
            lambda table, budget, most: min(_within(table, budget, most), key=lambda s: table[s]),
        "the smallest latent, whatever its error": lambda table, budget, most: min(table, key=lambda s: numbers(*s)),
        "forgetting that channels are limited": lambda table, budget, most: _choose(table, budget, 1000),
        "the fewest channels that fit, without counting columns and rows":
            lambda table, budget, most: min(_within(table, budget, most), key=lambda s: s[1]),
        "counting the columns but not the rows":
            lambda table, budget, most: min(_within(table, budget, most), key=lambda s: s[1] / s[0]),
        "the worse one of two that cost the same":
            lambda table, budget, most: min(_within(table, budget, most), key=lambda s: (numbers(*s), -table[s])),
    },
)

diagnosis = Exercise(
    "03", "diagnosis", "What ails the latent?",
    reference=KEY, judge=choices(KEY, PARTS, FEEDBACK),
    right={"the same in another order": dict(reversed(KEY.items()))},
    wrong={
        "blaming swapped axes for the smooth one": {**KEY, "A": "axes swapped"},
        "taking the even drone for noise": {**KEY, "B": "noisy"},
        "swapping the smooth and the rough one": {"A": "noisy", "B": "collapsed", "C": "few channels"},
    },
)

QUIZ = quiz(
    "03",
    Question("Why does the encoder give a mean and a variance instead of a point?",
             right="So that points near each other sound alike",
             because="The decoder must cope with every point of the cloud, so the latent has no needle-sharp "
                     "secrets; and diffusion never hits a point exactly.",
             others={
                 "Two numbers hold more than one": "The decoder gets only one sample. The variance makes it worse, on purpose.",
                 "So that the same sound is different every time": "That is a side effect, and a small one: shipped posteriors are narrow.",
                 "Variances are needed for the vocoder": "The vocoder sees the decoded picture and nothing else.",
             }),
    Question("What is the reparameterisation for?",
             right="Gradients can reach mean and variance",
             because="The random number comes from outside: z = μ + σ ε has a derivative with respect to μ and σ. "
                     "`torch.normal(mu, sigma)` has none.",
             others={
                 "It makes sampling faster": "It costs the same. Without it there would be no gradient to learn from.",
                 "It keeps the variance positive": "That is done by giving log σ² and taking its exponential.",
                 "It makes the latents Gaussian": "The KL term pulls them there; the sampling alone does not.",
             }),
    Question("The KL of your VAE is 0.000 from step 200 on. What has happened?",
             right="The latent no longer says anything",
             because="Posterior collapse: KL zero means mean 0 and variance 1 for all inputs, and the decoder gives "
                     "the average of everything.",
             others={
                 "It has learnt a perfect ball": "A ball of all sounds has positive KL for each one: each sound needs its own place in it.",
                 "The KL weight is too small": "The other way round: the price was so high that saying nothing was cheapest.",
                 "The reconstruction has become exact": "It cannot be: a latent that is the same for all sounds cannot tell them apart.",
             }),
    Question("The autoencoder of a model is exchanged for one whose latents are twice as large. Nothing else changes. What else must?",
             right="The scale factor: it halves",
             because="Diffusion must see latents of spread 1, for which noise schedules are made. A checkpoint's "
                     "scale factor belongs to its autoencoder.",
             others={
                 "Nothing, networks adapt": "A trained UNet does not adapt. Its noise levels would all be off by a factor of two.",
                 "The vocoder": "It sees mel pictures, which have not changed.",
                 "The number of sampling steps": "More steps of the same mismatch do not mend it.",
             }),
    Question("PCA has a smaller error than your trained network. What follows?",
             right="Start from PCA, and learn the rest",
             because="A minute is too short to learn what can be computed. The shipped autoencoder does just that.",
             others={
                 "Networks are no use here": "The shipped one beats PCA by a little, and a discriminator sharpens where PCA can only blur.",
                 "The network has too few weights for it": "It has a hundred times more than PCA. It lacked time, and a path for plain linear facts.",
                 "PCA latents are a ball": "PCA says nothing about the shape; it only orders directions by their spread.",
             }),
)
