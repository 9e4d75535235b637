"""The shape of every part as small frozen dataclasses, and one table of presets.

A configuration is plain values: equality, JSON and differences come for free, and a misspelt key fails at once.
Sizes of `audioldm-*` are those of the published checkpoints (Liu et al. 2023, arXiv 2301.12503); `lab` is the model this
project trains and ships; `tiny` has the same parts at toy widths for tests.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field
from math import prod

from ldm_lab.errors import ConfigError, OptionError, unknown


@dataclass(frozen=True)
class MelConfig:
    """Log-mel front end (AudioLDM's training front end: one frame per hop, centred half a hop late)."""

    sample_rate: int = 16000
    n_fft: int = 1024
    hop_length: int = 160
    n_mels: int = 64
    fmin: float = 0.0
    fmax: float = 8000.0
    floor: float = 1e-5  # magnitude below which the logarithm is clamped


@dataclass(frozen=True)
class AutoencoderConfig:
    """VAE on log-mel. Compression r = patch * 2 ** (len(widths) - 1), alike in time and frequency."""

    widths: tuple[int, ...] = (128, 256, 512)
    blocks: int = 2  # ResBlocks a level in the encoder; the decoder has one more
    latent_channels: int = 8
    patch: int = 1  # pixels folded into channels before the first level (1 = the paper)
    groups: int = 32
    mid_attention: bool = True
    linear_path: bool = False  # a linear r x r patch transform beside the network, PCA at the start (False = the paper)
    mel_mean: float = 0.0  # log-mel is fed as (mel - mean) / std; 0 and 1 = raw, as published
    mel_std: float = 1.0

    @property
    def ratio(self) -> int:
        """Mel frames per latent frame (the paper's r)."""
        return self.patch * 2 ** (len(self.widths) - 1)


@dataclass(frozen=True)
class VocoderConfig:
    """HiFi-GAN generator (Kong et al. 2020)."""

    n_mels: int = 64
    channels: int = 1024
    rates: tuple[int, ...] = (5, 4, 2, 2, 2)
    kernels: tuple[int, ...] = (16, 16, 8, 4, 4)
    resblock: str = "1"
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    istft_n_fft: int = 0  # 0 = plain HiFi-GAN; otherwise the last upsampling is an inverse STFT (iSTFTNet)
    draft_iterations: int = 0  # > 0: the inverse-STFT head corrects a rough Griffin-Lim sound instead of starting at nothing
    match_steps: int = 0  # > 0: the result's mel bands are scaled that many times to what the mel asked for

    @property
    def hop_length(self) -> int:
        return prod(self.rates) * (self.istft_n_fft // 4 if self.istft_n_fft else 1)


@dataclass(frozen=True)
class ClapConfig:
    """Two towers into one space. `lab` is our own small CLAP; `published` is HTSAT + RoBERTa (LAION-CLAP)."""

    kind: str = "lab"
    embed_dim: int = 512
    audio_widths: tuple[int, ...] = (64, 128, 256, 384)
    audio_patch: int = 4
    text_vocab: int = 30522
    text_token_dim: int = 112
    text_width: int = 256
    text_layers: int = 2
    text_heads: int = 4
    text_hidden: int = 768  # width of the MLPs inside the text tower
    text_out: int = 384
    max_tokens: int = 64


@dataclass(frozen=True)
class UNetConfig:
    """FiLM-conditioned UNet (paper section 3; widths = model channels times the channel multipliers)."""

    latent_channels: int = 8
    widths: tuple[int, ...] = (128, 256, 384, 640)
    blocks: int = 2
    attention: tuple[bool, ...] = (False, True, True, True)  # by level, finest first
    head_channels: int = 32
    cond_dim: int = 512
    groups: int = 32
    attentions: int = 2  # self-attentions a transformer block (the published model has two and no cross-attention)

    @property
    def ratio(self) -> int:
        """Latent sizes must be multiples of this: every level but the last halves them."""
        return 2 ** (len(self.widths) - 1)


@dataclass(frozen=True)
class DiffusionConfig:
    """Forward process and what the network predicts (paper section 3.2, appendix)."""

    steps: int = 1000
    beta_start: float = 0.0015
    beta_end: float = 0.0195
    schedule: str = "scaled_linear"
    prediction: str = "eps"


@dataclass(frozen=True)
class ModelConfig:
    """The whole stack. `scale_factor` is measured when diffusion training starts: 1 / std of the latents."""

    name: str = "audioldm-s"
    mel: MelConfig = field(default_factory=MelConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    clap: ClapConfig = field(default_factory=ClapConfig)
    unet: UNetConfig = field(default_factory=UNetConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    scale_factor: float = 1.0
    window_seconds: float = 10.24  # length seen in training; longer clips are sampled in overlapping windows
    default_steps: int = 200
    default_guidance: float = 2.5
    default_sampler: str = "ddim"

    def __post_init__(self) -> None:
        pairs = (
            ("unet.cond_dim", self.unet.cond_dim, "clap.embed_dim", self.clap.embed_dim),
            ("unet.latent_channels", self.unet.latent_channels, "autoencoder.latent_channels",
             self.autoencoder.latent_channels),
            ("vocoder.n_mels", self.vocoder.n_mels, "mel.n_mels", self.mel.n_mels),
            ("vocoder hop (product of rates)", self.vocoder.hop_length, "mel.hop_length", self.mel.hop_length),
        )
        for left, a, right, b in pairs:
            if a != b:
                raise ConfigError(f"{left} = {a} but {right} = {b}; the parts would not fit: make them equal")
        if self.mel.n_mels % (self.autoencoder.ratio * self.unet.ratio):
            raise ConfigError(
                f"{self.mel.n_mels} mel bins / r = {self.autoencoder.ratio} cannot be halved "
                f"{len(self.unet.widths) - 1} times by the UNet; use fewer levels or a smaller r"
            )


def to_dict(config: object) -> dict:
    """Plain JSON values of a configuration (tuples become lists)."""
    return dataclasses.asdict(config)


def from_dict(cls: type, values: dict, *, where: str = ""):
    """Build dataclass `cls` from plain values; an unknown key or a value of the wrong kind raises ConfigError."""
    if not isinstance(values, dict):
        raise ConfigError(f"{where or cls.__name__}: got {type(values).__name__}, expected a table of values")
    hints = typing.get_type_hints(cls)
    for key in values:
        if key not in hints:
            raise ConfigError(unknown(f"key in {where or cls.__name__}", key, hints))
    built = {key: _convert(value, hints[key], f"{where}.{key}" if where else key) for key, value in values.items()}
    return cls(**built)


def override(config, values: dict, *, where: str = ""):
    """A frozen configuration with some values exchanged, tables in tables; a key that it lacks raises ConfigError."""
    changed = {}
    for key, value in values.items():
        if key not in (names := [field.name for field in dataclasses.fields(config)]):
            raise ConfigError(unknown(f"key in {where or type(config).__name__}", key, names))
        inside, name = getattr(config, key), f"{where}.{key}" if where else key
        nested = dataclasses.is_dataclass(inside) and isinstance(value, dict)
        hint = typing.get_type_hints(type(config))[key]
        changed[key] = override(inside, value, where=name) if nested else _convert(value, hint, name)
    return dataclasses.replace(config, **changed)


def _convert(value, kind, where: str):
    if dataclasses.is_dataclass(kind):
        return from_dict(kind, value, where=where)
    origin = typing.get_origin(kind)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{where}: got {value!r}, expected a list")
        inner = typing.get_args(kind)[0]
        return tuple(_convert(item, inner, where) for item in value)
    if origin is not None:  # unions such as `float | None`
        options = typing.get_args(kind)
        if value is None and type(None) in options:
            return None
        return _convert(value, next(o for o in options if o is not type(None)), where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{where}: got {value!r} ({type(value).__name__}), expected {kind.__name__}")
    return value


def _published(name: str, width: int, head: int) -> ModelConfig:
    unet = UNetConfig(widths=(width, 2 * width, 3 * width, 5 * width), head_channels=head)
    return ModelConfig(name=name, clap=ClapConfig(kind="published"), unet=unet)


TINY = ModelConfig(
    name="tiny",
    autoencoder=AutoencoderConfig(widths=(16, 16, 32), blocks=1, latent_channels=4, patch=2, groups=8),
    vocoder=VocoderConfig(channels=32, resblock="2", resblock_kernels=(3,), resblock_dilations=((1, 3),)),
    clap=ClapConfig(embed_dim=32, audio_widths=(8, 16, 16, 32), text_vocab=1024, text_token_dim=16, text_width=32,
                    text_layers=1, text_heads=2, text_hidden=64, text_out=32, max_tokens=32),
    unet=UNetConfig(latent_channels=4, widths=(16, 32), blocks=1, attention=(False, True), head_channels=8,
                    cond_dim=32, groups=8, attentions=1),
    window_seconds=2.56, default_steps=10, default_guidance=3.0,
)

LAB = ModelConfig(
    name="lab",
    autoencoder=AutoencoderConfig(widths=(32, 64, 128), blocks=1, latent_channels=16, patch=2, groups=8,
                                  linear_path=True, mel_mean=-6.0, mel_std=3.0),
    vocoder=VocoderConfig(channels=256, rates=(2,), kernels=(4,), resblock_kernels=(3, 7),
                          resblock_dilations=((1, 3), (1, 3)), istft_n_fft=320, draft_iterations=4, match_steps=6),
    clap=ClapConfig(embed_dim=256),
    unet=UNetConfig(latent_channels=16, widths=(64, 128, 192), blocks=2, attention=(False, True, True),
                    head_channels=32, cond_dim=256, groups=16, attentions=1),
    diffusion=DiffusionConfig(prediction="v"),  # the paper predicts eps; v wastes less of a short training on high noise
    window_seconds=2.56, default_steps=25, default_guidance=3.0, default_sampler="unipc",  # assets/experiments: trajectories
)

#                          name          UNet width  head channels      UNet parameters
PRESETS: dict[str, ModelConfig] = {
    "tiny":       TINY,
    "lab":        LAB,
    "audioldm-s": _published("audioldm-s", 128, 32),                  # 185,036,552
    "audioldm-m": _published("audioldm-m", 192, 32),                  # 415,954,568
    "audioldm-l": _published("audioldm-l", 256, 64),                  # 739,139,080
}  # fmt: skip

# The paper's compression levels (section 5.3: r = 4 by default, 8 and 16 as ablations; latent channels grow with r).
AUTOENCODERS: dict[str, AutoencoderConfig] = {
    "r4":  AutoencoderConfig(widths=(128, 256, 512), latent_channels=8),
    "r8":  AutoencoderConfig(widths=(128, 256, 512, 512), latent_channels=16),
    "r16": AutoencoderConfig(widths=(128, 256, 512, 512, 512), latent_channels=32),
}  # fmt: skip


def preset(name: str) -> ModelConfig:
    """The configuration called `name`; an unknown name raises OptionError with the nearest one."""
    if name not in PRESETS:
        raise OptionError(unknown("preset", name, PRESETS))
    return PRESETS[name]
