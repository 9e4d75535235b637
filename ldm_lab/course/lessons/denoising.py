"""Lesson 06: denoising = predicting noise. Exercises with their judges, and the data preparation of the training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ldm_lab.course.data import clips
from ldm_lab.course.exercise import Exercise, choices, same_function
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.diffusion.denoiser import coefficients
from ldm_lab.models.layers import timestep_embedding
from ldm_lab.rng import Rng

if TYPE_CHECKING:
    from ldm_lab.system import AudioLDM

STRUCK = ("bell_ui", "drum", "instrument")  # kinds of sound that begin with a stroke and die away


@torch.no_grad()
def latents(ldm: AudioLDM, count: int, split: str, category=STRUCK, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Real sounds of `split` as latents z (count, C, T/r, 64/r) and as their CLAP embeddings (count, E)."""
    wav = clips(count, split=split, category=category, seed=seed).wav
    mels = [ldm.wav_to_mel(part) for part in wav.split(32)]
    z = torch.cat([ldm.mel_to_latent(mel) for mel in mels])
    return z, torch.cat([ldm.clap.encode_mel(mel) for mel in mels])


@torch.no_grad()
def sound(ldm: AudioLDM, z: Tensor) -> Tensor:
    """One latent z (C, T/r, 64/r) -> wav (N,)."""
    return ldm.mel_to_wav(ldm.latent_to_mel(z[None]))[0].clamp(-1.0, 1.0)


# --- exercise 1: sinusoids of time -----------------------------------------------------------------------------------


