"""Samplers against closed forms and against diffusers."""

import functools
import itertools
import math

import mixture
import pytest
import torch

from ldm_lab.diffusion.denoiser import Denoiser, noise_to_x, x_to_z
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.samplers import (
    SAMPLERS,
    find_sampler,
    sample_ddim,
    sample_ddpm,
    sample_dpmpp_2m,
    sample_dpmpp_2m_sde,
    sample_heun,
    sample_unipc,
)
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


KNOWN = torch.linspace(-1.2, 1.2, 64, dtype=torch.float64)[:, None]


def hold(x, sigma):
    """What inpainting does: the first coordinate is known, and follows its own straight path x = known + sigma noise."""
    noise = torch.randn(64, 1, generator=torch.Generator().manual_seed(11), dtype=torch.float64)
    return torch.cat([KNOWN + sigma[:, None] * noise, x[:, 1:]], dim=1)


@functools.cache
def mixture_path(sampler, steps, project=None):
    """Free coordinates (64, 1 or 2) of the mixture at sigma = 0.02: above 0 every step has the sampler's full order."""
    x = 80.0 * torch.randn(64, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    sigmas = torch.logspace(math.log10(80), math.log10(0.02), steps + 1, dtype=torch.float64)
    return sampler(mixture.denoise, x, sigmas, project=project)[:, 0 if project is None else 1 :]


def slope(sampler, counts, project=None):
    """Order of convergence on the mixture: minus the slope of log error over log steps."""
    exact = mixture_path(sample_unipc, 1000, project)  # were it to tend elsewhere, the others would show no order at all
    errors = torch.stack([(mixture_path(sampler, n, project) - exact).norm(dim=1).mean() for n in counts])
    logs = torch.tensor(counts, dtype=torch.float64).log()
    logs, errors = logs - logs.mean(), errors.log() - errors.log().mean()
    return -(logs * errors).sum().item() / logs.square().sum().item()


# UniPC's corrector adds an order to its predictor of order 2 (Zhao et al. 2023).
@pytest.mark.parametrize(("sampler", "order"), [(sample_ddim, 1), (sample_heun, 2), (sample_dpmpp_2m, 2), (sample_unipc, 3)])
@pytest.mark.parametrize("project", [None, hold])
def test_order_of_convergence(sampler, order, project):
    """Also while a projection holds one coordinate: neither history nor corrector may lose an order to it."""
    assert slope(sampler, [40, 80, 160, 320], project) == pytest.approx(order, abs=0.1)


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


def assert_ends_alike(sampler, theirs, steps, *, noise=None, **options):
    """Our `sampler` and their scheduler end in the same place, from the same start, network, sigmas and noise."""
    theirs.set_timesteps(steps)
    x, emb = start(torch.float32), torch.ones(4, 3)
    ours = sampler(bound(), noise_to_x(x, theirs.sigmas[0]), theirs.sigmas.double(), noise=noise, **options)
    for i, t in enumerate(theirs.timesteps):
        fresh = {} if noise is None else {"variance_noise": noise(i)}
        x = theirs.step(network(x, t.expand(4), emb), t, x, **fresh).prev_sample
    assert (ours - x).abs().max() < 5e-4 * x.abs().max()


@pytest.mark.parametrize("steps", [5, 14, 20, 50])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_dpmpp_2m_equals_diffusers(steps, spacing):
    """Same grid, same network: DPMSolverMultistep's midpoint form of order 2, ending at sigma = 0."""
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DPMSolverMultistepScheduler(
        **BETAS, algorithm_type="dpmsolver++", solver_type="midpoint", solver_order=2, timestep_spacing=spacing,
        final_sigmas_type="zero", lower_order_final=True, steps_offset=1,
    )
    assert_ends_alike(sample_dpmpp_2m, theirs, steps)


@pytest.mark.parametrize("steps", [1, 2, 5, 20])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_unipc_equals_diffusers(steps, spacing):
    """Same grid, same network: UniPCMultistep of order 2, B(h) = bh2, data prediction, ending at sigma = 0."""
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.UniPCMultistepScheduler(
        **BETAS, solver_order=2, solver_type="bh2", predict_x0=True, timestep_spacing=spacing, final_sigmas_type="zero",
        lower_order_final=True, steps_offset=1,
    )
    assert_ends_alike(sample_unipc, theirs, steps)


@pytest.mark.parametrize("steps", [2, 14, 20])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_dpmpp_2m_sde_equals_diffusers(steps, spacing):
    """Same grid, network and noise: their "sde-dpmsolver++" in midpoint form is eta = 1, the only one they have."""
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DPMSolverMultistepScheduler(
        **BETAS, algorithm_type="sde-dpmsolver++", solver_type="midpoint", solver_order=2, timestep_spacing=spacing,
        final_sigmas_type="zero", lower_order_final=True, steps_offset=1,
    )
    assert_ends_alike(sample_dpmpp_2m_sde, theirs, steps, eta=1.0, noise=lambda i: noises(12)(i).float())


def test_dpmpp_2m_sde_without_noise_is_dpmpp_2m():
    sigmas = grid(SCHEDULE, 15, "karras")
    x = noise_to_x(start(), sigmas[0])
    assert (sample_dpmpp_2m_sde(bound(), x, sigmas, eta=0.0) - sample_dpmpp_2m(bound(), x, sigmas)).abs().max() < 1e-12
    with pytest.raises(OptionError, match="give noise="):
        sample_dpmpp_2m_sde(bound(), x, sigmas, eta=0.5)


@pytest.mark.parametrize("steps", [1, 2])
def test_dpmpp_2m_sde_starts_as_ddpm(steps):
    """Its first step, of first order, is the ancestral one with the same noise; so is a last step to sigma = 0."""
    sigmas = grid(SCHEDULE, steps, "trailing")
    x = noise_to_x(start(), sigmas[0])
    one = sample_dpmpp_2m_sde(bound(), x, sigmas, eta=1.0, noise=noises(13))
    assert (one - sample_ddpm(bound(), x, sigmas, noise=noises(13))).abs().max() < 1e-12


def gaussian_end(sampler, eta, steps, mean=0.7, spread=0.5, last=0.01):
    """(mean, excess of variance, as a share) of x at `last` for the target N(mean, spread^2), exactly.

    The denoiser is linear, so the sampler is, and its end is the sum of what it makes of each unit noise alone: row k
    gets only the k-th; row 0, which gets none, is the mean. No Monte-Carlo error is in the way.
    """
    sigmas = torch.logspace(math.log10(80), math.log10(last), steps + 1, dtype=torch.float64)
    unit = torch.eye(steps + 2, dtype=torch.float64)[:, :, None]

    def denoise(x, sigma):
        return mean + (spread**2 / (spread**2 + sigma**2))[:, None] * (x - mean)

    start = mean + math.hypot(80, spread) * unit[1]
    out = sampler(denoise, start, sigmas, eta=eta, noise=lambda i: unit[i + 2]).squeeze(1)
    return out[0].item(), (out[1:] - out[0]).square().sum().item() / (spread**2 + last**2) - 1


@pytest.mark.parametrize(("sampler", "eta", "order"), [
    (sample_dpmpp_2m_sde, 0.3, 2), (sample_dpmpp_2m_sde, 1.0, 2), (sample_ddim, 0.5, 1), (sample_ddim, 1.0, 1), (sample_ddpm, 1.0, 1),
])
def test_random_samplers_reach_a_gaussian(sampler, eta, order):
    """The mean is right at once; the variance comes right at the sampler's (weak) order of convergence."""
    (mean, coarse), (_, fine) = gaussian_end(sampler, eta, 100), gaussian_end(sampler, eta, 400)
    assert mean == pytest.approx(0.7, abs=1e-9)
    assert abs(fine) < (0.03 if order == 1 else 5e-4)
    assert math.log(coarse / fine, 4) == pytest.approx(order, abs=0.1)


def test_sde_samples_have_mean_and_variance_of_the_mixture():
    """20,000 samples of the two-dimensional mixture with all of the noise, within 5 standard errors and 0.003 of bias."""
    generator, count = torch.Generator().manual_seed(14), 20000
    fresh = lambda i: torch.randn(count, 2, generator=generator, dtype=torch.float64)
    sigmas = torch.cat([torch.logspace(math.log10(80), -2, 100, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
    out = sample_dpmpp_2m_sde(mixture.denoise, sigmas[0] * fresh(0), sigmas, eta=1.0, noise=fresh)
    draws = torch.stack([mixture.moments(mixture.draw(count, generator)) for _ in range(20)])
    assert ((mixture.moments(out) - draws.mean(0)).abs() < 5 * draws.std(0) * math.sqrt(1.05) + 0.003).all()


def test_unipc_corrects_only_what_the_projection_left_alone():
    sigmas = torch.logspace(1.9, -1, 9, dtype=torch.float64)  # stops above 0, where the last estimate does not hide x
    x = noise_to_x(start(), sigmas[0])
    plain = sample_unipc(bound(), x, sigmas)
    assert torch.equal(sample_unipc(bound(), x, sigmas, project=lambda x, sigma: x), plain)
    assert (sample_dpmpp_2m(bound(), x, sigmas) - plain).abs().max() > 1e-4  # the corrector does something
    nudge = lambda x, sigma: x + 0.01 * sigma[:, None]  # changes everything: only the predictor is left
    nudged = sample_unipc(bound(), x, sigmas, project=nudge)
    assert (nudged - sample_dpmpp_2m(bound(), x, sigmas, project=nudge)).abs().max() < 1e-12


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
def test_project_is_applied_before_each_pass(name):
    """Holding one coordinate at a known clean value keeps it there, with every sampler and in all that the network sees."""
    sigmas = grid(SCHEDULE, 12, SAMPLERS[name].grid)
    levels, passes, denoise = [], [], bound()

    def project(x, sigma):
        levels.append(sigma[0].item())
        return torch.cat([torch.full_like(x[:, :1], 0.25), x[:, 1:]], dim=1)

    def watched(x, sigma):
        passes.append((sigma[0].item(), x[:, 0].unique().tolist()))
        return denoise(x, sigma)

    seen = []
    SAMPLERS[name].run(watched, noise_to_x(start(), sigmas[0]), sigmas, eta=0.0, noise=noises(10), project=project,
                       callback=lambda step: seen.append((step.sigma, step.x[:, 0].unique().tolist())))
    assert seen == [(sigma, [0.25]) for sigma in sigmas[:-1].tolist()]
    assert passes == [(level, [0.25]) for level in levels]
    assert levels[:: SAMPLERS[name].passes] == sigmas[:-1].tolist()


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
