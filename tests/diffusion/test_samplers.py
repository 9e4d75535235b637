"""Samplers against closed forms and against diffusers."""

import itertools
import math

import mixture
import pytest
import torch

from ldm_lab.diffusion.denoiser import Denoiser, noise_to_x, x_to_z
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.samplers import SAMPLERS, find_sampler, sample_ddim, sample_ddpm, sample_dpmpp_2m, sample_heun
from ldm_lab.diffusion.schedule import Schedule, grid
from ldm_lab.errors import OptionError

SCHEDULE = Schedule.scaled_linear()
BETAS = {"beta_start": 0.0015, "beta_end": 0.0195, "beta_schedule": "scaled_linear"}


def network(x, t, emb):
    """A smooth eps network with no symmetry to hide a mistake behind."""
    mix = torch.tensor([[0.6, -0.3, 0.2], [0.1, 0.5, -0.4], [-0.2, 0.3, 0.7]]).to(x)
    return torch.tanh(x @ mix + 0.3 * emb) + 0.2 * torch.sin(t.to(x) / 300)[:, None]


def bound(prediction="eps"):
    return guide(Denoiser(network, SCHEDULE, prediction), torch.ones(4, 3).double(), torch.zeros(1, 3), scale=1.0)


def start(dtype=torch.float64, seed=0):
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def noises(seed):
    return lambda i: torch.randn(4, 3, generator=torch.Generator().manual_seed(100 * seed + i), dtype=torch.float64)


def ddim_alpha_bar(x, sigmas, eta, noise):
    """DDIM as written in the paper and in AudioLDM: alpha-bar form (Song et al. 2021, eq. 12 and 16)."""
    emb = torch.ones(4, 3).double()
    alpha_bars = 1 / (1 + sigmas**2)
    for i, (a, a_prev) in enumerate(itertools.pairwise(alpha_bars)):
        t = SCHEDULE.sigma_to_t(sigmas[i].expand(4)).float()
        e = network(x, t, emb)
        x0 = (x - (1 - a).sqrt() * e) / a.sqrt()
        s = eta * ((1 - a_prev) / (1 - a) * (1 - a / a_prev)).sqrt()
        x = a_prev.sqrt() * x0 + (1 - a_prev - s**2).clamp(min=0).sqrt() * e + (s * noise(i) if s > 0 else 0)
    return x


@pytest.mark.parametrize("kind", ["leading", "trailing"])  # both end conventions: alpha_bar_0 and 1
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("steps", [1, 7, 30, 200])
def test_ddim_alpha_bar_form_equals_sigma_form(kind, eta, steps):
    sigmas = grid(SCHEDULE, steps, kind)
    x = sample_ddim(bound(), noise_to_x(start(), sigmas[0]), sigmas, eta=eta, noise=noises(1))
    expected = ddim_alpha_bar(start(), sigmas, eta, noises(1))
    assert (x_to_z(x, sigmas[-1]) - expected).abs().max() < 1e-13 * max(1, steps / 30)


@pytest.mark.parametrize("steps", [1, 7, 30])
@pytest.mark.parametrize("kind", ["leading", "karras"])
def test_ddim_without_noise_is_euler(steps, kind):
    sigmas = grid(SCHEDULE, steps, kind)
    x = euler = noise_to_x(start(), sigmas[0])
    for a, b in itertools.pairwise(sigmas):
        euler = euler + (b - a) * (euler - bound()(euler, a.expand(4))) / a
    assert (sample_ddim(bound(), x, sigmas) - euler).abs().max() < 1e-12


@pytest.mark.parametrize("steps", [7, 30, 1000])
def test_ddim_with_eta_1_is_ddpm(steps):
    sigmas = grid(SCHEDULE, steps, "leading")
    x = noise_to_x(start(), sigmas[0])
    one = sample_ddim(bound(), x, sigmas, eta=1.0, noise=noises(2))
    other = sample_ddpm(bound(), x, sigmas, noise=noises(2))
    assert (one - other).abs().max() < 1e-11
    assert (one - sample_ddpm(bound(), x, sigmas, noise=noises(3))).abs().max() > 1e-3


