"""Lesson 09: the parts put together. Exercises, the sick stacks of the diagnosis, and the quiz."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from ldm_lab import course
from ldm_lab.course.exercise import Exercise, call, choices, custom, same_function
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

SHAPE = (16, 32, 8)  # latent of 2.56 s: channels, time, frequency
PARTS = ("clap", "unet", "decoder", "vocoder")


# --- exercise 1: one generator an item -----------------------------------------------------------------------------------


def item_noise(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    """(len(seeds), *shape) of unit noise; row i depends on seeds[i] alone."""
    return torch.stack([Rng(seed).randn(shape, "start", 0) for seed in seeds])


def _filled_row_by_row(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    noise = torch.empty(len(seeds), *shape)
    for row, seed in enumerate(seeds):
        torch.randn(shape, generator=Rng(seed).at("start", 0), out=noise[row])
    return noise


def _one_generator(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    return torch.randn((len(seeds), *shape), generator=Rng(seeds[0]).at("start", 0))


def _place_in_the_key(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    return torch.stack([Rng(seed).randn(shape, "start", place) for place, seed in enumerate(seeds)])


def _torchs_own(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def _first_seed_for_all(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    return torch.stack([Rng(seeds[0]).randn(shape, "start", 0) for _ in seeds])


seed_rule = Exercise(
    "09", "seed_rule", "A seed for each item",
    reference=item_noise,
    judge=same_function([([5], (4, 3)), ([5, 6, 7], (4, 3)), ([7, 5], (2, 8)), ([3, 3], (5,))], tolerance=0.0),
    right={"filled row by row into an empty tensor": _filled_row_by_row},
    wrong={
        "one generator for the whole batch: row 1 depends on the seed of row 0": _one_generator,
        "torch's own generator with the item's seed: the right thought, but not the library's key": _torchs_own,
        "the place in the batch as part of the key: a sound would change when it moves up": _place_in_the_key,
        "the first seed for every row: all sounds of a batch would start alike": _first_seed_for_all,
    },
    then="Now a sound has an address: prompt, seed, settings. Whatever else is in the batch, it is the same sound.",
)


# --- exercise 2: from latent to mel --------------------------------------------------------------------------------------


def decode_latent(decode, z: Tensor, scale_factor: float) -> Tensor:
    """Scaled latent z -> log-mel: the decoder wants the latent as the encoder made it."""
    return decode(z / scale_factor)


@functools.cache
def _bell() -> tuple[AudioLDM, Tensor]:
    ldm = course.load("lab")
    with torch.no_grad():
        return ldm, ldm.mel_to_latent(ldm.wav_to_mel(course.clip("a bell being struck", seconds=0.96)[None]))


def _decoder(z: Tensor) -> Tensor:
    with torch.no_grad():
        return _bell()[0].autoencoder.decode(z)


def _decode_cases() -> list[tuple]:
    """A bell with a scale factor as far from 1 as that of AudioLDM 2, 0.41, so that a mistake can be heard."""
    z = _bell()[1] / _bell()[0].scale_factor
    return [(_decoder, 0.41 * z, 0.41)]


def _heard(mel: Tensor) -> Tensor:
    with torch.no_grad():
        return _bell()[0].mel_to_wav(mel)[0].clamp(-1.0, 1.0)


scale_order = Exercise(
    "09", "scale_order", "Undo the scale, then decode",
    reference=decode_latent,
    judge=same_function(_decode_cases, tolerance=1e-4, sound=_heard),
    right={"multiplied by the inverse": lambda decode, z, scale_factor: decode(z * (1.0 / scale_factor))},
    wrong={
        "forgetting the scale factor": lambda decode, z, scale_factor: decode(z),
        "multiplying where it should be undone": lambda decode, z, scale_factor: decode(z * scale_factor),
        "decoding first and scaling the picture afterwards": lambda decode, z, scale_factor: decode(z) / scale_factor,
    },
    then="With this model's factor, 0.97, each of the usual mistakes is nearly inaudible. That is why it is worth a test.",
)


# --- exercise 3: what a sound costs --------------------------------------------------------------------------------------

PRICE = {"text": 0.01, "pass": 0.04, "decode": 0.05, "vocode": 0.12}


def cost(sounds: int, steps: int, guidance: float, price: dict[str, float]) -> float:
    """Seconds for `sounds` sounds made one after the other."""
    passes = steps * (1 if guidance == 1 else 2)
    return sounds * (price["text"] + passes * price["pass"] + price["decode"] + price["vocode"])


def _summed(sounds: int, steps: int, guidance: float, price: dict[str, float]) -> float:
    total = 0.0
    for _ in range(sounds):
        total += price["text"] + price["decode"] + price["vocode"]
        total += sum(price["pass"] + (price["pass"] if guidance != 1 else 0.0) for _ in range(steps))
    return total


def _always_double(sounds: int, steps: int, guidance: float, price: dict[str, float]) -> float:
    return sounds * (price["text"] + 2 * steps * price["pass"] + price["decode"] + price["vocode"])


def _never_double(sounds: int, steps: int, guidance: float, price: dict[str, float]) -> float:
    return sounds * (price["text"] + steps * price["pass"] + price["decode"] + price["vocode"])


def _times_guidance(sounds: int, steps: int, guidance: float, price: dict[str, float]) -> float:
    return sounds * (price["text"] + guidance * steps * price["pass"] + price["decode"] + price["vocode"])


def _all_in_the_loop(sounds: int, steps: int, guidance: float, price: dict[str, float]) -> float:
    return sounds * steps * (sum(price.values()) + (price["pass"] if guidance != 1 else 0.0))


arithmetic = Exercise(
    "09", "arithmetic", "What a sound costs",
    reference=cost,
    judge=same_function([(1, 25, 3.0, PRICE), (1, 25, 1.0, PRICE), (4, 10, 2.0, PRICE), (2, 200, 2.5, PRICE)], tolerance=1e-6),
    right={"added up pass by pass": _summed},
    wrong={
        "two passes a step even where guidance is 1": _always_double,
        "one pass a step whatever the guidance": _never_double,
        "guidance 3 as three passes: it is a factor, not a number of questions": _times_guidance,
        "decoding and vocoding in every step": _all_in_the_loop,
    },
)


# --- exercise 4: which part is wrong? ------------------------------------------------------------------------------------


class _Wrong(nn.Module):
    """A part with one thing wrong; whatever it does not change it hands on."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part


