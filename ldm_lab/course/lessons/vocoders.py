"""Lesson 02: exercises, quiz, data and measures of vocoders."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ldm_lab.audio.mel import istft, log_mel, stft
from ldm_lab.course.data import Clips, _corpus, _load
from ldm_lab.course.exercise import Exercise, same_function
from ldm_lab.course.plots import Picture, sheet, show
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.evaluation.listening import binomial_p
from ldm_lab.evaluation.spectral import log_mel_l1, multi_resolution_stft
from ldm_lab.rng import Rng

VOICE = "A woman speaks in English over the telephone"
HOP, RATE = 160, 16000

# --- exercise 1: one round of Griffin-Lim ----------------------------------------------------------------------------


def gl_round(spectrum: Tensor, magnitude: Tensor) -> Tensor:
    """To a wave and back, then the wanted lengths with the new angles: (B, T, F) complex."""
    rebuilt = stft(istft(spectrum, length=HOP * spectrum.shape[1]))
    return torch.polar(magnitude, rebuilt.angle())


def _by_division(spectrum: Tensor, magnitude: Tensor) -> Tensor:
    rebuilt = stft(istft(spectrum, length=HOP * spectrum.shape[1]))
    return magnitude * rebuilt / rebuilt.abs().clamp(min=1e-9)


def _no_reset(spectrum: Tensor, magnitude: Tensor) -> Tensor:
    return stft(istft(spectrum, length=HOP * spectrum.shape[1]))


def _old_angle(spectrum: Tensor, magnitude: Tensor) -> Tensor:
    return torch.polar(magnitude, spectrum.angle())


def _old_length(spectrum: Tensor, magnitude: Tensor) -> Tensor:
    rebuilt = _no_reset(spectrum, magnitude)
    return torch.polar(rebuilt.abs(), spectrum.angle())


def _turned(spectrum: Tensor, magnitude: Tensor) -> Tensor:
    return gl_round(spectrum, magnitude).conj()


def _gl_case() -> list[tuple[Tensor, Tensor]]:
    random = Rng(0)
    magnitude = random.randn((1, 30, 513), "magnitude").abs() + 0.05
    return [(torch.polar(magnitude, 3.0 * random.randn((1, 30, 513), "angle")), magnitude)]


griffin = Exercise(
    "02", "griffin", "One round of Griffin-Lim",
    reference=gl_round,
    judge=same_function(_gl_case, tolerance=1e-3, sound=lambda spectrum: istft(spectrum.detach())[0]),
    right={"by dividing by the length": _by_division},
    wrong={
        "going to a wave and back, and leaving the lengths as they came: the wanted lengths are lost": _no_reset,
        "keeping the old angles: then nothing ever changes": _old_angle,
        "the new lengths with the old angles, the wrong way round": _old_length,
        "the complex conjugate: angles with the wrong sign": _turned,
    },
    then="Repeat it and the inconsistency falls, or at least never rises (Griffin and Lim 1984 prove it).",
)

# --- exercise 2: receptive field -------------------------------------------------------------------------------------


def receptive_field(kernels: list[int], dilations: list[int]) -> int:
    """Inputs that one output of a stack of stride-1 convolutions can see: 1 + sum of (k - 1) d."""
    return 1 + sum((k - 1) * d for k, d in zip(kernels, dilations))


def _by_growing(kernels: list[int], dilations: list[int]) -> int:
    seen = 1
    for k, d in zip(kernels, dilations):
        seen = seen + d * k - d
    return seen


field = Exercise(
    "02", "field", "Receptive field",
    reference=receptive_field,
    judge=same_function([([3], [1]), ([3, 3], [1, 3]), ([7], [5]), ([11] * 6, [1, 1, 3, 1, 5, 1]), ([3, 7, 11], [1, 1, 1])]),
    right={"layer by layer": _by_growing},
    wrong={
        "the sum of k d: it counts the middle of every kernel again": lambda k, d: sum(a * b for a, b in zip(k, d)),
        "1 + the sum of k d: k taps have only k - 1 gaps between them": lambda k, d: 1 + sum(a * b for a, b in zip(k, d)),
        "the sum of (k - 1) d without the sample in the middle": lambda k, d: sum((a - 1) * b for a, b in zip(k, d)),
        "leaving out the dilations": lambda k, d: 1 + sum(a - 1 for a in k),
        "multiplying where the layers add": lambda k, d: math.prod(1 + (a - 1) * b for a, b in zip(k, d)),
    },
)

# --- exercise 3: the fold of the period discriminator -------------------------------------------------------------------


def fold_wave(wav: Tensor, period: int) -> Tensor:
    """(B, N) -> (B, 1, ceil(N / period), period), the end mirrored."""
    padded = F.pad(wav[:, None], (0, -wav.shape[1] % period), mode="reflect")
    return padded.reshape(len(wav), 1, -1, period)


def _fold_columns(wav: Tensor, period: int) -> Tensor:
    padded = F.pad(wav[:, None], (0, -wav.shape[1] % period), mode="reflect")
    return torch.stack([padded[..., k::period] for k in range(period)], dim=-1)


def _transposed(wav: Tensor, period: int) -> Tensor:
    padded = F.pad(wav[:, None], (0, -wav.shape[1] % period), mode="reflect")
    return padded.reshape(len(wav), 1, period, -1)


def _mixed(wav: Tensor, period: int) -> Tensor:
    padded = F.pad(wav[:, None], (0, -wav.shape[1] % period), mode="reflect")
    return padded.reshape(len(wav), 1, period, -1).transpose(2, 3)


fold = Exercise(
    "02", "fold", "Fold a wave by a period",
    reference=fold_wave,
    judge=same_function([(torch.arange(24.0).reshape(2, 12), 3), (torch.arange(20.0).reshape(2, 10), 4),
                         (torch.arange(23.0).reshape(1, 23), 11)]),
    right={"column by column, every period-th sample": _fold_columns},
    wrong={
        "rows and columns exchanged: (period, N / period)": _transposed,
        "cutting into `period` long pieces and turning the picture: its columns are neighbours in time": _mixed,
        "padding with zeros, which is a step that the wave does not have":
            lambda wav, p: F.pad(wav[:, None], (0, -wav.shape[1] % p)).reshape(len(wav), 1, -1, p),
        "cutting the rest off instead of padding": lambda wav, p: wav[:, : wav.shape[1] // p * p].reshape(len(wav), 1, -1, p),
        "leaving out the channel axis": lambda wav, p: fold_wave(wav, p)[:, 0],
    },
)

# --- exercise 4: luck ------------------------------------------------------------------------------------------------


def _by_half(right: int, trials: int) -> float:
    ways = np.array([1.0])
    for _ in range(trials):
        ways = np.convolve(ways, [0.5, 0.5])
    return float(ways[right:].sum())


abx = Exercise(
    "02", "abx", "Could it be luck?",
    reference=binomial_p,
    judge=same_function([(8, 8), (7, 8), (5, 8), (12, 16), (0, 5)], tolerance=1e-9),
    right={"adding one coin at a time": _by_half},
    wrong={
        "the probability of exactly so many: `or more` is missing": lambda r, n: math.comb(n, r) / 2**n,
        "the probability of MORE right answers than these": lambda r, n: sum(math.comb(n, k) for k in range(r + 1, n + 1)) / 2**n,
        "a two-sided p: you would count all wrong as a success too": lambda r, n: min(1.0, 2 * binomial_p(r, n)),
        "one way only: there are comb(n, k) ways to be right k times": lambda r, n: sum(1 for _ in range(r, n + 1)) / 2**n,
    },
)

# --- data ------------------------------------------------------------------------------------------------------------


@functools.cache
def voice(split: str, *, seconds: float = 2.56, shortest: float = 0.0) -> Clips:
    """The sentences of one voice in a split, each (N,) of that length; only those that last `shortest` seconds or more."""
    return _load([clip for clip in _corpus().split(split) if clip.caption.startswith(VOICE) and clip.seconds >= shortest], seconds)


def windows(wav: Tensor, mel: Tensor, step: int, *, batch: int = 8, frames: int = 32) -> tuple[Tensor, Tensor]:
    """Random pieces: (batch, frames * 160) of wav (n, N) and the same places of mel (n, T, 64); `step` chooses them."""
    random = Rng(0).at("windows", step)
    clips = torch.randint(len(wav), (batch,), generator=random).tolist()
    starts = torch.randint(mel.shape[1] - frames, (batch,), generator=random).tolist()
    waves = [wav[i, HOP * s : HOP * (s + frames)] for i, s in zip(clips, starts)]
    return torch.stack(waves), torch.stack([mel[i, s : s + frames] for i, s in zip(clips, starts)])


# --- measures and pictures -------------------------------------------------------------------------------------------


@torch.no_grad()
def distances(wav: Tensor, made: Tensor) -> dict[str, float]:
    """Mean distances of `made` (B, N) from `wav` (B, N): log-mel L1 where it is not silent, and of spectra."""
    return {"log-mel difference": float(log_mel_l1(log_mel(wav), log_mel(made)).nanmean()),
            "spectral distance": float(multi_resolution_stft(wav, made).mean())}


@torch.no_grad()
def hum(wav: Tensor) -> float:
    """How much wav (B, N) repeats itself after 10 ms, one mel frame: 1 = entirely, 0 = not at all."""
    late, early = wav[:, HOP:], wav[:, :-HOP]
    return float((late * early).sum() / (late.norm() * early.norm()))


def reach(module: torch.nn.Module, shape: tuple[int, ...], *, time_axis: int = -1) -> int:
    """Inputs along time that the middle output of `module` depends on, found by a gradient; input (1, ...) `shape`."""
    x = Rng(0).randn(shape, "reach").requires_grad_()
    out = module(x)
    out[..., out.shape[-1] // 2].sum().backward()
    seen = (x.grad.movedim(time_axis, -1).abs() > 0).reshape(-1, x.shape[time_axis]).any(0).nonzero()
    return int(seen.max() - seen.min()) + 1


def draw_folds(wav: Tensor, periods: tuple[int, ...], *, rows: int = 24) -> Picture:
    """A wave (N,) folded by several periods."""
    figure, axes = sheet(columns=len(periods), height=2.8)
    for ax, period in zip(axes[0], periods):
        ax.imshow(fold_wave(wav[None, : rows * period], period)[0, 0].numpy(), aspect="auto", cmap="gray", interpolation="nearest")
        ax.set(title=f"period {period}", xticks=[], yticks=[])
    return show(figure, f"The same wave folded into rows of {', '.join(map(str, periods))} samples: upright stripes at the period of the "
                        "tone, a scattered pattern elsewhere.")


def verdicts(test) -> list[dict]:
    """A row a pair of a finished ABX test, or one row that says how far it is."""
    state = test.state
    if not state["complete"]:
        return [{"pair": "not finished", "right": f"{state['answered']} of {state['of']} answered", "p by luck": "-"}]
    return [{"pair": f"{pair['first']} / {pair['second']}", "right": f"{pair['right']} of {pair['of']}", "p by luck": pair["p"]}
            for pair in test.report()["choices"]["abx"]]


QUIZ = quiz(
    "02",
    Question(
        "A complex spectrum with the right magnitudes and random angles is turned into a wave. Why does the wave's own STFT have other magnitudes?",
        right="Overlapping frames contradict each other",
        because="Neighbouring frames share most samples, and angles that do not fit cancel there. Most complex "
                "pictures are the STFT of no wave at all: the inverse gives the nearest wave, whose STFT is another "
                "picture.",
        others={
            "Rounding errors of the Fourier transform": "With the right angles the way there and back is exact to 1e-7.",
            "The inverse STFT ignores the angles": "It uses them; with the true ones it gives the recording back.",
            "The magnitudes were estimated from a mel": "With true magnitudes and random angles the same would happen.",
        },
    ),
    Question(
        "After 200 rounds Griffin-Lim hardly improves and still sounds metallic. What is missing?",
        right="Knowledge of sounds",
        because="It looks for any consistent wave, not for a likely one: it starts at random angles and stops in "
                "the nearest valley. It has never heard a sound; a network has.",
        others={
            "Many more rounds": "You plotted the curve: it is nearly flat. Ten times the rounds buy very little.",
            "A finer mel": "More bands would help the magnitudes a bit. The angles would be as unknown as before.",
            "A sharper Hann window": "All windows of this length have the same problem: angles are not in the mel.",
        },
    ),
    Question(
        "Why does HiFi-GAN fold the wave by the periods 2, 3, 5, 7 and 11?",
        right="To line up other regular patterns",
        because="A pattern that repeats every p samples becomes an upright line in the fold by p. Primes overlap "
                "least: folding by 2 and 4 would show much the same.",
        others={
            "To make the wave shorter": "Every sample is kept; only its place in the picture changes.",
            "These are the pitches of voices": "A period of 11 samples is 1455 Hz; a voice's pitch has periods of 50 samples and more.",
            "To save memory": "Five folds cost five networks. It is about seeing, not about saving.",
        },
    ),
    Question(
        "What does feature matching ask of the generator?",
        right="That it looks real inside the judges",
        because="The discriminators' inner pictures of its sound shall equal those of the real one: a distance as "
                "seen through layers that learn what matters, much steadier than the bare verdict.",
        others={
            "That its weights equal the discriminators'": "The two networks have nothing in common but the sounds they meet.",
            "That the discriminators are fooled": "That is the adversarial term, equation 2. Feature matching stands beside it.",
            "That its log-mel equals the target's": "That is the mel term, equation 3.",
        },
    ),
    Question(
        "In an ABX test you were right in 5 of 8 trials. What may you say?",
        right="Nothing yet: guessing often does as well",
        because="Guessing gives 5 or more of 8 in about a third of all tests, p = 0.36. It neither shows a "
                "difference nor that there is none; more trials would tell.",
        others={
            "There is a difference, since 5 is more than 4": "Toss a coin eight times and you will often see 5 heads.",
            "The two sounds are the same to me": "A test that shows nothing is no proof of nothing; with 8 trials it would miss small differences.",
            "I heard the difference with 63 % certainty": "5/8 is a share of answers. The probability of that by luck is another number.",
        },
    ),
)
