"""The three predictions are one denoiser; guidance is linear in it."""

import itertools
import math

import pytest
import torch

from ldm_lab.diffusion.denoiser import Denoiser, coefficients, noise_to_x, x_to_z
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.samplers import sample_ddim
from ldm_lab.diffusion.schedule import Schedule
from ldm_lab.errors import OptionError

SCHEDULE = Schedule.scaled_linear()


def perfect(z, noise, prediction):
    """A network that knows the answer, for the x of training at alpha_bar = 1 / (1 + sigma^2)."""

    def network(x, t, emb):
        a = SCHEDULE.at(t.round().long(), like=x)
        return {"eps": noise, "x0": z, "v": a.sqrt() * noise - (1 - a).sqrt() * z}[prediction]

    return network


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_a_perfect_network_gives_back_z(prediction):
    generator = torch.Generator().manual_seed(0)
    z, noise = torch.randn(2, 5, 4, 8, 2, generator=generator, dtype=torch.float64)
    t = torch.tensor([0, 1, 400, 998, 999])
    sigma = SCHEDULE.sigmas[t]
    x = z + sigma.reshape(-1, 1, 1, 1) * noise
    x0_hat = Denoiser(perfect(z, noise, prediction), SCHEDULE, prediction)(x, sigma, torch.zeros(5, 3))
    assert (x0_hat - z).abs().max() < 1e-11


