"""Samplers: free functions that walk x from the first sigma to the last one, asking `denoise` on the way.

All have one head, ``sampler(denoise, x, sigmas, *, eta, noise, project, callback) -> x``:
- denoise(x, sigma (B,)) -> x0_hat; x (B, ..) at level sigmas[0], in the form x = z + sigma * noise;
- sigmas (S + 1,), falling, float64 on the CPU; S steps are taken and x comes back at level sigmas[-1];
- eta: share of fresh noise, 0 = deterministic, 1 = as random as DDPM; only where `SAMPLERS[name].eta` is a number;
- noise(i) -> unit noise like x for step i; needed when the sampler is random, and its only source of chance;
- project(x, sigma (B,)) -> x, applied before each pass (editing: put the known part back), so that no network sees an x
  that breaks the rule; the same (x, sigma) must give the same answer;
- callback(Step) after each call of the denoiser that opens a step.
"""

from __future__ import annotations

import functools
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
            level = _level(x, sigma_next)
            euler = euler if project is None else project(euler, level)  # else only first order in what is left free
            slope_next = (euler - denoise(euler, level)) / sigma_next
            x = x + (sigma_next - sigma) * 0.5 * (slope + slope_next)
        else:
            x = euler
    return x


def _second_order(x0_hat: Tensor, before: Tensor | None, h: float, h_before: float) -> Tensor:
    """The estimate to hold over a step of length h in lambda = -log sigma: where the line through this x0_hat and the
    one `before` passes the middle of the step. Without a step before, or to sigma = 0 (h infinite), x0_hat itself."""
    if before is None or math.isinf(h):
        return x0_hat
    return x0_hat + (h / (2.0 * h_before)) * (x0_hat - before)


def _length(sigma: float, sigma_next: float) -> float:
    """Length of a step in lambda = -log sigma; infinite to sigma = 0."""
    return math.log(sigma / sigma_next) if sigma_next > 0 else math.inf


def sample_dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor, *, eta: float = 0.0, noise: Noise | None = None,
                    project: Project | None = None, callback: Callback | None = None) -> Tensor:
    """DPM-Solver++ 2M (Lu et al. 2022, algorithm 2): second order from one pass a step. Deterministic.

    x_next = e^-h x + (1 - e^-h) estimate, the estimate looking half a step ahead along the last two x0_hat. The first
    step, and a last step to sigma = 0, are of first order.
    """
    total, before, h_before = len(sigmas) - 1, None, 0.0
    for i, sigma, sigma_next in _steps(sigmas):
        x, x0_hat = _open(denoise, x, sigma, i, total, project, callback)
        h, ratio = _length(sigma, sigma_next), sigma_next / sigma  # ratio = exp(-h)
        x = ratio * x + (1.0 - ratio) * _second_order(x0_hat, before, h, h_before)
        before, h_before = x0_hat, h
    return x


def sample_dpmpp_2m_sde(denoise: Denoise, x: Tensor, sigmas: Tensor, *, eta: float = 1.0, noise: Noise | None = None,
                        project: Project | None = None, callback: Callback | None = None) -> Tensor:
    """DPM-Solver++ 2M on the reverse SDE (Lu et al. 2022, SDE-DPM-Solver++(2M); eta as in k-diffusion).

    dx = (1 + eta) (x0_hat - x) dlambda + sqrt(2 eta) sigma dw keeps the same marginals for every eta >= 0: 0 is
    `sample_dpmpp_2m`, 1 the reverse of the forward process. Over a step x decays by e^-(1 + eta)h and noise of variance
    sigma_next^2 (1 - e^-2 eta h) comes in. With x0_hat held still and eta = 1 that is DDPM's step.
    """
    total, before, h_before = len(sigmas) - 1, None, 0.0
    for i, sigma, sigma_next in _steps(sigmas):
        x, x0_hat = _open(denoise, x, sigma, i, total, project, callback)
        h, ratio = _length(sigma, sigma_next), sigma_next / sigma
        kept, fresh = ratio ** (1.0 + eta), sigma_next * math.sqrt(1.0 - ratio ** (2.0 * eta))
        x = kept * x + (1.0 - kept) * _second_order(x0_hat, before, h, h_before)
        if fresh > 0:
            x = x + fresh * _fresh(noise, i, "dpmpp_2m_sde with eta > 0")
        before, h_before = x0_hat, h
    return x


