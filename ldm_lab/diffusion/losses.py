"""The training loss as a pure function: every random number arrives as an argument."""

from __future__ import annotations

import torch
from torch import Tensor

from ldm_lab.diffusion.denoiser import Network, check_prediction
from ldm_lab.diffusion.schedule import Schedule
from ldm_lab.errors import OptionError


def noised(z: Tensor, t: Tensor, noise: Tensor, schedule: Schedule) -> Tensor:
    """sqrt(alpha_bar_t) z + sqrt(1 - alpha_bar_t) noise (Ho et al. 2020, eq. 4): what the network sees."""
    alpha_bar = schedule.at(t, like=z)
    return alpha_bar.sqrt() * z + (1.0 - alpha_bar).sqrt() * noise


def target(z: Tensor, t: Tensor, noise: Tensor, schedule: Schedule, prediction: str = "eps") -> Tensor:
    """What the network should answer: the noise, the clean z, or v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) z."""
    check_prediction(prediction)
    if prediction == "eps":
        return noise
    if prediction == "x0":
        return z
    alpha_bar = schedule.at(t, like=z)
    return alpha_bar.sqrt() * noise - (1.0 - alpha_bar).sqrt() * z


def min_snr_weight(t: Tensor, schedule: Schedule, gamma: float, prediction: str = "eps") -> Tensor:
    """(B,) weights that make every prediction's loss min(SNR, gamma) |z - x0_hat|^2 (Hang et al. 2023, section 3.4)."""
    if not gamma > 0:
        raise OptionError(f"min_snr: got {gamma!r}, expected a positive number (5 in the paper) or None")
    alpha_bar = schedule.at(t, like=torch.empty(len(t), device=t.device))
    snr = alpha_bar / (1.0 - alpha_bar)
    per_unit = {"eps": snr, "v": snr + 1.0, "x0": torch.ones_like(snr)}[check_prediction(prediction)]
    return snr.clamp(max=gamma) / per_unit


def diffusion_loss(network: Network, z: Tensor, emb: Tensor, t: Tensor, noise: Tensor, schedule: Schedule,
                   prediction: str = "eps", min_snr: float | None = None) -> Tensor:
    """Mean squared error of each item (B,) (AudioLDM, eq. 4), optionally with min-SNR weights.

    z (B, ..) clean scaled latent, emb (B, E), t (B,) integer steps 0 .. N - 1, noise like z. The error is taken in
    float32 whatever the network's precision; no condition is dropped here.
    """
    out = network(noised(z, t, noise, schedule), t, emb)
    error = out.float() - target(z, t, noise, schedule, prediction).float()
    loss = error.square().flatten(1).mean(1)
    return loss if min_snr is None else loss * min_snr_weight(t, schedule, min_snr, prediction)
