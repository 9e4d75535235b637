"""Lesson 10: editing. Exercises, the three spoilt inpaintings, figures of the project's own experiment, and the quiz."""

from __future__ import annotations

import torch
from torch import Tensor

from ldm_lab.audio.mel import mel_frequencies
from ldm_lab.course.exercise import Exercise, choices, same_function
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.samplers import sample_ddim
from ldm_lab.diffusion.schedule import Schedule, grid
from ldm_lab.editing.masks import bridge, rectangle, touched
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

# assets/experiments/transfer.json: means over 104 pairs of a test sound and a prompt of another category.
MEASURED = {
    "strength": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
    "to the words": [0.082, 0.180, 0.361, 0.599, 0.665, 0.668],
    "to the source": [0.996, 0.928, 0.685, 0.343, 0.227, 0.204],
    "log-mel": [0.992, 0.930, 0.814, 0.521, 0.220, 0.093],
    "onsets": [0.940, 0.740, 0.562, 0.309, 0.078, 0.010],
}

# --- exercise 1: the noise level of a strength -----------------------------------------------------------------------------


def noise_level(alpha_bar: Tensor, t_first: float, strength: float) -> float:
    """sigma at training step strength * t_first."""
    a = alpha_bar[round(strength * t_first)]
    return float(((1 - a) / a) ** 0.5)


def _linear_in_sigma(alpha_bar: Tensor, t_first: float, strength: float) -> float:
    a = alpha_bar[round(t_first)]
    return float(strength * ((1 - a) / a) ** 0.5)


level = Exercise(
    "10", "noise_level", "The noise level of a strength",
    reference=noise_level,
    judge=same_function(lambda: [(Schedule.scaled_linear().alpha_bar, t, s) for t, s in ((951, 0.5), (951, 0.2), (901, 0.8), (999, 1.0))],
                        tolerance=1e-5),
    right={"through the share of noise": lambda alpha_bar, t_first, strength:
           (1 / alpha_bar[int(strength * t_first + 0.5)] - 1).sqrt()},
    wrong={
        "cutting the step off with int instead of rounding it": lambda alpha_bar, t_first, strength:
            float((1 / alpha_bar[int(strength * t_first)] - 1).sqrt()),
        "sqrt(1 - alpha_bar): the noise in training's x, not in x = z + sigma noise": lambda alpha_bar, t_first, strength:
            (1 - alpha_bar[round(strength * t_first)]) ** 0.5,
        "the variance: the root is missing": lambda alpha_bar, t_first, strength:
            (1 - alpha_bar[round(strength * t_first)]) / alpha_bar[round(strength * t_first)],
        "a share of the largest sigma: at half strength that would be far too much noise": _linear_in_sigma,
        "signal over noise, upside down": lambda alpha_bar, t_first, strength:
            (alpha_bar[round(strength * t_first)] / (1 - alpha_bar[round(strength * t_first)])) ** 0.5,
    },
    then="Noise and sound are equally strong near strength 0.27. At 0.5 the noise has six times the power, at 0.8 over a hundred times.",
)

# --- exercise 2: put it back -------------------------------------------------------------------------------------------------


def put_back(x: Tensor, sigma: float, known: Tensor, noise: Tensor, keep: Tensor) -> Tensor:
    """x with its kept part replaced by the known latent at noise level sigma."""
    return keep * (known + sigma * noise) + (1 - keep) * x


def _put_cases() -> list[tuple]:
    rng, shape = Rng(10), (1, 16, 32, 8)
    keep = torch.ones(32, 8)
    keep[10:20] = 0
    x, known, noise = (rng.randn(shape, name) for name in ("x", "known", "noise"))
    sideways = torch.ones(32, 8)
    sideways[:, 6:] = 0
    return [(5.0 * x, 4.0, known, noise, keep), (x, 0.3, known, noise, sideways), (x, 0.0, known, noise, keep)]