def test_ddpm_is_ho_et_al_equation_7():
    """1000 steps with the posterior written in betas and alpha_bars, as in the paper."""
    sigmas, x = grid(SCHEDULE, 1000, "leading"), start()
    out = x_to_z(sample_ddpm(bound(), noise_to_x(x, sigmas[0]), sigmas, noise=noises(4)), sigmas[-1])
    alpha_bar, emb = SCHEDULE.alpha_bar, torch.ones(4, 3).double()
    for i, t in enumerate(range(999, -1, -1)):
        a, a_prev = alpha_bar[t], alpha_bar[t - 1] if t else torch.tensor(1.0).double()
        beta = 1 - a / a_prev
        x0 = (x - (1 - a).sqrt() * network(x, torch.full((4,), float(t)), emb)) / a.sqrt()
        mean = (a_prev.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - a_prev) * x) / (1 - a)
        x = mean + (beta * (1 - a_prev) / (1 - a)).sqrt() * noises(4)(i)
    assert (out - x).abs().max() < 1e-9


def slope(sampler, counts):
    """Order of convergence on the mixture: minus the slope of log error over log steps."""
    x = 80.0 * torch.randn(64, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

    def run(function, steps):  # stops at 0.02, so that every step has the sampler's full order
        sigmas = torch.logspace(math.log10(80), math.log10(0.02), steps + 1, dtype=torch.float64)
        return function(mixture.denoise, x, sigmas)

    exact = run(sample_heun, 2000)
    errors = torch.stack([(run(sampler, n) - exact).norm(dim=1).mean() for n in counts])
    logs = torch.tensor(counts, dtype=torch.float64).log()
    logs, errors = logs - logs.mean(), errors.log() - errors.log().mean()
    return -(logs * errors).sum().item() / logs.square().sum().item()


@pytest.mark.parametrize(("sampler", "order"), [(sample_ddim, 1), (sample_heun, 2), (sample_dpmpp_2m, 2)])
def test_order_of_convergence(sampler, order):
    assert slope(sampler, [80, 160, 320]) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_have_the_moments_of_the_data(name):
    """10,000 samples against 10,000 draws; the bound is 5 standard errors, measured on other draws."""
    generator, count = torch.Generator().manual_seed(6), 10000
    sigmas = grid(SCHEDULE, 60, SAMPLERS[name].grid)
    sigmas = torch.cat([sigmas[sigmas > 0], torch.zeros(1, dtype=torch.float64)])
    x = sigmas[0] * torch.randn(count, 2, generator=generator, dtype=torch.float64)
    fresh = torch.Generator().manual_seed(7)
    out = SAMPLERS[name].run(mixture.denoise, x, sigmas, eta=0.0,
                             noise=lambda i: torch.randn(count, 2, generator=fresh, dtype=torch.float64))
    draws = torch.stack([mixture.moments(mixture.draw(count, generator)) for _ in range(20)])
    # 60 first-order steps leave a bias of their own (below 0.02 here); the second-order samplers have next to none.
    bias = 0.02 if SAMPLERS[name].run in (sample_ddpm, sample_ddim) else 0.003
    assert ((mixture.moments(out) - draws.mean(0)).abs() < 5 * draws.std(0) * math.sqrt(1.05) + bias).all()


@pytest.mark.parametrize("steps", [1, 10, 20, 100])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim_equals_diffusers(steps, eta):
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    theirs.set_timesteps(steps)
    x, emb = start(torch.float32), torch.ones(4, 3)
    sigmas = grid(SCHEDULE, steps, "leading")
    ours = x_to_z(sample_ddim(bound(), noise_to_x(x, sigmas[0]), sigmas, eta=eta, noise=lambda i: noises(8)(i).float()),
                  sigmas[-1])
    for i, t in enumerate(theirs.timesteps):
        x = theirs.step(network(x, t.expand(4), emb), t, x, eta=eta, variance_noise=noises(8)(i).float()).prev_sample
    assert ours.dtype == torch.float32
    assert (ours - x).abs().max() < 2e-4 * x.abs().max()


@pytest.mark.parametrize("steps", [5, 14, 20, 50])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_dpmpp_2m_equals_diffusers(steps, spacing):
    """Same grid, same network: DPMSolverMultistep's midpoint form of order 2, ending at sigma = 0."""
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DPMSolverMultistepScheduler(
        **BETAS, algorithm_type="dpmsolver++", solver_type="midpoint", solver_order=2, timestep_spacing=spacing,
        final_sigmas_type="zero", lower_order_final=True, steps_offset=1,
    )
    theirs.set_timesteps(steps)
    x, emb = start(torch.float32), torch.ones(4, 3)
    ours = sample_dpmpp_2m(bound(), noise_to_x(x, theirs.sigmas[0]), theirs.sigmas.double())
    for t in theirs.timesteps:
        x = theirs.step(network(x, t.expand(4), emb), t, x).prev_sample
    assert (ours - x).abs().max() < 5e-4 * x.abs().max()


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 7, 30, 999, 1000])
def test_every_sampler_at_every_step_count(name, steps):
    sampler, seen = SAMPLERS[name], []
    sigmas = grid(SCHEDULE, steps, sampler.grid)
    x = noise_to_x(start(), sigmas[0])
    out = sampler.run(bound(), x, sigmas, eta=0.0, noise=noises(9), callback=seen.append)
    assert out.shape == x.shape
    assert torch.isfinite(out).all()
    assert [s.index for s in seen] == list(range(steps))
    assert all(s.total == steps for s in seen)
    assert [s.sigma for s in seen] == sigmas[:-1].tolist()