def test_the_network_sees_the_x_and_t_of_training():
    seen = {}

    def network(x, t, emb):
        seen.update(x=x, t=t, emb=emb)
        return x

    z, noise = torch.randn(2, 3, 4, 8, 2, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([1, 500, 999])
    a = SCHEDULE.at(t, like=z)
    Denoiser(network, SCHEDULE)(z + ((1 - a) / a).sqrt() * noise, SCHEDULE.sigmas[t], torch.zeros(3, 2))
    assert torch.allclose(seen["x"], a.sqrt() * z + (1 - a).sqrt() * noise, atol=1e-5)
    assert seen["t"].tolist() == [1.0, 500.0, 999.0]
    assert seen["t"].dtype == torch.float32


def test_network_precision_is_not_the_precision_of_x():
    seen = []
    denoiser = Denoiser(lambda x, t, emb: seen.append((x.dtype, emb.dtype)) or x, SCHEDULE, dtype=torch.bfloat16)
    out = denoiser(torch.ones(1, 2), torch.ones(1), torch.ones(1, 2))
    assert seen == [(torch.bfloat16, torch.bfloat16)]
    assert out.dtype == torch.float32


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_c_in_normalises_and_coefficients_agree_with_edm(prediction):
    sigma = torch.tensor([0.0, 0.5, 80.0], dtype=torch.float64)
    c_in, c_skip, c_out = coefficients(sigma, prediction)
    assert torch.allclose(c_in.square() * (1 + sigma.square()), torch.ones(3).double())
    if prediction == "v":  # EDM's c_skip and c_out with sigma_data = 1, up to the sign of its target
        assert torch.allclose(c_skip, 1 / (1 + sigma**2))
        assert torch.allclose(c_out, -sigma / (1 + sigma**2).sqrt())


def test_start_and_end_scalings_are_inverse():
    noise = torch.randn(2, 3, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(x_to_z(noise_to_x(noise, 83.8), 83.8), noise)
    assert x_to_z(noise, 0.0).equal(noise)


def test_unknown_prediction():
    with pytest.raises(OptionError, match="did you mean 'eps'"):
        Denoiser(lambda x, t, emb: x, SCHEDULE, "epsilon")


# --- guidance -------------------------------------------------------------------------------------------------------


def by_condition(calls=None):
    """A denoiser whose answer is the condition itself, so that guidance can be read off."""

    def denoiser(x, sigma, emb):
        if calls is not None:
            calls.append(len(x))
        return emb + 0 * x

    return denoiser


COND, UNCOND = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([[0.5, 0.5]])


@pytest.mark.parametrize(("scale", "batch"), [(0.0, 2), (0.5, 4), (1.0, 2), (3.0, 4)])
def test_formula_and_number_of_passes(scale, batch):
    calls = []
    out = guide(by_condition(calls), COND, UNCOND, scale=scale)(torch.zeros(2, 2), torch.ones(2))
    assert torch.allclose(out, UNCOND + scale * (COND - UNCOND))
    assert calls == [batch]


def test_guiding_x0_is_guiding_eps():
    def network(x, t, emb):
        return torch.tanh(x + emb)

    x, sigma = torch.randn(2, 2, generator=torch.Generator().manual_seed(3)).double(), torch.tensor([3.0, 0.2]).double()
    denoiser = Denoiser(network, SCHEDULE)
    out = guide(denoiser, COND.double(), UNCOND.double(), scale=2.5)(x, sigma)
    scaled = x / (1 + sigma[:, None] ** 2).sqrt()
    e_u, e_c = network(scaled, 0, UNCOND.double()), network(scaled, 0, COND.double())
    assert torch.allclose(out, x - sigma[:, None] * (e_u + 2.5 * (e_c - e_u)), atol=1e-12)


def test_negative_prompt_per_item():
    negative = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    out = guide(by_condition(), COND, negative, scale=2.0)(torch.zeros(2, 2), torch.ones(2))
    assert torch.allclose(out, 2 * COND - negative)


def test_interval_is_plain_outside():
    calls = []
    denoise = guide(by_condition(calls), COND, UNCOND, scale=3.0, interval=(0.3, 5.0))
    for sigma, plain in [(80.0, True), (5.0, False), (1.0, False), (0.3, True), (0.1, True)]:
        out = denoise(torch.zeros(2, 2), torch.full((2,), sigma, dtype=torch.float64))
        assert torch.allclose(out, COND) == plain
    assert calls == [2, 4, 4, 2, 2]


def test_rescale_restores_the_spread():
    cond, guided = COND, UNCOND + 4 * (COND - UNCOND)
    full = guide(by_condition(), COND, UNCOND, scale=4.0, rescale=1.0)(torch.zeros(2, 2), torch.ones(2))
    assert torch.allclose(full.std(1), cond.std(1), atol=1e-6)
    half = guide(by_condition(), COND, UNCOND, scale=4.0, rescale=0.5)(torch.zeros(2, 2), torch.ones(2))
    assert torch.allclose(half, (full + guided) / 2, atol=1e-6)


def test_rescale_leaves_the_plain_condition_alone_and_survives_silence():
    outside = guide(by_condition(), COND, UNCOND, scale=4.0, rescale=1.0, interval=(0.3, 5.0))
    assert torch.equal(outside(torch.zeros(2, 2), torch.full((2,), 80.0)), COND)
    flat = torch.full((2, 2), 0.5)  # an estimate without spread: nothing to divide by
    out = guide(by_condition(), flat, UNCOND, scale=4.0, rescale=1.0)(torch.zeros(2, 2), torch.ones(2))
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("interval", [None, (0.5, 10.0), (2.0, 100.0)])
def test_guidance_of_a_gaussian_ends_where_the_closed_form_says(interval):
    """Prompts that mean N(m, s^2), denoisers known: guidance moves m to u + scale (c - u), inside the interval only.

    While m stays, (x - m) / sqrt(s^2 + sigma^2) stays along the trajectory (its ODE is linear).
    """
    spread, cond, uncond, scale, levels = 0.5, 1.0, -0.5, 3.0, [80.0, 10.0, 2.0, 0.5, 0.02]

    def denoiser(x, sigma, emb):
        return emb + (spread**2 / (spread**2 + sigma[:, None] ** 2)) * (x - emb)

    x = torch.tensor([[40.0], [-100.0]], dtype=torch.float64)
    fine = torch.linspace(0, 1, 501, dtype=torch.float64)[:-1]  # its first point is the level itself, to the last digit
    pieces = [a * (b / a) ** fine for a, b in itertools.pairwise(levels)]
    exact, sigmas = x, torch.cat([*pieces, torch.tensor(levels[-1:], dtype=torch.float64)])
    for a, b in itertools.pairwise(levels):
        inside = interval is None or interval[0] < a <= interval[1]
        mean = uncond + scale * (cond - uncond) if inside else cond
        exact = mean + (exact - mean) * math.sqrt((spread**2 + b**2) / (spread**2 + a**2))
    emb, empty = (torch.full((2, 1), value, dtype=torch.float64) for value in (cond, uncond))
    out = sample_ddim(guide(denoiser, emb, empty, scale=scale, interval=interval), x, sigmas)
    assert (out - exact).abs().max() < 0.01


@pytest.mark.parametrize("options", [{"scale": -1.0}, {"scale": float("nan")}, {"scale": float("inf")},
                                     {"scale": 2.0, "rescale": 1.5}, {"scale": 2.0, "interval": (3.0, 1.0)}])
def test_options_out_of_range(options):
    with pytest.raises(OptionError, match="expected"):
        guide(by_condition(), COND, UNCOND, **options)
