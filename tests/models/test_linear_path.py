"""The linear path starts as PCA: its error is the variance of the components it leaves out, and no linear code does better."""

import torch

from ldm_lab.config import AutoencoderConfig
from ldm_lab.models.autoencoder import Autoencoder

CONFIG = AutoencoderConfig(widths=(8, 16), blocks=1, latent_channels=6, patch=2, groups=4, linear_path=True,
                           mel_mean=-5.0, mel_std=2.0)


def mels():
    """Correlated 'mels' with a flat mean, so that patches have a few strong components and a tail."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(16, 16, generator=generator) * torch.logspace(0, -2, 16)
    patches = torch.randn(40, 4, 4, 16, generator=generator) @ mix.T  # (B, T/4, M/4, 16)
    return patches.reshape(40, 4, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(40, 16, 16) * 2 - 5


def test_error_is_the_variance_left_out():
    mel = mels()
    model = Autoencoder(CONFIG)
    model.start_from_pca(mel, logvar=-7.0)
    posterior = model.encode(mel)
    error = (model.decode(posterior.mean) - mel) / CONFIG.mel_std
    x = (mel + 5) / 2
    patches = x.unfold(1, 4, 4).unfold(2, 4, 4).flatten(3).flatten(0, 2)
    variance = torch.linalg.eigvalsh(torch.cov(patches.T, correction=0)).flip(0)
    torch.testing.assert_close(error.square().mean() * 16, variance[6:].sum(), rtol=0.02, atol=0)
    assert torch.allclose(posterior.logvar, torch.tensor(-7.0))


def test_components_are_half_whitened():
    mel = mels()
    model = Autoencoder(CONFIG)
    model.start_from_pca(mel)
    x = (mel + 5) / 2
    patches = x.unfold(1, 4, 4).unfold(2, 4, 4).flatten(3).flatten(0, 2)
    variance = torch.linalg.eigvalsh(torch.cov(patches.T, correction=0)).flip(0)[:6]
    z = model.encode(mel).mean.transpose(0, 1).flatten(1)
    torch.testing.assert_close(z.std(1, correction=0), variance.sqrt().sqrt(), rtol=1e-3, atol=1e-4)
    off = torch.cov(z) - torch.diag(torch.cov(z).diag())
    assert off.abs().max() < 1e-3 * torch.cov(z).diag().max()


def test_the_network_can_still_learn():
    mel = mels()
    model = Autoencoder(CONFIG)
    model.start_from_pca(mel)
    before = (model.decode(model.encode(mel).mean) - mel).abs().mean()
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(30):
        optimiser.zero_grad()
        (model.decode(model.encode(mel).mean) - mel).abs().mean().backward()
        optimiser.step()
    assert (model.decode(model.encode(mel).mean) - mel).abs().mean() < 0.97 * before


def test_without_it_the_weights_are_the_published_ones():
    names = set(Autoencoder(AutoencoderConfig(widths=(8, 16), blocks=1, latent_channels=6, groups=4)).state_dict())
    assert not any("linear" in name for name in names)
