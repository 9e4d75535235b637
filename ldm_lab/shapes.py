"""Lengths and shapes: the only place where seconds become samples, mel frames and latent frames."""

from __future__ import annotations

import math

from ldm_lab.config import ModelConfig
from ldm_lab.errors import OptionError


def check_shape(x, spec: str, **sizes: int):
    """Return `x` after checking its shape against `spec`, one letter an axis: ``check_shape(mel, "b t m", m=64)``.

    A letter given as a keyword must have that size; a repeated letter must repeat its size.
    """
    names = spec.split()
    seen = dict(sizes)
    wrong = len(names) != x.ndim
    for name, size in zip(names, x.shape):
        wrong = wrong or seen.setdefault(name, size) != size
    if wrong:
        want = " ".join(f"{n}={sizes[n]}" if n in sizes else n for n in names)
        raise ValueError(f"got shape {tuple(x.shape)}, expected ({want})")
    return x


def seconds_to_samples(seconds: float, config: ModelConfig) -> int:
    """Samples of a clip of `seconds` (rounded to the nearest)."""
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not math.isfinite(seconds) or seconds <= 0:
        raise OptionError(f"seconds: got {seconds!r}, expected a positive number")
    return max(1, round(seconds * config.mel.sample_rate))


def frame_multiple(config: ModelConfig) -> int:
    """Mel frames must come in multiples of this for the autoencoder and the UNet."""
    return config.autoencoder.ratio * config.unet.ratio


def samples_to_frames(samples: int, config: ModelConfig) -> int:
    """Mel frames that cover `samples`, rounded up to what the networks can halve."""
    frames = math.ceil(samples / config.mel.hop_length)
    step = frame_multiple(config)
    return math.ceil(frames / step) * step


def latent_shape(frames: int, config: ModelConfig) -> tuple[int, int, int]:
    """(C, T/r, 64/r) of the latent of `frames` mel frames."""
    r = config.autoencoder.ratio
    if frames % r:
        raise OptionError(f"got {frames} mel frames, expected a multiple of r = {r}")
    return config.autoencoder.latent_channels, frames // r, config.mel.n_mels // r
