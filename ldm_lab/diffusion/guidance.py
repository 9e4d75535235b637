"""Classifier-free guidance (Ho & Salimans 2022): ask twice, with and without the prompt, and exaggerate the difference.

    x0_hat = x0_uncond + scale (x0_cond - x0_uncond)

x0_hat is linear in eps, so guiding x0_hat is guiding eps (paper, eq. 9) with the same scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ldm_lab.diffusion.denoiser import Denoise
from ldm_lab.errors import OptionError


def rescaled(guided: Tensor, cond: Tensor, amount: float) -> Tensor:
    """Pull each item's spread back towards that of the conditional estimate (Lin et al. 2023, eq. 14-16), on x0_hat."""
    axes = tuple(range(1, guided.ndim))
    ratio = cond.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True).clamp(min=1e-8)
    return guided * (amount * ratio + (1.0 - amount))


def guide(denoiser: Callable[[Tensor, Tensor, Tensor], Tensor], emb: Tensor, uncond: Tensor, *, scale: float,
          rescale: float = 0.0, interval: tuple[float, float] | None = None) -> Denoise:
    """Bind a condition: ``denoiser(x, sigma, emb)`` becomes ``denoise(x, sigma)``.

    emb: (B, E); uncond: (1, E) or (B, E), the empty prompt's embedding or a negative prompt's. scale = 1 is the plain
    condition, 0 no condition, both with one network pass; any other scale is one pass of a batch of 2 B, ordered
    [uncond, cond]. rescale: 0 to 1. interval: (low, high) in sigma; outside it the plain condition is used
    (Kynkaanniemi et al. 2024). Raises OptionError for values out of range.
    """
    if not math.isfinite(scale) or scale < 0:
        raise OptionError(f"guidance: got {scale!r}, expected a finite number >= 0 (1 = no guidance, 3 is usual)")
    if not 0.0 <= rescale <= 1.0:
        raise OptionError(f"rescale: got {rescale!r}, expected a number from 0 to 1")
    if interval is not None and not (len(interval) == 2 and 0 <= interval[0] < interval[1]):
        raise OptionError(f"interval: got {interval!r}, expected (low, high) in sigma with 0 <= low < high")
    uncond = uncond.expand_as(emb)
    both = torch.cat([uncond, emb])  # (2 B, E)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        active = interval is None or interval[0] < float(sigma.max()) <= interval[1]
        if scale == 1.0 or not active:
            return denoiser(x, sigma, emb)
        if scale == 0.0:
            return denoiser(x, sigma, uncond)
        without, with_ = denoiser(torch.cat([x, x]), torch.cat([sigma, sigma]), both).chunk(2)
        guided = without + scale * (with_ - without)
        return rescaled(guided, with_, rescale) if rescale else guided

    return denoise
