"""Learning the vocoder: spectra first, then discriminators (HiFi-GAN, section 2; iSTFTNet, section 3).

The warm-up needs no opponent: distances of short-time spectra at three resolutions (Parallel WaveGAN, Yamamoto et al.
2020) and of log-mels bring the sound close. From `gan_start` on, multi-period and multi-scale discriminators push what a
distance cannot: the texture of noise, the sharpness of onsets.

The vocoder will be fed with mels that an autoencoder has decoded, which are smoother than real ones; a share of the
training mels is blurred and made noisy, while the target stays the real sound.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.audio.io import save
from ldm_lab.audio.mel import MelFrontend, griffin_lim
from ldm_lab.config import ModelConfig
from ldm_lab.evaluation.spectral import RESOLUTIONS, log_mel_l1, multi_resolution_stft
from ldm_lab.models.discriminators import (
    MultiPeriodDiscriminator,
    MultiScaleDiscriminator,
    feature_matching,
    least_squares_d,
    least_squares_g,
)
from ldm_lab.models.vocoder import Vocoder
from ldm_lab.rng import Rng, seeded
from ldm_lab.training.data import Windows, corpus_sounds, fixed_windows, folder_sounds
from ldm_lab.training.recipe import TrainConfig


@dataclass(frozen=True)
class VocoderOptions:
    """Windows, weights of the losses, size and start of the discriminators, damage done to a share of the mels."""

    frames: int = 64  # mel frames a training window (HiFi-GAN: 51)
    stft_weight: float = 1.0
    mel_weight: float = 1.0  # HiFi-GAN: 45, with the adversarial weight at 1
    gan_start: int = 10**9  # step from which the discriminators play
    gan_weight: float = 1.0
    feature_weight: float = 2.0  # HiFi-GAN, eq. 7
    period_widths: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    scale_widths: tuple[int, ...] = (128, 256, 512, 1024, 1024)
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    scales: int = 3
    match_steps: int = 1  # rounds of band matching while learning, at most those of the model
    damage: float = 0.25  # share of windows whose mel is blurred and made noisy
    noise: float = 0.15  # largest standard deviation of that noise, in natural-log units
    valid_clips: int = 64
    data: str = "corpus"  # or a folder of sound files
    start: str = ""  # folder of weights to start from


class Discriminators(nn.Module):
    """Multi-period and multi-scale judges side by side: one list of verdicts."""

    def __init__(self, options: VocoderOptions) -> None:
        super().__init__()
        self.periods = MultiPeriodDiscriminator(periods=options.periods, widths=options.period_widths)
        self.scales = MultiScaleDiscriminator(scales=options.scales, widths=options.scale_widths)

    def forward(self, wav: Tensor) -> list:
        """wav (B, N) -> verdicts (logits, feature maps) of all judges."""
        return self.periods(wav) + self.scales(wav)


class VocoderTask:
    def __init__(self, config: ModelConfig, train: TrainConfig, options: VocoderOptions) -> None:
        self.config, self.train, self.options, self.rng = config, train, options, Rng(train.seed)
        with seeded(self.rng.key("init")):
            self.model = Vocoder(config.vocoder)
            discriminators = Discriminators(options) if options.gan_start < train.steps else None
        if options.start:
            from ldm_lab.checkpoint.parts import load_part

            load_part(self.model, Path(options.start), "vocoder")
        self.model.add_weight_norm()
        self.modules: dict[str, nn.Module] = {"vocoder": self.model}
        if discriminators is not None:
            self.modules["discriminators"] = discriminators
        self.meta: dict = {}
        self.front = MelFrontend(config.mel)
        sounds = corpus_sounds("train") if options.data == "corpus" else folder_sounds(options.data)
        seconds = options.frames * config.mel.hop_length / config.mel.sample_rate
        self.windows = Windows(sounds, seconds, seed=train.seed, rate=config.mel.sample_rate, gain_db=15.0)
        self.valid: dict = {}

    def optimised(self) -> dict[str, list[nn.Parameter]]:
        return {name: list(module.parameters()) for name, module in self.modules.items()}

    def shipped(self, name: str) -> nn.Module:
        """A copy of part `name` in the form that is shipped: plain weights."""
        return copy.deepcopy(self.model).fold_weight_norm()

    @torch.no_grad()
    def batch(self, step: int) -> dict:
        """wav (B, N), the mel (B, T, 64) to speak from (some damaged) and its Griffin-Lim draft if the model wants one."""
        wav, clips = self.windows.batch(step, self.train.batch)
        mel = self.damaged(self.front(wav), step)
        batch = {"wav": wav, "mel": mel, "names": [self.windows.sounds.names[i] for i in clips]}
        if self.config.vocoder.draft_iterations:
            batch["draft"] = self.model.make_draft(mel)
        return batch

    def damaged(self, mel: Tensor, step: int) -> Tensor:
        """Blur (3x3 mean, by a random share) and add noise to about `options.damage` of the mels (B, T, M)."""
        random = self.rng.at("damage", step)
        chosen = torch.rand(len(mel), 1, 1, generator=random) < self.options.damage
        blurred = F.avg_pool2d(mel[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]
        worse = torch.lerp(mel, blurred, torch.rand(len(mel), 1, 1, generator=random))
        spread = self.options.noise * torch.rand(len(mel), 1, 1, generator=random)
        worse = worse + spread * torch.randn(mel.shape, generator=random)
        return torch.where(chosen, worse, mel)

    def losses(self, batch: dict, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        wav, options = batch["wav"], self.options
        steps = min(options.match_steps, self.config.vocoder.match_steps)
        made = self.model(batch["mel"], draft=batch.get("draft"), match_steps=steps)
        adversarial = step >= options.gan_start
        judges = self.modules.get("discriminators")
        if adversarial:
            d_loss = least_squares_d(judges(wav), judges(made.detach()))
            yield "discriminators", d_loss, {"d": d_loss.item()}
        stft_loss = spectral_loss(wav, made)
        mel_loss = F.l1_loss(self.front.to(wav.device)(made), self.front(wav))
        loss = options.stft_weight * stft_loss + options.mel_weight * mel_loss
        logged = {"stft": stft_loss.item(), "mel": mel_loss.item()}
        if adversarial:
            judges.requires_grad_(False)  # they only pass the gradient on
            with torch.no_grad():
                real = judges(wav)
            fake = judges(made)
            judges.requires_grad_(True)
            g_loss, match = least_squares_g(fake), feature_matching(real, fake)
            loss = loss + options.gan_weight * g_loss + options.feature_weight * match
            logged |= {"g": g_loss.item(), "features": match.item()}
        yield "vocoder", loss, logged

    def validate(self, folder: Path) -> dict[str, float]:
        """STFT distance and log-mel L1 of held-out clips, and what Griffin-Lim (32 rounds) reaches on the same ones."""
        if not self.valid:
            sounds = corpus_sounds("valid") if self.options.data == "corpus" else self.windows.sounds
            wav, _ = fixed_windows(sounds, 2.56, count=self.options.valid_clips, rate=self.config.mel.sample_rate)
            mel = self.front.to("cpu")(wav)
            rivals = torch.cat([griffin_lim(part, self.config.mel, iterations=32) for part in mel.split(8)])
            self.valid = {"wav": wav, "mel": mel, "griffin_lim": self._distances(wav, mel, rivals)}
        wav, mel = self.valid["wav"], self.valid["mel"]
        device = next(self.model.parameters()).device
        made = torch.cat([self.model(part.to(device)).cpu() for part in mel.split(8)])
        for index in range(min(4, len(made))):
            save(folder / f"{index}-real.wav", wav[index], self.config.mel.sample_rate)
            save(folder / f"{index}-vocoder.wav", made[index], self.config.mel.sample_rate)
        values = self._distances(wav, mel, made)
        return values | {f"griffin_lim_{name}": value for name, value in self.valid["griffin_lim"].items()}

    def _distances(self, wav: Tensor, mel: Tensor, made: Tensor) -> dict[str, float]:
        front = self.front.to("cpu")
        stft = torch.cat([multi_resolution_stft(a, b) for a, b in zip(wav.split(8), made.split(8), strict=True)])
        return {"stft": stft.mean().item(), "mel": log_mel_l1(mel, front(made)).nanmean().item()}


def spectral_loss(wav: Tensor, made: Tensor, *, floor: float = 1e-5) -> Tensor:
    """Multi-resolution STFT loss of two waveforms (B, N): spectral convergence + L1 of log magnitudes, mean of three.

    The measure of `evaluation.spectral`, but kind to gradients: magnitudes are floored under the root, and the
    convergence of nearly silent windows is not blown up. Parallel WaveGAN, equations 4-6.
    """
    total = wav.new_zeros(())
    for n_fft, hop, size in RESOLUTIONS:
        window = torch.hann_window(size, device=wav.device)
        both = torch.stft(torch.cat([wav, made]).float(), n_fft, hop, size, window, pad_mode="constant",
                          return_complex=True)  # (2 B, F, T)
        real, fake = (both.real.square() + both.imag.square()).clamp(min=floor**2).sqrt().chunk(2)
        convergence = (real - fake).flatten(1).norm(dim=1) / real.flatten(1).norm(dim=1).clamp(min=1e-2)
        total = total + convergence.mean() + (real.log() - fake.log()).abs().mean()
    return total / len(RESOLUTIONS)
