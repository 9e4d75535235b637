"""Lesson 05: forward noise and schedules. Exercises with their judges, the noise slider, and what CLAP still hears."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_lab.course import synth
from ldm_lab.course.data import Clips, clips
from ldm_lab.course.exercise import Exercise, choices, custom, is_open, same_function
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.diffusion.schedule import Schedule
from ldm_lab.editing.series import Series
from ldm_lab.evaluation.retrieval import CATEGORY_PROMPTS
from ldm_lab.result import Result
from ldm_lab.rng import Rng

if TYPE_CHECKING:
    from ldm_lab.system import AudioLDM
    from ldm_lab.widgets.strip import TransferStrip

LEVEL = 0.1  # RMS at which noisy sounds are played: white noise of this level stays within [-1, 1]

# --- listening -------------------------------------------------------------------------------------------------------


@torch.no_grad()
def noise_slider(ldm: AudioLDM, sounds: Mapping[str, Tensor], clean: Tensor, words: str, *, title: str = "") -> TransferStrip:
    """One slider over sounds {label: (N,)}, with the CLAP cosines of each to `words` and to the `clean` sound (N,)."""
    from ldm_lab.widgets import TransferStrip

    wavs = torch.stack(list(sounds.values()))
    emb = torch.cat([ldm.clap.encode_audio(part) for part in wavs.split(8)])
    to_words, to_clean = emb @ ldm.clap.encode_text([words])[0], emb @ ldm.clap.encode_audio(clean[None])[0]
    config = {"prompts": [words], "negative": [""], "seeds": [0]}
    nothing = torch.zeros(1, 1)
    results = tuple(
        Result(wav[None], ldm.sample_rate, (words,), nothing, nothing, score[None], wav[None, None], score[None, None], config, {})
        for wav, score in zip(wavs, to_words)
    )
    strip = TransferStrip.of(Series(results, tuple(sounds)))
    strip.put(title=title, similarity={"to_prompt": to_words.tolist(), "to_source": to_clean.tolist()})
    return strip


# --- what CLAP still hears -------------------------------------------------------------------------------------------

HEARD = ("bell_ui", "drum", "instrument", "nature", "speech", "vehicle", "weapon")


@torch.no_grad()
def zero_shot(ldm: AudioLDM) -> Tensor:
    """(7, E) unit vectors: for each category in HEARD the mean embedding of three descriptions of it."""
    return torch.stack([F.normalize(ldm.clap.encode_text(list(CATEGORY_PROMPTS[name])).mean(0), dim=0) for name in HEARD])


@torch.no_grad()
def recognised_clips(ldm: AudioLDM, count: int) -> tuple[Clips, Tensor]:
    """Of `count` test sounds those whose category CLAP names rightly without noise; and (n,) their category numbers."""
    drawn = clips(count, split="test", category=HEARD, seed=5)
    truth = torch.tensor([HEARD.index(name) for name in drawn.categories])
    said = torch.cat([(ldm.clap.encode_audio(unit_power(part) * LEVEL) @ zero_shot(ldm).T).argmax(1) for part in drawn.wav.split(16)])
    keep = (said == truth).nonzero()[:, 0]
    pick = lambda values: [values[i] for i in keep.tolist()]
    return Clips(drawn.wav[keep], pick(drawn.captions), pick(drawn.categories), pick(drawn.files)), truth[keep]


def unit_power(wav: Tensor) -> Tensor:
    """wav (..., N) scaled to a mean square of 1."""
    return wav / wav.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-5)


def crossing(x: Tensor, y: Tensor, level: float = 0.5) -> float:
    """Where the curve y (n,) over rising x first reaches `level` for good, by straight lines between the points."""
    below = (y < level).nonzero()
    last = int(below[-1]) if len(below) else -1
    if last < 0 or last == len(y) - 1:
        return float("nan")
    part = (level - y[last]) / (y[last + 1] - y[last])
    return float(x[last] + part * (x[last + 1] - x[last]))


# --- exercise 1: three dials for one thing ---------------------------------------------------------------------------


def _dials(snr_db):
    snr = 10.0 ** (snr_db / 10.0)
    return snr / (1.0 + snr), snr**-0.5


def _dials_by_logarithms(snr_db):
    snr_db = torch.as_tensor(snr_db, dtype=torch.float64)
    return torch.sigmoid(snr_db * math.log(10.0) / 10.0), torch.exp(-snr_db * math.log(10.0) / 20.0)


dials = Exercise(
    "05", "dials", "Exercise 1: from decibels to alpha-bar and sigma",
    reference=_dials,
    judge=same_function([(0.0,), (-20.0,), (13.5,), (-38.0,)], tolerance=1e-4, relative=True),
    right={"a logistic function and an exponential": _dials_by_logarithms},
    wrong={
        "20 in place of 10, the decibels of amplitudes": lambda db: (1 / (1 + 10 ** (-db / 20)), 10 ** (-db / 40)),
        "a sigma without its square root": lambda db: (_dials(db)[0], 10 ** (-db / 10)),
        "a sigma of signal over noise, upside down": lambda db: (_dials(db)[0], 10 ** (db / 20)),
        "the square root of alpha-bar in place of alpha-bar": lambda db: (_dials(db)[0] ** 0.5, _dials(db)[1]),
    },
    then="Three dials, one knob: who knows one of them knows all.",
)

# --- exercise 2: from step s to step t in one jump -------------------------------------------------------------------


def _jump(x, s, t, noise, alpha_bar):
    share = alpha_bar[t] / alpha_bar[s]
    return share.sqrt() * x + (1.0 - share).sqrt() * noise


def _jump_by_sigma(x, s, t, noise, alpha_bar):
    sigmas = ((1.0 - alpha_bar) / alpha_bar).sqrt()
    grown = x / alpha_bar[s].sqrt() + (sigmas[t] ** 2 - sigmas[s] ** 2).sqrt() * noise
    return alpha_bar[t].sqrt() * grown


def _jump_cases() -> list[tuple]:
    alpha_bar = Schedule.scaled_linear().alpha_bar.float()
    noise, more = Rng(5).randn((2, 16000), "jump")
    x = alpha_bar[100].sqrt() * unit_power(synth.bell(440.0, 1.0)) + (1.0 - alpha_bar[100]).sqrt() * noise
    return [(x, 100, t, more, alpha_bar) for t in (101, 400, 900)]


jump = Exercise(
    "05", "jump", "Exercise 2: from step s to step t in one jump",
    reference=_jump,
    judge=same_function(_jump_cases, tolerance=1e-4, sound=lambda x: LEVEL * x),
    right={"in the sigma form, where noise powers add": _jump_by_sigma},
    wrong={
        "treating x_s as if it were clean: alpha_bar[t] without dividing by alpha_bar[s]":
            lambda x, s, t, noise, ab: ab[t].sqrt() * x + (1 - ab[t]).sqrt() * noise,
        "noise of the difference alpha_bar[s] - alpha_bar[t]":
            lambda x, s, t, noise, ab: (ab[t] / ab[s]).sqrt() * x + (ab[s] - ab[t]).sqrt() * noise,
        "powers in place of amplitudes: the square roots are missing":
            lambda x, s, t, noise, ab: ab[t] / ab[s] * x + (1 - ab[t] / ab[s]) * noise,
        "the new noise added without making room for it": lambda x, s, t, noise, ab: x + (1 - ab[t] / ab[s]).sqrt() * noise,
    },
    then="Editing uses this jump: noise an unfinished sound further, without starting again from the clean one.",
)

# --- exercise 3: which step has this SNR? ----------------------------------------------------------------------------


def _step_at(snr_db, alpha_bar):
    return int((10.0 * torch.log10(alpha_bar / (1.0 - alpha_bar)) - snr_db).abs().argmin())


def _step_at_by_search(snr_db, alpha_bar):
    log_sigmas = ((1.0 - alpha_bar) / alpha_bar).log()  # rising
    wanted = torch.as_tensor(-snr_db / 10.0 * math.log(10.0), dtype=alpha_bar.dtype)
    high = int(torch.searchsorted(log_sigmas, wanted).clamp(1, len(alpha_bar) - 1))
    return high if log_sigmas[high] - wanted < wanted - log_sigmas[high - 1] else high - 1


def _step_cases() -> list[tuple]:
    linear = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    fine = Schedule.scaled_linear().alpha_bar
    coarse = fine[::100]  # so far apart that nearest in decibels and nearest in power are different steps
    return [(db, alpha_bar) for alpha_bar in (fine, linear) for db in (-9.0, 12.0, 0.0, -35.0)] + [(db, coarse) for db in (-20.0, -15.0)]


step_at = Exercise(
    "05", "step_at", "Exercise 3: which training step has this SNR?",
    reference=_step_at,
    judge=same_function(_step_cases),
    right={"a binary search among the log sigmas": _step_at_by_search},
    wrong={
        "20 in place of 10 in the decibels": lambda db, ab: int((20 * torch.log10(ab / (1 - ab)) - db).abs().argmin()),
        "noise over signal, upside down": lambda db, ab: int((10 * torch.log10((1 - ab) / ab) - db).abs().argmin()),
        "the signal's own level in decibels, without the noise": lambda db, ab: int((10 * torch.log10(ab) - db).abs().argmin()),
        "counting from the noisy end": lambda db, ab: len(ab) - 1 - _step_at(db, ab),
        "the nearest ratio of powers, not the nearest decibels": lambda db, ab: int((ab / (1 - ab) - 10 ** (db / 10)).abs().argmin()),
    },
    then="A recipe for translation: SNR is what two schedules have in common, t is not.",
)

# --- exercise 4: the mystery ------------------------------------------------------------------------------------------

MYSTERY, MYSTERY_WORDS = "animal/animal_00092.ogg", "a frog croaking"
KINDS_OF_SOUND = ("a bell", "a dog", "a drum", "a flute", "a frog", "rain", "a voice")


def _judge_ear(answer: object):
    if not isinstance(answer, Mapping) or not {"what", "snr_db"} <= set(answer):
        return 'Give a dict with "what" and "snr_db".'
    told = []
    if is_open(answer["what"]) or is_open(answer["snr_db"]):
        told.append('Both "what" and "snr_db" are asked for; one is still open.')
    elif answer["what"] not in KINDS_OF_SOUND:
        told.append(f'"what": {answer["what"]!r} is not one of: {", ".join(KINDS_OF_SOUND)}.')
    elif answer["what"] != "a frog":
        told.append(f'"what": not {answer["what"]}. Go on to less noise: what is short, repeats, and sits at low frequencies?')
    if not is_open(answer["snr_db"]):
        level = answer["snr_db"]
        if isinstance(level, bool) or not isinstance(level, (int, float)):
            told.append(f'"snr_db": got {level!r}, expected a number: the label of the slider where you were sure.')
        elif level > 30 or level != level:
            told.append(f'"snr_db": {level} dB is as good as clean, or a step number t; the slider\'s labels are decibels from -30 to 20.')
        elif level < -30:
            told.append(f'"snr_db": {level} dB is noisier than the noisiest sound on the slider.')
    return told or None


ear = Exercise(
    "05", "ear", "Exercise 4: where does your ear give up?",
    reference={"what": "a frog", "snr_db": 0.0},
    judge=custom(_judge_ear),
    right={"somebody with very good ears": {"what": "a frog", "snr_db": -10},
           "somebody in a noisy room": {"what": "a frog", "snr_db": 10.0}},
    wrong={
        "a guess from the noisy end": {"what": "a drum", "snr_db": -25.0},
        "a step number in place of decibels": {"what": "a frog", "snr_db": 620},
        "a level that is not on the slider": {"what": "a frog", "snr_db": -60.0},
        "words in place of a number": {"what": "a frog", "snr_db": "-5 dB"},
    },
    then="Write it down: in a class, the median of everybody's level is a measurement, one level is an anecdote.",
)

# --- exercise 5: four schedules, three of them broken ----------------------------------------------------------------

HEALTH = ("in order", "linear betas", "square roots forgotten", "too few steps")


def patients() -> dict[str, Tensor]:
    """SNR in dB (N,) of what four programs mix at each step; one of them is AudioLDM's."""
    good = Schedule.scaled_linear()
    even = torch.cumprod(1.0 - torch.linspace(0.0015, 0.0195, 1000, dtype=torch.float64), 0)
    db = lambda alpha_bar: 10.0 * torch.log10(alpha_bar / (1.0 - alpha_bar))
    return {"A": db(even), "B": 2.0 * db(good.alpha_bar), "C": db(good.alpha_bar), "D": db(Schedule.scaled_linear(200).alpha_bar)}


