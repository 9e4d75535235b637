"""Lesson 00: three sounds, each from a stack with one broken box; the exercises and the quiz."""

from __future__ import annotations

import torch
from torch import Tensor

from ldm_lab.audio.mel import istft, mel_to_magnitude
from ldm_lab.course.exercise import Exercise, choices
from ldm_lab.rng import Rng
from ldm_lab.trace import Trace, follow

PARTS = ("clap", "unet", "decoder", "vocoder")
KEY = {"A": "unet", "B": "vocoder", "C": "clap"}
NOISE_LEFT = 0.8  # in units of the latent's spread: what a sampler leaves that stops too early
WRONG_WORDS = "a bell rings"

FEEDBACK = {
    ("A", "clap"): "If the words had been lost you would hear a clean sound of something else. This one is not clean.",
    ("A", "vocoder"): "Look at the picture, which was drawn before the vocoder ran: it is already spoilt.",
    ("A", "decoder"): "Close: the picture is spoilt. But the decoder only translates what it is given. "
                          "Which box had the job of removing noise?",
    ("B", "unet"): "Look at the picture of the whole sound: blobs and gaps are where they belong. The damage came later.",
    ("B", "decoder"): "The decoder's picture has the right shape. What turns the picture into pressure?",
    ("B", "clap"): "It is still the sound that was asked for, in a bad voice. The words arrived.",
    ("C", "unet"): "The sound is clean: noise was removed. It was removed towards the wrong goal. Who sets the goal?",
    ("C", "decoder"): "Decoder and picture are fine; it is a good picture of the wrong thing.",
    ("C", "vocoder"): "The voice is good. It says something that nobody asked for.",
}


def broken(healthy: Trace) -> dict[str, Tensor]:
    """Three sounds (N,) for the prompt, seed and length of `healthy`, each from a stack with one broken box.

    A: the sampler stops while there is noise in the latent. B: the vocoder guesses every phase at random.
    C: the embedding of other words arrives at the UNet.
    """
    ldm, config = healthy.ldm, healthy.result.config
    noise = Rng(config["seeds"][0]).randn(healthy.z.shape, "broken")
    noisy = healthy.z + NOISE_LEFT * healthy.z.std() * noise
    other = follow(ldm, WRONG_WORDS, seed=config["seeds"][0], seconds=config["seconds"], steps=config["steps"],
                   guidance=config["guidance"])
    return {
        "A": ldm.mel_to_wav(ldm.latent_to_mel(noisy[None]))[0, : len(healthy.wav)].cpu(),
        "B": _random_phase(healthy.mel[None], seed=config["seeds"][0])[0, : len(healthy.wav)],
        "C": other.wav,
    }


def _random_phase(mel: Tensor, *, seed: int) -> Tensor:
    """mel (B, T, 64) -> wav (B, 160 T) with the right magnitudes and phases drawn by lot."""
    magnitude = mel_to_magnitude(mel)
    angle = 2 * torch.pi * torch.rand(magnitude.shape, generator=Rng(seed).at("phase"))
    wav = istft(torch.polar(magnitude, angle), length=160 * mel.shape[1])
    return (wav / wav.abs().max().clamp(min=1e-6) * 0.7).clamp(-1.0, 1.0)


diagnosis = Exercise(
    "00", "diagnosis", "Which box is broken?",
    reference=KEY,
    judge=choices(KEY, PARTS, FEEDBACK),
    right={"the same in another order": dict(reversed(KEY.items()))},
    wrong={
        "swapping the noisy and the hollow one": {"A": "vocoder", "B": "unet", "C": "clap"},
        "blaming the decoder for the picture": {**KEY, "A": "decoder"},
        "blaming the UNet for the wrong thing": {**KEY, "C": "unet"},
    },
)
