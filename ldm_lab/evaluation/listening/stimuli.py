"""The sounds of a listening test: where they come from, equal loudness, equal length, anchors.

What could tell a listener which system made a sound, other than the sound itself, is taken away here: its level, its
length, clicks at its ends, its file's metadata.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from ldm_lab.audio.io import FORMATS, load, prepare
from ldm_lab.audio.loudness import loudness
from ldm_lab.errors import ListeningError

REFERENCE, ANCHOR_LOW, ANCHOR_MID = "reference", "anchor-low", "anchor-mid"
TARGET = -23.0  # LUFS, the programme level of EBU R 128
PEAK = 0.98
FADE = 0.01  # s
SHORTEST = 0.2  # s

PROCESSING = (
    "Mono. All sounds of an item are cut to the shortest of them, faded over 10 ms at both ends and brought to one "
    "loudness by ITU-R BS.1770-4 (K-weighted, gated): -23 LUFS, or lower for the whole item where one of its sounds "
    "would clip. Anchors are low-passed copies of the reference."
)


@dataclass(frozen=True)
class Stimulus:
    """One sound of a test: what `system` made for `item`. `sound`: a file, or a waveform (N,) or (1, N) in [-1, 1]."""

    item: str
    system: str
    sound: Path | Tensor | np.ndarray
    prompt: str = ""
    sample_rate: int = 16000

    def wav(self, sample_rate: int) -> np.ndarray:
        """(N,) float64 at `sample_rate`."""
        name = f"{self.item} of {self.system}"
        found = (load(self.sound, sample_rate=sample_rate) if isinstance(self.sound, Path)
                 else prepare(self.sound, self.sample_rate, sample_rate=sample_rate, name=name))
        return found[0].numpy().astype(np.float64)


def from_folders(systems: Mapping[str, Path], *, prompts: Mapping[str, str] | None = None) -> list[Stimulus]:
    """One folder of sound files a system (the one named "reference" is the hidden reference), paired by file name.

    `prompts` maps file names, without their ending, to what the sound should be. Raises ListeningError naming the files
    that a system lacks.
    """
    found = {}
    for system, folder in systems.items():
        if not Path(folder).is_dir():
            raise ListeningError(f"{folder}: no such folder; give the folder with the sounds of {system!r}")
        files = [path for path in sorted(Path(folder).iterdir()) if path.suffix.lower() in FORMATS]
        found[system] = {path.stem: path for path in files}
        if len(found[system]) != len(files) or not files:
            raise ListeningError(f"{folder}: expected sound files ({', '.join(FORMATS)}) with a name each, got "
                                 f"{len(files)} files with {len(found[system])} names")
    names = set().union(*found.values())
    lacking = [f"{system}: {', '.join(sorted(names - set(files))[:5])}" for system, files in found.items()
               if names - set(files)]
    if lacking:
        raise ListeningError(f"every system needs a file of each name; missing in {'; '.join(lacking)}")
    prompts = prompts or {}
    return [Stimulus(name, system, files[name], prompts.get(name, "")) for name in sorted(names)
            for system, files in found.items()]


def from_tensors(systems: Mapping[str, Tensor], *, prompts: Sequence[str], sample_rate: int = 16000) -> list[Stimulus]:
    """Waveforms (B, N) of each system, row i for prompts[i]."""
    for system, wav in systems.items():
        if wav.ndim != 2 or len(wav) != len(prompts):
            raise ListeningError(f"{system}: got shape {tuple(wav.shape)}, expected (B, N) with B = {len(prompts)}")
    return [Stimulus(f"item-{i + 1:03d}", system, wav[i], prompt, sample_rate) for i, prompt in enumerate(prompts)
            for system, wav in systems.items()]


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file with a header that has at least `columns`."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, header = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError) as error:
        raise ListeningError(f"{path}: not a readable CSV file in UTF-8 ({error})") from error
    lacking = [name for name in columns if name not in header or not all(row[name] for row in rows)]
    if lacking or not rows:
        raise ListeningError(f"{path}: expected rows with the columns {', '.join(columns)} filled; "
                             f"check {', '.join(lacking) or 'that there are rows'}")
    return rows


def from_csv(path: Path) -> list[Stimulus]:
    """A table with the columns item, system, file (relative to the table) and prompt (optional)."""
    rows = read_rows(path, ("item", "system", "file"))
    return [Stimulus(row["item"], row["system"], Path(path).parent / row["file"], row.get("prompt") or "")
            for row in rows]


def anchor_cutoffs(sample_rate: int) -> dict[str, int]:
    """Cut-offs in Hz: 3.5 and 7 kHz as in ITU-R BS.1534-3. Sounds at 16 kHz end at 8 kHz and would hardly lose anything
    at 7, so that their mid anchor is at 5.3 kHz, half-way in pitch between 3.5 and 8."""
    return {ANCHOR_LOW: 3500, ANCHOR_MID: 7000 if sample_rate >= 32000 else 5300}


def low_pass(wav: np.ndarray, cutoff_hz: float, sample_rate: int) -> np.ndarray:
    """(N,) with nothing above: flat up to `cutoff_hz`, a raised cosine to zero over the next 500 Hz, no phase shift.

    Within the mask of ITU-R BS.1534-3 for the 3.5 kHz anchor (0.1 dB in the band, -25 dB at 4 kHz, -50 dB at 4.5 kHz).
    """
    size = 2 * len(wav)
    hz = np.fft.rfftfreq(size, 1.0 / sample_rate)
    gain = 0.5 + 0.5 * np.cos(np.pi * np.clip((hz - cutoff_hz) / 500.0, 0.0, 1.0))
    return np.fft.irfft(np.fft.rfft(wav, size) * gain, size)[: len(wav)]


def equalise(wavs: Mapping[str, np.ndarray], sample_rate: int, *, seconds: float | None = None,
             anchors: bool = False) -> dict[str, np.ndarray]:
    """The sounds of one item, by system, as a listener gets them: see `PROCESSING`. Silence stays silence."""
    length = min(len(wav) for wav in wavs.values())
    length = length if seconds is None else min(length, round(seconds * sample_rate))
    if length < SHORTEST * sample_rate:
        raise ListeningError(f"a sound of {length / sample_rate:.2f} s is too short to judge; expected {SHORTEST} s")
    cut = {system: wav[:length] for system, wav in wavs.items()}
    if anchors:
        cut |= {name: low_pass(cut[REFERENCE], hz, sample_rate) for name, hz in anchor_cutoffs(sample_rate).items()}
    count = round(FADE * sample_rate)
    window = np.ones(length)
    window[:count] = 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / count)
    window[-count:] = window[:count][::-1]
    cut = {system: wav * window for system, wav in cut.items()}
    levels = {system: loudness(wav, sample_rate) for system, wav in cut.items()}
    if levels.get(REFERENCE, 0.0) == -math.inf:
        raise ListeningError("the reference is silent; choose another item")
    gains = {system: 10.0 ** ((TARGET - level) / 20.0) if level > -math.inf else 1.0
             for system, level in levels.items()}
    highest = max(gains[system] * np.abs(wav).max() for system, wav in cut.items())
    quieter = min(1.0, PEAK / highest) if highest > 0 else 1.0
    return {system: wav * gains[system] * quieter for system, wav in cut.items()}