class _LongClap(_Wrong):
    def encode_text(self, prompts):
        return 1.7 * self.part.encode_text(prompts)

    def encode_audio(self, wav):
        return self.part.encode_audio(wav)


class _EarlyUNet(_Wrong):
    def forward(self, x, t, emb):
        return self.part(x, t / 1000, emb)  # as if the network had been trained on times from 0 to 1


class _LoudDecoder(_Wrong):
    def decode(self, z):
        return self.part.decode(z / 0.41)  # undoes the scale of another model

    def encode(self, mel):
        return self.part.encode(mel)


class _DecibelVocoder(_Wrong):
    def forward(self, mel):
        return self.part(mel / 2.302585)  # takes the natural logarithm for the decadic one, and undoes that


def patients(ldm: AudioLDM) -> dict[str, AudioLDM]:
    """Four stacks with one wrong part each: every shape is right, the numbers are not."""
    return {
        "A": ldm.replace(autoencoder=_LoudDecoder(ldm.autoencoder)),
        "B": ldm.replace(clap=_LongClap(ldm.clap)),
        "C": ldm.replace(vocoder=_DecibelVocoder(ldm.vocoder)),
        "D": ldm.replace(unet=_EarlyUNet(ldm.unet)),
    }


KEY = {"A": "decoder", "B": "clap", "C": "vocoder", "D": "unet"}
_FIRST = "A part is wrong if what goes in is healthy and what comes out is not: find the FIRST fingerprint that differs."

diagnosis = Exercise(
    "09", "diagnosis", "Which part is wrong?",
    reference=KEY,
    judge=choices(KEY, PARTS, {(patient, part): _FIRST for patient in KEY for part in PARTS if part != KEY[patient]}),
    right={"the same in another order": dict(reversed(KEY.items()))},
    wrong={
        "blaming the last box every time, because that is where it is heard": dict.fromkeys(KEY, "vocoder"),
        "blaming the biggest network every time": dict.fromkeys(KEY, "unet"),
        "A and D taken for each other: the mel of both is wrong": {**KEY, "A": "unet", "D": "decoder"},
    },
    then="First difference, not loudest difference: that rule finds bugs in pipelines of any length.",
)


# --- exercise 5: the whole, checked ----------------------------------------------------------------------------------------