def _corrected(x: Tensor, ratio: float, h: float, earlier: Tensor | None, h_earlier: float, here: Tensor,
               there: Tensor) -> Tensor:
    """UniC (Zhao et al. 2023; order 2, B(h) = e^-h - 1): the step from x again, now knowing x0_hat `there`, at its end.

    x0_hat over the step becomes the parabola in lambda through the estimates `earlier`, `here` (the step's start) and
    `there`, integrated exactly; without an earlier one the straight line, by the trapezoidal rule.
    """
    change = there - here
    if earlier is None:
        return ratio * x + (1.0 - ratio) * (here + 0.5 * change)
    # Mean of u and u^2 over the step, u = (lambda - its start) / h, weighted as the exact solution weights x0_hat.
    first = 1.0 / (1.0 - ratio) - 1.0 / h
    second = 1.0 / (1.0 - ratio) - 2.0 * first / h
    u = -h_earlier / h  # where the earlier estimate lies; the other two lie at 0 and 1
    past = (first - second) / (u * (1.0 - u))
    mean = here + past * (earlier - here) + (first - past * u) * change
    return ratio * x + (1.0 - ratio) * mean


def sample_unipc(denoise: Denoise, x: Tensor, sigmas: Tensor, *, eta: float = 0.0, noise: Noise | None = None,
                 project: Project | None = None, callback: Callback | None = None) -> Tensor:
    """UniPC of order 2 (Zhao et al. 2023; data prediction, B(h) = e^-h - 1). Deterministic.

    The predictor is `sample_dpmpp_2m`'s step. The estimate that opens the next step then corrects the step it has just
    ended, at no further pass, which makes the whole of third order. What `project` has changed in x is not corrected:
    it stays as the projection put it.
    """
    total, before, h_before, redo = len(sigmas) - 1, None, 0.0, None
    for i, sigma, sigma_next in _steps(sigmas):
        predicted = x
        x, x0_hat = _open(denoise, x, sigma, i, total, project, callback)
        if redo is not None:
            better = redo(x0_hat)
            x = better if project is None else torch.where(x == predicted, better, x)
        h, ratio = _length(sigma, sigma_next), sigma_next / sigma
        redo = functools.partial(_corrected, x, ratio, h, before, h_before, x0_hat)
        x = ratio * x + (1.0 - ratio) * _second_order(x0_hat, before, h, h_before)
        before, h_before = x0_hat, h
    return x


@dataclass(frozen=True)
class Sampler:
    """A sampler with what a caller must know of it."""

    run: Callable[..., Tensor]
    grid: str  # the step grid it works best with (a name in schedule.GRIDS)
    random: bool  # draws noise even with eta = 0
    eta: float | None  # the eta it is made for; None: eta has no meaning
    passes: int  # network passes a step
    title: str


SAMPLERS: dict[str, Sampler] = {
    #                      function             grid           random  eta   passes  title
    "ddpm":         Sampler(sample_ddpm,         "leading",     True,  None, 1, "DDPM: ancestral, for many steps"),
    "ddim":         Sampler(sample_ddim,         "leading",     False, 0.0,  1, "DDIM: AudioLDM's own"),
    "heun":         Sampler(sample_heun,         "karras",      False, None, 2, "Heun: second order, two passes a step"),
    "dpmpp_2m":     Sampler(sample_dpmpp_2m,     "exponential", False, None, 1, "DPM-Solver++ 2M: second order, few steps"),
    "dpmpp_2m_sde": Sampler(sample_dpmpp_2m_sde, "karras",      False, 1.0,  1, "DPM-Solver++ 2M with fresh noise"),
    "unipc":        Sampler(sample_unipc,        "exponential", False, None, 1, "UniPC: corrects DPM-Solver++ 2M for free"),
}  # fmt: skip


def find_sampler(name: str) -> Sampler:
    """The sampler called `name`; an unknown name raises OptionError with the nearest one."""
    if name not in SAMPLERS:
        raise OptionError(unknown("sampler", name, SAMPLERS))
    return SAMPLERS[name]
