"""Small pictures of what flows through the stack, as PNG bytes or SVG paths for the diagram."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ldm_lab.config import MelConfig
from ldm_lab.widgets.picture import colours, levels, to_png, top_level
from ldm_lab.widgets.signed import signed


def _png(rgb: np.ndarray) -> bytes:
    """One pixel a cell: whoever draws it enlarges it without smoothing."""
    from PIL import Image

    return to_png(Image.fromarray(rgb))


def block(emb: Tensor) -> np.ndarray:
    """(E,) as rows of a block of cells (H, W), about 2 : 1, filled up with zeros."""
    width = 2 ** math.ceil(math.log2(len(emb)) / 2 + 0.5)
    cells = torch.zeros(math.ceil(len(emb) / width) * width)
    cells[: len(emb)] = emb
    return cells.reshape(-1, width).numpy()


def embedding(emb: Tensor) -> bytes:
    """(E,) as a block of coloured cells."""
    return _png(signed(block(emb)))


def latent(z: Tensor, *, channels: int = 4) -> bytes:
    """(C, T, F): the first channels, one above the other, time to the right, a thin line between them."""
    tiles = [np.pad(signed(channel.T.flip(0).numpy(), limit=3.0), ((0, 1), (0, 0), (0, 0)), constant_values=120)
             for channel in z[:channels]]
    return _png(np.concatenate(tiles)[:-1])


def mel(values: Tensor, *, top: float | None = None, width: int = 136) -> bytes:
    """(T, 64) log-mel in magma, low bands at the bottom; at most `width` columns."""
    array = values.numpy()
    top = top_level([array], MelConfig()) if top is None else top
    step = -(-len(array) // width)
    return _png(colours(levels(array[::step].T[::-1], top)))


def waveform(wav: Tensor, *, width: float, height: float, columns: int = 136) -> str:
    """SVG path of the envelope of (N,) in a box of `width` x `height`: lowest and highest sample of each column."""
    parts = np.array_split(wav.numpy(), min(columns, len(wav)))
    peak = max(1e-3, max(float(np.abs(part).max()) for part in parts))
    x = [width * (i + 0.5) / len(parts) for i in range(len(parts))]
    y = lambda value: height / 2 * (1 - 0.95 * value / peak)
    upper = [f"{a:.1f} {y(part.max()):.1f}" for a, part in zip(x, parts)]
    lower = [f"{a:.1f} {y(part.min()) + 0.6:.1f}" for a, part in zip(x, parts)]
    return f"M{' L'.join(upper)} L{' L'.join(reversed(lower))}Z"