def _sines(t, dim, *, divide=None, sine_first=False, base=10000.0, joined=True):
    k = torch.arange(dim // 2, dtype=torch.float32)
    angles = t.float()[:, None] * base ** (-k / (divide or dim // 2))
    parts = [angles.sin(), angles.cos()] if sine_first else [angles.cos(), angles.sin()]
    return torch.cat(parts, dim=1) if joined else torch.stack(parts, dim=2).flatten(1)


embedding = Exercise(
    "06", "embedding", "Exercise 1: a clock for the network",
    reference=timestep_embedding,
    judge=same_function([(torch.tensor([0, 1, 37, 999]), 16), (torch.tensor([500]), 64)], tolerance=1e-4),
    right={"powers of 10000 in place of an exponential": _sines},
    wrong={
        "sines first: the other convention, whose weights are not ours": lambda t, dim: _sines(t, dim, sine_first=True),
        "dividing by dim / 2 - 1, as Transformers often do": lambda t, dim: _sines(t, dim, divide=dim // 2 - 1),
        "dividing by dim in place of dim / 2": lambda t, dim: _sines(t, dim, divide=dim),
        "interleaving cosines and sines": lambda t, dim: _sines(t, dim, joined=False),
    },
    then="Fast clocks tell t from t + 1, slow ones tell early from late.",
)

# --- exercise 2: FiLM ------------------------------------------------------------------------------------------------


def _film(h, scale, shift):
    return h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


def _film_by_einsum(h, scale, shift):
    return h + torch.einsum("bctf,bc->bctf", h, scale) + shift.reshape(*shift.shape, 1, 1)


def _film_cases() -> list[tuple]:
    random = lambda *shape: Rng(6).randn(shape, "film", *shape)
    return [(random(2, 4, 6, 4), torch.zeros(2, 4), torch.zeros(2, 4)), (random(3, 4, 8, 4), random(3, 4), random(3, 4).flip(0)),
            (random(1, 6, 4, 6), random(1, 6), random(1, 6).flip(1))]


film = Exercise(
    "06", "film", "Exercise 2: FiLM",
    reference=_film,
    judge=same_function(_film_cases),
    right={"with einsum": _film_by_einsum},
    wrong={
        "a plain scale: zeros silence the layer, it is no identity at the start":
            lambda h, scale, shift: h * scale[:, :, None, None] + shift[:, :, None, None],
        "the shift alone, which is what AudioLDM's ResBlock does": lambda h, scale, shift: h + shift[:, :, None, None],
        "shifting first and scaling the shift too": lambda h, scale, shift: (h + shift[:, :, None, None]) * (1 + scale[:, :, None, None]),
        "lining the channels up with the last axis, which is frequency":
            lambda h, scale, shift: h * (1 + scale[:, None, None, :]) + shift[:, None, None, :],
    },
    then="At the start, when scale and shift are 0, the layer lets everything through: training begins from a network that works.",
)

# --- exercise 3: three answers to one question -----------------------------------------------------------------------


def _translate(kind, answer, x, alpha_bar):
    a, s = alpha_bar**0.5, (1.0 - alpha_bar) ** 0.5
    z = {"x0": lambda: answer, "eps": lambda: (x - s * answer) / a, "v": lambda: a * x - s * answer}[kind]()
    eps = (x - a * z) / s
    return z, eps, a * eps - s * z


def _translate_by_sigma(kind, answer, x, alpha_bar):
    """Through the library's c_skip and c_out."""
    sigma = torch.as_tensor(((1.0 - alpha_bar) / alpha_bar) ** 0.5)
    c_in, c_skip, c_out = coefficients(sigma, kind)
    z = c_skip * (x / c_in) + c_out * answer
    eps = (x / c_in - z) / sigma
    return z, eps, c_in * eps - sigma * c_in * z


def _translate_cases() -> list[tuple]:
    z, eps = Rng(6).randn((2, 3, 8), "translate")
    cases = []
    for alpha_bar in (0.9, 0.5, 0.02):
        x = alpha_bar**0.5 * z + (1 - alpha_bar) ** 0.5 * eps
        v = alpha_bar**0.5 * eps - (1 - alpha_bar) ** 0.5 * z
        cases += [("x0", z, x, alpha_bar), ("eps", eps, x, alpha_bar), ("v", v, x, alpha_bar)]
    return cases


def _no_roots(kind, answer, x, alpha_bar):
    return _translate(kind, answer, x, alpha_bar**2 / (alpha_bar**2 + (1 - alpha_bar) ** 2))


def _turned_v(kind, answer, x, alpha_bar):
    z, eps, v = _translate(kind, -answer if kind == "v" else answer, x, alpha_bar)
    return z, eps, -v


def _crossed(kind, answer, x, alpha_bar):
    a, s = alpha_bar**0.5, (1.0 - alpha_bar) ** 0.5
    return _translate("x0", a * answer - s * x, x, alpha_bar) if kind == "v" else _translate(kind, answer, x, alpha_bar)


def _exchanged(kind, answer, x, alpha_bar):
    z, eps, v = _translate(kind, answer, x, alpha_bar)
    return eps, z, v


def _not_divided(kind, answer, x, alpha_bar):
    a, s = alpha_bar**0.5, (1.0 - alpha_bar) ** 0.5
    z, eps, v = _translate(kind, answer, x, alpha_bar)
    return (z * a, eps * s, v)


translate = Exercise(
    "06", "translate", "Exercise 3: eps, x0 and v",
    reference=_translate,
    judge=same_function(_translate_cases, tolerance=1e-4),
    right={"by way of sigma, with c_skip and c_out": _translate_by_sigma},
    wrong={
        "powers in place of amplitudes: the square roots are missing": _no_roots,
        "a v with the other sign": _turned_v,
        "x and v in exchanged places in the formula for z": _crossed,
        "z and eps handed back in exchanged places": _exchanged,
        "subtracting without dividing by the amplitude that is left": _not_divided,
    },
    then="Whatever a network was trained to say, everything else follows from it and from x.",
)

# --- exercise 4: what each loss cares for ----------------------------------------------------------------------------


def _weight(kind, snr):
    return {"x0": 0.0 * snr + 1.0, "eps": snr, "v": snr + 1.0}[kind]


def _weight_measured(kind, snr):
    """By trial: disturb z by 1 and look how far each answer moves; x stays what it is."""
    alpha_bar = snr / (1.0 + snr)
    a, s = alpha_bar**0.5, (1.0 - alpha_bar) ** 0.5
    eps = -a / s
    return {"x0": 0.0 * snr + 1.0, "eps": eps**2, "v": (a * eps - s) ** 2}[kind]


weight = Exercise(
    "06", "weight", "Exercise 4: what each loss cares for",
    reference=_weight,
    judge=same_function([(kind, torch.tensor([100.0, 1.0, 0.01])) for kind in ("x0", "eps", "v")], tolerance=1e-4, relative=True),
    right={"measured by disturbing z": _weight_measured},
    wrong={
        "noise over signal, upside down": lambda kind, snr: _weight(kind, 1.0 / snr),
        "amplitudes: the error was not squared": lambda kind, snr: _weight(kind, snr) ** 0.5,
        "taking v for the same as eps": lambda kind, snr: _weight("eps" if kind == "v" else kind, snr),
        "taking all losses for the same": lambda kind, snr: 0.0 * snr + 1.0,
    },
    then="One error, three price lists: the choice of the target decides which noise levels the training cares for.",
)

# --- exercise 5: which noise level gave which guess? -----------------------------------------------------------------

LEVELS = {"A": 3.0, "B": 0.3, "C": 40.0}

blur = Exercise(
    "06", "blur", "Exercise 5: read the blur",
    reference={"A": "sigma 3", "B": "sigma 0.3", "C": "sigma 40"},
    judge=choices(
        {"A": "sigma 3", "B": "sigma 0.3", "C": "sigma 40"}, ("sigma 0.3", "sigma 3", "sigma 40"),
        {("A", "sigma 0.3"): "With so little noise nearly nothing is lost. Is there a sharper one among the three?",
         ("A", "sigma 40"): "At 40 the network knows next to nothing. Is there one with less in it than A?",
         ("B", "sigma 3"): "Compare the fine detail: B has the most. Which level leaves the most detail?",
         ("B", "sigma 40"): "At 40 no detail of the sound could survive. B is full of it.",
         ("C", "sigma 0.3"): "Then C would be nearly the real sound.",
         ("C", "sigma 3"): "Look for the guess that could be the average of many sounds."},
    ),
    right={"the same in another order": {"C": "sigma 40", "B": "sigma 0.3", "A": "sigma 3"}},
    wrong={
        "A and B exchanged": {"A": "sigma 0.3", "B": "sigma 3", "C": "sigma 40"},
        "A and C exchanged": {"A": "sigma 40", "B": "sigma 0.3", "C": "sigma 3"},
        "thinking that more noise gives more detail": {"A": "sigma 3", "B": "sigma 40", "C": "sigma 0.3"},
    },
)

QUIZ = quiz(
    "06",
    Question(
        "Why is the best guess at high noise a blur?",
        right="The mean of all candidates is least wrong",
        because="Each sound that could be under the noise is possible, none is certain; their mean is wrong about "
                "all of them a little, and its squared error is least in total.",
        others={"The network is too small to draw detail": "The ideal denoiser of this lesson has no network at all, and blurs the same way.",
                "The decoder smooths what it gets": "The decoder draws detail where the latent holds it: listen to the guess at low noise.",
                "Too few training steps": "More training brings the guess nearer to the mean, not farther away."},
    ),
    Question(
        "A network says eps with an error of 0.01 at sigma = 80. How large is the error of the x̂₀ made from it?",
        right="0.8",
        because="As x̂₀ = x - σ eps, errors of eps are multiplied by σ. This is why eps is a poor question at very high noise.",
        others={"0.01": "The error is multiplied on the way: x̂₀ = x - σ eps.",
                "0.000125": "You divided by σ. That is the way from x̂₀ to eps.",
                "64": "The factor σ² belongs to squared errors: 0.01² becomes 0.8², and 0.8 is the error."},
    ),
    Question(
        "What does the time embedding tell the network?",
        right="How strong the noise in its input is",
        because="As a vector of slow and fast oscillations: one number would be hard to use; 64 sines and cosines "
                "let a linear layer tell any two levels apart.",
        others={"Which moment of the sound it looks at": "Time here is the step of the diffusion, not the seconds of the sound.",
                "How many sampling steps remain": "The network knows nothing of samplers. It is told a noise level.",
                "The order of the training batches": "Training draws t by lot; there is no order."},
    ),
    Question(
        "How does AudioLDM's network hear the words?",
        right="As a number added to each channel",
        because="FiLM: the same nudge at every place of the latent. There is no cross-attention to single words.",
        others={"Through cross-attention to every word": "Other latent diffusion models do that. Here the words arrive as a single vector.",
                "As an extra channel of the latent": "It is not laid beside x, it acts on the feature maps inside.",
                "Only at the first sampling step": "In every step and every ResBlock."},
    ),
    Question(
        "You train with the eps loss and plain weights. In terms of x̂₀, which noise levels count most?",
        right="Low noise: the weight is the SNR",
        because="|eps error|² = SNR |z error|². At 20 dB an error of x̂₀ costs 100, at -20 dB one hundredth.",
        others={"High noise: there is more noise to predict": "Noise has power 1 at every level. Its error, seen from x̂₀, is scaled by the SNR.",
                "All the same": "In eps they do; in x̂₀ they do not. That is what weighting is about.",
                "The middle": "The SNR only falls. A bump in the middle needs other weights, such as those of v with min-SNR."},
    ),
)

