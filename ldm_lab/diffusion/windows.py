"""Sounds longer than the network was trained on: overlapping windows over time, blended so that no seam is left.

`windowed` joins at every sampling step: each window is denoised on its own, the estimates are averaged where they overlap,
and the next step starts from one common x (MultiDiffusion, Bar-Tal et al. 2023, eq. 5; there with images and eps). Since
all windows agree on x all the way down, neighbours grow into each other. `chunked` runs a decoder piece by piece, so that
memory does not grow with length.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ldm_lab.errors import OptionError


def window_starts(length: int, window: int, overlap: int) -> list[int]:
    """First frames of windows that cover `length`, evenly spread, neighbours sharing at least `overlap` frames."""
    if not 0 < overlap < window:
        raise OptionError(f"overlap: got {overlap} frames, expected 1 to {window - 1} (less than a window)")
    if length <= window:
        return [0]
    count = math.ceil((length - window) / (window - overlap)) + 1
    return [round(i * (length - window) / (count - 1)) for i in range(count)]


def fade(start: int, window: int, length: int, overlap: int) -> Tensor:
    """(window,) smooth weights in float64: 1 in the middle, raised-cosine flanks over the middle half of the overlap.

    The outermost quarter weighs nothing: there the network sees the cut edge. At both ends of the sound there is no flank.
    Any frame of an overlap has a positive weight in at least one of its windows.
    """
    frame = torch.arange(window, dtype=torch.float64) + 0.5
    left = frame if start > 0 else torch.full_like(frame, overlap)
    right = window - frame if start + window < length else torch.full_like(frame, overlap)
    ramp = ((torch.minimum(left, right) - overlap / 4) / (overlap / 2)).clamp(0.0, 1.0)
    return (0.5 * math.pi * ramp).sin().square()


def blend(pieces: list[Tensor], starts: list[int], length: int, overlap: int, axis: int) -> Tensor:
    """Weighted mean of overlapping `pieces` along `axis` into one tensor of `length` there."""
    axis = axis % pieces[0].ndim
    shape = list(pieces[0].shape)
    shape[axis] = length
    total, weight = pieces[0].new_zeros(shape), torch.zeros(length, dtype=torch.float64)
    ones = [-1 if i == axis else 1 for i in range(len(shape))]
    for piece, start in zip(pieces, starts):
        w = fade(start, piece.shape[axis], length, overlap)
        total.narrow(axis, start, piece.shape[axis]).add_(piece * w.to(piece).reshape(ones))
        weight[start : start + len(w)] += w
    return total / weight.to(total).reshape(ones)


def windowed(denoiser: Callable[[Tensor, Tensor, Tensor], Tensor], *, window: int, overlap: int,
             batch: int = 8) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """``denoiser(x, sigma, emb)`` made able to take x (B, C, T, F) of any T: windows of `window` frames over T.

    At most `batch` windows go through the network at once. x no longer than a window passes unchanged.
    """

    def denoise(x: Tensor, sigma: Tensor, emb: Tensor) -> Tensor:
        if x.shape[-2] <= window:
            return denoiser(x, sigma, emb)
        starts = window_starts(x.shape[-2], window, overlap)
        cuts = torch.cat([x.narrow(-2, start, window) for start in starts])  # (W B, C, window, F)
        sigmas, embs = sigma.repeat(len(starts)), emb.repeat(len(starts), 1)
        rounds = math.ceil(len(cuts) / batch)  # equal rounds: a small rest costs nearly as much as a full one
        parts = [denoiser(*part) for part in zip(cuts.chunk(rounds), sigmas.chunk(rounds), embs.chunk(rounds))]
        return blend(list(torch.cat(parts).chunk(len(starts))), starts, x.shape[-2], overlap, axis=-2)

    return denoise


def chunked(function: Callable[[Tensor], Tensor], x: Tensor, *, size: int, overlap: int, step: int = 1, ratio: int = 1,
            axes: tuple[int, int] = (-2, 1)) -> Tensor:
    """``function(x)`` computed in pieces of `size` frames along the first of `axes`, joined along the second.

    A frame is `step` entries of x, and `function` turns it into `ratio` entries of its answer (a vocoder: 1 mel frame to
    160 samples; an encoder: r mel frames to 1). The answer is that of the whole wherever the function looks no further
    than a quarter of `overlap`.
    """
    axis, joined = axes
    length = -(-x.shape[axis] // step)
    starts = window_starts(length, size, overlap)
    if len(starts) == 1:
        return function(x)
    pieces = [function(x.narrow(axis, s * step, min(size * step, x.shape[axis] - s * step))) for s in starts]
    return blend(pieces, [start * ratio for start in starts], length * ratio, overlap * ratio, axis=joined)


def wrap(x: Tensor, frames: int) -> Tensor:
    """x (B, C, T, F) as a circle over T, cut open: both ends continued by `frames` frames of the other end."""
    if frames == 0:
        return x
    return x.index_select(-2, torch.arange(-frames, x.shape[-2] + frames, device=x.device) % x.shape[-2])


def circular(denoiser: Callable[[Tensor, Tensor, Tensor], Tensor], frames: int) -> Callable[..., Tensor]:
    """``denoiser(x, sigma, emb)`` on a circle: it sees x wrapped by `frames`, and what it says of the wrap is dropped."""
    if frames == 0:
        return denoiser
    return lambda x, sigma, emb: denoiser(wrap(x, frames), sigma, emb).narrow(-2, frames, x.shape[-2])