safari = Exercise(
    "05", "safari", "Exercise 5: which schedule is ill?",
    reference={"A": "linear betas", "B": "square roots forgotten", "C": "in order", "D": "too few steps"},
    judge=choices(
        {"A": "linear betas", "B": "square roots forgotten", "C": "in order", "D": "too few steps"}, HEALTH,
        {("A", "in order"): "Compare the value at the last step with the -38.5 dB of the lesson: it is too low.",
         ("A", "square roots forgotten"): "Forgotten roots double every number of decibels, also at t = 0. Does A start where C starts?",
         ("A", "too few steps"): "It ends too noisy, and fewer steps would leave it too clean. Its start is right; what about the betas after it?",
         ("B", "in order"): "Look at t = 0: 56 dB. The lesson's schedule starts at 28.",
         ("B", "linear betas"): "Other betas between the ends cannot change the value at t = 0. Here it has changed.",
         ("B", "too few steps"): "Fewer steps end too clean, and B ends too noisy. Each value is a simple multiple of what it should be. Which?",
         ("C", "linear betas"): "It starts at 28.2 dB and ends at -38.5 dB. Where have you seen these numbers?",
         ("C", "square roots forgotten"): "Then it would start at twice the decibels.",
         ("C", "too few steps"): "It gets down to -38.5 dB, as it should.",
         ("D", "in order"): "It ends near -7 dB: at its last step the sound is still plainly there.",
         ("D", "linear betas"): "It is far too clean at the end, and these betas would end too noisy.",
         ("D", "square roots forgotten"): "It starts at 28.2 dB as C does, so nothing is doubled. What would leave so much sound at the end?"},
    ),
    right={"the same in another order": {"D": "too few steps", "C": "in order", "B": "square roots forgotten", "A": "linear betas"}},
    wrong={
        "A and C exchanged": {"A": "in order", "B": "square roots forgotten", "C": "linear betas", "D": "too few steps"},
        "B and D exchanged": {"A": "linear betas", "B": "too few steps", "C": "in order", "D": "square roots forgotten"},
        "calling everything in order": dict.fromkeys("ABCD", "in order"),
    },
    then="Slips like these are easy to make, and none raises an error. The two ends in decibels find them.",
)