def windows(seconds: float, window: float = 2.56, overlap: float = 0.64) -> int:
    """Windows of `window` seconds that cover a sound when neighbours share at least `overlap` seconds."""
    if seconds <= window:
        return 1
    step = window - overlap
    extra = seconds - window
    return 1 + int(-(-round(extra * 1000) // round(step * 1000)))


def _check_windows(answer: object) -> str | None:
    for seconds, right in ((1.0, 1), (2.56, 1), (3.0, 2), (4.48, 2), (4.5, 3), (5.12, 3), (10.24, 5)):
        got = call(answer, seconds)
        if int(got) != right or float(got) != right:
            side = "too few: some of the sound would be covered by no window" if got < right else "more than are needed"
            return f"For {seconds:g} s you say {got}; {side}. Draw the windows for {seconds:g} s on paper."
    return None


def _counted(seconds: float) -> int:
    count, end = 1, 2.56
    while end < seconds - 1e-9:
        count, end = count + 1, end + 1.92
    return count


window_count = Exercise(
    "09", "window_count", "How many windows?",
    reference=windows,
    judge=custom(_check_windows),
    right={"laying one window after the other": _counted},
    wrong={
        "windows without overlap": lambda seconds: max(1, -(-int(seconds * 100) // 256)),
        "rounding down: the end stays uncovered": lambda seconds: 1 + int(max(0.0, seconds - 2.56) // 1.92),
        "dividing the whole length by the step": lambda seconds: -(-int(seconds * 100) // 192),
    },
)

QUIZ = quiz(
    "09",
    Question(
        "You swap the vocoder for another one and generate with the same seed. What stays the same to the last bit?",
        right="Embedding, noise, latent and log-mel",
        because="The vocoder is the last box. What comes before it has never heard of it.",
        others={
            "Nothing: a new part changes all random numbers": "The noise is drawn from a key of seed and purpose, not from a "
                                                              "stream that every part takes from.",
            "Only the noise": "Embedding, latent and mel are made before the vocoder runs, too.",
            "Everything but the length of the sound": "The length is the one thing it must keep: 160 samples a mel column.",
        },
    ),
    Question(
        "Sound 2 of a batch of 8 was made with seed 11. You make it again, alone, with seed 11. What do you hear?",
        right="The same sound; the numbers may differ in the last digits",
        because="Its noise belongs to it, not to the batch. Matrix products of other sizes add in another order, which shows "
                "in the fourth or fifth decimal.",
        others={
            "Another sound: in the batch the generator had advanced": "That is so where one generator serves the batch. Here "
                                                                      "each item has its own.",
            "Noise, because a batch of one is out of distribution": "The network treats each item of a batch by itself.",
            "The sound of item 0, which has the first seed": "Only if seeds were kept for the batch and not for the item.",
        },
    ),
    Question(
        "Guidance goes from 3 to 6. What happens to the time?",
        right="Nothing: two passes a step before, two passes after",
        because="The strength is a factor on a difference. What costs is asking twice at all.",
        others={
            "It doubles": "That would be so if guidance were a number of passes.",
            "It grows by as many steps as are needed to calm down": "The number of steps is fixed beforehand.",
            "It halves, since the prompt is found sooner": "No sampler here stops early.",
        },
    ),
    Question(
        "A part is wrong. Shapes are right everywhere, the sound is wrong. Where do you look?",
        right="At the first box whose fingerprint differs from a healthy run",
        because="Everything behind it differs as well, but because of it. Only the first one got healthy input.",
        others={
            "At the box where the difference is largest": "Later boxes magnify. The largest difference is often far behind.",
            "At the vocoder, since that is what is heard": "The vocoder makes whatever it is shown audible, errors too.",
            "At the largest network, since it has most weights": "Weights do not break by themselves. Scales and orders do.",
        },
    ),
    Question(
        "Your file says in its comment that it was made by a model. Somebody opens it in an editor and exports it as MP3. "
        "What do you know about the MP3?",
        right="Nothing certain: the comment may be gone",
        because="Metadata travels beside the sound, and there is no mark in the samples. It is a label for honest "
                "people.",
        others={
            "It still says so: comments are part of the sound": "They are part of the file. An export writes a new file.",
            "The fingerprint proves it": "A hash changes with any bit. After an MP3 encoder no bit is the same.",
            "The CLAP score shows it": "It tells what a sound is like, not where it comes from.",
        },
    ),
)
