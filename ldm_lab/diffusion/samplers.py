"""Samplers: free functions that walk x from the first sigma to the last one, asking `denoise` on the way.

All have one head, ``sampler(denoise, x, sigmas, *, eta, noise, project, callback) -> x``:
- denoise(x, sigma (B,)) -> x0_hat; x (B, ..) at level sigmas[0], in the form x = z + sigma * noise;
- sigmas (S + 1,), falling, float64 on the CPU; S steps are taken and x comes back at level sigmas[-1];
- eta: share of fresh noise, 0 = deterministic, 1 = as random as DDPM; only where `SAMPLERS[name].eta` says so;
- noise(i) -> unit noise like x for step i; needed when the sampler is random, and its only source of chance;
- project(x, sigma (B,)) -> x, applied before each step (editing: put the known part back);
- callback(Step) after each call of the denoiser that opens a step.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ldm_lab.diffusion.denoiser import Denoise
from ldm_lab.errors import OptionError, unknown

Noise = Callable[[int], Tensor]
Project = Callable[[Tensor, Tensor], Tensor]


class Step(NamedTuple):
    """What a callback sees: step `index` of `total`, x (B, ..) at `sigma`, and the clean sound guessed from it."""

    index: int
    total: int
    sigma: float
    x: Tensor
    x0_hat: Tensor


Callback = Callable[[Step], None]


def _steps(sigmas: Tensor) -> Iterator[tuple[int, float, float]]:
    """(i, sigma, next sigma) of each step; sigmas as Python floats keep float64 on every device."""
    values = [float(s) for s in sigmas]
    falling = all(a > b >= 0 for a, b in itertools.pairwise(values))
    if len(values) < 2 or not falling:
        raise OptionError(f"sigmas: got {values[:4]}..., expected at least two falling numbers >= 0")
    return ((i, a, b) for i, (a, b) in enumerate(itertools.pairwise(values)))


def _level(x: Tensor, sigma: float) -> Tensor:
    return torch.full((x.shape[0],), sigma, dtype=torch.float64)  # (B,), on the CPU: see Denoiser


def _open(denoise: Denoise, x: Tensor, sigma: float, i: int, total: int, project: Project | None,
          callback: Callback | None) -> tuple[Tensor, Tensor]:
    """The start every step shares: project, denoise, tell the callback. Returns (x, x0_hat)."""
    level = _level(x, sigma)
    x = x if project is None else project(x, level)
    x0_hat = denoise(x, level)
    if callback is not None:
        callback(Step(i, total, sigma, x, x0_hat))
    return x, x0_hat


def _fresh(noise: Noise | None, i: int, sampler: str) -> Tensor:
    if noise is None:
        raise OptionError(f"{sampler} adds noise and needs a source of it: give noise=lambda i: tensor like x")
    return noise(i)


def sample_ddpm(denoise: Denoise, x: Tensor, sigmas: Tensor, *, eta: float = 1.0, noise: Noise | None = None,
                project: Project | None = None, callback: Callback | None = None) -> Tensor:
    """Ancestral sampling (Ho et al. 2020, eq. 6-7) between any two levels: draw from q(x_next | x, x0_hat).

    In sigma form the posterior's mean is x0_hat + (s_next / s)^2 (x - x0_hat) and its variance
    s_next^2 (1 - s_next^2 / s^2). `eta` has no meaning here (the chain is DDIM's with eta = 1).
    """
    total = len(sigmas) - 1
    for i, sigma, sigma_next in _steps(sigmas):
        x, x0_hat = _open(denoise, x, sigma, i, total, project, callback)
        ratio = (sigma_next / sigma) ** 2
        x = x0_hat + ratio * (x - x0_hat)
        if sigma_next > 0:
            x = x + sigma_next * math.sqrt(1.0 - ratio) * _fresh(noise, i, "ddpm")
    return x


def sample_ddim(denoise: Denoise, x: Tensor, sigmas: Tensor, *, eta: float = 0.0, noise: Noise | None = None,
                project: Project | None = None, callback: Callback | None = None) -> Tensor:
    """DDIM (Song et al. 2021, eq. 12 and 16). eta = 0 is Euler's method on the probability-flow ODE; 1 is DDPM.

    Fresh noise has spread s = eta s_next sqrt(1 - s_next^2 / s^2): eq. 16 divided by sqrt(alpha_bar) of the next step.
    It is added on the last step too if that stops above sigma = 0, as AudioLDM does.
    """
    total = len(sigmas) - 1
    for i, sigma, sigma_next in _steps(sigmas):
        x, x0_hat = _open(denoise, x, sigma, i, total, project, callback)
        fresh = eta * sigma_next * math.sqrt(1.0 - (sigma_next / sigma) ** 2)
        kept = math.sqrt(max(0.0, sigma_next**2 - fresh**2))
        x = x0_hat + (kept / sigma) * (x - x0_hat)
        if fresh > 0:
            x = x + fresh * _fresh(noise, i, "ddim with eta > 0")
    return x


def sample_heun(denoise: Denoise, x: Tensor, sigmas: Tensor, *, eta: float = 0.0, noise: Noise | None = None,
                project: Project | None = None, callback: Callback | None = None) -> Tensor:
    """Heun's second-order method (Karras et al. 2022, algorithm 1): two network passes a step. Deterministic."""
    total = len(sigmas) - 1
    for i, sigma, sigma_next in _steps(sigmas):
        x, x0_hat = _open(denoise, x, sigma, i, total, project, callback)
        slope = (x - x0_hat) / sigma
        euler = x + (sigma_next - sigma) * slope
        if sigma_next > 0:
            slope_next = (euler - denoise(euler, _level(x, sigma_next))) / sigma_next
            x = x + (sigma_next - sigma) * 0.5 * (slope + slope_next)
        else:
            x = euler
    return x


def sample_dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor, *, eta: float = 0.0, noise: Noise | None = None,
                    project: Project | None = None, callback: Callback | None = None) -> Tensor:
    """DPM-Solver++ 2M (Lu et al. 2022, algorithm 2): second order from one pass a step. Deterministic.

    Exact for x0_hat linear in lambda = -log sigma, taken from this step and the one before. The first step, and a last
    step to sigma = 0 (where lambda is infinite), are of first order.
    """
    total, before, h_before = len(sigmas) - 1, None, 0.0
    for i, sigma, sigma_next in _steps(sigmas):
        x, x0_hat = _open(denoise, x, sigma, i, total, project, callback)
        estimate, h = x0_hat, math.inf
        if sigma_next > 0:
            h = math.log(sigma / sigma_next)
            if before is not None:
                estimate = x0_hat + (h / (2.0 * h_before)) * (x0_hat - before)
        ratio = sigma_next / sigma  # exp(-h)
        x = ratio * x + (1.0 - ratio) * estimate
        before, h_before = x0_hat, h
    return x


@dataclass(frozen=True)
class Sampler:
    """A sampler with what a caller must know of it."""

    run: Callable[..., Tensor]
    grid: str  # the step grid it works best with (a name in schedule.GRIDS)
    random: bool  # draws noise even with eta = 0
    eta: bool  # eta has a meaning
    passes: int  # network passes a step
    title: str


SAMPLERS: dict[str, Sampler] = {
    #                  function         grid       random  eta   passes  title
    "ddpm":     Sampler(sample_ddpm,     "leading", True,  False, 1, "DDPM: ancestral, for many steps"),
    "ddim":     Sampler(sample_ddim,     "leading", False, True,  1, "DDIM: AudioLDM's own"),
    "heun":     Sampler(sample_heun,     "karras",  False, False, 2, "Heun: second order, two passes a step"),
    "dpmpp_2m": Sampler(sample_dpmpp_2m, "karras",  False, False, 1, "DPM-Solver++ 2M: second order, few steps"),
}  # fmt: skip


def find_sampler(name: str) -> Sampler:
    """The sampler called `name`; an unknown name raises OptionError with the nearest one."""
    if name not in SAMPLERS:
        raise OptionError(unknown("sampler", name, SAMPLERS))
    return SAMPLERS[name]
