"""What a student reads about each box of the stack, and the pieces that a prompt is cut into."""

from __future__ import annotations

import json
import re

from ldm_lab.models.clap import Clap

ABOUT = {
    "prompt": "Your words, cut into the pieces that the text tower knows. Each piece is a number of its vocabulary; ## "
              "goes on with a word.",
    "clap": "The text tower reads all pieces at once and turns them into one direction in a space that texts share "
            "with sounds: what belongs together points the same way. It is all that the next part learns about your words.",
    "embedding": "A direction, written as {count} numbers (blue below zero, red above). One of them alone means "
                 "nothing; what counts is the angle to others: the texts below lie nearest. This is not a sound yet, so "
                 "there is nothing to hear.",
    "noise": "Random numbers, drawn from the seed: the sampler starts here. You hear what decoder and vocoder make of "
             "them when nobody removes the noise.",
    "unet": "In every step the UNet guesses the finished latent from the noisy one and the embedding, and the sampler "
            "goes a part of the way there. Move the slider: early guesses are an average of all that your words could "
            "mean.",
    "latent": "The sound, {ratio:.0f} times smaller than its log-mel: {channels} little pictures, time to the right "
              "and pitch upwards, blue below zero, red above. It has no sound of its own; the decoder has to translate it.",
    "autoencoder": "The decoder turns the latent into a picture of the sound. It has learned to undo the compression "
                   "of real sounds, and it makes up the details that got lost. You hear the picture with a phase that "
                   "Griffin-Lim guesses.",
    "mel": "How much sound there is at each moment in each of {bands} bands, on a logarithmic scale. The phase is "
           "missing, so it cannot be played as it is: you hear it with a phase that Griffin-Lim guesses. The vocoder "
           "does that better.",
    "vocoder": "A network that makes the waveform from the picture: it has learned from real sounds what belongs into "
               "the fine structure that the picture leaves out. Compare with the log-mel box, where Griffin-Lim "
               "does it.",
    "sound": "Air pressure, {rate} numbers a second. All boxes before it work for this one.",
}
LISTS = (
    "a dog barking", "a cat meowing", "rain falling", "thunder", "wind", "waves on a beach", "a bird singing",
    "a rooster", "footsteps", "a door knock", "glass breaking", "a clock ticking", "a siren", "a car engine",
    "a helicopter", "a train", "a church bell", "a drum", "a guitar", "a piano", "a flute", "a person laughing",
    "a baby crying", "hands clapping", "silence", "noise",
)  # fmt: skip
"""Texts among which an embedding's neighbours are looked for."""


def pieces(clap: Clap, text: str) -> list[tuple[str, int]]:
    """(piece, number) of every token of `text` that the tower reads, the marks of beginning and end among them."""
    ids, _ = clap.tokenize([text])
    numbers = ids[0].tolist()
    if clap.tokenizer_json is None:  # a tiny model hashes words
        names = re.findall(r"\w+|[^\w\s]", text.lower())[: max(0, len(numbers) - 2)]
    else:
        vocabulary = {number: piece for piece, number in json.loads(clap.tokenizer_json)["model"]["vocab"].items()}
        names = [vocabulary.get(number, "?") for number in numbers[1:-1]]
    return list(zip(["[start]", *names, "[end]"], numbers))