@pytest.mark.parametrize("name", SAMPLERS)
def test_project_is_applied_before_each_step(name):
    """Holding one coordinate at a known clean value keeps it there, with every sampler."""
    sigmas = grid(SCHEDULE, 12, SAMPLERS[name].grid)
    levels = []

    def project(x, sigma):
        levels.append(sigma[0].item())
        return torch.cat([torch.full_like(x[:, :1], 0.25), x[:, 1:]], dim=1)

    seen = []
    SAMPLERS[name].run(bound(), noise_to_x(start(), sigmas[0]), sigmas, eta=0.0, noise=noises(10), project=project,
                       callback=lambda step: seen.append(step.x[:, 0].unique().tolist()))
    assert levels == sigmas[:-1].tolist()
    assert seen == [[0.25]] * 12


def test_batch_items_do_not_touch():
    sigmas = grid(SCHEDULE, 9, "karras")
    x = noise_to_x(start(), sigmas[0])
    whole = sample_dpmpp_2m(bound(), x, sigmas)
    for i in range(4):
        one = guide(Denoiser(network, SCHEDULE), torch.ones(1, 3).double(), torch.zeros(1, 3), scale=1.0)
        assert (sample_dpmpp_2m(one, x[i : i + 1], sigmas) - whole[i]).abs().max() < 1e-12


def test_errors_say_what_to_do():
    sigmas = grid(SCHEDULE, 3, "leading")
    with pytest.raises(OptionError, match="did you mean 'ddim'"):
        find_sampler("dimm")
    with pytest.raises(OptionError, match="give noise="):
        sample_ddim(bound(), start(), sigmas, eta=0.5)
    with pytest.raises(OptionError, match="falling"):
        sample_ddim(bound(), start(), sigmas.flip(0))
    with pytest.raises(OptionError, match="falling"):
        sample_heun(bound(), start(), sigmas[:1])
