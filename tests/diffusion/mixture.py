"""A Gaussian mixture whose perfect denoiser is known in closed form: the ruler for every sampler."""

import torch

MEANS = torch.tensor([[-1.0, 0.5], [1.2, -0.3], [0.1, 1.4]], dtype=torch.float64)
SPREADS = torch.tensor([0.25, 0.4, 0.3], dtype=torch.float64)
SHARES = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)


def denoise(x, sigma):
    """E[z | z + sigma noise = x] for z from the mixture. x (B, 2), sigma (B,)."""
    total = SPREADS**2 + sigma[:, None] ** 2  # (B, K): variance of component k after noising
    gap = x[:, None] - MEANS  # (B, K, 2)
    log_weight = SHARES.log() - gap.square().sum(-1) / (2 * total) - total.log()
    weight = log_weight.softmax(dim=1)  # (B, K)
    posterior = MEANS + (SPREADS**2 / total)[..., None] * gap  # (B, K, 2)
    return (weight[..., None] * posterior).sum(1)


def draw(count, generator):
    which = torch.multinomial(SHARES, count, replacement=True, generator=generator)
    noise = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return MEANS[which] + SPREADS[which, None] * noise


def moments(samples):
    """Mean, variance and third moment of each coordinate, and their product: (7,)."""
    centred = samples - samples.mean(0)
    return torch.cat([samples.mean(0), centred.square().mean(0), centred.pow(3).mean(0), centred.prod(1).mean()[None]])
