"""The autoencoder and the UNet equal diffusers' classes with the same random weights, and have the published sizes."""

import dataclasses
import re

import pytest
import torch

from ldm_lab.config import AUTOENCODERS, PRESETS, AutoencoderConfig, UNetConfig
from ldm_lab.models.autoencoder import Autoencoder
from ldm_lab.models.unet import UNet


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name, size", [("audioldm-s", 185_036_552), ("audioldm-m", 415_954_568),
                                        ("audioldm-l", 739_139_080)])
def test_published_unet_sizes(name, size):
    with torch.device("meta"):
        assert count(UNet(PRESETS[name].unet)) == size


def test_published_autoencoder_size_and_ratios():
    with torch.device("meta"):
        assert count(Autoencoder(AUTOENCODERS["r4"])) == 55_376_873
    assert {name: config.ratio for name, config in AUTOENCODERS.items()} == {"r4": 4, "r8": 8, "r16": 16}


UNET_NAMES = [  # ours -> diffusers, in order
    (r"^time_in\.", "time_embedding.linear_1."), (r"^time_out\.", "time_embedding.linear_2."),
    (r"^film\.", "class_embedding."), (r"^norm_out\.", "conv_norm_out."),
    (r"^mid_in\.", "mid_block.resnets.0."), (r"^mid_out\.", "mid_block.resnets.1."),
    (r"^mid_attention\.", "mid_block.attentions.0."),
    (r"^down\.(\d)\.resample\.", r"down_blocks.\1.downsamplers.0."), (r"^down\.", "down_blocks."),
    (r"^up\.(\d)\.resample\.", r"up_blocks.\1.upsamplers.0."), (r"^up\.", "up_blocks."),
    (r"(resnets\.\d)\.emb\.", r"\1.time_emb_proj."), (r"\.skip\.", ".conv_shortcut."),
    (r"\.norms\.0\.", ".transformer_blocks.0.norm1."), (r"\.norms\.1\.", ".transformer_blocks.0.norm2."),
    (r"(attentions\.\d)\.attentions\.0\.", r"\1.transformer_blocks.0.attn1."),
    (r"(attentions\.\d)\.attentions\.1\.", r"\1.transformer_blocks.0.attn2."),
    (r"\.to_out\.", ".to_out.0."), (r"\.norm_ff\.", ".transformer_blocks.0.norm3."),
    (r"\.ff_in\.", ".transformer_blocks.0.ff.net.0.proj."), (r"\.ff_out\.", ".transformer_blocks.0.ff.net.2."),
]
VAE_NAMES = [
    (r"encoder\.levels\.(\d)\.resample\.", r"encoder.down_blocks.\1.downsamplers.0."),
    (r"decoder\.levels\.(\d)\.resample\.", r"decoder.up_blocks.\1.upsamplers.0."),
    (r"encoder\.levels\.", "encoder.down_blocks."), (r"decoder\.levels\.", "decoder.up_blocks."),
    (r"\.mid\.attention\.norm\.", ".mid_block.attentions.0.group_norm."),
    (r"\.mid\.attention\.attention\.to_out\.", ".mid_block.attentions.0.to_out.0."),
    (r"\.mid\.attention\.attention\.", ".mid_block.attentions.0."), (r"\.mid\.", ".mid_block."),
    (r"coder\.norm_out\.", "coder.conv_norm_out."), (r"\.skip\.", ".conv_shortcut."),
]


def copy_into(ours, theirs, names):
    """Random weights in `ours`, copied into the reference through the name table; every tensor must find its place."""
    generator = torch.Generator().manual_seed(0)
    for p in ours.parameters():
        p.data = torch.randn(p.shape, generator=generator) * 0.05
    renamed = {}
    for key, value in ours.state_dict().items():
        for pattern, replacement in names:
            key = re.sub(pattern, replacement, key)
        renamed[key] = value
    theirs.load_state_dict(renamed, strict=True)


def relative_error(a, b):
    return ((a - b).norm() / b.norm()).item()


@torch.no_grad()
def test_unet_equals_diffusers():
    from diffusers import UNet2DConditionModel

    config = UNetConfig(latent_channels=4, widths=(32, 64, 96), blocks=2, attention=(False, True, True),
                        head_channels=16, cond_dim=24, groups=8)
    theirs = UNet2DConditionModel(
        in_channels=4, out_channels=4, block_out_channels=config.widths, layers_per_block=2, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=list(config.widths), class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=24, class_embeddings_concat=True, attention_head_dim=(2, 4, 6),
    ).eval()
    ours = UNet(config).eval()
    copy_into(ours, theirs, UNET_NAMES)
    generator = torch.Generator().manual_seed(1)
    x, emb = torch.randn(2, 4, 16, 8, generator=generator), torch.randn(2, 24, generator=generator)
    t = torch.tensor([3, 981])
    want = theirs(x, t, encoder_hidden_states=None, class_labels=emb).sample
    assert relative_error(ours(x, t, emb), want) < 1e-5


@torch.no_grad()
def test_autoencoder_equals_diffusers():
    from diffusers import AutoencoderKL

    config = AutoencoderConfig(widths=(16, 32, 48), blocks=2, latent_channels=4, groups=8)
    theirs = AutoencoderKL(
        in_channels=1, out_channels=1, down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, block_out_channels=config.widths, layers_per_block=2,
        latent_channels=4, norm_num_groups=8,
    ).eval()
    ours = Autoencoder(config).eval()
    copy_into(ours, theirs, VAE_NAMES)
    mel = torch.randn(2, 32, 16, generator=torch.Generator().manual_seed(1))
    posterior, reference = ours.encode(mel), theirs.encode(mel[:, None]).latent_dist
    assert relative_error(posterior.mean, reference.mean) < 1e-5
    assert relative_error(posterior.logvar, reference.logvar) < 1e-5
    assert relative_error(ours.decode(posterior.mean), theirs.decode(reference.mean).sample[:, 0]) < 1e-5


def test_patch_keeps_the_shape_and_normalisation_is_undone():
    config = AutoencoderConfig(widths=(16, 32), blocks=1, latent_channels=4, patch=4, groups=8)
    mel = torch.randn(1, 32, 64, generator=torch.Generator().manual_seed(0))
    model = Autoencoder(config)
    z = model.encode(mel).mean
    assert z.shape == (1, 4, 32 // 8, 64 // 8) and model.decode(z).shape == mel.shape
    shifted = Autoencoder(dataclasses.replace(config, mel_mean=-5.0, mel_std=3.0))
    shifted.load_state_dict(model.state_dict(), strict=True)
    torch.testing.assert_close(shifted.encode(mel * 3 - 5).mean, z, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(shifted.decode(z), model.decode(z) * 3 - 5, rtol=1e-4, atol=1e-5)


def test_a_fresh_unet_says_nothing_and_hears_its_condition():
    model = UNet(PRESETS["tiny"].unet)
    x = torch.randn(1, 4, 8, 8)
    emb = torch.nn.functional.normalize(torch.randn(1, 32), dim=1)
    assert model(x, torch.tensor([5]), emb).abs().max() == 0  # the output layer starts at zero
    assert 0.5 < model.film(emb).std() < 2.0


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="multiples of 2"):
        UNet(PRESETS["tiny"].unet)(torch.zeros(1, 4, 7, 8), torch.zeros(1), torch.zeros(1, 32))
    with pytest.raises(ValueError, match="multiples of r = 8"):
        Autoencoder(PRESETS["tiny"].autoencoder).encode(torch.zeros(1, 12, 64))
