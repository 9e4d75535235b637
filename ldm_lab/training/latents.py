"""Latents and CLAP embeddings of many windows, computed once: diffusion training then never touches a waveform.

A window is a random crop of one clip, or a mixture of two (paper section 4.2: x = lambda x1 + (1 - lambda) x2 with
lambda ~ Beta(5, 5)). Its condition is the CLAP embedding of the sound itself, so a mixture needs no caption.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ldm_lab.audio.mel import MelFrontend
from ldm_lab.checkpoint.files import read_tensors, write_tensors
from ldm_lab.config import MelConfig
from ldm_lab.models.autoencoder import Autoencoder
from ldm_lab.rng import Rng
from ldm_lab.training.data import Sounds, Windows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Latents:
    """mean, logvar (N, C, T/r, M/r) half precision; emb (N, E); clip (N,) index of the (louder) source clip."""

    mean: Tensor
    logvar: Tensor
    emb: Tensor
    clip: Tensor

    def __len__(self) -> int:
        return len(self.mean)

    def z(self, index: Tensor, noise: Tensor) -> Tensor:
        """Samples of the posterior, unscaled; `noise` standard normal like the result."""
        mean, logvar = self.mean[index].float(), self.logvar[index].float()
        return mean + (0.5 * logvar).exp() * noise


def mix(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """share * first + (1 - share) * second after bringing both to the same loudness (root mean square)."""
    level = [max(float(np.sqrt(np.square(w).mean())), 1e-4) for w in (first, second)]
    mixed = share * first + (1 - share) * second * (level[0] / level[1])
    peak = float(np.abs(mixed).max())
    return (mixed / peak * 0.9 if peak > 0.9 else mixed).astype(np.float32)


def fingerprint(*parts: nn.Module | str | int | float) -> str:
    """Short hash of weights and settings: the name of a cache file."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, nn.Module):
            for name, tensor in sorted(part.state_dict().items()):
                digest.update(name.encode() + tensor.detach().cpu().float().numpy().tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:16]


def make_wav(windows: Windows, round_: int, entry: int, *, mixup: float) -> tuple[np.ndarray, int]:
    """Window number `entry` of round `round_`; with probability `mixup` mixed with another one. Returns (wav, clip)."""
    random = windows.rng.numpy("mixup", round_, entry)
    clip = int(windows.entries[entry])
    wav = windows.window(clip, round_, entry)
    if random.random() < mixup:
        other = int(windows.entries[random.integers(len(windows.entries))])
        wav = mix(wav, windows.window(other, round_, entry, 1), float(random.beta(5, 5)))
    return wav, clip


@torch.no_grad()
def encode_windows(windows: Windows, autoencoder: Autoencoder, clap: nn.Module, mel_config: MelConfig, *, rounds: int,
                   mixup: float, device: str = "cpu", batch: int = 32, progress: bool = True) -> Latents:
    """Latents of `rounds` passes over all windows. The autoencoder and CLAP are used in eval mode."""
    from tqdm.auto import tqdm

    autoencoder.to(device).eval(), clap.to(device).eval()
    front = MelFrontend(mel_config).to(device)
    jobs = [(r, e) for r in range(rounds) for e in range(len(windows))]
    means, logvars, embs, clips = [], [], [], []
    for start in tqdm(range(0, len(jobs), batch), desc="encoding", disable=not progress):
        made = [make_wav(windows, r, e, mixup=mixup if r > 0 else 0.0) for r, e in jobs[start : start + batch]]
        wav = torch.from_numpy(np.stack([w for w, _ in made])).to(device)
        mel = front(wav)
        posterior = autoencoder.encode(mel)
        means.append(posterior.mean.half().cpu()), logvars.append(posterior.logvar.half().cpu())
        embs.append(clap.encode_mel(mel).float().cpu())
        clips += [clip for _, clip in made]
    return Latents(torch.cat(means), torch.cat(logvars), torch.cat(embs), torch.tensor(clips))


def cached_latents(folder: Path, sounds: Sounds, autoencoder: Autoencoder, clap: nn.Module, mel_config: MelConfig, *,
                   seconds: float, rounds: int, mixup: float, seed: int, device: str = "cpu") -> Latents:
    """`encode_windows`, or what it gave last time with the same weights, sounds and settings."""
    windows = Windows(sounds, seconds, seed=Rng(seed).key("latents"), rate=mel_config.sample_rate)
    sounds_key = hashlib.sha256(sounds.samples.tobytes()).hexdigest()
    path = folder / f"latents-{fingerprint(autoencoder, clap, sounds_key, seconds, rounds, mixup, seed)}.safetensors"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        made = encode_windows(windows, autoencoder, clap, mel_config, rounds=rounds, mixup=mixup, device=device)
        write_tensors(path, {"mean": made.mean, "logvar": made.logvar, "emb": made.emb, "clip": made.clip})
    log.info("latents: %s", path)
    return Latents(**read_tensors(path))
