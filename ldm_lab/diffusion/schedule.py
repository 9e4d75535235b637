"""The forward process: how much noise each training step holds, and which noise levels a sampler visits.

Two coordinates for the same thing. Training speaks of step t and alpha_bar,
x = sqrt(alpha_bar) z + sqrt(1 - alpha_bar) eps (Ho et al. 2020, eq. 4). Samplers divide by sqrt(alpha_bar) and speak
of sigma = sqrt((1 - alpha_bar) / alpha_bar): x = z + sigma eps (Karras et al. 2022, section 2). This file holds the map
between them, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ldm_lab.errors import OptionError, unknown


@dataclass(frozen=True, eq=False)
class Schedule:
    """`alpha_bar` (N,), float64 on the CPU, falling: the share of signal power left at step t = 0 .. N - 1."""

    alpha_bar: Tensor

    @classmethod
    def scaled_linear(cls, steps: int = 1000, beta_start: float = 0.0015, beta_end: float = 0.0195) -> Schedule:
        """Betas whose square roots are evenly spaced (LDM calls this "linear"; AudioLDM's numbers are the defaults)."""
        root = torch.linspace(math.sqrt(beta_start), math.sqrt(beta_end), steps, dtype=torch.float64)
        return cls(torch.cumprod(1.0 - root.square(), dim=0))

    @classmethod
    def from_config(cls, config) -> Schedule:
        """From `config.DiffusionConfig`; an unknown kind of schedule raises OptionError."""
        if config.schedule != "scaled_linear":
            raise OptionError(unknown("schedule", config.schedule, ["scaled_linear"]))
        return cls.scaled_linear(config.steps, config.beta_start, config.beta_end)

    def __len__(self) -> int:
        return len(self.alpha_bar)

    @cached_property
    def sigmas(self) -> Tensor:
        """(N,) sigma of every training step, rising: 0.039 .. 83.8 for the defaults."""
        return ((1.0 - self.alpha_bar) / self.alpha_bar).sqrt()

    @cached_property
    def log_sigmas(self) -> Tensor:
        return self.sigmas.log()

    def at(self, t: Tensor, *, like: Tensor) -> Tensor:
        """alpha_bar of integer steps `t` (B,), shaped (B, 1, ..) to multiply `like` (B, ..), in its dtype, device."""
        picked = self.alpha_bar.to(device=t.device, dtype=torch.float32 if t.device.type == "mps" else None)[t.long()]
        return picked.to(like).reshape(-1, *[1] * (like.ndim - 1))

    def t_to_sigma(self, t: Tensor | float) -> Tensor:
        """sigma at continuous step `t`: log sigma is interpolated between neighbours, ends are held."""
        t = torch.as_tensor(t, dtype=torch.float64).clamp(0, len(self) - 1)
        low = t.floor().long().clamp(max=max(0, len(self) - 2))
        high = (low + 1).clamp(max=len(self) - 1)
        return torch.lerp(self.log_sigmas[low], self.log_sigmas[high], t - low).exp()

    def sigma_to_t(self, sigma: Tensor | float) -> Tensor:
        """Inverse of `t_to_sigma`: the continuous step (float64, CPU) whose noise level is `sigma`; ends are held."""
        log_sigmas = self.log_sigmas
        log_sigma = torch.as_tensor(sigma, dtype=torch.float64).cpu().clamp(min=1e-30).log()
        low = (torch.searchsorted(log_sigmas, log_sigma.reshape(-1), right=True) - 1).clamp(0, len(self) - 2)
        low = low.reshape(log_sigma.shape)
        part = (log_sigma - log_sigmas[low]) / (log_sigmas[low + 1] - log_sigmas[low])
        return low + part.clamp(0.0, 1.0)


# --- step grids: steps -> falling sigmas (S + 1,); the last one is where the sampler stops --------------------------


def check_steps(schedule: Schedule, steps: int) -> int:
    """`steps` itself if it is a whole number from 1 to the number of training steps, else OptionError."""
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= len(schedule):
        raise OptionError(f"steps: got {steps!r}, expected a whole number from 1 to {len(schedule)}")
    return steps


def leading_grid(schedule: Schedule, steps: int) -> Tensor:
    """AudioLDM's DDIM grid: t = floor(i N / S) + 1, stopping at sigma of t = 0 (not at 0).

    Equal to AudioLDM and to diffusers ("leading", steps_offset 1, set_alpha_to_one False) where S < N divides N. Where
    it does not, AudioLDM takes more steps than asked and diffusers leaves out the noisiest levels; here the S steps are
    spread over all of them. S = N has no room for the offset: it visits every t from N - 1 to 0 and stops at sigma = 0,
    which is DDPM's own chain.
    """
    check_steps(schedule, steps)
    n = len(schedule)
    offset = 1 if steps < n else 0
    t = torch.tensor([i * n // steps + offset for i in reversed(range(steps))])
    end = schedule.sigmas[:1] if offset else torch.zeros(1, dtype=torch.float64)
    return torch.cat([schedule.sigmas[t], end])


def trailing_grid(schedule: Schedule, steps: int) -> Tensor:
    """t = round(N - i N / S) - 1: starts at the noisiest step whatever S is (Lin et al. 2023, table 2), stops at 0."""
    check_steps(schedule, steps)
    n = len(schedule)
    t = torch.tensor([math.floor(n - i * n / steps + 0.5) - 1 for i in range(steps)])
    return torch.cat([schedule.sigmas[t], torch.zeros(1, dtype=torch.float64)])


def karras_grid(schedule: Schedule, steps: int, *, rho: float = 7.0) -> Tensor:
    """sigma^(1/rho) evenly spaced over the trained levels, noisiest first, then 0 (Karras et al. 2022, eq. 5)."""
    check_steps(schedule, steps)
    high, low = schedule.sigmas[-1] ** (1 / rho), schedule.sigmas[0] ** (1 / rho)
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    return torch.cat([(high + ramp * (low - high)) ** rho, torch.zeros(1, dtype=torch.float64)])


def exponential_grid(schedule: Schedule, steps: int) -> Tensor:
    """log sigma evenly spaced (constant step in log-SNR) from the noisiest to the cleanest trained level, then 0."""
    check_steps(schedule, steps)
    high, low = schedule.sigmas[-1].log(), schedule.sigmas[0].log()
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    return torch.cat([(high + ramp * (low - high)).exp(), torch.zeros(1, dtype=torch.float64)])


GRIDS: dict[str, Callable[[Schedule, int], Tensor]] = {
    "leading": leading_grid,
    "trailing": trailing_grid,
    "karras": karras_grid,
    "exponential": exponential_grid,
}


def grid(schedule: Schedule, steps: int, kind: str = "leading") -> Tensor:
    """Falling sigmas (steps + 1,) of the grid called `kind`; an unknown name raises OptionError with the nearest."""
    if kind not in GRIDS:
        raise OptionError(unknown("step grid", kind, GRIDS))
    return GRIDS[kind](schedule, steps)
