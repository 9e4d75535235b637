"""Windows cover everything smoothly, and joining them changes nothing where nothing should change."""

import pytest
import torch

from ldm_lab.diffusion.samplers import sample_ddim
from ldm_lab.diffusion.schedule import Schedule, grid
from ldm_lab.diffusion.windows import blend, chunked, fade, window_starts, windowed
from ldm_lab.errors import OptionError


@pytest.mark.parametrize("length", [1, 16, 17, 31, 64, 65, 100, 1000])
@pytest.mark.parametrize(("window", "overlap"), [(16, 4), (16, 8), (16, 15), (64, 1)])
def test_windows_cover_every_frame_and_overlap(length, window, overlap):
    starts = window_starts(length, window, overlap)
    assert starts[0] == 0
    assert all(b - a <= window - overlap for a, b in zip(starts, starts[1:]))
    weight = torch.zeros(max(length, window))
    for start in starts:
        weight[start : start + window] += fade(start, window, max(length, window), overlap)
    assert (weight[:length] > 0).all()
    if length > window:
        assert starts[-1] + window == length


def test_fade_has_flanks_only_where_a_neighbour_is():
    middle, first = fade(10, 16, 100, 8), fade(0, 16, 100, 8)
    assert middle[:2].eq(0).all()
    assert middle[6:10].eq(1).all()
    assert torch.equal(middle, middle.flip(0))
    assert first[:10].eq(1).all()
    assert torch.equal(first[8:], middle[8:])


def test_blending_equal_pieces_gives_them_back():
    whole = torch.randn(2, 3, 100, 4, generator=torch.Generator().manual_seed(0))
    starts = window_starts(100, 32, 8)
    pieces = [whole[:, :, s : s + 32] for s in starts]
    assert torch.allclose(blend(pieces, starts, 100, 8, axis=-2), whole, atol=1e-6)


def test_chunked_convolution_equals_the_whole():
    """A convolution that looks 3 frames to both sides, with an overlap of 16: a quarter of it is 4."""
    conv = torch.nn.Conv1d(5, 2, 7, padding=3)
    x = torch.randn(1, 333, 5, generator=torch.Generator().manual_seed(1))

    def function(x):  # (B, T, 5) -> (B, 2 T): two entries a frame
        return conv(x.transpose(1, 2)).transpose(1, 2).flatten(1)

    with torch.no_grad():
        whole = function(x)
        pieces = chunked(function, x, size=64, overlap=16, ratio=2)
    assert pieces.shape == whole.shape
    assert torch.allclose(pieces, whole, atol=1e-6)


def test_windowed_passes_short_x_unchanged_and_splits_long_x():
    calls = []

    def denoiser(x, sigma, emb):
        calls.append((x.shape[0], x.shape[-2]))
        return 0.5 * x + emb[:, :1, None, None] + sigma.to(x)[:, None, None, None]

    long = windowed(denoiser, window=16, overlap=4, batch=3)
    emb, sigma = torch.tensor([[1.0], [2.0]]), torch.tensor([0.1, 0.2])
    x = torch.randn(2, 3, 40, 4, generator=torch.Generator().manual_seed(2))
    out = long(x, sigma, emb)  # position by position, so windows must not be visible
    assert torch.allclose(out, 0.5 * x + emb[:, :, None, None] + sigma[:, None, None, None], atol=1e-6)
    assert calls == [(3, 16), (3, 16)]
    long(x[:, :, :16], sigma, emb)
    assert calls[-1] == (2, 16)


def local_gaussian(x, sigma, emb):
    """Perfect denoiser of unit Gaussian frames whose neighbours correlate; its mean drifts with the window it sees.

    Without a common x the drift would leave a step at every seam.
    """
    kernel = torch.tensor([[[0.25, 0.5, 0.25]]]).to(x)
    smooth = torch.nn.functional.conv1d(x.flatten(0, 1).transpose(1, 2).flatten(0, 1)[:, None], kernel, padding=1)
    smooth = smooth[:, 0].reshape(x.shape[0] * x.shape[1], x.shape[3], x.shape[2]).transpose(1, 2).reshape(x.shape)
    level = x.mean(dim=-2, keepdim=True)  # what the network infers of the whole from its window
    s = sigma.to(x)[:, None, None, None]
    return (smooth + 0.2 * level) / (1 + s**2)


def test_no_seam_in_a_long_sample():
    """The step between neighbouring frames is no larger at the borders of windows than elsewhere."""
    sigmas = grid(Schedule.scaled_linear(), 30, "karras")
    x = sigmas[0] * torch.randn(8, 4, 160, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    denoiser, emb = windowed(local_gaussian, window=32, overlap=8), torch.zeros(8, 1)
    out = sample_ddim(lambda x, sigma: denoiser(x, sigma, emb), x, sigmas)
    steps = out.diff(dim=-2).square().mean(dim=(0, 1, 3)).sqrt()  # (159,)
    starts = window_starts(160, 32, 8)[1:]
    seams = torch.tensor([s + offset for s in starts for offset in range(8)])
    rest = torch.ones(159, dtype=torch.bool)
    rest[seams] = False
    assert steps[seams].mean() < 1.1 * steps[rest].mean()


@pytest.mark.parametrize("overlap", [0, 16, -1])
def test_overlap_out_of_range(overlap):
    with pytest.raises(OptionError, match="less than a window"):
        window_starts(100, 16, overlap)
