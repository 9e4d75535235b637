"""Pictures that training writes beside its numbers."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor


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
