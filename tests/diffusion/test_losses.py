"""The loss against its formulas, and that nothing random hides in it."""

import pytest
import torch

from ldm_lab.diffusion.denoiser import Denoiser
from ldm_lab.diffusion.losses import diffusion_loss, min_snr_weight, noised, target
from ldm_lab.diffusion.schedule import Schedule
from ldm_lab.errors import OptionError

SCHEDULE = Schedule.scaled_linear()
T = torch.tensor([0, 10, 400, 800, 999])


def batch():
    z, noise = torch.randn(2, 5, 4, 8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return z, noise


def network(x, t, emb):
    return torch.tanh(x) + emb[:, :1, None, None]


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_loss_is_zero_for_the_target_and_one_number_an_item(prediction):
    z, noise = batch()
    goal = target(z, T, noise, SCHEDULE, prediction)
    assert diffusion_loss(lambda x, t, emb: goal, z, torch.zeros(5, 2), T, noise, SCHEDULE, prediction).eq(0).all()
    off = goal + torch.arange(5.0).reshape(5, 1, 1, 1)
    loss = diffusion_loss(lambda x, t, emb: off, z, torch.zeros(5, 2), T, noise, SCHEDULE, prediction)
    assert torch.allclose(loss, torch.arange(5.0) ** 2)


def test_noised_is_equation_4():
    z, noise = batch()
    for i, t in enumerate(T):
        a = SCHEDULE.alpha_bar[t]
        assert torch.allclose(noised(z, T, noise, SCHEDULE)[i], a.sqrt() * z[i] + (1 - a).sqrt() * noise[i])


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_min_snr_is_one_loss_for_every_prediction(prediction):
    """Weighted, each prediction's loss equals min(SNR, gamma) |z - x0_hat|^2 of its denoiser."""
    z, noise = batch()
    emb = torch.zeros(5, 2, dtype=torch.float64)
    loss = diffusion_loss(network, z, emb, T, noise, SCHEDULE, prediction, min_snr=5.0)
    sigma = SCHEDULE.sigmas[T]
    x0_hat = Denoiser(network, SCHEDULE, prediction)(z + sigma.reshape(-1, 1, 1, 1) * noise, sigma, emb)
    weight = (1 / sigma.square()).clamp(max=5.0)
    expected = weight * (z - x0_hat).square().flatten(1).mean(1)
    assert torch.allclose(loss.double(), expected, rtol=1e-3)


def test_min_snr_leaves_noisy_steps_alone():
    weight = min_snr_weight(T, SCHEDULE, 5.0)
    snr = SCHEDULE.alpha_bar[T] / (1 - SCHEDULE.alpha_bar[T])
    assert torch.allclose(weight, (5.0 / snr).clamp(max=1.0).float())
    with pytest.raises(OptionError, match="positive"):
        min_snr_weight(T, SCHEDULE, 0.0)


def test_same_arguments_same_loss_and_gradient_flows():
    z, noise = batch()
    scale = torch.ones(1, dtype=torch.float64, requires_grad=True)
    losses = [diffusion_loss(lambda x, t, emb: scale * x, z, torch.zeros(5, 2), T, noise, SCHEDULE) for _ in range(2)]
    assert torch.equal(losses[0], losses[1])
    losses[0].mean().backward()
    assert scale.grad.abs() > 0


def test_error_is_taken_in_float32():
    z, noise = (x.to(torch.bfloat16) for x in batch())
    loss = diffusion_loss(lambda x, t, emb: x, z, torch.zeros(5, 2), T, noise, SCHEDULE)
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss).all()
