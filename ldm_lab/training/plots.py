"""Pictures and sounds that training writes beside its numbers."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ldm_lab.audio.io import save
from ldm_lab.audio.mel import griffin_lim
from ldm_lab.config import MelConfig


def save_mels(path: Path, *rows_of_mels: Tensor, rows: tuple[str, ...]) -> None:
    """A grid of log-mels (count, T, M), one row for each tensor, low frequencies at the bottom."""
    from matplotlib.figure import Figure

    count = len(rows_of_mels[0])
    figure = Figure(figsize=(2.4 * count, 1.8 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), count, squeeze=False)
    for line, mels, label in zip(axes, rows_of_mels, rows, strict=True):
        for axis, mel in zip(line, mels, strict=True):
            axis.imshow(mel.T.numpy(), origin="lower", aspect="auto", vmin=-11.5, vmax=2.0, cmap="magma")
            axis.set_xticks([]), axis.set_yticks([])
        line[0].set_ylabel(label)
    figure.savefig(path, dpi=80)


def save_sounds(folder: Path, mels: Tensor, config: MelConfig, *, name: str) -> None:
    """mels (count, T, M) as ``name-0.wav``, ...: by Griffin-Lim, so that no vocoder is needed to hear progress."""
    for index, wav in enumerate(griffin_lim(mels, config)):
        save(folder / f"{name}-{index}.wav", wav.clamp(-1.0, 1.0), config.sample_rate)