QUIZ = quiz(
    "05",
    Question(
        "Noise has 100 times the power of the sound. What is the SNR?",
        right="-20 dB",
        because="10 log10(1/100) = -20. In amplitude the noise is 10 times as strong.",
        others={"-10 dB": "That is a power ratio of 10. Each 10 dB is another factor of 10 in power.",
                "-40 dB": "You took 20 log10, which is meant for amplitudes. A hundredfold power is a tenfold amplitude.",
                "20 dB": "Positive decibels mean that the sound is the stronger one."},
    ),
    Question(
        "Why do √ᾱ and √(1 - ᾱ) stand in the formula, with their roots?",
        right="Powers add, and so the total power stays 1",
        because="Powers of independent signals add: ᾱ + (1 - ᾱ) = 1. The roots turn shares of power into amplitudes.",
        others={"Amplitudes of independent signals add, and they must add to 1": "Peaks of noise and sound rarely meet. It is the powers "
                "that add; without the roots the level dips by 3 dB where ᾱ = 1/2.",
                "Roots make the noise louder, so training is harder": "They set the mix, not the difficulty: any mix can be had with or "
                "without roots, but not at constant power.",
                "To keep all values between -1 and 1": "Gaussian noise has no bound at all. What stays constant is the mean square."},
    ),
    Question(
        "You want x at t = 700 from a clean sound. How many random numbers per value do you need?",
        right="One",
        because="700 small independent Gaussian noises add up to one Gaussian noise with power 1 - ᾱ. So training can draw any t at once.",
        others={"700": "You can, and the result has the same distribution. But sums of Gaussians are Gaussian, so one will do.",
                "1000": "The steps after t = 700 do not matter for it at all.",
                "None": "The sound at t = 700 is random: same sound, other noise."},
    ),
    Question(
        "A model was trained with schedule A. You sample with schedule B, which has another SNR at each t. What has to match?",
        right="The SNR, whatever t it belongs to",
        because="Look up the step t of A that has the SNR which B has now: the network learnt t only as a name for "
                "a noise level. Translate by SNR (or σ), as sigma_to_t does.",
        others={"The step number t": "Step 500 is another amount of noise in another schedule. The network would remove too much or too little.",
                "Nothing, the network sees the noise itself": "It does see it, but it was told a level with every example and believes it.",
                "The betas": "Betas say how fast the noise grows from step to step. The network never sees them."},
    ),
    Question(
        "In this lesson CLAP lost the sound in white noise on the waveform much earlier than most listeners do. What follows?",
        right="Its score says little about noisy sound",
        because="A measure is good where it was trained, and CLAP was never trained on noisy sound. That is why "
                "unfinished, noisy sounds are not judged by it but first denoised.",
        others={"Noise destroys all information at that level": "Then you could not hear it either.",
                "CLAP is broken": "On clean sounds like those of its training it does its job.",
                "Ears are worse than networks": "It is the other way round here: listeners go on where CLAP has stopped."},
    ),
)
