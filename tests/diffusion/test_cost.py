"""Network passes are counted by walking, so that every exception of every sampler is in the number."""

import pytest

from ldm_lab.diffusion.cost import network_passes
from ldm_lab.diffusion.samplers import SAMPLERS
from ldm_lab.diffusion.schedule import Schedule, grid
from ldm_lab.errors import OptionError

SCHEDULE = Schedule.scaled_linear()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_passes_are_steps_times_what_a_step_asks(sampler):
    steps = 10 * SAMPLERS[sampler].passes - (sampler == "heun")  # its last step goes to sigma 0 in one pass
    assert network_passes(SCHEDULE, sampler, 10) == steps
    assert network_passes(SCHEDULE, sampler, 10, guidance=3.0) == 2 * steps
    assert network_passes(SCHEDULE, sampler, 10, guidance=0.0) == steps


def test_grids_and_guidance_ranges_count():
    assert network_passes(SCHEDULE, "heun", 10, kind="leading") == 20  # that grid stops above sigma 0
    sigmas = grid(SCHEDULE, 10, "exponential")[:-1]
    inside = int(((sigmas > 0.5) & (sigmas <= 5.0)).sum())
    assert 0 < inside < 10
    assert network_passes(SCHEDULE, "unipc", 10, guidance=3.0, interval=(0.5, 5.0)) == 10 + inside


def test_unknown_names_are_refused():
    with pytest.raises(OptionError, match="did you mean 'heun'"):
        network_passes(SCHEDULE, "huen", 3)