masked = Exercise(
    "10", "put_back", "Put it back",
    reference=put_back,
    judge=same_function(_put_cases, tolerance=1e-5),
    right={"torch.where": lambda x, sigma, known, noise, keep: torch.where(keep.bool(), known + sigma * noise, x),
           "torch.lerp": lambda x, sigma, known, noise, keep: torch.lerp(x, known + sigma * noise, keep)},
    wrong={
        "putting the known part back clean: the network is told of noise that is not there": lambda x, sigma, known, noise, keep:
            keep * known + (1 - keep) * x,
        "the mask the wrong way round: the hole is kept and the rest is made": lambda x, sigma, known, noise, keep:
            (1 - keep) * (known + sigma * noise) + keep * x,
        "noise of unit strength at every level": lambda x, sigma, known, noise, keep: keep * (known + noise) + (1 - keep) * x,
        "adding the known part to x instead of replacing x by it": lambda x, sigma, known, noise, keep:
            keep * (known + sigma * noise) + x,
    },
    then="Outside the hole nothing is left to chance: whatever the network says there, it is overwritten.",
)

# --- exercise 3: a box in cells ------------------------------------------------------------------------------------------------


def keep_cells(start: float, end: float, low_hz: float, high_hz: float, edges: Tensor) -> Tensor:
    """(32, 8) mask of a box, 1 = keep: a cell is lost if the box touches one of its frames and bands."""
    lost = _lost(start, end, low_hz, high_hz, edges)
    return 1.0 - lost.reshape(32, 8, 8, 8).any(3).any(1).float()


def _lost(start: float, end: float, low_hz: float, high_hz: float, edges: Tensor) -> Tensor:
    """(256, 64) booleans: frames and bands that the box touches."""
    time = torch.arange(256) * 0.01
    frames = (time + 0.01 > start) & (time < end)
    bands = (edges[2:] > low_hz) & (edges[:-2] < high_hz)
    return frames[:, None] & bands[None, :]


