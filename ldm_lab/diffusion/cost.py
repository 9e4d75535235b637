"""What a sound costs: how often the network is asked on the way from noise to a latent, counted by walking it."""

from __future__ import annotations

import torch

from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.samplers import find_sampler
from ldm_lab.diffusion.schedule import Schedule, grid


def network_passes(schedule: Schedule, sampler: str, steps: int, *, kind: str | None = None, guidance: float = 1.0,
                   interval: tuple[float, float] | None = None) -> int:
    """Network passes for one sound: `steps` of `sampler` on the step grid `kind` (None: the sampler's own).

    Guidance other than 0 and 1 asks twice each time, in the sigma range `interval` if there is one; a two-pass sampler
    asks only once in a last step to sigma = 0. Raises OptionError for unknown names and numbers out of range.
    """
    asked = 0

    def network(x: torch.Tensor, sigma: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += len(x)
        return x

    one = torch.ones(1, 1, dtype=torch.float64)
    found = find_sampler(sampler)
    found.run(guide(network, one, one, scale=guidance, interval=interval), one,
              grid(schedule, steps, found.grid if kind is None else kind), eta=found.eta or 0.0, noise=lambda i: one)
    return asked
