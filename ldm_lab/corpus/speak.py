"""Computer voices: English sentences by Debian's `flite` in known voices, rates and pitches.

The words are ours (CC0), the voices come with flite under its BSD-like terms.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ldm_lab.corpus.table import SAMPLE_RATE, Clip, draft
from ldm_lab.errors import CorpusError

SOURCE = ("LicenseRef-flite", "1999-2016 Language Technologies Institute, Carnegie Mellon University", "flite")
# voice: (who, usual pitch in Hz), as flite's documentation describes them
VOICES = {
    "slt": ("woman", 172), "awb": ("man with a Scottish accent", 122), "rms": ("man", 97), "kal16": ("robotic man", 105),
}  # fmt: skip
SENTENCES = (
    "The door is open.", "Please wait a moment.", "Good morning, everyone.", "It is raining again today.",
    "The train leaves at nine o'clock.", "Where did you put the keys?", "One, two, three, four, five.", "Turn left at the corner.",
    "I can hear music in the next room.", "The experiment was a success.", "Be careful, the floor is wet.", "We are ready to begin.",
    "The dog ran across the field.", "Thank you for your help.", "There is a storm coming.", "Press the red button now.",
    "My favourite colour is blue.", "The water is cold and clear.", "Could you repeat that, please?", "Ten minutes remaining.",
    "A bird sat on the old wooden fence.", "Welcome to the sound laboratory.", "That was a very long night.", "Nobody knows the answer.",
    "The soup is still too hot.", "Listen to the wind in the trees.", "Danger, keep away from the edge.", "The library closes at six.",
    "She plays the violin every evening.", "Zero point seven five.", "Let us try it once more.", "The moon is bright tonight.",
)  # fmt: skip


def make(recipe: dict) -> np.ndarray:
    """Recipe: voice, text, stretch (1 = usual length), pitch (mean F0 in Hz). Waveform (N,) at 16 kHz."""
    import soundfile
    import soxr

    if not shutil.which("flite"):
        raise CorpusError("rendering speech needs the program flite; install the Debian package flite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        settings = ["--setf", f"duration_stretch={recipe['stretch']}", "--setf", f"int_f0_target_mean={recipe['pitch']}"]
        command = ["flite", "-voice", recipe["voice"], *settings, "-t", recipe["text"], "-o", str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        wav, rate = soundfile.read(path)
    return wav if rate == SAMPLE_RATE else soxr.resample(wav, rate, SAMPLE_RATE, quality="VHQ")


def plan() -> Iterator[Clip]:
    """Each sentence by two voices; rate and pitch drawn from few named steps."""
    for index, text in enumerate(SENTENCES):
        draw = random.Random(zlib.crc32(text.encode()))
        for voice in (tuple(VOICES)[index % 4], tuple(VOICES)[(index + 1) % 4]):
            who, usual = VOICES[voice]
            pace, stretch = draw.choice((("", 1.0), ("quickly", 0.75), ("slowly", 1.4)))
            height, factor = draw.choice((("", 1.0), ("high", 1.35), ("deep", 0.75)))
            words = f"A {height} computer voice of a {who} speaks {pace} in English".replace("  ", " ").replace(" speaks in", " speaking in")
            captions = (words, f'A computer voice says "{text.rstrip(".")}"')
            recipe = {"maker": "flite", "voice": voice, "text": text, "stretch": stretch, "pitch": round(usual * factor)}
            yield draft(
                "speech", captions, recipe, group=f"flite-{index}", kind="synthesised", source=SOURCE, transcript=text,
                language="English", speaker=who, voice=voice, rate=pace or "normal", height=height or "normal",
            )  # fmt: skip
