"""Lesson 12, the workbench: UNets of any width, latents of real sounds, an inaudible mark, and what licences say."""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor, nn

from ldm_lab.audio.io import load, save
from ldm_lab.config import PRESETS, UNetConfig
from ldm_lab.corpus import open_corpus
from ldm_lab.corpus.reader import Corpus
from ldm_lab.corpus.table import Clip
from ldm_lab.course.data import clips
from ldm_lab.diffusion.losses import diffusion_loss
from ldm_lab.evaluation.parts import batched
from ldm_lab.models.unet import UNet
from ldm_lab.rng import Rng, seeded
from ldm_lab.system import AudioLDM

# --- size ------------------------------------------------------------------------------------------------------------


def blueprint(config: UNetConfig) -> UNet:
    """A UNet without memory: shapes only, so that the largest is built at once on any machine."""
    with torch.device("meta"):
        return UNet(config)


def published(width: int) -> UNetConfig:
    """The published UNet at another width (S = 128, M = 192, L = 256)."""
    return dataclasses.replace(PRESETS["audioldm-s"].unet, widths=(width, 2 * width, 3 * width, 5 * width))


def small(width: int) -> UNetConfig:
    """The lab UNet at a small width, for trainings of seconds."""
    return dataclasses.replace(PRESETS["lab"].unet, widths=(width, 2 * width, 3 * width), groups=8, head_channels=8)


def fresh(config: UNetConfig, *, seed: int = 0) -> UNet:
    """A UNet with random weights, the same for the same seed."""
    with seeded(seed):
        return UNet(config)


# --- the small training ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Latents:
    """z (n, 16, 32, 8) scaled latents and emb (n, 256) CLAP embeddings of real sounds."""

    z: Tensor
    emb: Tensor

    def __len__(self) -> int:
        return len(self.z)


def latents(ldm: AudioLDM, count: int, split: str) -> Latents:
    """Of `count` clips of 2.56 s."""
    wav = clips(count, split=split).wav
    z = batched(lambda part: ldm.mel_to_latent(ldm.wav_to_mel(part)), wav, batch=16)
    return Latents(z, batched(ldm.clap.encode_audio, wav))


@torch.no_grad()
def held_out_loss(ldm: AudioLDM, unet: nn.Module, held: Latents) -> float:
    """Diffusion loss on sounds that were not trained on, always with the same noise and the same steps t."""
    t = torch.linspace(20, 980, len(held)).long()
    noise = Rng(0).randn(held.z.shape, "held out")
    return diffusion_loss(unet, held.z, held.emb, t, noise, ldm.schedule, "v").mean().item()


@torch.no_grad()
def anew(ldm: AudioLDM, wav: Tensor) -> Tensor:
    """wav (B, N) through mel, latent, mel and vocoder back to (B, N): what is left of a sound that a model makes again."""
    return ldm.mel_to_wav(ldm.latent_to_mel(ldm.mel_to_latent(ldm.wav_to_mel(wav))))[:, : wav.shape[1]]


# --- the mark --------------------------------------------------------------------------------------------------------

FFT, HOP = 512, 128


def spectrum(wav: Tensor) -> Tensor:
    """wav (N,) -> complex STFT (257, frames)."""
    return torch.stft(wav, FFT, HOP, window=torch.hann_window(FFT), return_complex=True)


def sound(cells: Tensor, length: int) -> Tensor:
    """Complex STFT (257, frames) -> wav (length,)."""
    return torch.istft(cells, FFT, HOP, window=torch.hann_window(FFT), length=length)


def secret(length: int, key: int) -> Tensor:
    """The noise (length,) that belongs to a key."""
    return Rng(key).randn((length,), "mark")


def white(wav: Tensor) -> Tensor:
    """The sound (N,) with every cell of its spectrogram equally strong: only the phases are left."""
    cells = spectrum(wav)
    return sound(cells / (cells.abs() + 1e-3), len(wav))


def through(wav: Tensor, ending: str) -> Tensor:
    """wav (N,) as it comes back from a file of this kind, such as ".mp3"."""
    with tempfile.TemporaryDirectory() as folder:
        return load(save(Path(folder) / f"sound{ending}", wav))[0, : len(wav)]


# --- who made it, and what may be done with it -----------------------------------------------------------------------


@functools.cache
def corpus() -> Corpus:
    """The corpus that comes with the library, opened once."""
    return open_corpus()


def licence_seconds() -> dict[str, float]:
    """{licence: seconds of sound} of the corpus, the largest first; a mix counts for each of its licences."""
    seconds: Counter[str] = Counter()
    for clip in corpus().clips:
        for licence in clip.licence.split(" AND "):
            seconds[licence] += clip.seconds
    return dict(seconds.most_common())


def attribution(clip: Clip) -> str:
    """Title, author, source, licence: what CC BY asks for, in one line."""
    return f'"{clip.caption}" ({clip.file}), {clip.copyright}, from {clip.package}, {clip.licence}'
