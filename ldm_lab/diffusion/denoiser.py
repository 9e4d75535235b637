"""From a network to a denoiser: the only place that knows what the network predicts and how its input is scaled.

A denoiser maps (x, sigma) to x0_hat, its best guess of the clean z in x = z + sigma * noise. Whatever the network was
trained to predict, x0_hat = c_skip x + c_out network(c_in x, t, emb) with (Karras et al. 2022, eq. 7)

    c_in = sqrt(alpha_bar) = 1 / sqrt(1 + sigma^2)      (the network sees unit variance: the x of training)
    eps:  c_skip = 1,       c_out = -sigma              (z = x - sigma eps)
    v:    c_skip = c_in^2,  c_out = -sigma c_in         (v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) z)
    x0:   c_skip = 0,       c_out = 1

v is Salimans & Ho's (2022, appendix D).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ldm_lab.diffusion.schedule import Schedule
from ldm_lab.errors import OptionError, unknown

Denoise = Callable[[Tensor, Tensor], Tensor]  # (x (B, ..), sigma (B,)) -> x0_hat (B, ..)
Network = Callable[[Tensor, Tensor, Tensor], Tensor]  # (scaled x (B, ..), t (B,), emb (B, E)) -> same shape as x

PREDICTIONS = ("eps", "v", "x0")


def check_prediction(prediction: str) -> str:
    """`prediction` itself, or OptionError naming the nearest one."""
    if prediction not in PREDICTIONS:
        raise OptionError(unknown("prediction", prediction, PREDICTIONS))
    return prediction


def coefficients(sigma: Tensor, prediction: str) -> tuple[Tensor, Tensor, Tensor]:
    """(c_in, c_skip, c_out) of noise levels `sigma` (any shape), in its dtype."""
    c_in = (1.0 + sigma.square()).rsqrt()
    if prediction == "eps":
        return c_in, torch.ones_like(sigma), -sigma
    if prediction == "v":
        return c_in, c_in.square(), -sigma * c_in
    return c_in, torch.zeros_like(sigma), torch.ones_like(sigma)


def noise_to_x(noise: Tensor, sigma: Tensor | float) -> Tensor:
    """Start of sampling: unit `noise` scaled to the spread x has at `sigma` when z has unit variance."""
    return noise * (1.0 + torch.as_tensor(sigma, dtype=torch.float64).square()).sqrt().to(noise)


def x_to_z(x: Tensor, sigma: Tensor | float) -> Tensor:
    """End of sampling: x at the last `sigma` brought back to the spread of z (no change at sigma = 0)."""
    return x * (1.0 + torch.as_tensor(sigma, dtype=torch.float64).square()).rsqrt().to(x)


@dataclass(frozen=True)
class Denoiser:
    """``denoiser(x, sigma, emb) -> x0_hat`` around an eps, v or x0 `network`.

    `dtype`: the precision the network runs in (None: that of x). x and x0_hat keep theirs, because the sum
    c_skip x + c_out out cancels almost completely at high noise.
    """

    network: Network
    schedule: Schedule
    prediction: str = "eps"
    dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        check_prediction(self.prediction)

    def __call__(self, x: Tensor, sigma: Tensor, emb: Tensor) -> Tensor:
        """x (B, ..), sigma (B,), emb (B, E) -> x0_hat (B, ..)."""
        sigma = sigma.detach().to(device="cpu", dtype=torch.float64)
        t = self.schedule.sigma_to_t(sigma).to(x.device, torch.float32)
        shape = (-1, *[1] * (x.ndim - 1))
        c_in, c_skip, c_out = (c.to(x).reshape(shape) for c in coefficients(sigma, self.prediction))
        dtype = self.dtype or x.dtype
        out = self.network((c_in * x).to(dtype), t, emb.to(x.device, dtype))
        return c_skip * x + c_out * out.to(x.dtype)