def _pooled(start: float, end: float, low_hz: float, high_hz: float, edges: Tensor) -> Tensor:
    lost = torch.zeros(1, 1, 256, 64)
    first, last = int(start * 100 + 1e-6), -int(-(end * 100 - 1e-6) // 1)
    for band in range(64):
        if edges[band + 2] > low_hz and edges[band] < high_hz:
            lost[0, 0, first:last, band] = 1
    return 1 - torch.nn.functional.max_pool2d(lost, 8)[0, 0]


def _mostly(start: float, end: float, low_hz: float, high_hz: float, edges: Tensor) -> Tensor:
    return 1.0 - (_lost(start, end, low_hz, high_hz, edges).float().reshape(32, 8, 8, 8).mean((1, 3)) > 0.5).float()


def _centres(start: float, end: float, low_hz: float, high_hz: float, edges: Tensor) -> Tensor:
    time, centre = torch.arange(256) * 0.01, edges[1:-1]
    lost = ((time >= start) & (time < end))[:, None] & ((centre >= low_hz) & (centre <= high_hz))[None, :]
    return 1.0 - lost.reshape(32, 8, 8, 8).any(3).any(1).float()


def _one_axis(start: float, end: float, low_hz: float, high_hz: float, edges: Tensor) -> Tensor:
    time = torch.arange(256) * 0.01
    frames = (time + 0.01 > start) & (time < end)
    bands = (edges[2:] > low_hz) & (edges[:-2] < high_hz)
    return 1.0 - (frames[:, None] | bands[None, :]).reshape(32, 8, 8, 8).any(3).any(1).float()


cells = Exercise(
    "10", "keep_cells", "A box in cells",
    reference=keep_cells,
    judge=same_function(lambda: [(*box, mel_frequencies()) for box in ((0.805, 1.595, 0.0, 8000.0), (0.503, 1.227, 900.0, 2500.0),
                                                                          (0.0, 2.56, 4000.0, 8000.0), (1.004, 1.046, 300.0, 600.0))],
                        tolerance=0.0),
    right={"slices and max pooling": _pooled},
    wrong={
        "1 for the hole: the mask says what to keep": lambda *box: 1.0 - keep_cells(*box),
        "a cell lost only if more than half of it is: the hole would be smaller than asked": _mostly,
        "bands judged by their centres: triangles reach further": _centres,
        "frames OR bands: a cross in place of a box": _one_axis,
    },
)

# --- exercise 4: which strength? -------------------------------------------------------------------------------------------------


def strength_for(strengths: list[float], similarities: list[float], target: float) -> float:
    """The strength at which falling `similarities` pass `target`, between two measurements on a straight line."""
    points = list(zip(strengths, similarities))
    for (s0, y0), (s1, y1) in zip(points, points[1:]):
        if y0 >= target >= y1:
            return s0 + (y0 - target) / (y0 - y1) * (s1 - s0)
    raise ValueError(f"target: got {target}, expected {similarities[-1]} to {similarities[0]}")


def _turned_round(strengths: list[float], similarities: list[float], target: float) -> float:
    import numpy as np

    return float(np.interp(target, similarities[::-1], strengths[::-1]))


def _whole_way(strengths: list[float], similarities: list[float], target: float) -> float:
    share = (similarities[0] - target) / (similarities[0] - similarities[-1])
    return strengths[0] + share * (strengths[-1] - strengths[0])


def _from_the_wrong_end(strengths: list[float], similarities: list[float], target: float) -> float:
    for i in range(len(strengths) - 1):
        y0, y1 = similarities[i], similarities[i + 1]
        if y0 >= target >= y1:
            return strengths[i] + (target - y1) / (y0 - y1) * (strengths[i + 1] - strengths[i])
    return strengths[-1]


wanted = Exercise(
    "10", "strength_for", "Which strength?",
    reference=strength_for,
    judge=same_function([(MEASURED["strength"], MEASURED["to the source"], target) for target in (0.6, 0.9, 0.3)]
                        + [([0.0, 0.5, 1.0], [1.0, 0.4, 0.2], 0.4), ([0.1, 0.3, 0.9], [0.9, 0.8, 0.1], 0.45)], tolerance=1e-6),
    right={"numpy.interp with both lists turned round": _turned_round},
    wrong={
        "the nearest measured strength": lambda strengths, similarities, target:
            min(zip(strengths, similarities), key=lambda pair: abs(pair[1] - target))[0],
        "one straight line from end to end: the curve is S-shaped": _whole_way,
        "the share of the way measured from the far end of the interval": _from_the_wrong_end,
    },
)

# --- exercise 5: what went wrong? ------------------------------------------------------------------------------------------------

MISTAKES = ("mask inverted", "known part put back clean", "nothing put back")
KEY = {"A": MISTAKES[1], "B": MISTAKES[2], "C": MISTAKES[0]}


@torch.no_grad()
def patients(ldm: AudioLDM, wav: Tensor, *, steps: int, prompt: str = "a dog barking", seed: int = 3) -> dict[str, Tensor]:
    """Three inpaintings (N,) of wav (N,), 0.8 to 1.6 s, each with one mistake."""
    mask = rectangle(ldm.config, len(wav), 256, start=0.8, end=1.6)
    known = ldm.mel_to_latent(bridge(ldm.wav_to_mel(wav[None]), touched(mask, ldm.config)))
    keep = mask.latent(ldm.config.autoencoder.ratio)
    noise, sigmas = Rng(seed).randn(tuple(known.shape), "start", 0), grid(ldm.schedule, steps, "leading")
    at = lambda sigma: float(sigma.max())
    projections = {
        "A": lambda x, sigma: torch.lerp(x, known, keep),
        "B": None,
        "C": lambda x, sigma: torch.lerp(x, known + at(sigma) * noise, 1 - keep),
    }
    denoise = guide(ldm.denoiser(), ldm.clap.encode_text([prompt]), ldm.clap.encode_text([""]), scale=3.0)
    made = {}
    for name, project in projections.items():
        x = noise * float((1 + sigmas[0] ** 2) ** 0.5)
        z = sample_ddim(denoise, x, sigmas, project=project) * float((1 + sigmas[-1] ** 2) ** -0.5)
        made[name] = ldm.mel_to_wav(ldm.latent_to_mel(z))[0, : len(wav)].clamp(-1.0, 1.0)
    return made


FEEDBACK = {
    ("A", MISTAKES[0]): "Inverted, the recording would be heard in the hole. Is it?",
    ("A", MISTAKES[2]): "If nothing had been put back, nothing at all of the steps would be left. Compare with the recording.",
    ("B", MISTAKES[0]): "Then 0.8 to 1.6 s would be the recorded step. Switch to 'right' and compare what surrounds the hole.",
    ("B", MISTAKES[1]): "Then the surroundings would be the recording's. Are there its steps?",
    ("C", MISTAKES[1]): "Listen to 0.8 to 1.6 s alone (drag a box): whose sound is that?",
    ("C", MISTAKES[2]): "Something was put back: part of this sound is the recording. Which part?",
}

mistakes = Exercise(
    "10", "mistakes", "What went wrong here?",
    reference=KEY,
    judge=choices(KEY, MISTAKES, FEEDBACK),
    right={"the same in another order": dict(reversed(KEY.items()))},
    wrong={
        "A and B taken for each other": {"A": KEY["B"], "B": KEY["A"], "C": KEY["C"]},
        "B and C taken for each other": {"A": KEY["A"], "B": KEY["C"], "C": KEY["B"]},
        "the same mistake heard in all": dict.fromkeys(KEY, MISTAKES[0]),
    },
)

QUIZ = quiz(
    "10",
    Question(
        "Why can a model that never saw an edit do edits?",
        right="An edit is a choice of what it has to clean up",
        because="It was trained to clean up sounds at every noise level. Half-drowned sounds and sounds with a "
                "noisy part are inputs as it has always had them.",
        others={
            "The words of the prompt tell it to edit": "The prompt here was 'a dog barking'. Nobody said 'edit'.",
            "Its weights are adapted to the recording first": "All networks stayed as they were. Only x was touched.",
            "The decoder knows how to blend": "The decoder translates one latent. It has no idea which part is new.",
        },
    ),
    Question(
        "Style transfer at strength 1.0. What is left of the recording?",
        right="Its length",
        because="At the highest level the start is pure noise: it is generation, and the sound only says how long.",
        others={
            "Its rhythm": "At 0.6 a third of it is left, at 1.0 no more than chance would give.",
            "Its loudness curve": "At 0.6 there is a good part of it, at 1.0 none.",
            "Everything: 1.0 means full quality": "Strength is how much is changed, not how much is kept.",
        },
    ),
    Question(
        "In inpainting, why is the known part put back WITH noise and not clean?",
        right="Because one noise level is told for all",
        because="The network expects that level everywhere in x and takes what deviates from it for signal. Clean "
                "surroundings would be over-sharp to it, and the new part would not fit them.",
        others={
            "So that the result differs for each seed": "The noise is the same at all steps, and in the end the clean part is put back.",
            "To protect the recording's rights": "Nothing is hidden: at the end the recording returns to the bit.",
            "Because the clean latent is unknown": "It is known from the start: the encoder gave it.",
        },
    ),
    Question(
        "Inpainting and super-resolution differ in ...",
        right="the direction of the mask",
        because="Over time or over frequency. The same function, the same put-back: in this lesson both were one "
                "call of my_fill.",
        others={
            "the network": "The UNet is the same object.",
            "the sampler": "Any sampler serves both.",
            "the noise schedule they need": "Both walk the whole grid from pure noise.",
        },
    ),
    Question(
        "A dull recording of an unknown bird is 'super-resolved', and a bright whistle at 6 kHz appears. What do you know?",
        right="That a sound with such a whistle would be plausible to the model",
        because="What was above the cut is gone. The model fills in what usually goes with what is left.",
        others={
            "That the bird whistled at 6 kHz": "The information was deleted. No method can bring it back from nothing.",
            "That the recorder had hidden the whistle below its noise floor": "The cut left exactly nothing above 4 kHz.",
            "That the model has heard this bird": "It may never have heard any such bird. It has heard sounds like it.",
        },
    ),
)
