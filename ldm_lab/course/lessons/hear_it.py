"""Lesson 00: three sounds, each from a stack with one broken box; the exercises and the quiz."""

from __future__ import annotations

import torch
from torch import Tensor

from ldm_lab.audio.mel import istft, mel_to_magnitude
from ldm_lab.course.exercise import Exercise, choices, custom, same_function
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.rng import Rng
from ldm_lab.trace import Trace, follow

PARTS = ("clap", "unet", "decoder", "vocoder")
KEY = {"A": "unet", "B": "vocoder", "C": "clap"}
NOISE_LEFT = 0.8  # in units of the latent's spread: what a sampler leaves that stops too early
WRONG_WORDS = "a bell rings"

FEEDBACK = {
    ("A", "clap"): "If the words had been lost you would hear a clean sound of something else. This one is not clean.",
    ("A", "vocoder"): "Look at the picture: it has dark holes that the healthy one lacks. A vocoder speaks the "
                        "picture that it is given; this one was spoilt before.",
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

ORDER = ("prompt", "clap", "embedding", "unet", "latent", "decoder", "log-mel", "vocoder")


def _order(given: object) -> str | None:
    """What is wrong with an order of the eight boxes: the first box that comes too early."""
    names = [str(name).strip().lower() for name in given]
    if sorted(names) != sorted(ORDER):
        missing, extra = sorted(set(ORDER) - set(names)), sorted(set(names) - set(ORDER))
        return f"Each of the eight names once, please. Missing: {', '.join(missing) or 'none'}; not among them: {', '.join(extra) or 'none'}."
    place = next((i for i, (name, right) in enumerate(zip(names, ORDER)) if name != right), None)
    if place is None:
        return None
    before = f"The first {place} are right. " if place else ""
    return f"{before}Number {place + 1} cannot be {names[place]!r} yet: ask what it needs to be given, and who makes that."


order = Exercise(
    "00", "order", "The boxes in order",
    reference=list(ORDER), judge=custom(_order), right={"a tuple": ORDER},
    wrong={
        "making the picture before the latent is unpacked": ["prompt", "clap", "embedding", "unet", "latent", "log-mel", "decoder", "vocoder"],
        "the way back, from sound to words": list(reversed(ORDER)),
        "the embedding before CLAP": ["prompt", "embedding", "clap", "unet", "latent", "decoder", "log-mel", "vocoder"],
        "one box left out": list(ORDER[:-1]),
    },
)


def _numbers(seconds: float) -> tuple[int, int, int]:
    wav = round(seconds * 16000)
    return 16 * (wav // 160 // 8) * 8, wav // 160 * 64, wav


numbers = Exercise(
    "00", "numbers", "How small is the latent?",
    reference=_numbers, judge=same_function([(2.56,), (5.12,), (10.24,)]),
    right={"by rates per second": lambda s: (round(s * 100 / 8) * 8 * 16, round(s * 100) * 64, round(s * 16000))},
    wrong={
        "forgetting the 16 channels of the latent": lambda s: (_numbers(s)[0] // 16, *_numbers(s)[1:]),
        "shrinking the latent in time only": lambda s: (_numbers(s)[0] * 8, *_numbers(s)[1:]),
        "giving the three in the opposite order": lambda s: _numbers(s)[::-1],
        "one mel column a sample": lambda s: (_numbers(s)[0], round(s * 16000) * 64, round(s * 16000)),
    },
    then="The network that does all the work sees ten times fewer numbers than there are samples.",
)

QUIZ = quiz(
    "00",
    Question("Where in the stack do your words go?",
             right="Into an embedding, which guides every step",
             because="Through CLAP: one vector of length 1 stands for all the words, and the UNet is given it in "
                     "each of the steps.",
             others={
                 "Into the vocoder, which speaks them": "The vocoder only sees the log-mel picture. It would voice any picture.",
                 "Into the noise, which depends on the words": "The noise depends on the seed alone: that is why one seed gives related sounds.",
                 "Into the decoder, which draws what they say": "The decoder sees the latent only. The words have done their work before.",
             }),
    Question("What does another seed change?",
             right="The noise that sampling starts from",
             because="Right: all else stays the same, and that alone gives another sound for the same words.",
             others={
                 "The weights of the networks": "The weights were fixed when training ended; nothing you do here changes them.",
                 "How strongly the words pull on it": "That is guidance: how far each step exaggerates what the words change.",
                 "The number of steps": "That is a setting of its own. More steps with the same seed give nearly the same sound.",
             }),
    Question("Why does the diffusion run on a latent and not on the waveform?",
             right="Each step costs far less",
             because="The latent has ten times fewer numbers, you counted them. The UNet runs many times for one "
                     "sound, the decoder and the vocoder once.",
             others={
                 "Waveforms cannot be made noisy": "Nothing is easier: lesson 05 begins with noise on waveforms.",
                 "The latent sounds better": "A latent has no sound of its own, and going through it loses a little.",
                 "CLAP only understands latents": "CLAP listens to sound (and reads words). It never sees the latent.",
             }),
    Question("A sound is clean and well voiced, but it is the wrong thing. Which box is the first suspect?",
             right="CLAP",
             because="The wrong direction reached the UNet: noise was removed properly, but towards a wrong goal.",
             others={
                 "The vocoder": "A broken vocoder gives the right thing in a bad voice.",
                 "The decoder": "A broken decoder damages every picture; this one is clean.",
                 "The seed": "A seed varies the sound within what the words allow. Another thing altogether needs other words.",
             }),
    Question("What may you conclude when guidance 7 scores higher than guidance 3 for one prompt and one seed?",
             right="Little: one sound proves nothing",
             because="It was judged by the model's own ear, besides. Lesson 11 shows how many sounds and which "
                     "listeners it takes.",
             others={
                 "That 7 is better for this model": "One pair of sounds is one toss of a coin. Try three seeds and see.",
                 "That people will prefer it": "The CLAP score is the model's own opinion. People may hear something harsh.",
                 "That more steps would help too": "Steps and guidance are different knobs; this says nothing about steps.",
             }),
)
