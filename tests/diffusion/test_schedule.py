"""Numbers of the forward process, and step grids at both ends of their range."""

import pytest
import torch

from ldm_lab.config import DiffusionConfig
from ldm_lab.diffusion.schedule import GRIDS, Schedule, grid
from ldm_lab.errors import OptionError


@pytest.fixture(scope="module")
def schedule():
    return Schedule.from_config(DiffusionConfig())


def test_alpha_bar_has_the_published_values(schedule):
    assert len(schedule) == 1000
    assert schedule.alpha_bar.dtype == torch.float64
    assert schedule.alpha_bar[0].item() == pytest.approx(0.9985, abs=1e-12)
    assert schedule.alpha_bar[1].item() == pytest.approx(0.996994, abs=5e-7)
    assert schedule.alpha_bar[999].item() == pytest.approx(1.42304e-4, rel=1e-5)


def test_alpha_bar_equals_diffusers(schedule):
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DDIMScheduler(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear").alphas_cumprod
    assert torch.allclose(schedule.alpha_bar.float(), theirs, rtol=2e-5)


def test_t_and_sigma_are_inverse_on_and_between_steps(schedule):
    t = torch.cat([torch.arange(1000, dtype=torch.float64), torch.rand(200, dtype=torch.float64) * 999])
    sigma = schedule.t_to_sigma(t)
    assert (sigma[:1000] - schedule.sigmas).abs().max() < 1e-12
    assert (schedule.sigma_to_t(sigma) - t).abs().max() < 1e-9
    assert schedule.sigma_to_t(0.0) == 0
    assert schedule.sigma_to_t(1e6) == 999
    assert schedule.sigma_to_t(torch.full((2, 3), 1.0)).shape == (2, 3)


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("steps", [1, 2, 7, 30, 200, 501, 999, 1000])
def test_grids_take_exactly_the_steps_asked_for(schedule, kind, steps):
    sigmas = grid(schedule, steps, kind)
    assert sigmas.shape == (steps + 1,)
    assert sigmas.dtype == torch.float64
    assert (sigmas[1:] < sigmas[:-1]).all(), "must fall strictly"
    assert sigmas[0] <= schedule.sigmas[-1] * (1 + 1e-12)
    assert sigmas[-1] >= 0
    if kind != "leading":
        assert sigmas[0].item() == pytest.approx(schedule.sigmas[-1].item())
        assert sigmas[-1] == 0


@pytest.mark.parametrize("steps", [1, 10, 25, 200, 500])
def test_leading_grid_is_audioldms(schedule, steps):
    """Timesteps range(0, 1000, 1000 // S) + 1, ending at alpha_bar_0, wherever S divides 1000."""
    t = list(range(0, 1000, 1000 // steps))[::-1]
    expected = torch.cat([schedule.sigmas[torch.tensor(t) + 1], schedule.sigmas[:1]])
    assert torch.equal(grid(schedule, steps, "leading"), expected)


def test_leading_grid_covers_the_noisy_end_where_steps_do_not_divide(schedule):
    for steps in (30, 300, 600, 999):
        top = schedule.sigma_to_t(grid(schedule, steps, "leading")[0])
        assert top > 1000 - 1000 / steps - 1


def test_trailing_grid_equals_diffusers(schedule):
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DDIMScheduler(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear",
                                     timestep_spacing="trailing")
    for steps in (1, 8, 20, 50):
        theirs.set_timesteps(steps)
        ours = schedule.sigma_to_t(grid(schedule, steps, "trailing")[:-1]).round().long()
        assert ours.tolist() == theirs.timesteps.tolist()


@pytest.mark.parametrize("steps", [0, -1, 1001, True, 2.0, "10", None])
def test_steps_out_of_range(schedule, steps):
    with pytest.raises(OptionError, match="whole number from 1 to 1000"):
        grid(schedule, steps)


def test_unknown_names_suggest_the_nearest(schedule):
    with pytest.raises(OptionError, match="did you mean 'karras'"):
        grid(schedule, 10, "karas")
    with pytest.raises(OptionError, match="schedule"):
        Schedule.from_config(DiffusionConfig(schedule="cosine"))


def test_at_gives_a_factor_for_each_item(schedule):
    z = torch.zeros(3, 4, 5, 6)
    picked = schedule.at(torch.tensor([0, 500, 999]), like=z)
    assert picked.shape == (3, 1, 1, 1)
    assert picked.dtype == z.dtype
    assert picked.flatten().tolist() == pytest.approx(schedule.alpha_bar[[0, 500, 999]].tolist())
