"""Random numbers by name: the same key gives the same numbers, whatever else has been drawn.

A generator is made for each use from a hash of (seed, name, integers). Nothing random has to be saved with a training
run, and item i of a batch gets the same noise alone or in company.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rng:
    """A family of generators. ``Rng(0).at("noise", step)`` is a fresh `torch.Generator` on the CPU."""

    seed: int

    def key(self, name: str, *indices: int) -> int:
        """63-bit integer that names one stream (SHA-256 of seed, name and indices)."""
        text = repr((int(self.seed), name, *(int(i) for i in indices)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

    def at(self, name: str, *indices: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.key(name, *indices))

    def randn(self, shape, name: str, *indices: int, device="cpu", dtype=torch.float32) -> Tensor:
        """Standard normal numbers; drawn on the CPU, so that they are the same on every device."""
        return torch.randn(shape, generator=self.at(name, *indices), dtype=torch.float32).to(device=device, dtype=dtype)

    def numpy(self, name: str, *indices: int):
        """The same stream as a NumPy generator (for cropping, mixing and other data work)."""
        import numpy

        return numpy.random.default_rng(self.key(name, *indices))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """New modules inside the block get the same random weights each time; other random numbers are left alone.

    Modules draw from PyTorch's default generator: it is lent and put back.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
