"""Exponential moving average of weights: what is shipped, and what sounds better."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ema:
    """Shadow copies of the parameters of `modules`; decay min(decay, (1 + n) / (10 + n)) after n updates."""

    def __init__(self, modules: dict[str, nn.Module], decay: float) -> None:
        self.decay = decay
        self.shadow = {name: {k: v.detach().clone() for k, v in m.state_dict().items()} for name, m in modules.items()}

    @torch.no_grad()
    def update(self, modules: dict[str, nn.Module], updates: int) -> None:
        decay = min(self.decay, (1 + updates) / (10 + updates))
        for name, module in modules.items():
            shadow = self.shadow[name]
            floats = [(shadow[k], v) for k, v in module.state_dict().items() if v.is_floating_point()]
            torch._foreach_lerp_([a for a, _ in floats], [b.detach() for _, b in floats], 1.0 - decay)
            for key, value in module.state_dict().items():
                if not value.is_floating_point():
                    shadow[key].copy_(value)

    def copy_to(self, name: str, module: nn.Module) -> dict[str, Tensor]:
        """Put the averaged weights of part `name` into `module`; returns the weights it had, to put them back."""
        kept = {k: v.detach().clone() for k, v in module.state_dict().items()}
        module.load_state_dict(self.shadow[name], strict=True)
        return kept
